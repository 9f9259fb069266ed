import { priceOfSpecs, type Price } from '../../actions/provision-env/src/price.ts';
import { usageOf } from '../../actions/provision-env/src/price-usage.ts';
import { stackSpecs, type StackSpec, type Tier } from '../../actions/provision-env/src/stacks.ts';
import type { Templates } from '../../actions/provision-env/src/templates.ts';

export interface PricedTier {
  readonly title: string;
  readonly tier: Tier;
  readonly specs: readonly StackSpec[];
  readonly price: Price;
}

/** The stacks of a tier with a domain, as the guide's own have one; parameters are added to them. */
export function tierSpecs(
  tier: Tier,
  templates: Templates,
  parameters: Readonly<Record<string, string>> = {},
): readonly StackSpec[] {
  return stackSpecs(
    {
      app: 'analytics-studio',
      environment: 'production',
      tier,
      region: 'us-east-1',
      boundary: 'none',
      parameters: new Map(
        Object.entries({
          Domain: 'example.com',
          HostedZoneId: 'Z0123456789ABCDEFGHIJ',
          Compute: 'fargate',
          Kms: 'aws',
          ...parameters,
        }),
      ),
      environmentVariables: new Map(),
    },
    templates,
  );
}

/** What the README shows and the golden table holds: the guide's three tiers, and development on one instance. */
export function pricedTiers(templates: Templates): readonly PricedTier[] {
  const priced = (title: string, tier: Tier, parameters: Readonly<Record<string, string>> = {}): PricedTier => {
    const specs = tierSpecs(tier, templates, parameters);
    return { title, tier, specs, price: priceOfSpecs(specs, usageOf[tier]) };
  };
  return [
    priced('development', 'development'),
    priced('development with compute: ec2', 'development', { Compute: 'ec2', TaskCpu: '256', TaskMemory: '512' }),
    priced('production-small', 'production-small'),
    priced('production-medium', 'production-medium'),
  ];
}
