import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { isAwsError } from '../core/errors.ts';
import { connect, type SdkConfig } from './sdk-config.ts';

/** What can be known of a secret without reading it. */
export interface Secrets {
  /** Whether the secret exists and someone gave it a value. */
  hasValue(secret: string): Promise<boolean>;
}

export function secretsManager(config: SdkConfig): Secrets {
  const client = connect(SecretsManagerClient, config);
  return {
    async hasValue(secret) {
      try {
        const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId: secret }));
        return Object.values(VersionIdsToStages).some((stages) => stages.includes('AWSCURRENT'));
      } catch (error) {
        if (isAwsError(error, 'ResourceNotFoundException')) return false;
        throw error;
      }
    },
  };
}
