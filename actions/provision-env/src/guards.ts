import type { Progress } from '../../../shared/action/progress.ts';
import type { Stacks, StackState } from '../../../shared/aws/cloudformation.ts';
import { AwsError, DeploymentError, isAwsError } from '../../../shared/core/errors.ts';
import { dataTypes } from './changes.ts';
import type { StackSpec } from './stacks.ts';

/** What AWS itself refuses to do to a stack that holds data, whoever asks for it: neither is needed for an ordinary update. */
export interface Guards {
  /** Sets what is not set. True when something had to be. */
  raise(state: StackState): Promise<boolean>;
  /** Lets the resources of these logical ids be replaced or removed, until they are raised again. */
  lower(state: StackState, logicalIds: readonly string[]): Promise<void>;
}

export function guards(spec: StackSpec, io: { readonly stacks: Stacks; readonly progress: Progress }): Guards {
  const { stacks, progress } = io;
  let lowered: readonly string[] = [];
  const holdsData = [...spec.template.resources.values()].some(
    ({ type, isKept }) => isKept && dataTypes.includes(type),
  );

  async function setPolicy({ id }: StackState, allowed: readonly string[]): Promise<boolean> {
    const wanted = stackPolicy(allowed);
    if (isSame(await stacks.stackPolicy(id), wanted)) return false;
    await stacks.setStackPolicy(id, wanted);
    return true;
  }

  async function protect({ id, isProtected }: StackState): Promise<boolean> {
    if (isProtected) return false;
    await stacks.setTerminationProtection(id, true);
    return true;
  }

  /** The stack is what it should be, and stays so: a guard that may not be set is no reason to call it failed. */
  async function permitted(what: Promise<boolean>): Promise<boolean> {
    try {
      return await what;
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      progress.warn(`${spec.name} could not be guarded against deletion and replacement: ${error.message}`);
      if (!isAwsError(error, 'AccessDenied', 'AccessDeniedException')) return false;
      progress.info('  The role that mode: bootstrap makes has these rights: run it again.');
      return false;
    }
  }

  /** What this run itself took down must come up again. */
  async function raised(what: Promise<boolean>): Promise<boolean> {
    try {
      return await what;
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      throw new DeploymentError(
        'GuardDown',
        `${spec.name} was updated, but is no longer guarded against replacing or removing ${lowered.join(', ')}: ${error.message}`,
        { cause: error, hint: 'Run again: it sets the guard, and changes nothing else.' },
      );
    }
  }

  return {
    async raise(state) {
      if (!holdsData) return false;
      const policy = await (lowered.length > 0 ? raised(setPolicy(state, [])) : permitted(setPolicy(state, [])));
      const protection = await permitted(protect(state));
      if (policy || protection) progress.info(`${spec.key}  guarded: AWS refuses to delete it, or to replace its data`);
      return policy || protection;
    },

    async lower(state, logicalIds) {
      if (!holdsData || logicalIds.length === 0) return;
      lowered = logicalIds;
      progress.info(`${spec.key}  may for this update be replaced or removed: ${logicalIds.join(', ')}`);
      await setPolicy(state, logicalIds);
    },
  };
}

/** By type, so that what a later version of a template adds is guarded as well. */
export function stackPolicy(allowed: readonly string[]): string {
  const resource =
    allowed.length === 0 ? { Resource: '*' } : { NotResource: allowed.map((id) => `LogicalResourceId/${id}`) };
  return JSON.stringify({
    Statement: [
      { Effect: 'Allow', Principal: '*', Action: 'Update:*', Resource: '*' },
      {
        Effect: 'Deny',
        Principal: '*',
        Action: ['Update:Replace', 'Update:Delete'],
        ...resource,
        Condition: { StringEquals: { ResourceType: dataTypes } },
      },
    ],
  });
}

/** AWS gives the text back as it got it, but nobody promises that. */
function isSame(is: string | undefined, wanted: string): boolean {
  if (is === undefined || is === wanted) return is === wanted;
  try {
    return JSON.stringify(JSON.parse(is)) === wanted;
  } catch {
    return false;
  }
}
