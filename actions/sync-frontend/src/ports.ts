import type { ActionIo } from '../../../shared/action/run.ts';
import { systemClock } from '../../../shared/action/system-clock.ts';
import { objectStore } from '../../../shared/aws/s3.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import type { Inputs } from './inputs.ts';
import { sourceTree } from './source-tree.ts';
import type { AllPorts } from './sync.ts';

export function connectPorts(inputs: Inputs, io: ActionIo): AllPorts {
  return {
    store: objectStore(sdkConfig(inputs, io), inputs.bucket),
    tree: sourceTree,
    clock: systemClock,
    progress: io.progress,
    signal: io.signal,
  };
}
