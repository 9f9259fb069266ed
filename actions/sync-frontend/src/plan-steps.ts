import { bodyPath, type FileHeaders, type ReleaseFile } from '../../../shared/core/release.ts';
import { compare, newestRecord, sameHeaders, type Desired, type Difference } from './compare.ts';
import { isImmutable, isPage } from './headers.ts';
import type { Observed } from './observe.ts';
import { bodyOf, type Body } from './plan-bodies.ts';

/**
 * The order that keeps every page whole at every instant. First contents that a later rollback needs are put aside; then come assets
 * under names of their own and other files: all that are new, which nothing refers to yet, before any that is overwritten and may refer to
 * them. Then pages, likewise, which find all that they need as it is to be; the root page is the last of all.
 */
export const stages = ['keep', 'new-asset', 'new-file', 'asset', 'file', 'new-page', 'page', 'index'] as const;
export type Stage = (typeof stages)[number];

/**
 * Why a file is sent: the site did not have it; its content is another; its headers alone are another, or nobody knows them; it is
 * recorded, but gone from the bucket.
 */
export type Reason = 'new' | 'content' | 'headers' | 'missing';

interface StepBase {
  readonly stage: Stage;
  readonly path: string;
  readonly size: number;
}

interface SendBase extends StepBase {
  readonly reason: Reason;
}

/** Put the content that is about to go aside under `.releases/`. */
export interface KeepStep extends StepBase {
  readonly kind: 'keep';
  readonly reason: 'for a rollback';
  readonly to: string;
  readonly etag: string;
}

/** What viewers get. */
export type SendStep =
  | (SendBase & {
      readonly kind: 'put';
      readonly file: string;
      readonly sha256: string;
      readonly modified: number;
      readonly headers: FileHeaders;
    })
  /** Bring back content that was put aside. */
  | (SendBase & { readonly kind: 'restore'; readonly from: string; readonly headers: FileHeaders | undefined })
  /** Write content again that is on record. */
  | (SendBase & Body & { readonly kind: 'rewrite' })
  /** Same content, other headers: no body is sent. */
  | (SendBase & { readonly kind: 'headers'; readonly etag: string; readonly headers: FileHeaders });

export type Step = KeepStep | SendStep;

type Source =
  | { readonly kind: 'local'; readonly file: string; readonly sha256: string; readonly modified: number }
  | { readonly kind: 'kept' };

/** A file as the release is to have it, and where its content is to be had. */
export interface Wanted extends Desired {
  readonly source: Source;
}

export interface Change {
  readonly file: Wanted;
  readonly difference: Exclude<Difference, 'none'>;
  readonly step: SendStep;
}

/** Up to this size S3 copies an object in one request. */
export const copyLimit = 5_000_000_000;

/** What has to be sent, in any order. */
export function planChanges(files: readonly Wanted[], observed: Observed): readonly Change[] {
  const changes: Change[] = [];
  for (const file of files) {
    const difference = compare(file, observed);
    if (difference !== 'none') changes.push({ file, difference, step: stepFor(file, difference, observed) });
  }
  return changes;
}

export function inOrder(steps: readonly Step[]): readonly Step[] {
  return stages.flatMap((stage) => steps.filter((step) => step.stage === stage));
}

/**
 * What is sent side by side, one wave after the other: a stage each, but contents are put aside beside the first stage that does not
 * overwrite them.
 */
export function inWaves(steps: readonly Step[]): readonly (readonly Step[])[] {
  const aside = steps.filter(({ stage }) => stage === 'keep');
  const [first = [], ...rest] = stages
    .filter((stage) => stage !== 'keep')
    .map((stage) => steps.filter((step) => step.stage === stage))
    .filter((wave) => wave.length > 0);
  const overwritten = new Set(first.map(({ path }) => path));
  const before = aside.filter(({ path }) => overwritten.has(path));
  const beside = aside.filter(({ path }) => !overwritten.has(path));
  return [before, [...beside, ...first], ...rest].filter((wave) => wave.length > 0);
}

