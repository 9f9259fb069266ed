import { DescribeLoadBalancersCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Environment, GuideItem } from './guide.ts';
import type { Xml } from './guide-aws.ts';

const steps = 'Phase 1: Infrastructure Setup';
const practices = 'Network Security';

export function one<T>(found: readonly T[], what: string): T {
  if (found.length !== 1) throw new Error(`${found.length} of ${what}`);
  return found[0]!;
}

export const sorted = (texts: readonly string[]): string => [...texts].sort(byNumber).join(', ') || 'none';

/** `10.0.2.0` before `10.0.10.0`. */
const byNumber = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

const filter = (name: string, value: string): Readonly<Record<string, string>> => ({
  'Filter.1.Name': name,
  'Filter.1.Value.1': value,
});

export async function vpcOf({ aws, name }: Environment): Promise<Xml> {
  const found = await aws.ec2('DescribeVpcs', filter('tag:Name', `${name}-vpc`));
  return one(found.list('vpcSet'), `${name}-vpc`);
}

interface SubnetOf {
  readonly id: string;
  readonly cidr: string;
  readonly zone: string;
  /** What its default route leads to: `igw`, `nat`, or nothing. */
  readonly out: string;
  readonly target: string;
}

export async function subnetsOf(environment: Environment): Promise<readonly SubnetOf[]> {
  const { aws } = environment;
  const vpc = (await vpcOf(environment)).text('vpcId');
  const subnets = (await aws.ec2('DescribeSubnets', filter('vpc-id', vpc))).list('subnetSet');
  const tables = (await aws.ec2('DescribeRouteTables', filter('vpc-id', vpc))).list('routeTableSet');
  return subnets.map((subnet) => {
    const id = subnet.text('subnetId');
    const table = tables.find((item) => item.list('associationSet').some((other) => other.text('subnetId') === id));
    const route = table?.list('routeSet').find((item) => item.text('destinationCidrBlock') === '0.0.0.0/0');
    const target = route?.text('natGatewayId') || route?.text('gatewayId') || '';
    return {
      id,
      cidr: subnet.text('cidrBlock'),
      zone: subnet.text('availabilityZone'),
      out: target.split('-')[0] ?? '',
      target,
    };
  });
}

const isPublic = ({ out }: SubnetOf): boolean => out === 'igw';

export async function natGatewaysOf(environment: Environment): Promise<readonly Xml[]> {
  const vpc = (await vpcOf(environment)).text('vpcId');
  const found = await environment.aws.ec2('DescribeNatGateways', filter('vpc-id', vpc));
  return found.list('natGatewaySet').filter((item) => item.text('state') === 'available');
}

/** Who may come in, in words: `tcp 5432 from sg-1`. */
export async function ingress(environment: Environment, group: string): Promise<readonly string[]> {
  const found = await environment.aws.ec2('DescribeSecurityGroups', { 'GroupId.1': group });
  return one(found.list('securityGroupInfo'), group)
    .list('ipPermissions')
    .flatMap((rule) => {
      const [from, to] = [rule.text('fromPort'), rule.text('toPort')];
      const ports = `${rule.text('ipProtocol')} ${from === to ? from : `${from}-${to}`}`;
      return [
        ...rule.list('ipRanges').map((item) => item.text('cidrIp')),
        ...rule.list('ipv6Ranges').map((item) => item.text('cidrIpv6')),
        ...rule.list('groups').map((item) => item.text('groupId')),
        ...rule.list('prefixListIds').map((item) => item.text('prefixListId')),
      ].map((who) => `${ports} from ${who}`);
    });
}

export const tasksGroup = ({ outputs }: Environment): string => outputs['task-security-group-id'] ?? '';

export async function balancerOf({ aws, name }: Environment) {
  const found = await aws.elb.send(new DescribeLoadBalancersCommand({ Names: [`${name}-alb`] }));
  return one(found.LoadBalancers ?? [], `${name}-alb`);
}

const production = ({ tier }: Environment): boolean => tier !== 'development';
const development = ({ tier }: Environment): boolean => tier === 'development';

