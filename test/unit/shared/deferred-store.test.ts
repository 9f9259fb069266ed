import { expect, test } from '@jest/globals';
import { deferredStore } from '../../../shared/aws/deferred-store.ts';
import type { ObjectStore } from '../../../shared/aws/s3.ts';
import { FakeBucket } from '../../shell/sync-frontend.fakes.ts';

test('a store is connected by its first request, once, and then does what it is asked', async () => {
  const bucket = new FakeBucket();
  let connections = 0;
  const store: ObjectStore = deferredStore(async () => {
    connections += 1;
    return bucket;
  });
  expect(connections).toBe(0);
  const expected = { key: 'a', text: 'x', contentType: 'text/plain', expected: 'nothing' } as const;
  const [nothing, etag] = await Promise.all([store.read('none'), store.write(expected)]);
  expect(nothing).toBeUndefined();
  expect(await store.list('')).toEqual([{ key: 'a', size: 1, etag }]);
  const headers = { contentType: 'text/html', cacheControl: 'no-cache' };
  await store.copy({ from: 'a', to: 'b', etag, headers });
  expect(bucket.content('b')).toBe('x');
  expect(await store.remove(['a', 'b'])).toEqual([]);
  expect(bucket.keys).toEqual([]);
  expect(connections).toBe(1);
});
