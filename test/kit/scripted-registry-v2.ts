import type { IncomingMessage } from 'node:http';
import type { Blobs } from './scripted-registry-blobs.ts';
import { created, json, noUpload, progress, refusal, type Reply, type Target } from './scripted-registry-replies.ts';
import { Refusal, type Repository, type Store } from './scripted-registry-store.ts';

export interface Asked {
  readonly target: Target;
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly onBytes: (bytes: number) => void;
}

/** The distribution protocol as docker and BuildKit speak it to ECR, behind the check of the token. */
export class Distribution {
  readonly #store: Store;
  readonly #blobs: Blobs;
  /** ECR mounts layers across repositories only where an account asks for it. */
  readonly #mounts: boolean;

  constructor(parts: { store: Store; blobs: Blobs; mounts: boolean }) {
    this.#store = parts.store;
    this.#blobs = parts.blobs;
    this.#mounts = parts.mounts;
  }

  async answer(asked: Asked): Promise<Reply> {
    try {
      return await this.#answer(asked);
    } catch (error) {
      if (error instanceof Refusal) return refusal(error.status, error.v2, error.message);
      throw error;
    }
  }

  /** By a presigned address, for which no token is asked. */
  layer(name: string, digest: string): Reply {
    return this.#blob(this.#store.get(name), digest);
  }

  async #answer(asked: Asked): Promise<Reply> {
    const { operation, repository: name, reference } = asked.target;
    if (operation === 'GET ping' || operation === 'HEAD ping') return { status: 200 };
    const repository = this.#store.get(name);
    switch (operation) {
      case 'HEAD blob':
      case 'GET blob':
        return this.#blob(repository, reference);
      case 'POST upload':
        return this.#begin(repository, asked);
      case 'PATCH upload':
        return this.#append(repository, asked);
      case 'PUT upload':
        return this.#finish(repository, asked);
      case 'DELETE upload':
        await this.#blobs.abort(reference);
        return { status: 204 };
      case 'HEAD manifest':
      case 'GET manifest':
        return this.#manifest(repository, reference);
      case 'PUT manifest':
        return this.#putManifest(repository, asked);
      case 'GET tags':
        return { status: 200, headers: json, body: JSON.stringify({ name, tags: [...repository.tags.keys()] }) };
      default:
        return refusal(404, 'UNSUPPORTED', 'The operation is unsupported.');
    }
  }

  #blob({ blobs }: Repository, digest: string): Reply {
    const bytes = blobs.get(digest);
    if (bytes === undefined) return refusal(404, 'BLOB_UNKNOWN', 'Requested layer not found');
    const headers = { 'content-type': 'application/octet-stream', 'docker-content-digest': digest };
    return { status: 200, headers, body: { file: this.#blobs.file(digest), bytes } };
  }

  async #begin(repository: Repository, asked: Asked): Promise<Reply> {
    const query = asked.url.searchParams;
    const mount = query.get('mount') ?? '';
    const from = query.get('from') ?? '';
    const bytes = this.#store.has(from) ? this.#store.get(from).blobs.get(mount) : undefined;
    if (this.#mounts && bytes !== undefined) {
      repository.blobs.set(mount, bytes);
      return { status: 201, headers: created(`/v2/${repository.name}/blobs/${mount}`, mount) };
    }
    const id = this.#blobs.begin();
    // All in one request.
    if (query.has('digest')) return this.#finish(repository, { ...asked, target: { ...asked.target, reference: id } });
    return { status: 202, headers: progress(repository.name, id, 0) };
  }

  async #append(repository: Repository, { target, request, onBytes }: Asked): Promise<Reply> {
    const id = target.reference;
    if (this.#blobs.size(id) === undefined) return noUpload();
    await this.#blobs.append(id, request, onBytes);
    return { status: 202, headers: progress(repository.name, id, this.#blobs.size(id) ?? 0) };
  }

  async #finish(repository: Repository, { target, request, url, onBytes }: Asked): Promise<Reply> {
    const id = target.reference;
    if (this.#blobs.size(id) === undefined) return noUpload();
    await this.#blobs.append(id, request, onBytes);
    const digest = url.searchParams.get('digest') ?? '';
    const { actual, bytes } = await this.#blobs.finish(id, digest);
    if (actual !== digest) {
      return refusal(400, 'DIGEST_INVALID', `The layer digest '${digest}' does not match the uploaded '${actual}'`);
    }
    repository.blobs.set(digest, bytes);
    return { status: 201, headers: created(`/v2/${repository.name}/blobs/${digest}`, digest) };
  }

  #manifest({ images, tags, archived }: Repository, reference: string): Reply {
    const image = images.get(reference.includes(':') ? reference : (tags.get(reference) ?? ''));
    if (image === undefined || archived.has(image.digest))
      return refusal(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
    const headers = { 'content-type': image.mediaType, 'docker-content-digest': image.digest };
    return { status: 200, headers, body: image.manifest };
  }

  async #putManifest(repository: Repository, { target, request, onBytes }: Asked): Promise<Reply> {
    const { reference } = target;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const manifest = Buffer.concat(chunks);
    onBytes(manifest.length);
    const isDigest = reference.includes(':');
    const { digest } = this.#store.put(repository, {
      manifest,
      mediaType: request.headers['content-type'],
      tag: isDigest ? undefined : reference,
      digest: isDigest ? reference : undefined,
      now: Date.now(),
    });
    return { status: 201, headers: created(`/v2/${repository.name}/manifests/${digest}`, digest) };
  }
}
