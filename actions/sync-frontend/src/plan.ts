import { PreconditionError } from '../../../shared/core/errors.ts';
import {
  bodiesFolder,
  bodyPath,
  contentHash,
  isInvalidated,
  markersFolder,
  publicationOf,
  type FileHeaders,
  type Release,
  type ReleaseFile,
  type SiteState,
} from '../../../shared/core/release.ts';
import { keyToUrlPath, viewerPaths } from '../../../shared/core/url-path.ts';
import { compare, isSame, knownAs, type Desired, type Difference } from './compare.ts';
import { headersFor, isImmutable, isPage } from './headers.ts';
import type { PublishInputs, RollbackInputs } from './inputs.ts';
import type { Observed, ObservedPublish } from './observe.ts';
import { publishScope } from './scope.ts';

/**
 * The order that keeps every page whole at every instant: contents that a later rollback needs are put aside, then come assets under
 * names of their own, then files that are overwritten in place, then pages, the root page last.
 */
export const stages = ['keep', 'asset', 'file', 'page', 'index'] as const;
export type Stage = (typeof stages)[number];

interface StepBase {
  readonly stage: Stage;
  readonly path: string;
  readonly size: number;
  readonly reason: string;
}

export type Step =
  /** Put the content that is about to go aside under `.releases/`. */
  | (StepBase & { readonly kind: 'keep'; readonly to: string; readonly etag: string })
  | (StepBase & { readonly kind: 'put'; readonly file: string; readonly sha256: string; readonly headers: FileHeaders })
  /** Bring back content that was put aside. */
  | (StepBase & { readonly kind: 'restore'; readonly from: string; readonly headers: FileHeaders | undefined })
  /** Same content, other headers: no body is sent. */
  | (StepBase & { readonly kind: 'headers'; readonly etag: string; readonly headers: FileHeaders });

export interface Deletion {
  readonly path: string;
  readonly reason: string;
  /** False for assets under names of their own: what a CDN still holds of them is right for ever. */
  readonly isSeen: boolean;
  /** Pages go first: what they refer to must be there for as long as they are. */
  readonly isPage: boolean;
}

export interface Plan {
  readonly kind: 'publish' | 'rollback';
  readonly releaseId: string;
  readonly publication: string;
  /** URL paths whose content at the viewer is another than before, and those of before that nobody confirmed. */
  readonly changedPaths: readonly string[];
  /** Written first: a run that is killed while it changes headers must not leave them believed. */
  readonly mark: SiteState | undefined;
  /** In the order of their stages. */
  readonly steps: readonly Step[];
  /** Written once viewers have everything; the ETags of what the steps send are filled in then. */
  readonly state: SiteState | undefined;
  /** After that: nobody refers to these any more. */
  readonly deletions: readonly Deletion[];
  /** Below `.releases/`: contents and notes that no retained release needs. */
  readonly leftovers: readonly string[];
  readonly unchanged: number;
  readonly warnings: readonly string[];
}

type Source = { readonly kind: 'local'; readonly file: string; readonly sha256: string } | { readonly kind: 'kept' };

interface Wanted extends Desired {
  readonly source: Source;
}

interface Candidate {
  readonly kind: Plan['kind'];
  readonly files: readonly Wanted[];
  readonly id: string;
  readonly origin: number | undefined;
  readonly sourceHash: string | undefined;
  readonly rolledBackBy: string | undefined;
}

/** What was there before the first publish of this kind counts as a release, so that open tabs and a rollback find it. */
const adoptedId = 'before-slipway';
/** More leftovers than this are worth a request of their own. */
const manyLeftovers = 50;
/** Beyond this many, one wildcard says the same. */
const manyPaths = 1000;

export function planPublish(inputs: PublishInputs, observed: ObservedPublish): Plan {
  const headers = headersFor(inputs);
  const files = observed.local.map(({ path, size, sha256, etag, file }): Wanted => ({
    path,
    size,
    sha256,
    etag,
    headers: headers(path),
    source: { kind: 'local', file, sha256 },
  }));
  const { releaseId: id, sourceHash } = inputs;
  return planRelease(
    { kind: 'publish', files, id, sourceHash, origin: undefined, rolledBackBy: undefined },
    inputs,
    observed,
  );
}

