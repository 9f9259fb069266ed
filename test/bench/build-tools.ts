import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { ScriptedRegistry } from '../kit/scripted-registry.ts';
import { run } from '../local/command.ts';
import { root } from '../tools/actions.ts';

/** One way to get an image into the registry. */
export interface BuildTool {
  readonly title: string;
  /** Builds what is in the folder at this commit and pushes it under the commit's tag and `latest`; throws when it does not. */
  readonly deliver: (job: Job) => Promise<void>;
}

export interface Job {
  readonly context: string;
  readonly repository: string;
  readonly commit: string;
}

export interface Cost {
  /** Seconds. */
  readonly wall: number;
  /** That reached the registry as layers and manifests. */
  readonly bytes: number;
  /** Calls of ECR's API; docker's own protocol is not among them. */
  readonly ecrCalls: number;
}

/** What a tool needs of the machine. */
export interface Bed {
  readonly registry: ScriptedRegistry;
  readonly scratch: string;
  /** An environment in which `docker buildx build` works; undefined: plain docker. */
  readonly buildx?: Readonly<Record<string, string>>;
}

export async function measure(tool: BuildTool, job: Job, registry: ScriptedRegistry): Promise<Cost> {
  // What the run before has written is on its way to the disk, and would be measured with this one.
  await must('sync', [], { env: { PATH: process.env['PATH'] ?? '' } });
  registry.forget();
  const before = registry.traffic().in;
  const started = performance.now();
  await tool.deliver(job);
  const wall = (performance.now() - started) / 1000;
  const ecrCalls = Object.values(registry.counts('ecr')).reduce((sum, count) => sum + count, 0);
  return { wall, bytes: registry.traffic().in - before, ecrCalls };
}

const region = 'us-east-1';

/** The action's bundle, as the runner starts it. */
export function slipway(title: string, bed: Bed): BuildTool {
  return {
    title,
    async deliver({ context, repository, commit }) {
      const files = Object.fromEntries(
        ['GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY', 'GITHUB_STATE'].map((name) => [name, join(bed.scratch, name)]),
      );
      for (const file of Object.values(files)) writeFileSync(file, '');
      const inputs = { repository, registry: bed.registry.host, context, tags: `${commit}\nlatest` };
      await must(process.execPath, [join(root, 'actions/build-push-image/dist/index.js')], {
        env: {
          ...environment(bed),
          ...files,
          RUNNER_TEMP: bed.scratch,
          GITHUB_SHA: commit,
          AWS_REGION: region,
          AWS_ACCESS_KEY_ID: 'bench',
          AWS_SECRET_ACCESS_KEY: 'bench',
          AWS_ENDPOINT_URL: bed.registry.endpoint,
          AWS_EC2_METADATA_DISABLED: 'true',
          ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
        },
      });
    },
  };
}

/** The guide's own steps: login, build with both tags, push both. The token is asked for without the AWS CLI, which takes a second more. */
export function plainDocker(title: string, bed: Bed): BuildTool {
  return {
    title,
    async deliver(job) {
      const env = { ...environment(bed), DOCKER_BUILDKIT: '0', DOCKER_CONFIG: join(bed.scratch, 'plain') };
      const [tag, latest] = names(job, bed);
      await login(bed, env);
      await must('docker', ['build', '--tag', tag, '--tag', latest, job.context], { env });
      for (const name of [tag, latest]) await must('docker', ['push', name], { env });
    },
  };
}

/** What docker/build-push-action runs with a registry cache as ECR takes it. */
export function buildxCached(title: string, bed: Bed): BuildTool {
  return {
    title,
    async deliver(job) {
      const env = environment(bed);
      const cache = `type=registry,ref=${bed.registry.host}/${job.repository}:buildcache`;
      await login(bed, env);
      await must(
        'docker',
        [
          ...['buildx', 'build', '--push', '--provenance=false'],
          ...names(job, bed).flatMap((name) => ['--tag', name]),
          ...['--cache-from', cache, '--cache-to', `${cache},mode=max,image-manifest=true,oci-mediatypes=true`],
          job.context,
        ],
        { env },
      );
    },
  };
}

function names({ repository, commit }: Job, { registry }: Bed): readonly [string, string] {
  const uri = `${registry.host}/${repository}`;
  return [`${uri}:${commit}`, `${uri}:latest`];
}

function environment({ scratch, buildx }: Bed): Record<string, string> {
  if (buildx !== undefined) return { ...buildx };
  const config = join(scratch, 'docker');
  mkdirSync(config, { recursive: true });
  return { PATH: process.env['PATH'] ?? '', HOME: scratch, DOCKER_CONFIG: config };
}

/** With a token from the registry, as `aws ecr get-login-password` prints it. */
export async function login({ registry }: Bed, env: Readonly<Record<string, string>>): Promise<void> {
  const answer = await fetch(registry.endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
      authorization: `AWS4-HMAC-SHA256 Credential=bench/20260101/${region}/ecr/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: '{}',
  });
  const { authorizationData } = (await answer.json()) as {
    authorizationData: readonly { readonly authorizationToken: string }[];
  };
  const [, password = ''] = Buffer.from(authorizationData[0]?.authorizationToken ?? '', 'base64')
    .toString()
    .split(':');
  await must('docker', ['login', '--username', 'AWS', '--password-stdin', registry.host], { env, input: password });
}

interface Setting {
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string;
}

async function must(program: string, args: readonly string[], setting: Setting): Promise<void> {
  const { code, stdout, stderr } = await run(program, args, setting);
  if (code === 0) return;
  const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-15).join('\n');
  throw new Error(`${program} ${args.slice(0, 2).join(' ')} ended with ${code}:\n${said}`);
}

export function bundleVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return version;
}