function stepFor(file: Wanted, difference: Change['difference'], observed: Observed): SendStep {
  const { path, size, headers, source } = file;
  const base = { path, size, stage: stageOf(file, difference) };
  const stored = observed.files.get(path);
  if (difference === 'headers' && headers !== undefined && stored !== undefined) {
    if (size <= copyLimit || source.kind === 'kept') {
      return { ...base, kind: 'headers', etag: stored.etag, headers, reason: 'headers' };
    }
  }
  const isMissing = difference === 'new' && observed.state?.releases[0]?.files.has(path) === true;
  const reason = isMissing ? 'missing' : difference;
  if (source.kind === 'local' && headers !== undefined) {
    const { file: local, sha256, modified } = source;
    return { ...base, kind: 'put', file: local, sha256, modified, headers, reason };
  }
  const body = bodyOf(file, observed);
  if (body !== undefined) return { ...base, kind: 'rewrite', ...body, reason };
  return { ...base, kind: 'restore', from: bodyPath({ sha256: file.sha256, etag: file.etag ?? '' }), headers, reason };
}

/** What goes over the wire. */
export function bytesSent(steps: readonly Step[]): number {
  return steps.reduce((sum, { kind, size }) => sum + (kind === 'put' || kind === 'rewrite' ? size : 0), 0);
}

function stageOf({ path, headers }: Wanted, difference: Difference): Stage {
  if (path === 'index.html') return 'index';
  const isNew = difference === 'new';
  if (isPage(path, headers)) return isNew ? 'new-page' : 'page';
  if (isImmutable(headers)) return isNew ? 'new-asset' : 'asset';
  return isNew ? 'new-file' : 'file';
}

/**
 * What would leave no trace if the run were cut off right after it. `headers`: the object has the recorded content, but other headers,
 * which no listing shows. `reverted`: it has the recorded content again, and that viewers got something else in between is forgotten.
 */
export interface Untraceable {
  readonly headers: readonly Change[];
  readonly reverted: readonly Change[];
}

export function untraceable(changes: readonly Change[], { state }: Observed): Untraceable {
  const traceless = changes.flatMap((change) => {
    const record = newestRecord(change.file.path, state);
    return record !== undefined && isSameContent(record, change.file) ? [{ change, record }] : [];
  });
  return {
    headers: traceless
      .filter(({ change: { file }, record }) => {
        if (record.headers === undefined) return false;
        return file.headers === undefined || !sameHeaders(record.headers, file.headers);
      })
      .map(({ change }) => change),
    reverted: traceless.map(({ change }) => change).filter(({ difference }) => difference !== 'headers'),
  };
}

function isSameContent(record: ReleaseFile, file: Wanted): boolean {
  if (record.size !== file.size) return false;
  return record.sha256 === undefined || file.sha256 === undefined
    ? record.etag === file.etag
    : record.sha256 === file.sha256;
}

export function warnings(changes: readonly Change[], observed: Observed): readonly string[] {
  const broken = changes.filter(
    ({ file, step }) =>
      step.kind === 'put' && step.reason === 'content' && isImmutable(newestRecord(file.path, observed.state)?.headers),
  );
  const tooLarge = changes.filter(
    ({ file, difference }) =>
      difference === 'content' &&
      (observed.files.get(file.path)?.size ?? 0) > copyLimit &&
      !isImmutable(newestRecord(file.path, observed.state)?.headers),
  );
  return [
    ...warningOf(
      broken,
      'served as immutable, but changed under the same name; browsers that have it keep it for a year, and a rollback to a release with ' +
        'the old content will be refused. Give such files another value in "cache-control".',
    ),
    ...warningOf(
      tooLarge,
      'too large (over 5 GB) for S3 to put aside; a rollback to a release with the old content will be refused.',
    ),
  ];
}

function warningOf(changes: readonly Change[], what: string): readonly string[] {
  const names = changes.slice(0, 3).map(({ file }) => file.path);
  const more = changes.length > 3 ? ` and ${changes.length - 3} more` : '';
  return changes.length === 0 ? [] : [`${names.join(', ')}${more}: ${what}`];
}
