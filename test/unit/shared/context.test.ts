import { expect, test } from '@jest/globals';

// @actions/github reads the run's numbers from the process when it is loaded.
Object.assign(process.env, { GITHUB_RUN_ID: '42', GITHUB_RUN_ATTEMPT: '2' });
const { runContext } = await import('../../../shared/action/context.ts');

test('a step is known by its run, attempt, job and place', () => {
  const env = { GITHUB_ACTIONS: 'true', GITHUB_JOB: 'deploy', GITHUB_ACTION: '__your-org_slipway' };
  expect(runContext(env).step).toBe('42/2/deploy/__your-org_slipway');
  expect(runContext({ ...env, GITHUB_ACTION: '__your-org_slipway_2' }).step).not.toBe(runContext(env).step);
});

test('under act, whose runs are all number 1, nothing tells its steps apart', () => {
  expect(runContext({ GITHUB_ACTIONS: 'true', ACT: 'true', GITHUB_JOB: 'deploy' }).step).toBeUndefined();
});
