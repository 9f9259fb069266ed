import type { RegistryImage, TagMutability } from '../../../shared/aws/ecr.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import { requireAble } from './builder.ts';
import { cacheTag, type Inputs } from './inputs.ts';
import type { Observed } from './observe.ts';
import { sourceTags } from './source-hash.ts';

export type Step =
  | { readonly kind: 'create-repository'; readonly movingTags: readonly string[]; readonly reason: string }
  | {
      readonly kind: 'build';
      /** The only tag that is pushed; the wanted ones follow when the image is whole. */
      readonly tag: string;
      readonly fresh: boolean;
      readonly reason: string;
    }
  /** Takes the image out of the archive into the daemon: before anything is changed in AWS. */
  | { readonly kind: 'load'; readonly archive: string; readonly reason: string }
  /** Pushes what was loaded, under the only tag that is pushed. */
  | { readonly kind: 'push'; readonly tag: string; readonly reason: string }
  | { readonly kind: 'scan'; readonly reason: string }
  | { readonly kind: 'tag'; readonly tag: string; readonly reason: string };

export interface Plan {
  readonly outcome: 'built' | 'reused';
  /** Why it is built, or what makes the old image good. */
  readonly reason: string;
  /** The image that is reused; undefined: the one that the build step makes. */
  readonly image: RegistryImage | undefined;
  /** Wanted tags that name the image already. */
  readonly keptTags: readonly string[];
  readonly steps: readonly Step[];
}

/** Tags that may be moved in a repository of our making; every other one names the same bytes for good. */
export const movingTags: readonly string[] = [`${cacheTag}*`, 'latest', 'branch-*', 'env-*'];

const day = 24 * 60 * 60 * 1000;

type Verdict =
  | { readonly kind: 'reuse'; readonly image: RegistryImage; readonly reason: string }
  | { readonly kind: 'build'; readonly fresh: boolean; readonly reason: string };

export function planBuild(inputs: Inputs, observed: Observed): Plan {
  // What was built elsewhere asks nothing of the builder here.
  if (inputs.archiveFrom === undefined) requireAble(inputs, observed.builder);
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
  if (repository !== undefined) requireFree(inputs, observed, { mutability: repository.tags, image });
  if (verdict.kind === 'build') requireArchive(inputs, observed);
  const keptTags = inputs.tags.filter((tag) => image !== undefined && images.get(tag)?.digest === image.digest);
  const tags = inputs.tags
    .filter((tag) => !keptTags.includes(tag))
    .map((tag): Step => ({ kind: 'tag', tag, reason: tagReason(images.get(tag)) }));
  return {
    outcome: verdict.kind === 'reuse' ? 'reused' : 'built',
    reason: verdict.reason,
    image,
    keptTags,
    steps: [
      ...(verdict.kind === 'build' && inputs.archiveFrom !== undefined
        ? [{ kind: 'load', archive: inputs.archiveFrom, reason: 'it was built already' } as const]
        : []),
      ...(repository === undefined
        ? [{ kind: 'create-repository', movingTags, reason: 'it does not exist yet' } as const]
        : []),
      ...(verdict.kind === 'build' ? [publishing(inputs, verdict, nextSourceTag(observed))] : []),
      // Before any wanted tag names it: what fails the gate is never released.
      ...(inputs.scan === 'off' ? [] : [{ kind: 'scan', reason: `scan is "${inputs.scan}"` } as const]),
      ...tags,
    ],
  };
}

function publishing(inputs: Inputs, { fresh, reason }: Verdict & { readonly kind: 'build' }, tag: string): Step {
  return inputs.archiveFrom === undefined ? { kind: 'build', tag, fresh, reason } : { kind: 'push', tag, reason };
}

function requireArchive({ archiveFrom }: Inputs, { hasArchive, source }: Observed): void {
  if (archiveFrom === undefined || hasArchive) return;
  throw new PreconditionError(
    'ArchiveMissing',
    `The registry has no image of this source (${source.hash}) to use, and there is no archive ${JSON.stringify(archiveFrom)} to push.`,
    { hint: 'Did the job that builds with "mode: archive" run, and was its artifact downloaded to this path?' },
  );
}

