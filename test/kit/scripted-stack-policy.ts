import type { Change } from './scripted-cloudformation-model.ts';

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Condition?: { readonly StringEquals: { readonly ResourceType: string | readonly string[] } };
}

/** Why a stack's policy does not let a change be made, as AWS words it; undefined where it does. */
export function denialByPolicy(
  policy: string | undefined,
  { action, id, type, replacement }: Change,
): string | undefined {
  if (policy === undefined || action === 'Add') return undefined;
  const asked = action === 'Remove' ? 'Update:Delete' : replacement === 'False' ? 'Update:Modify' : 'Update:Replace';
  const resource = `LogicalResourceId/${id}`;
  const { Statement: statements } = JSON.parse(policy) as { readonly Statement: readonly Statement[] };
  const applies = ({ Action, Resource, NotResource, Condition }: Statement): boolean =>
    (list(Action).includes('Update:*') || list(Action).includes(asked)) &&
    (NotResource === undefined
      ? list(Resource).some((one) => one === '*' || one === resource)
      : !list(NotResource).includes(resource)) &&
    (Condition === undefined || list(Condition.StringEquals.ResourceType).includes(type));
  const denying = statements.findIndex((statement) => statement.Effect === 'Deny' && applies(statement));
  if (denying < 0 && statements.some((statement) => statement.Effect === 'Allow' && applies(statement)))
    return undefined;
  return `Action denied by stack policy: Statement [#${denying + 1}] does not allow [${asked}] for resource [${resource}]`;
}

function list(value: string | readonly string[] = []): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}
