import { describe, expect, test } from '@jest/globals';
import type { Result } from '../../../actions/deploy-ecs/src/apply.ts';
import { planDeploy } from '../../../actions/deploy-ecs/src/plan.ts';
import { hider } from '../../../shared/core/masking.ts';
import {
  hiddenError,
  hiddenFinding,
  hiddenPlan,
  hiddenResult,
  planLines,
  report,
} from '../../../actions/deploy-ecs/src/report.ts';
import { ActionError, AwsError, DeploymentError } from '../../../shared/core/errors.ts';
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

describe('what is hidden', () => {
  const hide = hider(['hunter2_x']);
  const unescaped = (markdown: string): string => markdown.replaceAll('\\', '');

  test('of the plan: the command, also its words together, the URL, the notes and the difference', () => {
    const inputs = inputsOf({
      image: 'app:2',
      'run-before': `migrate postgres://app:pw@db hunter2_x --password "a,b c" --token t0k3n --flag`,
      'health-check-url': 'https://example.com/health?token=t0k3n&x=1',
    });
    const made = planDeploy(inputs, observed());
    const seen = hiddenPlan(
      { ...made, notes: ['a hunter2_x'], diff: [{ where: 'x', before: 'hunter2_x', after: 'y hunter2_x' }] },
      hide,
    );
    const lines = planLines(seen);
    expect(lines).toContain('  x: *** → y ***');
    expect(lines).toContainEqual(
      expect.stringContaining('["migrate","postgres://app:***@db","***","--password","***","--token","***","--flag"]'),
    );
    expect(lines).toContainEqual(expect.stringContaining('ask https://example.com/health?token=***&x=1'));
    const { summary } = report(seen, undefined);
    expect(`${lines.join()}${unescaped(summary)}`).not.toMatch(/hunter2|:pw@|a,b|b c|t0k3n/);
    expect(unescaped(summary)).toContain('a ***');
    expect(made.steps).toContainEqual(expect.objectContaining({ command: expect.arrayContaining(['hunter2_x']) }));
  });

  test('of the result: every free text and the failure; what is to be used stays', () => {
    const said = 'said hunter2_x';
    const arn = 'arn:aws:ecs:us-east-1:123456789012:service-deployment/shop/api/hunter2_x';
    const decide = [`aws ecs continue-service-deployment --service-deployment-arn ${arn}`];
    const made = hiddenResult(
      result({
        outcome: 'failed',
        detail: said,
        deploymentArn: arn,
        diagnosis: {
          what: said,
          evidence: [said],
          cause: said,
          fix: said,
          quote: said,
          logs: [{ container: 'fastapi', lines: [said] }],
        },
        health: { status: 500, ms: 1, body: said, location: `https://x/${said}`, server: 'nginx' },
        decide,
        steps: [{ kind: 'prove', detail: said, ms: 1 }],
        failure: new DeploymentError('Failed', said, { hint: said }),
      }),
      hide,
    );
    expect(made).toMatchObject({ deploymentArn: arn, decide, health: { status: 500, server: 'nginx' } });
    const shown = report(plan, made);
    expect(shown.outputs).toMatchObject({ 'deployment-arn': arn, diagnosis: expect.stringContaining('said ***') });
    expect(JSON.stringify({ ...made, deploymentArn: '', decide: [] })).not.toContain('hunter2');
    expect(shown.failure).toMatchObject({ code: 'Failed', message: 'said ***', hint: 'said ***', fault: 'cloud' });
    expect(hiddenResult(result(), hide)).toEqual(result());
  });

  test('of an error: also its causes, which are printed', () => {
    const cause = new Error('cause hunter2_x', { cause: new Error('root hunter2_x') });
    const details = { service: 'ecs', operation: 'UpdateService', cause };
    const made = hiddenError(new AwsError('Denied', 'denied hunter2_x', details), hide);
    expect(made).toBeInstanceOf(ActionError);
    expect(made).toMatchObject({ code: 'Denied', message: 'denied ***', hint: undefined });
    expect(made.cause).toMatchObject({ message: 'cause ***: root ***' });
  });

  test('of the preflight: what is said, and no ARN', () => {
    const arn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/db-AbCdEf:password::';
    const finding = {
      check: 'secret',
      subject: 'DB_PASSWORD',
      verdict: 'wrong',
      detail: 'hunter2_x',
      fix: `take ${arn}`,
    } as const;
    expect(hiddenFinding(finding, hide)).toEqual({ ...finding, detail: '***' });
    expect(hiddenFinding({ ...finding, subject: 'hunter2_x', fix: 'a hunter2_x' }, hide)).toMatchObject({
      subject: '***',
      fix: 'a ***',
    });
  });
});
