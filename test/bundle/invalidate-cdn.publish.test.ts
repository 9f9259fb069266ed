import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CloudFrontStub } from '../kit/cloudfront-stub.ts';
import { S3Stub } from '../kit/s3-stub.ts';
import { spawnAction, type ActionRun, type SpawnOptions } from './spawn-action.ts';

/** Both bundles as the runner starts them, on a strict S3 and a strict CloudFront whose viewers are asked what they get. */
const bucket = 'site-bucket';
const distributionId = 'E2EXAMPLE12345';
const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' };
let s3: S3Stub;
let cloudFront: CloudFrontStub;
let scratch: string;

beforeEach(async () => {
  s3 = await S3Stub.start({ buckets: [bucket], credentials });
  cloudFront = await CloudFrontStub.start();
  cloudFront.completeAfter = { ms: 0, looks: 1 };
  cloudFront.add({ id: distributionId, aliases: ['www.example.com'], origin });
  scratch = await mkdtemp(join(tmpdir(), 'slipway-publish-'));
});
afterEach(async () => {
  s3.stop();
  cloudFront.stop();
  await rm(scratch, { recursive: true });
});

/** Index documents in folders too, as the suite's CloudFront function finds them. */
function origin(path: string): string {
  const key = decodeURIComponent(path.slice(1));
  const folder = key === '' || key.endsWith('/') ? key : `${key}/`;
  return s3.text(bucket, key) ?? s3.text(bucket, `${folder}index.html`) ?? 'not found';
}

type Site = Readonly<Record<string, string>>;