export function planRollback(inputs: RollbackInputs, observed: Observed): Plan {
  const target = rollbackTarget(inputs, observed.state);
  const files = [...target.files.values()].map((file): Wanted => ({ ...file, source: { kind: 'kept' } }));
  refuseIncomplete(target, observed);
  const { id, origin, sourceHash } = target;
  const rolledBackBy = inputs.runId === '' ? undefined : inputs.runId;
  return planRelease({ kind: 'rollback', files, id, origin, sourceHash, rolledBackBy }, inputs, observed);
}

function rollbackTarget({ target, runId }: RollbackInputs, state: SiteState | undefined): Release {
  const releases = state?.releases ?? [];
  const current = releases[0];
  if (current === undefined) {
    throw new PreconditionError('NoRelease', 'nothing was published here yet, so there is nothing to go back to', {
      hint: 'Check "bucket" and "prefix".',
    });
  }
  // The same run started again finishes what it did; it does not go back once more.
  const again = runId !== '' && current.rolledBackBy === runId;
  const found =
    target !== 'previous'
      ? releases.find(({ id }) => id === target)
      : again
        ? current
        : releases.find(({ sequence }) => sequence < current.origin);
  if (found !== undefined) return found;
  const known = releases.map(({ id }, index) => (index === 0 ? `${id} (served now)` : id)).join(', ');
  throw new PreconditionError('NoSuchRelease', `there is no release "${target}" to go back to; kept are: ${known}`, {
    hint: 'Give the id of a kept release, or publish the older commit again. "retain-releases" says how many are kept.',
  });
}

function refuseIncomplete(target: Release, observed: Observed): void {
  const lost = [...target.files.values()].filter((file) => {
    const difference = compare(file, observed);
    return (difference === 'new' || difference === 'content') && !observed.internal.has(bodyPath(file));
  });
  if (lost.length === 0) return;
  const names = lost.slice(0, 5).map(({ path }) => path);
  throw new PreconditionError(
    'ReleaseIncomplete',
    `${lost.length} of the ${target.files.size} files of release ${target.id} are no longer in the bucket: ${names.join(', ')}${lost.length > 5 ? ', …' : ''}`,
    { hint: 'Check out that commit, build it and publish it; nothing was touched.' },
  );
}

type Inputs = PublishInputs | RollbackInputs;

function planRelease(candidate: Candidate, inputs: Inputs, observed: Observed): Plan {
  const { state } = observed;
  const current = state?.releases[0];
  const isInScope = deletableScope(inputs, observed);
  refuseNested(candidate.files, observed);

  const content = contentHash(candidate.files);
  const sameContent = current?.content === content;
  const release: Release = {
    id: sameContent ? current.id : candidate.id,
    sequence: (current?.sequence ?? 0) + 1,
    origin: (sameContent ? current.origin : candidate.origin) ?? (current?.sequence ?? 0) + 1,
    content,
    sourceHash: candidate.sourceHash ?? (sameContent ? current.sourceHash : undefined),
    rolledBackBy: sameContent ? current.rolledBackBy : candidate.rolledBackBy,
    files: new Map(),
  };
  const before = state?.releases ?? adopted(observed, isInScope);
  const older = before.filter((other) => other.content !== content).slice(0, inputs.retainReleases - 1);

  const differences = candidate.files.map((file) => ({ file, difference: compare(file, observed) }));
  const sent = differences.flatMap(({ file, difference }) =>
    difference === 'none' ? [] : [stepFor(file, difference, observed)],
  );
  const wantedPaths = new Set(candidate.files.map(({ path }) => path));
  const deletions = inputs.delete ? planDeletions({ observed, older, wantedPaths, isInScope }) : [];
  refuseMassDeletion(deletions.length, [...observed.files.keys()].filter(isInScope).length, inputs.maxDeletePercent);

  const base = {
    kind: candidate.kind,
    releaseId: release.id,
    warnings: warnings(sent, observed),
    unchanged: differences.length - sent.length,
  };
  if (state !== undefined && current !== undefined && sameContent && sent.length === 0 && deletions.length === 0) {
    const sources = release.sourceHash !== current.sourceHash;
    return {
      ...base,
      publication: publicationOf(current),
      changedPaths: state.paths,
      mark: undefined,
      steps: [],
      state: sources
        ? { ...state, releases: [{ ...current, sourceHash: release.sourceHash }, ...state.releases.slice(1)] }
        : undefined,
      deletions: [],
      leftovers: [],
    };
  }

  const overwritten = [...sent.filter(({ kind }) => kind !== 'headers'), ...deletions].map(({ path }) => path);
  const steps = [...planKeeping(overwritten, older, observed), ...sent].sort(byStage);
  const carried = state === undefined || isInvalidated(state, observed.internal) ? [] : state.paths;
  const changedPaths = planPaths({ inputs, sent, deletions, carried, current });
  const releases = [withFiles(release, candidate.files, observed), ...older];
  const leftovers = planLeftovers(observed, releases);
  return {
    ...base,
    publication: publicationOf(release),
    changedPaths,
    mark: planMark(sent, state),
    steps,
    state: { releases, paths: changedPaths, uncertain: [] },
    deletions,
    leftovers: deletions.length > 0 || leftovers.length >= manyLeftovers ? leftovers : [],
  };
}

