import { cacheNodes, databaseClasses, hoursPerMonth, instanceTypes, prices, type UnitPrice } from './price-table.ts';
import type { Usage } from './price-usage.ts';
import { isGiven, type StackKey } from './stacks.ts';

/** AWS's services, as the guide's table groups them; the order in which they are told. */
export const services = [
  'CloudFront',
  'S3 (site)',
  'S3 (uploads)',
  'Load balancer',
  'Fargate',
  'EC2',
  'ECR',
  'RDS',
  'ElastiCache',
  'Secrets Manager',
  'Route 53',
  'CloudWatch',
  'WAF',
  'NAT gateway',
  'Public IPv4',
  'Data transfer',
  'S3 (logs)',
  'KMS',
] as const;
export type Service = (typeof services)[number];

/** What a resource is priced by. */
export interface PricedResource {
  readonly logicalId: string;
  readonly stack: StackKey;
  /** A parameter's value; undefined when it is not known. */
  readonly text: (parameter: string) => string | undefined;
  /** Whether a parameter has this value; what is not known yet counts as dear. */
  readonly is: (parameter: string, value: string) => boolean;
  /** `NaN` when it is not known. */
  readonly number: (parameter: string) => number;
  /** Whether the same stack has this resource as well. */
  readonly has: (logicalId: string) => boolean;
  /** NAT gateways of the environment. */
  readonly nats: number;
  readonly usage: Usage;
}

/** A part of the price before parts of the same kind are put together. */
export interface Part {
  readonly service: Service;
  readonly what: string;
  /** `NaN` when it is not known. */
  readonly quantity: number;
  /** Undefined when the table does not have it. */
  readonly price: UnitPrice | undefined;
  /** What is assumed makes it a price by usage. */
  readonly assumption?: string;
}

type Rule = (resource: PricedResource) => readonly Part[];

function part(service: Service, what: string, ...[quantity, price]: readonly [number, UnitPrice | undefined]): Part {
  return { service, what, quantity, price };
}
const used = (priced: Part, assumption: string): Part => ({ ...priced, assumption });
const hasDomain = ({ text }: PricedResource): boolean => isGiven(text('Domain'));
const notTakenOff = 'what is free for the account is not taken off';

const addresses = (count: number): Part =>
  part('Public IPv4', 'public addresses', count * hoursPerMonth, prices.publicAddress);

/** Without NAT tasks have public addresses; the foundation, which may not be there yet, would say so. */
function publicTasks({ text, nats }: PricedResource): boolean {
  return (text('TaskPublicIp') ?? (nats === 0 ? 'ENABLED' : 'DISABLED')) === 'ENABLED';
}

/** Tasks that always run, and those beyond them on average. */
function tasksOf({ is, number, usage }: PricedResource): { readonly fewest: number; readonly extra: number } {
  if (!is('AutoScaling', 'true')) return { fewest: number('InitialCount'), extra: 0 };
  const fewest = number('MinCount');
  return { fewest, extra: Math.max(0, Math.min(usage.extraTasks, number('MaxCount') - fewest)) };
}

function service(resource: PricedResource): readonly Part[] {
  const { text, number, usage } = resource;
  const traffic = used(
    part('Data transfer', 'tasks to the internet', usage.outboundGb, prices.internetOut),
    `all they exchange with it; ${notTakenOff}`,
  );
  if (text('Compute') === 'ec2') return [traffic];
  const tasks = (count: number): readonly Part[] => [
    part('Fargate', 'vCPU', (count * hoursPerMonth * number('TaskCpu')) / 1024, prices.fargateVcpu),
    part('Fargate', 'memory', (count * hoursPerMonth * number('TaskMemory')) / 1024, prices.fargateMemory),
    ...(publicTasks(resource) ? [addresses(count)] : []),
  ];
  const { fewest, extra } = tasksOf(resource);
  return [
    ...tasks(fewest),
    ...(extra === 0 ? [] : tasks(extra)).map((more) =>
      used(more, `${extra} more than the fewest, on average: the guide says 2–4 tasks`),
    ),
    traffic,
  ];
}

/** How many metrics each of CloudWatch's features makes; AWS does not say it in a sum, so these are counted from its lists. */
const insightsMetrics = 38;
const insightsMetricsOfTask = 20;
const requestMetrics = 12;

