import type {
  EcsServices,
  ServiceRef,
  ServiceState,
  TaskDefinitionRequest,
  TaskState,
} from '../../../shared/aws/ecs.ts';
import type { LoadBalancers, TargetState } from '../../../shared/aws/elbv2.ts';
import type { LogReader } from '../../../shared/aws/logs.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import type { ContainerLog, Evidence } from './facts.ts';
import type { ReadBudget } from './read-budget.ts';
import { logStreamOf, mainContainer, sensitiveValues } from './task-definition.ts';

export interface EvidencePorts {
  readonly services: EcsServices;
  readonly logs: LogReader;
  readonly balancers: LoadBalancers;
  readonly clock: Clock;
  readonly reads: ReadBudget;
}

export interface Scene {
  readonly reason: string;
  readonly definition: TaskDefinitionRequest;
  readonly failures: readonly TaskState[];
  readonly service: ServiceState | undefined;
  readonly since: Date | undefined;
  /** Whose log is wanted; by default those of the containers that failed. */
  readonly container?: string;
  /** Targets as they were while it happened. */
  readonly targets?: readonly TargetState[];
  readonly health?: Evidence['health'];
  readonly changes?: readonly string[];
  /** How long was waited for the end. */
  readonly limitMinutes?: number;
  /** Whose running tasks to read the log of when none failed. */
  readonly running?: { readonly ref: ServiceRef; readonly taskDefinition: string } | undefined;
}

const logLines = 20;
const logsOf = 2;

/** Gathers what explains a failure. What cannot be read is left out and named: it must not hide the failure itself. */
export async function gatherEvidence(scene: Scene, ports: EvidencePorts): Promise<Evidence> {
  const { reason, definition, failures, service, since, health, changes = [], limitMinutes } = scene;
  const reader = new Reader(ports.reads);
  const [{ logs, starting }, targets] = await Promise.all([
    lastLogs(scene, ports, reader),
    allTargets(scene, ports, reader),
  ]);
  const events = (service?.events ?? []).filter(({ at }) => since === undefined || at === undefined || at >= since);
  const sensitive = sensitiveValues(definition);
  const missing = reader.missing.toSorted();
  const seen = { reason, definition, service, failures, starting, events, targets, logs, health, missing };
  return { ...seen, changes, limitMinutes, sensitive };
}

/** Reads that inform and never decide. */
class Reader {
  readonly missing: string[] = [];
  readonly #reads: EvidencePorts['reads'];

  constructor(reads: EvidencePorts['reads']) {
    this.#reads = reads;
  }

  async orElse<T>(what: string, fallback: T, read: () => Promise<T>): Promise<T> {
    try {
      this.#reads.spend();
      return await read();
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      const said = `${what} (${error.code})`;
      if (!this.missing.includes(said)) this.missing.push(said);
      return fallback;
    }
  }
}

interface Wanted {
  readonly task: TaskState;
  readonly container: string;
}

async function lastLogs(
  scene: Scene,
  ports: EvidencePorts,
  reader: Reader,
): Promise<{ readonly logs: readonly ContainerLog[]; readonly starting: readonly TaskState[] }> {
  const alive = scene.failures.length > 0 ? [] : await runningTasks(scene, ports, reader);
  const newest = alive
    .filter(({ startedAt }) => startedAt !== undefined)
    .toSorted((a, b) => (b.startedAt?.getTime() ?? 0) - (a.startedAt?.getTime() ?? 0))
    .slice(0, 1);
  const wanted =
    scene.failures.length > 0
      ? failedContainers(scene)
      : newest.map((task) => ({ task, container: mainContainer(scene.definition) }));
  const found = await Promise.all(wanted.map((item) => lastLog(item, { scene, ports, reader })));
  return {
    logs: found.filter(({ lines }) => lines.length > 0),
    starting: alive.filter(({ startedAt }) => startedAt === undefined),
  };
}

/** The containers that ended badly, newest first and each once; of a task that ECS stopped, the main one. */
function failedContainers({ container, definition, failures }: Scene): readonly Wanted[] {
  const found = new Map<string, Wanted>();
  for (const task of failures) {
    // What never started has no log.
    if (task.stopCode === 'TaskFailedToStart' && task.containers.every(({ exitCode }) => exitCode === undefined))
      continue;
    const failed = task.containers.filter(({ exitCode }) => exitCode !== undefined && exitCode !== 0);
    const names = failed.length === 0 ? [mainContainer(definition)] : failed.map(({ name }) => name);
    for (const name of container === undefined ? names : [container]) {
      if (!found.has(name)) found.set(name, { task, container: name });
    }
  }
  return [...found.values()].slice(0, logsOf);
}

async function runningTasks(
  { running, definition }: Scene,
  { services }: EvidencePorts,
  reader: Reader,
): Promise<readonly TaskState[]> {
  if (running === undefined || mainContainer(definition) === '') return [];
  const { ref, taskDefinition } = running;
  return reader.orElse('running tasks', [], async () => {
    const tasks = await services.describeTasks(ref.cluster, await services.runningTasks(ref));
    return tasks.filter((task) => task.taskDefinition === taskDefinition);
  });
}

async function lastLog(
  { task, container }: Wanted,
  { scene, ports, reader }: { readonly scene: Scene; readonly ports: EvidencePorts; readonly reader: Reader },
): Promise<ContainerLog> {
  const stream = logStreamOf(scene.definition, container, task.arn);
  if (stream === undefined) {
    reader.missing.push(`the log of ${container} (not awslogs with a stream prefix)`);
    return { container, lines: [] };
  }
  // CloudWatch shows a line some seconds after it was written.
  for (const pause of [2_000, 0]) {
    const lines = await reader.orElse(`the log of ${container}`, [], () => ports.logs.tail(stream, logLines));
    if (lines.length > 0) return { container, lines };
    if (reader.missing.length > 0) break;
    if (pause > 0) await ports.clock.sleep(pause);
  }
  return { container, lines: [] };
}

/** As seen while it happened, until the end: after a rollback they are gone. Who saw none may have looked too early. */
async function allTargets(
  { service, targets = [] }: Scene,
  { balancers }: EvidencePorts,
  reader: Reader,
): Promise<readonly TargetState[]> {
  if (targets.length > 0) return targets.filter(({ state }) => state !== 'healthy');
  const groups = await Promise.all(
    (service?.loadBalancers ?? []).map(({ targetGroup }) =>
      reader.orElse<readonly TargetState[]>('target health', [], () => balancers.targetHealth(targetGroup)),
    ),
  );
  return groups.flat().filter(({ state }) => state !== 'healthy');
}
