import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ScriptedAws, type Fault } from './scripted-aws.ts';
import { EcsWorld, merge, type Death, type Given, type Wire } from './scripted-ecs.ts';

/** What AWS does at one moment. */
export interface Step {
  /**
   * Seconds after our first UpdateService; or `<Operation>+seconds` after the first call of it (`<Operation>#2` the second),
   * `start+seconds`, `before <Operation>`, or `during UpdateService`: after its effect, before its answer.
   */
  readonly at: number | string;
  /** What is true from here on is all that AWS will ever know: the verdict is due. */
  readonly end?: boolean;
  /** The run is cancelled. */
  readonly cancel?: boolean;
  /** A deployment is through, the others are gone, its record is SUCCESSFUL. */
  readonly complete?: string;
  /** Deployments that leave the list. */
  readonly gone?: readonly string[];
  readonly service?: Wire;
  /** Fields of deployments, by name; one that is not there yet begins and takes PRIMARY. */
  readonly deployments?: Readonly<Record<string, Wire>>;
  /** Fields of their records. */
  readonly records?: Readonly<Record<string, Wire>>;
  /** Short for `deployments: { ours }` and `records: { ours }`. */
  readonly ours?: Wire;
  readonly record?: Wire;
  readonly die?: Death;
  /** Fields of the newest one-off task. */
  readonly task?: Wire;
  readonly event?: string;
  readonly log?: readonly string[];
  readonly targets?: readonly Wire[];
  readonly faults?: Readonly<Record<string, Fault & { readonly times?: number }>>;
}

export interface Expectation {
  readonly outcome: string;
  /** `green` by default where the outcome is. */
  readonly colour?: 'green' | 'red';
  /** `name:revision` of `running-task-definition-arn`; `''` when none is proven. */
  readonly running?: string;
  /** Every write that AWS carried out, in order. */
  readonly writes?: readonly string[];
  /** Each holds all of these texts. */
  readonly diagnosis?: readonly string[];
  readonly log?: readonly string[];
  readonly summary?: readonly string[];
  readonly error?: readonly string[];
  /** In none of log, summary (also as it is read), error with its causes, and outputs. */
  readonly never?: readonly string[];
  /** Seconds at most from the step `end` to the verdict; 5. */
  readonly within?: number;
  /** Seconds at most that the whole run took. */
  readonly took?: number;
  /** More of the outputs. */
  readonly outputs?: Readonly<Record<string, string>>;
}

export interface Timeline {
  readonly name: string;
  /** File and name. */
  readonly title: string;
  readonly given: Given;
  readonly inputs: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
  readonly expect: Expectation;
  /** `Enum.VALUE`s of the SDK that the world must have served. */
  readonly covers: readonly string[];
  /** Why it fails today. */
  readonly todo: string | undefined;
  /** Short enough for real time, on the bundle and in the benchmark. */
  readonly live: boolean;
}

type Shape = { readonly [key: string]: Shape | '*' };
const all = (keys: string, shape: Shape | '*' = '*'): Shape =>
  Object.fromEntries(keys.split(' ').map((key) => [key, shape]));
/** `any`: whatever name. */
const any = (shape: Shape): Shape => ({ '<any>': shape });

