import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { cloudFormationStacks, type ChangeSetRequest, type Stacks } from '../../shared/aws/cloudformation.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';
import { ScriptedAws } from '../kit/scripted-aws.ts';
import { CloudFormationWorld } from '../kit/scripted-cloudformation.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';
import { root } from '../tools/actions.ts';
import { environment as awsEnvironment, loadStories, parseStories, playStory } from './provision-env.stories.ts';

const stories = loadStories(join(root, 'test/timelines/provision-env'));

const environment = { ...process.env };
beforeAll(() => {
  // The SDK waits a random part of its back-off in real time between two tries: here none, as no clock can be given to it.
  jest.spyOn(Math, 'random').mockReturnValue(0);
});
afterAll(() => {
  jest.restoreAllMocks();
  process.env = environment;
});

describe('stories', () => {
  for (const story of stories) {
    const { todo, title } = story;
    const declare = todo === undefined ? test : test.failing;
    declare(todo === undefined ? title : `${title} (known failure: ${todo})`, async () => {
      const wrong = await playStory(story);
      if (wrong.length > 0) throw new Error(wrong.join('\n\n'));
    });
  }
});

describe('the files', () => {
  test('there are at least 30, and a typo is an error', () => {
    expect(stories.length).toBeGreaterThanOrEqual(30);
    const given = (text: string) => () => parseStories(text, 'a.yaml');
    expect(given('[{ name: a, expect: { colour: red, wirtes: {} } }]')).toThrow('unknown key wirtes');
    expect(given('[{ name: a, runs: [{ expect: { coulour: red } }] }]')).toThrow('unknown key coulour');
    expect(given('[{ name: a, given: { executions: { app: [{ fals: {} }] } }, expect: { colour: red } }]')).toThrow(
      'unknown key fals',
    );
    expect(given("[{ name: a, steps: [{ at: 'soon?' }], expect: { colour: red } }]")).toThrow('soon?');
    expect(given('[{ name: a, expect: {} }]')).toThrow('expect.colour');
  });
});

