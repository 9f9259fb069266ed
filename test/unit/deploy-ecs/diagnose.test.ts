import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  diagnose,
  diagnoseDenial,
  diagnosisLines,
  diagnosisText,
  ruleNames,
  rulesOf,
  type Evidence,
} from '../../../actions/deploy-ecs/src/diagnose.ts';
import type { HealthAnswer } from '../../../actions/deploy-ecs/src/health.ts';
import type { ContainerDefinition, ServiceState, TaskState } from '../../../shared/aws/ecs.ts';
import { AwsError } from '../../../shared/core/errors.ts';
import { at, deployment, service, stoppedTask, taskDefinition } from '../../kit/ecs.ts';

const account = '123456789012';
const secretArn = `arn:aws:secretsmanager:us-east-1:${account}:secret:shop/db-AbCdEf`;
const targetGroup = `arn:aws:elasticloadbalancing:us-east-1:${account}:targetgroup/shop-api/0123456789abcdef`;

function definition(special: Partial<ContainerDefinition> = {}): Evidence['definition'] {
  const [container] = taskDefinition().containerDefinitions!;
  return taskDefinition({
    executionRoleArn: `arn:aws:iam::${account}:role/shop-execution`,
    taskRoleArn: `arn:aws:iam::${account}:role/shop-task`,
    containerDefinitions: [
      {
        ...container,
        image: `${account}.dkr.ecr.us-east-1.amazonaws.com/app:1`,
        environment: [{ name: 'CORS_ORIGINS', value: '["https://www.example.com"]' }],
        secrets: [
          { name: 'DATABASE_URL', valueFrom: `${secretArn}:url::` },
          { name: 'REDIS_URL', valueFrom: `arn:aws:ssm:us-east-1:${account}:parameter/shop/redis` },
        ],
        ...special,
      },
    ],
  });
}

const evidence = (special: Partial<Evidence> = {}): Evidence => ({
  reason: '',
  definition: definition(),
  service: service({ loadBalancers: [{ targetGroup, container: 'fastapi', port: 8000 }], gracePeriodSeconds: 30 }),
  failures: [],
  events: [],
  targets: [],
  logs: [],
  health: undefined,
  changes: [],
  missing: [],
  sensitive: [],
  ...special,
});

const failing = (...special: Partial<TaskState>[]): Partial<Evidence> => ({
  failures: special.map((item) => stoppedTask(item)),
});
const notStarted = (stoppedReason: string): Partial<Evidence> =>
  failing({ stopCode: 'TaskFailedToStart', stoppedReason, containers: [] });
const exited = (exitCode: number, reason = ''): Partial<Evidence> =>
  failing({ containers: [{ name: 'fastapi', exitCode, reason, health: '' }] });
const logged = (...lines: string[]): Pick<Evidence, 'logs'> => ({ logs: [{ container: 'fastapi', lines }] });
const crashed = (...lines: string[]): Partial<Evidence> => ({ ...exited(1), ...logged(...lines) });
const target = (reason: string, description = '', state = 'unhealthy'): Partial<Evidence> => ({
  targets: [{ id: '10.0.0.1', port: 8000, state, reason, description }],
});
const event = (message: string): Partial<Evidence> => ({ events: [{ id: 'e', at: at(1), message }] });
const unhealthyEvent = (why: string): Partial<Evidence> =>
  event(`(service api) (task 0a0a) (port 8000) is unhealthy in (target-group ${targetGroup}) due to (reason ${why})`);
const answers = (answer: Partial<HealthAnswer>, url = 'https://api.example.com/health'): Partial<Evidence> => ({
  health: { url, answer: { status: 0, ms: 5, body: '', ...answer } },
});
const placedIn = (special: Partial<ServiceState>): Partial<Evidence> => ({ service: service(special) });
const elbStopped = (lived: number): Partial<Evidence> =>
  failing({
    stopCode: 'ServiceSchedulerInitiated',
    stoppedReason: `Task failed ELB health checks in (target-group ${targetGroup})`,
    startedAt: at(100),
    stoppingAt: at(100 + lived),
    stoppedAt: at(160 + lived),
    // What the stop itself left behind is not the reason.
    containers: [{ name: 'fastapi', exitCode: 137, reason: '', health: '' }],
  });

const outOfTime = (primary: Partial<ServiceState['deployments'][number]>): Partial<Evidence> => ({
  reason: 'the deployment ecs-svc/2: not proven before the time limit; last seen: 0 of 2 running, 2 starting',
  service: service({
    loadBalancers: [{ targetGroup, container: 'fastapi', port: 8000 }],
    deployments: [deployment({ rolloutState: 'IN_PROGRESS', ...primary })],
  }),
});
const beginning = (id: string, lastStatus: string): TaskState =>
  stoppedTask({
    arn: `arn:aws:ecs:us-east-1:${account}:task/shop/${id}`,
    lastStatus,
    stopCode: '',
    startedAt: undefined,
  });

