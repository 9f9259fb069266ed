/**
 * Splits one line into words as a POSIX shell does (quotes and backslashes), without any expansion: `$HOME` and `*` stay as
 * they are. Undefined when a quote is left open, or where a shell would see an operator (`&& | ; < > ( )`, a new line).
 */
export function shellWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let rest = line;
  while (rest !== '') {
    const token = tokens.exec(rest)?.groups;
    if (token === undefined) return undefined;
    const { blank, single, double, escaped, plain } = token;
    if (blank !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      const text = single ?? double?.replace(/\\([$`"\\])/g, '$1') ?? escaped ?? plain ?? '';
      word = `${word ?? ''}${text}`;
    }
    rest = rest.slice((tokens.exec(rest)?.[0] ?? rest).length);
  }
  return word === undefined ? words : [...words, word];
}

const tokens =
  /^(?:(?<blank>[ \t]+)|'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\[\s\S])*)"|\\(?<escaped>[^\n])|(?<plain>[^\s'"\\&|;<>()]+))/;
