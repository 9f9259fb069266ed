import type { Release } from '../../../shared/core/release.ts';
import { covers, keyToUrlPath, viewerPaths } from '../../../shared/core/url-path.ts';
import { isImmutable } from './headers.ts';
import type { Deletion } from './plan-deletions.ts';
import type { Change } from './plan-steps.ts';

/** Beyond this many, a wildcard says the same. */
const manyPaths = 1000;
/** An input reaches an action as one environment variable, for which Linux has 128 KiB. */
const manyCharacters = 100_000;

/** URL paths whose content at the viewer becomes another, and those that are carried over. */
export function planPaths(from: {
  readonly basePath: string;
  readonly changes: readonly Change[];
  readonly deletions: readonly Deletion[];
  /** Other files that viewers get another content of than before. */
  readonly drifted: readonly string[];
  readonly carried: readonly string[];
  readonly current: Release | undefined;
}): readonly string[] {
  const { basePath, changes, deletions, drifted, carried, current } = from;
  const gone = deletions.filter((deletion) => deletion.isSeen).map(({ path }) => path);
  const seen = changes.filter((change) => isSeen(change, current)).map(({ file }) => file.path);
  const paths = [...seen, ...gone, ...drifted].flatMap((path) => viewerPaths(basePath, path));
  const all = [...new Set([...paths, ...carried])].sort();
  const everything = wholeSite(basePath);
  const isMuch = all.length > manyPaths || JSON.stringify(all).length > manyCharacters;
  if (!isMuch && !everything.every((path) => all.includes(path))) return all;
  // Paths of another base path that nobody confirmed.
  return carried.some((path) => !everything.some((one) => covers(one, path))) ? ['/*'] : everything;
}

/** `/*`; of a folder `/app/*`, which does not stand for `/app`, and that. */
export function wholeSite(basePath: string): readonly string[] {
  const folder = `/${keyToUrlPath(basePath.slice(1))}`;
  return folder === '/' ? ['/*'] : [folder.slice(0, -1), `${folder}*`];
}

/** A hashed name that is new was never asked for; every other new path may have been answered by the app's fallback page. */
function isSeen({ file, difference }: Change, current: Release | undefined): boolean {
  const isFresh = current?.files.has(file.path) !== true && difference !== 'content';
  return !(isImmutable(file.headers) && isFresh);
}
