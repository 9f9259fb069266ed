import { expect, test } from '@jest/globals';
import { configDigest, indexEntries, readConfig } from '../../../actions/build-push-image/src/image-config.ts';

test('of an index its images, not its attestations; of an image, its configuration', () => {
  const index = JSON.stringify({
    manifests: [
      { digest: 'sha256:1', platform: { os: 'linux', architecture: 'arm', variant: 'v6' } },
      { digest: 'sha256:2', platform: { os: 'unknown', architecture: 'unknown' } },
      { digest: 'sha256:3', annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } },
      { digest: 'sha256:4' },
    ],
  });
  expect(indexEntries(index)).toEqual([
    { digest: 'sha256:1', platform: { os: 'linux', architecture: 'arm', variant: 'v6' } },
    { digest: 'sha256:4', platform: undefined },
  ]);
  const manifest = JSON.stringify({ config: { digest: 'sha256:c' }, layers: [] });
  expect(indexEntries(manifest)).toBeUndefined();
  expect(configDigest(manifest)).toBe('sha256:c');
  expect(() => configDigest('{}')).toThrow(/names no configuration/);
});

test('a configuration, whole and as little as there may be', () => {
  const full = {
    os: 'linux',
    architecture: 'arm64',
    variant: 'v8',
    config: { Entrypoint: ['/e'], Cmd: ['c'], Env: ['A=1'], WorkingDir: '/w', OnBuild: ['RUN x'] },
  };
  expect(readConfig(JSON.stringify(full))).toEqual({
    platform: { os: 'linux', architecture: 'arm64', variant: undefined },
    ...{ entrypoint: ['/e'], cmd: ['c'], env: ['A=1'], workingDir: '/w', hasTriggers: true },
  });
  const bare = { os: 'linux', architecture: 'amd64', config: { Cmd: null, OnBuild: [] } };
  expect(readConfig(JSON.stringify(bare))).toEqual({
    platform: { os: 'linux', architecture: 'amd64', variant: undefined },
    ...{ entrypoint: [], cmd: [], env: [], workingDir: '', hasTriggers: false },
  });
  expect(() => readConfig('{"os":"linux"}')).toThrow(/no operating system and architecture/);
});
