import {
  CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  DescribeEventsCommand,
  DescribeStackDriftDetectionStatusCommand,
  DescribeStackEventsCommand,
  DescribeStackResourceDriftsCommand,
  DescribeStacksCommand,
  DetectStackDriftCommand,
  ExecuteChangeSetCommand,
  GetStackPolicyCommand,
  ListStackResourcesCommand,
  SetStackPolicyCommand,
  UpdateTerminationProtectionCommand,
  type Change,
  type ChangeAction,
  type OperationEvent,
  type ResourceChange as AwsResourceChange,
  type ResourceChangeDetail,
  type Stack,
  type StackResourceSummary,
  type StackResourceDrift,
} from '@aws-sdk/client-cloudformation';
import { isAwsError } from '../core/errors.ts';
import { connect, type SdkConfig } from './sdk-config.ts';

export interface StackState {
  readonly id: string;
  readonly name: string;
  /** As AWS writes it: `UPDATE_COMPLETE`, `ROLLBACK_IN_PROGRESS` … */
  readonly status: string;
  readonly reason: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly outputs: ReadonlyMap<string, string>;
  /** Whether AWS refuses to delete it. */
  readonly isProtected: boolean;
}

/** A parameter's value, or the one the stack has. */
export type ParameterValue = string | { readonly previous: true };

export interface ChangeSetRequest {
  readonly stack: string;
  readonly name: string;
  readonly kind: 'CREATE' | 'UPDATE';
  /** The template's text, or the one the stack has. */
  readonly template: string | { readonly previous: true };
  readonly parameters: ReadonlyMap<string, ParameterValue>;
  readonly tags: ReadonlyMap<string, string>;
  readonly executionRole: string | undefined;
}

export interface ResourceChange {
  readonly action: ChangeAction;
  readonly logicalId: string;
  readonly type: string;
  readonly replacement: 'True' | 'False' | 'Conditional';
  /** What becomes of the old one when it is removed or replaced: `Delete`, `Retain`, `Snapshot` …; undefined where AWS does not tell. */
  readonly policyAction?: string | undefined;
  readonly properties: readonly PropertyChange[];
}

/** One property (or an attribute such as `Tags`) of a resource that changes. */
export interface PropertyChange {
  readonly name: string;
  /** As CloudFormation writes them, a nested one as JSON; undefined where there is none, or it is known only once it is done. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** Whether this change alone makes the resource anew. */
  readonly recreation: 'Never' | 'Conditionally' | 'Always';
  /** Logical ids of other resources of the change set that it follows from, and from nothing else; empty when it is a change of its own. */
  readonly follows: readonly string[];
}

/** A resource that a stack has. */
export interface StackResource {
  readonly logicalId: string;
  readonly physicalId: string;
  readonly type: string;
  readonly status: string;
}

export interface ChangeSetState {
  /** `CREATE_PENDING`, `CREATE_IN_PROGRESS`, `CREATE_COMPLETE`, `FAILED` … */
  readonly status: string;
  readonly reason: string;
  readonly executable: boolean;
  readonly changes: readonly ResourceChange[];
}

export interface StackEvent {
  readonly id: string;
  readonly at: number;
  readonly logicalId: string;
  readonly physicalId: string;
  readonly type: string;
  readonly status: string;
  readonly reason: string;
}

/** How far a comparison of a stack with what is there has come. */
export interface DriftDetection {
  /** `DETECTION_IN_PROGRESS`, `DETECTION_COMPLETE`, `DETECTION_FAILED` … */
  readonly status: string;
  readonly reason: string;
}

/** What the last comparison says of one resource. */
export interface ResourceDrift {
  readonly logicalId: string;
  readonly physicalId: string;
  readonly type: string;
  /** As AWS writes it: `IN_SYNC`, `MODIFIED`, `DELETED`, `UNKNOWN`, `UNSUPPORTED` … */
  readonly status: string;
  readonly reason: string;
  readonly differences: readonly PropertyDrift[];
}

/** One property that is not what the template says. */
export interface PropertyDrift {
  /** `/LoadBalancers/0/ContainerPort` */
  readonly path: string;
  /** As CloudFormation writes them, a nested one as JSON. */
  readonly expected: string;
  readonly actual: string;
  /** `ADD`: an element more than the template's list has. */
  readonly kind: 'ADD' | 'REMOVE' | 'NOT_EQUAL';
}

