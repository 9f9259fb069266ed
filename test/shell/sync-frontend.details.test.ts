import { describe, expect, test } from '@jest/globals';
import { planPublish } from '../../actions/sync-frontend/src/plan.ts';
import type { PublishInputs } from '../../actions/sync-frontend/src/inputs.ts';
import { wholeSite } from '../../actions/sync-frontend/src/plan-paths.ts';
import { refuseSource } from '../../actions/sync-frontend/src/plan-source.ts';
import type { Scan } from '../../actions/sync-frontend/src/source-tree.ts';
import { syncFrontend } from '../../actions/sync-frontend/src/sync.ts';
import type { ObjectStore } from '../../shared/aws/s3.ts';
import { ActionError } from '../../shared/core/errors.ts';
import { bodyPath, markerPath, parseState, statePath } from '../../shared/core/release.ts';
import { sha256 } from '../../shared/core/hash.ts';
import {
  checkInputs,
  FakeBucket,
  portsOn,
  publishInputs,
  refused,
  rollbackInputs,
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
const cutAt = async (
  bucket: FakeBucket,
  [when, request]: readonly ['before' | 'after', string],
  ...[site, changes]: readonly [Site, Partial<PublishInputs>?]
) => {
  bucket[when] = (done) => {
    if (done === request) throw new Error('killed');
  };
  await expect(publish(bucket, site, changes)).rejects.toThrow('killed');
  bucket.before = bucket.after = () => undefined;
};
const back = (bucket: FakeBucket, target = 'previous', runId = 'a') =>
  syncFrontend(rollbackInputs(target, { runId }), portsOn(bucket, {}));
/** As invalidate-cdn notes it. */
const confirm = (bucket: FakeBucket, outputs: Readonly<Record<string, string>>): void => {
  const { publication = '', 'changed-paths': paths = '[]' } = outputs;
  bucket.place(markerPath({ publication, paths: JSON.parse(paths), distributionId: 'E1' }), 'I1');
};
const v1: Site = { 'index.html': 'one', 'robots.txt': 'robots 1', 'sw.js': 'sw' };
const v2: Site = { 'index.html': 'two', 'robots.txt': 'robots 2', 'sw.js': 'sw', 'news.html': 'n' };
const v3: Site = { 'index.html': 'three', 'robots.txt': 'robots 3', 'sw.js': 'sw' };

test('a single deletion counts, too', async () => {
  const bucket = await published({ ...v1, 'old.html': 'x' });
  await expect(publish(bucket, v1, { maxDeletePercent: 0 })).rejects.toMatchObject({ code: 'TooManyDeletions' });
  expect(bucket.writes).toEqual([]);
});

test('back to what was there before the first release: the CDN has to forget everything', async () => {
  const bucket = new FakeBucket();
  bucket.place('index.html', 'by another tool');
  const { outputs } = await publish(bucket, v1);
  confirm(bucket, outputs);
  const rolledBack = await back(bucket, 'before-slipway');
  expect(rolledBack.outputs['changed-paths']).toBe('["/*"]');
});

test('a bucket that is taken over: if the run is cut off, the CDN has to forget everything', async () => {
  const bucket = new FakeBucket();
  bucket.place('index.html', 'by another tool');
  await cutAt(bucket, ['before', 'upload index.html'], v1);
  expect(parseState(bucket.content(statePath)!).paths).toEqual(['/*']);
});

test('content that the release served now needs stays aside', async () => {
  const bucket = await published(v1, v2);
  await back(bucket);
  expect(bucket.writes.at(-1)).toMatch(/^remove /);
  expect(bucket.keys).toContain(bodyPath({ sha256: sha256('one'), etag: '' }));
});

test('the same content of yet other sources is recorded', async () => {
  const bucket = new FakeBucket();
  await publish(bucket, v1, { sourceHash: 'v1:first-hash' });
  await publish(bucket, v1, { sourceHash: 'v1:other-hash' });
  expect(parseState(bucket.content(statePath)!).releases[0]?.sourceHash).toBe('v1:other-hash');
});

test('a repair without a source hash keeps the one that is known', async () => {
  const bucket = new FakeBucket();
  await publish(bucket, v1, { sourceHash: 'v1:first-hash' });
  bucket.objects.delete('robots.txt');
  await publish(bucket, v1);
  expect(parseState(bucket.content(statePath)!).releases[0]?.sourceHash).toBe('v1:first-hash');
});

test('a release that was rolled back to and repaired: "previous" is older than it, not what was rolled back', async () => {
  const bucket = await published(v1, v2, v3);
  await back(bucket, 'previous', 'a');
  bucket.objects.delete('robots.txt');
  await publish(bucket, v2, { releaseId: 'r2' });
  await back(bucket, 'previous', 'b');
  expect(bucket.content('index.html')).toBe('one');
});

test('a release that was rolled back to and repaired: the same run again does not go back once more', async () => {
  const bucket = await published(v1, v2, v3);
  await back(bucket, 'previous', 'a');
  bucket.objects.delete('robots.txt');
  await publish(bucket, v2, { releaseId: 'r2' });
  await back(bucket, 'previous', 'a');
  expect(bucket.content('index.html')).toBe('two');
});

test('headers stay uncertain when the next run is cut off while it changes others', async () => {
  const bucket = await published(v1);
  await cutAt(bucket, ['after', 'copy robots.txt robots.txt'], v1, {
    cacheControl: new Map([['robots.txt', 'max-age=5']]),
  });
  const other = new Map([
    ['index.html', 'max-age=6'],
    ['sw.js', 'max-age=6'],
  ]);
  await cutAt(bucket, ['before', 'copy robots.txt robots.txt'], v1, { cacheControl: other });
  await publish(bucket, v1);
  expect(bucket.objects.get('robots.txt')?.headers?.cacheControl).toBe('no-cache');
});

test('headers stay uncertain for a release that has the file, past two that have not', async () => {
  const bucket = await published(v1);
  await cutAt(bucket, ['after', 'copy robots.txt robots.txt'], v1, {
    cacheControl: new Map([['robots.txt', 'max-age=5']]),
  });
  await publish(bucket, { 'index.html': 'two', 'sw.js': 'sw' }, { releaseId: 'r2' });
  await publish(bucket, { 'index.html': 'three', 'sw.js': 'sw' }, { releaseId: 'r3' });
  await back(bucket, 'r1');
  expect(bucket.objects.get('robots.txt')?.headers?.cacheControl).toBe('no-cache');
});

test('what was there before is not taken for what is published now', async () => {
  const bucket = new FakeBucket();
  bucket.place('index.html', 'by another tool');
  bucket.place('a.txt', 'its text');
  await publish(bucket, { 'index.html': 'one', 'a.txt': 'ours' }, { releaseId: 'r1' });
  await publish(bucket, { 'index.html': 'two', 'a.txt': 'ours' }, { releaseId: 'r2' });
  await back(bucket, 'before-slipway');
  expect(bucket.content('a.txt')).toBe('its text');
});

test.each([
  [5_000_000_000, 'headers'],
  [5_000_000_001, 'put'],
])('other headers of a file of %d bytes: %s', (size, kind) => {
  const file = {
    path: 'a.mp4',
    file: '/site/a.mp4',
    size,
    sha256: sha256('a'),
    etag: 'e',
    executable: false,
    modified: 0,
  };
  const plan = planPublish(publishInputs(), {
    files: new Map([['a.mp4', { size, etag: 'e' }]]),
    internal: new Map(),
    now: 0,
    state: undefined,
    stateEtag: undefined,
    local: [file],
  });
  expect(plan.steps.filter((step) => step.kind !== 'keep')).toMatchObject([{ kind, path: 'a.mp4' }]);
});

test('what a viewer was refused in between is forgotten by the CDN, too, when the repair is cut off', async () => {
  const bucket = new FakeBucket();
  const { outputs } = await publish(bucket, v1);
  confirm(bucket, outputs);
  bucket.objects.delete('robots.txt');
  await cutAt(bucket, ['after', 'upload robots.txt'], v1);
  expect((await publish(bucket, v1)).outputs['changed-paths']).toBe('["/robots.txt"]');
});

test('headers that a rollback to what was there before leaves as they are are not believed', async () => {
  const bucket = new FakeBucket();
  const was: Site = { 'index.html': 'x', 'robots.txt': 'same' };
  for (const [path, content] of Object.entries(was)) bucket.place(path, content);
  const at = (releaseId: string, age: number) => ({
    releaseId,
    retainReleases: 9,
    cacheControl: new Map([['robots.txt', `max-age=${age}`]]),
  });
  await publish(bucket, was, at('r1', 1));
  await publish(bucket, { ...was, 'robots.txt': 'other' }, at('r2', 1));
  await publish(bucket, was, at('r3', 3));
  await cutAt(bucket, ['after', 'upload robots.txt'], { ...was, 'robots.txt': 'third' }, at('r4', 3));
  bucket.after = (done) => {
    if (done.endsWith(' robots.txt')) throw new Error('killed');
  };
  await expect(
    syncFrontend(rollbackInputs('before-slipway', { retainReleases: 9 }), portsOn(bucket, {})),
  ).rejects.toThrow('killed');
  bucket.after = () => undefined;
  await publish(bucket, was, at('r3', 3));
  expect(bucket.objects.get('robots.txt')?.headers?.cacheControl).toBe('max-age=3');
});

test('warns of a change under a name that was immutable, not of one that becomes so, nor of a rollback', async () => {
  const bucket = new FakeBucket();
  const cacheControl = new Map([['*.html', 'max-age=9, immutable']]);
  await publish(bucket, v1, { cacheControl });
  expect((await publish(bucket, v2, { releaseId: 'r2' })).summary).toContain('index.html: served as immutable');
  const next = await publish(bucket, { ...v2, 'index.html': 'three' }, { releaseId: 'r3', cacheControl });
  expect(next.summary).not.toContain('served as immutable');
  await publish(bucket, { ...v2, 'index.html': 'four' }, { releaseId: 'r4', cacheControl });
  expect((await back(bucket)).summary).not.toContain('served as immutable');
});

test('content of two files is put aside once', async () => {
  const same = 'too large for the record'.repeat(3000);
  const bucket = await published({ ...v1, 'a.txt': same, 'b.txt': same });
  await publish(bucket, { ...v1, 'a.txt': 'A', 'b.txt': 'B' }, { releaseId: 'r2' });
  expect(bucket.writes.filter((line) => line.startsWith('copy '))).toHaveLength(1);
});

test('notes of invalidations go with other deletions', async () => {
  const bucket = await published(v2);
  bucket.place('.releases/invalidated/1-0123456789abcdef.all', 'I1');
  await publish(bucket, v1, { releaseId: 'r2' });
  expect(bucket.keys).not.toContain('.releases/invalidated/1-0123456789abcdef.all');
});

test('an asset that goes needs no invalidation; the summary says why each file goes', async () => {
  const bucket = new FakeBucket();
  const assets = { 'assets/app-aaaa1111.js': 'app 1', 'robots.txt': 'r' };
  await publish(bucket, { 'index.html': 'one', ...assets }, { retainReleases: 1 });
  bucket.place('robots.txt', 'by hand');
  const { outputs, summary } = await publish(bucket, { 'index.html': 'two' }, { retainReleases: 1, releaseId: 'r2' });
  expect(JSON.parse(outputs['changed-paths']!)).toEqual(['/', '/index.html', '/robots.txt']);
  expect(summary).toMatch(/app-aaaa1111\.js.*only in releases no longer kept/);
  expect(summary).toMatch(/robots\.txt.*in no release/);
});

test('an asset of another tool that is overwritten has to be forgotten', async () => {
  const bucket = new FakeBucket();
  bucket.place('assets/app-aaaa1111.js', 'by another tool');
  const { outputs } = await publish(bucket, { ...v1, 'assets/app-aaaa1111.js': 'ours' });
  expect(JSON.parse(outputs['changed-paths']!)).toContain('/assets/app-aaaa1111.js');
});

test('whole site, encoded', () => {
  expect(wholeSite('/é/')).toEqual(['/%C3%A9', '/%C3%A9/*']);
});

test('what somebody put in the place of an adopted file is in no release', async () => {
  const bucket = new FakeBucket();
  bucket.place('c.txt', 'its text');
  await publish(bucket, v1);
  expect(bucket.keys).toContain('c.txt');
  bucket.place('c.txt', 'by hand');
  await publish(bucket, v3, { releaseId: 'r2' });
  expect(bucket.keys).not.toContain('c.txt');
});

test('only what no record explains is read once more for its ETag', async () => {
  const bucket = await published(v1);
  bucket.place('robots.txt', 'robots X');
  const ports = portsOn(bucket, { ...v1, 'new.txt': '' });
  const read: string[] = [];
  const digests: typeof ports.tree.digests = (kind, files) => {
    if (kind === 'etag') read.push(...files.map(({ file }) => file.replace(/.*\//, '')));
    return ports.tree.digests(kind, files);
  };
  await syncFrontend(publishInputs(), { ...ports, tree: { ...ports.tree, digests } });
  expect(read).toEqual(['robots.txt']);
});

describe('check', () => {
  const found = (files: Scan & { kind: 'found' }): Scan => files;
  const file = (path: string, executable = false) => ({ path, file: path, size: 0, executable, modified: 0 });
  const hashOf = async (
    files: readonly ReturnType<typeof file>[],
    links: readonly { path: string; target: string }[] = [],
    changes = {},
  ) => {
    const ports = portsOn(new FakeBucket(), {});
    const scan = async () => found({ kind: 'found', files, links, problems: [] });
    return (await syncFrontend(checkInputs(changes), { ...ports, tree: { ...ports.tree, scan } })).outputs[
      'source-hash'
    ];
  };
  test('hashes who may execute, links and where they lead, the order of rules; not the order of files', async () => {
    const base = await hashOf([file('a'), file('b')]);
    expect(await hashOf([file('b'), file('a')])).toBe(base);
    const links = [[{ path: 'l', target: 'a' }], [{ path: 'l', target: 'b' }]] as const;
    const rules = [
      ['a', 'x'],
      ['b', 'y'],
    ] as const;
    const hashes = [
      base,
      await hashOf([file('a', true), file('b')]),
      await hashOf([file('a'), file('b')], links[0]),
      await hashOf([file('a'), file('b')], links[1]),
      await hashOf([file('a'), file('b')], [], { cacheControl: new Map(rules) }),
      await hashOf([file('a'), file('b')], [], { cacheControl: new Map([...rules].reverse()) }),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    await expect(hashOf([], links[0])).resolves.toMatch(/^v1:/);
  });
  test('not published: a file changed by hand, or headers that a run was about to change', async () => {
    const sources = { 'src/a.ts': 'a' };
    const bucket = new FakeBucket();
    const check = async () => (await syncFrontend(checkInputs(), portsOn(bucket, sources))).outputs;
    const sourceHash = (await check())['source-hash'];
    const { outputs } = await publish(bucket, v1, { sourceHash });
    confirm(bucket, outputs);
    expect((await check())['published']).toBe('true');
    const good = bucket.copyOf();
    bucket.place('robots.txt', 'robots X');
    expect((await check())['published']).toBe('false');
    bucket.objects.set('robots.txt', good.objects.get('robots.txt')!);
    expect((await check())['published']).toBe('true');
    await cutAt(bucket, ['after', 'write .releases/state.json'], v1, {
      cacheControl: new Map([['robots.txt', 'max-age=5']]),
    });
    expect((await check())['published']).toBe('false');
  });
  test('published, though headers of a file of an older release are uncertain', async () => {
    const sources = { 'src/a.ts': 'a' };
    const bucket = await published(v1);
    await cutAt(bucket, ['after', 'copy robots.txt robots.txt'], v1, {
      cacheControl: new Map([['robots.txt', 'max-age=5']]),
    });
    const check = async () => (await syncFrontend(checkInputs(), portsOn(bucket, sources))).outputs;
    const { outputs } = await publish(
      bucket,
      { 'index.html': 'two' },
      { releaseId: 'r2', sourceHash: (await check())['source-hash'] },
    );
    confirm(bucket, outputs);
    expect(parseState(bucket.content(statePath)!).uncertain).toEqual(new Set(['robots.txt']));
    expect((await check())['published']).toBe('true');
  });
});

describe('the source', () => {
  const rules = { source: '/s', prefix: 'app/', requireHtml: true };
  const of = (paths: readonly string[], problems: readonly string[] = []): Scan => ({
    kind: 'found',
    files: paths.map((path) => ({ path, file: path, size: 0, executable: false, modified: 0 })),
    links: [],
    problems,
  });
  test('a key of 1,024 bytes with its prefix, and no more; any page will do; all problems are counted', () => {
    expect(refuseSource(of(['A.HTM', 'a'.repeat(1020)]), rules)).toHaveLength(2);
    expect(refuseSource(of(['a.xhtml']), rules)).toHaveLength(1);
    expect(() => refuseSource(of(['a.html', 'a'.repeat(1021)]), rules)).toThrow('1,024 bytes');
    const problems = Array.from({ length: 11 }, (_, n) => `p${n}`);
    expect(() => refuseSource(of(['a.html'], problems), rules)).toThrow(/- p9\n- … and 1 more$/);
  });
});

test('a release of which six files are gone: five names, and that there are more', async () => {
  const many = Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`assets/a${n}-aaaa1111.js`, 'x']));
  const bucket = await published({ ...v1, ...many }, v2);
  for (const path of Object.keys(many)) bucket.objects.delete(path);
  await expect(back(bucket)).rejects.toThrow(/: (?:\S+, ){4}\S+, …$/);
});

test('1,000 leftovers are enough to tidy up', async () => {
  const bucket = await published(v1);
  for (let n = 0; n < 1000; n += 1) bucket.place(`.releases/bodies/${n}`, '');
  await publish(bucket, { ...v1, 'index.html': 'two' }, { releaseId: 'r2' });
  expect(bucket.writes.filter((line) => line.startsWith('remove'))).toHaveLength(1);
});

test('another content type alone is set', async () => {
  const bucket = await published(v1);
  const { outputs } = await publish(bucket, v1, { contentTypes: new Map([['txt', 'text/markdown']]) });
  expect(outputs).toMatchObject({ 'headers-changed': '1', uploaded: '0' });
  expect(bucket.objects.get('robots.txt')?.headers?.contentType).toBe('text/markdown');
});

test('what was there before and is there again is not brought back once more', async () => {
  const bucket = new FakeBucket();
  bucket.place('a.txt', 'its text');
  bucket.place('index.html', 'its page');
  for (const [index, text] of ['ours', 'its text'].entries())
    await publish(bucket, { 'index.html': `${index}`, 'a.txt': text }, { releaseId: `r${index}` });
  bucket.log.length = 0;
  await back(bucket, 'before-slipway');
  expect(bucket.writes.filter((line) => line.endsWith(' a.txt'))).toEqual([]);
});

test('an asset of an older release that goes needs no invalidation', async () => {
  const bucket = await published({ 'index.html': 'one', 'assets/app-aaaa1111.js': 'app 1' }, { 'index.html': 'two' });
  const { outputs } = await publish(bucket, { 'index.html': 'three' }, { retainReleases: 1, releaseId: 'r3' });
  expect(bucket.keys).not.toContain('assets/app-aaaa1111.js');
  const last = JSON.parse(outputs['changed-paths']!) as string[];
  expect(last.filter((path) => path.includes('app-'))).toEqual([]);
});

test.each([
  ['upload index.html', false, true],
  ['write .releases/state.json', true, true],
])('cancelled after %s: on record: %s', async (last, isOnRecord, isThere) => {
  const bucket = await published({ ...v1, 'old.html': 'x' });
  const controller = new AbortController();
  bucket.after = (done) => {
    if (done === last) controller.abort(new ActionError('Cancelled', 'cancelled'));
  };
  const ports = { ...portsOn(bucket, { ...v1, 'index.html': 'two' }), signal: controller.signal };
  const { failure, outputs } = await syncFrontend(publishInputs({ releaseId: 'r2' }), ports);
  expect(failure?.code).toBe('Cancelled');
  expect(outputs['published']).toBe('false');
  expect(parseState(bucket.content(statePath)!).releases[0]?.id).toBe(isOnRecord ? 'r2' : 'r1');
  expect(bucket.keys.includes('old.html')).toBe(isThere);
});

test('a rollback below a prefix brings the content back', async () => {
  const bucket = new FakeBucket();
  const at = { prefix: 'app/', basePath: '/app/' };
  await publish(bucket, v1, at);
  await publish(bucket, v2, { ...at, releaseId: 'r2' });
  const { failure } = await syncFrontend(rollbackInputs('previous', at), portsOn(bucket, {}));
  expect(failure).toBeUndefined();
  expect(bucket.content('app/robots.txt')).toBe('robots 1');
});

test.each<readonly [string, string, Site, Partial<PublishInputs>?]>([
  ['index.html', 'copy index.html .releases/bodies/', { ...v1, 'index.html': 'two' }],
  ['robots.txt', 'copy robots.txt robots.txt', v1, { cacheControl: new Map([['robots.txt', 'max-age=5']]) }],
])('what somebody puts in the place of %s meanwhile is not taken for it', async (path, ...[request, site, changes]) => {
  const bucket = await published(v1);
  bucket.before = (asked) => {
    if (asked.startsWith(request)) bucket.place(path, 'by hand');
  };
  const { failure, outputs } = await publish(bucket, site, { ...changes, releaseId: 'r2' });
  expect(failure?.code).toBe('PreconditionFailed');
  expect(outputs['published']).toBe('false');
  expect(bucket.content(path)).toBe('by hand');
});

test('two first publishes at the same time: one is found out', async () => {
  const bucket = new FakeBucket();
  bucket.before = (asked) => {
    if (asked === 'upload index.html') bucket.place(statePath, 'theirs');
  };
  expect((await publish(bucket, v1)).failure?.code).toBe('ConcurrentPublish');
  expect(bucket.content(statePath)).toBe('theirs');
});

test('what could not be deleted is not counted as deleted, what could is', async () => {
  const bucket = await published({ ...v1, 'a.html': 'a', 'b.html': 'b' });
  const ports = portsOn(bucket, v1);
  const remove = async (keys: readonly string[]) => {
    await bucket.remove(keys.filter((key) => key !== 'b.html'));
    return keys.includes('b.html') ? [{ key: 'b.html', reason: 'AccessDenied: no' }] : [];
  };
  const store: ObjectStore = {
    list: (prefix) => bucket.list(prefix),
    read: (key) => bucket.read(key),
    write: (write) => bucket.write(write),
    upload: (upload) => bucket.upload(upload),
    put: (put) => bucket.put(put),
    copy: (copy) => bucket.copy(copy),
    remove,
  };
  const { outputs, failure } = await syncFrontend(publishInputs(), { ...ports, store });
  expect(failure?.code).toBe('DeletionFailed');
  expect(outputs).toMatchObject({ deleted: '1', published: 'false' });
});

test('only the record of the sources is new: that is a change', async () => {
  const bucket = await published(v1);
  expect((await publish(bucket, v1, { sourceHash: 'v1:other-hash' })).outputs['changed']).toBe('true');
});

test('cancelled in the middle of a stage: nothing more of it is sent; as many at a time as it may be', async () => {
  const many = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`f${n}.txt`, 'x']));
  const bucket = new FakeBucket();
  const controller = new AbortController();
  bucket.after = (done) => {
    if (done === 'upload f0.txt') controller.abort(new ActionError('Cancelled', 'cancelled'));
  };
  await syncFrontend(publishInputs(), { ...portsOn(bucket, { ...v1, ...many }), signal: controller.signal });
  expect(bucket.writes).toEqual(['upload f0.txt']);

  let busy = 0;
  let most = 0;
  const other = new FakeBucket();
  const ports = portsOn(other, { ...v1, ...many });
  const upload: ObjectStore['upload'] = async (one) => {
    most = Math.max(most, (busy += 1));
    await new Promise((resolve) => setImmediate(resolve));
    busy -= 1;
    return other.upload(one);
  };
  const store: ObjectStore = {
    list: (prefix) => other.list(prefix),
    read: (key) => other.read(key),
    write: (write) => other.write(write),
    upload,
    put: (put) => other.put(put),
    copy: (copy) => other.copy(copy),
    remove: (keys) => other.remove(keys),
  };
  await syncFrontend(publishInputs({ concurrency: 4 }), { ...ports, store });
  expect(most).toBe(4);
});

