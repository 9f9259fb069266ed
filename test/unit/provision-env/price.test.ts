import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { amount, money } from '../../../actions/provision-env/src/money.ts';
import { freeTypes } from '../../../actions/provision-env/src/price-free.ts';
import { priceRules } from '../../../actions/provision-env/src/price-rules.ts';
import * as priceTable from '../../../actions/provision-env/src/price-table.ts';
import { usageOf } from '../../../actions/provision-env/src/price-usage.ts';
import {
  cents,
  judgeLimit,
  priceDifference,
  priceOf,
  priceOfSpecs,
  priceOfStacks,
  type Price,
} from '../../../actions/provision-env/src/price.ts';
import { tiers, type StackKey, type Tier } from '../../../actions/provision-env/src/stacks.ts';
import { parseTemplate } from '../../../actions/provision-env/src/template.ts';
import { readTemplates } from '../../../actions/provision-env/src/templates.ts';
import { pricedTiers, tierSpecs } from '../../tools/tier-prices.ts';
import { evaluate, type Tree } from './evaluate.ts';

const templates = readTemplates();
const small = usageOf['production-small'];
const priced = (tier: Tier, parameters: Readonly<Record<string, string>> = {}): Price =>
  priceOfSpecs(tierSpecs(tier, templates, parameters), usageOf[tier]);
const sumOf = ({ lines }: Price, service: string): number =>
  cents(lines.filter((line) => line.service === service).reduce((sum, { usd }) => sum + usd, 0));

describe('the tiers', () => {
  test('cost, line by line, what the golden table says', () => {
    const text = pricedTiers(templates)
      .map(({ title, price }) =>
        [
          `== ${title}: ${money(price.total)} = ${money(price.fixed)} fixed + ${money(price.usage)} by usage`,
          ...price.lines.map(({ service, what, quantity, unit, unitUsd, usd, kind }) =>
            [service, what, `${amount(quantity)} ${unit} x ${money(unitUsd)}`, money(usd), kind].join(' | '),
          ),
        ].join('\n'),
      )
      .join('\n\n');
    // After a change that is meant, write what is received into the file, and read it.
    expect(`${text}\n`).toBe(readFileSync(join(import.meta.dirname, 'price.golden.txt'), 'utf8'));
  });

  test.each<[Tier, number, number]>([
    ['development', 50, 80],
    ['production-small', 150, 250],
    ['production-medium', 300, 500],
  ])('%s is inside the guide’s range', (tier, least, most) => {
    const { total, unknown } = priced(tier);
    expect(unknown).toEqual([]);
    expect(total).toBeGreaterThanOrEqual(least);
    expect(total).toBeLessThanOrEqual(most);
  });

  test('the medium one only with what it is taken to use, as the README says', () => {
    expect(priced('production-medium').fixed).toBeLessThan(300);
  });

  test('development with NAT would be beyond it, as the README says', () => {
    expect(priced('development', { Nat: 'single' }).total).toBeGreaterThan(80);
  });

  // By hand, from the prices that AWS states.
  test.each<[string, number]>([
    ['Fargate', 2 * 730 * (0.5 * 0.04048 + 1 * 0.004445)],
    ['NAT gateway', 730 * 0.045 + 10 * 0.045],
    ['Public IPv4', 3 * 730 * 0.005],
    ['RDS', 730 * 0.036 + 20 * 0.115],
    ['ElastiCache', 730 * 0.017],
    ['Secrets Manager', 5 * 0.4],
    ['Load balancer', 730 * 0.0225 + 73 * 0.008],
    ['CloudFront', 100 * 0.085 + 2 + 0.2],
  ])('production-small pays for %s', (service, usd) => {
    expect(Math.abs(sumOf(priced('production-small'), service) - usd)).toBeLessThan(0.011);
  });

  test('what the medium one has beyond it is paid for', () => {
    const medium = priced('production-medium');
    const little = priced('production-small');
    expect(sumOf(medium, 'RDS')).toBe(2 * sumOf(little, 'RDS'));
    expect(sumOf(medium, 'ElastiCache')).toBe(2 * sumOf(little, 'ElastiCache'));
    expect(sumOf(medium, 'NAT gateway')).toBe(sumOf(little, 'NAT gateway') + 32.85);
    expect(sumOf(medium, 'Public IPv4')).toBe(sumOf(little, 'Public IPv4') + 3.65);
    expect(sumOf(medium, 'WAF')).toBe(2 * (5 + 6) + 1.8);
    // Three tasks on average: the third one by usage.
    expect(sumOf(medium, 'Fargate')).toBeCloseTo(1.5 * sumOf(little, 'Fargate'), 1);
    expect(medium.usage - little.usage).toBeGreaterThan(18);
  });
});

