import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawnAction } from '../bundle/spawn-action.ts';
import { buildTools, buildxConfig, startBuildkitd, type Buildkitd, type BuildxConfig } from '../kit/buildkit.ts';
import { describeWith } from '../kit/describe-with.ts';
import { ScriptedRegistry } from '../kit/scripted-registry.ts';

const tools = await buildTools();

/** Real buildx and BuildKit, whose words and caches all this depends on. */
describeWith(tools, 'when something fails, with BuildKit', (tools) => {
  let registry: ScriptedRegistry;
  let buildkitd: Buildkitd;
  let buildx: BuildxConfig;
  let workspace: string;

  beforeAll(async () => {
    registry = await ScriptedRegistry.start({ repositories: { app: {} } });
    buildkitd = await startBuildkitd(tools, { insecure: [registry.host] });
    buildx = await buildxConfig(tools, buildkitd);
    workspace = await mkdtemp(join(tmpdir(), 'slipway-test-'));
    // A program that needs nothing beside itself.
    await copyFile(tools.buildctl, join(workspace, 'program'));
  });
  afterAll(async () => {
    buildx.remove();
    await buildkitd.stop();
    await registry.stop();
    await rm(workspace, { recursive: true });
  });

  const build = async (dockerfile: readonly string[], inputs: Readonly<Record<string, string>> = {}) => {
    await writeFile(join(workspace, 'api.Dockerfile'), dockerfile.join('\n'));
    return spawnAction('build-push-image', {
      inputs: { repository: 'app', registry: registry.host, file: 'api.Dockerfile', tags: 'latest', ...inputs },
      cwd: workspace,
      env: {
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY',
        AWS_ENDPOINT_URL: registry.endpoint,
        DOCKER_CONFIG: buildx.directory,
      },
    });
  };
  const annotations = (output: string): readonly string[] =>
    output.split('\n').filter((line) => line.startsWith('::error') || line.startsWith('::warning'));

  test('a token that expires before the push: what was just built is pushed, and nothing that was cached before', async () => {
    const dockerfile = ['FROM scratch', 'WORKDIR /made', 'COPY api.Dockerfile .'];
    const before = await build(dockerfile);
    expect(before.outputs).toMatchObject({ outcome: 'built' });
    const issued = registry.tokens.length;
    registry.expires = ({ number, call }) => number === issued + 1 && /upload|blob|^PUT/.test(call.operation);
    const run = await build(dockerfile, { force: 'true' });
    expect([run.exitCode, annotations(run.output)]).toEqual([0, []]);
    expect(run.output).toContain('Your authorization token has expired');
    expect(registry.tokens.length - issued).toBe(2);
    // Each go tells what it made.
    const made = [...run.output.matchAll(/exporting manifest (sha256:\w+) (?:[\d.]+s )?done/g)].map(
      ([, digest]) => digest,
    );
    expect(made).toEqual([run.outputs['digest'], run.outputs['digest']]);
    expect(run.outputs['digest']).not.toBe(before.outputs['digest']);
    expect(registry.repository('app').tags.get('latest')).toBe(run.outputs['digest']);
  });

  test.each<[string, readonly string[], string]>([
    [
      'a program that fails',
      ['FROM scratch', 'COPY . /', 'RUN ["/program", \\', '  "--nonsense"]'],
      'title=BuildFailed,file=api.Dockerfile,line=3,endLine=4::docker could not build the image: [2/2] RUN ["/program", "--nonsense"] (api.Dockerfile:3-4) failed with exit code 1. It last said:%0A',
    ],
    [
      'a file that is missing',
      ['FROM scratch', 'COPY requirements.txt /'],
      'title=CopySourceMissing,file=api.Dockerfile,line=2,endLine=2::',
    ],
    [
      'an instruction that is none',
      ['FROM scratch', 'COPPY a /'],
      'title=DockerfileInvalid,file=api.Dockerfile,line=2,endLine=2::',
    ],
    ['a base image that is missing', ['ARG HOST', 'FROM scratch AS empty', 'FROM ${HOST}/app:none'], 'title=BaseImage'],
  ])('%s is one annotation, at its line of the Dockerfile', async (_, dockerfile, annotation) => {
    registry.forget();
    const run = await build(dockerfile, { 'build-args': `HOST=${registry.host}` });
    expect(run.exitCode).toBe(1);
    const [error = '', ...more] = annotations(run.output);
    expect([error, more]).toEqual([expect.stringContaining(`::error ${annotation}`), []]);
  });
});
