import { CloudWatchLogsClient, CreateLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateRepositoryCommand, ECRClient, PutImageCommand } from '@aws-sdk/client-ecr';
import { CreateTargetGroupCommand, ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { CreateRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { networks } from '../../shared/aws/ec2.ts';
import { imageFinder } from '../../shared/aws/ecr.ts';
import { targetGroups } from '../../shared/aws/elbv2.ts';
import { roles } from '../../shared/aws/iam.ts';
import { logGroups } from '../../shared/aws/logs.ts';
import { sdkConfig, type SdkConfig } from '../../shared/aws/sdk-config.ts';
import { secretInspector } from '../../shared/aws/secrets-manager.ts';
import { parameters } from '../../shared/aws/ssm.ts';
import { AwsError } from '../../shared/core/errors.ts';
import { ScriptedAws, type Answer, type ScriptedCall } from '../kit/scripted-aws.ts';

const account = '515151515151';
const region = 'us-east-1';
const config = (): SdkConfig =>
  sdkConfig(
    { region, roleSessionName: 'slipway', roleDurationSeconds: 3600 },
    { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
  );
const hostile = ['no such', '../../x', '${x}', "a'; DROP", 'x\n::error::y', 'ä%2f&<>', 'x'.repeat(600)];
const noMask = (): void => undefined;

beforeAll(() => {
  // An account of this file's own.
  process.env['AWS_ACCESS_KEY_ID'] = account;
});

describe('against the emulator', () => {
  test('a role with a path is found by its name, and its trust policy is read as it was written', async () => {
    const trust = {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'ecs-tasks.amazonaws.com' },
          Action: 'sts:AssumeRole',
          Condition: { StringLike: { 'aws:SourceArn': 'arn:aws:ecs:*:*:* %+ü' } },
        },
      ],
    };
    await new IAMClient(config()).send(
      new CreateRoleCommand({ RoleName: 'run', Path: '/app/x/', AssumeRolePolicyDocument: JSON.stringify(trust) }),
    );
    expect(await roles(config()).trustPolicy('run')).toEqual(trust);
    expect(await roles(config()).trustPolicy('gone')).toBeUndefined();
  });

  test('the parameters that there are, of more than one request’s; another region has its own', async () => {
    const ssm = new SSMClient(config());
    const names = Array.from({ length: 52 }, (_, at) => `/shop/p${at}`);
    for (const Name of [...names, 'plain']) {
      await ssm.send(new PutParameterCommand({ Name, Value: 'x', Type: 'SecureString' }));
    }
    const asked = ['/shop/gone', ...names, 'plain', '/plain', '/shop'];
    expect(await parameters(config()).existing(asked, region)).toEqual(new Set([...names, 'plain']));
    expect(await parameters(config()).existing(['plain'], 'eu-west-1')).toEqual(new Set());
    expect(await parameters(config()).existing([], region)).toEqual(new Set());
  });

  test('a secret: its whole ARN and stages; on its way out; not there', async () => {
    const client = new SecretsManagerClient(config());
    const made = await client.send(new CreateSecretCommand({ Name: 'shop/db', SecretString: '{"url":"one"}' }));
    const put = await client.send(new PutSecretValueCommand({ SecretId: 'shop/db', SecretString: '{"url":"two"}' }));
    const inspector = secretInspector(config(), noMask);
    const found = await inspector.describe({ secret: made.ARN!, region });
    expect(found).toMatchObject({ arn: made.ARN, deleted: false });
    expect(found?.versions.get(put.VersionId!)).toEqual(['AWSCURRENT']);
    expect(found?.versions.get(made.VersionId!)).toEqual(['AWSPREVIOUS']);
    // A registry's secret may be given by its name.
    expect(await inspector.describe({ secret: 'shop/db', region })).toEqual(found);
    await client.send(new DeleteSecretCommand({ SecretId: 'shop/db', RecoveryWindowInDays: 7 }));
    expect(await inspector.describe({ secret: made.ARN!, region })).toMatchObject({ deleted: true });
    expect(await inspector.describe({ secret: `${made.ARN!.slice(0, -6)}zzzzzz`, region })).toBeUndefined();
  });

  test('of a secret’s value only the names come out, and the value is masked, whole and in parts', async () => {
    const client = new SecretsManagerClient(config());
    const value = {
      url: 'postgres://u:hunter22@db',
      short: 'true',
      number: 5,
      list: ['in-a-list'],
      __proto: 'sesame-street',
    };
    const secretString = JSON.stringify(value);
    const { ARN = '' } = await client.send(new CreateSecretCommand({ Name: 'shop/json', SecretString: secretString }));
    const masked: string[] = [];
    const keys = await secretInspector(config(), (secret) => masked.push(secret)).keys({
      secret: ARN,
      region,
      stage: undefined,
      version: undefined,
    });
    expect(keys).toEqual(['url', 'short', 'number', 'list', '__proto']);
    expect(JSON.stringify(keys)).not.toMatch(/hunter22|sesame|in-a-list/);
    expect(masked).toEqual([secretString, 'postgres://u:hunter22@db', 'sesame-street']);
  });

  test.each(['hunter22', '"hunter22"', '["hunter22"]', 'null', '123456', '{"a":', '\uFEFF{"hunter22":1}'])(
    'the value %s is no object: it has no names, and is masked',
    async (value) => {
      const client = new SecretsManagerClient(config());
      const Name = `plain-${Buffer.from(value).toString('hex')}`;
      const { ARN = '' } = await client.send(new CreateSecretCommand({ Name, SecretString: value }));
      const masked: string[] = [];
      const inspector = secretInspector(config(), (secret) => masked.push(secret));
      expect(await inspector.keys({ secret: ARN, region, stage: undefined, version: undefined })).toBeUndefined();
      expect(masked).toEqual([value]);
    },
  );

  test('a version or a stage that there is not is an error without the value', async () => {
    const client = new SecretsManagerClient(config());
    const { ARN = '' } = await client.send(
      new CreateSecretCommand({ Name: 'shop/one', SecretString: '{"k":"hunter22"}' }),
    );
    const inspector = secretInspector(config(), noMask);
    const reading = inspector.keys({ secret: ARN, region, stage: 'AWSPREVIOUS', version: undefined });
    await expect(reading).rejects.toBeInstanceOf(AwsError);
    await expect(reading).rejects.not.toThrow('hunter22');
  });

  test('a log group of exactly this name', async () => {
    const client = new CloudWatchLogsClient(config());
    for (const logGroupName of ['/ecs/shop-worker', '/ecs/other']) {
      await client.send(new CreateLogGroupCommand({ logGroupName }));
    }
    expect(await logGroups(config()).exists('/ecs/shop', undefined)).toBe(false);
    await client.send(new CreateLogGroupCommand({ logGroupName: '/ecs/shop' }));
    expect(await logGroups(config()).exists('/ecs/shop', undefined)).toBe(true);
    expect(await logGroups(config()).exists('/ecs/shop', region)).toBe(true);
    expect(await logGroups(config()).exists('/ecs/shop', 'eu-west-1')).toBe(false);
  });

  test('an image by tag and by digest; no such image; no such repository', async () => {
    const client = new ECRClient(config());
    await client.send(new CreateRepositoryCommand({ repositoryName: 'team/shop' }));
    const imageManifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
    });
    const { image } = await client.send(
      new PutImageCommand({ repositoryName: 'team/shop', imageTag: 'latest', imageManifest }),
    );
    const digest = image!.imageId!.imageDigest!;
    const find = (special: object) =>
      imageFinder(config()).find({
        account,
        region,
        repository: 'team/shop',
        tag: undefined,
        digest: undefined,
        ...special,
      });
    const found = { kind: 'found', digest, platforms: [] };
    expect(await find({ tag: 'latest' })).toEqual(found);
    expect(await find({})).toEqual(found);
    expect(await find({ tag: 'another', digest })).toEqual(found);
    expect(await find({ tag: 'gone' })).toEqual({ kind: 'no-image' });
    expect(await find({ digest: `sha256:${'0'.repeat(64)}` })).toEqual({ kind: 'no-image' });
    expect(await find({ repository: 'gone', tag: 'latest' })).toEqual({ kind: 'no-repository' });
    expect(await find({ region: 'eu-west-1' })).toEqual({ kind: 'no-repository' });
  });

  test('a target group that nothing uses yet, and one that is gone', async () => {
    const client = new ElasticLoadBalancingV2Client(config());
    const { TargetGroups = [] } = await client.send(
      new CreateTargetGroupCommand({ Name: 'pre', Protocol: 'HTTP', Port: 8000, VpcId: 'vpc-1', TargetType: 'ip' }),
    );
    const arn = TargetGroups[0]!.TargetGroupArn!;
    const elb = targetGroups(config());
    expect(await elb.targetGroup(arn)).toEqual({ type: 'ip', protocol: 'HTTP', loadBalancers: [] });
    expect(await elb.targetGroup(`${arn}0`)).toBeUndefined();
  });

  test.each(hostile)('the hostile name %j is nothing that there is, or an AwsError', async (name) => {
    const version = { secret: name, region, stage: undefined, version: undefined };
    const location = { account, region, repository: name, tag: 'x', digest: undefined };
    const asked = [
      [roles(config()).trustPolicy(name), undefined],
      [parameters(config()).existing([name], region), new Set()],
      [secretInspector(config(), noMask).describe(version), undefined],
      [logGroups(config()).exists(name, undefined), false],
      [imageFinder(config()).find(location), { kind: 'no-repository' }],
      [targetGroups(config()).targetGroup(name), undefined],
      [networks(config()).subnets([name]), []],
    ] as const;
    for (const [answer, nothing] of asked) {
      const said: unknown = await answer.catch((error: unknown) => error);
      if (!(said instanceof AwsError)) expect(said).toEqual(nothing);
    }
  });
});

