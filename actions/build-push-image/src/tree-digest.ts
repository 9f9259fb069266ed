import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../shared/core/hash.ts';

export interface TreeDigest {
  /** Of every kept path's name, type, mode, link target and content; of no time and no owner. */
  readonly sha256: string;
  readonly files: number;
  readonly bytes: number;
}

/** One kept path of a directory that is sent to the builder. */
export interface Entry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'link' | 'other';
  readonly mode: number;
  readonly size: number;
}

/** Threads share the work by these: one large file is no work for one thread alone. */
export const pieceBytes = 1024 * 1024;

export interface Piece {
  readonly start: number;
  readonly size: number;
  /** The file ends with it. */
  readonly toEnd: boolean;
}

/** An empty file is one empty piece: that it can be read is part of what is found out. */
export function piecesOf(size: number): readonly Piece[] {
  return Array.from({ length: Math.max(1, Math.ceil(size / pieceBytes)) }, (_, index) => {
    const start = index * pieceBytes;
    return { start, size: Math.min(pieceBytes, size - start), toEnd: start + pieceBytes >= size };
  });
}

/** By path: the digests of a file's pieces, in order, or a link's target. */
export type Contents = ReadonlyMap<string, readonly string[] | string>;

export function treeDigest(entries: readonly Entry[], contents: Contents): TreeDigest {
  const tree = createHash('sha256');
  for (const { path, type, mode } of entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    tree.update(`${canonicalJson([path, type, mode, contents.get(path) ?? null])}\n`);
  }
  const files = entries.filter(({ type }) => type === 'file');
  return { sha256: tree.digest('hex'), files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}
