import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { plainIdentity, plainPlace } from '../../shared/aws/s3-place.ts';
import { sdkBucket } from '../../shared/aws/s3-sdk.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';

const before = { ...process.env };
let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'slipway-s3-place-'));
  process.env = {
    PATH: before['PATH'],
    HOME: home,
    AWS_CONFIG_FILE: join(home, 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(home, 'credentials'),
    AWS_EC2_METADATA_DISABLED: 'true',
  };
});
afterEach(() => {
  process.env = { ...before };
  rmSync(home, { recursive: true });
});

const sdkOf = (bucket: string, region: string) =>
  sdkBucket(
    sdkConfig(
      { region, roleSessionName: 'slipway', roleDurationSeconds: 3600 },
      { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
    ),
    bucket,
  );

const regions = [
  'us-east-1',
  'us-west-2',
  'eu-central-1',
  'ap-southeast-7',
  'sa-east-1',
  'mx-central-1',
  'il-central-1',
];
const others = ['cn-north-1', 'us-gov-west-1', 'us-iso-east-1', 'eusc-de-east-1', 'eu-isoe-west-1'];
const variables = {
  AWS_ENDPOINT_URL: fc.option(fc.constantFrom('http://127.0.0.1:4566', 'https://s3.example.com/base'), { nil: '' }),
  AWS_ENDPOINT_URL_S3: fc.option(fc.constantFrom('http://localhost:9000', 'http://[::1]:9000'), { nil: '' }),
  AWS_USE_FIPS_ENDPOINT: fc.constantFrom('', '', '', 'true'),
  AWS_USE_DUALSTACK_ENDPOINT: fc.constantFrom('', '', '', 'true'),
};

describe('the place of a bucket by the environment alone', () => {
  test('is the SDK’s own, or left to the SDK', async () => {
    let plain = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...regions, ...others),
        fc.constantFrom(
          'site',
          'a-b-c',
          '1abc',
          'with.dots.in.it',
          'x--x-s3',
          'point-s3alias',
          'a--b',
          'site-123456789012',
        ),
        fc.record(variables),
        async (region, bucket, environment) => {
          for (const [name, value] of Object.entries(environment)) {
            if (value === '') Reflect.deleteProperty(process.env, name);
            else process.env[name] = value;
          }
          const ours = plainPlace(bucket, region, process.env);
          if (ours === undefined) return;
          plain += 1;
          const theirs = await sdkOf(bucket, region).place();
          const text = ({ url, ...rest }: typeof theirs) => ({ ...rest, url: url.href.replace(/\/$/, '') });
          expect(text(ours)).toEqual(text(theirs));
        },
      ),
      { numRuns: 400 },
    );
    expect(plain).toBeGreaterThan(50);
  });

  test.each(regions)('is known in %s, and a hint for which the SDK is needed is not overlooked', (region) => {
    expect(plainPlace('site', region, process.env)?.url.href).toBe(`https://site.s3.${region}.amazonaws.com/`);
    for (const name of ['AWS_PROFILE', 'AWS_USE_FIPS_ENDPOINT', 'AWS_USE_DUALSTACK_ENDPOINT']) {
      expect(plainPlace('site', region, { ...process.env, [name]: 'true' })).toBeUndefined();
    }
    for (const file of ['config', 'credentials']) {
      writeFileSync(join(home, file), '');
      expect(plainPlace('site', region, process.env)).toBeUndefined();
      rmSync(join(home, file));
    }
  });

  test.each(others)('is left to the SDK in %s', (region) => {
    expect(plainPlace('site', region, process.env)).toBeUndefined();
  });
});

describe('the keys in the environment', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret' };

  test('are what the SDK would take', async () => {
    for (const more of [{}, { AWS_SESSION_TOKEN: 'token' }]) {
      Object.assign(process.env, keys, more);
      const theirs = await sdkOf('site', 'us-east-1').identity();
      const { accessKeyId, secretAccessKey, sessionToken } = theirs;
      expect(plainIdentity(process.env)).toEqual({ accessKeyId, secretAccessKey, sessionToken });
    }
  });

  test.each([
    {},
    { ...keys, AWS_PROFILE: 'other' },
    { AWS_ACCESS_KEY_ID: 'AKIA' },
    { ...keys, AWS_SECRET_ACCESS_KEY: '' },
  ])('are not used when there are none, or a profile: %j', (environment) => {
    expect(plainIdentity(environment)).toBeUndefined();
  });
});
