/**
 * `npm run build` deletes and rebuilds every action's `dist/`. With `--check` it builds elsewhere and fails on any
 * difference from what is committed, on a stray chunk (one that `index.js` cannot reach), and on a bundle whose size
 * is above the limit.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { minify } from '@swc/core';
import { actionNames, root } from './actions.ts';

const run = promisify(execFile);
const limitBytes = 1_300_000;

type Files = ReadonlyMap<string, Buffer>;

async function bundle(action: string, output: string): Promise<void> {
  await rm(output, { recursive: true, force: true });
  await pack(join('actions', action, 'src/index.ts'), output);
  // A thread starts from a file of its own.
  for (const worker of new Set([...(await readFiles(output)).values()].flatMap((text) => workersIn(text.toString())))) {
    const aside = `${output}-worker`;
    await pack(join('shared/action', worker.replace(/js$/, 'ts')), aside);
    await copyFile(join(aside, 'index.js'), join(output, worker));
    await rm(aside, { recursive: true });
  }
  // ncc minifies index.js only, not the chunks that it loads lazily.
  for (const name of (await readdir(output)).filter((file) => /^\d+\.index\.js$/.test(file))) {
    const { code } = await minify(await readFile(join(output, name), 'utf8'), {
      module: true,
      compress: true,
      mangle: true,
    });
    await writeFile(join(output, name), code);
  }
}

async function pack(source: string, output: string): Promise<void> {
  const ncc = join(root, 'node_modules/@vercel/ncc/dist/ncc/cli.js');
  const options = ['--minify', '--transpile-only', '--no-cache', '--quiet'];
  await run(process.execPath, [ncc, 'build', source, '-o', output, ...options], { cwd: root });
}

async function readFiles(directory: string): Promise<Files> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(files.map(async (file) => [file.slice(directory.length + 1), await readFile(file)] as const)),
  );
}

/** Chunks are loaded as `x.e(123)`, threads by their file's name; what a reachable file names is reachable. */
export function strayFiles(files: ReadonlyMap<string, string>): readonly string[] {
  const reachable = new Set(['package.json']);
  const queue = ['index.js'];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const text = files.get(name);
    if (text === undefined || reachable.has(name)) continue;
    reachable.add(name);
    for (const [, chunk] of text.matchAll(/\.e\((\d+)\)/g)) queue.push(`${chunk ?? ''}.index.js`);
    queue.push(...workersIn(text));
  }
  return [...files.keys()].filter((name) => !reachable.has(name));
}

function workersIn(text: string): readonly string[] {
  return [...text.matchAll(/["'`]\.\/([\w-]+-worker\.js)["'`]/g)].map(([, worker = '']) => worker);
}

function judge(action: string, built: Files, committed: Files | undefined): readonly string[] {
  const faults: string[] = [];
  if (!built.has('index.js')) faults.push(`${action}: no index.js was built`);
  const texts = new Map([...built].map(([name, bytes]) => [name, bytes.toString()]));
  for (const name of strayFiles(texts)) faults.push(`${action}: dist/${name} is stray: index.js cannot reach it`);
  if (committed !== undefined) {
    for (const name of new Set([...built.keys(), ...committed.keys()])) {
      const [fresh, old] = [built.get(name), committed.get(name)];
      if (fresh === undefined) faults.push(`${action}: dist/${name} is committed, but no build makes it`);
      else if (old === undefined) faults.push(`${action}: dist/${name} is missing`);
      else if (!fresh.equals(old)) faults.push(`${action}: dist/${name} differs from its source`);
    }
  }
  const bytes = [...built.values()].reduce((sum, file) => sum + file.length, 0);
  if (bytes > limitBytes) faults.push(`${action}: ${bytes} bytes are more than ${limitBytes}`);
  console.log(`${action.padEnd(18)} ${(bytes / 1e6).toFixed(2)} MB in ${built.size} files`);
  return faults;
}

async function main(check: boolean): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'slipway-build-'));
  const faults: string[] = [];
  const queue = [...actionNames];
  const worker = async (): Promise<void> => {
    for (let action = queue.shift(); action !== undefined; action = queue.shift()) {
      const dist = join(root, 'actions', action, 'dist');
      const output = check ? join(scratch, action) : dist;
      await bundle(action, output);
      faults.push(...judge(action, await readFiles(output), check ? await readFiles(dist) : undefined));
    }
  };
  try {
    await Promise.all([worker(), worker()]);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  for (const fault of faults) console.error(`✗ ${fault}`);
  if (faults.length > 0) {
    if (check) console.error('→ run "npm run build" and commit actions/*/dist with its source');
    process.exitCode = 1;
  }
}

if (process.argv[1] === import.meta.filename) await main(process.argv.includes('--check'));
