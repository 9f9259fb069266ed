import { join } from 'node:path';
import { messageOf } from '../../shared/core/errors.ts';
import { alive, must, run } from '../local/command.ts';
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

/**
 * A docker daemon of one's own, whose containers reach nothing: for builds that need no network. Not the machine's, which others use. It
 * has a bridge of its own, as a daemon without any removes `docker0`, whoever's that is.
 */
export async function startDockerd(): Promise<Daemon & { readonly env: NodeJS.ProcessEnv }> {
  const bridge = await addBridge();
  const environment = (address: string) => ({ ...process.env, DOCKER_HOST: address, DOCKER_BUILDKIT: '0' });
  const removeBridge = async () => {
    await run('ip', ['link', 'delete', bridge]);
  };
  const started = startDaemon({
    name: 'dockerd',
    command: (directory, address) => [
      ...['dockerd', '--host', address, '--pidfile', join(directory, 'pid')],
      ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')],
      ...['--bridge', bridge, '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'],
    ],
    answers: async (address) => (await run('docker', ['version'], { env: environment(address) })).code === 0,
  });
  const daemon = await started.catch(async (error: unknown) => {
    await removeBridge();
    throw error;
  });
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await removeBridge();
  };
  return { ...daemon, stop, env: environment(daemon.address) };
}

/** What a daemon that was cut off left behind is taken away first. */
async function addBridge(): Promise<string> {
  const { stdout } = await run('ip', ['-oneline', 'link', 'show', 'type', 'bridge']);
  for (const [, name = '', pid = ''] of stdout.matchAll(/ (slw(\d+)-\d+)[:@]/g)) {
    if (!alive(Number(pid))) await run('ip', ['link', 'delete', name]);
  }
  for (let nth = 0; ; nth += 1) {
    const name = `slw${process.pid}-${nth}`;
    const { code, stderr } = await run('ip', ['link', 'add', name, 'type', 'bridge']);
    if (code !== 0 && /File exists/.test(stderr)) continue;
    if (code !== 0) throw new Error(`ip link add: ${stderr.trim()}`);
    // From the range that is kept for such benches (RFC 2544).
    const place = (process.pid * 7 + nth) % 256;
    await must('ip', ['address', 'add', `198.18.${place}.1/24`, 'dev', name]);
    await must('ip', ['link', 'set', name, 'up']);
    return name;
  }
}
