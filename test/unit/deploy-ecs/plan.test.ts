import { describe, expect, test } from '@jest/globals';
import { planDeploy, provenRevision, type Plan } from '../../../actions/deploy-ecs/src/plan.ts';
import { definition, deployment, inputsOf, observed, revisionArn, service, taskDefinition } from '../../kit/ecs.ts';

const kinds = ({ steps }: Plan): readonly string[] => steps.map(({ kind }) => kind);
const update = ({ steps }: Plan): object | undefined => steps.find(({ kind }) => kind === 'update-service');
const image = { image: 'app:2' };

describe('what runs now, with a new image', () => {
  const plan = planDeploy(inputsOf(image), observed());

  test('is registered, deployed once and proven', () => {
    expect(kinds(plan)).toEqual(['register', 'update-service', 'prove']);
    expect(plan.revision).toEqual({ kind: 'from', step: 'register' });
    expect(provenRevision(plan.service)).toBe(revisionArn('backend:1'));
    expect(plan.diff).toEqual([{ where: 'fastapi.image', before: 'app:1', after: 'app:2' }]);
  });

  test('leaves the count to the service', () =>
    expect(update(plan)).toEqual({
      kind: 'update-service',
      desiredCount: undefined,
      force: false,
      reason: 'backend:1 runs now',
    }));

  test('is plain data', () => expect(JSON.parse(JSON.stringify(plan))).toMatchObject({ cluster: 'shop' }));
});

describe('nothing new', () => {
  test('is an empty plan, also with a command to run before', () => {
    expect(planDeploy(inputsOf({ image: 'app:1', 'run-before': 'migrate' }), observed()).steps).toEqual([]);
  });

  test('with force: the same revision, deployed again, after the command', () => {
    const plan = planDeploy(inputsOf({ 'force-new-deployment': 'true', 'run-before': 'migrate' }), observed());
    expect(kinds(plan)).toEqual(['run-before', 'update-service', 'prove']);
    expect(update(plan)).toMatchObject({ force: true, desiredCount: undefined });
  });

  test('still asks the health check', () => {
    expect(kinds(planDeploy(inputsOf({ 'health-check-url': 'http://a/' }), observed()))).toEqual(['health-check']);
  });

  test.each([
    ['fewer tasks run than wanted', deployment({ running: 1 })],
    ['its deployment is not complete', deployment({ rolloutState: 'IN_PROGRESS' })],
  ])('but %s: proven without a deployment', (_, current) => {
    const plan = planDeploy(inputsOf(), observed({ service: service({ deployments: [current] }) }));
    expect(plan.steps).toMatchObject([{ kind: 'prove', deploymentId: 'ecs-svc/1' }]);
  });

  test('but its last deployment failed: deployed again', () => {
    const failed = service({ deployments: [deployment({ rolloutState: 'FAILED', running: 0 })] });
    expect(update(planDeploy(inputsOf(), observed({ service: failed })))).toMatchObject({ force: true });
  });
});

describe('a desired count of 0', () => {
  const empty = service({ desired: 0, running: 0, deployments: [deployment({ desired: 0, running: 0 })] });

  test.each([
    ['1', {}, 1],
    ['initial-count', { 'initial-count': '3' }, 3],
  ])('is raised to %s', (_, values, desiredCount) => {
    const plan = planDeploy(inputsOf({ ...values, ...image }), observed({ service: empty }));
    expect(update(plan)).toMatchObject({ desiredCount, force: false });
    expect(provenRevision(plan.service)).toBeUndefined();
  });

  test('of the wanted revision is a deployment too: a change of the count alone starts none', () => {
    expect(update(planDeploy(inputsOf(), observed({ service: empty })))).toMatchObject({
      desiredCount: 1,
      force: true,
    });
  });

  test('is nobody’s to raise for a daemon', () => {
    const daemon = service({ ...empty, scheduling: 'DAEMON' });
    expect(update(planDeploy(inputsOf(image), observed({ service: daemon })))).toMatchObject({
      desiredCount: undefined,
    });
  });
});

