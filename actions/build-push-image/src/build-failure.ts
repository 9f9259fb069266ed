import { normalize } from 'node:path';
import { ActionError, type FileLines } from '../../../shared/core/errors.ts';
import { diagnose, exitCode, type BuildFacts } from './build-rules.ts';
import { locate } from './failed-place.ts';
import type { FailedStep } from './failed-step.ts';

/** The one error of a build that failed: which step, where, what it said last, and what to do about it. */
export function buildFailure(step: FailedStep, facts: BuildFacts): ActionError {
  const lines = locate(step, facts.dockerfile);
  const at = lines === undefined ? undefined : { file: normalize(facts.inputs.file), ...lines };
  const { code, hint, fault } = diagnose(step, facts) ?? { code: 'BuildFailed' };
  return new ActionError(code, describe(step, at), { hint, at, ...(fault === undefined ? {} : { fault }) });
}

/** What an error repeats of a step's output. */
const most = { lines: 20, characters: 500 };

function describe(step: FailedStep, at: FileLines | undefined): string {
  const place =
    at === undefined ? '' : `${at.file}:${at.startLine}${at.endLine > at.startLine ? `-${at.endLine}` : ''}`;
  const what = short((step.name ?? step.instruction ?? '').replace(/\s+/g, ' '), 160);
  const where = [what, what !== '' && place !== '' ? `(${place})` : place].filter((part) => part !== '').join(' ');
  const code = exitCode(step);
  const verdict = code === undefined ? step.error || 'it did not say why' : `failed with exit code ${code}`;
  const separator = where === '' ? '' : code === undefined ? ': ' : ' ';
  const headline = `docker could not build the image: ${where}${separator}${verdict}`;
  const output = step.output
    .filter((line) => line !== '')
    .slice(-most.lines)
    .map((line) => short(line, most.characters));
  if (output.length === 0) return code === undefined ? headline : `${headline}. It said nothing.`;
  return [`${headline}. It last said:`, ...output].join('\n');
}

function short(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
}