/** Headers leave no trace in the listing: a killed run that changed some must not leave the old ones believed. */
function planMark(sent: readonly Step[], state: SiteState | undefined): SiteState | undefined {
  if (state === undefined) return undefined;
  const known = new Set(state.uncertain);
  const added = sent
    .filter(({ kind, path }) => kind === 'headers' && !known.has(path))
    .filter(({ path }) => state.releases.some(({ files }) => files.has(path)))
    .map(({ path }) => path);
  return added.length === 0 ? undefined : { ...state, uncertain: [...state.uncertain, ...added] };
}

function byStage(a: Step, b: Step): number {
  return stages.indexOf(a.stage) - stages.indexOf(b.stage);
}

function stepFor(file: Wanted, difference: Exclude<Difference, 'none'>, observed: Observed): Step {
  const { path, size, headers, source } = file;
  const current = observed.state?.releases[0];
  const stored = observed.files.get(path);
  const base = { path, size, stage: stageOf(path, headers) };
  if (difference === 'headers' && headers !== undefined && stored !== undefined) {
    const reason = knownAs(path, observed)?.headers === undefined ? 'headers not on record' : 'headers';
    // S3 copies up to 5 GB in one request; above that the body goes again.
    if (size <= 5_000_000_000 || source.kind === 'kept') {
      return { ...base, kind: 'headers', etag: stored.etag, headers, reason };
    }
  }
  const missing = difference === 'new' && current?.files.has(path) === true;
  const reason = missing ? 'missing from the bucket' : difference;
  if (source.kind === 'local' && headers !== undefined) {
    return { ...base, kind: 'put', file: source.file, sha256: source.sha256, headers, reason };
  }
  return { ...base, kind: 'restore', from: bodyPath({ sha256: file.sha256, etag: file.etag ?? '' }), headers, reason };
}

function stageOf(path: string, headers: FileHeaders | undefined): Stage {
  if (path === 'index.html') return 'index';
  if (isPage(path, headers)) return 'page';
  return isImmutable(headers) ? 'asset' : 'file';
}

/** The sites that live in folders of this one, by their own release states: somebody else's. */
function nestedSites({ files }: Observed): readonly string[] {
  return [...files.keys()].flatMap((path) => /^(.+\/)\.releases\/state\.json$/.exec(path)?.[1] ?? []);
}

function deletableScope(inputs: Inputs, observed: Observed): (path: string) => boolean {
  const nested = nestedSites(observed);
  const scope = publishScope(inputs);
  return (path) => scope.file(path) && !nested.some((folder) => path.startsWith(folder));
}

function refuseNested(files: readonly Wanted[], observed: Observed): void {
  const folder = nestedSites(observed).find((nested) => files.some(({ path }) => path.startsWith(nested)));
  if (folder === undefined) return;
  throw new PreconditionError('NestedSite', `the folder ${folder} holds a site of its own, with its own releases`, {
    hint: `Leave it out with "exclude: ${folder}**", or publish under another "prefix".`,
  });
}

function adopted({ files }: Observed, isInScope: (path: string) => boolean): readonly Release[] {
  const there = [...files]
    .filter(([path]) => isInScope(path))
    .map(([path, stored]): ReleaseFile => ({ path, ...stored, sha256: undefined, headers: undefined }));
  if (there.length === 0) return [];
  return [
    {
      id: adoptedId,
      sequence: 0,
      origin: 0,
      content: contentHash(there),
      sourceHash: undefined,
      rolledBackBy: undefined,
      files: new Map(there.map((file) => [file.path, file])),
    },
  ];
}

function withFiles(release: Release, files: readonly Wanted[], observed: Observed): Release {
  const record = ({ path, size, sha256, headers }: Wanted): readonly [string, ReleaseFile] => [
    path,
    { path, size, sha256, headers, etag: observed.files.get(path)?.etag ?? '' },
  ];
  return { ...release, files: new Map(files.map(record)) };
}

