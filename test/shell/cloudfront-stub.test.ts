import {
  CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
  ListDistributionsCommand,
  ListInvalidationsCommand,
} from '@aws-sdk/client-cloudfront';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CloudFrontStub } from '../kit/cloudfront-stub.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

/** What the other tests rely on: that this CloudFront is as strict as AWS's. */
const DistributionId = 'E1EXAMPLE';
let stub: CloudFrontStub;
let clock: VirtualClock;
let sdk: CloudFrontClient;

beforeEach(async () => {
  clock = new VirtualClock(new Date('2026-11-24T12:00:00Z'));
  stub = await CloudFrontStub.start(() => clock.now());
  stub.add({ id: DistributionId });
  sdk = new CloudFrontClient({
    endpoint: stub.endpoint,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
});
afterEach(() => {
  sdk.destroy();
  stub.stop();
});

const create = async (paths: readonly string[], CallerReference = paths.join(' ').slice(0, 50)) => {
  const Paths = { Quantity: paths.length, Items: [...paths] };
  const answer = await sdk.send(
    new CreateInvalidationCommand({ DistributionId, InvalidationBatch: { CallerReference, Paths } }),
  );
  return answer.Invalidation!;
};
const numbered = (count: number, name: (n: number) => string) => Array.from({ length: count }, (_, n) => name(n));
const refused = (name: string, httpStatusCode: number) => ({ name, $metadata: { httpStatusCode } });

describe('paths', () => {
  test.each(['/', '/*', '/a*', '/a%20b', '/%C3%A9?x=1&y=2', "/-_.!$&'()+,;=:@", `/${'a'.repeat(3999)}`])(
    'takes %s, and tells it again',
    async (path) => {
      const { Id } = await create([path], 'r');
      const { Invalidation } = await sdk.send(new GetInvalidationCommand({ DistributionId, Id }));
      expect(Invalidation?.InvalidationBatch).toEqual({ CallerReference: 'r', Paths: { Quantity: 1, Items: [path] } });
    },
  );

  test.each(['a', '', '/a*b', '/**', '/~a', '/a b', '/é', '/[x]', '/100%', '/a"', '/a\\b', `/${'a'.repeat(4000)}`])(
    'refuses %j',
    async (path) => {
      await expect(create([path], 'r')).rejects.toMatchObject(refused('InvalidArgument', 400));
    },
  );
});

describe('limits', () => {
  beforeEach(() => void (stub.completeAfter = { ms: 60_000, looks: 0 }));

  test('3,000 files and 15 wildcards in progress, each by itself, until they are complete', async () => {
    const files = numbered(3000, (n) => `/${n}`);
    const wildcards = numbered(15, (n) => `/${n}/*`);
    await expect(create([...files, '/x'])).rejects.toMatchObject(refused('BatchTooLarge', 413));
    await expect(create([...wildcards, '/x*'])).rejects.toMatchObject(refused('BatchTooLarge', 413));
    await create(files);
    await expect(create(['/x'])).rejects.toMatchObject(refused('TooManyInvalidationsInProgress', 400));
    await create(wildcards);
    await expect(create(['/x*'])).rejects.toMatchObject(refused('TooManyInvalidationsInProgress', 400));
    stub.add({ id: 'E2' });
    await clock.sleep(59_999);
    await expect(create(['/x*'])).rejects.toMatchObject(refused('TooManyInvalidationsInProgress', 400));
    await clock.sleep(1);
    await create(['/x', '/x*']);
  });

  test('a known reference is the first invalidation, also at the limit; with other paths it is refused', async () => {
    const wildcards = numbered(15, (n) => `/${n}/*`);
    const first = await create(wildcards, 'r');
    expect((await create(wildcards, 'r')).Id).toBe(first.Id);
    await expect(create(['/a'], 'r')).rejects.toMatchObject(refused('InvalidationBatchAlreadyExists', 400));
    expect(stub.invalidations).toHaveLength(1);
  });
});

test('lists page by page, invalidations newest first', async () => {
  stub.pageSize = 2;
  for (const id of ['E2', 'E3']) stub.add({ id, aliases: [`${id}.example.com`] });
  const { DistributionList } = await sdk.send(new ListDistributionsCommand({}));
  expect(DistributionList).toMatchObject({ IsTruncated: true, NextMarker: 'E3', Quantity: 2 });
  const { DistributionList: second } = await sdk.send(new ListDistributionsCommand({ Marker: 'E3' }));
  expect(second).toMatchObject({
    IsTruncated: false,
    Quantity: 1,
    Items: [{ Aliases: { Items: ['E3.example.com'] } }],
  });
  for (const path of ['/a', '/b', '/c']) await create([path]);
  const { InvalidationList } = await sdk.send(new ListInvalidationsCommand({ DistributionId }));
  expect(InvalidationList?.Items?.map(({ Id }) => Id)).toEqual(['I0000000000003', 'I0000000000002']);
  const Marker = InvalidationList?.NextMarker;
  const rest = await sdk.send(new ListInvalidationsCommand({ DistributionId, Marker }));
  expect(rest.InvalidationList).toMatchObject({ IsTruncated: false, Items: [{ Id: 'I0000000000001' }] });
});

test('says no to the wrong distribution, the wrong invalidation, and who does not sign', async () => {
  await expect(sdk.send(new GetInvalidationCommand({ DistributionId: 'E9', Id: 'I1' }))).rejects.toMatchObject(
    refused('NoSuchDistribution', 404),
  );
  await expect(sdk.send(new GetInvalidationCommand({ DistributionId, Id: 'I1' }))).rejects.toMatchObject(
    refused('NoSuchInvalidation', 404),
  );
  expect((await fetch(`${stub.endpoint}/2020-05-31/distribution`)).status).toBe(403);
});

describe('viewers', () => {
  let version = 0;
  const view = (url: string) => stub.view(DistributionId, url);
  beforeEach(() => {
    version = 0;
    stub.add({ id: DistributionId, origin: (path) => `${path} ${(version += 1)}` });
  });

  test('keep a page until an invalidation of it is complete', async () => {
    expect([await view('/a'), await view('/a?x'), await view('/b')]).toEqual(['/a 1', '/a 1', '/b 2']);
    stub.completeAfter = { ms: 0, looks: 1 };
    const { Id } = await create(['/a']);
    expect(await view('/a')).toBe('/a 1');
    await sdk.send(new GetInvalidationCommand({ DistributionId, Id }));
    expect([await view('/a'), await view('/b')]).toEqual(['/a 3', '/b 2']);
  });

  test('lose what matches in its encoded form, and nothing else', async () => {
    for (const url of ['/a b', '/[1]', '/x*', '/~', '/A', '/d/e']) await view(url);
    await create(['/a%20b', '/%5B1%5D', '/x%2A', '/%7E', '/a', '/d']);
    const seen = await Promise.all(['/a b', '/[1]', '/x*', '/~', '/A', '/d/e'].map(view));
    expect(seen).toEqual(['/a b 7', '/[1] 8', '/x* 3', '/~ 4', '/A 5', '/d/e 6']);
  });
});
