import type { StackEvent, StackState, Stacks } from '../../../shared/aws/cloudformation.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import { isNoNews, waitUntil } from '../../../shared/aws/wait.ts';
import { humanDuration, type Clock } from '../../../shared/core/clock.ts';
import { AwsError, isAwsError, WaitTimeoutError } from '../../../shared/core/errors.ts';
import { pollInterval } from './change-set.ts';
import { serviceOfArn, type DeadTasks } from './dead-task.ts';
import { isConsequence, isOfStack, lastOperation, named, plainReason, rootCause, told } from './diagnose.ts';
import { Silence } from './silence.ts';
import type { StackSpec } from './stacks.ts';
import { judgeOperation, succeeded } from './verdict.ts';

export interface Operation {
  readonly spec: StackSpec;
  readonly stackId: string;
  /** The newest event before the operation; what came later belongs to it. */
  readonly since: string | undefined;
  /** It runs already: there may be no new event to wait for. */
  readonly begun?: boolean;
  /** The resources to tell about; failures are told in any case. */
  readonly only?: readonly string[];
  readonly deadline: number;
}

export interface OperationEnd {
  /** Undefined when the stack is gone. */
  readonly state: StackState | undefined;
  /** All of the operation, also what happened before anyone followed it. The reason of an ECS service that failed tells why its tasks died. */
  readonly events: readonly StackEvent[];
}

export interface FollowPorts {
  readonly stacks: Stacks;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly deadTasks: DeadTasks;
}

const done: Readonly<Record<string, string>> = {
  CREATE_COMPLETE: 'created',
  UPDATE_COMPLETE: 'updated',
  DELETE_COMPLETE: 'removed',
  DELETE_SKIPPED: 'kept',
};

/** Resources in a line. */
const mostNamed = 5;

/** What everybody waits for in the end. */
const slowTypes = [
  'AWS::RDS::DBInstance',
  'AWS::ElastiCache::ReplicationGroup',
  'AWS::CloudFront::Distribution',
  'AWS::ECS::Service',
];

/** Follows a stack's operation to its end and tells of every resource as it is done. */
export async function follow(operation: Operation, ports: FollowPorts, progress: Progress): Promise<OperationEnd> {
  const following = new Following(operation, ports, progress);
  try {
    const state = await waitUntil(
      () => following.look(),
      (seen) => judgeOperation(operation.spec.name, seen),
      {
        clock: ports.clock,
        deadline: operation.deadline,
        interval: pollInterval,
        what: `the operation of ${operation.spec.name}`,
        signal: ports.signal,
      },
    );
    following.tellEnd(state);
    return { state, events: following.events };
  } catch (error) {
    if (!(error instanceof WaitTimeoutError)) throw error;
    const { underWay } = following;
    throw new WaitTimeoutError(`${error.message}${underWay === '' ? '' : `. Under way: ${underWay}`}`, error.lastSeen, {
      hint: 'CloudFormation goes on by itself: run again to attach to it, or raise wait-timeout-minutes.',
    });
  }
}

class Following {
  readonly events: StackEvent[] = [];
  readonly #operation: Operation;
  readonly #ports: FollowPorts;
  readonly #progress: Progress;
  readonly #silence: Silence;
  /** What is under way, since when. */
  readonly #begunAt = new Map<string, number>();
  /** What a resource waits for. */
  readonly #waits = new Map<string, string>();
  readonly #records = new Set<string>();
  readonly #start: number;
  #since: string | undefined;
  #hasHistory: boolean;
  #mayReadEvents = true;
  #isUndoing = false;
  #wasBusy = false;

  constructor(operation: Operation, ports: FollowPorts, progress: Progress) {
    this.#operation = operation;
    this.#ports = ports;
    this.#progress = progress;
    this.#silence = new Silence(ports.clock);
    this.#start = ports.clock.now();
    this.#since = operation.since;
    this.#hasHistory = operation.begun !== true;
  }

