import type { CommonInputs, InputReader } from '../../../shared/action/input-reader.ts';
import { parseJson } from '../../../shared/core/field.ts';
import { lastPart, parseArn } from '../../../shared/core/arn.ts';
import { deployableImage, matching, oneOf, type Parser } from '../../../shared/core/parsers.ts';
import { shellWords } from '../../../shared/core/shell-words.ts';
import type { Tag, TaskDefinitionRequest } from '../../../shared/aws/ecs.ts';
import { hider } from '../../../shared/core/masking.ts';
import {
  containerNames,
  ownTags,
  readTaskDefinition,
  unknownContainers,
  type Changes,
  type FieldProblem,
} from './task-definition.ts';

/** Where the new revision starts from. */
export type Base =
  | { readonly kind: 'running' }
  /** A family, `family:revision` or ARN. */
  | { readonly kind: 'registered'; readonly reference: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly definition: TaskDefinitionRequest;
      /** Fields of the file that RegisterTaskDefinition does not know. */
      readonly unknown: readonly string[];
    };

export interface OneOffCommand {
  readonly command: readonly string[];
  readonly container: string | undefined;
  readonly timeoutMinutes: number;
}

export interface Inputs extends CommonInputs {
  readonly cluster: string;
  readonly service: string;
  readonly base: Base;
  readonly changes: Changes;
  readonly runBefore: OneOffCommand | undefined;
  readonly forceNewDeployment: boolean;
  readonly onActiveDeployment: 'wait' | 'fail' | 'replace';
  readonly wait: boolean;
  readonly waitTimeoutMinutes: number;
  readonly failFastAfter: number;
  readonly rollbackOnFailure: boolean;
  readonly rollback: boolean;
  readonly initialCount: number | undefined;
  readonly pausedIs: 'red' | 'green';
  readonly healthCheckUrl: string | undefined;
}

/** Reads a file of the job's workspace; undefined when it cannot be read. */
export type ReadFile = (path: string) => string | undefined;

const name = /^[A-Za-z0-9_-]{1,255}$/;

function nameOrArn(kind: 'cluster' | 'service'): Parser<string> {
  return {
    accepted: `the ${kind}'s name (letters, digits, "-", "_"; at most 255) or its ARN`,
    parse: (text) => {
      if (!text.startsWith('arn:')) return name.test(text) ? text : undefined;
      const arn = parseArn(text);
      return arn?.service === 'ecs' && arn.resource.startsWith(`${kind}/`) ? text : undefined;
    },
  };
}

const taskDefinitionReference: Parser<string> = {
  accepted: 'the path of a JSON file (ending in ".json" or holding a "/"), "family", "family:revision" or an ARN',
  parse: (text) => {
    if (!text.startsWith('arn:')) return /^[A-Za-z0-9_-]{1,255}(?::[1-9]\d{0,9})?$/.test(text) ? text : undefined;
    const arn = parseArn(text);
    return arn?.service === 'ecs' && /^task-definition\/[A-Za-z0-9_-]{1,255}(?::[1-9]\d*)?$/.test(arn.resource)
      ? text
      : undefined;
  },
};

const containerName = matching(name, 'a container of the task definition');
const variableName = matching(/^[^\s=]{1,512}$/, 'NAME or container.NAME, without blanks');

const secretArn: Parser<string> = {
  accepted:
    'the ARN of a Secrets Manager secret (a ":json-key::" may follow) or of an SSM parameter, "arn:aws:secretsmanager:…"',
  parse: (text) => {
    const arn = parseArn(text);
    const known =
      (arn?.service === 'secretsmanager' && arn.resource.startsWith('secret:')) ||
      (arn?.service === 'ssm' && arn.resource.startsWith('parameter/'));
    return known ? text : undefined;
  },
};

const httpUrl: Parser<string> = {
  accepted: 'an http:// or https:// URL without user name or password',
  parse: (text) => {
    const url = URL.parse(text);
    const allowed = url !== null && ['http:', 'https:'].includes(url.protocol) && url.username + url.password === '';
    return allowed && !/\s/.test(text) ? url.href : undefined;
  },
};

const commandWords: Parser<readonly string[]> = {
  accepted:
    'a JSON array of texts, or one line of words with shell quoting and nothing else of a shell; for operators: ["sh", "-c", "a && b"]',
  parse: (text) => {
    const words = text.startsWith('[') ? jsonWords(text) : shellWords(text);
    return words === undefined || words.length === 0 ? undefined : words;
  },
};

