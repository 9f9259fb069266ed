import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Builder } from '../../../actions/build-push-image/src/builder.ts';
import { contextFiles } from '../../../actions/build-push-image/src/context-files.ts';
import { contextRules, directoryRules } from '../../../actions/build-push-image/src/context-rules.ts';
import { listTree } from '../../../actions/build-push-image/src/context-tree.ts';
import { classicRules, ignoreRules } from '../../../actions/build-push-image/src/dockerignore.ts';
import { bytesOf, textOf } from '../../../actions/build-push-image/src/path-bytes.ts';
import { must } from '../../local/command.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-tree-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (path: string, content = path): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
};
const file = (text: string) => ({ name: '.dockerignore', content: Buffer.from(text) });
const paths = (rules = ignoreRules()) =>
  listTree(root, rules)
    .map(({ path }) => path)
    .sort();

/** Root may read everything: nobody may not. */
function asNobody<T>(work: () => T): T {
  if (process.getuid?.() !== 0) return work();
  chmodSync(root, 0o755);
  process.seteuid?.(65_534);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
}

describe('the tree of a context', () => {
  test('a directory that may not be read matters only when it is kept', () => {
    write('closed/a');
    write('b');
    chmodSync(join(root, 'closed'), 0o000);
    try {
      expect(asNobody(() => paths(ignoreRules(file('closed'))))).toEqual(['b']);
      // It is looked into, as an exception may be there.
      expect(asNobody(() => paths(ignoreRules(file('closed\n!**/a'))))).toEqual(['b']);
      expect(() => asNobody(() => paths())).toThrow(expect.objectContaining({ code: 'EACCES' }));
    } finally {
      chmodSync(join(root, 'closed'), 0o755);
    }
  });

  test('pipes and sockets are told apart; without BuildKit a socket is none', async () => {
    await must('mkfifo', ['-m', '644', join(root, 'd')]);
    const modeOf = () => listTree(root, ignoreRules()).map(({ type, mode }) => `${type} ${mode.toString(8)}`);
    expect(modeOf()).toEqual(['other 10644']);
    rmSync(join(root, 'd'));
    const bind =
      'import socket, os, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1]); os.chmod(sys.argv[1], 0o644)';
    await must('python3', ['-c', bind, join(root, 'd')]);
    expect(modeOf()).toEqual(['other 140644']);
    expect(paths(classicRules(undefined, undefined))).toEqual([]);
  });

  test('without BuildKit the directories on the way to an exception have a mode of their own', () => {
    write('a/b/c');
    chmodSync(join(root, 'a'), 0o700);
    chmodSync(join(root, 'a/b'), 0o700);
    const modes = (rules: ReturnType<typeof ignoreRules>) =>
      Object.fromEntries(listTree(root, rules).map(({ path, mode }) => [path, mode]));
    expect(modes(ignoreRules(file('a\n!a/b')))).toMatchObject({ a: 0o700, 'a/b': 0o700 });
    expect(modes(classicRules(file('a\n!a/b'), undefined))).toMatchObject({ a: 0o755, 'a/b': 0o700 });
  });

  test('names and links that are no UTF-8 are read, hashed and told apart', async () => {
    const place = (...bytes: readonly number[]) => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(bytes)]);
    const digest = async () => (await contextFiles.digestTree(root, ignoreRules())).sha256;
    const seen = new Set<string>();
    const changed = async (change: () => void) => {
      change();
      seen.add(await digest());
    };
    await changed(() => writeFileSync(place(0xff), 'x'));
    await changed(() => writeFileSync(place(0xff), 'y'));
    await changed(() => {
      rmSync(place(0xff));
      writeFileSync(place(0xfe), 'y');
    });
    await changed(() => write('\uFFFD', 'z'));
    await changed(() => mkdirSync(place(0x64, 0xff)));
    await changed(() => writeFileSync(place(0x64, 0xff, 0x2f, 0x61), ''));
    await changed(() => symlinkSync(Buffer.from([0xe9]), place(0x6c)));
    await changed(() => {
      rmSync(place(0x6c));
      symlinkSync(Buffer.from([0xea]), place(0x6c));
    });
    expect(seen.size).toBe(8);
    expect(paths(ignoreRules(file('?')))).toEqual([
      textOf(Buffer.from([0x64, 0xff])),
      textOf(Buffer.from('d\xff/a', 'latin1')),
    ]);
    expect(paths(ignoreRules(file('?\nd?')))).toEqual([]);
  });

  test('any bytes are a text, and that text those bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = textOf(Buffer.from(bytes));
        expect(Buffer.from(bytesOf(text))).toEqual(Buffer.from(bytes));
        expect(JSON.parse(JSON.stringify(text))).toBe(text);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(textOf(Buffer.from(text))).toBe(text);
        expect(bytesOf(text)).toBe(text);
      }),
    );
  });
});

