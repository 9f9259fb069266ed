import { join } from 'node:path';
import * as sdk from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { loadTimelines, parseTimelines } from '../kit/timeline.ts';
import { differences, enumPaths, lateness, runTimeline } from '../kit/timeline-run.ts';
import { root } from '../tools/actions.ts';

const timelines = loadTimelines(join(root, 'test/timelines/deploy-ecs'));

const environment = { ...process.env };
beforeAll(() => {
  // The SDK waits a random part of its back-off in real time between two tries: here none, as no clock can be given to it.
  jest.spyOn(Math, 'random').mockReturnValue(0);
});
afterAll(() => {
  jest.restoreAllMocks();
  process.env = environment;
});

describe('timelines', () => {
  for (const timeline of timelines) {
    const { todo, title } = timeline;
    const declare = todo === undefined ? test : test.failing;
    declare(todo === undefined ? title : `${title} (known failure: ${todo})`, async () => {
      const { shown, timed, played } = await runTimeline(timeline);
      const wrong = [...differences(timeline, shown, played), ...lateness(timeline, shown, timed)];
      if (wrong.length > 0) throw new Error(`${wrong.join('\n')}\n\n${shown.log}\n${shown.error}`);
    });
  }
});

describe('the files', () => {
  test('every value of the SDK’s enums is in a timeline that really serves it', () => {
    const covered = new Set(timelines.filter(({ todo }) => todo === undefined).flatMap(({ covers }) => covers));
    const missing = Object.keys(enumPaths).flatMap((name) => {
      const values = Object.values((sdk as unknown as Record<string, object>)[name.split('.')[0]!]!);
      return values.map((value) => `${name}.${String(value)}`).filter((value) => !covered.has(value));
    });
    expect(missing).toEqual([]);
  });

  test('there are at least 60, and a typo is an error', () => {
    expect(timelines.length).toBeGreaterThanOrEqual(60);
    const given = (text: string) => () => parseTimelines(text, 'a.yaml');
    expect(given('[{ name: a, expect: { outcome: failed, wirtes: [] } }]')).toThrow('unknown key wirtes');
    expect(given('[{ name: a, steps: [{ at: 1, ours: { runing: 1 } }], expect: { outcome: failed } }]')).toThrow(
      'unknown key runing',
    );
    expect(given('[{ name: a, steps: [{ at: soon?, end: true }], expect: { outcome: failed } }]')).toThrow('soon?');
    expect(given('[{ name: a, expect: {} }]')).toThrow('expect.outcome');
  });
});
