import { describe, expect, test } from '@jest/globals';
import type { ImageScan, ScanStart } from '../../shared/aws/ecr.ts';
import { AwsError } from '../../shared/core/errors.ts';
import { recordTag } from '../../actions/build-push-image/src/build-record.ts';
import { commit, mutable } from '../unit/build-push-image/kit.ts';
import { finding, scanOf } from '../unit/build-push-image/scan-kit.ts';
import { digestOf, mine, refused, world } from './build-push-image.fakes.ts';

const start = Date.UTC(2026, 0, 1);
const second = 1_000;
const throttled = new AwsError('ThrottlingException', 'slow down', {
  service: 'ECR',
  operation: 'DescribeImageScanFindings',
  httpStatus: 400,
});

/** What ECR shows of an image from a second of the run on, the first one from its beginning. */
type Timeline = readonly (readonly [seconds: number, scan: ImageScan | undefined])[];

interface Story {
  readonly timeline?: Timeline;
  /** By the image's digest. */
  readonly timelines?: Readonly<Record<string, Timeline>>;
  /** What comes of a scan that is asked for, and what is shown from then on. */
  readonly asked?: { readonly start: ScanStart; readonly then?: Timeline };
}

function scanned({ timeline: shown = [], timelines = {}, asked }: Story) {
  const w = world();
  let after: { readonly since: number; readonly timeline: Timeline } | undefined;
  w.registry.scan = async ({ digest }) => {
    w.registry.calls.push('scan');
    const now = w.ports.clock.now();
    const timeline = after?.timeline ?? timelines[digest] ?? shown;
    const seconds = (now - (after?.since ?? start)) / second;
    return timeline.findLast(([from]) => from <= seconds)?.[1];
  };
  w.registry.startScan = async () => {
    w.registry.calls.push('startScan');
    if (asked?.then !== undefined) after = { since: w.ports.clock.now(), timeline: asked.then };
    return asked?.start ?? { kind: 'started' };
  };
  const seconds = () => (w.ports.clock.now() - start) / second;
  const starts = () => w.registry.calls.filter((call) => call === 'startScan').length;
  return { ...w, seconds, starts };
}

/** What a basic scan shows when it is done. */
const complete = (at: number, over: Partial<ImageScan> = {}): ImageScan =>
  scanOf('COMPLETE', { completedAt: start + at * second, ...over });
const active = (at: number | undefined, counts: ImageScan['counts'] = {}): ImageScan =>
  scanOf('ACTIVE', { completedAt: at === undefined ? undefined : start + at * second, counts });
const pending = scanOf('PENDING', { description: 'Pending start of the image scan.' });

