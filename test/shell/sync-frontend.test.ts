import { describe, expect, test } from '@jest/globals';
import { syncFrontend } from '../../actions/sync-frontend/src/sync.ts';
import type { PublishInputs } from '../../actions/sync-frontend/src/inputs.ts';
import { ActionError } from '../../shared/core/errors.ts';
import { markerPath, parseState, statePath } from '../../shared/core/release.ts';
import {
  checkInputs,
  FakeBucket,
  md5,
  portsOn,
  publishInputs,
  refused,
  rollbackInputs,
  type Site,
} from './sync-frontend.fakes.ts';

const v1: Site = {
  'index.html': '<script src="/assets/app-aaaa1111.js">',
  'docs/index.html': '<script src="/assets/docs-bbbb2222.js">',
  'assets/app-aaaa1111.js': 'app 1',
  'assets/docs-bbbb2222.js': 'docs 1',
  'assets/same-cccc3333.js': 'same',
  'robots.txt': 'robots 1',
};
const v2: Site = {
  'index.html': '<script src="/assets/app-dddd4444.js">',
  'news/index.html': '<script src="/assets/app-dddd4444.js">',
  'assets/app-dddd4444.js': 'app 2',
  'assets/same-cccc3333.js': 'same',
  'robots.txt': 'robots 2',
};

const publish = (bucket: FakeBucket, site: Site, changes: Partial<PublishInputs> = {}) =>
  syncFrontend(publishInputs(changes), portsOn(bucket, site));

async function published(...sites: readonly Site[]): Promise<FakeBucket> {
  const bucket = new FakeBucket();
  for (const [index, site] of sites.entries()) await publish(bucket, site, { releaseId: `r${index + 1}` });
  bucket.log.length = 0;
  return bucket;
}

const changedPaths = (outputs: Readonly<Record<string, string>>): readonly string[] =>
  JSON.parse(outputs['changed-paths'] ?? 'null') as string[];

/** What a viewer gets of the site. */
const served = (bucket: FakeBucket): Site =>
  Object.fromEntries(
    bucket.keys.filter((key) => !key.includes('.releases/')).map((key) => [key, bucket.content(key)!]),
  );

