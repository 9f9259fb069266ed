import { describe, expect, test } from '@jest/globals';
import {
  failureOf,
  lastOperation,
  plainReason,
  recovery,
  rootCause,
} from '../../../actions/provision-env/src/diagnose.ts';
import type { StackSpec } from '../../../actions/provision-env/src/stacks.ts';
import { parseTemplate } from '../../../actions/provision-env/src/template.ts';
import type { StackEvent, StackState } from '../../../shared/aws/cloudformation.ts';

const id = 'arn:aws:cloudformation:eu-west-1:123456789012:stack/shop-app/1';
const spec: StackSpec = {
  key: 'app',
  name: 'shop-app',
  region: 'eu-west-1',
  template: parseTemplate(
    'Resources:\n  Service: { Type: "AWS::ECS::Service", Metadata: { description: ECS service } }\n',
  ),
  body: '',
  parameters: new Map([['Name', { from: 'value', value: 'shop' }]]),
  tags: new Map(),
};

const state = (status: string, reason = ''): StackState => ({
  id,
  name: 'shop-app',
  status,
  reason,
  parameters: new Map(),
  outputs: new Map(),
  isProtected: false,
});

/** `Service UPDATE_FAILED: why`; `.` is the stack itself. */
function events(...lines: readonly string[]): readonly StackEvent[] {
  return lines.map((line, index) => {
    const [, logicalId = '', status = '', reason = ''] = /^(\S+) (\w+)(?:: (.*))?$/.exec(line) ?? [];
    const own = logicalId === '.';
    return {
      id: String(index),
      at: index * 1000,
      logicalId: own ? 'shop-app' : logicalId,
      physicalId: own ? id : `id-of-${logicalId}`,
      type: own ? 'AWS::CloudFormation::Stack' : 'AWS::Test::Thing',
      status,
      reason,
    };
  });
}

const failedTwice = events(
  '. UPDATE_IN_PROGRESS',
  'Old UPDATE_FAILED: long ago',
  '. UPDATE_ROLLBACK_COMPLETE',
  '. UPDATE_IN_PROGRESS',
  'Service UPDATE_FAILED: no capacity',
  'Other UPDATE_FAILED: Resource update cancelled',
  '. UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to update: [Service, Other].',
  'Service UPDATE_FAILED: still none',
  '. UPDATE_ROLLBACK_FAILED: The following resource(s) failed to update: [Service].',
  '. UPDATE_ROLLBACK_IN_PROGRESS: User Initiated',
  'Service UPDATE_FAILED: none yet',
);

describe('the cause', () => {
  test('is of the operation that a roll-back undoes, also of one continued by hand', () => {
    const last = lastOperation(failedTwice, id);
    expect(last).toHaveLength(8);
    expect(rootCause(last, id)).toMatchObject({ logicalId: 'Service', reason: 'no capacity' });
  });

  test('may be told by the stack alone', () => {
    expect(failureOf(spec, state('ROLLBACK_COMPLETE'), []).message).toContain('CloudFormation gave no reason');
    expect(failureOf(spec, state('ROLLBACK_COMPLETE', 'not allowed'), []).message).toContain(
      'First failure: not allowed',
    );
    const [own] = events('. UPDATE_FAILED: Circular dependency');
    expect(failureOf(spec, state('UPDATE_FAILED'), [own!]).message).toBe(
      'shop-app ended as UPDATE_FAILED. First failure: Circular dependency',
    );
  });

  test('is one of a few that are named', () => {
    const many = events(...['A', 'B', 'C', 'D', 'E', 'F'].map((name) => `${name} CREATE_FAILED: ${name} is full`));
    const { message } = failureOf(spec, state('ROLLBACK_COMPLETE'), many);
    expect(message).toContain('First failure: AWS::Test::Thing (A): A is full\nAlso failed: ');
    expect(message).toContain('(D): D is full and 2 more');
    expect(message).not.toContain('E is full');
  });
});

describe('a reason', () => {
  test('is told without its wrapping', () => {
    const wrapped = 'Resource handler returned message: "No "x" here." (RequestToken: 1-a, HandlerErrorCode: NotFound)';
    expect(plainReason(wrapped)).toBe('No "x" here. (NotFound)');
    expect(plainReason('plain (Service: Rds, Status Code: 400)')).toBe('plain (Service: Rds, Status Code: 400)');
  });

  test('of thousands of characters keeps both ends', () => {
    const long = plainReason(`begin ${'x'.repeat(5_000)} end`);
    expect(long.length).toBeLessThanOrEqual(900);
    expect(long).toMatch(/^begin x+…x+ end$/);
    // Line by line, so that a log under it stays whole.
    const logged = plainReason(
      ['why', ...Array.from({ length: 10 }, (_, index) => `${index} ${'y'.repeat(190)}`)].join('\n'),
    );
    expect(logged.split('\n')).toHaveLength(11);
    expect(logged).not.toContain('…');
    expect(plainReason('x\n'.repeat(100)).split('\n')).toHaveLength(14);
  });
});

describe('the way out', () => {
  test('skips what the events say stops the roll-back, else what the stack says', () => {
    const bad = 'The following resource(s) failed to update: [A, B]. ';
    expect(recovery(spec, state('UPDATE_ROLLBACK_FAILED', bad), failedTwice)).toContain('--resources-to-skip Service)');
    expect(recovery(spec, state('UPDATE_ROLLBACK_FAILED', bad))).toContain('--resources-to-skip A B)');
    expect(recovery(spec, state('UPDATE_ROLLBACK_FAILED'))).toBe(
      'Mend what kept the roll-back from finishing, then: aws cloudformation continue-update-rollback --stack-name shop-app --region eu-west-1; then run again.',
    );
  });

  test.each([
    ['UPDATE_FAILED', 'aws cloudformation rollback-stack --stack-name shop-app --region eu-west-1'],
    ['DELETE_FAILED', 'aws cloudformation delete-stack --stack-name shop-app --region eu-west-1'],
    ['UPDATE_ROLLBACK_COMPLETE', 'again what it was before'],
    ['ROLLBACK_FAILED', 'The next run removes what is left'],
    ['CREATE_FAILED', 'The next run removes what is left'],
    ['DELETE_COMPLETE', 'Somebody removed the stack meanwhile'],
  ])('of %s', (status, text) => {
    expect(failureOf(spec, state(status), []).hint).toContain(text);
  });

  test('of a protected database is told even when it is not the first failure', () => {
    const seen = events(
      'Cache CREATE_FAILED: full',
      '. ROLLBACK_IN_PROGRESS',
      'Database DELETE_FAILED: Cannot delete protected DB Instance, please disable deletion protection and try again.',
    );
    const { hint, message } = failureOf(spec, state('ROLLBACK_FAILED'), seen);
    expect(message).toContain('First failure: AWS::Test::Thing (Cache): full\nThe roll-back stopped at: ');
    expect(hint).toContain('--db-instance-identifier shop-db --no-deletion-protection');
  });
});
