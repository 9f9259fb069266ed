import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { parseInputs } from '../../actions/provision-env/src/inputs.ts';
import { connectPorts } from '../../actions/provision-env/src/ports.ts';
import { run } from '../../actions/provision-env/src/run.ts';
import { InputReader } from '../../shared/action/input-reader.ts';
import type { ActionIo, ActionReport } from '../../shared/action/run.ts';
import { ActionError } from '../../shared/core/errors.ts';
import { ScriptedAws, type Fault } from '../kit/scripted-aws.ts';
import { CloudFormationWorld, nameServers, type CloudGiven, type DeadTask } from '../kit/scripted-cloudformation.ts';
import type { Execution } from '../kit/scripted-cloudformation-operations.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

/** What happens at one moment of a run, besides what its executions do by themselves. */
interface Step {
  /**
   * Seconds after the run's first call of an operation, `<Operation>+seconds` (`<Operation>#2` after the second), or
   * `start+seconds`; `before <Operation>`: right before it is carried out.
   */
  readonly at: string;
  /** The run is cancelled. */
  readonly cancel?: boolean;
  readonly faults?: Readonly<Record<string, Fault & { readonly times?: number }>>;
  /** Somebody deploys. */
  readonly deploy?: { readonly runs: string; readonly rollouts?: readonly string[] };
  /** Tasks of the service die. */
  readonly die?: DeadTask & { readonly times?: number };
  readonly log?: readonly string[];
  /** Somebody else updates resources of a stack. */
  readonly update?: {
    readonly stack: string;
    readonly resources?: readonly string[];
    readonly parameters?: Readonly<Record<string, string>>;
    readonly execution?: Execution;
  };
  /** Somebody takes away what guards a stack. */
  readonly unguard?: string;
  /** Somebody fills in the OpenAI key. */
  readonly key?: boolean;
  /** Somebody else has a stack compared with what is there; seconds. */
  readonly compare?: { readonly stack: string; readonly takes: number };
  /** Somebody else removes a stack. */
  readonly remove?: string;
  /** Somebody else executes a change set of their own: every other one of the stack is obsolete. */
  readonly overtake?: string;
  /** Somebody switches a stack's termination protection on. */
  readonly protect?: string;
  /** A stack changes its state out of nowhere. */
  readonly force?: { readonly stack: string; readonly status: string; readonly reason?: string };
}

interface Expectation {
  readonly colour: 'green' | 'red';
  /** By the stack's key, as the summary tells it: `created`, `updated`, `unchanged`, `failed`, `not started`. */
  readonly outcomes?: Readonly<Record<string, string>>;
  readonly outputs?: Readonly<Record<string, string>>;
  /** Each holds all of these texts; `error` with its hint. */
  readonly log?: readonly string[];
  readonly summary?: readonly string[];
  readonly error?: readonly string[];
  /** In none of log, summary, error and outputs. */
  readonly never?: readonly string[];
  /** Exactly one line of the log has it. */
  readonly once?: readonly string[];
  /** Every write that AWS carried out, in order, by stack. */
  readonly writes?: Readonly<Record<string, readonly string[]>>;
  /** How often these were called, faults included. */
  readonly calls?: Readonly<Record<string, number>>;
  /** How the stacks are in the end; `gone`. */
  readonly stacks?: Readonly<Record<string, string>>;
  /** Where the stacks are. */
  readonly regions?: Readonly<Record<string, string>>;
  /** Logical ids of what stacks that are gone left behind, in the order of the alphabet; snapshots of databases by their names. */
  readonly kept?: readonly string[];
  /** All writes of the run, whichever stack they are to. */
  readonly order?: readonly string[];
  /** `name:revision` that the service runs in the end. */
  readonly runs?: string;
  /** Stacks with a change set that was left behind; none. */
  readonly left?: readonly string[];
  /** Stacks that AWS refuses to delete, or whose data to replace, in the end. */
  readonly guarded?: Readonly<Record<string, boolean>>;
  /** Seconds. */
  readonly took?: { readonly least?: number; readonly most?: number };
}

