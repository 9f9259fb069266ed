import type { ActionReport } from '../../../shared/action/run.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { code, codeBlock, details, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import type { Outcome, Result } from './apply.ts';
import { diagnosisText, type Diagnosis } from './diagnose.ts';
import { healthText, slowAnswer, type HealthAnswer } from './health.ts';
import type { Hide } from '../../../shared/core/masking.ts';
import { provenRevision, type Plan, type Step } from './plan.ts';
import { preflightCounts, unknownLines, type Finding } from './preflight.ts';
import { hiddenChange, shortName, type Change } from './task-definition.ts';

/** What the checks before a deployment found, and whether they forbid it. */
export interface Preflight {
  readonly findings: readonly Finding[];
  readonly failure: ActionError | undefined;
}

const notChecked: Preflight = { findings: [], failure: undefined };

/** The plan to be shown: what comes from the inputs and the task definitions is hidden before it is escaped and cut. */
export function hiddenPlan(plan: Plan, hide: Hide): Plan {
  return {
    ...plan,
    diff: plan.diff.map((change) => hiddenChange(change, hide)),
    notes: plan.notes.map(hide),
    steps: plan.steps.map((step) => hiddenStep(step, hide)),
  };
}

function hiddenStep(step: Step, hide: Hide): Step {
  if (step.kind === 'health-check') return { ...step, url: hide(step.url) };
  return step.kind === 'run-before' ? { ...step, command: hiddenCommand(step.command, hide) } : step;
}

/** An option and its value are two words: they are looked at together, too, and of a hidden word no end stays. */
function hiddenCommand(command: readonly string[], hide: Hide): readonly string[] {
  const words = hide(command.map(hide).join(betweenWords)).split(betweenWords);
  return words.map((word) => word.replace(/^\*{3}.+$/s, '***'));
}

const betweenWords = '\u2028';

/** ARNs and the commands that decide stay as they are: they are to be used. */
export function hiddenResult(result: Result, hide: Hide): Result {
  const { detail, diagnosis, health, steps, failure } = result;
  return {
    ...result,
    detail: hide(detail),
    diagnosis: diagnosis === undefined ? undefined : hiddenDiagnosis(diagnosis, hide),
    health: health === undefined ? undefined : hiddenAnswer(health, hide),
    steps: steps.map((step) => ({ ...step, detail: hide(step.detail) })),
    failure: failure === undefined ? undefined : hiddenError(failure, hide),
  };
}

function hiddenDiagnosis({ what, evidence, cause, fix, quote, logs }: Diagnosis, hide: Hide): Diagnosis {
  return {
    what: hide(what),
    evidence: evidence.map(hide),
    cause: hide(cause),
    fix: hide(fix),
    ...(quote === undefined ? {} : { quote: hide(quote) }),
    logs: logs.map(({ container, lines }) => ({ container, lines: lines.map(hide) })),
  };
}

export function hiddenAnswer({ location, ...answer }: HealthAnswer, hide: Hide): HealthAnswer {
  return { ...answer, body: hide(answer.body), ...(location === undefined ? {} : { location: hide(location) }) };
}

/** With what caused it: that is printed too. */
export function hiddenError(error: ActionError, hide: Hide): ActionError {
  const { code: name, message, hint, fault, cause } = error;
  return new ActionError(name, hide(message), {
    fault,
    ...(hint === undefined ? {} : { hint: hide(hint) }),
    ...(cause instanceof Error ? { cause: new ActionError(cause.name, hide(messages(cause))) } : {}),
  });
}

function messages(error: Error): string {
  const { cause } = error;
  return cause instanceof Error && !error.message.includes(cause.message)
    ? `${error.message}: ${messages(cause)}`
    : error.message;
}

export function hiddenFinding(finding: Finding, hide: Hide): Finding {
  const { subject, detail, fix } = finding;
  return { ...finding, subject: hide(subject), detail: hide(detail), fix: hide(fix) };
}

