import {
  DescribeServiceDeploymentsCommand,
  DescribeServiceRevisionsCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListServiceDeploymentsCommand,
  ListTaskDefinitionsCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StopServiceDeploymentCommand,
  StopTaskCommand,
  UpdateServiceCommand,
  type CapacityProviderStrategyItem,
  type Deployment,
  type DeploymentConfiguration,
  type NetworkConfiguration,
  type RegisterTaskDefinitionRequest,
  type Service,
  type ServiceDeployment,
  type ServiceDeploymentStatus,
  type Task,
} from '@aws-sdk/client-ecs';
import { isAwsError } from '../core/errors.ts';
import { connect, type SdkConfig } from './sdk-config.ts';

export type { ContainerDefinition, KeyValuePair, Secret, Tag } from '@aws-sdk/client-ecs';
export type TaskDefinitionRequest = RegisterTaskDefinitionRequest;

export interface ServiceRef {
  readonly cluster: string;
  readonly service: string;
}

/** One entry of a service's `deployments`. */
export interface DeploymentState {
  /** `ecs-svc/…` */
  readonly id: string;
  /** `PRIMARY`, `ACTIVE` or `INACTIVE` */
  readonly status: string;
  readonly taskDefinition: string;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly failed: number;
  /** `COMPLETED`, `IN_PROGRESS`, `FAILED`; `''` for controllers that have none. */
  readonly rolloutState: string;
  readonly rolloutReason: string;
  readonly createdAt: Date | undefined;
}

export interface ServiceEvent {
  readonly id: string;
  readonly at: Date | undefined;
  readonly message: string;
}

/** Where and how the service's tasks run; a one-off task takes it over. */
export interface Placement {
  readonly launchType: 'EC2' | 'FARGATE' | 'EXTERNAL' | 'MANAGED_INSTANCES' | undefined;
  readonly capacityProviders: readonly CapacityProviderStrategyItem[];
  readonly platformVersion: string | undefined;
  readonly network: NetworkConfiguration | undefined;
}

export interface ServiceLoadBalancer {
  readonly targetGroup: string;
  readonly container: string;
  readonly port: number | undefined;
}

export interface ServiceState {
  readonly arn: string;
  readonly name: string;
  readonly clusterArn: string;
  /** `ACTIVE`, `DRAINING` or `INACTIVE` */
  readonly status: string;
  /** `ECS`, `CODE_DEPLOY` or `EXTERNAL` */
  readonly controller: string;
  readonly strategy: string;
  /** `REPLICA` or `DAEMON` */
  readonly scheduling: string;
  /** Minutes that its strategy waits by itself: bake time, and between the steps of a canary or linear shift. */
  readonly bakeMinutes: number;
  readonly taskDefinition: string;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly breaker: { readonly enabled: boolean; readonly rollback: boolean };
  /** How long a new task may fail the load balancer's checks; undefined when it was never set. */
  readonly gracePeriodSeconds: number | undefined;
  readonly placement: Placement;
  /** A blue/green service's alternate target group is an entry of its own. */
  readonly loadBalancers: readonly ServiceLoadBalancer[];
  readonly deployments: readonly DeploymentState[];
  /** Newest first. */
  readonly events: readonly ServiceEvent[];
}

export interface TaskDefinitionState {
  readonly arn: string;
  readonly family: string;
  readonly revision: number;
  readonly active: boolean;
  /** As AWS describes it, read-only fields included. */
  readonly described: object;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
}

/** One deployment as the ServiceDeployments API tells it. */
export interface ServiceDeploymentState {
  readonly arn: string;
  /** `PENDING`, `IN_PROGRESS`, `SUCCESSFUL`, `STOPPED`, `ROLLBACK_SUCCESSFUL` …, or a status newer than this code. */
  readonly status: string;
  readonly statusReason: string;
  readonly stage: string;
  readonly targetRevision: string;
  readonly requested: number;
  readonly running: number;
  readonly pending: number;
  /** Percent of the traffic that is to reach the target revision; undefined where no traffic is shifted. */
  readonly productionWeight: number | undefined;
  readonly testWeight: number | undefined;
  readonly rollback: { readonly reason: string; readonly revision: string } | undefined;
  readonly breaker: { readonly status: string; readonly failures: number; readonly threshold: number };
  readonly alarms: { readonly status: string; readonly triggered: readonly string[] };
  readonly hooks: readonly LifecycleHookState[];
}

/** A lifecycle hook of a deployment: a Lambda function, or a pause that waits for a person. */
export interface LifecycleHookState {
  readonly id: string;
  /** `IN_PROGRESS`, `AWAITING_ACTION`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` */
  readonly status: string;
  /** The function's ARN; `''` for a pause. */
  readonly target: string;
  readonly expiresAt: Date | undefined;
  /** What AWS does when it expires: `CONTINUE` or `ROLLBACK`. */
  readonly timeoutAction: string;
}

