import { parseTemplate, type Template } from '../../actions/provision-env/src/template.ts';
import { evaluate, evaluateAll } from '../unit/provision-env/evaluate.ts';

export type Wire = Record<string, unknown>;
export type Texts = Readonly<Record<string, string>>;

/** What DescribeEvents tells of a change set. */
export interface Finding {
  readonly id: string;
  readonly reason: string;
  readonly path?: string;
}

export interface StackedResource {
  readonly type: string;
  readonly physicalId: string;
  /** Kept by a deletion that did not succeed. */
  readonly isSkipped?: boolean;
}

export interface Stack {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly created: Date;
  status: string;
  reason: string;
  template: string;
  parameters: Texts;
  outputs: Texts;
  /** Oldest first. */
  readonly events: Wire[];
  isProtected: boolean;
  policy: string | undefined;
  /** By logical id. */
  readonly resources: Map<string, StackedResource>;
}

export interface ChangedProperty {
  readonly name: string;
  readonly before?: unknown;
  readonly after?: unknown;
  /** `Resource` or `Resource.Attribute` that it follows from. */
  readonly cause?: string;
}

export interface Change {
  readonly action: 'Add' | 'Modify' | 'Remove';
  readonly id: string;
  readonly type: string;
  readonly replacement: string;
  readonly properties: readonly ChangedProperty[];
}

export interface ChangeSet {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly stack: Stack;
  readonly kind: 'CREATE' | 'UPDATE';
  readonly template: string;
  readonly parameters: Texts;
  readonly changes: readonly Change[];
  readonly findings: readonly Finding[];
  status: string;
  reason: string;
  execution: string;
  executedWith: string | undefined;
}

export const accountId = '123456789012';
export const nameRule = /^[a-zA-Z][-a-zA-Z0-9]{0,127}$/;
export const tokenRule = /^[a-zA-Z0-9][-a-zA-Z0-9]{0,127}$/;

/** An answer that says no. */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** The last part of its name: `foundation`, `edge`, `app`. */
export function keyOf({ name }: Pick<Stack, 'name'>): string {
  return name.slice(name.lastIndexOf('-') + 1);
}

export function refuseUnready({ id, status }: Stack): void {
  if (!/^(?:CREATE|UPDATE|UPDATE_ROLLBACK|IMPORT)_COMPLETE$/.test(status))
    throw new Refusal('ValidationError', `Stack:${id} is in ${status} state and can not be updated.`);
}

export function refuseUnacknowledged(template: Template, input: Texts): void {
  const given = Object.entries(input).filter(([name]) => name.startsWith('Capabilities.member.'));
  const makesRoles = [...template.resources.values()].some(({ type }) => type.startsWith('AWS::IAM::'));
  if (makesRoles && !given.some(([, value]) => /^CAPABILITY_(?:NAMED_)?IAM$/.test(value)))
    throw new Refusal('InsufficientCapabilitiesException', 'Requires capabilities : [CAPABILITY_IAM]');
}

/** What the template will see: given, previous, or its default. */
export function parametersOf(input: Texts, template: Template, stack: Stack | undefined): Texts {
  const values: Record<string, string> = {};
  for (let index = 1; ; index += 1) {
    const prefix = `Parameters.member.${index}.`;
    const name = input[`${prefix}ParameterKey`];
    if (name === undefined) break;
    if (!template.parameters.has(name))
      throw new Refusal('ValidationError', `Parameters: [${name}] do not exist in the template`);
    const previous = input[`${prefix}UsePreviousValue`] === 'true';
    const value = previous ? stack?.parameters[name] : input[`${prefix}ParameterValue`];
    if (value === undefined)
      throw new Refusal(
        'ValidationError',
        `Invalid input for parameter key ${name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template`,
      );
    values[name] = value;
  }
  for (const { name, fallback } of template.parameters.values()) {
    const value = values[name] ?? fallback;
    if (value === undefined) throw new Refusal('ValidationError', `Parameters: [${name}] must have values`);
    values[name] = value;
  }
  return values;
}

const templates = new Map<string, Template>();
export function parsed(text: string): Template {
  const known = templates.get(text) ?? parseTemplate(text);
  templates.set(text, known);
  return known;
}

