/**
 * What CloudFormation asks to read a resource, by its type: `handlers.read.permissions` of the schemas that AWS publishes
 * (https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schemas.html), as of August 2026. Left out are those
 * of services that no template uses, and types without a schema, which it does not compare.
 */
export const readingCalls: Readonly<Record<string, string>> = {
  'AWS::ApplicationAutoScaling::ScalableTarget':
    'application-autoscaling:DescribeScalableTargets application-autoscaling:DescribeScheduledActions',
  'AWS::ApplicationAutoScaling::ScalingPolicy': 'application-autoscaling:DescribeScalingPolicies',
  'AWS::AutoScaling::AutoScalingGroup': 'autoscaling:Describe*',
  'AWS::CertificateManager::Certificate': 'acm:DescribeCertificate acm:ListTagsForCertificate',
  'AWS::CloudFront::Distribution':
    'cloudfront:GetDistribution cloudfront:GetDistributionConfig cloudfront:ListTagsForResource',
  'AWS::CloudFront::Function': 'cloudfront:DescribeFunction cloudfront:GetFunction cloudfront:ListTagsForResource',
  'AWS::CloudFront::OriginAccessControl': 'cloudfront:GetOriginAccessControl',
  'AWS::CloudFront::ResponseHeadersPolicy': 'cloudfront:GetResponseHeadersPolicy',
  'AWS::CloudTrail::Trail':
    'cloudtrail:DescribeTrails cloudtrail:GetEventConfiguration cloudtrail:GetEventSelectors cloudtrail:GetInsightSelectors cloudtrail:GetTrail cloudtrail:GetTrailStatus cloudtrail:ListTags',
  'AWS::CloudWatch::Alarm': 'cloudwatch:DescribeAlarms cloudwatch:ListTagsForResource',
  'AWS::CloudWatch::Dashboard': 'cloudwatch:GetDashboard cloudwatch:ListTagsForResource',
  'AWS::EC2::EIP': 'ec2:DescribeAddresses',
  'AWS::EC2::FlowLog': 'ec2:DescribeFlowLogs',
  'AWS::EC2::InternetGateway': 'ec2:DescribeInternetGateways',
  'AWS::EC2::LaunchTemplate': 'ec2:DescribeLaunchTemplates',
  'AWS::EC2::NatGateway': 'ec2:DescribeNatGateways',
  'AWS::EC2::Route': 'ec2:DescribeRouteTables',
  'AWS::EC2::RouteTable': 'ec2:DescribeRouteTables',
  'AWS::EC2::SecurityGroup': 'ec2:DescribeSecurityGroups',
  'AWS::EC2::SecurityGroupIngress': 'ec2:DescribeSecurityGroupRules ec2:DescribeSecurityGroups',
  'AWS::EC2::Subnet': 'ec2:DescribeNetworkAcls ec2:DescribeSubnets',
  'AWS::EC2::SubnetRouteTableAssociation': 'ec2:DescribeRouteTables',
  'AWS::EC2::VPC':
    'ec2:DescribeNetworkAcls ec2:DescribeSecurityGroups ec2:DescribeVpcAttribute ec2:DescribeVpcEncryptionControls ec2:DescribeVpcs',
  'AWS::EC2::VPCEndpoint': 'ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcEndpoints ec2:DescribeVpcs',
  'AWS::EC2::VPCGatewayAttachment': 'ec2:DescribeInternetGateways ec2:DescribeVpnGateways',
  'AWS::ECR::Repository':
    'ecr:DescribeRepositories ecr:GetLifecyclePolicy ecr:GetRepositoryPolicy ecr:ListTagsForResource',
  'AWS::ECS::CapacityProvider': 'ecs:DescribeCapacityProviders',
  'AWS::ECS::Cluster': 'ecs:DescribeClusters kms:DescribeKey',
  'AWS::ECS::ClusterCapacityProviderAssociations': 'ecs:DescribeClusters',
  'AWS::ECS::Service': 'ecs:DescribeServices',
  'AWS::ECS::TaskDefinition': 'ecs:DescribeTaskDefinition',
  'AWS::ElastiCache::ReplicationGroup': 'elasticache:DescribeReplicationGroups elasticache:ListTagsForResource',
  'AWS::ElastiCache::SubnetGroup': 'elasticache:DescribeCacheSubnetGroups elasticache:ListTagsForResource',
  'AWS::ElasticLoadBalancingV2::Listener':
    'elasticloadbalancing:DescribeListenerAttributes elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeTags',
  'AWS::ElasticLoadBalancingV2::ListenerRule': 'elasticloadbalancing:DescribeRules elasticloadbalancing:DescribeTags',
  'AWS::ElasticLoadBalancingV2::LoadBalancer':
    'elasticloadbalancing:DescribeCapacityReservation elasticloadbalancing:DescribeLoadBalancerAttributes elasticloadbalancing:DescribeLoadBalancers elasticloadbalancing:DescribeTags',
  'AWS::ElasticLoadBalancingV2::TargetGroup':
    'elasticloadbalancing:DescribeTags elasticloadbalancing:DescribeTargetGroupAttributes elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth',
  'AWS::IAM::InstanceProfile': 'iam:GetInstanceProfile',
  'AWS::IAM::Role': 'iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies iam:ListRolePolicies',
  'AWS::KMS::Alias': 'kms:ListAliases',
  'AWS::KMS::Key': 'kms:DescribeKey kms:GetKeyPolicy kms:GetKeyRotationStatus kms:ListResourceTags',
  'AWS::Logs::LogGroup': 'logs:DescribeLogGroups logs:GetDataProtectionPolicy logs:ListTagsForResource',
  'AWS::Logs::QueryDefinition': 'logs:DescribeQueryDefinitions',
  'AWS::RDS::DBInstance':
    'ec2:DescribeAccountAttributes ec2:DescribeAvailabilityZones ec2:DescribeInternetGateways ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcAttribute ec2:DescribeVpcs rds:DescribeDBInstances',
  'AWS::RDS::DBSubnetGroup': 'rds:DescribeDBSubnetGroups rds:ListTagsForResource',
  'AWS::S3::Bucket':
    's3:GetAccelerateConfiguration s3:GetAnalyticsConfiguration s3:GetBucketCORS s3:GetBucketLogging s3:GetBucketMetadataTableConfiguration s3:GetBucketNotification s3:GetBucketObjectLockConfiguration s3:GetBucketOwnershipControls s3:GetBucketPublicAccessBlock s3:GetBucketTagging s3:GetBucketVersioning s3:GetBucketWebsite s3:GetEncryptionConfiguration s3:GetIntelligentTieringConfiguration s3:GetInventoryConfiguration s3:GetLifecycleConfiguration s3:GetMetricsConfiguration s3:GetReplicationConfiguration s3:ListBucket',
  'AWS::S3::BucketPolicy': 's3:GetBucketPolicy',
  'AWS::SNS::Subscription': 'sns:GetSubscriptionAttributes',
  'AWS::SNS::Topic':
    'sns:GetDataProtectionPolicy sns:GetTopicAttributes sns:ListSubscriptionsByTopic sns:ListTagsForResource',
  'AWS::SecretsManager::Secret': 'secretsmanager:DescribeSecret secretsmanager:GetSecretValue',
  'AWS::WAFv2::IPSet': 'wafv2:GetIPSet wafv2:ListTagsForResource',
  'AWS::WAFv2::WebACL': 'wafv2:GetWebACL wafv2:ListTagsForResource',
  'AWS::WAFv2::WebACLAssociation': 'wafv2:GetWebACL wafv2:GetWebACLForResource',
};
