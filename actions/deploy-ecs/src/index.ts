import { readFileSync } from 'node:fs';
import { runAction, type ActionIo, type ActionReport } from '../../../shared/action/run.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { parseInputs } from './inputs.ts';

const main = async (io: ActionIo): Promise<ActionReport> => {
  const inputs = parseInputs(io.read, (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  });
  const { run } = await import('./run.ts');
  return run(inputs, io);
};

await runAction(main, {
  onFailure: (error) => ({
    outcome: error instanceof ActionError && error.code === 'Cancelled' ? 'cancelled' : 'failed',
  }),
});
