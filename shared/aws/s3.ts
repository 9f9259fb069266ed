import { createReadStream } from 'node:fs';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { ActionError, isAwsError } from '../core/errors.ts';
import { sha256 } from '../core/hash.ts';
import { etagOfParts, multipartThreshold, partsOf, type Part } from '../core/multipart.ts';
import { forEachConcurrently } from '../core/pool.ts';
import type { FileHeaders } from '../core/release.ts';
import { bare, elementOf, refuseChanged, retried, s3Requests, timeLimit, type S3Answer } from './s3-requests.ts';
import { connect, type SdkConfig } from './sdk-config.ts';
import { encodeUri } from './sigv4.ts';

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
  /**
   * When the file was last written before it was hashed, in milliseconds since the epoch. A file that goes in parts is refused when that is
   * another by the end: no part has a hash of its own to be refused by.
   */
  readonly modified?: number;
  readonly headers: FileHeaders;
  /** Called after each part of a file that goes in parts, with the part's bytes. */
  readonly onPart?: (bytes: number) => void;
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

interface Seen {
  readonly etag: string;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
}

const silent = (): void => undefined;
const silentLogger = { debug: silent, info: silent, warn: silent, error: silent };

/**
 * What a publish asks for each object goes through `s3Requests`, which costs a fraction of the SDK's middleware; parts of huge files and
 * deletions, a thousand keys at a time, go through the SDK. `signal` ends an upload in parts, which may take minutes.
 */
export function objectStore(config: SdkConfig, bucket: string, signal?: AbortSignal): ObjectStore {
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

  const request = s3Requests({ client, config, bucket });

  async function uploadWhole({ key, file, size, sha256, headers }: Upload): Promise<string> {
    const body = { content: { file }, size, sha256 };
    const { etag } = await request({ operation: 'PutObject', method: 'PUT', key, headers: headersOf(headers), body });
    return etag;
  }

  async function uploadParts({ key, file, size, modified, headers, onPart }: Upload): Promise<string> {
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
        return client.send(new UploadPartCommand({ ...part, Body: createReadStream(file, { start, end: end - 1 }) }), {
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
        const { etag } = await look(key);
        if (etag !== etagOfParts(Parts.map((part) => bare(part.ETag)))) throw error;
        return etag;
      }
    } catch (error) {
      // Parts of an unfinished upload are invisible and cost money; a failure to remove them must not hide the first one.
      await client.send(new AbortMultipartUploadCommand({ ...target, UploadId })).catch(() => undefined);
      signal?.throwIfAborted();
      throw error;
    }
  }

  /** What is there now: asked only when an answer was lost. */
  async function look(key: string): Promise<Seen> {
    const { etag, headers } = await request({ operation: 'HeadObject', method: 'HEAD', key });
    return { etag, contentType: headers['content-type'], cacheControl: headers['cache-control'] };
  }

  return {
    async list(prefix) {
      const page = (token?: string): Promise<S3Answer> =>
        request({
          operation: 'ListObjectsV2',
          method: 'GET',
          key: '',
          query: {
            'list-type': '2',
            // XML cannot hold every character that a key can.
            'encoding-type': 'url',
            prefix,
            ...(token === undefined ? {} : { 'continuation-token': token }),
          },
        });
      const objects: StoredObject[] = [];
      let coming: Promise<S3Answer> | undefined = page();
      while (coming !== undefined) {
        const answer: S3Answer = await coming;
        const { text } = answer;
        const token: string | undefined =
          elementOf(text, 'IsTruncated') === 'true' ? elementOf(text, 'NextContinuationToken') : undefined;
        // The next page is on its way while this one is read.
        coming = token === undefined ? undefined : page(token);
        readListing(text, objects);
      }
      return objects;
    },

    async read(key) {
      try {
        const { text, etag } = await request({ operation: 'GetObject', method: 'GET', key });
        return { text, etag };
      } catch (error) {
        if (isAwsError(error, 'NoSuchKey')) return undefined;
        throw error;
      }
    },

    async write({ key, text, contentType, expected }) {
      const content = Buffer.from(text);
      const body = { content, size: content.length, sha256: sha256(content) };
      const headers = { ...headersOf({ contentType, cacheControl: 'no-store' }), ...guard(expected) };
      try {
        const { etag } = await request({ operation: 'PutObject', method: 'PUT', key, headers, body });
        return etag;
      } catch (error) {
        if (!isAwsError(error, 'PreconditionFailed', 'ConditionalRequestConflict', 'NoSuchKey')) throw error;
        // An answer that was lost on the way makes us ask again, and then our own write is in the way.
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
      let isRepeated = false;
      try {
        const { text } = await request({
          operation: 'CopyObject',
          method: 'PUT',
          key: to,
          headers: {
            'x-amz-copy-source': [bucket, ...from.split('/')].map(encodeUri).join('/'),
            ...(etag === undefined ? {} : { 'x-amz-copy-source-if-match': `"${etag}"` }),
            ...(headers === undefined ? {} : { 'x-amz-metadata-directive': 'REPLACE', ...headersOf(headers) }),
          },
          onRepeat: () => (isRepeated = true),
        });
        return bare(elementOf(text, 'ETag'));
      } catch (error) {
        // A copy in place may give the object another ETag (a KMS key, parts): one whose answer was lost is then in its own way.
        const isOurs = isRepeated && from === to && isAwsError(error, 'PreconditionFailed');
        if (!isOurs || headers === undefined) throw error;
        const now = await look(to);
        if (now.contentType !== headers.contentType || now.cacheControl !== headers.cacheControl) throw error;
        return now.etag;
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

function guard(expected: GuardedWrite['expected']): Readonly<Record<string, string>> {
  if (expected === 'anything') return {};
  return expected === 'nothing' ? { 'if-none-match': '*' } : { 'if-match': `"${expected.etag}"` };
}

function headersOf({ contentType, cacheControl }: FileHeaders): Readonly<Record<string, string>> {
  return { 'content-type': contentType, 'cache-control': cacheControl };
}

function readListing(xml: string, objects: StoredObject[]): void {
  if (!xml.includes('<ListBucketResult')) {
    throw new ActionError('UnreadableListing', `S3 answered a listing with something else: ${xml.slice(0, 200)}`, {
      hint: 'Is what answers under AWS_ENDPOINT_URL an S3?',
    });
  }
  const isEncoded = elementOf(xml, 'EncodingType') === 'url';
  for (let at = xml.indexOf('<Contents>'); at >= 0; at = xml.indexOf('<Contents>', at + 1)) {
    const key = elementOf(xml, 'Key', at) ?? '';
    const size = Number(elementOf(xml, 'Size', at) ?? '');
    objects.push({
      key: detached(isEncoded ? decodeKey(key) : key),
      size,
      etag: detached(bare(elementOf(xml, 'ETag', at))),
    });
  }
}

/** V8 keeps all of a text for as long as any slice of it lives; here that would be every page of the listing. */
function detached(text: string): string {
  return Buffer.from(text).toString();
}

/** S3 encodes keys as in a form: a space is `+`. */
function decodeKey(key: string): string {
  return /[+%]/.test(key) ? decodeURIComponent(key.replaceAll('+', '%20')) : key;
}
