import { recordTag, refusalTag } from '../../actions/build-push-image/src/build-record.ts';
import { planLines } from '../../actions/build-push-image/src/report.ts';
import { describe, expect, test } from '@jest/globals';
import { commit, immutable } from '../unit/build-push-image/kit.ts';
import { digestOf, manifestOf, mine, refused, world, writes, type FakeDocker } from './build-push-image.fakes.ts';

describe('building, and not building again', () => {
  test('the first run creates, logs in, builds, pushes one tag, and tags from the manifest', async () => {
    const { registry, docker, run, configs, masked } = world();
    registry.known = undefined;
    const { outputs, failure } = await run(mine);
    expect(failure).toBeUndefined();
    const digest = digestOf(manifestOf('built from tree-1'));
    expect(outputs).toMatchObject({
      outcome: 'built',
      digest,
      image: `localhost:5000/app@${digest}`,
      tags: commit,
      changed: 'true',
    });
    const src = `src-${outputs['source-hash']}`;
    // Which commit built it, and in how many seconds, is on record with the image itself.
    const of = { hash: outputs['source-hash'] ?? '', digest };
    const record = recordTag(of, { commit, ms: 1000 });
    expect([...registry.tags]).toEqual([
      [src, digest],
      [record, digest],
      [commit, digest],
    ]);
    expect(writes(registry.calls)).toEqual([
      'createRepository',
      'keepNewest',
      'login',
      `tag ${record}`,
      `tag ${commit}`,
    ]);
    expect(registry.policy).toBe('100 src-*');
    expect(docker.did('push').map(({ line }) => line)).toEqual([`push localhost:5000/app:${src}`]);
    expect(configs).toEqual([{ host: 'localhost:5000', removed: true }]);
    expect(masked).toEqual(['registry-password', 'QVdTOnBhc3M=']);
  });

  test('a repository that somebody else made meanwhile stays as it is', async () => {
    const { registry, run } = world();
    registry.known = undefined;
    registry.madeMeanwhile = immutable;
    const { failure, summary } = await run(mine);
    expect(failure).toBeUndefined();
    expect(writes(registry.calls)).not.toContain('keepNewest');
    expect(summary).not.toContain('created: scan on push');
  });

  test('the password reaches docker by stdin, on no argument list, in no environment and no line of the log', async () => {
    const { docker, run, log } = world();
    await run(mine);
    expect(docker.did('login')).toMatchObject([
      { line: 'login --username AWS --password-stdin localhost:5000', stdin: 'registry-password' },
    ]);
    const seen = docker.ran.map(({ line, env }) => JSON.stringify([line, env])).join() + log.join();
    expect(seen).not.toMatch(/registry-password|QVdTOnBhc3M=/);
    for (const { line, env } of docker.ran.filter(({ line }) => /^(login|build |buildx build|push)/.test(line))) {
      expect([line, env?.['DOCKER_CONFIG']]).toEqual([line, '/private']);
    }
  });

  test('a rerun builds nothing, writes nothing, and says so', async () => {
    const { registry, docker, run } = world();
    const first = await run(mine);
    registry.calls.length = docker.ran.length = 0;
    const { outputs } = await run(mine);
    expect(outputs).toEqual({ ...first.outputs, outcome: 'reused', reusable: 'true', changed: 'false' });
    // BatchGetImage and DescribeImages: each tag that is not there yet would be one call more.
    expect(registry.calls).toEqual(['images']);
    expect(docker.ran.map(({ line }) => line)).toEqual(['info --format {{json .}}', 'buildx inspect']);
  });

  test('a hit says which commit built it first, and what that saved; one call for each tag more', async () => {
    const { registry, run } = world();
    registry.known = immutable;
    await run(mine);
    registry.calls.length = 0;
    const { summary, plan, outputs } = await run({ ...mine, registry: '', tags: 'v1\nlatest' });
    expect(registry.calls).toEqual(['images', 'tag v1', 'tag latest']);
    expect(plan.reason).toMatch(
      /^the same source was built from commit [0-9a-f]{40} and pushed on 2026-01-01 00:00 UTC, in /,
    );
    expect(summary).toContain(commit);
    expect(summary).toContain('Time saved');
    // Whose registry it is, the image's description says.
    expect(outputs['image']).toMatch(/^123456789012\.dkr\.ecr\.us-east-1\.amazonaws\.com\/app@sha256:/);
    expect(planLines(plan)).toContain('Time saved: about 1.0 s');
  });

  test('a hit on an image of long ago looks whether it is about to expire; who may not look goes on', async () => {
    const { registry, run, log } = world();
    await run(mine);
    registry.pushedAt = Date.UTC(2025, 0, 1);
    registry.policy = JSON.stringify({
      rules: [
        {
          selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 3 },
          action: { type: 'expire' },
        },
      ],
    });
    registry.calls.length = 0;
    const warned = await run(mine);
    expect(registry.calls).toEqual(['images', 'allImages', 'lifecyclePolicy']);
    expect(warned.plan.warnings).toHaveLength(1);
    expect(warned.summary).toContain('The image that is used again');
    registry.failing = { call: 'lifecyclePolicy', error: refused('AccessDeniedException') };
    const { failure, plan } = await run(mine);
    expect([failure, plan.warnings]).toEqual([undefined, []]);
    expect(log.join()).toContain('goes unchecked');
    registry.failing = { call: 'lifecyclePolicy', error: new TypeError('a bug') };
    await expect(run(mine)).rejects.toThrow(TypeError);
  });

  test('but not where that would be a fifth call; a dry run may look', async () => {
    const { registry, run } = world();
    await run(mine);
    registry.pushedAt = Date.UTC(2025, 0, 1);
    registry.calls.length = 0;
    await run({ ...mine, tags: 'v1', 'dry-run': 'true' });
    expect(registry.calls).toContain('lifecyclePolicy');
    registry.calls.length = 0;
    await run({ ...mine, tags: 'v1' });
    expect(registry.calls).toEqual(['images', 'tag v1']);
  });

  test('two tags that name other images, one of which cannot move: red before either is given', async () => {
    const { registry, run } = world();
    registry.known = immutable;
    await run(mine);
    for (const tag of ['latest', 'v1']) registry.push(tag, 'another');
    await expect(run({ ...mine, tags: 'latest\nv1' })).rejects.toMatchObject({ code: 'TagTaken' });
    expect(registry.tags.get('latest')).toBe(digestOf('another'));
    // One alone is tried: it comes before all others.
    registry.calls.length = 0;
    const { failure, outputs } = await run({ ...mine, tags: 'new\nv1' });
    expect([failure?.code, outputs['tags'], registry.tags.has('new')]).toEqual(['TagTaken', '', false]);
    expect(registry.calls).toEqual(['images', 'tag v1', 'images']);
  });

  test('a lifecycle or a record that cannot be written costs no release, and is told', async () => {
    for (const call of ['keepNewest', 'record']) {
      const { registry, run, log } = world();
      registry.known = undefined;
      const { outputs: dry } = await run({ ...mine, 'dry-run': 'true' });
      const of = { hash: dry['source-hash'] ?? '', digest: digestOf(manifestOf('built from tree-1')) };
      const record = `tag ${recordTag(of, { commit, ms: 1000 })}`;
      const error = refused('AccessDeniedException');
      registry.failing = { call: call === 'record' ? record : call, error };
      const { failure, outputs, summary } = await run(mine);
      expect(registry.calls).toContain(registry.failing.call);
      expect([failure, outputs['tags']]).toEqual([undefined, commit]);
      expect(summary).toContain('⚠️');
      expect(log.some((line) => line.startsWith('warning: '))).toBe(true);
    }
  });

  test('an index whose images the registry does not show is released without their sizes', async () => {
    const { run, docker, registry } = world();
    docker.buildx = 'docker-container';
    registry.failing = { call: 'manifests', error: refused('ServerException') };
    const { failure, summary } = await run({ ...mine, platforms: 'linux/amd64\nlinux/arm64' });
    expect([failure, registry.calls.includes('manifests')]).toEqual([undefined, true]);
    expect(summary).toMatch(/\*\*Size\*\* \| 1 B compressed \|/);
  });

  test('tags that name an image in ECR’s archive: refused before one of several is given, else by the put', async () => {
    const { run, registry, tree } = world();
    registry.known = immutable;
    await run({ ...mine, tags: 'v1' });
    registry.archived.add(registry.tags.get('v1') ?? '');
    tree.sha256 = 'tree-2';
    await run({ ...mine, tags: 'latest' });
    const one = await run({ ...mine, tags: 'v1' });
    expect(one.failure).toMatchObject({
      code: 'TagTaken',
      message: expect.stringContaining('names an image in ECR’s archive'),
      hint: expect.stringContaining('update-image-storage-class'),
    });
    registry.tags.set('branch-x', registry.tags.get('v1') ?? '');
    registry.calls.length = 0;
    await expect(run({ ...mine, tags: 'branch-x\nv1' })).rejects.toThrow('names an image in ECR’s archive');
    expect(registry.calls).toEqual(['images', 'repository']);
  });

  test('what changed against the image that was built last', async () => {
    const { run, tree, registry } = world();
    await run(mine);
    tree.sha256 = 'tree-2';
    registry.calls.length = 0;
    await run(mine);
    expect(registry.calls.slice(0, 5)).toEqual(['images', 'repository', 'allImages', 'lifecyclePolicy', 'images']);
  });

  test('what was refused is not what a new image is compared with', async () => {
    const { run, tree, registry } = world();
    const first = await run(mine);
    tree.sha256 = 'tree-2';
    const { outputs } = await run(mine);
    const [hash, digest] = [outputs['source-hash'] ?? '', outputs['digest'] ?? ''];
    registry.tags.set(refusalTag({ hash, digest }), digest);
    tree.sha256 = 'tree-3';
    const asked: unknown[] = [];
    const images = registry.images.bind(registry);
    registry.images = (name, tags) => (asked.push(tags), images(name, tags));
    await run(mine);
    expect(asked[1]).toEqual([`src-${first.outputs['source-hash']}`]);
  });

  test('a new tag goes on the image that is there; an edit builds', async () => {
    const { registry, docker, run, tree } = world();
    const { outputs: first } = await run(mine);
    const again = await run({ ...mine, tags: 'v1\nlatest' });
    expect(again.outputs).toMatchObject({
      outcome: 'reused',
      digest: first['digest'],
      tags: 'v1\nlatest',
      changed: 'true',
    });
    expect(docker.did('build')).toHaveLength(1);
    tree.sha256 = 'tree-2';
    const edited = await run({ ...mine, tags: 'latest' });
    expect(edited.outputs['outcome']).toBe('built');
    expect(registry.tags.get('latest')).toBe(edited.outputs['digest']);
    expect(registry.tags.get('v1')).toBe(first['digest']);
  });

  test('a dry run creates, builds and tags nothing, not even a login', async () => {
    const { registry, docker, run, configs } = world();
    registry.known = undefined;
    expect((await run({ ...mine, 'dry-run': 'true' })).outputs).toMatchObject({ outcome: 'planned', changed: 'false' });
    expect(writes(registry.calls)).toEqual([]);
    expect(docker.ran.map(({ line }) => line.split(' ')[0])).toEqual(['info', 'buildx']);
    expect(configs).toEqual([]);
  });

  test('force builds the same source again, without cache', async () => {
    const { docker, run } = world();
    await run(mine);
    await run({ ...mine, force: 'true' });
    expect(docker.did('build').map(({ line }) => line.includes('--no-cache'))).toEqual([false, true]);
  });

  test('with buildx one command builds and pushes, and its digest is compared with the registry’s', async () => {
    const { docker, run, log } = world();
    docker.buildx = 'docker-container';
    const { outputs } = await run({ ...mine, secrets: 'npm=hunter2' });
    expect(outputs['outcome']).toBe('built');
    expect(docker.did('push')).toEqual([]);
    expect(docker.did('buildx build')[0]?.env).toMatchObject({
      SLIPWAY_SECRET_0: 'hunter2',
      DOCKER_CONFIG: '/private',
    });
    expect(log).toContain(`The registry confirms ${outputs['digest']}`);
  });
});