test('a check takes links as themselves, a publish what they lead to', async () => {
  const seen: string[] = [];
  for (const inputs of [checkInputs(), publishInputs()]) {
    const ports = portsOn(new FakeBucket(), v1);
    const scan: typeof ports.tree.scan = (root, options) => (seen.push(options.links), ports.tree.scan(root, options));
    await syncFrontend(inputs, { ...ports, tree: { ...ports.tree, scan } });
  }
  expect(seen).toEqual(['name', 'follow']);
});

test.each([
  ['upload robots.txt', 'every page is as it was'],
  ['upload index.html', 'some pages are new'],
])('a first publish that fails at %s: no release-id, and %s', async (at, headline) => {
  const bucket = new FakeBucket();
  bucket.before = (asked) => {
    if (asked === at) throw refused('AccessDenied', 403);
  };
  const { outputs, summary } = await publish(bucket, v2);
  expect(outputs).toMatchObject({ 'release-id': '', publication: '', 'changed-paths': '[]' });
  expect(summary).toContain(headline);
});

test('exactly as many files as the summary shows: none is left out', async () => {
  const site = Object.fromEntries(Array.from({ length: 14 }, (_, n) => [`f${n}.txt`, 'x']));
  expect((await publish(new FakeBucket(), { 'index.html': 'x', ...site })).summary).not.toContain('smaller ones');
});

