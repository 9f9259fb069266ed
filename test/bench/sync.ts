import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { forEachConcurrently } from '../../shared/core/pool.ts';
import { sleep } from '../local/command.ts';
import { workRoot } from '../local/paths.ts';
import {
  byKind,
  judge,
  scenarios,
  table,
  verdictTable,
  type Row,
  type Sample,
  type Scenario,
  type Scene,
} from './sync-report.ts';
import { measureBig } from './sync-big.ts';
import {
  minio,
  removeStale,
  serverNames,
  stopEverything,
  stub,
  warmUp,
  type Server,
  type ServerName,
} from './sync-servers.ts';
import { isHtml, prepareSite, siteNames, touchAll, writeVersion, type Site, type SiteName } from './sync-site.ts';
import { lastLine, minioProgram, prepareTools, toolNames, type SyncTool, type ToolName } from './sync-tools.ts';

const benchRoot = join(workRoot, 'bench');
const runs = Number(process.env['SLIPWAY_BENCH_RUNS'] ?? 5);
/** Seconds that one run of a tool may take. */
const limitSeconds = 180;

/** What may be named after `npm run bench sync`: sites, servers, scenarios and tools (of what is not named, all), or `big`, one large file. */
export const syncWords: readonly string[] = [...siteNames, ...serverNames, ...scenarios, ...toolNames, 'big'];

interface Choice {
  readonly scenes: readonly { readonly server: ServerName; readonly site: SiteName }[];
  readonly scenarios: readonly Scenario[];
  readonly tools: readonly ToolName[];
  /** One file of 5 GB as well. */
  readonly big: boolean;
}

function choose(words: readonly string[]): Choice {
  const named = <T extends string>(all: readonly T[]) => {
    const some = all.filter((one) => words.includes(one));
    return some.length > 0 ? some : undefined;
  };
  const sites = named(siteNames);
  const servers = named(serverNames);
  const onlyBig = syncWords.every((word) => words.includes(word) === (word === 'big'));
  const asked = onlyBig ? [] : (servers ?? serverNames);
  return {
    scenes: asked
      .flatMap((server) => (sites ?? siteNames).map((site) => ({ server, site })))
      // Latency is all the same whatever the size, and this one takes longest.
      .filter(({ server, site }) => servers !== undefined || server !== 'stub25' || site === 'small'),
    scenarios: named(scenarios) ?? scenarios,
    tools: named(toolNames) ?? toolNames,
    big: words.includes('big') || !syncWords.some((word) => words.includes(word)),
  };
}

/** How often a tool is measured; the slow ones once. */
function repetitions(tool: ToolName, site: SiteName, scenario: Scenario): number {
  if (tool === 'raw') return scenario === 'cold' ? runs : 0;
  if (tool === 'aws') return site === 'small' ? 1 : 0;
  // Of 20,000 files it sends all every time, at half a minute of CPU.
  return tool === 's5cmd' && site === 'large' ? 1 : runs;
}

/**
 * sync-frontend beside other tools on two sites and three servers, all on this machine: real processes, each tool with a bucket of its
 * own, all tools in turns within each repetition, medians. Tools are built or installed into `.local/bench/` at fixed versions, or
 * taken from the folder `SLIPWAY_BENCH_TOOLS`; one that cannot be had is skipped, with the reason. `SLIPWAY_BENCH_RUNS`: repetitions (5).
 * `SLIPWAY_BENCH_DIST`: a bundle to try. Prints Markdown; nothing is asserted.
 */
export async function sync(words: readonly string[]): Promise<void> {
  const cancel = (signal: NodeJS.Signals) => {
    console.error(`${signal}: stopping`);
    void stopEverything().finally(() => process.exit(130));
  };
  process.on('SIGINT', cancel).on('SIGTERM', cancel);
  try {
    await measureAll(choose(words));
  } finally {
    await stopEverything();
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
  }
}

