import type { Builder } from './builder.ts';
import type { FailedStep } from './failed-step.ts';
import { emulationHint, foreignPlatforms } from './foreign-platforms.ts';
import { imageFailure } from './image-failure.ts';
import type { Inputs } from './inputs.ts';
import { stageNames } from './dockerfile-text.ts';
import { stagesHint } from './preflight.ts';

/** What a failure is judged by, besides the builder’s log. */
export interface BuildFacts {
  readonly inputs: Inputs;
  readonly builder: Builder;
  /** The Dockerfile’s text. */
  readonly dockerfile: string;
  /** What was not found for COPY lies in the context on disk: an ignore file keeps it out. */
  readonly isIgnored: boolean;
}

/** Why it failed, as far as it can be told. */
export interface Diagnosis {
  readonly code: string;
  readonly hint?: string;
  readonly fault?: 'cloud';
}

type Rule = (step: FailedStep, facts: BuildFacts) => Diagnosis | undefined;

export function diagnose(step: FailedStep, facts: BuildFacts): Diagnosis | undefined {
  for (const rule of rules) {
    const diagnosis = rule(step, facts);
    if (diagnosis !== undefined) return diagnosis;
  }
  return undefined;
}

/** Most telling first. */
const rules: readonly Rule[] = [
  diskFull,
  foreignProgram,
  olderBuilder,
  missingTarget,
  missingSource,
  imageFailure,
  missingSecret,
  unreadableContext,
  lostBuilder,
  invalidDockerfile,
  knownExit,
];

export function exitCode({ error }: FailedStep): number | undefined {
  const code = /(?:exit code: |returned a non-zero code: )(\d+)$/.exec(error)?.[1];
  return code === undefined ? undefined : Number(code);
}

function allSaid({ output, error }: FailedStep): string {
  return [...output, error].join('\n');
}

export const diskHint =
  'A disk of the builder is full: remove what is not needed in a step before this one, or use a larger runner.';

function diskFull(step: FailedStep): Diagnosis | undefined {
  return /no space left on device/i.test(allSaid(step)) ? { code: 'DiskFull', hint: diskHint } : undefined;
}

function foreignProgram(step: FailedStep, { inputs, builder }: BuildFacts): Diagnosis | undefined {
  if (!/exec format error/i.test(allSaid(step))) return undefined;
  const foreign = foreignPlatforms(inputs, builder);
  return foreign.length > 0
    ? {
        code: 'PlatformNeedsQemu',
        hint: `The builder runs ${builder.platforms.join(', ')} and cannot run programs for ${foreign.join(', ')}: ${emulationHint}`,
      }
    : {
        code: 'ExecFormat',
        hint: `What was to be run is for another kind of machine than ${builder.platform}, or a script without its first line "#!/bin/sh". Is the base image or the copied program the right one?`,
      };
}

function olderBuilder({ error }: FailedStep, { builder, dockerfile }: BuildFacts): Diagnosis | undefined {
  const isHeredoc = /unknown instruction/.test(error) && /<<-?["']?[A-Za-z_]/.test(dockerfile);
  if (!isHeredoc && !/requires BuildKit/.test(error)) return undefined;
  const hint =
    builder.kind === 'docker'
      ? `The classic builder does not know ${isHeredoc ? 'here-documents' : 'this'}: install buildx with a step "uses: docker/setup-buildx-action" before this one.`
      : 'If this line belongs to a here-document, the builder is too old to know them by itself: begin the Dockerfile with "# syntax=docker/dockerfile:1".';
  return { code: builder.kind === 'docker' ? 'BuildKitNeeded' : 'DockerfileInvalid', hint };
}

function missingTarget({ error }: FailedStep, { inputs, dockerfile }: BuildFacts): Diagnosis | undefined {
  return /target stage .* could not be found|failed to reach build target/.test(error)
    ? { code: 'TargetMissing', hint: stagesHint(inputs.file, stageNames(dockerfile)) }
    : undefined;
}

/** The path, relative to where it was looked for, that COPY or ADD did not find. */
export function sourceNotFound({ error }: FailedStep): string | undefined {
  const classic = /^(?:COPY|ADD) failed: .*?\bl?stat (.+?): (?:file does not exist|no such file or directory)/.exec(
    error,
  );
  const buildKit = /^"(.+?)"(?: not found)?: not found$/.exec(error);
  return (classic ?? buildKit)?.[1]?.replace(/^\/+/, '');
}

function missingSource(step: FailedStep, { inputs, builder, isIgnored }: BuildFacts): Diagnosis | undefined {
  const path = sourceNotFound(step);
  if (path === undefined) return undefined;
  const stage = stageOf(step);
  const own = builder.kind === 'buildx' ? ` (or ${inputs.file}.dockerignore, where there is one)` : '';
  return {
    code: 'CopySourceMissing',
    hint:
      stage !== undefined
        ? `There is no ${JSON.stringify(path)} in ${JSON.stringify(stage)}, which it is copied from.`
        : isIgnored
          ? `${JSON.stringify(path)} is there, but the .dockerignore${own} keeps it out of the build: add a line ${JSON.stringify(`!${path}`)}.`
          : `Paths are relative to the context, ${JSON.stringify(inputs.context)}, and there is no ${JSON.stringify(path)} in it. Does a step before this one have to make it?`,
  };
}

/** The stage or image that a COPY takes from; undefined: the context. */
export function stageOf({ instruction }: FailedStep): string | undefined {
  return /(?:^|\s)--from=(\S+)/.exec(instruction ?? '')?.[1];
}

function missingSecret({ error }: FailedStep): Diagnosis | undefined {
  const id = /^secret ([\w.-]+)(?: not found)?: not found$/.exec(error)?.[1];
  return id === undefined
    ? undefined
    : { code: 'SecretMissing', hint: `Give it as a line "${id}=…" of "secrets", or of "secret-files".` };
}

function unreadableContext({ error }: FailedStep): Diagnosis | undefined {
  return /^error (?:from sender|checking context): /.test(error)
    ? {
        code: 'ContextUnreadable',
        hint: 'Leave the path out of the build with a .dockerignore, or make it readable.',
      }
    : undefined;
}

function lostBuilder({ name, error }: FailedStep): Diagnosis | undefined {
  if (/permission denied while trying to connect/.test(error)) {
    return { code: 'DockerForbidden', hint: 'Add the runner’s user to the group "docker".' };
  }
  const isLost =
    name === '[internal] waiting for connection' ||
    /Cannot connect to the Docker daemon|failed to connect to the docker API|error reading from server|code = Unavailable|transport is closing/.test(
      error,
    );
  return isLost
    ? {
        code: 'BuilderLost',
        hint: 'The builder does not answer (any more). Is it running (docker buildx inspect)? One that runs out of memory ends like this, too.',
        fault: 'cloud',
      }
    : undefined;
}

function invalidDockerfile({ name, shown, error }: FailedStep): Diagnosis | undefined {
  const isInvalid =
    (name === undefined && shown !== undefined) || /parse error|Dockerfile\S*\)? cannot be empty/.test(error);
  return isInvalid ? { code: 'DockerfileInvalid' } : undefined;
}

function knownExit(step: FailedStep): Diagnosis | undefined {
  const hints: ReadonlyMap<number | undefined, string> = new Map([
    [127, 'There is no such program in the image at this step: is its name right, and was it installed before?'],
    [137, 'It was killed, most often because memory ran out: let it do less at once, or use a larger runner.'],
  ]);
  const hint = hints.get(exitCode(step));
  return hint === undefined ? undefined : { code: 'BuildFailed', hint };
}
