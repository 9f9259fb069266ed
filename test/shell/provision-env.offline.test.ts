import { expect, test } from '@jest/globals';
import type { Stacks } from '../../shared/aws/cloudformation.ts';
import { InputError } from '../../shared/core/errors.ts';
import type { RunIo } from '../../actions/provision-env/src/run.ts';
import { readTemplates } from '../../actions/provision-env/src/templates.ts';
import { provisionIn, world, type World } from './provision-env.fakes.ts';

const fork = { number: 7, isFork: true };

/** Whatever is asked of AWS fails the test. */
function unreachable(): RunIo & Pick<World, 'lines'> {
  const aws = world();
  const no = (what: string) => () => {
    throw new Error(`AWS was asked: ${what}`);
  };
  const stacks = new Proxy({} as Stacks, { get: (_, name) => no(String(name)) });
  return {
    ...aws,
    stacks,
    edgeStacks: stacks,
    zones: { zone: no('zone') },
    dns: { nameServers: no('dns') },
    secrets: { hasValue: no('secret') },
    services: { describeService: no('service') },
    subject: no('token'),
  };
}

test('the plan of a pull request from a fork comes from the templates, and AWS is not asked', async () => {
  const aws = unreachable();
  const file = 'domain: example.com\nhosted-zone-id: Z0123456789ABC\n';
  const { outputs, summary, failure } = await provisionIn(
    { ...aws, context: { ...aws.context, pullRequest: fork } },
    { mode: 'plan', comment: 'true', 'github-token': 'x' },
    { file, pullRequest: fork },
  );
  expect(failure).toBeUndefined();
  expect(outputs).toMatchObject({ changed: 'false', changes: '' });
  expect(Number(outputs['monthly-usd'])).toBeGreaterThan(150);
  expect(summary).toContain('offline, ');
  expect(summary).toContain('AWS was not asked');
  expect(summary).toContain('what runs is not known here');
  expect(summary).toContain('PostgreSQL database');
  expect(summary).toContain('48 in the template');
  // Also what hangs on other stacks' outputs is shown.
  expect(summary).toContain('analytics-studio-production-edge');
  expect(aws.lines.join('\n')).toContain('comment  none: the pull request comes from a fork');
});

test('nothing can be applied by it', async () => {
  const { outputs } = await provisionIn(unreachable(), { mode: 'plan' }, { pullRequest: fork });
  expect(outputs['plan-digest']).toMatch(/\.foundation-open\.app-open\.monitoring-open$/);
  const aws = world();
  const applied = provisionIn(aws, { 'plan-digest': outputs['plan-digest']! });
  await expect(applied).rejects.toThrow('reviewed');
  expect(aws.stacks.writes).toEqual([]);
});

test('a pull request of the repository itself is planned with AWS', async () => {
  const aws = world();
  const { outputs, summary } = await provisionIn(aws, { mode: 'plan' }, { pullRequest: { number: 7, isFork: false } });
  const { foundation, app, monitoring } = readTemplates();
  const all = [foundation, app, monitoring].flatMap(({ resources }) => [...resources]);
  expect(Number(outputs['changes'])).toBeGreaterThan(all.length / 2);
  expect(summary).not.toContain('offline');
  expect(summary).not.toContain('in the template');
});

test('a fork does not get around the inputs', async () => {
  const bad = provisionIn(unreachable(), { mode: 'plan', tier: 'huge' }, { pullRequest: fork });
  await expect(bad).rejects.toThrow(InputError);
});
