import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  compareWithGuide,
  guideLines,
  guideRanges,
  inRange,
  listedByGuide,
  range,
} from '../../../actions/provision-env/src/guide-prices.ts';
import { monthlyOf } from '../../../actions/provision-env/src/leftover-prices.ts';
import { amount, money } from '../../../actions/provision-env/src/money.ts';
import { priceLines, priceSection, type PriceReport } from '../../../actions/provision-env/src/price-report.ts';
import { services } from '../../../actions/provision-env/src/price-rules.ts';
import { usageOf } from '../../../actions/provision-env/src/price-usage.ts';
import { cents, priceOfSpecs } from '../../../actions/provision-env/src/price.ts';
import { tiers } from '../../../actions/provision-env/src/stacks.ts';
import { readTemplates } from '../../../actions/provision-env/src/templates.ts';
import { withPrices } from '../../tools/price-docs.ts';
import { pricedTiers, tierSpecs } from '../../tools/tier-prices.ts';

const templates = readTemplates();
const priced = (parameters: Readonly<Record<string, string>> = {}): PriceReport['price'] =>
  priceOfSpecs(tierSpecs('production-small', templates, parameters), usageOf['production-small']);
const report = (changes: Partial<PriceReport> = {}): PriceReport => ({
  price: priced(),
  running: 'nothing',
  tier: 'production-small',
  region: 'us-east-1',
  limit: undefined,
  ...changes,
});

describe('the section of the summary', () => {
  test('begins with one line: total, fixed and by usage, and where the guide is', () => {
    const [line, ...rest] = priceSection(report()).split('\n\n');
    expect(line).toBe(
      '💰 **$183.71 a month** · $155.26 fixed + $28.45 by usage · nothing runs yet · inside the guide’s $150–250 for production-small',
    );
    expect(rest.join('\n\n')).toMatch(/^<details><summary>Parts of the price \(39\)<\/summary>/);
  });

  test('shows every part with quantity, price and what it assumes', () => {
    const section = priceSection(report());
    expect(section).toContain('| RDS | db.t3.small | 730 hours × $0.036 | $26.28 | fixed |');
    expect(section).toContain('| Route 53 | zone | 1 zone × $0.50 | $0.50 | fixed |');
    expect(section).toMatch(
      /\| CloudFront \| to viewers \| 100 GB × \$0\.085 \| \$8\.50 \| by usage: as the guide’s table says/,
    );
    expect(section).toContain('List prices of us-east-1, looked up on');
    expect(section).not.toContain('differ.');
  });

  test('says what is new, what goes, and what that makes', () => {
    const section = priceSection(report({ running: priced({ Nat: 'per-az', Redis: 'false' }) }));
    expect(section).toContain('−$23.69 to what runs ($207.40)');
    expect(section).toContain('What changes in the price (4)');
    expect(section).toContain('| NAT gateway | NAT gateways | $65.70 | $32.85 | −$32.85 |');
    expect(section).toContain('| ElastiCache | cache.t3.micro | $0.00 | $12.41 | +$12.41 |');
    expect(priceSection(report({ running: priced({ Dashboard: 'false' }) }))).toContain(
      '+$3.00 to what runs ($180.71)',
    );
    const same = priceSection(report({ running: priced() }));
    expect(same).toContain('as much as what runs');
    expect(same).not.toContain('What changes');
  });

  test.each([
    [183.71, '✅ Within the limit of $183.71'],
    [183.7, '⛔ **Over the limit of $183.70** by $0.01'],
  ])('judges the limit of %s', (limit, verdict) => {
    expect(priceSection(report({ limit })).split('\n\n')).toContain(verdict);
  });

  test('never calls a price that is not known small', () => {
    const price = priced({ DatabaseInstanceClass: 'db.x9.huge' });
    const section = priceSection(report({ price, limit: 1000 }));
    expect(section).toContain('💰 **at least $157.43 a month**');
    expect(section).toContain('so far inside the guide’s');
    expect(section).toContain('⚠️ Not known, and not in the sum: `RDS: db.x9.huge`');
    expect(section).toContain('⚠️ Whether the limit of $1,000.00 is kept is not known');
    const running = priceSection(report({ running: price }));
    expect(running).toContain('to what runs (at least $157.43)');
  });

  test('says that another region’s prices differ', () => {
    expect(priceSection(report({ region: 'eu-central-1' }))).toContain(
      'Prices of us-east-1 are taken; those of eu-central-1 differ.',
    );
  });

  test('takes nothing from a stack’s parameters for Markdown', () => {
    const price = { ...priced(), unknown: ['RDS: `<img src=x>|'] };
    const section = priceSection(report({ price }));
    expect(section).not.toContain('<img');
  });
});

test('the log has a line for each service', () => {
  const lines = priceLines(report({ price: priced({ RedisNodeType: 'cache.x9' }), region: 'eu-west-1' }));
  expect(lines[0]).toBe(
    'price  at least $171.30 a month ($142.85 fixed + $28.45 by usage; nothing runs yet; so far inside the guide’s $150–250 for production-small)',
  );
  expect(lines).toContain('  RDS $28.58');
  expect(lines).toContain('  not known, and not in the sum: ElastiCache: cache.x9');
  expect(lines).not.toContain('  ElastiCache $0.00');
  expect(lines.at(-1)).toContain('those of eu-west-1 differ');
});

