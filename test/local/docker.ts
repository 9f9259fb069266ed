import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alive, gone, must, run, sleep, succeeds } from './command.ts';
import { paths, workRoot } from './paths.ts';
import { step, type Log } from './progress.ts';

export interface DockerDaemon {
  /** What is to be said about a daemon that is not ours. */
  readonly remark: string;
}

const daemonAnswers = () => succeeds('docker', ['version', '--format', '{{.Server.Version}}']);

/** A Docker daemon: the one that runs, or one installed and started here. */
export async function prepareDocker(log: Log): Promise<DockerDaemon> {
  if (process.platform !== 'linux') {
    throw new Error(
      'The local run needs Linux: the emulated AWS reaches its containers at their own addresses, which Docker Desktop ' +
        'keeps inside its virtual machine. Run it in a Linux machine, a dev container or a CI runner.',
    );
  }
  if (await daemonAnswers()) {
    const remark =
      'The Docker daemon was running already and stays. The local run publishes nothing on it beyond 127.0.0.1.';
    return { remark: ownDaemon() === undefined ? remark : '' };
  }
  await installDocker(log);
  // Where a service manager runs, it may just have started the daemon.
  for (let wait = 0; wait < 10 && existsSync('/run/systemd/system'); wait += 1) {
    if (await daemonAnswers()) return { remark: '' };
    await sleep(500);
  }
  const name = 'Docker: starting dockerd, which publishes on 127.0.0.1 only (log in .local/logs/dockerd.log)';
  await step(log, name, startDaemon);
  return { remark: '' };
}

/** docker, dockerd and runc: those that are there, or the distribution's. */
export async function installDocker(log: Log): Promise<void> {
  if (await succeeds('sh', ['-c', 'command -v dockerd && command -v docker && command -v runc'])) return;
  await requireInstallable();
  await step(log, 'Docker: installing docker.io from the distribution', () => aptInstall(['docker.io', 'iptables']));
}

async function requireInstallable(): Promise<void> {
  const os = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const debian = /^(ID|ID_LIKE)=.*(debian|ubuntu)/m.test(os);
  const elsewhere = process.env['DOCKER_HOST'] !== undefined;
  if (process.platform === 'linux' && debian && process.getuid?.() === 0 && !elsewhere) return;
  const { stderr } = await run('docker', ['version']);
  throw new Error(
    [
      'No Docker daemon answers, and one can be installed and started from here only by root on Debian or Ubuntu.',
      'Start Docker (Docker Desktop, `systemctl start docker`, or set DOCKER_HOST), then run this again.',
      stderr.trim(),
    ].join('\n'),
  );
}

export async function aptInstall(packages: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const args = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  if ((await run('apt-get', args, { env })).code === 0) return;
  await must('apt-get', ['update', '-qq'], { env });
  await must('apt-get', args, { env });
}

async function startDaemon(): Promise<void> {
  mkdirSync(paths.logs, { recursive: true });
  const output = openSync(join(paths.logs, 'dockerd.log'), 'a');
  removeStalePid('/var/run/docker.pid');
  const child = spawn('dockerd', ['--ip', '127.0.0.1'], { detached: true, stdio: ['ignore', output, output] });
  child.unref();
  if (child.pid === undefined) throw new Error('dockerd could not be started.');
  writeFileSync(paths.dockerd, JSON.stringify({ pid: child.pid }));
  const deadline = Date.now() + 60_000;
  while (!(await daemonAnswers())) {
    if (!alive(child.pid) || Date.now() > deadline) {
      const words = readFileSync(join(paths.logs, 'dockerd.log'), 'utf8').trim().split('\n').slice(-8).join('\n');
      throw new Error(`dockerd did not come up. Its last words:\n${words}`);
    }
    await sleep(150);
  }
}

/** dockerd refuses to start while the process id of its last run is anybody's. */
function removeStalePid(file: string): void {
  try {
    const pid = readFileSync(file, 'utf8').trim();
    if (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'dockerd') return;
  } catch {
    // no file, or no such process
  }
  rmSync(file, { force: true });
}

/** The process id of a daemon that the local run started and that still runs. */
export function ownDaemon(): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(paths.dockerd, 'utf8')) as { pid: number };
    if (alive(pid) && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'dockerd') return pid;
  } catch {
    // No record, or no such process: there is no daemon of ours.
  }
  return undefined;
}

/** Stops the daemon, if it is ours and nothing else runs on it. */
export async function stopOwnDaemon(log: Log): Promise<void> {
  const pid = ownDaemon();
  if (pid === undefined) return;
  const containers = (await run('docker', ['ps', '-q'])).stdout.trim();
  if (containers) {
    log('Docker: the daemon started here stays, as other containers run on it');
    return;
  }
  process.kill(pid, 'SIGTERM');
  if (!(await gone(pid, 20_000))) process.kill(pid, 'SIGKILL');
  rmSync(paths.dockerd, { force: true });
  log('Docker: the daemon started here is stopped');
}

/** Marks what an emulator makes in Docker: whose it is, and of which checkout. */
export const labelsOf = (port: number) => ({ 'slipway.local': String(port), 'slipway.local.root': workRoot });

export interface LocalNetwork {
  readonly name: string;
  readonly gateway: string;
  readonly subnet: string;
}

/** A private network for one emulator; its gateway is where containers reach that emulator. */
export async function createNetwork(port: number): Promise<LocalNetwork> {
  const name = `slipway-local-${port}`;
  const labels = Object.entries(labelsOf(port)).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const prefix = `10.${213 + ((port + attempt) % 30)}.${(port * 7 + attempt * 31) % 256}`;
    const range = ['--subnet', `${prefix}.0/24`, '--gateway', `${prefix}.1`];
    const created = await run('docker', ['network', 'create', ...range, ...labels, name]);
    if (created.code === 0) return { name, gateway: `${prefix}.1`, subnet: `${prefix}.0/24` };
    if (!/overlaps|pool/i.test(created.stderr)) throw new Error(`docker network create: ${created.stderr.trim()}`);
  }
  throw new Error('No free address range for a private Docker network was found in 10.213.0.0 – 10.242.255.0.');
}

/** Removes whatever an emulator left in Docker: containers with their volumes, and its network. */
export async function removeLeftovers(port: number): Promise<void> {
  const filter = Object.entries(labelsOf(port)).flatMap(([key, value]) => ['--filter', `label=${key}=${value}`]);
  const containers = words((await run('docker', ['ps', '-aq', ...filter])).stdout);
  if (containers.length > 0) await run('docker', ['rm', '-f', '-v', ...containers]);
  const volumes = words((await run('docker', ['volume', 'ls', '-q', ...filter])).stdout);
  if (volumes.length > 0) await run('docker', ['volume', 'rm', '-f', ...volumes]);
  const networks = words((await run('docker', ['network', 'ls', '-q', ...filter])).stdout);
  if (networks.length > 0) await run('docker', ['network', 'rm', ...networks]);
}

/** The ports of this checkout's emulators that left something in Docker. */
export async function portsInDocker(): Promise<readonly number[]> {
  const ports = new Set<number>();
  for (const list of [
    ['ps', '-a'],
    ['network', 'ls'],
  ]) {
    const filter = ['--filter', `label=slipway.local.root=${workRoot}`];
    const { stdout } = await run('docker', [...list, ...filter, '--format', '{{.Label "slipway.local"}}']);
    for (const port of words(stdout)) ports.add(Number(port));
  }
  return [...ports];
}

const words = (text: string) => text.split(/\s+/).filter(Boolean);
