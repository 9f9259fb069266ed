import type { Networks, RouteTable, Subnet, VpcEndpoint } from '../../../shared/aws/ec2.ts';
import type { ImageFinder, ImageLocation, ImageLookup } from '../../../shared/aws/ecr.ts';
import type { TargetGroups } from '../../../shared/aws/elbv2.ts';
import type { Roles } from '../../../shared/aws/iam.ts';
import type { LogGroups } from '../../../shared/aws/logs.ts';
import type { SecretInspector } from '../../../shared/aws/secrets-manager.ts';
import type { Parameters } from '../../../shared/aws/ssm.ts';
import { AwsError } from '../../../shared/core/errors.ts';
import {
  imageLocation,
  imagesOf,
  isForeign,
  leadsOut,
  logGroupKey,
  logGroupsOf,
  networkOf,
  rolesOf,
  routeTableOf,
  runsOnFargate,
  secretReferences,
  type Facts,
  type Read,
  type Subject,
} from './preflight.ts';

export interface PreflightPorts {
  readonly images: ImageFinder;
  readonly secrets: SecretInspector;
  readonly parameters: Parameters;
  readonly roles: Roles;
  readonly logGroups: LogGroups;
  readonly networks: Networks;
  readonly targetGroups: TargetGroups;
}

/** Asks everything at once, and each thing once. A read that fails is a fact too, and spoils no other. */
export async function gatherFacts(subject: Subject, ports: PreflightPorts): Promise<Facts> {
  const { definition, service } = subject;
  const references = secretReferences(subject);
  const secrets = references.filter((reference) => reference.kind === 'secret');
  const parameters = references
    .filter((reference) => reference.kind === 'parameter')
    .filter((reference) => !isForeign(reference, subject));
  const network = gatherNetwork(subject, ports);
  const [images, described, byRegion, roles, groups, balanced, subnets, securityGroups, tables] = await Promise.all([
    each(imagesOf(definition), async (image) => {
      const location = imageLocation(image);
      return location === undefined ? undefined : findImage(location, ports);
    }),
    each(
      unique(secrets, ({ secret }) => secret),
      async (secret) => {
        const [region = ''] = secrets
          .filter((reference) => reference.secret === secret)
          .map((reference) => reference.region);
        return read('secretsmanager:DescribeSecret', () => ports.secrets.describe({ secret, region }));
      },
    ),
    each(
      unique(parameters, ({ region }) => region),
      async (region) => {
        const names = parameters
          .filter((parameter) => parameter.region === region)
          .flatMap((parameter) => parameter.names);
        return read('ssm:DescribeParameters', () => ports.parameters.existing([...new Set(names)], region));
      },
    ),
    each(
      unique(
        rolesOf(definition).filter((role) => !isForeign(role, subject)),
        ({ name }) => name,
      ),
      async (name) => read('iam:GetRole', () => ports.roles.trustPolicy(name)),
    ),
    each(logGroupsOf(definition).map(logGroupKey), async (key) => {
      const reference = logGroupsOf(definition).find((candidate) => logGroupKey(candidate) === key);
      return reference === undefined
        ? undefined
        : read('logs:DescribeLogGroups', () => ports.logGroups.exists(reference.group, reference.region));
    }),
    each(
      unique(service.loadBalancers, ({ targetGroup }) => targetGroup),
      async (arn) => gatherTargetGroup(arn, ports),
    ),
    network.subnets,
    network.securityGroups,
    network.tables,
  ]);
  return {
    images,
    secrets: described,
    // Only a secret that is as it should be is read, and only when one of its keys is named.
    keys: await each(
      unique(
        secrets.filter(({ key, secret }) => key !== undefined && isReadable(described.get(secret))),
        ({ from }) => from,
      ),
      async (from) => {
        const reference = secrets.find((candidate) => candidate.from === from);
        return reference === undefined
          ? undefined
          : read('secretsmanager:GetSecretValue', () => ports.secrets.keys(reference));
      },
    ),
    parameters: byRegion,
    roles,
    logGroups: groups,
    subnets,
    securityGroups,
    routeTables: tables.routeTables,
    endpoints: tables.endpoints,
    targetGroups: new Map([...balanced].map(([arn, { group }]) => [arn, group])),
    zones: new Map([...balanced].map(([arn, { zones }]) => [arn, zones])),
  };
}

