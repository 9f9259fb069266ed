import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gone, run, sleep } from '../local/command.ts';

export interface DaemonOptions {
  readonly name: string;
  /** The command line, given a directory of its own and the address to listen at. */
  readonly command: (directory: string, address: string) => readonly string[];
  readonly answers: (address: string) => Promise<boolean>;
  /** Below which its directory is made; otherwise the system's place for temporary files. */
  readonly within?: string;
}

/** A place in memory, where there is one with room: writing it to disk is what takes most of a small build's time. */
export function quickPlace(): string {
  const memory = '/dev/shm';
  try {
    const { bavail, bsize } = statfsSync(memory);
    if (bavail * bsize > 1024 ** 3) return memory;
  } catch {
    // There is none.
  }
  return tmpdir();
}

export interface Daemon {
  /** `unix://…` */
  readonly address: string;
  /** All that it has said. */
  readonly log: () => string;
  /** Ends it and removes all that it kept. */
  readonly stop: () => Promise<void>;
}

/** Starts a server that listens on a socket and keeps all it has in one temporary directory; returns when it answers. */
export async function startDaemon({ name, command, answers, within = tmpdir() }: DaemonOptions): Promise<Daemon> {
  // A socket's path has 107 characters at most.
  const directory = mkdtempSync(join(within, `slipway-${name}-`));
  const socket = join(directory, 's');
  const address = `unix://${socket}`;
  const logFile = join(directory, 'log');
  const log = (): string => readFileSync(logFile, 'utf8');
  const output = openSync(logFile, 'a');
  // It ends with the process that started it, however that ends.
  const args = ['--pdeathsig', 'TERM', ...command(directory, address)];
  const child = spawn('setpriv', args, { stdio: ['ignore', output, output] });
  closeSync(output);
  // A test that forgets to stop it does not keep the run from ending.
  child.unref();
  let ended = false;
  const end = () => {
    ended = true;
  };
  child.on('error', end).on('exit', end);
  const stop = async () => {
    if (child.pid !== undefined && !ended) {
      child.kill('SIGTERM');
      if (!(await gone(child.pid, 10_000))) child.kill('SIGKILL');
    }
    for (const mount of mountsIn(directory)) await run('umount', [mount]);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  const deadline = Date.now() + 30_000;
  while (!existsSync(socket) || !(await answers(address))) {
    if (ended || Date.now() > deadline) {
      const words = log().trim().split('\n').slice(-8).join('\n');
      await stop();
      throw new Error(`${name} did not come up. Its last words:\n${words}`);
    }
    await sleep(50);
  }
  return { address, log, stop };
}

/** What a daemon that ended left mounted, the innermost first. */
function mountsIn(directory: string): readonly string[] {
  const places = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  return places.filter((place) => place.startsWith(`${directory}/`)).reverse();
}
