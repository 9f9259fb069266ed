import { runAction } from '../../../shared/action/run.ts';
import { parseInputs } from './inputs.ts';

await runAction(async (io) => {
  const inputs = parseInputs(io.read, io.context);
  const { connectPorts } = await import('./ports.ts');
  const { run } = await import('./run.ts');
  return run(inputs, { ...connectPorts(inputs, io), progress: io.progress, context: io.context });
});
