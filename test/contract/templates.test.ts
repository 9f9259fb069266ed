import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../local/command.ts';
import { cfnLint, checkov, prepareLinters } from '../local/lint.ts';
import { silent } from '../local/progress.ts';
import { root } from '../tools/actions.ts';
import { rules, type Templates } from './templates.rules.ts';
import type { Finding, Validation } from './templates.validate.ts';

const folder = join(root, 'actions/provision-env/templates');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.yml'))
  .map((name) => name.slice(0, -'.yml'.length));
const templates: Templates = Object.fromEntries(
  names.map((name) => [name, readFileSync(join(folder, `${name}.yml`), 'utf8')]),
);
const files = names.map((name) => join(folder, `${name}.yml`));

/** Values it looks at the templates with: where `none` is the default, it takes that for an ARN. */
const boundary = 'arn:aws:iam::123456789012:policy/slipway/analytics-studio-boundary';
const validated: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  foundation: { PermissionsBoundaryArn: boundary, Kms: 'customer' },
  edge: { Domain: 'example.com', HostedZoneId: 'Z123', Waf: 'true', WafBlockedAddresses: '203.0.113.0/24' },
  bootstrap: { GitHubSubject: 'repo:your-org@1234/analytics-studio@5678' },
  app: { PermissionsBoundaryArn: boundary, TaskCpu: '512', TaskMemory: '1024' },
};

/** What it reports although it is right: it does not follow both sides of a condition together with what that condition says. */
const blindSpots: Readonly<Record<string, string>> = {
  'app F3014 LoadBalancerSecurityGroup': 'each side of the condition has one source',
  'app F3014 Distribution': 'each side of the condition has one certificate',
  'app E1152 InstanceTemplate': 'an image may be a reference to a parameter of Systems Manager',
  'app E3005 Service': 'a dependency on what a condition leaves out is ignored',
  'app E3676 HttpsListener': 'its certificate is there whenever the listener is',
  'app E3687 TaskIngress': 'each side of the condition has its ports',
};

