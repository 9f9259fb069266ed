import { pipeCommand } from '../../../shared/action/pipe.ts';
import type { ActionIo } from '../../../shared/action/run.ts';
import { systemClock } from '../../../shared/action/system-clock.ts';
import { imageRegistry, type ImageRegistry, type RegistryLogin } from '../../../shared/aws/ecr.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import { parseEcrHost } from '../../../shared/core/image-ref.ts';
import type { ApplyPorts } from './apply.ts';
import { configState } from './config-state.ts';
import { manifestRegistry, type RegistryOptions } from './base-images.ts';
import { contextFiles } from './context-files.ts';
import { privateDockerConfig, userLogins } from './docker-config.ts';
import { dockerOf, hidingSecrets } from './docker.ts';
import type { Inputs } from './inputs.ts';
import type { ObservePorts } from './observe.ts';
import { registryContent } from './registry-content.ts';
import type { ArchivePorts } from './write-archive.ts';

export function connectPorts(inputs: Inputs, io: ActionIo): ObservePorts & ApplyPorts {
  const ecr = imageRegistry(sdkConfig(inputs, io), inputs.registryId);
  let early: Promise<RegistryLogin> | undefined;
  const registry: ImageRegistry = {
    ...ecr,
    // The token that base images were just asked with is good for docker's login as well; every further login takes a new one.
    login() {
      const token = early ?? ecr.login();
      early = undefined;
      return token;
    },
  };
  return {
    ...runnerPorts(inputs, io),
    registry,
    manifests: manifestRegistry({
      ...asking(io),
      async basic(host) {
        if (host !== inputs.registry && parseEcrHost(host)?.region !== inputs.region) return undefined;
        early ??= ecr.login();
        const { basic, password } = await early;
        for (const secret of [basic, password]) io.mask(secret);
        return basic;
      },
    }),
    openDockerConfig: privateDockerConfig({
      tempDirectory: io.context.tempDirectory,
      env: process.env,
      remember: (directory) => io.state.save(configState, directory),
    }),
    openContent: registryContent({ fetch, timeoutMs: 10_000, clock: systemClock, signal: io.signal }),
    pipe: (args, options) => pipeCommand('docker', args, options),
    mask: io.mask,
  };
}

/** What is there without AWS: base images are asked for with what logins docker has. */
export function connectLocalPorts(inputs: Inputs, io: ActionIo): ArchivePorts {
  return {
    ...runnerPorts(inputs, io),
    manifests: manifestRegistry({ ...asking(io), basic: () => Promise.resolve(undefined) }),
  };
}

/** How registries of base images are asked. */
function asking(io: ActionIo): Omit<RegistryOptions, 'basic'> {
  return {
    fetch,
    timeoutMs: 5_000,
    totalMs: 12_000,
    sleep: (ms) => systemClock.sleep(ms, io.signal),
    login: userLogins(process.env, io.mask),
  };
}

function runnerPorts({ hidden }: Inputs, io: ActionIo): Omit<ArchivePorts, 'manifests'> {
  return {
    docker: hidingSecrets(dockerOf(io.commands), hidden),
    files: contextFiles,
    clock: systemClock,
    signal: io.signal,
  };
}
