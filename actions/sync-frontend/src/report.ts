import type { ActionReport } from '../../../shared/action/run.ts';
import { humanBytes, humanDuration } from '../../../shared/core/clock.ts';
import { code, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import type { Result } from './apply.ts';
import type { CheckInputs, PublishInputs, RollbackInputs } from './inputs.ts';
import type { Plan } from './plan.ts';
import type { Verdict } from './plan-check.ts';
import type { Deletion } from './plan-deletions.ts';
import { bytesSent, type Reason, type SendStep, type Stage } from './plan-steps.ts';

/** The whole summary is to fit on a screen. */
const shownRows = 15;

const verbs: Readonly<Record<SendStep['kind'], string>> = {
  put: 'sent',
  restore: 'restored',
  rewrite: 'restored',
  headers: 'headers set',
};

const reasons: readonly Reason[] = ['new', 'content', 'headers', 'missing'];
const pages: ReadonlySet<Stage> = new Set<Stage>(['new-page', 'page', 'index']);

/** `result` undefined: a dry run, whose outputs count nothing as done. */
export function reportPublish(
  plan: Plan,
  inputs: PublishInputs | RollbackInputs,
  result: Result | undefined,
): ActionReport {
  const steps = (result?.done ?? plan.steps).filter((step) => step.kind !== 'keep');
  const bodies = steps.filter(({ kind }) => kind !== 'headers');
  const gone = new Set(result?.deleted ?? plan.deletions.map(({ path }) => path));
  const deleted = plan.deletions.filter(({ path }) => gone.has(path));
  const bytes = bytesSent(steps);
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
      ...explanation(plan, result),
      ...plan.warnings.map((warning) => `⚠️ ${escapeMarkdown(warning)}`),
      ...changes({ steps, deleted }),
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

function failedHeadline(plan: Plan, { done, isPublished, failure }: Result): string {
  if (isPublished) return `❌ Release ${code(plan.releaseId)} is served, but not everything could be tidied up`;
  if (failure?.code === 'ConcurrentPublish') return '❌ Two runs published at once: what is served may be of both';
  if (!done.some(({ stage }) => pages.has(stage))) return '❌ Not published: every page is as it was';
  return done.length === plan.steps.length
    ? '❌ Not finished: every page is new, but the release is not on record'
    : '❌ Not finished: some pages are new, some as they were';
}

function explanation(plan: Plan, result: Result | undefined): readonly string[] {
  if (result?.failure === undefined) return [];
  const { code: name, message, hint } = result.failure;
  const steps = plan.steps.length - result.done.length;
  const deletions = plan.deletions.length - result.deleted.length;
  const left = [
    ...(steps > 0 ? [`${steps} of ${plan.steps.length} objects to write`] : []),
    ...(plan.state !== undefined && !result.isPublished ? ['the record of the release'] : []),
    ...(deletions > 0 ? [`${deletions} of ${plan.deletions.length} files to delete`] : []),
  ];
  return [
    `**${escapeMarkdown(name)}:** ${escapeMarkdown(message)}`,
    ...(left.length > 0 ? [`**Left:** ${left.join(', ')}`] : []),
    `**What to do:** ${escapeMarkdown(whatToDo(hint))}`,
  ];
}

function whatToDo(hint: string | undefined): string {
  if (hint === undefined) return 'Run it again: it finishes what is left.';
  return /\bagain\b/.test(hint) ? hint : `${hint} Then run it again: it finishes what is left.`;
}

interface Done {
  readonly steps: readonly SendStep[];
  readonly deleted: readonly Deletion[];
}

/** Totals by reason, then the files, biggest first. */
function changes({ steps, deleted }: Done): readonly string[] {
  const rows = [
    ...steps.map(({ path, kind, reason, size }) => ({ path, size, what: verbs[kind], why: reason })),
    ...deleted.map(({ path, reason, size }) => ({ path, size, what: 'deleted', why: reason })),
  ].sort((a, b) => b.size - a.size);
  if (rows.length === 0) return [];
  const total = (why: string, files: readonly { readonly size: number }[]): readonly (readonly string[])[] =>
    files.length === 0 ? [] : [[why, String(files.length), humanBytes(files.reduce((sum, { size }) => sum + size, 0))]];
  const totals = table(
    ['Why', 'Files', 'Size'],
    [
      ...reasons.flatMap((reason) =>
        total(
          reason,
          steps.filter((step) => step.reason === reason),
        ),
      ),
      ...total('deleted', deleted),
    ],
  );
  const shown = rows.slice(0, shownRows);
  const files = table(
    ['File', 'What', 'Why', 'Size'],
    shown.map(({ path, what, why, size }) => [code(path), what, why, humanBytes(size)]),
  );
  const rest = rows.length > shownRows ? [`… and ${rows.length - shownRows} smaller ones`] : [];
  return [totals, files, ...rest];
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
