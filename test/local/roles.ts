import type { EmulatorHandle } from './emulator.ts';

const subject = 'repo:your-org/analytics-studio:environment:production';
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

/** What an administrator prepares once in an account: GitHub as an identity provider, and a role to provision with. */
export async function prepareAccount(emulator: EmulatorHandle): Promise<{ readonly provisionRole: string }> {
  await iam(emulator, 'CreateOpenIDConnectProvider', {
    Url: `https://${issuer}`,
    'ClientIDList.member.1': 'sts.amazonaws.com',
  });
  const trust = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: `arn:aws:iam::000000000000:oidc-provider/${issuer}` },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: { StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com', [`${issuer}:sub`]: subject } },
      },
    ],
  };
  const RoleName = 'analytics-studio-provision';
  await iam(emulator, 'CreateRole', { RoleName, AssumeRolePolicyDocument: JSON.stringify(trust) });
  const PolicyArn = 'arn:aws:iam::aws:policy/AdministratorAccess';
  await iam(emulator, 'AttachRolePolicy', { RoleName, PolicyArn });
  return { provisionRole: `arn:aws:iam::000000000000:role/${RoleName}` };
}

export { subject };
