import { context } from '@actions/github';

/** The run as GitHub describes it; empty texts where there is none (a plain shell). */
export interface RunContext {
  readonly repository: string;
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

export function runContext(env: NodeJS.ProcessEnv): RunContext {
  const repository = env['GITHUB_REPOSITORY'] ?? '';
  const runId = Number.isNaN(context.runId) ? '' : String(context.runId);
  return {
    repository,
    sha: context.sha ?? '',
    ref: context.ref ?? '',
    runId,
    runAttempt: Number.isNaN(context.runAttempt) ? 1 : context.runAttempt,
    runUrl: repository === '' || runId === '' ? '' : `${context.serverUrl}/${repository}/actions/runs/${runId}`,
    step:
      runId === '' || env['ACT'] === 'true'
        ? undefined
        : [runId, context.runAttempt, env['GITHUB_JOB'], env['GITHUB_ACTION']].join('/'),
    workspace: env['GITHUB_WORKSPACE'] ?? process.cwd(),
    tempDirectory: env['RUNNER_TEMP'] ?? '/tmp',
  };
}
