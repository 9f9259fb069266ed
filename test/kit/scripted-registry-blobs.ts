import { createHash, randomUUID, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

interface Upload {
  readonly file: string;
  readonly hash: Hash;
  bytes: number;
}

/** The bytes of layers and configurations, on disk by digest. */
export class Blobs {
  readonly #directory: string;
  readonly #uploads = new Map<string, Upload>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(): Promise<Blobs> {
    const directory = await mkdtemp(join(tmpdir(), 'slipway-registry-'));
    await mkdir(join(directory, 'uploads'));
    return new Blobs(directory);
  }

  async close(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  file(digest: string): string {
    return join(this.#directory, digest.replace(':', '-'));
  }

  begin(): string {
    const id = randomUUID();
    this.#uploads.set(id, { file: join(this.#directory, 'uploads', id), hash: createHash('sha256'), bytes: 0 });
    return id;
  }

  size(id: string): number | undefined {
    return this.#uploads.get(id)?.bytes;
  }

  /** Adds a request's body to an upload; `onBytes` is told as they come. */
  async append(id: string, body: IncomingMessage, onBytes: (bytes: number) => void): Promise<void> {
    const upload = this.#uploads.get(id);
    if (upload === undefined) throw new Error(`no upload ${id}`);
    const counted = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of source) {
        upload.hash.update(chunk);
        upload.bytes += chunk.length;
        onBytes(chunk.length);
        yield chunk;
      }
    };
    await pipeline(body, counted, createWriteStream(upload.file, { flags: 'a' }));
  }

  /** Keeps what was uploaded, if it is what the digest says. */
  async finish(id: string, digest: string): Promise<{ readonly actual: string; readonly bytes: number }> {
    const upload = this.#uploads.get(id);
    if (upload === undefined) throw new Error(`no upload ${id}`);
    this.#uploads.delete(id);
    const actual = `sha256:${upload.hash.digest('hex')}`;
    if (actual === digest) await rename(upload.file, this.file(digest));
    else await rm(upload.file, { force: true });
    return { actual, bytes: upload.bytes };
  }

  abort(id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    this.#uploads.delete(id);
    return upload === undefined ? Promise.resolve() : rm(upload.file, { force: true });
  }
}