describe('basic scanning', () => {
  test('waits, counts, and gives the tags only then; the log tells each state and the time that is left', async () => {
    const { registry, run, log } = scanned({
      timeline: [
        [0, undefined],
        [5, scanOf('IN_PROGRESS')],
        [20, complete(18, { counts: { LOW: 3 } })],
      ],
    });
    const { outputs, failure, summary } = await run({ ...mine, scan: 'high' });
    expect(failure).toBeUndefined();
    expect(outputs).toMatchObject({ 'scan-findings': '{"LOW":3}', tags: commit });
    expect(registry.calls.slice(-6)).toEqual([...Array.from({ length: 5 }, () => 'scan'), `tag ${commit}`]);
    const name = outputs['digest']?.slice(0, 19) ?? '';
    expect(log.filter((line) => line.startsWith('Scan of'))).toEqual([
      `Scan of ${name}: no scan yet (10 min 0 s left)`,
      `Scan of ${name}: IN_PROGRESS (9 min 55 s left)`,
      `Scan of ${name} (basic, 2.0 s ago): 3 LOW`,
    ]);
    expect(summary).toContain('| **Scan** | basic, made 2026-01-01 00:00 UTC |');
  });

  test('a long wait is not silent', async () => {
    const { run, log } = scanned({
      timeline: [
        [0, scanOf('IN_PROGRESS')],
        [90, complete(88)],
      ],
    });
    await run({ ...mine, scan: 'report', 'scan-timeout-minutes': '2' });
    expect(log.filter((line) => line.includes('still'))).toEqual([
      expect.stringMatching(/: still IN_PROGRESS \(1 min 30 s left\)$/),
      expect.stringMatching(/: still IN_PROGRESS \(1 min 0 s left\)$/),
      expect.stringMatching(/: still IN_PROGRESS \(30 s left\)$/),
    ]);
  });

  test('findings above the gate: red, and no wanted tag; they are told in the message and in the summary', async () => {
    const { registry, run } = scanned({
      timeline: [[0, complete(0, { counts: { CRITICAL: 1 }, findings: [finding('CRITICAL', 'CVE-2026-1')] })]],
    });
    const { failure, outputs, summary } = await run({ ...mine, scan: 'high' });
    expect(failure).toMatchObject({ code: 'ScanFindings', hint: expect.stringContaining('1 of 1 has a known fix') });
    expect(failure?.message).toContain('- CRITICAL CVE-2026-1: openssl 1.0 → 1.1');
    expect(outputs).toMatchObject({
      tags: '',
      'scan-findings': '{"CRITICAL":1}',
      ...{ image: '', digest: '', outcome: '', reusable: 'false' },
    });
    expect(registry.tags.has(commit)).toBe(false);
    expect(summary).toContain('| critical | `CVE-2026-1` | `openssl` | `1.0` | `1.1` |');
  });

  test('an image that has its tags from before is judged again, and the message does not hide them', async () => {
    const w = world();
    await w.run(mine);
    w.registry.scans = [complete(0, { counts: { HIGH: 1 } })];
    const { failure } = await w.run({ ...mine, scan: 'high' });
    expect(failure?.message).toContain(`It keeps what it had before: ${commit}.`);
  });

  test.each([
    ['fail no level', 'UNDEFINED', undefined],
    ['of a severity that nobody knows fail every level', 'SEVERE', 'ScanFindings'],
  ])('findings that %s, and are told', async (_, severity, code) => {
    const { run, log } = scanned({ timeline: [[0, complete(0, { counts: { [severity]: 2 } })]] });
    const { failure, outputs } = await run({ ...mine, scan: 'critical' });
    expect(failure?.code).toBe(code);
    expect(outputs['scan-findings']).toBe(`{"${severity}":2}`);
    expect(log.join('\n').includes('2 of the findings have no severity yet')).toBe(code === undefined);
  });

  test('where nothing scans on push, the scan is started at once', async () => {
    const { registry, run, starts, seconds } = scanned({
      timeline: [],
      asked: {
        start: { kind: 'started' },
        then: [
          [0, scanOf('IN_PROGRESS')],
          [5, complete(5)],
        ],
      },
    });
    registry.known = { ...mutable, scanOnPush: false };
    expect((await run({ ...mine, scan: 'critical' })).failure).toBeUndefined();
    expect([starts(), seconds()]).toEqual([1, 5]);
  });

  test('a repository of the action’s own making scans on push', async () => {
    const { registry, run, starts } = scanned({
      timeline: [
        [0, undefined],
        [10, complete(9)],
      ],
    });
    registry.known = undefined;
    expect((await run({ ...mine, scan: 'critical' })).failure).toBeUndefined();
    expect(starts()).toBe(0);
  });

  test('where scan on push does not begin, the scan is started after a while, once', async () => {
    const { run, starts, seconds } = scanned({
      timeline: [],
      asked: { start: { kind: 'started' }, then: [[10, complete(20)]] },
    });
    expect((await run({ ...mine, scan: 'critical' })).failure).toBeUndefined();
    expect([starts(), seconds()]).toEqual([1, 25]);
  });
});

