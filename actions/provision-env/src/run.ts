import type { RunContext } from '../../../shared/action/context.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import type { ActionReport } from '../../../shared/action/run.ts';
import { ActionError, isAwsError } from '../../../shared/core/errors.ts';
import { apply } from './apply.ts';
import { commentOn, type CommentIo } from './comment.ts';
import { destroySpecs, planDestroy } from './destroy-plan.ts';
import { destroyLines, reportDestroy, reportDestroyPlan, reportNothing } from './destroy-report.ts';
import { destroy, observeStacks, type DestroyOptions } from './destroy.ts';
import { detectDrift } from './drift.ts';
import { judgeDrift } from './drift-verdict.ts';
import { driftLines, driftWarnings, reportDrift } from './drift-report.ts';
import type { Inputs } from './inputs.ts';
import { bootstrapOutputs, nothingObserved, observe, type Observed, type Ports } from './observe.ts';
import { planOffline, planStacks, type Plan } from './plan.ts';
import { priceOfSpecs, priceOfStacks } from './price.ts';
import { priceLines, refuseExpensive, type PriceReport } from './price-report.ts';
import { usageOf } from './price-usage.ts';
import { failedPlan, planLines, reportApply, reportOutputs, reportPlan } from './report.ts';
import { bootstrapName, bootstrapSpec, namePrefix, serviceOf, stackSpecs, type StackSpec } from './stacks.ts';
import { readTemplates } from './templates.ts';
import { condition } from './verdict.ts';

export type RunIo = Ports &
  CommentIo & {
    readonly progress: Progress;
    readonly context: Pick<RunContext, 'runId' | 'runAttempt'>;
  };

/** Every mode, from what is there to what is said about it. */
export async function run(inputs: Inputs, io: RunIo): Promise<ActionReport> {
  try {
    return await (inputs.isOffline ? offline(inputs, io) : runMode(inputs, io));
  } catch (error) {
    // An older plan that stays on the pull request would be taken for this one.
    if (error instanceof ActionError) await commentOn(failedPlan(inputs, error), inputs, io);
    throw error;
  }
}

async function runMode(inputs: Inputs, io: RunIo): Promise<ActionReport> {
  const start = io.clock.now();
  const { runId, runAttempt } = io.context;
  // Change sets must not share a name with those of another run, attempt, or step of the same job.
  const runName = `slipway-${runId === '' ? 'local' : runId}-${runAttempt}-${start.toString(36)}`;
  const service = serviceOf(inputs.app, inputs.environment);
  const isBootstrap = inputs.mode === 'bootstrap';
  const known = isBootstrap ? undefined : await bootstrapOutputs(inputs, io);
  const roles = known ?? new Map<string, string>();
  const boundary = known === undefined ? undefined : (known.get('PermissionsBoundaryArn') ?? 'none');
  const specs = isBootstrap ? [await bootstrap(inputs, io)] : stackSpecs({ ...inputs, boundary }, readTemplates());
  // That role makes an environment; what it is itself made of it cannot touch.
  const executionRole = isBootstrap ? undefined : (inputs.executionRole ?? roles.get('ExecutionRoleArn'));
  if (inputs.mode === 'destroy') return runDestroy(inputs, io, { executionRole, runName, roles });
  const showOnly = inputs.mode === 'plan' || inputs.dryRun;
  // What was reviewed is compared before anything is touched; and once more for each stack, when those that it needs are done.
  const looksAhead = showOnly || inputs.planDigest !== undefined;
  const readsOnly = inputs.mode === 'outputs' || inputs.mode === 'drift';
  const mode = readsOnly ? 'outputs' : looksAhead ? 'plan' : 'apply';
  const observed = await observe({ ...inputs, mode, executionRole, specs, service, runName }, io);
  if (inputs.mode === 'outputs') return reportOutputs(inputs, specs, { ...observed, bootstrap: roles });
  const waitTimeoutMs = inputs.waitTimeoutMinutes * 60_000;
  if (inputs.mode === 'drift') {
    const seen = await detectDrift({ specs, waitTimeoutMs }, observed.stacks, io);
    const verdicts = seen.map(judgeDrift);
    for (const line of driftLines(verdicts)) io.progress.info(line);
    for (const warning of driftWarnings(inputs, verdicts)) io.progress.warn(warning);
    return reportDrift(inputs, verdicts, { ...observed, bootstrap: roles });
  }
  const plan = planStacks({ ...inputs, specs }, observed);
  const price = isBootstrap ? undefined : priceReport(inputs, specs, observed.stacks);
  if (showOnly) return tellPlan({ inputs, plan, price, observed: { ...observed, bootstrap: roles } }, io);
  for (const warning of plan.warnings) io.progress.warn(warning);
  if (price !== undefined) refuseExpensive(price);
  const result = await apply(plan, { executionRole, runName, waitTimeoutMs, service }, io);
  return reportApply({ ...inputs, price }, plan, { ...result, bootstrap: roles, ms: io.clock.now() - start });
}

