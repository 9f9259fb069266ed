import { basename } from 'node:path';
import type { Builder } from './builder.ts';
import { readDockerfile } from './dockerfile-text.ts';

/** What a command said before it failed. Two pipes have no common order: `lines` may mix them, `stderr` has its own. */
export interface Said {
  readonly lines: readonly string[];
  readonly stderr: string;
}

export interface LineRange {
  readonly startLine: number;
  readonly endLine: number;
}

/** What the log of a failed build tells of the step that failed, whichever builder wrote it. */
export interface FailedStep {
  /** As the builder names it: `[build 2/5] RUN make`; undefined when it failed at none. */
  readonly name: string | undefined;
  /** The instruction of the Dockerfile in it, its variables perhaps filled in. */
  readonly instruction: string | undefined;
  /** The how manieth of the Dockerfile’s instructions it is, where the builder counts them through. */
  readonly ordinal: number | undefined;
  /** What it said itself, and nothing of other steps. */
  readonly output: readonly string[];
  /** The builder’s verdict, in one line or a few. */
  readonly error: string;
  /** The lines of the Dockerfile that the builder shows. */
  readonly shown: LineRange | undefined;
}

export interface BuiltFrom {
  readonly kind: Builder['kind'];
  /** The path that the Dockerfile was given by. */
  readonly file: string;
  readonly dockerfile: string;
}

export function failedStep(said: Said, { kind, file, dockerfile }: BuiltFrom): FailedStep {
  const lines = said.lines.map(plain);
  if (kind === 'docker') return classicStep(lines, said.stderr.split('\n').map(plain));
  const step = buildKitStep(lines, basename(file));
  return { ...step, instruction: step.instruction ?? shownInstruction(step.shown, dockerfile) };
}

function shownInstruction(shown: LineRange | undefined, dockerfile: string): string | undefined {
  const found = readDockerfile(dockerfile).instructions.find(({ startLine }) => startLine === shown?.startLine);
  return found === undefined ? undefined : `${found.name} ${found.rest}`;
}

/** Without colours and other control characters, and without what the line itself overwrote. */
export function plain(line: string): string {
  return line
    .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
    .trimEnd()
    .replace(/^[^]*\r/, '')
    .replace(/[^\P{Cc}\t]/gu, '');
}

interface Vertex {
  readonly name: string;
  readonly output: string[];
  error: string;
}

/**
 * The log of `docker buildx build --progress=plain`: each line has the number of its vertex in front (`#7 0.52 text`), the number's
 * first line is the vertex’s name. At the end stands the error of the whole, which holds that of the vertex it comes from; another
 * vertex may have failed as well and done no harm, as the cache that is not there yet.
 */
function buildKitStep(lines: readonly string[], file: string): FailedStep {
  const start = lines.findLastIndex((line) => line.startsWith('ERROR: '));
  const end = start < 0 ? lines.findLastIndex((line) => line !== '') : start;
  const error = lines
    .slice(Math.max(0, end))
    .filter((line) => line !== '')
    .join('\n');
  const failed = vertices(lines).filter((vertex) => vertex.error !== '');
  const vertex = failed.find((candidate) => error.includes(candidate.error));
  return {
    name: vertex?.name,
    instruction: /^\[[^\]]*\d+\/\d+\] (.+)$/.exec(vertex?.name ?? '')?.[1],
    ordinal: undefined,
    output: vertex?.output ?? [],
    error: withoutWrapping(error),
    shown: shownLines(lines.slice(0, Math.max(0, end)), file),
  };
}

function vertices(lines: readonly string[]): readonly Vertex[] {
  const found = new Map<string, Vertex>();
  for (const line of lines) {
    const [, id = '', text = ''] = /^#(\d+) (.*)$/.exec(line) ?? [];
    if (id === '') continue;
    const vertex = found.get(id);
    if (vertex === undefined) {
      found.set(id, { name: text, output: [], error: '' });
      continue;
    }
    const said = /^\d+\.\d+(?: (.*))?$/.exec(text);
    if (said !== null) vertex.output.push(said[1] ?? '');
    else if (text.startsWith('ERROR: ')) vertex.error = text.slice('ERROR: '.length);
  }
  return [...found.values()];
}

/** What every error of a build begins with, layer around layer. */
const wrapping =
  /^(?:ERROR: |failed to build: |failed to solve(?: with frontend [\w.]+)?: |rpc error: code = \w+ desc = |failed to create LLB definition: |failed to (?:load|compute) cache key: |failed to calculate checksum of ref \S+: )/;

function withoutWrapping(error: string): string {
  let left = error;
  while (wrapping.test(left)) left = left.replace(wrapping, '');
  return left;
}

/** BuildKit quotes the place under a ruler, with a mark before the lines that are meant: `   7 | >>> RUN make`. */
function shownLines(lines: readonly string[], name: string): LineRange | undefined {
  const ruler = '-'.repeat(20);
  const top = lines.findLastIndex(
    (line, index) => lines[index + 1] === ruler && line.replace(/:\d+$/, '') === name && line !== name,
  );
  if (top < 0) return undefined;
  const marked: number[] = [];
  for (const line of lines.slice(top + 2)) {
    const [, number, mark] = /^ *(\d+) \| (>>>| {3}|$)/.exec(line) ?? [];
    if (number === undefined) break;
    if (mark === '>>>') marked.push(Number(number));
  }
  const [startLine, endLine] = [marked[0], marked.at(-1)];
  return startLine === undefined || endLine === undefined ? undefined : { startLine, endLine };
}

/** The classic builder counts the instructions through, `Step 3/5 : RUN make`, and says on stderr what went wrong. */
function classicStep(lines: readonly string[], stderr: readonly string[]): FailedStep {
  const error = complaint(stderr.some((line) => line !== '') ? stderr : lines.slice(-1));
  const start = lines.findLastIndex((line) => stepLine.test(line));
  const [, ordinal, all, instruction] = stepLine.exec(lines[start] ?? '') ?? [];
  const others = new Set([...stderr, ...error]);
  return {
    name: instruction === undefined ? undefined : `[${ordinal}/${all}] ${instruction}`,
    instruction,
    ordinal: ordinal === undefined ? undefined : Number(ordinal),
    output: start < 0 ? [] : lines.slice(start + 1).filter((line) => !others.has(line) && !housekeeping.test(line)),
    error: error.join('\n').replace(/^Error response from daemon: /, ''),
    shown: undefined,
  };
}

const stepLine = /^Step (\d+)\/(\d+) : (.*)$/;
const housekeeping = /^ ---> |^Removing intermediate container /;

/** The last that was said; before it stand a word on the builder’s age and an empty line. */
function complaint(said: readonly string[]): readonly string[] {
  const last = said.findLastIndex((line) => line !== '');
  const gap = said.slice(0, Math.max(0, last)).lastIndexOf('');
  return said.slice(gap + 1, last + 1);
}
