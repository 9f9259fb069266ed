import type { ServiceRef, ServiceState } from '../../../shared/aws/ecs.ts';
import { parseArn } from '../../../shared/core/arn.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { ActionError, DeploymentError } from '../../../shared/core/errors.ts';
import { clip, diagnose, diagnoseDenial, diagnosisLines, diagnosisText, type Diagnosis } from './diagnose.ts';
import { gatherEvidence, type Scene } from './evidence.ts';
import { checkHealth, healthText, isHealthy, slowAnswer, type HealthAnswer, type HealthPorts } from './health.ts';
import { provenRevision, type Plan, type ProveStep, type RunBeforeStep, type Step, type UpdateStep } from './plan.ts';
import { earlierIn, goBack, type WayBack, type WentBack } from './rollback.ts';
import { runBefore, type RunBeforePorts } from './run-before.ts';
import { shortName } from './task-definition.ts';
import { primaryOf, type OurDeployment } from './verdict.ts';
import { watchDeployment, type WatchEnd } from './watch.ts';

/** What became of a run, as the output `outcome` tells it (a dry run is `planned`). */
export type Outcome =
  | 'succeeded'
  | 'unchanged'
  | 'started'
  | 'rolled-back'
  | 'superseded'
  | 'failed'
  | 'timed-out'
  | 'paused'
  | 'cancelled';

export type ApplyPorts = RunBeforePorts & HealthPorts;

export interface Result {
  readonly outcome: Outcome;
  /** How it ended, in one sentence. */
  readonly detail: string;
  /** True as soon as anything was registered, started or updated. */
  readonly changed: boolean;
  /** The revision that was to run; undefined when its registration failed. */
  readonly taskDefinition: string | undefined;
  /** The revision that is proven to run now. */
  readonly running: string | undefined;
  readonly deploymentArn: string | undefined;
  readonly diagnosis: Diagnosis | undefined;
  readonly health: HealthAnswer | undefined;
  /** While it is paused: the command lines that decide. */
  readonly decide: readonly string[];
  readonly steps: readonly { readonly kind: Step['kind']; readonly detail: string; readonly ms: number }[];
  readonly ms: number;
  readonly failure: ActionError | undefined;
}

/** What is known so far, step after step. */
type Draft = { -readonly [Key in keyof Result]: Result[Key] } & {
  steps: Result['steps'][number][];
};

/** AWS's side, as last seen. */
interface Known {
  /** The deployment of our own UpdateService. */
  ours: OurDeployment | undefined;
  /** The service right before our update: what a way back leads to, and which deployments are older than ours. */
  before: ServiceState;
  service: ServiceState;
}

interface Run {
  readonly plan: Plan;
  readonly ports: ApplyPorts;
  readonly draft: Draft;
  readonly known: Known;
}

export async function apply(plan: Plan, ports: ApplyPorts): Promise<Result> {
  const draft: Draft = {
    ...(plan.unproven === undefined
      ? { outcome: 'unchanged', detail: 'what is wanted runs already' }
      : {
          outcome: 'started',
          detail: `what is wanted is being deployed already, and is not waited for: ${plan.unproven}`,
        }),
    changed: false,
    taskDefinition: plan.revision.kind === 'existing' ? plan.revision.arn : undefined,
    running: undefined,
    deploymentArn: undefined,
    diagnosis: undefined,
    health: undefined,
    decide: [],
    steps: [],
    ms: 0,
    failure: undefined,
  };
  const known: Known = { ours: undefined, before: plan.service, service: plan.service };
  const run = { plan, ports, draft, known };
  const started = ports.clock.now();
  try {
    for (const step of plan.steps) {
      ports.signal.throwIfAborted();
      const begun = ports.clock.now();
      const detail = await perform(step, run);
      draft.steps.push({ kind: step.kind, detail, ms: ports.clock.now() - begun });
      if (draft.failure !== undefined || draft.outcome === 'paused') break;
    }
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    await fail(error, run);
  }
  return { ...draft, running: provenRevision(known.service), ms: ports.clock.now() - started };
}

