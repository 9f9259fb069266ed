import {
  CreateTargetGroupCommand,
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, test } from '@jest/globals';
import { loadBalancers } from '../../shared/aws/elbv2.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';

test('the health of a target group’s targets, and a group that is not there', async () => {
  // An account of this file's own.
  process.env['AWS_ACCESS_KEY_ID'] = '313131313131';
  const config = sdkConfig(
    { region: 'us-east-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 },
    { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
  );
  const client = new ElasticLoadBalancingV2Client(config);
  const { TargetGroups = [] } = await client.send(
    new CreateTargetGroupCommand({ Name: 'api', Protocol: 'HTTP', Port: 8000, VpcId: 'vpc-1', TargetType: 'ip' }),
  );
  const arn = TargetGroups[0]!.TargetGroupArn!;
  await client.send(new RegisterTargetsCommand({ TargetGroupArn: arn, Targets: [{ Id: '127.0.0.2', Port: 9 }] }));
  expect(await loadBalancers(config).targetHealth(arn)).toMatchObject([
    { id: '127.0.0.2', port: 9, state: expect.stringMatching(/^[a-z.]+$/) as unknown },
  ]);
  await expect(loadBalancers(config).targetHealth(`${arn}gone`)).rejects.toMatchObject({
    service: 'ElasticLoadBalancingV2',
    operation: 'DescribeTargetHealth',
  });
});
