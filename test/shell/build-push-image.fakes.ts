import { join, relative } from 'node:path';
import type { CommandOptions, CommandResult, CommandRunner } from '../../shared/action/command.ts';
import type { Progress } from '../../shared/action/progress.ts';
import type {
  ImageId,
  ImageRegistry,
  ImageScan,
  ListedImage,
  RegistryImage,
  Repository,
  ScanStart,
} from '../../shared/aws/ecr.ts';
import type { Clock } from '../../shared/core/clock.ts';
import { ActionError, AwsError } from '../../shared/core/errors.ts';
import { sha256 } from '../../shared/core/hash.ts';
import { apply, type ApplyPorts, type Result } from '../../actions/build-push-image/src/apply.ts';
import type { ContextFiles } from '../../actions/build-push-image/src/context-files.ts';
import type { DockerConfig } from '../../actions/build-push-image/src/docker-config.ts';
import { isFixed } from '../../actions/build-push-image/src/mutability.ts';
import { dockerOf, probeBuilder } from '../../actions/build-push-image/src/docker.ts';
import { observe, observeLocally, type ObservePorts } from '../../actions/build-push-image/src/observe.ts';
import { planBuild } from '../../actions/build-push-image/src/plan.ts';
import { report, reportArchive } from '../../actions/build-push-image/src/report.ts';
import { requireArchivable, writeArchive } from '../../actions/build-push-image/src/write-archive.ts';
import { fakePipe } from '../unit/build-push-image/image-kit.ts';
import { immutable, inputs as parse, mutable } from '../unit/build-push-image/kit.ts';

export const digestOf = (manifest: string): string => `sha256:${sha256(manifest)}`;

const known = new Map<string, string>();
/** The manifest of an image that starts nothing, with its configuration in every fake registry; of several platforms their index. */
export function manifestOf(text: string, platforms: readonly string[] = ['linux/amd64']): string {
  const single = (platform: string): string => {
    const [os, architecture] = platform.split('/');
    const config = JSON.stringify({ os, architecture });
    known.set(digestOf(config), config);
    return JSON.stringify({ text, config: { digest: digestOf(config) } });
  };
  if (platforms.length === 1) return single(platforms[0] ?? '');
  return JSON.stringify({
    manifests: platforms.map((platform) => {
      const manifest = single(platform);
      known.set(digestOf(manifest), manifest);
      const [os, architecture] = platform.split('/');
      return { digest: digestOf(manifest), platform: { os, architecture } };
    }),
  });
}
export const refused = (code: string): AwsError =>
  new AwsError(code, code, { service: 'ECR', operation: 'x', httpStatus: 400 });

/** ECR as far as one repository goes. */
export class FakeRegistry implements ImageRegistry {
  known: Repository | undefined = mutable;
  readonly stored = new Map<string, string>();
  readonly tags = new Map<string, string>();
  readonly calls: string[] = [];
  scans: (ImageScan | undefined)[] = [];
  /** What comes of asking for a scan. */
  starts: ScanStart = { kind: 'started' };
  /** Throws instead of the call of this name. */
  failing: { readonly call: string; readonly error: Error } | undefined;

  #call(name: string): void {
    this.calls.push(name);
    if (this.failing?.call === name) throw this.failing.error;
  }
  push(tag: string, manifest: string): void {
    this.stored.set(digestOf(manifest), manifest);
    this.tags.set(tag, digestOf(manifest));
  }
  async login() {
    this.#call('login');
    return { username: 'AWS', password: 'registry-password', basic: 'QVdTOnBhc3M=' };
  }
  async repository() {
    this.#call('repository');
    return this.known;
  }
  async createRepository() {
    this.#call('createRepository');
    const repository = (this.known = this.madeMeanwhile ?? immutable);
    return { repository, isNew: this.madeMeanwhile === undefined };
  }
  /** The lifecycle policy, and images beside the tagged ones. */
  policy: string | undefined;
  /** Digests of images in ECR's archive. */
  readonly archived = new Set<string>();
  /** By somebody else, between the look and the creation. */
  madeMeanwhile: Repository | undefined;
  others: ListedImage[] = [];
  async keepNewest(_: string, matching: string, keep: number) {
    this.#call('keepNewest');
    this.policy = `${keep} ${matching}`;
  }
  async lifecyclePolicy() {
    this.#call('lifecyclePolicy');
    return this.policy;
  }
  async allImages() {
    this.#call('allImages');
    return [...[...this.stored.keys()].map((digest) => this.#listed(digest)), ...this.others];
  }
  #listed(digest: string): ListedImage {
    const tags = [...this.tags].filter(([, named]) => named === digest).map(([name]) => name);
    return { digest, tags, pushedAt: this.pushedAt, sizeBytes: 1 };
  }
  /** When every image was pushed. */
  pushedAt = Date.UTC(2026, 0, 1);
  async images(_: string, tags: readonly string[]) {
    this.#call('images');
    if (this.known === undefined) return undefined;
    const archived = new Set(tags.filter((tag) => this.archived.has(this.tags.get(tag) ?? '')));
    const images = new Map(
      tags.flatMap((tag) => {
        if (archived.has(tag)) return [];
        const digest = this.tags.get(tag);
        if (digest === undefined) return [];
        const manifest = this.stored.get(digest) ?? '';
        const image: RegistryImage = {
          ...this.#listed(digest),
          manifest,
          mediaType: manifest.includes('"manifests"')
            ? 'application/vnd.oci.image.index.v1+json'
            : 'application/vnd.docker.distribution.manifest.v2+json',
          registryId: '123456789012',
        };
        return [[tag, image] as const];
      }),
    );
    return { images, archived };
  }
  async manifests(_: string, digests: readonly string[]) {
    this.#call('manifests');
    return new Map(digests.map((digest) => [digest, known.get(digest) ?? ''] as const));
  }
  async tag(_: string, tag: string, image: RegistryImage) {
    this.#call(`tag ${tag}`);
    if (this.tags.get(tag) === image.digest) return false;
    if (this.tags.has(tag) && this.known !== undefined && isFixed(this.known.tags, tag))
      throw refused('ImageTagAlreadyExistsException');
    this.tags.set(tag, image.digest);
    return true;
  }
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- stories answer by the image
  async scan(_image: ImageId): Promise<ImageScan | undefined> {
    this.#call('scan');
    return this.scans.length > 1 ? this.scans.shift() : this.scans[0];
  }
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- as above
  async startScan(_image: ImageId): Promise<ScanStart> {
    this.#call('startScan');
    return this.starts;
  }
}

