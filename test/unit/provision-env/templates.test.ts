import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import {
  environmentVariableNames,
  inputParameters,
  observedParameters,
  stackKeys,
  stackNeeds,
  tierParameters,
  tiers,
  withEnvironmentVariables,
} from '../../../actions/provision-env/src/stacks.ts';
import { accepts, maxTemplateBytes, parseTemplate, resourcesOf } from '../../../actions/provision-env/src/template.ts';
import { readTemplates } from '../../../actions/provision-env/src/templates.ts';
import { kebab } from '../../../actions/provision-env/src/report.ts';

const templates = readTemplates();
const action = parse(readFileSync(join(import.meta.dirname, '../../../actions/provision-env/action.yml'), 'utf8')) as {
  outputs: Record<string, unknown>;
};

describe.each(stackKeys)('%s.yml', (key) => {
  const template = templates[key];

  test('fits into a request', () => {
    expect(Buffer.byteLength(template.text)).toBeLessThan(maxTemplateBytes);
  });

  test('describes every resource in words of its own', () => {
    const descriptions = [...template.resources.values()].map(({ description, logicalId }) => {
      expect(description).not.toBe(logicalId);
      return description;
    });
    expect(new Set(descriptions).size).toBe(descriptions.length);
  });

  test('exports nothing, calls no macro and no nested stack', () => {
    expect(template.text).not.toMatch(/^\s*(Export|Transform|Fn::Transform|Fn::ImportValue):/m);
    const types = [...template.resources.values()].map(({ type }) => type);
    expect(types.filter((type) => /CloudFormation::|^Custom::|Lambda/.test(type))).toEqual([]);
  });

  test('has every output of its stack in action.yml', () => {
    expect(Object.keys(action.outputs)).toEqual(expect.arrayContaining(template.outputs.map(kebab)));
  });

  test('accepts its own defaults', () => {
    for (const parameter of template.parameters.values()) {
      if (parameter.fallback !== undefined)
        expect([parameter.name, accepts(parameter, parameter.fallback)]).toEqual([parameter.name, undefined]);
    }
  });

  test('is told every parameter without a default by a stack before it', () => {
    const supplied = stackNeeds[key].flatMap((need) => templates[need].outputs);
    const bare = [...template.parameters.values()].filter(({ fallback }) => fallback === undefined);
    expect(supplied).toEqual(expect.arrayContaining(bare.map(({ name }) => name)));
  });

  test('knows only conditions it has', () => {
    for (const { condition } of template.resources.values()) {
      if (condition !== undefined) expect([...template.conditions.keys()]).toContain(condition);
    }
  });
});

test('every tier sets parameters that exist, to values their templates accept', () => {
  const known = new Map(stackKeys.flatMap((key) => [...templates[key].parameters]));
  for (const tier of tiers) {
    for (const [name, value] of Object.entries(tierParameters[tier])) {
      expect([name, known.has(name)]).toEqual([name, true]);
      expect([name, accepts(known.get(name)!, value)]).toEqual([name, undefined]);
    }
  }
  expect([...known.keys()]).toEqual(expect.arrayContaining([...observedParameters, ...Object.keys(inputParameters)]));
});

describe('the guide', () => {
  const foundation = templates.foundation.text;
  const app = templates.app.text;

  test('the environment variables and the four secrets', () => {
    expect(environmentVariableNames(app)).toEqual(
      'ENVIRONMENT DEBUG APP_NAME APP_VERSION DB_POOL_SIZE DB_MAX_OVERFLOW CACHE_TTL OPENAI_MODEL ACCESS_TOKEN_EXPIRE_MINUTES AWS_S3_BUCKET AWS_REGION MAX_QUERY_ROWS QUERY_TIMEOUT_SECONDS LOG_LEVEL LOG_FORMAT CORS_ORIGINS'.split(
        ' ',
      ),
    );
    for (const secret of ['database-url', 'openai-api-key', 'jwt-secret', 'redis-url']) {
      expect(foundation).toContain(`Name: !Sub '\${Name}/${secret}'`);
    }
    for (const name of ['DATABASE_URL', 'OPENAI_API_KEY', 'SECRET_KEY', 'REDIS_URL'])
      expect(app).toContain(`Name: ${name}, ValueFrom`);
  });

  test('no placeholder value in a secret: one is left for a person', () => {
    const block = /^ {2}OpenaiApiKey:\n(?: {4}.*\n)+/m.exec(foundation)?.[0] ?? '';
    expect(block).toContain('openai-api-key');
    expect(block).not.toMatch(/SecretString/);
  });
});

