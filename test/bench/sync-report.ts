/** Pure: what was measured → tables, and the goals side by side with it. */

export const scenarios = ['cold', 'unchanged', 'changed'] as const;
export type Scenario = (typeof scenarios)[number];

export type Counts = Readonly<Record<string, number>>;

export interface Sample {
  readonly tool: string;
  readonly scenario: Scenario;
  /** Seconds. */
  readonly wall: number;
  /** Seconds, user and system. */
  readonly cpu: number;
  /** Bytes. */
  readonly peak: number;
  /** Of each kind, where the server counts. */
  readonly requests: Counts | undefined;
  /** In the bucket before the run, where it was looked at. */
  readonly keys?: number | undefined;
}

export interface Row {
  readonly tool: string;
  readonly title: string;
  readonly version: string;
  /** Why there are no figures, or what is wrong with them. */
  readonly remark?: string | undefined;
}

/** One site on one server. */
export interface Scene {
  readonly server: string;
  readonly site: string;
  readonly runs: number;
  readonly rows: readonly Row[];
  readonly samples: readonly Sample[];
  /** What a commit of one changes. */
  readonly changed: { readonly files: number; readonly pages: number };
  /** Seconds; undefined: no slower than rclone. */
  readonly unchangedLimit: number | undefined;
  /** Bytes; undefined: no goal for this site. */
  readonly peakLimit: number | undefined;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** How S3 bills and limits them; a part of a large file is a PUT, too. */
const kinds: Readonly<Record<string, string>> = {
  ListObjectsV2: 'LIST',
  ListObjects: 'LIST',
  GetObject: 'GET',
  PutObject: 'PUT',
  UploadPart: 'PUT',
  CopyObject: 'COPY',
  HeadObject: 'HEAD',
  HeadBucket: 'HEAD',
  DeleteObject: 'DELETE',
  DeleteObjects: 'DELETE',
  CreateMultipartUpload: 'POST',
  CompleteMultipartUpload: 'POST',
};

export function byKind(operations: Counts): Counts {
  const counts: Record<string, number> = {};
  for (const [operation, count] of Object.entries(operations)) {
    const kind = kinds[operation] ?? operation;
    counts[kind] = (counts[kind] ?? 0) + count;
  }
  return counts;
}

/** Kinds in their usual order; `20–21` where runs differ. */
export function requestsText(runs: readonly Counts[]): string {
  const order = ['LIST', 'GET', 'HEAD', 'PUT', 'POST', 'COPY', 'DELETE'];
  const found = [...new Set(runs.flatMap((counts) => Object.keys(counts)))];
  const sorted = [
    ...order.filter((kind) => found.includes(kind)),
    ...found.filter((kind) => !order.includes(kind)).sort(),
  ];
  return sorted
    .map((kind) => {
      const counts = runs.map((run) => run[kind] ?? 0);
      const [least, most] = [Math.min(...counts), Math.max(...counts)];
      return `${least === most ? figure(most) : `${figure(least)}–${figure(most)}`} ${kind}`;
    })
    .join(', ');
}

const figure = (count: number) => count.toLocaleString('en');
const seconds = (value: number) => value.toFixed(2);
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

const headings: Readonly<Record<Scenario, string>> = {
  cold: 'cold',
  unchanged: 'nothing changed, new mtimes',
  changed: '1 % changed, new mtimes',
};

function pick({ samples }: Scene, tool: string, scenario: Scenario): readonly Sample[] {
  return samples.filter((sample) => sample.tool === tool && sample.scenario === scenario);
}

export function table(scene: Scene): string {
  const asked = scenarios.filter((scenario) => scene.samples.some((sample) => sample.scenario === scenario));
  const counted = scene.samples.some(({ requests }) => requests !== undefined);
  const header = ['tool', 'version', ...asked.flatMap((one) => [headings[one], ...(counted ? ['requests'] : [])])];
  const rows = scene.rows.map(({ tool, title, version, remark }) => {
    const cells = asked.flatMap((scenario) => {
      const samples = pick(scene, tool, scenario);
      const sent = samples.flatMap(({ requests }) => (requests === undefined ? [] : [requests]));
      return [cost(samples, scene.runs), ...(counted ? [requestsText(sent) || '–'] : [])];
    });
    return [title, remark === undefined ? version : `${version} (${remark})`.trim(), ...cells];
  });
  const lines = [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `### ${scene.site}, ${scene.server}\n\n${lines.join('\n')}`;
}

/** Wall s / CPU s / peak MB. */
function cost(samples: readonly Sample[], runs: number): string {
  if (samples.length === 0) return '–';
  const [wall, cpu, peak] = [medianOf(samples, 'wall'), medianOf(samples, 'cpu'), medianOf(samples, 'peak')];
  const few = samples.length === runs ? '' : ` (n = ${samples.length})`;
  return `${seconds(wall)} / ${seconds(cpu)} / ${megabytes(peak)}${few}`;
}

function medianOf(samples: readonly Sample[], what: 'wall' | 'cpu' | 'peak'): number {
  return median(samples.map((sample) => sample[what]));
}

export interface Verdict {
  readonly goal: string;
  readonly met: boolean | undefined;
  /** The figures, side by side. */
  readonly figures: string;
}

const ours = 'slipway';
const floor = 'raw';

/** The goals that can be judged by what was measured; a missing peer is said. */
export function judge(scene: Scene): readonly Verdict[] {
  const of = (tool: string, scenario: Scenario, what: 'wall' | 'cpu') => medianOf(pick(scene, tool, scenario), what);
  const against = ({ goal, mine, other, name, factor = 1 }: Comparison): Verdict => ({
    goal,
    met: Number.isNaN(mine) || Number.isNaN(other) ? undefined : mine <= factor * other,
    figures: Number.isNaN(other)
      ? `${seconds(mine)} s; ${name} was not measured`
      : `${seconds(mine)} s against ${name}’s ${seconds(other)} s: ${(mine / other).toFixed(2)}×`,
  });
  const verdicts: Verdict[] = [];
  if (pick(scene, ours, 'changed').length > 0) {
    const mine = of(ours, 'changed', 'wall');
    verdicts.push(
      against({ goal: '1 % changed: wall ≤ rclone', mine, other: of('rclone', 'changed', 'wall'), name: 'rclone' }),
      against({
        goal: '1 % changed: wall ≤ 0.3 × s5cmd',
        mine,
        other: of('s5cmd', 'changed', 'wall'),
        name: 's5cmd',
        factor: 0.3,
      }),
      ...judgeRequests(scene),
    );
  }
  if (pick(scene, ours, 'unchanged').length > 0) {
    const mine = of(ours, 'unchanged', 'wall');
    const limit = scene.unchangedLimit;
    verdicts.push(
      limit === undefined
        ? against({
            goal: 'nothing changed: wall ≤ rclone',
            mine,
            other: of('rclone', 'unchanged', 'wall'),
            name: 'rclone',
          })
        : { goal: `nothing changed: wall ≤ ${limit} s`, met: mine <= limit, figures: `${seconds(mine)} s` },
    );
  }
  if (pick(scene, ours, 'cold').length > 0) {
    const peers = scene.rows.filter(({ tool }) => tool !== ours && tool !== floor);
    const [best] = peers
      .map(({ tool, title }) => ({ title, wall: of(tool, 'cold', 'wall') }))
      .filter(({ wall }) => !Number.isNaN(wall))
      .sort((a, b) => a.wall - b.wall);
    const cpu = of(ours, 'cold', 'cpu');
    const wall = of(ours, 'cold', 'wall');
    const ofFloor = against({
      goal: 'cold: CPU ≤ 1.5 × the raw floor',
      mine: cpu,
      other: of(floor, 'cold', 'cpu'),
      name: 'the floor',
      factor: 1.5,
    });
    const floorWall = of(floor, 'cold', 'wall');
    verdicts.push(
      against({
        goal: 'cold: wall ≤ the best peer',
        mine: wall,
        other: best?.wall ?? NaN,
        name: best?.title ?? 'any peer',
      }),
      against({
        goal: 'cold: CPU ≤ 0.7 × s5cmd',
        mine: cpu,
        other: of('s5cmd', 'cold', 'cpu'),
        name: 's5cmd',
        factor: 0.7,
      }),
      Number.isNaN(floorWall)
        ? ofFloor
        : { ...ofFloor, figures: `${ofFloor.figures} (wall ${(wall / floorWall).toFixed(2)}×)` },
    );
  }
  const peaks = scene.samples.filter(({ tool }) => tool === ours).map(({ peak }) => peak);
  if (scene.peakLimit !== undefined && peaks.length > 0) {
    const peak = Math.max(...peaks);
    const limit = megabytes(scene.peakLimit);
    verdicts.push({
      goal: `peak memory ≤ ${limit} MB in every run`,
      met: peak <= scene.peakLimit,
      figures: `at most ${megabytes(peak)} MB`,
    });
  }
  return verdicts;
}

interface Comparison {
  readonly goal: string;
  readonly mine: number;
  readonly other: number;
  readonly name: string;
  readonly factor?: number;
}

/** One LIST for each 1,000 keys, the changed files, one more for each changed page, and two; judged run by run. */
function judgeRequests(scene: Scene): readonly Verdict[] {
  const { files, pages } = scene.changed;
  const runs = pick(scene, ours, 'changed').flatMap(({ requests, keys = 0 }) =>
    requests === undefined ? [] : [{ counts: requests, keys }],
  );
  if (runs.length === 0) return [];
  const within = runs.map(({ counts, keys }) => {
    const lists = Math.ceil(keys / 1000);
    const others = Object.entries(counts).reduce((sum, [kind, count]) => sum + (kind === 'LIST' ? 0 : count), 0);
    const allowed = files + pages + 2;
    return {
      met: (counts['LIST'] ?? 0) <= lists && (counts['HEAD'] ?? 0) === 0 && others <= allowed,
      allowed: `${lists} LIST, no HEAD and ${allowed} others`,
    };
  });
  return [
    {
      goal: '1 % changed: one LIST per 1,000 keys + changed PUTs + 2 + changed pages, no HEAD',
      met: within.every(({ met }) => met),
      figures: `${requestsText(runs.map(({ counts }) => counts))}; allowed ${[...new Set(within.map(({ allowed }) => allowed))].join(' or ')}`,
    },
  ];
}

const words = { true: 'met', false: '**not met**', undefined: 'not judged' };

export function verdictTable(verdicts: readonly (Verdict & { readonly where: string })[]): string {
  const rows = verdicts.map(({ where, goal, met, figures }) => [where, goal, words[`${met}`], figures]);
  const header = ['where', 'goal', 'verdict', 'Slipway'];
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
