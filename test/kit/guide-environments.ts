import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { ActionError } from '../../shared/core/errors.ts';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { stringify } from 'yaml';
import { parseInputs } from '../../actions/provision-env/src/inputs.ts';
import { connectPorts } from '../../actions/provision-env/src/ports.ts';
import { run } from '../../actions/provision-env/src/run.ts';
import { edgeRegion, namePrefix } from '../../actions/provision-env/src/stacks.ts';
import { commandRunner } from '../../shared/action/command.ts';
import { runContext } from '../../shared/action/context.ts';
import { InputReader } from '../../shared/action/input-reader.ts';
import type { ActionReport } from '../../shared/action/run.ts';
import type { Environment } from './guide.ts';
import { GuideAws } from './guide-aws.ts';
import { alarmEmail, monthlyBudget, retentionAfterUpdate } from './guide-monitoring.ts';
import { blockedAddresses, gitHubSubject } from './guide-security.ts';

/** An environment to put up; each has an account of its own in the emulator. */
export interface Wanted extends Pick<Environment, 'title' | 'tier' | 'compute' | 'kms' | 'environment'> {
  readonly account: string;
  readonly region: string;
  readonly domain?: string;
}

export const app = 'analytics-studio';

export const environments: readonly Wanted[] = [
  {
    title: 'development',
    tier: 'development',
    compute: 'fargate',
    kms: 'aws',
    environment: 'development',
    account: '111111111111',
    region: 'us-east-1',
  },
  {
    title: 'development on EC2',
    tier: 'development',
    compute: 'ec2',
    kms: 'aws',
    environment: 'development',
    account: '222222222222',
    region: 'us-east-1',
  },
  // Away from us-east-1, where CloudFront's certificate and firewall have to be all the same.
  {
    title: 'production-small',
    tier: 'production-small',
    compute: 'fargate',
    kms: 'aws',
    environment: 'production',
    account: '333333333333',
    region: 'eu-west-1',
    domain: 'studio.example.com',
  },
  {
    title: 'production-medium',
    tier: 'production-medium',
    compute: 'fargate',
    kms: 'customer',
    environment: 'production',
    account: '444444444444',
    region: 'us-east-1',
    domain: 'studio.example.com',
  },
];

/** Runs the action's own code in this process, as the runner would; the credentials are the environment's account. */
export async function provision(
  aws: GuideAws,
  inputs: Readonly<Record<string, string>>,
  config: object = {},
): Promise<{ readonly report: ActionReport; readonly lines: readonly string[] }> {
  const workspace = mkdtempSync(join(tmpdir(), 'slipway-guide-'));
  const env: Readonly<Record<string, string>> = {
    AWS_REGION: aws.region,
    GITHUB_REPOSITORY: 'your-org/analytics-studio',
    GITHUB_REPOSITORY_ID: '1234567',
    GITHUB_REPOSITORY_OWNER_ID: '7654321',
    GITHUB_WORKSPACE: workspace,
    GITHUB_RUN_ID: '1',
    GITHUB_RUN_ATTEMPT: '1',
  };
  // What the SDK reads by itself.
  process.env['AWS_ENDPOINT_URL'] = aws.endpoint;
  process.env['AWS_ACCESS_KEY_ID'] = aws.account;
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  const lines: string[] = [];
  try {
    writeFileSync(join(workspace, 'environment.yml'), stringify(config));
    const given: Readonly<Record<string, string>> = { app, config: 'environment.yml', ...inputs };
    const read = new InputReader({ get: (name) => given[name] ?? '', env, mask: () => undefined });
    const context = runContext(env);
    const progress = {
      info: (line: string) => void lines.push(line),
      warn: (line: string) => void lines.push(`warning: ${line}`),
      follow: () => () => undefined,
      group: async <T>(_: string, body: () => Promise<T>) => body(),
    };
    const parsed = parseInputs(read, context);
    const ports = connectPorts(parsed, {
      read,
      progress,
      context,
      commands: commandRunner,
      signal: new AbortController().signal,
      idToken: () => Promise.reject(new ActionError('NoToken', 'there is no job here that could have one')),
      mask: () => undefined,
      state: { get: () => '', save: () => undefined },
    });
    // The internet's name servers know nothing of an emulated zone.
    const dns = { nameServers: () => Promise.resolve(undefined) };
    return { report: await run(parsed, { ...ports, dns, progress, context }), lines };
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
}

/** The person's part beforehand: the domain's zone. */
export async function createZone(aws: GuideAws, domain: string): Promise<string> {
  const body = `<CreateHostedZoneRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Name>${domain}</Name><CallerReference>guide</CallerReference></CreateHostedZoneRequest>`;
  const answer = await aws.route53('POST', 'hostedzone', body);
  return answer.text('HostedZone', 'Id').replace('/hostedzone/', '');
}

/** An administrator's part beforehand: roles, and the limit of those that are made later. */
export function bootstrap(aws: GuideAws): ReturnType<typeof provision> {
  return provision(aws, { mode: 'bootstrap' }, { parameters: { GitHubSubject: gitHubSubject } });
}

export interface Put {
  readonly environment: Environment;
  readonly report: ActionReport;
  readonly apply: (parameters?: Readonly<Record<string, string>>) => ReturnType<typeof provision>;
}

/** Everything a user sets besides the tier: the guide's own name of the application, who is told, what may be spent. */
export async function putUp(endpoint: string, wanted: Wanted): Promise<Put> {
  const { tier, compute, kms, environment, domain } = wanted;
  const aws = new GuideAws(endpoint, wanted.account, wanted.region);
  if (tier !== 'development') await bootstrap(aws);
  const zone = domain === undefined ? undefined : await createZone(aws, domain);
  const inputs = {
    mode: 'apply',
    environment,
    tier,
    compute,
    kms,
    ...(domain === undefined ? {} : { domain, 'hosted-zone-id': zone ?? '' }),
  };
  const apply: Put['apply'] = (parameters = {}) =>
    provision(aws, inputs, {
      parameters: {
        AlarmEmail: alarmEmail,
        MonthlyBudgetUsd: monthlyBudget,
        ...(tier === 'production-medium' ? { WafBlockedAddresses: blockedAddresses.join(',') } : {}),
        ...parameters,
      },
      'environment-variables': { APP_NAME: 'Analytics Studio' },
    });
  const { report, lines } = await apply();
  if (report.failure !== undefined) throw new Error(`${wanted.title}: ${report.failure.message}\n${lines.join('\n')}`);
  const facts = { title: wanted.title, tier, compute, kms, environment, domain, zone, aws };
  return {
    environment: {
      ...facts,
      name: namePrefix(app, environment),
      edge: aws.in(edgeRegion),
      outputs: report.outputs,
      paper: await aws.onPaper(),
    },
    report,
    apply,
  };
}

/** A person fills the one secret in that nobody can generate; the next run gives it to the tasks. */
export async function fillInKey({ aws, name }: Environment): Promise<void> {
  await aws.secrets.send(
    new PutSecretValueCommand({ SecretId: `${name}/openai-api-key`, SecretString: 'sk-not-a-real-one' }),
  );
}

/** The update that every environment goes through. */
export const update = { LogRetentionDays: retentionAfterUpdate } as const;

/** Has the action take the environment down; nothing of its configuration is said any more. */
export function takeDown({ aws, environment, tier }: Environment): ReturnType<typeof provision> {
  return provision(aws, { mode: 'destroy', environment, tier, confirm: `${app}-${environment}` });
}
