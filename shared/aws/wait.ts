import type { Clock } from '../core/clock.ts';
import { ActionError, WaitTimeoutError } from '../core/errors.ts';

/** What one look at the world means. */
export type Judgement<T> =
  | { readonly kind: 'pending'; readonly state: string }
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: ActionError };

export interface WaitOptions {
  readonly clock: Clock;
  /** Milliseconds since the epoch; passing it is never success. */
  readonly deadline: number;
  /** Milliseconds between polls, by how many there were. */
  readonly interval: (polls: number) => number;
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Called when the state's text changes. */
  readonly onChange?: (state: string) => void;
}

/**
 * Polls until the pure `judge` says done or failed. A throttled or broken poll is no news: it changes no verdict and is
 * tried again until the deadline. Errors that no retry can mend (denied, not found, bad request) are thrown at once.
 */
export async function waitUntil<S, T>(
  poll: () => Promise<S>,
  judge: (seen: S) => Judgement<T>,
  options: WaitOptions,
): Promise<T> {
  const { clock, deadline, what, signal } = options;
  let state = 'nothing seen yet';
  for (let polls = 0; ; polls += 1) {
    signal?.throwIfAborted();
    let verdict: Judgement<T> | undefined;
    try {
      verdict = judge(await unlessAborted(poll(), signal));
    } catch (error) {
      if (!isNoNews(error)) throw error;
    }
    if (verdict?.kind === 'done') return verdict.value;
    if (verdict?.kind === 'failed') throw verdict.error;
    if (verdict !== undefined && verdict.state !== state) {
      state = verdict.state;
      options.onChange?.(state);
    }
    const left = deadline - clock.now();
    if (left <= 0) {
      throw new WaitTimeoutError(`${what}: not proven before the time limit; last seen: ${state}`, state);
    }
    // The last look is at the deadline itself.
    await clock.sleep(Math.min(options.interval(polls), left), signal);
  }
}

/** A poll that hangs must not hold up a cancelled run: the runner kills it after seconds. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const settled = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener(
      'abort',
      () => {
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      },
      { signal: settled.signal },
    );
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    settled.abort();
  }
}

/** Throttling, 5xx and broken connections say nothing about what is waited for. */
export function isNoNews(error: unknown): boolean {
  if (!(error instanceof ActionError) || error.fault !== 'cloud') return false;
  return (
    'httpStatus' in error &&
    (error.httpStatus === undefined ||
      Number(error.httpStatus) >= 500 ||
      error.httpStatus === 429 ||
      isThrottling(error.code))
  );
}

function isThrottling(awsCode: string): boolean {
  return /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|BandwidthLimit/i.test(awsCode);
}
