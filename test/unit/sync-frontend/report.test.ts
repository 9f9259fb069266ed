import { describe, expect, test } from '@jest/globals';
import type { Result } from '../../../actions/sync-frontend/src/apply.ts';
import type { Plan, Step } from '../../../actions/sync-frontend/src/plan.ts';
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
  deletions: [{ path: 'gone.html', reason: 'page no longer in the site', isSeen: true, isPage: true }],
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
      '`small.txt`',
      '`gone.html`',
    ]);
  });

  test('caps a long list', () => {
    const steps = Array.from({ length: 60 }, (_, n) => put(`f${n}`, n));
    const { summary } = reportPublish({ ...plan, steps }, inputs, { ...whole, done: steps });
    expect(summary).toContain('… and 11 more');
  });

  const failure = new ActionError('AccessDenied', 'S3 PutObject was denied', { hint: 'Add this statement: …' });
  test.each([
    ['Not published: every page is as it was', { done: [put('small.txt', 1)], deleted: [], isPublished: false }],
    ['Not finished: some pages are new', { done: plan.steps, deleted: [], isPublished: false }],
    ['is served, but not everything could be tidied up', { done: plan.steps, deleted: [], isPublished: true }],
  ])('of a failure: %s', (headline, changes) => {
    const { summary, failure: reported, outputs } = reportPublish(plan, inputs, { ...whole, ...changes, failure });
    expect(summary).toContain(headline);
    expect(summary).toContain('Add this statement');
    expect(reported).toBe(failure);
    expect(outputs['published']).toBe('false');
    expect(outputs['publication']).toBe(changes.isPublished ? plan.publication : '');
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
