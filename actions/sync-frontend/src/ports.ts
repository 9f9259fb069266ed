import type { ActionIo } from '../../../shared/action/run.ts';
import { lateSdkConfig } from '../../../shared/aws/late-config.ts';
import { objectStore, type ObjectStore } from '../../../shared/aws/s3.ts';
import type { Inputs } from './inputs.ts';

export function connectStore(inputs: Inputs, io: ActionIo): ObjectStore {
  return objectStore({
    bucket: inputs.bucket,
    region: inputs.region,
    hasRole: inputs.roleToAssume !== undefined,
    sdkConfig: lateSdkConfig(inputs, io),
    signal: io.signal,
  });
}
