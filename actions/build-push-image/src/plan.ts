import type { RegistryImage, TagMutability } from '../../../shared/aws/ecr.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import { usesRegistryCache } from './builder.ts';
import { cacheTag, isOwnTag, type Inputs } from './inputs.ts';
import { expiryRules, expiryWarnings } from './lifecycle.ts';
import { archivedImage, isFixed, matchesWildcard, takenHint } from './mutability.ts';
import type { Observed } from './observe.ts';
import { buildWarnings, requireBuildable } from './preflight.ts';
import { fateOf, judge, latestBuild, type Verdict } from './reuse.ts';
import { sourceTags } from './source-hash.ts';

export type Step =
  | {
      readonly kind: 'create-repository';
      readonly movingTags: readonly string[];
      /** Its lifecycle keeps so many of the images that were built. */
      readonly keep: number;
      readonly reason: string;
    }
  | {
      readonly kind: 'build';
      /** The only tag that is pushed; the wanted ones follow when the image is whole. */
      readonly tag: string;
      readonly fresh: boolean;
      /** Layers are taken from the registry's cache, and left there. */
      readonly cache: boolean;
      readonly reason: string;
    }
  /** Takes the image out of the archive into the daemon: before anything is changed in AWS. */
  | { readonly kind: 'load'; readonly archive: string; readonly reason: string }
  /** Pushes what was loaded, under the only tag that is pushed. */
  | { readonly kind: 'push'; readonly tag: string; readonly reason: string }
  /** Finds out whether what another run pushed is what was asked for: that run is not through, or was cut off. */
  | { readonly kind: 'check'; readonly tag: string; readonly reason: string }
  /** Puts a tag on what was built that says by which commit, and how long it took. */
  | { readonly kind: 'record'; readonly reason: string }
  | { readonly kind: 'scan'; readonly reason: string }
  | { readonly kind: 'tag'; readonly tag: string; readonly reason: string };

export interface Plan {
  readonly outcome: 'built' | 'reused';
  /** Why it is built, or what makes the old image good. */
  readonly reason: string;
  /** The image that is reused; undefined: the one that the build step makes. */
  readonly image: RegistryImage | undefined;
  /** How long the build took that need not be repeated, in milliseconds; undefined where nobody knows. */
  readonly savesMs: number | undefined;
  /** Wanted tags that name the image already. */
  readonly keptTags: readonly string[];
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
}

/** How many of the images built last a repository of our making keeps. */
const keptImages = 100;

/** Tags that may be moved in a repository of our making; every other one names the same bytes for good. */
export const movingTags: readonly string[] = [`${cacheTag}*`, 'latest', 'branch-*', 'env-*'];

