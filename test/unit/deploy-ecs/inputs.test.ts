import { describe, expect, test } from '@jest/globals';
import { InputError } from '../../../shared/core/errors.ts';
import { inputsOf } from '../../kit/ecs.ts';

type Values = Readonly<Record<string, string>>;

function problems(values: Values, files: Values = {}): readonly (readonly [string, string | undefined, string])[] {
  try {
    inputsOf(values, files);
  } catch (error) {
    if (error instanceof InputError)
      return error.problems.map(({ field, value, accepted }) => [field, value, accepted]);
    throw error;
  }
  return [];
}

const file = (definition: unknown): Values => ({ 'td.json': JSON.stringify(definition) });
const oneContainer = { containerDefinitions: [{ name: 'api', image: 'a:1' }] };
const count = 'a whole number from 1 to 5000 (0 running tasks would prove nothing)';
const word =
  'a JSON array of texts, or one line of words with shell quoting and nothing else of a shell; for operators: ["sh", "-c", "a && b"]';
const asIs = (name: string): string => `"${name}" left out: a rollback deploys the revision that ran before as it is`;

test.each<readonly [string, Values, Values, ReturnType<typeof problems>]>([
  [
    'region',
    { 'aws-region': '' },
    {},
    [['aws-region', undefined, 'an AWS region such as "us-east-1" (default: AWS_REGION or AWS_DEFAULT_REGION)']],
  ],
  [
    'cluster and service',
    { cluster: ' ', service: 'a/b' },
    {},
    [
      ['cluster', undefined, 'the cluster\'s name (letters, digits, "-", "_"; at most 255) or its ARN'],
      ['service', 'a/b', 'the service\'s name (letters, digits, "-", "_"; at most 255) or its ARN'],
    ],
  ],
  [
    'service of another cluster',
    { cluster: 'mine', service: 'arn:aws:ecs:us-east-1:123456789012:service/theirs/api' },
    {},
    [['service', 'arn:aws:ecs:us-east-1:123456789012:service/theirs/api', 'a service of the cluster "mine"']],
  ],
  [
    'cluster of another region',
    { cluster: 'arn:aws:ecs:eu-west-1:123456789012:cluster/shop' },
    {},
    [['cluster', 'eu-west-1', 'an ARN in the region of "aws-region", us-east-1']],
  ],
  [
    'image without tag',
    { image: 'app' },
    {},
    [
      [
        'image',
        'app',
        'an image with a digest or a tag, e.g. "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:…"',
      ],
    ],
  ],
  [
    'image and images',
    { image: 'a:1', images: 'b=b:1' },
    {},
    [['images', 'b=b:1', 'either "image" or "images", not both']],
  ],
  [
    'environment and secrets',
    { environment: 'A=1', secrets: 'A=arn:aws:ssm:us-east-1:123456789012:parameter/a' },
    {},
    [['secrets', 'A', 'a name that "environment" does not give as well']],
  ],
  [
    'a secret’s value',
    { secrets: 'A=hunter2' },
    {},
    [
      [
        'secrets',
        'A=***',
        'values: the ARN of a Secrets Manager secret (a ":json-key::" may follow) or of an SSM parameter, "arn:aws:secretsmanager:…"',
      ],
    ],
  ],
  [
    'a file that cannot be read',
    { 'task-definition': 'td.json' },
    {},
    [['task-definition', 'td.json', 'the path of a file that can be read, from the workspace']],
  ],
  [
    'a file that is no JSON',
    { 'task-definition': 'td.json' },
    { 'td.json': '{' },
    [
      [
        'task-definition',
        'td.json: containerDefinitions missing',
        'containerDefinitions: a list of at least one container definition',
      ],
    ],
  ],
  [
    'a file with wrong types, all of them',
    { 'task-definition': 'td.json' },
    file({ cpu: 512, containerDefinitions: [{ name: 'api', essential: 'yes', command: 'run' }, { name: 'api' }, {}] }),
    [
      ['task-definition', 'td.json: cpu = 512', 'cpu: a string'],
      [
        'task-definition',
        'td.json: containerDefinitions[0].essential = "yes"',
        'containerDefinitions[0].essential: a boolean',
      ],
      [
        'task-definition',
        'td.json: containerDefinitions[0].command = "run"',
        'containerDefinitions[0].command: a list',
      ],
      [
        'task-definition',
        'td.json: containerDefinitions[1].name = api',
        'containerDefinitions[1].name: every name once',
      ],
      [
        'task-definition',
        'td.json: containerDefinitions[2].name missing',
        'containerDefinitions[2].name: a container name',
      ],
    ],
  ],
  [
    'containers that the file does not have',
    { 'task-definition': 'td.json', images: 'web=a:1', 'run-before': 'x', 'run-before-container': 'job' },
    file(oneContainer),
    [
      ['images', 'web', 'a container of td.json: api'],
      ['run-before-container', 'job', 'a container of td.json: api'],
    ],
  ],
  ['an operator', { 'run-before': 'a; b' }, {}, [['run-before', 'a; b', word]]],
  ['an empty command', { 'run-before': '[]' }, {}, [['run-before', '[]', word]]],
  [
    'a container without a command',
    { 'run-before-container': 'api' },
    {},
    [['run-before-container', 'api', 'only together with run-before']],
  ],
  ['no tasks at first', { 'initial-count': '0' }, {}, [['initial-count', '0', count]]],
  [
    'numbers',
    { 'wait-timeout-minutes': '0', 'fail-fast-after': '3.0', 'run-before-timeout-minutes': '99999' },
    {},
    [
      ['run-before-timeout-minutes', '99999', 'a whole number from 1 to 1440'],
      ['wait-timeout-minutes', '0', 'a whole number from 1 to 1440'],
      ['fail-fast-after', '3.0', 'a whole number from 0 to 100'],
    ],
  ],
  [
    'enumerations and booleans',
    { 'on-active-deployment': 'Wait', 'paused-is': 'amber', wait: 'y', 'dry-run': '0' },
    {},
    [
      ['dry-run', '0', '"true" or "false"'],
      ['on-active-deployment', 'Wait', '"wait", "fail", "replace"'],
      ['wait', 'y', '"true" or "false"'],
      ['paused-is', 'amber', '"red", "green"'],
    ],
  ],
  [
    'a rollback to something else',
    { rollback: 'true', image: 'a:1', 'run-before': 'x' },
    {},
    [
      ['rollback', 'true', asIs('image')],
      ['rollback', 'true', asIs('run-before')],
    ],
  ],
  [
    'a health check nobody waits for',
    { wait: 'false', 'health-check-url': 'http://a/' },
    {},
    [['health-check-url', 'http://a/', 'only with wait: true, as it is asked after the deployment']],
  ],
  [
    'a token of a health check that nobody waits for, which is not shown',
    { wait: 'false', 'health-check-url': 'http://a/?token=hunter2' },
    {},
    [['health-check-url', 'http://a/?token=***', 'only with wait: true, as it is asked after the deployment']],
  ],
  [
    'a URL with a token, which is not shown',
    { 'health-check-url': 'ftp://a/?token=hunter2' },
    {},
    [['health-check-url', 'ftp://a/?token=***', 'an http:// or https:// URL without user name or password']],
  ],
  [
    'a URL with a password, which is not shown',
    { 'health-check-url': 'https://me:hunter2@a/' },
    {},
    [['health-check-url', 'https://***@a/', 'an http:// or https:// URL without user name or password']],
  ],
])('%s', (...[, values, files, expected]) => expect(problems(values, files)).toEqual(expected));

