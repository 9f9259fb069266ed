import * as sdk from '@aws-sdk/client-ecs';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { taskDefinitionFields } from '../../../actions/deploy-ecs/src/task-definition-fields.ts';
import {
  differences,
  logStreamOf,
  mainContainer,
  readTaskDefinition,
  sameDefinition,
  sensitiveValues,
  serviceFamily,
  withChanges,
  type Changes,
} from '../../../actions/deploy-ecs/src/task-definition.ts';
import { taskDefinition } from '../../kit/ecs.ts';

const none: Changes = { image: undefined, images: new Map(), environment: new Map(), secrets: new Map() };
const change = (special: Partial<Changes>): Changes => ({ ...none, ...special });

/** The SDK's own schema as names and types (https://github.com/smithy-lang/smithy-typescript, static schemas). */
function fieldsOf(schema: unknown): unknown {
  if (typeof schema === 'function') return fieldsOf((schema as () => unknown)());
  if (typeof schema === 'number') {
    if (schema & 64) return [fieldsOf(schema & ~64)];
    if (schema & 128) return { '*': fieldsOf(schema & ~128) };
    return schema === 0 ? 'string' : schema === 1 ? 'number' : schema === 2 ? 'boolean' : `unknown ${schema}`;
  }
  const parts = schema as readonly unknown[];
  switch (parts[0]) {
    case 0:
      return fieldsOf(parts[4]);
    case 1:
      return [fieldsOf(parts[4])];
    case 2:
      return { '*': fieldsOf(parts[5]) };
    case 3:
    case 4:
      return Object.fromEntries(
        (parts[4] as readonly string[]).map((name, index) => [name, fieldsOf((parts[5] as unknown[])[index])]),
      );
    default:
      // A member with traits of its own, or behind a thunk.
      return fieldsOf(parts[0]);
  }
}

test('the allow-list is exactly what the SDK’s request takes', () => {
  expect(fieldsOf(sdk.RegisterTaskDefinitionRequest$)).toEqual(taskDefinitionFields);
});

describe('reading what AWS describes', () => {
  test('read-only fields and unset ones are left out, empty values inside containers are kept', () => {
    const described = {
      ...taskDefinition(),
      taskDefinitionArn: 'arn',
      revision: 7,
      status: 'ACTIVE',
      registeredBy: 'arn',
      deleteRequestedAt: 1,
      requiresAttributes: [{ name: 'x' }],
      compatibilities: ['FARGATE'],
      taskRoleArn: '',
      executionRoleArn: null,
      volumes: [],
      ephemeralStorage: null,
      containerDefinitions: [
        { name: 'a', image: 'i:1', user: null, environment: [{ name: 'EMPTY', value: '' }], dockerLabels: { l: '' } },
      ],
    };
    expect(readTaskDefinition(described)).toEqual({
      definition: {
        family: 'backend',
        networkMode: 'awsvpc',
        requiresCompatibilities: ['FARGATE'],
        cpu: '512',
        memory: '1024',
        volumes: [],
        containerDefinitions: [
          { name: 'a', image: 'i:1', environment: [{ name: 'EMPTY', value: '' }], dockerLabels: { l: '' } },
        ],
      },
      unknown: [],
    });
  });

  test('unknown fields are named, wherever they are', () => {
    const reading = readTaskDefinition({
      newThing: 1,
      containerDefinitions: [{ name: 'a', gpu: true, logConfiguration: { options: { any: 'thing' }, sink: 'x' } }],
    });
    expect(reading).toMatchObject({
      unknown: ['newThing', 'containerDefinitions[0].gpu', 'containerDefinitions[0].logConfiguration.sink'],
    });
  });

  test.each([null, 7, 'text', [], {}, { containerDefinitions: [] }, { containerDefinitions: 'x' }])(
    '%j is no task definition',
    (value) => expect(readTaskDefinition(value)).toHaveProperty('problems'),
  );

  test('names of JavaScript’s own are no fields', () => {
    const hostile: unknown = JSON.parse(
      '{"__proto__": {"x": 1}, "constructor": 1, "containerDefinitions": [{"name": "a"}]}',
    );
    expect(readTaskDefinition(hostile)).toMatchObject({ unknown: ['__proto__', 'constructor'] });
  });
});

