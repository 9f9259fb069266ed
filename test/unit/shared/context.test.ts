import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { runContext } from '../../../shared/action/context.ts';

const env = {
  GITHUB_ACTIONS: 'true',
  GITHUB_RUN_ID: '42',
  GITHUB_RUN_ATTEMPT: '2',
  GITHUB_JOB: 'deploy',
  GITHUB_ACTION: '__your-org_slipway',
};

test('a step is known by its run, attempt, job and place', () => {
  expect(runContext(env).step).toBe('42/2/deploy/__your-org_slipway');
  expect(runContext({ ...env, GITHUB_ACTION: '__your-org_slipway_2' }).step).not.toBe(runContext(env).step);
});

test('under act, whose runs are all number 1, nothing tells its steps apart', () => {
  expect(runContext({ ...env, ACT: 'true' }).step).toBeUndefined();
});

test('a run has an address, on whichever server it is', () => {
  const here = { ...env, GITHUB_REPOSITORY: 'your-org/studio' };
  expect(runContext(here).runUrl).toBe('https://github.com/your-org/studio/actions/runs/42');
  expect(runContext({ ...here, GITHUB_SERVER_URL: 'https://git.example.com' }).runUrl).toContain(
    'https://git.example.com/',
  );
});

test('a plain shell is no run', () => {
  const context = runContext({});
  expect(context).toMatchObject({ repository: '', runId: '', runAttempt: 1, runUrl: '', sha: '' });
  expect(context.step).toBeUndefined();
  expect(runContext({ GITHUB_RUN_ID: 'x', GITHUB_RUN_ATTEMPT: '' })).toMatchObject({ runId: '', runAttempt: 1 });
});

test('GitHub’s API is where the runner says', () => {
  expect(runContext({ GITHUB_API_URL: 'https://git.example.com/api/v3' }).apiUrl).toBe(
    'https://git.example.com/api/v3',
  );
  expect(runContext({ GITHUB_API_URL: '' }).apiUrl).toBe('https://api.github.com');
});

describe('the pull request', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-event-'));
  const path = join(folder, 'event.json');
  const about = (text: string, special: Readonly<Record<string, string>> = {}): unknown => {
    writeFileSync(path, text);
    const event = { GITHUB_EVENT_NAME: 'pull_request', GITHUB_EVENT_PATH: path, GITHUB_REPOSITORY: 'your-org/studio' };
    return runContext({ ...event, ...special }).pullRequest;
  };
  const event = (pullRequest: unknown): string => JSON.stringify({ pull_request: pullRequest });
  const from = (head: unknown): string => event({ number: 7, head });

  test.each(['pull_request', 'pull_request_target'])('is known to %s', (name) => {
    const text = from({ repo: { full_name: 'your-org/studio' } });
    expect(about(text, { GITHUB_EVENT_NAME: name })).toEqual({ number: 7, isFork: false });
  });
  test.each([
    ['a fork', { repo: { full_name: 'mallory/studio' } }],
    ['a fork that is gone', { repo: null }],
    ['nobody knows where', undefined],
    ['something odd', { repo: ['your-org/studio'] }],
  ])('from %s is a fork’s', (_, head) => expect(about(from(head))).toEqual({ number: 7, isFork: true }));

  test.each([
    ['no JSON', '{"pull_request": '],
    ['nothing', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['no pull request', '{"issue": {"number": 7}}'],
    ['a number in words', event({ number: '7' })],
    ['half a number', event({ number: 7.5 })],
    ['no number', event({ number: -7 })],
    ['too large a number', event({ number: 1e300 })],
    ['an inherited number', '{"pull_request": {"__proto__": {"number": 7}}}'],
    ['too large a file', `${' '.repeat(5_000_000)}${event({ number: 7 })}`],
  ])('is unknown from %s', (_, text) => expect(about(text)).toBeUndefined());

  test('is unknown without a file, and to other events', () => {
    const text = event({ number: 7 });
    expect(about(text, { GITHUB_EVENT_PATH: join(folder, 'none.json') })).toBeUndefined();
    expect(about(text, { GITHUB_EVENT_PATH: '' })).toBeUndefined();
    expect(about(text, { GITHUB_EVENT_NAME: 'issue_comment' })).toBeUndefined();
    mkdirSync(join(folder, 'folder'));
    expect(about(text, { GITHUB_EVENT_PATH: join(folder, 'folder') })).toBeUndefined();
  });
});
