import type { TaskState } from '../../../shared/aws/ecs.ts';
import type { TargetState } from '../../../shared/aws/elbv2.ts';
import { explainDenial, parseDenial } from '../../../shared/core/iam-denial.ts';
import { lastPart } from '../../../shared/core/arn.ts';
import { exitedContainer, few, livedSeconds, type Facts, type Finding, type Rule } from './facts.ts';
import { listensAt, memoryText, misplaced, readLog } from './log-rules.ts';
import { logStreamOf } from './task-definition.ts';
import { primaryOf } from './verdict.ts';

const noWay =
  /timed? ?out|no such host|no route to host|network is unreachable|connection (?:refused|issue|reset)|request canceled|context (?:canceled|deadline)|deadline exceeded|network configuration|signal: killed|could not connect/i;
const refused = /\b40[13]\b|no basic auth|access ?denied|\bdenied\b|not authorized|unauthorized|permissions to pull/i;

/** The first line that fits all the patterns. */
function line({ said }: Facts, ...patterns: readonly RegExp[]): string | undefined {
  return said.find((text) => patterns.every((pattern) => pattern.test(text)));
}

/** What to do when the tasks cannot reach an AWS service; `endpoints` are the VPC endpoints that would do. */
function networkFix({ names, service }: Facts, endpoints: readonly string[]): string {
  const isPublic = service?.placement.network?.awsvpcConfiguration?.assignPublicIp === 'ENABLED';
  const wanted = endpoints.map((name) => `com.amazonaws.${names.region}.${name}`).join(', ');
  const way = isPublic
    ? `Give ${names.subnets} a route to an internet gateway (assignPublicIp is ENABLED)`
    : `Give ${names.subnets} a route to a NAT gateway, or the VPC endpoints ${wanted}, or set assignPublicIp: ENABLED in public subnets`;
  return `${way}; let ${names.securityGroup} out on port 443`;
}

/** Who lacks what: from AWS's own words where they tell it, else in general. */
function permission(text: string, otherwise: Omit<Finding, 'what'>, holder: string): Omit<Finding, 'what'> {
  const denial = parseDenial(text);
  if (denial === undefined) return otherwise;
  return explainDenial(denial, denial.principal === undefined ? { holder } : {});
}

/* Images. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html */

const pulling = /CannotPull|(?:can.?t|cannot|failed to) pull (?!registry auth|secret)|pull (?:image|access)|ref pull/i;

const pull = (name: string, pattern: RegExp, explain: (text: string, facts: Facts) => Omit<Finding, 'what'>): Rule => ({
  name,
  find: (facts) => {
    const text = facts.said.find(
      (item) => pulling.test(item) && !/ResourceInitializationError/.test(item) && pattern.test(item),
    );
    return text === undefined
      ? undefined
      : { what: `The image ${pulledImage(text, facts)} could not be pulled`, ...explain(text, facts) };
  },
});

function pulledImage(text: string, { failures, definition, names }: Facts): string {
  const images = (definition.containerDefinitions ?? []).map(({ name, image = '' }) => ({ name, image }));
  const inText = images.find(({ image }) => image !== '' && text.includes(image.replace(/@sha256:.*$/, '')));
  const failed = failures
    .flatMap(({ containers }) => containers)
    .find(({ reason }) => reason !== '' && reason === text);
  return inText?.image ?? images.find(({ name }) => name === failed?.name)?.image ?? names.image;
}

const imageRules: readonly Rule[] = [
  pull('pull-rate-limit', /toomanyrequests|too many requests|pull rate limit|\b429\b/i, (text, facts) => ({
    cause:
      'Docker Hub limits how often images are pulled without signing in, for all that share the NAT gateway’s address',
    fix: `Keep ${pulledImage(text, facts)} in ECR (build-push-image, or a pull-through cache rule), or give repositoryCredentials`,
  })),
  pull(
    'pull-platform',
    /matching platform|does not match the specified platform|no match(?:ing)? (?:for platform|manifest)/i,
    (_, { names }) => ({
      cause: `the image was built for another processor than the tasks’ (${names.platform})`,
      fix: `Build for the tasks’ platform (platforms: ${names.platform}), or set runtimePlatform.cpuArchitecture to what the image was built for`,
    }),
  ),
  pull('pull-no-space', /no space left on device/i, () => ({
    cause: 'the image does not fit on the task’s or instance’s disk',
    fix: 'Raise ephemeralStorage.sizeInGiB in the task definition (Fargate), free the instance’s disk (EC2), or make the image smaller',
  })),
  pull('pull-network', noWay, (_, facts) => ({
    cause: `${facts.names.subnets} have no way to the registry`,
    fix: networkFix(facts, ['ecr.api', 'ecr.dkr', 's3 (gateway)']),
  })),
  pull(
    'pull-not-found',
    /(?<!repository )\bnot found|manifest unknown|whether the image exists|RepositoryNotFound|no such image|\b404\b/i,
    (text, facts) => ({
      cause:
        'there is no such tag or digest in that repository, registry or region; a moved or expired tag takes its digest with it',
      fix: `Push ${pulledImage(text, facts)} first and pass its digest on (build-push-image’s output image)`,
    }),
  ),
  pull('pull-denied', refused, (text, { names }) =>
    permission(
      text,
      {
        cause: `${names.executionRole} may not read the repository, or the repository’s policy keeps this account out`,
        fix: `Give ${names.executionRole} ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer; another account’s repository needs a policy that lets it in`,
      },
      names.executionRole,
    ),
  ),
  pull('pull-otherwise', /./, (_, facts) => ({
    cause: 'the registry did not hand the image over, for the reason quoted',
    fix: `Check the image’s name, ${facts.names.executionRole} and the way from ${facts.names.subnets} to the registry`,
  })),
];

