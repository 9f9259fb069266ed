import { posix } from 'node:path';
import { PreconditionError } from '../../../shared/core/errors.ts';
import type { Builder } from './builder.ts';
import { goTrim } from './go-space.ts';
import { matcher, wellFormed } from './ignore-pattern.ts';

// What the builders do, step by step: github.com/moby/patternmatcher reads the patterns, and what is walked and kept is up to
// github.com/tonistiigi/fsutil (BuildKit) and github.com/moby/go-archive (docker without it). Their oddities are kept: what is
// ignored here must be what is ignored there.

export interface IgnoreFile {
  /** As it is told to the user. */
  readonly name: string;
  readonly content: Uint8Array;
}

/** What the rules say of a path, and what that means for those below it. */
export interface Judgement {
  readonly ignored: boolean;
  /** Which patterns matched it, or what it is in. */
  readonly matched: readonly boolean[];
}

export interface IgnoreRules {
  readonly builder: Builder['kind'];
  /** Of a `/`-separated path relative to the context, given what was said of its directory (none: the context itself). */
  readonly judge: (path: string, directory?: Judgement) => Judgement;
  /** May something be kept of an ignored directory? If not, nobody looks into it. */
  readonly mayKeepIn: (directory: string) => boolean;
  /** What is sent for the builder itself, and taken out before anything is copied. */
  readonly withheld: ReadonlySet<string>;
}

interface Pattern {
  readonly text: string;
  /** It takes back in what earlier ones left out. */
  readonly isException: boolean;
  readonly matches: (path: string) => boolean;
}

/** BuildKit's; without a file, all is kept. */
export function ignoreRules(file?: IgnoreFile): IgnoreRules {
  const patterns = readPatterns(file);
  const exceptions = patterns
    .filter(({ isException }) => isException)
    .map(({ text }) => text.replace(/\/\*\*$/, '').replace(/\/\*$/, ''));
  // An exception with wildcards may be anywhere.
  const anywhere = exceptions.some((text) => /[*[\]?^\\]/.test(text));
  return {
    builder: 'buildx',
    judge: (path, directory) => judge(patterns, path, directory),
    mayKeepIn: (directory) => anywhere || isOnTheWay(directory, exceptions),
    withheld: new Set(),
  };
}

/**
 * Those of a docker without BuildKit. It looks for exceptions only where their text begins with the directory, wildcards or
 * not; and it sends the Dockerfile (a path in the context) and the ignore file whatever the rules, for itself.
 */
export function classicRules(file: IgnoreFile | undefined, dockerfile: string | undefined): IgnoreRules {
  const written = readPatterns(file);
  const withheld = ['.dockerignore', ...(dockerfile === undefined ? [] : [dockerfile])].filter((path) =>
    isIgnored(written, path),
  );
  const patterns = [...written, ...withheld.flatMap((path) => readLine(`!${path}`, refuseInternally))];
  const exceptions = patterns.filter(({ isException }) => isException).map(({ text }) => text);
  return {
    builder: 'docker',
    judge: (path, directory) => judge(patterns, path, directory),
    mayKeepIn: (directory) => isOnTheWay(directory, exceptions),
    withheld: new Set(withheld),
  };
}

function isOnTheWay(directory: string, paths: readonly string[]): boolean {
  return paths.some((path) => `${path}/`.startsWith(`${directory}/`));
}

/** The last pattern that has a say decides; those that could not change what is decided so far are not asked. */
function judge(patterns: readonly Pattern[], path: string, directory: Judgement | undefined): Judgement {
  let ignored = false;
  const matched = patterns.map(({ isException, matches }, index) => {
    const match = directory?.matched[index] === true || (isException === ignored && matches(path));
    if (match) ignored = !isException;
    return match;
  });
  return { ignored, matched };
}

function isIgnored(patterns: readonly Pattern[], path: string): boolean {
  return !isKept(path, (part, directory) => judge(patterns, part, directory));
}

/** Of a path by itself: is it sent? */
export function isKept(path: string, judge: IgnoreRules['judge']): boolean {
  let judgement: Judgement | undefined;
  for (const { index } of `${path}/`.matchAll(/\//g)) judgement = judge(path.slice(0, index), judgement);
  return judgement?.ignored !== true;
}

/** As many bytes as a line may have. */
const longestLine = 64 * 1024 - 1;

type Refuse = (why: string) => never;

function readPatterns(file: IgnoreFile | undefined): readonly Pattern[] {
  if (file === undefined) return [];
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(file.content).replace(/^\uFEFF/, '');
  return text.split('\n').flatMap((ended, index): readonly Pattern[] => {
    const line = ended.replace(/\r$/, '');
    const refuse: Refuse = (why) => {
      const told = line.length > 80 ? `${line.slice(0, 80)} …` : line;
      throw new PreconditionError(
        'IgnoreFileInvalid',
        `${file.name}, line ${index + 1}: ${JSON.stringify(told)} ${why}.`,
        {
          hint: 'Docker refuses most such lines, too, and of none is it plain what it means. A backslash before a character takes it as it is.',
        },
      );
    };
    if (new TextEncoder().encode(ended).length > longestLine) refuse(`is longer than ${longestLine} bytes`);
    // What has white space in front is no comment.
    return line.startsWith('#') ? [] : readLine(line, refuse);
  });
}

function readLine(line: string, refuse: Refuse): readonly Pattern[] {
  const pattern = clean(goTrim(withoutRoot(goTrim(line))));
  if (pattern === '') return [];
  const isException = pattern.startsWith('!');
  const text = isException ? pattern.slice(1) : pattern;
  if (text === '') refuse('is an exception of nothing');
  if (!wellFormed.test(text))
    refuse('is no pattern: a bracket is not closed or empty, or nothing comes after a backslash');
  return [{ text, isException, matches: matcher(text, () => refuse('has a range or an escape that means nothing')) }];
}

const refuseInternally: Refuse = (why) => {
  throw new PreconditionError('DockerfileNameRefused', `The Dockerfile’s path ${why}.`);
};

/** The context is the root of all paths. */
function withoutRoot(line: string): string {
  const isException = line.startsWith('!');
  const path = clean(isException ? goTrim(line.slice(1)) : line);
  return `${isException ? '!' : ''}${path.length > 1 ? path.replace(/^\//, '') : path}`;
}

/** Go's `filepath.Clean`, but nothing stays nothing. */
function clean(path: string): string {
  return path === '' ? '' : posix.normalize(path).replace(/(?<=[^])\/$/, '');
}
