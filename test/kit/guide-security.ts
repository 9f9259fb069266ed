import {
  GetRolePolicyCommand,
  GetRoleCommand,
  ListOpenIDConnectProvidersCommand,
  ListRolePoliciesCommand,
} from '@aws-sdk/client-iam';
import type { Environment, GuideItem } from './guide.ts';
import type { GuideAws, Json } from './guide-aws.ts';
import type { Statement } from './guide-data.ts';
import { balancerOf, one, sorted } from './guide-network.ts';
import { distributionOf, taskOf } from './guide-serving.ts';

const waf = 'Phase 4: Configure WAF (Optional)';
const audit = 'Monitoring & Auditing';
const access = 'Authentication & Authorization';

const production = ({ tier }: Environment): boolean => tier !== 'development';
const development = ({ tier }: Environment): boolean => tier === 'development';
const medium = ({ tier }: Environment): boolean => tier === 'production-medium';
const without = ({ tier }: Environment): boolean => tier !== 'production-medium';

/** What an environment with a firewall is given, so that the block lists are there to be asked for. */
export const blockedAddresses = ['198.51.100.0/24', '203.0.113.7/32'] as const;

type Scope = 'CLOUDFRONT' | 'REGIONAL';

const places = { CLOUDFRONT: 'site', REGIONAL: 'API' } as const;

const regionOf = (scope: Scope, { aws, edge }: Environment): GuideAws => (scope === 'CLOUDFRONT' ? edge : aws);

/** The web ACL that really stands before the site or the load balancer. */
async function aclOf(scope: Scope, environment: Environment): Promise<Json> {
  const aws = regionOf(scope, environment);
  if (scope === 'REGIONAL') {
    const { LoadBalancerArn } = await balancerOf(environment);
    const answer = await aws.waf('GetWebACLForResource', { ResourceArn: LoadBalancerArn });
    return answer['WebACL'] as Json;
  }
  const arn = (await distributionOf(environment)).config.WebACLId ?? '';
  const [, name, id] = /\/webacl\/([^/]+)\/([^/]+)$/.exec(arn) ?? [];
  if (name === undefined) throw new Error(`the distribution has no web ACL: "${arn}"`);
  return (await aws.waf('GetWebACL', { Name: name, Id: id, Scope: scope }))['WebACL'] as Json;
}

const rulesOf = (acl: Json): readonly Json[] => acl['Rules'] as readonly Json[];

const wafItems = (['CLOUDFRONT', 'REGIONAL'] as const).flatMap((scope): GuideItem[] => [
  {
    item: `WAF before the ${places[scope]}: AWS managed rules`,
    guide: waf,
    expected: 'the common set, known bad inputs; they block',
    found: async (environment) => {
      const groups = rulesOf(await aclOf(scope, environment)).filter(
        (rule) => rule['Statement']?.['ManagedRuleGroupStatement'] !== undefined,
      );
      const names = groups.map((rule) => String(rule['Statement']['ManagedRuleGroupStatement']['Name']));
      const needed = {
        AWSManagedRulesCommonRuleSet: 'the common set',
        AWSManagedRulesKnownBadInputsRuleSet: 'known bad inputs',
      };
      const there = Object.entries(needed).flatMap(([name, words]) => (names.includes(name) ? [words] : []));
      const block = groups.every((rule) => rule['OverrideAction']?.['None'] !== undefined);
      return `${there.join(', ')}; ${block ? 'they block' : 'they count'}`;
    },
    where: medium,
  },
  {
    item: `WAF before the ${places[scope]}: uploads of up to 100 MB pass`,
    guide: 'Application Overview: Dataset uploads up to 100MB',
    expected: 'SizeRestrictions_BODY only counts',
    found: async (environment) => {
      const overrides = rulesOf(await aclOf(scope, environment)).flatMap(
        (rule) => (rule['Statement']?.['ManagedRuleGroupStatement']?.['RuleActionOverrides'] ?? []) as readonly Json[],
      );
      const found = overrides.filter(({ Name }) => Name === 'SizeRestrictions_BODY');
      const counts = found.length === 1 && found[0]?.['ActionToUse']?.['Count'] !== undefined;
      return `SizeRestrictions_BODY ${counts ? 'only counts' : 'blocks'}`;
    },
    where: medium,
  },
  {
    item: `WAF before the ${places[scope]}: rate limiting`,
    guide: waf,
    expected: '2000 requests of an address in 5 minutes, then blocked',
    found: async (environment) => {
      const rules = rulesOf(await aclOf(scope, environment)).filter(
        (rule) => rule['Statement']?.['RateBasedStatement'] !== undefined,
      );
      const rule = one(rules, 'rate-based rules');
      const { Limit, EvaluationWindowSec = 300 } = rule['Statement']['RateBasedStatement'] as Json;
      const then = rule['Action']?.['Block'] === undefined ? 'counted' : 'blocked';
      return `${Number(Limit)} requests of an address in ${Number(EvaluationWindowSec) / 60} minutes, then ${then}`;
    },
    where: medium,
  },
  {
    item: `WAF before the ${places[scope]}: suspicious addresses`,
    guide: waf,
    expected: `blocked: ${sorted(blockedAddresses)}`,
    found: async (environment) => {
      const rules = rulesOf(await aclOf(scope, environment)).filter(
        (rule) =>
          rule['Action']?.['Block'] !== undefined && rule['Statement']?.['IPSetReferenceStatement'] !== undefined,
      );
      const arns = rules.map((rule) => String(rule['Statement']['IPSetReferenceStatement']['ARN']));
      const sets = await Promise.all(
        arns.map(async (arn) => {
          const [, Name, Id] = /\/ipset\/([^/]+)\/([^/]+)$/.exec(arn) ?? [];
          const answer = await regionOf(scope, environment).waf('GetIPSet', { Name, Id, Scope: scope });
          return (answer['IPSet'] as Json)['Addresses'] as readonly string[];
        }),
      );
      return `blocked: ${sorted(sets.flat())}`;
    },
    where: medium,
  },
  {
    item: `WAF before the ${places[scope]}`,
    guide: `${waf}; Cost Estimation`,
    expected: 'none',
    found: async (environment) => {
      const answer = await regionOf(scope, environment).waf('ListWebACLs', { Scope: scope });
      return (answer['WebACLs'] as readonly unknown[]).length === 0 ? 'none' : 'some';
    },
    where: without,
  },
]);