/** What ECR does not have may be what it fetches from elsewhere once a task asks for it. */
async function findImage(location: ImageLocation, { images }: PreflightPorts): Promise<Read<ImageLookup>> {
  const found = await read('ecr:BatchGetImage', () => images.find(location));
  if (found.kind === 'unread' || found.value.kind === 'found') return found;
  const prefixes = await read('ecr:DescribePullThroughCacheRules', () => images.cachePrefixes(location));
  const { repository } = location;
  // A rule has a prefix, except one for all repositories, which is rare.
  if (prefixes.kind === 'unread') return repository.includes('/') ? prefixes : found;
  const cached = prefixes.value.some((prefix) => prefix === 'ROOT' || repository.startsWith(`${prefix}/`));
  return cached ? { kind: 'read', value: { kind: 'pulled-through' } } : found;
}

function isReadable(secret: Read<{ readonly deleted: boolean } | undefined> | undefined): boolean {
  return secret?.kind === 'read' && secret.value !== undefined && !secret.value.deleted;
}

async function gatherTargetGroup(arn: string, { targetGroups }: PreflightPorts) {
  const group = await read('elasticloadbalancing:DescribeTargetGroups', () => targetGroups.targetGroup(arn));
  const balancers = group.kind === 'read' ? (group.value?.loadBalancers ?? []) : [];
  const zones = await read('elasticloadbalancing:DescribeLoadBalancers', async () =>
    (await Promise.all(balancers.map((balancer) => targetGroups.zones(balancer)))).flat(),
  );
  return { group, zones };
}

interface Tables {
  readonly routeTables: Read<readonly RouteTable[]>;
  readonly endpoints: Read<readonly VpcEndpoint[]>;
}

/** The subnets' VPC leads to its route tables, and those tell whether its endpoints matter. */
function gatherNetwork(subject: Subject, { networks }: PreflightPorts) {
  const { subnets: wanted, securityGroups: groups, publicAddress } = networkOf(subject);
  const nothing: Read<readonly never[]> = { kind: 'read', value: [] };
  const fargate = runsOnFargate(subject);
  const subnets: Promise<Read<readonly Subnet[]>> =
    wanted.length === 0 || (!fargate && subject.service.loadBalancers.length === 0)
      ? Promise.resolve(nothing)
      : read('ec2:DescribeSubnets', () => networks.subnets(wanted));
  const tables = async (): Promise<Tables> => {
    const found = await subnets;
    const [vpc] = found.kind === 'read' ? found.value.map((subnet) => subnet.vpc) : [];
    if (vpc === undefined || !fargate) return { routeTables: nothing, endpoints: nothing };
    const routeTables = await read('ec2:DescribeRouteTables', () => networks.routeTables(vpc));
    if (routeTables.kind === 'unread') return { routeTables, endpoints: nothing };
    const closed = wanted.some((id) => {
      const table = routeTableOf(id, routeTables.value);
      return table !== undefined && !leadsOut(table, publicAddress);
    });
    return {
      routeTables,
      endpoints: closed ? await read('ec2:DescribeVpcEndpoints', () => networks.endpoints(vpc)) : nothing,
    };
  };
  return {
    subnets,
    tables: tables(),
    securityGroups:
      !fargate || groups.length === 0
        ? nothing
        : read('ec2:DescribeSecurityGroups', () => networks.securityGroups(groups)),
  };
}

/** Denied, throttled or broken: not known, and no reason to stop. */
async function read<T>(action: string, ask: () => Promise<T>): Promise<Read<T>> {
  try {
    return { kind: 'read', value: await ask() };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const denied = error.fault === 'user';
    return { kind: 'unread', reason: denied ? 'denied' : error.code, needs: denied ? action : undefined };
  }
}

function unique<T>(items: readonly T[], key: (item: T) => string): readonly string[] {
  return [...new Set(items.map(key))];
}

async function each<T>(
  keys: readonly string[],
  ask: (key: string) => Promise<T | undefined>,
): Promise<ReadonlyMap<string, T>> {
  const answers = await Promise.all(keys.map(async (key) => [key, await ask(key)] as const));
  return new Map(answers.flatMap(([key, answer]) => (answer === undefined ? [] : [[key, answer]])));
}
