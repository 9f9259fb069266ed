import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PublishInputs } from '../../actions/sync-frontend/src/inputs.ts';
import type { Scan } from '../../actions/sync-frontend/src/source-tree.ts';
import { syncFrontend } from '../../actions/sync-frontend/src/sync.ts';
import type { ObjectStore } from '../../shared/aws/s3.ts';
import type { Progress } from '../../shared/action/progress.ts';
import { markerPath, parseState, statePath } from '../../shared/core/release.ts';
import {
  FakeBucket,
  portsOn,
  publishInputs,
  refused,
  rollbackInputs,
  silentProgress,
  type Site,
} from './sync-frontend.fakes.ts';

const publish = (bucket: FakeBucket, site: Site, changes: Partial<PublishInputs> = {}) =>
  syncFrontend(publishInputs(changes), portsOn(bucket, site));

async function published(...sites: readonly Site[]): Promise<FakeBucket> {
  const bucket = new FakeBucket();
  for (const [index, site] of sites.entries()) await publish(bucket, site, { releaseId: `r${index + 1}` });
  bucket.log.length = 0;
  return bucket;
}

const requests = (bucket: FakeBucket): readonly string[] =>
  bucket.log.map((line) => line.replace(/(bodies|invalidated)\/[\w.-]+/g, '$1/…'));

const v1: Site = {
  'index.html': '<a href="/old.html">',
  'old.html': 'old',
  'docs/index.html': 'docs 1',
  'assets/app-aaaa1111.js': 'app 1',
  'assets/gone-bbbb2222.js': 'gone',
  'sw.js': 'sw 1',
  'robots.txt': 'robots',
};

/** The bucket with something around each of its requests. */
function turnsOf(
  bucket: FakeBucket,
  around: <A extends unknown[], T>(work: (...given: A) => Promise<T>) => (...given: A) => Promise<T>,
): ObjectStore {
  return {
    list: around((prefix: string) => bucket.list(prefix)),
    read: around((key: string) => bucket.read(key)),
    write: around((write: Parameters<ObjectStore['write']>[0]) => bucket.write(write)),
    upload: around((upload: Parameters<ObjectStore['upload']>[0]) => bucket.upload(upload)),
    put: around((put: Parameters<ObjectStore['put']>[0]) => bucket.put(put)),
    copy: around((copy: Parameters<ObjectStore['copy']>[0]) => bucket.copy(copy)),
    remove: around((keys: readonly string[]) => bucket.remove(keys)),
  };
}

describe('the order of a publish', () => {
  const v2: Site = {
    'index.html': '<a href="/about">',
    about: 'a page by its type',
    '404.html': 'new',
    'docs/index.html': '<a href="/docs/new.html">',
    'docs/new.html': 'new',
    'assets/app-cccc3333.js': 'app 2',
    '_next/static/chunks/main.js': 'changes under its name',
    'sw.js': 'sw 2',
    'precache.js': 'new, and named by sw.js',
    'robots.txt': 'robots',
    '.well-known/security.txt': 'new',
  };

  test('new before overwritten, assets before files before pages before the root page, pages gone before what they named', async () => {
    const bucket = await published({ ...v1, '_next/static/chunks/main.js': 'as it was' });
    await publish(bucket, v2, { retainReleases: 1, contentTypes: new Map([['about', 'text/html']]) });
    expect(requests(bucket)).toEqual([
      'read .releases/state.json',
      'list ',
      'upload assets/app-cccc3333.js',
      'upload .well-known/security.txt',
      'upload precache.js',
      'upload _next/static/chunks/main.js',
      'upload sw.js',
      'upload 404.html',
      'upload about',
      'upload docs/new.html',
      'upload docs/index.html',
      'upload index.html',
      'write .releases/state.json',
      'remove old.html',
      'remove assets/app-aaaa1111.js assets/gone-bbbb2222.js',
    ]);
  });

  test('without a root page, and below a prefix', async () => {
    const bucket = await published();
    await publish(bucket, { 'a/index.html': '', 'a.css': '' }, { prefix: 'app/', basePath: '/' });
    await publish(bucket, { 'index.html': '', 'z.html': '', 'a.css': '', 'a/index.html': '' }, { prefix: 'app/' });
    expect(bucket.writes.filter((line) => line.startsWith('upload'))).toEqual([
      'upload app/a.css',
      'upload app/a/index.html',
      'upload app/z.html',
      'upload app/index.html',
    ]);
  });
});

