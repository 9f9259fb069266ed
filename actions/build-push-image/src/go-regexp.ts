/**
 * A regular expression as Go (RE2) understands it, for those that come of a `.dockerignore` pattern: literals, classes,
 * `.`, `*`, `(…)?`, anchors and every escape. Undefined where Go refuses it, or its meaning depends on Go's version.
 */
export function goRegExp(source: string): RegExp | undefined {
  try {
    return new RegExp(translate(new Reader(source)), 'u');
  } catch {
    return undefined;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  peek(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  take(text: string): boolean {
    if (!this.peek(text)) return false;
    this.#at += text.length;
    return true;
  }

  next(): string {
    const point = this.#text.codePointAt(this.#at);
    if (point === undefined) throw new SyntaxError('it ends too early');
    const character = String.fromCodePoint(point);
    this.#at += character.length;
    return character;
  }

  /** Takes what a sticky expression matches. */
  match(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at;
    const [text] = expression.exec(this.#text) ?? [];
    this.#at += text?.length ?? 0;
    return text;
  }

  /** Does the text come, after so many characters more? */
  has(text: string, after: number): boolean {
    return this.#text.includes(text, this.#at + after);
  }

  /** What comes before the text, or before the end; the text is taken too. */
  until(text: string): string {
    const end = this.#text.indexOf(text, this.#at);
    const before = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + text.length;
    return before;
  }
}

/** Assertions are grouped, as Go lets them be repeated. */
const assertions: Readonly<Record<string, string>> = {
  '^': '(?:^)',
  $: '(?:$)',
  '\\A': '(?:^)',
  '\\z': '(?:$)',
  '\\b': '(?:\\b)',
  '\\B': '(?:\\B)',
};

function translate(reader: Reader): string {
  let result = '';
  while (!reader.done) {
    const assertion = Object.keys(assertions).find((text) => reader.take(text));
    if (assertion !== undefined) result += assertions[assertion] ?? '';
    else if (reader.take('.')) result += '[^\\n]';
    else if (reader.take('[')) result += classOf(reader);
    else if (reader.take('\\Q')) result += Array.from(reader.until('\\E'), literal).join('');
    else if (reader.peek('{')) result += repetitionOf(reader);
    else if (reader.peek('\\')) {
      const group = groupOf(reader);
      result += group === undefined ? code(characterOf(reader)) : `[${group}]`;
    } else {
      const character = reader.next();
      result += '*?()|'.includes(character) ? character : literal(character);
    }
  }
  return result;
}

/** `{2}`, `{2,}`, `{2,3}`; any other brace stands for itself. */
function repetitionOf(reader: Reader): string {
  const repetition = reader.match(/\{(0|[1-9]\d*)(?:,(0|[1-9]\d*)?)?\}/y);
  if (repetition === undefined) return literal(reader.next());
  if (repetition.match(/\d+/g)?.some((times) => Number(times) > 1000) === true) throw new SyntaxError('too many');
  return repetition;
}

function classOf(reader: Reader): string {
  let result = reader.take('^') ? '[^' : '[';
  // A bracket that comes first stands for itself.
  for (let first = true; first || !reader.peek(']'); first = false) {
    const group = posixGroupOf(reader) ?? groupOf(reader);
    if (group !== undefined) {
      result += group;
      continue;
    }
    const from = characterOf(reader);
    let to = from;
    if (reader.peek('-') && !reader.peek('-]')) {
      reader.next();
      to = characterOf(reader);
    }
    result += `${code(from)}-${code(to)}`;
  }
  reader.next();
  return `${result}]`;
}

type Ranges = readonly (readonly [string, string])[];

const digit: Ranges = [['0', '9']];
const upper: Ranges = [['A', 'Z']];
const lower: Ranges = [['a', 'z']];
const alpha = [...upper, ...lower];
const word = [...digit, ...upper, ['_', '_'] as const, ...lower];
const perlGroups: Readonly<Record<string, Ranges>> = {
  d: digit,
  s: [
    ['\t', '\n'],
    ['\f', '\r'],
    [' ', ' '],
  ],
  w: word,
};
const posixGroups: Readonly<Record<string, Ranges>> = {
  alnum: [...digit, ...alpha],
  alpha,
  ascii: [['\0', '\x7f']],
  blank: [
    ['\t', '\t'],
    [' ', ' '],
  ],
  cntrl: [
    ['\0', '\x1f'],
    ['\x7f', '\x7f'],
  ],
  digit,
  graph: [['!', '~']],
  lower,
  print: [[' ', '~']],
  punct: [
    ['!', '/'],
    [':', '@'],
    ['[', '`'],
    ['{', '~'],
  ],
  space: [
    ['\t', '\r'],
    [' ', ' '],
  ],
  upper,
  word,
  xdigit: [...digit, ['A', 'F'], ['a', 'f']],
};

/** `\d`, `\W`, `\pL` …, as the inside of a class. */
function groupOf(reader: Reader): string | undefined {
  const perl = reader.match(/\\[dDsSwW]/y)?.charAt(1);
  if (perl !== undefined) {
    const ranges = perlGroups[perl.toLowerCase()] ?? [];
    return /[A-Z]/.test(perl) ? outside(ranges) : inside(ranges);
  }
  const category = reader.match(/\\[pP][LMNPSZ]/y);
  if (category !== undefined) return `${category.slice(0, 2)}{${category.slice(2)}}`;
  // Other names are none, or only in newer versions of Go.
  if (reader.peek('\\p') || reader.peek('\\P')) throw new SyntaxError('no category of characters');
  return undefined;
}

/** `[:alpha:]`, `[:^alpha:]`, as the inside of a class. */
function posixGroupOf(reader: Reader): string | undefined {
  // Without an end, the bracket stands for itself.
  if (!reader.peek('[:') || !reader.has(':]', 2)) return undefined;
  reader.take('[:');
  const name = reader.until(':]');
  const ranges = posixGroups[name.replace(/^\^/, '')];
  if (ranges === undefined) throw new SyntaxError('no group of characters');
  return name.startsWith('^') ? outside(ranges) : inside(ranges);
}

function inside(ranges: Ranges): string {
  return ranges.map(([from, to]) => `${literal(from)}-${literal(to)}`).join('');
}

function outside(ranges: Ranges): string {
  let from = 0;
  let result = '';
  for (const [first, last] of ranges) {
    if (codeOf(first) > from) result += `${code(from)}-${code(codeOf(first) - 1)}`;
    from = codeOf(last) + 1;
  }
  return `${result}${code(from)}-${code(0x10ffff)}`;
}

const named: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** One character, written as itself or by an escape. */
function characterOf(reader: Reader): number {
  const hexadecimal = reader.match(/\\x(?:[\da-f]{2}|\{[\da-f]+\})/iy);
  if (hexadecimal !== undefined) return parseInt(hexadecimal.replace(/^\\x\{?/, ''), 16);
  // A single digit would refer to a group.
  const octal = reader.match(/\\(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/y);
  if (octal !== undefined) return parseInt(octal.slice(1), 8);
  const character = reader.next();
  if (character !== '\\') return codeOf(character);
  const escaped = reader.next();
  if (Object.hasOwn(named, escaped)) return codeOf(named[escaped] ?? '');
  if (codeOf(escaped) >= 0x80 || /[\dA-Za-z]/.test(escaped)) throw new SyntaxError('no such escape');
  return codeOf(escaped);
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function code(point: number): string {
  return `\\u{${point.toString(16)}}`;
}

function literal(character: string): string {
  return /[\dA-Za-z_]/.test(character) ? character : code(codeOf(character));
}
