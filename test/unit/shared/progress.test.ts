import { describe, expect, test } from '@jest/globals';
import { progressOn } from '../../../shared/action/progress.ts';

function watch(screen: { readonly isTTY?: boolean; readonly columns?: number }) {
  const written: string[] = [];
  const clock = { time: 0 };
  const progress = progressOn({ ...screen, write: (text) => written.push(text) }, () => clock.time);
  return { clock, progress, written };
}
const erase = '\r\u001b[2K';

describe('status', () => {
  test('in a log: a line when nothing was said for five seconds, a command of nobody’s', () => {
    const { clock, progress, written } = watch({});
    for (clock.time = 0; clock.time < 12_000; clock.time += 500) progress.status(`::at ${clock.time}`);
    expect(written).toEqual([':\u200b:at 5000\n', ':\u200b:at 10000\n']);
    progress.info('said');
    clock.time += 4_999;
    progress.status('too soon');
    clock.time += 1;
    progress.status('due\r\n::error::x\u001b[2J');
    expect(written.slice(2)).toEqual(['said\n', 'due ::error::x [2J\n']);
  });

  test('on a terminal: one line, rewritten in place, ten times a second, and gone before anything else is said', () => {
    const { clock, progress, written } = watch({ isTTY: true, columns: 10 });
    for (clock.time = 0; clock.time <= 200; clock.time += 50) progress.status(`at ${clock.time}, and much more`);
    progress.info('done');
    progress.info('more');
    expect(written).toEqual(['at 100, a', erase, 'at 200, a', erase, 'done\n', 'more\n']);
  });
});