async function offline(inputs: Inputs, io: RunIo): Promise<ActionReport> {
  const specs = stackSpecs(inputs, readTemplates());
  const plan = planOffline({ ...inputs, specs });
  const price = priceReport(inputs, specs, 'unknown');
  return tellPlan({ inputs, plan, price, observed: { ...nothingObserved, bootstrap: new Map() } }, io);
}

interface Told {
  readonly inputs: Inputs;
  readonly plan: Plan;
  readonly price: PriceReport | undefined;
  readonly observed: Observed & { readonly bootstrap: ReadonlyMap<string, string> };
}

async function tellPlan({ inputs, plan, price, observed }: Told, io: RunIo): Promise<ActionReport> {
  for (const warning of plan.warnings) io.progress.warn(warning);
  const lines = [...planLines(plan), ...(price === undefined ? [] : priceLines(price))];
  for (const line of lines) io.progress.info(line);
  const report = reportPlan({ ...inputs, price }, plan, observed);
  await commentOn(report.summary, inputs, io);
  return report;
}

function priceReport(inputs: Inputs, specs: readonly StackSpec[], stacks: Observed['stacks'] | 'unknown'): PriceReport {
  const usage = usageOf[inputs.tier];
  const { tier, region, maxMonthlyUsd: limit } = inputs;
  const running = stacks === 'unknown' ? stacks : (priceOfStacks(specs, stacks, usage) ?? 'nothing');
  return { price: priceOfSpecs(specs, usage), running, tier, region, limit };
}

async function runDestroy(
  inputs: Inputs,
  io: RunIo,
  { roles, ...names }: Omit<DestroyOptions, 'waitTimeoutMs'> & { readonly roles: ReadonlyMap<string, string> },
): Promise<ActionReport> {
  const start = io.clock.now();
  const specs = destroySpecs(inputs, readTemplates());
  const plan = planDestroy(inputs, specs, await observeStacks(specs, io));
  if (plan.removals.length === 0) return reportNothing(inputs, roles);
  for (const line of destroyLines(plan)) io.progress.info(line);
  if (inputs.dryRun || !inputs.confirmed) return reportDestroyPlan(inputs, plan, roles);
  const ends = await destroy(plan, { ...names, waitTimeoutMs: inputs.waitTimeoutMinutes * 60_000 }, io);
  return reportDestroy(inputs, { ends, roles, ms: io.clock.now() - start });
}

const gitHubTokens = 'oidc-provider/token.actions.githubusercontent.com';

/**
 * The first environment's stack also holds what all share; a further one has a stack of its own. An account has one provider for GitHub's
 * tokens: one that is there is used, and one that the stack made stays its own.
 */
