import { expect, test } from '@jest/globals';
import { gatherEvidence, type EvidencePorts, type Scene } from '../../../actions/deploy-ecs/src/evidence.ts';
import { ReadBudget } from '../../../actions/deploy-ecs/src/read-budget.ts';
import type { TargetState } from '../../../shared/aws/elbv2.ts';
import { at, service, stoppedTask, taskDefinition } from '../../kit/ecs.ts';
import { denied, FakeEcs } from '../../kit/fake-ecs.ts';
import { VirtualClock } from '../../kit/virtual-clock.ts';

interface World extends EvidencePorts {
  readonly read: string[];
  spent: number;
}

function world(log: (stream: string) => readonly string[], targets: readonly TargetState[] = []): World {
  const clock = new VirtualClock(at(0));
  const read: string[] = [];
  const made: World = {
    spent: 0,
    reads: Object.assign(new ReadBudget(clock), { spend: () => void (made.spent += 1) }),
    read,
    clock,
    services: new FakeEcs(clock),
    balancers: { targetHealth: async () => targets },
    logs: {
      read: async () => ({ lines: [], next: undefined }),
      tail: async ({ stream }, lines) => {
        read.push(`${stream} ${lines}`);
        return log(stream);
      },
    },
  };
  return made;
}

const [fastapi] = taskDefinition().containerDefinitions!;
const definition = taskDefinition({
  containerDefinitions: ['fastapi', 'proxy', 'agent'].map((name) => ({ ...fastapi, name })),
});
const scene = (special: Partial<Scene>): Scene => ({
  reason: '',
  definition,
  failures: [],
  service: service(),
  since: undefined,
  ...special,
});
const died = (
  arn: string,
  ...containers: readonly (readonly [string, number | undefined])[]
): Scene['failures'][number] =>
  stoppedTask({ arn, containers: containers.map(([name, exitCode]) => ({ name, exitCode, reason: '', health: '' })) });

test('the logs of at most two containers that failed, each of its newest task', async () => {
  const w = world((stream) => [`of ${stream}`]);
  const { logs } = await gatherEvidence(
    scene({
      failures: [
        died('x/3', ['fastapi', 0], ['proxy', 1]),
        died('x/2', ['proxy', 1]),
        died('x/1', ['fastapi', 2], ['agent', 3]),
      ],
    }),
    w,
  );
  expect(w.read).toEqual(['ecs/proxy/3 20', 'ecs/fastapi/1 20']);
  expect(logs).toEqual([
    { container: 'proxy', lines: ['of ecs/proxy/3'] },
    { container: 'fastapi', lines: ['of ecs/fastapi/1'] },
  ]);
});

test('of a task that ECS stopped the main container’s, of one that never started none', async () => {
  const w = world(() => ['x']);
  const never = stoppedTask({
    stopCode: 'TaskFailedToStart',
    containers: [{ name: 'proxy', exitCode: undefined, reason: 'r', health: '' }],
  });
  await gatherEvidence(scene({ failures: [never] }), w);
  expect(w.read).toEqual([]);
  await gatherEvidence(scene({ failures: [never, died('x/1', ['proxy', 0])] }), w);
  expect(w.read).toEqual(['ecs/fastapi/1 20']);
});

test('only the named container’s, whatever its exit code', async () => {
  const w = world(() => ['x']);
  await gatherEvidence(scene({ failures: [died('x/1', ['fastapi', 1], ['proxy', 0])], container: 'proxy' }), w);
  expect(w.read).toEqual(['ecs/proxy/1 20']);
});

test('a log that comes late is waited for, two seconds at most', async () => {
  let asked = 0;
  const w = world(() => (++asked < 2 ? [] : ['late']));
  const { logs } = await gatherEvidence(scene({ failures: [died('x/1', ['proxy', 1])] }), w);
  expect(logs).toEqual([{ container: 'proxy', lines: ['late'] }]);
  expect(w.clock.now() - at(0).getTime()).toBe(2_000);
});

