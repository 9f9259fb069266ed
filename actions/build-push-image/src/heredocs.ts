import { shellText } from './shell-words.ts';

export interface Heredoc {
  /** The line that ends it. */
  readonly word: string;
  /** Tabs may stand in front of that. */
  readonly isIndented: boolean;
}

/** The here-documents that a line opens, to docker's frontend: words that begin with `<<`. Its escape character is always `\`. */
export function heredocs(line: string): readonly Heredoc[] {
  return (shellText(line, { escape: '\\', raw: true })?.words ?? []).flatMap((word) => {
    const [, dash, rest = ''] = /^[0-9]*<<(-?)[\t\n\f\r ]*([^<]*)$/.exec(word) ?? [];
    const words = shellText(rest, { escape: '\\' })?.words ?? [];
    const [name = ''] = words;
    return words.length === 1 ? [{ word: name, isIndented: dash === '-' }] : [];
  });
}
