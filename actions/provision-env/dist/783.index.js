export const id = 783;
export const ids = [783];
export const modules = {

/***/ 4783:
/***/ ((__unused_webpack_module, __webpack_exports__, __webpack_require__) => {


// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  run: () => (/* binding */ run)
});

// EXTERNAL MODULE: ./shared/core/errors.ts
var errors = __webpack_require__(6677);
;// CONCATENATED MODULE: ./shared/aws/wait.ts

/**
 * Polls until the pure `judge` says done or failed. A throttled or broken poll is no news: it changes no verdict and is
 * tried again until the deadline. Errors that no retry can mend (denied, not found, bad request) are thrown at once.
 */
async function waitUntil(poll, judge, options) {
    const { clock, deadline, what, signal } = options;
    let state = 'nothing seen yet';
    for (let polls = 0;; polls += 1) {
        signal?.throwIfAborted();
        let verdict;
        try {
            verdict = judge(await poll());
        }
        catch (error) {
            if (!isNoNews(error))
                throw error;
        }
        if (verdict?.kind === 'done')
            return verdict.value;
        if (verdict?.kind === 'failed')
            throw verdict.error;
        if (verdict !== undefined && verdict.state !== state) {
            state = verdict.state;
            options.onChange?.(state);
        }
        const pause = options.interval(polls);
        if (clock.now() + pause > deadline) {
            throw new errors/* WaitTimeoutError */.Do(`${what}: not proven before the time limit; last seen: ${state}`, state);
        }
        await clock.sleep(pause, signal);
    }
}
/** Throttling, 5xx and broken connections say nothing about what is waited for. */
function isNoNews(error) {
    if (!(error instanceof errors/* ActionError */.lZ) || error.fault !== 'cloud')
        return false;
    return ('httpStatus' in error &&
        (error.httpStatus === undefined ||
            Number(error.httpStatus) >= 500 ||
            error.httpStatus === 429 ||
            isThrottling(error.code)));
}
function isThrottling(awsCode) {
    return /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|BandwidthLimit/i.test(awsCode);
}

;// CONCATENATED MODULE: ./actions/provision-env/src/verdict.ts

function condition(status) {
    // A created but unexecuted stack is no operation that would ever end by itself.
    if (['REVIEW_IN_PROGRESS', 'ROLLBACK_COMPLETE', 'CREATE_FAILED', 'ROLLBACK_FAILED'].includes(status))
        return 'leftover';
    if (status.endsWith('_IN_PROGRESS'))
        return 'busy';
    return status.endsWith('_COMPLETE') ? 'ready' : 'stuck';
}
function judgeChangeSet(stack, seen) {
    if (seen.status === 'CREATE_COMPLETE')
        return { kind: 'done', value: seen };
    if (seen.status !== 'FAILED')
        return { kind: 'pending', state: seen.status };
    // There is no status of its own for "nothing to do".
    if (/didn.t contain changes|no updates are to be performed/i.test(seen.reason)) {
        return { kind: 'done', value: { ...seen, executable: false, changes: [] } };
    }
    return {
        kind: 'failed',
        error: new errors/* DeploymentError */.gt('ChangeSetFailed', `${stack}: CloudFormation refused the change: ${seen.reason}`, {
            fault: 'user',
            hint: 'Nothing was changed. Mend the template or the parameter it names, and run again.',
        }),
    };
}
/** An operation's end. `begun`: its first event was seen, so that the state before it is not taken for its outcome. */
function judgeOperation(stack, { state, begun }) {
    if (state === undefined || state.status === 'DELETE_COMPLETE')
        return { kind: 'done', value: undefined };
    if (!begun)
        return { kind: 'pending', state: `${stack} has not begun` };
    return state.status.endsWith('_IN_PROGRESS')
        ? { kind: 'pending', state: `${stack} is ${state.status}` }
        : { kind: 'done', value: state };
}
function succeeded(status) {
    return ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'IMPORT_COMPLETE'].includes(status);
}

;// CONCATENATED MODULE: ./actions/provision-env/src/change-set.ts


/** Creates a change set and waits until AWS has worked it out. An empty one has no changes and is not executable. */
async function makeChangeSet(request, ports) {
    const { stacks, clock, signal } = ports;
    const id = await stacks.createChangeSet(request);
    try {
        const state = await waitUntil(() => stacks.describeChangeSet(id), (seen) => judgeChangeSet(request.stack, seen), {
            clock,
            deadline: clock.now() + 10 * 60_000,
            interval: pollInterval,
            what: `the change set of ${request.stack}`,
            signal,
        });
        return { ...state, id };
    }
    catch (error) {
        await discard({ ...request, id }, stacks);
        throw error;
    }
}
/** Removes a change set that will not be executed, and the empty stack that a first one came with. */
async function discard({ id, stack, kind, executionRole, }, stacks) {
    await stacks.deleteChangeSet(id);
    if (kind === 'CREATE')
        await stacks.deleteStack(stack, { token: 'discard', executionRole });
}
/** Quick at first, since much is done in a second; then patient. */
function pollInterval(polls) {
    return Math.min(5_000, Math.round(300 * 1.15 ** polls));
}

