import { describe, expect, test } from '@jest/globals';
import { tierParameters, type Tier } from '../../../actions/provision-env/src/stacks.ts';
import { readTemplates } from '../../../actions/provision-env/src/templates.ts';
import { evaluate, type Tree } from './evaluate.ts';

const templates = readTemplates();

/** Both stacks as a tier has them. */
function tier(name: Tier, more: Readonly<Record<string, string>> = {}): { foundation: Tree; app: Tree } {
  const given = { ...tierParameters[name], ...more };
  const redis: Readonly<Record<string, string>> = given['Redis'] === 'true' ? { RedisUrlSecretArn: '<RedisUrl>' } : {};
  return {
    foundation: evaluate(templates.foundation.text, given),
    app: evaluate(templates.app.text, { ...given, ...redis }),
  };
}

const { foundation, app } = tier('production-small');
const withDomain = tier('production-small', { Domain: 'example.com', HostedZoneId: 'Z1' }).app;
const statements = (resource: Tree): Tree[] => resource.Properties.PolicyDocument.Statement as Tree[];

describe('names', () => {
  test.each([
    [foundation, 'Repository', 'RepositoryName', 'analytics-studio'],
    [foundation, 'Database', 'DBInstanceIdentifier', 'analytics-studio-db'],
    [foundation, 'Database', 'DBName', 'analytics_studio'],
    [foundation, 'LogGroup', 'LogGroupName', '/ecs/analytics-studio'],
    [foundation, 'FrontendBucket', 'BucketName', 'analytics-studio-frontend-123456789012'],
    [foundation, 'UploadsBucket', 'BucketName', 'analytics-studio-uploads-123456789012'],
    [foundation, 'DatabaseUrl', 'Name', 'analytics-studio/database-url'],
    [foundation, 'OpenaiApiKey', 'Name', 'analytics-studio/openai-api-key'],
    [foundation, 'JwtSecret', 'Name', 'analytics-studio/jwt-secret'],
    [foundation, 'RedisUrl', 'Name', 'analytics-studio/redis-url'],
    [app, 'Cluster', 'ClusterName', 'analytics-studio-cluster'],
    [app, 'Service', 'ServiceName', 'analytics-studio-api'],
    [app, 'BaseTaskDefinition', 'Family', 'analytics-studio-backend-base'],
    [app, 'LoadBalancer', 'Name', 'analytics-studio-alb'],
  ] as [Tree, string, string, string][])('%#', (...[stack, id, property, name]) => {
    expect([id, stack[id].Properties[property]]).toEqual([id, name]);
  });
});

test('another environment has its own name in each of them', () => {
  const other = tier('production-small', { Name: 'analytics-studio-staging', Environment: 'staging' });
  const names = (stack: Tree): readonly string[] =>
    Object.entries(stack as Record<string, Tree>).flatMap(([id, { Properties }]) =>
      Object.entries(Properties as Record<string, unknown>).flatMap(([key, value]) =>
        typeof value === 'string' && value.includes('analytics-studio') ? [`${id}.${key}: ${value}`] : [],
      ),
    );
  const production = [...names(foundation), ...names(app)];
  expect(production.length).toBeGreaterThan(15);
  expect([...names(other.foundation), ...names(other.app)]).toEqual(
    production.map((line) => line.replace('analytics-studio', 'analytics-studio-staging')),
  );
});