function cluster(resource: PricedResource): readonly Part[] {
  const insights = resource.text('ContainerInsights');
  if (insights === 'disabled') return [];
  const log = used(
    part('CloudWatch', 'log of Container Insights', 0.5, prices.logs),
    'half a GB, whatever the traffic',
  );
  if (insights === 'enhanced') {
    const { fewest, extra } = tasksOf(resource);
    const metrics = insightsMetrics + insightsMetricsOfTask * (fewest + extra);
    const line = part('CloudWatch', 'Container Insights, enhanced', metrics, prices.enhancedMetric);
    return [used(line, `about ${insightsMetrics}, and ${insightsMetricsOfTask} for each task`), log];
  }
  return [part('CloudWatch', 'Container Insights', insightsMetrics, prices.metric), log];
}

function database({ text, is, number, usage }: PricedResource): readonly Part[] {
  const instanceClass = text('DatabaseInstanceClass') ?? 'class not known';
  const copies = is('DatabaseMultiAz', 'true') ? 2 : 1;
  const standby = copies === 2 ? ' with a standby' : '';
  return [
    part('RDS', `${instanceClass}${standby}`, copies * hoursPerMonth, databaseClasses.get(instanceClass)),
    part('RDS', `gp3 storage${standby}`, copies * number('DatabaseAllocatedStorage'), prices.databaseStorage),
    used(
      part('RDS', 'backups beyond the storage', 0, prices.backup),
      'as much as the storage is free of charge, and Performance Insights for 7 days',
    ),
    used(
      part('CloudWatch', 'enhanced monitoring of the database', 0.25, prices.logs),
      'a quarter of a GB, every 60 seconds',
    ),
    used(
      part('Data transfer', 'between zones', usage.betweenZonesGb, prices.betweenZones),
      'tasks in one zone, database or cache in the other',
    ),
  ];
}

function bucket({ logicalId, is, usage }: PricedResource): readonly Part[] {
  const { measure, siteStorageGb, uploadsGb, accessLogsGb, trailGb, bucketWrites, bucketReads } = usage;
  const known: Readonly<Record<string, readonly [Service, number, string]>> = {
    FrontendBucket: ['S3 (site)', siteStorageGb, measure],
    UploadsBucket: ['S3 (uploads)', uploadsGb, `${measure}; cheaper after 30 days, which is not taken off`],
    TrailBucket: ['S3 (logs)', trailGb, 'records of changes'],
    LogBucket: ['S3 (logs)', accessLogsGb, 'access logs'],
  };
  const [name, stored, why] = known[logicalId] ?? ['S3 (logs)', Number.NaN, ''];
  const isWatched = name === 'S3 (site)' || name === 'S3 (uploads)';
  return [
    used(part(name, 'storage', stored, prices.bucket), why),
    used(part(name, 'writing requests', bucketWrites, prices.bucketWrites), 'uploads, publishing, log files'),
    ...(isWatched
      ? [used(part(name, 'reading requests', bucketReads, prices.bucketReads), 'what CloudFront or tasks ask for')]
      : []),
    ...(isWatched && is('RequestMetrics', 'true')
      ? [
          used(
            part('CloudWatch', 'request metrics of buckets', requestMetrics, prices.metric),
            `${requestMetrics} for a bucket with requests in every hour`,
          ),
        ]
      : []),
  ];
}

/** GB that are logged to each group in a month. */
function logGroup({ logicalId, number, usage }: PricedResource): readonly Part[] {
  const known: Readonly<Record<string, readonly [string, number]>> = {
    LogGroup: ['log of the application', usage.appLogsGb],
    DatabaseLogGroup: ['log of the database', usage.databaseLogsGb],
    DatabaseUpgradeLogGroup: ['log of the database', 0],
    FlowLogGroup: ['flow logs', usage.flowLogsGb],
  };
  const [name, logged] = known[logicalId] ?? [logicalId, Number.NaN];
  const kept = (logged * 0.15 * number('LogRetentionDays')) / 30;
  return [
    used(part('CloudWatch', name, logged, prices.logs), notTakenOff),
    used(part('CloudWatch', 'logs kept', kept, prices.logStorage), 'compressed to about 15 %'),
  ];
}

/** Rules beside the list of addresses, and beside the limit of requests, which the API's firewall has with a domain only. */
function firewall(resource: PricedResource): readonly Part[] {
  const { stack, has, usage } = resource;
  const isSites = stack === 'edge';
  const rules = (isSites || hasDomain(resource) ? 6 : 5) + (has('BlockedAddresses') ? 1 : 0);
  const requests = isSites ? usage.siteRequests + (hasDomain(resource) ? 0 : usage.apiRequests) : usage.apiRequests;
  return [
    part('WAF', 'firewalls', 1, prices.webAcl),
    part('WAF', 'rules and groups of rules', rules, prices.webAclRule),
    used(part('WAF', 'requests', requests, prices.webAclRequests), 'every request to site and API'),
  ];
}

