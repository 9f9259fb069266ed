import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { contextFiles } from '../../actions/build-push-image/src/context-files.ts';
import { ignoreRules } from '../../actions/build-push-image/src/dockerignore.ts';
import { buildTools, buildxConfig, startBuildkitd, type BuildTools } from '../kit/buildkit.ts';
import { ScriptedRegistry } from '../kit/scripted-registry.ts';
import { must } from '../local/command.ts';
import { prepareDocker } from '../local/docker.ts';
import { prepareImages } from '../local/images.ts';
import {
  buildxCached,
  login,
  measure,
  plainDocker,
  slipway,
  type Bed,
  type BuildTool,
  type Cost,
} from './build-tools.ts';
import { dropScratch, newScratch } from './sync-servers.ts';
import { seeded } from './sync-site.ts';

export const buildWords: readonly string[] = ['small', 'big', 'hashing'];

const base = 'python:3.11-slim';
const scenarios = ['cold', 'one line changed', 'unchanged, new commit'] as const;
type Scenario = (typeof scenarios)[number];

interface Case {
  readonly name: string;
  readonly title: string;
  /** Even numbers: whoever comes first finds less in the machine's caches, so the order is turned around every time. */
  readonly runs: Readonly<Record<Scenario, number>>;
  /** Files beside the application's own. */
  readonly ballast: { readonly files: number; readonly bytes: number };
}

const cases: readonly Case[] = [
  {
    name: 'small',
    title: 'an API of 20 files on python:3.11-slim, with 20 MB of installed packages',
    runs: { cold: 4, 'one line changed': 6, 'unchanged, new commit': 6 },
    ballast: { files: 0, bytes: 0 },
  },
  {
    name: 'big',
    title: 'the same with a context of 20,000 files, 1 GB',
    runs: { cold: 2, 'one line changed': 2, 'unchanged, new commit': 4 },
    ballast: { files: 20_000, bytes: 1_000_000_000 },
  },
];

type Figures = ReadonlyMap<BuildTool, Readonly<Record<Scenario, readonly Cost[]>>>;

/**
 * The same source delivered by us and by what a user would run instead, into one registry on loopback that counts. All tools take turns.
 * About three minutes for the small image, and fifteen for the big one, which takes up to 40 GB of disk meanwhile. `hashing` alone takes one, and no docker.
 */
export async function build(words: readonly string[]): Promise<void> {
  const wanted = buildWords.filter((word) => words.includes(word));
  if (wanted.join() === 'hashing') return hashingAlone();
  await prepareDocker(console.log);
  await prepareImages(console.log);
  const tools = await buildTools();
  const registry = await ScriptedRegistry.start();
  const scratch = newScratch();
  const bed: Bed = { registry, scratch };
  try {
    await offerBase(bed);
    console.log(`build: Node ${process.versions.node}, load ${load()}`);
    for (const one of cases) {
      if (wanted.length > 0 && !wanted.includes(one.name)) continue;
      if ('skipped' in tools) console.log(`  docker buildx: left out: ${tools.skipped}`);
      const figures = await withTools('skipped' in tools ? undefined : tools, bed, (list) => compare(one, list, bed));
      console.log(`\n${one.title}; medians\n${table(figures)}\n`);
      if (one.name === 'big') console.log(await hashing(join(scratch, 'big')));
    }
    console.log(`  load at the end ${load()}`);
  } finally {
    await registry.stop();
    dropScratch(scratch);
  }
}

async function withTools<T>(
  tools: BuildTools | undefined,
  bed: Bed,
  work: (list: readonly BuildTool[]) => Promise<T>,
): Promise<T> {
  const plain = [slipway('slipway, plain docker', bed), plainDocker('docker build + push', bed)];
  if (tools === undefined) return work(plain);
  const buildkitd = await startBuildkitd(tools, { insecure: [bed.registry.host] });
  const config = await buildxConfig(tools, buildkitd);
  try {
    const withBuildx: Bed = { ...bed, buildx: config.env };
    return await work([
      ...plain,
      slipway('slipway, buildx', withBuildx),
      buildxCached('docker buildx, registry cache', withBuildx),
    ]);
  } finally {
    config.remove();
    await buildkitd.stop();
  }
}

