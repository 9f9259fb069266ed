import type { StackEvent, StackState } from '../../../shared/aws/cloudformation.ts';
import { DeploymentError } from '../../../shared/core/errors.ts';
import type { StackSpec } from './stacks.ts';

/** Events that follow from another failure. */
const consequence = /^Resource (?:creation|update) cancelled|^The following resource\(s\) failed|^Rollback requested/i;

/** Whether the events only say that validation failed, and leave the findings to DescribeEvents. */
export function hintsAtValidation(events: readonly Pick<StackEvent, 'reason'>[]): boolean {
  return events.some(({ reason }) => reason.includes('DescribeEvents'));
}

/** The first thing that went wrong, which is seldom the last one told. */
export function rootCause(events: readonly StackEvent[], stackId: string): StackEvent | undefined {
  const failures = events.filter(
    ({ status, reason }) => status.endsWith('_FAILED') && reason !== '' && !consequence.test(reason),
  );
  return failures.find(({ physicalId }) => physicalId !== stackId) ?? failures[0];
}

/** Why an operation did not end well, and what there is to do. */
export function failureOf(spec: StackSpec, state: StackState, events: readonly StackEvent[]): DeploymentError {
  const cause = rootCause(events, state.id);
  const where =
    cause === undefined || cause.physicalId === state.id
      ? ''
      : `${spec.template.resources.get(cause.logicalId)?.description ?? cause.type} (${cause.logicalId}): `;
  const reason = cause?.reason ?? (state.reason === '' ? 'CloudFormation gave no reason' : state.reason);
  return new DeploymentError('StackFailed', `${spec.name} ended as ${state.status}. First failure: ${where}${reason}`, {
    hint: protectionHint(spec, reason) ?? hint(state.status, reason),
  });
}

/** A protected database keeps its stack from being removed or rolled back, whatever else was wrong. */
function protectionHint({ parameters }: StackSpec, reason: string): string | undefined {
  const name = parameters.get('Name');
  if (!/deletion ?protection/i.test(reason) || name?.from !== 'value') return undefined;
  return `If the database may go: aws rds modify-db-instance --db-instance-identifier ${name.value}-db --no-deletion-protection; then run again.`;
}

function hint(status: string, reason: string): string {
  const after =
    status === 'UPDATE_ROLLBACK_COMPLETE'
      ? 'The stack is again what it was before; mend the cause and run again.'
      : status.startsWith('UPDATE_')
        ? 'The roll-back itself did not finish: see the stack’s events, then "aws cloudformation continue-update-rollback".'
        : 'The next run removes what is left of this first creation and starts afresh; mend the cause before.';
  return /already exists/i.test(reason)
    ? `Something of that name exists outside the stack, perhaps kept when an older one was deleted: rename, import or remove it. ${after}`
    : after;
}
