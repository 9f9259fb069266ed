import fc from 'fast-check';
import { ServiceDeploymentStatus } from '@aws-sdk/client-ecs';
import { expect, test } from '@jest/globals';
import { ReadBudget } from '../../../actions/deploy-ecs/src/read-budget.ts';
import { apply, type Outcome } from '../../../actions/deploy-ecs/src/apply.ts';
import { observe } from '../../../actions/deploy-ecs/src/observe.ts';
import { planDeploy } from '../../../actions/deploy-ecs/src/plan.ts';
import type { DeploymentState, ServiceDeploymentState, ServiceState } from '../../../shared/aws/ecs.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { at, deployment, inputsOf, record, revisionArn } from '../../kit/ecs.ts';
import { denied, FakeEcs, throttled } from '../../kit/fake-ecs.ts';
import { VirtualClock } from '../../kit/virtual-clock.ts';

/** One state of AWS as a look may find it: likely, odd or impossible. */
interface Shown {
  readonly deployments: readonly DeploymentState[];
  /** Of our own deployment; undefined: it has no record yet. */
  readonly record: Partial<ServiceDeploymentState> | undefined;
  readonly event: string | undefined;
  readonly deaths: number;
  readonly error: 'none' | 'throttled' | 'denied';
}

const rolloutState = fc.constantFrom('IN_PROGRESS', 'COMPLETED', 'FAILED', '', 'NEVER_HEARD_OF');
const count = fc.integer({ min: 0, max: 3 });
const entry = (id: number, name: string, seconds: number): fc.Arbitrary<DeploymentState> =>
  fc
    .record({ rolloutState, running: count, pending: count, failed: count, desired: fc.constantFrom(0, 2, 2, 2) })
    .chain((counts) =>
      fc.constantFrom('ACTIVE', 'INACTIVE').map((status) =>
        deployment({
          ...counts,
          status,
          id: `ecs-svc/${id}`,
          taskDefinition: revisionArn(name),
          createdAt: new Date(at(3600).getTime() + seconds * 1000),
          rolloutReason: counts.rolloutState === 'FAILED' ? 'tasks failed to start' : '',
        }),
      ),
    );
/** The one before, ours, the way back to what ran before, a stranger's; at most one is PRIMARY, and most often ours. */
const deployments = fc
  .tuple(
    fc.constantFrom(1, 1, 1, 1, 0, 2, 3, 3, -1),
    fc.option(entry(1, 'backend:1', -900), { nil: undefined }),
    fc.option(entry(2, 'backend:2', 0), { nil: undefined }),
    fc.option(entry(3, 'backend:1', 30), { nil: undefined }),
    fc.option(entry(9, 'backend:9', 5), { nil: undefined }),
  )
  .map(([primary, ...entries]) =>
    entries.flatMap((item, index): DeploymentState[] =>
      item === undefined ? [] : [index === primary ? { ...item, status: 'PRIMARY' } : item],
    ),
  );
const monitor = fc.constantFrom('DISABLED', 'MONITORING', 'MONITORING_COMPLETE', 'TRIGGERED');
const entryOfRecord = fc.record({
  status: fc.constantFrom(
    ...Object.values(ServiceDeploymentStatus),
    ...Array.from({ length: 4 }, () => ServiceDeploymentStatus.SUCCESSFUL),
    'NEVER_HEARD_OF',
  ),
  statusReason: fc.constantFrom('', 'Replaced by a new service deployment', 'Stopped by user'),
  breaker: monitor.map((status) => ({ status, failures: 3, threshold: 3 })),
  alarms: monitor.map((status) => ({ status, triggered: ['5xx'] })),
  hooks: fc
    .option(fc.constantFrom('IN_PROGRESS', 'AWAITING_ACTION', 'SUCCEEDED', 'FAILED', 'TIMED_OUT'))
    .map((status) =>
      status === null ? [] : [{ id: 'h', status, target: '', expiresAt: undefined, timeoutAction: 'ROLLBACK' }],
    ),
  rollback: fc.constantFrom(undefined, { reason: '', revision: 'arn:r/1' }),
});
const shown: fc.Arbitrary<Shown> = fc.record({
  deployments,
  record: fc.option(entryOfRecord, { nil: undefined }),
  event: fc.constantFrom(undefined, undefined, '(service api) rolling back to deployment ecs-svc/1', 'steady state'),
  deaths: fc.constantFrom(0, 0, 0, 1, 3),
  error: fc.constantFrom('none', 'none', 'none', 'none', 'throttled', 'denied'),
});

const primaryOf = (state: ServiceState): DeploymentState | undefined =>
  state.deployments.find(({ status }) => status === 'PRIMARY');

/** Shows one state after the other, a new one with each look at the service; the last one stays. */
class ChaoticEcs extends FakeEcs {
  readonly #script: Shown[];
  /** What the run has been shown of the service, newest last. */
  readonly seen: ServiceState[] = [];
  readonly seenRecords: ServiceDeploymentState[] = [];

  constructor(clock: VirtualClock, script: readonly Shown[]) {
    super(clock);
    this.#script = [...script];
  }

