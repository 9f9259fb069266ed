import { expect, test } from '@jest/globals';
import { parseInputs } from '../../../actions/invalidate-cdn/src/inputs.ts';
import { InputReader } from '../../../shared/action/input-reader.ts';
import { InputError, describeProblem } from '../../../shared/core/errors.ts';
import { cases } from '../../bundle/invalidate-cdn.bad-inputs.ts';

const parse = (inputs: Readonly<Record<string, string>>) =>
  parseInputs(new InputReader({ get: (name) => inputs[name] ?? '', env: {}, mask: () => undefined }));

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
  const found = problems(inputs);
  for (const text of expected) expect(found.join('\n')).toContain(text);
  expect(found.filter((problem) => !expected.some((text) => problem.includes(text)))).toEqual([]);
});

const good = { 'distribution-id': 'E2EXAMPLE12345', 'aws-region': 'us-east-1' };

test.each([
  ['', ['/*']],
  ['[]', []],
  ['/a\n\n /b \r\n/a', ['/a', '/b']],
  ['["/a b", "/é*"]', ['/a%20b', '/%C3%A9*']],
  ['/a?x=1&y=a b', ['/a?x=1&y=a%20b']],
  [`/${'a'.repeat(3999)}`, [`/${'a'.repeat(3999)}`]],
])('the paths %j are %j', (paths, expected) => expect(parse({ ...good, paths }).paths).toEqual(expected));

test('an alias in any case, and where it is noted', () => {
  const inputs = parse({
    'aws-region': 'us-east-1',
    alias: 'WWW.Example.com',
    bucket: 'my-bucket',
    prefix: 'app',
    publication: '3-0123456789abcdef',
  });
  expect(inputs).toMatchObject({
    distribution: { alias: 'www.example.com' },
    record: { bucket: 'my-bucket', prefix: 'app/' },
    publication: '3-0123456789abcdef',
    maxPaths: 15,
    queryStrings: false,
    wait: true,
    waitTimeoutMinutes: 15,
  });
});

test('a dry run goes by the paths of another, which has no publication', () => {
  const inputs = { ...good, paths: '["/"]', bucket: 'my-bucket' };
  expect(parse({ ...inputs, 'dry-run': 'true' })).toMatchObject({ publication: undefined, paths: ['/'] });
  expect(problems(inputs)).toEqual([expect.stringContaining('publication')]);
});
