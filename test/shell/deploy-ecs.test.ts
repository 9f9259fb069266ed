import { describe, expect, test } from '@jest/globals';
import { ReadBudget } from '../../actions/deploy-ecs/src/read-budget.ts';
import { apply, type ApplyPorts, type Result } from '../../actions/deploy-ecs/src/apply.ts';
import type { HealthAnswer } from '../../actions/deploy-ecs/src/health.ts';
import { observe, type ObservePorts } from '../../actions/deploy-ecs/src/observe.ts';
import { planDeploy } from '../../actions/deploy-ecs/src/plan.ts';
import { report } from '../../actions/deploy-ecs/src/report.ts';
import type { TargetState } from '../../shared/aws/elbv2.ts';
import { ActionError, AwsError } from '../../shared/core/errors.ts';
import { at, deployment, inputsOf, observed, revisionArn, stoppedTask, taskDefinition } from '../kit/ecs.ts';
import { denied, FakeEcs, throttled } from '../kit/fake-ecs.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

interface World {
  readonly ecs: FakeEcs;
  readonly clock: VirtualClock;
  readonly lines: string[];
  readonly cancel: () => void;
  readonly ports: ObservePorts & ApplyPorts;
  log: string[];
  targets: TargetState[];
  health: HealthAnswer;
}

/** The runner's clock is an hour off the service's: no verdict may depend on it. */
function world(special: ConstructorParameters<typeof FakeEcs>[1] = {}): World {
  const clock = new VirtualClock(at(3600));
  const ecs = new FakeEcs(clock, special);
  const lines: string[] = [];
  const controller = new AbortController();
  const made: World = {
    ecs,
    clock,
    lines,
    cancel: () => controller.abort(new ActionError('Cancelled', 'the run was cancelled (SIGINT)')),
    log: [],
    targets: [],
    health: { status: 200, ms: 5, body: 'ok' },
    ports: {
      services: ecs,
      clock,
      signal: controller.signal,
      tokenSeed: 'seed',
      reads: new ReadBudget(clock),
      progress: {
        info: (line) => lines.push(line),
        warn: (line) => lines.push(`! ${line}`),
        follow: () => () => undefined,
        group: (_, body) => body(),
      },
      logs: {
        read: async (_, token) => ({ lines: made.log.slice(Number(token ?? 0)), next: String(made.log.length) }),
        tail: async () => made.log,
      },
      balancers: { targetHealth: async () => made.targets },
      ask: async () => made.health,
    },
  };
  // Unless a test says otherwise, a deployment is complete after three seconds.
  ecs.onUpdate = (own) => clock.after(3, () => ecs.complete(own));
  return made;
}

async function run({ ports }: World, values: Readonly<Record<string, string>> = {}): Promise<Result> {
  const inputs = inputsOf({ image: 'app:2', ...values });
  return apply(planDeploy(inputs, await observe(inputs, ports)), ports);
}

const old = revisionArn('backend:1');
const fresh = revisionArn('backend:2');

