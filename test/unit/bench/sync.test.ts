import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  byKind,
  judge,
  median,
  requestsText,
  table,
  type Sample,
  type Scene,
  type Verdict,
} from '../../bench/sync-report.ts';
import { changingFiles, fileList, isHtml, seeded, writeVersion, type Site } from '../../bench/sync-site.ts';

const sample = (
  tool: string,
  scenario: Sample['scenario'],
  figures: { readonly wall: number } & Partial<Sample>,
): Sample => ({ tool, scenario, cpu: figures.wall, peak: 100e6, requests: undefined, ...figures });

const scene = (samples: readonly Sample[], rest: Partial<Scene> = {}): Scene => ({
  server: 'stub',
  site: 'small',
  runs: 1,
  rows: ['slipway', 'raw', 'rclone', 's5cmd'].map((tool) => ({ tool, title: tool, version: '1' })),
  samples,
  changed: { files: 20, pages: 1 },
  unchangedLimit: 0.5,
  peakLimit: undefined,
  ...rest,
});

const verdict = (verdicts: readonly Verdict[], goal: string): Verdict => {
  const found = verdicts.filter((one) => one.goal.startsWith(goal));
  expect(found).toHaveLength(1);
  return found[0]!;
};

describe('the figures', () => {
  it('takes the middle, also of an even number', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 2, 9, 1])).toBe(5.5);
    expect(median([])).toBeNaN();
  });

  it('counts a part of a file as a PUT, and names what it does not know', () => {
    expect(byKind({ PutObject: 3, UploadPart: 5, HeadObject: 1, HeadBucket: 1, PutBucketPolicy: 1 })).toEqual({
      PUT: 8,
      HEAD: 2,
      PutBucketPolicy: 1,
    });
  });

  it('says how far runs differ', () => {
    expect(
      requestsText([
        { PUT: 2000, LIST: 3 },
        { PUT: 2001, LIST: 3, COPY: 1 },
      ]),
    ).toBe('3 LIST, 2,000–2,001 PUT, 0–1 COPY');
  });

  it('shows what was measured less often', () => {
    const text = table(
      scene([sample('slipway', 'cold', { wall: 1 }), sample('slipway', 'cold', { wall: 3 })], { runs: 5 }),
    );
    expect(text).toContain('| slipway | 1 | 2.00 / 2.00 / 100 (n = 2) |');
  });
});

