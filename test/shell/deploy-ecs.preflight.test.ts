import { expect, test } from '@jest/globals';
import type { ActionIo, ActionReport } from '../../shared/action/run.ts';
import { run as runAll } from '../../actions/deploy-ecs/src/run.ts';
import type { PreflightPorts } from '../../actions/deploy-ecs/src/preflight-reads.ts';
import { AwsError } from '../../shared/core/errors.ts';
import { at, deployment, inputsOf, revisionArn } from '../kit/ecs.ts';
import { FakeEcs } from '../kit/fake-ecs.ts';
import { everything, facts, image, preflightPorts, read, secretArn, targetGroupArn } from '../kit/preflight.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

interface World {
  readonly ecs: FakeEcs;
  readonly lines: string[];
  readonly calls: string[];
  preflight: PreflightPorts;
}

function world(): World {
  const ecs = new FakeEcs(new VirtualClock(at(0)), {
    loadBalancers: [{ targetGroup: targetGroupArn, container: 'fastapi', port: 8000 }],
  });
  ecs.define('backend:1', everything({ container: { image: `${image.slice(0, -1)}1` } }));
  ecs.onUpdate = (own) => ecs.clock.after(3, () => ecs.complete(own));
  const calls: string[] = [];
  return { ecs, lines: [], calls, preflight: preflightPorts(calls) };
}

async function run({ ecs, lines, preflight }: World, values: Readonly<Record<string, string>>): Promise<ActionReport> {
  const progress = {
    info: (line: string) => lines.push(line),
    warn: (line: string) => lines.push(line),
    group: <T>(_: string, body: () => Promise<T>) => body(),
  };
  const ports = {
    services: ecs,
    clock: ecs.clock,
    signal: new AbortController().signal,
    tokenSeed: 'seed',
    progress,
    logs: { read: async () => ({ lines: [], next: undefined }), tail: async () => [] },
    balancers: { targetHealth: async () => [] },
    ask: async () => ({ status: 200, ms: 1, body: '' }),
    preflight,
  };
  return runAll(inputsOf(values), { progress } as unknown as ActionIo, ports);
}

/** Every call of every port ends like this. */
function failing(error: Error): PreflightPorts {
  return new Proxy({} as PreflightPorts, {
    get: () => new Proxy({}, { get: () => () => Promise.reject(error) }),
  });
}

const allWrong = facts({
  images: new Map([[image, read({ kind: 'no-image' })]]),
  secrets: new Map([[secretArn, read(undefined)]]),
  parameters: new Map([['us-east-1', read(new Set<string>())]]),
  roles: new Map([
    ['start', read<unknown>(undefined)],
    ['run', read<unknown>({})],
  ]),
  logGroups: new Map([['us-east-1 /ecs/shop', read(false)]]),
  routeTables: read([]),
  securityGroups: read([{ id: 'sg-1', egress: [] }]),
  targetGroups: new Map([[targetGroupArn, read(undefined)]]),
});

// FakeEcs describes no task role.
test('all is well: each thing is read once, no secret’s value without need of it, and the deployment goes on', async () => {
  const w = world();
  const { outputs, summary } = await run(w, { image });
  expect(outputs['outcome']).toBe('succeeded');
  expect(w.lines).toContain('preflight: 9 of 9 checks good');
  expect(summary).toContain('**Preflight:** 9 of 9 checks good');
  expect(w.calls.toSorted()).toEqual(
    [
      'image',
      'keys',
      'log group',
      'parameters /shop/token',
      'role start',
      `secret ${secretArn}`,
      'security groups',
      'subnets',
      'target group',
      'route tables',
      'zones',
    ].toSorted(),
  );
});

test('all is wrong: one error names it all, and nothing was touched', async () => {
  const w = world();
  w.preflight = preflightPorts(w.calls, allWrong);
  const { failure, outputs } = await run(w, { image, 'run-before': 'migrate' });
  expect(failure?.code).toBe('PreflightFailed');
  expect(outputs).toMatchObject({ outcome: 'failed', changed: 'false', diagnosis: failure?.message });
  expect(failure?.message).toMatch(
    /image .*secret DATABASE_URL.*secret TOKEN.*role executionRoleArn start.*log group \/ecs\/shop.*security group sg-1.*load balancer/s,
  );
  expect(w.ecs.writes).toEqual([]);
  // A secret that is not there is not read.
  expect(w.calls).not.toContain('keys');
});

test('a dry run shows the same, and is red', async () => {
  const w = world();
  w.preflight = preflightPorts(w.calls, allWrong);
  const { outputs, summary, failure } = await run(w, { image, 'dry-run': 'true' });
  expect(outputs['outcome']).toBe('failed');
  expect(failure?.code).toBe('PreflightFailed');
  expect(summary).toContain('❌ log group');
  expect(w.ecs.writes).toEqual([]);
});

test('a rollback is warned and not held up: what it goes back to did run', async () => {
  const w = world();
  w.preflight = preflightPorts(w.calls, allWrong);
  w.ecs.define('backend:2', everything({}));
  w.ecs.service!.taskDefinition = revisionArn('backend:2');
  w.ecs.service!.deployments = [deployment({ id: 'ecs-svc/1', taskDefinition: revisionArn('backend:2') })];
  // FakeEcs says of the record of ecs-svc/1 that backend:1 was deployed.
  w.ecs.keepRecord(deployment({ id: 'ecs-svc/1' }), { status: 'SUCCESSFUL' });
  const { outputs } = await run(w, { rollback: 'true' });
  expect(outputs['outcome']).toBe('succeeded');
  expect(w.lines).toContainEqual(expect.stringContaining('The deployment could not work'));
});

test.each([
  [
    'denied',
    'user',
    'AccessDeniedException',
    /allow ec2:DescribeSecurityGroups, ec2:DescribeSubnets, ecr:BatchGetImage/,
  ],
  ['broken', 'cloud', 'ThrottlingException', /not checked: .*\(ThrottlingException\)/],
] as const)('everything %s is unknown, and the deployment goes on', async (...[, fault, code, line]) => {
  const w = world();
  w.preflight = failing(new AwsError(code, 'no', { service: 'X', operation: 'Y', fault }));
  const { outputs } = await run(w, { image });
  expect(outputs['outcome']).toBe('succeeded');
  expect(w.lines.filter((said) => said.includes('not checked'))).toEqual([expect.stringMatching(line)]);
  expect(w.lines.some((said) => said.includes('✗'))).toBe(false);
});

test('a bug of ours is no unknown', async () => {
  const w = world();
  w.preflight = failing(new TypeError('oops'));
  await expect(run(w, { image })).rejects.toThrow('oops');
  expect(w.ecs.writes).toEqual([]);
});

test('nothing to deploy, nothing to read', async () => {
  const w = world();
  expect((await run(w, {})).outputs['outcome']).toBe('unchanged');
  expect(w.calls).toEqual([]);
});
