import type { Distribution } from '../../../shared/aws/cloudfront.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import { fingerprint } from '../../../shared/core/hash.ts';
import { markerPath } from '../../../shared/core/release.ts';
import { foldPaths } from './fold.ts';
import type { Inputs } from './inputs.ts';
import type { Observed } from './observe.ts';

export type Plan =
  | { readonly kind: 'nothing'; readonly reason: string; readonly invalidationId: string }
  | {
      readonly kind: 'invalidate';
      readonly distributionId: string;
      readonly callerReference: string;
      readonly paths: readonly string[];
      /** How many paths were asked for, before folding. */
      readonly asked: number;
      readonly wait: { readonly timeoutMs: number } | undefined;
      /** The key under which the bucket notes that it was done. */
      readonly marker: string | undefined;
    };

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
  const paths = foldPaths(inputs.paths, inputs.maxPaths);
  return {
    kind: 'invalidate',
    distributionId: 'id' in distribution ? distribution.id : idOf(distribution.alias, observed.distributions),
    callerReference: callerReference(inputs, paths, occasion),
    paths,
    asked: inputs.paths.length,
    wait: inputs.wait ? { timeoutMs: inputs.waitTimeoutMinutes * 60_000 } : undefined,
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

function idOf(alias: string, distributions: readonly Distribution[]): string {
  const matches = distributions.filter(({ aliases, domainName }) =>
    [...aliases, domainName].some((name) => name.toLowerCase() === alias),
  );
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return only.id;
  if (matches.length > 1) {
    throw new PreconditionError(
      'AmbiguousAlias',
      `${matches.length} distributions answer to ${alias}: ${matches.map(({ id }) => id).join(', ')}`,
      {
        hint: 'Give "distribution-id" instead.',
      },
    );
  }
  const names = distributions.flatMap(({ id, aliases, domainName }) => `${[...aliases, domainName][0] ?? ''} (${id})`);
  const known =
    names.length === 0
      ? 'the account has none'
      : `the account has ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`;
  throw new PreconditionError('NoSuchDistribution', `no distribution answers to ${alias}; ${known}`, {
    hint: 'Check the spelling and the account, or give "distribution-id".',
  });
}
