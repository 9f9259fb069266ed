import { createHash } from 'node:crypto';
import { S3Error } from './s3-stub-xml.ts';

/** Immutable: a snapshot keeps it, a change makes a new one. */
export interface StubObject {
  /** In pieces as they came; undefined when it was not kept. */
  readonly chunks: readonly Buffer[] | undefined;
  readonly size: number;
  /** Without the quotes. */
  readonly etag: string;
  readonly lastModified: number;
  /** `content-type`, `cache-control`, `x-amz-meta-*` …, as they are served. */
  readonly headers: Readonly<Record<string, string>>;
  /** `x-amz-checksum-…`, shown when a client asks with `x-amz-checksum-mode`. */
  readonly checksums: Readonly<Record<string, string>>;
}

export interface Part {
  readonly number: number;
  readonly chunks: readonly Buffer[] | undefined;
  readonly size: number;
  readonly etag: string;
  readonly lastModified: number;
}

export interface MultipartUpload {
  readonly id: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly started: number;
  readonly parts: Map<number, Part>;
}

/** What `list` found, in the order of the keys' UTF-8 bytes. */
export interface Page {
  readonly objects: readonly (readonly [string, StubObject])[];
  readonly prefixes: readonly string[];
  /** The last key or common prefix of this page, when there are more. */
  readonly next: string | undefined;
}

export interface ListQuery {
  readonly prefix: string;
  readonly delimiter: string;
  /** Only what comes after; a common prefix stands for all below it. */
  readonly after: string;
  readonly maxKeys: number;
}

export class Bucket {
  readonly objects: Map<string, StubObject>;
  readonly uploads: Map<string, MultipartUpload>;
  #sorted: readonly string[] | undefined;

  constructor(from?: Bucket) {
    this.objects = new Map(from?.objects);
    this.uploads = new Map(
      [...(from?.uploads ?? [])].map(([id, upload]) => [id, { ...upload, parts: new Map(upload.parts) }]),
    );
  }

  get(key: string): StubObject {
    const object = this.objects.get(key);
    if (object === undefined) throw new S3Error('NoSuchKey', 404, 'The specified key does not exist.');
    return object;
  }

  put(key: string, object: StubObject): void {
    if (!this.objects.has(key)) this.#sorted = undefined;
    this.objects.set(key, object);
  }

  delete(key: string): void {
    if (this.objects.delete(key)) this.#sorted = undefined;
  }

  upload(id: string | null, key: string): MultipartUpload {
    const upload = this.uploads.get(id ?? '');
    if (upload?.key === key) return upload;
    throw new S3Error('NoSuchUpload', 404, 'The specified upload does not exist.');
  }

  list({ prefix, delimiter, after, maxKeys }: ListQuery): Page {
    const keys = (this.#sorted ??= sortKeys([...this.objects.keys()]));
    const objects: (readonly [string, StubObject])[] = [];
    const prefixes: string[] = [];
    let last = '';
    const start = isBefore(prefix, after) ? after : prefix;
    for (let at = firstFrom(keys, start); at < keys.length; at += 1) {
      const key = keys[at]!;
      if (!key.startsWith(prefix)) {
        if (isBefore(prefix, key)) break;
        continue;
      }
      if (key === after) continue;
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const common = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
      if (common !== undefined && (common === after || common === prefixes.at(-1))) continue;
      if (objects.length + prefixes.length === maxKeys)
        return { objects, prefixes, next: maxKeys === 0 ? undefined : last };
      if (common === undefined) objects.push([key, this.objects.get(key)!]);
      else prefixes.push(common);
      last = common ?? key;
    }
    return { objects, prefixes, next: undefined };
  }
}

/** UTF-16 puts what is beyond the basic plane before U+E000; its bytes come after. */
const beyond = /[\ud800-\uffff]/;

function isBefore(a: string, b: string): boolean {
  return beyond.test(a) || beyond.test(b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0 : a < b;
}

function sortKeys(keys: string[]): readonly string[] {
  return keys.some((key) => beyond.test(key))
    ? keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    : keys.sort();
}

/** Index of the first key that is not before `start`. */
function firstFrom(keys: readonly string[], start: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(keys[middle]!, start)) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function md5(chunks: readonly Buffer[]): Buffer {
  const hash = createHash('md5');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest();
}
