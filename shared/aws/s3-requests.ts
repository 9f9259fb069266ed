import { createReadStream, readFileSync, statSync, type ReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isAwsError, PreconditionError } from '../core/errors.ts';
import { attempts } from './attempts.ts';
import { toAwsError } from './aws-error.ts';
import { httpExchange, type HttpAnswer, type HttpExchange, type HttpRequest } from './http-exchange.ts';
import type { Place } from './s3-place.ts';
import { encodeUri, queryString, signer, type Identity, type Signer } from './sigv4.ts';
import { isNoNews } from './wait.ts';

/** One request for a bucket or for one of its objects. */
export interface S3Request {
  /** The API's name of it, for errors. */
  readonly operation: string;
  readonly method: 'GET' | 'HEAD' | 'PUT';
  /** Of the object; empty for the bucket. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Called before it is asked again: S3 may have carried out what it was asked before. */
  readonly onRepeat?: () => void;
}

export interface Body {
  readonly content: Uint8Array | { readonly file: string };
  /** In bytes. */
  readonly size: number;
  /** S3 refuses the body when it is not this one. */
  readonly sha256: string;
}

export interface S3Answer {
  /** Without the quotes; empty when there is none. */
  readonly etag: string;
  readonly text: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export type S3Requests = (request: S3Request) => Promise<S3Answer>;

/** Up to this size a file is read at once: that costs less than a stream. */
const wholeLimit = 512 * 1024;
/** From here on S3 is asked before the body goes out, as the SDK does: a refusal then is an answer, not a broken connection. */
const expectLimit = 2 * 1024 * 1024;
/** A connection slower than this is taken for dead. */
const slowestBytesPerMs = 50;

const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export interface Connection {
  readonly region: string;
  /** Milliseconds. */
  readonly requestTimeout: number;
  readonly place: () => Promise<Place>;
  readonly identity: () => Promise<Identity>;
}

/**
 * Sends requests with the SDK's endpoint, credentials, limits and number of attempts, but past its middleware, which takes more of the
 * CPU than all the rest of an upload. Failures are `AwsError`s.
 */
export function s3Requests({ region, requestTimeout, place, identity }: Connection): S3Requests {
  const exchange = httpExchange();
  let located: Promise<{ readonly url: URL; readonly sign: Signer }> | undefined;
  /** How far S3's clock is ahead of ours, in milliseconds. */
  let skew = 0;

  async function locate(): Promise<{ readonly url: URL; readonly sign: Signer }> {
    const { url, signingRegion, signingName } = await place();
    return { url, sign: signer(signingRegion, signingName) };
  }

  async function once(request: S3Request): Promise<S3Answer> {
    located ??= locate();
    const { url, sign } = await located;
    const { method, key, query, headers, body } = request;
    const path = url.pathname.replace(/\/$/, '') + (key === '' ? '' : `/${key.split('/').map(encodeUri).join('/')}`);
    const now = new Date(Date.now() + skew);
    const payload = body?.sha256 ?? emptyHash;
    const signed = sign(
      { method, path: path || '/', query, headers: { ...headers, host: url.host }, payload },
      await identity(),
      now,
    );
    const size = body?.size ?? 0;
    const answer = await send(exchange, body, {
      method,
      url,
      path: `${path || '/'}${query === undefined ? '' : `?${queryString(query)}`}`,
      headers: {
        ...signed,
        ...(method === 'PUT' ? { 'content-length': String(size) } : {}),
        ...(size >= expectLimit ? { expect: '100-continue' } : {}),
      },
      timeout: timeLimit({ requestTimeout }, size),
    });
    // A copy that fails after S3 began to answer is a 200 with an error in it.
    if (answer.status < 300 && !(method === 'PUT' && answer.text.includes('<Error>'))) {
      return { ...answer, etag: bare(answer.headers['etag']) };
    }
    const error = refusal(answer, region);
    const theirs = Date.parse(answer.headers['date'] ?? '');
    if (error.name === 'RequestTimeTooSkewed' && skew === 0 && !Number.isNaN(theirs)) {
      skew = theirs - Date.now();
      return once(request);
    }
    throw error;
  }

  return (request) =>
    retried(async () => {
      try {
        return await once(request);
      } catch (error) {
        throw toAwsError(error, { service: 'S3', operation: request.operation });
      }
    }, request.onRepeat);
}

/** The SDK cannot send a stream twice; here every attempt opens the file anew. Waits as the SDK's standard mode does. */
export async function retried<T>(send: () => Promise<T>, onRepeat?: () => void): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const again = isNoNews(error) || isAwsError(error, 'RequestTimeout');
      if (!again || attempt === attempts) throw error;
      onRepeat?.();
      await delay(Math.random() * Math.min(20_000, 100 * 2 ** attempt));
    }
  }
}

