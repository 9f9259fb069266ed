import {
  DeploymentLifecycleHookStatus,
  ServiceDeploymentRollbackMonitorsStatus,
  ServiceDeploymentStatus,
} from '@aws-sdk/client-ecs';
import { describe, expect, test } from '@jest/globals';
import {
  deathText,
  fingerprintOf,
  isFailureOf,
  isHopeless,
  judge,
  type OurDeployment,
} from '../../../actions/deploy-ecs/src/verdict.ts';
import { at, deployment, record, revisionArn, service, stoppedTask } from '../../kit/ecs.ts';

const ours: OurDeployment = {
  id: 'ecs-svc/2',
  taskDefinition: revisionArn('backend:2'),
  previous: revisionArn('backend:1'),
  createdAt: at(10),
  wanted: 2,
  earlier: new Map([['ecs-svc/1', '']]),
};
const own = (special: object = {}): ReturnType<typeof deployment> =>
  deployment({
    id: ours.id,
    taskDefinition: ours.taskDefinition,
    createdAt: at(10),
    rolloutState: 'IN_PROGRESS',
    running: 0,
    ...special,
  });
const old = (special: object = {}): ReturnType<typeof deployment> => deployment({ status: 'ACTIVE', ...special });
const newer = (special: object = {}): ReturnType<typeof deployment> =>
  deployment({
    id: 'ecs-svc/3',
    taskDefinition: revisionArn('backend:3'),
    createdAt: at(20),
    rolloutState: 'IN_PROGRESS',
    ...special,
  });
const deployments = (...list: ReturnType<typeof deployment>[]): ReturnType<typeof service> =>
  service({ taskDefinition: ours.taskDefinition, deployments: list });
const done = own({ rolloutState: 'COMPLETED', running: 2 });

/** The outcome; `…` before it for what is not an end, `!` for what can only end badly. */
function verdict(...[seen, entry]: Parameters<typeof service | typeof record> | unknown[]): string {
  const found = judge(ours, { service: seen as never, deployment: entry as never });
  return found.kind === 'ended' ? found.outcome : found.failing ? '…!' : '…';
}

describe('by the record of the deployment', () => {
  /** Every status the SDK knows; it fails to compile, and to pass, when the SDK learns one. */
  const expected: Record<ServiceDeploymentStatus, string> = {
    PENDING: '…',
    IN_PROGRESS: '…',
    SUCCESSFUL: 'succeeded',
    STOP_REQUESTED: '…!',
    STOPPED: 'failed',
    ROLLBACK_REQUESTED: '…!',
    ROLLBACK_IN_PROGRESS: '…!',
    ROLLBACK_SUCCESSFUL: 'rolled-back',
    ROLLBACK_FAILED: 'failed',
  };
  test.each(Object.values(ServiceDeploymentStatus))('%s', (status) => {
    expect([status, verdict(deployments(done), record({ status }))]).toEqual([status, expected[status]]);
  });

  test('a status of the future decides nothing', () =>
    expect(verdict(deployments(done), record({ status: 'ASCENDED' }))).toBe('…'));

  test.each<readonly [string, string]>(
    Object.values(DeploymentLifecycleHookStatus).map((status) => [
      status,
      status === 'AWAITING_ACTION' ? 'paused' : '…',
    ]),
  )('a hook that is %s', (status, outcome) => {
    const hooks = [{ id: 'h', status, target: 'arn:hook', expiresAt: at(99), timeoutAction: 'ROLLBACK' }];
    expect(verdict(deployments(own()), record({ hooks }))).toBe(outcome);
  });

  test.each([
    ['the service is not seen', undefined, '…'],
    ['no task runs', deployments(own({ rolloutState: 'COMPLETED', running: 0 })), '…'],
    ['the list calls it failed', deployments(own({ rolloutState: 'FAILED', running: 2 })), '…'],
    ['the list lags behind', deployments(old({ status: 'PRIMARY' })), '…'],
    ['a newer one replaces it already', deployments(newer(), { ...done, status: 'ACTIVE' }), 'succeeded'],
    ['old tasks still drain', deployments(done, old()), 'succeeded'],
  ])('SUCCESSFUL, and %s', (_, seen, outcome) => expect(verdict(seen, record({ status: 'SUCCESSFUL' }))).toBe(outcome));

  test('stopped because of a newer deployment is superseded, by AWS’s words or by the list', () => {
    const statusReason = 'Replaced by a new service deployment';
    expect(verdict(deployments(own()), record({ status: 'STOPPED', statusReason }))).toBe('superseded');
    expect(verdict(deployments(newer()), record({ status: 'STOPPED' }))).toBe('superseded');
  });

  test.each<readonly [string, Parameters<typeof record>[0], string]>([
    [
      'breaker',
      { breaker: { status: 'TRIGGERED', failures: 3, threshold: 3 } },
      'circuit breaker was triggered after 3',
    ],
    ['alarms', { alarms: { status: 'TRIGGERED', triggered: ['5xx', 'slow'] } }, 'alarms went off: 5xx, slow'],
    [
      'hook',
      { hooks: [{ id: 'h', status: 'TIMED_OUT', target: 'arn:hook', expiresAt: undefined, timeoutAction: '' }] },
      'the lifecycle hook arn:hook timed out',
    ],
    ['a person', { rollback: { reason: 'Stopped by user', revision: '' } }, 'Stopped by user'],
    ['nobody said', {}, 'a stop was asked for'],
  ])('the cause of a rollback: %s', (_, special, reason) => {
    expect(
      judge(ours, { service: undefined, deployment: record({ status: 'ROLLBACK_SUCCESSFUL', ...special }) }),
    ).toEqual({
      kind: 'ended',
      outcome: 'rolled-back',
      reason: expect.stringContaining(reason) as unknown,
    });
  });

  test('the monitors’ states are those we know', () =>
    expect(Object.keys(ServiceDeploymentRollbackMonitorsStatus).sort()).toEqual([
      'DISABLED',
      'MONITORING',
      'MONITORING_COMPLETE',
      'TRIGGERED',
    ]));
});

