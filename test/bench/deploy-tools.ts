import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, run, type CommandResult } from '../local/command.ts';
import { workRoot } from '../local/paths.ts';
import { root } from '../tools/actions.ts';

/** What a tool is to deploy, and where. */
export interface Assignment {
  /** The server that plays AWS for this run alone. */
  readonly endpoint: string;
  /** Those of our own action, which the other tools' are made of. */
  readonly inputs: Readonly<Record<string, string>>;
  /** What runs now, as RegisterTaskDefinition takes it. */
  readonly running: { readonly family: string; readonly containerDefinitions: readonly object[] };
  /** How long it may take in all; then it is killed. */
  readonly limitMs: number;
}

export interface ToolRun {
  /** Undefined: it had not ended within the limit. */
  readonly exitCode: number | undefined;
  readonly output: string;
  /** Our own action's output. */
  readonly outcome?: string | undefined;
}

export interface Tool {
  readonly name: string;
  readonly version: string;
  readonly deploy: (assignment: Assignment) => Promise<ToolRun>;
}

export interface Skipped {
  readonly name: string;
  readonly skipped: string;
}

const region = 'us-east-1';

/** Nothing of this machine's AWS settings: the scripted server or nothing. */
function environment(endpoint: string, home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: join(home, 'none'),
    AWS_SHARED_CREDENTIALS_FILE: join(home, 'none'),
    AWS_PAGER: '',
    NO_PROXY: '*',
  };
}

