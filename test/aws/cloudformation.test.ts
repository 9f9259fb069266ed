import { mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListChangeSetsCommand, CloudFormationClient } from '@aws-sdk/client-cloudformation';
import {
  CloudWatchLogsClient,
  DeleteLogGroupCommand,
  PutRetentionPolicyCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { DescribeTaskDefinitionCommand, ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { makeChangeSet } from '../../actions/provision-env/src/change-set.ts';
import { parseInputs } from '../../actions/provision-env/src/inputs.ts';
import { run } from '../../actions/provision-env/src/run.ts';
import { tiers } from '../../actions/provision-env/src/stacks.ts';
import { InputReader } from '../../shared/action/input-reader.ts';
import type { ActionReport } from '../../shared/action/run.ts';
import { systemClock } from '../../shared/action/system-clock.ts';
import { globalCaller } from '../../shared/aws/global-call.ts';
import { oidcProviders } from '../../shared/aws/oidc-providers.ts';
import { databaseSnapshots } from '../../shared/aws/rds.ts';
import { hostedZones } from '../../shared/aws/route53.ts';
import { edgeRegion } from '../../actions/provision-env/src/stacks.ts';
import { cloudFormationStacks, type ChangeSetRequest } from '../../shared/aws/cloudformation.ts';
import { ecsServices } from '../../shared/aws/ecs.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';
import { secretsManager } from '../../shared/aws/secrets-manager.ts';

// The emulator's own account: viewers, who have no key, only reach distributions in that one.
process.env['AWS_ACCESS_KEY_ID'] = 'test';
process.env['AWS_SECRET_ACCESS_KEY'] = 'test';

const region = 'us-east-1';
const config = sdkConfig(
  { region, roleSessionName: 'slipway', roleDurationSeconds: 3600 },
  { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
);
const stacks = cloudFormationStacks(config);
const lines: string[] = [];
const io = {
  stacks,
  edgeStacks: cloudFormationStacks({ ...config, region: edgeRegion }),
  zones: hostedZones(globalCaller(config)),
  oidcProviders: oidcProviders(globalCaller(config)),
  snapshots: databaseSnapshots(globalCaller(config)),
  // No test here asks the internet.
  subject: () => Promise.resolve(undefined),
  dns: { nameServers: () => Promise.resolve(undefined) },
  secrets: secretsManager(config),
  services: ecsServices(config),
  deadTasks: () => Promise.resolve(undefined),
  clock: systemClock,
  signal: new AbortController().signal,
  context: { runId: '1', runAttempt: 1, runUrl: '', pullRequest: undefined },
  comments: undefined,
  progress: {
    info: (line: string) => void lines.push(line),
    warn: (line: string) => void lines.push(line),
    follow: () => () => undefined,
    group: async <T>(_: string, body: () => Promise<T>) => body(),
  },
};
const workspace = mkdtempSync(join(tmpdir(), 'slipway-provision-'));

async function provision(inputs: Readonly<Record<string, string>>, file = ''): Promise<ActionReport> {
  writeFileSync(join(workspace, 'env.yml'), file);
  const given: Readonly<Record<string, string>> = { mode: 'apply', app: 'viewed', config: 'env.yml', ...inputs };
  const read = new InputReader({
    get: (name) => given[name] ?? '',
    env: { AWS_REGION: region },
    mask: () => undefined,
  });
  return run(
    parseInputs(read, {
      workspace,
      repository: 'your-org/studio',
      repositoryId: '22',
      ownerId: '11',
      pullRequest: undefined,
    }),
    io,
  );
}

describe('the port', () => {
  const template = (content: string): string =>
    JSON.stringify({
      Parameters: { Days: { Type: 'Number', Default: 7 } },
      Resources: {
        Logs: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: content, RetentionInDays: { Ref: 'Days' } } },
      },
      Outputs: { Logs: { Value: { Ref: 'Logs' } } },
    });
  const asked = (name: string, more: Partial<ChangeSetRequest> = {}): ChangeSetRequest => ({
    stack: 'port-test',
    name,
    kind: 'UPDATE',
    template: template('/port/test'),
    parameters: new Map(),
    tags: new Map([['app', 'port']]),
    executionRole: undefined,
    ...more,
  });
  const settle = async (): Promise<string> => {
    for (;;) {
      const state = await stacks.describe('port-test');
      if (state === undefined || !state.status.endsWith('_IN_PROGRESS')) return state?.status ?? 'gone';
      await systemClock.sleep(50);
    }
  };

  test('a missing stack is undefined, not an error', async () => {
    expect(await stacks.describe('nowhere')).toBeUndefined();
  });

  test('creates, tells what happened in order, and knows parameters and outputs', async () => {
    const made = await makeChangeSet(asked('first', { kind: 'CREATE' }), io);
    expect(made.changes).toEqual([
      { action: 'Add', logicalId: 'Logs', type: 'AWS::Logs::LogGroup', replacement: 'False', properties: [] },
    ]);
    const since = await stacks.lastEvent('port-test');
    await stacks.executeChangeSet(made.id, { stack: 'port-test', token: 'first' });
    expect(await settle()).toBe('CREATE_COMPLETE');
    const state = (await stacks.describe('port-test'))!;
    expect(state.outputs.get('Logs')).toBe('/port/test');
    expect(state.parameters.get('Days')).toBe('7');
    const events = await stacks.events('port-test', since);
    const told = events.map(({ logicalId, status }) => `${logicalId} ${status}`);
    expect(told.filter((line) => line.startsWith('Logs'))).toEqual(['Logs CREATE_IN_PROGRESS', 'Logs CREATE_COMPLETE']);
    expect(told[0]).toContain('CREATE_IN_PROGRESS');
    expect(told.at(-1)).toBe('port-test CREATE_COMPLETE');
    expect(await stacks.events('port-test', events.at(-1)!.id)).toEqual([]);
  });

  test('nothing to change is an empty change set; previous values count as the same', async () => {
    const same = await makeChangeSet(
      asked('same', { template: { previous: true }, parameters: new Map([['Days', { previous: true }]]) }),
      io,
    );
    expect(same).toMatchObject({ executable: false, changes: [] });
    await stacks.deleteChangeSet(same.id);
    await stacks.deleteChangeSet(same.id);
  });

  test('a changed value names the property', async () => {
    const changed = await makeChangeSet(asked('changed', { parameters: new Map([['Days', '14']]) }), io);
    expect(changed.changes).toMatchObject([
      { action: 'Modify', logicalId: 'Logs', properties: [{ name: 'RetentionInDays' }] },
    ]);
    await stacks.deleteChangeSet(changed.id);
  });

  test('a template AWS refuses is a typed error with the reason', async () => {
    const broken = JSON.stringify({ Resources: { X: { Type: 'AWS::No::Such' } } });
    await expect(stacks.createChangeSet(asked('broken', { template: broken }))).rejects.toMatchObject({
      name: 'AwsError',
      code: 'ValidationError',
      operation: 'CreateChangeSet',
      message: expect.stringContaining('AWS::No::Such'),
    });
  });

  test('deletes', async () => {
    await stacks.deleteStack('port-test', { token: 'gone', executionRole: undefined });
    expect(['gone', 'DELETE_COMPLETE']).toContain(await settle());
  });
});

describe('an environment', () => {
  const s3 = new S3Client({ region, forcePathStyle: true });
  const secrets = new SecretsManagerClient({ region });
  let made: ActionReport;
  const output = (name: string): string => made.outputs[name] ?? '';

  beforeAll(async () => {
    made = await provision({ tier: 'production-small' });
  });

  test('is made whole, with every output that the contract names', () => {
    expect(made.failure).toBeUndefined();
    expect(made.outputs).toMatchObject({
      changed: 'true',
      cluster: 'viewed-cluster',
      service: 'viewed-api',
      'ecr-repository': 'viewed',
      'frontend-bucket': 'viewed-frontend-000000000000',
      'uploads-bucket': 'viewed-uploads-000000000000',
      'log-group': '/ecs/viewed',
      'initial-count': '2',
      'missing-secrets': 'viewed/openai-api-key',
    });
    expect(output('task-definition-base')).toContain('task-definition/viewed-backend-base:1');
    expect(output('site-url')).toMatch(/^https:\/\/\w+\.cloudfront\.net$/);
    expect(output('api-url')).toBe(output('site-url'));
    expect(lines.join('\n')).toContain('✓ created PostgreSQL database (Database)');
  });

  test('has secrets that fit together, and none in an output', async () => {
    const read = async (name: string): Promise<string> =>
      (await secrets.send(new GetSecretValueCommand({ SecretId: `viewed/${name}` }))).SecretString ?? '';
    const { password } = JSON.parse(await read('database-password')) as { password: string };
    expect(password).toMatch(/^[A-Za-z0-9]{40}$/);
    expect(await read('database-url')).toMatch(
      new RegExp(`^postgresql\\+asyncpg://studio_admin:${password}@[^/]+:\\d+/viewed\\?ssl=require$`),
    );
    expect(await read('redis-url')).toMatch(/^rediss:\/\/[^/]+:\d+\/0$/);
    expect((await read('jwt-secret')).length).toBe(64);
    expect(JSON.stringify(made) + lines.join('\n')).not.toContain(password);
  });

  test('again: unchanged, and no change set stays', async () => {
    const again = await provision({ tier: 'production-small' });
    expect(again.outputs).toMatchObject({ changed: 'false', changes: '0', cluster: 'viewed-cluster' });
    const { Summaries = [] } = await new CloudFormationClient({ region }).send(
      new ListChangeSetsCommand({ StackName: 'viewed-production-app' }),
    );
    expect(Summaries.filter(({ ExecutionStatus }) => ExecutionStatus === 'AVAILABLE')).toEqual([]);
  });

  test('one changed setting changes only what it is about', async () => {
    const changed = 'environment-variables: { CACHE_TTL: 60, EXTRA: "a: \\"quoted\\" value" }';
    const plan = await provision({ tier: 'production-small', mode: 'plan' }, changed);
    expect(plan.summary).toContain('base task definition');
    expect(plan.summary).not.toContain('viewed-production-foundation`: ');
    const applied = await provision({ tier: 'production-small' }, changed);
    expect(applied.failure).toBeUndefined();
    expect(Number(applied.outputs['changes'])).toBeLessThanOrEqual(2);
    const { taskDefinition } = await new ECSClient({ region }).send(
      new DescribeTaskDefinitionCommand({ taskDefinition: applied.outputs['task-definition-base'] ?? '' }),
    );
    const environment = taskDefinition?.containerDefinitions?.[0]?.environment ?? [];
    expect(environment).toContainEqual({ name: 'CACHE_TTL', value: '60' });
    expect(environment).toContainEqual({ name: 'EXTRA', value: 'a: "quoted" value' });
    expect(environment).toContainEqual({ name: 'LOG_FORMAT', value: 'json' });
  });

  test('a deployment is not undone by a change of the infrastructure', async () => {
    const ecs = new ECSClient({ region });
    const family = { family: 'viewed-backend', containerDefinitions: [{ name: 'fastapi', image: 'x', memory: 128 }] };
    const { RegisterTaskDefinitionCommand, DescribeServicesCommand } = await import('@aws-sdk/client-ecs');
    const { taskDefinition } = await ecs.send(new RegisterTaskDefinitionCommand(family));
    const where = { cluster: 'viewed-cluster', service: 'viewed-api' };
    await ecs.send(
      new UpdateServiceCommand({ ...where, taskDefinition: taskDefinition?.taskDefinitionArn, desiredCount: 1 }),
    );
    for (let tries = 0; tries < 100; tries += 1) {
      const state = await io.services.describeService(where);
      if (state?.deployments.every(({ rolloutState }) => rolloutState !== 'IN_PROGRESS')) break;
      await systemClock.sleep(100);
    }

    expect((await provision({ tier: 'production-small' }, 'parameters: { TaskMemory: 2048 }')).failure).toBeUndefined();
    const { services = [] } = await ecs.send(
      new DescribeServicesCommand({ cluster: where.cluster, services: [where.service] }),
    );
    expect(services[0]).toMatchObject({ taskDefinition: taskDefinition?.taskDefinitionArn, desiredCount: 1 });
  });

  test('a secret that a person filled in reaches the base task definition', async () => {
    await secrets.send(new PutSecretValueCommand({ SecretId: 'viewed/openai-api-key', SecretString: 'sk-test' }));
    const report = await provision({ tier: 'production-small' });
    expect(report.outputs['missing-secrets']).toBe('');
    const { taskDefinition } = await new ECSClient({ region }).send(
      new DescribeTaskDefinitionCommand({ taskDefinition: report.outputs['task-definition-base'] ?? '' }),
    );
    const names = taskDefinition?.containerDefinitions?.[0]?.secrets?.map(({ name }) => name);
    expect(names).toEqual(['DATABASE_URL', 'SECRET_KEY', 'OPENAI_API_KEY', 'REDIS_URL']);
  });

  test('viewers get the site at every route, a 404 for what is missing, no releases, and the API uncached', async () => {
    for (const key of ['index.html', '.releases/1.json']) {
      await s3.send(new PutObjectCommand({ Bucket: output('frontend-bucket'), Key: key, Body: '<h1>hello</h1>' }));
    }
    const host = new URL(output('site-url')).host;
    const view = async (
      path: string,
    ): Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }> =>
      new Promise((resolve, reject) => {
        const sent = request({ ...endpoint(), path, headers: { host, 'x-forwarded-proto': 'https' } }, (response) => {
          let body = '';
          response.on('data', (data: Buffer) => (body += data.toString()));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
        });
        sent.on('error', reject).end();
      });
    expect(await view('/')).toMatchObject({ status: 200, body: '<h1>hello</h1>' });
    expect(await view('/a/route')).toMatchObject({ status: 200, body: '<h1>hello</h1>' });
    expect((await view('/')).headers).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'strict-transport-security': expect.stringContaining('max-age=31536000'),
    });
    expect((await view('/missing.js')).status).toBe(404);
    expect((await view('/.releases/1.json')).status).toBe(403);
    // The load balancer let CloudFront in, and has no task to send it to (there is no Docker here).
    expect((await view('/api/summary')).status).toBe(503);
  });

  test('the load balancer answers nobody else', async () => {
    const { hostname, port } = endpoint();
    const answer = await fetch(`http://${hostname}:${port}/_alb/viewed-alb/api/summary`);
    expect(answer.status).toBe(403);
  });

  test('a parameter that AWS refuses is red with the first cause, and the next run starts afresh', async () => {
    const broken = { tier: 'development', environment: 'broken' };
    await s3.send(
      new (await import('@aws-sdk/client-s3')).CreateBucketCommand({ Bucket: 'viewed-broken-uploads-000000000000' }),
    );
    const report = await provision(broken);
    expect(report.failure?.message).toContain('viewed-broken-foundation ended as ROLLBACK_COMPLETE');
    expect(report.failure?.message).toContain('bucket of uploaded files (UploadsBucket)');
    expect(report.outputs).toMatchObject({ changed: 'true' });
    await s3.send(
      new (await import('@aws-sdk/client-s3')).DeleteBucketCommand({ Bucket: 'viewed-broken-uploads-000000000000' }),
    );
    expect((await provision(broken)).failure).toBeUndefined();
  });

  test.each(tiers)('the tier %s', async (tier) => {
    const environment = { app: 'tiers', environment: tier.replace('production-', ''), tier };
    const plan = await provision({ ...environment, mode: 'plan' });
    const report = await provision(environment);
    expect(report.failure).toBeUndefined();
    // What was planned from the template is what CloudFormation then did.
    expect(report.outputs['changes']).toBe(plan.outputs['changes']);
    expect(report.outputs['task-public-ip']).toBe(tier === 'development' ? 'ENABLED' : 'DISABLED');
    expect(report.outputs['redis-url-secret-arn'] === 'none').toBe(tier === 'development');
  });

  test('with a domain everything is HTTPS under its names', async () => {
    const report = await provision(
      { environment: 'named', tier: 'development' },
      `domain: example.com
parameters:
  SiteCertificateArn: arn:aws:acm:us-east-1:000000000000:certificate/site
  ApiCertificateArn: arn:aws:acm:us-east-1:000000000000:certificate/api
`,
    );
    expect(report.failure).toBeUndefined();
    expect(report.outputs).toMatchObject({
      'site-url': 'https://analytics.example.com',
      'api-url': 'https://api.example.com',
    });
    expect(report.outputs).not.toHaveProperty('origin-secret-arn');
  });
});

