import { createHash } from 'node:crypto';
import {
  BatchGetImageCommand,
  CreateRepositoryCommand,
  DescribeImagesCommand,
  DescribePullThroughCacheRulesCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  GetLifecyclePolicyCommand,
  PutImageCommand,
  PutLifecyclePolicyCommand,
  type Image,
  type ImageDetail,
  type Repository as SdkRepository,
} from '@aws-sdk/client-ecr';
import { AwsError, isAwsError } from '../core/errors.ts';
import { indexedImages } from '../core/image-index.ts';
import { readScan, startScan, type AskedImage, type ImageScan, type ScanStart } from './ecr-scans.ts';
import { connect, type SdkConfig } from './sdk-config.ts';

export type { ImageScan, ScanFinding, ScanStart } from './ecr-scans.ts';

/** May a tag that names an image be moved to another one? `exclusions` are the wildcards that turn `mutable` around. */
export interface TagMutability {
  readonly mutable: boolean;
  readonly exclusions: readonly string[];
}

export interface Repository {
  readonly name: string;
  /** The account that owns it. */
  readonly registryId: string;
  /** `<host>/<name>`, as Amazon names it. */
  readonly uri: string;
  readonly tags: TagMutability;
  readonly scanOnPush: boolean;
}

/** What a registry tells of an image without its manifest. */
export interface ListedImage {
  readonly digest: string;
  /** All tags that name it, not only the ones that were asked for. */
  readonly tags: readonly string[];
  /** When it was pushed first, in milliseconds since the epoch. */
  readonly pushedAt: number | undefined;
  readonly sizeBytes: number | undefined;
}

/** An image with its manifest, byte for byte as the registry keeps it. */
export interface RegistryImage extends ListedImage {
  readonly manifest: string;
  readonly mediaType: string;
  /** The account whose registry it is in. */
  readonly registryId: string;
}

/** What tags name; a tag that is in neither names nothing. */
export interface TaggedImages {
  readonly images: ReadonlyMap<string, RegistryImage>;
  /**
   * These name images in ECR's archive, which nobody can read or pull until they are restored; a push of the same manifest does that too:
   * https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive-image.html
   */
  readonly archived: ReadonlySet<string>;
}

export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
  /** What `Authorization: Basic` takes; as secret as the password. */
  readonly basic: string;
}

export interface ImageId {
  readonly repository: string;
  readonly digest: string;
}

