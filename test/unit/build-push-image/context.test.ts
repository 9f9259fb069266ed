import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { contextFiles } from '../../../actions/build-push-image/src/context-files.ts';
import { ignoreRules } from '../../../actions/build-push-image/src/dockerignore.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-context-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (path: string, content: string | Uint8Array = path): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
};
const digest = async (ignore = '') => contextFiles.digestTree(root, ignoreRules(ignore));

describe('the digest of a context', () => {
  test('counts files and bytes, and knows no times', async () => {
    write('a', '12');
    write('d/b', '345');
    const before = await digest();
    expect(before).toMatchObject({ files: 2, bytes: 5 });
    utimesSync(join(root, 'a'), 1, 1);
    utimesSync(join(root, 'd'), 1, 1);
    expect(await digest()).toEqual(before);
  });

  test.each([
    ['a byte of a file', () => write('a', 'X')],
    ['a new file', () => write('z')],
    ['a new empty directory', () => mkdirSync(join(root, 'empty'))],
    ['a mode', () => chmodSync(join(root, 'a'), 0o755)],
    ['a directory’s mode', () => chmodSync(join(root, 'd'), 0o700)],
    [
      'a link’s target',
      () => {
        unlinkSync(join(root, 'link'));
        symlinkSync('b', join(root, 'link'));
      },
    ],
    [
      'a file instead of a link',
      () => {
        unlinkSync(join(root, 'link'));
        writeFileSync(join(root, 'link'), 'a', { mode: 0o777 });
      },
    ],
    [
      'content that moves between two files',
      () => {
        write('a', 'd/b');
        write('d/b', 'a');
      },
    ],
  ])('changes with %s', async (_, change) => {
    write('a');
    write('d/b');
    symlinkSync('a', join(root, 'link'));
    const { sha256 } = await digest();
    expect((await digest()).sha256).toBe(sha256);
    change();
    expect((await digest()).sha256).not.toBe(sha256);
  });

  test('a link out of the context is its target’s name, never followed', async () => {
    symlinkSync('/proc', join(root, 'proc'));
    symlinkSync('nowhere', join(root, 'dangling'));
    expect(await digest()).toMatchObject({ files: 0 });
  });

  test('an ignored change is none; an exception brings its directory back', async () => {
    write('src/a');
    write('node_modules/x/index.js', '1');
    write('node_modules/keep/me', '1');
    const rules = 'node_modules\n!node_modules/keep';
    const { sha256, files } = await digest(rules);
    expect(files).toBe(2);
    write('node_modules/x/index.js', '2');
    write('node_modules/y');
    expect((await digest(rules)).sha256).toBe(sha256);
    write('node_modules/keep/me', '2');
    expect((await digest(rules)).sha256).not.toBe(sha256);
    // The directories on the way to a kept file are kept themselves.
    write('node_modules/keep/me', '1');
    chmodSync(join(root, 'node_modules'), 0o700);
    expect((await digest(rules)).sha256).not.toBe(sha256);
  });

  test('a large file is read in pieces', async () => {
    const piece = new Uint8Array(5_000_000).fill(7);
    write('big', piece);
    const { sha256 } = await digest();
    piece[4_999_999] = 8;
    write('big', piece);
    expect((await digest()).sha256).not.toBe(sha256);
  });

  test('what cannot be read is named', async () => {
    await expect(contextFiles.digestTree(join(root, 'gone'), ignoreRules(''))).rejects.toMatchObject({
      code: 'ContextUnreadable',
      message: expect.stringContaining('gone'),
    });
  });
});

describe('the place of an archive', () => {
  test('directories are made, also twice; one that cannot be is told', async () => {
    const directory = join(root, 'a/b');
    await contextFiles.makeDirectory(directory);
    await contextFiles.makeDirectory(directory);
    expect(await contextFiles.isReadableFile(directory)).toBe(false);
    write('a/b/image.tar');
    expect(await contextFiles.isReadableFile(join(directory, 'image.tar'))).toBe(true);
    expect(await contextFiles.isReadableFile(join(directory, 'none.tar'))).toBe(false);
    await expect(contextFiles.makeDirectory(join(directory, 'image.tar/c'))).rejects.toMatchObject({
      code: 'DirectoryRefused',
    });
  });
});

describe('.dockerignore', () => {
  test.each([
    ['*.md', ['README.md'], ['docs/a.md', 'x.mdx']],
    ['**/*.md', ['README.md', 'docs/a.md'], ['md']],
    ['/build/', ['build', 'build/x'], ['src/build']],
    ['# comment\n\n  dist  \r\n', ['dist'], ['comment']],
    ['*\n!src', ['a', '.git'], ['src', 'src/a']],
    ['!src\n*', ['src'], []],
    ['temp?', ['tempa'], ['temp', 'tempab']],
    ['\uFEFFdist', ['dist'], []],
    // Case matters to docker, whatever the library's default.
    ['README', ['README'], ['readme']],
    // Characters that mean something to a regular expression only.
    ['a+b', ['a+b'], ['aab']],
    ['c++(x)|{y}', ['c++(x)|{y}'], ['c']],
    ['a\\+b', ['a+b'], ['aab']],
    ['[ab]c', ['ac', 'bc'], ['cc']],
  ])('%j', (text, ignored, kept) => {
    const { ignores } = ignoreRules(text);
    expect(ignored.filter((path) => !ignores(path))).toEqual([]);
    expect(kept.filter((path) => ignores(path))).toEqual([]);
  });
});
