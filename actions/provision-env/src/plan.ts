import type { ResourceChange, StackState } from '../../../shared/aws/cloudformation.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import type { Observed } from './observe.ts';
import { containerChanges, knownOutputs, resolveParameters } from './parameters.ts';
import { planDigest, stackNeeds, type StackKey, type StackSpec } from './stacks.ts';
import { resourcesOf } from './template.ts';
import { condition } from './verdict.ts';

export interface PlannedChange {
  /** `perhaps-replace`: CloudFormation only knows while it executes. */
  readonly kind: 'add' | 'change' | 'perhaps-replace' | 'replace' | 'remove';
  readonly logicalId: string;
  readonly type: string;
  readonly description: string;
  readonly properties: readonly string[];
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
  return {
    digest,
    stacks: inputs.specs.map((spec) => planStack(spec, observed)),
    allowReplacement: inputs.allowReplacement,
  };
}

function planStack(spec: StackSpec, observed: Observed): StackPlan {
  const state = observed.stacks.get(spec.key);
  const base = { spec, needs: stackNeeds[spec.key], attach: false };
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
      const fixed = observed.deployed === undefined ? undefined : containerFixed(spec, state, observed.deployed);
      if (fixed !== undefined) throw fixed;
      const preview = observed.previews.get(spec.key);
      const changes = preview === undefined ? undefined : describeChanges(spec, preview.changes);
      return {
        ...base,
        action: 'update',
        reason: changes?.length === 0 ? 'nothing differs' : 'the stack exists',
        changes,
      };
    }
  }
}

export function stuck(spec: StackSpec, state: StackState): PreconditionError {
  const recover = state.status === 'UPDATE_ROLLBACK_FAILED';
  return new PreconditionError(
    'StackStuck',
    `${spec.name} is ${state.status}${state.reason === '' ? '' : `: ${state.reason}`}`,
    {
      hint: recover
        ? `Mend what kept the roll-back from finishing, then: aws cloudformation continue-update-rollback --stack-name ${spec.name}`
        : `See the stack’s events: aws cloudformation describe-stack-events --stack-name ${spec.name}`,
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
      hint: `Nothing was changed in this stack. Set ${changes.map(({ name, is }) => `${name}: ${is}`).join(', ')}. To change it all the same, delete the stack ${spec.name} (site and API are gone meanwhile; data stays in the foundation), then apply and deploy again.`,
    },
  );
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
    ({ kind, type, logicalId }) =>
      kind !== 'add' && kind !== 'change' && dataTypes.includes(type) && !allowed.includes(logicalId),
  );
}

export function forbiddenError(spec: StackSpec, changes: readonly PlannedChange[]): PreconditionError {
  const list = changes.map(({ kind, description, logicalId }) => `${kind} ${description} (${logicalId})`).join(', ');
  return new PreconditionError('DataAtRisk', `${spec.name}: the change would ${list}`, {
    hint: `Nothing was changed. If that is meant, name it in allow-replacement: ${changes.map(({ logicalId }) => logicalId).join(', ')}`,
  });
}