describe('a good deployment', () => {
  test('one revision, one update without a count, green when it is proven', async () => {
    const w = world();
    expect(await run(w)).toMatchObject({
      outcome: 'succeeded',
      changed: true,
      taskDefinition: fresh,
      running: fresh,
      failure: undefined,
    });
    expect(w.ecs.writes).toEqual(['registerTaskDefinition backend:2', 'updateService backend:2']);
  });

  test('is green within a second of its completion, with and without a record', async () => {
    for (const keep of [false, true]) {
      const w = world();
      w.ecs.onUpdate = (own) => {
        const kept = keep ? w.ecs.keepRecord(own) : undefined;
        w.clock.after(3, () => {
          w.ecs.complete(own);
          if (kept !== undefined) kept.status = 'SUCCESSFUL';
        });
      };
      const { outcome, ms, deploymentArn } = await run(w);
      expect([outcome, ms <= 4_000, deploymentArn?.endsWith('/r2')]).toEqual([
        'succeeded',
        true,
        keep ? true : undefined,
      ]);
    }
  });

  test('what is registered holds nothing that AWS only shows', async () => {
    const w = world();
    await run(w);
    const described = w.ecs.definitions.get(fresh)!.described;
    expect(described).toEqual({
      ...taskDefinition({ containerDefinitions: [{ ...taskDefinition().containerDefinitions![0], image: 'app:2' }] }),
      // Put there by the fake itself.
      taskDefinitionArn: fresh,
      status: 'ACTIVE',
      taskRoleArn: '',
      volumes: null,
    });
  });

  test('a rerun changes nothing', async () => {
    const w = world();
    await run(w);
    w.ecs.calls.length = 0;
    expect(await run(w, { 'run-before': 'migrate' })).toMatchObject({
      outcome: 'unchanged',
      changed: false,
      running: fresh,
    });
    expect(w.ecs.writes).toEqual([]);
  });

  test('a first deployment raises the count from 0, a later one leaves it alone', async () => {
    const w = world({ desired: 0, running: 0, deployments: [deployment({ desired: 0, running: 0 })] });
    expect(await run(w, { 'initial-count': '2' })).toMatchObject({ outcome: 'succeeded', running: fresh });
    await run(w, { image: 'app:3' });
    expect(w.ecs.writes.filter((call) => call.startsWith('update'))).toEqual([
      'updateService backend:2 count 2',
      'updateService backend:3',
    ]);
  });

  test('survives throttled and broken polls, and reads that only inform', async () => {
    const w = world();
    const update = w.ecs.onUpdate;
    w.ecs.onUpdate = (own) => {
      w.ecs.failures.set('describeService', [throttled('DescribeServices'), throttled('DescribeServices')]);
      w.ecs.failures.set('listServiceDeployments', [denied('ListServiceDeployments')]);
      w.ecs.failures.set('stoppedTasks', [denied('ListTasks')]);
      update(own);
    };
    expect(await run(w)).toMatchObject({ outcome: 'succeeded' });
  });

  test('wait: false ends with the update', async () => {
    const w = world();
    expect(await run(w, { wait: 'false' })).toMatchObject({ outcome: 'started', taskDefinition: fresh, running: old });
  });

  test('waits first for another deployment that is going on', async () => {
    const w = world({ deployments: [deployment({ rolloutState: 'IN_PROGRESS', running: 1 })] });
    w.clock.after(30, () => w.ecs.complete(w.ecs.deployments()[0]!));
    expect(await run(w)).toMatchObject({ outcome: 'succeeded' });
    expect(w.lines[0]).toContain('waiting for the deployment that is still going on');
  });

  test('gives up waiting for another deployment, with nothing touched', async () => {
    const w = world({ deployments: [deployment({ rolloutState: 'IN_PROGRESS', running: 1 })] });
    await expect(run(w)).rejects.toMatchObject({ code: 'DeploymentActive' });
    expect(w.ecs.writes).toEqual([]);
  });
});

describe('nothing is touched', () => {
  test('in a dry run', async () => {
    const w = world();
    const inputs = inputsOf({ image: 'app:2', 'run-before': 'migrate', 'dry-run': 'true' });
    expect(report(planDeploy(inputs, await observe(inputs, w.ports)), undefined).outputs).toMatchObject({
      outcome: 'planned',
      changed: 'false',
      'running-task-definition-arn': old,
    });
    expect(w.ecs.writes).toEqual([]);
  });

  test('without the service, and it is said where it was looked for', async () => {
    const w = world();
    w.ecs.service = undefined;
    await expect(run(w)).rejects.toThrow('no service api in the cluster shop in us-east-1');
  });

  test('without the named task definition', async () => {
    await expect(run(world(), { 'task-definition': 'nothing:7' })).rejects.toThrow('no task definition nothing:7');
  });
});

