import { execFile, spawn } from 'node:child_process';
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

test('types', async () => expect(await complaints('typescript/bin/tsc', '-p', '.')).toBe(''), 400_000);
test(
  'lint, import table included',
  async () => expect(await complaints('eslint/bin/eslint.js', '.')).toBe(''),
  400_000,
);
test(
  'format',
  async () => expect(await complaints('prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.')).toBe(''),
  400_000,
);

/** What lint says of `code` if it stood in that file. */
function lintAs(file: string, code: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['node_modules/eslint/bin/eslint.js', '--stdin', '--stdin-filename', file], {
      cwd: root,
    });
    let said = '';
    child.stdout.on('data', (data: Buffer) => (said += data.toString()));
    child.on('error', reject).on('close', () => resolve(said));
    child.stdin.end(code);
  });
}

test('the import table forbids what it says, file by file', async () => {
  const plan = await lintAs(
    'actions/deploy-ecs/src/plan.ts',
    [
      `import { readFileSync } from 'fs';`,
      `import { planImage } from '../../build-push-image/src/plan.ts';`,
      `import { apply } from './apply.ts';`,
      `import { ecsServices } from '../../../shared/aws/ecs.ts';`,
      `import { ECSClient } from '@aws-sdk/client-ecs';`,
      `import * as core from '@actions/core';`,
      `export const all = [readFileSync, planImage, apply, ecsServices, ECSClient, core, globalThis.process, Date.now()];`,
      `export const lazily = await import('node:fs');`,
    ].join('\n'),
  );
  for (const message of [
    'pure code reads no outside world',
    'actions never import each other',
    'plan and report decide and describe',
    'types only',
    'only shared/aws talks to the AWS SDK',
    'only shared/action talks to the runner',
    "Unexpected use of 'globalThis'",
    'time is a parameter',
    'import statically',
  ]) {
    expect(plan).toContain(message);
  }
  const apply = await lintAs('actions/deploy-ecs/src/apply.ts', `export * from '../../../shared/aws/ecs.ts';`);
  expect(apply).toContain('know more of the outside than its types');
  const core = await lintAs(
    'shared/core/arn.ts',
    `export * from '../aws/ecs.ts';\nexport * from '../../actions/deploy-ecs/src/plan.ts';`,
  );
  expect(core).toContain('types only');
  expect(core).toContain('shared never imports an action');
}, 400_000);