async function bootstrap(inputs: Inputs, io: RunIo): Promise<StackSpec> {
  const { stacks, progress } = io;
  const { app, environment } = inputs;
  const found = await stacks.describe(bootstrapName(app));
  // What a failed creation left will be removed, and counts for nothing.
  const first = found !== undefined && condition(found.status) === 'leftover' ? undefined : found;
  const isFurther = first !== undefined && first.parameters.get('Environment') !== environment;
  const isThere = await hasProvider(io);
  const isOurs = !isFurther && first?.parameters.get('CreateOidcProvider') === 'true';
  const subject = await subjectOf(inputs, io);
  const parameters = new Map([
    ...inputs.parameters,
    ['Environment', environment] as const,
    ['Name', namePrefix(app, environment)] as const,
    ['GitHubSubject', subject] as const,
    ['SharedParts', String(!isFurther)] as const,
    ['CreateOidcProvider', String(!isFurther && (isOurs || !isThere))] as const,
  ]);
  const name = bootstrapName(app, isFurther ? environment : undefined);
  const spec = bootstrapSpec({ ...inputs, parameters }, name, readTemplates().bootstrap);
  if (isThere && !isOurs) progress.info('bootstrap  the account’s OIDC provider for GitHub is used');
  const zone = spec.parameters.get('HostedZoneId');
  const firstZone = first?.parameters.get('HostedZoneId') ?? '*';
  if (isFurther && zone?.from === 'value' && firstZone !== '*' && firstZone !== zone.value) {
    progress.warn(
      `CloudFormation's role, which all environments share, may make records in ${firstZone} only, not in ${zone.value}: set HostedZoneId: '*' in the first environment's bootstrap`,
    );
  }
  const overrides = [...spec.parameters].map(
    ([key, source]) => `'${key}=${source.from === 'value' ? source.value : ''}'`,
  );
  progress.info('bootstrap  the same by hand, as an administrator of the account:');
  progress.info(
    `  aws cloudformation deploy --region ${inputs.region} --stack-name ${spec.name} --template-file bootstrap.yml --capabilities CAPABILITY_NAMED_IAM --parameter-overrides ${overrides.join(' ')}`,
  );
  return spec;
}

/** Denied, it is taken for missing: where it is not, CloudFormation says so, and nothing is lost. */
async function hasProvider({ oidcProviders, progress }: RunIo): Promise<boolean> {
  try {
    return (await oidcProviders.list()).some((arn) => arn.endsWith(gitHubTokens));
  } catch (error) {
    if (!isAwsError(error, 'AccessDenied', 'AccessDeniedException')) throw error;
    progress.warn(`whether the account knows GitHub already is not known: ${error.message}`);
    return false;
  }
}

/** How GitHub's tokens name this repository: as the configuration says, else as the job's own does, else by the numbers that the runner tells. */
async function subjectOf({ repository, parameters }: Inputs, { subject, progress }: RunIo): Promise<string> {
  const given = parameters.get('GitHubSubject');
  const token = await subject();
  const own = /^repo:[^:]+/.exec(token ?? '')?.[0];
  if (given !== undefined) {
    if (own !== undefined && own !== given)
      progress.warn(
        `GitHubSubject is ${given}, but this job's own token says ${own}: its roles will not trust this repository`,
      );
    return given;
  }
  if (own !== undefined) return own;
  const { name, id, ownerId } = repository;
  const [owner = '', repo = ''] = name.split('/');
  const hasNumbers = id !== '' && ownerId !== '';
  const wanted = hasNumbers ? `repo:${owner}@${ownerId}/${repo}@${id}` : `repo:${name}`;
  const why =
    token === undefined
      ? 'without a token of this job (permissions: id-token: write) it is not known how GitHub’s tokens name'
      : `this job's token says ${token}, which does not begin with "repo:": not known is how tokens name`;
  progress.warn(
    `${why} ${name}: ${wanted} is taken. ` +
      (hasNumbers
        ? `A repository from before 2026-07-15 that was not switched over needs the parameter GitHubSubject: repo:${name}`
        : 'A newer repository is named with its numbers: see the parameter GitHubSubject'),
  );
  return wanted;
}
