import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { taskDefinition } from '../kit/ecs.ts';
import type { ScriptedCall } from '../kit/scripted-aws.ts';
import { parseTimelines, play, realTime, type Timeline } from '../kit/timeline.ts';
import { awsCli, officialAction, slipway, type Tool, type ToolRun } from './deploy-tools.ts';

/** Seconds after the end at which a tool is no longer waited for. */
const patience = 90;
/** Timelines at a time; each has one process a tool, which mostly sleeps. */
const atOnce = 5;

interface Measured {
  readonly tool: string;
  readonly timeline: string;
  /** What it ought to say. */
  readonly truth: string;
  /** `green`, `red`, or our own action's outcome; `none`: still waiting. */
  readonly verdict: string;
  readonly right: boolean;
  /** Seconds from the end at AWS to the process's exit; Infinity: still waiting. */
  readonly late: number;
  /** Before the service is updated: what there is, and whether it may be deployed. */
  readonly readsBefore: number;
  readonly reads: number;
  /** From the update to the exit; a run shorter than a minute counts as one. */
  readonly readsPerMinute: number;
  /** The most in any 60 s from the update on. */
  readonly readsInAMinute: number;
  /** The most in any 60 s of the whole run. */
  readonly readsInAnyMinute: number;
}

/**
 * How long after a deployment's end at AWS each tool exits, with what verdict, after how many reads: our own bundle, the AWS
 * CLI (`aws ecs wait services-stable` after `update-service`, by pip under `.local/`) and the official deploy action with
 * `wait-for-service-stability: true` (its folder in `OFFICIAL_DEPLOY_ACTION`, else fetched from GitHub into `.local/`). Real
 * processes in real time, each against a scripted AWS of its own that plays one timeline of `deploy.yaml`; about four
 * minutes. A tool that cannot be had is skipped, with the reason. Throws only when something could not be measured.
 */
export async function deploy(): Promise<void> {
  const timelines = parseTimelines(readFileSync(join(import.meta.dirname, 'deploy.yaml'), 'utf8'), 'deploy.yaml');
  const found = await Promise.all([slipway(), awsCli(), officialAction()]);
  const tools = found.filter((tool) => 'deploy' in tool);
  console.log(`deploy: ${timelines.length} timelines in real time; load ${loadavg()[0]?.toFixed(1) ?? ''}`);
  for (const tool of found) {
    console.log(`  ${tool.name.padEnd(16)} ${'deploy' in tool ? tool.version : `skipped: ${tool.skipped}`}`);
  }
  const measured = await inTurns(timelines, async (timeline) =>
    Promise.all(tools.map((tool) => measure(tool, timeline))),
  );
  console.log(`\n${rows(measured.flat())}\n\n${totals(tools, measured.flat())}`);
  console.log(
    '\n  reads: before + after UpdateService; a minute and in any 60 s: those after; whole run: in any 60 s, both',
  );
  console.log(`  load at the end ${loadavg()[0]?.toFixed(1) ?? ''}`);
}

async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const waiting = [...items.entries()];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

let starts = Promise.resolve();

