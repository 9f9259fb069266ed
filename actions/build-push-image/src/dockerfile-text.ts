export interface Instruction {
  /** In upper case. */
  readonly name: string;
  readonly rest: string;
}

export interface DockerfileText {
  readonly instructions: readonly Instruction[];
  /** The frontend that is named at the top, as it is written. */
  readonly syntax: string | undefined;
}

/** What stands in a Dockerfile, before anything of it is understood. */
export function readDockerfile(text: string): DockerfileText {
  const content = text.replace(/^\uFEFF/, '').replace(/^#!.*(?:\n|$)/, '');
  const lines = content.split(/\r?\n/);
  const directives = parserDirectives(lines, '#');
  const escape = directives.get('escape') === '`' ? '`' : '\\';
  const syntax = (directives.get('syntax') ?? foreignSyntax(content, lines))?.split(' ')[0];
  return { instructions: [...instructions(lines, escape)], syntax };
}

const directiveKeys = new Set(['syntax', 'escape', 'check']);

/** Directives are `# key=value` lines at the very top; any other line ends them. */
function parserDirectives(lines: readonly string[], comment: string): ReadonlyMap<string, string> {
  const directives = new Map<string, string>();
  for (const line of lines) {
    if (!line.startsWith(comment)) break;
    const match = /^\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$/.exec(line.slice(comment.length));
    const key = (match?.[1] ?? '').toLowerCase();
    if (!directiveKeys.has(key)) break;
    directives.set(key, match?.[2] ?? '');
  }
  return directives;
}

/** Files in other languages may name their frontend after `//`, or be JSON. */
function foreignSyntax(text: string, lines: readonly string[]): string | undefined {
  const commented = parserDirectives(lines, '//').get('syntax');
  if (commented !== undefined || !text.trimStart().startsWith('{')) return commented;
  try {
    const value: unknown = JSON.parse(text);
    const isNamed = typeof value === 'object' && value !== null && 'syntax' in value;
    return isNamed && typeof value.syntax === 'string' ? value.syntax : undefined;
  } catch {
    return undefined;
  }
}

function* instructions(lines: readonly string[], escape: string): Generator<Instruction> {
  let pending = '';
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    // Comments and, inside a continued instruction, blank lines vanish.
    if (/^\s*#/.test(line) || (line.trim() === '' && pending !== '')) continue;
    const trimmed = line.trimEnd();
    if (trimmed.endsWith(escape)) {
      pending += `${trimmed.slice(0, -1)} `;
      continue;
    }
    const match = /^\s*([A-Za-z]+)\s+(.*)$/.exec(pending + line);
    pending = '';
    if (match === null) continue;
    const instruction = instructionOf(match);
    yield instruction;
    if (['RUN', 'COPY', 'ADD'].includes(instruction.name)) index = afterHeredocs(lines, index, instruction.rest);
  }
  const match = /^\s*([A-Za-z]+)\s+(.*)$/.exec(pending);
  if (match !== null) yield instructionOf(match);
}

/** What ONBUILD puts off is done by a later stage of the same file that starts from this one. */
function instructionOf([, name = '', rest = '']: RegExpExecArray): Instruction {
  const putOff = name.toUpperCase() === 'ONBUILD' ? /^\s*([A-Za-z]+)\s+(.*)$/.exec(rest) : null;
  return putOff === null ? { name: name.toUpperCase(), rest } : instructionOf(putOff);
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
