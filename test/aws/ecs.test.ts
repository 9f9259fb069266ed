import { CreateClusterCommand, CreateServiceCommand, ECSClient } from '@aws-sdk/client-ecs';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readTaskDefinition, sameDefinition } from '../../actions/deploy-ecs/src/task-definition.ts';
import { ecsServices, type EcsServices, type TaskDefinitionRequest } from '../../shared/aws/ecs.ts';
import { logReader } from '../../shared/aws/logs.ts';
import { sdkConfig, type SdkConfig } from '../../shared/aws/sdk-config.ts';
import { taskDefinition } from '../kit/ecs.ts';
import { ScriptedAws, type Answer, type ScriptedCall } from '../kit/scripted-aws.ts';

const config = (): SdkConfig =>
  sdkConfig(
    { region: 'us-east-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 },
    { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
  );

describe('against the emulator', () => {
  const ref = { cluster: 'shop', service: 'api' };
  let ecs: EcsServices;
  beforeAll(async () => {
    // An account of this file's own.
    process.env['AWS_ACCESS_KEY_ID'] = '303030303030';
    ecs = ecsServices(config());
    const client = new ECSClient(config());
    await client.send(new CreateClusterCommand({ clusterName: 'shop' }));
    await ecs.registerTaskDefinition(taskDefinition());
    await client.send(
      new CreateServiceCommand({
        cluster: 'shop',
        serviceName: 'api',
        taskDefinition: 'backend',
        desiredCount: 0,
        launchType: 'FARGATE',
        networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'] } },
        deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: true } },
      }),
    );
  });

  test('a service is seen as it was made, and none where there is none', async () => {
    expect(await ecs.describeService(ref)).toMatchObject({
      name: 'api',
      status: 'ACTIVE',
      controller: 'ECS',
      strategy: 'ROLLING',
      desired: 0,
      breaker: { enabled: true, rollback: true },
      placement: { launchType: 'FARGATE', network: { awsvpcConfiguration: { subnets: ['subnet-1'] } } },
      deployments: [{ status: 'PRIMARY' }],
    });
    expect(await ecs.describeService({ ...ref, service: 'none' })).toBeUndefined();
    expect(await ecs.describeService({ ...ref, cluster: 'none' })).toBeUndefined();
  });

  test('a revision read and registered again is the same, odd values included', async () => {
    const [container] = taskDefinition().containerDefinitions!;
    const odd: TaskDefinitionRequest = taskDefinition({
      family: 'odd',
      containerDefinitions: [
        {
          ...container,
          environment: [
            { name: 'EMPTY', value: '' },
            { name: 'LINES', value: 'a\r\nb="c"=d' },
          ],
          secrets: [{ name: 'S', valueFrom: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:s-AbCdEf' }],
          dockerLabels: { empty: '', equals: 'a=b=c' },
          healthCheck: { command: ['CMD-SHELL', 'true'] },
        },
        { name: 'sidecar', image: 'proxy:1', essential: false },
      ],
    });
    const read = async (reference: string): Promise<TaskDefinitionRequest> => {
      const reading = readTaskDefinition((await ecs.describeTaskDefinition(reference))!.described);
      if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
      return reading.definition;
    };
    const first = await ecs.registerTaskDefinition(odd);
    const once = await read(first);
    expect(sameDefinition(odd, once)).toBe(true);
    expect(once.containerDefinitions?.[0]).toMatchObject(odd.containerDefinitions![0]!);
    const second = await ecs.registerTaskDefinition(once);
    expect(await read(second)).toEqual(once);
    expect(await ecs.listRevisions('odd')).toEqual([second, first]);
    expect(await ecs.describeTaskDefinition('odd')).toMatchObject({ arn: second, revision: 2, active: true });
  });

  test('a task definition that does not exist is undefined', async () => {
    expect(await ecs.describeTaskDefinition('nothing')).toBeUndefined();
    expect(await ecs.describeTaskDefinition('backend:99')).toBeUndefined();
  });

  test('an update starts a deployment of its own, and the count is raised only when it is given', async () => {
    const next = await ecs.registerTaskDefinition(taskDefinition({ memory: '2048' }));
    const before = await ecs.describeService(ref);
    const updated = await ecs.updateService({ ...ref, taskDefinition: next, desiredCount: 2, force: false });
    const primary = updated.deployments.find(({ status }) => status === 'PRIMARY');
    expect(primary).toMatchObject({ taskDefinition: next, desired: 2 });
    expect(before?.deployments.map(({ id }) => id)).not.toContain(primary?.id);
    const forced = await ecs.updateService({ ...ref, taskDefinition: next, force: true });
    expect(forced.desired).toBe(2);
    expect(forced.deployments.find(({ status }) => status === 'PRIMARY')?.id).not.toBe(primary?.id);
  });

  test('a one-off task is started in the service’s place, seen and stopped', async () => {
    const service = await ecs.describeService(ref);
    const task = {
      cluster: 'shop',
      taskDefinition: 'backend',
      placement: service!.placement,
      container: 'fastapi',
      command: ['echo', 'a "b"'],
      clientToken: 'x'.repeat(64),
      startedBy: 'slipway/run-before',
    };
    const { task: arn = '', failures } = await ecs.runTask(task);
    expect(failures).toEqual([]);
    expect(await ecs.describeTasks('shop', [arn])).toMatchObject([{ arn, startedBy: 'slipway/run-before' }]);
    await ecs.stopTask('shop', arn, 'enough');
    expect(await ecs.describeTasks('shop', [])).toEqual([]);
  });

  test('a log is read on from where it was left; none is no error', async () => {
    const client = new CloudWatchLogsClient(config());
    const names = { logGroupName: '/ecs/shop', logStreamName: 'ecs/fastapi/1' };
    await client.send(new CreateLogGroupCommand(names));
    await client.send(new CreateLogStreamCommand(names));
    const put = async (...messages: string[]): Promise<unknown> =>
      client.send(
        new PutLogEventsCommand({
          ...names,
          logEvents: messages.map((message) => ({ message, timestamp: Date.now() })),
        }),
      );
    const logs = logReader(config());
    const stream = { group: '/ecs/shop', stream: 'ecs/fastapi/1', region: undefined };
    await put('one', 'two');
    const first = await logs.read(stream, undefined);
    expect(first.lines).toEqual(['one', 'two']);
    await put('three');
    expect((await logs.read(stream, first.next)).lines).toEqual(['three']);
    expect(await logs.tail(stream, 2)).toEqual(['two', 'three']);
    const none = { ...stream, stream: 'ecs/fastapi/none' };
    expect([await logs.read(none, undefined), await logs.tail(none, 5)]).toEqual([{ lines: [], next: undefined }, []]);
  });
});

describe('on the wire, where the emulator has nothing to say', () => {
  const servers: ScriptedAws[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.stop();
    delete process.env['AWS_ENDPOINT_URL_ECS'];
  });

  async function scripted(answer: (call: ScriptedCall, index: number) => Answer): Promise<[EcsServices, ScriptedAws]> {
    const server = await ScriptedAws.start(answer);
    servers.push(server);
    process.env['AWS_ENDPOINT_URL_ECS'] = server.endpoint;
    return [ecsServices(config()), server];
  }

  test('all pages of deployments, newest first', async () => {
    const brief = (name: string, createdAt: number): object => ({
      serviceDeploymentArn: `arn:${name}`,
      status: 'SUCCESSFUL',
      targetServiceRevisionArn: `arn:revision/${name}`,
      createdAt,
    });
    const [ecs, { calls }] = await scripted((_, index) =>
      index === 0
        ? { serviceDeployments: [brief('a', 100)], nextToken: 'more' }
        : { serviceDeployments: [brief('b', 200)] },
    );
    const found = await ecs.listServiceDeployments(
      { cluster: 'shop', service: 'api' },
      { createdAfter: new Date(50_000), statuses: ['SUCCESSFUL'] },
    );
    expect(found.map(({ arn }) => arn)).toEqual(['arn:b', 'arn:a']);
    expect(calls.map(({ input }) => input)).toEqual([
      { cluster: 'shop', service: 'api', createdAt: { after: 50 }, status: ['SUCCESSFUL'] },
      { cluster: 'shop', service: 'api', createdAt: { after: 50 }, status: ['SUCCESSFUL'], nextToken: 'more' },
    ]);
  });

  test('a record with all it tells', async () => {
    const [ecs] = await scripted(() => ({
      serviceDeployments: [
        {
          serviceDeploymentArn: 'arn:d',
          status: 'ROLLBACK_SUCCESSFUL',
          lifecycleStage: 'BAKE_TIME',
          targetServiceRevision: {
            arn: 'arn:r/2',
            requestedTaskCount: 2,
            runningTaskCount: 1,
            pendingTaskCount: 1,
            requestedProductionTrafficWeight: 25,
            requestedTestTrafficWeight: 100,
          },
          rollback: { reason: 'breaker', serviceRevisionArn: 'arn:r/1' },
          deploymentCircuitBreaker: { status: 'TRIGGERED', failureCount: 3, threshold: 3 },
          alarms: { status: 'TRIGGERED', triggeredAlarmNames: ['5xx'] },
          lifecycleHookDetails: [{ hookId: 'h', status: 'AWAITING_ACTION', expiresAt: 60, timeoutAction: 'ROLLBACK' }],
        },
      ],
    }));
    expect(await ecs.describeServiceDeployment('arn:d')).toEqual({
      arn: 'arn:d',
      status: 'ROLLBACK_SUCCESSFUL',
      statusReason: '',
      stage: 'BAKE_TIME',
      targetRevision: 'arn:r/2',
      requested: 2,
      running: 1,
      pending: 1,
      productionWeight: 25,
      testWeight: 100,
      rollback: { reason: 'breaker', revision: 'arn:r/1' },
      breaker: { status: 'TRIGGERED', failures: 3, threshold: 3 },
      alarms: { status: 'TRIGGERED', triggered: ['5xx'] },
      hooks: [
        { id: 'h', status: 'AWAITING_ACTION', target: '', expiresAt: new Date(60_000), timeoutAction: 'ROLLBACK' },
      ],
    });
  });

  test.each([
    [{ strategy: 'ROLLING' }, 0],
    [{ strategy: 'BLUE_GREEN', bakeTimeInMinutes: 5 }, 5],
    [{ strategy: 'CANARY', bakeTimeInMinutes: 15, canaryConfiguration: { canaryBakeTimeInMinutes: 10 } }, 25],
    [{ strategy: 'LINEAR', linearConfiguration: { stepPercent: 30, stepBakeTimeInMinutes: 6 } }, 18],
    [{ strategy: 'LINEAR', linearConfiguration: { stepPercent: 100, stepBakeTimeInMinutes: 6 } }, 0],
  ])('how long a strategy waits by itself: %j', async (deploymentConfiguration, minutes) => {
    const [ecs] = await scripted(() => ({ services: [{ serviceName: 'api', deploymentConfiguration }] }));
    expect((await ecs.describeService({ cluster: 'shop', service: 'api' }))?.bakeMinutes).toBe(minutes);
  });

  test('stops with rollback, never by abort', async () => {
    const [ecs, { calls }] = await scripted(() => ({}));
    await ecs.rollBackDeployment('arn:d');
    expect(calls).toMatchObject([
      { operation: 'StopServiceDeployment', input: { serviceDeploymentArn: 'arn:d', stopType: 'ROLLBACK' } },
    ]);
  });

  test('a count that is not given is not sent', async () => {
    const [ecs, { calls }] = await scripted(() => ({ service: {} }));
    await ecs.updateService({ cluster: 'shop', service: 'api', taskDefinition: 'arn:t', force: false });
    expect(calls[0]?.input).toEqual({ cluster: 'shop', service: 'api', taskDefinition: 'arn:t' });
  });

  test('a one-off task takes the service’s place: a strategy instead of a launch type; refusals are told', async () => {
    const [ecs, { calls }] = await scripted(() => ({
      tasks: [],
      failures: [{ arn: 'arn:i', reason: 'RESOURCE:CPU' }],
    }));
    const answer = await ecs.runTask({
      cluster: 'shop',
      taskDefinition: 'arn:t',
      placement: {
        launchType: 'FARGATE',
        capacityProviders: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
        platformVersion: '1.4.0',
        network: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
      },
      container: 'api',
      command: ['migrate', '--all'],
      clientToken: 'token',
      startedBy: 'slipway/run-before',
    });
    expect(answer).toEqual({ task: undefined, failures: ['RESOURCE:CPU arn:i'] });
    expect(calls[0]?.input).toEqual({
      cluster: 'shop',
      taskDefinition: 'arn:t',
      count: 1,
      clientToken: 'token',
      startedBy: 'slipway/run-before',
      overrides: { containerOverrides: [{ name: 'api', command: ['migrate', '--all'] }] },
      capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
      platformVersion: '1.4.0',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
    });
  });

  test('a lost answer that is retried asks for the same one task', async () => {
    const [ecs, { calls }] = await scripted((_, index) =>
      index === 0 ? { __type: 'ThrottlingException', message: 'slow down' } : { tasks: [{ taskArn: 'arn:task' }] },
    );
    const placement = { launchType: undefined, capacityProviders: [], platformVersion: undefined, network: undefined };
    await ecs.runTask({
      cluster: 'shop',
      taskDefinition: 'arn:t',
      placement,
      container: 'api',
      command: ['x'],
      clientToken: 'token',
      startedBy: 'me',
    });
    expect(calls.map(({ input }) => input['clientToken'])).toEqual(['token', 'token']);
  });
});
