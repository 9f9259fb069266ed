import type { Progress } from '../../../shared/action/progress.ts';
import type {
  EcsServices,
  ServiceRef,
  ServiceState,
  TaskDefinitionRequest,
  TaskDefinitionState,
} from '../../../shared/aws/ecs.ts';
import { isNoNews, waitUntil } from '../../../shared/aws/wait.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { AwsError, PreconditionError, WaitTimeoutError } from '../../../shared/core/errors.ts';
import type { Inputs } from './inputs.ts';
import { isUndeployed, ownTags, readTaskDefinition, serviceFamily, shortName } from './task-definition.ts';
import type { ReadBudget } from './read-budget.ts';
import { primaryOf } from './verdict.ts';

export interface Definition {
  /** Undefined for a file. */
  readonly arn: string | undefined;
  readonly family: string;
  readonly active: boolean;
  readonly definition: TaskDefinitionRequest;
  /** Fields that cannot be registered and were left out. */
  readonly unknown: readonly string[];
}

export interface Observed {
  readonly service: ServiceState;
  /** What the service runs now. */
  readonly running: Definition;
  /** What the new revision starts from. */
  readonly base: Definition;
  /** The newest revision of the service's family: an earlier run may have registered what is wanted. */
  readonly newest: Definition | undefined;
  /** A deployment that is still going on, in words. */
  readonly active: string | undefined;
  /** With `rollback`: what ran before. */
  readonly before: Before | undefined;
}

/** What the records of successful deployments say of the time before the revision that runs now. */
export type Before =
  | { readonly kind: 'proven'; readonly revision: Definition; readonly why?: string }
  /** Which of the earlier revisions ever ran is not known. */
  | { readonly kind: 'unknown'; readonly why: string; readonly candidates: readonly string[] };

export interface ObservePorts {
  readonly services: EcsServices;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly reads: ReadBudget;
}

export async function observe(inputs: Inputs, ports: ObservePorts): Promise<Observed> {
  const { services } = ports;
  const { service, active } = await observeService(inputs, ports);
  const running = await definitionOf(services, service.taskDefinition);
  const family = serviceFamily(running);
  const [base, newest, before] = await Promise.all([
    observeBase(inputs, running, services),
    services.describeTaskDefinition(family).then((found) => (found === undefined ? undefined : toDefinition(found))),
    inputs.rollback ? observeBefore(inputs, service, services) : undefined,
  ]);
  return { service, running, base, newest, active, before };
}

/** The service, once no other deployment is going on, if that is what `on-active-deployment` wants. */
async function observeService(
  inputs: Inputs,
  ports: ObservePorts,
): Promise<{ readonly service: ServiceState; readonly active: string | undefined }> {
  const look = async (): Promise<{ readonly service: ServiceState; readonly active: string | undefined }> => {
    ports.reads.spend();
    const service = await ports.services.describeService(inputs);
    if (service === undefined || service.status === 'INACTIVE') throw missing(inputs);
    return { service, active: await activeDeployment(inputs, service, ports) };
  };
  const first = await look();
  if (first.active === undefined || inputs.onActiveDeployment !== 'wait' || inputs.dryRun) return first;
  ports.progress.info(`waiting for the deployment that is still going on: ${first.active}`);
  try {
    return await waitUntil(
      look,
      (seen) => (seen.active === undefined ? { kind: 'done', value: seen } : { kind: 'pending', state: seen.active }),
      {
        clock: ports.clock,
        deadline: ports.clock.now() + inputs.waitTimeoutMinutes * 60_000,
        interval: (polls) => ports.reads.pause(polls),
        what: 'another deployment of the service',
        signal: ports.signal,
        onChange: (state) => ports.progress.info(`  ${state}`),
      },
    );
  } catch (error) {
    if (!(error instanceof WaitTimeoutError)) throw error;
    throw new PreconditionError('DeploymentActive', `${error.message}; nothing was touched`, {
      cause: error,
      hint: 'Set on-active-deployment: replace to deploy over it, if it is stuck for good.',
    });
  }
}

function missing({ cluster, service, region }: Inputs): PreconditionError {
  return new PreconditionError(
    'ServiceMissing',
    `there is no service ${service} in the cluster ${cluster} in ${region}`,
    {
      hint: 'Check cluster, service, aws-region, and that the credentials are of the account that holds them.',
    },
  );
}

/** Without permission for the ServiceDeployments calls, the service's own list has to do. */
async function activeDeployment(
  ref: ServiceRef,
  service: ServiceState,
  { services, reads }: Pick<ObservePorts, 'services' | 'reads'>,
): Promise<string | undefined> {
  const primary = primaryOf(service);
  if (primary?.rolloutState === 'IN_PROGRESS') {
    const { id, running, desired, taskDefinition } = primary;
    return `${id} to ${shortName(taskDefinition)}, ${running} of ${desired} running`;
  }
  try {
    reads.spend();
    const [deployment] = await services.listServiceDeployments(ref, {
      statuses: ['PENDING', 'IN_PROGRESS', 'STOP_REQUESTED', 'ROLLBACK_REQUESTED', 'ROLLBACK_IN_PROGRESS'],
    });
    return deployment === undefined ? undefined : `${deployment.arn}, ${deployment.status}`;
  } catch (error) {
    // Denied is no news for good; broken or throttled is none of "nothing is going on".
    if (error instanceof AwsError && !isNoNews(error)) return undefined;
    throw error;
  }
}

