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

  test('a value that is no text is not told where it may be a secret', () => {
    const reading = readTaskDefinition({
      cpu: 1234,
      containerDefinitions: [
        { name: 'a', environment: [{ name: 'DB_PASSWORD', value: 987654 }], command: '--token 987654' },
      ],
    });
    expect(reading).toMatchObject({ problems: [{ value: '1234' }, { value: '***' }, { value: '"--token ***"' }] });
    expect(JSON.stringify(reading)).not.toContain('987654');
  });

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

  const efs = (special: object): object => ({
    volumes: [{ name: 'v', efsVolumeConfiguration: { fileSystemId: 'fs-1', ...special } }],
  });
  const docker = (special: object): object => ({ volumes: [{ name: 'v', dockerVolumeConfiguration: special }] });

  // What a file says, and what AWS describes once that is registered (or what has the same effect).
  test.each([
    ['.25 vCPU', { cpu: '.25 vCPU' }, { cpu: '256' }],
    ['0.25 vcpu', { cpu: '0.25 vcpu' }, { cpu: '256' }],
    ['1vCPU', { cpu: '1vCPU' }, { cpu: '1024' }],
    ['0.5 GB', { memory: '0.5 GB' }, { memory: '512' }],
    ['1GB', { memory: '1GB' }, { memory: '1024' }],
    [
      'EFS',
      efs({}),
      efs({ rootDirectory: '/', transitEncryption: 'DISABLED', authorizationConfig: { iam: 'DISABLED' } }),
    ],
    ['EFS’s port', efs({}), efs({ transitEncryptionPort: 0 })],
    [
      'an access point',
      efs({ authorizationConfig: { accessPointId: 'fsap-1' } }),
      efs({ rootDirectory: '/', authorizationConfig: { accessPointId: 'fsap-1', iam: 'DISABLED' } }),
    ],
    ['a Docker volume', docker({ labels: {} }), docker({ scope: 'task', autoprovision: false, driver: 'local' })],
    ['a bind mount', { volumes: [{ name: 'v' }] }, { volumes: [{ name: 'v', host: {}, configuredAtLaunch: false }] }],
    ['Fargate’s disk', {}, { ephemeralStorage: { sizeInGiB: 20 } }],
    ['Fargate’s processor', {}, { runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' } }],
    [
      'half a platform',
      { runtimePlatform: { cpuArchitecture: 'ARM64' } },
      { runtimePlatform: { cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' } },
    ],
    ['fault injection', {}, { enableFaultInjection: false }],
    ['the network mode', { networkMode: undefined }, { networkMode: 'awsvpc' }],
  ])('a file that says %s is what AWS says of it', (_, file, described) => {
    expect(sameDefinition(taskDefinition(file), taskDefinition(described))).toBe(true);
  });

  test.each([
    [
      'a health check',
      { healthCheck: { command: ['CMD', 'x'] } },
      { healthCheck: { command: ['CMD', 'x'], interval: 30, timeout: 5, retries: 3, startPeriod: 0 } },
    ],
    [
      'mounts',
      { mountPoints: [{ sourceVolume: 'v', containerPath: '/x' }] },
      { mountPoints: [{ sourceVolume: 'v', containerPath: '/x', readOnly: false }] },
    ],
    [
      'volumes from another',
      { volumesFrom: [{ sourceContainer: 'x' }] },
      { volumesFrom: [{ sourceContainer: 'x', readOnly: false }] },
    ],
    [
      'a restart policy',
      { restartPolicy: { enabled: true } },
      { restartPolicy: { enabled: true, ignoredExitCodes: [], restartAttemptPeriod: 300 } },
    ],
    [
      'environment files',
      { environmentFiles: [{ value: 'arn:x' }] },
      { environmentFiles: [{ value: 'arn:x', type: 's3' }] },
    ],
    [
      'Linux parameters',
      { linuxParameters: { sharedMemorySize: 64 } },
      { linuxParameters: { sharedMemorySize: 64, initProcessEnabled: false } },
    ],
    [
      'no log options',
      { logConfiguration: { logDriver: 'awsfirelens' } },
      { logConfiguration: { logDriver: 'awsfirelens', options: {}, secretOptions: [] } },
    ],
    [
      'no switches',
      {},
      {
        privileged: false,
        interactive: false,
        pseudoTerminal: false,
        readonlyRootFilesystem: false,
        disableNetworking: false,
      },
    ],
    ['neither the version’s consistency', {}, { versionConsistency: 'enabled', systemControls: [] }],
    [
      'a range of ports',
      { portMappings: [{ containerPortRange: '80-90' }] },
      { portMappings: [{ containerPortRange: '80-90', protocol: 'tcp' }] },
    ],
  ])('a container that says %s is what AWS says of it', (_, file, described) => {
    expect(sameDefinition(withContainer(file), withContainer(described))).toBe(true);
  });

  test('on instances of one’s own, ports are dynamic and the platform is the instance’s', () => {
    const bridge = (special: object, port: object): ReturnType<typeof taskDefinition> =>
      taskDefinition({
        requiresCompatibilities: ['EC2'],
        networkMode: undefined,
        ...special,
        containerDefinitions: [{ ...container, portMappings: [{ containerPort: 80, ...port }] }],
      });
    expect(sameDefinition(bridge({}, {}), bridge({ networkMode: 'bridge' }, { hostPort: 0, protocol: 'tcp' }))).toBe(
      true,
    );
    expect(sameDefinition(bridge({}, {}), bridge({}, { hostPort: 80 }))).toBe(false);
    const onX86 = { runtimePlatform: { cpuArchitecture: 'X86_64' } };
    expect(sameDefinition(bridge({}, {}), bridge(onX86, {}))).toBe(false);
    expect(sameDefinition(bridge({}, {}), bridge({ ephemeralStorage: { sizeInGiB: 20 } }, {}))).toBe(false);
  });

  test('a size in other words is no difference to be shown', () => {
    const file = taskDefinition({ cpu: '.5 vCPU', memory: '2 GB' });
    expect(differences(taskDefinition(), file)).toEqual([{ where: 'memory', before: '1024', after: '2048' }]);
  });

  test.each([
    ['half a GB more', taskDefinition({ memory: '1.5 GB' })],
    ['a size of an unknown unit', taskDefinition({ memory: '1024 MB' })],
    ['vCPUs of memory', taskDefinition({ memory: '1 vCPU' })],
    ['a larger disk', taskDefinition({ ephemeralStorage: { sizeInGiB: 30 } })],
    ['another processor', taskDefinition({ runtimePlatform: { cpuArchitecture: 'ARM64' } })],
    ['another directory', taskDefinition(efs({ rootDirectory: '/data' }))],
    ['a switch', withContainer({ readonlyRootFilesystem: true })],
    ['another health check', withContainer({ healthCheck: { command: ['CMD', 'x'], retries: 5 } })],
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

  test('a command and the options of a log driver are hidden in part, and still differ', () => {
    const of = (secret: string): ReturnType<typeof taskDefinition> =>
      taskDefinition({
        containerDefinitions: [
          {
            name: 'fastapi',
            image: 'app:1',
            command: ['serve', '--password', secret, 'a"b'],
            entryPoint: ['run', `postgres://app:${secret}@db`],
            environment: [
              { name: 'HOOK', value: `https://hooks.slack.com/services/${secret}` },
              { name: 'TEAM_WEBHOOK', value: secret },
            ],
            logConfiguration: { logDriver: 'awsfirelens', options: { Name: 'datadog', apikey: `x${secret}` } },
            firelensConfiguration: { type: 'fluentbit', options: { 'auth-token': `y"${secret}` } },
            dockerLabels: { 'com.example.token': `z${secret}`, 'com.example.name': secret.slice(0, 3) },
          },
        ],
      });
    const diff = differences(of('0ldhunter2'), of('n3whunter2'));
    const entry = '["run","postgres://app:***@db"]';
    expect(diff).toContainEqual({ where: 'fastapi.entryPoint', before: entry, after: entry });
    const command = String.raw`["serve","--password","***","a\"b"]`;
    expect(diff).toContainEqual({ where: 'fastapi.command', before: command, after: command });
    const options = '{"logDriver":"awsfirelens","options":{"Name":"datadog","apikey":"***"}}';
    expect(diff).toContainEqual({ where: 'fastapi.logConfiguration', before: options, after: options });
    expect(diff).toContainEqual(expect.objectContaining({ where: 'fastapi.firelensConfiguration' }));
    expect(diff).toContainEqual(
      expect.objectContaining({ after: '{"com.example.name":"n3w","com.example.token":"***"}' }),
    );
    expect(diff).toContainEqual(expect.objectContaining({ after: 'https://hooks.slack.com/***' }));
    expect(JSON.stringify(diff)).not.toContain('hunter2');
    expect(sensitiveValues(of('hunter2'))).toEqual(['hunter2', 'xhunter2', 'y"hunter2', 'zhunter2']);
  });

  test.each<readonly [string, readonly [string, string], readonly string[]]>([
    ['of four characters', ['DB_PASSWORD', 'abcd'], ['abcd']],
    ['too short', ['DB_PASSWORD', 'abc'], []],
    ['a number under the name of a secret', ['ADMIN_PASSWORD', '1234'], ['1234']],
    ['the number of a setting', ['TOKEN_TTL', '3600'], []],
    ['a long number', ['TOKEN_ID', '123456'], ['123456']],
    ['a switch', ['AUTH_ENABLED', 'True'], []],
    ['an ARN', ['DB_SECRET', 'arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf'], []],
    ['a directory', ['PWD', '/srv/app'], []],
    ['a short name', ['DB_PWD', 'hunter2'], ['hunter2']],
    ['a URL: also its password', ['CACHE', 'redis://u:hunter2@c'], ['redis://u:hunter2@c', 'hunter2']],
    ['lines', ['SIGNING_KEY', 'first1\r\n  second \nno\n'], ['first1\r\n  second \nno\n', 'first1', 'second']],
    [
      'escaped lines',
      ['KEY_JSON', String.raw`{"k":"first1\nsecond"}`],
      [String.raw`{"k":"first1\nsecond"}`, '{"k":"first1', 'second"}'],
    ],
    ['nothing of a secret', ['LOG_LEVEL', 'debugging'], []],
  ])('what is hidden in all texts: %s', (_, [name, value], expected) => {
    const containers = [{ name: 'web' }, { name: 'fastapi', environment: [{ name, value }] }];
    expect(sensitiveValues(taskDefinition({ containerDefinitions: containers }))).toEqual(expected);
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
