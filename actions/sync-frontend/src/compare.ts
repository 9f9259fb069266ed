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

/** What the newest release that has the path says of it. */
export function newestRecord(path: string, state: SiteState | undefined): ReleaseFile | undefined {
  return state?.releases.find(({ files }) => files.has(path))?.files.get(path);
}

export function knownAs(path: string, { files, state }: Bucket): Known | undefined {
  const stored = files.get(path);
  if (stored === undefined || state === undefined) return undefined;
  let isNewest = true;
  for (const release of state.releases) {
    const record = release.files.get(path);
    if (record === undefined) continue;
    if (isSame(record, stored)) {
      return { sha256: record.sha256, headers: isNewest && !state.uncertain.has(path) ? record.headers : undefined };
    }
    isNewest = false;
  }
  return undefined;
}

export function isSame(record: ReleaseFile, stored: Stored | undefined): boolean {
  return stored !== undefined && record.etag === stored.etag && record.size === stored.size;
}

/** Does the object hold what a release recorded? A copy in place may have changed its ETag (a KMS key, parts), not its content. */
export function isStoredAs(
  record: ReleaseFile | undefined,
  stored: Stored | undefined,
  known: Known | undefined,
): boolean {
  if (record === undefined) return false;
  return isSame(record, stored) || (known?.sha256 !== undefined && known.sha256 === record.sha256);
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

export function sameHeaders(a: FileHeaders | undefined, b: FileHeaders): boolean {
  return a?.contentType === b.contentType && a.cacheControl === b.cacheControl;
}