/** CloudFormation stacks, changed through change sets only. */
export interface Stacks {
  /** Undefined when there is no such stack. */
  describe(stack: string): Promise<StackState | undefined>;
  /** Returns the change set's ARN; asking again with the same name and token gives the same one. */
  createChangeSet(request: ChangeSetRequest): Promise<string>;
  describeChangeSet(changeSet: string): Promise<ChangeSetState>;
  /** With its stack, by which AWS judges whether it may be executed. */
  executeChangeSet(changeSet: string, by: { readonly stack: string; readonly token: string }): Promise<void>;
  deleteChangeSet(changeSet: string): Promise<void>;
  deleteStack(
    stack: string,
    options: { readonly token: string; readonly executionRole: string | undefined },
  ): Promise<void>;
  /** Everything the stack has, also what a failed deletion left. */
  resources(stack: string): Promise<readonly StackResource[]>;
  /** Whether AWS refuses to delete the stack. */
  setTerminationProtection(stack: string, isOn: boolean): Promise<void>;
  /** JSON; undefined when there is none. */
  stackPolicy(stack: string): Promise<string | undefined>;
  setStackPolicy(stack: string, policy: string): Promise<void>;
  /** What happened after the event `since` (everything there is without it), oldest first. */
  events(stack: string, since: string | undefined): Promise<readonly StackEvent[]>;
  /** The newest event's id. */
  lastEvent(stack: string): Promise<string | undefined>;
  /** What AWS's validation, which the ordinary events only hint at, found wrong with a stack's operations or a change set, newest first. */
  validationFailures(of: { readonly stack: string } | { readonly changeSet: string }): Promise<readonly StackEvent[]>;
  /** Begins to compare a stack with what is there; returns the comparison's id, undefined while another one of the stack runs. */
  detectDrift(stack: string): Promise<string | undefined>;
  driftDetection(id: string): Promise<DriftDetection>;
  /** What the last comparison found, also what is as it should be. Of a type that AWS cannot compare there is nothing. */
  resourceDrifts(stack: string): Promise<readonly ResourceDrift[]>;
}

