import type { ActionIo } from '../../../shared/action/run.ts';
import { systemClock } from '../../../shared/action/system-clock.ts';
import { imageRegistry } from '../../../shared/aws/ecr.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import { parseEcrHost } from '../../../shared/core/image-ref.ts';
import type { ApplyPorts } from './apply.ts';
import { manifestRegistry } from './base-images.ts';
import { contextFiles } from './context-files.ts';
import { privateDockerConfig } from './docker-config.ts';
import { dockerOf } from './docker.ts';
import type { Inputs } from './inputs.ts';
import type { ObservePorts } from './observe.ts';

/** Where `post` finds what is left to remove. */
export const configState = 'docker-config';

export function connectPorts(inputs: Inputs, io: ActionIo): ObservePorts & ApplyPorts {
  const registry = imageRegistry(sdkConfig(inputs, io), inputs.registryId);
  return {
    registry,
    manifests: manifestRegistry({
      fetch,
      timeoutMs: 5_000,
      async basic(host) {
        if (host !== inputs.registry && parseEcrHost(host)?.region !== inputs.region) return undefined;
        const { basic, password } = await registry.login();
        for (const secret of [basic, password]) io.mask(secret);
        return basic;
      },
    }),
    docker: dockerOf(io.commands),
    files: contextFiles,
    clock: systemClock,
    openDockerConfig: privateDockerConfig({
      tempDirectory: io.context.tempDirectory,
      env: process.env,
      remember: (directory) => io.state.save(configState, directory),
    }),
    signal: io.signal,
    mask: io.mask,
  };
}
