import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { InputReader } from '../../shared/action/input-reader.ts';
import { actionNames, root } from '../tools/actions.ts';

interface ActionYml {
  readonly name: string;
  readonly description: string;
  readonly inputs: Readonly<Record<string, { description?: string; required?: boolean; default?: string }>>;
  readonly outputs: Readonly<Record<string, { description?: string }>>;
  readonly runs: { using: string; main: string; post?: string; 'post-if'?: string };
}

const common = ['aws-region', 'role-to-assume', 'role-session-name', 'role-duration-seconds', 'dry-run'];

/** The names callers rely on. Adding is free; a name that goes away here breaks somebody's workflow. */
const contract: Readonly<
  Record<string, { readonly inputs: string; readonly outputs: string; readonly required: string }>
> = {
  'build-push-image': {
    inputs:
      'repository registry context file target build-args secrets secret-files platforms tags labels cache skip-unchanged force max-age-days create-repository provenance sbom scan scan-timeout-minutes',
    outputs: 'image digest tags source-hash outcome scan-findings',
    required: 'repository',
  },
  'deploy-ecs': {
    inputs:
      'cluster service task-definition image images environment secrets run-before run-before-container run-before-timeout-minutes force-new-deployment on-active-deployment wait wait-timeout-minutes fail-fast-after rollback-on-failure rollback initial-count paused-is health-check-url',
    outputs:
      'outcome task-definition-arn previous-task-definition-arn running-task-definition-arn deployment-arn diagnosis duration-seconds',
    required: 'cluster service',
  },
  'sync-frontend': {
    inputs:
      'source bucket prefix include exclude cache-control content-types delete retain-releases max-delete-percent release-id rollback-to concurrency mode source-hash source-key',
    outputs: 'uploaded deleted unchanged bytes changed-paths release-id publication source-hash published',
    required: 'source bucket',
  },
  'invalidate-cdn': {
    inputs: 'distribution-id alias paths max-paths publication bucket prefix wait wait-timeout-minutes',
    outputs: 'invalidation-id paths path-count',
    required: '',
  },
  'provision-env': {
    inputs:
      'app environment tier domain hosted-zone-id config compute nat kms mode confirm drift-is plan-digest allow-replacement max-monthly-usd execution-role-arn comment github-token',
    outputs:
      'plan-digest changes monthly-usd drifted cluster service ecr-repository frontend-bucket uploads-bucket distribution-id site-url api-url deploy-backend-role-arn deploy-frontend-role-arn plan-role-arn log-group task-definition-base initial-count missing-secrets',
    required: '',
  },
};

const words = (text: string): readonly string[] => text.split(' ').filter((word) => word !== '');

test('the five actions', () => expect(actionNames).toEqual(Object.keys(contract).sort()));

describe.each(Object.entries(contract))('%s', (name, { inputs, outputs, required }) => {
  const yml = parse(readFileSync(join(root, 'actions', name, 'action.yml'), 'utf8')) as ActionYml;

  test('has every input and output of the contract, each described', () => {
    expect(Object.keys(yml.inputs)).toEqual(expect.arrayContaining([...common, ...words(inputs)]));
    expect(Object.keys(yml.outputs)).toEqual(expect.arrayContaining(['changed', ...words(outputs)]));
    for (const [field, { description }] of [...Object.entries(yml.inputs), ...Object.entries(yml.outputs)]) {
      expect([field, (description ?? '').length > 10]).toEqual([field, true]);
    }
  });

  test('marks as required exactly what the contract does', () => {
    const marked = Object.entries(yml.inputs).filter(([, input]) => input.required === true);
    expect(marked.map(([field]) => field).sort()).toEqual([...words(required)].sort());
  });

  test('runs on Node 24 from its bundle', () => {
    expect(yml.runs).toMatchObject({ using: 'node24', main: 'dist/index.js' });
    if (yml.runs.post !== undefined) expect(yml.runs['post-if']).toBe('always()');
  });

  test('reads the defaults of action.yml as it reads nothing at all', async () => {
    const module: unknown = await import(`../../actions/${name}/src/inputs.ts`);
    const { parseInputs } = module as { parseInputs: (...given: unknown[]) => unknown };
    // Whatever is looked for is there.
    const lookAt = (path: string) => ({ kind: path === '.' ? 'directory' : 'file', bytes: 1 });
    const context = {
      sha: 'a'.repeat(40),
      runId: '1',
      runAttempt: 1,
      workspace: root,
      tempDirectory: '/tmp',
      repository: 'o/r',
      ref: '',
      runUrl: '',
      apiUrl: '',
      pullRequest: undefined,
      step: undefined,
    };
    const given: Record<string, string> = {
      bucket: 'my-bucket',
      repository: 'my-app',
      cluster: 'c',
      service: 's',
      source: '.',
    };
    if (name === 'invalidate-cdn') {
      Object.assign(given, { 'distribution-id': 'E1ABCDEFGHIJKL', publication: '1-0123456789abcdef' });
    }
    const read = (values: Readonly<Record<string, string>>): unknown =>
      parseInputs(
        new InputReader({
          get: (field) => values[field] ?? '',
          env: { AWS_REGION: 'us-east-1' },
          mask: () => undefined,
        }),
        context,
        ...(name === 'build-push-image' ? [{ lookAt, readText: () => undefined }] : []),
      );
    const defaults = Object.fromEntries(
      // The runner fills in the token.
      Object.entries(yml.inputs).map(([field, input]) => [
        field,
        (input.default ?? '').replace('${{ github.token }}', 'ghs_1'),
      ]),
    );
    expect(JSON.stringify(read({ ...defaults, ...given }))).toEqual(JSON.stringify(read(given)));
  });
});