describe('rollback: previous', () => {
  test('after a run that was cut off while it replaced pages: what viewers had before it', async () => {
    const bucket = await published(v1, v2);
    await cutAt(bucket, ['after', 'upload index.html'], v3, { releaseId: 'r3' });
    expect((await back(bucket)).outputs['release-id']).toBe('r2');
    expect(bucket.content('index.html')).toBe('two');
    expect((await back(bucket, 'previous', 'b')).outputs['release-id']).toBe('r1');
  });

  test('after a run that was cut off before it touched a page: the release before the one that is served', async () => {
    const bucket = await published(v1, v2);
    await cutAt(bucket, ['after', 'upload robots.txt'], v3, { releaseId: 'r3' });
    expect((await back(bucket)).outputs['release-id']).toBe('r1');
  });

  test.each([false, true])('cut off itself, it goes on to the same release (opaque ETags: %s)', async (opaqueEtags) => {
    const bucket = new FakeBucket();
    bucket.opaqueEtags = opaqueEtags;
    for (const [index, site] of [v1, v2, v3].entries()) await publish(bucket, site, { releaseId: `r${index + 1}` });
    for (const at of ['.releases/state.json', 'robots.txt', 'index.html']) {
      bucket.after = (done) => {
        if (done.endsWith(` ${at}`)) throw new Error('killed');
      };
      await expect(back(bucket)).rejects.toThrow('killed');
    }
    bucket.after = () => undefined;
    expect((await back(bucket, 'previous', 'another run')).outputs['release-id']).toBe('r2');
    expect(bucket.content('index.html')).toBe('two');
    expect((await back(bucket, 'previous', 'one more')).outputs['release-id']).toBe('r1');
  });

  test('that was begun and given up is forgotten with the next publish, also of what is served', async () => {
    const bucket = await published(v1, v2, v3);
    bucket.after = (done) => {
      if (done === 'write .releases/state.json') throw new Error('killed');
    };
    await expect(back(bucket, 'r1')).rejects.toThrow('killed');
    bucket.after = () => undefined;
    await publish(bucket, v3, { releaseId: 'r3' });
    expect((await back(bucket)).outputs['release-id']).toBe('r2');
  });

  test('after rollbacks back and forth: what was published before, not what was served before', async () => {
    const bucket = await published(v1, v2, v3);
    await back(bucket, 'r1', 'a');
    await back(bucket, 'r2', 'b');
    expect((await back(bucket, 'previous', 'c')).outputs['release-id']).toBe('r1');
    await back(bucket, 'r3', 'd');
    expect((await back(bucket, 'previous', 'e')).outputs['release-id']).toBe('r2');
  });

  test('not to content that somebody replaced where it was put aside', async () => {
    const bucket = await published(v1, v2);
    bucket.place(bodyPath({ sha256: sha256('one'), etag: '' }), 'tampered and longer');
    await expect(back(bucket)).rejects.toMatchObject({ code: 'ReleaseIncomplete' });
  });
});

