import type { ActionReport } from '../../../shared/action/run.ts';
import type { StackState } from '../../../shared/aws/cloudformation.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { code, codeBlock, details, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import type { ApplyResult, StackResult } from './apply.ts';
import type { Observed } from './observe.ts';
import { propertyText, type PlannedChange } from './changes.ts';
import { interruptionOf } from './interruptions.ts';
import { forbidden, type Plan, type StackPlan } from './plan.ts';
import { priceSection, type PriceReport } from './price-report.ts';
import { namePrefix, type StackKey, type StackSpec } from './stacks.ts';
import { condition } from './verdict.ts';

export interface ReportInputs {
  readonly app: string;
  readonly environment: string;
  readonly tier: string;
  /** Undefined where nothing is made that costs anything. */
  readonly price?: PriceReport | undefined;
  /** Of the reviewed plan that is applied. */
  readonly planDigest?: string | undefined;
}

type Outputs = Readonly<Record<string, string>>;
export type Seen = Observed & { readonly bootstrap: ReadonlyMap<string, string> };

/** What later modes and the bootstrap stack fill in; there from the start, so that workflows may name them. */
const emptyOutputs: Outputs = {
  'monthly-usd': '',
  drifted: '',
  'execution-role-arn': '',
  'plan-role-arn': '',
  'apply-role-arn': '',
  'deploy-backend-role-arn': '',
  'deploy-frontend-role-arn': '',
  'permissions-boundary-arn': '',
  'oidc-provider-arn': '',
};

export const fixedOutputs = (bootstrap: ReadonlyMap<string, string>): Outputs => ({
  ...emptyOutputs,
  ...stackOutputs(new Map([['bootstrap', bootstrap]])),
});

export function reportPlan(inputs: ReportInputs, plan: Plan, observed: Seen): ActionReport {
  const changes = plan.stacks.flatMap(({ changes: planned }) => planned ?? []);
  const unknown = plan.stacks.some(({ changes: planned }) => planned === undefined);
  const isUnasked = plan.stacks.some(({ action }) => action === 'unasked');
  const headline = isUnasked
    ? `offline, ${changes.length} resources in its templates`
    : changes.length > 0
      ? counted(changes)
      : unknown
        ? 'not known yet'
        : 'nothing to change';
  const rows = plan.stacks.map(({ spec, action, reason, changes: planned }) => [
    code(spec.name),
    action === 'update' && planned?.length === 0 ? 'unchanged' : action,
    planned === undefined ? 'known once what it waits for is done' : countedFor(action, planned),
    escapeMarkdown(reason),
  ]);
  return {
    outputs: {
      ...fixedOutputs(observed.bootstrap),
      ...stackOutputs(observedOutputs(observed)),
      ...secretOutputs(inputs, observed.openaiApiKeyHasValue),
      changed: 'false',
      // What would change nobody asked.
      changes: isUnasked ? '' : String(changes.length),
      'plan-digest': plan.digest,
      ...priceOutput(inputs),
    },
    summary: paragraphs(
      `### 📋 Plan for ${title(inputs)}: ${headline}`,
      table(['Stack', 'Action', 'Changes', 'Why'], rows),
      refused(forbidden(changes, plan.allowReplacement)),
      interruptions(changes),
      ...plan.warnings.map((warning) => `⚠️ ${escapeMarkdown(warning)}`),
      inputs.price === undefined ? '' : priceSection(inputs.price),
      ...plan.stacks.map(({ spec, action, changes: planned = [] }) =>
        changeList(`${spec.name}: ${countedFor(action, planned)}`, planned),
      ),
      `Tier ${code(inputs.tier)} · plan digest ${code(plan.digest)}`,
    ),
  };
}

function priceOutput({ price }: ReportInputs): Outputs {
  return price === undefined ? {} : { 'monthly-usd': price.price.total.toFixed(2) };
}

/** The plan for the log, a line for every stack and change. */
export function planLines(plan: Plan): readonly string[] {
  return plan.stacks.flatMap(({ spec, action, reason, changes }) => [
    `${spec.name}  ${changes?.length === 0 ? 'unchanged' : `${action}: ${changes === undefined ? 'known later' : countedFor(action, changes).replaceAll('*', '')}`} (${reason})`,
    ...(changes ?? []).flatMap(changeLines),
  ]);
}

function changeLines(change: PlannedChange): readonly string[] {
  const { kind, description, logicalId, properties, stays } = change;
  const interruption = interruptionOf(change);
  return [
    `  ${kind} ${description} (${logicalId})${stays === undefined ? '' : `, ${whatStays[stays]}`}`,
    ...properties.map((property) => `      ${propertyText(property)}`),
    ...(interruption === undefined ? [] : [`      ⚠ ${interruption}`]),
  ];
}

/** For the pull request: what stood there before is no longer what would happen. */
export function failedPlan(inputs: ReportInputs, { code: name, message, hint }: ActionError): string {
  return paragraphs(
    `### ❌ Plan for ${title(inputs)} failed: ${name}`,
    codeBlock(message),
    hint === undefined ? '' : `**What to do:** ${escapeMarkdown(hint)}`,
  );
}