/** One process starts a second: on few cores their start-ups would be measured instead. */
function itsTurn(): Promise<void> {
  const turn = starts;
  starts = turn.then(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
  return turn;
}

async function measure(tool: Tool, timeline: Timeline): Promise<Measured> {
  await itsTurn();
  const seconds = Number(timeline.steps.find(({ end }) => end === true)?.at);
  const { aws, inputs, stop } = await play(timeline, { scheduler: realTime(), cancel: () => undefined });
  try {
    const running = {
      ...taskDefinition(),
      family: 'backend',
      containerDefinitions: [...(taskDefinition().containerDefinitions ?? [])],
    };
    const run = await tool.deploy({
      endpoint: aws.endpoint,
      inputs,
      running,
      limitMs: (seconds + patience + 5) * 1_000,
    });
    const exited = Date.now();
    const begun = aws.calls.find(({ operation }) => operation === 'UpdateService');
    if (begun === undefined)
      throw new Error(`${tool.name} never updated the service in "${timeline.name}":\n${run.output}`);
    const all = aws.calls.filter(isRead).map(({ at }) => at);
    const reads = aws.calls
      .slice(aws.calls.indexOf(begun))
      .filter(isRead)
      .map(({ at }) => at);
    const late = (exited - begun.at) / 1_000 - seconds;
    return {
      tool: tool.name,
      timeline: timeline.name,
      ...judge(run, timeline, late),
      readsBefore: all.length - reads.length,
      reads: reads.length,
      readsPerMinute: reads.length / Math.max(1, (exited - begun.at) / 60_000),
      readsInAMinute: mostInAMinute(reads),
      readsInAnyMinute: mostInAMinute(all),
    };
  } finally {
    stop();
  }
}

function judge(
  { exitCode, outcome }: ToolRun,
  { expect }: Timeline,
  late: number,
): Pick<Measured, 'truth' | 'verdict' | 'right' | 'late'> {
  const truth = expect.outcome === 'succeeded' ? 'green' : 'red';
  if (exitCode === undefined || late > patience) return { truth, verdict: 'none', right: false, late: Infinity };
  const colour = exitCode === 0 ? 'green' : 'red';
  if (outcome === undefined) return { truth, verdict: colour, right: colour === truth, late };
  // Our own has to name the outcome, too.
  return { truth, verdict: outcome, right: colour === truth && outcome === expect.outcome, late };
}

function isRead({ operation }: ScriptedCall): boolean {
  return /^(Describe|List|Get|Batch|Filter|Simulate|GET )/.test(operation);
}

function mostInAMinute(times: readonly number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + 60_000).length));
}

function rows(measured: readonly Measured[]): string {
  const header = [
    'timeline',
    'truth',
    'tool',
    'verdict',
    'right',
    'after the end',
    'reads',
    'a minute',
    'in 60 s',
    'whole run',
  ];
  const body = measured.map((one, index) => [
    one.timeline === measured[index - 1]?.timeline ? '' : one.timeline,
    one.timeline === measured[index - 1]?.timeline ? '' : one.truth,
    one.tool,
    one.verdict,
    one.right ? 'yes' : 'NO',
    inSeconds(one.late),
    `${one.readsBefore} + ${one.reads}`,
    one.readsPerMinute.toFixed(0),
    String(one.readsInAMinute),
    String(one.readsInAnyMinute),
  ]);
  return aligned([header, ...body], 5);
}

function totals(tools: readonly Tool[], measured: readonly Measured[]): string {
  const header = [
    'all timelines',
    'right',
    'after the end, median',
    'slowest',
    'reads a minute, most',
    'in 60 s, most',
    'whole run',
    'median ÷ ours',
  ];
  const of = (name: string) => measured.filter(({ tool }) => tool === name);
  const ours = median(of(tools[0]?.name ?? '').map(({ late }) => late));
  const body = tools.map(({ name }) => {
    const own = of(name);
    const late = own.map((one) => one.late);
    return [
      name,
      `${own.filter(({ right }) => right).length} of ${own.length}`,
      inSeconds(median(late)),
      inSeconds(Math.max(...late)),
      Math.max(...own.map(({ readsPerMinute }) => readsPerMinute)).toFixed(0),
      String(Math.max(...own.map(({ readsInAMinute }) => readsInAMinute))),
      String(Math.max(...own.map(({ readsInAnyMinute }) => readsInAnyMinute))),
      Number.isFinite(median(late)) ? `${(median(late) / ours).toFixed(1)}×` : `> ${(patience / ours).toFixed(0)}×`,
    ];
  });
  const goals = ['goals', 'all', '', '≤ 5 s', '≤ 30', '≤ 30', '', ''];
  return aligned([header, ...body, goals], 1);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

const inSeconds = (late: number) => (Number.isFinite(late) ? `${late.toFixed(1)} s` : `> ${patience} s`);

/** Columns of text; from `numbers` on they are figures and end at the right. */
function aligned(lines: readonly (readonly string[])[], numbers: number): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const pad = (cell: string, column: number) =>
    column < numbers ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return lines.map((line) => `  ${line.map(pad).join('  ').trimEnd()}`).join('\n');
}
