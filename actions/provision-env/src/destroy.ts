import type { Progress } from '../../../shared/action/progress.ts';
import type { StackState } from '../../../shared/aws/cloudformation.ts';
import { ActionError, AwsError, isAwsError } from '../../../shared/core/errors.ts';
import { discard, executeChangeSet, makeChangeSet } from './change-set.ts';
import { deletionFailure, removedIn, type DestroyPlan, type Removal, type SeenStack } from './destroy-plan.ts';
import { cancelled, failureOf } from './diagnose.ts';
import { follow, type Operation, type OperationEnd } from './follow.ts';
import { snapshotType, type Leftover } from './leftovers.ts';
import { stacksOf, type Ports } from './observe.ts';
import { unprotectedParameters } from './parameters.ts';
import type { StackKey, StackSpec } from './stacks.ts';
import { condition, succeeded } from './verdict.ts';

type Io = Ports & { readonly progress: Progress };

export interface DestroyOptions {
  readonly executionRole: string | undefined;
  readonly runName: string;
  readonly waitTimeoutMs: number;
}

/** How the work on one stack ended. */
export interface StackEnd {
  readonly spec: StackSpec;
  readonly outcome: 'gone' | 'failed' | 'not-started';
  /** Resources that this run saw go. */
  readonly removed: number;
  readonly left: readonly Leftover[];
  /** Whether anything at all was executed in AWS. */
  readonly executed: boolean;
  readonly ms: number;
  readonly failure?: ActionError;
}

/** The stacks that are there, and what is in them. */
export async function observeStacks(specs: readonly StackSpec[], io: Io): Promise<ReadonlyMap<StackKey, SeenStack>> {
  const look = async (spec: StackSpec): Promise<readonly (readonly [StackKey, SeenStack])[]> => {
    const stacks = stacksOf(spec, io);
    const state = await stacks.describe(spec.name);
    if (state === undefined) return [];
    try {
      return [[spec.key, { state, resources: await stacks.resources(state.id) }]];
    } catch (error) {
      if (!isAwsError(error, 'AccessDenied', 'AccessDeniedException')) throw error;
      io.progress.warn(`what is in ${spec.name} is taken from its template. ${error.message}`);
      return [[spec.key, { state, resources: undefined }]];
    }
  };
  return new Map((await Promise.all(specs.map(look))).flat());
}

/** Removes every stack as soon as those that use it are gone. A failure keeps back what the failed one needs. */
export async function destroy(plan: DestroyPlan, options: DestroyOptions, io: Io): Promise<readonly StackEnd[]> {
  const running = new Map<StackKey, Promise<StackEnd>>();
  for (const removal of plan.removals) {
    const users = removal.after.flatMap((key) => running.get(key) ?? []);
    const work = async (): Promise<StackEnd> => {
      const holding = (await Promise.all(users)).find(({ outcome }) => outcome !== 'gone');
      if (holding === undefined) return new StackRemoval(removal, options, io).run();
      io.progress.info(`${removal.spec.key}  not started: ${holding.spec.name} still needs it`);
      return { spec: removal.spec, outcome: 'not-started', removed: 0, left: [], executed: false, ms: 0 };
    };
    running.set(removal.spec.key, work());
  }
  return Promise.all(running.values());
}

class StackRemoval {
  readonly #spec: StackSpec;
  readonly #id: string;
  readonly #options: DestroyOptions;
  readonly #io: Io;
  readonly #start: number;
  #executed = false;

  constructor({ spec, state }: Removal, options: DestroyOptions, io: Io) {
    this.#spec = spec;
    this.#id = state.id;
    this.#options = options;
    this.#io = { ...io, stacks: stacksOf(spec, io) };
    this.#start = io.clock.now();
  }

  async run(): Promise<StackEnd> {
    let since: string | undefined;
    let failure: ActionError | undefined;
    try {
      since = await this.#io.stacks.lastEvent(this.#id);
      const state = await this.#settle();
      if (state !== undefined) await this.#delete(await this.#unprotect(state));
    } catch (error) {
      const known = this.#io.signal.aborted ? cancelled(this.#spec, { hasBegun: this.#executed, cause: error }) : error;
      if (!(known instanceof ActionError)) throw error;
      failure = known;
      this.#io.progress.info(`${this.#spec.key}  ✗ ${failure.message}`);
    }
    const { count, left } = await this.#tally(since);
    return {
      spec: this.#spec,
      outcome: failure === undefined ? 'gone' : 'failed',
      removed: count,
      left,
      executed: this.#executed,
      ms: this.#io.clock.now() - this.#start,
      ...(failure === undefined ? {} : { failure }),
    };
  }

