import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import type { EmulatorHandle } from './emulator.ts';
import { repositoryRoot } from './paths.ts';

const repository = 'repo:your-org/analytics-studio';
/** What GitHub puts into the tokens of the example's jobs. */
export const subject = `${repository}:environment:production`;

export interface Roles {
  readonly apply: string;
  readonly deployBackend: string;
  readonly deployFrontend: string;
}

/** What an administrator does once for an account: the bootstrap stack, whose roles the workflows get. */
export async function prepareAccount({ endpoint, env }: EmulatorHandle): Promise<Roles> {
  const client = new CloudFormationClient({
    endpoint,
    region: env['AWS_REGION'] ?? 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const StackName = 'analytics-studio-bootstrap';
  const template = join(repositoryRoot, 'actions/provision-env/templates/bootstrap.yml');
  const creation = new CreateStackCommand({
    StackName,
    TemplateBody: readFileSync(template, 'utf8'),
    Parameters: [{ ParameterKey: 'GitHubSubject', ParameterValue: repository }],
    Capabilities: ['CAPABILITY_NAMED_IAM'],
  });
  try {
    await client.send(creation);
  } catch (error) {
    // On an environment that was kept it is there.
    if (!(error instanceof Error && error.name === 'AlreadyExistsException')) throw error;
  }
  await waitUntilStackCreateComplete({ client, maxWaitTime: 60, minDelay: 1 }, { StackName });
  const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName }));
  const outputs = new Map((Stacks[0]?.Outputs ?? []).map((item) => [item.OutputKey ?? '', item.OutputValue ?? '']));
  const role = (name: string): string => outputs.get(name) ?? '';
  return {
    apply: role('ApplyRoleArn'),
    deployBackend: role('DeployBackendRoleArn'),
    deployFrontend: role('DeployFrontendRoleArn'),
  };
}
