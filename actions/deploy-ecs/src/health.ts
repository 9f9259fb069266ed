import { waitUntil } from '../../../shared/aws/wait.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { WaitTimeoutError } from '../../../shared/core/errors.ts';

/** One answer of the service, or why there was none (`status` 0). */
export interface HealthAnswer {
  readonly status: number;
  readonly ms: number;
  /** Of the body only the beginning; of a failed request its reason. */
  readonly body: string;
  /** Where it redirects to, or redirected to on the same host before this answer. */
  readonly location?: string;
  /** The header `server`: `awselb/2.0`, `CloudFront`, `AmazonS3` … */
  readonly server?: string;
}

export interface HealthPorts {
  /** Never throws: a refused connection or a time-out is an answer too. */
  readonly ask: (url: string) => Promise<HealthAnswer>;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** A load balancer or a name server may need a moment until it knows the new tasks. */
const patience = 60_000;

/** Milliseconds from which on an answer counts as slow; a warning, never a failure. */
export const slowAnswer = 3_000;

/** Asks until the answer is 2xx; the last answer when it never was. */
export async function checkHealth(url: string, ports: HealthPorts): Promise<HealthAnswer> {
  const { ask, clock, progress, signal } = ports;
  let last: HealthAnswer = { status: 0, ms: 0, body: 'never asked' };
  try {
    return await waitUntil(
      async () => (last = await ask(url)),
      (answer) =>
        isHealthy(answer) ? { kind: 'done', value: answer } : { kind: 'pending', state: healthText(answer) },
      {
        clock,
        deadline: clock.now() + patience,
        interval: (polls) => (polls < 4 ? 500 : polls < 10 ? 1_000 : 5_000),
        what: 'health-check-url',
        signal,
        onChange: (state) => progress.info(`  ${state}`),
      },
    );
  } catch (error) {
    if (!(error instanceof WaitTimeoutError)) throw error;
    return last;
  }
}

export function isHealthy({ status }: HealthAnswer): boolean {
  return status >= 200 && status < 300;
}

export function healthText({ status, body, location }: HealthAnswer): string {
  const said = body
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 200);
  const redirect =
    location === undefined
      ? ''
      : `${isHealthy({ status, ms: 0, body }) ? ' after a redirect' : ', a redirect'} to ${location.slice(0, 200)}`;
  return `${status === 0 ? 'no answer' : `status ${status}`}${redirect}${said === '' ? '' : `: ${said}`}`;
}
