import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateRepositoryCommand, ECRClient } from '@aws-sdk/client-ecr';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { imageRegistry, type ImageRegistry, type RegistryImage } from '../../shared/aws/ecr.ts';
import { sdkConfig, type SdkConfig } from '../../shared/aws/sdk-config.ts';
import { sha256 } from '../../shared/core/hash.ts';
import { ScriptedRegistry } from '../kit/scripted-registry.ts';

const config = (): SdkConfig =>
  sdkConfig(
    { region: 'us-east-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 },
    { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
  );

function image(content: string): RegistryImage {
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { content },
  });
  return {
    digest: `sha256:${sha256(manifest)}`,
    manifest,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    tags: [],
    pushedAt: undefined,
    sizeBytes: undefined,
    registryId: '101010101010',
  };
}

describe('against the emulator', () => {
  let ecr: ImageRegistry;
  beforeAll(() => {
    // An account of this file's own.
    process.env['AWS_ACCESS_KEY_ID'] = '101010101010';
    ecr = imageRegistry(config());
  });

  test('a repository is created once, scans on push, and is found', async () => {
    expect(await ecr.repository('fresh')).toBeUndefined();
    const { repository: created, isNew } = await ecr.createRepository('fresh', ['latest']);
    expect(isNew).toBe(true);
    expect(created).toMatchObject({
      name: 'fresh',
      registryId: '101010101010',
      uri: '101010101010.dkr.ecr.us-east-1.amazonaws.com/fresh',
      scanOnPush: true,
    });
    expect(await ecr.repository('fresh')).toEqual(created);
    // Another run was first: that is no failure.
    expect(await ecr.createRepository('fresh', ['latest'])).toEqual({ repository: created, isNew: false });
  });

  test('the token is a user name and a password for docker', async () => {
    const { username, password, basic } = await ecr.login();
    expect(username).toBe('AWS');
    expect(password.length).toBeGreaterThan(5);
    expect(Buffer.from(basic, 'base64').toString()).toBe(`${username}:${password}`);
  });

  test('a tag put by manifest names the same bytes; every tag is told with its own image', async () => {
    await ecr.createRepository('tags', ['*']);
    const [one, two] = [image('one'), image('two')];
    expect(await ecr.images('tags', ['a', 'b'])).toEqual({ images: new Map(), archived: new Set() });
    await ecr.tag('tags', 'a', one);
    await ecr.tag('tags', 'b', one);
    await ecr.tag('tags', 'b', two);
    await ecr.tag('tags', 'c', one);
    const found = (await ecr.images('tags', ['b', 'missing', 'a', 'c']))?.images;
    expect([...(found ?? [])].map(([tag, { digest }]) => [tag, digest]).sort()).toEqual([
      ['a', one.digest],
      ['b', two.digest],
      ['c', one.digest],
    ]);
    expect(found?.get('a')).toMatchObject({ manifest: one.manifest, mediaType: one.mediaType, tags: ['a', 'c'] });
    expect(found?.get('a')?.pushedAt).toBeGreaterThan(Date.now() - 60_000);
  });

  test('no repository, no images; no policy, no rules', async () => {
    expect(await ecr.images('nowhere', ['a'])).toBeUndefined();
    await ecr.createRepository('rules', ['*']);
    expect(await ecr.lifecyclePolicy('rules')).toBeUndefined();
    await ecr.keepNewest('rules', 'src-*', 7);
    expect(JSON.parse((await ecr.lifecyclePolicy('rules')) ?? '')).toMatchObject({
      rules: [
        { selection: { tagStatus: 'untagged', countType: 'sinceImagePushed', countNumber: 7 } },
        { selection: { tagPatternList: ['src-*'], countType: 'imageCountMoreThan', countNumber: 7 } },
      ],
    });
  });

  test('all images, with all their tags, page by page; more than the limit are none', async () => {
    await ecr.createRepository('stock', ['*']);
    for (const name of ['one', 'two', 'three']) await ecr.tag('stock', name, image(name));
    await ecr.tag('stock', 'again', image('one'));
    const listed = (await ecr.allImages('stock', 3)) ?? [];
    expect(listed.map(({ tags }) => [...tags].sort().join()).sort()).toEqual(['again,one', 'three', 'two']);
    expect(listed[0]).toMatchObject({ digest: expect.stringMatching(/^sha256:/), pushedAt: expect.any(Number) });
  });

  test('manifests by their digests; what is not there is left out', async () => {
    await ecr.createRepository('children', ['*']);
    const [one, two] = [image('one'), image('two')];
    await ecr.tag('children', 'a', one);
    expect(await ecr.manifests('children', [one.digest, two.digest])).toEqual(new Map([[one.digest, one.manifest]]));
  });

  test('an immutable tag is not moved', async () => {
    await new ECRClient(config()).send(
      new CreateRepositoryCommand({ repositoryName: 'fixed', imageTagMutability: 'IMMUTABLE' }),
    );
    expect(await ecr.repository('fixed')).toMatchObject({
      tags: { mutable: false, exclusions: [] },
      scanOnPush: false,
    });
    await ecr.tag('fixed', 'v1', image('one'));
    await expect(ecr.tag('fixed', 'v1', image('two'))).rejects.toMatchObject({
      code: 'ImageTagAlreadyExistsException',
      operation: 'PutImage',
    });
  });
});

