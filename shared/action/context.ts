import { readFileSync, statSync } from 'node:fs';
import { field } from '../core/field.ts';

/** The pull request that a run is about. */
export interface PullRequest {
  readonly number: number;
  /** What it wants to merge comes from another repository than this one, or from one that is gone. */
  readonly isFork: boolean;
}

/** The run as GitHub describes it; empty texts where there is none (a plain shell). */
export interface RunContext {
  readonly repository: string;
  /** Numbers that stay when the repository or its owner is renamed; empty where nothing tells. */
  readonly repositoryId: string;
  readonly ownerId: string;
  readonly sha: string;
  readonly ref: string;
  readonly runId: string;
  readonly runAttempt: number;
  readonly runUrl: string;
  /** Where GitHub's REST API is; GitHub Enterprise has its own. */
  readonly apiUrl: string;
  /** Undefined where the run is about none, or where its event cannot be read. */
  readonly pullRequest: PullRequest | undefined;
  /** The same for whatever this step of this attempt asks for, and for no other; undefined where nothing tells (act calls every run 1). */
  readonly step: string | undefined;
  readonly workspace: string;
  /** Emptied by the runner after the job. */
  readonly tempDirectory: string;
}

/** From the variables that the runner sets: `@actions/github` reads the same ones, and brings all of GitHub's API with it. */
export function runContext(env: NodeJS.ProcessEnv): RunContext {
  const repository = env['GITHUB_REPOSITORY'] ?? '';
  const runId = numberIn(env['GITHUB_RUN_ID']);
  const runAttempt = numberIn(env['GITHUB_RUN_ATTEMPT']) || '1';
  const serverUrl = env['GITHUB_SERVER_URL'] ?? 'https://github.com';
  return {
    repository,
    repositoryId: env['GITHUB_REPOSITORY_ID'] ?? '',
    ownerId: env['GITHUB_REPOSITORY_OWNER_ID'] ?? '',
    sha: env['GITHUB_SHA'] ?? '',
    ref: env['GITHUB_REF'] ?? '',
    runId,
    runAttempt: Number(runAttempt),
    runUrl: repository === '' || runId === '' ? '' : `${serverUrl}/${repository}/actions/runs/${runId}`,
    apiUrl: env['GITHUB_API_URL'] || 'https://api.github.com',
    pullRequest: pullRequestOf(env, repository),
    step:
      runId === '' || env['ACT'] === 'true'
        ? undefined
        : [runId, runAttempt, env['GITHUB_JOB'], env['GITHUB_ACTION']].join('/'),
    workspace: env['GITHUB_WORKSPACE'] ?? process.cwd(),
    tempDirectory: env['RUNNER_TEMP'] ?? '/tmp',
  };
}

function numberIn(text = ''): string {
  return /^\d+$/.test(text) ? text : '';
}

/** GitHub delivers no event above 25 MB, and those of pull requests have some 30 kB: https://docs.github.com/en/webhooks/webhook-events-and-payloads */
const maxEventBytes = 4 * 1024 * 1024;

/** From the file that the runner keeps the event in. What is odd about it is no reason to fail: the run is then about no pull request. */
function pullRequestOf(env: NodeJS.ProcessEnv, repository: string): PullRequest | undefined {
  if (!['pull_request', 'pull_request_target'].includes(env['GITHUB_EVENT_NAME'] ?? '')) return undefined;
  const event = readJson(env['GITHUB_EVENT_PATH'] ?? '');
  const pullRequest = field(event, 'pull_request');
  const number = field(pullRequest, 'number');
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 1) return undefined;
  // The head's repository is null once a fork is deleted.
  const head = field(field(field(pullRequest, 'head'), 'repo'), 'full_name');
  return { number, isFork: head !== repository };
}

function readJson(path: string): unknown {
  try {
    const file = statSync(path);
    // A pipe would be waited for.
    if (!file.isFile() || file.size > maxEventBytes) return undefined;
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