describe('publishing', () => {
  test('sends assets, then files, then pages, the root page last, then the record', async () => {
    const bucket = new FakeBucket();
    const { outputs } = await publish(bucket, v1);
    expect(bucket.log).toEqual([
      'read .releases/state.json',
      'list ',
      'upload assets/app-aaaa1111.js',
      'upload assets/docs-bbbb2222.js',
      'upload assets/same-cccc3333.js',
      'upload robots.txt',
      'upload docs/index.html',
      'upload index.html',
      'write .releases/state.json',
    ]);
    expect(outputs).toMatchObject({ changed: 'true', uploaded: '6', deleted: '0', unchanged: '0', published: 'true' });
    expect(changedPaths(outputs)).toEqual(['/', '/docs', '/docs/', '/docs/index.html', '/index.html', '/robots.txt']);
  });

  test('a rerun writes nothing and says the same', async () => {
    const bucket = new FakeBucket();
    const first = await publish(bucket, v1);
    bucket.log.length = 0;
    const again = await publish(bucket, v1, { releaseId: 'another commit, same content' });
    expect(bucket.log).toEqual(['read .releases/state.json', 'list ']);
    expect(again.outputs).toMatchObject({ changed: 'false', uploaded: '0', unchanged: '6', 'release-id': 'r1' });
    for (const name of ['changed-paths', 'publication']) expect(again.outputs[name]).toBe(first.outputs[name]);
  });

  test('of a new version sends what changed, keeps what open tabs ask for, deletes pages last', async () => {
    const bucket = await published(v1);
    const { outputs } = await publish(bucket, v2, { releaseId: 'r2' });
    expect(bucket.writes.map((line) => line.replace(/bodies\/\w+/, 'bodies/…'))).toEqual([
      'copy index.html .releases/bodies/…',
      'copy docs/index.html .releases/bodies/…',
      'upload assets/app-dddd4444.js',
      'upload robots.txt',
      'upload news/index.html',
      'upload index.html',
      'write .releases/state.json',
      'remove docs/index.html',
    ]);
    expect(served(bucket)).toEqual({ ...v2, 'assets/app-aaaa1111.js': 'app 1', 'assets/docs-bbbb2222.js': 'docs 1' });
    // Carried over: nobody confirmed the first publication's.
    expect(changedPaths(outputs)).toContain('/docs/');
    expect(outputs).toMatchObject({ uploaded: '4', deleted: '1', unchanged: '1' });
  });

  test('a same-size edit of one byte is sent, new times alone are not', async () => {
    const bucket = await published(v1);
    await publish(bucket, { ...v1, 'robots.txt': 'robots 7' });
    expect(bucket.writes.filter((line) => line.startsWith('upload'))).toEqual(['upload robots.txt']);
  });

  test('confirmed paths are not carried over, and new hashed assets need none', async () => {
    const bucket = new FakeBucket();
    const first = await publish(bucket, v1);
    bucket.place(
      markerPath({
        publication: first.outputs['publication']!,
        paths: changedPaths(first.outputs),
        distributionId: 'E1',
      }),
      'I1',
    );
    const { outputs } = await publish(bucket, { ...v1, 'assets/more-eeee5555.js': 'x', 'robots.txt': 'robots 2' });
    expect(changedPaths(outputs)).toEqual(['/robots.txt']);
  });

  test('assets go once enough newer releases exist', async () => {
    const bucket = await published(v1, v2);
    const site = (n: number): Site => ({ ...v2, 'robots.txt': `robots ${n}` });
    await publish(bucket, site(3));
    expect(bucket.keys).toContain('assets/app-aaaa1111.js');
    await publish(bucket, site(4));
    expect(bucket.keys).not.toContain('assets/app-aaaa1111.js');
    expect(bucket.keys).toContain('assets/app-dddd4444.js');
  });

  test('what include and exclude leave out is neither published nor deleted, dotfiles likewise', async () => {
    const bucket = await published(v1);
    bucket.place('uploads/photo.jpg', 'x');
    bucket.place('.htaccess', 'x');
    bucket.place('by-hand.txt', 'x');
    const { outputs } = await publish(
      bucket,
      { ...v1, '.env': 'secret', '.well-known/security.txt': 'y', 'a.map': 'm' },
      {
        exclude: ['uploads/**', '*.map'],
      },
    );
    expect(outputs).toMatchObject({ uploaded: '1', deleted: '1' });
    expect(bucket.keys).toEqual(expect.arrayContaining(['uploads/photo.jpg', '.htaccess', '.well-known/security.txt']));
    expect(bucket.keys).not.toEqual(expect.arrayContaining(['.env']));
    expect(bucket.keys).not.toEqual(expect.arrayContaining(['by-hand.txt']));
  });

  test('knows its prefix from its neighbour, and a site inside a site', async () => {
    const bucket = new FakeBucket();
    bucket.place('app-2/index.html', 'other');
    await publish(bucket, v1, { prefix: 'app/', basePath: '/app/' });
    expect(bucket.log).toContain('list app/');
    expect(bucket.content('app/index.html')).toBe(v1['index.html']);
    expect(bucket.keys).toContain('app/.releases/state.json');
    const again = await publish(bucket, v1, { prefix: 'app/', basePath: '/app/' });
    expect(again.outputs).toMatchObject({ changed: 'false', unchanged: '6' });
    const around = await publish(bucket, { 'index.html': 'home' });
    expect(around.outputs).toMatchObject({ deleted: '1' });
    expect(bucket.keys.filter((key) => key.startsWith('app-2/'))).toEqual([]);
    expect(bucket.content('app/index.html')).toBe(v1['index.html']);
    await expect(publish(bucket, { 'index.html': 'home', 'app/x.txt': '' })).rejects.toThrow(
      'the folder app/ holds a site',
    );
  });

  test('takes over a bucket that another tool filled: open tabs and a rollback still find it', async () => {
    const bucket = new FakeBucket();
    for (const [key, content] of Object.entries(v1)) bucket.place(key, content);
    const { outputs } = await publish(bucket, v2);
    expect(outputs).toMatchObject({ uploaded: '4', 'headers-changed': '1', deleted: '1' });
    expect(bucket.keys).toContain('assets/app-aaaa1111.js');
    await syncFrontend(rollbackInputs('previous'), portsOn(bucket, {}));
    expect(served(bucket)).toMatchObject(v1);
  });
});

