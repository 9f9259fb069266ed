import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  type PutObjectCommandInput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from '@jest/globals';
import { S3Stub, type StubOptions } from '../../kit/s3-stub.ts';

const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret/+=', sessionToken: 'token/+==' };
const Bucket = 'site';
const ignore = () => undefined;
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const opened: { readonly stop: () => void }[] = [];

async function start(options: StubOptions = {}, config: S3ClientConfig = {}) {
  const stub = await S3Stub.start({ buckets: [Bucket], credentials, ...options });
  const client = connect(stub, config);
  opened.push(stub);
  return { stub, client };
}
function connect(stub: S3Stub, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    region: 'us-east-1',
    endpoint: stub.endpoint,
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
    logger: silent,
    ...config,
  });
  opened.push({ stop: () => client.destroy() });
  return client;
}
afterEach(() => {
  for (const one of opened.splice(0).reverse()) one.stop();
});

const md5 = (data: string | Uint8Array) => createHash('md5').update(data).digest('hex');
const sha256 = (data: string) => createHash('sha256').update(data).digest('base64');
interface Content extends Partial<PutObjectCommandInput> {
  readonly Body: string | Buffer | Readable;
}
const put = (client: S3Client, Key: string, content: string | Content) =>
  client.send(new PutObjectCommand({ Bucket, Key, ...(typeof content === 'string' ? { Body: content } : content) }));
const get = async (client: S3Client, Key: string, more: object = {}) => {
  const { Body, ...rest } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return { text: await Body!.transformToString(), ...rest };
};
const refusal = (name: string, httpStatusCode: number) => ({
  name,
  $metadata: expect.objectContaining({ httpStatusCode }) as unknown,
});

