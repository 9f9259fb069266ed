import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  sourceHash,
  sourceTags,
  type BuildSource,
  type NamedContext,
} from '../../../actions/build-push-image/src/source-hash.ts';
import { inputs } from './kit.ts';

const base = { name: 'python:3.11-slim', identity: 'sha256:1', from: 'registry' } as const;
const directory = (sha256: string): NamedContext => ({
  name: 'assets',
  is: { kind: 'directory', path: 'dist', digest: { sha256, files: 1, bytes: 1 } },
});
const source: BuildSource = {
  dockerfile: new TextEncoder().encode('FROM python:3.11-slim\n'),
  contextSha256: 'c',
  bases: [base],
  contexts: [],
  syntax: undefined,
  builder: { kind: 'buildx', platform: 'linux/amd64' },
};
const given = {
  'build-args': 'A=1\nB=2',
  labels: 'team=x\norg.opencontainers.image.revision=1',
  secrets: 'npm=hunter2',
  platforms: '',
};
const hash = sourceHash(inputs(given), source);

test.each([
  ['a build argument', { 'build-args': 'A=1\nB=3' }, {}],
  ['a target', { target: 'runtime' }, {}],
  ['a label', { labels: 'team=y' }, {}],
  ['another secret id', { secrets: 'pip=hunter2' }, {}],
  ['a platform', { platforms: 'linux/arm64' }, {}],
  ['provenance', { provenance: 'min' }, {}],
  ['an SBOM', { sbom: 'true' }, {}],
  ['what makes the SBOM', { sbom: 'true', 'sbom-generator': 'host/scanner:1' }, {}],
  ['the Dockerfile', {}, { dockerfile: new TextEncoder().encode('FROM python:3.11-slim') }],
  ['a Dockerfile of other bytes that read the same', {}, { dockerfile: new Uint8Array([0xff]) }],
  ['the context', {}, { contextSha256: 'd' }],
  ['a base image that moved', {}, { bases: [{ ...base, identity: 'sha256:2' }] }],
  ['a frontend', {}, { syntax: { ...base, name: 'docker/dockerfile:1' } }],
  ['a named context', {}, { contexts: [directory('1')] }],
  ['the builder’s own platform', {}, { builder: { kind: 'buildx' as const, platform: 'linux/arm64' } }],
  ['the kind of builder', {}, { builder: { kind: 'docker' as const, platform: 'linux/amd64' } }],
])('%s changes the hash', (_, values, changes) => {
  expect(sourceHash(inputs({ ...given, ...values }), { ...source, ...changes })).not.toBe(hash);
});

test.each([
  ['tags', { tags: 'latest' }, {}],
  ['a secret’s value', { secrets: 'npm=other' }, {}],
  ['where a secret comes from', { secrets: '', 'secret-files': 'npm=./file' }, {}],
  ['the revision label', { labels: 'team=x\norg.opencontainers.image.revision=2' }, {}],
  ['the order of arguments', { 'build-args': 'B=2\nA=1' }, {}],
  ['the cache, force and the scan', { cache: 'none', force: 'true', scan: 'high' }, {}],
  ['the native platform, named', { platforms: 'linux/amd64' }, {}],
  ['the native platform in other words', { platforms: 'linux/amd64/v1' }, {}],
  ['a platform twice', { platforms: 'linux/amd64\nlinux/amd64/v1' }, {}],
  ['a proxy', { 'build-args': 'A=1\nHTTP_PROXY=http://me:pass@proxy\nno_proxy=x\nB=2' }, {}],
  ['who told the identity', {}, { bases: [{ ...base, from: 'daemon' as const }] }],
])('%s do not', (_, values, changes) => {
  expect(sourceHash(inputs({ ...given, ...values }), { ...source, ...changes })).toBe(hash);
});

test('one generator is not as good as another', () => {
  const of = (generator: string): string => sourceHash(inputs({ sbom: 'true', 'sbom-generator': generator }), source);
  expect(new Set([of('a:1'), of('a:2'), sourceHash(inputs({ sbom: 'true' }), source)]).size).toBe(3);
});

test('bytes that decode alike are not alike', () => {
  const of = (byte: number): string => sourceHash(inputs(), { ...source, dockerfile: new Uint8Array([byte]) });
  expect(of(0xfe)).not.toBe(of(0xff));
});

test('a proxy counts where the Dockerfile speaks of it', () => {
  const speaking = { ...source, dockerfile: new TextEncoder().encode('FROM a\nARG HTTPS_PROXY') };
  const of = (args: string): string => sourceHash(inputs({ 'build-args': args }), speaking);
  expect(of('https_proxy=http://a')).not.toBe(of('https_proxy=http://b'));
  expect(of('http_proxy=http://a')).toBe(of('http_proxy=http://b'));
});

test('a named context is its content, wherever it lies and whoever told what it is', () => {
  const image = (identity: string | undefined, name = 'x'): NamedContext => ({
    name: 'assets',
    is: { kind: 'image', image: { name, identity, from: undefined } },
  });
  const of = (context: NamedContext): string => sourceHash(inputs(given), { ...source, contexts: [context] });
  const [one, ...others] = [
    directory('1'),
    directory('2'),
    image('1'),
    image('2'),
    image(undefined),
    { ...directory('1'), name: 'x' },
  ];
  expect(new Set([one, ...others].map(of)).size).toBe(6);
  const elsewhere: NamedContext = {
    name: 'assets',
    is: { kind: 'directory', path: '../x', digest: { sha256: '1', files: 2, bytes: 3 } },
  };
  expect(of(elsewhere)).toBe(of(one));
  expect(of(image('1', 'y'))).toBe(of(image('1')));
});

