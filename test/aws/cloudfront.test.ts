import { request } from 'node:http';
import { CloudFrontClient, CreateDistributionCommand, ListInvalidationsCommand } from '@aws-sdk/client-cloudfront';
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apply } from '../../actions/invalidate-cdn/src/apply.ts';
import { parseInputs } from '../../actions/invalidate-cdn/src/inputs.ts';
import { observe } from '../../actions/invalidate-cdn/src/observe.ts';
import { planInvalidation } from '../../actions/invalidate-cdn/src/plan.ts';
import { reportInvalidation } from '../../actions/invalidate-cdn/src/report.ts';
import { syncFrontend } from '../../actions/sync-frontend/src/sync.ts';
import { InputReader } from '../../shared/action/input-reader.ts';
import { systemClock } from '../../shared/action/system-clock.ts';
import { cdn } from '../../shared/aws/cloudfront.ts';
import { objectStore, type ObjectStore } from '../../shared/aws/s3.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';
import {
  checkInputs,
  fakeTree,
  publishInputs,
  silentProgress,
  stillClock,
  type Site,
} from '../shell/sync-frontend.fakes.ts';

// The emulator's own account: viewers, who have no key, only reach distributions in that one.
process.env['AWS_ACCESS_KEY_ID'] = 'test';
process.env['AWS_SECRET_ACCESS_KEY'] = 'test';

