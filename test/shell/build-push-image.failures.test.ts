import { describe, expect, test } from '@jest/globals';
import { immutable } from '../unit/build-push-image/kit.ts';
import { digestOf, manifestOf, mine, world, writes } from './build-push-image.fakes.ts';

type World = ReturnType<typeof world>;

const expired = 'denied: Your authorization token has expired. Reauthenticate and try again.';
const iam =
  'denied: User: arn:aws:sts::123456789012:assumed-role/ci/x is not authorized to perform: ecr:PutImage on resource: arn:aws:ecr:us-east-1:123456789012:repository/app because no identity-based policy allows the ecr:PutImage action';

/** What plain docker and the two kinds of BuildKit do when a registry refuses a push. */
const refusePush = ({ docker }: World, complaint: string, { once = true } = {}): void => {
  if (docker.buildx === undefined) {
    const result = { exitCode: 1, stderr: `${complaint}\n` };
    docker.answers.push({ start: 'push', once, result, lines: ['app: Preparing', complaint] });
    return;
  }
  const lines =
    docker.buildx === 'docker'
      ? [
          '#6 pushing localhost:5000/app:x with docker',
          `#6 ERROR: ${complaint}`,
          `ERROR: failed to build: ${complaint}`,
        ]
      : [
          '#3 importing cache manifest from localhost:5000/app:buildcache',
          `#3 ERROR: failed to configure registry cache importer: ${complaint}`,
          '#6 exporting to image',
          `#6 ERROR: failed to push localhost:5000/app:x: ${complaint}`,
          `ERROR: failed to build: failed to solve: failed to push localhost:5000/app:x: ${complaint}`,
        ];
  docker.answers.push({ start: 'buildx build', once, result: { exitCode: 1, stderr: lines.join('\n') }, lines });
};

/** Each login gets a password of its own. */
const countLogins = ({ registry }: World): { count: number } => {
  const logins = { count: 0 };
  registry.login = async () => {
    logins.count += 1;
    return { username: 'AWS', password: `password-${logins.count}`, basic: `basic-${logins.count}` };
  };
  return logins;
};

