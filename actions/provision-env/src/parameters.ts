import type { ParameterValue, StackState } from '../../../shared/aws/cloudformation.ts';
import type { StackKey, StackSpec } from './stacks.ts';

export type KnownOutputs = ReadonlyMap<StackKey, ReadonlyMap<string, string>>;

/** What the service runs at the moment, as the parameters of the app stack say it. */
export interface LiveService {
  /** An ARN, or `base` before the first deployment. */
  readonly taskDefinition: string;
}

export function knownOutputs(stacks: ReadonlyMap<StackKey, StackState>): KnownOutputs {
  return new Map([...stacks].map(([key, { outputs }]) => [key, outputs]));
}

/**
 * A stack's values; undefined while a stack they come from is not there. Those that follow deployments are what a new
 * stack begins with; an existing one holds its own (`heldParameters`).
 */
export function resolveParameters(
  spec: StackSpec,
  outputs: KnownOutputs,
  openaiApiKeyHasValue: boolean | undefined,
): ReadonlyMap<string, string> | undefined {
  const resolved = new Map<string, string>();
  for (const [name, source] of spec.parameters) {
    if (source.from === 'value') resolved.set(name, source.value);
    else if (source.from === 'output') {
      const value = outputs.get(source.stack)?.get(name);
      if (value === undefined) return undefined;
      resolved.set(name, value);
    } else if (source.what === 'OpenaiApiKeyHasValue') {
      // Not known: an existing stack keeps what it has, a new one starts without the key.
      if (openaiApiKeyHasValue !== undefined) resolved.set(name, String(openaiApiKeyHasValue));
    } else if (source.what !== 'PermissionsBoundaryArn') {
      // A limit that is not known stays what it is.
      resolved.set(name, source.what === 'ServiceCount' ? 'zero' : 'base');
    }
  }
  return resolved;
}

/**
 * What a stack's own template and configuration make of it: what comes from other stacks is as it was when this one was last updated. Undefined
 * where it never had one of them.
 */
export function ownParameters(
  spec: StackSpec,
  state: StackState,
  {
    outputs,
    openaiApiKeyHasValue,
  }: { readonly outputs: KnownOutputs; readonly openaiApiKeyHasValue: boolean | undefined },
): ReadonlyMap<string, string> | undefined {
  const before = new Map<StackKey, Map<string, string>>();
  for (const [name, source] of spec.parameters) {
    if (source.from !== 'output') continue;
    const value = state.parameters.get(name) ?? outputs.get(source.stack)?.get(name);
    if (value !== undefined)
      before.set(source.stack, (before.get(source.stack) ?? new Map<string, string>()).set(name, value));
  }
  return resolveParameters(spec, before, openaiApiKeyHasValue);
}

export function areSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}

/** By themselves these are no reason to touch the stack: they only follow deployments. */
const following: readonly string[] = ['ServiceTaskDefinition', 'ServiceCount'];

/** Parameters of an existing stack that keep their values: what follows deployments, and what may not be asked for. */
export function heldParameters(
  spec: StackSpec,
  state: StackState,
  resolved: ReadonlyMap<string, string>,
): ReadonlyMap<string, ParameterValue> {
  const held = [...spec.parameters.keys()].filter((name) => following.includes(name) || !resolved.has(name));
  return new Map(held.filter((name) => state.parameters.has(name)).map((name) => [name, { previous: true }]));
}

/**
 * The values that bring the held parameters up to date, every other one as it is; undefined when they are. A failed update
 * restores the parameters of the last one: were they old, it would bring back an old image.
 */
export function catchUpParameters(
  spec: StackSpec,
  state: StackState,
  service: LiveService,
): ReadonlyMap<string, ParameterValue> | undefined {
  const live: Readonly<Record<string, string>> = {
    ServiceTaskDefinition: service.taskDefinition,
    ServiceCount: 'keep',
  };
  const held = following.filter((name) => spec.parameters.has(name) && state.parameters.has(name));
  if (held.every((name) => state.parameters.get(name) === live[name])) return undefined;
  return new Map(
    [...state.parameters.keys()].map((name) => [name, held.includes(name) ? (live[name] ?? '') : { previous: true }]),
  );
}

/** Protects data from deletion: in the way while a failed first creation is rolled back, so it is switched on after it. */
const protection = 'DatabaseDeletionProtection';

/** What a stack is created with, and what it is updated to as soon as it stands; undefined when that is the same. */
export function creationParameters(
  spec: StackSpec,
  resolved: ReadonlyMap<string, string>,
): { readonly first: ReadonlyMap<string, string>; readonly then: ReadonlyMap<string, ParameterValue> | undefined } {
  const wanted = resolved.get(protection) ?? spec.template.parameters.get(protection)?.fallback;
  if (wanted !== 'true') return { first: resolved, then: undefined };
  const previous = [...spec.template.parameters.keys()].map((name) => [name, { previous: true }] as const);
  return {
    first: new Map([...resolved, [protection, 'false']]),
    then: new Map<string, ParameterValue>([...previous, [protection, 'true']]),
  };
}

/** The stack as it is, but for the data's protection; undefined when there is none to take off. */
export function unprotectedParameters({ parameters }: StackState): ReadonlyMap<string, ParameterValue> | undefined {
  if (parameters.get(protection) !== 'true') return undefined;
  return new Map<string, ParameterValue>([...parameters.keys()].map((name) => [name, { previous: true }])).set(
    protection,
    'false',
  );
}

/** Parameters the running revision has its own answer to, which an update of the stack would contradict. */
const ofTheContainer = ['ContainerName', 'ContainerPort'];

export interface ContainerChange {
  readonly name: string;
  readonly is: string;
  readonly wanted: string;
}

export function containerChanges(spec: StackSpec, state: StackState): readonly ContainerChange[] {
  return ofTheContainer.flatMap((name) => {
    const source = spec.parameters.get(name);
    const wanted = source?.from === 'value' ? source.value : spec.template.parameters.get(name)?.fallback;
    const is = state.parameters.get(name);
    return is === undefined || wanted === undefined || is === wanted ? [] : [{ name, is, wanted }];
  });
}
