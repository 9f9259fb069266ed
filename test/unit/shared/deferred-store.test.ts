import { expect, test } from '@jest/globals';
import { deferredStore } from '../../../shared/aws/deferred-store.ts';
import type { ObjectStore } from '../../../shared/aws/s3.ts';
import { sha256 } from '../../../shared/core/hash.ts';
import { FakeBucket } from '../../shell/sync-frontend.fakes.ts';

test('a store that is still being connected does what it is asked once it is', async () => {
  const bucket = new FakeBucket();
  const { promise, resolve } = Promise.withResolvers<ObjectStore>();
  const store = deferredStore(promise);
  setTimeout(() => {
    resolve(bucket);
  }, 10);
  const expected = { key: 'a', text: 'x', contentType: 'text/plain', expected: 'nothing' } as const;
  const [nothing, etag] = await Promise.all([store.read('none'), store.write(expected)]);
  expect(nothing).toBeUndefined();
  expect(await store.list('')).toEqual([{ key: 'a', size: 1, etag }]);
  const headers = { contentType: 'text/html', cacheControl: 'no-cache' };
  await store.copy({ from: 'a', to: 'b', etag, headers });
  expect(bucket.content('b')).toBe('x');
  const content = Buffer.from('y');
  await store.put({ key: 'c', content, sha256: sha256(content), headers });
  expect(bucket.objects.get('c')).toMatchObject({ content: 'y', headers });
  expect(await store.remove(['a', 'b', 'c'])).toEqual([]);
  expect(bucket.keys).toEqual([]);
});

test('one that could not be connected says so to whoever asks', async () => {
  const store = deferredStore(Promise.reject(new Error('no way')));
  await new Promise((resolve) => setTimeout(resolve, 10));
  await expect(store.list('')).rejects.toThrow('no way');
});