export interface Ran extends CommandOptions {
  readonly line: string;
}

/** A docker that builds a manifest out of the context's text and pushes it into the fake registry. */
export class FakeDocker implements CommandRunner {
  readonly ran: Ran[] = [];
  buildx: string | undefined;
  daemon = '20.10.24';
  readonly local = new Map<string, { readonly id: string; readonly repoDigests: readonly string[] }>();
  /** The answer to the commands that start so, or only to the next of them. */
  answers: {
    readonly start: string;
    readonly result: Partial<CommandResult>;
    readonly lines?: readonly string[];
    readonly once?: boolean;
  }[] = [];
  metadata = '';
  /** What an archive that is loaded holds: ids by name. */
  archived = new Map<string, string>();
  onPush: () => void = () => undefined;
  readonly #registry: FakeRegistry;
  readonly #context: () => string;

  constructor(registry: FakeRegistry, context: () => string) {
    this.#registry = registry;
    this.#context = context;
  }

  /** Looking at the builder is no build. */
  did = (start: string): readonly Ran[] =>
    this.ran.filter(({ line }) => line.startsWith(start) && line !== 'buildx inspect');

  async run(_: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const line = args.join(' ');
    this.ran.push({ line, ...options });
    const scripted = this.answers.find(({ start }) => line.startsWith(start));
    if (scripted?.once === true) this.answers = this.answers.filter((answer) => answer !== scripted);
    for (const said of scripted?.lines ?? []) options.onLine?.(said);
    if (scripted !== undefined) return { exitCode: 0, stdout: '', stderr: '', ...scripted.result };
    return { exitCode: 0, stderr: '', stdout: '', ...this.#answer(line, args, options) };
  }

  #answer(line: string, args: readonly string[], { onLine }: CommandOptions): Partial<CommandResult> {
    if (line.startsWith('info')) {
      const Plugins = this.buildx === undefined ? [] : [{ Name: 'buildx', Version: 'v0.20.0' }];
      return {
        exitCode: this.daemon === '' ? 1 : 0,
        stdout: JSON.stringify({
          ServerVersion: this.daemon,
          OSType: 'linux',
          Architecture: 'x86_64',
          ClientInfo: { Plugins },
        }),
        stderr: this.daemon === '' ? 'Cannot connect to the Docker daemon at unix:///x' : '',
      };
    }
    if (line.startsWith('buildx inspect'))
      return { stdout: `Name: b\nDriver:  ${this.buildx}\n\nPlatforms: linux/amd64*, linux/386\n` };
    if (line.startsWith('image inspect')) {
      const found = this.local.get(args.at(-1) ?? '');
      if (found === undefined) return { exitCode: 1 };
      return { stdout: JSON.stringify({ Id: found.id, RepoDigests: found.repoDigests }) };
    }
    if (line.startsWith('build ') || line.startsWith('buildx build')) {
      onLine?.('Step 1/1 : FROM scratch');
      const at = args.indexOf('--platform');
      this.#platforms = at < 0 ? undefined : args[at + 1]?.split(',');
      if (line.startsWith('buildx')) this.#push(args[args.indexOf('--tag') + 1] ?? '', onLine);
    }
    if (line.startsWith('push ')) this.#push(args[1] ?? '', onLine);
    if (line.startsWith('load ')) for (const name of this.archived.keys()) onLine?.(`Loaded image: ${name}`);
    if (line.startsWith('load ')) for (const [name, id] of this.archived) this.local.set(name, { id, repoDigests: [] });
    return {};
  }

