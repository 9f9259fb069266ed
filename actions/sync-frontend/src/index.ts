import { runAction } from '../../../shared/action/run.ts';
import { parseInputs } from './inputs.ts';

await runAction(async (io) => {
  const inputs = parseInputs(io.read, io.context);
  // The rest is loaded once the inputs are known to be good.
  const [{ connectPorts }, { syncFrontend }] = await Promise.all([import('./ports.ts'), import('./sync.ts')]);
  return syncFrontend(inputs, connectPorts(inputs, io));
});
