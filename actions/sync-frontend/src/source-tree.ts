import {
  lstatSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  type Dirent,
  type Stats,
} from 'node:fs';
import { relative, sep } from 'node:path';
import type { DigestKind, SizedFile } from '../../../shared/action/digest.ts';
import { digestAll, type Hashed } from '../../../shared/action/digests.ts';
import { messageOf, PreconditionError } from '../../../shared/core/errors.ts';
import type { Scope } from './scope.ts';

export interface FoundFile {
  /** Relative to the source, with `/`. */
  readonly path: string;
  readonly file: string;
  readonly size: number;
  readonly executable: boolean;
  /** When its content was last written, in milliseconds since the epoch. */
  readonly modified: number;
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

/** The digests of the files, in their order; throws a `PreconditionError` for a file that cannot be read as it was found. */
export type Digests = (
  kind: DigestKind,
  files: readonly SizedFile[],
  onProgress?: (done: Hashed) => void,
) => Promise<readonly string[]>;

/** The files of a directory on this machine. */
export interface SourceTree {
  scan(root: string, options: ScanOptions): Promise<Scan>;
  readonly digests: Digests;
  /** A small file, if it still has this size. */
  read(file: string, size: number): Promise<Uint8Array | undefined>;
}

export const sourceTree: SourceTree = {
  scan: (root, options) => Promise.resolve(scanTree(root, options)),
  digests: (kind, files, onProgress) => digestAll(files, { kind, onProgress, unreadable }),
  read: (file, size) => Promise.resolve(readWhole(file, size)),
};

function unreadable(file: string, why: string): PreconditionError {
  return new PreconditionError('SourceUnreadable', `${file} could not be read: ${why}`, {
    hint: 'Does something still write to the source? Run again when the build is done.',
  });
}

function scanTree(given: string, options: ScanOptions): Scan {
  const root = real(given);
  if (root === undefined) return { kind: 'missing' };
  if (!statSync(root).isDirectory()) return { kind: 'no-directory' };
  const scanner = new Scanner(root, options);
  scanner.walk({ path: '', real: root, above: [] });
  return { kind: 'found', files: scanner.files, links: scanner.links, problems: scanner.problems };
}

interface Folder {
  /** Relative to the source; empty for itself. */
  readonly path: string;
  /** Without links on the way. */
  readonly real: string;
  /** The real directories above, so that a link into one of them does not go round for ever. */
  readonly above: readonly string[];
}

/** Looks at everything without giving way: with promises, twenty thousand files take a second more. */
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

  walk(folder: Folder): void {
    const { scope } = this.#options;
    const below = [...folder.above, folder.real];
    for (const entry of this.#entries(folder)) {
      const { name } = entry;
      const path = folder.path === '' ? name : `${folder.path}/${name}`;
      if (!scope.directory(path)) continue;
      if (name.includes('\ufffd') && !namesOf(folder.real).includes(name)) {
        this.problems.push(`${path}: the name is not UTF-8`);
      } else if (entry.isSymbolicLink()) this.#link(path, below);
      else if (entry.isDirectory()) this.walk({ path, real: `${folder.real}${sep}${name}`, above: below });
      else if (!scope.file(path)) continue;
      else if (entry.isFile()) this.#file(path, lstatSync(`${folder.real}${sep}${name}`));
      else this.problems.push(`${path}: neither a file nor a directory`);
    }
  }

  #entries({ path, real: directory }: Folder): readonly Dirent[] {
    try {
      return readdirSync(directory, { withFileTypes: true });
    } catch (error) {
      this.problems.push(`${path}: cannot be read: ${messageOf(error)}`);
      return [];
    }
  }

  #link(path: string, above: readonly string[]): void {
    const link = `${this.#root}${sep}${path}`;
    if (this.#options.links === 'name') {
      this.links.push({ path, target: readlinkSync(link) });
      return;
    }
    const target = real(link);
    const found = target === undefined ? undefined : statSync(target);
    if (target === undefined || found === undefined) this.problems.push(`${path}: a symbolic link to nothing`);
    else if (target !== this.#root && !target.startsWith(this.#root + sep)) {
      this.problems.push(`${path}: a symbolic link out of the source, to ${relative(this.#root, target)}`);
    } else if (above.includes(target)) this.problems.push(`${path}: a symbolic link to a directory above itself`);
    else if (found.isDirectory()) this.walk({ path, real: target, above });
    else if (!this.#options.scope.file(path)) return;
    else if (found.isFile()) this.#file(path, found);
    else this.problems.push(`${path}: neither a file nor a directory`);
  }

  #file(path: string, { size, mode, mtimeMs: modified }: Stats): void {
    this.files.push({ path, file: `${this.#root}${sep}${path}`, size, modified, executable: (mode & 0o100) !== 0 });
  }
}

/** The names that are UTF-8: what is not comes back as another file's. */
function namesOf(directory: string): readonly string[] {
  return readdirSync(directory, 'buffer').flatMap((bytes) => {
    const name = bytes.toString('utf8');
    return Buffer.from(name, 'utf8').equals(bytes) ? [name] : [];
  });
}

function readWhole(file: string, size: number): Uint8Array | undefined {
  try {
    const content = readFileSync(file);
    return content.length === size ? content : undefined;
  } catch {
    return undefined;
  }
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