;// CONCATENATED MODULE: ./actions/provision-env/src/diagnose.ts

/** Events that follow from another failure. */
const consequence = /^Resource (?:creation|update) cancelled|^The following resource\(s\) failed|^Rollback requested/i;
/** The first thing that went wrong, which is seldom the last one told. */
function rootCause(events, stackId) {
    const failures = events.filter(({ status, reason }) => status.endsWith('_FAILED') && reason !== '' && !consequence.test(reason));
    return failures.find(({ physicalId }) => physicalId !== stackId) ?? failures[0];
}
/** Why an operation did not end well, and what there is to do. */
function failureOf(spec, state, events) {
    const cause = rootCause(events, state.id);
    const where = cause === undefined || cause.physicalId === state.id
        ? ''
        : `${spec.template.resources.get(cause.logicalId)?.description ?? cause.type} (${cause.logicalId}): `;
    const reason = cause?.reason ?? (state.reason === '' ? 'CloudFormation gave no reason' : state.reason);
    return new errors/* DeploymentError */.gt('StackFailed', `${spec.name} ended as ${state.status}. First failure: ${where}${reason}`, {
        hint: hint(state.status, reason),
    });
}
function hint(status, reason) {
    const after = status === 'UPDATE_ROLLBACK_COMPLETE'
        ? 'The stack is again what it was before; mend the cause and run again.'
        : status.startsWith('UPDATE_')
            ? 'The roll-back itself did not finish: see the stack’s events, then "aws cloudformation continue-update-rollback".'
            : 'The next run removes what is left of this first creation and starts afresh; mend the cause before.';
    return /already exists/i.test(reason)
        ? `Something of that name exists outside the stack, perhaps kept when an older one was deleted: rename, import or remove it. ${after}`
        : after;
}