/* Before the containers. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html */

const init = (
  name: string,
  [what, ...patterns]: readonly [string, ...RegExp[]],
  explain: (text: string, facts: Facts) => Omit<Finding, 'what'>,
): Rule => ({
  name,
  find: (facts) => {
    const text = facts.said.find((item) => {
      if (!/ResourceInitializationError/.test(item)) return false;
      // Every failure of the kind begins so, whatever it was that failed.
      const special = item.replace(/unable to pull secrets or registry auth:?/i, '');
      return patterns.every((pattern) => pattern.test(special));
    });
    return text === undefined
      ? undefined
      : { what: what.replace('{secret}', secretIn(text, facts)), ...explain(text, facts) };
  },
});

const secret = 'The secret {secret} could not be fetched for the task';
const aboutSecret = /secret|\basm\b|\bssm\b|parameter/i;
const aboutLogs = /logger|logging driver|log group|log stream|cloudwatch/i;
const aboutAuth = /registry auth|\becr\b/i;
const logs = 'The task’s log could not be set up';

/** By its variable and ARN, as far as AWS's text and the task definition tell. */
function secretIn(text: string, { definition }: Facts): string {
  const arn = arnIn(text);
  const all = (definition.containerDefinitions ?? []).flatMap(({ name = '', secrets = [] }) =>
    secrets.map(({ name: variable = '', valueFrom = '' }) => ({ variable: `${name}.${variable}`, valueFrom })),
  );
  const key = /json key (\S+)/.exec(text)?.[1];
  const found =
    all.find(({ valueFrom }) => arn !== undefined && (valueFrom.startsWith(arn) || arn.startsWith(valueFrom))) ??
    all.find(({ valueFrom }) => key !== undefined && valueFrom.includes(`:${key}:`)) ??
    (all.length === 1 ? all[0] : undefined);
  if (found !== undefined) return `of ${found.variable} (${found.valueFrom})`;
  return arn ?? `of ${all.length === 0 ? 'the task definition' : few(all.map(({ variable }) => variable))}`;
}

