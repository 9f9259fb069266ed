import { field, list, parseJson } from './field.ts';

/** What an index says of the platform of an image. */
export interface IndexedPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | undefined;
}

export interface IndexedImage {
  /** Empty where the index does not tell. */
  readonly digest: string;
  readonly platform: IndexedPlatform | undefined;
}

/** The images of an index (or Docker's manifest list) without its attestations; undefined of what is none. */
export function indexedImages(manifest: string): readonly IndexedImage[] | undefined {
  const entries = field(parseJson(manifest), 'manifests');
  if (entries === undefined) return undefined;
  return list(entries).flatMap((entry) => {
    const platform = platformOf(field(entry, 'platform'));
    const digest = field(entry, 'digest');
    return isAttestation(entry, platform) ? [] : [{ digest: typeof digest === 'string' ? digest : '', platform }];
  });
}

function platformOf(value: unknown): IndexedPlatform | undefined {
  const [os, architecture, variant] = ['os', 'architecture', 'variant'].map((name) => field(value, name));
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || architecture === '') return undefined;
  return { os, architecture, variant: typeof variant === 'string' && variant !== '' ? variant : undefined };
}

/**
 * BuildKit's are for the platform `unknown/unknown`. What names a real one is an image, whatever its annotations say: container runtimes
 * choose by the platform alone. https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
 */
function isAttestation(entry: unknown, platform: IndexedPlatform | undefined): boolean {
  if (platform !== undefined) return platform.os === 'unknown' && platform.architecture === 'unknown';
  return field(field(entry, 'annotations'), 'vnd.docker.reference.type') === 'attestation-manifest';
}
