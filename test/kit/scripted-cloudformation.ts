import { randomUUID } from 'node:crypto';
import { maxTemplateBytes } from '../../actions/provision-env/src/template.ts';
import { withConsequences } from './scripted-consequences.ts';
import { denialByPolicy } from './scripted-stack-policy.ts';
import type { Answer, ScriptedCall } from './scripted-aws.ts';
import { DriftDetections, type Comparison } from './scripted-drift.ts';
import { StackOperations, type Execution, type Schedule } from './scripted-cloudformation-operations.ts';
import {
  accountId,
  denial,
  evaluated,
  fateOf,
  keyOf,
  nameRule,
  parametersOf,
  parsed,
  Refusal,
  refuseUnacknowledged,
  refuseUnready,
  shownChange,
  shownStack,
  taskDefinition,
  taskDefinitionArn,
  tokenRule,
  type Change,
  type ChangeSet,
  type Finding,
  type Stack,
  type Texts,
  type Wire,
} from './scripted-cloudformation-model.ts';

/** How AWS works out one change set. */
export interface Working {
  readonly takes?: number;
  readonly fails?: string;
  /** What DescribeEvents tells of it. */
  readonly findings?: readonly Finding[];
}

export interface CloudGiven {
  /** `name:revision` the service runs, and the rollout states of its deployments. Without it: the base, once the stack is there. */
  readonly service?: { readonly runs: string; readonly rollouts?: readonly string[] };
  /** Whether a person has filled in the OpenAI key. */
  readonly 'key-has-value'?: boolean;
  /** Operations that are denied. */
  readonly denied?: readonly string[];
  readonly pages?: { readonly events?: number; readonly changes?: number; readonly drifts?: number };
  /** What a change of a resource does to it, by logical id: `True`, `Conditional`. */
  readonly replaces?: Texts;
  /** Resources that a change of anything else changes as well, as a new version of the templates would. */
  readonly also?: readonly string[];
  /** By the stack's key (`foundation`, `edge`, `app`), one for each that is asked for. */
  readonly executions?: Readonly<Record<string, readonly Execution[]>>;
  readonly 'change-sets'?: Readonly<Record<string, readonly Working[]>>;
  readonly removals?: Readonly<Record<string, readonly Execution[]>>;
  readonly comparisons?: Readonly<Record<string, readonly Comparison[]>>;
}

/** A task that died. */
export interface DeadTask {
  readonly container?: string;
  readonly exitCode?: number;
  readonly stopCode?: string;
  readonly stoppedReason?: string;
  readonly reason?: string;
}

const notThere = 'Stack with id %s does not exist';

/** Of the hosted zone of example.com, the only one there is. */
export const nameServers: readonly string[] = ['ns-1.awsdns-01.org', 'ns-2.awsdns-02.com'];

/**
 * CloudFormation as AWS has it, with the calls of ECS, CloudWatch Logs, Secrets Manager and Route 53 that go with it. It compares
 * templates and parameters, takes its time, rolls back, and refuses what AWS refuses; how long things take and what fails is
 * up to the story. One endpoint speaks for all regions: the signature tells which.
 */