describe('the base', () => {
  const base = definition('backend-base:4', {
    memory: '2048',
    containerDefinitions: [{ ...taskDefinition().containerDefinitions![0], image: 'shop:set-by-deployment' }],
  });

  test('of a new service is where its own family starts', () => {
    const plan = planDeploy(inputsOf(image), observed({ running: base, base, newest: undefined }));
    expect(plan.steps[0]).toMatchObject({ kind: 'register', definition: { family: 'backend', memory: '2048' } });
  });

  test('is no service’s own family, whatever its name', () => {
    const own = definition('knowledge-base:4', { memory: '2048' });
    for (const given of [{}, { 'task-definition': 'knowledge-base' }]) {
      const plan = planDeploy(inputsOf({ ...image, ...given }), observed({ running: own, base: own, newest: own }));
      expect(plan.steps[0]).toMatchObject({
        kind: 'register',
        definition: { family: 'knowledge-base', containerDefinitions: [{ image: 'app:2' }] },
      });
    }
    const newer = definition('knowledge-base:5', {
      containerDefinitions: [{ ...taskDefinition().containerDefinitions![0], image: 'app:9' }],
    });
    const plan = planDeploy(
      inputsOf({ 'task-definition': 'knowledge-base:5' }),
      observed({ running: own, base: newer, newest: newer }),
    );
    expect(plan.revision).toEqual({ kind: 'existing', arn: revisionArn('knowledge-base:5') });
  });

  test('carries changes of the infrastructure, and keeps the image that runs unless one is given', () => {
    const kept = planDeploy(inputsOf({ 'task-definition': 'backend-base' }), observed({ base }));
    expect(kept.steps[0]).toMatchObject({
      kind: 'register',
      definition: { family: 'backend', memory: '2048', containerDefinitions: [{ image: 'app:1' }] },
    });
  });

  test('with nothing of its own changed is no new revision', () => {
    const same = definition('backend-base:4', {
      containerDefinitions: [{ ...taskDefinition().containerDefinitions![0], image: 'shop:set-by-deployment' }],
    });
    expect(planDeploy(inputsOf({ 'task-definition': 'backend-base' }), observed({ base: same })).steps).toEqual([]);
  });

  test('a file’s own family is not used, and that is said', () => {
    const content = taskDefinition({ family: 'other', memory: '2048' });
    const inputs = inputsOf({ 'task-definition': 'td.json' }, { 'td.json': JSON.stringify(content) });
    const file = { arn: undefined, family: 'other', active: false, definition: content, unknown: ['newThing'] };
    const plan = planDeploy(inputs, observed({ base: file }));
    expect(plan.steps[0]).toMatchObject({ definition: { family: 'backend', memory: '2048' } });
    expect(plan.notes).toEqual([
      'left out, as RegisterTaskDefinition does not know them: newThing',
      'the file’s family other is not used: revisions go to the service’s family backend'.replaceAll('’', "'"),
    ]);
  });

  test('a revision that an earlier run left registered is used', () => {
    const left = definition('backend:2', {
      containerDefinitions: [{ ...taskDefinition().containerDefinitions![0], image: 'app:2' }],
    });
    const plan = planDeploy(inputsOf(image), observed({ newest: left }));
    expect(kinds(plan)).toEqual(['update-service', 'prove']);
    expect(plan.revision).toEqual({ kind: 'existing', arn: revisionArn('backend:2') });
    expect(kinds(planDeploy(inputsOf(image), observed({ newest: { ...left, active: false } })))[0]).toBe('register');
  });
});