function arnIn(text: string): string | undefined {
  return /arn:aws[\w-]*:(?:secretsmanager|ssm):[^\s"',]+/.exec(text)?.[0]?.replace(/[.:;]+$/, '');
}

const startRules: readonly Rule[] = [
  {
    name: 'role-not-assumable',
    find: (facts) => {
      const text = line(facts, /unable to assume (?:the )?(?:service linked )?role/i);
      if (text === undefined) return undefined;
      const role = /role ['"]?(arn:[^\s'")]+)/.exec(text)?.[1];
      return {
        what: `ECS could not assume the role ${role ?? 'of the task'}`,
        cause:
          'the role’s trust policy does not let ecs-tasks.amazonaws.com assume it, or there is no such role any more',
        fix: `Give ${role === undefined ? `${facts.names.executionRole} and ${facts.names.taskRole}` : lastPart(role)} this trust statement: {"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}`,
      };
    },
  },
  ...imageRules,
  init('log-network', [logs, aboutLogs, noWay], (_, facts) => ({
    cause: `${facts.names.subnets} have no way to CloudWatch Logs`,
    fix: networkFix(facts, ['logs']),
  })),
  init('log-denied', [logs, aboutLogs, refused], (text, { names }) =>
    permission(
      text,
      {
        cause: `${names.executionRole} may not write to the log group ${names.logGroup}`,
        fix: `Give ${names.executionRole} logs:CreateLogStream and logs:PutLogEvents on the log group ${names.logGroup}`,
      },
      names.executionRole,
    ),
  ),
  init('log-group-missing', [logs, aboutLogs, /ResourceNotFound|does not exist|cannot find/i], (_, { names }) => ({
    cause: `there is no log group ${names.logGroup} in ${names.region}`,
    fix: `Create it: aws logs create-log-group --log-group-name ${names.logGroup} --region ${names.region}`,
  })),
  init('log-otherwise', [logs, aboutLogs], (_, { names }) => ({
    cause: `the log driver’s options are wrong, or ${names.executionRole} may not write`,
    fix: `Check logConfiguration (log group ${names.logGroup}, awslogs-region ${names.region}) and the permissions of ${names.executionRole}`,
  })),
  init('registry-auth-network', ['The task could not sign in to ECR', aboutAuth, noWay], (_, facts) => ({
    cause: `${facts.names.subnets} have no way to ECR`,
    fix: networkFix(facts, ['ecr.api', 'ecr.dkr', 's3 (gateway)']),
  })),
  init('registry-auth-denied', ['The task could not sign in to ECR', aboutAuth, refused], (text, { names }) =>
    permission(
      text,
      {
        cause: `${names.executionRole} may not ask ECR for a token`,
        fix: `Add this statement to the policy of ${names.executionRole}: {"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}`,
      },
      names.executionRole,
    ),
  ),
  init('secret-key', [secret, aboutSecret, /\bKMS\b|kms:Decrypt/i], (text, { names }) =>
    permission(
      text,
      {
        cause: `${names.executionRole} may not use the secret’s KMS key`,
        fix: `Give ${names.executionRole} kms:Decrypt on the key of the secret, and let the key policy allow it`,
      },
      names.executionRole,
    ),
  ),
  init('secret-denied', [secret, aboutSecret, refused], (text, { names }) => {
    const action = /ssm|parameter/i.test(text) ? 'ssm:GetParameters' : 'secretsmanager:GetSecretValue';
    return permission(
      text,
      {
        cause: `${names.executionRole} (not the task role) may not read it`,
        fix: `Add this statement to the policy of ${names.executionRole}: {"Effect":"Allow","Action":"${action}","Resource":"${arnIn(text) ?? '<its ARN>'}"}`,
      },
      names.executionRole,
    );
  }),
  init(
    'secret-json-key',
    [secret, aboutSecret, /json key|looking for beginning of value|invalid character/i],
    (text) => ({
      cause: `the secret’s value has no JSON key ${/json key (\S+)/.exec(text)?.[1] ?? 'of that name, or is no JSON'}`,
      fix: 'Put the key into the secret’s value, correct the ARN’s ":<json-key>::", or leave it out to take the whole value',
    }),
  ),
  init('secret-network', [secret, aboutSecret, noWay], (text, facts) => ({
    cause: `${facts.names.subnets} have no way to ${/ssm|parameter/i.test(text) ? 'Systems Manager' : 'Secrets Manager'}`,
    fix: networkFix(facts, [/ssm|parameter/i.test(text) ? 'ssm' : 'secretsmanager']),
  })),
  init(
    'secret-missing',
    [secret, aboutSecret, /NotFound|can.?t find|not found|invalid ?parameter|staging label/i],
    (text) => ({
      cause: `there is no such secret or it has no value yet${/:secret:[^:]*-\w{6}$/.test(arnIn(text) ?? '-xxxxxx') ? '' : '; its ARN has not the six random characters at the end'}`,
      fix: 'Give the whole ARN (aws secretsmanager describe-secret --query ARN), and put a value in: aws secretsmanager put-secret-value',
    }),
  ),
  init('secret-otherwise', [secret, aboutSecret], (_, { names }) => ({
    cause: 'AWS did not hand it over, for the reason quoted',
    fix: `Check its ARN in the task definition, and that ${names.executionRole} may read it`,
  })),
  init('volume', ['A volume of the task could not be mounted', /efs|mount|volume/i], (_, { names }) => ({
    cause: 'the file system cannot be reached or does not let the task in',
    fix: `Let ${names.securityGroup} in on port 2049 in the security group of the file system’s mount targets (one in each zone), and the task role in its policy`,
  })),
  init('start-otherwise', ['The task could not be prepared', /./], (_, { names }) => ({
    cause: 'AWS could not set up what the task needs, for the reason quoted',
    fix: `Check the way from ${names.subnets} to the AWS services and the permissions of ${names.executionRole}`,
  })),
];

/* Containers. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html, exit codes: 128 and the signal */

const entryPoint = (
  name: string,
  pattern: RegExp,
  explain: (program: string, facts: Facts) => Omit<Finding, 'what'>,
): Rule => ({
  name,
  find: (facts) => {
    if (facts.crashed.length === 0) return undefined;
    const match = [...facts.said, ...facts.lines].map((text) => pattern.exec(text)).find((found) => found !== null);
    if (match === undefined) return undefined;
    const program = match.slice(1).find((group) => group !== undefined) ?? '';
    return { what: `The container ${facts.container.name ?? ''} could not be started`, ...explain(program, facts) };
  },
});

const containerRules: readonly Rule[] = [
  entryPoint('exec-format', /exec format error/i, (_, { names }) => ({
    cause: `its program was built for another processor than the tasks’ (${names.platform}), or is a script without a first line like #!/bin/sh`,
    fix: `Build for the tasks’ platform (platforms: ${names.platform}), or set runtimePlatform.cpuArchitecture to what the image was built for`,
  })),
  {
    name: 'out-of-memory',
    find: (facts) => {
      if (line(facts, /OutOfMemory/) === undefined) return undefined;
      return {
        what: `The container ${oomContainer(facts)} was killed: out of memory${exitCodeText(facts)}`,
        cause: `it needs more than its memory limit, ${memoryText(facts)}`,
        fix: `Raise memory in the task definition above ${memoryText(facts)} (Fargate: the task’s memory too, in a size that its cpu allows), or make the process use less (fewer workers)`,
      };
    },
  },
  entryPoint(
    'entry-point-permission',
    /exec:? \\?"?([^\s"\\:]+)\\?"?: permission denied|([\w./-]+): Permission denied$/i,
    (called) => ({
      cause: `${called === '' ? 'its program' : called} may not be executed by the image’s user`,
      fix: `In the Dockerfile: RUN chmod +x ${called === '' ? '<the entry point>' : called}, or COPY --chmod=755`,
    }),
  ),
  entryPoint(
    'entry-point-missing',
    /exec:? \\?"?([^\s"\\:]+)\\?"?: (?:executable file not found|stat .*no such file|no such file)|(?:sh|bash): (?:line )?\d*:? ?([^\s:]+): (?:command )?not found/i,
    (called, { container }) => ({
      cause: `the image has no program ${called}: ${called.startsWith('/') ? 'the file is missing, or the interpreter in its first line is (a script with Windows line ends)' : 'it is not in the PATH'}`,
      fix: `Correct the entry point or command (${JSON.stringify([...(container.entryPoint ?? []), ...(container.command ?? [])]) === '[]' ? 'of the image: ENTRYPOINT, CMD' : `task definition: ${JSON.stringify([...(container.entryPoint ?? []), ...(container.command ?? [])])}`}), or install ${called} in the image`,
    }),
  ),
  entryPoint(
    'cannot-start',
    /CannotStartContainerError|CannotCreateContainerError|OCI runtime create failed/i,
    (_, facts) => ({
      cause: 'the container runtime refused it, for the reason quoted',
      fix: `Check entry point, command, user, ports and volumes of ${facts.container.name ?? 'the container'} in the task definition`,
    }),
  ),
  {
    name: 'crash-with-known-log',
    find: (facts) => {
      const what = exitText(facts);
      const reading = what === undefined ? undefined : readLog(facts);
      return what === undefined || reading === undefined ? undefined : { what, ...reading };
    },
  },
  exitRule('exit-137', [137], (facts) => ({
    cause: `it was killed (SIGKILL) without AWS calling it out of memory: it did not end within stopTimeout (${facts.container.stopTimeout ?? 30} s) after SIGTERM, or something in the container killed it`,
    fix: `Let the program end on SIGTERM (exec form of the entry point), raise stopTimeout, and watch its memory (limit ${memoryText(facts)})`,
  })),
  exitRule('exit-139', [139, 134, 136], () => ({
    cause:
      'native code crashed (segmentation fault or abort): a binary package for another libc or processor, or a broken one',
    fix: 'Build the image with packages for its own base (musl or glibc) and the tasks’ processor; pin the version that worked',
  })),
  exitRule('exit-143', [143, 130], () => ({
    cause:
      'it ended on a signal (SIGTERM or SIGINT) that somebody sent: ECS while stopping the task, or a supervisor in the container',
    fix: 'Look for what came before it in the events and the log: most often another container of the task that ended first, or a health check',
  })),
  exitRule('exit-127', [127], (facts) => ({
    cause: 'the shell found no such command',
    fix: `Correct the command of ${facts.container.name ?? 'the container'}, or install the program in ${facts.names.image}`,
  })),
  exitRule('exit-126', [126], () => ({
    cause: 'the command was found and may not be executed',
    fix: 'Make it executable in the Dockerfile (RUN chmod +x), and check the user that the image runs as',
  })),
  exitRule('exit-255', [255], (facts) => ({
    cause: `the program failed without an exit code of its own; most often it was built for another processor than the tasks’ (${facts.names.platform}), or its entry point is wrong`,
    fix: `Build for ${facts.names.platform}, and start the image once by hand: docker run --rm --platform ${facts.names.platform} ${facts.names.image}`,
  })),
  exitRule('exit-0', [0], (facts) => ({
    cause: 'the program ended by itself, without an error; a service’s essential container has to keep running',
    fix: `Start the server in the foreground (no & and no daemon mode) in ${facts.container.name ?? 'the container'}; a one-off command belongs in run-before`,
  })),
  exitRule('crash', undefined, (facts) => ({
    cause:
      'the program ended by itself: an exception at the start, a missing variable or file, something that it cannot reach',
    fix: `${readTheLog(facts)}${facts.changes.length === 0 ? '; compare environment and secrets with the last good revision' : `; this deployment changed ${few(facts.changes)}`}`,
  })),
  // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
  {
    name: 'no-capacity',
    find: (facts) => {
      const text = line(
        facts,
        /Capacity is unavailable|RESOURCE:|unable to place a task|no container instance|SpotInterruption|insufficient (?:memory|cpu)|reached the limit on the number of vCPUs/i,
      );
      if (text === undefined) return undefined;
      const spot = facts.service?.placement.capacityProviders.some(
        ({ capacityProvider }) => capacityProvider === 'FARGATE_SPOT',
      );
      return {
        what: 'AWS could not place the tasks',
        ...(/container instance|RESOURCE:|insufficient/i.test(text)
          ? {
              cause: `no instance of the cluster has room for a task of ${facts.definition.cpu ?? '?'} CPU units and ${memoryText(facts)}${/port/i.test(text) ? ', with its port free' : ''}`,
              fix: 'Add instances or larger ones, let minimumHealthyPercent be lower so that old tasks make room, or ask for less cpu and memory',
            }
          : /vCPU/i.test(text)
            ? {
                cause: 'the account’s Fargate quota of vCPUs in this region is used up',
                fix: 'Ask for a higher quota (Service Quotas, AWS Fargate, On-Demand vCPU), or stop tasks that nobody needs',
              }
            : {
                cause: `there is no Fargate${spot === true ? ' Spot' : ''} capacity in the zones of ${facts.names.subnets}`,
                fix: `Give the service subnets in more zones${spot === true ? ', and FARGATE beside FARGATE_SPOT in its capacity provider strategy' : ''}; then run again`,
              }),
      };
    },
  },
];

