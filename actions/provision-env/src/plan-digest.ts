import { stackKeys, type StackKey } from './stacks.ts';

/**
 * What a plan showed of one stack. `new`: it does not exist, and everything that the template holds is to be added. `open`: nobody could know
 * what would happen to it (an operation runs, or it waits for what another stack does not tell yet). Else a hash of all its changes.
 */
export type Reviewed = string;

export interface PlanDigest {
  /** Template bytes, configuration and where each value comes from. */
  readonly base: string;
  readonly stacks: ReadonlyMap<StackKey, Reviewed>;
}

const keys = ['bootstrap', ...stackKeys].join('|');
export const planDigestPattern = new RegExp(`^[0-9a-f]{64}(?:\\.(?:${keys})-(?:new|open|[0-9a-f]{32}))+$`);

export function writeDigest({ base, stacks }: PlanDigest): string {
  return [base, ...[...stacks].map(([key, reviewed]) => `${key}-${reviewed}`)].join('.');
}

/** Of a text that matches the pattern. */
export function readDigest(text: string): PlanDigest {
  const [base = '', ...parts] = text.split('.');
  const stacks = new Map<StackKey, Reviewed>();
  for (const key of ['bootstrap', ...stackKeys] as const) {
    const part = parts.find((one) => one.startsWith(`${key}-`));
    if (part !== undefined) stacks.set(key, part.slice(key.length + 1));
  }
  return { base, stacks };
}
