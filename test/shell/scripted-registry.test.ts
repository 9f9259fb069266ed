import { createHash } from 'node:crypto';
import {
  BatchGetImageCommand,
  CreateRepositoryCommand,
  DescribeImageScanFindingsCommand,
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  GetDownloadUrlForLayerCommand,
  GetLifecyclePolicyCommand,
  PutImageCommand,
  PutLifecyclePolicyCommand,
  StartImageScanCommand,
} from '@aws-sdk/client-ecr';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ScriptedRegistry } from '../kit/scripted-registry.ts';

// Docker and BuildKit themselves push to it in test/e2e.

const oci = 'application/vnd.oci.image.manifest.v1+json';
const index = 'application/vnd.oci.image.index.v1+json';
const digestOf = (content: string): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

let registry: ScriptedRegistry;
let ecr: ECRClient;
let basic: string;

beforeEach(async () => {
  registry = await ScriptedRegistry.start({
    repositories: {
      app: {},
      fixed: { mutability: 'IMMUTABLE_WITH_EXCLUSION', exclusions: ['buildcache*', 'latest'] },
    },
  });
  ecr = new ECRClient({
    region: 'us-east-1',
    endpoint: registry.endpoint,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 2,
    retryMode: 'standard',
  });
  basic = await newToken();
});
afterEach(() => registry.stop());

async function newToken(): Promise<string> {
  const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
  return authorizationData?.[0]?.authorizationToken ?? '';
}

