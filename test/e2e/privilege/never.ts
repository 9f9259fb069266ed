import {
  CreateChangeSetCommand,
  DeleteStackCommand,
  ExecuteChangeSetCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { GetDistributionConfigCommand, ListDistributionsCommand } from '@aws-sdk/client-cloudfront';
import { DeleteLogGroupCommand, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  BatchDeleteImageCommand,
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  PutImageCommand,
} from '@aws-sdk/client-ecr';
import {
  DeleteServiceCommand,
  DeregisterTaskDefinitionCommand,
  ExecuteCommandCommand,
  RunTaskCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import {
  AttachRolePolicyCommand,
  CreateAccessKeyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  DeleteRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import {
  DeleteBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { GetSecretValueCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand } from '@aws-sdk/client-sts';
import { roles, type Role } from './model.ts';
import { app, type Place } from './place.ts';
import type { Clients } from './sessions.ts';

/** Something that a role must never do, and what it is asked for. */
export interface Never {
  readonly roles: readonly Role[];
  readonly what: string;
  readonly action: string;
  readonly ask: (clients: Clients, place: Place) => Promise<unknown>;
}

const deployers: readonly Role[] = ['deploy-backend', 'deploy-frontend'];
const allBut = (...some: readonly Role[]): readonly Role[] => roles.filter((role) => !some.includes(role));
const stack = (key: string): string => `${app}-production-${key}`;
const trust = JSON.stringify({ Version: '2012-10-17', Statement: [] });
const everything = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
});
const template = JSON.stringify({ Resources: { Topic: { Type: 'AWS::SNS::Topic', Properties: {} } } });
const executor = ({ account }: Place): string => `arn:aws:iam::${account}:role/slipway/${app}-cloudformation`;
const own = ({ role, name }: { role: Role; name: string }): string => `${name}-${role}`;
const object = (bucket: string) => ({ Bucket: bucket, Key: 'index.html' });

export const nevers: readonly Never[] = [
  // ---- To become more than it is ----
  ...roles.flatMap((role): readonly Never[] => [
    {
      roles: [role],
      what: 'give itself every right',
      action: 'iam:PutRolePolicy',
      ask: ({ iam }, { name }) =>
        iam.send(
          new PutRolePolicyCommand({ RoleName: own({ role, name }), PolicyName: 'all', PolicyDocument: everything }),
        ),
    },
    {
      roles: [role],
      what: 'take its own limit off',
      action: 'iam:DeleteRolePermissionsBoundary',
      ask: ({ iam }, { name }) => iam.send(new DeleteRolePermissionsBoundaryCommand({ RoleName: own({ role, name }) })),
    },
    {
      roles: [role],
      what: 'let others into itself',
      action: 'iam:UpdateAssumeRolePolicy',
      ask: ({ iam }, { name }) =>
        iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: own({ role, name }), PolicyDocument: trust })),
    },
    {
      roles: [role],
      what: 'become an administrator by a policy of AWS',
      action: 'iam:AttachRolePolicy',
      ask: ({ iam }, { name }) =>
        iam.send(
          new AttachRolePolicyCommand({
            RoleName: own({ role, name }),
            PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess',
          }),
        ),
    },
  ]),
  {
    roles,
    what: 'change what its policy says',
    action: 'iam:CreatePolicyVersion',
    ask: ({ iam }, { account, name }) =>
      iam.send(
        new CreatePolicyVersionCommand({
          PolicyArn: `arn:aws:iam::${account}:policy/slipway/${name}-plan`,
          PolicyDocument: everything,
          SetAsDefault: true,
        }),
      ),
  },
  {
    roles,
    what: 'make a role',
    action: 'iam:CreateRole',
    ask: ({ iam }, { name }) =>
      iam.send(new CreateRoleCommand({ RoleName: `${name}-new`, AssumeRolePolicyDocument: trust })),
  },
  {
    roles,
    what: 'make keys that outlive the job',
    action: 'iam:CreateAccessKey',
    ask: ({ iam }) => iam.send(new CreateAccessKeyCommand({ UserName: 'someone' })),
  },
  {
    roles,
    what: 'assume CloudFormation’s role',
    action: 'sts:AssumeRole',
    ask: ({ sts }, place) => sts.send(new AssumeRoleCommand({ RoleArn: executor(place), RoleSessionName: 'never' })),
  },
  ...roles.flatMap((other): Never => ({
    roles: allBut(other),
    what: `assume the role ${other}`,
    action: 'sts:AssumeRole',
    ask: ({ sts }, place) =>
      sts.send(new AssumeRoleCommand({ RoleArn: place.roleArn(other), RoleSessionName: 'never' })),
  })),
  // ---- The bootstrap stack ----
  {
    roles,
    what: 'plan changes of the bootstrap stack',
    action: 'cloudformation:CreateChangeSet',
    ask: ({ cloudFormation }) =>
      cloudFormation.send(
        new CreateChangeSetCommand({
          StackName: `${app}-bootstrap`,
          ChangeSetName: 'slipway-never',
          TemplateBody: template,
        }),
      ),
  },
  {
    roles,
    what: 'execute a change of the bootstrap stack',
    action: 'cloudformation:ExecuteChangeSet',
    ask: ({ cloudFormation }) =>
      cloudFormation.send(
        new ExecuteChangeSetCommand({ StackName: `${app}-bootstrap`, ChangeSetName: 'slipway-never' }),
      ),
  },
  {
    roles,
    what: 'delete the bootstrap stack',
    action: 'cloudformation:DeleteStack',
    ask: ({ cloudFormation }) => cloudFormation.send(new DeleteStackCommand({ StackName: `${app}-bootstrap` })),
  },
  // ---- Stacks ----
  {
    roles: allBut('apply'),
    what: 'execute a change set',
    action: 'cloudformation:ExecuteChangeSet',
    ask: ({ cloudFormation }) =>
      cloudFormation.send(
        new ExecuteChangeSetCommand({ StackName: stack('foundation'), ChangeSetName: 'slipway-never' }),
      ),
  },
  {
    roles: allBut('apply'),
    what: 'delete a stack',
    action: 'cloudformation:DeleteStack',
    ask: ({ cloudFormation }) => cloudFormation.send(new DeleteStackCommand({ StackName: stack('foundation') })),
  },
  {
    roles: deployers,
    what: 'plan a change of the infrastructure',
    action: 'cloudformation:CreateChangeSet',
    ask: ({ cloudFormation }) =>
      cloudFormation.send(
        new CreateChangeSetCommand({ StackName: stack('app'), ChangeSetName: 'slipway-never', TemplateBody: template }),
      ),
  },
  {
    roles,
    what: 'update a stack without a change set',
    action: 'cloudformation:UpdateStack',
    ask: ({ cloudFormation }) =>
      cloudFormation.send(new UpdateStackCommand({ StackName: stack('app'), TemplateBody: template })),
  },
  {
    roles,
    what: 'plan changes of another environment',
    action: 'cloudformation:CreateChangeSet',
    ask: ({ cloudFormation }) =>
      cloudFormation.send(
        new CreateChangeSetCommand({
          StackName: `${app}-staging-app`,
          ChangeSetName: 'slipway-never',
          TemplateBody: template,
        }),
      ),
  },
  {
    roles: ['apply'],
    what: 'delete a stack of another environment',
    action: 'cloudformation:DeleteStack',
    ask: ({ cloudFormation }) => cloudFormation.send(new DeleteStackCommand({ StackName: `${app}-staging-app` })),
  },
  {
    roles: ['apply'],
    what: 'delete a stack of another application',
    action: 'cloudformation:DeleteStack',
    ask: ({ cloudFormation }) => cloudFormation.send(new DeleteStackCommand({ StackName: 'shop-production-app' })),
  },
  // ---- Secrets and data ----
  {
    roles,
    what: 'read a secret',
    action: 'secretsmanager:GetSecretValue',
    ask: ({ secrets }, { name }) => secrets.send(new GetSecretValueCommand({ SecretId: `${name}/database-url` })),
  },
  {
    roles,
    what: 'write a secret',
    action: 'secretsmanager:PutSecretValue',
    ask: ({ secrets }, { name }) =>
      secrets.send(new PutSecretValueCommand({ SecretId: `${name}/database-url`, SecretString: 'x' })),
  },
  {
    roles,
    what: 'read what users uploaded',
    action: 's3:GetObject',
    ask: ({ s3 }, { outputs }) => s3.send(new GetObjectCommand(object(outputs['uploads-bucket'] ?? ''))),
  },
  {
    roles,
    what: 'list what users uploaded',
    action: 's3:ListBucket',
    ask: ({ s3 }, { outputs }) => s3.send(new ListObjectsV2Command({ Bucket: outputs['uploads-bucket'] ?? '' })),
  },
  // ---- The site ----
  {
    roles: allBut('deploy-frontend'),
    what: 'write into the site',
    action: 's3:PutObject',
    ask: ({ s3 }, { outputs }) =>
      s3.send(new PutObjectCommand({ ...object(outputs['frontend-bucket'] ?? ''), Body: 'x' })),
  },
  {
    roles: ['deploy-frontend'],
    what: 'write into another bucket',
    action: 's3:PutObject',
    ask: ({ s3 }, { outputs }) => s3.send(new PutObjectCommand({ ...object(outputs['log-bucket'] ?? ''), Body: 'x' })),
  },
  {
    roles,
    what: 'change who may read the site’s bucket',
    action: 's3:PutBucketPolicy',
    ask: ({ s3 }, { outputs }) =>
      s3.send(new PutBucketPolicyCommand({ Bucket: outputs['frontend-bucket'] ?? '', Policy: trust })),
  },
  {
    roles,
    what: 'delete the site’s bucket',
    action: 's3:DeleteBucket',
    ask: ({ s3 }, { outputs }) => s3.send(new DeleteBucketCommand({ Bucket: outputs['frontend-bucket'] ?? '' })),
  },
  {
    roles,
    what: 'read the distribution’s configuration, which holds the origin’s secret',
    action: 'cloudfront:GetDistributionConfig',
    ask: ({ cloudFront }, { outputs }) =>
      cloudFront.send(new GetDistributionConfigCommand({ Id: outputs['distribution-id'] ?? '' })),
  },
  {
    roles,
    what: 'list the account’s distributions',
    action: 'cloudfront:ListDistributions',
    ask: ({ cloudFront }) => cloudFront.send(new ListDistributionsCommand({})),
  },
  // ---- The service and its images ----
  {
    roles: allBut('deploy-backend'),
    what: 'deploy',
    action: 'ecs:UpdateService',
    ask: ({ ecs }, { name }) =>
      ecs.send(new UpdateServiceCommand({ cluster: `${name}-cluster`, service: `${name}-api`, desiredCount: 0 })),
  },
  {
    roles: ['deploy-backend'],
    what: 'deploy another service of its cluster',
    action: 'ecs:UpdateService',
    ask: ({ ecs }, { name }) =>
      ecs.send(new UpdateServiceCommand({ cluster: `${name}-cluster`, service: 'other', desiredCount: 0 })),
  },
  {
    roles: ['deploy-backend'],
    what: 'deploy another application',
    action: 'ecs:UpdateService',
    ask: ({ ecs }) =>
      ecs.send(new UpdateServiceCommand({ cluster: 'shop-cluster', service: 'shop-api', desiredCount: 0 })),
  },
  {
    roles,
    what: 'run a task in another cluster',
    action: 'ecs:RunTask',
    ask: ({ ecs }) => ecs.send(new RunTaskCommand({ cluster: 'shop-cluster', taskDefinition: 'shop-backend' })),
  },
  {
    roles,
    what: 'open a shell in a task',
    action: 'ecs:ExecuteCommand',
    ask: ({ ecs }, { name }) =>
      ecs.send(
        new ExecuteCommandCommand({ cluster: `${name}-cluster`, task: 'x', interactive: true, command: '/bin/sh' }),
      ),
  },
  {
    roles,
    what: 'delete the service',
    action: 'ecs:DeleteService',
    ask: ({ ecs }, { name }) =>
      ecs.send(new DeleteServiceCommand({ cluster: `${name}-cluster`, service: `${name}-api`, force: true })),
  },
  {
    roles,
    what: 'take away the revisions that a roll-back needs',
    action: 'ecs:DeregisterTaskDefinition',
    ask: ({ ecs }, { name }) => ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: `${name}-backend:1` })),
  },
  {
    roles: allBut('deploy-backend'),
    what: 'push an image',
    action: 'ecr:PutImage',
    ask: ({ ecr }, { name }) =>
      ecr.send(new PutImageCommand({ repositoryName: name, imageManifest: '{}', imageTag: 'x' })),
  },
  {
    roles: ['deploy-backend'],
    what: 'push an image to another repository',
    action: 'ecr:PutImage',
    ask: ({ ecr }) => ecr.send(new PutImageCommand({ repositoryName: 'shop', imageManifest: '{}', imageTag: 'x' })),
  },
  {
    roles,
    what: 'delete images',
    action: 'ecr:BatchDeleteImage',
    ask: ({ ecr }, { name }) =>
      ecr.send(new BatchDeleteImageCommand({ repositoryName: name, imageIds: [{ imageTag: 'x' }] })),
  },
  {
    roles,
    what: 'delete the repository',
    action: 'ecr:DeleteRepository',
    ask: ({ ecr }, { name }) => ecr.send(new DeleteRepositoryCommand({ repositoryName: name, force: true })),
  },
  {
    roles,
    what: 'make a repository',
    action: 'ecr:CreateRepository',
    ask: ({ ecr }) => ecr.send(new CreateRepositoryCommand({ repositoryName: 'new' })),
  },
  {
    roles,
    what: 'read another application’s logs',
    action: 'logs:GetLogEvents',
    ask: ({ logs }) => logs.send(new GetLogEventsCommand({ logGroupName: '/ecs/shop', logStreamName: 'x' })),
  },
  {
    roles,
    what: 'delete the logs',
    action: 'logs:DeleteLogGroup',
    ask: ({ logs }, { name }) => logs.send(new DeleteLogGroupCommand({ logGroupName: `/ecs/${name}` })),
  },
];

export interface Asked {
  readonly role: Role;
  readonly what: string;
  readonly action: string;
  /** `denied`, or what came instead. */
  readonly answer: string;
}

/** Asks for one thing with the role's own session. */
export async function askFor(
  never: Never,
  role: Role,
  { clients, place }: { clients: Clients; place: Place },
): Promise<Asked> {
  const { what, action } = never;
  try {
    await never.ask(clients, place);
    return { role, what, action, answer: 'ALLOWED' };
  } catch (error) {
    const { name, message } = error as Error;
    const denied =
      /^(AccessDenied(Exception)?|UnauthorizedOperation)$/.test(name) && message.includes(`perform: ${action}`);
    return { role, what, action, answer: denied ? 'denied' : `${name}: ${message}` };
  }
}