  /** What is pushed, of the context's text. */
  manifestOf: (context: string) => string = (context) => manifestOf(`built from ${context}`, this.#platforms);
  #platforms: readonly string[] | undefined;

  #push(name: string, onLine: CommandOptions['onLine']): void {
    const manifest = this.manifestOf(this.#context());
    const tag = name.slice(name.lastIndexOf(':') + 1);
    this.#registry.push(tag, manifest);
    this.metadata = JSON.stringify({ 'containerimage.digest': digestOf(manifest) });
    onLine?.(`${tag}: digest: ${digestOf(manifest)} size: 1`);
    this.onPush();
  }
}

export function world() {
  const registry = new FakeRegistry();
  const texts = new Map([['Dockerfile', 'FROM scratch\n']]);
  const tree = { sha256: 'tree-1', files: 2, bytes: 10 };
  /** Of directories that differ from all others; what their ignore files said. */
  const trees = new Map<string, typeof tree>();
  const ignored: [string, boolean][] = [];
  const docker = new FakeDocker(registry, () => tree.sha256);
  const digests = new Map<string, string>();
  /** Configurations by digest, and the files of whatever image. */
  const contents = new Map<string, string>();
  const imageFiles: Record<string, Uint8Array> = {};
  const programs = fakePipe(() => imageFiles);
  const directories: string[] = [];
  const log: string[] = [];
  const masked: string[] = [];
  const configs: { readonly host: string; removed: boolean }[] = [];
  const cancelled = new AbortController();
  const cancel = (): void => cancelled.abort(new ActionError('Cancelled', 'the run was cancelled'));
  let now = Date.UTC(2026, 0, 1);
  const clock: Clock = { now: () => now, sleep: async (ms) => void (now += ms) };
  const progress: Progress = {
    info: (line) => log.push(line),
    warn: (line) => log.push(`warning: ${line}`),
    follow: () => () => undefined,
    group: (title, body) => (log.push(title), body()),
  };
  const files: ContextFiles = {
    isReadableFile: async (path) => texts.has(path),
    makeDirectory: async (path) => void directories.push(path),
    read: async (path) => (texts.has(path) ? new TextEncoder().encode(texts.get(path)) : undefined),
    readInside: (directory, name) => files.read(join(directory, name)),
    pathInside: async (directory, file) => {
      const path = relative(directory, file);
      return path.startsWith('..') ? undefined : path;
    },
    sizeOf: async (path) => texts.get(path)?.length,
    digestTree: async (root, rules) => {
      ignored.push([root, rules.judge('ignored').ignored]);
      return { ...(trees.get(root) ?? tree) };
    },
  };
  const ports: ObservePorts & ApplyPorts = {
    registry,
    docker: dockerOf(docker),
    files,
    clock,
    manifests: { digest: async (name) => digests.get(name) },
    signal: cancelled.signal,
    mask: (secret) => masked.push(secret),
    openContent: () => ({
      read: async (_, digest) =>
        contents.get(digest) ?? known.get(digest) ?? Promise.reject(new Error('the registry answers 503')),
    }),
    pipe: programs.pipe,
    openDockerConfig: async (host): Promise<DockerConfig> => {
      const config = { host, removed: false };
      configs.push(config);
      return {
        directory: '/private',
        env: { DOCKER_CONFIG: '/private' },
        read: async () => docker.metadata,
        remove: async () => void (config.removed = true),
      };
    },
  };
  const run = async (values: Readonly<Record<string, string>> = {}) => {
    const inputs = parse(values);
    const observed = await observe({ inputs, builder: await probeBuilder(ports.docker) }, ports, progress);
    const plan = planBuild(inputs, observed);
    const work = { inputs, observed, plan };
    const result: Result | undefined = inputs.dryRun ? undefined : await apply(work, ports, progress);
    return { plan, result, ...report(work, result) };
  };
  const runArchive = async (values: Readonly<Record<string, string>> = {}) => {
    const inputs = parse({ mode: 'archive', archive: '/out/image.tar', ...values });
    const observed = await observeLocally({ inputs, builder: await probeBuilder(ports.docker) }, ports, progress);
    const work = { inputs, observed, archive: inputs.archiveTo ?? '' };
    requireArchivable(work);
    return reportArchive(work, inputs.dryRun ? undefined : await writeArchive(work, ports, progress));
  };
  return {
    registry,
    docker,
    texts,
    tree,
    trees,
    ignored,
    digests,
    contents,
    imageFiles,
    programs,
    log,
    masked,
    configs,
    ports,
    cancel,
    directories,
    run,
    runArchive,
  };
}

export const writes = (calls: readonly string[]) =>
  calls.filter((call) => !['repository', 'images', 'scan'].includes(call));
export const mine = { registry: 'localhost:5000' };
