import {
  CreatePolicyVersionCommand,
  DeletePolicyVersionCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  ListAttachedRolePoliciesCommand,
} from '@aws-sdk/client-iam';
import type { Right, Role } from './model.ts';
import type { Decision, Place } from './place.ts';

export interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: object;
}

export interface Policy {
  readonly arn: string;
  /** As bootstrap.yml calls it. */
  readonly name: string;
  readonly statements: readonly Statement[];
}

const list = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value);

const templateNames: Readonly<Record<Role, string>> = {
  plan: 'PlanPolicy',
  apply: 'ApplyPolicy',
  'deploy-backend': 'DeployBackendPolicy',
  'deploy-frontend': 'DeployFrontendPolicy',
};

/** The policies of a role as they are in the account, where CloudFormation has resolved every name. */
export async function policiesOf({ aws, name }: Place, role: Role): Promise<readonly Policy[]> {
  const { AttachedPolicies = [] } = await aws.iam.send(
    new ListAttachedRolePoliciesCommand({ RoleName: `${name}-${role}` }),
  );
  return Promise.all(
    AttachedPolicies.map(async ({ PolicyArn = '', PolicyName = '' }) => {
      const answer = await aws.iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: 'v1' }));
      const document = JSON.parse(decodeURIComponent(answer.PolicyVersion?.Document ?? '')) as {
        readonly Statement: readonly Statement[];
      };
      const kind = PolicyName.slice(name.length + 1) as Role;
      return { arn: PolicyArn, name: templateNames[kind], statements: document.Statement };
    }),
  );
}

export const rightsOf = (policies: readonly Policy[]): readonly Right[] =>
  policies.flatMap(({ name, statements }) =>
    statements.flatMap(({ Sid, Action }) => list(Action).map((action) => ({ policy: name, sid: Sid, action }))),
  );

/** The policy without one action of one statement. */
function without({ statements }: Policy, { sid, action }: Right): string {
  const left = statements.flatMap((statement) => {
    if (statement.Sid !== sid) return [statement];
    const actions = list(statement.Action).filter((one) => one !== action);
    return actions.length === 0 ? [] : [{ ...statement, Action: actions }];
  });
  return documentOf(left);
}

const documentOf = (statements: readonly Statement[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });

/** Takes one right away from the role, as an administrator; the returned function gives it back. */
export async function take(place: Place, role: Role, right: Right): Promise<() => Promise<void>> {
  const { iam } = place.aws;
  const policy = (await policiesOf(place, role)).find(({ name }) => name === right.policy);
  if (policy === undefined) throw new Error(`${role} has no ${right.policy}`);
  const PolicyArn = policy.arn;
  const become = async (PolicyDocument: string): Promise<string> => {
    const version = { PolicyArn, PolicyDocument, SetAsDefault: true };
    return (await iam.send(new CreatePolicyVersionCommand(version))).PolicyVersion?.VersionId ?? '';
  };
  const before = (await iam.send(new GetPolicyCommand({ PolicyArn }))).Policy?.DefaultVersionId ?? '';
  const lacking = await become(without(policy, right));
  return async () => {
    // A policy keeps five versions; the first one is what it was made with.
    await become(documentOf(policy.statements));
    const old = [lacking, ...(before === 'v1' ? [] : [before])];
    for (const VersionId of old) await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId }));
  };
}

/** Whether a decision may rest on this statement, by action and resource. */
export function restsOn({ action, resource }: Decision, right: Right, policies: readonly Policy[]): boolean {
  if (action.toLowerCase() !== right.action.toLowerCase()) return false;
  const statement = policies
    .find(({ name }) => name === right.policy)
    ?.statements.find(({ Sid, Action }) => Sid === right.sid && list(Action).includes(right.action));
  return statement !== undefined && list(statement.Resource).some((pattern) => like(pattern, resource));
}

function like(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.\\+^$()[\]{}|]/g, '\\$&').replaceAll('?', '.'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text);
}
