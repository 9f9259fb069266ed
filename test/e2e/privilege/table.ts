import type { Right, Role } from './model.ts';
import type { Asked } from './never.ts';
import { beyond } from './limits.ts';

export interface Row {
  readonly role: Role;
  readonly right: Right;
  readonly kind: 'proven' | 'not provable here' | 'NOT NEEDED';
  readonly how: string;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

export function totals(rows: readonly Row[]): string {
  const kinds = ['proven', 'not provable here', 'NOT NEEDED'] as const;
  return [...Map.groupBy(rows, ({ role }) => role)]
    .map(([role, own]) => {
      const counts = kinds.map((kind) => [kind, own.filter((row) => row.kind === kind).length] as const);
      const told = counts.filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`);
      return `${role}: ${own.length} rights, ${told.join(', ')}`;
    })
    .join('\n');
}

/** Everything that was found, as Markdown. */
export function privilegeReport({
  rows,
  asked,
  scenarios,
}: {
  readonly rows: readonly Row[];
  readonly asked: readonly Asked[];
  readonly scenarios: readonly (readonly [role: Role, name: string, ms: number])[];
}): string {
  const rights = rows.map(({ role, right, kind, how }) => [
    role,
    `${right.policy}.${right.sid}`,
    right.action,
    kind,
    how,
  ]);
  const nevers = [...Map.groupBy(asked, ({ what }) => what)].map(([what, each]) => [
    what,
    each[0]?.action ?? '',
    each.map(({ role, answer }) => (answer === 'denied' ? role : `${role}: ${answer}`)).join(', '),
  ]);
  return [
    '# Least privilege of the generated roles',
    'A right is proven when a scenario that comes out as expected with all rights does not without this one, and the emulator’s IAM denied ' +
      'exactly this action.',
    totals(rows).replaceAll('\n', '  \n'),
    table(
      ['Role', 'Statement', 'Action', 'Verdict', 'By which scenario, and what is missing then; or why not'],
      rights,
    ),
    '## Never',
    table(['Must never', 'Action', 'Denied to'], nevers),
    '## Scenarios',
    table(
      ['Role', 'Scenario', 'ms'],
      scenarios.map(([role, name, ms]) => [role, name, String(Math.round(ms))]),
    ),
    '## Not provable here',
    beyond.map((line) => `- ${line}`).join('\n'),
    '',
  ].join('\n\n');
}
