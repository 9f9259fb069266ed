import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../shared/core/errors.ts';
import { must, succeeds } from '../local/command.ts';
import { installDocker } from '../local/docker.ts';
import { goPrograms, type Skipped } from '../local/go-programs.ts';
import { locked } from '../local/lock.ts';
import { paths } from '../local/paths.ts';
import { say } from '../local/progress.ts';
import { startDaemon, type Daemon } from './daemon.ts';

/** Paths of programs. */
export interface BuildTools {
  readonly buildkitd: string;
  readonly buildctl: string;
  readonly buildx: string;
}

/**
 * What a test needs to build with BuildKit, or why it cannot be had here. To be awaited at the top of a test file, as
 * jest must know while it collects: `const tools = await buildTools(); describeWith(tools, '…', (tools) => { … })`.
 */
export async function buildTools(): Promise<BuildTools | Skipped> {
  if (process.platform !== 'linux') return { skipped: 'buildkitd runs on Linux only' };
  if (process.getuid?.() !== 0) return { skipped: 'buildkitd needs root' };
  try {
    await locked(paths.prepareLock, () => installDocker(say));
  } catch (error) {
    return { skipped: `buildkitd needs runc, and buildx docker: ${messageOf(error)}` };
  }
  return goPrograms(['buildkitd', 'buildctl', 'buildx'], say);
}

export interface BuildkitdOptions {
  /** Registries (`127.0.0.1:5000`) that speak plain HTTP. */
  readonly insecure?: readonly string[];
  /** Where a registry's images come from instead, in plain HTTP: `{ 'docker.io': ['127.0.0.1:5000'] }`. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>;
  /** Where it keeps what it has: `quickPlace()` for many small builds. */
  readonly within?: string;
}

/** Its address is for `buildctl --addr` and `docker buildx create --driver remote`. */
export type Buildkitd = Daemon;

/** A BuildKit of one's own: nothing is shared with the machine's Docker, and nothing cached at first. */
export function startBuildkitd(tools: BuildTools, options: BuildkitdOptions = {}): Promise<Buildkitd> {
  return startDaemon({
    name: 'buildkitd',
    command: (directory, address) => {
      const config = join(directory, 'buildkitd.toml');
      writeFileSync(config, configuration(directory, options));
      return [tools.buildkitd, '--config', config, '--addr', address];
    },
    answers: (address) => succeeds(tools.buildctl, ['--addr', address, 'debug', 'workers']),
    ...(options.within === undefined ? {} : { within: options.within }),
  });
}

function configuration(directory: string, { insecure = [], mirrors = {} }: BuildkitdOptions): string {
  const plain = new Set([...insecure, ...Object.values(mirrors).flat()]);
  return [
    `root = ${JSON.stringify(join(directory, 'root'))}`,
    '[worker.containerd]',
    'enabled = false',
    '[cdi]',
    'disabled = true',
    ...[...plain].flatMap((host) => [`[registry.${JSON.stringify(host)}]`, 'http = true']),
    ...Object.entries(mirrors).flatMap(([host, others]) => [
      `[registry.${JSON.stringify(host)}]`,
      `mirrors = ${JSON.stringify(others)}`,
    ]),
    '',
  ].join('\n');
}

export interface BuildxConfig {
  readonly directory: string;
  /** A whole environment in which `docker buildx build` builds with that BuildKit, whatever the user has configured. */
  readonly env: Readonly<Record<string, string>>;
  readonly remove: () => void;
}

/** A private `DOCKER_CONFIG` with the plugin buildx and one builder: BuildKit at that address. */
export async function buildxConfig(tools: BuildTools, { address }: Pick<Buildkitd, 'address'>): Promise<BuildxConfig> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-buildx-'));
  mkdirSync(join(directory, 'cli-plugins'));
  symlinkSync(tools.buildx, join(directory, 'cli-plugins', 'docker-buildx'));
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(BUILDX|BUILDKIT|DOCKER)_/.test(name) || name === 'DOCKER_HOST',
  );
  const env = { ...(Object.fromEntries(own) as Record<string, string>), DOCKER_CONFIG: directory };
  await must('docker', ['buildx', 'create', '--name', 'slipway', '--driver', 'remote', '--use', address], { env });
  return { directory, env, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Builds with a BuildKit and a buildx of its own, both gone afterwards. */
export async function withBuildx<T>(
  tools: BuildTools,
  work: (buildx: BuildxConfig, buildkitd: Buildkitd) => Promise<T>,
  options: BuildkitdOptions = {},
): Promise<T> {
  const buildkitd = await startBuildkitd(tools, options);
  try {
    const buildx = await buildxConfig(tools, buildkitd);
    try {
      return await work(buildx, buildkitd);
    } finally {
      buildx.remove();
    }
  } finally {
    await buildkitd.stop();
  }
}