  next(): void {
    const [now] = this.#script;
    if (now === undefined) return;
    if (this.#script.length > 1) this.#script.shift();
    const { service } = this;
    if (service === undefined) return;
    service.deployments = [...now.deployments];
    if (now.event !== undefined) {
      service.events = [{ id: 'e', at: new Date(this.clock.now()), message: now.event }, ...service.events];
    }
    const own = now.deployments.find(({ id }) => id === 'ecs-svc/2');
    if (own !== undefined) for (let death = 0; death < now.deaths; death += 1) this.crash(own);
    if (now.record === undefined) this.records.clear();
    else this.records.set('r2', record({ ...now.record, arn: 'r2' }));
    if (now.error === 'throttled') this.failures.set('describeService', [throttled('DescribeServices')]);
    if (now.error === 'denied') this.failures.set('describeServiceDeployment', [denied('DescribeServiceDeployments')]);
  }

  override async describeService(): Promise<ServiceState | undefined> {
    if (this.updates.length > 0) this.next();
    const state = await super.describeService();
    if (state !== undefined) this.seen.push(state);
    return state;
  }

  override async describeServiceDeployment(arn: string): Promise<ServiceDeploymentState | undefined> {
    const state = await super.describeServiceDeployment(arn);
    if (state !== undefined) this.seenRecords.push(state);
    return state;
  }
}

const outcomes: readonly Outcome[] = [
  'succeeded',
  'started',
  'rolled-back',
  'superseded',
  'failed',
  'timed-out',
  'paused',
  'cancelled',
];

const runs = fc.record({
  script: fc.array(shown, { minLength: 1, maxLength: 8 }),
  rollback: fc.boolean(),
  refused: fc.boolean(),
  cancelAfter: fc.option(fc.integer({ min: 0, max: 90 }), { nil: undefined }),
});

test('any sequence of states leads to one outcome, green only with proof, and touches nothing of anyone else’s', async () => {
  const reached = new Map<Outcome, number>();
  await fc.assert(
    fc.asyncProperty(runs, async ({ script, rollback, refused, cancelAfter }) => {
      const clock = new VirtualClock(at(3600));
      const ecs = new ChaoticEcs(clock, script);
      const controller = new AbortController();
      if (refused) ecs.failures.set('rollBackDeployment', [denied('StopServiceDeployment')]);
      if (cancelAfter !== undefined) {
        ecs.onUpdate = () =>
          clock.after(cancelAfter, () => controller.abort(new ActionError('Cancelled', 'the run was cancelled')));
      }
      const ports = {
        services: ecs,
        clock,
        signal: controller.signal,
        tokenSeed: 'seed',
        reads: new ReadBudget(clock),
        progress: {
          info: () => undefined,
          warn: () => undefined,
          follow: () => () => undefined,
          group: <T>(_: string, body: () => Promise<T>) => body(),
        },
        logs: { read: async () => ({ lines: [], next: undefined }), tail: async () => [] },
        balancers: { targetHealth: async () => [] },
        ask: async () => ({ status: 200, ms: 1, body: '' }),
      };
      const inputs = inputsOf({
        image: 'app:2',
        'wait-timeout-minutes': '2',
        'rollback-on-failure': String(rollback),
      });
      const plan = planDeploy(inputs, await observe(inputs, ports));
      const result = await apply(plan, ports);
      reached.set(result.outcome, (reached.get(result.outcome) ?? 0) + 1);

      expect(outcomes).toContain(result.outcome);
      expect(result.failure === undefined).toBe(result.outcome === 'succeeded');
      const own = ecs.seenRecords.at(-1);
      if (result.outcome === 'succeeded') {
        const proven = ecs.seen.slice(-2).some((state) => {
          const found = primaryOf(state);
          if (found === undefined) return false;
          // Ours, or a newer one when the record of ours says that it had completed.
          if (found.id !== 'ecs-svc/2') return own?.status === 'SUCCESSFUL' && found.id !== 'ecs-svc/1';
          return found.running >= 1 && ['COMPLETED', ''].includes(found.rolloutState);
        });
        expect(proven).toBe(true);
      }
      // One update of ours; a second one only to go back, and never over a stranger's deployment.
      const [, back, ...more] = ecs.updates;
      expect(more).toEqual([]);
      if (back !== undefined) {
        expect([back.taskDefinition, rollback]).toEqual([revisionArn('backend:1'), true]);
        expect(['rolled-back', 'failed', 'timed-out', 'cancelled']).toContain(result.outcome);
      }
      const stops = ecs.writes.filter((write) => write.startsWith('rollBack'));
      expect(stops.every((stop) => stop === 'rollBackDeployment r2')).toBe(true);
      expect(rollback || stops.length === 0).toBe(true);
      if (result.outcome === 'superseded') {
        expect([back, stops]).toEqual([undefined, []]);
        const replaced = ecs.seen
          .slice(-2)
          .some((state) => primaryOf(state) !== undefined && primaryOf(state)?.id !== 'ecs-svc/2');
        expect(replaced || own?.status === 'STOPPED').toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
  // The states are rich enough to reach every end.
  expect([...reached.keys()].toSorted()).toEqual(outcomes.filter((outcome) => outcome !== 'started').toSorted());
}, 60_000);
