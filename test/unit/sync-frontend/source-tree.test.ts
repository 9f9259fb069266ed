import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { refuseSource } from '../../../actions/sync-frontend/src/plan-source.ts';
import { publishScope, sourceScope } from '../../../actions/sync-frontend/src/scope.ts';
import { sourceTree, type Scan } from '../../../actions/sync-frontend/src/source-tree.ts';
import { multipartThreshold, partsOf } from '../../../shared/core/multipart.ts';

let scratch = '';
let root = '';
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'slipway-tree-'));
  root = join(scratch, 'site');
  await mkdir(root);
});
afterEach(() => rm(scratch, { recursive: true }));

async function place(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), path);
  }
}

const globs = { include: [], exclude: [] };
const scan = (changes: Partial<{ include: readonly string[]; exclude: readonly string[] }> = {}): Promise<Scan> =>
  sourceTree.scan(root, { scope: publishScope({ ...globs, ...changes }), links: 'follow' });
const rules = { source: 'dist', prefix: '', requireHtml: true };
const paths = (found: Scan): readonly string[] =>
  found.kind === 'found' ? found.files.map(({ path }) => path).sort() : [found.kind];

describe('what is published', () => {
  test('every file but dotfiles, and .well-known', async () => {
    const odd = 'a+b c~é%/😀.txt';
    await place(
      'index.html',
      'a/b/c.js',
      '.env',
      '.git/config',
      '.well-known/x',
      '.well-known/.y',
      'a/.well-known/z',
      odd,
    );
    expect(paths(await scan())).toEqual(['.well-known/x', odd, 'a/b/c.js', 'index.html'].sort());
  });

  test('what include and exclude say, directories too', async () => {
    await place('index.html', 'a/x.js', 'a/x.js.map', 'b/y.js', 'b/deep/z.js');
    expect(paths(await scan({ exclude: ['*.map', 'b/**'] }))).toEqual(['a/x.js', 'index.html']);
    expect(paths(await scan({ exclude: ['b'] }))).toEqual(['a/x.js', 'a/x.js.map', 'index.html']);
    expect(paths(await scan({ include: ['*.html', 'b/**'] }))).toEqual(['b/deep/z.js', 'b/y.js', 'index.html']);
  });

  test('links within the source count as what they lead to', async () => {
    await place('index.html', 'real/a.js');
    await symlink('real', join(root, 'alias'));
    await symlink('index.html', join(root, 'home.html'));
    expect(paths(await scan())).toEqual(['alias/a.js', 'home.html', 'index.html', 'real/a.js']);
  });
});

describe('what is refused', () => {
  const refusal = async (changes = {}) => {
    const found = await scan(changes);
    try {
      return refuseSource(found, rules);
    } catch (error) {
      return (error as Error).message;
    }
  };

  test('links out of the source, to nothing and round in circles; exclude is the override', async () => {
    await place('index.html');
    await writeFile(join(scratch, 'secret'), 'x');
    await mkdir(join(scratch, 'site-2'));
    await symlink('../secret', join(root, 'out'));
    await symlink('../site-2', join(root, 'neighbour'));
    await symlink('nowhere', join(root, 'broken'));
    await symlink('.', join(root, 'loop'));
    const message = await refusal();
    expect(message).toContain('out: a symbolic link out of the source, to ../secret');
    expect(message).toContain('neighbour: a symbolic link out of the source');
    expect(message).toContain('broken: a symbolic link to nothing');
    expect(message).toContain('loop: a symbolic link to a directory above itself');
    expect(await refusal({ exclude: ['out', 'neighbour', 'broken', 'loop'] })).toHaveLength(1);
  });

  test('missing, a file, empty, without a page', async () => {
    const at = (path: string) => sourceTree.scan(path, { scope: publishScope(globs), links: 'follow' });
    expect(() => refuseSource({ kind: 'missing' }, rules)).toThrow('dist does not exist');
    expect(await at(join(scratch, 'none'))).toEqual({ kind: 'missing' });
    await writeFile(join(scratch, 'file'), '');
    expect(await at(join(scratch, 'file'))).toEqual({ kind: 'no-directory' });
    expect(await refusal()).toContain('holds no file to publish');
    await place('.env');
    expect(await refusal()).toContain('holds no file to publish');
    await place('a.js');
    expect(await refusal()).toContain('none of the 1 files in dist is an HTML page');
    expect(refuseSource(await scan(), { ...rules, requireHtml: false })).toHaveLength(1);
  });

  test('names that cannot be keys, or that viewers cannot tell apart', async () => {
    await place('index.html', 'caf\u00e9.txt', 'cafe\u0301.txt', 'new\nline.txt');
    await writeFile(Buffer.from(`${root}/latin\xe9.txt`, 'latin1'), '');
    expect(await refusal()).toContain('the name is not UTF-8');
    await rm(Buffer.from(`${root}/latin\xe9.txt`, 'latin1'));
    const message = await refusal();
    expect(message).toContain('two files for one key');
    expect(message).toContain('"new\\nline.txt": control characters');
    await place(`${'long/'.repeat(210)}x.txt`);
    expect(await refusal()).toContain('longer than S3’s 1,024 bytes');
  });
});

