import { describe, expect, test } from '@jest/globals';
import type { PropertyChange } from '../../../shared/aws/cloudformation.ts';
import type { PlannedChange } from '../../../actions/provision-env/src/changes.ts';
import { planDigestPattern, readDigest, writeDigest } from '../../../actions/provision-env/src/plan-digest.ts';
import { judgeReviewed, reviewedOf } from '../../../actions/provision-env/src/reviewed.ts';
import type { StackSpec } from '../../../actions/provision-env/src/stacks.ts';

const spec = { name: 'shop-production-app' } as StackSpec;

function property(name: string, more: Partial<PropertyChange> = {}): PropertyChange {
  return { name, before: undefined, after: undefined, recreation: 'Never', follows: [], ...more };
}

function change(logicalId: string, properties: readonly PropertyChange[] = [], more: Partial<PlannedChange> = {}) {
  const rest = { kind: 'change', type: 'AWS::Test::Thing', description: 'thing', holdsData: false, stays: undefined };
  return { ...rest, logicalId, properties, ...more } as PlannedChange;
}

const size = (after: string): PlannedChange => change('Thing', [property('Size', { before: '1', after })]);
const follows = property('Url', { follows: ['Thing'] });

/** Whether the second may be executed when the first was reviewed. */
function allows(reviewed: readonly PlannedChange[], changes: readonly PlannedChange[]): boolean {
  return judgeReviewed(spec, reviewedOf(false, reviewed), { isCreation: false, changes }) === undefined;
}

describe('what was reviewed allows', () => {
  test.each([
    ['the same', [size('2')], [size('2')], true],
    ['the same in another order', [size('2'), change('Other')], [change('Other'), size('2')], true],
    ['nothing at all', [size('2')], [], true],
    ['another value', [size('2')], [size('3')], false],
    ['one more', [size('2')], [size('2'), change('Other')], false],
    ['one less', [size('2'), change('Other')], [size('2')], false],
    ['another kind', [size('2')], [{ ...size('2'), kind: 'replace' }], false],
    ['what follows from it', [size('2')], [size('2'), change('Secret', [follows])], true],
    ['the same without what follows', [size('2'), change('Secret', [follows])], [size('2')], true],
    [
      'a property that follows beside one of its own',
      [size('2')],
      [change('Thing', [...size('2').properties, follows])],
      true,
    ],
    [
      'the revision that the service runs',
      [],
      [change('S', [property('TaskDefinition')], { type: 'AWS::ECS::Service' })],
      true,
    ],
    ['the number of tasks', [], [change('S', [property('DesiredCount')], { type: 'AWS::ECS::Service' })], true],
    [
      'another property of the service',
      [],
      [change('S', [property('LoadBalancers')], { type: 'AWS::ECS::Service' })],
      false,
    ],
    ['a task definition of something else', [], [change('T', [property('TaskDefinition')])], false],
    ['something removed', [], [change('Thing', [], { kind: 'remove' })], false],
  ] as const)('%s', (...[, reviewed, changes, isAllowed]) => {
    expect(allows(reviewed, changes)).toBe(isAllowed);
  });

  test.each([
    ['new', true, [], true],
    ['new', false, [size('2')], false],
    ['open', true, [], false],
    ['open', false, [size('2')], false],
    ['open', false, [], true],
    [undefined, false, [size('2')], false],
  ] as const)('%s, creation %s, %j: %s', (...[reviewed, isCreation, changes, isAllowed]) => {
    expect(judgeReviewed(spec, reviewed, { isCreation, changes }) === undefined).toBe(isAllowed);
  });

  test('the protection of a new database, and nothing else of it', () => {
    const protection = (name: string, after: string): PlannedChange =>
      change('Database', [property(name, { after })], { type: 'AWS::RDS::DBInstance' });
    const judge = (...changes: readonly PlannedChange[]) => judgeReviewed(spec, 'new', { isCreation: false, changes });
    expect(judge(protection('DeletionProtection', 'true'))).toBeUndefined();
    expect(
      judge(protection('DeletionProtection', 'true'), change('Url', [property('X', { follows: ['Database'] })])),
    ).toBeUndefined();
    expect(judge(protection('DeletionProtection', 'false'))).toBeDefined();
    expect(judge(protection('DBInstanceClass', 'true'))).toBeDefined();
  });
});

test('what was done already is not denied', () => {
  const hint = (hasBegun: boolean) =>
    judgeReviewed(spec, 'open', { isCreation: false, changes: [size('2')], hasBegun })?.hint;
  expect(hint(false)).toContain('Nothing was changed in this stack');
  expect(hint(true)).toContain('What was done in this stack before stays');
});

test('a digest is read as it was written, and only that is one', () => {
  const digest = {
    base: 'a'.repeat(64),
    stacks: new Map([['foundation', 'new'] as const, ['app', 'b'.repeat(32)] as const]),
  };
  const text = writeDigest(digest);
  expect(text).toMatch(planDigestPattern);
  expect(readDigest(text)).toEqual(digest);
  for (const bad of ['', 'a'.repeat(64), `${text}.x`, `${text}\n`, text.replace('new', 'NEW'), `${text}.app-`])
    expect(bad).not.toMatch(planDigestPattern);
});
