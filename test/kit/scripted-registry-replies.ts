import { createReadStream } from 'node:fs';
import type { ServerResponse } from 'node:http';

/** What a request under /v2/ is about. */
export interface Target {
  /** `PUT manifest`, `HEAD blob`, `POST upload` … */
  readonly operation: string;
  readonly repository: string;
  /** A tag, a digest, or the id of an upload. */
  readonly reference: string;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | { readonly file: string; readonly bytes: number };
}

const routes: readonly (readonly [pattern: RegExp, noun: string])[] = [
  [/^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/, 'upload'],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, 'blob'],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, 'manifest'],
  [/^\/v2\/(.+)\/(tags)\/list$/, 'tags'],
];

export function targetOf(method: string, path: string): Target {
  if (/^\/v2\/?$/.test(path)) return { operation: `${method} ping`, repository: '', reference: '' };
  for (const [pattern, noun] of routes) {
    const [whole, repository = '', reference = ''] = pattern.exec(path) ?? [];
    if (whole !== undefined) return { operation: `${method} ${noun}`, repository, reference };
  }
  return { operation: `${method} unknown`, repository: '', reference: '' };
}

export const json = { 'content-type': 'application/json; charset=utf-8' };

export function refusal(status: number, code: string, message: string): Reply {
  return { status, headers: json, body: JSON.stringify({ errors: [{ code, message }] }) };
}

export function created(location: string, digest: string): Record<string, string> {
  return { location, 'docker-content-digest': digest };
}

export function progress(repository: string, id: string, bytes: number): Record<string, string> {
  const range = `0-${Math.max(0, bytes - 1)}`;
  return { location: `/v2/${repository}/blobs/uploads/${id}`, range, 'docker-upload-uuid': id };
}

export function noUpload(): Reply {
  return refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'The upload does not exist');
}

/** Sends it and says how many bytes its body has. */
export async function sendReply(reply: Reply, isHead: boolean, response: ServerResponse): Promise<number> {
  const { status, headers = {}, body = '' } = reply;
  const isFile = typeof body !== 'string' && !Buffer.isBuffer(body);
  const bytes = isFile ? body.bytes : Buffer.byteLength(body);
  response.writeHead(status, {
    'docker-distribution-api-version': 'registry/2.0',
    'content-length': String(bytes),
    ...headers,
  });
  if (isHead) {
    response.end();
    return 0;
  }
  if (!isFile) {
    response.end(body);
    return bytes;
  }
  const stream = createReadStream(body.file);
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject);
    response.on('close', resolve);
    stream.pipe(response);
  });
  return bytes;
}
