import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildxConfig, startBuildkitd, type BuildTools } from '../../kit/buildkit.ts';
import { startDockerd } from '../../kit/dockerd.ts';
import { must } from '../../local/command.ts';

/** What builds: a docker without buildx, buildx on the daemon's own BuildKit, or buildx with a BuildKit beside the daemon. */
export type BuilderKind = 'docker' | 'buildx-docker' | 'buildx-remote';

export interface Builder {
  /** How docker finds its daemon and what builds. */
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

export async function startBuilder(kind: BuilderKind, registry: string, tools?: BuildTools): Promise<Builder> {
  const stops: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const daemon = await startDockerd();
    stops.push(daemon.stop);
    const own = { DOCKER_HOST: daemon.address };
    if (kind === 'docker') return { env: own, stop };
    if (tools === undefined) throw new Error(`${kind} needs its tools`);
    if (kind === 'buildx-docker') {
      const directory = mkdtempSync(join(tmpdir(), 'slipway-buildx-'));
      stops.push(() => rmSync(directory, { recursive: true }));
      mkdirSync(join(directory, 'cli-plugins'));
      symlinkSync(tools.buildx, join(directory, 'cli-plugins/docker-buildx'));
      return { env: { ...own, DOCKER_CONFIG: directory }, stop };
    }
    const buildkitd = await startBuildkitd(tools, { insecure: [registry] });
    stops.push(buildkitd.stop);
    const buildx = await buildxConfig(tools, buildkitd);
    stops.push(buildx.remove);
    const env = { ...own, DOCKER_CONFIG: buildx.directory };
    // Which builder is chosen, buildx remembers for each daemon.
    await must('docker', ['buildx', 'use', 'slipway'], { env: { ...process.env, ...env } });
    return { env, stop };
  } catch (error) {
    // A daemon that is left would keep the tests from ending.
    await stop();
    throw error;
  }
}
