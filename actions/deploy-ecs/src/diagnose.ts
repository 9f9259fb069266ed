import type { ServiceEvent, TaskDefinitionRequest, TaskState } from '../../../shared/aws/ecs.ts';
import type { TargetState } from '../../../shared/aws/elbv2.ts';

/** What was gathered while it happened; stopped tasks are forgotten by AWS after about an hour. */
export interface Evidence {
  /** How it ended, in AWS's or our words. */
  readonly reason: string;
  readonly definition: TaskDefinitionRequest;
  /** Tasks of the deployment that died, newest first. */
  readonly failures: readonly TaskState[];
  /** Since the deployment began, newest first. */
  readonly events: readonly ServiceEvent[];
  readonly targets: readonly TargetState[];
  /** The last lines of the container that failed. */
  readonly log: { readonly container: string; readonly lines: readonly string[] } | undefined;
  /** Values that must not be quoted. */
  readonly sensitive: readonly string[];
}

export interface Diagnosis {
  readonly what: string;
  readonly evidence: readonly string[];
  readonly cause: string;
  readonly fix: string;
  readonly log: Evidence['log'];
}

interface Finding {
  readonly what: string;
  readonly cause: string;
  readonly fix: string;
}

export function diagnose(evidence: Evidence): Diagnosis {
  const hide = hider(evidence.sensitive);
  const { what, cause, fix } = find(evidence);
  return {
    what: hide(what),
    evidence: quoted(evidence).map(hide),
    cause,
    fix,
    log:
      evidence.log === undefined
        ? undefined
        : { container: evidence.log.container, lines: evidence.log.lines.map(hide) },
  };
}

