import { errorOf, type Answer } from './scripted-aws.ts';
import {
  invalid,
  Refusal,
  type Mutability,
  type Repository,
  type Store,
  type StoredImage,
} from './scripted-registry-store.ts';

/** One question about a scan. */
export interface ScanAsk {
  readonly operation: 'DescribeImageScanFindings' | 'StartImageScan';
  readonly repository: string;
  readonly digest: string;
  /** How often this image's findings were asked for before. */
  readonly poll: number;
  /** By a StartImageScan, or by the push to a repository that scans on push. */
  readonly started: boolean;
  readonly input: Readonly<Record<string, unknown>>;
}

export interface EcrHost {
  readonly store: Store;
  readonly region: string;
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: () => string;
  readonly issueToken: () => string;
  /** What a test says of scans; undefined: a scan that finds nothing. */
  readonly scan: (ask: ScanAsk) => Answer | undefined;
}

interface ImageId {
  readonly imageTag?: string;
  readonly imageDigest?: string;
}

export interface EcrInput {
  readonly registryId?: string;
  readonly repositoryName?: string;
  readonly repositoryNames?: readonly string[];
  readonly imageId?: ImageId;
  readonly imageIds?: readonly ImageId[];
  readonly acceptedMediaTypes?: readonly string[];
  readonly imageManifest?: string;
  readonly imageManifestMediaType?: string;
  readonly imageTag?: string;
  readonly imageDigest?: string;
  readonly imageTagMutability?: Mutability;
  readonly imageTagMutabilityExclusionFilters?: readonly { readonly filter: string }[];
  readonly imageScanningConfiguration?: { readonly scanOnPush?: boolean };
  readonly lifecyclePolicyText?: string;
  readonly layerDigest?: string;
  readonly filter?: { readonly tagStatus?: 'TAGGED' | 'UNTAGGED' | 'ANY' };
  readonly maxResults?: number;
  readonly nextToken?: string;
}

/** ECR's calls about the images of one repository. */
export class ImagesApi {
  readonly #host: EcrHost;
  readonly #polls = new Map<string, number>();
  readonly #scanned = new Set<string>();

  constructor(host: EcrHost) {
    this.#host = host;
  }

  answer(operation: string, repository: Repository, input: EcrInput): Answer {
    switch (operation) {
      case 'BatchGetImage':
        return this.#batchGet(repository, input);
      case 'DescribeImages':
        return this.#images(repository, input);
      case 'PutImage':
        return this.#put(repository, input);
      case 'DescribeImageScanFindings':
      case 'StartImageScan':
        return this.#scan(operation, repository, input);
      case 'GetDownloadUrlForLayer':
        return this.#download(repository, input.layerDigest ?? '');
      default:
        return errorOf('UnknownOperationException', { message: `not played here: ${operation}` });
    }
  }