const denied = (action: string, resource: string, role: string): string =>
  `User: arn:aws:sts::${account}:assumed-role/${role}/0a0a is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;
const init = 'ResourceInitializationError: unable to pull secrets or registry auth: ';
const ecrTimeout =
  'The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. RequestError: send request failed caused by: Post "https://api.ecr.us-east-1.amazonaws.com/": dial tcp 172.40.1.94:443: i/o timeout';

/** The rows of the research and of the guide's own troubleshooting table; each needs a case below. */
const rows = [
  'CannotPull, timeout',
  'CannotPull, not found',
  'CannotPull, 403',
  'CannotPull, platform',
  'exec format error',
  'ResourceInitializationError secrets',
  'ResourceInitializationError logs',
  'Role not assumable',
  'PassRole denied',
  'App AccessDenied at runtime',
  'OOM',
  'Essential container exited',
  '502 / unhealthy',
  'Unhealthy, Target.Timeout',
  'Unhealthy, Target.ResponseCodeMismatch',
  'Killed while booting',
  'Container UNHEALTHY',
  'Unused target',
  'No capacity',
  'Draining slow',
  'Breaker silent',
  'Guide: 502 Bad Gateway',
  'Guide: Database connection timeout',
  'Guide: CORS errors',
  'Guide: S3 access denied',
  'Guide: Slow API responses',
] as const;

interface Case {
  readonly row?: (typeof rows)[number];
  /** The rule that decides, and the reading of the log if it used one. */
  readonly rules: readonly string[];
  readonly of: Partial<Evidence>;
  /** Each must stand in the one paragraph. */
  readonly says: readonly (string | RegExp)[];
}

const cases: Readonly<Record<string, Case>> = {
  /* https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html */
  'pull: time-out': {
    row: 'CannotPull, timeout',
    rules: ['pull-network'],
    of: notStarted(
      'CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref docker.io/x/y:1: failed to do request: Head "https://registry-1.docker.io/v2/": dial tcp 34.205.13.154:443: i/o timeout',
    ),
    says: ['subnet-1', 'NAT gateway', 'com.amazonaws.us-east-1.ecr.dkr', 's3 (gateway)', 'sg-1'],
  },
  'pull: the newer words': {
    rules: ['pull-network'],
    of: notStarted(
      `CannotPullContainerError: The task cannot pull ${account}.dkr.ecr.us-east-1.amazonaws.com/app:1 from the registry. There is a connection issue between the task and the registry. Check your task network configuration.`,
    ),
    says: [`The image ${account}.dkr.ecr.us-east-1.amazonaws.com/app:1 could not be pulled`, 'ecr.api'],
  },
  'pull: in a public subnet': {
    rules: ['pull-network'],
    of: {
      ...notStarted('CannotPullContainerError: lookup ecr: no such host'),
      ...placedIn({
        placement: {
          ...service().placement,
          network: { awsvpcConfiguration: { subnets: ['subnet-9'], assignPublicIp: 'ENABLED' } },
        },
      }),
    },
    says: ['subnet-9', 'internet gateway'],
  },
  'pull: no tag, told by the event alone': {
    row: 'CannotPull, not found',
    rules: ['pull-not-found'],
    of: event(
      `(service api) was unable to place a task. Reason: CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref ${account}.dkr.ecr.us-east-1.amazonaws.com/app:1@sha256:00: not found.`,
    ),
    says: ['/app:1 could not be pulled', 'no such tag or digest', 'build-push-image'],
  },
  'pull: no repository': {
    rules: ['pull-not-found'],
    of: notStarted(
      'CannotPullContainerError: The task can’t pull the image. Check whether the image exists. Error response from daemon: manifest unknown',
    ),
    says: ['Push '],
  },
  'pull: 403': {
    row: 'CannotPull, 403',
    rules: ['pull-denied'],
    of: notStarted(
      'CannotPullContainerError: inspect image has been retried 1 time(s): failed to resolve ref "x": unexpected status code [manifests 1]: 403 Forbidden',
    ),
    says: ['execution role shop-execution', 'ecr:BatchGetImage'],
  },
  'pull: denied, with the statement': {
    rules: ['pull-denied'],
    of: notStarted(
      `CannotPullContainerError: The task can’t pull the image. Check that the role has the permissions to pull images from the registry. Error response from daemon: pull access denied for x, repository does not exist or may require 'docker login': denied: ${denied('ecr:BatchGetImage', `arn:aws:ecr:us-east-1:${account}:repository/app`, 'shop-execution')}`,
    ),
    says: [
      'the role shop-execution has no permission',
      `{"Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"arn:aws:ecr:us-east-1:${account}:repository/app"}`,
    ],
  },
  'pull: platform': {
    row: 'CannotPull, platform',
    rules: ['pull-platform'],
    of: notStarted(
      "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'",
    ),
    says: ['another processor', 'platforms: linux/amd64'],
  },
  'pull: rate limit': {
    rules: ['pull-rate-limit'],
    of: notStarted(
      'CannotPullContainerError: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.',
    ),
    says: ['Docker Hub limits', 'ECR'],
  },
  'pull: disk': {
    rules: ['pull-no-space'],
    of: notStarted('CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob1: no space left on device'),
    says: ['ephemeralStorage'],
  },
  'pull: otherwise': {
    rules: ['pull-otherwise'],
    of: notStarted('CannotPullContainerError: unheard of'),
    says: ['for the reason quoted', 'shop-execution'],
  },

  /* https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html */
  'secret: denied': {
    row: 'ResourceInitializationError secrets',
    rules: ['secret-denied'],
    of: notStarted(
      `${init}execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret ${secretArn} from secrets manager: AccessDeniedException: ${denied('secretsmanager:GetSecretValue', secretArn, 'shop-execution')}`,
    ),
    says: [
      `of fastapi.DATABASE_URL (${secretArn}:url::)`,
      'the policy of the role shop-execution',
      `{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"${secretArn}"}`,
    ],
  },
  'secret: denied, cut short by AWS': {
    rules: ['secret-denied'],
    of: notStarted(
      `${init}execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): AccessDeniedException: User: ....`,
    ),
    says: ['shop-execution (not the task role)', '"Action":"ssm:GetParameters"'],
  },
  'secret: its key': {
    rules: ['secret-key'],
    of: notStarted(
      `${init}unable to retrieve secret from asm: failed to fetch secret ${secretArn} from secrets manager: AccessDeniedException: Access to KMS is not allowed status code: 400`,
    ),
    says: ['shop-execution', 'kms:Decrypt', 'key policy'],
  },
  'secret: none': {
    rules: ['secret-missing'],
    of: notStarted(
      `${init}unable to retrieve secret from asm: failed to fetch secret arn:aws:secretsmanager:us-east-1:${account}:secret:shop/db from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.`,
    ),
    says: ['DATABASE_URL', 'no value yet', 'six random characters', 'put-secret-value'],
  },
  'secret: JSON key': {
    rules: ['secret-json-key'],
    of: notStarted(
      `${init}unable to retrieve secret from asm: retrieved secret from Secrets Manager did not contain json key url`,
    ),
    says: ['DATABASE_URL', 'no JSON key url', ':<json-key>::'],
  },
  'secret: network': {
    rules: ['secret-network'],
    of: notStarted(
      `${init}execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s): failed to fetch secret ${secretArn} from secrets manager: RequestCanceled: request context canceled caused by: context deadline exceeded. Please check your task network configuration.`,
    ),
    says: ['no way to Secrets Manager', 'com.amazonaws.us-east-1.secretsmanager', 'subnet-1'],
  },
  'secret: otherwise': {
    rules: ['secret-otherwise'],
    of: notStarted(`${init}unable to retrieve secret from asm: something new`),
    says: ['shop-execution'],
  },
  'registry: network': {
    rules: ['registry-auth-network'],
    of: notStarted(`${init}${ecrTimeout}`),
    says: ['could not sign in to ECR', 'com.amazonaws.us-east-1.ecr.api'],
  },
  'registry: denied': {
    rules: ['registry-auth-denied'],
    of: notStarted(
      `${init}execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException`,
    ),
    says: ['shop-execution', 'ecr:GetAuthorizationToken'],
  },
  'log: group missing': {
    row: 'ResourceInitializationError logs',
    rules: ['log-group-missing'],
    of: notStarted(
      'ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1',
    ),
    says: [
      'no log group /ecs/shop in us-east-1',
      'aws logs create-log-group --log-group-name /ecs/shop --region us-east-1',
    ],
  },
  'log: network, though AWS says that the group cannot be found': {
    rules: ['log-network'],
    of: notStarted(
      'ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. Check your network configuration. : signal: killed',
    ),
    says: ['com.amazonaws.us-east-1.logs'],
  },
  'log: denied': {
    rules: ['log-denied'],
    of: notStarted(
      'ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: AccessDeniedException: not allowed',
    ),
    says: ['shop-execution', 'logs:CreateLogStream', '/ecs/shop'],
  },
  'log: otherwise': {
    rules: ['log-otherwise'],
    of: notStarted(
      "ResourceInitializationError: failed to create Cloudwatch log stream: MissingEndpoint: 'Endpoint' configuration is required",
    ),
    says: ['awslogs-region us-east-1'],
  },
  volume: {
    rules: ['volume'],
    of: notStarted(
      'ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: failed',
    ),
    says: ['2049', 'sg-1'],
  },
  'start: otherwise': {
    rules: ['start-otherwise'],
    of: notStarted('ResourceInitializationError: something new'),
    says: ['subnet-1', 'shop-execution'],
  },
  role: {
    row: 'Role not assumable',
    rules: ['role-not-assumable'],
    of: event(
      `(service api) failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::${account}:role/shop-execution' that was provided for this task. Please verify that the role being passed has the proper trust relationship)`,
    ),
    says: ['role/shop-execution', '"Service":"ecs-tasks.amazonaws.com"', 'sts:AssumeRole'],
  },

  /* https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html */
  'exec format': {
    row: 'exec format error',
    rules: ['exec-format'],
    of: { ...exited(255), ...logged('exec /usr/bin/python: exec format error') },
    says: [
      'another processor',
      'platforms: linux/amd64',
      'log line of fastapi: exec /usr/bin/python: exec format error',
    ],
  },
  memory: {
    row: 'OOM',
    rules: ['out-of-memory'],
    of: {
      ...exited(137, 'OutOfMemoryError: Container killed due to memory usage'),
      definition: definition({ memory: 512 }),
    },
    says: ['The container fastapi was killed: out of memory (exit code 137)', 'above 512 MiB'],
  },
  'memory of the task': {
    rules: ['out-of-memory'],
    of: { ...failing({ stoppedReason: 'OutOfMemoryError: container killed due to memory usage', containers: [] }) },
    says: ['above 1024 MiB'],
  },
  '137 without OutOfMemory': {
    rules: ['exit-137'],
    of: exited(137),
    says: ['exit code 137 (SIGKILL)', 'stopTimeout (30 s)', '1024 MiB'],
  },
  '139': { rules: ['exit-139'], of: exited(139), says: ['segmentation fault', 'libc'] },
  '143': { rules: ['exit-143'], of: exited(143), says: ['(SIGTERM)', 'a signal'] },
  '127': { rules: ['exit-127'], of: exited(127), says: ['no such command', '/app:1'] },
  '126': { rules: ['exit-126'], of: exited(126), says: ['chmod +x'] },
  '255': {
    rules: ['exit-255'],
    of: exited(255),
    says: ['another processor', 'docker run --rm --platform linux/amd64'],
  },
  '0': { rules: ['exit-0'], of: exited(0), says: ['without an error', 'in the foreground', 'run-before'] },
  crash: {
    row: 'Essential container exited',
    rules: ['crash'],
    of: { ...crashed('Traceback', 'ValueError: nonsense'), changes: ['fastapi.image', 'fastapi.environment.X'] },
    says: [
      'exit code 1',
      'last log line of fastapi: ValueError: nonsense',
      'changed fastapi.image, fastapi.environment.X',
    ],
  },
  'crash without a log that could be read': {
    rules: ['crash'],
    of: exited(1),
    says: ['Read the log of fastapi: stream ecs/fastapi/0a0a0a0a of the log group /ecs/shop'],
  },
  'crash with a log without stream prefix': {
    rules: ['crash'],
    of: {
      ...exited(1),
      definition: definition({ logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': '/ecs/x' } } }),
    },
    says: ['Read the log of fastapi in the log group /ecs/x'],
  },
  'crash with a log elsewhere': {
    rules: ['crash'],
    of: { ...exited(1), definition: definition({ logConfiguration: { logDriver: 'splunk' } }) },
    says: ['where its log driver splunk sends it'],
  },
  'crash without any log': {
    rules: ['crash'],
    of: { ...exited(1), definition: taskDefinition({ containerDefinitions: [{ name: 'fastapi', image: 'app:1' }] }) },
    says: ['Give fastapi a logConfiguration'],
  },
  'crash loop and unhealthy targets: the crash': {
    rules: ['crash'],
    of: { ...crashed('boom'), ...target('Target.FailedHealthChecks') },
    says: ['exit code 1', 'target 10.0.0.1:8000 unhealthy, Target.FailedHealthChecks'],
  },
  'entry point missing': {
    rules: ['entry-point-missing'],
    of: {
      ...exited(
        127,
        'CannotStartContainerError: failed to create task for container: OCI runtime create failed: exec: "uvicorn": executable file not found in $PATH: unknown',
      ),
      definition: definition({ command: ['uvicorn', 'app:app'] }),
    },
    says: ['no program uvicorn', 'task definition: ["uvicorn","app:app"]'],
  },
  'entry point missing, by the log': {
    rules: ['entry-point-missing'],
    of: { ...exited(127), ...logged('exec /entrypoint.sh: no such file or directory') },
    says: ['no program /entrypoint.sh', 'Windows line ends'],
  },
  'entry point not executable': {
    rules: ['entry-point-permission'],
    of: exited(
      126,
      'CannotStartContainerError: OCI runtime create failed: exec: "/start.sh": permission denied: unknown',
    ),
    says: ['RUN chmod +x /start.sh'],
  },
  'cannot start': {
    rules: ['cannot-start'],
    of: exited(128, 'CannotStartContainerError: bind for 0.0.0.0:8080 failed: something'),
    says: ['runtime refused it'],
  },

  /* Logs */
  'database: timeout': {
    row: 'Guide: Database connection timeout',
    rules: ['crash-with-known-log', 'database-unreachable'],
    of: crashed(
      'sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection to server at "db.internal" (10.0.1.5), port 5432 failed: Connection timed out',
      '\tIs the server running on that host and accepting TCP/IP connections?',
    ),
    says: ['exit code 1', 'db.internal:5432 cannot be reached', 'Let the tasks’ security group sg-1 in on port 5432'],
  },
  'database: libpq before 14': {
    rules: ['crash-with-known-log', 'database-unreachable'],
    of: crashed('psycopg2.OperationalError: could not connect to server: timeout expired'),
    says: ['port 5432'],
  },
  'database: asyncpg says no more than TimeoutError': {
    rules: ['crash-with-known-log', 'database-unreachable'],
    of: crashed('  File "/usr/lib/asyncpg/connect_utils.py", line 802, in _connect_addr', 'TimeoutError'),
    says: ['cannot be reached', 'sg-1'],
  },
  'database: refused': {
    rules: ['crash-with-known-log', 'database-unreachable'],
    of: crashed("ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 5432)"),
    says: ['127.0.0.1:5432 refused', 'DATABASE_URL', 'localhost is the task itself'],
  },
  'database: TLS': {
    rules: ['crash-with-known-log', 'database-tls'],
    of: crashed(
      'asyncpg.exceptions.InvalidAuthorizationSpecificationError: no pg_hba.conf entry for host "10.0.1.9", user "app", database "shop", no encryption',
    ),
    says: ['rds.force_ssl', '?ssl=require', 'DATABASE_URL'],
  },
  'database: password, tried with and without TLS': {
    rules: ['crash-with-known-log', 'database-password'],
    of: crashed(
      'psycopg2.OperationalError: connection to server at "db" (10.0.1.5), port 5432 failed: FATAL:  password authentication failed for user "app"',
      'connection to server at "db" (10.0.1.5), port 5432 failed: FATAL:  no pg_hba.conf entry for host "10.0.1.9", user "app", database "shop", no encryption',
    ),
    says: ['user app', 'DATABASE_URL', 'force-new-deployment'],
  },
  'database: none of that name': {
    rules: ['crash-with-known-log', 'database-missing'],
    of: crashed('asyncpg.exceptions.InvalidCatalogNameError: database "shop" does not exist'),
    says: ['Create the database shop'],
  },
  'database: rights': {
    rules: ['crash-with-known-log', 'database-permission'],
    of: crashed('asyncpg.exceptions.InsufficientPrivilegeError: permission denied for table orders'),
    says: ['may not use orders', 'Grant'],
  },
  'database: full': {
    rules: ['crash-with-known-log', 'database-connections'],
    of: crashed('FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute'),
    says: ['max_connections'],
  },
  'database: not migrated': {
    rules: ['crash-with-known-log', 'database-schema'],
    of: crashed('sqlalchemy.exc.ProgrammingError: relation "orders" does not exist'),
    says: ['orders', 'run-before: python -m alembic upgrade head'],
  },
  'name unknown': {
    rules: ['crash-with-known-log', 'unknown-host'],
    of: crashed('could not translate host name "db.old.internal" to address: Name or service not known'),
    says: ['the name db.old.internal is not known', 'private hosted zone'],
  },
  'Redis: out of reach': {
    rules: ['crash-with-known-log', 'redis-unreachable'],
    of: crashed('redis.exceptions.ConnectionError: Error 111 connecting to cache.internal:6379. Connection refused.'),
    says: ['Redis cache.internal:6379', 'port 6379', 'sg-1', 'REDIS_URL'],
  },
  'Redis: TLS': {
    rules: ['crash-with-known-log', 'redis-unreachable'],
    of: crashed('redis.exceptions.ConnectionError: Connection closed by server.'),
    says: ['TLS', 'rediss://'],
  },
  'Redis: password': {
    rules: ['crash-with-known-log', 'redis-refused-login'],
    of: crashed('redis.exceptions.AuthenticationError: NOAUTH Authentication required.'),
    says: ['AUTH'],
  },
  'denied at runtime': {
    row: 'App AccessDenied at runtime',
    rules: ['crash-with-known-log', 'task-role-denied'],
    of: crashed(
      `botocore.exceptions.ClientError: An error occurred (AccessDeniedException) when calling the SendMessage operation: ${denied('sqs:SendMessage', `arn:aws:sqs:us-east-1:${account}:jobs`, 'shop-task')}`,
    ),
    says: [
      'the task role shop-task has no permission',
      `{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:us-east-1:${account}:jobs"}`,
    ],
  },
  'denied at runtime, forbidden by the organization': {
    rules: ['crash-with-known-log', 'task-role-denied'],
    of: crashed(
      `User: arn:aws:sts::${account}:assumed-role/shop-task/0a is not authorized to perform: sqs:SendMessage on resource: r with an explicit deny in a service control policy`,
    ),
    says: ['explicit deny (service control policy)', 'No added permission helps'],
  },
  'S3 denied': {
    row: 'Guide: S3 access denied',
    rules: ['crash-with-known-log', 's3-access-denied'],
    of: crashed(
      `botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the PutObject operation: ${denied('s3:PutObject', '"arn:aws:s3:::shop-uploads/a"', 'shop-task')}`,
    ),
    says: [
      'the task role shop-task',
      '"Action":"s3:PutObject","Resource":"arn:aws:s3:::shop-uploads/a"',
      'bucket policy',
    ],
  },
  'S3 denied, without details': {
    rules: ['crash-with-known-log', 's3-access-denied'],
    of: crashed(
      'botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied',
    ),
    says: ['s3:ListBucket', 'shop-task', 'kms:Decrypt'],
  },
  'no credentials': {
    rules: ['crash-with-known-log', 'no-credentials'],
    of: {
      ...crashed('botocore.exceptions.NoCredentialsError: Unable to locate credentials'),
      definition: taskDefinition(),
    },
    says: ['has no taskRoleArn', 'ecs-tasks.amazonaws.com'],
  },
  'variable missing': {
    rules: ['crash-with-known-log', 'missing-variable'],
    of: crashed("KeyError: 'SESSION_SECRET'"),
    says: ['the variable SESSION_SECRET is not set in fastapi', 'fastapi.SESSION_SECRET='],
  },
  'setting missing': {
    rules: ['crash-with-known-log', 'missing-setting'],
    of: crashed(
      'pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings',
      'database_url',
      '  Field required [type=missing, input_value={}, input_type=dict]',
    ),
    says: ['DATABASE_URL is not set'],
  },
  'setting invalid': {
    rules: ['crash-with-known-log', 'invalid-setting'],
    of: crashed(
      'pydantic_settings.exceptions.SettingsError: error parsing value for field "cors_origins" from source "EnvSettingsSource"',
    ),
    says: ['CORS_ORIGINS cannot be read', 'written as JSON'],
  },
  'module missing': {
    rules: ['crash-with-known-log', 'module-missing'],
    of: crashed("ModuleNotFoundError: No module named 'app.main'"),
    says: ['no module app.main', '/app:1'],
  },
  'port taken': {
    rules: ['crash-with-known-log', 'port-in-use'],
    of: crashed("[Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use"),
    says: ['same port', '8000'],
  },
  'file not allowed': {
    rules: ['crash-with-known-log', 'file-permission'],
    of: crashed("PermissionError: [Errno 13] Permission denied: '/app/data'"),
    says: ['/app/data', 'COPY --chown'],
  },
  'port below 1024': {
    rules: ['crash-with-known-log', 'file-permission'],
    of: crashed("[Errno 13] error while attempting to bind on address ('0.0.0.0', 80): permission denied"),
    says: ['below 1024'],
  },
  'read-only': {
    rules: ['crash-with-known-log', 'read-only'],
    of: crashed("OSError: [Errno 30] Read-only file system: '/app/x'"),
    says: ['readonlyRootFilesystem'],
  },
  heap: {
    rules: ['crash-with-known-log', 'out-of-heap'],
    of: crashed('FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'),
    says: ['1024 MiB'],
  },
  'the last telling line counts': {
    rules: ['crash-with-known-log', 'missing-variable'],
    of: crashed(
      'WARNING redis connection refused, going on without a cache',
      "KeyError: 'SESSION_SECRET'",
      'Application startup failed. Exiting.',
    ),
    says: ["log line of fastapi: KeyError: 'SESSION_SECRET'", 'last log line of fastapi: Application startup failed'],
  },
  'slow queries': {
    row: 'Guide: Slow API responses',
    rules: ['unhealthy-with-known-log', 'slow-queries'],
    of: {
      ...target('Target.Timeout', 'Request timed out'),
      ...logged('asyncpg.exceptions.QueryCanceledError: canceling statement due to statement timeout'),
    },
    says: ['Target.Timeout', 'without an index', 'EXPLAIN ANALYZE'],
  },
  CORS: {
    row: 'Guide: CORS errors',
    rules: ['known-log', 'cors'],
    of: {
      reason: 'not proven before the time limit',
      ...logged('INFO: 10.0.0.7:1 - "OPTIONS /api/data HTTP/1.1" 400 Bad Request'),
    },
    says: ['CORS_ORIGINS=["https://www.example.com"]', 'Add the site’s origin'],
  },
  'an end without any failure': {
    rules: ['none'],
    of: { reason: 'the deployment failed', ...logged('all is well') },
    says: ['AWS gave no failed task', '/ecs/shop', 'shop-api'],
  },
  'time-out: nothing starts': {
    rules: ['time-out'],
    of: { ...outOfTime({ running: 0 }), limitMinutes: 20 },
    says: ['not proven within 20 min', 'Evidence: last seen: 0 of 2 running', 'no task of it', 'the limit was 20 min'],
  },
  'time-out: the limit is not known': {
    rules: ['time-out'],
    of: outOfTime({ running: 1, desired: 2 }),
    says: ['not proven before the time limit', '1 of 2 tasks ran', /raise wait-timeout-minutes\.$/],
  },
  'time-out: tasks are still pulling': {
    rules: ['time-out'],
    of: {
      ...outOfTime({ running: 0, pending: 2 }),
      starting: [beginning('a1', 'PENDING'), beginning('a2', 'PENDING')],
    },
    says: [
      '2 tasks were still starting: a1 PENDING, made at 2026-01-01T00:00:11Z; a2 PENDING',
      'still pulling',
      'Make the image smaller',
    ],
  },
  'time-out: starting tasks may not be read': {
    rules: ['time-out'],
    of: outOfTime({ running: 0, pending: 2 }),
    says: ['still pulling'],
  },
  'time-out: no place for the tasks yet': {
    rules: ['time-out'],
    of: { ...outOfTime({ running: 0, pending: 1 }), starting: [beginning('a1', 'PROVISIONING')] },
    says: ['1 task was still starting', 'a network interface'],
  },
  'time-out: being put into the target group': {
    rules: ['time-out'],
    of: { ...outOfTime({ running: 0, pending: 1 }), starting: [beginning('a1', 'ACTIVATING')] },
    says: ['were still being put into the target group shop-api'],
  },
  'time-out: all tasks run': {
    rules: ['time-out'],
    of: { ...outOfTime({ running: 2 }), ...logged('all is well') },
    says: [
      'AWS had not called the deployment complete',
      'healthCheckGracePeriodSeconds',
      'last log line of fastapi: all is well',
    ],
  },
  'an unknown end': {
    rules: ['none'],
    of: failing({ stopCode: 'New', stoppedReason: 'Unheard of', containers: [] }),
    says: ['Tasks stopped: Unheard of', 'not one of the known patterns'],
  },

  /* https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html */
  'no answer': {
    row: '502 / unhealthy',
    rules: ['target-no-answer'],
    of: target('Target.FailedHealthChecks', 'Health checks failed'),
    says: ['127.0.0.1', '502', '0.0.0.0:8000'],
  },
  'no answer: bound to localhost': {
    rules: ['bound-to-localhost'],
    of: {
      ...unhealthyEvent('Health checks failed'),
      ...logged('INFO: Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)'),
    },
    says: ['listens on 127.0.0.1:8000 only', 'uvicorn --host 0.0.0.0 --port 8000'],
  },
  'no answer: another port': {
    rules: ['wrong-port'],
    of: { ...elbStopped(90), ...logged('Server listening on port 3000') },
    says: ['listens on port 3000', 'asks port 8000'],
  },
  'no answer in time': {
    row: 'Unhealthy, Target.Timeout',
    rules: ['target-timeout'],
    of: { ...unhealthyEvent('Request timed out'), ...logged('INFO: Uvicorn running on http://0.0.0.0:8000') },
    says: ['sg-1 keeps the load balancer out', 'port 8000', '(30)'],
  },
  'another status, with the path of the access log': {
    row: 'Unhealthy, Target.ResponseCodeMismatch',
    rules: ['target-status'],
    of: {
      ...unhealthyEvent('Health checks failed with these codes: [404]'),
      ...logged('INFO: 10.0.0.7:1 - "GET /healthz HTTP/1.1" 404 Not Found'),
    },
    says: ['path /healthz answers 404: there is no such path', 'matcher of the target group shop-api'],
  },
  'another status: host check': {
    rules: ['target-status'],
    of: target('Target.ResponseCodeMismatch', 'Health checks failed with these codes: [400]'),
    says: ['TrustedHost', `describe-target-groups --target-group-arns ${targetGroup} --query`, '--region us-east-1'],
  },
  'another status: redirect': {
    rules: ['target-status'],
    of: target('Target.ResponseCodeMismatch', 'Health checks failed with these codes: [307]'),
    says: ['a redirect'],
  },
  'another status: sign-in': {
    rules: ['target-status'],
    of: target('Target.ResponseCodeMismatch', 'Health checks failed with these codes: [401]'),
    says: ['asks for a sign-in'],
  },
  'status 503, and the log knows why': {
    rules: ['unhealthy-with-known-log', 'database-unreachable'],
    of: {
      ...target('Target.ResponseCodeMismatch', 'Health checks failed with these codes: [503]'),
      ...logged('connection to server at "db" (10.0.1.5), port 5432 failed: timeout expired'),
    },
    says: ['ResponseCodeMismatch', 'port 5432'],
  },
  booting: {
    row: 'Killed while booting',
    rules: ['killed-while-booting'],
    of: { ...elbStopped(75), ...logged('loading the model') },
    says: [
      '75 s after its start',
      'healthCheckGracePeriodSeconds is 30',
      '--health-check-grace-period-seconds 180',
      'shop-api',
    ],
  },
  'stopped by the load balancer after it had answered for long': {
    rules: ['failed-load-balancer-checks'],
    of: elbStopped(4_000),
    says: ['shop-api', 'port 8000'],
  },
  'own check': {
    row: 'Container UNHEALTHY',
    rules: ['container-unhealthy'],
    of: {
      ...failing({
        stopCode: 'ServiceSchedulerInitiated',
        stoppedReason: 'Task failed container health checks',
        containers: [{ name: 'fastapi', exitCode: 137, reason: '', health: 'UNHEALTHY' }],
      }),
      definition: definition({
        healthCheck: { command: ['CMD-SHELL', 'curl -f http://localhost:8000/health'], startPeriod: 5 },
      }),
    },
    says: ['curl is perhaps not installed', 'startPeriod (5 s)', 'python'],
  },
  'unused: zone': {
    row: 'Unused target',
    rules: ['target-unused'],
    of: unhealthyEvent('Target is in an Availability Zone that is not enabled for the load balancer'),
    says: ['zone', 'aws elbv2 set-subnets', 'subnet-1'],
  },
  'unused: no listener': {
    rules: ['target-unused'],
    of: target('Target.NotInUse', 'Target group is not configured to receive traffic from the load balancer', 'unused'),
    says: ['listener rule forward to the target group shop-api'],
  },
  capacity: {
    row: 'No capacity',
    rules: ['no-capacity'],
    of: {
      ...event(
        '(service api) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone.',
      ),
      ...placedIn({ placement: { ...service().placement, capacityProviders: [{ capacityProvider: 'FARGATE_SPOT' }] } }),
    },
    says: ['Fargate Spot capacity', 'FARGATE beside FARGATE_SPOT', 'subnet-1'],
  },
  'capacity: instances': {
    rules: ['no-capacity'],
    of: event(
      '(service api) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance i-1) is already using a port required by your task.',
    ),
    says: ['512 CPU units and 1024 MiB, with its port free', 'Add instances'],
  },
  'capacity: quota': {
    rules: ['no-capacity'],
    of: event(
      "(service api) was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently.",
    ),
    says: ['Service Quotas'],
  },
  draining: {
    row: 'Draining slow',
    rules: ['draining-slow'],
    of: {
      reason: 'the deployment ecs-svc/2: not proven before the time limit',
      ...target('Target.DeregistrationInProgress', 'Target deregistration is in progress', 'draining'),
    },
    says: [`modify-target-group-attributes --target-group-arn ${targetGroup}`, 'timeout_seconds,Value=30'],
  },
  'silent breaker': {
    row: 'Breaker silent',
    rules: ['crash', 'breaker-silent'],
    of: {
      reason: '3 tasks of this deployment died the same way',
      ...failing(...['a', 'b', 'c'].map((arn) => ({ arn, startedAt: at(0), stoppingAt: at(90), stoppedAt: at(95) }))),
    },
    says: ['3 tasks failed', '90 s after its start', 'resetOnHealthyTask to false'],
  },
  alarm: {
    rules: ['alarm'],
    of: { reason: 'alarms went off: api-5xx' },
    says: ['alarms went off: api-5xx', 'metric'],
  },
  'stopped by a person': {
    rules: ['stopped-by-hand'],
    of: { reason: 'Stopped by user', ...logged('all is well') },
    says: ['Stopped by user', 'StopServiceDeployment'],
  },
  'stopped by a person as tasks died': {
    rules: ['crash'],
    of: { reason: 'Stopped by user', ...exited(1) },
    says: ['exit code 1', 'Stopped by user'],
  },
  hook: {
    rules: ['hook'],
    of: { reason: 'the lifecycle hook arn:aws:lambda:us-east-1:1:function:check failed' },
    says: ['function:check failed', 'hookStatus'],
  },

  /* health-check-url */
  'url: 502': {
    row: 'Guide: 502 Bad Gateway',
    rules: ['health-502'],
    of: { ...answers({ status: 502, body: '<h1>502 Bad Gateway</h1>' }), ...target('Target.FailedHealthChecks') },
    says: [
      'api.example.com answers 502',
      'target that is unhealthy (Target.FailedHealthChecks)',
      '0.0.0.0:8000',
      '/ecs/shop',
      'https://api.example.com/health: status 502',
    ],
  },
  'url: 502 of a program on another address': {
    rules: ['health-502'],
    of: { ...answers({ status: 502 }), ...logged('INFO: Uvicorn running on http://127.0.0.1:8000') },
    says: ['listens on 127.0.0.1:8000 only', '--host 0.0.0.0'],
  },
  'url: 404 of a program that listens elsewhere still answers': {
    rules: ['health-404'],
    of: { ...answers({ status: 404 }), ...logged('Listening at: http://127.0.0.1:9000') },
    says: ['no such path'],
  },
  'url: 503, no target': {
    rules: ['health-503'],
    of: answers({ status: 503 }),
    says: ['no target to forward to', 'shop-api'],
  },
  'url: 503, unhealthy': {
    rules: ['health-503'],
    of: { ...answers({ status: 503 }), ...target('Target.Timeout') },
    says: ['no target is healthy (503)', 'Target.Timeout'],
  },
  'url: 504': { rules: ['health-504'], of: answers({ status: 504 }), says: ['idle time-out', 'port 8000', 'sg-1'] },
  'url: 500 with a log': {
    rules: ['health-5xx', 'database-unreachable'],
    of: {
      ...answers({ status: 500 }),
      ...logged('psycopg.OperationalError: connection to server at "db", port 5432 failed: timeout expired'),
    },
    says: ['answers 500', 'port 5432', 'log line of fastapi'],
  },
  'url: 500 without': {
    rules: ['health-5xx'],
    of: answers({ status: 500 }),
    says: ['failed while it answered', '/ecs/shop'],
  },
  'url: S3': {
    rules: ['health-s3-denied'],
    of: answers({ status: 403, body: '<Error><Code>AccessDenied</Code></Error>', server: 'AmazonS3' }),
    says: ['bucket’s policy does not let CloudFront read', 'aws:SourceArn'],
  },
  'url: CORS': {
    rules: ['health-cors'],
    of: answers({ status: 400, body: 'Disallowed CORS origin' }),
    says: ['CORS_ORIGINS'],
  },
  'url: 403 of CloudFront': {
    rules: ['health-403'],
    of: answers({ status: 403, server: 'CloudFront' }),
    says: ['WAF refused'],
  },
  'url: 403 of the load balancer': {
    rules: ['health-403'],
    of: answers({ status: 403, server: 'awselb/2.0' }),
    says: ['secret header'],
  },
  'url: 401': { rules: ['health-401'], of: answers({ status: 401 }), says: ['asks for a sign-in'] },
  'url: 404': { rules: ['health-404'], of: answers({ status: 404 }), says: ['no such path', 'shop-api'] },
  'url: redirect': {
    rules: ['health-redirect'],
    of: answers({ status: 302, location: 'https://login.example.com/' }),
    says: ['redirects to https://login.example.com/'],
  },
  'url: 400': { rules: ['health-other'], of: answers({ status: 400 }), says: ['host name'] },
  'url: name': {
    rules: ['health-dns'],
    of: answers({ body: 'getaddrinfo ENOTFOUND api.example.com' }),
    says: ['DNS record of api.example.com'],
  },
  'url: refused': {
    rules: ['health-refused'],
    of: answers({ body: 'connect ECONNREFUSED 1.2.3.4:443' }),
    says: ['no listener on that port'],
  },
  'url: time-out': {
    rules: ['health-timeout'],
    of: answers({ body: 'The operation was aborted due to timeout' }),
    says: ['did not answer in time', '/ecs/shop'],
  },
  'url: reset': { rules: ['health-reset'], of: answers({ body: 'read ECONNRESET' }), says: ['closed the connection'] },
  'url: certificate expired': {
    rules: ['health-certificate-expired'],
    of: answers({ body: 'certificate has expired (CERT_HAS_EXPIRED)' }),
    says: ['Renew'],
  },
  'url: certificate of another name': {
    rules: ['health-certificate-name'],
    of: answers({
      body: "Hostname/IP does not match certificate's altnames: Host: api.example.com. is not in the cert's altnames (ERR_TLS_CERT_ALTNAME_INVALID)",
    }),
    says: ['other names than api.example.com'],
  },
  'url: certificate of nobody': {
    rules: ['health-certificate-issuer'],
    of: answers({ body: 'self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)' }),
    says: ['issuer'],
  },
  'url: no TLS': {
    rules: ['health-tls'],
    of: answers({ body: 'write EPROTO … ssl3_get_record:wrong version number' }),
    says: ['does not speak TLS'],
  },
  'url: otherwise': { rules: ['health-no-answer'], of: answers({ body: 'bad port' }), says: ['for the reason quoted'] },
  'url: slow': {
    row: 'Guide: Slow API responses',
    rules: ['health-slow'],
    of: answers({ status: 200, ms: 4_200 }),
    says: ['answers slowly', '4.2 s', 'Add indexes and cache'],
  },
};

describe('the one paragraph', () => {
  test.each(
    Object.entries(cases).map(
      ([name, item]) => [item.row === undefined ? name : `${item.row}: ${name}`, item] as const,
    ),
  )('%s', (_, { rules, of, says }) => {
    const found = diagnose(evidence(of));
    const text = diagnosisText(found);
    expect(rulesOf(evidence(of))).toEqual(rules);
    for (const part of says)
      expect(text).toMatch(
        typeof part === 'string' ? new RegExp(part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)) : part,
      );
    expect(text).toMatch(/^.+[.?] (?:Evidence: .+[.?…] )?Likely cause: .+\. Fix: .+\.$/);
    expect(text).not.toMatch(/undefined|\n/);
  });

  test('every row of the research and of the guide has a case', () => {
    const covered = new Set([...Object.values(cases).map(({ row }) => row), 'PassRole denied' as const]);
    expect(rows.filter((row) => !covered.has(row))).toEqual([]);
  });

  test('every rule has a case, and no two share a name', () => {
    const covered = new Set(Object.values(cases).flatMap(({ rules }) => rules));
    expect(ruleNames.filter((name) => !covered.has(name))).toEqual([]);
    expect(new Set(ruleNames).size).toBe(ruleNames.length);
  });

  test('PassRole denied: the row of the calls of our own', () => {
    const error = new AwsError(
      'AccessDeniedException',
      `ECS RegisterTaskDefinition was denied: ${denied('iam:PassRole', 'arn:aws:iam::1:role/shop-task', 'deploy')}`,
      {
        service: 'ECS',
        operation: 'RegisterTaskDefinition',
        hint: 'Add this statement: {…}',
      },
    );
    expect(diagnosisText(diagnoseDenial(error)!)).toMatch(
      /^The call ECS RegisterTaskDefinition was denied\. Evidence: .*Likely cause: the role deploy has no permission for iam:PassRole on arn:aws:iam::1:role\/shop-task\. Fix: Add this statement: \{…\}\.$/,
    );
    const other = new AwsError('ClientException', 'ECS RegisterTaskDefinition: no', { service: 'ECS', operation: 'x' });
    expect(diagnoseDenial(other)).toBeUndefined();
    expect(diagnoseDenial(new Error('x'))).toBeUndefined();
  });

  test('without any evidence says so, and invents no cause', () => {
    expect(diagnosisText(diagnose(evidence({ reason: 'the deployment failed' })))).toMatch(
      /^the deployment failed\. .*AWS gave no failed task/i,
    );
  });

  test('a whole ARN is not said to be a partial one', () => {
    const text = `${init}unable to retrieve secret from asm: failed to fetch secret ${secretArn} from secrets manager: ResourceNotFoundException: x`;
    expect(diagnose(evidence(notStarted(text))).cause).toBe('there is no such secret or it has no value yet');
  });

  test('what could not be read is named', () => {
    expect(diagnosisText(diagnose(evidence({ missing: ['target health (AccessDeniedException)'] })))).toContain(
      'not readable: target health (AccessDeniedException)',
    );
  });

  type Ended = readonly [name: string, exitCode: number | undefined, reason?: string];
  test.each<readonly [string, readonly Ended[], string]>([
    [
      'a sidecar that is not essential is not blamed',
      [
        ['agent', 9],
        ['fastapi', 2],
      ],
      'fastapi ended with exit code 2',
    ],
    [
      'an essential one is',
      [
        ['fastapi', 143],
        ['proxy', 3],
      ],
      'proxy ended with exit code 3',
    ],
    [
      'nor what ECS stopped as another one ended',
      [
        ['proxy', 137],
        ['fastapi', 1],
      ],
      'fastapi ended with exit code 1',
    ],
    [
      'not even when that one ended well',
      [
        ['proxy', 143],
        ['fastapi', 0],
      ],
      'fastapi ended with exit code 0',
    ],
    [
      'a signal alone is what it is',
      [
        ['agent', 1],
        ['proxy', 137],
      ],
      'proxy ended with exit code 137 (SIGKILL)',
    ],
    [
      'nor one without an end',
      [
        ['proxy', undefined],
        ['fastapi', 5],
      ],
      'fastapi ended with exit code 5',
    ],
    [
      'a sidecar that could not be started',
      [
        ['fastapi', undefined],
        ['proxy', undefined, 'CannotStartContainerError: x'],
      ],
      'proxy could not be started',
    ],
    [
      'a sidecar’s image',
      [
        ['fastapi', undefined],
        ['proxy', undefined, 'CannotPullContainerError: not found'],
      ],
      'The image nginx:9 could not be pulled',
    ],
  ])('%s', (_, ended, what) => {
    const definition = taskDefinition({
      containerDefinitions: [
        { name: 'agent', essential: false },
        { name: 'fastapi', image: 'app:1' },
        { name: 'proxy', essential: true, image: 'nginx:9' },
      ],
    });
    const containers = ended.map(([name, exitCode, reason = '']) => ({ name, exitCode, reason, health: '' }));
    expect(diagnose(evidence({ definition, ...failing({ containers }) })).what).toContain(what);
  });

  test('the port and target group of the container that failed, where a service has several', () => {
    const loadBalancers = ['proxy', 'fastapi'].map((container, index) => ({
      targetGroup: `arn:x:targetgroup/of-${container}/1`,
      container,
      port: 8000 + index,
    }));
    const found = diagnose(evidence({ ...target('Target.Timeout'), ...placedIn({ loadBalancers }) }));
    expect(found.fix).toContain('port 8001');
  });

  test('the newest event that tells something is quoted', () => {
    const events = [
      'has started 1 tasks',
      'deployment failed: tasks failed to start',
      'was unable to place a task because of x.',
      'is unhealthy',
    ].map((message, index) => ({ id: `${index}`, at: at(9 - index), message }));
    expect(diagnose(evidence({ reason: 'r', events })).evidence).toEqual([
      'r',
      'was unable to place a task because of x',
    ]);
  });
});