describe.each([undefined, 'docker', 'docker-container'])('a push that is refused; buildx driver %s', (driver) => {
  const start = (): World & { readonly logins: { readonly count: number } } => {
    const w = world();
    w.docker.buildx = driver;
    return { ...w, logins: countLogins(w) };
  };
  const pushes = ({ docker }: World) => docker.did(driver === undefined ? 'push' : 'buildx build');

  test('because the token expired: one new login, and one more push of what was built', async () => {
    const w = start();
    w.texts.set('Dockerfile', 'FROM python:3.11-slim\n');
    w.digests.set('python:3.11-slim', digestOf('base'));
    refusePush(w, expired);
    const { failure, outputs } = await w.run({ ...mine, force: 'true' });
    expect(failure).toBeUndefined();
    expect(outputs).toMatchObject({ outcome: 'built', digest: digestOf(manifestOf('built from tree-1')) });
    expect(w.docker.did('login').map(({ stdin }) => stdin)).toEqual(['password-1', 'password-2']);
    expect(w.masked).toEqual(['password-1', 'basic-1', 'password-2', 'basic-2']);
    expect(w.configs).toEqual([{ host: 'localhost:5000', removed: true }]);
    const [first, second, ...more] = pushes(w);
    expect(more).toEqual([]);
    // Nothing is built from scratch again, although it was asked for: the cache holds what was just built so.
    expect(second?.line).toBe(first?.line.replace(' --no-cache', ''));
    expect(second?.env).toEqual(first?.env);
    if (driver === undefined) expect(w.docker.did('build')).toHaveLength(1);
    else expect(first?.line).toContain(' --no-cache');
    expect(w.docker.did('pull')).toHaveLength(driver === 'docker-container' ? 0 : 1);
    expect(w.log).toContainEqual(expect.stringContaining(expired));
    expect(w.log).toContain('Logging in with a new token and pushing once more; what was built is not built again');
  });

  test('the new token, too: red, and no third time', async () => {
    const w = start();
    refusePush(w, expired, { once: false });
    const { failure, outputs } = await w.run(mine);
    expect(failure).toMatchObject({ code: 'PushUnauthorized' });
    expect([w.logins.count, pushes(w).length]).toEqual([2, 2]);
    expect([outputs['tags'], w.registry.tags.size]).toEqual(['', 0]);
    expect(w.configs).toEqual([{ host: 'localhost:5000', removed: true }]);
  });

  test('for lack of a right: told at once, with the statement that gives it', async () => {
    const w = start();
    refusePush(w, iam);
    const { failure } = await w.run(mine);
    expect(failure).toMatchObject({ code: 'PushDenied', hint: expect.stringContaining('"Action":"ecr:PutImage"') });
    expect([w.logins.count, pushes(w).length]).toEqual([1, 1]);
  });

  test('as too much was asked: again after a pause, with the same login', async () => {
    const w = start();
    refusePush(w, 'toomanyrequests: Rate exceeded');
    const before = w.ports.clock.now();
    expect((await w.run(mine)).failure).toBeUndefined();
    expect([w.logins.count, pushes(w).length]).toEqual([1, 2]);
    expect(w.ports.clock.now() - before).toBe(20_000);
  });

  test('as the registry or the connection broke: again after a moment, with the same login', async () => {
    for (const complaint of ['unknown: Service Unavailable', 'Put "http://localhost:5000/v2/app/manifests/x": EOF']) {
      const w = start();
      refusePush(w, complaint);
      const before = w.ports.clock.now();
      const { failure, outputs } = await w.run(mine);
      expect([failure, outputs['outcome']]).toEqual([undefined, 'built']);
      expect([w.logins.count, pushes(w).length]).toEqual([1, 2]);
      expect(w.ports.clock.now() - before).toBe(3_000);
    }
  });

  test('as the answer was lost, and the immutable tag names the image by now: it is this run that pushed it', async () => {
    const w = start();
    w.registry.known = immutable;
    const { plan } = await w.run({ ...mine, 'dry-run': 'true' });
    const tag = plan.steps.flatMap((step) => (step.kind === 'build' ? [step.tag] : []))[0] ?? '';
    refusePush(w, 'EOF');
    refusePush(
      w,
      `tag invalid: The image tag '${tag}' already exists and cannot be overwritten because the tag is immutable.`,
    );
    const login = w.registry.login.bind(w.registry);
    w.registry.login = async () => (w.registry.push(tag, manifestOf('arrived')), login());
    expect((await w.run(mine)).outputs).toMatchObject({
      outcome: 'built',
      changed: 'true',
      digest: digestOf(manifestOf('arrived')),
    });
  });

  test('a run that is cancelled in that pause pushes no more', async () => {
    const w = start();
    refusePush(w, 'toomanyrequests: Rate exceeded');
    Object.assign(w.ports.clock, {
      sleep: async (_: number, signal?: AbortSignal) => (w.cancel(), signal?.throwIfAborted()),
    });
    expect((await w.run(mine)).failure).toMatchObject({ code: 'Cancelled' });
    expect(pushes(w)).toHaveLength(1);
  });

  test('another run was first with the same source, in the second go as in the first', async () => {
    for (const before of [[], [expired]]) {
      const w = start();
      w.registry.known = immutable;
      const { plan } = await w.run({ ...mine, 'dry-run': 'true' });
      const tag = plan.steps.flatMap((step) => (step.kind === 'build' ? [step.tag] : []))[0] ?? '';
      for (const complaint of before) refusePush(w, complaint);
      const taken = `tag invalid: The image tag '${tag}' already exists and cannot be overwritten because the tag is immutable.`;
      refusePush(w, taken);
      const login = w.registry.login.bind(w.registry);
      w.registry.login = async () => (w.registry.push(tag, manifestOf('the winner’s')), login());
      expect((await w.run(mine)).outputs).toMatchObject({
        outcome: 'reused',
        digest: digestOf(manifestOf('the winner’s')),
      });
    }
  });

  test('the new login fails: red, and nothing is left of the first', async () => {
    const w = start();
    refusePush(w, expired);
    const run = w.docker.run.bind(w.docker);
    w.docker.run = async (program, args, options) =>
      args[0] === 'login' && w.logins.count === 2
        ? { exitCode: 1, stdout: '', stderr: 'no' }
        : run(program, args, options);
    expect((await w.run(mine)).failure).toMatchObject({ code: 'LoginFailed' });
    expect([pushes(w).length, w.configs]).toEqual([1, [{ host: 'localhost:5000', removed: true }]]);
  });
});

