import { amount } from './money.ts';
import type { Price } from './price.ts';
import { cents } from './price.ts';
import type { Service } from './price-rules.ts';
import type { Tier } from './stacks.ts';

export type Range = readonly [number, number];

/** The guide's "Cost Estimation (Monthly)". */
export const guideRanges: Readonly<Record<Tier, Range>> = {
  development: [50, 80],
  'production-small': [150, 250],
  'production-medium': [300, 500],
};

export function range([least, most]: Range): string {
  const shown = (usd: number): string => amount(usd, Number.isInteger(usd) ? 0 : 2);
  return least === most ? `$${shown(least)}` : `$${shown(least)}–${shown(most)}`;
}

export function inRange(total: number, [least, most]: Range): 'below' | 'inside' | 'above' {
  if (total < least) return 'below';
  return total > most ? 'above' : 'inside';
}

interface GuideLine {
  readonly name: string;
  readonly services: readonly Service[];
  /**
   * What the guide says: its "Detailed Cost Breakdown (Production Small)"; for the medium production, which has none, its tables by
   * service. Of development it names three services without a figure.
   */
  readonly usd: Partial<Readonly<Record<Tier, Range | 'named'>>>;
  readonly why: string;
}

export const guideLines: readonly GuideLine[] = [
  {
    name: 'CloudFront',
    services: ['CloudFront'],
    usd: { 'production-small': [10, 15], 'production-medium': [10, 20] },
    why: 'the same 100 GB at list price, and two million requests; with the terabyte that AWS gives every account it is often nothing',
  },
  {
    name: 'S3 (Frontend)',
    services: ['S3 (site)'],
    usd: { development: 'named', 'production-small': [0.5, 0.5], 'production-medium': [1, 5] },
    why: '1 GB is two cents; the rest is requests',
  },
  {
    name: 'S3 (Uploads)',
    services: ['S3 (uploads)'],
    usd: { 'production-small': [5, 10], 'production-medium': [5, 20] },
    why: '50 GB at $0.023; the guide’s figure is that of 200 GB and more',
  },
  {
    name: 'ALB',
    services: ['Load balancer'],
    usd: { 'production-small': [20, 20], 'production-medium': [20, 20] },
    why: 'so little traffic takes a tenth of a capacity unit; the guide’s figure has room for half a one',
  },
  {
    name: 'ECS Fargate, or EC2',
    services: ['Fargate', 'EC2'],
    usd: { development: 'named', 'production-small': [35, 50], 'production-medium': [30, 50] },
    why: '0.5 vCPU and 1 GB for each task at list price; the medium production has three on average',
  },
  {
    name: 'ECR',
    services: ['ECR'],
    usd: { 'production-medium': [1, 1] },
    why: 'layers are stored once, and old images expire; the guide’s table for the small production leaves it out',
  },
  {
    name: 'RDS PostgreSQL',
    services: ['RDS'],
    usd: { development: 'named', 'production-small': [30, 40], 'production-medium': [30, 80] },
    why: 'class and 20 GB at list price, a standby doubles both; backups are free up to the size of the storage',
  },
  {
    name: 'ElastiCache',
    services: ['ElastiCache'],
    usd: { 'production-small': [15, 20], 'production-medium': [15, 30] },
    why: 'cache.t3.micro at list price; the medium production has a replica',
  },
  {
    name: 'Secrets Manager',
    services: ['Secrets Manager'],
    usd: { 'production-small': [2, 2], 'production-medium': [1, 5] },
    why: '40 cents each; beside the guide’s four the database’s password is one of its own',
  },
  {
    name: 'Route 53',
    services: ['Route 53'],
    usd: { 'production-small': [0.5, 0.5], 'production-medium': [0.5, 0.5] },
    why: 'the zone of the domain',
  },
  {
    name: 'CloudWatch',
    services: ['CloudWatch'],
    usd: { 'production-small': [10, 15] },
    why: 'logs and alarms cost little; Container Insights and the S3 request metrics that the guide’s dashboard shows are 30 cents a metric',
  },
  {
    name: 'WAF',
    services: ['WAF'],
    usd: { 'production-medium': [5, 10] },
    why: 'two firewalls, before CloudFront and before the load balancer, with six rules each; the guide’s figure is one with hardly any',
  },
  {
    name: 'NAT gateways',
    services: ['NAT gateway'],
    usd: {},
    why: 'the guide asks for it (“Use NAT Gateway”) and forgets its price',
  },
  {
    name: 'Public IPv4 addresses',
    services: ['Public IPv4'],
    usd: {},
    why: 'since 2024 AWS charges for each: two of the load balancer, one of each NAT gateway, or one of each task without NAT',
  },
  {
    name: 'Data transfer',
    services: ['Data transfer'],
    usd: {},
    why: 'answers of the API, calls to OpenAI, and traffic between the zones',
  },
  {
    name: 'Access logs, CloudTrail',
    services: ['S3 (logs)'],
    usd: {},
    why: 'storage of what the guide asks for under “Monitoring & Auditing”',
  },
  { name: 'KMS', services: ['KMS'], usd: {}, why: 'a key of your own, by choice' },
];

export interface Comparison {
  readonly name: string;
  /** Undefined when the guide names it without a figure, or not at all. */
  readonly figure: Range | undefined;
  /** `$10–15`, `no figure`, or `not listed`. */
  readonly guide: string;
  readonly usd: number;
  readonly why: string;
}

/** The guide's lines beside ours. What neither of the two has is left out. */
export function compareWithGuide(tier: Tier, { lines }: Pick<Price, 'lines'>): readonly Comparison[] {
  return guideLines.flatMap(({ name, services, usd, why }) => {
    const ours = lines.filter(({ service }) => services.includes(service));
    const said = usd[tier];
    if (said === undefined && ours.length === 0) return [];
    const figure = said === 'named' ? undefined : said;
    const isOfOthers = tier === 'development' && Object.keys(usd).length > 0;
    return [
      {
        name,
        figure,
        guide: figure !== undefined ? range(figure) : said === 'named' ? 'no figure' : 'not listed',
        usd: cents(ours.reduce((total, line) => total + line.usd, 0)),
        why: !isOfOthers ? why : said === 'named' ? 'one of the three that the guide names' : 'not named by the guide',
      },
    ];
  });
}

/** What the guide's own figures, and ours for the same lines, come to; undefined when it has none. */
export function listedByGuide(
  compared: readonly Comparison[],
): { readonly guide: Range; readonly usd: number } | undefined {
  const listed = compared.flatMap(({ figure, usd }) => (figure === undefined ? [] : [{ figure, usd }]));
  if (listed.length === 0) return undefined;
  const sum = (numbers: readonly number[]): number => cents(numbers.reduce((total, number) => total + number, 0));
  return {
    guide: [sum(listed.map(({ figure }) => figure[0])), sum(listed.map(({ figure }) => figure[1]))],
    usd: sum(listed.map(({ usd }) => usd)),
  };
}
