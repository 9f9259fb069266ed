import { randomUUID } from 'node:crypto';
import { runAction } from '../../../shared/action/run.ts';
import { apply } from './apply.ts';
import { parseInputs } from './inputs.ts';
import { observe } from './observe.ts';
import { planInvalidation } from './plan.ts';
import { reportInvalidation } from './report.ts';

await runAction(async (io) => {
  const inputs = parseInputs(io.read);
  const { connectPorts } = await import('./ports.ts');
  const ports = connectPorts(inputs, io);
  const observed = await observe(inputs, ports);
  const plan = planInvalidation(inputs, observed, randomUUID());
  return reportInvalidation(plan, inputs.dryRun || plan.kind === 'nothing' ? undefined : await apply(plan, ports));
});