describe('a deployment that fails', () => {
  test('and is rolled back by AWS is red, with the reason and what runs', async () => {
    const w = world();
    w.log = ['starting', 'KeyError: DATABASE_URL'];
    w.ecs.onUpdate = (own) => {
      for (const second of [1, 2, 3]) w.clock.after(second, () => w.ecs.crash(own));
      w.clock.after(4, () => w.ecs.rollBack(own, old));
    };
    const result = await run(w);
    expect(result).toMatchObject({ outcome: 'rolled-back', running: old, failure: { code: 'RolledBack' } });
    expect(result.failure?.message).toMatch(/exit code 1.*KeyError: DATABASE_URL.*backend:1 runs/s);
    expect(w.ecs.writes).toEqual(['registerTaskDefinition backend:2', 'updateService backend:2']);
  });

  test('over and over, without a breaker: given up early, and the revision before is deployed again', async () => {
    const w = world({ breaker: { enabled: false, rollback: false } });
    const complete = w.ecs.onUpdate;
    w.ecs.onUpdate = (own) => {
      if (own.taskDefinition === old) complete(own);
      else for (const second of [1, 5, 9, 13, 17]) w.clock.after(second, () => w.ecs.crash(own));
    };
    const result = await run(w);
    expect(result).toMatchObject({ outcome: 'rolled-back', running: old });
    expect(result.ms).toBeLessThan(30_000);
    expect(w.ecs.writes.at(-1)).toBe('updateService backend:1');
  });

  test('over and over, with a record: stopped with rollback instead', async () => {
    const w = world({ breaker: { enabled: false, rollback: false } });
    w.ecs.onUpdate = (own) => {
      const kept = w.ecs.keepRecord(own);
      for (const second of [1, 2, 3]) w.clock.after(second, () => w.ecs.crash(own));
      w.ecs.onRollBack = () => {
        kept.status = 'ROLLBACK_IN_PROGRESS';
        w.clock.after(4, () => {
          kept.status = 'ROLLBACK_SUCCESSFUL';
          w.ecs.rollBack(own, old);
        });
      };
    };
    expect(await run(w)).toMatchObject({ outcome: 'rolled-back', running: old });
    expect(w.ecs.writes.at(-1)).toBe('rollBackDeployment r2');
  });

  test('first of all deployments: red, with nothing to go back to', async () => {
    const w = world({
      desired: 0,
      running: 0,
      deployments: [deployment({ desired: 0, running: 0 })],
      breaker: { enabled: false, rollback: false },
    });
    w.ecs.onUpdate = (own) => {
      for (const second of [1, 2, 3]) w.clock.after(second, () => w.ecs.crash(own));
    };
    const result = await run(w);
    expect(result).toMatchObject({ outcome: 'failed', running: undefined });
    expect(result.failure?.message).toContain('no earlier revision to go back to');
    expect(w.ecs.updates).toHaveLength(1);
  });

  test('and may not be taken back: left as it is', async () => {
    const w = world({ breaker: { enabled: true, rollback: false } });
    w.ecs.onUpdate = (own) => {
      w.clock.after(2, () => Object.assign(own, { rolloutState: 'FAILED' }));
    };
    const result = await run(w, { 'rollback-on-failure': 'false' });
    expect(result).toMatchObject({ outcome: 'failed', running: old });
    expect(w.ecs.updates).toHaveLength(1);
  });

  test('and cannot be taken back: both are told', async () => {
    const w = world({ breaker: { enabled: true, rollback: false } });
    w.ecs.onUpdate = (own) => {
      w.ecs.failures.set('updateService', [
        new AwsError('AccessDeniedException', 'ECS UpdateService was denied', {
          service: 'ECS',
          operation: 'UpdateService',
          hint: 'Add this statement: {}',
        }),
      ]);
      w.clock.after(2, () => Object.assign(own, { rolloutState: 'FAILED', rolloutReason: 'tasks failed to start' }));
    };
    const result = await run(w);
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'DeploymentFailed' } });
    expect(result.failure?.message).toMatch(
      /tasks failed to start.*Going back did not work: ECS UpdateService was denied\. Add this statement: \{\}/s,
    );
  });

  test('to be proven in time is red, and a time-out stays one', async () => {
    const w = world();
    const complete = w.ecs.onUpdate;
    w.ecs.onUpdate = (own) => {
      if (own.taskDefinition === old) complete(own);
    };
    const result = await run(w, { 'wait-timeout-minutes': '2' });
    expect(result).toMatchObject({ outcome: 'timed-out', running: old, failure: { code: 'TimedOut' } });
    expect(result.ms).toBeLessThan(130_000);
  });

  test('because another took its place: superseded, and the other is not touched', async () => {
    const w = world();
    w.ecs.onUpdate = () => {
      w.clock.after(2, () => {
        w.ecs.service!.deployments = [
          deployment({ id: 'ecs-svc/9', taskDefinition: revisionArn('backend:9'), createdAt: new Date(w.clock.now()) }),
        ];
      });
    };
    expect(await run(w)).toMatchObject({ outcome: 'superseded', running: revisionArn('backend:9') });
    expect(w.ecs.updates).toHaveLength(1);
  });

  test('because another took its place before the update was answered: the same', async () => {
    const w = world();
    w.ecs.onUpdate = (own) => {
      const theirs = deployment({
        id: 'ecs-svc/9',
        taskDefinition: revisionArn('backend:9'),
        createdAt: own.createdAt,
      });
      w.ecs.service!.deployments = [theirs, Object.assign(own, { status: 'ACTIVE' })];
    };
    expect(await run(w)).toMatchObject({ outcome: 'superseded' });
    expect(w.ecs.updates).toHaveLength(1);
  });

  test('to show up at all is red: no other deployment is taken for it', async () => {
    const w = world();
    w.ecs.onUpdate = () => (w.ecs.service!.deployments = [deployment({ id: 'ecs-svc/9' })]);
    expect(await run(w)).toMatchObject({ outcome: 'failed', failure: { code: 'NoDeployment' } });
  });

  test('is not mistaken for a neighbour’s that succeeded a second before or after', async () => {
    const w = world();
    w.ecs.onUpdate = (own) => {
      w.ecs.keepRecord(deployment({ id: 'ecs-svc/21' }), { status: 'SUCCESSFUL' });
      const kept = w.ecs.keepRecord(own);
      w.ecs.keepRecord(deployment({ id: 'ecs-svc/3' }), { status: 'SUCCESSFUL' });
      w.clock.after(4, () => {
        kept.status = 'ROLLBACK_SUCCESSFUL';
        w.ecs.rollBack(own, old);
      });
    };
    const result = await run(w);
    expect(result).toMatchObject({ outcome: 'rolled-back', running: old });
    expect(result.deploymentArn).toMatch(/\/r2$/);
  });

  test('is not mistaken for a record of its number that deploys another revision', async () => {
    const w = world();
    w.ecs.onUpdate = (own) => {
      w.ecs.keepRecord(own, { status: 'SUCCESSFUL' });
      w.ecs.revisionTaskDefinition = async () => revisionArn('backend:9');
      w.clock.after(4, () => w.ecs.rollBack(own, old));
    };
    const result = await run(w);
    expect(result).toMatchObject({ outcome: 'rolled-back', running: old, deploymentArn: undefined });
  });

  test('and is being rolled back by AWS is left to it, however many tasks die', async () => {
    const w = world({ breaker: { enabled: false, rollback: false } });
    w.ecs.onUpdate = (own) => {
      const kept = w.ecs.keepRecord(own, { alarms: { status: 'TRIGGERED', triggered: ['5xx'] } });
      w.clock.after(1, () => (kept.status = 'ROLLBACK_IN_PROGRESS'));
      for (const second of [2, 3, 4, 5]) w.clock.after(second, () => w.ecs.crash(own));
      w.clock.after(40, () => {
        kept.status = 'ROLLBACK_SUCCESSFUL';
        w.ecs.rollBack(own, old);
      });
    };
    const result = await run(w);
    expect(result).toMatchObject({ outcome: 'rolled-back', running: old });
    expect(result.failure?.message).toContain('alarms went off: 5xx');
    expect(w.ecs.writes).toEqual(['registerTaskDefinition backend:2', 'updateService backend:2']);
  });

  test('at the update itself: the registered revision is still reported, and a rerun uses it', async () => {
    const w = world();
    w.ecs.failures.set('updateService', [denied('UpdateService')]);
    expect(await run(w)).toMatchObject({ outcome: 'failed', changed: true, taskDefinition: fresh, running: old });
    expect(await run(w)).toMatchObject({ outcome: 'succeeded', running: fresh });
    expect(w.ecs.calls.filter((call) => call.startsWith('register'))).toHaveLength(1);
  });

  test('at a call that is denied: the diagnosis has action, resource and statement', async () => {
    const w = world();
    const message =
      'ECS RegisterTaskDefinition was denied: User: arn:aws:sts::123456789012:assumed-role/deploy/x is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/task because no identity-based policy allows the iam:PassRole action';
    const details = { service: 'ECS', operation: 'RegisterTaskDefinition', hint: 'Add this statement: {}' };
    w.ecs.failures.set('registerTaskDefinition', [new AwsError('AccessDeniedException', message, details)]);
    const inputs = inputsOf({ image: 'app:2' });
    const plan = planDeploy(inputs, await observe(inputs, w.ports));
    const { outputs } = report(plan, await apply(plan, w.ports));
    expect(outputs['diagnosis']).toMatch(
      /^The call ECS RegisterTaskDefinition was denied\..*role deploy has no permission for iam:PassRole on arn:aws:iam::1:role\/task\. Fix: Add this statement: \{\}\.$/,
    );
  });

  test('at the registration: the service is not touched', async () => {
    const w = world();
    w.ecs.failures.set('registerTaskDefinition', [denied('RegisterTaskDefinition')]);
    expect(await run(w)).toMatchObject({ outcome: 'failed', changed: false, taskDefinition: undefined, running: old });
    expect(w.ecs.updates).toEqual([]);
  });
});

