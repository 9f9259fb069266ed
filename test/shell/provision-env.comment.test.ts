import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { commentText } from '../../actions/provision-env/src/comment.ts';
import { parseInputs } from '../../actions/provision-env/src/inputs.ts';
import { connectComments, connectPorts } from '../../actions/provision-env/src/ports.ts';
import { run } from '../../actions/provision-env/src/run.ts';
import { runContext } from '../../shared/action/context.ts';
import { InputReader } from '../../shared/action/input-reader.ts';
import { gitHubComments } from '../../shared/action/pull-request-comment.ts';
import type { ActionIo, ActionReport } from '../../shared/action/run.ts';
import { ActionError } from '../../shared/core/errors.ts';
import { code, escapeMarkdown } from '../../shared/core/markdown.ts';
import { ScriptedAws } from '../kit/scripted-aws.ts';
import { CloudFormationWorld, nameServers } from '../kit/scripted-cloudformation.ts';
import { jobLogin, ScriptedGitHub } from '../kit/scripted-github.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';
import { environment } from './provision-env.stories.ts';

const repository = 'your-org/studio';
const marker = '<!-- slipway: plan of analytics-studio production -->';
const token = 'ghs_0123456789abcdefghij0123456789abcdefghij';
const before = { ...process.env };

let github: ScriptedGitHub;
let aws: ScriptedAws;
let clock: VirtualClock;
let lines: string[];
let cancel: AbortController;
beforeAll(async () => {
  const world = new CloudFormationWorld(new VirtualClock(new Date(Date.UTC(2026, 10, 24))));
  aws = await ScriptedAws.start((call) => world.answer(call));
  Object.assign(process.env, environment(aws.endpoint));
});
afterAll(() => {
  aws.stop();
  process.env = before;
});
beforeEach(async () => {
  clock = new VirtualClock(new Date(Date.UTC(2026, 10, 24)));
  lines = [];
  cancel = new AbortController();
  await serve('');
});
afterEach(() => {
  github.stop();
  // Whatever happens: nobody is shown the token.
  expect(lines.join('\n')).not.toContain(token);
});

async function serve(prefix: string): Promise<void> {
  github?.stop();
  github = await ScriptedGitHub.start({ repository, number: 7, prefix });
  github.viewers.set(token, { login: jobLogin, may: 'write' });
}

const sameRepository: object = { number: 7, head: { repo: { full_name: repository } } };

/** The action's own composition on both servers, as a job on a pull request runs it. */
async function plan({
  inputs = {},
  event = 'pull_request',
  pullRequest = sameRepository,
  runId = '42',
}: {
  readonly inputs?: Readonly<Record<string, string>>;
  readonly event?: string;
  readonly pullRequest?: object;
  readonly runId?: string;
} = {}): Promise<ActionReport> {
  const workspace = mkdtempSync(join(tmpdir(), 'slipway-comment-'));
  const eventPath = join(workspace, 'event.json');
  writeFileSync(eventPath, JSON.stringify({ pull_request: pullRequest }));
  const given: Readonly<Record<string, string>> = {
    mode: 'plan',
    'aws-region': 'us-east-1',
    comment: 'true',
    'github-token': token,
    ...inputs,
  };
  const masked: string[] = [];
  const io: ActionIo = {
    read: new InputReader({ get: (name) => given[name] ?? '', env: {}, mask: (text) => masked.push(text) }),
    progress: {
      info: (line) => lines.push(line),
      warn: (line) => lines.push(`warning: ${line}`),
      follow: () => () => undefined,
      group: (_, body) => body(),
    },
    context: runContext({
      GITHUB_REPOSITORY: repository,
      GITHUB_RUN_ID: runId,
      GITHUB_EVENT_NAME: event,
      GITHUB_EVENT_PATH: eventPath,
      GITHUB_API_URL: github.apiUrl,
      GITHUB_WORKSPACE: workspace,
    }),
    commands: { run: () => Promise.reject(new Error('no command is to be run')) },
    signal: cancel.signal,
    idToken: () => Promise.reject(new Error('no token is to be asked for')),
    mask: () => undefined,
    state: { get: () => '', save: () => undefined },
  };
  const parsed = parseInputs(io.read, io.context);
  if (given['github-token'] !== '') expect(masked).toContain(given['github-token']);
  return run(parsed, {
    ...connectPorts(parsed, io),
    comments: connectComments(parsed, io, clock),
    dns: { nameServers: async () => nameServers },
    clock,
    progress: io.progress,
    context: io.context,
  });
}