/** Without a `result` nothing was touched, by a dry run or because the preflight forbids it: what would be done. */
export function report(plan: Plan, result: Result | undefined, preflight = notChecked): ActionReport {
  const planned = plan.revision.kind === 'existing' ? plan.revision.arn : '';
  return {
    outputs: {
      outcome: outcomeOf(result, preflight),
      'task-definition-arn': (result === undefined ? planned : result.taskDefinition) ?? '',
      'previous-task-definition-arn': plan.service.taskDefinition,
      'running-task-definition-arn': (result === undefined ? provenRevision(plan.service) : result.running) ?? '',
      'deployment-arn': result?.deploymentArn ?? '',
      diagnosis: result?.diagnosis === undefined ? (preflight.failure?.message ?? '') : diagnosisText(result.diagnosis),
      'duration-seconds': String(Math.round((result?.ms ?? 0) / 1000)),
      changed: String(result?.changed ?? false),
    },
    summary: summary(plan, result, preflight),
    failure: result?.failure ?? preflight.failure,
  };
}

function outcomeOf(result: Result | undefined, { failure }: Preflight): Outcome | 'planned' {
  return result?.outcome ?? (failure === undefined ? 'planned' : 'failed');
}

/** The plan in plain lines, for the log. */
export function planLines({ service, diff, steps }: Plan): readonly string[] {
  if (steps.length === 0) return [`${service.name} runs what is wanted already: ${shortName(service.taskDefinition)}`];
  return [
    `${service.name} runs ${shortName(service.taskDefinition)}, ${service.running} of ${service.desired} tasks`,
    ...diff.map((change) => `  ${diffLine(change)}`),
    ...steps.map((step) => `- ${stepText(step)} (${step.reason})`),
  ];
}

function stepText(step: Step): string {
  switch (step.kind) {
    case 'register':
      return `register a revision of ${step.definition.family ?? ''}`;
    case 'run-before':
      return `run once, in ${step.container}: ${JSON.stringify(step.command)}`;
    case 'update-service':
      return `update the service${step.desiredCount === undefined ? '' : `, with ${step.desiredCount} ${step.desiredCount === 1 ? 'task' : 'tasks'}`}${step.force ? ', forced' : ''}`;
    case 'prove':
      return 'wait until the deployment is proven';
    case 'health-check':
      return `ask ${step.url}`;
  }
}

function diffLine({ where, before, after }: Change): string {
  const from = before === undefined ? '' : `${shorten(before)} `;
  return `${where}: ${from}→ ${after === undefined ? 'removed' : shorten(after)}`;
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length <= 160 ? line : `${line.slice(0, 157)}…`;
}

const headlines: Readonly<Record<Outcome | 'planned', string>> = {
  succeeded: '✅ Deployed',
  unchanged: '✅ Unchanged',
  started: '🚀 Started, not waited for',
  'rolled-back': '❌ Rolled back',
  superseded: '❌ Superseded by another deployment',
  failed: '❌ Failed',
  'timed-out': '❌ Not proven in time',
  paused: '⏸️ Paused',
  cancelled: '❌ Cancelled',
  planned: '📝 Dry run',
};

/** One line when all is well; otherwise a row for each check that was not good. */
function preflightSection(findings: readonly Finding[]): string {
  if (findings.length === 0) return '';
  const bad = findings.filter(({ verdict }) => verdict === 'wrong');
  const rows = bad.map(({ check, subject, detail, fix }) => [
    `❌ ${escapeMarkdown(check)}`,
    escapeMarkdown(subject),
    escapeMarkdown(detail),
    escapeMarkdown(fix),
  ]);
  return [
    `**Preflight:** ${preflightCounts(findings)}`,
    ...(rows.length === 0 ? [] : [table(['Check', 'Of', 'Found', 'Fix'], rows)]),
    ...unknownLines(findings).map((line) => escapeMarkdown(line)),
  ].join('\n\n');
}

function summary(plan: Plan, result: Result | undefined, preflight: Preflight): string {
  const { service, diff, notes } = plan;
  const outcome = outcomeOf(result, preflight);
  const parts = [
    `### ${headlines[outcome]}: ${code(service.name)}`,
    table(
      ['', ''],
      rows(plan, result).map(([name, cell]) => [`**${name}**`, cell]),
    ),
  ];
  if (result?.diagnosis !== undefined) parts.push(diagnosisSection(result.diagnosis));
  if (result !== undefined && result.decide.length > 0) {
    parts.push(`**Let it go on, or roll it back:**\n\n${codeBlock(result.decide.join('\n'), 'sh')}`);
  }
  if (result?.failure !== undefined) parts.push(...failureSection(result));
  parts.push(preflightSection(preflight.findings));
  if (diff.length > 0) parts.push(details(`What changes (${diff.length})`, diffTable(diff)));
  if (notes.length > 0) parts.push(notes.map((note) => `- ⚠️ ${escapeMarkdown(note)}`).join('\n'));
  parts.push(stepsSection(plan, result));
  return parts.filter((part) => part !== '').join('\n\n');
}

