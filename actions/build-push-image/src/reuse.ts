import type { RegistryImage, TaggedImages } from '../../../shared/aws/ecr.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { buildRecord, isRefused, type BuildRecord } from './build-record.ts';
import type { Inputs } from './inputs.ts';
import { sourceTags } from './source-hash.ts';

export type Verdict =
  | {
      readonly kind: 'reuse';
      readonly image: RegistryImage;
      /** Undefined: nobody found it to be what was asked for yet. */
      readonly record: BuildRecord | undefined;
      readonly reason: string;
    }
  | { readonly kind: 'build'; readonly fresh: boolean; readonly reason: string };

/** What the verdict rests on. */
export interface Evidence {
  readonly source: { readonly hash: string; readonly unknown: readonly string[] };
  readonly images: TaggedImages['images'];
  readonly archivedTags: TaggedImages['archived'];
  readonly now: number;
}

const day = 24 * 60 * 60 * 1000;
/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html: tags an image. */
const tagLimit = 1000;

/** Is there an image of this source that may be used? */
export function judge(inputs: Inputs, { source, images, archivedTags, now }: Evidence): Verdict {
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
  if (image === undefined) {
    const fate = fateOf(source.hash, { images, archivedTags });
    // What is wrong with a refused one may be in the layer cache.
    return { kind: 'build', fresh: fate === 'refused', reason: fates[fate] };
  }
  const missing = inputs.tags.filter((tag) => !image.tags.includes(tag)).length;
  if (image.tags.length + missing > tagLimit) {
    const reason = `the image of this source bears ${image.tags.length} tags, and ECR gives no image more than ${tagLimit}`;
    return { kind: 'build', fresh: true, reason };
  }
  const { maxAgeDays } = inputs;
  if (maxAgeDays !== undefined && (image.pushedAt === undefined || now - image.pushedAt > maxAgeDays * day)) {
    const age =
      image.pushedAt === undefined ? 'at an unknown time' : `${Math.floor((now - image.pushedAt) / day)} days ago`;
    return { kind: 'build', fresh: true, reason: `the same source was built ${age}; max-age-days is ${maxAgeDays}` };
  }
  const record = buildRecord({ hash: source.hash, digest: image.digest }, image.tags);
  const reason =
    record === undefined
      ? `the same source was pushed${pushTime(image)}, and is still to be checked`
      : `the same source was built${firstBuild(image, record)}`;
  return { kind: 'reuse', image, record, reason };
}

/** What became of an image of this source, where there is none that could be used. */
export function fateOf(hash: string, { images, archivedTags }: Pick<Evidence, 'images' | 'archivedTags'>): Fate {
  const tags = sourceTags(hash);
  if (tags.some((tag) => images.has(tag))) return 'refused';
  return tags.some((tag) => archivedTags.has(tag)) ? 'archived' : 'unbuilt';
}

type Fate = 'refused' | 'archived' | 'unbuilt';

const fates: Readonly<Record<Fate, string>> = {
  refused: 'the image of this source was refused before',
  archived: 'the image of this source is in ECR’s archive',
  unbuilt: 'this source was not built before',
};

/** Which commit first built it, when, and what that took. */
function firstBuild(image: RegistryImage, { commit, ms }: BuildRecord): string {
  const from = commit === undefined ? '' : ` from commit ${commit}`;
  const took = ms === undefined ? '' : `, in ${humanDuration(ms)}`;
  return `${from} and pushed${pushTime(image)}${took}`;
}

function pushTime({ pushedAt }: RegistryImage): string {
  return pushedAt === undefined ? '' : ` on ${new Date(pushedAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** What was pushed last of this source and not refused: tags of expired images are given again, so their numbers say nothing. */
export function latestBuild(hash: string, images: ReadonlyMap<string, RegistryImage>): RegistryImage | undefined {
  return sourceTags(hash)
    .flatMap((tag) => images.get(tag) ?? [])
    .filter(({ digest, tags }) => !isRefused({ hash, digest }, tags))
    .reduce<RegistryImage | undefined>(
      (newest, image) => ((image.pushedAt ?? 0) >= (newest?.pushedAt ?? 0) ? image : newest),
      undefined,
    );
}
