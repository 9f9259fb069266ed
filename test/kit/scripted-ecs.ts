import { taskDefinition } from './ecs.ts';
import type { Answer, ScriptedCall } from './scripted-aws.ts';

/** A part of an answer, with AWS's own names; times in epoch seconds. */
export type Wire = Record<string, unknown>;

const account = 'arn:aws:ecs:us-east-1:123456789012';
export const wireArn = (kind: string, name: string): string => `${account}:${kind}/${name}`;
const inService = (kind: string, id: string): string => wireArn(kind, `shop/api/${id}`);

/** How the world is before anything happens. */
export interface Given {
  /** Fields of the service. */
  readonly service?: Wire;
  /** Fields of the deployment that ran before, `old`; null: there is none. */
  readonly old?: Wire | null;
  /** More deployments by name: someone else's, still going on. */
  readonly deployments?: Readonly<Record<string, Wire>>;
  /** `name:revision` → what differs from the usual definition. */
  readonly definitions?: Readonly<Record<string, Wire>>;
  /** Records of earlier deployments, newest first: `task definition STATUS`. */
  readonly history?: readonly string[];
  /** Whether AWS tells of service deployments: it does, it denies all such calls, it knows none, or only after so many seconds. */
  readonly records?: 'kept' | 'denied' | 'none' | number;
  /** Operations that are denied. */
  readonly denied?: readonly string[];
  /** Deployments on a page of ListServiceDeployments. */
  readonly page?: number;
  /** Why RunTask places nothing. */
  readonly 'no-capacity'?: string;
  /** What other services answer, by `service Operation` (`ecr BatchGetImage`): a body, or an error with `__type`, `message`, `httpStatus`. */
  readonly answers?: Readonly<Record<string, Wire>>;
  /** Statuses of the health URL, one a call, the last one on and on. */
  readonly health?: readonly number[];
  /** Milliseconds it seems to take; only in virtual time. */
  readonly 'health-takes'?: number;
  /** Seconds that the service's clock is ahead of the runner's. */
  readonly clock?: number;
}

/** Tasks of a deployment that ended. */
export interface Death {
  readonly of?: string;
  readonly times?: number;
  readonly stopCode?: string;
  readonly stoppedReason?: string;
  readonly container?: string;
  readonly exitCode?: number | null;
  readonly reason?: string;
  readonly health?: string;
}

const writing = ['RegisterTaskDefinition', 'UpdateService', 'StopServiceDeployment', 'RunTask', 'StopTask'];
const activeStatuses = ['PENDING', 'IN_PROGRESS'];

/**
 * One ECS service `api` in the cluster `shop` and what belongs to it, as AWS shows it on the wire. By itself it does what
 * AWS does at once; what AWS does later is patched in by whoever holds it.
 */
export class EcsWorld {
  /** Every write that was carried out, in order, and every stop that AWS refused. */
  readonly writes: string[] = [];
  /** `path=value` of every text that was ever answered, such as `serviceDeployments.status=STOPPED`. */
  readonly served = new Set<string>();
  readonly tasks = new Map<string, Wire>();
  readonly log: string[] = [];
  readonly events: Wire[] = [];
  readonly service: Wire;
  targets: readonly Wire[] = [];
  /** Told of each call right before and right after it is carried out, and of an update before it is answered. */
  onCall: (operation: string, phase: 'before' | 'during' | 'after') => void = () => undefined;
  readonly #given: Given;
  readonly #now: () => number;
  readonly #deployments = new Map<string, Wire>();
  readonly #records = new Map<string, Wire>();
  /** Seconds at which a record is to be seen. */
  readonly #visible = new Map<string, number>();
  readonly #definitions = new Map<string, Wire>();
  readonly #oneOffs = new Map<string, string>();
  readonly #updates: string[] = ['ours', 'back'];
  #numbers = 0;
  #asked = 0;

