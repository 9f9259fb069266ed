import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateLogStreamCommand, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DeleteServiceCommand, RunTaskCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import type { ActionRun } from '../../bundle/spawn-action.ts';
import type { Scenario } from './model.ts';
import { app, type Place } from './place.ts';

/** How a run with template parameters is asked for: by the file that a user keeps in the repository. */
async function withParameters(
  place: Place,
  mode: string,
  parameters: Readonly<Record<string, string>>,
): Promise<ActionRun> {
  const lines = Object.entries(parameters).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`);
  await writeFile(join(place.scratch, 'environment.yml'), `parameters:\n${lines.join('\n')}\n`);
  return place.provision(mode, { config: 'environment.yml' });
}

const stack = (key: string): string => `${app}-production-${key}`;
const executionRole = /:role\/slipway\/analytics-studio-cloudformation$/;

/** A deployment of the service, so that it no longer runs the base revision. */
const deployed = async (place: Place): Promise<void> => {
  await place.asAdministrator('deploy-ecs', {
    cluster: place.outputs['cluster'] ?? '',
    service: place.outputs['service'] ?? '',
    'task-definition': place.outputs['task-definition-base'] ?? '',
    image: 'registry.example/app:one',
  });
};

/** Looked for in Route 53 only: no name server of the internet is asked about a zone that is not there. */
const zoneless = { domain: 'studio.example.com', 'hosted-zone-id': 'Z0000000000000' };

export const provisionScenarios: readonly Scenario[] = [
  {
    name: 'plan: nothing is there but the bootstrap stack',
    roles: ['plan'],
    world: 'bare',
    run: (place) => place.provision('plan'),
    expected: {
      exitCode: 0,
      outputs: { changed: 'false', changes: '60', 'execution-role-arn': executionRole },
      says: [`${stack('foundation')}  create: 34 added`, 'add PostgreSQL database (Database)'],
    },
  },
  {
    name: 'plan: nothing to change',
    roles: ['plan'],
    world: 'standing',
    keeps: true,
    run: (place) => place.provision('plan'),
    expected: {
      exitCode: 0,
      outputs: {
        changed: 'false',
        changes: '0',
        'missing-secrets': `${app}/openai-api-key`,
        cluster: `${app}-cluster`,
      },
      says: [`${stack('app')}  unchanged (nothing differs)`],
    },
  },
  {
    name: 'plan: a parameter changes',
    roles: ['plan'],
    world: 'standing',
    keeps: true,
    run: (place) => withParameters(place, 'plan', { LogRetentionDays: '14' }),
    expected: {
      exitCode: 0,
      outputs: { changed: 'false', changes: /^[1-9]/ },
      says: [`${stack('foundation')}  update: 3`, 'logs (LogGroup)', 'RetentionInDays'],
    },
  },
  {
    name: 'plan: the container of a deployed service would change',
    roles: ['plan'],
    world: 'standing',
    prepare: deployed,
    run: (place) => withParameters(place, 'plan', { ContainerPort: '9000' }),
    expected: { exitCode: 1, says: ['title=ContainerDeployed'] },
  },
  {
    name: 'plan: a domain whose zone is not there',
    roles: ['plan'],
    world: 'bare',
    run: (place) => place.provision('plan', zoneless),
    expected: { exitCode: 1, says: ['title=NoSuchZone'] },
  },
  {
    name: 'outputs of the stacks',
    roles: ['deploy-backend', 'deploy-frontend'],
    world: 'standing',
    keeps: true,
    run: (place) => place.provision('outputs'),
    expected: {
      exitCode: 0,
      outputs: { cluster: `${app}-cluster`, 'frontend-bucket': /./, 'distribution-id': /./, 'alarm-topic-arn': /./ },
    },
  },
  {
    name: 'outputs of the stacks, and which secrets are missing',
    roles: ['deploy-backend'],
    world: 'standing',
    keeps: true,
    run: (place) => place.provision('outputs'),
    expected: { exitCode: 0, outputs: { 'missing-secrets': `${app}/openai-api-key` } },
  },
  {
    name: 'apply: first creation',
    roles: ['apply'],
    world: 'bare',
    run: (place) => place.provision('apply'),
    expected: {
      exitCode: 0,
      outputs: {
        changed: 'true',
        changes: '60',
        'execution-role-arn': executionRole,
        'missing-secrets': `${app}/openai-api-key`,
      },
      says: [
        '✓ created PostgreSQL database (Database)',
        '✓ created ECS service (Service)',
        'foundation  guarded: AWS refuses to delete it',
      ],
      never: ['could not be guarded'],
    },
  },
  {
    name: 'apply: nothing to change',
    roles: ['apply'],
    world: 'standing',
    keeps: true,
    run: (place) => place.provision('apply'),
    expected: { exitCode: 0, outputs: { changed: 'false', changes: '0' }, says: ['app  unchanged'] },
  },
  {
    name: 'apply: an update beside a deployed service',
    roles: ['apply'],
    world: 'standing',
    prepare: deployed,
    run: (place) => withParameters(place, 'apply', { TaskCpu: '1024', TaskMemory: '2048' }),
    expected: {
      exitCode: 0,
      outputs: { changed: 'true' },
      says: ['app  taking note of the deployed task definition', '✓ updated base task definition'],
    },
  },
  {
    name: 'apply: what a failed first creation left is removed',
    roles: ['apply'],
    world: 'bare',
    prepare: leftover,
    run: (place) => place.provision('apply'),
    expected: {
      exitCode: 0,
      outputs: { changed: 'true' },
      says: ['foundation  removing what a first creation left (ROLLBACK_COMPLETE)'],
    },
  },
  {
    name: 'apply: AWS’s validation finds a bucket of that name',
    roles: ['apply'],
    world: 'bare',
    prepare: async ({ aws, account }) => {
      await aws.s3.send(new CreateBucketCommand({ Bucket: `${app}-uploads-${account}` }));
    },
    run: (place) => place.provision('apply'),
    expected: { exitCode: 1, says: [/bucket of uploaded files \(UploadsBucket\).*already exists/i] },
  },
  {
    name: 'apply: an update of the service fails and is rolled back; what its tasks died of',
    roles: ['apply'],
    world: 'standing',
    run: dyingTasks,
    expected: { exitCode: 1, says: [/tasks? died/, `KeyError: 'DATABASE_URL'`] },
  },
  {
    name: 'apply: a domain whose zone is not there',
    roles: ['apply'],
    world: 'bare',
    run: (place) => place.provision('apply', zoneless),
    expected: { exitCode: 1, says: ['title=NoSuchZone'] },
  },
  {
    name: 'drift: nothing differs',
    roles: ['plan', 'apply'],
    world: 'standing',
    keeps: true,
    run: (place) => place.provision('drift', { 'drift-is': 'red' }),
    expected: { exitCode: 0, outputs: { drifted: 'false', changed: 'false' } },
  },
  {
    name: 'destroy: all that may go, and what is left by name',
    roles: ['apply'],
    world: 'standing',
    run: (place) => place.provision('destroy', { confirm: `${app}-production` }),
    expected: {
      exitCode: 0,
      outputs: { changed: 'true', changes: /^[1-9]\d+$/ },
      says: ['**What is left, and what it costs a month**', '1 database snapshot'],
      never: ['name not known'],
    },
  },
];

/** A first creation that failed: CloudFormation cannot update such a stack, only remove it. */
async function leftover(place: Place): Promise<void> {
  const Bucket = `taken-${place.account}`;
  await place.aws.s3.send(new CreateBucketCommand({ Bucket }));
  const template = { Resources: { Bucket: { Type: 'AWS::S3::Bucket', Properties: { BucketName: Bucket } } } };
  const made = await place.createStack(stack('foundation'), JSON.stringify(template)).catch(() => undefined);
  if (made !== undefined) throw new Error('the first creation was to fail');
}

/**
 * The service was deleted beside CloudFormation, so that its update fails, after a while; meanwhile tasks of it start, say a line and die.
 * On paper: an administrator plays the tasks.
 */
async function dyingTasks(place: Place): Promise<ActionRun> {
  const { aws, outputs, emulator } = place;
  const [cluster = '', service = ''] = [outputs['cluster'], outputs['service']];
  await aws.ecs.send(new DeleteServiceCommand({ cluster, service, force: true }));
  const pace = (seconds: object): Promise<Response> =>
    fetch(`${emulator.endpoint}/_slipway/pace`, { method: 'POST', body: JSON.stringify(seconds) });
  await pace({ 'update AWS::ECS::Service': 0.6 });
  let over = false;
  const dying = async (): Promise<void> => {
    while (!over) {
      await dieOnce(place, { cluster, service });
      await sleep(100);
    }
  };
  const deaths = dying();
  try {
    return await withParameters(place, 'apply', { TaskCpu: '1024', TaskMemory: '2048' });
  } finally {
    over = true;
    await deaths;
  }
}

async function dieOnce(
  { aws, outputs }: Place,
  { cluster, service }: { cluster: string; service: string },
): Promise<void> {
  const taskDefinition = outputs['task-definition-base'] ?? '';
  const { tasks = [] } = await aws.ecs.send(
    new RunTaskCommand({ cluster, taskDefinition, group: `service:${service}`, launchType: 'FARGATE' }),
  );
  const task = tasks[0]?.taskArn ?? '';
  const logGroupName = outputs['log-group'] ?? '';
  const logStreamName = `ecs/fastapi/${task.split('/').at(-1) ?? ''}`;
  await aws.logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  const logEvents = [{ timestamp: Date.now(), message: `KeyError: 'DATABASE_URL'` }];
  await aws.logs.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
  await aws.ecs.send(new StopTaskCommand({ cluster, task, reason: 'Essential container in task exited' }));
}
