import { bodiesFolder, bodyPath, markersFolder, packsFolder, type Release } from '../../../shared/core/release.ts';
import { isStoredAs, knownAs } from './compare.ts';
import { isImmutable, isPage } from './headers.ts';
import type { Observed } from './observe.ts';
import { bodyOf } from './plan-bodies.ts';
import { copyLimit, type KeepStep } from './plan-steps.ts';

const folders = [bodiesFolder, packsFolder, markersFolder];
/** So many leftovers cost every run one more request to list them: as much as deleting them costs once. */
const manyLeftovers = 1000;

/**
 * Content that a retained release names and that is about to be overwritten or deleted goes aside, once. Not what is on record. Nor what
 * is served as immutable: its name stands for its content, so that it is not overwritten at all, and a site that does so nevertheless was warned. Nor
 * what is too large for S3 to copy in one request: the release that names it cannot be gone back to.
 */
export function planKeeping(
  paths: readonly string[],
  older: readonly Release[],
  observed: Observed,
): readonly KeepStep[] {
  const planned = new Set<string>();
  const steps: KeepStep[] = [];
  for (const path of paths) {
    const stored = observed.files.get(path);
    const known = knownAs(path, observed);
    const records = older
      .flatMap(({ files }) => files.get(path) ?? [])
      .filter((file) => isStoredAs(file, stored, known));
    const [record] = records;
    if (record === undefined || stored === undefined) continue;
    if (isImmutable(record.headers) && !isPage(path, record.headers)) continue;
    if (records.every((file) => !isPage(path, file.headers) && bodyOf(file, observed) !== undefined)) continue;
    const to = bodyPath(record);
    if (observed.internal.get(to)?.size === stored.size || planned.has(to) || stored.size > copyLimit) continue;
    planned.add(to);
    const { size, etag } = stored;
    steps.push({ kind: 'keep', stage: 'keep', path, to, size, etag, reason: 'for a rollback' });
  }
  return steps;
}

/** Contents and notes below `.releases/` that no retained release needs, when it is worth it. */
export function planLeftovers(
  { internal }: Observed,
  {
    releases,
    packs,
    hasDeletions,
  }: { readonly releases: readonly Release[]; readonly packs: readonly string[]; readonly hasDeletions: boolean },
): readonly string[] {
  const candidates = [...internal.keys()].filter((path) => folders.some((folder) => path.startsWith(folder)));
  const needed = new Set<string>(packs);
  for (const { files } of releases) for (const file of files.values()) needed.add(bodyPath(file));
  const leftovers = candidates.filter((path) => !needed.has(path));
  return hasDeletions || leftovers.length >= manyLeftovers ? leftovers : [];
}
