import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  ChangeSetRequest,
  ChangeSetState,
  DriftDetection,
  PropertyChange,
  ResourceChange,
  ResourceDrift,
  StackEvent,
  StackResource,
  Stacks,
  StackState,
} from '../../shared/aws/cloudformation.ts';
import type { PullRequest } from '../../shared/action/context.ts';
import { InputReader } from '../../shared/action/input-reader.ts';
import type { ActionReport } from '../../shared/action/run.ts';
import type { Clock } from '../../shared/core/clock.ts';
import type { HostedZone } from '../../shared/aws/route53.ts';
import { AwsError } from '../../shared/core/errors.ts';
import type { RunningService } from '../../actions/provision-env/src/observe.ts';
import { parseInputs } from '../../actions/provision-env/src/inputs.ts';
import { run, type RunIo } from '../../actions/provision-env/src/run.ts';
import { parseTemplate, type Template } from '../../actions/provision-env/src/template.ts';

/** A clock that only moves when someone sleeps, and lets the world move with it. */
export class FakeClock implements Clock {
  #now = 1_800_000_000_000;
  readonly onTick: ((now: number) => void)[] = [];

  now(): number {
    return this.#now;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#now += ms;
    for (const tick of this.onTick) tick(this.#now);
  }
}

const known = new Map<string, Template>();

function parsed(text: string): Template {
  const template = known.get(text) ?? parseTemplate(text);
  known.set(text, template);
  return template;
}

interface FakeStack {
  policy: string | undefined;
  resources: Map<string, string>;
  state: { -readonly [K in keyof StackState]: StackState[K] };
  template: string;
  events: StackEvent[];
}

interface FakeChangeSet {
  readonly request: ChangeSetRequest;
  readonly parameters: ReadonlyMap<string, string>;
  readonly template: string;
  readonly changes: readonly ResourceChange[];
}

/** How an execution goes: what fails (by logical id, with a reason), and how long it takes. */
export interface Behaviour {
  readonly fails?: Readonly<Record<string, string>>;
  readonly ms?: number;
  /** How long the stack still looks as before. */
  readonly lagMs?: number;
  /** How the change set itself ends. */
  readonly refused?: string;
}

/**
 * CloudFormation as far as the action can see it: change sets compare templates and parameters, executions take time,
 * failures roll back. What a change is called is up to the test.
 */
export class FakeStacks implements Stacks {
  readonly stacks = new Map<string, FakeStack>();
  readonly changeSets = new Map<string, FakeChangeSet>();
  /** Every call that changes something, in order. */
  readonly writes: string[] = [];
  readonly executed: {
    readonly stack: string;
    readonly parameters: Readonly<Record<string, string>>;
    readonly kind: 'CREATE' | 'UPDATE';
    readonly changes: readonly ResourceChange[];
  }[] = [];
  readonly behaviour = new Map<string, Behaviour>();
  /** Names a modification by the parameters and the template that differ. */
  changesOf: (
    stack: string,
    differing: readonly string[],
    values: (name: string) => Pick<PropertyChange, 'before' | 'after'>,
  ) => readonly ResourceChange[] = (_, differing) => differing.map((name) => modification(`Changed${name}`));
  /** Thrown instead of the next answers to `describe`. */
  readonly faults: Error[] = [];
  /** What comparing a stack shows, by its name; without an entry all of it is as the template says. */
  readonly drifts = new Map<string, readonly ResourceDrift[] | Error>();
  /** What DescribeEvents would tell. */
  validation: readonly StackEvent[] = [];
  #ids = 0;
  readonly #clock: FakeClock;
  readonly #pending: { readonly at: number; readonly run: () => void }[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
    clock.onTick.push((now) => {
      for (const due of this.#pending.filter(({ at }) => at <= now)) {
        this.#pending.splice(this.#pending.indexOf(due), 1);
        due.run();
      }
    });
  }

