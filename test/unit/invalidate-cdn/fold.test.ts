import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { foldPaths } from '../../../actions/invalidate-cdn/src/fold.ts';
import { covers } from '../../../shared/core/url-path.ts';

const numbered = (count: number, name: (n: number) => string): readonly string[] =>
  Array.from({ length: count }, (_, n) => name(n));

describe('folding', () => {
  test('leaves as they are what fits, sorted, without what a wildcard covers already', () => {
    expect(foldPaths(['/b', '/a', '/b'], 2)).toEqual(['/a', '/b']);
    expect(foldPaths(['/a/*', '/a/b', '/a/c/*', '/ab'], 15)).toEqual(['/a/*', '/ab']);
  });

  test('takes the directory that holds them, not everything', () => {
    expect(foldPaths(['/', ...numbered(20, (n) => `/blog/${n}.html`)], 15)).toEqual(['/', '/blog/*']);
    expect(
      foldPaths(
        numbered(40, (n) => `/${n % 2 === 0 ? 'a' : 'b'}/${n}`),
        15,
      ),
    ).toEqual(['/a/*', '/b/*']);
    const dated = numbered(100, (n) => `/blog/${n % 2 === 0 ? 2023 : 2024}/${n}`);
    expect(foldPaths(dated, 15)).toEqual(['/blog/2023/*', '/blog/2024/*']);
    expect(
      foldPaths(
        numbered(100, (n) => `/u/${n}/index.html`),
        15,
      ),
    ).toEqual(['/u/*']);
  });

  test('takes everything where nothing less does', () => {
    expect(
      foldPaths(
        numbered(20, (n) => `/${n}.html`),
        15,
      ),
    ).toEqual(['/*']);
    expect(foldPaths(['/a', '/b'], 1)).toEqual(['/*']);
  });

  test('never sends more wildcards than CloudFront works on', () => {
    const wildcards = numbered(20, (n) => `/x/${n}/*`);
    expect(foldPaths(wildcards, 100)).toEqual(['/x/*']);
    expect(foldPaths(wildcards.slice(0, 15), 100)).toHaveLength(15);
  });
});

/** Every cover by given paths and directory wildcards, judged by the rule in words. */
function bruteForce(paths: readonly string[], max: number): { readonly wildcards: number; readonly entries: number } {
  const directories = new Set(['/']);
  for (const path of paths) {
    for (let at = path.indexOf('/', 1); at >= 0; at = path.indexOf('/', at + 1)) directories.add(path.slice(0, at + 1));
  }
  const candidates = [...directories];
  const depth = (prefix: string): number => prefix.split('/').length - 2;
  let best: readonly [number, number, number] | undefined;
  for (let mask = 0; mask < 2 ** candidates.length; mask += 1) {
    const chosen = candidates.filter((_, index) => (mask >> index) & 1);
    const rest = paths.filter((path) => !chosen.some((prefix) => path.startsWith(prefix)));
    const entries = rest.length + chosen.length;
    if (entries > max) continue;
    // Narrow first (the shallowest wildcard as deep as may be), then few wildcards, then few paths.
    const score = [-Math.min(99, ...chosen.map(depth)), chosen.length, entries] as const;
    const difference = best === undefined ? -1 : (score.map((n, i) => n - best![i]!).find((n) => n !== 0) ?? 0);
    if (difference < 0) best = score;
  }
  return { wildcards: best![1], entries: best![2] };
}

const segment = fc.constantFrom('a', 'b', 'c');
const path = fc
  .tuple(fc.array(segment, { maxLength: 2 }), fc.constantFrom('', 'x', 'y', 'z'))
  .map(([directories, name]) => `/${[...directories, name].join('/')}`);

test('covers every path, and is as narrow and as short as the best of all covers', () => {
  fc.assert(
    fc.property(fc.uniqueArray(path, { minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 6 }), (paths, max) => {
      const folded = foldPaths(paths, max);
      for (const one of paths) expect(folded.some((pattern) => covers(pattern, one))).toBe(true);
      if (paths.length <= max) expect(folded).toEqual([...paths].sort());
      else {
        const wildcards = folded.filter((one) => one.endsWith('*')).length;
        expect({ wildcards, entries: folded.length }).toEqual(bruteForce(paths, max));
      }
    }),
    { numRuns: 300 },
  );
});
