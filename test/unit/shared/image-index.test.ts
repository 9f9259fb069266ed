import { expect, test } from '@jest/globals';
import { indexedImages } from '../../../shared/core/image-index.ts';

const digest = 'sha256:1';
const index = (...manifests: readonly unknown[]) => indexedImages(JSON.stringify({ manifests }));
const attests = { 'vnd.docker.reference.type': 'attestation-manifest' };

test.each<[string, object, object | undefined]>([
  ['os and architecture', { os: 'linux', architecture: 'amd64' }, { os: 'linux', architecture: 'amd64' }],
  [
    'a variant',
    { os: 'linux', architecture: 'arm', variant: 'v6' },
    { os: 'linux', architecture: 'arm', variant: 'v6' },
  ],
  ['an empty variant', { os: 'linux', architecture: 'arm64', variant: '' }, { os: 'linux', architecture: 'arm64' }],
  ['half a platform', { os: 'linux' }, undefined],
  ['no text', { os: 'linux', architecture: 7 }, undefined],
  ['an unknown system only', { os: 'unknown', architecture: 'riscv64' }, { os: 'unknown', architecture: 'riscv64' }],
  ['an unknown machine only', { os: 'linux', architecture: 'unknown' }, { os: 'linux', architecture: 'unknown' }],
])('an image with %s', (_, platform, told) => {
  const expected = [{ digest, platform: told && { variant: undefined, ...told } }];
  expect(index({ digest, platform })).toEqual(expected);
});

test('an image that tells nothing', () => {
  expect(index({ digest }, {}, null, 'x')).toEqual([
    { digest, platform: undefined },
    ...Array.from({ length: 3 }, () => ({ digest: '', platform: undefined })),
  ]);
});

test('attestations are no images; what names a real platform is one, whatever is noted on it', () => {
  const unknown = { os: 'unknown', architecture: 'unknown' };
  expect(index({ digest, platform: unknown })).toEqual([]);
  expect(index({ digest, platform: unknown, annotations: attests })).toEqual([]);
  expect(index({ digest, annotations: attests })).toEqual([]);
  expect(index({ digest, annotations: { 'vnd.docker.reference.type': 'other' } })).toHaveLength(1);
  expect(index({ digest, platform: { os: 'linux', architecture: 'amd64' }, annotations: attests })).toHaveLength(1);
});

test.each(['{"layers":[]}', 'no JSON', '', 'null', '[]'])('%s is no index', (manifest) => {
  expect(indexedImages(manifest)).toBeUndefined();
});
test('an index whose list is none names nothing', () => {
  expect([indexedImages('{"manifests":{}}'), index()]).toEqual([[], []]);
});
