import type { ServiceState, TaskDefinitionRequest, TaskState } from '../../../shared/aws/ecs.ts';
import type { LoadBalancers, TargetState } from '../../../shared/aws/elbv2.ts';
import type { LogReader } from '../../../shared/aws/logs.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import type { Evidence } from './diagnose.ts';
import { logStreamOf, mainContainer, sensitiveValues } from './task-definition.ts';

export interface EvidencePorts {
  readonly logs: LogReader;
  readonly balancers: LoadBalancers;
  readonly clock: Clock;
}

export interface Scene {
  readonly reason: string;
  readonly definition: TaskDefinitionRequest;
  readonly failures: readonly TaskState[];
  readonly service: ServiceState | undefined;
  readonly since: Date | undefined;
  /** Whose log is wanted; by default that of the container that failed. */
  readonly container?: string;
}

const logLines = 20;

/** Gathers what explains a failure. What cannot be read is left out: it must not hide the failure itself. */
export async function gatherEvidence(scene: Scene, ports: EvidencePorts): Promise<Evidence> {
  const { reason, definition, failures, service, since } = scene;
  const [log, targets] = await Promise.all([lastLog(scene, ports), unhealthyTargets(service, ports.balancers)]);
  const events = (service?.events ?? []).filter(({ at }) => since === undefined || at === undefined || at >= since);
  return { reason, definition, failures, events, targets, log, sensitive: sensitiveValues(definition) };
}

async function lastLog(
  { definition, failures, ...scene }: Scene,
  { logs, clock }: EvidencePorts,
): Promise<Evidence['log']> {
  const [task] = failures;
  if (task === undefined) return undefined;
  const failed = task.containers.find(({ exitCode }) => exitCode !== undefined && exitCode !== 0);
  const container = scene.container ?? failed?.name ?? mainContainer(definition);
  const stream = logStreamOf(definition, container, task.arn);
  if (stream === undefined) return undefined;
  // CloudWatch shows a line some seconds after it was written.
  for (const pause of [500, 1_500, 0]) {
    const lines = await orElse([], () => logs.tail(stream, logLines));
    if (lines.length > 0) return { container, lines };
    if (pause > 0) await clock.sleep(pause);
  }
  return undefined;
}

async function unhealthyTargets(
  service: ServiceState | undefined,
  balancers: LoadBalancers,
): Promise<readonly TargetState[]> {
  const groups = await Promise.all(
    (service?.loadBalancers ?? []).map(({ targetGroup }) =>
      orElse<readonly TargetState[]>([], () => balancers.targetHealth(targetGroup)),
    ),
  );
  return groups.flat().filter(({ state }) => state !== 'healthy');
}

async function orElse<T>(fallback: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ActionError) return fallback;
    throw error;
  }
}
