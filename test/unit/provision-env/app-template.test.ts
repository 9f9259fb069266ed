import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseYaml } from '../../../actions/provision-env/src/template.ts';
import { evaluate, type Tree } from './evaluate.ts';

const text = readFileSync(join(import.meta.dirname, '../../../actions/provision-env/templates/app.yml'), 'utf8');
const app = (given: Readonly<Record<string, string>> = {}): Tree => evaluate(text, given);
const domain = { Domain: 'example.com', HostedZoneId: 'Z1', SiteCertificateArn: 'arn:site' };
const list = (items: Tree): Tree[] => items as Tree[];
const ofType = (stack: Tree, type: string): readonly string[] =>
  Object.entries(stack as Record<string, Tree>).flatMap(([id, { Type }]) => (Type === type ? [id] : []));
const roles = 'AWS::IAM::Role';

describe('scaling', () => {
  const stack = app();

  test('from two to four tasks of this very service', () => {
    expect(stack.ScalableTarget.Properties).toMatchObject({
      MinCapacity: 2,
      MaxCapacity: 4,
      ServiceNamespace: 'ecs',
      ScalableDimension: 'ecs:service:DesiredCount',
      ResourceId: `service/<Cluster>/${stack.Service.Properties.ServiceName}`,
    });
    expect(stack.ScalableTarget.DependsOn).toBe('Service');
  });

  test.each([
    ['CpuScaling', 'ECSServiceAverageCPUUtilization', 80],
    ['MemoryScaling', 'ECSServiceAverageMemoryUtilization', 85],
  ])('%s follows %s at %i %%', (id, metric, target) => {
    expect(stack[id].Properties).toMatchObject({
      PolicyType: 'TargetTrackingScaling',
      ScalingTargetId: '<ScalableTarget>',
      TargetTrackingScalingPolicyConfiguration: {
        PredefinedMetricSpecification: { PredefinedMetricType: metric },
        TargetValue: target,
      },
    });
  });

  test('or not at all; and the number of tasks is nobody’s once the service is there', () => {
    const fixed = app({ AutoScaling: 'false', ServiceCount: 'keep' });
    for (const id of ['ScalableTarget', 'CpuScaling', 'MemoryScaling']) expect(fixed).not.toHaveProperty(id);
    expect(fixed.Service.Properties).not.toHaveProperty('DesiredCount');
    expect(app({ ServiceCount: 'keep' }).Service.Properties).not.toHaveProperty('DesiredCount');
  });
});

