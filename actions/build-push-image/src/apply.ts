import type { ImageRegistry, RegistryImage } from '../../../shared/aws/ecr.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { ActionError, isAwsError } from '../../../shared/core/errors.ts';
import type { RunDocker } from './docker.ts';
import type { OpenDockerConfig } from './docker-config.ts';
import type { Findings } from './findings.ts';
import { repositoryUri, type Inputs } from './inputs.ts';
import { loadArchive } from './load-archive.ts';
import type { Observed } from './observe.ts';
import type { Plan, Step } from './plan.ts';
import { publish } from './publishing.ts';
import { scan } from './scanning.ts';

export interface ApplyPorts {
  readonly registry: ImageRegistry;
  readonly docker: RunDocker;
  readonly openDockerConfig: OpenDockerConfig;
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
  /** Tags that this run gave to the image. */
  readonly putTags: readonly string[];
  readonly findings: Findings | undefined;
  readonly durations: readonly { readonly step: Step['kind']; readonly ms: number }[];
  readonly failure: ActionError | undefined;
}

/** What is known so far, step after step. */
export type Draft = { -readonly [Key in keyof Result]: Result[Key] } & {
  putTags: string[];
  durations: Result['durations'][number][];
  /** The image that came out of the archive. */
  loaded?: string;
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
    failure: undefined,
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
      return createRepository(step.movingTags, run);
    case 'load':
      return load(step.archive, run);
    case 'build':
    case 'push':
      return publish(step, run);
    case 'scan':
      return scan(run);
    case 'tag':
      return putTag(step.tag, run);
  }
}

async function createRepository(movingTags: readonly string[], run: Run): Promise<void> {
  const { inputs, ports, draft, progress } = run;
  const repository = await ports.registry.createRepository(inputs.repository, movingTags);
  draft.createdRepository = true;
  draft.repositoryUri = repositoryUri(inputs, repository.uri);
  progress.info(
    `Created the repository ${repository.name}: scan on push, tags immutable but for ${movingTags.join(', ')}`,
  );
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
    if (!isAwsError(error, 'ImageTagAlreadyExistsException')) throw error;
    const named = (await ports.registry.images(inputs.repository, [tag])).get(tag)?.digest;
    if (named === image.digest) return;
    throw new ActionError(
      'TagTaken',
      `The tag "${tag}" is immutable and was given to ${named ?? 'another image'} while this run made ${image.digest}.`,
      { cause: error, hint: 'Use another tag, or one that the repository’s immutability excludes.' },
    );
  }
}
