import { describe, expect, test } from '@jest/globals';
import {
  deletionFailure,
  destroySpecs,
  planDestroy,
  removedBy,
  removedIn,
  type DestroyPlan,
  type SeenStack,
} from '../../../actions/provision-env/src/destroy-plan.ts';
import { destroyLines, reportDestroy, reportDestroyPlan } from '../../../actions/provision-env/src/destroy-report.ts';
import type { StackEnd } from '../../../actions/provision-env/src/destroy.ts';
import { monthlyOf } from '../../../actions/provision-env/src/leftover-prices.ts';
import { inOrder, removalOf, snapshotType, type Leftover } from '../../../actions/provision-env/src/leftovers.ts';
import { stackKeys, type StackKey } from '../../../actions/provision-env/src/stacks.ts';
import { readTemplates } from '../../../actions/provision-env/src/templates.ts';
import type { StackEvent, StackState } from '../../../shared/aws/cloudformation.ts';
import { parseYaml } from '../../../actions/provision-env/src/template.ts';

const templates = readTemplates();
const named = { app: 'studio', environment: 'staging', region: 'eu-west-1' };
const specs = destroySpecs(named, templates);
const specOf = (key: StackKey) => specs.find((spec) => spec.key === key)!;

function stateOf(key: StackKey, special: Partial<StackState> = {}): StackState {
  const { name, region } = specOf(key);
  return {
    id: `arn:aws:cloudformation:${region}:123456789012:stack/${name}/1`,
    name,
    status: 'CREATE_COMPLETE',
    reason: '',
    parameters: new Map(),
    outputs: new Map(),
    isProtected: false,
    ...special,
  };
}

/** Everything that the template can have. */
function seenOf(key: StackKey, special: Partial<SeenStack> = {}): readonly [StackKey, SeenStack] {
  const resources = [...templates[key].resources.values()].map(({ logicalId, type }) => ({
    logicalId,
    type,
    physicalId: `the-${logicalId}`,
    status: 'CREATE_COMPLETE',
  }));
  return [key, { state: stateOf(key), resources, ...special }];
}

const planOf = (...seen: readonly (readonly [StackKey, SeenStack])[]): DestroyPlan =>
  planDestroy(named, specs, new Map(seen));
const everything = planOf(...stackKeys.map((key) => seenOf(key)));

let ids = 0;
function event(logicalId: string, status: string, special: Partial<StackEvent> = {}): StackEvent {
  ids += 1;
  const type = templates.foundation.resources.get(logicalId)?.type ?? 'AWS::Test::Thing';
  return { id: String(ids), at: ids, logicalId, physicalId: `the-${logicalId}`, type, status, reason: '', ...special };
}
const ofStack = (status: string, reason = ''): StackEvent => {
  const { id, name } = stateOf('foundation');
  return event(name, status, { physicalId: id, type: 'AWS::CloudFormation::Stack', reason });
};

describe('the templates', () => {
  const holding = [
    'AWS::S3::Bucket',
    'AWS::ECR::Repository',
    'AWS::KMS::Key',
    'AWS::Logs::LogGroup',
    'AWS::SecretsManager::Secret',
    'AWS::RDS::DBInstance',
  ];
  const policies = stackKeys.flatMap((key) => {
    const { Resources } = parseYaml(templates[key].text) as {
      readonly Resources: Readonly<Record<string, { readonly Type: string; readonly DeletionPolicy?: unknown }>>;
    };
    return Object.entries(Resources).map(([id, { Type, DeletionPolicy }]) => ({ key, id, Type, DeletionPolicy }));
  });

  test('keep what holds data, under any condition: no policy hangs on one, and only a generated secret goes', () => {
    const wanted = (type: string): string => (type === 'AWS::RDS::DBInstance' ? 'Snapshot' : 'RetainExceptOnCreate');
    const wrong = policies.filter(
      ({ Type, DeletionPolicy }) => holding.includes(Type) && DeletionPolicy !== wanted(Type),
    );
    expect(wrong.map(({ id }) => id)).toEqual(['OriginSecret']);
    expect(policies.filter(({ DeletionPolicy }) => DeletionPolicy === 'Snapshot').map(({ id }) => id)).toEqual([
      'Database',
    ]);
  });

  test('keep nothing of which it is not known how to remove it and what it costs', () => {
    const kept = policies.filter(({ DeletionPolicy = 'Delete' }) => DeletionPolicy !== 'Delete');
    for (const { Type } of kept) {
      const type = Type === 'AWS::RDS::DBInstance' ? snapshotType : Type;
      expect([type, monthlyOf(type)]).toEqual([type, expect.stringContaining('$')]);
      const [command = ''] = removalOf({ type, logicalId: 'X', description: 'x', region: 'r-1', physicalId: 'x' });
      expect([type, command]).toEqual([type, expect.stringMatching(/aws .*--region r-1 /)]);
    }
    expect(monthlyOf('AWS::Test::Thing')).toBeUndefined();
  });
});

