import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { root } from '../tools/actions.ts';

interface Step {
  readonly uses?: string;
  readonly if?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string>>;
}
interface Job {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly needs?: string | readonly string[];
  readonly if?: string;
  readonly 'timeout-minutes'?: number;
  readonly steps?: readonly Step[];
}
interface Workflow {
  readonly on: {
    readonly workflow_call?: {
      readonly inputs: Readonly<Record<string, { required?: boolean; description?: string; default?: unknown }>>;
      readonly outputs?: Readonly<Record<string, { value?: string }>>;
    };
  };
  readonly permissions?: Readonly<Record<string, string>>;
  readonly concurrency?: { readonly 'cancel-in-progress'?: boolean; readonly group: string };
  readonly jobs: Readonly<Record<string, Job>>;
}

const workflow = (path: string): Workflow => parse(readFileSync(join(root, path), 'utf8')) as Workflow;
const inputsOf = (action: string): readonly string[] => {
  const yml = parse(readFileSync(join(root, 'actions', action, 'action.yml'), 'utf8')) as {
    inputs: Record<string, unknown>;
  };
  return Object.keys(yml.inputs);
};

const all = readdirSync(join(root, '.github/workflows')).map((name) => `.github/workflows/${name}`);
const reusable = all.filter((path) => workflow(path).on.workflow_call !== undefined);
const examples = readdirSync(join(root, 'examples/analytics-studio/.github/workflows')).map(
  (name) => `examples/analytics-studio/.github/workflows/${name}`,
);

test('provision, deploy, plan and drift are reusable', () => {
  const names = ['deploy', 'provision', 'plan', 'drift'].map((name) => `.github/workflows/${name}.yml`);
  expect(reusable).toEqual(expect.arrayContaining(names));
});

/** What a job may do besides reading: a role is assumed with its token, and only a comment writes to the repository. */
const needed = (job: Job): Readonly<Record<string, string>> => {
  const given = (job.steps ?? []).map((step) => step.with ?? {});
  return {
    contents: 'read',
    ...(given.some((inputs) => inputs['role-to-assume'] !== undefined) ? { 'id-token': 'write' } : {}),
    ...(given.some((inputs) => inputs['comment'] !== undefined) ? { 'pull-requests': 'write' } : {}),
  };
};

describe.each(all)('%s', (path) => {
  const { permissions, jobs } = workflow(path);

  test('grants nothing by default, and each job only reading and what it needs', () => {
    expect(permissions).toEqual({});
    for (const [name, job] of Object.entries(jobs)) expect([name, job.permissions]).toEqual([name, needed(job)]);
  });

  test('pins every third-party action to a commit', () => {
    const used = Object.values(jobs).flatMap((job) => (job.steps ?? []).flatMap((step) => step.uses ?? []));
    for (const uses of used) expect(uses).toMatch(/^(\$\/actions\/[a-z-]+|[\w-]+\/[\w-]+@[0-9a-f]{40})$/);
  });

  test('bounds every job in time', () => {
    for (const [name, job] of Object.entries(jobs))
      expect([name, typeof job['timeout-minutes']]).toEqual([name, 'number']);
  });

  test('interpolates nothing into a shell', () => {
    const runs = Object.values(jobs).flatMap((job) => (job.steps ?? []).flatMap((step) => step.run ?? []));
    for (const run of runs) expect(run).not.toContain('${{');
  });
});

describe.each(reusable)('%s as a reusable workflow', (path) => {
  const { concurrency, jobs, on } = workflow(path);

  test('never cancels what runs, and never mixes environments', () => {
    expect(concurrency?.['cancel-in-progress']).toBe(false);
    expect(concurrency?.group).toMatch(/\$\{\{ inputs\.app \}\}-\$\{\{ inputs\.environment \}\}/);
  });

  test('no job that may ask for a token runs a command of the project', () => {
    for (const job of Object.values(jobs)) {
      if (job.permissions?.['id-token'] === 'write') {
        expect((job.steps ?? []).filter((step) => step.run !== undefined)).toEqual([]);
        // What only shows runs on any pull request, where an environment's rules would wait for a person.
        expect(job.environment).toBe(path.endsWith('/plan.yml') ? undefined : '${{ inputs.environment }}');
      }
    }
  });

  test('an image is built only where no token is to be had', () => {
    for (const job of Object.values(jobs)) {
      for (const step of (job.steps ?? []).filter(({ uses }) => uses === '$/actions/build-push-image')) {
        const builds = step.with?.['mode'] === 'archive';
        expect(builds).toBe(job.permissions?.['id-token'] !== 'write');
        // With a token the image is looked for, or taken from the archive.
        if (!builds)
          expect(String(step.with?.['dry-run']) === 'true' || step.with?.['archive'] !== undefined).toBe(true);
      }
    }
  });

  test('hands on only inputs that the actions have', () => {
    for (const step of Object.values(jobs).flatMap((job) => job.steps ?? [])) {
      const action = /^\$\/actions\/(.+)$/.exec(step.uses ?? '')?.[1];
      if (action !== undefined) expect(inputsOf(action)).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})));
    }
  });

  test('uses every input, and describes it', () => {
    const text = readFileSync(join(root, path), 'utf8');
    for (const [name, input] of Object.entries(on.workflow_call?.inputs ?? {})) {
      expect([name, text.includes(`inputs.${name}`), (input.description ?? '').length > 10]).toEqual([
        name,
        true,
        true,
      ]);
    }
  });
});

