import { join } from 'node:path';

interface BadInputs {
  readonly name: string;
  readonly inputs: Readonly<Record<string, string>>;
  /** All of these are said. */
  readonly expect: readonly string[];
}

const config = (file: string): string => join(import.meta.dirname, 'provision-env', file);

export const cases: readonly BadInputs[] = [
  { name: 'an unknown mode', inputs: { mode: 'aply' }, expect: ['mode is "aply"', '"plan", "apply"'] },
  {
    name: 'an application name in capitals',
    inputs: { app: 'Analytics' },
    expect: ['app is "Analytics"', 'lower-case'],
  },
  { name: 'a name that begins a command', inputs: { app: '::add-mask::x' }, expect: ['app is', 'lower-case'] },
  {
    name: 'names too long for a load balancer',
    inputs: { app: 'analytics-studio-of-ours', environment: 'staging' },
    expect: ['app is "analytics-studio-of-ours-staging"', 'at most 28 characters'],
  },
  { name: 'an environment with a slash', inputs: { environment: 'a/b' }, expect: ['environment is "a/b"'] },
  { name: 'an unknown tier', inputs: { tier: 'small' }, expect: ['tier is "small"', '"production-small"'] },
  { name: 'NAT of no kind', inputs: { nat: 'double' }, expect: ['nat is "double"', '"per-az"'] },
  {
    name: 'one small instance for production',
    inputs: { compute: 'ec2', tier: 'production-small' },
    expect: ['compute is "ec2"', '"fargate" in tier "production-small"'],
  },
  { name: 'computers of no kind', inputs: { compute: 'lambda' }, expect: ['compute is "lambda"', '"ec2"'] },
  { name: 'keys of no kind', inputs: { kms: 'mine' }, expect: ['kms is "mine"', '"customer"'] },
  {
    name: 'a domain without certificates, and not even a domain',
    inputs: { domain: 'https://example.com' },
    expect: ['domain is "https://example.com"', 'a domain such as "example.com"'],
  },
  {
    name: 'a domain without certificates',
    inputs: { domain: 'example.com' },
    expect: ['parameters.SiteCertificateArn is missing', 'parameters.ApiCertificateArn is missing'],
  },
  {
    name: 'a zone without a domain',
    inputs: { 'hosted-zone-id': 'Z0123456789' },
    expect: ['hosted-zone-id is "Z0123456789"', 'except with a domain'],
  },
  {
    name: 'a confirmation of nothing',
    inputs: { mode: 'apply', confirm: 'analytics-studio-production' },
    expect: ['confirm is "analytics-studio-production"', 'mode "destroy"'],
  },
  {
    name: 'a confirmation of something else',
    inputs: { mode: 'destroy', environment: 'staging', confirm: 'analytics-studio' },
    expect: ['confirm is "analytics-studio"', '"analytics-studio-staging"'],
  },
  {
    name: 'a digest for a plan, and no digest at all',
    inputs: { mode: 'plan', 'plan-digest': 'latest' },
    expect: ['plan-digest is "latest"', 'the output plan-digest of a plan'],
  },
  {
    name: 'a digest that only apply can honour',
    inputs: { mode: 'plan', 'plan-digest': `${'a'.repeat(64)}.app-new` },
    expect: ['plan-digest is "aaaa', 'mode "apply"'],
  },
  {
    name: 'a mistyped logical id',
    inputs: { mode: 'apply', 'allow-replacement': 'Databse\n"; rm -rf /' },
    expect: ['allow-replacement is "Databse"', 'did you mean "Database"?', 'allow-replacement is "\\"; rm'],
  },
  {
    name: 'a price limit that is none',
    inputs: { 'max-monthly-usd': '$100' },
    expect: ['max-monthly-usd is "$100"', 'from 1 to 1000000'],
  },
  {
    name: 'a comment and its token, which is not shown',
    inputs: { mode: 'apply', comment: 'true', 'github-token': 'ghp_secret\nsecret' },
    expect: ['comment is "true"', 'except with mode "plan"', 'github-token is "***"'],
  },
  {
    name: 'a role that is a user',
    inputs: { 'execution-role-arn': 'arn:aws:iam::123456789012:user/me' },
    expect: ['execution-role-arn is "arn:aws:iam::123456789012:user/me"', 'role/name'],
  },
  {
    name: 'a wait of no time',
    inputs: { 'wait-timeout-minutes': '0' },
    expect: ['wait-timeout-minutes is "0"', 'from 1 to 720'],
  },
  { name: 'a missing file', inputs: { config: 'nowhere.yml' }, expect: ['config is "nowhere.yml"', 'ENOENT'] },
  { name: 'a broken file', inputs: { config: config('broken.txt') }, expect: ['broken.txt: YAML is', 'a YAML file'] },
  { name: 'a list for a file', inputs: { config: config('list.yml') }, expect: ['list.yml: content is', 'a map'] },
  {
    name: 'unknown and misplaced keys, all at once, without showing a password',
    inputs: { config: config('unknown.yml') },
    expect: [
      'tir is "production-small"; accepted: a known key; did you mean "tier"?',
      'mode is "apply"; accepted: an input of the run',
      'parameters.DatabseMultiAz is "true"; accepted: a known parameter; did you mean "DatabaseMultiAz"?',
      'parameters.VpcId is "vpc-1"; accepted: left out',
      'parameters.Nat is "single"; accepted: left out: use the input nat',
      'environment-variables.1ST is missing; accepted: a name of letters',
      'environment-variables.DATABASE_URL is missing; accepted: left out: tasks read it from Secrets Manager',
    ],
  },
  {
    name: 'values the templates refuse, beside bad inputs',
    inputs: { config: config('values.yml'), 'dry-run': 'yes', 'aws-region': 'mars' },
    expect: [
      'tier is "huge"',
      'parameters.DatabaseBackupRetentionDays is "99"; accepted: a whole number from 1 to 35',
      'parameters.DatabaseMultiAz is "maybe"; accepted: "true", "false"',
      'parameters.HealthCheckPath is "health"',
      'parameters.PriceClass is missing; accepted: a text, a number',
      'environment-variables.LEAK',
      'dry-run is "yes"',
      'aws-region is "mars"',
    ],
  },
  {
    name: 'a region whose CloudFront addresses are not known',
    inputs: { 'aws-region': 'me-central-1' },
    expect: [
      'parameters.CloudFrontPrefixListId is missing',
      'in me-central-1, without a domain, the id of the prefix list com.amazonaws.global.cloudfront.origin-facing',
    ],
  },
  {
    name: 'values that contradict each other',
    inputs: { config: config('contradictions.yml') },
    expect: [
      'parameters.TaskMemory is "1024"; accepted: what Fargate accepts with TaskCpu 1024: 2048, 3072',
      'parameters.DatabaseMaxAllocatedStorage is "100"; accepted: 220 or more',
      'parameters.RedisReplicas is "2"; accepted: 0 or left out: Redis is "false" (tier "development"',
      'parameters.SiteCertificateArn is "arn:aws:acm:us-east-1:123456789012:certificate/site"; accepted: left out, except with a domain',
      'parameters.ApiCertificateArn is "arn:aws:acm:eu-west-1:123456789012:certificate/api"; accepted: left out, except with a domain',
    ],
  },
  {
    name: 'a domain with one name for two things, and a certificate elsewhere',
    inputs: { config: config('domain.yml'), 'aws-region': 'eu-central-1' },
    expect: [
      'parameters.ApiSubdomain is "api"; accepted: another name than SiteSubdomain',
      'parameters.ApiCertificateArn is "arn:aws:acm:us-east-1:123456789012:certificate/api"; accepted: a certificate in eu-central-1',
    ],
  },
  {
    name: 'a site’s certificate where CloudFront does not look',
    inputs: { config: config('site-certificate.yml'), 'aws-region': 'eu-central-1' },
    expect: ['parameters.SiteCertificateArn is "arn:aws:acm:eu-central-1:123456789012:certificate/site"', 'us-east-1'],
  },
  {
    name: 'a name that load balancers may not have',
    inputs: { app: 'internal-tools' },
    expect: ['app is "internal-tools"; accepted: names that do not begin with "internal-"'],
  },
  {
    name: 'a name that becomes such a one',
    inputs: { app: 'internal', environment: 'staging' },
    expect: ['app is "internal-staging"; accepted: names that do not begin with "internal-"'],
  },
];
