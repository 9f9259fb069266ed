import { join } from 'node:path';
import type { Progress } from '../../../shared/action/progress.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { parseImageRef } from '../../../shared/core/image-ref.ts';
import { location } from './base-images.ts';
import type { BuildCommand } from './build-command.ts';
import { buildFailure } from './build-failure.ts';
import { diskHint, sourceNotFound, stageOf } from './build-rules.ts';
import { isOutsideDaemon } from './builder.ts';
import type { ContextFiles } from './context-files.ts';
import { inspectImage, lastLine, type LocalImage, type RunDocker } from './docker.ts';
import { plain, type BuiltFrom, type FailedStep, type Said } from './failed-step.ts';
import { whyNoImage } from './image-failure.ts';
import type { Inputs } from './inputs.ts';
import type { LocallyObserved } from './observe.ts';

/** Where docker's commands run. */
export interface Shell {
  readonly docker: RunDocker;
  readonly progress: Progress;
  readonly env: Readonly<Record<string, string>>;
}

/** The daemon prefers what it has under a name, however old: make that what was hashed. */
export async function pinBases({ builder, source }: LocallyObserved, { docker, progress, env }: Shell): Promise<void> {
  if (isOutsideDaemon(builder)) return;
  for (const { name, identity, from } of source.bases) {
    if (from !== 'registry' || identity === undefined || name.includes('@')) continue;
    const local = await inspectImage(docker, name);
    if (local?.repoDigests.some((entry) => entry.endsWith(`@${identity}`)) === true) continue;
    const pinned = `${name.replace(/:[^:/]*$/, '')}@${identity}`;
    if (local !== undefined && isMadeHere(name, local)) {
      progress.warn(
        `The local image "${name}" (${local.id.slice(0, 19)}) was made on this runner, and the registry has another of that name (${identity.slice(0, 19)}): the name now stands for the registry’s, which is built from. To build from one made here, give it a name that no registry knows.`,
      );
    }
    progress.info(
      `Pulling ${name} (${identity.slice(0, 19)})${local === undefined ? '' : ', in place of the local image of that name'}`,
    );
    for (const args of [
      ['pull', '--quiet', pinned],
      ['tag', pinned, name],
    ]) {
      const { exitCode, stderr } = await docker(args, { env });
      if (exitCode !== 0) {
        const { code, ...why } = whyNoImage(stderr) ?? { code: 'BaseImageFailed', fault: 'cloud' };
        throw new ActionError(code, `The base image ${pinned} could not be pulled: ${lastLine(stderr)}`, why);
      }
    }
  }
}

/** It came from its registry under no digest, nor went there. (Where containerd keeps the images, all have one, and nobody can tell.) */
function isMadeHere(name: string, { repoDigests }: LocalImage): boolean {
  const wanted = parseImageRef(name);
  if (wanted === undefined) return false;
  const { host, repository } = location(wanted);
  return !repoDigests.some((entry) => {
    const ref = parseImageRef(entry);
    const from = ref === undefined ? undefined : location(ref);
    return from?.host === host && from.repository === repository;
  });
}

/** What a command said, and how it ended. */
export interface Ended extends Said {
  readonly ok: boolean;
}

/** Shows what a long command says as it says it, and keeps it. */
export function stream(title: string, { args, env }: BuildCommand, shell: Shell): Promise<Ended> {
  return shell.progress.group(title, async () => {
    const lines: string[] = [];
    const onLine = (line: string): void => {
      lines.push(line);
      shell.progress.info(line);
    };
    const { exitCode, stderr } = await shell.docker(args, { env: { ...shell.env, ...env }, onLine });
    return { lines, stderr, ok: exitCode === 0 };
  });
}

interface Building {
  readonly inputs: Inputs;
  readonly observed: LocallyObserved;
}

export function builtFrom({ inputs, observed }: Building): BuiltFrom {
  return { kind: observed.builder.kind, file: inputs.file, dockerfile: observed.source.dockerfile };
}

/** A build that failed. What it did not find in the context may be there, and kept out of the build. */
export async function buildError(
  step: FailedStep,
  { inputs, observed }: Building,
  files: Pick<ContextFiles, 'sizeOf'>,
): Promise<ActionError> {
  const missing = stageOf(step) === undefined ? sourceNotFound(step) : undefined;
  const isIgnored = missing !== undefined && (await files.sizeOf(join(inputs.context, missing))) !== undefined;
  const { builder, source } = observed;
  return buildFailure(step, { inputs, builder, dockerfile: source.dockerfile, isIgnored });
}

/** Any other command that failed. */
export function failed(code: string, what: string, { lines }: Said): ActionError {
  const last = lines.map(plain).filter((line) => line !== '');
  const message = [`${what}. It last said:`, ...last.slice(-20)].join('\n');
  return last.some((line) => /no space left on device/i.test(line))
    ? new ActionError('DiskFull', message, { hint: diskHint })
    : new ActionError(code, message);
}