describe('drift', () => {
  const inputs = { app: 'drifting', environment: 'test', tier: 'development' };
  const drift = () => provision({ ...inputs, mode: 'drift', 'drift-is': 'red' });
  const group = '/ecs/drifting-test';
  const logs = new CloudWatchLogsClient({ region });

  test('what was changed or deleted by hand is told, and nothing where nobody did', async () => {
    expect((await provision(inputs)).failure).toBeUndefined();
    const before = await drift();
    expect(before.failure).toBeUndefined();
    expect(before.outputs).toMatchObject({ drifted: 'false', changed: 'false', service: 'drifting-test-api' });

    await logs.send(new PutRetentionPolicyCommand({ logGroupName: group, retentionInDays: 365 }));
    const changed = await drift();
    expect(changed.outputs['drifted']).toBe('true');
    expect(changed.failure?.message).toContain('(LogGroup): /RetentionInDays: 7 → 365');

    await logs.send(new DeleteLogGroupCommand({ logGroupName: group }));
    expect((await drift()).failure?.message).toContain('(LogGroup)');
    expect(await stacks.resourceDrifts('drifting-test-foundation')).toContainEqual(
      expect.objectContaining({
        logicalId: 'LogGroup',
        physicalId: group,
        type: 'AWS::Logs::LogGroup',
        status: 'DELETED',
        differences: [],
      }),
    );
  });

  test('a stack that is not there cannot be compared', async () => {
    await expect(stacks.detectDrift('nowhere')).rejects.toThrow('CloudFormation DetectStackDrift');
    await expect(stacks.driftDetection('nowhere')).rejects.toThrow('DescribeStackDriftDetectionStatus');
  });
});

function endpoint(): { readonly hostname: string; readonly port: string } {
  const { hostname, port } = new URL(process.env['AWS_ENDPOINT_URL'] ?? '');
  return { hostname, port };
}
