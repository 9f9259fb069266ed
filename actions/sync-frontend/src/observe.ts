import type { Progress } from '../../../shared/action/progress.ts';
import { humanBytes, type Clock } from '../../../shared/core/clock.ts';
import { isReleasePath, parseState, statePath, type SiteState } from '../../../shared/core/release.ts';
import type { ObjectStore } from '../../../shared/aws/s3.ts';
import { needsEtag } from './compare.ts';
import type { CheckInputs, PublishInputs, RollbackInputs } from './inputs.ts';
import { refuseSource } from './plan-source.ts';
import { publishScope, sourceScope } from './scope.ts';
import type { FoundFile, FoundLink, SourceTree } from './source-tree.ts';

export interface LocalFile extends FoundFile {
  readonly sha256: string;
  /** Only where it takes part in the comparison. */
  readonly etag: string | undefined;
}

export interface StoredFile {
  readonly size: number;
  readonly etag: string;
}

/** What is in the bucket below the prefix; paths are relative to it. */
export interface Observed {
  readonly files: ReadonlyMap<string, StoredFile>;
  /** Below `.releases/`. */
  readonly internal: ReadonlyMap<string, StoredFile>;
  readonly state: SiteState | undefined;
  readonly stateEtag: string | undefined;
  /** When, in milliseconds since the epoch. */
  readonly now: number;
}

export interface ObservedPublish extends Observed {
  readonly local: readonly LocalFile[];
}

export interface ObservedSources extends Observed {
  readonly sources: readonly (FoundFile & { readonly sha256: string })[];
  readonly links: readonly FoundLink[];
}

export interface Ports {
  readonly store: ObjectStore;
  readonly tree: SourceTree;
  readonly progress: Progress;
  readonly clock: Clock;
}

export async function observePublish(inputs: PublishInputs, ports: Ports): Promise<ObservedPublish> {
  const scan = await ports.tree.scan(inputs.source, { scope: publishScope(inputs), links: 'follow' });
  const files = refuseSource(scan, inputs);
  const [hashes, bucket] = await Promise.all([hashAll(files, ports), observeBucket(inputs, ports)]);
  const unexplained = files.filter((file) => needsEtag(file, bucket));
  const etags = await ports.tree.digests('etag', unexplained);
  const etagOf = new Map(unexplained.map(({ path }, index) => [path, etags[index]]));
  const local = files.map((file, index) => ({ ...file, sha256: hashes[index] ?? '', etag: etagOf.get(file.path) }));
  return { ...bucket, local: local.sort(byPath) };
}

export async function observeCheck(inputs: CheckInputs, ports: Ports): Promise<ObservedSources> {
  const scan = await ports.tree.scan(inputs.source, { scope: sourceScope(inputs), links: 'name' });
  const files = refuseSource(scan, { ...inputs, requireHtml: false });
  const [hashes, bucket] = await Promise.all([hashAll(files, ports), observeBucket(inputs, ports)]);
  const sources = files.map((file, index) => ({ ...file, sha256: hashes[index] ?? '' }));
  return { ...bucket, sources, links: scan.kind === 'found' ? scan.links : [] };
}

export async function observeBucket(
  { prefix }: PublishInputs | RollbackInputs | CheckInputs,
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
): Promise<Observed> {
  const reading = readState(store, prefix);
  const expected = async (): Promise<readonly string[]> => {
    const { state } = await reading;
    return [...new Set(state?.releases.flatMap(({ files }) => [...files.keys()]))].map((path) => prefix + path);
  };
  const [objects, { state, stateEtag }] = await Promise.all([store.list(prefix, expected), reading]);
  const files = new Map<string, StoredFile>();
  const internal = new Map<string, StoredFile>();
  for (const { key, size, etag } of objects) {
    const path = key.slice(prefix.length);
    (isReleasePath(path) ? internal : files).set(path, { size, etag });
  }
  return { files, internal, state, stateEtag, now: clock.now() };
}

async function readState(store: ObjectStore, prefix: string): Promise<Pick<Observed, 'state' | 'stateEtag'>> {
  const stored = await store.read(prefix + statePath);
  return { state: stored === undefined ? undefined : parseState(stored.text), stateEtag: stored?.etag };
}

async function hashAll(files: readonly FoundFile[], { tree, progress }: Ports): Promise<readonly string[]> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const so = { files: 0, bytes: 0 };
  const stop = progress.follow(
    () => `read ${so.files} of ${files.length} files, ${humanBytes(so.bytes)} of ${humanBytes(total)}`,
  );
  try {
    return await tree.digests('sha256', files, (done) => {
      so.files += done.files;
      so.bytes += done.bytes;
    });
  } finally {
    stop();
  }
}

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