/** The base image lies in the same registry, so that BuildKit and docker have it from one place. */
async function offerBase(bed: Bed): Promise<void> {
  const name = `${bed.registry.host}/base/${base}`;
  bed.registry.store.create('base/python', {}, Date.now());
  const env = { PATH: process.env['PATH'] ?? '', HOME: bed.scratch };
  await login(bed, env);
  await must('docker', ['tag', base, name], { env });
  await must('docker', ['push', name], { env });
}

/** Every tool has a repository and a source of its own for each cold start: nothing that another left helps it. */
async function compare(one: Case, tools: readonly BuildTool[], bed: Bed): Promise<Figures> {
  const context = join(bed.scratch, one.name);
  writeContext(context, one, bed.registry.host);
  const figures = new Map(
    tools.map((tool) => [
      tool,
      { cold: [] as Cost[], 'one line changed': [] as Cost[], 'unchanged, new commit': [] as Cost[] },
    ]),
  );
  let commits = 0;
  const nextCommit = (): string => (commits += 1).toString(16).padStart(40, '0');
  const repositoryOf = (index: number, round: number): string => `${one.name}-${index}-${round}`;
  for (const scenario of scenarios) {
    for (let round = 0; round < one.runs[scenario]; round += 1) {
      const turns = [...tools.entries()];
      for (const [index, tool] of round % 2 === 0 ? turns : turns.reverse()) {
        const isCold = scenario === 'cold';
        const repository = repositoryOf(index, isCold ? round : 0);
        if (isCold) {
          bed.registry.store.create(repository, {}, Date.now());
          writeFileSync(join(context, 'requirements.txt'), `# ${index} ${round}\n`);
        } else writeFileSync(join(context, 'requirements.txt'), `# ${index} 0\n`);
        const edits =
          scenario === 'one line changed' ? round + 1 : scenario === 'cold' ? 0 : one.runs['one line changed'];
        writeFileSync(join(context, 'app/main.py'), `edits = ${edits}\n`);
        const cost = await measure(tool, { context, repository, commit: nextCommit() }, bed.registry);
        figures.get(tool)?.[scenario].push(cost);
        console.log(`  ${one.name}, ${scenario}: ${tool.title}: ${cost.wall.toFixed(2)} s`);
      }
    }
  }
  return figures;
}

function writeContext(folder: string, { ballast }: Case, host: string): void {
  const random = seeded(7);
  mkdirSync(join(folder, 'app'), { recursive: true });
  writeFileSync(
    join(folder, 'Dockerfile'),
    [
      `FROM ${host}/base/${base}`,
      'WORKDIR /srv',
      'COPY requirements.txt .',
      // Stands for `pip install`: bytes that do not compress, the same every time.
      `RUN python3 -c "import random; open('packages', 'wb').write(random.Random(1).randbytes(20_000_000))"`,
      'COPY . .',
      'CMD ["python3", "app/main.py"]',
      '',
    ].join('\n'),
  );
  for (let index = 0; index < 18; index += 1) writeFileSync(join(folder, `app/module${index}.py`), `x = ${index}\n`);
  const each = ballast.files === 0 ? 0 : Math.floor(ballast.bytes / ballast.files);
  const bytes = Buffer.alloc(each);
  for (let index = 0; index < ballast.files; index += 1) {
    const directory = join(folder, 'assets', String(index % 100));
    if (index < 100) mkdirSync(directory, { recursive: true });
    // One random start each: no two files, and no two blocks, are the same to a compressor.
    for (let at = 0; at + 4 <= each; at += 4) bytes.writeUInt32LE(Math.floor(random() * 0xffffffff), at);
    writeFileSync(join(directory, `${index}.bin`), bytes);
  }
}