async function measureAll(choice: Choice): Promise<void> {
  removeStale();
  const prepared = await prepareTools(choice.tools);
  const tools = prepared.filter((tool) => 'sync' in tool);
  const servers = await prepareServers(choice);
  for (const one of [...prepared, ...servers.values()]) {
    if ('skipped' in one) console.log(`  ${one.title} skipped: ${one.skipped}`);
  }
  const sites = join(benchRoot, 'sites');
  mkdirSync(sites, { recursive: true });
  const scenes: Scene[] = [];
  const begun = performance.now();
  for (const { server, site } of choice.scenes) {
    const maker = servers.get(server);
    if (maker === undefined || 'skipped' in maker) continue;
    const scene = await measureScene({ choice, tools, maker, siteName: site, site: await prepareSite(site, sites) });
    scenes.push(scene);
    console.log(`\n${table(scene)}\n\n${verdictTable(judge(scene).map((verdict) => ({ ...verdict, where: '' })))}`);
  }
  const own = tools.find(({ name }) => name === 'slipway');
  if (choice.big && own !== undefined) console.log(`\n${await measureBig(own)}`);
  if (scenes.length === 0) return;
  console.log(`\n${closing(scenes, tools, (performance.now() - begun) / 60_000)}`);
  writeFileSync(join(benchRoot, 'sync-results.json'), JSON.stringify(scenes, undefined, 1));
}

interface ServerMaker {
  readonly title: string;
  readonly start: () => Promise<Server>;
}
type ServerChoice = ServerMaker | { readonly title: string; readonly skipped: string };

async function prepareServers({ scenes }: Choice): Promise<ReadonlyMap<ServerName, ServerChoice>> {
  const found = new Map<ServerName, ServerChoice>();
  for (const name of new Set(scenes.map(({ server }) => server))) {
    if (name !== 'minio') {
      const latencyMs = Number(name.slice('stub'.length));
      found.set(name, { title: `in-memory stub, ${latencyMs} ms added`, start: () => stub({ latencyMs }) });
      continue;
    }
    try {
      const { binary, version } = await minioProgram();
      found.set(name, { title: `MinIO of ${version}`, start: () => minio(binary) });
    } catch (error) {
      found.set(name, { title: 'MinIO', skipped: lastLine(error) });
    }
  }
  return found;
}

interface Work {
  readonly choice: Choice;
  readonly tools: readonly SyncTool[];
  readonly maker: ServerMaker;
  readonly siteName: SiteName;
  readonly site: Site;
}

async function measureScene(work: Work): Promise<Scene> {
  const { choice, tools, maker, siteName, site } = work;
  const bench = new Bench(work);
  try {
    await bench.cold();
    if (choice.scenarios.includes('unchanged')) await bench.unchanged();
    if (choice.scenarios.includes('changed')) await bench.changed();
  } finally {
    await bench.stop();
  }
  const rows = tools.map(({ name, title, version }): Row => {
    return { tool: name, title, version, remark: bench.remarks.get(name) };
  });
  const MB = (site.bytes / 1e6).toFixed(0);
  return {
    server: maker.title,
    site: `${site.name}: ${site.files.length.toLocaleString('en')} files, ${MB} MB`,
    runs,
    rows: rows.filter(
      ({ tool, remark }) => remark !== undefined || bench.samples.some((sample) => sample.tool === tool),
    ),
    samples: bench.samples.filter(({ scenario }) => choice.scenarios.includes(scenario)),
    changed: { files: site.changing.length, pages: site.changing.filter(({ path }) => isHtml(path)).length },
    unchangedLimit: siteName === 'small' ? 0.5 : undefined,
    peakLimit: siteName === 'large' ? 200e6 : undefined,
  };
}

class Bench {
  readonly samples: Sample[] = [];
  /** What is wrong with a tool; it is not started again. */
  readonly remarks = new Map<ToolName, string>();
  readonly #work: Work;
  #server: Server | undefined;
  #version = 0;

  constructor(work: Work) {
    this.#work = work;
  }

