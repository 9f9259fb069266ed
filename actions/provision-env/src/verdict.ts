import type { ChangeSetState, StackState } from '../../../shared/aws/cloudformation.ts';
import type { Judgement } from '../../../shared/aws/wait.ts';
import { DeploymentError } from '../../../shared/core/errors.ts';

/** What can be done with a stack in this state. */
export type Condition =
  /** It can be updated. */
  | 'ready'
  /** A first creation failed or was never executed: there is nothing in it but leftovers. */
  | 'leftover'
  /** Some operation is running. */
  | 'busy'
  /** Only a person can bring it back. */
  | 'stuck';

export function condition(status: string): Condition {
  // A created but unexecuted stack is no operation that would ever end by itself.
  if (['REVIEW_IN_PROGRESS', 'ROLLBACK_COMPLETE', 'CREATE_FAILED', 'ROLLBACK_FAILED'].includes(status))
    return 'leftover';
  if (status.endsWith('_IN_PROGRESS')) return 'busy';
  return status.endsWith('_COMPLETE') ? 'ready' : 'stuck';
}

export function judgeChangeSet(stack: string, seen: ChangeSetState): Judgement<ChangeSetState> {
  if (seen.status === 'CREATE_COMPLETE') {
    if (seen.executable) return { kind: 'done', value: seen };
    // An empty one is FAILED: this one has changes, which somebody else's execution has overtaken.
    return { kind: 'failed', error: outdated(stack) };
  }
  if (seen.status !== 'FAILED') return { kind: 'pending', state: seen.status };
  // There is no status of its own for "nothing to do".
  if (/didn.t contain changes|no updates are to be performed/i.test(seen.reason)) {
    return { kind: 'done', value: { ...seen, executable: false, changes: [] } };
  }
  return {
    kind: 'failed',
    error: new DeploymentError('ChangeSetFailed', `${stack}: CloudFormation refused the change: ${seen.reason}`, {
      fault: 'user',
      hint: 'Nothing was changed. Mend the template or the parameter it names, and run again.',
    }),
  };
}

/** Somebody else's execution makes every other change set of the stack void. */
export function outdated(stack: string, cause?: unknown): DeploymentError {
  return new DeploymentError('ChangeSetOutdated', `${stack}: another change of the stack came before this one`, {
    hint: 'This run changed nothing in this stack. Run again.',
    cause,
  });
}

/** An operation's end. `begun`: its first event was seen, so that the state before it is not taken for its outcome. */
export function judgeOperation(
  stack: string,
  { state, begun }: { readonly state: StackState | undefined; readonly begun: boolean },
): Judgement<StackState | undefined> {
  if (state === undefined || state.status === 'DELETE_COMPLETE') return { kind: 'done', value: undefined };
  if (!begun) return { kind: 'pending', state: `${stack} has not begun` };
  return state.status.endsWith('_IN_PROGRESS')
    ? { kind: 'pending', state: `${stack} is ${state.status}` }
    : { kind: 'done', value: state };
}

export function succeeded(status: string): boolean {
  return ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'IMPORT_COMPLETE'].includes(status);
}
