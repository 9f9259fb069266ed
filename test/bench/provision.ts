import { loadavg } from 'node:os';
import { startEmulator } from '../local/emulator.ts';
import { prepare } from '../local/prepare.ts';
import {
  awsCli,
  bundleVersion,
  deployByCli,
  longestWay,
  ownTimes,
  slipway,
  specs,
  type Cost,
  type OwnTimes,
  type Place,
} from './provision-tools.ts';
import { stopEverything } from './sync-servers.ts';

/** Seconds that the emulator takes for what takes long on AWS, so that waiting and working side by side can be told apart. */
const pace = {
  'AWS::RDS::DBInstance': 12,
  'AWS::ElastiCache::ReplicationGroup': 6,
  'AWS::WAFv2::WebACL': 9,
  'AWS::ElasticLoadBalancingV2::LoadBalancer': 3,
  'AWS::CloudFront::Distribution': 5,
};
/** Of an unchanged environment; the median is shown, and the slowest. */
const repeats = 5;

/**
 * What the action adds to CloudFormation's own time, what a run without changes costs, and the same stacks by
 * `aws cloudformation deploy`, one after the other (it looks every 30 s whether a stack is done). About four minutes. Without an
 * AWS CLI by pip its rows are left out, with the reason.
 */
export async function provision(): Promise<void> {
  await prepare(console.log, { docker: false });
  const emulator = await startEmulator({ docker: false });
  try {
    console.log(`provision: bundle ${bundleVersion()}, Node ${process.versions.node}; load ${load()}`);
    await setPace(emulator.endpoint, pace);
    const ours: Place = { endpoint: emulator.endpoint, account: '600000000001' };
    const theirs: Place = { endpoint: emulator.endpoint, account: '600000000002' };

    const first = await slipway(ours);
    const own = await ownTimes(ours);
    const unchanged: Cost[] = [];
    for (let run = 0; run < repeats; run += 1) unchanged.push(await slipway(ours));
    const planned: Cost[] = [];
    for (let run = 0; run < repeats; run += 1) planned.push(await slipway(ours, 'plan'));
    const cli = await byCli(theirs);
    console.log(`\n${report({ first, own, unchanged, planned, cli })}\n`);
    console.log(`  load at the end ${load()}`);
  } finally {
    await stopEverything();
    await emulator.stop();
  }
}

interface ByCli {
  readonly first: Cost;
  readonly own: OwnTimes;
  readonly unchanged: Cost;
  readonly planned: Cost;
}

