import { describe, expect, test } from '@jest/globals';
import { diagnose, type Evidence } from '../../../actions/deploy-ecs/src/diagnose.ts';
import { hideEvents, hider } from '../../../shared/core/masking.ts';
import { taskDefinition } from '../../kit/ecs.ts';

const hide = hider([]);
const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

test.each([
  ['a URL', 'postgresql+asyncpg://app:s3cr3t@db/x refused', 'postgresql+asyncpg://app:***@db/x refused'],
  ['a URL whose password holds an @', 'redis://:s3@cr3t@cache:6379', 'redis://:***@cache:6379'],
  ['an assignment', 'DB_PASSWORD=s3cr3t, next', 'DB_PASSWORD=***, next'],
  ['a name and a colon', 'password: s3cr3t', 'password: ***'],
  ['JSON', '{"client_secret": "s3 cr3t", "a": 1}', '{"client_secret": "***", "a": 1}'],
  ['JSON inside of JSON', String.raw`{\"api_key\": \"s3 cr3t\"}`, String.raw`{\"api_key\": \"***\"}`],
  ['Python’s repr', "{'token': 's3cr3t'}", "{'token': '***'}"],
  ['a header in JSON', '{"Authorization": "s3cr3t"}', '{"Authorization": "***"}'],
  ['a header', 'Authorization: Bearer s3cr3ts3cr3t', 'Authorization: Bearer ***'],
  ['basic', 'authorization Basic czNjcjN0OnMzY3IzdA==', 'authorization Basic ***'],
  ['a cookie', 'Cookie: sid=s3cr3t; other=s3cr3t', 'Cookie: ***'],
  ['a JSON Web Token', `got ${jwt}, expired`, 'got ***, expired'],
  ['a JSON Web Token cut short', `got ${jwt.slice(0, 40)}`, 'got ***'],
  ['an access key', 'key AKIAIOSFODNN7EXAMPLE and ASIAIOSFODNN7EXAMPLE', 'key *** and ***'],
  ['a secret key', 'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG"', 'aws_secret_access_key = "***"'],
  ['a signed URL', 'GET https://b/k?X-Amz-Signature=s3cr3t&x=1', 'GET https://b/k?X-Amz-Signature=***&x=1'],
  ['a token of GitHub', 'ghp_abcdefghijklmnopqrst1234 used', '*** used'],
  ['a key', '-----BEGIN RSA PRIVATE KEY-----\nMIIs3cr3t\n-----END RSA PRIVATE KEY-----\nend', '***\nend'],
  ['the first line of a key', '-----BEGIN PRIVATE KEY----- MIIs3cr3t', '***'],
  [
    'a key cut off, and not what follows',
    `-----BEGIN PRIVATE KEY-----\n${'MIIs3cr3t'.repeat(7)}\n${'s3cr3t00'.repeat(8)}\nERROR: no database`,
    '***\nERROR: no database',
  ],
  [
    'a key in JSON',
    String.raw`"-----BEGIN PRIVATE KEY-----\nMIIs3cr3tMIIs3cr3t\n-----END PRIVATE KEY-----\n"`,
    String.raw`"***\n"`,
  ],
  ['another scheme', 'Authorization: ApiKey s3cr3t==, refused', 'Authorization: ApiKey ***'],
  ['a header without a scheme', 'Authorization: s3cr3ts3cr3t', 'Authorization: ***'],
  ['an option', 'mysql --user app --password s3cr3t db', 'mysql --user app --password *** db'],
  ['an option in JSON', '["x","--api-key","s3,cr3t","y"]', '["x","--api-key","***","y"]'],
  ['a webhook of Slack', 'POST https://hooks.slack.com/services/T0/B0/s3cr3t.', 'POST https://hooks.slack.com/***'],
  ['a token of GitLab', 'with glpat-abcdefghij0123456789.', 'with ***.'],
  ['a token of npm', 'npm_abcdefghijklmnopqrstuvwxyz0123456789 used', '*** used'],
  ['a key of Google', 'key=AIzaSyA-abcdefghijklmnopqrstuvwxyz012345', 'key=***'],
  ['a key of SendGrid', 'SG.abcdefghijklmnopqrstuv.wxyz0123456789 used', '*** used'],
])('hides %s', (_, text, expected) => expect(hide(text)).toBe(expected));