test('a container without CloudWatch Logs is named, and no error', async () => {
  const plain = taskDefinition({ containerDefinitions: [{ name: 'fastapi' }] });
  const { logs, missing } = await gatherEvidence(
    scene({ definition: plain, failures: [died('x/1', ['fastapi', 1])] }),
    world(() => []),
  );
  expect([logs, missing]).toEqual([[], ['the log of fastapi (not awslogs with a stream prefix)']]);
});

test('a log that may not be read is named, and asked for once', async () => {
  const w = world(() => {
    throw denied('GetLogEvents');
  });
  const { missing } = await gatherEvidence(scene({ failures: [died('x/1', ['proxy', 1])] }), w);
  expect(missing).toEqual(['the log of proxy (AccessDeniedException)']);
  expect(w.read).toHaveLength(1);
});

test('targets as they were during the deployment, else as they are now, without the healthy ones', async () => {
  const target = (id: string, state: string): TargetState => ({ id, port: 1, state, reason: 'r', description: '' });
  const w = world(() => [], [target('a', 'healthy'), target('b', 'unhealthy'), target('c', 'draining')]);
  const balanced = service({ loadBalancers: [{ targetGroup: 'tg', container: 'fastapi', port: 1 }] });
  const idsOf = async (targets: readonly TargetState[]): Promise<readonly string[]> =>
    (await gatherEvidence(scene({ service: balanced, targets }), w)).targets.map(({ id }) => id);
  expect(await idsOf([target('gone', 'unhealthy'), target('well', 'healthy')])).toEqual(['gone']);
  expect(w.spent).toBe(0);
  expect(await idsOf([])).toEqual(['b', 'c']);
  expect(w.spent).toBe(1);
});

test('every read is counted', async () => {
  const w = world(() => []);
  await gatherEvidence(scene({ failures: [died('x/1', ['proxy', 1], ['agent', 2])] }), w);
  expect([w.spent, w.read.length]).toEqual([4, 4]);
});

test('events since the deployment began', async () => {
  const events = [5, 4, 3].map((second) => ({ id: `${second}`, at: at(second), message: '' }));
  const found = await gatherEvidence(
    scene({ service: service({ events }), since: at(4) }),
    world(() => []),
  );
  expect(found.events.map(({ id }) => id)).toEqual(['5', '4']);
});

test('what is no error of AWS is not hidden', async () => {
  const w = world(() => {
    throw new TypeError('a bug');
  });
  await expect(gatherEvidence(scene({ failures: [died('x/1', ['proxy', 1])] }), w)).rejects.toThrow('a bug');
});

test('of the tasks that live: the log of the newest that has started, and those that have not', async () => {
  const w = world((stream) => [`of ${stream}`]);
  const living = [
    stoppedTask({ arn: 'x/new', lastStatus: 'RUNNING', startedAt: at(20) }),
    stoppedTask({ arn: 'x/old', lastStatus: 'RUNNING', startedAt: at(10) }),
    stoppedTask({ arn: 'x/pending', lastStatus: 'PENDING', startedAt: undefined }),
    stoppedTask({ arn: 'x/other', lastStatus: 'PENDING', startedAt: undefined, taskDefinition: 'other:1' }),
  ];
  Object.assign(w.services, {
    runningTasks: async () => living.map(({ arn }) => arn),
    describeTasks: async () => living,
  });
  const running = { ref: { cluster: 'shop', service: 'api' }, taskDefinition: living[0]!.taskDefinition };
  const found = await gatherEvidence(scene({ running, limitMinutes: 7 }), w);
  expect(found.logs).toEqual([{ container: 'fastapi', lines: ['of ecs/fastapi/new'] }]);
  expect(found.starting?.map(({ arn }) => arn)).toEqual(['x/pending']);
  expect(found.limitMinutes).toBe(7);
});
