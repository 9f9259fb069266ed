import { describe, expect, test } from '@jest/globals';
import { classicRules, ignoreRules, type IgnoreRules } from '../../../actions/build-push-image/src/dockerignore.ts';
import { goRegExp } from '../../../actions/build-push-image/src/go-regexp.ts';
import { ignoreCases, pathsOf, refusedCases } from '../../kit/ignore-cases.ts';

const file = (text: string) => ({ name: 'api/.dockerignore', content: Buffer.from(text) });

/** What a walk keeps of these paths, and which of the directories it looked into. */
function keep(rules: IgnoreRules, paths: readonly string[]): { readonly kept: string[]; readonly seen: string[] } {
  const kept: string[] = [];
  const seen: string[] = [];
  type Judgement = ReturnType<IgnoreRules['judge']>;
  const walk = (directory: string, judged?: Judgement): boolean => {
    const children = paths.filter((path) => path.startsWith(directory) && !path.slice(directory.length).includes('/'));
    return children
      .map((path) => {
        const judgement = rules.judge(path, judged);
        if (judgement.ignored && !rules.mayKeepIn(path)) return false;
        const isDirectory = paths.some((other) => other.startsWith(`${path}/`));
        if (isDirectory) seen.push(path);
        const keeps = (isDirectory && walk(`${path}/`, judgement)) || !judgement.ignored;
        if (keeps && !rules.withheld.has(path)) kept.push(path);
        return keeps;
      })
      .includes(true);
  };
  walk('');
  return { kept: kept.sort(), seen };
}

describe('.dockerignore', () => {
  test.each(ignoreCases)('$ignore', ({ ignore, tree, kept }) => {
    expect(keep(ignoreRules(file(ignore)), pathsOf(tree)).kept).toEqual(kept.toSorted());
  });

  test('without one, and without a line in it, all is kept', () => {
    const paths = pathsOf(['a', 'b/c']);
    expect(keep(ignoreRules(), paths).kept).toEqual(paths.toSorted());
    expect(keep(ignoreRules(file('')), paths).kept).toEqual(paths.toSorted());
  });

  test.each(refusedCases)('$title is refused by its line', ({ ignore, line }) => {
    const asked = () => keep(ignoreRules(file(ignore)), ['a', 'b']);
    expect(asked).toThrow(
      expect.objectContaining({
        code: 'IgnoreFileInvalid',
        message: expect.stringContaining(`api/.dockerignore, line ${line}: "`),
      }),
    );
    expect(asked).toThrow(/^.{1,300}$/);
  });

  test('a line has up to 65,535 bytes, not characters', () => {
    expect(() => ignoreRules(file('é'.repeat(32_767)))).not.toThrow();
    expect(() => ignoreRules(file('é'.repeat(32_768)))).toThrow('is longer than 65535 bytes');
  });

  test('what no path asks about is not refused', () => {
    expect(keep(ignoreRules(file('!\\é')), ['a']).kept).toEqual(['a']);
    expect(keep(ignoreRules(file('a\n\\é')), ['a']).kept).toEqual([]);
  });

  test('nobody looks into what is ignored, but where an exception may be', () => {
    const paths = pathsOf(['node_modules/a/b/c', 'src/d/e', 'other/f/g']);
    const seen = (ignore: string) => keep(ignoreRules(file(ignore)), paths).seen.join(' ');
    expect(seen('node_modules\nsrc/d')).toBe('src other other/f');
    expect(seen('*\n!src/d')).toBe('src src/d');
    expect(seen('*\n!src/d/*')).toBe('src src/d');
    expect(seen('*\n!src/**')).toBe('src src/d');
    expect(seen('*\n!sr')).toBe('');
    expect(seen('*\n!src/?')).toBe('node_modules node_modules/a node_modules/a/b src src/d other other/f');
  });
});

describe('without BuildKit', () => {
  const paths = pathsOf(['.dockerignore', 'Dockerfile', 'docker/Dockerfile', 'docker/a/b', 'src/keep', 'src/c']);
  const kept = (ignore: string, dockerfile?: string) =>
    keep(classicRules(file(ignore), dockerfile), paths).kept.join(' ');

  test('an exception with wildcards brings nothing back out of an ignored directory', () => {
    expect(kept('*\n!**/keep')).toBe('');
    expect(kept('*\n!src/keep')).toBe('src src/keep');
    expect(kept('src\ndocker\n!src/*')).toBe('.dockerignore Dockerfile src src/c src/keep');
  });

  test('the ignored Dockerfile is sent all the same, which leaves its directory', () => {
    expect(kept('docker', 'docker/Dockerfile')).toBe('.dockerignore Dockerfile docker src src/c src/keep');
    // Now that one looks into it …
    expect(kept('docker\n!**/b\n!**/a', 'docker/Dockerfile')).toBe(
      '.dockerignore Dockerfile docker docker/a docker/a/b src src/c src/keep',
    );
    expect(kept('docker\n!**/b\n!**/a')).toBe('.dockerignore Dockerfile src src/c src/keep');
    expect(kept('*', 'Dockerfile')).toBe('');
    expect(kept('src', 'docker/Dockerfile')).toBe(
      '.dockerignore Dockerfile docker docker/Dockerfile docker/a docker/a/b',
    );
  });
});

describe('Go’s regular expressions', () => {
  const all = Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code)).join('') + '日😀';
  const matched = (source: string) =>
    Array.from(all)
      .filter((one) => goRegExp(`^${source}$`)?.test(one))
      .join('');

  test.each([
    ['\\s', '\t\n\f\r '],
    ['[\\s]', '\t\n\f\r '],
    ['[[:space:]]', '\t\n\v\f\r '],
    ['[[:xdigit:]]', '0123456789ABCDEFabcdef'],
    ['[^\\W_a-zA-Z]', '0123456789'],
    ['[[:^ascii:][:digit:]]', `0123456789${all.slice(0x80)}`],
    ['[[:^print:]]', all.replace(/[ -~]/g, '')],
    ['\\PL', all.replace(/\p{L}/gu, '')],
    ['[\\pL\\pN]', all.replace(/[^\p{L}\p{N}]/gu, '')],
    ['[\\a\\f\\n\\r\\t\\v]', '\x07\t\n\v\f\r'.split('').sort().join('')],
    ['\\0', '\0'],
    ['\\101', 'A'],
    ['\\x{65e5}', '日'],
    ['[\\x41-\\103]', 'ABC'],
    ['[a-]', '-a'],
    ['[]a]', ']a'],
    ['[[:a]', ':[a'],
    ['.', all.replace('\n', '')],
    ['[^a]', all.replace('a', '')],
  ])('%s', (source, expected) => {
    expect(matched(source)).toBe(expected);
  });

  test('what holds at a place, repetitions, alternatives', () => {
    const matches = (source: string, text: string) => goRegExp(source)?.test(text);
    expect(matches('^\\ba\\b$', 'a')).toBe(true);
    expect(matches('a\\Bb', 'ab')).toBe(true);
    expect(matches('a\\bb', 'ab')).toBe(false);
    expect(matches('\\Aa\\z', 'a\n')).toBe(false);
    expect(matches('a$', 'a\n')).toBe(false);
    expect(matches('^{2}a', 'a')).toBe(true);
    expect(matches('^a{2,3}$', 'aaaa')).toBe(false);
    expect(matches('^a{,3}$', 'a{,3}')).toBe(true);
    expect(matches('^a{01}$', 'a{01}')).toBe(true);
    expect(matches('^x|b$', 'ab')).toBe(true);
    expect(matches('^\\Qa.\\E.$', 'a.b')).toBe(true);
  });
});
