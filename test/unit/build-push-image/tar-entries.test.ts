import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { tarEntries } from '../../../actions/build-push-image/src/tar-entries.ts';
import { inPieces, script, tarOf, x86 } from './image-kit.ts';

const list = async (bytes: Uint8Array, size?: number) => {
  const found: [string, string, number, string][] = [];
  for await (const { name, kind, mode, head } of tarEntries(inPieces(bytes, size), 8)) {
    found.push([name, kind, mode, Buffer.from(head).toString()]);
  }
  return found;
};

test.each([1, 7, 512, 513, 1 << 20])(
  'entries come with how they begin, whatever the pieces of the stream (%d)',
  async (size) => {
    const bytes = tarOf(
      { name: 'dir/', type: '5' },
      { name: 'dir/long', content: script('0123456789'.repeat(200)), mode: 0o644 },
      { name: 'dir/empty' },
      { name: 'link', type: '2' },
      { name: 'short', content: script('abc') },
    );
    expect(await list(bytes, size)).toEqual([
      ['dir/', 'other', 0o755, ''],
      ['dir/long', 'file', 0o644, '01234567'],
      ['dir/empty', 'file', 0o755, ''],
      ['link', 'other', 0o755, ''],
      ['short', 'file', 0o755, 'abc'],
    ]);
  },
);

test.each(['gnu', 'pax', 'ustar'])(
  'what tar itself writes in its format %s, with a long name and times in fractions',
  async (format) => {
    const directory = mkdtempSync(join(tmpdir(), 'slipway-tar-'));
    try {
      // ustar keeps a long name in two fields.
      const long = `${'d'.repeat(90)}/${'n'.repeat(80)}`;
      mkdirSync(join(directory, 'd'.repeat(90)));
      writeFileSync(join(directory, long), 'behind a long name', { mode: 0o755 });
      writeFileSync(join(directory, 'z'), x86);
      symlinkSync('z', join(directory, 'y'));
      const bytes = execFileSync('tar', ['--format', format, '--sort=name', '-cf', '-', '-C', directory, '.']);
      const found = await list(bytes);
      expect(found.map(([name, kind]) => [name.replace(/^\.\//, ''), kind])).toEqual([
        ['', 'other'],
        [`${'d'.repeat(90)}/`, 'other'],
        [long, 'file'],
        ['y', 'other'],
        ['z', 'file'],
      ]);
      expect(found[2]?.[3]).toBe('behind a');
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

test('GNU tar keeps times where others keep the beginning of a name', async () => {
  const bytes = tarOf({ name: 'a' });
  bytes.write('ustar  \0', 257);
  bytes.write('14717463020', 345);
  expect((await list(bytes))[0]?.[0]).toBe('a');
});

test('whoever has enough closes the stream, and the rest is never read', async () => {
  const bytes = tarOf({ name: 'big', content: new Uint8Array(100_000) }, { name: 'next' });
  let read = 0;
  let closed = false;
  async function* counting() {
    for await (const piece of inPieces(bytes, 512, () => (closed = true))) {
      read += piece.length;
      yield piece;
    }
  }
  for await (const { name } of tarEntries(counting(), 100)) {
    expect(name).toBe('big');
    break;
  }
  expect(closed).toBe(true);
  expect(read).toBeLessThan(2_000);
});

test('the end is read to its own, so that the writer is not cut off', async () => {
  let through = false;
  async function* stream() {
    yield* inPieces(tarOf({ name: 'a' }), 100);
    for (let block = 0; block < 20; block += 1) yield new Uint8Array(512);
    through = true;
  }
  for await (const { name } of tarEntries(stream(), 8)) expect(name).toBe('a');
  expect(through).toBe(true);
});

test.each([
  ['nothing at all', new Uint8Array(), []],
  ['a stream without its end', tarOf({ name: 'a' }), [['a', 'file', 0o755, '']]],
])('%s', async (_, bytes, expected) => expect(await list(bytes)).toEqual(expected));

test.each([
  ['text', script('this is no archive'.repeat(100))],
  ['a header cut off', tarOf({ name: 'a' }).subarray(0, 300)],
])('%s is an error, not an empty archive', async (_, bytes) => expect(list(bytes)).rejects.toThrow(/tar archive/));