describe('requests', () => {
  test('a changed page costs two, any other file one; two for the record, no more', async () => {
    const bucket = await published(v1);
    await publish(bucket, { ...v1, 'docs/index.html': 'docs 2', 'sw.js': 'sw 2', 'assets/new-dddd4444.js': 'new' });
    expect(requests(bucket)).toEqual([
      'read .releases/state.json',
      'list ',
      'copy docs/index.html .releases/bodies/…',
      'upload assets/new-dddd4444.js',
      'upload sw.js',
      'upload docs/index.html',
      'write .releases/state.json',
    ]);
  });

  test('content that was put aside before, and what an immutable name stands for, is not put aside', async () => {
    const other = { ...v1, 'docs/index.html': 'docs 2' };
    const bucket = await published(v1, other, v1);
    const { summary } = await publish(bucket, { ...other, 'assets/app-aaaa1111.js': 'not its content' });
    expect(requests(bucket).filter((line) => line.startsWith('copy'))).toEqual([]);
    expect(summary).toContain('served as immutable, but changed under the same name');
    await expect(syncFrontend(rollbackInputs('previous'), portsOn(bucket, {}))).rejects.toMatchObject({
      code: 'ReleaseIncomplete',
      message: expect.stringContaining('assets/app-aaaa1111.js'),
      hint: expect.stringContaining('nothing was touched'),
    });
  });

  test('what somebody put in a file’s place is not put aside as that file', async () => {
    const bucket = await published(v1);
    bucket.place('old.html', 'by hand');
    await publish(bucket, { ...v1, 'old.html': 'changed' }, { releaseId: 'r2' });
    expect(requests(bucket).filter((line) => line.startsWith('copy'))).toEqual([]);
    await expect(syncFrontend(rollbackInputs('r1'), portsOn(bucket, {}))).rejects.toThrow('release r1 are no longer');
  });

  test('a page is put aside even if it is served as immutable', async () => {
    const cacheControl = new Map([['*.html', 'immutable, max-age=5']]);
    const bucket = new FakeBucket();
    await publish(bucket, v1, { cacheControl });
    await publish(bucket, { ...v1, 'docs/index.html': 'docs 2' }, { cacheControl });
    expect(requests(bucket)).toContain('copy docs/index.html .releases/bodies/…');
  });

  test('leftovers go with other deletions, or when they cost a listing', async () => {
    const page = (n: number): Site => ({ ...v1, 'docs/index.html': `docs ${n}` });
    const sites = [1, 2, 3, 4, 5].map(page);
    const bucket = await published(...sites);
    const bodies = (): readonly string[] => bucket.keys.filter((key) => key.includes('/bodies/'));
    expect(bodies()).toHaveLength(4);
    await publish(bucket, { ...page(6), 'old.html': 'changed' });
    expect(requests(bucket).some((line) => line.startsWith('remove'))).toBe(false);
    for (let n = 0; n < 1000; n += 1) bucket.place(`.releases/bodies/${n}`, '');
    await publish(bucket, page(7));
    // Of the kept releases: two of each page.
    expect(bodies()).toHaveLength(4);
    expect(requests(bucket).filter((line) => line.startsWith('remove'))).toHaveLength(1);
    const less = Object.fromEntries(Object.entries(page(7)).filter(([path]) => path !== 'old.html'));
    bucket.place('.releases/bodies/stray', '');
    await publish(bucket, less);
    expect(bodies()).not.toContain('.releases/bodies/stray');
    expect(parseState(bucket.content(statePath)!).releases).toHaveLength(3);
  });

  test('taking a bucket over: what was there is on record before anything is overwritten', async () => {
    const bucket = new FakeBucket();
    bucket.place('index.html', 'by another tool');
    bucket.before = (request) => {
      if (request === 'upload index.html') throw new Error('killed');
    };
    await expect(publish(bucket, { 'index.html': 'ours', 'b.html': 'new' })).rejects.toThrow('killed');
    expect(requests(bucket).filter((line) => /^(?:write|copy|upload)/.test(line))).toEqual([
      'write .releases/state.json',
      'copy index.html .releases/bodies/…',
      'upload b.html',
    ]);
    bucket.before = () => undefined;
    await syncFrontend(rollbackInputs('before-slipway'), portsOn(bucket, {}));
    expect(bucket.content('index.html')).toBe('by another tool');
    expect(bucket.keys).not.toContain('b.html');
  });
});

