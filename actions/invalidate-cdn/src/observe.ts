import type { Cdn } from '../../../shared/aws/cloudfront.ts';
import type { ObjectStore } from '../../../shared/aws/s3.ts';
import { isAwsError } from '../../../shared/core/errors.ts';
import { markerPaths } from '../../../shared/core/release.ts';
import type { Inputs } from './inputs.ts';
import { distributionIdOf } from './plan-distribution.ts';

export interface Ports {
  readonly cdn: Cdn;
  /** The publication's bucket, when it is known. */
  readonly store: ObjectStore | undefined;
}

export interface Observed {
  /** Empty when nothing changed. */
  readonly distributionId: string;
  /** What the bucket notes about this publication's invalidation on this distribution. */
  readonly doneBefore: string | undefined;
}

export async function observe(inputs: Inputs, { cdn, store }: Ports): Promise<Observed> {
  // Nothing changed: not even a look.
  if (inputs.paths.length === 0) return { distributionId: '', doneBefore: undefined };
  const { distribution } = inputs;
  const distributionId =
    'id' in distribution ? distribution.id : distributionIdOf(distribution.alias, await cdn.distributions());
  return { distributionId, doneBefore: await readMarker({ ...inputs, distributionId }, store) };
}

async function readMarker(
  inputs: Inputs & { readonly distributionId: string },
  store: ObjectStore | undefined,
): Promise<string | undefined> {
  const { publication, record, paths, distributionId } = inputs;
  if (publication === undefined || record === undefined || store === undefined) return undefined;
  try {
    for (const marker of markerPaths({ publication, paths, distributionId })) {
      const found = await store.read(record.prefix + marker);
      // Whatever it says, its being there is the note.
      if (found !== undefined) return /^[\w,]{1,1000}$/.test(found.text.trim()) ? found.text.trim() : '';
    }
  } catch (error) {
    // S3 also denies a look at what is not there, without s3:ListBucket. Not knowing costs nothing: CloudFront knows the reference.
    if (!isAwsError(error, 'AccessDenied', 'Forbidden')) throw error;
  }
  return undefined;
}
