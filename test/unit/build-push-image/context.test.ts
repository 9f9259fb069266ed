import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { contextFiles } from '../../../actions/build-push-image/src/context-files.ts';
import type { Builder } from '../../../actions/build-push-image/src/builder.ts';
import { ignoreRules } from '../../../actions/build-push-image/src/dockerignore.ts';
import { observeSource } from '../../../actions/build-push-image/src/observe-source.ts';
import { pieceBytes, piecesOf, treeDigest, type Entry } from '../../../actions/build-push-image/src/tree-digest.ts';
import { buildx, inputs } from './kit.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-context-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (path: string, content: string | Uint8Array = path): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
};
const replaceByDirectory = (path: string): void => {
  rmSync(join(root, path));
  mkdirSync(join(root, path));
};
const digest = async (ignore = '') =>
  contextFiles.digestTree(root, ignoreRules({ name: '.dockerignore', content: Buffer.from(ignore) }));

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

  test.each([1, 2 * pieceBytes, 3 * pieceBytes - 1])('a large file counts to its last byte, %d', async (size) => {
    const content = new Uint8Array(size).fill(7);
    write('big', content);
    const { sha256 } = await digest();
    for (const at of [0, size >> 1, size - 1]) {
      content[at] = 8;
      write('big', content);
      expect((await digest()).sha256).not.toBe(sha256);
      content[at] = 7;
    }
    write('big', content);
    expect(await digest()).toMatchObject({ sha256, bytes: size });
  });

  test('it is a hash of hashes, whoever works them out: this thread or, when it is much, several', async () => {
    const of = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
    const zeros = of(new Uint8Array(pieceBytes));
    write('a', 'x');
    write('d/empty', '');
    symlinkSync('../a', join(root, 'd/link'));
    for (const path of ['a', 'd/empty']) chmodSync(join(root, path), 0o644);
    chmodSync(join(root, 'd'), 0o755);
    for (const pieces of [2, 100]) {
      write('big', '');
      chmodSync(join(root, 'big'), 0o600);
      truncateSync(join(root, 'big'), pieces * pieceBytes + 1);
      const lines = [
        ['a', 'file', 0o644, [of('x')]],
        ['big', 'file', 0o600, [...Array.from({ length: pieces }, () => zeros), of('\0')]],
        ['d', 'directory', 0o755, null],
        ['d/empty', 'file', 0o644, [of('')]],
        ['d/link', 'link', 0o777, '../a'],
      ];
      expect(await digest()).toEqual({
        sha256: of(lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
        files: 3,
        bytes: pieces * pieceBytes + 2,
      });
    }
  });

  // The files are listed when the call returns its promise, and read after.
  test.each([
    ['longer', /changing: it became longer while it was read/, () => appendFileSync(join(root, 'changing'), 'x')],
    ['shorter', /changing: it became shorter while it was read/, () => truncateSync(join(root, 'changing'), 1)],
    ['gone', /ENOENT.*changing/, () => rmSync(join(root, 'changing'))],
    ['a directory', /EISDIR|changing/, () => replaceByDirectory('changing')],
  ])('a file that is %s when it is read is named', async (_, message, change) => {
    for (const size of [3, 100 * pieceBytes]) {
      rmSync(join(root, 'changing'), { recursive: true, force: true });
      write('a');
      write('changing', '');
      truncateSync(join(root, 'changing'), size);
      const digested = digest();
      change();
      await expect(digested).rejects.toMatchObject({
        code: 'ContextUnreadable',
        message: expect.stringMatching(message),
        hint: expect.stringContaining('nothing may write to it'),
      });
    }
  });

  test('what cannot be read is named', async () => {
    await expect(contextFiles.digestTree(join(root, 'gone'), ignoreRules())).rejects.toMatchObject({
      code: 'ContextUnreadable',
      message: expect.stringContaining('gone'),
    });
  });
});

test('the pieces of a file are all of it, each byte once', () => {
  fc.assert(
    fc.property(fc.nat({ max: 5 * pieceBytes }), (size) => {
      const pieces = piecesOf(size);
      let at = 0;
      for (const [index, piece] of pieces.entries()) {
        expect(piece.start).toBe(at);
        expect(piece.size).toBeLessThanOrEqual(pieceBytes);
        expect(piece.toEnd).toBe(index === pieces.length - 1);
        at += piece.size;
      }
      expect(at).toBe(size);
    }),
    { examples: [[0], [1], [pieceBytes], [pieceBytes + 1]] },
  );
});

test('in whatever order a directory is listed, its digest is the same', () => {
  const paths = fc.uniqueArray(fc.constantFrom('a', 'a/b', 'a.b', 'a-', 'é', 'Z', '\u{1F600}', '\uFF01'));
  const orders = paths.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );
  fc.assert(
    fc.property(orders, ([one, other]) => {
      const of = (list: readonly string[]) =>
        treeDigest(
          list.map((path): Entry => ({ path, type: 'file', mode: 0o644, size: 1 })),
          new Map(list.map((path) => [path, [path]])),
        );
      expect(of(other)).toEqual(of(one));
    }),
  );
});

describe('secret files that are sent with the context', () => {
  const exposed = async (
    secretFiles: Readonly<Record<string, string>>,
    { kind = 'buildx', named = '' }: { readonly kind?: Builder['kind']; readonly named?: string } = {},
  ) => {
    const context = join(root, 'app');
    const given = Object.entries(secretFiles).map(([id, path]) => `${id}=${join(root, path)}`);
    const values = { context, file: join(context, 'Dockerfile'), 'secret-files': given.join('\n') };
    const asked = inputs({ ...values, 'build-contexts': named === '' ? '' : `other=${join(root, named)}` });
    const none = () => Promise.reject(new Error('not asked'));
    const ports = { files: contextFiles, docker: none, manifests: { digest: none } };
    const source = await observeSource(asked, { ...buildx, kind }, ports);
    return source.exposed.map((line) => line.replaceAll(`${root}/`, ''));
  };
  beforeEach(() => {
    write('app/Dockerfile', 'FROM scratch\n');
    for (const path of ['.npmrc', 'private/key.pem', 'private/public/cert.pem']) write(`app/${path}`);
    for (const path of ['outside.txt', 'web/key.pem', 'web/hidden.pem']) write(path);
    symlinkSync('../outside.txt', join(root, 'app/link.txt'));
    symlinkSync('app/.npmrc', join(root, 'way-in.txt'));
    write('app/.dockerignore', 'private\n!private/public\n');
    write('web/.dockerignore', 'hidden.pem\n');
  });

  test.each(['buildx', 'docker'] as const)('by their real place, as the ignore file has it: %s', async (kind) => {
    const hidden = { b: 'outside.txt', c: 'app/private/key.pem' };
    expect(await exposed({ a: 'app/.npmrc', ...hidden }, { kind })).toEqual(['a=app/.npmrc in app']);
    expect(await exposed({ a: 'app/link.txt', b: 'way-in.txt', c: 'app/private/public/cert.pem' }, { kind })).toEqual([
      'b=way-in.txt in app',
      'c=app/private/public/cert.pem in app',
    ]);
    expect(await exposed({}, { kind })).toEqual([]);
  });

  test('of a named context, by its own ignore file', async () => {
    const files = { a: 'web/key.pem', b: 'web/hidden.pem' };
    expect(await exposed(files)).toEqual([]);
    expect(await exposed(files, { named: 'web' })).toEqual(['a=web/key.pem in web']);
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