describe('objects', () => {
  test('come back as they were sent, signed, under odd names, with the SDK’s own checksums', async () => {
    const { client, stub } = await start();
    const odd = "a+b c~é%/😀 &<x>'(1)*!.txt?#=";
    const headers = { ContentType: 'text/plain', CacheControl: 'no-cache', Metadata: { who: 'me  too' } };
    expect((await put(client, odd, { Body: 'odd', ...headers })).ETag).toBe(`"${md5('odd')}"`);
    expect(await get(client, odd)).toMatchObject({
      text: 'odd',
      ...headers,
      ContentLength: 3,
      ETag: `"${md5('odd')}"`,
    });
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: odd }));
    expect(head).toMatchObject({ ...headers, ContentLength: 3 });
    expect(Math.abs(head.LastModified!.getTime() - Date.now())).toBeLessThan(60_000);
    expect(stub.log.map(({ operation, key, bytes, status }) => [operation, key, bytes, status])).toEqual([
      ['PutObject', odd, 3, 200],
      ['GetObject', odd, 0, 200],
      ['HeadObject', odd, 0, 200],
    ]);
  });

  test('are sent as a stream with a trailer, empty and large', async () => {
    const { client, stub } = await start();
    const large = Buffer.alloc(3_000_001, 'slipway');
    const stream = () => Readable.from([large.subarray(0, 1_000_000), large.subarray(1_000_000)]);
    await put(client, 'stream', { Body: stream(), ContentLength: large.length, ContentEncoding: 'br' });
    await put(client, 'empty', '');
    expect(stub.objects(Bucket).get('stream')).toMatchObject({
      etag: md5(large),
      headers: { 'content-encoding': 'br' },
    });
    expect((await get(client, 'stream', { Range: 'bytes=6-8' })).text).toBe('ysl');
    expect((await get(client, 'stream', { Range: 'bytes=-2' })).text).toHaveLength(2);
    expect((await get(client, 'empty')).text).toBe('');
    await expect(get(client, 'empty', { Range: 'bytes=5-' })).rejects.toMatchObject(refusal('InvalidRange', 416));
    await expect(get(client, 'none')).rejects.toMatchObject(refusal('NoSuchKey', 404));
    await expect(get(client, 'x', { Bucket: 'none' })).rejects.toMatchObject(refusal('NoSuchBucket', 404));
    await expect(put(client, 'é'.repeat(513), '')).rejects.toMatchObject(refusal('KeyTooLongError', 400));
    expect(await put(client, 'é'.repeat(512), '')).toMatchObject({});
  });

  test('are refused when the body is not what the headers say', async () => {
    const { client, stub } = await start();
    await expect(put(client, 'x', { Body: 'a', ChecksumSHA256: sha256('b') })).rejects.toMatchObject(
      refusal('BadDigest', 400),
    );
    await expect(put(client, 'x', { Body: 'a', ChecksumCRC32: 'AAAAAA==' })).rejects.toMatchObject(
      refusal('BadDigest', 400),
    );
    await expect(put(client, 'x', { Body: 'a', ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' })).rejects.toMatchObject(
      refusal('BadDigest', 400),
    );
    expect(await put(client, 'y', { Body: 'a', ChecksumSHA256: sha256('a') })).toMatchObject({
      ChecksumSHA256: sha256('a'),
    });
    expect([...stub.objects(Bucket).keys()]).toEqual(['y']);
  });

  test('are written and read under conditions', async () => {
    const { client } = await start();
    const ETag = `"${md5('1')}"`;
    await expect(put(client, 's', { Body: '1', IfMatch: ETag })).rejects.toMatchObject(refusal('NoSuchKey', 404));
    await put(client, 's', { Body: '1', IfNoneMatch: '*' });
    await expect(put(client, 's', { Body: '2', IfNoneMatch: '*' })).rejects.toMatchObject(
      refusal('PreconditionFailed', 412),
    );
    await put(client, 's', { Body: '2', IfMatch: ETag });
    await expect(put(client, 's', { Body: '3', IfMatch: ETag })).rejects.toMatchObject(
      refusal('PreconditionFailed', 412),
    );
    await expect(get(client, 's', { IfNoneMatch: `"${md5('2')}"` })).rejects.toMatchObject({
      $metadata: { httpStatusCode: 304 },
    });
    expect((await get(client, 's')).text).toBe('2');
  });

  test('are copied with their headers or with new ones', async () => {
    const { client } = await start();
    await put(client, 'a b+é', { Body: 'text', ContentType: 'text/a', CacheControl: 'one' });
    const copy = (Key: string, more: object = {}) =>
      client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/a%20b%2B%C3%A9`, ...more }));
    expect((await copy('b')).CopyObjectResult?.ETag).toBe(`"${md5('text')}"`);
    expect(await get(client, 'b')).toMatchObject({ text: 'text', ContentType: 'text/a', CacheControl: 'one' });
    await copy('b', { MetadataDirective: 'REPLACE', ContentType: 'text/b', CopySourceIfMatch: md5('text') });
    const { CacheControl, ContentType } = await get(client, 'b');
    expect([ContentType, CacheControl]).toEqual(['text/b', undefined]);
    await expect(copy('b', { CopySourceIfMatch: md5('else') })).rejects.toMatchObject(
      refusal('PreconditionFailed', 412),
    );
    await expect(copy('b', { CopySource: `${Bucket}/none` })).rejects.toMatchObject(refusal('NoSuchKey', 404));
    await expect(copy('a b+é')).rejects.toMatchObject(refusal('InvalidRequest', 400));
    await copy('a b+é', { MetadataDirective: 'REPLACE', ContentType: 'text/c' });
  });

  test('are deleted, at most 1,000 in a request', async () => {
    const { client, stub } = await start();
    const remove = (keys: readonly string[], Quiet = true) =>
      client.send(new DeleteObjectsCommand({ Bucket, Delete: { Quiet, Objects: keys.map((Key) => ({ Key })) } }));
    for (const key of ['a&<b>', 'c', 'kept']) stub.place(Bucket, key, { text: key });
    stub.undeletable = (key) => key === 'kept';
    expect((await remove(['a&<b>', 'none', 'kept'])).Errors).toMatchObject([{ Key: 'kept', Code: 'AccessDenied' }]);
    expect((await remove(['c'], false)).Deleted).toMatchObject([{ Key: 'c' }]);
    await expect(remove(Array.from({ length: 1001 }, (_, n) => `k${n}`))).rejects.toMatchObject(
      refusal('MalformedXML', 400),
    );
    expect([...stub.objects(Bucket).keys()]).toEqual(['kept']);
  });
});

describe('listings', () => {
  test('go through all pages in the order of the bytes, with prefixes and a delimiter', async () => {
    const { client, stub } = await start();
    const keys = ['a b/+&é.txt', 'app-2/x', 'app/1', 'app/b/2', 'app/b/3', 'app/c', '\ue000', '😀', '\u0001'];
    for (const key of keys) stub.place(Bucket, key, { text: key });
    const list = async (more: object = {}) => {
      const seen: (string | undefined)[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({ Bucket, ...more, ...(ContinuationToken && { ContinuationToken }) }),
        );
        seen.push(
          ...(page.Contents ?? []).map(({ Key }) => Key),
          ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
        );
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
      return seen;
    };
    const all = ['\u0001', 'a b/+&é.txt', 'app-2/x', 'app/1', 'app/b/2', 'app/b/3', 'app/c', '\ue000', '😀'];
    expect(await list()).toEqual(all);
    for (const MaxKeys of [1, 2, 5]) expect(await list({ MaxKeys })).toEqual(all);
    expect(await list({ Prefix: 'app/', MaxKeys: 1 })).toEqual(all.slice(3, 7));
    for (const MaxKeys of [1, 2, 1000]) {
      expect((await list({ Prefix: 'app/', Delimiter: '/', MaxKeys })).sort()).toEqual(['app/1', 'app/b/', 'app/c']);
    }
    expect(await list({ StartAfter: 'app/b/2' })).toEqual(all.slice(5));
    expect((await list({ EncodingType: 'url', Prefix: 'a ' }))[0]).toBe('a+b/%2B%26%C3%A9.txt');
    const v1 = await client.send(new ListObjectsCommand({ Bucket, Marker: 'app/1', MaxKeys: 1, Delimiter: '/' }));
    expect([v1.CommonPrefixes?.[0]?.Prefix, v1.NextMarker, v1.IsTruncated]).toEqual(['app/', 'app/', true]);
  });

  test('hold 1,000 keys a page', async () => {
    const { client, stub } = await start();
    for (let n = 0; n < 1001; n += 1) stub.place(Bucket, `k${n}`, { text: '' });
    const page = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 5000 }));
    expect([page.Contents?.length, page.KeyCount, page.IsTruncated]).toEqual([1000, 1000, true]);
  });
});

test('a bucket is made, found and located', async () => {
  const { client } = await start();
  await client.send(new CreateBucketCommand({ Bucket: 'other' }));
  await client.send(new HeadBucketCommand({ Bucket: 'other' }));
  await expect(client.send(new HeadBucketCommand({ Bucket: 'none' }))).rejects.toMatchObject(refusal('NotFound', 404));
  expect((await client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint ?? '').toBe('');
});

test('an upload in parts gets the ETag of its parts, and a copy of it one of its own', async () => {
  const { client, stub } = await start();
  const target = { Bucket, Key: 'large' };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...target, ContentType: 'x/y' }));
  const pieces = [Buffer.alloc(5 * 1024 * 1024, 'a'), Buffer.from('end')];
  const upload = async (PartNumber: number, Body: Buffer) => {
    const { ETag } = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body }));
    return { PartNumber, ETag };
  };
  const first = await upload(1, pieces[0]!);
  const last = await upload(2, pieces[1]!);
  const small = await upload(3, pieces[1]!);
  const complete = (Parts: object[]) =>
    client.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }));
  await expect(complete([last, first])).rejects.toMatchObject(refusal('InvalidPartOrder', 400));
  await expect(complete([first, { ...last, ETag: md5('') }])).rejects.toMatchObject(refusal('InvalidPart', 400));
  await expect(complete([first, last, small])).rejects.toMatchObject(refusal('EntityTooSmall', 400));
  expect((await client.send(new ListPartsCommand({ ...target, UploadId }))).Parts).toHaveLength(3);
  expect((await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toHaveLength(1);
  expect(stub.objects(Bucket).size).toBe(0);
  const etag = `${md5(Buffer.concat(pieces.map((piece) => Buffer.from(md5(piece), 'hex'))))}-2`;
  expect((await complete([first, last])).ETag).toBe(`"${etag}"`);
  await expect(complete([first, last])).rejects.toMatchObject(refusal('NoSuchUpload', 404));
  const copied = await client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/large` }));
  expect(copied.CopyObjectResult?.ETag).toBe(`"${md5(Buffer.concat(pieces))}"`);
  expect(await client.send(new HeadObjectCommand({ Bucket, Key: 'copy' }))).toMatchObject({ ContentType: 'x/y' });
});

