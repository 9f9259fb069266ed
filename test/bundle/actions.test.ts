import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ECRClient, PutImageCommand } from '@aws-sdk/client-ecr';
import { S3Client, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnAction, type ActionRun } from './spawn-action.ts';

/** The committed bundles, as the runner starts them, one after another on one emulated account (tasks exist on paper). */
const account = {
  AWS_ENDPOINT_URL: process.env['AWS_ENDPOINT_URL'] ?? '',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: '222222222222',
  AWS_SECRET_ACCESS_KEY: 'test',
};
const stacks = { app: 'bundle-app', environment: 'production', tier: 'production-small' };
let scratch: string;
let outputs: Readonly<Record<string, string>>;

const credentials = { accessKeyId: account.AWS_ACCESS_KEY_ID, secretAccessKey: account.AWS_SECRET_ACCESS_KEY };
const s3 = () =>
  new S3Client({
    endpoint: account.AWS_ENDPOINT_URL,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
  });

async function run(action: string, inputs: Readonly<Record<string, string>>): Promise<ActionRun> {
  return spawnAction(action, { inputs, env: account, cwd: scratch });
}

/** Fails with what the action said. */
function green(result: ActionRun): ActionRun {
  if (result.exitCode !== 0) throw new Error(result.output);
  return result;
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'slipway-actions-'));
  await mkdir(join(scratch, 'site/assets'), { recursive: true });
  await writeFile(join(scratch, 'site/index.html'), '<script src="/assets/app-1a2b3c4d.js"></script>');
  await writeFile(join(scratch, 'site/assets/app-1a2b3c4d.js'), 'console.log(1)');
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

describe('provision-env', () => {
  test('plans from the templates and leaves nothing behind', async () => {
    const { outputs: planned, summary } = green(await run('provision-env', { ...stacks, mode: 'plan' }));
    expect(planned).toMatchObject({ changed: 'false' });
    expect(Number(planned['changes'])).toBeGreaterThan(40);
    expect(planned['plan-digest']).toMatch(/^[0-9a-f]{64}\.foundation-new\./);
    expect(summary).toContain('Database');
    const none = await run('provision-env', { ...stacks, mode: 'outputs' });
    expect(none.exitCode).toBe(1);
  });

  test('a dry run of apply changes nothing', async () => {
    expect(green(await run('provision-env', { ...stacks, mode: 'apply', 'dry-run': 'true' })).outputs['changed']).toBe(
      'false',
    );
    expect((await run('provision-env', { ...stacks, mode: 'outputs' })).exitCode).toBe(1);
  });

  test('applies, and hands on what the other actions need', async () => {
    outputs = green(await run('provision-env', { ...stacks, mode: 'apply' })).outputs;
    expect(outputs).toMatchObject({
      changed: 'true',
      cluster: 'bundle-app-cluster',
      service: 'bundle-app-api',
      'frontend-bucket': expect.stringMatching(/^bundle-app-frontend-\d{12}$/),
      'uploads-bucket': expect.stringMatching(/^bundle-app-uploads-\d{12}$/),
      'log-group': '/ecs/bundle-app',
      'task-definition-base': expect.stringContaining('bundle-app-backend-base'),
    });
    expect(outputs['missing-secrets']).toContain('openai-api-key');
  });

  test('applied again it changes nothing and hands on the same', async () => {
    const again = green(await run('provision-env', { ...stacks, mode: 'apply' })).outputs;
    expect(again).toEqual({ ...outputs, changed: 'false', changes: '0' });
  });
});

