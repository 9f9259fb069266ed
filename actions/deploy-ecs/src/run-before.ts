import type { TaskState } from '../../../shared/aws/ecs.ts';
import type { LogStream } from '../../../shared/aws/logs.ts';
import { waitUntil } from '../../../shared/aws/wait.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { ActionError, DeploymentError, WaitTimeoutError } from '../../../shared/core/errors.ts';
import { sha256 } from '../../../shared/core/hash.ts';
import { lastPart } from '../../../shared/core/arn.ts';
import { clip, diagnose, diagnoseDenial, diagnosisText, type Diagnosis } from './diagnose.ts';
import { gatherEvidence, type EvidencePorts } from './evidence.ts';
import { hideEvents, hider, type Hide } from '../../../shared/core/masking.ts';
import type { Plan, RunBeforeStep } from './plan.ts';
import { logStreamOf, sensitiveValues } from './task-definition.ts';
import type { WatchPorts } from './watch.ts';

export interface RunBeforePorts extends WatchPorts, EvidencePorts {
  /** The same for a lost answer asked for again, another for every other step: AWS starts one task for it. */
  readonly tokenSeed: string;
}

/** `failure` with its diagnosis; the service is untouched either way. */
export interface RunBeforeResult {
  readonly detail: string;
  readonly failure?: { readonly error: ActionError; readonly diagnosis: Diagnosis | undefined };
}

interface RunBefore {
  readonly plan: Plan;
  readonly step: RunBeforeStep;
  readonly taskDefinition: string;
}

/** Runs the command as a one-off task; passes only if the named container ended with exit code 0. */
export async function runBefore(work: RunBefore, ports: RunBeforePorts): Promise<RunBeforeResult> {
  const { plan, step, taskDefinition } = work;
  const started = ports.clock.now();
  const { task, failures } = await ports.services.runTask({
    cluster: plan.cluster,
    taskDefinition,
    placement: plan.service.placement,
    container: step.container,
    command: step.command,
    clientToken: sha256(
      [ports.tokenSeed, plan.service.arn, taskDefinition, step.container, ...step.command].join('\0'),
    ),
    startedBy: 'slipway/run-before',
  });
  if (task === undefined) {
    const reason = failures.join('; ') || 'AWS started no task and gave no reason';
    return failed(`no task could be started for run-before: ${reason}`, undefined);
  }
  ports.progress.info(`run-before: task ${lastPart(task)}, container ${step.container}`);
  const watched = await watch({ ...work, task, log: new LogTail(work, task, ports) }, ports);
  const took = humanDuration(ports.clock.now() - started);
  switch (watched.kind) {
    case 'timed-out':
      return timedOut({ ...work, task }, watched, ports);
    case 'unwatched':
      return unwatched(task, watched.error);
    case 'ended': {
      const { end } = watched;
      const exitCode = exitCodeOf(step, end);
      const left = await stopWhatIsLeft({ ...work, task }, end, ports);
      if (exitCode === 0) return { detail: `exit code 0 after ${took}${left}` };
      const { stopCode, stoppedReason } = end;
      const reason =
        exitCode === undefined
          ? `run-before: the container ${step.container} has no exit code, so it never ended by itself: ${stopCode} ${stoppedReason}`
          : `run-before ended with exit code ${exitCode} after ${took}${left}`;
      // In this task, the named container is the one that counts.
      const definition = {
        ...plan.definition,
        containerDefinitions: plan.definition.containerDefinitions?.map((container) => ({
          ...container,
          essential: container.name === step.container,
        })),
      };
      const evidence = await gatherEvidence(
        { reason: '', definition, failures: [end], service: undefined, since: undefined, container: step.container },
        ports,
      );
      return failed(reason, diagnose(evidence));
    }
  }
}

function failed(reason: string, diagnosis: Diagnosis | undefined, hint?: string): RunBeforeResult {
  const text = diagnosis === undefined ? '' : `\n${diagnosisText(diagnosis)}`;
  const advice = hint ?? (diagnosis === undefined ? 'Mend the command or its container and run again.' : undefined);
  return {
    detail: reason,
    failure: {
      error: new DeploymentError('RunBeforeFailed', `${reason}. The service was not touched.${text}`, {
        ...(advice === undefined ? {} : { hint: advice }),
      }),
      diagnosis,
    },
  };
}

