import { DescribeSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
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

/** What a task definition may ask of a secret. */
export interface SecretVersion {
  /** The ARN, without JSON key, stage and version. */
  readonly secret: string;
  readonly region: string;
  readonly stage: string | undefined;
  readonly version: string | undefined;
}

export interface SecretState {
  /** The whole one, with the six random characters. */
  readonly arn: string;
  /** Scheduled for deletion: it cannot be read. */
  readonly deleted: boolean;
  /** The stages of each version, by the version's id; empty when nobody gave it a value. */
  readonly versions: ReadonlyMap<string, readonly string[]>;
}

export interface SecretInspector {
  /** Undefined when there is no such secret. */
  describe(secret: Pick<SecretVersion, 'secret' | 'region'>): Promise<SecretState | undefined>;
  /** The names in a value that is a JSON object; undefined when it is none. The value itself stays here, masked. */
  keys(version: SecretVersion): Promise<readonly string[] | undefined>;
}

export function secretInspector(config: SdkConfig, mask: (secret: string) => void): SecretInspector {
  const clients = new Map<string, SecretsManagerClient>();
  const client = (region: string): SecretsManagerClient => {
    const known = clients.get(region) ?? connect(SecretsManagerClient, { ...config, region });
    clients.set(region, known);
    return known;
  };
  return {
    async describe({ secret, region }) {
      try {
        const found = await client(region).send(new DescribeSecretCommand({ SecretId: secret }));
        return {
          arn: found.ARN ?? '',
          deleted: found.DeletedDate !== undefined,
          versions: new Map(Object.entries(found.VersionIdsToStages ?? {})),
        };
      } catch (error) {
        if (isAwsError(error, 'ResourceNotFoundException')) return undefined;
        throw error;
      }
    },

    async keys({ secret, region, stage, version }) {
      const { SecretString = '' } = await client(region).send(
        new GetSecretValueCommand({
          SecretId: secret,
          ...(stage === undefined ? {} : { VersionStage: stage }),
          ...(version === undefined ? {} : { VersionId: version }),
        }),
      );
      if (SecretString !== '') mask(SecretString);
      const value = parseObject(SecretString);
      if (value === undefined) return undefined;
      // Masking "1" or "true" would make the rest of the log unreadable, and hide nothing.
      for (const part of Object.values(value)) if (typeof part === 'string' && part.length > 5) mask(part);
      return Object.keys(value);
    },
  };
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
