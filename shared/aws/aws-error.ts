import { ActionError, AwsError } from '../core/errors.ts';

export interface Call {
  readonly service: string;
  readonly operation: string;
}

/** Turns what the SDK throws into an `AwsError`; errors of ours (no OIDC token …) pass as they are. */
export function toAwsError(error: unknown, { service, operation }: Call): Error {
  if (error instanceof ActionError) return error;
  if (!(error instanceof Error))
    return new AwsError('Unknown', `${service} ${operation}: ${String(error)}`, { service, operation, cause: error });
  const code = error.name === 'Error' ? 'Unknown' : error.name;
  const { requestId, httpStatusCode } = metadata(error);
  const suffix = requestId === undefined ? '' : ` (request ${requestId})`;
  const details = { service, operation, requestId, httpStatus: httpStatusCode, cause: error };
  if (isAccessDenied(code, error.message)) {
    const { hint } = explainDenial(error.message, { service, operation });
    return new AwsError(code, `${service} ${operation} was denied: ${error.message}${suffix}`, {
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
  const action =
    /not authorized to perform: ([\w-]+:[\w*]+)/.exec(message)?.[1] ?? `${iamPrefix(call.service)}:${call.operation}`;
  const resource = /on resource: (\S+?)(?:\s|$)/.exec(message)?.[1] ?? '*';
  const statement = JSON.stringify({ Effect: 'Allow', Action: action, Resource: resource });
  return { hint: `Add this statement to the policy of the role that runs the action: ${statement}` };
}

function iamPrefix(service: string): string {
  return service
    .toLowerCase()
    .replace('cloudwatchlogs', 'logs')
    .replace('elasticloadbalancingv2', 'elasticloadbalancing');
}