describe('what has a price', () => {
  const types = new Set(
    Object.values(templates).flatMap(({ resources }) => [...resources.values()].map(({ type }) => type)),
  );

  test('every type of the templates has a rule or a reason to be free, and only one of them', () => {
    for (const type of types)
      expect([type, type in priceRules, type in freeTypes]).toEqual([
        type,
        !(type in freeTypes),
        !(type in priceRules),
      ]);
    expect([...Object.keys(priceRules), ...Object.keys(freeTypes)].filter((type) => !types.has(type))).toEqual([]);
  });

  test('with everything on, nothing is unknown and each rule gives a line', () => {
    const most = priced('production-medium', { Kms: 'customer', WafBlockedAddresses: '203.0.113.0/24' });
    expect(most.unknown).toEqual([]);
    expect(sumOf(most, 'KMS')).toBe(1.3);
    expect(sumOf(most, 'WAF')).toBe(2 * (5 + 7) + 1.8);
  });

  test('a type that nobody has thought of is unknown', () => {
    const template = parseTemplate('Resources:\n  Thing: { Type: AWS::New::Thing }\n');
    const price = priceOf([{ key: 'app', template, values: new Map() }], small);
    expect(price).toEqual({ lines: [], fixed: 0, usage: 0, total: 0, unknown: ['AWS::New::Thing (Thing)'] });
  });

  test.each([
    ['DatabaseInstanceClass', 'db.x99.huge', 'RDS: db.x99.huge'],
    ['RedisNodeType', 'cache.x99.huge', 'ElastiCache: cache.x99.huge'],
  ])('%s that the table does not have is unknown, not free', (parameter, value, what) => {
    const price = priced('production-small', { [parameter]: value });
    expect(price.unknown).toEqual([what]);
    expect(price.lines.map(({ what: name }) => name)).not.toContain(value);
    expect(judgeLimit(price, 10_000)).toBe('unknown');
    expect(judgeLimit(price, 100)).toBe('over');
  });

  test('so is an instance, and a size that is not known yet', () => {
    const specs = tierSpecs('development', templates, { Compute: 'ec2', InstanceType: 'x9.big' });
    expect(priceOfSpecs(specs, small).unknown).toEqual(['EC2: x9.big']);
    const values = new Map<string, string | undefined>([
      ['DatabaseAllocatedStorage', undefined],
      ['DatabaseInstanceClass', undefined],
    ]);
    const price = priceOf([{ key: 'foundation', template: templates.foundation, values }], small);
    expect(price.unknown).toEqual(['RDS: class not known', 'RDS: gp3 storage']);
  });

  test('what may or may not be there counts', () => {
    const values = new Map<string, string | undefined>([
      ['Redis', undefined],
      ['DatabaseMultiAz', undefined],
    ]);
    const price = priceOf([{ key: 'foundation', template: templates.foundation, values }], small);
    expect(sumOf(price, 'ElastiCache')).toBe(12.41);
    expect(price.lines.map(({ what }) => what)).toContain('db.t3.small with a standby');
  });
});

describe('the table of prices', () => {
  const units = [
    ...Object.values(priceTable.prices),
    ...priceTable.databaseClasses.values(),
    ...priceTable.cacheNodes.values(),
    ...priceTable.instanceTypes.values(),
  ];

  test('says of each where it was read, and of all when', () => {
    expect(units.length).toBeGreaterThan(60);
    for (const { usd, unit, source } of units) {
      expect(usd).toBeGreaterThan(0);
      expect(unit).not.toBe('');
      expect(new URL(source).protocol).toBe('https:');
    }
    expect(Number.isNaN(Date.parse(priceTable.pricesAsOf))).toBe(false);
  });

  test('knows what the tiers and the templates begin with', () => {
    expect(['micro', 'small', 'medium', 'large'].every((size) => priceTable.databaseClasses.has(`db.t3.${size}`))).toBe(
      true,
    );
    expect(
      ['micro', 'small', 'medium', 'large'].every((size) => priceTable.databaseClasses.has(`db.t4g.${size}`)),
    ).toBe(true);
  });
});

