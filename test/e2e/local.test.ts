import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { root } from '../tools/actions.ts';

/** `npm run local` as its users run it; what it prints goes to the log, so that a long run is never a silent one. */
const local = join(root, 'test/local/main.ts');

interface Run {
  readonly code: number | null;
  readonly said: string;
}

/** `interruptAt`: sends Ctrl-C as a terminal does when the output first matches. */
async function run(words: readonly string[], interruptAt?: RegExp): Promise<Run> {
  const child = spawn(process.execPath, [local, ...words], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let interrupted = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      said += data.toString();
      process.stdout.write(data);
      if (interruptAt?.test(said) === true && !interrupted) {
        interrupted = true;
        child.kill('SIGINT');
      }
    });
  }
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, said };
}

interface Record {
  readonly held: boolean;
  readonly checks: readonly { readonly held: boolean; readonly what: string }[];
  readonly [row: string]: unknown;
}
const lastRun = (): Record => JSON.parse(readFileSync(join(root, '.local/last-run.json'), 'utf8')) as Record;

/** What a run of this checkout left in Docker. */
async function leftovers(): Promise<string> {
  const filter = ['--filter', `label=slipway.local.root=${join(root, '.local')}`];
  const list = async (...words: readonly string[]): Promise<string> =>
    (await promisify(execFile)('docker', [...words, ...filter, '--quiet'])).stdout.trim();
  return `${await list('ps', '-a')}${await list('network', 'ls')}${await list('volume', 'ls')}`;
}

const daemonAnswers = (): Promise<boolean> =>
  promisify(execFile)('docker', ['version']).then(
    () => true,
    () => false,
  );

beforeAll(() => run(['--down']), 120_000);
afterAll(() => run(['--down']), 120_000);

describe('npm run local', () => {
  test('the whole pipeline holds, from nothing to fetched pages', async () => {
    const { code, said } = await run(['--keep']);
    const { held, checks, deployment, image, tasks, site } = lastRun();
    expect(checks.filter((check) => !check.held)).toEqual([]);
    expect({ code, held, deployment, tasks }).toEqual({
      code: 0,
      held: true,
      deployment: 'succeeded',
      tasks: '2 of 2 running',
    });
    expect(image).toMatch(/^sha256:[0-9a-f]{64} \((built|reused)\)$/);
    expect(site).toMatch(/^files: \d+ uploaded, 0 deleted, 0 unchanged$/);
    expect(checks.length).toBeGreaterThanOrEqual(10);
    expect(said).not.toMatch(/ASIA|SecretAccessKey|postgresql\+asyncpg:\/\/\w+:[^*]/);
  }, 900_000);

  test('on what was kept, with nothing changed, it provisions, builds, uploads, deploys and invalidates nothing', async () => {
    const before = lastRun();
    const { code } = await run([]);
    const { held, infrastructure, image, deployment, site, invalidated } = lastRun();
    expect({ code, held, infrastructure, deployment, site, invalidated }).toEqual({
      code: 0,
      held: true,
      infrastructure: 'unchanged',
      deployment: 'unchanged',
      site: 'unchanged: this very source is published',
      invalidated: 'nothing',
    });
    expect(image).toBe(String(before['image']).replace('(built)', '(reused)'));
  }, 300_000);

  test('--down leaves nothing behind', async () => {
    expect((await run(['--down'])).code).toBe(0);
    expect((await daemonAnswers()) ? await leftovers() : '').toBe('');
  }, 120_000);

  test('Ctrl-C in the middle of a deployment stops everything', async () => {
    const { code } = await run([], /act runs deploy\.yml/);
    expect(code).toBe(130);
    expect((await daemonAnswers()) ? await leftovers() : '').toBe('');
  }, 300_000);

  test('words it does not know are refused before anything starts', async () => {
    const { code, said } = await run(['--kep']);
    expect(code).toBe(2);
    expect(said).toContain('Unknown: --kep');
  });
});
