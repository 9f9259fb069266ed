import { parse, type CollectionTag, type ScalarTag, YAMLMap, YAMLSeq } from 'yaml';

/** What a template lets its stack be asked for. */
export interface TemplateParameter {
  readonly name: string;
  readonly description: string;
  readonly fallback: string | undefined;
  readonly allowedValues: readonly string[];
  readonly allowedPattern: RegExp | undefined;
  readonly range: { readonly min: number; readonly max: number } | undefined;
  readonly maxLength: number;
}

export interface TemplateResource {
  readonly logicalId: string;
  readonly type: string;
  /** What it is, in words: the resource's `Metadata.description`. */
  readonly description: string;
  readonly condition: string | undefined;
  /** Whether something of it stays when it goes: it holds data. */
  readonly isKept: boolean;
}

export interface Template {
  readonly text: string;
  readonly parameters: ReadonlyMap<string, TemplateParameter>;
  readonly resources: ReadonlyMap<string, TemplateResource>;
  readonly conditions: ReadonlyMap<string, unknown>;
  readonly outputs: readonly string[];
  /** Those that a stack has under any condition. */
  readonly steadyOutputs: readonly string[];
}

/** CloudFormation's limit for a template that is sent along with the request. */
export const maxTemplateBytes = 51_200;

/** Each section is read when it is first asked for: all of a template takes a while, and seldom is all of it wanted. */
export function parseTemplate(text: string): Template {
  const sections = new Map(
    text.split(/^(?=[A-Z]\w*:)/m).map((section) => [section.slice(0, section.indexOf(':')), section] as const),
  );
  const section = (name: string): readonly (readonly [string, unknown])[] => {
    const source = sections.get(name);
    return source === undefined ? [] : entries(record(parseYaml(source))[name]);
  };
  const parameters = once(
    () => new Map(section('Parameters').map(([name, body]) => [name, parameter(name, record(body))])),
  );
  const resources = once(() => new Map(section('Resources').map(([id, body]) => [id, resource(id, record(body))])));
  const conditions = once(() => new Map(section('Conditions')));
  const outputs = once(() =>
    section('Outputs').map(([name, body]) => ({ name, condition: record(body)['Condition'] })),
  );
  return {
    text,
    get parameters() {
      return parameters();
    },
    get resources() {
      return resources();
    },
    get conditions() {
      return conditions();
    },
    get outputs() {
      return outputs().map(({ name }) => name);
    },
    get steadyOutputs() {
      return outputs()
        .filter(({ condition }) => condition === undefined)
        .map(({ name }) => name);
    },
  };
}

/** CloudFormation's YAML, its intrinsic functions in their long form. */
export function parseYaml(text: string): unknown {
  return parse(text, { customTags: intrinsics, logLevel: 'silent' });
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** What is wrong with a value for this parameter, as CloudFormation would see it; undefined when it is fine. */
export function accepts(parameter: TemplateParameter, value: string): string | undefined {
  const { allowedValues, allowedPattern, range, maxLength } = parameter;
  if (allowedValues.length > 0 && !allowedValues.includes(value)) {
    return allowedValues.map((item) => `"${item}"`).join(', ');
  }
  if (range !== undefined) {
    const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= range.min && number <= range.max)) return `a whole number from ${range.min} to ${range.max}`;
  }
  if (allowedPattern !== undefined && !allowedPattern.test(value)) {
    return `${parameter.description} (matching ${allowedPattern.source.slice(4, -2)})`;
  }
  return value.length > maxLength ? `at most ${maxLength} characters` : undefined;
}

/** The resources a stack with these parameters has; a condition on a value that is not known yet counts as true. */
export function resourcesOf(
  template: Template,
  parameters: ReadonlyMap<string, string | undefined>,
): readonly TemplateResource[] {
  return [...template.resources.values()].filter(
    ({ condition }) => condition === undefined || holds(template, condition, parameters) !== false,
  );
}

