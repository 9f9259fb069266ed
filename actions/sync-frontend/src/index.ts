import { readdirSync } from 'node:fs';
import { runAction } from '../../../shared/action/run.ts';
import { systemClock } from '../../../shared/action/system-clock.ts';
import { deferredStore } from '../../../shared/aws/deferred-store.ts';
import { boundYoungGeneration } from './heap.ts';
import { parseInputs, type FoundSource } from './inputs.ts';

await runAction(async (io) => {
  const inputs = parseInputs(io.read, io.context, lookAtSource);
  // The rest is loaded once the inputs are known to be good: the AWS side, and after it what plans, while threads hash the files.
  const [{ syncFrontend }, { sourceTree }] = await Promise.all([import('./sync.ts'), import('./source-tree.ts')]);
  boundYoungGeneration();
  const store = deferredStore(import('./ports.ts').then(({ connectStore }) => connectStore(inputs, io)));
  return syncFrontend(inputs, {
    store,
    tree: sourceTree,
    clock: systemClock,
    progress: io.progress,
    signal: io.signal,
  });
});

function lookAtSource(directory: string): FoundSource {
  try {
    return readdirSync(directory).length === 0 ? 'empty' : 'files';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOTDIR' ? 'no-directory' : 'nothing';
  }
}
