import type { ServiceRef, ServiceState } from '../../../shared/aws/ecs.ts';
import { isNoNews } from '../../../shared/aws/wait.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { provenRevision } from './plan.ts';
import { shortName } from './task-definition.ts';
import { primaryOf, type OurDeployment } from './verdict.ts';
import { findRecord, watchDeployment, type WatchEnd, type WatchPorts } from './watch.ts';

export interface WayBack {
  readonly ref: ServiceRef;
  readonly ours: OurDeployment;
  readonly deploymentArn: string | undefined;
  /** A revision that ran; undefined when the service has none. */
  readonly fallback: string | undefined;
  /** Undefined after a cancel: the way back is only started, and only from a deployment that is still active. */
  readonly deadline: number | undefined;
}

export interface WentBack {
  /** True when an earlier revision is proven to run (or, without a deadline, when the way back was started). */
  readonly done: boolean;
  readonly detail: string;
  readonly service: ServiceState | undefined;
}

/** Takes back our own deployment, and nothing of anyone else's: stopped with rollback while active, else redeployed over. */
export async function goBack(way: WayBack, ports: WatchPorts): Promise<WentBack> {
  const { ref, ours, fallback, deadline, deploymentArn: known } = way;
  // A cancelled run has seconds: a stop by our own record's ARN can touch nothing else, and AWS refuses it after the end.
  if (deadline === undefined && known !== undefined && fallback !== undefined && (await stopped(known, ports))) {
    return { done: true, detail: 'Its deployment was stopped; AWS rolls it back.', service: undefined };
  }
  ports.reads.spend();
  const service = await ports.services.describeService(ref);
  const own = service?.deployments.find(({ id }) => id === ours.id);
  if (service === undefined || own?.status !== 'PRIMARY') {
    return { done: false, detail: 'The deployment is no longer the service’s own: nothing more was touched.', service };
  }
  if (fallback === undefined) {
    return {
      done: false,
      detail: 'There is no earlier revision to go back to: the service is left as it is.',
      service,
    };
  }
  const active = own.rolloutState === 'IN_PROGRESS';
  if (!active && way.deadline === undefined) {
    return { done: false, detail: 'Its deployment had already ended: nothing more was touched.', service };
  }
  const deploymentArn = active ? await recordOf(way, ports) : undefined;
  if (deploymentArn !== undefined && (await stopped(deploymentArn, ports))) {
    return awaitRollback({ ...way, service, deploymentArn, fallback }, ports);
  }
  return redeploy({ ...way, service, fallback }, ports);
}

/** A run that is cancelled early has not looked for it yet. */
async function recordOf({ ref, ours, deploymentArn }: WayBack, ports: WatchPorts): Promise<string | undefined> {
  if (deploymentArn !== undefined) return deploymentArn;
  try {
    return await findRecord(ref, ours, ports);
  } catch (error) {
    if (error instanceof ActionError) return undefined;
    throw error;
  }
}

/** False when AWS refuses: not active any more, a kind it cannot stop, or no permission; then the other way is taken. */
async function stopped(deploymentArn: string, ports: WatchPorts): Promise<boolean> {
  try {
    await ports.services.rollBackDeployment(deploymentArn);
  } catch (error) {
    if (!(error instanceof ActionError) || isNoNews(error)) throw error;
    // AWS refuses a second stop: of someone else, of its own monitors, or ours again because the first answer was lost.
    if (!(await isGoingBack(deploymentArn, ports))) return false;
  }
  ports.progress.info('stopping the deployment, AWS rolls it back');
  return true;
}

async function isGoingBack(deploymentArn: string, { services, reads }: WatchPorts): Promise<boolean> {
  try {
    reads.spend();
    const status = (await services.describeServiceDeployment(deploymentArn))?.status ?? '';
    return status === 'STOP_REQUESTED' || status.startsWith('ROLLBACK_');
  } catch (error) {
    if (error instanceof ActionError) return false;
    throw error;
  }
}

type Known = WayBack & { readonly service: ServiceState; readonly fallback: string };

async function awaitRollback(
  { ref, ours, fallback, deadline, deploymentArn, service }: Known,
  ports: WatchPorts,
): Promise<WentBack> {
  if (deadline === undefined) {
    return { done: true, detail: 'Its deployment was stopped; AWS rolls it back.', service };
  }
  const end = await unlessCancelled(
    watchDeployment({ ref, ours, deadline, failFastAfter: 0, deploymentArn }, ports),
    ports,
  );
  if (end === undefined) {
    return {
      done: false,
      detail: 'Its deployment was stopped and AWS rolls it back; the run was cancelled before that was proven.',
      service,
    };
  }
  const done = end.outcome === 'rolled-back';
  return {
    done,
    detail: done
      ? `Rolled back to ${shortName(provenIn(end.service) ?? fallback)}.`
      : `The rollback did not succeed: ${end.reason}.`,
    service: end.service,
  };
}

async function redeploy({ ref, ours, fallback, deadline, service }: Known, ports: WatchPorts): Promise<WentBack> {
  if (fallback === ours.taskDefinition) {
    return { done: false, detail: 'The revision before is the same one: there is nothing to go back to.', service };
  }
  ports.progress.info(`going back to ${shortName(fallback)}`);
  const updated = await ports.services.updateService({ ...ref, taskDefinition: fallback, force: false });
  if (deadline === undefined) {
    return { done: true, detail: `${shortName(fallback)} is being deployed again.`, service: updated };
  }
  const back = primaryOf(updated);
  if (back === undefined || back.id === ours.id) {
    return { done: false, detail: `AWS started no deployment of ${shortName(fallback)}.`, service: updated };
  }
  const { id, createdAt, desired: wanted } = back;
  const end = await unlessCancelled(
    watchDeployment(
      {
        ref,
        ours: {
          id,
          taskDefinition: fallback,
          previous: ours.taskDefinition,
          createdAt,
          wanted,
          earlier: earlierIn(service),
        },
        deadline,
        failFastAfter: 3,
      },
      ports,
    ),
    ports,
  );
  if (end === undefined) {
    return {
      done: false,
      detail: `${shortName(fallback)} is being deployed again; the run was cancelled before that was proven.`,
      service: updated,
    };
  }
  const done = end.outcome === 'succeeded';
  return {
    done,
    detail: done
      ? `Rolled back: ${end.reason}.`
      : `Going back to ${shortName(fallback)} did not succeed: ${end.reason}.`,
    service: end.service,
  };
}

/** What was started goes on without us; only its proof is missing. */
async function unlessCancelled(watching: Promise<WatchEnd>, { signal }: WatchPorts): Promise<WatchEnd | undefined> {
  try {
    return await watching;
  } catch (error) {
    if (error instanceof ActionError && signal.aborted) return undefined;
    throw error;
  }
}

/** What runs after AWS's rollback is for AWS to choose: the revision that completed last. */
function provenIn(service: ServiceState | undefined): string | undefined {
  return service === undefined ? undefined : provenRevision(service);
}

/** The deployments of a service before an update, with what was said of each. */
export function earlierIn({ deployments }: ServiceState, except?: string): ReadonlyMap<string, string> {
  return new Map(deployments.filter(({ id }) => id !== except).map(({ id, rolloutReason }) => [id, rolloutReason]));
}
