import { sha256 } from '../../shared/core/hash.ts';

export type Mutability = 'MUTABLE' | 'IMMUTABLE' | 'MUTABLE_WITH_EXCLUSION' | 'IMMUTABLE_WITH_EXCLUSION';

export interface RepositorySettings {
  readonly mutability?: Mutability;
  /** Wildcards of the tags for which the mutability is turned around. */
  readonly exclusions?: readonly string[];
  readonly scanOnPush?: boolean;
}

export interface StoredImage {
  readonly digest: string;
  readonly manifest: Buffer;
  readonly mediaType: string;
  /** Of the content, as far as this image itself has any. */
  readonly sizeBytes: number;
  readonly pushedAt: number;
}

/** One repository as ECR keeps it: manifests by digest, tags that name them, and the layers that were pushed to it. */
export interface Repository {
  readonly name: string;
  readonly settings: Required<RepositorySettings>;
  readonly createdAt: number;
  readonly images: Map<string, StoredImage>;
  readonly tags: Map<string, string>;
  /** Digests of images in the archive: listed and described when asked for, and read by nobody until they are pushed again. */
  readonly archived: Set<string>;
  /** Sizes by digest; the bytes are on disk, once for all repositories. */
  readonly blobs: Map<string, number>;
  lifecyclePolicy: string | undefined;
}

/** What ECR refuses, in the words of both its protocols. */
export class Refusal extends Error {
  readonly ecr: string;
  readonly v2: string;
  readonly status: number;
  constructor(message: string, { ecr, v2, status = 400 }: { ecr: string; v2: string; status?: number }) {
    super(message);
    this.ecr = ecr;
    this.v2 = v2;
    this.status = status;
  }
}

export interface PutRequest {
  readonly manifest: Buffer;
  readonly mediaType: string | undefined;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  readonly now: number;
}

export class Store {
  readonly accountId: string;
  readonly #repositories = new Map<string, Repository>();

  constructor(accountId: string) {
    this.accountId = accountId;
  }

  create(name: string, settings: RepositorySettings, now: number): Repository {
    if (this.#repositories.has(name)) {
      throw new Refusal(
        `The repository with name '${name}' already exists in the registry with id '${this.accountId}'`,
        {
          ecr: 'RepositoryAlreadyExistsException',
          v2: 'NAME_INVALID',
        },
      );
    }
    const repository: Repository = {
      name,
      settings: { mutability: 'MUTABLE', exclusions: [], scanOnPush: false, ...settings },
      createdAt: now,
      images: new Map(),
      tags: new Map(),
      archived: new Set(),
      blobs: new Map(),
      lifecyclePolicy: undefined,
    };
    this.#repositories.set(name, repository);
    return repository;
  }

  get(name: string): Repository {
    const found = this.#repositories.get(name);
    if (found !== undefined) return found;
    throw new Refusal(`The repository with name '${name}' does not exist in the registry with id '${this.accountId}'`, {
      ecr: 'RepositoryNotFoundException',
      v2: 'NAME_UNKNOWN',
      status: 404,
    });
  }

  has(name: string): boolean {
    return this.#repositories.has(name);
  }

