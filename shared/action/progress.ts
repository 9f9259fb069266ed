import * as core from '@actions/core';

/** What a run tells the person who watches it. Lines may come from outside: they are neutralised here. */
export interface Progress {
  info(line: string): void;
  /** A yellow annotation: something to know that fails nothing. */
  warn(line: string): void;
  /**
   * How far a long piece of work is: asks for a line again and again, also while nothing happens, until the function it returns is called.
   * On a terminal the line is rewritten in place, and the next `info` takes its place; elsewhere it is a line of the log when nothing was
   * said for a few seconds.
   */
  follow(line: () => string): () => void;
  /** Folds the lines of `body` under a title in the log. */
  group<T>(title: string, body: () => Promise<T>): Promise<T>;
}

/**
 * Makes text harmless to the runner, which reads commands from lines that start with `::` or hold `##[`
 * (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs). It trims what .NET takes for white space before it
 * looks: all that `\s` knows, and U+0085.
 */
export function neutralise(text: string): string {
  return text
    .split(/\r\n|\n|\r/)
    .map((line) => line.replace(/^([\s\u0085]*):(?=:)/, '$1:\u200b').replaceAll('##[', '#\u200b#['))
    .join('\n');
}

/** Where the lines go: `process.stdout`. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Between two lines of status, in milliseconds: as fast as an eye follows, and as a log stays readable. */
const statusEvery = { terminal: 100, log: 5_000 };
/** How often a line is asked for, in milliseconds. */
const askEvery = { terminal: 100, log: 1_000 };
const eraseLine = '\r\u001b[2K';

/** Does something over and over, until the function it returns is called. */
export type Repeat = (work: () => void, everyMs: number) => () => void;

const repeatedly: Repeat = (work, everyMs) => {
  const timer = setInterval(work, everyMs);
  return () => clearInterval(timer);
};

/** `now`: milliseconds. */
export function progressOn(screen: Screen, now: () => number, repeat: Repeat = repeatedly): Progress {
  const isTerminal = screen.isTTY === true;
  let said = now();
  let isTransient = false;
  const settle = (): void => {
    if (isTransient) screen.write(eraseLine);
    isTransient = false;
    said = now();
  };
  const status = (line: string): void => {
    if (now() - said < (isTerminal ? statusEvery.terminal : statusEvery.log)) return;
    settle();
    const text = neutralise(line.replace(/\p{Cc}+/gu, ' '));
    // A line that wraps could not be erased.
    screen.write(isTerminal ? text.slice(0, (screen.columns ?? 80) - 1) : `${text}\n`);
    isTransient = isTerminal;
  };
  return {
    info: (line) => {
      settle();
      screen.write(`${neutralise(line)}\n`);
    },
    follow: (line) => repeat(() => status(line()), isTerminal ? askEvery.terminal : askEvery.log),
    // The command's own escaping takes care of warnings and of the group's title.
    warn: (line) => {
      settle();
      core.warning(line);
    },
    group: (title, body) => {
      settle();
      return core.group(title.replace(/[\r\n]+/g, ' '), body);
    },
  };
}

export const logProgress = progressOn(process.stdout, Date.now);
