import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
} from '@aws-sdk/client-s3';
import { DescribeSecretCommand, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import type { Environment, GuideItem } from './guide.ts';
import type { Xml } from './guide-aws.ts';
import { ingress, one, sorted, tasksGroup } from './guide-network.ts';

const database = 'AWS Services Breakdown: Database';
const caching = 'AWS Services Breakdown: Caching';
const files = 'AWS Services Breakdown: File Storage';
const secrets = 'AWS Services Breakdown: Security & Secrets';
const protection = 'Data Protection';

const production = ({ tier }: Environment): boolean => tier !== 'development';
const development = ({ tier }: Environment): boolean => tier === 'development';

async function instanceOf({ aws, name }: Environment): Promise<Xml> {
  const answer = await aws.rds('DescribeDBInstances', { DBInstanceIdentifier: `${name}-db` });
  return one(answer.list('DBInstances'), `${name}-db`);
}

/** The group and, of its nodes, the first. */
async function cacheOf({ aws, name }: Environment): Promise<{ readonly group: Xml; readonly node: Xml }> {
  const groups = await aws.elastiCache('DescribeReplicationGroups', { ReplicationGroupId: `${name}-redis` });
  const group = one(groups.list('ReplicationGroups'), `${name}-redis`);
  const id = group.list('MemberClusters')[0]?.own ?? '';
  const nodes = await aws.elastiCache('DescribeCacheClusters', { CacheClusterId: id, ShowCacheNodeInfo: 'true' });
  return { group, node: one(nodes.list('CacheClusters'), id) };
}

export const bucketOf = ({ name, aws }: Environment, which: 'frontend' | 'uploads'): string =>
  `${name}-${which}-${aws.account}`;

async function secretOf({ aws, name }: Environment, which: string): Promise<string> {
  const answer = await aws.secrets.send(new GetSecretValueCommand({ SecretId: `${name}/${which}` }));
  return answer.SecretString ?? '';
}

const secretItem = (which: string, where?: GuideItem['where']): GuideItem => ({
  item: `Secret ${which}`,
  guide: `${secrets}: Secrets to Store`,
  expected: ({ name }) => `${name}/${which}`,
  found: async ({ aws, name }) =>
    (await aws.secrets.send(new DescribeSecretCommand({ SecretId: `${name}/${which}` }))).Name ?? 'none',
  ...(where === undefined ? {} : { where }),
});

export const dataItems: readonly GuideItem[] = [
  // ---- PostgreSQL ----
  {
    item: 'Identifier of the database',
    guide: 'Phase 1: Infrastructure Setup',
    expected: ({ name }) => `${name}-db`,
    found: async (environment) => (await instanceOf(environment)).text('DBInstanceIdentifier'),
  },
  {
    item: 'Engine PostgreSQL, 15 or newer',
    guide: database,
    expected: 'postgres, 15 or newer',
    found: async (environment) => {
      const instance = await instanceOf(environment);
      const major = Number.parseInt(instance.text('EngineVersion'), 10);
      return `${instance.text('Engine')}, ${major >= 15 ? '15 or newer' : String(major)}`;
    },
  },
  {
    item: 'Instance class',
    guide: database,
    expected: ({ tier }) => (tier === 'development' ? 'db.t3.micro' : 'db.t3.small'),
    found: async (environment) => (await instanceOf(environment)).text('DBInstanceClass'),
  },
  {
    item: 'Storage',
    guide: database,
    expected: '20 GB gp3',
    found: async (environment) => {
      const instance = await instanceOf(environment);
      return `${instance.text('AllocatedStorage')} GB ${instance.text('StorageType')}`;
    },
  },
  {
    item: 'Storage grows by itself',
    guide: database,
    expected: 'up to more than there is',
    found: async (environment) => {
      const instance = await instanceOf(environment);
      const more = Number(instance.text('MaxAllocatedStorage')) > Number(instance.text('AllocatedStorage'));
      return more ? 'up to more than there is' : 'no';
    },
  },
  {
    item: 'Multi-AZ',
    guide: `${database}; Cost Estimation: Production (Medium)`,
    expected: 'true',
    found: async (environment) => (await instanceOf(environment)).text('MultiAZ'),
    where: ({ tier }) => tier === 'production-medium',
  },
  {
    item: 'Multi-AZ',
    guide: `${database}; Cost Estimation: Production (Small)`,
    expected: 'false',
    found: async (environment) => (await instanceOf(environment)).text('MultiAZ'),
    where: ({ tier }) => tier === 'production-small',
    differs:
      'the guide says both: Multi-AZ for production, and a single db.t3.small in the price of this tier; it adds Multi-AZ with Medium. DatabaseMultiAz turns it on',
  },
  {
    item: 'Multi-AZ',
    guide: database,
    expected: 'false',
    found: async (environment) => (await instanceOf(environment)).text('MultiAZ'),
    where: development,
  },
  {
    item: 'Encryption at rest of the database',
    guide: `${database}; ${protection}`,
    expected: ({ kms }) => (kms === 'customer' ? 'true, the customer’s key' : 'true'),
    found: async (environment) => {
      const instance = await instanceOf(environment);
      const own = environment.outputs['kms-key-arn'];
      const with_ = environment.kms === 'customer' && instance.text('KmsKeyId') === own ? ', the customer’s key' : '';
      return `${instance.text('StorageEncrypted')}${with_}`;
    },
  },
  {
    item: 'Backup retention',
    guide: database,
    expected: '7 days',
    found: async (environment) => `${(await instanceOf(environment)).text('BackupRetentionPeriod')} days`,
  },
  {
    item: 'Performance Insights',
    guide: 'Monitoring & Auditing',
    expected: 'true, 7 days',
    found: async (environment) => {
      const instance = await instanceOf(environment);
      return `${instance.text('PerformanceInsightsEnabled')}, ${instance.text('PerformanceInsightsRetentionPeriod')} days`;
    },
  },
  {
    item: 'Database Insights, and which logs CloudWatch gets',
    guide: 'Monitoring & Auditing',
    expected: 'standard; postgresql, upgrade',
    found: async ({ name, paper }) => {
      const { properties } = one(
        paper.filter(({ type, id }) => type === 'AWS::RDS::DBInstance' && id === `${name}-db`),
        `${name}-db on paper`,
      );
      const exported = (properties['EnableCloudwatchLogsExports'] ?? []) as readonly string[];
      return `${String(properties['DatabaseInsightsMode'])}; ${sorted(exported)}`;
    },
    unprovable: 'the emulated RDS does not tell them: this is what CloudFormation was told',
  },
  {
    item: 'Master user',
    guide: 'Phase 1: Infrastructure Setup',
    expected: 'studio_admin',
    found: async (environment) => (await instanceOf(environment)).text('MasterUsername'),
    differs: 'the guide’s "admin" is a reserved word, which RDS refuses for PostgreSQL',
  },
  {
    item: 'Name and port of the database',
    guide: `${database}: Connection String`,
    expected: 'analytics_studio, 5432',
    found: async (environment) => {
      const instance = await instanceOf(environment);
      return `${instance.text('DBName')}, ${instance.text('Endpoint', 'Port')}`;
    },
  },
  {
    item: 'Connection string in the secret',
    guide: `${database}: Connection String`,
    expected:
      'postgresql+asyncpg://studio_admin:<the generated password>@<the endpoint>:5432/analytics_studio?ssl=require',
    found: async (environment) => {
      const endpoint = (await instanceOf(environment)).text('Endpoint', 'Address');
      const { password } = JSON.parse(await secretOf(environment, 'database-password')) as { password: string };
      return (await secretOf(environment, 'database-url'))
        .replace(password, '<the generated password>')
        .replace(endpoint, '<the endpoint>');
    },
    differs: 'PostgreSQL 15 on RDS accepts TLS only',
  },
  {
    item: 'Database password: generated, fit for a URL',
    guide: 'Security & Secrets; Use Secrets Manager for sensitive data',
    expected: '40 letters and digits',
    found: async (environment) => {
      const { password } = JSON.parse(await secretOf(environment, 'database-password')) as { password: string };
      return `${password.length} ${/^[A-Za-z0-9]+$/.test(password) ? 'letters and digits' : 'characters'}`;
    },
  },

  // ---- Redis ----
  {
    item: 'ElastiCache for Redis',
    guide: caching,
    expected: 'redis, cache.t3.micro, port 6379',
    found: async (environment) => {
      const { group, node } = await cacheOf(environment);
      const port = group.text('PrimaryEndpoint', 'Port');
      return `${node.text('Engine')}, ${node.text('CacheNodeType')}, port ${port}`;
    },
    where: production,
  },
  {
    item: 'ElastiCache nodes',
    guide: `${caching}; Cost Estimation`,
    expected: ({ tier }) => (tier === 'production-medium' ? '2, fails over: enabled' : '1, fails over: disabled'),
    found: async (environment) => {
      const { group } = await cacheOf(environment);
      return `${group.list('MemberClusters').length}, fails over: ${group.text('AutomaticFailover')}`;
    },
    where: production,
  },
  {
    item: 'ElastiCache: none in development',
    guide: 'Cost Estimation: Development',
    expected: 'none',
    found: async ({ aws }) =>
      (await aws.elastiCache('DescribeReplicationGroups')).list('ReplicationGroups').length === 0 ? 'none' : 'some',
    where: development,
  },
  {
    item: 'ElastiCache: encrypted in transit and at rest',
    guide: protection,
    expected: 'true, true',
    found: async (environment) => {
      const { group } = await cacheOf(environment);
      return `${group.text('TransitEncryptionEnabled')}, ${group.text('AtRestEncryptionEnabled')}`;
    },
    where: production,
  },
  {
    item: 'ElastiCache is reached by the tasks alone',
    guide: 'Network Security',
    expected: (environment) => `tcp 6379 from ${tasksGroup(environment)}`,
    found: async (environment) => {
      const { node } = await cacheOf(environment);
      const groups = node.list('SecurityGroups').map((item) => item.text('SecurityGroupId'));
      return sorted((await Promise.all(groups.map((group) => ingress(environment, group)))).flat());
    },
    where: production,
  },
  {
    item: 'Connection string of the cache in the secret',
    guide: `${caching}: Connection String`,
    expected: 'rediss://<the endpoint>:6379/0',
    found: async (environment) => {
      const endpoint = (await cacheOf(environment)).group.text('PrimaryEndpoint', 'Address');
      return (await secretOf(environment, 'redis-url')).replace(`//${endpoint}:`, '//<the endpoint>:');
    },
    where: production,
    differs: '"redis://" is plain text; encryption in transit, which the guide asks for, makes it "rediss://"',
  },

  // ---- Uploads ----
  {
    item: 'Uploads bucket',
    guide: files,
    expected: 'there',
    found: async (environment) => {
      await environment.aws.s3.send(new HeadBucketCommand({ Bucket: bucketOf(environment, 'uploads') }));
      return 'there';
    },
    differs: 'bucket names are the whole world’s: the guide’s, and the account’s number behind it',
  },
  {
    item: 'Lifecycle rule DeleteOldUploads',
    guide: `${files}: Lifecycle Policy`,
    expected: 'Enabled, temp/, expires after 7 days, former versions too',
    found: async (environment) => {
      const rule = await lifecycleRule(environment, 'DeleteOldUploads');
      const former = rule.NoncurrentVersionExpiration?.NoncurrentDays === 7 ? ', former versions too' : '';
      return `${rule.Status}, ${rule.Filter?.Prefix}, expires after ${rule.Expiration?.Days} days${former}`;
    },
    differs: 'in a versioned bucket, which the guide asks for, an expired object lives on as a former version',
  },
  {
    item: 'Lifecycle rule TransitionToIA',
    guide: `${files}: Lifecycle Policy`,
    expected: 'Enabled, datasets/, STANDARD_IA after 30 days',
    found: async (environment) => {
      const rule = await lifecycleRule(environment, 'TransitionToIA');
      const steps = (rule.Transitions ?? []).map(({ Days, StorageClass }) => `${StorageClass} after ${Days} days`);
      return `${rule.Status}, ${rule.Filter?.Prefix}, ${steps.join(', ')}`;
    },
  },
  {
    item: 'Versioning of the uploads bucket',
    guide: protection,
    expected: 'Enabled',
    found: async (environment) => {
      const Bucket = bucketOf(environment, 'uploads');
      return (await environment.aws.s3.send(new GetBucketVersioningCommand({ Bucket }))).Status ?? 'none';
    },
  },
  {
    item: 'Encryption at rest of the uploads bucket',
    guide: protection,
    expected: ({ kms }) => (kms === 'customer' ? 'aws:kms' : 'AES256'),
    found: async (environment) => encryptionOf(environment, 'uploads'),
  },
  {
    item: 'Encryption at rest of the site’s bucket',
    guide: protection,
    expected: 'AES256',
    found: async (environment) => encryptionOf(environment, 'frontend'),
  },
  ...(['uploads', 'frontend'] as const).flatMap((which): GuideItem[] => [
    {
      item: `No public access to the ${which} bucket`,
      guide: protection,
      expected: 'blocked in all four ways',
      found: async (environment) => {
        const answer = await environment.aws.s3.send(
          new GetPublicAccessBlockCommand({ Bucket: bucketOf(environment, which) }),
        );
        const block = answer.PublicAccessBlockConfiguration;
        const all = [
          block?.BlockPublicAcls,
          block?.BlockPublicPolicy,
          block?.IgnorePublicAcls,
          block?.RestrictPublicBuckets,
        ];
        return all.every(Boolean) ? 'blocked in all four ways' : 'open';
      },
    },
    {
      item: `Encryption in transit: the ${which} bucket`,
      guide: protection,
      expected: 'plain HTTP is denied, to everyone, for everything',
      found: async (environment) => {
        const statements = await policyOf(environment, which);
        const denied = statements.some(
          (statement) =>
            statement.Effect === 'Deny' &&
            statement.Principal === '*' &&
            statement.Action === 's3:*' &&
            statement.Condition?.['Bool']?.['aws:SecureTransport'] === 'false' &&
            [statement.Resource].flat().length === 2,
        );
        return denied ? 'plain HTTP is denied, to everyone, for everything' : 'plain HTTP is let in';
      },
    },
  ]),

  // ---- Secrets ----
  secretItem('database-url'),
  secretItem('openai-api-key'),
  secretItem('jwt-secret'),
  secretItem('redis-url', production),
  {
    item: 'jwt-secret: generated',
    guide: `${secrets}: Secrets to Store`,
    expected: '64 characters',
    found: async (environment) => `${(await secretOf(environment, 'jwt-secret')).length} characters`,
  },
  {
    item: 'Rotate secrets regularly',
    guide: 'Authentication & Authorization',
    expected: 'no rotation by Lambda',
    found: async ({ aws, name }) => {
      const found = await Promise.all(
        ['database-url', 'jwt-secret'].map((which) =>
          aws.secrets.send(new DescribeSecretCommand({ SecretId: `${name}/${which}` })),
        ),
      );
      return found.some(({ RotationEnabled }) => RotationEnabled === true) ? 'rotated' : 'no rotation by Lambda';
    },
    differs:
      'rotation by Lambda needs a macro: the README has the procedure, and force-new-deployment brings it to the tasks',
  },
];

async function lifecycleRule({ aws, ...environment }: Environment, id: string) {
  const Bucket = bucketOf({ aws, ...environment }, 'uploads');
  const answer = await aws.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
  return one(
    (answer.Rules ?? []).filter(({ ID }) => ID === id),
    id,
  );
}

async function encryptionOf(environment: Environment, which: 'frontend' | 'uploads'): Promise<string> {
  const Bucket = bucketOf(environment, which);
  const answer = await environment.aws.s3.send(new GetBucketEncryptionCommand({ Bucket }));
  const [rule] = answer.ServerSideEncryptionConfiguration?.Rules ?? [];
  return rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm ?? 'none';
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Principal?: string | Readonly<Record<string, string | readonly string[]>>;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export async function policyOf(environment: Environment, which: 'frontend' | 'uploads'): Promise<readonly Statement[]> {
  const answer = await environment.aws.s3.send(new GetBucketPolicyCommand({ Bucket: bucketOf(environment, which) }));
  return (JSON.parse(answer.Policy ?? '{"Statement":[]}') as { readonly Statement: readonly Statement[] }).Statement;
}
