import { expect, test } from '@jest/globals';
import { addCounts, gate, judgeScan, scanTargets } from '../../../actions/build-push-image/src/scan.ts';
import { image } from './kit.ts';

const look = (status: string, counts: Record<string, number> = {}) => ({ status, description: '', counts });

test.each([
  ['no scan yet', undefined, undefined, 'pending'],
  ['pending', look('PENDING'), undefined, 'pending'],
  ['in progress', look('IN_PROGRESS'), undefined, 'pending'],
  ['complete', look('COMPLETE', { HIGH: 1 }), undefined, 'done'],
  // Enhanced scanning says ACTIVE before its findings are there.
  ['active for the first time', look('ACTIVE'), undefined, 'pending'],
  ['active, still counting', look('ACTIVE', { HIGH: 2 }), look('ACTIVE', { HIGH: 1 }), 'pending'],
  ['active and stable', look('ACTIVE', { HIGH: 2 }), look('ACTIVE', { HIGH: 2, LOW: 0 }), 'done'],
  ['active after pending', look('ACTIVE'), look('PENDING'), 'pending'],
  ['failed', look('FAILED'), undefined, 'failed'],
  ['unsupported', look('UNSUPPORTED_IMAGE'), undefined, 'failed'],
  ['limit', look('LIMIT_EXCEEDED'), undefined, 'failed'],
  ['a status of tomorrow', look('BRAND_NEW'), undefined, 'failed'],
])('%s', (...[, seen, before, kind]) => expect(judgeScan({ seen, before }).kind).toBe(kind));

test.each([
  ['report', { CRITICAL: 9 }, undefined],
  ['critical', { HIGH: 9 }, undefined],
  ['critical', { CRITICAL: 1, HIGH: 9 }, '1 CRITICAL;'],
  ['high', { CRITICAL: 1, HIGH: 2, MEDIUM: 3 }, '1 CRITICAL, 2 HIGH;'],
  ['medium', { MEDIUM: 3 }, '3 MEDIUM;'],
  ['medium', { LOW: 3, UNDEFINED: 1 }, undefined],
  ['high', {}, undefined],
] as const)('gate %s with %j: %s', (level, counts, message) => {
  const error = gate(counts, level);
  if (message === undefined) expect(error).toBeUndefined();
  else expect(error?.message).toContain(message);
});

test('an index is scanned platform by platform, without its attestations', () => {
  const single = image('x', []);
  expect(scanTargets(single)).toEqual([single.digest]);
  const manifest = JSON.stringify({
    manifests: [
      { digest: 'sha256:1', platform: { os: 'linux', architecture: 'amd64' } },
      { digest: 'sha256:2', platform: { os: 'linux', architecture: 'arm64' } },
      { digest: 'sha256:3', platform: { os: 'unknown', architecture: 'unknown' } },
    ],
  });
  const index = { ...single, manifest, mediaType: 'application/vnd.oci.image.index.v1+json' };
  expect(scanTargets(index)).toEqual(['sha256:1', 'sha256:2']);
  expect(addCounts([{ HIGH: 1 }, { HIGH: 2, LOW: 1 }])).toEqual({ HIGH: 3, LOW: 1 });
});
