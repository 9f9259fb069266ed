import { goSpace, goTrim } from './go-space.ts';

export interface Flagged {
  /** The words in front that begin with `--`, without their quotes and escapes. */
  readonly flags: readonly string[];
  readonly args: string;
}

/**
 * As docker's frontend tells them apart (moby/buildkit, frontend/dockerfile/parser/split_command.go). It takes every byte for a
 * character, so that some letters end a word.
 */
export function splitFlags(text: string, escape: string): Flagged {
  const bytes = Buffer.from(text).toString('latin1');
  const from = (position: number): string => goTrim(Buffer.from(bytes.slice(position), 'latin1').toString());
  const flags: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (goSpace.test(bytes.charAt(at))) {
      at += 1;
      continue;
    }
    if (!bytes.startsWith('--', at)) return { flags, args: from(at) };
    const { word, end } = flagWord(bytes, at, escape);
    at = end;
    if (word === '--') break;
    flags.push(word);
  }
  return { flags, args: from(at) };
}

function flagWord(bytes: string, start: number, escape: string): { readonly word: string; readonly end: number } {
  let word = '';
  let quote = '';
  let at = start;
  for (; at < bytes.length; at += 1) {
    const char = bytes.charAt(at);
    if (quote === '' && goSpace.test(char)) break;
    if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = '';
    else if (char === escape) {
      at += 1;
      word += bytes.charAt(at);
    } else word += char;
  }
  return { word, end: at };
}

/** What stands before and after the first `=`; undefined: there is none. */
export function keyValue(text: string): readonly [key: string, value: string | undefined] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** The options of `RUN --mount`, in order, their names in lower case as docker compares them. Undefined when it is no mount. */
export function mountOptions(mount: string): readonly (readonly [name: string, value: string])[] | undefined {
  return csvFields(mount)?.map((field) => {
    const [name, value = ''] = keyValue(field);
    return [name.toLowerCase(), value];
  });
}

/** The value of `RUN --mount`: a line of CSV. Undefined when it is none. */
function csvFields(line: string): readonly string[] | undefined {
  if (line === '') return undefined;
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = field.exec(line);
    if (match === null) return undefined;
    const [, quoted, plain = '', after] = match;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (after === '') return fields;
  }
}
