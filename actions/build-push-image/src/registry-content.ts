import type { Clock } from '../../../shared/core/clock.ts';
import { messageOf } from '../../../shared/core/errors.ts';
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

/** Before each further attempt, in milliseconds. */
const pauses: readonly number[] = [500, 2_000, 6_000];

export interface ContentOptions {
  readonly fetch: typeof fetch;
  /** For one attempt. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A registry that breaks, is asked too often or does not answer is asked again: whatever else it says, it would say again. */
export function registryContent(options: ContentOptions): OpenRegistryContent {
  return (place) => ({
    async read(kind, digest) {
      for (const pause of [...pauses, undefined]) {
        try {
          return await readOnce(place, { kind, digest }, options);
        } catch (error) {
          options.signal.throwIfAborted();
          if (!isPassing(error)) throw error;
          if (pause === undefined) {
            const said = `${place.host} could not be read, ${pauses.length + 1} times: ${describe(error)}`;
            throw new Error(said, { cause: error });
          }
          await options.clock.sleep(pause, options.signal);
        }
      }
      throw new Error(`${digest} was not read`);
    },
  });
}

/** The registry answered, and not what was asked for. What else is thrown is a connection that broke, or none in time. */
class AnswerError extends Error {
  readonly isPassing: boolean;

  constructor(message: string, isPassing = false) {
    super(message);
    this.isPassing = isPassing;
  }
}

function isPassing(error: unknown): boolean {
  return !(error instanceof AnswerError) || error.isPassing;
}

/** "fetch failed" alone tells nothing: what failed is its cause. */
function describe(error: unknown): string {
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${messageOf(cause)}`;
}

interface Asked {
  readonly kind: 'manifests' | 'blobs';
  readonly digest: string;
}

/** `GET /v2/<name>/<kind>/<digest>`. ECR answers with the address of a blob in S3: our login is for ECR only and does not go along. */
async function readOnce(
  { host, repository, basic }: ContentPlace,
  { kind, digest }: Asked,
  options: ContentOptions,
): Promise<string> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  const headers = { authorization: `Basic ${basic}`, accept: manifestTypes };
  const url = new URL(`${isLoopback(host) ? 'http' : 'https'}://${host}/v2/${repository}/${kind}/${digest}`);
  let answer = await options.fetch(url, { redirect: 'manual', signal, headers });
  if (answer.status >= 300 && answer.status < 400) {
    const target = new URL(answer.headers.get('location') ?? '', url);
    const own = target.origin === url.origin;
    if (target.protocol !== 'https:' && !isLoopback(target.host))
      throw new AnswerError(`${host} sends its readers to ${target.origin}`);
    answer = await options.fetch(target, {
      redirect: own ? 'manual' : 'follow',
      signal,
      ...(own ? { headers } : {}),
    });
  }
  if (!answer.ok) {
    const isPassing = answer.status >= 500 || answer.status === 429 || answer.status === 408;
    throw new AnswerError(`${host} answers ${answer.status} for ${digest}`, isPassing);
  }
  const bytes = await readBounded(answer, digest);
  if (`sha256:${sha256(bytes)}` !== digest) throw new AnswerError(`${host} answers other content for ${digest}`);
  return new TextDecoder().decode(bytes);
}

async function readBounded(answer: Response, digest: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let left = maxBytes;
  const body: AsyncIterable<Uint8Array> | readonly Uint8Array[] = answer.body ?? [];
  for await (const piece of body) {
    pieces.push(piece);
    left -= piece.length;
    if (left < 0) throw new AnswerError(`${digest} is larger than a manifest or a configuration`);
  }
  return Buffer.concat(pieces);
}