interface Started extends RunBefore {
  /** Its ARN. */
  readonly task: string;
}

type Watched =
  | { readonly kind: 'ended'; readonly end: TaskState }
  | { readonly kind: 'timed-out'; readonly last: TaskState | undefined; readonly lines: readonly string[] }
  /** It may no longer be looked at. */
  | { readonly kind: 'unwatched'; readonly error: ActionError };

function exitCodeOf({ container }: RunBeforeStep, task: TaskState): number | undefined {
  return task.containers.find(({ name }) => name === container)?.exitCode;
}

/** Until the named container has an exit code or the task has stopped. The log is printed as it comes. */
async function watch({ log, ...work }: Started & { readonly log: LogTail }, ports: RunBeforePorts): Promise<Watched> {
  const { plan, step, task } = work;
  const { clock, progress, services } = ports;
  let last: TaskState | undefined;
  try {
    const end = await waitUntil(
      async () => {
        ports.reads.spend();
        const [state] = await Promise.all([services.describeTasks(plan.cluster, [task]), log.print()]);
        last = state[0] ?? last;
        return state[0];
      },
      (state) =>
        state !== undefined && (state.lastStatus === 'STOPPED' || exitCodeOf(step, state) !== undefined)
          ? { kind: 'done', value: state }
          : { kind: 'pending', state: state?.lastStatus.toLowerCase() ?? 'not seen yet' },
      {
        clock,
        deadline: clock.now() + step.timeoutMinutes * 60_000,
        interval: (polls) => ports.reads.pause(polls),
        what: 'run-before',
        signal: ports.signal,
        onChange: (state) => progress.info(`run-before: ${state}`),
      },
    );
    await log.printRest();
    return { kind: 'ended', end };
  } catch (error) {
    if (ports.signal.aborted) throw await cancelled(error, work, ports);
    if (error instanceof WaitTimeoutError) {
      await log.print();
      return { kind: 'timed-out', last, lines: log.last };
    }
    if (error instanceof ActionError) return { kind: 'unwatched', error };
    throw error;
  }
}

/** Undefined when AWS took the order. A refusal must not hide what the task was to be stopped for. */
async function stop({ plan, task }: Started, reason: string, ports: RunBeforePorts): Promise<ActionError | undefined> {
  try {
    await ports.services.stopTask(plan.cluster, task, reason);
    return undefined;
  } catch (error) {
    if (error instanceof ActionError) return error;
    throw error;
  }
}

function notStopped(task: string, { message }: ActionError): string {
  return `its task could not be stopped and STILL RUNS: ${task} (${message})`;
}

async function cancelled(error: unknown, work: Started, ports: RunBeforePorts): Promise<unknown> {
  const refusal = await stop(work, 'the run was cancelled', ports);
  if (!(error instanceof ActionError)) return error;
  const became = refusal === undefined ? 'its task was stopped' : notStopped(work.task, refusal);
  return new DeploymentError(
    error.code,
    `${error.message} during run-before; ${became}. The service was not touched.`,
    {
      cause: error,
      fault: 'user',
      ...(refusal?.hint === undefined ? {} : { hint: refusal.hint }),
    },
  );
}

/**
 * ECS itself stops a task whose essential container ended; other containers may go on for ever. In words for the result: how
 * that went, when it did not go well.
 */
async function stopWhatIsLeft(work: Started, { lastStatus }: TaskState, ports: RunBeforePorts): Promise<string> {
  const container = work.plan.definition.containerDefinitions?.find(({ name }) => name === work.step.container);
  if (container?.essential !== false) return '';
  if (['DEACTIVATING', 'STOPPING', 'DEPROVISIONING', 'STOPPED', 'DELETED'].includes(lastStatus)) return '';
  const refusal = await stop(work, 'run-before has ended', ports);
  if (refusal === undefined) return '';
  const left = `other containers go on, ${notStopped(work.task, refusal)}`;
  ports.progress.warn(`run-before: ${left}. ${refusal.hint ?? ''}`.trim());
  return `; ${left}`;
}

