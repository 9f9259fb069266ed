import type { ImageRegistry, RegistryImage, Repository } from '../../../shared/aws/ecr.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import { humanBytes, type Clock } from '../../../shared/core/clock.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import { parseImageRef } from '../../../shared/core/image-ref.ts';
import { location, type ManifestRegistry } from './base-images.ts';
import { describeBuilder, isOutsideDaemon, type Builder } from './builder.ts';
import type { ContextFiles, TreeDigest } from './context-files.ts';
import { inspectImage, probeBuilder, type LocalImage, type RunDocker } from './docker.ts';
import { externalImages } from './dockerfile.ts';
import { ignoreRules } from './dockerignore.ts';
import type { Inputs } from './inputs.ts';
import { sourceHash, sourceTags, type BaseImage } from './source-hash.ts';

export interface ObservePorts {
  readonly registry: ImageRegistry;
  readonly manifests: ManifestRegistry;
  readonly docker: RunDocker;
  readonly files: ContextFiles;
  readonly clock: Clock;
}

/** What is built from. */
export interface Source {
  readonly hash: string;
  readonly context: TreeDigest;
  readonly bases: readonly BaseImage[];
  readonly syntax: BaseImage | undefined;
  /** Images that could not be identified: the same hash may mean another image then. */
  readonly unknown: readonly string[];
}

export interface Observed {
  readonly builder: Builder;
  readonly source: Source;
  readonly repository: Repository | undefined;
  /** What the wanted tags and the source's own tags name now. */
  readonly images: ReadonlyMap<string, RegistryImage>;
  readonly now: number;
}

/** Local things first: a missing Dockerfile or daemon is told before AWS is asked anything. */
export async function observe(inputs: Inputs, ports: ObservePorts, progress: Progress): Promise<Observed> {
  await requireFiles(inputs, ports.files);
  const builder = await probeBuilder(ports.docker);
  progress.info(`Builder: ${describeBuilder(builder)}`);
  const [source, repository] = await Promise.all([
    observeSource(inputs, builder, ports),
    ports.registry.repository(inputs.repository),
  ]);
  progress.info(
    `Source ${source.hash.slice(0, 12)}: ${source.context.files} files, ${humanBytes(source.context.bytes)}` +
      source.bases
        .map(({ name, identity }) => `, from ${name} (${identity?.slice(0, 19) ?? 'not identified'})`)
        .join(''),
  );
  const images =
    repository === undefined
      ? new Map<string, RegistryImage>()
      : await ports.registry.images(inputs.repository, [...sourceTags(source.hash), ...inputs.tags]);
  return { builder, source, repository, images, now: ports.clock.now() };
}

async function requireFiles(inputs: Inputs, files: ContextFiles): Promise<void> {
  const { context, file } = inputs;
  if ((await files.kind(context)) !== 'directory') {
    throw new PreconditionError(
      'ContextMissing',
      `The build context ${JSON.stringify(context)} is no directory here.`,
      {
        hint: 'Is the repository checked out (actions/checkout), and is "context" relative to its root?',
      },
    );
  }
  if ((await files.kind(file)) !== 'file') {
    throw new PreconditionError('DockerfileMissing', `There is no Dockerfile ${JSON.stringify(file)}.`, {
      hint: '"file" is relative to the repository’s root, not to "context".',
    });
  }
  for (const [id, path] of inputs.secretFiles) {
    const size = await files.sizeOf(path);
    // docker itself would build on with an empty secret, and say nothing.
    if (size === undefined || size === 0) {
      throw new PreconditionError(
        'SecretFileEmpty',
        `The file ${JSON.stringify(path)} of build secret ${JSON.stringify(id)} ${size === 0 ? 'is empty' : 'does not exist'}.`,
      );
    }
  }
}

async function observeSource(inputs: Inputs, builder: Builder, ports: ObservePorts): Promise<Source> {
  const { files } = ports;
  const dockerfile = (await files.read(inputs.file)) ?? new Uint8Array();
  const [context, images] = await Promise.all([
    digestContext(inputs, builder, files),
    observeImages(dockerfile, { inputs, builder, ports }),
  ]);
  const { bases, syntax } = images;
  const hash = sourceHash(inputs, {
    dockerfile,
    contextSha256: context.sha256,
    bases,
    syntax,
    nativePlatform: builder.platform,
  });
  return { hash, context, ...images };
}

async function digestContext(inputs: Inputs, builder: Builder, files: ContextFiles): Promise<TreeDigest> {
  // Only BuildKit knows an ignore file of the Dockerfile's own.
  const own = builder.kind === 'buildx' ? await files.read(`${inputs.file}.dockerignore`) : undefined;
  const rules = own ?? (await files.read(`${inputs.context}/.dockerignore`));
  return files.digestTree(inputs.context, ignoreRules(new TextDecoder().decode(rules)));
}

interface ImagesQuestion {
  readonly inputs: Inputs;
  readonly builder: Builder;
  readonly ports: ObservePorts;
}

async function observeImages(
  dockerfile: Uint8Array,
  { inputs, builder, ports }: ImagesQuestion,
): Promise<Pick<Source, 'bases' | 'syntax' | 'unknown'>> {
  const external = externalImages(new TextDecoder().decode(dockerfile), inputs.buildArgs);
  const identify = async (name: string): Promise<BaseImage> => {
    const digest = await ports.manifests.digest(name);
    if (digest !== undefined) return { name, identity: digest, from: 'registry' };
    const local = isOutsideDaemon(builder) ? undefined : await inspectImage(ports.docker, name);
    if (local !== undefined) return { name, identity: localIdentity(name, local), from: 'daemon' };
    return { name, identity: undefined, from: undefined };
  };
  const frontend = builder.kind === 'buildx' ? external.syntax : undefined;
  const [bases, syntax] = await Promise.all([
    Promise.all(external.images.map(identify)),
    frontend === undefined ? undefined : identify(frontend),
  ]);
  const nameless = [...bases, ...(syntax === undefined ? [] : [syntax])].filter(
    ({ identity }) => identity === undefined,
  );
  return { bases, syntax, unknown: [...external.unknown, ...nameless.map(({ name }) => name)] };
}

/** The digest it was pulled by, which is what the registry would have answered; else the id of an image made here. */
function localIdentity(name: string, { id, repoDigests }: LocalImage): string {
  const wanted = parseImageRef(name);
  if (wanted === undefined) return id;
  const { host, repository } = location(wanted);
  for (const entry of repoDigests) {
    const ref = parseImageRef(entry);
    if (ref?.digest === undefined) continue;
    const from = location(ref);
    if (from.host === host && from.repository === repository) return ref.digest;
  }
  return id;
}
