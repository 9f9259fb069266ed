import type {
  DeploymentState,
  LifecycleHookState,
  ServiceDeploymentState,
  ServiceState,
  TaskState,
} from '../../../shared/aws/ecs.ts';
import { lastPart } from '../../../shared/core/arn.ts';
import { shortName } from './task-definition.ts';

/** The deployment whose end is to be proven. */
export interface OurDeployment {
  /** `ecs-svc/…` */
  readonly id: string;
  readonly taskDefinition: string;
  /** What ran before it. */
  readonly previous: string | undefined;
  /** AWS's clock, never the runner's. */
  readonly createdAt: Date | undefined;
  /** How many tasks were wanted when it began; scaling may change that at any time. */
  readonly wanted: number;
  /** The deployments that were there before it, with what was said of each; any other is newer. */
  readonly earlier: ReadonlyMap<string, string>;
}

/** One look: the service, and our deployment's own record where that can be read. */
export interface Sight {
  readonly service: ServiceState | undefined;
  readonly deployment: ServiceDeploymentState | undefined;
  /** Why an earlier list called our deployment failed: the failed entry may leave the list before the rollback is complete. */
  readonly seenFailed?: string | undefined;
}

export type EndOutcome = 'succeeded' | 'failed' | 'rolled-back' | 'superseded' | 'paused';

export type Verdict =
  /** `failing`: it can only end badly; what is still awaited is where it ends. */
  | { readonly kind: 'pending'; readonly state: string; readonly failing: boolean }
  | { readonly kind: 'ended'; readonly outcome: EndOutcome; readonly reason: string };

const pending = (state: string, failing = false): Verdict => ({ kind: 'pending', state, failing });
const ended = (outcome: EndOutcome, reason: string): Verdict => ({ kind: 'ended', outcome, reason });

/** What a look means. Only proof ends the wait; anything unknown goes on until the deadline, which is never green. */
export function judge(ours: OurDeployment, sight: Sight): Verdict {
  return sight.deployment === undefined
    ? judgeByService(ours, sight)
    : judgeByRecord(ours, sight.deployment, sight.service);
}

/** By the deployment's own record (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html). */
function judgeByRecord(
  ours: OurDeployment,
  deployment: ServiceDeploymentState,
  service: ServiceState | undefined,
): Verdict {
  const { status, statusReason, rollback } = deployment;
  switch (status) {
    case 'SUCCESSFUL':
      return judgeSuccess(ours, service);
    case 'PENDING':
    case 'IN_PROGRESS': {
      const paused = deployment.hooks.find((hook) => hook.status === 'AWAITING_ACTION');
      return paused === undefined ? pending(counts(deployment)) : ended('paused', pauseText(paused));
    }
    case 'STOP_REQUESTED':
      return pending('AWS was asked to stop the deployment', true);
    case 'STOPPED':
      return isReplaced(ours, statusReason, service)
        ? ended('superseded', replacedText(statusReason, service, ours))
        : ended('failed', statusReason || 'the deployment was stopped');
    case 'ROLLBACK_REQUESTED':
    case 'ROLLBACK_IN_PROGRESS':
      return pending(`rolling back: ${causeOf(deployment)}`, true);
    case 'ROLLBACK_SUCCESSFUL':
      return ended('rolled-back', causeOf(deployment));
    case 'ROLLBACK_FAILED':
      return ended(
        'failed',
        `${causeOf(deployment)}; the rollback (${rollback?.reason ?? ''}) failed too: the service may be down`,
      );
    default:
      return pending(`status ${status}, which this version does not know`);
  }
}

function judgeSuccess(ours: OurDeployment, service: ServiceState | undefined): Verdict {
  const primary = primaryOf(service);
  if (primary === undefined) return pending('complete; the service is not seen yet');
  if (primary.id === ours.id) {
    return ['COMPLETED', ''].includes(primary.rolloutState) && primary.running >= 1
      ? ended('succeeded', runningText(primary))
      : pending(`complete; the service still says ${listCounts(primary)} (${primary.rolloutState.toLowerCase()})`);
  }
  return isNewer(primary, ours)
    ? ended('succeeded', `it completed, and ${primary.id} to ${shortName(primary.taskDefinition)} already replaces it`)
    : pending('complete; the service does not show it yet');
}

/** By the service's list of deployments alone: without permission for, or an answer from, the ServiceDeployments calls. */
function judgeByService(ours: OurDeployment, { service, seenFailed }: Sight): Verdict {
  const primary = primaryOf(service);
  if (service === undefined || primary === undefined) return pending('the service is not seen');
  const own = service.deployments.find(({ id }) => id === ours.id);
  return primary.id === ours.id
    ? judgePrimary(ours, primary, service)
    : judgeReplaced(ours, own ?? (seenFailed === undefined ? undefined : gone(seenFailed)), { service, primary });
}

const gone = (rolloutReason: string): Pick<DeploymentState, 'rolloutState' | 'rolloutReason'> => ({
  rolloutState: 'FAILED',
  rolloutReason,
});

