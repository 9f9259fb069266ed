import type { TaskState } from '../../../shared/aws/ecs.ts';
import type { LogStream } from '../../../shared/aws/logs.ts';
import { waitUntil } from '../../../shared/aws/wait.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { ActionError, DeploymentError, WaitTimeoutError } from '../../../shared/core/errors.ts';
import { sha256 } from '../../../shared/core/hash.ts';
import { diagnose, diagnosisText, type Diagnosis } from './diagnose.ts';
import { gatherEvidence, type EvidencePorts } from './evidence.ts';
import { hider } from './masking.ts';
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
  ports.progress.info(`run-before: task ${task.slice(task.lastIndexOf('/') + 1)}, container ${step.container}`);
  const end = await awaitTask(work, task, ports);
  const took = humanDuration(ports.clock.now() - started);
  if (end === undefined) {
    await ports.services.stopTask(plan.cluster, task, 'run-before-timeout-minutes has passed');
    return failed(`run-before did not end within ${step.timeoutMinutes} minutes; its task was stopped`, undefined);
  }
  const exitCode = end.containers.find(({ name }) => name === step.container)?.exitCode;
  if (exitCode === 0) return { detail: `exit code 0 after ${took}` };
  const { stopCode, stoppedReason } = end;
  const reason =
    exitCode === undefined
      ? `run-before: the container ${step.container} has no exit code, so it never ended by itself: ${stopCode} ${stoppedReason}`
      : `run-before ended with exit code ${exitCode} after ${took}`;
  const { definition } = plan;
  const evidence = await gatherEvidence(
    { reason: '', definition, failures: [end], service: undefined, since: undefined, container: step.container },
    ports,
  );
  return failed(reason, diagnose(evidence));
}

function failed(reason: string, diagnosis: Diagnosis | undefined): RunBeforeResult {
  const text = diagnosis === undefined ? '' : `\n${diagnosisText(diagnosis)}`;
  return {
    detail: reason,
    failure: {
      error: new DeploymentError('RunBeforeFailed', `${reason}. The service was not touched.${text}`, {
        ...(diagnosis === undefined ? { hint: 'Mend the command or its container and run again.' } : {}),
      }),
      diagnosis,
    },
  };
}

/** Undefined when the time was up. The log is printed as it comes. */
async function awaitTask(work: RunBefore, task: string, ports: RunBeforePorts): Promise<TaskState | undefined> {
  const { plan, step } = work;
  const { clock, progress, services } = ports;
  const log = new LogTail(work, task, ports);
  try {
    const end = await waitUntil(
      async () => {
        ports.reads.spend();
        const [state] = await Promise.all([
          services.describeTasks(plan.cluster, [task]),
          ports.reads.mayGoAside(1) ? log.print() : 0,
        ]);
        return state[0];
      },
      (state) =>
        state?.lastStatus === 'STOPPED'
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
    return end;
  } catch (error) {
    if (error instanceof WaitTimeoutError) return undefined;
    if (ports.signal.aborted) await services.stopTask(plan.cluster, task, 'the run was cancelled');
    throw error;
  }
}

/** Prints what a container logs, each line once. A log that cannot be read fails nothing. */
class LogTail {
  readonly #stream: LogStream | undefined;
  readonly #ports: RunBeforePorts;
  readonly #hide: (text: string) => string;
  #token: string | undefined;
  #lines = 0;

  constructor({ plan: { definition }, step }: RunBefore, task: string, ports: RunBeforePorts) {
    this.#stream = logStreamOf(definition, step.container, task);
    this.#hide = hider(sensitiveValues(definition));
    this.#ports = ports;
  }

  async print(): Promise<number> {
    if (this.#stream === undefined) return 0;
    try {
      this.#ports.reads.spend();
      const { lines, next } = await this.#ports.logs.read(this.#stream, this.#token);
      this.#token = next;
      this.#lines += lines.length;
      for (const line of lines) this.#ports.progress.info(`  │ ${this.#hide(line)}`);
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
