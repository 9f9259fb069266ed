import type { ListedImage } from '../../../shared/aws/ecr.ts';
import { field, list, parseJson } from '../../../shared/core/field.ts';
import { matchesWildcard } from './mutability.ts';

/** A rule of a lifecycle policy by which tagged images cannot be pulled any more. */
export interface ExpiryRule {
  readonly effect: 'expires' | 'is archived';
  readonly matches: (tags: readonly string[]) => boolean;
  /** Expires beyond the newest so many, or so many days after its push. */
  readonly limit: { readonly kind: 'count' | 'days'; readonly number: number };
}

export interface Expiry {
  readonly rules: readonly ExpiryRule[];
  readonly images: readonly ListedImage[];
  /** What must not vanish: by digest, what it is. */
  readonly watched: ReadonlyMap<string, string>;
  /** How many images this run is about to add. */
  readonly builds: number;
  readonly now: number;
}

const day = 24 * 60 * 60 * 1000;
/** Told when no more builds, or days, than these are left: enough to do something about it. */
const margin = { builds: 5, days: 14 };

const effects: ReadonlyMap<unknown, ExpiryRule['effect']> = new Map([
  ['expire', 'expires'],
  ['transition', 'is archived'],
]);

/** The rules of a policy that tagged images can expire by. Other rules, and what is no policy, are passed over. */
export function expiryRules(policy: string | undefined): readonly ExpiryRule[] {
  return list(field(parseJson(policy ?? ''), 'rules')).flatMap((rule) => {
    const selection = field(rule, 'selection');
    const number = field(selection, 'countNumber');
    const kind = { imageCountMoreThan: 'count', sinceImagePushed: 'days' } as const;
    const countType = field(selection, 'countType');
    const isKnown = countType === 'imageCountMoreThan' || countType === 'sinceImagePushed';
    const effect = effects.get(field(field(rule, 'action'), 'type'));
    if (effect === undefined || typeof number !== 'number' || !isKnown) return [];
    const matches = selector(selection);
    return matches === undefined ? [] : [{ effect, matches, limit: { kind: kind[countType], number } }];
  });
}

/** An image has to match every prefix, or every pattern, of a rule: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html */
function selector(selection: unknown): ExpiryRule['matches'] | undefined {
  const status = field(selection, 'tagStatus');
  if (status === 'any') return () => true;
  if (status !== 'tagged') return undefined;
  const prefixes = list(field(selection, 'tagPrefixList')).filter((prefix) => typeof prefix === 'string');
  const patterns = list(field(selection, 'tagPatternList')).filter((pattern) => typeof pattern === 'string');
  return (tags) =>
    prefixes.every((prefix) => tags.some((tag) => tag.startsWith(prefix))) &&
    patterns.every((pattern) => tags.some((tag) => matchesWildcard(pattern, tag)));
}

/** One line for each watched image that is about to expire: ECR counts from an image's first push, however often it is tagged again. */
export function expiryWarnings({ rules, images, watched, builds, now }: Expiry): readonly string[] {
  const newestFirst = [...images].sort((a, b) => (b.pushedAt ?? 0) - (a.pushedAt ?? 0));
  return [...watched].flatMap(([digest, what]) => {
    const lefts = rules.flatMap((rule) => left(rule, digest, { newestFirst, builds, now }) ?? []);
    const nearest = lefts.sort((a, b) => a.urgency - b.urgency)[0];
    if (nearest === undefined) return [];
    return [
      `${what} (${digest.slice(0, 19)}) ${nearest.says}. Build it anew ("force: true"), or let the repository keep more images.`,
    ];
  });
}

interface Left {
  readonly urgency: number;
  readonly says: string;
}

function left(
  { effect, matches, limit }: ExpiryRule,
  digest: string,
  {
    newestFirst,
    builds,
    now,
  }: { readonly newestFirst: readonly ListedImage[]; readonly builds: number; readonly now: number },
): Left | undefined {
  const counted = newestFirst.filter(({ tags }) => matches(tags));
  const at = counted.findIndex((image) => image.digest === digest);
  const image = counted[at];
  if (image === undefined) return undefined;
  if (limit.kind === 'count') {
    const more = limit.number - (at + 1) - builds;
    if (more > margin.builds) return undefined;
    const place = `is number ${at + 1 + builds} of the ${limit.number} newest images that the repository keeps`;
    return more < 0
      ? { urgency: 0, says: `${place}: it ${effect} within a day` }
      : { urgency: more / margin.builds, says: `${place}: it ${effect} after ${plural(more + 1, 'more build')}` };
  }
  if (image.pushedAt === undefined) return undefined;
  const days = limit.number - (now - image.pushedAt) / day;
  if (days > margin.days) return undefined;
  return {
    urgency: Math.max(0, days) / margin.days,
    says: `${effect} ${limit.number} days after its first push: ${days <= 0 ? 'within a day' : `in ${plural(Math.ceil(days), 'day')}`}`,
  };
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