describe('linters', () => {
  // Looked at in the same run, since starting is most of what a linter does: that it finds these shows that it looks.
  const broken = `Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: { Versioning: true }
`;
  let scratch = '';

  beforeAll(async () => {
    await prepareLinters(silent);
    scratch = mkdtempSync(join(tmpdir(), 'slipway-lint-'));
    writeFileSync(join(scratch, 'broken.yml'), broken);
  }, 300_000);

  afterAll(() => {
    rmSync(scratch, { recursive: true, force: true });
  });

  test('cfn-lint finds nothing', async () => {
    const { stdout, stderr } = await cfnLint([...files, join(scratch, 'broken.yml')]);
    const found = JSON.parse(stdout || '[]') as readonly {
      readonly Filename: string;
      readonly Message: string;
      readonly Rule: { readonly Id: string };
      readonly Location: { readonly Start: { readonly LineNumber: number } };
    }[];
    const said = found.map(({ Filename, Rule, Location, Message }) => ({
      file: Filename,
      what: `${Filename}:${Location.Start.LineNumber}: ${Rule.Id} ${Message}`,
    }));
    expect([said.filter(({ file }) => files.includes(file)).map(({ what }) => what), stderr]).toEqual([[], '']);
    expect(said.map(({ what }) => what)).toEqual([expect.stringContaining('E3002')]);
  }, 120_000);

  test('checkov finds nothing that is not justified beside the resource, and no justification is idle', async () => {
    const { stdout, stderr } = await checkov([...files, join(scratch, 'broken.yml')]);
    interface Finding {
      readonly check_id: string;
      readonly check_name: string;
      readonly resource: string;
      readonly file_path: string;
      readonly check_result: { readonly suppress_comment?: string };
    }
    const report = JSON.parse(stdout) as {
      readonly results: { readonly failed_checks: readonly Finding[]; readonly skipped_checks: readonly Finding[] };
      readonly summary: { readonly passed: number; readonly parsing_errors: number };
    };
    const { failed_checks: failed, skipped_checks: skipped } = report.results;
    const ours = ({ file_path: path }: Finding): boolean => !path.endsWith('/broken.yml');
    const named = ({ check_id: id, resource, check_name: name }: Finding): string => `${id} ${resource} ${name}`;
    expect([failed.filter(ours).map(named), report.summary.parsing_errors]).toEqual([[], 0]);
    expect(failed.filter((finding) => !ours(finding)).map(({ check_id: id }) => id)).toContain('CKV_AWS_21');
    expect(report.summary.passed).toBeGreaterThan(150);

    const justified = Object.values(templates).flatMap((text) => text.match(/\{ id: CKV\w+, comment: .{5,} \}/g) ?? []);
    expect([justified.length, stderr]).toEqual([skipped.length, '']);
    expect(skipped.filter(({ check_result: { suppress_comment: why } }) => (why ?? '').length < 8)).toEqual([]);
  }, 120_000);

  const validator = join(root, 'node_modules/@aws/cloudformation-validate');
  (existsSync(validator) ? test : test.skip)(
    'AWS’s own validator finds nothing but what it cannot see',
    async () => {
      const validations: readonly Validation[] = [
        ...names.map((name) => ({ file: join(folder, `${name}.yml`), parameters: validated[name] ?? {} })),
        { file: join(scratch, 'broken.yml'), parameters: {} },
      ];
      const script = join(root, 'test/contract/templates.validate.ts');
      const { code, stdout, stderr } = await run(process.execPath, [script, validator, JSON.stringify(validations)]);
      expect([code, stderr]).toEqual([0, '']);
      const found = (JSON.parse(stdout) as readonly Finding[]).map((finding) => ({
        ...finding,
        file: basename(finding.file, '.yml'),
      }));
      const said = ({ file, rule, resource }: Finding): string => `${file} ${rule} ${resource}`;
      expect(found.filter((finding) => finding.file !== 'broken' && !Object.hasOwn(blindSpots, said(finding)))).toEqual(
        [],
      );
      expect(found.filter(({ file }) => file === 'broken').length).toBeGreaterThan(0);
      expect(Object.keys(blindSpots).filter((spot) => !found.some((finding) => said(finding) === spot))).toEqual([]);
    },
    120_000,
  );
});

describe('what no linter sees', () => {
  test.each(Object.keys(rules))('%s', (name) => {
    expect(rules[name]?.(templates)).toEqual([]);
  });
});

