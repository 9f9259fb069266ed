import { randomUUID } from 'node:crypto';
import type { Schedule } from './scripted-cloudformation-operations.ts';
import { keyOf, physicalId, Refusal, type Stack, type Texts, type Wire } from './scripted-cloudformation-model.ts';

/** How a resource is no more what its template says. */
export interface Drifted {
  /** `DELETED` and the like; `MODIFIED` where properties are given. */
  readonly status?: string;
  readonly reason?: string;
  /** What is there by the property's path; `[what the template says, what is there]` (`null` where there is nothing). */
  readonly properties?: Readonly<Record<string, readonly [string | null, string | null]>>;
}

/** How one comparison of a stack goes. */
export interface Comparison {
  /** Seconds; 10 by default. */
  readonly takes?: number;
  /** By logical id; all others are as their template says. */
  readonly resources?: Readonly<Record<string, Drifted>>;
  /** What could not be read, by logical id, and why: the comparison fails, and tells the rest. */
  readonly failures?: Texts;
  /** It fails with these words. */
  readonly fails?: string;
}

interface Detection {
  readonly stack: Stack;
  readonly comparison: Comparison;
  readonly at: number;
  isThrough: boolean;
}

/** Of these AWS compares none. */
const unsupported = ['AWS::Budgets::Budget', 'AWS::Route53::RecordSetGroup', 'AWS::SNS::TopicPolicy'];

/** Comparisons of stacks with what is there, as AWS makes them: one of a stack at a time, in the background. */
export class DriftDetections {
  readonly #schedule: Schedule;
  readonly #detections = new Map<string, Detection>();
  readonly #records = new Map<string, Map<string, Wire>>();

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** `next`: how the comparison goes; a refused one uses none up. */
  detect(stack: Stack, next: () => Comparison | undefined): Wire {
    if (!/^(?:(?:CREATE|UPDATE|UPDATE_ROLLBACK|IMPORT)_COMPLETE|UPDATE_ROLLBACK_FAILED)$/.test(stack.status))
      throw new Refusal(
        'ValidationError',
        `Drift detection cannot be performed on stack [${stack.id}] in ${stack.status}`,
      );
    if ([...this.#detections.values()].some((other) => other.stack === stack && !other.isThrough))
      throw new Refusal('ValidationError', `Drift detection is already in progress for stack [${stack.id}]`);
    const id = randomUUID();
    const comparison = next() ?? {};
    const detection: Detection = { stack, comparison, at: this.#schedule.now(), isThrough: false };
    this.#detections.set(id, detection);
    this.#schedule.after(comparison.takes ?? 10, () => {
      detection.isThrough = true;
      this.#record(detection);
    });
    return { StackDriftDetectionId: id };
  }

  status({ StackDriftDetectionId = '' }: Texts): Wire {
    const found = this.#detections.get(StackDriftDetectionId);
    if (found === undefined)
      throw new Refusal('ValidationError', `Drift detection with id [${StackDriftDetectionId}] does not exist`);
    const { stack, comparison, isThrough, at } = found;
    const reason = failureOf(comparison);
    return {
      StackId: stack.id,
      StackDriftDetectionId,
      Timestamp: new Date(at),
      DetectionStatus: !isThrough
        ? 'DETECTION_IN_PROGRESS'
        : reason === undefined
          ? 'DETECTION_COMPLETE'
          : 'DETECTION_FAILED',
      DetectionStatusReason: isThrough ? reason : undefined,
    };
  }

  resources(stack: Stack, { NextToken = '0', MaxResults = '100' }: Texts, page = 100): Wire {
    const size = Math.min(page, Number(MaxResults));
    const start = Number(NextToken);
    const all = [...(this.#records.get(stack.id)?.values() ?? [])];
    return {
      StackResourceDrifts: all.slice(start, start + size),
      NextToken: start + size < all.length ? String(start + size) : undefined,
    };
  }

  #record({ stack, comparison }: Detection): void {
    const records = this.#records.get(stack.id) ?? new Map<string, Wire>();
    this.#records.set(stack.id, records);
    for (const id of Object.keys(comparison.resources ?? {}))
      if (!stack.resources.has(id)) throw new Error(`${keyOf(stack)} has no ${id}`);
    if (comparison.fails !== undefined) return;
    for (const [LogicalResourceId, { type }] of stack.resources) {
      // What cannot be read keeps the record that it has.
      if (unsupported.includes(type) || comparison.failures?.[LogicalResourceId] !== undefined) continue;
      const { properties = {}, reason, ...drifted } = comparison.resources?.[LogicalResourceId] ?? {};
      const differences = Object.entries(properties).map(([PropertyPath, [expected, actual]]) => ({
        PropertyPath,
        ExpectedValue: expected ?? 'null',
        ActualValue: actual ?? 'null',
        DifferenceType: expected === null ? 'ADD' : actual === null ? 'REMOVE' : 'NOT_EQUAL',
      }));
      records.set(LogicalResourceId, {
        StackId: stack.id,
        LogicalResourceId,
        PhysicalResourceId: physicalId(stack, LogicalResourceId, type),
        ResourceType: type,
        StackResourceDriftStatus: drifted.status ?? (differences.length > 0 ? 'MODIFIED' : 'IN_SYNC'),
        DriftStatusReason: reason,
        PropertyDifferences: differences,
        Timestamp: new Date(this.#schedule.now()),
      });
    }
  }
}

/** In AWS's own form. */
function failureOf({ fails, failures = {} }: Comparison): string | undefined {
  const all = Object.entries(failures);
  if (fails !== undefined || all.length === 0) return fails;
  return JSON.stringify({
    Summary: `Failed to detect drift on resources [${all.map(([id]) => id).join(', ')}]`,
    Failures: all.map(([Resource, FailureReason]) => ({ Resource, FailureReason })),
  });
}