describe('the ignore file of a context', () => {
  const builder = (kind: Builder['kind']): Builder => ({
    ...{ driver: 'x', version: '', platform: '', platforms: [], containerdStore: false },
    kind,
  });
  const kept = async (kind: Builder['kind'], dockerfile = 'app/Dockerfile') => {
    const context = join(root, 'app');
    const rules = await contextRules({ context, file: join(root, dockerfile) }, builder(kind), contextFiles);
    return listTree(context, rules)
      .map(({ path }) => path)
      .filter((path) => /^\w$/.test(path))
      .sort()
      .join('');
  };
  beforeEach(() => {
    for (const path of ['app/Dockerfile', 'app/a', 'app/b', 'app/c', 'common']) write(path);
  });

  test('BuildKit takes the Dockerfile’s own in the place of the context’s; docker without it does not know it', async () => {
    expect([await kept('buildx'), await kept('docker')]).toEqual(['abc', 'abc']);
    write('app/.dockerignore', 'a');
    expect([await kept('buildx'), await kept('docker')]).toEqual(['bc', 'bc']);
    write('app/Dockerfile.dockerignore', 'b');
    expect([await kept('buildx'), await kept('docker')]).toEqual(['ac', 'bc']);
    write('app/Dockerfile.dockerignore', '');
    expect([await kept('buildx'), await kept('docker')]).toEqual(['abc', 'bc']);
  });

  test('BuildKit sees nothing outside of the directory; docker without it does', async () => {
    write('common', 'a');
    symlinkSync('../common', join(root, 'app/.dockerignore'));
    expect([await kept('buildx'), await kept('docker')]).toEqual(['abc', 'bc']);
    write('app/common', 'b');
    expect([await kept('buildx'), await kept('docker')]).toEqual(['ac', 'bc']);
  });

  test.each([
    ['none', 'b'],
    ['.dockerignore', 'b'],
    ['Dockerfile/x', 'b'],
    ['.', 'b'],
    ['/sub/../sub/./ignore', ''],
    ['../../../sub/ignore', ''],
    ['link/ignore', ''],
    ['up/sub/ignore', ''],
  ])('a link to %s', async (target, expected) => {
    write('app/sub/ignore', 'b');
    symlinkSync('sub', join(root, 'app/link'));
    symlinkSync('../..', join(root, 'app/up'));
    symlinkSync(target, join(root, 'app/.dockerignore'));
    const rules = await directoryRules(join(root, 'app'), contextFiles);
    expect(listTree(join(root, 'app'), rules).some(({ path }) => path === 'b')).toBe(expected === 'b');
  });

  test('a pipe of that name is not waited for', async () => {
    await must('mkfifo', [join(root, 'app/.dockerignore')]);
    expect(await kept('buildx')).toBe('abc');
  });

  test('the file and the line that are wrong are told', async () => {
    write('app/Dockerfile.dockerignore', 'a\n[');
    await expect(kept('buildx')).rejects.toMatchObject({
      code: 'IgnoreFileInvalid',
      message: expect.stringContaining('app/Dockerfile.dockerignore, line 2: "["'),
    });
    write('app/.dockerignore', '!');
    await expect(kept('docker')).rejects.toThrow('app/.dockerignore, line 1: "!"');
  });

  test('without BuildKit a Dockerfile is known by where it really is', async () => {
    mkdirSync(join(root, 'app/d'));
    symlinkSync('app', join(root, 'linked'));
    write('app/d/Dockerfile');
    symlinkSync('app/d/Dockerfile', join(root, 'out'));
    write('app/.dockerignore', 'd');
    expect(await kept('docker', 'linked/d/Dockerfile')).toBe('abcd');
    expect(await kept('docker', 'out')).toBe('abcd');
    expect(await kept('docker', 'common')).toBe('abc');
    expect(await kept('docker', 'missing')).toBe('abc');
  });
});