async function trail({ aws }: Environment): Promise<string> {
  const trails = (await aws.cloudTrail('DescribeTrails'))['trailList'] as readonly Json[];
  if (trails.length === 0) return 'none';
  const found = one(trails, 'trails');
  const status = await aws.cloudTrail('GetTrailStatus', { Name: found['TrailARN'] as string });
  return [
    found['IsMultiRegionTrail'] === true ? 'every region' : 'one region',
    found['LogFileValidationEnabled'] === true ? 'files validated' : 'files not validated',
    status['IsLogging'] === true ? 'logging' : 'not logging',
  ].join(', ');
}

const nameOf = (arn = ''): string => arn.split('/').at(-1) ?? '';

/** All statements of a role's own policies. */
async function statementsOf({ aws }: Environment, arn: string | undefined): Promise<readonly Statement[]> {
  const RoleName = nameOf(arn);
  const names = (await aws.iam.send(new ListRolePoliciesCommand({ RoleName }))).PolicyNames ?? [];
  const documents = await Promise.all(
    names.map(async (PolicyName) => {
      const answer = await aws.iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
      const text = answer.PolicyDocument ?? '{}';
      return JSON.parse(text.startsWith('%7B') ? decodeURIComponent(text) : text) as { Statement: Statement[] };
    }),
  );
  return documents.flatMap(({ Statement }) => [Statement].flat());
}

/** What a role may do on everything. */
async function onEverything(environment: Environment, arn: string | undefined): Promise<string> {
  const wide = (await statementsOf(environment, arn)).filter(({ Resource }) => [Resource].flat().includes('*'));
  return sorted(wide.flatMap(({ Action }) => [Action].flat()));
}

export const securityItems: readonly GuideItem[] = [
  ...wafItems,
  {
    item: 'CloudTrail',
    guide: audit,
    expected: 'every region, files validated, logging',
    found: trail,
    where: production,
  },
  {
    item: 'CloudTrail',
    guide: audit,
    expected: 'none',
    found: trail,
    where: development,
    differs: 'one trail of an account is free, and production’s covers it; the parameter Trail makes one here',
  },
  {
    item: 'Tasks use an IAM role, not access keys',
    guide: access,
    expected: 'ecs-tasks.amazonaws.com assumes it; no keys in the environment',
    found: async (environment) => {
      const { taskRoleArn, containerDefinitions = [] } = await taskOf(environment);
      const role = await environment.aws.iam.send(new GetRoleCommand({ RoleName: nameOf(taskRoleArn) }));
      const text = role.Role?.AssumeRolePolicyDocument ?? '';
      const trust = text.startsWith('%7B') ? decodeURIComponent(text) : text;
      const who = trust.includes('"ecs-tasks.amazonaws.com"') ? 'ecs-tasks.amazonaws.com assumes it' : trust;
      const names = containerDefinitions.flatMap(({ environment: plain = [], secrets = [] }) =>
        [...plain, ...secrets].map(({ name = '' }) => name),
      );
      return `${who}; ${names.some((name) => /ACCESS_KEY/.test(name)) ? 'keys' : 'no keys'} in the environment`;
    },
  },
  {
    item: 'Least privilege: the tasks’ roles have a limit',
    guide: access,
    expected: 'analytics-studio-boundary, analytics-studio-boundary',
    found: async (environment) => {
      const { taskRoleArn, executionRoleArn } = await taskOf(environment);
      const answers = await Promise.all(
        [taskRoleArn, executionRoleArn].map((arn) =>
          environment.aws.iam.send(new GetRoleCommand({ RoleName: nameOf(arn) })),
        ),
      );
      return answers.map(({ Role }) => nameOf(Role?.PermissionsBoundary?.PermissionsBoundaryArn)).join(', ');
    },
    // Where an administrator made the limit first.
    where: production,
  },
  {
    item: 'Least privilege: what the application may do',
    guide: access,
    expected:
      'on everything: none; s3:AbortMultipartUpload, s3:DeleteObject, s3:GetObject, s3:ListBucket, s3:PutObject',
    found: async (environment) => {
      const { taskRoleArn } = await taskOf(environment);
      const statements = await statementsOf(environment, taskRoleArn);
      const s3 = statements.flatMap(({ Action }) => [Action].flat()).filter((action) => action.startsWith('s3:'));
      return `on everything: ${await onEverything(environment, taskRoleArn)}; ${sorted(s3)}`;
    },
  },
  {
    item: 'Least privilege: what starting a task needs',
    guide: access,
    expected: 'on everything: ecr:GetAuthorizationToken',
    found: async (environment) =>
      `on everything: ${await onEverything(environment, (await taskOf(environment)).executionRoleArn)}`,
  },
  {
    item: 'Secrets a task can read',
    guide: `${access}; Use Secrets Manager for sensitive data`,
    expected: ({ tier, name }) =>
      sorted(
        ['database-url', 'openai-api-key', 'jwt-secret', ...(tier === 'development' ? [] : ['redis-url'])].map(
          (which) => `${name}/${which}`,
        ),
      ),
    found: async (environment) => {
      const statements = await statementsOf(environment, (await taskOf(environment)).executionRoleArn);
      const read = statements.filter(({ Action }) => [Action].flat().includes('secretsmanager:GetSecretValue'));
      return sorted(
        read
          .flatMap(({ Resource }) => [Resource].flat())
          .map((arn) => /:secret:(.+)-[A-Za-z0-9]{6}$/.exec(arn)?.[1] ?? arn),
      );
    },
  },
  {
    item: 'MFA for the console',
    guide: access,
    expected: 'not of an environment',
    found: async () => 'not of an environment',
    unprovable: 'people and their devices belong to the account, not to these templates',
  },
  {
    item: 'Regular security assessments',
    guide: audit,
    expected: 'not of an environment',
    found: async () => 'not of an environment',
    unprovable: 'people do them; the linters of the templates run with every test',
  },
];

