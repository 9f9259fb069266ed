import type { FileHeaders, ReleaseFile, SiteState } from '../../../shared/core/release.ts';

interface Stored {
  readonly size: number;
  readonly etag: string;
}

interface Bucket {
  readonly files: ReadonlyMap<string, Stored>;
  readonly state: SiteState | undefined;
}

/** What the records say about an object as it is now, by its ETag. */
export interface Known {
  readonly sha256: string | undefined;
  /** Only the release that wrote the object last knows its headers. */
  readonly headers: FileHeaders | undefined;
}

export function knownAs(path: string, { files, state }: Bucket): Known | undefined {
  const stored = files.get(path);
  if (stored === undefined || state === undefined) return undefined;
  const records = state.releases.flatMap((release) => release.files.get(path) ?? []);
  const match = records.find((record) => isSame(record, stored));
  if (match === undefined) return undefined;
  const certain = match === records[0] && !state.uncertain.includes(path);
  return { sha256: match.sha256, headers: certain ? match.headers : undefined };
}

export function isSame(record: ReleaseFile, stored: Stored | undefined): boolean {
  return stored !== undefined && record.etag === stored.etag && record.size === stored.size;
}

/** Only an object of the same size that no record explains has to be compared by its ETag. */
export function needsEtag(file: { readonly path: string; readonly size: number }, bucket: Bucket): boolean {
  return bucket.files.get(file.path)?.size === file.size && knownAs(file.path, bucket)?.sha256 === undefined;
}

export type Difference = 'none' | 'new' | 'content' | 'headers';

export interface Desired {
  readonly path: string;
  readonly size: number;
  readonly sha256: string | undefined;
  readonly etag: string | undefined;
  /** Undefined: whatever they are. */
  readonly headers: FileHeaders | undefined;
}

export function compare(desired: Desired, bucket: Bucket): Difference {
  const stored = bucket.files.get(desired.path);
  if (stored === undefined) return 'new';
  const known = knownAs(desired.path, bucket);
  const sameContent =
    known?.sha256 === undefined || desired.sha256 === undefined
      ? desired.etag === stored.etag
      : known.sha256 === desired.sha256;
  if (!sameContent || stored.size !== desired.size) return 'content';
  return desired.headers === undefined || sameHeaders(known?.headers, desired.headers) ? 'none' : 'headers';
}

function sameHeaders(a: FileHeaders | undefined, b: FileHeaders): boolean {
  return a?.contentType === b.contentType && a.cacheControl === b.cacheControl;
}
