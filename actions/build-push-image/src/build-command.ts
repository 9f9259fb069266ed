import { contextFlag } from './build-contexts.ts';
import { isOutsideDaemon, type Builder } from './builder.ts';
import { cacheTag, type Inputs } from './inputs.ts';
import type { BaseImage, NamedContext } from './source-hash.ts';

export interface BuildRequest {
  readonly inputs: Inputs;
  readonly builder: Builder;
  /** `<registry>/<repository>`. */
  readonly repository: string;
  readonly tag: string;
  readonly bases: readonly BaseImage[];
  readonly contexts: readonly NamedContext[];
  readonly syntax: BaseImage | undefined;
  /** Build every step anew: what is cached is what is too old. */
  readonly fresh: boolean;
  /** Take layers from the registry's cache, and leave them there; only where the image goes to the registry. */
  readonly cache: boolean;
  readonly output: Output;
}

export type Output =
  /** `metadataFile`: where buildx writes what it made. A docker without buildx only builds; the push is a command of its own. */
  | { readonly kind: 'push'; readonly metadataFile: string }
  /** Under the name in the daemon's image store. */
  | { readonly kind: 'daemon' }
  /** Only a builder outside the daemon writes archives itself. */
  | { readonly kind: 'archive'; readonly path: string };

export interface BuildCommand {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** docker would build for another platform than the one that was hashed. */
const ownPlatform = { DOCKER_DEFAULT_PLATFORM: '' };

/** The command line of `docker`, as data. Secret values are in the environment only, never among the arguments. */
export function buildCommand(request: BuildRequest): BuildCommand {
  const { inputs, builder } = request;
  const common = [
    '--file',
    inputs.file,
    '--tag',
    `${request.repository}:${request.tag}`,
    ...(inputs.target === undefined ? [] : ['--target', inputs.target]),
    ...[...inputs.buildArgs].flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...[...inputs.labels].flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    ...(request.fresh ? ['--no-cache'] : []),
  ];
  if (builder.kind === 'docker') {
    return { args: ['build', ...common, '--', inputs.context], env: { DOCKER_BUILDKIT: '0', ...ownPlatform } };
  }
  const secrets = secretFlags(inputs);
  return {
    args: [
      'buildx',
      'build',
      ...common,
      ...outputFlags(request.output),
      '--progress=plain',
      `--provenance=${inputs.provenance === 'false' ? 'false' : `mode=${inputs.provenance}`}`,
      `--sbom=${inputs.sbomGenerator === undefined ? inputs.sbom : `generator=${inputs.sbomGenerator}`}`,
      ...(request.output.kind === 'push' ? ['--metadata-file', request.output.metadataFile] : []),
      ...(inputs.platforms.length > 0 ? ['--platform', inputs.platforms.join(',')] : []),
      ...secrets.args,
      ...contextFlags(request),
      ...pins(request),
      ...(request.output.kind === 'push' && request.cache ? cacheFlags(`${request.repository}:${cacheTag}`) : []),
      '--',
      inputs.context,
    ],
    // The metadata file would otherwise hold build arguments, even with provenance off.
    env: {
      BUILDX_METADATA_PROVENANCE: 'disabled',
      BUILDX_NO_DEFAULT_ATTESTATIONS: '1',
      ...ownPlatform,
      ...secrets.env,
    },
  };
}

function outputFlags(output: Output): readonly string[] {
  switch (output.kind) {
    case 'push':
      return ['--push'];
    case 'daemon':
      return ['--load'];
    case 'archive':
      return ['--output', csv(['type=docker', `dest=${output.path}`])];
  }
}

function secretFlags(inputs: Inputs): BuildCommand {
  const args: string[] = [];
  const env: Record<string, string> = {};
  for (const [id, secret] of inputs.secrets) {
    const variable = `SLIPWAY_SECRET_${Object.keys(env).length}`;
    env[variable] = secret;
    args.push('--secret', `id=${id},env=${variable}`);
  }
  for (const [id, file] of inputs.secretFiles) args.push('--secret', csv([`id=${id}`, `src=${file}`]));
  return { args, env };
}

function contextFlags({ contexts }: BuildRequest): readonly string[] {
  return contexts.flatMap(({ name, is }) => {
    if (is.kind === 'directory') return ['--build-context', contextFlag(name, is)];
    const reference = pinned(is.image) ?? is.image.name;
    return ['--build-context', contextFlag(name, { kind: 'image', reference })];
  });
}

function pinned(image: BaseImage): string | undefined {
  return image.from === 'registry' && image.identity !== undefined && !image.name.includes('@')
    ? `${image.name.replace(/:[^:/]*$/, '')}@${image.identity}`
    : undefined;
}

/** What was hashed is what is built from: BuildKit takes the digest in the name's place. */
function pins({ bases, syntax, builder }: BuildRequest): readonly string[] {
  const flags: string[] = [];
  if (isOutsideDaemon(builder)) {
    for (const base of bases) {
      const digest = base.isStageToo === true ? undefined : pinned(base);
      if (digest !== undefined) flags.push('--build-context', `${base.name}=docker-image://${digest}`);
    }
  }
  const frontend = syntax === undefined ? undefined : pinned(syntax);
  if (frontend !== undefined) flags.push('--build-arg', `BUILDKIT_SYNTAX=${frontend}`);
  return flags;
}

/** `image-manifest` because ECR refuses the default form; `ignore-error` because a dead cache must not cost the image. */
function cacheFlags(ref: string): readonly string[] {
  return [
    '--cache-from',
    `type=registry,ref=${ref}`,
    '--cache-to',
    `type=registry,ref=${ref},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true`,
  ];
}

/** One record of comma-separated values, as these flags are read. */
function csv(fields: readonly string[]): string {
  return fields.map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}
