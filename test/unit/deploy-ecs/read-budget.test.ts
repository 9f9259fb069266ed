import { describe, expect, test } from '@jest/globals';
import { pollInterval, ReadBudget } from '../../../actions/deploy-ecs/src/read-budget.ts';
import { at } from '../../kit/ecs.ts';
import { VirtualClock } from '../../kit/virtual-clock.ts';

test('polls quickly at first, and never slower than every five seconds', () => {
  const pauses = Array.from({ length: 40 }, (_, polls) => pollInterval(polls));
  expect(pauses[0]).toBeLessThanOrEqual(1_000);
  expect(Math.max(...pauses)).toBeLessThan(5_000);
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
});

describe('reads in any minute', () => {
  /** Looks as a watch does: one read that decides, and as many beside it as it may. */
  const busiestMinute = async (looks: number, beside: number): Promise<{ most: number; aside: number }> => {
    const clock = new VirtualClock(at(0));
    const budget = new ReadBudget(clock);
    const reads: number[] = [];
    let aside = 0;
    const read = (): void => {
      budget.spend();
      reads.push(clock.now());
    };
    for (let look = 0; look < looks; look += 1) {
      read();
      if (budget.mayGoAside(beside)) {
        for (let more = 0; more < beside; more += 1) read();
        aside += beside;
      }
      await clock.sleep(budget.pause(look));
    }
    return {
      most: Math.max(...reads.map((start) => reads.filter((time) => time >= start && time < start + 60_000).length)),
      aside,
    };
  };

  test.each([1, 2, 3, 5])('are 30 at most, however many would be useful: %i beside each look', async (beside) => {
    const { most, aside } = await busiestMinute(200, beside);
    expect(most).toBeLessThanOrEqual(30);
    expect(aside).toBeGreaterThan(50);
  });

  test('a second watch in the same minute starts slowly', async () => {
    const clock = new VirtualClock(at(0));
    const budget = new ReadBudget(clock);
    expect(budget.pause(0)).toBe(pollInterval(0));
    for (let read = 0; read < 20; read += 1) budget.spend();
    expect(budget.pause(0)).toBe(pollInterval(99));
    expect(budget.mayGoAside(1)).toBe(false);
    await clock.sleep(61_000);
    expect(budget.pause(0)).toBe(pollInterval(0));
    expect(budget.mayGoAside(1)).toBe(true);
  });
});
