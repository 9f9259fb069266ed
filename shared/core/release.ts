import { PreconditionError } from './errors.ts';
import { sha256 } from './hash.ts';

/**
 * What sync-frontend keeps in the bucket beside a site, under `<prefix>.releases/` (dotted, and denied to CloudFront):
 *
 * - `state.json`: the release that is served, the ones before it, what a CDN has to forget, and contents of small files that may be
 *   overwritten. One object, read and written whole, because a publish of one changed file should cost a handful of requests, not one per
 *   release.
 * - `packs/<hash>`: many such contents in one object: every run would have to read them in the state.
 * - `bodies/<sha256>`: other content that was overwritten and that a retained release still names, so that a rollback needs no rebuild.
 * - `invalidated/<publication>.<paths>.<distribution>`: that a publication's invalidation was done there. A name in the listing costs sync no request, and
 *   nobody has to rewrite `state.json` while somebody else may publish.
 */
const folder = '.releases/';
const format = 'slipway-site/1';

export const statePath = `${folder}state.json`;
export const bodiesFolder = `${folder}bodies/`;
export const packsFolder = `${folder}packs/`;
export const markersFolder = `${folder}invalidated/`;

export function isReleasePath(path: string): boolean {
  return path.startsWith(folder);
}

export function bodyPath(file: Pick<ReleaseFile, 'sha256' | 'etag'>): string {
  return `${bodiesFolder}${file.sha256 ?? `etag-${file.etag}`}`;
}

/** What was invalidated, and where. */
export interface Invalidated {
  readonly publication: string;
  readonly paths: readonly string[];
  readonly distributionId: string;
}

/** Where the invalidation of exactly these paths (or of everything, `/*`) on a distribution is noted. */
export function markerPath({ publication, paths, distributionId }: Invalidated): string {
  return `${markerStem(publication, paths)}${distributionId}`;
}

/** The names of the marker that prove it: these very paths, or everything. */
export function markerPaths(invalidated: Invalidated): readonly string[] {
  return [...new Set([markerPath(invalidated), markerPath({ ...invalidated, paths: ['/*'] })])];
}

function markerStem(publication: string, paths: readonly string[]): string {
  const what = paths.includes('/*') ? 'all' : sha256([...new Set(paths)].sort().join('\n')).slice(0, 32);
  return `${markersFolder}${publication}.${what}.`;
}

export interface FileHeaders {
  readonly contentType: string;
  readonly cacheControl: string;
}

export interface ReleaseFile {
  readonly path: string;
  readonly size: number;
  readonly etag: string;
  /** Undefined for what was there before the first release, and never read. */
  readonly sha256: string | undefined;
  /** Undefined when nobody can say what they are: they will be set again. */
  readonly headers: FileHeaders | undefined;
}

export interface Release {
  readonly id: string;
  /**
   * Counts the publications of the site; the newest is the one served. Begins with the seconds since the epoch: a site whose records are
   * lost must not call its next publication as it called an earlier one, of which a CDN may remember the invalidation.
   */
  readonly sequence: number;
  /** The sequence under which this content was first published: lower than `sequence` after a rollback. */
  readonly origin: number;
  /** Hash of paths, contents and headers. */
  readonly content: string;
  /** What sync-frontend's check mode said of the sources it was built from. */
  readonly sourceHash: string | undefined;
  /** The workflow run that rolled back to it, so that the same run started again does not go back once more. */
  readonly rolledBackBy: string | undefined;
  readonly files: ReadonlyMap<string, ReleaseFile>;
}

export interface SiteState {
  /** Newest first; never empty. */
  readonly releases: readonly Release[];
  /** URL paths that a CDN has to forget for the newest release. */
  readonly paths: readonly string[];
  /** Files whose headers a run was about to change: if it was killed, nobody knows whether it did. */
  readonly uncertain: ReadonlySet<string>;
  /** The `origin` of the release that a rollback under way serves again: cut off, the next one goes on with it. */
  readonly goingBackTo?: number | undefined;
  /**
   * What a rollback writes again, without its having been put aside when it was overwritten: it is on record since it was published, as it
   * was at hand then.
   */
  readonly bodies: Bodies;
  readonly packs: readonly Pack[];
}

