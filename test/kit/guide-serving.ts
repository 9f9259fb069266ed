import {
  DescribeFunctionCommand,
  GetDistributionConfigCommand,
  GetOriginAccessControlCommand,
  GetResponseHeadersPolicyCommand,
  paginateListDistributions,
  type DistributionConfig,
} from '@aws-sdk/client-cloudfront';
import { DescribeRepositoriesCommand, GetLifecyclePolicyCommand, type Repository } from '@aws-sdk/client-ecr';
import {
  DescribeCapacityProvidersCommand,
  DescribeClustersCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  type ContainerDefinition,
  type Service,
  type TaskDefinition,
} from '@aws-sdk/client-ecs';
import {
  DescribeListenersCommand,
  DescribeRulesCommand,
  DescribeTargetGroupsCommand,
  type Listener,
  type TargetGroup,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { GetBucketWebsiteCommand, HeadBucketCommand } from '@aws-sdk/client-s3';
import type { Environment, GuideItem } from './guide.ts';
import type { GuideAws } from './guide-aws.ts';
import { bucketOf, policyOf } from './guide-data.ts';
import { balancerOf, one, sorted } from './guide-network.ts';

const hosting = 'AWS Services Breakdown: Frontend Hosting';
const backend = 'AWS Services Breakdown: Backend (API)';
const definition = 'ECS Task Definition (example)';
const variables = 'Environment Variables for AWS';
const phase2 = 'Phase 2: Backend Deployment';
const phase3 = 'Phase 3: Frontend Deployment';

const withDomain = ({ domain }: Environment): boolean => domain !== undefined;
const withoutDomain = ({ domain }: Environment): boolean => domain === undefined;
const onFargate = ({ compute }: Environment): boolean => compute === 'fargate';
const onEc2 = ({ compute }: Environment): boolean => compute === 'ec2';

// ---- CloudFront, DNS, certificates ----

interface Distribution {
  readonly id: string;
  readonly domain: string;
  readonly config: DistributionConfig;
}

/** The one whose origin is the site's bucket. */
export async function distributionOf(environment: Environment): Promise<Distribution> {
  const { aws } = environment;
  const found: { id: string; domain: string }[] = [];
  for await (const page of paginateListDistributions({ client: aws.cloudFront }, {})) {
    for (const item of page.DistributionList?.Items ?? []) {
      const origins = item.Origins?.Items ?? [];
      if (origins.some(({ DomainName }) => DomainName?.startsWith(`${bucketOf(environment, 'frontend')}.`)))
        found.push({ id: item.Id ?? '', domain: item.DomainName ?? '' });
    }
  }
  const { id, domain } = one(found, 'distributions of the bucket');
  const answer = await aws.cloudFront.send(new GetDistributionConfigCommand({ Id: id }));
  return { id, domain, config: answer.DistributionConfig! };
}

const siteName = ({ domain = '' }: Environment): string => `analytics.${domain}`;
const apiName = ({ domain = '' }: Environment): string => `api.${domain}`;

interface Certificate {
  readonly Status: string;
  readonly DomainName: string;
  readonly Type: string;
}

async function certificate(aws: GuideAws, arn: string): Promise<Certificate> {
  return (await aws.acm('DescribeCertificate', { CertificateArn: arn }))['Certificate'] as Certificate;
}

/** Of what name, and in which region. */
async function certified(aws: GuideAws, arn: string): Promise<string> {
  return `${(await certificate(aws, arn)).DomainName}, ${arn.split(':')[3]}`;
}

async function balancerCertificate(environment: Environment): Promise<string> {
  const listener = (await listenersOf(environment)).find(({ Port }) => Port === 443);
  return listener?.Certificates?.[0]?.CertificateArn ?? '';
}

/** `A analytics.example.com -> d1.cloudfront.net` for every record with an alias. */
async function aliases({ aws, zone = '' }: Environment): Promise<readonly string[]> {
  const answer = await aws.route53('GET', `hostedzone/${zone}/rrset`);
  return answer
    .list('ResourceRecordSets')
    .filter((record) => record.text('AliasTarget', 'DNSName') !== '')
    .map((record) => {
      const [name, target] = [record.text('Name'), record.text('AliasTarget', 'DNSName')].map((text) =>
        text.replace(/\.$/, '').toLowerCase(),
      );
      return `${record.text('Type')} ${name} -> ${target}`;
    });
}

// ---- ECS, ALB ----

export async function serviceOf({ aws, name }: Environment): Promise<Service> {
  const answer = await aws.ecs.send(
    new DescribeServicesCommand({ cluster: `${name}-cluster`, services: [`${name}-api`] }),
  );
  return one(answer.services ?? [], `${name}-api`);
}

export async function taskOf({ aws, name }: Environment): Promise<TaskDefinition> {
  const answer = await aws.ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: `${name}-backend-base` }));
  return answer.taskDefinition!;
}

