import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { InputReader } from '../../../shared/action/input-reader.ts';
import { InputError } from '../../../shared/core/errors.ts';
import { anyText, imageTag, matching } from '../../../shared/core/parsers.ts';

const word = matching(/^\w+$/, 'a word');

function reader(inputs: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) {
  const masked: string[] = [];
  const read = new InputReader({ get: (name) => inputs[name] ?? '', env, mask: (secret) => masked.push(secret) });
  return { read, masked };
}

function problems(read: InputReader): readonly string[] {
  try {
    read.finish(undefined);
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.problems.map(({ field, value }) => `${field}: ${value}`);
    throw error;
  }
}

describe('InputReader', () => {
  test('gathers every problem and reports them together', () => {
    const { read } = reader({ tags: 'ok\n-bad\n.worse', 'dry-run': 'yes', count: '0x10' });
    read.required('repository');
    read.list('tags', imageTag);
    read.boolean('dry-run', false);
    read.integer('count', { min: 0, max: 9, fallback: 1 });
    expect(problems(read)).toEqual([
      'repository: undefined',
      'tags: -bad',
      'tags: .worse',
      'dry-run: yes',
      'count: 0x10',
    ]);
  });

  test('returns the inputs when nothing is wrong', () => {
    const { read } = reader({ a: ' x ' });
    expect(read.finish({ a: read.required('a') })).toEqual({ a: 'x' });
  });

  test.each(['true', 'True', 'TRUE'])('%s is true', (text) =>
    expect(reader({ b: text }).read.boolean('b', false)).toBe(true),
  );
  test.each(['tRUE', 'yes', '1', 'on', 'null'])('%s is no boolean', (text) => {
    const { read } = reader({ b: text });
    read.boolean('b', false);
    expect(problems(read)).toHaveLength(1);
  });

  test('map values keep "=", quotes and spaces; CRLF is cut', () => {
    const { read } = reader({ env: 'A=b=c\r\n  B= "x" \r\nEMPTY=' });
    expect([...read.map('env', word)]).toEqual([
      ['A', 'b=c'],
      ['B', ' "x" '],
      ['EMPTY', ''],
    ]);
  });

  test('a map may be JSON, for values with newlines', () => {
    const { read } = reader({ env: '{"A":"1\\n2"}' });
    expect([...read.map('env', word)]).toEqual([['A', '1\n2']]);
  });

  test.each(['=x', 'noequals', '{"A":1}', '{"A"', 'A=1\nA=2', 'a b=1'])('%j is no map', (text) => {
    const { read } = reader({ env: text });
    read.map('env', word);
    expect(problems(read)).toHaveLength(1);
  });

  test('secrets are masked, line by line too, and never shown in a problem', () => {
    const { read, masked } = reader({ secrets: '{"key":"first\\nsecond"}', more: 'id=s3cret\nid=s3cret\nhunter2' });
    read.secretMap('secrets', word);
    read.secretMap('more', word);
    expect(masked).toEqual(['first', 'second', 's3cret']);
    expect(problems(read).join()).not.toMatch(/s3cret|hunter2/);
  });

  test.each([
    ['the braces of a document, which stand in outputs as well', '{\n  "key": "s3cret"\n}\n', ['  "key": "s3cret"']],
    ['a secret that has nothing but short lines', 'ab\r\nc', ['ab', 'c']],
    ['a short secret', '42', ['42']],
    ['nothing', ' \n', []],
  ])('masked of a secret: %s', (_, secret, expected) => {
    const { read, masked } = reader({ secrets: JSON.stringify({ key: secret }) });
    read.secretMap('secrets', word);
    expect(masked).toEqual(expected);
  });

  test('lists: lines or a JSON array', () => {
    expect(reader({ l: '["a","b\\nc"]' }).read.list('l', anyText)).toEqual(['a', 'b\nc']);
    expect(reader({ l: '[ab]*\n\n b ' }).read.list('l', anyText)).toEqual(['[ab]*', 'b']);
  });

  test('the region comes from the input, then AWS_REGION, then AWS_DEFAULT_REGION', () => {
    const env = { AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'eu-west-2' };
    expect(reader({ 'aws-region': 'us-east-1' }, env).read.common().region).toBe('us-east-1');
    expect(reader({}, env).read.common().region).toBe('eu-west-1');
    expect(reader({}, { AWS_DEFAULT_REGION: 'eu-west-2' }).read.common().region).toBe('eu-west-2');
    const { read } = reader({});
    read.common();
    expect(problems(read)).toEqual(['aws-region: undefined']);
  });

  test('any map survives a round trip through JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), fc.string()), (pairs) => {
        const { read } = reader({ env: JSON.stringify(pairs) });
        expect(Object.fromEntries(read.map('env', word))).toEqual(pairs);
        expect(problems(read)).toEqual([]);
      }),
    );
  });
});