describe('the network', () => {
  test.each([
    ['Vpc', '10.0.0.0/16', undefined],
    ['PublicSubnet1', '10.0.1.0/24', 'us-east-1a'],
    ['PublicSubnet2', '10.0.2.0/24', 'us-east-1b'],
    ['PrivateSubnet1', '10.0.10.0/24', 'us-east-1a'],
    ['PrivateSubnet2', '10.0.11.0/24', 'us-east-1b'],
  ])('%s is %s', (id, cidr, zone) => {
    expect(foundation[id].Properties).toMatchObject({ CidrBlock: cidr });
    expect(foundation[id].Properties.AvailabilityZone).toBe(zone);
  });

  test('only the public route leads to the internet gateway, private ones to NAT', () => {
    expect(foundation.PublicRoute.Properties.GatewayId).toBe('<InternetGateway>');
    expect(foundation.PrivateRoute1.Properties.NatGatewayId).toBe('<NatGateway1>');
    expect(foundation.PrivateRoute2.Properties.NatGatewayId).toBe('<NatGateway1>');
    const medium = tier('production-medium').foundation;
    expect(medium.PrivateRoute2.Properties.NatGatewayId).toBe('<NatGateway2>');
    expect(tier('development').foundation).not.toHaveProperty('PrivateRoute1');
    for (const id of ['PublicSubnet1', 'PublicSubnet2'])
      expect(foundation[`${id}Routes`].Properties).toEqual({ SubnetId: `<${id}>`, RouteTableId: '<PublicRouteTable>' });
    for (const at of ['1', '2']) {
      expect(foundation[`PrivateSubnet${at}Routes`].Properties).toEqual({
        SubnetId: `<PrivateSubnet${at}>`,
        RouteTableId: `<PrivateRouteTable${at}>`,
      });
    }
  });

  test('database and cache let in the tasks alone, tasks the load balancer alone', () => {
    for (const [id, port] of [['DatabaseSecurityGroup', 5432] as const, ['CacheSecurityGroup', 6379] as const]) {
      expect(foundation[id].Properties.SecurityGroupIngress).toEqual([
        expect.objectContaining({ FromPort: port, ToPort: port, SourceSecurityGroupId: '<TaskSecurityGroup>' }),
      ]);
    }
    expect(foundation.TaskSecurityGroup.Properties).not.toHaveProperty('SecurityGroupIngress');
    expect(app.TaskIngress.Properties).toMatchObject({
      GroupId: '<TaskSecurityGroupId>',
      FromPort: 8000,
      ToPort: 8000,
      SourceSecurityGroupId: '<LoadBalancerSecurityGroup>',
    });
  });
});

describe('the database', () => {
  test('is the guide’s, private and encrypted', () => {
    expect(foundation.Database).toMatchObject({
      DeletionPolicy: 'Snapshot',
      UpdateReplacePolicy: 'Snapshot',
      Properties: {
        DBInstanceClass: 'db.t3.small',
        Engine: 'postgres',
        EngineVersion: '15',
        StorageType: 'gp3',
        AllocatedStorage: 20,
        MaxAllocatedStorage: 100,
        StorageEncrypted: true,
        BackupRetentionPeriod: 7,
        PubliclyAccessible: false,
        MasterUsername: 'studio_admin',
        VPCSecurityGroups: ['<DatabaseSecurityGroup>'],
        DBSubnetGroupName: '<DatabaseSubnets>',
        DeletionProtection: true,
        MultiAZ: false,
      },
    });
    expect(foundation.DatabaseSubnets.Properties.SubnetIds).toEqual(['<PrivateSubnet1>', '<PrivateSubnet2>']);
  });

  test('follows the tier', () => {
    expect(tier('production-medium').foundation.Database.Properties.MultiAZ).toBe(true);
    expect(tier('development').foundation.Database.Properties).toMatchObject({
      DBInstanceClass: 'db.t3.micro',
      DeletionProtection: false,
    });
  });

  test('is reached over TLS, with the password that was generated', () => {
    expect(foundation.DatabaseUrl.Properties.SecretString).toBe(
      'postgresql+asyncpg://studio_admin:{{resolve:secretsmanager:<DatabasePassword>:SecretString:password}}@<Database.Endpoint.Address>:<Database.Endpoint.Port>/analytics_studio?ssl=require',
    );
    expect(foundation.Database.Properties.MasterUserPassword).toBe(
      '{{resolve:secretsmanager:<DatabasePassword>:SecretString:password}}',
    );
  });
});

describe('the cache', () => {
  test('is the guide’s, private and encrypted', () => {
    expect(foundation.Cache.Properties).toMatchObject({
      CacheNodeType: 'cache.t3.micro',
      TransitEncryptionEnabled: true,
      AtRestEncryptionEnabled: true,
      SecurityGroupIds: ['<CacheSecurityGroup>'],
      AutomaticFailoverEnabled: false,
    });
    expect(foundation.RedisUrl.Properties.SecretString).toBe(
      'rediss://<Cache.PrimaryEndPoint.Address>:<Cache.PrimaryEndPoint.Port>/0',
    );
  });

  test('has a replica that takes over, or is not there, by tier', () => {
    expect(tier('production-medium').foundation.Cache.Properties).toMatchObject({
      ReplicasPerNodeGroup: '1',
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
    });
    expect(tier('development').foundation).not.toHaveProperty('Cache');
  });
});

