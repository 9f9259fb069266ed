import type { Progress } from '../../../shared/action/progress.ts';
import type {
  EcsServices,
  LifecycleHookState,
  ServiceDeploymentState,
  ServiceRef,
  ServiceState,
  TaskState,
} from '../../../shared/aws/ecs.ts';
import type { LoadBalancers, TargetState } from '../../../shared/aws/elbv2.ts';
import { isNoNews, waitUntil } from '../../../shared/aws/wait.ts';
import { humanDuration, type Clock } from '../../../shared/core/clock.ts';
import { ActionError, WaitTimeoutError } from '../../../shared/core/errors.ts';
import { lastPart } from '../../../shared/core/arn.ts';
import type { ReadBudget } from './read-budget.ts';
import {
  deathText,
  fingerprintOf,
  isFailureOf,
  isHopeless,
  judge,
  type EndOutcome,
  type OurDeployment,
  type Sight,
} from './verdict.ts';

export interface WatchPorts {
  readonly services: EcsServices;
  readonly balancers: LoadBalancers;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly reads: ReadBudget;
}

export interface WatchOptions {
  readonly ref: ServiceRef;
  readonly ours: OurDeployment;
  readonly deadline: number;
  readonly failFastAfter: number;
  /** Known from an earlier watch of the same deployment. */
  readonly deploymentArn?: string | undefined;
  /** Called as soon as it is known, for whoever has to stop the deployment. */
  readonly onCorrelated?: (deploymentArn: string) => void;
}

export interface WatchEnd {
  readonly outcome: EndOutcome | 'timed-out' | 'hopeless';
  readonly reason: string;
  readonly service: ServiceState | undefined;
  readonly deploymentArn: string | undefined;
  /** Tasks of the deployment that died, newest first. */
  readonly failures: readonly TaskState[];
  /** Targets as they were when they were last not healthy: after a rollback they are gone. */
  readonly targets: readonly TargetState[];
  /** What the deployment waits for when it is paused. */
  readonly pause: LifecycleHookState | undefined;
}

/** Seconds after which our record is looked for again, and for how long; then the service's own list has to do. */
const correlateAt = [0, 4, 20, 60].map((seconds) => seconds * 1_000);
const tasksEvery = 9_000;
const targetsEvery = 12_000;
/** Lines that differ only in their numbers are told at most this often. */
const countsEvery = 10_000;

/** Watches one deployment until its end is proven, it is hopeless, or the deadline has passed. */
export async function watchDeployment(options: WatchOptions, ports: WatchPorts): Promise<WatchEnd> {
  const { ours, deadline, failFastAfter } = options;
  const watch = new Watch(options, ports);
  const limit = deadline - ports.clock.now();
  let failing = false;
  const until = async (at: number): Promise<WatchEnd> => {
    try {
      const end = await waitUntil<Sight, Pick<WatchEnd, 'outcome' | 'reason'>>(
        () => watch.look(),
        (sight) => {
          const verdict = judge(ours, sight);
          if (verdict.kind === 'ended') return { kind: 'done', value: verdict };
          failing = verdict.failing;
          if (!failing && isHopeless(ours, sight, { failFastAfter, failures: watch.failures })) {
            const reason = `${howMany(watch.failures.length)} of this deployment died the same way`;
            return { kind: 'done', value: { outcome: 'hopeless', reason } };
          }
          watch.tell(verdict.state);
          return { kind: 'pending', state: verdict.state };
        },
        {
          clock: ports.clock,
          deadline: at,
          interval: (polls) => ports.reads.pause(polls),
          what: `the deployment ${ours.id}`,
          signal: ports.signal,
        },
      );
      await watch.lookOnceMore(end.outcome !== 'succeeded');
      return watch.end(end.outcome, end.reason);
    } catch (error) {
      if (!(error instanceof WaitTimeoutError)) throw error;
      const extended = at > deadline;
      // AWS's own way back gets a time of its own, as ours would.
      if (failing && !extended) return until(deadline + limit);
      await watch.lookOnceMore(true);
      return watch.end(extended ? 'failed' : 'timed-out', error.message);
    }
  };
  return until(deadline);
}

const howMany = (tasks: number): string => (tasks === 1 ? 'one task' : `${tasks} tasks`);

/**
 * Our record is the one whose target revision carries our deployment's number: `…:service-revision/<cluster>/<service>/<n>`
 * for `ecs-svc/<n>`, as Terraform's AWS provider finds it too. Never "the newest", never by the runner's clock.
 */
