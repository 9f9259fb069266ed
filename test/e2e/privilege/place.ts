import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { spawnAction, type ActionRun, type SpawnOptions } from '../../bundle/spawn-action.ts';
import { GuideAws } from '../../kit/guide-aws.ts';
import { idToken, startOidc, type OidcServer } from '../../local/oidc.ts';
import type { Emulator } from '../../local/emulator.ts';
import { root } from '../../tools/actions.ts';
import type { Role } from './model.ts';

export const app = 'analytics-studio';
export const repository = 'repo:your-org@1234/analytics-studio@5678';
export const region = 'us-east-1';
export const bootstrapTemplate = (): string =>
  readFileSync(join(root, 'actions/provision-env/templates/bootstrap.yml'), 'utf8');

/** As the emulator tells it: every question that IAM was asked, and the answer. */
export interface Decision {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  /** `Allow`, `ImplicitDeny` or `Deny` */
  readonly decision: string;
}

export interface PlaceOptions {
  readonly emulator: Emulator;
  readonly account: string;
  readonly environment?: string;
  /** The bootstrap stack of a further environment relies on the first one's. */
  readonly further?: boolean;
  /** Parameters of the bootstrap stack besides. */
  readonly parameters?: Readonly<Record<string, string>>;
}

let sessions = 0;

/** One environment in one account, with an administrator (`aws`) and the role under test. */
export class Place {
  readonly emulator: Emulator;
  readonly account: string;
  readonly environment: string;
  /** Prefix of every name. */
  readonly name: string;
  readonly aws: GuideAws;
  readonly scratch: string;
  /** Outputs of the stacks, where an environment stands. */
  outputs: Readonly<Record<string, string>> = {};
  role: Role = 'plan';
  session = '';
  readonly #oidc: OidcServer;

  private constructor(options: PlaceOptions, oidc: OidcServer, scratch: string) {
    this.emulator = options.emulator;
    this.account = options.account;
    this.environment = options.environment ?? 'production';
    this.name = this.environment === 'production' ? app : `${app}-${this.environment}`;
    this.aws = new GuideAws(options.emulator.endpoint, options.account, region);
    this.#oidc = oidc;
    this.scratch = scratch;
  }

  /** What an administrator does once: the real template, deployed as it is. */
  static async bootstrapped(options: PlaceOptions): Promise<Place> {
    const environment = options.environment ?? 'production';
    const oidc = await startOidc(`${repository}:environment:${environment}`);
    const place = new Place(options, oidc, await mkdtemp(join(tmpdir(), 'slipway-privilege-')));
    const further = options.further === true;
    const parameters = {
      App: app,
      GitHubSubject: repository,
      Environment: environment,
      Name: place.name,
      SharedParts: String(!further),
      CreateOidcProvider: String(!further),
      ...options.parameters,
    };
    const StackName = further ? `${app}-bootstrap-${environment}` : `${app}-bootstrap`;
    await place.createStack(StackName, bootstrapTemplate(), parameters);
    return place;
  }

  async createStack(
    StackName: string,
    TemplateBody: string,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<Readonly<Record<string, string>>> {
    const Parameters = Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({
      ParameterKey,
      ParameterValue,
    }));
    const { cloudFormation } = this.aws;
    await cloudFormation.send(
      new CreateStackCommand({ StackName, TemplateBody, Parameters, Capabilities: ['CAPABILITY_NAMED_IAM'] }),
    );
    for (;;) {
      const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
      const [stack] = Stacks;
      if (stack?.StackStatus === 'CREATE_COMPLETE') {
        return Object.fromEntries((stack.Outputs ?? []).map((item) => [item.OutputKey ?? '', item.OutputValue ?? '']));
      }
      if (stack?.StackStatus?.endsWith('_IN_PROGRESS') !== true) {
        throw new Error(`${StackName}: ${stack?.StackStatus} ${stack?.StackStatusReason}`);
      }
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  roleArn(role: Role): string {
    return `arn:aws:iam::${this.account}:role/slipway/${this.name}-${role}`;
  }

  /** From now on everything `action` does is this session's. */
  begin(role: Role): void {
    this.role = role;
    sessions += 1;
    this.session = `s${sessions}`;
  }

  /** The action's bundle as the runner starts it, as the role under test and with nothing else. */
  action(
    name: string,
    inputs: Readonly<Record<string, string>>,
    options: Partial<SpawnOptions> = {},
  ): Promise<ActionRun> {
    return spawnAction(name, {
      cwd: this.scratch,
      ...options,
      inputs: {
        'role-to-assume': this.roleArn(this.role),
        'role-session-name': this.session,
        'aws-region': region,
        ...inputs,
      },
      env: { AWS_ENDPOINT_URL: this.emulator.endpoint, RUNNER_TEMP: this.scratch, ...this.#oidc.env, ...options.env },
    });
  }

  provision(mode: string, inputs: Readonly<Record<string, string>> = {}): Promise<ActionRun> {
    return this.action('provision-env', { mode, app, environment: this.environment, ...inputs });
  }

  /** The same as an administrator of the account; must succeed. */
  async asAdministrator(name: string, inputs: Readonly<Record<string, string>>): Promise<ActionRun> {
    const env = {
      AWS_ENDPOINT_URL: this.emulator.endpoint,
      AWS_ACCESS_KEY_ID: this.account,
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    const run = await spawnAction(name, { cwd: this.scratch, inputs: { 'aws-region': region, ...inputs }, env });
    if (run.exitCode !== 0) throw new Error(`${name} as an administrator: ${run.output}`);
    return run;
  }

  async putUp(): Promise<void> {
    const inputs = { mode: 'apply', app, environment: this.environment };
    this.outputs = (await this.asAdministrator('provision-env', inputs)).outputs;
  }

  async decisions(): Promise<readonly Decision[]> {
    const answer = await fetch(`${this.emulator.endpoint}/_slipway/decisions?session=${this.session}`);
    return (await answer.json()) as readonly Decision[];
  }

  async close(): Promise<void> {
    await this.#oidc.stop();
    await rm(this.scratch, { recursive: true, force: true });
  }
}

export const tokenOf = (subject: string, audience = 'sts.amazonaws.com'): string =>
  idToken({ audience, subject, now: Date.now() });