/** Where the lines are that could not be read for this. */
function readTheLog({ lines, container, failures: [task], definition }: Facts): string {
  const name = container.name ?? 'the container';
  if (lines.length > 0) return `Read the last log lines of ${name}`;
  const stream = task === undefined ? undefined : logStreamOf(definition, name, task.arn);
  if (stream !== undefined) return `Read the log of ${name}: stream ${stream.stream} of the log group ${stream.group}`;
  const { logDriver, options = {} } = container.logConfiguration ?? {};
  const group = options['awslogs-group'];
  if (group !== undefined) return `Read the log of ${name} in the log group ${group}`;
  return logDriver === undefined
    ? `Give ${name} a logConfiguration (awslogs with awslogs-stream-prefix): without one nobody sees what it says`
    : `Read the log of ${name} where its log driver ${logDriver} sends it`;
}

function oomContainer({ failures, container }: Facts): string {
  const killed = failures.flatMap(({ containers }) => containers).find(({ reason }) => /OutOfMemory/.test(reason));
  return killed?.name ?? container.name ?? '';
}

function exitCodeText({ failures }: Facts): string {
  const code = failures
    .flatMap(({ containers }) => containers)
    .find(({ reason }) => /OutOfMemory/.test(reason))?.exitCode;
  return code === undefined ? '' : ` (exit code ${code})`;
}

