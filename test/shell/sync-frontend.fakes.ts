import { createHash } from 'node:crypto';
import type { Progress } from '../../shared/action/progress.ts';
import type { ObjectStore } from '../../shared/aws/s3.ts';
import type { Clock } from '../../shared/core/clock.ts';
import { ActionError, AwsError } from '../../shared/core/errors.ts';
import { sha256 } from '../../shared/core/hash.ts';
import type { FileHeaders } from '../../shared/core/release.ts';
import type { AllPorts } from '../../actions/sync-frontend/src/sync.ts';
import type { CheckInputs, PublishInputs, RollbackInputs } from '../../actions/sync-frontend/src/inputs.ts';
import type { SourceTree } from '../../actions/sync-frontend/src/source-tree.ts';

export type Site = Readonly<Record<string, string>>;

interface StoredContent {
  readonly content: string;
  readonly etag: string;
  readonly headers: FileHeaders | undefined;
}

export const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** A bucket in memory that keeps S3's rules: conditional writes and copies, ETags, an order of requests. */
export class FakeBucket implements ObjectStore {
  readonly objects = new Map<string, StoredContent>();
  readonly log: string[] = [];
  /** What the files of the fake tree hold. */
  readonly disk: Map<string, string>;
  /** Called before every request that writes; may throw. `after` once it was carried out. */
  before: (request: string, index: number) => void = () => undefined;
  after: (request: string, index: number) => void = () => undefined;
  /** Called after every single object of a deletion. */
  during: (index: number) => void = () => undefined;
  /** As with a KMS key: an ETag says nothing about the content. */
  opaqueEtags = false;
  #writes = 0;

  constructor(disk = new Map<string, string>()) {
    this.disk = disk;
  }

  copyOf(): FakeBucket {
    const bucket = new FakeBucket(this.disk);
    for (const [key, object] of this.objects) bucket.objects.set(key, object);
    return bucket;
  }

  content(key: string): string | undefined {
    return this.objects.get(key)?.content;
  }

  /** As a hand or another tool would. */
  place(key: string, content: string): void {
    this.objects.set(key, { content, etag: md5(content), headers: undefined });
  }

  get keys(): readonly string[] {
    return [...this.objects.keys()].sort();
  }

  get writes(): readonly string[] {
    return this.log.filter((line) => !/^(list|read) /.test(line));
  }

  async list(prefix: string): ReturnType<ObjectStore['list']> {
    this.log.push(`list ${prefix}`);
    return [...this.objects]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, { content, etag }]) => ({ key, size: Buffer.byteLength(content), etag }));
  }

  async read(key: string): ReturnType<ObjectStore['read']> {
    this.log.push(`read ${key}`);
    const object = this.objects.get(key);
    return object === undefined ? undefined : { text: object.content, etag: object.etag };
  }

  async write({ key, text, expected, contentType }: Parameters<ObjectStore['write']>[0]): Promise<string> {
    return this.#write(`write ${key}`, () => {
      const etag = this.objects.get(key)?.etag;
      const good = expected === 'anything' || (expected === 'nothing' ? etag === undefined : etag === expected.etag);
      if (!good) throw new ActionError('ConcurrentPublish', 'somebody else wrote it');
      return this.#put(key, text, { contentType, cacheControl: 'no-store' });
    });
  }

  async upload({ key, file, sha256: hash, headers }: Parameters<ObjectStore['upload']>[0]): Promise<string> {
    return this.#write(`upload ${key}`, () => {
      const content = this.disk.get(file) ?? '';
      if (sha256(content) !== hash) throw refused('BadDigest', 400);
      return this.#put(key, content, headers);
    });
  }

  async put({ key, content, sha256: hash, headers }: Parameters<ObjectStore['put']>[0]): Promise<string> {
    return this.#write(`put ${key}`, () => {
      if (sha256(content) !== hash) throw refused('BadDigest', 400);
      return this.#put(key, Buffer.from(content).toString(), headers);
    });
  }

  async copy({ from, to, etag, headers }: Parameters<ObjectStore['copy']>[0]): Promise<string> {
    return this.#write(`copy ${from} ${to}`, () => {
      const source = this.objects.get(from);
      if (source === undefined) throw refused('NoSuchKey', 404);
      if (etag !== undefined && source.etag !== etag) throw refused('PreconditionFailed', 412);
      return this.#put(to, source.content, headers ?? source.headers);
    });
  }

  async remove(keys: readonly string[]): ReturnType<ObjectStore['remove']> {
    return this.#write(`remove ${keys.join(' ')}`, (index) => {
      // S3 deletes in any order, and not at once.
      for (const key of [...keys].reverse()) {
        this.objects.delete(key);
        this.during(index);
      }
      return [];
    });
  }

  #put(key: string, content: string, headers: FileHeaders | undefined): string {
    const etag = this.opaqueEtags ? sha256(`${key} ${this.#writes} ${content}`).slice(0, 32) : md5(content);
    this.objects.set(key, { content, etag, headers });
    return etag;
  }

  #write<T>(request: string, work: (index: number) => T): T {
    const index = this.#writes;
    this.#writes += 1;
    this.before(request, index);
    this.log.push(request);
    const result = work(index);
    this.after(request, index);
    return result;
  }
}