describe('rollback', () => {
  const before = { kind: 'proven', revision: definition('backend:0') } as const;

  test('deploys the revision before as it is', () => {
    const plan = planDeploy(inputsOf({ rollback: 'true' }), observed({ before }));
    expect(kinds(plan)).toEqual(['update-service', 'prove']);
    expect(plan.revision).toEqual({ kind: 'existing', arn: revisionArn('backend:0') });
    expect(plan.notes).toEqual([]);
  });

  test('names those to choose from when no record proves that one of them ran', () => {
    const candidates = [6, 5, 4, 3, 2, 1].map((number) => `backend:${number}`);
    const unknown = { kind: 'unknown', why: 'AWS has no record', candidates } as const;
    expect(() => planDeploy(inputsOf({ rollback: 'true' }), observed({ before: unknown }))).toThrow(
      expect.objectContaining({
        code: 'NothingBefore',
        message: expect.stringMatching(
          /AWS has no record\. Registered before it, .*: backend:6, backend:5, backend:4, backend:3, backend:2 and 1 more\.$/,
        ),
        hint: expect.stringContaining('task-definition: backend:6'),
      }),
    );
  });

  test('is refused when nothing is known to have run before', () => {
    expect(() => planDeploy(inputsOf({ rollback: 'true' }), observed())).toThrow('no revision is known');
  });
});

describe('refused before anything is touched', () => {
  test.each([
    ['a draining service', { service: service({ status: 'DRAINING' }) }, {}, 'the service api is DRAINING'],
    ['CodeDeploy', { service: service({ controller: 'CODE_DEPLOY' }) }, {}, 'is deployed by CODE_DEPLOY'],
    ['an active deployment', { active: 'ecs-svc/9' }, { 'on-active-deployment': 'fail' }, 'still going on: ecs-svc/9'],
    ['an unknown container', {}, { images: 'web=a:1' }, 'no container web'],
    ['a command’s unknown container', {}, { 'run-before': 'x', 'run-before-container': 'job' }, 'no container job'],
  ])('%s', (...[, world, values, message]) => {
    expect(() => planDeploy(inputsOf(values), observed(world))).toThrow(message);
  });
});

test('a command runs after the registration and before the service is touched, in the first essential container', () => {
  const plan = planDeploy(inputsOf({ ...image, 'run-before': 'python -m alembic upgrade head' }), observed());
  expect(kinds(plan)).toEqual(['register', 'run-before', 'update-service', 'prove']);
  expect(plan.steps[1]).toMatchObject({
    container: 'fastapi',
    command: ['python', '-m', 'alembic', 'upgrade', 'head'],
    timeoutMinutes: 15,
  });
});

test('wait: false proves nothing', () => {
  expect(kinds(planDeploy(inputsOf({ ...image, wait: 'false' }), observed()))).toEqual(['register', 'update-service']);
});

test('the time limit is never less than the bake time and ten minutes', () => {
  const limit = (minutes: number): number =>
    planDeploy(inputsOf(image), observed({ service: service({ bakeMinutes: minutes }) })).limits.timeoutMinutes;
  expect([limit(0), limit(5), limit(60)]).toEqual([20, 20, 70]);
});

test('the way back leads to what completed and runs, not to a deployment under way', () => {
  const deployments = [
    deployment({ id: 'ecs-svc/2', taskDefinition: revisionArn('backend:2'), rolloutState: 'IN_PROGRESS' }),
    deployment({ status: 'ACTIVE' }),
  ];
  const replacing = planDeploy(
    inputsOf({ ...image, 'on-active-deployment': 'replace' }),
    observed({ service: service({ deployments }), active: 'ecs-svc/2' }),
  );
  expect(provenRevision(replacing.service)).toBe(revisionArn('backend:1'));
  expect(replacing.notes).toEqual(['another deployment is still going on: ecs-svc/2']);
});

test('a variable for a container that is not there is said', () => {
  const { notes } = planDeploy(inputsOf({ environment: 'web.PORT=80' }), observed());
  expect(notes).toEqual(['no container is named web: web.PORT is set as one name in fastapi']);
});