describe('what is counted is in the templates', () => {
  const given = { Domain: 'example.com', Waf: 'true', Compute: 'ec2', HostedZoneId: 'Z1' };
  const app = evaluate(templates.app.text, given);
  interface Resource {
    readonly Type: string;
    readonly Properties: Tree;
  }
  const of = (tree: Tree, type: string): readonly Resource[] =>
    Object.values(tree as Record<string, Resource>).filter(({ Type }) => Type === type);

  test('the metrics of the alarms, and two alarms for each scaling policy', () => {
    const alarms = of(evaluate(templates.monitoring.text), 'AWS::CloudWatch::Alarm');
    const metrics = alarms.map(
      ({ Properties: { Metrics = [{ MetricStat: {} }] } }) =>
        (Metrics as Tree[]).filter(({ MetricStat }) => MetricStat !== undefined).length,
    );
    const sum = metrics.reduce((total, count) => total + count, 0);
    const line = priced('production-small').lines.find(({ what }) => what === 'metrics of alarms');
    expect(line?.quantity).toBe(sum + 2 * of(app, 'AWS::ApplicationAutoScaling::ScalingPolicy').length);
  });

  test.each([
    ['with a domain', given],
    ['without one', { ...given, Domain: '' }],
    ['with blocked addresses', { ...given, WafBlockedAddresses: '203.0.113.0/24' }],
    ['without one, with blocked addresses', { ...given, Domain: '', WafBlockedAddresses: '203.0.113.0/24' }],
  ])('the rules of the firewalls %s', (_, parameters) => {
    const stacks = (['edge', 'app'] as const).map((key) => ({
      key,
      template: templates[key],
      values: new Map(Object.entries(parameters)),
    }));
    const rules = stacks.map(
      ({ template }) => (evaluate(template.text, parameters).WebAcl.Properties.Rules as Tree[]).length,
    );
    const line = priceOf(stacks, small).lines.find(({ what }) => what.startsWith('rules'));
    expect(line?.quantity).toBe(rules.reduce((total, count) => total + count, 0));
  });

  test('the one instance and its volume', () => {
    const { LaunchTemplateData } = app.InstanceTemplate.Properties;
    const { MaxSize } = app.Instances.Properties;
    const volume = priced('development', { Compute: 'ec2' }).lines.find(({ what }) => what === 'gp3 volume');
    expect(MaxSize).toBe('1');
    expect(volume?.quantity).toBe(LaunchTemplateData.BlockDeviceMappings[0].Ebs.VolumeSize);
  });

  test('the buckets whose requests are counted', () => {
    const count = (RequestMetrics: string): number =>
      of(evaluate(templates.foundation.text, { RequestMetrics }), 'AWS::S3::Bucket').filter(
        ({ Properties }) => Properties.MetricsConfigurations !== undefined,
      ).length;
    const metrics = (RequestMetrics: string): number =>
      priced('production-small', { RequestMetrics }).lines.find(({ what }) => what.startsWith('request metrics'))
        ?.quantity ?? 0;
    expect(metrics('true')).toBe(12 * count('true'));
    expect(metrics('false')).toBe(12 * count('false'));
  });

  test('an address in each of the load balancer’s two subnets', () => {
    expect(of(evaluate(templates.foundation.text), 'AWS::EC2::Subnet')).toHaveLength(4);
    const { lines } = priced('production-small', { Nat: 'per-az' });
    expect(lines.find(({ service }) => service === 'Public IPv4')?.quantity).toBe((2 + 2) * 730);
  });
});

describe('public addresses of tasks', () => {
  const hours = (price: Price): number | undefined =>
    price.lines.find(({ service }) => service === 'Public IPv4')?.quantity;

  test('are there without NAT only', () => {
    expect(hours(priced('production-small', { Nat: 'none' }))).toBe((2 + 2) * 730);
    expect(hours(priced('production-small', { Nat: 'single' }))).toBe((2 + 1) * 730);
  });

  test('as the stack that runs says, wherever that is known', () => {
    const app = (TaskPublicIp: string): Price =>
      priceOf([{ key: 'app', template: templates.app, values: new Map([['TaskPublicIp', TaskPublicIp]]) }], small);
    expect(hours(app('ENABLED'))).toBe((2 + 2) * 730);
    expect(hours(app('DISABLED'))).toBe(2 * 730);
  });
});