describe('plan.yml', () => {
  const step = workflow('.github/workflows/plan.yml').jobs['plan']?.steps?.at(-1);

  test('only shows, and says so on the pull request', () => {
    expect(step?.with).toMatchObject({ mode: 'plan', comment: '${{ inputs.comment }}' });
    expect(workflow('.github/workflows/plan.yml').concurrency?.group).toContain('github.event.pull_request.number');
  });

  test.each([
    ['this repository', { number: 7, head: { repo: { full_name: 'o/r' } } }, 'arn'],
    ['a fork', { number: 7, head: { repo: { full_name: 'mallory/r' } } }, ''],
    ['a fork that is gone', { number: 7, head: { repo: null } }, ''],
  ])('hands the role on from %s', (_, pullRequest, role) => {
    const expression = (step?.with?.['role-to-assume'] ?? '').replace(/^\$\{\{|\}\}$/g, '');
    // As GitHub reads them: what is missing is null all the way down.
    const script = expression.replaceAll('.repo.', '.repo?.').replace(/inputs\.([\w-]+)/g, "inputs['$1']");
    const github = { repository: 'o/r', event: { pull_request: pullRequest } };
    expect(runInNewContext(script, { github, inputs: { 'role-to-assume': 'arn' } })).toBe(role);
  });
});

test('drift.yml tells drift, and is red with it unless told otherwise', () => {
  const { jobs, on } = workflow('.github/workflows/drift.yml');
  expect(jobs['drift']?.steps?.at(-1)?.with).toMatchObject({ mode: 'drift', 'drift-is': '${{ inputs.drift-is }}' });
  expect(on.workflow_call?.inputs['drift-is']?.default).toBe('red');
  expect(on.workflow_call?.outputs?.['drifted']?.value).toBe('${{ jobs.drift.outputs.drifted }}');
});

/** Plays GitHub's rules for `needs` and `if`: a job whose needs did not all succeed is skipped, unless its `if` asks for their status. */
function play(given: {
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly reusable?: boolean;
  readonly published?: boolean;
  readonly failing?: string;
}): Readonly<Record<string, string>> {
  const { jobs } = workflow('.github/workflows/deploy.yml');
  const inputs: Readonly<Record<string, unknown>> = {
    'backend-context': 'backend',
    'frontend-directory': 'frontend',
    'frontend-force': false,
    'frontend-after-backend': false,
    ...given.inputs,
  };
  const outputs: Readonly<Record<string, string>> = {
    'backend-check.reusable': String(given.reusable ?? false),
    'frontend-check.published': String(given.published ?? false),
  };
  const results: Record<string, string> = {};
  const judge = (name: string): void => {
    if (results[name] !== undefined) return;
    const job = jobs[name]!;
    const needs = [job.needs ?? []].flat();
    needs.forEach(judge);
    const condition = (job.if ?? 'true').replace(/^\s*\$\{\{|\}\}\s*$/g, '');
    const succeeded = needs.every((need) => results[need] === 'success');
    const script = condition
      .replace(/needs\.([\w-]+)\.result/g, (_, need: string) => JSON.stringify(results[need]))
      .replace(/needs\.([\w-]+)\.outputs\.([\w-]+)/g, (_, need: string, output: string) =>
        JSON.stringify(results[need] === 'success' ? (outputs[`${need}.${output}`] ?? '') : ''),
      )
      .replace(/inputs\.([\w-]+)/g, (_, input: string) => JSON.stringify(inputs[input]))
      .replace(/cancelled\(\)/g, 'false');
    const asksForStatus = /\b(cancelled|always|success|failure)\(\)/.test(condition);
    // The expression comes from a file of this repository.
    const holds = Boolean(runInNewContext(script));
    const runs = holds && (asksForStatus || succeeded);
    results[name] = !runs ? 'skipped' : name === given.failing ? 'failure' : 'success';
  };
  Object.keys(jobs).forEach(judge);
  return results;
}

