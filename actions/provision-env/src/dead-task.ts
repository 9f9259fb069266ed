import type { EcsServices, ServiceRef, TaskState } from '../../../shared/aws/ecs.ts';
import type { LogReader } from '../../../shared/aws/logs.ts';
import { lastPart, parseArn } from '../../../shared/core/arn.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { hideEvents, hider } from '../../../shared/core/masking.ts';
import { clip } from './diagnose.ts';

/** Why tasks of a service died since then (milliseconds), with what the last one logged; undefined when none did. Never throws for AWS. */
export type DeadTasks = (service: ServiceRef, since: number) => Promise<string | undefined>;

export interface DeadTaskPorts {
  readonly services: Pick<EcsServices, 'stoppedTasks' | 'describeTasks' | 'describeTaskDefinition'>;
  readonly logs: Pick<LogReader, 'tail'>;
}

const logLines = 10;

/** Reads what ECS still knows: it forgets a stopped task after about an hour, and a removed service's at once. */
export function deadTaskReader({ services, logs }: DeadTaskPorts): DeadTasks {
  return async (service, since) => {
    try {
      const tasks = await services.describeTasks(service.cluster, await services.stoppedTasks(service));
      const dead = tasks
        .filter((task) => endOf(task) >= since)
        .filter(({ stoppedReason }) => !/^Scaling activity/i.test(stoppedReason))
        .toSorted((a, b) => endOf(b) - endOf(a));
      const [last] = dead;
      return last === undefined ? undefined : `${described(last, dead.length)}${await lastLines(last)}`;
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      return `Why its tasks died could not be read (${error.code}).`;
    }
  };

  async function lastLines(task: TaskState): Promise<string> {
    const container = guilty(task);
    if (container === undefined || task.stopCode === 'TaskFailedToStart') return '';
    try {
      const definition = await services.describeTaskDefinition(task.taskDefinition);
      const stream = logStream(definition?.described, container, lastPart(task.arn));
      if (stream === undefined) return '';
      const lines = hideEvents(hider([]), await logs.tail(stream, logLines));
      if (lines.length === 0) return ` Its log ${stream.group} ${stream.stream} is empty.`;
      return `\nLast log lines of ${container}:${lines.map((line) => `\n  │ ${shown(line)}`).join('')}`;
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      return ` Its log could not be read (${error.code}).`;
    }
  }
}

/** `arn:…:service/<cluster>/<service>` */
export function serviceOfArn(arn: string): ServiceRef | undefined {
  const [kind, cluster, service] = parseArn(arn)?.resource.split('/') ?? [];
  return kind !== 'service' || cluster === undefined || service === undefined ? undefined : { cluster, service };
}

function endOf({ stoppedAt, stoppingAt }: TaskState): number {
  return (stoppedAt ?? stoppingAt)?.getTime() ?? 0;
}

function described(task: TaskState, count: number): string {
  const containers = task.containers
    .filter(({ exitCode, reason }) => (exitCode !== undefined && exitCode !== 0) || reason !== '')
    .map(({ name, exitCode, reason }) =>
      [`container ${name}`, exitCode === undefined ? '' : `exit code ${exitCode}`, reason]
        .filter((part) => part !== '')
        .join(', '),
    );
  const which = count === 1 ? 'A task died' : `${count} tasks died, the last one`;
  const why = [task.stopCode, task.stoppedReason].filter((part) => part !== '').join(', ');
  return `${which} (${lastPart(task.arn)}): ${[why, ...containers].join('; ')}.`;
}

/** The container whose log is worth reading. */
function guilty({ containers }: TaskState): string | undefined {
  return (containers.find(({ exitCode }) => exitCode !== undefined && exitCode !== 0) ?? containers[0])?.name;
}

/** Where a container with the awslogs driver logs to. */
function logStream(
  definition: object | undefined,
  container: string,
  task: string,
): { readonly group: string; readonly stream: string; readonly region: string | undefined } | undefined {
  const containers = field(definition, 'containerDefinitions');
  if (!Array.isArray(containers)) return undefined;
  const own: unknown = containers.find((item) => field(item, 'name') === container);
  const options = field(field(own, 'logConfiguration'), 'options');
  const group = field(options, 'awslogs-group');
  const prefix = field(options, 'awslogs-stream-prefix');
  const region = field(options, 'awslogs-region');
  if (typeof group !== 'string' || typeof prefix !== 'string') return undefined;
  return {
    group,
    stream: `${prefix}/${container}/${task}`,
    region: typeof region === 'string' ? region : undefined,
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

function shown(line: string): string {
  return clip(line.replace(/\p{Cc}+/gu, ' ').trimEnd(), 200);
}
