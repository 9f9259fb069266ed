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

/** `occasion`: a text that no other process has. */
export function planInvalidation(inputs: Inputs, observed: Observed, occasion: string): Plan {
  if (inputs.paths.length === 0) return { kind: 'nothing', reason: 'nothing changed', invalidationId: '' };
  if (observed.doneBefore !== undefined) {
    const invalidationId = observed.doneBefore;
    return { kind: 'nothing', reason: 'this publication was invalidated before', invalidationId };
  }
  const { publication, record } = inputs;
  const { distributionId } = observed;
  const { batches, notes: pathNotes } = planPaths(inputs);
  const notes = [...pathNotes];
  if (publication !== undefined && record === undefined) {
    notes.push('without "bucket" nobody learns that this was done: every later release will name these paths again');
  }
  return {
    kind: 'invalidate',
    distributionId,
    batches: batches.map((paths) => ({ paths, callerReference: callerReference(inputs, paths, occasion) })),
    asked: inputs.paths.length,
    notes,
    timeoutMs: inputs.waitTimeoutMinutes * 60_000,
    wait: inputs.wait,
    isRepeatable: publication !== undefined,
    marker:
      publication === undefined || record === undefined
        ? undefined
        : record.prefix + markerPath({ publication, paths: inputs.paths, distributionId }),
  };
}

/**
 * CloudFront answers the same reference with the first invalidation. With a publication that is what is wanted, in every run; without
 * one only for the retries of this very process: once more costs a few paths, not at all costs stale pages.
 */
function callerReference({ publication }: Inputs, paths: readonly string[], occasion: string): string {
  const what = publication === undefined ? { occasion } : { publication };
  return `slipway-${fingerprint({ ...what, paths }).slice(0, 40)}`;
}