async function observeBase(inputs: Inputs, running: Definition, services: EcsServices): Promise<Definition> {
  const { base } = inputs;
  if (base.kind === 'running') return running;
  if (base.kind === 'registered') return definitionOf(services, base.reference);
  const { definition, unknown } = base;
  return { arn: undefined, family: definition.family ?? '', active: false, definition, unknown };
}

async function definitionOf(services: EcsServices, reference: string): Promise<Definition> {
  const found = await services.describeTaskDefinition(reference);
  if (found === undefined) {
    throw new PreconditionError('TaskDefinitionMissing', `there is no task definition ${reference}`, {
      hint: 'Check the name, the revision and aws-region; a file is named by a path that holds a "/" or ends in ".json".',
    });
  }
  return toDefinition(found);
}

function toDefinition({ arn, family, active, described, tags }: TaskDefinitionState): Definition {
  const reading = readTaskDefinition(described);
  if ('problems' in reading) {
    const problems = reading.problems.map(({ path, accepted }) => `${path}: ${accepted}`).join('; ');
    throw new PreconditionError(
      'TaskDefinitionUnreadable',
      `${shortName(arn)} cannot be registered again: ${problems}`,
    );
  }
  const kept = ownTags(tags);
  const definition = kept.length === 0 ? reading.definition : { ...reading.definition, tags: kept };
  return { arn, family, active, definition, unknown: reading.unknown };
}

/** What was deployed successfully before the revision that runs. A lower number alone proves nothing: it may never have run. */
async function observeBefore(inputs: Inputs, service: ServiceState, services: EcsServices): Promise<Before> {
  const { target, passed, unread } = await recordedRevisions(inputs, service.taskDefinition, services);
  const passedOver = passed.length === 0 ? '' : `; passed over: ${passed.join(', ')}`;
  const running = shortName(service.taskDefinition);
  if (target !== undefined) {
    const name = shortName(target.arn ?? '');
    const why = `${running} runs now; ${name} is what last completed before it, by AWS’s records${passedOver}`;
    return { kind: 'proven', revision: target, why };
  }
  const family = running.replace(/:\d+$/, '');
  const number = revisionNumber(service.taskDefinition);
  const candidates = (await services.listRevisions(family))
    .filter((arn) => shortName(arn).startsWith(`${family}:`) && revisionNumber(arn) < number)
    .toSorted((a, b) => revisionNumber(b) - revisionNumber(a))
    .map(shortName);
  const why =
    unread === undefined
      ? `AWS has no record of a successful deployment of another one that can be deployed${passedOver}`
      : `the records of its deployments cannot be read: ${unread}`;
  return { kind: 'unknown', why, candidates };
}

/** Each record costs a call of its own. */
const mostRecords = 100;

interface Recorded {
  readonly target?: Definition;
  /** Revisions that were not chosen, with the reason. */
  readonly passed: readonly string[];
  readonly unread?: string;
}

/**
 * Newest first, and no further than needed. A lower number of the same family settles it. Any other may be what was gone back
 * from: then the running revision had completed before it too, and what completed before that is meant.
 */
async function recordedRevisions(ref: ServiceRef, running: string, services: EcsServices): Promise<Recorded> {
  const passed = new Map<string, string>();
  let held: Definition | undefined;
  try {
    const records = await services.listServiceDeployments(ref, { statuses: ['SUCCESSFUL', 'ROLLBACK_SUCCESSFUL'] });
    for (const { status, targetRevision } of records.slice(0, mostRecords)) {
      const arn = await services.revisionTaskDefinition(targetRevision);
      if (arn === undefined || (arn === running && status !== 'SUCCESSFUL')) continue;
      if (arn === running) {
        if (held?.arn !== undefined) passed.set(held.arn, 'was gone back from');
        held = undefined;
      } else if (status !== 'SUCCESSFUL') {
        if (held?.arn !== arn) passed.set(arn, 'was rolled back by AWS');
      } else if (!passed.has(arn) && held === undefined) {
        const found = await services.describeTaskDefinition(arn);
        if (found?.active !== true) passed.set(arn, 'is deregistered');
        else if (isUndeployed(toDefinition(found))) passed.set(arn, 'holds no image: the service was made with it');
        else if (isLower(arn, running)) return { target: toDefinition(found), passed: told(passed) };
        else held = toDefinition(found);
      }
    }
    return { ...(held === undefined ? {} : { target: held }), passed: told(passed) };
  } catch (error) {
    if (error instanceof AwsError) return { passed: [], unread: error.message };
    throw error;
  }
}

function told(passed: ReadonlyMap<string, string>): readonly string[] {
  return [...passed].map(([arn, why]) => `${shortName(arn)} (${why})`);
}

function isLower(arn: string, running: string): boolean {
  const family = (name: string): string => name.slice(0, name.lastIndexOf(':'));
  return family(arn) === family(running) && revisionNumber(arn) < revisionNumber(running);
}

function revisionNumber(arn: string): number {
  return Number(arn.slice(arn.lastIndexOf(':') + 1));
}
