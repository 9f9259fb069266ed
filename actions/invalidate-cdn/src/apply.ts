import type { Progress } from '../../../shared/action/progress.ts';
import type { Cdn, Invalidation } from '../../../shared/aws/cloudfront.ts';
import type { ObjectStore } from '../../../shared/aws/s3.ts';
import { isNoNews, waitUntil, type Judgement } from '../../../shared/aws/wait.ts';
import { humanDuration, type Clock } from '../../../shared/core/clock.ts';
import { ActionError, isAwsError } from '../../../shared/core/errors.ts';
import type { Plan } from './plan.ts';
import { describeUsage, pathsUsed } from './usage.ts';

export interface ApplyPorts {
  readonly cdn: Cdn;
  readonly store: ObjectStore | undefined;
  readonly clock: Clock;
  /** From 0 to 1, as `Math.random`. */
  readonly random: () => number;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** A batch that CloudFront took. */
export interface Accepted extends Invalidation {
  readonly paths: readonly string[];
  /** CloudFront had it already: asked for by an earlier try. */
  readonly isKnown: boolean;
}

export interface Result {
  /** In the order of the plan's batches; fewer when not all were taken. */
  readonly accepted: readonly Accepted[];
  readonly isConfirmed: boolean;
  readonly durationMs: number;
  readonly failure: ActionError | undefined;
}

/** From the making of an invalidation to the answer, at the most. */
const answerMs = 5_000;
/** An unchanged state is told again after this long. */
const tellEveryMs = 30_000;

export async function apply(plan: Extract<Plan, { kind: 'invalidate' }>, ports: ApplyPorts): Promise<Result> {
  const { clock, progress, store } = ports;
  const started = clock.now();
  const run = new Run(plan, ports);
  const accepted: Accepted[] = [];
  let isConfirmed = false;
  let failure: ActionError | undefined;
  for (const note of plan.notes) progress.info(note);
  try {
    for (const [index, { paths }] of plan.batches.entries()) {
      const invalidation = await run.ask(index);
      // How old it is by CloudFront's clock, how long we are at it by ours: the two clocks need not agree.
      const isKnown = invalidation.answeredAt - invalidation.createdAt > clock.now() - started + answerMs;
      accepted.push({ ...invalidation, paths, isKnown });
      const known = isKnown ? ', asked for before' : '';
      progress.info(
        `invalidation ${invalidation.id} of ${paths.length} paths on ${plan.distributionId}: ${invalidation.status}${known}`,
      );
    }
    if (plan.wait) {
      for (const [index, one] of accepted.entries()) accepted[index] = { ...one, ...(await run.completed(one)) };
    }
    if (plan.marker !== undefined && store !== undefined) {
      // An accepted invalidation cannot be cancelled, so with "wait: false" this is known too.
      const text = `${accepted.map(({ id }) => id).join(',')}\n`;
      await store.write({ key: plan.marker, text, contentType: 'text/plain', expected: 'anything' });
      isConfirmed = true;
      progress.info('noted in the bucket: this publication is invalidated');
    }
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    failure = error;
  }
  progress.info(describeUsage(pathsUsed(accepted)));
  return { accepted, isConfirmed, failure, durationMs: clock.now() - started };
}

/** One look at CloudFront, or why there was nothing to see. */
type Look = { readonly seen: Invalidation } | { readonly busy: string };

/** The waiting of a run: one deadline, one voice. */
class Run {
  readonly #plan: Extract<Plan, { kind: 'invalidate' }>;
  readonly #ports: ApplyPorts;
  readonly #started: number;
  #told = { state: '', at: 0 };

  constructor(plan: Extract<Plan, { kind: 'invalidate' }>, ports: ApplyPorts) {
    this.#plan = plan;
    this.#ports = ports;
    this.#started = ports.clock.now();
  }

  /** Waits its turn: a try that was in vain costs nothing, and one whose answer was lost is found again by its reference. */
  async ask(index: number): Promise<Invalidation> {
    const { distributionId, batches } = this.#plan;
    const { callerReference = '', paths = [] } = batches[index] ?? {};
    const name = batches.length === 1 ? 'the invalidation' : `batch ${index + 1} of ${batches.length}`;
    return this.#wait({
      what: `that CloudFront takes ${name} for distribution ${distributionId}`,
      look: () => this.#ports.cdn.invalidate({ distributionId, callerReference, paths }),
      isDone: () => true,
      state: (look) => ('busy' in look ? `${name} waits its turn: ${look.busy}` : name),
      pause: (tries) => Math.min(30_000, 2_000 * 2 ** tries) * (0.5 + this.#ports.random() / 2),
    });
  }

  async completed(invalidation: Invalidation): Promise<Invalidation> {
    if (invalidation.status === 'Completed') return invalidation;
    const { distributionId } = this.#plan;
    const { id } = invalidation;
    const seen = await this.#wait({
      what: `invalidation ${id} of distribution ${distributionId}`,
      look: () => this.#ports.cdn.invalidation(distributionId, id),
      isDone: ({ status }) => status === 'Completed',
      state: (look) => `invalidation ${id}: ${'busy' in look ? look.busy : look.seen.status}`,
      pause: (polls) => Math.min(10_000, 2_000 + polls * 1_000),
    });
    this.#tell(`invalidation ${id}: ${seen.status}`);
    return seen;
  }

  #wait(wait: {
    readonly what: string;
    readonly look: () => Promise<Invalidation>;
    readonly isDone: (seen: Invalidation) => boolean;
    readonly state: (look: Look) => string;
    readonly pause: (polls: number) => number;
  }): Promise<Invalidation> {
    const { clock, signal } = this.#ports;
    const judge = (look: Look): Judgement<Invalidation> => {
      if ('seen' in look && wait.isDone(look.seen)) return { kind: 'done', value: look.seen };
      const state = wait.state(look);
      this.#tell(state);
      return { kind: 'pending', state };
    };
    const deadline = this.#started + this.#plan.timeoutMs;
    return waitUntil(() => attempt(wait.look), judge, {
      clock,
      signal,
      deadline,
      interval: wait.pause,
      what: wait.what,
    });
  }

  /** On a change, and as a sign of life. */
  #tell(state: string): void {
    const now = this.#ports.clock.now();
    if (state === this.#told.state && now - this.#told.at < tellEveryMs) return;
    this.#told = { state, at: now };
    this.#ports.progress.info(`${state} (${humanDuration(now - this.#started)})`);
  }
}

async function attempt(call: () => Promise<Invalidation>): Promise<Look> {
  try {
    return { seen: await call() };
  } catch (error) {
    if (isAwsError(error, 'TooManyInvalidationsInProgress')) {
      return {
        busy: 'as many invalidations are in progress as the distribution may have (TooManyInvalidationsInProgress)',
      };
    }
    if (isNoNews(error)) return { busy: `no answer (${error instanceof ActionError ? error.code : ''})` };
    throw error;
  }
}
