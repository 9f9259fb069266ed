import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { manifestRegistry } from '../../actions/build-push-image/src/base-images.ts';
import { buildCommand } from '../../actions/build-push-image/src/build-command.ts';
import { contextFiles } from '../../actions/build-push-image/src/context-files.ts';
import { lookAt } from '../../actions/build-push-image/src/look-at.ts';
import { probeBuilder } from '../../actions/build-push-image/src/docker.ts';
import { observeLocally, type LocalPorts } from '../../actions/build-push-image/src/observe.ts';
import type { Progress } from '../../shared/action/progress.ts';
import { buildTools, buildxConfig, startBuildkitd, type Buildkitd, type BuildxConfig } from '../kit/buildkit.ts';
import { describeWith } from '../kit/describe-with.ts';
import { ScriptedRegistry } from '../kit/scripted-registry.ts';
import { must, run } from '../local/command.ts';
import { read } from '../unit/build-push-image/kit.ts';

const tools = await buildTools();
const quiet: Progress = {
  info: () => undefined,
  warn: () => undefined,
  follow: () => () => undefined,
  group: (_, body) => body(),
};

/** What the action takes a Dockerfile's names for is what BuildKit takes them for: the oracle is what lands in the image. */
describeWith(tools, 'the names of a Dockerfile, by BuildKit', (tools) => {
  let registry: ScriptedRegistry;
  let buildkitd: Buildkitd;
  let buildx: BuildxConfig;
  let basic: string;
  let root: string;

  beforeAll(async () => {
    registry = await ScriptedRegistry.start({ repositories: { base: {}, 'library/nginx': {} } });
    const [insecure, mirrors] = [[registry.host], { 'docker.io': [registry.host] }];
    buildkitd = await startBuildkitd(tools, { insecure, mirrors });
    buildx = await buildxConfig(tools, buildkitd);
    const target = { 'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken' };
    const answer = await fetch(registry.endpoint, { method: 'POST', headers: target, body: '{}' });
    const token = (await answer.json()) as { authorizationData: { authorizationToken: string }[] };
    basic = token.authorizationData[0]!.authorizationToken;
    // BuildKit asks the mirror by the name of what it mirrors.
    const auths = { [registry.host]: { auth: basic }, 'https://index.docker.io/v1/': { auth: basic } };
    writeFileSync(join(buildx.directory, 'config.json'), JSON.stringify({ auths }));
  });
  afterAll(async () => {
    buildx.remove();
    await buildkitd.stop();
    await registry.stop();
  });
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'slipway-names-'));
    write('app/ours');
    write('web/theirs');
    write('web/left-out');
    write('web/.dockerignore', 'left-out');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function write(path: string, text = path): void {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  const ports = (): LocalPorts => ({
    files: contextFiles,
    docker: async (args, { env } = {}) => {
      const { code, ...said } = await run('docker', args, { env: { ...buildx.env, ...env }, timeout: 50_000 });
      return { exitCode: code, ...said };
    },
    manifests: manifestRegistry({
      // Docker Hub is what BuildKit's mirror is.
      fetch: (url, init) =>
        fetch(typeof url === 'string' ? url.replace('https://registry-1.docker.io', registry.endpoint) : url, init),
      basic: () => Promise.resolve(basic),
      login: () => Promise.resolve(undefined),
      sleep: () => Promise.resolve(),
      totalMs: 12_000,
      timeoutMs: 5_000,
    }),
  });

  const observeWith = async (values: Readonly<Record<string, string>>) => {
    const context = join(root, 'app');
    const inputs = read({ repository: 'app', context, ...values }, { lookAt });
    const builder = await probeBuilder(ports().docker);
    return { inputs, ...(await observeLocally({ inputs, builder }, ports(), quiet)) };
  };

  /** The files of the image that the action's own command line makes of what it observed. */
  async function build({
    inputs,
    builder,
    source,
  }: Awaited<ReturnType<typeof observeWith>>): Promise<readonly string[]> {
    const out = join(root, 'out');
    const archive = { kind: 'archive', path: 'x' } as const;
    const repository = 'app';
    const { args, env } = buildCommand({
      ...{ inputs, builder, repository, tag: 'x', ...source },
      ...{ fresh: false, cache: false, output: archive },
    });
    const local = args.map((arg) => (arg === 'type=docker,dest=x' ? `type=local,dest=${out}` : arg));
    await must('docker', local, {
      env: { ...buildx.env, DOCKER_DEFAULT_PLATFORM: 'linux/s390x', ...env },
      timeout: 50_000,
    });
    const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((path) =>
      statSync(join(out, path)).isFile(),
    );
    rmSync(out, { recursive: true });
    return files.sort();
  }

  async function pushImage(name: string, file: string): Promise<void> {
    write(`images/${file}/${file}`);
    write('images/Dockerfile', `FROM scratch\nCOPY ${file} /\n`);
    const output = [
      '--output',
      `type=image,name=${registry.host}/${name},push=true,registry.insecure=true`,
      '--provenance=false',
    ];
    const place = ['--file', join(root, 'images/Dockerfile'), join(root, 'images', file)];
    await must('docker', ['buildx', 'build', ...output, ...place], { env: buildx.env, timeout: 50_000 });
  }

  test.each(['nginx', 'nginx:latest', 'docker.io/library/nginx', 'index.docker.io/nginx:latest'])(
    'a directory called %s is read by its own ignore file, and stands for the image and for the whole stage',
    async (name) => {
      const given = { 'build-contexts': `${name}=${join(root, 'web')}` };
      for (const dockerfile of ['FROM nginx', 'FROM missing.invalid/x AS Nginx\nCOPY ours /\nFROM nginx']) {
        write('app/Dockerfile', `${dockerfile}\n`);
        const observed = await observeWith(given);
        expect(observed.source).toMatchObject({ bases: [], unknown: [] });
        expect(await build(observed)).toEqual(['.dockerignore', 'theirs']);
      }
    },
  );

  test('a directory whose name looks like a repository is a directory', async () => {
    write('app/Dockerfile', 'FROM scratch\nCOPY --from=assets theirs /\n');
    const before = process.cwd();
    mkdirSync(join(root, 'github.com/your-org'), { recursive: true });
    write('github.com/your-org/x/theirs');
    process.chdir(root);
    try {
      expect(await build(await observeWith({ 'build-contexts': 'assets=github.com/your-org/x' }))).toEqual(['theirs']);
    } finally {
      process.chdir(before);
    }
  });

  test('an image is built from as it was hashed, though its tag moves before the build', async () => {
    write('app/Dockerfile', 'FROM missing.invalid/x AS base\nRUN x\nFROM base\nCOPY ours /\n');
    const given = { 'build-contexts': `base=docker-image://${registry.host}/base:1` };
    await pushImage('base:1', 'one');
    const first = await observeWith(given);
    await pushImage('base:1', 'two');
    const second = await observeWith(given);
    expect(first.source.unknown).toEqual([]);
    expect(second.source.hash).not.toBe(first.source.hash);
    expect(await build(first)).toEqual(['one', 'ours']);
    expect(await build(second)).toEqual(['ours', 'two']);
  });

  test('a stage that bears its base image’s name is built; another base image is pinned', async () => {
    write(
      'app/Dockerfile',
      'FROM nginx AS nginx\nCOPY ours /\nFROM nginx:1 AS other\nFROM nginx\nCOPY --from=other / /\n',
    );
    await pushImage('library/nginx:latest', 'latest');
    await pushImage('library/nginx:1', 'one');
    const observed = await observeWith({});
    expect(observed.source.unknown).toEqual([]);
    await pushImage('library/nginx:1', 'two');
    expect(await build(observed)).toEqual(['latest', 'one', 'ours']);
  });

  test('what the builder knows of platforms: its own, whatever docker’s default is', async () => {
    write(
      'app/Dockerfile',
      'FROM scratch AS of-amd64\nCOPY ours /\nFROM scratch AS of-s390x\nFROM of-$TARGETARCH$TARGETVARIANT\n',
    );
    const observed = await observeWith({});
    expect(observed.source).toMatchObject({ bases: [], unknown: [] });
    expect(observed.builder.platform).toBe('linux/amd64');
    expect(await build(observed)).toEqual(['ours']);
  });
});
