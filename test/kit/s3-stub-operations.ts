import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Body } from './s3-stub-body.ts';
import { Bucket, md5, type MultipartUpload, type Part, type StubObject } from './s3-stub-buckets.ts';
import { escapeXml, S3Error, unescapeXml, xmlStart } from './s3-stub-xml.ts';

export interface Call {
  /** S3's own name: `PutObject`, `ListObjectsV2` … */
  readonly operation: string;
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | readonly Buffer[];
}

export interface Store {
  buckets: Map<string, Bucket>;
  readonly opaqueEtags: boolean;
  undeletable: (key: string) => boolean;
  count: number;
}

const maxPutBytes = 5 * 1024 ** 3;
const minPartBytes = 5 * 1024 ** 2;
const keptHeaders = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-amz-website-redirect-location',
];
/** Of what asks for less than the whole bucket or object, only these are played. */
const objectQueries: Readonly<Record<string, string>> = {
  'POST uploads': 'CreateMultipartUpload',
  'PUT uploadId': 'UploadPart',
  'POST uploadId': 'CompleteMultipartUpload',
  'DELETE uploadId': 'AbortMultipartUpload',
  'GET uploadId': 'ListParts',
};
const bucketQueries: Readonly<Record<string, string>> = {
  'POST delete': 'DeleteObjects',
  'GET uploads': 'ListMultipartUploads',
  'GET location': 'GetBucketLocation',
};
const otherResources =
  /^(?:accelerate|acl|analytics|attributes|cors|encryption|intelligent-tiering|inventory|legal-hold|lifecycle|logging|metrics|notification|object-lock|ownershipControls|policy|policyStatus|publicAccessBlock|replication|requestPayment|restore|retention|select|session|tagging|torrent|versioning|versionId|versions|website)$/;

/** S3's name of what is asked, or `unknown`. */
export function operationOf({ method, bucket, key, query, headers }: Omit<Call, 'operation'>): string {
  const names = query.size === 0 ? [] : [...query.keys()];
  if (names.some((name) => otherResources.test(name))) return 'unknown';
  const special = key === '' ? bucketQueries : objectQueries;
  for (const name of names) {
    const operation = special[`${method} ${name}`];
    if (operation !== undefined) return operation;
  }
  if (bucket === '') return method === 'GET' ? 'ListBuckets' : 'unknown';
  if (key !== '') {
    if (method === 'PUT') return headers['x-amz-copy-source'] === undefined ? 'PutObject' : 'CopyObject';
    return { GET: 'GetObject', HEAD: 'HeadObject', DELETE: 'DeleteObject' }[method] ?? 'unknown';
  }
  if (method === 'GET') return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
  return { PUT: 'CreateBucket', HEAD: 'HeadBucket', DELETE: 'DeleteBucket' }[method] ?? 'unknown';
}

type Handler = (store: Store, call: Call, body: Body) => Reply;

