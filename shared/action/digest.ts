import { createHash, hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { etagOfParts, partsOf, type Part } from '../core/multipart.ts';

/** `etag`: what S3 gives this content when it is sent in our parts and encrypted without a KMS key. */
export type DigestKind = 'sha256' | 'etag';

export interface SizedFile {
  readonly file: string;
  readonly size: number;
  /** Where those bytes begin, when they are one piece of several; default 0. With `sha256` only, as is `toEnd`. */
  readonly start?: number | undefined;
  /** Nothing may follow them: a file that has grown is not the file that was found. */
  readonly toEnd?: boolean | undefined;
}

/** Files up to this size are read with one call; larger ones pass through this much memory, however large they are. */
const buffer = Buffer.allocUnsafeSlow(1024 * 1024);

/** One digest for each file, or what went wrong with one of them. */
export type DigestAnswer = { readonly digests: readonly string[] } | { readonly file: string; readonly error: string };

/** Whoever comes first has it; `claims` is shared between threads. */
export function claim(claims: Int32Array, index: number): boolean {
  return Atomics.compareExchange(claims, index, 0, 1) === 0;
}

/** Blocks: made for a thread of its own, or for little. */
export function digestEach(kind: DigestKind, files: readonly SizedFile[]): DigestAnswer {
  const digests: string[] = [];
  for (const sized of files) {
    try {
      digests.push(digestOf(kind, sized));
    } catch (error) {
      return { file: sized.file, error: error instanceof Error ? error.message : String(error) };
    }
  }
  return { digests };
}

/** In lower-case hexadecimal, of exactly `size` bytes; throws when the file holds fewer. */
function digestOf(kind: DigestKind, { file, size, start = 0, toEnd = false }: SizedFile): string {
  const descriptor = openSync(file, 'r');
  try {
    if (kind === 'sha256') {
      const digest = digestPart(descriptor, 'sha256', { number: 1, start, end: start + size });
      if (toEnd && readSync(descriptor, buffer, 0, 1, start + size) > 0) {
        throw new Error('it became longer while it was read');
      }
      return digest;
    }
    const parts = partsOf(size);
    const digests = parts.map((part) => digestPart(descriptor, 'md5', part));
    const [only = ''] = digests;
    if (parts.length === 1) return only;
    return etagOfParts(digests);
  } finally {
    closeSync(descriptor);
  }
}

function digestPart(descriptor: number, algorithm: 'md5' | 'sha256', { start, end }: Part): string {
  if (end - start <= buffer.length) return hash(algorithm, fill(descriptor, start, end - start));
  const whole = createHash(algorithm);
  for (let at = start; at < end; at += buffer.length) {
    whole.update(fill(descriptor, at, Math.min(buffer.length, end - at)));
  }
  return whole.digest('hex');
}

function fill(descriptor: number, start: number, length: number): Buffer {
  for (let filled = 0; filled < length;) {
    const count = readSync(descriptor, buffer, filled, length - filled, start + filled);
    if (count === 0) throw new Error('it became shorter while it was read');
    filled += count;
  }
  return buffer.subarray(0, length);
}
