import { describe, expect, test } from '@jest/globals';
import { InputError } from '../../../shared/core/errors.ts';
import { cases } from '../../bundle/build-push-image.bad-inputs.ts';
import { commit, inputs, read } from './kit.ts';

function refusal(values: Readonly<Record<string, string>>, options?: { sha?: string }): string {
  try {
    read(values, options);
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('bad inputs', () => {
  // A region of the table's own stands in for the environment's in the bundle test.
  test.each(cases.map((item) => [item.name, item] as const))('%s', (_, { inputs: values, expect: expected }) => {
    const message = refusal(values);
    for (const text of expected) expect(message).toContain(text);
  });

  test('without a commit, tags must be given', () => {
    expect(refusal({ repository: 'app' }, { sha: '' })).toContain('tags is missing; accepted: at least one tag');
    expect(read({ repository: 'app', tags: 'v1' }, { sha: '' }).tags).toEqual(['v1']);
  });

  test('exactly the bad fields are named, each once', () => {
    const message = refusal({ repository: 'A', context: '-', cache: 'x', target: 'ok' });
    expect(message.split('\n').map((line) => line.split(' ')[0])).toEqual(['context', 'repository', 'cache']);
  });

  test('more tags than ECR can be asked about at once', () => {
    const tags = Array.from({ length: 51 }, (_, index) => `v${index}`);
    expect(refusal({ repository: 'app', tags: tags.join('\n') })).toBe('tags is "51 tags"; accepted: at most 50 tags');
    expect(refusal({ repository: 'app', tags: tags.slice(1).join('\n') })).toBe('accepted');
  });

  test('zero bytes, which no command line can carry', () => {
    const message = refusal({ repository: 'app', 'build-args': '{"A":"\\u0000"}', labels: '{"a":"x\\u0000"}' });
    expect(message).toMatch(/^build-args .*zero bytes\nlabels .*zero bytes$/);
  });

  test('a secret’s value is never shown', () => {
    expect(refusal({ repository: 'app', secrets: 'a=hunter2\na=hunter3\nhunter4' })).not.toMatch(/hunter/);
  });
});

describe('good inputs', () => {
  test('the defaults', () => {
    expect(inputs()).toEqual({
      region: 'us-east-1',
      roleToAssume: undefined,
      roleSessionName: 'slipway',
      roleDurationSeconds: 3600,
      dryRun: false,
      archiveTo: undefined,
      archiveFrom: undefined,
      repository: 'app',
      registry: undefined,
      registryId: undefined,
      context: '.',
      file: 'Dockerfile',
      target: undefined,
      buildArgs: new Map(),
      secrets: new Map(),
      secretFiles: new Map(),
      platforms: [],
      tags: [commit],
      labels: new Map(),
      cache: 'auto',
      skipUnchanged: true,
      force: false,
      maxAgeDays: undefined,
      createRepository: true,
      provenance: 'false',
      sbom: false,
      scan: 'off',
      scanTimeoutMinutes: 10,
    });
  });

  test('secrets are masked the moment they are read, line by line as well', () => {
    const masked: string[] = [];
    read({ repository: 'app', secrets: '{"key":"first\\nsecond"}' }, { masked });
    expect(masked).toEqual(['first\nsecond', 'first', 'second']);
  });

  test('another account’s registry', () => {
    const registry = '210987654321.dkr.ecr.us-east-1.amazonaws.com';
    expect(inputs({ registry })).toMatchObject({ registry, registryId: '210987654321' });
  });

  test('the Dockerfile lies in the context unless it is named', () => {
    expect(inputs({ context: 'backend/' }).file).toBe('backend/Dockerfile');
    expect(inputs({ context: 'backend', file: 'docker/api.Dockerfile' }).file).toBe('docker/api.Dockerfile');
  });

  test('tags and platforms once each; latest only when asked for', () => {
    expect(inputs({ tags: 'v1\nlatest\r\nv1' }).tags).toEqual(['v1', 'latest']);
    expect(inputs({ platforms: 'linux/arm64\nlinux/amd64\nlinux/arm64' }).platforms).toEqual([
      'linux/amd64',
      'linux/arm64',
    ]);
  });
});
