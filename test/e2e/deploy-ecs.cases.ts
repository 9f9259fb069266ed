import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import {
  CreateServiceCommand,
  DescribeServicesCommand,
  ECSClient,
  ListServiceDeploymentsCommand,
  RegisterTaskDefinitionCommand,
  type ContainerDefinition,
  type CreateServiceRequest,
  type RegisterTaskDefinitionRequest,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnAction, type ActionRun, type SpawnOptions } from '../bundle/spawn-action.ts';
import { startEmulator, type Emulator } from '../local/emulator.ts';
import { prepare } from '../local/prepare.ts';

const docker = async (...words: readonly string[]): Promise<string> =>
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
  three: serve,
  crashing: `echo starting; echo "KeyError: 'DATABASE_URL'"; exit 3`,
  hungry: 'echo loading; x=aaaaaaaaaaaaaaaa; while :; do x="$x$x"; done',
} as const;
type Release = keyof typeof releases;

const cluster = 'shop';
const logGroup = '/ecs/shop';
/** What tasks stand on: a public subnet, a role, a log group, a registry, a load balancer. */
const surroundings = {
  Resources: {
    Cluster: { Type: 'AWS::ECS::Cluster', Properties: { ClusterName: cluster } },
    Log: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: logGroup } },
    Registry: { Type: 'AWS::ECR::Repository', Properties: { RepositoryName: cluster } },
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: {
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' }],
        },
      },
    },
    Vpc: { Type: 'AWS::EC2::VPC', Properties: { CidrBlock: '10.0.0.0/16' } },
    Subnet: {
      Type: 'AWS::EC2::Subnet',
      Properties: { VpcId: { Ref: 'Vpc' }, CidrBlock: '10.0.0.0/24', AvailabilityZone: 'us-east-1a' },
    },
    Gateway: { Type: 'AWS::EC2::InternetGateway', Properties: {} },
    Attachment: {
      Type: 'AWS::EC2::VPCGatewayAttachment',
      Properties: { VpcId: { Ref: 'Vpc' }, InternetGatewayId: { Ref: 'Gateway' } },
    },
    Routes: { Type: 'AWS::EC2::RouteTable', Properties: { VpcId: { Ref: 'Vpc' } } },
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
      Properties: { Name: cluster, Type: 'application', Subnets: [{ Ref: 'Subnet' }] },
    },
    Targets: {
      Type: 'AWS::ElasticLoadBalancingV2::TargetGroup',
      Properties: {
        Name: cluster,
        Protocol: 'HTTP',
        Port: 8000,
        VpcId: { Ref: 'Vpc' },
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
  Outputs: {
    subnet: { Value: { Ref: 'Subnet' } },
    role: { Value: { 'Fn::GetAtt': ['Role', 'Arn'] } },
    targets: { Value: { Ref: 'Targets' } },
  },
};

const denied = [
  'ListServiceDeployments',
  'DescribeServiceDeployments',
  'DescribeServiceRevisions',
  'StopServiceDeployment',
];

/** The committed bundle against the emulator, whose tasks are real containers of the machine's Docker daemon. */
export function deployEcsCases(): void {
  describe('the bundle of deploy-ecs, with real containers', () => {
    let aws: Emulator;
    let scratch: string;
    let ecs: ECSClient;
    /** Passes everything on but the calls of the ServiceDeployments API, which it denies. */
    let withoutRecords: Server;
    const made = new Map<string, string>();
    const images = new Map<Release, string>();
    const image = (release: Release): string => images.get(release)!;
    /** These take AWS's own time (a health check's interval is 5 s at least), so they go on beside the other tests. */
    let slow: {
      readonly health: Promise<ActionRun>;
      readonly balanced: Promise<ActionRun>;
      readonly cancel: Promise<ActionRun>;
      readonly queue: Promise<readonly ActionRun[]>;
    };

    beforeAll(async () => {
      await prepare(console.log, { docker: true });
      aws = await startEmulator();
      withoutRecords = await denying(aws.port);
      scratch = await mkdtemp(join(tmpdir(), 'slipway-deploy-test-'));
      const client = {
        endpoint: aws.endpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      };
      ecs = new ECSClient(client);
      const stacks = new CloudFormationClient(client);
      const stack = { StackName: cluster };
      await stacks.send(
        new CreateStackCommand({
          ...stack,
          TemplateBody: JSON.stringify(surroundings),
          Capabilities: ['CAPABILITY_IAM'],
        }),
      );
      await waitUntilStackCreateComplete({ client: stacks, maxWaitTime: 60, minDelay: 1 }, stack);
      const { Stacks = [] } = await stacks.send(new DescribeStacksCommand(stack));
      for (const { OutputKey = '', OutputValue = '' } of Stacks[0]?.Outputs ?? []) made.set(OutputKey, OutputValue);
      const shell = await build(shellImage);
      for (const [release, script] of Object.entries(releases) as [Release, string][]) {
        const name = `${aws.registry}/shop:${release}`;
        await docker(
          'tag',
          await build([
            `FROM ${shell}`,
            `LABEL release=${release}`,
            `CMD ${JSON.stringify(['/bin/sh', '-c', script])}`,
          ]),
          name,
        );
        images.set(release, `${aws.registry}/shop@${/sha256:[0-9a-f]{64}/.exec(await docker('push', name))![0]}`);
      }
      slow = { health: neverHealthy(), balanced: neverBalanced(), cancel: cancelled(), queue: queued() };
      // Whoever fails is reported by its own test.
      for (const run of Object.values(slow)) run.catch(() => undefined);
    }, 600_000);

    afterAll(async () => {
      withoutRecords.close();
      await aws.stop();
      const names = await docker('images', '--format', '{{.Repository}}:{{.Tag}}', `${aws.registry}/shop`);
      if (names !== '') await docker('rmi', ...names.split('\n'));
      await rm(scratch, { recursive: true, force: true });
    }, 60_000);

    async function build(lines: readonly string[]): Promise<string> {
      const context = join(scratch, 'context');
      await mkdir(context, { recursive: true });
      await writeFile(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
      return (await docker('build', '-q', context)).split('\n').at(-1)!;
    }

    function definition(service: string, container: Partial<ContainerDefinition> = {}): RegisterTaskDefinitionRequest {
      return {
        family: service,
        networkMode: 'awsvpc',
        requiresCompatibilities: ['FARGATE'],
        cpu: '256',
        memory: '512',
        executionRoleArn: made.get('role')!,
        containerDefinitions: [
          {
            name: 'api',
            image: image('one'),
            memory: 64,
            logConfiguration: {
              logDriver: 'awslogs',
              options: { 'awslogs-group': logGroup, 'awslogs-region': 'us-east-1', 'awslogs-stream-prefix': 'ecs' },
            },
            ...container,
          },
        ],
      };
    }

    /** A service that runs release one. */
    async function service(name: string, more: Partial<CreateServiceRequest> = {}): Promise<void> {
      await ecs.send(new RegisterTaskDefinitionCommand(definition(name)));
      await ecs.send(
        new CreateServiceCommand({
          cluster,
          serviceName: name,
          taskDefinition: name,
          desiredCount: 1,
          launchType: 'FARGATE',
          networkConfiguration: { awsvpcConfiguration: { subnets: [made.get('subnet')!], assignPublicIp: 'ENABLED' } },
          ...more,
        }),
      );
      if (more.desiredCount !== 0) await settled(name, ['one']);
    }

    const deploy = (
      name: string,
      inputs: Readonly<Record<string, string>>,
      options: Partial<SpawnOptions> = {},
    ): Promise<ActionRun> =>
      spawnAction('deploy-ecs', {
        cwd: scratch,
        ...options,
        inputs: { cluster, service: name, ...inputs },
        env: { ...aws.env, ...options.env },
      });

    const file = async (name: string, content: RegisterTaskDefinitionRequest): Promise<string> => {
      await writeFile(join(scratch, `${name}.json`), JSON.stringify(content));
      return `${name}.json`;
    };

    /** The containers that Docker runs for a service: `release id` each. */
    const containers = async (name: string): Promise<readonly string[]> =>
      (
        await docker(
          'ps',
          ...['--filter', `label=slipway.local=${aws.port}`],
          ...['--filter', `label=com.amazonaws.ecs.task-definition-family=${name}`],
          ...['--format', '{{.Label "release"}} {{.ID}}'],
        )
      )
        .split('\n')
        .filter((line) => line !== '');
    const running = async (name: string): Promise<readonly string[]> =>
      (await containers(name)).map((line) => line.split(' ')[0]!).toSorted();

    /** Old tasks are stopped after the verdict: what is left when that is done. */
    async function settled(name: string, wanted: readonly Release[]): Promise<void> {
      for (let wait = 0; wait < 100 && (await running(name)).join() !== wanted.join(); wait += 1) await sleep(100);
      expect(await running(name)).toEqual(wanted);
    }

    const statuses = async (name: string): Promise<readonly string[]> =>
      ((await ecs.send(new ListServiceDeploymentsCommand({ cluster, service: name }))).serviceDeployments ?? []).map(
        ({ status = '' }) => status,
      );
    const revisionOf = async (name: string): Promise<string> => {
      const { services = [] } = await ecs.send(new DescribeServicesCommand({ cluster, services: [name] }));
      return services[0]?.taskDefinition?.split('/').at(-1) ?? '';
    };

    /** Red, the service back on release one, whose container was never touched. */
    async function rolledBack(name: string, inputs: Readonly<Record<string, string>>): Promise<ActionRun> {
      const before = await containers(name);
      const run = await deploy(name, inputs);
      expect({ exitCode: run.exitCode, outcome: run.outputs['outcome'] }).toEqual({
        exitCode: 1,
        outcome: 'rolled-back',
      });
      expect(run.outputs['running-task-definition-arn']).toMatch(new RegExp(`/${name}:1$`));
      await settled(name, ['one']);
      expect(await containers(name)).toEqual(before);
      expect(run.summary).toContain('Rolled back');
      return run;
    }

    test('success: the new image runs, by its own record, and again there is nothing to do', async () => {
      await service('success');
      const run = await deploy('success', { image: image('two') });
      expect(run.output).toContain('1 of 1 tasks run success:2');
      expect({ exitCode: run.exitCode, ...run.outputs }).toMatchObject({
        exitCode: 0,
        outcome: 'succeeded',
        changed: 'true',
        diagnosis: '',
        'deployment-arn': expect.stringMatching(/:service-deployment\/shop\/success\/\w+$/),
        'running-task-definition-arn': run.outputs['task-definition-arn'],
      });
      await settled('success', ['two']);
      expect(await statuses('success')).toEqual(['SUCCESSFUL', 'SUCCESSFUL']);
      const again = await deploy('success', { image: image('two') });
      expect({ exitCode: again.exitCode, ...again.outputs }).toMatchObject({
        exitCode: 0,
        outcome: 'unchanged',
        changed: 'false',
      });
    }, 60_000);

    test('rollback: true goes back to what completed before, by the record', async () => {
      const run = await deploy('success', { rollback: 'true' });
      expect({ exitCode: run.exitCode, outcome: run.outputs['outcome'] }).toEqual({
        exitCode: 0,
        outcome: 'succeeded',
      });
      expect(await revisionOf('success')).toBe('success:1');
      await settled('success', ['one']);
    }, 60_000);

    test('a crash loop is given up early, with the exit code and the last line of its log; the old task serves on', async () => {
      await service('crash');
      const { outputs } = await rolledBack('crash', { image: image('crashing') });
      expect(outputs['diagnosis']).toContain('exit code 3');
      expect(outputs['diagnosis']).toContain("KeyError: 'DATABASE_URL'");
      expect(await statuses('crash')).toEqual(['ROLLBACK_SUCCESSFUL', 'SUCCESSFUL']);
    }, 60_000);

    test('a crash loop that the circuit breaker ends is rolled back by AWS, and says why', async () => {
      const deploymentConfiguration = { deploymentCircuitBreaker: { enable: true, rollback: true } };
      await service('breaker', { deploymentConfiguration });
      const { outputs } = await rolledBack('breaker', { image: image('crashing') });
      expect(outputs['diagnosis']).toContain('exit code 3');
    }, 60_000);

    test('an image that does not exist', async () => {
      await service('image');
      const { outputs } = await rolledBack('image', { image: `${aws.registry}/shop:none`, 'fail-fast-after': '1' });
      expect(outputs['diagnosis']).toMatch(/CannotPullContainerError.*(not found|manifest unknown)/s);
    }, 60_000);

    async function neverHealthy(): Promise<ActionRun> {
      await service('health');
      const healthCheck = { command: ['CMD-SHELL', 'exit 1'], interval: 5, timeout: 2, retries: 1 };
      return rolledBack('health', {
        'task-definition': await file('health', definition('health', { healthCheck })),
        image: image('two'),
        'fail-fast-after': '1',
      });
    }

    test('a health check of the container that never passes', async () => {
      expect((await slow.health).outputs['diagnosis']).toContain('failed container health checks');
    }, 60_000);

    async function neverBalanced(): Promise<ActionRun> {
      await service('balanced', {
        desiredCount: 0,
        loadBalancers: [{ targetGroupArn: made.get('targets')!, containerName: 'api', containerPort: 8000 }],
      });
      return deploy('balanced', {
        'task-definition': await file('balanced', definition('balanced', { portMappings: [{ containerPort: 8000 }] })),
        image: image('two'),
        'fail-fast-after': '1',
      });
    }

    test('out of memory: killed by the kernel, exit code 137', async () => {
      await service('memory');
      const { outputs } = await rolledBack('memory', { image: image('hungry') });
      expect(outputs['diagnosis']).toContain('exit code 137');
      expect(outputs['diagnosis']).toContain('OutOfMemoryError');
    }, 60_000);

    test('a failing migration leaves the service untouched and shows its log; a passing one lets it deploy', async () => {
      await service('migrate');
      const before = await containers('migrate');
      const migration = (code: number): string =>
        JSON.stringify(['/bin/sh', '-c', `echo migration ends with ${code}; exit ${code}`]);
      const red = await deploy('migrate', { image: image('two'), 'run-before': migration(3) });
      expect({ exitCode: red.exitCode, outcome: red.outputs['outcome'] }).toEqual({ exitCode: 1, outcome: 'failed' });
      expect(red.output).toContain('│ migration ends with 3');
      expect(red.outputs['diagnosis']).toContain('exit code 3');
      expect(await containers('migrate')).toEqual(before);
      expect(await revisionOf('migrate')).toBe('migrate:1');
      expect(await statuses('migrate')).toEqual(['SUCCESSFUL']);

      const green = await deploy('migrate', { image: image('two'), 'run-before': migration(0) });
      expect({ exitCode: green.exitCode, outcome: green.outputs['outcome'] }).toEqual({
        exitCode: 0,
        outcome: 'succeeded',
      });
      expect(green.output).toContain('│ migration ends with 0');
      await settled('migrate', ['two']);
    }, 60_000);

    test('two runs at once: one wins, and none is green for what does not run', async () => {
      await service('race');
      const contenders = ['two', 'three'] as const;
      const runs = await Promise.all(
        contenders.map((release) => deploy('race', { image: image(release), 'on-active-deployment': 'replace' })),
      );
      const last = await revisionOf('race');
      const winner = runs.findIndex(({ outputs }) => outputs['task-definition-arn']?.endsWith(`/${last}`) === true);
      await settled('race', [contenders[winner]!]);
      expect({ exitCode: runs[winner]!.exitCode, outcome: runs[winner]!.outputs['outcome'] }).toEqual({
        exitCode: 0,
        outcome: 'succeeded',
      });
      // The other one is superseded; or it had succeeded before it was replaced, and then says that it was.
      const { exitCode, outputs, output } = runs[1 - winner]!;
      if (exitCode === 0) expect(output).toContain('already replaces it');
      else expect({ exitCode, outcome: outputs['outcome'] }).toEqual({ exitCode: 1, outcome: 'superseded' });
      expect(outputs['running-task-definition-arn']).not.toBe(outputs['task-definition-arn']);
    }, 60_000);

    /** A first run, and one that comes in the middle of its deployment. */
    async function queued(): Promise<readonly ActionRun[]> {
      await service('queue');
      const healthCheck = { command: ['CMD-SHELL', 'exit 0'], interval: 5, timeout: 2, retries: 1 };
      const first = deploy('queue', {
        'task-definition': await file('queue', definition('queue', { healthCheck })),
        image: image('two'),
      });
      let ended = false;
      void first.then(() => (ended = true));
      while (!ended && !(await statuses('queue')).includes('IN_PROGRESS')) await sleep(50);
      return [await deploy('queue', { image: image('three') }), await first];
    }

    test('a run that finds a deployment under way waits for its end; then both have succeeded', async () => {
      const [second, first] = await slow.queue;
      expect(second!.output).toContain('waiting for the deployment that is still going on');
      expect([first!.outputs['outcome'], second!.outputs['outcome']]).toEqual(['succeeded', 'succeeded']);
      expect(second!.outputs['previous-task-definition-arn']).toBe(first!.outputs['task-definition-arn']);
      await settled('queue', ['three']);
    }, 60_000);

    async function cancelled(): Promise<ActionRun> {
      await service('cancel');
      const before = await containers('cancel');
      // A task that never gets healthy, and never fails either.
      const healthCheck = { command: ['CMD-SHELL', 'exit 1'], interval: 30, timeout: 5, retries: 10, startPeriod: 300 };
      const run = await deploy(
        'cancel',
        { 'task-definition': await file('cancel', definition('cancel', { healthCheck })), image: image('two') },
        { cancelAt: /1 of 1 running/ },
      );
      await settled('cancel', ['one']);
      expect(await containers('cancel')).toEqual(before);
      return run;
    }

    test('a cancel in the middle takes the own deployment back, well before the runner would kill', async () => {
      const { exitCode, outputs, secondsAfterCancel } = await slow.cancel;
      console.log(`from SIGINT to exit: ${secondsAfterCancel?.toFixed(2)} s`);
      expect(secondsAfterCancel).toBeLessThan(10);
      expect({ exitCode, outcome: outputs['outcome'] }).toEqual({ exitCode: 1, outcome: 'cancelled' });
      expect(await revisionOf('cancel')).toBe('cancel:1');
      expect(await statuses('cancel')).toEqual(['ROLLBACK_SUCCESSFUL', 'SUCCESSFUL']);
    }, 60_000);

    test('without permission for the calls of ServiceDeployments: a success is green, a crash loop goes back by redeploying', async () => {
      const env = { AWS_ENDPOINT_URL: `http://127.0.0.1:${(withoutRecords.address() as AddressInfo).port}` };
      await service('fallback');
      const green = await deploy('fallback', { image: image('two') }, { env });
      expect({ exitCode: green.exitCode, ...green.outputs }).toMatchObject({
        exitCode: 0,
        outcome: 'succeeded',
        'deployment-arn': '',
      });
      await settled('fallback', ['two']);
      const red = await deploy('fallback', { image: image('crashing') }, { env });
      expect({ exitCode: red.exitCode, outcome: red.outputs['outcome'] }).toEqual({
        exitCode: 1,
        outcome: 'rolled-back',
      });
      expect(red.outputs['diagnosis']).toContain("KeyError: 'DATABASE_URL'");
      await settled('fallback', ['two']);
      const back = await deploy('fallback', { rollback: 'true' }, { env });
      expect({ exitCode: back.exitCode, code: /title=(\w+)/.exec(back.output)?.[1] }).toEqual({
        exitCode: 1,
        code: 'NothingBefore',
      });
      await settled('fallback', ['two']);
    }, 90_000);

    test('a load balancer’s health check that never passes, at the first deployment: nothing to go back to', async () => {
      const { exitCode, outputs } = await slow.balanced;
      expect({ exitCode, outcome: outputs['outcome'] }).toEqual({ exitCode: 1, outcome: 'failed' });
      expect(outputs['running-task-definition-arn']).toBe('');
      expect(outputs['diagnosis']).toContain('failed ELB health checks');
      expect(outputs['diagnosis']).toContain('Target.FailedHealthChecks');
    }, 90_000);
  });
}

async function denying(port: number): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    const operation =
      String(incoming.headers['x-amz-target'] ?? '')
        .split('.')
        .at(-1) ?? '';
    if (denied.includes(operation)) {
      incoming.resume().on('end', () => {
        const message = `User: arn:aws:iam::000000000000:user/ci is not authorized to perform: ecs:${operation} because no identity-based policy allows the ecs:${operation} action`;
        outgoing
          .writeHead(400, { 'content-type': 'application/x-amz-json-1.1' })
          .end(JSON.stringify({ __type: 'AccessDeniedException', message }));
      });
      return;
    }
    const { method, url: path, headers } = incoming;
    const onward = request({ hostname: '127.0.0.1', port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