  /** `now`: the runner's clock, in milliseconds. */
  constructor(given: Given, now: () => number) {
    this.#given = given;
    this.#now = () => now() / 1000 + (given.clock ?? 0);
    this.#define('backend:1', {});
    for (const [name, special] of Object.entries(given.definitions ?? {})) this.#define(name, special);
    this.service = merge(
      {
        serviceArn: wireArn('service', 'shop/api'),
        serviceName: 'api',
        clusterArn: wireArn('cluster', 'shop'),
        status: 'ACTIVE',
        desiredCount: 2,
        launchType: 'FARGATE',
        platformVersion: 'LATEST',
        schedulingStrategy: 'REPLICA',
        deploymentController: { type: 'ECS' },
        deploymentConfiguration: {
          strategy: 'ROLLING',
          deploymentCircuitBreaker: { enable: true, rollback: true },
          maximumPercent: 200,
          minimumHealthyPercent: 100,
        },
        networkConfiguration: {
          awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'], assignPublicIp: 'DISABLED' },
        },
        loadBalancers: [],
      },
      given.service ?? {},
    );
    for (const [index, line] of [...(given.history ?? [])].entries()) {
      const [definition = '', status = ''] = line.split(' ');
      const made = this.#deployment(`history-${index + 1}`, this.wire({ taskDefinition: definition }));
      this.#deployments.delete(`history-${index + 1}`);
      this.#record(`history-${index + 1}`, made, { status, createdAt: this.#now() - 86_400 * (index + 2) });
    }
    if (given.old !== null) {
      const createdAt = this.#now() - 86_400;
      const desired = this.service['desiredCount'];
      const old = this.#deployment('old', {
        createdAt,
        runningCount: desired,
        rolloutState: 'COMPLETED',
        rolloutStateReason: 'ECS deployment completed.',
        ...this.wire(given.old ?? {}),
      });
      const status = old['rolloutState'] === 'IN_PROGRESS' ? 'IN_PROGRESS' : 'SUCCESSFUL';
      this.#record('old', old, { createdAt: old['createdAt'], status });
    }
    for (const [name, special] of Object.entries(given.deployments ?? {})) this.deploy(name, special);
  }

  /** Fields as AWS sends them: task definitions are given as `name:revision`, times as seconds from now. */
  wire(fields: Wire): Wire {
    const inner = (value: unknown): unknown => (isObject(value) ? this.wire(value) : value);
    return Object.fromEntries(
      Object.entries(fields).map(([name, value]) => {
        if (name === 'taskDefinition') return [name, wireArn('task-definition', nameOf(String(value)))];
        if (/At$/.test(name) && typeof value === 'number' && value < 1e9) return [name, this.#now() + value];
        return [name, Array.isArray(value) ? value.map(inner) : inner(value)];
      }),
    );
  }

  answer(call: ScriptedCall): Answer {
    const { operation } = call;
    this.onCall(operation, 'before');
    // What is kept may change before it is sent.
    const said = structuredClone(this.#denies(operation) ? denial(call) : this.#answer(call));
    this.onCall(operation, 'after');
    if (!('__type' in said)) for (const [path, value] of texts(said, '')) this.served.add(`${path}=${value}`);
    return said;
  }

  /** A deployment of the list, by name: `old`, `ours` (of the first UpdateService), `back` (of the second), or a neighbour's. */
  deployment(name: string): Wire | undefined {
    return this.#deployments.get(name);
  }

  record(name: string): Wire | undefined {
    return this.#records.get(name);
  }

  /** A new deployment takes the PRIMARY one's place. */
  deploy(name: string, special: Wire = {}): Wire {
    for (const other of this.#deployments.values()) if (other['status'] === 'PRIMARY') other['status'] = 'ACTIVE';
    const made = this.#deployment(name, this.wire(special));
    this.#record(name, made, {});
    return made;
  }

  /** It is through: its tasks run, all others are gone, its record is SUCCESSFUL. */
  complete(name: string): void {
    const own = this.#deployments.get(name)!;
    Object.assign(own, {
      runningCount: own['desiredCount'],
      pendingCount: 0,
      rolloutState: 'COMPLETED',
      rolloutStateReason: `ECS deployment ${String(own['id'])} completed.`,
    });
    for (const other of [...this.#deployments.keys()]) if (other !== name) this.#deployments.delete(other);
    const record = this.#records.get(name);
    if (record !== undefined) Object.assign(record, { status: 'SUCCESSFUL', finishedAt: this.#now() });
  }

  drop(name: string): void {
    this.#deployments.delete(name);
  }

  die({ of = 'ours', times = 1, ...how }: Death): void {
    const deployment = this.#deployments.get(of)!;
    for (let count = 0; count < times; count += 1) {
      const arn = wireArn('task', `shop/${String(this.tasks.size + 1).padStart(32, '0')}`);
      this.tasks.set(arn, {
        taskArn: arn,
        clusterArn: wireArn('cluster', 'shop'),
        taskDefinitionArn: deployment['taskDefinition'],
        group: 'service:api',
        startedBy: deployment['id'],
        lastStatus: 'STOPPED',
        desiredStatus: 'STOPPED',
        stopCode: how.stopCode ?? 'EssentialContainerExited',
        stoppedReason: how.stoppedReason ?? 'Essential container in task exited',
        createdAt: this.#now() - 2,
        startedAt: this.#now() - 1,
        stoppedAt: this.#now(),
        containers: [
          {
            name: how.container ?? 'fastapi',
            ...(how.exitCode === null ? {} : { exitCode: how.exitCode ?? 1 }),
            ...(how.reason === undefined ? {} : { reason: how.reason }),
            healthStatus: how.health ?? 'UNKNOWN',
          },
        ],
      });
    }
    deployment['failedTasks'] = Number(deployment['failedTasks']) + times;
    const record = this.#records.get(of);
    const breaker = (record?.['deploymentCircuitBreaker'] ?? {}) as Wire;
    breaker['failureCount'] = Number(breaker['failureCount'] ?? 0) + times;
  }

  say(message: string): void {
    this.events.unshift({ id: `event-${this.events.length + 1}`, createdAt: this.#now(), message });
  }

  #denies(operation: string): boolean {
    const { records, denied = [] } = this.#given;
    return denied.includes(operation) || (records === 'denied' && /Service(?:Deployment|Revision)/.test(operation));
  }

  #answer(call: ScriptedCall): Answer {
    const { service, operation, input } = call;
    if (writing.includes(operation)) return this.#write(operation, input);
    switch (`${service} ${operation}`) {
      case 'ecs DescribeServices':
        return String(input['cluster']).endsWith('shop') && String((input['services'] as string[])[0]).endsWith('api')
          ? { services: [this.#serviceNow()], failures: [] }
          : { services: [], failures: [{ reason: 'MISSING' }] };
      case 'ecs DescribeTaskDefinition':
        return this.#describeDefinition(String(input['taskDefinition']));
      case 'ecs ListTaskDefinitions':
        return { taskDefinitionArns: [...this.#definitions.keys()].toReversed() };
      case 'ecs ListServiceDeployments':
        return this.#listRecords(input);
      case 'ecs DescribeServiceDeployments':
        return { serviceDeployments: this.#seen().filter(isOneOf(input['serviceDeploymentArns'])).map(counted(this)) };
      case 'ecs DescribeServiceRevisions':
        return { serviceRevisions: (input['serviceRevisionArns'] as string[]).flatMap((arn) => this.#revision(arn)) };
      case 'ecs ListTasks':
        return {
          taskArns: [...this.tasks.values()]
            .filter((task) => task['group'] === 'service:api' && task['desiredStatus'] === input['desiredStatus'])
            .map((task) => task['taskArn']),
        };
      case 'ecs DescribeTasks':
        return { tasks: (input['tasks'] as string[]).flatMap((arn) => this.tasks.get(arn) ?? []), failures: [] };
      case 'elasticloadbalancing DescribeTargetHealth':
        return { TargetHealthDescriptions: this.targets };
      case 'logs GetLogEvents':
        return this.#logEvents(input);
      case 'http GET /health': {
        const { health = [200] } = this.#given;
        const status = health[Math.min(this.#asked++, health.length - 1)]!;
        return status === 200 ? { ok: true } : { __type: 'Unhealthy', message: 'no database', httpStatus: status };
      }
      default:
        return this.#given.answers?.[`${service} ${operation}`] ?? denial(call);
    }
  }

  #write(operation: string, input: Wire): Answer {
    const said = (detail: string): number => this.writes.push(`${operation} ${detail}`.trim());
    switch (operation) {
      case 'RegisterTaskDefinition': {
        const family = String(input['family']);
        const numbers = [...this.#definitions.values()].filter((item) => item['family'] === family);
        const name = `${family}:${Math.max(0, ...numbers.map((item) => Number(item['revision']))) + 1}`;
        said(name);
        return { taskDefinition: this.#define(name, input) };
      }
      case 'UpdateService':
        return this.#update(input, said);
      case 'StopServiceDeployment': {
        const [name, record] =
          [...this.#records].find(([, item]) => isOneOf([input['serviceDeploymentArn']])(item)) ?? [];
        if (record === undefined) return { __type: 'ServiceDeploymentNotFoundException', message: 'not found' };
        if (!activeStatuses.includes(String(record['status']))) {
          said(`${name!}: refused`);
          return { __type: 'ConflictException', message: 'The service deployment is not in progress.' };
        }
        said(`${name!} ${String(input['stopType'])}`);
        record['status'] = 'ROLLBACK_REQUESTED';
        return { serviceDeploymentArn: record['serviceDeploymentArn'] };
      }
      case 'RunTask':
        return this.#runTask(input, said);
      default: {
        said(String(input['reason']));
        const task = this.tasks.get(String(input['task']));
        return task === undefined ? { __type: 'InvalidParameterException', message: 'no such task' } : { task };
      }
    }
  }

  /** A deployment begins when the revision is another one or when it is forced; a count alone starts none. */
  #update(input: Wire, said: (detail: string) => void): Answer {
    const { taskDefinition: wanted, desiredCount, forceNewDeployment } = input;
    const arn = this.#find(String(wanted))?.['taskDefinitionArn'] as string | undefined;
    if (arn === undefined) return { __type: 'ClientException', message: 'TaskDefinition not found.' };
    const count = desiredCount === undefined ? '' : ` count ${Number(desiredCount)}`;
    said(`${nameOf(arn)}${count}${forceNewDeployment === true ? ' forced' : ''}`);
    if (desiredCount !== undefined) this.service['desiredCount'] = desiredCount;
    if (arn !== this.#primary()?.['taskDefinition'] || forceNewDeployment === true) {
      this.deploy(this.#updates.shift() ?? `again-${this.#numbers}`, { taskDefinition: arn });
    }
    this.onCall('UpdateService', 'during');
    return { service: this.#serviceNow() };
  }

  #runTask(input: Wire, said: (detail: string) => void): Answer {
    const reason = this.#given['no-capacity'];
    const { containerOverrides = [] } = (input['overrides'] ?? {}) as { containerOverrides?: Wire[] };
    const command = ((containerOverrides[0]?.['command'] ?? []) as string[]).join(' ');
    if (reason !== undefined) {
      said(`${command}: no capacity`);
      return { tasks: [], failures: [{ reason }] };
    }
    const token = (input['clientToken'] as string | undefined) ?? `${this.tasks.size}`;
    if (!/^[\x21-\x7e]{1,64}$/.test(token)) return { __type: 'ClientException', message: `bad clientToken ${token}` };
    const known = this.#oneOffs.get(token);
    said(known === undefined ? command : `${command}: the same task again`);
    if (known !== undefined) return { tasks: [this.tasks.get(known)], failures: [] };
    const arn = wireArn('task', `shop/${'a'.repeat(31)}${this.#oneOffs.size + 1}`);
    const definition = this.#find(String(input['taskDefinition']));
    const task: Wire = {
      taskArn: arn,
      clusterArn: wireArn('cluster', 'shop'),
      taskDefinitionArn: definition?.['taskDefinitionArn'],
      group: 'family:backend',
      startedBy: input['startedBy'],
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
      createdAt: this.#now(),
      containers: ((definition?.['containerDefinitions'] ?? []) as Wire[]).map(({ name }) => ({ name })),
    };
    this.#oneOffs.set(token, arn);
    this.tasks.set(arn, task);
    return { tasks: [task], failures: [] };
  }

  /** The newest one-off task. */
  get oneOff(): Wire | undefined {
    return this.tasks.get([...this.#oneOffs.values()].at(-1) ?? '');
  }

  #serviceNow(): Wire {
    const deployments = [...this.#deployments.values()].toReversed();
    const sum = (field: string): number => deployments.reduce((total, item) => total + Number(item[field]), 0);
    return {
      taskDefinition: this.#primary()?.['taskDefinition'] ?? wireArn('task-definition', 'backend:1'),
      runningCount: sum('runningCount'),
      pendingCount: sum('pendingCount'),
      ...this.service,
      deployments: deployments.toSorted((a, b) => rank(a) - rank(b)),
      events: this.events,
    };
  }

  #primary(): Wire | undefined {
    return [...this.#deployments.values()].find(({ status }) => status === 'PRIMARY');
  }

  #deployment(name: string, special: Wire): Wire {
    this.#numbers += 1;
    const made: Wire = {
      id: `ecs-svc/70000000000000000${String(this.#numbers).padStart(2, '0')}`,
      status: 'PRIMARY',
      taskDefinition: wireArn('task-definition', 'backend:1'),
      desiredCount: this.service['desiredCount'],
      runningCount: 0,
      pendingCount: 0,
      failedTasks: 0,
      rolloutState: 'IN_PROGRESS',
      rolloutStateReason: 'ECS deployment in progress.',
      createdAt: this.#now(),
      updatedAt: this.#now(),
      ...special,
    };
    // Services behind a Classic Load Balancer have none.
    if (made['rolloutState'] === '') delete made['rolloutState'];
    this.#deployments.set(name, made);
    return made;
  }

  #record(name: string, deployment: Wire, special: Wire): void {
    const number = String(deployment['id']).slice('ecs-svc/'.length);
    const { deploymentConfiguration = {} } = this.service as { deploymentConfiguration?: Wire };
    const breaker = deploymentConfiguration['deploymentCircuitBreaker'] as Wire | undefined;
    const { records } = this.#given;
    const own = !name.startsWith('history') && name !== 'old';
    // AWS's own rollback is a part of the deployment that failed.
    if (name === 'rollback' || (own && records === 'none')) return;
    this.#visible.set(name, own && typeof records === 'number' ? this.#now() + records : 0);
    this.#records.set(name, {
      serviceDeploymentArn: inService('service-deployment', `record-of-${name}`),
      serviceArn: this.service['serviceArn'],
      clusterArn: this.service['clusterArn'],
      createdAt: deployment['createdAt'],
      startedAt: deployment['createdAt'],
      status: 'IN_PROGRESS',
      targetServiceRevision: { arn: inService('service-revision', number) },
      taskDefinition: deployment['taskDefinition'],
      deploymentCircuitBreaker: {
        status: breaker?.['enable'] === true ? 'MONITORING' : 'DISABLED',
        failureCount: 0,
        threshold: 3,
      },
      alarms: { status: 'DISABLED', alarmNames: [], triggeredAlarmNames: [] },
      ...special,
    });
  }

  /** The records there are to be seen, newest first. */
  #seen(): Wire[] {
    return [...this.#records]
      .filter(([name]) => (this.#visible.get(name) ?? 0) <= this.#now())
      .map(([, record]) => record)
      .toSorted((a, b) => Number(b['createdAt']) - Number(a['createdAt']));
  }

  #listRecords(input: Wire): Answer {
    const {
      createdAt = {},
      status,
      nextToken,
    } = input as {
      createdAt?: { after?: number; before?: number };
      status?: string[];
      nextToken?: string;
    };
    const { page = 100 } = this.#given;
    const found = this.#seen().filter(
      (record) =>
        Number(record['createdAt']) > (createdAt.after ?? 0) &&
        Number(record['createdAt']) < (createdAt.before ?? Infinity) &&
        (status === undefined || status.includes(String(record['status']))),
    );
    const start = Number(nextToken ?? 0);
    return {
      serviceDeployments: found.slice(start, start + page).map((record) => ({
        serviceDeploymentArn: record['serviceDeploymentArn'],
        createdAt: record['createdAt'],
        status: record['status'],
        targetServiceRevisionArn: (record['targetServiceRevision'] as Wire)['arn'],
      })),
      ...(start + page < found.length ? { nextToken: String(start + page) } : {}),
    };
  }

  #revision(arn: string): readonly Wire[] {
    const record = [...this.#records.values()].find((item) => (item['targetServiceRevision'] as Wire)['arn'] === arn);
    return record === undefined ? [] : [{ serviceRevisionArn: arn, taskDefinition: record['taskDefinition'] }];
  }

  /** Of the deployment a record is about. */
  countsOf(record: Wire): Wire {
    const [name = ''] = [...this.#records].find(([, item]) => item === record) ?? [];
    const own = this.#deployments.get(name);
    return {
      requestedTaskCount: own?.['desiredCount'] ?? 0,
      runningTaskCount: own?.['runningCount'] ?? 0,
      pendingTaskCount: own?.['pendingCount'] ?? 0,
    };
  }

  #define(name: string, special: Wire): Wire {
    const [family = '', revision = ''] = name.split(':');
    const arn = wireArn('task-definition', name);
    const { tags, ...fields } = {
      ...taskDefinition(),
      executionRoleArn: 'arn:aws:iam::123456789012:role/shop-execution',
      ...special,
    } as Wire;
    const made = { status: 'ACTIVE', ...fields, family, revision: Number(revision), taskDefinitionArn: arn };
    this.#definitions.set(arn, { ...made, ...(tags === undefined ? {} : { tags }) });
    return made;
  }

  #find(reference: string): Wire | undefined {
    const name = nameOf(reference);
    return name.includes(':')
      ? this.#definitions.get(wireArn('task-definition', name))
      : [...this.#definitions.values()].findLast((item) => item['family'] === name);
  }

  #describeDefinition(reference: string): Answer {
    const found = this.#find(reference);
    if (found === undefined) return { __type: 'ClientException', message: 'Unable to describe task definition.' };
    const { tags = [], ...definition } = found;
    return { taskDefinition: definition, tags };
  }

  #logEvents({ logStreamName, startFromHead, limit, nextToken }: Wire): Answer {
    const task = String(logStreamName).split('/').at(-1) ?? '';
    const known = [...this.tasks.keys()].some((arn) => arn.endsWith(`/${task}`));
    if (!known || this.log.length === 0) {
      return { __type: 'ResourceNotFoundException', message: 'The specified log stream does not exist.' };
    }
    const lines =
      startFromHead === true ? this.log.slice(Number(nextToken ?? 0)) : this.log.slice(-Number(limit ?? 100));
    return { events: lines.map((message) => ({ message })), nextForwardToken: String(this.log.length) };
  }
}

const nameOf = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);
const rank = ({ status }: Wire): number => ['PRIMARY', 'ACTIVE', 'INACTIVE'].indexOf(String(status));
const isOneOf = (arns: unknown) => (record: Wire) => (arns as unknown[]).includes(record['serviceDeploymentArn']);
const counted =
  (world: EcsWorld) =>
  (record: Wire): Wire => {
    const target = record['targetServiceRevision'] as Wire;
    return { ...record, taskDefinition: undefined, targetServiceRevision: { ...world.countsOf(record), ...target } };
  };

/** As AWS words it. */
function denial({ service, operation }: ScriptedCall): Answer {
  const message = `User: arn:aws:sts::123456789012:assumed-role/deployer/run is not authorized to perform: ${service}:${operation} on resource: * because no identity-based policy allows the ${service}:${operation} action`;
  const name = {
    ec2: 'UnauthorizedOperation',
    iam: 'AccessDenied',
    sts: 'AccessDenied',
    elasticloadbalancing: 'AccessDenied',
  };
  return {
    __type: (name as Record<string, string>)[service] ?? 'AccessDeniedException',
    message,
    httpStatus: service === 'ecs' ? 400 : 403,
  };
}

/** Objects are merged field by field; anything else is replaced. */
export function merge(base: Wire, patch: Wire): Wire {
  for (const [name, value] of Object.entries(patch)) {
    const before = base[name];
    base[name] = isObject(before) && isObject(value) ? merge({ ...before }, value) : value;
  }
  return base;
}

const isObject = (value: unknown): value is Wire =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function* texts(value: unknown, path: string): Iterable<readonly [string, string]> {
  if (typeof value === 'string') yield [path, value];
  if (Array.isArray(value)) for (const item of value) yield* texts(item, path);
  if (isObject(value)) {
    for (const [name, inner] of Object.entries(value)) yield* texts(inner, path === '' ? name : `${path}.${name}`);
  }
}
