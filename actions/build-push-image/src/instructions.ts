/** An instruction of a Dockerfile, on one line, and the lines of the file that it is written on, counted from 1. */
export interface Instruction {
  /** In capitals. */
  readonly name: string;
  readonly rest: string;
  readonly startLine: number;
  readonly endLine: number;
}

/** `escape`: the character that continues a line. */
export function* instructions(lines: readonly string[], escape: string): Generator<Instruction> {
  let pending = '';
  let start = 0;
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    // Comments and, inside a continued instruction, blank lines vanish.
    if (/^\s*#/.test(line) || (line.trim() === '' && pending !== '')) continue;
    if (pending === '') start = index;
    const trimmed = line.trimEnd();
    if (trimmed.endsWith(escape)) {
      pending += `${trimmed.slice(0, -1)} `;
      continue;
    }
    const [name, rest] = split(pending + line);
    pending = '';
    if (name === '') continue;
    // An ONBUILD instruction of this file runs in a build of its own.
    const end = ['RUN', 'COPY', 'ADD'].includes(name) ? afterHeredocs(lines, index, rest) : index;
    yield { name, rest, startLine: start + 1, endLine: end + 1 };
    index = end;
  }
  const [name, rest] = split(pending);
  if (name !== '') yield { name, rest, startLine: start + 1, endLine: lines.length };
}

/** The instructions of a Dockerfile as it is written. */
export function readInstructions(text: string): readonly Instruction[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  return [...instructions(lines, escapeCharacter(lines))];
}

/** The names of the stages, in order. */
export function stageNames(text: string): readonly string[] {
  return readInstructions(text).flatMap(({ name, rest }) => {
    const [, as = '', stage = ''] = rest.split(/\s+/).filter((word) => !word.startsWith('--'));
    return name === 'FROM' && as.toLowerCase() === 'as' && stage !== '' ? [stage] : [];
  });
}

/** It may be set in a directive, a comment at the very top of the file. */
function escapeCharacter(lines: readonly string[]): string {
  for (const line of lines) {
    const [, key = '', value = ''] = /^\s*#\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key.toLowerCase() === 'escape') return value === '`' ? '`' : '\\';
    if (key === '' && !line.startsWith('#!')) break;
  }
  return '\\';
}

function split(line: string): readonly [name: string, rest: string] {
  const [, name = '', rest = ''] = /^\s*([A-Za-z]+)\s+(.*)$/.exec(line) ?? [];
  return [name.toUpperCase(), rest];
}

/** The index of the last line of the here-documents an instruction opens; where one is never closed, they are none. */
function afterHeredocs(lines: readonly string[], start: number, rest: string): number {
  let index = start;
  for (const [, strip, , word] of rest.matchAll(/(?<![<\w])<<(-?)(["']?)([A-Za-z_]\w*)\2/g)) {
    const end = lines.findIndex((line, at) => at > index && (strip === '-' ? line.replace(/^\t+/, '') : line) === word);
    if (end < 0) return start;
    index = end;
  }
  return index;
}