function judge(inputs: Inputs, { source, images, now }: Observed): Verdict {
  if (source.unknown.length > 0) {
    return {
      kind: 'build',
      fresh: inputs.force,
      reason: `what ${source.unknown.join(', ')} stands for could not be found out, so no earlier image is known to be the same`,
    };
  }
  if (inputs.force) return { kind: 'build', fresh: true, reason: 'force is "true"' };
  if (!inputs.skipUnchanged) return { kind: 'build', fresh: false, reason: 'skip-unchanged is "false"' };
  const image = latestBuild(source.hash, images);
  if (image === undefined) return { kind: 'build', fresh: false, reason: 'this source was not built before' };
  const { maxAgeDays } = inputs;
  if (maxAgeDays !== undefined && (image.pushedAt === undefined || now - image.pushedAt > maxAgeDays * day)) {
    const age =
      image.pushedAt === undefined ? 'at an unknown time' : `${Math.floor((now - image.pushedAt) / day)} days ago`;
    return { kind: 'build', fresh: true, reason: `the same source was built ${age}; max-age-days is ${maxAgeDays}` };
  }
  const when =
    image.pushedAt === undefined
      ? ''
      : ` on ${new Date(image.pushedAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return { kind: 'reuse', image, reason: `the same source was built and pushed${when}` };
}

function latestBuild(hash: string, images: ReadonlyMap<string, RegistryImage>): RegistryImage | undefined {
  return sourceTags(hash)
    .flatMap((tag) => images.get(tag) ?? [])
    .at(-1);
}

/** A tag of its own for every build that cannot take an older one's. */
function nextSourceTag({ source, images, repository, now }: Observed): string {
  const [first = '', ...more] = sourceTags(source.hash);
  const unique = `${first}-t${Math.floor(now / 1000)}`;
  if (source.unknown.length > 0) return unique;
  if (repository === undefined || !images.has(first) || !isFixed(repository.tags, first)) return first;
  return more.find((tag) => !images.has(tag)) ?? unique;
}

/** Does this tag name the same image for good? ECR's filters know one wildcard, `*`. */
export function isFixed({ mutable, exclusions }: TagMutability, tag: string): boolean {
  const excluded = exclusions.some((filter) => matchesWildcard(filter, tag));
  return mutable ? excluded : !excluded;
}

function matchesWildcard(filter: string, tag: string): boolean {
  const pattern = filter
    .split('*')
    .map((part) => part.replace(/[.\\+?^$()[\]{}|]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`).test(tag);
}

interface Wanted {
  readonly mutability: TagMutability;
  readonly image: RegistryImage | undefined;
}

/** Refuses before anything is built or written when a wanted tag names other content and cannot be moved. */
function requireFree(inputs: Inputs, { images, source }: Observed, { mutability, image }: Wanted): void {
  const taken = inputs.tags.flatMap((tag) => {
    const named = images.get(tag)?.digest;
    return named !== undefined && named !== image?.digest && isFixed(mutability, tag) ? [{ tag, named }] : [];
  });
  if (taken.length === 0) return;
  const last = latestBuild(source.hash, images)?.digest;
  const ours =
    image?.digest ??
    (last === undefined
      ? `a source that was not built yet (${source.hash})`
      : `a new build of what last became ${last}`);
  throw new PreconditionError(
    'TagTaken',
    taken.map(({ tag, named }) => `The tag "${tag}" is immutable and names ${named}; asked for is ${ours}.`).join('\n'),
    {
      hint: 'Use another tag, one that the repository’s immutability excludes, or remove the old image’s tag by hand.',
    },
  );
}

function tagReason(named: RegistryImage | undefined): string {
  return named === undefined ? 'new' : `moves from ${named.digest}`;
}