const ours = (): readonly string[] => github.comments.filter(({ login }) => login === jobLogin).map(({ body }) => body);
const said = (): string => lines.filter((line) => /comment/.test(line)).join('\n');

describe('one comment', () => {
  test('is made with the marker, the plan as the summary shows it, and a link to the run', async () => {
    github.say('alice', 'Nice!');
    const report = await plan();
    expect(report.failure).toBeUndefined();
    expect(ours()).toHaveLength(1);
    const [comment] = ours();
    expect(comment!.startsWith(`${marker}\n### 📋 Plan for analytics-studio production: `)).toBe(true);
    expect(comment).toContain(report.summary.split('\n').find((line) => line.includes('plan digest')));
    expect(comment).toContain(`[the run](https://github.com/${repository}/actions/runs/42)`);
    expect(said()).toBe(`comment  created: ${github.urlOf(github.comments[1]!)}`);
    expect(github.calls.every(({ authorization }) => authorization === `token ${token}`)).toBe(true);
  });

  test('is brought up to date by the next run, in its place', async () => {
    await plan({ inputs: { tier: 'development' } });
    github.say('alice', 'Not so small!');
    await plan({ inputs: { tier: 'production-small' }, runId: '43' });
    expect(github.comments.map(({ login }) => login)).toEqual([jobLogin, 'alice']);
    expect(ours()[0]).toContain('Tier `production-small`');
    expect(ours()[0]).toContain('/actions/runs/43)');
    expect(said()).toContain(`comment  updated: ${github.urlOf(github.comments[0]!)}`);
  });

  test('says that the newest plan failed, so that nobody takes the one before for it', async () => {
    await plan();
    const denied = { error: 'AccessDenied', status: 403 };
    // Of the bootstrap stack and the three others.
    aws.breakNext('DescribeStacks', denied, denied, denied, denied);
    await expect(plan({ runId: '43' })).rejects.toThrow('DescribeStacks');
    expect(ours()).toHaveLength(1);
    expect(ours()[0]).toContain('### ❌ Plan for analytics-studio production failed: ');
    expect(ours()[0]).not.toContain('plan digest');
    expect(ours()[0]).toContain('/actions/runs/43)');
  });

  test('is left alone by a second attempt that plans the same', async () => {
    await plan();
    // A person who saved it in the browser changed its line ends.
    github.comments[0]!.body = github.comments[0]!.body.replaceAll('\n', '\r\n').trimEnd();
    await plan();
    expect([github.count('CreateComment'), github.count('UpdateComment')]).toEqual([1, 0]);
    expect(said()).toContain('comment  unchanged: https://github.com/');
  });

  test('is one for each environment', async () => {
    await plan();
    await plan({ inputs: { environment: 'staging' } });
    await plan({ runId: '43' });
    expect(ours().map((body) => body.split('\n')[0])).toEqual([
      marker,
      '<!-- slipway: plan of analytics-studio staging -->',
    ]);
    expect(ours()[0]).toContain('/runs/43)');
  });

  test('is found behind many others, a hundred a page', async () => {
    for (let index = 0; index < 250; index += 1) github.say('alice', `talk ${index}`);
    await plan();
    await plan({ runId: '43' });
    expect(ours()).toHaveLength(1);
    expect(ours()[0]).toContain('/runs/43)');
    const pages = github.calls.filter(({ operation }) => operation === 'ListComments').map(({ path }) => path);
    expect(pages).toHaveLength(6);
    expect(pages[0]).toContain('per_page=100');
    expect(pages[5]).toContain('page=3');
  });

  test('is never one that somebody else wrote, whatever it begins with', async () => {
    const others = [
      github.say('mallory', `${marker}\n### 📋 Plan: nothing to change`),
      github.say('other-app[bot]', `${marker}\nnothing`),
      github.say(jobLogin, `another step of the job says:\n${marker}`),
      github.say(jobLogin, `${marker} and more`),
    ];
    const texts = others.map(({ body }) => body);
    await plan();
    await plan({ runId: '43' });
    expect(others.map(({ body }) => body)).toEqual(texts);
    expect(github.comments).toHaveLength(5);
    expect(github.comments[4]!.body).toContain('/runs/43)');
  });

  test('of a person’s own token is theirs', async () => {
    github.viewers.set('ghp_alice', { login: 'alice', may: 'write' });
    const theJobs = github.say(jobLogin, `${marker}\nold`);
    await plan({ inputs: { 'github-token': 'ghp_alice' } });
    await plan({ inputs: { 'github-token': 'ghp_alice' }, runId: '43' });
    expect(theJobs.body).toBe(`${marker}\nold`);
    expect(github.comments).toHaveLength(2);
    expect(github.comments[1]).toMatchObject({ login: 'alice' });
    expect(github.comments[1]!.body).toContain('/runs/43)');
  });

  test('that a twin makes at the same moment stays; from then on the older is the one', async () => {
    github.onCall = (operation) => {
      if (operation === 'CreateComment') github.say(jobLogin, `${marker}\nof the twin`);
    };
    await plan();
    expect(ours()).toHaveLength(2);
    const [, newer] = ours();
    await plan({ runId: '43' });
    expect(ours()).toHaveLength(2);
    expect(ours()[0]).toContain('/runs/43)');
    expect(ours()[1]).toBe(newer);
  });

  test('that is deleted between the look and the update is made anew', async () => {
    await plan();
    github.onCall = (operation) => {
      if (operation === 'UpdateComment') github.comments.length = 0;
    };
    await plan({ runId: '43' });
    expect(ours()).toHaveLength(1);
    expect(said()).toContain('comment  created');
  });

  test('GitHub Enterprise has its API elsewhere', async () => {
    await serve('/api/v3');
    await plan();
    await plan({ runId: '43' });
    expect(ours()).toHaveLength(1);
    expect(github.calls.map(({ path }) => path.replace(/\?.*/, ''))).toContain('/api/graphql');
    expect(github.count('other')).toBe(0);
  });
});

