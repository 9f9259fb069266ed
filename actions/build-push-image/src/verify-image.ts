import type { RegistryImage } from '../../../shared/aws/ecr.ts';
import { ActionError, messageOf } from '../../../shared/core/errors.ts';
import { configDigest, indexEntries, readConfig, type ImageConfig } from './image-config.ts';
import {
  architectureMismatch,
  judgeProgram,
  platformMismatch,
  platformUnproven,
  type FoundImage,
} from './judge-image.ts';
import { platformName, platformOf, type Platform } from './platforms.ts';
import type { ProgramFile, ProgramFiles } from './program-files.ts';
import type { RegistryContent } from './registry-content.ts';
import { handedOn, interpreters, startedPrograms, type Program } from './started-programs.ts';

/** What was found to be as it should. Of the rest nothing is known: it is neither good nor bad. */
export interface Verification {
  readonly confirmed: readonly string[];
  /** There is nothing that could be looked at. */
  readonly unchecked: readonly string[];
  /** The look itself went wrong. */
  readonly failed: readonly string[];
  /** What was made for the look and is still there. */
  readonly left: readonly string[];
}

export interface Subject {
  readonly image: RegistryImage;
  /** Platforms, as the input or the builder names them. */
  readonly asked: readonly string[];
  /** Nobody asked for these by name: another platform is told, not refused. */
  readonly isGuess: boolean;
  readonly content: RegistryContent;
  readonly files: (image: PlatformImage) => ProgramFiles;
}

/** One of the image's platforms. */
export interface PlatformImage {
  readonly digest: string;
  readonly config: ImageConfig;
  /** Is it one of several of an index? */
  readonly isListed: boolean;
}

/** An entrypoint that is a script, which starts another script, which has an interpreter. */
const maxRounds = 3;

/**
 * Looks at the image in the registry: is it for the platforms that were asked for, and are the programs it starts? Throws when they are
 * not, and when the platforms cannot be read: a digest is handed on only with what it is. A look at the programs that goes wrong never
 * fails a good build: it is told.
 */
export async function verifyImage(subject: Subject): Promise<Verification> {
  const { image, asked } = subject;
  const { images, mismatch } = await readImages(subject).catch((error: unknown) => {
    throw error instanceof ActionError ? error : platformUnproven(messageOf(error), image, error);
  });
  const looks = await Promise.all(images.map((one) => lookAtPrograms(one, subject)));
  const wrong = looks.flatMap((look) => look.wrong);
  if (wrong.length > 0) throw architectureMismatch(wrong, image);
  const guessed = mismatch === undefined ? [] : [`the platform, as none is asked for by name: ${mismatch.message}`];
  return {
    confirmed: [
      ...(mismatch === undefined ? [`for ${distinct(asked).map(platformName).join(', ')}, as asked`] : []),
      ...looks.flatMap((look) => look.confirmed),
    ],
    unchecked: [...guessed, ...looks.flatMap((look) => look.unchecked)],
    failed: looks.flatMap((look) => look.failed),
    left: looks.flatMap((look) => look.left),
  };
}

/** `linux/arm64` and `linux/arm64/v8` are one platform, and built once. */
function distinct(names: readonly string[]): readonly Platform[] {
  return [...new Map(names.map(platformOf).map((platform) => [platformName(platform), platform])).values()];
}

interface ReadImages {
  readonly images: readonly PlatformImage[];
  /** Only of a guess: else it was thrown. */
  readonly mismatch: ActionError | undefined;
}

async function readImages({ image, asked, isGuess, content }: Subject): Promise<ReadImages> {
  const entries = indexEntries(image.manifest);
  const judge = (found: readonly FoundImage[]): ActionError | undefined => {
    const error = platformMismatch(distinct(asked), found, image.digest);
    if (error !== undefined && !isGuess) throw error;
    return error;
  };
  const found = (entries ?? [{ digest: image.digest, platform: undefined }]).map(
    ({ digest, platform }): FoundImage => ({ digest, declared: platform, configured: undefined }),
  );
  // What the index alone contradicts needs no further look.
  judge(found);
  const images = await Promise.all(
    found.map(async ({ digest }): Promise<PlatformImage> => {
      const manifest = entries === undefined ? image.manifest : await content.read('manifests', digest);
      const config = readConfig(await content.read('blobs', configDigest(manifest)));
      return { digest, config, isListed: entries !== undefined };
    }),
  );
  return {
    images,
    mismatch: judge(found.map((one, index) => ({ ...one, configured: images[index]?.config.platform }))),
  };
}

interface Look {
  readonly confirmed: string[];
  readonly unchecked: string[];
  readonly failed: string[];
  readonly left: string[];
  readonly wrong: string[];
}

function nothingSeen(): Look {
  return { confirmed: [], unchecked: [], failed: [], left: [], wrong: [] };
}

async function lookAtPrograms(image: PlatformImage, { files: open }: Subject): Promise<Look> {
  let look = nothingSeen();
  const { config } = image;
  const platform = platformName(config.platform);
  const reason = notLookedAt(config);
  if (reason !== undefined) return { ...look, unchecked: [`the program of the ${platform} image: ${reason}`] };
  const files = open(image);
  try {
    await follow(config, { files, isThorough: false }, look);
    if (look.wrong.length > 0) {
      // Before it is refused, all places are looked at where the program could be.
      look = nothingSeen();
      await follow(config, { files, isThorough: true }, look);
    }
    if (look.confirmed.length + look.unchecked.length + look.wrong.length === 0) {
      const words = startedPrograms(config).map(({ word }) => word);
      look.unchecked.push(
        `the program of the ${platform} image: ${words.join(', ')} was not found there as an ELF file`,
      );
    }
  } catch (error) {
    look.failed.push(`the program of the ${platform} image: ${messageOf(error)}`);
  } finally {
    await files
      .close()
      .catch((error: unknown) => look.left.push(`What was made to look into the image is left: ${messageOf(error)}`));
  }
  return look;
}

function notLookedAt(config: ImageConfig): string | undefined {
  const { platform, hasTriggers } = config;
  if (platform.os !== 'linux') return `${platform.os} is not looked at`;
  if (hasTriggers) return 'it has ONBUILD instructions, which looking into it might run';
  return startedPrograms(config).length === 0 ? 'it names none to start' : undefined;
}

/** From the program that is started to those that it starts in turn. */
async function follow(
  config: ImageConfig,
  { files, isThorough }: { readonly files: ProgramFiles; readonly isThorough: boolean },
  look: Look,
): Promise<void> {
  const seen = new Set<string>();
  let asked = startedPrograms(config);
  for (let round = 0; round < maxRounds && asked.length > 0; round += 1) {
    const found = await files.heads(asked, { isThorough });
    const next: Program[] = [];
    for (const [index, file] of found.entries()) {
      if (file === undefined || seen.has(file.path)) continue;
      seen.add(file.path);
      note(file, config.platform, look);
      const runBy = interpreters(file.head, config) ?? [];
      next.push(...runBy, ...(runBy.length > 0 && round === 0 && index === asked.length - 1 ? handedOn(config) : []));
    }
    asked = next;
  }
}

function note({ path, head }: ProgramFile, platform: Platform, look: Look): void {
  const verdict = judgeProgram(head, platform);
  if (verdict.kind === 'other') return;
  const said = `${path} in the ${platformName(platform)} image is ${verdict.machine}`;
  if (verdict.kind === 'right') look.confirmed.push(said);
  else if (verdict.kind === 'wrong') look.wrong.push(said);
  else look.unchecked.push(`whether ${path} runs: ${said}`);
}