  all(): readonly Repository[] {
    return [...this.#repositories.values()];
  }

  remove(name: string): void {
    this.#repositories.delete(name);
  }

  /** As it is now, unmoved by what comes after. */
  snapshot(): readonly Repository[] {
    return this.all().map(copy);
  }

  restore(repositories: readonly Repository[]): void {
    this.#repositories.clear();
    for (const repository of repositories) this.#repositories.set(repository.name, copy(repository));
  }

  /** The rules of a push, by whichever protocol. `unchanged`: this tag named these very bytes already. */
  put(
    repository: Repository,
    { manifest, mediaType, tag, digest, now }: PutRequest,
  ): StoredImage & { unchanged: boolean } {
    const { layers, children, own } = references(manifest);
    const type = own ?? mediaType;
    if (type === undefined || (mediaType !== undefined && mediaType !== type)) {
      throw invalid(`Invalid parameter at 'imageManifestMediaType': it must be given, and be that of the manifest`);
    }
    const actual = `sha256:${sha256(manifest)}`;
    if (digest !== undefined && digest !== actual) {
      throw new Refusal(
        `The image digest '${digest}' does not match the digest '${actual}' that was calculated by ECR`,
        {
          ecr: 'ImageDigestDoesNotMatchException',
          v2: 'DIGEST_INVALID',
        },
      );
    }
    const known = repository.images.get(actual);
    this.#require(
      repository,
      { ecr: 'LayersNotFoundException', what: 'Layers' },
      layers.filter((layer) => !repository.blobs.has(layer)),
    );
    this.#require(
      repository,
      { ecr: 'ReferencedImagesNotFoundException', what: 'Images' },
      children.filter((child) => !repository.images.has(child)),
    );
    const named = tag === undefined ? undefined : repository.tags.get(tag);
    // Also for the very image that it names: https://github.com/aws/containers-roadmap/issues/2179
    if (tag !== undefined && named !== undefined && isImmutable(repository.settings, tag)) {
      throw new Refusal(
        `The image tag '${tag}' already exists in the '${repository.name}' repository and cannot be overwritten because the tag is immutable.`,
        { ecr: 'ImageTagAlreadyExistsException', v2: 'TAG_INVALID' },
      );
    }
    const image = known ?? {
      digest: actual,
      manifest,
      mediaType: type,
      sizeBytes: layers.reduce((sum, layer) => sum + (repository.blobs.get(layer) ?? 0), 0),
      pushedAt: now,
    };
    repository.images.set(actual, image);
    repository.archived.delete(actual);
    if (tag !== undefined) repository.tags.set(tag, actual);
    return { ...image, unchanged: known !== undefined && (tag === undefined || named === actual) };
  }

  #require({ name }: Repository, { ecr, what }: { ecr: string; what: string }, missing: readonly string[]): void {
    if (missing.length === 0) return;
    throw new Refusal(
      `${what} with digests '[${missing.join(', ')}]' required for pushing image into repository with name '${name}' in the registry with id '${this.accountId}' do not exist`,
      { ecr, v2: 'MANIFEST_BLOB_UNKNOWN' },
    );
  }
}

export function invalid(message: string): Refusal {
  return new Refusal(message, { ecr: 'InvalidParameterException', v2: 'MANIFEST_INVALID' });
}

/** ECR's filters know one wildcard, `*`. */
function isImmutable({ mutability, exclusions }: Required<RepositorySettings>, tag: string): boolean {
  const excluded =
    mutability.endsWith('_WITH_EXCLUSION') &&
    exclusions.some((filter) => new RegExp(`^${filter.split('*').map(quote).join('.*')}$`).test(tag));
  return mutability.startsWith('IMMUTABLE') !== excluded;
}

/** What a manifest is made of, and the type that it gives itself. */
function references(manifest: Buffer): { layers: string[]; children: string[]; own: string | undefined } {
  interface Descriptor {
    readonly digest: string;
    readonly urls?: readonly string[];
  }
  interface Manifest {
    readonly mediaType?: string;
    readonly config?: Descriptor;
    readonly layers?: readonly Descriptor[];
    readonly manifests?: readonly Descriptor[];
  }
  let read: Manifest;
  try {
    read = JSON.parse(manifest.toString()) as Manifest;
  } catch {
    throw invalid(`Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'`);
  }
  const { config, layers = [], manifests = [], mediaType } = read;
  const content = [...(config === undefined ? [] : [config]), ...layers.filter(({ urls }) => urls === undefined)];
  const digests = (list: readonly Descriptor[]): string[] => [...new Set(list.map(({ digest }) => digest))];
  return { layers: digests(content), children: digests(manifests), own: mediaType };
}

function copy(repository: Repository): Repository {
  return {
    ...repository,
    images: new Map(repository.images),
    tags: new Map(repository.tags),
    archived: new Set(repository.archived),
    blobs: new Map(repository.blobs),
  };
}

function quote(text: string): string {
  return text.replace(/[.\\+?^$()[\]{}|]/g, String.raw`\$&`);
}