export function cloudFormationStacks(config: SdkConfig): Stacks {
  const client = connect(CloudFormationClient, config);

  async function eventPage(
    stack: string,
    token?: string,
  ): Promise<readonly [readonly StackEvent[], string | undefined]> {
    const page = await client.send(
      new DescribeStackEventsCommand({ StackName: stack, ...(token === undefined ? {} : { NextToken: token }) }),
    );
    return [(page.StackEvents ?? []).map(stackEvent), page.NextToken];
  }

  return {
    async describe(stack) {
      try {
        const { Stacks: stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: stack }));
        return stacks[0] === undefined ? undefined : stackState(stacks[0]);
      } catch (error) {
        // There is no error of its own for a missing stack.
        if (isAwsError(error, 'ValidationError') && error.message.includes('does not exist')) return undefined;
        throw error;
      }
    },

    async createChangeSet(request) {
      const { template, executionRole } = request;
      const { Id = '' } = await client.send(
        new CreateChangeSetCommand({
          StackName: request.stack,
          ChangeSetName: request.name,
          ChangeSetType: request.kind,
          ClientToken: request.name,
          ...(typeof template === 'string' ? { TemplateBody: template } : { UsePreviousTemplate: true }),
          Parameters: [...request.parameters].map(([name, value]) =>
            typeof value === 'string'
              ? { ParameterKey: name, ParameterValue: value }
              : { ParameterKey: name, UsePreviousValue: true },
          ),
          Tags: [...request.tags].map(([Key, Value]) => ({ Key, Value })),
          // The bootstrap stack's roles have names, since workflows must know them.
          Capabilities: ['CAPABILITY_NAMED_IAM'],
          ...(executionRole === undefined ? {} : { RoleARN: executionRole }),
        }),
      );
      return Id;
    },

    async describeChangeSet(changeSet) {
      const pages = await everyPage((next) =>
        client.send(new DescribeChangeSetCommand({ ChangeSetName: changeSet, IncludePropertyValues: true, ...next })),
      );
      const last = pages.at(-1);
      return {
        status: last?.Status ?? '',
        reason: last?.StatusReason ?? '',
        executable: last?.ExecutionStatus === 'AVAILABLE',
        changes: pages.flatMap(({ Changes = [] }) => Changes.flatMap(resourceChange)),
      };
    },

    async executeChangeSet(changeSet, { stack, token }) {
      await client.send(
        new ExecuteChangeSetCommand({ ChangeSetName: changeSet, StackName: stack, ClientRequestToken: token }),
      );
    },

    async deleteChangeSet(changeSet) {
      try {
        await client.send(new DeleteChangeSetCommand({ ChangeSetName: changeSet }));
      } catch (error) {
        if (!isAwsError(error, 'ChangeSetNotFound', 'ChangeSetNotFoundException')) throw error;
      }
    },

    async deleteStack(stack, { token, executionRole }) {
      await client.send(
        new DeleteStackCommand({
          StackName: stack,
          ClientRequestToken: token,
          ...(executionRole === undefined ? {} : { RoleARN: executionRole }),
        }),
      );
    },

    async resources(stack) {
      const pages = await everyPage((next) =>
        client.send(new ListStackResourcesCommand({ StackName: stack, ...next })),
      );
      return pages.flatMap(({ StackResourceSummaries = [] }) => StackResourceSummaries.map(stackResource));
    },

    async setTerminationProtection(stack, isOn) {
      await client.send(
        new UpdateTerminationProtectionCommand({ StackName: stack, EnableTerminationProtection: isOn }),
      );
    },

    async stackPolicy(stack) {
      const { StackPolicyBody = '' } = await client.send(new GetStackPolicyCommand({ StackName: stack }));
      return StackPolicyBody === '' ? undefined : StackPolicyBody;
    },

    async setStackPolicy(stack, policy) {
      await client.send(new SetStackPolicyCommand({ StackName: stack, StackPolicyBody: policy }));
    },

    async events(stack, since) {
      const events: StackEvent[] = [];
      for (let token: string | undefined; ;) {
        const [page, next] = await eventPage(stack, token);
        const known = page.findIndex(({ id }) => id === since);
        events.push(...(known < 0 ? page : page.slice(0, known)));
        token = next;
        if (known >= 0 || token === undefined) return events.reverse();
      }
    },

    async lastEvent(stack) {
      const [page] = await eventPage(stack);
      return page[0]?.id;
    },

    async validationFailures(of) {
      const { OperationEvents = [] } = await client.send(
        new DescribeEventsCommand({
          ...('stack' in of ? { StackName: of.stack } : { ChangeSetName: of.changeSet }),
          Filters: { FailedEvents: true },
        }),
      );
      return OperationEvents.filter(({ EventType }) => EventType === 'VALIDATION_ERROR').map(
        ({ ValidationStatusReason = '', ValidationPath = '', ...event }) => ({
          ...stackEvent(event),
          status: 'VALIDATION_FAILED',
          reason: ValidationPath === '' ? ValidationStatusReason : `${ValidationStatusReason} (${ValidationPath})`,
        }),
      );
    },

    async detectDrift(stack) {
      try {
        return (await client.send(new DetectStackDriftCommand({ StackName: stack }))).StackDriftDetectionId;
      } catch (error) {
        // Nor is there an error of its own for this, and the id of the one that runs is not told.
        if (isAwsError(error, 'ValidationError') && /drift detection is already in progress/i.test(error.message))
          return undefined;
        throw error;
      }
    },

    async driftDetection(id) {
      const seen = await client.send(new DescribeStackDriftDetectionStatusCommand({ StackDriftDetectionId: id }));
      return { status: seen.DetectionStatus ?? '', reason: seen.DetectionStatusReason ?? '' };
    },

    async resourceDrifts(stack) {
      const pages = await everyPage((next) =>
        client.send(new DescribeStackResourceDriftsCommand({ StackName: stack, MaxResults: 100, ...next })),
      );
      return pages.flatMap(({ StackResourceDrifts = [] }) => StackResourceDrifts.map(resourceDrift));
    },
  };
}

/** A list from its first page to its last. */
async function everyPage<P extends { readonly NextToken?: string | undefined }>(
  read: (next: { readonly NextToken?: string }) => Promise<P>,
): Promise<readonly P[]> {
  const pages: P[] = [];
  for (let next: { readonly NextToken?: string } | undefined = {}; next !== undefined;) {
    const page: P = await read(next);
    pages.push(page);
    next = page.NextToken === undefined ? undefined : { NextToken: page.NextToken };
  }
  return pages;
}