describe('exclude', () => {
  const docs: Site = { 'docs/index.html': 'docs', 'docs/sub/x.html': 'x', 'docs/a.txt': 'a' };
  test.each(['docs', 'docs/', '/docs', './docs', '**/docs', 'docs/*', 'docs/**', 'd?cs'])(
    '%s: what is in the folder is neither published nor deleted',
    async (glob) => {
      const bucket = new FakeBucket();
      for (const [key, content] of Object.entries(docs)) bucket.place(key, content);
      const own = { ...v1, 'docs/index.html': 'ours', 'docs/sub/y.html': 'ours' };
      for (const releaseId of ['r1', 'r2', 'r3', 'r4'])
        await publish(bucket, { ...own, 'index.html': releaseId }, { exclude: [glob], releaseId });
      expect(
        Object.fromEntries(
          bucket.keys.filter((key) => key.startsWith('docs')).map((key) => [key, bucket.content(key)]),
        ),
      ).toEqual(docs);
    },
  );

  test('include of a folder is all that is in it', async () => {
    const bucket = new FakeBucket();
    await publish(bucket, { ...v1, ...docs }, { include: ['docs'] });
    expect(bucket.keys.filter((key) => !key.startsWith('.releases/'))).toEqual(Object.keys(docs).sort());
  });
});

