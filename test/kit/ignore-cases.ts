/** What an ignore file leaves of a tree: held against our rules, and against BuildKit itself. */
export interface IgnoreCase {
  readonly ignore: string;
  /** Files and, with a slash at the end, empty directories. */
  readonly tree: readonly string[];
  /** Of all there is, the directories the files are in as well. */
  readonly kept: readonly string[];
}

const of = (ignore: string, tree: string, kept: string): IgnoreCase => ({
  ignore,
  tree: tree.split(' ').filter(Boolean),
  kept: kept.split(' ').filter(Boolean),
});

/** All paths of a tree, its directories among them. */
export function pathsOf(tree: readonly string[]): readonly string[] {
  const parts = tree.map((path) => path.replace(/\/$/, '').split('/'));
  return [...new Set(parts.flatMap((names) => names.map((_, index) => names.slice(0, index + 1).join('/'))))];
}

export const ignoreCases: readonly IgnoreCase[] = [
  // What a wildcard stands for.
  of('*.md', 'README.md docs/a.md x.mdx', 'docs docs/a.md x.mdx'),
  of('**/*.md', 'README.md docs/a.md docs/b/c.md md', 'docs docs/b md'),
  of('**/md', 'md a/md a/b/md/c xmd', 'a a/b xmd'),
  of('**md', 'md a/xmd a/mdx', 'a a/mdx'),
  of('a/**', 'a/b/c ab/c b', 'a ab ab/c b'),
  of('a**', 'a/b abc ba', 'ba'),
  of('a/**/c', 'a/c a/b/c a/b/b/c a/b/d', 'a a/b a/b/b a/b/d'),
  of('**', 'a b/c', ''),
  of('*', 'a b/c .d', ''),
  of('*/*', 'a b/c b/d/e', 'a b'),
  of('temp?', 'tempa temp/a tempab', 'temp temp/a tempab'),
  of('?', 'é 日 ab', 'ab'),
  of('[ab]c', 'ac bc cc', 'cc'),
  of('[^ab]c', 'ac bc cc', 'ac bc'),
  of('[a-c]x', 'ax bx dx', 'dx'),
  of('[!a]c', 'ac !c bc', 'bc'),
  of('a\\*', 'a* ab', 'ab'),
  of('\\#a', '#a a', 'a'),
  of('README', 'README readme', 'readme'),
  // Where a path begins and ends.
  of('/build/', 'build/x src/build', 'src src/build'),
  of('./a\nb/./c\nd/../e\n../f\n//g//h', 'a b/c d/x e f g/h', 'b d d/x f g'),
  of('a/.', 'a/b c', 'c'),
  of('.\n..\n/\n./\n../a', 'a b/c', 'a b b/c'),
  of('  dist  \n\tbuild\t\n\u00a0lib\u00a0', 'dist build lib', ''),
  of('dist\r\nbuild\r\n\r\n', 'dist build src', 'src'),
  of('\n\n \n', 'a', 'a'),
  // Comments and byte order marks.
  of('#a\n# b\n #c', '#a a b #c c', '#a a b c'),
  of('\uFEFFdist\n\uFEFFbuild', 'dist build', 'build'),
  of('\uFEFF#a\n\uFEFF*.log', '#a x.log', '#a'),
  of('\uFEFF\uFEFFa', 'a \uFEFFa', 'a'),
  // Exceptions: the last pattern that has a say decides.
  of('*\n!src', 'a .git/x src/a src/b/c', 'src src/a src/b src/b/c'),
  of('!src\n*', 'src/a b', ''),
  of('a\n!a/b', 'a/b/c a/d', 'a a/b a/b/c'),
  of('a\n!a/b/c/d', 'a/b/c/d/e a/b/x a/y', 'a a/b a/b/c a/b/c/d a/b/c/d/e'),
  of('a\n!a/b\na/b/c', 'a/b/c a/b/d a/e', 'a a/b a/b/d'),
  // … but once a directory is out, a later pattern is not asked about it, nor an exception before it is out.
  of('a\n!a/b\na', 'a/b c', 'a a/b c'),
  of('a/b\n!a', 'a/b/c a/d', 'a a/d'),
  of('*\n!**/keep', 'a/keep a/b/keep/x c/d e', 'a a/keep a/b a/b/keep a/b/keep/x'),
  of('*\n!a/*', 'a/b/c a/d b', 'a a/b a/b/c a/d'),
  of('*\n!a/**', 'a/b/c a/ b', 'a a/b a/b/c'),
  of('*\n!a/**', 'a/ b', ''),
  of('a\n!a/*.txt', 'a/b.txt a/c.md a/d/e.txt', 'a a/b.txt'),
  of('a/*\n!a/b', 'a/b/c a/d a/e/', 'a a/b a/b/c'),
  of('**/x\n!x/y', 'x/y/z a/x/y', 'x x/y x/y/z a'),
  of('*\n! src', 'src/a b', 'src src/a'),
  of('*\n!/src/', 'src/a b', 'src src/a'),
  of('*\n!./src', 'src/a b', 'src src/a'),
  of('a\n!!a', 'a !a', '!a'),
  of('a\n!.', 'a b', 'b'),
  // The builder's own files are files as others are.
  of('.dockerignore\nDockerfile', 'Dockerfile a', 'a'),
  of('*\n!Dockerfile', 'Dockerfile a', 'Dockerfile'),
  // Characters that mean something to a regular expression only.
  of('a+b', 'a+b aab', 'aab'),
  of('a+b*', 'a+bc aabc', 'aabc'),
  of('c++(x)|{y}', 'c++(x)|{y} c', 'c'),
  of('*(x)$', '(x)$ x', 'x'),
  of('a.b?', 'a.bc axbc', 'axbc'),
  of('a^b', 'a^b ab', 'ab'),
  of('a^b*', 'a^b a^bc', 'a^b a^bc'),
  // Bars and braces are let through, once there is a wildcard.
  of('*.a|*.b', 'x.a x.b x.c y/x.b', 'x.c y'),
  of('?{2}', 'aa a bbb', 'a bbb'),
  of('*{b}', 'a{b} ab', 'ab'),
  // A backslash before a letter is an escape of Go's regular expressions.
  of('bin\\Debug', 'binDebug binxebug bin5ebug', 'bin5ebug'),
  of('v\\d', 'v1 vd', 'vd'),
  of('\\w', 'a é', 'é'),
  of('a\\.b', 'a.b axb', 'axb'),
  of('\\x61\\142', 'ab x', 'x'),
  of('\\Qa*\\E', 'a* a[^/]* ab', 'a* a[^ ab'),
  of('\\ba', 'a ba', 'ba'),
  // So are groups in brackets, and what brackets turn a wildcard into.
  of('[[:digit:]]x', '1x ax', 'ax'),
  of('[[:^digit:]]x', '1x ax', '1x'),
  of('[\\d]x', '1x dx', 'dx'),
  of('[\\]]x', ']x ax', 'ax'),
  of('[*]x', '*x ]x ^]x', '*x'),
  of('[?]x', '?x [x [x]x', '?x [x [x]x'),
  // White space that is taken off only after the slash.
  of('/ a', 'a b', 'b'),
  of('a /', 'a b', 'b'),
  of('*\n/!b', 'a b', 'b'),
];

/** Ignore files that BuildKit refuses, and the line that is to blame. */
export const refused: readonly (readonly [ignore: string, line: number])[] = [
  ['a\n!', 2],
  ['!/', 1],
  ['! ', 1],
  ['b\n\n[', 3],
  ['a[', 1],
  ['[]a]', 1],
  ['[^]', 1],
  ['[a-]', 1],
  ['[-a]', 1],
  ['a\\', 1],
  ['!a[', 1],
  ['[b-a]', 1],
  ['\\é', 1],
  ['?\\q', 1],
  ['?\\8', 1],
  ['?{1001}', 1],
  ['*{2}', 1],
  ['[[:nothing:]]', 1],
  ['\\pl1\\pQ', 1],
  [`a\n${'x'.repeat(65_536)}`, 2],
];

/** As the titles of tests tell them. */
export const refusedCases = refused.map(([ignore, line]) => ({
  title: JSON.stringify(ignore.slice(0, 30)),
  ignore,
  line,
}));
