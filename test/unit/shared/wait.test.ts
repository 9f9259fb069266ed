import { describe, expect, test } from '@jest/globals';
import { isNoNews, waitUntil, type Judgement } from '../../../shared/aws/wait.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { ActionError, AwsError, WaitTimeoutError } from '../../../shared/core/errors.ts';

function virtualClock(): Clock & { time: number } {
  const clock = {
    time: 0,
    now: () => clock.time,
    sleep: (ms: number, signal?: AbortSignal) => {
      signal?.throwIfAborted();
      clock.time += ms;
      return Promise.resolve();
    },
  };
  return clock;
}

const throttled = new AwsError('ThrottlingException', 'slow down', { service: 'ECS', operation: 'X', httpStatus: 400 });
const denied = new AwsError('AccessDeniedException', 'no', {
  service: 'ECS',
  operation: 'X',
  httpStatus: 400,
  fault: 'user',
});

/** Plays a list of answers; an Error is thrown. */
function script(...answers: readonly (string | Error)[]): () => Promise<string> {
  const queue = [...answers];
  return () => {
    const answer = queue.length > 1 ? queue.shift()! : queue[0]!;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
}

const judge = (seen: string): Judgement<string> => {
  if (seen === 'good') return { kind: 'done', value: 'ok' };
  if (seen === 'bad') return { kind: 'failed', error: new ActionError('Bad', 'it went bad') };
  return { kind: 'pending', state: seen };
};
const options = (clock: Clock) => ({ clock, deadline: 10_000, interval: () => 1000, what: 'the test' });

describe('waitUntil', () => {
  test('done', async () => {
    await expect(waitUntil(script('a', 'a', 'good'), judge, options(virtualClock()))).resolves.toBe('ok');
  });
  test('failed', async () => {
    await expect(waitUntil(script('a', 'bad'), judge, options(virtualClock()))).rejects.toThrow('it went bad');
  });
  test('a throttled poll is no news', async () => {
    await expect(waitUntil(script('a', throttled, throttled, 'good'), judge, options(virtualClock()))).resolves.toBe(
      'ok',
    );
  });
  test('throttled to the end is a time-out with the last state, never success', async () => {
    const wait = waitUntil(script('nearly', throttled), judge, options(virtualClock()));
    await expect(wait).rejects.toThrow(WaitTimeoutError);
    await expect(wait).rejects.toMatchObject({ lastSeen: 'nearly' });
  });
  test('a denial ends the wait at once', async () => {
    const clock = virtualClock();
    await expect(waitUntil(script('a', denied), judge, options(clock))).rejects.toBe(denied);
    expect(clock.time).toBe(1000);
  });
  test('only changes are told', async () => {
    const seen: string[] = [];
    await waitUntil(script('a', 'a', 'b', 'b', 'good'), judge, {
      ...options(virtualClock()),
      onChange: (state) => seen.push(state),
    });
    expect(seen).toEqual(['a', 'b']);
  });
  test('looks a last time at the deadline itself', async () => {
    const clock = virtualClock();
    const poll = (): Promise<string> => Promise.resolve(clock.time >= 2_500 ? 'good' : 'a');
    await expect(waitUntil(poll, judge, { ...options(clock), deadline: 2_500 })).resolves.toBe('ok');
    expect(clock.time).toBe(2_500);
  });
  test('a cancel does not wait for a poll that hangs', async () => {
    const controller = new AbortController();
    const hanging = new Promise<string>(() => undefined);
    const wait = waitUntil(() => hanging, judge, { ...options(virtualClock()), signal: controller.signal });
    controller.abort(new ActionError('Cancelled', 'cancelled meanwhile'));
    await expect(wait).rejects.toThrow('cancelled meanwhile');
  });
  test('an aborted signal ends it', async () => {
    await expect(
      waitUntil(script('a'), judge, { ...options(virtualClock()), signal: AbortSignal.abort(new Error('cancelled')) }),
    ).rejects.toThrow('cancelled');
  });
});

test('what is no news', () => {
  const aws = (code: string, httpStatus: number | undefined) =>
    new AwsError(code, '', { service: 'S', operation: 'O', httpStatus });
  expect(
    [aws('InternalError', 500), aws('TimeoutError', undefined), aws('Throttling', 400), aws('X', 429)].map(isNoNews),
  ).toEqual([true, true, true, true]);
  expect([aws('ValidationException', 400), new Error('bug'), new ActionError('A', 'b')].map(isNoNews)).toEqual([
    false,
    false,
    false,
  ]);
});