/** What `build-push-image` does in Amazon ECR. */
export interface ImageRegistry {
  /** A token for docker, good for 12 hours. */
  login(): Promise<RegistryLogin>;
  repository(name: string): Promise<Repository | undefined>;
  /** Scan on push and immutable tags but for `movingTags`; one that exists already (`isNew`: false) is returned as it is. */
  createRepository(
    name: string,
    movingTags: readonly string[],
  ): Promise<{ readonly repository: Repository; readonly isNew: boolean }>;
  /** Keeps the newest `keep` images whose tags match the wildcard, and untagged ones for a week. */
  keepNewest(repository: string, matching: string, keep: number): Promise<void>;
  /** The text of the repository's lifecycle policy, undefined when it has none. */
  lifecyclePolicy(repository: string): Promise<string | undefined>;
  /** All images of the repository, in no order; undefined where there are more than `limit`. */
  allImages(repository: string, limit: number): Promise<readonly ListedImage[] | undefined>;
  /** What these tags (at most 100) name. Undefined: there is no such repository. */
  images(repository: string, tags: readonly string[]): Promise<TaggedImages | undefined>;
  /** The manifests of these digests, which an index lists; what the registry does not have is left out. */
  manifests(repository: string, digests: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Lets a tag name a manifest the registry has. False when it did already. */
  tag(repository: string, tag: string, image: RegistryImage): Promise<boolean>;
  /** Undefined where no scan was ever begun. */
  scan(image: ImageId): Promise<ImageScan | undefined>;
  startScan(image: ImageId): Promise<ScanStart>;
}

/** Where an image is to be found; the registry may be of another account or region. */
export interface ImageLocation {
  readonly account: string;
  readonly region: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

export type ImageLookup =
  | {
      readonly kind: 'found';
      readonly digest: string;
      /** `linux/amd64` …, as an index tells it; empty for an image of one platform, whose manifest does not. */
      readonly platforms: readonly string[];
    }
  | { readonly kind: 'no-repository' }
  | { readonly kind: 'no-image' }
  /** Not here, and a pull-through cache rule will fetch it. */
  | { readonly kind: 'pulled-through' };

export interface ImageFinder {
  /** Never `pulled-through`: who may look may not be who may fetch. */
  find(image: ImageLocation): Promise<ImageLookup>;
  /** The first parts of the repositories that pull-through cache rules fill; `ROOT` stands for all. */
  cachePrefixes(registry: Pick<ImageLocation, 'account' | 'region'>): Promise<readonly string[]>;
}

/** Every kind an image can be pushed as; without the list ECR converts or leaves out indexes. */
const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html */
const idLimit = 100;

/** `registryId` is the account whose registry is meant; without one the caller's own. */
export function imageRegistry(config: SdkConfig, registryId?: string): ImageRegistry {
  const client = connect(ECRClient, config);
  const registry = registryId === undefined ? {} : { registryId };

  const askedImage = ({ repository, digest }: ImageId): AskedImage => ({
    ...registry,
    repositoryName: repository,
    imageId: { imageDigest: digest },
  });

  const describe = async (name: string): Promise<Repository | undefined> => {
    try {
      const { repositories } = await client.send(
        new DescribeRepositoriesCommand({ ...registry, repositoryNames: [name] }),
      );
      const [found] = repositories ?? [];
      return found === undefined ? undefined : toRepository(found);
    } catch (error) {
      if (isAwsError(error, 'RepositoryNotFoundException')) return undefined;
      throw error;
    }
  };

  const imagesOf = async (repository: string, tags: readonly string[]): Promise<TaggedImages> => {
    const asked = { ...registry, repositoryName: repository };
    const answer = await client.send(
      new BatchGetImageCommand({
        ...asked,
        imageIds: tags.map((imageTag) => ({ imageTag })),
        acceptedMediaTypes: manifestTypes,
      }),
    );
    const missing = new Set<string>();
    const archived = new Set<string>();
    for (const { failureCode, failureReason, imageId } of answer.failures ?? []) {
      if (failureCode !== 'ImageNotFound' && failureCode !== 'ImageInaccessible')
        throw broken('BatchGetImage', failureCode ?? 'Unknown', failureReason ?? 'no reason given');
      (failureCode === 'ImageNotFound' ? missing : archived).add(imageId?.imageTag ?? '');
    }
    const found = tags.filter((tag) => !missing.has(tag) && !archived.has(tag));
    if (found.length === 0) return { images: new Map(), archived };
    // An image of several tags may be returned under any of them; only this call tells which tag names which digest.
    const { imageDetails } = await client.send(
      new DescribeImagesCommand({ ...asked, imageIds: found.map((imageTag) => ({ imageTag })) }),
    );
    return { images: byTag(found, imageDetails ?? [], answer.images ?? []), archived };
  };

  return {
    async login() {
      const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}));
      const basic = authorizationData?.[0]?.authorizationToken ?? '';
      const text = Buffer.from(basic, 'base64').toString();
      const colon = text.indexOf(':');
      if (colon < 1)
        throw broken('GetAuthorizationToken', 'UnreadableToken', 'the answer holds no user name and password');
      return { username: text.slice(0, colon), password: text.slice(colon + 1), basic };
    },

    repository: describe,

    async createRepository(name, movingTags) {
      try {
        const { repository } = await client.send(
          new CreateRepositoryCommand({
            ...registry,
            repositoryName: name,
            imageScanningConfiguration: { scanOnPush: true },
            imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
            imageTagMutabilityExclusionFilters: movingTags.map((filter) => ({ filterType: 'WILDCARD', filter })),
          }),
        );
        return { repository: toRepository(repository ?? {}), isNew: true };
      } catch (error) {
        if (!isAwsError(error, 'RepositoryAlreadyExistsException')) throw error;
        const found = await describe(name);
        if (found === undefined) throw error;
        // A retry of a call whose answer was lost ends here too.
        return { repository: found, isNew: error.attempts > 1 };
      }
    },

