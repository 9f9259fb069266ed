import type { ImageRegistry, RegistryImage, TagMutability } from '../../../shared/aws/ecr.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { ActionError, AwsError, isAwsError } from '../../../shared/core/errors.ts';
import type { ContextFiles } from './context-files.ts';
import type { RunDocker } from './docker.ts';
import type { OpenDockerConfig } from './docker-config.ts';
import type { Findings } from './findings.ts';
import { buildRecord, recordTag, refusalTag } from './build-record.ts';
import type { ImageSize } from './image-size.ts';
import { repositoryUri, sourceTagPrefix, type Inputs } from './inputs.ts';
import { loadArchive } from './load-archive.ts';
import { archivedImage, takenHint } from './mutability.ts';
import type { Observed } from './observe.ts';
import type { Plan, Step } from './plan.ts';
import { check, publish } from './publishing.ts';
import type { PipeDocker } from './program-files.ts';
import type { OpenRegistryContent } from './registry-content.ts';
import { scan } from './scanning.ts';
import type { Verification } from './verify-image.ts';

export interface ApplyPorts {
  readonly registry: ImageRegistry;
  readonly docker: RunDocker;
  readonly openDockerConfig: OpenDockerConfig;
  readonly openContent: OpenRegistryContent;
  readonly pipe: PipeDocker;
  readonly files: Pick<ContextFiles, 'sizeOf'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly mask: (secret: string) => void;
}

export interface Work {
  readonly inputs: Inputs;
  readonly observed: Observed;
  readonly plan: Plan;
}

export interface Result {
  readonly outcome: Plan['outcome'];
  /** `<host>/<repository>`; undefined when the run failed before it was known. */
  readonly repositoryUri: string | undefined;
  readonly image: RegistryImage | undefined;
  readonly createdRepository: boolean;
  readonly pushed: boolean;
  /** Of what was pushed; an image that is reused was checked when it was built. */
  readonly verification?: Verification | undefined;
  /** Of what was pushed, where it could be read. */
  readonly size?: ImageSize | undefined;
  /** Tags that this run gave to the image. */
  readonly putTags: readonly string[];
  readonly findings: Findings | undefined;
  readonly durations: readonly { readonly step: Step['kind']; readonly ms: number }[];
  /** What went wrong and costs nothing: the image is released all the same. */
  readonly remarks: readonly string[];
  readonly failure: ActionError | undefined;
}

/** What is known so far, step after step. */
export type Draft = { -readonly [Key in keyof Result]: Result[Key] } & {
  putTags: string[];
  remarks: string[];
  /** How long the build and its push took. */
  publishedIn?: number | undefined;
  durations: Result['durations'][number][];
  /** The image that came out of the archive. */
  loaded?: string;
  /** Of the repository's tags; undefined: not asked, as nothing is built. */
  mutability: TagMutability | undefined;
};

export interface Run extends Work {
  readonly ports: ApplyPorts;
  readonly progress: Progress;
  readonly draft: Draft;
}

export async function apply(work: Work, ports: ApplyPorts, progress: Progress): Promise<Result> {
  const draft: Draft = {
    outcome: work.plan.outcome,
    repositoryUri: repositoryUri(work.inputs, work.observed.repository?.uri),
    image: work.plan.image,
    createdRepository: false,
    pushed: false,
    putTags: [],
    findings: undefined,
    durations: [],
    remarks: [],
    failure: undefined,
    mutability: work.observed.repository?.tags,
  };
  const run: Run = { ...work, ports, progress, draft };
  try {
    for (const step of work.plan.steps) {
      ports.signal.throwIfAborted();
      const started = ports.clock.now();
      await perform(step, run);
      draft.durations.push({ step: step.kind, ms: ports.clock.now() - started });
    }
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    draft.failure = error;
  }
  return draft;
}

async function perform(step: Step, run: Run): Promise<void> {
  switch (step.kind) {
    case 'create-repository':
      return createRepository(step, run);
    case 'load':
      return load(step.archive, run);
    case 'build':
    case 'push':
      return orRefused(run, () => publish(step, run));
    case 'check':
      return orRefused(run, () => check(run));
    case 'record':
      return record(run);
    case 'scan':
      return scan(run);
    case 'tag':
      return putTag(step.tag, run);
  }
}

