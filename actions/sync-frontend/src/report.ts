import type { ActionReport } from '../../../shared/action/run.ts';
import { humanBytes, humanDuration } from '../../../shared/core/clock.ts';
import { code, details, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import type { Result } from './apply.ts';
import type { CheckInputs, PublishInputs, RollbackInputs } from './inputs.ts';
import type { Plan, Step } from './plan.ts';
import type { Verdict } from './plan-check.ts';

const shownRows = 50;

const verbs: Readonly<Record<Step['kind'], string>> = {
  keep: 'kept',
  put: 'sent',
  restore: 'restored',
  headers: 'headers set',
};

/** `result` undefined: a dry run, whose outputs count nothing as done. */
export function reportPublish(
  plan: Plan,
  inputs: PublishInputs | RollbackInputs,
  result: Result | undefined,
): ActionReport {
  const steps = (result?.done ?? plan.steps).filter(({ kind }) => kind !== 'keep');
  const bodies = steps.filter(({ kind }) => kind !== 'headers');
  const deleted = result?.deleted ?? plan.deletions.map(({ path }) => path);
  const bytes = steps.reduce((sum, step) => sum + (step.kind === 'put' ? step.size : 0), 0);
  const isPublished = result?.isPublished === true;
  const done = (count: number): string => String(result === undefined ? 0 : count);
  return {
    outputs: {
      changed: String(
        result !== undefined && (result.done.length > 0 || result.deleted.length > 0 || result.wroteState),
      ),
      uploaded: done(bodies.length),
      'headers-changed': done(steps.length - bodies.length),
      deleted: done(deleted.length),
      unchanged: String(plan.unchanged),
      bytes: done(bytes),
      // Only what viewers can get is worth an invalidation; a dry run shows what would be.
      'changed-paths': JSON.stringify(isPublished || result === undefined ? plan.changedPaths : []),
      'release-id': isPublished || result === undefined ? plan.releaseId : '',
      publication: isPublished ? plan.publication : '',
      'source-hash': inputs.mode === 'publish' ? (inputs.sourceHash ?? '') : '',
      published: String(isPublished && result.failure === undefined),
    },
    summary: [
      `### ${headline(plan, result)}`,
      table(
        ['Release', 'Sent', 'Headers only', 'Deleted', 'Unchanged', 'Bytes sent', 'Paths to invalidate', 'Time'],
        [
          [
            code(plan.releaseId),
            String(bodies.length),
            String(steps.length - bodies.length),
            String(deleted.length),
            String(plan.unchanged),
            humanBytes(bytes),
            String(plan.changedPaths.length),
            result === undefined ? '–' : humanDuration(result.durationMs),
          ],
        ],
      ),
      `Bucket ${code(`s3://${inputs.bucket}/${inputs.prefix}`)}${isPublished ? `, publication ${code(plan.publication)}` : ''}`,
      ...explanation(result),
      ...plan.warnings.map((warning) => `⚠️ ${escapeMarkdown(warning)}`),
      ...changes(steps, plan, deleted),
    ].join('\n\n'),
    failure: result?.failure,
  };
}

function headline(plan: Plan, result: Result | undefined): string {
  const isEmpty = plan.steps.length === 0 && plan.deletions.length === 0;
  const id = code(plan.releaseId);
  if (result === undefined) {
    return `🔍 Dry run: ${isEmpty ? 'nothing would change' : `release ${id} would be served`}`;
  }
  if (result.failure !== undefined) return failedHeadline(plan, result);
  if (isEmpty) return `✅ Unchanged: release ${id} is what is served`;
  return `✅ ${plan.kind === 'rollback' ? 'Rolled back' : 'Published'}: release ${id} is served`;
}

function failedHeadline(plan: Plan, result: Result): string {
  if (result.isPublished) return `❌ Release ${code(plan.releaseId)} is served, but not everything could be tidied up`;
  const somePages = result.done.some(({ stage }) => stage === 'page' || stage === 'index');
  return somePages
    ? '❌ Not finished: some pages are new, some as they were'
    : '❌ Not published: every page is as it was';
}

function explanation(result: Result | undefined): readonly string[] {
  if (result?.failure === undefined) return [];
  const { code: name, message, hint } = result.failure;
  const advice = hint === undefined ? 'Run it again: it finishes what is left.' : hint;
  return [`**${escapeMarkdown(name)}:** ${escapeMarkdown(message)}`, `**What to do:** ${escapeMarkdown(advice)}`];
}

function changes(steps: readonly Step[], plan: Plan, deleted: readonly string[]): readonly string[] {
  const reasons = new Map(plan.deletions.map(({ path, reason }) => [path, reason]));
  const rows = [
    ...[...steps]
      .sort((a, b) => b.size - a.size)
      .map((step) => [code(step.path), verbs[step.kind], step.reason, humanBytes(step.size)]),
    ...deleted.map((path) => [code(path), 'deleted', reasons.get(path) ?? '', '']),
  ];
  if (rows.length === 0) return [];
  const shown = table(['File', 'What', 'Why', 'Size'], rows.slice(0, shownRows));
  const rest = rows.length > shownRows ? `\n\n… and ${rows.length - shownRows} more` : '';
  return [details(`What changed (${rows.length})`, shown + rest)];
}

export function reportCheck(verdict: Verdict, inputs: CheckInputs): ActionReport {
  const { isPublished, reason, served, sourceHash } = verdict;
  return {
    outputs: {
      changed: 'false',
      uploaded: '0',
      'headers-changed': '0',
      deleted: '0',
      unchanged: '0',
      bytes: '0',
      'changed-paths': JSON.stringify(served?.changedPaths ?? []),
      'release-id': served?.releaseId ?? '',
      publication: served?.publication ?? '',
      'source-hash': sourceHash,
      published: String(isPublished),
    },
    summary: [
      `### ${isPublished ? '✅ Already published' : '🔨 Has to be built and published'}: ${escapeMarkdown(reason)}`,
      table(
        ['Source hash', 'Source files', 'Release served', 'Bucket'],
        [
          [
            code(sourceHash.slice(0, 15)),
            String(verdict.sources),
            served === undefined ? 'none' : code(served.releaseId),
            code(`s3://${inputs.bucket}/${inputs.prefix}`),
          ],
        ],
      ),
    ].join('\n\n'),
  };
}
