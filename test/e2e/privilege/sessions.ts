import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudFrontClient } from '@aws-sdk/client-cloudfront';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ECSClient } from '@aws-sdk/client-ecs';
import { IAMClient } from '@aws-sdk/client-iam';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Role } from './model.ts';
import { region, repository, tokenOf, type Place } from './place.ts';

/** The services' clients with the role's real session. */
export interface Clients {
  readonly cloudFormation: CloudFormationClient;
  readonly cloudFront: CloudFrontClient;
  readonly ecr: ECRClient;
  readonly ecs: ECSClient;
  readonly iam: IAMClient;
  readonly logs: CloudWatchLogsClient;
  readonly s3: S3Client;
  readonly secrets: SecretsManagerClient;
  readonly sts: STSClient;
}

export async function assume(place: Place, role: Role): Promise<Clients> {
  const { endpoint } = place.emulator;
  const answer = await new STSClient({ endpoint, region, credentials: nobody }).send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: place.roleArn(role),
      RoleSessionName: 'never',
      WebIdentityToken: tokenOf(`${repository}:environment:${place.environment}`),
    }),
  );
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = answer.Credentials ?? {};
  const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  const settings = { endpoint, region, credentials, maxAttempts: 1 };
  return {
    cloudFormation: new CloudFormationClient(settings),
    cloudFront: new CloudFrontClient(settings),
    ecr: new ECRClient(settings),
    ecs: new ECSClient(settings),
    iam: new IAMClient(settings),
    logs: new CloudWatchLogsClient(settings),
    s3: new S3Client({ ...settings, forcePathStyle: true }),
    secrets: new SecretsManagerClient(settings),
    sts: new STSClient(settings),
  };
}

const nobody = { accessKeyId: 'test', secretAccessKey: 'test' };
