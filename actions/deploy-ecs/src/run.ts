import type { ActionIo, ActionReport } from '../../../shared/action/run.ts';
import { apply } from './apply.ts';
import type { Inputs } from './inputs.ts';
import { observe } from './observe.ts';
import { planDeploy } from './plan.ts';
import { connectPorts } from './ports.ts';
import { planLines, report } from './report.ts';

/** Everything after the inputs, loaded only when they are good. */
export async function run(inputs: Inputs, io: ActionIo, ports = connectPorts(inputs, io)): Promise<ActionReport> {
  const plan = planDeploy(inputs, await observe(inputs, ports));
  for (const note of plan.notes) io.progress.warn(note);
  for (const line of planLines(plan)) io.progress.info(line);
  return report(plan, inputs.dryRun ? undefined : await apply(plan, ports));
}
