import { maxTemplateBytes, type Template } from './template.ts';
import { fingerprint } from '../../../shared/core/hash.ts';

/** An environment's stacks, in the order of what needs what; those that do not need each other are worked on side by side. */
export const stackKeys = ['foundation', 'edge', 'app', 'monitoring'] as const;
/** `bootstrap`: once for all environments, by an administrator. */
export type StackKey = 'bootstrap' | (typeof stackKeys)[number];

export const stackNeeds: Readonly<Record<StackKey, readonly StackKey[]>> = {
  bootstrap: [],
  foundation: [],
  edge: [],
  app: ['foundation', 'edge'],
  monitoring: ['foundation', 'app'],
};

/** Where CloudFront looks for its certificate and its firewall, wherever the rest is. */
export const edgeRegion = 'us-east-1';

export const tiers = ['development', 'production-small', 'production-medium'] as const;
export type Tier = (typeof tiers)[number];

/** The guide's three sizes. Everything else is the same for all of them, and stands in the templates. */
export const tierParameters: Readonly<Record<Tier, Readonly<Record<string, string>>>> = {
  development: {
    Nat: 'none',
    FlowLogs: 'false',
    Trail: 'false',
    RequestMetrics: 'false',
    DatabaseInstanceClass: 'db.t3.micro',
    DatabaseMultiAz: 'false',
    DatabaseDeletionProtection: 'false',
    DatabaseMaxConnections: '75',
    Redis: 'false',
    LogRetentionDays: '7',
    InitialCount: '1',
    MinCount: '1',
    MaxCount: '1',
    AutoScaling: 'false',
    Dashboard: 'false',
    ContainerInsights: 'disabled',
    Waf: 'false',
  },
  'production-small': {
    Nat: 'single',
    DatabaseInstanceClass: 'db.t3.small',
    DatabaseMultiAz: 'false',
    Redis: 'true',
    RedisReplicas: '0',
    InitialCount: '2',
    Waf: 'false',
  },
  'production-medium': {
    Nat: 'per-az',
    DatabaseInstanceClass: 'db.t3.small',
    DatabaseMultiAz: 'true',
    Redis: 'true',
    RedisReplicas: '1',
    InitialCount: '2',
    Waf: 'true',
  },
};

/** Parameters a person does not set: they follow from the names, from other stacks, or from what AWS says at the moment. */
export const observedParameters = [
  'OpenaiApiKeyHasValue',
  'ServiceTaskDefinition',
  'ServiceCount',
  'PermissionsBoundaryArn',
] as const;
export type ObservedParameter = (typeof observedParameters)[number];

/** Parameters that have an input of their own. */
export const inputParameters: Readonly<Record<string, string>> = {
  App: 'app',
  Environment: 'environment',
  Name: 'app and environment',
  Nat: 'nat',
  Kms: 'kms',
  Compute: 'compute',
  Domain: 'domain',
  HostedZoneId: 'hosted-zone-id',
};

/** Where a parameter's value comes from. */
export type ParameterSource =
  | { readonly from: 'value'; readonly value: string }
  | { readonly from: 'output'; readonly stack: StackKey }
  | { readonly from: 'observed'; readonly what: ObservedParameter };

/** What one stack is to be. */
export interface StackSpec {
  readonly key: StackKey;
  readonly name: string;
  /** Where the stack is. */
  readonly region: string;
  readonly template: Template;
  /** The template's text with the configuration's environment variables in it. */
  readonly body: string;
  readonly parameters: ReadonlyMap<string, ParameterSource>;
  readonly tags: ReadonlyMap<string, string>;
}

/** Every name begins with it: the application's own in production, as the guide has it. */
export function namePrefix(app: string, environment: string): string {
  return environment === 'production' ? app : `${app}-${environment}`;
}

