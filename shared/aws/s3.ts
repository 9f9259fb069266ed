import { ActionError, isAwsError } from '../core/errors.ts';
import { sha256 } from '../core/hash.ts';
import { multipartThreshold } from '../core/multipart.ts';
import { forEachConcurrently } from '../core/pool.ts';
import type { FileHeaders } from '../core/release.ts';
import { plainIdentity, plainPlace } from './s3-place.ts';
import { bare, elementOf, s3Requests, unescapeXml, type Body, type S3Answer } from './s3-requests.ts';
import type { SdkBucket } from './s3-sdk.ts';
import type { SdkConfig } from './sdk-config.ts';
import { encodeUri, type Identity } from './sigv4.ts';

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

/** Content that is at hand, not in a file. */
export interface Put {
  readonly key: string;
  readonly content: Uint8Array;
  /** S3 refuses the content when it is not this one. */
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
  /**
   * One request per 1,000 keys. When there are more, they come side by side as far as `expected` knows keys that are there: each that it
   * does not know of may cost a request more, none is left out.
   */
  list(prefix: string, expected?: () => Promise<readonly string[]>): Promise<readonly StoredObject[]>;
  read(key: string): Promise<{ readonly text: string; readonly etag: string } | undefined>;
  write(write: GuardedWrite): Promise<string>;
  upload(upload: Upload): Promise<string>;
  put(put: Put): Promise<string>;
  copy(copy: Copy): Promise<string>;
  /** Returns what could not be deleted, and why. */
  remove(keys: readonly string[]): Promise<readonly { readonly key: string; readonly reason: string }[]>;
}

interface Seen {
  readonly etag: string;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
}

