import { mkdtemp, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ObjectStore } from '../../shared/aws/s3.ts';
import { ActionError } from '../../shared/core/errors.ts';
import { multipartThreshold } from '../../shared/core/multipart.ts';
import { storeOf } from '../kit/object-store.ts';
import { S3Stub } from '../kit/s3-stub.ts';

const headers = { contentType: 'text/plain; charset=utf-8', cacheControl: 'no-cache' };
const before = { ...process.env };
let scratch = '';
let stub: S3Stub;
let store: ObjectStore;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'slipway-s3-parts-'));
  stub = await S3Stub.start({ buckets: ['site'] });
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_ENDPOINT_URL: stub.endpoint });
  store = storeOf('site');
});
afterEach(async () => {
  stub.stop();
  process.env = { ...before };
  await rm(scratch, { recursive: true });
});
async function huge(size: number, onPart?: (bytes: number) => void): Promise<string> {
  const file = join(scratch, 'huge');
  await writeFile(file, '');
  await truncate(file, size);
  return store.upload({
    key: 'x',
    file,
    size,
    sha256: '3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351',
    headers,
    ...(onPart && { onPart }),
  });
}
test('an upload in parts has its headers and tells of each part', async () => {
  const parts: number[] = [];
  await huge(multipartThreshold + 1, (bytes) => parts.push(bytes));
  expect(stub.objects('site').get('x')?.headers).toMatchObject({
    'content-type': headers.contentType,
    'cache-control': 'no-cache',
  });
  expect(parts.sort((a, b) => b - a)).toEqual([32 * 2 ** 20, 32 * 2 ** 20, 1]);
});
test('an upload in parts that fails leaves no parts behind', async () => {
  stub.fault = ({ query }) =>
    query.includes('partNumber=2') ? { at: 'before', end: { status: 403, code: 'AccessDenied' } } : undefined;
  await expect(huge(multipartThreshold + 1)).rejects.toMatchObject({ code: 'AccessDenied' });
  expect(stub.counts()).toMatchObject({ AbortMultipartUpload: 1 });
});
test('a file at the threshold goes in one piece', async () => {
  await huge(multipartThreshold);
  expect(stub.counts()).toEqual({ PutObject: 1 });
});
test('deletions: a thousand keys a request, and what S3 refused', async () => {
  const keys = Array.from({ length: 1001 }, (_, n) => `k${n}`);
  for (const key of keys) stub.place('site', key, { text: '' });
  expect(await store.remove(keys)).toEqual([]);
  expect(stub.log.map((entry) => entry.keys.length)).toEqual([1000, 1]);
  expect(stub.objects('site').size).toBe(0);
});
test.each(['ConditionalRequestConflict', 'PreconditionFailed'])(
  'a guarded write that meets another: %s',
  async (code) => {
    stub.place('site', 's', { text: 'theirs' });
    stub.fault = ({ operation }) =>
      operation === 'PutObject' ? { at: 'before', end: { status: 409, code } } : undefined;
    await expect(
      store.write({ key: 's', text: 'ours', contentType: 'text/plain', expected: { etag: 'e' } }),
    ).rejects.toMatchObject({ code: 'ConcurrentPublish' });
  },
);
test('a guarded write over what is gone', async () => {
  await expect(
    store.write({ key: 's', text: 'ours', contentType: 'text/plain', expected: { etag: 'e' } }),
  ).rejects.toMatchObject({ code: 'ConcurrentPublish' });
});
test('what may not be deleted is named, with the reason', async () => {
  for (const key of ['a', 'b']) stub.place('site', key, { text: '' });
  stub.undeletable = (key) => key === 'b';
  expect(await store.remove(['a', 'b'])).toEqual([{ key: 'b', reason: expect.stringMatching(/^AccessDenied: ./) }]);
});

test('a file that is written while its parts are sent is refused, and no part is left', async () => {
  const file = join(scratch, 'film');
  const size = multipartThreshold + 1;
  await writeFile(file, '');
  await truncate(file, size);
  const { mtimeMs: modified } = await stat(file);
  const film = { key: 'film', file, size, sha256: 'unused', modified, headers };
  await store.upload(film);
  await expect(
    store.upload({ ...film, onPart: () => void utimes(file, new Date(), new Date(modified + 5_000)) }),
  ).rejects.toMatchObject({ code: 'SourceChanged' });
  expect(stub.counts()).toMatchObject({ CompleteMultipartUpload: 1, AbortMultipartUpload: 1 });
  expect(stub.uploads('site')).toEqual([]);
});

test('a cancel ends an upload in parts at once, and no part is left', async () => {
  const cancelled = new AbortController();
  store = storeOf('site', { signal: cancelled.signal });
  stub.fault = ({ query }) => {
    if (!query.includes('partNumber=')) return undefined;
    setImmediate(() => cancelled.abort(new ActionError('Cancelled', 'the run was cancelled')));
    return { at: 'before', delayMs: 3_000 };
  };
  await expect(huge(multipartThreshold + 1)).rejects.toMatchObject({ code: 'Cancelled' });
  // It did not wait for the answers.
  const parts = stub.log.filter(({ query }) => query.includes('partNumber='));
  expect(parts.map(({ status }) => status)).toEqual(parts.map(() => 0));
  expect(stub.uploads('site')).toEqual([]);
});