export interface SpecInputs {
  readonly app: string;
  readonly environment: string;
  readonly tier: Tier;
  readonly region: string;
  /** The limit of every role that is made, `none` without a bootstrap stack; undefined when that is not known. */
  readonly boundary?: string | undefined;
  /** Chosen by a person, by parameter. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly environmentVariables: ReadonlyMap<string, string>;
}

/** The stacks that an environment has; without anything for the edge, that one is left out. */
export function stackSpecs(inputs: SpecInputs, templates: Readonly<Record<StackKey, Template>>): readonly StackSpec[] {
  const given = new Map<string, string>([
    ...Object.entries(tierParameters[inputs.tier]),
    ...inputs.parameters,
    ['App', inputs.app],
    ['Environment', inputs.environment],
    ['Name', namePrefix(inputs.app, inputs.environment)],
  ]);
  const keys = stackKeys.filter((key) => key !== 'edge' || hasEdge(given));
  return keys.map((key) => {
    const template = templates[key];
    const parameters = new Map<string, ParameterSource>();
    for (const name of template.parameters.keys()) {
      const value = given.get(name);
      const observed = observedParameters.find((item) => item === name);
      const supplier = stackNeeds[key].find(
        (need) => keys.some((one) => one === need) && templates[need].outputs.includes(name),
      );
      if (observed === 'PermissionsBoundaryArn' && inputs.boundary !== undefined)
        parameters.set(name, { from: 'value', value: value ?? inputs.boundary });
      else if (observed !== undefined) parameters.set(name, { from: 'observed', what: observed });
      else if (value !== undefined && (isGiven(value) || supplier === undefined))
        parameters.set(name, { from: 'value', value });
      else if (supplier !== undefined) parameters.set(name, { from: 'output', stack: supplier });
    }
    return {
      key,
      name: stackName(inputs, key),
      region: key === 'edge' ? edgeRegion : inputs.region,
      template,
      body: withEnvironmentVariables(template.text, inputs.environmentVariables),
      parameters,
      tags: new Map([
        ['app', inputs.app],
        ['environment', inputs.environment],
      ]),
    };
  });
}

/** A certificate to make, or a firewall. */
function hasEdge(given: ReadonlyMap<string, string>): boolean {
  return given.get('Waf') === 'true' || (isGiven(given.get('Domain')) && !isGiven(given.get('SiteCertificateArn')));
}

/** Templates write `none` where a value is not there: an output cannot be empty. */
export function isGiven(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== 'none';
}

export interface BootstrapInputs {
  readonly app: string;
  readonly region: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** A stack that an administrator makes once. */
export function bootstrapSpec(
  { app, region, parameters }: BootstrapInputs,
  name: string,
  template: Template,
): StackSpec {
  const known = new Map(
    [...parameters, ['App', app] as const].filter(([parameter]) => template.parameters.has(parameter)),
  );
  return {
    key: 'bootstrap',
    name,
    region,
    template,
    body: template.text,
    parameters: new Map([...known].map(([parameter, value]) => [parameter, { from: 'value', value }])),
    tags: new Map([['app', app]]),
  };
}

/** The first environment's, which holds what all of an application's environments share, or a further one's. */
export function bootstrapName(app: string, further?: string): string {
  return further === undefined ? `${app}-bootstrap` : `${app}-bootstrap-${further}`;
}

export function stackName(
  { app, environment }: { readonly app: string; readonly environment: string },
  key: StackKey,
): string {
  return key === 'bootstrap' ? bootstrapName(app) : `${app}-${environment}-${key}`;
}

/** What a person types to have an environment destroyed: every stack's name begins with it. */
export function confirmationOf({ app, environment }: { readonly app: string; readonly environment: string }): string {
  return `${app}-${environment}`;
}

/** The ECS service that the app stack makes. */
export function serviceOf(
  app: string,
  environment: string,
): { readonly cluster: string; readonly service: string; readonly baseFamily: string } {
  const name = namePrefix(app, environment);
  return { cluster: `${name}-cluster`, service: `${name}-api`, baseFamily: `${name}-backend-base` };
}

/**
 * What was reviewed, as one text: template bytes, configuration and where each value comes from. The revision that runs and
 * the number of tasks are no part of it: they change with every deployment.
 */
export function planDigest(specs: readonly StackSpec[]): string {
  return fingerprint(
    specs.map(({ name, region, body, parameters, tags }) => ({
      name,
      region,
      body,
      parameters: Object.fromEntries(parameters),
      tags: Object.fromEntries(tags),
    })),
  );
}

const block = /^( *)# begin environment-variables\n([\s\S]*?)^ *# end environment-variables$/m;

/**
 * The base task definition's list of environment variables with these in it: a line of the same name gives way, the rest
 * follows. A CloudFormation parameter cannot hold a list of pairs, and a macro is nothing one can read.
 */
export function withEnvironmentVariables(text: string, variables: ReadonlyMap<string, string>): string {
  const match = block.exec(text);
  if (match === null || variables.size === 0) return text;
  const [whole, indent = '', lines = ''] = match;
  const entry = (name: string, value: string): string =>
    `${indent}- { Name: ${name}, Value: ${JSON.stringify(value)} }\n`;
  const kept = lines.replace(/^ *- \{ Name: (\w+),.*\n/gm, (line, name: string) => {
    const value = variables.get(name);
    return value === undefined ? line : entry(name, value);
  });
  const known = new Set(environmentVariableNames(text));
  const added = [...variables].filter(([name]) => !known.has(name)).map(([name, value]) => entry(name, value));
  return text.replace(whole, () => whole.replace(lines, () => kept + added.join('')));
}

export function environmentVariableNames(text: string): readonly string[] {
  const lines = block.exec(text)?.[2] ?? '';
  return [...lines.matchAll(/^ *- \{ Name: (\w+),/gm)].map(([, name = '']) => name);
}

export function fitsInline(body: string): boolean {
  return new TextEncoder().encode(body).length <= maxTemplateBytes;
}