function exitOf({ crashed, definition }: Facts): { readonly name: string; readonly exitCode: number } | undefined {
  for (const task of crashed) {
    const exited = exitedContainer(task, definition);
    if (exited?.exitCode !== undefined) return { name: exited.name, exitCode: exited.exitCode };
  }
  return undefined;
}

const signals: Readonly<Record<number, string>> = {
  130: ' (SIGINT)',
  134: ' (SIGABRT)',
  137: ' (SIGKILL)',
  139: ' (SIGSEGV, segmentation fault)',
  143: ' (SIGTERM)',
};

function exitText(facts: Facts): string | undefined {
  const exit = exitOf(facts);
  if (exit === undefined) return undefined;
  return `The container ${exit.name} ended with exit code ${exit.exitCode}${signals[exit.exitCode] ?? ''}`;
}

/** Without codes: whatever is left. */
function exitRule(
  name: string,
  codes: readonly number[] | undefined,
  explain: (facts: Facts) => Omit<Finding, 'what'>,
): Rule {
  return {
    name,
    find: (facts) => {
      const exit = exitOf(facts);
      const what = exitText(facts);
      if (exit === undefined || what === undefined || codes?.includes(exit.exitCode) === false) return undefined;
      return { what, ...explain(facts) };
    },
  };
}

/* Targets. https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#target-health-reason-codes */

const unhealthy = (
  name: string,
  reason: string,
  explain: (target: TargetState, facts: Facts) => Omit<Finding, 'what'>,
): Rule => ({
  name,
  find: (facts) => {
    const target = facts.unhealthy.find((item) => item.reason === reason);
    return target === undefined ? undefined : { what: unhealthyText(target), ...explain(target, facts) };
  },
});

function unhealthyText({ reason, description }: TargetState): string {
  return `The load balancer finds a task unhealthy (${reason}${description === '' ? '' : `: ${description}`})`;
}

