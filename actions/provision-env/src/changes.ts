import type { PropertyChange, ResourceChange } from '../../../shared/aws/cloudformation.ts';
import { wholeValue } from './shown-value.ts';
import type { StackSpec } from './stacks.ts';

export interface PlannedChange {
  /** `perhaps-replace`: CloudFormation only knows while it executes. */
  readonly kind: 'add' | 'change' | 'perhaps-replace' | 'replace' | 'remove';
  readonly logicalId: string;
  readonly type: string;
  readonly description: string;
  readonly properties: readonly PropertyChange[];
  readonly holdsData: boolean;
  /** What is left of one that is removed: all of it, outside of the stack, or a last snapshot. */
  readonly stays: 'whole' | 'snapshot' | undefined;
}

const replacements = { False: 'change', Conditional: 'perhaps-replace', True: 'replace' } as const;

/** A change set's changes, as a person reads them. */
export function describeChanges(spec: StackSpec, changes: readonly ResourceChange[]): readonly PlannedChange[] {
  const steady = new Set(changes.filter((change) => isSteady(change)).map(({ logicalId }) => logicalId));
  return changes.map((change) => ({
    kind: kindOf(change, steady),
    logicalId: change.logicalId,
    type: change.type,
    description: spec.template.resources.get(change.logicalId)?.description ?? change.type,
    properties: change.properties,
    holdsData: holdsData(spec, change),
    stays: staysOf(spec, change),
  }));
}

function kindOf(change: ResourceChange, steady: ReadonlySet<string>): PlannedChange['kind'] {
  const { action, type, properties, replacement } = change;
  if (action === 'Add' || action === 'Import') return 'add';
  if (action === 'Remove') return 'remove';
  // Secrets Manager makes up another value, and the one that is in use is gone.
  if (type === 'AWS::SecretsManager::Secret' && properties.some(({ name }) => name.startsWith('GenerateSecretString')))
    return 'replace';
  if (action === 'Dynamic' && replacement === 'False') return 'perhaps-replace';
  if (replacement !== 'Conditional') return replacements[replacement];
  // An attribute, such as its ARN, of a resource that is not made anew stays: AWS only does not say so beforehand.
  const causes = properties.filter(({ recreation }) => recreation !== 'Never');
  const isSpurious =
    causes.length > 0 && causes.every(({ follows }) => follows.length > 0 && follows.every((id) => steady.has(id)));
  return isSpurious ? 'change' : 'perhaps-replace';
}

function isSteady({ action, replacement }: ResourceChange): boolean {
  return action === 'Modify' && replacement === 'False';
}

/** A generated secret that the template lets go is no data; what the template does not know any more may be. */
function holdsData({ template }: StackSpec, { type, logicalId }: ResourceChange): boolean {
  const letsGo = type === 'AWS::SecretsManager::Secret' && template.resources.get(logicalId)?.isKept === false;
  return dataTypes.includes(type) && !letsGo;
}

/** What is left of a resource that is removed. */
function staysOf(
  { template }: StackSpec,
  { action, type, logicalId, policyAction }: ResourceChange,
): PlannedChange['stays'] {
  if (action !== 'Remove') return undefined;
  if (policyAction !== undefined)
    return policyAction.includes('Snapshot') ? 'snapshot' : policyAction.includes('Retain') ? 'whole' : undefined;
  if (template.resources.get(logicalId)?.isKept !== true) return undefined;
  return type === 'AWS::RDS::DBInstance' ? 'snapshot' : 'whole';
}

/** What cannot be made again once it is gone. */
export const dataTypes: readonly string[] = [
  'AWS::RDS::DBInstance',
  'AWS::ElastiCache::ReplicationGroup',
  'AWS::S3::Bucket',
  'AWS::SecretsManager::Secret',
  'AWS::ECR::Repository',
  'AWS::KMS::Key',
];

/** Whether data in it would be lost. */
export function endangers({ kind, holdsData }: PlannedChange): boolean {
  return kind !== 'add' && kind !== 'change' && holdsData;
}

/** One change in a few words. */
export function changeText({ kind, description, logicalId, properties }: PlannedChange): string {
  const names = properties.map(({ name }) => name).join(', ');
  return `${kind.replace('-', ' ')} ${description} (${logicalId})${names === '' ? '' : `: ${names}`}`;
}

const longest = 60;
/** What both values have in common before they differ is of less interest; some of it says where one is. */
const before = 20;

/** `name: before → after`; secrets are not shown, and of long values the place where they begin to differ. */
export function propertyText({ name, before: is, after: will, follows }: PropertyChange): string {
  if (follows.length > 0) return `${name}: follows from ${[...new Set(follows)].join(', ')}`;
  if (is === undefined && will === undefined) return name;
  const path = name.replaceAll('.', '/');
  const [old, next] = [shown(path, is), shown(path, will)];
  if (old === next && is !== will) return `${name}: ${old} → another value`;
  const start = Math.max(old.length, next.length) <= longest ? 0 : Math.max(0, commonStart(old, next) - before);
  return `${name}: ${cut(old, start)} → ${cut(next, start)}`;
}

function shown(path: string, value: string | undefined): string {
  if (value === undefined) return '–';
  if (value === '') return '(empty)';
  return value.includes('KNOWN_AFTER_APPLY') ? '(known after apply)' : wholeValue(path, value);
}

function commonStart(a: string, b: string): number {
  let index = 0;
  while (index < a.length && a[index] === b[index]) index += 1;
  return index;
}

function cut(text: string, start: number): string {
  const head = start > 0 && start < text.length ? '…' : '';
  const rest = text.slice(Math.min(start, text.length));
  return head + (rest.length <= longest ? rest : `${rest.slice(0, longest - 1)}…`) || '…';
}