describe('against scripted services', () => {
  let server: ScriptedAws | undefined;
  afterEach(() => server?.stop());
  const script = async (
    answers: Readonly<Record<string, readonly Answer[]>>,
  ): Promise<{ readonly own: SdkConfig; readonly calls: readonly ScriptedCall[] }> => {
    server = await ScriptedAws.start(
      ({ operation }, index) =>
        answers[operation]?.[index] ?? { __type: 'InternalFailure', message: `nothing for ${operation}` },
    );
    const own = { ...config(), maxAttempts: 1, endpoint: server.endpoint };
    return { own, calls: server.calls };
  };
  const secret = { secret: 'x', region, stage: undefined, version: undefined };
  const location = { account, region, repository: 'shop', tag: '2', digest: undefined };

  test.each<readonly [string, string, (own: SdkConfig) => Promise<unknown>, string?]>([
    ['IAM', 'GetRole', (own) => roles(own).trustPolicy('x'), 'AccessDenied'],
    ['SSM', 'DescribeParameters', (own) => parameters(own).existing(['x'], region)],
    ['SecretsManager', 'DescribeSecret', (own) => secretInspector(own, noMask).describe(secret)],
    ['SecretsManager', 'GetSecretValue', (own) => secretInspector(own, noMask).keys(secret)],
    ['CloudWatchLogs', 'DescribeLogGroups', (own) => logGroups(own).exists('x', undefined)],
    ['ECR', 'BatchGetImage', (own) => imageFinder(own).find(location)],
    ['ECR', 'DescribePullThroughCacheRules', (own) => imageFinder(own).cachePrefixes(location)],
    ['ElasticLoadBalancingV2', 'DescribeTargetGroups', (own) => targetGroups(own).targetGroup('x'), 'AccessDenied'],
    ['ElasticLoadBalancingV2', 'DescribeLoadBalancers', (own) => targetGroups(own).zones('x'), 'AccessDenied'],
    ['EC2', 'DescribeSubnets', (own) => networks(own).subnets(['x']), 'UnauthorizedOperation'],
    ['EC2', 'DescribeRouteTables', (own) => networks(own).routeTables('x'), 'UnauthorizedOperation'],
  ])(
    '%s %s denied is an AwsError of the user’s',
    async (...[service, operation, ask, code = 'AccessDeniedException']) => {
      const { own } = await script({ [operation]: [{ __type: code, message: 'User: u is not authorized' }] });
      const said: unknown = await ask(own).catch((error: unknown) => error);
      expect(said).toBeInstanceOf(AwsError);
      expect(said).toMatchObject({ code, service, operation, fault: 'user' });
    },
  );

  test('a secret that nobody gave a value; one that is not there; one that fails for another reason', async () => {
    const { own } = await script({
      DescribeSecret: [
        { ARN: 'arn:x', Name: 'x' },
        { __type: 'ResourceNotFoundException', message: 'gone' },
        { __type: 'InternalServiceError', message: 'oops' },
      ],
    });
    const inspector = secretInspector(own, noMask);
    expect(await inspector.describe(secret)).toEqual({ arn: 'arn:x', deleted: false, versions: new Map() });
    expect(await inspector.describe(secret)).toBeUndefined();
    await expect(inspector.describe(secret)).rejects.toMatchObject({ name: 'AwsError', fault: 'cloud' });
  });

  test('a key that may not be used is a denial too, without the value', async () => {
    const { own } = await script({
      GetSecretValue: [{ __type: 'AccessDeniedException', message: 'Access to KMS is not allowed' }],
    });
    await expect(secretInspector(own, noMask).keys(secret)).rejects.toMatchObject({
      fault: 'user',
      hint: expect.stringContaining('kms:Decrypt') as unknown,
    });
  });

  test('the stage and the version are asked for; bytes instead of a text have no names and are not shown', async () => {
    const { own, calls } = await script({ GetSecretValue: [{ SecretBinary: 'aHVudGVyMjI=' }, { SecretString: '{}' }] });
    const masked: string[] = [];
    const inspector = secretInspector(own, (text) => masked.push(text));
    expect(await inspector.keys(secret)).toBeUndefined();
    expect(await inspector.keys({ ...secret, stage: 'NEXT', version: 'v'.repeat(32) })).toEqual([]);
    expect(calls.map(({ input }) => input)).toEqual([
      { SecretId: 'x' },
      { SecretId: 'x', VersionStage: 'NEXT', VersionId: 'v'.repeat(32) },
    ]);
    expect(masked).toEqual(['{}']);
  });

  test('a trust policy that is no JSON, or not told, is an error and no empty policy', async () => {
    const role = (document: string | undefined) => ({ Role: { RoleName: 'x', AssumeRolePolicyDocument: document } });
    const { own } = await script({
      GetRole: [role('%7Bbroken'), role('%zz'), role(undefined), role('{"Sid":"50%"}')],
    });
    for (let asked = 0; asked < 3; asked++) {
      await expect(roles(own).trustPolicy('x')).rejects.toMatchObject({ name: 'AwsError', code: 'MalformedPolicy' });
    }
    expect(await roles(own).trustPolicy('x')).toEqual({ Sid: '50%' });
  });

  test('parameters come in pages, some of them empty', async () => {
    const { own, calls } = await script({
      DescribeParameters: [
        { Parameters: [], NextToken: 'one' },
        { Parameters: [{ Name: 'a' }, {}], NextToken: 'two' },
        { Parameters: [{ Name: 'b' }], NextToken: '' },
      ],
    });
    expect(await parameters(own).existing(['a', 'b', 'c'], region)).toEqual(new Set(['a', 'b']));
    expect(calls.map(({ input }) => input['NextToken'])).toEqual([undefined, 'one', 'two']);
    expect(calls[0]?.input['ParameterFilters']).toEqual([{ Key: 'Name', Option: 'Equals', Values: ['a', 'b', 'c'] }]);
  });

  test('a filter takes no more than fifty names', async () => {
    const { own, calls } = await script({ DescribeParameters: [{}, {}, {}] });
    const names = Array.from({ length: 101 }, (_, at) => `p${at}`);
    expect(await parameters(own).existing(names, region)).toEqual(new Set());
    const filters = calls.map(({ input }) => input['ParameterFilters'] as { Values: string[] }[]);
    expect(filters.map(([filter]) => filter?.Values.length)).toEqual([50, 50, 1]);
    expect(filters.flatMap(([filter]) => filter?.Values)).toEqual(names);
  });

  test('log groups come sorted, after empty pages perhaps', async () => {
    const { own, calls } = await script({
      DescribeLogGroups: [
        { logGroups: [], nextToken: 'one' },
        { logGroups: [{ logGroupName: '/a' }, { logGroupName: '/a/b' }], nextToken: 'two' },
        { logGroups: [{ logGroupName: '/aa' }], nextToken: 'three' },
        { logGroups: [] },
      ],
    });
    expect(await logGroups(own).exists('/a', undefined)).toBe(true);
    expect(await logGroups(own).exists('/a', undefined)).toBe(false);
    expect(await logGroups(own).exists('/a', undefined)).toBe(false);
    expect(calls.map(({ input }) => [input['logGroupNamePrefix'], input['nextToken']])).toEqual([
      ['/a', undefined],
      ['/a', 'one'],
      ['/a', undefined],
      ['/a', undefined],
    ]);
  });

  test('cache rules come in pages, and from the image’s own registry', async () => {
    const { own, calls } = await script({
      DescribePullThroughCacheRules: [
        { pullThroughCacheRules: [{ ecrRepositoryPrefix: 'hub' }, {}], nextToken: 'one' },
        { pullThroughCacheRules: [{ ecrRepositoryPrefix: 'ROOT' }] },
      ],
    });
    expect(await imageFinder(own).cachePrefixes({ account: '999999999999', region: 'eu-west-1' })).toEqual([
      'hub',
      'ROOT',
    ]);
    expect(calls.map(({ input }) => input)).toEqual([
      { registryId: '999999999999' },
      { registryId: '999999999999', nextToken: 'one' },
    ]);
  });

  const index = (...manifests: readonly unknown[]): string => JSON.stringify({ schemaVersion: 2, manifests });
  const platform = (os: string, architecture: string): object => ({ platform: { os, architecture } });
  test.each<readonly [string, string, readonly string[]]>([
    ['an index', index(platform('linux', 'amd64'), platform('linux', 'arm64')), ['linux/amd64', 'linux/arm64']],
    ['attestations beside', index(platform('linux', 'amd64'), platform('unknown', 'unknown')), ['linux/amd64']],
    ['an entry that does not tell', index(platform('linux', 'arm64'), { digest: 'x' }), []],
    ['half a platform', index({ platform: { os: 'linux' } }, platform('linux', 'arm64')), []],
    ['an entry that is none', index(null, platform('linux', 'arm64')), []],
    ['one image', '{"config":{}}', []],
    ['no list', '{"manifests":5}', []],
    ['no JSON', '<html>', []],
  ])('the platforms of %s', async (_, imageManifest, platforms) => {
    const { own, calls } = await script({
      BatchGetImage: [{ images: [{ imageId: { imageDigest: 'sha256:1' }, imageManifest }] }],
    });
    expect(await imageFinder(own).find(location)).toEqual({ kind: 'found', digest: 'sha256:1', platforms });
    expect(calls[0]?.input).toMatchObject({
      registryId: account,
      repositoryName: 'shop',
      imageIds: [{ imageTag: '2' }],
    });
    expect(calls[0]?.input['acceptedMediaTypes']).toContain('application/vnd.oci.image.index.v1+json');
  });

  test('an image that ECR fails to give is neither there nor not there', async () => {
    const failed = (failureCode: string) => ({ images: [], failures: [{ failureCode, failureReason: 'why' }] });
    const { own } = await script({
      BatchGetImage: [failed('UpstreamUnavailable'), failed('KmsError'), { images: [], failures: [] }],
    });
    await expect(imageFinder(own).find(location)).rejects.toMatchObject({
      code: 'UpstreamUnavailable',
      fault: 'cloud',
    });
    await expect(imageFinder(own).find(location)).rejects.toMatchObject({ code: 'KmsError' });
    expect(await imageFinder(own).find(location)).toEqual({ kind: 'no-image' });
  });

  test('a target group: none in the answer, gone, and one with several load balancers; the zones of one', async () => {
    const group = { TargetType: 'instance', Protocol: 'TLS', LoadBalancerArns: ['one', 'two'] };
    const { own, calls } = await script({
      DescribeTargetGroups: [
        { TargetGroups: [] },
        { __type: 'TargetGroupNotFound', message: 'gone' },
        { TargetGroups: [group] },
      ],
      DescribeLoadBalancers: [
        { LoadBalancers: [{ AvailabilityZones: [{ ZoneName: 'us-east-1a' }, {}, { ZoneName: 'us-east-1b' }] }] },
        { __type: 'LoadBalancerNotFound', message: 'gone' },
      ],
    });
    const elb = targetGroups(own);
    expect(await elb.targetGroup('arn')).toBeUndefined();
    expect(await elb.targetGroup('arn')).toBeUndefined();
    expect(await elb.targetGroup('arn')).toEqual({ type: 'instance', protocol: 'TLS', loadBalancers: ['one', 'two'] });
    expect(await elb.zones('one')).toEqual(['us-east-1a', 'us-east-1b']);
    await expect(elb.zones('one')).rejects.toBeInstanceOf(AwsError);
    expect(calls[0]?.input).toEqual({ 'TargetGroupArns.member.1': 'arn' });
  });

  test('networks come in pages; routes of every kind, and what is gone', async () => {
    const { own, calls } = await script({
      DescribeSubnets: [
        { subnetSet: [{ subnetId: 's1', vpcId: 'v', availabilityZone: 'a', ownerId: '1' }], nextToken: 'one' },
        { subnetSet: [{ subnetId: 's2', vpcId: 'v', availabilityZone: 'b' }] },
      ],
      DescribeRouteTables: [
        {
          routeTableSet: [
            {
              routeTableId: 'rtb-1',
              associationSet: [{ main: 'true' }, { main: 'false', subnetId: 's1' }],
              routeSet: [
                { destinationIpv6CidrBlock: '::/0', egressOnlyInternetGatewayId: 'eigw-1', state: 'active' },
                { destinationPrefixListId: 'pl-1', gatewayId: 'vpce-1', state: 'active' },
                { destinationCidrBlock: '0.0.0.0/0', instanceId: 'i-1', networkInterfaceId: 'eni-1', state: 'active' },
                { destinationCidrBlock: '10.1.0.0/16', vpcPeeringConnectionId: 'pcx-1', state: 'blackhole' },
              ],
            },
          ],
        },
      ],
    });
    expect(await networks(own).subnets(['s1', 's2'])).toEqual([
      { id: 's1', vpc: 'v', zone: 'a', owner: '1' },
      { id: 's2', vpc: 'v', zone: 'b', owner: '' },
    ]);
    expect(calls[1]?.input['NextToken']).toBe('one');
    expect(await networks(own).routeTables('v')).toEqual([
      {
        id: 'rtb-1',
        main: true,
        subnets: ['s1'],
        routes: [
          { destination: '::/0', target: 'eigw-1', active: true },
          { destination: 'pl-1', target: 'vpce-1', active: true },
          { destination: '0.0.0.0/0', target: 'eni-1', active: true },
          { destination: '10.1.0.0/16', target: 'pcx-1', active: false },
        ],
      },
    ]);
  });
});
