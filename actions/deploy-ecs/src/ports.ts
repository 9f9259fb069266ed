import { randomUUID } from 'node:crypto';
import type { ActionIo } from '../../../shared/action/run.ts';
import { systemClock } from '../../../shared/action/system-clock.ts';
import { ecsServices } from '../../../shared/aws/ecs.ts';
import { loadBalancers } from '../../../shared/aws/elbv2.ts';
import { logReader } from '../../../shared/aws/logs.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import type { ApplyPorts } from './apply.ts';
import type { HealthAnswer } from './health.ts';
import type { Inputs } from './inputs.ts';
import type { ObservePorts } from './observe.ts';

export function connectPorts(inputs: Inputs, io: ActionIo): ObservePorts & ApplyPorts {
  const config = sdkConfig(inputs, io);
  return {
    services: ecsServices(config),
    logs: logReader(config),
    balancers: loadBalancers(config),
    ask,
    clock: systemClock,
    progress: io.progress,
    signal: io.signal,
    // RunTask remembers a token for a day: where nothing tells one run from the next, an earlier run's task must not stand for this one's.
    tokenSeed: io.context.step ?? randomUUID(),
  };
}

async function ask(url: string): Promise<HealthAnswer> {
  const started = performance.now();
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000), headers: { 'user-agent': 'slipway' } }).then(
    async (response) => ({ status: response.status, body: (await response.text()).slice(0, 2_000) }),
    (error: unknown) => ({ status: 0, body: reasonOf(error) }),
  );
  return { ...answer, ms: performance.now() - started };
}

/** fetch says "fetch failed" and keeps the reason as its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}