/** Other words for the same, as AWS, drivers and frameworks have them: by what they have to be taken for. */
const inLogs: Readonly<Record<string, readonly string[]>> = {
  'database-password': [
    'asyncpg.exceptions.InvalidPasswordError: password authentication failed for user "app"',
    'FATAL:  role "app" does not exist',
  ],
  'database-tls': [
    'FATAL: no pg_hba.conf entry for host "1.2.3.4", user "a", database "b", SSL off',
    'psycopg2.OperationalError: sslmode value "x" invalid',
    'PostgreSQL server at "db:5432" rejected SSL upgrade',
    'server does not support SSL, but SSL was required',
    'FATAL: SSL connection is required. Please specify SSL options and retry.',
  ],
  'database-connections': ['FATAL: sorry, too many clients already', 'FATAL: too many connections for role "app"'],
  'database-permission': ['ERROR: permission denied for schema public', 'permission denied for sequence ids_seq'],
  'database-schema': [
    "alembic.util.exc.CommandError: Can't locate revision identified by 'abc'",
    'column orders.total does not exist',
    'UndefinedColumnError: x',
  ],
  'database-unreachable': [
    'could not connect to server: Connection timed out',
    'psycopg.OperationalError: connection is bad: timeout',
    'Error: connect ETIMEDOUT 10.0.0.5:5432',
    'postgres: dial tcp 10.0.0.5:5432: connect: connection refused',
    'asyncpg: connection timed out',
    'psycopg2.OperationalError: Network is unreachable',
    "OSError: Multiple exceptions: [Errno 111] Connect call failed ('10.0.0.5', 5432)",
  ],
  'unknown-host': [
    'socket.gaierror: [Errno -2] Name or service not known',
    'nodename nor servname provided, or not known',
    'socket.gaierror: [Errno -3] Temporary failure in name resolution',
    'Error: getaddrinfo ENOTFOUND db.internal',
    'Error: getaddrinfo EAI_AGAIN db.internal',
    'dial tcp: lookup db.internal: no such host',
  ],
  'redis-unreachable': [
    'redis.exceptions.TimeoutError: Timeout connecting to server',
    'Error: connect ECONNREFUSED 10.0.0.6:6379',
    "ConnectionRefusedError: [Errno 111] Connect call failed ('10.0.0.6', 6379)",
    'redis: connection reset by peer',
  ],
  'redis-refused-login': ['WRONGPASS invalid username-password pair or user is disabled.'],
  's3-access-denied': [
    'S3ServiceException: AccessDenied',
    'AccessDenied: Access Denied',
    'An error occurred (AccessDenied) when calling the HeadBucket operation: Forbidden',
  ],
  'task-role-denied': ['An error occurred (AccessDeniedException) when calling the GetSecretValue operation: no'],
  'no-credentials': [
    'CredentialsProviderError: Could not load credentials from any providers',
    'botocore: Unable to locate credentials',
  ],
  'missing-variable': [
    'RuntimeError: environment variable DATABASE_URL is not set',
    'Error: Missing required environment variables: SESSION_SECRET',
    'ValueError: SESSION_SECRET must be set',
    'panic: SESSION_SECRET is required',
    'SESSION_SECRET not found in environment',
    '{"message": "KeyError: \'SESSION_SECRET\'"}',
  ],
  'missing-setting': [
    String.raw`{"exc": "1 validation error for Settings\ndatabase_url\n  Field required [type=missing]"}`,
  ],
  'invalid-setting': ['2 validation errors for Settings', '1 validation error for AppConfig'],
  'module-missing': [
    "ImportError: cannot import name 'x' from 'y'",
    "Error: Cannot find module '/app/dist/main.js'",
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'express'",
    'ERROR: Error loading ASGI app. Could not import module "main".',
    'ERROR: Error loading ASGI app. Attribute "app" not found in module "main".',
  ],
  'port-in-use': [
    'Error: listen EADDRINUSE: address already in use :::8000',
    'OSError: [Errno 98] Address already in use',
    'bind: port is already allocated',
  ],
  'read-only': ['Error: EROFS: read-only file system, open'],
  'file-permission': [
    "Error: EACCES: permission denied, open '/app/x'",
    'PermissionError: not allowed',
    'Error: listen EACCES: permission denied 0.0.0.0:80',
  ],
  'out-of-heap': [
    'MemoryError',
    'java.lang.OutOfMemoryError: Java heap space',
    'OSError: [Errno 12] Cannot allocate memory',
  ],
  'slow-queries': [
    'ERROR: canceling statement due to statement timeout',
    'LOG: duration: 12345.678 ms statement: SELECT',
    'sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00',
    '[CRITICAL] WORKER TIMEOUT (pid:8)',
    'slow query: 4.2 s',
    'psycopg_pool.PoolTimeout: pool timeout',
  ],
  cors: [
    'Disallowed CORS origin',
    'CORS request from https://a.example was blocked',
    'Error: Origin https://a.example is not allowed',
    '"OPTIONS /x HTTP/1.1" 403',
  ],
};