describe('compute', () => {
  const onInstance = ['InstanceRole', 'InstanceProfile', 'InstanceTemplate', 'Instances', 'CapacityProvider'];

  test('Fargate needs nothing of an instance', () => {
    const stack = app();
    for (const id of [...onInstance, 'ClusterCapacity']) expect(stack).not.toHaveProperty(id);
    expect(stack.Service.Properties).toMatchObject({
      LaunchType: 'FARGATE',
      DeploymentConfiguration: { MinimumHealthyPercent: 100 },
    });
    expect(stack.Service.Properties).not.toHaveProperty('CapacityProviderStrategy');
    expect(stack.TargetGroup.Properties.TargetType).toBe('ip');
    expect(stack.BaseTaskDefinition.Properties).toMatchObject({
      NetworkMode: 'awsvpc',
      RequiresCompatibilities: ['FARGATE'],
      ContainerDefinitions: [{ PortMappings: [{ ContainerPort: 8000, Protocol: 'tcp' }] }],
    });
    expect(stack.BaseTaskDefinition.Properties.ContainerDefinitions[0].PortMappings[0]).not.toHaveProperty('HostPort');
  });

  const stack = app({ Compute: 'ec2', TaskMemory: '512', TaskPublicIp: 'ENABLED' });

  test('on an instance tasks share its network and are stopped before the next ones start', () => {
    expect(stack.BaseTaskDefinition.Properties).toMatchObject({
      NetworkMode: 'bridge',
      RequiresCompatibilities: ['EC2'],
      Memory: '512',
      ContainerDefinitions: [{ PortMappings: [{ ContainerPort: 8000, HostPort: 0 }] }],
    });
    expect(stack.Service.Properties).toMatchObject({
      CapacityProviderStrategy: [{ CapacityProvider: '<CapacityProvider>', Base: 0, Weight: 1 }],
      DeploymentConfiguration: { MinimumHealthyPercent: 0 },
    });
    expect(stack.Service.Properties).not.toHaveProperty('LaunchType');
    expect(stack.Service.Properties).not.toHaveProperty('NetworkConfiguration');
    expect(stack.Service.DependsOn).toContain('ClusterCapacity');
    expect(stack.ClusterCapacity.Properties).toMatchObject({
      Cluster: '<Cluster>',
      CapacityProviders: ['<CapacityProvider>'],
    });
  });

  test('the load balancer reaches whatever port a task gets there', () => {
    expect(stack.TargetGroup.Properties.TargetType).toBe('instance');
    const range = { FromPort: 32768, ToPort: 65535 };
    expect(stack.TaskIngress.Properties).toMatchObject(range);
    expect(stack.LoadBalancerSecurityGroup.Properties.SecurityGroupEgress).toEqual([expect.objectContaining(range)]);
  });

  test('the instance is one t3.micro of the newest image, closed and encrypted', () => {
    const { LaunchTemplateData: data } = stack.InstanceTemplate.Properties;
    expect(data).toMatchObject({
      ImageId: 'resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id',
      InstanceType: 't3.micro',
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
      NetworkInterfaces: [{ AssociatePublicIpAddress: true, Groups: ['<TaskSecurityGroupId>'] }],
    });
    expect(data.BlockDeviceMappings).toEqual([
      expect.objectContaining({ Ebs: expect.objectContaining({ Encrypted: true }) }),
    ]);
    expect(data.UserData['Fn::Base64']).toContain('ECS_CLUSTER=<Cluster> >> /etc/ecs/ecs.config');
    expect(stack.Instances.Properties).toMatchObject({
      MinSize: '1',
      MaxSize: '1',
      VPCZoneIdentifier: '<TaskSubnetIds>',
    });
    const behindNat = app({ Compute: 'ec2', TaskPublicIp: 'DISABLED' }).InstanceTemplate.Properties.LaunchTemplateData;
    expect(behindNat.NetworkInterfaces[0].AssociatePublicIpAddress).toBe(false);
  });
});

test('every role carries the boundary, if there is one', () => {
  const boundary = 'arn:aws:iam::123456789012:policy/analytics-studio-boundary';
  const bounded = app({ Compute: 'ec2', PermissionsBoundaryArn: boundary });
  expect(ofType(bounded, roles)).toEqual(['ExecutionRole', 'TaskRole', 'InstanceRole']);
  for (const id of ofType(bounded, roles))
    expect([id, bounded[id].Properties.PermissionsBoundary]).toEqual([id, boundary]);
  const free = app({ Compute: 'ec2' });
  for (const id of ofType(free, roles)) expect(free[id].Properties).not.toHaveProperty('PermissionsBoundary');
});