/** SHA-256 → content in base64. */
export type Bodies = ReadonlyMap<string, string>;

export interface Pack {
  readonly path: string;
  readonly etag: string;
  /** The SHA-256 of those of its contents that are still of use. */
  readonly contents: ReadonlySet<string>;
}

/** One line for each content. */
export function serializePack(bodies: Bodies): string {
  return [...bodies].map(([hash, content]) => `${hash} ${content}\n`).join('');
}

export function parsePack(text: string): Bodies {
  const lines = text.split('\n').map((line) => line.split(' '));
  return new Map(lines.flatMap(([hash, content]) => (hash && content !== undefined ? [[hash, content]] : [])));
}

export interface ContentFile {
  readonly path: string;
  readonly sha256: string | undefined;
  readonly etag?: string | undefined;
  readonly headers: FileHeaders | undefined;
}

export function contentHash(files: Iterable<ContentFile>): string {
  const lines = [...files].map(({ path, sha256: hash, etag, headers }) =>
    JSON.stringify([path, hash ?? etag ?? '', headers?.contentType ?? '', headers?.cacheControl ?? '']),
  );
  return sha256(lines.sort().join('\n'));
}

/** What viewers get: new on every change, also when the content has been there before; the same on a rerun. */
export function publicationOf(release: Pick<Release, 'sequence' | 'content'>): string {
  return `${release.sequence}-${release.content.slice(0, 16)}`;
}

/** Was the invalidation of what the newest release changed done, as the names below `.releases/` say? On any distribution: how many there are nobody knows here. */
export function isInvalidated({ releases, paths }: SiteState, internal: ReadonlyMap<string, unknown>): boolean {
  const [newest] = releases;
  if (paths.length === 0 || newest === undefined) return true;
  const publication = publicationOf(newest);
  const stems = [markerStem(publication, paths), markerStem(publication, ['/*'])];
  return [...internal.keys()].some((path) => stems.some((stem) => path.startsWith(stem)));
}

type FileRow = readonly [string, string | null, number, string, number, readonly number[]];

/** A file that several releases share is written once, with the numbers of the releases that hold it. */
export function serializeState({ releases, paths, uncertain, goingBackTo, bodies, packs }: SiteState): string {
  const shared = new Map<string, { readonly file: ReleaseFile; readonly holders: number[] }[]>();
  for (const [holder, { files }] of releases.entries()) {
    for (const file of files.values()) {
      const versions = shared.get(file.path);
      const known = versions?.find((version) => isSameRecord(version.file, file));
      if (known !== undefined) known.holders.push(holder);
      else if (versions !== undefined) versions.push({ file, holders: [holder] });
      else shared.set(file.path, [{ file, holders: [holder] }]);
    }
  }
  const headers = new Map<string, { readonly index: number; readonly value: FileHeaders }>();
  const numberOf = (value: FileHeaders | undefined): number => {
    if (value === undefined) return -1;
    const key = `${value.contentType}\n${value.cacheControl}`;
    const entry = headers.get(key) ?? { index: headers.size, value };
    headers.set(key, entry);
    return entry.index;
  };
  const rows = [...shared.values()].flat().map(({ file, holders }): FileRow => {
    const { path, size, etag } = file;
    return [path, file.sha256 ?? null, size, etag, numberOf(file.headers), holders];
  });
  return JSON.stringify({
    format,
    paths,
    uncertain: [...uncertain],
    goingBackTo,
    releases: releases.map((release) => ({ ...release, files: undefined })),
    headers: [...headers.values()].map(({ value }) => value),
    files: rows,
    bodies: [...bodies],
    packs: packs.map(({ path, etag, contents }) => [path, etag, [...contents]]),
  });
}

function isSameRecord(a: ReleaseFile, b: ReleaseFile): boolean {
  return (
    a === b ||
    (a.sha256 === b.sha256 &&
      a.size === b.size &&
      a.etag === b.etag &&
      a.headers?.contentType === b.headers?.contentType &&
      a.headers?.cacheControl === b.headers?.cacheControl)
  );
}

