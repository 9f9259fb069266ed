import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { S3Error } from './s3-stub-xml.ts';

/** A request's body, decoded, with the hashes that its headers ask for. */
export interface Body {
  readonly chunks: readonly Buffer[];
  readonly size: number;
  /** Undefined when nobody asked. */
  readonly md5: Buffer | undefined;
  /** By the header that carries it: `x-amz-checksum-sha256` → base64, as verified. */
  readonly checksums: Readonly<Record<string, string>>;
}

export interface BodyOptions {
  /** For an ETag; a `Content-MD5` asks for it by itself. */
  readonly md5: boolean;
  /** False: what the headers say of the body is believed. */
  readonly verify: boolean;
  /** False: the bytes are counted and hashed, and dropped. */
  readonly keep: boolean;
  /** After half of the body came in; nothing is committed yet. True: go on. */
  readonly halfway: (() => Promise<boolean>) | undefined;
}

interface Digest {
  update(data: Buffer): void;
  base64(): string;
}

/** What is verified. The other algorithms that S3 knows (CRC32C, CRC64NVME) are accepted unseen. */
const algorithms: Readonly<Record<string, () => Digest>> = {
  'x-amz-checksum-sha256': () => digestOf(createHash('sha256')),
  'x-amz-checksum-sha1': () => digestOf(createHash('sha1')),
  'x-amz-checksum-crc32': () => {
    let value = 0;
    return {
      update: (data) => void (value = crc32(data, value)),
      base64: () => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE(value);
        return bytes.toString('base64');
      },
    };
  },
};

function digestOf(hash: Hash): Digest {
  return { update: (data) => void hash.update(data), base64: () => hash.digest('base64') };
}

/** Reads the whole body, or fails as S3 does. Undefined: the client went away, or the fault ended it. */
export async function readBody(request: IncomingMessage, options: BodyOptions): Promise<Body | undefined> {
  const { headers } = request;
  const contentHash = header(request, 'x-amz-content-sha256');
  const isChunked = contentHash?.startsWith('STREAMING-') === true;
  const hashes = new Map<string, Digest>();
  const said = (name: string): string | undefined => header(request, name);
  const trailer = said('x-amz-trailer')?.toLowerCase();
  if (options.verify) {
    for (const [name, make] of Object.entries(algorithms)) {
      if (headers[name] !== undefined || trailer === name) hashes.set(name, make());
    }
    if (/^[\da-f]{64}$/.test(contentHash ?? '') && !hashes.has('x-amz-checksum-sha256')) {
      hashes.set('x-amz-content-sha256', digestOf(createHash('sha256')));
    }
  }
  const md5 = options.md5 || headers['content-md5'] !== undefined ? createHash('md5') : undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  const take = (data: Buffer): void => {
    size += data.length;
    md5?.update(data);
    for (const hash of hashes.values()) hash.update(data);
    if (options.keep) chunks.push(data);
  };
  const decoder = isChunked ? new ChunkDecoder(take) : undefined;
  if (!(await drain(request, { onData: decoder === undefined ? take : (data) => decoder.feed(data), ...options }))) {
    return undefined;
  }

  const length = Number(isChunked ? said('x-amz-decoded-content-length') : said('content-length'));
  if ((decoder !== undefined && !decoder.isDone) || length !== size) {
    throw new S3Error('IncompleteBody', 400, 'You did not provide the number of bytes specified by Content-Length');
  }
  const md5Digest = md5?.digest();
  const contentMd5 = said('content-md5');
  if (contentMd5 !== undefined && contentMd5 !== md5Digest?.toString('base64')) throw badDigest('Content-MD5');
  const checksums: Record<string, string> = {};
  for (const [name, hash] of hashes) {
    const value = hash.base64();
    if (name === 'x-amz-content-sha256') refuseOtherContent(contentHash, value);
    else {
      if (name === 'x-amz-checksum-sha256' && /^[\da-f]{64}$/.test(contentHash ?? '')) {
        refuseOtherContent(contentHash, value);
      }
      const expected = said(name) ?? decoder?.trailers.get(name);
      if (expected !== value) throw badDigest(name);
      checksums[name] = value;
    }
  }
  return { chunks, size, md5: md5Digest, checksums };
}

function refuseOtherContent(contentHash: string | undefined, base64: string): void {
  if (contentHash === Buffer.from(base64, 'base64').toString('hex')) return;
  throw new S3Error(
    'XAmzContentSHA256Mismatch',
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  );
}

function badDigest(name: string): S3Error {
  return new S3Error('BadDigest', 400, `The ${name} you specified did not match what we received.`);
}

export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : value?.join(',');
}

interface Drain extends BodyOptions {
  readonly onData: (data: Buffer) => void;
}

/** False: the body did not arrive whole. */
function drain(request: IncomingMessage, { onData, halfway }: Drain): Promise<boolean> {
  const half = halfway === undefined ? Infinity : Number(request.headers['content-length'] ?? 0) / 2;
  return new Promise((resolve, reject) => {
    let received = 0;
    let struck = false;
    const strike = (): void => {
      struck = true;
      request.pause();
      void halfway?.().then((goesOn) => {
        if (!goesOn) resolve(false);
        else if (request.complete && request.readableLength === 0) resolve(true);
        else request.resume();
      }, reject);
    };
    request.on('data', (data: Buffer) => {
      received += data.length;
      try {
        onData(data);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      if (!struck && received >= half) strike();
    });
    request.on('end', () => {
      if (struck || half === Infinity) resolve(true);
      else strike();
    });
    request.on('close', () => resolve(request.complete && (struck || half === Infinity)));
    request.on('error', () => resolve(false));
  });
}

/** `aws-chunked`: `size;chunk-signature=…`, the bytes, … `0`, and trailers such as a checksum. Chunk signatures are not looked at. */
class ChunkDecoder {
  readonly trailers = new Map<string, string>();
  isDone = false;
  readonly #take: (data: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of the chunk still to come. */
  #left = 0;
  #state: 'size' | 'data' | 'end of data' | 'trailer' = 'size';

  constructor(take: (data: Buffer) => void) {
    this.#take = take;
  }

  feed(data: Buffer): void {
    let buffer = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    for (;;) {
      if (this.#state === 'data') {
        const piece = buffer.subarray(0, this.#left);
        if (piece.length > 0) this.#take(piece);
        this.#left -= piece.length;
        buffer = buffer.subarray(piece.length);
        if (this.#left > 0) break;
        this.#state = 'end of data';
      }
      const end = buffer.indexOf('\r\n');
      if (end < 0) break;
      this.#line(buffer.toString('latin1', 0, end));
      buffer = buffer.subarray(end + 2);
    }
    this.#rest = buffer;
  }

  #line(line: string): void {
    if (this.#state === 'end of data') {
      if (line !== '') throw badChunk();
      this.#state = 'size';
    } else if (this.#state === 'size') {
      const size = /^([\da-f]{1,12})(?:;|$)/i.exec(line)?.[1];
      if (size === undefined) throw badChunk();
      this.#left = parseInt(size, 16);
      this.#state = this.#left === 0 ? 'trailer' : 'data';
    } else {
      const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) this.trailers.set(name.toLowerCase(), value);
      else this.isDone = line === '';
    }
  }
}

function badChunk(): S3Error {
  return new S3Error('InvalidChunkSizeError', 400, 'A chunk is not as it says.');
}
