import type { EmulatorHandle } from './emulator.ts';

/** What GitHub puts into the tokens of the example's jobs. */
export const subject = 'repo:your-org/analytics-studio:environment:production';
const account = '000000000000';
const issuer = 'token.actions.githubusercontent.com';

/** IAM's query API; the emulator tells services apart by the credential scope. */
async function iam(emulator: EmulatorHandle, action: string, parameters: Readonly<Record<string, string>>) {
  const response = await fetch(emulator.endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization:
        'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: new URLSearchParams({ Action: action, Version: '2010-05-08', ...parameters }),
  });
  const text = await response.text();
  if (!response.ok && !text.includes('EntityAlreadyExists')) throw new Error(`IAM ${action}: ${text}`);
}

export interface Roles {
  readonly provision: string;
  readonly deploy: string;
}

/** What an administrator prepares once in an account: GitHub as an identity provider, and roles for its workflows. */
export async function prepareAccount(emulator: EmulatorHandle): Promise<Roles> {
  await iam(emulator, 'CreateOpenIDConnectProvider', {
    Url: `https://${issuer}`,
    'ClientIDList.member.1': 'sts.amazonaws.com',
  });
  return {
    provision: await role(emulator, 'analytics-studio-provision'),
    deploy: await role(emulator, 'analytics-studio-deploy'),
  };
}

async function role(emulator: EmulatorHandle, RoleName: string): Promise<string> {
  const trust = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: `arn:aws:iam::${account}:oidc-provider/${issuer}` },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: { StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com', [`${issuer}:sub`]: subject } },
      },
    ],
  };
  await iam(emulator, 'CreateRole', { RoleName, AssumeRolePolicyDocument: JSON.stringify(trust) });
  await iam(emulator, 'AttachRolePolicy', { RoleName, PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess' });
  return `arn:aws:iam::${account}:role/${RoleName}`;
}
