import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { ActionError, isAwsError } from '../core/errors.ts';
import { multipartThreshold, partsOf, type Part } from '../core/multipart.ts';
import { forEachConcurrently } from '../core/pool.ts';
import type { FileHeaders } from '../core/release.ts';
import { connect, type SdkConfig } from './sdk-config.ts';
import { isNoNews } from './wait.ts';

export interface StoredObject {
  readonly key: string;
  readonly size: number;
  /** Without the quotes. */
  readonly etag: string;
}

export interface Upload {
  readonly key: string;
  /** Read from disk when it is sent: small files whole, larger ones as a stream. */
  readonly file: string;
  readonly size: number;
  /** S3 refuses the body when it is not this one: the file changed since it was hashed. */
  readonly sha256: string;
  readonly headers: FileHeaders;
}

export interface Copy {
  readonly from: string;
  readonly to: string;
  /** Copy only if the source still is this one. */
  readonly etag?: string | undefined;
  /** The copy's headers; without them it keeps the source's. */
  readonly headers?: FileHeaders | undefined;
}

/** A small text object, written only if nobody else did since it was read. */
export interface GuardedWrite {
  readonly key: string;
  readonly text: string;
  readonly contentType: string;
  /** What must be there: an object with this ETag, nothing yet, or whatever. */
  readonly expected: { readonly etag: string } | 'nothing' | 'anything';
}

/** The objects of one bucket. Methods that write return the new ETag. */
export interface ObjectStore {
  /** One request per 1,000 keys. */
  list(prefix: string): Promise<readonly StoredObject[]>;
  read(key: string): Promise<{ readonly text: string; readonly etag: string } | undefined>;
  write(write: GuardedWrite): Promise<string>;
  upload(upload: Upload): Promise<string>;
  copy(copy: Copy): Promise<string>;
  /** Returns what could not be deleted, and why. */
  remove(keys: readonly string[]): Promise<readonly { readonly key: string; readonly reason: string }[]>;
}

/** Up to this size a body is held in memory, where the SDK can send it again by itself. */
const bufferLimit = 1024 * 1024;
const attempts = 10;
const silent = (): void => undefined;
const silentLogger = { debug: silent, info: silent, warn: silent, error: silent };

export function objectStore(config: SdkConfig, bucket: string): ObjectStore {
  const client = connect(S3Client, {
    ...config,
    // Bodies carry the SHA-256 that was planned; the SDK's own CRC32 on top costs CPU and breaks some S3-compatible stores.
    requestChecksumCalculation: 'WHEN_REQUIRED' as const,
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
    // It would warn of every stream that it cannot send again; that is done here.
    logger: silentLogger,
    // A custom endpoint (an emulator) has no host name per bucket.
    forcePathStyle: (process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'] ?? '') !== '',
  });

  async function uploadWhole({ key, file, size, sha256, headers }: Upload): Promise<string> {
    const send = async (): Promise<string> => {
      const { ETag } = await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: size <= bufferLimit ? await readFile(file) : createReadStream(file),
          ContentLength: size,
          ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
          ContentType: headers.contentType,
          CacheControl: headers.cacheControl,
        }),
      );
      return bare(ETag);
    };
    return size <= bufferLimit ? send() : retried(send);
  }

  async function uploadParts({ key, file, size, headers }: Upload): Promise<string> {
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
      const { ETag } = await retried(() =>
        client.send(new UploadPartCommand({ ...part, Body: createReadStream(file, { start, end: end - 1 }) })),
      );
      etags.set(number, ETag ?? '');
    };
    try {
      await forEachConcurrently(partsOf(size), { limit: 4 }, sendPart);
      const Parts = partsOf(size).map(({ number }) => ({ PartNumber: number, ETag: etags.get(number) }));
      const { ETag } = await client.send(
        new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }),
      );
      return bare(ETag);
    } catch (error) {
      // Parts of an unfinished upload are invisible and cost money; a failure to remove them must not hide the first one.
      await client.send(new AbortMultipartUploadCommand({ ...target, UploadId })).catch(() => undefined);
      throw error;
    }
  }

  return {
    async list(prefix) {
      const objects: StoredObject[] = [];
      let token: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            // XML cannot hold every character that a key can.
            EncodingType: 'url',
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        );
        const decode = page.EncodingType === 'url' ? decodeKey : (key: string) => key;
        for (const { Key = '', Size = 0, ETag } of page.Contents ?? []) {
          objects.push({ key: decode(Key), size: Size, etag: bare(ETag) });
        }
        token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
      return objects;
    },

    async read(key) {
      try {
        const { Body, ETag } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return { text: (await Body?.transformToString('utf-8')) ?? '', etag: bare(ETag) };
      } catch (error) {
        if (isAwsError(error, 'NoSuchKey')) return undefined;
        throw error;
      }
    },

    async write({ key, text, contentType, expected }) {
      const condition = guard(expected);
      try {
        const { ETag } = await client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: key,
            Body: Buffer.from(text),
            ContentType: contentType,
            CacheControl: 'no-store',
            ...condition,
          }),
        );
        return bare(ETag);
      } catch (error) {
        if (!isAwsError(error, 'PreconditionFailed', 'ConditionalRequestConflict', 'NoSuchKey')) throw error;
        // An answer that was lost on the way makes the SDK ask again, and then our own write is in the way.
        const now = await this.read(key);
        if (now?.text === text) return now.etag;
        throw new ActionError('ConcurrentPublish', `another run wrote s3://${bucket}/${key} in the meantime`, {
          cause: error,
          hint: 'Let only one publish of a site run at a time (a "concurrency" group), then run this one again.',
        });
      }
    },

    upload: (upload) => (upload.size > multipartThreshold ? uploadParts(upload) : uploadWhole(upload)),

    async copy({ from, to, etag, headers }) {
      const { CopyObjectResult } = await client.send(
        new CopyObjectCommand({
          Bucket: bucket,
          Key: to,
          CopySource: [bucket, ...from.split('/')].map(encodeURIComponent).join('/'),
          ...(etag === undefined ? {} : { CopySourceIfMatch: `"${etag}"` }),
          ...(headers === undefined
            ? {}
            : {
                MetadataDirective: 'REPLACE' as const,
                ContentType: headers.contentType,
                CacheControl: headers.cacheControl,
              }),
        }),
      );
      return bare(CopyObjectResult?.ETag);
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

function guard(expected: GuardedWrite['expected']): { readonly IfMatch?: string; readonly IfNoneMatch?: string } {
  if (expected === 'anything') return {};
  return expected === 'nothing' ? { IfNoneMatch: '*' } : { IfMatch: `"${expected.etag}"` };
}

function bare(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}

/** S3 encodes keys as in a form: a space is `+`. */
function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', '%20'));
}

/** The SDK cannot send a stream twice; here every attempt opens the file anew. */
async function retried<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const again = isNoNews(error) || isAwsError(error, 'RequestTimeout');
      if (!again || attempt === attempts) throw error;
      await delay(Math.random() * Math.min(20_000, 100 * 2 ** attempt));
    }
  }
}