test('what a run that was cut off had sent does not stop the next one, of another commit', async () => {
  const chunks = (letter: string): Site =>
    Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`assets/c-${letter}aaa1${100 + n}.js`, letter]));
  const bucket = await published({ 'index.html': 'soon' });
  await cutAt(bucket, ['before', 'upload index.html'], { 'index.html': 'two', ...chunks('b') });
  const { failure, outputs } = await publish(
    bucket,
    { 'index.html': 'three', ...chunks('c') },
    { maxDeletePercent: 50 },
  );
  expect(failure).toBeUndefined();
  expect(outputs).toMatchObject({ deleted: '40', 'changed-paths': '["/","/index.html"]' });
  expect(bucket.keys.filter((key) => key.startsWith('assets/'))).toEqual(Object.keys(chunks('c')).sort());
  // Strangers' files still count.
  for (let n = 0; n < 100; n += 1) bucket.place(`uploads/${n}.jpg`, 'photo');
  await expect(
    publish(bucket, { 'index.html': 'four', ...chunks('c') }, { maxDeletePercent: 50 }),
  ).rejects.toMatchObject({
    code: 'TooManyDeletions',
  });
});

test('a publication’s name never comes back, not even with the records lost', async () => {
  let time = 1_764_000_000_000;
  const clock = { now: () => (time += 2_000), sleep: async () => undefined };
  const names: string[] = [];
  const bucket = new FakeBucket();
  for (const site of [v1, v2, v1, v1, v2]) {
    const { outputs } = await syncFrontend(publishInputs(), { ...portsOn(bucket, site), clock });
    names.push(outputs['publication']!);
    if (names.length === 2) bucket.objects.delete(statePath);
    if (names.length === 3) bucket.objects.clear();
  }
  expect(new Set(names).size).toBe(names.length);
  expect(names.every((name) => /^\d{1,15}-[0-9a-f]{16}$/.test(name))).toBe(true);
});