export const operations: Readonly<Record<string, Handler>> = {
  ListBuckets: ({ buckets }) => {
    const rows = [...buckets.keys()].map(
      (name) => `<Bucket><Name>${name}</Name><CreationDate>${isoTime(0)}</CreationDate></Bucket>`,
    );
    return xml('ListAllMyBucketsResult', `<Owner><ID>stub</ID></Owner><Buckets>${rows.join('')}</Buckets>`);
  },
  CreateBucket: ({ buckets }, { bucket }) => {
    if (buckets.has(bucket)) throw new S3Error('BucketAlreadyOwnedByYou', 409, 'Your previous request succeeded.');
    buckets.set(bucket, new Bucket());
    return { status: 200, headers: { location: `/${bucket}` } };
  },
  HeadBucket: (store, call) => {
    bucketOf(store, call.bucket);
    return { status: 200, headers: { 'x-amz-bucket-region': 'us-east-1' } };
  },
  DeleteBucket: (store, { bucket }) => {
    if (bucketOf(store, bucket).objects.size > 0) {
      throw new S3Error('BucketNotEmpty', 409, 'The bucket you tried to delete is not empty');
    }
    store.buckets.delete(bucket);
    return { status: 204 };
  },
  GetBucketLocation: (store, { bucket }) => {
    bucketOf(store, bucket);
    return xml('LocationConstraint', '');
  },

  ListObjectsV2: listObjects,
  ListObjects: listObjects,
  GetObject: getObject,
  HeadObject: getObject,

  PutObject: (store, call, body) => {
    const { objects } = bucketOf(store, call.bucket);
    refuseTooLarge(body.size);
    refuseUnlessExpected(objects.get(call.key), call.headers);
    const object = newObject(store, { ...body, headers: servedHeaders(call.headers) });
    bucketOf(store, call.bucket).put(call.key, object);
    return { status: 200, headers: { etag: `"${object.etag}"`, ...object.checksums } };
  },
  CopyObject: copyObject,

  DeleteObject: (store, { bucket, key }) => {
    const found = bucketOf(store, bucket);
    if (store.undeletable(key)) throw new S3Error('AccessDenied', 403, 'Access Denied');
    found.delete(key);
    return { status: 204 };
  },
  DeleteObjects: (store, { bucket, headers }, body) => {
    const found = bucketOf(store, bucket);
    if (
      headers['content-md5'] === undefined &&
      !Object.keys(headers).some((name) => name.startsWith('x-amz-checksum-')) &&
      headers['x-amz-trailer'] === undefined
    ) {
      throw new S3Error(
        'InvalidRequest',
        400,
        'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
      );
    }
    const isQuiet = /<Quiet>\s*true\s*<\/Quiet>/.test(textOf(body));
    const rows = keysToDelete(body).map((key) => {
      if (store.undeletable(key)) {
        return `<Error><Key>${escapeXml(key)}</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`;
      }
      found.delete(key);
      return isQuiet ? '' : `<Deleted><Key>${escapeXml(key)}</Key></Deleted>`;
    });
    return xml('DeleteResult', rows.join(''));
  },

  CreateMultipartUpload: (store, { bucket, key, headers }) => {
    const found = bucketOf(store, bucket);
    const id = `upload-${(store.count += 1)}`;
    found.uploads.set(id, { id, key, headers: servedHeaders(headers), started: Date.now(), parts: new Map() });
    return xml('InitiateMultipartUploadResult', `${names(bucket, key)}<UploadId>${id}</UploadId>`);
  },
  UploadPart: (store, { bucket, key, query, headers }, body) => {
    if (headers['x-amz-copy-source'] !== undefined)
      throw new S3Error('NotImplemented', 501, 'UploadPartCopy is not played here.');
    const upload = bucketOf(store, bucket).upload(query.get('uploadId'), key);
    const number = Number(query.get('partNumber'));
    if (!Number.isInteger(number) || number < 1 || number > 10_000) {
      throw new S3Error('InvalidArgument', 400, 'Part number must be an integer between 1 and 10000, inclusive');
    }
    refuseTooLarge(body.size);
    const { chunks, size, checksums } = body;
    const etag = (body.md5 ?? Buffer.alloc(16)).toString('hex');
    upload.parts.set(number, { number, chunks, size, etag, lastModified: Date.now() });
    return { status: 200, headers: { etag: `"${etag}"`, ...checksums } };
  },
  CompleteMultipartUpload: completeUpload,
  AbortMultipartUpload: (store, { bucket, key, query }) => {
    const found = bucketOf(store, bucket);
    found.uploads.delete(found.upload(query.get('uploadId'), key).id);
    return { status: 204 };
  },
  ListParts: (store, { bucket, key, query }) => {
    const { id, parts } = bucketOf(store, bucket).upload(query.get('uploadId'), key);
    const rows = [...parts.values()]
      .sort((a, b) => a.number - b.number)
      .map(
        ({ number, size, etag, lastModified }) =>
          `<Part><PartNumber>${number}</PartNumber><LastModified>${isoTime(lastModified)}</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>${size}</Size></Part>`,
      );
    return xml(
      'ListPartsResult',
      `${names(bucket, key)}<UploadId>${id}</UploadId><IsTruncated>false</IsTruncated>${rows.join('')}`,
    );
  },
  ListMultipartUploads: (store, { bucket, query }) => {
    const prefix = query.get('prefix') ?? '';
    const rows = [...bucketOf(store, bucket).uploads.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .map(
        ({ id, key, started }) =>
          `<Upload><Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId><Initiated>${isoTime(started)}</Initiated></Upload>`,
      );
    return xml(
      'ListMultipartUploadsResult',
      `<Bucket>${bucket}</Bucket><IsTruncated>false</IsTruncated>${rows.join('')}`,
    );
  },
};

export function bucketOf({ buckets }: Pick<Store, 'buckets'>, name: string): Bucket {
  const bucket = buckets.get(name);
  if (bucket === undefined) throw new S3Error('NoSuchBucket', 404, 'The specified bucket does not exist');
  return bucket;
}

/** At most 1,000, in the order of the request. */
export function keysToDelete(body: Body): readonly string[] {
  const keys = [...textOf(body).matchAll(/<Object>.*?<Key>(.*?)<\/Key>.*?<\/Object>/gs)].map(([, key]) =>
    unescapeXml(key!),
  );
  if (keys.length > 0 && keys.length <= 1000) return keys;
  throw new S3Error(
    'MalformedXML',
    400,
    'The XML you provided was not well-formed or did not validate against our published schema',
  );
}

export interface Content {
  readonly chunks: readonly Buffer[] | undefined;
  readonly size: number;
  readonly md5: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly checksums: Readonly<Record<string, string>>;
  /** Given for what came in parts. */
  readonly etag?: string;
}

export function newObject(store: Store, { chunks, size, headers, checksums, ...content }: Content): StubObject {
  const etag = store.opaqueEtags ? opaque(store) : (content.etag ?? content.md5?.toString('hex') ?? opaque(store));
  return { chunks, size, headers, checksums, etag, lastModified: Date.now() };
}

/** New each time, like what S3 gives for an object under a KMS key. */
function opaque(store: Store): string {
  return createHash('sha256')
    .update(`etag ${(store.count += 1)}`)
    .digest('hex')
    .slice(0, 32);
}

function servedHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const name of keptHeaders) {
    const value = headers[name];
    if (typeof value === 'string') kept[name] = value;
  }
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-amz-meta-') && typeof value === 'string') kept[name] = value;
  }
  // It describes the transfer only.
  const encoding = kept['content-encoding']
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== 'aws-chunked' && one !== '');
  if (encoding?.length === 0) delete kept['content-encoding'];
  else if (encoding !== undefined) kept['content-encoding'] = encoding.join(',');
  kept['content-type'] ??= 'binary/octet-stream';
  return kept;
}