export interface StoryRun {
  readonly inputs: Readonly<Record<string, string>>;
  /** Template parameters of the configuration file. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
  readonly expect: Expectation;
}

interface Story {
  readonly name: string;
  /** File and name. */
  readonly title: string;
  /** Both stacks are up already, made by an earlier run with these inputs. */
  readonly up: Readonly<Record<string, string>> | undefined;
  readonly given: CloudGiven;
  readonly runs: readonly StoryRun[];
  /** Why it fails today. */
  readonly todo: string | undefined;
}

type Shape = { readonly [key: string]: Shape | '*' };
const all = (keys: string): Shape => Object.fromEntries(keys.split(' ').map((key) => [key, '*']));
const executionShape: Shape = { ...all('lag takes fails tells'), undo: all('takes fails') };
const expectShape = all(
  'colour outcomes outputs log summary error never once writes calls stacks regions runs left guarded took kept order',
);
const runShape: Shape = {
  inputs: '*',
  parameters: '*',
  steps: {
    ...all('at cancel faults log remove overtake key unguard protect'),
    deploy: all('runs rollouts'),
    die: all('times container exitCode stopCode stoppedReason reason'),
    update: { ...all('stack resources parameters'), execution: executionShape },
    force: all('stack status reason'),
    compare: all('stack takes'),
  },
  expect: expectShape,
};
const byStack = (shape: Shape): Shape => ({ foundation: shape, edge: shape, app: shape, monitoring: shape });
const storyShape: Shape = {
  ...all('name todo up'),
  given: {
    ...all('key-has-value denied replaces also'),
    service: all('runs rollouts'),
    pages: all('events changes drifts'),
    executions: byStack(executionShape),
    'change-sets': byStack({ ...all('takes fails'), findings: all('id reason path') }),
    removals: byStack(executionShape),
    comparisons: byStack(all('takes resources failures fails')),
  },
  runs: runShape,
  ...runShape,
};

/** A typo must not make an expectation vanish. */
function check(value: unknown, shape: Shape | '*', where: string): void {
  if (shape === '*' || typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) check(item, shape, `${where}[${index}]`);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const known = shape[key];
    if (known === undefined) throw new Error(`${where}: unknown key ${key}`);
    check(inner, known, `${where}.${key}`);
  }
}

export function parseStories(text: string, file: string): readonly Story[] {
  const found: unknown = parse(text);
  if (!Array.isArray(found)) throw new Error(`${file}: not a list of stories`);
  return found.map((raw: Record<string, unknown>, index) => {
    check(raw, storyShape, `${file}[${index}] ${String(raw['name'])}`);
    const { name, up, given = {}, runs = [raw], todo } = raw as Partial<Story> & { runs?: readonly object[] };
    if (name === undefined) throw new Error(`${file}[${index}]: a story without a name`);
    return {
      name,
      title: `${file.replace(/\.ya?ml$/, '')}: ${name}`,
      up: up === undefined ? undefined : texts(up),
      given,
      todo,
      runs: runs.map((one) => {
        const { inputs = {}, parameters = {}, steps = [], expect } = one as Partial<StoryRun>;
        if (expect?.colour === undefined) throw new Error(`${file} ${name}: expect.colour is needed`);
        for (const { at } of steps) triggerOf(at);
        return { inputs: texts(inputs), parameters: texts(parameters), steps, expect };
      }),
    };
  });
}

function texts(values: object): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

export function loadStories(directory: string): readonly Story[] {
  const found = readdirSync(directory)
    .filter((file) => file.endsWith('.yaml'))
    .toSorted()
    .flatMap((file) => parseStories(readFileSync(join(directory, file), 'utf8'), file));
  const titles = found.map(({ title }) => title);
  const twice = titles.find((title, index) => titles.indexOf(title) !== index);
  if (twice !== undefined) throw new Error(`two stories are named ${twice}`);
  return found;
}

interface Trigger {
  readonly phase: 'before' | 'after';
  readonly operation: string;
  readonly nth: number;
  readonly seconds: number;
}

