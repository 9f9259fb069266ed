import type {
  DeploymentState,
  EcsServices,
  OneOffTask,
  ServiceDeploymentBrief,
  ServiceDeploymentState,
  ServiceState,
  ServiceUpdate,
  TaskDefinitionRequest,
  TaskDefinitionState,
  TaskState,
} from '../../shared/aws/ecs.ts';
import { AwsError } from '../../shared/core/errors.ts';
import { deployment, record, revisionArn, service, stoppedTask, taskDefinition } from './ecs.ts';
import type { VirtualClock } from './virtual-clock.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export const denied = (operation: string): AwsError =>
  new AwsError('AccessDeniedException', `ECS ${operation} was denied`, {
    service: 'ECS',
    operation,
    httpStatus: 400,
    fault: 'user',
  });

export const throttled = (operation: string): AwsError =>
  new AwsError('ThrottlingException', `ECS ${operation}: Rate exceeded`, {
    service: 'ECS',
    operation,
    httpStatus: 400,
  });

/** A cluster with one service in memory. What an update leads to is a plan on the clock: `onUpdate`. */
export class FakeEcs implements EcsServices {
  readonly clock: VirtualClock;
  /** Every call, in order; those that change something carry what they asked for. */
  readonly calls: string[] = [];
  readonly runs: OneOffTask[] = [];
  readonly updates: ServiceUpdate[] = [];
  readonly definitions = new Map<string, TaskDefinitionState>();
  readonly records = new Map<string, Mutable<ServiceDeploymentState>>();
  readonly tasks = new Map<string, Mutable<TaskState>>();
  service: Mutable<ServiceState> | undefined;
  /** Errors to throw, by operation, one a call. */
  readonly failures = new Map<string, Error[]>();
  /** Called with each new deployment. */
  onUpdate: (own: Mutable<DeploymentState>) => void = () => undefined;
  /** The one-off task's life. */
  onRun: (task: Mutable<TaskState>) => void = () => undefined;
  onRollBack: (arn: string) => void = () => undefined;
  #last = 1;

  constructor(clock: VirtualClock, special: Partial<ServiceState> = {}) {
    this.clock = clock;
    this.service = service(special);
    this.define('backend:1', taskDefinition());
  }

  define(name: string, request: TaskDefinitionRequest): string {
    const [family = '', revision = ''] = name.split(':');
    const arn = revisionArn(name);
    this.definitions.set(arn, {
      arn,
      family,
      revision: Number(revision),
      active: true,
      // As the emulator does: read-only fields, unset ones as null or ''.
      described: { ...request, family, taskDefinitionArn: arn, status: 'ACTIVE', taskRoleArn: '', volumes: null },
      tags: [],
    });
    return arn;
  }

  deployments(): Mutable<DeploymentState>[] {
    return this.service?.deployments as Mutable<DeploymentState>[];
  }

  /** The newest deployment is complete: its tasks run, the others are gone. */
  complete(own: Mutable<DeploymentState>): void {
    Object.assign(own, { running: own.desired, rolloutState: 'COMPLETED' });
    this.service!.deployments = this.deployments().filter((item) => item === own || item.rolloutState === 'FAILED');
  }

  /** As AWS's circuit breaker: the deployment fails and the one before is PRIMARY again. */
  rollBack(own: Mutable<DeploymentState>, before: string): void {
    Object.assign(own, { status: 'INACTIVE', rolloutState: 'FAILED', running: 0, rolloutReason: 'breaker triggered' });
    const back = deployment({ id: 'ecs-svc/back', taskDefinition: before, createdAt: new Date(this.clock.now()) });
    this.service!.deployments = [back, own];
    this.service!.taskDefinition = before;
  }

  crash(own: DeploymentState): void {
    const id = `${this.tasks.size}`.padStart(8, '0');
    const task = stoppedTask({
      arn: `arn:aws:ecs:us-east-1:123456789012:task/shop/${id}`,
      taskDefinition: own.taskDefinition,
      startedBy: own.id,
      createdAt: new Date(this.clock.now()),
      stoppedAt: new Date(this.clock.now()),
    });
    this.tasks.set(task.arn, task);
    (own as Mutable<DeploymentState>).failed += 1;
  }

