import type { ActionIo } from '../../../shared/action/run.ts';
import { systemClock } from '../../../shared/action/system-clock.ts';
import { cloudFormationStacks } from '../../../shared/aws/cloudformation.ts';
import { ecsServices } from '../../../shared/aws/ecs.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import { secretsManager } from '../../../shared/aws/secrets-manager.ts';
import type { Inputs } from './inputs.ts';
import type { Ports } from './observe.ts';

export function connectPorts(inputs: Inputs, io: ActionIo): Ports {
  const config = sdkConfig(inputs, io);
  return {
    stacks: cloudFormationStacks(config),
    services: ecsServices(config),
    secrets: secretsManager(config),
    clock: systemClock,
    signal: io.signal,
  };
}