describe('an archive', () => {
  const archive = '/out/image.tar';
  const commands = (docker: FakeDocker) =>
    docker.ran.map(({ line }) => line).filter((line) => !/^(info|image inspect|buildx inspect)/.test(line));

  test('is built and saved under the name of its source, without a word to AWS or a login', async () => {
    const { registry, docker, texts, run, runArchive, configs, masked, directories } = world();
    texts.set(archive, 'tar');
    const { outputs, failure } = await runArchive();
    expect(failure).toBeUndefined();
    const name = `app:src-${outputs['source-hash']}`;
    expect(outputs).toMatchObject({ outcome: 'built', reusable: 'false', changed: 'false', image: '', digest: '' });
    expect(commands(docker)).toEqual([
      `build --file Dockerfile --tag ${name} -- .`,
      `save --output ${archive} ${name}`,
    ]);
    expect({ calls: registry.calls, configs, masked, directories }).toEqual({
      calls: [],
      configs: [],
      masked: [],
      directories: ['/out'],
    });
    expect((await run({ ...mine, 'dry-run': 'true' })).outputs['source-hash']).toBe(outputs['source-hash']);
  });

  test.each([
    ['docker-container', ['--output', `type=docker,dest=${archive}`], false],
    ['docker', ['--load'], true],
  ])('with buildx, driver %s', async (driver, flags, saves) => {
    const { docker, texts, runArchive } = world();
    docker.buildx = driver;
    // What the fake builder pushes goes nowhere here.
    docker.answers.push({ start: 'buildx build', result: {} });
    texts.set(archive, 'tar');
    expect((await runArchive({ secrets: 'npm=hunter2' })).failure).toBeUndefined();
    const [build] = docker.did('buildx build');
    expect(build?.line).toContain(` ${flags.join(' ')} `);
    expect(build?.line).not.toContain('--push');
    expect(build?.env).toMatchObject({ SLIPWAY_SECRET_0: 'hunter2' });
    expect(docker.did('save')).toHaveLength(saves ? 1 : 0);
  });

  test('is built from exactly the base image that was hashed', async () => {
    const { docker, texts, digests, runArchive } = world();
    const digest = `sha256:${'1'.repeat(64)}`;
    texts.set('Dockerfile', 'FROM python:3.11-slim\n').set(archive, 'tar');
    digests.set('python:3.11-slim', digest);
    await runArchive({ force: 'true' });
    expect(commands(docker).slice(0, 2)).toEqual([
      `pull --quiet python@${digest}`,
      `tag python@${digest} python:3.11-slim`,
    ]);
    expect(commands(docker)[2]).toContain('--no-cache');
  });

  test('in a dry run nothing is built or made', async () => {
    const { docker, runArchive, directories } = world();
    expect((await runArchive({ 'dry-run': 'true' })).outputs).toMatchObject({ outcome: 'planned', changed: 'false' });
    expect([commands(docker), directories]).toEqual([[], []]);
  });

  test('that a builder cannot make is refused before anything is built', async () => {
    const { docker, runArchive } = world();
    await expect(runArchive({ secrets: 'a=b' })).rejects.toMatchObject({ code: 'BuilderUnable' });
    expect(commands(docker)).toEqual([]);
  });

  test.each([
    ['build', 'BuildFailed'],
    ['save', 'ArchiveFailed'],
    ['nothing, and there is no archive', 'ArchiveFailed'],
  ])('that fails in %s is red', async (start, code) => {
    const { docker, texts, runArchive } = world();
    if (start.length < 6) texts.set(archive, 'tar');
    docker.answers.push({ start, result: { exitCode: 1 }, lines: ['no'] });
    const { failure, outputs } = await runArchive();
    expect([failure?.code, outputs['outcome']]).toEqual([code, '']);
  });

  test('that was cancelled is not saved', async () => {
    const { docker, runArchive, cancel } = world();
    const run = docker.run.bind(docker);
    docker.run = async (program, args, options) => {
      if (args[0] === 'build') cancel();
      return run(program, args, options);
    };
    expect((await runArchive()).failure).toMatchObject({ code: 'Cancelled' });
    expect(docker.did('save')).toEqual([]);
  });
});

