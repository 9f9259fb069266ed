import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bodyOf, planBodies, type Limits, type Publication } from '../../../actions/sync-frontend/src/plan-bodies.ts';
import { sha256 } from '../../../shared/core/hash.ts';
import {
  parsePack,
  serializePack,
  type FileHeaders,
  type Release,
  type ReleaseFile,
  type SiteState,
} from '../../../shared/core/release.ts';

const plain: FileHeaders = { contentType: 'text/plain', cacheControl: 'no-cache' };
const immutable: FileHeaders = { contentType: 'text/plain', cacheControl: 'max-age=9, immutable' };
const page: FileHeaders = { contentType: 'text/html; charset=utf-8', cacheControl: 'no-cache' };
const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Given {
  readonly text: string;
  readonly headers?: FileHeaders | undefined;
}
type Texts = Readonly<Record<string, string | Given>>;

function filesOf(texts: Texts): readonly ReleaseFile[] {
  return Object.entries(texts).map(([path, given]) => {
    const { text, headers } = typeof given === 'string' ? { text: given, headers: plain } : given;
    return { path, size: Buffer.byteLength(text), etag: 'e', sha256: sha256(text), headers };
  });
}
const releaseOf = (texts: Texts): Release => ({
  id: 'r',
  sequence: 1,
  origin: 1,
  content: 'c',
  sourceHash: undefined,
  rolledBackBy: undefined,
  files: new Map(filesOf(texts).map((file) => [file.path, file])),
});

interface Before {
  readonly inState?: readonly string[];
  readonly inPack?: readonly string[];
  /** That the pack has in the bucket. */
  readonly packEtag?: string;
}

function observed({ inState = [], inPack = [], packEtag = 'p' }: Before): Publication['observed'] & {
  readonly state: SiteState;
} {
  const path = '.releases/packs/one';
  const contents = new Set(inPack.map((text) => sha256(text)));
  return {
    state: {
      releases: [],
      paths: [],
      uncertain: new Set(),
      bodies: new Map(inState.map((text) => [sha256(text), base64(text)])),
      packs: inPack.length === 0 ? [] : [{ path, etag: 'p', contents }],
    },
    internal: new Map([[path, { size: 1, etag: packEtag }]]),
  };
}

interface Case extends Before {
  readonly older?: readonly Texts[];
  readonly retainReleases?: number;
  readonly limits?: Partial<Limits>;
  readonly isRollback?: boolean;
}

/** The texts, by where they are on record then. */
function plan(texts: Texts, { older = [], retainReleases = 3, limits, isRollback = false, ...before }: Case = {}) {
  const files = filesOf(texts).map((file) => ({
    ...file,
    source: isRollback ? ({ kind: 'kept' } as const) : ({ kind: 'local', file: `/site/${file.path}` } as const),
  }));
  const publication = {
    release: releaseOf(texts),
    files,
    older: older.map(releaseOf),
    retainReleases,
    observed: observed(before),
  };
  const all = limits === undefined ? undefined : { file: 1000, release: 1e6, state: 1e6, ...limits };
  const { bodies, packs, recording } = planBodies(publication, all);
  return {
    state: [...bodies.values()].map((content) => Buffer.from(content, 'base64').toString()),
    packs: packs.map(({ contents }) => [...contents]),
    read: recording.local.map(({ file }) => file.replace('/site/', '')),
    isPacked: recording.pack !== undefined,
    pack: recording.pack,
  };
}