    async keepNewest(repository, matching, keep) {
      await client.send(
        new PutLifecyclePolicyCommand({
          ...registry,
          repositoryName: repository,
          lifecyclePolicyText: JSON.stringify(lifecycleOf(matching, keep)),
        }),
      );
    },

    async lifecyclePolicy(repository) {
      try {
        const { lifecyclePolicyText } = await client.send(
          new GetLifecyclePolicyCommand({ ...registry, repositoryName: repository }),
        );
        return lifecyclePolicyText;
      } catch (error) {
        if (isAwsError(error, 'LifecyclePolicyNotFoundException')) return undefined;
        throw error;
      }
    },

    async allImages(repository, limit) {
      const listed: ListedImage[] = [];
      for (let token: string | undefined; ;) {
        const { imageDetails = [], nextToken } = await client.send(
          new DescribeImagesCommand({
            ...registry,
            repositoryName: repository,
            maxResults: Math.min(limit, 1000),
            ...(token === undefined ? {} : { nextToken: token }),
          }),
        );
        listed.push(...imageDetails.map(toListed));
        if (nextToken === undefined || nextToken === '') return listed;
        if (listed.length >= limit) return undefined;
        token = nextToken;
      }
    },

    async images(repository, tags) {
      // A tag that another run moves between the two calls makes their answers differ: then both are asked again.
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await imagesOf(repository, tags);
        } catch (error) {
          if (isAwsError(error, 'RepositoryNotFoundException')) return undefined;
          if (attempt === 3 || !isAwsError(error, 'ImageMoved', 'ImageNotFoundException')) throw error;
        }
      }
    },

    async manifests(repository, digests) {
      const { images = [] } = await client.send(
        new BatchGetImageCommand({
          ...registry,
          repositoryName: repository,
          imageIds: digests.slice(0, idLimit).map((imageDigest) => ({ imageDigest })),
          acceptedMediaTypes: manifestTypes,
        }),
      );
      return new Map(images.map(({ imageId, imageManifest = '' }) => [imageId?.imageDigest ?? '', imageManifest]));
    },

    async tag(repository, tag, image) {
      try {
        await client.send(
          new PutImageCommand({
            ...registry,
            repositoryName: repository,
            imageTag: tag,
            imageManifest: image.manifest,
            imageManifestMediaType: image.mediaType,
            // The registry refuses when the bytes are not this digest's.
            imageDigest: image.digest,
          }),
        );
        return true;
      } catch (error) {
        // Says: this tag names this very manifest already. A retry of a put whose answer was lost ends here too: that one gave it.
        if (isAwsError(error, 'ImageAlreadyExistsException')) return error.attempts > 1;
        throw error;
      }
    },

    scan: (image) => readScan(client, askedImage(image)),

    // The SDK takes "once in 24 hours" for throttling, and would ask for most of a minute; whoever waits for the scan asks again as it is.
    startScan: (image) => startScan(connect(ECRClient, { ...config, maxAttempts: 1 }), askedImage(image)),
  };
}

export function imageFinder(config: SdkConfig): ImageFinder {
  const clients = new Map<string, ECRClient>();
  const client = (region: string): ECRClient => {
    const known = clients.get(region) ?? connect(ECRClient, { ...config, region });
    clients.set(region, known);
    return known;
  };
  return {
    async find({ account, region, repository, tag, digest }) {
      try {
        const { images = [], failures = [] } = await client(region).send(
          new BatchGetImageCommand({
            registryId: account,
            repositoryName: repository,
            imageIds: [digest === undefined ? { imageTag: tag ?? 'latest' } : { imageDigest: digest }],
            acceptedMediaTypes: manifestTypes,
          }),
        );
        const [image] = images;
        if (image !== undefined) {
          const { imageId, imageManifest = '' } = image;
          return { kind: 'found', digest: imageId?.imageDigest ?? '', platforms: platformsOf(imageManifest) };
        }
        const [failure] = failures;
        if (failure === undefined || failure.failureCode === 'ImageNotFound') return { kind: 'no-image' };
        throw broken('BatchGetImage', failure.failureCode ?? 'Unknown', failure.failureReason ?? 'no reason given');
      } catch (error) {
        if (isAwsError(error, 'RepositoryNotFoundException')) return { kind: 'no-repository' };
        throw error;
      }
    },

    async cachePrefixes({ account, region }) {
      const prefixes: string[] = [];
      for (let token: string | undefined; ;) {
        const { pullThroughCacheRules = [], nextToken } = await client(region).send(
          new DescribePullThroughCacheRulesCommand({
            registryId: account,
            ...(token === undefined ? {} : { nextToken: token }),
          }),
        );
        prefixes.push(...pullThroughCacheRules.flatMap(({ ecrRepositoryPrefix }) => ecrRepositoryPrefix ?? []));
        if (nextToken === undefined || nextToken === '') return prefixes;
        token = nextToken;
      }
    },
  };
}

