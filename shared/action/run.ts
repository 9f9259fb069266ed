import * as core from '@actions/core';
import { ActionError, InputError, messageOf } from '../core/errors.ts';
import { code, codeBlock, escapeMarkdown, table } from '../core/markdown.ts';
import { commandRunner, type CommandRunner } from './command.ts';
import { runContext, type RunContext } from './context.ts';
import { InputReader } from './input-reader.ts';
import { logProgress, neutralise, type Progress } from './progress.ts';

/** What an action may use of the outside world besides AWS. */
export interface ActionIo {
  readonly read: InputReader;
  readonly progress: Progress;
  readonly context: RunContext;
  readonly commands: CommandRunner;
  /** Aborted when the run is cancelled (SIGINT, then 7.5 s to SIGTERM). */
  readonly signal: AbortSignal;
  /** The job's OIDC token for an audience; throws an `ActionError` where the job may not have one. */
  readonly idToken: (audience: string) => Promise<string>;
  readonly mask: (secret: string) => void;
  /** Kept for the action's `post` step. */
  readonly state: { get(name: string): string; save(name: string, value: string): void };
}

/** What a run hands back. With `failure` the outputs and the summary are still written, then the step fails. */
export interface ActionReport {
  readonly outputs: Readonly<Record<string, string>>;
  /** Markdown for the job's summary page. */
  readonly summary: string;
  readonly failure?: ActionError | undefined;
}

export interface RunOptions {
  /** What else to put out when `main` throws, so that a later `if: always()` step finds a value. Not for bad inputs. */
  readonly onFailure?: (error: unknown) => Readonly<Record<string, string>>;
}

/** The one place that writes outputs and the summary, and that fails the step. */
export async function runAction(
  main: (io: ActionIo) => Promise<ActionReport>,
  { onFailure = () => ({}) }: RunOptions = {},
): Promise<void> {
  const cancelled = new AbortController();
  const stuck = Promise.withResolvers<never>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      cancelled.abort(new ActionError('Cancelled', `the run was cancelled (${signal})`));
      setTimeout(() => stuck.reject(new StuckError()), cancelPatience).unref();
    });
  }
  try {
    const work = main({
      read: new InputReader({
        get: (name) => core.getInput(name, { trimWhitespace: false }),
        env: process.env,
        mask: core.setSecret,
      }),
      progress: logProgress,
      context: runContext(process.env),
      commands: commandRunner,
      signal: cancelled.signal,
      idToken,
      mask: core.setSecret,
      state: { get: core.getState, save: core.saveState },
    });
    const report = await Promise.race([work, stuck.promise]);
    for (const [name, value] of Object.entries(report.outputs)) core.setOutput(name, value);
    await writeSummary(report.summary);
    if (report.failure !== undefined) fail(report.failure);
  } catch (error) {
    if (!(error instanceof InputError)) {
      // What `main` throws and we understand, it threw before it touched anything: later it reports its failures.
      const unchanged = error instanceof ActionError && !(error instanceof StuckError) ? { changed: 'false' } : {};
      for (const [name, value] of Object.entries({ ...unchanged, ...onFailure(error) })) core.setOutput(name, value);
    }
    await writeSummary(failureSummary(error));
    fail(error);
  }
  // What is still under way (a request without an answer) must not keep the process alive until the runner kills it.
  if (cancelled.signal.aborted) process.exit();
}

/** The runner sends SIGINT, SIGTERM 7.5 s later, and kills 2.5 s after that: time enough to say what is known. */
const cancelPatience = 6_000;

class StuckError extends ActionError {
  constructor() {
    super('Cancelled', 'the run was cancelled while a call was under way that did not end within 6 seconds', {
      hint: 'Whether that call took effect is not known: look at the service or run again.',
    });
  }
}

/** Runs clean-up in an action's `post` step: it warns, and never fails a job whose work is done. */
export async function runPost(
  cleanUp: (io: { readonly state: { get(name: string): string }; readonly progress: Progress }) => Promise<void>,
): Promise<void> {
  try {
    await cleanUp({ state: { get: core.getState }, progress: logProgress });
  } catch (error) {
    core.warning(`clean-up: ${messageOf(error)}`);
  }
}

function fail(error: unknown): void {
  process.exitCode = core.ExitCode.Failure;
  if (!(error instanceof ActionError)) {
    core.error(`This is a bug of the action, please report it: ${messageOf(error)}`);
    core.info(neutralise(error instanceof Error && error.stack !== undefined ? error.stack : ''));
    return;
  }
  core.error(error.message, { title: error.code, ...error.at });
  if (error.hint !== undefined) core.info(neutralise(`→ ${error.hint}`));
  for (const cause of causes(error)) core.info(neutralise(`  caused by ${cause}`));
}

function causes(error: Error): readonly string[] {
  const found: string[] = [];
  for (let cause = error.cause; cause instanceof Error && found.length < 5; cause = cause.cause) {
    if (!error.message.includes(cause.message)) found.push(`${cause.name}: ${cause.message}`);
  }
  return found;
}

/** The summary of a run that ended before it could report. */
export function failureSummary(error: unknown): string {
  if (error instanceof InputError) {
    const rows = error.problems.map(({ field, value, accepted }) => [
      code(field),
      value === undefined ? 'missing' : code(value.slice(0, 120)),
      escapeMarkdown(accepted),
    ]);
    return `### ❌ Inputs refused, nothing was touched\n\n${table(['Input', 'Given', 'Accepted'], rows)}`;
  }
  if (error instanceof ActionError) {
    const hint = error.hint === undefined ? '' : `\n\n**What to do:** ${escapeMarkdown(error.hint)}`;
    return `### ❌ ${escapeMarkdown(error.code)}\n\n${codeBlock(error.message)}${hint}`;
  }
  return `### ❌ The action itself broke\n\n${codeBlock(messageOf(error))}`;
}

async function writeSummary(markdown: string): Promise<void> {
  if (markdown === '' || (process.env['GITHUB_STEP_SUMMARY'] ?? '') === '') return;
  try {
    await core.summary.addRaw(markdown).addEOL().write();
  } catch (error) {
    // A summary over 1 MiB or a full disk must not hide what the run did.
    core.warning(`the job summary could not be written: ${messageOf(error)}`);
  }
}

async function idToken(audience: string): Promise<string> {
  if ((process.env['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? '') === '') {
    throw new ActionError('NoIdToken', 'role-to-assume needs the job’s OIDC token, and this job may not ask for one', {
      hint: 'Give the job "permissions: id-token: write", or leave role-to-assume empty to use the credentials of the environment.',
    });
  }
  try {
    return await core.getIDToken(audience);
  } catch (error) {
    throw new ActionError('NoIdToken', 'GitHub did not issue an OIDC token', { cause: error, fault: 'cloud' });
  }
}