test.each([
  [1, undefined, 1_000],
  [2, undefined, 4_000],
  [3, 'LoginFailed', 4_000],
])('a login that fails %i times', async (times, code, pause) => {
  const w = world();
  const result = { exitCode: 1, stderr: 'Error response from daemon: Get "http://localhost:5000/v2/": EOF' };
  for (let time = 0; time < times; time += 1) w.docker.answers.push({ start: 'login', once: true, result });
  const before = w.ports.clock.now();
  expect((await w.run(mine)).failure?.code).toBe(code);
  expect([w.docker.did('login').length, w.ports.clock.now() - before]).toEqual([Math.min(times + 1, 3), pause]);
});

test('an image out of an archive is named once and pushed twice', async () => {
  const w = world();
  const archive = '/in/image.tar';
  w.texts.set(archive, 'tar');
  w.docker.archived.set('by-hand:v1', 'sha256:loaded');
  refusePush(w, expired);
  expect((await w.run({ ...mine, archive })).failure).toBeUndefined();
  expect(['load', 'tag', 'push', 'login'].map((start) => w.docker.did(start).length)).toEqual([1, 1, 2, 2]);
});

test('a base image’s registry that refuses is not ours: no new login', async () => {
  const w = world();
  w.docker.buildx = 'docker-container';
  const said = 'unexpected status from HEAD request to https://ghcr.io/v2/x/manifests/1: 401 Unauthorized';
  const lines = [
    '#2 [internal] load metadata for ghcr.io/x:1',
    `#2 ERROR: ${said}`,
    `ERROR: failed to build: failed to solve: ghcr.io/x:1: failed to resolve source metadata for ghcr.io/x:1: ${said}`,
  ];
  w.docker.answers.push({ start: 'buildx build', result: { exitCode: 1 }, lines });
  expect((await w.run(mine)).failure).toMatchObject({ code: 'BaseImageDenied' });
  expect([w.docker.did('login').length, w.docker.did('buildx build').length]).toEqual([1, 1]);
});

describe('a build that fails', () => {
  const dockerfile = 'FROM scratch\nCOPY app.txt \\\n  /\n';
  const lines = ['Step 1/2 : FROM scratch', 'Step 2/2 : COPY app.txt   /'];
  const stderr =
    'COPY failed: file not found in build context or excluded by .dockerignore: stat app.txt: file does not exist\n';
  const prepared = (): World => {
    const w = world();
    w.texts.set('Dockerfile', dockerfile);
    w.docker.answers.push({ start: 'build', result: { exitCode: 1, stderr }, lines: [...lines, stderr.trim()] });
    return w;
  };

  test.each(['run', 'runArchive'] as const)('is shown at its lines of the Dockerfile: %s', async (mode) => {
    const { failure } = await prepared()[mode](mode === 'run' ? mine : {});
    expect(failure).toMatchObject({
      code: 'CopySourceMissing',
      at: { file: 'Dockerfile', startLine: 2, endLine: 3 },
      hint: expect.stringContaining('there is no "app.txt" in it'),
    });
  });

  test.each(['run', 'runArchive'] as const)('for a file that is ignored, says that: %s', async (mode) => {
    const w = prepared();
    w.texts.set('app.txt', 'there');
    const { failure } = await w[mode](mode === 'run' ? mine : {});
    expect(failure?.hint).toContain('"app.txt" is there, but the .dockerignore keeps it out');
  });

  test('as a base image cannot be pulled, says why', async () => {
    const w = world();
    w.texts.set('Dockerfile', 'FROM python:3.11-slim\n');
    w.digests.set('python:3.11-slim', digestOf('base'));
    const result = { exitCode: 1, stderr: 'toomanyrequests: You have reached your pull rate limit.' };
    w.docker.answers.push({ start: 'pull', result });
    expect((await w.run(mine)).failure).toMatchObject({ code: 'BaseImageThrottled', fault: 'cloud' });
  });
});