describe('pushing from an archive', () => {
  const archive = '/in/image.tar';
  const given = { ...mine, archive };
  const there = async () => {
    const w = world();
    w.texts.set(archive, 'tar');
    const { outputs } = await w.run({ ...mine, 'dry-run': 'true' });
    w.docker.archived.set(`my-app:src-${outputs['source-hash']}`, 'sha256:loaded');
    w.registry.calls.length = w.docker.ran.length = 0;
    return w;
  };
  const lines = (docker: FakeDocker) => docker.ran.map(({ line }) => line.split(' ').slice(0, 2).join(' '));

  test('loads, then creates, logs in and pushes; nothing is built or pulled; a rerun needs no archive', async () => {
    const { registry, docker, texts, run, configs } = await there();
    registry.known = undefined;
    docker.local.set('scratch', { id: 'x', repoDigests: [] });
    const { outputs, failure } = await run(given);
    expect(failure).toBeUndefined();
    expect(outputs).toMatchObject({ outcome: 'built', reusable: 'false', changed: 'true', tags: commit });
    expect(outputs['digest']).toBe(registry.tags.get(commit));
    const name = `localhost:5000/app:src-${outputs['source-hash']}`;
    expect(docker.ran.map(({ line }) => line)).toEqual([
      'info --format {{json .}}',
      'buildx inspect',
      `load --input ${archive}`,
      `image inspect --format {{json .}} -- my-app:src-${outputs['source-hash']}`,
      'login --username AWS --password-stdin localhost:5000',
      `tag sha256:loaded ${name}`,
      `push ${name}`,
    ]);
    expect(docker.did('push')[0]?.env).toEqual({ DOCKER_CONFIG: '/private' });
    expect(configs).toEqual([{ host: 'localhost:5000', removed: true }]);
    texts.delete(archive);
    const again = await run(given);
    expect(again.outputs).toEqual({ ...outputs, outcome: 'reused', reusable: 'true', changed: 'false' });
    expect(docker.did('load')).toHaveLength(1);
  });

  test('pins no base image: none is built from', async () => {
    const { docker, texts, digests, run } = world();
    texts.set('Dockerfile', 'FROM python:3.11-slim\n').set(archive, 'tar');
    digests.set('python:3.11-slim', `sha256:${'1'.repeat(64)}`);
    docker.archived.set('by-hand:v1', 'sha256:loaded');
    expect((await run(given)).outputs['outcome']).toBe('built');
    expect(docker.did('pull')).toEqual([]);
    expect(docker.did('build')).toEqual([]);
  });

  test('with buildx outside the daemon it is docker that loads and pushes', async () => {
    const { docker, texts, run } = world();
    docker.buildx = 'docker-container';
    texts.set(archive, 'tar');
    docker.archived.set('by-hand:v1', 'sha256:loaded');
    expect((await run(given)).outputs['outcome']).toBe('built');
    expect(lines(docker)).toEqual(expect.arrayContaining(['load --input', 'tag sha256:loaded']));
    expect(docker.did('buildx build')).toEqual([]);
  });

  test('a missing archive: told before anything is changed, also in a dry run', async () => {
    const { registry, texts, run } = await there();
    registry.known = undefined;
    texts.delete(archive);
    await expect(run(given)).rejects.toMatchObject({ code: 'ArchiveMissing' });
    await expect(run({ ...given, 'dry-run': 'true' })).rejects.toMatchObject({ code: 'ArchiveMissing' });
    expect(writes(registry.calls)).toEqual([]);
  });

  test.each<[string, (docker: FakeDocker) => void, string]>([
    [
      'that docker cannot read',
      (docker) => docker.answers.push({ start: 'load', result: { exitCode: 1 }, lines: ['unexpected EOF'] }),
      'ArchiveUnreadable',
    ],
    ['without an image', (docker) => docker.archived.clear(), 'ArchiveAmbiguous'],
    ['of two images', (docker) => docker.archived.set('other:v1', 'sha256:other'), 'ArchiveAmbiguous'],
    [
      'of another source',
      (docker) => (docker.archived = new Map([[`my-app:src-${'0'.repeat(64)}`, 'sha256:loaded']])),
      'ArchiveStale',
    ],
    [
      'whose image is not there',
      (docker) => docker.answers.push({ start: 'load', result: {}, lines: ['Loaded image: ghost:v1'] }),
      'ArchiveUnreadable',
    ],
  ])('an archive %s: red, and nothing was changed', async (_, prepare, code) => {
    const { registry, docker, run, configs } = await there();
    registry.known = undefined;
    prepare(docker);
    const { failure, outputs } = await run(given);
    expect(failure).toMatchObject({ code });
    expect(outputs).toMatchObject({ outcome: '', changed: 'false', digest: '' });
    expect([writes(registry.calls), configs, docker.did('push')]).toEqual([[], [], []]);
  });

  test('one image of two names is one image', async () => {
    const { docker, run } = await there();
    docker.archived.set('my-app:latest', 'sha256:loaded');
    expect((await run(given)).failure).toBeUndefined();
    expect(lines(docker)).toContain('tag sha256:loaded');
  });

  test('an image that cannot be named or pushed leaves no login', async () => {
    for (const start of ['tag', 'push']) {
      const { registry, docker, run, configs } = await there();
      docker.answers.push({ start, result: { exitCode: 1, stderr: 'no' } });
      expect((await run(given)).failure).toMatchObject({ code: 'PushFailed' });
      expect([registry.tags.size, configs]).toEqual([0, [{ host: 'localhost:5000', removed: true }]]);
    }
  });
});

