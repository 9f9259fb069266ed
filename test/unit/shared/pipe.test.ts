import { expect, test } from '@jest/globals';
import { pipeCommand } from '../../../shared/action/pipe.ts';

const node = (code: string) => ['-e', code];
const text = async (output: AsyncIterable<Uint8Array>): Promise<string> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of output) pieces.push(piece);
  return Buffer.concat(pieces).toString('latin1');
};
const first = async (output: AsyncIterable<Uint8Array>): Promise<number> => {
  for await (const piece of output) return piece[0] ?? -1;
  return -1;
};
const slow = 60_000;

test('bytes come as they are, with input, environment, exit code and what else was said', async () => {
  const code = `process.stdin.pipe(process.stdout); process.stdin.on('end', () => { console.error(process.env.GIVEN); process.exitCode = 3; })`;
  const options = { stdin: 'ÿ\0x', env: { GIVEN: 'yes' }, timeoutMs: slow, read: text };
  expect(await pipeCommand(process.execPath, node(code), options)).toEqual({
    value: Buffer.from('ÿ\0x').toString('latin1'),
    exitCode: 3,
    stderr: 'yes\n',
  });
});

test('a reader that has enough ends the program', async () => {
  const code = `process.stdout.on('error', () => undefined); setInterval(() => process.stdout.write(Buffer.alloc(1 << 16, 7)), 1)`;
  const { value, exitCode } = await pipeCommand(process.execPath, node(code), { timeoutMs: slow, read: first });
  expect([value, exitCode]).toEqual([7, undefined]);
});

test.each([
  ['says nothing', 'setInterval(() => undefined, 1000)'],
  ['never stops', `setInterval(() => process.stdout.write('x'), 10)`],
  ['has closed its output', `require('fs').closeSync(1); setInterval(() => undefined, 1000)`],
])('a program that %s is ended in time', async (name, code) => {
  const started = performance.now();
  const piped = pipeCommand(process.execPath, node(code), { timeoutMs: 700, read: text });
  if (name.startsWith('has closed')) expect((await piped).exitCode).toBe(1);
  else await expect(piped).rejects.toThrow(/took longer than 1 s/);
  expect(performance.now() - started).toBeLessThan(30_000);
});

test('a reader that fails ends the program and is heard', async () => {
  const read = async (output: AsyncIterable<Uint8Array>): Promise<never> => {
    await first(output);
    throw new Error('no tar archive');
  };
  const code = `setInterval(() => process.stdout.write('x'), 10)`;
  await expect(pipeCommand(process.execPath, node(code), { timeoutMs: slow, read })).rejects.toThrow('no tar archive');
});

test('a program that is not there is an error', async () => {
  await expect(pipeCommand('/no/such/program', [], { timeoutMs: slow, read: text })).rejects.toThrow();
});