describe('the scan of an image that is used again', () => {
  const old = complete(-30 * 3600, { counts: { LOW: 1 } });

  test('of today: good', async () => {
    const { run, starts, seconds } = scanned({ timeline: [[0, complete(-23 * 3600)]] });
    expect((await run({ ...mine, scan: 'high' })).failure).toBeUndefined();
    expect([starts(), seconds()]).toEqual([0, 0]);
  });

  test('a day old: a new one is made, and the old findings are not taken for its own', async () => {
    const { run, starts, log } = scanned({
      timeline: [[0, old]],
      asked: {
        start: { kind: 'started' },
        // ECR may show the old one for another moment.
        then: [
          [0, old],
          [5, scanOf('IN_PROGRESS')],
          [10, complete(10, { counts: { HIGH: 1 } })],
        ],
      },
    });
    const { failure, outputs } = await run({ ...mine, scan: 'high' });
    expect(failure).toMatchObject({ code: 'ScanFindings' });
    expect([starts(), outputs['scan-findings']]).toEqual([1, '{"HIGH":1}']);
    expect(log.some((line) => line.endsWith(': started'))).toBe(true);
  });

  test.each(['limited', 'refused'] as const)(
    'a day old, and a new one is %s: the last is taken, and its age told',
    async (kind) => {
      const { run, log } = scanned({
        timeline: [[0, old]],
        asked: { start: { kind, reason: 'the scan quota per image has been exceeded' } },
      });
      const { failure, outputs, summary } = await run({ ...mine, scan: 'high' });
      expect(failure).toBeUndefined();
      expect(outputs['scan-findings']).toBe('{"LOW":1}');
      expect(log.find((line) => line.startsWith('warning:'))).toMatch(
        /is 30 h 0 min old, and ECR makes no other now: the scan quota per image has been exceeded$/,
      );
      expect(summary).toContain('| **Scan** | basic, made 2025-12-30 18:00 UTC, 30 h 0 min old |');
      expect(summary).toMatch(/- ⚠️ The last scan of .* is 30 h 0 min old/);
    },
  );
});

describe('enhanced scanning', () => {
  test('through PENDING and ACTIVE until the findings change no more', async () => {
    const { run, seconds, starts } = scanned({
      timeline: [
        [0, undefined],
        [60, pending],
        [80, active(undefined)],
        [85, active(84, { HIGH: 1 })],
        [90, active(89, { HIGH: 2 })],
      ],
      asked: { start: { kind: 'refused', reason: 'This feature is disabled' } },
    });
    const { outputs, failure } = await run({ ...mine, scan: 'report' });
    expect(failure).toBeUndefined();
    expect(outputs).toMatchObject({ 'scan-findings': '{"HIGH":2}', tags: commit });
    expect([starts(), seconds()]).toEqual([1, 100]);
  });

  test('an empty ACTIVE right after the push is not "no findings"', async () => {
    const { run, registry } = scanned({
      timeline: [
        [0, active(undefined)],
        [50, active(49, { CRITICAL: 1 })],
      ],
    });
    expect((await run({ ...mine, scan: 'critical' })).failure).toMatchObject({ code: 'ScanFindings' });
    expect(registry.tags.has(commit)).toBe(false);
  });

  test('an empty COMPLETE without its time is not "no findings"', async () => {
    const { run } = scanned({
      timeline: [
        [0, scanOf('COMPLETE', { completedAt: undefined })],
        [20, complete(19, { engine: 'enhanced', counts: { CRITICAL: 1 } })],
      ],
    });
    expect((await run({ ...mine, scan: 'critical' })).failure).toMatchObject({ code: 'ScanFindings' });
  });

  test('without a time of a scan for a minute: taken as it is, with a warning', async () => {
    const { run, log, seconds } = scanned({ timeline: [[0, active(undefined)]] });
    const { failure, summary } = await run({ ...mine, scan: 'critical' });
    expect([failure, seconds()]).toEqual([undefined, 60]);
    expect(log.filter((line) => line.startsWith('warning:'))).toEqual([
      expect.stringContaining('is scanned, and not since when'),
    ]);
    expect(summary).toContain('made at a time that ECR does not tell');
    expect(summary).toContain('- ⚠️ ECR says that');
  });

  test('counts that never come to rest are never taken', async () => {
    const { run, registry } = scanned({
      timeline: Array.from({ length: 200 }, (_, n) => [n * 5, active(n, { LOW: n })] as const),
    });
    const { failure } = await run({ ...mine, scan: 'critical' });
    expect(failure).toMatchObject({ code: 'WaitTimeout', lastSeen: expect.stringContaining('ACTIVE') });
    expect(registry.tags.has(commit)).toBe(false);
  });
});

