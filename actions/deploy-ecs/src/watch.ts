import type { Progress } from '../../../shared/action/progress.ts';
import type {
  EcsServices,
  ServiceDeploymentState,
  ServiceRef,
  ServiceState,
  TaskState,
} from '../../../shared/aws/ecs.ts';
import { isNoNews, waitUntil } from '../../../shared/aws/wait.ts';
import { humanDuration, type Clock } from '../../../shared/core/clock.ts';
import { ActionError, WaitTimeoutError } from '../../../shared/core/errors.ts';
import { isFailureOf, isHopeless, judge, type EndOutcome, type OurDeployment, type Sight } from './verdict.ts';

export interface WatchPorts {
  readonly services: EcsServices;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal: AbortSignal;
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
}

/** Half a second at first, since a small service is up in seconds; then 5 s, so that a verdict is never older than that. */
export function pollInterval(polls: number): number {
  if (polls < 4) return 500;
  if (polls < 10) return 1_000;
  return polls < 15 ? 2_000 : 5_000;
}

/** How long our record is looked for before the service's own list has to do. */
const correlateFor = 60_000;
const tasksEvery = 10_000;

/** Watches one deployment until its end is proven, it is hopeless, or the deadline has passed. */
export async function watchDeployment(options: WatchOptions, ports: WatchPorts): Promise<WatchEnd> {
  const { ours, deadline, failFastAfter } = options;
  const watch = new Watch(options, ports);
  const started = ports.clock.now();
  let failing = false;
  try {
    const end = await waitUntil<Sight, Pick<WatchEnd, 'outcome' | 'reason'>>(
      () => watch.look(),
      (sight) => {
        const verdict = judge(ours, sight);
        if (verdict.kind === 'ended') return { kind: 'done', value: verdict };
        failing = verdict.failing;
        if (!failing && isHopeless(ours, sight, { failFastAfter, failures: watch.failures })) {
          const reason = `${watch.failures.length} tasks of this deployment died the same way and none runs`;
          return { kind: 'done', value: { outcome: 'hopeless', reason } };
        }
        return { kind: 'pending', state: verdict.state };
      },
      {
        clock: ports.clock,
        deadline,
        interval: pollInterval,
        what: `the deployment ${ours.id}`,
        signal: ports.signal,
        onChange: (state) => ports.progress.info(`  ${state} · ${humanDuration(ports.clock.now() - started)}`),
      },
    );
    await watch.lookOnceMore(end.outcome !== 'succeeded');
    return watch.end(end.outcome, end.reason);
  } catch (error) {
    if (!(error instanceof WaitTimeoutError)) throw error;
    await watch.lookOnceMore(true);
    return watch.end(failing ? 'failed' : 'timed-out', error.message);
  }
}

class Watch {
  readonly #options: WatchOptions;
  readonly #ports: WatchPorts;
  readonly #started: number;
  readonly #failures = new Map<string, TaskState>();
  readonly #seenTasks = new Set<string>();
  #looks = 0;
  #service: ServiceState | undefined;
  #arn: string | undefined;
  #mayCorrelate = true;
  #tasksRead: number;
  #failedBefore = 0;

  constructor(options: WatchOptions, ports: WatchPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#started = ports.clock.now();
    this.#arn = options.deploymentArn;
    // A first look after about two seconds.
    this.#tasksRead = this.#started - tasksEvery + 2_000;
  }

  get failures(): readonly TaskState[] {
    return [...this.#failures.values()].toSorted(
      (a, b) => (b.stoppedAt?.getTime() ?? 0) - (a.stoppedAt?.getTime() ?? 0),
    );
  }

  end(outcome: WatchEnd['outcome'], reason: string): WatchEnd {
    return { outcome, reason, service: this.#service, deploymentArn: this.#arn, failures: this.failures };
  }

  /** At most 30 reads a minute once it polls slowly: the record each time, the service each third time (or, without a record, each time). */
  async look(): Promise<Sight> {
    this.#looks += 1;
    const deployment = await this.#readRecord();
    const underWay = deployment !== undefined && ['PENDING', 'IN_PROGRESS'].includes(deployment.status);
    if (!underWay || this.#looks % 3 === 1) await this.#readService();
    await this.#sideline(() => this.#readTasks());
    return { service: this.#service, deployment };
  }

  async lookOnceMore(withTasks: boolean): Promise<void> {
    await this.#sideline(() => this.#readService());
    if (withTasks) {
      this.#tasksRead = 0;
      await this.#sideline(() => this.#readTasks());
    }
  }

  async #readService(): Promise<void> {
    this.#service = await this.#ports.services.describeService(this.#options.ref);
  }

  async #readRecord(): Promise<ServiceDeploymentState | undefined> {
    if (this.#arn === undefined) await this.#correlate();
    if (this.#arn === undefined) return undefined;
    try {
      return await this.#ports.services.describeServiceDeployment(this.#arn);
    } catch (error) {
      if (!(error instanceof ActionError) || isNoNews(error)) throw error;
      // Denied: the service's own list has to do.
      this.#arn = undefined;
      this.#mayCorrelate = false;
      return undefined;
    }
  }

  /**
   * Our record is the one whose target revision carries our deployment's number: `…:service-revision/<cluster>/<service>/<n>`
   * for `ecs-svc/<n>`, as Terraform's AWS provider finds it too. Never "the newest", never by the runner's clock.
   */
  async #correlate(): Promise<void> {
    const { ref, ours, onCorrelated } = this.#options;
    const { services, clock } = this.#ports;
    if (!this.#mayCorrelate || clock.now() - this.#started > correlateFor) return;
    const number = ours.id.slice(ours.id.lastIndexOf('/') + 1);
    try {
      const listed = await services.listServiceDeployments(
        ref,
        ours.createdAt === undefined ? {} : { createdAfter: new Date(ours.createdAt.getTime() - 60_000) },
      );
      const found = listed.find(({ targetRevision }) => targetRevision.endsWith(`/${number}`));
      if (found === undefined) return;
      const definition = await services.revisionTaskDefinition(found.targetRevision);
      if (definition !== undefined && definition !== ours.taskDefinition) return;
      this.#arn = found.arn;
      onCorrelated?.(found.arn);
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      if (!isNoNews(error)) this.#mayCorrelate = false;
    }
  }

  async #readTasks(): Promise<void> {
    const { ref, ours } = this.#options;
    const { services, clock } = this.#ports;
    const failed = this.#service?.deployments.find(({ id }) => id === ours.id)?.failed ?? 0;
    const now = clock.now();
    if (now - this.#tasksRead < tasksEvery && failed <= this.#failedBefore) return;
    this.#tasksRead = now;
    this.#failedBefore = failed;
    const fresh = (await services.stoppedTasks(ref)).filter((arn) => !this.#seenTasks.has(arn));
    for (const task of await services.describeTasks(ref.cluster, fresh)) {
      // A task on its way down still lacks its reasons: it is read again.
      if (task.lastStatus !== 'STOPPED') continue;
      this.#seenTasks.add(task.arn);
      if (isFailureOf(ours, task)) this.#failures.set(task.arn, task);
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
