import { beforeEach, describe, expect, test } from '@jest/globals';
import { AwsError } from '../../shared/core/errors.ts';
import { FakeStacks, provisionIn, world, type World } from './provision-env.fakes.ts';

const foundation = 'analytics-studio-production-foundation';
const edge = 'analytics-studio-production-edge';
const app = 'analytics-studio-production-app';
const monitoring = 'analytics-studio-production-monitoring';
const bootstrap = 'analytics-studio-bootstrap';
const zone = { domain: 'example.com', 'hosted-zone-id': 'Z0123' };

let aws: World;
beforeEach(() => {
  aws = world();
});

const provision = (inputs: Readonly<Record<string, string>> = {}, file = '') => provisionIn(aws, inputs, { file });

const executed = () => aws.stacks.executed.map(({ stack }) => stack);
const parametersOf = (stack: string) => aws.stacks.executed.findLast((one) => one.stack === stack)!.parameters;

describe('the edge stack', () => {
  test('is left out without a domain and a firewall', async () => {
    expect((await provision()).failure).toBeUndefined();
    expect(executed()).not.toContain(edge);
    expect(parametersOf(app)['SiteWebAclArn'] ?? 'none').toBe('none');
  });

  test('is made beside the foundation for a firewall, and the app is told of it', async () => {
    expect((await provision({ tier: 'production-medium' })).failure).toBeUndefined();
    expect(executed().indexOf(edge)).toBeLessThan(executed().indexOf(app));
    expect(parametersOf(edge)).toMatchObject({ Waf: 'true', Name: 'analytics-studio' });
    expect(parametersOf(app)).toMatchObject({ SiteWebAclArn: `SiteWebAclArn of ${edge}` });
  });

  test('is made for a certificate, which the app uses', async () => {
    const report = await provision(zone);
    expect(report.failure).toBeUndefined();
    expect(parametersOf(edge)).toMatchObject({ Domain: 'example.com', HostedZoneId: 'Z0123' });
    expect(parametersOf(app)['SiteCertificateArn']).toBe(`SiteCertificateArn of ${edge}`);
    expect(report.outputs['site-certificate-arn']).toBe(`SiteCertificateArn of ${edge}`);
  });

  test('is not needed for a certificate that a person gives', async () => {
    const arn = 'arn:aws:acm:us-east-1:123456789012:certificate/x';
    await provision(zone, `parameters: { SiteCertificateArn: '${arn}', ApiCertificateArn: '${arn}' }`);
    expect(executed()).not.toContain(edge);
    expect(parametersOf(app)['SiteCertificateArn']).toBe(arn);
  });

  test('is in the region where CloudFront looks, and only it', async () => {
    const there = new FakeStacks(aws.clock);
    aws = { ...aws, edgeStacks: there };
    expect((await provision(zone)).failure).toBeUndefined();
    expect([...there.stacks.keys()]).toEqual([edge]);
    expect([...aws.stacks.stacks.keys()].sort()).toEqual([app, foundation, monitoring].sort());
    const again = await provision(zone);
    expect(again.outputs['changed']).toBe('false');
    expect((await provision({ ...zone, mode: 'plan' })).outputs['changes']).toBe('0');
    expect(there.changeSets.size).toBe(0);
  });

  test('that loses something waits until the app has let go of it', async () => {
    const firewall = { ...zone, tier: 'production-medium' };
    await provision(firewall);
    aws.stacks.executed.length = 0;
    expect((await provision(firewall, 'parameters: { Waf: false }')).failure).toBeUndefined();
    expect(executed().indexOf(app)).toBeLessThan(executed().indexOf(edge));
    expect(parametersOf(app)).toMatchObject({
      SiteWebAclArn: 'none',
      SiteCertificateArn: `SiteCertificateArn of ${edge}`,
    });
  });

  test('that would lose one thing and get another at once is refused, with the way there', async () => {
    await provision({ tier: 'production-medium' });
    const before = aws.stacks.executed.length;
    await expect(provision(zone)).rejects.toMatchObject({
      code: 'EdgeInTwoSteps',
      hint: expect.stringContaining('First provision with both the certificate and the firewall'),
    });
    expect(aws.stacks.executed).toHaveLength(before);
    expect((await provision({ ...zone, tier: 'production-medium' })).failure).toBeUndefined();
    expect((await provision(zone)).failure).toBeUndefined();
    expect(parametersOf(app)['SiteWebAclArn']).toBe('none');
  });

  test('that nothing needs any more is said, with the command that removes it', async () => {
    await provision(zone);
    await provision();
    expect(aws.lines.join('\n')).toContain(`delete-stack --region us-east-1 --stack-name ${edge}`);
    aws = world();
    await provision();
    expect(aws.lines.join('\n')).not.toContain('delete-stack');
  });

  test('that fails keeps back the app, not the foundation', async () => {
    aws.stacks.behaviour.set(edge, { fails: { SiteCertificate: 'Certificate was not validated' } });
    const report = await provision(zone);
    expect(report.failure?.message).toContain('Certificate was not validated');
    expect(executed()).toContain(foundation);
    expect(executed()).not.toContain(app);
  });
});

