import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { InputProblem } from '../../../shared/core/errors.ts';
import { nearest } from '../../../shared/core/suggest.ts';

/** What a configuration file may hold besides `parameters` and `environment-variables`: inputs that describe an environment. */
export const configurableInputs = [
  'aws-region',
  'app',
  'environment',
  'tier',
  'domain',
  'hosted-zone-id',
  'compute',
  'nat',
  'kms',
  'drift-is',
  'max-monthly-usd',
  'execution-role-arn',
  'wait-timeout-minutes',
] as const;

/** Inputs that belong to one run, never to an environment. */
const runInputs = [
  'config',
  'mode',
  'confirm',
  'dry-run',
  'plan-digest',
  'allow-replacement',
  'comment',
  'github-token',
  'role-to-assume',
  'role-session-name',
  'role-duration-seconds',
];

export interface Config {
  readonly inputs: ReadonlyMap<string, string>;
  readonly parameters: ReadonlyMap<string, string>;
  readonly environmentVariables: ReadonlyMap<string, string>;
  readonly problems: readonly InputProblem[];
}

export const emptyConfig: Config = {
  inputs: new Map(),
  parameters: new Map(),
  environmentVariables: new Map(),
  problems: [],
};

/** Reads a configuration file's text. Every key and value is judged; nothing unknown passes in silence. */
export function parseConfig(path: string, text: string): Config {
  const problems: InputProblem[] = [];
  const refuse = (field: string, value: string | undefined, accepted: string): void => {
    problems.push({ field: `${path}: ${field}`, value, accepted });
  };
  const document = parseDocument(text, { logLevel: 'silent', stringKeys: true });
  const [fault] = document.errors;
  if (fault !== undefined) {
    refuse('YAML', fault.message.split('\n')[0], 'a YAML file');
    return { ...emptyConfig, problems };
  }
  const root: unknown = document.contents;
  if (!isMap(root)) {
    if (root !== null)
      refuse('content', text.trim().slice(0, 60), 'a map of inputs, parameters and environment-variables');
    return { ...emptyConfig, problems };
  }

  /** A map's entries as texts; a list becomes what `join` makes of it. */
  const texts = (
    field: string,
    node: unknown,
    join: (items: readonly unknown[]) => string | undefined,
  ): ReadonlyMap<string, string> => {
    const found = new Map<string, string>();
    if (isScalar(node) && node.value === null) return found;
    if (!isMap(node)) {
      refuse(field, String(node).trim(), 'a map of names to values');
      return found;
    }
    for (const pair of node.items) {
      const name = scalarText(pair.key) ?? '';
      const value = isSeq(pair.value) ? join(pair.value.items) : scalarText(pair.value);
      if (value === undefined)
        refuse(`${field}.${name}`, undefined, 'a text, a number, true or false; or a list of them');
      else found.set(name, value);
    }
    return found;
  };

  const inputs = new Map<string, string>();
  let parameters: ReadonlyMap<string, string> = new Map();
  let environmentVariables: ReadonlyMap<string, string> = new Map();
  const known = ['parameters', 'environment-variables', ...configurableInputs];
  for (const pair of root.items) {
    const name = scalarText(pair.key) ?? '';
    const value = scalarText(pair.value);
    if (name === 'parameters') parameters = texts(name, pair.value, commaList);
    else if (name === 'environment-variables') environmentVariables = texts(name, pair.value, listText);
    else if (runInputs.includes(name))
      refuse(name, value, 'an input of the run: give it to the action, not in the file');
    else if (!known.includes(name)) {
      const meant = nearest(name, known);
      refuse(name, value, meant === undefined ? `one of ${known.join(', ')}` : `a known key; did you mean "${meant}"?`);
    } else if (value === undefined) refuse(name, undefined, 'a text, a number, true or false');
    else inputs.set(name, value);
  }
  return { inputs, parameters, environmentVariables, problems };
}

/** A number is the text that stands there: as a number, 15.10 would be 15.1, 007 be 7, and a long account be another one. */
function scalarText(node: unknown): string | undefined {
  if (!isScalar(node)) return undefined;
  const { value, source }: { readonly value: unknown; readonly source?: string } = node;
  if (typeof value === 'number' || typeof value === 'bigint') return source ?? String(value);
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' ? String(value) : undefined;
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A list as CloudFormation's parameters have it. */
function commaList(items: readonly unknown[]): string | undefined {
  const texts = items.map(scalarText);
  return texts.some((text) => text === undefined || text.includes(',')) ? undefined : texts.join(',');
}

/** A list as JSON, as settings such as CORS_ORIGINS want it; a number that JSON has no spelling for, such as 007, becomes a text. */
function listText(items: readonly unknown[]): string | undefined {
  const texts = items.map((item) => {
    const text = scalarText(item);
    if (text === undefined || !isScalar(item)) return undefined;
    const bare = typeof item.value === 'boolean' || (typeof item.value === 'number' && jsonNumber.test(text));
    return bare ? text : JSON.stringify(text);
  });
  return texts.includes(undefined) ? undefined : `[${texts.join(',')}]`;
}