export const networkItems: readonly GuideItem[] = [
  {
    item: 'VPC',
    guide: steps,
    expected: '10.0.0.0/16',
    found: async (environment) => (await vpcOf(environment)).text('cidrBlock'),
  },
  {
    item: 'Name of the VPC',
    guide: steps,
    expected: ({ name }) => `${name}-vpc`,
    found: async (environment) => {
      const tags = (await vpcOf(environment)).list('tagSet');
      return tags.find((tag) => tag.text('key') === 'Name')?.text('value') ?? 'none';
    },
  },
  {
    item: 'Public subnets (2), by their routes',
    guide: steps,
    expected: '10.0.1.0/24, 10.0.2.0/24',
    found: async (environment) => sorted((await subnetsOf(environment)).filter(isPublic).map(({ cidr }) => cidr)),
  },
  {
    item: 'Private subnets (2), by their routes',
    guide: steps,
    expected: '10.0.10.0/24, 10.0.11.0/24',
    found: async (environment) =>
      sorted((await subnetsOf(environment)).filter((subnet) => !isPublic(subnet)).map(({ cidr }) => cidr)),
  },
  {
    item: 'Zones of the public and of the private subnets',
    guide: 'AWS Services Breakdown: Database (Multi-AZ)',
    expected: '2 and 2, the same',
    found: async (environment) => {
      const subnets = await subnetsOf(environment);
      const zones = [subnets.filter(isPublic), subnets.filter((subnet) => !isPublic(subnet))].map(
        (some) => new Set(some.map(({ zone }) => zone)),
      );
      const [open, closed] = zones;
      const same = sorted([...open!]) === sorted([...closed!]) ? ', the same' : '';
      return `${open!.size} and ${closed!.size}${same}`;
    },
  },
  {
    item: 'NAT gateway for outbound access',
    guide: practices,
    expected: ({ tier }) => (tier === 'production-medium' ? '2 in 2 zones' : '1 in 1 zones'),
    found: async (environment) => {
      const gateways = await natGatewaysOf(environment);
      const subnets = await subnetsOf(environment);
      const places = gateways.map((item) => subnets.find(({ id }) => id === item.text('subnetId')));
      if (!places.every((subnet) => subnet?.out === 'igw')) return 'in a private subnet';
      return `${gateways.length} in ${new Set(places.map((subnet) => subnet?.zone)).size} zones`;
    },
    where: production,
  },
  {
    item: 'NAT gateway for outbound access',
    guide: practices,
    expected: 'none',
    found: async (environment) => ((await natGatewaysOf(environment)).length === 0 ? 'none' : 'some'),
    where: development,
    differs:
      'the guide’s $50-80 for development has no room for one ($33 and traffic): tasks run in public subnets, with addresses of their own, behind a closed security group',
  },
  {
    item: 'The private subnets’ way out',
    guide: practices,
    expected: ({ tier }) => (tier === 'production-medium' ? 'nat and nat, 2 gateways' : 'nat and nat, 1 gateways'),
    found: async (environment) => {
      const closed = (await subnetsOf(environment)).filter((subnet) => !isPublic(subnet));
      const targets = new Set(closed.map(({ target }) => target));
      return `${closed.map(({ out }) => out).join(' and ')}, ${targets.size} gateways`;
    },
    where: production,
  },
  {
    item: 'S3 without NAT: gateway endpoint on every route table',
    guide: 'Cost Estimation (the guide forgets NAT)',
    expected: 'Gateway, every subnet',
    found: async (environment) => {
      const { aws } = environment;
      const vpc = (await vpcOf(environment)).text('vpcId');
      const endpoints = (await aws.ec2('DescribeVpcEndpoints', filter('vpc-id', vpc))).list('vpcEndpointSet');
      const endpoint = one(
        endpoints.filter((item) => item.text('serviceName') === `com.amazonaws.${aws.region}.s3`),
        'S3 endpoints',
      );
      const on = endpoint.list('routeTableIdSet').map(({ own }) => own);
      const tables = (await aws.ec2('DescribeRouteTables', filter('vpc-id', vpc))).list('routeTableSet');
      const used = tables.filter((table) => table.list('associationSet').some((item) => item.text('subnetId') !== ''));
      const all = used.every((table) => on.includes(table.text('routeTableId')));
      return `${endpoint.text('vpcEndpointType')}, ${all ? 'every subnet' : 'not every subnet'}`;
    },
  },
  {
    item: 'Security groups: the database is reached by the tasks alone',
    guide: practices,
    expected: (environment) => `tcp 5432 from ${tasksGroup(environment)}`,
    found: async (environment) => {
      const answer = await environment.aws.rds('DescribeDBInstances', {
        DBInstanceIdentifier: `${environment.name}-db`,
      });
      const groups = answer.list('VpcSecurityGroups').map((item) => item.text('VpcSecurityGroupId'));
      return sorted((await Promise.all(groups.map((group) => ingress(environment, group)))).flat());
    },
  },
  {
    item: 'Security groups: the load balancer alone reaches the tasks',
    guide: practices,
    // On an instance each task gets some port of Docker's own range.
    expected: ({ compute }) => `tcp ${compute === 'ec2' ? '32768-65535' : '8000'} from the load balancer`,
    found: async (environment) => {
      const balancer = await balancerOf(environment);
      const inside = await ingress(environment, tasksGroup(environment));
      const known = (balancer.SecurityGroups ?? []).reduce(
        (texts, id) => texts.replaceAll(id, 'the load balancer'),
        sorted(inside),
      );
      return known;
    },
  },
  {
    item: 'Security groups: the load balancer is open to the internet',
    guide: 'Backend (API): URLs',
    expected: 'tcp 80 from 0.0.0.0/0, tcp 443 from 0.0.0.0/0',
    found: async (environment) => balancerIngress(environment),
    where: ({ domain }) => domain !== undefined,
  },
  {
    item: 'Security groups: the load balancer is open to the internet',
    guide: 'Backend (API): URLs',
    expected: 'tcp 80 from CloudFront’s prefix list',
    found: async (environment) =>
      (await balancerIngress(environment)).replace(/from pl-[0-9a-f]+/, 'from CloudFront’s prefix list'),
    where: ({ domain }) => domain === undefined,
    differs: 'without a domain there is no certificate for it: CloudFront serves the API, and nobody else reaches it',
  },
  {
    item: 'Security groups: the tasks reach the internet (OpenAI API)',
    guide: 'Architecture Diagram: OpenAI API (External)',
    expected: 'everything to 0.0.0.0/0',
    found: async (environment) => {
      const found = await environment.aws.ec2('DescribeSecurityGroups', { 'GroupId.1': tasksGroup(environment) });
      const rules = found.list('securityGroupInfo', 'item', 'ipPermissionsEgress');
      return sorted(
        rules.flatMap((rule) => {
          const protocol = rule.text('ipProtocol');
          return rule
            .list('ipRanges')
            .map((range) => `${protocol === '-1' ? 'everything' : protocol} to ${range.text('cidrIp')}`);
        }),
      );
    },
  },
  {
    item: 'RDS in private subnets, no public access',
    guide: practices,
    expected: 'false, 10.0.10.0/24, 10.0.11.0/24',
    found: async (environment) => {
      const answer = await environment.aws.rds('DescribeDBInstances', {
        DBInstanceIdentifier: `${environment.name}-db`,
      });
      const group = answer.text('DBSubnetGroup', 'DBSubnetGroupName');
      const groups = await environment.aws.rds('DescribeDBSubnetGroups', { DBSubnetGroupName: group });
      const ids = groups.list('Subnets').map((item) => item.text('SubnetIdentifier'));
      const subnets = (await subnetsOf(environment)).filter(({ id }) => ids.includes(id));
      return `${answer.text('PubliclyAccessible')}, ${sorted(subnets.map(({ cidr }) => cidr))}`;
    },
  },
  {
    item: 'VPC flow logs',
    guide: practices,
    expected: 'ALL, ACTIVE, cloud-watch-logs',
    found: flowLogs,
    where: production,
  },
  {
    item: 'VPC flow logs',
    guide: practices,
    expected: 'none',
    found: flowLogs,
    where: development,
    differs: 'left out of development for its price; the parameter FlowLogs turns them on',
  },
];

async function balancerIngress(environment: Environment): Promise<string> {
  const groups = (await balancerOf(environment)).SecurityGroups ?? [];
  return sorted((await Promise.all(groups.map((group) => ingress(environment, group)))).flat());
}

async function flowLogs(environment: Environment): Promise<string> {
  const vpc = (await vpcOf(environment)).text('vpcId');
  const found = (await environment.aws.ec2('DescribeFlowLogs', filter('resource-id', vpc))).list('flowLogSet');
  return sorted(
    found.map((item) => ['trafficType', 'flowLogStatus', 'logDestinationType'].map((key) => item.text(key)).join(', ')),
  );
}
