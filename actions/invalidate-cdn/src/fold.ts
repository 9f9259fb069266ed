import { covers } from '../../../shared/core/url-path.ts';

/** CloudFront works on at most this many wildcards of a distribution at a time. */
const maxWildcards = 15;

/** A path, or the wildcard of a directory, in the tree of directories. */
interface Directory {
  readonly prefix: string;
  readonly depth: number;
  readonly leaves: string[];
  readonly children: Map<string, Directory>;
}

/** A way to cover a directory: `entries` paths, of which some are wildcards (the index of the list that holds it). */
interface Cover {
  readonly entries: number;
  readonly paths: () => readonly string[];
}

/**
 * The paths as they are when they are at most `max`. Beyond that, directories fold into wildcards (`/blog/*`) until they are: no
 * wildcard higher up than it must be, then as few wildcards as possible, then as few paths.
 */
export function foldPaths(given: readonly string[], max: number): readonly string[] {
  const wildcards = given.filter((path) => path.endsWith('*'));
  const unique = [...new Set(given)].filter(
    (path) => !wildcards.some((wildcard) => wildcard !== path && covers(wildcard, path)),
  );
  if (unique.length <= max && unique.filter((path) => path.endsWith('*')).length <= maxWildcards) return unique.sort();
  const root = treeOf(unique);
  for (let depth = deepest(root); depth >= 0; depth -= 1) {
    const best = coversOf(root, depth).find((cover) => cover !== undefined && cover.entries <= max);
    if (best !== undefined) return [...best.paths()].sort();
  }
  return ['/*'];
}

function treeOf(paths: readonly string[]): Directory {
  const root: Directory = { prefix: '/', depth: 0, leaves: [], children: new Map() };
  for (const path of paths) {
    let directory = root;
    const names = path.slice(1).split('/').slice(0, -1);
    for (const name of names) {
      const child = directory.children.get(name) ?? {
        prefix: `${directory.prefix}${name}/`,
        depth: directory.depth + 1,
        leaves: [],
        children: new Map<string, Directory>(),
      };
      directory.children.set(name, child);
      directory = child;
    }
    directory.leaves.push(path);
  }
  return root;
}

function deepest({ depth, children }: Directory): number {
  return Math.max(depth, ...[...children.values()].map(deepest));
}

/** By number of wildcards, the cover with the fewest paths; wildcards of directories above `minDepth` are not allowed. */
function coversOf(directory: Directory, minDepth: number): readonly (Cover | undefined)[] {
  const ownWildcards = directory.leaves.filter((path) => path.endsWith('*')).length;
  let best: (Cover | undefined)[] = [];
  if (ownWildcards <= maxWildcards) {
    best[ownWildcards] = { entries: directory.leaves.length, paths: () => directory.leaves };
  }
  for (const child of directory.children.values()) best = combine(best, coversOf(child, minDepth));
  if (directory.depth >= minDepth && (best[1] === undefined || best[1].entries > 1)) {
    best[1] = { entries: 1, paths: () => [`${directory.prefix}*`] };
  }
  return best;
}

function combine(a: readonly (Cover | undefined)[], b: readonly (Cover | undefined)[]): (Cover | undefined)[] {
  const both: (Cover | undefined)[] = [];
  for (const [i, left] of a.entries()) {
    for (const [j, right] of b.entries()) {
      if (left === undefined || right === undefined || i + j > maxWildcards) continue;
      const entries = left.entries + right.entries;
      if (entries < (both[i + j]?.entries ?? Infinity)) {
        both[i + j] = { entries, paths: () => [...left.paths(), ...right.paths()] };
      }
    }
  }
  return both;
}