/** Throws a `PreconditionError` when the text is not ours or of a later version: guessing here could delete a live site. */
export function parseState(text: string): SiteState {
  const state = readState(text);
  if (state !== undefined) return state;
  throw new PreconditionError(
    'UnreadableState',
    `${statePath} in the bucket is not a release state this version can read`,
    {
      hint: `Use the version that wrote it, or delete ${statePath}: the next publish then takes the bucket over as it is.`,
    },
  );
}

function readState(text: string): SiteState | undefined {
  const root = record(json(text));
  const headers = listOf(root?.['headers'], fileHeaders);
  const heads = listOf(root?.['releases'], releaseHead);
  const rows = listOf(root?.['files'], fileRow);
  const paths = listOf(root?.['paths'], string);
  const uncertain = listOf(root?.['uncertain'], string);
  // Written by a version that put all contents aside, there are none.
  const bodies = listOf(root?.['bodies'] ?? [], body);
  const packs = listOf(root?.['packs'] ?? [], pack);
  if (root?.['format'] !== format || !headers || !heads || !rows || !paths || !uncertain || heads.length === 0)
    return undefined;
  if (!bodies || !packs) return undefined;
  const files = heads.map(() => new Map<string, ReleaseFile>());
  for (const [path, hash, size, etag, header, holders] of rows) {
    const file = { path, size, etag, sha256: hash ?? undefined, headers: headers[header] };
    for (const holder of holders) files[holder]?.set(path, file);
  }
  return {
    paths,
    uncertain: new Set(uncertain),
    goingBackTo: count(root['goingBackTo']),
    releases: heads.map((head, index) => ({ ...head, files: files[index] ?? new Map() })),
    bodies: new Map(bodies),
    packs,
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function string(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function listOf<T>(value: unknown, read: (item: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: T[] = [];
  for (const item of value) {
    const read_ = read(item);
    if (read_ === undefined) return undefined;
    items.push(read_);
  }
  return items;
}

function fileHeaders(value: unknown): FileHeaders | undefined {
  const contentType = string(record(value)?.['contentType']);
  const cacheControl = string(record(value)?.['cacheControl']);
  return contentType === undefined || cacheControl === undefined ? undefined : { contentType, cacheControl };
}

function body(value: unknown): readonly [string, string] | undefined {
  if (!Array.isArray(value)) return undefined;
  const pair: readonly unknown[] = value;
  const [hash, content] = pair;
  return typeof hash === 'string' && typeof content === 'string' ? [hash, content] : undefined;
}

function pack(value: unknown): Pack | undefined {
  if (!Array.isArray(value)) return undefined;
  const row: readonly unknown[] = value;
  const [path, etag, hashes] = row;
  const contents = listOf(hashes, string);
  if (typeof path !== 'string' || typeof etag !== 'string' || contents === undefined) return undefined;
  // A rollback reads what is named here.
  return path.startsWith(packsFolder) ? { path, etag, contents: new Set(contents) } : undefined;
}

function releaseHead(value: unknown): Omit<Release, 'files'> | undefined {
  const head = record(value);
  const id = string(head?.['id']);
  const content = string(head?.['content']);
  const sequence = count(head?.['sequence']);
  const origin = count(head?.['origin']);
  if (id === undefined || content === undefined || sequence === undefined || origin === undefined) return undefined;
  const sourceHash = string(head?.['sourceHash']);
  const rolledBackBy = string(head?.['rolledBackBy']);
  return { id, content, sequence, origin, sourceHash, rolledBackBy };
}

function fileRow(value: unknown): FileRow | undefined {
  if (!Array.isArray(value)) return undefined;
  const row: readonly unknown[] = value;
  const [path, hash, size, etag, header, holders] = row;
  const holderList = listOf(holders, count);
  // A file of the site, never one of our own: a rollback writes what is named here.
  if (typeof path !== 'string' || path === '' || isReleasePath(path)) return undefined;
  if (typeof etag !== 'string' || typeof header !== 'number' || typeof size !== 'number' || holderList === undefined)
    return undefined;
  if (hash !== null && typeof hash !== 'string') return undefined;
  return [path, hash, size, etag, header, holderList];
}