  add(name: string, status: string, parameters: Readonly<Record<string, string>> = {}): FakeStack {
    const stack: FakeStack = {
      template: '',
      policy: undefined,
      resources: new Map(),
      events: [],
      state: {
        id: `arn:stack/${name}/1`,
        name,
        status,
        reason: '',
        parameters: new Map(Object.entries(parameters)),
        outputs: new Map(),
        isProtected: false,
      },
    };
    this.stacks.set(name, stack);
    this.#event(stack, name, [status]);
    return stack;
  }

  /** Something that AWS itself does later. */
  later(ms: number, run: () => void): void {
    this.#pending.push({ at: this.#clock.now() + ms, run });
  }

  finish(name: string, status: string): void {
    const stack = this.stacks.get(name)!;
    stack.state.status = status;
    this.#event(stack, name, [status]);
  }

  async describe(stack: string): Promise<StackState | undefined> {
    const fault = this.faults.shift();
    if (fault !== undefined) throw fault;
    const found = this.#find(stack);
    return found === undefined ? undefined : { ...found.state };
  }

  async createChangeSet(request: ChangeSetRequest): Promise<string> {
    this.writes.push(`create-change-set ${request.stack}`);
    if (request.kind === 'CREATE') {
      if (this.stacks.has(request.stack)) throw new Error(`${request.stack} exists`);
      this.add(request.stack, 'REVIEW_IN_PROGRESS');
    }
    const stack = this.stacks.get(request.stack)!;
    const template = typeof request.template === 'string' ? request.template : stack.template;
    const parameters = new Map(
      [...request.parameters].map(([name, value]) => {
        const previous = stack.state.parameters.get(name);
        if (typeof value !== 'string' && previous === undefined) throw new Error(`${name} has no previous value`);
        return [name, typeof value === 'string' ? value : previous!] as const;
      }),
    );
    // As AWS does: what is not sent takes the template's default.
    for (const { name, fallback } of parsed(template).parameters.values()) {
      if (!parameters.has(name) && fallback !== undefined) parameters.set(name, fallback);
    }
    const differing = [...parameters].filter(([name, value]) => stack.state.parameters.get(name) !== value);
    const names = [...differing.map(([name]) => name), ...(template === stack.template ? [] : ['Template'])];
    const changes =
      request.kind === 'CREATE'
        ? [...parsed(template).resources.values()].map(({ logicalId, type }) => addition(logicalId, type))
        : this.changesOf(request.stack, names, (name) => ({
            before: stack.state.parameters.get(name),
            after: parameters.get(name),
          }));
    const id = `arn:change-set/${request.name}`;
    if (this.changeSets.has(id)) throw new Error(`${request.name} exists already`);
    this.changeSets.set(id, { request, parameters, template, changes });
    return id;
  }

  async describeChangeSet(changeSet: string): Promise<ChangeSetState> {
    const { request, changes } = this.changeSets.get(changeSet)!;
    const { refused } = this.behaviour.get(request.stack) ?? {};
    if (refused !== undefined) return { status: 'FAILED', reason: refused, executable: false, changes: [] };
    return changes.length === 0
      ? { status: 'FAILED', reason: 'The submitted information didn’t contain changes.', executable: false, changes }
      : { status: 'CREATE_COMPLETE', reason: '', executable: true, changes };
  }

