import type { ActionReport } from '../../../shared/action/run.ts';
import { humanBytes, humanDuration } from '../../../shared/core/clock.ts';
import { code, codeBlock, details, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import { repositoryUri, type Result, type Work } from './apply.ts';
import { describeBuilder } from './builder.ts';
import type { Plan, Step } from './plan.ts';
import { severities } from './scan.ts';

/** Without a `result` the run was a dry run: what would be done. */
export function report(work: Work, result: Result | undefined): ActionReport {
  const { inputs, observed, plan } = work;
  const uri = result === undefined ? repositoryUri(inputs, observed.repository?.uri) : result.repositoryUri;
  const digest = (result === undefined ? plan.image : result.image)?.digest ?? '';
  const changed = result !== undefined && (result.createdRepository || result.pushed || result.putTags.length > 0);
  return {
    outputs: {
      image: digest === '' || uri === undefined ? '' : `${uri}@${digest}`,
      digest,
      tags: (result === undefined ? plan.keptTags : namedTags(work, result)).join('\n'),
      'source-hash': observed.source.unknown.length === 0 ? observed.source.hash : '',
      outcome: result === undefined ? 'planned' : result.failure !== undefined && digest === '' ? '' : result.outcome,
      'scan-findings': result?.findings === undefined ? '' : JSON.stringify(result.findings),
      changed: String(changed),
    },
    summary: summary(work, result, digest),
    failure: result?.failure,
  };
}

/** The wanted tags that name the image now, in the order they were given. */
function namedTags({ inputs, plan }: Work, { putTags, failure }: Result): readonly string[] {
  // A put that found its work done by another run counts as well.
  return failure === undefined
    ? inputs.tags
    : inputs.tags.filter((tag) => plan.keptTags.includes(tag) || putTags.includes(tag));
}

/** The plan in plain lines, for the log. */
export function planLines({ outcome, reason, steps, keptTags }: Plan): readonly string[] {
  const headline = outcome === 'reused' ? `Nothing to build: ${reason}` : `To build: ${reason}`;
  const rest = steps.filter(({ kind }) => kind !== 'build').map((step) => `- ${describeStep(step)} (${step.reason})`);
  const kept = keptTags.map((tag) => `- tag ${tag}: there already`);
  return [headline, ...rest, ...kept];
}

function describeStep(step: Step): string {
  switch (step.kind) {
    case 'create-repository':
      return 'create the repository';
    case 'build':
      return `build and push as ${step.tag}`;
    case 'scan':
      return 'wait for the scan';
    case 'tag':
      return `tag ${step.tag}`;
  }
}

function summary(work: Work, result: Result | undefined, digest: string): string {
  const { inputs, observed, plan } = work;
  const { source } = observed;
  const rows: (readonly [string, string])[] = [];
  if (digest !== '') rows.push(['Digest', code(digest)]);
  const tags = tagCells(work, result);
  if (tags !== '') rows.push(['Tags', tags]);
  rows.push(['Why', escapeMarkdown(plan.reason)]);
  rows.push([
    'Source',
    `${code(source.hash.slice(0, 12))} · ${source.context.files} files, ${humanBytes(source.context.bytes)}`,
  ]);
  if (source.bases.length > 0) {
    rows.push([
      'Base images',
      source.bases
        .map(({ name, identity }) => `${code(name)} ${code(identity?.slice(0, 19) ?? 'not identified')}`)
        .join('<br>'),
    ]);
  }
  rows.push(['Builder', escapeMarkdown(describeBuilder(observed.builder))]);
  if (result?.createdRepository === true) rows.push(['Repository', 'created: scan on push, immutable tags']);
  for (const { step, ms } of result?.durations ?? []) {
    if (step === 'build' || step === 'scan')
      rows.push([step === 'build' ? 'Built and pushed in' : 'Scanned in', humanDuration(ms)]);
  }
  const parts = [
    `### ${headline(work, result)} ${code(inputs.repository)}`,
    table(
      ['', ''],
      rows.map(([name, cell]) => [`**${name}**`, cell]),
    ),
  ];
  if (result?.findings !== undefined) parts.push(findingsTable(result.findings));
  if (result?.failure !== undefined) {
    parts.push(`**${escapeMarkdown(result.failure.code)}**`, codeBlock(result.failure.message));
    if (result.failure.hint !== undefined) parts.push(`**What to do:** ${escapeMarkdown(result.failure.hint)}`);
  }
  if (result === undefined) parts.push(details('The plan', planLines(plan).map(escapeMarkdown).join('<br>')));
  return parts.join('\n\n');
}

function headline({ plan }: Work, result: Result | undefined): string {
  if (result === undefined)
    return plan.outcome === 'built' ? '📝 Dry run: would build' : '📝 Dry run: would reuse the image of';
  if (result.failure !== undefined) return '❌ Image not released:';
  return result.outcome === 'built' ? '🐳 Built and pushed' : '♻️ Unchanged, nothing built:';
}

function tagCells({ inputs, plan }: Work, result: Result | undefined): string {
  return inputs.tags
    .map((tag) => {
      if (plan.keptTags.includes(tag)) return `${code(tag)} there already`;
      const step = plan.steps.find((candidate) => candidate.kind === 'tag' && candidate.tag === tag);
      const reason = escapeMarkdown((step?.reason ?? '').replace(/(sha256:[0-9a-f]{12})[0-9a-f]+/, '$1'));
      if (result === undefined) return `${code(tag)} ${reason} (planned)`;
      if (result.putTags.includes(tag)) return `${code(tag)} ${reason}`;
      return `${code(tag)} ${result.failure === undefined ? 'there already' : 'not given'}`;
    })
    .join('<br>');
}

function findingsTable(findings: Readonly<Record<string, number>>): string {
  return table(
    severities.map((severity) => severity.toLowerCase()),
    [severities.map((severity) => String(findings[severity] ?? 0))],
  );
}