describe('deploy-ecs', () => {
  let image: string;
  beforeAll(async () => {
    const ecr = new ECRClient({ endpoint: account.AWS_ENDPOINT_URL, region: 'us-east-1', credentials });
    const config = {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: `sha256:${'a'.repeat(64)}`,
      size: 2,
    };
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const { image: pushed } = await ecr.send(
      new PutImageCommand({
        repositoryName: 'bundle-app',
        imageTag: 'v1',
        imageManifest: JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [] }),
      }),
    );
    image = `222222222222.dkr.ecr.us-east-1.amazonaws.com/${outputs['ecr-repository']}@${pushed?.imageId?.imageDigest}`;
  });
  const inputs = () => ({
    cluster: outputs['cluster']!,
    service: outputs['service']!,
    'task-definition': outputs['task-definition-base']!,
    'initial-count': outputs['initial-count']!,
    image,
  });

  test('a dry run registers nothing', async () => {
    const { outputs: planned } = green(await run('deploy-ecs', { ...inputs(), 'dry-run': 'true' }));
    expect(planned).toMatchObject({ outcome: 'planned', changed: 'false' });
  });

  test('an image that is not there is red before anything is touched', async () => {
    const gone = `222222222222.dkr.ecr.us-east-1.amazonaws.com/${outputs['ecr-repository']}@sha256:${'b'.repeat(64)}`;
    const refused = await run('deploy-ecs', { ...inputs(), image: gone });
    expect(refused).toMatchObject({ exitCode: 1, outputs: { outcome: 'failed', changed: 'false' } });
    expect(refused.outputs['diagnosis']).toContain('holds no image sha256:bbb');
  });

  test('deploys, and calls the same again unchanged', async () => {
    const first = green(await run('deploy-ecs', inputs()));
    expect(first.outputs).toMatchObject({
      outcome: 'succeeded',
      changed: 'true',
      'task-definition-arn': expect.stringContaining(':task-definition/bundle-app-backend:'),
    });
    const again = green(await run('deploy-ecs', inputs()));
    expect(again.outputs).toMatchObject({
      outcome: 'unchanged',
      changed: 'false',
      'task-definition-arn': first.outputs['task-definition-arn'],
    });
  });

  test('provision-env keeps what was deployed, and calls that no change', async () => {
    expect(green(await run('provision-env', { ...stacks, mode: 'apply' })).outputs['changed']).toBe('false');
  });
});

describe('sync-frontend and invalidate-cdn', () => {
  let published: ActionRun;
  const sync = (inputs: Readonly<Record<string, string>> = {}) =>
    run('sync-frontend', { source: 'site', bucket: outputs['frontend-bucket']!, 'release-id': 'r1', ...inputs });
  const invalidate = (from: ActionRun) =>
    run('invalidate-cdn', {
      'distribution-id': outputs['distribution-id']!,
      paths: from.outputs['changed-paths']!,
      publication: from.outputs['publication']!,
      bucket: outputs['frontend-bucket']!,
    });

  test('a dry run writes nothing', async () => {
    green(await sync({ 'dry-run': 'true' }));
    const { KeyCount } = await s3().send(new ListObjectsV2Command({ Bucket: outputs['frontend-bucket'] }));
    expect(KeyCount ?? 0).toBe(0);
  });

  test('publishes with the right headers', async () => {
    published = green(await sync());
    expect(published.outputs).toMatchObject({ changed: 'true', uploaded: '2', deleted: '0', 'release-id': 'r1' });
    const asset = await s3().send(
      new GetObjectCommand({ Bucket: outputs['frontend-bucket'], Key: 'assets/app-1a2b3c4d.js' }),
    );
    expect(asset).toMatchObject({
      CacheControl: 'public, max-age=31536000, immutable',
      ContentType: 'text/javascript; charset=utf-8',
    });
    const html = await s3().send(new GetObjectCommand({ Bucket: outputs['frontend-bucket'], Key: 'index.html' }));
    expect(html).toMatchObject({ CacheControl: 'no-cache', ContentType: 'text/html; charset=utf-8' });
  });

  test('invalidates the publication once', async () => {
    const first = green(await invalidate(published));
    expect(first.outputs['invalidation-id']).not.toBe('');
    expect(JSON.parse(first.outputs['paths']!)).toEqual(expect.arrayContaining(['/', '/index.html']));
    const again = green(await invalidate(published));
    expect(again.outputs).toMatchObject({ changed: 'false', 'invalidation-id': first.outputs['invalidation-id'] });
  });

  test('published again it sends nothing; without changed paths nothing is invalidated', async () => {
    const again = green(await sync({ 'release-id': 'r2' }));
    expect(again.outputs).toMatchObject({
      changed: 'false',
      uploaded: '0',
      unchanged: '2',
      publication: published.outputs['publication'],
    });
    const { outputs: cdn } = green(
      await run('invalidate-cdn', { 'distribution-id': outputs['distribution-id']!, paths: '[]' }),
    );
    expect(cdn).toMatchObject({ changed: 'false', 'invalidation-id': '', 'path-count': '0' });
  });
});
