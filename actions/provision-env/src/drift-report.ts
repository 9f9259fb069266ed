import type { ActionReport } from '../../../shared/action/run.ts';
import type { PropertyDrift } from '../../../shared/aws/cloudformation.ts';
import { humanCount } from '../../../shared/core/clock.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { explainDenial, parseDenial } from '../../../shared/core/iam-denial.ts';
import { code, codeBlock, details, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import { hider } from '../../../shared/core/masking.ts';
import { plainReason } from './diagnose.ts';
import { consoleLink, lookCommand, revertCommands } from './drift-remedy.ts';
import { shownValue } from './shown-value.ts';
import { overall, type DriftedResource, type StackVerdict, type UnknownDrift } from './drift-verdict.ts';
import { paragraphs, title, unchangedOutputs, type ReportInputs, type Seen } from './report.ts';

export interface DriftInputs extends ReportInputs {
  readonly driftIs: 'green' | 'red';
}

export function reportDrift(inputs: DriftInputs, verdicts: readonly StackVerdict[], observed: Seen): ActionReport {
  return {
    outputs: { ...unchangedOutputs(inputs, observed), drifted: overall(verdicts) },
    summary: paragraphs(
      headline(inputs, verdicts),
      table(['Stack', 'Compared', 'Outcome'], verdicts.map(row)),
      ...verdicts.flatMap(found),
      notCompared(verdicts),
      expectedList(verdicts),
      unsupportedList(verdicts),
    ),
    failure: inputs.driftIs === 'red' ? failureOf(verdicts) : undefined,
  };
}

/** For the log, a line for every stack and everything that is to be known of it. */
export function driftLines(verdicts: readonly StackVerdict[]): readonly string[] {
  return verdicts.flatMap((verdict) => [
    `${verdict.spec.name}  ${outcome(verdict)}`,
    ...verdict.drifted.map((resource) => `  ${told(resource)}`),
    ...verdict.unknown.map((item) => `  not compared ${named(item)}: ${reasonOf(item)}`),
    ...verdict.expected.map(
      ({ description, logicalId, difference, reason }) =>
        `  as expected ${description} (${logicalId}): ${difference.path}: ${reason}`,
    ),
  ]);
}

/** Where the run stays green: what a person should see all the same. */
export function driftWarnings(inputs: DriftInputs, verdicts: readonly StackVerdict[]): readonly string[] {
  const failure = inputs.driftIs === 'red' ? undefined : failureOf(verdicts);
  return failure === undefined ? [] : [failure.message];
}

/** Undefined when all of it is as the templates say, and nothing is unknown: what is not known is never green. */
function failureOf(verdicts: readonly StackVerdict[]): ActionError | undefined {
  const drifted = verdicts.flatMap((verdict) =>
    verdict.drifted.map((resource) => `${verdict.spec.key}: ${told(resource)}`),
  );
  const unknown = verdicts.flatMap((verdict) =>
    verdict.unknown.map((item) => `${verdict.spec.key}: ${named(item)}: ${reasonOf(item)}`),
  );
  const message = [
    ...section(
      `${count(drifted.length, 'resource')} not what ${drifted.length === 1 ? 'its template says' : 'the templates say'}:`,
      drifted,
    ),
    ...section('not known, as it could not be compared:', unknown),
  ].join('\n');
  if (drifted.length > 0)
    return new ActionError('Drifted', message, {
      hint: 'Each difference, and how to put it right, is in the job’s summary. Mode apply does not undo them: an ordinary change set compares templates, not what is there.',
    });
  if (unknown.length === 0) return undefined;
  const hints = new Set(verdicts.flatMap((verdict) => verdict.unknown.flatMap((item) => hintOf(item) ?? [])));
  return new ActionError('DriftUnknown', message, hints.size === 0 ? {} : { hint: [...hints].slice(0, 4).join('\n') });
}

/** A screen holds so many. */
const most = 8;

function section(header: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return [];
  const more = lines.length - most;
  return [header, ...lines.slice(0, most).map((line) => `- ${line}`), ...(more > 0 ? [`- and ${more} more`] : [])];
}

function told(resource: DriftedResource): string {
  const { kind, description, logicalId, differences } = resource;
  if (kind === 'deleted') return `deleted ${description} (${logicalId})`;
  const shown = differences.slice(0, 3).map((difference) => {
    const { expected, actual } = sides(difference);
    return `${difference.path.replace(/\s+/g, ' ')}: ${expected ?? 'nothing'} → ${actual ?? 'nothing'}`;
  });
  const more = differences.length - shown.length;
  return `changed ${description} (${logicalId})${shown.length === 0 ? '' : `: ${shown.join('; ')}`}${more > 0 ? `; and ${more} more` : ''}`;
}

function sides({ path, expected, actual, kind }: PropertyDrift): {
  readonly expected: string | undefined;
  readonly actual: string | undefined;
} {
  return {
    expected: kind === 'ADD' ? undefined : shownValue(path, expected),
    actual: kind === 'REMOVE' ? undefined : shownValue(path, actual),
  };
}

const hide = hider([]);

function named({ description, logicalId }: UnknownDrift): string {
  return logicalId === undefined ? description : `${description} (${logicalId})`;
}

function reasonOf({ reason }: UnknownDrift): string {
  return hide(plainReason(reason)).replaceAll('\n', ' ');
}

function hintOf({ reason, hint }: UnknownDrift): string | undefined {
  const denial = parseDenial(reason);
  return hint ?? (denial === undefined ? undefined : `${explainDenial(denial).fix}.`);
}

function count(number: number, what: string): string {
  return number === 1 ? `1 ${what} is` : `${humanCount(number)} ${what}s are`;
}

function headline({ driftIs, ...inputs }: DriftInputs, verdicts: readonly StackVerdict[]): string {
  const number = verdicts.reduce((sum, { drifted }) => sum + drifted.length, 0);
  const compared = verdicts.reduce((sum, verdict) => sum + verdict.compared, 0);
  const mark = driftIs === 'red' ? '❌' : '⚠️';
  switch (overall(verdicts)) {
    case 'true':
      return `### ${mark} ${title(inputs)}: ${count(number, 'resource')} not what the templates say`;
    case 'unknown':
      return `### ${mark} ${title(inputs)}: not all could be compared`;
    case 'false':
      return `### ✅ ${title(inputs)} is what its templates say (${humanCount(compared)} resources compared)`;
  }
}

function row(verdict: StackVerdict): readonly string[] {
  const mark = verdict.drifted.length > 0 ? '❌' : verdict.unknown.length > 0 ? '❓' : '✅';
  return [code(verdict.spec.name), humanCount(verdict.compared), `${mark} ${escapeMarkdown(outcome(verdict))}`];
}

function outcome({ drifted, unknown, expected, compared, unsupported }: StackVerdict): string {
  if (unknown.some(({ logicalId }) => logicalId === undefined) && compared === 0) return 'not compared';
  const changed = drifted.filter(({ kind }) => kind === 'modified').length;
  const parts = [
    [changed, 'changed'],
    [drifted.length - changed, 'deleted'],
    [unknown.length, 'not known'],
    [expected.length, expected.length === 1 ? 'difference as expected' : 'differences as expected'],
    [unsupported.length, 'that AWS cannot compare'],
  ] as const;
  const shown = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  const rest = drifted.length + unknown.length === 0 ? ['as its template says'] : [];
  return [`${humanCount(compared)} compared`, ...rest, ...shown].join(', ');
}

/** What differs in a stack, and what to do about it. */
function found(verdict: StackVerdict): readonly string[] {
  const { drifted, state, spec } = verdict;
  if (drifted.length === 0 || state === undefined) return [];
  const link = consoleLink(state);
  const deleted = drifted.filter(({ kind }) => kind === 'deleted');
  const kept = deleted.filter(({ logicalId }) => spec.template.resources.get(logicalId)?.isKept === true);
  return [
    ...drifted.map(resourceSection),
    `**What to do about ${code(spec.name)}**`,
    [
      ...(deleted.length < drifted.length
        ? [
            '- **A change that is to stay:** set the parameter (or change the template) so that it says the same, and run `mode: apply`.',
          ]
        : []),
      `- **${deleted.length === 0 ? 'One that is not' : deleted.length === drifted.length ? 'To bring it back' : 'What is not to stay, and what was deleted'}:** ${deleted.length === drifted.length ? 'have' : 'change it back where it was changed, or have'} CloudFormation put back what the template says, with the commands below. \`mode: apply\` does not: an ordinary change set compares templates, not what is there.`,
      ...(kept.length > 0
        ? [
            `- **What ${kept.map(({ logicalId }) => code(logicalId)).join(', ')} held** does not come back with it: restore it from a snapshot, a backup or an older version.`,
          ]
        : []),
      `- **To see all of it:** ${link === undefined ? '' : `[in the console](${link}), or `}${code(lookCommand(verdict, state))}`,
    ].join('\n'),
    details(
      `${spec.name}: commands that put it back`,
      paragraphs(
        codeBlock(revertCommands(verdict, state).join('\n'), 'sh'),
        'Read what the third one shows before you run the fourth: it puts back every difference of the stack. The revision that the service runs must stay the same, and nothing may go that another stack has added, such as the rule that lets the load balancer in to the tasks. Run it while no deployment is under way. A property that can only be set at creation is not put back.',
      ),
    ),
  ];
}

function resourceSection({ description, logicalId, physicalId, type, kind, differences }: DriftedResource): string {
  const id = physicalId === '' ? '' : ` · ${code(physicalId)}`;
  const rows = differences.slice(0, 15).map((difference) => {
    const { expected, actual } = sides(difference);
    return [
      code(difference.path),
      expected === undefined ? '—' : code(expected),
      actual === undefined ? '—' : code(actual),
    ];
  });
  const more = differences.length > rows.length ? `and ${differences.length - rows.length} more` : '';
  return paragraphs(
    `${kind === 'deleted' ? '🗑️ **Deleted:**' : '✏️ **Changed:**'} ${escapeMarkdown(description)} (${code(logicalId)}) · ${code(type)}${id}`,
    rows.length === 0 ? '' : table(['Property', 'Template', 'Actual'], rows),
    more,
  );
}

function notCompared(verdicts: readonly StackVerdict[]): string {
  const items = verdicts.flatMap(({ unknown }) => unknown);
  if (items.length === 0) return '';
  const list = items.slice(0, 30).map((item) => {
    const hint = hintOf(item);
    return `- ${escapeMarkdown(named(item))}: ${escapeMarkdown(reasonOf(item))}${hint === undefined ? '' : ` → ${escapeMarkdown(hide(hint))}`}`;
  });
  const more = items.length > list.length ? [`- and ${items.length - list.length} more`] : [];
  return paragraphs('❓ **Not known, as it could not be compared:**', [...list, ...more].join('\n'));
}

function expectedList(verdicts: readonly StackVerdict[]): string {
  const rows = verdicts.flatMap(({ expected }) =>
    expected.map(({ description, logicalId, difference, reason }) => {
      const { expected: was, actual } = sides(difference);
      return [
        `${escapeMarkdown(description)} (${code(logicalId)})`,
        code(difference.path),
        was === undefined ? '—' : code(was),
        actual === undefined ? '—' : code(actual),
        escapeMarkdown(reason),
      ];
    }),
  );
  if (rows.length === 0) return '';
  const header = ['What', 'Property', 'Template', 'Actual', 'Why it is no drift'];
  return details(`As expected: ${rows.length}`, table(header, rows.slice(0, 50)));
}

function unsupportedList(verdicts: readonly StackVerdict[]): string {
  const resources = verdicts.flatMap(({ unsupported }) => unsupported);
  if (resources.length === 0) return '';
  const types = [...new Set(resources.map(({ type }) => type))].toSorted();
  return `${resources.length === 1 ? '1 resource is' : `${resources.length} resources are`} of ${types.length === 1 ? 'a type' : `${types.length} types`} that CloudFormation cannot compare: ${types.map(code).join(', ')}. It only compares what a template says outright: what someone added elsewhere is not seen.`;
}