export function refused(code: string, httpStatus: number): AwsError {
  return new AwsError(code, `S3 refused: ${code}`, { service: 'S3', operation: 'PutObject', httpStatus });
}

/** A source directory in memory. */
export function fakeTree(site: Site, disk: Map<string, string>): SourceTree {
  const text = (file: string): string => disk.get(file) ?? '';
  return {
    async scan(root, { scope }) {
      const files = Object.entries(site)
        .filter(([path]) => scope.file(path))
        .map(([path, content]) => {
          const file = `${root}/${sha256(content).slice(0, 8)}/${path}`;
          disk.set(file, content);
          return { path, file, size: Buffer.byteLength(content), executable: false, modified: 0 };
        });
      return { kind: 'found', files, links: [], problems: [] };
    },
    read: async (file, size) => {
      const content = disk.get(file);
      return content === undefined || Buffer.byteLength(content) !== size ? undefined : Buffer.from(content);
    },
    digests: async (kind, files) => files.map(({ file }) => (kind === 'sha256' ? sha256(text(file)) : md5(text(file)))),
  };
}

export const stillClock: Clock = { now: () => 0, sleep: async () => undefined };

export function silentProgress(lines: string[] = []): Progress {
  return {
    info: (line) => void lines.push(line),
    warn: (line) => void lines.push(`warning: ${line}`),
    follow: () => () => undefined,
    group: async (_title, body) => body(),
  };
}

export function portsOn(bucket: FakeBucket, site: Site, lines?: string[]): AllPorts {
  return { store: bucket, tree: fakeTree(site, bucket.disk), clock: stillClock, progress: silentProgress(lines) };
}

const common = {
  region: 'us-east-1',
  roleToAssume: undefined,
  roleSessionName: 'slipway',
  roleDurationSeconds: 3600,
  dryRun: false,
  bucket: 'site',
  prefix: '',
  basePath: '/',
  include: [],
  exclude: [],
};
const rules = { cacheControl: new Map<string, string>(), contentTypes: new Map<string, string>() };
const policy = { delete: true, retainReleases: 3, maxDeletePercent: 100, concurrency: 1 };

export function publishInputs(changes: Partial<PublishInputs> = {}): PublishInputs {
  const own = { mode: 'publish', source: '/site', releaseId: 'r1', sourceHash: undefined, requireHtml: true } as const;
  return { ...common, ...rules, ...policy, ...own, ...changes };
}

export function rollbackInputs(target: string, changes: Partial<RollbackInputs> = {}): RollbackInputs {
  return { ...common, ...policy, mode: 'rollback', target, runId: 'run-1', ...changes };
}

export function checkInputs(changes: Partial<CheckInputs> = {}): CheckInputs {
  return { ...common, ...rules, mode: 'check', source: '/sources', sourceKey: '', ...changes };
}
