import { describe, expect, test } from '@jest/globals';
import { ActionError } from '../../../shared/core/errors.ts';
import type { Result } from '../../../actions/build-push-image/src/apply.ts';
import { planBuild } from '../../../actions/build-push-image/src/plan.ts';
import { planLines, report, reportArchive } from '../../../actions/build-push-image/src/report.ts';
import { built, commit, hash, image, inputs, mutable, observed, tagged } from './kit.ts';
import { counted } from './scan-kit.ts';

const pushed = built('new', [`src-${hash}`]);

function work(values: Readonly<Record<string, string>> = {}, seen = observed()) {
  const given = inputs(values);
  return { inputs: given, observed: seen, plan: planBuild(given, seen) };
}

const success: Result = {
  outcome: 'built',
  repositoryUri: mutable.uri,
  image: pushed,
  createdRepository: false,
  pushed: true,
  putTags: [commit],
  findings: undefined,
  durations: [{ step: 'build', ms: 12_300 }],
  remarks: [],
  failure: undefined,
};

describe('outputs', () => {
  test('of a build', () => {
    expect(report(work(), success).outputs).toEqual({
      image: `${mutable.uri}@${pushed.digest}`,
      digest: pushed.digest,
      tags: commit,
      'source-hash': hash,
      outcome: 'built',
      reusable: 'false',
      'scan-findings': '',
      changed: 'true',
    });
  });

  test('of a rerun that had nothing to do', () => {
    const done = image('new', [`src-${hash}`, commit]);
    const result: Result = { ...success, outcome: 'reused', image: done, pushed: false, putTags: [], durations: [] };
    expect(report(work({}, observed({ images: tagged(done) })), result).outputs).toMatchObject({
      digest: done.digest,
      tags: commit,
      outcome: 'reused',
      changed: 'false',
    });
  });

  test('of a reuse: its size is compared with what a wanted tag named before', () => {
    const sized = (name: string, size: number) => {
      const layers = [{ digest: `sha256:${size}`, size }];
      const manifest = JSON.stringify({ name, layers });
      return { ...built(name, name === 'now' ? [`src-${hash}`] : ['latest']), manifest };
    };
    const [now, before] = [sized('now', 3000), sized('before', 1000)];
    const seen = observed({ images: tagged(now, before) });
    const result: Result = { ...success, outcome: 'reused', image: now, pushed: false, putTags: ['latest'] };
    expect(report(work({ tags: 'v1\nlatest' }, seen), result).summary).toMatch(
      /\*\*Size\*\* \| 3\.0 kB compressed, 1 layer; \+2\.0 kB against sha256:\w{12}, 1 of the layers new/,
    );
  });

  test('of a dry run: what is certain already, and nothing else', () => {
    expect(report(work(), undefined)).toMatchObject({
      outputs: { image: '', digest: '', tags: '', outcome: 'planned', changed: 'false' },
      failure: undefined,
    });
    const reuse = work({ 'dry-run': 'true', registry: 'localhost:5000' }, observed({ images: tagged(pushed) }));
    expect(report(reuse, undefined).outputs).toMatchObject({
      image: `localhost:5000/app@${pushed.digest}`,
      outcome: 'planned',
      tags: '',
    });
  });

  test('whether what is wanted is there already, in a dry run and after a run', () => {
    const there = observed({ images: tagged(pushed) });
    const reusable = (...given: Parameters<typeof report>) => report(...given).outputs['reusable'];
    expect(reusable(work(), undefined)).toBe('false');
    expect(reusable(work({}, there), undefined)).toBe('true');
    expect(reusable(work({ force: 'true' }, there), undefined)).toBe('false');
    expect(reusable(work(), success)).toBe('false');
    expect(reusable(work(), { ...success, outcome: 'reused' })).toBe('true');
  });

  test('of an archive: built, and nothing that a registry would know', () => {
    const archive = {
      inputs: inputs({ mode: 'archive', archive: '/tmp/i.tar' }),
      observed: observed(),
      archive: '/tmp/i.tar',
    };
    const done = { bytes: 1234, ms: 5, failure: undefined };
    const outputs = { image: '', digest: '', tags: '', 'scan-findings': '', changed: 'false', reusable: 'false' };
    const { outputs: built, summary } = reportArchive(archive, done);
    expect(built).toEqual({ ...outputs, 'source-hash': hash, outcome: 'built' });
    expect(summary).toContain('| **Archive** | `/tmp/i.tar` |');
    expect(reportArchive(archive, undefined).outputs).toEqual({ ...outputs, 'source-hash': hash, outcome: 'planned' });
    const failure = new ActionError('BuildFailed', 'no');
    expect(reportArchive(archive, { ...done, failure })).toMatchObject({ failure, outputs: { outcome: '' } });
    expect(Object.keys(built).sort()).toEqual(Object.keys(report(work(), success).outputs).sort());
  });

  test('of a failure before there was an image', () => {
    const failure = new ActionError('BuildFailed', 'no');
    const result: Result = {
      ...success,
      image: undefined,
      pushed: false,
      putTags: [],
      createdRepository: true,
      failure,
    };
    const { outputs, failure: told } = report(work({}, observed({ repository: undefined })), result);
    expect(outputs).toMatchObject({ image: '', digest: '', tags: '', outcome: '', changed: 'true' });
    expect(told).toBe(failure);
  });

  test.each(['built', 'reused'] as const)(
    'of a failure (%s): no image is handed on, what was done is told',
    (outcome) => {
      const result: Result = {
        ...success,
        outcome,
        putTags: ['v1'],
        findings: counted({ HIGH: 2 }),
        failure: new ActionError('ScanFindings', 'x'),
      };
      const { outputs, summary } = report(work({ scan: 'high', tags: 'v1\nv2' }), result);
      expect(outputs).toEqual({
        ...{ image: '', digest: '', outcome: '', reusable: 'false' },
        tags: 'v1',
        'source-hash': hash,
        'scan-findings': '{"HIGH":2}',
        changed: 'true',
      });
      expect(summary).toContain(`| **Digest** | \`${pushed.digest}\` |`);
    },
  );

  test('each of repository, image and tag is a change of its own', () => {
    const nothing: Result = { ...success, pushed: false, putTags: [], createdRepository: false };
    const changed = (result: Result) => report(work(), result).outputs['changed'];
    expect(changed(nothing)).toBe('false');
    expect(changed({ ...nothing, pushed: true })).toBe('true');
    expect(changed({ ...nothing, putTags: [commit] })).toBe('true');
    expect(changed({ ...nothing, createdRepository: true })).toBe('true');
  });

  test('no source hash where an image could not be identified', () => {
    const { source } = observed();
    const seen = observed({ source: { ...source, unknown: ['x'] } });
    expect(report(work({}, seen), success).outputs['source-hash']).toBe('');
  });
});

