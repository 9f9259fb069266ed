import { PreconditionError } from '../../../shared/core/errors.ts';
import { requireAble } from './builder.ts';
import { platformWarnings } from './foreign-platforms.ts';
import type { Inputs } from './inputs.ts';
import { stageNames } from './dockerfile-text.ts';
import { readsDockerfiles } from './dockerfile.ts';
import { mountedSecrets } from './secret-mounts.ts';
import type { LocallyObserved } from './observe.ts';

/** Refuses before anything is built what the builder would find out only after a while. */
export function requireBuildable(inputs: Inputs, { builder, source }: LocallyObserved): void {
  requireAble(inputs, builder);
  requireHidden(source.exposed);
  requireTarget(inputs, source.dockerfile, source.syntax?.name);
}

/** What will most likely go wrong. */
export function buildWarnings(inputs: Inputs, { builder, source }: LocallyObserved): readonly string[] {
  return [...platformWarnings(inputs, builder, source.dockerfile), ...secretWarnings(inputs, source.dockerfile)];
}

/** Its value would be part of the source, whose hash anybody may read, and of what COPY puts into the image. */
function requireHidden(exposed: readonly string[]): void {
  if (exposed.length === 0) return;
  throw new PreconditionError(
    'SecretInContext',
    `Of "secret-files", these are part of a context, and so of the source, and COPY could put them into the image: ${exposed.join(', ')}.`,
    { hint: 'Write them to a directory outside, such as $RUNNER_TEMP, or have .dockerignore leave them out.' },
  );
}

/** BuildKit makes nothing of a secret that was not given, unless the mount says "required". */
function secretWarnings({ secrets, secretFiles, target }: Inputs, dockerfile: string): readonly string[] {
  const missing = mountedSecrets(dockerfile, target).filter(({ id }) => !secrets.has(id) && !secretFiles.has(id));
  return missing.map(
    ({ id, line }) =>
      `Line ${line} of the Dockerfile mounts the secret "${id}", and neither "secrets" nor "secret-files" gives it: BuildKit says nothing, and the step finds no such secret. ("required=false" in the mount says that this is meant.)`,
  );
}

function requireTarget({ target, file }: Inputs, dockerfile: string, syntax: string | undefined): void {
  // Another frontend may mean something else by it, and without a stage there is no Dockerfile to speak of.
  const isOrdinary = syntax === undefined || readsDockerfiles(syntax);
  if (target === undefined || !isOrdinary || !/^\s*FROM\s/im.test(dockerfile)) return;
  const stages = stageNames(dockerfile);
  if (stages.some((stage) => stage.toLowerCase() === target.toLowerCase())) return;
  throw new PreconditionError('TargetMissing', `The Dockerfile has no stage "${target}".`, {
    hint: stagesHint(file, stages),
  });
}

export function stagesHint(file: string, stages: readonly string[]): string {
  return stages.length === 0
    ? `No stage of ${file} has a name (FROM … AS name): leave "target" out.`
    : `The stages of ${file} are ${stages.map((stage) => `"${stage}"`).join(', ')}.`;
}
