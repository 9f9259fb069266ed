import type { ActionReport } from '../../../shared/action/run.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { code, codeBlock, details, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import { notConfirmed, removedBy, type DestroyPlan, type Doomed } from './destroy-plan.ts';
import type { StackEnd } from './destroy.ts';
import { monthlyOf } from './leftover-prices.ts';
import { inOrder, kindWords, removalOf, type Leftover } from './leftovers.ts';
import { combined, fixedOutputs, paragraphs, title, type ReportInputs } from './report.ts';

type Inputs = ReportInputs & { readonly confirmed: boolean; readonly dryRun: boolean };
type Roles = ReadonlyMap<string, string>;

const outputs = (roles: Roles, changed: boolean, changes: number): ActionReport['outputs'] => ({
  ...fixedOutputs(roles),
  changed: String(changed),
  changes: String(changes),
  'plan-digest': '',
});

/** Of what an earlier run left, nothing but its tags tells any more. */
export function reportNothing(inputs: ReportInputs & { readonly region: string }, roles: Roles): ActionReport {
  const { app, environment, region } = inputs;
  const find = `aws resourcegroupstaggingapi get-resources --region ${region} --tag-filters Key=app,Values=${app} Key=environment,Values=${environment} --query 'ResourceTagMappingList[].ResourceARN'`;
  return {
    outputs: outputs(roles, false, 0),
    summary: paragraphs(
      `### ✅ Nothing to destroy: ${title(inputs)} has no stacks in ${escapeMarkdown(region)}`,
      'What an earlier run kept is still there: its own summary names it, and so do the tags of these resources:',
      codeBlock(find, 'sh'),
    ),
  };
}