function distribution(resource: PricedResource): readonly Part[] {
  const { usage } = resource;
  const [gb, requests] = hasDomain(resource) ? [0, 0] : [usage.apiGb, usage.apiRequests];
  return [
    used(
      part('CloudFront', 'to viewers', usage.siteGb + gb, prices.cdnGb),
      `${usage.measure}${gb === 0 ? '' : ', and the API’s answers'}; ${notTakenOff} (1 TB)`,
    ),
    used(
      part('CloudFront', 'requests', usage.siteRequests + requests, prices.cdnRequests),
      `${notTakenOff} (10 million)`,
    ),
  ];
}

function loadBalancer(resource: PricedResource): readonly Part[] {
  const { usage } = resource;
  const units = part('Load balancer', 'capacity', usage.capacityUnits * hoursPerMonth, prices.loadBalancerUnit);
  return [
    part('Load balancer', 'load balancer', hoursPerMonth, prices.loadBalancer),
    // One in each public subnet.
    addresses(2),
    used(units, `${usage.capacityUnits} capacity units on average`),
    ...(hasDomain(resource)
      ? [used(part('Data transfer', 'answers of the API', usage.apiGb, prices.internetOut), notTakenOff)]
      : []),
  ];
}

function instance(resource: PricedResource): readonly Part[] {
  const type = resource.text('InstanceType') ?? 'type not known';
  return [
    part('EC2', type, hoursPerMonth, instanceTypes.get(type)),
    part('EC2', 'gp3 volume', 30, prices.volume),
    ...(publicTasks(resource) ? [addresses(1)] : []),
  ];
}

function cache({ text, number }: PricedResource): readonly Part[] {
  const type = text('RedisNodeType') ?? 'node type not known';
  const nodes = 1 + number('RedisReplicas');
  return [part('ElastiCache', type, nodes * hoursPerMonth, cacheNodes.get(type))];
}

/** An alarm of CloudWatch is charged for each metric it looks at. */
const alarmMetrics: Readonly<Record<string, number>> = { HighErrorRate: 3 };
const alarms = (metrics: number): Part => part('CloudWatch', 'metrics of alarms', metrics, prices.alarmMetric);

export const priceRules: Readonly<Record<string, Rule>> = {
  // AWS makes two alarms for each policy, one to add tasks and one to take them away.
  'AWS::ApplicationAutoScaling::ScalingPolicy': () => [alarms(2)],
  'AWS::AutoScaling::AutoScalingGroup': instance,
  'AWS::CloudFront::Distribution': distribution,
  'AWS::CloudFront::Function': ({ usage }) => [
    used(part('CloudFront', 'function', usage.siteRequests, prices.cdnFunction), 'every request to the site'),
  ],
  'AWS::CloudWatch::Alarm': ({ logicalId }) => [alarms(alarmMetrics[logicalId] ?? 1)],
  'AWS::CloudWatch::Dashboard': () => [part('CloudWatch', 'dashboard', 1, prices.dashboard)],
  'AWS::EC2::EIP': () => [addresses(1)],
  'AWS::EC2::NatGateway': ({ nats, usage }) => [
    part('NAT gateway', 'NAT gateways', hoursPerMonth, prices.natHour),
    used(
      part('NAT gateway', 'traffic', usage.outboundGb / nats, prices.natGb),
      'what tasks exchange with the internet',
    ),
  ],
  'AWS::ECR::Repository': ({ usage }) => [
    used(part('ECR', 'images', usage.imagesGb, prices.images), 'layers are stored once'),
  ],
  'AWS::ECS::Cluster': cluster,
  'AWS::ECS::Service': service,
  'AWS::ElastiCache::ReplicationGroup': cache,
  'AWS::ElasticLoadBalancingV2::LoadBalancer': loadBalancer,
  'AWS::KMS::Key': ({ usage }) => [
    // AWS turns it every year; the first two turns make it $1 dearer each.
    part('KMS', 'key, in its first year', 1, prices.key),
    used(part('KMS', 'requests', usage.keyRequests, prices.keyRequests), notTakenOff),
  ],
  'AWS::Logs::LogGroup': logGroup,
  'AWS::RDS::DBInstance': database,
  // The zone is yours already; the guide counts it, and so do we.
  'AWS::Route53::RecordSetGroup': () => [part('Route 53', 'zone', 1, prices.zone)],
  'AWS::S3::Bucket': bucket,
  'AWS::SecretsManager::Secret': () => [part('Secrets Manager', 'secrets', 1, prices.secret)],
  'AWS::WAFv2::WebACL': firewall,
};
