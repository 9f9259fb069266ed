import { parseImageRef, type ImageRef } from '../../../shared/core/image-ref.ts';

/** Asks registries which manifest a name stands for now, without pulling anything. */
export interface ManifestRegistry {
  /** Undefined where the registry is out of reach, does not know the image, or asks for credentials we do not have. */
  digest(image: string): Promise<string | undefined>;
}

export interface RegistryOptions {
  readonly fetch: typeof fetch;
  /** What `Authorization: Basic` takes for this host; undefined: anonymous. */
  readonly basic: (host: string) => Promise<string | undefined>;
  readonly timeoutMs: number;
}

const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** `HEAD /v2/<name>/manifests/<tag>`, with an anonymous token where one is asked for; Docker Hub counts no pull for it. */
export function manifestRegistry({ fetch, basic, timeoutMs }: RegistryOptions): ManifestRegistry {
  return {
    async digest(image) {
      const ref = parseImageRef(image);
      if (ref === undefined) return undefined;
      if (ref.digest !== undefined) return ref.digest;
      const { host, repository } = location(ref);
      const url = `${isLoopback(host) ? 'http' : 'https'}://${host}/v2/${repository}/manifests/${ref.tag ?? 'latest'}`;
      const signal = AbortSignal.timeout(timeoutMs);
      const head = (authorization?: string): Promise<Response> =>
        fetch(url, {
          method: 'HEAD',
          redirect: 'follow',
          signal,
          headers: { accept, ...(authorization === undefined ? {} : { authorization }) },
        });
      try {
        const secret = await basic(host);
        let answer = await head(secret === undefined ? undefined : `Basic ${secret}`);
        if (answer.status === 401 && secret === undefined) {
          const realm = tokenUrl(answer.headers.get('www-authenticate') ?? '');
          if (realm === undefined) return undefined;
          const token = readToken(await (await fetch(realm, { signal })).json());
          if (token === undefined) return undefined;
          answer = await head(`Bearer ${token}`);
        }
        const digest = answer.ok ? (answer.headers.get('docker-content-digest') ?? '') : '';
        return /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined;
      } catch {
        // No network, no such host, no answer in time, no JSON: all the same, the registry cannot tell.
        return undefined;
      }
    },
  };
}

/** Where docker looks: Docker Hub for names without a host, its `library/` for names without a path. */
export function location({ registry, repository }: ImageRef): { readonly host: string; readonly repository: string } {
  if (registry !== undefined && registry !== 'docker.io' && registry !== 'index.docker.io') {
    return { host: registry, repository };
  }
  return { host: 'registry-1.docker.io', repository: repository.includes('/') ? repository : `library/${repository}` };
}

/** The host that an image's name asks, undefined when it is no image name. */
export function hostOf(image: string): string | undefined {
  const ref = parseImageRef(image);
  return ref === undefined ? undefined : location(ref).host;
}

/** Docker, too, speaks plain HTTP to registries on loopback. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3})(?::\d+)?$/.test(host);
}

function tokenUrl(challenge: string): URL | undefined {
  if (!/^bearer\s/i.test(challenge)) return undefined;
  const fields = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]));
  const realm = fields.get('realm') ?? '';
  if (!URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  if (url.protocol !== 'https:' && !isLoopback(url.host)) return undefined;
  for (const key of ['service', 'scope']) {
    const value = fields.get(key);
    if (value !== undefined) url.searchParams.set(key, value);
  }
  return url;
}

function readToken(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  if ('token' in answer && typeof answer.token === 'string') return answer.token;
  return 'access_token' in answer && typeof answer.access_token === 'string' ? answer.access_token : undefined;
}
