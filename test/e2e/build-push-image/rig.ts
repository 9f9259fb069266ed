import type { ChildProcess } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { spawnAction, type ActionRun } from '../../bundle/spawn-action.ts';
import type { BuildTools } from '../../kit/buildkit.ts';
import type { Repository, RepositorySettings } from '../../kit/scripted-registry-store.ts';
import { ScriptedRegistry, type RegistryCall } from '../../kit/scripted-registry.ts';
import { must } from '../../local/command.ts';
import { shellFiles } from './shell-image.ts';
import { startBuilder, type Builder, type BuilderKind } from './builder.ts';

export interface BuildOptions {
  /** Another commit of the same source. */
  readonly commit?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly onStart?: (child: ChildProcess) => void;
}

export interface BuildRun extends ActionRun {
  /** What was run as `docker`, as its arguments were. */
  readonly commands: readonly (readonly string[])[];
  /** What is left in the runner's directory for temporary files. */
  readonly left: readonly string[];
  /** What the step saved for its `post`. */
  readonly state: Readonly<Record<string, string>>;
  readonly temp: string;
}

/** A registry, a builder, a source, and the action that builds the one into the other. */
export class Rig {
  readonly registry: ScriptedRegistry;
  readonly scratch: string;
  readonly #builder: Builder;
  #runs = 0;

  private constructor(registry: ScriptedRegistry, scratch: string, builder: Builder) {
    this.registry = registry;
    this.scratch = scratch;
    this.#builder = builder;
  }

  static async open(kind: BuilderKind, tools?: BuildTools): Promise<Rig> {
    const scratch = await mkdtemp(join(tmpdir(), 'slipway-rig-'));
    const shim = join(scratch, 'bin/docker');
    await mkdir(dirname(shim));
    const program = (await must('sh', ['-c', 'command -v docker'])).trim();
    await writeFile(shim, recorder(program));
    await chmod(shim, 0o755);
    const registry = await ScriptedRegistry.start();
    try {
      return new Rig(registry, scratch, await startBuilder(kind, registry.host, tools));
    } catch (error) {
      await registry.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#builder.stop();
    await this.registry.stop();
    await rm(this.scratch, { recursive: true, force: true });
  }

  /** A repository and a source of one's own; without `settings` the repository is not there yet. */
  story(name: string, settings?: RepositorySettings): Story {
    if (settings !== undefined) this.registry.store.create(name, settings, Date.now());
    return new Story(this, name);
  }

  async build(inputs: Readonly<Record<string, string>>, options: BuildOptions = {}): Promise<BuildRun> {
    this.#runs += 1;
    const temp = join(this.scratch, `temp-${this.#runs}`);
    const [recorded, state] = [`${temp}.commands`, `${temp}.state`];
    await mkdir(temp);
    await writeFile(state, '');
    await writeFile(recorded, '');
    const run = await spawnAction('build-push-image', {
      inputs: { registry: this.registry.host, ...inputs },
      env: {
        ...this.environment(),
        PATH: `${join(this.scratch, 'bin')}:${process.env['PATH'] ?? ''}`,
        RUNNER_TEMP: temp,
        GITHUB_STATE: state,
        GITHUB_SHA: options.commit ?? 'a'.repeat(40),
        RECORDED: recorded,
        ...options.env,
      },
      cwd: this.scratch,
      ...(options.onStart !== undefined && { onStart: options.onStart }),
    });
    return {
      ...run,
      temp,
      commands: parseCommands(await readFile(recorded, 'utf8')),
      left: await readdir(temp),
      state: parseState(await readFile(state, 'utf8')),
    };
  }

  /** The step's `post`, as the runner starts it whatever became of the step. */
  post({ state, temp }: Pick<BuildRun, 'state' | 'temp'>): Promise<ActionRun> {
    const saved = Object.entries(state).map(([name, value]) => [`STATE_${name}`, value] as const);
    return spawnAction('build-push-image', { inputs: {}, env: { RUNNER_TEMP: temp, ...Object.fromEntries(saved) } });
  }

  /** What is in the runner's directory for temporary files now. */
  left({ temp }: Pick<BuildRun, 'temp'>): Promise<readonly string[]> {
    return readdir(temp);
  }

  environment(): Readonly<Record<string, string>> {
    return {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY',
      AWS_ENDPOINT_URL: this.registry.endpoint,
      ...this.#builder.env,
    };
  }

  /** The user's own configuration of docker, where buildx keeps what it remembers. */
  get dockerConfig(): string {
    return this.#builder.env['DOCKER_CONFIG'] ?? '';
  }

  docker(...words: readonly string[]): Promise<string> {
    return docker(words, this.#builder.env);
  }

  /** Pushes an image with a shell and nothing else, for Dockerfiles with RUN; the name to build FROM. Another `mark` is another image. */
  async pushBase(mark: string): Promise<string> {
    const name = `${this.registry.host}/base:1`;
    const directory = join(this.scratch, 'base');
    if (!this.registry.store.has('base')) {
      this.registry.store.create('base', {}, Date.now());
      await shellFiles(directory);
    }
    await writeFile(join(directory, 'Dockerfile'), `FROM scratch\nCOPY . /\nLABEL mark=${mark}\n`);
    const env = await this.#loggedIn();
    await docker(['build', '--quiet', '--tag', name, directory], env);
    await docker(['push', '--quiet', name], env);
    await docker(['rmi', '--force', name], env);
    return name;
  }

  /** A file out of an image, as whoever deploys the image gets it: pulled, by its digest. */
  async fileIn(image: string, path: string): Promise<string> {
    const env = await this.#loggedIn();
    const puller = (...words: readonly string[]): Promise<string> => docker(words, env);
    await puller('pull', '--quiet', image);
    const container = await puller('create', image, 'none');
    const file = join(env['DOCKER_CONFIG']!, 'file');
    await puller('cp', `${container}:${path}`, file);
    await puller('rm', container);
    await puller('rmi', '--force', image);
    return readFile(file, 'utf8');
  }

  /** Somebody else who may use the registry. */
  async #loggedIn(): Promise<Readonly<Record<string, string>>> {
    const directory = await mkdtemp(join(this.scratch, 'other-'));
    const auth = Buffer.from(`AWS:${this.registry.issueToken()}`).toString('base64');
    await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [this.registry.host]: { auth } } }));
    return { ...this.#builder.env, DOCKER_CONFIG: directory };
  }
}

