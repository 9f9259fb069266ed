import { readingCalls } from './reading-calls.ts';
import { accepts, maxTemplateBytes, parseTemplate, parseYaml } from '../../actions/provision-env/src/template.ts';

/** What linters do not see in the templates of provision-env. Each rule returns what is wrong, in words; nothing when all is well. */
export type Rule = (templates: Templates) => readonly string[];

/** Text by file name, without `.yml`. */
export type Templates = Readonly<Record<string, string>>;

type Tree = Readonly<Record<string, unknown>>;

interface Resource {
  readonly template: string;
  readonly id: string;
  /** Template and logical id. */
  readonly where: string;
  readonly type: string;
  readonly body: Tree;
  readonly properties: Tree;
}

interface Statement {
  readonly where: string;
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly unknown[];
  readonly condition: Tree;
  readonly principal: unknown;
  readonly body: Tree;
}

const tree = (value: unknown): Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {};
const list = (value: unknown): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as unknown[]) : [value];
const text = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
const texts = (value: unknown): readonly string[] => list(value).map(text);

const parsed = new Map<string, Tree>();
/** Read once for each text: mutations change one template of all. */
function parse(source: string): Tree {
  const known = parsed.get(source);
  if (known !== undefined) return known;
  const fresh = tree(parseYaml(source));
  parsed.set(source, fresh);
  return fresh;
}

const section = (templates: Templates, name: string): readonly (readonly [string, string, Tree])[] =>
  Object.entries(templates).flatMap(([template, source]) =>
    Object.entries(tree(parse(source)[name])).map(([id, body]) => [template, id, tree(body)] as const),
  );

function resources(templates: Templates, ...types: readonly string[]): readonly Resource[] {
  return section(templates, 'Resources')
    .map(([template, id, body]) => ({
      template,
      id,
      where: `${template}.${id}`,
      type: text(body['Type']),
      body,
      properties: tree(body['Properties']),
    }))
    .filter(({ type }) => types.length === 0 || types.includes(type));
}

/** Every value that an expression can come to: both sides of each `Fn::If`. */
function branches(value: unknown): readonly unknown[] {
  const condition = tree(value)['Fn::If'];
  if (!Array.isArray(condition)) return tree(value)['Ref'] === 'AWS::NoValue' ? [] : [value];
  return condition.slice(1).flatMap(branches);
}

/** The text of a literal or of a `Fn::Sub`, its placeholders as they stand. */
function literal(value: unknown): string {
  const sub = tree(value)['Fn::Sub'];
  if (typeof sub === 'string') return sub;
  if (Array.isArray(sub)) return text(sub[0]);
  const ref = tree(value)['Ref'];
  return typeof ref === 'string' ? `\${${ref}}` : text(value);
}

function documents({ where, properties }: Resource): readonly (readonly [string, Tree])[] {
  return [
    ...list(properties['Policies']).map((policy) => [where, tree(tree(policy)['PolicyDocument'])] as const),
    ...['PolicyDocument', 'AssumeRolePolicyDocument', 'KeyPolicy'].flatMap((name) =>
      properties[name] === undefined ? [] : [[where, tree(properties[name])] as const],
    ),
  ];
}

function statements(of: readonly Resource[]): readonly Statement[] {
  return of.flatMap(documents).flatMap(([where, document]) =>
    list(document['Statement'])
      .flatMap(branches)
      .map(tree)
      .map((body) => ({
        where,
        effect: text(body['Effect']),
        actions: texts(body['Action']),
        resources: list(body['Resource']),
        condition: tree(body['Condition']),
        principal: body['Principal'],
        body,
      })),
  );
}

const policies = (templates: Templates): readonly Statement[] =>
  statements(resources(templates, 'AWS::IAM::Role', 'AWS::IAM::ManagedPolicy')).filter(
    ({ principal }) => principal === undefined,
  );

const trusts = (templates: Templates): readonly (Statement & { readonly role: Resource })[] =>
  resources(templates, 'AWS::IAM::Role').flatMap((role) =>
    statements([role])
      .filter(({ principal }) => principal !== undefined)
      .map((statement) => ({ ...statement, role })),
  );

const isBoundary = (where: string): boolean => where.endsWith('Boundary');

/** Whether an IAM pattern such as `ecr:Get*` covers an action. */
const covers = (pattern: string, action: string): boolean =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*')}$`, 'i').test(action);

/** Names that RDS keeps for itself with PostgreSQL. */
const reservedUsers = [
  'admin',
  'rdsadmin',
  'rds_superuser',
  'rdsrepladmin',
  'root',
  'user',
  'public',
  'all',
  'default',
];

/** Data that a deleted stack must leave behind, in whatever form. */
const kept = [
  'AWS::S3::Bucket',
  'AWS::SecretsManager::Secret',
  'AWS::ECR::Repository',
  'AWS::Logs::LogGroup',
  'AWS::KMS::Key',
  'AWS::IAM::OIDCProvider',
];

