import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CloudFormationClient,
  DescribeStacksCommand,
  paginateDescribeStackEvents,
  type StackEvent,
} from '@aws-sdk/client-cloudformation';
import { parseInputs } from '../../actions/provision-env/src/inputs.ts';
import { stackNeeds, stackSpecs, type StackSpec } from '../../actions/provision-env/src/stacks.ts';
import { readTemplates } from '../../actions/provision-env/src/templates.ts';
import { runContext } from '../../shared/action/context.ts';
import { InputReader } from '../../shared/action/input-reader.ts';
import { must } from '../local/command.ts';
import { workRoot } from '../local/paths.ts';
import { root } from '../tools/actions.ts';
import { dropScratch, newScratch, start } from './sync-servers.ts';

export const region = 'us-east-1';

/** The tier with everything, on CloudFront's own name: four stacks' worth, and no question to the public DNS. */
const inputs: Readonly<Record<string, string>> = {
  app: 'analytics-studio',
  environment: 'production',
  tier: 'production-medium',
};

/** One process's cost; `wall` and `cpu` in seconds, `peak` in bytes, `ended` in seconds since the epoch. */
export interface Cost {
  readonly ended: number;
  readonly wall: number;
  readonly cpu: number;
  readonly peak: number;
}

/** Where a run happens: an account of its own on the emulator. */
export interface Place {
  readonly endpoint: string;
  readonly account: string;
}

/** Nothing of this machine's AWS settings: the emulator or nothing. */
function environment({ endpoint, account }: Place, scratch: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: scratch,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: account,
    AWS_SECRET_ACCESS_KEY: 'bench',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: join(scratch, 'none'),
    AWS_SHARED_CREDENTIALS_FILE: join(scratch, 'none'),
    AWS_PAGER: '',
    NO_PROXY: '*',
  };
}

/** Runs a program to its end in a folder of its own; throws when it fails, with its last words. */
async function measured(
  args: readonly string[],
  place: Place,
  more: (scratch: string) => NodeJS.ProcessEnv = () => ({}),
): Promise<Cost> {
  const scratch = newScratch();
  try {
    const log = join(scratch, 'log');
    const env = { ...environment(place, scratch), ...more(scratch) };
    const child = start({ args, cwd: scratch, env, limit: 600, log });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
    const ended = Date.now() / 1_000;
    const { code, ...cost } = JSON.parse(output) as Cost & { readonly code: number | null };
    if (code === 0) return { ...cost, ended };
    const words = readFileSync(log, 'utf8').trim().split('\n').slice(-12).join('\n');
    throw new Error(`${args.slice(0, 4).join(' ')} … ended with ${code}:\n${words}`);
  } finally {
    dropScratch(scratch);
  }
}

/** The committed bundle; `SLIPWAY_BENCH_DIST` names another `dist` folder, beside which `templates` stands. */
export const dist = process.env['SLIPWAY_BENCH_DIST'] ?? join(root, 'actions/provision-env/dist');
export const bundleVersion = (): string =>
  createHash('sha256')
    .update(readFileSync(join(dist, 'index.js')))
    .digest('hex')
    .slice(0, 8);

/** The action as the runner starts it. */
export function slipway(place: Place, mode: 'apply' | 'plan' = 'apply'): Promise<Cost> {
  return measured([process.execPath, join(dist, 'index.js')], place, (scratch) => {
    const files = ['GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY', 'GITHUB_STATE', 'GITHUB_ENV'];
    for (const file of files) writeFileSync(join(scratch, file), '');
    return {
      RUNNER_TEMP: scratch,
      GITHUB_WORKSPACE: scratch,
      GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567',
      GITHUB_REPOSITORY: 'your-org/analytics-studio',
      GITHUB_RUN_ID: '1',
      GITHUB_RUN_ATTEMPT: '1',
      ...Object.fromEntries(files.map((file) => [file, join(scratch, file)])),
      ...Object.fromEntries(
        Object.entries({ ...inputs, mode }).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
      ),
    };
  });
}

/** The same stacks as the action makes: their templates, and where each parameter comes from. */
export function specs(): readonly StackSpec[] {
  const given: Readonly<Record<string, string>> = { ...inputs, mode: 'apply' };
  const env = { AWS_REGION: region };
  const read = new InputReader({ get: (name) => given[name] ?? '', env, mask: () => undefined });
  return stackSpecs(parseInputs(read, runContext(env)), readTemplates());
}

const cliVersion = '1.46.3';