describe('headers', () => {
  test('change without a body, after a note that they are about to', async () => {
    const bucket = await published(v1);
    const { outputs } = await publish(bucket, v1, { cacheControl: new Map([['robots.txt', 'max-age=5']]) });
    expect(bucket.writes).toEqual([
      'write .releases/state.json',
      'copy robots.txt robots.txt',
      'write .releases/state.json',
    ]);
    expect(bucket.objects.get('robots.txt')?.headers?.cacheControl).toBe('max-age=5');
    expect(outputs).toMatchObject({ uploaded: '0', 'headers-changed': '1', bytes: '0' });
    expect(changedPaths(outputs)).toContain('/robots.txt');
  });

  test('that a killed run may have changed are set again, also by the version before', async () => {
    const bucket = await published(v1);
    bucket.after = (request) => {
      if (request.startsWith('copy robots.txt')) throw new Error('killed');
    };
    await expect(publish(bucket, v1, { cacheControl: new Map([['robots.txt', 'max-age=5']]) })).rejects.toThrow(
      'killed',
    );
    bucket.after = () => undefined;
    await publish(bucket, v1);
    expect(bucket.objects.get('robots.txt')?.headers?.cacheControl).toBe('no-cache');
  });
});

describe('what somebody did to the bucket by hand', () => {
  test('a removed asset and a changed page are repaired, under a new publication of the same release', async () => {
    const bucket = await published(v1);
    bucket.objects.delete('assets/app-aaaa1111.js');
    bucket.place('index.html', 'hacked, but of another length');
    const { outputs } = await publish(bucket, v1, { releaseId: 'r9' });
    expect(served(bucket)).toEqual(v1);
    expect(outputs).toMatchObject({ uploaded: '2', 'release-id': 'r1' });
    expect(outputs['publication']).toMatch(/^2-/);
    expect(changedPaths(outputs)).toEqual(expect.arrayContaining(['/', '/assets/app-aaaa1111.js']));
  });

  test('a changed file of the same size is found by its ETag', async () => {
    const bucket = await published(v1);
    bucket.place('robots.txt', 'robots X');
    await publish(bucket, v1);
    expect(bucket.content('robots.txt')).toBe('robots 1');
  });

  test('with ETags that are no hashes, the record still tells changed from unchanged', async () => {
    const bucket = new FakeBucket();
    bucket.opaqueEtags = true;
    await publish(bucket, v1);
    bucket.log.length = 0;
    await publish(bucket, v1);
    expect(bucket.writes).toEqual([]);
    await publish(bucket, { ...v1, 'robots.txt': 'robots 2' });
    expect(bucket.writes.filter((line) => line.startsWith('upload'))).toEqual(['upload robots.txt']);
  });

  test('a second publish at the same time is found out', async () => {
    const bucket = await published(v1);
    bucket.before = (request) => {
      if (request === 'upload index.html') bucket.place(statePath, bucket.content(statePath)!.replace('r1', 'rX'));
    };
    const { failure, outputs } = await publish(bucket, v2);
    expect(failure?.code).toBe('ConcurrentPublish');
    expect(outputs).toMatchObject({ published: 'false', publication: '', 'changed-paths': '[]' });
  });
});

