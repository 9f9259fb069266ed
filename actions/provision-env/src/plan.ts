import type { PropertyChange, ResourceChange, StackState } from '../../../shared/aws/cloudformation.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import type { Observed } from './observe.ts';
import { containerChanges, knownOutputs, resolveParameters } from './parameters.ts';
import { edgeRegion, planDigest, stackNeeds, type StackKey, type StackSpec } from './stacks.ts';
import { resourcesOf } from './template.ts';
import { recovery, stackCommand } from './diagnose.ts';
import { inEdgeOrder } from './edge.ts';
import { condition } from './verdict.ts';
import { judgeZone } from './zone.ts';

export interface PlannedChange {
  /** `perhaps-replace`: CloudFormation only knows while it executes. */
  readonly kind: 'add' | 'change' | 'perhaps-replace' | 'replace' | 'remove';
  readonly logicalId: string;
  readonly type: string;
  readonly description: string;
  readonly properties: readonly PropertyChange[];
  readonly holdsData: boolean;
}

export interface StackPlan {
  readonly spec: StackSpec;
  readonly needs: readonly StackKey[];
  /** `recreate`: remove what a failed first creation left, then create. `update` with nothing to change does nothing. */
  readonly action: 'create' | 'recreate' | 'update';
  /** First wait for the operation that runs already. */
  readonly attach: boolean;
  readonly reason: string;
  /** Undefined when only a change set will tell. */
  readonly changes: readonly PlannedChange[] | undefined;
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

export function planStacks(inputs: PlanInputs, observed: Observed): Plan {
  const digest = planDigest(inputs.specs);
  if (inputs.planDigest !== undefined && inputs.planDigest !== digest) {
    throw new PreconditionError(
      'PlanChanged',
      `the plan that was reviewed is ${inputs.planDigest}, this one is ${digest}`,
      {
        hint: 'Template, configuration or inputs differ from what was reviewed. Review a new plan, or give apply the inputs of the old one.',
      },
    );
  }
  const zone = observed.zone === undefined ? undefined : judgeZone(observed.zone);
  if (zone instanceof PreconditionError) throw zone;
  const { specs, appFirst } = inEdgeOrder(inputs.specs, observed.stacks);
  return {
    digest,
    stacks: specs.map((spec) => planStack(spec, observed, { specs, appFirst })),
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

interface Order {
  readonly specs: readonly StackSpec[];
  readonly appFirst: boolean;
}

function needsOf({ key }: StackSpec, appFirst: boolean): readonly StackKey[] {
  if (!appFirst) return stackNeeds[key];
  return key === 'edge' ? ['app'] : stackNeeds[key].filter((need) => need !== 'edge');
}

function planStack(spec: StackSpec, observed: Observed, { specs, appFirst }: Order): StackPlan {
  const state = observed.stacks.get(spec.key);
  const needs = needsOf(spec, appFirst).filter((need) => specs.some(({ key }) => key === need));
  const base = { spec, needs, attach: false };
  if (state === undefined) {
    return { ...base, action: 'create', reason: 'the stack does not exist', changes: additions(spec, observed) };
  }
  switch (condition(state.status)) {
    case 'leftover':
      return {
        ...base,
        action: 'recreate',
        reason: `a first creation did not succeed (${state.status})`,
        changes: additions(spec, observed),
      };
    case 'stuck':
      throw stuck(spec, state);
    case 'busy':
      return {
        ...base,
        action: 'update',
        attach: true,
        reason: `an operation is running (${state.status})`,
        changes: undefined,
      };
    case 'ready': {
      const moved = computeMoved(spec, state);
      if (moved !== undefined) throw moved;
      const fixed = observed.deployed === undefined ? undefined : containerFixed(spec, state, observed.deployed);
      if (fixed !== undefined) throw fixed;
      const preview = observed.previews.get(spec.key);
      const changes = preview === undefined ? undefined : describeChanges(spec, preview.changes);
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
function additions(spec: StackSpec, observed: Observed): readonly PlannedChange[] {
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
  }));
}

const replacements = { False: 'change', Conditional: 'perhaps-replace', True: 'replace' } as const;

export function describeChanges(spec: StackSpec, changes: readonly ResourceChange[]): readonly PlannedChange[] {
  return changes.map((change) => ({
    kind:
      change.action === 'Add' || change.action === 'Import'
        ? 'add'
        : change.action === 'Remove'
          ? 'remove'
          : replacements[change.replacement],
    logicalId: change.logicalId,
    type: change.type,
    description: spec.template.resources.get(change.logicalId)?.description ?? change.type,
    properties: change.properties,
    // A generated secret that the template lets go is no data; what the template does not know any more may be.
    holdsData: dataTypes.includes(change.type) && spec.template.resources.get(change.logicalId)?.isKept !== false,
  }));
}

const dataTypes = [
  'AWS::RDS::DBInstance',
  'AWS::ElastiCache::ReplicationGroup',
  'AWS::S3::Bucket',
  'AWS::SecretsManager::Secret',
  'AWS::ECR::Repository',
];

/** Changes that would lose data and that nobody has allowed by name. */
export function forbidden(changes: readonly PlannedChange[], allowed: readonly string[]): readonly PlannedChange[] {
  return changes.filter(
    ({ kind, holdsData, logicalId }) =>
      kind !== 'add' && kind !== 'change' && holdsData && !allowed.includes(logicalId),
  );
}

export function forbiddenError(spec: StackSpec, changes: readonly PlannedChange[]): PreconditionError {
  const list = changes.map(({ kind, description, logicalId }) => `${kind} ${description} (${logicalId})`).join(', ');
  return new PreconditionError('DataAtRisk', `${spec.name}: the change would ${list}`, {
    hint: `Nothing was changed. If that is meant, name it in allow-replacement: ${changes.map(({ logicalId }) => logicalId).join(', ')}${changes.some(({ kind }) => kind !== 'remove') ? '. CloudFormation replaces only what has no fixed name: what has one must be moved by hand first' : ''}`,
  });
}