function triggerOf(at: string): Trigger {
  const [, phase, operation, nth = '1', seconds = '0'] =
    /^(?:(before) )?([A-Za-z]+)(?:#(\d+))?(?:\+([\d.]+))?$/.exec(at) ?? [];
  if (operation === undefined) throw new Error(`at: ${at} is not <Operation>+seconds`);
  return { phase: phase === 'before' ? 'before' : 'after', operation, nth: Number(nth), seconds: Number(seconds) };
}

/** What a run showed. */
interface Shown extends Pick<ActionReport, 'outputs' | 'summary'> {
  readonly green: boolean;
  readonly lines: readonly { readonly at: number; readonly text: string }[];
  readonly error: string;
  readonly started: number;
  readonly ended: number;
  readonly writes: readonly string[];
  readonly calls: readonly string[];
}

/** Plays a story in virtual time against the action's own composition and the real SDK; all that was not as it expects. */
export async function playStory(story: Story): Promise<readonly string[]> {
  const clock = new VirtualClock(new Date(Date.UTC(2026, 10, 24)));
  const world = new CloudFormationWorld(clock);
  const aws = await ScriptedAws.start(
    (call) => world.answer(call),
    () => clock.now(),
  );
  try {
    if (story.up !== undefined) {
      const before: StoryRun = { inputs: story.up, parameters: {}, steps: [], expect: { colour: 'green' } };
      const { green, error } = await playRun(before, { clock, world, aws });
      if (!green) return [`the run before: ${error}`];
    }
    world.become(story.given);
    const wrong: string[] = [];
    let digest = '';
    for (const [index, each] of story.runs.entries()) {
      const shown = await playRun(withDigest(each, digest), { clock, world, aws });
      digest = shown.outputs['plan-digest'] ?? digest;
      const found = differences(each.expect, shown, world);
      const log = shown.lines.map(({ at, text }) => `${Math.round((at - shown.started) / 1000)} ${text}`).join('\n');
      if (found.length > 0) wrong.push(`run ${index + 1}:\n${found.join('\n')}\n\n${log}\n${shown.error}`);
    }
    return wrong;
  } finally {
    aws.stop();
  }
}

/** `plan-digest: reviewed` is the one of the last run that had one. */
function withDigest(story: StoryRun, digest: string): StoryRun {
  const { inputs } = story;
  return inputs['plan-digest'] === 'reviewed' ? { ...story, inputs: { ...inputs, 'plan-digest': digest } } : story;
}

export interface Stage {
  readonly clock: VirtualClock;
  readonly world: CloudFormationWorld;
  readonly aws: ScriptedAws;
}

export async function playRun({ inputs, parameters, steps }: StoryRun, { clock, world, aws }: Stage): Promise<Shown> {
  const cancelled = new AbortController();
  const counts = new Map<string, number>();
  const [writesBefore, callsBefore, started] = [world.writes.length, aws.calls.length, clock.now()];
  const trigger = (phase: Trigger['phase'], operation: string, nth: number): void => {
    for (const step of steps) {
      const wanted = triggerOf(step.at);
      if (wanted.phase !== phase || wanted.operation !== operation || wanted.nth !== nth) continue;
      const happen = (): void => act(step, { world, aws, cancel: cancelled });
      if (wanted.seconds === 0) happen();
      else clock.after(wanted.seconds, happen);
    }
  };
  world.onCall = (operation, phase) => {
    const nth = (counts.get(operation) ?? 0) + 1;
    if (phase === 'after') counts.set(operation, nth);
    trigger(phase, operation, nth);
  };
  trigger('after', 'start', 1);
  Object.assign(process.env, environment(aws.endpoint));
  const lines: { readonly at: number; readonly text: string }[] = [];
  const tell = (text: string): number => lines.push({ at: clock.now(), text });
  const workspace = mkdtempSync(join(tmpdir(), 'slipway-story-'));
  writeFileSync(join(workspace, 'environment.yml'), stringify({ parameters }));
  const given: Readonly<Record<string, string>> = {
    mode: 'apply',
    tier: 'production-small',
    'aws-region': 'us-east-1',
    config: 'environment.yml',
    ...inputs,
  };
  const io: ActionIo = {
    read: new InputReader({ get: (name) => given[name] ?? '', env: {}, mask: () => undefined }),
    progress: {
      info: tell,
      warn: (line) => tell(`warning: ${line}`),
      follow: () => () => undefined,
      group: (_, body) => body(),
    },
    context: {
      repository: 'your-org/analytics-studio',
      repositoryId: '22',
      ownerId: '11',
      sha: '0123456789abcdef0123456789abcdef01234567',
      ref: 'refs/heads/main',
      runId: '1',
      runAttempt: 1,
      runUrl: '',
      apiUrl: '',
      pullRequest: undefined,
      step: '1/1/provision/provision-env',
      workspace,
      tempDirectory: workspace,
    },
    commands: { run: () => Promise.reject(new Error('no command is to be run')) },
    signal: cancelled.signal,
    idToken: () => Promise.reject(new Error('no token is to be asked for')),
    mask: () => undefined,
    state: { get: () => '', save: () => undefined },
  };
  const end = await report(io, clock);
  const ended = clock.now();
  // AWS ends what it was asked for last before anyone looks.
  await clock.sleep(5_000);
  return {
    ...end,
    lines,
    started,
    ended,
    writes: world.writes.slice(writesBefore),
    calls: aws.calls.slice(callsBefore).map(({ operation }) => operation),
  };
}

async function report(
  io: ActionIo,
  clock: VirtualClock,
): Promise<Pick<Shown, 'outputs' | 'green' | 'summary' | 'error'>> {
  try {
    const inputs = parseInputs(io.read, io.context);
    const ports = {
      ...connectPorts(inputs, io),
      // A test asks no public name server.
      dns: { nameServers: async () => nameServers },
      clock,
      progress: io.progress,
      context: io.context,
    };
    const { outputs, summary, failure } = await run(inputs, ports);
    return { outputs, summary, green: failure === undefined, error: failure === undefined ? '' : errorText(failure) };
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    return { outputs: {}, summary: '', green: false, error: errorText(error) };
  }
}

/** As the log ends with it. */
function errorText({ code, message, hint = '' }: ActionError): string {
  return `${code}: ${message}\n→ ${hint}`;
}

/** The SDK's own credentials and where it finds the scripted services. */
export function environment(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

function act(
  step: Step,
  {
    world,
    aws,
    cancel,
  }: { readonly world: CloudFormationWorld; readonly aws: ScriptedAws; readonly cancel: AbortController },
): void {
  if (step.cancel === true) cancel.abort(new ActionError('Cancelled', 'the run was cancelled (SIGINT)'));
  if (step.deploy !== undefined) world.deploy(step.deploy);
  if (step.die !== undefined) for (let count = 0; count < (step.die.times ?? 1); count += 1) world.die(step.die);
  world.log.push(...(step.log ?? []));
  if (step.update !== undefined) world.updateByAnother(step.update.stack, step.update, step.update.execution ?? {});
  if (step.unguard !== undefined) world.unguard(step.unguard);
  if (step.key === true) world.given = { ...world.given, 'key-has-value': true };
  if (step.force !== undefined) world.force(step.force.stack, step.force.status, step.force.reason);
  if (step.compare !== undefined) world.compareByAnother(step.compare.stack, step.compare.takes);
  if (step.protect !== undefined) world.protect(step.protect);
  if (step.remove !== undefined) world.removeByAnother(step.remove);
  if (step.overtake !== undefined) world.overtake(step.overtake);
  for (const [operation, { times = 1, ...fault }] of Object.entries(step.faults ?? {})) {
    aws.breakNext(operation, ...Array.from({ length: times }, () => fault));
  }
}

/** Nobody should have to wonder for longer whether it still works. */
const longestSilence = 40;
/** And nobody reads the same line over and over. */
const shortestRepeat = 25;

/** Lines of waiting that only the time tells apart. */
function sameLine(one: string, other: string): boolean {
  const plain = (text: string): string => text.replace(/\d+/g, '');
  return one.includes('… ') && plain(one) === plain(other);
}

function differences(expect: Expectation, shown: Shown, world: CloudFormationWorld): readonly string[] {
  const wrong: string[] = [];
  const same = (what: string, seen: unknown, wanted: unknown): void => {
    if (JSON.stringify(seen) !== JSON.stringify(wanted))
      wrong.push(`${what} is ${JSON.stringify(seen)}, wanted ${JSON.stringify(wanted)}`);
  };
  same('colour', shown.green ? 'green' : 'red', expect.colour);
  for (const [key, outcome] of Object.entries(expect.outcomes ?? {}))
    same(`outcome of ${key}`, outcomeOf(key, shown.summary), outcome);
  for (const [key, value] of Object.entries(expect.outputs ?? {})) same(`output ${key}`, shown.outputs[key], value);
  for (const [key, status] of Object.entries(expect.stacks ?? {}))
    same(`stack ${key}`, world.status(key) ?? 'gone', status);
  for (const [key, region] of Object.entries(expect.regions ?? {})) same(`region of ${key}`, world.region(key), region);
  for (const [key, writes] of Object.entries(expect.writes ?? {})) {
    const own = shown.writes.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
    same(`writes to ${key}`, own, writes);
  }
  for (const [operation, count] of Object.entries(expect.calls ?? {}))
    same(`calls of ${operation}`, shown.calls.filter((name) => name === operation).length, count);
  for (const [key, guarded] of Object.entries(expect.guarded ?? {}))
    same(`${key} is guarded`, world.isGuarded(key), guarded);
  if (expect.kept !== undefined) same('kept', [...world.kept, ...world.snapshots].toSorted(), expect.kept);
  if (expect.order !== undefined) same('all writes', shown.writes, expect.order);
  if (expect.runs !== undefined) same('the service runs', world.runs?.replace(/^.*\//, ''), expect.runs);
  same('change sets left', world.left, expect.left ?? []);

  const log = shown.lines.map(({ text }) => text).join('\n');
  const all = { log, summary: shown.summary, error: shown.error, outputs: Object.values(shown.outputs).join('\n') };
  for (const where of ['log', 'summary', 'error'] as const) {
    for (const part of expect[where] ?? [])
      if (!all[where].includes(part)) wrong.push(`${where} lacks ${JSON.stringify(part)}`);
  }
  for (const part of expect.once ?? [])
    same(`lines with ${part}`, shown.lines.filter(({ text }) => text.includes(part)).length, 1);
  for (const [where, text] of Object.entries(all)) {
    for (const part of expect.never ?? []) {
      if (text.includes(part)) wrong.push(`${where} has ${JSON.stringify(part)}`);
    }
  }

  const took = (shown.ended - shown.started) / 1000;
  const { least = 0, most = Infinity } = expect.took ?? {};
  if (took < least || took > most) wrong.push(`took ${took} s, wanted ${least} to ${most}`);
  const moments = [shown.started, ...shown.lines.map(({ at }) => at), shown.ended];
  const silence = Math.max(...moments.slice(1).map((at, index) => at - moments[index]!)) / 1000;
  if (silence > longestSilence) wrong.push(`silent for ${silence} s`);
  const chatty = shown.lines.find(({ at, text }, index) =>
    shown.lines.some(
      (later, place) => place > index && later.at - at < shortestRepeat * 1000 && sameLine(later.text, text),
    ),
  );
  if (chatty !== undefined) wrong.push(`said again within ${shortestRepeat} s: ${chatty.text}`);
  // One screen, so that what matters is not scrolled away.
  const { length } = shown.error.split('\n');
  if (length > 24 || shown.error.length > 3_000)
    wrong.push(`the error is ${length} lines, ${shown.error.length} characters`);
  return wrong;
}

function outcomeOf(key: string, summary: string): string | undefined {
  return new RegExp(String.raw`\| \x60[\w-]+-${key}\x60 \| \S+ ([\w ]+?) \|`).exec(summary)?.[1];
}
