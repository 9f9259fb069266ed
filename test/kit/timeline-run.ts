import { parseInputs } from '../../actions/deploy-ecs/src/inputs.ts';
import { connectPorts } from '../../actions/deploy-ecs/src/ports.ts';
import { ReadBudget } from '../../actions/deploy-ecs/src/read-budget.ts';
import { run } from '../../actions/deploy-ecs/src/run.ts';
import { InputReader } from '../../shared/action/input-reader.ts';
import type { ActionIo } from '../../shared/action/run.ts';
import { ActionError } from '../../shared/core/errors.ts';
import type { ScriptedCall } from './scripted-aws.ts';
import { play, type Play, type Timeline } from './timeline.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What a run of deploy-ecs showed, in-process or as a bundle. */
export interface Shown {
  readonly outputs: Readonly<Record<string, string>>;
  readonly green: boolean;
  readonly log: string;
  readonly summary: string;
  readonly error: string;
  /** Seconds. */
  readonly took: number;
}

export interface Timed {
  /** Seconds from the step `end` to the last look of the watch; undefined without such a step. */
  readonly verdictAfter: number | undefined;
  /** The most reads in any minute of the watch. */
  readonly readsPerMinute: number;
}

/** The SDK's own credentials and where it finds the scripted services. */
export function awsEnvironment(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

/** Plays a timeline in virtual time against the action's own composition and the real SDK; only the clock is another. */
export async function runTimeline(
  timeline: Timeline,
): Promise<{ readonly shown: Shown; readonly timed: Timed; readonly played: Play }> {
  const clock = new VirtualClock(new Date(Date.UTC(2026, 10, 24)));
  const started = clock.now();
  const controller = new AbortController();
  const played = await play(timeline, {
    scheduler: clock,
    cancel: () => controller.abort(new ActionError('Cancelled', 'the run was cancelled (SIGINT)')),
  });
  Object.assign(process.env, awsEnvironment(played.aws.endpoint));
  const lines: { readonly at: number; readonly text: string }[] = [];
  const tell = (text: string): number => lines.push({ at: clock.now(), text });
  const io: ActionIo = {
    read: new InputReader({ get: (name) => played.inputs[name] ?? '', env: {}, mask: () => undefined }),
    progress: {
      info: tell,
      warn: (line) => tell(`! ${line}`),
      follow: () => () => undefined,
      group: (_, body) => body(),
    },
    context: {
      repository: 'your-org/analytics-studio',
      repositoryId: '',
      ownerId: '',
      sha: '0123456789abcdef0123456789abcdef01234567',
      ref: 'refs/heads/main',
      runId: '1',
      runAttempt: 1,
      runUrl: '',
      apiUrl: '',
      pullRequest: undefined,
      step: '1/1/deploy/deploy-ecs',
      workspace: '/nowhere',
      tempDirectory: '/nowhere',
    },
    commands: { run: () => Promise.reject(new Error('no command is to be run')) },
    signal: controller.signal,
    idToken: () => Promise.reject(new Error('no token is to be asked for')),
    mask: () => undefined,
    state: { get: () => '', save: () => undefined },
  };
  const end = await report();
  played.stop();
  return {
    shown: { ...end, log: lines.map(({ text }) => text).join('\n'), took: (clock.now() - started) / 1000 },
    timed: {
      verdictAfter: verdictAfter(),
      readsPerMinute: readsPerMinute(played.aws.calls, verdict()),
    },
    played,
  };

  async function report(): Promise<Pick<Shown, 'outputs' | 'green' | 'summary' | 'error'>> {
    try {
      const inputs = parseInputs(io.read, () => undefined);
      const ports = connectPorts(inputs, io);
      const { outputs, summary, failure } = await run(inputs, io, {
        ...ports,
        clock,
        reads: new ReadBudget(clock),
        ask: async (url) => {
          const answer = await ports.ask(url);
          return { ...answer, ms: timeline.given['health-takes'] ?? answer.ms };
        },
      });
      return { outputs, summary, green: failure === undefined, error: failure === undefined ? '' : told(failure) };
    } catch (error) {
      // As index.ts and runAction tell it.
      if (!(error instanceof ActionError)) throw error;
      const outcome = error.code === 'Cancelled' ? 'cancelled' : 'failed';
      return { outputs: { changed: 'false', outcome }, summary: '', green: false, error: told(error) };
    }
  }

  /** The watch looks at the service once it knows; what comes after the diagnosis is the way back. */
  function verdict(): ScriptedCall | undefined {
    const diagnosed = lines.find(({ text }) => /likely cause/i.test(text))?.at ?? Infinity;
    return played.aws.calls.findLast(
      ({ operation, at }) => /^DescribeService(?:s|Deployments)$/.test(operation) && at <= diagnosed,
    );
  }

  function verdictAfter(): number | undefined {
    const endedAt = played.endedAt();
    const at = verdict()?.at;
    return endedAt === undefined || at === undefined ? undefined : (at - endedAt) / 1000;
  }
}

/** With its causes, as runAction prints them. */
function told({ code, message, hint = '', cause }: ActionError): string {
  return `${code}: ${message} ${hint}${causes(cause)}`;
}

function causes(cause: unknown): string {
  return cause instanceof Error ? ` caused by ${cause.message}${causes(cause.cause)}` : '';
}

/** Markdown as a reader sees it: what is escaped may still be read. */
const asRead = (markdown: string): string =>
  markdown
    .replace(/\\([^\w\s])/g, '$1')
    .replace(/&#(\d+);/g, (_, point) => String.fromCodePoint(Number(point)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

/** Of ECS and the load balancer, from our first UpdateService to the look that told the verdict; what the SDK asks again is not the action's own. */
export function readsPerMinute(calls: readonly ScriptedCall[], verdict: ScriptedCall | undefined): number {
  const from = calls.findIndex(({ operation }) => operation === 'UpdateService');
  if (from === -1 || verdict === undefined) return 0;
  const reads = calls
    .slice(from, calls.indexOf(verdict) + 1)
    .filter(({ operation, broken }) => !broken && /^(?:Describe|List|BatchGet)/.test(operation))
    .map(({ at }) => at);
  return Math.max(0, ...reads.map((start) => reads.filter((at) => at >= start && at < start + 60_000).length));
}

const greens = ['succeeded', 'unchanged', 'started', 'planned'];

/** All that is not as the timeline expects it, one line each. */
export function differences({ expect, covers }: Timeline, shown: Shown, { world }: Play): readonly string[] {
  const { outputs } = shown;
  const wrong: string[] = [];
  const same = (what: string, seen: unknown, wanted: unknown): void => {
    if (wanted === undefined || JSON.stringify(seen) === JSON.stringify(wanted)) return;
    wrong.push(`${what} is ${JSON.stringify(seen)}, wanted ${JSON.stringify(wanted)}`);
  };
  const name = (arn = ''): string => arn.slice(arn.lastIndexOf('/') + 1);
  same('outcome', outputs['outcome'], expect.outcome);
  same('colour', shown.green ? 'green' : 'red', expect.colour ?? (greens.includes(expect.outcome) ? 'green' : 'red'));
  same('running', name(outputs['running-task-definition-arn']), expect.running);
  same('writes', world.writes, expect.writes);
  for (const [key, value] of Object.entries(expect.outputs ?? {})) same(key, outputs[key], value);
  const texts = { diagnosis: outputs['diagnosis'] ?? '', log: shown.log, summary: shown.summary, error: shown.error };
  for (const [where, text] of Object.entries(texts)) {
    for (const part of expect[where as keyof typeof texts] ?? []) {
      if (!text.includes(part)) wrong.push(`${where} lacks ${JSON.stringify(part)}: ${text}`);
    }
  }
  const all = { ...texts, outputs: Object.values(outputs).join('\n'), 'summary as read': asRead(shown.summary) };
  for (const [where, text] of Object.entries(all)) {
    for (const part of expect.never ?? []) {
      if (text.includes(part)) wrong.push(`${where} has ${JSON.stringify(part)}: ${text}`);
    }
  }
  for (const value of covers) {
    if (!servedBy(value).some((path) => world.served.has(path))) wrong.push(`${value} was never served`);
  }
  return wrong;
}

/** What only virtual time tells exactly. */
export function lateness(
  { steps, expect }: Timeline,
  { took }: Shown,
  { verdictAfter, readsPerMinute }: Timed,
): string[] {
  const wrong: string[] = [];
  const { within = 5 } = expect;
  if (verdictAfter === undefined && steps.some(({ end }) => end === true)) wrong.push('it ended before AWS knew');
  if (verdictAfter !== undefined && (verdictAfter < 0 || verdictAfter > within)) {
    wrong.push(`the verdict came ${verdictAfter} s after AWS knew, wanted within ${within} s`);
  }
  if (expect.took !== undefined && took > expect.took) wrong.push(`took ${took} s, wanted at most ${expect.took} s`);
  if (readsPerMinute > 30) wrong.push(`${readsPerMinute} reads in a minute, wanted at most 30`);
  return wrong;
}

/** Where AWS shows the values of the SDK's enums. */
export const enumPaths: Readonly<Record<string, string>> = {
  ServiceDeploymentStatus: 'serviceDeployments.status',
  ServiceDeploymentLifecycleStage: 'serviceDeployments.lifecycleStage',
  'ServiceDeploymentRollbackMonitorsStatus.breaker': 'serviceDeployments.deploymentCircuitBreaker.status',
  'ServiceDeploymentRollbackMonitorsStatus.alarms': 'serviceDeployments.alarms.status',
  DeploymentLifecycleHookStatus: 'serviceDeployments.lifecycleHookDetails.status',
  DeploymentLifecycleHookTargetType: 'serviceDeployments.lifecycleHookDetails.targetType',
  DeploymentLifecycleHookAction: 'serviceDeployments.lifecycleHookDetails.timeoutAction',
  DeploymentRolloutState: 'services.deployments.rolloutState',
  DeploymentStrategy: 'services.deploymentConfiguration.strategy',
  DeploymentControllerType: 'services.deploymentController.type',
  SchedulingStrategy: 'services.schedulingStrategy',
  TaskStopCode: 'tasks.stopCode',
};

function servedBy(value: string): readonly string[] {
  const dot = value.lastIndexOf('.');
  const path = enumPaths[value.slice(0, dot)];
  if (path === undefined) throw new Error(`covers: ${value} is of no known enum`);
  return [`${path}=${value.slice(dot + 1)}`];
}