describe('the zone in which certificates are proved', () => {
  const denied = new AwsError('AccessDenied', 'no', { service: 'Route53', operation: 'GetHostedZone' });

  test('that the public DNS does not know is refused before anything is made', async () => {
    aws.publicServers = ['dns1.registrar.example'];
    await expect(provision(zone)).rejects.toMatchObject({ code: 'ZoneNotDelegated' });
    await expect(provision({ ...zone, mode: 'plan' })).rejects.toMatchObject({ code: 'ZoneNotDelegated' });
    expect(aws.stacks.writes).toEqual([]);
  });

  test('is looked at no more once the certificates are there', async () => {
    await provision(zone);
    aws.publicServers = ['dns1.registrar.example'];
    expect((await provision(zone)).failure).toBeUndefined();
  });

  test.each<[string, () => void]>([
    ['out of reach', () => (aws.publicServers = undefined)],
    ['denied', () => (aws.zone = denied)],
  ])('%s is a warning, in the log and in a plan', async (_why, arrange) => {
    arrange();
    expect((await provision(zone)).failure).toBeUndefined();
    expect(aws.lines.filter((line) => line.startsWith('warning: whether example.com will be validated'))).toHaveLength(
      1,
    );
    aws = world();
    arrange();
    expect((await provision({ ...zone, mode: 'plan' })).summary).toContain('⚠️ whether example.com');
  });
});

test('a service does not move between Fargate and an instance', async () => {
  await provision({ tier: 'development' });
  const before = aws.stacks.executed.length;
  await expect(provision({ tier: 'development', compute: 'ec2' })).rejects.toMatchObject({ code: 'ComputeFixed' });
  expect(aws.stacks.executed).toHaveLength(before);
  aws = world();
  expect((await provision({ tier: 'development', compute: 'ec2' })).failure).toBeUndefined();
  expect(parametersOf(app)).toMatchObject({ Compute: 'ec2', TaskCpu: '256', TaskMemory: '512' });
});

test('a firewall without blocked addresses has no list of them', async () => {
  const lines = async (file: string): Promise<string> => {
    aws = world();
    await provision({ tier: 'production-medium', mode: 'plan' }, file);
    return aws.lines.join('\n');
  };
  expect(await lines('')).not.toContain('BlockedAddresses');
  expect(await lines('parameters: { WafBlockedAddresses: 198.51.100.0/24 }')).toContain('BlockedAddresses');
});

