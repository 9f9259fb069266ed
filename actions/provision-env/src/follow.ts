import type { StackEvent, StackState, Stacks } from '../../../shared/aws/cloudformation.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import { waitUntil } from '../../../shared/aws/wait.ts';
import { humanDuration, type Clock } from '../../../shared/core/clock.ts';
import { pollInterval } from './change-set.ts';
import type { StackSpec } from './stacks.ts';
import { judgeOperation } from './verdict.ts';

export interface Operation {
  readonly spec: StackSpec;
  readonly stackId: string;
  /** The newest event before the operation; what came later belongs to it. */
  readonly since: string | undefined;
  /** It runs already: there may be no new event to wait for. */
  readonly begun?: boolean;
  /** The resources to tell about; failures are told in any case. */
  readonly only?: readonly string[];
  readonly deadline: number;
}

export interface OperationEnd {
  /** Undefined when the stack is gone. */
  readonly state: StackState | undefined;
  readonly events: readonly StackEvent[];
}

const done: Readonly<Record<string, string>> = {
  CREATE_COMPLETE: 'created',
  UPDATE_COMPLETE: 'updated',
  DELETE_COMPLETE: 'removed',
  DELETE_SKIPPED: 'kept',
};

const quietMs = 30_000;

/** Follows a stack's operation to its end and tells of every resource as it is done. */
export async function follow(
  operation: Operation,
  ports: { readonly stacks: Stacks; readonly clock: Clock; readonly signal: AbortSignal },
  progress: Progress,
): Promise<OperationEnd> {
  const { spec, stackId } = operation;
  const { clock } = ports;
  const events: StackEvent[] = [];
  const begunAt = new Map<string, number>();
  let spokeAt = clock.now();

  const tell = (event: StackEvent): void => {
    const { logicalId, status, at, reason } = event;
    if (event.physicalId === stackId && event.type === 'AWS::CloudFormation::Stack') return;
    const told = operation.only?.includes(logicalId) ?? true;
    if (!told && !status.endsWith('_FAILED')) return;
    if (status.endsWith('_IN_PROGRESS')) {
      if (!begunAt.has(logicalId)) begunAt.set(logicalId, at);
      return;
    }
    const begun = begunAt.get(logicalId) ?? at;
    begunAt.delete(logicalId);
    const what = `${spec.template.resources.get(logicalId)?.description ?? event.type} (${logicalId})`;
    if (status.endsWith('_FAILED')) progress.info(`${spec.key}  ✗ ${what}: ${status}: ${reason}`);
    else progress.info(`${spec.key}  ✓ ${done[status] ?? status} ${what}, ${humanDuration(at - begun)}`);
    spokeAt = clock.now();
  };

  let since = operation.since;
  const state = await waitUntil(
    async () => {
      const [seen, fresh] = await Promise.all([ports.stacks.describe(stackId), ports.stacks.events(stackId, since)]);
      since = fresh.at(-1)?.id ?? since;
      events.push(...fresh);
      for (const event of fresh) tell(event);
      if (clock.now() - spokeAt > quietMs && begunAt.size > 0) {
        const waiting = [...begunAt].map(
          ([id, at]) => `${spec.template.resources.get(id)?.description ?? id} ${humanDuration(clock.now() - at)}`,
        );
        progress.info(`${spec.key}  … ${waiting.join(', ')}`);
        spokeAt = clock.now();
      }
      return { state: seen, begun: operation.begun === true || events.length > 0 };
    },
    (seen) => judgeOperation(spec.name, seen),
    {
      clock,
      deadline: operation.deadline,
      interval: pollInterval,
      what: `the operation of ${spec.name}`,
      signal: ports.signal,
    },
  );
  return { state, events };
}