describe('beside the guide’s lines', () => {
  test('each service stands in exactly one', () => {
    expect(guideLines.flatMap((line) => line.services).toSorted()).toEqual([...services].toSorted());
  });

  test.each(pricedTiers(templates))(
    '$title: ours are the whole price, and each says why it differs',
    ({ tier, price }) => {
      const compared = compareWithGuide(tier, price);
      expect(cents(compared.reduce((sum, { usd }) => sum + usd, 0))).toBe(price.total);
      expect(compared.filter(({ why }) => why === '')).toEqual([]);
    },
  );

  test('the guide’s own lines for the small production come to its own sum', () => {
    const listed = listedByGuide(compareWithGuide('production-small', priced()));
    expect(listed).toEqual({ guide: [128, 173], usd: 136.19 });
    expect(listedByGuide(compareWithGuide('development', priced()))).toBeUndefined();
  });

  test('what the guide forgot is not listed, what it only names has no figure', () => {
    const guide = (tier: (typeof tiers)[number], name: string): string | undefined =>
      compareWithGuide(tier, priced()).find((line) => line.name === name)?.guide;
    expect(guide('production-small', 'NAT gateways')).toBe('not listed');
    expect(guide('production-small', 'Secrets Manager')).toBe('$2');
    expect(guide('production-small', 'S3 (Frontend)')).toBe('$0.50');
    expect(guide('development', 'RDS PostgreSQL')).toBe('no figure');
    expect(guide('development', 'WAF')).toBeUndefined();
    // What the guide has and we do not is shown all the same.
    expect(guide('production-medium', 'WAF')).toBe('$5–10');
  });

  test('its ranges are the guide’s', () => {
    expect(tiers.map((tier) => range(guideRanges[tier]))).toEqual(['$50–80', '$150–250', '$300–500']);
    expect([49.99, 50, 80, 80.01].map((usd) => inRange(usd, [50, 80]))).toEqual(['below', 'inside', 'inside', 'above']);
  });
});

describe('what stays behind', () => {
  test('has a price, whatever the templates keep', () => {
    const kept = Object.values(templates).flatMap(({ resources }) =>
      [...resources.values()].filter(({ isKept }) => isKept),
    );
    for (const { type } of kept.filter(({ type: name }) => !name.startsWith('AWS::IAM::')))
      expect([type, monthlyOf(type.replace('DBInstance', 'DBSnapshot'))]).toEqual([type, expect.stringMatching(/^\$/)]);
    expect(kept.length).toBeGreaterThan(10);
  });

  test.each([
    ['AWS::S3::Bucket', '$0.023 a GB'],
    ['AWS::SecretsManager::Secret', '$0.40 each'],
    ['AWS::RDS::DBSnapshot', '$0.095 a GB'],
    ['AWS::KMS::Key', '$1.00 each, up to $3.00 in later years'],
    ['AWS::Logs::LogGroup', '$0.03 a GB, until the logs expire'],
    ['AWS::ECR::Repository', '$0.10 a GB'],
    ['AWS::EC2::VPC', undefined],
  ])('%s: %s', (type, text) => {
    expect(monthlyOf(type)).toBe(text);
  });
});

describe('money', () => {
  test.each([
    [0, '$0.00'],
    [1234.5, '$1,234.50'],
    [1_234_567.89, '$1,234,567.89'],
    [0.004445, '$0.004445'],
    [0.1 + 0.2, '$0.30'],
    [-12.41, '−$12.41'],
  ])('%s is %s', (usd, text) => {
    expect(money(usd)).toBe(text);
  });

  test('is the number it says', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e11 }), (hundredths) => {
        expect(Number(amount(hundredths / 100, 2).replaceAll(',', ''))).toBe(hundredths / 100);
      }),
    );
  });

  test('is rounded to the nearest cent', () => {
    expect([1.005, 26.284999, 0.125, 2.675].map(cents)).toEqual([1.01, 26.28, 0.13, 2.68]);
  });
});

describe('the README', () => {
  const marks = ['<!-- begin prices: made by npm run docs -->', '<!-- end prices -->'];

  test('gets its tables between its marks, and nothing else changes', () => {
    const made = withPrices(`before ${marks.join('OUTDATED')} after`);
    expect(made).toMatch(/^before <!-- begin[^]*<!-- end prices --> after$/);
    expect(made).not.toContain('OUTDATED');
    expect(made).toContain('| `production-small` | $155.26 | $28.45 | **$183.71** | $150–250: inside |');
    expect(made.match(/<details>/g)).toHaveLength(4);
    expect(withPrices(made)).toBe(made);
  });

  test('without marks stays as it is', () => {
    expect(withPrices('# Other')).toBe('# Other');
    expect(withPrices(`# Other ${marks[0] ?? ''}`)).toBe(`# Other ${marks[0] ?? ''}`);
  });
});