test('a disk that fills up while an archive is written is called that', async () => {
  const w = world();
  w.docker.answers.push({ start: 'save', result: { exitCode: 1 }, lines: ['write /out/x: no space left on device'] });
  expect((await w.runArchive()).failure).toMatchObject({ code: 'DiskFull', hint: expect.stringContaining('larger') });
});

describe('told before anything is built', () => {
  test.each(['run', 'runArchive'] as const)('a target that is not there: %s', async (mode) => {
    const w = world();
    w.registry.known = undefined;
    w.texts.set('Dockerfile', 'FROM scratch AS runtime\n');
    await expect(w[mode]({ ...(mode === 'run' ? mine : {}), target: 'runtme' })).rejects.toMatchObject({
      code: 'TargetMissing',
      hint: 'The stages of Dockerfile are "runtime".',
    });
    expect([writes(w.registry.calls), w.docker.did('build'), w.configs]).toEqual([[], [], []]);
  });

  test('a platform that the builder cannot run; not where nothing is built', async () => {
    const w = world();
    w.docker.buildx = 'docker-container';
    w.texts.set('Dockerfile', 'FROM scratch\nRUN x\n');
    const arm = { ...mine, platforms: 'linux/arm64' };
    const warning = expect.stringMatching(/^The builder runs linux\/amd64, linux\/386; for linux\/arm64 /);
    expect((await w.run(arm)).plan.warnings).toEqual([warning]);
    expect((await w.run(arm)).plan).toMatchObject({ outcome: 'reused', warnings: [] });
    expect((await w.run({ ...mine, platforms: 'linux/386' })).plan.warnings).toEqual([]);
  });

  test('a builder that is not there; docker’s classic one never stands in for it', async () => {
    const w = world();
    w.docker.buildx = 'docker-container';
    const stderr = 'ERROR: no builder "nope" found\n';
    w.docker.answers.push({ start: 'buildx inspect', result: { exitCode: 1, stderr } });
    await expect(w.run(mine)).rejects.toMatchObject({ code: 'BuilderMissing' });
    await expect(w.runArchive()).rejects.toMatchObject({ code: 'BuilderMissing' });
    expect([writes(w.registry.calls), w.docker.did('build'), w.configs]).toEqual([[], [], []]);
  });

  test('what any node of the builder can run, it can', async () => {
    const w = world();
    w.docker.buildx = 'docker-container';
    w.texts.set('Dockerfile', 'FROM scratch\nRUN x\n');
    const node = (platforms: string) => `Status:           running\nPlatforms:        ${platforms}\n`;
    const stdout = `Driver: docker-container\n\nNodes:\n${node('linux/amd64*, linux/386')}${node('linux/arm64, linux/arm/v7')}`;
    w.docker.answers.push({ start: 'buildx inspect', result: { stdout } });
    const { plan } = await w.run({ ...mine, platforms: 'linux/amd64\nlinux/arm64/v8\nlinux/s390x', 'dry-run': 'true' });
    expect(plan.warnings).toEqual([
      expect.stringContaining('runs linux/amd64, linux/386, linux/arm64, linux/arm/v7; for linux/s390x it'),
    ]);
  });
});