/**
 * Pages that are gone from the release go at once. Other files stay as long as a retained release names them: open tabs and
 * cached pages still ask for them.
 */
function planDeletions(from: {
  readonly observed: Observed;
  readonly older: readonly Release[];
  readonly wantedPaths: ReadonlySet<string>;
  readonly isInScope: (path: string) => boolean;
}): readonly Deletion[] {
  const { observed, older, wantedPaths, isInScope } = from;
  const records = observed.state?.releases ?? [];
  return [...observed.files.keys()]
    .filter((path) => !wantedPaths.has(path) && isInScope(path))
    .flatMap((path) => {
      const record = records.find(({ files }) => files.has(path))?.files.get(path);
      const headers = record?.headers;
      const deletion = { path, isSeen: !isImmutable(headers), isPage: isPage(path, headers) };
      if (deletion.isPage) return [{ ...deletion, reason: 'page no longer in the site' }];
      if (older.some(({ files }) => files.has(path))) return [];
      return [{ ...deletion, reason: record === undefined ? 'in no release' : 'only in releases no longer kept' }];
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function refuseMassDeletion(deletions: number, present: number, maxDeletePercent: number): void {
  if (deletions * 100 <= maxDeletePercent * present) return;
  const percent = Math.ceil((deletions / present) * 100);
  throw new PreconditionError(
    'TooManyDeletions',
    `this would delete ${deletions} of the ${present} files in the bucket (${percent} %), more than max-delete-percent: ${maxDeletePercent}`,
    {
      hint: `Is "source" the right directory? If so, set "max-delete-percent: ${percent}" for this run, or "delete: false" to keep them.`,
    },
  );
}

/** Content that a retained release names and that is about to be overwritten or deleted goes aside, once. */
function planKeeping(paths: readonly string[], older: readonly Release[], observed: Observed): readonly Step[] {
  const planned = new Set<string>();
  return paths.flatMap((path): readonly Step[] => {
    const stored = observed.files.get(path);
    const record = older.flatMap(({ files }) => files.get(path) ?? []).find((file) => isSame(file, stored));
    if (record === undefined) return [];
    const to = bodyPath(record);
    if (observed.internal.has(to) || planned.has(to)) return [];
    planned.add(to);
    const { size, etag } = record;
    return [{ kind: 'keep', stage: 'keep', path, to, size, etag, reason: 'for a rollback' }];
  });
}

function planPaths(from: {
  readonly inputs: Inputs;
  readonly sent: readonly Step[];
  readonly deletions: readonly Deletion[];
  readonly carried: readonly string[];
  readonly current: Release | undefined;
}): readonly string[] {
  const { inputs, sent, deletions, carried, current } = from;
  const gone = deletions.filter((deletion) => deletion.isSeen);
  const seen = sent.filter((step) => isSeen(step, current));
  const paths = [...seen, ...gone].flatMap(({ path }) => viewerPaths(inputs.basePath, path));
  const all = [...new Set([...paths, ...carried])].sort();
  return all.length > manyPaths ? [`/${keyToUrlPath(inputs.basePath.slice(1))}*`] : all;
}

/** A hashed name that is new was never asked for; every other new path may have been answered by the app's fallback page. */
function isSeen(step: Step, current: Release | undefined): boolean {
  if (step.kind === 'keep') return false;
  const isFresh = current !== undefined ? !current.files.has(step.path) : step.reason === 'new';
  return !(isImmutable(step.headers) && isFresh && step.reason !== 'content');
}

function planLeftovers({ internal }: Observed, releases: readonly Release[]): readonly string[] {
  const needed = new Set(releases.flatMap(({ files }) => [...files.values()].map(bodyPath)));
  return [...internal].filter(
    (path) => path.startsWith(markersFolder) || (path.startsWith(bodiesFolder) && !needed.has(path)),
  );
}

function warnings(sent: readonly Step[], { state }: Observed): readonly string[] {
  const broken = sent.filter((step) => {
    const record = state?.releases[0]?.files.get(step.path);
    return step.kind === 'put' && step.reason === 'content' && isImmutable(record?.headers);
  });
  if (broken.length === 0) return [];
  const names = broken.slice(0, 3).map(({ path }) => path);
  return [
    `${names.join(', ')}${broken.length > 3 ? ` and ${broken.length - 3} more` : ''}: served as immutable, but changed under the same name; ` +
      'browsers that have it keep it for a year. Give such files another value in "cache-control".',
  ];
}