describe('base images', () => {
  const digest = `sha256:${'1'.repeat(64)}`;
  const moved = `sha256:${'2'.repeat(64)}`;

  test('the registry’s digest is part of the source, and the daemon gets exactly that image', async () => {
    const { docker, run, texts, digests } = world();
    texts.set('Dockerfile', 'FROM python:3.11-slim\n');
    digests.set('python:3.11-slim', digest);
    docker.local.set('python:3.11-slim', { id: 'sha256:old', repoDigests: [`python@${moved}`] });
    const first = await run(mine);
    expect(docker.ran.map(({ line }) => line).filter((line) => /^(pull|tag)/.test(line))).toEqual([
      `pull --quiet python@${digest}`,
      `tag python@${digest} python:3.11-slim`,
    ]);
    digests.set('python:3.11-slim', moved);
    const second = await run(mine);
    expect(second.outputs['source-hash']).not.toBe(first.outputs['source-hash']);
    // It is there already.
    expect(docker.did('pull')).toHaveLength(1);
  });

  test('out of the registry’s reach, the local image counts: by the digest it was pulled by, else by its id', async () => {
    const { docker, run, texts, digests } = world();
    texts.set('Dockerfile', 'FROM python:3.11-slim\n');
    digests.set('python:3.11-slim', digest);
    const online = await run(mine);
    digests.clear();
    docker.local.set('python:3.11-slim', { id: 'sha256:x', repoDigests: [`other@${moved}`, `python@${digest}`] });
    expect((await run(mine)).outputs).toMatchObject({
      'source-hash': online.outputs['source-hash'],
      outcome: 'reused',
    });
    docker.local.set('python:3.11-slim', { id: 'sha256:made-here', repoDigests: [] });
    expect((await run(mine)).outputs['outcome']).toBe('built');
    expect((await run(mine)).outputs['outcome']).toBe('reused');
    docker.local.set('python:3.11-slim', { id: 'sha256:made-anew', repoDigests: [] });
    expect((await run(mine)).outputs['outcome']).toBe('built');
  });

  test.each([
    ['made here', [], true],
    ['made here, and pushed elsewhere', [`other@${moved}`], true],
    ['made here, and pushed to a mirror', [`mirror.example/library/python@${moved}`], true],
    ['pulled before', [`other@${moved}`, `python@${moved}`], false],
    ['pulled before under its whole name', [`docker.io/library/python@${moved}`], false],
  ])(
    'a local image that the registry’s takes the name of, %s: said, with a warning: %s',
    async (...[, repoDigests, isWarned]) => {
      const { docker, run, texts, digests, log } = world();
      texts.set('Dockerfile', 'FROM python:3.11-slim\n');
      digests.set('python:3.11-slim', digest);
      docker.local.set('python:3.11-slim', { id: 'sha256:made-here', repoDigests });
      await run(mine);
      expect(log.filter((line) => line.startsWith('warning: The local image "python:3.11-slim"'))).toHaveLength(
        isWarned ? 1 : 0,
      );
      expect(log).toContainEqual(expect.stringMatching(/^Pulling python:3.11-slim .*in place of the local image/));
      expect(docker.did('tag python@')).toHaveLength(1);
    },
  );

  test.each<[string, string[] | undefined]>([
    ['none', undefined],
    ['the same', [`python@${digest}`]],
  ])('nothing is said of a local image: %s', async (_, repoDigests) => {
    const { docker, run, texts, digests, log } = world();
    texts.set('Dockerfile', 'FROM python:3.11-slim\n');
    digests.set('python:3.11-slim', digest);
    if (repoDigests !== undefined) docker.local.set('python:3.11-slim', { id: 'sha256:x', repoDigests });
    await run(mine);
    expect(log.join('\n')).not.toMatch(/local image/);
  });

  test('what nobody can identify is built every time, and never found by a later run', async () => {
    const { docker, run, texts } = world();
    texts.set('Dockerfile', 'FROM ghcr.io/private/base\n');
    const first = await run(mine);
    expect(first.outputs).toMatchObject({ outcome: 'built', 'source-hash': '' });
    expect(first.summary).toContain('not identified');
    expect((await run(mine)).outputs['outcome']).toBe('built');
    expect(docker.did('build')).toHaveLength(2);
  });

  test('a builder outside the daemon does not see the daemon’s images', async () => {
    const { docker, run, texts } = world();
    docker.buildx = 'remote';
    texts.set('Dockerfile', '# syntax=docker/dockerfile:1\nFROM scratch\n');
    docker.local.set('docker/dockerfile:1', { id: 'sha256:1', repoDigests: [] });
    expect((await run(mine)).outputs['source-hash']).toBe('');
    docker.buildx = 'docker';
    expect((await run(mine)).outputs['source-hash']).not.toBe('');
    // The classic builder knows no frontends.
    docker.buildx = undefined;
    docker.local.clear();
    expect((await run(mine)).outputs['source-hash']).not.toBe('');
  });
});

