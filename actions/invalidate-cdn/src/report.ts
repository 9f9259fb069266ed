import type { ActionReport } from '../../../shared/action/run.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { code, details, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import type { Result } from './apply.ts';
import type { Plan } from './plan.ts';

const shownPaths = 50;

/** `result` undefined: a dry run. */
export function reportInvalidation(plan: Plan, result: Result | undefined): ActionReport {
  if (plan.kind === 'nothing') {
    return {
      outputs: { changed: 'false', 'invalidation-id': plan.invalidationId, paths: '[]', 'path-count': '0' },
      summary: `### ✅ Nothing to invalidate: ${escapeMarkdown(plan.reason)}`,
    };
  }
  const { paths, asked, distributionId } = plan;
  const sent = result?.invalidation !== undefined;
  return {
    outputs: {
      changed: String(sent && !result.isKnown),
      'invalidation-id': result?.invalidation?.id ?? '',
      paths: JSON.stringify(sent || result === undefined ? paths : []),
      'path-count': String(sent ? paths.length : 0),
    },
    summary: [
      `### ${headline(result)}`,
      table(
        ['Distribution', 'Invalidation', 'Paths', 'Time'],
        [
          [
            code(distributionId),
            result?.invalidation === undefined ? '–' : code(result.invalidation.id),
            paths.length === asked ? String(asked) : `${paths.length} (folded from ${asked})`,
            result === undefined ? '–' : humanDuration(result.durationMs),
          ],
        ],
      ),
      ...(result?.failure === undefined ? [] : [explanation(result)]),
      details(`Paths (${paths.length})`, list(paths)),
    ].join('\n\n'),
    failure: result?.failure,
  };
}

function headline(result: Result | undefined): string {
  if (result === undefined) return '🔍 Dry run: nothing was invalidated';
  if (result.failure !== undefined) {
    return result.invalidation === undefined ? '❌ Not invalidated' : '❌ Invalidation asked for, not proven complete';
  }
  const known = result.isKnown ? ' (asked for before, not again)' : '';
  return result.invalidation?.status === 'Completed' ? `✅ Invalidated${known}` : `✅ Invalidation started${known}`;
}

function explanation({ failure }: Result): string {
  const hint = failure?.hint ?? 'Run it again: the same invalidation is found again, not made twice.';
  return `**${escapeMarkdown(failure?.code ?? '')}:** ${escapeMarkdown(failure?.message ?? '')}\n\n**What to do:** ${escapeMarkdown(hint)}`;
}

function list(paths: readonly string[]): string {
  const rest = paths.length - shownPaths;
  return [
    ...paths.slice(0, shownPaths).map((path) => `- ${code(path)}`),
    ...(rest > 0 ? [`- … and ${rest} more`] : []),
  ].join('\n');
}
