import type { ActionReport } from '../../../shared/action/run.ts';
import { apply, type ApplyPorts } from './apply.ts';
import type { CheckInputs, Inputs, PublishInputs, RollbackInputs } from './inputs.ts';
import { observeBucket, observeCheck, observePublish, type Observed, type Ports } from './observe.ts';
import { planCheck } from './plan-check.ts';
import { planPublish, planRollback, type Plan } from './plan.ts';
import { reportCheck, reportPublish } from './report.ts';

export type AllPorts = Ports & ApplyPorts;

/** The three things the action does, each: observe, plan, apply, report. */
export async function syncFrontend(inputs: Inputs, ports: AllPorts): Promise<ActionReport> {
  switch (inputs.mode) {
    case 'check':
      return check(inputs, ports);
    case 'rollback': {
      const observed = await observeBucket(inputs, ports);
      return carryOut(planRollback(inputs, observed), { inputs, observed, ports });
    }
    case 'publish': {
      const observed = await observePublish(inputs, ports);
      return carryOut(planPublish(inputs, observed), { inputs, observed, ports });
    }
  }
}

interface Scene {
  readonly inputs: PublishInputs | RollbackInputs;
  readonly observed: Observed;
  readonly ports: AllPorts;
}

async function carryOut(plan: Plan, { inputs, observed, ports }: Scene): Promise<ActionReport> {
  const { progress } = ports;
  for (const warning of plan.warnings) progress.warn(warning);
  const sending = plan.steps.filter(({ kind }) => kind !== 'keep').length;
  progress.info(`${sending} to send, ${plan.unchanged} unchanged, ${plan.deletions.length} to delete`);
  const { prefix, concurrency, dryRun } = inputs;
  const { stateEtag } = observed;
  const result = dryRun ? undefined : await apply(plan, { prefix, concurrency, stateEtag }, ports);
  return reportPublish(plan, inputs, result);
}

async function check(inputs: CheckInputs, ports: AllPorts): Promise<ActionReport> {
  const observed = await observeCheck(inputs, ports);
  const verdict = planCheck(inputs, observed);
  ports.progress.info(`${verdict.isPublished ? 'published already' : 'not published'}: ${verdict.reason}`);
  return reportCheck(verdict, inputs);
}
