import type { RunContext } from '../../../shared/action/context.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import type { ActionReport } from '../../../shared/action/run.ts';
import { apply } from './apply.ts';
import type { Inputs } from './inputs.ts';
import { observe, type Ports } from './observe.ts';
import { planStacks } from './plan.ts';
import { planLines, reportApply, reportOutputs, reportPlan } from './report.ts';
import { serviceOf, stackSpecs } from './stacks.ts';
import { readTemplates } from './templates.ts';

export type RunIo = Ports & {
  readonly progress: Progress;
  readonly context: Pick<RunContext, 'runId' | 'runAttempt'>;
};

/** The three modes, each from what is there to what is said about it. */
export async function run(inputs: Inputs, io: RunIo): Promise<ActionReport> {
  const start = io.clock.now();
  const { runId, runAttempt } = io.context;
  // Change sets must not share a name with those of another run, attempt, or step of the same job.
  const runName = `slipway-${runId === '' ? 'local' : runId}-${runAttempt}-${start.toString(36)}`;
  const service = serviceOf(inputs.app, inputs.environment);
  const specs = stackSpecs(inputs, readTemplates());
  const observed = await observe({ ...inputs, specs, service, runName }, io);
  if (inputs.mode === 'outputs') return reportOutputs(inputs, specs, observed);
  const plan = planStacks({ ...inputs, specs }, observed);
  if (inputs.mode === 'plan') {
    for (const line of planLines(plan)) io.progress.info(line);
    return reportPlan(inputs, plan, observed);
  }
  const result = await apply(
    plan,
    {
      executionRole: inputs.executionRole,
      runName,
      waitTimeoutMs: inputs.waitTimeoutMinutes * 60_000,
      service,
    },
    io,
  );
  return reportApply(inputs, plan, { ...result, ms: io.clock.now() - start });
}