describe('what a run that was cut off leaves', () => {
  type Attempt = readonly [site: Site, changes?: Partial<PublishInputs>];
  const killedAfter = async (bucket: FakeBucket, request: string, [site, changes]: Attempt) => {
    bucket.after = (done) => {
      if (done === request) throw new Error('killed');
    };
    await expect(publish(bucket, site, changes)).rejects.toThrow('killed');
    bucket.after = () => undefined;
  };

  test('content that was there in between is forgotten by the CDN, too, when the next run is cut off as well', async () => {
    const bucket = new FakeBucket();
    const { outputs } = await publish(bucket, v1);
    const paths = JSON.parse(outputs['changed-paths']!) as readonly string[];
    bucket.place(markerPath({ publication: outputs['publication']!, paths, distributionId: 'E1' }), 'I1');
    // Everything was invalidated by hand, too: that was before.
    bucket.place(markerPath({ publication: outputs['publication']!, paths: ['/*'], distributionId: 'E1' }), 'I2');
    await killedAfter(bucket, 'upload robots.txt', [{ ...v1, 'robots.txt': 'other' }]);
    await killedAfter(bucket, 'upload robots.txt', [v1]);
    const last = await publish(bucket, v1);
    expect(last.outputs['publication']).not.toBe(outputs['publication']);
    expect(JSON.parse(last.outputs['changed-paths']!)).toEqual(['/robots.txt']);
    expect(last.outputs).toMatchObject({ uploaded: '0', 'release-id': 'r1' });
  });

  test('headers that came with content which is taken back are not believed', async () => {
    const bucket = await published(v1);
    const other = new Map([['robots.txt', 'max-age=5']]);
    await killedAfter(bucket, 'upload robots.txt', [{ ...v1, 'robots.txt': 'other' }]);
    await killedAfter(bucket, 'upload robots.txt', [v1, { cacheControl: other }]);
    await publish(bucket, v1);
    expect(bucket.objects.get('robots.txt')?.headers?.cacheControl).toBe('no-cache');
  });

  test('headers of an older release with the same content are not believed either', async () => {
    const bucket = await published(v1, { ...v1, 'robots.txt': 'other' });
    const cacheControl = new Map([['robots.txt', 'max-age=5']]);
    await killedAfter(bucket, 'upload robots.txt', [v1, { cacheControl }]);
    await publish(bucket, v1);
    expect(bucket.objects.get('robots.txt')?.headers?.cacheControl).toBe('no-cache');
  });

  test('headers stay uncertain for a release that has the file, past one that has not', async () => {
    const bucket = await published(v1);
    await killedAfter(bucket, 'copy robots.txt robots.txt', [
      v1,
      { cacheControl: new Map([['robots.txt', 'max-age=5']]) },
    ]);
    const less = Object.fromEntries(Object.entries(v1).filter(([path]) => path !== 'robots.txt'));
    await publish(bucket, less, { releaseId: 'r2' });
    await syncFrontend(rollbackInputs('r1'), portsOn(bucket, {}));
    expect(bucket.objects.get('robots.txt')?.headers?.cacheControl).toBe('no-cache');
  });

  test('a file that a later commit no longer has does not stay with content of no release', async () => {
    const bucket = await published(v1);
    await killedAfter(bucket, 'upload robots.txt', [{ ...v1, 'robots.txt': 'other' }]);
    const less = Object.fromEntries(Object.entries(v1).filter(([path]) => path !== 'robots.txt'));
    const { outputs } = await publish(bucket, less, { releaseId: 'r2' });
    expect(bucket.keys).not.toContain('robots.txt');
    expect(JSON.parse(outputs['changed-paths']!)).toContain('/robots.txt');
    await syncFrontend(rollbackInputs('r1'), portsOn(bucket, {}));
    expect(bucket.content('robots.txt')).toBe('robots');
  });

  test('a page by its type that no release records goes before what it names', async () => {
    const bucket = await published(v1);
    const contentTypes = new Map([
      ['about', 'text/html'],
      ['about.x', 'text/html'],
    ]);
    const more = { ...v1, 'about.x': 'refers to', 'assets/more-dddd4444.js': 'this' };
    await killedAfter(bucket, 'upload about.x', [more, { contentTypes }]);
    bucket.log.length = 0;
    await publish(bucket, v1, { contentTypes });
    expect(requests(bucket).filter((line) => line.startsWith('remove'))).toEqual([
      'remove about.x',
      'remove assets/more-dddd4444.js',
    ]);
  });
});