type Evaluated = Readonly<Record<string, { readonly Type: string; readonly Properties: Wire }>>;
const evaluations = new Map<string, Evaluated>();
export function evaluated(text: string, parameters: Texts): Evaluated {
  const key = `${JSON.stringify(Object.entries(parameters).toSorted())}${text}`;
  const known = evaluations.get(key) ?? (evaluate(text, parameters) as Evaluated);
  evaluations.set(key, known);
  return known;
}

/** What its deletion policy makes of a resource when the stack goes. */
export function fateOf({ template }: Stack, logicalId: string): 'gone' | 'kept' | 'snapshot' {
  const resource = parsed(template).resources.get(logicalId);
  if (resource?.isKept !== true) return 'gone';
  return resource.type === 'AWS::RDS::DBInstance' ? 'snapshot' : 'kept';
}

/** What a stack puts out, its own resources under names that tests can know. */
export function outputsOf(stack: Stack): Texts {
  const { outputs } = evaluateAll(stack.template, stack.parameters);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => {
      const text = String(value);
      return [name, text.startsWith('<') && text.endsWith('>') && !text.includes(',') ? named(stack, name) : text];
    }),
  );
}

function named({ region }: Stack, name: string): string {
  return name.endsWith('Arn') ? `arn:aws:test:${region}:${accountId}:thing/${name}` : `the-${name}`;
}

export function physicalId({ name, region }: Stack, logicalId: string, type: string): string {
  return type === 'AWS::ECS::Service'
    ? `arn:aws:ecs:${region}:${accountId}:service/analytics-studio-cluster/analytics-studio-api`
    : `${name}-${logicalId}-1A2B3C`;
}

export function taskDefinitionArn(name: string): string {
  return `arn:aws:ecs:us-east-1:${accountId}:task-definition/${name}`;
}

export function taskDefinition(arn: string): Wire {
  const options = {
    'awslogs-group': '/ecs/analytics-studio',
    'awslogs-region': 'us-east-1',
    'awslogs-stream-prefix': 'ecs',
  };
  return {
    taskDefinitionArn: arn,
    containerDefinitions: [{ name: 'fastapi', logConfiguration: { logDriver: 'awslogs', options } }],
  };
}

export function shownStack({ id, name, status, reason, parameters, outputs, created, isProtected }: Stack): Wire {
  return {
    StackId: id,
    StackName: name,
    CreationTime: created,
    EnableTerminationProtection: isProtected,
    StackStatus: status,
    StackStatusReason: reason === '' ? undefined : reason,
    Parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })),
    Outputs: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
  };
}

const recreations: Texts = { True: 'Always', Conditional: 'Conditionally' };

/** As AWS shows a property's value: a text as it is, everything else as JSON. */
function valueText(value: unknown): string | undefined {
  return value === undefined || typeof value === 'string' ? value : JSON.stringify(value);
}

export function shownChange({ action, id, type, replacement, properties }: Change): Wire {
  return {
    Type: 'Resource',
    ResourceChange: {
      Action: action,
      LogicalResourceId: id,
      ResourceType: type,
      Replacement: action === 'Modify' ? replacement : undefined,
      Details: properties.map(({ name, before, after, cause }) => ({
        Evaluation: cause?.includes('.') === true ? 'Dynamic' : 'Static',
        ChangeSource:
          cause === undefined ? 'DirectModification' : cause.includes('.') ? 'ResourceAttribute' : 'ResourceReference',
        CausingEntity: cause,
        Target: {
          Attribute: 'Properties',
          Name: name,
          Path: `/Properties/${name}`,
          BeforeValue: valueText(before),
          AfterValue: valueText(after),
          RequiresRecreation: recreations[replacement] ?? 'Never',
        },
      })),
    },
  };
}

/** As AWS words it. */
export function denial(service: string, operation: string): Refusal {
  return new Refusal(
    service === 'cloudformation' ? 'AccessDenied' : 'AccessDeniedException',
    `User: arn:aws:sts::${accountId}:assumed-role/provisioner/run is not authorized to perform: ${service}:${operation} on resource: * because no identity-based policy allows the ${service}:${operation} action`,
    403,
  );
}