;// CONCATENATED MODULE: ./shared/core/clock.ts
/** `95_000` → `1 min 35 s`. */
function humanDuration(ms) {
    const seconds = ms / 1000;
    if (seconds < 10)
        return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    if (whole < 60)
        return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
/** `1_536_000` → `1.5 MB` (decimal units, as S3 and Docker print them). */
function humanBytes(bytes) {
    const units = ['B', 'kB', 'MB', 'GB', 'TB'];
    let value = bytes;
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) {
        value /= 1000;
        unit += 1;
    }
    return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

;// CONCATENATED MODULE: ./actions/provision-env/src/follow.ts




const done = {
    CREATE_COMPLETE: 'created',
    UPDATE_COMPLETE: 'updated',
    DELETE_COMPLETE: 'removed',
    DELETE_SKIPPED: 'kept',
};
const quietMs = 30_000;
/** Follows a stack's operation to its end and tells of every resource as it is done. */
async function follow(operation, ports, progress) {
    const { spec, stackId } = operation;
    const { clock } = ports;
    const events = [];
    const begunAt = new Map();
    let spokeAt = clock.now();
    const tell = (event) => {
        const { logicalId, status, at, reason } = event;
        if (event.physicalId === stackId && event.type === 'AWS::CloudFormation::Stack')
            return;
        const told = operation.only?.includes(logicalId) ?? true;
        if (!told && !status.endsWith('_FAILED'))
            return;
        if (status.endsWith('_IN_PROGRESS')) {
            if (!begunAt.has(logicalId))
                begunAt.set(logicalId, at);
            return;
        }
        const begun = begunAt.get(logicalId) ?? at;
        begunAt.delete(logicalId);
        const what = `${spec.template.resources.get(logicalId)?.description ?? event.type} (${logicalId})`;
        if (status.endsWith('_FAILED'))
            progress.info(`${spec.key}  ✗ ${what}: ${status}: ${reason}`);
        else
            progress.info(`${spec.key}  ✓ ${done[status] ?? status} ${what}, ${humanDuration(at - begun)}`);
        spokeAt = clock.now();
    };
    let since = operation.since;
    const state = await waitUntil(async () => {
        const [seen, fresh] = await Promise.all([ports.stacks.describe(stackId), ports.stacks.events(stackId, since)]);
        since = fresh.at(-1)?.id ?? since;
        events.push(...fresh);
        for (const event of fresh)
            tell(event);
        if (clock.now() - spokeAt > quietMs && begunAt.size > 0) {
            const waiting = [...begunAt].map(([id, at]) => `${spec.template.resources.get(id)?.description ?? id} ${humanDuration(clock.now() - at)}`);
            progress.info(`${spec.key}  … ${waiting.join(', ')}`);
            spokeAt = clock.now();
        }
        return { state: seen, begun: operation.begun === true || events.length > 0 };
    }, (seen) => judgeOperation(spec.name, seen), {
        clock,
        deadline: operation.deadline,
        interval: pollInterval,
        what: `the operation of ${spec.name}`,
        signal: ports.signal,
    });
    return { state, events };
}

;// CONCATENATED MODULE: ./actions/provision-env/src/parameters.ts
function knownOutputs(stacks) {
    return new Map([...stacks].map(([key, { outputs }]) => [key, outputs]));
}
/**
 * A stack's values; undefined while a stack they come from is not there. Those that follow deployments are what a new
 * stack begins with; an existing one holds its own (`heldParameters`).
 */
function resolveParameters(spec, outputs, openaiApiKeyHasValue) {
    const resolved = new Map();
    for (const [name, source] of spec.parameters) {
        if (source.from === 'value')
            resolved.set(name, source.value);
        else if (source.from === 'output') {
            const value = outputs.get(source.stack)?.get(name);
            if (value === undefined)
                return undefined;
            resolved.set(name, value);
        }
        else if (source.what === 'OpenaiApiKeyHasValue') {
            // Not known: an existing stack keeps what it has, a new one starts without the key.
            if (openaiApiKeyHasValue !== undefined)
                resolved.set(name, String(openaiApiKeyHasValue));
        }
        else
            resolved.set(name, source.what === 'ServiceCount' ? 'zero' : 'base');
    }
    return resolved;
}
/** By themselves these are no reason to touch the stack: they only follow deployments. */
const following = ['ServiceTaskDefinition', 'ServiceCount'];
/** Parameters of an existing stack that keep their values: what follows deployments, and what may not be asked for. */
function heldParameters(spec, state, resolved) {
    const held = [...spec.parameters.keys()].filter((name) => following.includes(name) || !resolved.has(name));
    return new Map(held.filter((name) => state.parameters.has(name)).map((name) => [name, { previous: true }]));
}
/**
 * The values that bring the held parameters up to date, every other one as it is; undefined when they are. A failed update
 * restores the parameters of the last one: were they old, it would bring back an old image.
 */
function catchUpParameters(spec, state, service) {
    const live = {
        ServiceTaskDefinition: service.taskDefinition,
        ServiceCount: 'keep',
    };
    const held = following.filter((name) => spec.parameters.has(name) && state.parameters.has(name));
    if (held.every((name) => state.parameters.get(name) === live[name]))
        return undefined;
    return new Map([...state.parameters.keys()].map((name) => [name, held.includes(name) ? (live[name] ?? '') : { previous: true }]));
}

;// CONCATENATED MODULE: ./actions/provision-env/src/observe.ts




async function observe(inputs, ports) {
    const found = await Promise.all(inputs.specs.map(async (spec) => [spec, await ports.stacks.describe(spec.name)]));
    const stacks = new Map(found.flatMap(([{ key }, state]) => (state === undefined ? [] : [[key, state]])));
    const outputs = knownOutputs(stacks);
    const openaiApiKeyHasValue = await openaiKey(outputs, ports);
    const previews = new Map();
    if (inputs.mode === 'plan') {
        await Promise.all(found.map(async ([spec, state]) => {
            if (state === undefined || condition(state.status) !== 'ready')
                return;
            const parameters = resolveParameters(spec, outputs, openaiApiKeyHasValue);
            if (parameters === undefined)
                return;
            const preview = await makeChangeSet({
                stack: spec.name,
                name: `${inputs.runName}-${spec.key}-plan`,
                kind: 'UPDATE',
                template: spec.body,
                parameters: new Map([...parameters, ...heldParameters(spec, state, parameters)]),
                tags: spec.tags,
                executionRole: inputs.executionRole,
            }, ports);
            await ports.stacks.deleteChangeSet(preview.id);
            previews.set(spec.key, preview);
        }));
    }
    return { stacks, previews, openaiApiKeyHasValue };
}
/** Whether the secret has a value, without reading it. Undefined while there is no secret, and for a role that may not ask. */
async function openaiKey(outputs, ports) {
    const arn = outputs.get('foundation')?.get('OpenaiApiKeySecretArn');
    if (arn === undefined)
        return undefined;
    try {
        return await ports.secrets.hasValue(arn);
    }
    catch (error) {
        if ((0,errors/* isAwsError */.m_)(error, 'AccessDenied', 'AccessDeniedException'))
            return undefined;
        throw error;
    }
}

// EXTERNAL MODULE: ./actions/provision-env/src/stacks.ts + 1 modules
var stacks = __webpack_require__(6522);
// EXTERNAL MODULE: ./actions/provision-env/src/template.ts
var template = __webpack_require__(3027);
;// CONCATENATED MODULE: ./actions/provision-env/src/plan.ts





function planStacks(inputs, observed) {
    const digest = (0,stacks/* planDigest */.Gb)(inputs.specs);
    if (inputs.planDigest !== undefined && inputs.planDigest !== digest) {
        throw new errors/* PreconditionError */.Rb('PlanChanged', `the plan that was reviewed is ${inputs.planDigest}, this one is ${digest}`, {
            hint: 'Template, configuration or inputs differ from what was reviewed. Review a new plan, or give apply the inputs of the old one.',
        });
    }
    return {
        digest,
        stacks: inputs.specs.map((spec) => planStack(spec, observed)),
        allowReplacement: inputs.allowReplacement,
    };
}
function planStack(spec, observed) {
    const state = observed.stacks.get(spec.key);
    const base = { spec, needs: stacks/* stackNeeds */.K6[spec.key], attach: false };
    if (state === undefined) {
        return { ...base, action: 'create', reason: 'the stack does not exist', changes: additions(spec, observed) };
    }
    switch (condition(state.status)) {
        case 'leftover':
            return {
                ...base,
                action: 'recreate',
                reason: `a first creation did not succeed (${state.status})`,
                changes: additions(spec, observed),
            };
        case 'stuck':
            throw stuck(spec, state);
        case 'busy':
            return {
                ...base,
                action: 'update',
                attach: true,
                reason: `an operation is running (${state.status})`,
                changes: undefined,
            };
        case 'ready': {
            const preview = observed.previews.get(spec.key);
            const changes = preview === undefined ? undefined : describeChanges(spec, preview.changes);
            return {
                ...base,
                action: 'update',
                reason: changes?.length === 0 ? 'nothing differs' : 'the stack exists',
                changes,
            };
        }
    }
}
function stuck(spec, state) {
    const recover = state.status === 'UPDATE_ROLLBACK_FAILED';
    return new errors/* PreconditionError */.Rb('StackStuck', `${spec.name} is ${state.status}${state.reason === '' ? '' : `: ${state.reason}`}`, {
        hint: recover
            ? `Mend what kept the roll-back from finishing, then: aws cloudformation continue-update-rollback --stack-name ${spec.name}`
            : `See the stack’s events: aws cloudformation describe-stack-events --stack-name ${spec.name}`,
    });
}
/** What a new stack will hold, from its template. */
function additions(spec, observed) {
    const known = new Map();
    const resolved = resolveParameters(spec, knownOutputs(observed.stacks), observed.openaiApiKeyHasValue);
    for (const [name, source] of spec.parameters) {
        known.set(name, resolved?.get(name) ?? (source.from === 'value' ? source.value : undefined));
    }
    return (0,template/* resourcesOf */.F3)(spec.template, known).map(({ logicalId, type, description }) => ({
        kind: 'add',
        logicalId,
        type,
        description,
        properties: [],
    }));
}
const replacements = { False: 'change', Conditional: 'perhaps-replace', True: 'replace' };
function describeChanges(spec, changes) {
    return changes.map((change) => ({
        kind: change.action === 'Add' || change.action === 'Import'
            ? 'add'
            : change.action === 'Remove'
                ? 'remove'
                : replacements[change.replacement],
        logicalId: change.logicalId,
        type: change.type,
        description: spec.template.resources.get(change.logicalId)?.description ?? change.type,
        properties: change.properties,
    }));
}
const dataTypes = [
    'AWS::RDS::DBInstance',
    'AWS::ElastiCache::ReplicationGroup',
    'AWS::S3::Bucket',
    'AWS::SecretsManager::Secret',
    'AWS::ECR::Repository',
];
/** Changes that would lose data and that nobody has allowed by name. */
function forbidden(changes, allowed) {
    return changes.filter(({ kind, type, logicalId }) => kind !== 'add' && kind !== 'change' && dataTypes.includes(type) && !allowed.includes(logicalId));
}
function forbiddenError(spec, changes) {
    const list = changes.map(({ kind, description, logicalId }) => `${kind} ${description} (${logicalId})`).join(', ');
    return new errors/* PreconditionError */.Rb('DataAtRisk', `${spec.name}: the change would ${list}`, {
        hint: `Nothing was changed. If that is meant, name it in allow-replacement: ${changes.map(({ logicalId }) => logicalId).join(', ')}`,
    });
}

;// CONCATENATED MODULE: ./actions/provision-env/src/apply.ts








/** Works on every stack as soon as those it needs are done. A failure keeps back only what needs the failed one. */
async function apply(plan, options, io) {
    const outputs = new Map();
    const running = new Map();
    for (const stack of plan.stacks) {
        const needed = stack.needs.flatMap((need) => running.get(need) ?? []);
        const work = async () => {
            const before = await Promise.all(needed);
            const lacking = before.find(({ outcome }) => outcome === 'failed' || outcome === 'not-started');
            if (lacking !== undefined) {
                io.progress.info(`${stack.spec.key}  not started: it needs ${lacking.spec.name}`);
                return { spec: stack.spec, outcome: 'not-started', changes: [], executed: false, outputs: new Map(), ms: 0 };
            }
            const result = await new StackRun(stack, { ...options, allowReplacement: plan.allowReplacement }, io).run(outputs);
            outputs.set(stack.spec.key, result.outputs);
            return result;
        };
        running.set(stack.spec.key, work());
    }
    const stacks = await Promise.all(running.values());
    return { stacks, openaiApiKeyHasValue: await openaiKey(outputs, io) };
}
/** One stack from what it is to what it shall be. */
class StackRun {
    #plan;
    #options;
    #io;
    #deadline;
    #changes = [];
    #executed = false;
    #attempts = 0;
    constructor(plan, options, io) {
        this.#plan = plan;
        this.#options = options;
        this.#io = io;
        this.#deadline = io.clock.now() + options.waitTimeoutMs;
    }
    async run(outputs) {
        const { spec } = this.#plan;
        const start = this.#io.clock.now();
        const end = (outcome, state) => ({
            spec,
            outcome,
            changes: this.#changes,
            executed: this.#executed,
            outputs: state?.outputs ?? new Map(),
            ms: this.#io.clock.now() - start,
        });
        let existing;
        try {
            existing = await this.#settle();
            const resolved = resolveParameters(spec, outputs, await openaiKey(outputs, this.#io));
            if (resolved === undefined) {
                throw new errors/* DeploymentError */.gt('OutputMissing', `${spec.name} needs outputs that ${this.#plan.needs.join(', ')} does not have`);
            }
            if (existing === undefined)
                return end('created', await this.#create(resolved));
            const updated = await this.#update(existing, resolved);
            return updated === undefined ? end('unchanged', existing) : end('updated', updated);
        }
        catch (error) {
            const failure = this.#io.signal.aborted ? this.#cancelled(error) : error;
            if (!(failure instanceof errors/* ActionError */.lZ))
                throw error;
            this.#io.progress.info(`${spec.key}  ✗ ${failure.message}`);
            return { ...end('failed', existing), failure };
        }
    }
    /** Waits for what runs already and clears what a failed first creation left; the stack that there is then. */
    async #settle() {
        const { spec } = this.#plan;
        const { stacks, progress } = this.#io;
        let state = await stacks.describe(spec.name);
        if (state !== undefined && condition(state.status) === 'busy') {
            progress.info(`${spec.key}  ${state.status}: waiting for the operation that runs already`);
            // Everything that comes from now on; its beginning is of no interest.
            const since = await stacks.lastEvent(state.id);
            ({ state } = await this.#follow(state.id, { since, begun: true }));
        }
        if (state === undefined)
            return undefined;
        switch (condition(state.status)) {
            case 'stuck':
                throw stuck(spec, state);
            case 'leftover': {
                progress.info(`${spec.key}  removing what a first creation left (${state.status})`);
                const since = await stacks.lastEvent(state.id);
                this.#executed = true;
                await stacks.deleteStack(state.id, { token: this.#name('remove'), executionRole: this.#options.executionRole });
                const gone = await this.#follow(state.id, { since });
                if (gone.state !== undefined)
                    throw failureOf(spec, gone.state, gone.events);
                return undefined;
            }
            case 'busy':
            case 'ready':
                return state;
        }
    }
    async #create(resolved) {
        const request = this.#request('CREATE', resolved);
        const changeSet = await makeChangeSet(request, this.#io);
        return this.#execute(request, changeSet);
    }
    /** Undefined when there is nothing to change. */
    async #update(existing, resolved) {
        const { spec } = this.#plan;
        const held = heldParameters(spec, existing, resolved);
        const request = this.#request('UPDATE', new Map([...resolved, ...held]));
        const changeSet = await makeChangeSet(request, this.#io);
        if (!changeSet.executable) {
            await discard({ ...request, id: changeSet.id }, this.#io.stacks);
            this.#io.progress.info(`${spec.key}  unchanged`);
            return undefined;
        }
        const atRisk = forbidden(describeChanges(spec, changeSet.changes), this.#options.allowReplacement);
        const service = spec.parameters.has('ServiceTaskDefinition') ? await this.#service() : undefined;
        if (atRisk.length > 0 || service instanceof errors/* ActionError */.lZ) {
            await discard({ ...request, id: changeSet.id }, this.#io.stacks);
            throw service instanceof errors/* ActionError */.lZ ? service : forbiddenError(spec, atRisk);
        }
        const catchUp = service === undefined ? undefined : catchUpParameters(spec, existing, service);
        if (catchUp === undefined)
            return this.#executeBeside(service, request, changeSet);
        // The stack first learns what was deployed since; executing that drops every other change set.
        await discard({ ...request, id: changeSet.id }, this.#io.stacks);
        this.#io.progress.info(`${spec.key}  taking note of the deployed task definition`);
        const note = { ...this.#request('UPDATE', catchUp), template: { previous: true } };
        const noted = await makeChangeSet(note, this.#io);
        if (noted.executable)
            await this.#execute(note, noted);
        else
            await discard({ ...note, id: noted.id }, this.#io.stacks);
        const known = await this.#io.stacks.describe(spec.name);
        return this.#attempts > 3 || known === undefined ? this.#unsettled() : this.#update(known, resolved);
    }
    /** Executes, and after a roll-back makes sure that the service still runs what it ran. */
    async #executeBeside(before, request, changeSet) {
        try {
            return await this.#execute(request, changeSet);
        }
        catch (error) {
            const after = before === undefined || !(error instanceof errors/* DeploymentError */.gt) ? before : await this.#service();
            if (before !== undefined &&
                after !== undefined &&
                !(after instanceof errors/* ActionError */.lZ) &&
                after.taskDefinition !== before.taskDefinition) {
                this.#io.progress.warn(`The roll-back left the service on ${after.taskDefinition}; before it ran ${before.taskDefinition}. Deploy again.`);
            }
            throw error;
        }
    }
    #unsettled() {
        throw new errors/* PreconditionError */.Rb('DeploymentRunning', `${this.#plan.spec.name}: deployments keep changing what the service runs`, {
            hint: 'Nothing was changed by this run. Run again when no deployment is under way.',
        });
    }
    /** What the service runs; an error while a deployment is under way, which an update would take for the state to keep. */
    async #service() {
        const { cluster, service, baseFamily } = this.#options.service;
        const state = await this.#io.services.describeService({ cluster, service });
        if (state === undefined || state.status !== 'ACTIVE')
            return { taskDefinition: 'base' };
        if (state.deployments.some(({ rolloutState }) => rolloutState === 'IN_PROGRESS')) {
            return new errors/* PreconditionError */.Rb('DeploymentRunning', `a deployment of ${service} is under way`, {
                hint: 'Nothing was changed in this stack. Run again when the deployment has ended.',
            });
        }
        return {
            taskDefinition: state.taskDefinition.includes(`:task-definition/${baseFamily}:`) ? 'base' : state.taskDefinition,
        };
    }
    async #execute(request, changeSet) {
        const { spec } = this.#plan;
        const { stacks, progress } = this.#io;
        const changes = describeChanges(spec, changeSet.changes);
        const state = await stacks.describe(spec.name);
        if (state === undefined)
            throw new errors/* DeploymentError */.gt('StackGone', `${spec.name} vanished before its change set was executed`);
        const since = await stacks.lastEvent(state.id);
        progress.info(`${spec.key}  ${request.kind === 'CREATE' ? 'creating' : 'updating'} ${spec.name}: ${counted(changes)}`);
        this.#executed = true;
        await stacks.executeChangeSet(changeSet.id, request.name);
        if (typeof request.template === 'string')
            this.#changes = changes;
        const end = await this.#follow(state.id, { since, only: changes.map(({ logicalId }) => logicalId) });
        if (end.state === undefined || !succeeded(end.state.status)) {
            throw failureOf(spec, end.state ?? { ...state, status: 'DELETE_COMPLETE' }, end.events);
        }
        return end.state;
    }
    async #follow(stackId, what) {
        const operation = { spec: this.#plan.spec, stackId, deadline: this.#deadline, ...what };
        return follow(operation, this.#io, this.#io.progress);
    }
    #request(kind, parameters) {
        const { spec } = this.#plan;
        this.#attempts += 1;
        return {
            stack: spec.name,
            name: this.#name(String(this.#attempts)),
            kind,
            template: spec.body,
            parameters,
            tags: spec.tags,
            executionRole: this.#options.executionRole,
        };
    }
    #name(what) {
        return `${this.#options.runName}-${this.#plan.spec.key}-${what}`;
    }
    #cancelled(error) {
        return new errors/* ActionError */.lZ('Cancelled', `${this.#plan.spec.name}: the run was cancelled`, {
            cause: error,
            hint: 'What CloudFormation has begun goes on by itself; a new run attaches to it.',
        });
    }
}
function counted(changes) {
    const kinds = ['add', 'change', 'perhaps-replace', 'replace', 'remove'];
    const parts = kinds.flatMap((kind) => {
        const count = changes.filter((change) => change.kind === kind).length;
        return count === 0 ? [] : [`${count} to ${kind.replace('-', ' ')}`];
    });
    return parts.length === 0 ? 'outputs only' : parts.join(', ');
}

// EXTERNAL MODULE: ./shared/core/markdown.ts
var markdown = __webpack_require__(9579);
;// CONCATENATED MODULE: ./actions/provision-env/src/report.ts





/** What the bootstrap stack and later modes fill in; there from the start, so that workflows may name them. */
const laterOutputs = {
    'monthly-usd': '',
    drifted: '',
    'deploy-backend-role-arn': '',
    'deploy-frontend-role-arn': '',
    'plan-role-arn': '',
};
function reportPlan(inputs, plan, observed) {
    const changes = plan.stacks.flatMap(({ changes: planned }) => planned ?? []);
    const unknown = plan.stacks.some(({ changes: planned }) => planned === undefined);
    const headline = changes.length > 0 ? report_counted(changes) : unknown ? 'not known yet' : 'nothing to change';
    const rows = plan.stacks.map(({ spec, action, reason, changes: planned }) => [
        (0,markdown/* code */.aY)(spec.name),
        action === 'update' && planned?.length === 0 ? 'unchanged' : action,
        planned === undefined ? 'known once what it waits for is done' : report_counted(planned),
        (0,markdown/* escapeMarkdown */.FV)(reason),
    ]);
    return {
        outputs: {
            ...laterOutputs,
            ...stackOutputs(observedOutputs(observed)),
            ...secretOutputs(inputs, observed.openaiApiKeyHasValue),
            changed: 'false',
            changes: String(changes.length),
            'plan-digest': plan.digest,
        },
        summary: paragraphs(`### 📋 Plan for ${title(inputs)}: ${headline}`, (0,markdown/* table */.tp)(['Stack', 'Action', 'Changes', 'Why'], rows), refused(forbidden(changes, plan.allowReplacement)), ...plan.stacks.map(({ spec, changes: planned = [] }) => changeList(spec.name, planned)), `Tier ${(0,markdown/* code */.aY)(inputs.tier)} · plan digest ${(0,markdown/* code */.aY)(plan.digest)}`),
    };
}
function reportApply(inputs, plan, result) {
    const failure = combined(result.stacks);
    const changes = result.stacks.flatMap(({ changes: done }) => done);
    const executed = result.stacks.some(({ executed: did }) => did);
    const outputs = stackOutputs(new Map(result.stacks.map(({ spec, outputs: found }) => [spec.key, found])));
    const secrets = secretOutputs(inputs, result.openaiApiKeyHasValue);
    return {
        outputs: {
            ...laterOutputs,
            ...outputs,
            ...secrets,
            changed: String(executed),
            changes: String(changes.length),
            'plan-digest': plan.digest,
        },
        summary: paragraphs(headline(inputs, { failed: failure !== undefined, changes, ms: result.ms }), failure === undefined ? '' : (0,markdown/* codeBlock */.DV)(failure.message), failure?.hint === undefined ? '' : `**What to do:** ${(0,markdown/* escapeMarkdown */.FV)(failure.hint)}`, (0,markdown/* table */.tp)(['Stack', 'Outcome', 'Changes', 'Time'], result.stacks.map(({ spec, outcome, changes: done, ms }) => [
            (0,markdown/* code */.aY)(spec.name),
            marks[outcome],
            report_counted(done),
            outcome === 'not-started' ? '' : humanDuration(ms),
        ])), places(outputs), missing(secrets['missing-secrets']), ...result.stacks.map(({ spec, changes: done }) => changeList(spec.name, done))),
        failure,
    };
}
function reportOutputs(inputs, observed) {
    const lacking = stacks/* stackKeys */.T.filter((key) => !observed.stacks.has(key));
    const outputs = stackOutputs(observedOutputs(observed));
    const rows = Object.entries(outputs).map(([name, value]) => [(0,markdown/* code */.aY)(name), (0,markdown/* code */.aY)(value)]);
    return {
        outputs: {
            ...laterOutputs,
            ...outputs,
            ...secretOutputs(inputs, observed.openaiApiKeyHasValue),
            changed: 'false',
            changes: '0',
            'plan-digest': '',
        },
        summary: lacking.length > 0
            ? `### ❌ ${title(inputs)} is not there`
            : (0,markdown/* details */.zH)(`Outputs of ${inputs.app} ${inputs.environment}`, (0,markdown/* table */.tp)(['Output', 'Value'], rows)),
        failure: lacking.length === 0 ? undefined : notThere(inputs, lacking),
    };
}
function notThere(inputs, lacking) {
    const names = lacking.map((key) => (0,stacks/* stackName */.Qx)(inputs, key)).join(', ');
    return new errors/* ActionError */.lZ('StackMissing', `not in this account and region: ${names}`, {
        hint: 'Check app, environment and aws-region, or provision the environment first (mode: apply).',
    });
}
/** Every stack output by its kebab-cased name. */
function stackOutputs(outputs) {
    return Object.fromEntries([...outputs.values()].flatMap((found) => [...found].map(([name, value]) => [kebab(name), value])));
}
function kebab(name) {
    return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}
function observedOutputs(observed) {
    return new Map([...observed.stacks].map(([key, { outputs }]) => [key, outputs]));
}
function secretOutputs(inputs, hasValue) {
    const name = `${(0,stacks/* namePrefix */.w8)(inputs.app, inputs.environment)}/openai-api-key`;
    return { 'missing-secrets': hasValue === false ? name : '' };
}
const marks = {
    created: '✅ created',
    updated: '✅ updated',
    unchanged: '✅ unchanged',
    failed: '❌ failed',
    'not-started': '➖ not started',
};
/** One error for the step, with every failed stack in it. */
function combined(stacks) {
    const failures = stacks.flatMap(({ failure }) => failure ?? []);
    const [first] = failures;
    if (first === undefined || failures.length === 1)
        return first;
    return new errors/* ActionError */.lZ('StacksFailed', failures.map(({ message }) => message).join('\n'), {
        ...(first.hint === undefined ? {} : { hint: first.hint }),
        fault: first.fault,
    });
}
function headline(inputs, { failed, changes, ms, }) {
    if (failed)
        return `### ❌ ${title(inputs)} is not what it should be`;
    return changes.length === 0
        ? `### ✅ ${title(inputs)} is unchanged (checked in ${humanDuration(ms)})`
        : `### ✅ ${title(inputs)} is up: ${report_counted(changes)} in ${humanDuration(ms)}`;
}
function title({ app, environment }) {
    return (0,markdown/* escapeMarkdown */.FV)(`${app} ${environment}`);
}
const kinds = ['add', 'change', 'perhaps-replace', 'replace', 'remove'];
const words = {
    add: 'added',
    change: 'changed',
    'perhaps-replace': 'perhaps replaced',
    replace: '**replaced**',
    remove: '**removed**',
};
const signs = {
    add: '➕',
    change: '✏️',
    'perhaps-replace': '♻️ perhaps replaced',
    replace: '♻️ **replaced**',
    remove: '🗑️ **removed**',
};
function report_counted(changes) {
    const counts = kinds.map((kind) => [kind, changes.filter((change) => change.kind === kind).length]);
    return counts
        .filter(([, count]) => count > 0)
        .map(([kind, count]) => `${count} ${words[kind]}`)
        .join(', ');
}
function changeList(stack, changes) {
    if (changes.length === 0)
        return '';
    const rows = changes.map(({ kind, description, logicalId, type, properties }) => [
        signs[kind],
        (0,markdown/* escapeMarkdown */.FV)(description),
        (0,markdown/* code */.aY)(logicalId),
        (0,markdown/* code */.aY)(type),
        properties.map(markdown/* code */.aY).join(', '),
    ]);
    return (0,markdown/* details */.zH)(`${stack}: ${report_counted(changes).replaceAll('*', '')}`, (0,markdown/* table */.tp)(['', 'What', 'Id', 'Type', 'Properties'], rows));
}
function refused(changes) {
    if (changes.length === 0)
        return '';
    const list = changes.map(({ kind, description, logicalId }) => `${kind} ${(0,markdown/* escapeMarkdown */.FV)(description)} (${(0,markdown/* code */.aY)(logicalId)})`);
    return `⛔ **Apply would refuse to** ${list.join(', ')}, unless \`allow-replacement\` names it.`;
}
function places(outputs) {
    const shown = [
        'site-url',
        'api-url',
        'cluster',
        'service',
        'ecr-repository',
        'frontend-bucket',
        'uploads-bucket',
        'log-group',
    ];
    const rows = shown.flatMap((name) => {
        const value = outputs[name];
        return value === undefined ? [] : [[(0,markdown/* code */.aY)(name), (0,markdown/* code */.aY)(value)]];
    });
    return rows.length === 0 ? '' : (0,markdown/* table */.tp)(['Output', 'Value'], rows);
}
function missing(secret) {
    if (secret === '')
        return '';
    const command = `aws secretsmanager put-secret-value --secret-id ${secret} --secret-string file://key.txt`;
    return paragraphs(`🔑 **A person must fill in** ${(0,markdown/* code */.aY)(secret)}; until then tasks run without it:`, (0,markdown/* codeBlock */.DV)(command, 'sh'), 'Then provision and deploy again.');
}
function paragraphs(...parts) {
    return parts.filter((part) => part !== '').join('\n\n');
}

;// CONCATENATED MODULE: ./actions/provision-env/src/run.ts





/** The three modes, each from what is there to what is said about it. */
async function run(inputs, io) {
    const start = io.clock.now();
    const { runId, runAttempt } = io.context;
    // Change sets must not share a name with those of another run, attempt, or step of the same job.
    const runName = `slipway-${runId === '' ? 'local' : runId}-${runAttempt}-${start.toString(36)}`;
    const observed = await observe({ ...inputs, runName }, io);
    if (inputs.mode === 'outputs')
        return reportOutputs(inputs, observed);
    const plan = planStacks(inputs, observed);
    if (inputs.mode === 'plan')
        return reportPlan(inputs, plan, observed);
    const result = await apply(plan, {
        executionRole: inputs.executionRole,
        runName,
        waitTimeoutMs: inputs.waitTimeoutMinutes * 60_000,
        service: (0,stacks/* serviceOf */.z5)(inputs.app, inputs.environment),
    }, io);
    return reportApply(inputs, plan, { ...result, ms: io.clock.now() - start });
}


/***/ })

};
