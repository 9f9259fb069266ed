import { PreconditionError } from '../../../shared/core/errors.ts';
import type { PathMatcher } from '../../../shared/core/glob.ts';
import type { FileHeaders, Release } from '../../../shared/core/release.ts';
import { isStoredAs, knownAs, newestRecord } from './compare.ts';
import { isHashedName } from './hashed-name.ts';
import { isImmutable, isPage } from './headers.ts';
import type { Observed } from './observe.ts';
import { publishScope, type Globs } from './scope.ts';

export interface Deletion {
  readonly path: string;
  readonly size: number;
  readonly reason: string;
  /** False for assets under names of their own: what a CDN still holds of them is right for ever. */
  readonly isSeen: boolean;
  /** A hashed name that no release knows: what a run that was cut off had sent. */
  readonly isRemnant: boolean;
  /** Pages go first: what they refer to must be there for as long as they are. */
  readonly isPage: boolean;
}

/** What this site may delete: neither what its scope leaves out nor the sites that live in folders of this one, with states of their own. */
export function deletableScope(globs: Globs, nested: readonly string[]): PathMatcher {
  const scope = publishScope(globs);
  return (path) => scope.file(path) && !nested.some((folder) => path.startsWith(folder));
}

/** The folders with sites of their own. */
export function nestedSites({ files }: Observed): readonly string[] {
  const end = '/.releases/state.json';
  const states = [...files.keys()].filter((path) => path.endsWith(end));
  return states.map((path) => path.slice(0, 1 - end.length));
}

export function refuseNested(files: readonly { readonly path: string }[], nested: readonly string[]): void {
  const folder = nested.find((site) => files.some(({ path }) => path.startsWith(site)));
  if (folder === undefined) return;
  throw new PreconditionError('NestedSite', `the folder ${folder} holds a site of its own, with its own releases`, {
    hint: `Leave it out with "exclude: ${folder}**", or publish under another "prefix".`,
  });
}

/**
 * Pages that are gone from the release go at once. Other files stay as long as a retained release names them as they are: open tabs and
 * cached pages still ask for them.
 */
export function planDeletions(from: {
  readonly observed: Observed;
  readonly older: readonly Release[];
  readonly wanted: ReadonlySet<string>;
  readonly isInScope: PathMatcher;
  /** What the rules of this run say of a file that no release records. */
  readonly guess: (path: string) => FileHeaders | undefined;
}): readonly Deletion[] {
  const { observed, older, wanted, isInScope, guess } = from;
  const deletions: Deletion[] = [];
  for (const [path, stored] of observed.files) {
    if (wanted.has(path) || !isInScope(path)) continue;
    const record = newestRecord(path, observed.state);
    const isHashed = isHashedName(path);
    const isAPage = isPage(path, record?.headers ?? guess(path));
    const known = knownAs(path, observed);
    // A template that code loads by its hashed name is an asset to whoever has the code.
    if ((!isAPage || isHashed) && older.some(({ files }) => isStoredAs(files.get(path), stored, known))) continue;
    const reason = isAPage
      ? 'page no longer in the site'
      : record === undefined || known === undefined
        ? 'in no release'
        : 'only in releases no longer kept';
    deletions.push({
      path,
      size: stored.size,
      reason,
      // Declared immutable, a plain name may come back with another content; so may what somebody put in an asset's place.
      isSeen: !isHashed || (record !== undefined && !(known !== undefined && isImmutable(record.headers))),
      isRemnant: record === undefined && isHashed,
      isPage: isAPage,
    });
  }
  return deletions.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** `files`: how many there are in the bucket. What runs that were cut off left behind is neither: they must not stop the next one. */
export function refuseMassDeletion(all: readonly Deletion[], files: number, maxDeletePercent: number): void {
  const deletions = all.filter(({ isRemnant }) => !isRemnant).length;
  const present = files - (all.length - deletions);
  if (deletions * 100 <= maxDeletePercent * present) return;
  const percent = Math.ceil((deletions / present) * 100);
  throw new PreconditionError(
    'TooManyDeletions',
    `this would delete ${deletions} of the ${present} files in the bucket (${percent} %), more than max-delete-percent: ${maxDeletePercent}`,
    {
      hint: `Is "source" the right directory? If so, set "max-delete-percent: ${percent}" for this run, or "delete: false" to keep them.`,
    },
  );
}
