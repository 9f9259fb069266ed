import type { ChangeSetState, Stacks, StackState } from '../../../shared/aws/cloudformation.ts';
import type { DeploymentState, ServiceRef, ServiceState } from '../../../shared/aws/ecs.ts';
import type { Secrets } from '../../../shared/aws/secrets-manager.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { isAwsError } from '../../../shared/core/errors.ts';
import { makeChangeSet } from './change-set.ts';
import { containerChanges, heldParameters, knownOutputs, resolveParameters } from './parameters.ts';
import { condition } from './verdict.ts';
import type { StackKey, StackSpec } from './stacks.ts';

/** What there is to know about a service here: `EcsServices` tells it. */
export interface RunningServices {
  describeService(ref: ServiceRef): Promise<RunningService | undefined>;
}

export interface RunningService extends Pick<ServiceState, 'status' | 'taskDefinition'> {
  readonly deployments: readonly Pick<DeploymentState, 'rolloutState'>[];
}

export interface Ports {
  readonly stacks: Stacks;
  readonly secrets: Secrets;
  readonly services: RunningServices;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface ObserveInputs {
  readonly mode: 'plan' | 'apply' | 'outputs';
  readonly specs: readonly StackSpec[];
  readonly executionRole: string | undefined;
  readonly service: ServiceRef & { readonly baseFamily: string };
  /** Begins the name of every change set of this run. */
  readonly runName: string;
}

export interface Observed {
  readonly stacks: ReadonlyMap<StackKey, StackState>;
  /** What a change set says that an existing stack would go through; only asked for by `plan`. */
  readonly previews: ReadonlyMap<StackKey, ChangeSetState>;
  /** Whether the OpenAI key has a value; undefined when that is not known. */
  readonly openaiApiKeyHasValue: boolean | undefined;
  /** The deployed revision that runs; only asked for where a change of its container is wanted. */
  readonly deployed: string | undefined;
}

export async function observe(inputs: ObserveInputs, ports: Ports): Promise<Observed> {
  const found = await Promise.all(
    inputs.specs.map(async (spec) => [spec, await ports.stacks.describe(spec.name)] as const),
  );
  const stacks = new Map(found.flatMap(([{ key }, state]) => (state === undefined ? [] : [[key, state] as const])));
  const outputs = knownOutputs(stacks);
  const openaiApiKeyHasValue = await openaiKey(outputs, ports);
  const previews = new Map<StackKey, ChangeSetState>();
  if (inputs.mode === 'plan') {
    await Promise.all(
      found.map(async ([spec, state]) => {
        if (state === undefined || condition(state.status) !== 'ready') return;
        const parameters = resolveParameters(spec, outputs, openaiApiKeyHasValue);
        if (parameters === undefined) return;
        const preview = await makeChangeSet(
          {
            stack: spec.name,
            name: `${inputs.runName}-${spec.key}-plan`,
            kind: 'UPDATE',
            template: spec.body,
            parameters: new Map([...parameters, ...heldParameters(spec, state, parameters)]),
            tags: spec.tags,
            executionRole: inputs.executionRole,
          },
          ports,
        );
        await ports.stacks.deleteChangeSet(preview.id);
        previews.set(spec.key, preview);
      }),
    );
  }
  const ofTheContainer = found.some(
    ([spec, state]) => inputs.mode !== 'outputs' && state !== undefined && containerChanges(spec, state).length > 0,
  );
  const running = ofTheContainer ? await ports.services.describeService(inputs.service) : undefined;
  const revision = running === undefined ? 'base' : revisionOf(running, inputs.service.baseFamily);
  return { stacks, previews, openaiApiKeyHasValue, deployed: revision === 'base' ? undefined : revision };
}

/** What the service runs, as the app stack's parameters say it: `base` until something was deployed. */
export function revisionOf({ status, taskDefinition }: RunningService, baseFamily: string): string {
  return status !== 'ACTIVE' || taskDefinition.includes(`:task-definition/${baseFamily}:`) ? 'base' : taskDefinition;
}

/** Whether the secret has a value, without reading it. Undefined while there is no secret, and for a role that may not ask. */
export async function openaiKey(
  outputs: ReadonlyMap<StackKey, ReadonlyMap<string, string>>,
  ports: Pick<Ports, 'secrets'>,
): Promise<boolean | undefined> {
  const arn = outputs.get('foundation')?.get('OpenaiApiKeySecretArn');
  if (arn === undefined) return undefined;
  try {
    return await ports.secrets.hasValue(arn);
  } catch (error) {
    if (isAwsError(error, 'AccessDenied', 'AccessDeniedException')) return undefined;
    throw error;
  }
}
