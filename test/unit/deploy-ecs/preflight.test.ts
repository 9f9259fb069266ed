import { describe, expect, test } from '@jest/globals';
import {
  imageLocation,
  judgePreflight,
  preflightFailure,
  preflightLines,
  provenBy,
  secretReferences,
  type Facts,
  type Subject,
} from '../../../actions/deploy-ecs/src/preflight.ts';
import { service } from '../../kit/ecs.ts';
import {
  digest,
  everything,
  facts,
  image,
  read,
  secretArn,
  subject,
  table,
  targetGroupArn,
  trust,
} from '../../kit/preflight.ts';

const secretState = (special: object = {}): Facts['secrets'] =>
  new Map([
    [secretArn, read({ arn: secretArn, deleted: false, versions: new Map([['v1', ['AWSCURRENT']]]), ...special })],
  ]);
const container = (special: object): Partial<Subject> => ({ definition: everything({ container: special }) });
const valueFrom = (from: string): Partial<Subject> =>
  container({ secrets: [{ name: 'DATABASE_URL', valueFrom: from }] });
const group = (special: object): Partial<Facts> => ({
  targetGroups: new Map([[targetGroupArn, read({ type: 'ip', protocol: 'HTTP', loadBalancers: ['alb'], ...special })]]),
});
const routes = (...given: readonly [string, string, boolean?][]): Partial<Facts> => ({
  routeTables: read([table(given.map(([destination, target, active = true]) => ({ destination, target, active })))]),
});
const igw = routes(['0.0.0.0/0', 'igw-1']);
const none = routes(['10.0.0.0/16', 'local']);
const publicAddress = {
  service: service({
    placement: {
      ...service().placement,
      network: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'], assignPublicIp: 'ENABLED' } },
    },
  }),
};
const endpoint = (name: string, special: object = {}): object => ({
  service: `com.amazonaws.us-east-1.${name}`,
  type: 'Interface',
  available: true,
  privateDns: true,
  routeTables: [],
  ...special,
});
const gateway = endpoint('s3', { type: 'Gateway', privateDns: false, routeTables: ['rtb-1'] });
const all = ['ecr.api', 'ecr.dkr', 'logs', 'secretsmanager', 'ssm'].map((name) => endpoint(name));
const endpoints = (...given: readonly object[]): Partial<Facts> => ({ endpoints: read(given) as Facts['endpoints'] });
const egress = (...given: readonly object[]): Partial<Facts> => ({
  securityGroups: read([{ id: 'sg-1', egress: given }]) as Facts['securityGroups'],
});
const onInstances = service({ placement: { ...service().placement, launchType: 'EC2' } });
const balanced = (special: object): Partial<Subject> => ({
  service: { ...subject().service, ...special },
});
const logging = (mode: string, special: object = {}): object => ({
  name: mode,
  image,
  logConfiguration: {
    logDriver: 'awslogs',
    options: { 'awslogs-group': '/logs', 'awslogs-region': 'us-east-1', mode, ...special },
  },
});
const logGone: Partial<Facts> = { logGroups: new Map([['us-east-1 /logs', read(false)]]) };
const twoSubnets = {
  service: {
    ...subject().service,
    placement: {
      ...service().placement,
      network: { awsvpcConfiguration: { subnets: ['subnet-1', 'subnet-2'], securityGroups: ['sg-1'] } },
    },
  },
};
const subnets = (...given: readonly object[]): Partial<Facts> => ({
  subnets: read(
    given.map((special, at) => ({
      id: `subnet-${at + 1}`,
      vpc: 'vpc-1',
      zone: 'us-east-1a',
      owner: '123456789012',
      ...special,
    })),
  ),
});
const role = (policy: unknown): Partial<Facts> => ({
  roles: new Map([
    ['start', read(policy)],
    ['run', read(trust())],
  ]),
});

test('all good: every check is made, and it is one line beside the digest', () => {
  const findings = judgePreflight(subject(), facts());
  expect(findings.map(({ verdict }) => verdict)).toEqual(findings.map(() => 'ok'));
  expect(new Set(findings.map(({ check }) => check))).toEqual(
    new Set(['image', 'platform', 'secret', 'role', 'log group', 'network', 'security group', 'load balancer']),
  );
  expect(preflightLines(findings)).toEqual([
    'preflight: 10 good, 0 wrong, 0 not checked',
    `  ${image}: 2 is ${digest}`,
  ]);
  expect(preflightFailure(findings)).toBeUndefined();
});

type Case = readonly [name: string, subject: Partial<Subject>, facts: Partial<Facts>, detail: RegExp, fix: RegExp];

