import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { root } from '../tools/actions.ts';
import { strayFiles } from '../tools/build.ts';

const check = async (script: string): Promise<{ code: number; said: string }> => {
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [join(root, 'test/tools', script), '--check'],
      { cwd: root },
    );
    return { code: 0, said: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, said: stdout + stderr };
  }
};

test('every dist/ is what its source builds, without stray chunks, within the size limit', async () => {
  const { code, said } = await check('build.ts');
  expect(said.replace(/^[a-z-]+ +[\d.]+ MB.*\n/gm, '')).toBe('');
  expect(code).toBe(0);
}, 180_000);

test('action-docs.md and the README tables agree with the action.yml files', async () => {
  expect(await check('docs.ts')).toEqual({ code: 0, said: '' });
});

test('a chunk is stray when nothing reachable loads it', () => {
  const files = new Map([
    ['index.js', 'x.e(1).then(y)'],
    ['1.index.js', 'z.e(22)'],
    ['22.index.js', 'new Worker(new URL("./some-worker.js", base))'],
    ['some-worker.js', ''],
    ['3.index.js', 'q.e(1)'],
    ['other-worker.js', ''],
    ['package.json', '{}'],
  ]);
  expect(strayFiles(files)).toEqual(['3.index.js', 'other-worker.js']);
});