  async look(): Promise<{ readonly state: StackState | undefined; readonly begun: boolean }> {
    try {
      const [state, fresh] = await Promise.all([
        this.#ports.stacks.describe(this.#operation.stackId),
        this.#freshEvents(),
      ]);
      // Only now: with an answer of the stack lost, these events are to come again.
      this.#since = fresh.at(-1)?.id ?? this.#since;
      for (const event of fresh) await this.#take(event);
      this.#tellCancelled(fresh);
      if (state?.status.endsWith('_IN_PROGRESS') === true) this.#wasBusy = true;
      if (state !== undefined) this.#tellWaiting(state.status);
      return {
        state,
        begun: this.#operation.begun === true || this.events.length > 0 || this.#wasBusy,
      };
    } catch (error) {
      if (error instanceof AwsError && isNoNews(error) && this.#silence.isLong) {
        this.#say(`… no answer from CloudFormation (${error.code}), asking on`);
      }
      throw error;
    }
  }

  /** Whoever comes in late is told what went wrong before. */
  tellEnd(state: StackState | undefined): void {
    if (this.#operation.begun !== true || state === undefined || succeeded(state.status)) return;
    const cause = rootCause(this.events, state.id);
    const why = cause === undefined ? '' : `; what failed first: ${told(this.#operation.spec, cause)}`;
    this.#say(`✗ the operation that ran already ended as ${state.status}${why}`);
  }

  /** A role that may not read events still learns from the stack itself how it ends. */
  async #freshEvents(): Promise<readonly StackEvent[]> {
    if (!this.#mayReadEvents) return [];
    try {
      if (!this.#hasHistory) await this.#readHistory();
      return await this.#ports.stacks.events(this.#operation.stackId, this.#since);
    } catch (error) {
      if (!isAwsError(error, 'AccessDenied', 'AccessDeniedException')) throw error;
      this.#mayReadEvents = false;
      this.#progress.warn(`${this.#operation.spec.name} is followed without its events. ${error.message}`);
      return [];
    }
  }

  /** What the operation did before we came: what is under way since when, what it waits for, and what failed. */
  async #readHistory(): Promise<void> {
    const { stackId, since } = this.#operation;
    const all = await this.#ports.stacks.events(stackId, undefined);
    const known = all.slice(0, all.findIndex(({ id }) => id === since) + 1);
    const past = lastOperation(known, stackId);
    for (const event of past) if (!this.#note(event)) this.#forget(event);
    for (const event of past) if (this.#begunAt.has(event.logicalId)) this.#tellRecord(event);
    this.events.push(...past);
    this.#hasHistory = true;
  }

  async #take(event: StackEvent): Promise<void> {
    const explained = await this.#explained(event);
    this.events.push(explained);
    this.#tell(explained);
  }

  /** CloudFormation only knows that a service did not become stable; why its tasks died is for ECS to tell, and not for long. */
  async #explained(event: StackEvent): Promise<StackEvent> {
    const service = serviceOfArn(event.physicalId);
    const failed = event.type === 'AWS::ECS::Service' && /^(?:CREATE|UPDATE)_FAILED$/.test(event.status);
    if (!failed || service === undefined || /cancelled/i.test(event.reason)) return event;
    const why = await this.#ports.deadTasks(service, this.#begunAt.get(event.logicalId) ?? this.#start);
    return why === undefined ? event : { ...event, reason: `${plainReason(event.reason)} ${why}` };
  }

  /** True when no resource is done with it: it tells of the stack, of nothing that anyone wants to know, or of a beginning. */
  #note(event: StackEvent): boolean {
    const { logicalId, status, at } = event;
    if (isOfStack(event, this.#operation.stackId)) {
      if (status.endsWith('ROLLBACK_IN_PROGRESS')) this.#isUndoing = true;
      return true;
    }
    const isTold = this.#operation.only?.includes(logicalId) ?? true;
    if (!isTold && !status.endsWith('_FAILED')) return true;
    if (!status.endsWith('_IN_PROGRESS')) return false;
    if (!this.#begunAt.has(logicalId)) this.#begunAt.set(logicalId, at);
    return true;
  }

  #forget({ logicalId }: StackEvent): void {
    this.#begunAt.delete(logicalId);
    this.#waits.delete(logicalId);
  }

  #tell(event: StackEvent): void {
    const { logicalId, status, at, reason } = event;
    const wasUndoing = this.#isUndoing;
    if (this.#note(event)) {
      if (this.#isUndoing && !wasUndoing) this.#say('… rolling back');
      this.#tellRecord(event);
      return;
    }
    const begun = this.#begunAt.get(logicalId) ?? at;
    this.#forget(event);
    const what = named(this.#operation.spec, event);
    if (status.endsWith('_FAILED')) {
      if (!isConsequence(event)) this.#say(`✗ ${what}: ${status}: ${plainReason(reason)}`);
    } else if (!this.#isUndoing) this.#say(`✓ ${done[status] ?? status} ${what}, ${humanDuration(at - begun)}`);
  }

  /** One line for all of them: they hide the failure that they follow from. */
  #tellCancelled(fresh: readonly StackEvent[]): void {
    const count = fresh.filter((event) => isConsequence(event) && !isOfStack(event, this.#operation.stackId)).length;
    if (count > 0) this.#say(`✗ ${count === 1 ? '1 resource was' : `${count} resources were`} cancelled because of it`);
  }

  /** A certificate waits for a DNS record, without end where nobody makes it: AWS tells it in an event, and so do we. */
  #tellRecord(event: StackEvent): void {
    const record = dnsRecord(event);
    if (record === undefined || this.#records.has(record)) return;
    this.#records.add(record);
    this.#waits.set(event.logicalId, 'waits for DNS validation');
    this.#say(
      `… ${named(this.#operation.spec, event)} waits for DNS validation by the record ${record} (CloudFormation makes it where it knows the hosted zone; else it is for you to make)`,
    );
  }

  #tellWaiting(status: string): void {
    if (!this.#silence.isLong) return;
    const { underWay } = this;
    const what = this.#isUndoing ? 'rolling back' : status;
    const all = `${what} for ${humanDuration(this.#ports.clock.now() - this.#start)}`;
    this.#say(underWay === '' ? `… ${all}` : `… ${this.#isUndoing ? 'rolling back: ' : ''}${underWay}`);
  }

  /** What is under way, since when and what for: what waits for a person first, then what is known to take long. */
  get underWay(): string {
    const now = this.#ports.clock.now();
    const each = [...this.#begunAt]
      .toSorted(([a, from], [b, to]) => this.#rank(a) - this.#rank(b) || from - to)
      .map(([id, at]) => {
        const what = this.#operation.spec.template.resources.get(id)?.description ?? id;
        const why = this.#waits.get(id);
        return `${what} ${humanDuration(now - at)}${why === undefined ? '' : ` (${why})`}`;
      });
    const more = each.length > mostNamed ? ` and ${each.length - mostNamed} more` : '';
    return `${each.slice(0, mostNamed).join(', ')}${more}`;
  }

  #rank(logicalId: string): number {
    if (this.#waits.has(logicalId)) return 0;
    return slowTypes.includes(this.#operation.spec.template.resources.get(logicalId)?.type ?? '') ? 1 : 2;
  }

  #say(line: string): void {
    this.#progress.info(`${this.#operation.spec.key}  ${line}`);
    this.#silence.break();
  }
}

/** `<name> CNAME <value>` */
function dnsRecord({ type, reason }: StackEvent): string | undefined {
  if (type !== 'AWS::CertificateManager::Certificate') return undefined;
  const [, name, kind, value] =
    /Content of DNS Record is:\s*\{\s*Name:\s*([^,\s]+)\s*,\s*Type:\s*(\w+)\s*,\s*Value:\s*([^}\s]+)\s*\}/.exec(
      reason,
    ) ?? [];
  return name === undefined || kind === undefined || value === undefined ? undefined : `${name} ${kind} ${value}`;
}