export function planBuild(inputs: Inputs, observed: Observed): Plan {
  // What was built elsewhere asks nothing of the builder here.
  const isBuiltHere = inputs.archiveFrom === undefined;
  if (isBuiltHere) requireBuildable(inputs, observed);
  const { repository, images } = observed;
  if (repository === undefined && !inputs.createRepository) {
    throw new PreconditionError(
      'RepositoryMissing',
      `There is no ECR repository "${inputs.repository}" in ${inputs.region}.`,
      {
        hint: 'Set "create-repository: true", or create it (provision-env does).',
      },
    );
  }
  const verdict = judge(inputs, observed);
  const image = verdict.kind === 'reuse' ? verdict.image : undefined;
  if (repository?.tags !== undefined) requireFree(inputs, observed, { mutability: repository.tags, image });
  if (verdict.kind === 'build') requireArchive(inputs, observed, verdict.reason);
  const keptTags = inputs.tags.filter((tag) => image !== undefined && images.get(tag)?.digest === image.digest);
  const missingTags = inputs.tags.filter((tag) => !keptTags.includes(tag));
  const tags = inOrder(missingTags, observed).map((tag): Step => ({
    kind: 'tag',
    tag,
    reason: tagReason(tag, observed),
  }));
  const pushTag = nextSourceTag(observed);
  const cache = cacheChoice(inputs, observed);
  return {
    outcome: verdict.kind === 'reuse' ? 'reused' : 'built',
    reason: verdict.reason,
    image,
    savesMs: verdict.kind === 'reuse' ? verdict.record?.ms : undefined,
    keptTags,
    warnings: [
      ...(verdict.kind === 'build' && isBuiltHere ? buildWarnings(inputs, observed) : []),
      ...(verdict.kind === 'build' ? [...cache.warnings, ...pushTag.warnings] : []),
      ...expiring(observed, { verdict, image }),
    ],
    steps: [
      ...(verdict.kind === 'build' && inputs.archiveFrom !== undefined
        ? [{ kind: 'load', archive: inputs.archiveFrom, reason: 'it was built already' } as const]
        : []),
      ...(repository === undefined
        ? [{ kind: 'create-repository', movingTags, keep: keptImages, reason: 'it does not exist yet' } as const]
        : []),
      ...(verdict.kind === 'build' ? publishing(inputs, verdict, { tag: pushTag.tag, cache: cache.use }) : []),
      ...(verdict.kind === 'reuse' && verdict.record === undefined ? checking(verdict.image, observed) : []),
      // Before any wanted tag names it: what fails the gate is never released.
      ...(inputs.scan === 'off' ? [] : [{ kind: 'scan', reason: `scan is "${inputs.scan}"` } as const]),
      ...tags,
    ],
  };
}

function publishing(
  { archiveFrom }: Inputs,
  { fresh, reason }: Verdict & { readonly kind: 'build' },
  { tag, cache }: { readonly tag: string; readonly cache: boolean },
): readonly Step[] {
  return [
    archiveFrom === undefined ? { kind: 'build', tag, fresh, cache, reason } : { kind: 'push', tag, reason },
    { kind: 'record', reason: 'for the runs that will use it' },
  ];
}

function checking(image: RegistryImage, { source, images }: Observed): readonly Step[] {
  const tag = sourceTags(source.hash).find((name) => images.get(name)?.digest === image.digest) ?? '';
  return [
    { kind: 'check', tag, reason: 'it has no record of a check' },
    { kind: 'record', reason: 'for the runs that will use it' },
  ];
}

/**
 * A tag that names another image may be refused: those come before all others, and first of them those that do not look as if they were
 * made to move. So a refusal leaves nothing half done.
 */
function inOrder(tags: readonly string[], observed: Observed): readonly string[] {
  const { repository } = observed;
  const rank = (tag: string): number => (!isTaken(tag, observed) ? 2 : isMoving(repository?.tags, tag) ? 1 : 0);
  return [...tags].sort((a, b) => rank(a) - rank(b));
}

/** A cache is one tag that moves with every build: where it cannot, BuildKit would fail to write it every time. */
function cacheChoice(
  inputs: Inputs,
  { builder, repository }: Observed,
): { readonly use: boolean; readonly warnings: readonly string[] } {
  if (inputs.archiveFrom !== undefined || !usesRegistryCache(inputs, builder)) return { use: false, warnings: [] };
  if (repository?.tags === undefined || !isFixed(repository.tags, cacheTag)) return { use: true, warnings: [] };
  const problem = `The layer cache cannot be kept in "${inputs.repository}": its tag "${cacheTag}" would have to move, and tags are immutable there.`;
  const hint = `Exclude "${cacheTag}*" from the repository’s tag immutability, or set "cache: none".`;
  if (inputs.cache === 'registry') throw new PreconditionError('CacheTagFixed', problem, { hint });
  return { use: false, warnings: [`${problem} ${hint}`] };
}

