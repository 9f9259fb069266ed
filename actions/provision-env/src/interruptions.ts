import type { PlannedChange } from './changes.ts';

/**
 * What a change of a property interrupts, by type and property: from "Settings for DB instances" of the RDS guide, "Scaling" and "Version
 * management" of the ElastiCache guide, and what the templates hang on a resource. What is not here goes on while it changes.
 */
const ofProperties: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'AWS::RDS::DBInstance': {
    DBInstanceClass: 'the database restarts: some minutes without it, about one with a standby',
    EngineVersion: 'the database is upgraded: minutes without it, with or without a standby',
    CACertificateIdentifier: 'the database may restart',
    DBParameterGroupName: 'takes effect with the next restart of the database',
    MasterUserPassword: 'what knows the old password cannot connect any more',
    BackupRetentionPeriod: 'the database restarts if backups are switched on or off by it',
  },
  'AWS::ElastiCache::ReplicationGroup': {
    CacheNodeType: 'connections to the cache break for a moment',
    EngineVersion: 'connections to the cache break for a moment; without a replica it is empty afterwards',
    TransitEncryptionEnabled: 'connections to the cache break',
  },
  'AWS::AutoScaling::AutoScalingGroup': {
    LaunchTemplate: 'the one instance is replaced: minutes without the API',
  },
  'AWS::EC2::LaunchTemplate': {
    LaunchTemplateData: 'the one instance is replaced: minutes without the API',
  },
};

/** What is not there while a resource is made anew, and once it is removed. */
const ofResources: Readonly<Record<string, { readonly replaced: string; readonly removed?: string }>> = {
  'AWS::RDS::DBInstance': {
    replaced: 'no database meanwhile, and the new one is empty',
    removed: 'no database: the API fails; a last snapshot stays',
  },
  'AWS::ElastiCache::ReplicationGroup': {
    replaced: 'no cache meanwhile, and the new one is empty',
    removed: 'no cache, and what was in it is gone',
  },
  'AWS::S3::Bucket': { replaced: 'the new bucket is empty' },
  'AWS::ECR::Repository': { replaced: 'the new repository has no images: tasks cannot start until one is pushed' },
  'AWS::SecretsManager::Secret': {
    replaced: 'another value is made up; what uses the old one (sessions, connections) breaks',
    removed: 'its value is gone',
  },
  'AWS::ECS::Cluster': { replaced: 'the API is down until it is deployed again', removed: 'the API is down' },
  'AWS::ECS::Service': { replaced: 'the API is down until it is deployed again', removed: 'the API is down' },
  'AWS::ElasticLoadBalancingV2::LoadBalancer': {
    replaced: 'the API is out of reach until names lead to the new one',
    removed: 'the API is out of reach',
  },
  'AWS::ElasticLoadBalancingV2::TargetGroup': {
    replaced: 'the API is out of reach until tasks are healthy in the new one',
    removed: 'the API is out of reach',
  },
  'AWS::ElasticLoadBalancingV2::Listener': {
    replaced: 'the API is out of reach for seconds',
    removed: 'what uses this port is out of reach',
  },
  'AWS::CloudFront::Distribution': {
    replaced: 'the site is down until names lead to the new one; its id changes',
    removed: 'the site is down',
  },
  'AWS::Route53::RecordSetGroup': {
    replaced: 'names of site and API do not resolve meanwhile',
    removed: 'names of site and API do not resolve',
  },
  'AWS::EC2::NatGateway': {
    replaced: 'tasks lose their connections to the internet for minutes',
    removed: 'connections of tasks to the internet break',
  },
  'AWS::EC2::Route': {
    replaced: 'tasks lose their connections to the internet for a moment',
    removed: 'connections of tasks to the internet break',
  },
  'AWS::EC2::VPC': { replaced: 'everything in the network is made anew', removed: 'everything in the network is gone' },
  'AWS::EC2::Subnet': { replaced: 'what runs in it is made anew', removed: 'what runs in it is gone' },
  'AWS::EC2::SecurityGroup': { replaced: 'connections break until the new group is in use' },
  'AWS::KMS::Key': { replaced: 'what is encrypted with the old key can be read only as long as that is there' },
};

/** What a change takes from people who use the site or the API, and for how long; undefined when nothing is known to. */
export function interruptionOf({ kind, type, properties, stays }: PlannedChange): string | undefined {
  const known = ofProperties[type] ?? {};
  const effects = [...new Set(properties.flatMap(({ name }) => known[name.split('.')[0] ?? ''] ?? []))];
  switch (kind) {
    case 'add':
      return undefined;
    case 'change':
      return effects.length === 0 ? undefined : effects.join('; ');
    case 'perhaps-replace': {
      const replaced = ofResources[type]?.replaced;
      const all = [...effects, ...(replaced === undefined ? [] : [`if it is replaced: ${replaced}`])];
      return all.length === 0 ? undefined : all.join('; ');
    }
    case 'replace':
      return ofResources[type]?.replaced;
    case 'remove':
      return stays === 'whole' ? undefined : ofResources[type]?.removed;
  }
}
