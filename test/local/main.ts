/** `npm run local`: the guide's whole pipeline on this machine. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { act, outputOf, type ActOptions, type ActRun } from './act.ts';
import { parseArguments, usage } from './arguments.ts';
import { verify, type Check } from './checks.ts';
import { Cloud } from './cloud.ts';
import { stopOwnDaemon } from './docker.ts';
import { startEmulator, stopEmulator, type EmulatorHandle } from './emulator.ts';
import { locked } from './lock.ts';
import { startOidc } from './oidc.ts';
import { paths, workRoot } from './paths.ts';
import { prepare } from './prepare.ts';
import { say, step } from './progress.ts';
import { prepareAccount, subject } from './roles.ts';
import { forget, keep, keptState } from './state.ts';
import { copySuite, localRepositories } from './suite-copy.ts';
import { renderTable, type Row } from './table.ts';
import { makeUserRepository, workflowTexts } from './user-repository.ts';

const started = performance.now();
const seconds = (since = started) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const interrupted = new AbortController();

class Interrupted extends Error {}
const checkpoint = () => {
  if (interrupted.signal.aborted) throw new Interrupted('interrupted');
};

async function main(): Promise<number> {
  let words;
  try {
    words = parseArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 2;
  }
  if (words.command === 'help') {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  if (words.command === 'down') return down();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) return;
      say(`${signal}: stopping what was started …`);
      interrupted.abort();
    });
  }
  const keeping = words.keep;
  return locked(join(workRoot, 'run.lock'), () => rehearse(keeping));
}

async function down(): Promise<number> {
  const kept = keptState();
  if (kept) {
    await stopEmulator(kept);
    say('the kept environment is stopped');
  } else say('nothing was kept running');
  forget();
  await stopOwnDaemon(say);
  return 0;
}

async function rehearse(keeping: boolean): Promise<number> {
  let emulator: EmulatorHandle | undefined;
  let mine = false;
  try {
    assertNode();
    const daemon = await prepare(say, { docker: true });
    checkpoint();
    if (daemon?.remark) say(daemon.remark);
    const prepared = seconds();
    const kept = keptState();
    if (kept) {
      emulator = kept.emulator;
      say(`AWS emulator: the kept one, ${emulator.endpoint}`);
    } else {
      // Not tied to this process: it has to survive `--keep`, and is stopped below in every other case.
      emulator = await startEmulator({ log: say, detached: true });
      mine = true;
    }
    checkpoint();
    const held = await pipeline(emulator, prepared);
    if (keeping && mine) {
      keep({ port: emulator.port, pid: emulator.pid });
      mine = false;
    }
    if (keeping || kept) say('It stays running; `npm run local -- --down` stops it.');
    return held ? 0 : 1;
  } catch (error) {
    if (error instanceof Interrupted) return 130;
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    if (emulator && mine) await step(say, 'Stopping', () => stopEmulator(emulator as EmulatorHandle));
    if (!keptState()) {
      forget();
      await stopOwnDaemon(say);
    }
  }
}

function assertNode(): void {
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major < 24) throw new Error(`Node 24 is needed, this is ${process.versions.node}: start it with npm run local.`);
}

async function pipeline(emulator: EmulatorHandle, prepared: string): Promise<boolean> {
  const run = join(workRoot, 'run');
  const suite = join(run, 'slipway');
  const repository = join(run, 'analytics-studio');
  const logFile = join(paths.logs, 'act.jsonl');
  mkdirSync(paths.logs, { recursive: true });
  rmSync(logFile, { force: true });
  copySuite(suite);
  const sha = await makeUserRepository(repository);
  say(`Example as a repository of its own: .local/run/analytics-studio, commit ${sha.slice(0, 12)}`);

  const { provisionRole } = await prepareAccount(emulator);
  const oidc = await startOidc(subject);
  try {
    const options: Omit<ActOptions, 'workflow' | 'event'> = {
      log: say,
      repository,
      variables: { PROVISION_ROLE_ARN: provisionRole },
      env: {
        ...oidc.env,
        AWS_ENDPOINT_URL: emulator.endpoint,
        AWS_REGION: 'us-east-1',
        AWS_EC2_METADATA_DISABLED: 'true',
        SLIPWAY_ARTIFACTS: join(run, 'artifacts'),
      },
      repositories: localRepositories(suite, [...workflowTexts(suite), ...workflowTexts(repository)]),
      logFile,
      signal: interrupted.signal,
    };
    const workflows = join(repository, '.github', 'workflows');
    const provisionStart = performance.now();
    const provision = await step(say, 'act: provision.yml', () =>
      act({
        ...options,
        workflow: join(workflows, 'provision.yml'),
        event: 'workflow_dispatch',
        inputs: { mode: 'apply' },
      }),
    );
    finished(provision, ['provision']);
    const provisionSeconds = seconds(provisionStart);

    const cloud = new Cloud(emulator);
    const outputs = await cloud.stackOutputs();
    const deployStart = performance.now();
    const deploy = await step(say, 'act: deploy.yml', () =>
      act({
        ...options,
        workflow: join(workflows, 'deploy.yml'),
        event: 'push',
        variables: {
          ECR_REGISTRY: emulator.registry,
          DEPLOY_BACKEND_ROLE_ARN: outputs.get('DeployBackendRoleArn') ?? provisionRole,
          DEPLOY_FRONTEND_ROLE_ARN: outputs.get('DeployFrontendRoleArn') ?? provisionRole,
        },
      }),
    );
    finished(deploy, ['Backend', 'Is the frontend deployed already?']);
    const deploySeconds = seconds(deployStart);
    writeFileSync(join(workRoot, 'summary.md'), [...provision.summaries, ...deploy.summaries].join('\n\n'));
    checkpoint();

    const stacks = (name: string) => outputOf(deploy, "Read the stacks' outputs", name);
    const checksStart = performance.now();
    const checks = await step(say, 'Fetching the site and the API as a user does', () =>
      verify(cloud, {
        siteUrl: stacks('site-url'),
        distributionId: stacks('distribution-id'),
        bucket: stacks('frontend-bucket'),
        cluster: stacks('cluster'),
        service: stacks('service'),
        repository: stacks('ecr-repository'),
        imageDigest: outputOf(deploy, 'Build and push the image', 'digest'),
      }),
    );
    for (const check of checks) say(`  ${check.held ? '✓' : '✗'} ${check.what} (${check.found})`);
    const times = { prepared, provisionSeconds, deploySeconds, checkSeconds: seconds(checksStart) };
    return await conclude({
      emulator,
      provision,
      deploy,
      checks,
      times,
      siteUrl: stacks('site-url'),
      tokens: oidc.issued(),
    });
  } finally {
    await oidc.stop();
  }
}

/** act ends with 0 also when it ran nothing at all: the jobs that matter must have succeeded by name. */
function finished(run: ActRun, jobs: readonly string[]): void {
  checkpoint();
  const missing = jobs.filter((job) => run.jobs.get(job) !== 'success');
  if (run.code === 0 && missing.length === 0) return;
  const failed = [...run.jobs].filter(([, result]) => result !== 'success').map(([job]) => job);
  for (const job of failed.length > 0 ? failed : ['act', ...run.tail.keys()]) {
    const lines = run.tail.get(job) ?? [];
    process.stdout.write(`\n--- ${job} ---\n${lines.slice(-30).join('\n')}\n`);
  }
  throw new Error(
    `act ended with ${run.code}; not successful: ${[...new Set([...failed, ...missing])].join(', ')}. The whole log: .local/logs/act.jsonl`,
  );
}

