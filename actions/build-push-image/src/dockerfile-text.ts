/** An instruction of a Dockerfile, on one line, and the lines of the file that it is written on, counted from 1. */
export interface Instruction {
  /** In upper case. */
  readonly name: string;
  readonly rest: string;
  readonly startLine: number;
  readonly endLine: number;
}

export interface DockerfileText {
  readonly instructions: readonly Instruction[];
  /** The frontend that is named at the top, as it is written. */
  readonly syntax: string | undefined;
}

/** What stands in a Dockerfile, before anything of it is understood. */
export function readDockerfile(text: string): DockerfileText {
  const content = text.replace(/^\uFEFF/, '');
  const lines = content.split(/\r?\n/);
  const top = content.startsWith('#!') ? lines.slice(1) : lines;
  const directives = parserDirectives(top, '#');
  const escape = directives.get('escape') === '`' ? '`' : '\\';
  const syntax = (directives.get('syntax') ?? foreignSyntax(top))?.split(' ')[0];
  return { instructions: [...instructions(lines, escape)], syntax };
}

/** The names of the stages, in order. */
export function stageNames(text: string): readonly string[] {
  return readDockerfile(text).instructions.flatMap(({ name, rest }) => {
    const [, as = '', stage = ''] = rest.split(/\s+/).filter((word) => !word.startsWith('--'));
    return name === 'FROM' && as.toLowerCase() === 'as' && stage !== '' ? [stage] : [];
  });
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
function foreignSyntax(lines: readonly string[]): string | undefined {
  const commented = parserDirectives(lines, '//').get('syntax');
  const text = lines.join('\n');
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
    const { name, rest } = split(pending + line);
    pending = '';
    if (name === '') continue;
    const end = ['RUN', 'COPY', 'ADD'].includes(name) ? afterHeredocs(lines, index, rest) : index;
    yield { name, rest, startLine: start + 1, endLine: end + 1 };
    index = end;
  }
  const { name, rest } = split(pending);
  if (name !== '') yield { name, rest, startLine: start + 1, endLine: lines.length };
}

/** What ONBUILD puts off is done by a later stage of the same file that starts from this one. */
function split(line: string): Pick<Instruction, 'name' | 'rest'> {
  const [, name = '', rest = ''] = /^\s*([A-Za-z]+)\s+(.*)$/.exec(line) ?? [];
  const putOff = name.toUpperCase() === 'ONBUILD' ? split(rest) : undefined;
  return putOff === undefined || putOff.name === '' ? { name: name.toUpperCase(), rest } : putOff;
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