function run(action: string, inputs: Readonly<Record<string, string>>, more: Partial<SpawnOptions> = {}) {
  const env = {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_CLOUDFRONT: cloudFront.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  return spawnAction(action, { inputs, env, cwd: scratch, ...more });
}

function green(result: ActionRun): ActionRun {
  if (result.exitCode !== 0) throw new Error(result.output);
  return result;
}

async function publish(site: Site, inputs: Readonly<Record<string, string>> = {}): Promise<ActionRun> {
  await rm(join(scratch, 'site'), { recursive: true, force: true });
  for (const [path, content] of Object.entries(site)) {
    await mkdir(dirname(join(scratch, 'site', path)), { recursive: true });
    await writeFile(join(scratch, 'site', path), content);
  }
  return green(await run('sync-frontend', { source: 'site', bucket, 'max-delete-percent': '100', ...inputs }));
}

const invalidate = (
  published: ActionRun,
  inputs: Readonly<Record<string, string>> = {},
  more?: Partial<SpawnOptions>,
) =>
  run(
    'invalidate-cdn',
    {
      'distribution-id': distributionId,
      paths: published.outputs['changed-paths']!,
      publication: published.outputs['publication']!,
      bucket,
      ...inputs,
    },
    more,
  );

const view = (...urls: readonly string[]) => Promise.all(urls.map((url) => cloudFront.view(distributionId, url)));

function version(name: string): Site {
  return {
    'index.html': `home ${name} <script src="/assets/app-${name}aaaaaaa.js"></script>`,
    'docs/index.html': `docs ${name}`,
    'about.html': 'about',
    [`assets/app-${name}aaaaaaa.js`]: `app ${name}`,
  };
}

test('upload done, invalidation failed: the rerun, with nothing to upload, still invalidates; then never again', async () => {
  green(await invalidate(await publish(version('1'))));
  expect((await view('/', '/docs', '/docs/', '/about.html')).join('|')).toMatch(/^home 1 .*\|docs 1\|docs 1\|about$/);

  const published = await publish(version('2'));
  cloudFront.breakAll('CreateInvalidation', {
    error: 'AccessDenied',
    status: 403,
    message: `User: arn:aws:sts::123456789012:assumed-role/deploy/slipway is not authorized to perform: cloudfront:CreateInvalidation on resource: arn:aws:cloudfront::123456789012:distribution/${distributionId} because no identity-based policy allows the cloudfront:CreateInvalidation action`,
  });
  const failed = await invalidate(published);
  expect(failed).toMatchObject({
    exitCode: 1,
    outputs: { changed: 'false', 'invalidation-id': '', 'path-count': '0' },
  });
  expect(failed.output).toContain('cloudfront:CreateInvalidation');
  expect(failed.output).toContain(`arn:aws:cloudfront::123456789012:distribution/${distributionId}`);
  expect((await view('/docs/'))[0]).toBe('docs 1');

  cloudFront.breakAll('CreateInvalidation', undefined);
  const again = await publish(version('2'));
  expect(again.outputs).toMatchObject({ changed: 'false', uploaded: '0' });
  const done = green(await invalidate(again));
  expect(done.outputs['changed']).toBe('true');
  expect((await view('/', '/docs', '/docs/')).join('|')).toMatch(/^home 2 .*\|docs 2\|docs 2$/);
  // What is new under a name of its own costs nothing, and what did not change neither.
  expect(JSON.parse(done.outputs['paths']!)).toEqual(['/', '/docs', '/docs/', '/docs/index.html', '/index.html']);
  expect(done.output).toContain('this run used 5 of the 1,000 invalidation paths a month that are free');

  cloudFront.calls.length = 0;
  const rerun = green(await invalidate(await publish(version('2'))));
  expect(rerun.outputs).toMatchObject({ changed: 'false', 'invalidation-id': done.outputs['invalidation-id'] });
  expect(cloudFront.calls).toEqual([]);
});

test('a later publish carries over what was never invalidated', async () => {
  green(await invalidate(await publish(version('1'))));
  await view('/', '/docs/', '/about.html');
  await publish(version('2'));
  const third = await publish({ ...version('2'), 'about.html': 'about 3' });
  green(await invalidate(third));
  expect((await view('/', '/docs/', '/about.html')).join('|')).toMatch(/^home 2 .*\|docs 2\|about 3$/);
});

test('done, and the note of it denied: red, with the statement; the rerun only notes it', async () => {
  const published = await publish(version('1'));
  const end = {
    status: 403,
    code: 'AccessDenied',
    message: `User: arn:aws:sts::123456789012:assumed-role/deploy/slipway is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::${bucket}/.releases/invalidated/x" because no identity-based policy allows the s3:PutObject action`,
  };
  s3.fault = ({ operation }) => (operation === 'PutObject' ? { at: 'before', end } : undefined);
  const failed = await invalidate(published);
  expect(failed).toMatchObject({ exitCode: 1, outputs: { changed: 'true' } });
  expect(failed.summary).toContain('Invalidated, but not noted in the bucket');
  expect(failed.output).toContain('s3:PutObject');
  expect(failed.output).toContain(`arn:aws:s3:::${bucket}/.releases/invalidated/`);

  s3.fault = () => undefined;
  cloudFront.age(60_000);
  const { outputs } = green(await invalidate(published));
  expect(outputs).toMatchObject({ changed: 'false', 'invalidation-id': failed.outputs['invalidation-id'] });
  expect(cloudFront.invalidations).toHaveLength(1);
  cloudFront.calls.length = 0;
  green(await invalidate(published));
  expect(cloudFront.calls).toEqual([]);
});

test('a bucket that there is not is red before anything is asked for', async () => {
  const failed = await invalidate(await publish(version('1')), { bucket: 'no-such-bucket' });
  expect(failed).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } });
  expect(failed.output).toContain('NoSuchBucket');
  expect(cloudFront.calls).toEqual([]);
});

test('an answer lost on the way makes no second invalidation, in the same run and in the next one', async () => {
  const published = await publish(version('1'));
  cloudFront.breakNext('CreateInvalidation', { drop: 'after' });
  const first = green(await invalidate(published, { bucket: '', prefix: '' }));
  expect(first.outputs['changed']).toBe('true');
  expect(cloudFront.invalidations).toHaveLength(1);

  const second = await publish(version('2'));
  cloudFront.breakAll('CreateInvalidation', { drop: 'after' });
  const cancelled = await invalidate(second, {}, { cancelAt: /waits its turn/ });
  expect(cancelled).toMatchObject({ exitCode: 1, outputs: { changed: 'false', 'invalidation-id': '' } });
  cloudFront.breakAll('CreateInvalidation', undefined);
  cloudFront.age(60_000);
  const rerun = green(await invalidate(second));
  expect(cloudFront.invalidations).toHaveLength(2);
  expect(rerun.outputs).toMatchObject({ changed: 'false', 'invalidation-id': cloudFront.invalidations[1]?.id });
  expect(rerun.output).toContain('this run used 0 of the 1,000');
});

