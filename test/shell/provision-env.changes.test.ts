import { beforeEach, expect, test } from '@jest/globals';
import { AwsError } from '../../shared/core/errors.ts';
import { FakeStacks, modification, provisionIn, service, world, type World } from './provision-env.fakes.ts';

const P = 'analytics-studio-production-';
const foundation = P + 'foundation',
  edge = P + 'edge',
  app = P + 'app',
  monitoring = P + 'monitoring';
const bootstrap = 'analytics-studio-bootstrap';
const zone = { domain: 'example.com', 'hosted-zone-id': 'Z0123' };
let aws: World;
beforeEach(() => {
  aws = world();
});
const provision = (inputs: Readonly<Record<string, string>> = {}, file = '', region = 'us-east-1') =>
  provisionIn(aws, inputs, { file, region });
const executed = () => aws.stacks.executed.map(({ stack }) => stack);
const parametersOf = (stack: string) => aws.stacks.executed.findLast((one) => one.stack === stack)!.parameters;
const err = (code: string, service = 'CloudFormation', operation = 'DescribeStacks') =>
  new AwsError(code, code, { service, operation });

test('firewall off while the domain stays: the app lets go before the edge removes', async () => {
  await provision({ ...zone, tier: 'production-medium' });
  aws.stacks.executed.length = 0;
  await provision({ ...zone, tier: 'production-medium' }, 'parameters: { Waf: false }');
  expect(executed().indexOf(app)).toBeLessThan(executed().indexOf(edge));
});

test('what an update of this run could not remove is a warning, in the log and the summary', async () => {
  await provision({ ...zone, tier: 'production-medium' });
  const execute = aws.stacks.executeChangeSet.bind(aws.stacks);
  aws.stacks.executeChangeSet = async (changeSet) => {
    await execute(changeSet);
    const { events } = aws.stacks.stacks.get(edge)!;
    const failure = { type: 'AWS::WAFv2::WebACL', status: 'DELETE_FAILED', reason: 'WAFAssociatedItemException' };
    events.push({ id: 'x1', at: aws.clock.now(), logicalId: 'WebAcl', physicalId: 'acl', ...failure });
  };
  const report = await provision({ ...zone, tier: 'production-medium' }, 'parameters: { WafRateLimit: 500 }');
  expect(report.failure).toBeUndefined();
  expect(report.summary).toContain('could not be removed and stays');
  expect(aws.lines.filter((line) => line.startsWith('warning')).join()).toContain('WebAcl');
});

