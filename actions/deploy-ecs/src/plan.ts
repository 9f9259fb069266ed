import type { ServiceState, TaskDefinitionRequest } from '../../../shared/aws/ecs.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import type { Inputs } from './inputs.ts';
import type { Definition, Observed } from './observe.ts';
import {
  containerNames,
  differences,
  isBaseFor,
  mainContainer,
  sameDefinition,
  serviceFamily,
  shortName,
  unknownContainers,
  withChanges,
  type Change,
} from './task-definition.ts';
import { primaryOf } from './verdict.ts';

/** What will run: a revision that is there, or the one that the step `register` makes. */
export type Revision =
  { readonly kind: 'existing'; readonly arn: string } | { readonly kind: 'from'; readonly step: 'register' };

interface Reasoned {
  readonly reason: string;
}

export interface RegisterStep extends Reasoned {
  readonly kind: 'register';
  readonly definition: TaskDefinitionRequest;
}

/** A one-off task with the new revision, in the service's own place. */
export interface RunBeforeStep extends Reasoned {
  readonly kind: 'run-before';
  readonly container: string;
  readonly command: readonly string[];
  readonly timeoutMinutes: number;
}

/** The one UpdateService of a run. */
export interface UpdateStep extends Reasoned {
  readonly kind: 'update-service';
  /** Sent only when the service's count is 0; otherwise its scaling stays in charge. */
  readonly desiredCount: number | undefined;
  readonly force: boolean;
}

/** Waits until the deployment's end is proven: our own, or one that already deploys what is wanted. */
export interface ProveStep extends Reasoned {
  readonly kind: 'prove';
  /** Undefined for the deployment that `update-service` starts. */
  readonly deploymentId: string | undefined;
}

export interface HealthStep extends Reasoned {
  readonly kind: 'health-check';
  readonly url: string;
}

export type Step = RegisterStep | RunBeforeStep | UpdateStep | ProveStep | HealthStep;

export interface Plan {
  readonly cluster: string;
  readonly service: ServiceState;
  readonly revision: Revision;
  /** What the tasks will run. */
  readonly definition: TaskDefinitionRequest;
  /** With `wait: false` and nothing to deploy: why what is wanted is not proven to run. */
  readonly unproven: string | undefined;
  readonly diff: readonly Change[];
  readonly notes: readonly string[];
  readonly steps: readonly Step[];
  readonly limits: {
    readonly timeoutMinutes: number;
    readonly failFastAfter: number;
    readonly rollbackOnFailure: boolean;
    readonly pausedIs: 'red' | 'green';
    /** Whether another deployment, also one that begins later, may be replaced. */
    readonly replaces: boolean;
  };
}

export function planDeploy(inputs: Inputs, observed: Observed): Plan {
  const { service } = observed;
  requireDeployable(inputs, observed);
  const wanted = inputs.rollback ? earlierRevision(observed) : wantedRevision(inputs, observed);
  const running = observed.running.definition;
  const deploy = deployReason(inputs, observed, wanted.revision);
  const steps: Step[] = [];
  if (wanted.revision.kind === 'from') {
    const reason = `no revision of ${wanted.definition.family ?? ''} is what is wanted`;
    steps.push({ kind: 'register', definition: wanted.definition, reason });
  }
  if (deploy !== undefined) steps.push(...runBefore(inputs, wanted.definition), deploy);
  const prove = inputs.wait ? proveStep(observed, deploy !== undefined) : undefined;
  if (prove !== undefined) steps.push(prove);
  if (inputs.healthCheckUrl !== undefined) {
    steps.push({ kind: 'health-check', url: inputs.healthCheckUrl, reason: 'health-check-url is given' });
  }
  return {
    cluster: inputs.cluster,
    service,
    revision: wanted.revision,
    definition: wanted.definition,
    unproven: inputs.wait || deploy !== undefined ? undefined : proveStep(observed, false)?.reason,
    diff: differences(running, wanted.definition),
    notes: notes(inputs, observed),
    steps,
    limits: {
      timeoutMinutes: Math.max(inputs.waitTimeoutMinutes, service.bakeMinutes === 0 ? 0 : service.bakeMinutes + 10),
      failFastAfter: inputs.failFastAfter,
      rollbackOnFailure: inputs.rollbackOnFailure,
      pausedIs: inputs.pausedIs,
      replaces: inputs.onActiveDeployment === 'replace',
    },
  };
}

function requireDeployable(inputs: Inputs, { service, active, base }: Observed): void {
  if (service.status !== 'ACTIVE') {
    throw new PreconditionError('ServiceNotActive', `the service ${service.name} is ${service.status}`);
  }
  if (service.controller !== 'ECS') {
    throw new PreconditionError(
      'UnsupportedController',
      `the service ${service.name} is deployed by ${service.controller}, not by ECS itself`,
      { hint: 'Only the deployment controller ECS is supported (rolling, blue/green, canary and linear).' },
    );
  }
  if (active !== undefined && inputs.onActiveDeployment === 'fail') {
    throw new PreconditionError('DeploymentActive', `another deployment is still going on: ${active}`, {
      hint: 'Run again when it has ended, or set on-active-deployment: wait (the default) or replace.',
    });
  }
  const names = containerNames(base.definition).join(', ');
  const unknown = unknownContainers(base.definition, inputs.changes);
  if (unknown.length > 0) {
    throw new PreconditionError(
      'NoSuchContainer',
      `images: the task definition has no container ${unknown.join(', ')}`,
      {
        hint: `Its containers are: ${names}.`,
      },
    );
  }
  const container = inputs.runBefore?.container;
  if (container !== undefined && !containerNames(base.definition).includes(container)) {
    throw new PreconditionError('NoSuchContainer', `run-before-container: no container ${container}`, {
      hint: `The task definition's containers are: ${names}.`,
    });
  }
}

