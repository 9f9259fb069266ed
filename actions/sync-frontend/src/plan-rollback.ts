import { PreconditionError } from '../../../shared/core/errors.ts';
import { bodyPath, type Release, type SiteState } from '../../../shared/core/release.ts';
import { compare } from './compare.ts';
import type { RollbackInputs } from './inputs.ts';
import type { Observed } from './observe.ts';

/** The release to serve again; throws when there is none. */
export function rollbackTarget({ target, runId }: RollbackInputs, state: SiteState | undefined): Release {
  const releases = state?.releases ?? [];
  const current = releases[0];
  if (current === undefined) {
    throw new PreconditionError('NoRelease', 'nothing was published here yet, so there is nothing to go back to', {
      hint: 'Check "bucket" and "prefix".',
    });
  }
  // The same run started again finishes what it did; it does not go back once more.
  const again = runId !== '' && current.rolledBackBy === runId;
  const found =
    target !== 'previous'
      ? releases.find(({ id }) => id === target)
      : again
        ? current
        : releases.find(({ sequence }) => sequence < current.origin);
  if (found !== undefined) return found;
  const known = releases.map(({ id }, index) => (index === 0 ? `${id} (served now)` : id)).join(', ');
  throw new PreconditionError('NoSuchRelease', `there is no release "${target}" to go back to; kept are: ${known}`, {
    hint: 'Give the id of a kept release, or publish the older commit again. "retain-releases" says how many are kept.',
  });
}

export function refuseIncomplete(target: Release, observed: Observed): void {
  const lost = [...target.files.values()].filter((file) => {
    const difference = compare(file, observed);
    return (difference === 'new' || difference === 'content') && !observed.internal.has(bodyPath(file));
  });
  if (lost.length === 0) return;
  const names = lost.slice(0, 5).map(({ path }) => path);
  throw new PreconditionError(
    'ReleaseIncomplete',
    `${lost.length} of the ${target.files.size} files of release ${target.id} are no longer in the bucket: ${names.join(', ')}${lost.length > 5 ? ', …' : ''}`,
    { hint: 'Check out that commit, build it and publish it; nothing was touched.' },
  );
}