test('deploy.yml hands what was published on to the invalidation, and where to note that it was done', () => {
  const { jobs } = workflow('.github/workflows/deploy.yml');
  for (const name of ['frontend', 'frontend-after-backend']) {
    const step = jobs[name]?.steps?.find(({ uses }) => uses === '$/actions/invalidate-cdn');
    expect(step?.if).toBe("${{ !cancelled() && steps.sync.outputs.publication != '' }}");
    expect(step?.with).toMatchObject({
      'distribution-id': '${{ steps.stacks.outputs.distribution-id }}',
      paths: '${{ steps.sync.outputs.changed-paths }}',
      publication: '${{ steps.sync.outputs.publication }}',
      bucket: '${{ steps.stacks.outputs.frontend-bucket }}',
    });
  }
});

describe('deploy.yml runs', () => {
  const ran = (results: Readonly<Record<string, string>>): readonly string[] =>
    Object.keys(results).filter((name) => results[name] !== 'skipped');
  const all = ['backend-check', 'backend-build', 'backend', 'frontend-check', 'frontend-build', 'frontend'];

  test('everything on the first deployment', () => expect(ran(play({}))).toEqual(all));
  test('no build when both are there', () =>
    expect(ran(play({ reusable: true, published: true }))).toEqual(['backend-check', 'backend', 'frontend-check']));
  test('the frontend again when forced', () =>
    expect(ran(play({ published: true, inputs: { 'frontend-force': true } }))).toEqual(all));
  test('no backend when there is none', () =>
    expect(ran(play({ inputs: { 'backend-context': 'none' } }))).toEqual(all.slice(3)));
  test('no frontend when there is none', () =>
    expect(ran(play({ inputs: { 'frontend-directory': 'none' } }))).toEqual(all.slice(0, 3)));
  test('the frontend after the backend', () => {
    const inputs = { 'frontend-after-backend': true };
    expect(ran(play({ inputs }))).toEqual([...all.slice(0, 5), 'frontend-after-backend']);
    expect(ran(play({ inputs, reusable: true }))).toContain('frontend-after-backend');
    expect(ran(play({ inputs: { ...inputs, 'backend-context': 'none' } }))).toEqual([
      'frontend-check',
      'frontend-build',
      'frontend-after-backend',
    ]);
    for (const failing of ['backend-check', 'backend-build', 'backend']) {
      expect(ran(play({ inputs, failing }))).not.toContain('frontend-after-backend');
    }
  });
  test('nothing on top of what failed', () => {
    expect(ran(play({ failing: 'backend-check' }))).not.toContain('backend');
    expect(ran(play({ failing: 'backend-build' }))).not.toContain('backend');
    expect(ran(play({ failing: 'frontend-build' }))).not.toContain('frontend');
    expect(ran(play({ failing: 'frontend-check' }))).not.toContain('frontend-build');
  });
});

describe.each(examples)('%s', (path) => {
  test('calls the reusable workflow with inputs that it has, and all it requires, in about 20 lines', () => {
    const text = readFileSync(join(root, path), 'utf8');
    expect(text.split('\n').length).toBeLessThanOrEqual(26);
    for (const job of Object.values(workflow(path).jobs)) {
      const target = /^your-org\/slipway\/(\.github\/workflows\/.+)@v1$/.exec(job.uses ?? '')?.[1] ?? '';
      const inputs = workflow(target).on.workflow_call?.inputs ?? {};
      const given = Object.keys(job.with ?? {});
      expect(Object.keys(inputs)).toEqual(expect.arrayContaining(given));
      const required = Object.entries(inputs).filter(([, input]) => input.required === true);
      expect(given).toEqual(expect.arrayContaining(required.map(([name]) => name)));
      // A called job that asks for more than its caller has does not start; one that has more is trusted with too much.
      const called = Object.values(workflow(target).jobs);
      expect(job.permissions).toEqual(Object.assign({}, ...called.map(({ permissions }) => permissions)));
    }
  });
});

test('the README shows the example’s own workflow', () => {
  const shown = readFileSync(join(root, 'README.md'), 'utf8');
  expect(shown).toContain(
    readFileSync(join(root, 'examples/analytics-studio/.github/workflows/deploy.yml'), 'utf8').trim(),
  );
});