  get #registryId(): string {
    return this.#host.store.accountId;
  }

  #find({ images, tags }: Repository, { imageTag, imageDigest }: ImageId): StoredImage | undefined {
    const named = imageTag === undefined ? imageDigest : tags.get(imageTag);
    if (imageDigest !== undefined && named !== imageDigest) return undefined;
    return images.get(named ?? '');
  }

  #batchGet(repository: Repository, { imageIds = [], acceptedMediaTypes = [] }: EcrInput): Answer {
    if (imageIds.length < 1 || imageIds.length > 100) throw invalid('imageIds: 1 to 100');
    const images: object[] = [];
    const failures: object[] = [];
    for (const imageId of imageIds) {
      const found = this.#find(repository, imageId);
      if (found !== undefined && repository.archived.has(found.digest)) {
        failures.push({ imageId, failureCode: 'ImageInaccessible', failureReason: 'The image is archived' });
      } else if (
        found === undefined ||
        (acceptedMediaTypes.length > 0 && !acceptedMediaTypes.includes(found.mediaType))
      ) {
        failures.push({ imageId, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' });
      } else images.push(this.#image(repository, found, imageId.imageTag));
    }
    return { images, failures };
  }

  #image({ name }: Repository, { digest, manifest, mediaType }: StoredImage, imageTag: string | undefined): object {
    return {
      registryId: this.#registryId,
      repositoryName: name,
      imageId: { imageDigest: digest, ...(imageTag === undefined ? {} : { imageTag }) },
      imageManifest: manifest.toString(),
      imageManifestMediaType: mediaType,
    };
  }

  #images(repository: Repository, { imageIds, filter, maxResults = 100, nextToken }: EcrInput): Answer {
    if (imageIds !== undefined) {
      const found = imageIds.map((imageId) => this.#find(repository, imageId) ?? this.#missing(repository, imageId));
      return { imageDetails: [...new Set(found)].map((image) => this.#detail(repository, image)) };
    }
    const tagged = new Set(repository.tags.values());
    const status = filter?.tagStatus ?? 'ANY';
    const all = [...repository.images.values()].filter(
      ({ digest }) =>
        !repository.archived.has(digest) && (status === 'ANY' || (status === 'TAGGED') === tagged.has(digest)),
    );
    const from = nextToken === undefined ? 0 : Number(nextToken);
    const page = all.slice(from, from + maxResults);
    return {
      imageDetails: page.map((image) => this.#detail(repository, image)),
      ...(from + maxResults < all.length && { nextToken: String(from + maxResults) }),
    };
  }

  #missing({ name }: Repository, { imageDigest = 'null', imageTag = 'null' }: ImageId): never {
    throw new Refusal(
      `The image with imageId {imageDigest:'${imageDigest}', imageTag:'${imageTag}'} does not exist within the repository with name '${name}' in the registry with id '${this.#registryId}'`,
      { ecr: 'ImageNotFoundException', v2: 'MANIFEST_UNKNOWN' },
    );
  }

  #detail(repository: Repository, { digest, manifest, mediaType, sizeBytes, pushedAt }: StoredImage): object {
    const tags = [...repository.tags].filter(([, named]) => named === digest).map(([tag]) => tag);
    const read = JSON.parse(manifest.toString()) as {
      config?: { mediaType?: string };
      manifests?: readonly { digest: string }[];
    };
    // An index is as large as the largest image that it lists.
    const sizes = (read.manifests ?? []).map((child) => repository.images.get(child.digest)?.sizeBytes ?? 0);
    return {
      registryId: this.#registryId,
      repositoryName: repository.name,
      imageDigest: digest,
      ...(tags.length > 0 && { imageTags: tags }),
      imageSizeInBytes: Math.max(sizeBytes, ...sizes),
      imagePushedAt: pushedAt / 1_000,
      imageManifestMediaType: mediaType,
      ...(read.config?.mediaType !== undefined && { artifactMediaType: read.config.mediaType }),
      imageStatus: repository.archived.has(digest) ? 'ARCHIVED' : 'ACTIVE',
    };
  }

  #put(repository: Repository, input: EcrInput): Answer {
    const image = this.#host.store.put(repository, {
      manifest: Buffer.from(input.imageManifest ?? ''),
      mediaType: input.imageManifestMediaType,
      tag: input.imageTag,
      digest: input.imageDigest,
      now: Date.now(),
    });
    if (image.unchanged) {
      throw new Refusal(
        `Image with digest '${image.digest}' and tag '${input.imageTag ?? 'null'}' already exists in the repository with name '${repository.name}' in registry with id '${this.#registryId}'`,
        { ecr: 'ImageAlreadyExistsException', v2: 'UNSUPPORTED' },
      );
    }
    return { image: this.#image(repository, image, input.imageTag) };
  }

  #scan(operation: ScanAsk['operation'], repository: Repository, input: EcrInput): Answer {
    const imageId = input.imageId ?? {};
    const { digest, pushedAt } = this.#find(repository, imageId) ?? this.#missing(repository, imageId);
    const key = `${repository.name}@${digest}`;
    if (operation === 'StartImageScan') this.#scanned.add(key);
    const started = this.#scanned.has(key) || repository.settings.scanOnPush;
    const poll = this.#polls.get(key) ?? 0;
    if (operation === 'DescribeImageScanFindings') this.#polls.set(key, poll + 1);
    const ask = { operation, repository: repository.name, digest, poll, started, input: { ...input } };
    const told = { registryId: this.#registryId, repositoryName: repository.name, imageId };
    const said = this.#host.scan(ask);
    if (said !== undefined) return '__type' in said ? said : { ...told, ...said };
    if (operation === 'StartImageScan') return { ...told, imageScanStatus: { status: 'IN_PROGRESS' } };
    if (!started) {
      throw new Refusal(
        `Image scan does not exist for the image with '{imageDigest:'${digest}', imageTag:'null'}' in the repository with name '${repository.name}' in the registry with id '${this.#registryId}'`,
        { ecr: 'ScanNotFoundException', v2: 'UNSUPPORTED' },
      );
    }
    return {
      ...told,
      imageScanStatus: { status: 'COMPLETE', description: 'The scan was completed successfully.' },
      // Without a time the findings might be missing yet.
      imageScanFindings: { findings: [], findingSeverityCounts: {}, imageScanCompletedAt: pushedAt / 1_000 },
    };
  }

  #download({ name, blobs }: Repository, layerDigest: string): Answer {
    if (!blobs.has(layerDigest)) {
      throw new Refusal(
        `The layer with digest '${layerDigest}' does not exist in the repository with name '${name}' in the registry with id '${this.#registryId}'`,
        { ecr: 'LayersNotFoundException', v2: 'BLOB_UNKNOWN' },
      );
    }
    return {
      downloadUrl: `${this.#host.endpoint()}/layers/${name}/${layerDigest}?X-Amz-Signature=scripted`,
      layerDigest,
    };
  }
}