describe('good inputs', () => {
  test('read with their defaults', () => {
    expect(inputsOf()).toMatchObject({
      base: { kind: 'running' },
      runBefore: undefined,
      wait: true,
      waitTimeoutMinutes: 20,
      failFastAfter: 3,
      rollbackOnFailure: true,
      onActiveDeployment: 'wait',
      pausedIs: 'red',
      initialCount: undefined,
    });
  });

  test('keep every odd value as it is', () => {
    const { changes } = inputsOf({
      environment: 'EMPTY=\nEQUALS=a=b==\nCOLONS=::set-output::\nSPACES=  two  \napi.NAME="quoted"',
      secrets: 'KEY=arn:aws:secretsmanager:us-east-1:123456789012:secret:app/key-AbCdEf:json-key::',
    });
    expect([...changes.environment]).toEqual([
      ['EMPTY', ''],
      ['EQUALS', 'a=b=='],
      ['COLONS', '::set-output::'],
      ['SPACES', '  two  '],
      ['api.NAME', '"quoted"'],
    ]);
    expect([...changes.secrets.keys()]).toEqual(['KEY']);
    expect(inputsOf({ environment: '{"PEM": "a\\nb", "N": "1"}' }).changes.environment.get('PEM')).toBe('a\nb');
  });

  test.each([
    ['backend', { kind: 'registered', reference: 'backend' }],
    ['backend:12', { kind: 'registered', reference: 'backend:12' }],
    [
      'arn:aws:ecs:us-east-1:123456789012:task-definition/backend:12',
      { kind: 'registered', reference: 'arn:aws:ecs:us-east-1:123456789012:task-definition/backend:12' },
    ],
  ])('tell a registered task definition: %s', (text, base) => {
    expect(inputsOf({ 'task-definition': text }).base).toEqual(base);
  });

  test.each([
    ['as it is registered', oneContainer],
    ['as AWS describes it', { taskDefinition: { ...oneContainer, revision: 3, status: 'ACTIVE' } }],
  ])('read a file %s', (_, content) => {
    expect(inputsOf({ 'task-definition': 'td.json' }, file(content)).base).toEqual({
      kind: 'file',
      path: 'td.json',
      definition: oneContainer,
      unknown: [],
    });
  });

  test.each([
    ['alembic upgrade head', ['alembic', 'upgrade', 'head']],
    [`python -c 'print("a b")' $HOME *`, ['python', '-c', 'print("a b")', '$HOME', '*']],
    ['["sh", "-c", "a && b"]', ['sh', '-c', 'a && b']],
    [`say "" a\\ b "c \\"d\\" \\n"`, ['say', '', 'a b', 'c "d" \\n']],
  ])('split a command as a shell does: %s', (text, command) => {
    expect(inputsOf({ 'run-before': text }).runBefore?.command).toEqual(command);
  });
});
