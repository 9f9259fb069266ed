import type { ActionRun } from '../../bundle/spawn-action.ts';
import type { Place } from './place.ts';

/** The roles that bootstrap.yml makes for the workflows. */
export const roles = ['plan', 'apply', 'deploy-backend', 'deploy-frontend'] as const;
export type Role = (typeof roles)[number];

/** One action of one statement of one policy. */
export interface Right {
  /** `PlanPolicy`, as bootstrap.yml calls it. */
  readonly policy: string;
  readonly sid: string;
  readonly action: string;
}

export const rightName = ({ policy, sid, action }: Right): string => `${policy}.${sid} ${action}`;

/**
 * What is there before a scenario: an account with the bootstrap stack alone; one with an environment that was put up besides (tier
 * development); or an environment of the account whose tasks are real containers.
 */
export type World = 'bare' | 'standing' | 'containers';

export interface Expectation {
  readonly exitCode: 0 | 1;
  readonly outputs?: Readonly<Record<string, string | RegExp>>;
  /** What the granted rights buy: sentences of the log or the job summary. */
  readonly says?: readonly (string | RegExp)[];
  readonly never?: readonly (string | RegExp)[];
}

/** One run of an action as one role, with all that is to come of it. */
export interface Scenario {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly world: World;
  /** It leaves what is there as it was: the next one may be played in the same place. */
  readonly keeps?: boolean;
  /** An administrator's part beforehand. */
  readonly prepare?: (place: Place) => Promise<void>;
  /** The role's part: `place.action` runs a bundle with `role-to-assume`. The last run counts. */
  readonly run: (place: Place) => Promise<ActionRun>;
  readonly expected: Expectation;
  /** Actions that this scenario is to prove, where a quicker one would take long to break: it goes first. */
  readonly proves?: readonly string[];
  /** What an administrator finds afterwards; what does not hold, in words. */
  readonly after?: (place: Place, run: ActionRun) => Promise<readonly string[]>;
}

/** What does not hold, in words; empty: all as expected. */
export function unmet(
  { exitCode, outputs = {}, says = [], never = [] }: Expectation,
  run: ActionRun,
): readonly string[] {
  const text = `${run.output}\n${run.summary}`;
  const matches = (wanted: string | RegExp, found: string): boolean =>
    typeof wanted === 'string' ? found === wanted : wanted.test(found);
  const holds = (wanted: string | RegExp): boolean =>
    typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text);
  return [
    ...(run.exitCode === exitCode ? [] : [`exit code ${run.exitCode} instead of ${exitCode}`]),
    ...Object.entries(outputs)
      .filter(([name, wanted]) => !matches(wanted, run.outputs[name] ?? ''))
      .map(([name, wanted]) => `output ${name} is "${run.outputs[name] ?? ''}", not ${String(wanted)}`),
    ...says.filter((wanted) => !holds(wanted)).map((wanted) => `it does not say ${String(wanted)}`),
    ...never.filter(holds).map((wanted) => `it says ${String(wanted)}`),
  ];
}
