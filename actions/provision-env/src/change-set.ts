import type { ChangeSetRequest, ChangeSetState, StackEvent, Stacks } from '../../../shared/aws/cloudformation.ts';
import { waitUntil } from '../../../shared/aws/wait.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { AwsError, DeploymentError } from '../../../shared/core/errors.ts';
import { hintsAtValidation } from './diagnose.ts';
import { judgeChangeSet } from './verdict.ts';

export interface MadeChangeSet extends ChangeSetState {
  readonly id: string;
}

/** Creates a change set and waits until AWS has worked it out. An empty one has no changes and is not executable. */
export async function makeChangeSet(
  request: ChangeSetRequest,
  ports: { readonly stacks: Stacks; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<MadeChangeSet> {
  const { stacks, clock, signal } = ports;
  const id = await stacks.createChangeSet(request);
  try {
    const state = await waitUntil(
      () => stacks.describeChangeSet(id),
      (seen) => judgeChangeSet(request.stack, seen),
      {
        clock,
        deadline: clock.now() + 10 * 60_000,
        interval: pollInterval,
        what: `the change set of ${request.stack}`,
        signal,
      },
    );
    return { ...state, id };
  } catch (error) {
    // Found out before the change set is gone, and with it what was said about it.
    const said = error instanceof DeploymentError && hintsAtValidation([{ reason: error.message }]);
    const found = said ? await validationFailures({ changeSet: id }, stacks) : [];
    await discard({ ...request, id }, stacks);
    if (!(error instanceof DeploymentError) || found.length === 0) throw error;
    const list = found.map(({ logicalId, reason }) => `${logicalId}: ${reason}`).join('; ');
    throw new DeploymentError(error.code, `${error.message} ${list}`, {
      fault: error.fault,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

/** What validation found; a role that may not ask still tells of the failure itself. */
export async function validationFailures(
  of: Parameters<Stacks['validationFailures']>[0],
  stacks: Stacks,
): Promise<readonly StackEvent[]> {
  try {
    return await stacks.validationFailures(of);
  } catch (error) {
    if (error instanceof AwsError) return [];
    throw error;
  }
}

/** Removes a change set that will not be executed, and the empty stack that a first one came with. */
export async function discard(
  {
    id,
    stack,
    kind,
    executionRole,
  }: Pick<ChangeSetRequest, 'stack' | 'kind' | 'executionRole'> & { readonly id: string },
  stacks: Stacks,
): Promise<void> {
  await stacks.deleteChangeSet(id);
  if (kind === 'CREATE') await stacks.deleteStack(stack, { token: 'discard', executionRole });
}

/** Quick at first, since much is done in a second; then patient. */
export function pollInterval(polls: number): number {
  return Math.min(5_000, Math.round(300 * 1.15 ** polls));
}
