import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ListServiceDeploymentsCommand } from '@aws-sdk/client-ecs';
import type { ActionRun } from '../../bundle/spawn-action.ts';
import { imageOf, makeService } from './containers.ts';
import type { Scenario } from './model.ts';
import type { Place } from './place.ts';

const deploy = (place: Place, inputs: Readonly<Record<string, string>>): Promise<ActionRun> =>
  place.action('deploy-ecs', {
    cluster: `${place.name}-cluster`,
    service: `${place.name}-api`,
    // Whoever may not see that tasks die waits until this is over.
    'wait-timeout-minutes': '1',
    ...inputs,
  });

async function statuses({ aws, name }: Place): Promise<readonly string[]> {
  const [cluster, service] = [`${name}-cluster`, `${name}-api`];
  const { serviceDeployments = [] } = await aws.ecs.send(new ListServiceDeploymentsCommand({ cluster, service }));
  return serviceDeployments.map(({ status = '' }) => status);
}

/** Content that was never built before: what differs is one line. */
async function source(place: Place, content: string): Promise<void> {
  await mkdir(join(place.scratch, 'app'), { recursive: true });
  await writeFile(join(place.scratch, 'app/Dockerfile'), 'FROM scratch\nCOPY hello /\n');
  await writeFile(join(place.scratch, 'app/hello'), content);
}

const build = (place: Place, tags: string, inputs: Readonly<Record<string, string>> = {}): Promise<ActionRun> =>
  place.action('build-push-image', {
    repository: place.name,
    registry: place.emulator.registry,
    context: 'app',
    'create-repository': 'false',
    tags,
    ...inputs,
  });

export const containerScenarios: readonly Scenario[] = [
  {
    name: 'build: a new image is built and pushed',
    roles: ['deploy-backend'],
    world: 'containers',
    prepare: (place) => source(place, randomUUID()),
    run: (place) => build(place, `new-${randomUUID()}`),
    expected: {
      exitCode: 0,
      outputs: { outcome: 'built', changed: 'true', digest: /^sha256:/ },
      // Whether what runs is about to expire.
      never: [/goes unchecked/],
    },
  },
  {
    name: 'build: the same content under a new tag',
    roles: ['deploy-backend'],
    world: 'containers',
    prepare: async (place) => {
      await source(place, 'the same');
      await place.asAdministrator('build-push-image', {
        repository: place.name,
        registry: place.emulator.registry,
        context: 'app',
        tags: `known-${randomUUID()}`,
      });
    },
    run: (place) => build(place, `again-${randomUUID()}`),
    expected: { exitCode: 0, outputs: { outcome: 'reused', changed: 'true', digest: /^sha256:/ } },
  },
  {
    name: 'deploy: a migration, then the new release',
    roles: ['deploy-backend'],
    world: 'containers',
    prepare: (place) => makeService(place, 'running'),
    run: (place) =>
      deploy(place, { image: imageOf(place, 'two'), 'run-before': '["/bin/sh", "-c", "echo migrated; exit 0"]' }),
    expected: { exitCode: 0, outputs: { outcome: 'succeeded' }, says: ['│ migrated'] },
  },
  {
    name: 'deploy: a crash loop is explained and rolled back',
    roles: ['deploy-backend'],
    world: 'containers',
    prepare: (place) => makeService(place, 'running'),
    run: (place) => deploy(place, { image: imageOf(place, 'crashing') }),
    expected: {
      exitCode: 1,
      outputs: { outcome: 'rolled-back', diagnosis: /exit code 3[^]*KeyError: 'DATABASE_URL'/ },
    },
    after: async (place) => {
      const [last] = await statuses(place);
      return last === 'ROLLBACK_SUCCESSFUL' ? [] : [`AWS's record of the deployment ends ${last}`];
    },
  },
  {
    name: 'deploy: AWS’s circuit breaker ends a crash loop, which is explained',
    roles: ['deploy-backend'],
    world: 'containers',
    proves: ['ecs:DescribeServiceDeployments', 'ecs:ListTasks', 'ecs:DescribeTasks', 'logs:GetLogEvents'],
    prepare: (place) => makeService(place, 'guarded'),
    run: (place) => deploy(place, { image: imageOf(place, 'crashing'), 'fail-fast-after': '0' }),
    expected: {
      exitCode: 1,
      outputs: { outcome: 'rolled-back', diagnosis: /exit code 3[^]*KeyError: 'DATABASE_URL'/ },
      // Only the record of the deployment counts them.
      says: ['the deployment circuit breaker was triggered after 3 failed tasks'],
    },
  },
  {
    name: 'deploy: a first deployment crashes behind a load balancer, and all that explains it was read',
    roles: ['deploy-backend'],
    world: 'containers',
    prepare: (place) => makeService(place, 'balanced'),
    run: (place) => deploy(place, { image: imageOf(place, 'crashing'), 'fail-fast-after': '1' }),
    expected: { exitCode: 1, outputs: { outcome: 'failed', diagnosis: /exit code 3/ }, never: [/target health/] },
  },
];
