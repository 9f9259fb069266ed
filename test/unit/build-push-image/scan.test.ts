import { describe, expect, test } from '@jest/globals';
import type { ImageScan, ScanStart } from '../../../shared/aws/ecr.ts';
import { judgeScan, needsStart, scanTargets, type ScanLook } from '../../../actions/build-push-image/src/scan.ts';
import { image } from './kit.ts';
import { hour, now, scanOf } from './scan-kit.ts';

const fresh = { completedAt: now - 5_000 };
const judge = (seen: ImageScan | undefined, over: Partial<ScanLook> = {}) =>
  judgeScan({ name: 'x', seen, now, since: now, start: undefined, replaces: undefined, ...over });

describe('what a look at a scan means', () => {
  test.each<[string, ImageScan | undefined, Partial<ScanLook>, string]>([
    ['none', undefined, {}, 'pending'],
    ['pending', scanOf('PENDING'), { since: 0 }, 'pending'],
    ['in progress', scanOf('IN_PROGRESS'), { since: 0 }, 'pending'],
    ['an answer without a status', scanOf('UNKNOWN'), { since: 0 }, 'pending'],
    ['a basic one, complete', scanOf('COMPLETE', fresh), {}, 'done'],
    ['an old one that a new one is to replace', scanOf('COMPLETE', { completedAt: 7 }), { replaces: 7 }, 'pending'],
    ['the new one', scanOf('COMPLETE', { completedAt: 8 }), { replaces: 7 }, 'done'],
    ['an enhanced one, just now', scanOf('ACTIVE', fresh), {}, 'pending'],
    ['an enhanced one, unchanged for too short', scanOf('ACTIVE', fresh), { since: now - 9_999 }, 'pending'],
    ['an enhanced one, unchanged', scanOf('ACTIVE', fresh), { since: now - 10_000 }, 'done'],
    ['an enhanced one on push only', scanOf('COMPLETE', { ...fresh, engine: 'enhanced' }), {}, 'pending'],
    ['an enhanced one of long ago', scanOf('ACTIVE', { completedAt: now - hour }), {}, 'done'],
    // https://github.com/aws/aws-sdk/issues/289: complete, and the findings come later.
    ['complete without a time', scanOf('COMPLETE', { completedAt: undefined }), { since: now - 59_999 }, 'pending'],
    ['active without a time', scanOf('ACTIVE', { completedAt: undefined }), { since: now - 59_999 }, 'pending'],
    ['without a time, for a minute', scanOf('ACTIVE', { completedAt: undefined }), { since: now - 60_000 }, 'done'],
    ['failed', scanOf('FAILED'), {}, 'failed'],
    ['of a status of tomorrow', scanOf('BRAND_NEW'), {}, 'failed'],
  ])('%s: %#', (...[, seen, over, kind]) => expect(judge(seen, over).kind).toBe(kind));

  test('every end without findings is red, and has a way out of its own', () => {
    const hints = [
      'FAILED',
      'UNSUPPORTED_IMAGE',
      'FINDINGS_UNAVAILABLE',
      'SCAN_ELIGIBILITY_EXPIRED',
      'LIMIT_EXCEEDED',
      'IMAGE_ARCHIVED',
      'BRAND_NEW',
    ].map((status) => {
      const judgement = judge(scanOf(status, { description: 'AWS’s words', counts: {} }), { name: 'linux/arm64' });
      if (judgement.kind !== 'failed') throw new Error(status);
      expect(judgement.error).toMatchObject({ code: 'ScanFailed', fault: 'cloud' });
      expect(judgement.error.message).toBe(
        `ECR has no findings of linux/arm64: ${status}: AWS’s words. No tag was given to the image.`,
      );
      return judgement.error.hint;
    });
    expect(new Set(hints).size).toBe(7);
    expect(hints).not.toContain(undefined);
  });

  test('what cannot be scanned is told by the asking already', () => {
    const start: ScanStart = { kind: 'unscannable', status: 'IMAGE_ARCHIVED', reason: 'it is archived' };
    expect(judge(undefined, { start })).toMatchObject({
      kind: 'failed',
      error: {
        message: expect.stringContaining('IMAGE_ARCHIVED: it is archived'),
        hint: expect.stringContaining('Restore'),
      },
    });
  });

  test('what a wait shows says what is waited for', () => {
    const state = (start?: ScanStart) => {
      const judgement = judge(undefined, { start });
      return judgement.kind === 'pending' ? judgement.state : judgement.kind;
    };
    expect(state()).toBe('no scan yet');
    expect(state({ kind: 'started' })).toBe('no scan yet, it was started');
    expect(state({ kind: 'limited', reason: 'r' })).toBe('no scan yet, and ECR starts none now');
    expect(state({ kind: 'refused', reason: 'r' })).toBe('no scan yet, Amazon Inspector begins it');
    expect(judge(scanOf('PENDING', { description: 'Pending start' }))).toEqual({
      kind: 'pending',
      state: 'PENDING: Pending start',
    });
  });
});