/** Where a resource carries its physical name; it must be the application's. */
const nameProperties: Readonly<Record<string, string>> = {
  'AWS::S3::Bucket': 'BucketName',
  'AWS::ECR::Repository': 'RepositoryName',
  'AWS::RDS::DBInstance': 'DBInstanceIdentifier',
  'AWS::RDS::DBSubnetGroup': 'DBSubnetGroupName',
  'AWS::ElastiCache::ReplicationGroup': 'ReplicationGroupId',
  'AWS::ElastiCache::SubnetGroup': 'CacheSubnetGroupName',
  'AWS::SecretsManager::Secret': 'Name',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::Logs::QueryDefinition': 'Name',
  'AWS::CloudTrail::Trail': 'TrailName',
  'AWS::KMS::Alias': 'AliasName',
  'AWS::IAM::Role': 'RoleName',
  'AWS::IAM::ManagedPolicy': 'ManagedPolicyName',
  'AWS::WAFv2::WebACL': 'Name',
  'AWS::WAFv2::IPSet': 'Name',
  'AWS::ECS::Cluster': 'ClusterName',
  'AWS::ECS::Service': 'ServiceName',
  'AWS::ElasticLoadBalancingV2::LoadBalancer': 'Name',
  'AWS::CloudFront::Function': 'Name',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::CloudWatch::Alarm': 'AlarmName',
  'AWS::CloudWatch::Dashboard': 'DashboardName',
};

/** Which call makes a resource of this type: CloudFormation's role must be allowed it. */
const makingCalls: Readonly<Record<string, string>> = {
  'AWS::ApplicationAutoScaling::ScalableTarget': 'application-autoscaling:RegisterScalableTarget',
  'AWS::ApplicationAutoScaling::ScalingPolicy': 'application-autoscaling:PutScalingPolicy',
  'AWS::AutoScaling::AutoScalingGroup': 'autoscaling:CreateAutoScalingGroup',
  'AWS::Budgets::Budget': 'budgets:ModifyBudget',
  'AWS::CertificateManager::Certificate': 'acm:RequestCertificate',
  'AWS::CloudFront::Distribution': 'cloudfront:CreateDistribution',
  'AWS::CloudFront::Function': 'cloudfront:CreateFunction',
  'AWS::CloudFront::OriginAccessControl': 'cloudfront:CreateOriginAccessControl',
  'AWS::CloudFront::ResponseHeadersPolicy': 'cloudfront:CreateResponseHeadersPolicy',
  'AWS::CloudTrail::Trail': 'cloudtrail:CreateTrail',
  'AWS::CloudWatch::Alarm': 'cloudwatch:PutMetricAlarm',
  'AWS::CloudWatch::Dashboard': 'cloudwatch:PutDashboard',
  'AWS::EC2::EIP': 'ec2:AllocateAddress',
  'AWS::EC2::FlowLog': 'ec2:CreateFlowLogs',
  'AWS::EC2::InternetGateway': 'ec2:CreateInternetGateway',
  'AWS::EC2::LaunchTemplate': 'ec2:CreateLaunchTemplate',
  'AWS::EC2::NatGateway': 'ec2:CreateNatGateway',
  'AWS::EC2::Route': 'ec2:CreateRoute',
  'AWS::EC2::RouteTable': 'ec2:CreateRouteTable',
  'AWS::EC2::SecurityGroup': 'ec2:CreateSecurityGroup',
  'AWS::EC2::SecurityGroupEgress': 'ec2:AuthorizeSecurityGroupEgress',
  'AWS::EC2::SecurityGroupIngress': 'ec2:AuthorizeSecurityGroupIngress',
  'AWS::EC2::Subnet': 'ec2:CreateSubnet',
  'AWS::EC2::SubnetRouteTableAssociation': 'ec2:AssociateRouteTable',
  'AWS::EC2::VPC': 'ec2:CreateVpc',
  'AWS::EC2::VPCEndpoint': 'ec2:CreateVpcEndpoint',
  'AWS::EC2::VPCGatewayAttachment': 'ec2:AttachInternetGateway',
  'AWS::ECR::Repository': 'ecr:CreateRepository',
  'AWS::ECS::CapacityProvider': 'ecs:CreateCapacityProvider',
  'AWS::ECS::Cluster': 'ecs:CreateCluster',
  'AWS::ECS::ClusterCapacityProviderAssociations': 'ecs:PutClusterCapacityProviders',
  'AWS::ECS::Service': 'ecs:CreateService',
  'AWS::ECS::TaskDefinition': 'ecs:RegisterTaskDefinition',
  'AWS::ElastiCache::ReplicationGroup': 'elasticache:CreateReplicationGroup',
  'AWS::ElastiCache::SubnetGroup': 'elasticache:CreateCacheSubnetGroup',
  'AWS::ElasticLoadBalancingV2::Listener': 'elasticloadbalancing:CreateListener',
  'AWS::ElasticLoadBalancingV2::ListenerRule': 'elasticloadbalancing:CreateRule',
  'AWS::ElasticLoadBalancingV2::LoadBalancer': 'elasticloadbalancing:CreateLoadBalancer',
  'AWS::ElasticLoadBalancingV2::TargetGroup': 'elasticloadbalancing:CreateTargetGroup',
  'AWS::IAM::InstanceProfile': 'iam:CreateInstanceProfile',
  'AWS::IAM::Role': 'iam:CreateRole',
  'AWS::KMS::Alias': 'kms:CreateAlias',
  'AWS::KMS::Key': 'kms:CreateKey',
  'AWS::Logs::LogGroup': 'logs:CreateLogGroup',
  'AWS::Logs::QueryDefinition': 'logs:PutQueryDefinition',
  'AWS::RDS::DBInstance': 'rds:CreateDBInstance',
  'AWS::RDS::DBSubnetGroup': 'rds:CreateDBSubnetGroup',
  'AWS::Route53::RecordSetGroup': 'route53:ChangeResourceRecordSets',
  'AWS::S3::Bucket': 's3:CreateBucket',
  'AWS::S3::BucketPolicy': 's3:PutBucketPolicy',
  'AWS::SecretsManager::Secret': 'secretsmanager:CreateSecret',
  'AWS::SNS::Subscription': 'sns:Subscribe',
  'AWS::SNS::Topic': 'sns:CreateTopic',
  'AWS::SNS::TopicPolicy': 'sns:SetTopicAttributes',
  'AWS::WAFv2::IPSet': 'wafv2:CreateIPSet',
  'AWS::WAFv2::WebACL': 'wafv2:CreateWebACL',
  'AWS::WAFv2::WebACLAssociation': 'wafv2:AssociateWebACL',
};

