import { basename } from 'node:path';
import type { RegistryImage } from '../../../shared/aws/ecr.ts';
import type { Run } from './apply.ts';
import { isRefused } from './build-record.ts';
import { isOutsideDaemon } from './builder.ts';
import type { DockerConfig } from './docker-config.ts';
import { platformName } from './platforms.ts';
import { builderFiles, daemonFiles, type ProgramFiles } from './program-files.ts';
import { stillRefused } from './judge-image.ts';
import { sourceTags } from './source-hash.ts';
import { verifyImage, type PlatformImage } from './verify-image.ts';

/** What the registry holds of what was pushed. */
export interface PushedImage {
  readonly image: RegistryImage;
  /** The builder made it, or it was in an archive that the daemon loaded. */
  readonly from: 'builder' | 'archive';
  /** Another run pushed it: the daemon here need not have it. */
  readonly anotherRuns: boolean;
}

export interface Access {
  readonly host: string;
  /** What `Authorization: Basic` takes. */
  readonly basic: string;
  readonly config: DockerConfig;
}

/** A look at what was just built here takes a second; another run's image has to be fetched first. */
const timeouts = { own: 20_000, anothers: 120_000 } as const;

/** Before any wanted tag names the image. Throws when it is not what was asked for, or nobody can tell; programs that cannot be looked at are told. */
export async function verify({ image, from, anotherRuns }: PushedImage, run: Run, access: Access): Promise<void> {
  const { inputs, observed, ports, draft, progress } = run;
  const { host, basic, config } = access;
  const { builder } = observed;
  const uri = draft.repositoryUri ?? '';
  const timeoutMs = anotherRuns ? timeouts.anothers : timeouts.own;
  const reach = { pipe: ports.pipe, env: config.env, timeoutMs };
  const isOutside = from === 'builder' && isOutsideDaemon(builder);
  let containers = 0;
  const files = (one: PlatformImage): ProgramFiles => {
    const platform = platformName(one.config.platform);
    if (isOutside) return builderFiles({ name: `${uri}@${one.digest}`, platform }, reach);
    containers += 1;
    // Not by the tag, which another build may have taken meanwhile. Of an index the daemon knows the whole; what it has to fetch, it gets by itself.
    const located = anotherRuns
      ? { name: `${uri}@${one.digest}`, platform }
      : { name: `${uri}@${image.digest}`, platform: one.isListed ? platform : undefined };
    return daemonFiles(located, `${basename(config.directory)}-${containers}`, reach);
  };
  const verification = await verifyImage({
    image,
    asked: inputs.platforms.length > 0 ? inputs.platforms : [builder.platform],
    // A builder elsewhere lists platforms and does not say which of them it takes when none is named.
    isGuess: inputs.platforms.length === 0 && isOutside,
    content: ports.openContent({ host, repository: inputs.repository, basic }),
    files,
  });
  draft.verification = verification;
  const [failed] = verification.failed;
  if (failed !== undefined && (await wasRefused(run))) throw stillRefused(image, failed);
  for (const line of verification.confirmed) progress.info(`Checked: ${line}`);
  for (const line of verification.unchecked) progress.info(`Not checked: ${line}`);
  for (const line of [...verification.failed.map((what) => `Not checked: ${what}`), ...verification.left]) {
    draft.remarks.push(line);
    progress.warn(line);
  }
}

/** Was an image of this source refused, by now? Another run may have looked at it while this one could not. */
async function wasRefused({ inputs, observed, ports }: Run): Promise<boolean> {
  const { hash } = observed.source;
  const now = await ports.registry.images(inputs.repository, sourceTags(hash));
  const images = [...observed.images.values(), ...(now?.images.values() ?? [])];
  return images.some(({ digest, tags }) => isRefused({ hash, digest }, tags));
}
