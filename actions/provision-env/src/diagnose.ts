import type { StackEvent, StackState } from '../../../shared/aws/cloudformation.ts';
import { parseArn } from '../../../shared/core/arn.ts';
import { ActionError, DeploymentError } from '../../../shared/core/errors.ts';
import { explainDenial, parseDenial } from '../../../shared/core/iam-denial.ts';
import type { StackSpec } from './stacks.ts';

/** Events that follow from another failure. */
const consequence =
  /^Resource (?:creation|update|deletion) cancelled|^The following resource\(s\) failed|^Rollback requested/i;

/** Whether the events only say that validation failed, and leave the findings to DescribeEvents. */
export function hintsAtValidation(events: readonly Pick<StackEvent, 'reason'>[]): boolean {
  return events.some(({ reason }) => reason.includes('DescribeEvents'));
}

/** Whether it tells of the stack itself and not of a resource in it. */
export function isOfStack({ physicalId, type }: StackEvent, stackId: string): boolean {
  return physicalId === stackId && type === 'AWS::CloudFormation::Stack';
}

/**
 * The last operation among a stack's events, oldest first. A roll-back begins none: what it undoes belongs to it, also when
 * it was continued by hand later.
 */
export function lastOperation(events: readonly StackEvent[], stackId: string): readonly StackEvent[] {
  const start = events.findLastIndex(
    (event) => isOfStack(event, stackId) && /^(?:CREATE|UPDATE|DELETE|IMPORT)_IN_PROGRESS$/.test(event.status),
  );
  return start < 0 ? events : events.slice(start);
}

/** Whether it only failed because something else had. */
export function isConsequence({ status, reason }: StackEvent): boolean {
  return status.endsWith('_FAILED') && consequence.test(reason);
}

/** The first thing that went wrong, which is seldom the last one told. */
export function rootCause(events: readonly StackEvent[], stackId: string): StackEvent | undefined {
  const failures = causes(events);
  return failures.find(({ physicalId }) => physicalId !== stackId) ?? failures[0];
}

export function causes(events: readonly StackEvent[]): readonly StackEvent[] {
  return events.filter(
    ({ status, reason }) => status.endsWith('_FAILED') && reason !== '' && !consequence.test(reason),
  );
}

/** What went wrong while the operation was undone. */
function rollbackFailures(events: readonly StackEvent[], stackId: string): readonly StackEvent[] {
  const start = events.findIndex((event) => isOfStack(event, stackId) && event.status.endsWith('ROLLBACK_IN_PROGRESS'));
  return start < 0 ? [] : causes(events.slice(start)).filter((event) => !isOfStack(event, stackId));
}

/** What it is, and its id. */
export function named(spec: StackSpec, { logicalId, type }: Pick<StackEvent, 'logicalId' | 'type'>): string {
  return `${spec.template.resources.get(logicalId)?.description ?? type} (${logicalId})`;
}

/** One failure in words, without the wrapping that tells a reader nothing. */
export function told(spec: StackSpec, event: StackEvent): string {
  return `${named(spec, event)}: ${plainReason(event.reason)}`;
}

/** `Resource handler returned message: "…" (RequestToken: …, HandlerErrorCode: …)`: the message in it. */
export function plainReason(reason: string): string {
  const bare = reason
    .replace(/\s*\(RequestToken: [\w-]+(?:, HandlerErrorCode: (\w+))?\)/g, (_, code?: string) =>
      code === undefined || code === 'GeneralServiceException' ? '' : ` (${code})`,
    )
    .replace(/^Resource handler returned message: "([\s\S]*)"/, '$1');
  return bare
    .split('\n')
    .slice(0, mostLines)
    .map((line) => clip(line, 900))
    .join('\n');
}

/** The dead task's log takes ten of them. */
const mostLines = 14;

/** Both ends tell more than the beginning: an encoded authorization message is thousands of characters. */
export function clip(text: string, length: number): string {
  const tail = Math.floor(length / 3);
  return text.length <= length ? text : `${text.slice(0, length - tail - 1)}…${text.slice(-tail)}`;
}

/** Why an operation did not end well, and what there is to do. */
export function failureOf(spec: StackSpec, state: StackState, events: readonly StackEvent[]): DeploymentError {
  const cause = rootCause(events, state.id);
  const undoing = rollbackFailures(events, state.id);
  const own = cause === undefined || isOfStack(cause, state.id);
  const first = own
    ? plainReason(cause?.reason ?? (state.reason === '' ? 'CloudFormation gave no reason' : state.reason))
    : told(spec, cause);
  const others = causes(events).filter(
    (event) => !isOfStack(event, state.id) && !undoing.includes(event) && event.logicalId !== cause?.logicalId,
  );
  const also = list(spec, others);
  const stopped = list(
    spec,
    undoing.filter((event) => event !== cause),
  );
  const message = [
    `${spec.name} ended as ${state.status}. First failure: ${first}`,
    ...(also === '' ? [] : [`Also failed: ${also}`]),
    ...(stopped === '' ? [] : [`The roll-back stopped at: ${stopped}`]),
  ];
  return new DeploymentError('StackFailed', message.join('\n'), { hint: hint(spec, state, events) });
}

