import { parseArn } from '../core/arn.ts';
import { ActionError, AwsError } from '../core/errors.ts';
import { explainDenial, parseDenial, s3Action } from '../core/iam-denial.ts';

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
  const { requestId, httpStatusCode, attempts } = metadata(error);
  const suffix = requestId === undefined ? '' : ` (request ${requestId})`;
  const details = { service, operation, requestId, httpStatus: httpStatusCode, attempts, cause: error };
  if (isAccessDenied(code, error.message)) {
    const asked = identity === undefined ? '' : ` for ${identity.role}${claims(identity)}`;
    return new AwsError(code, `${service} ${operation} was denied${asked}: ${readable(error.message)}${suffix}`, {
      ...details,
      hint: denialHint(error.message, call),
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

interface Metadata {
  readonly requestId?: string;
  readonly httpStatusCode?: number;
  readonly attempts?: number;
}

function metadata(error: Error): Metadata {
  const found: unknown = '$metadata' in error ? error.$metadata : undefined;
  if (typeof found !== 'object' || found === null) return {};
  return {
    ...('requestId' in found && typeof found.requestId === 'string' && { requestId: found.requestId }),
    ...('httpStatusCode' in found &&
      typeof found.httpStatusCode === 'number' && { httpStatusCode: found.httpStatusCode }),
    ...('attempts' in found && typeof found.attempts === 'number' && { attempts: found.attempts }),
  };
}

function isAccessDenied(code: string, message: string): boolean {
  return (
    /^(?:AccessDenied|AccessDeniedException|UnauthorizedOperation|UnauthorizedException|AuthorizationError|NotAuthorized|Forbidden)$/.test(
      code,
    ) ||
    / is not authorized to perform: /.test(message) ||
    keyDenied.test(message)
  );
}

/** Secrets Manager, ECR and others say this for a denied kms:Decrypt; KMS itself does not tell "no such key" from "not allowed". */
const keyDenied = /Access to KMS is not allowed|ciphertext refers to a customer (?:master|managed) key/i;
const encoded = /Encoded authorization failure message: ([\w-]{40,})/;

/** Some thousand encoded characters help nobody in a message; the hint has them, with the command that decodes them. */
function readable(message: string): string {
  return message.replace(encoded, (_, text: string) => `Encoded authorization failure message: ${text.slice(0, 12)}…`);
}

/** ECS hands the roles of a task definition on to the tasks; CloudFormation acts with the role that it is given. */
const receivers: Readonly<Record<string, string>> = {
  ECS: 'ecs-tasks.amazonaws.com',
  CloudFormation: 'cloudformation.amazonaws.com',
};

/** The IAM statement that is missing, or who denies explicitly, from AWS's own message. */
export function denialHint(message: string, call: Call): string {
  if (call.operation === 'AssumeRoleWithWebIdentity' && !/with an explicit deny/i.test(message)) {
    return explainTrust(call.identity);
  }
  const code = encoded.exec(message)?.[1];
  const decode =
    code === undefined
      ? ''
      : ` What exactly was denied: aws sts decode-authorization-message --query DecodedMessage --output text --encoded-message ${code}`;
  if (keyDenied.test(message)) {
    return `The key of what was read or written may not be used: give the role that runs the action kms:Decrypt (and kms:GenerateDataKey for writing) on that key, in its own policy and in the key policy.${decode}`;
  }
  const denial = parseDenial(message) ?? {
    principal: undefined,
    action: actionOf(call),
    resource: '*',
    kind: 'missing',
    policy: '',
  };
  const passedTo = receivers[call.service];
  const { fix } = explainDenial(denial, {
    passedTo,
    ...(denial.principal === undefined ? { holder: 'the role that runs the action' } : {}),
  });
  return `${fix}.${decode}`;
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

/** The `sub` of an OIDC token; undefined when there is none. */
export function tokenSubject(token: string): string | undefined {
  const subject = jwtPayload(token).get('sub');
  return typeof subject === 'string' ? subject : undefined;
}

function jwtPayload(token: string): ReadonlyMap<string, unknown> {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return new Map(Object.entries(payload ?? {}));
  } catch {
    return new Map();
  }
}

/** The IAM action of a call. */
function actionOf({ service, operation }: Call): string {
  const prefix = service
    .toLowerCase()
    .replace('cloudwatchlogs', 'logs')
    .replace('elasticloadbalancingv2', 'elasticloadbalancing')
    .replace('applicationautoscaling', 'application-autoscaling');
  return prefix === 's3' ? s3Action(operation) : `${prefix}:${operation}`;
}
