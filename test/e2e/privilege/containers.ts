import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  CreateServiceCommand,
  DeleteServiceCommand,
  DescribeServicesCommand,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import type { Emulator } from '../../local/emulator.ts';
import { Place } from './place.ts';

/** The account whose images the emulator hands to Docker. */
const account = '000000000000';

export const docker = async (...words: readonly string[]): Promise<string> =>
  (await promisify(execFile)('docker', words, { env: { ...process.env, DOCKER_BUILDKIT: '0' } })).stdout.trim();

/** A shell and `sleep` with their libraries: 2 MB, so that pushing and pulling take no time. */
const shellImage = [
  'FROM python:3.11-slim',
  'RUN set -e; mkdir -p /out/bin; for name in sh sleep; do file=$(readlink -f $(command -v $name)); ' +
    "for part in $file $(ldd $file | grep -o '/[^ ]*'); do mkdir -p /out$(dirname $part); cp -L $part /out$part; done; " +
    'cp $file /out/bin/$name; done',
  'FROM scratch',
  'COPY --from=0 /out /',
];

const serve = 'trap "exit 0" TERM; echo serving; while :; do sleep 1 & wait $!; done';
/** What each release does when it starts. */
const releases = {
  one: serve,
  two: serve,
  crashing: `echo starting; echo "KeyError: 'DATABASE_URL'"; exit 3`,
} as const;
export type Release = keyof typeof releases;

/** What tasks stand on, under the names that the templates give. */
const surroundings = (name: string): object => {
  const taskRole = (suffix: string): object => ({
    Type: 'AWS::IAM::Role',
    Properties: {
      RoleName: `${name}-${suffix}`,
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' }],
      },
    },
  });
  const inVpc = { VpcId: { Ref: 'Vpc' } };
  return {
    Resources: {
      Cluster: { Type: 'AWS::ECS::Cluster', Properties: { ClusterName: `${name}-cluster` } },
      Log: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: `/ecs/${name}` } },
      Registry: { Type: 'AWS::ECR::Repository', Properties: { RepositoryName: name } },
      Task: taskRole('task'),
      Execution: taskRole('task-execution'),
      Vpc: { Type: 'AWS::EC2::VPC', Properties: { CidrBlock: '10.0.0.0/16' } },
      Subnet: {
        Type: 'AWS::EC2::Subnet',
        Properties: { ...inVpc, CidrBlock: '10.0.0.0/24', AvailabilityZone: 'us-east-1a' },
      },
      Gateway: { Type: 'AWS::EC2::InternetGateway', Properties: {} },
      Attachment: {
        Type: 'AWS::EC2::VPCGatewayAttachment',
        Properties: { ...inVpc, InternetGatewayId: { Ref: 'Gateway' } },
      },
      Routes: { Type: 'AWS::EC2::RouteTable', Properties: inVpc },
      Way: {
        Type: 'AWS::EC2::Route',
        DependsOn: 'Attachment',
        Properties: {
          RouteTableId: { Ref: 'Routes' },
          DestinationCidrBlock: '0.0.0.0/0',
          GatewayId: { Ref: 'Gateway' },
        },
      },
      Association: {
        Type: 'AWS::EC2::SubnetRouteTableAssociation',
        Properties: { SubnetId: { Ref: 'Subnet' }, RouteTableId: { Ref: 'Routes' } },
      },
      Balancer: {
        Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer',
        Properties: { Name: `${name}-alb`, Type: 'application', Subnets: [{ Ref: 'Subnet' }] },
      },
      Targets: {
        Type: 'AWS::ElasticLoadBalancingV2::TargetGroup',
        Properties: {
          ...inVpc,
          Name: `${name}-targets`.slice(-32).replace(/^-/, ''),
          Protocol: 'HTTP',
          Port: 8000,
          TargetType: 'ip',
          HealthCheckPath: '/health',
          HealthCheckIntervalSeconds: 5,
          UnhealthyThresholdCount: 2,
        },
      },
      Listener: {
        Type: 'AWS::ElasticLoadBalancingV2::Listener',
        Properties: {
          LoadBalancerArn: { Ref: 'Balancer' },
          Protocol: 'HTTP',
          Port: 80,
          DefaultActions: [{ Type: 'forward', TargetGroupArn: { Ref: 'Targets' } }],
        },
      },
    },
    Outputs: { subnet: { Value: { Ref: 'Subnet' } }, targets: { Value: { Ref: 'Targets' } } },
  };
};

