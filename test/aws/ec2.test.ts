import { beforeAll, expect, test } from '@jest/globals';
import { networks, type Networks } from '../../shared/aws/ec2.ts';
import { sdkConfig, type SdkConfig } from '../../shared/aws/sdk-config.ts';

const config = (): SdkConfig =>
  sdkConfig(
    { region: 'us-east-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 },
    { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
  );

/** EC2's query API; the emulator tells services and accounts apart by the credential scope. */
async function create(action: string, parameters: Readonly<Record<string, string>>, name: string): Promise<string> {
  const answer = await fetch(process.env['AWS_ENDPOINT_URL']!, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization:
        'AWS4-HMAC-SHA256 Credential=414141414141/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: new URLSearchParams({ Action: action, Version: '2016-11-15', ...parameters }),
  });
  const text = await answer.text();
  const found = new RegExp(`<${name}>([^<]+)<`).exec(text)?.[1];
  if (!answer.ok || found === undefined) throw new Error(`${action}: ${text}`);
  return found;
}

let ec2: Networks;
const made: Record<string, string> = {};
beforeAll(async () => {
  // An account of this file's own.
  process.env['AWS_ACCESS_KEY_ID'] = '414141414141';
  ec2 = networks(config());
  made['vpc'] = await create('CreateVpc', { CidrBlock: '10.9.0.0/16' }, 'vpcId');
  const VpcId = made['vpc'];
  for (const [name, zone] of [
    ['public', 'us-east-1a'],
    ['private', 'us-east-1b'],
  ] as const) {
    const CidrBlock = name === 'public' ? '10.9.1.0/24' : '10.9.2.0/24';
    made[name] = await create('CreateSubnet', { VpcId, CidrBlock, AvailabilityZone: zone }, 'subnetId');
  }
  made['igw'] = await create('CreateInternetGateway', {}, 'internetGatewayId');
  made['table'] = await create('CreateRouteTable', { VpcId }, 'routeTableId');
  const RouteTableId = made['table'];
  const GatewayId = made['igw'];
  await create('CreateRoute', { RouteTableId, DestinationCidrBlock: '0.0.0.0/0', GatewayId }, 'return');
  await create('AssociateRouteTable', { RouteTableId, SubnetId: made['public']! }, 'associationId');
  await create(
    'CreateVpcEndpoint',
    { VpcId, ServiceName: 'com.amazonaws.us-east-1.s3', VpcEndpointType: 'Gateway', 'RouteTableId.1': RouteTableId },
    'vpcEndpointId',
  );
  made['group'] = await create(
    'CreateSecurityGroup',
    { VpcId, GroupName: 'tasks', GroupDescription: 'tasks' },
    'groupId',
  );
});

test('subnets with their zones; one that is not there is left out', async () => {
  const { vpc, public: open, private: closed } = made;
  const found = await ec2.subnets([open!, closed!, 'subnet-0gone']);
  expect(found.toSorted((a, b) => a.zone.localeCompare(b.zone))).toEqual([
    { id: open, vpc, zone: 'us-east-1a', owner: '414141414141' },
    { id: closed, vpc, zone: 'us-east-1b', owner: '414141414141' },
  ]);
  expect(await ec2.subnets(['subnet-0gone'])).toEqual([]);
});

test('route tables: the subnet’s own, and the main one of all others', async () => {
  const tables = await ec2.routeTables(made['vpc']!);
  const own = tables.find(({ id }) => id === made['table']);
  expect(own).toMatchObject({ main: false, subnets: [made['public']] });
  expect(own?.routes).toEqual(
    expect.arrayContaining([
      { destination: '10.9.0.0/16', target: 'local', active: true },
      { destination: '0.0.0.0/0', target: made['igw'], active: true },
    ]),
  );
  expect(tables.filter(({ main }) => main)).toHaveLength(1);
});

test('endpoints, of this VPC only', async () => {
  expect(await ec2.endpoints(made['vpc']!)).toEqual([
    {
      service: 'com.amazonaws.us-east-1.s3',
      type: 'Gateway',
      available: true,
      privateDns: false,
      routeTables: [made['table']],
    },
  ]);
  expect(await ec2.endpoints('vpc-0gone')).toEqual([]);
});

test('what a security group lets out', async () => {
  const groups = await ec2.securityGroups([made['group']!]);
  expect(groups.find(({ id }) => id === made['group'])?.egress).toEqual([
    { protocol: '-1', fromPort: undefined, toPort: undefined },
  ]);
});