  /** Every repetition starts with an empty server. What the last one sent is what the other scenarios find. */
  async cold(): Promise<void> {
    const { choice, maker } = this.#work;
    const times = choice.scenarios.includes('cold') ? runs : 1;
    for (let repetition = 0; repetition < times; repetition += 1) {
      await this.stop();
      this.#server = await maker.start();
      await warmUp(this.#server);
      await touchAll(this.#work.site);
      const isLast = repetition === times - 1;
      // A tool that is measured once has to fill its bucket in the last repetition.
      await this.#turn('cold', repetition, (tool) => {
        const own = repetitions(tool.name, this.#work.siteName, 'cold');
        return own > 1 ? repetition < own || isLast : own === 1 && isLast;
      });
      if (isLast) await this.#verify();
    }
  }

  async unchanged(): Promise<void> {
    for (let repetition = 0; repetition < runs; repetition += 1) {
      await touchAll(this.#work.site);
      await this.#turn('unchanged', repetition);
    }
  }

  async changed(): Promise<void> {
    for (let repetition = 0; repetition < runs; repetition += 1) {
      this.#version += 1;
      await writeVersion(this.#work.site, this.#version);
      await touchAll(this.#work.site);
      await this.#turn('changed', repetition);
      if (repetition === 0) await this.#verify();
    }
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  /** Each tool once, another one first every time. */
  async #turn(scenario: Scenario, repetition: number, isDue?: (tool: SyncTool) => boolean): Promise<void> {
    const { tools, siteName, site } = this.#work;
    const due = isDue ?? ((tool: SyncTool) => repetition < repetitions(tool.name, siteName, scenario));
    const first = repetition % tools.length;
    for (const tool of [...tools.slice(first), ...tools.slice(0, first)]) {
      if (!due(tool) || this.remarks.has(tool.name)) continue;
      try {
        await this.#measure(tool, scenario, repetition);
      } catch (error) {
        this.remarks.set(tool.name, `${scenario}: ${lastLine(error)}`);
        console.log(
          `  ${site.name}, ${tool.title}, ${scenario}: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }

  async #measure(tool: SyncTool, scenario: Scenario, repetition: number): Promise<void> {
    const server = this.#server!;
    const { site } = this.#work;
    const bucket = bucketOf(tool);
    if (scenario === 'cold') {
      await server.createBucket(bucket);
      if (tool.name === 'raw') await server.openBucket(bucket);
    }
    const keys = scenario === 'changed' && tool.name === 'slipway' ? (await server.list(bucket)).size : undefined;
    await server.takeCounts();
    await sleep(100);
    const id = `${site.name} ${scenario} ${repetition}`;
    const cost = await tool.sync({ endpoint: server.endpoint, bucket, folder: site.root, id, limitSeconds });
    const counts = await server.takeCounts();
    this.samples.push({
      tool: tool.name,
      scenario,
      wall: cost.wall,
      cpu: cost.cpu,
      peak: cost.peak,
      requests: counts === undefined ? undefined : byKind(counts),
      keys,
    });
  }

  /** A tool that is fast because it leaves something out is no peer. */
  async #verify(): Promise<void> {
    const { site, tools } = this.#work;
    const hashes = new Map<string, string>();
    await forEachConcurrently(site.files, { limit: 8 }, async ({ path }) => {
      hashes.set(
        path,
        createHash('md5')
          .update(await readFile(join(site.root, path)))
          .digest('hex'),
      );
    });
    for (const tool of tools) {
      const isIn = this.samples.some((sample) => sample.tool === tool.name) && !this.remarks.has(tool.name);
      if (!isIn || (tool.name === 'raw' && this.#version > 0)) continue;
      const listed = await this.#server!.list(bucketOf(tool));
      const wrong = site.files.filter(({ path, size }) => {
        const object = listed.get(path);
        // An object that was sent in parts has an ETag of its own.
        return object?.size !== size || (!object.etag.includes('-') && object.etag !== hashes.get(path));
      });
      if (wrong.length > 0)
        this.remarks.set(tool.name, `${wrong.length} files are not in the bucket as they should be`);
    }
  }
}

const bucketOf = ({ name }: SyncTool) => `site-of-${name}`;

function closing(scenes: readonly Scene[], tools: readonly SyncTool[], minutes: number): string {
  const commands = tools.map(({ title, version, command }) => `- ${title} ${version}: \`${command}\``);
  const verdicts = scenes.flatMap((scene) =>
    judge(scene).map((verdict) => ({ ...verdict, where: `${scene.site.split(':')[0] ?? ''}, ${scene.server}` })),
  );
  const open = verdicts.filter(({ met }) => met === undefined).length;
  const met = verdicts.filter((verdict) => verdict.met === true).length;
  return [
    `### Goals: ${met} of ${verdicts.length - open} met${open === 0 ? '' : `, ${open} not judged`}`,
    verdictTable(verdicts),
    commands.join('\n'),
    'Cells: wall s / CPU s (user + system, the client alone) / peak resident MB; medians, tools in turns within each repetition. ' +
      `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model ?? ''}), client and server on the same host, ` +
      `${runs} repetitions, ${minutes.toFixed(0)} min, load at the end ${loadavg()[0]?.toFixed(1) ?? ''}. Again: \`npm run bench sync\`.`,
  ].join('\n\n');
}
