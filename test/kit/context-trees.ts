import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { bytesOf, isPlain, textOf } from '../../actions/build-push-image/src/path-bytes.ts';
import { must } from '../local/command.ts';
import { refused } from './ignore-cases.ts';

/** A directory to build from, and its ignore file. */
export interface ContextTree {
  readonly children: Readonly<Record<string, Node>>;
  readonly ignore: string;
}

type Node =
  | { readonly kind: 'file'; readonly mode: number; readonly content: string }
  | { readonly kind: 'directory'; readonly mode: number; readonly children: Readonly<Record<string, Node>> }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'pipe'; readonly mode: number };

const names = [
  ...['a', 'b', 'ab', 'a.b', 'src', '.git', 'x y', ' a', 'a ', '-a', '--', 'é', 'e\u0301', '日本', '😀', '\uFEFFa'],
  ...['[', '[a]', ']', '*', 'a*', '?', '!a', '#a', 'a\\b', '\\', 'a+b', '(a)', '{a}', '$a', '^a', 'a|b', '~', ':', '_'],
  ...['a\nb', 'a\tb', '\u0001', '\u0085', 'Dockerfile', 'Dockerfile.dockerignore', 'A', '1'],
  // Bytes that are no UTF-8: the second ends where a character would go on.
  ...[textOf(Buffer.from([0x61, 0xff])), textOf(Buffer.from([0xe2, 0x82])), '\uFFFD'],
];
const modes = [0o644, 0o755, 0o600, 0o000, 0o4755, 0o2775, 0o1777, 0o7777];
const targets = [
  textOf(Buffer.from([0x61, 0xe9])),
  'a',
  'a/b',
  'nowhere',
  '..',
  '.',
  '/etc/passwd',
  '../../../..',
  'a b',
  '\\',
];

/** Common names come often, so that patterns meet paths. */
const name = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...names.slice(0, 6)) }, fc.constantFrom(...names));
const mode = fc.oneof({ weight: 2, arbitrary: fc.constant(0o644) }, fc.constantFrom(...modes));
const { node } = fc.letrec<{ node: Node; children: Record<string, Node> }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constant('file'), mode, content: fc.constantFrom('', 'x', 'y') }),
    fc.record({ kind: fc.constant('link'), target: fc.constantFrom(...targets) }),
    fc.record({ kind: fc.constant('pipe'), mode }),
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('directory'), mode, children: tie('children') }) },
  ),
  children: fc.dictionary(name, tie('node'), { maxKeys: 4, noNullPrototype: true }),
}));
const top = fc.dictionary(name, node, { minKeys: 1, maxKeys: 6, noNullPrototype: true });

const atoms = [
  ...['a', 'b', 'ab', '.', '*', '*', '**', '?', '/', '/', '/', '[ab]', '[^a]', '[a-c]', '[!a]', '[[:alpha:]]', '[\\]]'],
  ...['[*]', '[?]', '[\\d]', '\\a', '\\*', '\\d', '\\W', '\\x61', '\\pL', '\\Q', '\\.', '{a}', '|', '$', '^', '+', '('],
  ...['é', '日', '😀', ' ', '-', '#', '!', '..', '\uFEFF', '\u0085', '~'],
];

/** A path of the tree with one of its names made a pattern, or anything. */
function patterns(paths: readonly string[]): fc.Arbitrary<string> {
  const generalized = fc
    .record({ path: fc.constantFrom(...paths), place: fc.nat(9), how: fc.nat(9) })
    .map(({ path, place, how }) => {
      const parts = path.split('/').map((part) => part.replace(/[[\\]/g, '\\$&'));
      const at = place % parts.length;
      const part = parts[at] ?? '';
      const others = [part, '*', '**', part.replace(/^\\?./u, '?'), `${part}*`, part.replace(/^\\?./u, '*')];
      const [first = ''] = part;
      parts[at] =
        [...others, /[a-z]/.test(first) ? `[${first}]${part.slice(1)}` : part, `../${part}`, '**', part][how] ?? part;
      return parts.join('/');
    });
  const anything = fc.array(fc.constantFrom(...atoms), { minLength: 1, maxLength: 5 }).map((all) => all.join(''));
  const prefix = fc.constantFrom('', '', '', '', '!', '!', '!', '/', './', '! ', '!/', ' ', '\t', '#', '/ ', '**/');
  const suffix = fc.constantFrom('', '', '', '', '', '/', '/**', '/*', ' ', '**', '/.', ' /');
  return fc
    .tuple(prefix, fc.oneof({ weight: 2, arbitrary: generalized }, anything), suffix)
    .map(([before, pattern, after]) => before + pattern.replace(/[\0-\x1f]|\p{Cs}/gu, '?') + after);
}

function ignoreFiles(paths: readonly string[]): fc.Arbitrary<string> {
  const written = fc
    .record({
      start: fc.constantFrom('', '', '', '', '', '\uFEFF'),
      lines: fc.array(patterns(paths), { minLength: 1, maxLength: 6 }),
      end: fc.constantFrom('\n', '\n', '\r\n'),
    })
    .map(({ start, lines, end }) => start + lines.join(end));
  const wrong = fc.constantFrom(...refused.map(([ignore]) => ignore));
  return fc.oneof({ weight: 60, arbitrary: written }, wrong);
}

export const contextTrees: fc.Arbitrary<ContextTree> = top.chain((children) =>
  ignoreFiles(pathsIn(children)).map((ignore) => ({ children, ignore })),
);

function pathsIn(children: Readonly<Record<string, Node>>, above = ''): readonly string[] {
  return Object.entries(children).flatMap(([name, node]) => [
    above + name,
    ...(node.kind === 'directory' ? pathsIn(node.children, `${above}${name}/`) : []),
  ]);
}

export async function writeTree(root: string, { children, ignore }: ContextTree): Promise<void> {
  mkdirSync(root, { recursive: true });
  for (const [name, node] of Object.entries(children)) await writeNode(join(root, name), node);
  writeFileSync(join(root, '.dockerignore'), ignore);
}

async function writeNode(path: string, node: Node): Promise<void> {
  const place = bytesOf(path);
  // BuildKit's output to a directory knows no such directories, and arguments are text.
  if (!isPlain(path) && (node.kind === 'directory' || node.kind === 'pipe')) return;
  switch (node.kind) {
    case 'file':
      writeFileSync(place, node.content);
      break;
    case 'directory':
      mkdirSync(place);
      for (const [name, child] of Object.entries(node.children)) await writeNode(join(path, name), child);
      break;
    case 'link':
      symlinkSync(bytesOf(node.target), place);
      return;
    case 'pipe':
      await must('mkfifo', ['--', path]);
      break;
  }
  chmodSync(place, node.mode);
}

/** All that is in a directory, a line for each; nothing where there is none. */
export function listing(root: string): readonly string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => {
      const found = lstatSync(join(root, path), { throwIfNoEntry: false });
      if (found === undefined) return `${JSON.stringify(path)} and what it is in: not UTF-8`;
      const is = found.isSymbolicLink()
        ? `-> ${readlinkSync(join(root, path))}`
        : `${found.mode.toString(8)} ${found.isFile() ? readFileSync(join(root, path), 'utf8') : ''}`;
      return `${JSON.stringify(path)} ${is.trimEnd()}`;
    })
    .sort();
}
