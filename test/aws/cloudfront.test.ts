import { CloudFrontClient, CreateDistributionCommand, ListInvalidationsCommand } from '@aws-sdk/client-cloudfront';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cdn } from '../../shared/aws/cloudfront.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';
import { CloudFrontStub } from '../kit/cloudfront-stub.ts';

process.env['AWS_ACCESS_KEY_ID'] = '555555555555';
process.env['AWS_SECRET_ACCESS_KEY'] = 'test';

const alias = 'www.slipway-viewers.example';
const config = sdkConfig(
  { region: 'us-east-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 },
  { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
);
const sdk = new CloudFrontClient({ region: 'us-east-1' });
const port = cdn(config);
let distributionId = '';

beforeAll(async () => {
  const { Distribution } = await sdk.send(
    new CreateDistributionCommand({
      DistributionConfig: {
        CallerReference: 'test',
        Comment: '',
        Enabled: true,
        Aliases: { Quantity: 1, Items: [alias] },
        Origins: {
          Quantity: 1,
          Items: [
            { Id: 's3', DomainName: 'site.s3.us-east-1.amazonaws.com', S3OriginConfig: { OriginAccessIdentity: '' } },
          ],
        },
        DefaultCacheBehavior: {
          TargetOriginId: 's3',
          ViewerProtocolPolicy: 'allow-all',
          CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6',
        },
      },
    }),
  );
  distributionId = Distribution?.Id ?? '';
});
afterAll(() => sdk.destroy());

const made = async () =>
  (await sdk.send(new ListInvalidationsCommand({ DistributionId: distributionId }))).InvalidationList?.Items ?? [];

test('the port: finds distributions, makes an invalidation once, reads it, says what is wrong', async () => {
  expect(await port.distributions()).toContainEqual({
    id: distributionId,
    domainName: expect.stringContaining('cloudfront') as unknown,
    aliases: [alias],
  });
  const asked = { distributionId, callerReference: 'once', paths: ['/a%20b', '/x*'] };
  const first = await port.invalidate(asked);
  expect(first).toMatchObject({ id: expect.stringMatching(/^I/), createdAt: expect.any(Number) });
  expect(Math.abs(Date.now() - first.createdAt)).toBeLessThan(600_000);
  expect(await port.invalidate(asked)).toEqual(first);
  expect(await port.invalidation(distributionId, first.id)).toMatchObject({ status: 'Completed' });
  expect(await made()).toHaveLength(1);
  await expect(port.invalidate({ ...asked, paths: ['/other'] })).rejects.toMatchObject({
    code: 'InvalidationBatchAlreadyExists',
  });
  await expect(port.invalidate({ ...asked, distributionId: 'ENONE000000000' })).rejects.toMatchObject({
    code: 'NoSuchDistribution',
    httpStatus: 404,
  });
});

test('tries an invalidation twice by itself, and looks for a distribution for longer: there nobody else waits', async () => {
  const stub = await CloudFrontStub.start();
  try {
    const patient = { ...config, endpoint: stub.endpoint };
    stub.add({ id: 'E1' });
    const unavailable = { error: 'ServiceUnavailable', status: 503 };
    stub.breakAll('CreateInvalidation', unavailable);
    const asked = { distributionId: 'E1', callerReference: 'r', paths: ['/'] };
    await expect(cdn(patient).invalidate(asked)).rejects.toMatchObject({ httpStatus: 503 });
    expect(stub.calls).toHaveLength(2);
    stub.breakNext('ListDistributions', unavailable, unavailable, unavailable, unavailable);
    expect(await cdn(patient).distributions()).toMatchObject([{ id: 'E1' }]);
  } finally {
    stub.stop();
  }
});