test('says why: missing from the bucket, another content, new, headers', async () => {
  const bucket = await published(v1);
  bucket.objects.delete('sw.js');
  bucket.place('old.html', 'by hand');
  const site = { ...v1, 'more.html': 'new' };
  const { summary } = await publish(bucket, site, { cacheControl: new Map([['robots.txt', 'max-age=5']]) });
  for (const [path, why] of Object.entries({ 'sw.js': 'missing', 'old.html': 'content', 'more.html': 'new' })) {
    expect(summary).toContain(`| \`${path}\` | sent | ${why} |`);
  }
  expect(summary).toContain('| `robots.txt` | headers set | headers |');
});

/** Progress whose lines of status are asked for when the test says so. */
function asked() {
  const said: string[] = [];
  const lines = new Set<() => string>();
  const progress: Progress = {
    ...silentProgress(said),
    follow: (line) => {
      lines.add(line);
      return () => void lines.delete(line);
    },
  };
  return { said, progress, lines, ask: () => said.push(...[...lines].map((line) => `… ${line()}`)) };
}

test('says how far it is, and how it ended, also after a failure', async () => {
  const bucket = new FakeBucket();
  const { said, progress, lines, ask } = asked();
  let time = 0;
  const clock = { now: () => (time += 250), sleep: async () => undefined };
  const site = Object.fromEntries(
    Array.from({ length: 12 }, (_, n) => [`assets/x-aaaa${1000 + n}.js`, 'x'.repeat(200_000)]),
  );
  bucket.before = (request) => {
    ask();
    if (request === 'upload assets/x-aaaa1010.js') throw refused('AccessDenied', 403);
  };
  await syncFrontend(publishInputs(), { ...portsOn(bucket, { ...site, 'index.html': '' }), clock, progress });
  expect(said).toContain('… new assets: 4 of 12 files, 800.0 kB of 2.4 MB, 640.0 kB/s, about 3 s left');
  expect(said.at(-1)).toBe('new assets: 10 of 12 done, 2.0 MB sent in 3.0 s');
  expect([...lines]).toEqual([]);
});

test('a rollback brings the headers back that the release had, not those its content had last', async () => {
  const bucket = await published(v1);
  await publish(bucket, v1, { releaseId: 'r2', cacheControl: new Map([['robots.txt', 'max-age=5']]) });
  await publish(bucket, { ...v1, 'robots.txt': 'other' }, { releaseId: 'r3' });
  await syncFrontend(rollbackInputs('r1'), portsOn(bucket, {}));
  expect(bucket.objects.get('robots.txt')).toMatchObject({ content: 'robots', headers: { cacheControl: 'no-cache' } });
});

test('what was there before is known again although setting its headers gave it another ETag', async () => {
  const bucket = new FakeBucket();
  for (const [key, content] of Object.entries(v1)) bucket.place(key, content);
  bucket.opaqueEtags = true;
  await publish(bucket, { ...v1, 'old.html': 'changed' });
  await syncFrontend(rollbackInputs('previous'), portsOn(bucket, {}));
  expect(Object.fromEntries(Object.keys(v1).map((path) => [path, bucket.content(path)]))).toEqual(v1);
});

test('says how far it is while one large file goes in parts, each byte counted once', async () => {
  const { said, progress, ask } = asked();
  let time = 0;
  const clock = { now: () => (time += 1000), sleep: async () => undefined };
  const bucket = new FakeBucket();
  const ports = portsOn(bucket, { 'index.html': '', 'film.mp4': 'x'.repeat(2_000_000) });
  const store: ObjectStore = {
    ...turnsOf(bucket, (work) => work),
    upload: async (upload) => {
      for (let part = 0; upload.size > 0 && part < 4; part += 1) {
        upload.onPart?.(500_000);
        ask();
      }
      return bucket.upload(upload);
    },
  };
  await syncFrontend(publishInputs(), { ...ports, clock, progress, store });
  expect(said).toContain('… new files: 0 of 1 files, 1.5 MB of 2.0 MB, 500.0 kB/s, about 1 s left');
  expect(said).toContain('new files: 1 done, 2.0 MB sent in 5.0 s');
});

