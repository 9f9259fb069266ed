import { fingerprint, sha256 } from '../../../shared/core/hash.ts';
import type { Builder } from './builder.ts';
import { sourceTagPrefix, type Inputs } from './inputs.ts';
import type { TreeDigest } from './tree-digest.ts';

/** An image the build starts from, and what exactly it is: a registry's digest, or an image id of the local daemon. */
export interface BaseImage {
  readonly name: string;
  /** `sha256:…`; undefined where neither the registry nor the daemon could tell. */
  readonly identity: string | undefined;
  readonly from: 'registry' | 'daemon' | undefined;
  /** A stage bears the same name: a named context that pins the image would take the stage's place. */
  readonly isStageToo?: boolean;
}

/** What a named context is now. */
export interface NamedContext {
  readonly name: string;
  readonly is:
    | { readonly kind: 'directory'; readonly path: string; readonly digest: TreeDigest }
    | { readonly kind: 'image'; readonly image: BaseImage };
}

export interface BuildSource {
  readonly dockerfile: Uint8Array;
  readonly contextSha256: string;
  readonly bases: readonly BaseImage[];
  readonly contexts: readonly NamedContext[];
  readonly syntax: BaseImage | undefined;
  /** `platform`: what is built for when `platforms` is empty. Of one Dockerfile the two kinds make two images: `TARGETARCH` is BuildKit's alone. */
  readonly builder: Pick<Builder, 'kind' | 'platform'>;
}

/** Raise it whenever equal hashes would no longer mean equal images. */
const version = 3;

/** These say which commit or run built an image, not what is in it; with them nothing would ever be reused. */
const volatileLabels = new Set(
  ['created', 'revision', 'version', 'ref.name'].map((name) => `org.opencontainers.image.${name}`),
);

/** One hash of everything that decides what is in the image; no times, no tags, no secret values. */
export function sourceHash(inputs: Inputs, source: BuildSource): string {
  const identities = (images: readonly BaseImage[]): Record<string, string> =>
    Object.fromEntries(images.map(({ name, identity }) => [name, identity ?? 'unknown']));
  return fingerprint({
    version,
    builder: source.builder.kind,
    dockerfile: sha256(source.dockerfile),
    context: source.contextSha256,
    bases: identities(source.bases),
    syntax: source.syntax === undefined ? {} : identities([source.syntax]),
    target: inputs.target,
    platforms: inputs.platforms.length > 0 ? inputs.platforms : [source.builder.platform],
    buildArgs: Object.fromEntries(decisiveArguments(inputs.buildArgs, source.dockerfile)),
    contexts: source.contexts.length === 0 ? undefined : contextIdentities(source.contexts),
    labels: Object.fromEntries([...inputs.labels].filter(([key]) => !volatileLabels.has(key))),
    secrets: [...inputs.secrets.keys(), ...inputs.secretFiles.keys()].sort(),
    provenance: inputs.provenance,
    sbom: inputs.sbom,
    sbomGenerator: inputs.sbomGenerator,
  });
}

function contextIdentities(contexts: readonly NamedContext[]): Record<string, string> {
  return Object.fromEntries(
    contexts.map(({ name, is }) => [
      name,
      is.kind === 'directory' ? `directory ${is.digest.sha256}` : `image ${is.image.identity ?? 'unknown'}`,
    ]),
  );
}

/**
 * Docker knows these without an ARG, and leaves them out of the image and its cache: two runners with different proxies build the same.
 * A Dockerfile that speaks of one may well put it in.
 */
const proxyArguments = new Set(['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy']);

function decisiveArguments(buildArgs: Inputs['buildArgs'], dockerfile: Uint8Array): readonly [string, string][] {
  const text = new TextDecoder().decode(dockerfile).toLowerCase();
  return [...buildArgs].filter(([name]) => {
    const lower = name.toLowerCase();
    return !proxyArguments.has(lower) || text.includes(lower);
  });
}

/** So many builds of one source are kept apart by tags that can be looked up, with the wanted ones, in one call. */
const generations = 40;

/** The tags that images of this source are pushed under: an immutable tag cannot name a forced rebuild as well. */
export function sourceTags(hash: string): readonly string[] {
  return Array.from({ length: generations }, (_, index) =>
    index === 0 ? `${sourceTagPrefix}${hash}` : `${sourceTagPrefix}${hash}-${index + 1}`,
  );
}
