import { parseArn } from './arn.ts';

/**
 * What AWS says when IAM denies a call, in one of the forms of
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
 */
export interface Denial {
  /** ARN of who asked; undefined where AWS does not say. */
  readonly principal: string | undefined;
  /** `ecs:UpdateService` */
  readonly action: string;
  /** An ARN, or `*` where AWS names none. */
  readonly resource: string;
  /**
   * `missing`: no policy allows it. `resource`: the resource's own policy has to. `ceiling`: a boundary, SCP or the like does not allow it.
   * `explicit`: a policy forbids it, and no added permission helps.
   */
  readonly kind: 'missing' | 'resource' | 'ceiling' | 'explicit';
  /** Kind of the policy that decides, `service control policy`, with its ARN where AWS gives it; `''` for `missing`. */
  readonly policy: string;
}

/** Undefined when `text` (an error, a log line) tells of no denied action. */
export function parseDenial(text: string): Denial | undefined {
  const action = /not authorized to perform:? ([\w-]+:[\w*]+)/.exec(text)?.[1];
  if (action === undefined) return undefined;
  const rest = text.slice(text.indexOf(action));
  const resource = /on (?:the )?(?:following )?resource:? [\\"']*([^\s\\"']+)/.exec(rest)?.[1]?.replace(/[.,;]+$/, '');
  return {
    principal: /\b(?:User|Principal): (arn:[^\s"']+)/.exec(text)?.[1],
    action,
    resource: resource ?? '*',
    ...decider(rest),
  };
}

function decider(text: string): Pick<Denial, 'kind' | 'policy'> {
  const deny = /explicit deny(?: in (?:an? |the )?([\w -]+?)(?: policy)?(?=[:.,;]|\s*$)(?:: (arn:[^\s"']+))?)?/i.exec(
    text,
  );
  if (deny !== null) {
    const [, name, arn] = deny;
    const policy = name === undefined ? 'policy' : `${name} policy`;
    return { kind: 'explicit', policy: arn === undefined ? policy : `${policy}, ${arn.replace(/[.,;]+$/, '')}` };
  }
  const policy = /because no ([\w -]+?) allows/i.exec(text)?.[1] ?? 'identity-based policy';
  if (/resource-based/i.test(policy)) return { kind: 'resource', policy };
  return /identity-based/i.test(policy) ? { kind: 'missing', policy: '' } : { kind: 'ceiling', policy };
}

/** The role behind a session: `arn:aws:sts::1:assumed-role/<name>/<session>` is of `arn:aws:iam::1:role/<name>` (a path of it is not told). */
export function roleOf(principal: string | undefined): { readonly name: string; readonly arn: string } | undefined {
  const arn = parseArn(principal ?? '');
  const name = /^assumed-role\/([^/]+)/.exec(arn?.resource ?? '')?.[1];
  if (arn === undefined || name === undefined) return undefined;
  return { name, arn: `arn:${arn.partition}:iam::${arn.account}:role/${name}` };
}

/** Why, and what to change. `holder` is who lacks the permission, in words; by default what the denial names. */
export function explainDenial(
  denial: Denial,
  {
    holder = holderOf(denial),
    passedTo,
  }: {
    readonly holder?: string;
    /** The service that a role is passed to: `ecs-tasks.amazonaws.com`. */
    readonly passedTo?: string | undefined;
  } = {},
): { readonly cause: string; readonly fix: string } {
  const { action, resource, kind, policy } = denial;
  const what = `${action} on ${resource}`;
  switch (kind) {
    case 'explicit':
      return {
        cause: `an explicit deny (${policy}) forbids ${holder} ${what}`,
        fix: `No added permission helps: change that explicit deny (${policy}), or whoever keeps it has to`,
      };
    case 'ceiling':
      return {
        cause: `no ${policy} allows ${what}; the own policy of ${holder} is not the obstacle`,
        fix: `Let the ${policy} allow ${what}; it limits what every policy of ${holder} can give`,
      };
    case 'resource':
      return {
        cause: `the policy of the resource itself does not let ${holder} do ${what}`,
        fix: `Add this statement to the ${resourcePolicy(action)} of ${resource}: ${allowing(denial, passedTo, true)}`,
      };
    case 'missing':
      return {
        cause: `${holder} has no permission for ${what}`,
        fix: `Add this statement to the policy of ${holder}: ${allowing(denial, passedTo, false)}${keyPolicy(action)}`,
      };
  }
}

function holderOf({ principal }: Denial): string {
  const role = roleOf(principal);
  return role === undefined ? (principal ?? 'the role that asked') : `the role ${role.name}`;
}

function allowing({ action, resource, principal }: Denial, passedTo: string | undefined, inResource: boolean): string {
  const onResource = action.startsWith('kms:') ? '*' : resource;
  return JSON.stringify({
    Effect: 'Allow',
    ...(inResource ? { Principal: { AWS: roleOf(principal)?.arn ?? principal ?? '<role>' } } : {}),
    Action: action,
    Resource: inResource ? onResource : resource,
    ...(action === 'iam:PassRole' && passedTo !== undefined
      ? { Condition: { StringEquals: { 'iam:PassedToService': passedTo } } }
      : {}),
  });
}

function resourcePolicy(action: string): string {
  const service = action.slice(0, action.indexOf(':'));
  const names: Readonly<Record<string, string>> = {
    kms: 'key policy',
    s3: 'bucket policy',
    ecr: 'repository policy',
    secretsmanager: 'resource policy',
    sts: 'trust policy',
  };
  return names[service] ?? 'policy';
}

/** A key obeys its own policy first: https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html */
function keyPolicy(action: string): string {
  return action.startsWith('kms:') ? ' (and the key’s own policy has to allow it or leave it to IAM)' : '';
}

/** S3's IAM actions are not named as its operations: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html */
export function s3Action(operation: string): string {
  const actions: Readonly<Record<string, string>> = {
    ListObjects: 'ListBucket',
    ListObjectsV2: 'ListBucket',
    HeadBucket: 'ListBucket',
    HeadObject: 'GetObject',
    CopyObject: 'PutObject',
    DeleteObjects: 'DeleteObject',
    CreateMultipartUpload: 'PutObject',
    UploadPart: 'PutObject',
    CompleteMultipartUpload: 'PutObject',
  };
  return `s3:${actions[operation] ?? operation}`;
}