/** What would go and what would stay; red when a person has not said that it is meant. */
export function reportDestroyPlan(inputs: Inputs, plan: DestroyPlan, roles: Roles): ActionReport {
  const all = plan.removals.flatMap(({ resources }) => resources);
  const gone = removedBy(plan);
  const failure = inputs.dryRun ? undefined : notConfirmed(plan);
  return {
    outputs: outputs(roles, false, gone.length),
    summary: paragraphs(
      `### ${failure === undefined ? '📋' : '⛔'} Destroying ${title(inputs)} would remove ${gone.length} resources; nothing was touched`,
      failure?.hint === undefined ? '' : `**What to do:** ${escapeMarkdown(failure.hint)}`,
      served(plan),
      table(['Data', 'What becomes of it', 'Names'], dataRows(all)),
      table(
        ['Stack', 'Region', 'State', 'Goes', 'Stays'],
        plan.removals.map(({ spec, state, resources }) => [
          code(spec.name),
          code(spec.region),
          code(state.status),
          String(resources.filter(({ fate }) => fate !== 'kept').length),
          String(resources.filter(({ fate }) => fate === 'kept').length),
        ]),
      ),
      ...plan.removals.map(({ spec, resources }) =>
        details(
          `${spec.name}: all ${resources.length} resources`,
          table(
            ['', 'What', 'Id', 'Name'],
            dataFirst(resources).map((one) => [
              signs[one.fate],
              escapeMarkdown(one.description),
              code(one.logicalId),
              one.physicalId === '' ? '' : code(one.physicalId),
            ]),
          ),
        ),
      ),
    ),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** The plan for the log: data first, then the rest, stack by stack. */
export function destroyLines({ removals }: DestroyPlan): readonly string[] {
  return removals.flatMap(({ spec, state, resources }) => [
    `${spec.name} in ${spec.region} (${state.status})${state.isProtected ? ', protected until confirmed' : ''}`,
    ...dataFirst(resources).map(
      ({ fate, description, logicalId, physicalId }) =>
        `  ${verbs[fate]} ${description} (${logicalId})${physicalId === '' ? '' : `: ${physicalId}`}`,
    ),
  ]);
}

export interface Destroyed {
  readonly ends: readonly StackEnd[];
  readonly roles: Roles;
  readonly ms: number;
}

export function reportDestroy(inputs: ReportInputs, { ends, roles, ms }: Destroyed): ActionReport {
  const failure = combined(ends);
  const removed = ends.reduce((sum, end) => sum + end.removed, 0);
  const left = inOrder(ends.flatMap((end) => end.left));
  const executed = ends.some((end) => end.executed);
  return {
    outputs: outputs(roles, executed, removed),
    summary: paragraphs(
      failure === undefined
        ? `### ✅ ${title(inputs)} is gone: ${removed} resources removed in ${humanDuration(ms)}`
        : `### ❌ ${title(inputs)} is not gone: ${removed} resources removed so far`,
      failure === undefined ? '' : codeBlock(failure.message),
      failure?.hint === undefined ? '' : `**What to do:** ${escapeMarkdown(failure.hint)}`,
      table(
        ['Stack', 'Outcome', 'Removed', 'Time'],
        ends.map(({ spec, outcome, removed: count, ms: took }) => [
          code(spec.name),
          marks[outcome],
          String(count),
          outcome === 'not-started' ? '' : humanDuration(took),
        ]),
      ),
      leftOver(left),
      failure === undefined ? `The bootstrap stack of ${code(inputs.app)} was not touched.` : '',
    ),
    failure,
  };
}

function leftOver(left: readonly Leftover[]): string {
  if (left.length === 0) return '';
  const rows = [...Map.groupBy(left, ({ type }) => type)].map(([type, items]) => [
    `${items.length} ${escapeMarkdown(kindWords(type, items.length))}`,
    items
      .map(({ physicalId }) => (physicalId === undefined ? 'name not known' : code(shortName(physicalId))))
      .join(', '),
    escapeMarkdown(monthlyOf(type) ?? 'not known'),
  ]);
  return paragraphs(
    '**What is left, and what it costs a month** (list price of us-east-1):',
    table(['What', 'Names', 'A month'], rows),
    details(
      'How to remove each for good',
      paragraphs(
        'This cannot be undone. Without the encryption key, what it encrypted is lost: it goes last.',
        codeBlock(left.flatMap(removalOf).join('\n'), 'sh'),
      ),
    ),
    left.some(({ type }) => type !== 'AWS::RDS::DBSnapshot')
      ? '⚠️ These keep their names: a later `apply` of this environment ends with "already exists" until they are removed, or imported into a stack. A new database begins empty; the snapshot is brought back by hand.'
      : '',
  );
}

/** `arn:aws:secretsmanager:…:secret:studio/jwt-secret-AbCdEf`: what a person calls it. */
function shortName(physicalId: string): string {
  return /^arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.+)-\w{6}$/.exec(physicalId)?.[1] ?? physicalId;
}

const marks: Readonly<Record<StackEnd['outcome'], string>> = {
  gone: '✅ gone',
  failed: '❌ failed',
  'not-started': '➖ not started',
};
const verbs = { removed: 'remove', snapshot: 'remove, with a last snapshot,', kept: 'keep' } as const;
const signs = { removed: '🗑️', snapshot: '🗑️ with a last snapshot', kept: '📦 stays' } as const;

/** What holds data and goes all the same. */
const losing = ['AWS::ElastiCache::ReplicationGroup'];

function rank({ type, fate }: Doomed): number {
  if (fate === 'snapshot') return 0;
  if (losing.includes(type)) return 1;
  return fate === 'kept' ? 2 : 3;
}

function dataFirst(resources: readonly Doomed[]): readonly Doomed[] {
  return resources.toSorted((a, b) => rank(a) - rank(b));
}

function dataRows(all: readonly Doomed[]): readonly (readonly [string, string, string])[] {
  const data = dataFirst(all).filter((one) => rank(one) < 3);
  return [...Map.groupBy(data, ({ type, fate }) => `${fate} ${type}`).values()].map((items) => {
    const names = items.map(({ physicalId, logicalId }) => code(shortName(physicalId === '' ? logicalId : physicalId)));
    const [what, fate] = becoming(items);
    return [escapeMarkdown(what), fate, names.join(', ')];
  });
}

/** Of resources of one type that all have the same fate. */
function becoming(items: readonly Doomed[]): readonly [string, string] {
  const [first] = items;
  if (first?.fate === 'snapshot')
    return [first.description, '**removed**, with a last snapshot; its automatic backups go with it'];
  return first?.fate === 'kept'
    ? [`${items.length} ${kindWords(first.type, items.length)}`, 'stays']
    : [first?.description ?? '', '**lost**'];
}

function served({ removals }: DestroyPlan): string {
  const found = removals.find(({ spec }) => spec.key === 'app')?.state.outputs;
  const urls = [found?.get('SiteUrl'), found?.get('ApiUrl')].flatMap((url) => url ?? []);
  return urls.length === 0 ? '' : `**No longer served:** ${urls.map(code).join(', ')}`;
}
