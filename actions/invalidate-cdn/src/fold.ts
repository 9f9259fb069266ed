/** CloudFront works on at most this many wildcards of a distribution at a time. */
export const wildcardsAtOnce = 15;

interface Leaf {
  readonly path: string;
  /** Without the `*` at its end. */
  readonly stem: string;
  readonly isWildcard: boolean;
}

/** Sorted by stem, so that what one wildcard or one directory covers stands side by side. */
interface Leaves {
  readonly sorted: readonly Leaf[];
  readonly wildcards: number;
  /** How many directories each path is in. */
  readonly depths: Int32Array;
  /** How many of them it shares with the path before it. */
  readonly shared: Int32Array;
}

/** The paths below one directory: a run of the sorted ones. */
interface Group {
  readonly start: number;
  readonly end: number;
  readonly wildcards: number;
}

export interface FoldLimits {
  /** How many paths there may be. */
  readonly max: number;
  /** How many wildcards folding may lead to; where more are given, that many. */
  readonly maxWildcards?: number;
}

/**
 * The paths as they are when they are at most `max`, without those that a wildcard covers already. Beyond that, directories fold into
 * wildcards (`/blog/*`) until they are: no wildcard higher up than it must be, then as few wildcards as possible, then as few paths.
 */
export function foldPaths(
  given: readonly string[],
  { max, maxWildcards = wildcardsAtOnce }: FoldLimits,
): readonly string[] {
  const sorted = uncovered(given);
  if (sorted.length <= max) return sorted.map(({ path }) => path).sort();
  const leaves = measure(sorted);
  const limits = { max, maxWildcards: Math.max(maxWildcards, leaves.wildcards) };
  const deepest = leaves.depths.reduce((a, b) => Math.max(a, b), 0);
  for (let depth = deepest; depth > 0; depth -= 1) {
    const folded = foldAt(leaves, depth, limits);
    if (folded !== undefined) return [...folded].sort();
  }
  return ['/*'];
}

function uncovered(given: readonly string[]): readonly Leaf[] {
  const sorted = [...new Set(given)].map((path): Leaf => {
    const isWildcard = path.endsWith('*');
    return { path, isWildcard, stem: isWildcard ? path.slice(0, -1) : path };
  });
  sorted.sort((a, b) => (a.stem < b.stem ? -1 : a.stem > b.stem ? 1 : Number(b.isWildcard) - Number(a.isWildcard)));
  const kept: Leaf[] = [];
  let cover: string | undefined;
  for (const leaf of sorted) {
    if (cover !== undefined && leaf.stem.startsWith(cover)) continue;
    kept.push(leaf);
    if (leaf.isWildcard) cover = leaf.stem;
  }
  return kept;
}

function measure(sorted: readonly Leaf[]): Leaves {
  const depths = new Int32Array(sorted.length);
  const shared = new Int32Array(sorted.length);
  let wildcards = 0;
  let before = '';
  for (const [index, { stem, isWildcard }] of sorted.entries()) {
    let slashes = 0;
    let common = 0;
    let isSame = true;
    for (let at = 0; at < stem.length; at += 1) {
      const code = stem.charCodeAt(at);
      isSame &&= code === before.charCodeAt(at);
      if (code !== slash) continue;
      slashes += 1;
      if (isSame) common += 1;
    }
    depths[index] = slashes - 1;
    shared[index] = Math.max(0, common - 1);
    if (isWildcard) wildcards += 1;
    before = stem;
  }
  return { sorted, wildcards, depths, shared };
}

const slash = 47;

/**
 * The best there is with wildcards of directories at `depth`, undefined when that is not enough. A deeper one is never better: the
 * directory at `depth` that holds it makes no more wildcards and no more paths.
 */
function foldAt(leaves: Leaves, depth: number, limits: Required<FoldLimits>): readonly string[] | undefined {
  const { sorted } = leaves;
  const groups = groupsAt(leaves, depth);
  let paths = sorted.length;
  let { wildcards } = leaves;
  const chosen: Group[] = [];
  const choose = (group: Group): void => {
    chosen.push(group);
    paths -= group.end - group.start - 1;
    wildcards += 1 - group.wildcards;
  };
  // Where a wildcard is already, one for all makes no more of them.
  for (const group of groups) if (group.wildcards > 0) choose(group);
  const plain = groups.filter((group) => group.wildcards === 0);
  plain.sort((a, b) => b.end - b.start - (a.end - a.start));
  for (const group of plain) {
    if (paths <= limits.max) break;
    choose(group);
  }
  if (paths > limits.max || wildcards > limits.maxWildcards) return undefined;
  const folded = chosen.map((group) => `${directory(sorted[group.start]?.stem ?? '/', commonDepth(leaves, group))}*`);
  chosen.sort((a, b) => a.start - b.start);
  let next = 0;
  for (const { start, end } of [...chosen, { start: sorted.length, end: sorted.length }]) {
    for (; next < start; next += 1) folded.push(sorted[next]?.path ?? '/*');
    next = end;
  }
  return folded;
}

/** The directories at `depth` that hold more than one path. */
function groupsAt({ sorted, depths, shared }: Leaves, depth: number): readonly Group[] {
  const groups: Group[] = [];
  for (let start = 0, end = 0; start < sorted.length; start = end) {
    let wildcards = 0;
    do {
      if (sorted[end]?.isWildcard === true) wildcards += 1;
      end += 1;
    } while (end < sorted.length && (shared[end] ?? 0) >= depth);
    if (end - start > 1 && (depths[start] ?? 0) >= depth) groups.push({ start, end, wildcards });
  }
  return groups;
}

/** Of the deepest directory that holds the whole group; what is a directory itself is no deeper than what it is in. */
function commonDepth({ shared, depths }: Leaves, { start, end }: Group): number {
  return shared.slice(start + 1, end).reduce((a, b) => Math.min(a, b), depths[start] ?? 0);
}

function directory(path: string, depth: number): string {
  let end = 0;
  for (let level = 0; level < depth; level += 1) end = path.indexOf('/', end + 1);
  return path.slice(0, end + 1);
}