export interface ServiceDeploymentBrief {
  readonly arn: string;
  readonly status: string;
  readonly targetRevision: string;
  readonly createdAt: Date | undefined;
}

export interface ContainerState {
  readonly name: string;
  readonly exitCode: number | undefined;
  readonly reason: string;
  readonly health: string;
}

export interface TaskState {
  readonly arn: string;
  readonly taskDefinition: string;
  readonly startedBy: string;
  readonly lastStatus: string;
  readonly stopCode: string;
  readonly stoppedReason: string;
  readonly createdAt: Date | undefined;
  readonly startedAt: Date | undefined;
  /** When ECS decided to stop it. */
  readonly stoppingAt: Date | undefined;
  readonly stoppedAt: Date | undefined;
  readonly containers: readonly ContainerState[];
}

export interface ServiceUpdate extends ServiceRef {
  readonly taskDefinition: string;
  readonly desiredCount?: number | undefined;
  readonly force: boolean;
}

export interface OneOffTask {
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly placement: Placement;
  readonly container: string;
  readonly command: readonly string[];
  readonly clientToken: string;
  readonly startedBy: string;
}

export interface EcsServices {
  /** Undefined when the cluster or the service does not exist. */
  describeService(ref: ServiceRef): Promise<ServiceState | undefined>;
  /** Undefined when there is no such family or revision. */
  describeTaskDefinition(reference: string): Promise<TaskDefinitionState | undefined>;
  /** ARNs of a family's ACTIVE revisions, newest first, at most 100. */
  listRevisions(family: string): Promise<readonly string[]>;
  /** Returns the new revision's ARN. */
  registerTaskDefinition(request: TaskDefinitionRequest): Promise<string>;
  updateService(update: ServiceUpdate): Promise<ServiceState>;
  /** Newest first. */
  listServiceDeployments(
    ref: ServiceRef,
    filter: { readonly createdAfter?: Date; readonly statuses?: readonly ServiceDeploymentStatus[] },
  ): Promise<readonly ServiceDeploymentBrief[]>;
  describeServiceDeployment(arn: string): Promise<ServiceDeploymentState | undefined>;
  /** The task definition of a service revision. */
  revisionTaskDefinition(revisionArn: string): Promise<string | undefined>;
  /** Stops a deployment that is still active and rolls it back. */
  rollBackDeployment(arn: string): Promise<void>;
  /** ARNs of the service's tasks that stopped within about the last hour. */
  stoppedTasks(ref: ServiceRef): Promise<readonly string[]>;
  /** ARNs of the service's tasks that run or are on their way to. */
  runningTasks(ref: ServiceRef): Promise<readonly string[]>;
  describeTasks(cluster: string, arns: readonly string[]): Promise<readonly TaskState[]>;
  /** Starts one task; `failures` tells why none was placed. */
  runTask(task: OneOffTask): Promise<{ readonly task: string | undefined; readonly failures: readonly string[] }>;
  stopTask(cluster: string, arn: string, reason: string): Promise<void>;
}