describe('paused', () => {
  const pausing = (): World => {
    const w = world();
    w.ecs.onUpdate = (own) => {
      w.ecs.keepRecord(own, {
        hooks: [{ id: 'h', status: 'AWAITING_ACTION', target: '', expiresAt: at(9_000), timeoutAction: 'ROLLBACK' }],
      });
    };
    return w;
  };

  test('is red, or green if that is wanted; nothing is taken back', async () => {
    for (const [pausedIs, code] of [
      ['red', 'Paused'],
      ['green', undefined],
    ] as const) {
      const w = pausing();
      const result = await run(w, { 'paused-is': pausedIs, 'health-check-url': 'http://a/' });
      expect([result.outcome, result.failure?.code, result.health]).toEqual(['paused', code, undefined]);
      expect(w.ecs.updates).toHaveLength(1);
    }
  });

  test('shows how a person decides, and what happens without', async () => {
    for (const pausedIs of ['red', 'green']) {
      const w = pausing();
      const result = await run(w, { 'paused-is': pausedIs });
      const deploymentArn = 'arn:aws:ecs:us-east-1:123456789012:service-deployment/shop/api/r2';
      const command = `aws ecs continue-service-deployment --service-deployment-arn ${deploymentArn} --hook-id h`;
      expect(result.decide).toEqual([
        `${command} --action CONTINUE --region us-east-1`,
        `${command} --action ROLLBACK --region us-east-1`,
      ]);
      expect(result.detail).toMatch(
        /waits for a decision, until 2026-01-01T02:30:00\.000Z, then AWS will roll it back$/,
      );
      expect(w.lines).toContain(`  ${result.decide[0]}`);
      const { summary } = report(planDeploy(inputsOf(), observed()), result);
      expect(summary).toContain(result.decide.join('\n'));
    }
  });

  test('quotes what a shell would read otherwise', async () => {
    const w = world();
    w.ecs.onUpdate = (own) => {
      const hook = {
        id: "h'; rm -rf /",
        status: 'AWAITING_ACTION',
        target: '',
        expiresAt: undefined,
        timeoutAction: '',
      };
      w.ecs.keepRecord(own, { hooks: [hook] });
    };
    const { decide, detail } = await run(w);
    expect(decide[0]).toContain(String.raw`--hook-id 'h'\''; rm -rf /' --action`);
    expect(detail).not.toContain('Without a decision');
  });
});

