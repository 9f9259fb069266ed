import type { Progress } from '../../../shared/action/progress.ts';
import { humanBytes, humanDuration, type Clock } from '../../../shared/core/clock.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { forEachConcurrently } from '../../../shared/core/pool.ts';
import { serializeState, statePath, type SiteState } from '../../../shared/core/release.ts';
import { RecordedBodies, type BodyPorts } from './apply-bodies.ts';
import type { Plan } from './plan.ts';
import { bytesSent, inWaves, type Stage, type Step } from './plan-steps.ts';
import { progressLine } from './progress-line.ts';

export interface ApplyPorts extends BodyPorts {
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

export interface ApplyOptions {
  readonly prefix: string;
  readonly concurrency: number;
  readonly stateEtag: string | undefined;
}

/** What was done; with `failure`, what was done before it. */
export interface Result {
  readonly done: readonly Step[];
  readonly deleted: readonly string[];
  /** Viewers have everything and the release is on record. */
  readonly isPublished: boolean;
  readonly wroteState: boolean;
  readonly durationMs: number;
  readonly failure: ActionError | undefined;
}

const stageNames: Readonly<Record<Stage, string>> = {
  keep: 'kept aside for a rollback',
  'new-asset': 'new assets',
  asset: 'assets',
  'new-file': 'new files',
  file: 'files',
  'new-page': 'new pages',
  page: 'pages',
  index: 'root page',
};

/** So many lines of single files a wave prints; the summary has the rest. */
const shownPerWave = 10;

export async function apply(plan: Plan, options: ApplyOptions, ports: ApplyPorts): Promise<Result> {
  const run = new Run(options, ports);
  const started = ports.clock.now();
  let failure: ActionError | undefined;
  try {
    await run.all(plan);
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    failure = error;
  }
  const { done, deleted, isPublished, wroteState } = run;
  return { done, deleted, isPublished, wroteState, failure, durationMs: ports.clock.now() - started };
}

class Run {
  readonly done: Step[] = [];
  readonly deleted: string[] = [];
  isPublished = false;
  wroteState = false;
  readonly #options: ApplyOptions;
  readonly #ports: ApplyPorts;
  readonly #etags = new Map<string, string>();
  readonly #bodies: RecordedBodies;
  #stateEtag: string | undefined;

  constructor(options: ApplyOptions, ports: ApplyPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#bodies = new RecordedBodies(ports, options.prefix);
    this.#stateEtag = options.stateEtag;
  }

  async all(plan: Plan): Promise<void> {
    const { signal, progress } = this.#ports;
    if (plan.mark !== undefined) await this.#writeState(plan.mark);
    for (const wave of inWaves(plan.steps)) {
      signal?.throwIfAborted();
      await this.#wave(wave);
    }
    signal?.throwIfAborted();
    if (plan.state !== undefined) {
      await this.#writeState(await this.#bodies.record(withEtags(plan.state, this.#etags), plan.recording));
      progress.info(`release ${plan.releaseId} is on record as publication ${plan.publication}`);
    }
    this.isPublished = true;
    signal?.throwIfAborted();
    await this.#remove(plan);
  }

  async #wave(steps: readonly Step[]): Promise<void> {
    const { clock, progress, signal } = this.#ports;
    const started = clock.now();
    const what = [...new Set(steps.map(({ stage }) => stageNames[stage]))].join(', ');
    const total = steps.length;
    const totalBytes = bytesSent(steps);
    let count = 0;
    let bytes = 0;
    const stop = progress.follow(() =>
      progressLine({ what, done: count, total, bytes, totalBytes, elapsedMs: clock.now() - started }),
    );
    try {
      await forEachConcurrently(steps, { limit: this.#options.concurrency, signal }, async (step) => {
        let inParts = 0;
        const etag = await this.#send(step, (part) => {
          inParts += part;
          bytes += part;
        });
        if (step.kind !== 'keep') this.#etags.set(step.path, etag);
        this.done.push(step);
        count += 1;
        bytes += bytesSent([step]) - inParts;
        if (total <= shownPerWave) progress.info(`  ${step.path} (${step.reason})`);
      });
    } finally {
      stop();
      // In any case: a line of status must not stay as the last word.
      const of = count === total ? '' : ` of ${total}`;
      const sent = bytes === 0 ? '' : `, ${humanBytes(bytes)} sent`;
      progress.info(`${what}: ${count}${of} done${sent} in ${humanDuration(clock.now() - started)}`);
    }
  }

  async #send(step: Step, onPart: (bytes: number) => void): Promise<string> {
    const { store } = this.#ports;
    const { prefix } = this.#options;
    const key = prefix + step.path;
    switch (step.kind) {
      case 'keep':
        return store.copy({ from: key, to: prefix + step.to, etag: step.etag });
      case 'put':
        return store.upload({
          key,
          file: step.file,
          size: step.size,
          sha256: step.sha256,
          modified: step.modified,
          headers: step.headers,
          onPart,
        });
      case 'restore':
        return store.copy({ from: prefix + step.from, to: key, headers: step.headers });
      case 'rewrite':
        return store.put({
          key,
          content: await this.#bodies.content(step),
          sha256: step.sha256,
          headers: step.headers,
        });
      case 'headers':
        return store.copy({ from: key, to: key, etag: step.etag, headers: step.headers });
    }
  }

  async #writeState(state: SiteState): Promise<void> {
    this.#stateEtag = await this.#ports.store.write({
      key: this.#options.prefix + statePath,
      text: serializeState(state),
      contentType: 'application/json',
      expected: this.#stateEtag === undefined ? 'nothing' : { etag: this.#stateEtag },
    });
    this.wroteState = true;
  }

  async #remove({ deletions, leftovers }: Plan): Promise<void> {
    if (deletions.length + leftovers.length === 0) return;
    const pages = deletions.filter(({ isPage }) => isPage).map(({ path }) => path);
    const others = deletions.filter(({ isPage }) => !isPage).map(({ path }) => path);
    try {
      await this.#removeAll(pages, []);
      await this.#removeAll(others, leftovers);
    } finally {
      this.#ports.progress.info(`deleted: ${this.deleted.length} of ${deletions.length}`);
    }
  }

  async #removeAll(paths: readonly string[], leftovers: readonly string[]): Promise<void> {
    if (paths.length + leftovers.length === 0) return;
    const { prefix } = this.#options;
    const failures = await this.#ports.store.remove([...paths, ...leftovers].map((path) => prefix + path));
    const failed = new Set(failures.map(({ key }) => key));
    this.deleted.push(...paths.filter((path) => !failed.has(prefix + path)));
    const [first] = failures;
    if (first === undefined) return;
    throw new ActionError(
      'DeletionFailed',
      `the release is published, but ${failures.length} objects could not be deleted; first: ${first.key}: ${first.reason}`,
      { fault: 'cloud', hint: 'Allow s3:DeleteObject on the objects, then run this again: it deletes the rest.' },
    );
  }
}

/** The state with the ETags that S3 gave what this run sent. */
function withEtags(state: SiteState, etags: ReadonlyMap<string, string>): SiteState {
  const [newest, ...older] = state.releases;
  if (newest === undefined || etags.size === 0) return state;
  const files = new Map(newest.files);
  for (const [path, etag] of etags) {
    const file = files.get(path);
    if (file !== undefined) files.set(path, { ...file, etag });
  }
  return { ...state, releases: [{ ...newest, files }, ...older] };
}