/** The run was told to stop while it worked on the stack. */
export function cancelled(
  { name }: StackSpec,
  { hasBegun, cause }: { readonly hasBegun: boolean; readonly cause: unknown },
): ActionError {
  return new ActionError('Cancelled', `${name}: the run was cancelled`, {
    cause,
    hint: hasBegun
      ? 'What CloudFormation has begun goes on by itself; a new run attaches to it.'
      : 'Nothing was changed in this stack.',
  });
}

/** The first few, each resource once. */
function list(spec: StackSpec, events: readonly StackEvent[]): string {
  const each = [...new Map(events.map((event) => [event.logicalId, event])).values()];
  const rest = each.length > 3 ? ` and ${each.length - 3} more` : '';
  return each
    .slice(0, 3)
    .map((event) => told(spec, event))
    .join('; ')
    .concat(rest);
}

function hint(spec: StackSpec, state: StackState, events: readonly StackEvent[]): string {
  const reasons = [rootCause(events, state.id)?.reason ?? state.reason, ...causes(events).map(({ reason }) => reason)];
  const advice = reasons.flatMap((reason) => adviceFor(spec, reason) ?? [])[0];
  const after = afterwards(spec, state, events);
  return advice === undefined ? after : `${advice} ${after}`;
}

/** What there is to do about a reason that is known. */
export function adviceFor(spec: StackSpec, reason: string): string | undefined {
  const denial = parseDenial(reason);
  if (denial !== undefined) return `${explainDenial(denial).fix}.`;
  if (/deletion ?protection|delete protected/i.test(reason)) return protectionAdvice(spec);
  if (/not empty/i.test(reason))
    return 'A bucket must be empty to be removed: aws s3 rm --recursive s3://<its name>; versions of objects as well, with "aws s3api delete-objects".';
  if (/scheduled for deletion/i.test(reason))
    return 'A secret of that name waits for its deletion: bring it back with "aws secretsmanager restore-secret --secret-id <name>" and import it, or end it with "aws secretsmanager delete-secret --force-delete-without-recovery --secret-id <name>".';
  return /already exists/i.test(reason)
    ? 'Something of that name exists outside the stack, perhaps kept when an older one was deleted: rename, import or remove it.'
    : undefined;
}

/** A protected database keeps its stack from being removed or rolled back, whatever else was wrong. */
function protectionAdvice({ parameters }: StackSpec): string | undefined {
  const name = parameters.get('Name');
  if (name?.from !== 'value') return undefined;
  return `If the database may go: aws rds modify-db-instance --db-instance-identifier ${name.value}-db --no-deletion-protection; then run again.`;
}

function afterwards(spec: StackSpec, state: StackState, events: readonly StackEvent[]): string {
  switch (state.status) {
    case 'UPDATE_ROLLBACK_COMPLETE':
      return 'The stack is again what it was before; mend the cause and run again.';
    case 'UPDATE_ROLLBACK_FAILED':
      return recovery(spec, state, events);
    case 'UPDATE_FAILED':
      return `Mend the cause, then bring the stack back: ${stackCommand('rollback-stack', spec, state)}`;
    case 'DELETE_FAILED':
      return `Mend what kept it from being removed, then: ${stackCommand('delete-stack', spec, state)}; when it is gone, run again.`;
    case 'DELETE_COMPLETE':
      return 'Somebody removed the stack meanwhile. Run again to make it anew.';
    default:
      return 'The next run removes what is left of this first creation and starts afresh; mend the cause before.';
  }
}

/** How a stack gets out of UPDATE_ROLLBACK_FAILED; which resources stop it is told by the events or, without them, by the stack itself. */
export function recovery(spec: StackSpec, state: StackState, events: readonly StackEvent[] = []): string {
  const failed = rollbackFailures(lastOperation(events, state.id), state.id).map(({ logicalId }) => logicalId);
  const [, listed = ''] = /failed to \w+: \[([^\]]+)\]/.exec(state.reason) ?? [];
  const stopping = failed.length > 0 ? [...new Set(failed)] : listed.split(/,\s*/).filter((id) => id !== '');
  const go = stackCommand('continue-update-rollback', spec, state);
  const mend = `Mend what kept the roll-back from finishing, then: ${go}`;
  return stopping.length === 0
    ? `${mend}; then run again.`
    : `${mend} (if that cannot be mended, leave it out, and set it right by hand afterwards: --resources-to-skip ${stopping.join(' ')}); then run again.`;
}

/** A stack may be in another region than the run. */
export function stackCommand(verb: string, spec: StackSpec, state: StackState): string {
  const region = parseArn(state.id)?.region;
  return `aws cloudformation ${verb} --stack-name ${spec.name}${region === undefined || region === '' ? '' : ` --region ${region}`}`;
}
