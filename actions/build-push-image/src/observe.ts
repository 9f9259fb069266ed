import type { ImageRegistry, RegistryImage, Repository } from '../../../shared/aws/ecr.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import { humanBytes, type Clock } from '../../../shared/core/clock.ts';
import { parseImageRef } from '../../../shared/core/image-ref.ts';
import { location, type ManifestRegistry } from './base-images.ts';
import { describeBuilder, isOutsideDaemon, type Builder } from './builder.ts';
import type { ContextFiles } from './context-files.ts';
import { inspectImage, probeBuilder, type LocalImage, type RunDocker } from './docker.ts';
import { externalImages } from './dockerfile.ts';
import { ignoreRules } from './dockerignore.ts';
import type { Inputs } from './inputs.ts';
import { sourceHash, sourceTags, type BaseImage } from './source-hash.ts';
import type { TreeDigest } from './tree-digest.ts';

/** What is looked at on the runner, and in the registries of base images. */
export interface LocalPorts {
  readonly manifests: ManifestRegistry;
  readonly docker: RunDocker;
  readonly files: ContextFiles;
}

export interface ObservePorts extends LocalPorts {
  readonly registry: ImageRegistry;
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

export interface LocallyObserved {
  readonly builder: Builder;
  readonly source: Source;
}

export interface Observed extends LocallyObserved {
  readonly repository: Repository | undefined;
  /** What the wanted tags and the source's own tags name now. */
  readonly images: ReadonlyMap<string, RegistryImage>;
  /** Is there an archive to push from? */
  readonly hasArchive: boolean;
  readonly now: number;
}

/** The builder first: a daemon that is missing is told before AWS is asked anything. */
export async function observe(inputs: Inputs, ports: ObservePorts, progress: Progress): Promise<Observed> {
  const builder = await observeBuilder(ports, progress);
  const [source, repository, hasArchive] = await Promise.all([
    observeSource(inputs, builder, ports),
    ports.registry.repository(inputs.repository),
    inputs.archiveFrom === undefined ? false : ports.files.isReadableFile(inputs.archiveFrom),
  ]);
  progress.info(describeSource(source));
  const images =
    repository === undefined
      ? new Map<string, RegistryImage>()
      : await ports.registry.images(inputs.repository, [...sourceTags(source.hash), ...inputs.tags]);
  return { builder, source, repository, images, hasArchive, now: ports.clock.now() };
}

/** All that can be known without AWS. */
export async function observeLocally(inputs: Inputs, ports: LocalPorts, progress: Progress): Promise<LocallyObserved> {
  const builder = await observeBuilder(ports, progress);
  const source = await observeSource(inputs, builder, ports);
  progress.info(describeSource(source));
  return { builder, source };
}

async function observeBuilder({ docker }: LocalPorts, progress: Progress): Promise<Builder> {
  const builder = await probeBuilder(docker);
  progress.info(`Builder: ${describeBuilder(builder)}`);
  return builder;
}

function describeSource({ hash, context, bases }: Source): string {
  return (
    `Source ${hash.slice(0, 12)}: ${context.files} files, ${humanBytes(context.bytes)}` +
    bases.map(({ name, identity }) => `, from ${name} (${identity?.slice(0, 19) ?? 'not identified'})`).join('')
  );
}

async function observeSource(inputs: Inputs, builder: Builder, ports: LocalPorts): Promise<Source> {
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
  readonly ports: LocalPorts;
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