describe('the goals', () => {
  it.each([
    [1.0, 1.0, true],
    [1.01, 1.0, false],
  ])('1 %% changed: %d s against %d s', (mine, other, met) => {
    const verdicts = judge(
      scene([sample('slipway', 'changed', { wall: mine }), sample('rclone', 'changed', { wall: other })]),
    );
    expect(verdict(verdicts, '1 % changed: wall ≤ rclone').met).toBe(met);
  });

  it.each([
    [0.3, true],
    [0.31, false],
  ])('holds %d s against 0.3 of one second', (mine, met) => {
    const verdicts = judge(
      scene([sample('slipway', 'changed', { wall: mine }), sample('s5cmd', 'changed', { wall: 1 })]),
    );
    expect(verdict(verdicts, '1 % changed: wall ≤ 0.3 × s5cmd').met).toBe(met);
  });

  it('does not judge against what was not measured', () => {
    const verdicts = judge(scene([sample('slipway', 'changed', { wall: 1 })]));
    expect(verdict(verdicts, '1 % changed: wall ≤ rclone').met).toBeUndefined();
  });

  it.each([
    { what: 'all that is allowed', requests: { LIST: 3, GET: 1, PUT: 21, COPY: 1 }, keys: 2_001, met: true },
    { what: 'one request more', requests: { LIST: 3, GET: 1, PUT: 22, COPY: 1 }, keys: 2_001, met: false },
    { what: 'a LIST more than there are thousands', requests: { LIST: 3, PUT: 21 }, keys: 2_000, met: false },
    { what: 'a HEAD', requests: { LIST: 3, PUT: 20, HEAD: 1 }, keys: 2_001, met: false },
  ])('counts requests: $what', ({ requests, keys, met }) => {
    const runs = [
      sample('slipway', 'changed', { wall: 1, requests: { LIST: 1 }, keys: 1_000 }),
      sample('slipway', 'changed', { wall: 1, requests, keys }),
    ];
    expect(verdict(judge(scene(runs)), '1 % changed: one LIST').met).toBe(met);
  });

  it('compares a cold run with the fastest of the others, and never with the floor', () => {
    const samples = [
      sample('slipway', 'cold', { wall: 2, cpu: 1.4 }),
      sample('raw', 'cold', { wall: 0.5, cpu: 1 }),
      sample('rclone', 'cold', { wall: 2.1 }),
      sample('s5cmd', 'cold', { wall: 3, cpu: 2 }),
    ];
    const verdicts = judge(scene(samples));
    expect(verdict(verdicts, 'cold: wall')).toMatchObject({ met: true, figures: expect.stringContaining('rclone') });
    expect(verdict(verdicts, 'cold: CPU ≤ 0.7').met).toBe(true);
    expect(verdict(verdicts, 'cold: CPU ≤ 1.5').met).toBe(true);
    const slower = judge(scene(samples.map((one) => (one.tool === 'slipway' ? { ...one, wall: 2.2, cpu: 1.6 } : one))));
    expect(slower.filter(({ goal, met }) => goal.startsWith('cold') && met === false)).toHaveLength(3);
  });

  it('takes the highest peak of any run', () => {
    const samples = [sample('slipway', 'cold', { wall: 1 }), sample('slipway', 'unchanged', { wall: 1, peak: 201e6 })];
    const verdicts = judge(scene(samples, { peakLimit: 200e6, unchangedLimit: undefined }));
    expect(verdict(verdicts, 'peak').met).toBe(false);
  });
});

describe('the site', () => {
  const shape = { files: 2_000, bytes: 195e6, big: 40e6 };

  it('has exactly so many files and nearly so many bytes, one file in fifty a page, always the same', () => {
    const files = fileList(shape);
    expect(new Set(files.map(({ path }) => path)).size).toBe(2_000);
    expect(files.filter(({ path }) => isHtml(path))).toHaveLength(40);
    expect(files.filter(({ size }) => size === 40e6)).toHaveLength(1);
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    expect(Math.abs(bytes - 195e6)).toBeLessThan(2_000);
    expect(fileList(shape)).toEqual(files);
  });

  it('changes one file in a hundred, one of them a page, never the big one', () => {
    const files = fileList(shape);
    for (let seed = 0; seed < 500; seed += 1) {
      const changing = changingFiles(files, seeded(seed));
      expect(new Set(changing.map(({ path }) => path)).size).toBe(20);
      expect(changing.filter(({ path }) => isHtml(path))).toHaveLength(1);
      expect(changing.every(({ size }) => size < 10e6)).toBe(true);
    }
  });
});

describe('a changed file', () => {
  let root = '';
  beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'slipway-bench-test-'))));
  afterEach(() => rmSync(root, { recursive: true }));

  it('keeps its size, differs in one byte from every other version, and comes back as version 0', async () => {
    const path = 'a.js';
    const site: Site = { name: 'x', root, files: [{ path, size: 9 }], bytes: 9, changing: [{ path, size: 9 }] };
    writeFileSync(join(root, path), '123456789');
    const versions: Buffer[] = [];
    for (const version of [0, 1, 2, 255, 0]) {
      await writeVersion(site, version);
      versions.push(readFileSync(join(root, path)));
    }
    expect(versions.map(({ length }) => length)).toEqual([9, 9, 9, 9, 9]);
    expect(versions[4]).toEqual(versions[0]);
    const distinct = versions.slice(0, 4);
    expect(new Set(distinct.map((bytes) => bytes.toString('hex'))).size).toBe(4);
    for (const bytes of distinct) {
      expect([...bytes].filter((byte, at) => byte !== versions[0]![at]).length).toBeLessThanOrEqual(1);
    }
  });
});