function v2(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Basic ${basic}`, ...(init.headers as Record<string, string>) };
  return fetch(new URL(path, registry.endpoint), { method, ...init, headers });
}

async function pushBlob(repository: string, content: string): Promise<string> {
  const digest = digestOf(content);
  const begun = await v2('POST', `/v2/${repository}/blobs/uploads/`);
  const location = begun.headers.get('location') ?? '';
  await v2('PATCH', location, { body: content });
  expect((await v2('PUT', `${location}?digest=${digest}`)).status).toBe(201);
  return digest;
}

async function manifestOf(repository: string, content: string): Promise<string> {
  const [config, layer] = [await pushBlob(repository, `{"of":"${content}"}`), await pushBlob(repository, content)];
  return JSON.stringify({ schemaVersion: 2, mediaType: oci, config: { digest: config }, layers: [{ digest: layer }] });
}

const putManifest = (repository: string, reference: string, body: string): Promise<Response> =>
  v2('PUT', `/v2/${repository}/manifests/${reference}`, { body, headers: { 'content-type': oci } });

async function errorOf(answer: Response): Promise<string> {
  const { errors } = (await answer.json()) as { errors: readonly { code: string; message: string }[] };
  return `${answer.status} ${errors[0]?.code}: ${errors[0]?.message}`;
}

test('what is pushed is read back byte for byte, by tag and by digest, through both protocols', async () => {
  const manifest = `${await manifestOf('app', 'one')}\n`;
  const digest = digestOf(manifest);
  expect((await putManifest('app', 'v1', manifest)).headers.get('docker-content-digest')).toBe(digest);
  for (const reference of ['v1', digest]) {
    const answer = await v2('GET', `/v2/app/manifests/${reference}`);
    expect([await answer.text(), answer.headers.get('content-type')]).toEqual([manifest, oci]);
    const head = await v2('HEAD', `/v2/app/manifests/${reference}`);
    expect([head.headers.get('docker-content-digest'), await head.text()]).toEqual([digest, '']);
  }
  const { images, failures } = await ecr.send(
    new BatchGetImageCommand({ repositoryName: 'app', imageIds: [{ imageTag: 'v1' }, { imageTag: 'v2' }] }),
  );
  expect(images).toMatchObject([{ imageId: { imageTag: 'v1', imageDigest: digest }, imageManifest: manifest }]);
  expect(failures).toMatchObject([{ imageId: { imageTag: 'v2' }, failureCode: 'ImageNotFound' }]);
  expect(await (await v2('GET', `/v2/app/blobs/${digestOf('one')}`)).text()).toBe('one');
  const { downloadUrl = '' } = await ecr.send(
    new GetDownloadUrlForLayerCommand({ repositoryName: 'app', layerDigest: digestOf('one') }),
  );
  expect(await (await fetch(downloadUrl)).text()).toBe('one');
  await expect(
    ecr.send(new GetDownloadUrlForLayerCommand({ repositoryName: 'app', layerDigest: digestOf('two') })),
  ).rejects.toMatchObject({ name: 'LayersNotFoundException' });
});

test('a layer in one request, and one that is not what its digest says', async () => {
  expect((await v2('POST', `/v2/app/blobs/uploads/?digest=${digestOf('one')}`, { body: 'one' })).status).toBe(201);
  expect((await v2('HEAD', `/v2/app/blobs/${digestOf('one')}`)).headers.get('content-length')).toBe('3');
  const wrong = await v2('POST', `/v2/app/blobs/uploads/?digest=${digestOf('one')}`, { body: 'two' });
  expect(await errorOf(wrong)).toMatch(/^400 DIGEST_INVALID/);
  expect(await errorOf(await v2('PUT', `/v2/app/blobs/uploads/none?digest=${digestOf('x')}`))).toMatch(/^404 BLOB_UPL/);
  expect((await v2('HEAD', `/v2/fixed/blobs/${digestOf('one')}`)).status).toBe(404);
  // A mount is declined by an upload that begins.
  expect((await v2('POST', `/v2/fixed/blobs/uploads/?mount=${digestOf('one')}&from=app`)).status).toBe(202);
});

test('a manifest needs its layers, an index its images', async () => {
  const orphan = JSON.stringify({ schemaVersion: 2, mediaType: oci, config: { digest: digestOf('no') }, layers: [] });
  expect(await errorOf(await putManifest('app', 'v1', orphan))).toMatch(/^400 MANIFEST_BLOB_UNKNOWN: Layers with dig/);
  const put = (imageManifest: string, more = {}): Promise<unknown> =>
    ecr.send(new PutImageCommand({ repositoryName: 'app', imageManifest, imageTag: 'v1', ...more }));
  await expect(put(orphan)).rejects.toMatchObject({ name: 'LayersNotFoundException' });
  const child = await manifestOf('app', 'one');
  const list = JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: [{ digest: digestOf(child) }] });
  await expect(put(list)).rejects.toMatchObject({ name: 'ReferencedImagesNotFoundException' });
  await putManifest('app', digestOf(child), child);
  await put(list);
  await expect(put('no JSON')).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await expect(put(child.replace(`"mediaType":"${oci}",`, ''))).rejects.toMatchObject({
    name: 'InvalidParameterException',
  });
  await expect(put(child, { imageDigest: digestOf('no') })).rejects.toMatchObject({
    name: 'ImageDigestDoesNotMatchException',
  });
  const asked = { repositoryName: 'app', imageIds: [{ imageTag: 'v1' }] };
  const { failures } = await ecr.send(new BatchGetImageCommand({ ...asked, acceptedMediaTypes: [oci] }));
  expect(failures).toHaveLength(1);
  const { imageDetails } = await ecr.send(new DescribeImagesCommand(asked));
  expect(imageDetails).toMatchObject([{ imageTags: ['v1'], imageManifestMediaType: index, imageSizeInBytes: 15 }]);
});

test('tags: moved where they may be, refused where not, but for what is excluded', async () => {
  const put = (imageTag: string, imageManifest: string): Promise<unknown> =>
    ecr.send(new PutImageCommand({ repositoryName: 'fixed', imageTag, imageManifest }));
  const [one, two] = [await manifestOf('fixed', 'one'), await manifestOf('fixed', 'two')];
  await put('v1', one);
  await put('latest', one);
  await put('latest', two);
  await expect(put('latest', two)).rejects.toMatchObject({
    name: 'ImageAlreadyExistsException',
    message: `Image with digest '${digestOf(two)}' and tag 'latest' already exists in the repository with name 'fixed' in registry with id '123456789012'`,
  });
  for (const manifest of [one, two]) {
    await expect(put('v1', manifest)).rejects.toMatchObject({ name: 'ImageTagAlreadyExistsException' });
  }
  expect(await errorOf(await putManifest('fixed', 'v1', two))).toBe(
    "400 TAG_INVALID: The image tag 'v1' already exists in the 'fixed' repository and cannot be overwritten because the tag is immutable.",
  );
  expect((await putManifest('fixed', 'buildcache', one)).status).toBe(201);
  expect((await putManifest('fixed', 'buildcache', two)).status).toBe(201);
  const { imageDetails } = await ecr.send(
    new DescribeImagesCommand({
      repositoryName: 'fixed',
      imageIds: [{ imageTag: 'latest' }, { imageTag: 'buildcache' }],
    }),
  );
  expect(imageDetails).toMatchObject([{ imageDigest: digestOf(two), imageTags: ['latest', 'buildcache'] }]);
});

test('images are listed by pages, and by whether a tag names them', async () => {
  for (const name of ['one', 'two', 'three']) {
    const manifest = await manifestOf('app', name);
    await putManifest('app', name === 'two' ? digestOf(manifest) : name, manifest);
  }
  const list = async (more: object): Promise<(readonly string[])[]> => {
    const pages: (readonly string[])[] = [];
    for (let nextToken: string | undefined; ;) {
      const answer = await ecr.send(
        new DescribeImagesCommand({
          repositoryName: 'app',
          ...more,
          ...(nextToken === undefined ? {} : { nextToken }),
        }),
      );
      pages.push((answer.imageDetails ?? []).map(({ imageTags = [] }) => imageTags.join()));
      if (answer.nextToken === undefined) return pages;
      nextToken = answer.nextToken;
    }
  };
  expect(await list({ maxResults: 2 })).toEqual([['one', ''], ['three']]);
  expect(await list({ filter: { tagStatus: 'TAGGED' } })).toEqual([['one', 'three']]);
  expect(await list({ filter: { tagStatus: 'UNTAGGED' } })).toEqual([['']]);
  await expect(list({ imageIds: [{ imageTag: 'no' }] })).rejects.toMatchObject({
    name: 'ImageNotFoundException',
    message: `The image with imageId {imageDigest:'null', imageTag:'no'} does not exist within the repository with name 'app' in the registry with id '123456789012'`,
  });
});

test('repositories: missing, made with their settings, made twice; lifecycle policies', async () => {
  const repositoryName = 'team/new';
  const describe = { repositoryNames: [repositoryName] };
  const missing = `The repository with name 'team/new' does not exist in the registry with id '123456789012'`;
  await expect(ecr.send(new DescribeRepositoriesCommand(describe))).rejects.toMatchObject({
    name: 'RepositoryNotFoundException',
    message: missing,
  });
  expect(await errorOf(await v2('POST', '/v2/team/new/blobs/uploads/'))).toBe(`404 NAME_UNKNOWN: ${missing}`);
  const create = new CreateRepositoryCommand({
    repositoryName,
    imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
    imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'latest' }],
    imageScanningConfiguration: { scanOnPush: true },
  });
  const { repository } = await ecr.send(create);
  expect(repository).toMatchObject({
    repositoryUri: '123456789012.dkr.ecr.us-east-1.amazonaws.com/team/new',
    imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
    imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'latest' }],
    imageScanningConfiguration: { scanOnPush: true },
  });
  expect((await ecr.send(new DescribeRepositoriesCommand(describe))).repositories).toEqual([repository]);
  await expect(ecr.send(create)).rejects.toMatchObject({ name: 'RepositoryAlreadyExistsException' });
  await expect(ecr.send(new GetLifecyclePolicyCommand({ repositoryName }))).rejects.toMatchObject({
    name: 'LifecyclePolicyNotFoundException',
  });
  await ecr.send(new PutLifecyclePolicyCommand({ repositoryName, lifecyclePolicyText: '{"rules":[]}' }));
  expect(await ecr.send(new GetLifecyclePolicyCommand({ repositoryName }))).toMatchObject({
    lifecyclePolicyText: '{"rules":[]}',
  });
});

test('scans: none, started, and what a test says', async () => {
  const manifest = await manifestOf('app', 'one');
  await putManifest('app', 'v1', manifest);
  const id = { repositoryName: 'app', imageId: { imageDigest: digestOf(manifest) } };
  const findings = new DescribeImageScanFindingsCommand(id);
  await expect(ecr.send(findings)).rejects.toMatchObject({ name: 'ScanNotFoundException' });
  await ecr.send(new StartImageScanCommand(id));
  expect((await ecr.send(findings)).imageScanStatus?.status).toBe('COMPLETE');
  registry.scan = ({ operation, poll, started }) =>
    operation === 'StartImageScan'
      ? { __type: 'LimitExceededException', message: 'once a day' }
      : { imageScanStatus: { status: 'ACTIVE', description: `${poll} ${started}` } };
  expect((await ecr.send(findings)).imageScanStatus).toMatchObject({ status: 'ACTIVE', description: '2 true' });
  await expect(ecr.send(new StartImageScanCommand(id))).rejects.toMatchObject({ name: 'LimitExceededException' });
  await expect(
    ecr.send(new StartImageScanCommand({ ...id, imageId: { imageDigest: digestOf('no') } })),
  ).rejects.toMatchObject({ name: 'ImageNotFoundException' });
});

test('without a token, with a wrong one and with one that expired', async () => {
  const anonymous = await fetch(`${registry.endpoint}/v2/`);
  expect([anonymous.status, anonymous.headers.get('www-authenticate')]).toEqual([
    401,
    `Basic realm="${registry.endpoint}/",service="ecr.amazonaws.com"`,
  ]);
  expect((await v2('GET', '/v2/')).status).toBe(200);
  registry.expires = ({ number, uses, call }) => number === 1 && uses > 1 && call.operation === 'POST upload';
  expect((await v2('GET', '/v2/')).status).toBe(200);
  expect(await errorOf(await v2('POST', '/v2/app/blobs/uploads/'))).toBe(
    '403 DENIED: Your authorization token has expired. Reauthenticate and try again.',
  );
  // For good, whatever is asked.
  expect((await v2('GET', '/v2/')).status).toBe(403);
  basic = await newToken();
  expect((await v2('POST', '/v2/app/blobs/uploads/')).status).toBe(202);
  expect(registry.tokens).toHaveLength(2);
  basic = Buffer.from('AWS:guess').toString('base64');
  expect((await v2('GET', '/v2/')).status).toBe(401);
});

test('faults: refused once, answer lost after the deed, never begun; and what was counted', async () => {
  const manifest = await manifestOf('app', 'one');
  registry.forget();
  registry.breakNext(/^PUT manifest v1$/, undefined, {
    error: 'TOOMANYREQUESTS',
    status: 429,
    message: 'Rate exceeded',
  });
  expect((await putManifest('app', 'v1', manifest)).status).toBe(201);
  expect(await errorOf(await putManifest('app', 'v1', manifest))).toBe('429 TOOMANYREQUESTS: Rate exceeded');
  expect((await putManifest('app', 'v1', manifest)).status).toBe(201);

  registry.breakNext(/^PutImage v2$/, { drop: 'after' });
  await expect(
    ecr.send(new PutImageCommand({ repositoryName: 'app', imageTag: 'v2', imageManifest: manifest })),
  ).rejects.toMatchObject({ name: 'ImageAlreadyExistsException' });
  const seen: string[] = [];
  registry.fault = ({ operation, index: at }) =>
    operation === 'HEAD manifest' ? { drop: 'before', run: () => void seen.push(`${at}`) } : undefined;
  await expect(v2('HEAD', '/v2/app/manifests/v1')).rejects.toThrow('fetch failed');
  expect(seen).toEqual(['5']);
  expect(registry.counts()).toEqual({ 'PUT manifest': 3, PutImage: 2, 'HEAD manifest': 1 });
  expect(registry.counts('ecr')).toEqual({ PutImage: 2 });
  expect(registry.log.map(({ status }) => status)).toEqual([201, 429, 201, 0, 400, 0]);
  expect(registry.traffic().in).toBe(manifest.length * 2);
  registry.forget();
  expect((await v2('HEAD', '/v2/app/manifests/v1')).status).toBe(200);
});

test('a snapshot is restored whole', async () => {
  const before = registry.store.snapshot();
  await putManifest('app', 'v1', await manifestOf('app', 'one'));
  registry.store.remove('fixed');
  registry.store.restore(before);
  const { tags, images, blobs } = registry.repository('app');
  expect([tags.size, images.size, blobs.size]).toEqual([0, 0, 0]);
  expect(registry.repository('fixed').settings.mutability).toBe('IMMUTABLE_WITH_EXCLUSION');
});