test.each([
  'password authentication failed for user "app"',
  'failed to fetch secret arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/db-AbCdEf from secrets manager: AccessDeniedException',
  'unable to retrieve secret: AccessDeniedException',
  'retrieved secret did not contain json key password',
  "KeyError: 'SECRET_KEY'",
  'https://api.example.com:443/token?x=1',
  'The task cannot pull registry auth from Amazon ECR',
  'connection to server at "db" (10.0.0.1), port 5432 failed',
  'arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/my-db_password-AbCdEf:password:AWSCURRENT:',
  'Use the whole ARN: arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/db-AbCdEf:api_key::',
  'leave ":password::" out to take the whole value',
  'aws secretsmanager put-secret-value --secret-id arn:aws:x --secret-string file://…',
  'Authorization: none',
])('leaves alone what tells no secret: %s', (text) => expect(hide(text)).toBe(text));

describe('known values', () => {
  test('are hidden wherever they stand, the longer one first, an empty one never', () => {
    expect(hider(['abc', '', 'abcdef'])('x abcdef abc abc.')).toBe('x *** *** ***.');
  });

  test('are hidden as a URL and as JSON hold them', () => {
    expect(hider(['p@ss/w0rd'])('GET /p%40ss%2Fw0rd')).toBe('GET /***');
    expect(hider(['a"b\nc\\d'])(JSON.stringify(['x a"b\nc\\d']))).toBe('["x ***"]');
    expect(hider(['\ud800 lone'])('a \ud800 lone')).toBe('a ***');
  });

  test('are hidden where they stand by themselves when they are short', () => {
    expect(hider(['prod', 'a.c!'])('prod, production, xprod, /prod/ "prod" (a.c!) abc! é-prod éprod')).toBe(
      '***, production, xprod, /***/ "***" (***) abc! é-*** éprod',
    );
    expect(hider(['123456'])('x123456y')).toBe('x***y');
  });

  test('are no patterns', () => expect(hider(['a.c'])('abc a.c')).toBe('abc ***'));
});

describe('events of a log', () => {
  test('are one text: a key that was logged line by line, and what is beside it', () => {
    const events = [
      'first',
      '-----BEGIN PRIVATE KEY-----',
      's3cr3t',
      'Authorization: Key s3cr3t',
      'x==',
      '-----END PRIVATE KEY-----',
      'last',
    ];
    expect(hideEvents(hide, events)).toEqual(['first', '***', 'last']);
  });

  test('stay apart', () => {
    const events = ['', 'Cookie: s3cr3t', '  two\nlines', 'Authorization: Key s3cr3t', 'x --password', 'stays', ''];
    expect(hideEvents(hide, events)).toEqual([
      '',
      'Cookie: ***',
      '  two\nlines',
      'Authorization: Key ***',
      'x --password',
      'stays',
      '',
    ]);
    expect(hideEvents(hide, [])).toEqual([]);
  });

  test('are looked at up to a length', () => expect(hideEvents(hide, ['x'.repeat(30_000)])[0]).toHaveLength(20_000));
});

describe('a diagnosis hides before it cuts', () => {
  const evidence = (special: Partial<Evidence>): Evidence => ({
    reason: '',
    definition: taskDefinition(),
    service: undefined,
    failures: [],
    events: [],
    targets: [],
    logs: [],
    health: undefined,
    changes: [],
    missing: [],
    sensitive: ['first half\nsecond half'],
    ...special,
  });

  test('what AWS says, over several lines and at the length that is looked at', () => {
    expect(diagnose(evidence({ reason: 'it was first half\nsecond half.' })).what).toBe('it was ***.');
    const long = diagnose(evidence({ reason: `${'x'.repeat(3_990)}first half\nsecond half` }));
    expect(JSON.stringify(long)).not.toMatch(/first|half/);
  });

  test.each([
    ['in one event', ['it was first half\nsecond half.'], ['it was ***.']],
    [
      'in several events',
      ['it was first', '-----BEGIN KEY-----', 'MIIx', '-----END KEY-----', 'end'],
      ['it was first', '***', 'end'],
    ],
  ])('a log, %s', (_, lines, expected) => {
    expect(diagnose(evidence({ logs: [{ container: 'fastapi', lines }] })).logs[0]?.lines).toEqual(expected);
  });

  test('a log at the length that is looked at', () => {
    const lines = [`${'x'.repeat(3_990)}first half\nsecond half`];
    expect(JSON.stringify(diagnose(evidence({ logs: [{ container: 'fastapi', lines }] })))).not.toMatch(/first|half/);
  });
});

test.each(['a'.repeat(4_000), 'secret'.repeat(600), '://'.repeat(1_300), '-'.repeat(4_000)])(
  'a hostile text is done with, and kept: %#',
  (text) => expect(hide(text)).toBe(text),
);