test.each(Object.entries(inLogs).flatMap(([name, texts]) => texts.map((text) => [name, text] as const)))(
  'in a log %s: %s',
  (name, text) => expect(rulesOf(evidence(crashed('starting', text)))).toEqual(['crash-with-known-log', name]),
);

test.each([
  'INFO: 10.0.0.7:1 - "GET /health HTTP/1.1" 200 OK',
  'INFO: Application startup complete.',
  'connected to redis and to the database',
  'Traceback (most recent call last):',
  "KeyError: 'lower case'",
  'TimeoutError',
  'npm warn deprecated x',
])('a line that tells nothing: %s', (text) => expect(rulesOf(evidence(crashed(text)))).toEqual(['crash']));

test.each<readonly [string, string]>([
  ['INFO: Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)', 'bound-to-localhost'],
  ['[INFO] Listening at: http://127.0.0.1:8000 (1)', 'bound-to-localhost'],
  ['Server listening on localhost:8000', 'bound-to-localhost'],
  ['Listening on [::1]:8000', 'bound-to-localhost'],
  ['Server listening on port 3000', 'wrong-port'],
  ['Listening on 0.0.0.0:80', 'wrong-port'],
  ['Started server on 0.0.0.0:9000', 'wrong-port'],
  ['INFO: Uvicorn running on http://0.0.0.0:8000', 'target-no-answer'],
  ['Listening on port 8000', 'target-no-answer'],
  ['Listening on [::]:8000', 'target-no-answer'],
  ['nothing of the kind', 'target-no-answer'],
  ['Connecting to server at db:3306', 'target-no-answer'],
  ['Running on Python 3.14', 'target-no-answer'],
  ['Starting development server at http://127.0.0.1:8000/', 'bound-to-localhost'],
])('where it listens: %s', (text, name) => {
  expect(rulesOf(evidence({ ...target('Target.FailedHealthChecks'), ...logged(text) }))).toEqual([name]);
});