  #called(operation: string, detail = ''): void {
    this.calls.push(detail === '' ? operation : `${operation} ${detail}`);
    const error = this.failures.get(operation)?.shift();
    if (error !== undefined) throw error;
  }

  get writes(): readonly string[] {
    return this.calls.filter((call) => /^(register|update|runTask|stopTask|rollBack)/.test(call));
  }

  async describeService(): Promise<ServiceState | undefined> {
    this.#called('describeService');
    return structuredClone(this.service);
  }

  async describeTaskDefinition(reference: string): Promise<TaskDefinitionState | undefined> {
    this.#called('describeTaskDefinition');
    if (reference.includes(':')) {
      return this.definitions.get(reference.startsWith('arn:') ? reference : revisionArn(reference));
    }
    return [...this.definitions.values()].findLast(({ family }) => family === reference);
  }

  async listRevisions(family: string): Promise<readonly string[]> {
    this.#called('listRevisions');
    return [...this.definitions.values()]
      .filter((item) => item.family === family)
      .map(({ arn }) => arn)
      .toReversed();
  }

  async registerTaskDefinition(request: TaskDefinitionRequest): Promise<string> {
    const family = request.family ?? '';
    const revision = [...this.definitions.values()].filter((item) => item.family === family).length + 1;
    this.#called('registerTaskDefinition', `${family}:${revision}`);
    return this.define(`${family}:${revision}`, request);
  }

  async updateService(update: ServiceUpdate): Promise<ServiceState> {
    const { taskDefinition: arn, desiredCount, force } = update;
    const name = arn.slice(arn.lastIndexOf('/') + 1);
    this.#called(
      'updateService',
      `${name}${desiredCount === undefined ? '' : ` count ${desiredCount}`}${force ? ' forced' : ''}`,
    );
    this.updates.push(update);
    this.#last += 1;
    const state = this.service!;
    state.desired = desiredCount ?? state.desired;
    state.taskDefinition = arn;
    const own = deployment({
      id: `ecs-svc/${this.#last}`,
      taskDefinition: arn,
      desired: state.desired,
      running: 0,
      rolloutState: 'IN_PROGRESS',
      createdAt: new Date(this.clock.now()),
    });
    state.deployments = [own, ...state.deployments.map((item) => ({ ...item, status: 'ACTIVE' }))];
    this.onUpdate(own);
    return structuredClone(state);
  }

  /** Lets AWS keep a record of a deployment, as it does (and the emulator does not). */
  keepRecord(own: DeploymentState, special: Partial<ServiceDeploymentState> = {}): Mutable<ServiceDeploymentState> {
    const number = own.id.slice(own.id.lastIndexOf('/') + 1);
    const kept = record({
      arn: `arn:aws:ecs:us-east-1:123456789012:service-deployment/shop/api/r${number}`,
      targetRevision: `arn:aws:ecs:us-east-1:123456789012:service-revision/shop/api/${number}`,
      ...special,
    });
    this.records.set(kept.arn, kept);
    return kept;
  }

  async listServiceDeployments(
    _: unknown,
    { statuses }: { readonly statuses?: readonly string[] },
  ): Promise<readonly ServiceDeploymentBrief[]> {
    this.#called('listServiceDeployments');
    return [...this.records.values()]
      .filter(({ status }) => statuses === undefined || statuses.includes(status))
      .map(({ arn, status, targetRevision }) => ({ arn, status, targetRevision, createdAt: undefined }))
      .toReversed();
  }

  async describeServiceDeployment(arn: string): Promise<ServiceDeploymentState | undefined> {
    this.#called('describeServiceDeployment');
    return structuredClone(this.records.get(arn));
  }

  async revisionTaskDefinition(revision: string): Promise<string | undefined> {
    this.#called('revisionTaskDefinition');
    const number = revision.slice(revision.lastIndexOf('/') + 1);
    return this.updates[Number(number) - 2]?.taskDefinition ?? revisionArn(`backend:${number}`);
  }

  async rollBackDeployment(arn: string): Promise<void> {
    this.#called('rollBackDeployment', arn.slice(arn.lastIndexOf('/') + 1));
    this.onRollBack(arn);
  }

  async stoppedTasks(): Promise<readonly string[]> {
    this.#called('stoppedTasks');
    return [...this.tasks.values()].filter(({ lastStatus }) => lastStatus === 'STOPPED').map(({ arn }) => arn);
  }

  async runningTasks(): Promise<readonly string[]> {
    this.#called('runningTasks');
    return [...this.tasks.values()].filter(({ lastStatus }) => lastStatus === 'RUNNING').map(({ arn }) => arn);
  }

  async describeTasks(_: string, arns: readonly string[]): Promise<readonly TaskState[]> {
    this.#called('describeTasks');
    return arns.flatMap((arn) => structuredClone(this.tasks.get(arn)) ?? []);
  }

  async runTask(
    task: OneOffTask,
  ): Promise<{ readonly task: string | undefined; readonly failures: readonly string[] }> {
    this.#called('runTask', task.command.join(' '));
    this.runs.push(task);
    const started = stoppedTask({
      arn: `arn:aws:ecs:us-east-1:123456789012:task/shop/one-off-${this.runs.length}`,
      taskDefinition: task.taskDefinition,
      startedBy: task.startedBy,
      lastStatus: 'PROVISIONING',
      stopCode: '',
      stoppedReason: '',
      containers: [{ name: task.container, exitCode: undefined, reason: '', health: '' }],
    });
    this.tasks.set(started.arn, started);
    this.onRun(started);
    return { task: started.arn, failures: [] };
  }

  async stopTask(_: string, arn: string, reason: string): Promise<void> {
    this.#called('stopTask', `${arn.slice(arn.lastIndexOf('/') + 1)}: ${reason}`);
  }
}
