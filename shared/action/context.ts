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
