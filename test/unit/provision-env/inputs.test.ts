import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { contradictions, type Together } from '../../../actions/provision-env/src/contradictions.ts';
import { parseInputs, type Inputs } from '../../../actions/provision-env/src/inputs.ts';
import { stackSpecs, tierParameters, tiers, type StackSpec } from '../../../actions/provision-env/src/stacks.ts';
import { readTemplates } from '../../../actions/provision-env/src/templates.ts';
import { InputReader } from '../../../shared/action/input-reader.ts';
import { InputError } from '../../../shared/core/errors.ts';
import { cases } from '../../bundle/provision-env.bad-inputs.ts';

const workspace = mkdtempSync(join(tmpdir(), 'slipway-provision-'));

function read(inputs: Readonly<Record<string, string>>): Inputs {
  return parseInputs(
    new InputReader({ get: (name) => inputs[name] ?? '', env: { AWS_REGION: 'us-east-1' }, mask: () => undefined }),
    { workspace, repository: 'your-org/studio', repositoryId: '22', ownerId: '11', pullRequest: undefined },
  );
}

function config(text: string): string {
  writeFileSync(join(workspace, 'env.yml'), text);
  return 'env.yml';
}

const specs = (inputs: Inputs): readonly StackSpec[] => stackSpecs(inputs, readTemplates());
const value = (inputs: Inputs, key: string, name: string): string | undefined => {
  const source = specs(inputs)
    .find((spec) => spec.key === key)
    ?.parameters.get(name);
  return source?.from === 'value' ? source.value : source?.from;
};

describe('refused', () => {
  test.each(cases.map((item) => [item.name, item] as const))('%s', (_, { inputs, expect: expected }) => {
    let message = '';
    try {
      read(inputs);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      message = error.message;
    }
    for (const text of expected) expect(message).toContain(text);
  });

  test('a secret among the variables is named, never shown', () => {
    expect(() => read({ config: config('environment-variables: { SECRET_KEY: hunter2 }') })).toThrow(InputError);
    try {
      read({ config: 'env.yml' });
    } catch (error) {
      expect((error as Error).message).not.toContain('hunter2');
    }
  });

  test('variables that no template could hold', () => {
    const many = Array.from({ length: 300 }, (_, index) => `  V${index}: ${'x'.repeat(100)}`).join('\n');
    expect(() => read({ config: config(`environment-variables:\n${many}`) })).toThrow(/51200 bytes/);
  });

  test('an alias bomb', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 12; level += 1) {
      const [name, inner] = [String.fromCharCode(97 + level), String.fromCharCode(96 + level)];
      bomb.push(`${name}: &${name} [${`*${inner}, `.repeat(9)}*${inner}]`);
    }
    expect(() => read({ config: config(bomb.join('\n')) })).toThrow(InputError);
  });
});

