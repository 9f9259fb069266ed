import type { ActionIo } from '../../../shared/action/run.ts';
import { systemClock } from '../../../shared/action/system-clock.ts';
import { cdn } from '../../../shared/aws/cloudfront.ts';
import { objectStore } from '../../../shared/aws/s3.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import type { ApplyPorts } from './apply.ts';
import type { Inputs } from './inputs.ts';

export function connectPorts(inputs: Inputs, io: ActionIo): ApplyPorts {
  const config = sdkConfig(inputs, io);
  const { record } = inputs;
  return {
    cdn: cdn(config),
    store: record === undefined ? undefined : objectStore(config, record.bucket),
    clock: systemClock,
    random: Math.random,
    progress: io.progress,
    signal: io.signal,
  };
}
