import type { RegistryImage } from '../../../shared/aws/ecr.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { describeMachine, readElf, runsOn } from './elf.ts';
import { isOwnTag } from './inputs.ts';
import { platformName, serves, type Platform } from './platforms.ts';

/** A manifest of one platform: what its index and what its own configuration say of it. */
export interface FoundImage {
  readonly digest: string;
  /** Undefined where no index tells. */
  readonly declared: Platform | undefined;
  /** Undefined: not read yet. */
  readonly configured: Platform | undefined;
}

/** It is remembered as refused. */
const again = 'This image is never used again: the next run builds the source anew, or pushes a new archive of it.';

/** Which image, and what names it all the same: an earlier run may have been unable to look. */
function whichImage({ digest, tags }: Pick<RegistryImage, 'digest' | 'tags'>): string {
  const given = tags.filter((tag) => !isOwnTag(tag));
  return given.length === 0
    ? `This is ${digest}; it was given no tag.`
    : `This is ${digest}. Earlier runs gave it ${given.map((tag) => `"${tag}"`).join(', ')}: move or remove that.`;
}

/** Every platform that was asked for is there once, and nothing else; else the error that says so. */
export function platformMismatch(
  asked: readonly Platform[],
  found: readonly FoundImage[],
  digest: string,
): ActionError | undefined {
  const contradictions = found.flatMap(({ declared, configured, ...image }) =>
    declared === undefined || configured === undefined || serves(configured, declared)
      ? []
      : [
          `${image.digest} is ${platformName(declared)} in the index and ${platformName(configured)} in its configuration.`,
        ],
  );
  const told = found.map(({ declared, configured }) => configured ?? declared);
  // Nothing can be said of what nobody told.
  if (contradictions.length === 0 && (told.includes(undefined) || fits(asked, told))) return undefined;
  const names = told.map((platform) => (platform === undefined ? 'unknown' : platformName(platform)));
  return new ActionError(
    'PlatformMismatch',
    [
      `Asked for was ${asked.map(platformName).join(', ')}; the image in the registry, ${digest}, is for ${names.join(', ') || 'nothing'}.`,
      ...contradictions,
    ].join('\n'),
    {
      hint:
        'A base image for one platform only is the usual cause: "FROM --platform=…", a name such as "arm64v8/…", or a digest of a ' +
        'single platform. Or name the platform in "platforms" when it is the one you want. ' +
        again,
    },
  );
}

/** What the registry has could not be read, so nobody knows what it is. */
export function platformUnproven(reason: string, image: RegistryImage, cause: unknown): ActionError {
  return new ActionError(
    'PlatformUnproven',
    `For which platform the image in the registry is could not be read: ${reason}\n${whichImage(image)}`,
    {
      cause,
      fault: 'cloud',
      hint:
        'Run again, which looks anew. If it stays: the runner must be able to read what it pushed ' +
        '(ecr:BatchGetImage, ecr:GetDownloadUrlForLayer, and a way to the S3 of the region).',
    },
  );
}

/** The same name first; what is left over may still do, as `arm/v6` does for `arm/v7`. */
function fits(asked: readonly Platform[], told: readonly (Platform | undefined)[]): boolean {
  const left = told.filter((platform) => platform !== undefined);
  const take = (suits: (found: Platform) => boolean): boolean => {
    const at = left.findIndex(suits);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  };
  const open = asked.filter((wanted) => !take((found) => platformName(found) === platformName(wanted)));
  return open.every((wanted) => take((found) => serves(found, wanted))) && left.length === 0;
}

export type ProgramVerdict =
  /** A program of this very architecture. */
  | { readonly kind: 'right'; readonly machine: string }
  | { readonly kind: 'wrong'; readonly machine: string }
  | { readonly kind: 'unclear'; readonly machine: string }
  /** Not an ELF file: nothing is claimed. */
  | { readonly kind: 'other' };

export function judgeProgram(head: Uint8Array, { architecture }: Platform): ProgramVerdict {
  const found = readElf(head);
  if (found === undefined) return { kind: 'other' };
  const machine = describeMachine(found);
  switch (runsOn(found, architecture)) {
    case 'yes':
      return { kind: 'right', machine };
    case 'no':
      return { kind: 'wrong', machine };
    case 'maybe':
    case 'unknown':
      return { kind: 'unclear', machine };
  }
}

export function architectureMismatch(findings: readonly string[], image: RegistryImage): ActionError {
  return new ActionError('ArchitectureMismatch', [...findings, whichImage(image)].join('\n'), {
    hint:
      'It was copied or built for another platform: from a stage or base image with "FROM --platform=…", or as a ready-made file out of ' +
      'the context. Build it for $TARGETARCH, or ask for its platform in "platforms". ' +
      again,
  });
}

/** Nobody could look, and what was last made of this source was wrong. */
export function stillRefused(image: RegistryImage, failed: string): ActionError {
  const problem = `Another run found that its image of this source is not what was asked for, and this run could not look at ${failed}\n${whichImage(image)}`;
  return new ActionError('ImageRefused', problem, {
    hint: 'The log of that run says what was wrong. Run again: what cannot be looked at is not released before one look has succeeded.',
  });
}