/** Rule, template, what is there, and what a careless hand might make of it. */
const mutations: readonly (readonly [keyof typeof rules, string, string | RegExp, string])[] = [
  ['RDS accepts the master user', 'foundation', 'MasterUsername: studio_admin', 'MasterUsername: admin'],
  [
    'the database is private, encrypted, backed up and watched',
    'foundation',
    'PubliclyAccessible: false',
    'PubliclyAccessible: true',
  ],
  ['the database is private, encrypted, backed up and watched', 'foundation', 'StorageType: gp3', 'StorageType: gp2'],
  ['data is kept when a stack goes', 'foundation', 'DeletionPolicy: Snapshot', 'DeletionPolicy: Delete'],
  ['data is kept when a stack goes', 'foundation', /DeletionProtection: !If .*/, ''],
  [
    'data is kept when a stack goes',
    'foundation',
    /(description: bucket of uploaded files }\n.*\n) +DeletionPolicy: .*\n/,
    '$1',
  ],
  ['data is kept when a stack goes', 'foundation', /(description: Redis cache[^]*?)    DeletionPolicy: Delete\n/, '$1'],
  ['data is kept when a stack goes', 'bootstrap', 'DeletionPolicy: RetainExceptOnCreate', 'DeletionPolicy: Delete'],
  [
    'services write to buckets of this account only for this account',
    'foundation',
    /(logging\.s3[^]*?)Condition:\n.*\n.*\n/,
    '$1\n',
  ],
  [
    'services write to buckets of this account only for this account',
    'foundation',
    'alb/AWSLogs/${AWS::AccountId}/*',
    'alb/*',
  ],
  ['CloudFront and CloudTrail are named by ARN', 'foundation', /trail\/\$\{Name\}-trail'\n/, "trail/*'\n"],
  ['CloudFront and CloudTrail are named by ARN', 'app', "'AWS:SourceArn':", "'aws:PrincipalArn':"],
  [
    'CloudTrail covers everything and shows tampering',
    'foundation',
    'EnableLogFileValidation: true',
    'EnableLogFileValidation: false',
  ],
  [
    'CloudTrail covers everything and shows tampering',
    'foundation',
    'DependsOn: [TrailBucketPolicy, DatabaseUrl]',
    'DependsOn: TrailBucket',
  ],
  ['no bucket takes plain HTTP', 'foundation', /(Resource: \[!GetAtt TrailBucket[^]*?)'false'/, "$1'true'"],
  ['no bucket takes plain HTTP', 'app', /Sid: DenyPlainHttp\n( +)Effect: Deny/, 'Sid: DenyPlainHttp\n$1Effect: Allow'],
  [
    'buckets are private, versioned, encrypted and logged',
    'foundation',
    'RestrictPublicBuckets: true',
    'RestrictPublicBuckets: false',
  ],
  ['buckets are private, versioned, encrypted and logged', 'foundation', /LoggingConfiguration: .*uploads.*/, ''],
  [
    'versions of deleted objects do not stay for ever',
    'foundation',
    'NoncurrentVersionExpiration: { NoncurrentDays: 7 }',
    '',
  ],
  [
    'GitHub is trusted by exact subject',
    'bootstrap',
    "'${GitHubSubject}:environment:${Environment}'",
    "'${GitHubSubject}:*'",
  ],
  ['GitHub is trusted by exact subject', 'bootstrap', /(ApplyRole:[^]*?)StringEquals:/, '$1StringLike:'],
  [
    'GitHub is trusted by exact subject',
    'bootstrap',
    /(ApplyRole:[^]*?:environment:\$\{Environment\})/,
    '$1:pull_request',
  ],
  [
    'GitHub is trusted by exact subject',
    'bootstrap',
    /(DeployBackendRole:[^]*?com:aud: )sts.amazonaws.com/,
    '$1anybody',
  ],
  ['a subject has no wildcard', 'bootstrap', /(\n  GitHubSubject:[^]*?AllowedPattern: ').*'/, "$1repo:.*'"],
  [
    'only services and GitHub are trusted',
    'app',
    'Principal: { Service: ecs-tasks.amazonaws.com }',
    "Principal: { AWS: '*' }",
  ],
  ['roles are handed on to named services only', 'bootstrap', /(HandTaskRolesToEcs[^]*?)Condition: .*/, '$1'],
  [
    'roles are handed on to named services only',
    'bootstrap',
    "'iam:PassedToService':\n",
    "'iam:AssociatedResourceArn':\n",
  ],
  ['no policy allows everything', 'bootstrap', /(HandTaskRolesToEcs[^]*?)Action: iam:PassRole/, "$1Action: 'iam:*'"],
  ['no policy allows everything', 'foundation', 'service-role/AmazonRDSEnhancedMonitoringRole', 'AdministratorAccess'],
  ['what is planned changes nothing', 'bootstrap', 'cloudformation:CreateChangeSet,', "'cloudformation:*',"],
  [
    'no role of a workflow reads secrets or makes roles',
    'bootstrap',
    'Action: secretsmanager:DescribeSecret',
    "Action: 'secretsmanager:Get*'",
  ],
  ['a role of a workflow reaches its own environment', 'bootstrap', 'secret:${Name}/*', 'secret:${App}*'],
  [
    'a role of a workflow reaches its own environment',
    'bootstrap',
    'stack/${App}-${Environment}-foundation/*',
    'stack/${App}-*',
  ],
  [
    'a role of a workflow reaches its own environment',
    'bootstrap',
    "ecs:ListTasks, ecs:RunTask, ecs:StopTask]\n            Resource: '*'\n            Condition",
    "ecs:ListTasks, ecs:RunTask, ecs:StopTask]\n            Resource: '*'\n            Comment",
  ],
  ['every role has a limit', 'bootstrap', 'PermissionsBoundary: !If', 'Description: !If'],
  ['every role has a limit', 'foundation', 'PermissionsBoundary: !If', 'Description: !If'],
  [
    'CloudFormation makes roles with the limit only, and never its own',
    'bootstrap',
    "Condition: { StringEquals: { 'iam:PermissionsBoundary': !Ref PermissionsBoundary } }",
    '',
  ],
  [
    'CloudFormation makes roles with the limit only, and never its own',
    'bootstrap',
    'iam:DeleteRole,',
    "'iam:DeleteRole*',",
  ],
  [
    'CloudFormation makes roles with the limit only, and never its own',
    'bootstrap',
    /(Sid: Roles\n[^]*?)role\/\$\{App\}-\*/,
    '$1role/*',
  ],
  ['CloudFormation makes roles with the limit only, and never its own', 'bootstrap', 'Path: /slipway/', 'Path: /'],
  ['the limit has room for what roles are given', 'bootstrap', / logs:PutLogEvents,/, ''],
  [
    'the limit of the workflows has room for their policies',
    'bootstrap',
    'ecs:RunTask, ecs:StopServiceDeployment',
    'ecs:StopServiceDeployment',
  ],
  ['CloudFormation may make every resource there is', 'bootstrap', 'ec2:CreateNatGateway, ', ''],
  ['CloudFormation may make every resource there is', 'edge', 'AWS::WAFv2::IPSet', 'AWS::WAFv2::RegexPatternSet'],
  ['CloudFormation may read every resource there is', 'bootstrap', 'ecr:GetRepositoryPolicy, ', ''],
  ['CloudFormation may read every resource there is', 'bootstrap', 'iam:GetInstanceProfile, ', ''],
  ['whoever plans may compare', 'bootstrap', 'cloudformation:DetectStackResourceDrift,', ''],
  ['whoever plans may compare', 'bootstrap', "'cloudformation:BatchDescribeTypeConfigurations', ", ''],
  ['no statement is void for naming a resource', 'bootstrap', 'acm:AddTagsToCertificate, ', 'acm:RequestCertificate, '],
  [
    'no statement is void for naming a resource',
    'app',
    /ecr:GetAuthorizationToken\n( +)Resource: '\*'/,
    'ecr:GetAuthorizationToken\n$1Resource: !Ref EcrRepository',
  ],
  [
    'policies fit into what IAM takes',
    'bootstrap',
    'elasticloadbalancing:AddTags, ',
    `'elasticloadbalancing:${'A'.repeat(6_000)}', `,
  ],
  ['Redis speaks TLS', 'foundation', 'TransitEncryptionEnabled: true', 'TransitEncryptionEnabled: false'],
  ['Redis speaks TLS', 'foundation', "'rediss://", "'redis://"],
  ['Redis speaks TLS', 'foundation', 'AWS::ElastiCache::ReplicationGroup', 'AWS::ElastiCache::CacheCluster'],
  ['a key of your own encrypts all data', 'foundation', /PerformanceInsightsKMSKeyId: .*/, ''],
  ['a key of your own encrypts all data', 'foundation', /EncryptionConfiguration: !If\n.*\n.*\n.*\n/, ''],
  [
    'the key turns, and is open to this account and its services only',
    'foundation',
    'EnableKeyRotation: true',
    'EnableKeyRotation: false',
  ],
  [
    'the key turns, and is open to this account and its services only',
    'foundation',
    /(budgets\.amazonaws\.com[^]*?)Condition: .*/,
    '$1',
  ],
  ['a deployment that fails is rolled back', 'app', 'Enable: true, Rollback: true', 'Enable: true, Rollback: false'],
  [
    'no error page hides a refusal',
    'app',
    'DefaultRootObject: index.html',
    'DefaultRootObject: index.html\n        CustomErrorResponses: [{ ErrorCode: 403, ResponsePagePath: /index.html }]',
  ],
  ['the firewall lets datasets through', 'edge', '- { Name: SizeRestrictions_BODY, ActionToUse: { Count: {} } }', ''],
  ['the firewall lets datasets through', 'edge', 'AWSManagedRulesKnownBadInputsRuleSet', 'AWSManagedRulesLinuxRuleSet'],
  ['every resource says what it is', 'foundation', 'Metadata: { description: internet gateway }', ''],
  ['every parameter says what it is', 'edge', 'Description: Firewall before the site.', ''],
  ['a template fits into a request', 'edge', 'Parameters:', `# ${'x'.repeat(51_200)}\nParameters:`],
  [
    'no secret stands in a template, a parameter or an output',
    'foundation',
    /MasterUserPassword: .*/,
    'MasterUserPassword: hunter2hunter2',
  ],
  [
    'no secret stands in a template, a parameter or an output',
    'foundation',
    '{{resolve:secretsmanager:${DatabasePassword}:SecretString:password}}@',
    'hunter2@',
  ],
  ['no secret stands in a template, a parameter or an output', 'edge', '  Domain:\n', '  ApiToken:\n'],
  [
    'no secret stands in a template, a parameter or an output',
    'foundation',
    'LogBucket: { Value: !Ref LogBucket }',
    "LogBucket: { Value: !Sub '{{resolve:secretsmanager:${JwtSecret}}}' }",
  ],
  [
    'names are the application’s, and nobody else has them',
    'foundation',
    "'${Name}-uploads-${AWS::AccountId}'",
    'analytics-studio-uploads',
  ],
  [
    'names are the application’s, and nobody else has them',
    'foundation',
    "'${Name}-trail-${AWS::AccountId}'",
    "'${Name}-logs-${AWS::AccountId}'",
  ],
  [
    'names are the application’s, and nobody else has them',
    'bootstrap',
    "RoleName: !Sub '${App}-cloudformation'",
    'RoleName: cloudformation',
  ],
  [
    'stacks are plain: no macros, exports, nested stacks or custom resources',
    'edge',
    'Parameters:',
    'Transform: AWS::LanguageExtensions\nParameters:',
  ],
  [
    'stacks are plain: no macros, exports, nested stacks or custom resources',
    'foundation',
    'LogBucket: { Value: !Ref LogBucket }',
    'LogBucket: { Value: !Ref LogBucket, Export: { Name: logs } }',
  ],
  ['the outputs that are promised are there', 'foundation', '  DatabaseIdentifier: {', '  DatabaseName: {'],
  ['what a stack needs, the stacks before it tell', 'foundation', '  EcrRepositoryUri: {', '  RepositoryUri: {'],
  [
    'a value that is not there is "none", and whoever is given it takes it',
    'foundation',
    '!Ref Cache, none]',
    "!Ref Cache, '']",
  ],
  [
    'a value that is not there is "none", and whoever is given it takes it',
    'app',
    /(\n  SiteCertificateArn:[^]*?AllowedPattern: '.*?)none\|/,
    '$1',
  ],
];

describe('each rule bites', () => {
  test('there is a mutation for each', () => {
    expect(new Set(mutations.map(([name]) => name))).toEqual(new Set(Object.keys(rules)));
  });

  test.each(mutations)('%s: %s without %s', (...[name, template, from, to]) => {
    const before = templates[template] ?? '';
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    expect(rules[name]?.({ ...templates, [template]: after })).not.toEqual([]);
  });
});
