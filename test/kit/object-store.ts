import { objectStore, type ObjectStore, type StoreOptions } from '../../shared/aws/s3.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';

/** A bucket of whatever answers under `AWS_ENDPOINT_URL`, with the keys of the environment. */
export function storeOf(bucket: string, more: Pick<StoreOptions, 'signal' | 'requestTimeout'> = {}): ObjectStore {
  const region = 'us-east-1';
  const options = { region, roleSessionName: 'slipway', roleDurationSeconds: 3600 };
  const { requestTimeout } = more;
  const unused = {
    idToken: () => Promise.reject(new Error('unused')),
    mask: () => undefined,
    ...(requestTimeout === undefined ? {} : { requestTimeout }),
  };
  const config = sdkConfig(options, unused);
  return objectStore({ bucket, region, hasRole: false, sdkConfig: () => Promise.resolve(config), ...more });
}
