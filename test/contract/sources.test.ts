import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { root } from '../tools/actions.ts';

/** Runs a tool of node_modules; what it complains about is the test's message. */
async function complaints(tool: string, ...args: readonly string[]): Promise<string> {
  try {
    await promisify(execFile)(process.execPath, [`node_modules/${tool}`, ...args], { cwd: root, maxBuffer: 1 << 24 });
    return '';
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return `${stdout}${stderr}` || String(error);
  }
}

test('types', async () => expect(await complaints('typescript/bin/tsc', '-p', '.')).toBe(''), 180_000);
test(
  'lint, import table included',
  async () => expect(await complaints('eslint/bin/eslint.js', '.')).toBe(''),
  180_000,
);
test(
  'format',
  async () => expect(await complaints('prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.')).toBe(''),
  180_000,
);