export function reportApply(
  inputs: ReportInputs,
  plan: Plan,
  result: ApplyResult & { readonly bootstrap: ReadonlyMap<string, string>; readonly ms: number },
): ActionReport {
  const failure = combined(result.stacks);
  const changes = result.stacks.flatMap(({ changes: done }) => done);
  const executed = result.stacks.some(({ executed: did }) => did);
  const outputs = stackOutputs(new Map(result.stacks.map(({ spec, outputs: found }) => [spec.key, found])));
  const secrets = secretOutputs(inputs, result.openaiApiKeyHasValue);
  return {
    outputs: {
      ...fixedOutputs(result.bootstrap),
      ...outputs,
      ...secrets,
      changed: String(executed),
      changes: String(changes.length),
      'plan-digest': inputs.planDigest ?? '',
      ...priceOutput(inputs),
    },
    summary: paragraphs(
      headline(inputs, { failed: failure !== undefined, changes, ms: result.ms }),
      failure === undefined ? '' : codeBlock(failure.message),
      failure?.hint === undefined ? '' : `**What to do:** ${escapeMarkdown(failure.hint)}`,
      table(
        ['Stack', 'Outcome', 'Changes', 'Time'],
        result.stacks.map(({ spec, outcome, changes: done, ms }) => [
          code(spec.name),
          marks[outcome],
          counted(done),
          outcome === 'not-started' ? '' : humanDuration(ms),
        ]),
      ),
      ...[...plan.warnings, ...result.stacks.flatMap(({ leftBehind }) => leftBehind)].map(
        (warning) => `⚠️ ${escapeMarkdown(warning)}`,
      ),
      places(outputs),
      missing(secrets['missing-secrets']),
      ...result.stacks.map(({ spec, changes: done }) => changeList(`${spec.name}: ${counted(done)}`, done)),
    ),
    failure,
  };
}

export function reportOutputs(inputs: ReportInputs, specs: readonly StackSpec[], observed: Seen): ActionReport {
  // Deployments need these two; what watches may come later.
  const needed = specs.filter(({ key }) => key === 'foundation' || key === 'app');
  const lacking = needed.flatMap((spec) => lack(spec, observed.stacks.get(spec.key)) ?? []);
  const outputs = stackOutputs(observedOutputs(observed));
  const rows = Object.entries(outputs).map(([name, value]) => [code(name), code(value)]);
  return {
    outputs: unchangedOutputs(inputs, observed),
    summary:
      lacking.length > 0
        ? paragraphs(`### ❌ ${title(inputs)} is not there`, ...lacking.map((text) => `- ${escapeMarkdown(text)}`))
        : details(`Outputs of ${inputs.app} ${inputs.environment}`, table(['Output', 'Value'], rows)),
    failure: lacking.length === 0 ? undefined : notThere(lacking),
  };
}

/** What a mode puts out that changes nothing and plans nothing. */
export function unchangedOutputs(inputs: ReportInputs, observed: Seen): Outputs {
  return {
    ...fixedOutputs(observed.bootstrap),
    ...stackOutputs(observedOutputs(observed)),
    ...secretOutputs(inputs, observed.openaiApiKeyHasValue),
    changed: 'false',
    changes: '0',
    'plan-digest': '',
  };
}

/** Why a stack cannot tell its outputs; undefined when it tells all of them. */
function lack(spec: StackSpec, state: StackState | undefined): string | undefined {
  if (state === undefined) return `${spec.name} does not exist`;
  const { status, outputs } = state;
  if (!['ready', 'busy'].includes(condition(status)) || status.startsWith('DELETE_'))
    return `${spec.name} is ${status}`;
  const missing = spec.template.steadyOutputs.filter((name) => !outputs.has(name));
  if (missing.length === 0) return undefined;
  return `${spec.name} is ${status} without ${missing.map(kebab).join(', ')}`;
}

function notThere(lacking: readonly string[]): ActionError {
  return new ActionError('StackMissing', `not all there in this account and region: ${lacking.join('; ')}`, {
    hint: 'Check app, environment and aws-region, or provision the environment first (mode: apply).',
  });
}

/** Every stack output by its kebab-cased name. */
export function stackOutputs(outputs: ReadonlyMap<StackKey, ReadonlyMap<string, string>>): Outputs {
  return Object.fromEntries(
    [...outputs.values()].flatMap((found) => [...found].map(([name, value]) => [kebab(name), value] as const)),
  );
}

export function kebab(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}

function observedOutputs(observed: Observed): ReadonlyMap<StackKey, ReadonlyMap<string, string>> {
  return new Map([...observed.stacks].map(([key, { outputs }]) => [key, outputs]));
}

function secretOutputs(inputs: ReportInputs, hasValue: boolean | undefined): { readonly 'missing-secrets': string } {
  const name = `${namePrefix(inputs.app, inputs.environment)}/openai-api-key`;
  return { 'missing-secrets': hasValue === false ? name : '' };
}

