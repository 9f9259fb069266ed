import type {
  ImageRegistry,
  ListedImage,
  RegistryImage,
  TaggedImages,
  TagMutability,
} from '../../../shared/aws/ecr.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { AwsError } from '../../../shared/core/errors.ts';
import { ecrHost } from '../../../shared/core/image-ref.ts';
import type { ManifestRegistry } from './base-images.ts';
import { isRefusalTag } from './build-record.ts';
import { describeBuilder, type Builder } from './builder.ts';
import type { ContextFiles } from './context-files.ts';
import type { RunDocker } from './docker.ts';
import { readSize, type ImageSize } from './image-size.ts';
import { sourceTagPrefix, type Inputs } from './inputs.ts';
import { describeSource, observeSource, type Source } from './observe-source.ts';
import { judge, type Verdict } from './reuse.ts';
import { sourceTags } from './source-hash.ts';

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

export interface LocallyObserved {
  readonly builder: Builder;
  readonly source: Source;
}

/** The repository, as far as it was asked for. */
export interface SeenRepository {
  /** `<host>/<name>`, as Amazon names it. */
  readonly uri: string;
  /** Undefined: not asked, as nothing is built. */
  readonly tags: TagMutability | undefined;
  readonly scanOnPush: boolean;
}

/** What else is in the repository. */
export interface Stock {
  readonly images: readonly ListedImage[];
  /** The text of its lifecycle policy. */
  readonly lifecyclePolicy: string | undefined;
  /** How large the image is that was built last. */
  readonly last: ImageSize | undefined;
}

export interface Observed extends LocallyObserved {
  /** Undefined: there is none. */
  readonly repository: SeenRepository | undefined;
  /** Undefined: not asked, or not to be known. */
  readonly stock: Stock | undefined;
  /** What the wanted tags and the source's own tags name now. */
  readonly images: TaggedImages['images'];
  /** Those of them that name an image in ECR's archive: none that could be used, and the tag is taken. */
  readonly archivedTags: TaggedImages['archived'];
  /** Is there an archive to push from? */
  readonly hasArchive: boolean;
  readonly now: number;
}

/** What is to be built, and with what: a daemon that is missing is told before anything else is asked. */
export interface Asked {
  readonly inputs: Inputs;
  readonly builder: Builder;
}

export async function observe({ inputs, builder }: Asked, ports: ObservePorts, progress: Progress): Promise<Observed> {
  progress.info(`Builder: ${describeBuilder(builder)}`);
  const [source, hasArchive] = await Promise.all([
    observeSource(inputs, builder, ports),
    inputs.archiveFrom === undefined ? false : ports.files.isReadableFile(inputs.archiveFrom),
  ]);
  for (const line of describeSource(source)) progress.info(line);
  const found = await ports.registry.images(inputs.repository, [...sourceTags(source.hash), ...inputs.tags]);
  const { images, archived: archivedTags } = found ?? { images: new Map(), archived: new Set<string>() };
  const now = ports.clock.now();
  const verdict = judge(inputs, { source, images, archivedTags, now });
  const [repository, stock] = await Promise.all([
    found === undefined ? undefined : observeRepository(inputs, { verdict, images, archivedTags }, ports),
    found === undefined || !mayLookAround(inputs, { verdict, images, now })
      ? undefined
      : observeStock(inputs, verdict, { ports, progress }),
  ]);
  return { builder, source, repository, stock, images, archivedTags, hasArchive, now };
}

/**
 * Where an image is reused, its description says all that is needed: every call less is a call that cannot fail. But of two tags that name
 * other images one might move and the other be refused: then it is known beforehand.
 */
async function observeRepository(
  { repository, region, dryRun, tags }: Inputs,
  { verdict, images, archivedTags }: Seen & Pick<Observed, 'archivedTags'>,
  { registry }: ObservePorts,
): Promise<SeenRepository | undefined> {
  const digest = verdict.kind === 'reuse' ? verdict.image.digest : undefined;
  const moving = tags.filter((tag) => archivedTags.has(tag) || (images.has(tag) && images.get(tag)?.digest !== digest));
  const host =
    verdict.kind === 'reuse' && !dryRun && moving.length < 2 ? ecrHost(verdict.image.registryId, region) : undefined;
  if (host !== undefined) return { uri: `${host}/${repository}`, tags: undefined, scanOnPush: false };
  return registry.repository(repository);
}

/** An image that was built so long ago may be about to expire; a younger one is taken for safe. */
const youngDays = 14;
/** A repository with more images than these is not looked through. */
const stockLimit = 3000;
const day = 24 * 60 * 60 * 1000;

interface Seen {
  readonly verdict: Verdict;
  readonly images: ReadonlyMap<string, RegistryImage>;
}

/** Where something is built, always. A reuse asks ECR four times at most: it looks around when it has no tag to give, or only shows its plan. */
function mayLookAround({ dryRun, tags }: Inputs, { verdict, images, now }: Seen & { readonly now: number }): boolean {
  if (verdict.kind === 'build') return true;
  const { digest, pushedAt = now } = verdict.image;
  return now - pushedAt >= youngDays * day && (dryRun || tags.every((tag) => images.get(tag)?.digest === digest));
}

/** Good to know, and no more: whoever may not look is told, and goes on. */
async function observeStock(
  { repository }: Inputs,
  verdict: Verdict,
  { ports, progress }: { readonly ports: ObservePorts; readonly progress: Progress },
): Promise<Stock | undefined> {
  const { registry } = ports;
  try {
    const [images, lifecyclePolicy] = await Promise.all([
      registry.allImages(repository, stockLimit),
      registry.lifecyclePolicy(repository),
    ]);
    if (images === undefined) {
      progress.info(`The repository holds more than ${stockLimit} images: which of them expire soon is not looked up`);
      return undefined;
    }
    const last = verdict.kind === 'reuse' ? undefined : lastBuilt(images);
    const found = last === undefined ? undefined : (await registry.images(repository, [last]))?.images.get(last);
    return { images, lifecyclePolicy, last: found && (await readSize(found, repository, registry)) };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    progress.info(`What else is in the repository could not be looked up, and goes unchecked: ${error.message}`);
    return undefined;
  }
}

/** A tag of the image that was pushed last of all that this action built. */
function lastBuilt(images: readonly ListedImage[]): string | undefined {
  const built = images.filter(
    ({ tags }) => tags.some((tag) => tag.startsWith(sourceTagPrefix)) && !tags.some(isRefusalTag),
  );
  const [newest] = [...built].sort((a, b) => (b.pushedAt ?? 0) - (a.pushedAt ?? 0));
  return newest?.tags.find((tag) => tag.startsWith(sourceTagPrefix));
}

/** All that can be known without AWS. */
export async function observeLocally(
  { inputs, builder }: Asked,
  ports: LocalPorts,
  progress: Progress,
): Promise<LocallyObserved> {
  progress.info(`Builder: ${describeBuilder(builder)}`);
  const source = await observeSource(inputs, builder, ports);
  for (const line of describeSource(source)) progress.info(line);
  return { builder, source };
}
