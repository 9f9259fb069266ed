import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { RunContext } from '../../../shared/action/context.ts';
import type { CommonInputs, InputReader } from '../../../shared/action/input-reader.ts';
import { anyText, integer, matching, oneOf, roleArn } from '../../../shared/core/parsers.ts';
import { nearest } from '../../../shared/core/suggest.ts';
import { emptyConfig, parseConfig, type Config } from './config.ts';
import { contradictions } from './contradictions.ts';
import { cloudFrontPrefixLists } from './prefix-lists.ts';
import { planDigestPattern } from './plan-digest.ts';
import {
  confirmationOf,
  fitsInline,
  inputParameters,
  isGiven,
  namePrefix,
  observedParameters,
  stackKeys,
  stackNeeds,
  tiers,
  withEnvironmentVariables,
} from './stacks.ts';
import { accepts, maxTemplateBytes } from './template.ts';
import { readTemplates, type Templates } from './templates.ts';

export interface Inputs extends CommonInputs {
  readonly mode: 'plan' | 'apply' | 'drift' | 'destroy' | 'outputs' | 'bootstrap';
  readonly app: string;
  readonly environment: string;
  readonly tier: (typeof tiers)[number];
  /** Chosen by a person, by template parameter. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly environmentVariables: ReadonlyMap<string, string>;
  /** The one that this runs in; empty texts where there is none. */
  readonly repository: { readonly name: string; readonly id: string; readonly ownerId: string };
  readonly planDigest: string | undefined;
  readonly allowReplacement: readonly string[];
  /** Dollars; more is refused. */
  readonly maxMonthlyUsd: number | undefined;
  /** Mode `destroy`: a person has typed what shall go. */
  readonly confirmed: boolean;
  readonly executionRole: string | undefined;
  readonly waitTimeoutMinutes: number;
  /** A plan for a pull request from a fork, whose run has no credentials. */
  readonly isOffline: boolean;
  /** Set when the plan is to be a comment on the pull request. */
  readonly comment: { readonly token: string | undefined } | undefined;
  /** Whether the run fails when something is, or may be, not what the templates say. */
  readonly driftIs: 'green' | 'red';
}

const name = matching(
  /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/,
  'lower-case letters, digits and single "-", starting with a letter',
);
const domainName = matching(/^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, 'a domain such as "example.com"');
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** What the template reads from Secrets Manager. */
const secretVariables = ['DATABASE_URL', 'OPENAI_API_KEY', 'SECRET_KEY', 'REDIS_URL'];
const allKeys = ['bootstrap', ...stackKeys] as const;

type Context = Pick<RunContext, 'workspace' | 'repository' | 'repositoryId' | 'ownerId' | 'pullRequest'>;

