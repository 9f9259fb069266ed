import { createHash } from 'node:crypto';
import { PutImageCommand } from '@aws-sdk/client-ecr';
import { DeregisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { ActionRun, SpawnOptions } from '../../bundle/spawn-action.ts';
import type { Scenario } from './model.ts';
import { app, region, type Place } from './place.ts';

const image = (place: Place, tag: string): string => `${place.outputs['ecr-repository-uri'] ?? ''}:${tag}`;

const serviceOf = ({ outputs }: Place): Record<string, string> => ({
  cluster: outputs['cluster'] ?? '',
  service: outputs['service'] ?? '',
});

/** The role's own run: the base task definition with an image, as the deploy workflow has it. */
const deploy = (
  place: Place,
  inputs: Readonly<Record<string, string>>,
  options: Partial<SpawnOptions> = {},
): Promise<ActionRun> =>
  place.action(
    'deploy-ecs',
    {
      ...serviceOf(place),
      'task-definition': place.outputs['task-definition-base'] ?? '',
      'initial-count': '1',
      'wait-timeout-minutes': '1',
      ...inputs,
    },
    options,
  );

/** Images in the repository; on paper, a manifest is all there is of them. */
const pushed =
  (...tags: readonly string[]) =>
  async (place: Place): Promise<void> => {
    for (const imageTag of tags) {
      const digest = `sha256:${createHash('sha256').update(imageTag).digest('hex')}`;
      const imageManifest = JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', size: 2, digest },
        layers: [],
      });
      const image = { repositoryName: place.outputs['ecr-repository'] ?? '', imageTag, imageManifest };
      // It may be there from a scenario before.
      await place.aws.ecr.send(new PutImageCommand(image)).catch((error: unknown) => {
        if ((error as Error).name !== 'ImageAlreadyExistsException') throw error;
      });
    }
  };

/** Releases that were deployed before, by an administrator. */
const deployed =
  (...tags: readonly string[]) =>
  async (place: Place): Promise<void> => {
    await pushed(...tags)(place);
    for (const tag of tags) {
      await place.asAdministrator('deploy-ecs', {
        ...serviceOf(place),
        'task-definition': place.outputs['task-definition-base'] ?? '',
        'initial-count': '1',
        image: image(place, tag),
      });
    }
  };

/** What the preflight can tell when it may read everything, and only then. */
const allRead = /preflight: \d+ good, 0 wrong, 0 not checked/;

export const backendScenarios: readonly Scenario[] = [
  {
    name: 'deploy: dry run of a first deployment',
    roles: ['deploy-backend'],
    world: 'standing',
    keeps: true,
    prepare: pushed('one'),
    run: (place) => deploy(place, { image: image(place, 'one'), 'dry-run': 'true' }),
    expected: { exitCode: 0, outputs: { outcome: 'planned', changed: 'false' }, says: [allRead] },
  },
  {
    name: 'deploy: first deployment',
    roles: ['deploy-backend'],
    world: 'standing',
    prepare: pushed('one'),
    run: (place) => deploy(place, { image: image(place, 'one') }),
    expected: {
      exitCode: 0,
      outputs: {
        outcome: 'succeeded',
        changed: 'true',
        'deployment-arn': /:service-deployment\//,
        'running-task-definition-arn': new RegExp(`task-definition/${app}-backend:1$`),
      },
      says: [allRead, `1 of 1 tasks run ${app}-backend:1`],
    },
  },
  {
    name: 'deploy: what is wanted runs already',
    roles: ['deploy-backend'],
    world: 'standing',
    prepare: deployed('one'),
    run: (place) => deploy(place, { image: image(place, 'one') }),
    expected: { exitCode: 0, outputs: { outcome: 'unchanged', changed: 'false' } },
  },
  {
    name: 'deploy: dry run of a second release, with a parameter of Systems Manager',
    roles: ['deploy-backend'],
    world: 'standing',
    prepare: async (place) => {
      await deployed('one')(place);
      await pushed('two')(place);
      const { endpoint } = place.emulator;
      const ssm = new SSMClient({
        endpoint,
        region,
        credentials: { accessKeyId: place.account, secretAccessKey: 'test' },
      });
      await ssm.send(new PutParameterCommand({ Name: `/${app}/flag`, Value: 'on', Type: 'String' }));
    },
    run: (place) =>
      deploy(place, {
        image: image(place, 'two'),
        secrets: `FLAG=arn:aws:ssm:${region}:${place.account}:parameter/${app}/flag`,
        'dry-run': 'true',
      }),
    expected: { exitCode: 0, outputs: { outcome: 'planned', changed: 'false' }, says: [allRead] },
  },
  {
    name: 'deploy: the subnets’ way out is gone',
    roles: ['deploy-backend'],
    world: 'standing',
    prepare: async (place) => {
      await pushed('one')(place);
      await closeNetwork(place);
    },
    run: (place) => deploy(place, { image: image(place, 'one') }),
    expected: { exitCode: 1, says: [/title=PreflightFailed/, /VPC endpoint/] },
  },
  {
    name: 'deploy: back to the revision before, by AWS’s records',
    roles: ['deploy-backend'],
    world: 'standing',
    prepare: deployed('one', 'two'),
    run: (place) => place.action('deploy-ecs', { ...serviceOf(place), rollback: 'true' }),
    expected: {
      exitCode: 0,
      outputs: { outcome: 'succeeded', 'running-task-definition-arn': new RegExp(`${app}-backend:1$`) },
      says: [`${app}-backend:1 is what last completed before it`],
    },
  },
  {
    name: 'deploy: back, where nothing was deployed before',
    roles: ['deploy-backend'],
    world: 'standing',
    prepare: async (place) => {
      await deployed('one')(place);
      const taskDefinition = place.outputs['task-definition-base'] ?? '';
      await place.aws.ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition }));
    },
    run: (place) => place.action('deploy-ecs', { ...serviceOf(place), rollback: 'true' }),
    expected: { exitCode: 1, says: ['title=NothingBefore'] },
  },
  {
    name: 'deploy: cancelled during the migration, whose task is stopped',
    roles: ['deploy-backend'],
    world: 'standing',
    prepare: pushed('one'),
    run: (place) =>
      deploy(place, { image: image(place, 'one'), 'run-before': 'migrate' }, { cancelAt: /run-before: running/ }),
    expected: { exitCode: 1, outputs: { outcome: 'cancelled' }, says: ['its task was stopped'] },
  },
];

/** As when someone deletes the route to the internet by hand. */
async function closeNetwork({ aws, outputs }: Place): Promise<void> {
  const tables = await aws.ec2('DescribeRouteTables');
  for (const table of tables.list('routeTableSet')) {
    const routes = table.list('routeSet').map((route) => route.text('destinationCidrBlock'));
    if (table.text('vpcId') !== outputs['vpc-id'] || !routes.includes('0.0.0.0/0')) continue;
    await aws.ec2('DeleteRoute', { RouteTableId: table.text('routeTableId'), DestinationCidrBlock: '0.0.0.0/0' });
  }
}
