import fc from 'fast-check';
import { describe, expect, test } from '@jest/globals';
import {
  differences,
  readTaskDefinition,
  sameDefinition,
  withChanges,
} from '../../../actions/deploy-ecs/src/task-definition.ts';
import type { ContainerDefinition, TaskDefinitionRequest } from '../../../shared/aws/ecs.ts';
import { inputsOf, taskDefinition } from '../../kit/ecs.ts';

/** What people put into variables: nothing, `=`, quotes, newlines, shell and Markdown, other scripts. */
const value = fc.oneof(
  fc.constantFrom('', '=', 'a=b=c', '"quoted"', "it's", 'line\nline', '\r\n', '$HOME `x` | #', '{"a":1}', ' padded '),
  fc.string({ unit: 'grapheme' }),
);
const name = fc.stringMatching(/^[A-Z][A-Z0-9_.]{0,8}$/);
const pairs = fc.uniqueArray(fc.record({ name, value }), { selector: (pair) => pair.name, maxLength: 6 });
const arn = fc
  .integer({ min: 1, max: 9 })
  .map((n) => `arn:aws:secretsmanager:us-east-1:123456789012:secret:s${n}-AbCdEf`);
const container = (containerName: string): fc.Arbitrary<ContainerDefinition> =>
  fc.record({ environment: pairs, secrets: fc.array(arn, { maxLength: 3 }) }).map(({ environment, secrets }) => ({
    name: containerName,
    image: `${containerName}:1`,
    environment,
    secrets: secrets.map((valueFrom, index) => ({ name: `SECRET${index}`, valueFrom })),
  }));
const definition = fc
  .tuple(container('api'), container('proxy'))
  .map((containerDefinitions): TaskDefinitionRequest => ({ ...taskDefinition(), containerDefinitions }));

const changesOf = (given: readonly { name: string; value: string }[]): ReturnType<typeof inputsOf>['changes'] =>
  inputsOf({ environment: JSON.stringify(Object.fromEntries(given.map((pair) => [pair.name, pair.value]))) }).changes;

describe('whatever the base and the variables are', () => {
  test('every variable given is there exactly as it was given, and every other stays as it was', () => {
    fc.assert(
      fc.property(definition, pairs, (base, given) => {
        const changed = withChanges(base, changesOf(given), 'backend');
        const [api, proxy] = changed.containerDefinitions!;
        const after = new Map(api!.environment!.map((pair) => [pair.name!, pair.value]));
        const wanted = new Map(base.containerDefinitions![0]!.environment!.map((pair) => [pair.name!, pair.value]));
        for (const pair of given) wanted.set(pair.name, pair.value);
        expect(after).toEqual(wanted);
        expect(api!.environment).toHaveLength(after.size);
        expect(proxy).toEqual(base.containerDefinitions![1]);
        // A name is a variable or a secret, never both.
        expect(
          api!.secrets!.filter((secret) => after.has(secret.name!) && given.some((g) => g.name === secret.name)),
        ).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('lines and JSON say the same, where lines can', () => {
    fc.assert(
      fc.property(pairs, (given) => {
        const sayable = given.filter((pair) => !/[\r\n]/.test(pair.value));
        const lines = inputsOf({ environment: sayable.map((pair) => `${pair.name}=${pair.value}`).join('\n') }).changes;
        expect(lines.environment).toEqual(changesOf(sayable).environment);
      }),
    );
  });

  test('what is registered, read back and changed again by the same inputs is the same: no second revision', () => {
    fc.assert(
      fc.property(definition, pairs, (base, given) => {
        const once = withChanges(base, changesOf(given), 'backend');
        const described = {
          ...structuredClone(once),
          taskDefinitionArn: 'arn:x',
          revision: 2,
          status: 'ACTIVE',
          volumes: [],
        };
        const reading = readTaskDefinition(described);
        if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
        const twice = withChanges(reading.definition, changesOf(given), 'backend');
        expect(sameDefinition(once, twice)).toBe(true);
        expect(differences(once, twice)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('no difference is ever taken for none: one other value, name or image is another definition, and is shown', () => {
    fc.assert(
      fc.property(definition, name, value, (base, key, text) => {
        const before = base.containerDefinitions![0]!.environment!.find((pair) => pair.name === key)?.value;
        fc.pre(before !== text);
        const changed = withChanges(base, changesOf([{ name: key, value: text }]), 'backend');
        expect(sameDefinition(base, changed)).toBe(false);
        expect(differences(base, changed).map(({ where }) => where)).toContain(`api environment ${key}`);
      }),
      { numRuns: 500 },
    );
  });
});