test('what is going on, in one line', () => {
  const state = (special: Parameters<typeof record>[0]): string => {
    const found = judge(ours, { service: service(), deployment: record(special) });
    return found.kind === 'pending' ? found.state : found.outcome;
  };
  expect(state({ running: 1, pending: 1 })).toBe('1 of 2 running, 1 starting');
  expect(
    state({
      stage: 'PRODUCTION_TRAFFIC_SHIFT',
      running: 2,
      productionWeight: 25,
      testWeight: 100,
      breaker: { status: 'MONITORING', failures: 2, threshold: 3 },
      hooks: [{ id: 'h', status: 'IN_PROGRESS', target: 'arn:hook', expiresAt: undefined, timeoutAction: '' }],
    }),
  ).toBe(
    '2 of 2 running, 0 starting, 2 failed (production traffic shift, 25 % of the traffic, 100 % of the test traffic, hook arn:hook runs)',
  );
});

test('a pause says what it waits for, how long, and what AWS does then', () => {
  const paused = (timeoutAction: string): object => {
    const hooks = [{ id: 'h1', status: 'AWAITING_ACTION', target: '', expiresAt: at(60), timeoutAction }];
    return judge(ours, { service: service(), deployment: record({ hooks }) });
  };
  const reason = 'paused: the hook h1 waits for a decision, until 2026-01-01T00:01:00.000Z';
  expect(paused('ROLLBACK')).toMatchObject({ reason: `${reason}, then AWS will roll it back` });
  expect(paused('CONTINUE')).toMatchObject({ reason: `${reason}, then AWS will let it go on` });
  expect(paused('')).toMatchObject({ reason });
});

test('how a task died, in one line', () => {
  const containers = [
    { name: 'fastapi', exitCode: undefined, reason: 'CannotPullContainerError: x', health: '' },
    { name: 'proxy', exitCode: 0, reason: '', health: '' },
    { name: 'never', exitCode: undefined, reason: '', health: '' },
  ];
  expect(deathText(stoppedTask({ stopCode: 'TaskFailedToStart', stoppedReason: '', containers }))).toBe(
    'task 0a0a0a0a stopped: TaskFailedToStart, fastapi without exit code CannotPullContainerError: x, proxy exit code 0',
  );
});