/** Actions that IAM only grants for every resource: for a named one the statement is void. */
const withoutResources = [
  'acm:RequestCertificate',
  'cloudformation:BatchDescribeTypeConfigurations',
  'cloudformation:DescribeStackDriftDetectionStatus',
  'cloudwatch:DescribeAlarms',
  'ec2:DescribeSubnets',
  'ecr:DescribePullThroughCacheRules',
  'ecr:GetAuthorizationToken',
  'ecs:DeregisterTaskDefinition',
  'ecs:DescribeTaskDefinition',
  'ecs:ListTaskDefinitions',
  'elasticloadbalancing:DescribeTargetHealth',
  'iam:ListOpenIDConnectProviders',
  'kms:CreateKey',
  'kms:ListAliases',
  'logs:PutQueryDefinition',
  'secretsmanager:GetRandomPassword',
  'sns:Unsubscribe',
  'ssm:DescribeParameters',
];

/** What else reads a stack's outputs, or is promised to people. */
const promisedOutputs: Readonly<Record<string, readonly string[]>> = {
  foundation: ['LogBucket', 'KmsKeyArn', 'DatabaseIdentifier', 'CacheIdentifier', 'TaskSubnetIds', 'RedisUrlSecretArn'],
  edge: ['SiteCertificateArn', 'SiteWebAclArn'],
  bootstrap: [
    'ExecutionRoleArn',
    'PlanRoleArn',
    'ApplyRoleArn',
    'DeployBackendRoleArn',
    'DeployFrontendRoleArn',
    'PermissionsBoundaryArn',
    'OidcProviderArn',
  ],
};

/** Properties that name the key data is encrypted with, in the foundation. */
const encrypted: Readonly<Record<string, readonly string[]>> = {
  'AWS::RDS::DBInstance': ['KmsKeyId', 'PerformanceInsightsKMSKeyId'],
  'AWS::ElastiCache::ReplicationGroup': ['KmsKeyId'],
  'AWS::SecretsManager::Secret': ['KmsKeyId'],
  'AWS::Logs::LogGroup': ['KmsKeyId'],
  'AWS::ECR::Repository': ['EncryptionConfiguration'],
};

/** Placeholders at their longest, to see whether a policy still fits. */
const longest: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws-us-gov',
  'AWS::Region': 'ap-southeast-2',
  'AWS::AccountId': '123456789012',
  App: 'a'.repeat(27),
  Name: 'a'.repeat(28),
  Environment: 'a'.repeat(20),
  HostedZoneId: 'Z'.repeat(32),
};

const expanded = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    tree(inner)['Fn::Sub'] !== undefined || tree(inner)['Ref'] !== undefined || tree(inner)['Fn::GetAtt'] !== undefined
      ? literal(inner).replace(/\$\{(!?)([^}]+)\}/g, (_, escaped: string, name: string) =>
          escaped === '' ? (longest[name] ?? 'a'.repeat(90)) : `\${${name}}`,
        )
      : inner,
  );

