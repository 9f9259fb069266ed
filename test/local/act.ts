import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gone } from './command.ts';
import { paths, repositoryRoot, workRoot } from './paths.ts';
import type { Log } from './progress.ts';

/** One line of `act --json`. */
export interface ActLine {
  readonly msg?: string;
  readonly level?: string;
  readonly job?: string;
  readonly jobID?: string;
  readonly jobResult?: string;
  readonly step?: string;
  readonly stepResult?: string;
  readonly stage?: string;
  readonly executionTime?: number;
  readonly raw_output?: boolean;
  readonly command?: string;
  readonly name?: string;
  readonly arg?: string;
  readonly content?: string;
}

export function parseActLine(text: string): ActLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

export interface ActStep {
  readonly job: string;
  readonly step: string;
  readonly result: string;
  readonly seconds: number;
}

export interface ActOutput {
  readonly job: string;
  readonly step: string;
  readonly name: string;
  readonly value: string;
}

/** What a run of act came to, gathered line by line. */
export interface ActRun {
  code: number;
  /** Result by job, in the order in which they ended. */
  readonly jobs: Map<string, string>;
  readonly steps: ActStep[];
  readonly outputs: ActOutput[];
  /** The job summaries' Markdown. */
  readonly summaries: string[];
  /** The last lines that a job's steps printed. */
  readonly tail: Map<string, string[]>;
  crashed: boolean;
}

export const emptyRun = (): ActRun => ({
  code: 0,
  jobs: new Map(),
  steps: [],
  outputs: [],
  summaries: [],
  tail: new Map(),
  crashed: false,
});

/** `Deploy to AWS/deploy/Backend  ` → `Backend`: what the reader needs to tell jobs apart. */
function jobName(line: ActLine): string {
  const words = (line.job ?? '').split('/').map((word) => word.trim());
  return words.at(-1) || line.jobID || '';
}

/** `actions/checkout@3d3c42e5…` → `actions/checkout`. */
const shortName = (step: string) => step.replace(/@[0-9a-f]{40}$/, '');

/** An output of a run, by the step's title; empty when there was none. */
export function outputOf(run: ActRun, step: string, name: string): string {
  return run.outputs.findLast((output) => output.step === step && output.name === name)?.value ?? '';
}

const kept = 60;

/** Adds a line to the run; returns what to show of it, if anything. */
export function follow(run: ActRun, line: ActLine): string | undefined {
  const job = jobName(line);
  const step = shortName(line.step ?? '');
  if (line.command === 'set-output' && line.name) {
    run.outputs.push({ job, step, name: line.name, value: line.arg ?? '' });
    return undefined;
  }
  if (line.command === 'summary' && line.content) {
    run.summaries.push(line.content);
    return undefined;
  }
  if (line.raw_output && line.msg) {
    const tail = run.tail.get(job) ?? [];
    tail.push(line.msg.replace(/\n$/, ''));
    if (tail.length > kept) tail.shift();
    run.tail.set(job, tail);
    return undefined;
  }
  if (line.jobResult) {
    run.jobs.set(job, line.jobResult);
    return line.jobResult === 'success' ? undefined : `${job}: ${line.jobResult}`;
  }
  if (line.stepResult && line.stage === 'Main') {
    const seconds = (line.executionTime ?? 0) / 1e9;
    run.steps.push({ job, step, result: line.stepResult, seconds });
    if (line.stepResult === 'skipped') return undefined;
    const mark = line.stepResult === 'success' ? '' : `  ${line.stepResult.toUpperCase()}`;
    return `${job} | ${step}  ${seconds.toFixed(1)} s${mark}`;
  }
  return undefined;
}

export interface ActOptions {
  readonly log: Log;
  readonly repository: string;
  readonly workflow: string;
  readonly event: 'push' | 'workflow_dispatch';
  readonly inputs?: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** `--local-repository …` */
  readonly repositories: readonly string[];
  readonly logFile: string;
  readonly signal: AbortSignal;
}

/** Has act run one workflow on this machine, without Docker of its own and without the network. */
export async function act(options: ActOptions): Promise<ActRun> {
  const first = await once(options);
  // act's table of local repositories is not guarded against jobs that start at the same moment. A rerun is harmless.
  return first.crashed && !options.signal.aborted ? once(options) : first;
}

