import type { StackState } from '../../../shared/aws/cloudformation.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import { changeText, describeChanges, endangers, type PlannedChange } from './changes.ts';
import type { Observed } from './observe.ts';
import { containerChanges, knownOutputs, resolveParameters } from './parameters.ts';
import { edgeRegion, planDigest, stackNeeds, type StackKey, type StackSpec } from './stacks.ts';
import { readDigest, writeDigest, type PlanDigest, type Reviewed } from './plan-digest.ts';
import { judgeReviewed, reviewedOf } from './reviewed.ts';
import { resourcesOf } from './template.ts';
import { recovery, stackCommand } from './diagnose.ts';
import { inEdgeOrder } from './edge.ts';
import { condition } from './verdict.ts';
import { judgeZone } from './zone.ts';

export interface StackPlan {
  readonly spec: StackSpec;
  readonly needs: readonly StackKey[];
  /** `recreate`: remove what a failed first creation left, then create. `update` with nothing to change does nothing. `unasked`: AWS was not. */
  readonly action: 'create' | 'recreate' | 'update' | 'unasked';
  /** First wait for the operation that runs already. */
  readonly attach: boolean;
  readonly reason: string;
  /** Undefined when only a change set will tell. */
  readonly changes: readonly PlannedChange[] | undefined;
  /** Those of its own, without what follows from other values of other stacks; undefined when only a change set will tell. */
  readonly own: readonly PlannedChange[] | undefined;
  /** What the plan that is to be applied showed; undefined when none has to be. */
  readonly reviewed: Reviewed | undefined;
}

export interface Plan {
  readonly digest: string;
  readonly stacks: readonly StackPlan[];
  readonly allowReplacement: readonly string[];
  /** What could not be made out beforehand. */
  readonly warnings: readonly string[];
}

export interface PlanInputs {
  readonly specs: readonly StackSpec[];
  readonly planDigest: string | undefined;
  readonly allowReplacement: readonly string[];
}

/** What the templates hold with this configuration, without asking AWS: a pull request from a fork gets no credentials. */
export function planOffline({ specs, allowReplacement }: Pick<PlanInputs, 'specs' | 'allowReplacement'>): Plan {
  const stacks = specs.map((spec): StackPlan => ({
    spec,
    needs: [],
    attach: false,
    action: 'unasked',
    reason: 'no credentials',
    changes: additions(spec, { stacks: new Map(), openaiApiKeyHasValue: undefined }),
    own: undefined,
    reviewed: undefined,
  }));
  return {
    // Nobody can review by it what would happen to stacks that are there.
    digest: writeDigest({ base: planDigest(specs), stacks: new Map(specs.map(({ key }) => [key, 'open'])) }),
    stacks,
    allowReplacement,
    warnings: [
      'the pull request comes from a fork, whose runs get no credentials: AWS was not asked. Shown is what the templates hold with this configuration, not what would change.',
    ],
  };
}

export function planStacks(inputs: PlanInputs, observed: Observed): Plan {
  const base = planDigest(inputs.specs);
  const reviewed = inputs.planDigest === undefined ? undefined : readDigest(inputs.planDigest);
  if (reviewed !== undefined && reviewed.base !== base) {
    throw new PreconditionError('PlanChanged', `the plan that was reviewed is ${reviewed.base}, this one is ${base}`, {
      hint: 'Template, configuration or inputs differ from what was reviewed. Review a new plan, or give apply the inputs of the old one.',
    });
  }
  const zone = observed.zone === undefined ? undefined : judgeZone(observed.zone);
  if (zone instanceof PreconditionError) throw zone;
  const { specs, appFirst } = inEdgeOrder(inputs.specs, observed.stacks);
  const planned = specs.map((spec) => planStack(spec, observed, { specs, appFirst }));
  const shown = planned.map(({ spec, action, own }) => [spec.key, reviewedOf(action !== 'update', own)] as const);
  const stacks = planned.map((plan) => ({ ...plan, reviewed: judged(plan, reviewed) }));
  return {
    digest: writeDigest({ base, stacks: new Map(shown) }),
    stacks,
    allowReplacement: inputs.allowReplacement,
    warnings: [
      ...(zone === undefined ? [] : [zone]),
      ...(observed.needlessEdge === undefined
        ? []
        : [
            `nothing needs the stack ${observed.needlessEdge} any more: once this run has succeeded, aws cloudformation delete-stack --region ${edgeRegion} --stack-name ${observed.needlessEdge}`,
          ]),
    ],
  };
}

/** What was reviewed of a stack; throws when already now something else would be done. */
function judged(
  { spec, action, own }: Omit<StackPlan, 'reviewed'>,
  digest: PlanDigest | undefined,
): Reviewed | undefined {
  if (digest === undefined) return undefined;
  const reviewed = digest.stacks.get(spec.key) ?? 'open';
  const isCreation = action !== 'update';
  const wrong = own === undefined ? undefined : judgeReviewed(spec, reviewed, { isCreation, changes: own });
  if (wrong !== undefined) throw wrong;
  return reviewed;
}

interface Order {
  readonly specs: readonly StackSpec[];
  readonly appFirst: boolean;
}

function needsOf({ key }: StackSpec, appFirst: boolean): readonly StackKey[] {
  if (!appFirst) return stackNeeds[key];
  return key === 'edge' ? ['app'] : stackNeeds[key].filter((need) => need !== 'edge');
}