async function byCli(place: Place): Promise<ByCli | string> {
  let aws: string;
  try {
    aws = await awsCli();
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
  const first = await deployByCli(aws, place);
  const own = await ownTimes(place);
  const unchanged = await deployByCli(aws, place);
  return { first, own, unchanged, planned: await deployByCli(aws, place, 'plan') };
}

async function setPace(endpoint: string, seconds: Readonly<Record<string, number>>): Promise<void> {
  const answer = await fetch(`${endpoint}/_slipway/pace`, { method: 'POST', body: JSON.stringify(seconds) });
  if (!answer.ok) throw new Error(`the emulator did not take the pace: ${answer.status}`);
}

interface Found {
  readonly first: Cost;
  readonly own: OwnTimes;
  readonly unchanged: readonly Cost[];
  /** Plans of the unchanged environment. */
  readonly planned: readonly Cost[];
  readonly cli: ByCli | string;
}

function report({ first, own, unchanged, planned, cli }: Found): string {
  const way = longestWay(own);
  const sum = total(own);
  const [median, slowest] = walls(unchanged);
  const [plan, slowestPlan] = walls(planned);
  const peak = Math.max(first.peak, ...[...unchanged, ...planned].map((cost) => cost.peak));
  const stacks = specs().map(({ key }) => `${key} ${seconds(own.get(key)?.seconds ?? NaN)}`);
  const rows = [
    ['', 'wall', 'CloudFormation', 'ours on top', 'peak', 'CPU', '÷ ours'],
    ['first run, side by side', ...cells(first, way), '1.0×'],
    ['  one after another, nothing on top', seconds(sum), seconds(sum), '', '', '', ratio(sum, first.wall)],
    ...(typeof cli === 'string'
      ? [[`  aws cloudformation deploy: skipped: ${cli}`, '', '', '', '', '', '']]
      : [
          ['  aws cloudformation deploy, each', ...cells(cli.first, total(cli.own)), ratio(cli.first.wall, first.wall)],
        ]),
    [`unchanged, median of ${unchanged.length}`, ...cells({ ...unchanged[0]!, wall: median }, 0), '1.0×'],
    ['  slowest', seconds(slowest), '', '', '', '', ratio(slowest, median)],
    ...(typeof cli === 'string'
      ? []
      : [['  aws cloudformation deploy, each', ...cells(cli.unchanged, 0), ratio(cli.unchanged.wall, median)]]),
    [`plan, unchanged, median of ${planned.length}`, ...cells({ ...planned[0]!, wall: plan }, 0), '1.0×'],
    ['  slowest', seconds(slowestPlan), '', '', '', '', ratio(slowestPlan, plan)],
    ...(typeof cli === 'string'
      ? []
      : [['  aws … --no-execute-changeset, each', ...cells(cli.planned, 0), ratio(cli.planned.wall, plan)]]),
  ];
  const goals = [
    goal('unchanged', { found: median, most: 3, unit: 's' }),
    goal('plan, unchanged', { found: plan, most: 3, unit: 's' }),
    goal('on top of CloudFormation', { found: first.wall - way, most: 2, unit: 's' }),
    goal('peak memory', { found: peak / 1e6, most: 150, unit: 'MB' }),
  ];
  return [`  ${stacks.join(', ')}`, '', aligned(rows), '', parts(first, own), ...goals].join('\n');
}

/** The median, and the slowest. */
function walls(costs: readonly Cost[]): readonly [number, number] {
  const sorted = costs.map(({ wall }) => wall).toSorted((a, b) => a - b);
  return [sorted[Math.floor(sorted.length / 2)] ?? NaN, sorted.at(-1) ?? NaN];
}

/** Where the time on top goes. */
function parts(first: Cost, own: OwnTimes): string {
  const before = Math.min(...[...own.values()].map(({ begun }) => begun)) - (first.ended - first.wall);
  const after = first.ended - Math.max(...[...own.values()].map(({ ended }) => ended));
  const between = first.wall - longestWay(own) - before - after;
  return `  on top: ${seconds(before)} before the first stack, ${seconds(between)} between stacks and operations, ${seconds(after)} after the last`;
}

const total = (own: OwnTimes): number => [...own.values()].reduce((sum, one) => sum + one.seconds, 0);
const load = (): string => loadavg()[0]?.toFixed(1) ?? '';
const seconds = (value: number): string => `${value.toFixed(2)} s`;
const ratio = (value: number, ours: number): string => `${(value / ours).toFixed(1)}×`;

function cells({ wall, peak, cpu }: Cost, cloudFormation: number): readonly string[] {
  return [
    seconds(wall),
    seconds(cloudFormation),
    seconds(wall - cloudFormation),
    `${(peak / 1e6).toFixed(0)} MB`,
    seconds(cpu),
  ];
}

interface Goal {
  readonly found: number;
  readonly most: number;
  readonly unit: 's' | 'MB';
}

function goal(what: string, { found, most, unit }: Goal): string {
  const text = `${what}: ${found.toFixed(unit === 's' ? 2 : 0)} ${unit}`;
  return `  ${found <= most ? 'met    ' : 'NOT MET'}  ${text} (goal: at most ${most} ${unit})`;
}

/** Columns of text; figures end at the right. */
function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return lines.map((line) => `  ${line.map(pad).join('  ').trimEnd()}`).join('\n');
}
