import { AwsEc2QueryProtocol } from '@aws-sdk/core/protocols';
import {
  ElasticLoadBalancingV2Client,
  type ElasticLoadBalancingV2ClientConfig,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { makeBuilder } from '@smithy/core/client';
import { getEndpointPlugin } from '@smithy/core/endpoints';
import { connect, type SdkConfig } from './sdk-config.ts';

export interface Subnet {
  readonly id: string;
  readonly vpc: string;
  readonly zone: string;
  /** The account; another one's when the subnet is shared. */
  readonly owner: string;
}

export interface Route {
  /** An IPv4 or IPv6 range, or `pl-…`. */
  readonly destination: string;
  /** `igw-…`, `nat-…`, `vpce-…`, `tgw-…`, `local` … */
  readonly target: string;
  /** False for a black hole: what it leads to is gone. */
  readonly active: boolean;
}

export interface RouteTable {
  readonly id: string;
  /** The table of every subnet of the VPC that has none of its own. */
  readonly main: boolean;
  readonly subnets: readonly string[];
  readonly routes: readonly Route[];
}

export interface VpcEndpoint {
  /** `com.amazonaws.us-east-1.ecr.api` */
  readonly service: string;
  /** `Gateway`, `Interface` … */
  readonly type: string;
  readonly available: boolean;
  /** Whether the service's usual name leads to it. */
  readonly privateDns: boolean;
  /** Of a gateway. */
  readonly routeTables: readonly string[];
}

export interface SecurityGroup {
  readonly id: string;
  /** What may leave; the protocol is `-1` (any), `tcp`, `6` … */
  readonly egress: readonly {
    readonly protocol: string;
    readonly fromPort: number | undefined;
    readonly toPort: number | undefined;
  }[];
}

/** What can be known of a network; what does not exist is left out of the answer. */
export interface Networks {
  subnets(ids: readonly string[]): Promise<readonly Subnet[]>;
  securityGroups(ids: readonly string[]): Promise<readonly SecurityGroup[]>;
  routeTables(vpc: string): Promise<readonly RouteTable[]>;
  endpoints(vpc: string): Promise<readonly VpcEndpoint[]>;
}

/**
 * EC2's own client adds a megabyte to a bundle, for four of its seven hundred operations. This is the SDK's EC2 protocol in the
 * load balancers' client: the same signing, retries and endpoint rules. The answers are read as the XML they are:
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html
 */
export function networks(config: SdkConfig): Networks {
  const ec2 = ec2Client(config);
  const ask = async (operation: string, set: string, filter: Filter): Promise<readonly Xml[]> => {
    const parameters: Record<string, string> = { 'Filter.1.Name': filter.name };
    for (const [index, value] of filter.values.entries()) parameters[`Filter.1.Value.${index + 1}`] = value;
    const found: Xml[] = [];
    // A filter that nothing matches is no error, and even a short answer may come in pages.
    for (let token = ''; ;) {
      const page = record(
        await ec2.send(query(operation, token === '' ? parameters : { ...parameters, NextToken: token })),
      );
      found.push(...items(page, set));
      token = text(page, 'nextToken');
      if (token === '') return found;
    }
  };
  return {
    async subnets(ids) {
      const found = await ask('DescribeSubnets', 'subnetSet', { name: 'subnet-id', values: ids });
      return found.map((subnet) => ({
        id: text(subnet, 'subnetId'),
        vpc: text(subnet, 'vpcId'),
        zone: text(subnet, 'availabilityZone'),
        owner: text(subnet, 'ownerId'),
      }));
    },

    async securityGroups(ids) {
      const found = await ask('DescribeSecurityGroups', 'securityGroupInfo', { name: 'group-id', values: ids });
      return found.map((group) => ({
        id: text(group, 'groupId'),
        egress: items(group, 'ipPermissionsEgress').map((rule) => ({
          protocol: text(rule, 'ipProtocol'),
          fromPort: port(rule, 'fromPort'),
          toPort: port(rule, 'toPort'),
        })),
      }));
    },

    async routeTables(vpc) {
      const found = await ask('DescribeRouteTables', 'routeTableSet', { name: 'vpc-id', values: [vpc] });
      return found.map((table) => {
        const associations = items(table, 'associationSet');
        return {
          id: text(table, 'routeTableId'),
          main: associations.some((association) => text(association, 'main') === 'true'),
          subnets: associations.map((association) => text(association, 'subnetId')).filter((id) => id !== ''),
          routes: items(table, 'routeSet').map(toRoute),
        };
      });
    },

    async endpoints(vpc) {
      const found = await ask('DescribeVpcEndpoints', 'vpcEndpointSet', { name: 'vpc-id', values: [vpc] });
      return found
        .filter((endpoint) => text(endpoint, 'vpcId') === vpc)
        .map((endpoint) => ({
          service: text(endpoint, 'serviceName'),
          type: text(endpoint, 'vpcEndpointType'),
          available: text(endpoint, 'state').toLowerCase() === 'available',
          privateDns: text(endpoint, 'privateDnsEnabled') === 'true',
          routeTables: texts(endpoint, 'routeTableIdSet'),
        }));
    },
  };
}

interface Filter {
  readonly name: string;
  readonly values: readonly string[];
}

// ---- The XML, as the SDK parses it: texts, and `item` once or several times in a list ----

type Xml = ReadonlyMap<string, unknown>;

function record(value: unknown): Xml {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

function listed(xml: Xml, set: string): readonly unknown[] {
  const item = record(xml.get(set)).get('item');
  if (Array.isArray(item)) return item;
  return item === undefined ? [] : [item];
}

function items(xml: Xml, set: string): readonly Xml[] {
  return listed(xml, set).map(record);
}

function texts(xml: Xml, set: string): readonly string[] {
  return listed(xml, set).filter((item) => typeof item === 'string');
}

function text(xml: Xml, name: string): string {
  const value = xml.get(name);
  return typeof value === 'string' ? value : '';
}

function port(xml: Xml, name: string): number | undefined {
  const value = text(xml, name);
  return value === '' ? undefined : Number(value);
}

function first(xml: Xml, names: readonly string[]): string {
  return names.map((name) => text(xml, name)).find((value) => value !== '') ?? '';
}

function toRoute(route: Xml): Route {
  const targets = ['natGatewayId', 'transitGatewayId', 'vpcPeeringConnectionId', 'egressOnlyInternetGatewayId'];
  const rarer = [
    'localGatewayId',
    'carrierGatewayId',
    'networkInterfaceId',
    'instanceId',
    'coreNetworkArn',
    'gatewayId',
  ];
  return {
    destination: first(route, ['destinationCidrBlock', 'destinationIpv6CidrBlock', 'destinationPrefixListId']),
    target: first(route, [...targets, ...rarer]),
    active: text(route, 'state') !== 'blackhole',
  };
}

// ---- The client ----

function ec2Client(config: SdkConfig): Sender {
  const settings: ElasticLoadBalancingV2ClientConfig = {
    ...config,
    serviceId: 'EC2',
    protocol: AwsEc2QueryProtocol,
    protocolSettings: {
      defaultNamespace: namespace,
      xmlNamespace: 'http://ec2.amazonaws.com/doc/2016-11-15',
      version: '2016-11-15',
      serviceTarget: 'AmazonEC2',
    },
    httpAuthSchemeProvider: ({ region }) => [
      {
        schemeId: 'aws.auth#sigv4',
        signingProperties: { signingName: 'ec2', signingRegion: region },
        propertiesExtractor: (own: unknown, context: unknown) => ({ signingProperties: { config: own, context } }),
      },
    ],
  };
  const client = connect(ElasticLoadBalancingV2Client, settings);
  // The two services' endpoint rules differ in the name alone.
  const { endpointProvider } = client.config;
  client.config.endpointProvider = (parameters, context) => {
    const endpoint = endpointProvider(parameters, context);
    const url = new URL(endpoint.url);
    url.hostname = url.hostname.replace(/^elasticloadbalancing(?=[.-])/, 'ec2');
    return { ...endpoint, url };
  };
  return client;
}

interface Sender {
  send(command: unknown): Promise<unknown>;
}

const namespace = 'com.amazonaws.ec2';
const endpointParameters = {
  UseFIPS: { type: 'builtInParams', name: 'useFipsEndpoint' },
  Endpoint: { type: 'builtInParams', name: 'endpoint' },
  Region: { type: 'builtInParams', name: 'region' },
  UseDualStack: { type: 'builtInParams', name: 'useDualstackEndpoint' },
} as const;
const command = makeBuilder(endpointParameters, 'AmazonEC2', 'EC2Client', getEndpointPlugin);

/** In the SDK's notation of shapes, 9 is an operation, 3 a structure, 0 a text and 15 whatever the answer holds. */
function query(operation: string, parameters: Readonly<Record<string, string>>): unknown {
  const names = Object.keys(parameters);
  const Command = command({}, () => [], operation, [
    9,
    namespace,
    operation,
    0,
    [3, namespace, `${operation}Request`, 0, names, names.map(() => 0 as const)],
    15,
  ]);
  return new Command(parameters);
}
