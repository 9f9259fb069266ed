import { createHash } from 'node:crypto';
import { accessSync, constants, createReadStream, statSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf, PreconditionError } from '../../../shared/core/errors.ts';
import { canonicalJson } from '../../../shared/core/hash.ts';
import type { IgnoreRules } from './dockerignore.ts';
import type { LookAt } from './inputs.ts';

export interface TreeDigest {
  /** Of every kept path's name, type, mode, link target and content; of no time and no owner. */
  readonly sha256: string;
  readonly files: number;
  readonly bytes: number;
}

/** The file system, as far as a build is concerned. */
export interface ContextFiles {
  isReadableFile(path: string): Promise<boolean>;
  /** Undefined when there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>;
  sizeOf(path: string): Promise<number | undefined>;
  digestTree(root: string, rules: IgnoreRules): Promise<TreeDigest>;
  makeDirectory(path: string): Promise<void>;
}

interface Entry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'link' | 'other';
  readonly mode: number;
  readonly size: number;
}

/** As many files as are read at once; each is read in pieces. */
const readers = 16;

/** For the handful of paths that are asked for before anything else. */
export const lookAt: LookAt = (path) => {
  try {
    const found = statSync(path);
    const isDirectory = found.isDirectory();
    accessSync(path, isDirectory ? constants.R_OK | constants.X_OK : constants.R_OK);
    return { kind: isDirectory ? 'directory' : 'file', bytes: found.size };
  } catch {
    return undefined;
  }
};

export const contextFiles: ContextFiles = {
  isReadableFile(path) {
    return Promise.resolve(lookAt(path)?.kind === 'file');
  },

  async read(path) {
    return readFile(path).catch(undefinedIfMissing);
  },

  async sizeOf(path) {
    return (await stat(path).catch(undefinedIfMissing))?.size;
  },

  async makeDirectory(path) {
    try {
      await mkdir(path, { recursive: true });
    } catch (error) {
      throw new PreconditionError(
        'DirectoryRefused',
        `The directory ${JSON.stringify(path)} could not be made: ${messageOf(error)}`,
        { cause: error },
      );
    }
  },

  async digestTree(root, rules) {
    try {
      const entries = await list(root, rules);
      entries.sort((a, b) => (a.path < b.path ? -1 : 1));
      const contents = new Map<string, string>();
      const queue = entries.values();
      const work = async (): Promise<void> => {
        for (const entry of queue) {
          if (entry.type === 'file') contents.set(entry.path, await digestFile(join(root, entry.path)));
          if (entry.type === 'link') contents.set(entry.path, await readlink(join(root, entry.path)));
        }
      };
      await Promise.all(Array.from({ length: readers }, work));
      const tree = createHash('sha256');
      for (const { path, type, mode } of entries) {
        tree.update(`${canonicalJson([path, type, mode, contents.get(path) ?? null])}\n`);
      }
      const files = entries.filter(({ type }) => type === 'file');
      return { sha256: tree.digest('hex'), files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
    } catch (error) {
      throw new PreconditionError('ContextUnreadable', `The build context could not be read: ${messageOf(error)}`, {
        cause: error,
        hint: 'Leave the path out of the build with a .dockerignore, or make it readable.',
      });
    }
  },
};

async function list(root: string, rules: IgnoreRules): Promise<Entry[]> {
  const entries: Entry[] = [];
  /** True when something in the directory is kept. */
  const walk = async (directory: string): Promise<boolean> => {
    const children = await readdir(join(root, directory));
    const kept = await Promise.all(
      children.map(async (name) => {
        const path = directory === '' ? name : `${directory}/${name}`;
        const ignored = rules.ignores(path);
        if (ignored && !rules.hasExceptions) return false;
        const found = await lstat(join(root, path));
        const mode = found.mode & 0o7777;
        if (found.isDirectory()) {
          const keepsChild = await walk(path);
          if (!ignored || keepsChild) entries.push({ path, type: 'directory', mode, size: 0 });
          return !ignored || keepsChild;
        }
        // Builders leave sockets out; a link's own mode means nothing.
        if (ignored || found.isSocket()) return false;
        const type = found.isFile() ? 'file' : found.isSymbolicLink() ? 'link' : 'other';
        entries.push({ path, type, mode: type === 'link' ? 0o777 : mode, size: found.size });
        return true;
      }),
    );
    return kept.includes(true);
  };
  await walk('');
  return entries;
}

async function digestFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return;
  throw error;
}
