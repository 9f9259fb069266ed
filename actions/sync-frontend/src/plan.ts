import {
  contentHash,
  isInvalidated,
  publicationOf,
  type FileHeaders,
  type Release,
  type ReleaseFile,
  type SiteState,
} from '../../../shared/core/release.ts';
import type { PathMatcher } from '../../../shared/core/glob.ts';
import { isSame, isStoredAs, knownAs, newestRecord } from './compare.ts';
import { headersFor } from './headers.ts';
import type { PublishInputs, RollbackInputs } from './inputs.ts';
import type { Observed, ObservedPublish } from './observe.ts';
import {
  deletableScope,
  nestedSites,
  planDeletions,
  refuseMassDeletion,
  refuseNested,
  type Deletion,
} from './plan-deletions.ts';
import { noRecording, planBodies, type Recording } from './plan-bodies.ts';
import { planKeeping, planLeftovers } from './plan-keeping.ts';
import { planPaths, wholeSite } from './plan-paths.ts';
import { refuseIncomplete, rollbackTarget } from './plan-rollback.ts';
import { inOrder, planChanges, untraceable, warnings, type Change, type Step, type Wanted } from './plan-steps.ts';

export interface Plan {
  readonly kind: 'publish' | 'rollback';
  readonly releaseId: string;
  readonly publication: string;
  /** URL paths whose content at the viewer is another than before, and those of before that nobody confirmed. */
  readonly changedPaths: readonly string[];
  /** Written first, where a run that is cut off would leave what the next one could not tell from something else. */
  readonly mark: SiteState | undefined;
  /** In the order of their stages. */
  readonly steps: readonly Step[];
  /** Written once viewers have everything; the ETags of what the steps send are filled in then. */
  readonly state: SiteState | undefined;
  /** Contents that it is given then. */
  readonly recording: Recording;
  /** After that: nobody refers to these any more. */
  readonly deletions: readonly Deletion[];
  /** Below `.releases/`: contents and notes that no retained release needs. */
  readonly leftovers: readonly string[];
  readonly unchanged: number;
  readonly warnings: readonly string[];
}

interface Candidate extends Pick<Release, 'id' | 'content' | 'sourceHash' | 'rolledBackBy'> {
  readonly kind: Plan['kind'];
  readonly files: readonly Wanted[];
  readonly origin: number | undefined;
  /** The headers that the rules of this run give a file; a rollback has none. */
  readonly headers: (path: string) => FileHeaders | undefined;
}

interface Marking {
  readonly basePath: string;
  readonly observed: Observed;
  readonly older: readonly Release[];
  readonly changes: readonly Change[];
  readonly carried: readonly string[];
  readonly current: Release | undefined;
  readonly candidate: Candidate;
}

/** What was there before the first publish of this kind counts as a release, so that open tabs and a rollback find it. */
const adoptedId = 'before-slipway';

export function planPublish(inputs: PublishInputs, observed: ObservedPublish): Plan {
  const headers = headersFor(inputs);
  const files = observed.local.map(({ path, size, sha256, etag, file, modified }): Wanted => ({
    path,
    size,
    sha256,
    etag,
    headers: headers(path),
    source: { kind: 'local', file, sha256, modified },
  }));
  const { releaseId: id, sourceHash } = inputs;
  const content = contentHash(files);
  return planRelease(
    { kind: 'publish', files, headers, id, content, sourceHash, origin: undefined, rolledBackBy: undefined },
    inputs,
    observed,
  );
}

export function planRollback(inputs: RollbackInputs, observed: Observed): Plan {
  const target = rollbackTarget(inputs, observed);
  const files = [...target.files.values()].map((file): Wanted => ({ ...file, source: { kind: 'kept' } }));
  refuseIncomplete(target, observed);
  const { id, content, origin, sourceHash } = target;
  const rolledBackBy = inputs.runId === '' ? undefined : inputs.runId;
  const headers = (): undefined => undefined;
  return planRelease(
    { kind: 'rollback', files, headers, id, content, sourceHash, origin, rolledBackBy },
    inputs,
    observed,
  );
}