export async function findRecord(
  ref: ServiceRef,
  ours: OurDeployment,
  { services, reads }: Pick<WatchPorts, 'services' | 'reads'>,
): Promise<string | undefined> {
  const number = lastPart(ours.id);
  reads.spend();
  const listed = await services.listServiceDeployments(
    ref,
    ours.createdAt === undefined ? {} : { createdAfter: new Date(ours.createdAt.getTime() - 60_000) },
  );
  const found = listed.find(({ targetRevision }) => targetRevision.endsWith(`/${number}`));
  if (found === undefined) return undefined;
  try {
    reads.spend();
    const definition = await services.revisionTaskDefinition(found.targetRevision);
    return definition !== undefined && definition !== ours.taskDefinition ? undefined : found.arn;
  } catch (error) {
    // A confirmation that may not be read takes nothing from the number.
    if (error instanceof ActionError && !isNoNews(error)) return found.arn;
    throw error;
  }
}

class Watch {
  readonly #options: WatchOptions;
  readonly #ports: WatchPorts;
  readonly #started: number;
  readonly #failures = new Map<string, TaskState>();
  readonly #targets = new Map<string, TargetState>();
  readonly #seenTasks = new Set<string>();
  readonly #toldDeaths = new Set<string>();
  #looks = 0;
  #serviceReadAt = 0;
  #service: ServiceState | undefined;
  #deployment: ServiceDeploymentState | undefined;
  #arn: string | undefined;
  #correlations = 0;
  #tasksRead: number;
  #targetsRead: number;
  #failedBefore = 0;
  #seenFailed: string | undefined;
  #told = { text: '', at: -Infinity };