  async executeChangeSet(changeSet: string): Promise<void> {
    const { request, parameters, template, changes } = this.changeSets.get(changeSet)!;
    const name = request.stack;
    const stack = this.stacks.get(name)!;
    const { fails = {}, ms = 1000, lagMs = 0 } = this.behaviour.get(name) ?? {};
    const verb = request.kind;
    this.writes.push(`execute ${name}`);
    this.executed.push({ stack: name, parameters: Object.fromEntries(parameters), kind: verb, changes });
    // Executing one drops the stack's others.
    for (const [id, made] of this.changeSets) if (made.request.stack === name) this.changeSets.delete(id);
    const begin = (): void => {
      stack.state.status = `${verb}_IN_PROGRESS`;
      this.#event(stack, name, [stack.state.status, 'User Initiated']);
      for (const { logicalId } of changes) this.#event(stack, logicalId, [`${verb}_IN_PROGRESS`]);
    };
    if (lagMs > 0) this.later(lagMs, begin);
    else begin();
    this.later(lagMs + ms, () => {
      const failed = changes.some(({ logicalId }) => fails[logicalId] !== undefined);
      for (const { logicalId } of changes) {
        const reason = fails[logicalId];
        if (reason !== undefined) this.#event(stack, logicalId, [`${verb}_FAILED`, reason]);
        else this.#event(stack, logicalId, [`${verb}_COMPLETE`]);
      }
      if (failed) {
        this.#event(stack, 'Bystander', [`${verb}_FAILED`, 'Resource creation cancelled']);
        this.finish(name, verb === 'CREATE' ? 'ROLLBACK_COMPLETE' : 'UPDATE_ROLLBACK_COMPLETE');
        return;
      }
      stack.template = template;
      stack.state.parameters = parameters;
      for (const { action, logicalId, type } of changes) {
        if (action === 'Remove') stack.resources.delete(logicalId);
        else stack.resources.set(logicalId, type);
      }
      stack.state.outputs = new Map(parsed(template).outputs.map((output) => [output, `${output} of ${name}`]));
      this.finish(name, `${verb}_COMPLETE`);
    });
  }

  async deleteChangeSet(changeSet: string): Promise<void> {
    this.changeSets.delete(changeSet);
  }

  async deleteStack(stack: string): Promise<void> {
    const found = this.#find(stack)!;
    if (found.state.isProtected) throw new Error(`${found.state.name} is protected`);
    this.writes.push(`delete ${found.state.name}`);
    this.stacks.delete(found.state.name);
  }

  async resources(stack: string): Promise<readonly StackResource[]> {
    const found = this.#find(stack);
    return [...(found?.resources ?? [])].map(([logicalId, type]) => ({
      logicalId,
      physicalId: `id-${logicalId}`,
      type,
      status: 'CREATE_COMPLETE',
    }));
  }

  async setTerminationProtection(stack: string, isOn: boolean): Promise<void> {
    const found = this.#find(stack)!;
    this.writes.push(`${isOn ? 'protect' : 'unprotect'} ${found.state.name}`);
    found.state.isProtected = isOn;
  }

  async stackPolicy(stack: string): Promise<string | undefined> {
    return this.#find(stack)!.policy;
  }

  async setStackPolicy(stack: string, policy: string): Promise<void> {
    const found = this.#find(stack)!;
    this.writes.push(`policy ${found.state.name}`);
    found.policy = policy;
  }

  async events(stack: string, since: string | undefined): Promise<readonly StackEvent[]> {
    const events = this.#find(stack)?.events ?? [];
    return events.slice(events.findIndex(({ id }) => id === since) + 1);
  }

  async lastEvent(stack: string): Promise<string | undefined> {
    return this.#find(stack)?.events.at(-1)?.id;
  }

  async validationFailures(): Promise<readonly StackEvent[]> {
    return this.validation;
  }

  async detectDrift(stack: string): Promise<string | undefined> {
    const found = this.drifts.get(stack);
    if (found instanceof Error) throw found;
    return `drift-of-${stack}`;
  }

  async driftDetection(): Promise<DriftDetection> {
    return { status: 'DETECTION_COMPLETE', reason: '' };
  }

  async resourceDrifts(stack: string): Promise<readonly ResourceDrift[]> {
    const found = this.drifts.get(stack) ?? [];
    return found instanceof Error ? [] : found;
  }

  #find(stack: string): FakeStack | undefined {
    return [...this.stacks.values()].find(({ state }) => state.name === stack || state.id === stack);
  }

  #event(stack: FakeStack, logicalId: string, [status, reason = '']: readonly [string, string?]): void {
    this.#ids += 1;
    const own = logicalId === stack.state.name;
    stack.events.push({
      id: String(this.#ids),
      at: this.#clock.now(),
      logicalId,
      physicalId: own ? stack.state.id : `id-${logicalId}`,
      type: own ? 'AWS::CloudFormation::Stack' : 'AWS::Test::Thing',
      status,
      reason,
    });
  }
}

