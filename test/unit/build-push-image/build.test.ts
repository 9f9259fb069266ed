import { describe, expect, test } from '@jest/globals';
import { buildCommand, type BuildRequest } from '../../../actions/build-push-image/src/build-command.ts';
import { isTagTaken, metadataDigest, pushedDigest } from '../../../actions/build-push-image/src/build-log.ts';
import { loadedImages } from '../../../actions/build-push-image/src/load-archive.ts';
import type { BaseImage, NamedContext } from '../../../actions/build-push-image/src/source-hash.ts';
import { buildx, classic, inputs } from './kit.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const base: BaseImage = { name: 'python:3.11-slim', identity: digest, from: 'registry' };

function command(values: Readonly<Record<string, string>>, over: Partial<BuildRequest> = {}) {
  return buildCommand({
    inputs: inputs(values),
    builder: buildx,
    repository: 'localhost:5000/app',
    tag: 'src-1',
    bases: [],
    syntax: undefined,
    contexts: [],
    fresh: false,
    cache: false,
    output: { kind: 'push', metadataFile: '/tmp/m.json' },
    ...over,
  });
}

describe('the command line', () => {
  test('of the classic builder', () => {
    const { args, env } = command(
      { context: 'my app', 'build-args': 'A=b c\nB=$(id)', labels: 'k=v=w', target: 'run', platforms: 'linux/amd64' },
      { builder: classic, fresh: true },
    );
    expect(args).toEqual([
      ...['build', '--file', 'my app/Dockerfile', '--tag', 'localhost:5000/app:src-1', '--target', 'run'],
      ...['--build-arg', 'A=b c', '--build-arg', 'B=$(id)', '--label', 'k=v=w', '--no-cache', '--', 'my app'],
    ]);
    // The hash is of the builder's own platform when none is asked for; docker's default must not be another one.
    expect(env).toEqual({ DOCKER_BUILDKIT: '0', DOCKER_DEFAULT_PLATFORM: '' });
  });

  test('of buildx', () => {
    expect(command({ cache: 'none' }).args).toEqual([
      ...['buildx', 'build', '--file', 'Dockerfile', '--tag', 'localhost:5000/app:src-1', '--push', '--progress=plain'],
      ...['--provenance=false', '--sbom=false', '--metadata-file', '/tmp/m.json', '--', '.'],
    ]);
  });

  test('into the daemon or an archive: nothing is pushed, and no registry is a cache', () => {
    const into = (output: BuildRequest['output']): string => command({}, { output }).args.join(' ');
    expect(into({ kind: 'daemon' })).toContain(' --load --progress=plain');
    expect(into({ kind: 'archive', path: '/a, b.tar' })).toContain(' --output type=docker,"dest=/a, b.tar" ');
    for (const line of [into({ kind: 'daemon' }), into({ kind: 'archive', path: 'x' })]) {
      expect(line).not.toMatch(/--push|--cache|--metadata-file/);
    }
  });

  test('secrets are in the environment, never among the arguments', () => {
    const { args, env } = command({ secrets: 'npm=hunter2\npip=hunter3', 'secret-files': 'ca=a, "b".pem' });
    expect(args.join('\n')).not.toMatch(/hunter/);
    expect(args).toEqual(
      expect.arrayContaining([
        'id=npm,env=SLIPWAY_SECRET_0',
        'id=pip,env=SLIPWAY_SECRET_1',
        'id=ca,"src=a, ""b"".pem"',
      ]),
    );
    expect(env).toMatchObject({ SLIPWAY_SECRET_0: 'hunter2', SLIPWAY_SECRET_1: 'hunter3' });
    expect(env).toMatchObject({ BUILDX_METADATA_PROVENANCE: 'disabled', DOCKER_DEFAULT_PLATFORM: '' });
  });

  test('the cache in the registry, where it is used', () => {
    const flags =
      '--cache-from type=registry,ref=localhost:5000/app:buildcache --cache-to type=registry,ref=localhost:5000/app:buildcache,mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true';
    expect(command({}, { cache: true }).args.join(' ')).toContain(flags);
    expect(command({}, { cache: false }).args.join(' ')).not.toContain('--cache');
    const elsewhere = command({}, { cache: true, output: { kind: 'archive', path: '/a.tar' } });
    expect(elsewhere.args.join(' ')).not.toContain('--cache');
  });

  test('attestations and platforms', () => {
    const { args } = command({ provenance: 'max', sbom: 'true', platforms: 'linux/arm64\nlinux/amd64' });
    expect(args).toEqual(
      expect.arrayContaining(['--provenance=mode=max', '--sbom=true', '--platform', 'linux/amd64,linux/arm64']),
    );
    const made = command({ sbom: 'true', 'sbom-generator': 'host:5000/scanner:1@sha256:' + 'a'.repeat(64) }).args;
    expect(made).toContain(`--sbom=generator=host:5000/scanner:1@sha256:${'a'.repeat(64)}`);
  });

  test('base images are pinned to what was hashed', () => {
    const syntax: BaseImage = { ...base, name: 'docker/dockerfile:1' };
    const port: BaseImage = { ...base, name: 'localhost:5000/base' };
    const known: BaseImage = { ...base, name: `redis@${digest}` };
    const local: BaseImage = { ...base, name: 'mine', from: 'daemon' };
    const request = { bases: [base, port, known, local], syntax };
    const { args } = command({ cache: 'none' }, request);
    expect(args.filter((arg) => arg.includes(digest))).toEqual([
      `python:3.11-slim=docker-image://python@${digest}`,
      `localhost:5000/base=docker-image://localhost:5000/base@${digest}`,
      `BUILDKIT_SYNTAX=docker/dockerfile@${digest}`,
    ]);
    // A stage of the same name would be replaced as a whole.
    const node: BaseImage = { ...base, name: 'node:latest', isStageToo: true };
    expect(command({ cache: 'none' }, { bases: [node] }).args.join(' ')).not.toContain(digest);
    // The daemon's own builder is pinned by what lies under the name there.
    const inside = command({}, { ...request, builder: { ...buildx, driver: 'docker' } }).args;
    expect(inside.filter((arg) => arg.includes('docker-image://'))).toEqual([]);
  });
});