describe('a plan too long for a comment', () => {
  test('is cut at a line, closed, and says where the rest is', async () => {
    const summary = [
      '### 📋 Plan',
      '<details><summary>app: 4000 added</summary>\n',
      '| | What |\n| --- | --- |',
      ...Array.from({ length: 4000 }, (_, index) => `| ➕ | Thing number ${index} |`),
      '\n</details>',
    ].join('\n');
    const text = commentText(summary, 'https://github.com/o/r/actions/runs/1');
    expect(text).toMatch(/\| ➕ \| Thing number \d+ \|\n\n<\/details>\n\n✂️ The rest is too long for a comment/);
    expect(text.endsWith('brings this comment up to date.\n')).toBe(true);
    const comments = gitHubComments(place(), { clock, signal: cancel.signal, progress: { info: () => undefined } });
    expect(await comments.keep({ marker, text })).toMatchObject({ kind: 'created' });
    expect(ours()[0]!.length).toBeGreaterThan(65_000);
  });
});

test('what the plan names is not called by its name', () => {
  const text = commentText(`${escapeMarkdown('by @alice for #7')} ${code('@alice')}`, '');
  expect(text).toBe(
    'by @\u200balice for #\u200b7 `@alice`\n\nFrom the run; the next one brings this comment up to date.\n',
  );
});

const place = () => ({ token, repository, number: 7, apiUrl: github.apiUrl });