export interface StoreOptions {
  readonly bucket: string;
  readonly region: string;
  /** What the SDK's clients are made with; asked for only when the SDK is needed. */
  readonly sdkConfig: () => Promise<SdkConfig>;
  /** The environment's own keys are not the ones to use. */
  readonly hasRole: boolean;
  /** Milliseconds until a small request that is not answered is given up and made again. Default: a minute. */
  readonly requestTimeout?: number;
  /** Ends an upload in parts and a listing, which may take minutes. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a publish asks for each object goes through `s3Requests`, which costs a fraction of the SDK's middleware; parts of huge files and
 * deletions, a thousand keys at a time, go through the SDK. It is not loaded before: that takes as long as to compare a small site.
 */
export function objectStore({
  bucket,
  region,
  sdkConfig,
  hasRole,
  requestTimeout = 60_000,
  signal,
}: StoreOptions): ObjectStore {
  let loaded: Promise<SdkBucket> | undefined;
  const sdk = (): Promise<SdkBucket> =>
    (loaded ??= Promise.all([sdkConfig(), import('./s3-sdk.ts')]).then(([config, { sdkBucket }]) =>
      sdkBucket(config, bucket),
    ));
  const place = plainPlace(bucket, region, process.env);
  const identity = hasRole ? undefined : plainIdentity(process.env);
  const request = s3Requests({
    region,
    requestTimeout,
    place: async () => place ?? (await sdk()).place(),
    identity: async (): Promise<Identity> => identity ?? (await sdk()).identity(),
  });

  async function putWhole(key: string, { headers, ...body }: Body & Pick<Put, 'headers'>): Promise<string> {
    const { etag } = await request({ operation: 'PutObject', method: 'PUT', key, headers: headersOf(headers), body });
    return etag;
  }

  async function uploadParts(upload: Upload): Promise<string> {
    const etagNow = async (): Promise<string> => (await look(upload.key)).etag;
    return (await sdk()).uploadParts(upload, { etagNow, signal });
  }

  /** What is there now: asked only when an answer was lost. */
  async function look(key: string): Promise<Seen> {
    const { etag, headers } = await request({ operation: 'HeadObject', method: 'HEAD', key });
    return { etag, contentType: headers['content-type'], cacheControl: headers['cache-control'] };
  }

  return {
    async list(prefix, expected = () => Promise.resolve([])) {
      const ask = (from: Record<string, string>): Promise<S3Answer> =>
        request({
          operation: 'ListObjectsV2',
          method: 'GET',
          key: '',
          // XML cannot hold every character that a key can.
          query: { 'list-type': '2', 'encoding-type': 'url', prefix, ...from },
        });
      const first = pageOf(await ask({}));
      if (first.token === undefined) return first.objects;
      const starts = startsAfter(first.lastKey, await expected());
      const stretches = starts.map((after, index) => ({
        from: index === 0 ? { 'continuation-token': first.token ?? '' } : { 'start-after': after },
        until: starts[index + 1],
        found: new Array<readonly StoredObject[]>(),
      }));
      await forEachConcurrently(stretches, { limit: 8, signal }, async ({ from, until, found }) => {
        let coming: Promise<S3Answer> | undefined = ask(from);
        while (coming !== undefined) {
          const page: Page = pageOf(await coming);
          const beyond = until === undefined ? -1 : inKeyOrder(page.lastKey, until);
          // The next page is on its way while this one is read.
          coming = page.token === undefined || beyond >= 0 ? undefined : ask({ 'continuation-token': page.token });
          const isWithin = ({ key }: StoredObject): boolean => until !== undefined && inKeyOrder(key, until) <= 0;
          found.push(beyond > 0 ? page.objects.slice(0, page.objects.findLastIndex(isWithin) + 1) : page.objects);
        }
      });
      return [first.objects, ...stretches.flatMap(({ found }) => found)].flat();
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

    upload(upload) {
      const { key, file, size, sha256, headers } = upload;
      return size > multipartThreshold
        ? uploadParts(upload)
        : putWhole(key, { content: { file }, size, sha256, headers });
    },

    put: ({ key, content, ...rest }) => putWhole(key, { content, size: content.length, ...rest }),

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

    remove: async (keys) => (await sdk()).remove(keys),
  };
}

function guard(expected: GuardedWrite['expected']): Readonly<Record<string, string>> {
  if (expected === 'anything') return {};
  return expected === 'nothing' ? { 'if-none-match': '*' } : { 'if-match': `"${expected.etag}"` };
}

function headersOf({ contentType, cacheControl }: FileHeaders): Readonly<Record<string, string>> {
  return { 'content-type': contentType, 'cache-control': cacheControl };
}

/** One answer to a listing; what is in it is read when it is asked for. */
interface Page {
  readonly lastKey: string;
  /** For the next one; undefined when there is none. */
  readonly token: string | undefined;
  readonly objects: readonly StoredObject[];
}

function pageOf({ text }: S3Answer): Page {
  if (!text.includes('<ListBucketResult')) {
    throw new ActionError('UnreadableListing', `S3 answered a listing with something else: ${text.slice(0, 200)}`, {
      hint: 'Is what answers under AWS_ENDPOINT_URL an S3?',
    });
  }
  const isEncoded = elementOf(text, 'EncodingType') === 'url';
  const keysOf = (keys: readonly string[]): readonly string[] => {
    const plain = detached(keys);
    return isEncoded ? plain.map(decodeKey) : plain.map(unescapeXml);
  };
  return {
    lastKey: keysOf([between(text, tags.key, text.lastIndexOf('<Contents>'))])[0] ?? '',
    token: elementOf(text, 'IsTruncated') === 'true' ? elementOf(text, 'NextContinuationToken') : undefined,
    get objects() {
      const keys: string[] = [];
      const etags: string[] = [];
      const sizes: number[] = [];
      for (let at = text.indexOf('<Contents>'); at >= 0; at = text.indexOf('<Contents>', at + 1)) {
        keys.push(between(text, tags.key, at));
        etags.push(between(text, tags.etag, at));
        sizes.push(Number(between(text, tags.size, at)));
      }
      const bareEtags = detached(etags.map((etag) => bare(unescapeXml(etag))));
      return keysOf(keys).map((key, index) => ({ key, size: sizes[index] ?? 0, etag: bareEtags[index] ?? '' }));
    },
  };
}

const tags = { key: ['<Key>', '</Key>'], etag: ['<ETag>', '</ETag>'], size: ['<Size>', '</Size>'] } as const;

/** What stands between two tags, as it stands there. */
function between(text: string, [open, close]: readonly [string, string], from: number): string {
  const start = text.indexOf(open, from);
  return start < 0 ? '' : text.slice(start + open.length, text.indexOf(close, start));
}

const pageSize = 1000;

/** After which keys further pages are asked for, beginning with the last that is known: as many as will be needed, all equally full. */
function startsAfter(lastKey: string, expected: readonly string[]): readonly string[] {
  const left = expected.filter((key) => key > lastKey).sort();
  const pages = Math.ceil(left.length / pageSize);
  const starts = Array.from({ length: pages }, (_, page) => left[Math.ceil((left.length * page) / pages) - 1] ?? '');
  // The order of JavaScript is another than S3's for a few characters.
  return [
    lastKey,
    ...starts
      .slice(1)
      .filter((key) => inKeyOrder(key, lastKey) > 0)
      .sort(inKeyOrder),
  ];
}

/** S3 orders keys by their bytes. */
function inKeyOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** V8 keeps all of a text for as long as any slice of it lives; here that would be every page of the listing. XML holds no NUL. */
function detached(slices: readonly string[]): readonly string[] {
  return slices.length === 0 ? [] : Buffer.from(slices.join('\0')).toString().split('\0');
}

/** S3 encodes keys as in a form: a space is `+`. */
function decodeKey(key: string): string {
  return /[+%]/.test(key) ? decodeURIComponent(key.replaceAll('+', '%20')) : key;
}
