import type { ImageRegistry, RegistryImage } from '../../../shared/aws/ecr.ts';
import { humanBytes } from '../../../shared/core/clock.ts';
import { field, parseJson } from '../../../shared/core/field.ts';
import { indexEntries } from './image-config.ts';
import { platformName } from './platforms.ts';

interface Layer {
  readonly digest: string;
  readonly bytes: number;
}

/** What is pulled for one platform. */
interface Part {
  /** Undefined where the image is for one platform, and its manifest does not tell which. */
  readonly platform: string | undefined;
  readonly layers: readonly Layer[];
}

export interface ImageSize {
  readonly digest: string;
  /** As the registry tells it; of an index it is the largest image's. */
  readonly bytes: number | undefined;
  /** Empty where the manifests of an index's images were not read, or are none. */
  readonly parts: readonly Part[];
}

/** Asks nothing where the image is for one platform. */
export async function readSize(
  image: RegistryImage,
  repository: string,
  registry: Pick<ImageRegistry, 'manifests'>,
): Promise<ImageSize> {
  const listed = (indexEntries(image.manifest) ?? []).flatMap(({ digest }) => (digest === '' ? [] : [digest]));
  return sizeOf(image, listed.length === 0 ? undefined : await registry.manifests(repository, listed));
}

/** `listed`: the manifests of the images that an index lists. */
export function sizeOf(
  { digest, manifest, sizeBytes }: RegistryImage,
  listed: ReadonlyMap<string, string> = new Map(),
): ImageSize {
  const entries = indexEntries(manifest) ?? [{ digest, platform: undefined }];
  const manifests = new Map([...listed, [digest, manifest]]);
  const parts = entries.flatMap((entry): readonly Part[] => {
    const layers = layersOf(manifests.get(entry.digest) ?? '');
    return layers === undefined ? [] : [{ platform: entry.platform && platformName(entry.platform), layers }];
  });
  return { digest, bytes: sizeBytes, parts };
}

/** Undefined for what is no manifest of an image. */
function layersOf(manifest: string): readonly Layer[] | undefined {
  const listed = field(parseJson(manifest), 'layers');
  if (!Array.isArray(listed)) return undefined;
  return listed.flatMap((layer: unknown) => {
    const [digest, bytes] = [field(layer, 'digest'), field(layer, 'size')];
    return typeof digest === 'string' && typeof bytes === 'number' ? [{ digest, bytes }] : [];
  });
}

/** How large an image is, and what of it the image before did not have: one line for each platform. */
export function describeSize(image: ImageSize, before: ImageSize | undefined): readonly string[] {
  if (image.parts.length === 0) return image.bytes === undefined ? [] : [`${humanBytes(image.bytes)} compressed`];
  const older = before === undefined || before.digest === image.digest ? [] : before.parts;
  return image.parts.map((part) => {
    const old =
      image.parts.length === 1 && older.length === 1
        ? older[0]
        : older.find(({ platform }) => platform === part.platform && platform !== undefined);
    const against = old === undefined || before === undefined ? '' : `; ${difference(part, old, before.digest)}`;
    return `${image.parts.length > 1 ? `${part.platform ?? 'unknown platform'}: ` : ''}${describePart(part)}${against}`;
  });
}

function describePart({ layers }: Part): string {
  return `${humanBytes(bytesOf(layers))} compressed, ${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}`;
}

function difference({ layers }: Part, old: Part, before: string): string {
  const known = new Set(old.layers.map(({ digest }) => digest));
  const added = layers.filter(({ digest }) => !known.has(digest));
  const change = bytesOf(layers) - bytesOf(old.layers);
  return `${change < 0 ? '−' : '+'}${humanBytes(Math.abs(change))} against ${before.slice(0, 19)}, ${added.length} of the layers new (${humanBytes(bytesOf(added))})`;
}

function bytesOf(layers: readonly Layer[]): number {
  return layers.reduce((sum, { bytes }) => sum + bytes, 0);
}
