import { goSpace } from './go-space.ts';
/** How docker's frontend reads the words of a Dockerfile (moby/buildkit, frontend/dockerfile/shell): almost as a shell does. */
export interface Lexing {
  readonly escape: string;
  /** Quotes and escapes stay as they are written. */
  readonly raw?: boolean;
  /** Without it, variables stay as they are written. */
  readonly value?: (name: string) => string | undefined;
}

export interface ShellText {
  readonly text: string;
  readonly words: readonly string[];
}

/** Stands for a value that is not known: what has it in it, is not known either. */
export const unknownValue = '\0';

/** Undefined where docker would refuse it, or what it does with it is not done here (`${name#pattern}`). */
export function shellText(text: string, lexing: Lexing): ShellText | undefined {
  try {
    return new Lexer(Array.from(text), lexing).until(undefined, lexing.raw === true, false);
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

class Unreadable extends Error {}

class Lexer {
  private readonly chars: readonly string[];
  private readonly lexing: Lexing;
  private readonly isRaw: boolean;
  private at = 0;
  /** The word so far. Docker has one for all depths, too: what stands in `${a:-…}` overwrites what stands before it. */
  private word = '';
  private rawEscapes = false;

  constructor(chars: readonly string[], lexing: Lexing) {
    this.chars = chars;
    this.lexing = lexing;
    this.isRaw = lexing.raw === true;
  }

  /** `isPattern`: escapes in quotes are doubled, for it is read once more. */
  until(stop: string | undefined, rawEscapes: boolean, isPattern: boolean): ShellText {
    const outer = this.rawEscapes;
    this.rawEscapes = rawEscapes;
    const words: string[] = [];
    let text = '';
    let inWord = false;
    this.word = '';
    const end = (): ShellText => {
      this.rawEscapes = outer;
      if (this.word !== '') words.push(this.word);
      this.word = '';
      return { text, words };
    };
    const addRaw = (added: string): void => {
      this.word += added;
      inWord = true;
    };
    const add = (char: string): void => {
      if (!goSpace.test(char)) addRaw(char);
      else if (inWord && this.word !== '') {
        words.push(this.word);
        this.word = '';
        inWord = false;
      }
    };
    for (let char = this.peek(); char !== undefined; char = this.peek()) {
      this.at += 1;
      if (char === stop) return end();
      const special = this.special(char, isPattern);
      if (special !== undefined) {
        text += special;
        if (char === '$') for (const part of special) add(part);
        else addRaw(special);
      } else if (char === this.lexing.escape) {
        const kept = this.rawEscapes ? char : '';
        if (kept !== '') addRaw(kept);
        const escaped = this.next();
        if (escaped !== undefined) addRaw(escaped);
        text += kept + (escaped ?? '');
      } else {
        add(char);
        text += char;
      }
    }
    if (stop !== undefined) throw new Unreadable();
    return end();
  }

  private peek(): string | undefined {
    return this.chars[this.at];
  }

  private next(): string | undefined {
    this.at += 1;
    return this.chars[this.at - 1];
  }

  private special(char: string, isPattern: boolean): string | undefined {
    if (char === '$') return this.variable();
    if (char === "'") return this.singleQuoted(isPattern);
    if (char === '"') return this.doubleQuoted(isPattern);
    return char === '<' ? this.less() : undefined;
  }

  /** White space after `<<` does not end the word. */
  private less(): string {
    if (this.peek() !== '<') return '<';
    this.at += 1;
    let space = '';
    while (/^[\t\r ]$/.test(this.peek() ?? '')) space += this.next() ?? '';
    return `<<${space}`;
  }

  private singleQuoted(isPattern: boolean): string {
    let text = '';
    for (let char = this.next(); char !== "'"; char = this.next()) {
      if (char === undefined) throw new Unreadable();
      text += isPattern && char === this.lexing.escape ? char + char : char;
    }
    return this.isRaw ? `'${text}'` : text;
  }

  private doubleQuoted(isPattern: boolean): string {
    const { escape } = this.lexing;
    let text = '';
    for (let char = this.next(); char !== '"'; char = this.next()) {
      if (char === undefined) throw new Unreadable();
      if (char !== escape) {
        text += char === '$' ? this.variable() : char;
        continue;
      }
      const escaped = this.peek();
      if (escaped === undefined) continue;
      if (escaped === '"' || escaped === '$' || escaped === escape) {
        text += (this.rawEscapes ? char : '') + escaped;
        this.at += 1;
      } else text += this.rawEscapes && (!this.isRaw || isPattern) ? char + char : char;
    }
    return this.isRaw ? `"${text}"` : text;
  }

  private variable(): string {
    if (this.peek() !== '{') {
      const name = this.name();
      return name === '' ? '$' : this.value(name, `$${name}`);
    }
    this.at += 1;
    if (['{', '}', ':', undefined].includes(this.peek())) throw new Unreadable();
    const name = this.name();
    const first = this.next() ?? '';
    if (first === '}') return this.value(name, `\${${name}}`);
    if (first === '/') return this.replaced(name);
    const operator = first === ':' ? (this.next() ?? '') : first;
    const isPattern = operator === '#' || operator === '%';
    // After a colon anything is taken for an operator, until it has to do something.
    if (first === ':' ? isPattern : !['+', '-', '?', '#', '%'].includes(first)) throw new Unreadable();
    const word = this.until('}', isPattern, isPattern).text;
    const { value } = this.lexing;
    if (value === undefined) return `\${${name}${first === ':' ? ':' : ''}${operator}${word}}`;
    return operated(value(name), { operator, word, isEmptyUnset: first === ':' });
  }

  private replaced(name: string): string {
    if (this.peek() === '/') this.at += 1;
    const pattern = this.until('/', true, true).text;
    const replacement = this.until('}', true, false).text;
    return this.lexing.value === undefined ? `\${${name}/${pattern}/${replacement}}` : unknownValue;
  }

  private value(name: string, written: string): string {
    const { value } = this.lexing;
    return value === undefined ? written : (value(name) ?? unknownValue);
  }

  /** A number, one special character, or a name. */
  private name(): string {
    const rest = this.chars.slice(this.at).join('');
    const name = /^(?:\p{Nd}+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*)/u.exec(rest)?.[0] ?? '';
    this.at += Array.from(name).length;
    return name;
  }
}

interface Operation {
  readonly operator: string;
  readonly word: string;
  readonly isEmptyUnset: boolean;
}

function operated(value: string | undefined, { operator, word, isEmptyUnset }: Operation): string {
  if (value?.includes(unknownValue) === true) return unknownValue;
  const isSet = isEmptyUnset ? (value ?? '') !== '' : value !== undefined;
  if (operator === '-') return isSet ? (value ?? '') : word;
  if (operator === '+') return isSet ? word : '';
  return unknownValue;
}