export const rules: Readonly<Record<string, Rule>> = {
  'RDS accepts the master user': (templates) =>
    resources(templates, 'AWS::RDS::DBInstance')
      .filter(({ properties }) => reservedUsers.includes(literal(properties['MasterUsername'])))
      .map(({ where }) => `${where}: RDS refuses this MasterUsername`),

  'the database is private, encrypted, backed up and watched': (templates) =>
    resources(templates, 'AWS::RDS::DBInstance').flatMap(({ where, properties }) =>
      Object.entries({
        PubliclyAccessible: false,
        StorageEncrypted: true,
        StorageType: 'gp3',
        EnablePerformanceInsights: true,
        EnableIAMDatabaseAuthentication: true,
        CopyTagsToSnapshot: true,
        AutoMinorVersionUpgrade: true,
        MonitoringInterval: 60,
      }).flatMap(([name, wanted]) => (properties[name] === wanted ? [] : [`${where}: ${name} is not ${wanted}`])),
    ),

  'data is kept when a stack goes': (templates) =>
    resources(templates).flatMap(({ where, type, body, properties }) => {
      const [deletion, replacement] = [text(body['DeletionPolicy']), text(body['UpdateReplacePolicy'])];
      if (type === 'AWS::RDS::DBInstance') {
        return [
          ...(deletion === 'Snapshot' && replacement === 'Snapshot' ? [] : [`${where}: leaves no snapshot`]),
          ...(branches(properties['DeletionProtection']).includes(true) ? [] : [`${where}: no DeletionProtection`]),
        ];
      }
      // Redis holds nothing that does not come again, but that must be said.
      if (type === 'AWS::ElastiCache::ReplicationGroup') {
        return deletion !== '' && replacement !== '' ? [] : [`${where}: says nothing of its deletion`];
      }
      // Nobody but CloudFront and the load balancer knows this one, and both get the new one.
      if (!kept.includes(type) || literal(properties['Name']).endsWith('/origin-secret')) return [];
      return /^Retain(ExceptOnCreate)?$/.test(deletion) && replacement === 'Retain'
        ? []
        : [`${where}: is not retained`];
    }),

  'services write to buckets of this account only for this account': (templates) =>
    statements(resources(templates, 'AWS::S3::BucketPolicy'))
      .filter(({ effect, principal }) => effect === 'Allow' && tree(principal)['Service'] !== undefined)
      .flatMap(({ where, principal, condition, resources: objects }) => {
        const service = text(tree(principal)['Service']);
        const keys = Object.values(condition).flatMap((operator) => Object.keys(tree(operator)));
        const source = keys.some((key) => /^aws:source(arn|account)$/i.test(key));
        // The load balancer's logs come without such a key; their path ends in the account they are from.
        const path =
          service === 'logdelivery.elasticloadbalancing.amazonaws.com' &&
          objects.every((object) => literal(object).endsWith('/AWSLogs/${AWS::AccountId}/*'));
        return source || path ? [] : [`${where}: ${service} of any account`];
      }),

  'CloudFront and CloudTrail are named by ARN': (templates) =>
    statements(resources(templates, 'AWS::S3::BucketPolicy'))
      .filter(
        ({ effect, principal }) => effect === 'Allow' && /cloudfront|cloudtrail/.test(text(tree(principal)['Service'])),
      )
      .flatMap(({ where, condition }) => {
        const sources = Object.entries(tree(condition['StringEquals']))
          .filter(([key]) => key.toLowerCase() === 'aws:sourcearn')
          .map(([, value]) => literal(value));
        return sources.length === 1 && !(sources[0] ?? '*').includes('*') ? [] : [`${where}: no exact aws:SourceArn`];
      }),

  'CloudTrail covers everything and shows tampering': (templates) =>
    resources(templates, 'AWS::CloudTrail::Trail').flatMap(({ where, body, properties }) => [
      ...['IsLogging', 'IsMultiRegionTrail', 'IncludeGlobalServiceEvents', 'EnableLogFileValidation']
        .filter((name) => properties[name] !== true)
        .map((name) => `${where}: ${name} is not true`),
      ...(texts(body['DependsOn']).includes('TrailBucketPolicy')
        ? []
        : [`${where}: may come before its bucket policy`]),
    ]),

  'no bucket takes plain HTTP': (templates) => {
    const denied = resources(templates, 'AWS::S3::BucketPolicy')
      .filter((policy) =>
        statements([policy]).some(
          ({ effect, principal, actions, resources: objects, condition }) =>
            effect === 'Deny' &&
            principal === '*' &&
            actions.includes('s3:*') &&
            objects.length === 2 &&
            tree(condition['Bool'])['aws:SecureTransport'] === 'false',
        ),
      )
      .map(({ properties }) => tree(properties['Bucket'])['Ref']);
    return resources(templates, 'AWS::S3::Bucket')
      .filter(({ id }) => !denied.includes(id))
      .map(({ where }) => `${where}: takes plain HTTP`);
  },

  'buckets are private, versioned, encrypted and logged': (templates) =>
    resources(templates, 'AWS::S3::Bucket').flatMap(({ where, id, properties }) => {
      const block = tree(properties['PublicAccessBlockConfiguration']);
      const closed = ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'];
      return [
        ...(closed.every((name) => block[name] === true) ? [] : [`${where}: can be made public`]),
        ...(tree(properties['VersioningConfiguration'])['Status'] === 'Enabled' ? [] : [`${where}: not versioned`]),
        ...(properties['BucketEncryption'] === undefined ? [`${where}: not encrypted`] : []),
        ...(id === 'LogBucket' || tree(properties['LoggingConfiguration'])['LogFilePrefix'] !== undefined
          ? []
          : [`${where}: not logged`]),
      ];
    }),

  'versions of deleted objects do not stay for ever': (templates) =>
    resources(templates, 'AWS::S3::Bucket').flatMap(({ where, properties }) =>
      list(tree(properties['LifecycleConfiguration'])['Rules'])
        .map(tree)
        .filter((rule) => rule['ExpirationInDays'] !== undefined && rule['NoncurrentVersionExpiration'] === undefined)
        .map((rule) => `${where}: ${text(rule['Id'])} leaves noncurrent versions`),
    ),

  'GitHub is trusted by exact subject': (templates) =>
    trusts(templates)
      .filter(({ principal }) => tree(principal)['Federated'] !== undefined)
      .flatMap(({ where, role, actions, condition }) => {
        const equals = tree(condition['StringEquals']);
        const issuer = 'token.actions.githubusercontent.com';
        const subjects = list(equals[`${issuer}:sub`]).flatMap(branches).map(literal);
        const ofEnvironment = /^\$\{(Other)?GitHubSubject\}:environment:\$\{Environment\}$/;
        // Only what changes nothing may come from a pull request.
        const ofPullRequest = /^\$\{(Other)?GitHubSubject\}:pull_request$/;
        const allowed = (subject: string): boolean =>
          ofEnvironment.test(subject) || (role.id === 'PlanRole' && ofPullRequest.test(subject));
        return [
          ...(text(actions) === '["sts:AssumeRoleWithWebIdentity"]' ? [] : [`${where}: trusts for ${text(actions)}`]),
          ...(Object.keys(condition).join() === 'StringEquals' ? [] : [`${where}: ${Object.keys(condition).join()}`]),
          ...(equals[`${issuer}:aud`] === 'sts.amazonaws.com' ? [] : [`${where}: any audience`]),
          ...(subjects.length > 0 && subjects.every(allowed) ? [] : [`${where}: trusts ${subjects.join(', ')}`]),
        ];
      }),

  'a subject has no wildcard': (templates) =>
    section(templates, 'Parameters')
      .filter(([, id]) => id.endsWith('GitHubSubject'))
      .flatMap(([template, id, body]) => {
        const pattern = new RegExp(`^(?:${text(body['AllowedPattern'])})$`);
        const bad = [
          'repo:your-org/*',
          'repo:your-org@*/app@*',
          'repo:your-org@1/app',
          'repo:your-org/app@1',
          'repo:your-org/app:environment:x',
          'repo:*',
          'your-org/app',
        ].filter((subject) => pattern.test(subject));
        const good = ['repo:your-org/app', 'repo:your-org@1234/app.js@5678'].filter(
          (subject) => !pattern.test(subject),
        );
        return [
          ...bad.map((subject) => `${template}.${id}: accepts ${subject}`),
          ...good.map((subject) => `${template}.${id}: refuses ${subject}`),
        ];
      }),

  'only services and GitHub are trusted': (templates) =>
    trusts(templates)
      .filter(({ principal }) => !/^(Service|Federated)$/.test(Object.keys(tree(principal)).join()))
      .map(({ where }) => `${where}: trusts somebody else`),

  'roles are handed on to named services only': (templates) =>
    policies(templates)
      .filter(
        ({ where, effect, actions }) =>
          effect === 'Allow' && !isBoundary(where) && actions.some((action) => covers(action, 'iam:PassRole')),
      )
      .flatMap(({ where, resources: roles, condition }) => [
        ...(tree(condition['StringEquals'])['iam:PassedToService'] === undefined
          ? [`${where}: PassRole without iam:PassedToService`]
          : []),
        ...(roles.some((role) => role === '*') ? [`${where}: PassRole for every role`] : []),
      ]),

  'no policy allows everything': (templates) =>
    policies(templates)
      .filter(({ effect }) => effect === 'Allow')
      .flatMap(({ where, actions, body }) => [
        ...(body['NotAction'] === undefined ? [] : [`${where}: allows all but something`]),
        ...actions
          .filter((action) => !isBoundary(where) && (action === '*' || action.endsWith(':*')))
          .map((action) => `${where}: allows ${action}`),
      ])
      .concat(
        resources(templates, 'AWS::IAM::Role')
          .filter(({ properties }) =>
            /AdministratorAccess|PowerUser|FullAccess/.test(text(properties['ManagedPolicyArns'])),
          )
          .map(({ where }) => `${where}: a managed policy that allows nearly everything`),
      ),

  'what is planned changes nothing': (templates) =>
    policies(templates)
      .filter(({ where, effect }) => effect === 'Allow' && where === 'bootstrap.PlanPolicy')
      .flatMap(({ where, actions }) =>
        [
          'cloudformation:ExecuteChangeSet',
          'cloudformation:DeleteStack',
          'secretsmanager:GetSecretValue',
          's3:GetObject',
        ]
          .filter((action) => actions.some((pattern) => covers(pattern, action)))
          .map((action) => `${where}: may ${action}`),
      ),

  'no role of a workflow reads secrets or makes roles': (templates) =>
    policies(templates)
      .filter(({ where, effect }) => effect === 'Allow' && /(Plan|Apply|Deploy\w+)Policy$|GitHubBoundary$/.test(where))
      .flatMap(({ where, actions }) =>
        [
          'secretsmanager:GetSecretValue',
          'iam:CreateRole',
          'iam:PutRolePolicy',
          'iam:UpdateAssumeRolePolicy',
          'sts:AssumeRole',
        ]
          .filter((action) => actions.some((pattern) => covers(pattern, action)))
          .map((action) => `${where}: may ${action}`),
      ),

  'a role of a workflow reaches its own environment': (templates) =>
    policies(templates)
      .filter(({ where, effect }) => effect === 'Allow' && /\.(Plan|Apply|Deploy\w+)Policy$/.test(where))
      .flatMap(({ where, actions, resources: objects, condition }) => {
        const ids =
          /:(hostedzone|certificate|distribution)\/|:changeSet\/slipway-|:stack\/\$\{App\}-bootstrap|role\/slipway\//;
        const own =
          /\$\{Name\}(\/|:|-frontend-|-cluster|-backend|-task$|-task-execution$|$)|\$\{App\}-\$\{Environment\}-\w+(\/|-\*)/;
        const harmless =
          /^ec[rs2]+:(Describe|List|GetAuth)|^cloudformation:(BatchDescribeType|DescribeStackDriftDetection)|^(elasticloadbalancing|logs|ssm):Describe|^iam:List|^ecs:RegisterTaskDefinition$|^rds:DescribeDBSnapshots$/;
        const inside = literal(tree(condition['ArnLike'])['ecs:cluster']).endsWith(':cluster/${Name}-cluster');
        return objects
          .map(literal)
          .filter((object) =>
            object === '*'
              ? !inside && !actions.every((action) => harmless.test(action))
              : !own.test(object) && !ids.test(object),
          )
          .map((object) => `${where}: ${actions.join(', ')} on ${object}`);
      }),

  'every role has a limit': (templates) =>
    resources(templates, 'AWS::IAM::Role')
      .filter(
        ({ where, properties }) =>
          properties['PermissionsBoundary'] === undefined &&
          // An administrator's own, which only CloudFormation can use; it makes roles with the limit only.
          where !== 'bootstrap.ExecutionRole',
      )
      .map(({ where }) => `${where}: no PermissionsBoundary`),

  'CloudFormation makes roles with the limit only, and never its own': (templates) =>
    policies(templates)
      .filter(({ where, effect }) => effect === 'Allow' && where === 'bootstrap.RolePolicy')
      .flatMap(({ where, actions, resources: roles, condition }) => {
        const powers = [
          'iam:CreateRole',
          'iam:PutRolePolicy',
          'iam:AttachRolePolicy',
          'iam:PutRolePermissionsBoundary',
        ];
        const limit = text(tree(tree(condition['StringEquals'])['iam:PermissionsBoundary'])['Ref']);
        return [
          ...powers
            .filter((power) => actions.some((pattern) => covers(pattern, power)) && limit !== 'PermissionsBoundary')
            .map((power) => `${where}: ${power} without the limit`),
          ...['iam:DeleteRolePermissionsBoundary', 'iam:CreatePolicyVersion', 'iam:CreateUser', 'iam:CreateAccessKey']
            .filter((power) => actions.some((pattern) => covers(pattern, power)))
            .map((power) => `${where}: may ${power}`),
          ...roles
            .map(literal)
            .filter((arn) => !/:(role|instance-profile)\/(\$\{App\}-|aws-service-role\/)/.test(arn))
            .map((arn) => `${where}: ${arn}`),
        ];
      })
      .concat(
        resources({ bootstrap: templates['bootstrap'] ?? '' }, 'AWS::IAM::Role', 'AWS::IAM::ManagedPolicy')
          .filter(({ properties }) => properties['Path'] !== '/slipway/')
          .map(({ where }) => `${where}: not below /slipway/, so CloudFormation's role could change it`),
      ),

  'the limit has room for what roles are given': (templates) => {
    const limits = policies(templates)
      .filter(({ where, effect }) => where === 'bootstrap.PermissionsBoundary' && effect === 'Allow')
      .flatMap(({ actions }) => actions);
    return policies(templates)
      .filter(({ where, effect }) => effect === 'Allow' && !where.startsWith('bootstrap.'))
      .flatMap(({ where, actions }) =>
        actions
          .filter((action) => !limits.some((limit) => covers(limit, action)))
          .map((action) => `${where}: ${action} is beyond the limit`),
      );
  },

  'the limit of the workflows has room for their policies': (templates) => {
    const limits = policies(templates)
      .filter(({ where, effect }) => where === 'bootstrap.GitHubBoundary' && effect === 'Allow')
      .flatMap(({ actions }) => actions);
    return policies(templates)
      .filter(({ where, effect }) => effect === 'Allow' && /\.(Plan|Apply|Deploy\w+)Policy$/.test(where))
      .flatMap(({ where, actions }) =>
        actions
          .filter((action) => !limits.some((limit) => covers(limit, action)))
          .map((action) => `${where}: ${action} is beyond the limit`),
      );
  },

  'CloudFormation may make every resource there is': (templates) => {
    const { bootstrap = '', ...stacks } = templates;
    const allowed = policies({ bootstrap })
      .filter(({ where, effect }) => effect === 'Allow' && /\.(Network|Data|Service|Role)Policy$/.test(where))
      .flatMap(({ actions }) => actions);
    return resources(stacks).flatMap(({ where, type }) => {
      const call = makingCalls[type];
      if (call === undefined) return [`${where}: which call makes ${type}?`];
      return allowed.some((pattern) => covers(pattern, call)) ? [] : [`${where}: ${call} is not allowed`];
    });
  },

  'CloudFormation may read every resource there is': (templates) => {
    const { bootstrap = '', ...stacks } = templates;
    const allowed = policies({ bootstrap })
      .filter(({ where, effect }) => effect === 'Allow' && /\.(Network|Data|Service|Role)Policy$/.test(where))
      .flatMap(({ actions }) => actions);
    return resources(stacks).flatMap(({ where, type }) =>
      (readingCalls[type]?.split(' ') ?? [])
        .filter((call) => !allowed.some((pattern) => covers(pattern, call)))
        .map((call) => `${where}: ${call} is not allowed`),
    );
  },

  'whoever plans may compare': (templates) => {
    const own = policies(templates).filter(
      ({ where, effect }) => effect === 'Allow' && where === 'bootstrap.PlanPolicy',
    );
    return [
      'BatchDescribeTypeConfigurations',
      'DescribeStackDriftDetectionStatus',
      'DescribeStackResourceDrifts',
      'DescribeStacks',
      'DetectStackDrift',
      'DetectStackResourceDrift',
      'ListStackResources',
    ]
      .map((action) => `cloudformation:${action}`)
      .filter((action) => !own.some(({ actions }) => actions.some((pattern) => covers(pattern, action))))
      .map((action) => `bootstrap.PlanPolicy: ${action} is not allowed`);
  },

  'no statement is void for naming a resource': (templates) =>
    policies(templates)
      .filter(({ effect, resources: objects }) => effect === 'Allow' && !objects.includes('*'))
      .flatMap(({ where, actions }) =>
        actions
          .filter((action) => withoutResources.includes(action))
          .map((action) => `${where}: ${action} knows no resources`),
      ),

  'policies fit into what IAM takes': (templates) =>
    resources(templates, 'AWS::IAM::ManagedPolicy').flatMap(({ where, properties }) => {
      const size = expanded(properties['PolicyDocument']).length;
      return size > 6144 ? [`${where}: ${size} characters of 6,144`] : [];
    }),

  'Redis speaks TLS': (templates) => [
    ...resources(templates, 'AWS::ElastiCache::CacheCluster').map(({ where }) => `${where}: cannot speak TLS`),
    ...resources(templates, 'AWS::ElastiCache::ReplicationGroup')
      .filter(
        ({ properties }) =>
          properties['TransitEncryptionEnabled'] !== true || properties['AtRestEncryptionEnabled'] !== true,
      )
      .map(({ where }) => `${where}: not encrypted`),
    ...resources(templates, 'AWS::SecretsManager::Secret')
      .filter(({ properties }) => /^redis:/.test(literal(properties['SecretString'])))
      .map(({ where }) => `${where}: a connection string without TLS`),
  ],

  'a key of your own encrypts all data': (templates) =>
    resources({ foundation: templates['foundation'] ?? '' }).flatMap(({ where, type, properties }) =>
      (encrypted[type] ?? [])
        .filter((name) => !/"Key\.Arn"/.test(text(properties[name])) || !/HasCustomerKey/.test(text(properties[name])))
        .map((name) => `${where}: ${name} is not the key's`),
    ),

  'the key turns, and is open to this account and its services only': (templates) =>
    resources(templates, 'AWS::KMS::Key').flatMap((key) => [
      ...(key.properties['EnableKeyRotation'] === true ? [] : [`${key.where}: does not turn`]),
      ...statements([key])
        .filter(({ principal, condition }) => {
          const account = literal(tree(principal)['AWS']) === 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root';
          const bound = /aws:SourceAccount|kms:EncryptionContext/.test(JSON.stringify(condition));
          return !account && !(tree(principal)['Service'] !== undefined && bound);
        })
        .map(() => `${key.where}: open to others`),
    ]),

  'a deployment that fails is rolled back': (templates) =>
    resources(templates, 'AWS::ECS::Service')
      .filter(({ properties }) => {
        const breaker = tree(tree(properties['DeploymentConfiguration'])['DeploymentCircuitBreaker']);
        return breaker['Enable'] !== true || breaker['Rollback'] !== true;
      })
      .map(({ where }) => `${where}: no circuit breaker with rollback`),

  'no error page hides a refusal': (templates) =>
    resources(templates, 'AWS::CloudFront::Distribution')
      .filter(({ properties }) => /"ErrorCode":"?403/.test(JSON.stringify(properties)))
      .map(({ where }) => `${where}: an error page for 403 also replaces the firewall's`),

  'the firewall lets datasets through': (templates) =>
    resources(templates, 'AWS::WAFv2::WebACL').flatMap(({ where, properties }) => {
      const groups = list(properties['Rules'])
        .flatMap(branches)
        .map((rule) => tree(tree(tree(rule)['Statement'])['ManagedRuleGroupStatement']));
      const counted = (group: string): readonly string[] =>
        groups
          .filter(({ Name }) => Name === group)
          .flatMap(({ RuleActionOverrides }) => list(RuleActionOverrides))
          .map(tree)
          .filter((override) => tree(override['ActionToUse'])['Count'] !== undefined)
          .map((override) => text(override['Name']));
      const has = (group: string): boolean => groups.some(({ Name }) => Name === group);
      return [
        ...[
          'AWSManagedRulesCommonRuleSet',
          'AWSManagedRulesKnownBadInputsRuleSet',
          'AWSManagedRulesAmazonIpReputationList',
        ]
          .filter((group) => !has(group))
          .map((group) => `${where}: lacks ${group}`),
        ...['SizeRestrictions_BODY', 'CrossSiteScripting_BODY']
          .filter((rule) => !counted('AWSManagedRulesCommonRuleSet').includes(rule))
          .map((rule) => `${where}: ${rule} refuses datasets`),
        ...counted('AWSManagedRulesKnownBadInputsRuleSet').map((rule) => `${where}: ${rule} only counts`),
      ];
    }),

  'every resource says what it is': (templates) =>
    resources(templates)
      .filter(({ body }) => text(tree(body['Metadata'])['description']).length < 3)
      .map(({ where }) => `${where}: no description`),

  'every parameter says what it is': (templates) =>
    section(templates, 'Parameters')
      .filter(([, , body]) => text(body['Description']).length < 5)
      .map(([template, id]) => `${template}.${id}: no description`),

  'a template fits into a request': (templates) =>
    Object.entries(templates)
      .filter(([, source]) => new TextEncoder().encode(source).length > maxTemplateBytes)
      .map(([template]) => `${template}: more than ${maxTemplateBytes} bytes`),

  'no secret stands in a template, a parameter or an output': (templates) => [
    ...resources(templates, 'AWS::RDS::DBInstance')
      .filter(({ properties }) => !literal(properties['MasterUserPassword']).startsWith('{{resolve:secretsmanager:'))
      .map(({ where }) => `${where}: a password that is no reference`),
    ...resources(templates, 'AWS::SecretsManager::Secret')
      .filter(({ properties }) => {
        const value = properties['SecretString'];
        const credentials = /\/\/[^/@]*@/.exec(literal(value))?.[0] ?? '';
        return (
          value !== undefined &&
          (typeof value === 'string' || (credentials !== '' && !credentials.includes('{{resolve:')))
        );
      })
      .map(({ where }) => `${where}: a value in the template`),
    ...section(templates, 'Parameters')
      .filter(([, id, body]) => body['NoEcho'] !== undefined || /(password|token|secret|apikey)$/i.test(id))
      .map(([template, id]) => `${template}.${id}: a secret as a parameter`),
    ...section(templates, 'Outputs')
      .filter(([, , body]) => JSON.stringify(body).includes('{{resolve:'))
      .map(([template, id]) => `${template}.${id}: a secret as an output`),
  ],

  'names are the application’s, and nobody else has them': (templates) => {
    const named = resources(templates).flatMap(({ where, type, template, properties }) =>
      list(properties[nameProperties[type] ?? 'none'])
        .flatMap(branches)
        .map(literal)
        .map((name) => ({ where, template, key: `${type} ${name}`, name })),
    );
    const own = (template: string, name: string): boolean =>
      new RegExp(
        String.raw`^(alias/|/ecs/|/vpc/|/aws/rds/instance/)?\$\{${template === 'bootstrap' ? '(App|Name)' : 'Name'}\}(?![\w$])`,
      ).test(name);
    return [
      ...named.filter(({ template, name }) => !own(template, name)).map(({ where, name }) => `${where}: ${name}`),
      ...named
        .filter(({ key, where }) => named.some((other) => other.key === key && other.where !== where))
        .map(({ where, name }) => `${where}: ${name} twice`),
      ...resources(templates, 'AWS::S3::Bucket')
        .filter(({ properties }) => !literal(properties['BucketName']).endsWith('-${AWS::AccountId}'))
        .map(({ where }) => `${where}: somebody else may have this name`),
    ];
  },

  'stacks are plain: no macros, exports, nested stacks or custom resources': (templates) => [
    ...resources(templates)
      .filter(({ type }) => /^(Custom::|AWS::CloudFormation::|AWS::Lambda::)/.test(type))
      .map(({ where, type }) => `${where}: ${type}`),
    ...section(templates, 'Outputs')
      .filter(([, , body]) => body['Export'] !== undefined)
      .map(([template, id]) => `${template}.${id}: exported`),
    ...Object.entries(templates)
      .filter(([, source]) => parse(source)['Transform'] !== undefined)
      .map(([template]) => `${template}: a macro`),
  ],

  'the outputs that are promised are there': (templates) =>
    Object.entries(promisedOutputs).flatMap(([template, names]) =>
      names
        .filter((name) => tree(parse(templates[template] ?? '')['Outputs'])[name] === undefined)
        .map((name) => `${template}: no output ${name}`),
    ),

  'what a stack needs, the stacks before it tell': (templates) => {
    const before: Readonly<Record<string, readonly string[]>> = {
      app: ['foundation', 'edge', 'bootstrap'],
      monitoring: ['foundation', 'edge', 'app'],
    };
    return Object.entries(before).flatMap(([template, suppliers]) =>
      templates[template] === undefined
        ? []
        : section({ [template]: templates[template] }, 'Parameters')
            .filter(
              ([, id, body]) =>
                body['Default'] === undefined &&
                !suppliers.some((name) => tree(parse(templates[name] ?? '')['Outputs'])[id] !== undefined),
            )
            .map(([, id]) => `${template}.${id}: nobody tells it`),
    );
  },

  'a value that is not there is "none", and whoever is given it takes it': (templates) => {
    const absent = section(templates, 'Outputs').filter(([, , { Value }]) => branches(Value).includes('none'));
    return [
      ...section(templates, 'Outputs')
        .filter(([, , { Value }]) => branches(Value).some((value) => value === '') || branches(Value).length === 0)
        .map(([template, id]) => `${template}.${id}: an empty output`),
      ...Object.entries(templates).flatMap(([template, source]) =>
        [...parseTemplate(source).parameters.values()]
          .filter(({ name }) => absent.some(([other, id]) => id === name && other !== template))
          .filter((parameter) => accepts(parameter, 'none') !== undefined)
          .map(({ name }) => `${template}.${name}: refuses "none"`),
      ),
    ];
  },
};