describe('a failure in the middle', () => {
  test('of an asset: no page, no deletion, no record, red, and a rerun finishes', async () => {
    const bucket = await published(v1);
    bucket.before = (request) => {
      if (request === 'upload assets/app-dddd4444.js') throw refused('AccessDenied', 403);
    };
    const before = served(bucket);
    const { failure, outputs, summary } = await publish(bucket, v2);
    expect(failure?.code).toBe('AccessDenied');
    expect(served(bucket)).toEqual(before);
    expect(outputs).toMatchObject({ changed: 'true', uploaded: '0', deleted: '0', published: 'false' });
    expect(summary).toContain('every page is as it was');
    bucket.before = () => undefined;
    expect((await publish(bucket, v2)).failure).toBeUndefined();
    expect(served(bucket)).toMatchObject(v2);
  });

  test('of a deletion: the release is served and on record, red, and a rerun deletes', async () => {
    const bucket = await published(v1);
    bucket.before = (request) => {
      if (request.startsWith('remove')) throw refused('SlowDown', 503);
    };
    const first = await publish(bucket, v2);
    expect(first.failure?.code).toBe('SlowDown');
    expect(first.outputs['publication']).toMatch(/^2-/);
    bucket.before = () => undefined;
    const again = await publish(bucket, v2);
    expect(again.outputs).toMatchObject({ uploaded: '0', deleted: '1' });
    expect(again.outputs['publication']).toMatch(/^3-/);
  });

  test('cancelled: stops, says so, and reports what was done', async () => {
    const bucket = new FakeBucket();
    const cancelled = new AbortController();
    bucket.after = (request) => {
      if (request === 'upload robots.txt') cancelled.abort(new ActionError('Cancelled', 'the run was cancelled'));
    };
    const { failure, outputs } = await syncFrontend(publishInputs(), {
      ...portsOn(bucket, v1),
      signal: cancelled.signal,
    });
    expect(failure?.code).toBe('Cancelled');
    expect(outputs).toMatchObject({ uploaded: '4', published: 'false' });
    expect(bucket.keys).not.toContain('index.html');
  });
});

