import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { globalCaller } from '../../shared/aws/global-call.ts';
import { databaseSnapshots } from '../../shared/aws/rds.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';
import { ScriptedAws, type Answer } from '../kit/scripted-aws.ts';

const before = { ...process.env };
let aws: ScriptedAws;
let answer: (index: number) => Answer = () => ({});

beforeEach(async () => {
  aws = await ScriptedAws.start((_, index) => answer(index));
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'AKIA',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL: aws.endpoint,
  });
});
afterEach(() => {
  aws.stop();
  process.env = { ...before };
});

const snapshots = () =>
  databaseSnapshots(
    globalCaller(
      sdkConfig(
        { region: 'eu-central-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 },
        { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
      ),
    ),
  ).ofDatabase('studio-db');

test('asks in the database’s own region for those that stay, page by page', async () => {
  answer = (index) =>
    index === 0
      ? { DBSnapshots: [{ DBSnapshotIdentifier: 'last' }], Marker: 'page 2 & more' }
      : { DBSnapshots: [{ DBSnapshotIdentifier: 'mine' }] };
  expect(await snapshots()).toEqual(['last', 'mine']);
  expect(aws.calls).toMatchObject([
    {
      service: 'rds',
      region: 'eu-central-1',
      operation: 'DescribeDBSnapshots',
      input: { DBInstanceIdentifier: 'studio-db', SnapshotType: 'manual' },
    },
    { input: { Marker: 'page 2 & more' } },
  ]);
});

test('none is none, and a denial is an error with the missing permission', async () => {
  answer = () => ({ DBSnapshots: [] });
  expect(await snapshots()).toEqual([]);
  const message =
    'User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: rds:DescribeDBSnapshots on resource: arn:aws:rds:eu-central-1:1:db:studio-db because no identity-based policy allows the rds:DescribeDBSnapshots action';
  answer = () => ({ __type: 'AccessDenied', message, httpStatus: 403 });
  await expect(snapshots()).rejects.toMatchObject({ code: 'AccessDenied', service: 'RDS' });
});
