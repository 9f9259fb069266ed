import type { Cdn, Distribution } from '../../../shared/aws/cloudfront.ts';
import type { ObjectStore } from '../../../shared/aws/s3.ts';
import { isAwsError } from '../../../shared/core/errors.ts';
import { markerPaths } from '../../../shared/core/release.ts';
import type { Inputs } from './inputs.ts';

export interface Ports {
  readonly cdn: Cdn;
  /** The publication's bucket, when it is known. */
  readonly store: ObjectStore | undefined;
}

export interface Observed {
  /** Asked for only when an alias has to be looked up. */
  readonly distributions: readonly Distribution[];
  /** What the bucket notes about this publication's invalidation. */
  readonly doneBefore: string | undefined;
}

export async function observe(inputs: Inputs, { cdn, store }: Ports): Promise<Observed> {
  // Nothing changed: not even a look.
  if (inputs.paths.length === 0) return { distributions: [], doneBefore: undefined };
  const doneBefore = await readMarker(inputs, store);
  const isLookUp = 'alias' in inputs.distribution && doneBefore === undefined;
  return { doneBefore, distributions: isLookUp ? await cdn.distributions() : [] };
}

async function readMarker(inputs: Inputs, store: ObjectStore | undefined): Promise<string | undefined> {
  const { publication, record, paths } = inputs;
  if (publication === undefined || record === undefined || store === undefined) return undefined;
  try {
    for (const marker of markerPaths(publication, paths)) {
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
