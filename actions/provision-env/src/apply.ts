import type { Progress } from '../../../shared/action/progress.ts';
import type { ChangeSetRequest, ParameterValue, StackState } from '../../../shared/aws/cloudformation.ts';
import { ActionError, AwsError, DeploymentError, PreconditionError } from '../../../shared/core/errors.ts';
import { describeChanges, endangers, type PlannedChange } from './changes.ts';
import {
  discard,
  executeChangeSet,
  makeChangeSet,
  previewOf,
  validationFailures,
  type MadeChangeSet,
} from './change-set.ts';
import { guards, type Guards } from './guards.ts';
import { cancelled, failureOf, hintsAtValidation, named, plainReason } from './diagnose.ts';
import { follow, type Operation, type OperationEnd } from './follow.ts';
import { openaiKey, revisionOf, stacksOf, type Ports } from './observe.ts';
import {
  areSame,
  catchUpParameters,
  creationParameters,
  heldParameters,
  ownParameters,
  resolveParameters,
  type KnownOutputs,
  type LiveService,
} from './parameters.ts';
import { computeMoved, containerFixed, forbidden, forbiddenError, stuck, type Plan, type StackPlan } from './plan.ts';
import { isOfService, isProtection, judgeReviewed, notReviewed, type Wanted } from './reviewed.ts';
import type { StackKey, StackSpec } from './stacks.ts';
import { condition, succeeded } from './verdict.ts';

export interface ApplyOptions {
  readonly executionRole: string | undefined;
  readonly runName: string;
  readonly waitTimeoutMs: number;
  readonly service: { readonly cluster: string; readonly service: string; readonly baseFamily: string };
}

export interface StackResult {
  readonly spec: StackSpec;
  readonly outcome: 'created' | 'updated' | 'unchanged' | 'failed' | 'not-started';
  /** What was executed, whether it ended well or not. */
  readonly changes: readonly PlannedChange[];
  /** Whether anything at all was executed in AWS. */
  readonly executed: boolean;
  /** What could not be removed although all went well, and why. */
  readonly leftBehind: readonly string[];
  readonly outputs: ReadonlyMap<string, string>;
  readonly ms: number;
  readonly failure?: ActionError;
}

export interface ApplyResult {
  readonly stacks: readonly StackResult[];
  readonly openaiApiKeyHasValue: boolean | undefined;
}

type Outputs = Map<StackKey, ReadonlyMap<string, string>>;

/** Works on every stack as soon as those it needs are done. A failure keeps back only what needs the failed one. */
export async function apply(
  plan: Plan,
  options: ApplyOptions,
  io: Ports & { readonly progress: Progress },
): Promise<ApplyResult> {
  const outputs: Outputs = new Map();
  const running = new Map<StackKey, Promise<StackResult>>();
  let warned = options.executionRole !== undefined;
  const beforeExecution = (): void => {
    if (!warned)
      io.progress.info(
        'CloudFormation works with this run’s own credentials (no execution-role-arn): they must outlive the slowest stack',
      );
    warned = true;
  };
  const stackOptions: StackOptions = { ...options, allowReplacement: plan.allowReplacement, beforeExecution };
  for (const stack of plan.stacks) {
    const needed = stack.needs.flatMap((need) => running.get(need) ?? []);
    const work = async (): Promise<StackResult> => {
      const before = await Promise.all(needed);
      const lacking = before.find(({ outcome }) => outcome === 'failed' || outcome === 'not-started');
      if (lacking !== undefined) {
        io.progress.info(`${stack.spec.key}  not started: it needs ${lacking.spec.name}`);
        return {
          spec: stack.spec,
          outcome: 'not-started',
          changes: [],
          executed: false,
          leftBehind: [],
          outputs: new Map(),
          ms: 0,
        };
      }
      const result = await new StackRun(stack, stackOptions, io).run(outputs);
      outputs.set(stack.spec.key, result.outputs);
      return result;
    };
    running.set(stack.spec.key, work());
  }
  const stacks = await Promise.all(running.values());
  return { stacks, openaiApiKeyHasValue: await keyAtTheEnd(outputs, io) };
}

/** Everything is done by now: what cannot be asked any more is not known. */
async function keyAtTheEnd(
  outputs: Outputs,
  io: Ports & { readonly progress: Progress },
): Promise<boolean | undefined> {
  try {
    return await openaiKey(outputs, io);
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    io.progress.warn(`whether openai-api-key has a value could not be asked: ${error.message}`);
    return undefined;
  }
}