function planRelease(candidate: Candidate, inputs: PublishInputs | RollbackInputs, observed: Observed): Plan {
  const { state } = observed;
  const current = state?.releases[0];
  const nested = nestedSites(observed);
  const isInScope = deletableScope(inputs, nested);
  refuseNested(candidate.files, nested);

  const isSameContent = current?.content === candidate.content;
  const changes = planChanges(candidate.files, observed);
  const before = (state?.releases ?? adopted(observed, isInScope)).filter(
    ({ content }) => content !== candidate.content,
  );
  const older = before
    .slice(0, inputs.retainReleases - 1)
    .map((release) => withHashes(release, candidate, { changes, observed }));

  const wanted = new Set(candidate.files.map(({ path }) => path));
  const deletions = inputs.delete
    ? planDeletions({ observed, older, wanted, isInScope, guess: candidate.headers })
    : [];
  if (deletions.length > 0) {
    refuseMassDeletion(deletions, [...observed.files.keys()].filter(isInScope).length, inputs.maxDeletePercent);
  }

  const rest = {
    kind: candidate.kind,
    warnings: warnings(changes, observed),
    unchanged: candidate.files.length - changes.length,
  };
  if (state !== undefined && current !== undefined && isSameContent && changes.length === 0 && deletions.length === 0) {
    return { ...rest, ...unchanged(state, { current, candidate, retainReleases: inputs.retainReleases, observed }) };
  }

  const unconfirmed = state === undefined || isInvalidated(state, observed.internal) ? [] : state.paths;
  // Of what nobody recorded nobody knows what a run that was cut off has brought back already.
  const carried = candidate.id === adoptedId ? wholeSite(inputs.basePath) : unconfirmed;
  const changedPaths = planPaths({
    basePath: inputs.basePath,
    changes,
    deletions,
    drifted: drifted(observed, { wanted, deletions }),
    carried,
    current,
  });
  const release = nextRelease(candidate, current, observed);
  const overwritten = changes.filter(({ difference }) => difference === 'content').map(({ file }) => file);
  const keeping = planKeeping(
    [...overwritten, ...deletions].map(({ path }) => path),
    older,
    observed,
  );
  const releases = [release, ...older];
  const { retainReleases } = inputs;
  const { recording, ...contents } = planBodies({ release, files: candidate.files, older, retainReleases, observed });
  return {
    ...rest,
    releaseId: release.id,
    publication: publicationOf(release),
    changedPaths,
    mark: planMark({ basePath: inputs.basePath, observed, older, changes, carried, current, candidate }),
    steps: inOrder([...keeping, ...changes.map(({ step }) => step)]),
    state: { releases, paths: changedPaths, uncertain: stillUncertain(state, older, wanted), ...contents },
    recording,
    deletions,
    leftovers: planLeftovers(observed, {
      releases,
      packs: [...contents.packs.map(({ path }) => path), recording.pack ?? ''],
      hasDeletions: deletions.length > 0,
    }),
  };
}

function unchanged(
  state: SiteState,
  {
    current,
    candidate: { files, sourceHash },
    retainReleases,
    observed,
  }: {
    readonly current: Release;
    readonly candidate: Candidate;
    readonly retainReleases: number;
    readonly observed: Observed;
  },
): Omit<Plan, 'kind' | 'warnings' | 'unchanged'> {
  const isOtherSource = sourceHash !== undefined && sourceHash !== current.sourceHash;
  const newest = isOtherSource ? { ...current, sourceHash } : current;
  const older = state.releases.slice(1);
  const same = {
    releaseId: current.id,
    publication: publicationOf(current),
    changedPaths: state.paths,
    mark: undefined,
    steps: [],
    deletions: [],
    leftovers: [],
  };
  if (!isOtherSource && state.goingBackTo === undefined) return { ...same, state: undefined, recording: noRecording };
  const { recording, ...contents } = planBodies({ release: newest, files, older, retainReleases, observed });
  const releases = [newest, ...older];
  return { ...same, state: { ...state, goingBackTo: undefined, releases, ...contents }, recording };
}

/** What is no longer in the site and stays in the bucket, but not as it was: a run that was cut off had begun to replace it. */
function drifted(
  observed: Observed,
  { wanted, deletions }: { readonly wanted: ReadonlySet<string>; readonly deletions: readonly Deletion[] },
): readonly string[] {
  const gone = new Set(deletions.map(({ path }) => path));
  return [...observed.files.keys()].filter((path) => {
    if (wanted.has(path) || gone.has(path)) return false;
    const record = newestRecord(path, observed.state);
    return record !== undefined && !isStoredAs(record, observed.files.get(path), knownAs(path, observed));
  });
}