describe('run-before', () => {
  const ending = (exitCode: number | undefined): World => {
    const w = world();
    w.ecs.onRun = (task) => {
      w.clock.after(1, () => (task.lastStatus = 'RUNNING'));
      w.clock.after(1.2, () => w.log.push('upgrading'));
      w.clock.after(4, () => {
        w.log.push('done with DB_PASSWORD=hunter2');
        task.lastStatus = 'STOPPED';
        task.stopCode = 'EssentialContainerExited';
        task.containers = [
          { name: 'fastapi', exitCode, reason: '', health: '' },
          { name: 'sidecar', exitCode: 137, reason: '', health: '' },
        ];
      });
    };
    return w;
  };
  const values = { 'run-before': 'alembic upgrade head', environment: 'DB_PASSWORD=hunter2' };

  test('exit code 0: then the deployment; sidecars do not count', async () => {
    const w = ending(0);
    expect(await run(w, values)).toMatchObject({ outcome: 'succeeded' });
    expect(w.ecs.writes).toEqual([
      'registerTaskDefinition backend:2',
      'runTask alembic upgrade head',
      'updateService backend:2',
    ]);
    expect(w.ecs.runs[0]).toMatchObject({
      taskDefinition: fresh,
      container: 'fastapi',
      placement: w.ecs.service!.placement,
    });
    expect(w.ecs.runs[0]!.clientToken).toMatch(/^[0-9a-f]{64}$/);
  });

  test('its log is shown once each line, as it comes, without what is sensitive', async () => {
    const w = ending(0);
    await run(w, values);
    expect(w.lines.filter((line) => line.includes('│'))).toEqual(['  │ upgrading', '  │ done with DB_PASSWORD=***']);
    expect(w.lines.indexOf('  │ upgrading')).toBeLessThan(w.lines.findIndex((line) => line.includes('exit code 0')));
  });

  test.each([
    [3, 'run-before ended with exit code 3'],
    [undefined, 'has no exit code, so it never ended by itself'],
  ])('exit code %s: red, the service untouched, the last log lines shown', async (exitCode, message) => {
    const w = ending(exitCode);
    const result = await run(w, values);
    expect(result).toMatchObject({
      outcome: 'failed',
      running: old,
      changed: true,
      failure: { code: 'RunBeforeFailed' },
    });
    expect(result.failure?.message).toContain(message);
    expect(result.failure?.message).toContain('The service was not touched');
    expect(result.diagnosis?.logs[0]?.lines.at(-1)).toBe('done with DB_PASSWORD=***');
    expect(w.ecs.updates).toEqual([]);
  });

  test('that never ends is stopped', async () => {
    const w = world();
    const result = await run(w, { ...values, 'run-before-timeout-minutes': '2' });
    expect(result.failure?.message).toContain('did not end within 2 minutes');
    expect(w.ecs.writes.at(-1)).toBe('stopTask one-off-1: run-before-timeout-minutes has passed');
    expect(w.ecs.updates).toEqual([]);
  });

  test('is cancelled with the run', async () => {
    const w = world();
    w.clock.after(3, w.cancel);
    expect(await run(w, values)).toMatchObject({ outcome: 'cancelled', failure: { code: 'Cancelled' } });
    expect(w.ecs.writes.at(-1)).toBe('stopTask one-off-1: the run was cancelled');
  });

  test('whose container cannot be placed says why', async () => {
    const w = world();
    w.ecs.runTask = async () => ({ task: undefined, failures: ['RESOURCE:MEMORY arn:instance'] });
    const result = await run(w, values);
    expect(result.failure?.message).toContain('RESOURCE:MEMORY arn:instance');
    expect(w.ecs.updates).toEqual([]);
  });
});

