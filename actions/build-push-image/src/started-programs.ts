import { posix } from 'node:path';
import type { ImageConfig } from './image-config.ts';

/** A program that a container of the image starts, and where it is looked for: the first path that is there counts. */
export interface Program {
  readonly word: string;
  readonly paths: readonly string[];
}

const shells = new Set(['sh', 'bash', 'ash', 'dash', 'zsh', 'ksh']);
/** Programs that start the one they are given; the number tells how many operands of their own come before it. */
const wrappers = new Map([
  ['tini', 0],
  ['tini-static', 0],
  ['dumb-init', 0],
  ['catatonit', 0],
  ['docker-init', 0],
  ['gosu', 1],
  ['su-exec', 1],
  ['env', 0],
]);

/** What the configuration starts: the program itself and, where that is a shell or starts another one, that one too. */
export function startedPrograms(config: ImageConfig): readonly Program[] {
  return chain([...config.entrypoint, ...config.cmd]).map((word) => locate(word, config));
}

/** What an entrypoint that ends in a script starts in turn, by the custom of `exec "$@"` at its end: the command. */
export function handedOn(config: ImageConfig): readonly Program[] {
  const { entrypoint, cmd } = config;
  const own = chain(entrypoint);
  // A shell hands nothing on to what it runs by "-c"; and the last one is no script of the entrypoint's if the command names it.
  const isLast = own.length > 0 && own.length === chain([...entrypoint, ...cmd]).length;
  return !isLast || own.slice(0, -1).some(isShell) ? [] : chain(cmd).map((word) => locate(word, config));
}

/** The programs that run a script of this first line; undefined when it has none, and is no script. */
export function interpreters(head: Uint8Array, config: ImageConfig): readonly Program[] | undefined {
  if (head[0] !== 0x23 || head[1] !== 0x21) return undefined;
  const [line = ''] = new TextDecoder().decode(head.subarray(2)).split('\n');
  return chain(line.trim().split(/\s+/)).map((word) => locate(word, config));
}

function chain(words: readonly string[]): readonly string[] {
  const [first = '', ...rest] = words;
  if (first === '') return [];
  const name = posix.basename(first);
  // It is there to run programs of another architecture.
  if (name.startsWith('qemu-')) return [];
  if (isShell(first)) return [first, ...chain(ofShell(rest))];
  const own = wrappers.get(name);
  return own === undefined ? [first] : [first, ...chain(ofWrapper(rest, own))];
}

function isShell(word: string): boolean {
  return shells.has(posix.basename(word));
}

/** The first word of `sh -c "exec word …"`, where it is plain: what a shell makes of variables and operators is not guessed. */
function ofShell([flag = '', line = '']: readonly string[]): readonly string[] {
  if (!/^-[a-z]*c[a-z]*$/.test(flag)) return [];
  const word = /^\s*(?:[A-Za-z_]\w*=[\w./:+-]*\s+)*(?:exec\s+)?([\w./+-]+)(?=[\s;&|]|$)/.exec(line)?.[1];
  return word === undefined ? [] : [word];
}

function ofWrapper(words: readonly string[], own: number): readonly string[] {
  const end = words.indexOf('--');
  const operands = end >= 0 ? words.slice(end + 1) : words.slice(words.findIndex(isOperand));
  return operands.length === 0 || !words.some(isOperand) ? [] : operands.slice(own);
}

/** No option and no `NAME=value`. */
function isOperand(word: string): boolean {
  return !word.startsWith('-') && !/^[A-Za-z_]\w*=/.test(word);
}

function locate(word: string, { env, workingDir }: ImageConfig): Program {
  const here = posix.join('/', workingDir);
  const at = (directory: string): string => posix.join(posix.resolve(here, directory), word);
  if (word.includes('/')) return { word, paths: [posix.resolve(here, word)] };
  return { word, paths: [...new Set(searchPath(env).map(at))] };
}

const maxDirectories = 32;

/** Container runtimes search this where the image sets no PATH. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function searchPath(env: readonly string[]): readonly string[] {
  const path = env.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? defaultPath;
  return path
    .split(':')
    .filter((directory) => directory !== '')
    .slice(0, maxDirectories);
}
