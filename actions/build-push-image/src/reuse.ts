import type { RegistryImage } from '../../../shared/aws/ecr.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { buildRecord } from './build-record.ts';
import type { Inputs } from './inputs.ts';
import { isPushTag, sourceTags } from './source-hash.ts';

export type Verdict =
  | { readonly kind: 'reuse'; readonly image: RegistryImage; readonly reason: string }
  | { readonly kind: 'build'; readonly fresh: boolean; readonly reason: string };

/** What the verdict rests on. */
export interface Evidence {
  readonly source: { readonly hash: string; readonly unknown: readonly string[] };
  readonly images: ReadonlyMap<string, RegistryImage>;
  readonly now: number;
}

const day = 24 * 60 * 60 * 1000;

/** Is there an image of this source that may be used? */
export function judge(inputs: Inputs, { source, images, now }: Evidence): Verdict {
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
    const reason = sourceTags(source.hash).some((tag) => images.has(tag))
      ? 'what was built of this source before was refused, or its run ended before it was checked'
      : 'this source was not built before';
    return { kind: 'build', fresh: false, reason };
  }
  const { maxAgeDays } = inputs;
  if (maxAgeDays !== undefined && (image.pushedAt === undefined || now - image.pushedAt > maxAgeDays * day)) {
    const age =
      image.pushedAt === undefined ? 'at an unknown time' : `${Math.floor((now - image.pushedAt) / day)} days ago`;
    return { kind: 'build', fresh: true, reason: `the same source was built ${age}; max-age-days is ${maxAgeDays}` };
  }
  return { kind: 'reuse', image, reason: `the same source was built${firstBuild(image)}` };
}

/** Which commit first built it, when, and what that took. */
function firstBuild(image: RegistryImage): string {
  const record = buildRecord(image.tags);
  const commit = record?.commit === undefined ? '' : ` from commit ${record.commit}`;
  const when =
    image.pushedAt === undefined
      ? ''
      : ` and pushed on ${new Date(image.pushedAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const took = record?.ms === undefined ? '' : `, in ${humanDuration(record.ms)}`;
  return `${commit}${when}${took}`;
}

/** The last that was found to be what was asked for. */
export function latestBuild(hash: string, images: ReadonlyMap<string, RegistryImage>): RegistryImage | undefined {
  return sourceTags(hash)
    .flatMap((tag) => images.get(tag) ?? [])
    .findLast(wasChecked);
}

/** After the check every image gets a record, and most get the wanted tags: one with no tag but that of its push has not passed it. */
function wasChecked({ tags }: RegistryImage): boolean {
  return tags.some((tag) => !isPushTag(tag));
}
