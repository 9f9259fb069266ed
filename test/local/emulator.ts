import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { alive, gone, sleep } from './command.ts';
import { createNetwork, labelsOf, portsInDocker, removeLeftovers, type LocalNetwork } from './docker.ts';
import { paths, repositoryRoot, workRoot } from './paths.ts';
import { silent, type Log } from './progress.ts';

export interface EmulatorOptions {
  readonly log?: Log;
  /** false: no containers; tasks, databases and caches exist on paper. */
  readonly docker?: boolean;
  /** Enforce IAM policies (AUTH=true of the emulator). */
  readonly enforceIam?: boolean;
  readonly port?: number;
  /** Its registry has the big image layers that earlier emulators were sent. */
  readonly keepsLayers?: boolean;
  readonly region?: string;
}

export interface EmulatorHandle {
  readonly endpoint: string;
  readonly port: number;
  readonly pid: number;
  /** Where images are pushed to: `docker push <registry>/<repository>`. */
  readonly registry: string;
  /** For AWS SDKs and for the suite's actions. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Emulator extends EmulatorHandle {
  stop(): Promise<void>;
  /** From now on it outlives the process that started it. */
  release(): void;
}

/** Starts an emulated AWS of its own port, network and containers. Python and, for `docker`, a daemon must be prepared. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { log = silent, docker = true, region = 'us-east-1' } = options;
  const port = options.port ?? (await freePort());
  if (docker) await removeOrphans();
  const work = workOf(port);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, 'tls'), { recursive: true });
  writeFileSync(join(work, 'pid'), String(process.pid));
  const owner = join(work, 'owner');
  writeFileSync(owner, String(process.pid));
  const network = docker ? await createNetwork(port) : undefined;
  mkdirSync(paths.logs, { recursive: true });
  const logFile = join(paths.logs, `emulator-${port}.log`);
  const output = openSync(logFile, 'w');
  const child = spawn(join(paths.venvBin, 'python'), [paths.launcher], {
    cwd: work,
    env: environment({ port, region, work, network, options }),
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  child.unref();
  const pid = child.pid;
  if (pid === undefined) throw new Error('the emulator could not be started');
  writeFileSync(join(work, 'pid'), String(pid));
  const handle = describe(port, pid, region);
  const emulator = {
    ...handle,
    stop: () => stopEmulator({ port, pid }),
    release: () => rmSync(owner, { force: true }),
  };
  try {
    await ready(handle.endpoint, pid, logFile);
  } catch (error) {
    await emulator.stop();
    throw error;
  }
  log(`AWS emulator: ${handle.endpoint} (log in .local/logs/emulator-${port}.log)`);
  return emulator;
}

export function describe(port: number, pid: number, region = 'us-east-1'): EmulatorHandle {
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    port,
    pid,
    registry: `localhost:${port}`,
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  };
}

/** Stops an emulator and removes what it made: a service may replace a task until the emulator is gone. */
export async function stopEmulator({ port, pid }: { port: number; pid: number }): Promise<void> {
  // Killed, not asked: it has nothing to save, and while it shuts down in order a service may replace a task.
  if (isEmulator(pid)) {
    process.kill(pid, 'SIGKILL');
    await gone(pid, 5_000);
  }
  await removeLeftovers(port);
  rmSync(workOf(port), { recursive: true, force: true });
}

const workOf = (port: number) => join(workRoot, 'emulators', String(port));

/** A process id may have been given to another program since: the command line tells. */
export function isEmulator(pid: number): boolean {
  try {
    if (existsSync('/proc/self/cmdline')) {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('launcher.py');
    }
  } catch {
    return false;
  }
  return alive(pid);
}

/** Removes what emulators left that were killed before they could tidy up. */
export async function removeOrphans(): Promise<void> {
  for (const port of await portsInDocker()) {
    const file = join(workOf(port), 'pid');
    const owner = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    if (owner === 0 || !alive(owner)) await removeLeftovers(port);
  }
}

interface EnvironmentOf {
  readonly port: number;
  readonly region: string;
  readonly work: string;
  readonly network: LocalNetwork | undefined;
  readonly options: EmulatorOptions;
}

function environment({ port, region, work, network, options }: EnvironmentOf): NodeJS.ProcessEnv {
  const confined = network && {
    DOCKER_NETWORK: network.name,
    SLIPWAY_GATEWAY: network.gateway,
    SLIPWAY_SUBNET: network.subnet,
    SLIPWAY_TLS_DIR: join(work, 'tls'),
    SLIPWAY_LABELS: JSON.stringify(labelsOf(port)),
  };
  const docker = process.env['DOCKER_HOST'] === undefined ? {} : { DOCKER_HOST: process.env['DOCKER_HOST'] };
  return {
    // The emulator evaluates CloudFront functions with `node`, from the PATH.
    PATH: `${join(repositoryRoot, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`,
    HOME: work,
    TMPDIR: work,
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    ...docker,
    BIND_HOST: '127.0.0.1',
    GATEWAY_PORT: String(port),
    // These listen beyond loopback, and nothing here needs them.
    IOT_MTLS_ENABLED: '0',
    SFTP_ENABLED: '0',
    MINISTACK_HOST: 'localhost',
    MINISTACK_REGION: region,
    S3_DATA_DIR: join(work, 's3'),
    STATE_DIR: join(work, 'state'),
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AUTH: options.enforceIam ? 'true' : 'false',
    SLIPWAY_OWNER: join(work, 'owner'),
    ...(options.keepsLayers ? { SLIPWAY_LAYERS: join(workRoot, 'layers') } : {}),
    ...confined,
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('no free port'));
      });
    });
  });
}

async function ready(endpoint: string, pid: number, logFile: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await fetch(`${endpoint}/_ministack/health`).catch(() => undefined);
    if (answer?.ok) return;
    if (!alive(pid) || Date.now() > deadline) {
      const words = readFileSync(logFile, 'utf8').trim().split('\n').slice(-12).join('\n');
      throw new Error(`The AWS emulator did not come up. Its last words:\n${words}`);
    }
    await sleep(50);
  }
}
