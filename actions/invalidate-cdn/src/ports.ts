import type { ActionIo } from '../../../shared/action/run.ts';
import { systemClock } from '../../../shared/action/system-clock.ts';
import { cdn } from '../../../shared/aws/cloudfront.ts';
import { objectStore } from '../../../shared/aws/s3.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import type { ApplyPorts } from './apply.ts';
import type { Inputs } from './inputs.ts';

export function connectPorts(inputs: Inputs, io: ActionIo): ApplyPorts {
  // A call that hangs is not to hold up the look at the time limit for long.
  const requestTimeout = 15_000;
  const config = sdkConfig(inputs, { ...io, requestTimeout });
  const { record, region } = inputs;
  const hasRole = inputs.roleToAssume !== undefined;
  return {
    cdn: cdn(config),
    store:
      record === undefined
        ? undefined
        : objectStore({
            bucket: record.bucket,
            region,
            hasRole,
            requestTimeout,
            sdkConfig: () => Promise.resolve(config),
          }),
    clock: systemClock,
    random: Math.random,
    progress: io.progress,
    signal: io.signal,
  };
}