test('a file that is only declared immutable, goes, and comes back with other content under its name is forgotten', async () => {
  const bucket = new FakeBucket();
  const inputs = { cacheControl: new Map([['assets/**', 'public, max-age=31536000, immutable']]), retainReleases: 1 };
  await publish(bucket, { ...v1, 'assets/logo.png': 'old', 'assets/a-aaaa1111.js': 'a' }, inputs);
  const { outputs } = await publish(bucket, { ...v1, 'index.html': 'two' }, { ...inputs, releaseId: 'r2' });
  const paths = JSON.parse(outputs['changed-paths']!) as readonly string[];
  expect(paths).toContain('/assets/logo.png');
  expect(paths).not.toContain('/assets/a-aaaa1111.js');
});

test('a page with a hashed name, such as a template that code loads, stays as long as the code', async () => {
  const fragment = { 'assets/tpl-1a2b3c41.html': '<p>', 'assets/app-1a2b3c41.js': 'load' };
  const bucket = await published({ ...v1, ...fragment }, v2);
  expect(bucket.keys).toEqual(expect.arrayContaining(Object.keys(fragment)));
  await publish(bucket, v3, { releaseId: 'r3', retainReleases: 1 });
  expect(bucket.keys.filter((key) => key.startsWith('assets/'))).toEqual([]);
});

