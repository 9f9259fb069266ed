import { PreconditionError } from '../../../shared/core/errors.ts';
import { fingerprint } from '../../../shared/core/hash.ts';
import { changeText, type PlannedChange } from './changes.ts';
import { stackKeys, type StackKey, type StackSpec } from './stacks.ts';

/**
 * What a plan showed of one stack. `new`: it does not exist, and everything that the template holds is to be added. `open`: nobody could know
 * what would happen to it (an operation runs, or it waits for what another stack does not tell yet). Else a hash of all its changes.
 */
export type Reviewed = string;

export interface PlanDigest {
  /** Template bytes, configuration and where each value comes from. */
  readonly base: string;
  readonly stacks: ReadonlyMap<StackKey, Reviewed>;
}

const keys = ['bootstrap', ...stackKeys].join('|');
export const planDigestPattern = new RegExp(`^[0-9a-f]{64}(?:\\.(?:${keys})-(?:new|open|[0-9a-f]{32}))+$`);

export function writeDigest({ base, stacks }: PlanDigest): string {
  return [base, ...[...stacks].map(([key, reviewed]) => `${key}-${reviewed}`)].join('.');
}

/** Of a text that matches the pattern. */
export function readDigest(text: string): PlanDigest {
  const [base = '', ...parts] = text.split('.');
  const stacks = new Map<StackKey, Reviewed>();
  for (const key of ['bootstrap', ...stackKeys] as const) {
    const part = parts.find((one) => one.startsWith(`${key}-`));
    if (part !== undefined) stacks.set(key, part.slice(key.length + 1));
  }
  return { base, stacks };
}

/** `changes`: undefined when only a change set will tell. */
export function reviewedOf(isNew: boolean, changes: readonly PlannedChange[] | undefined): Reviewed {
  if (isNew) return 'new';
  return changes === undefined ? 'open' : hashOf(changes);
}

function hashOf(changes: readonly PlannedChange[]): string {
  const each = changes.map(({ kind, logicalId, type, properties }) => ({ kind, logicalId, type, properties }));
  const sorted = each.toSorted((a, b) => (a.logicalId < b.logicalId ? -1 : 1));
  return fingerprint(
    sorted.map((change) => ({
      ...change,
      properties: change.properties.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((property) => ({ ...property })),
    })),
  ).slice(0, 32);
}

export interface Wanted {
  readonly isCreation: boolean;
  readonly changes: readonly PlannedChange[];
}

/** Why changes may not be executed, as they are not those that somebody looked at; undefined when they are, or when there are none. */
export function judgeReviewed(
  spec: StackSpec,
  reviewed: Reviewed | undefined,
  { isCreation, changes }: Wanted,
): PreconditionError | undefined {
  if (isCreation ? reviewed === 'new' : changes.length === 0 || reviewed === hashOf(changes)) return undefined;
  if (reviewed === 'new' && !isCreation && changes.every(isProtection)) return undefined;
  return notReviewed(spec, changes, { reviewed, isCreation });
}

export function notReviewed(
  spec: StackSpec,
  changes: readonly PlannedChange[],
  { reviewed, isCreation = false }: { readonly reviewed?: Reviewed | undefined; readonly isCreation?: boolean } = {},
): PreconditionError {
  const now = isCreation ? 'create it' : list(changes);
  const then =
    reviewed === 'new'
      ? 'the plan that was reviewed was to create it'
      : reviewed === 'open' || reviewed === undefined
        ? 'the plan that was reviewed could not tell what would happen to it'
        : 'the plan that was reviewed showed other changes';
  return new PreconditionError('NotReviewed', `${spec.name}: this run would ${now}; ${then}`, {
    hint: 'Nothing was changed in this stack. Something is different from what it was when the plan was made: plan again, review that, and apply it.',
  });
}

/** Its deployments are not the stack's: that it takes note of what runs changes nothing. */
export function isOfService({ kind, type }: PlannedChange): boolean {
  return kind === 'change' && type === 'AWS::ECS::Service';
}

/** What a new database is created without, so that CloudFormation could undo a creation that fails. */
export function isProtection({ kind, type, properties }: PlannedChange): boolean {
  return (
    kind === 'change' &&
    type === 'AWS::RDS::DBInstance' &&
    properties.every(({ name, after }) => name === 'DeletionProtection' && after === 'true')
  );
}

function list(changes: readonly PlannedChange[]): string {
  const shown = changes.slice(0, 5).map(changeText);
  return changes.length > 5 ? `${shown.join(', ')} and ${changes.length - 5} more` : shown.join(', ');
}