/** The AWS CLI, from a Python environment of its own. */
export async function awsCli(): Promise<string> {
  const venv = join(workRoot, `aws-cli-${cliVersion}`);
  const aws = join(venv, 'bin', 'aws');
  if (!existsSync(aws)) {
    mkdirSync(workRoot, { recursive: true });
    await must('python3', ['-m', 'venv', venv], { timeout: 60_000 });
    const pip = ['install', '--quiet', '--disable-pip-version-check', `awscli==${cliVersion}`];
    await must(join(venv, 'bin', 'pip'), pip, { timeout: 180_000 });
  }
  return aws;
}

/** `aws cloudformation deploy` of every stack, one after the other, each with the outputs of those before; `plan`: change sets alone. */
export async function deployByCli(aws: string, place: Place, mode: 'apply' | 'plan' = 'apply'): Promise<Cost> {
  let sum: Cost = { wall: 0, cpu: 0, peak: 0, ended: NaN };
  const outputs = new Map<string, string>();
  const scratch = newScratch();
  try {
    for (const spec of specs()) {
      const template = join(scratch, `${spec.key}.yml`);
      writeFileSync(template, spec.body);
      const overrides = [...spec.parameters].flatMap(([name, source]) => {
        const value = source.from === 'value' ? source.value : source.from === 'output' ? outputs.get(name) : undefined;
        return value === undefined ? [] : [`${name}=${value}`];
      });
      const words = ['--stack-name', spec.name, '--region', spec.region, '--template-file', template];
      const only = mode === 'plan' ? ['--no-execute-changeset'] : [];
      const rest = ['--capabilities', 'CAPABILITY_NAMED_IAM', '--no-fail-on-empty-changeset', ...only];
      const cost = await measured(
        [aws, 'cloudformation', 'deploy', ...words, ...rest, '--parameter-overrides', ...overrides],
        place,
      );
      const { wall, cpu, peak, ended } = cost;
      sum = { wall: sum.wall + wall, cpu: sum.cpu + cpu, peak: Math.max(sum.peak, peak), ended };
      const { Stacks = [] } = await client(place, spec.region).send(
        new DescribeStacksCommand({ StackName: spec.name }),
      );
      for (const { OutputKey = '', OutputValue = '' } of Stacks[0]?.Outputs ?? []) outputs.set(OutputKey, OutputValue);
    }
  } finally {
    dropScratch(scratch);
  }
  return sum;
}

function client({ endpoint, account }: Place, where: string): CloudFormationClient {
  return new CloudFormationClient({
    endpoint,
    region: where,
    credentials: { accessKeyId: account, secretAccessKey: 'bench' },
  });
}

/** What CloudFormation itself did with a stack; moments are seconds since the epoch. */
export interface OwnTime {
  readonly seconds: number;
  readonly begun: number;
  readonly ended: number;
}
export type OwnTimes = ReadonlyMap<string, OwnTime>;

/** How long CloudFormation itself was at work on each stack, by key. */
export async function ownTimes(place: Place): Promise<OwnTimes> {
  const found = new Map<string, OwnTime>();
  for (const spec of specs()) {
    const events: StackEvent[] = [];
    const pages = paginateDescribeStackEvents({ client: client(place, spec.region) }, { StackName: spec.name });
    for await (const page of pages) events.push(...(page.StackEvents ?? []));
    found.set(spec.key, atWork(events.reverse()));
  }
  return found;
}

/** From each `…_IN_PROGRESS` of the stack itself to the end of that operation. */
function atWork(events: readonly StackEvent[]): OwnTime {
  const spans: { readonly begun: number; readonly ended: number }[] = [];
  let begun: number | undefined;
  for (const { ResourceType, PhysicalResourceId, StackId, ResourceStatus = '', Timestamp } of events) {
    if (ResourceType !== 'AWS::CloudFormation::Stack' || PhysicalResourceId !== StackId) continue;
    const at = (Timestamp?.getTime() ?? 0) / 1_000;
    if (/^(?:CREATE|UPDATE)_IN_PROGRESS$/.test(ResourceStatus)) begun ??= at;
    else if (/^(?:CREATE|UPDATE)_COMPLETE$/.test(ResourceStatus) && begun !== undefined) {
      spans.push({ begun, ended: at });
      begun = undefined;
    }
  }
  return {
    seconds: spans.reduce((sum, span) => sum + span.ended - span.begun, 0),
    begun: spans[0]?.begun ?? NaN,
    ended: spans.at(-1)?.ended ?? NaN,
  };
}

/** The least that any tool could take, with stacks side by side: each begins when those that it needs are done. */
export function longestWay(own: OwnTimes): number {
  const ends = new Map<string, number>();
  for (const { key } of specs()) {
    const begin = Math.max(0, ...stackNeeds[key].map((need) => ends.get(need) ?? 0));
    ends.set(key, begin + (own.get(key)?.seconds ?? 0));
  }
  return Math.max(...ends.values());
}
