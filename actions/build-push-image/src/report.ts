import type { ActionReport } from '../../../shared/action/run.ts';
import type { RegistryImage } from '../../../shared/aws/ecr.ts';
import { humanBytes, humanDuration } from '../../../shared/core/clock.ts';
import type { ActionError } from '../../../shared/core/errors.ts';
import { code, codeBlock, details, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import type { Result, Work } from './apply.ts';
import { describeBuilder } from './builder.ts';
import { describeSize, sizeOf } from './image-size.ts';
import { repositoryUri } from './inputs.ts';
import type { LocallyObserved } from './observe.ts';
import type { Plan, Step } from './plan.ts';
import { findingsParts, scanCell } from './scan-report.ts';
import type { BaseImage } from './source-hash.ts';
import type { Verification } from './verify-image.ts';
import type { ArchiveResult, ArchiveWork } from './write-archive.ts';

/** Without a `result` the run was a dry run: what would be done. */
export function report(work: Work, result: Result | undefined): ActionReport {
  const { inputs, observed, plan } = work;
  const uri = result === undefined ? repositoryUri(inputs, observed.repository?.uri) : result.repositoryUri;
  const digest = (result === undefined ? plan.image : result.image)?.digest ?? '';
  const changed = result !== undefined && (result.createdRepository || result.pushed || result.putTags.length > 0);
  // What failed is handed on to nobody: a later step may run all the same ("if: always()").
  const failed = result?.failure !== undefined;
  const handedOn = failed ? '' : digest;
  return {
    outputs: {
      image: handedOn === '' || uri === undefined ? '' : `${uri}@${handedOn}`,
      digest: handedOn,
      tags: (result === undefined ? plan.keptTags : namedTags(work, result)).join('\n'),
      'source-hash': observed.source.unknown.length === 0 ? observed.source.hash : '',
      outcome: result === undefined ? 'planned' : failed ? '' : result.outcome,
      reusable: String(!failed && (result ?? plan).outcome === 'reused'),
      'scan-findings': result?.findings === undefined ? '' : JSON.stringify(result.findings.counts),
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
export function planLines({ outcome, reason, steps, keptTags, savesMs }: Plan): readonly string[] {
  const headline =
    outcome === 'reused'
      ? `Nothing to build: ${reason}`
      : `To ${steps.some(({ kind }) => kind === 'push') ? 'push' : 'build'}: ${reason}`;
  const rest = steps
    .filter(({ kind }) => kind !== 'build' && kind !== 'push' && kind !== 'record')
    .map((step) => `- ${describeStep(step)} (${step.reason})`);
  const kept = keptTags.map((tag) => `- tag ${tag}: there already`);
  return [
    headline,
    ...(savesMs === undefined ? [] : [`Time saved: about ${humanDuration(savesMs)}`]),
    ...rest,
    ...kept,
  ];
}

function describeStep(step: Step): string {
  switch (step.kind) {
    case 'create-repository':
      return 'create the repository';
    case 'build':
      return `build and push as ${step.tag}`;
    case 'load':
      return `load ${JSON.stringify(step.archive)}`;
    case 'push':
      return `push as ${step.tag}`;
    case 'check':
      return `check ${step.tag}`;
    case 'record':
      return 'record the build';
    case 'scan':
      return 'wait for the scan';
    case 'tag':
      return `tag ${step.tag}`;
  }
}

function summary(work: Work, result: Result | undefined, digest: string): string {
  const { inputs, observed, plan } = work;
  const rows: Row[] = [];
  if (digest !== '') rows.push(['Digest', code(digest)]);
  const tags = tagCells(work, result);
  if (tags !== '') rows.push(['Tags', tags]);
  rows.push(['Why', escapeMarkdown(plan.reason)]);
  const image = result === undefined ? plan.image : result.image;
  if (plan.savesMs !== undefined) {
    rows.push(['Time saved', `about ${humanDuration(plan.savesMs)}, as long as its build took`]);
  }
  const size = image === undefined ? [] : sizeLines(image, work, result);
  if (size.length > 0) rows.push(['Size', cell(size)]);
  if (inputs.archiveFrom !== undefined && plan.outcome === 'built') rows.push(['From', code(inputs.archiveFrom)]);
  rows.push(...sourceRows(observed), ...verificationRows(result?.verification));
  if (result?.createdRepository === true) rows.push(['Repository', 'created: scan on push, immutable tags']);
  for (const { step, ms } of result?.durations ?? []) {
    const name = timed[step];
    if (name !== undefined) rows.push([name, humanDuration(ms)]);
  }
  if (result?.findings !== undefined) rows.push(['Scan', scanCell(result.findings)]);
  const parts = [`### ${headline(work, result)} ${code(inputs.repository)}`, rowTable(rows)];
  if (result?.findings !== undefined) parts.push(...findingsParts(result.findings));
  const remarks = [...plan.warnings, ...(result?.remarks ?? [])];
  if (remarks.length > 0) parts.push(remarks.map((remark) => `- ⚠️ ${escapeMarkdown(remark)}`).join('\n'));
  parts.push(...failureParts(result?.failure));
  if (result === undefined) parts.push(details('The plan', planLines(plan).map(escapeMarkdown).join('<br>')));
  return parts.join('\n\n');
}

const timed: Readonly<Partial<Record<Step['kind'], string>>> = {
  build: 'Built and pushed in',
  load: 'Loaded in',
  push: 'Pushed in',
  scan: 'Scanned in',
};

type Row = readonly [string, string];

function sourceRows({ source, builder }: LocallyObserved): readonly Row[] {
  const { hash, context, bases, contexts } = source;
  const image = ({ name, identity }: BaseImage): string =>
    `${code(name)} ${code(identity?.slice(0, 19) ?? 'not identified')}`;
  const images = bases.map(image);
  const named = contexts.map(
    ({ name, is }) =>
      `${code(name)} ${is.kind === 'image' ? image(is.image) : `${code(is.path)} · ${is.digest.files} files, ${humanBytes(is.digest.bytes)}`}`,
  );
  return [
    ['Source', `${code(hash.slice(0, 12))} · ${context.files} files, ${humanBytes(context.bytes)}`],
    ...(images.length > 0 ? [['Base images', images.join('<br>')] as const] : []),
    ...(named.length > 0 ? [['Named contexts', named.join('<br>')] as const] : []),
    ['Builder', escapeMarkdown(describeBuilder(builder))],
  ];
}

/** The image before: what was built last; where nothing is built, what a wanted tag named before. */
function sizeLines(image: RegistryImage, { inputs, observed }: Work, result: Result | undefined): readonly string[] {
  const { images, stock } = observed;
  const moved = inputs.tags.map((tag) => images.get(tag)).find((named) => named && named.digest !== image.digest);
  return describeSize(result?.size ?? sizeOf(image), stock?.last ?? (moved && sizeOf(moved)));
}

function cell(lines: readonly string[]): string {
  return lines.map(escapeMarkdown).join('<br>');
}

function verificationRows(verification: Verification | undefined): readonly Row[] {
  const { confirmed = [], unchecked = [] } = verification ?? {};
  return [
    ...(confirmed.length > 0 ? [['Checked', cell(confirmed)] as const] : []),
    ...(unchecked.length > 0 ? [['Not checked', cell(unchecked)] as const] : []),
  ];
}

function rowTable(rows: readonly Row[]): string {
  return table(
    ['', ''],
    rows.map(([name, cell]) => [`**${name}**`, cell]),
  );
}

function failureParts(failure: ActionError | undefined): readonly string[] {
  if (failure === undefined) return [];
  const parts = [`**${escapeMarkdown(failure.code)}**`, codeBlock(failure.message)];
  return failure.hint === undefined ? parts : [...parts, `**What to do:** ${escapeMarkdown(failure.hint)}`];
}

/** What "mode: archive" is about to do, for the log. */
export function archiveLines({ archive }: ArchiveWork): readonly string[] {
  return [`To build into ${JSON.stringify(archive)}; no registry and nothing of AWS is asked`];
}

/** Without a `result` the run was a dry run. */
export function reportArchive(work: ArchiveWork, result: ArchiveResult | undefined): ActionReport {
  const { inputs, observed, archive } = work;
  const failure = result?.failure;
  const rows: Row[] = [['Archive', code(archive)], ...sourceRows(observed)];
  if (result !== undefined && failure === undefined) {
    rows.push(['Size', humanBytes(result.bytes)], ['Built in', humanDuration(result.ms)]);
  }
  const did =
    result === undefined
      ? '📝 Dry run: would build an archive of'
      : failure === undefined
        ? '📦 Built, not pushed:'
        : '❌ Archive not built:';
  return {
    outputs: {
      image: '',
      digest: '',
      tags: '',
      'source-hash': observed.source.unknown.length === 0 ? observed.source.hash : '',
      outcome: result === undefined ? 'planned' : failure === undefined ? 'built' : '',
      reusable: 'false',
      'scan-findings': '',
      changed: 'false',
    },
    summary: [`### ${did} ${code(inputs.repository)}`, rowTable(rows), ...failureParts(failure)].join('\n\n'),
    failure,
  };
}

function headline({ inputs, plan }: Work, result: Result | undefined): string {
  if (result === undefined)
    return plan.outcome === 'reused'
      ? '📝 Dry run: would reuse the image of'
      : `📝 Dry run: would ${inputs.archiveFrom === undefined ? 'build' : 'push'}`;
  if (result.failure !== undefined) return '❌ Image not released:';
  if (result.outcome === 'reused') {
    return plan.outcome === 'reused' ? '♻️ Unchanged, nothing built:' : '♻️ Built by another run meanwhile:';
  }
  return inputs.archiveFrom === undefined ? '🐳 Built and pushed' : '🐳 Pushed';
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
