import type { Right, Role } from './model.ts';

/** A right that the emulator cannot show to be needed. */
export interface Unprovable extends Right {
  /** The roles for which it cannot be shown; left out: all that have it. */
  readonly roles?: readonly Role[];
  readonly why: string;
}

const passRole = 'ministack does not ask whether a role may be passed';
const layers = 'docker speaks the registry’s own protocol, for which ministack asks no policy';
const ids = 'ministack does not look at a template’s parameters with the caller’s rights, as CloudFormation does';
const scans = 'ministack has no image scans';

/** Not provable here, and why. Whatever stands here is never counted as proven; what can be proven must not stand here. */
export const unprovable: readonly Unprovable[] = [
  {
    policy: 'PlanPolicy',
    sid: 'ChangeSets',
    action: 'cloudformation:DescribeEvents',
    roles: ['plan'],
    why: 'ministack validates stacks, not change sets, so there are no findings for a plan to read',
  },
  {
    policy: 'PlanPolicy',
    sid: 'ChangeSets',
    action: 'cloudformation:DetectStackResourceDrift',
    why: 'AWS asks for it beside DetectStackDrift, ministack does not',
  },
  {
    policy: 'PlanPolicy',
    sid: 'ChangeSets',
    action: 'cloudformation:TagResource',
    why: 'AWS has an action for tags that a change set sets, ministack asks for none',
  },
  {
    policy: 'PlanPolicy',
    sid: 'Drift',
    action: 'cloudformation:BatchDescribeTypeConfigurations',
    why: 'AWS asks for it beside DetectStackDrift, ministack does not',
  },
  { policy: 'PlanPolicy', sid: 'HandTheRoleToCloudFormation', action: 'iam:PassRole', why: passRole },
  { policy: 'PlanPolicy', sid: 'IdsOfTheNetwork', action: 'ec2:DescribeSecurityGroups', why: ids },
  { policy: 'PlanPolicy', sid: 'IdsOfTheNetwork', action: 'ec2:DescribeSubnets', why: ids },
  { policy: 'PlanPolicy', sid: 'IdsOfTheNetwork', action: 'ec2:DescribeVpcs', why: ids },
  { policy: 'DeployBackendPolicy', sid: 'HandTaskRolesToEcs', action: 'iam:PassRole', why: passRole },
  {
    policy: 'DeployBackendPolicy',
    sid: 'TagsOfTaskDefinitions',
    action: 'ecs:TagResource',
    why: 'ministack does not ask for it when a task definition is registered with tags',
  },
  ...[
    'ecr:BatchCheckLayerAvailability',
    'ecr:CompleteLayerUpload',
    'ecr:GetDownloadUrlForLayer',
    'ecr:InitiateLayerUpload',
    'ecr:UploadLayerPart',
  ].map((action) => ({ policy: 'DeployBackendPolicy', sid: 'Images', action, why: layers })),
  { policy: 'DeployBackendPolicy', sid: 'Images', action: 'ecr:DescribeImageScanFindings', why: scans },
  { policy: 'DeployBackendPolicy', sid: 'Images', action: 'ecr:StartImageScan', why: scans },
];

/** What nobody here can judge at all. */
export const beyond: readonly string[] = [
  'iam:PassRole and CloudFormation’s RoleARN: ministack ignores both, and makes every resource of a stack with its own power. What ' +
    'CloudFormation’s role may do is checked against the templates (test/contract/templates.rules.ts), never run.',
  'Pushes and pulls of image layers: ministack’s registry asks no policy.',
  'Image scans, pull-through cache rules, Application Auto Scaling and saved queries: ministack has no such API.',
  'Which resource ECS, CloudWatch Logs, ECR’s DescribeRepositories and calls by a change set’s ARN are judged on: ministack names others ' +
    'than AWS, so test/local/emulator/authorization.py names them, after the Service Authorization Reference. That the action is needed ' +
    'is ministack’s own answer; that its resource suffices rests on that mapping.',
  'A token’s signature, its age and GitHub’s keys: ministack reads claims and does not verify them.',
  'Service control policies, session policies of an organization, and the time it takes until IAM’s changes count.',
];