/** One repository of the rig's, and the directory that its images are built from. */
export class Story {
  readonly rig: Rig;
  readonly name: string;

  constructor(rig: Rig, name: string) {
    this.rig = rig;
    this.name = name;
  }

  /** Makes the files of the source; one that is named with `undefined` goes. */
  async write(files: Readonly<Record<string, string | undefined>>): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      const file = join(this.rig.scratch, this.name, name);
      await mkdir(dirname(file), { recursive: true });
      if (content === undefined) await rm(file, { force: true });
      else await writeFile(file, content);
    }
  }

  build(inputs: Readonly<Record<string, string>> = {}, options: BuildOptions = {}): Promise<BuildRun> {
    return this.rig.build({ repository: this.name, context: this.name, tags: 'v1', ...inputs }, options);
  }

  get repository(): Repository {
    return this.rig.registry.repository(this.name);
  }

  /** Tags as they are now, with the digests they name; without those that the action keeps for itself. */
  get tags(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.repository.tags].filter(([tag]) => !/^(?:src-|buildcache)/.test(tag)));
  }

  /** What the tags by a source's hash name. */
  get sources(): ReadonlySet<string> {
    return new Set([...this.repository.tags].filter(([tag]) => tag.startsWith('src-')).map(([, digest]) => digest));
  }

  manifest(reference: string): unknown {
    const { images, tags } = this.repository;
    return JSON.parse(images.get(tags.get(reference) ?? reference)?.manifest.toString() ?? 'null');
  }

  async blob(digest: string): Promise<Buffer> {
    const answer = await fetch(`${this.rig.registry.endpoint}/layers/${this.name}/${digest}`);
    if (!answer.ok) throw new Error(`no blob ${digest}`);
    return Buffer.from(await answer.arrayBuffer());
  }
}

export async function docker(words: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return (await must('docker', words, { env: { ...process.env, DOCKER_BUILDKIT: '0', ...env } })).trim();
}

/** Asked of ECR's API, by operation. */
export function ecrCalls(log: readonly RegistryCall[]): readonly string[] {
  return log.filter(({ protocol }) => protocol === 'ecr').map(({ operation }) => operation);
}

/** Notes the arguments of every call, then is docker itself. */
function recorder(program: string): string {
  return `#!/bin/sh\nprintf '%s\\0' "$@" '\u0001' >> "$RECORDED"\nexec '${program}' "$@"\n`;
}

function parseCommands(text: string): readonly (readonly string[])[] {
  return text
    .split('\u0001\0')
    .filter((record) => record !== '')
    .map((record) => record.split('\0').slice(0, -1));
}

/** The runner's `NAME<<DELIMITER` file. */
function parseState(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(/^([^\n=<]+)<<(\S+)\n([\s\S]*?)\n\2$/gm)].map(([, name, , value]) => [name!, value!]),
  );
}
