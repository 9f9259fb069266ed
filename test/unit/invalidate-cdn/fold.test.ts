import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { foldPaths } from '../../../actions/invalidate-cdn/src/fold.ts';
import { covers } from '../../../shared/core/url-path.ts';

const numbered = (count: number, name: (n: number) => string): readonly string[] =>
  Array.from({ length: count }, (_, n) => name(n));

describe('folding', () => {
  test('leaves as they are what fits, sorted, without what a wildcard covers already', () => {
    expect(foldPaths(['/b', '/a', '/b'], { max: 2 })).toEqual(['/a', '/b']);
    expect(foldPaths(['/a/*', '/a/b', '/a/c/*', '/ab'], { max: 15 })).toEqual(['/a/*', '/ab']);
    // "*" sorts behind "!" and before "-": neither order hides what is covered.
    expect(foldPaths(['/a!', '/a', '/a-', '/a*', '/b'], { max: 15 })).toEqual(['/a*', '/b']);
  });

  test('takes the directory that holds them, not everything', () => {
    expect(foldPaths(['/', ...numbered(20, (n) => `/blog/${n}.html`)], { max: 15 })).toEqual(['/', '/blog/*']);
    expect(
      foldPaths(
        numbered(40, (n) => `/${n % 2 === 0 ? 'a' : 'b'}/${n}`),
        { max: 15 },
      ),
    ).toEqual(['/a/*', '/b/*']);
    const dated = numbered(100, (n) => `/blog/${n % 2 === 0 ? 2023 : 2024}/${n}`);
    expect(foldPaths(dated, { max: 15 })).toEqual(['/blog/2023/*', '/blog/2024/*']);
    expect(
      foldPaths(
        numbered(100, (n) => `/u/${n}/index.html`),
        { max: 15 },
      ),
    ).toEqual(['/u/*']);
  });

  test('names the deepest directory that holds what it folds', () => {
    const guides = numbered(20, (n) => `/docs/v2/guide/${n}.html`);
    const posts = numbered(20, (n) => `/blog/2024/${n}/index.html`);
    expect(foldPaths([...posts, ...guides], { max: 15 })).toEqual(['/blog/2024/*', '/docs/v2/guide/*']);
    expect(foldPaths(['/a/p/1', '/a/q/2', '/x/y/1', '/x/y/2'], { max: 2 })).toEqual(['/a/*', '/x/y/*']);
    // What stands in the directory itself keeps the wildcard there.
    expect(foldPaths(['/a', '/x/y/1', '/x/y/z/2', '/x/y/z/3', '/x/y/'], { max: 2 })).toEqual(['/a', '/x/y/*']);
  });

  test('a wildcard alone in its directory is left as it is', () => {
    expect(foldPaths(['/a/b*', '/c/1', '/c/2', '/d'], { max: 3 })).toEqual(['/a/b*', '/c/*', '/d']);
  });

  test('takes everything where nothing less does', () => {
    expect(
      foldPaths(
        numbered(20, (n) => `/${n}.html`),
        { max: 15 },
      ),
    ).toEqual(['/*']);
    expect(foldPaths(['/a', '/b'], { max: 1 })).toEqual(['/*']);
  });

  test('wildcards that are given stay while they fit, and folding adds none beyond what CloudFront works on at a time', () => {
    const wildcards = numbered(20, (n) => `/x/${n}/*`);
    expect(foldPaths(wildcards, { max: 100 })).toHaveLength(20);
    // 40 directories of 10 fit as 40 wildcards, but those would have to wait for each other.
    const deep = numbered(400, (n) => `/y/${n % 40}/${n}`);
    expect(foldPaths(deep, { max: 40 })).toEqual(['/y/*']);
    expect(foldPaths(deep, { max: 40, maxWildcards: 40 })).toHaveLength(40);
  });
});

/** The best of every cover by given paths and wildcards of directories, judged by the rule in words. */
function bruteForce(
  given: readonly string[],
  max: number,
  maxWildcards: number,
): { readonly wildcards: number; readonly entries: number } {
  const isWildcard = (path: string): boolean => path.endsWith('*');
  const paths = given.filter((path) => !given.some((other) => other !== path && covers(other, path)));
  const allowed = Math.max(maxWildcards, paths.filter(isWildcard).length);
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
    const wildcards = chosen.length + rest.filter(isWildcard).length;
    if (entries > max || wildcards > allowed) continue;
    // Narrow first (the shallowest wildcard as deep as may be), then few wildcards, then few paths.
    const score = [-Math.min(99, ...chosen.map(depth)), wildcards, entries] as const;
    const difference = best === undefined ? -1 : (score.map((n, i) => n - best![i]!).find((n) => n !== 0) ?? 0);
    if (difference < 0) best = score;
  }
  return { wildcards: best![1], entries: best![2] };
}

const segment = fc.constantFrom('a', 'b', 'ab');
// Names cut by a wildcard are what stands before a "~"; "!" sorts before "*", "-" behind it.
const name = fc.constantFrom('', 'x', 'y', 'z', 'x!', 'x-y', '*', 'x*', 'x!*');
const path = fc
  .tuple(fc.array(segment, { maxLength: 2 }), name)
  .map(([directories, last]) => `/${[...directories, last].join('/')}`);
const paths = fc.uniqueArray(path, { minLength: 1, maxLength: 9 });
const limits = fc.record({ max: fc.integer({ min: 1, max: 6 }), maxWildcards: fc.integer({ min: 1, max: 4 }) });

test('covers every path, and is as narrow and as short as the best of all covers', () => {
  fc.assert(
    fc.property(paths, limits, (given, { max, maxWildcards }) => {
      const folded = foldPaths(given, { max, maxWildcards });
      for (const one of given) expect(folded.some((pattern) => covers(pattern, one))).toBe(true);
      expect(new Set(folded).size).toBe(folded.length);
      const needed = given.filter((one) => !given.some((other) => other !== one && covers(other, one)));
      if (needed.length <= max) expect(folded).toEqual([...needed].sort());
      else {
        const wildcards = folded.filter((one) => one.endsWith('*')).length;
        expect({ wildcards, entries: folded.length }).toEqual(bruteForce(given, max, maxWildcards));
      }
    }),
    { numRuns: 400 },
  );
});

test('covers a hundred thousand paths of any depth', () => {
  const many = numbered(100_000, (n) => `/s${n % 7}/${n % 100}/${n % 1000}/page-${n}${n % 50 === 0 ? '*' : ''}`);
  const folded = foldPaths([...many, `/${'d/'.repeat(300)}x`], { max: 1000 });
  expect(folded.length).toBeLessThanOrEqual(1000);
  for (const one of many) if (!folded.some((pattern) => covers(pattern, one))) throw new Error(`${one} is not covered`);
});
