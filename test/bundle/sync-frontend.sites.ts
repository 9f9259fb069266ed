import { createHash } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sha256 } from '../../shared/core/hash.ts';
import { parsePack, parseState, statePath } from '../../shared/core/release.ts';
import type { S3Stub, Snapshot, StubLogEntry, StubObject } from '../kit/s3-stub.ts';
import type { Served } from '../kit/crawl.ts';
import { spawnAction, type ActionRun } from './spawn-action.ts';

/** Path → content; a number is the size of a file of zeros. */
export type Site = Readonly<Record<string, string | number | Uint8Array>>;
export type Inputs = Readonly<Record<string, string>>;

export const bucket = 'site';
export const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: 'IQoJb3JpZ2luX2VjEXAMPLE/session+token==',
};

/** Writes the site to a directory of its own; give it an old one to overwrite that. */
export async function writeSite(site: Site, directory?: string): Promise<string> {
  const root = directory ?? (await mkdtemp(join(tmpdir(), 'slipway-site-')));
  for (const [path, content] of Object.entries(site)) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof content === 'number' ? '' : content);
    if (typeof content === 'number') await truncate(file, content);
  }
  return root;
}

interface Sync {
  readonly inputs: Inputs;
  readonly onStart?: (child: ChildProcess) => void;
  readonly cancelAt?: RegExp;
}

/** One run of the bundle on the stub. */
export function sync(stub: S3Stub, { inputs, ...options }: Sync): Promise<ActionRun> {
  return spawnAction('sync-frontend', {
    inputs: { bucket, ...inputs },
    env: {
      AWS_ENDPOINT_URL: stub.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_SESSION_TOKEN: credentials.sessionToken,
    },
    ...options,
  });
}

/** The SHA-256 of every content that the records hold: it needs no object of its own. */
export function recordedContents(stub: S3Stub, prefix = ''): ReadonlySet<string> {
  const state = stub.text(bucket, prefix + statePath);
  if (state === undefined) return new Set();
  const { bodies, packs } = parseState(state);
  const all = [bodies, ...packs.map(({ path }) => parsePack(stub.text(bucket, prefix + path) ?? ''))];
  return new Set(all.flatMap((one) => [...one.values()]).map((content) => sha256(Buffer.from(content, 'base64'))));
}

/** Fails with what the action said. */
export function green(result: ActionRun): ActionRun {
  if (result.exitCode !== 0) throw new Error(result.output);
  return result;
}

/** What viewers can get: all but the records. */
export function servedObjects(stub: S3Stub, prefix = ''): ReadonlyMap<string, StubObject> {
  return new Map(
    [...stub.objects(bucket)]
      .filter(([key]) => key.startsWith(prefix) && !key.startsWith(`${prefix}.releases/`))
      .map(([key, object]) => [key.slice(prefix.length), object]),
  );
}

const readAsText = /html|javascript|css|json|manifest/;

export function served(stub: S3Stub, prefix = ''): Served {
  return new Map(
    [...servedObjects(stub, prefix)].map(([path, { headers, chunks = [] }]) => {
      const contentType = headers['content-type'] ?? '';
      return [path, { contentType, text: readAsText.test(contentType) ? Buffer.concat(chunks).toString() : '' }];
    }),
  );
}

const hashes = new WeakMap<StubObject, string>();

export function contentOf(object: StubObject): string {
  const known = hashes.get(object);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for (const chunk of object.chunks ?? []) hash.update(chunk);
  const value = hash.digest('hex');
  hashes.set(object, value);
  return value;
}

/** Path → content and headers, to compare. */
export function picture(objects: ReadonlyMap<string, StubObject>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...objects]
      .map(([path, object]) => [path, `${contentOf(object).slice(0, 16)} ${JSON.stringify(object.headers)}`] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** The same text for buckets that no client could tell apart. */
export function fingerprint(snapshot: Snapshot): string {
  const found = snapshot.get(bucket);
  const uploads = [...(found?.uploads.values() ?? [])].map(({ key, parts }) => `${key} ${parts.size}`);
  const rows = Object.entries(picture(found?.objects ?? new Map())).map(
    ([key, text]) => `${key} ${text} ${found?.objects.get(key)?.etag ?? ''}`,
  );
  return createHash('sha256')
    .update(JSON.stringify([rows, uploads]))
    .digest('hex');
}

const reading = /^(?:List|Get|Head)/;

export function writes(log: readonly StubLogEntry[]): readonly StubLogEntry[] {
  return log.filter(({ operation }) => !reading.test(operation));
}
