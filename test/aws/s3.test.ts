import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { PublishInputs } from '../../actions/sync-frontend/src/inputs.ts';
import { sourceTree } from '../../actions/sync-frontend/src/source-tree.ts';
import { syncFrontend } from '../../actions/sync-frontend/src/sync.ts';
import type { ObjectStore } from '../../shared/aws/s3.ts';
import { multipartThreshold } from '../../shared/core/multipart.ts';
import { forEachConcurrently } from '../../shared/core/pool.ts';
import { storeOf } from '../kit/object-store.ts';
import { publishInputs, rollbackInputs, silentProgress, stillClock, type Site } from '../shell/sync-frontend.fakes.ts';
import { countingProxy, type CountingProxy } from './counting-proxy.ts';

process.env['AWS_ACCESS_KEY_ID'] = '202020202020';
process.env['AWS_SECRET_ACCESS_KEY'] = 'test';

let proxy: CountingProxy;
let client: S3Client;
let bucket = '';
let buckets = 0;
let store: ObjectStore;
let scratch = '';

beforeAll(async () => {
  proxy = await countingProxy(process.env['AWS_ENDPOINT_URL'] ?? '');
  process.env['AWS_ENDPOINT_URL'] = proxy.endpoint;
  client = new S3Client({ region: 'us-east-1', forcePathStyle: true });
});
afterAll(() => {
  client.destroy();
  proxy.close();
});
beforeEach(async () => {
  bucket = `adapter-${(buckets += 1)}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  store = storeOf(bucket);
  scratch = await mkdtemp(join(tmpdir(), 'slipway-s3-'));
  proxy.seen.length = 0;
});
afterEach(async () => {
  proxy.fate = () => 'pass';
  await rm(scratch, { recursive: true });
});

const digest = (algorithm: string, data: string | Uint8Array) => createHash(algorithm).update(data).digest('hex');
const headers = { contentType: 'text/plain; charset=utf-8', cacheControl: 'no-cache' };

async function upload(key: string, data: Uint8Array | string): Promise<string> {
  const file = join(scratch, 'body');
  await writeFile(file, data);
  return store.upload({ key, file, size: Buffer.byteLength(data), sha256: digest('sha256', data), headers });
}
const head = (key: string) => client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
const puts = () => proxy.seen.filter((line) => /^(PUT|POST|DELETE) /.test(line));

describe('the object store', () => {
  test('sends a file with its headers, exactly under its name, and lists it below its prefix only', async () => {
    const odd = 'app/a+b c~é%/😀 &<x>.txt';
    expect(await upload(odd, 'odd')).toBe(digest('md5', 'odd'));
    await upload('app-2/x', 'other');
    expect(await head(odd)).toMatchObject({
      ContentType: headers.contentType,
      CacheControl: 'no-cache',
      ContentLength: 3,
    });
    expect(await store.list('app/')).toEqual([{ key: odd, size: 3, etag: digest('md5', 'odd') }]);
    await store.copy({ from: odd, to: `${odd}2`, etag: digest('md5', 'odd') });
    expect((await store.read(`${odd}2`))?.text).toBe('odd');
    expect(await store.remove([odd, `${odd}2`])).toEqual([]);
    expect(await store.list('app/')).toEqual([]);
  });

  test('lists more than a page, one request per 1,000 keys', async () => {
    const keys = Array.from({ length: 1001 }, (_, n) => `k${n}`);
    await forEachConcurrently(keys, { limit: 20 }, async (key) => {
      await store.write({ key, text: '', contentType: 'text/plain', expected: 'anything' });
    });
    proxy.seen.length = 0;
    expect(await store.list('')).toHaveLength(1001);
    expect(proxy.seen).toHaveLength(2);
    expect(await store.remove(keys)).toEqual([]);
    expect(await store.list('')).toEqual([]);
  });

  test.each([
    ['shorter', 'x'],
    ['longer', 'xxxxx'],
    ['gone', undefined],
  ])('refuses a file that is %s than when it was hashed', async (_how, now) => {
    const file = join(scratch, 'body');
    if (now !== undefined) await writeFile(file, now);
    const attempt = store.upload({ key: 'x', file, size: 3, sha256: digest('sha256', 'old'), headers });
    await expect(attempt).rejects.toMatchObject({ code: 'SourceChanged', fault: 'user' });
    expect(await store.list('')).toEqual([]);
  });

  test('streams a larger file, anew when it has to be sent again', async () => {
    const data = Buffer.alloc(3_000_000, 'slipway');
    let attempts = 0;
    proxy.fate = (line) => (line.startsWith('PUT') && (attempts += 1) <= 2 ? 'unavailable' : 'pass');
    expect(await upload('big', data)).toBe(digest('md5', data));
    expect(attempts).toBe(3);
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'big' }));
    expect(digest('md5', await Body!.transformToByteArray())).toBe(digest('md5', data));
  });

  test('sends a file above the threshold in parts, with an ETag that the file alone tells', async () => {
    const file = join(scratch, 'huge');
    const size = multipartThreshold + 1_000_003;
    await writeFile(file, 'start');
    await truncate(file, size);
    const [sha256 = ''] = await sourceTree.digests('sha256', [{ file, size }]);
    let failed = false;
    proxy.fate = (line) => (!failed && line.includes('partNumber=2') ? ((failed = true), 'unavailable') : 'pass');
    const etag = await store.upload({ key: 'huge', file, size, sha256, headers });
    expect(failed).toBe(true);
    expect([etag]).toEqual(await sourceTree.digests('etag', [{ file, size }]));
    expect(await store.list('')).toEqual([{ key: 'huge', size, etag }]);
    expect((await head('huge')).CacheControl).toBe('no-cache');
  });

  test('changes headers without a body, and copies only what it expects', async () => {
    const etag = await upload('a', 'content');
    await store.copy({ from: 'a', to: 'a', etag, headers: { contentType: 'text/html', cacheControl: 'max-age=1' } });
    expect(await head('a')).toMatchObject({ ContentType: 'text/html', CacheControl: 'max-age=1', ContentLength: 7 });
    await expect(store.copy({ from: 'a', to: 'b', etag: digest('md5', 'else') })).rejects.toMatchObject({
      code: 'PreconditionFailed',
    });
    await expect(store.copy({ from: 'none', to: 'b' })).rejects.toMatchObject({ code: 'NoSuchKey' });
  });

  test('writes a guarded object only over what was read', async () => {
    const write = (text: string, expected: Parameters<ObjectStore['write']>[0]['expected']) =>
      store.write({ key: 'state', text, contentType: 'application/json', expected });
    expect(await store.read('state')).toBeUndefined();
    const first = await write('1', 'nothing');
    expect(await store.read('state')).toEqual({ text: '1', etag: first });
    await expect(write('2', 'nothing')).rejects.toMatchObject({ code: 'ConcurrentPublish' });
    const second = await write('2', { etag: first });
    await expect(write('3', { etag: first })).rejects.toMatchObject({ code: 'ConcurrentPublish' });
    expect(await store.read('state')).toEqual({ text: '2', etag: second });
  });

  test('knows its own guarded write again when the answer was lost', async () => {
    let lost = false;
    proxy.fate = (line) => (line.startsWith('PUT') && !lost ? ((lost = true), 'lose-answer') : 'pass');
    const etag = await store.write({ key: 's', text: 'mine', contentType: 'text/plain', expected: 'nothing' });
    expect([lost, etag]).toEqual([true, digest('md5', 'mine')]);
  });

  test('a bucket that does not exist is an error, not an empty site', async () => {
    const none = storeOf('no-such-bucket');
    await expect(none.list('')).rejects.toMatchObject({ code: 'NoSuchBucket' });
    await expect(none.read('x')).rejects.toMatchObject({ code: 'NoSuchBucket' });
  });
});

describe('a site on S3', () => {
  const v1: Site = {
    'index.html': '<script src="/assets/app-aaaa1111.js">',
    'docs/index.html': 'docs',
    'assets/app-aaaa1111.js': 'app 1',
    '.well-known/apple-app-site-association': '{}',
  };
  const v2: Site = { ...v1, 'index.html': '<script src="/assets/app-bbbb2222.js">', 'assets/app-bbbb2222.js': 'app 2' };

  async function publish(site: Site, changes: Partial<PublishInputs> = {}) {
    const source = await mkdtemp(join(scratch, 'site-'));
    for (const [path, content] of Object.entries(site)) {
      await mkdir(dirname(join(source, path)), { recursive: true });
      await writeFile(join(source, path), content);
    }
    proxy.seen.length = 0;
    return syncFrontend(publishInputs({ source, concurrency: 48, ...changes }), ports());
  }
  const ports = () => ({ store, tree: sourceTree, clock: stillClock, progress: silentProgress() });
  const text = async (key: string) => (await store.read(key))?.text;

  test('published, published again, changed, rolled back: in as few requests as it takes', async () => {
    expect((await publish(v1, { releaseId: 'r1' })).outputs).toMatchObject({ uploaded: '4' });
    expect(proxy.seen).toHaveLength(2 + 4 + 1);
    expect(await head('.well-known/apple-app-site-association')).toMatchObject({ ContentType: 'application/json' });
    expect(await head('index.html')).toMatchObject({
      ContentType: 'text/html; charset=utf-8',
      CacheControl: 'no-cache',
    });

    expect((await publish(v1)).outputs).toMatchObject({ changed: 'false', unchanged: '4' });
    expect([proxy.seen.length, puts()]).toEqual([2, []]);

    // One changed page, one new asset: LIST, state, the page kept for a rollback, two files, state.
    expect((await publish(v2, { releaseId: 'r2' })).outputs).toMatchObject({ uploaded: '2', unchanged: '3' });
    expect(proxy.seen).toHaveLength(2 + 1 + 2 + 1);
    expect(await text('index.html')).toBe(v2['index.html']);

    proxy.seen.length = 0;
    const back = await syncFrontend(rollbackInputs('previous'), ports());
    expect(back.outputs).toMatchObject({ 'release-id': 'r1', uploaded: '1', deleted: '0' });
    expect(await text('index.html')).toBe(v1['index.html']);
    expect(await head('index.html')).toMatchObject({
      ContentType: 'text/html; charset=utf-8',
      CacheControl: 'no-cache',
    });

    expect((await publish(v2, { releaseId: 'r2' })).outputs).toMatchObject({ uploaded: '1', changed: 'true' });
    expect(await text('index.html')).toBe(v2['index.html']);
  });

  test('other headers are set without a body, and then nothing is left to do', async () => {
    await publish(v1);
    const cacheControl = new Map([['docs/**', 'max-age=60']]);
    expect((await publish(v1, { cacheControl })).outputs).toMatchObject({ 'headers-changed': '1', bytes: '0' });
    expect(await head('docs/index.html')).toMatchObject({ CacheControl: 'max-age=60', ContentLength: 4 });
    await publish(v1, { cacheControl });
    expect(puts()).toEqual([]);
  });

  test('a page that is gone is deleted, below its own prefix only', async () => {
    await upload('app-2/docs/index.html', 'theirs');
    await publish(v1, { prefix: 'app/', basePath: '/app/' });
    const rest = Object.fromEntries(Object.entries(v1).filter(([path]) => path !== 'docs/index.html'));
    const { outputs } = await publish(rest, { prefix: 'app/', basePath: '/app/' });
    expect(proxy.seen.filter((line) => line.includes('app-2'))).toEqual([]);
    expect(outputs).toMatchObject({ deleted: '1' });
    expect(JSON.parse(outputs['changed-paths']!)).toEqual(expect.arrayContaining(['/app/docs', '/app/docs/']));
    expect(await text('app/docs/index.html')).toBeUndefined();
    expect(await text('app-2/docs/index.html')).toBe('theirs');
  });
});
