import { describe, expect, test } from '@jest/globals';
import { denialHint, toAwsError } from '../../../shared/aws/aws-error.ts';
import { explainDenial, parseDenial } from '../../../shared/core/iam-denial.ts';

const deploy = 'arn:aws:sts::123456789012:assumed-role/deploy/run-7';
const says = (action: string, resource: string, why: string): string =>
  `User: ${deploy} is not authorized to perform: ${action} on resource: ${resource} ${why}`;
const call = { service: 'ECS', operation: 'UpdateService' };
const statementIn = (text: string): object => JSON.parse(/\{.*\}/.exec(text)![0]) as object;

test.each([
  ['nothing of a denial', 'Rate exceeded', undefined],
  [
    'who, what, on what',
    says('ecs:UpdateService', 'arn:aws:ecs:x:1:service/c/s', 'because no identity-based policy allows …'),
    {
      principal: deploy,
      action: 'ecs:UpdateService',
      resource: 'arn:aws:ecs:x:1:service/c/s',
      kind: 'missing',
      policy: '',
    },
  ],
  [
    'quoted, as S3 and JSON logs do',
    `"msg": "${says('s3:PutObject', String.raw`\"arn:aws:s3:::b/k\"`, 'because no session policy allows the s3:PutObject action')}"`,
    {
      principal: deploy,
      action: 's3:PutObject',
      resource: 'arn:aws:s3:::b/k',
      kind: 'ceiling',
      policy: 'session policy',
    },
  ],
  [
    'an explicit deny with the policy’s ARN and a link',
    says(
      'iam:PassRole',
      'arn:aws:iam::1:role/x',
      'with an explicit deny in an identity-based policy: arn:aws:iam::1:policy/Deny. Go to https://us-east-1.console.aws.amazon.com/iam/…',
    ),
    {
      kind: 'explicit',
      policy: 'identity-based policy, arn:aws:iam::1:policy/Deny',
      resource: 'arn:aws:iam::1:role/x',
    },
  ],
  ['an explicit deny, older', says('a:B', '*', 'with an explicit deny'), { kind: 'explicit', policy: 'policy' }],
  [
    'an explicit deny of the organization',
    says('a:B', 'r', 'with an explicit deny in a service control policy'),
    { kind: 'explicit', policy: 'service control policy' },
  ],
  [
    'a VPC endpoint’s policy',
    says('a:B', 'r', 'because no VPC endpoint policy allows the a:B action'),
    { kind: 'ceiling', policy: 'VPC endpoint policy' },
  ],
  ['no resource', 'User: x is not authorized to perform: ec2:DescribeSubnets', { resource: '*', principal: undefined }],
])('%s', (_, text, expected) => {
  if (expected === undefined) expect(parseDenial(text)).toBeUndefined();
  else expect(parseDenial(text)).toMatchObject(expected);
});

describe('what to change', () => {
  test('PassRole carries the service that the role is passed to', () => {
    const text = says('iam:PassRole', 'arn:aws:iam::123456789012:role/app-task', 'because no identity-based policy …');
    expect(statementIn(denialHint(text, { service: 'ECS', operation: 'RegisterTaskDefinition' }))).toEqual({
      Effect: 'Allow',
      Action: 'iam:PassRole',
      Resource: 'arn:aws:iam::123456789012:role/app-task',
      Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    });
    expect(denialHint(text, call)).toContain('the policy of the role deploy');
    expect(denialHint(text, { service: 'S3', operation: 'x' })).not.toContain('PassedToService');
  });

  test('a key’s policy names the role, with "*" for the key itself', () => {
    const text = says(
      'kms:Decrypt',
      'arn:aws:kms:x:1:key/k',
      'because no resource-based policy allows the kms:Decrypt action',
    );
    const hint = denialHint(text, call);
    expect(hint).toContain('the key policy of arn:aws:kms:x:1:key/k');
    expect(statementIn(hint)).toEqual({
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::123456789012:role/deploy' },
      Action: 'kms:Decrypt',
      Resource: '*',
    });
  });

  test('a missing permission for a key mentions the key’s own policy', () => {
    const text = says('kms:Decrypt', 'arn:aws:kms:x:1:key/k', 'because no identity-based policy allows …');
    expect(explainDenial(parseDenial(text)!).fix).toMatch(/policy of the role deploy: .*key’s own policy/);
  });

  test.each([
    ['with an explicit deny in a permissions boundary', /No added permission helps.*permissions boundary policy/],
    ['because no service control policy allows the a:B action', /Let the service control policy allow a:B on r/],
    ['because no resource control policy allows the a:B action', /Let the resource control policy allow/],
  ])('%s: no statement to add', (why, expected) => {
    const hint = denialHint(says('a:B', 'r', why), call);
    expect(hint).toMatch(expected);
    expect(hint).not.toContain('"Effect"');
  });

  test.each([
    ['S3', 'ListObjectsV2', 's3:ListBucket'],
    ['S3', 'HeadObject', 's3:GetObject'],
    ['S3', 'DeleteObjects', 's3:DeleteObject'],
    ['CloudWatchLogs', 'GetLogEvents', 'logs:GetLogEvents'],
    ['ElasticLoadBalancingV2', 'DescribeTargetHealth', 'elasticloadbalancing:DescribeTargetHealth'],
    ['ApplicationAutoScaling', 'DescribeScalableTargets', 'application-autoscaling:DescribeScalableTargets'],
  ])('%s %s without a word from AWS: %s', (service, operation, action) => {
    expect(statementIn(denialHint('Access Denied', { service, operation }))).toMatchObject({ Action: action });
  });
});

describe('errors', () => {
  const thrown = (name: string, message: string): Error => Object.assign(new Error(message), { name });
  const blob = 'Ab9_-'.repeat(200);
  const from = (name: string, message: string): Error & { hint?: string } => toAwsError(thrown(name, message), call);

  test('an encoded message is short in the error, whole in the command of the hint', () => {
    const error = from(
      'UnauthorizedOperation',
      `You are not authorized to perform this operation. ${says('ec2:DescribeSubnets', '*', 'because no identity-based policy allows it.')} Encoded authorization failure message: ${blob}`,
    );
    expect(error.message).not.toContain(blob);
    expect(error.message.length).toBeLessThan(500);
    expect(error.hint).toContain('"Action":"ec2:DescribeSubnets"');
    expect(error.hint).toContain(
      `decode-authorization-message --query DecodedMessage --output text --encoded-message ${blob}`,
    );
  });

  test.each(['Access to KMS is not allowed', 'The ciphertext refers to a customer managed key that does not exist …'])(
    'a key that may not be used: %s',
    (message) => {
      const error = from('InvalidParameterException', message);
      expect(error).toMatchObject({ fault: 'user', message: expect.stringContaining('was denied') });
      expect(error.hint).toMatch(/kms:Decrypt.*key policy/);
    },
  );

  test('a denial under another name is one', () => {
    expect(from('ClientException', says('iam:PassRole', 'r', '')).hint).toContain('"Action":"iam:PassRole"');
    expect(from('ClientException', 'No such family').hint).toBeUndefined();
  });
});
