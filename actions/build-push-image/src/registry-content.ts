import { sha256 } from '../../../shared/core/hash.ts';
import { isLoopback } from './base-images.ts';

/** What a repository holds, by its digest; what comes back is what the digest names, or it throws. */
export interface RegistryContent {
  read(kind: 'manifests' | 'blobs', digest: string): Promise<string>;
}

export interface ContentPlace {
  readonly host: string;
  readonly repository: string;
  /** What `Authorization: Basic` takes. */
  readonly basic: string;
}

export type OpenRegistryContent = (place: ContentPlace) => RegistryContent;

const manifestTypes =
  'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, */*';

/** Manifests and configurations have some kilobytes. */
const maxBytes = 8 << 20;

/** `GET /v2/<name>/<kind>/<digest>`. ECR answers with the address of a blob in S3: our login is for ECR only and does not go along. */
export function registryContent(options: {
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
}): OpenRegistryContent {
  return ({ host, repository, basic }) => ({
    async read(kind, digest) {
      const signal = AbortSignal.timeout(options.timeoutMs);
      const headers = { authorization: `Basic ${basic}`, accept: manifestTypes };
      const url = new URL(`${isLoopback(host) ? 'http' : 'https'}://${host}/v2/${repository}/${kind}/${digest}`);
      let answer = await options.fetch(url, { redirect: 'manual', signal, headers });
      if (answer.status >= 300 && answer.status < 400) {
        const target = new URL(answer.headers.get('location') ?? '', url);
        const own = target.origin === url.origin;
        if (target.protocol !== 'https:' && !isLoopback(target.host))
          throw new Error(`${host} sends its readers to ${target.origin}`);
        answer = await options.fetch(target, {
          redirect: own ? 'manual' : 'follow',
          signal,
          ...(own ? { headers } : {}),
        });
      }
      if (!answer.ok) throw new Error(`${host} answers ${answer.status} for ${digest}`);
      const bytes = await readBounded(answer, digest);
      if (`sha256:${sha256(bytes)}` !== digest) throw new Error(`${host} answers other content for ${digest}`);
      return new TextDecoder().decode(bytes);
    },
  });
}

async function readBounded(answer: Response, digest: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let left = maxBytes;
  const body: AsyncIterable<Uint8Array> = answer.body ?? new ReadableStream();
  for await (const piece of body) {
    pieces.push(piece);
    left -= piece.length;
    if (left < 0) throw new Error(`${digest} is larger than a manifest or a configuration`);
  }
  return Buffer.concat(pieces);
}