describe('failures', () => {
  test.each<[string, (w: ReturnType<typeof world>) => void, string]>([
    ['no daemon', ({ docker }) => (docker.daemon = ''), 'DockerUnreachable'],
    [
      'a forbidden daemon',
      ({ docker }) =>
        docker.answers.push({
          start: 'info',
          result: { exitCode: 1, stderr: 'permission denied while trying to connect' },
        }),
      'DockerForbidden',
    ],
    [
      'no docker at all',
      ({ docker }) => (docker.run = () => Promise.reject(new Error('Unable to locate executable file: docker'))),
      'DockerMissing',
    ],
  ])('%s: told before AWS is asked anything', async (_, prepare, code) => {
    const w = world();
    prepare(w);
    await expect(w.run()).rejects.toMatchObject({ code });
    expect(w.registry.calls).toEqual([]);
  });

  test('a build that fails: the step, the last lines, nothing tagged, nothing left of the login; a rerun finishes', async () => {
    const { registry, docker, run, configs } = world();
    registry.known = undefined;
    const lines = [
      'Step 1/2 : FROM scratch',
      'Step 2/2 : RUN false',
      '::error::hostile',
      'returned a non-zero code: 1',
    ];
    docker.answers.push({ start: 'build', result: { exitCode: 1 }, lines });
    const { failure, outputs } = await run(mine);
    expect(failure).toMatchObject({ code: 'BuildFailed' });
    expect(failure?.message).toBe(
      'docker could not build the image: [2/2] RUN false failed with exit code 1. It last said:\n::error::hostile',
    );
    expect(outputs).toMatchObject({ image: '', tags: '', changed: 'true' });
    expect(registry.tags.size).toBe(0);
    expect(configs).toEqual([{ host: 'localhost:5000', removed: true }]);
    docker.answers = [];
    expect((await run(mine)).outputs['outcome']).toBe('built');
  });

  test.each([
    ['login', 'LoginFailed'],
    ['push', 'PushDenied'],
  ])('%s that fails leaves no tag and no login', async (start, code) => {
    const { registry, docker, run, configs } = world();
    docker.answers.push({ start, result: { exitCode: 1, stderr: 'denied' } });
    expect((await run(mine)).failure).toMatchObject({ code });
    expect(registry.tags.size).toBe(0);
    expect(configs).toEqual([{ host: 'localhost:5000', removed: true }]);
  });

  test('a full disk is called that', async () => {
    const { docker, run } = world();
    docker.answers.push({ start: 'build', result: { exitCode: 1 }, lines: ['write /x: no space left on device'] });
    expect((await run(mine)).failure).toMatchObject({ code: 'DiskFull' });
  });

  test('docker reports success and the registry has nothing: red', async () => {
    const { docker, run } = world();
    docker.answers.push({ start: 'push', result: { exitCode: 0 } });
    expect((await run(mine)).failure).toMatchObject({ code: 'PushUnproven' });
  });

  test('cut off between two tags: what was done is reported, a rerun builds nothing and finishes', async () => {
    const { registry, docker, run } = world();
    registry.failing = { call: 'tag v2', error: refused('ServerException') };
    const cut = await run({ ...mine, tags: 'v1\nv2\nv3' });
    expect(cut.failure).toMatchObject({ code: 'ServerException' });
    expect(cut.outputs).toMatchObject({ tags: 'v1', image: '', digest: '', outcome: '', changed: 'true' });
    expect(cut.summary).toContain(digestOf(manifestOf('built from tree-1')));
    registry.failing = undefined;
    const rest = await run({ ...mine, tags: 'v1\nv2\nv3' });
    expect(rest.outputs).toMatchObject({ outcome: 'reused', tags: 'v1\nv2\nv3', digest: cut.result?.image?.digest });
    expect(docker.did('build')).toHaveLength(1);
  });

  test('an image that ECR gives no further tag says so', async () => {
    const { registry, run } = world();
    registry.failing = { call: 'tag v1', error: refused('LimitExceededException') };
    const { failure } = await run({ ...mine, tags: 'v1' });
    expect(failure).toMatchObject({ code: 'TooManyTags', hint: expect.stringContaining('force: true') });
  });

  test('a run that was cancelled begins no further step', async () => {
    const { registry, docker, run, cancel } = world();
    docker.onPush = cancel;
    const { failure, outputs } = await run(mine);
    expect(failure).toMatchObject({ code: 'Cancelled' });
    expect(outputs).toMatchObject({ tags: '', digest: '', changed: 'true' });
    expect(registry.tags.has(commit)).toBe(false);
  });

  test('a bug is no report', async () => {
    const { registry, run } = world();
    registry.failing = { call: 'login', error: new TypeError('x is not a function') };
    await expect(run(mine)).rejects.toThrow(TypeError);
  });
});