describe('the firewall', () => {
  const rules = (given: Readonly<Record<string, string>>): readonly string[] =>
    list(app({ Waf: 'true', ...given }).WebAcl.Properties.Rules).map(({ Name }) => Name as string);
  const managed = ['ip-reputation', 'known-bad-inputs', 'common', 'common-bodies', 'sql-injection'];
  // As the evaluated default of a list: one empty text.
  const none = { WafBlockedAddresses: [''] as unknown as string };
  const some = { WafBlockedAddresses: ['203.0.113.0/24'] as unknown as string };

  test('stands before the load balancer, or is not there', () => {
    expect(app({ Waf: 'true', ...none }).WebAclAssociation.Properties).toEqual({
      WebACLArn: '<WebAcl.Arn>',
      ResourceArn: '<LoadBalancer>',
    });
    for (const id of ['WebAcl', 'WebAclAssociation', 'BlockedAddresses'])
      expect(app({ ...domain, ...some })).not.toHaveProperty(id);
  });

  test('limits and blocks addresses where it sees those of the clients', () => {
    expect(rules({ ...domain, ...some })).toEqual(['blocked-addresses', 'rate-limit', ...managed]);
    expect(rules({ ...domain, ...none })).toEqual(['rate-limit', ...managed]);
    expect(rules(some)).toEqual(managed);
    expect(app({ Waf: 'true', ...some })).not.toHaveProperty('BlockedAddresses');
  });

  test('lets large uploads and questions about SQL pass', () => {
    const all = list(app({ Waf: 'true', ...none }).WebAcl.Properties.Rules);
    const counted = (group: string): readonly string[] => {
      const groups = all.map(({ Statement }): Tree => Statement.ManagedRuleGroupStatement);
      const overrides = list(groups.find((statement) => statement?.Name === group).RuleActionOverrides);
      for (const { ActionToUse } of overrides) expect(ActionToUse).toEqual({ Count: {} });
      return overrides.map(({ Name }) => Name as string);
    };
    expect(counted('AWSManagedRulesCommonRuleSet')).toContain('SizeRestrictions_BODY');
    expect(counted('AWSManagedRulesSQLiRuleSet')).toEqual(['SQLi_BODY', 'SQLiExtendedPatterns_BODY']);
    const files = new RegExp(
      all.find(({ Name }) => Name === 'common-bodies').Statement.AndStatement.Statements[1].NotStatement.Statement
        .RegexMatchStatement.RegexString as string,
    );
    expect('text/csv; charset=utf-8').toMatch(files);
    expect('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet').toMatch(files);
    expect('multipart/form-data; boundary=x').toMatch(files);
    expect('application/json').not.toMatch(files);
  });

  test('CloudFront has the one from the edge stack', () => {
    const arn = 'arn:aws:wafv2:us-east-1:123456789012:global/webacl/x/1';
    expect(app({ SiteWebAclArn: arn }).Distribution.Properties.DistributionConfig.WebACLId).toBe(arn);
    expect(app().Distribution.Properties.DistributionConfig).not.toHaveProperty('WebACLId');
  });
});

describe('the API’s certificate', () => {
  test('is made in the hosted zone', () => {
    const stack = app(domain);
    expect(stack.ApiCertificate.Properties).toMatchObject({
      DomainName: 'api.example.com',
      ValidationMethod: 'DNS',
      DomainValidationOptions: [{ DomainName: 'api.example.com', HostedZoneId: 'Z1' }],
    });
    expect(stack.HttpsListener.Properties.Certificates).toEqual([{ CertificateArn: '<ApiCertificate>' }]);
    expect(stack.HttpListener.Properties.DefaultActions).toEqual([
      { Type: 'redirect', RedirectConfig: { Protocol: 'HTTPS', Port: '443', StatusCode: 'HTTP_301' } },
    ]);
  });

  test('is the one that was given', () => {
    const stack = app({ ...domain, ApiCertificateArn: 'arn:own' });
    expect(stack).not.toHaveProperty('ApiCertificate');
    expect(stack.HttpsListener.Properties.Certificates).toEqual([{ CertificateArn: 'arn:own' }]);
  });

  test('is not needed without a domain', () => {
    expect(app()).not.toHaveProperty('ApiCertificate');
    expect(app()).not.toHaveProperty('HttpsListener');
  });
});

test('access logs go where there is a bucket for them', () => {
  const attributes = (stack: Tree): Readonly<Record<string, string>> =>
    Object.fromEntries(
      list(stack.LoadBalancer.Properties.LoadBalancerAttributes).map(({ Key, Value }) => [
        Key as string,
        Value as string,
      ]),
    );
  const logging = app({ LogBucket: 'logs' });
  expect(attributes(logging)).toMatchObject({
    'access_logs.s3.enabled': 'true',
    'access_logs.s3.bucket': 'logs',
    'access_logs.s3.prefix': 'alb',
  });
  expect(logging.Distribution.Properties.DistributionConfig.Logging).toEqual({
    Bucket: 'logs.s3.amazonaws.com',
    Prefix: 'cloudfront/',
    IncludeCookies: false,
  });
  expect(attributes(app())).toMatchObject({ 'access_logs.s3.enabled': 'false' });
  expect(attributes(app())).not.toHaveProperty(['access_logs.s3.bucket']);
  expect(app().Distribution.Properties.DistributionConfig).not.toHaveProperty('Logging');
});

