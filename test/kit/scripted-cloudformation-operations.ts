import {
  fateOf,
  outputsOf,
  physicalId,
  type Change,
  type ChangeSet,
  type Stack,
  type Texts,
} from './scripted-cloudformation-model.ts';

/** How one execution of a change set, or one removal of a stack, goes. Times are seconds. */
export interface Execution {
  /** Until the stack shows that it has begun. */
  readonly lag?: number;
  /** How long a resource takes, by logical id; `others` for those not named. 2 by default. */
  readonly takes?: Readonly<Record<string, number>>;
  /** What fails, and why. Several that fail at once all tell; what is under way then is cancelled. */
  readonly fails?: Readonly<Record<string, string>>;
  /** What a resource tells while it is made, such as a certificate its DNS record. */
  readonly tells?: Readonly<Record<string, readonly string[]>>;
  /** How it is undone after a failure. */
  readonly undo?: { readonly takes?: number; readonly fails?: Texts };
}

export interface Schedule {
  now(): number;
  after(seconds: number, happen: () => void): void;
}

/** What CloudFormation does by and by once it was told to: events, states, failures, roll-backs. */
export class StackOperations {
  readonly #schedule: Schedule;
  readonly #setService: (parameters: Texts) => void;
  #events = 0;

  /** `setService`: the service of the app stack now is what these parameters say. */
  constructor(schedule: Schedule, setService: (parameters: Texts) => void) {
    this.#schedule = schedule;
    this.#setService = setService;
  }

