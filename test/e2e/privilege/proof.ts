import { unmet, type Right, type Role, type Scenario } from './model.ts';
import type { Decision } from './place.ts';
import { policiesOf, restsOn, take, type Policy } from './policies.ts';
import type { Worlds } from './worlds.ts';

/** One playing of a scenario. */
export interface Played {
  readonly scenario: Scenario;
  readonly role: Role;
  /** What did not come out as expected. */
  readonly unmet: readonly string[];
  readonly decisions: readonly Decision[];
  /** The role's, where it was played. */
  readonly policies: readonly Policy[];
  readonly ms: number;
  readonly output: string;
}

/** Plays a scenario as one of its roles, which lacks one right if that is said. */
export async function play(
  scenario: Scenario,
  { role, worlds, lacking }: { readonly role: Role; readonly worlds: Worlds; readonly lacking?: Right },
): Promise<Played> {
  return worlds.within(scenario, async (place) => {
    await scenario.prepare?.(place);
    place.begin(role);
    const policies = await policiesOf(place, role);
    const giveBack = lacking === undefined ? undefined : await take(place, role, lacking);
    const started = performance.now();
    try {
      const run = await scenario.run(place);
      const ms = performance.now() - started;
      const found = [...unmet(scenario.expected, run), ...((await scenario.after?.(place, run)) ?? [])];
      return { scenario, role, unmet: found, decisions: await place.decisions(), policies, ms, output: run.output };
    } finally {
      await giveBack?.();
    }
  });
}

export type Verdict =
  | { readonly kind: 'proven'; readonly by: Scenario; readonly breaks: string }
  /** Scenarios that ask for it come out as expected without it. */
  | { readonly kind: 'not missed'; readonly tried: readonly string[] }
  /** No scenario asks for it. */
  | { readonly kind: 'unused' };

const deniedIn = (decisions: readonly Decision[]): readonly string[] => [
  ...new Set(decisions.filter(({ decision }) => decision !== 'Allow').map(({ action }) => action)),
];

/** The playings that rest on a right: those that are to prove it first, then the quickest. */
export function usersOf(right: Right, role: Role, baseline: readonly Played[]): readonly Played[] {
  const rank = ({ scenario }: Played): number => (scenario.proves?.includes(right.action) === true ? 0 : 1);
  return baseline
    .filter((played) => played.role === role)
    .filter(({ decisions, policies }) =>
      decisions.some((one) => one.decision === 'Allow' && restsOn(one, right, policies)),
    )
    .toSorted((a, b) => rank(a) - rank(b) || a.ms - b.ms);
}

/** Is this right needed? The scenarios that rest on it are played without it until one breaks for that very reason. */
export async function judge(
  right: Right,
  { role, baseline, worlds }: { readonly role: Role; readonly baseline: readonly Played[]; readonly worlds: Worlds },
): Promise<Verdict> {
  const tried: string[] = [];
  for (const { scenario, decisions } of usersOf(right, role, baseline)) {
    const broken = await play(scenario, { role, worlds, lacking: right });
    const before = deniedIn(decisions);
    const denied = deniedIn(broken.decisions).filter((action) => !before.includes(action) || action === right.action);
    const [breaks] = broken.unmet;
    if (breaks !== undefined && denied.length === 1 && denied[0] === right.action) {
      return { kind: 'proven', by: scenario, breaks };
    }
    const became = breaks === undefined ? 'as expected all the same' : `${breaks}; denied: ${denied.join(', ')}`;
    tried.push(`${scenario.name} (${became})`);
  }
  return tried.length === 0 ? { kind: 'unused' } : { kind: 'not missed', tried };
}
