import type { TaskState } from '../../../shared/aws/ecs.ts';
import { AwsError } from '../../../shared/core/errors.ts';
import { explainDenial, parseDenial } from '../../../shared/core/iam-denial.ts';
import { lastPart } from '../../../shared/core/arn.ts';
import { factsOf, few, livedSeconds, type ContainerLog, type Evidence, type Facts, type Finding } from './facts.ts';
import { healthText } from './health.ts';
import { healthRules } from './health-rules.ts';
import { logRules, readLog } from './log-rules.ts';
import { hider } from '../../../shared/core/masking.ts';
import { lastSeen, remarks, startingTexts, taskRules } from './task-rules.ts';

export type { ContainerLog, Evidence } from './facts.ts';

export interface Diagnosis {
  readonly what: string;
  readonly evidence: readonly string[];
  readonly cause: string;
  readonly fix: string;
  /** The line of a log that told the cause. */
  readonly quote?: string;
  readonly logs: readonly ContainerLog[];
}

/** Every rule by its name; a rule that refers to the log is named with what it read there. */
export const ruleNames: readonly string[] = [...healthRules, ...taskRules, ...remarks, ...logRules].map(
  ({ name }) => name,
);

export function diagnose(evidence: Evidence): Diagnosis {
  const hide = hider(evidence.sensitive);
  const facts = factsOf(evidence);
  const { finding } = find(facts);
  const remark = remarks.flatMap((item) => item.find(facts) ?? []);
  const shown = (text: string, length: number): string =>
    clip(
      hide(text)
        .slice(0, 4_000)
        .replace(/\p{Cc}+/gu, ' '),
      length,
    );
  const what = shown(finding.what, 300);
  return {
    what,
    evidence: quoted(facts)
      .map((item) => shown(item, 300))
      .filter((item) => item !== what),
    cause: shown(finding.cause, 400),
    fix: shown([finding.fix, ...remark].join('. '), 900),
    ...(finding.quote === undefined ? {} : { quote: shown(finding.quote, 300) }),
    logs: facts.logs.map(({ container, lines }) => ({ container, lines: lines.map((line) => shown(line, 400)) })),
  };
}

/** The names of the rules that decide, for the tests that hold each of them to its evidence. */
export function rulesOf(evidence: Evidence): readonly string[] {
  const facts = factsOf(evidence);
  const { rule, finding } = find(facts);
  const reading = finding.quote === undefined ? undefined : readLog(facts)?.rule;
  return [
    rule,
    ...(reading === undefined ? [] : [reading]),
    ...remarks.flatMap(({ name, find: says }) => (says(facts) === undefined ? [] : [name])),
  ];
}

/** A denied call of our own; undefined when the error is another one. */
export function diagnoseDenial(error: unknown): Diagnosis | undefined {
  if (!(error instanceof AwsError)) return undefined;
  const denial = parseDenial(error.message);
  if (denial === undefined && !/ was denied\b/.test(error.message)) return undefined;
  return {
    what: `The call ${error.service} ${error.operation} was denied`,
    evidence: [clip(error.message.replace(/^.*? was denied(?:: )?/, '') || error.message, 800)],
    cause: denial === undefined ? 'the role that runs the action may not make this call' : explainDenial(denial).cause,
    fix: clip(error.hint ?? 'give the role that runs the action the permission for this call', 1_200),
    logs: [],
  };
}

/** One paragraph: what failed, the evidence, the likely cause, the fix. Below 3 KB, so that an annotation holds it. */
export function diagnosisText({ what, evidence, cause, fix, quote, logs }: Diagnosis): string {
  const lastLine = logs[0]?.lines.findLast((line) => line.trim() !== '')?.trim();
  const of = logs[0] === undefined ? '' : ` of ${logs[0].container}`;
  const said = [
    ...evidence,
    ...(quote === undefined ? [] : [`log line${of}: ${quote}`]),
    ...(lastLine === undefined || lastLine === quote ? [] : [`last log line${of}: ${lastLine}`]),
  ];
  const end = `Likely cause: ${sentence(cause)} Fix: ${sentence(fix)}`;
  const begin = `${sentence(what)}${said.length === 0 ? '' : ` Evidence: ${sentence(said.join('; '))}`}`;
  return `${clipBytes(begin.replace(/\s+/g, ' '), 3_000 - Buffer.byteLength(end))} ${end}`;
}

