import { lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { digestAll } from '../../../shared/action/digests.ts';
import { messageOf, PreconditionError } from '../../../shared/core/errors.ts';
import { sha256 } from '../../../shared/core/hash.ts';
import { codeOf, listTree } from './context-tree.ts';
import type { IgnoreRules } from './dockerignore.ts';
import { lookAt } from './look-at.ts';
import { bytesOf, isPlain, textOf } from './path-bytes.ts';
import { piecesOf, treeDigest, type Entry, type TreeDigest } from './tree-digest.ts';

/** The file system, as far as a build is concerned. */
export interface ContextFiles {
  isReadableFile(path: string): Promise<boolean>;
  /** Undefined when there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>;
  /**
   * A file of a directory as BuildKit reads it, which sees nothing but the directory: it is the root of what links in it
   * name, and what is no file is as good as none.
   */
  readInside(directory: string, name: string): Promise<Uint8Array | undefined>;
  /** Where in the directory a file is, links followed; undefined where it is not in it. */
  pathInside(directory: string, file: string): Promise<string | undefined>;
  sizeOf(path: string): Promise<number | undefined>;
  digestTree(root: string, rules: IgnoreRules): Promise<TreeDigest>;
  makeDirectory(path: string): Promise<void>;
}

export const contextFiles: ContextFiles = {
  isReadableFile(path) {
    return Promise.resolve(lookAt(path)?.kind === 'file');
  },

  async read(path) {
    return readFile(path).catch(undefinedIfMissing);
  },

  async readInside(directory, name) {
    try {
      const path = resolveInside(directory, name);
      return path !== undefined && statSync(path).isFile() ? await readFile(path) : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw unreadable(messageOf(error), error);
    }
  },

  async pathInside(directory, file) {
    const place = await realpath(file).catch(undefinedIfMissing);
    if (place === undefined) return undefined;
    const path = relative(await realpath(directory), place);
    return path.split('/')[0] === '..' ? undefined : path;
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
      const entries = listTree(root, rules);
      return treeDigest(entries, await contentsOf(root, entries));
    } catch (error) {
      throw error instanceof PreconditionError ? error : unreadable(messageOf(error), error);
    }
  },
};

async function contentsOf(root: string, entries: readonly Entry[]): Promise<Map<string, string[] | string>> {
  const contents = new Map<string, string[] | string>();
  const pieces = entries.flatMap(({ path, type, size }) =>
    type === 'file' && isPlain(path) ? piecesOf(size).map((piece) => ({ ...piece, path, file: join(root, path) })) : [],
  );
  const digests = await digestAll(pieces, {
    kind: 'sha256',
    unreadable: (file, why) => unreadable(why.includes(file) ? why : `${file}: ${why}`),
  });
  for (const [index, { path }] of pieces.entries()) {
    const digest = digests[index] ?? '';
    const before = contents.get(path);
    if (Array.isArray(before)) before.push(digest);
    else contents.set(path, [digest]);
  }
  for (const { path, type } of entries) {
    const place = bytesOf(join(root, path));
    // Where a link leads is bytes, too.
    if (type === 'link') contents.set(path, textOf(readlinkSync(place, 'buffer')));
    // A device is its number.
    if (type === 'other') contents.set(path, String(lstatSync(place).rdev));
    // The threads take text only.
    if (type === 'file' && !isPlain(path)) contents.set(path, [sha256(readFileSync(place))]);
  }
  return contents;
}

function unreadable(why: string, cause?: unknown): PreconditionError {
  return new PreconditionError('ContextUnreadable', `The build context could not be read: ${why}`, {
    cause,
    hint: 'Leave the path out of the build with a .dockerignore, or make it readable; nothing may write to it meanwhile.',
  });
}

/** As many links as Linux follows. */
const mostLinks = 40;

/** Where a file is, if the directory is the root of all links; undefined where links go round in circles. */
function resolveInside(root: string, name: string): string | undefined {
  let place: string[] = [];
  const pending = name.split('/');
  for (let links = 0; links <= mostLinks;) {
    const part = pending.shift();
    if (part === undefined) return join(root, ...place);
    if (part === '..') place.pop();
    if (['', '.', '..'].includes(part)) continue;
    const path = join(root, ...place, part);
    if (lstatSync(path).isSymbolicLink()) {
      const target = readlinkSync(path);
      if (target.startsWith('/')) place = [];
      pending.unshift(...target.split('/'));
      links += 1;
    } else place.push(part);
  }
  return undefined;
}

function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function undefinedIfMissing(error: unknown): undefined {
  if (isMissing(error)) return;
  throw error;
}