test('a customer key may be used by those who read secrets and write uploads', () => {
  const actions = (stack: Tree, role: string): readonly unknown[] =>
    list(stack[role].Properties.Policies[0].PolicyDocument.Statement)
      .filter(({ Resource }) => Resource === 'arn:key')
      .map(({ Action }) => Action as unknown);
  const stack = app({ KmsKeyArn: 'arn:key' });
  expect(actions(stack, 'ExecutionRole')).toEqual(['kms:Decrypt']);
  expect(actions(stack, 'TaskRole')).toEqual([['kms:Decrypt', 'kms:GenerateDataKey']]);
  expect(stack.OriginSecret.Properties.KmsKeyId).toBe('arn:key');
  expect(JSON.stringify(app())).not.toContain('kms:');
});

describe('the content security policy', () => {
  const policy = (given: Readonly<Record<string, string>> = {}): Tree =>
    app(given).SecurityHeaders.Properties.ResponseHeadersPolicyConfig.SecurityHeadersConfig.ContentSecurityPolicy;

  test('lets the site call itself and its API', () => {
    expect(policy().ContentSecurityPolicy).toContain("; connect-src 'self'; ");
    expect(policy(domain).ContentSecurityPolicy).toContain("; connect-src 'self' https://api.example.com; ");
    expect(policy().ContentSecurityPolicy).toMatch(/^default-src 'self'; script-src 'self'; /);
    expect(policy().Override).toBe(false);
  });

  test('can be another, or none', () => {
    expect(policy({ ContentSecurityPolicy: "default-src 'none'" }).ContentSecurityPolicy).toBe("default-src 'none'");
    expect(policy({ ContentSecurityPolicy: 'none' })).toBeUndefined();
  });
});

describe('what is refused before anything is made', () => {
  const { Parameters, Rules } = parseYaml(text) as Tree;
  /** Whether CloudFormation accepts these parameters, as a rule without functions of its own says. */
  const accepted = (rule: string, given: Readonly<Record<string, string>>): boolean => {
    const { RuleCondition, Assertions } = Rules[rule];
    const broken = list(Assertions).map(({ Assert }): Tree => ({ 'Fn::Not': [Assert] }));
    const conditions = { Refused: { 'Fn::And': [RuleCondition, { 'Fn::Or': broken }] } };
    const asTemplate = { Parameters, Conditions: conditions, Resources: { Refusal: { Condition: 'Refused' } } };
    return !('Refusal' in evaluate(JSON.stringify(asTemplate), given));
  };

  test.each([
    [{}, true],
    [domain, true],
    [{ Domain: 'example.com', HostedZoneId: 'Z1' }, false],
    [{ Domain: 'example.com', HostedZoneId: 'Z1', SiteCertificateArn: '' }, false],
    [{ Domain: 'example.com', SiteCertificateArn: 'arn:site' }, false],
    [{ Domain: 'example.com', SiteCertificateArn: 'arn:site', ApiCertificateArn: 'arn:api' }, true],
  ] as [Record<string, string>, boolean][])('a domain without its certificates: %j', (given, fine) => {
    expect(accepted('CertificatesWithDomain', given)).toBe(fine);
  });

  test('more memory than a t3.micro has', () => {
    const { RuleCondition, Assertions } = Rules.RoomOnTheInstance;
    expect(RuleCondition['Fn::And']).toEqual([
      { 'Fn::Equals': [{ Ref: 'Compute' }, 'ec2'] },
      { 'Fn::Equals': [{ Ref: 'InstanceType' }, 't3.micro'] },
    ]);
    expect(Assertions[0].Assert).toEqual({ 'Fn::Contains': [['256', '384', '512'], { Ref: 'TaskMemory' }] });
  });
});