export function ecsServices(config: SdkConfig): EcsServices {
  const ecs = connect(ECSClient, config);
  return {
    async describeService({ cluster, service }) {
      try {
        const { services = [] } = await ecs.send(new DescribeServicesCommand({ cluster, services: [service] }));
        return services[0] === undefined ? undefined : serviceState(services[0]);
      } catch (error) {
        if (isAwsError(error, 'ClusterNotFoundException')) return undefined;
        throw error;
      }
    },

    async describeTaskDefinition(reference) {
      try {
        const { taskDefinition = {}, tags = [] } = await ecs.send(
          new DescribeTaskDefinitionCommand({ taskDefinition: reference, include: ['TAGS'] }),
        );
        return {
          arn: taskDefinition.taskDefinitionArn ?? '',
          family: taskDefinition.family ?? '',
          revision: taskDefinition.revision ?? 0,
          active: taskDefinition.status === 'ACTIVE',
          described: taskDefinition,
          tags: tags.map(({ key = '', value = '' }) => ({ key, value })),
        };
      } catch (error) {
        if (isAwsError(error, 'ClientException') && /unable to describe/i.test(error.message)) return undefined;
        throw error;
      }
    },

    async listRevisions(family) {
      const { taskDefinitionArns = [] } = await ecs.send(
        new ListTaskDefinitionsCommand({ familyPrefix: family, status: 'ACTIVE', sort: 'DESC', maxResults: 100 }),
      );
      return taskDefinitionArns;
    },

    async registerTaskDefinition(request) {
      const { taskDefinition } = await ecs.send(new RegisterTaskDefinitionCommand(request));
      return taskDefinition?.taskDefinitionArn ?? '';
    },

    async updateService({ cluster, service, taskDefinition, desiredCount, force }) {
      const { service: updated = {} } = await ecs.send(
        new UpdateServiceCommand({
          cluster,
          service,
          taskDefinition,
          ...(force ? { forceNewDeployment: true } : {}),
          ...(desiredCount === undefined ? {} : { desiredCount }),
        }),
      );
      return serviceState(updated);
    },

    async listServiceDeployments({ cluster, service }, { createdAfter, statuses }) {
      const found: ServiceDeploymentBrief[] = [];
      let nextToken: string | undefined;
      do {
        const page = await ecs.send(
          new ListServiceDeploymentsCommand({
            cluster,
            service,
            ...(createdAfter === undefined ? {} : { createdAt: { after: createdAfter } }),
            ...(statuses === undefined ? {} : { status: [...statuses] }),
            ...(nextToken === undefined ? {} : { nextToken }),
          }),
        );
        for (const brief of page.serviceDeployments ?? []) {
          found.push({
            arn: brief.serviceDeploymentArn ?? '',
            status: brief.status ?? '',
            targetRevision: brief.targetServiceRevisionArn ?? '',
            createdAt: brief.createdAt,
          });
        }
        nextToken = page.nextToken === '' ? undefined : page.nextToken;
      } while (nextToken !== undefined);
      return found.toSorted((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0));
    },

    async describeServiceDeployment(arn) {
      const { serviceDeployments = [] } = await ecs.send(
        new DescribeServiceDeploymentsCommand({ serviceDeploymentArns: [arn] }),
      );
      return serviceDeployments[0] === undefined ? undefined : serviceDeploymentState(serviceDeployments[0]);
    },

    async revisionTaskDefinition(revisionArn) {
      const { serviceRevisions = [] } = await ecs.send(
        new DescribeServiceRevisionsCommand({ serviceRevisionArns: [revisionArn] }),
      );
      return serviceRevisions[0]?.taskDefinition;
    },

    async rollBackDeployment(arn) {
      await ecs.send(new StopServiceDeploymentCommand({ serviceDeploymentArn: arn, stopType: 'ROLLBACK' }));
    },

    async stoppedTasks({ cluster, service }) {
      // One page is a hundred tasks: far more than any verdict or diagnosis needs.
      const { taskArns = [] } = await ecs.send(
        new ListTasksCommand({ cluster, serviceName: service, desiredStatus: 'STOPPED' }),
      );
      return taskArns;
    },

    async runningTasks({ cluster, service }) {
      const { taskArns = [] } = await ecs.send(
        new ListTasksCommand({ cluster, serviceName: service, desiredStatus: 'RUNNING' }),
      );
      return taskArns;
    },

    async describeTasks(cluster, arns) {
      if (arns.length === 0) return [];
      const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster, tasks: arns.slice(0, 100) }));
      return tasks.map(taskState);
    },

    async runTask({ cluster, taskDefinition, placement, container, command, clientToken, startedBy }) {
      const { launchType, capacityProviders, platformVersion, network } = placement;
      const { tasks = [], failures = [] } = await ecs.send(
        new RunTaskCommand({
          cluster,
          taskDefinition,
          count: 1,
          clientToken,
          startedBy,
          overrides: { containerOverrides: [{ name: container, command: [...command] }] },
          // AWS refuses a launch type beside a capacity provider strategy.
          ...(capacityProviders.length > 0 ? { capacityProviderStrategy: [...capacityProviders] } : {}),
          ...(capacityProviders.length === 0 && launchType !== undefined ? { launchType } : {}),
          ...(platformVersion === undefined ? {} : { platformVersion }),
          ...(network === undefined ? {} : { networkConfiguration: network }),
        }),
      );
      return {
        task: tasks[0]?.taskArn,
        failures: failures.map(({ arn = '', reason = '', detail = '' }) =>
          [reason, detail, arn].filter((part) => part !== '').join(' '),
        ),
      };
    },

    async stopTask(cluster, arn, reason) {
      await ecs.send(new StopTaskCommand({ cluster, task: arn, reason }));
    },
  };
}