test('a second server, as for metrics, is not taken for the first', () => {
  const both = logged('Uvicorn running on http://0.0.0.0:8000', 'metrics: listening on 127.0.0.1:9090');
  expect(rulesOf(evidence({ ...target('Target.FailedHealthChecks'), ...both }))).toEqual(['target-no-answer']);
});

test('a time-out without a word of which service is the database’s only when nothing else was spoken of later', () => {
  const rules = rulesOf(evidence(crashed('File "asyncpg/connection.py"', 'redis: connecting', 'TimeoutError')));
  expect(rules).not.toContain('database-unreachable');
});

const stopReasons: Readonly<Record<string, readonly string[]>> = {
  'pull-network': [
    'CannotPullContainerError: Error response from daemon: Get https://x: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)',
    'CannotPullContainerError: context canceled',
    'CannotPullContainerError: dial tcp 1.2.3.4:443: connect: no route to host',
    'CannotPullContainerError: dial tcp 1.2.3.4:443: connect: network is unreachable',
    'CannotPullContainerError: dial tcp 1.2.3.4:443: connect: connection refused',
    'CannotPullContainerError: read: connection reset by peer',
    'CannotPullContainerError: context deadline exceeded',
    'CannotPullContainerError: The task can’t pull the image. Check your network configuration',
    'CannotPullContainerError: timed out',
  ],
  'pull-not-found': [
    'CannotPullContainerError: API error (404): repository x/y not found',
    'CannotPullContainerError: RepositoryNotFoundException',
    'CannotPullContainerError: no such image',
  ],
  'pull-denied': [
    "CannotPullContainerError: pull access denied for x, repository does not exist or may require 'docker login'",
    'CannotPullContainerError: no basic auth credentials',
    'CannotPullContainerError: unexpected status 401 Unauthorized',
    'CannotPullContainerError: unauthorized: authentication required',
    'CannotPullContainerError: Check that the role has the permissions to pull images from the registry.',
  ],
  'pull-rate-limit': [
    'CannotPullContainerError: toomanyrequests: Rate exceeded',
    'CannotPullContainerError: You have reached your pull rate limit.',
    'CannotPullContainerError: too many requests',
  ],
  'pull-platform': [
    'CannotPullContainerError: no match for platform in manifest',
    'CannotPullContainerError: no matching manifest for linux/arm64 in the manifest list entries',
    'CannotPullContainerError: image with reference x was found but does not match the specified platform',
  ],
  'secret-missing': [
    `${init}unable to retrieve secrets from ssm: invalid parameters: /a/b`,
    `${init}unable to retrieve secret from asm: can't find the specified secret value for staging label: AWSCURRENT`,
  ],
  'secret-json-key': [
    `${init}unable to retrieve secret from asm: cannot unmarshal: looking for beginning of value`,
    `${init}unable to retrieve secret from asm: service call has been retried 1 time(s): invalid character '\\'' looking for beginning of value`,
  ],
  'secret-network': [
    `${init}unable to retrieve secrets from ssm: There is a connection issue between the task and AWS Systems Manager.`,
  ],
  'secret-key': [
    `${init}unable to retrieve secret from asm: ${denied('kms:Decrypt', 'arn:aws:kms:x:1:key/k', 'shop-execution')}`,
  ],
  'log-group-missing': [
    'ResourceInitializationError: failed to initialize logging driver: the log group does not exist',
  ],
  'role-not-assumable': ['ECS was unable to assume role "x"', 'ECS was unable to assume the service linked role.'],
  'no-capacity': [
    'RESOURCE:MEMORY',
    'SpotInterruption: your Spot task was interrupted',
    'insufficient memory available',
  ],
  'container-unhealthy': ['Task failed container health checks'],
};