describe('buckets', () => {
  test.each(['FrontendBucket', 'UploadsBucket'])('%s is closed to the public', (id) => {
    expect(foundation[id].Properties.PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
    expect(foundation[id]).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
  });

  test('uploads move on as the guide says', () => {
    expect(foundation.UploadsBucket.Properties.LifecycleConfiguration.Rules).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ Id: 'DeleteOldUploads', Status: 'Enabled', Prefix: 'temp/', ExpirationInDays: 7 }),
        {
          Id: 'TransitionToIA',
          Status: 'Enabled',
          Prefix: 'datasets/',
          Transitions: [{ StorageClass: 'STANDARD_IA', TransitionInDays: 30 }],
        },
      ]),
    );
  });

  test('the site’s is read by this one distribution alone, and never its releases', () => {
    const policy = statements(app.FrontendBucketPolicy);
    const cloudFront = { Service: 'cloudfront.amazonaws.com' };
    const ours = {
      StringEquals: { 'AWS:SourceArn': 'arn:aws:cloudfront::123456789012:distribution/<Distribution>' },
    };
    const allowed = policy.filter(({ Effect }) => Effect === 'Allow');
    expect(allowed).toEqual([
      {
        Sid: 'AllowCloudFrontAccess',
        Effect: 'Allow',
        Principal: cloudFront,
        Action: 's3:GetObject',
        Resource: 'arn:aws:s3:::<FrontendBucket>/*',
        Condition: ours,
      },
      {
        Sid: 'AllowCloudFrontToSeeWhatIsMissing',
        Effect: 'Allow',
        Principal: cloudFront,
        Action: 's3:ListBucket',
        Resource: 'arn:aws:s3:::<FrontendBucket>',
        Condition: ours,
      },
    ]);
    expect(policy).toContainEqual({
      Sid: 'DenyCloudFrontTheReleases',
      Effect: 'Deny',
      Principal: cloudFront,
      Action: 's3:GetObject',
      Resource: 'arn:aws:s3:::<FrontendBucket>/.releases/*',
    });
  });

  test('neither speaks plain HTTP', () => {
    for (const [policy, bucket] of [
      [app.FrontendBucketPolicy, 'arn:aws:s3:::<FrontendBucket>'],
      [foundation.UploadsBucketPolicy, '<UploadsBucket.Arn>'],
    ] as [Tree, string][]) {
      expect(statements(policy)).toContainEqual({
        Sid: 'DenyPlainHttp',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [bucket, `${bucket}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
    }
  });
});

describe('the service', () => {
  test('waits until its target group hangs on the load balancer', () => {
    expect(app.Service.DependsOn).toEqual(
      expect.arrayContaining(['HttpListener', 'CloudFrontRule', 'HttpsListener', 'TaskIngress']),
    );
    expect(app.CloudFrontRule.Properties.Actions).toEqual([{ Type: 'forward', TargetGroupArn: '<TargetGroup>' }]);
    expect(withDomain.HttpsListener.Properties.DefaultActions).toEqual([
      { Type: 'forward', TargetGroupArn: '<TargetGroup>' },
    ]);
  });

  test('gives up a deployment that does not work, and never stops the last good task', () => {
    expect(app.Service.Properties).toMatchObject({
      LaunchType: 'FARGATE',
      TaskDefinition: '<BaseTaskDefinition>',
      DesiredCount: 0,
      DeploymentConfiguration: {
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
        MinimumHealthyPercent: 100,
        MaximumPercent: 200,
      },
      LoadBalancers: [{ ContainerName: 'fastapi', ContainerPort: 8000, TargetGroupArn: '<TargetGroup>' }],
    });
    const later = tier('production-small', { ServiceTaskDefinition: 'arn:7', ServiceCount: 'keep' }).app;
    expect(later.Service.Properties.TaskDefinition).toBe('arn:7');
    expect(later.Service.Properties).not.toHaveProperty('DesiredCount');
  });

  test('has the guide’s task', () => {
    const { Properties: task } = app.BaseTaskDefinition;
    expect(task).toMatchObject({
      NetworkMode: 'awsvpc',
      RequiresCompatibilities: ['FARGATE'],
      Cpu: '512',
      Memory: '1024',
      ExecutionRoleArn: '<ExecutionRole.Arn>',
      TaskRoleArn: '<TaskRole.Arn>',
    });
    expect(task.ContainerDefinitions).toHaveLength(1);
    expect(task.ContainerDefinitions[0]).toMatchObject({
      Name: 'fastapi',
      PortMappings: [{ ContainerPort: 8000, Protocol: 'tcp' }],
      Secrets: [
        { Name: 'DATABASE_URL', ValueFrom: '<DatabaseUrlSecretArn>' },
        { Name: 'SECRET_KEY', ValueFrom: '<JwtSecretArn>' },
        { Name: 'REDIS_URL', ValueFrom: '<RedisUrl>' },
      ],
      LogConfiguration: {
        LogDriver: 'awslogs',
        Options: {
          'awslogs-group': '<LogGroup>',
          'awslogs-region': 'us-east-1',
          'awslogs-stream-prefix': 'ecs',
        },
      },
    });
    const filled = tier('development', { OpenaiApiKeyHasValue: 'true' }).app.BaseTaskDefinition.Properties;
    expect((filled.ContainerDefinitions[0].Secrets as Tree[]).map(({ Name }): unknown => Name)).toEqual([
      'DATABASE_URL',
      'SECRET_KEY',
      'OPENAI_API_KEY',
    ]);
  });

  test('is healthy when it says so', () => {
    expect(app.TargetGroup.Properties).toMatchObject({
      TargetType: 'ip',
      Port: 8000,
      HealthCheckPath: '/health',
      Matcher: { HttpCode: '200' },
    });
  });
});

describe('the outside', () => {
  test('without a domain reaches the API through CloudFront and its secret alone', () => {
    expect(app.HttpListener.Properties.DefaultActions[0]).toMatchObject({
      Type: 'fixed-response',
      FixedResponseConfig: { StatusCode: '403' },
    });
    const secret = '{{resolve:secretsmanager:<OriginSecret>:SecretString}}';
    expect(app.CloudFrontRule.Properties.Conditions).toEqual([
      { Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'X-Origin-Secret', Values: [secret] } },
    ]);
    const { Origins, CacheBehaviors } = app.Distribution.Properties.DistributionConfig;
    expect(Origins[1].OriginCustomHeaders).toEqual([{ HeaderName: 'X-Origin-Secret', HeaderValue: secret }]);
    expect(CacheBehaviors).toEqual([
      expect.objectContaining({
        PathPattern: '/api/*',
        TargetOriginId: 'api',
        ViewerProtocolPolicy: 'https-only',
        CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
      }),
    ]);
  });

  test('with a domain speaks HTTPS to both', () => {
    expect(withDomain.HttpListener.Properties.DefaultActions).toEqual([
      { Type: 'redirect', RedirectConfig: { Protocol: 'HTTPS', Port: '443', StatusCode: 'HTTP_301' } },
    ]);
    const { Aliases, ViewerCertificate, Origins } = withDomain.Distribution.Properties.DistributionConfig;
    expect(Aliases).toEqual(['analytics.example.com']);
    expect(ViewerCertificate.MinimumProtocolVersion).toBe('TLSv1.2_2021');
    expect(Origins).toHaveLength(1);
    expect((withDomain.SiteRecords.Properties.RecordSets as Tree[]).map(({ Name, Type }) => `${Name} ${Type}`)).toEqual(
      ['analytics.example.com A', 'analytics.example.com AAAA', 'api.example.com A'],
    );
    expect(withDomain).not.toHaveProperty('CloudFrontRule');
  });

  test('reaches the site through its own access control', () => {
    const { Origins, DefaultCacheBehavior } = app.Distribution.Properties.DistributionConfig;
    expect(Origins[0]).toMatchObject({
      DomainName: '<FrontendBucket>.s3.us-east-1.amazonaws.com',
      OriginAccessControlId: '<OriginAccessControl.Id>',
    });
    expect(DefaultCacheBehavior).toMatchObject({
      TargetOriginId: 'site',
      ViewerProtocolPolicy: 'redirect-to-https',
      FunctionAssociations: [{ EventType: 'viewer-request', FunctionARN: '<SpaRouting.FunctionARN>' }],
    });
  });
});