function stackResource(item: StackResourceSummary): StackResource {
  return {
    logicalId: item.LogicalResourceId ?? '',
    physicalId: item.PhysicalResourceId ?? '',
    type: item.ResourceType ?? '',
    status: item.ResourceStatus ?? '',
  };
}

function stackState(stack: Stack): StackState {
  return {
    id: stack.StackId ?? '',
    name: stack.StackName ?? '',
    status: stack.StackStatus ?? '',
    reason: stack.StackStatusReason ?? '',
    parameters: new Map((stack.Parameters ?? []).map((item) => [item.ParameterKey ?? '', item.ParameterValue ?? ''])),
    outputs: new Map((stack.Outputs ?? []).map((item) => [item.OutputKey ?? '', item.OutputValue ?? ''])),
    isProtected: stack.EnableTerminationProtection === true,
  };
}

/** Fields that stack events and operation events share. */
type SharedEvent = Pick<
  OperationEvent,
  | 'EventId'
  | 'Timestamp'
  | 'LogicalResourceId'
  | 'PhysicalResourceId'
  | 'ResourceType'
  | 'ResourceStatus'
  | 'ResourceStatusReason'
>;

function stackEvent(event: SharedEvent): StackEvent {
  return {
    id: event.EventId ?? '',
    at: event.Timestamp?.getTime() ?? 0,
    logicalId: event.LogicalResourceId ?? '',
    physicalId: event.PhysicalResourceId ?? '',
    type: event.ResourceType ?? '',
    status: event.ResourceStatus ?? '',
    reason: event.ResourceStatusReason ?? '',
  };
}

function resourceChange({ ResourceChange: change }: Change): readonly ResourceChange[] {
  if (change === undefined) return [];
  return [
    {
      action: change.Action ?? 'Modify',
      logicalId: change.LogicalResourceId ?? '',
      type: change.ResourceType ?? '',
      replacement: replacementOf(change),
      policyAction: change.PolicyAction,
      properties: propertyChanges(change.Details ?? []),
    },
  ];
}

/** AWS says `Dynamic` of what it cannot make out yet. */
function replacementOf({ Action, Replacement }: AwsResourceChange): ResourceChange['replacement'] {
  if (Replacement !== undefined) return Replacement;
  return Action === 'Modify' || Action === 'Dynamic' ? 'Conditional' : 'False';
}

/** One for each property: what changes for several reasons is listed once for each of them. */
function propertyChanges(details: readonly ResourceChangeDetail[]): readonly PropertyChange[] {
  const found = new Map<string, PropertyChange>();
  for (const { Target: target = {}, ChangeSource, CausingEntity = '' } of details) {
    // Within a property the path says where: /Properties/DistributionConfig/WebACLId.
    const path = target.Path?.replace(/^\/(?:Properties\/)?/, '').replaceAll('/', '.');
    const name = path ?? target.Name ?? target.Attribute ?? '';
    if (name === '') continue;
    const recreation = target.RequiresRecreation ?? 'Never';
    const known = found.get(name);
    const isOther = ChangeSource === 'ResourceReference' || ChangeSource === 'ResourceAttribute';
    const isFirst = known === undefined || known.follows.length > 0;
    found.set(name, {
      name,
      before: target.BeforeValue ?? known?.before,
      after: target.AfterValue ?? known?.after,
      recreation: worse(recreation, known?.recreation ?? 'Never'),
      follows: isOther && isFirst ? [...(known?.follows ?? []), CausingEntity.split('.')[0] ?? ''] : [],
    });
  }
  return [...found.values()];
}

function worse(a: PropertyChange['recreation'], b: PropertyChange['recreation']): PropertyChange['recreation'] {
  const order = ['Never', 'Conditionally', 'Always'] as const;
  return order.indexOf(a) > order.indexOf(b) ? a : b;
}

function resourceDrift(drift: StackResourceDrift): ResourceDrift {
  return {
    logicalId: drift.LogicalResourceId ?? '',
    physicalId: drift.PhysicalResourceId ?? '',
    type: drift.ResourceType ?? '',
    status: drift.StackResourceDriftStatus ?? '',
    reason: drift.DriftStatusReason ?? '',
    differences: (drift.PropertyDifferences ?? []).map((item) => ({
      path: item.PropertyPath ?? '',
      expected: item.ExpectedValue ?? '',
      actual: item.ActualValue ?? '',
      kind: item.DifferenceType ?? 'NOT_EQUAL',
    })),
  };
}
