import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import type { ActionIo } from '../../../shared/action/run.ts';
import { objectStore, type ObjectStore } from '../../../shared/aws/s3.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import type { Inputs } from './inputs.ts';

export function connectStore(inputs: Inputs, io: ActionIo): ObjectStore {
  boundYoungGeneration();
  return objectStore(sdkConfig(inputs, io), inputs.bucket, io.signal);
}

const youngGenerationBytes = 16 * 1024 * 1024;

/** With tens of thousands of files V8 would double its young generation up to 128 MB, for nothing: it is not faster with it. */
function boundYoungGeneration(): void {
  const timer = setInterval(() => {
    const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
    if (young !== undefined && young.space_size < youngGenerationBytes) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    clearInterval(timer);
  }, 20).unref();
}
