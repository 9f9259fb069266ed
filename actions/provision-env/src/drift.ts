import type { Progress } from '../../../shared/action/progress.ts';
import type { DriftDetection, Stacks, StackState } from '../../../shared/aws/cloudformation.ts';
import { waitUntil, type Judgement } from '../../../shared/aws/wait.ts';
import { humanDuration, type Clock } from '../../../shared/core/clock.ts';
import { AwsError, WaitTimeoutError } from '../../../shared/core/errors.ts';
import type { Compared, NotCompared, SeenStack } from './drift-verdict.ts';
import { stacksOf } from './observe.ts';
import { Silence } from './silence.ts';
import type { StackKey, StackSpec } from './stacks.ts';
import { condition } from './verdict.ts';

export interface DriftPorts {
  readonly stacks: Stacks;
  readonly edgeStacks: Stacks;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: Pick<Progress, 'info'>;
}

/** Has CloudFormation compare all stacks with what is there, side by side. What cannot be compared is told, never left out. */
export async function detectDrift(
  { specs, waitTimeoutMs }: { readonly specs: readonly StackSpec[]; readonly waitTimeoutMs: number },
  states: ReadonlyMap<StackKey, StackState>,
  ports: DriftPorts,
): Promise<readonly SeenStack[]> {
  const deadline = ports.clock.now() + waitTimeoutMs;
  const ends = await Promise.allSettled(
    specs.map(async (spec): Promise<SeenStack> => {
      const state = states.get(spec.key);
      return { spec, state, outcome: incomparable(spec, state) ?? (await compare(spec, deadline, ports)) };
    }),
  );
  return ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}

/** Why CloudFormation would refuse to compare the stack as it is now. */
function incomparable({ name }: StackSpec, state: StackState | undefined): NotCompared | undefined {
  const not = (reason: string, hint: string): NotCompared => ({ kind: 'not-compared', reason, hint });
  if (state === undefined)
    return not(`${name} does not exist`, 'Check app, environment and aws-region, or put it up: mode apply.');
  const { status } = state;
  // It is the one state of those that need a person in which AWS compares all the same.
  if (status === 'UPDATE_ROLLBACK_FAILED') return undefined;
  switch (condition(status)) {
    case 'ready':
      return undefined;
    case 'busy':
      return not(`an operation of ${name} is running (${status})`, 'Run again when it is through.');
    case 'leftover':
      return not(`a first creation of ${name} did not succeed (${status})`, 'Run mode apply, which makes it anew.');
    case 'stuck':
      return not(`${name} is ${status}`, 'Run mode plan: it says how the stack gets out of that.');
  }
}

async function compare(spec: StackSpec, deadline: number, ports: DriftPorts): Promise<Compared | NotCompared> {
  const { clock, signal, progress } = ports;
  const stacks = stacksOf(spec, ports);
  const start = clock.now();
  const silence = new Silence(clock);
  const say = (line: string): void => {
    progress.info(`${spec.key}  ${line}`);
    silence.break();
  };
  const options = { clock, deadline, signal, interval: pollInterval, what: `the comparison of ${spec.name}` };
  const wait = <S, T>(poll: () => Promise<S>, judge: (seen: S) => Judgement<T>): Promise<T> =>
    waitUntil(
      () => {
        if (silence.isLong) say(`… CloudFormation still compares, ${humanDuration(clock.now() - start)}`);
        return poll();
      },
      judge,
      { ...options, onChange: say },
    );
  try {
    const id = await wait(() => stacks.detectDrift(spec.name), judgeBeginning);
    const failure = await wait(() => stacks.driftDetection(id), judgeDetection);
    const drifts = await wait(() => stacks.resourceDrifts(spec.name), done);
    const resources = await wait(() => stacks.resources(spec.name), done);
    const ms = clock.now() - start;
    say(`${failure === '' ? 'compared' : 'compared in part'} in ${humanDuration(ms)}`);
    return { kind: 'compared', failure, drifts, resources, ms };
  } catch (error) {
    // One stack that could not be compared must not hide what the others show.
    if (!(error instanceof AwsError) && !(error instanceof WaitTimeoutError)) throw error;
    return { kind: 'not-compared', reason: error.message };
  }
}

function judgeBeginning(id: string | undefined): Judgement<string> {
  return id === undefined
    ? { kind: 'pending', state: 'waits for a comparison that somebody else began' }
    : { kind: 'done', value: id };
}

/** Why not all of it could be compared; empty when it could. A state of a later API goes on until the deadline. */
function judgeDetection({ status, reason }: DriftDetection): Judgement<string> {
  if (status === 'DETECTION_COMPLETE') return { kind: 'done', value: '' };
  if (status === 'DETECTION_FAILED')
    return {
      kind: 'done',
      value: reason === '' ? 'the comparison failed, and CloudFormation gives no reason' : reason,
    };
  return { kind: 'pending', state: 'CloudFormation compares' };
}

function done<T>(value: T): Judgement<T> {
  return { kind: 'done', value };
}

/** It takes from some seconds to minutes. */
function pollInterval(polls: number): number {
  return Math.min(5_000, Math.round(1_000 * 1.2 ** polls));
}