function serviceState(service: Service): ServiceState {
  const { deploymentConfiguration = {}, networkConfiguration } = service;
  const strategy = nonEmpty(deploymentConfiguration.strategy) ?? 'ROLLING';
  const breaker = deploymentConfiguration.deploymentCircuitBreaker;
  return {
    arn: service.serviceArn ?? '',
    name: service.serviceName ?? '',
    clusterArn: service.clusterArn ?? '',
    status: service.status ?? '',
    controller: service.deploymentController?.type ?? 'ECS',
    strategy,
    scheduling: service.schedulingStrategy ?? 'REPLICA',
    bakeMinutes: strategyMinutes(deploymentConfiguration),
    taskDefinition: service.taskDefinition ?? '',
    desired: service.desiredCount ?? 0,
    running: service.runningCount ?? 0,
    pending: service.pendingCount ?? 0,
    breaker: { enabled: breaker?.enable ?? false, rollback: breaker?.rollback ?? false },
    placement: {
      launchType: service.launchType,
      capacityProviders: service.capacityProviderStrategy ?? [],
      platformVersion: nonEmpty(service.platformVersion),
      network: networkConfiguration?.awsvpcConfiguration === undefined ? undefined : networkConfiguration,
    },
    gracePeriodSeconds: service.healthCheckGracePeriodSeconds,
    loadBalancers: (service.loadBalancers ?? []).flatMap(
      ({ targetGroupArn, advancedConfiguration, containerName: container = '', containerPort: port }) =>
        [targetGroupArn, advancedConfiguration?.alternateTargetGroupArn].flatMap((arn) =>
          arn === undefined || arn === '' ? [] : [{ targetGroup: arn, container, port }],
        ),
    ),
    deployments: (service.deployments ?? []).map(deploymentState),
    events: (service.events ?? []).map(({ id = '', createdAt, message = '' }) => ({ id, at: createdAt, message })),
  };
}

function strategyMinutes({
  bakeTimeInMinutes = 0,
  canaryConfiguration = {},
  linearConfiguration = {},
}: DeploymentConfiguration): number {
  const { canaryBakeTimeInMinutes = 0 } = canaryConfiguration;
  const { stepPercent = 100, stepBakeTimeInMinutes = 0 } = linearConfiguration;
  const steps = Math.max(0, Math.ceil(100 / Math.max(stepPercent, 1)) - 1);
  return bakeTimeInMinutes + canaryBakeTimeInMinutes + steps * stepBakeTimeInMinutes;
}

function deploymentState(deployment: Deployment): DeploymentState {
  return {
    id: deployment.id ?? '',
    status: deployment.status ?? '',
    taskDefinition: deployment.taskDefinition ?? '',
    desired: deployment.desiredCount ?? 0,
    running: deployment.runningCount ?? 0,
    pending: deployment.pendingCount ?? 0,
    failed: deployment.failedTasks ?? 0,
    rolloutState: deployment.rolloutState ?? '',
    rolloutReason: deployment.rolloutStateReason ?? '',
    createdAt: deployment.createdAt,
  };
}

function serviceDeploymentState(deployment: ServiceDeployment): ServiceDeploymentState {
  const { targetServiceRevision: target = {}, rollback, deploymentCircuitBreaker: breaker = {} } = deployment;
  return {
    arn: deployment.serviceDeploymentArn ?? '',
    status: deployment.status ?? '',
    statusReason: deployment.statusReason ?? '',
    stage: deployment.lifecycleStage ?? '',
    targetRevision: target.arn ?? '',
    requested: target.requestedTaskCount ?? 0,
    running: target.runningTaskCount ?? 0,
    pending: target.pendingTaskCount ?? 0,
    productionWeight: target.requestedProductionTrafficWeight,
    testWeight: target.requestedTestTrafficWeight,
    rollback:
      rollback === undefined
        ? undefined
        : { reason: rollback.reason ?? '', revision: rollback.serviceRevisionArn ?? '' },
    breaker: { status: breaker.status ?? '', failures: breaker.failureCount ?? 0, threshold: breaker.threshold ?? 0 },
    alarms: {
      status: deployment.alarms?.status ?? '',
      triggered: deployment.alarms?.triggeredAlarmNames ?? [],
    },
    hooks: (deployment.lifecycleHookDetails ?? []).map((hook) => ({
      id: hook.hookId ?? '',
      status: hook.status ?? '',
      target: hook.targetArn ?? '',
      expiresAt: hook.expiresAt,
      timeoutAction: hook.timeoutAction ?? '',
    })),
  };
}

function taskState(task: Task): TaskState {
  return {
    arn: task.taskArn ?? '',
    taskDefinition: task.taskDefinitionArn ?? '',
    startedBy: task.startedBy ?? '',
    lastStatus: task.lastStatus ?? '',
    stopCode: task.stopCode ?? '',
    stoppedReason: task.stoppedReason ?? '',
    createdAt: task.createdAt,
    startedAt: task.startedAt,
    stoppingAt: task.stoppingAt,
    stoppedAt: task.stoppedAt,
    containers: (task.containers ?? []).map((container) => ({
      name: container.name ?? '',
      exitCode: container.exitCode,
      reason: container.reason ?? '',
      health: container.healthStatus ?? '',
    })),
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
