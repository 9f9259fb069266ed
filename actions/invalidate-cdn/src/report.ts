import type { ActionReport } from '../../../shared/action/run.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { isAwsError, WaitTimeoutError, type ActionError } from '../../../shared/core/errors.ts';
import { code, details, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import type { Result } from './apply.ts';
import type { Plan } from './plan.ts';
import { isWildcard } from './plan-paths.ts';
import { describeUsage, pathsUsed } from './usage.ts';

type Invalidate = Extract<Plan, { kind: 'invalidate' }>;

const shownPaths = 50;
const shownBatches = 20;

/** `result` undefined: a dry run. */
export function reportInvalidation(plan: Plan, result: Result | undefined): ActionReport {
  if (plan.kind === 'nothing') {
    return {
      outputs: { changed: 'false', 'invalidation-id': plan.invalidationId, paths: '[]', 'path-count': '0' },
      summary: `### ✅ Nothing to invalidate: ${escapeMarkdown(plan.reason)}`,
    };
  }
  const planned = plan.batches.flatMap(({ paths }) => paths);
  const accepted = result?.accepted ?? [];
  const sent = accepted.flatMap(({ paths }) => paths);
  const shown = result?.failure === undefined || sent.length === 0 ? planned : sent;
  return {
    outputs: {
      changed: String(accepted.some(({ isKnown }) => !isKnown)),
      'invalidation-id': accepted.map(({ id }) => id).join(','),
      paths: JSON.stringify(result === undefined ? planned : sent),
      'path-count': String(sent.length),
    },
    summary: [
      `### ${headline(plan, result)}`,
      table(
        ['Distribution', 'Invalidation', 'Paths', 'Time'],
        [
          [
            code(plan.distributionId),
            invalidations(accepted),
            planned.length === plan.asked ? String(plan.asked) : `${planned.length} (from ${plan.asked})`,
            result === undefined ? '–' : humanDuration(result.durationMs),
          ],
        ],
      ),
      ...(result?.failure === undefined ? [] : [explanation(result.failure, plan)]),
      ...(plan.batches.length === 1 ? [] : [batchTable(plan, accepted)]),
      ...plan.notes.map((note) => `- ${escapeMarkdown(note)}`),
      ...(result === undefined ? [] : [`- ${escapeMarkdown(describeUsage(pathsUsed(accepted)))}`]),
      details(`Paths (${shown.length})`, list(shown)),
    ].join('\n\n'),
    failure: result?.failure,
  };
}

function headline(plan: Invalidate, result: Result | undefined): string {
  if (result === undefined) return '🔍 Dry run: nothing was invalidated';
  const { accepted, failure } = result;
  const all = plan.batches.length;
  const isComplete = accepted.every(({ status }) => status === 'Completed');
  if (failure !== undefined) {
    if (accepted.length === 0) return '❌ Not invalidated';
    if (accepted.length < all) return `❌ Only ${accepted.length} of ${all} batches were taken`;
    const isDone = isComplete || !plan.wait;
    return isDone ? '❌ Invalidated, but not noted in the bucket' : '❌ Invalidation asked for, not proven complete';
  }
  const known = accepted.filter(({ isKnown }) => isKnown).length;
  const before =
    known === 0 ? '' : ` (${known === all ? '' : `${known} of ${all} batches `}asked for before, not again)`;
  return `${isComplete ? '✅ Invalidated' : '✅ Invalidation started'}${before}`;
}

function explanation(failure: ActionError, plan: Invalidate): string {
  return `**${escapeMarkdown(failure.code)}:** ${escapeMarkdown(failure.message)}\n\n**What to do:** ${escapeMarkdown(hintOf(failure, plan))}`;
}

function hintOf(failure: ActionError, { isRepeatable }: Invalidate): string {
  if (failure.hint !== undefined) return failure.hint;
  if (isAwsError(failure, 'NoSuchDistribution')) return 'Check "distribution-id" and the account of the credentials.';
  const again = isRepeatable
    ? 'Run it again: what CloudFront took is found again, not made twice.'
    : 'Run it again. Without "publication" that asks for everything anew.';
  return failure instanceof WaitTimeoutError ? `${again} Or give it more "wait-timeout-minutes".` : again;
}

function invalidations(accepted: Result['accepted']): string {
  const ids = accepted.slice(0, 3).map(({ id }) => code(id));
  const rest = accepted.length - ids.length;
  return ids.length === 0 ? '–' : `${ids.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function batchTable({ batches }: Invalidate, accepted: Result['accepted']): string {
  const rows = batches.slice(0, shownBatches).map(({ paths }, index) => {
    const taken = accepted[index];
    const status = taken === undefined ? 'not taken' : `${taken.status}${taken.isKnown ? ', asked for before' : ''}`;
    return [
      String(index + 1),
      taken === undefined ? '–' : code(taken.id),
      escapeMarkdown(status),
      String(paths.length),
      String(paths.filter(isWildcard).length),
    ];
  });
  const rest = batches.length - rows.length;
  return `${table(['Batch', 'Invalidation', 'Status', 'Paths', 'of them wildcards'], rows)}${rest > 0 ? `\n\n… and ${rest} more` : ''}`;
}

function list(paths: readonly string[]): string {
  const rest = paths.length - shownPaths;
  return [
    ...paths.slice(0, shownPaths).map((path) => `- ${code(path)}`),
    ...(rest > 0 ? [`- … and ${rest} more`] : []),
  ].join('\n');
}