describe('conditions', () => {
  const ids = (parameters: Readonly<Record<string, string | undefined>>): readonly string[] =>
    resourcesOf(templates.foundation, new Map(Object.entries(parameters))).map(({ logicalId }) => logicalId);

  test('follow the parameters', () => {
    expect(ids({ Nat: 'none' })).not.toContain('NatGateway1');
    expect(ids({ Nat: 'single' })).toContain('NatGateway1');
    expect(ids({ Nat: 'single' })).not.toContain('NatGateway2');
    expect(ids({ Nat: 'per-az' })).toContain('NatGateway2');
    expect(ids({ Redis: 'false' })).not.toContain('Cache');
  });

  test('take the template’s default, and count as true on what is not known', () => {
    expect(ids({})).toContain('Cache');
    expect(ids({ Redis: undefined })).toContain('Cache');
  });

  test('combine', () => {
    const template = parseTemplate(`
Parameters: { A: { Type: String }, B: { Type: String } }
Conditions:
  A: !Equals [!Ref A, x]
  Both: !And [!Condition A, !Equals [!Ref B, x]]
  Either: !Or [!Condition A, !Equals [!Ref B, x]]
  Neither: !Not [!Condition Either]
Resources:
  InBoth: { Type: T, Condition: Both }
  InEither: { Type: T, Condition: Either }
  InNeither: { Type: T, Condition: Neither }
`);
    const present = (a: string | undefined, b: string | undefined): readonly string[] =>
      resourcesOf(
        template,
        new Map([
          ['A', a],
          ['B', b],
        ]),
      ).map(({ logicalId }) => logicalId);
    expect(present('x', 'x')).toEqual(['InBoth', 'InEither']);
    expect(present('x', 'y')).toEqual(['InEither']);
    expect(present('y', 'y')).toEqual(['InNeither']);
    expect(present('x', undefined)).toEqual(['InBoth', 'InEither']);
    expect(present('y', undefined)).toEqual(['InEither', 'InNeither']);
  });
});

describe('environment variables in the base task definition', () => {
  const render = (variables: Readonly<Record<string, string>>): string =>
    withEnvironmentVariables(templates.app.text, new Map(Object.entries(variables)));
  const list = (text: string): readonly { Name: string; Value: unknown }[] => {
    const lines = /# begin environment-variables\n([\s\S]*?)# end/.exec(text)?.[1] ?? '';
    return parse(lines.replace(/!\w+ (?=[\w'[])/g, '')) as never;
  };

  test('none leaves the template byte for byte as it is', () => expect(render({})).toBe(templates.app.text));

  test('known ones give way in their place, new ones follow', () => {
    const rendered = list(render({ CACHE_TTL: '60', EXTRA: 'x' }));
    expect(rendered.find(({ Name }) => Name === 'CACHE_TTL')?.Value).toBe('60');
    expect(rendered.at(-1)).toEqual({ Name: 'EXTRA', Value: 'x' });
    expect(rendered).toHaveLength(17);
  });

  test.each([
    'a "quoted" value',
    "it's",
    '$& $1 ${x}',
    'two\nlines',
    '- { Name: X }',
    '# end environment-variables',
    'ünïcödé 🎈',
    '',
  ])('carries %j unharmed', (value) => {
    const rendered = parseTemplate(render({ ODD: value }));
    expect(rendered.resources.size).toBe(templates.app.resources.size);
    const line = /^ *- (\{ Name: ODD,.*\})$/m.exec(render({ ODD: value }))?.[1] ?? '';
    expect(parse(line)).toEqual({ Name: 'ODD', Value: value });
  });
});
