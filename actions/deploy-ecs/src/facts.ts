import type {
  ContainerDefinition,
  ServiceEvent,
  ServiceState,
  TaskDefinitionRequest,
  TaskState,
} from '../../../shared/aws/ecs.ts';
import type { TargetState } from '../../../shared/aws/elbv2.ts';
import { lastPart, parseArn } from '../../../shared/core/arn.ts';
import type { HealthAnswer } from './health.ts';
import { hideEvents, hider } from '../../../shared/core/masking.ts';
import { mainContainer } from './task-definition.ts';

export interface ContainerLog {
  readonly container: string;
  /** The last ones, oldest first. */
  readonly lines: readonly string[];
}

/** What was gathered while it happened; stopped tasks are forgotten by AWS after about an hour. */
export interface Evidence {
  /** How it ended, in AWS's or our words. */
  readonly reason: string;
  readonly definition: TaskDefinitionRequest;
  readonly service: ServiceState | undefined;
  /** Tasks of the deployment that died, newest first. */
  readonly failures: readonly TaskState[];
  /** Since the deployment began, newest first. */
  readonly events: readonly ServiceEvent[];
  /** Targets that are or were not healthy. */
  readonly targets: readonly TargetState[];
  /** Of the containers that failed; after a failed health check of one that runs. */
  readonly logs: readonly ContainerLog[];
  /** What `health-check-url` answered, when that was asked. */
  readonly health: { readonly url: string; readonly answer: HealthAnswer } | undefined;
  /** Tasks of the deployment that had not started when the time was up. */
  readonly starting?: readonly TaskState[];
  /** How long was waited. */
  readonly limitMinutes?: number | undefined;
  /** What this deployment changes, by name. */
  readonly changes: readonly string[];
  /** What could not be read. */
  readonly missing: readonly string[];
  /** Values that must not be quoted. */
  readonly sensitive: readonly string[];
}

/** What failed, in a sentence without its end; why; what to do. `quote` is the log line that tells it. */
export interface Finding {
  readonly what: string;
  readonly cause: string;
  readonly fix: string;
  readonly quote?: string;
}

export interface Rule {
  readonly name: string;
  readonly find: (facts: Facts) => Finding | undefined;
}

/** The evidence, with what the rules ask of it again and again. */
export interface Facts extends Evidence {
  /** Stop and container reasons of the failed tasks, then the service's events: a line each. */
  readonly said: readonly string[];
  /** Tasks whose own end was the failure, not those that ECS stopped as they failed a health check. */
  readonly crashed: readonly TaskState[];
  /** From the target groups and from the events, which keep what target groups forget. */
  readonly unhealthy: readonly TargetState[];
  /** All lines of all logs. */
  readonly lines: readonly string[];
  /** The container that failed, else the main one. */
  readonly container: ContainerDefinition;
  readonly names: Names;
}

/** How this service's own things are called, ready for a sentence. */
export interface Names {
  readonly region: string;
  readonly executionRole: string;
  readonly taskRole: string;
  readonly subnets: string;
  readonly securityGroup: string;
  readonly targetGroup: string;
  readonly port: number | undefined;
  readonly image: string;
  readonly platform: string;
  readonly logGroup: string;
}

const healthStop = /failed (?:elb|container) health checks/i;

export function factsOf(evidence: Evidence): Facts {
  const { failures, events, targets, definition } = evidence;
  const hide = hider(evidence.sensitive);
  const logs = evidence.logs.map(({ container, lines }) => ({
    container,
    lines: hideEvents(hide, lines).flatMap(plainLines),
  }));
  const crashed = failures.filter(({ stoppedReason }) => !healthStop.test(stoppedReason));
  const container = failedContainer(crashed, definition);
  return {
    ...evidence,
    logs,
    said: [
      ...failures.flatMap(({ stoppedReason, containers }) => [
        stoppedReason,
        ...containers.map(({ reason }) => reason),
      ]),
      ...events.map(({ message }) => message),
    ].flatMap((text) => (text === '' ? [] : [text.slice(0, longest)])),
    crashed,
    unhealthy: [
      ...targets.filter(({ state }) => state !== 'healthy'),
      ...events.flatMap(({ message }) => targetOf(message) ?? []),
    ],
    lines: logs.flatMap(({ lines }) => lines),
    container,
    names: namesOf(evidence, container),
  };
}