describe('when a scan is asked for', () => {
  const asks = (seen: ImageScan | undefined, looks: number, scanOnPush: boolean) =>
    needsStart({ seen, now }, { looks, scanOnPush });

  test('where none begins by itself, or did not after a while', () => {
    expect([0, 1, 2, 3, 4].map((looks) => asks(undefined, looks, true))).toEqual([false, false, false, true, true]);
    expect(asks(undefined, 0, false)).toBe(true);
  });

  test.each([
    ['a day and more old', 'COMPLETE', 'basic', now - 25 * hour, true],
    ['of today', 'COMPLETE', 'basic', now - 23 * hour, false],
    ['of a time that is not told', 'COMPLETE', 'basic', undefined, false],
    ['that goes on', 'ACTIVE', 'enhanced', now - 25 * hour, false],
    ['of Amazon Inspector’s, on push', 'COMPLETE', 'enhanced', now - 25 * hour, false],
    ['that runs', 'IN_PROGRESS', 'basic', now - 25 * hour, false],
  ] as const)('a scan %s', (...[, status, engine, completedAt, expected]) => {
    expect(asks(scanOf(status, { engine, completedAt }), 0, true)).toBe(expected);
  });
});

describe('what is scanned', () => {
  const single = image('x', []);
  const index = (manifests: readonly object[]) => ({
    ...single,
    manifest: JSON.stringify({ manifests }),
    mediaType: 'application/vnd.oci.image.index.v1+json',
  });
  const linux = (architecture: string, variant?: string) => ({ os: 'linux', architecture, variant });
  const attestation = { digest: 'sha256:3', platform: { os: 'unknown', architecture: 'unknown' } };

  test('the image, or every platform’s of an index, without its attestations', () => {
    expect(scanTargets(single)).toEqual([{ digest: single.digest, platform: undefined }]);
    expect(
      scanTargets(
        index([
          { digest: 'sha256:1', platform: linux('amd64') },
          { digest: 'sha256:2', platform: linux('arm64', 'v8') },
          attestation,
          { digest: 'sha256:4', platform: { os: 'unknown', architecture: 'riscv64' } },
          { digest: 'sha256:5' },
        ]),
      ),
    ).toEqual([
      { digest: 'sha256:1', platform: 'linux/amd64' },
      { digest: 'sha256:2', platform: 'linux/arm64/v8' },
      { digest: 'sha256:4', platform: 'unknown/riscv64' },
      { digest: 'sha256:5', platform: undefined },
    ]);
    expect(
      scanTargets({
        ...index([{ digest: 'sha256:1' }]),
        mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json',
      }),
    ).toHaveLength(1);
  });

  test.each([[[]], [[attestation]], [[{ platform: linux('amd64') }]]])(
    'nothing to scan is no proof: %j',
    (children) => {
      expect(() => scanTargets(index(children))).toThrow(expect.objectContaining({ code: 'ScanFailed' }));
    },
  );
});
