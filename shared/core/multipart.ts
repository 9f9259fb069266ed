import { createHash } from 'node:crypto';

const mebibyte = 1024 * 1024;

/** Above this a file goes up in parts; up to it one PUT, whose ETag is the MD5 of the content (unless a KMS key encrypts the bucket). */
export const multipartThreshold = 64 * mebibyte;

export interface Part {
  /** From 1. */
  readonly number: number;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * The parts of a file, by its size alone: whoever cuts the same content gets the same parts, and so the same ETag to compare with.
 * S3 takes at most 10,000 parts.
 */
export function partsOf(size: number): readonly Part[] {
  if (size <= multipartThreshold) return [{ number: 1, start: 0, end: size }];
  const partSize = Math.max(32 * mebibyte, Math.ceil(size / 10_000 / mebibyte) * mebibyte);
  return Array.from({ length: Math.ceil(size / partSize) }, (_, index) => ({
    number: index + 1,
    start: index * partSize,
    end: Math.min(size, (index + 1) * partSize),
  }));
}

/** The ETag that S3 gives the whole, by those of its parts; a KMS key gives others. */
export function etagOfParts(etags: readonly string[]): string {
  const whole = createHash('md5').update(Buffer.from(etags.join(''), 'hex'));
  return `${whole.digest('hex')}-${etags.length}`;
}