/** Without colours and other control characters; one event of CloudWatch may hold several lines. */
function plainLines(event: string): readonly string[] {
  return event
    .slice(0, longest)
    .split(/\r\n|\n|\r/)
    .map((line) => line.replace(/\u001b\[[\d;]*[A-Za-z]/g, '').replace(/\p{Cc}+/gu, ' '));
}

/** Of what comes from outside more is never looked at: patterns take longer the longer a text is. */
const longest = 4_000;

/**
 * The essential container that ended the task, or kept it from starting. When one ends, ECS stops the others: what ended by itself is
 * looked for first, then what a signal ended.
 */
export function exitedContainer(
  { containers, stopCode }: TaskState,
  definition: TaskDefinitionRequest,
): TaskState['containers'][number] | undefined {
  const optional = new Set(
    (definition.containerDefinitions ?? []).flatMap(({ name = '', essential }) => (essential === false ? [name] : [])),
  );
  const essential = containers.filter(({ name }) => !optional.has(name));
  const ended = essential.filter(({ exitCode }) => exitCode !== undefined);
  const exited = stopCode === 'EssentialContainerExited';
  return (
    ended.find(({ exitCode = 0 }) => exitCode !== 0 && !bySignal.has(exitCode)) ??
    essential.find(({ exitCode, reason }) => reason !== '' && exitCode !== 0) ??
    (exited ? ended.find(({ exitCode }) => exitCode === 0) : undefined) ??
    ended.find(({ exitCode }) => exitCode !== 0)
  );
}

/** SIGKILL and SIGTERM, as ECS sends them. */
const bySignal: ReadonlySet<number> = new Set([137, 143]);

function failedContainer(crashed: readonly TaskState[], definition: TaskDefinitionRequest): ContainerDefinition {
  const containers = definition.containerDefinitions ?? [];
  const named = (wanted: string | undefined): ContainerDefinition | undefined =>
    containers.find(({ name }) => name === wanted);
  for (const task of crashed) {
    const found = named(exitedContainer(task, definition)?.name);
    if (found !== undefined) return found;
  }
  return named(mainContainer(definition)) ?? {};
}

/**
 * `(service api) (task 0a0a) (port 8000) is unhealthy in (target-group arn:…) due to (reason Health checks failed with these codes: [404])`,
 * with the words of https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
 */
function targetOf(message: string): TargetState | undefined {
  const match =
    /(?:\((?:task|instance) ([^)]+)\) )?(?:\(port (\d+)\) )?is unhealthy in .*due to \(reason (.*?)\)?\.?$/.exec(
      message,
    );
  if (match === null) return undefined;
  const [, id = '', port, description = ''] = match;
  const reason = targetReasons.find(([pattern]) => pattern.test(description))?.[1] ?? 'Target.FailedHealthChecks';
  return { id, port: port === undefined ? undefined : Number(port), state: 'unhealthy', reason, description };
}

const targetReasons: readonly (readonly [RegExp, string])[] = [
  [/with these codes/i, 'Target.ResponseCodeMismatch'],
  [/timed out/i, 'Target.Timeout'],
  [/availability zone|not configured to receive/i, 'Target.NotInUse'],
];

function namesOf({ definition, service, targets }: Evidence, container: ContainerDefinition): Names {
  const { subnets = [], securityGroups = [] } = service?.placement.network?.awsvpcConfiguration ?? {};
  const balancer =
    service?.loadBalancers.find((item) => item.container === container.name) ?? service?.loadBalancers[0];
  const options = container.logConfiguration?.options ?? {};
  const region = parseArn(service?.arn ?? '')?.region ?? options['awslogs-region'] ?? '<region>';
  return {
    region,
    executionRole: roleText('execution role', definition.executionRoleArn),
    taskRole: roleText('task role', definition.taskRoleArn),
    subnets: subnets.length === 0 ? 'the tasks’ subnets' : `the tasks’ subnets (${few(subnets)})`,
    securityGroup:
      securityGroups.length === 0 ? 'the tasks’ security group' : `the tasks’ security group ${few(securityGroups)}`,
    targetGroup:
      balancer === undefined ? 'the target group' : `the target group ${targetGroupName(balancer.targetGroup)}`,
    port: balancer?.port ?? container.portMappings?.[0]?.containerPort ?? targets[0]?.port,
    image: container.image ?? 'the image',
    platform: definition.runtimePlatform?.cpuArchitecture === 'ARM64' ? 'linux/arm64' : 'linux/amd64',
    logGroup: options['awslogs-group'] ?? 'named in logConfiguration',
  };
}

function roleText(kind: string, arn: string | undefined): string {
  return arn === undefined || arn === ''
    ? `the ${kind} (the task definition has none)`
    : `the ${kind} ${lastPart(arn)}`;
}

/** `arn:…:targetgroup/<name>/<id>` */
function targetGroupName(arn: string): string {
  return arn.split('/')[1] ?? arn;
}

export function few(items: readonly string[]): string {
  return items.length <= 3 ? items.join(', ') : `${items.slice(0, 3).join(', ')} and ${items.length - 3} more`;
}

/** Seconds from a task's start to the moment that ECS decided to stop it; undefined when it never started. */
export function livedSeconds({ startedAt, stoppingAt, stoppedAt }: TaskState): number | undefined {
  const end = stoppingAt ?? stoppedAt;
  if (startedAt === undefined || end === undefined) return undefined;
  return Math.max(0, Math.round((end.getTime() - startedAt.getTime()) / 1000));
}
