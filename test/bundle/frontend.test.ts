import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  CloudFrontClient,
  CreateDistributionCommand,
  GetInvalidationCommand,
  ListInvalidationsCommand,
} from '@aws-sdk/client-cloudfront';
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawnAction, type ActionRun } from './spawn-action.ts';

/**
 * A site's way to its viewers, by the bundles as the runner starts them: the emulator's S3 and a CloudFront distribution before it. That
 * CloudFront keeps no copies, so a viewer gets the new page by itself; what it was told to forget is looked at too. Viewers that do hold
 * old pages are in invalidate-cdn.publish.test.ts.
 */
const bucket = 'frontend-viewed-site';
const alias = 'www.slipway-frontend.example';
// The emulator's own account: viewers, who have no key, only reach distributions in that one.
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
const endpoint = process.env['AWS_ENDPOINT_URL'] ?? '';
const region = 'us-east-1';
const cloudFront = new CloudFrontClient({ endpoint, region, credentials });
let scratch: string;
let distributionId: string;
let hostLabel: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'slipway-frontend-'));
  await mkdir(join(scratch, 'sources'));
  await writeFile(join(scratch, 'sources/main.ts'), 'main');
  const s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const Principal = { Service: 'cloudfront.amazonaws.com' };
  const Statement = [
    { Effect: 'Allow', Principal, Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` },
    { Effect: 'Allow', Principal, Action: 's3:ListBucket', Resource: `arn:aws:s3:::${bucket}` },
    { Effect: 'Deny', Principal, Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/.releases/*` },
  ];
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  s3.destroy();
  const { Distribution } = await cloudFront.send(
    new CreateDistributionCommand({
      DistributionConfig: {
        CallerReference: bucket,
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
              OriginAccessControlId: 'E1OACEXAMPLE',
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
afterAll(async () => {
  cloudFront.destroy();
  await rm(scratch, { recursive: true });
});

async function run(action: string, inputs: Readonly<Record<string, string>>): Promise<ActionRun> {
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const result = await spawnAction(action, { inputs, env, cwd: scratch });
  if (result.exitCode !== 0) throw new Error(result.output);
  return result;
}

async function publish(site: Readonly<Record<string, string>>): Promise<ActionRun> {
  await rm(join(scratch, 'site'), { recursive: true, force: true });
  for (const [path, content] of Object.entries(site)) {
    await mkdir(dirname(join(scratch, 'site', path)), { recursive: true });
    await writeFile(join(scratch, 'site', path), content);
  }
  return run('sync-frontend', { source: 'site', bucket, 'source-hash': (await check()).outputs['source-hash']! });
}

/** Is what is served made from these sources, and did CloudFront forget what was before? */
const check = () => run('sync-frontend', { mode: 'check', source: 'sources', bucket });

const invalidate = ({ outputs }: ActionRun) =>
  run('invalidate-cdn', {
    alias,
    paths: outputs['changed-paths']!,
    publication: outputs['publication']!,
    bucket,
  });

/** As a viewer asks: by the distribution's host name. */
function view(path: string): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const { hostname, port } = new URL(endpoint);
  const headers = { host: `${hostLabel}.cloudfront.localhost:${port}` };
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers }, (answer) => {
      let body = '';
      answer.on('data', (data: Buffer) => (body += data.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode, body }));
    })
      .on('error', reject)
      .end();
  });
}

async function forgotten(): Promise<readonly (readonly string[])[]> {
  const DistributionId = distributionId;
  const { InvalidationList } = await cloudFront.send(new ListInvalidationsCommand({ DistributionId }));
  const ids = (InvalidationList?.Items ?? []).map(({ Id }) => Id);
  return Promise.all(
    ids.map(async (Id) => {
      const { Invalidation } = await cloudFront.send(new GetInvalidationCommand({ DistributionId, Id }));
      return Invalidation?.InvalidationBatch?.Paths?.Items ?? [];
    }),
  );
}

const page = (content: string, asset: string) =>
  `<!doctype html><title>${content}</title><script src="/assets/${asset}"></script>`;

test('after sync and invalidate a viewer gets the new page, and CloudFront was told to forget the old one, once', async () => {
  const old = {
    'index.html': page('one', 'app-1a2b3c4d.js'),
    'assets/app-1a2b3c4d.js': 'one',
    'help/a b.html': 'help',
  };
  const first = await publish(old);
  await invalidate(first);
  expect(await view('/')).toEqual({ status: 200, body: old['index.html'] });
  const before = (await forgotten()).length;

  const fresh = {
    'index.html': page('two', 'app-5e6f7a8b.js'),
    'assets/app-5e6f7a8b.js': 'two',
    'help/a b.html': 'help two',
  };
  const second = await publish(fresh);
  expect((await check()).outputs['published']).toBe('false');
  const told = await invalidate(second);
  expect((await check()).outputs).toMatchObject({ published: 'true', publication: second.outputs['publication'] });
  expect(await view('/')).toEqual({ status: 200, body: fresh['index.html'] });
  expect(await view('/help/a%20b.html')).toEqual({ status: 200, body: 'help two' });
  // Open tabs still find what the page of before needs; what the publisher keeps for itself nobody finds.
  expect(await view('/assets/app-1a2b3c4d.js')).toEqual({ status: 200, body: 'one' });
  expect((await view('/.releases/state.json')).status).toBe(403);

  const all = await forgotten();
  expect(all).toHaveLength(before + 1);
  const paths = ['/', '/help/a%20b.html', '/index.html'];
  expect(JSON.parse(told.outputs['paths']!)).toEqual(paths);
  expect(all.map((batch) => [...batch].sort())).toContainEqual(paths);
  expect(told.outputs['path-count']).toBe('3');

  const again = await invalidate(await publish(fresh));
  expect(again.outputs).toMatchObject({ changed: 'false', 'invalidation-id': told.outputs['invalidation-id'] });
  expect(await forgotten()).toHaveLength(before + 1);
});
