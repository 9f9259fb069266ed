import { maxTemplateBytes, type Template } from './template.ts';
import { fingerprint } from '../../../shared/core/hash.ts';

/** In the order of what needs what; stacks that do not need each other are worked on side by side. */
export const stackKeys = ['foundation', 'app'] as const;
export type StackKey = (typeof stackKeys)[number];

export const stackNeeds: Readonly<Record<StackKey, readonly StackKey[]>> = { foundation: [], app: ['foundation'] };

export const tiers = ['development', 'production-small', 'production-medium'] as const;
export type Tier = (typeof tiers)[number];

/** The guide's three sizes. Everything else is the same for all of them, and stands in the templates. */
export const tierParameters: Readonly<Record<Tier, Readonly<Record<string, string>>>> = {
  development: {
    Nat: 'none',
    DatabaseInstanceClass: 'db.t3.micro',
    DatabaseMultiAz: 'false',
    DatabaseDeletionProtection: 'false',
    Redis: 'false',
    LogRetentionDays: '7',
    InitialCount: '1',
    ContainerInsights: 'disabled',
  },
  'production-small': {
    Nat: 'single',
    DatabaseInstanceClass: 'db.t3.small',
    DatabaseMultiAz: 'false',
    Redis: 'true',
    RedisReplicas: '0',
    InitialCount: '2',
  },
  'production-medium': {
    Nat: 'per-az',
    DatabaseInstanceClass: 'db.t3.small',
    DatabaseMultiAz: 'true',
    Redis: 'true',
    RedisReplicas: '1',
    InitialCount: '2',
  },
};

/** Parameters a person does not set: they follow from the names, from other stacks, or from what AWS says at the moment. */
export const observedParameters = ['OpenaiApiKeyHasValue', 'ServiceTaskDefinition', 'ServiceCount'] as const;
export type ObservedParameter = (typeof observedParameters)[number];

/** Parameters that have an input of their own. */
export const inputParameters: Readonly<Record<string, string>> = {
  App: 'app',
  Environment: 'environment',
  Name: 'app and environment',
  Nat: 'nat',
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
  /** Chosen by a person, by parameter. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly environmentVariables: ReadonlyMap<string, string>;
}

export function stackSpecs(inputs: SpecInputs, templates: Readonly<Record<StackKey, Template>>): readonly StackSpec[] {
  const given = new Map<string, string>([
    ...Object.entries(tierParameters[inputs.tier]),
    ...inputs.parameters,
    ['App', inputs.app],
    ['Environment', inputs.environment],
    ['Name', namePrefix(inputs.app, inputs.environment)],
  ]);
  return stackKeys.map((key) => {
    const template = templates[key];
    const parameters = new Map<string, ParameterSource>();
    for (const name of template.parameters.keys()) {
      const value = given.get(name);
      const observed = observedParameters.find((item) => item === name);
      const supplier = stackNeeds[key].find((need) => templates[need].outputs.includes(name));
      if (observed !== undefined) parameters.set(name, { from: 'observed', what: observed });
      else if (value !== undefined) parameters.set(name, { from: 'value', value });
      else if (supplier !== undefined) parameters.set(name, { from: 'output', stack: supplier });
    }
    return {
      key,
      name: stackName(inputs, key),
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

export function stackName(
  { app, environment }: { readonly app: string; readonly environment: string },
  key: StackKey,
): string {
  return `${app}-${environment}-${key}`;
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
    specs.map(({ name, body, parameters, tags }) => ({
      name,
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
