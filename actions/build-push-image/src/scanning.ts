import type { ImageScan, ScanStart } from '../../../shared/aws/ecr.ts';
import { waitUntil, type Judgement } from '../../../shared/aws/wait.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { WaitTimeoutError } from '../../../shared/core/errors.ts';
import type { Run } from './apply.ts';
import { describeCounts, gate, gather, unratedCount, type ScannedImage } from './findings.ts';
import { judgeScan, nameOf, needsStart, noScan, scanTargets, type ScanLook, type ScanTarget } from './scan.ts';

/** Between two looks; and between two lines about a state that stays. */
const every = { look: 5_000, line: 30_000 };

/** Waits for ECR's findings of every platform's image, and refuses those that the gate does not let pass. */
export async function scan(run: Run): Promise<void> {
  const { inputs, plan, ports, draft, progress } = run;
  if (draft.image === undefined) return;
  const images = await finish(
    scanTargets(draft.image).map((target) => new Watch(target, run)),
    run,
  );
  draft.findings = gather(images, ports.clock.now());
  const unrated = unratedCount(draft.findings.counts);
  if (unrated > 0) progress.info(`${unrated} of the findings have no severity yet, and fail no "scan" level`);
  const refusal = gate(draft.findings, inputs.scan, plan.keptTags);
  if (refusal !== undefined) throw refusal;
}

async function finish(watches: readonly Watch[], { inputs, ports, progress }: Run): Promise<readonly ScannedImage[]> {
  const { clock } = ports;
  const deadline = clock.now() + inputs.scanTimeoutMinutes * 60_000;
  const name = watches.length === 1 ? `Scan of ${watches[0]?.name ?? ''}` : `Scans of ${watches.length} images`;
  let state = '';
  let said = clock.now();
  const say = (what: string): void => {
    said = clock.now();
    progress.info(`${name}: ${what} (${humanDuration(deadline - said)} left)`);
  };
  try {
    return await waitUntil(
      async () => {
        if (state !== '' && clock.now() - said >= every.line) say(`still ${state}`);
        return judgeAll(watches, await Promise.all(watches.map((watch) => watch.look())));
      },
      (judgement) => judgement,
      {
        clock,
        deadline,
        interval: () => every.look,
        what: name,
        signal: ports.signal,
        onChange: (next) => say((state = next)),
      },
    );
  } catch (error) {
    if (!(error instanceof WaitTimeoutError)) throw error;
    throw new WaitTimeoutError(`${error.message}. No tag was given to the image.`, error.lastSeen, {
      hint: error.lastSeen.includes(noScan)
        ? 'Does anything scan this repository? Turn on scan on push, or let a filter of the registry’s enhanced scanning match it.'
        : 'Run again, which goes on waiting for the same image, or raise "scan-timeout-minutes".',
    });
  }
}

function judgeAll(
  watches: readonly Watch[],
  judgements: readonly Judgement<ScannedImage>[],
): Judgement<readonly ScannedImage[]> {
  const done: ScannedImage[] = [];
  const states: string[] = [];
  for (const [index, judgement] of judgements.entries()) {
    if (judgement.kind === 'failed') return judgement;
    if (judgement.kind === 'done') done.push(judgement.value);
    else states.push(watches.length === 1 ? judgement.state : `${watches[index]?.name ?? ''} ${judgement.state}`);
  }
  return states.length === 0 ? { kind: 'done', value: done } : { kind: 'pending', state: states.join('; ') };
}

/** Looks at the scan of one image, and asks for one where it must. */
class Watch {
  readonly name: string;
  readonly #target: ScanTarget;
  readonly #run: Run;
  #looks = 0;
  #start: ScanStart | undefined;
  #replaces: number | undefined;
  #last = '';
  #since = 0;
  #done: ScannedImage | undefined;

  constructor(target: ScanTarget, run: Run) {
    this.name = nameOf(target);
    this.#target = target;
    this.#run = run;
  }

  async look(): Promise<Judgement<ScannedImage>> {
    if (this.#done !== undefined) return { kind: 'done', value: this.#done };
    const { inputs, observed, ports, draft } = this.#run;
    const id = { repository: inputs.repository, digest: this.#target.digest };
    const seen = await ports.registry.scan(id);
    const now = ports.clock.now();
    const scanOnPush = observed.repository?.scanOnPush ?? draft.createdRepository;
    if (this.#start === undefined && needsStart({ seen, now }, { looks: this.#looks, scanOnPush })) {
      this.#start = await ports.registry.startScan(id);
      if (this.#start.kind === 'started') this.#replaces = seen?.completedAt;
      this.#tellStart(this.#start, seen, now);
    }
    this.#looks += 1;
    const judgement = judgeScan({
      name: this.name,
      seen,
      now,
      since: this.#sinceWhen(seen, now),
      start: this.#start,
      replaces: this.#replaces,
    });
    if (judgement.kind !== 'done') return judgement;
    this.#done = { ...this.#target, scan: judgement.value };
    this.#tellDone(judgement.value, now);
    return { kind: 'done', value: this.#done };
  }

  #sinceWhen(seen: ImageScan | undefined, now: number): ScanLook['since'] {
    const key = JSON.stringify([seen?.status, seen?.completedAt, Object.entries(seen?.counts ?? {}).sort()]);
    if (key !== this.#last) [this.#last, this.#since] = [key, now];
    return this.#since;
  }

  #tellStart(start: ScanStart, seen: ImageScan | undefined, now: number): void {
    const { progress } = this.#run;
    if (start.kind === 'started') progress.info(`Scan of ${this.name}: started`);
    if (start.kind !== 'limited' && start.kind !== 'refused') return;
    if (seen?.completedAt === undefined) progress.info(`Scan of ${this.name}: not started: ${start.reason}`);
    else
      this.#remark(
        `The last scan of ${this.name} is ${humanDuration(now - seen.completedAt)} old, and ECR makes no other now: ${start.reason}`,
      );
  }

  #tellDone({ engine, completedAt, counts }: ImageScan, now: number): void {
    const { progress } = this.#run;
    const made = completedAt === undefined ? '' : `, ${humanDuration(Math.max(0, now - completedAt))} ago`;
    progress.info(`Scan of ${this.name} (${engine}${made}): ${describeCounts(counts)}`);
    if (completedAt !== undefined) return;
    this.#remark(
      `ECR says that ${this.name} is scanned, and not since when: what it found has not changed for a while and is taken as all there is.`,
    );
  }

  #remark(what: string): void {
    this.#run.draft.remarks.push(what);
    this.#run.progress.warn(what);
  }
}