describe('what is on record once a release is served', () => {
  test('is read of small files that may be overwritten: not of pages, nor of what is immutable or has no known headers', () => {
    const texts: Texts = {
      'sw.js': 'sw',
      'index.html': { text: 'page', headers: page },
      'assets/a.js': { text: 'asset', headers: immutable },
      unknown: { text: 'unknown', headers: undefined },
      'too-large': 'x'.repeat(64 * 1024 + 1),
      'large.txt': 'x'.repeat(64 * 1024),
      empty: '',
    };
    expect(plan(texts)).toMatchObject({ state: [], packs: [], read: ['empty', 'sw.js', 'large.txt'], isPacked: false });
  });

  test('is not read again, in whatever form it is there', () => {
    const texts = { a: 'in the state', b: 'in a pack', c: 'new', d: 'new' };
    expect(plan(texts, { inState: ['in the state'], inPack: ['in a pack'] })).toMatchObject({
      state: ['in the state'],
      packs: [[sha256('in a pack')]],
      read: ['d'],
    });
  });

  test('stays while a release names it, and goes with the last one', () => {
    const before = { inState: ['one', 'two', 'three'], inPack: ['old one', 'old two'] };
    const older = [{ a: 'two' }, { a: 'three', b: 'old two' }];
    const planned = plan({ a: 'four' }, { ...before, older });
    expect(planned).toMatchObject({ state: ['two', 'three'], packs: [[sha256('old two')]], read: ['a'] });
    expect(plan({ a: 'four' }, before)).toMatchObject({ state: [], packs: [] });
  });

  test('of a file that is no longer in the site, or is a page or immutable now, too', () => {
    const older = [{ gone: 'gone', about: 'about', 'a.js': 'code' }];
    const now: Texts = { about: { text: 'page', headers: page }, 'a.js': { text: 'other', headers: immutable } };
    expect(plan(now, { older, inState: ['gone', 'about', 'code'] }).state).toEqual(['gone', 'about', 'code']);
  });

  test('a pack that is not what was recorded counts as none: its contents are read again', () => {
    const before = { inPack: ['a'], packEtag: 'another' };
    expect(plan({ a: 'a' }, before)).toMatchObject({ packs: [], read: ['a'] });
  });

  test('a rollback reads nothing and keeps what there is', () => {
    const older = [{ a: 'two', b: 'b' }];
    const planned = plan({ a: 'one', b: 'b' }, { older, inState: ['one', 'two'], isRollback: true });
    expect(planned).toMatchObject({ state: ['one', 'two'], read: [] });
  });

  test('with a single release nothing is', () => {
    expect(plan({ a: 'a' }, { retainReleases: 1, inState: ['a', 'b'] })).toMatchObject({ state: [], read: [] });
  });

  test('the smallest first, as far as the limit reaches; what is on record counts, and stays beyond it', () => {
    const texts = { big: 'x'.repeat(90), small: 'x'.repeat(30), middle: 'x'.repeat(60), last: 'x'.repeat(120) };
    // 40 + 72, 80 + 72, 120 + 72, 160 + 72 as written.
    expect(plan(texts, { limits: { release: 112 + 152 } }).read).toEqual(['small', 'middle']);
    expect(plan(texts, { limits: { release: 112 + 151 } }).read).toEqual(['small']);
    const planned = plan(texts, { limits: { release: 112 + 152 }, inState: ['x'.repeat(120), 'x'.repeat(30)] });
    expect(planned.state).toHaveLength(2);
    expect(planned.read).toEqual(['middle']);
  });

  test('more than the state has room for goes into a pack, with all that the state held', () => {
    const texts = { a: 'x'.repeat(30), b: 'y'.repeat(30) };
    const one = { inState: ['x'.repeat(30)] };
    expect(plan(texts, { ...one, limits: { state: 224 } }).isPacked).toBe(false);
    const { pack, ...packed } = plan(texts, { ...one, limits: { state: 223 } });
    expect(packed).toMatchObject({ state: ['x'.repeat(30)], read: ['b'], isPacked: true });
    expect(pack).toMatch(/^\.releases\/packs\/[0-9a-f]{64}$/);
    // By what is in it: a run that was cut off is not in the way, and no other pack is.
    expect(plan(texts, { ...one, limits: { state: 1 } }).pack).toBe(pack);
    expect(plan({ ...texts, c: 'z' }, { ...one, limits: { state: 1 } }).pack).not.toBe(pack);
  });
});

describe('a body on record', () => {
  const file = filesOf({ a: 'text' })[0]!;
  const inState = observed({ inState: ['text'] });
  const inPack = observed({ inPack: ['text'] });

  test('is where the state says, with the headers that the release had', () => {
    expect(bodyOf(file, inState)).toEqual({ sha256: file.sha256, headers: plain, from: { content: base64('text') } });
    expect(bodyOf(file, inPack)).toEqual({
      sha256: file.sha256,
      headers: plain,
      from: { pack: '.releases/packs/one' },
    });
    const empty = filesOf({ a: '' })[0]!;
    expect(bodyOf(empty, observed({ inState: [''] }))).toMatchObject({ from: { content: '' } });
  });

  test('is none without known headers, hash or state, or when it is not what it should be', () => {
    for (const one of [inState, inPack]) {
      expect(bodyOf({ ...file, headers: undefined }, one)).toBeUndefined();
      expect(bodyOf({ ...file, sha256: undefined }, one)).toBeUndefined();
      expect(bodyOf({ ...file, sha256: sha256('other') }, one)).toBeUndefined();
      expect(bodyOf(file, { ...one, state: undefined })).toBeUndefined();
    }
    const spoilt = { ...inState.state, bodies: new Map([[sha256('text'), base64('texT')]]) };
    expect(bodyOf(file, { ...inState, state: spoilt })).toBeUndefined();
    expect(bodyOf({ ...file, size: 5 }, inState)).toBeUndefined();
    expect(bodyOf(file, { ...inPack, internal: new Map() })).toBeUndefined();
    expect(bodyOf(file, observed({ inPack: ['text'], packEtag: 'another' }))).toBeUndefined();
  });
});

test('a pack reads back as it was written', () => {
  const bytes = fc.uint8Array().map((content) => Buffer.from(content));
  fc.assert(
    fc.property(fc.array(bytes), (contents) => {
      const bodies = new Map(contents.map((content) => [sha256(content), content.toString('base64')]));
      expect(parsePack(serializePack(bodies))).toEqual(bodies);
    }),
  );
  expect(parsePack('')).toEqual(new Map());
});