describe('killed before or after any request', () => {
  const dangling = (bucket: FakeBucket): readonly string[] =>
    bucket.keys
      .filter((key) => key.endsWith('.html'))
      .flatMap((key) => [...bucket.content(key)!.matchAll(/src="\/([^"]+)"/g)].map((match) => match[1]!))
      .filter((key) => !bucket.objects.has(key));

  const moments = ['before', 'during', 'after'] as const;
  const kill = (index: number, moment: (typeof moments)[number]) => async (start: FakeBucket, site: Site) => {
    const bucket = start.copyOf();
    const die = (at: number): void => {
      if (at === index) throw new Error('killed');
    };
    if (moment === 'during') bucket.during = die;
    else bucket[moment] = (_request, at) => die(at);
    await expect(publish(bucket, site, { releaseId: 'r2', retainReleases: 1 })).rejects.toThrow('killed');
    return bucket;
  };

  test.each([
    ['v1 to v2', v1, v2],
    ['v2 to v1', v2, v1],
    ['nothing to v1', undefined, v1],
  ] as const)('%s: no page refers to what is not there, and a rerun finishes', async (_name, from, to) => {
    const start = from === undefined ? new FakeBucket() : await published(from);
    const whole = start.copyOf();
    const { outputs: wanted } = await publish(whole, to, { releaseId: 'r2', retainReleases: 1 });
    expect(whole.writes.length).toBeGreaterThan(5);
    for (let index = 0; index < whole.writes.length; index += 1) {
      for (const moment of moments) {
        if (moment === 'during' && !whole.writes[index]!.startsWith('remove')) continue;
        const bucket = await kill(index, moment)(start, to);
        expect([index, moment, dangling(bucket)]).toEqual([index, moment, []]);
        bucket.before = bucket.after = bucket.during = () => undefined;
        const { outputs } = await publish(bucket, to, { releaseId: 'r2', retainReleases: 1 });
        expect(dangling(bucket)).toEqual([]);
        expect(served(bucket)).toEqual(served(whole));
        // Whatever the killed run changed under the viewer is named by the one that finishes.
        expect(changedPaths(outputs)).toEqual(expect.arrayContaining([...changedPaths(wanted)]));
      }
    }
  });
});

describe('rollback', () => {
  test('brings the previous release back byte for byte, and the same run again changes nothing', async () => {
    const bucket = await published(v1, v2);
    const state = parseState(bucket.content(statePath)!);
    bucket.place(
      markerPath({
        publication: `2-${state.releases[0]!.content.slice(0, 16)}`,
        paths: state.paths,
        distributionId: 'E1',
      }),
      'I2',
    );
    const { outputs } = await syncFrontend(rollbackInputs('previous'), portsOn(bucket, {}));
    expect(served(bucket)).toEqual({ ...v1, 'assets/app-dddd4444.js': 'app 2' });
    expect(outputs).toMatchObject({ 'release-id': 'r1', uploaded: '3', deleted: '1', bytes: '8' });
    expect(outputs['publication']).toMatch(/^3-/);
    expect(changedPaths(outputs)).toEqual([
      '/',
      '/docs',
      '/docs/',
      '/docs/index.html',
      '/index.html',
      '/news',
      '/news/',
      '/news/index.html',
      '/robots.txt',
    ]);
    bucket.log.length = 0;
    const again = await syncFrontend(rollbackInputs('previous'), portsOn(bucket, {}));
    expect(bucket.writes).toEqual([]);
    expect(again.outputs['publication']).toBe(outputs['publication']);
  });

  test('then the newer commit again is a new publication, as is A, B, A', async () => {
    const bucket = await published(v1, v2);
    const back = await syncFrontend(rollbackInputs('r1'), portsOn(bucket, {}));
    const forth = await publish(bucket, v2, { releaseId: 'r2' });
    expect(served(bucket)).toMatchObject(v2);
    const publications = [back, forth].map(({ outputs }) => outputs['publication']);
    expect(publications).toEqual([expect.stringMatching(/^3-/), expect.stringMatching(/^4-/)]);
  });

  test('another run goes back one more', async () => {
    const v3 = { ...v2, 'robots.txt': 'robots 3' };
    const bucket = await published(v1, v2, v3);
    await syncFrontend(rollbackInputs('previous', { runId: 'a' }), portsOn(bucket, {}));
    expect(served(bucket)).toMatchObject(v2);
    await syncFrontend(rollbackInputs('previous', { runId: 'b' }), portsOn(bucket, {}));
    expect(served(bucket)).toMatchObject(v1);
  });

  test('refuses what it cannot restore, before any write', async () => {
    const bucket = await published(v1, v2);
    bucket.objects.delete('assets/app-aaaa1111.js');
    await expect(syncFrontend(rollbackInputs('previous'), portsOn(bucket, {}))).rejects.toThrow(
      '1 of the 6 files of release r1 are no longer in the bucket: assets/app-aaaa1111.js',
    );
    await expect(syncFrontend(rollbackInputs('r7'), portsOn(bucket, {}))).rejects.toThrow(
      'kept are: r2 (served now), r1',
    );
    await expect(syncFrontend(rollbackInputs('previous'), portsOn(new FakeBucket(), {}))).rejects.toThrow(
      'nothing was published here yet',
    );
    expect(bucket.writes).toEqual([]);
  });
});

describe('refused before any write', () => {
  test('deleting more than max-delete-percent, with the override named', async () => {
    const bucket = await published(v1);
    for (let n = 0; n < 20; n += 1) bucket.place(`old-${n}.txt`, 'x');
    const attempt = publish(bucket, v1, { maxDeletePercent: 50 });
    await expect(attempt).rejects.toMatchObject({ hint: expect.stringContaining('max-delete-percent: 77') });
    expect(bucket.writes).toEqual([]);
    expect((await publish(bucket, v1, { maxDeletePercent: 77 })).outputs['deleted']).toBe('20');
  });

  test('a source without a page; a dry run writes nothing either', async () => {
    const bucket = await published(v1);
    await expect(publish(bucket, { 'a.js': '' })).rejects.toMatchObject({
      hint: expect.stringContaining('require-html: false'),
    });
    await expect(publish(bucket, {})).rejects.toMatchObject({ code: 'SourceEmpty' });
    const { outputs } = await publish(bucket, v2, { dryRun: true });
    expect(outputs).toMatchObject({ changed: 'false', uploaded: '0', deleted: '0', publication: '' });
    expect(changedPaths(outputs)).toContain('/news/');
    expect(bucket.writes).toEqual([]);
  });
});

describe('check', () => {
  const sources: Site = {
    'src/main.ts': 'main',
    'package.json': '{}',
    '.env.production': 'A=1',
    'node_modules/x.js': 'x',
  };
  const check = async (bucket: FakeBucket, changes = {}, files = sources) =>
    (await syncFrontend(checkInputs(changes), portsOn(bucket, files))).outputs;

  test('says published only for these sources, whole, and invalidated', async () => {
    const bucket = new FakeBucket();
    const first = await check(bucket, { sourceKey: 'npm run build' });
    expect(first).toMatchObject({ published: 'false', 'release-id': '', publication: '', changed: 'false' });
    expect(first['source-hash']).toMatch(/^v1:[0-9a-f]{64}$/);
    const { outputs } = await publish(bucket, v1, { sourceHash: first['source-hash'] });
    expect(await check(bucket, { sourceKey: 'npm run build' })).toMatchObject({ published: 'false' });
    bucket.place(
      markerPath({ publication: outputs['publication']!, paths: changedPaths(outputs), distributionId: 'E1' }),
      'I1',
    );
    expect(await check(bucket, { sourceKey: 'npm run build' })).toMatchObject({
      published: 'true',
      'release-id': 'r1',
    });
    expect(await check(bucket, { sourceKey: 'npm run other' })).toMatchObject({ published: 'false' });
    expect(bucket.log.filter((line) => line.startsWith('write'))).toHaveLength(1);
    bucket.objects.delete('assets/same-cccc3333.js');
    expect(await check(bucket, { sourceKey: 'npm run build' })).toMatchObject({ published: 'false' });
  });

  test('hashes content, names, dotfiles and header rules, not node_modules or what is excluded', async () => {
    const bucket = new FakeBucket();
    const hash = async (files: Site, changes = {}) => (await check(bucket, changes, files))['source-hash'];
    const base = await hash(sources);
    expect(await hash({ ...sources, 'node_modules/y.js': '', 'dist/a.js': '' }, { exclude: ['dist/**'] })).toBe(base);
    for (const other of [{ 'src/main.ts': 'niam' }, { '.env.production': 'A=2' }, { 'new.ts': '' }]) {
      expect(await hash({ ...sources, ...other })).not.toBe(base);
    }
    expect(await hash(sources, { cacheControl: new Map([['*', 'no-store']]) })).not.toBe(base);
  });

  test('a build of other sources with the same content is recorded, and nothing else', async () => {
    const bucket = await published(v1);
    const { outputs } = await publish(bucket, v1, { sourceHash: 'v1:other-hash' });
    expect(bucket.writes).toEqual(['write .releases/state.json']);
    expect(outputs['publication']).toMatch(/^1-/);
    expect(parseState(bucket.content(statePath)!).releases[0]?.sourceHash).toBe('v1:other-hash');
  });
});

test('the fake bucket gives the ETags S3 gives', async () => {
  const bucket = await published(v1);
  expect(bucket.objects.get('robots.txt')?.etag).toBe(md5('robots 1'));
});