function judgePrimary(ours: OurDeployment, own: DeploymentState, service: ServiceState): Verdict {
  const { rolloutState, running, desired } = own;
  if (rolloutState === 'FAILED') {
    // AWS rolls back to a deployment that completed; until it does, the failed one is still PRIMARY for a moment.
    const willRollBack =
      service.breaker.rollback &&
      service.deployments.some(({ id, rolloutState: state }) => id !== own.id && state === 'COMPLETED');
    return willRollBack
      ? pending('failed; AWS is about to roll back', true)
      : ended('failed', own.rolloutReason || 'the deployment failed');
  }
  // Services behind a Classic Load Balancer have no rollout state. A count that scaling raised meanwhile is not awaited.
  const settled = rolloutState === '' && service.deployments.length === 1 && own.pending === 0;
  return (rolloutState === 'COMPLETED' || settled) && running >= Math.max(1, Math.min(desired, ours.wanted))
    ? ended('succeeded', runningText(own))
    : pending(listCounts(own));
}

function judgeReplaced(
  ours: OurDeployment,
  own: Pick<DeploymentState, 'rolloutState' | 'rolloutReason'> | undefined,
  { service, primary }: { readonly service: ServiceState; readonly primary: DeploymentState },
): Verdict {
  const failed = own?.rolloutState === 'FAILED';
  const backToPrevious = primary.taskDefinition === ours.previous;
  const told =
    // Words from before our update are about another rollback.
    (primary.rolloutReason !== ours.earlier.get(primary.id) && rollbackWords.test(primary.rolloutReason)) ||
    (backToPrevious && service.events.some((event) => isSince(event.at, ours) && rollbackWords.test(event.message)));
  if (told || (failed && backToPrevious)) {
    const reason = own?.rolloutReason || 'AWS rolled it back';
    if (primary.rolloutState === 'IN_PROGRESS')
      return pending(`rolling back to ${shortName(primary.taskDefinition)}: ${reason}`, true);
    return ended('rolled-back', reason);
  }
  if (failed) return ended('failed', own.rolloutReason || 'the deployment failed');
  // A list that is older than our update shows what was there before it.
  if (!isNewer(primary, ours)) return pending('the service does not show the deployment yet');
  return ended('superseded', `${primary.id} to ${shortName(primary.taskDefinition)} took its place`);
}

const rollbackWords = /\broll(?:ing|ed)?[ -]?back/i;

/** The deployment that the service is set to. */
export function primaryOf(service: ServiceState | undefined): DeploymentState | undefined {
  return service?.deployments.find(({ status }) => status === 'PRIMARY');
}

function isReplaced(ours: OurDeployment, reason: string, service: ServiceState | undefined): boolean {
  const primary = primaryOf(service);
  return /replaced by a new/i.test(reason) || (primary !== undefined && isNewer(primary, ours));
}

function isNewer(deployment: DeploymentState, ours: OurDeployment): boolean {
  return deployment.id !== ours.id && !ours.earlier.has(deployment.id);
}

/** Which deployment it was, where the service shows it. */
function replacedText(reason: string, service: ServiceState | undefined, ours: OurDeployment): string {
  const primary = primaryOf(service);
  const by =
    primary !== undefined && isNewer(primary, ours)
      ? `${primary.id} to ${shortName(primary.taskDefinition)} took its place`
      : '';
  return [reason, by].filter((part) => part !== '').join(': ') || 'a newer deployment took its place';
}

/** AWS gives some times in whole seconds. */
function isSince(at: Date | undefined, { createdAt }: OurDeployment): boolean {
  return createdAt === undefined || at === undefined || at.getTime() >= createdAt.getTime() - 1_000;
}

function causeOf({ breaker, alarms, hooks, rollback, statusReason }: ServiceDeploymentState): string {
  if (breaker.status === 'TRIGGERED') {
    return `the deployment circuit breaker was triggered after ${breaker.failures} failed tasks`;
  }
  if (alarms.status === 'TRIGGERED') return `alarms went off: ${alarms.triggered.join(', ')}`;
  const hook = hooks.find(({ status }) => ['FAILED', 'TIMED_OUT'].includes(status));
  if (hook !== undefined)
    return `the lifecycle hook ${hook.target || hook.id} ${hook.status === 'FAILED' ? 'failed' : 'timed out'}`;
  return rollback?.reason || statusReason || 'a stop was asked for, and AWS names no other reason';
}

function pauseText({ id, target, expiresAt, timeoutAction }: LifecycleHookState): string {
  const then =
    timeoutAction === '' ? '' : `, then AWS will ${timeoutAction === 'CONTINUE' ? 'let it go on' : 'roll it back'}`;
  const until = expiresAt === undefined ? '' : `, until ${expiresAt.toISOString()}${then}`;
  return `paused: the hook ${target || id} waits for a decision${until}`;
}