describe('accepted', () => {
  test('a comment, with every kind of plan and no other mode', () => {
    const comment = { comment: 'true', 'github-token': ' ghs_1\n' };
    expect(read(comment).comment).toEqual({ token: 'ghs_1' });
    expect(read({ ...comment, mode: 'apply', 'dry-run': 'true' }).comment).toEqual({ token: 'ghs_1' });
    expect(read({ comment: 'true' }).comment).toEqual({ token: undefined });
    expect(read({ 'github-token': 'ghs_1', mode: 'apply' }).comment).toBeUndefined();
    for (const mode of ['apply', 'outputs', 'bootstrap'])
      expect(() => read({ ...comment, mode })).toThrow('comment is "true"; accepted: "false", except with mode "plan"');
  });

  test('nothing at all is a plan of the development tier', () => {
    const inputs = read({});
    expect(inputs).toMatchObject({
      mode: 'plan',
      app: 'analytics-studio',
      environment: 'production',
      tier: 'development',
    });
    expect(specs(inputs).map(({ name }) => name)).toEqual([
      'analytics-studio-production-foundation',
      'analytics-studio-production-app',
      'analytics-studio-production-monitoring',
    ]);
    expect(value(inputs, 'foundation', 'Name')).toBe('analytics-studio');
    expect(value(inputs, 'foundation', 'Nat')).toBe('none');
    expect(value(inputs, 'foundation', 'DatabaseInstanceClass')).toBe('db.t3.micro');
  });

  test('other environments carry their name in every name', () => {
    expect(value(read({ environment: 'staging' }), 'app', 'Name')).toBe('analytics-studio-staging');
  });

  test('inputs win over the file, the file wins over the tier, the tier over the template', () => {
    const path = config(
      'tier: production-medium\nnat: single\naws-region: eu-west-1\nparameters: { RedisReplicas: 2 }\n',
    );
    const inputs = read({ config: path, app: 'shop', nat: 'none' });
    expect(inputs).toMatchObject({ app: 'shop', tier: 'production-medium', region: 'eu-west-1' });
    expect(value(inputs, 'foundation', 'Nat')).toBe('none');
    expect(value(inputs, 'foundation', 'RedisReplicas')).toBe('2');
    expect(value(inputs, 'foundation', 'DatabaseMultiAz')).toBe('true');
    expect(value(inputs, 'foundation', 'DatabaseAllocatedStorage')).toBeUndefined();
  });

  test('a value comes from a person, from another stack, or from what AWS says', () => {
    const inputs = read({ tier: 'production-small' });
    expect(value(inputs, 'app', 'VpcId')).toBe('output');
    expect(value(inputs, 'app', 'ServiceTaskDefinition')).toBe('observed');
  });

  test('a dry run of apply is a plan', () => {
    expect(read({ mode: 'apply', 'dry-run': 'true' }).mode).toBe('plan');
    expect(read({ mode: 'apply' }).mode).toBe('apply');
  });

  test('what drift is, is the environment’s affair in the file, and the run’s among the inputs', () => {
    expect(read({ mode: 'drift' })).toMatchObject({ mode: 'drift', driftIs: 'green' });
    expect(read({ mode: 'drift', 'drift-is': 'red' }).driftIs).toBe('red');
    const path = config('drift-is: red\n');
    expect(read({ mode: 'apply', config: path }).mode).toBe('apply');
    expect(read({ mode: 'drift', config: path }).driftIs).toBe('red');
    expect(read({ mode: 'drift', config: path, 'drift-is': 'green' }).driftIs).toBe('green');
    expect(() => read({ mode: 'apply', 'drift-is': 'red' })).toThrow(/drift-is is "red"; accepted: "green"/);
    expect(() => read({ mode: 'apply', config: path, 'drift-is': 'red' })).toThrow(/drift-is is "red"/);
    expect(() => read({ mode: 'drift', 'drift-is': 'yellow' })).toThrow(/drift-is is "yellow"/);
  });

  test('a domain with its certificates', () => {
    const certificates = ['Site', 'Api'].map(
      (name) => `  ${name}CertificateArn: arn:aws:acm:us-east-1:123456789012:certificate/${name}`,
    );
    const path = config(`domain: example.com\nhosted-zone-id: Z0123\nparameters:\n${certificates.join('\n')}\n`);
    expect(value(read({ config: path }), 'app', 'Domain')).toBe('example.com');
    expect(value(read({ config: path }), 'app', 'HostedZoneId')).toBe('Z0123');
  });

  test('CloudFront’s addresses are those of the region, or those that a person names', () => {
    const id = 'CloudFrontPrefixListId';
    expect(value(read({}), 'app', id)).toBe('pl-3b927c52');
    expect(value(read({ 'aws-region': 'eu-central-1' }), 'app', id)).toBe('pl-a3a144ca');
    const path = config(`parameters: { ${id}: pl-0abc }`);
    expect(value(read({ config: path }), 'app', id)).toBe('pl-0abc');
    expect(value(read({ config: path, 'aws-region': 'me-central-1' }), 'app', id)).toBe('pl-0abc');
    expect(read({ mode: 'outputs', 'aws-region': 'me-central-1' }).mode).toBe('outputs');
  });

  test('with a domain nobody asks for them', () => {
    const names = ['Site: us-east-1', 'Api: me-central-1'].map((item) => item.split(': ') as [string, string]);
    const certificates = names.map(
      ([name, region]) => `  ${name}CertificateArn: arn:aws:acm:${region}:123456789012:certificate/x`,
    );
    const path = config(`domain: example.com\naws-region: me-central-1\nparameters:\n${certificates.join('\n')}\n`);
    expect(value(read({ config: path }), 'app', 'CloudFrontPrefixListId')).toBeUndefined();
  });

  test('an empty file', () => {
    expect(read({ config: config('') }).tier).toBe('development');
    expect(read({ config: config('parameters:\nenvironment-variables:\n') }).tier).toBe('development');
  });

  test('the example’s own file', () => {
    const path = join(import.meta.dirname, '../../../examples/analytics-studio/environments/production.yml');
    const inputs = read({ config: path });
    expect(inputs).toMatchObject({ app: 'analytics-studio', environment: 'production', tier: 'production-small' });
  });

  test('a list becomes JSON, a boolean and a number their texts', () => {
    const path = config(
      'environment-variables: { CORS_ORIGINS: [https://a.example, https://b.example], DEBUG: true, N: 5 }',
    );
    const body = specs(read({ config: path })).find(({ key }) => key === 'app')?.body ?? '';
    expect(body).toContain('- { Name: CORS_ORIGINS, Value: "[\\"https://a.example\\",\\"https://b.example\\"]" }');
    expect(body).toContain('- { Name: DEBUG, Value: "true" }');
    expect(body).toContain('- { Name: N, Value: "5" }');
  });

  test.each(['15.10', '15.1', '1.10', '007', '12345678901234567890', '0x1F', '1e3', '-0', '.5'])(
    'the number %s stays the text that stands in the file',
    (number) => {
      const path = config(`environment-variables: { N: ${number} }`);
      expect(read({ config: path }).environmentVariables.get('N')).toBe(number);
    },
  );

  test('a version of two parts reaches the template as it was written', () => {
    const inputs = read({ config: config('parameters: { DatabaseEngineVersion: 15.10 }') });
    expect(value(inputs, 'foundation', 'DatabaseEngineVersion')).toBe('15.10');
  });

  test('numbers in a list too; those that JSON cannot spell become texts', () => {
    const path = config('environment-variables: { L: [15.10, 12345678901234567890, 007, "15.10", true, a, 1e3] }');
    expect(read({ config: path }).environmentVariables.get('L')).toBe(
      '[15.10,12345678901234567890,"007","15.10",true,"a",1e3]',
    );
  });

  test('a list of lists is refused', () => {
    expect(() => read({ config: config('environment-variables: { L: [[a]] }') })).toThrow(/environment-variables\.L/);
  });
});