test('only requests that are signed rightly are carried out', async () => {
  const { stub } = await start();
  const attempt = (config: S3ClientConfig) => put(connect(stub, config), 'x', 'y');
  await expect(attempt({ credentials: { ...credentials, secretAccessKey: 'wrong' } })).rejects.toMatchObject(
    refusal('SignatureDoesNotMatch', 403),
  );
  await expect(attempt({ credentials: { ...credentials, sessionToken: 'wrong' } })).rejects.toMatchObject(
    refusal('InvalidToken', 400),
  );
  await expect(attempt({ credentials: { ...credentials, accessKeyId: 'OTHER' } })).rejects.toMatchObject(
    refusal('InvalidAccessKeyId', 403),
  );
  await expect(attempt({ systemClockOffset: 16 * 60_000 })).rejects.toMatchObject(refusal('RequestTimeTooSkewed', 403));
  await expect(attempt({ region: 'eu-west-1' })).rejects.toMatchObject(refusal('AuthorizationHeaderMalformed', 400));
  await expect(attempt({ signer: { sign: async (request) => request } })).rejects.toMatchObject(
    refusal('AccessDenied', 403),
  );
  expect(await (await fetch(`${stub.endpoint}/${Bucket}/x`)).text()).toContain('<Code>AccessDenied</Code>');
  expect(stub.objects(Bucket).size).toBe(0);
});