describe('cancelled', () => {
  test('while it is active: the way back is started, not waited for', async () => {
    const w = world();
    w.ecs.onUpdate = () => undefined;
    w.clock.after(2, w.cancel);
    const result = await run(w);
    expect(result).toMatchObject({ outcome: 'cancelled', failure: { code: 'Cancelled' } });
    expect(w.ecs.writes.at(-1)).toBe('updateService backend:1');
    expect(result.ms).toBeLessThan(7_000);
  });

  test('without rollback-on-failure: left alone', async () => {
    const w = world();
    w.ecs.onUpdate = () => undefined;
    w.clock.after(2, w.cancel);
    await run(w, { 'rollback-on-failure': 'false' });
    expect(w.ecs.updates).toHaveLength(1);
  });

  test('when it was complete already: left alone', async () => {
    const w = world();
    w.health = { status: 503, ms: 1, body: '' };
    w.clock.after(10, w.cancel);
    expect(await run(w, { 'health-check-url': 'http://a/' })).toMatchObject({ outcome: 'cancelled', running: fresh });
    expect(w.ecs.updates).toHaveLength(1);
  });

  test('when another took its place meanwhile: nothing of the other’s is touched', async () => {
    const w = world();
    w.ecs.onUpdate = (own) => {
      w.clock.after(2, () => {
        const theirs = deployment({ id: 'ecs-svc/9', rolloutState: 'IN_PROGRESS' });
        w.ecs.service!.deployments = [theirs, Object.assign(own, { status: 'ACTIVE' })];
        w.cancel();
      });
    };
    expect(await run(w)).toMatchObject({ outcome: 'cancelled' });
    expect(w.ecs.updates).toHaveLength(1);
  });
});

