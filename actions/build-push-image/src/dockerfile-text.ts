import { splitFlags, type Flagged } from './dockerfile-flags.ts';
import { heredocs } from './heredocs.ts';
import { goTrim, goTrimStart } from './go-space.ts';

/** An instruction of a Dockerfile, on one line, and the lines of the file that it is written on, counted from 1. */
export interface Instruction extends Flagged {
  /** In upper case. */
  readonly name: string;
  /** All that follows the name, as it is written. */
  readonly rest: string;
  /** By ONBUILD: this is what a build that starts from the image does. */
  readonly isPutOff: boolean;
  readonly startLine: number;
  readonly endLine: number;
}

export interface DockerfileText {
  readonly instructions: readonly Instruction[];
  /** The frontend that is named at the top, as it is written. */
  readonly syntax: string | undefined;
  readonly escape: string;
}

/** What stands in a Dockerfile, before anything of it is understood. */
export function readDockerfile(text: string): DockerfileText {
  const content = text.replace(/^\uFEFF/, '');
  const lines = content.split(/\r*\n/);
  // Docker leaves out a first line for the shell, and minds white space in front, only where it looks for the frontend.
  const escape = parserDirectives(lines.map(goTrimStart), '#').get('escape') === '`' ? '`' : '\\';
  const top = content.startsWith('#!') ? lines.slice(1) : lines;
  const syntax = (parserDirectives(top, '#').get('syntax') ?? foreignSyntax(top))?.split(' ')[0];
  return { instructions: [...instructions(lines, escape)], syntax, escape };
}

/** What FROM starts from, and the name it gives to the stage ('': none); both as they are written. */
export function readFrom({ args }: Instruction): { readonly base: string; readonly stage: string } {
  const [base = '', as = '', name = '', ...more] = args.split(goBlank);
  const isNamed = as.toLowerCase() === 'as' && more.length === 0 && /^[a-z][a-z0-9-_.]*$/.test(name.toLowerCase());
  return { base, stage: isNamed ? name : '' };
}

/** The names of the stages, in order. */
export function stageNames(text: string): readonly string[] {
  const from = readDockerfile(text).instructions.filter(({ name }) => name === 'FROM');
  return from.map((instruction) => readFrom(instruction).stage).filter((stage) => stage !== '');
}

/** What parts the words of an instruction. */
const goBlank = /[\t\v\f\r ]+/;

const directiveKeys = new Set(['syntax', 'escape', 'check']);

/** Directives are `# key=value` lines at the very top; any other line ends them. */
function parserDirectives(lines: readonly string[], comment: string): ReadonlyMap<string, string> {
  const directives = new Map<string, string>();
  for (const line of lines) {
    if (!line.startsWith(comment)) break;
    const match = /^\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$/.exec(line.slice(comment.length));
    const key = (match?.[1] ?? '').toLowerCase();
    if (!directiveKeys.has(key) || directives.has(key)) break;
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

/** As docker's frontend does it (moby/buildkit, frontend/dockerfile/parser/parser.go). */
function* instructions(lines: readonly string[], escape: string): Generator<Instruction> {
  const end = lines.at(-1) === '' ? lines.length - 1 : lines.length;
  for (let next = 0; next < end;) {
    const start = next;
    const first = goTrimStart(lines[next] ?? '');
    next += 1;
    let { text, isContinued } = continued(first.startsWith('#') ? '' : first, escape);
    for (; isContinued && next < end; next += 1) {
      const line = lines[next] ?? '';
      // Comments and, inside a continued instruction, blank lines vanish.
      if (/^(?:#|$)/.test(goTrimStart(line))) continue;
      const more = continued(line, escape);
      text += more.text;
      isContinued = more.isContinued;
    }
    const instruction = split(text, escape);
    if (instruction.name === '') continue;
    if (mayHaveHeredocs(instruction)) next = afterHeredocs(lines, next, text);
    yield { ...instruction, startLine: start + 1, endLine: next };
  }
}

/** A line that ends with one escape character, but not with two, goes on in the next. */
function continued(line: string, escape: string): { readonly text: string; readonly isContinued: boolean } {
  const text = line.replace(escape === '`' ? /(^|[^`])`[ \t]*$/ : /(^|[^\\])\\[ \t]*$/, '$1');
  return { text, isContinued: text !== line };
}

/** What ONBUILD puts off is done by a later stage of the same file that starts from this one. */
function split(line: string, escape: string): Pick<Instruction, 'name' | 'rest' | 'flags' | 'args' | 'isPutOff'> {
  const [, written = '', rest = ''] = /^([^\t\v\f\r ]*)(?:[\t\v\f\r ]+([^]*))?$/.exec(goTrim(line)) ?? [];
  const name = written.toUpperCase();
  const { flags, args } = splitFlags(rest, escape);
  const putOff = name === 'ONBUILD' ? split(args, escape) : undefined;
  if (putOff === undefined || putOff.name === '') return { name, rest, flags, args, isPutOff: false };
  return { ...putOff, isPutOff: true };
}

function mayHaveHeredocs({ name, args }: Pick<Instruction, 'name' | 'args'>): boolean {
  return ['RUN', 'COPY', 'ADD'].includes(name) && !isJson(args);
}

function isJson(text: string): boolean {
  if (!text.startsWith('[')) return false;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** The index of the line after the here-documents an instruction opens; where one is never closed, they are none. */
function afterHeredocs(lines: readonly string[], start: number, instruction: string): number {
  let next = start;
  for (const { word, isIndented } of instruction.includes('<<') ? heredocs(instruction) : []) {
    const isEnd = (line: string, at: number): boolean =>
      at >= next && (isIndented ? line.replace(/^\t+/, '') : line) === word;
    const end = lines.findIndex(isEnd);
    if (end < 0) return start;
    next = end + 1;
  }
  return next;
}
