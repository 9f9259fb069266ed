import { describe, expect, test } from '@jest/globals';
import { hider } from '../../../actions/deploy-ecs/src/masking.ts';

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
])('leaves alone what tells no secret: %s', (text) => expect(hide(text)).toBe(text));

describe('known values', () => {
  test('are hidden wherever they stand, the longer one first, an empty one never', () => {
    expect(hider(['abc', '', 'abcdef'])('x abcdef abc abc.')).toBe('x *** *** ***.');
  });

  test('are no patterns', () => expect(hider(['a.c'])('abc a.c')).toBe('abc ***'));
});

test.each(['a'.repeat(4_000), 'secret'.repeat(600), '://'.repeat(1_300), '-'.repeat(4_000)])(
  'a hostile text is done with, and kept: %#',
  (text) => expect(hide(text)).toBe(text),
);
