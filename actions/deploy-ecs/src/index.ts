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
    // Before the deployment there is nothing to find out about: the error says what failed, its hint what to do.
    diagnosis: error instanceof ActionError ? [error.message, error.hint ?? ''].join(' ').trim() : '',
  }),
});