async function containerOf(environment: Environment): Promise<ContainerDefinition> {
  return one((await taskOf(environment)).containerDefinitions ?? [], 'containers');
}

async function listenersOf(environment: Environment): Promise<readonly Listener[]> {
  const { LoadBalancerArn } = await balancerOf(environment);
  return (await environment.aws.elb.send(new DescribeListenersCommand({ LoadBalancerArn }))).Listeners ?? [];
}

async function targetGroupOf(environment: Environment): Promise<TargetGroup> {
  const { LoadBalancerArn } = await balancerOf(environment);
  const answer = await environment.aws.elb.send(new DescribeTargetGroupsCommand({ LoadBalancerArn }));
  return one(answer.TargetGroups ?? [], 'target groups');
}

async function repositoryOf({ aws, name }: Environment): Promise<Repository> {
  const answer = await aws.ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [name] }));
  return one(answer.repositories ?? [], name);
}

/** A plain variable of the guide's list. */
const variable = (name: string, expected: GuideItem['expected'], differs?: string): GuideItem => ({
  item: name,
  guide: variables,
  expected,
  found: async (environment) => {
    const found = (await containerOf(environment)).environment?.find((entry) => entry.name === name);
    return found?.value ?? 'not set';
  },
  ...(differs === undefined ? {} : { differs }),
});

/** One that comes from Secrets Manager; the task definition must name the secret, and not hold its value. */
const secret = (name: string, which: string, where?: GuideItem['where']): GuideItem => ({
  item: `${name}, from Secrets Manager`,
  guide: `${variables}; ${definition}`,
  expected: (environment) => `the secret ${environment.name}/${which}`,
  found: async (environment) => {
    const { secrets = [], environment: plain = [] } = await containerOf(environment);
    if (plain.some((entry) => entry.name === name)) return 'in plain text';
    const arn = secrets.find((entry) => entry.name === name)?.valueFrom ?? 'not set';
    const text = /:secret:(.+)-[A-Za-z0-9]{6}$/.exec(arn)?.[1];
    return text === undefined ? arn : `the secret ${text}`;
  },
  ...(where === undefined ? {} : { where }),
});