const deploymentShape = all(
  'id status taskDefinition desiredCount runningCount pendingCount failedTasks rolloutState rolloutStateReason createdAt',
);
const recordShape: Shape = {
  ...all('status statusReason lifecycleStage createdAt finishedAt'),
  rollback: all('reason startedAt serviceRevisionArn'),
  deploymentCircuitBreaker: all('status failureCount threshold'),
  alarms: all('status alarmNames triggeredAlarmNames'),
  lifecycleHookDetails: all('hookId targetType targetArn status expiresAt timeoutAction'),
  targetServiceRevision: all(
    'requestedTaskCount runningTaskCount pendingTaskCount requestedTestTrafficWeight requestedProductionTrafficWeight',
  ),
};
const serviceShape: Shape = {
  ...all('status desiredCount runningCount pendingCount launchType platformVersion schedulingStrategy'),
  ...all('healthCheckGracePeriodSeconds networkConfiguration capacityProviderStrategy'),
  deploymentController: all('type'),
  deploymentConfiguration: {
    ...all('strategy bakeTimeInMinutes maximumPercent minimumHealthyPercent'),
    deploymentCircuitBreaker: all('enable rollback'),
    alarms: all('enable rollback alarmNames'),
    lifecycleHooks: '*',
    canaryConfiguration: '*',
    linearConfiguration: '*',
  },
  loadBalancers: all('targetGroupArn containerName containerPort advancedConfiguration'),
};
const deathShape = all('of times stopCode stoppedReason container exitCode reason health');
const timelineShape: Shape = {
  ...all('name covers todo live'),
  inputs: '*',
  given: {
    ...all('history records denied page no-capacity answers health health-takes clock definitions'),
    service: serviceShape,
    old: deploymentShape,
    deployments: any(deploymentShape),
  },
  steps: {
    ...all('at end cancel complete gone event log'),
    service: serviceShape,
    deployments: any(deploymentShape),
    records: any(recordShape),
    ours: deploymentShape,
    record: recordShape,
    die: deathShape,
    task: {
      ...all('lastStatus desiredStatus stopCode stoppedReason'),
      containers: all('name exitCode reason healthStatus'),
    },
    targets: { Target: all('Id Port'), TargetHealth: all('State Reason Description') },
    faults: any(all('times error message status drop delay')),
  },
  expect: all('outcome colour running writes diagnosis log summary error never within took outputs'),
};

/** A typo must not make an expectation vanish. */
function check(value: unknown, shape: Shape | '*', where: string): void {
  if (shape === '*' || typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) check(item, shape, `${where}[${index}]`);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const known = shape[key] ?? shape['<any>'];
    if (known === undefined) throw new Error(`${where}: unknown key ${key}`);
    check(inner, known, `${where}.${key}`);
  }
}

export function parseTimelines(text: string, file: string): readonly Timeline[] {
  const found: unknown = parse(text);
  if (!Array.isArray(found)) throw new Error(`${file}: not a list of timelines`);
  return found.map((raw: Record<string, unknown>, index) => {
    check(raw, timelineShape, `${file}[${index}] ${String(raw['name'])}`);
    const { name, expect } = raw as Partial<Timeline>;
    if (name === undefined || expect?.outcome === undefined) {
      throw new Error(`${file}[${index}]: name and expect.outcome are needed`);
    }
    for (const step of (raw['steps'] ?? []) as readonly Partial<Step>[]) {
      if (step.at === undefined) throw new Error(`${file} ${name}: a step without "at"`);
      if (typeof step.at === 'string') triggerOf(step.at);
    }
    const inputs = Object.entries((raw['inputs'] ?? {}) as Record<string, unknown>);
    return {
      given: {},
      steps: [],
      covers: [],
      todo: undefined,
      live: false,
      ...(raw as object),
      name,
      expect,
      title: `${file.replace(/\.ya?ml$/, '')}: ${name}`,
      inputs: Object.fromEntries(inputs.map(([key, value]) => [key, String(value)])),
    };
  });
}

/** All timelines of a directory, `test/timelines/<action>`. */
export function loadTimelines(directory: string): readonly Timeline[] {
  const found = readdirSync(directory)
    .filter((file) => file.endsWith('.yaml'))
    .toSorted()
    .flatMap((file) => parseTimelines(readFileSync(join(directory, file), 'utf8'), file));
  const titles = found.map(({ title }) => title);
  const twice = titles.find((title, index) => titles.indexOf(title) !== index);
  if (twice !== undefined) throw new Error(`two timelines are named ${twice}`);
  return found;
}

/** Time for what AWS does: the virtual clock's, or real. */
export interface Scheduler {
  now(): number;
  after(seconds: number, happen: () => void): void;
}

export interface PlayOptions {
  readonly scheduler: Scheduler;
  /** Called by a step `cancel`. */
  readonly cancel: () => void;
}

