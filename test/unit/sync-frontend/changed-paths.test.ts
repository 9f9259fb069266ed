import { expect, test } from '@jest/globals';
import { planPaths } from '../../../actions/sync-frontend/src/plan-paths.ts';

const base = { changes: [], deletions: [], drifted: [], current: undefined };
const numbered = (count: number, name: string) => Array.from({ length: count }, (_, n) => `/${name}-${n + 1000}`);

test.each([
  ['/', ['/*']],
  ['/app/', ['/app', '/app/*']],
])('below %s, more than a thousand paths, or more text than an input may hold, is the whole site', (basePath, site) => {
  const paths = (under: readonly string[]) =>
    planPaths({ ...base, basePath, carried: under.map((path) => basePath + path.slice(1)) });
  expect(paths(numbered(1000, 'p'))).toHaveLength(1000);
  expect(paths(numbered(1001, 'p'))).toEqual(site);
  // An environment variable of 128 KiB is more than a process is started with.
  const long = '%D1%8F'.repeat(50);
  expect(JSON.stringify(paths(numbered(300, long))).length).toBeGreaterThan(90_000);
  expect(paths(numbered(330, long))).toEqual(site);
});

test('paths that are carried over from another base path are not lost in the whole of this one', () => {
  const much = numbered(1001, 'p').map((path) => `/app${path}`);
  expect(planPaths({ ...base, basePath: '/app/', carried: [...much, '/docs/'] })).toEqual(['/*']);
});