describe('tasks', () => {
  const vcpuHours = (kind: string, parameters: Readonly<Record<string, string>>): number | undefined =>
    priced('production-medium', parameters).lines.find((line) => line.what === 'vCPU' && line.kind === kind)?.quantity;

  test('beyond the fewest are never more than the most', () => {
    expect(vcpuHours('usage', { MinCount: '2', MaxCount: '4' })).toBe(365);
    expect(vcpuHours('usage', { MinCount: '2', MaxCount: '2' })).toBeUndefined();
    // A stack of somebody else's making may say that.
    expect(vcpuHours('usage', { MinCount: '2', MaxCount: '1' })).toBeUndefined();
    expect(vcpuHours('usage', { AutoScaling: 'false' })).toBeUndefined();
  });

  test('are as many as the first deployment starts where nothing scales them', () => {
    expect(vcpuHours('fixed', { AutoScaling: 'false', InitialCount: '3' })).toBe(3 * 365);
    expect(vcpuHours('fixed', { InitialCount: '3' })).toBe(2 * 365);
  });

  test('pay for their size', () => {
    const price = priced('production-small', { TaskCpu: '1024', TaskMemory: '4096' });
    expect(sumOf(price, 'Fargate')).toBe(cents(2 * 730 * 0.04048) + cents(2 * 730 * 4 * 0.004445));
  });
});

test('logs that are kept longer cost more', () => {
  const kept = (LogRetentionDays: string): number | undefined =>
    priced('production-small', { LogRetentionDays }).lines.find(({ what }) => what === 'logs kept')?.quantity;
  expect(kept('3653')).toBeGreaterThan(100 * kept('30')!);
});

describe('without a domain', () => {
  test('CloudFront carries the API too, and there is no zone', () => {
    const without = priced('production-small', { Domain: '', HostedZoneId: '' });
    expect(sumOf(without, 'CloudFront')).toBe(cents(110 * 0.085 + 3 + 0.2));
    expect(sumOf(without, 'Route 53')).toBe(0);
    expect(without.lines.map(({ what }) => what)).not.toContain('answers of the API');
    // The API's requests come through both firewalls.
    const waf = priced('production-medium', { Domain: '', HostedZoneId: '' });
    expect(waf.lines.find(({ service, what }) => service === 'WAF' && what === 'requests')?.quantity).toBe(3 + 1);
    // The secret that CloudFront shows the load balancer.
    expect(sumOf(without, 'Secrets Manager')).toBe(cents(6 * 0.4));
  });
});

describe('Container Insights', () => {
  test('enhanced has more and cheaper metrics, off has none', () => {
    const insights = (ContainerInsights: string): unknown =>
      priced('production-small', { ContainerInsights })
        .lines.filter(({ what }) => what.includes('Insights'))
        .map(({ quantity, unitUsd, kind }) => [quantity, unitUsd, kind]);
    expect(insights('enabled')).toEqual([
      [38, 0.3, 'fixed'],
      [0.5, 0.5, 'usage'],
    ]);
    expect(insights('enhanced')).toEqual([
      [78, 0.07, 'usage'],
      [0.5, 0.5, 'usage'],
    ]);
    expect(insights('disabled')).toEqual([]);
    const ofThree = priced('production-medium', { ContainerInsights: 'enhanced' });
    expect(ofThree.lines.find(({ what }) => what.endsWith('enhanced'))?.quantity).toBe(38 + 3 * 20);
  });
});

describe('what runs', () => {
  const specs = tierSpecs('production-small', templates);
  const state = (
    key: StackKey,
    status = 'UPDATE_COMPLETE',
    changes: Readonly<Record<string, string>> = {},
  ): [StackKey, { status: string; parameters: ReadonlyMap<string, string> }] => {
    const { parameters } = specs.find((spec) => spec.key === key)!;
    const known = [...parameters].map(
      ([name, source]) => [name, source.from === 'value' ? source.value : 'some'] as const,
    );
    return [key, { status, parameters: new Map([...known, ...Object.entries(changes)]) }];
  };
  const all = (changes: Readonly<Record<string, string>> = {}): ReturnType<typeof state>[] =>
    specs.map(({ key }) => state(key, 'UPDATE_COMPLETE', { ...changes, TaskPublicIp: 'DISABLED' }));

  test('costs what the same configuration does', () => {
    expect(priceOfStacks(specs, new Map(all()), small)).toEqual(priceOfSpecs(specs, small));
  });

  test('by its own parameters, not by those that are wanted', () => {
    const running = priceOfStacks(specs, new Map(all({ DatabaseInstanceClass: 'db.t3.micro' })), small)!;
    expect(priceDifference(running, priceOfSpecs(specs, small))).toEqual(
      [
        { service: 'RDS', what: 'db.t3.small', before: 0, after: 26.28, usd: 26.28 },
        { service: 'RDS', what: 'db.t3.micro', before: 13.14, after: 0, usd: -13.14 },
      ].reverse(),
    );
  });

  test('is nothing without stacks, or with leftovers only', () => {
    expect(priceOfStacks(specs, new Map(), small)).toBeUndefined();
    for (const status of ['ROLLBACK_COMPLETE', 'REVIEW_IN_PROGRESS', 'DELETE_COMPLETE'])
      expect(priceOfStacks(specs, new Map([state('foundation', status)]), small)).toBeUndefined();
  });

  test('is those stacks that are there', () => {
    const running = priceOfStacks(specs, new Map([state('monitoring')]), small);
    expect(running?.total).toBe(3 + 0.7);
  });
});

