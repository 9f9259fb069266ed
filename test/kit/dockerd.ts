import { join } from 'node:path';
import { messageOf } from '../../shared/core/errors.ts';
import { run } from '../local/command.ts';
import { installDocker } from '../local/docker.ts';
import type { Skipped } from '../local/go-programs.ts';
import { locked } from '../local/lock.ts';
import { paths } from '../local/paths.ts';
import { say } from '../local/progress.ts';
import { startDaemon, type Daemon } from './daemon.ts';

/** Is there a docker whose daemon a test may start for itself? If not, why. */
export async function dockerPrograms(): Promise<Skipped | { readonly docker: 'docker' }> {
  if (process.platform !== 'linux') return { skipped: 'dockerd runs on Linux only' };
  if (process.getuid?.() !== 0) return { skipped: 'dockerd needs root' };
  try {
    await locked(paths.prepareLock, () => installDocker(say));
  } catch (error) {
    return { skipped: messageOf(error) };
  }
  return { docker: 'docker' };
}

/** A docker daemon of one's own, without a network: for builds that need none. Not the machine's, which others use. */
export async function startDockerd(): Promise<Daemon & { readonly env: NodeJS.ProcessEnv }> {
  const environment = (address: string) => ({ ...process.env, DOCKER_HOST: address, DOCKER_BUILDKIT: '0' });
  const daemon = await startDaemon({
    name: 'dockerd',
    command: (directory, address) => [
      ...['dockerd', '--host', address, '--pidfile', join(directory, 'pid')],
      ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')],
      ...['--bridge', 'none', '--iptables=false', '--ip6tables=false'],
    ],
    answers: async (address) => (await run('docker', ['version'], { env: environment(address) })).code === 0,
  });
  return { ...daemon, env: environment(daemon.address) };
}
