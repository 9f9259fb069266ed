import { runAction } from '../../../shared/action/run.ts';
import { apply } from './apply.ts';
import { parseInputs } from './inputs.ts';
import { observe } from './observe.ts';
import { planInvalidation } from './plan.ts';
import { reportInvalidation } from './report.ts';

await runAction(async (io) => {
  const inputs = parseInputs(io.read, io.context);
  const { connectPorts } = await import('./ports.ts');
  const ports = connectPorts(inputs, io);
  const step = `${process.env['GITHUB_JOB'] ?? ''}/${process.env['GITHUB_ACTION'] ?? ''}`;
  const observed = await observe(inputs, ports);
  const plan = planInvalidation(inputs, observed, { step, now: ports.clock.now() });
  return reportInvalidation(plan, inputs.dryRun || plan.kind === 'nothing' ? undefined : await apply(plan, ports));
});
