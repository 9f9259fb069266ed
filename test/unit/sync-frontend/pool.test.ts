import { expect, test } from '@jest/globals';
import { forEachConcurrently } from '../../../shared/core/pool.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('runs everything, never more than the limit at a time', async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await forEachConcurrently([...Array(20).keys()], { limit: 3 }, async (item) => {
    running += 1;
    most = Math.max(most, running);
    await turn();
    running -= 1;
    done.push(item);
  });
  expect(most).toBe(3);
  expect(done).toHaveLength(20);
});

test('after a failure starts nothing new, awaits what runs, throws the first', async () => {
  const started: number[] = [];
  const finished: number[] = [];
  const run = forEachConcurrently([0, 1, 2, 3, 4], { limit: 2 }, async (item) => {
    started.push(item);
    if (item === 0) throw new Error('first');
    await turn();
    finished.push(item);
  });
  await expect(run).rejects.toThrow('first');
  expect({ started, finished }).toEqual({ started: [0, 1], finished: [1] });
});

test('an abort stops it with the reason', async () => {
  const stop = new AbortController();
  const started: number[] = [];
  const run = forEachConcurrently([0, 1, 2], { limit: 1, signal: stop.signal }, async (item) => {
    started.push(item);
    if (item === 1) stop.abort(new Error('cancelled'));
  });
  await expect(run).rejects.toThrow('cancelled');
  expect(started).toEqual([0, 1]);
});