function rows(plan: Plan, result: Result | undefined): readonly (readonly [string, string])[] {
  const { service, revision } = plan;
  const wanted =
    result?.taskDefinition ?? (revision.kind === 'existing' ? revision.arn : `${plan.definition.family ?? ''} (new)`);
  const running = result === undefined ? provenRevision(service) : result.running;
  const images = (plan.definition.containerDefinitions ?? []).map(
    ({ name = '', image = '' }) => `${escapeMarkdown(name)} ${code(image)}`,
  );
  const found: (readonly [string, string])[] = [
    ['Result', escapeMarkdown(result?.detail ?? dryRunText(plan))],
    ['Revision', code(shortName(wanted))],
    ['Ran before', code(shortName(service.taskDefinition))],
    ['Runs now', running === undefined ? 'nothing proven' : code(shortName(running))],
    ['Images', images.join('<br>')],
  ];
  if (result?.deploymentArn !== undefined) found.push(['Deployment', code(result.deploymentArn)]);
  if (result?.health !== undefined) {
    const slow = result.health.ms >= slowAnswer ? '⚠️ slow: ' : '';
    found.push(['Health', `${slow}${escapeMarkdown(healthText(result.health))} · ${humanDuration(result.health.ms)}`]);
  }
  if (result !== undefined) found.push(['Took', humanDuration(result.ms)]);
  return found;
}

function dryRunText({ steps }: Plan): string {
  return steps.length === 0
    ? 'what is wanted runs already'
    : `nothing was touched; ${steps.length} steps would be done`;
}

function diagnosisSection({ what, evidence, cause, fix, quote, logs }: Diagnosis): string {
  const found = [
    `**${escapeMarkdown(what)}**`,
    ...evidence.map((item) => `- ${escapeMarkdown(item)}`),
    ...(quote === undefined ? [] : [`- ${code(quote)}`]),
    `\n**Likely cause:** ${escapeMarkdown(cause)}`,
    `\n**Fix:** ${escapeMarkdown(fix)}`,
    ...logs.map(({ container, lines }) =>
      lines.length === 0 ? '' : `\nLast log lines of ${code(container)}:\n\n${codeBlock(lines.join('\n'))}`,
    ),
  ];
  return found.filter((part) => part !== '').join('\n');
}

function failureSection({ failure, diagnosis, decide }: Result): readonly string[] {
  // A pause has told how to decide.
  if (failure === undefined || decide.length > 0) return [];
  const said = failure.hint === undefined || failure.hint === diagnosis?.fix;
  const hint = said ? [] : [`**What to do:** ${escapeMarkdown(failure.hint ?? '')}`];
  return diagnosis === undefined ? [`**${escapeMarkdown(failure.code)}**`, codeBlock(failure.message), ...hint] : hint;
}

function diffTable(diff: readonly Change[]): string {
  const cell = (text: string | undefined, none: string): string => (text === undefined ? none : code(shorten(text)));
  return table(
    ['Where', 'Before', 'After'],
    diff.map(({ where, before, after }) => [escapeMarkdown(where), cell(before, '–'), cell(after, 'removed')]),
  );
}

function stepsSection({ steps }: Plan, result: Result | undefined): string {
  if (steps.length === 0) return '';
  if (result === undefined) {
    return table(
      ['Would do', 'Why'],
      steps.map((step) => [escapeMarkdown(stepText(step)), escapeMarkdown(step.reason)]),
    );
  }
  const done = result.steps.map(({ kind, detail, ms }) => [kind, escapeMarkdown(detail), humanDuration(ms)]);
  const notDone = steps
    .slice(result.steps.length)
    .map((step) => [step.kind, `not done: ${escapeMarkdown(stepText(step))}`, '']);
  return details('Steps', table(['Step', 'What', 'Took'], [...done, ...notDone]));
}