describe('by the service’s list alone', () => {
  test('a list from before our update is not a newer deployment', () => {
    expect(verdict(deployments(old({ status: 'PRIMARY' })), undefined)).toBe('…');
    expect(verdict(deployments(newer(), own({ status: 'ACTIVE' })), undefined)).toBe('superseded');
    // Two updates within one second: AWS shows whole seconds.
    expect(verdict(deployments(newer({ createdAt: at(10) })), undefined)).toBe('superseded');
  });

  const rolledBack = old({ id: 'ecs-svc/1', status: 'PRIMARY', rolloutReason: 'ECS deployment rolled back' });
  const failed = own({ status: 'INACTIVE', rolloutState: 'FAILED', rolloutReason: 'breaker' });

  test.each([
    ['not seen', undefined, '…'],
    ['nothing listed', deployments(), '…'],
    ['starting', deployments(own(), old()), '…'],
    ['complete', deployments(done), 'succeeded'],
    ['complete, an older FAILED one listed for good', deployments(done, old({ rolloutState: 'FAILED' })), 'succeeded'],
    ['complete, too few tasks', deployments(own({ rolloutState: 'COMPLETED', running: 1 })), '…'],
    ['complete, of nothing', deployments(own({ rolloutState: 'COMPLETED', desired: 0 })), '…'],
    [
      'complete under another id with our revision',
      deployments(newer({ taskDefinition: ours.taskDefinition })),
      'superseded',
    ],
    [
      'no rollout state (Classic Load Balancer), settled',
      deployments(own({ rolloutState: '', running: 2 })),
      'succeeded',
    ],
    ['no rollout state, the old one still there', deployments(own({ rolloutState: '', running: 2 }), old()), '…'],
    ['failed, AWS goes back to the old one', deployments(own({ rolloutState: 'FAILED' }), old()), '…!'],
    ['failed, nothing to go back to', deployments(own({ rolloutState: 'FAILED' })), 'failed'],
    ['failed, and the old one is back', deployments(old({ status: 'PRIMARY' }), failed), 'rolled-back'],
    ['gone, and the old one says why', deployments(rolledBack), 'rolled-back'],
    ['rolling back', deployments({ ...rolledBack, rolloutState: 'IN_PROGRESS' }, failed), '…!'],
    ['a newer one in its place', deployments(newer(), own({ status: 'ACTIVE' })), 'superseded'],
    [
      'gone, the old revision deployed again by somebody',
      deployments(newer({ taskDefinition: ours.previous })),
      'superseded',
    ],
    ['failed, and a newer one in its place', deployments(newer(), failed), 'failed'],
  ])('%s', (_, seen, outcome) => expect(verdict(seen, undefined)).toBe(outcome));

  test('failed without rollback by AWS', () => {
    const off = service({
      deployments: [own({ rolloutState: 'FAILED' }), old()],
      breaker: { enabled: true, rollback: false },
    });
    expect(verdict(off, undefined)).toBe('failed');
  });

  test('an event tells of a rollback; an old event of another one does not', () => {
    const seen = (seconds: number): ReturnType<typeof service> =>
      service({
        deployments: [newer({ taskDefinition: ours.previous, rolloutState: 'COMPLETED' })],
        events: [{ id: 'e', at: at(seconds), message: '(service api) rolling back to deployment ecs-svc/1' }],
      });
    expect([verdict(seen(30), undefined), verdict(seen(5), undefined)]).toEqual(['rolled-back', 'superseded']);
  });

  test('the same revision forced again and rolled back is a rollback all the same', () => {
    const again: OurDeployment = { ...ours, taskDefinition: revisionArn('backend:1') };
    const sight = { service: deployments(rolledBack), deployment: undefined };
    expect(judge(again, sight)).toMatchObject({ outcome: 'rolled-back' });
  });
});

