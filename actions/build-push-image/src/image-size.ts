import type { RegistryImage } from '../../../shared/aws/ecr.ts';
import { humanBytes } from '../../../shared/core/clock.ts';
import { field, parseJson } from '../../../shared/core/field.ts';

interface Layer {
  readonly digest: string;
  readonly bytes: number;
}

/** The layers of an image of one platform, as they are stored; undefined for an index, or what is no manifest. */
function layersOf({ manifest }: RegistryImage): readonly Layer[] | undefined {
  const listed = field(parseJson(manifest), 'layers');
  if (!Array.isArray(listed)) return undefined;
  return listed.flatMap((layer: unknown) => {
    const [digest, bytes] = [field(layer, 'digest'), field(layer, 'size')];
    return typeof digest === 'string' && typeof bytes === 'number' ? [{ digest, bytes }] : [];
  });
}

/** How large an image is, and what of it the image before did not have. */
export function describeSize(image: RegistryImage, before: RegistryImage | undefined): string | undefined {
  const layers = layersOf(image);
  if (layers === undefined)
    return image.sizeBytes === undefined ? undefined : `${humanBytes(image.sizeBytes)} compressed`;
  const size = `${humanBytes(bytesOf(layers))} compressed, ${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}`;
  const old = before === undefined || before.digest === image.digest ? undefined : layersOf(before);
  if (old === undefined || before === undefined) return size;
  const known = new Set(old.map(({ digest }) => digest));
  const added = layers.filter(({ digest }) => !known.has(digest));
  const change = bytesOf(layers) - bytesOf(old);
  const sign = change < 0 ? '−' : '+';
  return `${size}; ${sign}${humanBytes(Math.abs(change))} against ${before.digest.slice(0, 19)}, ${added.length} of the layers new (${humanBytes(bytesOf(added))})`;
}

function bytesOf(layers: readonly Layer[]): number {
  return layers.reduce((sum, { bytes }) => sum + bytes, 0);
}