interface StackOptions extends ApplyOptions {
  readonly allowReplacement: readonly string[];
  readonly beforeExecution: () => void;
}

/** The values that a stack is to have, and what they are made of. */
interface Resolved {
  readonly parameters: ReadonlyMap<string, string>;
  readonly outputs: KnownOutputs;
  readonly openaiApiKeyHasValue: boolean | undefined;
}

/** One stack from what it is to what it shall be. */
class StackRun {
  readonly #plan: StackPlan;
  readonly #options: StackOptions;
  readonly #io: Ports & { readonly progress: Progress };
  readonly #deadline: number;
  readonly #guards: Guards;
  #changes: readonly PlannedChange[] = [];
  #executed = false;
  readonly #leftBehind: string[] = [];
  #attempts = 0;

  constructor(plan: StackPlan, options: StackOptions, io: Ports & { readonly progress: Progress }) {
    this.#plan = plan;
    this.#options = options;
    this.#io = { ...io, stacks: stacksOf(plan.spec, io) };
    this.#guards = guards(plan.spec, this.#io);
    this.#deadline = io.clock.now() + options.waitTimeoutMs;
  }

  async run(outputs: Outputs): Promise<StackResult> {
    const { spec } = this.#plan;
    const start = this.#io.clock.now();
    const end = (outcome: StackResult['outcome'], state: StackState | undefined): StackResult => ({
      spec,
      outcome,
      changes: this.#changes,
      executed: this.#executed,
      leftBehind: this.#leftBehind,
      outputs: state?.outputs ?? new Map(),
      ms: this.#io.clock.now() - start,
    });
    let existing: StackState | undefined;
    try {
      existing = await this.#settle();
      const key = spec.parameters.has('OpenaiApiKeyHasValue') ? await openaiKey(outputs, this.#io) : undefined;
      const resolved = resolveParameters(spec, outputs, key);
      if (resolved === undefined) {
        throw new DeploymentError(
          'OutputMissing',
          `${spec.name} needs outputs that ${this.#plan.needs.join(', ')} does not have`,
        );
      }
      if (existing === undefined) {
        const { first, then } = creationParameters(spec, resolved);
        existing = await this.#create(first);
        await this.#guard(existing);
        return end('created', then === undefined ? existing : await this.#protect(existing, then));
      }
      const updated = await this.#update(existing, { parameters: resolved, outputs, openaiApiKeyHasValue: key });
      await this.#guard(updated ?? existing);
      return updated === undefined ? end('unchanged', existing) : end('updated', updated);
    } catch (error) {
      const failure = this.#io.signal.aborted ? cancelled(spec, { hasBegun: this.#executed, cause: error }) : error;
      if (!(failure instanceof ActionError)) throw error;
      this.#io.progress.info(`${spec.key}  ✗ ${failure.message}`);
      return { ...end('failed', existing), failure };
    }
  }

  async #guard(state: StackState): Promise<void> {
    if (await this.#guards.raise(state)) this.#executed = true;
  }

  /** What went wrong first is what is told. */
  async #guardAfterFailure(state: StackState): Promise<void> {
    try {
      await this.#guard(state);
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      this.#io.progress.warn(error.message);
    }
  }

  /** Waits for what runs already and clears what a failed first creation left; the stack that there is then. */
  async #settle(): Promise<StackState | undefined> {
    const { spec } = this.#plan;
    const { stacks, progress } = this.#io;
    let state = await stacks.describe(spec.name);
    if (state !== undefined && condition(state.status) === 'busy') {
      progress.info(`${spec.key}  ${state.status}: waiting for the operation that runs already`);
      // Everything that comes from now on; its beginning is of no interest.
      const since = await stacks.lastEvent(state.id);
      const end = await this.#follow(state.id, { since, begun: true });
      if (end.state !== undefined && condition(end.state.status) === 'stuck')
        throw failureOf(spec, end.state, end.events);
      this.#tellLeftBehind(end);
      ({ state } = end);
    }
    if (state === undefined) return undefined;
    switch (condition(state.status)) {
      case 'stuck':
        throw stuck(spec, state);
      case 'leftover': {
        const wrong = this.#unreviewed({ isCreation: true, changes: [] });
        if (wrong !== undefined) throw wrong;
        progress.info(`${spec.key}  removing what a first creation left (${state.status})`);
        const since = await stacks.lastEvent(state.id);
        this.#executed = true;
        await stacks.deleteStack(state.id, { token: this.#name('remove'), executionRole: this.#options.executionRole });
        const gone = await this.#follow(state.id, { since });
        if (gone.state !== undefined) throw failureOf(spec, gone.state, gone.events);
        return undefined;
      }
      case 'busy':
      case 'ready':
        return state;
    }
  }

  async #create(resolved: ReadonlyMap<string, string>): Promise<StackState> {
    const request = this.#request('CREATE', resolved);
    const changeSet = await makeChangeSet(request, this.#io);
    const wrong = this.#unreviewed({ isCreation: true, changes: describeChanges(this.#plan.spec, changeSet.changes) });
    if (wrong !== undefined) {
      await discard({ ...request, id: changeSet.id }, this.#io.stacks);
      throw wrong;
    }
    return this.#execute(request, changeSet);
  }

  /** Were the data protected from the start, CloudFormation could not roll back a creation that fails. */
  async #protect(created: StackState, parameters: ReadonlyMap<string, ParameterValue>): Promise<StackState> {
    this.#io.progress.info(`${this.#plan.spec.key}  protecting the database from deletion`);
    const request: ChangeSetRequest = { ...this.#request('UPDATE', parameters), template: { previous: true } };
    return (await this.#executeOwn(request, isProtection)) ?? created;
  }

  /** A step of the action's own, which is part of what was reviewed as long as it is nothing else. Undefined when there is nothing to do. */
  async #executeOwn(
    request: ChangeSetRequest,
    isOwn: (change: PlannedChange) => boolean,
  ): Promise<StackState | undefined> {
    const { spec, reviewed } = this.#plan;
    const changeSet = await makeChangeSet(request, this.#io);
    const changes = describeChanges(spec, changeSet.changes);
    const wrong =
      reviewed === undefined || changes.every(isOwn)
        ? undefined
        : notReviewed(spec, changes, { hasBegun: this.#executed });
    if (changeSet.executable && wrong === undefined) return this.#execute(request, changeSet);
    await discard({ ...request, id: changeSet.id }, this.#io.stacks);
    if (wrong !== undefined) throw wrong;
    return undefined;
  }

  /** Undefined when there is nothing to change. */
  async #update(existing: StackState, resolved: Resolved): Promise<StackState | undefined> {
    const { spec } = this.#plan;
    const { parameters } = resolved;
    const held = heldParameters(spec, existing, parameters);
    const request = this.#request('UPDATE', new Map([...parameters, ...held]));
    const changeSet = await makeChangeSet(request, this.#io);
    if (!changeSet.executable) {
      await discard({ ...request, id: changeSet.id }, this.#io.stacks);
      this.#io.progress.info(`${spec.key}  unchanged`);
      return undefined;
    }
    const changes = describeChanges(spec, changeSet.changes);
    let service: LiveService | undefined;
    try {
      service = await this.#permitted(existing, changes, resolved);
    } catch (error) {
      await discard({ ...request, id: changeSet.id }, this.#io.stacks);
      throw error;
    }
    const catchUp = service === undefined ? undefined : catchUpParameters(spec, existing, service);
    if (catchUp === undefined) return this.#executeAllowed(existing, request, { changeSet, changes, service });

    // The stack first learns what was deployed since; executing that drops every other change set.
    await discard({ ...request, id: changeSet.id }, this.#io.stacks);
    this.#io.progress.info(`${spec.key}  taking note of the deployed task definition`);
    const note: ChangeSetRequest = { ...this.#request('UPDATE', catchUp), template: { previous: true } };
    await this.#executeOwn(note, isOfService);
    const known = await this.#io.stacks.describe(spec.name);
    return this.#attempts > 3 || known === undefined ? this.#unsettled() : this.#update(known, resolved);
  }

  /** What runs now, where that matters; throws when the change set may not be executed. */
  async #permitted(
    existing: StackState,
    changes: readonly PlannedChange[],
    resolved: Resolved,
  ): Promise<LiveService | undefined> {
    const { spec } = this.#plan;
    const service = spec.parameters.has('ServiceTaskDefinition') ? await this.#service() : undefined;
    if (service instanceof ActionError) throw service;
    const atRisk = forbidden(changes, this.#options.allowReplacement);
    if (atRisk.length > 0) throw forbiddenError(spec, atRisk);
    const isReviewed = this.#plan.reviewed !== undefined;
    const own = isReviewed ? await this.#ownChanges(existing, resolved, changes) : changes;
    const wrong = this.#unreviewed({ isCreation: false, changes: own });
    if (wrong !== undefined) throw wrong;
    // Once more: neither may have been known when it was planned.
    const deployed = service === undefined || service.taskDefinition === 'base' ? undefined : service.taskDefinition;
    const fixed = deployed === undefined ? undefined : containerFixed(spec, existing, deployed);
    const moved = computeMoved(spec, existing) ?? fixed;
    if (moved !== undefined) throw moved;
    return service;
  }

  /** Why this is not what somebody looked at, where somebody had to. */
  #unreviewed(wanted: Wanted): ActionError | undefined {
    const { spec, reviewed } = this.#plan;
    return reviewed === undefined ? undefined : judgeReviewed(spec, reviewed, { ...wanted, hasBegun: this.#executed });
  }

  /** What the stack's own template and configuration change, where what other stacks put out has changed as well. */
  async #ownChanges(
    existing: StackState,
    resolved: Resolved,
    all: readonly PlannedChange[],
  ): Promise<readonly PlannedChange[]> {
    const { spec } = this.#plan;
    const own = ownParameters(spec, existing, resolved);
    if (own === undefined || areSame(own, resolved.parameters)) return all;
    const request = this.#request('UPDATE', new Map([...own, ...heldParameters(spec, existing, own)]));
    const { changes } = await previewOf(request, this.#io);
    return describeChanges(spec, changes);
  }

  /** Executes what `allow-replacement` allows, with AWS's own guard out of the way for as long. */
  async #executeAllowed(
    existing: StackState,
    request: ChangeSetRequest,
    {
      changeSet,
      changes,
      service,
    }: {
      readonly changeSet: MadeChangeSet;
      readonly changes: readonly PlannedChange[];
      readonly service: LiveService | undefined;
    },
  ): Promise<StackState> {
    const allowed = changes.filter(endangers);
    try {
      await this.#guards.lower(
        existing,
        allowed.map(({ logicalId }) => logicalId),
      );
    } catch (error) {
      await discard({ ...request, id: changeSet.id }, this.#io.stacks);
      throw error;
    }
    try {
      return await this.#executeBeside(service, request, changeSet);
    } catch (error) {
      // What still runs may need it lowered to the end; the next run that finds the stack at rest raises it.
      const hasEnded = error instanceof DeploymentError;
      if (allowed.length > 0 && hasEnded) await this.#guardAfterFailure(existing);
      if (allowed.length > 0 && !hasEnded) {
        const ids = allowed.map(({ logicalId }) => logicalId).join(', ');
        this.#io.progress.warn(
          `${this.#plan.spec.name} is not guarded against replacing or removing ${ids} until the next run`,
        );
      }
      throw error;
    }
  }

  /** Executes, and after a roll-back makes sure that the service still runs what it ran. */
  async #executeBeside(
    before: LiveService | undefined,
    request: ChangeSetRequest,
    changeSet: MadeChangeSet,
  ): Promise<StackState> {
    try {
      return await this.#execute(request, changeSet);
    } catch (error) {
      const after = before === undefined || !(error instanceof DeploymentError) ? before : await this.#service();
      if (
        before !== undefined &&
        after !== undefined &&
        !(after instanceof ActionError) &&
        after.taskDefinition !== before.taskDefinition
      ) {
        this.#io.progress.warn(
          `The roll-back left the service on ${after.taskDefinition}; before it ran ${before.taskDefinition}. Deploy again.`,
        );
      }
      throw error;
    }
  }

  #unsettled(): never {
    throw new PreconditionError(
      'DeploymentRunning',
      `${this.#plan.spec.name}: deployments keep changing what the service runs`,
      {
        hint: 'The stack took note of them; nothing else was changed in it. Run again when no deployment is under way.',
      },
    );
  }

  /** What the service runs; an error while a deployment is under way, which an update would take for the state to keep. */
  async #service(): Promise<LiveService | ActionError> {
    const { cluster, service, baseFamily } = this.#options.service;
    const state = await this.#io.services.describeService({ cluster, service });
    if (state === undefined || state.status !== 'ACTIVE') return { taskDefinition: 'base' };
    if (state.deployments.some(({ rolloutState }) => rolloutState === 'IN_PROGRESS')) {
      return new PreconditionError('DeploymentRunning', `a deployment of ${service} is under way`, {
        hint: 'Nothing was changed in this stack. Run again when the deployment has ended.',
      });
    }
    return { taskDefinition: revisionOf(state, baseFamily) };
  }

  async #execute(request: ChangeSetRequest, changeSet: MadeChangeSet): Promise<StackState> {
    const { spec } = this.#plan;
    const { stacks, progress } = this.#io;
    const changes = describeChanges(spec, changeSet.changes);
    const { state, since } = await this.#before(request, changeSet);
    progress.info(
      `${spec.key}  ${request.kind === 'CREATE' ? 'creating' : 'updating'} ${spec.name}: ${counted(changes)}`,
    );
    this.#options.beforeExecution();
    this.#executed = true;
    await executeChangeSet({ ...request, id: changeSet.id }, stacks);
    if (typeof request.template === 'string') this.#changes = changes;
    const end = await this.#follow(state.id, { since, only: changes.map(({ logicalId }) => logicalId) });
    if (end.state === undefined || !succeeded(end.state.status)) {
      const found = hintsAtValidation(end.events) ? await validationFailures({ stack: state.id }, stacks) : [];
      const ours = found.filter(({ at }) => at >= (end.events[0]?.at ?? 0));
      throw failureOf(spec, end.state ?? { ...state, status: 'DELETE_COMPLETE' }, [...ours, ...end.events]);
    }
    this.#tellLeftBehind(end);
    return end.state;
  }

  /** The stack and its newest event; where they cannot be had, nothing is left of the change set. */
  async #before(
    request: ChangeSetRequest,
    changeSet: MadeChangeSet,
  ): Promise<{ readonly state: StackState; readonly since: string | undefined }> {
    const { stacks } = this.#io;
    const { name } = this.#plan.spec;
    try {
      const state = await stacks.describe(name);
      if (state === undefined)
        throw new DeploymentError('StackGone', `${name} vanished before its change set was executed`);
      return { state, since: await stacks.lastEvent(state.id) };
    } catch (error) {
      if (error instanceof AwsError) await discard({ ...request, id: changeSet.id }, stacks);
      throw error;
    }
  }

  /** CloudFormation calls an update complete although it could not remove what it replaced. */
  #tellLeftBehind({ state, events }: OperationEnd): void {
    const { spec } = this.#plan;
    for (const event of events) {
      if (event.status !== 'DELETE_FAILED' || event.physicalId === state?.id) continue;
      const left = `${spec.name}: ${named(spec, event)} could not be removed and stays, outside of the stack: ${event.physicalId}: ${plainReason(event.reason)}`;
      this.#leftBehind.push(left);
      this.#io.progress.warn(left);
    }
  }

  async #follow(stackId: string, what: Pick<Operation, 'since' | 'begun' | 'only'>): Promise<OperationEnd> {
    const operation = { spec: this.#plan.spec, stackId, deadline: this.#deadline, ...what };
    return follow(operation, this.#io, this.#io.progress);
  }

  #request(kind: ChangeSetRequest['kind'], parameters: ReadonlyMap<string, ParameterValue>): ChangeSetRequest {
    const { spec } = this.#plan;
    this.#attempts += 1;
    return {
      stack: spec.name,
      name: this.#name(String(this.#attempts)),
      kind,
      template: spec.body,
      parameters,
      tags: spec.tags,
      executionRole: this.#options.executionRole,
    };
  }

  #name(what: string): string {
    return `${this.#options.runName}-${this.#plan.spec.key}-${what}`;
  }
}

function counted(changes: readonly PlannedChange[]): string {
  const kinds = ['add', 'change', 'perhaps-replace', 'replace', 'remove'] as const;
  const parts = kinds.flatMap((kind) => {
    const count = changes.filter((change) => change.kind === kind).length;
    return count === 0 ? [] : [`${count} to ${kind.replace('-', ' ')}`];
  });
  return parts.length === 0 ? 'outputs only' : parts.join(', ');
}