describe('changes', () => {
  const two = taskDefinition({
    containerDefinitions: [
      { name: 'sidecar', image: 'proxy:1', essential: false },
      {
        name: 'fastapi',
        image: 'app:1',
        environment: [
          { name: 'EMPTY', value: '' },
          { name: 'B', value: '1' },
        ],
        secrets: [{ name: 'S', valueFrom: 'arn:s' }],
        dockerLabels: { a: 'b=c=d' },
      },
    ],
  });

  test('image is for the first essential container, nothing else is touched', () => {
    expect(mainContainer(two)).toBe('fastapi');
    expect(withChanges(two, change({ image: 'app:2' }), 'backend')).toEqual({
      ...two,
      containerDefinitions: [two.containerDefinitions![0], { ...two.containerDefinitions![1], image: 'app:2' }],
    });
  });

  test('variables are merged by container and name; a secret takes a variable’s place and the other way round', () => {
    const environment = new Map([
      ['B', 'x=y\n"z"'],
      ['S', 'plain now'],
      ['sidecar.PORT', '80'],
      ['not.a.container', ''],
    ]);
    const secrets = new Map([['EMPTY', 'arn:e']]);
    const [sidecar, main] = withChanges(two, change({ environment, secrets }), 'other').containerDefinitions!;
    expect(sidecar).toMatchObject({ image: 'proxy:1', environment: [{ name: 'PORT', value: '80' }] });
    expect(main).toEqual({
      ...two.containerDefinitions![1],
      environment: [
        { name: 'B', value: 'x=y\n"z"' },
        { name: 'S', value: 'plain now' },
        { name: 'not.a.container', value: '' },
      ],
      secrets: [{ name: 'EMPTY', valueFrom: 'arn:e' }],
    });
  });

  test.each([
    ['backend-base', 'shop:set-by-deployment', 'backend'],
    ['backend-base', 'shop:set-by-deployment-7', 'backend-base'],
    ['knowledge-base', 'shop:2', 'knowledge-base'],
    ['backend', 'shop:set-by-deployment', 'backend'],
    ['-base', 'shop:set-by-deployment', '-base'],
  ])('the family of a service that runs %s with %s is %s', (family, image, expected) => {
    const definition = taskDefinition({ family, containerDefinitions: [{ name: 'fastapi', image }] });
    expect(serviceFamily({ family, definition })).toBe(expected);
  });

  test('the stand-in is the one of provision-env’s template', () => {
    const template = readFileSync(new URL('../../../actions/provision-env/templates/app.yml', import.meta.url), 'utf8');
    expect(template).toContain("Image: !Sub '${EcrRepositoryUri}:set-by-deployment'");
  });
});

describe('equality', () => {
  const container = taskDefinition().containerDefinitions![0]!;
  const withContainer = (special: object): ReturnType<typeof taskDefinition> =>
    taskDefinition({ containerDefinitions: [{ ...container, ...special }] });

  test.each([
    ['the family and tags', taskDefinition({ family: 'x', tags: [{ key: 'a', value: 'b' }] })],
    ['AWS’s defaults', withContainer({ cpu: 0, essential: true, mountPoints: [], volumesFrom: [] })],
    ['the port’s defaults', withContainer({ portMappings: [{ containerPort: 8000, hostPort: 8000 }] })],
    ['empty lists and objects', taskDefinition({ volumes: [], placementConstraints: [], runtimePlatform: {} })],
  ])('does not count %s', (_, other) => expect(sameDefinition(taskDefinition(), other)).toBe(true));

  test.each([
    ['an image', withContainer({ image: 'app:2' })],
    ['an empty value', withContainer({ environment: [...container.environment!, { name: 'EMPTY', value: '' }] })],
    ['a command', withContainer({ command: ['x'] })],
    ['the order of a command', withContainer({ command: ['b', 'a'] })],
    ['memory', taskDefinition({ memory: '2048' })],
    ['a role', taskDefinition({ taskRoleArn: 'arn' })],
  ])('counts %s', (_, other) => expect(sameDefinition(taskDefinition(), other)).toBe(false));

  test('does not count the order of variables', () => {
    const variables = ['A', 'B', 'C'].map((name) => ({ name, value: name }));
    expect(
      sameDefinition(withContainer({ environment: variables }), withContainer({ environment: variables.toReversed() })),
    ).toBe(true);
  });
});

describe('differences for people', () => {
  test('secrets by name only; values of variables that sound like one are not shown', () => {
    const before = taskDefinition();
    const after = withChanges(
      taskDefinition({ memory: '2048' }),
      change({
        image: 'app:2',
        environment: new Map([
          ['ENVIRONMENT', 'staging'],
          ['API_TOKEN', 'hunter2'],
          ['CACHE', 'redis://u:hunter2@cache/0'],
        ]),
        secrets: new Map([['DB', 'arn:aws:secretsmanager:us-east-1:1:secret:db']]),
      }),
      'backend',
    );
    expect(differences(before, after)).toEqual([
      { where: 'memory', before: '1024', after: '2048' },
      { where: 'fastapi.image', before: 'app:1', after: 'app:2' },
      { where: 'fastapi environment ENVIRONMENT', before: 'production', after: 'staging' },
      { where: 'fastapi environment API_TOKEN', before: undefined, after: '(not shown)' },
      { where: 'fastapi environment CACHE', before: undefined, after: '(not shown)' },
      { where: 'fastapi secret DB', before: undefined, after: 'set' },
    ]);
    const moved = withChanges(after, change({ secrets: new Map([['DB', 'arn:other']]) }), 'backend');
    expect(differences(after, moved)).toEqual([
      { where: 'fastapi secret DB', before: 'set', after: 'set to another one' },
    ]);
    expect(JSON.stringify([differences(before, after), differences(after, moved)])).not.toMatch(
      /hunter2|secret:db|arn:/,
    );
    expect(sensitiveValues(after)).toEqual(['hunter2', 'redis://u:hunter2@cache/0']);
  });

  test('containers that come and go', () => {
    const other = taskDefinition({ containerDefinitions: [{ name: 'web', image: 'web:1' }] });
    expect(differences(taskDefinition(), other)).toEqual([
      { where: 'fastapi', before: 'container app:1', after: undefined },
      { where: 'web', before: undefined, after: 'container web:1' },
    ]);
  });
});

test('a container’s log stream, where there is one', () => {
  const task = 'arn:aws:ecs:us-east-1:1:task/shop/abc';
  expect(logStreamOf(taskDefinition(), 'fastapi', task)).toEqual({
    group: '/ecs/shop',
    stream: 'ecs/fastapi/abc',
    region: 'us-east-1',
  });
  expect(logStreamOf(taskDefinition(), 'other', task)).toBeUndefined();
});
