import { PreconditionError } from '../../../shared/core/errors.ts';
import { bodyPath, type Release, type ReleaseFile } from '../../../shared/core/release.ts';
import { compare } from './compare.ts';
import { isPage } from './headers.ts';
import type { RollbackInputs } from './inputs.ts';
import type { Observed } from './observe.ts';
import { bodyOf } from './plan-bodies.ts';

/** The release to serve again; throws when there is none. */
export function rollbackTarget({ target, runId }: RollbackInputs, observed: Observed): Release {
  const { state } = observed;
  const releases = state?.releases ?? [];
  const current = releases[0];
  if (current === undefined) {
    throw new PreconditionError('NoRelease', 'nothing was published here yet, so there is nothing to go back to', {
      hint: 'Check "bucket" and "prefix".',
    });
  }
  const found = target === 'previous' ? previous(current, observed, runId) : releases.find(({ id }) => id === target);
  if (found !== undefined) return found;
  const known = releases.map(({ id }, index) => (index === 0 ? `${id} (served now)` : id)).join(', ');
  throw new PreconditionError('NoSuchRelease', `there is no release "${target}" to go back to; kept are: ${known}`, {
    hint: 'Give the id of a kept release, or publish the older commit again. "retain-releases" says how many are kept.',
  });
}

function previous(current: Release, observed: Observed, runId: string): Release | undefined {
  // The same run started again finishes what it did; it does not go back once more.
  if (runId !== '' && current.rolledBackBy === runId) return current;
  const { releases = [], goingBackTo } = observed.state ?? {};
  const begun = releases.find(({ origin }) => origin === goingBackTo);
  if (begun !== undefined) return begun;
  return isHalfReplaced(current, observed) ? current : publishedBefore(current, releases);
}

/** A publish was cut off after it began to overwrite pages: viewers no longer get the release on record, which is what they had before. */
function isHalfReplaced({ files }: Release, observed: Observed): boolean {
  return [...files.values()].some(
    (file) => isPage(file.path, file.headers) && isLost(file, observed) && observed.internal.has(bodyPath(file)),
  );
}

/** What was published last before this one was published first. */
function publishedBefore({ origin }: Release, releases: readonly Release[]): Release | undefined {
  return releases
    .filter((release) => release.origin < origin)
    .reduce<Release | undefined>((newest, one) => (one.origin > (newest?.origin ?? -1) ? one : newest), undefined);
}

function isLost(file: ReleaseFile, observed: Observed): boolean {
  const difference = compare(file, observed);
  return difference === 'new' || difference === 'content';
}

export function refuseIncomplete(target: Release, observed: Observed): void {
  const lost = [...target.files.values()].filter(
    (file) =>
      isLost(file, observed) &&
      bodyOf(file, observed) === undefined &&
      observed.internal.get(bodyPath(file))?.size !== file.size,
  );
  if (lost.length === 0) return;
  const names = lost.slice(0, 5).map(({ path }) => path);
  throw new PreconditionError(
    'ReleaseIncomplete',
    `${lost.length} of the ${target.files.size} files of release ${target.id} are no longer in the bucket: ${names.join(', ')}${lost.length > 5 ? ', …' : ''}`,
    { hint: 'Check out that commit, build it and publish it; nothing was touched.' },
  );
}