describe('no comment, and the plan stays green', () => {
  const refused = async (part: string | RegExp): Promise<void> => {
    const report = await plan();
    expect(report.failure).toBeUndefined();
    expect(report.outputs['plan-digest']).toMatch(/^[0-9a-f]{64}\./);
    expect(lines.filter((line) => line.startsWith('warning: The plan is no comment'))).toHaveLength(1);
    expect(said()).toMatch(part);
  };

  test('outside of a pull request', async () => {
    await plan({ event: 'push' });
    expect(said()).toBe('comment  none: this run is about no pull request');
    expect(github.calls).toEqual([]);
  });

  test.each([
    ['a fork', { number: 7, head: { repo: { full_name: 'mallory/studio' } } }],
    ['a fork that is gone', { number: 7, head: { repo: null } }],
  ])('from %s', async (_, pullRequest) => {
    await plan({ pullRequest, event: 'pull_request_target' });
    expect(said()).toBe('comment  none: the pull request comes from a fork');
    expect(github.calls).toEqual([]);
  });

  test('unless it is asked for', async () => {
    await plan({ inputs: { comment: 'false' } });
    expect(github.calls).toEqual([]);
    expect(said()).toBe('');
  });

  test('with an empty token', async () => {
    const { failure } = await plan({ inputs: { 'github-token': '' } });
    expect(failure).toBeUndefined();
    expect(said()).toContain(
      'warning: The plan is no comment on the pull request: github-token is empty. Leave it out',
    );
    expect(github.calls).toEqual([]);
  });

  test('with a token that GitHub does not know', async () => {
    github.viewers.clear();
    await refused(/GitHub does not know the token \(401: Bad credentials.*\)\. Leave github-token out/);
    expect(github.calls).toHaveLength(1);
  });

  test('without the permission', async () => {
    github.viewers.set(token, { login: jobLogin, may: 'read' });
    await refused(/may not comment \(403: Resource not accessible by integration.*permissions: pull-requests: write/);
    expect(github.count('CreateComment')).toBe(1);
  });

  test('without the permission to change what it said before', async () => {
    await plan();
    github.viewers.set(token, { login: jobLogin, may: 'read' });
    lines.length = 0;
    const report = await plan({ runId: '43' });
    expect(report.failure).toBeUndefined();
    expect(said()).toContain('Resource not accessible by integration');
    expect([github.count('UpdateComment'), github.count('CreateComment')]).toEqual([1, 1]);
  });

  test('where the token sees nothing', async () => {
    github.viewers.set(token, { login: jobLogin, may: 'nothing' });
    await refused(/sees no your-org\/studio#7 .*404: Not Found.*pull-requests: write/);
  });

  test('in a locked conversation', async () => {
    github.locked = true;
    await refused(/the conversation is locked \(403: Unable to create comment.*Unlock/);
    expect(github.count('CreateComment')).toBe(1);
  });

  test.each([
    [422, 'Validation Failed: issue is locked', /the conversation is locked \(422/],
    [410, 'Issues are disabled for this repo', /takes no comments \(410: Issues are disabled/],
    [422, 'Validation Failed, or the endpoint has been spammed', /refuses the comment \(422: .*spammed/],
    [418, 'a teapot', /refuses the comment \(418: a teapot/],
  ])('when GitHub says %i %s', async (status, message, told) => {
    github.breakNext('CreateComment', { status, message });
    await refused(told);
    expect(github.count('CreateComment')).toBe(1);
  });

  test('when GitHub fails for good: a few tries, and seconds', async () => {
    github.breakNext('ListComments', ...Array.from({ length: 20 }, () => ({ status: 502 })));
    const start = clock.now();
    await refused(/GitHub failed \(502: Server Error.*next run tries again/);
    expect(github.count('ListComments')).toBe(4);
    expect(clock.now() - start).toBe(7_000);
  });

  test('when a proxy answers with a page of its own, which the log gets one short line of', async () => {
    github.breakNext('ListComments', { status: 403, html: `<html>\n::error::no\n${'x'.repeat(5000)}${token}</html>` });
    await refused(/may not comment \(403: <html> ::error::no x/);
    expect(lines.every((line) => line.length < 700 && !line.includes('\n'))).toBe(true);
    github.breakNext('ListComments', ...Array.from({ length: 4 }, () => ({ status: 200, html: 'Welcome' })));
    lines.length = 0;
    await refused(/did not answer \(the answer broke off, or is not GitHub’s\)/);
  });

  test('when GitHub wants more rest than a comment is worth', async () => {
    github.breakNext('CreateComment', {
      status: 403,
      message: 'You have exceeded a secondary rate limit',
      headers: { 'retry-after': '600' },
    });
    const start = clock.now();
    await refused(/rate limit is reached .* it wants 600 s of rest/);
    expect(clock.now()).toBe(start);
    expect(github.count('CreateComment')).toBe(1);
  });

  test('when the hour’s requests are used up', async () => {
    const reset = String(clock.now() / 1000 + 1800);
    github.breakNext('ListComments', {
      status: 403,
      message: 'API rate limit exceeded for installation ID 1.',
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset },
    });
    await refused(/it wants 1800 s of rest/);
    expect(github.count('ListComments')).toBe(1);
  });

  test('when nobody is there', async () => {
    github.stop();
    await refused(/GitHub did not answer \(.*ECONNREFUSED/);
  });

  test('when the token is shown to us by the server', async () => {
    github.breakNext('ListComments', { status: 403, message: `token ${token} is bad, ${encodeURIComponent(token)}` });
    await refused(/403: token \*\*\* is bad/);
  });
});

describe('tried again', () => {
  const kept = async (): Promise<number> => {
    const start = clock.now();
    expect((await plan()).failure).toBeUndefined();
    expect(lines.filter((line) => line.startsWith('warning: '))).toEqual([]);
    expect(ours()).toHaveLength(1);
    return clock.now() - start;
  };

  test('after a failure of GitHub’s', async () => {
    github.breakNext('ListComments', { status: 502 }, { status: 503, html: '<html>' });
    github.breakNext('CreateComment', { status: 500 });
    expect(await kept()).toBe(7_000);
    expect(said()).toContain('comment  GitHub failed (502: Server Error - https://docs.github.com/rest); again in 1 s');
    expect(said()).toContain('comment  created');
  });

  test('after as long as GitHub asks for, and a minute where it does not say', async () => {
    const message = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.';
    github.breakNext(
      'CreateComment',
      { status: 429, message, headers: { 'retry-after': '17' } },
      { status: 403, message },
    );
    expect(await kept()).toBe(77_000);
  });

  test.each(['before', 'middle', 'after'] as const)('a connection that breaks %s the comment is made', async (drop) => {
    github.breakNext('CreateComment', { drop });
    await kept();
    expect(said()).toContain(drop === 'before' ? 'comment  created' : 'comment  unchanged');
  });

  test.each(['before', 'middle', 'after'] as const)('a connection that breaks %s the list', async (drop) => {
    await kept();
    github.breakNext('ListComments', { drop });
    github.breakNext('Viewer', { drop });
    await plan({ runId: '43' });
    expect(ours()).toHaveLength(1);
    expect(ours()[0]).toContain('/runs/43)');
  });

  test('when no answer comes', async () => {
    github.breakNext('ListComments', { delay: 60_000 });
    const progress = { info: (line: string) => lines.push(line) };
    const comments = gitHubComments(place(), { clock, signal: cancel.signal, progress, requestMs: 200 });
    expect(await comments.keep({ marker, text: 'plan' })).toMatchObject({ kind: 'created' });
    expect(said()).toMatch(/did not answer \(.*timeout/);
  });

  test.each([1, 4])('not once the run is cancelled, in try %i', async (cancelledIn) => {
    github.onCall = () => {
      if (github.calls.length === cancelledIn)
        cancel.abort(new ActionError('Cancelled', 'the run was cancelled (SIGINT)'));
    };
    github.breakNext('ListComments', ...Array.from({ length: 4 }, () => ({ status: 502 })));
    await expect(plan()).rejects.toThrow('the run was cancelled');
    expect(github.calls).toHaveLength(cancelledIn);
  });
});
