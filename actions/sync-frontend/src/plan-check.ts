import { fingerprint } from '../../../shared/core/hash.ts';
import { isInvalidated, publicationOf } from '../../../shared/core/release.ts';
import { isSame } from './compare.ts';
import { rulesVersion } from './headers.ts';
import type { CheckInputs } from './inputs.ts';
import type { ObservedSources } from './observe.ts';

/** Part of the hash: a change of what is hashed must not look like a change of nothing. */
const hashVersion = 'v1';

export interface Verdict {
  readonly sourceHash: string;
  readonly isPublished: boolean;
  readonly reason: string;
  readonly sources: number;
  readonly served:
    { readonly releaseId: string; readonly publication: string; readonly changedPaths: readonly string[] } | undefined;
}

/** Is the release that the bucket serves made from these very sources, whole, and known to the CDN? */
export function planCheck(inputs: CheckInputs, observed: ObservedSources): Verdict {
  const sourceHash = hashSources(inputs, observed);
  const { state, files, internal } = observed;
  const current = state?.releases[0];
  const sources = observed.sources.length;
  if (state === undefined || current === undefined) {
    return { sourceHash, sources, isPublished: false, reason: 'nothing was published here yet', served: undefined };
  }
  const served = { releaseId: current.id, publication: publicationOf(current), changedPaths: state.paths };
  const verdict = (isPublished: boolean, reason: string): Verdict => ({
    sourceHash,
    sources,
    isPublished,
    reason,
    served,
  });
  if (current.sourceHash !== sourceHash) return verdict(false, 'the release served now was made from other sources');
  if ([...state.uncertain].some((path) => current.files.has(path))) {
    return verdict(false, 'an earlier run was cut off while it changed headers');
  }
  const damaged = [...current.files.values()].filter((file) => !isSame(file, files.get(file.path)));
  const [first] = damaged;
  if (first !== undefined) {
    return verdict(false, `${damaged.length} files are missing or changed in the bucket, e.g. ${first.path}`);
  }
  if (!isInvalidated(state, internal)) return verdict(false, 'its invalidation was never confirmed');
  return verdict(true, 'the release served now was made from these sources');
}

function hashSources({ sourceKey, cacheControl, contentTypes }: CheckInputs, observed: ObservedSources): string {
  const files = observed.sources.map(({ path, executable, sha256 }) => [path, executable ? 'x' : 'f', sha256]);
  const links = observed.links.map(({ path, target }) => [path, 'l', target]);
  const digest = fingerprint({
    rulesVersion,
    sourceKey,
    cacheControl: [...cacheControl],
    contentTypes: [...contentTypes],
    files: [...files, ...links].sort(([a = ''], [b = '']) => (a < b ? -1 : a > b ? 1 : 0)),
  });
  return `${hashVersion}:${digest}`;
}
