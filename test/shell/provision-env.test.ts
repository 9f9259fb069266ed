import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { parseInputs } from '../../actions/provision-env/src/inputs.ts';
import { readTemplates } from '../../actions/provision-env/src/templates.ts';
import { run } from '../../actions/provision-env/src/run.ts';
import { InputReader } from '../../shared/action/input-reader.ts';
import type { ActionReport } from '../../shared/action/run.ts';
import { AwsError } from '../../shared/core/errors.ts';
import { modification, property, service, throttled, world, type World } from './provision-env.fakes.ts';

const workspace = mkdtempSync(join(tmpdir(), 'slipway-provision-'));
const foundation = 'analytics-studio-production-foundation';
const app = 'analytics-studio-production-app';
const monitoring = 'analytics-studio-production-monitoring';
const deployed = 'arn:aws:ecs:us-east-1:1:task-definition/analytics-studio-backend:7';
const base = 'arn:aws:ecs:us-east-1:1:task-definition/analytics-studio-backend-base:1';

let aws: World;
beforeEach(() => {
  aws = world();
});

async function provision(inputs: Readonly<Record<string, string>> = {}): Promise<ActionReport> {
  const read = new InputReader({
    get: (name) => ({ mode: 'apply', tier: 'production-small', ...inputs })[name] ?? '',
    env: { AWS_REGION: 'us-east-1' },
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
    aws,
  );
}

/** A changed setting of the app stack. */
function changed(): { readonly config: string } {
  writeFileSync(join(workspace, 'changed.yml'), 'parameters: { TaskMemory: 2048 }');
  return { config: 'changed.yml' };
}

function parametersOf(index: number): Readonly<Record<string, string>> {
  return aws.stacks.executed[index]!.parameters;
}

describe('first creation', () => {
  test('makes the foundation, then the app with its outputs', async () => {
    const report = await provision();
    expect(report.failure).toBeUndefined();
    expect(aws.stacks.executed.map(({ stack }) => stack)).toEqual([foundation, foundation, app, monitoring]);
    expect(parametersOf(0)).toMatchObject({ Name: 'analytics-studio', Nat: 'single', Redis: 'true' });
    expect(parametersOf(2)).toMatchObject({
      VpcId: `VpcId of ${foundation}`,
      ServiceTaskDefinition: 'base',
      ServiceCount: 'zero',
      OpenaiApiKeyHasValue: 'false',
    });
    expect(report.outputs).toMatchObject({
      changed: 'true',
      cluster: `Cluster of ${app}`,
      'frontend-bucket': `FrontendBucket of ${foundation}`,
      'missing-secrets': 'analytics-studio/openai-api-key',
      'monthly-usd': '184.56',
    });
    expect(aws.lines.join('\n')).toContain('✓ created PostgreSQL database (Database), 1.0 s');
    expect(aws.lines.filter((line) => line.includes('own credentials'))).toHaveLength(1);
    expect(report.summary).toContain('### ✅ analytics-studio production is up');
    expect(report.summary).toContain('aws secretsmanager put-secret-value --secret-id analytics-studio/openai-api-key');
  });

  test('a database is protected only once its stack stands: a protected one could not be rolled back', async () => {
    const report = await provision();
    const [first, second] = aws.stacks.executed;
    expect(first!.parameters['DatabaseDeletionProtection']).toBe('false');
    expect(second).toMatchObject({
      stack: foundation,
      parameters: { ...first!.parameters, DatabaseDeletionProtection: 'true' },
    });
    expect(report.summary).toContain('✅ created');
    // What the second step does is no change of its own.
    const { foundation: data, app: serving, monitoring: watching } = readTemplates();
    const all = [data, serving, watching].flatMap(({ resources }) => [...resources]);
    expect(report.outputs['changes']).toBe(String(all.length));
  });

  test('one that is not to be protected is made in one step', async () => {
    await provision({ tier: 'development' });
    expect(aws.stacks.executed.map(({ stack }) => stack)).toEqual([foundation, app, monitoring]);
  });

  test('a protection that failed is red, tells the outputs, and the next run sees to it', async () => {
    aws.stacks.behaviour.set(foundation, { fails: { ChangedDatabaseDeletionProtection: 'not now' } });
    const report = await provision();
    expect(report.failure?.message).toContain('not now');
    expect(report.outputs['vpc-id']).toBe(`VpcId of ${foundation}`);
    aws.stacks.behaviour.clear();
    expect((await provision()).failure).toBeUndefined();
    expect(aws.stacks.stacks.get(foundation)!.state.parameters.get('DatabaseDeletionProtection')).toBe('true');
  });

  test('a run that attaches to the creation of another protects as well', async () => {
    aws.stacks.behaviour.set(foundation, { ms: 5 * 60_000 });
    await provision({ 'wait-timeout-minutes': '1' });
    expect((await provision()).failure).toBeUndefined();
    expect(aws.stacks.stacks.get(foundation)!.state.parameters.get('DatabaseDeletionProtection')).toBe('true');
  });

  test('a protected database in the way is told with the command that unlocks it', async () => {
    const reason = 'Cannot delete protected DB Instance, please disable deletion protection and try again.';
    aws.stacks.behaviour.set(foundation, { fails: { Database: reason } });
    expect((await provision()).failure?.hint).toContain(
      'aws rds modify-db-instance --db-instance-identifier analytics-studio-db --no-deletion-protection',
    );
  });

  test('again, nothing is changed and nothing left', async () => {
    await provision();
    const before = aws.stacks.executed.length;
    const report = await provision();
    expect(aws.stacks.executed).toHaveLength(before);
    expect(report.outputs).toMatchObject({ changed: 'false', changes: '0', cluster: `Cluster of ${app}` });
    expect(aws.stacks.changeSets.size).toBe(0);
    expect(report.summary).toContain('is unchanged');
  });

  test('a failure tells its first cause; the app is not started; the next run makes it anew', async () => {
    aws.stacks.behaviour.set(foundation, { fails: { Database: 'Invalid DB engine', Cache: 'no such node' } });
    const report = await provision();
    expect(report.failure?.message).toContain(`${foundation} ended as ROLLBACK_COMPLETE`);
    // The template names the cache behind the database.
    expect(report.failure?.message).toContain('First failure: PostgreSQL database (Database): Invalid DB engine');
    expect(report.outputs).toMatchObject({ changed: 'true' });
    expect(report.summary).toContain('➖ not started');
    expect(aws.stacks.stacks.has(app)).toBe(false);

    aws.stacks.behaviour.clear();
    const again = await provision();
    expect(again.failure).toBeUndefined();
    expect(aws.stacks.writes).toContain(`delete ${foundation}`);
    expect(again.outputs['cluster']).toBe(`Cluster of ${app}`);
  });

  test('with an execution role nothing hangs on the run’s own credentials', async () => {
    await provision({ 'execution-role-arn': 'arn:aws:iam::123456789012:role/cloudformation' });
    expect(aws.lines.filter((line) => line.includes('own credentials'))).toEqual([]);
  });

  test('a change set that CloudFormation refuses leaves no empty stack behind', async () => {
    aws.stacks.behaviour.set(foundation, { refused: 'Template error: something' });
    const report = await provision();
    expect(report.failure?.message).toContain('refused the change: Template error: something');
    expect([aws.stacks.stacks.size, aws.stacks.changeSets.size]).toEqual([0, 0]);
    expect(report.outputs).toMatchObject({ changed: 'false' });
  });

  test('what validation found is told, not only that it found something', async () => {
    aws.stacks.validation = [
      {
        id: 'v',
        at: Number.MAX_SAFE_INTEGER,
        logicalId: 'UploadsBucket',
        physicalId: '',
        type: 'AWS::S3::Bucket',
        status: 'VALIDATION_FAILED',
        reason: 'the name is taken',
      },
    ];
    aws.stacks.behaviour.set(foundation, { fails: { Vpc: 'Validation failed. Call DescribeEvents for more.' } });
    expect((await provision()).failure?.message).toContain(
      'bucket of uploaded files (UploadsBucket): the name is taken',
    );
    aws.stacks.behaviour.set(foundation, { refused: 'Validation failed. Call DescribeEvents for more.' });
    expect((await provision()).failure?.message).toContain('UploadsBucket: the name is taken');
  });

  test.each(['REVIEW_IN_PROGRESS', 'ROLLBACK_COMPLETE'])('a leftover %s is removed first', async (status) => {
    aws.stacks.add(foundation, status);
    expect((await provision()).failure).toBeUndefined();
    expect(aws.stacks.writes[0]).toBe(`delete ${foundation}`);
  });
});

describe('update', () => {
  beforeEach(async () => {
    await provision();
    aws.service = service(base, 'COMPLETED');
    aws.stacks.executed.length = 0;
    aws.stacks.writes.length = 0;
    aws.lines.length = 0;
  });

  test('a deployment since is no reason to touch the stack', async () => {
    aws.service = service(deployed, 'COMPLETED');
    const report = await provision();
    expect(aws.stacks.executed).toEqual([]);
    expect(report.outputs['changed']).toBe('false');
  });

  test('before a real change the stack learns what runs, and the number of tasks is let go', async () => {
    aws.service = service(deployed, 'COMPLETED');
    const report = await provision(changed());
    expect(report.failure).toBeUndefined();
    expect(aws.stacks.executed.map(({ stack }) => stack)).toEqual([app, app]);
    expect(parametersOf(0)).toMatchObject({
      ServiceTaskDefinition: deployed,
      ServiceCount: 'keep',
      TaskMemory: '1024',
    });
    expect(parametersOf(1)).toMatchObject({
      ServiceTaskDefinition: deployed,
      ServiceCount: 'keep',
      TaskMemory: '2048',
    });
    expect(report.outputs).toMatchObject({ changed: 'true', changes: '1' });
  });

  test('a rolled-back update still knows the deployed revision', async () => {
    aws.service = service(deployed, 'COMPLETED');
    aws.stacks.behaviour.set(app, { fails: { ChangedTaskMemory: 'no' } });
    const report = await provision(changed());
    expect(report.failure?.message).toContain('UPDATE_ROLLBACK_COMPLETE');
    expect(report.outputs).toMatchObject({ changed: 'true', cluster: `Cluster of ${app}` });
    const restored = aws.stacks.stacks.get(app)!.state.parameters;
    expect(restored.get('ServiceTaskDefinition')).toBe(deployed);
    expect(restored.get('TaskMemory')).toBe('1024');
  });

  describe('of the container’s name or port', () => {
    const container = (text: string): { readonly config: string } => {
      writeFileSync(join(workspace, 'container.yml'), `parameters: { ${text} }`);
      return { config: 'container.yml' };
    };

    test.each(['plan', 'apply'])('is refused by %s while a deployed revision has the old one', async (mode) => {
      aws.service = service(deployed, 'COMPLETED');
      const refused = provision({ mode, ...container('ContainerPort: 9000, ContainerName: api') });
      await expect(refused).rejects.toMatchObject({
        code: 'ContainerDeployed',
        message: `${app}: ContainerName from fastapi to api and ContainerPort from 8000 to 9000 cannot change while the service runs ${deployed}, which has the old one`,
      });
      expect(aws.stacks.executed).toEqual([]);
      expect(aws.stacks.changeSets.size).toBe(0);
    });

    test('is made before the first deployment, and when what they are is only said once more', async () => {
      expect((await provision(container('ContainerName: fastapi, ContainerPort: 8000'))).failure).toBeUndefined();
      expect(aws.stacks.executed).toEqual([]);
      expect((await provision(container('ContainerPort: 9000'))).failure).toBeUndefined();
      expect(parametersOf(aws.stacks.executed.length - 1)).toMatchObject({ ContainerPort: '9000' });
      // And back to the template's own.
      aws.service = service(deployed, 'COMPLETED');
      await expect(provision()).rejects.toThrow('ContainerPort from 9000 to 8000');
    });

    test('is refused as well when it was deployed after the plan was made', async () => {
      const describe = aws.services.describeService.bind(aws.services);
      let asked = 0;
      Object.assign(aws.services, {
        describeService: async (ref: never) => {
          asked += 1;
          return asked === 1 ? describe(ref) : service(deployed, 'COMPLETED');
        },
      });
      const report = await provision(container('ContainerPort: 9000'));
      expect(report.failure?.code).toBe('ContainerDeployed');
      expect(report.failure?.hint).toContain('Set ContainerPort: 8000.');
      expect(aws.stacks.executed).toEqual([]);
      expect(aws.stacks.changeSets.size).toBe(0);
    });
  });

  test('is refused while a deployment is under way; the foundation is not', async () => {
    aws.service = service(deployed, 'IN_PROGRESS', 'COMPLETED');
    const report = await provision(changed());
    expect(report.failure?.code).toBe('DeploymentRunning');
    expect(aws.stacks.executed).toEqual([]);
    expect(aws.stacks.changeSets.size).toBe(0);
    expect(report.summary).toContain('✅ unchanged');
  });

  test('a deployment that failed long ago does not stand in the way', async () => {
    aws.service = service(deployed, 'COMPLETED', 'FAILED');
    expect((await provision(changed())).failure).toBeUndefined();
  });

  test('a secret that was filled in since reaches the base task definition', async () => {
    aws.openaiKey = true;
    const report = await provision();
    expect(parametersOf(1)).toMatchObject({ OpenaiApiKeyHasValue: 'true' });
    expect(report.outputs['missing-secrets']).toBe('');
  });

  test('a role that may not look at secrets takes nothing away', async () => {
    aws.openaiKey = true;
    await provision();
    const before = aws.stacks.executed.length;
    aws.openaiKey = new AwsError('AccessDeniedException', 'denied', {
      service: 'SecretsManager',
      operation: 'DescribeSecret',
      fault: 'user',
    });
    const report = await provision();
    expect(report.failure).toBeUndefined();
    expect(aws.stacks.executed).toHaveLength(before);
    expect(report.outputs['missing-secrets']).toBe('');
  });

  test.each(['replace', 'remove'] as const)('does not %s data that is not named', async (what) => {
    aws.stacks.changesOf = (stack, differing) =>
      stack === foundation || differing.length === 0
        ? []
        : [
            modification('Database', {
              type: 'AWS::RDS::DBInstance',
              ...(what === 'remove' ? { action: 'Remove' } : { replacement: 'Conditional' }),
            }),
          ];
    const refused = await provision(changed());
    expect(refused.failure?.code).toBe('DataAtRisk');
    expect(refused.failure?.hint).toContain('Database');
    expect(aws.stacks.executed).toEqual([]);
    expect((await provision({ ...changed(), 'allow-replacement': 'Database' })).failure).toBeUndefined();
  });

  test('only the plan that was reviewed', async () => {
    const plan = await provision({ mode: 'plan' });
    await expect(provision({ ...changed(), 'plan-digest': plan.outputs['plan-digest']! })).rejects.toThrow(/reviewed/);
    expect(aws.stacks.executed).toEqual([]);
    expect((await provision({ 'plan-digest': plan.outputs['plan-digest']! })).failure).toBeUndefined();
  });

  test('the digest does not hang on what was deployed since', async () => {
    const before = (await provision({ mode: 'plan' })).outputs['plan-digest'];
    aws.service = service(deployed, 'COMPLETED');
    expect((await provision({ mode: 'plan' })).outputs['plan-digest']).toBe(before);
    expect((await provision({ mode: 'plan', ...changed() })).outputs['plan-digest']).not.toBe(before);
  });
});

describe('waiting', () => {
  test('attaches to an operation that runs already', async () => {
    await provision();
    aws.stacks.finish(foundation, 'UPDATE_IN_PROGRESS');
    aws.stacks.later(60_000, () => aws.stacks.finish(foundation, 'UPDATE_COMPLETE'));
    const report = await provision();
    expect(report.failure).toBeUndefined();
    expect(aws.lines.join('\n')).toContain('waiting for the operation that runs already');
  });

  test('the state before an operation is not taken for its outcome', async () => {
    await provision();
    aws.stacks.behaviour.set(app, { lagMs: 5000 });
    await provision(changed());
    expect(aws.stacks.stacks.get(app)!.state.parameters.get('TaskMemory')).toBe('2048');
  });

  test('throttled polls are no news', async () => {
    aws.stacks.behaviour.set(foundation, { ms: 20_000 });
    const running = provision();
    aws.clock.onTick.push(() => {
      if (aws.stacks.executed.length === 1 && aws.clock.now() % 3 === 0) aws.stacks.faults.push(throttled());
    });
    expect((await running).failure).toBeUndefined();
  });

  test('a timeout is red, and a rerun finishes', async () => {
    aws.stacks.behaviour.set(foundation, { ms: 5 * 60_000 });
    const late = await provision({ tier: 'development', 'wait-timeout-minutes': '1' });
    expect(late.failure?.code).toBe('WaitTimeout');
    expect(late.failure?.message).toContain('CREATE_IN_PROGRESS');
    expect((await provision({ tier: 'development' })).failure).toBeUndefined();
    expect(aws.stacks.writes.filter((write) => write === `execute ${foundation}`)).toHaveLength(1);
  });

  test('no silent minute: what takes long is told while it does', async () => {
    aws.stacks.behaviour.set(foundation, { ms: 3 * 60_000 });
    await provision();
    const waiting = aws.lines.filter((line) => line.includes('… ') && line.includes('PostgreSQL database'));
    expect(waiting.length).toBeGreaterThanOrEqual(4);
  });

  test('a cancelled run says that AWS goes on', async () => {
    aws.stacks.behaviour.set(foundation, { ms: 60_000 });
    aws.clock.onTick.push((now) => {
      if (now > 1_800_000_010_000) aws.cancel.abort(new Error('SIGINT'));
    });
    const report = await provision();
    expect(report.failure?.code).toBe('Cancelled');
    expect(report.failure?.hint).toContain('goes on by itself');
  });

  test('a stack that only a person can mend is named, and nothing is touched', async () => {
    await provision();
    aws.stacks.finish(app, 'UPDATE_ROLLBACK_FAILED');
    aws.stacks.writes.length = 0;
    await expect(provision()).rejects.toThrow(/UPDATE_ROLLBACK_FAILED/);
    expect(aws.stacks.writes).toEqual([]);
  });
});

describe('plan', () => {
  test('of nothing comes from the templates, without a single write', async () => {
    const report = await provision({ mode: 'plan' });
    expect(aws.stacks.writes).toEqual([]);
    const added = aws.lines.filter((line) => line.startsWith('  add ')).length;
    expect(added).toBeGreaterThan(70);
    expect(report.outputs).toMatchObject({ changed: 'false', changes: String(added) });
    expect(report.summary).toContain('PostgreSQL database');
    expect(report.summary).not.toContain('second NAT gateway');
  });

  test('of what exists asks CloudFormation and leaves nothing behind', async () => {
    await provision();
    const executed = aws.stacks.executed.length;
    aws.stacks.changesOf = (stack, differing) =>
      stack === app && differing.length > 0
        ? [
            modification('Service', { properties: [property('TaskDefinition')] }),
            modification('Database', { type: 'AWS::RDS::DBInstance', replacement: 'True' }),
          ]
        : [];
    const report = await provision({ mode: 'plan', ...changed() });
    expect(aws.stacks.executed).toHaveLength(executed);
    expect(aws.stacks.changeSets.size).toBe(0);
    expect(report.outputs).toMatchObject({ changed: 'false', changes: '2', cluster: `Cluster of ${app}` });
    expect(report.summary).toContain('⛔ **Apply would refuse to** replace');
  });

  test('a dry run of apply executes nothing', async () => {
    const report = await provision({ 'dry-run': 'true' });
    expect(aws.stacks.writes).toEqual([]);
    expect(report.summary).toContain('📋 Plan');
  });
});

describe('outputs', () => {
  test('are read without a change', async () => {
    await provision();
    aws.stacks.writes.length = 0;
    const report = await provision({ mode: 'outputs' });
    expect(report.outputs).toMatchObject({ cluster: `Cluster of ${app}`, changed: 'false' });
    expect(aws.stacks.writes).toEqual([]);
  });

  test('of what is not there are red, with what to do', async () => {
    const report = await provision({ mode: 'outputs' });
    expect(report.failure?.message).toContain(foundation);
    expect(report.failure?.hint).toContain('provision the environment first');
  });

  test.each([
    ['REVIEW_IN_PROGRESS', []],
    ['ROLLBACK_COMPLETE', []],
    ['CREATE_IN_PROGRESS', []],
    ['CREATE_FAILED', ['VpcId']],
    ['UPDATE_ROLLBACK_FAILED', 'all'],
    ['DELETE_IN_PROGRESS', 'all'],
    ['DELETE_FAILED', 'all'],
  ] as const)('are red while a stack is %s, with its name and status', async (status, has) => {
    await provision();
    const { state } = aws.stacks.stacks.get(app)!;
    aws.stacks.finish(app, status);
    if (has !== 'all') state.outputs = new Map(has.map((name) => [name, 'x']));
    const report = await provision({ mode: 'outputs' });
    expect(report.failure?.code).toBe('StackMissing');
    expect(report.failure?.message).toContain(`${app} is ${status}`);
    expect(report.failure?.message).not.toContain(foundation);
    expect(report.summary).toContain('❌');
  });

  test('are red when one of them is missing, and name it; those under a condition may be', async () => {
    await provision();
    const { state } = aws.stacks.stacks.get(app)!;
    const outputs = new Map(state.outputs);
    outputs.delete('OriginSecretArn');
    state.outputs = outputs;
    expect((await provision({ mode: 'outputs' })).failure).toBeUndefined();
    outputs.delete('SiteUrl');
    const report = await provision({ mode: 'outputs' });
    expect(report.failure?.message).toContain(`${app} is CREATE_COMPLETE without site-url`);
  });

  test('are there while an update runs', async () => {
    await provision();
    aws.stacks.finish(app, 'UPDATE_IN_PROGRESS');
    expect((await provision({ mode: 'outputs' })).failure).toBeUndefined();
  });
});