/** How long a request with a body of so many bytes may take until it is answered, in milliseconds. By seconds: Node keeps a list for each. */
export function timeLimit({ requestTimeout }: { readonly requestTimeout: number }, size: number): number {
  return requestTimeout + Math.ceil(size / slowestBytesPerMs / 1000) * 1000;
}

async function send(
  exchange: HttpExchange,
  body: Body | undefined,
  request: Omit<HttpRequest, 'body'>,
): Promise<HttpAnswer> {
  const content = body === undefined ? undefined : contentOf(body);
  const stream = content instanceof Uint8Array ? undefined : content;
  try {
    return await exchange({ ...request, body: content });
  } catch (error) {
    throw stream?.errored ? changed(stream.path.toString(), stream.errored) : error;
  } finally {
    stream?.destroy();
  }
}

function contentOf({ content, size }: Body): Uint8Array | ReadStream {
  if (content instanceof Uint8Array) return content;
  const { file } = content;
  try {
    if (size > wholeLimit) {
      if (statSync(file).size === size) return createReadStream(file, { highWaterMark: 256 * 1024 });
    } else {
      const bytes = readFileSync(file);
      if (bytes.length === size) return bytes;
    }
  } catch (error) {
    throw changed(file, error);
  }
  throw changed(file, undefined);
}

/** Throws when the file is no longer what it was; without `modified` as far as its size tells. */
export async function refuseChanged(was: {
  readonly file: string;
  readonly size: number;
  readonly modified: number | undefined;
}): Promise<void> {
  const { file, size, modified } = was;
  const now = await stat(file).catch((error: unknown) => {
    throw changed(file, error);
  });
  if (now.size !== size || (modified !== undefined && now.mtimeMs !== modified)) throw changed(file, undefined);
}

function changed(file: string, cause: unknown): PreconditionError {
  return new PreconditionError('SourceChanged', `${file} changed or went away after the publish began`, {
    cause,
    hint: 'Let nothing write to the source meanwhile, then run this again: it finishes the rest.',
  });
}

function refusal({ status, headers, text }: HttpAnswer, region: string): Error {
  const code =
    elementOf(text, 'Code') ?? (status === 404 ? 'NotFound' : status === 403 ? 'Forbidden' : `Http${status}`);
  const where = headers['x-amz-bucket-region'];
  const elsewhere =
    where === undefined || where === region ? '' : ` (the bucket is in ${where}, "aws-region" says ${region})`;
  const message = `${elementOf(text, 'Message') ?? `S3 answered with status ${status}`}${elsewhere}`;
  const $metadata = {
    // A copy that failed half-way comes with status 200.
    httpStatusCode: status < 300 ? 500 : status,
    requestId: headers['x-amz-request-id'],
  };
  return Object.assign(new Error(message), { name: code, $metadata });
}

/** The text of the first element of this name in what S3 says. */
export function elementOf(xml: string, name: string, from = 0): string | undefined {
  const start = xml.indexOf(`<${name}>`, from);
  if (start < 0) return undefined;
  const end = xml.indexOf(`</${name}>`, start);
  return end < 0 ? undefined : unescapeXml(xml.slice(start + name.length + 2, end));
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

export function unescapeXml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(#x?)?(\w+);/gi, (whole, number: string | undefined, name: string) => {
    if (number === undefined) return entities[name] ?? whole;
    return String.fromCodePoint(parseInt(name, number === '#' ? 10 : 16));
  });
}

export function bare(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