  execute(
    stack: Stack,
    what: Pick<ChangeSet, 'kind' | 'changes' | 'template' | 'parameters'>,
    { lag = 0, takes = {}, fails = {}, tells = {}, undo = {} }: Execution,
  ): void {
    const verb = what.kind;
    const done = new Set<string>();
    const secondsOf = (id: string): number => takes[id] ?? takes['others'] ?? 2;
    const verbOf = (change: Change): string => ({ Add: 'CREATE', Modify: 'UPDATE', Remove: 'DELETE' })[change.action];
    // Removing comes last, when nothing can fail any more.
    const worked = what.changes.filter(({ action }) => action !== 'Remove');
    const failing = worked.filter(({ id }) => fails[id] !== undefined);
    const failsAt = failing.length === 0 ? undefined : Math.min(...failing.map(({ id }) => secondsOf(id)));
    const begin = (): void => {
      this.become(stack, `${verb}_IN_PROGRESS`, 'User Initiated');
      for (const change of worked) {
        const { id, type } = change;
        if (change.action === 'Add') stack.resources.set(id, { type, physicalId: '' });
        this.#event(stack, id, [`${verbOf(change)}_IN_PROGRESS`]);
      }
    };
    const settle = (change: Change): void => {
      const { id, type } = change;
      if (change.action === 'Add') stack.resources.set(id, { type, physicalId: physicalId(stack, id, type) });
      if (type === 'AWS::ECS::Service') this.#setService(what.parameters);
      done.add(id);
      this.#event(stack, id, [`${verbOf(change)}_COMPLETE`]);
    };
    if (lag === 0) begin();
    else this.#schedule.after(lag, begin);
    for (const change of worked) {
      const { id, type } = change;
      for (const reason of tells[id] ?? []) {
        this.#schedule.after(lag + 1, () => this.#event(stack, id, [`${verbOf(change)}_IN_PROGRESS`, reason]));
      }
      if (fails[id] !== undefined) continue;
      if (failsAt === undefined || secondsOf(id) < failsAt)
        this.#schedule.after(lag + secondsOf(id), () => settle(change));
      else if (type === 'AWS::ECS::Service') this.#schedule.after(lag + 1, () => this.#setService(what.parameters));
    }
    const last = Math.max(0, ...worked.map(({ id }) => secondsOf(id)));
    this.#schedule.after(lag + (failsAt ?? last), () => {
      if (failsAt === undefined) this.#succeed(stack, what);
      else this.#fail(stack, { what, failing, done, fails, verbOf, undo });
    });
  }

  #succeed(
    stack: Stack,
    { kind, changes, template, parameters }: Pick<ChangeSet, 'kind' | 'changes' | 'template' | 'parameters'>,
  ): void {
    stack.template = template;
    stack.parameters = parameters;
    stack.outputs = outputsOf(stack);
    if (kind === 'CREATE') {
      this.become(stack, 'CREATE_COMPLETE');
      return;
    }
    this.become(stack, 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS');
    for (const { id } of changes.filter(({ action }) => action === 'Remove')) {
      this.#event(stack, id, ['DELETE_IN_PROGRESS']);
      this.#event(stack, id, ['DELETE_COMPLETE']);
      stack.resources.delete(id);
    }
    this.#schedule.after(1, () => this.become(stack, 'UPDATE_COMPLETE'));
  }

  #fail(
    stack: Stack,
    {
      what,
      failing,
      done,
      fails,
      verbOf,
      undo,
    }: {
      readonly what: Pick<ChangeSet, 'kind' | 'changes'>;
      readonly failing: readonly Change[];
      readonly done: ReadonlySet<string>;
      readonly fails: Texts;
      readonly verbOf: (change: Change) => string;
      readonly undo: NonNullable<Execution['undo']>;
    },
  ): void {
    const verb = what.kind;
    for (const change of failing) this.#event(stack, change.id, [`${verbOf(change)}_FAILED`, fails[change.id]]);
    const cancelled = what.changes.filter(
      ({ id, action }) => action !== 'Remove' && fails[id] === undefined && !done.has(id),
    );
    for (const change of cancelled) {
      this.#event(stack, change.id, [
        `${verbOf(change)}_FAILED`,
        `Resource ${verbOf(change) === 'CREATE' ? 'creation' : 'update'} cancelled`,
      ]);
    }
    const all = [...failing, ...cancelled].map(({ id }) => id).join(', ');
    const failed = `The following resource(s) failed to ${verb.toLowerCase()}: [${all}]. `;
    const rollback = verb === 'CREATE' ? 'ROLLBACK' : 'UPDATE_ROLLBACK';
    this.become(stack, `${rollback}_IN_PROGRESS`, verb === 'CREATE' ? `${failed}Rollback requested by user.` : failed);
    const touched = what.changes
      .filter(({ id, action }) => action !== 'Remove' && (done.has(id) || fails[id] !== undefined))
      .map(({ id, type }) => [id, stack.resources.get(id) ?? { type, physicalId: '' }] as const);
    const added = new Set(what.changes.filter(({ action }) => action === 'Add').map(({ id }) => id));
    const last = this.undo(stack, touched, {
      verb: (id) => (added.has(id) ? 'DELETE' : 'UPDATE'),
      takes: undo.takes ?? 2,
      fails: undo.fails ?? {},
    });
    this.#schedule.after(last + 1, () => {
      const stuck = Object.keys(undo.fails ?? {});
      if (stuck.length > 0) {
        const word = verb === 'CREATE' ? 'delete' : 'update';
        this.become(
          stack,
          `${rollback}_FAILED`,
          `The following resource(s) failed to ${word}: [${stuck.join(', ')}]. `,
        );
        return;
      }
      for (const id of added) stack.resources.delete(id);
      // The parameters of the last update come back, and with them what they say of the service.
      if (verb === 'UPDATE' && what.changes.some(({ type }) => type === 'AWS::ECS::Service'))
        this.#setService(stack.parameters);
      this.become(stack, `${rollback}_COMPLETE`);
    });
  }

  /**
   * Removes a stack's resources but for those it keeps; those that fail stay with it. `takes` in seconds, also of each by its id. The seconds until
   * the last one is through.
   */
  remove(stack: Stack, { takes, fails }: { readonly takes: Execution['takes']; readonly fails: Texts }): number {
    const all = [...stack.resources].filter(([, { isSkipped }]) => isSkipped !== true);
    const secondsOf = (id: string): number => takes?.[id] ?? takes?.['others'] ?? 2;
    for (const [id, resource] of all) {
      if (fateOf(stack, id) === 'kept') {
        stack.resources.set(id, { ...resource, isSkipped: true });
        this.#event(stack, id, ['DELETE_SKIPPED']);
        continue;
      }
      this.#schedule.after(1, () => this.#event(stack, id, ['DELETE_IN_PROGRESS']));
      this.#schedule.after(secondsOf(id), () => {
        if (fails[id] === undefined) {
          this.#event(stack, id, ['DELETE_COMPLETE']);
          stack.resources.delete(id);
        } else this.#event(stack, id, ['DELETE_FAILED', fails[id]]);
      });
    }
    return Math.max(0, ...all.map(([id]) => secondsOf(id)));
  }

  /** Undoes or removes resources; the seconds until the last one is through. */
  undo(
    stack: Stack,
    resources: readonly (readonly [string, { readonly type: string; readonly physicalId: string }])[],
    {
      verb,
      takes,
      fails,
    }: { readonly verb: string | ((id: string) => string); readonly takes: number; readonly fails: Texts },
  ): number {
    for (const [id] of resources) {
      const own = typeof verb === 'string' ? verb : verb(id);
      this.#schedule.after(1, () => this.#event(stack, id, [`${own}_IN_PROGRESS`]));
      this.#schedule.after(takes, () => {
        if (fails[id] === undefined) this.#event(stack, id, [`${own}_COMPLETE`]);
        else this.#event(stack, id, [`${own}_FAILED`, fails[id]]);
      });
    }
    return resources.length === 0 ? 0 : takes;
  }

  become(stack: Stack, status: string, reason = ''): void {
    stack.status = status;
    stack.reason = reason;
    this.#event(stack, stack.name, [status, reason]);
  }

  #event(stack: Stack, logicalId: string, [status, reason]: readonly [string, (string | undefined)?]): void {
    const own = logicalId === stack.name;
    const resource = stack.resources.get(logicalId);
    const type = own ? 'AWS::CloudFormation::Stack' : (resource?.type ?? 'AWS::Test::Thing');
    stack.events.push({
      EventId: this.nextEvent(),
      StackId: stack.id,
      StackName: stack.name,
      LogicalResourceId: logicalId,
      PhysicalResourceId: own ? stack.id : physicalId(stack, logicalId, type),
      ResourceType: type,
      Timestamp: this.date(),
      ResourceStatus: status,
      ResourceStatusReason: reason === '' ? undefined : reason,
    });
  }

  nextEvent(): string {
    this.#events += 1;
    return `event-${this.#events}`;
  }

  date(): Date {
    return new Date(this.#schedule.now());
  }
}