test.each([
  [
    'no repository',
    {},
    { images: new Map([[image, read({ kind: 'no-repository' })]]) },
    /no repository shop .*123456789012 in us-east-1/,
    /push/,
  ],
  ['no image', {}, { images: new Map([[image, read({ kind: 'no-image' })]]) }, /no image with the tag 2/, /[Pp]ush/],
  [
    'another platform',
    {},
    { images: new Map([[image, read({ kind: 'found', digest, platforms: ['linux/arm64'] })]]) },
    /needs linux\/amd64, the image is for linux\/arm64/,
    /platforms: linux\/amd64/,
  ],
  ['no secret', {}, { secrets: new Map([[secretArn, read(undefined)]]) }, /no secret arn/, /six characters/],
  ['a deleted secret', {}, { secrets: secretState({ deleted: true }) }, /scheduled for deletion/, /restore-secret/],
  [
    'a partial ARN',
    valueFrom(`${secretArn.slice(0, -7)}:url::`),
    { secrets: new Map([[secretArn.slice(0, -7), secretState().get(secretArn)!]]) },
    /partial ARN/,
    /shop\/db-AbCdEf:url::$/,
  ],
  [
    'a secret without a value',
    {},
    { secrets: secretState({ versions: new Map() }) },
    /no value yet/,
    /put-secret-value/,
  ],
  [
    'no such stage',
    valueFrom(`${secretArn}:url:NEXT:`),
    { secrets: secretState() },
    /no version with the stage NEXT/,
    /leave it out/,
  ],
  ['no such key', {}, { keys: new Map([[`${secretArn}:url::`, read(['URL'])]]) }, /no key "url"/, /"URL"/],
  ['no JSON', {}, { keys: new Map([[`${secretArn}:url::`, read(undefined)]]) }, /no JSON object/, /whole value/],
  [
    'no parameter',
    {},
    { parameters: new Map([['us-east-1', read(new Set<string>())]]) },
    /no SSM parameter \/shop\/token/,
    /name/,
  ],
  ['no role', {}, role(undefined), /no role start/, /executionRoleArn/],
  [
    'a role of another service',
    {},
    role(trust({ Principal: { Service: 'ec2.amazonaws.com' } })),
    /does not let ecs-tasks/,
    /sts:AssumeRole/,
  ],
  [
    'a role for web identities',
    {},
    role(trust({ Action: 'sts:AssumeRoleWithWebIdentity' })),
    /does not let ecs-tasks/,
    /trust policy/,
  ],
  [
    'a trust that denies',
    {},
    role({
      Statement: [
        ...(trust() as { Statement: [] }).Statement,
        { ...(trust() as { Statement: object[] }).Statement[0], Effect: 'Deny' },
      ],
    }),
    /denies/,
    /Take that statement out/,
  ],
  [
    'another account’s tasks',
    {},
    role(trust({ Condition: { StringEquals: { 'aws:SourceAccount': '999999999999' } } })),
    /another account only/,
    /123456789012/,
  ],
  [
    'no execution role',
    { definition: everything({ task: { executionRoleArn: undefined } }) },
    {},
    /no execution role/,
    /AmazonECSTaskExecutionRolePolicy/,
  ],
  [
    'no log group',
    {},
    { logGroups: new Map([['us-east-1 /ecs/shop', read(false)]]) },
    /no log group \/ecs\/shop/,
    /create-log-group.*awslogs-create-group/,
  ],
  ['no subnet', {}, { subnets: read([]) }, /no subnet subnet-1/, /network configuration/],
  ['a public subnet without a public address', {}, igw, /public subnet \(igw-1\)/, /assignPublicIp/],
  ['a black hole', {}, routes(['0.0.0.0/0', 'nat-1', false]), /black hole/, /rtb-1/],
  ['no route', {}, none, /no route leads out.*ecr\.api, ecr\.dkr, s3, logs, secretsmanager, ssm/, /NAT gateway/],
  ['endpoints without S3', {}, { ...none, ...endpoints(...all) }, /missing: s3$/, /S3 as a gateway/],
  [
    'an S3 gateway on another table',
    {},
    { ...none, ...endpoints(...all, { ...gateway, routeTables: ['rtb-2'] }) },
    /missing: s3$/,
    /rtb-1/,
  ],
  [
    'one endpoint without private DNS, another not there at all',
    {},
    { ...none, ...endpoints(...all.slice(2), gateway, endpoint('ecr.api', { privateDns: false })) },
    /missing: ecr\.api, ecr\.dkr$/,
    /private DNS/,
  ],
  [
    'a gateway to S3 alone',
    {},
    {
      ...routes(['10.0.0.0/16', 'local'], ['pl-1', 'vpce-1'], ['10.9.0.0/16', 'tgw-1', false]),
      ...endpoints(gateway),
    },
    /no route leads out.*: ecr\.api, ecr\.dkr, logs, secretsmanager, ssm$/,
    /NAT gateway/,
  ],
  [
    'a digest that is not there',
    container({ image: `${image}@${digest}` }),
    { images: new Map([[`${image}@${digest}`, read({ kind: 'no-image' })]]) },
    new RegExp(`holds no image ${digest}`),
    /lifecycle/,
  ],
  [
    'Windows where Linux is',
    { definition: everything({ task: { runtimePlatform: { operatingSystemFamily: 'WINDOWS_SERVER_2022_CORE' } } }) },
    {},
    /needs windows\/amd64, the image is for linux\/amd64/,
    /runtimePlatform/,
  ],
  [
    'ARM where the task definition says so, also on one’s own instances',
    {
      definition: everything({ task: { runtimePlatform: { cpuArchitecture: 'ARM64' } } }),
      service: onInstances,
    },
    { securityGroups: read([]), routeTables: read([]) },
    /needs linux\/arm64/,
    /linux\/arm64/,
  ],
  [
    'a trust by a condition on two other accounts',
    {},
    role(trust({ Condition: { StringLike: { 'aws:sourceaccount': ['999999999999', '888888888888'] } } })),
    /another account only/,
    /123456789012/,
  ],
  [
    'a registry’s secret by a name that is none',
    container({ repositoryCredentials: { credentialsParameter: 'registry' } }),
    { secrets: new Map([...secretState(), ['registry', read(undefined)]]) },
    /no secret registry/,
    /ARN/,
  ],
  [
    'one container that waits for its log, another that does not',
    {
      definition: everything({
        task: { containerDefinitions: [logging('non-blocking'), logging('blocking'), logging('non-blocking')] },
        container: {},
      }),
      service: service(),
    },
    { logGroups: new Map([['us-east-1 /logs', read(false)]]) },
    /no log group \/logs in us-east-1/,
    /create-log-group --log-group-name \/logs --region us-east-1/,
  ],
  [
    'every zone is another one',
    {
      service: service({
        loadBalancers: subject().service.loadBalancers,
        placement: {
          ...service().placement,
          network: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'] } },
        },
      }),
    },
    { zones: new Map([[targetGroupArn, read(['us-east-1b', 'us-east-1c'])]]) },
    /not enabled in us-east-1a, the zone of subnet-1/,
    /Enable us-east-1a/,
  ],
  [
    'a target group for UDP, and TCP alone mapped',
    {},
    group({ protocol: 'UDP' }),
    /speaks UDP, and fastapi maps port 8000 for tcp/,
    /protocol to udp/,
  ],
  ['a target group for QUIC, and TCP alone mapped', {}, group({ protocol: 'QUIC' }), /speaks QUIC/, /protocol to udp/],
  [
    'a target group for TLS, and UDP alone mapped',
    container({
      portMappings: [
        { containerPort: 8000, protocol: 'udp' },
        { containerPort: 9000, protocol: 'tcp' },
      ],
    }),
    group({ protocol: 'TLS' }),
    /speaks TLS, and fastapi maps port 8000 for udp$/,
    /protocol to tcp/,
  ],
  [
    'denied to nobody, allowed to nobody',
    {},
    role({
      Statement: [
        { Effect: 'Deny', NotPrincipal: { AWS: 'arn:aws:iam::1:root' }, Action: 'sts:AssumeRole' },
        {
          ...(trust() as { Statement: object[] }).Statement[0],
          Effect: 'Deny',
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ],
    }),
    /does not let/,
    /trust/,
  ],
  [
    'another one’s open security group beside the own, which is closed',
    {},
    {
      securityGroups: read([
        { id: 'sg-1', egress: [] },
        { id: 'sg-9', egress: [{ protocol: '-1', fromPort: undefined, toPort: undefined }] },
      ]),
    },
    /nothing out/,
    /sg-1/,
  ],
  ['a subnet whose owner is not told', {}, { ...none, ...subnets({ owner: '' }) }, /no route leads out/, /rtb-1/],
  [
    'a range of ports beside the wanted one',
    container({ portMappings: [{ containerPortRange: '8001-8010' }, { containerPort: 80 }] }),
    {},
    /maps/,
    /8000/,
  ],
  [
    'port 443 just outside of a range',
    {},
    egress({ protocol: 'tcp', fromPort: 444, toPort: 65535 }, { protocol: '6', fromPort: 0, toPort: 442 }),
    /nothing out on port 443/,
    /sg-1/,
  ],
  [
    'an action in vain',
    {},
    role(trust({ Action: ['sts:AssumeRoleWith*', 'sts:TagSession'] })),
    /does not let/,
    /trust/,
  ],
  [
    'another service of a similar name',
    {},
    role(trust({ Principal: { Service: ['ecs.amazonaws.com', 'ecs-tasks.amazonaws.com.evil.example'] } })),
    /does not let/,
    /trust/,
  ],
  [
    'a closed security group',
    {},
    egress({ protocol: 'tcp', fromPort: 5432, toPort: 5432 }, { protocol: 'udp', fromPort: 0, toPort: 65535 }),
    /nothing out on port 443/,
    /egress rule/,
  ],
  ['no security group', {}, { securityGroups: read([]) }, /no security group sg-1/, /network configuration/],
  [
    'another container name',
    container({ name: 'web' }),
    {},
    /container fastapi, and the task definition has web/,
    /fastapi again/,
  ],
  [
    'another port',
    container({ portMappings: [{ containerPort: 80 }] }),
    {},
    /port 8000 of fastapi, which maps 80/,
    /containerPort 8000/,
  ],
  [
    'another transport',
    container({ portMappings: [{ containerPort: 8000, protocol: 'udp' }] }),
    {},
    /speaks HTTP.*udp/,
    /tcp/,
  ],
  [
    'no target group',
    {},
    { targetGroups: new Map([[targetGroupArn, read(undefined)]]) },
    /not there any more/,
    /Create one/,
  ],
  ['targets by instance', {}, group({ type: 'instance' }), /target type is instance/, /type ip/],
  ['an idle target group', {}, group({ loadBalancers: [] }), /Target\.NotInUse/, /listener/],
  [
    'a zone the balancer is not in',
    {},
    { zones: new Map([[targetGroupArn, read(['us-east-1b'])]]) },
    /not enabled in us-east-1a/,
    /subnet-1/,
  ],
] satisfies readonly Case[])('%s: wrong, with its fix', (...[, special, known, detail, fix]) => {
  const findings = judgePreflight(subject(special), facts(known)).filter(({ verdict }) => verdict !== 'ok');
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatchObject({ verdict: 'wrong' });
  expect(findings[0]!.detail).toMatch(detail);
  expect(findings[0]!.fix).toMatch(fix);
});

test.each<readonly [string, Partial<Subject>, Partial<Facts>]>([
  ['a public subnet with a public address', publicAddress, igw],
  ['VPC endpoints alone', {}, { ...none, ...endpoints(...all, gateway) }],
  [
    'the main route table',
    {},
    {
      routeTables: read([
        table([{ destination: '0.0.0.0/0', target: 'nat-1', active: true }], { main: true, subnets: [] }),
      ]),
    },
  ],
  ['HTTPS alone going out', {}, egress({ protocol: 'tcp', fromPort: 443, toPort: 443 })],
  [
    'a log group that is made on the way',
    container({
      logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': '/new', 'awslogs-create-group': 'true' } },
    }),
    {},
  ],
  [
    'instances of one’s own: they pull by their own way',
    { service: service({ placement: { ...service().placement, launchType: 'EC2' } }) },
    { ...none, ...egress() },
  ],
  [
    'one’s own account’s tasks',
    {},
    role(trust({ Condition: { StringEquals: { 'aws:SourceAccount': '123456789012' } } })),
  ],
  [
    'lists in a trust policy',
    {},
    role(
      trust({ Principal: { Service: ['ec2.amazonaws.com', 'ecs-tasks.amazonaws.com'] }, Action: ['sts:AssumeRole'] }),
    ),
  ],
  ['a service without a load balancer', { service: service() }, { targetGroups: new Map(), zones: new Map() }],
  ['more than HTTPS in a range', {}, egress({ protocol: '6', fromPort: 0, toPort: 65535 })],
  ['HTTPS to a list of prefixes', {}, egress({ protocol: 'tcp', fromPort: 443, toPort: 443 })],
  [
    'several security groups, one of which lets it out',
    {
      service: {
        ...subject().service,
        placement: {
          ...service().placement,
          network: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-0', 'sg-1'] } },
        },
      },
    },
    {
      securityGroups: read([
        { id: 'sg-0', egress: [] },
        { id: 'sg-1', egress: [{ protocol: '-1', fromPort: undefined, toPort: undefined }] },
      ]),
    },
  ],
  ...(
    [
      'nat-1',
      'tgw-1',
      'vpce-1',
      'eni-1',
      'pcx-1',
      'vgw-1',
      'lgw-1',
      'cagw-1',
      'arn:aws:networkmanager::1:core-network/c',
    ] as const
  ).map((target) => [`a default route through ${target}`, {}, routes(['0.0.0.0/0', target])] as const),
  ['a default route in halves', {}, routes(['0.0.0.0/1', 'tgw-1'], ['128.0.0.0/1', 'tgw-1'])],
  [
    'a default route that works beside one that is gone',
    {},
    routes(['0.0.0.0/0', 'nat-0', false], ['0.0.0.0/1', 'nat-1']),
  ],
  ['S3 by an interface endpoint', {}, { ...none, ...endpoints(...all, endpoint('s3')) }],
  [
    'endpoints in China',
    {},
    {
      ...none,
      ...endpoints(
        ...['ecr.api', 'ecr.dkr', 'logs', 'secretsmanager', 'ssm', 's3'].map((name) =>
          endpoint(name, { service: `cn.com.amazonaws.cn-north-1.${name}` }),
        ),
      ),
    },
  ],
  [
    'no endpoints for what is not used',
    container({ secrets: undefined, logConfiguration: undefined }),
    { ...none, ...endpoints(...all.slice(0, 2), gateway) },
  ],
  [
    'a shared subnet with endpoints that are shown',
    {},
    { ...none, ...endpoints(...all, gateway), ...subnets({ owner: '999999999999' }) },
  ],
  [
    'a subnet’s own table beside the main one',
    {},
    {
      routeTables: read([
        table([{ destination: '10.0.0.0/16', target: 'local', active: true }], {
          id: 'rtb-0',
          main: true,
          subnets: [],
        }),
        table([{ destination: '0.0.0.0/0', target: 'nat-1', active: true }]),
      ]),
    },
  ],
  [
    'a role with a path, by its name alone',
    {
      definition: everything({
        task: { executionRoleArn: 'start', taskRoleArn: 'arn:aws-us-gov:iam::123456789012:role/a/b/run' },
      }),
    },
    {},
  ],
  ...[
    { Principal: '*' },
    { Principal: { Service: '*' } },
    { Principal: { Service: 'ecs-tasks.amazonaws.com.cn' } },
    { Principal: { Service: 'ecs-tasks.eu-west-1.amazonaws.com' } },
    { Principal: { AWS: 'arn:aws:iam::123456789012:root', Service: ['ecs-tasks.amazonaws.com'] } },
    { Action: '*' },
    { Action: 'sts:*' },
    { Action: 'STS:assumerole' },
    { Action: 'sts:Assume*' },
    { Action: ['sts:TagSession', 'sts:A*Rol?'] },
    { Condition: { StringEquals: { 'aws:SourceAccount': ['999999999999', '123456789012'] } } },
    { Condition: { StringLike: { 'aws:SourceAccount': '1234*' } } },
    { Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:ecs:us-east-1:999999999999:*' } } },
    {
      Condition: {
        StringEquals: { 'aws:SourceAccount': '999999999999' },
        StringLike: { 'aws:SourceAccount': '123456789012' },
      },
    },
  ].map((special) => [`the trust ${JSON.stringify(special)}`, {}, role(trust(special))] as const),
  [
    'one statement of several that fits',
    {},
    role({
      Statement: [
        { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
        { Effect: 'Deny', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
        {
          Effect: 'Deny',
          Principal: '*',
          Action: 'sts:AssumeRole',
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
        ...(trust({ Condition: { StringEquals: { 'aws:SourceAccount': '999999999999' } } }) as { Statement: [] })
          .Statement,
        ...(trust() as { Statement: [] }).Statement,
      ],
    }),
  ],
  ['a single statement, in no list', {}, role({ Statement: (trust() as { Statement: object[] }).Statement[0] })],
  ...(['1', 't', 'T', 'TRUE', 'True'] as const).map(
    (value) =>
      [
        `a log group that is made on ${value}`,
        container({
          logConfiguration: {
            logDriver: 'awslogs',
            options: { 'awslogs-group': '/new', 'awslogs-create-group': value },
          },
        }),
        {},
      ] as const,
  ),
  [
    'FireLens, which has no log group',
    container({
      logConfiguration: { logDriver: 'awsfirelens', options: { Name: 'cloudwatch', 'awslogs-group': '/gone' } },
    }),
    {},
  ],
  [
    'no execution role without need of one',
    {
      definition: everything({ task: { executionRoleArn: undefined }, container: { secrets: undefined } }),
      service: onInstances,
    },
    {},
  ],
  ...(
    [
      ['TCP', 'tcp'],
      ['TLS', 'tcp'],
      ['UDP', 'udp'],
      ['TCP_UDP', 'udp'],
      ['TCP_UDP', 'tcp'],
      ['QUIC', 'udp'],
      ['TCP_QUIC', 'tcp'],
      ['HTTPS', undefined],
      ['NEWER', 'udp'],
      ['', 'udp'],
    ] as const
  ).map(
    ([protocol, transport]) =>
      [
        `${protocol} to ${transport ?? 'what is not said'}`,
        container({ portMappings: [{ containerPort: 8000, protocol: transport }] }),
        group({ protocol }),
      ] as const,
  ),
  ...(['UDP', 'TCP'] as const).map(
    (protocol) =>
      [
        `${protocol} to a port that is mapped twice`,
        container({
          portMappings: [
            { containerPort: 8000, protocol: 'tcp' },
            { containerPort: 8000, protocol: 'udp' },
          ],
        }),
        group({ protocol }),
      ] as const,
  ),
  ['a range of ports', container({ portMappings: [{ containerPortRange: '7999-8000' }] }), {}],
  ...(['bridge', 'host', undefined] as const).map(
    (networkMode) =>
      [
        `the network mode ${networkMode ?? 'by default'} with a dynamic port`,
        {
          definition: everything({
            task: { networkMode },
            container: { portMappings: [{ containerPort: 8000, hostPort: 0 }] },
          }),
          service: { ...onInstances, loadBalancers: subject().service.loadBalancers },
        },
        group({ type: 'instance' }),
      ] as const,
  ),
  [
    'external instances',
    {
      service: service({ placement: { ...service().placement, launchType: 'EXTERNAL', network: undefined } }),
      definition: everything({ task: { networkMode: 'bridge' } }),
    },
    {},
  ],
  [
    'capacity providers of one’s own',
    {
      service: service({
        placement: {
          ...service().placement,
          launchType: undefined,
          capacityProviders: [{ capacityProvider: 'FARGATE' }, { capacityProvider: 'mine' }],
        },
      }),
    },
    { ...none, ...egress() },
  ],
  [
    'an image for several platforms',
    {},
    { images: new Map([[image, read({ kind: 'found', digest, platforms: ['linux/arm64', 'linux/amd64'] })]]) },
  ],
  ['zones that are not told', {}, { zones: new Map([[targetGroupArn, read([])]]) }],
  ['a subnet that does not tell its zone', {}, subnets({ zone: '' })],
  ['a target type that is not told', {}, group({ type: '' })],
  [
    'a load balancer without a port',
    balanced({ loadBalancers: [{ targetGroup: targetGroupArn, container: 'fastapi', port: undefined }] }),
    {},
  ],
  [
    'another port for UDP beside',
    container({ portMappings: [{ containerPort: 9000, protocol: 'udp' }, { containerPortRange: '8000-8010' }] }),
    {},
  ],
  [
    'an image that does not tell its platform',
    {},
    { images: new Map([[image, read({ kind: 'found', digest, platforms: [] })]]) },
  ],
  [
    'an image for the ARM instances of one’s own',
    { service: onInstances, definition: everything({ task: { requiresCompatibilities: ['FARGATE'] } }) },
    { images: new Map([[image, read({ kind: 'found', digest, platforms: ['linux/arm64'] })]]) },
  ],
  ['a whole secret, whatever is in it', valueFrom(secretArn), { keys: new Map() }],
  [
    'a stage that is there',
    valueFrom(`${secretArn}:url:AWSPREVIOUS:`),
    {
      secrets: secretState({
        versions: new Map([
          ['v0', ['AWSPREVIOUS']],
          ['v1', ['AWSCURRENT']],
        ]),
      }),
      keys: new Map([[`${secretArn}:url:AWSPREVIOUS:`, read(['url'])]]),
    },
  ],
  ['a version that is there', valueFrom(`${secretArn}:::v1`), {}],
  [
    'a secret of another region',
    valueFrom('arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf'),
    {
      secrets: new Map([
        [
          'arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf',
          read({
            arn: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf',
            deleted: false,
            versions: new Map([['v1', ['AWSCURRENT']]]),
          }),
        ],
      ]),
    },
  ],
  [
    'a registry’s secret by its name',
    container({ repositoryCredentials: { credentialsParameter: 'registry' } }),
    {
      secrets: new Map([
        ...secretState(),
        ['registry', read({ arn: `${secretArn}2`, deleted: false, versions: new Map([['v1', ['AWSCURRENT']]]) })],
      ]),
    },
  ],
  ...(
    [
      ['a parameter by its name', '/shop/token'],
      ['a version of a parameter', '/shop/token:3'],
      ['a label of a parameter', '/shop/token:live'],
      ['a parameter’s ARN', 'arn:aws:ssm:us-east-1:123456789012:parameter/shop/token'],
      ['a version of a parameter’s ARN', 'arn:aws:ssm:us-east-1:123456789012:parameter/shop/token:3'],
      ['a parameter’s ARN with two slashes', 'arn:aws:ssm:us-east-1:123456789012:parameter//shop/token'],
    ] as const
  ).map(([name, from]) => [name, valueFrom(from), {}] as const),
  [
    'a parameter’s ARN that does not tell its slash',
    valueFrom('arn:aws:ssm:us-east-1:123456789012:parameter/db'),
    { parameters: new Map([['us-east-1', read(new Set(['/db']))]]) },
  ],
])('%s is no fault', (_, special, known) => {
  expect(judgePreflight(subject(special), facts(known)).filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
});

test('a log group that what runs now does without is not wrong; one that it waits for no more, or any other, is', () => {
  const started = (mode: string, special: object = {}): ReturnType<typeof subject> =>
    subject({ definition: everything({ task: { containerDefinitions: [logging(mode, special)] } }) });
  const verdict = (wanted: ReturnType<typeof subject>, running: ReturnType<typeof subject>): string | undefined =>
    judgePreflight({ ...wanted, proven: provenBy(running) }, facts(logGone)).find(({ check }) => check === 'log group')
      ?.verdict;
  expect(verdict(started(''), started(''))).toBe('unknown');
  expect(verdict(started(''), started('non-blocking'))).toBe('wrong');
  expect(verdict(started(''), started('', { 'awslogs-group': '/others' }))).toBe('wrong');
  expect(verdict(started(''), started('', { 'awslogs-region': 'eu-west-1' }))).toBe('wrong');
});

test('what is proven are the references to secrets and log groups of the revision that runs', () => {
  expect([...provenBy(subject())]).toEqual(expect.arrayContaining([`${secretArn}:url::`, 'us-east-1 /ecs/shop']));
});

test('a partial ARN that works now is let through; a new one is wrong with a key, and else not known', () => {
  const partial = secretArn.slice(0, -7);
  const known = facts({ secrets: new Map([[partial, secretState().get(secretArn)!]]) });
  const verdicts = (from: string, proven: readonly string[]): readonly string[] =>
    judgePreflight(subject({ ...valueFrom(from), proven: new Set(proven) }), known)
      .filter(({ check }) => check === 'secret')
      .map(({ verdict }) => verdict);
  expect(verdicts(partial, [partial])).toEqual(['ok']);
  expect(verdicts(partial, [])).toEqual(['unknown']);
  expect(verdicts(`${partial}:::`, ['another'])).toEqual(['unknown']);
  expect(verdicts(`${partial}:url::`, [])).toEqual(['wrong']);
  expect(verdicts(`${partial}:url::`, [`${partial}:url::`])).toEqual(['unknown']);
  expect(verdicts(`${partial}:::v9`, [])).toEqual(['unknown']);
});

describe('unknown', () => {
  test('is what was denied: one line, with the actions, and no failure', () => {
    const denied = (needs: string) => ({ kind: 'unread' as const, reason: 'denied', needs });
    const findings = judgePreflight(
      subject(),
      facts({
        roles: new Map([
          ['start', denied('iam:GetRole')],
          ['run', denied('iam:GetRole')],
        ]),
        routeTables: denied('ec2:DescribeRouteTables'),
      }),
    );
    expect(preflightFailure(findings)).toBeUndefined();
    expect(preflightLines(findings).at(-1)).toBe(
      '  not checked: role, network (denied); to check it too, allow ec2:DescribeRouteTables, iam:GetRole',
    );
  });

  test.each<readonly [string, Partial<Subject>, Partial<Facts>, RegExp]>([
    ...[
      'nginx:1',
      'public.ecr.aws/docker/library/nginx:1',
      'ghcr.io/shop/api:1',
      'localhost:5000/api',
      '123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/shop:2',
    ].map((name) => [`an image elsewhere, ${name}`, container({ image: name }), {}, /not in Amazon ECR/] as const),
    ...(
      [
        ['10.0.0.0/8', 'tgw-1'],
        ['10.0.0.0/8', 'pcx-1'],
        ['10.0.0.0/8', 'vgw-1'],
        ['10.0.0.0/8', 'eni-1'],
        ['10.0.0.0/8', 'arn:aws:networkmanager::1:core-network/c'],
        ['52.0.0.0/8', 'nat-1'],
        ['52.0.0.0/8', 'vpce-1'],
        ['pl-1', 'nat-1'],
        ['::/0', 'eigw-1'],
        ['::/0', 'igw-1'],
      ] as const
    ).map(
      ([destination, target]) =>
        [
          `a way to ${destination} through ${target}`,
          {},
          routes([destination, target]),
          new RegExp(`behind ${target}`),
        ] as const,
    ),
    [
      'a way to a peer beside a default route that is gone',
      {},
      routes(['0.0.0.0/0', 'nat-0', false], ['10.0.0.0/8', 'tgw-1']),
      /behind tgw-1/,
    ],
    [
      'a way to a peer from a public subnet',
      {},
      routes(['0.0.0.0/0', 'igw-1'], ['10.0.0.0/8', 'pcx-1']),
      /behind pcx-1/,
    ],
    [
      'a part of the internet, with a public address',
      { service: { ...subject().service, ...publicAddress.service } },
      routes(['52.0.0.0/8', 'igw-1']),
      /behind igw-1/,
    ],
    [
      'an endpoint without private DNS: a hosted zone may lead to it',
      {},
      { ...none, ...endpoints(...all.slice(1), gateway, endpoint('ecr.api', { privateDns: false })) },
      /usual names lead to the VPC endpoints ecr\.api is not known/,
    ],
    [
      'an endpoint that may be on its way',
      {},
      { ...none, ...endpoints(...all.slice(1), gateway, endpoint('ecr.api', { available: false })) },
      /ecr\.api/,
    ],
    ['a shared subnet', {}, { ...none, ...subnets({ owner: '999999999999' }) }, /owner’s endpoints/],
    [
      'an older platform',
      { service: { ...subject().service, placement: { ...service().placement, platformVersion: '1.3.0' } } },
      none,
      /platform version 1\.3\.0/,
    ],
    ['a table that was not shown', {}, { routeTables: read([table([], { subnets: ['subnet-9'] })]) }, /not shown/],
    [
      'a zone of several',
      twoSubnets,
      {
        ...subnets({}, { zone: 'us-east-1z' }),
        routeTables: read([table([{ destination: '0.0.0.0/0', target: 'nat-1', active: true }], { main: true })]),
      },
      /not enabled in us-east-1z, the zone of subnet-2/,
    ],
    [
      'an idle target group of a blue/green service',
      balanced({ strategy: 'BLUE_GREEN' }),
      group({ loadBalancers: [] }),
      /NotInUse/,
    ],
    [
      'another account’s target group',
      balanced({
        loadBalancers: [
          { targetGroup: targetGroupArn.replace('123456789012', '999999999999'), container: 'fastapi', port: 8000 },
        ],
      }),
      { targetGroups: new Map([[targetGroupArn.replace('123456789012', '999999999999'), read(undefined)]]) },
      /another account/,
    ],
    [
      'a missing log group that is not waited for',
      { definition: everything({ task: { containerDefinitions: [logging('non-blocking')] } }), service: service() },
      logGone,
      /non-blocking/,
    ],
    [
      'an image that a cache rule fetches',
      {},
      { images: new Map([[image, read({ kind: 'pulled-through' })]]) },
      /pull-through/,
    ],
    [
      'an older architecture',
      {},
      { images: new Map([[image, read({ kind: 'found', digest, platforms: ['linux/386'] })]]) },
      /linux\/386 may run/,
    ],
    [
      'an older ARM',
      { definition: everything({ task: { runtimePlatform: { cpuArchitecture: 'ARM64' } } }) },
      { images: new Map([[image, read({ kind: 'found', digest, platforms: ['linux/arm'] })]]) },
      /linux\/arm may run/,
    ],
    [
      'another account’s secret that is not shown',
      valueFrom(secretArn.replace('123456789012', '999999999999')),
      { secrets: new Map([[secretArn.replace('123456789012', '999999999999'), read(undefined)]]) },
      /a secret of another account/,
    ],
    [
      'a version without a stage',
      valueFrom(`${secretArn}:::v9`),
      { secrets: secretState() },
      /version v9 has no stage/,
    ],
    [
      'another account’s parameter, also one of the own list’s name',
      valueFrom('arn:aws:ssm:us-east-1:999999999999:parameter/shop/token'),
      {},
      /a parameter of another account/,
    ],
    ['a secret by the way of Parameter Store', valueFrom('/aws/reference/secretsmanager/db'), {}, /AWS’s own/],
    ['a public parameter', valueFrom('arn:aws:ssm:us-east-1:123456789012:parameter/aws/service/x'), {}, /AWS’s own/],
    [
      'another account’s role',
      { definition: everything({ task: { taskRoleArn: 'arn:aws:iam::999999999999:role/run' } }) },
      { roles: new Map([['start', read(trust())]]) },
      /a role of another account/,
    ],
    ...[
      { Principal: undefined, NotPrincipal: { Service: 'ec2.amazonaws.com' } },
      { Action: undefined, NotAction: 'sts:TagSession' },
      { Principal: { AWS: ['*'] } },
    ].map(
      (special) =>
        [
          `the trust ${JSON.stringify(special)}`,
          {},
          role(trust(special)),
          /whom it does not mean, or everyone/,
        ] as const,
    ),
  ])('is %s', (...[, special, known, detail]) => {
    const findings = judgePreflight(subject(special), facts(known)).filter(({ verdict }) => verdict !== 'ok');
    expect(findings).toMatchObject([{ verdict: 'unknown' }]);
    expect(findings[0]!.detail).toMatch(detail);
  });
});

test('what is not there is said of each; the rest of the subnets is still looked at', () => {
  const known = facts({ ...subnets({}), ...none });
  const network = judgePreflight(subject(twoSubnets), known).filter(({ check }) => check === 'network');
  expect(network).toMatchObject([
    { subject: 'subnet-2', verdict: 'wrong', detail: 'there is no subnet subnet-2' },
    { subject: 'subnet-1', verdict: 'wrong' },
  ]);
  // No way is said of a subnet that is not there.
  const denied = { kind: 'unread' as const, reason: 'denied', needs: 'x' };
  const gone = judgePreflight(subject(), facts({ subnets: read([]), routeTables: denied }));
  expect(gone.filter(({ check }) => check === 'network')).toHaveLength(1);
});

test('a long list of keys is cut', () => {
  const keys = Array.from({ length: 30 }, (_, at) => `k${at}`);
  const found = judgePreflight(subject(), facts({ keys: new Map([[`${secretArn}:url::`, read(keys)]]) }));
  expect(found.find(({ verdict }) => verdict === 'wrong')?.fix).toMatch(/"k19"\)/);
});

test('all faults are in one error, each with its fix', () => {
  const findings = judgePreflight(subject(), facts({ ...group({ loadBalancers: [] }), ...role(undefined) }));
  const failure = preflightFailure(findings);
  expect(failure).toMatchObject({ code: 'PreflightFailed', fault: 'user' });
  expect(failure?.message).toMatch(
    /2 things are wrong. Nothing was touched.\n- role .*→ Create it.*\n- load balancer shop-tg: .*→ Add a listener/,
  );
});

test('references to secrets, from variables, log options and registries; the ARN of a parameter does not tell its slash', () => {
  const definition = everything({
    container: {
      secrets: [{ name: 'A', valueFrom: 'arn:aws:ssm:eu-west-1:123456789012:parameter/db' }],
      logConfiguration: { logDriver: 'splunk', secretOptions: [{ name: 'token', valueFrom: secretArn }] },
      repositoryCredentials: { credentialsParameter: secretArn },
    },
  });
  expect(secretReferences({ definition, service: service() })).toMatchObject([
    { kind: 'parameter', region: 'eu-west-1', names: ['db', '/db'] },
    { kind: 'secret', name: 'token', secret: secretArn, key: undefined },
    { kind: 'secret', name: 'repositoryCredentials', secret: secretArn },
  ]);
});

test('a closed security group: a registry of one’s own may listen anywhere; a log or a secret needs HTTPS', () => {
  const verdict = (special: object): unknown =>
    judgePreflight(
      subject({
        definition: everything({
          container: {
            image: 'registry.example:5000/api:1',
            secrets: undefined,
            logConfiguration: undefined,
            ...special,
          },
        }),
      }),
      facts({ ...egress(), logGroups: logGone.logGroups! }),
    ).find(({ check }) => check === 'security group')?.verdict;
  expect(verdict({})).toBe('unknown');
  expect(verdict({ image })).toBe('wrong');
  expect(verdict({ secrets: [{ name: 'A', valueFrom: 'a' }] })).toBe('wrong');
  expect(verdict(logging('blocking', {}))).toBe('wrong');
  const closed = judgePreflight(
    subject({ definition: everything({ container: { image: 'nginx:1', secrets: undefined } }) }),
    facts(none),
  );
  expect(closed.find(({ check }) => check === 'network')).toMatchObject({
    verdict: 'unknown',
    detail: 'no way out, and the images are not in Amazon ECR',
  });
  expect(verdict({ ...logging('non-blocking', {}), image: 'registry.example:5000/api:1' })).toBe('unknown');
});

test('an execution role is needed for secrets anywhere, and on Fargate for ECR and for logs', () => {
  const said = (given: object, special: Partial<Subject> = {}): readonly string[] =>
    judgePreflight(
      subject({
        definition: everything({
          task: { executionRoleArn: '' },
          container: { image: 'nginx:1', secrets: undefined, logConfiguration: undefined, ...given },
        }),
        ...special,
      }),
      facts(),
    )
      .filter(({ check, verdict }) => check === 'role' && verdict === 'wrong')
      .map(({ detail }) => detail);
  const own: Partial<Subject> = { service: onInstances };
  const secrets = [{ name: 'A', valueFrom: '/shop/token' }];
  expect(said({})).toEqual([]);
  expect(said({ secrets })).toEqual([expect.stringContaining('reads its secrets')]);
  expect(said({ secrets }, own)).toEqual([expect.stringContaining('reads its secrets')]);
  expect(said({ image })).toEqual([expect.stringContaining('pulls from Amazon ECR')]);
  expect(said({ image }, own)).toEqual([]);
  const { logConfiguration } = logging('blocking') as { logConfiguration: object };
  expect(said({ logConfiguration })).toEqual([expect.stringContaining('writes its log')]);
  expect(said({ logConfiguration }, own)).toEqual([]);
});

test('the hosts of private repositories: other accounts, regions, partitions, dual stack, FIPS', () => {
  for (const host of [
    '999999999999.dkr.ecr.eu-west-1.amazonaws.com',
    '999999999999.dkr.ecr-fips.us-gov-west-1.amazonaws.com',
    '999999999999.dkr.ecr.cn-north-1.amazonaws.com.cn',
    '999999999999.dkr-ecr.eu-west-1.on.aws',
  ]) {
    expect(imageLocation(`${host}/team/shop:2`)).toMatchObject({
      account: '999999999999',
      repository: 'team/shop',
      tag: '2',
    });
  }
  for (const name of ['', '@', 'a b', `${'a/'.repeat(500)}:x`, 'https://x/y', '\n::error::', '${x}']) {
    expect(imageLocation(name)).toBeUndefined();
  }
});

test('hostile policies and names are judged, and never thrown at', () => {
  for (const policy of [
    null,
    5,
    'x',
    [],
    { Statement: 'x' },
    { Statement: [null, 5, { Principal: null, Action: [{}] }] },
  ]) {
    const [found] = judgePreflight(subject(), facts(role(policy))).filter(({ verdict }) => verdict === 'wrong');
    expect(found?.detail).toMatch(/does not let/);
  }
  // Would take for ever with a careless pattern.
  const actions = ['*a'.repeat(500), '?*'.repeat(500), '*'.repeat(5000), 'sts:assumerole(', '[', 'sts.assumerole'];
  const verdicts = actions.map(
    (action) =>
      judgePreflight(subject(), facts(role(trust({ Action: action })))).find(({ check }) => check === 'role')?.verdict,
  );
  expect(verdicts).toEqual(['wrong', 'wrong', 'ok', 'wrong', 'wrong', 'wrong']);
});

test('what is shown: nothing of nothing; a digest is named for a tag alone; what is not known is named one by one', () => {
  expect(preflightLines([])).toEqual([]);
  const byDigest = `${image.slice(0, -2)}@${digest}`;
  const known = facts({
    images: new Map([[byDigest, read({ kind: 'found', digest, platforms: [] })]]),
    logGroups: new Map([['us-east-1 /ecs/shop', { kind: 'unread', reason: 'Slow', needs: undefined }]]),
  });
  expect(preflightLines(judgePreflight(subject(container({ image: byDigest })), known))).toEqual([
    'preflight: 8 good, 0 wrong, 1 not checked',
    '  not checked: log group /ecs/shop (Slow)',
  ]);
  const one = judgePreflight(subject(), facts(group({ loadBalancers: [] })));
  expect(preflightFailure(one)?.message).toMatch(/^The deployment could not work: one thing is wrong\./);
  expect(preflightLines(one)).toEqual(
    expect.arrayContaining([
      'preflight: 9 good, 1 wrong, 0 not checked',
      expect.stringMatching(/^ {2}✗ load balancer shop-tg: no load balancer/),
      expect.stringMatching(/^ {4}→ Add a listener/),
    ]),
  );
});