async function once(options: ActOptions): Promise<ActRun> {
  const run = emptyRun();
  const { log, signal } = options;
  const home = join(workRoot, 'act-home');
  mkdirSync(home, { recursive: true });
  const event = join(home, `event-${options.event}.json`);
  writeFileSync(event, JSON.stringify({ inputs: options.inputs ?? {}, ref: 'refs/heads/main' }));
  // The jobs' workspaces are outside of this checkout, or Node would find its package.json and node_modules from there.
  const workspaces = mkdtempSync(join(tmpdir(), 'slipway-act-'));
  const settings = [
    ...Object.entries(options.variables).flatMap(([name, value]) => ['--var', `${name}=${value}`]),
    ...Object.entries(options.env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ];
  const child = spawn(
    join(paths.venvBin, 'act'),
    [
      options.event,
      ...['--workflows', options.workflow],
      ...['--eventpath', event],
      ...['--platform', 'ubuntu-latest=-self-hosted'],
      ...['--json', '--rm', '--no-cache-server'],
      ...['--defaultbranch', 'main'],
      ...['--action-cache-path', workspaces],
      ...options.repositories,
      ...settings,
    ],
    { cwd: options.repository, env: cleanEnvironment(home), stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  const file = createWriteStream(options.logFile, { flags: 'a' });
  const watch = quietWatch(log, run);
  const stop = () => void end(child);
  signal.addEventListener('abort', stop, { once: true });
  const read = (text: string) => {
    file.write(`${text}\n`);
    if (text.includes('fatal error: concurrent map')) run.crashed = true;
    const line = parseActLine(text);
    if (!line) return;
    const shown = follow(run, line);
    if (shown !== undefined) {
      watch.touch();
      log(`  ${shown}`);
    }
  };
  createInterface({ input: child.stdout }).on('line', read);
  createInterface({ input: child.stderr }).on('line', (text) => {
    run.tail.set('act', [...(run.tail.get('act') ?? []).slice(-kept), text]);
    read(text);
  });
  run.code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 1));
  });
  watch.end();
  signal.removeEventListener('abort', stop);
  await new Promise<void>((done) => file.end(done));
  rmSync(workspaces, { recursive: true, force: true });
  return run;
}

/** Long steps print nothing of their own here: say every 15 s what is going on. */
function quietWatch(log: Log, run: ActRun) {
  let last = performance.now();
  const timer = setInterval(() => {
    if (performance.now() - last < 15_000) return;
    last = performance.now();
    for (const [job, lines] of run.tail) {
      const words = lines.at(-1)?.trim();
      if (job !== 'act' && !run.jobs.has(job) && words) log(`  ${job} | … ${words.slice(0, 120)}`);
    }
  }, 1_000);
  return {
    touch: () => {
      last = performance.now();
    },
    end: () => clearInterval(timer),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  child.kill('SIGINT'); // act then stops its steps
  if (await gone(child.pid, 5_000)) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // gone by now
  }
}

/** act takes the first `node` of its PATH for every action, whatever `using` says: that has to be Node 24. */
function nodeFolder(): string {
  const folder = join(repositoryRoot, 'node_modules', 'node', 'bin');
  if (!existsSync(join(folder, 'node')))
    throw new Error('Node 24 is not in node_modules: npm ci, with install scripts');
  return folder;
}

/** act hands its whole environment to every step, so it gets only what a runner would have. */
function cleanEnvironment(home: string): NodeJS.ProcessEnv {
  const host = process.env;
  const certificates = 'NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE';
  const network = 'PIP_.*|UV_.*|(https?|no|all)_proxy|DOCKER_(HOST|CERT_PATH|TLS_VERIFY)';
  const passed = new RegExp(`^(${certificates}|${network}|LANG|TMPDIR)$`, 'i');
  return {
    ...Object.fromEntries(Object.entries(host).filter(([name]) => passed.test(name))),
    HOME: home,
    XDG_CACHE_HOME: join(home, '.cache'),
    PATH: `${nodeFolder()}:${host['PATH'] ?? ''}`,
    // npm: the machine's own configuration, a cache that outlives the run.
    npm_config_userconfig: host['npm_config_userconfig'] ?? join(homedir(), '.npmrc'),
    npm_config_cache: join(workRoot, 'npm-cache'),
    npm_config_prefer_offline: 'true',
    npm_config_update_notifier: 'false',
    npm_config_fund: 'false',
    npm_config_audit: 'false',
  };
}
