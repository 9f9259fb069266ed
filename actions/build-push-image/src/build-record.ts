import { sourceTagPrefix } from './inputs.ts';

/** What is remembered of a build with its image: as a tag, since that alone comes with the image's description, without a further call. */
export interface BuildRecord {
  /** Undefined where the run was about none. */
  readonly commit: string | undefined;
  /** How long build and push took, in milliseconds; undefined where the image came from elsewhere. */
  readonly ms: number | undefined;
}

const noCommit = 'none';

/** `src-<start of the source hash>.<commit>.<seconds>s`, at most 92 of a tag's 128 characters. */
export function recordTag(hash: string, { commit, ms }: BuildRecord): string {
  const name = commit !== undefined && /^[0-9a-f]{7,64}$/.test(commit) ? commit : noCommit;
  const took = ms === undefined ? '' : `.${Math.max(1, Math.round(ms / 1000))}s`;
  return `${sourceTagPrefix}${hash.slice(0, 16)}.${name}${took}`;
}

/** The record among an image's tags; the first, should there be several. */
export function buildRecord(tags: readonly string[]): BuildRecord | undefined {
  for (const tag of tags) {
    const match = new RegExp(`^${sourceTagPrefix}[0-9a-f]{16}\\.([0-9a-f]{7,64}|${noCommit})(?:\\.(\\d{1,6})s)?$`).exec(
      tag,
    );
    if (match === null) continue;
    const [, commit = '', seconds] = match;
    return {
      commit: commit === noCommit ? undefined : commit,
      ms: seconds === undefined ? undefined : Number(seconds) * 1000,
    };
  }
  return undefined;
}