function refuseTooLarge(size: number): void {
  if (size > maxPutBytes)
    throw new S3Error('EntityTooLarge', 400, 'Your proposed upload exceeds the maximum allowed size');
}

const preconditionFailed = 'At least one of the pre-conditions you specified did not hold';

/** Conditional writes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html */
function refuseUnlessExpected(existing: StubObject | undefined, headers: IncomingHttpHeaders): void {
  const match = headers['if-match'];
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined && noneMatch !== '*') {
    throw new S3Error('NotImplemented', 501, 'If-None-Match of a write takes "*" only.');
  }
  if (noneMatch === '*' && existing !== undefined) throw new S3Error('PreconditionFailed', 412, preconditionFailed);
  if (match === undefined) return;
  if (existing === undefined) throw new S3Error('NoSuchKey', 404, 'The specified key does not exist.');
  if (!isEtag(match, existing.etag)) throw new S3Error('PreconditionFailed', 412, preconditionFailed);
}

function isEtag(given: string, etag: string): boolean {
  return given === '*' || given.replaceAll('"', '') === etag;
}

function copyObject(store: Store, { bucket, key, headers }: Call): Reply {
  const target = bucketOf(store, bucket);
  const given = decodePath(String(headers['x-amz-copy-source']).replace(/\?.*$/s, '')) ?? '';
  const [, fromBucket = '', fromKey = ''] = /^\/?([^/]+)\/(.+)$/s.exec(given) ?? [];
  if (fromKey === '') throw new S3Error('InvalidArgument', 400, 'Invalid copy source object key');
  const source = bucketOf(store, fromBucket).get(fromKey);
  const match = headers['x-amz-copy-source-if-match'];
  const noneMatch = headers['x-amz-copy-source-if-none-match'];
  if (
    (typeof match === 'string' && !isEtag(match, source.etag)) ||
    (typeof noneMatch === 'string' && isEtag(noneMatch, source.etag))
  ) {
    throw new S3Error('PreconditionFailed', 412, preconditionFailed);
  }
  refuseUnlessExpected(target.objects.get(key), headers);
  const replaces = headers['x-amz-metadata-directive'] === 'REPLACE';
  if (fromBucket === bucket && fromKey === key && !replaces) {
    throw new S3Error(
      'InvalidRequest',
      400,
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  if (source.size > maxPutBytes) {
    throw new S3Error(
      'InvalidRequest',
      400,
      'The specified copy source is larger than the maximum allowable size for a copy source: 5368709120',
    );
  }
  const { chunks, size, checksums } = source;
  // A copy is one piece, also of what came in parts.
  const plain =
    source.etag.includes('-') || store.opaqueEtags
      ? chunks === undefined
        ? undefined
        : md5(chunks)
      : Buffer.from(source.etag, 'hex');
  const copy = newObject(store, {
    chunks,
    size,
    checksums,
    md5: plain,
    headers: replaces ? servedHeaders(headers) : source.headers,
  });
  target.put(key, copy);
  return xml(
    'CopyObjectResult',
    `<LastModified>${isoTime(copy.lastModified)}</LastModified><ETag>&quot;${copy.etag}&quot;</ETag>`,
  );
}

function completeUpload(store: Store, { bucket, key, query, headers }: Call, body: Body): Reply {
  const found = bucketOf(store, bucket);
  const upload: MultipartUpload = found.upload(query.get('uploadId'), key);
  const parts: Part[] = [];
  for (const [, part = ''] of textOf(body).matchAll(/<Part>(.*?)<\/Part>/gs)) {
    const number = Number(/<PartNumber>\s*(\d+)\s*<\/PartNumber>/.exec(part)?.[1]);
    const etag = unescapeXml(/<ETag>(.*?)<\/ETag>/s.exec(part)?.[1] ?? '').trim();
    const known = upload.parts.get(number);
    if (known === undefined || !isEtag(etag, known.etag)) {
      throw new S3Error('InvalidPart', 400, 'One or more of the specified parts could not be found.');
    }
    if ((parts.at(-1)?.number ?? 0) >= number) {
      throw new S3Error('InvalidPartOrder', 400, 'The list of parts was not in ascending order.');
    }
    parts.push(known);
  }
  if (parts.length === 0) throw new S3Error('MalformedXML', 400, 'The XML you provided was not well-formed');
  if (parts.slice(0, -1).some(({ size }) => size < minPartBytes)) {
    throw new S3Error('EntityTooSmall', 400, 'Your proposed upload is smaller than the minimum allowed size');
  }
  refuseUnlessExpected(found.objects.get(key), headers);
  const whole = createHash('md5');
  for (const { etag } of parts) whole.update(etag, 'hex');
  const chunks = parts.every((part) => part.chunks !== undefined)
    ? parts.flatMap((part) => part.chunks ?? [])
    : undefined;
  const object = newObject(store, {
    chunks,
    size: parts.reduce((sum, { size }) => sum + size, 0),
    md5: undefined,
    etag: `${whole.digest('hex')}-${parts.length}`,
    headers: upload.headers,
    checksums: {},
  });
  found.put(key, object);
  found.uploads.delete(upload.id);
  return xml(
    'CompleteMultipartUploadResult',
    `<Location>/${bucket}</Location>${names(bucket, key)}<ETag>&quot;${object.etag}&quot;</ETag>`,
  );
}

function getObject(store: Store, { operation, bucket, key, headers }: Call): Reply {
  const object = bucketOf(store, bucket).get(key);
  const { etag, size, lastModified, chunks } = object;
  const match = headers['if-match'];
  const noneMatch = headers['if-none-match'];
  if (match !== undefined && !isEtag(match, etag)) throw new S3Error('PreconditionFailed', 412, preconditionFailed);
  const common = {
    etag: `"${etag}"`,
    'last-modified': new Date(lastModified).toUTCString(),
    'accept-ranges': 'bytes',
    ...object.headers,
  };
  const since = headers['if-modified-since'];
  const isKnown =
    noneMatch !== undefined ? isEtag(noneMatch, etag) : since !== undefined && lastModified < Date.parse(since) + 1000;
  if (isKnown) return { status: 304, headers: common };
  const range = rangeOf(headers.range, size);
  const length = String(range === undefined ? size : range.end - range.start);
  const checksums = headers['x-amz-checksum-mode'] === 'ENABLED' && range === undefined ? object.checksums : {};
  const shown = { ...common, ...checksums, 'content-length': length };
  const status = range === undefined ? 200 : 206;
  const full =
    range === undefined ? shown : { ...shown, 'content-range': `bytes ${range.start}-${range.end - 1}/${size}` };
  if (operation === 'HeadObject') return { status, headers: full };
  if (chunks === undefined) throw new S3Error('InternalError', 500, 'the stub did not keep this body');
  return {
    status,
    headers: full,
    body: range === undefined ? chunks : [Buffer.concat(chunks).subarray(range.start, range.end)],
  };
}

function rangeOf(
  given: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(given ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (start >= size || end <= start) throw new S3Error('InvalidRange', 416, 'The requested range is not satisfiable');
  return { start, end };
}

function listObjects(store: Store, { operation, bucket, query }: Call): Reply {
  const found = bucketOf(store, bucket);
  const isV2 = operation === 'ListObjectsV2';
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const maxKeys = Math.min(1000, Number(query.get('max-keys') ?? 1000));
  if (!Number.isInteger(maxKeys) || maxKeys < 0)
    throw new S3Error('InvalidArgument', 400, 'Argument max-keys must be an integer between 0 and 2147483647');
  const token = query.get('continuation-token');
  const startAfter = query.get(isV2 ? 'start-after' : 'marker') ?? '';
  const page = found.list({ prefix, delimiter, maxKeys, after: token === null ? startAfter : fromToken(token) });
  const encoding = query.get('encoding-type');
  if (encoding !== null && encoding !== 'url')
    throw new S3Error('InvalidArgument', 400, 'Invalid Encoding Method specified in Request');
  const encode = encoding === 'url' ? encodeListed : escapeXml;
  const optional = (name: string, value: string): string => (value === '' ? '' : `<${name}>${value}</${name}>`);
  let rows = '';
  for (const [key, { etag, size, lastModified }] of page.objects) {
    rows += `<Contents><Key>${encode(key)}</Key><LastModified>${isoTime(lastModified)}</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  }
  for (const common of page.prefixes) rows += `<CommonPrefixes><Prefix>${encode(common)}</Prefix></CommonPrefixes>`;
  const paging = isV2
    ? `<KeyCount>${page.objects.length + page.prefixes.length}</KeyCount>` +
      optional('StartAfter', encode(startAfter)) +
      optional('ContinuationToken', token ?? '') +
      optional('NextContinuationToken', page.next === undefined ? '' : toToken(page.next))
    : `<Marker>${encode(startAfter)}</Marker>` +
      optional('NextMarker', page.next === undefined || delimiter === '' ? '' : encode(page.next));
  return xml(
    'ListBucketResult',
    `<Name>${bucket}</Name><Prefix>${encode(prefix)}</Prefix>${optional('Delimiter', encode(delimiter))}<MaxKeys>${maxKeys}</MaxKeys>` +
      `${optional('EncodingType', encoding ?? '')}<IsTruncated>${String(page.next !== undefined)}</IsTruncated>${paging}${rows}`,
  );
}

const toToken = (key: string): string => Buffer.from(`1${key}`).toString('base64');

function fromToken(token: string): string {
  const text = Buffer.from(token, 'base64').toString();
  if (text.startsWith('1')) return text.slice(1);
  throw new S3Error('InvalidArgument', 400, 'The continuation token provided is incorrect');
}

/** `encoding-type=url`: as a form, a slash as itself. */
function encodeListed(text: string): string {
  if (/^[\w./-]*$/.test(text)) return text;
  return encodeURIComponent(text)
    .replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+');
}

/** Undefined when it is no UTF-8, or badly encoded. */
export function decodePath(path: string): string | undefined {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

let lastTime = Number.NaN;
let lastIso = '';
/** Objects that were written together share it. */
function isoTime(at: number): string {
  if (at !== lastTime) {
    lastTime = at;
    lastIso = new Date(at).toISOString();
  }
  return lastIso;
}

function textOf({ chunks }: Body): string {
  return Buffer.concat(chunks ?? []).toString('utf8');
}

function names(bucket: string, key: string): string {
  return `<Bucket>${bucket}</Bucket><Key>${escapeXml(key)}</Key>`;
}

function xml(root: string, inner: string): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: `${xmlStart}<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</${root}>`,
  };
}
