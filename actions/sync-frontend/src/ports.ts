import type { ActionIo } from '../../../shared/action/run.ts';
import { objectStore, type ObjectStore } from '../../../shared/aws/s3.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import type { Inputs } from './inputs.ts';

export function connectStore(inputs: Inputs, io: ActionIo): ObjectStore {
  return objectStore(sdkConfig(inputs, io), inputs.bucket, io.signal);
}
