import { describe, expect, test } from '@jest/globals';
import { deadTaskReader, serviceOfArn, type DeadTaskPorts } from '../../../actions/provision-env/src/dead-task.ts';
import type { TaskState } from '../../../shared/aws/ecs.ts';
import { AwsError } from '../../../shared/core/errors.ts';

const service = { cluster: 'shop', service: 'api' };

function task(special: Partial<TaskState> = {}): TaskState {
  return {
    arn: 'arn:aws:ecs:us-east-1:123456789012:task/shop/0a1b',
    taskDefinition: 'backend:7',
    startedBy: '',
    lastStatus: 'STOPPED',
    stopCode: 'EssentialContainerExited',
    stoppedReason: 'Essential container in task exited',
    createdAt: undefined,
    startedAt: undefined,
    stoppingAt: undefined,
    stoppedAt: new Date(5_000),
    containers: [
      { name: 'proxy', exitCode: 0, reason: '', health: '' },
      { name: 'fastapi', exitCode: 1, reason: '', health: '' },
    ],
    ...special,
  };
}

function read(
  tasks: readonly TaskState[],
  { lines = [], options }: { readonly lines?: readonly string[]; readonly options?: object } = {},
): { readonly asked: string[]; readonly text: Promise<string | undefined> } {
  const asked: string[] = [];
  const logConfiguration = {
    options: options ?? { 'awslogs-group': '/ecs/shop', 'awslogs-stream-prefix': 'ecs', 'awslogs-region': 'eu-west-1' },
  };
  const ports: DeadTaskPorts = {
    services: {
      stoppedTasks: async () => tasks.map(({ arn }) => arn),
      describeTasks: async () => tasks,
      describeTaskDefinition: async (arn) => ({
        arn,
        family: 'backend',
        revision: 7,
        active: true,
        described: { containerDefinitions: [{ name: 'proxy' }, { name: 'fastapi', logConfiguration }] },
        tags: [],
      }),
    },
    logs: {
      tail: async ({ group, stream, region }, count) => {
        asked.push(`${group} ${stream} ${region ?? ''} ${count}`);
        return lines;
      },
    },
  };
  return { asked, text: deadTaskReader(ports)(service, 1_000) };
}

test('a service is known by its ARN of the long form', () => {
  expect(serviceOfArn('arn:aws:ecs:us-east-1:123456789012:service/shop/api')).toEqual(service);
  expect(serviceOfArn('arn:aws:ecs:us-east-1:123456789012:service/api')).toBeUndefined();
  expect(serviceOfArn('')).toBeUndefined();
});

describe('a dead task', () => {
  test('is told with the container that failed and its last lines', async () => {
    const { asked, text } = read([task()], { lines: ['one', `two\u001b[31m ${'x'.repeat(1_000)}`] });
    const said = (await text)!;
    expect(said).toContain(
      'A task died (0a1b): EssentialContainerExited, Essential container in task exited; container fastapi, exit code 1.',
    );
    expect(said).toContain('\nLast log lines of fastapi:\n  │ one\n  │ two [31m xxx');
    expect(said.length).toBeLessThan(600);
    expect(asked).toEqual(['/ecs/shop ecs/fastapi/0a1b eu-west-1 10']);
  });

  test('is the last of them, and none of before', async () => {
    const ended = (seconds: number, name: string): TaskState =>
      task({ arn: `arn:aws:ecs:us-east-1:123456789012:task/shop/${name}`, stoppedAt: new Date(seconds * 1000) });
    expect(await read([ended(2, 'b'), ended(9, 'c'), ended(0.5, 'a')]).text).toContain(
      '2 tasks died, the last one (c)',
    );
    expect(await read([ended(0.5, 'a')]).text).toBeUndefined();
    expect(await read([]).text).toBeUndefined();
    expect(await read([task({ stoppedAt: undefined })]).text).toBeUndefined();
    // On its way down it counts as well.
    expect(await read([task({ stoppedAt: undefined, stoppingAt: new Date(3_000) })]).text).toContain('A task died');
  });

  test('without a log to be read is told all the same', async () => {
    expect(await read([task()]).text).toMatch(/ Its log \/ecs\/shop ecs\/fastapi\/0a1b is empty\.$/);
    const other = read([task()], { options: { 'splunk-url': 'https://x' } });
    expect(await other.text).toMatch(/exit code 1\.$/);
    expect(other.asked).toEqual([]);
  });

  test('shows no secret, also one that stretches over lines', async () => {
    const lines = [
      'password=hunter2secret',
      '-----BEGIN PRIVATE KEY-----',
      'MIIEvQIBADANBgkqhkiG9w0',
      '-----END PRIVATE KEY-----',
    ];
    const said = (await read([task()], { lines }).text)!;
    expect(said).not.toContain('hunter2');
    expect(said).not.toContain('MIIEvQ');
  });

  test('an error that is not AWS’s is our own bug and thrown', async () => {
    const broken = (error: Error): DeadTaskPorts => ({
      services: {
        stoppedTasks: () => Promise.reject(error),
        describeTasks: async () => [],
        describeTaskDefinition: async () => undefined,
      },
      logs: { tail: async () => [] },
    });
    await expect(deadTaskReader(broken(new TypeError('oops')))(service, 0)).rejects.toThrow('oops');
    const denied = new AwsError('AccessDeniedException', 'no', { service: 'ECS', operation: 'ListTasks' });
    expect(await deadTaskReader(broken(denied))(service, 0)).toBe(
      'Why its tasks died could not be read (AccessDeniedException).',
    );
  });
});