describe('always', () => {
  const bool = fc.constantFrom('true', 'false');
  const config = fc.record({
    tier: fc.constantFrom(...tiers),
    parameters: fc.record({
      Domain: fc.constantFrom('', 'example.com'),
      Nat: fc.constantFrom('none', 'single', 'per-az'),
      Redis: bool,
      RedisReplicas: fc.integer({ min: 0, max: 5 }).map(String),
      RedisNodeType: fc.constantFrom('cache.t3.micro', 'cache.r7g.large', 'cache.x1.none'),
      DatabaseInstanceClass: fc.constantFrom('db.t3.micro', 'db.r5.large', 'db.x1.none'),
      DatabaseMultiAz: bool,
      DatabaseAllocatedStorage: fc.integer({ min: 20, max: 65_536 }).map(String),
      FlowLogs: bool,
      Trail: bool,
      RequestMetrics: bool,
      Dashboard: bool,
      Waf: bool,
      Kms: fc.constantFrom('aws', 'customer'),
      ContainerInsights: fc.constantFrom('disabled', 'enabled', 'enhanced'),
      AutoScaling: bool,
      MinCount: fc.integer({ min: 1, max: 4 }).map(String),
      MaxCount: fc.integer({ min: 5, max: 100 }).map(String),
      TaskCpu: fc.constantFrom('256', '512', '4096'),
      LogRetentionDays: fc.constantFrom('1', '30', '3653'),
    }),
  });

  test('no part is negative, and the parts are the sum', () => {
    fc.assert(
      fc.property(config, ({ tier, parameters }) => {
        const { lines, fixed, usage, total } = priced(tier, parameters);
        for (const { usd, quantity, kind, assumption } of lines) {
          expect(usd).toBeGreaterThanOrEqual(0);
          expect(quantity).toBeGreaterThanOrEqual(0);
          expect(kind === 'usage').toBe(assumption !== '');
        }
        expect(cents(fixed + usage)).toBe(total);
        expect(cents(lines.reduce((sum, { usd }) => sum + usd, 0))).toBe(total);
      }),
      { numRuns: 60 },
    );
  });

  test('a difference is that of the totals, and there is none to itself', () => {
    fc.assert(
      fc.property(config, config, (one, other) => {
        const before = priced(one.tier, one.parameters);
        const after = priced(other.tier, other.parameters);
        const changes = priceDifference(before, after);
        expect(cents(changes.reduce((sum, { usd }) => sum + usd, 0))).toBe(cents(after.total - before.total));
        expect(
          priceDifference(after, before)
            .map(({ usd }) => -usd)
            .sort(),
        ).toEqual(changes.map(({ usd }) => usd).sort());
        expect(priceDifference(before, before)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  const dearer: readonly Readonly<Record<string, string>>[] = [
    { Nat: 'single' },
    { Nat: 'per-az' },
    { Redis: 'true' },
    { RedisReplicas: '5' },
    { DatabaseMultiAz: 'true' },
    { DatabaseAllocatedStorage: '65536' },
    { FlowLogs: 'true' },
    { Trail: 'true' },
    { RequestMetrics: 'true' },
    { Dashboard: 'true' },
    { Waf: 'true' },
    { Kms: 'customer' },
    { MinCount: '5' },
    { TaskCpu: '4096' },
    { LogRetentionDays: '3653' },
  ];
  test.each(dearer.map((change) => [JSON.stringify(change), change] as const))(
    '%s never makes it cheaper',
    (_, change) => {
      fc.assert(
        fc.property(config, ({ tier, parameters }) => {
          // One gateway costs less than the addresses of ten tasks that it saves: not with this few. From two to one is no switching on.
          if (parameters.Nat === 'per-az' && 'Nat' in change) return;
          const before = priced(tier, parameters).total;
          // A task that is no longer beyond the fewest moves to another line: two cents are the rounding of lines.
          expect(priced(tier, { ...parameters, ...change }).total).toBeGreaterThanOrEqual(before - 0.02);
        }),
        { numRuns: 15 },
      );
    },
  );
});
