import { describe, expect, test } from '@jest/globals';
import { progressOn } from '../../../shared/action/progress.ts';

function watch(screen: { readonly isTTY?: boolean; readonly columns?: number }) {
  const written: string[] = [];
  const clock = { time: 0 };
  const asked: { work: () => void; everyMs: number }[] = [];
  const progress = progressOn(
    { ...screen, write: (text) => written.push(text) },
    () => clock.time,
    (work, everyMs) => {
      const one = { work, everyMs };
      asked.push(one);
      return () => void asked.splice(asked.indexOf(one), 1);
    },
  );
  /** What a line that is followed says at this time. */
  const status = (line: string): void => {
    const stop = progress.follow(() => line);
    asked.at(-1)!.work();
    stop();
  };
  return { asked, clock, progress, status, written };
}
const erase = '\r\u001b[2K';

describe('status', () => {
  test('in a log: a line when nothing was said for five seconds, a command of nobody’s', () => {
    const { clock, progress, status, written } = watch({});
    for (clock.time = 0; clock.time < 12_000; clock.time += 500) status(`::at ${clock.time}`);
    expect(written).toEqual([':\u200b:at 5000\n', ':\u200b:at 10000\n']);
    progress.info('said');
    clock.time += 4_999;
    status('too soon');
    clock.time += 1;
    status('due\r\n::error::x\u001b[2J');
    expect(written.slice(2)).toEqual(['said\n', 'due ::error::x [2J\n']);
  });

  test('on a terminal: one line, rewritten in place, ten times a second, and gone before anything else is said', () => {
    const { clock, progress, status, written } = watch({ isTTY: true, columns: 10 });
    for (clock.time = 0; clock.time <= 200; clock.time += 50) status(`at ${clock.time}, and much more`);
    progress.info('done');
    progress.info('more');
    expect(written).toEqual(['at 100, a', erase, 'at 200, a', erase, 'done\n', 'more\n']);
  });

  test('is asked for every second in a log, ten times a second on a terminal, until it is over', () => {
    for (const [screen, everyMs] of [
      [{}, 1_000],
      [{ isTTY: true }, 100],
    ] as const) {
      const { asked, progress } = watch(screen);
      const stop = progress.follow(() => 'so far');
      expect(asked.map((one) => one.everyMs)).toEqual([everyMs]);
      stop();
      expect(asked).toEqual([]);
    }
  });

  test('by the clock of the machine, also while nothing happens', async () => {
    const written: string[] = [];
    const progress = progressOn({ isTTY: true, write: (text) => written.push(text) }, Date.now);
    let asked = 0;
    await new Promise<void>((resolve) => {
      const stop = progress.follow(() => {
        asked += 1;
        // A tick may come a millisecond early, by the clock, and then waits for the next.
        if (written.some((text) => text !== erase)) {
          stop();
          resolve();
        }
        return `${asked}`;
      });
    });
    expect(written.find((text) => text !== erase)).toMatch(/^[1-9]$/);
  });
});
