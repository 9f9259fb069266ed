import type { Progress } from '../../../shared/action/progress.ts';
import type { ChangeSetRequest, ChangeSetState, StackEvent, Stacks } from '../../../shared/aws/cloudformation.ts';
import { waitUntil } from '../../../shared/aws/wait.ts';
import { humanDuration, type Clock } from '../../../shared/core/clock.ts';
import { AwsError, DeploymentError, isAwsError } from '../../../shared/core/errors.ts';
import { hintsAtValidation } from './diagnose.ts';
import { Silence } from './silence.ts';
import { judgeChangeSet, outdated } from './verdict.ts';

export interface MadeChangeSet extends ChangeSetState {
  readonly id: string;
}

interface ChangeSetPorts {
  readonly stacks: Stacks;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress?: Pick<Progress, 'info'>;
}

/** Creates a change set and waits until AWS has worked it out. An empty one has no changes and is not executable. */
export async function makeChangeSet(request: ChangeSetRequest, ports: ChangeSetPorts): Promise<MadeChangeSet> {
  const { stacks, clock, signal, progress } = ports;
  const start = clock.now();
  const silence = new Silence(clock);
  const id = await stacks.createChangeSet(request);
  try {
    const state = await waitUntil(
      () => {
        if (silence.isLong) {
          progress?.info(
            `${request.stack}  … CloudFormation works out the changes, ${humanDuration(clock.now() - start)}`,
          );
          silence.break();
        }
        return stacks.describeChangeSet(id);
      },
      (seen) => judgeChangeSet(request.stack, seen),
      {
        clock,
        deadline: start + 10 * 60_000,
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
    await tidyUp({ ...request, id }, stacks);
    if (!(error instanceof DeploymentError) || found.length === 0) throw error;
    const list = found.map(({ logicalId, reason }) => `${logicalId}: ${reason}`).join('; ');
    throw new DeploymentError(error.code, `${error.message} ${list}`, {
      fault: error.fault,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

/** What it would do: worked out and removed again. */
export async function previewOf(request: ChangeSetRequest, ports: ChangeSetPorts): Promise<ChangeSetState> {
  const preview = await makeChangeSet(request, ports);
  await ports.stacks.deleteChangeSet(preview.id);
  return preview;
}

/** Begins it; one that somebody else's execution has made void is said so. */
export async function executeChangeSet(
  { id, name, stack }: { readonly id: string; readonly name: string; readonly stack: string },
  stacks: Stacks,
): Promise<void> {
  try {
    await stacks.executeChangeSet(id, { stack, token: name });
  } catch (error) {
    if (
      isAwsError(
        error,
        'InvalidChangeSetStatus',
        'ChangeSetNotFound',
        'InvalidChangeSetStatusException',
        'ChangeSetNotFoundException',
      )
    )
      throw outdated(stack, error);
    throw error;
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

type Discarded = Pick<ChangeSetRequest, 'stack' | 'kind' | 'executionRole'> & { readonly id: string };

/** After a failure: what cannot be removed (AWS refuses while it still works it out) is in nobody's way and must not hide the failure. */
async function tidyUp(changeSet: Discarded, stacks: Stacks): Promise<void> {
  try {
    await discard(changeSet, stacks);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
  }
}

/** Removes a change set that will not be executed, and the empty stack that a first one came with. */
export async function discard({ id, stack, kind, executionRole }: Discarded, stacks: Stacks): Promise<void> {
  await stacks.deleteChangeSet(id);
  if (kind !== 'CREATE') return;
  // By now another run may have created it for good.
  const state = await stacks.describe(stack);
  if (state?.status !== 'REVIEW_IN_PROGRESS') return;
  // AWS takes a token once: it belongs to this change set.
  await stacks.deleteStack(state.id, { token: `${nameOf(id)}-discard`, executionRole });
}

/** `arn:…:changeSet/<name>/<uuid>` */
function nameOf(changeSetArn: string): string {
  return changeSetArn.split('/')[1] ?? 'change-set';
}

/** Quick at first, since much is done in a second; every second for a minute, then every two, then every five. */
export function pollInterval(polls: number): number {
  return Math.min(polls < 70 ? 1_000 : polls < 200 ? 2_000 : 5_000, Math.round(300 * 1.15 ** polls));
}