  /** Waits for what runs already; the stack that there is then. By its id: another one of its name is none of this run's. */
  async #settle(): Promise<StackState | undefined> {
    const { stacks, progress } = this.#io;
    const state = await stacks.describe(this.#id);
    if (state === undefined || state.status === 'DELETE_COMPLETE') return undefined;
    if (condition(state.status) !== 'busy') return state;
    progress.info(`${this.#spec.key}  ${state.status}: waiting for the operation that runs already`);
    return (await this.#follow({ since: await stacks.lastEvent(this.#id), begun: true })).state;
  }

  /** RDS refuses to delete a protected database. A stack that no change set can reach is tried as it is. */
  async #unprotect(state: StackState): Promise<StackState> {
    const parameters = unprotectedParameters(state);
    if (parameters === undefined || condition(state.status) !== 'ready') return state;
    const { stacks, progress, signal } = this.#io;
    const { executionRole } = this.#options;
    progress.info(`${this.#spec.key}  switching the database’s deletion protection off`);
    signal.throwIfAborted();
    const request = {
      stack: this.#spec.name,
      name: this.#name('unprotect'),
      kind: 'UPDATE',
      template: { previous: true },
      parameters,
      tags: this.#spec.tags,
      executionRole,
    } as const;
    const changeSet = await makeChangeSet(request, this.#io);
    if (!changeSet.executable) {
      await discard({ ...request, id: changeSet.id }, stacks);
      return state;
    }
    const since = await stacks.lastEvent(this.#id);
    signal.throwIfAborted();
    this.#executed = true;
    await executeChangeSet({ ...request, id: changeSet.id }, stacks);
    const only = changeSet.changes.map(({ logicalId }) => logicalId);
    const end = await this.#follow({ since, only });
    if (end.state === undefined) return { ...state, status: 'DELETE_COMPLETE' };
    if (!succeeded(end.state.status)) throw failureOf(this.#spec, end.state, end.events);
    return end.state;
  }

  async #delete(state: StackState): Promise<void> {
    if (state.status === 'DELETE_COMPLETE') return;
    const { stacks, progress, signal } = this.#io;
    const since = await stacks.lastEvent(this.#id);
    // Last of all, so that a run that is cut off before leaves the stack protected.
    if (state.isProtected) {
      signal.throwIfAborted();
      progress.info(`${this.#spec.key}  switching the stack’s termination protection off`);
      this.#executed = true;
      await stacks.setTerminationProtection(this.#id, false);
    }
    signal.throwIfAborted();
    progress.info(`${this.#spec.key}  deleting ${this.#spec.name}`);
    this.#executed = true;
    await stacks.deleteStack(this.#id, {
      token: this.#name('destroy'),
      executionRole: this.#options.executionRole,
    });
    const end = await this.#follow({ since });
    if (end.state !== undefined) throw deletionFailure(this.#spec, end.state, end.events);
  }

  /** Also after a failure, since much may be gone by then; a cancelled run has no time for it. */
  async #tally(since: string | undefined): Promise<{ readonly count: number; readonly left: readonly Leftover[] }> {
    const { stacks, progress, signal } = this.#io;
    if (signal.aborted) return { count: 0, left: [] };
    try {
      const events = await stacks.events(this.#id, undefined);
      const { count, databases, left } = removedIn(this.#spec, this.#id, { events, since });
      const snapshots = await Promise.all(databases.map((database) => this.#snapshots(database)));
      return { count, left: [...snapshots.flat(), ...left] };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      progress.warn(`what is left of ${this.#spec.name} could not be read: ${error.message}`);
      return { count: 0, left: [] };
    }
  }

  async #snapshots({
    logicalId,
    physicalId,
  }: {
    readonly logicalId: string;
    readonly physicalId: string;
  }): Promise<readonly Leftover[]> {
    const { progress } = this.#io;
    const { name, region } = this.#spec;
    const base = { type: snapshotType, logicalId, description: 'snapshot of the database', region };
    try {
      const found = await this.#io.snapshots.ofDatabase(physicalId);
      if (found.length === 0) progress.warn(`${name}: there is no snapshot of ${physicalId}`);
      return found.map((snapshot) => ({ ...base, physicalId: snapshot }));
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      // Not found is not "none": CloudFormation made one, under a name of its own.
      progress.warn(`the name of the snapshot of ${physicalId} is not known: ${error.message}`);
      const find = `aws rds describe-db-snapshots --region ${region} --snapshot-type manual --db-instance-identifier ${physicalId} --query 'DBSnapshots[].DBSnapshotIdentifier'`;
      return [{ ...base, physicalId: undefined, find }];
    }
  }

  async #follow(what: Pick<Operation, 'since' | 'begun' | 'only'>): Promise<OperationEnd> {
    const deadline = this.#start + this.#options.waitTimeoutMs;
    return follow({ spec: this.#spec, stackId: this.#id, deadline, ...what }, this.#io, this.#io.progress);
  }

  #name(what: string): string {
    return `${this.#options.runName}-${this.#spec.key}-${what}`;
  }
}