test('under a KMS key an ETag is new each time', async () => {
  const { client } = await start({ opaqueEtags: true });
  const etags = [await put(client, 'a', '1'), await put(client, 'a', '1')].map(({ ETag }) => ETag);
  expect(new Set([...etags, `"${md5('1')}"`]).size).toBe(3);
  expect(etags[0]).toMatch(/^"[\da-f]{32}"$/);
});

describe('faults', () => {
  test('strike before, during and after a request', async () => {
    const { client, stub } = await start();
    const events: string[] = [];
    for (const at of ['before', 'during', 'after'] as const) {
      const run = () => void events.push(`${at} ${String(stub.objects(Bucket).has(at))}`);
      stub.fault = () => ({ at, run, end: 'drop' });
      await expect(put(client, at, { Body: Buffer.alloc(1000) })).rejects.toThrow();
    }
    expect(events).toEqual(['before false', 'during false', 'after true']);
    stub.fault = () => ({ at: 'during', run: () => void events.push('goes on') });
    await put(client, 'on', { Body: Buffer.alloc(100_000) });
    expect([events.at(-1), stub.objects(Bucket).get('on')?.size]).toEqual(['goes on', 100_000]);
    stub.fault = () => ({ at: 'before', end: { status: 503, code: 'SlowDown' } });
    await expect(put(client, 'x', 'y')).rejects.toMatchObject(refusal('SlowDown', 503));
    expect(stub.counts()).toEqual({ PutObject: 5 });
  });

  test('leave a deletion half done', async () => {
    const { client, stub } = await start();
    const keys = ['a', 'b', 'c', 'd'];
    for (const key of keys) stub.place(Bucket, key, { text: key });
    const before = stub.snapshot();
    stub.fault = () => ({ at: 'during', end: 'drop' });
    const remove = new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } });
    await expect(client.send(remove)).rejects.toThrow();
    expect([...stub.objects(Bucket).keys()]).toEqual(['a', 'b']);
    stub.restore(before);
    expect([...stub.objects(Bucket).keys()]).toEqual(keys);
  });
});
