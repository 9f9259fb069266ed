import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { awsEnvironment, differences } from '../kit/timeline-run.ts';
import { loadTimelines, play, realTime, type Timeline } from '../kit/timeline.ts';
import { root } from '../tools/actions.ts';
import { spawnAction } from './spawn-action.ts';

/** The timelines that are short enough for real time, on the committed bundle. */
const timelines = loadTimelines(join(root, 'test/timelines/deploy-ecs')).filter(({ live }) => live);
const isCancelled = ({ steps }: Timeline): boolean => steps.some((step) => step.cancel === true);

describe('in real time', () => {
  test('there is a handful, a cancelled run among them', () => {
    expect([timelines.length >= 6, timelines.some(isCancelled)]).toEqual([true, true]);
  });

  for (const timeline of timelines) {
    test.concurrent(timeline.title, async () => {
      const cancelled = isCancelled(timeline);
      const played = await play(timeline, { scheduler: realTime(), cancel: () => undefined });
      try {
        const run = await spawnAction('deploy-ecs', {
          inputs: played.inputs,
          env: awsEnvironment(played.aws.endpoint),
          // A real SIGINT, once the deployment is seen.
          ...(cancelled ? { cancelAt: /0 of 2 running/ } : {}),
        });
        const { exitCode, output, outputs, summary, secondsAfterCancel } = run;
        const shown = { outputs, green: exitCode === 0, log: output, error: output, summary, took: 0 };
        // Which states are seen on the way depends on the moment of each look; in virtual time all are.
        const wrong = differences({ ...timeline, covers: [] }, shown, played);
        expect({ exitCode, wrong }).toEqual({ exitCode: shown.green ? 0 : 1, wrong: [] });
        // The runner's SIGTERM comes after 7.5 s.
        expect(secondsAfterCancel ?? 0).toBeLessThan(cancelled ? 7 : 1);
      } finally {
        played.stop();
      }
    });
  }
});
