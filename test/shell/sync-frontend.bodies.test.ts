import { describe, expect, test } from '@jest/globals';
import type { PublishInputs, RollbackInputs } from '../../actions/sync-frontend/src/inputs.ts';
import { syncFrontend } from '../../actions/sync-frontend/src/sync.ts';
import { sha256 } from '../../shared/core/hash.ts';
import {
  markerPath,
  parsePack,
  parseState,
  publicationOf,
  statePath,
  type SiteState,
} from '../../shared/core/release.ts';
import { FakeBucket, md5, portsOn, publishInputs, rollbackInputs, type Site } from './sync-frontend.fakes.ts';

/** Contents of small files that are overwritten: on record since they were published, so that nothing has to be put aside for a rollback. */

const publish = (bucket: FakeBucket, site: Site, changes: Partial<PublishInputs> = {}) =>
  syncFrontend(publishInputs(changes), portsOn(bucket, site));
async function published(...sites: readonly Site[]): Promise<FakeBucket> {
  const bucket = new FakeBucket();
  for (const [index, site] of sites.entries()) await publish(bucket, site, { releaseId: `r${index + 1}` });
  bucket.log.length = 0;
  return bucket;
}
const back = (bucket: FakeBucket, target: string, changes: Partial<RollbackInputs> = {}) =>
  syncFrontend(rollbackInputs(target, changes), portsOn(bucket, {}));
const stateOf = (bucket: FakeBucket): SiteState => parseState(bucket.content(statePath)!);
/** The texts that the state itself holds. */
const inState = (bucket: FakeBucket): readonly string[] =>
  [...stateOf(bucket).bodies.values()].map((content) => Buffer.from(content, 'base64').toString());
const packsIn = (bucket: FakeBucket): readonly string[] => bucket.keys.filter((key) => key.includes('/packs/'));
const copies = (bucket: FakeBucket): readonly string[] => bucket.log.filter((line) => line.startsWith('copy '));
const served = (bucket: FakeBucket): Site =>
  Object.fromEntries(
    bucket.keys.filter((key) => !key.startsWith('.releases/')).map((key) => [key, bucket.content(key)!]),
  );
/** As a version before wrote it, which put everything aside. */
function forget(bucket: FakeBucket): void {
  const { bodies, packs, ...rest } = JSON.parse(bucket.content(statePath)!) as Record<string, unknown>;
  expect([bodies, packs]).toEqual([expect.any(Array), expect.any(Array)]);
  bucket.place(statePath, JSON.stringify(rest));
}

const v1: Site = { 'index.html': 'page 1', 'sw.js': 'sw 1', 'config.json': '{"v":1}', empty: '', 'robots.txt': 'same' };
const v2: Site = { 'index.html': 'page 2', 'sw.js': 'sw 2', 'config.json': '', empty: 'full', 'robots.txt': 'same' };
/** 600 kB in nine files: more than the state has room for. */
const many = (version: number): Site => ({
  'index.html': `page ${version}`,
  ...Object.fromEntries(
    Array.from({ length: 9 }, (_, n) => [`data/${n}.json`, `${n} ${version} `.padEnd(64 * 1024, 'x')]),
  ),
});