describe('values that go together', () => {
  const together = (parameters: Readonly<Record<string, string>>, more: Partial<Together> = {}): readonly string[] =>
    contradictions(
      {
        tier: 'production-small',
        region: 'us-east-1',
        hasDomain: false,
        parameters: new Map(Object.entries(parameters)),
        ...more,
      },
      readTemplates(),
    ).map(({ field }) => field.replace('parameters.', ''));

  test.each([
    ['256', '512', true],
    ['256', '2048', true],
    ['256', '3072', false],
    ['512', '512', false],
    ['512', '4096', true],
    ['512', '1536', false],
    ['1024', '8192', true],
    ['1024', '9216', false],
    ['2048', '16384', true],
    ['4096', '30720', true],
    ['4096', '31744', false],
    ['8192', '20480', true],
    ['8192', '17408', false],
    ['16384', '122880', true],
    ['16384', '36864', false],
  ])('CPU %s with memory %s: %s', (TaskCpu, TaskMemory, fine) => {
    expect(together({ TaskCpu, TaskMemory })).toEqual(fine ? [] : ['TaskMemory']);
  });

  test('one of a pair is held against the template’s other', () => {
    expect(together({ TaskCpu: '256' })).toEqual([]);
    expect(together({ TaskCpu: '2048' })).toEqual(['TaskMemory']);
    expect(together({ TaskMemory: '512' })).toEqual(['TaskMemory']);
    expect(together({ DatabaseAllocatedStorage: '90' })).toEqual([]);
    expect(together({ DatabaseAllocatedStorage: '91' })).toEqual(['DatabaseMaxAllocatedStorage']);
    expect(together({ DatabaseAllocatedStorage: '100', DatabaseMaxAllocatedStorage: '110' })).toEqual([]);
  });

  test('replicas need a cache, which the tier or a person left out', () => {
    expect(together({ RedisReplicas: '1' })).toEqual([]);
    expect(together({ RedisReplicas: '1', Redis: 'false' })).toEqual(['RedisReplicas']);
    expect(together({ RedisReplicas: '1' }, { tier: 'development' })).toEqual(['RedisReplicas']);
    expect(together({ RedisReplicas: '1', Redis: 'true' }, { tier: 'development' })).toEqual([]);
    expect(together({ RedisReplicas: '0', Redis: 'false' })).toEqual([]);
    expect(together({ Redis: 'false' }, { tier: 'production-medium' })).toEqual([]);
  });

  test('names only clash below a domain', () => {
    expect(together({ SiteSubdomain: 'api' })).toEqual([]);
    expect(together({ SiteSubdomain: 'api' }, { hasDomain: true })).toEqual(['ApiSubdomain']);
    expect(together({ ApiSubdomain: 'analytics' }, { hasDomain: true })).toEqual(['ApiSubdomain']);
    expect(together({ SiteSubdomain: 'api', ApiSubdomain: 'analytics' }, { hasDomain: true })).toEqual([]);
    expect(together({}, { hasDomain: true })).toEqual([]);
  });

  test('the API’s certificate lies where its load balancer is', () => {
    const certificate = { ApiCertificateArn: 'arn:aws:acm:eu-west-1:123456789012:certificate/x' };
    expect(together(certificate, { hasDomain: true, region: 'eu-west-1' })).toEqual([]);
    expect(together(certificate, { hasDomain: true })).toEqual(['ApiCertificateArn']);
    expect(together(certificate, { hasDomain: true, region: undefined })).toEqual([]);
    expect(together(certificate, { region: 'eu-west-1' })).toEqual(['ApiCertificateArn']);
  });

  test.each(tiers)('%s and the templates’ defaults agree', (tier) => {
    const all = [...readTemplates().foundation.parameters.values(), ...readTemplates().app.parameters.values()];
    const defaults = Object.fromEntries(all.map(({ name, fallback = '' }) => [name, fallback]));
    expect(together({ ...defaults, ...tierParameters[tier] }, { tier, hasDomain: true })).toEqual([]);
  });

  test('a name that only begins like "internal-" is fine', () => {
    expect(read({ app: 'internals' }).app).toBe('internals');
    expect(() => read({ app: 'internal' })).toThrow(/load balancers/);
  });
});
