import { InputReader } from '../../shared/action/input-reader.ts';
import type { DeploymentState, ServiceDeploymentState, ServiceState, TaskState } from '../../shared/aws/ecs.ts';
import type { TaskDefinitionRequest } from '../../shared/aws/ecs.ts';
import { parseInputs, type Inputs } from '../../actions/deploy-ecs/src/inputs.ts';
import type { Definition, Observed } from '../../actions/deploy-ecs/src/observe.ts';

/** Samples of what AWS shows of one service, for the tests of deploy-ecs; each takes what is special in a test. */

const prefix = 'arn:aws:ecs:us-east-1:123456789012';

export const revisionArn = (name: string): string => `${prefix}:task-definition/${name}`;

/** The service's clock: seconds after an arbitrary moment. */
export const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1) + seconds * 1000);

export function inputsOf(
  values: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
): Inputs {
  const given: Readonly<Record<string, string>> = {
    cluster: 'shop',
    service: 'api',
    'aws-region': 'us-east-1',
    ...values,
  };
  const read = new InputReader({ get: (name) => given[name] ?? '', env: {}, mask: () => undefined });
  return parseInputs(read, (path) => files[path]);
}

export function taskDefinition(special: TaskDefinitionRequest | object = {}): TaskDefinitionRequest {
  return {
    family: 'backend',
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '512',
    memory: '1024',
    containerDefinitions: [
      {
        name: 'fastapi',
        image: 'app:1',
        portMappings: [{ containerPort: 8000, protocol: 'tcp' }],
        environment: [{ name: 'ENVIRONMENT', value: 'production' }],
        logConfiguration: {
          logDriver: 'awslogs',
          options: { 'awslogs-group': '/ecs/shop', 'awslogs-region': 'us-east-1', 'awslogs-stream-prefix': 'ecs' },
        },
      },
    ],
    ...special,
  };
}

export function definition(name = 'backend:1', special: object = {}): Definition {
  const family = name.slice(0, name.indexOf(':'));
  return {
    arn: revisionArn(name),
    family,
    active: true,
    definition: taskDefinition({ family, ...special }),
    unknown: [],
  };
}

export function deployment(special: Partial<DeploymentState> = {}): DeploymentState {
  return {
    id: 'ecs-svc/1',
    status: 'PRIMARY',
    taskDefinition: revisionArn('backend:1'),
    desired: 2,
    running: 2,
    pending: 0,
    failed: 0,
    rolloutState: 'COMPLETED',
    rolloutReason: '',
    createdAt: at(0),
    ...special,
  };
}

export function service(special: Partial<ServiceState> = {}): ServiceState {
  return {
    arn: `${prefix}:service/shop/api`,
    name: 'api',
    clusterArn: `${prefix}:cluster/shop`,
    status: 'ACTIVE',
    controller: 'ECS',
    strategy: 'ROLLING',
    scheduling: 'REPLICA',
    bakeMinutes: 0,
    taskDefinition: revisionArn('backend:1'),
    desired: 2,
    running: 2,
    pending: 0,
    breaker: { enabled: true, rollback: true },
    placement: {
      launchType: 'FARGATE',
      capacityProviders: [],
      platformVersion: undefined,
      network: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'] } },
    },
    gracePeriodSeconds: undefined,
    loadBalancers: [],
    deployments: [deployment()],
    events: [],
    ...special,
  };
}

/** A record of the ServiceDeployments API, of `ecs-svc/2` unless said otherwise. */
export function record(special: Partial<ServiceDeploymentState> = {}): ServiceDeploymentState {
  return {
    arn: `${prefix}:service-deployment/shop/api/r2`,
    status: 'IN_PROGRESS',
    statusReason: '',
    stage: '',
    targetRevision: `${prefix}:service-revision/shop/api/2`,
    requested: 2,
    running: 0,
    pending: 0,
    productionWeight: undefined,
    testWeight: undefined,
    rollback: undefined,
    breaker: { status: 'MONITORING', failures: 0, threshold: 3 },
    alarms: { status: 'DISABLED', triggered: [] },
    hooks: [],
    ...special,
  };
}

/** A task that ended; by default one that crashed with exit code 1. */
export function stoppedTask(special: Partial<TaskState> = {}): TaskState {
  return {
    arn: `${prefix}:task/shop/0a0a0a0a`,
    taskDefinition: revisionArn('backend:2'),
    startedBy: 'ecs-svc/2',
    lastStatus: 'STOPPED',
    stopCode: 'EssentialContainerExited',
    stoppedReason: 'Essential container in task exited',
    createdAt: at(11),
    startedAt: at(12),
    stoppingAt: at(13),
    stoppedAt: at(13),
    containers: [{ name: 'fastapi', exitCode: 1, reason: '', health: 'UNKNOWN' }],
    ...special,
  };
}

export function observed(special: Partial<Observed> = {}): Observed {
  const running = special.running ?? definition();
  return {
    service: service(),
    running,
    base: running,
    newest: running,
    active: undefined,
    before: undefined,
    ...special,
  };
}
