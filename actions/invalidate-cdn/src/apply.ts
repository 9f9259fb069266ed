import type { Progress } from '../../../shared/action/progress.ts';
import type { Cdn, Invalidation } from '../../../shared/aws/cloudfront.ts';
import type { ObjectStore } from '../../../shared/aws/s3.ts';
import { waitUntil, type Judgement } from '../../../shared/aws/wait.ts';
import { humanDuration, type Clock } from '../../../shared/core/clock.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import type { Plan } from './plan.ts';

export interface ApplyPorts {
  readonly cdn: Cdn;
  readonly store: ObjectStore | undefined;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

export interface Result {
  /** Undefined when CloudFront refused it. */
  readonly invalidation: Invalidation | undefined;
  /** CloudFront had it already: asked for by an earlier try. */
  readonly isKnown: boolean;
  readonly isConfirmed: boolean;
  readonly durationMs: number;
  readonly failure: ActionError | undefined;
}

/** CloudFront's clock and ours may differ by this much. */
const clockSkewMs = 5_000;

export async function apply(plan: Extract<Plan, { kind: 'invalidate' }>, ports: ApplyPorts): Promise<Result> {
  const { clock, cdn, progress, store, signal } = ports;
  const started = clock.now();
  let invalidation: Invalidation | undefined;
  let isConfirmed = false;
  let failure: ActionError | undefined;
  try {
    const { distributionId, callerReference, paths } = plan;
    invalidation = await cdn.invalidate({ distributionId, callerReference, paths });
    const { id } = invalidation;
    progress.info(`invalidation ${id} of ${paths.length} paths on ${distributionId}: ${invalidation.status}`);
    if (plan.wait !== undefined && invalidation.status !== 'Completed') {
      invalidation = await waitUntil(() => cdn.invalidation(distributionId, id), judge, {
        clock,
        signal,
        deadline: started + plan.wait.timeoutMs,
        interval: (polls) => Math.min(10_000, 2_000 + polls * 1_000),
        what: `invalidation ${id} of distribution ${distributionId}`,
      });
      progress.info(`completed after ${humanDuration(clock.now() - started)}`);
    }
    if (plan.marker !== undefined && store !== undefined) {
      // An accepted invalidation cannot be cancelled, so with "wait: false" this is known too.
      await store.write({ key: plan.marker, text: `${id}\n`, contentType: 'text/plain', expected: 'anything' });
      isConfirmed = true;
      progress.info('noted in the bucket: this publication is invalidated');
    }
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    failure = error;
  }
  const isKnown = invalidation !== undefined && invalidation.createdAt < started - clockSkewMs;
  return { invalidation, isKnown, isConfirmed, failure, durationMs: clock.now() - started };
}

function judge(seen: Invalidation): Judgement<Invalidation> {
  return seen.status === 'Completed' ? { kind: 'done', value: seen } : { kind: 'pending', state: seen.status };
}
