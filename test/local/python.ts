import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { must, run } from './command.ts';
import { paths } from './paths.ts';
import { step, type Log } from './progress.ts';

export interface PythonEnvironment {
  readonly venv: string;
  /** Every version pinned, dependencies included. */
  readonly requirements: string;
  /** Leave it to Python to compile what it loads: quicker where most of what is installed is never loaded. */
  readonly compileLater?: boolean;
  readonly what: string;
}

/** A Python environment with the emulator and act. */
export function preparePython(log: Log): Promise<void> {
  return prepareEnvironment(
    { venv: paths.venv, requirements: paths.requirements, what: 'the AWS emulator (ministack) and act' },
    log,
  );
}

/** A Python environment, made once for each list of requirements. */
export async function prepareEnvironment(environment: PythonEnvironment, log: Log): Promise<void> {
  const { venv, requirements, what, compileLater = false } = environment;
  const stamp = join(venv, '.slipway-stamp');
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  mkdirSync(dirname(venv), { recursive: true });
  const python = await findPython();
  await step(log, `Python environment in ${venv.slice(dirname(dirname(venv)).length + 1)}: ${what}`, async () => {
    rmSync(stamp, { force: true });
    const pip = join(venv, 'bin', 'pip');
    if (!existsSync(pip)) {
      rmSync(venv, { recursive: true, force: true });
      await must(python, ['-m', 'venv', venv]);
    }
    const options = ['--quiet', '--disable-pip-version-check', '--no-deps', ...(compileLater ? ['--no-compile'] : [])];
    await must(pip, ['install', ...options, '-r', requirements]);
    writeFileSync(stamp, wanted);
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