/** Empty when an image of the index does not tell its platform: its configuration does, and whoever pulls the image reads it. */
function platformsOf(manifest: string): readonly string[] {
  const names = (indexedImages(manifest) ?? []).map(
    ({ platform }) => platform && `${platform.os}/${platform.architecture}`,
  );
  const told = names.filter((name) => name !== undefined);
  return told.length === names.length ? told : [];
}

function toRepository(repository: SdkRepository): Repository {
  return {
    name: repository.repositoryName ?? '',
    registryId: repository.registryId ?? '',
    uri: repository.repositoryUri ?? '',
    tags: toMutability(repository),
    scanOnPush: repository.imageScanningConfiguration?.scanOnPush ?? false,
  };
}

function toMutability({
  imageTagMutability = 'MUTABLE',
  imageTagMutabilityExclusionFilters: filters,
}: SdkRepository): TagMutability {
  const mutable = imageTagMutability.startsWith('MUTABLE');
  if (!imageTagMutability.endsWith('_WITH_EXCLUSION')) return { mutable, exclusions: [] };
  // An answer that names no filters tells nothing about any tag: the registry itself will refuse what it must.
  if (filters === undefined) return { mutable: true, exclusions: [] };
  return { mutable, exclusions: filters.flatMap(({ filter }) => (filter === undefined ? [] : [filter])) };
}

function toListed({ imageDigest = '', imageTags = [], imagePushedAt, imageSizeInBytes }: ImageDetail): ListedImage {
  return { digest: imageDigest, tags: imageTags, pushedAt: imagePushedAt?.getTime(), sizeBytes: imageSizeInBytes };
}

/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html: what an index lists stays as long as it does. */
function lifecycleOf(matching: string, keep: number): unknown {
  const expire = { type: 'expire' };
  return {
    rules: [
      {
        rulePriority: 1,
        description: 'layers no tag names any more',
        selection: { tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 7 },
        action: expire,
      },
      {
        rulePriority: 2,
        description: 'keep the newest images',
        selection: {
          tagStatus: 'tagged',
          tagPatternList: [matching],
          countType: 'imageCountMoreThan',
          countNumber: keep,
        },
        action: expire,
      },
    ],
  };
}

function byTag(
  tags: readonly string[],
  details: readonly ImageDetail[],
  images: readonly Image[],
): Map<string, RegistryImage> {
  const manifests = new Map(images.map((image) => [image.imageId?.imageDigest ?? '', image]));
  const found = new Map<string, RegistryImage>();
  for (const detail of details) {
    const digest = detail.imageDigest ?? '';
    const { imageManifest: manifest, imageManifestMediaType } = manifests.get(digest) ?? {};
    if (manifest === undefined)
      throw broken('DescribeImages', 'ImageMoved', `a tag moved to ${digest} while it was read`);
    const actual = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
    if (actual !== digest) {
      throw broken('BatchGetImage', 'DigestMismatch', `the manifest it returned for ${digest} has digest ${actual}`);
    }
    const image = {
      ...toListed(detail),
      manifest,
      mediaType: imageManifestMediaType ?? detail.imageManifestMediaType ?? '',
      registryId: detail.registryId ?? '',
    };
    for (const tag of tags) if (image.tags.includes(tag)) found.set(tag, image);
  }
  return found;
}

function broken(operation: string, errorCode: string, reason: string): AwsError {
  return new AwsError(errorCode, `ECR ${operation}: ${reason}`, { service: 'ECR', operation });
}
