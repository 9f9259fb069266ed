import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  contentHash,
  isInvalidated,
  markerPath,
  parseState,
  publicationOf,
  serializeState,
  type Release,
  type SiteState,
} from '../../../shared/core/release.ts';

const file = fc.record({
  path: fc.string({ minLength: 1 }),
  size: fc.nat(),
  etag: fc.string(),
  sha256: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
  headers: fc.option(fc.record({ contentType: fc.string(), cacheControl: fc.string() }), { nil: undefined }),
});
const release = fc.record({
  id: fc.string(),
  sequence: fc.nat(),
  origin: fc.nat(),
  content: fc.string(),
  sourceHash: fc.option(fc.string(), { nil: undefined }),
  rolledBackBy: fc.option(fc.string(), { nil: undefined }),
  files: fc.array(file).map((files) => new Map(files.map((item) => [item.path, item]))),
});
const state = fc.record({
  releases: fc.array(release, { minLength: 1, maxLength: 4 }),
  paths: fc.array(fc.string()),
  uncertain: fc.array(fc.string()).map((paths) => new Set(paths)),
  goingBackTo: fc.option(fc.nat(), { nil: undefined }),
  bodies: fc.array(fc.tuple(fc.string(), fc.base64String())).map((bodies) => new Map(bodies)),
  packs: fc.array(
    fc.record({
      path: fc.string().map((name) => `.releases/packs/${name}`),
      etag: fc.string(),
      contents: fc.array(fc.string()).map((hashes) => new Set(hashes)),
    }),
  ),
});
/** As a version before wrote it, and more. */
const written = (more: object): string =>
  JSON.stringify({
    format: 'slipway-site/1',
    paths: [],
    uncertain: [],
    headers: [],
    releases: [{ id: 'r', content: 'c', sequence: 1, origin: 1 }],
    files: [],
    ...more,
  });
const nothing = { bodies: new Map(), packs: [] };

describe('the state in the bucket', () => {
  test('reads back as it was written', () => {
    fc.assert(fc.property(state, (given) => expect(parseState(serializeState(given))).toEqual(given)));
  });

  test('holds a file that releases share once', () => {
    const files = new Map([['a', { path: 'a', size: 1, etag: 'e', sha256: 's'.repeat(64), headers: undefined }]]);
    const one: Release = {
      id: 'x',
      sequence: 1,
      origin: 1,
      content: 'c',
      sourceHash: undefined,
      rolledBackBy: undefined,
      files,
    };
    const text = serializeState({ ...nothing, releases: [one, one, one], paths: [], uncertain: new Set() });
    expect(text.split('s'.repeat(64))).toHaveLength(2);
  });

  test('tells apart files that releases do not share, whatever the difference', () => {
    const base = { path: 'a', size: 1, etag: 'e', sha256: 's', headers: { contentType: 't', cacheControl: 'c' } };
    const versions = [
      base,
      { ...base, size: 2 },
      { ...base, etag: 'f' },
      { ...base, sha256: undefined },
      { ...base, headers: undefined },
      { ...base, headers: { contentType: 'u', cacheControl: 'c' } },
      { ...base, headers: { contentType: 't', cacheControl: 'd' } },
    ];
    const head = { id: 'x', sequence: 1, origin: 1, content: 'c', sourceHash: undefined, rolledBackBy: undefined };
    const releases = versions.map((file): Release => ({ ...head, files: new Map([['a', file]]) }));
    const given: SiteState = { ...nothing, releases, paths: [], uncertain: new Set(['a']) };
    expect(parseState(serializeState(given))).toEqual(given);
  });

  test('of a version before holds no contents', () => {
    expect(parseState(written({}))).toMatchObject(nothing);
  });

  test.each([
    ['', 'empty'],
    ['null', 'null'],
    ['[]', 'a list'],
    ['{"format":"slipway-site/2"}', 'a later version'],
    ['{"format":"slipway-site/1","paths":[],"uncertain":[],"headers":[],"releases":[],"files":[]}', 'no release'],
    ['{"format":"slipway-site/1","paths":[1],"uncertain":[],"headers":[],"releases":[{}],"files":[]}', 'wrong types'],
    ['<?xml version="1.0"?>', 'another format'],
    [written({ bodies: [['a']] }), 'contents without content'],
    [written({ bodies: [[1, 'a']] }), 'contents without hash'],
    [written({ packs: [['.releases/packs/a', 'e', 'x']] }), 'a pack without contents'],
    [written({ packs: [['.releases/packs/a', 1, []]] }), 'a pack without ETag'],
    [written({ packs: [['index.html', 'e', []]] }), 'a pack among the files of the site'],
  ])('refuses %j: %s', (text) =>
    expect(() => parseState(text)).toThrow('is not a release state this version can read'),
  );
});

describe('publications', () => {
  const files = [
    { path: 'a', sha256: '1', headers: undefined },
    { path: 'b', sha256: '2', headers: undefined },
  ];

  test('depend on content, headers and sequence, not on order', () => {
    const content = contentHash(files);
    expect(contentHash([...files].reverse())).toBe(content);
    expect(contentHash([{ ...files[0]!, headers: { contentType: 'x', cacheControl: 'y' } }, files[1]!])).not.toBe(
      content,
    );
    expect(publicationOf({ sequence: 1, content })).not.toBe(publicationOf({ sequence: 3, content }));
  });

  test('are invalidated when the marker is of these paths or of everything, or none is needed', () => {
    const one = { sequence: 7, content: 'c'.repeat(64) };
    const site = (paths: readonly string[]): SiteState => ({
      ...nothing,
      releases: [{ ...one, id: '', origin: 7, sourceHash: undefined, rolledBackBy: undefined, files: new Map() }],
      paths,
      uncertain: new Set(),
    });
    const marked = (paths: readonly string[], publication = publicationOf(one)) =>
      new Map([[markerPath({ publication, paths, distributionId: 'E1' }), {}]]);
    expect(isInvalidated(site([]), new Map())).toBe(true);
    expect(isInvalidated(site(['/a', '/b']), new Map())).toBe(false);
    expect(isInvalidated(site(['/a', '/b']), marked(['/b', '/a']))).toBe(true);
    expect(isInvalidated(site(['/a', '/b']), marked(['/x', '/*']))).toBe(true);
    expect(isInvalidated(site(['/a', '/b']), marked(['/a']))).toBe(false);
    expect(isInvalidated(site(['/a', '/b']), marked(['/a', '/b'], '6-x'))).toBe(false);
  });
});
