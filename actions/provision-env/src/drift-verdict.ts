import type { PropertyDrift, ResourceDrift, StackResource, StackState } from '../../../shared/aws/cloudformation.ts';
import { field, parseJson } from '../../../shared/core/field.ts';
import type { StackSpec } from './stacks.ts';

/** What a comparison of one stack with what is there has shown. */
export interface SeenStack {
  readonly spec: StackSpec;
  /** Undefined when there is no such stack. */
  readonly state: StackState | undefined;
  readonly outcome: Compared | NotCompared;
}

export interface Compared {
  readonly kind: 'compared';
  /** Why CloudFormation could not compare all of it; empty when it could. */
  readonly failure: string;
  readonly drifts: readonly ResourceDrift[];
  /** Everything the stack has. */
  readonly resources: readonly StackResource[];
  readonly ms: number;
}

export interface NotCompared {
  readonly kind: 'not-compared';
  readonly reason: string;
  readonly hint?: string | undefined;
}

export interface DriftedResource {
  readonly logicalId: string;
  readonly physicalId: string;
  readonly type: string;
  /** What it is, in words. */
  readonly description: string;
  readonly kind: 'modified' | 'deleted';
  /** Without those that are expected. */
  readonly differences: readonly PropertyDrift[];
}

/** A difference that somebody else makes, and may. */
export interface ExpectedDrift {
  readonly logicalId: string;
  readonly type: string;
  readonly description: string;
  readonly difference: PropertyDrift;
  readonly reason: string;
}

/** What could not be compared; without an id it is the whole stack. */
export interface UnknownDrift {
  readonly logicalId: string | undefined;
  readonly description: string;
  readonly reason: string;
  readonly hint?: string | undefined;
}

export interface StackVerdict {
  readonly spec: StackSpec;
  readonly state: StackState | undefined;
  readonly drifted: readonly DriftedResource[];
  readonly expected: readonly ExpectedDrift[];
  readonly unknown: readonly UnknownDrift[];
  /** What AWS cannot compare for any stack: resources of these types. */
  readonly unsupported: readonly StackResource[];
  /** How many resources were compared. */
  readonly compared: number;
}

export function judgeDrift({ spec, state, outcome }: SeenStack): StackVerdict {
  const none = { drifted: [], expected: [], unsupported: [], compared: 0 };
  if (outcome.kind === 'not-compared') {
    const { reason, hint } = outcome;
    return { spec, state, ...none, unknown: [{ logicalId: undefined, description: spec.name, reason, hint }] };
  }
  const describe = (logicalId: string, type: string): string =>
    spec.template.resources.get(logicalId)?.description ?? type;
  const failed = failedResources(outcome.failure);
  // What failed now may still have the record of an earlier comparison.
  const records = outcome.drifts.filter(({ logicalId }) => !failed.has(logicalId));
  const named = new Map(outcome.resources.map((resource) => [resource.logicalId, resource.type]));
  const unread = records.filter(({ status }) => !['IN_SYNC', 'MODIFIED', 'DELETED', ...cannot].includes(status));
  const unknown: readonly UnknownDrift[] = [
    ...[...failed].map(([logicalId, reason]) => ({
      logicalId,
      description: describe(logicalId, named.get(logicalId) ?? logicalId),
      reason: reason === '' ? outcome.failure : reason,
    })),
    ...unread.map(({ logicalId, type, status, reason }) => ({
      logicalId,
      description: describe(logicalId, type),
      reason: reason === '' ? `CloudFormation says ${status === '' ? 'nothing' : status}` : reason,
    })),
  ];
  // Without names it may be anything that was not compared.
  const isVague = outcome.failure !== '' && failed.size === 0;
  const known = new Set([...failed.keys(), ...unread.map(({ logicalId }) => logicalId)]);
  const compared = records.filter(({ status }) => ['IN_SYNC', 'MODIFIED', 'DELETED'].includes(status));
  const ids = new Set(compared.map(({ logicalId }) => logicalId));
  const judged = compared.map((drift) => ({ drift, ...split(drift) }));
  return {
    spec,
    state,
    drifted: judged
      .filter(({ drift, own, owned }) => isDrifted(drift) && (own.length > 0 || owned.length === 0))
      .map(({ drift, own }) => ({
        logicalId: drift.logicalId,
        physicalId: drift.physicalId,
        type: drift.type,
        description: describe(drift.logicalId, drift.type),
        kind: drift.status === 'DELETED' ? 'deleted' : 'modified',
        differences: own,
      })),
    expected: judged.flatMap(({ drift: { logicalId, type }, owned }) =>
      owned.map((item) => ({ logicalId, type, description: describe(logicalId, type), ...item })),
    ),
    unknown: isVague
      ? [{ logicalId: undefined, description: spec.name, reason: outcome.failure }, ...unknown]
      : unknown,
    unsupported: isVague
      ? []
      : outcome.resources.filter(
          ({ logicalId, status }) => status !== 'DELETE_COMPLETE' && !ids.has(logicalId) && !known.has(logicalId),
        ),
    compared: compared.length,
  };
}