function table(figures: Figures): string {
  const rows: (readonly string[])[] = [['', 'wall', '÷ ours', 'pushed', 'ECR calls', 'goal']];
  const tools = [...figures.keys()];
  for (const scenario of scenarios) {
    rows.push([scenario, '', '', '', '', '']);
    for (const [index, tool] of tools.entries()) {
      const costs = figures.get(tool)?.[scenario] ?? [];
      const isOurs = index % 2 === 0;
      const pair = tools[isOurs ? index : index - 1];
      const ours = middle((pair === undefined ? undefined : figures.get(pair)?.[scenario]) ?? []);
      const theirs = tools[index + 1];
      const their = isOurs && theirs !== undefined ? middle(figures.get(theirs)?.[scenario] ?? []) : undefined;
      const cost = middle(costs);
      rows.push([
        `  ${tool.title}`,
        `${cost.wall.toFixed(2)} s`,
        `${(cost.wall / ours.wall).toFixed(2)}×`,
        `${(cost.bytes / 1e6).toFixed(2)} MB`,
        String(cost.ecrCalls),
        their === undefined ? '' : verdict(scenario, cost, their),
      ]);
    }
  }
  return aligned(rows);
}

/** Unchanged: at most 1.5 s and nothing sent. Else: at most 3 %, or half a second, more than docker alone takes. */
function verdict(scenario: Scenario, ours: Cost, theirs: Cost): string {
  if (scenario === 'unchanged, new commit') {
    return `${ours.wall <= 1.5 && ours.bytes === 0 ? 'met' : 'MISSED'}: ≤ 1.5 s, 0 bytes, ≤ 4 calls`;
  }
  const most = Math.max(theirs.wall * 1.03, theirs.wall + 0.5);
  return `${ours.wall <= most ? 'met' : 'MISSED'}: ≤ ${most.toFixed(2)} s`;
}

async function hashingAlone(): Promise<void> {
  const scratch = newScratch();
  try {
    for (const one of cases) if (one.name === 'big') writeContext(join(scratch, one.name), one, 'localhost');
    console.log(await hashing(join(scratch, 'big')));
  } finally {
    dropScratch(scratch);
  }
}

/** Beside what a shell does with the same files and all processors, and without telling modes, links and empty directories. */
async function hashing(context: string): Promise<string> {
  const sums = `find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -n 500 -P ${availableParallelism()} sha256sum > /dev/null`;
  const ours: number[] = [];
  const shells: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    let started = performance.now();
    const { bytes } = await contextFiles.digestTree(context, ignoreRules());
    const took = performance.now() - started;
    started = performance.now();
    await must('sh', ['-c', sums], { cwd: context });
    // The first of each warms the cache.
    if (round === 0) continue;
    ours.push(bytes / 1e6 / took);
    shells.push(bytes / 1e6 / (performance.now() - started));
  }
  const [rate, shell] = [median(ours), median(shells)];
  return [
    `hashing the context, listing included, warm, ${availableParallelism()} processors:`,
    `  slipway                      ${rate.toFixed(2)} GB/s  1.00×  ${rate >= 1 ? 'met' : 'MISSED'}: ≥ 1 GB/s`,
    `  find | xargs -P sha256sum    ${shell.toFixed(2)} GB/s  ${(shell / rate).toFixed(2)}×`,
  ].join('\n');
}

function middle(costs: readonly Cost[]): Cost {
  const wall = median(costs.map((cost) => cost.wall));
  return {
    wall,
    bytes: median(costs.map(({ bytes }) => bytes)),
    ecrCalls: Math.max(...costs.map(({ ecrCalls }) => ecrCalls)),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? NaN) + (sorted[Math.floor(half)] ?? NaN)) / 2;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

function load(): string {
  return loadavg()
    .slice(0, 2)
    .map((value) => value.toFixed(1))
    .join(' ');
}
