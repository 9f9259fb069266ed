import type { StackEvent, StackResource, StackState } from '../../../shared/aws/cloudformation.ts';
import { DeploymentError, PreconditionError } from '../../../shared/core/errors.ts';
import { adviceFor, causes, failureOf, isOfStack } from './diagnose.ts';
import type { Leftover } from './leftovers.ts';
import {
  confirmationOf,
  edgeRegion,
  namePrefix,
  stackKeys,
  stackName,
  stackNeeds,
  type StackKey,
  type StackSpec,
} from './stacks.ts';
import { resourcesOf } from './template.ts';
import type { Templates } from './templates.ts';

/** What a resource of a stack comes to: `snapshot` goes as well, and leaves one behind. */
export interface Doomed {
  readonly logicalId: string;
  /** Empty where it could not be asked for. */
  readonly physicalId: string;
  readonly type: string;
  readonly description: string;
  readonly fate: 'removed' | 'snapshot' | 'kept';
}

export interface Removal {
  readonly spec: StackSpec;
  readonly state: StackState;
  /** The stacks that use this one, and have to be gone before. */
  readonly after: readonly StackKey[];
  readonly resources: readonly Doomed[];
}

export interface DestroyPlan {
  /** In the order of work. */
  readonly removals: readonly Removal[];
  /** `<app>-<environment>`, which a person has to type. */
  readonly confirmation: string;
}

export interface SeenStack {
  readonly state: StackState;
  /** Undefined when they could not be asked for. */
  readonly resources: readonly StackResource[] | undefined;
}

interface Named {
  readonly app: string;
  readonly environment: string;
}

/** All that an environment can have, whatever its configuration says by now. */
export function destroySpecs(
  { app, environment, region }: Named & { readonly region: string },
  templates: Templates,
): readonly StackSpec[] {
  return stackKeys.map((key) => ({
    key,
    name: stackName({ app, environment }, key),
    region: key === 'edge' ? edgeRegion : region,
    template: templates[key],
    body: templates[key].text,
    parameters: new Map([['Name', { from: 'value', value: namePrefix(app, environment) }]]),
    tags: new Map([
      ['app', app],
      ['environment', environment],
    ]),
  }));
}

export function planDestroy(
  named: Named,
  specs: readonly StackSpec[],
  seen: ReadonlyMap<StackKey, SeenStack>,
): DestroyPlan {
  const removals = specs.toReversed().flatMap((spec): readonly Removal[] => {
    const found = seen.get(spec.key);
    if (found === undefined) return [];
    const after = stackKeys.filter((key) => stackNeeds[key].includes(spec.key) && seen.has(key));
    return [{ spec, state: found.state, after, resources: doomed(spec, found) }];
  });
  return { removals, confirmation: confirmationOf(named) };
}

function doomed(spec: StackSpec, { state, resources }: SeenStack): readonly Doomed[] {
  if (resources === undefined) {
    return resourcesOf(spec.template, state.parameters).map(({ logicalId, type }) =>
      oneDoomed(spec, { logicalId, type, physicalId: '', status: '' }),
    );
  }
  // A deletion that failed leaves what is gone already in the list.
  return resources
    .filter(({ physicalId, status }) => physicalId !== '' && status !== 'DELETE_COMPLETE')
    .map((resource) => oneDoomed(spec, resource));
}

function oneDoomed({ template }: StackSpec, { logicalId, physicalId, type, status }: StackResource): Doomed {
  const known = template.resources.get(logicalId);
  const isKept = known?.isKept === true || status === 'DELETE_SKIPPED';
  // The only kind that the templates give a last snapshot; all others that something stays of stay themselves.
  const fate = !isKept ? 'removed' : isDatabase(type) ? 'snapshot' : 'kept';
  return { logicalId, physicalId, type, description: known?.description ?? type, fate };
}

export function isDatabase(type: string): boolean {
  return type === 'AWS::RDS::DBInstance';
}

export function removedBy({ removals }: DestroyPlan): readonly Doomed[] {
  return removals.flatMap(({ resources }) => resources.filter(({ fate }) => fate !== 'kept'));
}

export function notConfirmed(plan: DestroyPlan): PreconditionError {
  return new PreconditionError(
    'NotConfirmed',
    `mode destroy would remove ${removedBy(plan).length} resources of ${plan.confirmation}; nothing was touched`,
    { hint: `If that is meant, give the input confirm: ${plan.confirmation}` },
  );
}

/** What a deletion did, from a stack's events, oldest first. */
export interface Removed {
  readonly count: number;
  /** Databases that are gone, by their names. */
  readonly databases: readonly { readonly logicalId: string; readonly physicalId: string }[];
  readonly left: readonly Leftover[];
}

/** `since`: the newest event before this run, which counts its own work only; what is left is that of earlier tries as well. */
export function removedIn(
  spec: StackSpec,
  stackId: string,
  { events, since }: { readonly events: readonly StackEvent[]; readonly since: string | undefined },
): Removed {
  const start = events.findIndex((event) => isOfStack(event, stackId) && event.status === 'DELETE_IN_PROGRESS');
  const all = start < 0 ? [] : events.slice(start).filter((event) => !isOfStack(event, stackId));
  const ours = events.slice(events.findIndex(({ id }) => id === since) + 1);
  const gone = all.filter(({ status }) => status === 'DELETE_COMPLETE');
  const kept = all.filter(({ status, physicalId }) => status === 'DELETE_SKIPPED' && physicalId !== '');
  return {
    count: new Set(gone.filter((event) => ours.includes(event)).map(({ logicalId }) => logicalId)).size,
    databases: [
      ...new Map(gone.filter(({ type }) => isDatabase(type)).map((event) => [event.physicalId, event])).values(),
    ],
    left: [...new Map(kept.map((event) => [event.physicalId, event])).values()].map(
      ({ logicalId, physicalId, type }) => ({
        logicalId,
        physicalId,
        type,
        description: spec.template.resources.get(logicalId)?.description ?? type,
        region: spec.region,
      }),
    ),
  };
}

/** A deletion that ended, but not with the stack gone: what kept it, and how to mend that. */
export function deletionFailure(spec: StackSpec, state: StackState, events: readonly StackEvent[]): DeploymentError {
  const { code, message } = failureOf(spec, state, events);
  const advice = new Set(
    causes(events).flatMap(({ reason }) => adviceFor(spec, reason) ?? deletionAdvice(reason) ?? []),
  );
  const again = 'Then run again: what is gone stays gone, and the rest is tried anew.';
  return new DeploymentError(code, message, {
    hint: [...(advice.size === 0 ? ['Mend what kept it.'] : [...advice].slice(0, 3)), again].join(' '),
  });
}

function deletionAdvice(reason: string): string | undefined {
  if (/still contains images/i.test(reason))
    return 'A repository must be empty: aws ecr delete-repository --force --repository-name <its name>.';
  return /dependen|in use|being used|associated/i.test(reason)
    ? 'Something outside of the stacks uses it (an interface in the network, another service): find that and remove it.'
    : undefined;
}
