import type { ActionReport } from '../../../shared/action/run.ts';
import { apply } from './apply.ts';
import type { CheckInputs, PublishInputs, RollbackInputs } from './inputs.ts';
import type { Observed, ObservedPublish, ObservedSources } from './observe.ts';
import { planCheck } from './plan-check.ts';
import { planPublish, planRollback, type Plan } from './plan.ts';
import { reportCheck, reportPublish } from './report.ts';
import type { AllPorts } from './sync.ts';

interface Scene<I, O> {
  readonly inputs: I;
  readonly observed: O;
  readonly ports: AllPorts;
}

export function publish(scene: Scene<PublishInputs, ObservedPublish>): Promise<ActionReport> {
  return carryOut(planPublish(scene.inputs, scene.observed), scene);
}

export function rollBack(scene: Scene<RollbackInputs, Observed>): Promise<ActionReport> {
  return carryOut(planRollback(scene.inputs, scene.observed), scene);
}

export function check({ inputs, observed, ports }: Scene<CheckInputs, ObservedSources>): ActionReport {
  const verdict = planCheck(inputs, observed);
  ports.progress.info(`${verdict.isPublished ? 'published already' : 'not published'}: ${verdict.reason}`);
  return reportCheck(verdict, inputs);
}

async function carryOut(
  plan: Plan,
  { inputs, observed, ports }: Scene<PublishInputs | RollbackInputs, Observed>,
): Promise<ActionReport> {
  const { progress } = ports;
  for (const warning of plan.warnings) progress.warn(warning);
  const sending = plan.steps.filter(({ kind }) => kind !== 'keep').length;
  progress.info(`${sending} to send, ${plan.unchanged} unchanged, ${plan.deletions.length} to delete`);
  const { prefix, concurrency, dryRun } = inputs;
  const { stateEtag } = observed;
  const result = dryRun ? undefined : await apply(plan, { prefix, concurrency, stateEtag }, ports);
  return reportPublish(plan, inputs, result);
}