/** The same content again (after a repair) stays the same release, under a publication of its own. */
function nextRelease(candidate: Candidate, current: Release | undefined, observed: Observed): Release {
  const { content, files } = candidate;
  const same = current?.content === content ? current : undefined;
  const sequence = (current?.sequence ?? firstSequence(observed)) + 1;
  return {
    id: same?.id ?? candidate.id,
    sequence,
    origin: (same ?? candidate).origin ?? sequence,
    content,
    sourceHash: candidate.sourceHash ?? same?.sourceHash,
    rolledBackBy: (same ?? candidate).rolledBackBy,
    files: new Map(
      files.map(({ path, size, sha256, headers }): readonly [string, ReleaseFile] => [
        path,
        { path, size, sha256, headers, etag: observed.files.get(path)?.etag ?? '' },
      ]),
    ),
  };
}

function planMark(marking: Marking): SiteState | undefined {
  const { state } = marking.observed;
  const { kind, origin, content } = marking.candidate;
  const mark = planTraces(marking);
  // Half gone back, the site looks as if a publish had been cut off.
  const goingBackTo = kind === 'rollback' && content !== marking.current?.content ? origin : undefined;
  if (goingBackTo === undefined || goingBackTo === state?.goingBackTo) return mark;
  const marked = mark ?? state;
  return marked === undefined ? undefined : { ...marked, goingBackTo };
}

/** What would be lost with a run that is cut off, in the state as it was before. */
function planTraces({ observed, older, changes, carried, ...rest }: Marking): SiteState | undefined {
  const { state } = observed;
  if (state === undefined) {
    // Taking a bucket over: what was there is on record before any of it is overwritten. What viewers have of it nobody knows.
    const paths = wholeSite(rest.basePath);
    return older.length === 0
      ? undefined
      : { releases: older, paths, uncertain: new Set(), bodies: new Map(), packs: [] };
  }
  const { headers, reverted } = untraceable(changes, observed);
  const uncertain = new Set([...state.uncertain, ...headers.map(({ file }) => file.path)]);
  const paths = planPaths({ ...rest, changes: reverted, deletions: [], drifted: [], carried });
  const [current, ...before] = state.releases;
  if (current !== undefined && paths.some((path) => !carried.includes(path))) {
    // What viewers got in between counts as a publication: a note that this one's invalidation was done says nothing of it.
    const next = { ...current, sequence: current.sequence + 1 };
    return { ...state, releases: [next, ...before], uncertain, paths };
  }
  return uncertain.size > state.uncertain.size ? { ...state, uncertain, paths } : undefined;
}

/** What this release sets is certain again; what only older releases name stays as it was. */
function stillUncertain(
  state: SiteState | undefined,
  older: readonly Release[],
  wanted: ReadonlySet<string>,
): ReadonlySet<string> {
  const uncertain = [...(state?.uncertain ?? [])];
  return new Set(uncertain.filter((path) => !wanted.has(path) && older.some(({ files }) => files.has(path))));
}

/**
 * What was there before the first release was never read. Where it turns out to hold what is published now, its hash is known: setting
 * its headers may give it another ETag, by which a rollback would not know it again.
 */
function withHashes(
  release: Release,
  { files }: Candidate,
  { changes, observed }: { readonly changes: readonly Change[]; readonly observed: Observed },
): Release {
  if (release.id !== adoptedId) return release;
  const others = new Set(changes.filter(({ difference }) => difference !== 'headers').map(({ file }) => file.path));
  const known = new Map(release.files);
  for (const { path, sha256 } of files) {
    const record = known.get(path);
    if (record === undefined || record.sha256 !== undefined || others.has(path)) continue;
    if (isSame(record, observed.files.get(path))) known.set(path, { ...record, sha256 });
  }
  return { ...release, files: known };
}

function firstSequence({ now }: Observed): number {
  return Math.floor(now / 1000);
}

function adopted(observed: Observed, isInScope: PathMatcher): readonly Release[] {
  const there = [...observed.files]
    .filter(([path]) => isInScope(path))
    .map(([path, { size, etag }]): ReleaseFile => ({ path, size, etag, sha256: undefined, headers: undefined }));
  if (there.length === 0) return [];
  return [
    {
      id: adoptedId,
      sequence: firstSequence(observed),
      origin: 0,
      content: contentHash(there),
      sourceHash: undefined,
      rolledBackBy: undefined,
      files: new Map(there.map((file) => [file.path, file])),
    },
  ];
}
