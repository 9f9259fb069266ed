import { readdirSync } from 'node:fs';
import { runAction } from '../../../shared/action/run.ts';
import { parseInputs, type FoundSource } from './inputs.ts';

await runAction(async (io) => {
  const inputs = parseInputs(io.read, io.context, lookAtSource);
  // The rest is loaded once the inputs are known to be good.
  const [{ connectPorts }, { syncFrontend }] = await Promise.all([import('./ports.ts'), import('./sync.ts')]);
  return syncFrontend(inputs, connectPorts(inputs, io));
});

function lookAtSource(directory: string): FoundSource {
  try {
    return readdirSync(directory).length === 0 ? 'empty' : 'files';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOTDIR' ? 'no-directory' : 'nothing';
  }
}
