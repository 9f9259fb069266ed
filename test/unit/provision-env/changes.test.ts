import { describe, expect, test } from '@jest/globals';
import type { PropertyChange, ResourceChange } from '../../../shared/aws/cloudformation.ts';
import { describeChanges, endangers, propertyText } from '../../../actions/provision-env/src/changes.ts';
import { interruptionOf } from '../../../actions/provision-env/src/interruptions.ts';
import { stackSpecs, type StackSpec } from '../../../actions/provision-env/src/stacks.ts';
import { readTemplates } from '../../../actions/provision-env/src/templates.ts';

const templates = readTemplates();
const spec = stackSpecs(
  {
    app: 'shop',
    environment: 'production',
    tier: 'production-small',
    region: 'us-east-1',
    parameters: new Map(),
    environmentVariables: new Map(),
  },
  templates,
).find(({ key }) => key === 'foundation') as StackSpec;

function property(name: string, more: Partial<PropertyChange> = {}): PropertyChange {
  return { name, before: undefined, after: undefined, recreation: 'Never', follows: [], ...more };
}

function change(logicalId: string, more: Partial<ResourceChange> = {}): ResourceChange {
  const type = templates.foundation.resources.get(logicalId)?.type ?? 'AWS::Test::Thing';
  return { action: 'Modify', logicalId, type, replacement: 'False', properties: [], ...more };
}

function described(...changes: readonly ResourceChange[]) {
  return describeChanges(spec, changes)[0]!;
}

describe('what a change does to a resource', () => {
  test.each([
    [change('Database'), 'change', false],
    [change('Database', { replacement: 'True' }), 'replace', true],
    [change('Database', { replacement: 'Conditional' }), 'perhaps-replace', true],
    [change('Database', { action: 'Remove' }), 'remove', true],
    [change('Cache', { action: 'Remove' }), 'remove', true],
    [change('UploadsBucket', { action: 'Remove' }), 'remove', true],
    [change('Key', { action: 'Remove' }), 'remove', true],
    // AWS cannot make out what it would do.
    [change('Database', { action: 'Dynamic', replacement: 'Conditional' }), 'perhaps-replace', true],
    [change('Database', { action: 'Dynamic' }), 'perhaps-replace', true],
    // Secrets Manager would make up another value.
    [change('JwtSecret', { properties: [property('GenerateSecretString.PasswordLength')] }), 'replace', true],
    [change('JwtSecret', { properties: [property('Description')] }), 'change', false],
    [change('Vpc', { replacement: 'True' }), 'replace', false],
    [change('Gone', { action: 'Remove', type: 'AWS::S3::Bucket' }), 'remove', true],
    [change('Vpc', { action: 'Import' }), 'add', false],
  ] as const)('%j: %s', (one, kind, isAtRisk) => {
    expect(described(one)).toMatchObject({ kind });
    expect(endangers(described(one))).toBe(isAtRisk);
  });

  test('the key’s policy does not make the database anew, though AWS says perhaps', () => {
    const follows = property('KmsKeyId', { recreation: 'Always', follows: ['Key'] });
    const database = change('Database', { replacement: 'Conditional', properties: [follows] });
    expect(described(database, change('Key', { properties: [property('KeyPolicy')] })).kind).toBe('change');
    expect(described(database, change('Key', { replacement: 'True' })).kind).toBe('perhaps-replace');
    expect(described(database).kind).toBe('perhaps-replace');
    const own = property('DBName', { recreation: 'Conditionally' });
    const both = change('Database', { replacement: 'Conditional', properties: [follows, own] });
    expect(described(both, change('Key')).kind).toBe('perhaps-replace');
  });

  test.each([
    [change('Database', { action: 'Remove' }), 'snapshot'],
    [change('UploadsBucket', { action: 'Remove' }), 'whole'],
    [change('UploadsBucket', { action: 'Remove', policyAction: 'Delete' }), undefined],
    [change('Cache', { action: 'Remove', policyAction: 'Retain' }), 'whole'],
    [change('Database', { action: 'Remove', policyAction: 'Snapshot' }), 'snapshot'],
    [change('Cache', { action: 'Remove' }), undefined],
    [change('UploadsBucket'), undefined],
  ])('what is left of %j: %s', (one, stays) => {
    expect(described(one).stays).toBe(stays);
  });
});

describe('a property in words', () => {
  const document = (action: string): string =>
    JSON.stringify([
      { PolicyName: 'uploads', PolicyDocument: { Version: '2012-10-17', Statement: [{ Action: action }] } },
    ]);

  test.each([
    [property('Size', { before: '1', after: '2' }), 'Size: 1 → 2'],
    [property('Size'), 'Size'],
    [property('Size', { after: '2' }), 'Size: – → 2'],
    [property('Mail', { before: 'a', after: '' }), 'Mail: a → (empty)'],
    [property('Arn', { before: 'x', after: '{{changeSet:KNOWN_AFTER_APPLY}}' }), 'Arn: x → (known after apply)'],
    [property('Url', { after: 'x', follows: ['Database', 'Database'] }), 'Url: follows from Database'],
    [
      property('MasterUserPassword', { before: 'hunter2', after: 'hunter3' }),
      'MasterUserPassword: *** → another value',
    ],
    [
      property('ContainerDefinitions.0.Environment.3.Value', { before: 'x', after: 'sk_live_1' }),
      'ContainerDefinitions.0.Environment.3.Value: *** → another value',
    ],
  ])('%j: %s', (one, text) => {
    expect(propertyText(one)).toBe(text);
  });

  test('of a long value the place is shown where it begins to differ', () => {
    const text = propertyText(property('Policies', { before: document('s3:GetObject'), after: document('*') }));
    expect(text).toMatch(/^Policies: ….*s3:GetObject.* → ….*"\*"/);
    expect(text.length).toBeLessThan(150);
  });

  test('secrets in lists of pairs are not shown', () => {
    const value = (secret: string): string => JSON.stringify([{ Name: 'API_TOKEN', Value: secret }]);
    const text = propertyText(property('Variables', { before: value('t0k3n'), after: value('n3w') }));
    expect(text).not.toMatch(/t0k3n|n3w/);
  });
});

describe('what a change interrupts', () => {
  test.each([
    [change('Database', { properties: [property('DBInstanceClass')] }), /restarts/],
    [change('Database', { properties: [property('AllocatedStorage')] }), undefined],
    [
      change('Database', { replacement: 'Conditional', properties: [property('DBInstanceClass')] }),
      /restarts.*if it is replaced/,
    ],
    [change('Cache', { replacement: 'True' }), /the new one is empty/],
    [change('Cache', { action: 'Remove' }), /no cache/],
    [change('UploadsBucket', { action: 'Remove' }), undefined],
    [change('JwtSecret', { properties: [property('GenerateSecretString')] }), /another value is made up/],
    [change('NatGateway1', { action: 'Add' }), undefined],
    [change('NatGateway1', { replacement: 'True' }), /connections to the internet/],
  ])('%j: %s', (one, effect) => {
    const found = interruptionOf(described(one));
    if (effect === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(effect);
  });
});
