import { describe, expect, test } from '@jest/globals';
import { describeCounts, gate, gather, occurring, place } from '../../../actions/build-push-image/src/findings.ts';
import { counted, finding, image, now, scanOf } from './scan-kit.ts';

describe('counts', () => {
  test('the worst first; a word that is not known is taken for the worst', () => {
    const counts = { LOW: 3, UNTRIAGED: 1, HIGH: 2, SEVERE: 1, MEDIUM: 0, CRITICAL: 1 };
    expect(occurring(counts)).toEqual(['SEVERE', 'CRITICAL', 'HIGH', 'LOW', 'UNTRIAGED']);
    expect(describeCounts(counts)).toBe('1 SEVERE, 1 CRITICAL, 2 HIGH, 3 LOW, 1 UNTRIAGED');
    expect(describeCounts({ LOW: 0 })).toBe('no findings');
  });

  test('a finding that two platforms have counts once, one that only one has counts as well', () => {
    const both = finding('HIGH', 'CVE-1');
    const { counts } = gather(
      [
        image('linux/amd64', both, finding('LOW', 'CVE-2')),
        image('linux/arm64', both, finding('HIGH', 'CVE-3'), finding('HIGH', 'CVE-1', { packages: [] })),
      ],
      now,
    );
    expect(counts).toEqual({ HIGH: 3, LOW: 1 });
  });

  test('of one platform they are AWS’s own, also where its list has less, or one thing twice', () => {
    expect(counted({ HIGH: 7, LOW: 0 }).counts).toEqual({ HIGH: 7 });
    const twice = image(undefined, finding('LOW', 'CVE-1'), finding('LOW', 'CVE-1'));
    expect(gather([twice], now).counts).toEqual({ LOW: 2 });
    expect(gather([twice, twice], now).counts).toEqual({ LOW: 2 });
    expect(place([twice])).toHaveLength(2);
  });
});

test('findings: the worst first, of these what can be mended, each with its platforms', () => {
  const images = [
    image(
      'linux/amd64',
      finding('LOW', 'CVE-9'),
      finding('HIGH', 'CVE-2', { hasFix: false }),
      finding('HIGH', 'CVE-3'),
    ),
    image(
      'linux/arm64',
      finding('HIGH', 'CVE-3'),
      finding('SEVERE', 'CVE-1'),
      finding('HIGH', 'CVE-0', { hasFix: false }),
    ),
  ];
  expect(place(images).map(({ id, platforms }) => [id, platforms.join()])).toEqual([
    ['CVE-1', 'linux/arm64'],
    ['CVE-3', 'linux/amd64,linux/arm64'],
    ['CVE-0', 'linux/arm64'],
    ['CVE-2', 'linux/amd64'],
    ['CVE-9', 'linux/amd64'],
  ]);
  expect(images[0]?.scan.findings.map(({ id }) => id)).toEqual(['CVE-9', 'CVE-2', 'CVE-3']);
});

describe('the gate', () => {
  test.each([
    ['off', { CRITICAL: 9 }, undefined],
    ['report', { CRITICAL: 9, SEVERE: 1 }, undefined],
    ['critical', { HIGH: 9 }, undefined],
    ['critical', { CRITICAL: 1, HIGH: 9 }, '1 CRITICAL;'],
    ['high', { CRITICAL: 1, HIGH: 2, MEDIUM: 3 }, '1 CRITICAL, 2 HIGH;'],
    ['medium', { MEDIUM: 3 }, '3 MEDIUM;'],
    // Nobody has rated these.
    ['medium', { LOW: 3, INFORMATIONAL: 2, UNDEFINED: 1, UNTRIAGED: 4 }, undefined],
    // How bad this is, nobody here can tell.
    ['critical', { SEVERE: 1 }, '1 SEVERE;'],
    ['high', {}, undefined],
    ['high', { HIGH: 0 }, undefined],
  ] as const)('%s with %j: %s', (level, counts, message) => {
    const error = gate(counted(counts), level, []);
    if (message === undefined) expect(error).toBeUndefined();
    else expect(error?.message).toContain(`ECR found ${message}`);
  });

  test('names the worst, what they are in and what mends them, and no more than five', () => {
    const found = [
      finding('LOW', 'CVE-0'),
      finding('HIGH', 'CVE-2', { hasFix: false }),
      finding('CRITICAL', 'CVE-1', {
        packages: ['a', 'b', 'c', 'd'].map((name) => ({
          name,
          installed: '1',
          fixedIn: name === 'a' ? '2' : undefined,
        })),
      }),
      finding('CRITICAL', 'CVE-3', { packages: [], hasFix: false }),
      ...[4, 5, 6].map((n) => finding('HIGH', `CVE-${n}`, { hasFix: false })),
    ];
    const error = gate(gather([image(undefined, ...found)], now), 'high', []);
    expect(error).toMatchObject({ code: 'ScanFindings', fault: 'user' });
    expect(error?.message.split('\n')).toEqual([
      'ECR found 2 CRITICAL, 4 HIGH; scan is "high". No tag was given to the image.',
      '- CRITICAL CVE-1: a 1 → 2, b 1, c 1, 1 more',
      '- CRITICAL CVE-3: a package that is not told (no fix known)',
      '- HIGH CVE-2: openssl 1.0 (no fix known)',
      '- HIGH CVE-4: openssl 1.0 (no fix known)',
      '- HIGH CVE-5: openssl 1.0 (no fix known)',
      '- and 1 more, see the summary',
    ]);
    expect(error?.hint).toMatch(/^1 of 6 has a known fix\. A newer base image/);
  });

  test('says what to do where nothing mends it, and where ECR tells no more', () => {
    const none = gate(gather([image(undefined, finding('HIGH', 'CVE-1', { hasFix: false }))], now), 'high', []);
    expect(none?.hint).toMatch(/^No fix is known for it: /);
    expect(gate(counted({ HIGH: 1 }), 'high', [])?.hint).toContain('ECR console');
  });

  test('does not hide that an image has tags from before', () => {
    expect(gate(counted({ HIGH: 1 }), 'high', ['v1', 'latest'])?.message).toContain(
      'It keeps what it had before: v1, latest.',
    );
  });
});

test('what was read is judged even where AWS lists no counts', () => {
  const found = [finding('CRITICAL', 'CVE-1')];
  const scan = scanOf('COMPLETE', { findings: found, counts: {} });
  const findings = gather([{ digest: 'sha256:1', platform: undefined, scan }], now);
  expect(gate(findings, 'critical', [])).toBeDefined();
});
