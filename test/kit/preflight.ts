import type { Facts, Subject } from '../../actions/deploy-ecs/src/preflight.ts';
import type { PreflightPorts } from '../../actions/deploy-ecs/src/preflight-reads.ts';
import { service, taskDefinition } from './ecs.ts';

const ecr = '123456789012.dkr.ecr.us-east-1.amazonaws.com';
export const image = `${ecr}/shop:2`;
export const digest = `sha256:${'a'.repeat(64)}`;
export const secretArn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/db-AbCdEf';
export const targetGroupArn =
  'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/shop-tg/0123456789abcdef';

export const trust = (special: object = {}): object => ({
  Statement: [
    { Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole', ...special },
  ],
});

/** A definition that needs everything there is to check. */
export function everything(
  special: { readonly container?: object; readonly task?: object } = {},
): Subject['definition'] {
  return taskDefinition({
    executionRoleArn: 'arn:aws:iam::123456789012:role/start',
    taskRoleArn: 'arn:aws:iam::123456789012:role/app/run',
    containerDefinitions: [
      {
        ...taskDefinition().containerDefinitions![0],
        image,
        secrets: [
          { name: 'DATABASE_URL', valueFrom: `${secretArn}:url::` },
          { name: 'TOKEN', valueFrom: '/shop/token' },
        ],
        ...special.container,
      },
    ],
    ...special.task,
  });
}

export function subject(special: Partial<Subject> = {}): Subject {
  return {
    definition: everything(),
    service: service({ loadBalancers: [{ targetGroup: targetGroupArn, container: 'fastapi', port: 8000 }] }),
    proven: new Set(),
    ...special,
  };
}

export const read = <T>(value: T): { readonly kind: 'read'; readonly value: T } => ({ kind: 'read', value });

/** Everything as it should be: a private subnet behind a NAT gateway. */
export function facts(special: Partial<Facts> = {}): Facts {
  return {
    images: new Map([[image, read({ kind: 'found', digest, platforms: ['linux/amd64'] } as const)]]),
    secrets: new Map([
      [secretArn, read({ arn: secretArn, deleted: false, versions: new Map([['v1', ['AWSCURRENT']]]) })],
    ]),
    keys: new Map([[`${secretArn}:url::`, read(['url'])]]),
    parameters: new Map([['us-east-1', read(new Set(['/shop/token']))]]),
    roles: new Map([
      ['start', read(trust())],
      ['run', read(trust())],
    ]),
    logGroups: new Map([['us-east-1 /ecs/shop', read(true)]]),
    subnets: read([{ id: 'subnet-1', vpc: 'vpc-1', zone: 'us-east-1a', owner: '123456789012' }]),
    securityGroups: read([{ id: 'sg-1', egress: [{ protocol: '-1', fromPort: undefined, toPort: undefined }] }]),
    routeTables: read([table([{ destination: '0.0.0.0/0', target: 'nat-1', active: true }])]),
    endpoints: read([]),
    targetGroups: new Map([[targetGroupArn, read({ type: 'ip', protocol: 'HTTP', loadBalancers: ['alb'] })]]),
    zones: new Map([[targetGroupArn, read(['us-east-1a', 'us-east-1b'])]]),
    ...special,
  };
}

type Table = Extract<Facts['routeTables'], { kind: 'read' }>['value'][number];

export function table(routes: Table['routes'], special: Partial<Table> = {}): Table {
  return { id: 'rtb-1', main: false, subnets: ['subnet-1'], routes, ...special };
}

/** Ports that answer with these facts' counterparts, all good, and note each read; `broken` replaces one group of them. */
export function preflightPorts(calls: string[], answer: Facts = facts()): PreflightPorts {
  const value = async <T>(
    name: string,
    found: { kind: 'read'; value: T } | { kind: 'unread' } | undefined,
  ): Promise<T> => {
    calls.push(name);
    if (found?.kind !== 'read') throw new Error(`nothing is known of ${name}`);
    return found.value;
  };
  return {
    images: {
      find: async () => value('image', answer.images.get(image)),
      cachePrefixes: async () => value('cache rules', read([])),
    },
    secrets: {
      describe: async ({ secret }) => value(`secret ${secret}`, answer.secrets.get(secret)),
      keys: async () => value('keys', answer.keys.get(`${secretArn}:url::`)),
    },
    parameters: {
      existing: async (names) => value(`parameters ${names.join(' ')}`, answer.parameters.get('us-east-1')),
    },
    roles: { trustPolicy: async (name) => value(`role ${name}`, answer.roles.get(name)) },
    logGroups: {
      exists: async (group, region) => value('log group', answer.logGroups.get(`${region ?? ''} ${group}`)),
    },
    networks: {
      subnets: async () => value('subnets', answer.subnets),
      securityGroups: async () => value('security groups', answer.securityGroups),
      routeTables: async () => value('route tables', answer.routeTables),
      endpoints: async () => value('endpoints', answer.endpoints),
    },
    targetGroups: {
      targetGroup: async (arn) => value('target group', answer.targetGroups.get(arn)),
      zones: async () => value('zones', answer.zones.get(targetGroupArn)),
    },
  };
}
