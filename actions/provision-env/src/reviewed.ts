import { PreconditionError } from '../../../shared/core/errors.ts';
import { fingerprint } from '../../../shared/core/hash.ts';
import { changeText, type PlannedChange } from './changes.ts';
import type { Reviewed } from './plan-digest.ts';
import type { StackSpec } from './stacks.ts';

/** `changes`: undefined when only a change set will tell. */
export function reviewedOf(isNew: boolean, changes: readonly PlannedChange[] | undefined): Reviewed {
  if (isNew) return 'new';
  return changes === undefined ? 'open' : hashOf(changes);
}

/** Its own changes: what only follows from them, and how far that goes, AWS works out anew each time. */
function hashOf(changes: readonly PlannedChange[]): string {
  const each = changes.flatMap(own).map(({ kind, logicalId, type, properties }) => ({
    kind,
    logicalId,
    type,
    properties: properties
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, before, after, recreation }) => ({ name, before, after, recreation })),
  }));
  return fingerprint(each.toSorted((a, b) => (a.logicalId < b.logicalId ? -1 : 1))).slice(0, 32);
}

/** The service's revision and number of tasks belong to deployments, and are nothing to be reviewed here. */
const ofDeployments = ['TaskDefinition', 'DesiredCount'];

function own(change: PlannedChange): readonly PlannedChange[] {
  if (change.kind === 'add' || change.kind === 'remove' || change.properties.length === 0) return [change];
  const properties = change.properties.filter(
    ({ name, follows }) =>
      follows.length === 0 && !(change.type === 'AWS::ECS::Service' && ofDeployments.includes(name)),
  );
  return properties.length === 0 ? [] : [{ ...change, properties }];
}

export interface Wanted {
  readonly isCreation: boolean;
  /** Something of the stack was executed already. */
  readonly hasBegun?: boolean;
  readonly changes: readonly PlannedChange[];
}

/** Why changes may not be executed, as they are not those that somebody looked at; undefined when they are, or when there are none. */
export function judgeReviewed(
  spec: StackSpec,
  reviewed: Reviewed | undefined,
  { isCreation, changes, hasBegun }: Wanted,
): PreconditionError | undefined {
  const nothing = changes.flatMap(own).length === 0;
  if (isCreation ? reviewed === 'new' : nothing || reviewed === hashOf(changes)) return undefined;
  if (reviewed === 'new' && !isCreation && changes.every(isProtection)) return undefined;
  return notReviewed(spec, changes, { reviewed, isCreation, hasBegun });
}

export function notReviewed(
  spec: StackSpec,
  changes: readonly PlannedChange[],
  {
    reviewed,
    isCreation = false,
    hasBegun = false,
  }: {
    readonly reviewed?: Reviewed | undefined;
    readonly isCreation?: boolean;
    readonly hasBegun?: boolean | undefined;
  } = {},
): PreconditionError {
  const now = isCreation ? 'create it' : list(changes);
  const then =
    reviewed === 'new'
      ? 'the plan that was reviewed was to create it'
      : reviewed === 'open' || reviewed === undefined
        ? 'the plan that was reviewed could not tell what would happen to it'
        : 'the plan that was reviewed showed other changes';
  return new PreconditionError('NotReviewed', `${spec.name}: this run would ${now}; ${then}`, {
    hint: `${hasBegun ? 'What was done in this stack before stays as it is.' : 'Nothing was changed in this stack.'} Something is different from what it was when the plan was made: plan again, review that, and apply it.`,
  });
}

/** Its deployments are not the stack's: that it takes note of what runs changes nothing. */
export function isOfService({ kind, type }: PlannedChange): boolean {
  return kind === 'change' && type === 'AWS::ECS::Service';
}

/** What a new database is created without, so that CloudFormation could undo a creation that fails. */
export function isProtection(change: PlannedChange): boolean {
  const { kind, type, properties } = change;
  return (
    (kind === 'change' &&
      type === 'AWS::RDS::DBInstance' &&
      properties.every(({ name, after }) => name === 'DeletionProtection' && after === 'true')) ||
    isConsequence(change)
  );
}

/** AWS lists what uses an attribute of what changes, such as the database's address, though that stays the same. */
function isConsequence({ kind, properties }: PlannedChange): boolean {
  return kind === 'change' && properties.length > 0 && properties.every(({ follows }) => follows.length > 0);
}

function list(changes: readonly PlannedChange[]): string {
  const shown = changes.slice(0, 5).map(changeText);
  return changes.length > 5 ? `${shown.join(', ')} and ${changes.length - 5} more` : shown.join(', ');
}
