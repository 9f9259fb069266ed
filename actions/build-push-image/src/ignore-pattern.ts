import { goRegExp } from './go-regexp.ts';

// One pattern of a `.dockerignore`, as github.com/moby/patternmatcher compiles and matches it, oddities included.

const byteOrderMark = '\uFEFF';

/** What Go's `filepath.Match` accepts. */
export const wellFormed = /^(?:[^\\[]|\\[^]|\[(?:\^|(?!\^))(?:(?:\\[^]|[^\\\]-])(?:-(?:\\[^]|[^\\\]-]))?)+\])*$/u;

/** Whether a path matches. `refuse` is called, once a path asks for it, where the pattern turns out to be none. */
export function matcher(pattern: string, refuse: () => never): (path: string) => boolean {
  const { kind, source } = compile(pattern);
  switch (kind) {
    case 'exact':
      return (path) => path === pattern;
    case 'prefix': {
      const prefix = pattern.slice(0, -2);
      return (path) => path.startsWith(prefix);
    }
    case 'suffix': {
      // Go cuts off two bytes, so that a byte order mark leaves what ends no path.
      if (pattern.startsWith(byteOrderMark)) return () => false;
      const suffix = pattern.slice(2);
      return (path) => path.endsWith(suffix) || `/${path}` === suffix;
    }
    case 'expression': {
      // Only once a path asks for it: what is never asked fails no build.
      let expression: RegExp | undefined;
      return (path) => {
        expression ??= goRegExp(source) ?? refuse();
        return expression.test(path);
      };
    }
  }
}

interface Compiled {
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'expression';
  /** In Go's syntax. */
  readonly source: string;
}

/** How a pattern is matched: by its text where that is enough, else as a regular expression. */
function compile(pattern: string): Compiled {
  let kind: Compiled['kind'] = 'exact';
  let source = '^';
  // Go's scanner takes no notice of a byte order mark that comes first.
  const characters = Array.from(pattern.startsWith(byteOrderMark) ? pattern.slice(1) : pattern);
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    if (character === '*' && characters[at + 1] === '*') {
      const isFirst = at === 0;
      at += characters[at + 2] === '/' ? 2 : 1;
      if (at + 1 < characters.length) {
        source += '(.*/)?';
        kind = 'expression';
      } else if (kind === 'exact') {
        kind = 'prefix';
      } else {
        source += '.*';
        kind = 'expression';
      }
      if (isFirst) kind = 'suffix';
    } else if (character === '*' || character === '?') {
      source += character === '*' ? '[^/]*' : '[^/]';
      kind = 'expression';
    } else if ('.+()$'.includes(character)) {
      // It means to escape braces and bars as well, and does not.
      source += `\\${character}`;
    } else if (character === '\\') {
      at += 1;
      source += `\\${characters[at] ?? ''}`;
      kind = 'expression';
    } else {
      source += character;
      if (character === '[' || character === ']') kind = 'expression';
    }
  }
  return { kind, source: `${source}$` };
}
