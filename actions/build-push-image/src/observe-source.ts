import { humanBytes } from '../../../shared/core/clock.ts';
import { parseImageRef } from '../../../shared/core/image-ref.ts';
import { location } from './base-images.ts';
import { contextName, emptyImage } from './build-contexts.ts';
import { isOutsideDaemon, type Builder } from './builder.ts';
import type { ContextFiles } from './context-files.ts';
import { contextRules, directoryRules } from './context-rules.ts';
import { inspectImage, type LocalImage } from './docker.ts';
import { externalImages } from './dockerfile.ts';
import { isKept, type IgnoreRules } from './dockerignore.ts';
import type { Inputs } from './inputs.ts';
import type { LocalPorts } from './observe.ts';
import { sourceHash, type BaseImage, type NamedContext } from './source-hash.ts';
import type { TreeDigest } from './tree-digest.ts';

/** What is built from. */
export interface Source {
  readonly hash: string;
  /** The Dockerfile's text. */
  readonly dockerfile: string;
  readonly context: TreeDigest;
  readonly bases: readonly BaseImage[];
  readonly syntax: BaseImage | undefined;
  readonly contexts: readonly NamedContext[];
  /** What is fetched while building, and not hashed. */
  readonly fetched: readonly string[];
  /** Secret files that are part of a context, as `<id>=<path> in <directory>`: COPY could put them into the image. */
  readonly exposed: readonly string[];
  /** Images that could not be identified: the same hash may mean another image then. */
  readonly unknown: readonly string[];
}

/** What was found, for the log. */
export function describeSource({ hash, context, bases, contexts, fetched }: Source): readonly string[] {
  return [
    `Source ${hash.slice(0, 12)}: ${describeTree(context)}` +
      bases.map((base) => `, from ${describeImage(base)}`).join('') +
      contexts.map(({ name, is }) => `, ${name}: ${describeContext(is)}`).join(''),
    ...fetched.map((place) => `ADD fetches ${place} only when something is built: it is no part of the source`),
  ];
}

function describeTree({ files, bytes }: TreeDigest): string {
  return `${files} files, ${humanBytes(bytes)}`;
}

function describeImage({ name, identity }: BaseImage): string {
  return `${name} (${identity?.slice(0, 19) ?? 'not identified'})`;
}

function describeContext(is: NamedContext['is']): string {
  return is.kind === 'directory' ? `${is.path} (${describeTree(is.digest)})` : describeImage(is.image);
}

export async function observeSource(inputs: Inputs, builder: Builder, ports: LocalPorts): Promise<Source> {
  const { files } = ports;
  const dockerfile = (await files.read(inputs.file)) ?? new Uint8Array();
  const identify = identifier(builder, ports);
  const rules = await contextRules(inputs, builder, files);
  const exposed = await exposedSecrets(inputs, rules, files);
  const [context, images, contexts] = await Promise.all([
    files.digestTree(inputs.context, rules),
    observeImages(dockerfile, { inputs, builder, identify }),
    observeContexts(inputs, files, identify),
  ]);
  const { bases, syntax, fetched } = images;
  const hash = sourceHash(inputs, {
    dockerfile,
    contextSha256: context.sha256,
    bases,
    contexts,
    syntax,
    builder,
  });
  const unknown = contexts.flatMap(({ is }) =>
    is.kind === 'image' && is.image.identity === undefined ? [is.image.name] : [],
  );
  return {
    hash,
    dockerfile: new TextDecoder().decode(dockerfile),
    context,
    contexts,
    bases,
    syntax,
    fetched,
    exposed,
    unknown: [...images.unknown, ...unknown],
  };
}

/** Of the context, whose rules are given, and of the named ones. */
async function exposedSecrets(
  { context, buildContexts, secretFiles }: Inputs,
  rules: IgnoreRules,
  files: ContextFiles,
): Promise<readonly string[]> {
  if (secretFiles.size === 0) return [];
  const sent = [{ directory: context, rules }];
  for (const named of buildContexts.values()) {
    if (named.kind === 'directory')
      sent.push({ directory: named.path, rules: await directoryRules(named.path, files) });
  }
  const exposed: string[] = [];
  for (const { directory, rules: its } of sent) {
    for (const [id, file] of secretFiles) {
      const path = await files.pathInside(directory, file);
      if (path !== undefined && isKept(path, its.judge)) exposed.push(`${id}=${file} in ${directory}`);
    }
  }
  return exposed;
}

/** One directory after the other: each keeps all threads busy. */
async function observeContexts(
  inputs: Inputs,
  files: ContextFiles,
  identify: Identify,
): Promise<readonly NamedContext[]> {
  const found: NamedContext[] = [];
  for (const [name, context] of inputs.buildContexts) {
    if (context.kind === 'image') found.push({ name, is: { kind: 'image', image: await identify(context.reference) } });
    else {
      const digest = await files.digestTree(context.path, await directoryRules(context.path, files));
      found.push({ name, is: { kind: 'directory', path: context.path, digest } });
    }
  }
  return found;
}

/** What an image's name stands for now. */
type Identify = (name: string) => Promise<BaseImage>;

function identifier(builder: Builder, { manifests, docker }: LocalPorts): Identify {
  return async (name) => {
    if (name === emptyImage) return { name, identity: emptyImage, from: undefined };
    const digest = await manifests.digest(name);
    if (digest !== undefined) return { name, identity: digest, from: 'registry' };
    const local = isOutsideDaemon(builder) ? undefined : await inspectImage(docker, name);
    if (local !== undefined) return { name, identity: localIdentity(name, local), from: 'daemon' };
    return { name, identity: undefined, from: undefined };
  };
}

interface ImagesQuestion {
  readonly inputs: Inputs;
  readonly builder: Builder;
  readonly identify: Identify;
}

async function observeImages(
  dockerfile: Uint8Array,
  { inputs, builder, identify }: ImagesQuestion,
): Promise<Pick<Source, 'bases' | 'syntax' | 'unknown' | 'fetched'>> {
  const { buildArgs, buildContexts, target, platforms } = inputs;
  const external = externalImages(new TextDecoder().decode(dockerfile), {
    buildArgs,
    contexts: new Set(buildContexts.keys()),
    target,
    platforms,
    nativePlatform: builder.platform,
  });
  const frontend = builder.kind === 'buildx' ? external.syntax : undefined;
  const [bases, syntax] = await Promise.all([
    Promise.all(
      external.images.map(async (name) => {
        const isStageToo = external.stages.has(contextName(name) ?? '');
        return { ...(await identify(name)), ...(isStageToo ? { isStageToo } : {}) };
      }),
    ),
    frontend === undefined ? undefined : identify(frontend),
  ]);
  const nameless = [...bases, ...(syntax === undefined ? [] : [syntax])].filter(
    ({ identity }) => identity === undefined,
  );
  const unknown = [...external.unknown, ...nameless.map(({ name }) => name)];
  return { bases, syntax, unknown, fetched: external.fetched };
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