describe('the summary', () => {
  test('says what was done and why', () => {
    const { summary } = report(work(), success);
    expect(summary).toContain('### 🐳 Built and pushed `app`');
    expect(summary).toContain(`| **Digest** | \`${pushed.digest}\` |`);
    expect(summary).toContain(`| **Tags** | \`${commit}\` new |`);
    expect(summary).toContain('| **Why** | this source was not built before |');
    expect(summary).toContain('| **Built and pushed in** | 12 s |');
  });

  test('cannot be broken by what comes from outside', () => {
    const { source } = observed();
    const bases = [{ name: 'a`|<b>', identity: 'sha256:1', from: 'daemon' as const }];
    const failure = new ActionError('BuildFailed', 'x\n```\n# <script>');
    const { summary } = report(work({}, observed({ source: { ...source, bases } })), { ...success, failure });
    expect(summary).toContain('<code>a&#96;&#124;&#60;b&#62;</code>');
    expect(summary).toContain('````\nx\n```\n# <script>\n````');
    expect(summary).toContain('### ❌ Image not released: `app`');
  });

  test('of a tag that moves: from where, in short', () => {
    const seen = observed({ images: tagged(image('old', ['latest'])) });
    const { summary } = report(work({ tags: 'latest' }, seen), { ...success, putTags: ['latest'] });
    expect(summary).toMatch(/\| \*\*Tags\*\* \| `latest` moves from sha256:[0-9a-f]{12} \|/);
  });

  test('of findings', () => {
    const { summary } = report(work({ scan: 'report' }), { ...success, findings: counted({ CRITICAL: 1, LOW: 4 }) });
    expect(summary).toContain('| critical | high | medium | low | informational | undefined |');
    expect(summary).toContain('| 1 | 0 | 0 | 4 | 0 | 0 |');
    expect(summary).toContain('| **Scan** | basic, made 2026-01-11 11:59 UTC |');
  });

  test('of an image that came from an archive', () => {
    const seen = observed({ hasArchive: true });
    const { summary } = report(work({ archive: '/tmp/i.tar' }, seen), {
      ...success,
      durations: [
        { step: 'load', ms: 1_000 },
        { step: 'push', ms: 2_000 },
      ],
    });
    expect(summary).toContain('### 🐳 Pushed `app`');
    for (const row of ['From** | `/tmp/i.tar`', 'Loaded in** | 1.0 s', 'Pushed in** | 2.0 s'])
      expect(summary).toContain(row);
    expect(planLines(work({ archive: '/tmp/i.tar' }, seen).plan)[0]).toBe('To push: this source was not built before');
  });

  test('of a dry run', () => {
    expect(report(work(), undefined).summary).toContain('### 📝 Dry run: would build `app`');
  });
});

test('the plan in the log', () => {
  const { plan } = work({ tags: 'v1', scan: 'high' }, observed({ repository: undefined }));
  expect(planLines(plan)).toEqual([
    'To build: this source was not built before',
    '- create the repository (it does not exist yet)',
    '- wait for the scan (scan is "high")',
    '- tag v1 (new)',
  ]);
});
