import { join, resolve } from 'node:path';

/** The suite's own checkout. */
export const repositoryRoot = resolve(import.meta.dirname, '../..');

/** Everything the local run makes lives here; git ignores it. */
export const workRoot = join(repositoryRoot, '.local');

export const paths = {
  logs: join(workRoot, 'logs'),
  venv: join(workRoot, 'venv'),
  venvBin: join(workRoot, 'venv', 'bin'),
  images: join(workRoot, 'images'),
  state: join(workRoot, 'state.json'),
  prepareLock: join(workRoot, 'prepare.lock'),
  goPrograms: join(workRoot, 'go-programs'),
  goLock: join(workRoot, 'go-programs.lock'),
  dockerd: join(workRoot, 'dockerd.json'),
  requirements: join(import.meta.dirname, 'requirements.txt'),
  launcher: join(import.meta.dirname, 'emulator', 'launcher.py'),
} as const;