test('A, B, A again, and back: each time a new invalidation, and viewers get what is published', async () => {
  const seen: string[] = [];
  const deploy = async (site: Site, inputs: Readonly<Record<string, string>> = {}): Promise<void> => {
    const { outputs } = green(await invalidate(await publish(site, inputs)));
    expect(outputs['changed']).toBe('true');
    seen.push(...(await view('/docs/')));
  };
  await deploy(version('A'), { 'release-id': 'a' });
  await deploy(version('B'), { 'release-id': 'b' });
  await deploy(version('A'), { 'release-id': 'a2' });
  await deploy(version('A'), { 'rollback-to': 'b' });
  await deploy(version('A'), { 'release-id': 'a3' });
  expect(seen).toEqual(['docs A', 'docs B', 'docs A', 'docs B', 'docs A']);
  expect(cloudFront.invalidations).toHaveLength(5);
});

describe('names of any kind', () => {
  const names = [
    'a+b c~é%.txt',
    'runtime~main.js',
    '[id].txt',
    'über uns/index.html',
    "it's (1) & $2,=;@!.txt",
    'q?x=1.txt',
  ];
  // As a browser asks for them.
  const urls = [
    '/a+b%20c~%C3%A9%25.txt',
    '/runtime~main.js',
    '/[id].txt',
    '/%C3%BCber%20uns/',
    "/it's%20(1)%20&%20$2,=;@!.txt",
    '/q%3Fx=1.txt',
  ];
  const site = (content: string): Site => ({
    'index.html': 'home',
    ...Object.fromEntries(names.map((name) => [name, `${name} ${content}`])),
  });

  test.each([true, false])('are fresh, whatever CloudFront takes %%7E for (%s)', async (isTildeMatched) => {
    cloudFront.isTildeMatched = isTildeMatched;
    green(await invalidate(await publish(site('1'))));
    expect(await view(...urls)).toEqual(names.map((name) => `${name} 1`));
    const second = await publish(site('2'));
    expect(await view(...urls)).toEqual(names.map((name) => `${name} 1`));
    green(await invalidate(second, { 'distribution-id': '', alias: 'www.example.com' }));
    expect(await view(...urls)).toEqual(names.map((name) => `${name} 2`));
  });
});

test('more wildcards than CloudFront works on at a time: batches in turn; what was taken is not asked for anew', async () => {
  cloudFront.completeAfter = { ms: 1_000, looks: 0 };
  const given = {
    paths: JSON.stringify(Array.from({ length: 20 }, (_, n) => `/w${n}/*`)),
    'max-paths': '100',
    publication: '1-0123456789abcdef',
  };
  const denied = { error: 'AccessDenied', status: 403 };
  cloudFront.breakNext('CreateInvalidation', {}, denied);
  const inputs = { 'distribution-id': distributionId, bucket, ...given };
  const failed = await run('invalidate-cdn', inputs);
  const [first] = cloudFront.invalidations;
  expect(failed).toMatchObject({ exitCode: 1, outputs: { 'invalidation-id': first?.id, 'path-count': '15' } });
  expect(failed.summary).toContain('Only 1 of 2 batches were taken');

  const done = green(await run('invalidate-cdn', inputs));
  expect(cloudFront.invalidations.map(({ paths }) => paths.length)).toEqual([15, 5]);
  expect(done.outputs['invalidation-id']).toBe(cloudFront.invalidations.map(({ id }) => id).join(','));
  expect(JSON.parse(done.outputs['paths']!)).toHaveLength(20);
  expect(cloudFront.invalidations.every(({ status }) => status === 'Completed')).toBe(true);
});