test('sources: dotfiles and links by name, no node_modules at any depth, and who may execute', async () => {
  await place('src/a.ts', '.env', 'node_modules/x/y.js', 'pkg/node_modules/z.js', '.git/HEAD', 'run.sh');
  await chmod(join(root, 'run.sh'), 0o755);
  await symlink('/etc/hosts', join(root, 'link'));
  const found = await sourceTree.scan(root, { scope: sourceScope(globs), links: 'name' });
  expect(paths(found)).toEqual(['.env', 'run.sh', 'src/a.ts']);
  expect(found).toMatchObject({ links: [{ path: 'link', target: '/etc/hosts' }], problems: [] });
  if (found.kind === 'found') {
    expect(found.files.filter(({ executable }) => executable).map(({ path }) => path)).toEqual(['run.sh']);
  }
});

describe('hashes', () => {
  const hex = (algorithm: string, data: Uint8Array) => createHash(algorithm).update(data).digest('hex');

  test.each([0, 1, 1024 * 1024, 1024 * 1024 + 1])('of %d bytes, read whole or as a stream', async (size) => {
    const data = Buffer.alloc(size, 'slipway');
    const file = join(scratch, 'data');
    await writeFile(file, data);
    expect(await sourceTree.digests('sha256', [{ file, size }])).toEqual([hex('sha256', data)]);
    expect(await sourceTree.digests('etag', [{ file, size }])).toEqual([hex('md5', data)]);
  });

  test('of a file sent in parts: the ETag S3 makes of the parts', async () => {
    const size = multipartThreshold + 5;
    const file = join(scratch, 'big');
    await writeFile(file, '');
    await truncate(file, size);
    const parts = partsOf(size).map(({ start, end }) =>
      createHash('md5')
        .update(Buffer.alloc(end - start))
        .digest(),
    );
    expect(parts).toHaveLength(3);
    expect(await sourceTree.digests('etag', [{ file, size }])).toEqual([`${hex('md5', Buffer.concat(parts))}-3`]);
  });

  test('of more than one thread should do, each in its place', async () => {
    const files = await Promise.all(
      Array.from({ length: 500 }, async (_, index) => {
        const file = join(scratch, `${index}`);
        const text = `${index}`.repeat(index % 7);
        await writeFile(file, text);
        return { file, size: text.length, sha256: hex('sha256', Buffer.from(text)) };
      }),
    );
    // Nothing but threads may take it: it would stop everything else for a while.
    const huge = { file: join(scratch, 'huge'), size: 65 * 1024 * 1024 };
    await writeFile(huge.file, '');
    await truncate(huge.file, huge.size);
    const zeros = createHash('sha256');
    for (let at = 0; at < huge.size; at += 1024 * 1024) zeros.update(Buffer.alloc(1024 * 1024));
    const all = [...files, { ...huge, sha256: zeros.digest('hex') }];
    let hashed = 0;
    const digests = await sourceTree.digests('sha256', all, (done) => (hashed += done.files));
    expect(digests).toEqual(all.map(({ sha256 }) => sha256));
    expect(hashed).toBe(all.length);
    await rm(files[123]!.file);
    await expect(sourceTree.digests('sha256', all)).rejects.toMatchObject({
      code: 'SourceUnreadable',
      message: expect.stringMatching(/123 could not be read: .*ENOENT/),
    });
  });

  test('of no file at all', async () => {
    expect(await sourceTree.digests('sha256', [])).toEqual([]);
  });

  test('not of a file that became shorter', async () => {
    const file = join(scratch, 'data');
    await writeFile(file, 'abc');
    await expect(sourceTree.digests('sha256', [{ file, size: 4 }])).rejects.toMatchObject({ code: 'SourceUnreadable' });
  });

  test('and the content itself, of what still has its size', async () => {
    const file = join(scratch, 'data');
    const bytes = Buffer.from([0, 255, 10]);
    await writeFile(file, bytes);
    expect(await sourceTree.read(file, 3)).toEqual(bytes);
    for (const size of [2, 4]) expect(await sourceTree.read(file, size)).toBeUndefined();
    expect(await sourceTree.read(join(scratch, 'none'), 0)).toBeUndefined();
  });

  test('parts are at most 10,000, and cover every byte once', () => {
    for (const size of [multipartThreshold + 1, 5e9, 5 * 1024 ** 4]) {
      const parts = partsOf(size);
      expect(parts.length).toBeLessThanOrEqual(10_000);
      expect(parts.at(-1)!.end).toBe(size);
      expect(parts.every((part, index) => part.start === (parts[index - 1]?.end ?? 0))).toBe(true);
    }
    expect(partsOf(multipartThreshold)).toHaveLength(1);
  });
});
