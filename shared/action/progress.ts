import * as core from '@actions/core';

/** What a run tells the person who watches it. Lines may come from outside: they are neutralised here. */
export interface Progress {
  info(line: string): void;
  /** A yellow annotation: something to know that fails nothing. */
  warn(line: string): void;
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

export const logProgress: Progress = {
  info: (line) => core.info(neutralise(line)),
  // The command's own escaping takes care of warnings and of the group's title.
  warn: (line) => core.warning(line),
  group: (title, body) => core.group(title.replace(/[\r\n]+/g, ' '), body),
};