function jsonWords(text: string): readonly string[] | undefined {
  const value = parseJson(text);
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

export function parseInputs(read: InputReader, readFile: ReadFile): Inputs {
  const common = read.common();
  const base = readBase(read, readFile);
  const changes: Changes = {
    image: read.optional('image', deployableImage),
    images: read.map('images', containerName, deployableImage),
    environment: read.map('environment', variableName),
    secrets: read.hiddenMap('secrets', variableName, secretArn),
  };
  const command = read.optional('run-before', commandWords);
  const container = read.optional('run-before-container', containerName);
  const timeoutMinutes = read.integer('run-before-timeout-minutes', { min: 1, max: 1440, fallback: 15 });
  const inputs: Inputs = {
    ...common,
    cluster: read.required('cluster', nameOrArn('cluster')),
    service: read.required('service', nameOrArn('service')),
    base,
    changes,
    runBefore: command === undefined ? undefined : { command, container, timeoutMinutes },
    forceNewDeployment: read.boolean('force-new-deployment', false),
    onActiveDeployment: read.withDefault('on-active-deployment', oneOf(['wait', 'fail', 'replace']), 'wait'),
    wait: read.boolean('wait', true),
    waitTimeoutMinutes: read.integer('wait-timeout-minutes', { min: 1, max: 1440, fallback: 20 }),
    failFastAfter: read.integer('fail-fast-after', { min: 0, max: 100, fallback: 3 }),
    rollbackOnFailure: read.boolean('rollback-on-failure', true),
    rollback: read.boolean('rollback', false),
    initialCount: read.optional('initial-count', count),
    pausedIs: read.withDefault('paused-is', oneOf(['red', 'green']), 'red'),
    healthCheckUrl: readUrl(read),
  };
  if (container !== undefined && read.text('run-before') === undefined) {
    read.problem('run-before-container', container, 'only together with run-before');
  }
  checkContradictions(read, inputs);
  return read.finish(inputs);
}

const count: Parser<number> = {
  accepted: 'a whole number from 1 to 5000 (0 running tasks would prove nothing)',
  parse: (text) => (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= 5000 ? Number(text) : undefined),
};

/** A URL may hold a password or a token, which must not be shown. */
function readUrl(read: InputReader): string | undefined {
  const text = read.text('health-check-url');
  if (text === undefined) return undefined;
  const url = httpUrl.parse(text);
  if (url === undefined)
    read.problem('health-check-url', hider([])(text.replace(/\/\/.*@/s, '//***@')), httpUrl.accepted);
  return url;
}

function readBase(read: InputReader, readFile: ReadFile): Base {
  const text = read.text('task-definition');
  if (text === undefined) return { kind: 'running' };
  if (!text.startsWith('arn:') && (text.includes('/') || text.endsWith('.json'))) return readBaseFile(read, readFile);
  const reference = read.optional('task-definition', taskDefinitionReference);
  return reference === undefined ? { kind: 'running' } : { kind: 'registered', reference };
}

function readBaseFile(read: InputReader, readFile: ReadFile): Base {
  const path = read.text('task-definition') ?? '';
  const text = readFile(path);
  if (text === undefined) {
    read.problem('task-definition', path, 'the path of a file that can be read, from the workspace');
    return { kind: 'running' };
  }
  const content = unwrapped(parseJson(text));
  const reading = readTaskDefinition(content.definition);
  if ('problems' in reading) {
    for (const problem of reading.problems) read.problem('task-definition', ...inFile(path, problem));
    return { kind: 'running' };
  }
  const tags = ownTags(reading.definition.tags ?? content.tags);
  const { definition, unknown } = reading;
  return { kind: 'file', path, definition: tags.length === 0 ? definition : { ...definition, tags }, unknown };
}

function inFile(path: string, { path: field, value, accepted }: FieldProblem): readonly [string, string] {
  return [`${path}: ${field}${value === undefined ? ' missing' : ` = ${value}`}`, `${field}: ${accepted}`];
}

/** The output of `aws ecs describe-task-definition`, saved as it is, is welcome too. */
function unwrapped(value: unknown): { readonly definition: unknown; readonly tags: readonly Tag[] } {
  if (typeof value === 'object' && value !== null && 'taskDefinition' in value) {
    const reading = readTaskDefinition({
      containerDefinitions: [{ name: 'tags' }],
      tags: 'tags' in value ? value.tags : [],
    });
    return { definition: value.taskDefinition, tags: 'definition' in reading ? (reading.definition.tags ?? []) : [] };
  }
  return { definition: value, tags: [] };
}

function checkContradictions(read: InputReader, inputs: Inputs): void {
  const { base, changes, runBefore } = inputs;
  if (read.text('image') !== undefined && read.text('images') !== undefined) {
    read.problem('images', read.text('images'), 'either "image" or "images", not both');
  }
  for (const key of changes.secrets.keys()) {
    if (changes.environment.has(key)) read.problem('secrets', key, 'a name that "environment" does not give as well');
  }
  if (inputs.rollback) {
    for (const other of ['task-definition', 'image', 'images', 'environment', 'secrets', 'run-before']) {
      if (read.text(other) !== undefined) {
        read.problem(
          'rollback',
          'true',
          `"${other}" left out: a rollback deploys the revision that ran before as it is`,
        );
      }
    }
  }
  if (!inputs.wait && inputs.healthCheckUrl !== undefined) {
    read.problem(
      'health-check-url',
      hider([])(inputs.healthCheckUrl),
      'only with wait: true, as it is asked after the deployment',
    );
  }
  if (base.kind === 'file') {
    const accepted = `a container of ${base.path}: ${containerNames(base.definition).join(', ')}`;
    for (const container of unknownContainers(base.definition, changes)) read.problem('images', container, accepted);
    const container = runBefore?.container;
    if (container !== undefined && !containerNames(base.definition).includes(container)) {
      read.problem('run-before-container', container, accepted);
    }
  }
  checkArns(read, inputs);
}

/** ARNs that name another region or cluster than the other inputs: nothing would be found there. */
function checkArns(read: InputReader, inputs: Inputs): void {
  const { cluster, service, region } = inputs;
  for (const field of ['cluster', 'service', 'task-definition']) {
    const arn = parseArn(read.text(field) ?? '');
    if (arn !== undefined && region !== '' && arn.region !== region) {
      read.problem(field, arn.region, `an ARN in the region of "aws-region", ${region}`);
    }
  }
  const [, ofCluster, last] = parseArn(service)?.resource.split('/') ?? [];
  const clusterName = lastPart(cluster);
  if (last !== undefined && clusterName !== '' && ofCluster !== clusterName) {
    read.problem('service', service, `a service of the cluster "${clusterName}"`);
  }
}
