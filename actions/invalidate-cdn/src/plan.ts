import type { Distribution } from '../../../shared/aws/cloudfront.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import { fingerprint } from '../../../shared/core/hash.ts';
import { markerPath } from '../../../shared/core/release.ts';
import type { Inputs } from './inputs.ts';
import type { Observed } from './observe.ts';
import { planPaths } from './plan-paths.ts';

export type Plan =
  | { readonly kind: 'nothing'; readonly reason: string; readonly invalidationId: string }
  | {
      readonly kind: 'invalidate';
      readonly distributionId: string;
      /** In the order in which they are asked for; never empty. */
      readonly batches: readonly Batch[];
      /** How many paths were given. */
      readonly asked: number;
      /** What was done to the given paths, and why. */
      readonly notes: readonly string[];
      /** For CloudFront to take all batches and, with `wait`, to complete them. */
      readonly timeoutMs: number;
      readonly wait: boolean;
      /** Another run asks with the same references. */
      readonly isRepeatable: boolean;
      /** The key under which the bucket notes that it was done. */
      readonly marker: string | undefined;
    };

/** What one CreateInvalidation asks for. */
export interface Batch {
  /** The same paths of the same publication have the same reference in every run. */
  readonly callerReference: string;
  readonly paths: readonly string[];
}

/** What only the composition knows: which step of the job this is, and when it runs. */
export interface Occasion {
  readonly step: string;
  readonly now: number;
}

export function planInvalidation(inputs: Inputs, observed: Observed, occasion: Occasion): Plan {
  if (inputs.paths.length === 0) return { kind: 'nothing', reason: 'nothing changed', invalidationId: '' };
  if (observed.doneBefore !== undefined) {
    const invalidationId = observed.doneBefore;
    return { kind: 'nothing', reason: 'this publication was invalidated before', invalidationId };
  }
  const { publication, record, distribution } = inputs;
  const { batches, notes } = planPaths(inputs);
  return {
    kind: 'invalidate',
    distributionId: 'id' in distribution ? distribution.id : idOf(distribution.alias, observed.distributions),
    batches: batches.map((paths) => ({ paths, callerReference: callerReference(inputs, paths, occasion) })),
    asked: inputs.paths.length,
    notes,
    timeoutMs: inputs.waitTimeoutMinutes * 60_000,
    wait: inputs.wait,
    isRepeatable: publication !== undefined,
    marker:
      publication === undefined || record === undefined
        ? undefined
        : record.prefix + markerPath(publication, inputs.paths),
  };
}

/**
 * CloudFront answers the same reference with the first invalidation. With a publication that is what is wanted, in every run; without
 * one only a retry of this very step may be taken for the same.
 */
function callerReference({ publication, run }: Inputs, paths: readonly string[], { step, now }: Occasion): string {
  const occasion =
    publication !== undefined ? { publication } : run.id === '' ? { now } : { run: run.id, attempt: run.attempt, step };
  return `slipway-${fingerprint({ ...occasion, paths }).slice(0, 40)}`;
}

/**
 * By one of its domain names, else by the wildcard name that stands for it. CloudFront serves a name by the most specific one too
 * (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html#alternate-domain-names-wildcard).
 */
function idOf(alias: string, distributions: readonly Distribution[]): string {
  for (const name of namesThatServe(alias)) {
    const matches = distributions.filter((distribution) => namesOf(distribution).includes(name));
    const [only] = matches;
    if (only !== undefined && matches.length === 1) return only.id;
    if (matches.length > 1) {
      throw new PreconditionError(
        'AmbiguousAlias',
        `${matches.length} distributions answer to ${name}: ${shown(matches.map(describe))}`,
        { hint: 'Give "distribution-id" instead.' },
      );
    }
  }
  const known =
    distributions.length === 0 ? 'the account has none' : `the account has ${shown(distributions.map(describe))}`;
  throw new PreconditionError('NoSuchDistribution', `no distribution answers to ${alias}; ${known}`, {
    hint: 'Check the spelling and the account, or give "distribution-id".',
  });
}

/** `a.b.example.com`, `*.b.example.com`, `*.example.com`, `*.com`. */
function namesThatServe(alias: string): readonly string[] {
  const labels = alias.split('.');
  return [alias, ...labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`)];
}

function namesOf({ aliases, domainName }: Distribution): readonly string[] {
  return [...aliases, domainName].map((name) => name.toLowerCase());
}

function describe(distribution: Distribution): string {
  return `${distribution.id} (${shown(namesOf(distribution), 3)})`;
}

function shown(items: readonly string[], most = 20): string {
  return `${items.slice(0, most).join(', ')}${items.length > most ? `, … and ${items.length - most} more` : ''}`;
}