async function createRepository(
  { movingTags, keep }: Step & { readonly kind: 'create-repository' },
  run: Run,
): Promise<void> {
  const { inputs, ports, draft, progress } = run;
  const { repository, isNew } = await ports.registry.createRepository(inputs.repository, movingTags);
  draft.createdRepository = isNew;
  draft.repositoryUri = repositoryUri(inputs, repository.uri);
  draft.mutability = repository.tags;
  if (!isNew) {
    progress.info(`The repository ${repository.name} was made by somebody else meanwhile, and stays as it is`);
    return;
  }
  progress.info(
    `Created the repository ${repository.name}: scan on push, tags immutable but for ${movingTags.join(', ')}`,
  );
  await orRemark('its lifecycle could not be set, so nothing in it ever expires', run, async () => {
    await ports.registry.keepNewest(inputs.repository, `${sourceTagPrefix}*`, keep);
    progress.info(`It keeps the newest ${keep} images that are built`);
  });
}

/** What the release does not depend on. */
async function orRemark(what: string, { draft, progress }: Run, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const remark = `${what}: ${error.message}`;
    draft.remarks.push(remark);
    progress.warn(remark);
  }
}

async function record(run: Run): Promise<void> {
  const { inputs, observed, draft } = run;
  const { image, pushed, publishedIn, verification } = draft;
  // What could not be looked at is looked at by the next run.
  if (image === undefined || (verification?.failed.length ?? 0) > 0) return;
  // Of what another run pushed, that run knows more; but it may have been cut off before it said so.
  const record = pushed ? { commit: inputs.commit, ms: publishedIn } : { commit: undefined, ms: undefined };
  const tag = recordTag({ hash: observed.source.hash, digest: image.digest }, record);
  await orRemark('that this image was checked could not be recorded, so the next run does it again', run, () =>
    putOwn(tag, image, run),
  );
}

/** A tag that holds the image's digest: whoever gave it meant the same image. */
async function putOwn(tag: string, image: RegistryImage, { inputs, ports }: Run): Promise<void> {
  try {
    await ports.registry.tag(inputs.repository, tag, image);
  } catch (error) {
    if (!isAwsError(error, 'ImageTagAlreadyExistsException')) throw error;
  }
}

/** What is wrong with an image itself, as long as it is there. */
const refusing: ReadonlySet<string> = new Set(['ArchitectureMismatch', 'PlatformMismatch', 'DigestMismatch']);

/** What is found to be wrong is put on record with the image: a later run may not be able to look, and must not use it. */
async function orRefused(run: Run, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { image } = run.draft;
    if (!(error instanceof ActionError) || !refusing.has(error.code) || image === undefined) throw error;
    const of = { hash: run.observed.source.hash, digest: image.digest };
    // That run looked at its own image, and has handed it on.
    if (error.code === 'DigestMismatch' && buildRecord(of, image.tags) !== undefined) throw error;
    const tag = refusalTag(of);
    await orRemark('that this image was refused could not be recorded, so a later run may use it', run, () =>
      putOwn(tag, image, run),
    );
    throw error;
  }
}

async function load(archive: string, { observed, ports, progress, draft }: Run): Promise<void> {
  draft.loaded = await loadArchive(archive, observed.source.hash, { docker: ports.docker, progress });
}

async function putTag(tag: string, { inputs, ports, draft, progress }: Run): Promise<void> {
  const { image } = draft;
  if (image === undefined) return;
  try {
    const moved = await ports.registry.tag(inputs.repository, tag, image);
    if (moved) draft.putTags.push(tag);
    progress.info(`Tag ${tag} → ${image.digest.slice(0, 19)}${moved ? '' : ' (already)'}`);
  } catch (error) {
    if (isAwsError(error, 'LimitExceededException')) throw tooManyTags(tag, image, error);
    if (!isAwsError(error, 'ImageTagAlreadyExistsException')) throw error;
    const found = await ports.registry.images(inputs.repository, [tag]);
    const named = found?.archived.has(tag) === true ? archivedImage : found?.images.get(tag)?.digest;
    if (named === image.digest) {
      // An immutable tag refuses the very image that it names, as well where the answer to our own put was lost.
      if (error.attempts > 1) draft.putTags.push(tag);
      return;
    }
    throw new ActionError(
      'TagTaken',
      `The tag "${tag}" is immutable and names ${named ?? 'another image'}; asked for is ${image.digest}.`,
      { cause: error, hint: takenHint([named ?? '']) },
    );
  }
}

/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html: 1,000 tags an image. */
function tooManyTags(tag: string, { digest, tags }: RegistryImage, cause: unknown): ActionError {
  return new ActionError(
    'TooManyTags',
    `ECR gives the image ${digest} no further tag, so not "${tag}" either: it bears ${tags.length}.`,
    {
      cause,
      hint: 'Remove tags of old commits that nothing uses, or build a new image with "force: true".',
    },
  );
}
