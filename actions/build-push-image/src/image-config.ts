import { field, list, parseJson } from '../../../shared/core/field.ts';
import { indexedImages } from '../../../shared/core/image-index.ts';
import { toldPlatform, type Platform } from './platforms.ts';

/** A manifest of one platform, as an index lists it or as a tag names it. */
export interface ManifestEntry {
  readonly digest: string;
  /** What the index says; undefined where there is none, or where it does not tell. */
  readonly platform: Platform | undefined;
}

/** How a container of the image starts. */
export interface ImageConfig {
  readonly platform: Platform;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  /** Has instructions that run when something is built from it. */
  readonly hasTriggers: boolean;
}

/** The manifests of an index without its attestations; undefined when it is a manifest itself. */
export function indexEntries(manifest: string): readonly ManifestEntry[] | undefined {
  return indexedImages(manifest)?.map(({ digest, platform }) => ({
    digest,
    platform: platform && toldPlatform(platform),
  }));
}

export function configDigest(manifest: string): string {
  const digest = text(field(field(parseJson(manifest), 'config'), 'digest'));
  if (digest === '') throw new Error('the manifest names no configuration');
  return digest;
}

/** https://github.com/opencontainers/image-spec/blob/main/config.md; Docker's own has the same fields. */
export function readConfig(json: string): ImageConfig {
  const image = parseJson(json);
  const config = field(image, 'config');
  const platform = platformIn(image);
  if (platform === undefined) throw new Error('the configuration tells no operating system and architecture');
  return {
    platform,
    entrypoint: texts(field(config, 'Entrypoint')),
    cmd: texts(field(config, 'Cmd')),
    env: texts(field(config, 'Env')),
    workingDir: text(field(config, 'WorkingDir')),
    hasTriggers: texts(field(config, 'OnBuild')).length > 0,
  };
}

function platformIn(value: unknown): Platform | undefined {
  const [os, architecture] = [text(field(value, 'os')), text(field(value, 'architecture'))];
  if (os === '' || architecture === '') return undefined;
  return toldPlatform({ os, architecture, variant: text(field(value, 'variant')) });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: unknown): readonly string[] {
  return list(value).filter((item) => typeof item === 'string');
}
