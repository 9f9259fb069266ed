import { PreconditionError } from '../../../shared/core/errors.ts';
import type { Inputs } from './inputs.ts';

/** What builds images here: BuildKit through buildx, or the classic builder of a docker without buildx. */
export interface Builder {
  readonly kind: 'buildx' | 'docker';
  /** buildx's driver; a docker without buildx is its own. */
  readonly driver: string;
  readonly version: string;
  /** What is built when no platform is asked for. */
  readonly platform: string;
  /** What it says it can run programs for; empty: it does not say. */
  readonly platforms: readonly string[];
  /** The daemon keeps images in containerd's store, and so can do what its classic store cannot. */
  readonly containerdStore: boolean;
}

/** BuildKit outside the daemon: images of the daemon are not seen there. */
export function isOutsideDaemon(builder: Builder): boolean {
  return builder.kind === 'buildx' && builder.driver !== 'docker';
}

/** May it keep caches in a registry, build for several platforms, attest? */
function isFullBuildKit(builder: Builder): boolean {
  return isOutsideDaemon(builder) || (builder.kind === 'buildx' && builder.containerdStore);
}

export function usesRegistryCache({ cache }: Inputs, builder: Builder): boolean {
  return cache !== 'none' && isFullBuildKit(builder);
}

export function describeBuilder({ kind, driver, version, platform }: Builder): string {
  return kind === 'buildx'
    ? `buildx ${version}, driver ${driver}, ${platform}`
    : `docker ${version} without buildx, ${platform}`;
}

/** What is asked of this builder and it cannot do; empty when it can do all. */
function unableTo(inputs: Inputs, builder: Builder): readonly string[] {
  const missing: string[] = [];
  const classic = builder.kind === 'docker';
  const full = isFullBuildKit(builder);
  if (classic && inputs.secrets.size > 0) missing.push('secrets: build secrets need BuildKit');
  if (classic && inputs.secretFiles.size > 0) missing.push('secret-files: build secrets need BuildKit');
  if (classic && inputs.buildContexts.size > 0) missing.push('build-contexts: named contexts need BuildKit');
  const foreign = inputs.platforms.filter((platform) => platform !== builder.platform);
  if (classic && foreign.length > 0) {
    missing.push(`platforms: this docker builds for ${builder.platform} only, not for ${foreign.join(', ')}`);
  } else if (!full && inputs.platforms.length > 1) {
    missing.push(`platforms: the daemon's image store holds one platform an image, not ${inputs.platforms.join(', ')}`);
  }
  if (!full && inputs.cache === 'registry') missing.push('cache: a registry cache cannot be written by it');
  if (!full && inputs.provenance !== 'false') missing.push('provenance: it cannot attest');
  if (!full && inputs.sbom) missing.push('sbom: it cannot attest');
  return missing;
}

export function requireAble(inputs: Inputs, builder: Builder): void {
  const missing = unableTo(inputs, builder);
  if (missing.length === 0) return;
  throw new PreconditionError(
    'BuilderUnable',
    [
      `The builder here (${describeBuilder(builder)}) cannot do what is asked:`,
      ...missing.map((line) => `- ${line}`),
    ].join('\n'),
    {
      hint:
        builder.kind === 'docker'
          ? 'Install buildx with a step "uses: docker/setup-buildx-action" before this one, or leave these inputs out.'
          : 'Create a builder outside the daemon with a step "uses: docker/setup-buildx-action" before this one, or leave these inputs out.',
    },
  );
}