function planStack(spec: StackSpec, observed: Observed, { specs, appFirst }: Order): Omit<StackPlan, 'reviewed'> {
  const state = observed.stacks.get(spec.key);
  const needs = needsOf(spec, appFirst).filter((need) => specs.some(({ key }) => key === need));
  const base = { spec, needs, attach: false };
  if (state === undefined) {
    const changes = additions(spec, observed);
    return { ...base, action: 'create', reason: 'the stack does not exist', changes, own: changes };
  }
  switch (condition(state.status)) {
    case 'leftover': {
      const changes = additions(spec, observed);
      const reason = `a first creation did not succeed (${state.status})`;
      return { ...base, action: 'recreate', reason, changes, own: changes };
    }
    case 'stuck':
      throw stuck(spec, state);
    case 'busy':
      return {
        ...base,
        action: 'update',
        attach: true,
        reason: `an operation is running (${state.status})`,
        changes: undefined,
        own: undefined,
      };
    case 'ready': {
      const moved = computeMoved(spec, state);
      if (moved !== undefined) throw moved;
      const fixed = observed.deployed === undefined ? undefined : containerFixed(spec, state, observed.deployed);
      if (fixed !== undefined) throw fixed;
      const preview = observed.previews.get(spec.key);
      const alone = observed.ownPreviews.get(spec.key);
      const own = alone === undefined ? undefined : describeChanges(spec, alone.changes);
      // Where another stack cannot tell yet what it will put out, what is known without that is shown.
      const changes = preview === undefined ? own : describeChanges(spec, preview.changes);
      return {
        ...base,
        action: 'update',
        reason:
          changes?.length !== 0
            ? 'the stack exists'
            : preview?.executable === true
              ? 'outputs alone differ'
              : needs.some((need) => observed.previews.get(need)?.executable === true)
                ? `nothing differs, unless outputs of ${needs.join(', ')} do`
                : 'nothing differs',
        changes,
        own,
      };
    }
  }
}

export function stuck(spec: StackSpec, state: StackState): PreconditionError {
  return new PreconditionError(
    'StackStuck',
    `${spec.name} is ${state.status}${state.reason === '' ? '' : `: ${state.reason}`}`,
    {
      hint:
        state.status === 'UPDATE_ROLLBACK_FAILED'
          ? recovery(spec, state)
          : state.status === 'DELETE_FAILED'
            ? `Mend what kept it from being deleted, then: ${stackCommand('delete-stack', spec, state)}; then run again.`
            : `See the stack’s events: ${stackCommand('describe-stack-events', spec, state)}`,
    },
  );
}

/**
 * The service names a container and its port, and the revision that runs must have both: ECS refuses one without the other.
 * Undefined when neither is to change.
 */
export function containerFixed(spec: StackSpec, state: StackState, deployed: string): PreconditionError | undefined {
  const changes = containerChanges(spec, state);
  if (changes.length === 0) return undefined;
  const list = changes.map(({ name, is, wanted }) => `${name} from ${is} to ${wanted}`).join(' and ');
  return new PreconditionError(
    'ContainerDeployed',
    `${spec.name}: ${list} cannot change while the service runs ${deployed}, which has the old one`,
    {
      hint: `Nothing was changed in this stack. Set ${changes.map(({ name, is }) => `${name}: ${is}`).join(', ')}. To change it all the same, ${anew(spec)}`,
    },
  );
}

/** A service cannot move between Fargate and instances: it would be made anew under a name that the old one still has. */
export function computeMoved(spec: StackSpec, state: StackState): PreconditionError | undefined {
  const source = spec.parameters.get('Compute');
  // Older stacks know nothing else.
  const is = state.parameters.get('Compute') ?? 'fargate';
  if (source?.from !== 'value' || is === source.value) return undefined;
  return new PreconditionError(
    'ComputeFixed',
    `${spec.name} runs on ${is}; its service cannot move to ${source.value}`,
    {
      hint: `Nothing was changed. Set compute: ${is}. To move all the same, ${anew(spec)}`,
    },
  );
}

/** How to come to what no update can do. */
function anew({ name }: StackSpec): string {
  return `delete the stack ${name} (site and API are gone meanwhile; data stays in the foundation), then apply and deploy again.`;
}

/** What a new stack will hold, from its template. */
function additions(
  spec: StackSpec,
  observed: Pick<Observed, 'stacks' | 'openaiApiKeyHasValue'>,
): readonly PlannedChange[] {
  const known = new Map<string, string | undefined>();
  const resolved = resolveParameters(spec, knownOutputs(observed.stacks), observed.openaiApiKeyHasValue);
  for (const [name, source] of spec.parameters) {
    known.set(name, resolved?.get(name) ?? (source.from === 'value' ? source.value : undefined));
  }
  return resourcesOf(spec.template, known).map(({ logicalId, type, description }) => ({
    kind: 'add',
    logicalId,
    type,
    description,
    properties: [],
    holdsData: false,
    stays: undefined,
  }));
}

/** Changes that would lose data and that nobody has allowed by name. */
export function forbidden(changes: readonly PlannedChange[], allowed: readonly string[]): readonly PlannedChange[] {
  return changes.filter((change) => endangers(change) && !allowed.includes(change.logicalId));
}

export function forbiddenError(spec: StackSpec, changes: readonly PlannedChange[]): PreconditionError {
  const list = changes.map((change) => changeText({ ...change, properties: [] })).join(', ');
  return new PreconditionError('DataAtRisk', `${spec.name}: the change would ${list}`, {
    hint: `Nothing was changed. If that is meant, name it in allow-replacement: ${changes.map(({ logicalId }) => logicalId).join(', ')}${changes.some(({ kind }) => kind !== 'remove') ? '. CloudFormation replaces only what has no fixed name: what has one must be moved by hand first' : ''}`,
  });
}
