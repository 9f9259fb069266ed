import { GetRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import { AwsError, isAwsError } from '../core/errors.ts';
import { connect, type SdkConfig } from './sdk-config.ts';

export interface Roles {
  /** A role's trust policy, as parsed JSON; undefined when there is no such role. Takes the name, not the ARN. */
  trustPolicy(roleName: string): Promise<unknown>;
}

export function roles(config: SdkConfig): Roles {
  const iam = connect(IAMClient, config);
  return {
    async trustPolicy(roleName) {
      try {
        const { Role } = await iam.send(new GetRoleCommand({ RoleName: roleName }));
        return parsePolicy(Role?.AssumeRolePolicyDocument ?? '');
      } catch (error) {
        if (isAwsError(error, 'NoSuchEntityException', 'NoSuchEntity')) return undefined;
        throw error;
      }
    },
  };
}

/** Policies come URL-encoded (RFC 3986). */
function parsePolicy(document: string): unknown {
  try {
    return JSON.parse(document.startsWith('%') ? decodeURIComponent(document) : document);
  } catch (cause) {
    const call = { service: 'IAM', operation: 'GetRole' };
    throw new AwsError('MalformedPolicy', 'IAM GetRole: the trust policy is no JSON', { ...call, cause });
  }
}