interface Conclusion {
  readonly emulator: EmulatorHandle;
  readonly provision: ActRun;
  readonly deploy: ActRun;
  readonly checks: readonly Check[];
  readonly times: Readonly<Record<'prepared' | 'provisionSeconds' | 'deploySeconds' | 'checkSeconds', string>>;
  readonly siteUrl: string;
  readonly tokens: number;
}

async function conclude(conclusion: Conclusion): Promise<boolean> {
  const { emulator, provision, deploy, checks, times, siteUrl } = conclusion;
  const of = (name: string, output: string) => outputOf(deploy, name, output);
  const held = checks.every((check) => check.held);
  const cloud = new Cloud(emulator);
  const service = await cloud.service(
    of("Read the stacks' outputs", 'cluster'),
    of("Read the stacks' outputs", 'service'),
  );
  const published = deploy.jobs.has('Publish the frontend');
  const host = new URL(siteUrl).host.replace('.cloudfront.net', `.cloudfront.localhost:${emulator.port}`);
  const rows: Row[] = [
    ['infrastructure', changes(provision)],
    ['image', `${of('Build and push the image', 'digest')} (${of('Build and push the image', 'outcome') || 'built'})`],
    ['deployment', of('Deploy to ECS', 'outcome')],
    ['tasks', `${service.running} of ${service.desired} running`],
    ['site', published ? files(deploy) : 'unchanged: built and published already'],
    ['invalidated', published ? invalidated(deploy) : 'nothing'],
    ['site URL', `http://${host}/`],
    ['API URL', `http://${host}/api/summary`],
    ['tokens', `${conclusion.tokens} asked for with the job's identity`],
    ['checks', `${checks.filter((check) => check.held).length} of ${checks.length} held`],
    ['prepared in', times.prepared],
    ['provisioned in', times.provisionSeconds],
    ['deployed in', times.deploySeconds],
    ['checked in', times.checkSeconds],
    ['in all', seconds()],
  ];
  const title = held ? 'The guide’s pipeline ran on this machine' : 'The pipeline ran, and not everything held';
  process.stdout.write(`\n${renderTable(title, rows)}\n\n`);
  writeFileSync(
    join(workRoot, 'last-run.json'),
    `${JSON.stringify({ held, checks, rows: Object.fromEntries(rows) }, null, 2)}\n`,
  );
  return held;
}

function changes(provision: ActRun): string {
  const changed = outputOf(provision, 'Provision', 'changed') === 'true';
  return changed ? `${outputOf(provision, 'Provision', 'changes')} resources changed` : 'unchanged';
}

function files(deploy: ActRun): string {
  const count = (name: string) => outputOf(deploy, 'Publish to S3', name) || '0';
  return `${count('uploaded')} uploaded, ${count('deleted')} deleted, ${count('unchanged')} unchanged`;
}

function invalidated(deploy: ActRun): string {
  const list = outputOf(deploy, 'Invalidate what changed', 'paths');
  const count = outputOf(deploy, 'Invalidate what changed', 'path-count') || '0';
  return count === '0' ? 'nothing' : `${count} paths: ${list.slice(0, 80)}`;
}

process.exitCode = await main();