/** A condition's outcome; undefined when it hangs on an unknown value. */
function holds(
  template: Template,
  name: string,
  parameters: ReadonlyMap<string, string | undefined>,
): boolean | undefined {
  const truth = (expression: unknown): boolean | undefined => {
    const [[operator, operand] = ['', undefined]] = entries(expression);
    const operands = Array.isArray(operand) ? operand : [operand];
    if (operator === 'Condition') return holds(template, String(operand), parameters);
    if (operator === 'Fn::Not') {
      const inner = truth(operands[0]);
      return inner === undefined ? undefined : !inner;
    }
    if (operator === 'Fn::Equals') {
      const [left, right] = operands.map(value);
      return left === undefined || right === undefined ? undefined : left === right;
    }
    const inner = operands.map(truth);
    const decisive = operator === 'Fn::Or';
    if (inner.includes(decisive)) return decisive;
    return inner.includes(undefined) ? undefined : !decisive;
  };
  const value = (operand: unknown): string | undefined => {
    const [[operator, name] = ['', undefined]] = entries(operand);
    // Of a list that came as one text: what it holds is the same.
    if (operator === 'Fn::Join' && Array.isArray(name)) return value(name[1]);
    if (operator !== 'Ref') return scalar(operand);
    const known = typeof name === 'string' ? name : '';
    return parameters.has(known) ? parameters.get(known) : template.parameters.get(known)?.fallback;
  };
  return truth(template.conditions.get(name));
}

function parameter(name: string, body: Readonly<Record<string, unknown>>): TemplateParameter {
  const pattern = scalar(body['AllowedPattern']);
  const values: unknown = body['AllowedValues'];
  return {
    name,
    description: (scalar(body['Description']) ?? '').replace(/\.$/, ''),
    fallback: scalar(body['Default']),
    allowedValues: Array.isArray(values) ? values.map((item) => scalar(item) ?? '') : [],
    // CloudFormation matches the whole value.
    allowedPattern: pattern === undefined ? undefined : new RegExp(`^(?:${pattern})$`),
    range:
      body['Type'] === 'Number' ? { min: number(body['MinValue'], 0), max: number(body['MaxValue'], 1e9) } : undefined,
    maxLength: number(body['MaxLength'], 4096),
  };
}

function resource(logicalId: string, body: Readonly<Record<string, unknown>>): TemplateResource {
  return {
    logicalId,
    type: scalar(body['Type']) ?? '',
    description: scalar(record(body['Metadata'])['description']) ?? logicalId,
    condition: scalar(body['Condition']),
    isKept: /^(?:Retain|Snapshot)/.test(scalar(body['DeletionPolicy']) ?? ''),
  };
}

/** `!Ref x` as `{ Ref: x }`, `!Sub x` as `{ 'Fn::Sub': x }` …: CloudFormation's own long form. */
const intrinsics: (ScalarTag | CollectionTag)[] = [
  'Ref',
  'Condition',
  'Sub',
  'GetAtt',
  'Join',
  'Split',
  'Select',
  'If',
  'Equals',
  'And',
  'Or',
  'Not',
  'FindInMap',
  'GetAZs',
].flatMap((name): (ScalarTag | CollectionTag)[] => {
  const key = name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`;
  const wrap = (value: unknown): Readonly<Record<string, unknown>> => ({ [key]: value });
  return [
    { tag: `!${name}`, resolve: wrap },
    { tag: `!${name}`, collection: 'seq', resolve: (node) => wrapped(key, node) },
    { tag: `!${name}`, collection: 'map', resolve: (node) => wrapped(key, node) },
  ];
});

function wrapped(key: string, node: YAMLMap.Parsed | YAMLSeq.Parsed): YAMLMap {
  const map = new YAMLMap();
  map.set(
    key,
    node instanceof YAMLMap
      ? Object.assign(new YAMLMap(), { items: node.items })
      : Object.assign(new YAMLSeq(), { items: node.items }),
  );
  return map;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(entries(value));
}

function entries(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

function scalar(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

function number(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}
