import { InputReader } from '../../../shared/action/input-reader.ts';
import type { RegistryImage, Repository } from '../../../shared/aws/ecr.ts';
import { sha256 } from '../../../shared/core/hash.ts';
import { recordTag } from '../../../actions/build-push-image/src/build-record.ts';
import type { Builder } from '../../../actions/build-push-image/src/builder.ts';
import { parseInputs, type Inputs, type LookAt, type ReadText } from '../../../actions/build-push-image/src/inputs.ts';
import type { Observed } from '../../../actions/build-push-image/src/observe.ts';

export const commit = '0123456789abcdef0123456789abcdef01234567';

/** A workspace that holds every file and, by the look of their names, every directory. */
export const anyFile: LookAt = (path) => ({
  kind: /\.|file$/i.test(path.replace(/^\.+/, '')) ? 'file' : 'directory',
  bytes: 1,
});

export interface Reading {
  readonly sha?: string;
  readonly masked?: string[];
  readonly lookAt?: LookAt;
  readonly readText?: ReadText;
  readonly env?: Readonly<Record<string, string>>;
}

export function read(
  values: Readonly<Record<string, string>>,
  {
    sha = commit,
    masked = [],
    lookAt = anyFile,
    readText = () => undefined,
    env = { AWS_REGION: 'us-east-1' },
  }: Reading = {},
): Inputs {
  const reader = new InputReader({
    get: (name) => values[name] ?? '',
    env,
    mask: (secret) => masked.push(secret),
  });
  return parseInputs(reader, { sha }, { lookAt, readText });
}

export const inputs = (values: Readonly<Record<string, string>> = {}): Inputs => read({ repository: 'app', ...values });

export const classic: Builder = {
  kind: 'docker',
  driver: 'docker',
  version: '20.10.24',
  platform: 'linux/amd64',
  platforms: ['linux/amd64'],
  containerdStore: false,
};
export const buildx: Builder = { ...classic, kind: 'buildx', driver: 'docker-container', version: 'v0.20.0' };

export const registryId = '123456789012';
export const mutable: Repository = {
  name: 'app',
  registryId,
  uri: `${registryId}.dkr.ecr.us-east-1.amazonaws.com/app`,
  tags: { mutable: true, exclusions: [] },
  scanOnPush: true,
};
export const immutable: Repository = {
  ...mutable,
  tags: { mutable: false, exclusions: ['buildcache*', 'latest', 'branch-*'] },
};

export function image(content: string, tags: readonly string[], pushedAt = Date.UTC(2026, 0, 1)): RegistryImage {
  const manifest = JSON.stringify({ schemaVersion: 2, content });
  return {
    digest: `sha256:${sha256(manifest)}`,
    manifest,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    tags,
    pushedAt,
    sizeBytes: manifest.length,
    registryId: '123456789012',
  };
}

export const hash = 'ab'.repeat(32);
/** An image that was built from `hash` and found to be good. */
export function built(content: string, tags: readonly string[], pushedAt?: number): RegistryImage {
  const made = image(content, tags, pushedAt);
  return { ...made, tags: [...tags, recordTag({ hash, digest: made.digest }, { commit, ms: 12_000 })] };
}

export function observed(over: Partial<Observed> = {}): Observed {
  return {
    builder: buildx,
    source: {
      hash,
      dockerfile: 'FROM scratch\n',
      context: { sha256: 'c', files: 3, bytes: 1234 },
      bases: [],
      syntax: undefined,
      contexts: [],
      fetched: [],
      exposed: [],
      unknown: [],
    },
    repository: mutable,
    stock: undefined,
    images: new Map(),
    archivedTags: new Set(),
    hasArchive: false,
    now: Date.UTC(2026, 0, 11),
    ...over,
  };
}

/** As the registry answers: every tag of every image. */
export const tagged = (...images: readonly RegistryImage[]): ReadonlyMap<string, RegistryImage> =>
  new Map(images.flatMap((item) => item.tags.map((tag) => [tag, item] as const)));