const marks: Readonly<Record<StackResult['outcome'], string>> = {
  created: '✅ created',
  updated: '✅ updated',
  unchanged: '✅ unchanged',
  failed: '❌ failed',
  'not-started': '➖ not started',
};

/** One error for the step, with every failed stack in it. */
export function combined(stacks: readonly Pick<StackResult, 'failure'>[]): ActionError | undefined {
  const failures = stacks.flatMap(({ failure }) => failure ?? []);
  const [first] = failures;
  if (first === undefined || failures.length === 1) return first;
  const code = failures.every((failure) => failure.code === first.code) ? first.code : 'StacksFailed';
  const hints = [...new Set(failures.flatMap(({ hint }) => hint ?? []))];
  return new ActionError(code, failures.map(({ message }) => message).join('\n'), {
    ...(hints.length === 0 ? {} : { hint: hints.join('\n') }),
    fault: first.fault,
  });
}

function headline(
  inputs: ReportInputs,
  {
    failed,
    changes,
    ms,
  }: { readonly failed: boolean; readonly changes: readonly PlannedChange[]; readonly ms: number },
): string {
  if (failed) return `### ❌ ${title(inputs)} is not what it should be`;
  return changes.length === 0
    ? `### ✅ ${title(inputs)} is unchanged (checked in ${humanDuration(ms)})`
    : `### ✅ ${title(inputs)} is up: ${counted(changes)} in ${humanDuration(ms)}`;
}

export function title({ app, environment }: ReportInputs): string {
  return escapeMarkdown(`${app} ${environment}`);
}

const kinds = ['add', 'change', 'perhaps-replace', 'replace', 'remove'] as const;
const words = {
  add: 'added',
  change: 'changed',
  'perhaps-replace': 'perhaps replaced',
  replace: '**replaced**',
  remove: '**removed**',
} as const;
const signs = {
  add: '➕',
  change: '✏️',
  'perhaps-replace': '♻️ perhaps replaced',
  replace: '♻️ **replaced**',
  remove: '🗑️ **removed**',
} as const;

function counted(changes: readonly PlannedChange[]): string {
  const counts = kinds.map((kind) => [kind, changes.filter((change) => change.kind === kind).length] as const);
  return counts
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${words[kind]}`)
    .join(', ');
}

const whatStays = {
  whole: 'but it stays, outside of the stack, under its name',
  snapshot: 'but for a last snapshot',
} as const;

/** Where AWS was not asked, nobody knows whether it would be added. */
function countedFor(action: StackPlan['action'], changes: readonly PlannedChange[]): string {
  return action === 'unasked' ? `${changes.length} in the template` : counted(changes);
}

function changeList(title: string, changes: readonly PlannedChange[]): string {
  if (changes.length === 0) return '';
  // What takes something away is not to be looked for among what is new.
  const order = changes.toSorted((a, b) => kinds.indexOf(b.kind) - kinds.indexOf(a.kind));
  const rows = order.map(({ kind, description, logicalId, type, properties, stays }) => [
    stays === undefined ? signs[kind] : `${signs[kind]}, ${whatStays[stays]}`,
    escapeMarkdown(description),
    code(logicalId),
    code(type),
    properties.map((property) => code(propertyText(property))).join('<br>'),
  ]);
  return details(title.replaceAll('*', ''), table(['', 'What', 'Id', 'Type', 'Before → after'], rows));
}

function interruptions(changes: readonly PlannedChange[]): string {
  const list = changes.flatMap((change) => {
    const effect = interruptionOf(change);
    const { description, logicalId } = change;
    return effect === undefined
      ? []
      : [`- ${escapeMarkdown(description)} (${code(logicalId)}): ${escapeMarkdown(effect)}`];
  });
  return list.length === 0 ? '' : `⚠️ **Interrupts service:**\n\n${list.join('\n')}`;
}

function refused(changes: readonly PlannedChange[]): string {
  if (changes.length === 0) return '';
  const list = changes.map(
    ({ kind, description, logicalId }) => `${kind} ${escapeMarkdown(description)} (${code(logicalId)})`,
  );
  return `⛔ **Apply would refuse to** ${list.join(', ')}, unless \`allow-replacement\` names it.`;
}

function places(outputs: Outputs): string {
  const shown = [
    'site-url',
    'api-url',
    'cluster',
    'service',
    'ecr-repository',
    'frontend-bucket',
    'uploads-bucket',
    'log-group',
  ];
  const rows = shown.flatMap((name) => {
    const value = outputs[name];
    return value === undefined ? [] : [[code(name), code(value)]];
  });
  return rows.length === 0 ? '' : table(['Output', 'Value'], rows);
}

function missing(secret: string): string {
  if (secret === '') return '';
  const command = `aws secretsmanager put-secret-value --secret-id ${secret} --secret-string file://key.txt`;
  return paragraphs(
    `🔑 **A person must fill in** ${code(secret)}; until then tasks run without it:`,
    codeBlock(command, 'sh'),
    'Then provision and deploy again.',
  );
}

export function paragraphs(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}