/** A call of ours failed, or the run was cancelled: what was done so far is still reported. */
async function fail(error: ActionError, run: Run): Promise<void> {
  const { plan, ports, draft, known } = run;
  draft.outcome = ports.signal.aborted ? 'cancelled' : 'failed';
  draft.failure = error;
  draft.detail = error.message;
  draft.diagnosis ??= diagnoseDenial(error);
  if (draft.outcome === 'failed' && known.ours !== undefined) {
    draft.detail = sentences(error.message, 'The deployment goes on, unwatched: how it ends is not known');
    draft.failure = new DeploymentError(error.code, draft.detail, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
    return;
  }
  if (draft.outcome !== 'cancelled' || known.ours === undefined || !plan.limits.rollbackOnFailure) return;
  const { detail } = await wayBack(run, { ours: known.ours, deadline: undefined });
  draft.detail = sentences(error.message, detail);
  draft.failure = new DeploymentError('Cancelled', draft.detail, { fault: 'user', cause: error });
}

async function perform(step: Step, run: Run): Promise<string> {
  switch (step.kind) {
    case 'register':
      return register(step.definition, run);
    case 'run-before':
      return runFirst(step, run);
    case 'update-service':
      return updateService(step, run);
    case 'prove':
      return prove(step, run);
    case 'health-check':
      return healthCheck(step.url, run);
  }
}

async function register(definition: Plan['definition'], { ports, draft }: Run): Promise<string> {
  draft.taskDefinition = await ports.services.registerTaskDefinition(definition);
  draft.changed = true;
  const detail = `registered ${shortName(draft.taskDefinition)}`;
  ports.progress.info(detail);
  return detail;
}

async function runFirst(step: RunBeforeStep, { plan, ports, draft }: Run): Promise<string> {
  draft.changed = true;
  const { detail, failure } = await runBefore({ plan, step, taskDefinition: draft.taskDefinition ?? '' }, ports);
  ports.progress.info(failure === undefined ? `run-before: ${detail}` : detail);
  if (failure !== undefined) {
    draft.outcome = 'failed';
    draft.detail = 'run-before failed; the service was not touched';
    draft.failure = failure.error;
    draft.diagnosis = failure.diagnosis;
    if (failure.diagnosis !== undefined) show(failure.diagnosis, ports);
  }
  return detail;
}

async function updateService(step: UpdateStep, { plan, ports, draft, known }: Run): Promise<string> {
  const { desiredCount, force } = step;
  const taskDefinition = draft.taskDefinition ?? '';
  known.before = await stillAsPlanned(plan, ports);
  const updated = await ports.services.updateService({ ...refOf(plan), taskDefinition, desiredCount, force });
  draft.changed = true;
  known.service = updated;
  draft.outcome = 'started';
  draft.detail = `the deployment of ${shortName(taskDefinition)} was started and is not waited for`;
  known.ours = ourDeployment(known.before, updated, taskDefinition);
  const count = desiredCount === undefined ? '' : `, with ${desiredCount} ${desiredCount === 1 ? 'task' : 'tasks'}`;
  const detail = `deploying ${shortName(taskDefinition)}${count} (${known.ours.id})`;
  ports.progress.info(detail);
  return detail;
}

/** A migration may take hours: a deployment of someone else's that began meanwhile is not overwritten, unless that is wanted. */
async function stillAsPlanned(plan: Plan, { services, progress, reads }: Run['ports']): Promise<ServiceState> {
  reads.spend();
  const now = (await services.describeService(refOf(plan))) ?? plan.service;
  const primary = primaryOf(now);
  if (primary === undefined || primary.id === primaryOf(plan.service)?.id) return now;
  const said = `another deployment was started since this run looked: ${primary.id} to ${shortName(primary.taskDefinition)}`;
  if (plan.limits.replaces) {
    progress.warn(`${said}; it is replaced, as on-active-deployment says`);
    return now;
  }
  throw new DeploymentError('ServiceChanged', `${said}. The service was not updated.`, {
    fault: 'user',
    hint: 'Run again: what is deployed starts from what the service runs then. Let deployments of a service run one after another (concurrency groups).',
  });
}

/** The deployment that the answer to our UpdateService shows and the service did not have before; a neighbour may have updated it a moment later. */
function ourDeployment(before: ServiceState, updated: ServiceState, taskDefinition: string): OurDeployment {
  const earlier = earlierIn(before);
  const made = updated.deployments.filter((item) => item.taskDefinition === taskDefinition && !earlier.has(item.id));
  const own = made.find(({ status }) => status === 'PRIMARY') ?? made[0];
  if (own === undefined) {
    throw new DeploymentError(
      'NoDeployment',
      `AWS accepted the update of ${before.name}, and shows no new deployment of ${shortName(taskDefinition)}`,
      { hint: 'Look whether another run or person updated the service at the same moment, then run again.' },
    );
  }
  const { id, createdAt, desired: wanted } = own;
  return { id, taskDefinition, previous: previousOf(before), createdAt, wanted, earlier };
}

async function prove(step: ProveStep, run: Run): Promise<string> {
  const { plan, ports, draft, known } = run;
  const ours = known.ours ?? adopted(step, plan);
  const end = await watchDeployment(
    {
      ref: refOf(plan),
      ours,
      deadline: deadline(run),
      failFastAfter: plan.limits.failFastAfter,
      onCorrelated: (arn) => {
        draft.deploymentArn = arn;
      },
    },
    ports,
  );
  draft.deploymentArn = end.deploymentArn ?? draft.deploymentArn;
  known.service = end.service ?? known.service;
  draft.detail = end.reason;
  switch (end.outcome) {
    case 'succeeded':
      draft.outcome = known.ours === undefined ? 'unchanged' : 'succeeded';
      ports.progress.info(end.reason);
      break;
    case 'paused':
      draft.outcome = 'paused';
      paused(end, run);
      break;
    case 'superseded':
      draft.outcome = 'superseded';
      ports.progress.info(`superseded: ${end.reason}`);
      draft.failure = new DeploymentError('Superseded', `Another deployment took this one’s place: ${end.reason}`, {
        hint: 'Nothing was rolled back and nothing of the newer deployment was touched. Let deployments of a service run one after another (concurrency groups).',
      });
      break;
    case 'rolled-back':
    case 'failed':
    case 'hopeless':
    case 'timed-out':
      await failedDeployment({ end, ours }, run);
  }
  return draft.detail;
}

/** A deployment that was there before this run, and already deploys what is wanted. */
function adopted({ deploymentId }: ProveStep, plan: Plan): OurDeployment {
  const own = plan.service.deployments.find(({ id }) => id === deploymentId);
  return {
    id: own?.id ?? '',
    taskDefinition: own?.taskDefinition ?? '',
    previous: previousOf(plan.service),
    createdAt: own?.createdAt,
    wanted: own?.desired ?? 1,
    earlier: earlierIn(plan.service, own?.id),
  };
}

/** A pause waits for a person: how that person decides, and what happens without a decision. */
function paused({ pause, deploymentArn = '', reason }: WatchEnd, { plan, ports, draft }: Run): void {
  const { region = '' } = parseArn(deploymentArn) ?? {};
  draft.decide = ['CONTINUE', 'ROLLBACK'].map(
    (decision) =>
      `aws ecs continue-service-deployment --service-deployment-arn ${quoted(deploymentArn)} --hook-id ${quoted(pause?.id ?? '')} --action ${decision} --region ${quoted(region)}`,
  );
  ports.progress.info(draft.detail);
  for (const command of draft.decide) ports.progress.info(`  ${command}`);
  if (plan.limits.pausedIs === 'green') return;
  draft.failure = new DeploymentError('Paused', `The deployment is ${reason}`, {
    hint: `Decide with one of these: ${draft.decide.join(' — or: ')}. With paused-is: green this step is green.`,
  });
}

/** For a shell that a person pastes it into. */
function quoted(text: string): string {
  return /^[\w:/.+=@,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Says why, before anything else takes time; then goes back, if that is wanted and AWS has not done so. */
async function failedDeployment(
  { end, ours }: { readonly end: WatchEnd; readonly ours: OurDeployment },
  run: Run,
): Promise<void> {
  const { draft, known } = run;
  const { reason, failures, service, targets } = end;
  const diagnosis = await explain({ reason, failures, service, targets, since: ours.createdAt }, run);
  draft.diagnosis = diagnosis;
  draft.outcome = end.outcome === 'rolled-back' || end.outcome === 'timed-out' ? end.outcome : 'failed';
  const became =
    end.outcome === 'rolled-back' ? `AWS rolled back: ${runningText(known.service)}.` : await takeBack(run);
  draft.detail = sentences(reason, became);
  const code = codes[draft.outcome] ?? 'DeploymentFailed';
  draft.failure = new DeploymentError(code, annotation(diagnosis, became));
}

/** Gathers the evidence, makes a diagnosis of it and shows it. */
async function explain(
  scene: Pick<Scene, 'reason' | 'failures' | 'service' | 'since'> & Pick<Partial<Scene>, 'targets' | 'health'>,
  { plan, ports, draft }: Run,
): Promise<Diagnosis> {
  const running =
    draft.taskDefinition === undefined ? undefined : { ref: refOf(plan), taskDefinition: draft.taskDefinition };
  const changes = plan.diff.map(({ where }) => where);
  const diagnosis = diagnose(
    await gatherEvidence(
      { ...scene, definition: plan.definition, changes, running, limitMinutes: plan.limits.timeoutMinutes },
      ports,
    ),
  );
  show(diagnosis, ports);
  return diagnosis;
}

/** GitHub cuts an annotation off at 4 KB. */
function annotation(diagnosis: Diagnosis, became: string): string {
  return sentences(diagnosisText(diagnosis), clip(became, 900));
}

const codes: Partial<Record<Outcome, string>> = { 'rolled-back': 'RolledBack', 'timed-out': 'TimedOut' };

/** A time-out stays one, whatever became of the service; any other failure that was taken back is `rolled-back`. */
async function takeBack(run: Run): Promise<string> {
  const { plan, draft, known } = run;
  if (known.ours === undefined) return '';
  if (!plan.limits.rollbackOnFailure) return 'rollback-on-failure is false: the service was left as it is.';
  const { done, detail } = await wayBack(run, { ours: known.ours, deadline: deadline(run) });
  if (done && draft.outcome === 'failed') draft.outcome = 'rolled-back';
  return detail;
}

/** Going back may be denied or fail: that is told beside the failure that it was for, never instead of it. */
async function wayBack(run: Run, way: Pick<WayBack, 'ours' | 'deadline'>): Promise<WentBack> {
  const { plan, ports, draft, known } = run;
  try {
    const back = await goBack(
      { ref: refOf(plan), deploymentArn: draft.deploymentArn, fallback: provenRevision(known.before), ...way },
      ports,
    );
    ports.progress.info(back.detail);
    known.service = back.service ?? known.service;
    return back;
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    const detail = sentences(`Going back did not work: ${error.message}`, error.hint ?? '');
    return { done: false, detail, service: undefined };
  }
}

async function healthCheck(url: string, run: Run): Promise<string> {
  const { ports, draft, known } = run;
  const primary = primaryOf(known.service);
  if (known.ours !== undefined && primary !== undefined && primary.id !== known.ours.id) {
    const detail = `not asked: ${primary.id} to ${shortName(primary.taskDefinition)} already replaces this deployment`;
    ports.progress.info(`health: ${detail}`);
    return detail;
  }
  ports.progress.info(`asking ${url}`);
  const answer = await checkHealth(url, ports);
  draft.health = answer;
  const text = `${healthText(answer)}, after ${humanDuration(answer.ms)}`;
  ports.progress.info(`health: ${text}`);
  // The events of a deployment that succeeded tell nothing of what is asked now.
  const service = { ...known.service, events: [] };
  const scene = { reason: '', failures: [], service, since: undefined, health: { url, answer } };
  if (isHealthy(answer) && answer.ms < slowAnswer) return text;
  const diagnosis = await explain(scene, run);
  if (isHealthy(answer)) {
    ports.progress.warn(diagnosisText(diagnosis));
    return text;
  }
  draft.diagnosis = diagnosis;
  draft.outcome = 'failed';
  const became = await takeBack(run);
  draft.detail = sentences(`health-check-url never answered 2xx: ${text}`, became);
  draft.failure = new DeploymentError(
    'HealthCheckFailed',
    annotation(
      diagnosis,
      sentences(`The tasks run, but health-check-url did not answer with 2xx within a minute`, became),
    ),
  );
  return text;
}

/** AWS ends some of its reasons with a full stop and others not. */
function sentences(...parts: readonly string[]): string {
  return parts
    .filter((part) => part !== '')
    .map((part) => (/[.!?…]$/.test(part) ? part : `${part}.`))
    .join(' ');
}

function show(diagnosis: Diagnosis, { progress }: Pick<ApplyPorts, 'progress'>): void {
  for (const line of diagnosisLines(diagnosis)) progress.info(line);
}

function runningText(service: ServiceState): string {
  const running = provenRevision(service);
  return running === undefined ? 'no revision is proven to run' : `${shortName(running)} runs`;
}

function refOf({ cluster, service }: Plan): ServiceRef {
  return { cluster, service: service.name };
}

/** What AWS itself would go back to. */
function previousOf(service: ServiceState): string {
  return provenRevision(service) ?? service.taskDefinition;
}

function deadline({ plan, ports }: Run): number {
  return ports.clock.now() + plan.limits.timeoutMinutes * 60_000;
}