/** The same for the log: what matters first, on less than a screen. */
export function diagnosisLines(diagnosis: Diagnosis): readonly string[] {
  const { what, evidence, cause, fix, quote, logs } = diagnosis;
  const said = quote === undefined || evidence.includes(quote) ? evidence : [...evidence, quote];
  const each = Math.floor((25 - 4 - said.length - logs.length) / Math.max(1, logs.length));
  return [
    sentence(what),
    ...said.map((item) => `  - ${item}`),
    `Likely cause: ${sentence(cause)}`,
    `Fix: ${sentence(fix)}`,
    ...logs.flatMap(({ container, lines }) =>
      lines.length === 0
        ? []
        : [
            `last log lines of ${container}:`,
            ...lines.slice(-each).map((line) => `  │ ${line.replace(/[\r\n]+/g, ' ')}`),
          ],
    ),
  ];
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

function find(facts: Facts): { readonly rule: string; readonly finding: Finding } {
  for (const { name, find: match } of facts.health === undefined ? taskRules : healthRules) {
    const finding = match(facts);
    if (finding !== undefined) return { rule: name, finding };
  }
  return { rule: 'none', finding: unknown(facts) };
}

function unknown({ failures: [task], reason, names }: Facts): Finding {
  return task === undefined
    ? {
        what: reason || 'The deployment did not complete',
        cause: 'AWS gave no failed task and no event that tells',
        fix: `Look at the service’s events, at the targets of ${names.targetGroup} and at the log group ${names.logGroup}`,
      }
    : {
        what: `Tasks stopped: ${task.stoppedReason || task.stopCode}`,
        cause: 'not one of the known patterns; AWS’s own reason is quoted above',
        fix: `Look at the service’s events and at the log group ${names.logGroup}`,
      };
}

/** What AWS said, at most a handful: how it ended, the newest failed task, the telling event, unhealthy targets. */
function quoted(facts: Facts): readonly string[] {
  const { reason, failures, events, targets, health, missing } = facts;
  const said: string[] = [];
  if (health !== undefined)
    said.push(`${health.url}: ${healthText(health.answer)}, after ${Math.round(health.answer.ms)} ms`);
  if (reason !== '') said.push(lastSeen(reason) ?? reason);
  said.push(...startingTexts(facts));
  const [task] = failures;
  if (task !== undefined) said.push(taskText(task, failures.length), ...containerTexts(task));
  const unhealthy = targets.filter((target) => target.state !== 'healthy');
  for (const { id, port, state, reason: why, description } of unhealthy.slice(0, 2)) {
    const at = `target ${id}${port === undefined ? '' : `:${port}`}`;
    said.push(`${at} ${[state, why, description].filter((part) => part !== '').join(', ')}`);
  }
  const telling = [/unable|unhealthy|error/i, /fail/i]
    .map((words) => events.find(({ message }) => words.test(message))?.message)
    .find((message) => message !== undefined);
  if (telling !== undefined) said.push(telling.replace(/\.$/, ''));
  if (missing.length > 0) said.push(`not readable: ${few(missing)}`);
  return said;
}

function taskText(task: TaskState, count: number): string {
  const lived = livedSeconds(task);
  const reasons = [task.stopCode, task.stoppedReason].filter((part) => part !== '').join(', ');
  // While it is on its way down it has none yet.
  const ended = reasons === '' ? task.lastStatus : reasons;
  return `${count === 1 ? 'task' : `${count} tasks failed, the last one, task`} ${lastPart(task.arn)}: ${ended}${lived === undefined ? '' : `, ${lived} s after its start`}`;
}

function containerTexts({ containers }: TaskState): readonly string[] {
  return containers
    .filter(({ exitCode, reason }) => exitCode !== undefined || reason !== '')
    .slice(0, 3)
    .map(
      ({ name, exitCode, reason }) =>
        `container ${name}: ${exitCode === undefined ? 'no exit code' : `exit code ${exitCode}`}${reason === '' ? '' : `, ${reason}`}`,
    );
}

/** Both ends of a long text tell more than its beginning. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  const tail = Math.floor(length / 3);
  return `${text.slice(0, length - tail - 1)}…${text.slice(-tail)}`;
}

function clipBytes(text: string, bytes: number): string {
  let length = text.length;
  let clipped = text;
  while (Buffer.byteLength(clipped) > bytes && length > 0) {
    length -= Math.max(1, Math.ceil((Buffer.byteLength(clipped) - bytes) / 4));
    clipped = clip(text, length);
  }
  return clipped;
}