describe('tasks that die', () => {
  test.each([
    ['ours', stoppedTask(), true],
    ['a neighbour’s', stoppedTask({ startedBy: 'ecs-svc/1' }), false],
    ['of our revision, where startedBy is the service’s name', stoppedTask({ startedBy: 'api' }), true],
    ['of our revision, before our deployment', stoppedTask({ startedBy: 'api', createdAt: at(5) }), false],
    ['of another revision', stoppedTask({ startedBy: 'api', taskDefinition: revisionArn('backend:1') }), false],
    ['scaled in', stoppedTask({ stopCode: 'ServiceSchedulerInitiated', stoppedReason: 'Scaling activity' }), false],
    [
      'unhealthy',
      stoppedTask({ stopCode: 'ServiceSchedulerInitiated', stoppedReason: 'Task failed ELB health checks in (tg)' }),
      true,
    ],
    ['stopped by hand', stoppedTask({ stopCode: 'UserInitiated' }), false],
  ])('%s', (_, task, counted) => expect(isFailureOf(ours, task)).toBe(counted));

  test('the same way, whatever their ids, addresses and ports', () => {
    const reason = (id: string): ReturnType<typeof stoppedTask> =>
      stoppedTask({
        stoppedReason: `ResourceInitializationError: dial 10.0.0.${id.length}:4430${id.length} request ${id}`,
      });
    const [a, b] = ['0f0f0f0f0f0f0f0f0f', '6eddf710-af7a-469f-9b8d-e87fd5b1be19'].map((id) =>
      fingerprintOf(reason(id)),
    );
    expect(a).toBe(b);
    expect(fingerprintOf(stoppedTask())).not.toBe(
      fingerprintOf(stoppedTask({ containers: [{ name: 'fastapi', exitCode: 2, reason: '', health: '' }] })),
    );
  });

  test('the same way, whatever order and however ECS stopped what was beside it', () => {
    const died = (...containers: readonly (readonly [string, number | undefined, string?])[]): string =>
      fingerprintOf(
        stoppedTask({
          containers: containers.map(([name, exitCode, reason = '']) => ({ name, exitCode, reason, health: '' })),
        }),
      );
    const one = died(['fastapi', 1], ['proxy', 0]);
    expect(died(['proxy', 137], ['fastapi', 1])).toBe(one);
    expect(died(['proxy', 143], ['fastapi', 1])).toBe(one);
    expect(died(['proxy', 1], ['fastapi', 143])).not.toBe(one);
    // Killed, and nothing else ended: that is how it died.
    expect(died(['fastapi', 137], ['proxy', 0])).not.toBe(died(['fastapi', 143], ['proxy', 0]));
    const pull = (times: number, id: string): string =>
      died(['fastapi', undefined, `CannotPull: pull has been retried ${times} time(s): RequestID: ${id}, 403`]);
    expect(pull(1, 'A1B2')).toBe(pull(5, 'Z9'));
  });

  const seen = (special: object, breaker = { enabled: false, rollback: false }): Parameters<typeof isHopeless>[1] => ({
    service: service({ deployments: [own(special), old()], breaker }),
    deployment: undefined,
  });
  const like = (count: number): ReturnType<typeof stoppedTask>[] => Array.from({ length: count }, () => stoppedTask());
  const mixed = [1, 2, 3].map((exitCode) =>
    stoppedTask({ containers: [{ name: 'fastapi', exitCode, reason: '', health: '' }] }),
  );

  test.each([
    ['three of a kind', seen({}), like(3), 3, true],
    ['two of a kind', seen({}), like(2), 3, false],
    ['three kinds', seen({}), mixed, 3, false],
    ['one runs', seen({ running: 1 }), like(7), 3, false],
    ['one runs, and they keep dying', seen({ running: 1 }), like(8), 3, true],
    ['it is no longer the service’s own', seen({ status: 'ACTIVE' }), like(9), 3, false],
    ['switched off', seen({}), like(99), 0, false],
    ['AWS has failed it already', seen({ rolloutState: 'FAILED' }), like(5), 3, false],
    ['the breaker is about to act', seen({}, { enabled: true, rollback: true }), like(4), 3, false],
    ['the breaker did not act', seen({}, { enabled: true, rollback: true }), like(5), 3, true],
    [
      'the breaker is about to act at a threshold of its own',
      {
        ...seen({}, { enabled: true, rollback: true }),
        deployment: record({ breaker: { status: 'MONITORING', failures: 4, threshold: 5 } }),
      },
      like(6),
      3,
      false,
    ],
    ['the breaker is far off', seen({ desired: 40 }, { enabled: true, rollback: true }), like(3), 3, true],
  ])('given up? %s', (...[, sight, failures, failFastAfter, given]) =>
    expect(isHopeless(ours, sight, { failFastAfter, failures })).toBe(given),
  );
});