export function parseInputs(read: InputReader, context: Context): Inputs {
  const config = loadConfig(read, context.workspace);
  // In the file it describes the environment and lies idle in other modes; given to the action it asks something of this run.
  const ownDriftIs = read.text('drift-is');
  read.defaults(config.inputs);

  const common = read.common();
  const mode = read.withDefault('mode', oneOf(['plan', 'apply', 'drift', 'destroy', 'outputs', 'bootstrap']), 'plan');
  const app = read.withDefault('app', name, 'analytics-studio');
  const environment = read.withDefault('environment', name, 'production');
  const prefix = namePrefix(app, environment);
  // A load balancer's name has 32 characters at most, "-alb" included; a stack's name tells both.
  if (prefix.length > 28) read.problem('app', prefix, 'app and environment of at most 28 characters together');
  if (prefix === 'internal' || prefix.startsWith('internal-'))
    read.problem('app', prefix, 'names that do not begin with "internal-", as load balancers’ may not');
  if (environment.length > 20) read.problem('environment', environment, 'at most 20 characters');
  if (app.length > 27) read.problem('app', app, 'at most 27 characters');
  const tier = read.withDefault('tier', oneOf(tiers), 'development');

  const compute = read.withDefault('compute', oneOf(['fargate', 'ec2']), 'fargate');
  if (compute === 'ec2' && tier !== 'development')
    read.problem('compute', compute, `"fargate" in tier "${tier}": one small instance is for development`);
  const kms = read.withDefault('kms', oneOf(['aws', 'customer']), 'aws');

  const templates = readTemplates();
  const parameters = new Map(checkParameters(read, config, templates));
  parameters.set('Compute', compute).set('Kms', kms);
  if (compute === 'ec2') instanceDefaults(parameters);
  checkDomain(read, parameters);
  if (mode === 'bootstrap') checkRepository(read, parameters, context);
  else if (mode !== 'outputs' && mode !== 'destroy') checkPrefixList(read, parameters, common.region);
  const nat = read.optional('nat', oneOf(['none', 'single', 'per-az']));
  if (nat !== undefined) parameters.set('Nat', nat);

  const hasDomain = read.text('domain') !== undefined;
  const region = common.region === '' ? undefined : common.region;
  for (const { field, value, accepted } of contradictions({ tier, region, hasDomain, parameters }, templates))
    read.problem(field, value, accepted);

  const confirm = read.text('confirm');
  if (confirm !== undefined && mode !== 'destroy')
    read.problem('confirm', confirm, 'empty, except with mode "destroy"');
  else if (confirm !== undefined && confirm !== confirmationOf({ app, environment }))
    read.problem('confirm', confirm, `"${confirmationOf({ app, environment })}", what shall be destroyed`);
  const driftIs = read.withDefault('drift-is', oneOf(['green', 'red']), 'green');
  if (ownDriftIs === 'red' && mode !== 'drift')
    read.problem('drift-is', ownDriftIs, '"green", except with mode "drift"');
  const planDigest = read.optional('plan-digest', matching(planDigestPattern, 'the output plan-digest of a plan'));
  if (planDigest !== undefined && mode !== 'apply')
    read.problem('plan-digest', planDigest, 'empty, except with mode "apply"');
  const isPlan = mode === 'plan' || (mode === 'apply' && common.dryRun);
  const wantsComment = read.boolean('comment', false);
  if (wantsComment && !isPlan) read.problem('comment', 'true', '"false", except with mode "plan"');
  const token = read.secret('github-token');
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    read.problem('github-token', '***', 'a token: one word of ASCII characters');

  const environmentVariables = checkVariables(read, config);
  if (!fitsInline(withEnvironmentVariables(templates.app.text, environmentVariables))) {
    read.problem('environment-variables', undefined, `so few that app.yml stays within ${maxTemplateBytes} bytes`);
  }
  return read.finish({
    ...common,
    mode: mode === 'apply' && common.dryRun ? 'plan' : mode,
    app,
    environment,
    tier,
    parameters,
    environmentVariables,
    repository: { name: context.repository, id: context.repositoryId, ownerId: context.ownerId },
    planDigest,
    allowReplacement: checkReplacements(read, templates),
    maxMonthlyUsd: read.optional('max-monthly-usd', integer(1, 1_000_000)),
    confirmed: confirm !== undefined,
    executionRole: read.optional('execution-role-arn', roleArn),
    waitTimeoutMinutes: read.integer('wait-timeout-minutes', { min: 1, max: 720, fallback: 60 }),
    isOffline: isPlan && context.pullRequest?.isFork === true,
    comment: wantsComment ? { token } : undefined,
    driftIs,
  });
}