const noAnswer = ['Target.FailedHealthChecks', 'Target.Timeout'];
const failedElb = (facts: Facts): readonly TaskState[] =>
  facts.failures.filter(({ stoppedReason }) => /failed elb health checks/i.test(stoppedReason));

function noAnswerText(facts: Facts): string | undefined {
  const target = facts.unhealthy.find(({ reason }) => noAnswer.includes(reason));
  if (target !== undefined) return unhealthyText(target);
  return failedElb(facts).length > 0 || line(facts, /failed elb health checks/i) !== undefined
    ? `Tasks were stopped because they failed the health checks of ${facts.names.targetGroup}`
    : undefined;
}

/** The request of the health check as the program's own access log tells it. */
function askedPath({ lines }: Facts, description: string): string | undefined {
  const codes = /\[([\d, ]+)\]/.exec(description)?.[1]?.split(/, ?/) ?? [];
  for (const text of lines.toReversed()) {
    const [, path, status = ''] = /"GET (\/[^\s"?\\]*)[^"]*"\s*:?\s*(\d{3})/.exec(text.replaceAll('\\"', '"')) ?? [];
    if (path !== undefined && codes.includes(status)) return path;
  }
  return undefined;
}

/** The path stands in the target group, which is not read for this. */
function seePath({ service, names }: Facts): string {
  const arn = service?.loadBalancers[0]?.targetGroup;
  return arn === undefined
    ? ''
    : ` (aws elbv2 describe-target-groups --target-group-arns ${arn} --query 'TargetGroups[0].[HealthCheckPath,Matcher.HttpCode]' --region ${names.region})`;
}

function statusText(code: string): string {
  if (code === '400')
    return ': most often the host check (TrustedHost, ALLOWED_HOSTS), as the check asks by IP address';
  if (code === '401' || code === '403') return ': it asks for a sign-in';
  if (code === '404' || code === '405') return ': there is no such path';
  if (/^3/.test(code)) return ': a redirect (to HTTPS, or to the path with or without the slash at its end)';
  return /^5/.test(code) ? ': the program fails while it answers, look at its log' : '';
}

