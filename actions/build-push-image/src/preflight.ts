import { PreconditionError } from '../../../shared/core/errors.ts';
import { requireAble } from './builder.ts';
import { platformWarnings } from './foreign-platforms.ts';
import type { Inputs } from './inputs.ts';
import { stageNames } from './dockerfile-text.ts';
import { readsDockerfiles } from './dockerfile.ts';
import type { LocallyObserved } from './observe.ts';

/** Refuses before anything is built what the builder would find out only after a while. */
export function requireBuildable(inputs: Inputs, { builder, source }: LocallyObserved): void {
  requireAble(inputs, builder);
  requireTarget(inputs, source.dockerfile, source.syntax?.name);
}

/** What will most likely go wrong. */
export function buildWarnings(inputs: Inputs, { builder, source }: LocallyObserved): readonly string[] {
  return platformWarnings(inputs, builder, source.dockerfile);
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
