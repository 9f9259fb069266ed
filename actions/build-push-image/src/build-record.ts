import { sourceTagPrefix } from './inputs.ts';

/** What is remembered of a build with its image: as a tag, since that alone comes with the image's description, without a further call. */
export interface BuildRecord {
  /** Undefined where the run was about none. */
  readonly commit: string | undefined;
  /** How long build and push took, in milliseconds; undefined where the image came from elsewhere. */
  readonly ms: number | undefined;
}

const noCommit = 'none';

/** What a record belongs to: one image, as it was built from one source. */
export interface Recorded {
  /** Of the source. */
  readonly hash: string;
  readonly digest: string;
}

/** `src-<start of the source hash>.<start of the digest>.<commit>.<seconds>s`, at most 107 of a tag's 128 characters. */
export function recordTag(of: Recorded, { commit, ms }: BuildRecord): string {
  const name = commit !== undefined && /^[0-9a-f]{7,64}$/.test(commit) ? commit : noCommit;
  const took = ms === undefined ? '' : `.${Math.max(1, Math.round(ms / 1000))}s`;
  return `${prefixOf(of)}${name}${took}`;
}

/** Says of an image that it is not what was asked for: nobody uses it again. */
export function refusalTag(of: Recorded): string {
  return `${prefixOf(of)}refused`;
}

/** For whichever source it is. */
export function isRefusalTag(tag: string): boolean {
  return tag.startsWith(sourceTagPrefix) && tag.endsWith('.refused');
}

/** Whatever else is on record: what an image is does not change. */
export function isRefused(of: Recorded, tags: readonly string[]): boolean {
  return tags.includes(refusalTag(of));
}

/** The record among an image's tags; of several, the one that says most. Undefined: it was not found good for this source. */
export function buildRecord(of: Recorded, tags: readonly string[]): BuildRecord | undefined {
  const prefix = prefixOf(of);
  const records = tags.flatMap((tag) => {
    const match = /^([0-9a-f]{7,64}|none)(?:\.(\d{1,6})s)?$/.exec(
      tag.startsWith(prefix) ? tag.slice(prefix.length) : '',
    );
    if (match === null) return [];
    const [, commit = '', seconds] = match;
    const ms = seconds === undefined ? undefined : Number(seconds) * 1000;
    return [{ commit: commit === noCommit ? undefined : commit, ms }];
  });
  return records.find(({ ms }) => ms !== undefined) ?? records.find(({ commit }) => commit !== undefined) ?? records[0];
}

function prefixOf({ hash, digest }: Recorded): string {
  return `${sourceTagPrefix}${hash.slice(0, 16)}.${digest.replace(/^sha256:/, '').slice(0, 12)}.`;
}