/** How AWS says that it compares no resource of a type; mostly it leaves them out. */
const cannot = ['NOT_CHECKED', 'UNSUPPORTED'];

function isDrifted({ status }: ResourceDrift): boolean {
  return status === 'MODIFIED' || status === 'DELETED';
}

function split(drift: ResourceDrift): {
  readonly own: readonly PropertyDrift[];
  readonly owned: readonly { readonly difference: PropertyDrift; readonly reason: string }[];
} {
  const judged = drift.differences.map((difference) => ({ difference, reason: ownerOf(drift.type, difference) }));
  return {
    own: judged.filter(({ reason }) => reason === undefined).map(({ difference }) => difference),
    owned: judged.flatMap(({ difference, reason }) => (reason === undefined ? [] : [{ difference, reason }])),
  };
}

interface Owner {
  readonly types: readonly string[];
  readonly path: RegExp;
  readonly when?: (difference: PropertyDrift) => boolean;
  readonly reason: string;
}

/** Everything that may differ, each with who makes it differ. What is not here is drift. */
const owners: readonly Owner[] = [
  {
    types: ['AWS::ECS::Service'],
    path: /^\/TaskDefinition$/,
    reason: 'deployments own the revision that runs',
  },
  {
    types: ['AWS::ECS::Service'],
    path: /^\/DesiredCount$/,
    reason: 'deployments and autoscaling own the number of tasks',
  },
  {
    types: ['AWS::RDS::DBInstance'],
    path: /^\/AllocatedStorage$/,
    when: ({ expected, actual }) => Number(actual) > Number(expected),
    reason: 'storage autoscaling (DatabaseMaxAllocatedStorage) lets it grow, and nothing can shrink it',
  },
  {
    // CloudFormation reads the database's "16" as any 16.x, but the cache's "7.1" and a later minor version literally.
    types: ['AWS::RDS::DBInstance', 'AWS::ElastiCache::ReplicationGroup'],
    path: /^\/EngineVersion$/,
    when: ({ expected, actual }) => isLaterMinor(expected, actual),
    reason: 'AWS installs minor versions by itself (AutoMinorVersionUpgrade)',
  },
];

/** Why a difference is no drift; undefined when it is. */
export function ownerOf(type: string, difference: PropertyDrift): string | undefined {
  if (isTagOfAws(difference)) return 'AWS sets tags of its own, which nobody else can set';
  return owners.find(
    ({ types, path, when }) =>
      types.includes(type) &&
      path.test(difference.path) &&
      difference.kind === 'NOT_EQUAL' &&
      when?.(difference) !== false,
  )?.reason;
}

/** Nobody but AWS may make tags whose names begin with `aws:`. */
function isTagOfAws({ path, kind, actual }: PropertyDrift): boolean {
  return kind === 'ADD' && /^\/Tags\/\d+$/.test(path) && /^\s*\{[^{}]*"Key"\s*:\s*"aws:/.test(actual);
}

/** `16` and `16.4`, `7.1` and `7.1.2`, `16.4` and `16.6`: of the same major version, and no step back. */
function isLaterMinor(expected: string, actual: string): boolean {
  if (!/^\d+(?:\.\d+)*$/.test(expected) || !/^\d+(?:\.\d+)*$/.test(actual)) return false;
  const [was, is] = [expected, actual].map((version) => version.split('.').map(Number));
  if (was === undefined || is === undefined || was[0] !== is[0]) return false;
  for (const [index, part] of is.entries()) {
    const before = was[index] ?? 0;
    if (part !== before) return part > before;
  }
  return is.length >= was.length;
}

/**
 * Which resources a failed comparison could not read, and why: `{"Summary":"…","Failures":[{"Resource":"…","FailureReason":"…"}]}`, or
 * `Failed to detect drift on resources [A, B]`.
 */
export function failedResources(reason: string): ReadonlyMap<string, string> {
  const failures = jsonFailures(reason);
  if (failures.size > 0) return failures;
  const [, list = ''] = /drift on resources? \[([^\]]*)\]/i.exec(reason) ?? [];
  return new Map(
    list
      .split(/,\s*/)
      .filter((id) => id !== '')
      .map((id) => [id, '']),
  );
}

function jsonFailures(reason: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const failures = field(parseJson(reason.slice(Math.max(0, reason.indexOf('{')))), 'Failures');
  for (const failure of Array.isArray(failures) ? failures : []) {
    const [id, why] = [field(failure, 'Resource'), field(failure, 'FailureReason')];
    if (typeof id === 'string') found.set(id, typeof why === 'string' ? why : '');
  }
  return found;
}

/** `true` as soon as something differs, `unknown` when something could not be compared, else `false`. */
export function overall(verdicts: readonly StackVerdict[]): 'true' | 'false' | 'unknown' {
  if (verdicts.some(({ drifted }) => drifted.length > 0)) return 'true';
  return verdicts.some(({ unknown }) => unknown.length > 0) ? 'unknown' : 'false';
}