export const servingItems: readonly GuideItem[] = [
  // ---- The site ----
  {
    item: 'Bucket of the site',
    guide: hosting,
    expected: 'there',
    found: async (environment) => {
      await environment.aws.s3.send(new HeadBucketCommand({ Bucket: bucketOf(environment, 'frontend') }));
      return 'there';
    },
    differs: 'bucket names are the whole world’s: the guide’s, and the account’s number behind it',
  },
  {
    item: 'Static website hosting',
    guide: hosting,
    expected: 'none: CloudFront reads the bucket itself',
    found: async (environment) => {
      try {
        await environment.aws.s3.send(new GetBucketWebsiteCommand({ Bucket: bucketOf(environment, 'frontend') }));
        return 'a public website';
      } catch (error) {
        if ((error as Error).name === 'NoSuchWebsiteConfiguration') return 'none: CloudFront reads the bucket itself';
        throw error;
      }
    },
    differs: 'a website endpoint is public and speaks plain HTTP only',
  },
  {
    item: 'Bucket policy AllowCloudFrontAccess: what CloudFront may do',
    guide: `${hosting}: S3 Bucket Policy`,
    expected: 's3:GetObject every object, s3:ListBucket the bucket; for this distribution alone',
    found: async (environment) => {
      const { id } = await distributionOf(environment);
      const bucket = `arn:aws:s3:::${bucketOf(environment, 'frontend')}`;
      const statements = (await policyOf(environment, 'frontend')).filter(
        ({ Effect, Principal }) => Effect === 'Allow' && JSON.stringify(Principal).includes('cloudfront'),
      );
      const may = statements.flatMap(({ Action, Resource }) =>
        [Action]
          .flat()
          .flatMap((action) =>
            [Resource]
              .flat()
              .map((resource) => `${action} ${resource === bucket ? 'the bucket' : resource.replace(bucket, '')}`),
          ),
      );
      // One statement may name both: objects are not listed, and a bucket is not got.
      const meant = new Set(may.filter((text) => !['s3:GetObject the bucket', 's3:ListBucket /*'].includes(text)));
      const own = `arn:aws:cloudfront::${environment.aws.account}:distribution/${id}`;
      const alone = statements.every(({ Condition }) => Condition?.['StringEquals']?.['AWS:SourceArn'] === own);
      return `${sorted([...meant]).replace('/*', 'every object')}; for ${alone ? 'this distribution alone' : 'any distribution'}`;
    },
    differs:
      'without a condition, as in the guide, any distribution of any account could read the bucket; who may list it is told that a file is missing, not that it is forbidden',
  },
  {
    item: 'The releases’ records are not served',
    guide: `${hosting}: S3 Bucket Policy`,
    expected: 'Deny cloudfront.amazonaws.com s3:GetObject .releases/*',
    found: async (environment) => {
      const denied = (await policyOf(environment, 'frontend')).filter(
        ({ Effect, Resource }) => Effect === 'Deny' && String(Resource).endsWith('/.releases/*'),
      );
      const { Effect, Principal, Action, Resource } = one(denied, 'statements on .releases');
      const service = typeof Principal === 'object' ? String(Principal['Service']) : String(Principal);
      return `${Effect} ${service} ${String(Action)} ${String(Resource).split('/').slice(1).join('/')}`;
    },
    differs: 'the suite keeps its releases in the bucket; the guide has none',
  },
  {
    item: 'CloudFront distribution with the bucket as origin',
    guide: phase3,
    expected: 'enabled; s3, signs always with sigv4',
    found: async (environment) => {
      const { config } = await distributionOf(environment);
      const origin = config.Origins?.Items?.find(({ Id }) => Id === config.DefaultCacheBehavior?.TargetOriginId);
      const answer = await environment.aws.cloudFront.send(
        new GetOriginAccessControlCommand({ Id: origin?.OriginAccessControlId ?? '' }),
      );
      const control = answer.OriginAccessControl?.OriginAccessControlConfig;
      const how = `${control?.OriginAccessControlOriginType}, signs ${control?.SigningBehavior} with ${control?.SigningProtocol}`;
      return `${config.Enabled === true ? 'enabled' : 'disabled'}; ${how}`;
    },
  },
  {
    item: 'HTTPS for the site',
    guide: `${hosting}; Data Protection`,
    expected: 'redirect-to-https',
    found: async (environment) =>
      (await distributionOf(environment)).config.DefaultCacheBehavior?.ViewerProtocolPolicy ?? 'none',
  },
  {
    item: 'Certificate of the site (ACM, us-east-1)',
    guide: `${phase3}; Security & Secrets: ACM`,
    expected: (environment) => `${siteName(environment)}, us-east-1; TLSv1.2_2021, sni-only`,
    found: async (environment) => {
      const viewer = (await distributionOf(environment)).config.ViewerCertificate;
      const name = await certified(environment.edge, viewer?.ACMCertificateArn ?? '');
      return `${name}; ${viewer?.MinimumProtocolVersion}, ${viewer?.SSLSupportMethod}`;
    },
    where: withDomain,
  },
  {
    item: 'Certificate of the site (ACM, us-east-1)',
    guide: `${phase3}; Security & Secrets: ACM`,
    expected: 'CloudFront’s own',
    found: async (environment) => {
      const viewer = (await distributionOf(environment)).config.ViewerCertificate;
      return viewer?.CloudFrontDefaultCertificate === true ? 'CloudFront’s own' : 'another';
    },
    where: withoutDomain,
    differs: 'there is no domain to make one for',
  },
  {
    item: 'Certificates are issued, by records in the zone',
    guide: 'Security & Secrets: ACM',
    expected: 'ISSUED and ISSUED; CNAME for both names',
    found: async (environment) => {
      const viewer = (await distributionOf(environment)).config.ViewerCertificate;
      const site = await certificate(environment.edge, viewer?.ACMCertificateArn ?? '');
      const api = await certificate(environment.aws, await balancerCertificate(environment));
      const answer = await environment.aws.route53('GET', `hostedzone/${environment.zone ?? ''}/rrset`);
      const names = answer
        .list('ResourceRecordSets')
        .filter((record) => record.text('Type') === 'CNAME')
        .map((record) => record.text('Name'));
      const both = [siteName(environment), apiName(environment)].every((name) =>
        names.some((text) => text.endsWith(`.${name}.`)),
      );
      return `${site.Status} and ${api.Status}; ${both ? 'CNAME for both names' : sorted(names)}`;
    },
    where: withDomain,
    unprovable: 'the emulator issues every certificate at once; only AWS looks whether the public DNS has the record',
  },
  {
    item: 'Custom domain of the site',
    guide: `${hosting}: URLs; ${phase3}`,
    expected: siteName,
    found: async (environment) => sorted((await distributionOf(environment)).config.Aliases?.Items ?? []),
    where: withDomain,
  },
  {
    item: 'Custom domain of the site',
    guide: `${hosting}: URLs; ${phase3}`,
    expected: 'none',
    found: async (environment) => sorted((await distributionOf(environment)).config.Aliases?.Items ?? []),
    where: withoutDomain,
    differs: 'no domain was given: CloudFront’s own name serves site and API',
  },
  {
    item: 'Cache behaviours: the site',
    guide: phase3,
    expected: 'Managed-CachingOptimized, compressed, GET HEAD OPTIONS',
    found: async (environment) => {
      const behaviour = (await distributionOf(environment)).config.DefaultCacheBehavior;
      const optimized = behaviour?.CachePolicyId === '658327ea-f89d-4fab-a63d-7e88639e58f6';
      const methods = [...(behaviour?.AllowedMethods?.Items ?? [])].sort().join(' ');
      return `${optimized ? 'Managed-CachingOptimized' : 'another'}, ${behaviour?.Compress === true ? 'compressed' : 'plain'}, ${methods}`;
    },
  },
  {
    item: 'Cache behaviours: the API below /api/*',
    guide: phase3,
    expected: '/api/*: Managed-CachingDisabled, https-only',
    found: async (environment) => {
      const behaviours = (await distributionOf(environment)).config.CacheBehaviors?.Items ?? [];
      return sorted(
        behaviours.map(({ PathPattern, CachePolicyId, ViewerProtocolPolicy }) => {
          const disabled = CachePolicyId === '4135ea2d-6df8-44a3-9df3-4b5a84be39ad';
          return `${PathPattern}: ${disabled ? 'Managed-CachingDisabled' : 'cached'}, ${ViewerProtocolPolicy}`;
        }),
      );
    },
    where: withoutDomain,
    differs: 'a browser refuses an HTTP API on an HTTPS page: without a domain CloudFront serves the API as well',
  },
  {
    item: 'Routes of the single-page app',
    guide: 'Application Overview: SPA Dashboard UI',
    expected: 'index.html; a function on viewer-request, LIVE; no error pages',
    found: async (environment) => {
      const { config } = await distributionOf(environment);
      const [association] = config.DefaultCacheBehavior?.FunctionAssociations?.Items ?? [];
      const name = association?.FunctionARN?.split('/').at(-1) ?? '';
      const answer = await environment.aws.cloudFront.send(new DescribeFunctionCommand({ Name: name, Stage: 'LIVE' }));
      const stage = answer.FunctionSummary?.FunctionMetadata?.Stage;
      const pages = config.CustomErrorResponses?.Quantity ?? 0;
      const none = pages === 0 ? 'no error pages' : `${pages} error pages`;
      return `${config.DefaultRootObject}; a function on ${association?.EventType}, ${stage}; ${none}`;
    },
  },
  {
    item: 'Security headers of the site',
    guide: 'Data Protection: HTTPS only',
    expected: 'HSTS 31536000, nosniff, DENY',
    found: async (environment) => {
      const id = (await distributionOf(environment)).config.DefaultCacheBehavior?.ResponseHeadersPolicyId ?? '';
      const answer = await environment.aws.cloudFront.send(new GetResponseHeadersPolicyCommand({ Id: id }));
      const headers = answer.ResponseHeadersPolicy?.ResponseHeadersPolicyConfig?.SecurityHeadersConfig;
      const seconds = headers?.StrictTransportSecurity?.AccessControlMaxAgeSec;
      const sniff = headers?.ContentTypeOptions === undefined ? 'sniffed' : 'nosniff';
      return `HSTS ${seconds}, ${sniff}, ${headers?.FrameOptions?.FrameOption}`;
    },
  },
  {
    item: 'Address of the site',
    guide: `${hosting}: URLs`,
    expected: (environment) => `https://${siteName(environment)}`,
    found: async ({ outputs }) => outputs['site-url'] ?? 'none',
    where: withDomain,
  },
  {
    item: 'Address of the API',
    guide: `${backend}: URLs`,
    expected: (environment) => `https://${apiName(environment)}`,
    found: async ({ outputs }) => outputs['api-url'] ?? 'none',
    where: withDomain,
  },
  {
    item: 'Address of the site and of the API',
    guide: `${hosting}, ${backend}: URLs`,
    expected: 'https://<the distribution>, https://<the distribution>',
    found: async (environment) => {
      const { domain } = await distributionOf(environment);
      const { outputs } = environment;
      return `${outputs['site-url']}, ${outputs['api-url']}`.replaceAll(domain, '<the distribution>');
    },
    where: withoutDomain,
    differs: 'no domain was given',
  },

  // ---- Route 53 ----
  {
    item: 'Hosted zone',
    guide: `${phase3}: Create hosted zone`,
    expected: 'the one that was given, no other',
    found: async ({ aws, zone }) => {
      const zones = (await aws.route53('GET', 'hostedzone')).list('HostedZones').map((item) => item.text('Id'));
      return zones.length === 1 && zones[0] === `/hostedzone/${zone}`
        ? 'the one that was given, no other'
        : sorted(zones);
    },
    where: withDomain,
    differs: 'a new zone has new name servers, which only the domain’s owner can enter at the registrar',
  },
  {
    item: 'A record (alias) of the site -> CloudFront',
    guide: phase3,
    expected: (environment) => `A ${siteName(environment)} -> the distribution`,
    found: async (environment) => {
      const { domain } = await distributionOf(environment);
      const found = (await aliases(environment)).filter((text) => text.startsWith(`A ${siteName(environment)} `));
      return sorted(found).replaceAll(domain.toLowerCase(), 'the distribution');
    },
    where: withDomain,
  },
  {
    item: 'A record of the API -> ALB',
    guide: phase3,
    expected: (environment) => `A ${apiName(environment)} -> the load balancer`,
    found: async (environment) => {
      const { DNSName = '' } = await balancerOf(environment);
      const found = (await aliases(environment)).filter((text) => text.startsWith(`A ${apiName(environment)} `));
      return sorted(found).replaceAll(DNSName.toLowerCase(), 'the load balancer');
    },
    where: withDomain,
  },

  // ---- Load balancer ----
  {
    item: 'Application Load Balancer',
    guide: `${backend}; ${phase2}`,
    expected: 'application, internet-facing, 2 zones',
    found: async (environment) => {
      const { Type, Scheme, AvailabilityZones = [] } = await balancerOf(environment);
      return `${Type}, ${Scheme}, ${new Set(AvailabilityZones.map(({ ZoneName }) => ZoneName)).size} zones`;
    },
  },
  {
    item: 'HTTPS listener, port 443',
    guide: phase2,
    expected: 'HTTPS forwards to the target group, ELBSecurityPolicy-TLS13-1-2-2021-06',
    found: async (environment) => {
      const listener = one(
        (await listenersOf(environment)).filter(({ Port }) => Port === 443),
        'listeners on 443',
      );
      const [action] = listener.DefaultActions ?? [];
      const group = (await targetGroupOf(environment)).TargetGroupArn;
      const target = action?.TargetGroupArn ?? action?.ForwardConfig?.TargetGroups?.[0]?.TargetGroupArn;
      const where =
        action?.Type === 'forward' && target === group ? 'forwards to the target group' : 'does not forward';
      return `${listener.Protocol} ${where}, ${listener.SslPolicy}`;
    },
    where: withDomain,
  },
  {
    item: 'ACM certificate on the load balancer, in its region',
    guide: `${phase2}: Attach ACM certificate`,
    expected: (environment) => `${apiName(environment)}, ${environment.aws.region}`,
    found: async (environment) => certified(environment.aws, await balancerCertificate(environment)),
    where: withDomain,
  },
  {
    item: 'Plain HTTP at the load balancer',
    guide: 'Data Protection: HTTPS only',
    expected: 'redirect HTTPS 443 HTTP_301',
    found: async (environment) => {
      const listener = (await listenersOf(environment)).find(({ Port }) => Port === 80);
      const [action] = listener?.DefaultActions ?? [];
      const to = action?.RedirectConfig;
      return [action?.Type, to?.Protocol, to?.Port, to?.StatusCode].join(' ');
    },
    where: withDomain,
  },
  {
    item: 'HTTPS listener, port 443',
    guide: phase2,
    expected: '80 only: 403, unless the secret header of CloudFront is there',
    found: async (environment) => {
      const [listener, ...others] = await listenersOf(environment);
      const [action] = listener?.DefaultActions ?? [];
      const answer = await environment.aws.elb.send(new DescribeRulesCommand({ ListenerArn: listener?.ListenerArn }));
      const rules = (answer.Rules ?? []).filter(({ IsDefault }) => IsDefault !== true);
      const conditions = rules.flatMap(({ Conditions = [] }) =>
        Conditions.map(({ HttpHeaderConfig }) => HttpHeaderConfig),
      );
      const secretive = conditions.every(
        (header) => header?.HttpHeaderName === 'X-Origin-Secret' && (header.Values?.[0] ?? '').length >= 32,
      );
      const closed = action?.FixedResponseConfig?.StatusCode;
      const only = others.length === 0 ? 'only' : 'and others';
      return `${listener?.Port} ${only}: ${closed}, ${rules.length === 1 && secretive ? 'unless the secret header of CloudFront is there' : 'other rules'}`;
    },
    where: withoutDomain,
    differs: 'no domain, no certificate: CloudFront’s requests alone are let in',
  },
  {
    item: 'Target group of the ECS service',
    guide: phase2,
    expected: ({ compute }) => `HTTP ${compute === 'ec2' ? 'instance' : 'ip'}, health at /health, the service’s`,
    found: async (environment) => {
      const group = await targetGroupOf(environment);
      const mine = (await serviceOf(environment)).loadBalancers?.some(
        ({ targetGroupArn, containerName, containerPort }) =>
          targetGroupArn === group.TargetGroupArn && containerName === 'fastapi' && containerPort === 8000,
      );
      return `${group.Protocol} ${group.TargetType}, health at ${group.HealthCheckPath}, ${mine === true ? 'the service’s' : 'nobody’s'}`;
    },
  },

  // ---- ECS ----
  {
    item: 'ECS cluster',
    guide: phase2,
    expected: ({ name }) => `${name}-cluster ACTIVE`,
    found: async ({ aws, name }) => {
      const answer = await aws.ecs.send(new DescribeClustersCommand({ clusters: [`${name}-cluster`] }));
      return sorted((answer.clusters ?? []).map(({ clusterName, status }) => `${clusterName} ${status}`));
    },
  },
  {
    item: 'ECS service',
    guide: phase2,
    expected: ({ name }) => `${name}-api ACTIVE, ${name}-cluster`,
    found: async (environment) => {
      const { serviceName, status, clusterArn } = await serviceOf(environment);
      return `${serviceName} ${status}, ${clusterArn?.split('/').at(-1)}`;
    },
  },
  {
    item: 'Launch type',
    guide: `${phase2}; ${definition}`,
    expected: 'FARGATE',
    found: async (environment) => (await serviceOf(environment)).launchType ?? 'none',
    where: onFargate,
  },
  {
    item: 'Tasks (2 × 0.5 vCPU, 1 GB): how many',
    guide: `${backend}; ${phase2}`,
    expected: ({ tier }) => `0 before the first deployment, which starts ${tier === 'development' ? 1 : 2}`,
    found: async (environment) => {
      const { desiredCount } = await serviceOf(environment);
      return `${desiredCount} before the first deployment, which starts ${environment.outputs['initial-count']}`;
    },
    differs: 'there is no image yet: the first deployment starts them (development: one, for its price)',
  },
  {
    item: 'A bad deployment is rolled back',
    guide: phase2,
    expected: ({ compute }) => `circuit breaker true, rollback true, at least ${compute === 'ec2' ? 0 : 100} % healthy`,
    found: async (environment) => {
      const deployment = (await serviceOf(environment)).deploymentConfiguration;
      const breaker = deployment?.deploymentCircuitBreaker;
      return `circuit breaker ${breaker?.enable}, rollback ${breaker?.rollback}, at least ${deployment?.minimumHealthyPercent} % healthy`;
    },
  },
  {
    item: 'Task definition: family',
    guide: definition,
    expected: ({ name }) => `${name}-backend-base`,
    found: async (environment) => (await taskOf(environment)).family ?? 'none',
    differs:
      'a base, from which each deployment registers the guide’s family: changes here reach tasks with the next one',
  },
  {
    item: 'Task definition: cpu and memory',
    guide: definition,
    expected: '512, 1024',
    found: async (environment) => {
      const { cpu, memory } = await taskOf(environment);
      return `${cpu}, ${memory}`;
    },
    where: onFargate,
  },
  {
    item: 'Task definition: network and compatibility',
    guide: definition,
    expected: 'awsvpc, FARGATE',
    found: async (environment) => {
      const { networkMode, requiresCompatibilities = [] } = await taskOf(environment);
      return `${networkMode}, ${requiresCompatibilities.join(' ')}`;
    },
    where: onFargate,
  },
  {
    item: 'Task definition on EC2: network and memory',
    guide: `${backend}: Alternative`,
    expected: 'bridge, at most 512 MiB, any host port',
    found: async (environment) => {
      const { networkMode, memory } = await taskOf(environment);
      const container = await containerOf(environment);
      const most = Number(memory || container.memory || container.memoryReservation);
      const [port] = container.portMappings ?? [];
      return `${networkMode}, ${most <= 512 ? 'at most 512' : most} MiB, ${(port?.hostPort ?? 0) === 0 ? 'any host port' : 'a fixed host port'}`;
    },
    where: onEc2,
    differs: 'a t3.micro cannot place the guide’s task of 1,024 MiB with an interface of its own',
  },
  {
    item: 'Container and port',
    guide: definition,
    expected: 'fastapi, 8000/tcp',
    found: async (environment) => {
      const { name, portMappings = [] } = await containerOf(environment);
      return `${name}, ${sorted(portMappings.map((port) => `${port.containerPort}/${port.protocol}`))}`;
    },
  },
  {
    item: 'Image',
    guide: definition,
    expected: 'of the repository, not "latest"',
    found: async (environment) => {
      const { image = '' } = await containerOf(environment);
      const { repositoryUri = '' } = await repositoryOf(environment);
      const mine = image.startsWith(`${repositoryUri}:`) ? 'of the repository' : 'another';
      return `${mine}, ${image.endsWith(':latest') ? '"latest"' : 'not "latest"'}`;
    },
    differs: 'what "latest" is changes under a running service: each deployment sets its image by digest',
  },
  {
    item: 'Logs of the container',
    guide: definition,
    expected: ({ name, aws }) => `awslogs, /ecs/${name}, ${aws.region}, ecs`,
    found: async (environment) => {
      const { logConfiguration } = await containerOf(environment);
      const options = logConfiguration?.options ?? {};
      const keys = ['awslogs-group', 'awslogs-region', 'awslogs-stream-prefix'];
      return [logConfiguration?.logDriver, ...keys.map((key) => options[key])].join(', ');
    },
  },
  {
    item: 'EC2 alternative: capacity of the cluster',
    guide: `${backend}: Alternative; Cost Estimation: Development`,
    expected: 't3.micro, ECS capacity provider ACTIVE, the service’s',
    found: async (environment) => {
      const { aws, name } = environment;
      const { capacityProviderStrategy = [] } = await serviceOf(environment);
      const clusters = await aws.ecs.send(new DescribeClustersCommand({ clusters: [`${name}-cluster`] }));
      const attached = clusters.clusters?.[0]?.capacityProviders ?? [];
      const names = capacityProviderStrategy.map(({ capacityProvider = '' }) => capacityProvider);
      const providers = await aws.ecs.send(
        new DescribeCapacityProvidersCommand({ capacityProviders: names.length > 0 ? names : attached }),
      );
      const provider = one(providers.capacityProviders ?? [], 'capacity providers');
      const arn = provider.autoScalingGroupProvider?.autoScalingGroupArn ?? '';
      const groups = (await aws.autoScaling('DescribeAutoScalingGroups')).list('AutoScalingGroups');
      const group = one(
        groups.filter((item) => item.text('AutoScalingGroupARN') === arn || item.text('AutoScalingGroupName') === arn),
        arn,
      );
      const versions = await aws.ec2('DescribeLaunchTemplateVersions', {
        LaunchTemplateId: group.text('LaunchTemplateId'),
        'LaunchTemplateVersion.1': '$Latest',
      });
      const type = versions.text('instanceType');
      return `${type}, ECS capacity provider ${provider.status}, ${attached.includes(provider.name ?? '') ? 'the service’s' : 'nobody’s'}`;
    },
    where: onEc2,
  },

  // ---- The guide's environment variables, each of them ----
  variable('ENVIRONMENT', ({ environment }) => environment),
  variable('DEBUG', 'false'),
  variable('APP_NAME', 'Analytics Studio'),
  variable('APP_VERSION', '0.1.0'),
  secret('DATABASE_URL', 'database-url'),
  variable('DB_POOL_SIZE', '10'),
  variable('DB_MAX_OVERFLOW', '20'),
  secret('REDIS_URL', 'redis-url', ({ tier }) => tier !== 'development'),
  variable('CACHE_TTL', '3600'),
  secret('OPENAI_API_KEY', 'openai-api-key'),
  variable('OPENAI_MODEL', 'gpt-4o-mini'),
  secret('SECRET_KEY', 'jwt-secret'),
  variable('ACCESS_TOKEN_EXPIRE_MINUTES', '30'),
  variable(
    'AWS_S3_BUCKET',
    (environment) => bucketOf(environment, 'uploads'),
    'the guide’s name, and the account’s number behind it',
  ),
  variable('AWS_REGION', ({ aws }) => aws.region),
  variable('MAX_QUERY_ROWS', '100000'),
  variable('QUERY_TIMEOUT_SECONDS', '300'),
  variable('LOG_LEVEL', 'INFO'),
  variable('LOG_FORMAT', 'json'),
  {
    ...variable('CORS_ORIGINS', (environment) => `["https://${siteName(environment)}"]`),
    where: withDomain,
  },
  {
    ...variable('CORS_ORIGINS', ({ outputs }) => `["${outputs['site-url']}"]`, 'no domain was given'),
    where: withoutDomain,
  },

  // ---- ECR ----
  {
    item: 'ECR repository',
    guide: 'Phase 1: Infrastructure Setup; CI/CD Pipeline',
    expected: ({ name }) => name,
    found: async (environment) => (await repositoryOf(environment)).repositoryName ?? 'none',
  },
  {
    item: 'ECR: scan on push, tags that never change their meaning',
    guide: 'Data Protection; Monitoring & Auditing',
    expected: 'true, IMMUTABLE_WITH_EXCLUSION',
    found: async (environment) => {
      const { imageScanningConfiguration, imageTagMutability } = await repositoryOf(environment);
      return `${imageScanningConfiguration?.scanOnPush}, ${imageTagMutability}`;
    },
  },
  {
    item: 'ECR: old images go',
    guide: `${backend}: ECR ~$1/month`,
    expected: 'untagged after 7 days, the newest 30 stay',
    found: async ({ aws, name }) => {
      const answer = await aws.ecr.send(new GetLifecyclePolicyCommand({ repositoryName: name }));
      const { rules } = JSON.parse(answer.lifecyclePolicyText ?? '{"rules":[]}') as {
        readonly rules: readonly { readonly selection: Readonly<Record<string, unknown>> }[];
      };
      const [old, many] = rules.map(({ selection }) => selection);
      return `${String(old?.['tagStatus'])} after ${String(old?.['countNumber'])} days, the newest ${String(many?.['countNumber'])} stay`;
    },
  },
];