function counts(deployment: ServiceDeploymentState): string {
  const { running, requested, pending: starting, stage, breaker, productionWeight, testWeight, hooks } = deployment;
  const failures = breaker.failures > 0 ? `, ${breaker.failures} failed` : '';
  const hook = hooks.find(({ status }) => status === 'IN_PROGRESS');
  const more = [
    stage.toLowerCase().replaceAll('_', ' '),
    productionWeight === undefined ? '' : `${productionWeight} % of the traffic`,
    testWeight === undefined ? '' : `${testWeight} % of the test traffic`,
    hook === undefined ? '' : `hook ${hook.target || hook.id} runs`,
  ].filter((part) => part !== '');
  return `${running} of ${requested} running, ${starting} starting${failures}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
}

function listCounts({ running, desired, pending: starting, failed }: DeploymentState): string {
  return `${running} of ${desired} running, ${starting} starting${failed > 0 ? `, ${failed} failed` : ''}`;
}

function runningText({ running, desired, taskDefinition }: DeploymentState): string {
  return `${running} of ${desired} tasks run ${shortName(taskDefinition)}`;
}

/** A task of our deployment that died by itself, not one that was scaled in, drained or stopped by hand. */
export function isFailureOf(ours: OurDeployment, task: TaskState): boolean {
  const mine = task.startedBy.startsWith('ecs-svc/')
    ? task.startedBy === ours.id
    : task.taskDefinition === ours.taskDefinition && isSince(task.createdAt, ours);
  return (
    mine &&
    (['TaskFailedToStart', 'EssentialContainerExited'].includes(task.stopCode) ||
      /failed (?:elb|container) health checks/i.test(task.stoppedReason))
  );
}

/**
 * Equal for tasks that died the same way: what ended by itself, not what ECS stopped with it, and without ids, addresses and
 * numbers that differ from task to task.
 */
export function fingerprintOf({ stopCode, stoppedReason, containers }: TaskState): string {
  const failed = containers.filter(
    ({ exitCode, reason }) => (exitCode !== undefined && exitCode !== 0) || reason !== '',
  );
  const byItself = failed.filter(({ exitCode, reason }) => reason !== '' || ![137, 143].includes(exitCode ?? 0));
  const exits = (byItself.length > 0 ? byItself : failed)
    .map(({ name, exitCode, reason }) => `${name}:${exitCode ?? ''}:${stable(reason)}`)
    .toSorted();
  return [stopCode, stable(stoppedReason), ...exits].join('|');
}

function stable(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}\b/gi, '#')
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, '#')
    .replace(/\b\d+ time\(s\)/g, '#')
    .replace(/(request ?id|host ?id):? \S+/gi, '$1')
    .replace(/:\d{4,5}\b|\b\d{5,}\b/g, '#');
}

/** Deaths that are longer ago say nothing of tasks that run: a worker may end every hour, for good reasons. */
const deathsCountMs = 10 * 60_000;

export interface Watchdog {
  /** Like failures that are enough to give up; 0: never. */
  readonly failFastAfter: number;
  readonly failures: readonly TaskState[];
}

/**
 * True when the tasks of a deployment died the same way often enough to give it up: none of them runs. While some do, it
 * takes twice as many and one for each task that is wanted: a program that dies, or is found unhealthy, a minute after its
 * start looks alive in between.
 */
export function isHopeless(ours: OurDeployment, sight: Sight, { failFastAfter, failures }: Watchdog): boolean {
  if (failFastAfter === 0) return false;
  const own = sight.service?.deployments.find(({ id }) => id === ours.id);
  if (own === undefined || own.status !== 'PRIMARY' || own.rolloutState === 'FAILED') return false;
  // The record is the fresher one.
  const running = sight.deployment?.running ?? own.running;
  const newest = Math.max(0, ...failures.map(({ stoppedAt }) => stoppedAt?.getTime() ?? 0));
  const times = new Map<string, number>();
  for (const task of failures) {
    if (running > 0 && newest - (task.stoppedAt?.getTime() ?? newest) > deathsCountMs) continue;
    times.set(fingerprintOf(task), (times.get(fingerprintOf(task)) ?? 0) + 1);
  }
  // Where AWS's own breaker is about to act (by default at half of the tasks, at least 3), it gets two failures' time to do so.
  const breaker = sight.service?.breaker;
  const breakerAt = sight.deployment?.breaker.threshold || Math.max(3, Math.ceil(own.desired / 2));
  const patience =
    breaker?.enabled === true && breakerAt <= failFastAfter + 2
      ? Math.max(failFastAfter, breakerAt) + 2
      : failFastAfter;
  return Math.max(0, ...times.values()) >= (running === 0 ? patience : 2 * patience + own.desired);
}

/** How one task died, in one line. */
export function deathText({ arn, stopCode, stoppedReason, containers }: TaskState): string {
  const exits = containers.flatMap(({ name, exitCode, reason }) =>
    exitCode === undefined && reason === ''
      ? []
      : [
          `${name} ${exitCode === undefined ? 'without exit code' : `exit code ${exitCode}`}${reason === '' ? '' : ` ${reason}`}`,
        ],
  );
  const said = [stopCode, stoppedReason, ...exits].filter((part) => part !== '').join(', ');
  return `task ${lastPart(arn)} stopped: ${said}`;
}
