import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { emptyRun, follow, outputOf, parseActLine } from './act.ts';
import { parseArguments } from './arguments.ts';
import { assetsOf, balancerName } from './checks.ts';
import { idToken } from './oidc.ts';
import { repositoryRoot } from './paths.ts';
import { foreignActions, localRepositories, nameSuiteActions } from './suite-copy.ts';
import { renderTable } from './table.ts';

const workflow = (name: string) => readFileSync(join(repositoryRoot, '.github', 'workflows', name), 'utf8');

describe('the suite under its own name', () => {
  test.each([
    ['      - uses: $/actions/deploy-ecs', '      - uses: your-org/slipway/actions/deploy-ecs@v1'],
    ["        uses: '$/actions/deploy-ecs' # ours", "        uses: 'your-org/slipway/actions/deploy-ecs@v1' # ours"],
    ['        run: echo "uses: $/actions/x"', '        run: echo "uses: $/actions/x"'],
    ['# uses: $/actions/deploy-ecs', '# uses: $/actions/deploy-ecs'],
    ['      - uses: actions/checkout@v7', '      - uses: actions/checkout@v7'],
  ])('%s', (before, after) => {
    expect(nameSuiteActions(before)).toBe(after);
  });

  test.each(['provision.yml', 'deploy.yml'])('only the words $/ change in %s', (name) => {
    const before = workflow(name).split('\n');
    const after = nameSuiteActions(workflow(name)).split('\n');
    const changed = before.flatMap((line, index) => (line === after[index] ? [] : [after[index] ?? '']));
    expect(changed.length).toBeGreaterThan(0);
    for (const line of changed) expect(line).toMatch(/uses: your-org\/slipway\/actions\/[a-z-]+@v1$/);
    expect(after.join('\n')).not.toContain('$/');
  });

  test('every other action that the workflows use has a stand-in, at the very ref they name', () => {
    const workflows = ['provision.yml', 'deploy.yml'].map(workflow);
    const options = localRepositories('/suite', workflows).join(' ');
    const needed = workflows.flatMap(foreignActions).filter((action) => !action.startsWith('actions/checkout@'));
    expect(needed.length).toBeGreaterThan(0);
    for (const action of needed) expect(options).toContain(`--local-repository ${action}=`);
    expect(options).toContain('--local-repository your-org/slipway@v1=/suite');
  });

  test('an action without a stand-in is named', () => {
    expect(() => localRepositories('/suite', ['  - uses: acme/thing/sub@v3\n'])).toThrow('acme/thing@v3');
  });
});

describe('what act prints', () => {
  const base = { job: 'deploy/Deploy/Backend     ', stage: 'Main', step: 'Deploy to ECS' };

  test('is JSON, or nothing to read', () => {
    expect(parseActLine('Error: Job failed')).toBeUndefined();
    expect(parseActLine('{"msg": tru')).toBeUndefined();
    expect(parseActLine('{"msg":"hello"}')).toEqual({ msg: 'hello' });
  });

  test('becomes jobs, steps, outputs and the last words', () => {
    const run = emptyRun();
    const lines = [
      { ...base, raw_output: true, msg: 'pulling\n' },
      { ...base, command: 'set-output', name: 'outcome', arg: 'started' },
      { ...base, command: 'set-output', name: 'outcome', arg: 'succeeded' },
      { ...base, command: 'summary', content: '# Deployed' },
      { ...base, stepResult: 'success', executionTime: 1_250_000_000 },
      { ...base, step: `actions/checkout@${'a'.repeat(40)}`, stepResult: 'failure', executionTime: 0 },
      { ...base, stage: 'Post', stepResult: 'success' },
      { job: base.job, jobResult: 'failure' },
    ];
    expect(lines.map((line) => follow(run, line)).filter((shown) => shown !== undefined)).toEqual([
      'Backend | Deploy to ECS  1.3 s',
      'Backend | actions/checkout  0.0 s  FAILURE',
      'Backend: failure',
    ]);
    expect(outputOf(run, 'Deploy to ECS', 'outcome')).toBe('succeeded');
    expect(outputOf(run, 'Deploy to ECS', 'nothing')).toBe('');
    expect(run.summaries).toEqual(['# Deployed']);
    expect(run.tail.get('Backend')).toEqual(['pulling']);
    expect(run.jobs.get('Backend')).toBe('failure');
  });

  test('only the last lines are kept', () => {
    const run = emptyRun();
    for (let index = 0; index < 200; index += 1) follow(run, { ...base, raw_output: true, msg: `${index}\n` });
    expect(run.tail.get('Backend')).toHaveLength(60);
    expect(run.tail.get('Backend')?.at(-1)).toBe('199');
  });
});

describe('the command line', () => {
  test.each([
    [[], { command: 'run', keep: false }],
    [['--keep'], { command: 'run', keep: true }],
    [['--down'], { command: 'down', keep: false }],
    [['--help'], { command: 'help', keep: false }],
  ])('%j', (words, expected) => {
    expect(parseArguments(words)).toEqual(expected);
  });

  test.each([[['--foo']], [['keep']], [['--keep', '--down']]])('%j is refused with the usage', (words) => {
    expect(() => parseArguments(words)).toThrow('npm run local -- --keep');
  });
});

test('assets are those of the site itself', () => {
  const html = `<link rel="icon" href="/icon.svg"><script type="module" src="/assets/a-1.js"></script>
    <link rel="stylesheet" href="/assets/a-1.css"><script src="https://elsewhere.example/x.js"></script><img src="data:x">`;
  expect(assetsOf(html)).toEqual(['/icon.svg', '/assets/a-1.js', '/assets/a-1.css']);
});

test('a load balancer is told by its host name', () => {
  expect(balancerName('analytics-studio-alb-1a2b3c4d.us-east-1.elb.amazonaws.com')).toBe('analytics-studio-alb');
});

test('the table holds every row whole', () => {
  expect(
    renderTable('Done', [
      ['tasks', '2 of 2 running'],
      ['image', 'sha256:1'],
    ]),
  ).toBe(
    [
      '┌────────────────────────┐',
      '│ Done                   │',
      '├───────┬────────────────┤',
      '│ tasks │ 2 of 2 running │',
      '│ image │ sha256:1       │',
      '└───────┴────────────────┘',
    ].join('\n'),
  );
});

test('the token says what a GitHub job would', () => {
  const token = idToken({ audience: 'sts.amazonaws.com', subject: 'repo:o/r:environment:e', now: 1_000_000 });
  const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  expect(claims).toMatchObject({
    aud: 'sts.amazonaws.com',
    sub: 'repo:o/r:environment:e',
    repository: 'o/r',
    exp: 1600,
  });
});