describe('never silently green', () => {
  test.each<[string, Timeline, string, string]>([
    ['that never ends', [[0, scanOf('IN_PROGRESS')]], 'WaitTimeout', 'scan-timeout-minutes'],
    ['that never begins', [[0, undefined]], 'WaitTimeout', 'Does anything scan this repository'],
    ['that failed', [[0, scanOf('FAILED')]], 'ScanFailed', 'start-image-scan'],
    ['of a kind that ECR does not scan', [[0, scanOf('UNSUPPORTED_IMAGE')]], 'ScanFailed', 'distribution'],
    ['whose findings are gone', [[0, scanOf('FINDINGS_UNAVAILABLE')]], 'ScanFailed', 'kind of scanning'],
    ['that is made no more', [[0, scanOf('SCAN_ELIGIBILITY_EXPIRED')]], 'ScanFailed', 're-scan duration'],
    ['over a limit', [[0, scanOf('LIMIT_EXCEEDED')]], 'ScanFailed', 'Service Quotas'],
    ['of what is in the archive', [[0, scanOf('IMAGE_ARCHIVED')]], 'ScanFailed', 'Restore'],
    ['of a status of tomorrow', [[0, scanOf('BRAND_NEW')]], 'ScanFailed', 'does not know'],
  ])('a scan %s is red, also for a report, and says that no tag was given', async (...[, timeline, code, hint]) => {
    const { registry, run } = scanned({ timeline });
    const { failure, outputs } = await run({ ...mine, scan: 'report' });
    expect(failure).toMatchObject({ code, hint: expect.stringContaining(hint) });
    expect(failure?.message).toContain('No tag was given to the image.');
    expect(outputs).toMatchObject({ 'scan-findings': '', tags: '' });
    expect(registry.tags.has(commit)).toBe(false);
  });

  test('the time limit is kept, and names the last state', async () => {
    const { run, seconds } = scanned({
      timeline: [
        [0, undefined],
        [30, pending],
      ],
    });
    const { failure } = await run({ ...mine, scan: 'report', 'scan-timeout-minutes': '3' });
    expect(failure).toMatchObject({ code: 'WaitTimeout', lastSeen: 'PENDING: Pending start of the image scan.' });
    expect(seconds()).toBe(180);
  });

  test.each([
    ['scan', 'DescribeImageScanFindings'],
    ['startScan', 'StartImageScan'],
  ])('a denied %s is red, also for a report, and names the statement that is missing', async (call, operation) => {
    const { registry, run } = world();
    registry.known = { ...mutable, scanOnPush: false };
    registry.failing = {
      call,
      error: new AwsError('AccessDeniedException', 'denied', {
        service: 'ECR',
        operation,
        httpStatus: 400,
        fault: 'user',
        hint: `ecr:${operation}`,
      }),
    };
    const { failure } = await run({ ...mine, scan: 'report' });
    expect(failure).toMatchObject({ code: 'AccessDeniedException', hint: `ecr:${operation}` });
    expect(registry.tags.has(commit)).toBe(false);
  });

  test('an image that cannot be scanned says so when it is asked for', async () => {
    const { registry, run } = scanned({
      timeline: [],
      asked: { start: { kind: 'unscannable', status: 'UNSUPPORTED_IMAGE', reason: 'An artifact with media type …' } },
    });
    registry.known = { ...mutable, scanOnPush: false };
    expect((await run({ ...mine, scan: 'report' })).failure).toMatchObject({
      code: 'ScanFailed',
      message: expect.stringContaining('UNSUPPORTED_IMAGE: An artifact with media type …'),
    });
  });

  test('a throttled look is no news, and no second scan is asked for', async () => {
    const { registry, run, starts } = scanned({
      timeline: [],
      asked: { start: { kind: 'started' }, then: [[10, complete(10)]] },
    });
    registry.known = { ...mutable, scanOnPush: false };
    const look = registry.scan.bind(registry);
    let looks = 0;
    registry.scan = async (id) => {
      looks += 1;
      if (looks < 4) throw throttled;
      return look(id);
    };
    expect((await run({ ...mine, scan: 'high' })).failure).toBeUndefined();
    expect(starts()).toBe(1);
  });

  test('any other answer ends the wait', async () => {
    const { registry, run } = world();
    registry.failing = { call: 'scan', error: refused('RepositoryNotFoundException') };
    expect((await run({ ...mine, scan: 'report' })).failure).toMatchObject({ code: 'RepositoryNotFoundException' });
  });

  test('a run that is cancelled waits no longer', async () => {
    const { run, ports, cancel, seconds } = scanned({ timeline: [[0, scanOf('IN_PROGRESS')]] });
    const sleep = ports.clock.sleep.bind(ports.clock);
    ports.clock.sleep = async (ms, signal) => {
      if (seconds() >= 20) cancel();
      return sleep(ms, signal);
    };
    expect((await run({ ...mine, scan: 'report' })).failure).toMatchObject({ code: 'Cancelled' });
    expect(seconds()).toBeLessThanOrEqual(25);
  });
});