/** Few names and values, the same for everything, so that two drawn sources are often alike, or alike but for where a word stands. */
const word = fc.constantFrom('a', 'b', 'npm');
const pairs = fc.uniqueArray(fc.tuple(word, word), { selector: ([name]) => name, maxLength: 3 });
const drawn = fc.record({
  args: pairs,
  labels: pairs,
  revision: word,
  bases: pairs,
  directories: pairs,
  images: pairs,
  secrets: pairs,
  secretFiles: fc.uniqueArray(fc.constantFrom('file-a', 'file-b'), { maxLength: 2 }),
  platforms: fc.uniqueArray(fc.constantFrom('linux/amd64', 'linux/arm64', 'linux/arm64/v8', 'linux/arm'), {
    maxLength: 3,
  }),
  native: fc.constantFrom('linux/amd64', 'linux/arm64'),
  target: fc.option(word, { nil: undefined }),
  provenance: fc.constantFrom('false', 'min', 'max'),
  sbom: fc.boolean(),
  dockerfile: word,
  tree: word,
  tags: fc.uniqueArray(word, { minLength: 1, maxLength: 2 }),
  cache: fc.constantFrom('auto', 'none'),
  force: fc.boolean(),
});
type Drawn = ReturnType<typeof drawn.generate>['value'];
const hashOf = (d: Drawn): string => {
  const object = (entries: readonly (readonly [string, string])[]): string =>
    entries.length === 0 ? '' : JSON.stringify(Object.fromEntries(entries));
  return sourceHash(
    inputs({
      'build-args': object(d.args),
      labels: object([...d.labels, ['org.opencontainers.image.revision', d.revision]]),
      secrets: object(d.secrets),
      'secret-files': d.secretFiles.map((id) => `${id}=./file`).join('\n'),
      platforms: d.platforms.join('\n'),
      target: d.target ?? '',
      provenance: d.provenance,
      sbom: String(d.sbom),
      tags: d.tags.join('\n'),
      cache: d.cache,
      force: String(d.force),
    }),
    {
      dockerfile: new TextEncoder().encode(d.dockerfile),
      contextSha256: d.tree,
      bases: d.bases.map(([name, identity]) => ({ name, identity, from: 'registry' })),
      contexts: [
        ...d.directories.map(([name, sha256]) => ({ ...directory(sha256), name })),
        ...d.images.map(([name, identity]): NamedContext => ({
          name: `image-${name}`,
          is: { kind: 'image', image: { name, identity, from: 'registry' } },
        })),
      ],
      syntax: undefined,
      builder: { kind: 'buildx', platform: d.native },
    },
  );
};
/** What decides what is built, in words that are the same for the same image. */
const decisive = (d: Drawn): string => {
  const sorted = (list: readonly unknown[]): readonly string[] => list.map((item) => JSON.stringify(item)).sort();
  const names: Readonly<Record<string, string>> = { 'linux/arm64/v8': 'linux/arm64', 'linux/arm': 'linux/arm/v7' };
  const platforms = d.platforms.length === 0 ? [d.native] : d.platforms;
  const { provenance, sbom, dockerfile, tree, target = null } = d;
  return JSON.stringify([
    ...[d.args, d.labels, d.bases, d.directories, d.images].map(sorted),
    sorted([...d.secrets.map(([id]) => id), ...d.secretFiles]),
    [...new Set(platforms.map((name) => names[name] ?? name))].sort(),
    ...[provenance, sbom, dockerfile, tree, target],
  ]);
};

test('two sources have one hash exactly when everything that decides is the same', () => {
  // The second is often the first with one thing changed.
  const two = drawn.chain((one) =>
    fc.tuple(
      fc.constant(one),
      fc.oneof(
        drawn,
        fc
          .tuple(drawn, fc.constantFrom(...(Object.keys(one) as (keyof Drawn)[])))
          .map(([other, key]) => ({ ...one, [key]: other[key] })),
      ),
    ),
  );
  let same = 0;
  fc.assert(
    fc.property(two, ([one, other]) => {
      const isSame = decisive(one) === decisive(other);
      if (isSame) same += 1;
      expect(hashOf(one) === hashOf(other)).toBe(isSame);
    }),
    { numRuns: 1000 },
  );
  expect(same).toBeGreaterThan(50);
});

test('in whatever order they are given, they are the same source', () => {
  const lists = [
    'args',
    'labels',
    'bases',
    'directories',
    'images',
    'secrets',
    'secretFiles',
    'platforms',
    'tags',
  ] as const;
  const shuffled = (d: Drawn): fc.Arbitrary<Drawn> =>
    fc
      .tuple(...lists.map((key) => fc.shuffledSubarray<unknown>(d[key], { minLength: d[key].length })))
      .map((orders) => ({ ...d, ...Object.fromEntries(lists.map((key, index) => [key, orders[index]])) }));
  fc.assert(
    fc.property(
      drawn.chain((d) => fc.tuple(fc.constant(d), shuffled(d))),
      ([one, other]) => expect(hashOf(other)).toBe(hashOf(one)),
    ),
  );
});

test('it is written down: whoever changes it raises the version, or every image is built anew', () => {
  expect(hash).toBe('cd6a5aa96842c53619b3668743e506d73da4c09164affd47fd71a7d8d00c2f6c');
});

test('tags of a source', () => {
  const tags = sourceTags(hash);
  expect(tags.slice(0, 3)).toEqual([`src-${hash}`, `src-${hash}-2`, `src-${hash}-3`]);
  expect(new Set(tags).size).toBe(40);
  expect(tags.every((tag) => /^\w[\w.-]{0,127}$/.test(tag))).toBe(true);
});