describe('the plan', () => {
  test('goes from what uses to what is used', () => {
    expect(everything.removals.map(({ spec, after }) => [spec.key, spec.region, after])).toEqual([
      ['monitoring', 'eu-west-1', []],
      ['app', 'eu-west-1', ['monitoring']],
      ['edge', 'us-east-1', ['app']],
      ['foundation', 'eu-west-1', ['app', 'monitoring']],
    ]);
    expect(everything.confirmation).toBe('studio-staging');
  });

  test('waits for no stack that is not there', () => {
    expect(planOf(seenOf('foundation'), seenOf('edge')).removals.map(({ after }) => after)).toEqual([[], []]);
  });

  test('tells what goes, what stays, and what leaves a snapshot', () => {
    const fates = new Map(
      everything.removals.flatMap(({ resources }) => resources).map((one) => [one.logicalId, one.fate]),
    );
    expect([fates.get('Database'), fates.get('UploadsBucket'), fates.get('Cache'), fates.get('OriginSecret')]).toEqual([
      'snapshot',
      'kept',
      'removed',
      'removed',
    ]);
    expect(removedBy(everything).map(({ logicalId }) => logicalId)).toEqual(
      expect.arrayContaining(['Database', 'Service']),
    );
    expect(removedBy(everything).map(({ logicalId }) => logicalId)).not.toContain('UploadsBucket');
  });

  test('leaves out what a failed deletion has removed, and what was never made', () => {
    const resources = [
      { logicalId: 'Vpc', type: 'AWS::EC2::VPC', physicalId: 'vpc-1', status: 'DELETE_FAILED' },
      { logicalId: 'Database', type: 'AWS::RDS::DBInstance', physicalId: 'db', status: 'DELETE_COMPLETE' },
      { logicalId: 'Cache', type: 'AWS::ElastiCache::ReplicationGroup', physicalId: '', status: 'CREATE_FAILED' },
      // An older version of the templates had it.
      { logicalId: 'OldBucket', type: 'AWS::S3::Bucket', physicalId: 'old', status: 'DELETE_SKIPPED' },
    ];
    const [removal] = planOf(seenOf('foundation', { resources })).removals;
    expect(removal!.resources.map(({ logicalId, fate }) => [logicalId, fate])).toEqual([
      ['Vpc', 'removed'],
      ['OldBucket', 'kept'],
    ]);
  });

  test('takes the template where the stack does not tell', () => {
    const state = stateOf('foundation', { parameters: new Map([['Redis', 'false']]) });
    const [removal] = planOf(seenOf('foundation', { state, resources: undefined })).removals;
    const logicalIds = removal!.resources.map(({ logicalId }) => logicalId);
    expect(logicalIds).toContain('Database');
    expect(logicalIds).not.toContain('Cache');
  });

  test('shows data first', () => {
    const lines = destroyLines(planOf(seenOf('foundation')));
    expect(lines[1]).toContain('PostgreSQL database (Database): the-Database');
    expect(lines[2]).toContain('remove Redis cache (Cache)');
    expect(lines[3]).toMatch(/^ {2}keep /);
    expect(lines.at(-1)).toMatch(/^ {2}remove /);
  });
});

describe('what a deletion did', () => {
  const id = stateOf('foundation').id;

  test('counts this run’s own, and tells what is left of every try', () => {
    const events = [
      event('Cache', 'CREATE_COMPLETE'),
      // An update let go of it: still there, but no part of this.
      event('RedisUrl', 'DELETE_SKIPPED'),
      ofStack('DELETE_IN_PROGRESS'),
      event('UploadsBucket', 'DELETE_SKIPPED'),
      event('Database', 'DELETE_COMPLETE'),
      event('Vpc', 'DELETE_FAILED'),
      ofStack('DELETE_FAILED'),
      ofStack('DELETE_IN_PROGRESS'),
      event('UploadsBucket', 'DELETE_SKIPPED'),
      event('Vpc', 'DELETE_COMPLETE'),
      ofStack('DELETE_COMPLETE'),
    ];
    const { count, databases, left } = removedIn(specOf('foundation'), id, { events, since: events[6]!.id });
    expect(count).toBe(1);
    expect(databases.map(({ physicalId }) => physicalId)).toEqual(['the-Database']);
    expect(left).toEqual([
      {
        logicalId: 'UploadsBucket',
        physicalId: 'the-UploadsBucket',
        type: 'AWS::S3::Bucket',
        description: 'bucket of uploaded files',
        region: 'eu-west-1',
      },
    ]);
  });

  test('is nothing before it began', () => {
    const events = [event('RedisUrl', 'DELETE_SKIPPED'), event('Cache', 'DELETE_COMPLETE')];
    expect(removedIn(specOf('foundation'), id, { events, since: undefined })).toEqual({
      count: 0,
      databases: [],
      left: [],
    });
  });

  test.each([
    ['The bucket you tried to delete is not empty', 'A bucket must be empty'],
    ["The repository with name 'x' cannot be deleted because it still contains images", 'delete-repository --force'],
    ['resource sg-1 has a dependent object', 'Something outside of the stacks uses it'],
    ['Certificate arn:… is in use.', 'Something outside of the stacks uses it'],
    ['Cannot delete protected DB Instance', '--db-instance-identifier studio-staging-db --no-deletion-protection'],
    ['something else', 'Mend what kept it.'],
  ])('%s: %s', (reason, hint) => {
    const events = [
      event('Vpc', 'DELETE_FAILED', { reason }),
      event('Cache', 'DELETE_FAILED', { reason: 'Resource deletion cancelled' }),
    ];
    const failure = deletionFailure(specOf('foundation'), stateOf('foundation', { status: 'DELETE_FAILED' }), events);
    expect(failure.message).toContain(`network 10.0.0.0/16 (Vpc): ${reason}`);
    expect(failure.hint).toContain(hint);
    expect(failure.hint).toContain('Then run again');
    expect(failure.message).not.toContain('cancelled');
  });
});

