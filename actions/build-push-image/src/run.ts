import type { ActionIo, ActionReport } from '../../../shared/action/run.ts';
import { apply } from './apply.ts';
import type { Inputs } from './inputs.ts';
import { observe } from './observe.ts';
import { planBuild } from './plan.ts';
import { connectPorts } from './ports.ts';
import { planLines, report } from './report.ts';

/** Everything after the inputs, loaded only when they are good. */
export async function run(inputs: Inputs, io: ActionIo): Promise<ActionReport> {
  const ports = connectPorts(inputs, io);
  const observed = await observe(inputs, ports, io.progress);
  const plan = planBuild(inputs, observed);
  for (const line of planLines(plan)) io.progress.info(line);
  const work = { inputs, observed, plan };
  return report(work, inputs.dryRun ? undefined : await apply(work, ports, io.progress));
}
