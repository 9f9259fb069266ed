import { foldPaths, wildcardsAtOnce } from './fold.ts';
import type { Inputs } from './inputs.ts';

export interface PathPlan {
  /** As they are sent, in batches that CloudFront takes. */
  readonly batches: readonly (readonly string[])[];
  /** What was done to the given paths, and why. */
  readonly notes: readonly string[];
}

/**
 * CloudFront works on at most this many files of a distribution at a time
 * (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/InvalidationLimits.html).
 */
const filesAtOnce = 3000;

/**
 * A raw `~` is refused. Encoded it is accepted, and reports differ on whether anything is invalidated; an encoded `*` surely matches
 * nothing. The wildcard of what stands before is right in any case.
 */
const unmatched = /~|%7E|%2A/i;

export function planPaths({
  paths,
  queryStrings,
  maxPaths,
}: Pick<Inputs, 'paths' | 'queryStrings' | 'maxPaths'>): PathPlan {
  const notes: string[] = [];
  const cut = paths.map(beforeUnmatched);
  const example = paths.findIndex((path, index) => path !== cut[index]);
  if (example >= 0) {
    const count = cut.filter((path, index) => path !== paths[index]).length;
    notes.push(
      `${count} with "~" or "*" in a name, sent as the wildcard of what stands before it (${paths[example] ?? ''} as ${cut[example] ?? ''}): CloudFront may match nothing with the character encoded`,
    );
  }
  const full = queryStrings ? cut.map(withAnyQuery) : cut;
  if (queryStrings) notes.push('each path with any query string, as "path*"');
  const sent = foldPaths(full, { max: maxPaths });
  const wildcards = sent.filter(isWildcard).length;
  const needed = full.length > maxPaths ? foldPaths(full, { max: Infinity }).length : full.length;
  if (needed > maxPaths) {
    notes.push(
      `${needed} paths are more than max-paths (${maxPaths}): folded into ${sent.length}, wildcards: ${wildcards}`,
    );
  }
  const batches = inBatches(sent);
  if (batches.length > 1) {
    notes.push(
      `${batches.length} batches: CloudFront works on ${filesAtOnce} paths and ${wildcardsAtOnce} wildcards of a distribution at a time`,
    );
  }
  return { batches, notes };
}

export function isWildcard(path: string): boolean {
  return path.endsWith('*');
}

function beforeUnmatched(path: string): string {
  const at = path.search(unmatched);
  return at < 0 ? path : `${path.slice(0, at)}*`;
}

/** A path that names its query string is meant exactly. */
function withAnyQuery(path: string): string {
  return isWildcard(path) || path.includes('?') ? path : `${path}*`;
}

/** As few as there can be; each within both limits even if wildcards counted as files. */
function inBatches(paths: readonly string[]): readonly (readonly string[])[] {
  const wildcards = paths.filter(isWildcard);
  const files = paths.filter((path) => !isWildcard(path));
  const batches: (readonly string[])[] = [];
  for (let wildcard = 0, file = 0; wildcard < wildcards.length || file < files.length;) {
    const first = wildcards.slice(wildcard, wildcard + wildcardsAtOnce);
    const rest = files.slice(file, file + filesAtOnce - first.length);
    batches.push([...first, ...rest].sort());
    wildcard += first.length;
    file += rest.length;
  }
  return batches;
}
