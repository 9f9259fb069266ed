import { createReadStream } from 'node:fs';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getEndpointFromInstructions } from '@smithy/core/endpoints';
import { isAwsError } from '../core/errors.ts';
import { etagOfParts, partsOf, type Part } from '../core/multipart.ts';
import { forEachConcurrently } from '../core/pool.ts';
import { bare, refuseChanged, retried, timeLimit } from './s3-requests.ts';
import type { Place } from './s3-place.ts';
import type { Upload } from './s3.ts';
import { connect, type SdkConfig } from './sdk-config.ts';
import type { Identity } from './sigv4.ts';

const silent = (): void => undefined;
const silentLogger = { debug: silent, info: silent, warn: silent, error: silent };

/** What the SDK does for a bucket: parts of huge files, deletions, and to know where and who, when that takes more than a look at the environment. */
export interface SdkBucket {
  place(): Promise<Place>;
  identity(): Promise<Identity>;
  /** `etagNow` tells what is there when an answer was lost. `signal` ends the upload, which may take minutes. */
  uploadParts(
    upload: Upload,
    more: { etagNow: () => Promise<string>; signal?: AbortSignal | undefined },
  ): Promise<string>;
  remove(keys: readonly string[]): Promise<readonly { readonly key: string; readonly reason: string }[]>;
}

export function sdkBucket(config: SdkConfig, bucket: string): SdkBucket {
  const client = connect(S3Client, {
    ...config,
    // The SDK's own CRC32 costs CPU and breaks some S3-compatible stores.
    requestChecksumCalculation: 'WHEN_REQUIRED' as const,
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
    // It would warn of every stream that it cannot send again; that is done here.
    logger: silentLogger,
    // A custom endpoint (an emulator) has no host name per bucket.
    forcePathStyle: (process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'] ?? '') !== '',
  });

  return {
    async place() {
      const { url, properties } = await getEndpointFromInstructions(
        { Bucket: bucket },
        PutObjectCommand,
        client.config,
      );
      const [scheme] = properties?.authSchemes ?? [];
      const region = await client.config.region();
      return { url, signingRegion: scheme?.signingRegion ?? region, signingName: scheme?.signingName ?? 's3' };
    },

    identity: () => client.config.credentials(),

    async uploadParts({ key, file, size, modified, headers, onPart }, { etagNow, signal }) {
      const target = { Bucket: bucket, Key: key };
      const { UploadId } = await client.send(
        new CreateMultipartUploadCommand({
          ...target,
          ContentType: headers.contentType,
          CacheControl: headers.cacheControl,
        }),
      );
      const etags = new Map<number, string>();
      const sendPart = async ({ number, start, end }: Part): Promise<void> => {
        const part = { ...target, UploadId, PartNumber: number, ContentLength: end - start };
        const { ETag } = await retried(() => {
          signal?.throwIfAborted();
          const Body = createReadStream(file, { start, end: end - 1 });
          return client.send(new UploadPartCommand({ ...part, Body }), {
            requestTimeout: timeLimit(config, end - start),
            ...(signal === undefined ? {} : { abortSignal: signal }),
          });
        });
        etags.set(number, ETag ?? '');
        onPart?.(end - start);
      };
      try {
        await forEachConcurrently(partsOf(size), { limit: 4, signal }, sendPart);
        await refuseChanged({ file, size, modified });
        const Parts = partsOf(size).map(({ number }) => ({ PartNumber: number, ETag: etags.get(number) }));
        try {
          const { ETag } = await client.send(
            new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }),
          );
          return bare(ETag);
        } catch (error) {
          // Completed by a request whose answer was lost: S3 says so again, other stores know the upload no longer.
          if (!isAwsError(error, 'NoSuchUpload')) throw error;
          const etag = await etagNow();
          if (etag !== etagOfParts(Parts.map((part) => bare(part.ETag)))) throw error;
          return etag;
        }
      } catch (error) {
        // Parts of an unfinished upload are invisible and cost money; a failure to remove them must not hide the first one.
        await client.send(new AbortMultipartUploadCommand({ ...target, UploadId })).catch(() => undefined);
        signal?.throwIfAborted();
        throw error;
      }
    },

    async remove(keys) {
      const failures: { key: string; reason: string }[] = [];
      for (let start = 0; start < keys.length; start += 1000) {
        const Objects = keys.slice(start, start + 1000).map((Key) => ({ Key }));
        const { Errors = [] } = await client.send(
          new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
        );
        for (const { Key = '', Code = 'Unknown', Message = '' } of Errors) {
          failures.push({ key: Key, reason: `${Code}: ${Message}` });
        }
      }
      return failures;
    },
  };
}
