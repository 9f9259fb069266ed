import { readFileSync } from 'node:fs';
import { runAction } from '../../../shared/action/run.ts';
import { parseInputs } from './inputs.ts';

await runAction(async (io) => {
  const inputs = parseInputs(io.read, (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  });
  const { run } = await import('./run.ts');
  return run(inputs, io);
});
