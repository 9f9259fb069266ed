import { afterEach, expect, test } from '@jest/globals';
import { cloudFormationStacks } from '../../shared/aws/cloudformation.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';
import { ScriptedAws } from '../kit/scripted-aws.ts';
import { environment } from '../shell/provision-env.stories.ts';

const before = { ...process.env };
let aws: ScriptedAws | undefined;
afterEach(() => {
  aws?.stop();
  process.env = { ...before };
});

/** A change set with this one change, as the adapter tells it. */
async function told(change: Readonly<Record<string, unknown>>) {
  const answer = { Status: 'CREATE_COMPLETE', ExecutionStatus: 'AVAILABLE', Changes: [{ ResourceChange: change }] };
  aws = await ScriptedAws.start(() => answer);
  Object.assign(process.env, environment(aws.endpoint));
  const rest = { roleToAssume: undefined, roleSessionName: 's', roleDurationSeconds: 3600 };
  const idToken = () => Promise.reject(new Error('no token is to be asked for'));
  const stacks = cloudFormationStacks(sdkConfig({ region: 'us-east-1', ...rest }, { idToken, mask: () => undefined }));
  const { changes } = await stacks.describeChangeSet('arn:x');
  return changes[0]!;
}

test.each([
  ['Modify', 'True', 'True'],
  ['Modify', 'False', 'False'],
  // AWS leaves it out where it has nothing to say; of a change that is no promise.
  ['Modify', undefined, 'Conditional'],
  ['Dynamic', undefined, 'Conditional'],
  ['Add', undefined, 'False'],
  ['Remove', undefined, 'False'],
])('%s with replacement %s is %s', async (Action, Replacement, replacement) => {
  expect(await told({ Action, Replacement, LogicalResourceId: 'X', ResourceType: 'AWS::Test::Thing' })).toMatchObject({
    replacement,
  });
});

test('a property that changes by itself and because of another resource is a change of its own', async () => {
  const detail = (Name: string, ChangeSource: string, CausingEntity?: string) => ({
    ChangeSource,
    CausingEntity,
    Target: { Attribute: 'Properties', Name, Path: `/Properties/${Name}`, RequiresRecreation: 'Never' },
  });
  const { properties } = await told({
    Action: 'Modify',
    Details: [
      detail('Both', 'ResourceAttribute', 'Key.Arn'),
      detail('Both', 'DirectModification'),
      detail('Other', 'DirectModification'),
      detail('Other', 'ResourceReference', 'Key'),
      detail('Follows', 'ResourceAttribute', 'Key.Arn'),
      detail('Follows', 'ResourceReference', 'Bucket'),
      detail('ByParameter', 'ParameterReference', 'Size'),
    ],
  });
  expect(properties.map(({ name, follows }) => [name, follows])).toEqual([
    ['Both', []],
    ['Other', []],
    ['Follows', ['Key', 'Bucket']],
    ['ByParameter', []],
  ]);
});

test('where a nested property is, what it was and will be, and the worst of what it brings', async () => {
  const target = { Attribute: 'Properties', Name: 'Config', Path: '/Properties/Config/Size' };
  const { properties, policyAction } = await told({
    Action: 'Modify',
    PolicyAction: 'ReplaceAndSnapshot',
    Details: [
      { Target: { ...target, BeforeValue: '1', AfterValue: '2', RequiresRecreation: 'Never' } },
      { Target: { ...target, RequiresRecreation: 'Always' } },
      { Target: { Attribute: 'DeletionPolicy', Path: '/DeletionPolicy', BeforeValue: 'Retain', AfterValue: 'Delete' } },
    ],
  });
  expect(policyAction).toBe('ReplaceAndSnapshot');
  expect(properties).toMatchObject([
    { name: 'Config.Size', before: '1', after: '2', recreation: 'Always' },
    { name: 'DeletionPolicy', before: 'Retain', after: 'Delete' },
  ]);
});
