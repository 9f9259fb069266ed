import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { partsOf, type Part } from '../../../shared/core/multipart.ts';
import type { Scope } from './scope.ts';

export interface FoundFile {
  /** Relative to the source, with `/`. */
  readonly path: string;
  readonly file: string;
  readonly size: number;
  readonly executable: boolean;
}

export interface FoundLink {
  readonly path: string;
  readonly target: string;
}

export type Scan =
  | { readonly kind: 'missing' }
  | { readonly kind: 'no-directory' }
  | {
      readonly kind: 'found';
      readonly files: readonly FoundFile[];
      /** Only when links are not followed. */
      readonly links: readonly FoundLink[];
      /** What cannot be taken as it is: `path: why`. */
      readonly problems: readonly string[];
    };

export interface ScanOptions {
  readonly scope: Scope;
  /** `follow`: a link counts as what it leads to, inside the root only. `name`: as itself. */
  readonly links: 'follow' | 'name';
}

/** The files of a directory on this machine. */
export interface SourceTree {
  scan(root: string, options: ScanOptions): Promise<Scan>;
  sha256(file: string, size: number): Promise<string>;
  /** The ETag that S3 gives this content when it is sent in our parts and encrypted without a KMS key. */
  etag(file: string, size: number): Promise<string>;
}

/** Files up to this size are read in one go: cheaper than a stream. */
const wholeLimit = 1024 * 1024;

export const sourceTree: SourceTree = {
  async scan(given, options) {
    const root = await realpath(given).catch(() => undefined);
    if (root === undefined) return { kind: 'missing' };
    if (!(await stat(root)).isDirectory()) return { kind: 'no-directory' };
    const scanner = new Scanner(root, options);
    await scanner.walk('', [root]);
    return { kind: 'found', files: scanner.files, links: scanner.links, problems: scanner.problems };
  },
  sha256: (file, size) => digest('sha256', file, { number: 1, start: 0, end: size }),
  async etag(file, size) {
    const parts = partsOf(size);
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return digest('md5', file, only);
    const whole = createHash('md5');
    for (const part of parts) whole.update(await digest('md5', file, part), 'hex');
    return `${whole.digest('hex')}-${parts.length}`;
  },
};

class Scanner {
  readonly files: FoundFile[] = [];
  readonly links: FoundLink[] = [];
  readonly problems: string[] = [];
  readonly #root: string;
  readonly #options: ScanOptions;

  constructor(root: string, options: ScanOptions) {
    this.#root = root;
    this.#options = options;
  }

  /** `trail`: the real directories above, so that a link into one of them does not go round for ever. */
  async walk(folder: string, trail: readonly string[]): Promise<void> {
    const { scope } = this.#options;
    // Names as bytes: one that is not UTF-8 would otherwise come back as another file's.
    const entries = await readdir(join(this.#root, folder), { encoding: 'buffer', withFileTypes: true });
    for (const entry of entries) {
      const name = entry.name.toString('utf8');
      const path = folder === '' ? name : `${folder}/${name}`;
      if (!scope.directory(path)) continue;
      if (!Buffer.from(name, 'utf8').equals(entry.name)) this.problems.push(`${path}: the name is not UTF-8`);
      else if (entry.isSymbolicLink()) await this.#link(path, trail);
      else if (entry.isDirectory()) await this.walk(path, [...trail, await realpath(join(this.#root, path))]);
      else if (!scope.file(path)) continue;
      else if (entry.isFile()) await this.#file(path);
      else this.problems.push(`${path}: neither a file nor a directory`);
    }
  }

  async #link(path: string, trail: readonly string[]): Promise<void> {
    const link = join(this.#root, path);
    if (this.#options.links === 'name') {
      this.links.push({ path, target: await readlink(link) });
      return;
    }
    const target = await realpath(link).catch(() => undefined);
    if (target === undefined) this.problems.push(`${path}: a symbolic link to nothing`);
    else if (target !== this.#root && !target.startsWith(this.#root + sep)) {
      this.problems.push(`${path}: a symbolic link out of the source, to ${relative(this.#root, target)}`);
    } else if (trail.includes(target)) this.problems.push(`${path}: a symbolic link to a directory above itself`);
    else if ((await stat(target)).isDirectory()) await this.walk(path, [...trail, target]);
    else if (this.#options.scope.file(path)) await this.#file(path);
  }

  async #file(path: string): Promise<void> {
    const file = join(this.#root, path);
    const { size, mode } = await stat(file);
    this.files.push({ path, file, size, executable: (mode & 0o100) !== 0 });
  }
}

async function digest(algorithm: 'md5' | 'sha256', file: string, { start, end }: Part): Promise<string> {
  const hash = createHash(algorithm);
  if (start === 0 && end <= wholeLimit) return hash.update(await readFile(file)).digest('hex');
  const chunks: AsyncIterable<Buffer> = createReadStream(file, { start, end: end - 1, highWaterMark: 256 * 1024 });
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