/** What all environments share, made once: the account's bootstrap stack and the images. */
export async function prepareContainers(emulator: Emulator): Promise<Place> {
  const first = await Place.bootstrapped({ emulator, account });
  const shell = await build(shellImage);
  for (const [release, script] of Object.entries(releases)) {
    const command = JSON.stringify(['/bin/sh', '-c', script]);
    const image = await build([`FROM ${shell}`, `LABEL release=${release}`, `CMD ${command}`]);
    await docker('tag', image, `${emulator.registry}/releases:${release}`);
  }
  return first;
}

/** A new environment of the account, whose tasks are containers. */
export async function containersEnvironment(emulator: Emulator, environment: string): Promise<Place> {
  const place = await Place.bootstrapped({ emulator, account, environment, further: true });
  place.outputs = await place.createStack(`surroundings-${environment}`, JSON.stringify(surroundings(place.name)));
  return place;
}

/** Its tasks end with it. */
export async function closeEnvironment(place: Place): Promise<void> {
  const [cluster, service] = [`${place.name}-cluster`, `${place.name}-api`];
  await place.aws.ecs.send(new DeleteServiceCommand({ cluster, service, force: true })).catch((error: unknown) => {
    if ((error as Error).name !== 'ServiceNotFoundException') throw error;
  });
  await place.close();
}

export const imageOf = ({ emulator, name }: Place, release: Release): string =>
  `${emulator.registry}/${name}:${release}`;

async function build(lines: readonly string[]): Promise<string> {
  const context = await mkdtemp(join(tmpdir(), 'slipway-release-'));
  try {
    await writeFile(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
    return (await docker('build', '-q', context)).split('\n').at(-1) ?? '';
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** The environment's service, which runs release one, with or without a circuit breaker; or is behind a load balancer and runs nothing yet. */
export async function makeService(place: Place, kind: 'running' | 'guarded' | 'balanced'): Promise<void> {
  const { aws, name, outputs } = place;
  const [cluster, service, role] = [`${name}-cluster`, `${name}-api`, `arn:aws:iam::${account}:role/${name}-task`];
  for (const release of Object.keys(releases) as Release[]) {
    await docker('tag', `${place.emulator.registry}/releases:${release}`, imageOf(place, release));
    await docker('push', imageOf(place, release));
  }
  const options = { 'awslogs-group': `/ecs/${name}`, 'awslogs-region': 'us-east-1', 'awslogs-stream-prefix': 'ecs' };
  await aws.ecs.send(
    new RegisterTaskDefinitionCommand({
      family: `${name}-backend`,
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      cpu: '256',
      memory: '512',
      taskRoleArn: role,
      executionRoleArn: `${role}-execution`,
      containerDefinitions: [
        {
          name: 'fastapi',
          image: imageOf(place, 'one'),
          memory: 64,
          logConfiguration: { logDriver: 'awslogs', options },
          portMappings: [{ containerPort: 8000 }],
        },
      ],
    }),
  );
  const awsvpcConfiguration = { subnets: [outputs['subnet'] ?? ''], assignPublicIp: 'ENABLED' as const };
  const targetGroupArn = outputs['targets'] ?? '';
  await aws.ecs.send(
    new CreateServiceCommand({
      cluster,
      serviceName: service,
      taskDefinition: `${name}-backend`,
      desiredCount: kind === 'balanced' ? 0 : 1,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration },
      deploymentConfiguration: { deploymentCircuitBreaker: { enable: kind === 'guarded', rollback: true } },
      ...(kind === 'balanced'
        ? { loadBalancers: [{ targetGroupArn, containerName: 'fastapi', containerPort: 8000 }] }
        : {}),
    }),
  );
  for (let wait = 0; wait < 600; wait += 1) {
    const { services = [] } = await aws.ecs.send(new DescribeServicesCommand({ cluster, services: [service] }));
    const { deployments = [], runningCount, desiredCount } = services[0] ?? {};
    if (deployments[0]?.rolloutState === 'COMPLETED' && runningCount === desiredCount) return;
    await sleep(50);
  }
  throw new Error(`${service} does not come to run`);
}

export async function removeImages(emulator: Emulator): Promise<void> {
  const names = await docker('images', '--format', '{{.Repository}}:{{.Tag}}', `${emulator.registry}/*`);
  if (names !== '') await docker('rmi', '-f', ...names.split('\n'));
}