describe('files that are overwritten', () => {
  test('cost one request each, and a rollback writes them again byte for byte, with their headers', async () => {
    const bucket = await published(v1);
    const before = new Map(bucket.objects);
    const cacheControl = new Map([['sw.js', 'max-age=7']]);
    await publish(bucket, v2, { releaseId: 'r2', cacheControl });
    expect(copies(bucket)).toEqual([expect.stringMatching(/^copy index\.html \.releases\/bodies\//)]);
    bucket.log.length = 0;
    const { outputs, summary } = await back(bucket, 'previous');
    expect(bucket.writes.filter((line) => line.startsWith('put '))).toEqual([
      'put config.json',
      'put empty',
      'put sw.js',
    ]);
    for (const path of Object.keys(v1)) expect([path, bucket.objects.get(path)]).toEqual([path, before.get(path)]);
    expect(outputs).toMatchObject({ uploaded: '4', bytes: String('{"v":1}'.length + 'sw 1'.length) });
    expect(summary).toContain('| `sw.js` | restored | content | 4 B |');
  });

  test('go back and forth: what was overwritten first is on record as long as a release has it', async () => {
    const bucket = await published(v1, v2);
    await back(bucket, 'r1');
    await back(bucket, 'r2', { runId: 'b' });
    expect(served(bucket)).toEqual(v2);
    await publish(bucket, { ...v2, 'sw.js': 'sw 3' }, { releaseId: 'r3' });
    expect(inState(bucket)).toContain('sw 1');
    await publish(bucket, { ...v2, 'sw.js': 'sw 4' }, { releaseId: 'r4' });
    expect(inState(bucket)).toEqual(expect.arrayContaining(['sw 2', 'sw 3', 'sw 4']));
    expect(inState(bucket)).not.toContain('sw 1');
    await back(bucket, 'r2', { runId: 'c' });
    expect(served(bucket)).toEqual(v2);
  });

  test('a release with two files of one content, one of which is another now', async () => {
    const bucket = await published(
      { ...v1, 'a.txt': 'same', 'b.txt': 'same' },
      { ...v1, 'a.txt': 'same', 'b.txt': 'B' },
    );
    await back(bucket, 'r1');
    expect(bucket.content('b.txt')).toBe('same');
  });

  test('a page with the content of such a file is put aside all the same', async () => {
    const bucket = await published({ ...v1, 'page.html': 'sw 1' });
    await publish(bucket, { ...v1, 'page.html': 'other' }, { releaseId: 'r2' });
    expect(copies(bucket)).toEqual([expect.stringMatching(/^copy page\.html /)]);
  });

  test('what is too large is put aside', async () => {
    const large = 'x'.repeat(64 * 1024 + 1);
    const bucket = await published({ ...v1, 'large.txt': large });
    expect(bucket.content(statePath)!.length).toBeLessThan(10_000);
    await publish(bucket, { ...v1, 'large.txt': 'small' }, { releaseId: 'r2' });
    expect(copies(bucket)).toEqual([expect.stringMatching(/^copy large\.txt /)]);
    await back(bucket, 'r1');
    expect(bucket.content('large.txt')).toBe(large);
  });

  test('with a single release nothing is on record, and nothing is put aside', async () => {
    const bucket = new FakeBucket();
    await publish(bucket, many(1), { retainReleases: 1 });
    await publish(bucket, many(2), { retainReleases: 1, releaseId: 'r2' });
    expect([inState(bucket), packsIn(bucket), copies(bucket)]).toEqual([[], [], []]);
  });

  test('a file that somebody writes to meanwhile is not on record as what it was', async () => {
    const bucket = new FakeBucket();
    bucket.after = (request) => {
      if (request !== 'upload index.html') return;
      for (const [file, content] of bucket.disk) {
        if (file.endsWith('/sw.js')) bucket.disk.set(file, content.replace('1', '9'));
        if (file.endsWith('/config.json')) bucket.disk.delete(file);
      }
    };
    await publish(bucket, v1);
    bucket.after = () => undefined;
    expect(inState(bucket)).toEqual(['', 'same']);
    await publish(bucket, v2, { releaseId: 'r2' });
    expect(copies(bucket)).toHaveLength(3);
    await back(bucket, 'r1');
    expect(served(bucket)).toEqual(v1);
  });
});

describe('many of them', () => {
  test('go into a pack, which is written before the state, and read once by a rollback', async () => {
    const bucket = new FakeBucket();
    await publish(bucket, many(1));
    const [pack] = packsIn(bucket);
    expect(bucket.writes.slice(-2)).toEqual([`put ${pack}`, 'write .releases/state.json']);
    expect(bucket.objects.get(pack!)?.headers).toEqual({ contentType: 'text/plain', cacheControl: 'no-store' });
    expect(parsePack(bucket.content(pack!)!).size).toBe(9);
    expect(bucket.content(statePath)!.length).toBeLessThan(10_000);
    bucket.log.length = 0;
    await publish(bucket, { ...many(1), 'data/1.json': 'new', 'data/2.json': 'new too' }, { releaseId: 'r2' });
    expect(bucket.writes).toEqual(['upload data/1.json', 'upload data/2.json', 'write .releases/state.json']);
    bucket.log.length = 0;
    await back(bucket, 'r1');
    expect(bucket.log.filter((line) => line.startsWith('read '))).toEqual([
      'read .releases/state.json',
      `read ${pack}`,
    ]);
    expect(copies(bucket)).toEqual([]);
    expect(served(bucket)).toEqual(many(1));
  });

  test('what the state held goes with them', async () => {
    const bucket = await published(v1);
    await publish(bucket, { ...v1, ...many(2) }, { releaseId: 'r2' });
    expect(inState(bucket)).toEqual([]);
    expect(parsePack(bucket.content(packsIn(bucket)[0]!)!).size).toBe(9 + 4);
    await publish(bucket, { ...v2, ...many(2) }, { releaseId: 'r3' });
    expect(inState(bucket).toSorted()).toEqual(['full', 'sw 2']);
    await back(bucket, 'r1');
    expect(served(bucket)).toMatchObject(v1);
  });

  test('a pack goes, with other deletions, when no release needs anything of it', async () => {
    const bucket = await published(many(1));
    const site = (n: number): Site => ({ 'index.html': `page ${n}`, [`news-${n}.html`]: 'news' });
    for (const n of [2, 3]) await publish(bucket, site(n), { releaseId: `r${n}` });
    expect(bucket.writes.at(-1)).toBe('remove news-2.html');
    const kept = bucket.copyOf();
    await back(kept, 'r1');
    expect(served(kept)).toEqual(many(1));
    await publish(bucket, site(4), { releaseId: 'r4' });
    expect([packsIn(bucket), stateOf(bucket).packs]).toEqual([[], []]);
  });

  test('a pack that a run which was cut off left behind is not taken away as the next one needs it', async () => {
    const bucket = await published({ 'index.html': 'page 1', 'old.html': 'old' });
    bucket.before = (request) => {
      if (request === 'write .releases/state.json') throw new Error('killed');
    };
    await expect(publish(bucket, many(2), { releaseId: 'r2' })).rejects.toThrow('killed');
    expect(packsIn(bucket)).toHaveLength(1);
    bucket.before = () => undefined;
    const { outputs } = await publish(bucket, many(2), { releaseId: 'r2' });
    expect(outputs['deleted']).toBe('1');
    expect(packsIn(bucket)).toEqual(stateOf(bucket).packs.map(({ path }) => path));
    await publish(bucket, many(3), { releaseId: 'r3' });
    await back(bucket, 'r2');
    expect(served(bucket)).toEqual(many(2));
  });

  test('somebody removed the pack: what it held is refused, and on record again with the next publish', async () => {
    const bucket = await published(many(1), many(2));
    for (const pack of packsIn(bucket)) bucket.objects.delete(pack);
    bucket.log.length = 0;
    await expect(back(bucket, 'r1')).rejects.toMatchObject({ code: 'ReleaseIncomplete' });
    expect(bucket.writes).toEqual([]);
    await publish(bucket, { ...many(2), 'index.html': 'page 3' }, { releaseId: 'r3' });
    await publish(bucket, many(4), { releaseId: 'r4' });
    await back(bucket, 'r3');
    expect(served(bucket)).toEqual({ ...many(2), 'index.html': 'page 3' });
  });

  test('a pack that does not hold what it should: red, with what to do', async () => {
    const bucket = await published(many(1), { ...many(1), 'data/1.json': 'new' });
    const [pack = ''] = packsIn(bucket);
    const { etag } = bucket.objects.get(pack)!;
    bucket.objects.set(pack, { content: 'something else', etag, headers: undefined });
    const { failure } = await back(bucket, 'r1');
    expect(failure).toMatchObject({ code: 'ContentLost', hint: expect.stringContaining('publish it') });
    expect(bucket.content('data/1.json')).toBe('new');
  });
});

describe('a state without contents, as of a version before', () => {
  test('is not written for their sake; what is overwritten is put aside, and from then on all is on record', async () => {
    const bucket = await published(v1);
    forget(bucket);
    const again = await publish(bucket, v1);
    expect([bucket.writes, again.outputs['changed']]).toEqual([[], 'false']);
    await publish(bucket, { ...v1, 'sw.js': 'sw 2' }, { releaseId: 'r2' });
    expect(copies(bucket)).toEqual([expect.stringMatching(/^copy sw\.js /)]);
    expect(inState(bucket).toSorted()).toEqual(['', 'same', 'sw 2', '{"v":1}']);
    bucket.log.length = 0;
    await publish(bucket, v2, { releaseId: 'r3' });
    expect(copies(bucket)).toEqual([expect.stringMatching(/^copy index\.html /)]);
    for (const [target, site] of Object.entries({ r2: { ...v1, 'sw.js': 'sw 2' }, r1: v1 })) {
      await back(bucket, target, { runId: target });
      expect(served(bucket)).toEqual(site);
    }
  });

  test('is filled when it is written only because the sources are others', async () => {
    const bucket = await published(v1);
    forget(bucket);
    await publish(bucket, v1, { sourceHash: 'v1:other-hash' });
    expect(bucket.writes).toEqual(['write .releases/state.json']);
    expect(inState(bucket)).toHaveLength(4);
  });

  test('such a version in between: what it forgot is refused as a whole, nothing is touched', async () => {
    const bucket = await published(v1, v2);
    forget(bucket);
    await expect(back(bucket, 'r1')).rejects.toMatchObject({
      code: 'ReleaseIncomplete',
      message: expect.stringContaining('3 of the 5 files of release r1'),
    });
    expect(bucket.writes).toEqual([]);
  });
});

describe('what another tool put there', () => {
  const theirs: Site = { 'index.html': 'their page', 'sw.js': 'sw 1', 'robots.txt': 'theirs' };
  const taken = async (): Promise<FakeBucket> => {
    const bucket = new FakeBucket();
    for (const [path, content] of Object.entries(theirs)) bucket.place(path, content);
    await publish(bucket, { 'index.html': 'page 1', 'sw.js': 'sw 1', 'robots.txt': 'ours' });
    return bucket;
  };

  test('is put aside: nobody has read it', async () => {
    const bucket = await taken();
    expect(copies(bucket).map((line) => line.split(' ')[1])).toEqual(['robots.txt', 'index.html', 'sw.js']);
  });

  test('is put aside also when its content is on record since: its headers are not', async () => {
    const bucket = await taken();
    await publish(bucket, { 'index.html': 'page 1', 'sw.js': 'sw 2', 'robots.txt': 'ours' }, { releaseId: 'r2' });
    expect(copies(bucket).at(-1)).toBe(`copy sw.js .releases/bodies/${sha256('sw 1')}`);
    await back(bucket, 'before-slipway');
    expect(served(bucket)).toEqual(theirs);
  });
});

test('content that is spoilt in the state counts as none', async () => {
  const bucket = await published(v1);
  const spoilt = Buffer.from('sw 9').toString('base64');
  bucket.place(statePath, bucket.content(statePath)!.replace(Buffer.from('sw 1').toString('base64'), spoilt));
  await publish(bucket, { ...v1, 'sw.js': 'sw 2' }, { releaseId: 'r2' });
  expect(copies(bucket)).toEqual([expect.stringMatching(/^copy sw\.js /)]);
  await back(bucket, 'r1');
  expect(bucket.content('sw.js')).toBe('sw 1');
});

describe('killed before or after any request', () => {
  const large = 'too large for the record '.repeat(3000);
  const sites: readonly (readonly [string, Site, Site])[] = [
    ['in the state', v1, v2],
    ['in a pack', { ...v1, ...many(1) }, { ...v2, ...many(2) }],
    ['put aside', { ...v1, 'large.txt': large }, { ...v2, 'large.txt': 'small', 'news.html': 'new' }],
    ['gone', { ...v1, 'gone.txt': 'gone', 'gone.html': 'gone' }, { ...v2, 'news.html': 'new' }],
  ];

  /** Every way to be cut off in what `run` does to the bucket. */
  async function* cutOff(start: FakeBucket, run: (bucket: FakeBucket) => Promise<unknown>) {
    const whole = start.copyOf();
    await run(whole);
    const { length } = whole.writes;
    expect(length).toBeGreaterThan(3);
    for (let index = 0; index < length; index += 1) {
      for (const moment of ['before', 'after'] as const) {
        const bucket = start.copyOf();
        bucket[moment] = (_request, at) => {
          if (at === index) throw new Error('killed');
        };
        await expect(run(bucket)).rejects.toThrow('killed');
        bucket.before = bucket.after = () => undefined;
        yield { bucket, name: `${moment} ${whole.writes[index]}` };
      }
    }
  }
  const inRelease = (bucket: FakeBucket, site: Site): Site =>
    Object.fromEntries(Object.keys(site).map((path) => [path, bucket.content(path) ?? 'nothing']));

  test.each(sites)('in a publish: a rollback brings the release before back whole (%s)', async (_name, one, two) => {
    const start = await published(one);
    const objects = new Map(start.objects);
    const headers = (of: ReadonlyMap<string, { readonly headers: unknown }>) =>
      Object.keys(one).map((path) => [path, of.get(path)?.headers]);
    for await (const { bucket, name } of cutOff(start, (one_) => publish(one_, two, { releaseId: 'r2' }))) {
      await back(bucket, 'r1');
      expect([name, inRelease(bucket, one)]).toEqual([name, one]);
      expect([name, headers(bucket.objects)]).toEqual([name, headers(objects)]);
      // And the newer one after it, and back once more.
      await publish(bucket, two, { releaseId: 'r2' });
      await back(bucket, 'r1', { runId: 'again' });
      expect([name, inRelease(bucket, one)]).toEqual([name, one]);
    }
  });

  test.each(sites)('in a rollback: it goes on, and forth again (%s)', async (_name, one, two) => {
    const start = await published(one, two);
    for await (const { bucket, name } of cutOff(start, (one_) => back(one_, 'r1'))) {
      // The same run started again.
      await back(bucket, 'previous');
      expect([name, inRelease(bucket, one)]).toEqual([name, one]);
      await back(bucket, 'r2', { runId: 'forth' });
      expect([name, inRelease(bucket, two)]).toEqual([name, two]);
    }
  });

  test.each(sites)('in a publish of something else after a cut-off one (%s)', async (_name, one, two) => {
    const start = await published(one);
    start.before = (request) => {
      if (request === 'upload index.html') throw new Error('killed');
    };
    await expect(publish(start, two, { releaseId: 'r2' })).rejects.toThrow('killed');
    start.before = () => undefined;
    const three = { ...one, 'sw.js': 'sw 3', 'index.html': 'page 3' };
    for await (const { bucket, name } of cutOff(start, (one_) => publish(one_, three, { releaseId: 'r3' }))) {
      await back(bucket, 'r1');
      expect([name, inRelease(bucket, one)]).toEqual([name, one]);
    }
  });
});

describe('what a run notes before its first step', () => {
  /** The second of two releases is served and invalidated; somebody changed a file by hand, which a run then has to note. */
  async function touched(bucket: FakeBucket): Promise<void> {
    const { releases, paths } = stateOf(bucket);
    const publication = publicationOf(releases[0]!);
    bucket.place(markerPath({ publication, paths, distributionId: 'E1' }), 'I1');
    bucket.place('robots.txt', 'by hand');
  }
  const killedAt = async (bucket: FakeBucket, index: number, run: () => Promise<unknown>): Promise<void> => {
    bucket.log.length = 0;
    bucket.after = () => {
      if (bucket.writes.length === index) throw new Error('killed');
    };
    await expect(run()).rejects.toThrow('killed');
    bucket.after = () => undefined;
  };

  test('keeps the contents', async () => {
    const bucket = await published({ ...v1, ...many(1) }, { ...v2, ...many(1) });
    await publish(bucket, { ...v2, ...many(2) }, { releaseId: 'r3' });
    await touched(bucket);
    await killedAt(bucket, 1, () => publish(bucket, { ...v2, ...many(2) }, { releaseId: 'r3' }));
    expect(bucket.writes).toEqual(['write .releases/state.json']);
    await back(bucket, 'r1');
    expect(served(bucket)).toEqual({ ...v1, ...many(1) });
  });

  test('keeps that a rollback is under way', async () => {
    const bucket = await published(v1, v2);
    // The note, a page that is put aside, three files and the page: all but the record.
    await killedAt(bucket, 6, () => back(bucket, 'r1'));
    expect([bucket.content('index.html'), stateOf(bucket).goingBackTo]).toEqual(['page 1', 1]);
    await touched(bucket);
    await killedAt(bucket, 1, () => back(bucket, 'r1'));
    expect([bucket.writes, stateOf(bucket).paths]).toEqual([['write .releases/state.json'], ['/robots.txt']]);
    await back(bucket, 'previous', { runId: 'again' });
    expect(served(bucket)).toEqual(v1);
  });
});

test('the fake bucket gives a rewritten file the ETag it had', async () => {
  const bucket = await published(v1, v2);
  await back(bucket, 'r1');
  expect(bucket.objects.get('sw.js')?.etag).toBe(md5('sw 1'));
});