/** The repository whose workflows are trusted, as GitHub's tokens name it. */
export const gitHubSubject = 'repo:your-org@7654321/analytics-studio@1234567';

const roles = {
  'plan-role-arn': ['plan', 'environment:production', 'pull_request'],
  'apply-role-arn': ['apply', 'environment:production'],
  'deploy-backend-role-arn': ['deploy-backend', 'environment:production'],
  'deploy-frontend-role-arn': ['deploy-frontend', 'environment:production'],
} as const;

/** Whom a role trusts: every condition, in words that show any other operator, key or subject. */
function trustOf(document: string): string {
  const text = document.startsWith('%7B') ? decodeURIComponent(document) : document;
  const { Statement } = JSON.parse(text) as { readonly Statement: Statement | readonly Statement[] };
  return [Statement]
    .flat()
    .map(({ Action, Condition = {} }) => {
      const conditions = Object.entries(Condition).flatMap(([operator, keys]) =>
        Object.entries(keys).map(([key, values]) => `${operator} ${key.split(':').at(-1)} ${sorted([values].flat())}`),
      );
      return `${String(Action)} if ${sorted(conditions)}`;
    })
    .join('; ');
}

/** The account's own stack, which an administrator makes once. `outputs` are that stack's. */
export const bootstrapItems: readonly GuideItem[] = [
  {
    item: 'GitHub as an identity provider',
    guide: 'CI/CD Pipeline: Configure AWS credentials',
    expected: 'token.actions.githubusercontent.com',
    found: async ({ aws }) => {
      const answer = await aws.iam.send(new ListOpenIDConnectProvidersCommand({}));
      return sorted((answer.OpenIDConnectProviderList ?? []).map(({ Arn }) => nameOf(Arn)));
    },
    differs: 'the guide’s access keys live until someone deletes them; a job’s token lives for minutes',
  },
  ...Object.entries(roles).flatMap(([output, [role, ...jobs]]): GuideItem[] => [
    {
      item: `Role ${role}: for this repository’s jobs only`,
      guide: 'CI/CD Pipeline: Configure AWS credentials',
      expected: `sts:AssumeRoleWithWebIdentity if StringEquals aud sts.amazonaws.com, StringEquals sub ${sorted(jobs.map((job) => `${gitHubSubject}:${job}`))}`,
      found: async ({ aws, outputs }) => {
        const answer = await aws.iam.send(new GetRoleCommand({ RoleName: nameOf(outputs[output]) }));
        return trustOf(answer.Role?.AssumeRolePolicyDocument ?? '');
      },
      differs: 'the guide’s access keys work for whoever has them',
    },
    {
      item: `Role ${role}: never more than its limit`,
      guide: `${access}: least privilege`,
      expected: 'analytics-studio-github-boundary',
      found: async ({ aws, outputs }) => {
        const answer = await aws.iam.send(new GetRoleCommand({ RoleName: nameOf(outputs[output]) }));
        return nameOf(answer.Role?.PermissionsBoundary?.PermissionsBoundaryArn);
      },
    },
  ]),
];