describe('the summary', () => {
  const inputs = { ...named, tier: 'development', confirmed: false, dryRun: false };
  const left: readonly Leftover[] = [
    { type: 'AWS::KMS::Key', logicalId: 'Key', description: 'key', region: 'eu-west-1', physicalId: 'k-1' },
    {
      type: 'AWS::SecretsManager::Secret',
      logicalId: 'JwtSecret',
      description: 'secret',
      region: 'eu-west-1',
      physicalId: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:studio-staging/jwt-secret-AbCdEf',
    },
    { type: 'AWS::Test::Thing', logicalId: 'X', description: 'x', region: 'eu-west-1', physicalId: '$(rm -rf ~)\n|`x' },
    { type: snapshotType, logicalId: 'Database', description: 'snapshot', region: 'eu-west-1', physicalId: 'snap-1' },
  ];
  const end: StackEnd = { spec: specOf('foundation'), outcome: 'gone', removed: 7, left, executed: true, ms: 1000 };
  const report = reportDestroy(inputs, {
    ends: [end],
    roles: new Map([['PlanRoleArn', 'arn:role']]),
    ms: 1000,
  });

  test('of the plan fits on one screen, folded parts aside', () => {
    const { summary, failure, outputs } = reportDestroyPlan(inputs, everything, new Map());
    const open = summary.replace(/<details>[\s\S]*?<\/details>/g, '');
    expect(open.split('\n').filter((line) => line !== '').length).toBeLessThanOrEqual(24);
    expect(failure?.code).toBe('NotConfirmed');
    expect(failure?.hint).toContain('confirm: studio-staging');
    expect(outputs['changes']).toBe(String(removedBy(everything).length));
  });

  test('of what was done names what is left, its price, and how it goes for good, the key last', () => {
    expect(report.failure).toBeUndefined();
    expect(report.outputs).toMatchObject({
      changed: 'true',
      changes: '7',
      'plan-digest': '',
      'plan-role-arn': 'arn:role',
    });
    for (const part of [
      'studio staging is gone: 7 resources removed',
      '| 1 database snapshot | `snap-1` | $0.095 a GB |',
      '| 1 secret | `studio-staging/jwt-secret` | $0.40 each |',
      'not known |',
      '--secret-id arn:aws:secretsmanager:eu-west-1:123456789012:secret:studio-staging/jwt-secret-AbCdEf --force',
    ])
      expect(report.summary).toContain(part);
    const commands = inOrder(left).flatMap(removalOf);
    expect(commands.findIndex((line) => line.startsWith('aws kms'))).toBe(2);
    expect(commands[0]).toContain('delete-db-snapshot');
  });

  test('puts nothing from outside into a command as it is', () => {
    expect(removalOf(left[2]!)).toEqual(["# AWS::Test::Thing: '$(rm -rf ~) |`x'"]);
    const bucket = { ...left[2]!, type: 'AWS::S3::Bucket', physicalId: "a'; reboot; '" };
    for (const line of removalOf(bucket)) expect(line).toContain(String.raw`--bucket 'a'\''; reboot; '\'''`);
    expect(report.summary).not.toContain('| $(rm');
  });

  test('of a failure says how far it came', () => {
    const failure = deletionFailure(specOf('foundation'), stateOf('foundation', { status: 'DELETE_FAILED' }), [
      event('Vpc', 'DELETE_FAILED', { reason: 'in use' }),
    ]);
    const ends = [{ ...end, outcome: 'failed' as const, failure }];
    const failed = reportDestroy(inputs, { ends, roles: new Map(), ms: 1000 });
    expect(failed.failure).toBe(failure);
    expect(failed.summary).toContain('is not gone: 7 resources removed so far');
    expect(failed.summary).toContain('`snap-1`');
    expect(failed.outputs['changed']).toBe('true');
  });
});
