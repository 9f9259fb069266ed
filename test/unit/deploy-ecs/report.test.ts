import { describe, expect, test } from '@jest/globals';
import type { Result } from '../../../actions/deploy-ecs/src/apply.ts';
import { planDeploy } from '../../../actions/deploy-ecs/src/plan.ts';
import { planLines, report } from '../../../actions/deploy-ecs/src/report.ts';
import { DeploymentError } from '../../../shared/core/errors.ts';
import { inputsOf, observed, revisionArn } from '../../kit/ecs.ts';

const plan = planDeploy(inputsOf({ image: 'app:2', 'run-before': 'migrate' }), observed());
const result = (special: Partial<Result> = {}): Result => ({
  outcome: 'succeeded',
  detail: '2 of 2 tasks run backend:2',
  changed: true,
  taskDefinition: revisionArn('backend:2'),
  running: revisionArn('backend:2'),
  deploymentArn: 'arn:aws:ecs:us-east-1:123456789012:service-deployment/shop/api/x',
  diagnosis: undefined,
  health: undefined,
  decide: [],
  steps: [{ kind: 'register', detail: 'registered backend:2', ms: 40 }],
  ms: 12_345,
  failure: undefined,
  ...special,
});

describe('outputs', () => {
  test('of a success', () => {
    expect(report(plan, result()).outputs).toEqual({
      outcome: 'succeeded',
      'task-definition-arn': revisionArn('backend:2'),
      'previous-task-definition-arn': revisionArn('backend:1'),
      'running-task-definition-arn': revisionArn('backend:2'),
      'deployment-arn': 'arn:aws:ecs:us-east-1:123456789012:service-deployment/shop/api/x',
      diagnosis: '',
      'duration-seconds': '12',
      changed: 'true',
    });
  });

  test('of a dry run: the revision is not known yet, what runs is', () => {
    expect(report(plan, undefined).outputs).toMatchObject({
      outcome: 'planned',
      'task-definition-arn': '',
      'running-task-definition-arn': revisionArn('backend:1'),
      changed: 'false',
    });
  });

  test('of a failure: everything that is known, and the failure itself', () => {
    const failure = new DeploymentError('RolledBack', 'why');
    const diagnosis = { what: 'It broke', evidence: ['a', 'b'], cause: 'c', fix: 'd', logs: [] };
    const made = report(plan, result({ outcome: 'rolled-back', running: undefined, failure, diagnosis }));
    expect(made.failure).toBe(failure);
    expect(made.outputs).toMatchObject({
      outcome: 'rolled-back',
      'running-task-definition-arn': '',
      diagnosis: 'It broke. Evidence: a; b. Likely cause: c. Fix: d.',
    });
  });
});

describe('summary', () => {
  test('says outcome, revision, what runs, the difference and the steps, done or not', () => {
    const { summary } = report(plan, result());
    expect(summary).toContain('### ✅ Deployed: `api`');
    expect(summary).toContain('| **Runs now** | `backend:2` |');
    expect(summary).toContain('| fastapi.image | `app:1` | `app:2` |');
    expect(summary).toContain('| register | registered backend:2 | 0.0 s |');
    expect(summary).toContain('| run-before | not done: ');
  });

  test('says a fix once, and the log of each container', () => {
    const fix = 'Add this statement: {}';
    const logs = ['fastapi', 'proxy'].map((container) => ({ container, lines: [`of ${container}`] }));
    const diagnosis = { what: 'It was denied', evidence: [], cause: 'c', fix, logs };
    const failure = new DeploymentError('Denied', 'm', { hint: fix });
    const { summary } = report(plan, result({ outcome: 'failed', failure, diagnosis }));
    expect(summary.split('Add this statement')).toHaveLength(2);
    expect(summary).toMatch(/Last log lines of `fastapi`:\n\n```\nof fastapi\n```\n\nLast log lines of `proxy`:/);
    const other = report(plan, result({ outcome: 'failed', failure, diagnosis: { ...diagnosis, fix: 'x' } }));
    expect(other.summary).toContain('**What to do:** Add this statement');
  });

  test('of a dry run lists what would be done and why', () => {
    const { summary } = report(plan, undefined);
    expect(summary).toContain('### 📝 Dry run: `api`');
    expect(summary).toContain('| `backend (new)` |');
    expect(summary).toContain('| update the service | backend:1 runs now |');
  });

  test('cannot be broken out of by what comes from outside', () => {
    const hostile = '</details> | `x` [a](http://b) <img src=x>\n# title';
    const diagnosis = {
      what: hostile,
      evidence: [hostile],
      cause: 'c',
      fix: 'd',
      quote: hostile,
      logs: [{ container: 'fastapi', lines: ['```', hostile] }],
    };
    const health = { status: 200, ms: 3, body: hostile };
    const { summary } = report(plan, result({ detail: hostile, diagnosis, health, outcome: 'failed' }));
    const outsideOfBlocks = summary.replace(/^(`{3,})\n[\s\S]*?\n\1$/gm, '');
    expect(outsideOfBlocks).not.toMatch(/<img|^# title|[^\\]\[a\]\(/m);
    expect(outsideOfBlocks.match(/<details>/g)).toHaveLength(outsideOfBlocks.match(/<\/details>/g)!.length);
  });
});

test('the plan in lines: the difference and each step with its reason', () => {
  expect(planLines(plan)).toEqual([
    'api runs backend:1, 2 of 2 tasks',
    '  fastapi.image: app:1 → app:2',
    '- register a revision of backend (no revision of backend is what is wanted)',
    '- run once, in fastapi: ["migrate"] (run-before is given)',
    '- update the service (backend:1 runs now)',
    '- wait until the deployment is proven (green only when this deployment runs)',
  ]);
  expect(planLines(planDeploy(inputsOf(), observed()))).toEqual(['api runs what is wanted already: backend:1']);
});