async function timedOut(
  work: Started,
  { last, lines }: Extract<Watched, { kind: 'timed-out' }>,
  ports: RunBeforePorts,
): Promise<RunBeforeResult> {
  const { step, task, plan } = work;
  const limit = `${step.timeoutMinutes} ${step.timeoutMinutes === 1 ? 'minute' : 'minutes'}`;
  const what = `run-before did not end within ${limit}`;
  const refusal = await stop(work, 'run-before-timeout-minutes has passed', ports);
  const became = refusal === undefined ? 'its task was stopped' : notStopped(task, refusal);
  const ran = last?.startedAt !== undefined || last?.lastStatus === 'RUNNING';
  const hide = hider(sensitiveValues(plan.definition));
  const raise = `raise run-before-timeout-minutes (now ${step.timeoutMinutes})`;
  const { group, stream } = logStreamOf(plan.definition, step.container, task) ?? {};
  const look = group === undefined ? '' : `; its log is ${stream ?? ''} of the log group ${group}`;
  return failed(
    `${what}; ${became}`,
    {
      what,
      evidence: [
        `task ${lastPart(task)}: ${last === undefined ? 'never seen' : `last status ${last.lastStatus}`}`,
        ...(ran && lines.length === 0 ? [`no log line of ${step.container} was read`] : []),
        became,
      ],
      cause: ran
        ? 'the command takes longer than that, or waits for something: a lock that another session holds, a database that does not answer, an input'
        : 'the task never got to run its command: no capacity, or an image that is slow to pull',
      fix: ran
        ? `If the last log lines show that it was getting on, ${raise}; otherwise find what it waits for${look}`
        : `Look at the task in the ECS console; if it only needs more time, ${raise}, or make the image smaller`,
      logs:
        lines.length === 0 ? [] : [{ container: step.container, lines: lines.map((line) => clip(hide(line), 400)) }],
    },
    refusal?.hint,
  );
}

function unwatched(task: string, error: ActionError): RunBeforeResult {
  const denial = diagnoseDenial(error);
  const what = 'run-before was started and can no longer be watched; its task STILL RUNS';
  return failed(
    `${what}: ${task}: ${error.message}`,
    {
      cause: 'AWS refused to tell how the task is',
      fix: error.hint ?? 'Look at the task in the ECS console and wait for its end before this is run again',
      ...denial,
      what: `${what}: ${task}`,
      evidence: [...(denial === undefined ? [error.message] : [denial.what, ...denial.evidence])],
      logs: [],
    },
    `Wait for the end of that task, or stop it, before this is run again. ${error.hint ?? ''}`.trim(),
  );
}

/** Prints what a container logs, each line once. A log that cannot be read fails nothing. */
class LogTail {
  readonly #stream: LogStream | undefined;
  readonly #ports: RunBeforePorts;
  readonly #hide: Hide;
  #token: string | undefined;
  #lines = 0;
  #last: readonly string[] = [];

  constructor({ plan: { definition }, step }: RunBefore, task: string, ports: RunBeforePorts) {
    this.#stream = logStreamOf(definition, step.container, task);
    this.#hide = hider(sensitiveValues(definition));
    this.#ports = ports;
  }

  /** The last lines that were printed, oldest first. */
  get last(): readonly string[] {
    return this.#last;
  }

  async print(): Promise<number> {
    if (this.#stream === undefined) return 0;
    try {
      const { lines, next } = await this.#ports.logs.read(this.#stream, this.#token);
      this.#token = next;
      this.#lines += lines.length;
      this.#last = [...this.#last, ...lines].slice(-20);
      for (const line of hideEvents(this.#hide, lines)) this.#ports.progress.info(`  │ ${line}`);
      return lines.length;
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      return 0;
    }
  }

  /** The last lines arrive a little after the end. */
  async printRest(): Promise<void> {
    for (const pause of [0, 300, 1_000]) {
      await this.#ports.clock.sleep(pause);
      const printed = await this.print();
      if (printed === 0 && this.#lines > 0) return;
    }
  }
}
