import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { S3Error } from './s3-stub-xml.ts';

export interface StubCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Must be the region that requests are signed for; default us-east-1. */
  readonly region?: string;
}

const allowedSkewMs = 15 * 60 * 1000;

/**
 * Is the request signed as AWS demands? Judged by what came over the wire alone:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export class SignatureCheck {
  readonly #credentials: StubCredentials;
  readonly #region: string;
  readonly #keys = new Map<string, Buffer>();

  constructor(credentials: StubCredentials) {
    this.#credentials = credentials;
    this.#region = credentials.region ?? 'us-east-1';
  }

  /** Throws what S3 would answer. */
  check(request: IncomingMessage, now: number): void {
    const { accessKeyId, sessionToken } = this.#credentials;
    const authorization = request.headers.authorization;
    if (authorization === undefined) throw new S3Error('AccessDenied', 403, 'Access Denied');
    const fields =
      /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([\w-]+)\/s3\/aws4_request,\s?SignedHeaders=([\w;-]+),\s?Signature=([\da-f]{64})$/.exec(
        authorization,
      );
    if (fields === null) throw malformed('The authorization header is malformed.');
    const [, id = '', day = '', region = '', signedHeaders = '', signature = ''] = fields;
    if (id !== accessKeyId) {
      throw new S3Error('InvalidAccessKeyId', 403, 'The AWS Access Key Id you provided does not exist in our records.');
    }
    if (region !== this.#region) throw malformed(`the region '${region}' is wrong; expecting '${this.#region}'`);
    if (request.headers['x-amz-security-token'] !== sessionToken) {
      throw new S3Error('InvalidToken', 400, 'The provided token is malformed or otherwise invalid.');
    }
    const date = one(request, 'x-amz-date');
    refuseSkew(date, { day, now });
    const contentHash = one(request, 'x-amz-content-sha256');
    if (contentHash === '') {
      throw new S3Error('InvalidRequest', 400, 'Missing required header for this request: x-amz-content-sha256');
    }
    const signed = signedHeaders.split(';');
    const unsigned = Object.keys(request.headers).filter(
      (name) => (name.startsWith('x-amz-') || name === 'host') && !signed.includes(name),
    );
    if (unsigned.length > 0) {
      throw new S3Error(
        'AccessDenied',
        403,
        `There were headers present in the request which were not signed: ${unsigned.join(', ')}`,
      );
    }
    const scope = `${day}/${region}/s3/aws4_request`;
    const canonical = canonicalRequest(request, signed, contentHash);
    const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
    if (hmac(this.#key(day, region), text).toString('hex') === signature) return;
    throw new S3Error(
      'SignatureDoesNotMatch',
      403,
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    );
  }

  #key(day: string, region: string): Buffer {
    const name = `${day}/${region}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(
      (secret, part) => hmac(secret, part),
      `AWS4${this.#credentials.secretAccessKey}`,
    ) as Buffer;
    this.#keys.set(name, key);
    return key;
  }
}

function refuseSkew(date: string, { day, now }: { day: string; now: number }): void {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (parts === null)
    throw new S3Error('AccessDenied', 403, 'AWS authentication requires a valid Date or x-amz-date header');
  const [, year, month, dayOfMonth, hour, minute, second] = parts;
  if (!date.startsWith(day)) throw malformed('Invalid credential date');
  const at = Date.parse(`${year!}-${month!}-${dayOfMonth!}T${hour!}:${minute!}:${second!}Z`);
  if (Math.abs(at - now) <= allowedSkewMs) return;
  throw new S3Error(
    'RequestTimeTooSkewed',
    403,
    'The difference between the request time and the current time is too large.',
  );
}

function malformed(message: string): S3Error {
  return new S3Error('AuthorizationHeaderMalformed', 400, message);
}

function canonicalRequest(request: IncomingMessage, signed: readonly string[], contentHash: string): string {
  const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
  const pairs = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      return [name, value].map((text) => encode(decode(text.replaceAll('+', '%20')))).join('=');
    })
    // By name, then value: "=" must not take part.
    .sort((a, b) => (a.replace('=', '\0') < b.replace('=', '\0') ? -1 : 1));
  return [
    request.method,
    path
      .split('/')
      .map((part) => encode(decode(part)))
      .join('/'),
    pairs.join('&'),
    ...signed.map((name) => `${name}:${one(request, name).trim().replace(/\s+/g, ' ')}`),
    '',
    signed.join(';'),
    contentHash,
  ].join('\n');
}

function one(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === 'string' ? value : (value?.join(',') ?? '');
}

function decode(text: string): string {
  try {
    return text.includes('%') ? decodeURIComponent(text) : text;
  } catch {
    throw new S3Error('InvalidURI', 400, "Couldn't parse the specified URI.");
  }
}

/** As AWS encodes: all but the unreserved characters of RFC 3986. */
function encode(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text;
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Header values stand for their bytes, as Node gives them. */
function sha256(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
