import type { PropertyChange, ResourceChange } from '../../../shared/aws/cloudformation.ts';
import type { StackSpec } from './stacks.ts';

export interface PlannedChange {
  /** `perhaps-replace`: CloudFormation only knows while it executes. */
  readonly kind: 'add' | 'change' | 'perhaps-replace' | 'replace' | 'remove';
  readonly logicalId: string;
  readonly type: string;
  readonly description: string;
  readonly properties: readonly PropertyChange[];
  readonly holdsData: boolean;
}

const replacements = { False: 'change', Conditional: 'perhaps-replace', True: 'replace' } as const;

/** A change set's changes, as a person reads them. */
export function describeChanges(spec: StackSpec, changes: readonly ResourceChange[]): readonly PlannedChange[] {
  return changes.map((change) => ({
    kind:
      change.action === 'Add' || change.action === 'Import'
        ? 'add'
        : change.action === 'Remove'
          ? 'remove'
          : replacements[change.replacement],
    logicalId: change.logicalId,
    type: change.type,
    description: spec.template.resources.get(change.logicalId)?.description ?? change.type,
    properties: change.properties,
    holdsData: holdsData(spec, change),
  }));
}

/** A generated secret that the template lets go is no data; what the template does not know any more may be. */
function holdsData({ template }: StackSpec, { type, logicalId }: ResourceChange): boolean {
  const letsGo = type === 'AWS::SecretsManager::Secret' && template.resources.get(logicalId)?.isKept === false;
  return dataTypes.includes(type) && !letsGo;
}

/** What cannot be made again once it is gone. */
export const dataTypes: readonly string[] = [
  'AWS::RDS::DBInstance',
  'AWS::ElastiCache::ReplicationGroup',
  'AWS::S3::Bucket',
  'AWS::SecretsManager::Secret',
  'AWS::ECR::Repository',
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

const secretNames = /password|secretstring|authtoken|generatesecret|headervalue|private.?key/i;
const longest = 60;

/** `name: before → after`; a nested property is clipped, and what may be a secret is not shown. */
export function propertyText({ name, before, after }: PropertyChange): string {
  if (before === undefined && after === undefined) return name;
  if (secretNames.test(name)) return `${name}: (hidden)`;
  return `${name}: ${shown(before) ?? '–'} → ${shown(after) ?? '–'}`;
}

function shown(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value.includes('KNOWN_AFTER_APPLY')) return '(known after apply)';
  const line = value.replace(/\s+/g, ' ');
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`;
}
