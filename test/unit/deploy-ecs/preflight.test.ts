import { describe, expect, test } from '@jest/globals';
import {
  judgePreflight,
  preflightFailure,
  preflightLines,
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
  expect(preflightLines(findings)).toEqual([`preflight: 10 of 10 checks good`, `  ${image}: 2 is ${digest}`]);
  expect(preflightFailure(findings)).toBeUndefined();
});

type Case = readonly [name: string, subject: Partial<Subject>, facts: Partial<Facts>, detail: RegExp, fix: RegExp];

test.each<Case>([
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
    /leave both out/,
  ],
  ['no such version', valueFrom(`${secretArn}:::v9`), { secrets: secretState() }, /no version v9/, /leave both out/],
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
    'an endpoint without private DNS',
    {},
    { ...none, ...endpoints(...all.slice(1), gateway, endpoint('ecr.api', { privateDns: false })) },
    /missing: ecr\.api$/,
    /private DNS/,
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
])('%s: wrong, with its fix', (...[, special, known, detail, fix]) => {
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
])('%s is no fault', (_, special, known) => {
  expect(judgePreflight(subject(special), facts(known)).filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
});

test('a partial ARN that works now, without a key, is let through; with a key it never is', () => {
  const partial = secretArn.slice(0, -7);
  const known = facts({ secrets: new Map([[partial, secretState().get(secretArn)!]]) });
  const verdicts = (from: string, proven: readonly string[]): readonly string[] =>
    judgePreflight(subject({ ...valueFrom(from), proven: new Set(proven) }), known)
      .filter(({ check }) => check === 'secret')
      .map(({ verdict }) => verdict);
  expect(verdicts(partial, [partial])).toEqual(['ok']);
  expect(verdicts(partial, [])).toEqual(['wrong']);
  expect(verdicts(`${partial}:url::`, [`${partial}:url::`])).toEqual(['wrong']);
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
    ['an image elsewhere', container({ image: 'nginx:1' }), {}, /not in Amazon ECR/],
    ['a way through a transit gateway', {}, routes(['10.0.0.0/8', 'tgw-1']), /behind tgw-1/],
    [
      'a parameter of another account',
      valueFrom('arn:aws:ssm:us-east-1:999999999999:parameter/a/b'),
      {},
      /another account/,
    ],
    [
      'what was throttled',
      {},
      {
        logGroups: new Map([
          ['us-east-1 /ecs/shop', { kind: 'unread', reason: 'ThrottlingException', needs: undefined }],
        ]),
      },
      /Throttling/,
    ],
  ])('is %s', (...[, special, known, detail]) => {
    const findings = judgePreflight(subject(special), facts(known)).filter(({ verdict }) => verdict !== 'ok');
    expect(findings).toMatchObject([{ verdict: 'unknown' }]);
    expect(findings[0]!.detail).toMatch(detail);
  });
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
