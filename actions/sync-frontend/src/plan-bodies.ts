import { sha256 } from '../../../shared/core/hash.ts';
import {
  packsFolder,
  type FileHeaders,
  type Pack,
  type Release,
  type ReleaseFile,
  type SiteState,
} from '../../../shared/core/release.ts';
import type { Desired } from './compare.ts';
import { isImmutable, isPage } from './headers.ts';
import type { Observed } from './observe.ts';

export interface Limits {
  /** Bytes of one content. */
  readonly file: number;
  /** Bytes of all that a release may be overwritten in, as they are written down. */
  readonly release: number;
  /** Bytes of the state that contents may take: every run reads it. */
  readonly state: number;
}

const limits: Limits = { file: 64 * 1024, release: 8_000_000, state: 512 * 1024 };

/** Content that can be written again. */
export interface Body {
  readonly sha256: string;
  readonly headers: FileHeaders;
  /** In base64, or in which pack. */
  readonly from: { readonly content: string } | { readonly pack: string };
}

/** A file's content as it is on record, if it is whole. Without headers that are known it cannot be written again. */
export function bodyOf(
  { size, sha256: hash, headers }: Pick<ReleaseFile, 'size' | 'sha256' | 'headers'>,
  { state, internal }: Pick<Observed, 'state' | 'internal'>,
): Body | undefined {
  if (hash === undefined || headers === undefined || state === undefined) return undefined;
  const content = state.bodies.get(hash);
  if (content !== undefined && isContent(content, { size, hash })) return { sha256: hash, headers, from: { content } };
  const pack = state.packs.find(({ contents }) => contents.has(hash));
  if (pack === undefined || internal.get(pack.path)?.etag !== pack.etag) return undefined;
  return { sha256: hash, headers, from: { pack: pack.path } };
}

function isContent(content: string, { size, hash }: { readonly size: number; readonly hash: string }): boolean {
  const bytes = Buffer.from(content, 'base64');
  return bytes.length === size && sha256(bytes) === hash;
}

/** A local file whose content is to be on record. */
export interface LocalBody {
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
}

/** What is done when the state is written. */
export interface Recording {
  /** Read then. */
  readonly local: readonly LocalBody[];
  /** Where they go, and with them what the state held itself; undefined: into the state. */
  readonly pack: string | undefined;
}

/** Nothing. */
export const noRecording: Recording = { local: [], pack: undefined };

export interface BodyPlan extends Pick<SiteState, 'bodies' | 'packs'> {
  readonly recording: Recording;
}

export interface Publication {
  readonly release: Pick<Release, 'files'>;
  /** The same, with where their contents are. */
  readonly files: readonly PublishedFile[];
  readonly older: readonly Release[];
  /** With a single one nothing is kept for a rollback. */
  readonly retainReleases: number;
  readonly observed: Pick<Observed, 'state' | 'internal'>;
}

interface PublishedFile extends Desired {
  readonly source: { readonly kind: 'kept' } | { readonly kind: 'local'; readonly file: string };
}

/**
 * Which contents are on record once a release is served: those that older releases name and this one does not have under their names, as
 * they may be nowhere else; and those of its own small files that a later release may overwrite. What is new of these is read, smallest
 * first up to a limit; what is left out is put aside when it is overwritten. Little of it goes into the state, much into a pack of its own.
 */
export function planBodies(publication: Publication, { file, release, state: room }: Limits = limits): BodyPlan {
  const { state, internal } = publication.observed;
  const candidates = replaceable(publication, file);
  const needed = new Set([...replaced(publication), ...candidates.map(({ sha256: hash }) => hash)]);
  const bodies = new Map([...(state?.bodies ?? [])].filter(([hash]) => needed.has(hash)));
  const packs = (state?.packs ?? [])
    .filter(({ path, etag }) => internal.get(path)?.etag === etag)
    .map((pack): Pack => ({ ...pack, contents: new Set([...pack.contents].filter((hash) => needed.has(hash))) }))
    .filter(({ contents }) => contents.size > 0);

  const local: LocalBody[] = [];
  const isOnRecord = (hash: string): boolean => bodies.has(hash) || packs.some(({ contents }) => contents.has(hash));
  let all = 0;
  let own = [...bodies.values()].reduce((sum, content) => sum + written(content.length), 0);
  for (const { source, size, sha256: hash } of candidates) {
    const bytes = written(Math.ceil(size / 3) * 4);
    all += bytes;
    if (all > release || source.kind !== 'local' || isOnRecord(hash)) continue;
    local.push({ file: source.file, size, sha256: hash });
    own += bytes;
  }
  const contents = [...bodies.keys(), ...local.map(({ sha256: hash }) => hash)];
  const pack = own > room ? `${packsFolder}${sha256(contents.sort().join('\n'))}` : undefined;
  return { bodies, packs, recording: { local, pack } };
}

/** With its hash, and what stands around both. */
function written(length: number): number {
  return length + 72;
}

/** What is on record of older releases, and another than what the release has in its place. */
function* replaced({ release: { files: now }, older, observed: { state } }: Publication): Generator<string> {
  if (state === undefined || state.bodies.size + state.packs.length === 0) return;
  for (const { files } of older) {
    for (const { path, sha256: hash } of files.values()) {
      if (hash !== undefined && hash !== now.get(path)?.sha256) yield hash;
    }
  }
}

type Candidate = PublishedFile & { readonly sha256: string };

/**
 * Small files that a later release may overwrite, the smallest first, each content once. Pages are none: that they were put aside tells a
 * run that was cut off from hands in the bucket.
 */
function replaceable({ files, retainReleases }: Publication, limit: number): readonly Candidate[] {
  if (retainReleases === 1) return [];
  const found = new Map<string, Candidate>();
  for (const file of files) {
    const { path, size, sha256: hash, headers } = file;
    if (hash === undefined || headers === undefined || size > limit) continue;
    if (isImmutable(headers) || isPage(path, headers)) continue;
    found.set(hash, { ...file, sha256: hash });
  }
  return [...found.values()].sort((a, b) => a.size - b.size || (a.sha256 < b.sha256 ? -1 : 1));
}
