import { expect, test } from '@jest/globals';
import { gather } from '../../../actions/build-push-image/src/findings.ts';
import { findingsParts, scanCell } from '../../../actions/build-push-image/src/scan-report.ts';
import { counted, finding, hour, image, now, scanOf } from './scan-kit.ts';

const parts = (...images: Parameters<typeof gather>[0]) => findingsParts(gather(images, now));
const one = (over: Parameters<typeof scanOf>[1]) =>
  gather([{ digest: `sha256:${'a'.repeat(64)}`, platform: undefined, scan: scanOf('COMPLETE', over) }], now);

test('counts by severity; others than the usual in a column of their own', () => {
  expect(findingsParts(counted({ CRITICAL: 1, LOW: 4 }))).toEqual([
    [
      '| critical | high | medium | low | informational | undefined |',
      '| --- | --- | --- | --- | --- | --- |',
      '| 1 | 0 | 0 | 4 | 0 | 0 |',
    ].join('\n'),
  ]);
  const [table, remark] = findingsParts(counted({ UNTRIAGED: 2, 'A|B': 1, UNDEFINED: 1 }));
  expect(table).toContain('| a\\|b | critical | high | medium | low | informational | undefined | untriaged |');
  expect(table).toContain('| 1 | 0 | 0 | 0 | 0 | 0 | 1 | 2 |');
  expect(remark).toBe('3 without a severity yet: they fail no level of `scan`.');
});

test('the findings folded, with package, version and fix', () => {
  const [, details] = parts(
    image(
      undefined,
      finding('LOW', 'CVE-2', { hasFix: false }),
      finding('HIGH', 'CVE-1', {
        link: 'https://nvd.nist.gov/CVE-1',
        packages: [
          { name: 'curl', installed: '8.3.0', fixedIn: '8.3.1' },
          { name: 'libcurl', installed: '8.3.0', fixedIn: undefined },
          { name: 'c', installed: '1', fixedIn: undefined },
          { name: 'd', installed: '1', fixedIn: undefined },
        ],
      }),
    ),
  );
  expect(details).toBe(
    [
      '<details><summary>Findings (2)</summary>',
      '',
      '| Severity | Finding | Package | Installed | Fixed in |',
      '| --- | --- | --- | --- | --- |',
      '| high | [CVE-1](https://nvd.nist.gov/CVE-1) | `curl`<br>`libcurl`<br>`c`<br>and 1 more | `8.3.0`<br>`8.3.0`<br>`1` | `8.3.1`<br>–<br>– |',
      '| low | `CVE-2` | `openssl` | `1.0` | – |',
      '',
      '</details>',
    ].join('\n'),
  );
});

test('a fix that AWS knows of and does not tell', () => {
  const packages = [{ name: 'a', installed: '1', fixedIn: undefined }];
  const cells = (hasFix: boolean) => parts(image(undefined, finding('LOW', 'CVE-1', { hasFix, packages })))[1] ?? '';
  expect(cells(true)).toContain('| `1` | there is a fix |');
  expect(cells(false)).toContain('| `1` | – |');
});

test('at most 25, the worst', () => {
  const found = Array.from({ length: 40 }, (_, n) => finding(n === 39 ? 'CRITICAL' : 'LOW', `CVE-${n}`));
  const details = parts(image(undefined, ...found))[1] ?? '';
  expect(details.match(/^\| (?:low|critical) /gm)).toHaveLength(25);
  expect(details).toContain('| critical | `CVE-39` |');
  expect(details).toContain('… and 15 more; the ECR console has all.');
  expect(details).toContain('Findings (40)');
  const more = one({ findings: found, counts: { LOW: 9_000 }, hasMore: true });
  expect(findingsParts(more)[1]).toContain('Findings (40 that were read)');
});

test('several platforms: a row for each, and where each finding is', () => {
  const both = finding('HIGH', 'CVE-1');
  const [table, details] = parts(image('linux/amd64', both), image('linux/arm64', both, finding('LOW', 'CVE-2')));
  expect(table).toContain('| `linux/amd64` | 0 | 1 | 0 | 0 | 0 | 0 |');
  expect(table).toContain('| `linux/arm64` | 0 | 1 | 0 | 1 | 0 | 0 |');
  expect(table).toContain('| **all, each once** | 0 | 1 | 0 | 1 | 0 | 0 |');
  expect(details).toContain('| high | `CVE-1` | `openssl` | `1.0` | `1.1` | `linux/amd64`<br>`linux/arm64` |');
  expect(details).toContain('| low | `CVE-2` | `openssl` | `1.0` | `1.1` | `linux/arm64` |');
});

test('nothing that comes from outside leaves its cell', () => {
  const nasty = '`|</details><img src=x>\n# [x](javascript:1) @someone';
  const [, details = ''] = parts(
    image(
      nasty,
      finding(nasty, nasty, { packages: [{ name: nasty, installed: nasty, fixedIn: nasty }], link: 'javascript:1' }),
    ),
    image('linux/arm64'),
  );
  const row = details.split('\n').find((line) => line.startsWith('| \\')) ?? '';
  expect(row.match(/(?<!\\)\|/g)).toHaveLength(7);
  expect(details.match(/<\/details>/g)).toHaveLength(1);
  expect(details).not.toMatch(/<img|[^\\]\]\(javascript|[^\\]@someone/);
});

test('who scanned, and when', () => {
  expect(scanCell(one({}))).toBe('basic, made 2026-01-11 11:59 UTC');
  expect(scanCell(one({ completedAt: now - 30 * hour, engine: 'enhanced' }))).toBe(
    'enhanced, made 2026-01-10 06:00 UTC, 30 h 0 min old',
  );
  expect(scanCell(one({ completedAt: undefined }))).toBe('basic, made at a time that ECR does not tell');
  expect(scanCell(gather([image('linux/amd64'), image('linux/arm64')], now))).toBe(
    'linux/amd64: basic, made 2026-01-11 11:59 UTC<br>linux/arm64: basic, made 2026-01-11 11:59 UTC',
  );
});