describe('health-check-url', () => {
  const values = { 'health-check-url': 'https://api.example.com/health' };

  test('that answers is part of the result', async () => {
    expect(await run(world(), values)).toMatchObject({ outcome: 'succeeded', health: { status: 200, body: 'ok' } });
  });

  test('that answers late is waited for', async () => {
    const w = world();
    w.health = { status: 502, ms: 1, body: '' };
    w.clock.after(20, () => (w.health = { status: 204, ms: 1, body: '' }));
    expect(await run(w, values)).toMatchObject({ outcome: 'succeeded', health: { status: 204 } });
  });

  test('that never answers takes the deployment back', async () => {
    const w = world();
    w.health = { status: 500, ms: 7, body: 'no database' };
    const result = await run(w, values);
    expect(result).toMatchObject({ outcome: 'rolled-back', running: old, failure: { code: 'HealthCheckFailed' } });
    expect(result.failure?.message).toContain('status 500: no database');
  });

  test('that never answers: a deployment that has ended is not stopped, the revision before is deployed again', async () => {
    const w = world();
    w.health = { status: 0, ms: 7, body: 'connect ECONNREFUSED' };
    w.ecs.onUpdate = (own) => {
      const kept = w.ecs.keepRecord(own);
      w.clock.after(3, () => {
        w.ecs.complete(own);
        kept.status = 'SUCCESSFUL';
      });
    };
    expect(await run(w, values)).toMatchObject({ outcome: 'rolled-back', running: old });
    expect(w.ecs.writes.slice(1)).toEqual(['updateService backend:2', 'updateService backend:1']);
  });

  const running = (w: World, name: string, { revision, second }: { revision: string; second: number }): void => {
    const arn = `arn:aws:ecs:us-east-1:123456789012:task/shop/${name}`;
    const startedAt = at(second);
    w.ecs.tasks.set(
      arn,
      stoppedTask({ arn, taskDefinition: revision, lastStatus: 'RUNNING', stopCode: '', stoppedReason: '', startedAt }),
    );
  };
  const balanced = { loadBalancers: [{ targetGroup: 'arn:x:targetgroup/api/1', container: 'fastapi', port: 8000 }] };

  test('that never answers has a diagnosis: target health of that moment, and the log of a task that runs', async () => {
    const w = world(balanced);
    w.health = { status: 503, ms: 7, body: 'no database' };
    w.log = ['connection to server at "db", port 5432 failed: timeout expired'];
    w.targets = [{ id: '10.0.0.9', port: 8000, state: 'unhealthy', reason: 'Target.Timeout', description: '' }];
    for (const [name, revision, second] of [
      ['old', old, 9],
      ['ours', fresh, 5],
      ['newest', fresh, 6],
    ] as const)
      running(w, name, { revision, second });
    const read: string[] = [];
    const ports = {
      ...w.ports,
      logs: { ...w.ports.logs, tail: async ({ stream }: { stream: string }) => (read.push(stream), w.log) },
    };
    const result = await run({ ...w, ports }, values);
    expect(read).toEqual(['ecs/fastapi/newest']);
    expect(result).toMatchObject({ outcome: 'rolled-back', health: { status: 503, body: 'no database' } });
    expect(result.failure?.message).toMatch(
      /^api\.example\.com answers 503\. Evidence: https:.* after 7 ms; target 10\.0\.0\.9:8000 unhealthy, Target\.Timeout; log line of fastapi: .*port 5432.*Fix: .*on port 5432.* did not answer with 2xx within a minute\. Rolled back/,
    );
  });

  test('that cannot be explained is red all the same, and says what could not be read', async () => {
    const w = world(balanced);
    w.health = { status: 502, ms: 7, body: '' };
    w.ports.balancers.targetHealth = () => Promise.reject(denied('DescribeTargetHealth'));
    w.ecs.failures.set('runningTasks', [denied('ListTasks')]);
    const { failure } = await run(w, values);
    expect(failure?.code).toBe('HealthCheckFailed');
    expect(failure?.message).toContain(
      'not readable: running tasks (AccessDeniedException), target health (AccessDeniedException)',
    );
  });

  test('that answers slowly is green, with a warning that says why', async () => {
    const w = world();
    w.health = { status: 200, ms: 3_500, body: 'ok' };
    const inputs = inputsOf({ image: 'app:2', ...values });
    const plan = planDeploy(inputs, await observe(inputs, w.ports));
    const result = await apply(plan, w.ports);
    expect(result).toMatchObject({ outcome: 'succeeded', running: fresh, failure: undefined, diagnosis: undefined });
    expect(w.lines.find((line) => line.startsWith('! '))).toMatch(/answers slowly.*Add indexes/);
    expect(report(plan, result).summary).toContain('⚠️ slow: status 200: ok');
  });
});

