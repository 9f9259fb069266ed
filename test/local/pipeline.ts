import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { act, outputOf, type ActOptions, type ActRun } from './act.ts';
import { verify, type Check } from './checks.ts';
import { Cloud } from './cloud.ts';
import type { EmulatorHandle } from './emulator.ts';
import { startOidc, type OidcServer } from './oidc.ts';
import { paths, workRoot } from './paths.ts';
import { say, step } from './progress.ts';
import { prepareAccount, subject } from './roles.ts';
import { copySuite, localRepositories } from './suite-copy.ts';
import { makeUserRepository, workflowTexts } from './user-repository.ts';

export interface PipelineResult {
  readonly provision: ActRun;
  readonly deploy: ActRun;
  readonly checks: readonly Check[];
  readonly service: { readonly running: number; readonly desired: number };
  readonly siteUrl: string;
  /** How many identity tokens the jobs asked for. */
  readonly tokens: number;
  readonly seconds: Readonly<Record<'provisioned' | 'deployed' | 'checked', number>>;
}

/** Titles of the reusable workflows' jobs and steps, by which their results are found. */
export const titles = {
  provisionJob: 'provision',
  backendJob: 'Backend',
  checkJob: 'Is the frontend deployed already?',
  publishJob: 'Publish the frontend',
  provision: 'Provision',
  stacks: "Read the stacks' outputs",
  build: 'Push the image',
  deploy: 'Deploy to ECS',
  publish: 'Publish to S3',
  invalidate: 'Invalidate what changed',
} as const;

/** A user's repository with the example in it runs its workflows: provision, then deploy. Then everything is looked at. */
export async function runPipeline(emulator: EmulatorHandle, signal: AbortSignal): Promise<PipelineResult> {
  const folder = join(workRoot, 'run');
  const suite = join(folder, 'slipway');
  const repository = join(folder, 'analytics-studio');
  copySuite(suite);
  const commit = await makeUserRepository(repository);
  say(`The example as a user's repository: .local/run/analytics-studio, commit ${commit.slice(0, 12)}`);
  const oidc = await startOidc(subject);
  try {
    return await withIdentity({ emulator, signal, folder, suite, repository, oidc });
  } finally {
    await oidc.stop();
  }
}

interface Run {
  readonly emulator: EmulatorHandle;
  readonly signal: AbortSignal;
  readonly folder: string;
  readonly suite: string;
  readonly repository: string;
  readonly oidc: OidcServer;
}

async function withIdentity({ emulator, signal, folder, suite, repository, oidc }: Run): Promise<PipelineResult> {
  const roles = await prepareAccount(emulator);
  const logFile = join(paths.logs, 'act.jsonl');
  mkdirSync(paths.logs, { recursive: true });
  rmSync(logFile, { force: true });
  const common: Omit<ActOptions, 'workflow' | 'event' | 'variables'> = {
    log: say,
    repository,
    env: {
      ...oidc.env,
      AWS_ENDPOINT_URL: emulator.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
      SLIPWAY_ARTIFACTS: join(folder, 'artifacts'),
    },
    repositories: localRepositories(suite, [...workflowTexts(suite), ...workflowTexts(repository)]),
    logFile,
    signal,
  };
  const workflow = (name: string) => join(repository, '.github', 'workflows', name);

  const provision = await timed('act runs provision.yml', () =>
    act({
      ...common,
      workflow: workflow('provision.yml'),
      event: 'workflow_dispatch',
      inputs: { mode: 'apply' },
      variables: { PROVISION_ROLE_ARN: roles.apply },
    }),
  );
  mustHaveRun(provision.result, [titles.provisionJob], signal);

  const cloud = new Cloud(emulator);
  const deploy = await timed('act runs deploy.yml', () =>
    act({
      ...common,
      workflow: workflow('deploy.yml'),
      event: 'push',
      variables: {
        SLIPWAY_REGISTRY: emulator.registry,
        DEPLOY_BACKEND_ROLE_ARN: roles.deployBackend,
        DEPLOY_FRONTEND_ROLE_ARN: roles.deployFrontend,
      },
    }),
  );
  writeFileSync(join(workRoot, 'summary.md'), [...provision.result.summaries, ...deploy.result.summaries].join('\n\n'));
  mustHaveRun(deploy.result, [titles.backendJob, titles.checkJob], signal);

  const stack = (name: string) => outputOf(deploy.result, titles.stacks, name);
  const deployed = {
    siteUrl: stack('site-url'),
    distributionId: stack('distribution-id'),
    bucket: stack('frontend-bucket'),
    cluster: stack('cluster'),
    service: stack('service'),
    repository: stack('ecr-repository'),
    imageDigest: outputOf(deploy.result, titles.build, 'digest'),
  };
  const checks = await timed('Fetching the site and the API as their users do', () => verify(cloud, deployed));
  for (const { held, what, found } of checks.result) say(`  ${held ? '✓' : '✗'} ${what} (${found})`);
  return {
    provision: provision.result,
    deploy: deploy.result,
    checks: checks.result,
    service: await cloud.service(deployed.cluster, deployed.service),
    siteUrl: deployed.siteUrl,
    tokens: oidc.issued(),
    seconds: { provisioned: provision.seconds, deployed: deploy.seconds, checked: checks.seconds },
  };
}

async function timed<T>(
  name: string,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly seconds: number }> {
  const start = performance.now();
  const result = await step(say, name, work);
  return { result, seconds: (performance.now() - start) / 1000 };
}

/** act ends with 0 also when it ran nothing at all: the jobs that matter must have succeeded, by name. */
function mustHaveRun(run: ActRun, jobs: readonly string[], signal: AbortSignal): void {
  signal.throwIfAborted();
  const missing = jobs.filter((job) => run.jobs.get(job) !== 'success');
  if (run.code === 0 && missing.length === 0) return;
  const failed = [...run.jobs].filter(([, result]) => result === 'failure').map(([job]) => job);
  for (const job of failed.length > 0 ? failed : run.tail.keys()) {
    process.stdout.write(`\n--- ${job}: its last words ---\n${(run.tail.get(job) ?? []).slice(-30).join('\n')}\n`);
  }
  const names = [...new Set([...failed, ...missing])].join(', ') || 'nothing that act names';
  throw new Error(`act ended with ${run.code}; failed or never run: ${names}. The whole log: .local/logs/act.jsonl`);
}