/** A timeline being played: the server that speaks for its world. */
export interface Play {
  readonly aws: ScriptedAws;
  readonly world: EcsWorld;
  /** The inputs of the run, `${endpoint}` filled in. */
  readonly inputs: Readonly<Record<string, string>>;
  /** When the step `end` happened, by the scheduler; undefined until then. */
  readonly endedAt: () => number | undefined;
  readonly stop: () => void;
}

interface Trigger {
  readonly phase: 'before' | 'during' | 'after';
  readonly operation: string;
  readonly nth: number;
  readonly seconds: number;
}

function triggerOf(at: number | string): Trigger {
  if (typeof at === 'number') return { phase: 'after', operation: 'UpdateService', nth: 1, seconds: at };
  const [, phase, operation = '', nth = '1', seconds = '0'] =
    /^(?:(before|during) )?([A-Za-z]+)(?:#(\d+))?(?:\+([\d.]+))?$/.exec(at) ?? [];
  if (operation === '') throw new Error(`at: ${at} is neither seconds nor <Operation>+seconds`);
  return {
    phase: (phase as Trigger['phase'] | undefined) ?? 'after',
    operation,
    nth: Number(nth),
    seconds: Number(seconds),
  };
}

/** Real time, for bundles and benchmarks. */
export function realTime(): Scheduler {
  return { now: Date.now, after: (seconds, happen) => void setTimeout(happen, seconds * 1000).unref() };
}

export async function play({ given, steps, inputs }: Timeline, { scheduler, cancel }: PlayOptions): Promise<Play> {
  const world = new EcsWorld(given, () => scheduler.now());
  const aws = await ScriptedAws.start(
    (call) => world.answer(call),
    () => scheduler.now(),
  );
  let ended: number | undefined;
  const counts = new Map<string, number>();
  const perform = (step: Step): void => {
    act(step, world, aws);
    if (step.end === true) ended ??= scheduler.now();
    if (step.cancel === true) cancel();
  };
  const trigger = (phase: Trigger['phase'], operation: string, nth: number): void => {
    for (const step of steps) {
      const wanted = triggerOf(step.at);
      if (wanted.phase !== phase || wanted.operation !== operation || wanted.nth !== nth) continue;
      if (wanted.seconds === 0) perform(step);
      else scheduler.after(wanted.seconds, () => perform(step));
    }
  };
  world.onCall = (operation, phase) => {
    const nth = (counts.get(operation) ?? 0) + 1;
    if (phase === 'after') counts.set(operation, nth);
    trigger(phase, operation, nth);
  };
  trigger('after', 'start', 1);
  return {
    aws,
    world,
    inputs: Object.fromEntries(
      Object.entries({ cluster: 'shop', service: 'api', 'aws-region': 'us-east-1', image: 'app:2', ...inputs })
        .filter(([, value]) => value !== '')
        .map(([name, value]) => [name, value.replaceAll('${endpoint}', aws.endpoint)]),
    ),
    endedAt: () => ended,
    stop: () => aws.stop(),
  };
}

function act(step: Step, world: EcsWorld, aws: ScriptedAws): void {
  for (const [name, special] of Object.entries({ ...step.deployments, ...(step.ours && { ours: step.ours }) })) {
    const known = world.deployment(name);
    if (known === undefined) world.deploy(name, special);
    else merge(known, world.wire(special));
  }
  if (step.complete !== undefined) world.complete(step.complete);
  for (const name of step.gone ?? []) world.drop(name);
  for (const [name, special] of Object.entries({ ...step.records, ...(step.record && { ours: step.record }) })) {
    const known = world.record(name);
    if (known !== undefined) merge(known, world.wire(special));
  }
  if (step.service !== undefined) merge(world.service, step.service);
  if (step.die !== undefined) world.die(step.die);
  if (step.task !== undefined) merge(world.oneOff!, step.task);
  if (step.event !== undefined) world.say(step.event);
  world.log.push(...(step.log ?? []));
  world.targets = step.targets ?? world.targets;
  for (const [operation, { times = 1, ...fault }] of Object.entries(step.faults ?? {})) {
    aws.breakNext(operation, ...Array.from({ length: times }, () => fault));
  }
}