describe('rollback: true', () => {
  const values = { image: '', rollback: 'true' };

  test('goes to what last completed by record, not to the revision with the number before', async () => {
    const w = world({ taskDefinition: revisionArn('backend:5') });
    for (const number of [3, 4, 5]) w.ecs.define(`backend:${number}`, taskDefinition());
    w.ecs.keepRecord(deployment({ id: 'ecs-svc/3' }), { status: 'SUCCESSFUL' });
    w.ecs.keepRecord(deployment({ id: 'ecs-svc/4' }), { status: 'ROLLBACK_SUCCESSFUL' });
    w.ecs.keepRecord(deployment({ id: 'ecs-svc/5' }), { status: 'SUCCESSFUL' });
    expect(await run(w, values)).toMatchObject({ outcome: 'succeeded', running: revisionArn('backend:3') });
    expect(w.ecs.writes).toEqual(['updateService backend:3']);
  });

  test('reads no more records than it needs, and at most a hundred', async () => {
    const reads = (w: ReturnType<typeof world>): number =>
      w.ecs.calls.filter((call) => call.startsWith('revisionTaskDefinition')).length;
    const few = world({ taskDefinition: revisionArn('backend:3') });
    for (const number of [1, 2, 3]) {
      few.ecs.define(`backend:${number}`, taskDefinition());
      few.ecs.keepRecord(deployment({ id: `ecs-svc/${number}` }), { status: 'SUCCESSFUL' });
    }
    await run(few, { ...values, wait: 'false' });
    expect(reads(few)).toBe(2);
    const many = world({ taskDefinition: revisionArn('backend:1') });
    for (let number = 101; number <= 250; number += 1) {
      many.ecs.keepRecord(deployment({ id: `ecs-svc/${number}` }), { status: 'SUCCESSFUL' });
    }
    await expect(run(many, values)).rejects.toMatchObject({ code: 'NothingBefore' });
    expect(reads(many)).toBe(100);
  });

  test('without records deploys nothing: the number before may never have run', async () => {
    const w = world({ taskDefinition: revisionArn('backend:12') });
    for (const number of [2, 9, 10, 12, 13]) w.ecs.define(`backend:${number}`, taskDefinition());
    await expect(run(w, values)).rejects.toMatchObject({
      code: 'NothingBefore',
      message: expect.stringMatching(/no record of a successful .*: backend:10, backend:9, backend:2/),
      hint: expect.stringContaining('task-definition: backend:10'),
    });
    expect(w.ecs.writes).toEqual([]);
  });

  test('without permission to read the records says so', async () => {
    const w = world({ taskDefinition: revisionArn('backend:2') });
    w.ecs.define('backend:2', taskDefinition());
    const no = denied('ListServiceDeployments');
    w.ecs.failures.set('listServiceDeployments', [no, no]);
    await expect(run(w, values)).rejects.toMatchObject({
      code: 'NothingBefore',
      message: expect.stringContaining('cannot be read: '),
    });
    expect(w.ecs.writes).toEqual([]);
  });
});