test.each(Object.entries(stopReasons).flatMap(([name, texts]) => texts.map((text) => [name, text] as const)))(
  'a stop reason for %s: %s',
  (name, text) => expect(rulesOf(evidence(notStarted(text)))).toEqual([name]),
);

const noAnswers: Readonly<Record<string, readonly string[]>> = {
  'health-dns': ['getaddrinfo EAI_AGAIN a', 'getaddrinfo EAI_NODATA a'],
  'health-timeout': [
    'Connect Timeout Error (UND_ERR_CONNECT_TIMEOUT)',
    'connect ETIMEDOUT 1.2.3.4:443',
    'TimeoutError',
  ],
  'health-reset': ['other side closed (UND_ERR_SOCKET)', 'write EPIPE', 'terminated', 'socket hang up'],
  'health-certificate-issuer': [
    'unable to verify the first certificate (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
    'unable to get local issuer certificate (UNABLE_TO_GET_ISSUER_CERT_LOCALLY)',
    'self signed certificate',
  ],
  'health-certificate-name': ["Hostname/IP does not match certificate's altnames"],
  'health-tls': [
    'sslv3 alert handshake failure (ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE)',
    'write EPROTO 1:error',
    'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  ],
};

test.each(Object.entries(noAnswers).flatMap(([name, texts]) => texts.map((text) => [name, text] as const)))(
  'no answer for %s: %s',
  (name, body) => expect(rulesOf(evidence(answers({ body })))).toEqual([name]),
);

const text = fc.oneof(
  fc.string({ maxLength: 400 }),
  fc.constantFrom(
    ...Object.values(inLogs).flat(),
    ...Object.values(stopReasons).flat(),
    '\r\n::error::x',
    '\u001b[31m',
  ),
);

test('whatever is told: one paragraph, below 3 KB, below 25 lines, and never an error', () => {
  fc.assert(
    fc.property(
      fc.record({
        reason: text,
        failures: fc.array(
          fc.record({
            stoppedReason: text,
            stopCode: text,
            exitCode: fc.option(fc.nat(255), { nil: undefined }),
            why: text,
          }),
          { maxLength: 3 },
        ),
        events: fc.array(text, { maxLength: 3 }),
        targets: fc.array(fc.record({ reason: text, description: text, state: text }), { maxLength: 3 }),
        lines: fc.array(text, { maxLength: 20 }),
        health: fc.option(fc.record({ url: text, status: fc.nat(599), body: text, location: text }), {
          nil: undefined,
        }),
      }),
      ({ reason, failures, events, targets, lines, health }) => {
        const found = diagnose(
          evidence({
            reason,
            failures: failures.map(({ stoppedReason, stopCode, exitCode, why }) =>
              stoppedTask({
                stoppedReason,
                stopCode,
                containers: [{ name: 'fastapi', exitCode, reason: why, health: '' }],
              }),
            ),
            events: events.map((message, index) => ({ id: `${index}`, at: at(index), message })),
            targets: targets.map((item, index) => ({ id: `${index}`, port: index, ...item })),
            ...logged(...lines),
            health: health === undefined ? undefined : { url: health.url, answer: { ms: 1, ...health } },
          }),
        );
        const paragraph = diagnosisText(found);
        expect(paragraph).toMatch(/ Likely cause: .+ Fix: .+/);
        expect(paragraph).not.toMatch(/[\r\n\u001b]/);
        expect(Buffer.byteLength(paragraph)).toBeLessThanOrEqual(3_001);
        expect(diagnosisLines(found).length).toBeLessThanOrEqual(25);
        expect(diagnosisLines(found).join('')).not.toMatch(/[\r\n\u001b]/);
      },
    ),
  );
});

describe('on one screen', () => {
  const long = 'é'.repeat(3_000);
  const much = evidence({
    reason: long,
    ...failing({
      stoppedReason: `CannotPullContainerError: ${long}`,
      containers: [{ name: 'fastapi', exitCode: 1, reason: long, health: '' }],
    }),
    events: [{ id: 'e', at: at(1), message: `unable ${long}` }],
    targets: [1, 2, 3].map((id) => ({ id: `${id}`, port: 1, state: 'unhealthy', reason: long, description: long })),
    logs: ['fastapi', 'proxy'].map((container) => ({ container, lines: Array.from({ length: 20 }, () => long) })),
    missing: [long],
  });

  test('at most 25 lines in the log, and 3 KB in an annotation', () => {
    expect(diagnosisLines(diagnose(much)).length).toBeLessThanOrEqual(25);
    expect(Buffer.byteLength(diagnosisText(diagnose(much)))).toBeLessThanOrEqual(3_001);
    const { logs } = diagnose(much);
    expect(logs.map(({ lines }) => lines.length)).toEqual([20, 20]);
    expect(Math.max(...logs.flatMap(({ lines }) => lines.map((line) => line.length)))).toBeLessThanOrEqual(400);
  });

  test('what, evidence, cause, fix, then the last lines of each container', () => {
    const lines = diagnosisLines(diagnose(evidence({ ...crashed("KeyError: 'X_Y'", 'Exiting.'), reason: 'breaker' })));
    expect(lines[0]).toBe('The container fastapi ended with exit code 1.');
    expect(lines.slice(1, 6)).toEqual([
      '  - breaker',
      expect.stringMatching(/^ {2}- task 0a0a0a0a: EssentialContainerExited, .*, 1 s after its start$/),
      '  - container fastapi: exit code 1',
      "  - KeyError: 'X_Y'",
      expect.stringMatching(/^Likely cause: .*X_Y/),
    ]);
    expect(lines.slice(-3)).toEqual(['last log lines of fastapi:', "  │ KeyError: 'X_Y'", '  │ Exiting.']);
  });
});

test('what comes from outside is masked wherever it is quoted', () => {
  const found = diagnose(
    evidence({
      ...exited(1, 'cannot use hunter2'),
      ...logged('token hunter2', 'postgresql+asyncpg://app:pa55@db/x refused', "KeyError: 'A_B' password=s3cr3t"),
      reason: 'Bearer abcdefghijklmnop',
      sensitive: ['hunter2'],
    }),
  );
  const all = JSON.stringify(found) + diagnosisText(found) + diagnosisLines(found).join('\n');
  expect(all).not.toMatch(/hunter2|pa55|s3cr3t|abcdefgh/);
  expect(found.logs[0]?.lines.slice(0, 2)).toEqual(['token ***', 'postgresql+asyncpg://app:***@db/x refused']);
});

test('what the finding says already is no evidence of its own', () => {
  const made = diagnose(evidence({ reason: 'the deployment was stopped by a user' }));
  expect([made.what, made.evidence]).toEqual(['the deployment was stopped by a user', []]);
});

test('more than three tasks that start are counted', () => {
  const starting = ['a', 'b', 'c', 'd', 'e'].map((id) => beginning(id, 'PENDING'));
  const [, said] = diagnose(evidence({ ...outOfTime({ running: 0, pending: 5 }), starting })).evidence;
  expect(said).toMatch(/^5 tasks were still starting: a PENDING.*; c PENDING, made at \S+ and 2 more$/);
});
