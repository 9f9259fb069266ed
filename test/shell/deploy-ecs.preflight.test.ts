import { describe, expect, test } from '@jest/globals';
import type { ActionIo, ActionReport } from '../../shared/action/run.ts';
import { ReadBudget } from '../../actions/deploy-ecs/src/read-budget.ts';
import { run as runAll } from '../../actions/deploy-ecs/src/run.ts';
import { gatherFacts, type PreflightPorts } from '../../actions/deploy-ecs/src/preflight-reads.ts';
import { judgePreflight, type Finding, type Subject } from '../../actions/deploy-ecs/src/preflight.ts';
import { AwsError } from '../../shared/core/errors.ts';
import { at, deployment, inputsOf, revisionArn } from '../kit/ecs.ts';
import { FakeEcs } from '../kit/fake-ecs.ts';
import {
  everything,
  facts,
  image,
  preflightPorts,
  read,
  secretArn,
  subject,
  table,
  targetGroupArn,
} from '../kit/preflight.ts';
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
    follow: () => () => undefined,
    group: <T>(_: string, body: () => Promise<T>) => body(),
  };
  const ports = {
    services: ecs,
    clock: ecs.clock,
    signal: new AbortController().signal,
    tokenSeed: 'seed',
    reads: new ReadBudget(ecs.clock),
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
  expect(w.lines).toContain('preflight: 9 good, 0 wrong, 0 not checked');
  expect(summary).toContain('**Preflight:** 9 good, 0 wrong, 0 not checked');
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
    /image .*secret DATABASE_URL.*secret TOKEN.*role executionRoleArn start.*security group sg-1.*load balancer/s,
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
  expect(summary).toContain('❌ security group');
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
    /allow ec2:DescribeSecurityGroups, ec2:DescribeSubnets, ecr:BatchGetImage, elasticloadbalancing:DescribeTargetGroups, iam:GetRole, logs:DescribeLogGroups, secretsmanager:DescribeSecret, ssm:DescribeParameters$/,
  ],
  ['broken', 'cloud', 'ThrottlingException', /not checked: .*\(ThrottlingException\)/],
] as const)('everything %s is unknown, and the deployment goes on', async (...[, fault, code, line]) => {
  const w = world();
  w.preflight = failing(new AwsError(code, 'no', { service: 'X', operation: 'Y', fault }));
  const { outputs } = await run(w, { image });
  expect(outputs['outcome']).toBe('succeeded');
  expect(w.lines.filter((said) => said.includes('not checked:'))).toEqual([expect.stringMatching(line)]);
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

const refused = (code: string): AwsError =>
  new AwsError(code, 'no', { service: 'X', operation: 'Y', fault: code === 'AccessDenied' ? 'user' : 'cloud' });

async function judged(ports: Partial<PreflightPorts>, special: Partial<Subject> = {}): Promise<readonly Finding[]> {
  const asked = subject(special);
  return judgePreflight(asked, await gatherFacts(asked, { ...preflightPorts([]), ...ports }));
}

const named = (name: string): Partial<Subject> => ({ definition: everything({ container: { image: name } }) });

describe('an image that is not there', () => {
  const missing = (
    kind: 'no-image' | 'no-repository',
    rules: () => Promise<readonly string[]>,
  ): PreflightPorts['images'] => ({
    find: async () => ({ kind }),
    cachePrefixes: rules,
  });
  const team = image.replace('/shop', '/team/shop');
  test.each<readonly [string, string, () => Promise<readonly string[]>, string, RegExp]>([
    ['no rule', team, async () => [], 'wrong', /holds no image/],
    ['another rule', team, async () => ['hub', 'tea', 'team/shop/x'], 'wrong', /holds no image/],
    ['its rule', team, async () => ['hub', 'team'], 'unknown', /pull-through cache rule/],
    ['a rule for all', image, async () => ['ROOT'], 'unknown', /pull-through cache rule/],
    ['rules that are denied', team, () => Promise.reject(refused('AccessDenied')), 'unknown', /denied/],
    ['rules that were throttled', team, () => Promise.reject(refused('ThrottlingException')), 'unknown', /Throttling/],
    [
      'denied rules, and a name none would have',
      image,
      () => Promise.reject(refused('AccessDenied')),
      'wrong',
      /holds no image/,
    ],
  ])('with %s', async (...[, name, rules, verdict, detail]) => {
    const [found] = await judged({ images: missing('no-image', rules) }, named(name));
    expect(found).toMatchObject({ check: 'image', verdict, detail: expect.stringMatching(detail) as unknown });
    if (String(found?.detail) === 'denied') expect(found?.needs).toBe('ecr:DescribePullThroughCacheRules');
  });

  test('the repository may be the rule’s too', async () => {
    const [found] = await judged({ images: missing('no-repository', async () => ['team']) }, named(team));
    expect(found).toMatchObject({ verdict: 'unknown' });
  });

  test('nobody asks for the rules when it is there, or may not be looked for', async () => {
    const unused = () => Promise.reject(new Error('asked for nothing'));
    expect(
      (
        await judged({
          images: { find: async () => ({ kind: 'found', digest: 'd', platforms: [] }), cachePrefixes: unused },
        })
      )[0],
    ).toMatchObject({ verdict: 'ok' });
    expect(
      (await judged({ images: { find: () => Promise.reject(refused('AccessDenied')), cachePrefixes: unused } }))[0],
    ).toMatchObject({ verdict: 'unknown', needs: 'ecr:BatchGetImage' });
  });
});

test('an image elsewhere is not looked for in ECR', async () => {
  const calls: string[] = [];
  const asked = subject(named('nginx:1'));
  await gatherFacts(asked, preflightPorts(calls));
  expect(calls).not.toContain('image');
});

test.each([
  [
    'secretsmanager:DescribeSecret',
    'secret',
    { secrets: { describe: () => Promise.reject(refused('AccessDenied')), keys: async () => [] } },
  ],
  [
    'secretsmanager:GetSecretValue',
    'secret',
    { secrets: { ...preflightPorts([]).secrets, keys: () => Promise.reject(refused('AccessDenied')) } },
  ],
  ['ssm:DescribeParameters', 'secret', { parameters: { existing: () => Promise.reject(refused('AccessDenied')) } }],
  ['iam:GetRole', 'role', { roles: { trustPolicy: () => Promise.reject(refused('AccessDenied')) } }],
  ['logs:DescribeLogGroups', 'log group', { logGroups: { exists: () => Promise.reject(refused('AccessDenied')) } }],
  [
    'ec2:DescribeSubnets',
    'network',
    { networks: { ...preflightPorts([]).networks, subnets: () => Promise.reject(refused('AccessDenied')) } },
  ],
  [
    'ec2:DescribeRouteTables',
    'network',
    { networks: { ...preflightPorts([]).networks, routeTables: () => Promise.reject(refused('AccessDenied')) } },
  ],
  [
    'ec2:DescribeVpcEndpoints',
    'network',
    {
      networks: {
        ...preflightPorts([]).networks,
        routeTables: async () => [table([])],
        endpoints: () => Promise.reject(refused('AccessDenied')),
      },
    },
  ],
  [
    'ec2:DescribeSecurityGroups',
    'security group',
    { networks: { ...preflightPorts([]).networks, securityGroups: () => Promise.reject(refused('AccessDenied')) } },
  ],
  [
    'elasticloadbalancing:DescribeTargetGroups',
    'load balancer',
    {
      targetGroups: { ...preflightPorts([]).targetGroups, targetGroup: () => Promise.reject(refused('AccessDenied')) },
    },
  ],
  [
    'elasticloadbalancing:DescribeLoadBalancers',
    'load balancer',
    { targetGroups: { ...preflightPorts([]).targetGroups, zones: () => Promise.reject(refused('AccessDenied')) } },
  ],
] satisfies readonly (readonly [string, string, Partial<PreflightPorts>])[])(
  '%s denied: %s is unknown, with that action, and nothing is wrong',
  async (action, check, ports) => {
    const findings = await judged(ports);
    expect(findings.filter(({ verdict }) => verdict === 'wrong')).toEqual([]);
    const unknown = findings.filter(({ verdict }) => verdict === 'unknown');
    expect(unknown.map((finding) => finding.check)).toContain(check);
    expect(new Set(unknown.map(({ needs }) => needs))).toEqual(new Set([action]));
  },
);

test('one subnet of two without a way out: the endpoints are asked for, and they decide', async () => {
  const asked = subject();
  const placement = {
    ...asked.service.placement,
    network: { awsvpcConfiguration: { subnets: ['subnet-1', 'subnet-2'] } },
  };
  const networkOf = async (names: readonly string[]): Promise<readonly Finding[]> => {
    const findings = await judged(
      {
        networks: {
          subnets: async (ids) => ids.map((id) => ({ id, vpc: 'vpc-1', zone: 'us-east-1a', owner: '123456789012' })),
          securityGroups: () => Promise.reject(new Error('there is none to ask for')),
          routeTables: async () => [
            table([{ destination: '0.0.0.0/0', target: 'nat-1', active: true }]),
            table([], { id: 'rtb-2', subnets: ['subnet-2'] }),
          ],
          endpoints: async () =>
            names.map((name) => ({
              service: `com.amazonaws.us-east-1.${name}`,
              type: name === 's3' ? 'Gateway' : 'Interface',
              available: true,
              privateDns: true,
              routeTables: ['rtb-2'],
            })),
        },
      },
      { service: { ...asked.service, placement } },
    );
    return findings.filter(({ check }) => check === 'network');
  };
  const names = ['ecr.api', 'ecr.dkr', 's3', 'logs', 'secretsmanager', 'ssm'];
  expect(await networkOf(names)).toMatchObject([
    { subject: 'subnet-1', verdict: 'ok' },
    { subject: 'subnet-2', verdict: 'ok', detail: expect.stringContaining('VPC endpoints') as unknown },
  ]);
  expect(await networkOf(names.slice(1))).toMatchObject([
    { subject: 'subnet-1', verdict: 'ok' },
    { subject: 'subnet-2', verdict: 'wrong', detail: expect.stringMatching(/missing: ecr\.api$/) as unknown },
  ]);
});

test('on instances of one’s own without a load balancer nothing of the network is read', async () => {
  const calls: string[] = [];
  const asked = subject();
  const placement = { ...asked.service.placement, launchType: 'EC2' as const };
  await gatherFacts({ ...asked, service: { ...asked.service, placement, loadBalancers: [] } }, preflightPorts(calls));
  expect(calls.filter((call) => ['subnets', 'security groups', 'route tables', 'endpoints'].includes(call))).toEqual(
    [],
  );
});

test.each([
  ['instances of one’s own', 'EC2', ['subnets']],
  ['Fargate', 'FARGATE', ['route tables', 'security groups', 'subnets']],
] as const)('on %s the network is read as far as it matters', async (_, launchType, expected) => {
  const calls: string[] = [];
  const asked = subject();
  const placement = { ...asked.service.placement, launchType };
  await gatherFacts({ ...asked, service: { ...asked.service, placement } }, preflightPorts(calls));
  expect(
    calls.filter((call) => ['subnets', 'security groups', 'route tables', 'endpoints'].includes(call)).toSorted(),
  ).toEqual(expected);
});

test('a deleted or missing secret is not read, and neither is one without a key; each region is asked for its own', async () => {
  const calls: string[] = [];
  const secret = (id: string, region = 'us-east-1'): string =>
    `arn:aws:secretsmanager:${region}:123456789012:secret:${id}`;
  const definition = everything({
    container: {
      secrets: [
        { name: 'A', valueFrom: `${secret('gone-AbCdEf')}:a::` },
        { name: 'B', valueFrom: `${secret('deleted-AbCdEf')}:a::` },
        { name: 'C', valueFrom: secret('plain-AbCdEf', 'eu-west-1') },
        { name: 'D', valueFrom: `${secret('good-AbCdEf')}:a::` },
        { name: 'E', valueFrom: `${secret('good-AbCdEf')}:b::` },
        { name: 'F', valueFrom: 'arn:aws:ssm:eu-west-1:123456789012:parameter/x' },
        { name: 'G', valueFrom: '/y' },
        { name: 'H', valueFrom: 'arn:aws:ssm:us-east-1:999999999999:parameter/z' },
      ],
    },
  });
  await gatherFacts(subject({ definition }), {
    ...preflightPorts([]),
    secrets: {
      describe: async ({ secret: arn, region }) => {
        calls.push(`describe ${arn.split(':').at(-1) ?? ''} ${region}`);
        return arn.includes('gone')
          ? undefined
          : { arn, deleted: arn.includes('deleted'), versions: new Map([['v1', ['AWSCURRENT']]]) };
      },
      keys: async ({ secret: arn }) => {
        calls.push(`keys ${arn.split(':').at(-1) ?? ''}`);
        return [];
      },
    },
    parameters: {
      existing: async (names, region) => {
        calls.push(`parameters ${names.join(' ')} ${region}`);
        return new Set();
      },
    },
  });
  expect(calls.toSorted()).toEqual([
    'describe deleted-AbCdEf us-east-1',
    'describe gone-AbCdEf us-east-1',
    'describe good-AbCdEf us-east-1',
    'describe plain-AbCdEf eu-west-1',
    'keys good-AbCdEf',
    'keys good-AbCdEf',
    'parameters /y us-east-1',
    'parameters x /x eu-west-1',
  ]);
});

test('another account’s role is not asked for under its name in this one; one that is used twice is asked for once', async () => {
  const roles: string[] = [];
  const trustPolicy = async (name: string): Promise<unknown> => void roles.push(name);
  const definition = (executionRoleArn: string, taskRoleArn: string) =>
    everything({ task: { executionRoleArn, taskRoleArn } });
  await gatherFacts(subject({ definition: definition('both', 'arn:aws:iam::123456789012:role/path/both') }), {
    ...preflightPorts([]),
    roles: { trustPolicy },
  });
  await gatherFacts(subject({ definition: definition('own', 'arn:aws:iam::999999999999:role/theirs') }), {
    ...preflightPorts([]),
    roles: { trustPolicy },
  });
  expect(roles).toEqual(['both', 'own']);
});

test('the zones of all load balancers of a target group count', async () => {
  const targetGroups = {
    targetGroup: async () => ({ type: 'ip', protocol: 'TCP', loadBalancers: ['one', 'two'] }),
    zones: async (arn: string) => (arn === 'one' ? ['us-east-1b'] : ['us-east-1a']),
  };
  expect((await judged({ targetGroups })).at(-1)).toMatchObject({ check: 'load balancer', verdict: 'ok' });
});