describe('named contexts on the command line', () => {
  const tree = { sha256: 'c', files: 1, bytes: 1 };
  const directory = (path: string): NamedContext => ({ name: 'assets', is: { kind: 'directory', path, digest: tree } });
  const flag = (context: NamedContext, builder = buildx): string | undefined => {
    const { args } = command({ cache: 'none' }, { contexts: [context], builder });
    return args[args.indexOf('--build-context') + 1];
  };

  test.each([
    ['dist', './dist'],
    ['./dist', './dist'],
    ['../shared', '../shared'],
    ['/srv/dist', '/srv/dist'],
    ['.', './.'],
    ['a,b="c"', './a,b="c"'],
    // To docker these are repositories, even where such a directory is.
    ['github.com/your-org/x', './github.com/your-org/x'],
    ['.github/x', './.github/x'],
  ])('the directory %s', (path, value) => {
    expect(flag(directory(path))).toBe(`assets=${value}`);
  });

  test('an image is what was hashed, with every buildx; one that only the daemon knows keeps its name', () => {
    const image: BaseImage = { ...base, name: 'localhost:5000/python:3' };
    const context: NamedContext = { name: 'python:3.11-slim', is: { kind: 'image', image } };
    const pinned = `python:3.11-slim=docker-image://localhost:5000/python@${digest}`;
    expect(flag(context)).toBe(pinned);
    expect(flag(context, { ...buildx, driver: 'docker' })).toBe(pinned);
    const local: BaseImage = { ...image, from: 'daemon' };
    expect(flag({ ...context, is: { kind: 'image', image: local } })).toBe(
      'python:3.11-slim=docker-image://localhost:5000/python:3',
    );
    const empty: BaseImage = { name: 'scratch', identity: 'scratch', from: undefined };
    expect(flag({ name: 'x', is: { kind: 'image', image: empty } })).toBe('x=docker-image://scratch');
  });
});

test('what docker load says: names, ids, nothing else', () => {
  expect(
    loadedImages([
      'Loading layer [==>] 1kB/1kB',
      'Loaded image: app:src-1',
      `Loaded image ID: ${digest}`,
      'Loaded image: localhost:5000/team/app:v1 ',
      'Loaded image: --privileged',
      'Loaded image ID: sha256:1',
      'not Loaded image: other',
    ]),
  ).toEqual(['app:src-1', digest, 'localhost:5000/team/app:v1']);
});

describe('what a build says', () => {
  test('the digest it pushed', () => {
    expect(pushedDigest(['abc: Pushed', `src-1: digest: ${digest} size: 524`])).toBe(digest);
    expect(pushedDigest([digest])).toBeUndefined();
    expect(metadataDigest(`{"containerimage.config.digest":"sha256:1","containerimage.digest": "${digest}"}`)).toBe(
      digest,
    );
    expect(metadataDigest('')).toBeUndefined();
  });

  test('a lost race for an immutable tag', () => {
    expect(
      isTagTaken([
        "tag invalid: The image tag 'src-1' already exists in the 'app' repository and cannot be overwritten because the tag is immutable.",
      ]),
    ).toBe(true);
    expect(isTagTaken(['denied: requested access to the resource is denied'])).toBe(false);
  });
});
