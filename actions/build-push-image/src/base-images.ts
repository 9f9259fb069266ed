import { parseJson } from '../../../shared/core/field.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { parseImageRef, type ImageRef } from '../../../shared/core/image-ref.ts';

/** Asks registries which manifest a name stands for now, without pulling anything. */
export interface ManifestRegistry {
  /** Undefined where the registry is out of reach, does not know the image, or refuses the credentials we have. */
  digest(image: string): Promise<string | undefined>;
}

export interface RegistryOptions {
  readonly fetch: typeof fetch;
  /** What `Authorization: Basic` takes for this host, sent at once; undefined: anonymous. */
  readonly basic: (host: string) => Promise<string | undefined>;
  /** The same of a login that somebody else made: sent only where the registry asks for one. */
  readonly login: (host: string) => Promise<string | undefined>;
  /** Of one attempt, and of all attempts at one image. */
  readonly timeoutMs: number;
  readonly totalMs: number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Before the second and the third attempt. */
const pausesMs = [300, 1500] as const;

const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** `HEAD /v2/<name>/manifests/<tag>`, with a token where one is asked for; Docker Hub counts no pull for it. */
export function manifestRegistry(options: RegistryOptions): ManifestRegistry {
  return {
    async digest(image) {
      const ref = parseImageRef(image);
      if (ref === undefined) return undefined;
      if (ref.digest !== undefined) return ref.digest;
      const overall = AbortSignal.timeout(options.totalMs);
      for (const pause of [...pausesMs, undefined]) {
        const answer = await ask(ref, options, overall);
        if (answer !== 'later') return answer.digest;
        if (pause === undefined || overall.aborted) return undefined;
        await options.sleep(pause);
      }
      return undefined;
    },
  };
}

/** A busy or broken registry may answer when it is asked once more; a refusal stays one. */
class Later extends Error {}

async function ask(
  ref: ImageRef,
  { fetch, basic, login, timeoutMs }: RegistryOptions,
  overall: AbortSignal,
): Promise<'later' | { readonly digest: string | undefined }> {
  const { host, repository } = location(ref);
  const url = `${isLoopback(host) ? 'http' : 'https'}://${host}/v2/${repository}/manifests/${ref.tag ?? 'latest'}`;
  const signal = AbortSignal.any([overall, AbortSignal.timeout(timeoutMs)]);
  const send = async (
    to: string | URL,
    method: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Response> => {
    const answer = await fetch(to, { method, redirect: 'follow', signal, headers });
    if (answer.status === 429 || answer.status >= 500) throw new Later();
    return answer;
  };
  const head = (authorization?: string): Promise<Response> =>
    send(url, 'HEAD', { accept, ...authorized(authorization) });
  const token = async (realm: URL, authorization?: string): Promise<string | undefined> => {
    const answer = await send(realm, 'GET', authorized(authorization));
    return answer.ok ? readToken(parseJson(await answer.text())) : undefined;
  };
  try {
    const secret = await basic(host);
    let answer = await head(secret === undefined ? undefined : `Basic ${secret}`);
    if (answer.status === 401 && secret === undefined) {
      const challenge = answer.headers.get('www-authenticate') ?? '';
      const realm = tokenUrl(challenge);
      const known = await login(host);
      const credentials = known === undefined ? undefined : `Basic ${known}`;
      if (realm !== undefined) {
        // An old login must not hide an image that everybody may see.
        const bearer = (await token(realm, credentials)) ?? (credentials && (await token(realm)));
        if (bearer === undefined) return { digest: undefined };
        answer = await head(`Bearer ${bearer}`);
      } else if (credentials !== undefined && /^basic\b/i.test(challenge)) {
        answer = await head(credentials);
      }
    }
    const digest = answer.ok ? (answer.headers.get('docker-content-digest') ?? '') : '';
    return { digest: /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined };
  } catch (error) {
    // Too busy, a broken connection, no answer in time. An error that we understand is no registry's: ECR gave no token.
    return error instanceof ActionError ? { digest: undefined } : 'later';
  }
}

function authorized(authorization: string | undefined): Readonly<Record<string, string>> {
  return authorization === undefined ? {} : { authorization };
}

/** Where docker looks: Docker Hub for names without a host, its `library/` for names without a path. */
export function location({ registry, repository }: ImageRef): { readonly host: string; readonly repository: string } {
  if (registry !== undefined && registry !== 'docker.io' && registry !== 'index.docker.io') {
    return { host: registry, repository };
  }
  return { host: 'registry-1.docker.io', repository: repository.includes('/') ? repository : `library/${repository}` };
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