function loadConfig(read: InputReader, workspace: string): Config {
  const path = read.text('config');
  if (path === undefined) return emptyConfig;
  const file = isAbsolute(path) ? path : join(workspace, path);
  let config: Config;
  try {
    if (statSync(file).size > 256 * 1024) throw new Error('it is larger than 256 KiB');
    config = parseConfig(path, readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/,? (?:stat|open|read) '.*$/, '') : String(error);
    read.problem('config', path, `a YAML file in the workspace that can be read (${why})`);
    return emptyConfig;
  }
  for (const { field, value, accepted } of config.problems) read.problem(field, value, accepted);
  return config;
}

/** The file's template parameters, each judged by the rules its template states. */
function checkParameters(read: InputReader, config: Config, templates: Templates): ReadonlyMap<string, string> {
  // Reading a template takes longer than all other checks together.
  if (config.parameters.size === 0) return config.parameters;
  const known = new Map(allKeys.flatMap((key) => [...templates[key].parameters]));
  /** Every stack that has it gets it from another. */
  const isSupplied = (parameter: string): boolean =>
    stackKeys
      .filter((key) => templates[key].parameters.has(parameter))
      .every((key) => stackNeeds[key].some((need) => templates[need].outputs.includes(parameter)));
  for (const [parameter, value] of config.parameters) {
    const field = `parameters.${parameter}`;
    const definition = known.get(parameter);
    const input = inputParameters[parameter];
    if (input !== undefined) read.problem(field, value, `left out: use the input ${input}`);
    else if (definition === undefined) {
      const meant = nearest(parameter, known.keys());
      read.problem(
        field,
        value,
        meant === undefined ? 'a parameter of templates/*.yml' : `a known parameter; did you mean "${meant}"?`,
      );
    } else if (
      (isSupplied(parameter) && !templates.bootstrap.parameters.has(parameter)) ||
      observedParameters.some((item) => item === parameter && item !== 'PermissionsBoundaryArn') ||
      ['CreateOidcProvider', 'SharedParts'].includes(parameter)
    ) {
      read.problem(field, value, 'left out: it follows from what is deployed');
    } else if (value.includes('{{resolve:'))
      read.problem(field, value, 'a plain value: references are the templates’ own');
    else {
      const accepted = accepts(definition, value);
      if (accepted !== undefined) read.problem(field, value, accepted);
    }
  }
  return config.parameters;
}

function checkVariables(read: InputReader, config: Config): ReadonlyMap<string, string> {
  for (const [variable, value] of config.environmentVariables) {
    const field = `environment-variables.${variable}`;
    if (!variableName.test(variable))
      read.problem(field, undefined, 'a name of letters, digits and "_", not starting with a digit');
    else if (secretVariables.includes(variable)) {
      // The value is not shown: someone may have put a real secret there.
      read.problem(field, undefined, 'left out: tasks read it from Secrets Manager');
    } else if (value.includes('{{resolve:'))
      read.problem(field, value, 'a plain value: references are the templates’ own');
  }
  return config.environmentVariables;
}

/** A t3.micro holds one task of this size beside ECS's own agent. */
function instanceDefaults(parameters: Map<string, string>): void {
  for (const [name, value] of [
    ['TaskCpu', '256'],
    ['TaskMemory', '512'],
  ] as const) {
    if (!parameters.has(name)) parameters.set(name, value);
  }
}

/** Whose workflows the roles are for: those of the repository that this runs in, unless the configuration names another. */
function checkRepository(read: InputReader, parameters: ReadonlyMap<string, string>, { repository }: Context): void {
  if (repository !== '' || parameters.has('GitHubSubject')) return;
  read.problem(
    'parameters.GitHubSubject',
    undefined,
    'outside of a workflow, how GitHub’s tokens name the repository: repo:owner@1234/name@5678, or repo:owner/name for older ones',
  );
}

/** A hosted zone is where certificates are proved; without one they come from the caller. */
function checkDomain(read: InputReader, parameters: Map<string, string>): void {
  const domain = read.optional('domain', domainName);
  const zone = read.optional(
    'hosted-zone-id',
    matching(/^Z[A-Z0-9]{1,31}$/, 'the id of a Route 53 zone, such as "Z0123456789ABC"'),
  );
  if (zone !== undefined && domain === undefined) read.problem('hosted-zone-id', zone, 'empty, except with a domain');
  if (domain === undefined) return;
  for (const certificate of ['SiteCertificateArn', 'ApiCertificateArn']) {
    if (zone === undefined && !isGiven(parameters.get(certificate))) {
      read.problem(
        `parameters.${certificate}`,
        undefined,
        'with a domain, the ARN of an issued certificate; or set hosted-zone-id, and one is made',
      );
    }
  }
  parameters.set('Domain', domain);
  if (zone !== undefined) parameters.set('HostedZoneId', zone);
}

/** Without a domain the load balancer lets in CloudFront alone, by the region's list of its addresses. */
function checkPrefixList(read: InputReader, parameters: Map<string, string>, region: string): void {
  const parameter = 'CloudFrontPrefixListId';
  // Regions that have to be opted into, whose buckets CloudFront cannot log to, are not in the table.
  if (region !== '' && !cloudFrontPrefixLists.has(region) && !parameters.has('CloudFrontLogs'))
    parameters.set('CloudFrontLogs', 'false');
  if (read.text('domain') !== undefined || region === '' || (parameters.get(parameter) ?? '') !== '') return;
  const known = cloudFrontPrefixLists.get(region);
  if (known !== undefined) parameters.set(parameter, known);
  else
    read.problem(
      `parameters.${parameter}`,
      undefined,
      `in ${region}, without a domain, the id of the prefix list com.amazonaws.global.cloudfront.origin-facing there`,
    );
}

function checkReplacements(read: InputReader, templates: Templates): readonly string[] {
  const allowed = read.list('allow-replacement', anyText);
  if (allowed.length === 0) return allowed;
  const known = new Set(allKeys.flatMap((key) => [...templates[key].resources.keys()]));
  for (const id of allowed) {
    // A resource that an older version of the templates had is unknown here, and may well be the one to remove.
    const meant = known.has(id) ? undefined : nearest(id, known);
    if (meant !== undefined)
      read.problem('allow-replacement', id, `logical ids of the templates; did you mean "${meant}"?`);
    else if (!/^[A-Za-z0-9]{1,255}$/.test(id))
      read.problem('allow-replacement', id, 'logical ids of the templates, one a line');
  }
  return allowed;
}