test('what could not be removed is at least a warning', async () => {
  await provision({ ...zone, tier: 'production-medium' });
  aws.lines.length = 0;
  aws.stacks.finish(edge, 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS');
  aws.stacks.later(5000, () => {
    aws.stacks.stacks.get(edge)!.events.push({
      id: 'x1',
      at: aws.clock.now(),
      logicalId: 'WebAcl',
      physicalId: 'acl',
      type: 'AWS::WAFv2::WebACL',
      status: 'DELETE_FAILED',
      reason: 'WAFAssociatedItemException',
    });
    aws.stacks.finish(edge, 'UPDATE_COMPLETE');
  });
  const report = await provision({ ...zone, tier: 'production-medium' }, 'parameters: { Waf: true }');
  expect(report.summary + aws.lines.filter((l) => l.startsWith('warning')).join()).toContain('WebAcl');
});

test('a domain is added later', async () => {
  await provision();
  aws.stacks.changesOf = (stack, differing) =>
    differing.length === 0
      ? []
      : stack === app
        ? [modification('OriginSecret', { action: 'Remove', type: 'AWS::SecretsManager::Secret' })]
        : [modification('X')];
  const report = await provision(zone);
  expect(report.failure).toBeUndefined();
});

test('the zone of another domain is checked too', async () => {
  await provision(zone);
  aws.zone = { name: 'example.org', nameServers: ['ns-9.awsdns-09.org'] };
  aws.publicServers = ['dns1.registrar.example'];
  await expect(provision({ domain: 'example.org', 'hosted-zone-id': 'Z999' })).rejects.toMatchObject({
    code: 'ZoneNotDelegated',
  });
});
test.each(['none', "''"])('T5 SiteCertificateArn: %s', async (value) => {
  await provision(zone, `parameters: { SiteCertificateArn: ${value} }`);
  expect(executed()).toContain(edge);
  expect(parametersOf(app)['SiteCertificateArn']).toBe(`SiteCertificateArn of ${edge}`);
});

test('compute: ec2 on a stack of the version before', async () => {
  await provision({ tier: 'development' });
  aws.stacks.stacks.get(app)!.state.parameters = new Map(
    [...aws.stacks.stacks.get(app)!.state.parameters].filter(([k]) => k !== 'Compute'),
  );
  await expect(provision({ tier: 'development', compute: 'ec2' })).rejects.toMatchObject({ code: 'ComputeFixed' });
});

test('compute: ec2 while the stack is busy', async () => {
  await provision({ tier: 'development' });
  aws.stacks.finish(app, 'UPDATE_IN_PROGRESS');
  aws.stacks.later(5000, () => aws.stacks.finish(app, 'UPDATE_COMPLETE'));
  aws.stacks.executed.length = 0;
  await provision({ tier: 'development', compute: 'ec2' }).catch((error: unknown) => error);
  expect(executed()).not.toContain(app);
});

test('a last question that fails does not hide what was done', async () => {
  let n = 0;
  Object.assign(aws.secrets, {
    hasValue: async (s: string) => {
      n += 1;
      if (n > 2) throw err('ExpiredTokenException', 'SecretsManager', 'DescribeSecret');
      return s === '';
    },
  });
  const report = await provision();
  expect(report.outputs['changed']).toBe('true');
});

test('us-east-1 out of reach, nothing at the edge wanted', async () => {
  await provision({}, '', 'eu-west-1');
  const there = new FakeStacks(aws.clock);
  there.describe = async () => {
    throw err('TimeoutError');
  };
  aws = { ...aws, edgeStacks: there };
  expect((await provision({}, '', 'eu-west-1')).failure).toBeUndefined();
});

test('bootstrap was in another region', async () => {
  await provision({ mode: 'bootstrap' });
  const other = new FakeStacks(aws.clock);
  const next = { ...aws, stacks: other, edgeStacks: aws.stacks } as World;
  aws = next;
  await provision({}, '', 'eu-west-1');
  expect(parametersOf(app)['PermissionsBoundaryArn']).toBe(`PermissionsBoundaryArn of ${bootstrap}`);
});

test('a role that may not look at the bootstrap stack takes no boundary away', async () => {
  await provision({ mode: 'bootstrap' });
  await provision();
  const real = aws.stacks.describe.bind(aws.stacks);
  aws.stacks.describe = async (s) => {
    if (s.startsWith(bootstrap)) throw err('AccessDenied');
    return real(s);
  };
  aws.stacks.executed.length = 0;
  const report = await provision();
  expect(report.outputs['changed']).toBe('false');
});

test('bootstrap with the configuration that has an execution role', async () => {
  const requests: unknown[] = [];
  const real = aws.stacks.createChangeSet.bind(aws.stacks);
  aws.stacks.createChangeSet = async (r) => {
    requests.push(r.executionRole);
    return real(r);
  };
  await provision(
    { mode: 'bootstrap' },
    'execution-role-arn: arn:aws:iam::123456789012:role/slipway/analytics-studio-cloudformation',
  );
  expect(requests).toEqual([undefined]);
});
const provider = 'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com';

test('a first creation failed, meanwhile somebody made the provider', async () => {
  aws.stacks.behaviour.set(bootstrap, { fails: { OidcProvider: 'EntityAlreadyExists' } });
  await provision({ mode: 'bootstrap' });
  const st = aws.stacks.stacks.get(bootstrap)!;
  // AWS keeps the parameters of a stack that was rolled back
  st.state.parameters = new Map(Object.entries(aws.stacks.executed[0]!.parameters));
  aws.stacks.behaviour.clear();
  aws.providers = [provider];
  await provision({ mode: 'bootstrap' });
  expect(parametersOf(bootstrap)['CreateOidcProvider']).toBe('false');
});

test('the first environment failed: the next is no further one', async () => {
  aws.stacks.add(bootstrap, 'ROLLBACK_COMPLETE', { Environment: 'production', CreateOidcProvider: 'true' });
  await provision({ mode: 'bootstrap', environment: 'staging' });
  expect(aws.stacks.executed[0]!.parameters['SharedParts']).toBe('true');
});

test('a further environment in another zone', async () => {
  await provision({ mode: 'bootstrap', ...zone });
  await provision({ mode: 'bootstrap', environment: 'staging', domain: 'example.org', 'hosted-zone-id': 'Z999' });
  expect(aws.lines.filter((l) => l.startsWith('warning') && l.includes('Z999'))).not.toEqual([]);
});

test('a list of addresses', async () => {
  await provision(
    { tier: 'production-medium' },
    'parameters: { WafBlockedAddresses: [198.51.100.0/24, 203.0.113.0/24] }',
  );
  expect(parametersOf(edge)['WafBlockedAddresses']).toBe('198.51.100.0/24,203.0.113.0/24');
});

test('a plan that fails leaves nothing behind', async () => {
  await provision({ ...zone });
  aws.stacks.behaviour.set(foundation, { refused: 'no' });
  const real = aws.stacks.describeChangeSet.bind(aws.stacks);
  aws.stacks.describeChangeSet = async (id) => {
    const s = await real(id);
    if (id.includes('-edge-')) {
      for (let i = 0; i < 50; i++) await Promise.resolve();
    }
    return s;
  };
  await provision({ mode: 'plan', ...zone }).catch(() => undefined);
  expect(aws.stacks.changeSets.size).toBe(0);
});

test('IAM list denied', async () => {
  Object.assign(aws.oidcProviders, {
    list: async () => {
      throw err('AccessDenied', 'IAM', 'ListOpenIDConnectProviders');
    },
  });
  expect((await provision({ mode: 'bootstrap', 'dry-run': 'true' })).failure).toBeUndefined();
});

test('what the template refuses', async () => {
  await expect(provision({ tier: 'development', compute: 'ec2' }, 'parameters: { TaskMemory: 400 }')).rejects.toThrow();
});

test('what the template accepts', async () => {
  expect(
    (
      await provision(
        { tier: 'development', compute: 'ec2' },
        'parameters: { InstanceType: t3.small, TaskMemory: 1024 }',
      )
    ).failure,
  ).toBeUndefined();
});

test('a reviewed plan belongs to its region', async () => {
  const plan = await provision({ mode: 'plan', ...zone }, '', 'eu-west-1');
  const other = await provision({ mode: 'plan', ...zone }, '', 'us-west-2');
  expect(plan.outputs['plan-digest']).not.toBe(other.outputs['plan-digest']);
});

test('configured subject contradicts the token', async () => {
  aws.sub = 'repo:your-org@11/studio@22:environment:production';
  await provision({ mode: 'bootstrap' }, 'parameters: { GitHubSubject: "repo:your-org/studio" }');
  expect(aws.lines.filter((l) => l.startsWith('warning'))).not.toEqual([]);
});

test('zone throttled', async () => {
  aws.zone = err('Throttling', 'Route53', 'GetHostedZone');
  expect((await provision(zone)).failure).toBeUndefined();
});

test('upgrade: old stacks without the new parameters and outputs', async () => {
  await provision();
  const f = aws.stacks.stacks.get(foundation)!,
    a = aws.stacks.stacks.get(app)!;
  const oldF = [
    'Kms',
    'FlowLogs',
    'Trail',
    'TrailRetentionDays',
    'AccessLogRetentionDays',
    'RequestMetrics',
    'PermissionsBoundaryArn',
  ];
  const oldA = [
    'LogBucket',
    'KmsKeyArn',
    'SiteWebAclArn',
    'Compute',
    'InstanceType',
    'AutoScaling',
    'MinCount',
    'MaxCount',
    'ContentSecurityPolicy',
    'Waf',
    'WafRateLimit',
    'WafBlockedAddresses',
    'PermissionsBoundaryArn',
  ];
  f.state.parameters = new Map([...f.state.parameters].filter(([k]) => !oldF.includes(k)));
  a.state.parameters = new Map([...a.state.parameters].filter(([k]) => !oldA.includes(k)));
  f.state.outputs = new Map(
    [...f.state.outputs].filter(
      ([k]) => !['LogBucket', 'KmsKeyArn', 'CacheIdentifier', 'DatabaseIdentifier'].includes(k),
    ),
  );
  aws.stacks.stacks.delete(monitoring);
  aws.service = service('arn:aws:ecs:us-east-1:1:task-definition/analytics-studio-backend:7', 'COMPLETED');
  expect((await provision({ mode: 'plan' })).failure).toBeUndefined();
  expect((await provision()).failure).toBeUndefined();
});

test('zone in which a sub-domain is delegated elsewhere', async () => {
  const asked: string[] = [];
  Object.assign(aws.dns, {
    nameServers: async (n: string) => {
      asked.push(n);
      return n === 'example.com' ? ['ns-1.awsdns-01.org'] : ['elsewhere.example'];
    },
  });
  await expect(provision({ domain: 'dev.example.com', 'hosted-zone-id': 'Z0123' })).rejects.toMatchObject({
    code: 'ZoneNotDelegated',
  });
});

test('hint of a second failure', async () => {
  aws.stacks.behaviour.set(foundation, { fails: { Database: 'x' } });
  aws.stacks.behaviour.set(edge, {
    fails: {
      SiteCertificate:
        'User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: acm:RequestCertificate on resource: *',
    },
  });
  const r = await provision(zone);
  expect(r.failure?.hint).toContain('acm:RequestCertificate');
});
