import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, run } from './command.ts';
import { paths, workRoot } from './paths.ts';
import { step, type Log } from './progress.ts';

/** A Python environment with the emulator and act, made once for each list of requirements. */
export async function preparePython(log: Log): Promise<void> {
  const wanted = createHash('sha256').update(readFileSync(paths.requirements)).digest('hex');
  if (existsSync(paths.venvStamp) && readFileSync(paths.venvStamp, 'utf8') === wanted) return;
  mkdirSync(workRoot, { recursive: true });
  const python = await findPython();
  await step(log, 'Python environment in .local/venv: the AWS emulator (ministack) and act', async () => {
    rmSync(paths.venvStamp, { force: true });
    if (!existsSync(join(paths.venvBin, 'pip'))) {
      rmSync(paths.venv, { recursive: true, force: true });
      await must(python, ['-m', 'venv', paths.venv]);
    }
    const pip = join(paths.venvBin, 'pip');
    await must(pip, ['install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', paths.requirements]);
    writeFileSync(paths.venvStamp, wanted);
  });
}

async function findPython(): Promise<string> {
  for (const candidate of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10']) {
    const test = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))';
    if ((await run(candidate, ['-c', test])).code === 0) return candidate;
  }
  throw new Error(
    'Python 3.10 or newer with its venv module is needed (Debian, Ubuntu: apt-get install python3-venv).',
  );
}