describe('refused, with the override named and nothing written', () => {
  const attempt = (bucket: FakeBucket, scan: Scan) => {
    const ports = portsOn(bucket, {});
    return syncFrontend(publishInputs(), { ...ports, tree: { ...ports.tree, scan: async () => scan } });
  };
  const found = (paths: readonly string[], problems: readonly string[] = []): Scan => ({
    kind: 'found',
    files: paths.map((path) => ({ path, file: path, size: 0, executable: false, modified: 0 })),
    links: [],
    problems,
  });

  test.each<readonly [string, Scan, readonly [string, RegExp]]>([
    ['a missing source', { kind: 'missing' }, ['SourceMissing', /Did the build run/]],
    ['a file for a source', { kind: 'no-directory' }, ['SourceMissing', /directory/]],
    ['an empty source', found([]), ['SourceEmpty', /"include" and "exclude"/]],
    ['no page', found(['a.js']), ['NoHtml', /require-html: false/]],
    [
      'a link out of the source',
      found(['a.html'], ['out: a symbolic link out of the source']),
      ['SourceUnreadable', /"exclude"/],
    ],
    [
      'two files for one key',
      found(['a.html', 'é.html'.normalize('NFC'), 'é.html'.normalize('NFD')]),
      ['BadKeys', /"exclude"/],
    ],
    ['a name that is too long', found(['a.html', 'é'.repeat(513)]), ['BadKeys', /"exclude"/]],
    ['control characters', found(['a.html', 'b\n.html']), ['BadKeys', /"exclude"/]],
  ])('%s', async (_name, scan, [code, hint]) => {
    const bucket = await published(v1);
    await expect(attempt(bucket, scan)).rejects.toMatchObject({ code, hint: expect.stringMatching(hint) });
    expect(bucket.log).toEqual([]);
  });

  test('a folder with a site of its own; too many deletions', async () => {
    const bucket = await published(v1);
    bucket.place('app/.releases/state.json', '{}');
    await expect(publish(bucket, { ...v1, 'app/x.txt': '' })).rejects.toMatchObject({
      code: 'NestedSite',
      hint: expect.stringContaining('exclude: app/**'),
    });
    const { 'index.html': index = '' } = v1;
    await expect(
      publish(bucket, { 'index.html': index }, { retainReleases: 1, maxDeletePercent: 85 }),
    ).rejects.toMatchObject({
      code: 'TooManyDeletions',
      hint: expect.stringMatching(/max-delete-percent: 86.*delete: false/),
    });
    expect(bucket.writes).toEqual([]);
  });

  test('neither the prefix’s own empty object nor a neighbour is a file of the site', async () => {
    const bucket = new FakeBucket();
    for (const key of ['app/', 'app', 'app-2/x.html']) bucket.place(key, '');
    for (let n = 0; n < 2; n += 1)
      await publish(bucket, { 'index.html': `${n}` }, { prefix: 'app/', retainReleases: 1 });
    expect(bucket.keys).toEqual(['app', 'app-2/x.html', 'app/', 'app/.releases/state.json', 'app/index.html']);
  });

  test('a state that names our own files, or none', async () => {
    const bucket = await published(v1);
    const text = bucket.content(statePath)!;
    for (const bad of ['.releases/state.json', '']) {
      bucket.place(statePath, text.replace('"robots.txt"', JSON.stringify(bad)));
      await expect(publish(bucket, v1)).rejects.toMatchObject({ code: 'UnreadableState' });
    }
  });
});

test('two runs at once: at most one is green in the end without the other’s, and once more makes the site whole', async () => {
  const v2: Site = {
    'index.html': '<script src="/assets/v2-cccc3333.js">',
    'assets/v2-cccc3333.js': '2',
    'z.html': '2',
  };
  const v3: Site = {
    'index.html': '<script src="/assets/v3-dddd4444.js">',
    'assets/v3-dddd4444.js': '3',
    'y.html': '3',
  };
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const bucket = await published(v1);
      const turns = turnsOf(bucket, (work) => scheduler.scheduleFunction(work));
      const run = (site: Site, releaseId: string) =>
        syncFrontend(publishInputs({ releaseId, retainReleases: 1 }), { ...portsOn(bucket, site), store: turns });
      const both = Promise.all([run(v2, 'r2'), run(v3, 'r3')]);
      await scheduler.waitFor(both);
      const failures = (await both).flatMap(({ failure }) => failure?.code ?? []);
      // One that copies what the other replaced in the meantime is refused by S3, the rest by the record.
      expect([[], ['ConcurrentPublish'], ['PreconditionFailed']]).toContainEqual(failures);
      await publish(bucket, v3, { releaseId: 'r3', retainReleases: 1 });
      const site = bucket.keys.filter((key) => !key.startsWith('.releases/'));
      expect(Object.fromEntries(site.map((key) => [key, bucket.content(key)]))).toEqual(v3);
    }),
    { numRuns: 50 },
  );
});
