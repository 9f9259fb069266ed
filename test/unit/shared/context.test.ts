import { expect, test } from '@jest/globals';
import { runContext } from '../../../shared/action/context.ts';

const env = {
  GITHUB_ACTIONS: 'true',
  GITHUB_RUN_ID: '42',
  GITHUB_RUN_ATTEMPT: '2',
  GITHUB_JOB: 'deploy',
  GITHUB_ACTION: '__your-org_slipway',
};

test('a step is known by its run, attempt, job and place', () => {
  expect(runContext(env).step).toBe('42/2/deploy/__your-org_slipway');
  expect(runContext({ ...env, GITHUB_ACTION: '__your-org_slipway_2' }).step).not.toBe(runContext(env).step);
});

test('under act, whose runs are all number 1, nothing tells its steps apart', () => {
  expect(runContext({ ...env, ACT: 'true' }).step).toBeUndefined();
});

test('a run has an address, on whichever server it is', () => {
  const here = { ...env, GITHUB_REPOSITORY: 'your-org/studio' };
  expect(runContext(here).runUrl).toBe('https://github.com/your-org/studio/actions/runs/42');
  expect(runContext({ ...here, GITHUB_SERVER_URL: 'https://git.example.com' }).runUrl).toContain(
    'https://git.example.com/',
  );
});

test('a plain shell is no run', () => {
  const context = runContext({});
  expect(context).toMatchObject({ repository: '', runId: '', runAttempt: 1, runUrl: '', sha: '' });
  expect(context.step).toBeUndefined();
  expect(runContext({ GITHUB_RUN_ID: 'x', GITHUB_RUN_ATTEMPT: '' })).toMatchObject({ runId: '', runAttempt: 1 });
});