describe('bootstrap', () => {
  const provider = 'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com';
  const bootstrapped = (environment = 'production', file = '') => provision({ mode: 'bootstrap', environment }, file);

  test('makes the roles for this repository, and GitHub’s provider where there is none', async () => {
    const report = await bootstrapped();
    expect(report.failure).toBeUndefined();
    expect(executed()).toEqual([bootstrap]);
    expect(parametersOf(bootstrap)).toMatchObject({
      App: 'analytics-studio',
      Environment: 'production',
      SharedParts: 'true',
      CreateOidcProvider: 'true',
    });
    expect(report.outputs['plan-role-arn']).toBe(`PlanRoleArn of ${bootstrap}`);
    expect(aws.lines.join('\n')).toContain(
      `aws cloudformation deploy --region us-east-1 --stack-name ${bootstrap} --template-file`,
    );
  });

  test.each(['repo:your-org/studio', 'repo:your-org@11/studio@22'])(
    'trusts the repository as its own token names it: %s',
    async (name) => {
      aws.sub = `${name}:environment:production`;
      await bootstrapped();
      expect(parametersOf(bootstrap)['GitHubSubject']).toBe(name);
      expect(aws.lines.filter((line) => line.startsWith('warning'))).toEqual([]);
    },
  );

  test('without a token takes its numbers, and says so', async () => {
    await bootstrapped();
    expect(parametersOf(bootstrap)['GitHubSubject']).toBe('repo:your-org@11/studio@22');
    expect(aws.lines.join('\n')).toContain('warning: without a token of this job');
  });

  test('takes what the configuration says', async () => {
    aws.sub = 'repo:your-org/studio:ref:refs/heads/main';
    await bootstrapped('production', 'parameters: { GitHubSubject: "repo:your-org/other" }');
    expect(parametersOf(bootstrap)['GitHubSubject']).toBe('repo:your-org/other');
  });

  test('uses a provider that is there, and keeps one that it made', async () => {
    aws.providers = [provider];
    await bootstrapped();
    expect(parametersOf(bootstrap)['CreateOidcProvider']).toBe('false');
    aws = world();
    await bootstrapped();
    aws.providers = [provider];
    expect((await bootstrapped()).outputs['changed']).toBe('false');
  });

  test('gives a further environment a stack of its own, which makes nothing that is shared', async () => {
    await bootstrapped();
    aws.providers = [provider];
    expect((await bootstrapped('staging')).failure).toBeUndefined();
    expect(executed()).toEqual([bootstrap, `${bootstrap}-staging`]);
    expect(parametersOf(`${bootstrap}-staging`)).toMatchObject({
      Environment: 'staging',
      Name: 'analytics-studio-staging',
      SharedParts: 'false',
      CreateOidcProvider: 'false',
    });
    for (const environment of ['production', 'staging'])
      expect((await bootstrapped(environment)).outputs['changed']).toBe('false');
  });

  test('with a dry run only shows', async () => {
    const report = await provision({ mode: 'bootstrap', 'dry-run': 'true' });
    expect(aws.stacks.writes).toEqual([]);
    expect(report.outputs['changed']).toBe('false');
    expect(report.summary).toContain(bootstrap);
  });

  test('its roles are outputs of every later run of its environment, and no other’s', async () => {
    await bootstrapped();
    expect((await provision()).outputs['plan-role-arn']).toBe(`PlanRoleArn of ${bootstrap}`);
    expect((await provision({ mode: 'outputs' })).outputs['plan-role-arn']).toBe(`PlanRoleArn of ${bootstrap}`);
    const staging = { environment: 'staging', mode: 'plan' };
    expect((await provision(staging)).outputs['plan-role-arn']).toBe('');
    await bootstrapped('staging');
    expect((await provision(staging)).outputs['plan-role-arn']).toBe(`PlanRoleArn of ${bootstrap}-staging`);
  });

  test('CloudFormation works with its role, unless another is given', async () => {
    const roles: (string | undefined)[] = [];
    const create = aws.stacks.createChangeSet.bind(aws.stacks);
    aws.stacks.createChangeSet = (request) => {
      roles.push(request.executionRole);
      return create(request);
    };
    await bootstrapped();
    await provision({ tier: 'development' });
    await bootstrapped();
    const own = 'arn:aws:iam::123456789012:role/own';
    await provision({ environment: 'staging', tier: 'development', 'execution-role-arn': own });
    expect([...new Set(roles)]).toEqual([undefined, `ExecutionRoleArn of ${bootstrap}`, own]);
  });

  test('its boundary is on every role that is made later', async () => {
    await provision();
    expect(parametersOf(app)['PermissionsBoundaryArn']).toBe('none');
    aws = world();
    await bootstrapped();
    await provision();
    for (const stack of [foundation, app])
      expect(parametersOf(stack)['PermissionsBoundaryArn']).toBe(`PermissionsBoundaryArn of ${bootstrap}`);
  });
});