export function property(name: string, more: Partial<PropertyChange> = {}): PropertyChange {
  return { name, before: undefined, after: undefined, recreation: 'Never', follows: [], ...more };
}

export function modification(logicalId: string, more: Partial<Omit<ResourceChange, 'logicalId'>> = {}): ResourceChange {
  return { action: 'Modify', logicalId, type: 'AWS::Test::Thing', replacement: 'False', properties: [], ...more };
}

function addition(logicalId: string, type: string): ResourceChange {
  return { action: 'Add', logicalId, type, replacement: 'False', properties: [] };
}

export function throttled(): AwsError {
  return new AwsError('ThrottlingException', 'Rate exceeded', {
    service: 'CloudFormation',
    operation: 'DescribeStacks',
    httpStatus: 400,
  });
}

export interface World extends RunIo {
  readonly stacks: FakeStacks;
  zone: HostedZone | Error | undefined;
  publicServers: readonly string[] | undefined;
  providers: readonly string[];
  /** What the job's own token says. */
  sub: string | undefined;
  readonly clock: FakeClock;
  readonly lines: string[];
  readonly cancel: AbortController;
  openaiKey: boolean | Error;
  service: RunningService | undefined;
}

export function world(): World {
  const clock = new FakeClock();
  const lines: string[] = [];
  const cancel = new AbortController();
  const stacks = new FakeStacks(clock);
  const made: World = {
    clock,
    stacks,
    // Names are unique among all regions here.
    edgeStacks: stacks,
    zone: { name: 'example.com', nameServers: ['ns-1.awsdns-01.org', 'ns-2.awsdns-02.com'] },
    publicServers: ['ns-2.awsdns-02.com', 'ns-1.awsdns-01.org'],
    providers: [],
    sub: undefined,
    subject: async () => made.sub,
    zones: {
      zone: async () => {
        if (made.zone instanceof Error) throw made.zone;
        return made.zone;
      },
    },
    dns: { nameServers: async () => made.publicServers },
    oidcProviders: { list: async () => made.providers },
    snapshots: { ofDatabase: async () => [] },
    lines,
    cancel,
    signal: cancel.signal,
    openaiKey: false,
    service: undefined,
    context: { runId: '7', runAttempt: 1, runUrl: '', pullRequest: undefined },
    comments: undefined,
    secrets: {
      hasValue: async () => {
        if (made.openaiKey instanceof Error) throw made.openaiKey;
        return made.openaiKey;
      },
    },
    deadTasks: async () => undefined,
    services: { describeService: async () => made.service },
    progress: {
      info: (line) => lines.push(line),
      warn: (line) => lines.push(`warning: ${line}`),
      follow: () => () => undefined,
      group: async (_, body) => body(),
    },
  };
  return made;
}

/** The action on these fakes, as a step's inputs say; `file` is its configuration. */
export async function provisionIn(
  aws: RunIo,
  inputs: Readonly<Record<string, string>>,
  {
    file = '',
    region = 'us-east-1',
    pullRequest,
  }: { readonly file?: string; readonly region?: string; readonly pullRequest?: PullRequest } = {},
): Promise<ActionReport> {
  const workspace = mkdtempSync(join(tmpdir(), 'slipway-provision-'));
  writeFileSync(join(workspace, 'env.yml'), file);
  const given: Readonly<Record<string, string>> = {
    mode: 'apply',
    tier: 'production-small',
    config: 'env.yml',
    ...inputs,
  };
  const read = new InputReader({
    get: (name) => given[name] ?? '',
    env: { AWS_REGION: region },
    mask: () => undefined,
  });
  const context = { workspace, repository: 'your-org/studio', repositoryId: '22', ownerId: '11', pullRequest };
  return run(parseInputs(read, context), aws);
}

/** A service that runs this task definition, with deployments in these states. */
export function service(taskDefinition: string, ...rollouts: readonly string[]): RunningService {
  return { status: 'ACTIVE', taskDefinition, deployments: rollouts.map((rolloutState) => ({ rolloutState })) };
}