/** What moving tags name is taken for what runs; so is what is reused now. */
function expiring(
  { stock, repository, now }: Observed,
  { verdict, image }: { readonly verdict: Verdict; readonly image: RegistryImage | undefined },
): readonly string[] {
  if (stock === undefined) return [];
  const watched = new Map<string, string>();
  for (const { digest, tags } of stock.images) {
    const moving = tags.filter((tag) => !isOwnTag(tag));
    const names = moving.filter((tag) => isMoving(repository?.tags, tag));
    if (names.length > 0) watched.set(digest, `The image of ${names.map((tag) => `"${tag}"`).join(', ')}`);
  }
  if (image !== undefined) watched.set(image.digest, 'The image that is used again');
  const { images, lifecyclePolicy } = stock;
  const builds = verdict.kind === 'build' ? 1 : 0;
  return expiryWarnings({ rules: expiryRules(lifecyclePolicy), images, watched, builds, now });
}

/** Made to be moved, as its name says or as the repository's exclusions do; in a repository of movable tags every tag could. */
function isMoving(mutability: TagMutability | undefined, tag: string): boolean {
  if (mutability === undefined || mutability.mutable) return movingTags.some((filter) => matchesWildcard(filter, tag));
  return !isFixed(mutability, tag);
}

function requireArchive({ archiveFrom }: Inputs, { hasArchive, source }: Observed, reason: string): void {
  if (archiveFrom === undefined || hasArchive) return;
  throw new PreconditionError(
    'ArchiveMissing',
    `The registry has no image of this source (${source.hash}) to use, as ${reason}, and there is no archive ${JSON.stringify(archiveFrom)} to push.`,
    { hint: 'Did the job that builds with "mode: archive" run, and was its artifact downloaded to this path?' },
  );
}

interface PushTag {
  readonly tag: string;
  readonly warnings: readonly string[];
}

/** A tag of its own for every build that cannot take an older one's. */
function nextSourceTag(observed: Observed): PushTag {
  const { source, repository, now } = observed;
  const [first = '', ...more] = sourceTags(source.hash);
  const unique = `${first}-t${Math.floor(now / 1000)}`;
  if (source.unknown.length > 0) return { tag: unique, warnings: [] };
  const isMovable = repository?.tags === undefined || !isFixed(repository.tags, first);
  const free = isMovable ? first : [first, ...more].find((tag) => !isTaken(tag, observed));
  if (free !== undefined) return { tag: free, warnings: [] };
  const warning = `${more.length + 1} builds of this source are kept already, so later runs will not find this one: remove the older images that bear a tag "${first}-…".`;
  return { tag: unique, warnings: [warning] };
}

interface Wanted {
  readonly mutability: TagMutability;
  readonly image: RegistryImage | undefined;
}

/** Refuses before anything is built or written when a wanted tag names other content and cannot be moved. */
function requireFree(inputs: Inputs, { images, archivedTags, source }: Observed, { mutability, image }: Wanted): void {
  const taken = inputs.tags.flatMap((tag) => {
    const named = archivedTags.has(tag) ? archivedImage : images.get(tag)?.digest;
    return named !== undefined && named !== image?.digest && isFixed(mutability, tag) ? [{ tag, named }] : [];
  });
  if (taken.length === 0) return;
  const last = latestBuild(source.hash, images)?.digest;
  const unbuilt =
    source.unknown.length === 0
      ? `a source ${fates[fateOf(source.hash, { images, archivedTags })]} (${source.hash})`
      : `a new build, as nobody could tell what ${source.unknown.join(', ')} stands for`;
  const ours = image?.digest ?? (last === undefined ? unbuilt : `a new build of what last became ${last}`);
  throw new PreconditionError(
    'TagTaken',
    taken.map(({ tag, named }) => `The tag "${tag}" is immutable and names ${named}; asked for is ${ours}.`).join('\n'),
    {
      hint: takenHint(taken.map(({ named }) => named)),
    },
  );
}

const fates = {
  refused: 'whose image was refused',
  archived: 'whose image is in ECR’s archive',
  unbuilt: 'that was not built yet',
} as const;

function isTaken(tag: string, { images, archivedTags }: Observed): boolean {
  return images.has(tag) || archivedTags.has(tag);
}

function tagReason(tag: string, { images, archivedTags }: Observed): string {
  const named = archivedTags.has(tag) ? archivedImage : images.get(tag)?.digest;
  return named === undefined ? 'new' : `moves from ${named}`;
}
