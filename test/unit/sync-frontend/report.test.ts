import { describe, expect, test } from '@jest/globals';
import type { Result } from '../../../actions/sync-frontend/src/apply.ts';
import type { Plan } from '../../../actions/sync-frontend/src/plan.ts';
import type { Reason, Step } from '../../../actions/sync-frontend/src/plan-steps.ts';
import { reportPublish } from '../../../actions/sync-frontend/src/report.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { publishInputs } from '../../shell/sync-frontend.fakes.ts';

const headers = { contentType: 'text/plain', cacheControl: 'no-cache' };
const put = (path: string, size: number, stage: Step['stage'] = 'file'): Step => ({
  kind: 'put',
  stage,
  path,
  size,
  file: path,
  sha256: '',
  modified: 0,
  headers,
  reason: 'content',
});
const plan: Plan = {
  kind: 'publish',
  releaseId: 'r2',
  publication: '2-0123456789abcdef',
  changedPaths: ['/a', '/b'],
  mark: undefined,
  steps: [put('small.txt', 1), put('large|</details>`.txt', 2_000_000), put('index.html', 10, 'index')],
  state: undefined,
  recording: { local: [], pack: undefined },
  deletions: [
    { path: 'gone.html', size: 5, reason: 'page no longer in the site', isSeen: true, isRemnant: false, isPage: true },
  ],
  leftovers: [],
  unchanged: 7,
  warnings: ['<b>careful</b>'],
};
const whole: Result = {
  done: plan.steps,
  deleted: ['gone.html'],
  isPublished: true,
  wroteState: true,
  durationMs: 1500,
  failure: undefined,
};
const inputs = publishInputs({ bucket: 'site', prefix: 'app/' });

describe('the summary', () => {
  test('says what was done, biggest first, and cannot be broken out of', () => {
    const { summary } = reportPublish(plan, inputs, whole);
    expect(summary).toContain('### ✅ Published: release `r2` is served');
    expect(summary).toContain('| `r2` | 3 | 0 | 1 | 7 | 2.0 MB | 2 | 1.5 s |');
    expect(summary).toContain('`s3://site/app/`');
    expect(summary).toContain('&lt;b&gt;careful');
    const rows = [...summary.matchAll(/^\| (`.+`|<code>.+<\/code>) \| (?:sent|deleted)/gm)].map((match) => match[1]);
    expect(rows).toEqual([
      '<code>large&#124;&#60;/details&#62;&#96;&#46;txt</code>',
      '`index.html`',
      '`gone.html`',
      '`small.txt`',
    ]);
  });

  test('fits on a screen: the biggest files, and totals of all by reason', () => {
    const some: readonly Reason[] = ['new', 'content', 'missing', 'content'];
    const steps = Array.from({ length: 60 }, (_, n) => ({ ...put(`f${n}`, n * 1000), reason: some[n % 4] }) as Step);
    const headersOnly: Step = { ...put('h', 5), kind: 'headers', reason: 'headers', etag: '', headers };
    const all = [...steps, headersOnly];
    const { summary } = reportPublish({ ...plan, steps: all }, inputs, { ...whole, done: all });
    expect(summary.split('\n').length).toBeLessThan(45);
    expect(summary).toContain(
      '| new | 15 | 420.0 kB |\n| content | 30 | 900.0 kB |\n| headers | 1 | 5 B |\n| missing | 15 | 450.0 kB |\n| deleted | 1 | 5 B |',
    );
    expect(summary).toContain(
      '| File | What | Why | Size |\n| --- | --- | --- | --- |\n| `f59` | sent | content | 59.0 kB |',
    );
    expect(summary).toContain('… and 47 smaller ones');
  });

  const failure = new ActionError('AccessDenied', 'S3 PutObject was denied', { hint: 'Add this statement: …' });
  test.each([
    ['Not published: every page is as it was', { done: [put('small.txt', 1)], deleted: [], isPublished: false }],
    ['Not finished: some pages are new', { done: [put('a.html', 1, 'page')], deleted: [], isPublished: false }],
    ['every page is new, but the release is not on record', { done: plan.steps, deleted: [], isPublished: false }],
    ['is served, but not everything could be tidied up', { done: plan.steps, deleted: [], isPublished: true }],
  ])('of a failure: %s', (headline, changes) => {
    const { summary, failure: reported, outputs } = reportPublish(plan, inputs, { ...whole, ...changes, failure });
    expect(summary).toContain(headline);
    expect(summary).toContain('Add this statement: … Then run it again');
    expect(summary).toContain('1 of 1 files to delete');
    const left = plan.steps.length - changes.done.length;
    if (left > 0) expect(summary).toContain(`**Left:** ${left} of 3 objects to write`);
    expect(reported).toBe(failure);
    expect(outputs['published']).toBe('false');
    expect(outputs['publication']).toBe(changes.isPublished ? plan.publication : '');
  });

  test('of two runs at once, and of a failure without advice', () => {
    const stopped = { ...whole, deleted: [], isPublished: false };
    const lost = new ActionError('ConcurrentPublish', 'another run wrote it', { hint: 'Then run this one again.' });
    const two = reportPublish({ ...plan, state: {} as Plan['state'] }, inputs, { ...stopped, failure: lost }).summary;
    expect(two).toContain('### ❌ Two runs published at once');
    expect(two).toContain('**Left:** the record of the release, 1 of 1 files to delete');
    expect(two).toContain('**What to do:** Then run this one again.\n');
    const bare = reportPublish(plan, inputs, { ...stopped, failure: new ActionError('X', 'x') }).summary;
    expect(bare).toContain('**What to do:** Run it again: it finishes what is left.');
  });

  test('of a dry run and of nothing to do', () => {
    expect(reportPublish(plan, inputs, undefined).summary).toContain('🔍 Dry run: release `r2` would be served');
    const none = { ...plan, steps: [], deletions: [] };
    expect(reportPublish(none, inputs, undefined).summary).toContain('nothing would change');
    const nothing = { ...whole, done: [], deleted: [], wroteState: false };
    const { summary, outputs } = reportPublish(none, inputs, nothing);
    expect(summary).toContain('✅ Unchanged: release `r2` is what is served');
    expect(outputs).toMatchObject({ changed: 'false', published: 'true' });
  });
});