/** A folder of its own for each run, gone afterwards. */
async function inScratch<T>(work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  try {
    return await work(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const ended = ({ code, stdout, stderr }: CommandResult, expired: boolean): ToolRun => ({
  exitCode: expired ? undefined : code,
  output: stdout + stderr,
});

/** What the other tools are given: they take whole task definitions, and names. */
function wanted({ inputs, running }: Assignment) {
  const [first, ...others] = running.containerDefinitions;
  const image = inputs['image'];
  return {
    cluster: inputs['cluster'] ?? '',
    service: inputs['service'] ?? '',
    again: inputs['force-new-deployment'] === 'true',
    definition: image === undefined ? running : { ...running, containerDefinitions: [{ ...first, image }, ...others] },
  };
}

/** Runs the entry file of a JavaScript action as the runner does. */
async function runAction(
  main: string,
  inputs: Readonly<Record<string, string>>,
  { endpoint, limitMs, scratch }: Pick<Assignment, 'endpoint' | 'limitMs'> & { readonly scratch: string },
): Promise<ToolRun> {
  const files = ['GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY', 'GITHUB_STATE', 'GITHUB_ENV'];
  for (const file of files) writeFileSync(join(scratch, file), '');
  const started = performance.now();
  const result = await run(process.execPath, [main], {
    cwd: scratch,
    timeout: limitMs,
    env: {
      ...environment(endpoint, scratch),
      RUNNER_TEMP: scratch,
      GITHUB_WORKSPACE: scratch,
      GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567',
      GITHUB_REPOSITORY: 'your-org/analytics-studio',
      GITHUB_RUN_ID: '1',
      GITHUB_RUN_ATTEMPT: '1',
      ...Object.fromEntries(files.map((file) => [file, join(scratch, file)])),
      ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
    },
  });
  const outcome = /^outcome<<(\S+)\n(.*)\n\1$/m.exec(readFileSync(join(scratch, 'GITHUB_OUTPUT'), 'utf8'))?.[2];
  return { ...ended(result, performance.now() - started >= limitMs), outcome };
}

/** The committed bundle; `SLIPWAY_BENCH_DIST` names another folder, to try one before it is committed. */
export function slipway(): Promise<Tool> {
  const main = join(process.env['SLIPWAY_BENCH_DIST'] ?? join(root, 'actions/deploy-ecs/dist'), 'index.js');
  const deploy = (assignment: Assignment) =>
    inScratch((scratch) => runAction(main, assignment.inputs, { ...assignment, scratch }));
  const version = createHash('sha256').update(readFileSync(main)).digest('hex').slice(0, 8);
  return Promise.resolve({ name: 'slipway', version: `deploy-ecs, bundle ${version}`, deploy });
}

const cliVersion = '1.46.3';

/** `register-task-definition`, `update-service`, `wait services-stable` of the AWS CLI, from a Python environment of its own. */
export async function awsCli(): Promise<Tool | Skipped> {
  const name = 'aws ecs wait';
  const venv = join(workRoot, `aws-cli-${cliVersion}`);
  const aws = join(venv, 'bin', 'aws');
  try {
    mkdirSync(workRoot, { recursive: true });
    if (!existsSync(aws)) {
      await must('python3', ['-m', 'venv', venv], { timeout: 60_000 });
      const pip = ['install', '--quiet', '--disable-pip-version-check', `awscli==${cliVersion}`];
      await must(join(venv, 'bin', 'pip'), pip, { timeout: 180_000 });
    }
    const version = (await must(aws, ['--version'])).trim().split(' ')[0] ?? '';
    return { name, version, deploy: (assignment) => inScratch((scratch) => deployByCli(aws, assignment, scratch)) };
  } catch (error) {
    return { name, skipped: `no AWS CLI by pip: ${firstLine(error)}` };
  }
}

async function deployByCli(aws: string, assignment: Assignment, scratch: string): Promise<ToolRun> {
  const { endpoint, limitMs } = assignment;
  const { cluster, service, again, definition } = wanted(assignment);
  const deadline = performance.now() + limitMs;
  const file = join(scratch, 'task-definition.json');
  writeFileSync(file, JSON.stringify(definition));
  let output = '';
  const call = async (...args: readonly string[]) => {
    const left = deadline - performance.now();
    const env = environment(endpoint, scratch);
    const result = await run(aws, ['ecs', ...args, '--output', 'text'], { cwd: scratch, env, timeout: left });
    output += result.stdout + result.stderr;
    return ended(result, performance.now() >= deadline);
  };
  const of = ['--cluster', cluster];
  // The family alone is its newest revision: the one just registered, or what runs.
  const what = ['--service', service, '--task-definition', definition.family];
  const update = ['update-service', ...of, ...what, '--query', 'service.status'];
  const steps: readonly (readonly string[])[] = again
    ? [[...update, '--force-new-deployment']]
    : [['register-task-definition', '--cli-input-json', `file://${file}`, '--query', 'taskDefinition.status'], update];
  for (const step of [...steps, ['wait', 'services-stable', ...of, '--services', service]]) {
    const { exitCode } = await call(...step);
    if (exitCode !== 0) return { exitCode, output };
  }
  return { exitCode: 0, output };
}

const official = {
  repository: 'https://github.com/aws-actions/amazon-ecs-deploy-task-definition.git',
  version: 'v2.6.3',
  commit: 'c465972ecbd160473f22e683363b422a5412a3de',
};

/** AWS's own deploy action: its folder (with `dist/`) in `OFFICIAL_DEPLOY_ACTION`, else fetched from GitHub at a fixed commit. */
export async function officialAction(): Promise<Tool | Skipped> {
  const name = 'official action';
  const given = process.env['OFFICIAL_DEPLOY_ACTION'];
  const folder = given ?? join(workRoot, `amazon-ecs-deploy-task-definition-${official.version}`);
  const main = join(folder, 'dist', 'index.js');
  if (given === undefined && !existsSync(main)) {
    try {
      await fetchOfficial(folder);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      return { name, skipped: `OFFICIAL_DEPLOY_ACTION is not set, and GitHub was not reached: ${firstLine(error)}` };
    }
  }
  if (!existsSync(main)) return { name, skipped: `OFFICIAL_DEPLOY_ACTION: there is no ${main}` };
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const deploy = (assignment: Assignment) =>
    inScratch((scratch) => {
      const { cluster, service, again, definition } = wanted(assignment);
      writeFileSync(join(scratch, 'task-definition.json'), JSON.stringify(definition));
      const inputs = {
        'task-definition': 'task-definition.json',
        cluster,
        service,
        'wait-for-service-stability': 'true',
        'wait-for-minutes': assignment.inputs['wait-timeout-minutes'] ?? '',
        'force-new-deployment': String(again),
      };
      return runAction(main, inputs, { ...assignment, scratch });
    });
  return { name, version: `amazon-ecs-deploy-task-definition ${version}`, deploy };
}

async function fetchOfficial(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const env = { ...process.env, GIT_TERMINAL_PROMPT: '0' };
  const git = (...args: readonly string[]) => must('git', args, { cwd: folder, env, timeout: 60_000 });
  await git('init', '--quiet');
  await git('fetch', '--quiet', '--depth', '1', official.repository, official.commit);
  await git('checkout', '--quiet', 'FETCH_HEAD');
}

function firstLine(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n').filter((line) => line !== '');
  return lines.slice(0, 2).join(' ');
}