/** One paragraph: what failed, the evidence, the likely cause, the fix. */
export function diagnosisText({ what, evidence, cause, fix, log }: Diagnosis): string {
  const lastLine = log?.lines.findLast((line) => line.trim() !== '');
  const said = [
    ...evidence,
    ...(lastLine === undefined ? [] : [`last log line of ${log?.container ?? ''}: ${lastLine}`]),
  ];
  return [
    sentence(what),
    ...(said.length === 0 ? [] : [`Evidence: ${sentence(said.join('; '))}`]),
    `Likely cause: ${sentence(cause)}`,
    `Fix: ${sentence(fix)}`,
  ].join(' ');
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function find(evidence: Evidence): Finding {
  const facts = factsOf(evidence);
  for (const rule of rules) {
    const match = rule.matches(facts);
    if (match !== undefined) return { what: match, cause: rule.cause, fix: rule.fix };
  }
  const task = evidence.failures[0];
  if (task !== undefined) {
    return {
      what: `Tasks stopped: ${task.stoppedReason || task.stopCode}`,
      cause: 'not one of the known patterns; AWS’s own reason is quoted above',
      fix: 'look at the events and at the log of the service',
    };
  }
  return {
    what: evidence.reason || 'The deployment did not complete',
    cause: 'AWS gave no failed task and no event that tells',
    fix: 'look at the service’s events, its target group and its log',
  };
}

interface Facts {
  readonly failures: readonly TaskState[];
  /** Stop and container reasons of the failed tasks. */
  readonly reasons: string;
  readonly events: string;
  readonly targets: readonly TargetState[];
  readonly log: string;
  readonly essential: ReadonlySet<string>;
}

function factsOf({ failures, events, targets, log, definition }: Evidence): Facts {
  return {
    failures,
    reasons: failures
      .flatMap(({ stoppedReason, containers }) => [stoppedReason, ...containers.map(({ reason }) => reason)])
      .join('\n'),
    events: events.map(({ message }) => message).join('\n'),
    targets: targets.filter(({ state }) => state !== 'healthy'),
    log: log?.lines.join('\n') ?? '',
    essential: new Set(
      (definition.containerDefinitions ?? []).flatMap(({ name = '', essential }) =>
        essential === false ? [] : [name],
      ),
    ),
  };
}

/** `matches` says what failed, in one sentence. */
interface Rule {
  readonly matches: (facts: Facts) => string | undefined;
  readonly cause: string;
  readonly fix: string;
}

const when = (matched: boolean, what: string): string | undefined => (matched ? what : undefined);
const pullFailed = (pattern: RegExp) => (facts: Facts) =>
  when(
    /CannotPull|pull image|failed to pull/i.test(facts.reasons) && pattern.test(facts.reasons),
    'The image could not be pulled',
  );
const secretsFailed = (pattern: RegExp) => (facts: Facts) =>
  when(
    /ResourceInitializationError/.test(facts.reasons) &&
      /secret|ssm|parameter/i.test(facts.reasons) &&
      pattern.test(facts.reasons),
    'A secret could not be fetched for the task',
  );
const unhealthy = (reason: string) => (facts: Facts) => {
  const target = facts.targets.find((item) => item.reason === reason);
  return target === undefined
    ? undefined
    : `The load balancer finds a task unhealthy (${target.reason}${target.description === '' ? '' : `: ${target.description}`})`;
};

/** Most telling first. Sources: the stopped-task error pages of AWS, https://docs.aws.amazon.com/AmazonECS/latest/userguide/stopped-task-error-codes.html */
const rules: readonly Rule[] = [
  {
    matches: pullFailed(/does not match the specified platform|matching (?:platform|manifest)|no match for platform/i),
    cause: 'the image was built for another processor architecture than the tasks run on',
    fix: 'build for the tasks’ platform (platforms: linux/amd64 or linux/arm64), or set runtimePlatform in the task definition',
  },
  {
    matches: pullFailed(/\b403\b|no basic auth|denied|not authorized|AccessDenied/i),
    cause: 'the task’s execution role may not read the repository, or the repository’s policy keeps this account out',
    fix: 'give the execution role ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer; for another account’s repository also a repository policy',
  },
  {
    matches: pullFailed(/not found|manifest unknown|does not exist|no such image|\b404\b/i),
    cause: 'the tag or digest does not exist in that repository, registry or region',
    fix: 'push the image first and pass its digest on (build-push-image’s output "image")',
  },
  {
    matches: pullFailed(/timeout|timed out|no such host|no route|connection refused|i\/o|deadline/i),
    cause: 'the tasks’ subnets cannot reach the registry',
    fix: 'route the subnets through a NAT gateway, or add the VPC endpoints ecr.api, ecr.dkr and the S3 gateway, or set assignPublicIp in a public subnet; let the security group out on 443',
  },
  {
    matches: pullFailed(/./),
    cause: 'the registry refused, see the evidence',
    fix: 'check the image’s name, the execution role and the subnets’ way to the registry',
  },
  {
    matches: secretsFailed(/AccessDenied|not authorized/i),
    cause: 'the execution role (not the task role) may not read it, or not use its KMS key',
    fix: 'give the execution role secretsmanager:GetSecretValue (or ssm:GetParameters) on that ARN, and kms:Decrypt for a key of your own',
  },
  {
    matches: secretsFailed(/ResourceNotFound|can.t find|not found|did not contain json key|invalid ?parameter/i),
    cause: 'there is no such secret, value or JSON key: a wrong or partial ARN, or a secret that has no value yet',
    fix: 'give the whole ARN (with its six random characters) and, after it, ":json-key::"; put a value in the secret',
  },
  {
    matches: secretsFailed(/timeout|timed out|i\/o|deadline/i),
    cause: 'the tasks’ subnets cannot reach Secrets Manager or SSM',
    fix: 'route the subnets through a NAT gateway, or add the VPC endpoint secretsmanager (or ssm)',
  },
  {
    matches: secretsFailed(/./),
    cause: 'see the evidence; most often the execution role or the ARN',
    fix: 'check the ARN in the task definition and the execution role’s permission for it',
  },
  {
    matches: ({ reasons }) =>
      when(
        /ResourceInitializationError/.test(reasons) && /logg(?:ing|er)|log group|log stream|cloudwatch/i.test(reasons),
        'The task’s log could not be set up',
      ),
    cause: 'the log group does not exist, or the execution role may not write to it',
    fix: 'create the log group; give the execution role logs:CreateLogStream and logs:PutLogEvents on it',
  },
  {
    matches: ({ reasons, events }) =>
      when(
        /unable to assume the (?:service linked )?role|unable to assume role/i.test(`${events}\n${reasons}`),
        'ECS could not assume a role of the task',
      ),
    cause: 'the role’s trust policy does not name ecs-tasks.amazonaws.com, or the role is gone',
    fix: 'let the principal ecs-tasks.amazonaws.com assume the task role and the execution role',
  },
  {
    matches: ({ reasons, log }) =>
      when(/exec format error/i.test(`${reasons}\n${log}`), 'The container’s program cannot run on this processor'),
    cause: 'the image was built for another processor architecture',
    fix: 'build for the tasks’ platform (platforms: linux/amd64 or linux/arm64), or set runtimePlatform in the task definition',
  },
  {
    matches: ({ reasons }) => when(/OutOfMemory/.test(reasons), 'A container was killed: out of memory'),
    cause: 'the process needs more than the memory limit of its container or task',
    fix: 'raise memory in the task definition, or make the process use less (fewer workers)',
  },
  {
    matches: ({ reasons, events }) =>
      when(
        /Capacity is unavailable|RESOURCE:|unable to place a task|no container instance|SpotInterruption/i.test(
          `${reasons}\n${events}`,
        ),
        'AWS could not place the tasks',
      ),
    cause: 'no capacity: in these availability zones, of Fargate Spot, or on the cluster’s instances',
    fix: 'give the service subnets in more zones, FARGATE beside FARGATE_SPOT, or larger or more instances',
  },
  {
    matches: ({ failures, essential }) => exitText(failures, essential),
    cause:
      'the program in the container ended by itself: an exception at the start, a missing variable or file, an unreachable database',
    fix: 'read the last log lines; compare the environment and secrets with the last good revision',
  },
  {
    matches: unhealthy('Target.ResponseCodeMismatch'),
    cause: 'the health check’s path answers with another status than the target group expects',
    fix: 'let the path answer 200 without sign-in or redirect, or correct path and matcher; check allowed hosts',
  },
  {
    matches: unhealthy('Target.FailedHealthChecks'),
    cause: 'nothing listens on the container’s port, or it is bound to 127.0.0.1 (a 502 for viewers)',
    fix: 'listen on 0.0.0.0 and on the port mapping’s containerPort',
  },
  {
    matches: unhealthy('Target.Timeout'),
    cause: 'the security group keeps the load balancer out, or the program answers too slowly',
    fix: 'let the load balancer’s security group in on the container port; raise the health check’s time-out or grace period',
  },
  {
    matches: ({ reasons, events }) =>
      when(
        /failed elb health checks/i.test(`${reasons}\n${events}`),
        'Tasks were stopped because they failed the load balancer’s health checks',
      ),
    cause: 'the program starts more slowly than healthCheckGracePeriodSeconds allows, or does not answer the check',
    fix: 'raise healthCheckGracePeriodSeconds above the start-up time; check port and path of the health check',
  },
  {
    matches: ({ failures, reasons }) =>
      when(
        /failed container health checks/i.test(reasons) ||
          failures.some(({ containers }) => containers.some(({ health }) => health === 'UNHEALTHY')),
        'A container’s own health check failed',
      ),
    cause:
      'the check’s command fails in the image (often: curl is not installed in it) or the program is not ready in time',
    fix: 'check with a program that the image has (python -c …, wget), and give startPeriod',
  },
];

function exitText(failures: readonly TaskState[], essential: ReadonlySet<string>): string | undefined {
  for (const { containers, stopCode } of failures) {
    const exited =
      containers.find(({ name, exitCode }) => essential.has(name) && exitCode !== undefined && exitCode !== 0) ??
      (stopCode === 'EssentialContainerExited' ? containers.find(({ exitCode }) => exitCode !== undefined) : undefined);
    if (exited !== undefined)
      return `The container ${exited.name} ended with exit code ${exited.exitCode ?? '?'}${signalText(exited.exitCode)}`;
  }
  return undefined;
}

function signalText(exitCode: number | undefined): string {
  if (exitCode === 137) return ' (killed: SIGKILL, as after stopTimeout)';
  return exitCode === 139 ? ' (segmentation fault)' : exitCode === 143 ? ' (SIGTERM)' : '';
}

/** What AWS said, at most a handful: how it ended, the newest failed task, the newest events, unhealthy targets. */
function quoted({ reason, failures, events, targets }: Evidence): readonly string[] {
  const [task] = failures;
  const said: string[] = [];
  if (reason !== '') said.push(reason);
  if (task !== undefined) {
    const id = task.arn.slice(task.arn.lastIndexOf('/') + 1);
    said.push(
      `${failures.length === 1 ? 'task' : `${failures.length} tasks failed, the last one, task`} ${id}: ${[task.stopCode, task.stoppedReason].filter((part) => part !== '').join(', ')}`,
    );
    for (const { name, exitCode, reason: why } of task.containers) {
      if (exitCode === undefined && why === '') continue;
      said.push(
        `container ${name}: ${exitCode === undefined ? 'no exit code' : `exit code ${exitCode}`}${why === '' ? '' : `, ${why}`}`,
      );
    }
  }
  for (const { id, port, state, reason: why } of targets.filter((target) => target.state !== 'healthy').slice(0, 2)) {
    said.push(`target ${id}${port === undefined ? '' : `:${port}`} ${state}${why === '' ? '' : ` ${why}`}`);
  }
  const telling = events.find(({ message }) => /unable|fail|unhealthy|error/i.test(message));
  if (telling !== undefined) said.push(telling.message);
  return said;
}

/** Hides known values, and passwords inside URLs. */
export function hider(sensitive: readonly string[]): (text: string) => string {
  return (text) => {
    const hidden = sensitive.reduce((left, value) => left.replaceAll(value, '***'), text);
    return hidden.replace(/(:\/\/[^/\s:@]*:)[^/\s@]+@/g, '$1***@');
  };
}
