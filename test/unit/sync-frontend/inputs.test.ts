import { describe, expect, test } from '@jest/globals';
import { parseInputs, type FoundSource, type PublishInputs } from '../../../actions/sync-frontend/src/inputs.ts';
import { InputReader } from '../../../shared/action/input-reader.ts';
import { InputError, describeProblem } from '../../../shared/core/errors.ts';
import { cases } from '../../bundle/sync-frontend.bad-inputs.ts';

const context = {
  repositoryId: '',
  ownerId: '',
  repository: 'o/r',
  sha: '0123abc',
  ref: '',
  runId: '7',
  runAttempt: 1,
  runUrl: '',
  apiUrl: '',
  pullRequest: undefined,
  step: undefined,
  workspace: '/work space',
  tempDirectory: '/tmp',
};

const disk: Readonly<Record<string, FoundSource>> = {
  '/work space/dist': 'files',
  '/work space/summary': 'no-directory',
  '/work space/hollow': 'empty',
};
let looks = 0;
const lookAtSource = (directory: string): FoundSource => {
  looks += 1;
  return disk[directory] ?? 'nothing';
};

const parse = (inputs: Readonly<Record<string, string>>, sha = context.sha) =>
  parseInputs(
    new InputReader({ get: (name) => inputs[name] ?? '', env: {}, mask: () => undefined }),
    { ...context, sha },
    lookAtSource,
  );

function problems(inputs: Readonly<Record<string, string>>): readonly string[] {
  try {
    parse(inputs);
  } catch (error) {
    if (error instanceof InputError) return error.problems.map(describeProblem);
    throw error;
  }
  return [];
}

test.each(cases)('$name', ({ inputs, expect: expected }) => {
  const found = problems(inputs).join('\n');
  for (const text of expected) expect(found).toContain(text);
});

test('every bad case is a bad case of its own: no problem besides the ones named', () => {
  for (const { name, inputs, expect: expected } of cases) {
    const stray = problems(inputs).filter((problem) => !expected.some((text) => problem.includes(text)));
    expect([name, stray]).toEqual([name, []]);
  }
});

test('an empty source is found before anything is asked of AWS', () => {
  expect(problems({ source: 'hollow', bucket: 'my-bucket', 'aws-region': 'eu-west-1' })).toEqual([
    'source is "hollow"; accepted: a directory with files in it (did the build run, in this job?)',
  ]);
});

test.each(['**', './**', '/**', '*', '**/*', '{**,x}', '?*'])('exclude: %s leaves nothing', (exclude) => {
  expect(problems({ source: 'dist', bucket: 'my-bucket', 'aws-region': 'eu-west-1', exclude })).toHaveLength(1);
});

test.each(['dist/**', './dist/**', '*.*', '*.map', '.*', '*/**', '**/*.html', 'a', '[a-z]*'])(
  'exclude: %s leaves something',
  (exclude) => {
    expect(problems({ source: 'dist', bucket: 'my-bucket', 'aws-region': 'eu-west-1', exclude })).toEqual([]);
  },
);

describe('what is accepted', () => {
  const good = { source: 'dist', bucket: 'my-bucket', 'aws-region': 'eu-west-1' };

  test('the least: defaults', () => {
    expect(parse(good)).toMatchObject({
      mode: 'publish',
      source: '/work space/dist',
      prefix: '',
      basePath: '/',
      releaseId: '0123abc',
      delete: true,
      retainReleases: 3,
      maxDeletePercent: 50,
      concurrency: 48,
      requireHtml: true,
    });
  });

  test.each([
    ['app', 'app/', '/app/'],
    ['app/', 'app/', '/app/'],
    ['sites/app-2', 'sites/app-2/', '/sites/app-2/'],
  ])('the prefix %s is the folder %s, served at %s', (prefix, folder, basePath) => {
    expect(parse({ ...good, prefix })).toMatchObject({ prefix: folder, basePath });
    expect(parse({ ...good, prefix, 'base-path': '/x' })).toMatchObject({ prefix: folder, basePath: '/x/' });
  });

  test('rules in their order, extensions with or without the dot', () => {
    const inputs = parse({
      ...good,
      'cache-control': 'b/**=no-store\na/**=max-age=5, public',
      'content-types': '.glb=model/x\nrobots.txt=text/x; charset=ascii',
    }) as PublishInputs;
    expect([...inputs.cacheControl]).toEqual([
      ['b/**', 'no-store'],
      ['a/**', 'max-age=5, public'],
    ]);
    expect([...inputs.contentTypes]).toEqual([
      ['glb', 'model/x'],
      ['robots.txt', 'text/x; charset=ascii'],
    ]);
  });

  test('a rollback needs no source and no commit; a publish needs a name', () => {
    const rest = { ...good, source: '' };
    looks = 0;
    expect(parse({ ...rest, source: 'no-such-folder', 'rollback-to': 'previous' })).toMatchObject({ mode: 'rollback' });
    expect(looks).toBe(0);
    expect(parse({ ...rest, 'rollback-to': 'previous' }, '')).toMatchObject({
      mode: 'rollback',
      target: 'previous',
      runId: '7',
    });
    expect(() => parse(good, '')).toThrow('release-id is missing');
    expect(parse({ ...good, mode: 'check' }, '')).toMatchObject({ mode: 'check', sourceKey: '' });
  });
});