const bucket = 'viewed-site';
const alias = 'www.slipway-viewers.example';
const config = sdkConfig(
  { region: 'us-east-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 },
  { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
);
const sdk = new CloudFrontClient({ region: 'us-east-1' });
const port = cdn(config);
let store: ObjectStore;
let distributionId = '';
let hostLabel = '';

beforeAll(async () => {
  const s3 = new S3Client({ region: 'us-east-1', forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` }],
  });
  await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  s3.destroy();
  store = objectStore(config, bucket);
  const { Distribution } = await sdk.send(
    new CreateDistributionCommand({
      DistributionConfig: {
        CallerReference: 'test',
        Comment: '',
        Enabled: true,
        DefaultRootObject: 'index.html',
        Aliases: { Quantity: 1, Items: [alias] },
        Origins: {
          Quantity: 1,
          Items: [
            {
              Id: 's3',
              DomainName: `${bucket}.s3.us-east-1.amazonaws.com`,
              S3OriginConfig: { OriginAccessIdentity: '' },
            },
          ],
        },
        DefaultCacheBehavior: {
          TargetOriginId: 's3',
          ViewerProtocolPolicy: 'allow-all',
          CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6',
        },
      },
    }),
  );
  distributionId = Distribution?.Id ?? '';
  hostLabel = Distribution?.DomainName?.split('.')[0] ?? '';
});
afterAll(() => sdk.destroy());

/** As a viewer asks: by the distribution's host name. */
function view(
  path: string,
): Promise<{ readonly status: number | undefined; readonly body: string; readonly type: string | undefined }> {
  const { hostname, port: number } = new URL(process.env['AWS_ENDPOINT_URL'] ?? '');
  const headers = { host: `${hostLabel}.cloudfront.localhost:${number}` };
  return new Promise((resolve, reject) => {
    request({ hostname, port: number, path, headers }, (answer) => {
      let body = '';
      answer.on('data', (data: Buffer) => (body += data.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode, body, type: answer.headers['content-type'] }));
    })
      .on('error', reject)
      .end();
  });
}

const made = async () =>
  (await sdk.send(new ListInvalidationsCommand({ DistributionId: distributionId }))).InvalidationList?.Items ?? [];

test('the port: finds distributions, makes an invalidation once, reads it, says what is wrong', async () => {
  expect(await port.distributions()).toContainEqual({
    id: distributionId,
    domainName: expect.stringContaining('cloudfront') as unknown,
    aliases: [alias],
  });
  const asked = { distributionId, callerReference: 'once', paths: ['/a%20b', '/x*'] };
  const first = await port.invalidate(asked);
  expect(first).toMatchObject({ id: expect.stringMatching(/^I/), createdAt: expect.any(Number) });
  expect(Math.abs(Date.now() - first.createdAt)).toBeLessThan(600_000);
  expect(await port.invalidate(asked)).toEqual(first);
  expect(await port.invalidation(distributionId, first.id)).toMatchObject({ status: 'Completed' });
  expect(await made()).toHaveLength(1);
  await expect(port.invalidate({ ...asked, paths: ['/other'] })).rejects.toMatchObject({
    code: 'InvalidationBatchAlreadyExists',
  });
  await expect(port.invalidate({ ...asked, distributionId: 'ENONE000000000' })).rejects.toMatchObject({
    code: 'NoSuchDistribution',
    httpStatus: 404,
  });
});

const context = {
  repository: '',
  sha: '',
  ref: '',
  runId: '7',
  runAttempt: 1,
  runUrl: '',
  step: undefined,
  workspace: '',
  tempDirectory: '',
};

async function invalidate(given: Readonly<Record<string, string>>) {
  const values: Readonly<Record<string, string>> = { 'aws-region': 'us-east-1', bucket, alias, ...given };
  const inputs = parseInputs(
    new InputReader({ get: (name) => values[name] ?? '', env: {}, mask: () => undefined }),
    context,
  );
  const ports = { cdn: port, store, clock: systemClock, random: Math.random, progress: silentProgress() };
  const plan = planInvalidation(inputs, await observe(inputs, ports), { step: 's', now: 0 });
  return reportInvalidation(plan, plan.kind === 'nothing' ? undefined : await apply(plan, ports));
}

test('a site is published, viewed, invalidated once, and then known to be published', async () => {
  const disk = new Map<string, string>();
  const ports = (site: Site) => ({
    store: uploadsFrom(disk),
    tree: fakeTree(site, disk),
    clock: stillClock,
    progress: silentProgress(),
  });
  const v1: Site = { 'index.html': 'one', 'docs/index.html': 'docs', 'assets/app-aaaa1111.js': 'app' };
  const sources: Site = { 'src/main.ts': 'main' };
  const check = async () => (await syncFrontend(checkInputs({ bucket }), ports(sources))).outputs;
  const before = (await made()).length;

  const { 'source-hash': sourceHash } = await check();
  await syncFrontend(publishInputs({ bucket, sourceHash }), ports(v1));
  expect(await view('/')).toMatchObject({ status: 200, body: 'one', type: 'text/html; charset=utf-8' });
  expect(await view('/assets/app-aaaa1111.js')).toMatchObject({ body: 'app' });

  const v2 = { ...v1, 'index.html': 'two' };
  const { outputs } = await syncFrontend(publishInputs({ bucket, sourceHash }), ports(v2));
  const given = { paths: outputs['changed-paths']!, publication: outputs['publication']! };
  expect(await check()).toMatchObject({ published: 'false' });
  const first = await invalidate(given);
  expect(first.failure).toBeUndefined();
  expect(first.outputs).toMatchObject({ changed: 'true', 'path-count': '5' });
  expect(await invalidate(given)).toMatchObject({
    outputs: { changed: 'false', 'invalidation-id': first.outputs['invalidation-id'] },
  });
  expect(await made()).toHaveLength(before + 1);
  expect(await view('/')).toMatchObject({ body: 'two' });
  expect(await check()).toMatchObject({ published: 'true', publication: outputs['publication'] });

  // Confirmed, so only what changes now.
  const { outputs: third } = await syncFrontend(
    publishInputs({ bucket }),
    ports({ ...v2, 'docs/index.html': 'docs 2' }),
  );
  expect(JSON.parse(third['changed-paths']!)).toEqual(['/docs', '/docs/', '/docs/index.html']);
  expect(await invalidate({ paths: '[]', publication: third['publication']! })).toMatchObject({
    outputs: { 'invalidation-id': '' },
  });
  expect(await made()).toHaveLength(before + 1);
});

/** The real store, whose files come from memory. */
function uploadsFrom(disk: ReadonlyMap<string, string>): ObjectStore {
  return {
    ...store,
    upload: ({ key, file, headers }) =>
      store.write({ key, text: disk.get(file) ?? '', contentType: headers.contentType, expected: 'anything' }),
  };
}