describe('against answers that the emulator does not give', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  interface Seen {
    readonly operation: string;
    readonly body: Readonly<Record<string, unknown>>;
  }

  /** Answers every operation with the next of its scripted answers; an error is named by its code. */
  async function script(answers: Readonly<Record<string, readonly (string | object)[]>>, registryId?: string) {
    const left = new Map(Object.entries(answers).map(([operation, list]) => [operation, [...list]]));
    const seen: Seen[] = [];
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (data: Buffer) => (text += data.toString()));
      request.on('end', () => {
        const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
        seen.push({ operation, body: JSON.parse(text) as Record<string, unknown> });
        const answer = left.get(operation)?.shift() ?? 'NotScripted';
        const failed = typeof answer === 'string';
        response.writeHead(failed ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
        response.end(JSON.stringify(failed ? { __type: answer, message: answer } : answer));
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 'b' });
    return { seen, ecr: imageRegistry({ ...config(), endpoint, credentials } as SdkConfig, registryId) };
  }

  const repository = (more: object) => ({ repositories: [{ repositoryName: 'app', ...more }] });

  test.each([
    [{}, { mutable: true, exclusions: [] }],
    [{ imageTagMutability: 'IMMUTABLE' }, { mutable: false, exclusions: [] }],
    [
      {
        imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
        imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'latest*' }],
      },
      { mutable: false, exclusions: ['latest*'] },
    ],
    [
      {
        imageTagMutability: 'MUTABLE_WITH_EXCLUSION',
        imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'v*' }],
      },
      { mutable: true, exclusions: ['v*'] },
    ],
    // Filters that are not told: no tag can be said to be fixed.
    [{ imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION' }, { mutable: true, exclusions: [] }],
  ])('mutability %j', async (settings, tags) => {
    const { ecr } = await script({ DescribeRepositories: [repository(settings)] });
    expect(await ecr.repository('app')).toMatchObject({ tags });
  });

  test('another account’s registry is named in every call', async () => {
    const { ecr, seen } = await script(
      {
        DescribeRepositories: [repository({})],
        BatchGetImage: [{ images: [], failures: [{ failureCode: 'ImageNotFound', imageId: { imageTag: 'a' } }] }],
        PutImage: [{}],
      },
      '210987654321',
    );
    await ecr.repository('app');
    await ecr.images('app', ['a']);
    await ecr.tag('app', 'a', image('one'));
    expect(seen.map(({ operation, body }) => [operation, body['registryId']])).toEqual([
      ['DescribeRepositories', '210987654321'],
      ['BatchGetImage', '210987654321'],
      ['PutImage', '210987654321'],
    ]);
    expect(seen[2]?.body).toMatchObject({ imageDigest: image('one').digest, imageManifest: image('one').manifest });
    expect(seen[1]?.body['acceptedMediaTypes']).toContain('application/vnd.oci.image.index.v1+json');
  });

  test('a new repository is immutable but for the tags that move', async () => {
    const { ecr, seen } = await script({ CreateRepository: [{ repository: {} }] });
    await ecr.createRepository('app', ['latest', 'branch-*']);
    expect(seen[0]?.body).toMatchObject({
      imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
      imageTagMutabilityExclusionFilters: [
        { filterType: 'WILDCARD', filter: 'latest' },
        { filterType: 'WILDCARD', filter: 'branch-*' },
      ],
      imageScanningConfiguration: { scanOnPush: true },
    });
  });

  test('of an index that lists more images than one call takes, the first hundred', async () => {
    const { ecr, seen } = await script({ BatchGetImage: [{ images: [] }] });
    const digests = Array.from({ length: 101 }, (_, index) => `sha256:${String(index).padStart(64, '0')}`);
    expect(await ecr.manifests('app', digests)).toEqual(new Map());
    expect(seen[0]?.body['imageIds']).toHaveLength(100);
  });

  test('a creation whose answer was lost made the repository', async () => {
    const registry = await ScriptedRegistry.start();
    try {
      const credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 'b' });
      const ecr = imageRegistry({ ...config(), endpoint: registry.endpoint, credentials } as SdkConfig);
      registry.breakNext(/^CreateRepository/, { drop: 'after' });
      expect((await ecr.createRepository('app', [])).isNew).toBe(true);
      expect((await ecr.createRepository('app', [])).isNew).toBe(false);
    } finally {
      await registry.stop();
    }
  });

  test('the same manifest under the same tag again is no failure, and no change', async () => {
    const { ecr } = await script({ PutImage: ['ImageAlreadyExistsException'] });
    expect(await ecr.tag('app', 'a', image('one'))).toBe(false);
  });

  test.each(['MUTABLE', 'IMMUTABLE'] as const)(
    'a put whose answer was lost gave the tag, and is no put of another run: %s',
    async (mutability) => {
      const registry = await ScriptedRegistry.start({ repositories: { app: { mutability } } });
      try {
        const credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 'b' });
        const ecr = imageRegistry({ ...config(), endpoint: registry.endpoint, credentials } as SdkConfig);
        const empty = image('one');
        const manifest = JSON.stringify({ schemaVersion: 2, mediaType: empty.mediaType, layers: [] });
        const one = { ...empty, manifest, digest: `sha256:${sha256(manifest)}` };
        expect(await ecr.tag('app', 'a', one)).toBe(true);
        registry.breakNext(/^PutImage b/, { drop: 'after' });
        const lost = ecr.tag('app', 'b', one);
        if (mutability === 'MUTABLE') expect(await lost).toBe(true);
        else await expect(lost).rejects.toMatchObject({ code: 'ImageTagAlreadyExistsException', attempts: 2 });
        if (mutability === 'MUTABLE') expect(await ecr.tag('app', 'b', one)).toBe(false);
        else await expect(ecr.tag('app', 'b', one)).rejects.toMatchObject({ attempts: 1 });
      } finally {
        await registry.stop();
      }
    },
  );

  test('bytes that are not their digest’s are refused', async () => {
    const { digest } = image('one');
    const { ecr } = await script({
      BatchGetImage: [{ images: [{ imageId: { imageDigest: digest, imageTag: 'a' }, imageManifest: '{}' }] }],
      DescribeImages: [{ imageDetails: [{ imageDigest: digest, imageTags: ['a'] }] }],
    });
    await expect(ecr.images('app', ['a'])).rejects.toMatchObject({ code: 'DigestMismatch', fault: 'cloud' });
  });

  test('all images, page by page; of more than the limit, none', async () => {
    const page = (name: string, nextToken?: string) => ({
      imageDetails: [{ imageDigest: image(name).digest, imageTags: [name] }],
      nextToken,
    });
    const { ecr, seen } = await script({ DescribeImages: [page('a', 'more'), page('b')] });
    expect((await ecr.allImages('app', 10))?.map(({ tags }) => tags)).toEqual([['a'], ['b']]);
    expect(seen.map(({ body }) => body)).toMatchObject([{ maxResults: 10 }, { nextToken: 'more' }]);
    const { ecr: full } = await script({ DescribeImages: [page('a', 'more'), page('b', 'more')] });
    expect(await full.allImages('app', 2)).toBeUndefined();
  });

  test('a tag that another run moves while it is read is read again', async () => {
    const [one, two] = [image('one'), image('two')];
    const got = ({ digest, manifest }: RegistryImage) => ({
      images: [{ imageId: { imageDigest: digest, imageTag: 'a' }, imageManifest: manifest }],
    });
    const described = { imageDetails: [{ imageDigest: two.digest, imageTags: ['a'] }] };
    const { ecr, seen } = await script({
      BatchGetImage: [got(one), got(one), got(two)],
      DescribeImages: [described, 'ImageNotFoundException', described],
    });
    expect((await ecr.images('app', ['a']))?.images.get('a')).toMatchObject({
      digest: two.digest,
      manifest: two.manifest,
    });
    expect(seen).toHaveLength(6);
  });

  test('an image that cannot be read for another reason than absence is no absence', async () => {
    const { ecr } = await script({
      BatchGetImage: [{ failures: [{ failureCode: 'KmsError', failureReason: 'key', imageId: { imageTag: 'a' } }] }],
    });
    await expect(ecr.images('app', ['a'])).rejects.toMatchObject({ code: 'KmsError' });
  });

  test('an image in the archive: its tag is taken, and it is none that could be used', async () => {
    const one = image('one');
    const { ecr, seen } = await script({
      BatchGetImage: [
        {
          images: [{ imageId: { imageDigest: one.digest, imageTag: 'b' }, imageManifest: one.manifest }],
          failures: [{ failureCode: 'ImageInaccessible', failureReason: 'archived', imageId: { imageTag: 'a' } }],
        },
      ],
      DescribeImages: [{ imageDetails: [{ imageDigest: one.digest, imageTags: ['b'] }] }],
    });
    const found = await ecr.images('app', ['a', 'b', 'c']);
    expect([...(found?.images.keys() ?? [])]).toEqual(['b']);
    expect(found?.archived).toEqual(new Set(['a']));
    expect(seen[1]?.body['imageIds']).toEqual([{ imageTag: 'b' }, { imageTag: 'c' }]);
  });

  test('a token that is none', async () => {
    const { ecr } = await script({ GetAuthorizationToken: [{ authorizationData: [{ authorizationToken: 'eA==' }] }] });
    await expect(ecr.login()).rejects.toMatchObject({ code: 'UnreadableToken' });
  });
});