describe('two runs at once', () => {
  test('the loser of an immutable source tag takes the winner’s image', async () => {
    const { registry, docker, run } = world();
    registry.known = immutable;
    const { plan } = await run({ ...mine, 'dry-run': 'true' });
    const [step] = plan.steps;
    const tag = step?.kind === 'build' ? step.tag : '';
    docker.answers.push({
      start: 'build',
      result: { exitCode: 0 },
    });
    docker.answers.push({
      start: 'push',
      result: { exitCode: 1 },
      lines: [
        `tag invalid: The image tag '${tag}' already exists and cannot be overwritten because the tag is immutable.`,
      ],
    });
    const login = registry.login.bind(registry);
    registry.login = async () => (registry.push(tag, manifestOf('the winner’s')), login());
    const { outputs, failure } = await run(mine);
    expect(failure).toBeUndefined();
    expect(outputs).toMatchObject({ outcome: 'reused', digest: digestOf(manifestOf('the winner’s')), tags: commit });
    expect(registry.tags.get(commit)).toBe(digestOf(manifestOf('the winner’s')));
  });

  test('a movable source tag that another run took right after: its image is handed on, with a word', async () => {
    const { registry, docker, run, log } = world();
    docker.onPush = () => {
      for (const tag of registry.tags.keys()) registry.push(tag, manifestOf('the later one'));
    };
    expect((await run(mine)).outputs['digest']).toBe(digestOf(manifestOf('the later one')));
    expect(log.some((line) => line.startsWith('warning: Another run pushed'))).toBe(true);
  });

  test('a wanted immutable tag: given to the same image meanwhile is fine, to another is red', async () => {
    const { registry, run } = world();
    registry.known = immutable;
    const images = registry.images.bind(registry);
    const putBy = (manifest: string) => {
      let looks = 0;
      registry.images = async (name, tags) => {
        // Right after our own push was confirmed.
        const seen = await images(name, tags);
        looks += 1;
        if (looks === 2) registry.push(commit, manifest);
        return seen;
      };
    };
    putBy('somebody else’s');
    const { failure } = await run(mine);
    expect(failure).toMatchObject({ code: 'TagTaken' });
    expect(failure?.message).toContain(digestOf('somebody else’s'));
    registry.tags.clear();
    putBy(manifestOf('built from tree-1'));
    // ECR would say ImageAlreadyExists here; what counts is what the tag names.
    registry.failing = { call: `tag ${commit}`, error: refused('ImageTagAlreadyExistsException') };
    const { outputs, failure: none } = await run(mine);
    expect(none).toBeUndefined();
    expect(outputs).toMatchObject({ tags: commit, outcome: 'built' });
  });
});
