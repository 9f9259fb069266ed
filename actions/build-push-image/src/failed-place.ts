import type { FailedStep, LineRange } from './failed-step.ts';
import { readDockerfile, type Instruction } from './dockerfile-text.ts';

/** The lines of the Dockerfile that failed. Rather none than wrong ones. */
export function locate(step: FailedStep, dockerfile: string): LineRange | undefined {
  if (step.shown !== undefined) return step.shown;
  const line = Number(/parse error (?:on )?line (\d+)/.exec(step.error)?.[1] ?? 0);
  if (line > 0) return { startLine: line, endLine: line };
  const all = readDockerfile(dockerfile).instructions;
  const found = counted(step, all) ?? only(all, (one) => isSame(one, step.instruction)) ?? naming(step, all);
  return found === undefined ? undefined : { startLine: found.startLine, endLine: found.endLine };
}

function counted({ ordinal, instruction }: FailedStep, all: readonly Instruction[]): Instruction | undefined {
  const found = ordinal === undefined ? undefined : all[ordinal - 1];
  return found !== undefined && isSame(found, instruction) ? found : undefined;
}

/** White space apart, which the builders join lines by in ways of their own. */
function isSame({ name, rest }: Instruction, text: string | undefined): boolean {
  const bare = (words: string): string => words.replace(/\s+/g, '').toUpperCase();
  return text !== undefined && bare(name + rest) === bare(text);
}

/** The one instruction that names the image which could not be had. */
function naming({ name = '' }: FailedStep, all: readonly Instruction[]): Instruction | undefined {
  const image = / for (?:docker-image:\/\/)?(\S+)$/.exec(name)?.[1] ?? /^FROM (\S+)$/.exec(name)?.[1];
  if (image === undefined) return undefined;
  const usual = image.replace(/^docker\.io\/(?:library\/)?/, '');
  const names = [image, usual, usual.replace(/:latest$/, '')];
  return only(all, ({ rest }) => rest.split(/[\s=,]+/).some((word) => names.includes(word)));
}

function only(all: readonly Instruction[], test: (one: Instruction) => boolean): Instruction | undefined {
  const [first, ...more] = all.filter(test);
  return more.length === 0 ? first : undefined;
}