const targetRules: readonly Rule[] = [
  ...(['bound-to-localhost', 'wrong-port'] as const).map((name): Rule => ({
    name,
    find: (facts) => {
      const what = noAnswerText(facts);
      const place = misplaced(facts);
      return what === undefined || place?.name !== name ? undefined : { what, cause: place.cause, fix: place.fix };
    },
  })),
  {
    name: 'unhealthy-with-known-log',
    find: (facts) => {
      const target = facts.unhealthy.find(
        ({ reason, description }) =>
          (reason === 'Target.ResponseCodeMismatch' && /\[5\d\d/.test(description)) || noAnswer.includes(reason),
      );
      const what = target === undefined ? noAnswerText(facts) : unhealthyText(target);
      const reading = what === undefined ? undefined : readLog(facts);
      return what === undefined || reading === undefined ? undefined : { what, ...reading };
    },
  },
  {
    name: 'killed-while-booting',
    find: (facts) => {
      const [task] = failedElb(facts);
      const lived = task === undefined ? undefined : livedSeconds(task);
      const answered = facts.unhealthy.some(({ reason }) => reason === 'Target.ResponseCodeMismatch');
      const grace = facts.service?.gracePeriodSeconds ?? 0;
      if (lived === undefined || answered || lived > grace + 120 || listensAt(facts).length > 0) return undefined;
      return {
        what: `A task was stopped ${lived} s after its start because it failed the health checks of ${facts.names.targetGroup}`,
        cause: `the program was perhaps still starting: healthCheckGracePeriodSeconds is ${facts.service?.gracePeriodSeconds ?? 'not set'}, and its log does not say that it listens`,
        fix: `Set healthCheckGracePeriodSeconds above the longest start (aws ecs update-service --health-check-grace-period-seconds ${Math.max(60, (Math.ceil(lived / 60) + 1) * 60)} …); if it starts faster, see that it listens on 0.0.0.0:${facts.names.port ?? 'containerPort'}`,
      };
    },
  },
  unhealthy('target-status', 'Target.ResponseCodeMismatch', ({ description }, facts) => {
    const path = askedPath(facts, description);
    const asked = `the health check’s path${path === undefined ? '' : ` ${path}`}`;
    const code = /\[(\d{3})/.exec(description)?.[1] ?? '';
    return {
      cause: `${asked} answers ${code === '' ? 'another status than the target group expects' : code}${statusText(code)}`,
      fix: `Let ${asked} answer 200 without sign-in, redirect or host check, or correct path and matcher of ${facts.names.targetGroup}${path === undefined ? seePath(facts) : ''}`,
    };
  }),
  unhealthy('target-no-answer', 'Target.FailedHealthChecks', (_, facts) => ({
    cause: `nothing answers on port ${facts.names.port ?? 'containerPort'} of the task: the program listens on another port or on 127.0.0.1 only, or hangs up (viewers get a 502)`,
    fix: `Listen on 0.0.0.0:${facts.names.port ?? 'containerPort'}, the containerPort of ${facts.container.name ?? 'the container'}; look at its log`,
  })),
  unhealthy('target-timeout', 'Target.Timeout', (_, facts) => ({
    cause: `${facts.names.securityGroup} keeps the load balancer out, or the program answers too slowly`,
    fix: `Let the load balancer’s security group in on port ${facts.names.port ?? 'containerPort'} of ${facts.names.securityGroup}; if it is open, raise the check’s time-out or healthCheckGracePeriodSeconds (${facts.service?.gracePeriodSeconds ?? 'not set'})`,
  })),
  unhealthy('target-unused', 'Target.NotInUse', ({ description }, facts) => ({
    cause: /availability zone/i.test(description)
      ? `a task runs in a zone that the load balancer is not enabled for (${facts.names.subnets})`
      : `no listener of a load balancer forwards to ${facts.names.targetGroup}, or the task’s zone is not enabled there`,
    fix: /availability zone/i.test(description)
      ? 'Enable the zone on the load balancer (aws elbv2 set-subnets), or take its subnet out of the service'
      : `Let a listener rule forward to ${facts.names.targetGroup}, and enable all zones of the service on the load balancer`,
  })),
  {
    name: 'failed-load-balancer-checks',
    find: (facts) => {
      const what = noAnswerText(facts);
      return what === undefined
        ? undefined
        : {
            what,
            cause: `the program does not answer the health check on port ${facts.names.port ?? 'containerPort'}, or not in time (healthCheckGracePeriodSeconds: ${facts.service?.gracePeriodSeconds ?? 'not set'})`,
            fix: `Check port and path of ${facts.names.targetGroup}, and raise healthCheckGracePeriodSeconds above the start-up time`,
          };
    },
  },
  {
    name: 'container-unhealthy',
    find: (facts) => {
      const sick = facts.failures.flatMap(({ containers }) => containers).find(({ health }) => health === 'UNHEALTHY');
      if (sick === undefined && line(facts, /failed container health checks/i) === undefined) return undefined;
      const name = sick?.name ?? facts.container.name ?? '';
      const check = facts.definition.containerDefinitions?.find((item) => item.name === name)?.healthCheck;
      const command = (check?.command ?? []).join(' ');
      const tool = /\b(curl|wget|nc)\b/.exec(command)?.[1];
      return {
        what: `The health check of the container ${name} failed${command === '' ? '' : ` (${command.slice(0, 120)})`}`,
        cause: `${tool === undefined ? 'its command fails in the container' : `${tool} is perhaps not installed in the image`}, or the program is not ready within startPeriod (${check?.startPeriod ?? 0} s)`,
        fix: `Check with a program that the image has, as ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:${facts.names.port ?? 8000}/health')"], and set startPeriod above the start-up time`,
      };
    },
  },
];

/* What remains when no task failed. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html */

const lateRules: readonly Rule[] = [
  {
    name: 'alarm',
    find: (facts) =>
      /^alarms? /i.test(facts.reason)
        ? {
            what: facts.reason,
            cause:
              'the new tasks run, and a CloudWatch alarm of the service’s deployment configuration says that something got worse',
            fix: 'Look at the alarm’s metric since the deployment began; an alarm that was on before has to be put right first',
          }
        : undefined,
  },
  {
    name: 'hook',
    find: (facts) =>
      /lifecycle hook/i.test(facts.reason)
        ? {
            what: facts.reason,
            cause: 'the function of that hook did not return {"hookStatus": "SUCCEEDED"} in time',
            fix: 'Read the function’s own log in CloudWatch, mend it or take the hook out of the service’s deployment configuration',
          }
        : undefined,
  },
  {
    name: 'stopped-by-hand',
    find: (facts) =>
      facts.failures.length === 0 && /\bby (?:a |the )?user\b|by hand|user[- ]initiated/i.test(facts.reason)
        ? {
            what: facts.reason,
            cause: 'somebody, or another run, stopped this deployment',
            fix: 'CloudTrail’s event StopServiceDeployment says who and when; run again if it was not meant',
          }
        : undefined,
  },
  {
    name: 'known-log',
    find: (facts) => {
      const reading = readLog(facts);
      return reading === undefined
        ? undefined
        : { what: facts.reason || 'The deployment did not complete', ...reading };
    },
  },
  {
    name: 'draining-slow',
    find: (facts) => {
      const draining = facts.unhealthy.filter(({ state }) => state === 'draining');
      if (draining.length === 0) return undefined;
      return {
        what: `The old tasks were still being drained from ${facts.names.targetGroup} when the time was up`,
        cause:
          'the target group waits deregistration_delay.timeout_seconds (300 by default) for open connections before it lets a task go',
        fix: `Lower it: aws elbv2 modify-target-group-attributes --target-group-arn ${facts.service?.loadBalancers[0]?.targetGroup ?? '<arn>'} --attributes Key=deregistration_delay.timeout_seconds,Value=30; or raise wait-timeout-minutes`,
      };
    },
  },
];

/* The time was up, and nothing tells of a failure. */

const timeUp = /not proven before the time limit/;

/** What is left to tell of a time-out's own words beside the finding. */
export function lastSeen(reason: string): string | undefined {
  return timeUp.test(reason) ? /last seen: .*$/s.exec(reason)?.[0] : undefined;
}

/** How the tasks were doing that had not started. */
export function startingTexts({ starting = [] }: Facts): readonly string[] {
  if (starting.length === 0) return [];
  const shown = starting.slice(0, 3).map(({ arn, lastStatus, createdAt }) => {
    const since = createdAt === undefined ? '' : `, made at ${createdAt.toISOString().replace(/\.\d+Z$/, 'Z')}`;
    return `${lastPart(arn)} ${lastStatus}${since}`;
  });
  const more = starting.length > 3 ? ` and ${starting.length - 3} more` : '';
  return [
    `${starting.length === 1 ? '1 task was' : `${starting.length} tasks were`} still starting: ${shown.join('; ')}${more}`,
  ];
}

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html */
function slowStart({ starting = [], names }: Facts): Omit<Finding, 'what'> {
  const statuses = new Set(starting.map(({ lastStatus }) => lastStatus));
  if (statuses.has('PROVISIONING'))
    return {
      cause: 'AWS was still looking for a place and a network interface for the tasks',
      fix: `Look at the service’s events for capacity, and whether ${names.subnets} have free addresses`,
    };
  if (statuses.has('ACTIVATING'))
    return {
      cause: `the tasks run, and were still being put into ${names.targetGroup}, service discovery or Service Connect`,
      fix: `Look at the service’s events and at the targets of ${names.targetGroup}`,
    };
  return {
    cause: `the tasks were still pulling ${names.image} or starting their containers: a large image, a slow way to the registry, or a container that others wait for (dependsOn)`,
    fix: 'Make the image smaller, and see that dependsOn and the containers’ health checks can be met',
  };
}

function timeOut(facts: Facts): Omit<Finding, 'what'> {
  const primary = primaryOf(facts.service);
  if ((facts.starting ?? []).length > 0 || (primary?.pending ?? 0) > 0) return slowStart(facts);
  if (primary !== undefined && primary.running === 0)
    return {
      cause: 'ECS had no task of it running or starting: it waits for room, for capacity or for old tasks to end',
      fix: `Look at the service’s events, at minimumHealthyPercent and maximumPercent, and whether ${facts.names.subnets} and the cluster have room`,
    };
  if (primary !== undefined && primary.running < primary.desired)
    return {
      cause: `${primary.running} of ${primary.desired} tasks ran: the others wait for room, or take their turn in small steps`,
      fix: 'Look at the service’s events; a higher maximumPercent lets more tasks start at once',
    };
  return {
    cause:
      'the tasks run, and AWS had not called the deployment complete: targets that are not healthy yet, old tasks that drain, traffic that is shifted, or a bake time',
    fix: `Look at the service’s events and at the targets of ${facts.names.targetGroup} (healthCheckGracePeriodSeconds, the interval and count of its health check, deregistration_delay)`,
  };
}

const timeOutRule: Rule = {
  name: 'time-out',
  find: (facts) => {
    if (!timeUp.test(facts.reason)) return undefined;
    const { limitMinutes } = facts;
    const { cause, fix } = timeOut(facts);
    return {
      what: `The deployment was not proven ${limitMinutes === undefined ? 'before the time limit' : `within ${limitMinutes} min`}`,
      cause,
      fix: `${fix}. If it only needs more time, raise wait-timeout-minutes${limitMinutes === undefined ? '' : ` (the limit was ${limitMinutes} min)`}`,
    };
  },
};

/** Most telling first: what kept a task from starting, then what ended it, then what kept it from being used. */
export const taskRules: readonly Rule[] = [...startRules, ...containerRules, ...targetRules, ...lateRules, timeOutRule];

/**
 * Said beside a finding, as it explains why nobody stopped it:
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
 */
export const remarks: readonly { readonly name: string; readonly find: (facts: Facts) => string | undefined }[] = [
  {
    name: 'breaker-silent',
    find: ({ crashed, service, reason }) => {
      const lived = crashed.map(livedSeconds);
      const cycling = crashed.length >= 3 && lived.every((seconds) => seconds !== undefined && seconds >= 20);
      return service?.breaker.enabled === true && cycling && !/circuit breaker/i.test(reason)
        ? 'AWS’s circuit breaker stays silent when tasks run for a while before they die, as each healthy one resets its count: set deploymentCircuitBreaker.resetOnHealthyTask to false'
        : undefined;
    },
  },
];