describe('an image for several platforms', () => {
  const digests = ['1', '2', '3'].map((digit) => `sha256:${digit.repeat(64)}`);
  const [amd64 = '', arm64 = '', attestation = ''] = digests;
  const manifest = JSON.stringify({
    manifests: [
      { digest: amd64, platform: { os: 'linux', architecture: 'amd64' } },
      { digest: arm64, platform: { os: 'linux', architecture: 'arm64' } },
      { digest: attestation, platform: { os: 'unknown', architecture: 'unknown' } },
    ],
  });

  /** The registry has the index as a build of just this source. */
  async function there(story: Story) {
    const w = scanned(story);
    const { outputs } = await w.run({ ...mine, 'dry-run': 'true' });
    const hash = outputs['source-hash'] ?? '';
    w.registry.push(`src-${hash}`, manifest);
    w.registry.push(recordTag({ hash, digest: digestOf(manifest) }, { commit, ms: 1_000 }), manifest);
    return w;
  }

  test('all are waited for side by side, each by its name, and a finding of both counts once', async () => {
    const both = finding('HIGH', 'CVE-2026-1');
    const low = finding('LOW', 'CVE-2026-2');
    const { run, log, seconds } = await there({
      timelines: {
        [amd64]: [
          [0, scanOf('IN_PROGRESS')],
          [10, complete(10, { counts: { HIGH: 1 }, findings: [both] })],
        ],
        [arm64]: [
          [0, scanOf('IN_PROGRESS')],
          [20, complete(20, { counts: { HIGH: 1, LOW: 1 }, findings: [both, low] })],
        ],
      },
    });
    const { failure, outputs, summary } = await run({ ...mine, scan: 'high' });
    expect(seconds()).toBe(20);
    expect(log.filter((line) => line.startsWith('Scan'))).toEqual([
      'Scans of 2 images: linux/amd64 IN_PROGRESS; linux/arm64 IN_PROGRESS (10 min 0 s left)',
      'Scan of linux/amd64 (basic, 0.0 s ago): 1 HIGH',
      'Scans of 2 images: linux/arm64 IN_PROGRESS (9 min 50 s left)',
      'Scan of linux/arm64 (basic, 0.0 s ago): 1 HIGH, 1 LOW',
    ]);
    expect(failure?.message).toContain('ECR found 1 HIGH;');
    expect(outputs['scan-findings']).toBe('{"HIGH":1,"LOW":1}');
    expect(summary).toContain('| high | `CVE-2026-1` | `openssl` | `1.0` | `1.1` | `linux/amd64`<br>`linux/arm64` |');
  });

  test('one platform that cannot be scanned is red, by its name', async () => {
    const { run, registry } = await there({
      timelines: { [amd64]: [[0, complete(0)]], [arm64]: [[0, scanOf('UNSUPPORTED_IMAGE')]] },
    });
    const { failure } = await run({ ...mine, scan: 'report' });
    expect(failure?.message).toContain('ECR has no findings of linux/arm64: UNSUPPORTED_IMAGE');
    expect(registry.tags.has(commit)).toBe(false);
  });

  test('every platform’s scan is started where none begins by itself', async () => {
    const asked: string[] = [];
    const { run, registry } = await there({ timelines: { [amd64]: [[5, complete(5)]], [arm64]: [[5, complete(5)]] } });
    registry.known = { ...mutable, scanOnPush: false };
    registry.startScan = async ({ digest }: { digest: string }) => {
      asked.push(digest);
      return { kind: 'started' };
    };
    expect((await run({ ...mine, scan: 'high' })).failure).toBeUndefined();
    expect(asked).toEqual([amd64, arm64]);
  });
});

test('nothing is scanned, or said of a scan, with "scan: off"', async () => {
  const { registry, run } = scanned({ timeline: [[0, scanOf('FAILED')]] });
  const { failure, summary, outputs } = await run(mine);
  expect([failure, outputs['scan-findings']]).toEqual([undefined, '']);
  expect(registry.calls).not.toContain('scan');
  expect(summary).not.toContain('**Scan**');
});
