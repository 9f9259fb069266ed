import { describe, expect, test } from '@jest/globals';
import { mine, world } from './build-push-image.fakes.ts';

const digest = `sha256:${'1'.repeat(64)}`;
const moved = `sha256:${'2'.repeat(64)}`;

function withBuildx(dockerfile: string, driver = 'docker-container') {
  const all = world();
  all.docker.buildx = driver;
  all.texts.set('Dockerfile', dockerfile);
  const contexts = (): readonly string[] =>
    (all.docker.did('buildx build').at(-1)?.line ?? '').match(/(?<=--build-context )\S+/g) ?? [];
  return { ...all, contexts };
}

describe('named contexts', () => {
  test('a directory is source like the context: read by its own ignore file, shown, and never built twice', async () => {
    const { run, trees, texts, ignored, log, contexts } = withBuildx('FROM scratch\nCOPY --from=assets / /\n');
    texts.set('../web/.dockerignore', 'ignored');
    // The Dockerfile's own is for the context alone, and in the place of the context's.
    texts.set('Dockerfile.dockerignore', '*.md').set('.dockerignore', 'ignored');
    trees.set('../web', { sha256: 'web-1', files: 5, bytes: 2048 });
    const given = { ...mine, 'build-contexts': 'assets=../web' };
    const first = await run(given);
    expect(first.outputs['outcome']).toBe('built');
    expect(contexts()).toEqual(['assets=../web']);
    expect(new Map(ignored)).toEqual(
      new Map([
        ['.', false],
        ['../web', true],
      ]),
    );
    expect(log.join('\n')).toContain('assets: ../web (5 files, 2.0 kB)');
    expect(first.summary).toMatch(/Named contexts.*assets.*\.\.\/web.*5 files/);
    expect((await run(given)).outputs['outcome']).toBe('reused');
    trees.set('../web', { sha256: 'web-2', files: 5, bytes: 2048 });
    const second = await run(given);
    expect(second.outputs['outcome']).toBe('built');
    expect(second.outputs['source-hash']).not.toBe(first.outputs['source-hash']);
    expect((await run(mine)).outputs['source-hash']).not.toBe(second.outputs['source-hash']);
  });

  test('an image takes the place of a base image: its digest is hashed and built from, the base image asked for nowhere', async () => {
    for (const driver of ['docker-container', 'docker']) {
      const { run, docker, digests, contexts } = withBuildx(
        'FROM private.example/python:3 AS base\nFROM base\n',
        driver,
      );
      digests.set('localhost:5000/python:3', digest);
      const given = { ...mine, 'build-contexts': 'private.example/python:3=docker-image://localhost:5000/python:3' };
      const first = await run(given);
      expect(first.outputs['outcome']).toBe('built');
      expect(first.outputs['source-hash']).not.toBe('');
      expect(contexts()).toEqual([`private.example/python:3=docker-image://localhost:5000/python@${digest}`]);
      expect(docker.did('pull')).toEqual([]);
      expect((await run(given)).outputs['outcome']).toBe('reused');
      digests.set('localhost:5000/python:3', moved);
      expect((await run(given)).outputs['outcome']).toBe('built');
    }
  });

  test('an image that nobody can identify is built from every time', async () => {
    const { run, contexts } = withBuildx('FROM base\n');
    const given = { ...mine, 'build-contexts': 'base=docker-image://private.example/base' };
    const first = await run(given);
    expect(first.outputs).toMatchObject({ outcome: 'built', 'source-hash': '' });
    expect(first.summary).toContain('not identified');
    expect(contexts()).toEqual(['base=docker-image://private.example/base']);
    expect((await run(given)).outputs['outcome']).toBe('built');
  });

  test('the empty image is known', async () => {
    const { run, contexts } = withBuildx('FROM a AS base\nFROM base\n');
    const given = { ...mine, 'build-contexts': 'base=docker-image://scratch' };
    expect((await run(given)).outputs['outcome']).toBe('built');
    expect((await run(given)).outputs['outcome']).toBe('reused');
    expect(contexts()).toEqual(['base=docker-image://scratch']);
  });

  test('need BuildKit: told before anything is asked of AWS but reads', async () => {
    const { run, registry, docker } = world();
    await expect(run({ ...mine, 'build-contexts': 'a=dist' })).rejects.toMatchObject({
      code: 'BuilderUnable',
      message: expect.stringContaining('build-contexts: named contexts need BuildKit'),
    });
    expect([registry.tags.size, docker.did('build')]).toEqual([0, []]);
  });

  test('go into an archive as well', async () => {
    const { runArchive, texts, docker } = withBuildx('FROM scratch\n');
    texts.set('/out/image.tar', 'tar');
    const { failure } = await runArchive({ 'build-contexts': 'a=dist' });
    expect(failure).toBeUndefined();
    expect(docker.did('buildx build')[0]?.line).toContain('--build-context a=./dist');
  });
});

describe('what is hashed is what is built', () => {
  test('a base image is pinned, but not where a stage has its name: the pin would be taken for the stage', async () => {
    const { run, digests, contexts } = withBuildx('FROM nginx AS nginx\nRUN x\nFROM alpine:3 AS alpine\nFROM nginx\n');
    digests.set('nginx', digest).set('alpine:3', moved);
    const { outputs } = await run(mine);
    expect(outputs['source-hash']).not.toBe('');
    expect(contexts()).toEqual([`alpine:3=docker-image://alpine@${moved}`]);
  });

  test('what ADD fetches is said not to be part of it', async () => {
    const { run, log } = withBuildx('FROM scratch\nADD https://example.com/tool /\n');
    await run(mine);
    expect(log.filter((line) => line.includes('https://example.com/tool'))).toEqual([
      'ADD fetches https://example.com/tool only when something is built: it is no part of the source',
    ]);
  });

  test('platforms have one name each', async () => {
    const { run } = withBuildx('FROM scratch\n');
    const hash = async (platforms: string) => (await run({ ...mine, platforms })).outputs['source-hash'];
    expect(await hash('linux/amd64/v1')).toBe(await hash(''));
    expect(await hash('linux/arm64/v8\nlinux/amd64')).toBe(await hash('linux/amd64\nlinux/arm64'));
    expect(await hash('linux/arm64')).not.toBe(await hash(''));
  });
});
