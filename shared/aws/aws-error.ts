import { parseArn } from '../core/arn.ts';
import { ActionError, AwsError } from '../core/errors.ts';

export interface Call {
  readonly service: string;
  readonly operation: string;
  /** What an AssumeRoleWithWebIdentity asked with. */
  readonly identity?: WebIdentity | undefined;
}

/** The part of an OIDC token that trust policies look at. None of it is secret. */
export interface WebIdentity {
  readonly role: string;
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly audience: string | undefined;
}

/** Turns what the SDK throws into an `AwsError`; errors of ours (no OIDC token …) pass as they are. */
export function toAwsError(error: unknown, call: Call): Error {
  const { service, operation, identity } = call;
  if (error instanceof ActionError) return error;
  if (!(error instanceof Error))
    return new AwsError('Unknown', `${service} ${operation}: ${String(error)}`, { service, operation, cause: error });
  const code = error.name === 'Error' ? 'Unknown' : error.name;
  const { requestId, httpStatusCode } = metadata(error);
  const suffix = requestId === undefined ? '' : ` (request ${requestId})`;
  const details = { service, operation, requestId, httpStatus: httpStatusCode, cause: error };
  if (isAccessDenied(code, error.message)) {
    const { hint } = explainDenial(error.message, call);
    const asked = identity === undefined ? '' : ` for ${identity.role}${claims(identity)}`;
    return new AwsError(code, `${service} ${operation} was denied${asked}: ${error.message}${suffix}`, {
      ...details,
      hint,
      fault: 'user',
    });
  }
  if (code === 'CredentialsProviderError') {
    return new AwsError(code, `${service} ${operation}: no AWS credentials were found`, {
      ...details,
      fault: 'user',
      hint: 'Set role-to-assume (with "permissions: id-token: write"), or run aws-actions/configure-aws-credentials first.',
    });
  }
  return new AwsError(code, `${service} ${operation}: ${code}: ${error.message}${suffix}`, details);
}

function metadata(error: Error): {
  readonly requestId: string | undefined;
  readonly httpStatusCode: number | undefined;
} {
  const found: unknown = '$metadata' in error ? error.$metadata : undefined;
  if (typeof found !== 'object' || found === null) return { requestId: undefined, httpStatusCode: undefined };
  return {
    requestId: 'requestId' in found && typeof found.requestId === 'string' ? found.requestId : undefined,
    httpStatusCode:
      'httpStatusCode' in found && typeof found.httpStatusCode === 'number' ? found.httpStatusCode : undefined,
  };
}

function isAccessDenied(code: string, message: string): boolean {
  return (
    /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|AuthorizationError|Forbidden)$/.test(code) ||
    / is not authorized to perform: /.test(message)
  );
}

/** The IAM statement that is missing, or who denies explicitly, from AWS's own message. */
export function explainDenial(message: string, call: Call): { readonly hint: string } {
  if (/with an explicit deny/i.test(message)) {
    const where = /explicit deny in (?:an? |the )?([\w -]+?)(?: policy)?(?::|$)/i.exec(message)?.[1] ?? 'policy';
    return { hint: `An explicit deny (${where}) forbids this; no added permission helps until that deny is changed.` };
  }
  if (
    /because no (permissions boundary|service control policy|resource control policy|session policy)/i.test(message)
  ) {
    const what = /because no ([\w ]+?) allows/i.exec(message)?.[1] ?? 'boundary';
    return { hint: `The role's own policy is not the obstacle: no ${what} allows the action.` };
  }
  if (call.operation === 'AssumeRoleWithWebIdentity') return { hint: explainTrust(call.identity) };
  const action =
    /not authorized to perform: ([\w-]+:[\w*]+)/.exec(message)?.[1] ?? `${iamPrefix(call.service)}:${call.operation}`;
  const resource = /on resource: (\S+?)(?:\s|$)/.exec(message)?.[1] ?? '*';
  const statement = JSON.stringify({ Effect: 'Allow', Action: action, Resource: resource });
  return { hint: `Add this statement to the policy of the role that runs the action: ${statement}` };
}

function claims({ subject, audience }: WebIdentity): string {
  if (subject === undefined && audience === undefined) return '';
  return ` with a token of sub ${JSON.stringify(subject ?? '')}, aud ${JSON.stringify(audience ?? '')}`;
}

const gitHub = 'token.actions.githubusercontent.com';

/** Who may assume a role is a matter of the role's own trust policy; no permission of whoever asks takes part. */
function explainTrust(identity: WebIdentity | undefined): string {
  const { partition = 'aws', account = '<account>' } = parseArn(identity?.role ?? '') ?? {};
  const issuer = (identity?.issuer ?? gitHub).replace(/^https:\/\//, '');
  const statement = JSON.stringify({
    Effect: 'Allow',
    Principal: { Federated: `arn:${partition}:iam::${account}:oidc-provider/${issuer}` },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: {
      StringEquals: {
        [`${issuer}:aud`]: identity?.audience ?? 'sts.amazonaws.com',
        [`${issuer}:sub`]: identity?.subject ?? 'repo:<owner>/<repository>:ref:refs/heads/<branch>',
      },
    },
  });
  return `The role does not trust this job's token, or there is no such role. Its trust policy (not its permissions) needs this statement: ${statement}`;
}

/** Reads from an input of AssumeRoleWithWebIdentity who asks; undefined for the inputs of all other operations. */
export function webIdentityOf(input: object): WebIdentity | undefined {
  if (!('WebIdentityToken' in input && 'RoleArn' in input)) return undefined;
  const payload = jwtPayload(String(input.WebIdentityToken));
  const text = (claim: string): string | undefined => {
    const value = payload.get(claim);
    return typeof value === 'string' ? value : undefined;
  };
  return { role: String(input.RoleArn), issuer: text('iss'), subject: text('sub'), audience: text('aud') };
}

function jwtPayload(token: string): ReadonlyMap<string, unknown> {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return new Map(Object.entries(payload ?? {}));
  } catch {
    return new Map();
  }
}

function iamPrefix(service: string): string {
  return service
    .toLowerCase()
    .replace('cloudwatchlogs', 'logs')
    .replace('elasticloadbalancingv2', 'elasticloadbalancing');
}