export class CloudFormationWorld {
  /** Every write that was carried out, `<stack's key> <what>`, in order. */
  readonly writes: string[] = [];
  /** Told of each call right before and right after it is carried out. */
  onCall: (operation: string, phase: 'before' | 'after') => void = () => undefined;
  readonly log: string[] = [];
  /** Logical ids of what stacks that are gone left behind. */
  readonly kept: string[] = [];
  /** Names of the databases' last snapshots. */
  readonly snapshots: string[] = [];
  /** What the service runs, an ARN; undefined until there is one. */
  runs: string | undefined;
  rollouts: readonly string[] = ['COMPLETED'];
  given: CloudGiven = {};
  readonly #schedule: Schedule;
  readonly #operations: StackOperations;
  readonly #drift: DriftDetections;
  readonly #stacks: Stack[] = [];
  readonly #changeSets = new Map<string, ChangeSet>();
  readonly #tokens = new Map<string, string>();
  readonly #tasks: Wire[] = [];
  readonly #used = new Map<string, number>();

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.#operations = new StackOperations(schedule, (parameters) => this.#setService(parameters));
    this.#drift = new DriftDetections(schedule);
  }

  /** From now on it is like this; what was used up before does not count. */
  become(given: CloudGiven): void {
    this.given = given;
    this.#used.clear();
    if (given.service !== undefined) this.deploy(given.service);
  }

  deploy({ runs, rollouts = ['COMPLETED'] }: NonNullable<CloudGiven['service']>): void {
    this.runs = taskDefinitionArn(runs);
    this.rollouts = rollouts;
  }

  die({
    container = 'fastapi',
    exitCode,
    stopCode = 'EssentialContainerExited',
    stoppedReason = '',
    reason,
  }: DeadTask): void {
    const id = String(this.#tasks.length + 1).padStart(32, '0');
    this.#tasks.push({
      taskArn: `arn:aws:ecs:us-east-1:${accountId}:task/cluster/${id}`,
      taskDefinitionArn: this.runs,
      lastStatus: 'STOPPED',
      stopCode,
      stoppedReason,
      stoppedAt: this.#schedule.now() / 1000,
      containers: [{ name: container, exitCode, reason }],
    });
  }

  /** By key; of stacks that are gone nothing. */
  status(key: string): string | undefined {
    return this.#stacks.find((stack) => keyOf(stack) === key && stack.status !== 'DELETE_COMPLETE')?.status;
  }

  /** Where a stack is. */
  region(key: string): string | undefined {
    return this.#stacks.find((stack) => keyOf(stack) === key && stack.status !== 'DELETE_COMPLETE')?.region;
  }

  /** Change sets that nobody executed or removed, by their stack's key; AWS itself drops those that are obsolete. */
  get left(): readonly string[] {
    return [...this.#changeSets.values()]
      .filter(
        ({ execution, stack }) => !['EXECUTE', 'OBSOLETE'].includes(execution) && stack.status !== 'DELETE_COMPLETE',
      )
      .map(({ stack }) => keyOf(stack));
  }

  /** An update by somebody else: of resources, or by other values for parameters. */
  updateByAnother(
    key: string,
    {
      resources = [],
      parameters: others = {},
    }: { readonly resources?: readonly string[]; readonly parameters?: Texts },
    execution: Execution,
  ): void {
    const stack = this.#byKey(key);
    const { template } = stack;
    const parameters = { ...stack.parameters, ...others };
    const named = resources.map((id): Change => {
      const type = stack.resources.get(id)?.type ?? 'AWS::Test::Thing';
      return { action: 'Modify', id, type, replacement: 'False', properties: [] };
    });
    const changes = [...named, ...this.#changes(stack, { template, parameters })];
    this.#operations.execute(stack, { kind: 'UPDATE', changes, template, parameters }, execution);
  }

  /** Somebody else has a stack compared. */
  compareByAnother(key: string, takes: number): void {
    this.#drift.detect(this.#byKey(key), () => ({ takes }));
  }

  removeByAnother(key: string): void {
    this.#remove(this.#byKey(key));
  }

  protect(key: string): void {
    this.#byKey(key).isProtected = true;
  }

  /** The stack is as if somebody's change set had been executed and were through: no other one can be any more. */
  overtake(key: string): void {
    const stack = this.#byKey(key);
    for (const other of this.#changeSets.values())
      if (other.stack === stack && other.execution !== 'EXECUTE') other.execution = 'OBSOLETE';
  }

  unguard(key: string): void {
    Object.assign(this.#byKey(key), { isProtected: false, policy: undefined });
  }

  isGuarded(key: string): boolean {
    const { isProtected, policy } = this.#byKey(key);
    return isProtected && policy !== undefined && !policy.includes('NotResource');
  }

  /** A change of the stack's state out of nowhere. */
  force(key: string, status: string, reason = ''): void {
    this.#operations.become(this.#byKey(key), status, reason);
  }

  #byKey(key: string): Stack {
    const stack = this.#stacks.find((item) => keyOf(item) === key && item.status !== 'DELETE_COMPLETE');
    if (stack === undefined) throw new Error(`there is no stack ${key}`);
    return stack;
  }

  answer(call: ScriptedCall): Answer {
    const { service, operation, input, region } = call;
    this.onCall(operation, 'before');
    try {
      if (this.given.denied?.includes(operation) === true) throw denial(service, operation);
      return service === 'cloudformation' ? this.#cloudFormation(operation, input as Texts, region) : this.#other(call);
    } catch (error) {
      // A bug of the server itself is not to look like a service that is down, which is asked again and again.
      if (!(error instanceof Refusal))
        return { __type: 'BugOfTheScriptedServer', message: String(error), httpStatus: 400 };
      return { __type: error.code, message: error.message, httpStatus: error.status };
    } finally {
      this.onCall(operation, 'after');
    }
  }

  #cloudFormation(operation: string, input: Texts, region: string): Answer {
    switch (operation) {
      case 'DescribeStacks':
        return { Stacks: [shownStack(this.#known(input['StackName'], region, notThere))] };
      case 'DescribeStackEvents':
        return this.#describeEvents(this.#known(input['StackName'], region, 'Stack [%s] does not exist'), input);
      case 'DescribeEvents':
        return { OperationEvents: this.#findings(input, region) };
      case 'CreateChangeSet':
        return this.#createChangeSet(input, region);
      case 'DescribeChangeSet':
        return this.#describeChangeSet(this.#changeSet(input), input);
      case 'DeleteChangeSet':
        return this.#deleteChangeSet(this.#changeSet(input));
      case 'ExecuteChangeSet':
        return this.#executeChangeSet(this.#changeSet(input), input);
      case 'DeleteStack':
        return this.#deleteStack(input, region);
      case 'ListStackResources':
        return { StackResourceSummaries: this.#resources(this.#known(input['StackName'], region, notThere)) };
      case 'UpdateTerminationProtection':
        return this.#protect(this.#known(input['StackName'], region, notThere), input);
      case 'GetStackPolicy':
        return { StackPolicyBody: this.#known(input['StackName'], region, notThere).policy };
      case 'SetStackPolicy':
        return this.#setPolicy(this.#known(input['StackName'], region, notThere), input);
      case 'DetectStackDrift': {
        const stack = this.#known(input['StackName'], region, notThere);
        return this.#drift.detect(stack, () => this.#next('comparisons', stack));
      }
      case 'DescribeStackDriftDetectionStatus':
        return this.#drift.status(input);
      case 'DescribeStackResourceDrifts':
        return this.#drift.resources(
          this.#known(input['StackName'], region, notThere),
          input,
          this.given.pages?.drifts,
        );
      default:
        throw denial('cloudformation', operation);
    }
  }

  #other({ service, operation, input }: ScriptedCall): Answer {
    switch (`${service} ${operation}`) {
      case 'ecs DescribeServices':
        return { services: this.#services(), failures: [] };
      case 'ecs ListTasks':
        return { taskArns: input['desiredStatus'] === 'STOPPED' ? this.#tasks.map(({ taskArn }) => taskArn) : [] };
      case 'ecs DescribeTasks':
        return { tasks: this.#tasks.filter(({ taskArn }) => (input['tasks'] as unknown[]).includes(taskArn)) };
      case 'ecs DescribeTaskDefinition':
        return { taskDefinition: taskDefinition(String(input['taskDefinition'])) };
      case 'logs GetLogEvents':
        return { events: this.log.slice(-Number(input['limit'] ?? 100)).map((message) => ({ message })) };
      case 'rds DescribeDBSnapshots':
        return { DBSnapshots: this.snapshots.map((DBSnapshotIdentifier) => ({ DBSnapshotIdentifier })) };
      case 'route53 GetHostedZone':
        return {
          HostedZone: { Id: `/hostedzone/${String(input['Id'])}`, Name: 'example.com.' },
          DelegationSet: { NameServers: nameServers },
        };
      case 'secretsmanager DescribeSecret': {
        const stages = { v1: ['AWSCURRENT'] };
        return {
          ARN: input['SecretId'],
          VersionIdsToStages: this.given['key-has-value'] === true ? stages : {},
        };
      }
      default:
        throw denial(service, operation);
    }
  }

  #services(): readonly Wire[] {
    if (this.runs === undefined) return [];
    return [
      {
        status: 'ACTIVE',
        taskDefinition: this.runs,
        deployments: this.rollouts.map((rolloutState) => ({ rolloutState, taskDefinition: this.runs })),
      },
    ];
  }

  /** By name only while it is there, by id for good. */
  #find(reference: string, region: string): Stack | undefined {
    return this.#stacks.find(
      (stack) =>
        stack.region === region &&
        (stack.id === reference || (stack.name === reference && stack.status !== 'DELETE_COMPLETE')),
    );
  }

  #known(reference = '', region: string, text: string): Stack {
    const stack = this.#find(reference, region);
    if (stack === undefined) throw new Refusal('ValidationError', text.replace('%s', reference));
    return stack;
  }

  #changeSet({ ChangeSetName = '' }: Texts): ChangeSet {
    const found = this.#changeSets.get(ChangeSetName);
    if (found === undefined) throw new Refusal('ChangeSetNotFound', `ChangeSet [${ChangeSetName}] does not exist`, 404);
    return found;
  }

  /** Newest first. A page begins where the last one ended, whatever has happened since. */
  #describeEvents({ events }: Stack, { NextToken }: Texts): Answer {
    const size = this.given.pages?.events ?? 100;
    const end = NextToken === undefined ? events.length : events.findIndex(({ EventId }) => EventId === NextToken);
    if (end < 0) throw new Refusal('ValidationError', `Invalid NextToken ${String(NextToken)}`);
    const start = Math.max(0, end - size);
    return {
      StackEvents: events.slice(start, end).toReversed(),
      NextToken: start === 0 ? undefined : events[start]?.['EventId'],
    };
  }

  #findings(input: Texts, region: string): readonly Wire[] {
    const { ChangeSetName, StackName } = input;
    if (ChangeSetName === undefined) this.#known(StackName, region, 'Stack [%s] does not exist');
    const found =
      ChangeSetName === undefined
        ? [...this.#changeSets.values()].filter(({ stack }) => stack.id === StackName || stack.name === StackName)
        : [this.#changeSet(input)];
    return found.flatMap(({ findings, stack }) =>
      findings.map(({ id, reason, path }) => ({
        EventId: this.#operations.nextEvent(),
        EventType: 'VALIDATION_ERROR',
        StackId: stack.id,
        LogicalResourceId: id,
        Timestamp: this.#operations.date(),
        ValidationStatus: 'FAILED',
        ValidationStatusReason: reason,
        ValidationPath: path,
      })),
    );
  }

  #createChangeSet(input: Texts, region: string): Answer {
    const { StackName = '', ChangeSetName = '', ChangeSetType, ClientToken = '', TemplateBody } = input;
    for (const [what, value, rule] of [
      ['stackName', StackName, nameRule],
      ['changeSetName', ChangeSetName, nameRule],
      ['clientToken', ClientToken, tokenRule],
    ] as const) {
      if (!rule.test(value))
        throw new Refusal('ValidationError', `Value '${value}' at '${what}' failed to satisfy constraint`);
    }
    let stack = this.#find(StackName, region);
    const same = [...this.#changeSets.values()].find((item) => item.name === ChangeSetName && item.stack === stack);
    if (same !== undefined) {
      if (same.token === ClientToken) return { Id: same.id, StackId: same.stack.id };
      throw new Refusal('AlreadyExistsException', `ChangeSet ${ChangeSetName} already exists`);
    }
    if (ChangeSetType === 'CREATE' && stack !== undefined && stack.status !== 'REVIEW_IN_PROGRESS') {
      throw new Refusal(
        'ValidationError',
        `Stack [${StackName}] already exists and cannot be created again with the changeSet [${ChangeSetName}].`,
      );
    }
    if (ChangeSetType === 'UPDATE') {
      if (stack === undefined || stack.status === 'REVIEW_IN_PROGRESS')
        throw new Refusal('ValidationError', `Stack [${StackName}] does not exist`);
      refuseUnready(stack);
    }
    const body = TemplateBody ?? (input['UsePreviousTemplate'] === 'true' ? stack?.template : undefined);
    if (body === undefined || body === '')
      throw new Refusal('ValidationError', 'Either Template URL or Template Body must be specified.');
    if (Buffer.byteLength(body) > maxTemplateBytes) {
      throw new Refusal(
        'ValidationError',
        `at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to ${maxTemplateBytes}`,
      );
    }
    const template = parsed(body);
    refuseUnacknowledged(template, input);
    const parameters = parametersOf(input, template, stack);
    if (stack === undefined) {
      stack = this.#newStack(StackName, region);
      this.#operations.become(stack, 'REVIEW_IN_PROGRESS', 'User Initiated');
    }
    const kind = ChangeSetType === 'CREATE' ? 'CREATE' : 'UPDATE';
    const { takes = 2, fails, findings = [] } = this.#next('change-sets', stack) ?? {};
    const changes = this.#changes(kind === 'CREATE' ? undefined : stack, { template: body, parameters });
    const made: ChangeSet = {
      id: `arn:aws:cloudformation:${region}:${accountId}:changeSet/${ChangeSetName}/${randomUUID()}`,
      name: ChangeSetName,
      token: ClientToken,
      stack,
      kind,
      template: body,
      parameters,
      changes,
      findings,
      status: 'CREATE_PENDING',
      reason: '',
      execution: 'UNAVAILABLE',
      executedWith: undefined,
    };
    this.#changeSets.set(made.id, made);
    this.writes.push(`${keyOf(stack)} change-set ${kind}`);
    this.#schedule.after(takes / 2, () => (made.status = 'CREATE_IN_PROGRESS'));
    this.#schedule.after(takes, () => {
      const reason =
        fails ??
        (changes.length === 0
          ? "The submitted information didn't contain changes. Submit different information to create a change set."
          : undefined);
      made.status = reason === undefined ? 'CREATE_COMPLETE' : 'FAILED';
      made.reason = reason ?? '';
      if (reason === undefined && made.execution === 'UNAVAILABLE') made.execution = 'AVAILABLE';
    });
    return { Id: made.id, StackId: stack.id };
  }

  #describeChangeSet(made: ChangeSet, { NextToken = '0' }: Texts): Answer {
    const size = this.given.pages?.changes ?? 100;
    const start = Number(NextToken);
    const known = made.status === 'CREATE_COMPLETE' ? made.changes : [];
    if (!Number.isInteger(start) || start < 0 || (start > 0 && start >= known.length))
      throw new Refusal('ValidationError', `Invalid NextToken ${NextToken}`);
    return {
      ChangeSetId: made.id,
      ChangeSetName: made.name,
      StackId: made.stack.id,
      StackName: made.stack.name,
      Status: made.status,
      StatusReason: made.reason === '' ? undefined : made.reason,
      ExecutionStatus: made.execution === 'EXECUTE' ? 'EXECUTE_IN_PROGRESS' : made.execution,
      Changes: known.slice(start, start + size).map(shownChange),
      NextToken: start + size < known.length ? String(start + size) : undefined,
    };
  }

  #deleteChangeSet(made: ChangeSet): Answer {
    if (/^CREATE_(?:PENDING|IN_PROGRESS)$/.test(made.status) || made.execution === 'EXECUTE') {
      throw new Refusal('InvalidChangeSetStatus', 'An operation on this ChangeSet is currently in progress.');
    }
    this.#changeSets.delete(made.id);
    this.writes.push(`${keyOf(made.stack)} discard`);
    return {};
  }

  #executeChangeSet(made: ChangeSet, { ClientRequestToken = '', StackName }: Texts): Answer {
    if (StackName !== made.stack.name && StackName !== made.stack.id)
      throw new Refusal('ValidationError', `ChangeSet [${made.id}] does not belong to stack [${String(StackName)}]`);
    if (!tokenRule.test(ClientRequestToken))
      throw new Refusal('ValidationError', `token '${ClientRequestToken}' failed to satisfy constraint`);
    if (made.executedWith !== undefined && made.executedWith === ClientRequestToken) return {};
    if (made.execution !== 'AVAILABLE') {
      const status = made.execution === 'EXECUTE' ? 'EXECUTE_IN_PROGRESS' : made.execution;
      const where =
        made.status === 'CREATE_COMPLETE' ? `execution status of [${status}]` : `status of [${made.status}]`;
      throw new Refusal('InvalidChangeSetStatus', `ChangeSet [${made.id}] cannot be executed in its current ${where}`);
    }
    const { stack } = made;
    if (made.kind === 'UPDATE') refuseUnready(stack);
    this.#claim(ClientRequestToken, `execute ${made.id}`);
    made.executedWith = ClientRequestToken;
    made.execution = 'EXECUTE';
    for (const other of this.#changeSets.values()) {
      if (other !== made && other.stack === stack && other.execution !== 'EXECUTE') other.execution = 'OBSOLETE';
    }
    this.writes.push(`${keyOf(stack)} execute`);
    const { fails, ...execution } = this.#next('executions', stack) ?? {};
    const denied = made.changes.flatMap((change) => {
      const why = denialByPolicy(stack.policy, change);
      return why === undefined ? [] : [[change.id, why] as const];
    });
    this.#operations.execute(stack, made, { ...execution, fails: { ...fails, ...Object.fromEntries(denied) } });
    return {};
  }

  #deleteStack({ StackName = '', ClientRequestToken = '' }: Texts, region: string): Answer {
    const stack = this.#find(StackName, region);
    // AWS says nothing of a stack that it does not know.
    if (stack === undefined || (stack.status.startsWith('DELETE_') && stack.status !== 'DELETE_FAILED')) return {};
    if (/^UPDATE_.*IN_PROGRESS$/.test(stack.status))
      throw new Refusal('ValidationError', `Stack [${stack.name}] cannot be deleted while in status ${stack.status}`);
    if (stack.isProtected)
      throw new Refusal(
        'ValidationError',
        `Stack [${stack.name}] cannot be deleted while TerminationProtection is enabled`,
      );
    this.#claim(ClientRequestToken, `delete ${stack.id}`);
    this.writes.push(`${keyOf(stack)} remove`);
    this.#remove(stack);
    return {};
  }

  #resources(stack: Stack): readonly Wire[] {
    return [...stack.resources].map(([LogicalResourceId, { type, physicalId, isSkipped }]) => ({
      LogicalResourceId,
      PhysicalResourceId: physicalId,
      ResourceType: type,
      ResourceStatus: isSkipped === true ? 'DELETE_SKIPPED' : 'CREATE_COMPLETE',
    }));
  }

  #protect(stack: Stack, { EnableTerminationProtection }: Texts): Answer {
    stack.isProtected = EnableTerminationProtection === 'true';
    this.writes.push(`${keyOf(stack)} ${stack.isProtected ? 'protect' : 'unprotect'}`);
    return { StackId: stack.id };
  }

  #setPolicy(stack: Stack, { StackPolicyBody = '' }: Texts): Answer {
    JSON.parse(StackPolicyBody);
    stack.policy = StackPolicyBody;
    this.writes.push(`${keyOf(stack)} policy`);
    return {};
  }

  #remove(stack: Stack): void {
    const { takes, fails = {} } = this.#next('removals', stack) ?? {};
    const refused: Texts = { ...this.#inUse(stack), ...fails };
    const hadDatabase = stack.resources.has('Database');
    this.#operations.become(stack, 'DELETE_IN_PROGRESS', 'User Initiated');
    const last = this.#operations.remove(stack, { takes, fails: refused });
    this.#schedule.after(last + 1, () => {
      if (hadDatabase && !stack.resources.has('Database') && fateOf(stack, 'Database') === 'snapshot')
        this.snapshots.push(`${stack.name}-snapshot-database-${this.snapshots.length + 1}`);
      const failed = Object.keys(refused).filter((id) => stack.resources.has(id));
      if (failed.length > 0) {
        this.#operations.become(
          stack,
          'DELETE_FAILED',
          `The following resource(s) failed to delete: [${failed.join(', ')}]. `,
        );
        return;
      }
      this.kept.push(...stack.resources.keys());
      stack.resources.clear();
      this.#operations.become(stack, 'DELETE_COMPLETE');
      if (keyOf(stack) === 'app') this.runs = undefined;
    });
  }

  /** What AWS does not let go: a protected database, and what another stack still uses. */
  #inUse(stack: Stack): Texts {
    const key = keyOf(stack);
    const isThere = (other: string): boolean => this.status(other) !== undefined;
    const refused: Record<string, string> = {};
    if (stack.resources.has('Database') && stack.parameters['DatabaseDeletionProtection'] === 'true')
      refused['Database'] = 'Cannot delete protected DB Instance, please disable deletion protection and try again.';
    if (key === 'foundation' && isThere('app'))
      refused['Vpc'] = "The vpc 'vpc-1' has dependencies and cannot be deleted.";
    for (const id of ['WebAcl', 'SiteCertificate']) {
      if (key === 'edge' && isThere('app') && stack.resources.has(id)) refused[id] = `${id} is in use.`;
    }
    return refused;
  }

  #claim(token: string, what: string): void {
    const known = this.#tokens.get(token);
    if (known !== undefined && known !== what)
      throw new Refusal('TokenAlreadyExistsException', `A client request token already exists: ${token}`);
    this.#tokens.set(token, what);
  }

  #changes(
    before: Stack | undefined,
    after: { readonly template: string; readonly parameters: Texts },
  ): readonly Change[] {
    const old = before === undefined ? {} : evaluated(before.template, before.parameters);
    const wanted = evaluated(after.template, after.parameters);
    const change = (action: Change['action'], id: string, properties: Change['properties']): Change => ({
      action,
      id,
      type: (wanted[id] ?? old[id])!.Type,
      replacement: action === 'Modify' ? this.#replacement(id, (wanted[id] ?? old[id])!.Type) : 'False',
      properties,
    });
    const changed = [
      ...Object.keys(wanted).flatMap((id): readonly Change[] => {
        const own = old[id];
        if (own === undefined) return [change('Add', id, [])];
        const [is, will] = [own.Properties, wanted[id]!.Properties];
        const differing = [...new Set([...Object.keys(is), ...Object.keys(will)])].filter(
          (name) => JSON.stringify(is[name]) !== JSON.stringify(will[name]),
        );
        return differing.length === 0
          ? []
          : [
              change(
                'Modify',
                id,
                differing.map((name) => ({ name, before: is[name], after: will[name] })),
              ),
            ];
      }),
      ...Object.keys(old)
        .filter((id) => wanted[id] === undefined)
        .map((id) => change('Remove', id, [])),
    ];
    const also = (this.given.also ?? []).filter(
      (id) => old[id] !== undefined && !changed.some((item) => item.id === id),
    );
    if (before === undefined || changed.length === 0) return changed;
    const all = [...changed, ...also.map((id) => change('Modify', id, [{ name: 'Tags' }]))];
    return withConsequences(all, wanted);
  }

  /** A task definition is never changed: there is always a new revision. */
  #replacement(id: string, type: string): string {
    return this.given.replaces?.[id] ?? (type === 'AWS::ECS::TaskDefinition' ? 'True' : 'False');
  }

  #setService(parameters: Texts): void {
    const revision = parameters['ServiceTaskDefinition'] ?? 'base';
    this.runs = revision === 'base' ? taskDefinitionArn('analytics-studio-backend-base:1') : revision;
  }

  #newStack(name: string, region: string): Stack {
    const stack: Stack = {
      id: `arn:aws:cloudformation:${region}:${accountId}:stack/${name}/${randomUUID()}`,
      name,
      region,
      created: this.#operations.date(),
      status: '',
      reason: '',
      template: '',
      parameters: {},
      outputs: {},
      events: [],
      isProtected: false,
      policy: undefined,
      resources: new Map(),
    };
    this.#stacks.push(stack);
    return stack;
  }

  #next<K extends 'executions' | 'change-sets' | 'removals' | 'comparisons'>(
    what: K,
    stack: Stack,
  ): NonNullable<CloudGiven[K]>[string][number] | undefined {
    const key = keyOf(stack);
    const used = this.#used.get(`${what} ${key}`) ?? 0;
    this.#used.set(`${what} ${key}`, used + 1);
    return this.given[what]?.[key]?.[used];
  }
}