  constructor(options: WatchOptions, ports: WatchPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#started = ports.clock.now();
    this.#arn = options.deploymentArn;
    // Whoever knows the deployment has just read the service.
    if (this.#arn !== undefined) this.#looks = 1;
    // A first look after about two seconds.
    this.#tasksRead = this.#started - tasksEvery + 2_000;
    this.#targetsRead = this.#started - targetsEvery + 4_000;
  }

  get failures(): readonly TaskState[] {
    return [...this.#failures.values()].toSorted(
      (a, b) => (b.stoppedAt?.getTime() ?? 0) - (a.stoppedAt?.getTime() ?? 0),
    );
  }

  end(outcome: WatchEnd['outcome'], reason: string): WatchEnd {
    return {
      outcome,
      reason,
      service: this.#service,
      deploymentArn: this.#arn,
      failures: this.failures,
      targets: [...this.#targets.values()],
      pause:
        outcome === 'paused' ? this.#deployment?.hooks.find(({ status }) => status === 'AWAITING_ACTION') : undefined,
    };
  }

  /** The record decides, and where it is at an end the service beside it; without a record the service alone. */
  async look(): Promise<Sight> {
    this.#looks += 1;
    this.#deployment = await this.#readRecord();
    const settles = this.#deployment === undefined || ['SUCCESSFUL', 'STOPPED'].includes(this.#deployment.status);
    // Once tasks die, their deaths are the news.
    if (settles || this.#looks % (this.#failures.size === 0 ? 3 : 6) === 1) await this.#readService();
    await this.#readSidelines();
    return { service: this.#service, deployment: this.#deployment, seenFailed: this.#seenFailed };
  }

  /** For what an end brought: the last deaths and targets, unless the minute's reads are spent and some are known, or it is the way back. */
  async lookOnceMore(withTasks: boolean): Promise<void> {
    if (this.#serviceReadAt < this.#looks) await this.#sideline(() => this.#readService());
    if (
      !withTasks ||
      this.#options.deploymentArn !== undefined ||
      (this.#failures.size > 0 && !this.#ports.reads.mayGoAside(2))
    )
      return;
    await this.#sideline(() => this.#readTasks());
    await this.#sideline(() => this.#readTargets());
  }

  /** One line a change, and no flood of counts. */
  tell(text: string): void {
    const { clock, progress } = this.#ports;
    const now = clock.now();
    const onlyCounts = text.replace(/\d+/g, '#') === this.#told.text.replace(/\d+/g, '#');
    if (text === this.#told.text || (onlyCounts && now - this.#told.at < countsEvery)) return;
    this.#told = { text, at: now };
    progress.info(`  ${text} · ${humanDuration(now - this.#started)}`);
  }

  async #readService(): Promise<void> {
    this.#ports.reads.spend();
    this.#service = await this.#ports.services.describeService(this.#options.ref);
    this.#serviceReadAt = this.#looks;
    const own = this.#service?.deployments.find(({ id }) => id === this.#options.ours.id);
    if (own?.rolloutState === 'FAILED') this.#seenFailed = own.rolloutReason;
  }

  async #readRecord(): Promise<ServiceDeploymentState | undefined> {
    // A deployment that is complete stays so; what is still awaited is the service.
    if (this.#deployment?.status === 'SUCCESSFUL') return this.#deployment;
    if (this.#arn === undefined) await this.#correlate();
    if (this.#arn === undefined) return undefined;
    try {
      this.#ports.reads.spend();
      return await this.#ports.services.describeServiceDeployment(this.#arn);
    } catch (error) {
      if (!(error instanceof ActionError) || isNoNews(error)) throw error;
      // Denied: the service's own list has to do.
      this.#arn = undefined;
      this.#correlations = Infinity;
      return undefined;
    }
  }

  async #correlate(): Promise<void> {
    const { ref, ours, onCorrelated } = this.#options;
    const { clock } = this.#ports;
    const due = correlateAt[this.#correlations];
    if (due === undefined || clock.now() - this.#started < due) return;
    this.#correlations += 1;
    try {
      const found = await findRecord(ref, ours, this.#ports);
      if (found === undefined) return;
      this.#arn = found;
      onCorrelated?.(found);
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      if (!isNoNews(error)) this.#correlations = Infinity;
    }
  }

  /** What explains a failure is read while it happens: stopped tasks and replaced targets vanish. It never decides a success. */
  async #readSidelines(): Promise<void> {
    const { ours, failFastAfter } = this.#options;
    const { clock, reads } = this.#ports;
    const failed = this.#service?.deployments.find(({ id }) => id === ours.id)?.failed ?? 0;
    const now = clock.now();
    // Once a task has died, the next deaths may make the verdict.
    const decisive = failFastAfter > 0 && (this.#failures.size > 0 || failed > this.#failedBefore);
    const before = this.#failures.size;
    if (decisive ? reads.mayHurry(1) : now - this.#tasksRead >= tasksEvery && reads.mayGoAside(2)) {
      this.#tasksRead = now;
      this.#failedBefore = failed;
      await this.#sideline(() => this.#readTasks());
    }
    const died = this.#failures.size > before;
    if ((died || now - this.#targetsRead >= targetsEvery) && reads.mayGoAside(1)) {
      this.#targetsRead = now;
      await this.#sideline(() => this.#readTargets());
    }
  }

  async #readTasks(): Promise<void> {
    const { ref, ours } = this.#options;
    const { services, reads } = this.#ports;
    reads.spend();
    const fresh = (await services.stoppedTasks(ref)).filter((arn) => !this.#seenTasks.has(arn));
    if (fresh.length > 0) reads.spend();
    for (const task of await services.describeTasks(ref.cluster, fresh)) {
      // A task on its way down still lacks its reasons: it is read again.
      if (task.lastStatus !== 'STOPPED') continue;
      this.#seenTasks.add(task.arn);
      if (!isFailureOf(ours, task)) continue;
      this.#failures.set(task.arn, task);
      this.#tellDeath(task);
    }
  }

  /** Once for each way to die, and not again on the way back. */
  #tellDeath(task: TaskState): void {
    if (this.#options.deploymentArn !== undefined) return;
    const way = fingerprintOf(task);
    if (this.#toldDeaths.has(way) || this.#toldDeaths.size >= 5) return;
    this.#toldDeaths.add(way);
    this.#ports.progress.info(`  ${deathText(task)}`);
  }

  async #readTargets(): Promise<void> {
    const { balancers, reads } = this.#ports;
    for (const { targetGroup } of this.#service?.loadBalancers ?? []) {
      if (!reads.mayGoAside(1)) return;
      reads.spend();
      for (const target of await balancers.targetHealth(targetGroup)) {
        const key = `${targetGroup} ${target.id}:${target.port ?? ''}`;
        if (target.state === 'healthy') this.#targets.delete(key);
        else this.#targets.set(key, target);
      }
    }
  }

  /** Reads that inform and never decide. */
  async #sideline(read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
    }
  }
}