describe('the server is as strict as AWS', () => {
  let clock: VirtualClock;
  let aws: ScriptedAws;
  let stacks: Stacks;
  beforeEach(async () => {
    clock = new VirtualClock(new Date(Date.UTC(2026, 10, 24)));
    const world = new CloudFormationWorld(clock);
    aws = await ScriptedAws.start((call) => world.answer(call));
    Object.assign(process.env, awsEnvironment(aws.endpoint));
    stacks = stacksIn('us-east-1');
  });
  afterEach(() => aws.stop());

  function stacksIn(region: string): Stacks {
    const rest = { roleToAssume: undefined, roleSessionName: 's', roleDurationSeconds: 3600 };
    const idToken = () => Promise.reject(new Error('no token is to be asked for'));
    return cloudFormationStacks(sdkConfig({ region, ...rest }, { idToken, mask: () => undefined }));
  }

  const template = (size: string): string =>
    `Parameters:\n  Size: { Type: String, Default: ${size} }\n  Name: { Type: String }\nResources:\n  Thing: { Type: 'AWS::Test::Thing', Properties: { Size: !Ref Size, Name: !Ref Name } }\n`;
  const request = (name: string, special: Partial<ChangeSetRequest> = {}): ChangeSetRequest => ({
    stack: 'a-app',
    name,
    kind: 'CREATE',
    template: template('1'),
    parameters: new Map([['Name', 'x']]),
    tags: new Map(),
    executionRole: undefined,
    ...special,
  });
  const update = (name: string, size: string): ChangeSetRequest =>
    request(name, { kind: 'UPDATE', template: template(size) });

  /** Created and through. */
  async function created(): Promise<void> {
    const id = await stacks.createChangeSet(request('first'));
    await clock.sleep(3_000);
    await stacks.executeChangeSet(id, { stack: 'a-app', token: 'first' });
    await clock.sleep(5_000);
    expect(await stacks.describe('a-app')).toMatchObject({ status: 'CREATE_COMPLETE' });
  }

  test('what is not there is not there', async () => {
    expect(await stacks.describe('a-app')).toBeUndefined();
    await expect(stacks.events('a-app', undefined)).rejects.toThrow('Stack [a-app] does not exist');
    await expect(stacks.describeChangeSet('arn:x')).rejects.toThrow('ChangeSet [arn:x] does not exist');
    await expect(stacks.createChangeSet(update('one', '2'))).rejects.toThrow('Stack [a-app] does not exist');
    // Only by its id is a removed stack told of.
    await created();
    const { id } = (await stacks.describe('a-app'))!;
    await stacks.deleteStack(id, { token: 'away', executionRole: undefined });
    await clock.sleep(5_000);
    expect(await stacks.describe('a-app')).toBeUndefined();
    expect(await stacks.describe(id)).toMatchObject({ status: 'DELETE_COMPLETE' });
  });

  test('a change set is executed once, when it is worked out, on a stack that is ready', async () => {
    const id = await stacks.createChangeSet(request('first'));
    await expect(stacks.executeChangeSet(id, { stack: 'a-app', token: 'first' })).rejects.toThrow(
      'current status of [CREATE_PENDING]',
    );
    await expect(stacks.deleteChangeSet(id)).rejects.toThrow('currently in progress');
    await clock.sleep(3_000);
    await stacks.executeChangeSet(id, { stack: 'a-app', token: 'first' });
    await stacks.executeChangeSet(id, { stack: 'a-app', token: 'first' }); // the same request again
    await expect(stacks.executeChangeSet(id, { stack: 'a-app', token: 'again' })).rejects.toThrow(
      'execution status of [EXECUTE_IN_PROGRESS]',
    );
    await expect(stacks.createChangeSet(update('second', '2'))).rejects.toThrow(
      'is in CREATE_IN_PROGRESS state and can not be updated',
    );
    await clock.sleep(5_000);
    await expect(stacks.createChangeSet(request('third'))).rejects.toThrow(
      'already exists and cannot be created again',
    );
  });

  test('one execution makes every other change set obsolete', async () => {
    await created();
    const ids = [await stacks.createChangeSet(update('two', '2')), await stacks.createChangeSet(update('three', '3'))];
    await clock.sleep(3_000);
    await stacks.executeChangeSet(ids[0]!, { stack: 'a-app', token: 'two' });
    await clock.sleep(5_000);
    expect(await stacks.describeChangeSet(ids[1]!)).toMatchObject({ status: 'CREATE_COMPLETE', executable: false });
    await expect(stacks.executeChangeSet(ids[1]!, { stack: 'a-app', token: 'three' })).rejects.toThrow(
      'execution status of [OBSOLETE]',
    );
  });

  test('names and tokens are taken once', async () => {
    await created();
    const first = await stacks.createChangeSet(update('two', '2'));
    expect(await stacks.createChangeSet(update('two', '2'))).toBe(first);
    await clock.sleep(3_000);
    await stacks.executeChangeSet(first, { stack: 'a-app', token: 'token' });
    await clock.sleep(5_000);
    const { id } = (await stacks.describe('a-app'))!;
    await expect(stacks.deleteStack(id, { token: 'token', executionRole: undefined })).rejects.toThrow(
      'already exists',
    );
    await expect(stacks.createChangeSet(update('not a name', '3'))).rejects.toThrow('failed to satisfy constraint');
  });

  test('parameters are those of the template, and none is missing', async () => {
    await expect(stacks.createChangeSet(request('one', { parameters: new Map() }))).rejects.toThrow(
      'Parameters: [Name] must have values',
    );
    const unknown = new Map([
      ['Name', 'x'],
      ['Nmae', 'x'],
    ]);
    await expect(stacks.createChangeSet(request('two', { parameters: unknown }))).rejects.toThrow(
      'Parameters: [Nmae] do not exist in the template',
    );
    const previous = new Map([['Name', { previous: true }]] as const);
    await expect(stacks.createChangeSet(request('three', { parameters: previous }))).rejects.toThrow(
      'usePreviousValue',
    );
    await expect(stacks.createChangeSet(request('four', { template: ' '.repeat(51_201) }))).rejects.toThrow('51200');
  });

  test('no change is FAILED, and a running update cannot be removed', async () => {
    await created();
    const same = await stacks.createChangeSet(update('same', '1'));
    const other = await stacks.createChangeSet(update('other', '2'));
    await clock.sleep(3_000);
    expect(await stacks.describeChangeSet(same)).toMatchObject({ status: 'FAILED', executable: false });
    await stacks.executeChangeSet(other, { stack: 'a-app', token: 'other' });
    await expect(stacks.deleteStack('a-app', { token: 'away', executionRole: undefined })).rejects.toThrow(
      'cannot be deleted while in status UPDATE_IN_PROGRESS',
    );
  });

  test('a stack of another region is another stack, at the same endpoint', async () => {
    await created();
    const elsewhere = stacksIn('eu-west-1');
    expect(await elsewhere.describe('a-app')).toBeUndefined();
    await elsewhere.createChangeSet(request('first'));
    expect((await elsewhere.describe('a-app'))?.id).toMatch(/^arn:aws:cloudformation:eu-west-1:/);
    expect((await stacks.describe('a-app'))?.status).toBe('CREATE_COMPLETE');
  });
});