interface Wanted {
  readonly revision: Revision;
  readonly definition: TaskDefinitionRequest;
}

function wantedRevision(inputs: Inputs, { running, base, newest }: Observed): Wanted {
  const family = serviceFamily(running);
  const definition = withChanges(withRunningImages(base, running), inputs.changes, family);
  // The service's own revision first; then the base as it is; then what an earlier run may have left registered.
  const same = [running, base, newest].find(
    (known) =>
      known?.arn !== undefined &&
      known.active &&
      known.family === family &&
      sameDefinition(known.definition, definition),
  );
  return same?.arn === undefined
    ? { revision: { kind: 'from', step: 'register' }, definition }
    : { revision: { kind: 'existing', arn: same.arn }, definition };
}

/** A base family holds stand-ins for the images: a container that is given none keeps the image it runs. */
function withRunningImages(base: Definition, running: Definition): TaskDefinitionRequest {
  if (!isBaseFor(base, running)) return base.definition;
  const images = new Map(running.definition.containerDefinitions?.map(({ name, image }) => [name, image]));
  return {
    ...base.definition,
    containerDefinitions: (base.definition.containerDefinitions ?? []).map((container) => ({
      ...container,
      image: images.get(container.name) ?? container.image,
    })),
  };
}

function earlierRevision({ before, service }: Observed): Wanted {
  if (before?.kind === 'proven' && before.revision.arn !== undefined) {
    return { revision: { kind: 'existing', arn: before.revision.arn }, definition: before.revision.definition };
  }
  const { why = 'nothing was looked up', candidates = [] } = before?.kind === 'unknown' ? before : {};
  const known =
    candidates.length === 0 ? '' : ` Registered before it, whether they ever ran or not: ${few(candidates)}.`;
  throw new PreconditionError(
    'NothingBefore',
    `no revision is known that ${service.name} ran before ${shortName(service.taskDefinition)}: ${why}.${known}`,
    {
      hint: `Choose the revision yourself: leave "rollback" out and set task-definition: ${candidates[0] ?? 'family:revision'}.`,
    },
  );
}

function few(names: readonly string[]): string {
  const rest = names.length - 5;
  return `${names.slice(0, 5).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function deployReason(inputs: Inputs, { service, before }: Observed, revision: Revision): UpdateStep | undefined {
  const primary = primaryOf(service);
  const runs = revision.kind === 'existing' && revision.arn === service.taskDefinition;
  const empty = service.desired === 0 && service.scheduling !== 'DAEMON';
  const desiredCount = empty ? (inputs.initialCount ?? 1) : undefined;
  const step = (force: boolean, reason: string): UpdateStep => ({
    kind: 'update-service',
    desiredCount,
    force,
    reason,
  });
  const back = before?.kind === 'proven' ? before.why : undefined;
  if (!runs) return step(false, back ?? `${shortName(service.taskDefinition)} runs now`);
  if (inputs.forceNewDeployment) return step(true, 'force-new-deployment is true');
  // A change of the count alone starts no deployment that could be followed.
  if (empty) return step(true, 'the service runs no tasks');
  if (primary?.rolloutState === 'FAILED') return step(true, 'the last deployment of this revision failed');
  return undefined;
}

function runBefore({ runBefore: given }: Inputs, definition: TaskDefinitionRequest): readonly RunBeforeStep[] {
  if (given === undefined) return [];
  const { command, timeoutMinutes, container = mainContainer(definition) } = given;
  return [{ kind: 'run-before', container, command, timeoutMinutes, reason: 'run-before is given' }];
}

function proveStep({ service }: Observed, deploys: boolean): ProveStep | undefined {
  if (deploys) return { kind: 'prove', deploymentId: undefined, reason: 'green only when this deployment runs' };
  const primary = primaryOf(service);
  if (primary === undefined) return undefined;
  const { id, rolloutState, running, desired } = primary;
  if (['COMPLETED', ''].includes(rolloutState) && desired > 0 && running >= desired) return undefined;
  return { kind: 'prove', deploymentId: id, reason: `its deployment has ${running} of ${desired} tasks running` };
}

/** The revision whose deployment completed and whose tasks run: the service's own (PRIMARY), or one that it still replaces. */
export function provenRevision(service: ServiceState): string | undefined {
  if (service.desired === 0) return undefined;
  const proven = service.deployments.filter(
    ({ rolloutState, running }) => ['COMPLETED', ''].includes(rolloutState) && running > 0,
  );
  return (proven.find(({ status }) => status === 'PRIMARY') ?? proven[0])?.taskDefinition;
}

function notes(inputs: Inputs, { base, running, active }: Observed): readonly string[] {
  const family = serviceFamily(running);
  const said: string[] = [];
  if (base.unknown.length > 0) {
    said.push(`left out, as RegisterTaskDefinition does not know them: ${base.unknown.join(', ')}`);
  }
  if (inputs.base.kind === 'file' && base.family !== '' && base.family !== family) {
    said.push(`the file's family ${base.family} is not used: revisions go to the service's family ${family}`);
  }
  const names = containerNames(base.definition);
  for (const key of [...inputs.changes.environment.keys(), ...inputs.changes.secrets.keys()]) {
    const prefix = key.slice(0, Math.max(0, key.indexOf('.')));
    if (prefix !== '' && !names.includes(prefix)) {
      said.push(`no container is named ${prefix}: ${key} is set as one name in ${mainContainer(base.definition)}`);
    }
  }
  if (active !== undefined) said.push(`another deployment is still going on: ${active}`);
  return said;
}
