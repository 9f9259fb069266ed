import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ScriptedAws } from '../kit/scripted-aws.ts';
import { CloudFormationWorld } from '../kit/scripted-cloudformation.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';
import { playRun, type Stage } from './provision-env.stories.ts';

const environment = { ...process.env };
beforeAll(() => {
  jest.spyOn(Math, 'random').mockReturnValue(0);
});
afterAll(() => {
  jest.restoreAllMocks();
  process.env = environment;
});

const keys = ['foundation', 'edge', 'app', 'monitoring'];
const kept =
  'DatabaseLogGroup DatabasePassword DatabaseUpgradeLogGroup DatabaseUrl FlowLogGroup FrontendBucket JwtSecret LogBucket LogGroup OpenaiApiKey RedisUrl Repository TrailBucket UploadsBucket';
const writes = ['CreateChangeSet', 'ExecuteChangeSet', 'UpdateTerminationProtection', 'DeleteStack'];

let stage: Stage;
beforeEach(async () => {
  const clock = new VirtualClock(new Date(Date.UTC(2026, 10, 24)));
  const world = new CloudFormationWorld(clock);
  const aws = await ScriptedAws.start(
    (call) => world.answer(call),
    () => clock.now(),
  );
  stage = { clock, world, aws };
  const up = { inputs: { tier: 'production-medium' }, parameters: {}, steps: [], expect: { colour: 'green' } as const };
  expect((await playRun(up, stage)).error).toBe('');
  for (const key of keys) world.protect(key);
});
afterEach(() => stage.aws.stop());

/** `cuts`: right after these calls the run is no more. */
async function destroy(...cuts: readonly string[]): Promise<Awaited<ReturnType<typeof playRun>>> {
  const run = {
    inputs: { mode: 'destroy', confirm: 'analytics-studio-production' },
    parameters: {},
    steps: cuts.map((at) => ({ at, cancel: true })),
    expect: { colour: 'green' } as const,
  };
  return playRun(run, stage);
}

function expectGone(): void {
  const { world } = stage;
  expect(keys.filter((key) => world.status(key) !== undefined)).toEqual([]);
  expect(world.kept.toSorted().join(' ')).toBe(kept);
  expect(world.snapshots.length).toBe(1);
}

describe('a run that is cut off is finished by the next, and what must stay stays', () => {
  test.each(
    writes.flatMap((operation) =>
      (operation.endsWith('ChangeSet') ? [1] : [1, 2, 3, 4]).map((nth) => `${operation}#${nth}`),
    ),
  )('after %s', async (cut) => {
    const first = await destroy(cut);
    expect(first.error).toContain('Cancelled');
    expect((await destroy()).error).toBe('');
    expectGone();
  });

  test('even when every run ends with its first write', async () => {
    const ends: string[] = [];
    for (let runs = 0; runs < 20 && keys.some((key) => stage.world.status(key) !== undefined); runs += 1) {
      const { writes: done } = await destroy(...writes);
      ends.push(done.join(', '));
      // Before foundation and edge, which go side by side, one write is one write.
      if (!ends.some((end) => end.includes('foundation'))) expect(done.length).toBeLessThanOrEqual(1);
    }
    expect((await destroy()).error).toBe('');
    expectGone();
    expect(ends.slice(0, 4)).toEqual(['monitoring unprotect', 'monitoring remove', 'app unprotect', 'app remove']);
  });
});

test('nothing that is needed goes before what needs it', async () => {
  const { writes: done } = await destroy();
  const at = (write: string): number => done.indexOf(write);
  expect(at('monitoring remove')).toBeLessThan(at('app unprotect'));
  expect(at('app remove')).toBeLessThan(at('edge unprotect'));
  expect(at('app remove')).toBeLessThan(at('foundation change-set UPDATE'));
  // The stack is the last to lose its protection.
  expect(at('foundation execute')).toBeLessThan(at('foundation unprotect'));
  expectGone();
});