test('what is too large to be copied is not put aside, which is said', () => {
  const size = 5_000_000_001;
  const old = {
    path: 'film.mp4',
    size,
    etag: 'e',
    sha256: 'a'.repeat(64),
    headers: { contentType: 'video/mp4', cacheControl: 'no-cache' },
  };
  const release = {
    id: 'r1',
    sequence: 1,
    origin: 1,
    content: 'c'.repeat(64),
    sourceHash: undefined,
    rolledBackBy: undefined,
  };
  const plan = planPublish(publishInputs({ releaseId: 'r2' }), {
    files: new Map([['film.mp4', { size, etag: 'e' }]]),
    internal: new Map(),
    now: 0,
    state: {
      releases: [{ ...release, files: new Map([['film.mp4', old]]) }],
      paths: [],
      uncertain: new Set(),
      bodies: new Map(),
      packs: [],
    },
    stateEtag: 's',
    local: [
      { path: 'film.mp4', file: '/f', size, sha256: 'b'.repeat(64), etag: undefined, executable: false, modified: 0 },
    ],
  });
  expect(plan.steps.map(({ kind }) => kind)).toEqual(['put']);
  expect(plan.warnings).toEqual([expect.stringMatching(/^film\.mp4: too large/)]);
});

test('new files come before assets that are overwritten and may refer to them', async () => {
  const cacheControl = new Map([['assets/**', 'immutable']]);
  const bucket = new FakeBucket();
  await publish(bucket, { ...v1, 'assets/app.js': '1' }, { cacheControl });
  bucket.log.length = 0;
  await publish(bucket, { ...v1, 'assets/app.js': '2', 'lib/new.js': 'new' }, { cacheControl, releaseId: 'r2' });
  expect(bucket.writes.filter((line) => line.startsWith('upload'))).toEqual([
    'upload lib/new.js',
    'upload assets/app.js',
  ]);
});

test('what a cut-off run replaced and the next one leaves out is forgotten, though it stays for open tabs', async () => {
  const bucket = await published(v1, v2);
  const { outputs } = await back(bucket);
  confirm(bucket, outputs);
  await cutAt(bucket, ['after', 'upload robots.txt'], v2, { releaseId: 'r2' });
  const next = await publish(bucket, { 'index.html': 'three', 'sw.js': 'sw' }, { releaseId: 'r3' });
  expect(bucket.content('robots.txt')).toBe('robots 2');
  expect(JSON.parse(next.outputs['changed-paths']!)).toContain('/robots.txt');
});

test('what somebody put in the place of a hashed asset is forgotten when it goes', async () => {
  const bucket = await published({ ...v1, 'assets/app-aaaa1111.js': 'app' });
  bucket.place('assets/app-aaaa1111.js', 'by hand');
  const { outputs } = await publish(bucket, v1, { releaseId: 'r2' });
  expect(bucket.keys).not.toContain('assets/app-aaaa1111.js');
  expect(JSON.parse(outputs['changed-paths']!)).toContain('/assets/app-aaaa1111.js');
});
