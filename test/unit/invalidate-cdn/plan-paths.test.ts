import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isWildcard, planPaths } from '../../../actions/invalidate-cdn/src/plan-paths.ts';

const inputs = { queryStrings: false, maxPaths: 10_000 };
const plan = (paths: readonly string[], changes: Partial<typeof inputs> = {}) =>
  planPaths({ ...inputs, ...changes, paths });
const sent = (...args: Parameters<typeof plan>) => plan(...args).batches.flat();

test('batches hold every path once, are within both limits, and are as few as can be', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_900 }), fc.integer({ min: 0, max: 100 }), (files, wildcards) => {
      const paths = [
        ...Array.from({ length: files }, (_, n) => `/f${n}`),
        ...Array.from({ length: wildcards }, (_, n) => `/w${n}/*`),
      ];
      const { batches } = plan(paths);
      expect(batches.flat().sort()).toEqual([...paths].sort());
      for (const batch of batches) {
        expect(batch.length).toBeLessThanOrEqual(3000);
        expect(batch.filter(isWildcard).length).toBeLessThanOrEqual(15);
      }
      expect(batches).toHaveLength(Math.max(Math.ceil(wildcards / 15), Math.ceil(paths.length / 3000)));
      expect(plan([...paths].reverse()).batches).toEqual(batches);
    }),
    {
      numRuns: 30,
      examples: [
        [9_000, 0],
        [2_985, 15],
        [2_986, 15],
        [0, 16],
        [1, 0],
      ],
    },
  );
});

test.each([
  ['/a~b', '/a*'],
  ['/a%7Eb', '/a*'],
  ['/a%7eb', '/a*'],
  ['/~me/x', '/*'],
  ['/a/b~c*', '/a/b*'],
  ['/star%2A.txt', '/star*'],
  ['/a?user=%7Eme', '/a?user=*'],
  // An encoded "%" before "7E" is another name.
  ['/a%257Eb', '/a%257Eb'],
])('%s is sent as %s', (path, expected) => expect(sent([path])).toEqual([expected]));

test('what a cut path covers goes, before anything is folded', () => {
  expect(sent(['/a~b', '/a1', '/a2', '/b'], { maxPaths: 2 })).toEqual(['/a*', '/b']);
});

test('any query string: the root page is everything, a named query string and a wildcard stay', () => {
  expect(sent(['/'], { queryStrings: true })).toEqual(['/*']);
  expect(sent(['/d', '/d/', '/x?y=1', '/w*'], { queryStrings: true })).toEqual(['/d*', '/w*', '/x?y=1']);
});

test('exactly max-paths are no fold worth a word', () => {
  expect(plan(['/a', '/b'], { maxPaths: 2 }).notes).toEqual([]);
});
