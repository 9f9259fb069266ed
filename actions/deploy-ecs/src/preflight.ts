import type { RouteTable, SecurityGroup, Subnet, VpcEndpoint } from '../../../shared/aws/ec2.ts';
import type { ImageLocation, ImageLookup } from '../../../shared/aws/ecr.ts';
import type { ContainerDefinition, ServiceState, TaskDefinitionRequest } from '../../../shared/aws/ecs.ts';
import type { TargetGroup } from '../../../shared/aws/elbv2.ts';
import type { SecretState, SecretVersion } from '../../../shared/aws/secrets-manager.ts';
import { lastPart, parseArn } from '../../../shared/core/arn.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import { parseEcrHost, parseImageRef } from '../../../shared/core/image-ref.ts';

/**
 * Looks at what the tasks of a deployment will need, before anything is touched: pure judgement of what `preflight-reads.ts` read.
 * `wrong` is said only of what cannot work; what could not be read, or seen to its end, is `unknown` and stops nothing.
 */
export interface Finding {
  readonly check: Check;
  /** What was looked at: an image, a secret's name, a role … */
  readonly subject: string;
  readonly verdict: 'ok' | 'wrong' | 'unknown';
  readonly detail: string;
  /** What to do about it; `''` unless it is wrong. */
  readonly fix: string;
  /** The IAM action that would have allowed the check. */
  readonly needs?: string;
}

export type Check =
  'image' | 'platform' | 'secret' | 'role' | 'log group' | 'network' | 'security group' | 'load balancer';

/** What was read, or why it could not be. */
export type Read<T> =
  | { readonly kind: 'read'; readonly value: T }
  | {
      readonly kind: 'unread';
      readonly reason: string;
      /** The IAM action, if that is what was missing. */
      readonly needs: string | undefined;
    };

/** What a deployment is to be asked about. */
export interface Subject {
  readonly definition: TaskDefinitionRequest;
  readonly service: ServiceState;
  /** What is proven to work as it is: the references to secrets and log groups of the revision that runs. */
  readonly proven: ReadonlySet<string>;
}

export interface Facts {
  readonly images: ReadonlyMap<string, Read<ImageLookup>>;
  /** By the secret's ARN, without JSON key. */
  readonly secrets: ReadonlyMap<string, Read<SecretState | undefined>>;
  /** By the whole reference: the names in the JSON. */
  readonly keys: ReadonlyMap<string, Read<readonly string[] | undefined>>;
  /** By region: the parameters that exist, of those in question. */
  readonly parameters: ReadonlyMap<string, Read<ReadonlySet<string>>>;
  /** By name: the trust policy, undefined without such a role. */
  readonly roles: ReadonlyMap<string, Read<unknown>>;
  readonly logGroups: ReadonlyMap<string, Read<boolean>>;
  readonly subnets: Read<readonly Subnet[]>;
  readonly securityGroups: Read<readonly SecurityGroup[]>;
  readonly routeTables: Read<readonly RouteTable[]>;
  /** Empty where every subnet has a way out without them. */
  readonly endpoints: Read<readonly VpcEndpoint[]>;
  readonly targetGroups: ReadonlyMap<string, Read<TargetGroup | undefined>>;
  /** The zones of a target group's load balancers, by the target group. */
  readonly zones: ReadonlyMap<string, Read<readonly string[]>>;
}

/** For `proven`: what the revision that runs refers to. */
export function provenBy(running: Pick<Subject, 'definition' | 'service'>): ReadonlySet<string> {
  return new Set([
    ...secretReferences(running).map(({ from }) => from),
    ...logGroupsOf(running.definition)
      .filter(({ blocking }) => blocking)
      .map(logGroupKey),
  ]);
}

export function judgePreflight(subject: Subject, facts: Facts): readonly Finding[] {
  return [
    ...imageFindings(subject, facts),
    ...secretFindings(subject, facts),
    ...roleFindings(subject, facts),
    ...logGroupFindings(subject, facts),
    ...networkFindings(subject, facts),
    ...securityGroupFindings(subject, facts),
    ...balancerFindings(subject, facts),
  ];
}

const notAsked: Extract<Read<never>, { kind: 'unread' }> = { kind: 'unread', reason: 'not read', needs: undefined };

type About = Pick<Finding, 'check' | 'subject'>;

function ok(about: About, detail: string): Finding {
  return { ...about, verdict: 'ok', detail, fix: '' };
}

function wrong(about: About, detail: string, fix: string): Finding {
  return { ...about, verdict: 'wrong', detail, fix };
}

function unknown(about: About, detail: string): Finding {
  return { ...about, verdict: 'unknown', detail, fix: '' };
}

/** The finding of what was read; what was not is unknown. */
function judged<T>(
  about: About,
  read: Read<T> | undefined,
  judge: (value: T) => Finding | readonly Finding[],
): readonly Finding[] {
  const found = read ?? notAsked;
  if (found.kind === 'read') return [judge(found.value)].flat();
  const { reason, needs } = found;
  return [{ ...unknown(about, reason), ...(needs === undefined ? {} : { needs }) }];
}

// ---- Images ----

export function containersOf(definition: TaskDefinitionRequest): readonly ContainerDefinition[] {
  return definition.containerDefinitions ?? [];
}

export function imagesOf(definition: TaskDefinitionRequest): readonly string[] {
  return [...new Set(containersOf(definition).flatMap(({ image }) => image ?? []))];
}

/** Undefined for what is not in a private registry of Amazon ECR. */
export function imageLocation(image: string): ImageLocation | undefined {
  const reference = parseImageRef(image);
  const host = reference?.registry === undefined ? undefined : parseEcrHost(reference.registry);
  if (reference === undefined || host === undefined) return undefined;
  const { repository, tag, digest } = reference;
  return { ...host, repository, tag, digest };
}

function imageFindings(subject: Subject, facts: Facts): readonly Finding[] {
  return imagesOf(subject.definition).flatMap((image) => {
    const about: About = { check: 'image', subject: image };
    const location = imageLocation(image);
    if (location === undefined) return [unknown(about, 'not in Amazon ECR: not looked up')];
    return judged(about, facts.images.get(image), (found) => imageFinding(about, { subject, location, found }));
  });
}

function imageFinding(
  about: About,
  given: {
    readonly subject: Subject;
    readonly location: ImageLocation;
    readonly found: ImageLookup;
  },
): readonly Finding[] {
  const { subject, location, found } = given;
  const { repository, account, region, tag, digest } = location;
  switch (found.kind) {
    case 'no-repository':
      return [
        wrong(
          about,
          `there is no repository ${repository} in the registry of account ${account} in ${region}`,
          'Check the image’s account, region and repository, or create the repository and push the image.',
        ),
      ];
    case 'no-image':
      return [
        wrong(
          about,
          `the repository ${repository} holds no image ${digest ?? `with the tag ${tag ?? 'latest'}`}`,
          'Push it before the deployment, or deploy the output "image" of the build. A lifecycle rule may have expired it.',
        ),
      ];
    case 'pulled-through':
      return [unknown(about, 'not in the cache yet: a pull-through cache rule fetches it when a task starts')];
    case 'found': {
      const exists = ok(about, digest === undefined ? `${tag ?? 'latest'} is ${found.digest}` : 'exists');
      return [exists, ...platformFindings(about.subject, subject, found.platforms)];
    }
  }
}

function platformFindings(image: string, subject: Subject, platforms: readonly string[]): readonly Finding[] {
  const { definition } = subject;
  // An image of one platform tells it in its configuration only, which is not fetched.
  if (platforms.length === 0) return [];
  const { cpuArchitecture = 'X86_64', operatingSystemFamily = 'LINUX' } = definition.runtimePlatform ?? {};
  const system = operatingSystemFamily.startsWith('WINDOWS') ? 'windows' : 'linux';
  // On instances of one's own, the architecture is the instance's where the task definition says nothing.
  if (definition.runtimePlatform?.cpuArchitecture === undefined && !runsOnFargate(subject)) return [];
  const wanted = `${system}/${cpuArchitecture === 'ARM64' ? 'arm64' : 'amd64'}`;
  const about: About = { check: 'platform', subject: image };
  if (platforms.includes(wanted)) return [ok(about, wanted)];
  // Processors of 64 bits run what was built for the same ones of 32.
  const older = `${system}/${cpuArchitecture === 'ARM64' ? 'arm' : '386'}`;
  if (platforms.includes(older)) return [unknown(about, `${older} may run where the task needs ${wanted}`)];
  return [
    wrong(
      about,
      `the task needs ${wanted}, the image is for ${platforms.join(', ')}`,
      `Build it for ${wanted} (build-push-image: "platforms: ${wanted}"), or set the task definition’s runtimePlatform.`,
    ),
  ];
}

// ---- Secrets and parameters ----

/** What a container refers to, by its name there. */
export type SecretReference =
  | (SecretVersion & {
      readonly kind: 'secret';
      readonly name: string;
      readonly from: string;
      readonly account: string;
      readonly key: string | undefined;
    })
  | {
      readonly kind: 'parameter';
      readonly name: string;
      readonly from: string;
      readonly account: string | undefined;
      readonly region: string;
      /** What it may be called: an ARN does not tell "db" from "/db". */
      readonly names: readonly string[];
    };

/** What ECS resolves before a task starts: variables, options of the log driver, the credentials of a registry. */
export function secretReferences({
  definition,
  service,
}: Pick<Subject, 'definition' | 'service'>): readonly SecretReference[] {
  const { region = '', account = '' } = parseArn(service.arn) ?? {};
  const references = containersOf(definition).flatMap((container) => [
    ...[...(container.secrets ?? []), ...(container.logConfiguration?.secretOptions ?? [])].map(
      ({ name = '', valueFrom = '' }) => toReference(name, valueFrom, region),
    ),
    ...[container.repositoryCredentials?.credentialsParameter ?? '']
      .filter((from) => from !== '')
      .map((from): SecretReference => {
        const name = 'repositoryCredentials';
        // The only reference that may be a secret's name, and is never a parameter's.
        const whole = { key: undefined, stage: undefined, version: undefined };
        if (parseArn(from) === undefined)
          return { kind: 'secret', name, from, account, region, secret: from, ...whole };
        return toReference(name, from, region);
      }),
  ]);
  return [...new Map(references.map((reference) => [`${reference.name} ${reference.from}`, reference])).values()];
}

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html */
function toReference(name: string, from: string, ownRegion: string): SecretReference {
  const arn = parseArn(from);
  if (arn?.service === 'secretsmanager') {
    const { partition, region, account } = arn;
    const [type = '', id = '', key, stage, version] = arn.resource.split(':');
    return {
      kind: 'secret',
      name,
      from,
      account,
      region,
      secret: `arn:${partition}:secretsmanager:${region}:${account}:${type}:${id}`,
      key: key === '' ? undefined : key,
      stage: stage === '' ? undefined : stage,
      version: version === '' ? undefined : version,
    };
  }
  if (arn?.service === 'ssm') {
    const path = withoutSelector(arn.resource.replace(/^parameter\/+/, ''));
    const names = path.includes('/') ? [`/${path}`] : [path, `/${path}`];
    return { kind: 'parameter', name, from, account: arn.account, region: arn.region, names };
  }
  const names = [withoutSelector(from)];
  return { kind: 'parameter', name, from, account: undefined, region: ownRegion, names };
}

/** A parameter's name may end with ":3" or ":label", a version of it. */
function withoutSelector(parameter: string): string {
  return parameter.replace(/:[^:]*$/, '');
}

function secretFindings(subject: Subject, facts: Facts): readonly Finding[] {
  return secretReferences(subject).flatMap((reference) => {
    const about: About = { check: 'secret', subject: reference.name };
    if (reference.kind === 'parameter') return parameterFindings(about, { reference, subject, facts });
    return judged(about, facts.secrets.get(reference.secret), (found) => {
      if (found === undefined && isForeign(reference, subject)) return unknown(about, 'a secret of another account');
      const problem = secretProblem(about, { reference, found, proven: subject.proven });
      if (problem !== undefined) return problem;
      if (reference.key === undefined) return ok(about, 'exists and has a value');
      return judged(about, facts.keys.get(reference.from), (keys) => keyFinding(about, reference.key ?? '', keys));
    });
  });
}

function secretProblem(
  about: About,
  given: {
    readonly reference: Extract<SecretReference, { kind: 'secret' }>;
    readonly found: SecretState | undefined;
    readonly proven: ReadonlySet<string>;
  },
): Finding | undefined {
  const { reference, found, proven } = given;
  const { secret, from, stage, version, key } = reference;
  const rest = from.slice(secret.length);
  if (found === undefined) {
    return wrong(
      about,
      `there is no secret ${secret}`,
      'Take the ARN from the secret itself: the six characters at its end are new whenever a secret is made again.',
    );
  }
  if (found.deleted) {
    return wrong(
      about,
      `the secret ${secret} is scheduled for deletion`,
      `Restore it (aws secretsmanager restore-secret --secret-id ${secret}), or name another one.`,
    );
  }
  // Secrets Manager itself finds most secrets by a part of the ARN; ECS with a key and policies with the whole ARN do not.
  const partial = parseArn(secret) !== undefined && found.arn !== '' && found.arn !== secret && !proven.has(from);
  if (partial && key !== undefined) {
    return wrong(
      about,
      `${secret} is a partial ARN, without the six random characters that end the secret’s own`,
      `Use the whole ARN: ${found.arn}${rest}`,
    );
  }
  const wanted = stage ?? 'AWSCURRENT';
  const hasValue =
    version === undefined
      ? [...found.versions.values()].some((stages) => stages.includes(wanted))
      : found.versions.has(version);
  if (hasValue) {
    return partial
      ? unknown(
          about,
          `a partial ARN, which the policy of the execution role may not cover; the whole one is ${found.arn}`,
        )
      : undefined;
  }
  // Only versions with a stage are told of; the others stay until they are cleaned up.
  if (version !== undefined) return unknown(about, `the version ${version} has no stage, and may be gone any time`);
  if (stage === undefined) {
    return wrong(
      about,
      `the secret ${secret} has no value yet`,
      `Give it one: aws secretsmanager put-secret-value --secret-id ${found.arn} --secret-string file://…`,
    );
  }
  return wrong(
    about,
    `the secret ${secret} has no version with the stage ${wanted}`,
    'Name a stage that there is, or leave it out (the ARN, then ":key::").',
  );
}

function keyFinding(about: About, key: string, keys: readonly string[] | undefined): Finding {
  if (keys === undefined) {
    return wrong(
      about,
      `the secret’s value is no JSON object, so it has no key "${key}"`,
      `Store a JSON object with that key, or leave ":${key}::" out to take the whole value.`,
    );
  }
  if (keys.includes(key)) return ok(about, `has the key "${key}"`);
  const known =
    keys.length === 0
      ? 'it has none'
      : `it has ${keys
          .slice(0, 20)
          .map((name) => `"${name}"`)
          .join(', ')}`;
  return wrong(
    about,
    `the secret’s JSON has no key "${key}"`,
    `Name a key of the secret, in the same case (${known}), or add this one.`,
  );
}

function parameterFindings(
  about: About,
  given: {
    readonly reference: Extract<SecretReference, { kind: 'parameter' }>;
    readonly subject: Subject;
    readonly facts: Facts;
  },
): readonly Finding[] {
  const { reference, subject, facts } = given;
  if (isForeign(reference, subject)) return [unknown(about, 'a parameter of another account')];
  // Public parameters, and secrets by the way of Parameter Store, can be read and are in no list.
  if (reference.names.some((name) => name.startsWith('/aws/'))) return [unknown(about, 'a parameter of AWS’s own')];
  return judged(about, facts.parameters.get(reference.region), (existing) =>
    reference.names.some((name) => existing.has(name))
      ? ok(about, 'exists')
      : wrong(
          about,
          `there is no SSM parameter ${reference.names[0] ?? ''} in ${reference.region}`,
          'Check its name (a hierarchy begins with "/") and region; a secret of Secrets Manager needs its whole ARN.',
        ),
  );
}

/** Parameters of other accounts are not in the own list. */
export function isForeign(
  { account }: { readonly account: string | undefined },
  { service }: Pick<Subject, 'service'>,
): boolean {
  const own = parseArn(service.arn)?.account;
  return account !== undefined && own !== undefined && account !== own;
}

// ---- Roles ----

interface RoleReference {
  readonly field: 'executionRoleArn' | 'taskRoleArn';
  readonly name: string;
  readonly account: string | undefined;
}

export function rolesOf({ executionRoleArn, taskRoleArn }: TaskDefinitionRequest): readonly RoleReference[] {
  const reference = (field: RoleReference['field'], given = ''): readonly RoleReference[] => {
    if (given === '') return [];
    return [{ field, name: lastPart(given), account: parseArn(given)?.account }];
  };
  return [...reference('executionRoleArn', executionRoleArn), ...reference('taskRoleArn', taskRoleArn)];
}

function roleFindings(subject: Subject, facts: Facts): readonly Finding[] {
  const { definition, service } = subject;
  const account = parseArn(service.arn)?.account ?? '';
  const found = rolesOf(definition).flatMap((role): readonly Finding[] => {
    const about: About = { check: 'role', subject: `${role.field} ${role.name}` };
    if (isForeign(role, subject)) return [unknown(about, 'a role of another account')];
    return judged(about, facts.roles.get(role.name), (trust) => roleFinding(about, { role, trust, account }));
  });
  const needs = whatNeedsExecutionRole(subject);
  if (needs === undefined || (definition.executionRoleArn ?? '') !== '') return found;
  return [
    ...found,
    wrong(
      { check: 'role', subject: 'executionRoleArn' },
      `the task definition names no execution role, and ${needs}`,
      'Set executionRoleArn to a role with the policy AmazonECSTaskExecutionRolePolicy and access to the secrets.',
    ),
  ];
}

function whatNeedsExecutionRole(subject: Subject): string | undefined {
  if (secretReferences(subject).length > 0) return 'ECS reads its secrets with that role';
  if (!runsOnFargate(subject)) return undefined;
  if (imagesOf(subject.definition).some((image) => imageLocation(image) !== undefined)) {
    return 'Fargate pulls from Amazon ECR with that role';
  }
  return logGroupsOf(subject.definition).length > 0 ? 'Fargate writes its log with that role' : undefined;
}

function roleFinding(
  about: About,
  { role, trust, account }: { readonly role: RoleReference; readonly trust: unknown; readonly account: string },
): Finding {
  if (trust === undefined) {
    return wrong(about, `there is no role ${role.name}`, `Create it, or correct ${role.field} in the task definition.`);
  }
  const statements = asList(member(trust, 'Statement')).filter(concernsTasks);
  const statement = JSON.stringify({
    Effect: 'Allow',
    Principal: { Service: tasksPrincipal },
    Action: 'sts:AssumeRole',
  });
  if (statements.some((item) => member(item, 'Effect') === 'Deny' && member(item, 'Condition') === undefined)) {
    return wrong(about, `its trust policy denies ${tasksPrincipal}`, 'Take that statement out of the trust policy.');
  }
  const allowed = statements.filter((item) => member(item, 'Effect') === 'Allow');
  if (allowed.length === 0) {
    if (asList(member(trust, 'Statement')).some(mayConcernTasks)) {
      return unknown(about, 'its trust policy names whom it does not mean, or everyone');
    }
    return wrong(
      about,
      `its trust policy does not let ${tasksPrincipal} assume it`,
      `Add this statement to the trust policy (not to the permissions): ${statement}`,
    );
  }
  if (account !== '' && allowed.every((item) => isForAnotherAccount(item, account))) {
    return wrong(
      about,
      `its trust policy lets ${tasksPrincipal} assume it from another account only (aws:SourceAccount)`,
      `Set aws:SourceAccount in the trust policy’s condition to ${account}.`,
    );
  }
  return ok(about, `${tasksPrincipal} may assume it`);
}

const tasksPrincipal = 'ecs-tasks.amazonaws.com';

function concernsTasks(statement: unknown): boolean {
  const principal = member(statement, 'Principal');
  const services = principal === '*' ? ['*'] : asList(member(principal, 'Service'));
  return (
    services.some((service) => service === '*' || tasksPrincipals.test(String(service))) &&
    asList(member(statement, 'Action')).some(coversAssumeRole)
  );
}

/** Some services have names of a region's or a partition's own. */
const tasksPrincipals = /^ecs-tasks(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$/;

/** An action's name may have wildcards anywhere. */
function coversAssumeRole(action: unknown): boolean {
  const pattern = String(action)
    .toLowerCase()
    .replaceAll(/[^a-z0-9:*?]/g, '-')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${pattern}$`).test('sts:assumerole');
}

/** What is said by exception, or of everyone, is not followed to its end. */
function mayConcernTasks(statement: unknown): boolean {
  if (member(statement, 'Effect') !== 'Allow') return false;
  return (
    member(statement, 'NotPrincipal') !== undefined ||
    member(statement, 'NotAction') !== undefined ||
    asList(member(member(statement, 'Principal'), 'AWS')).includes('*')
  );
}

function isForAnotherAccount(statement: unknown, account: string): boolean {
  const condition = member(statement, 'Condition');
  const named = ['StringEquals', 'StringLike'].flatMap((operator) => {
    const test = member(condition, operator);
    return ['aws:SourceAccount', 'AWS:SourceAccount', 'aws:sourceaccount'].flatMap((key) => asList(member(test, key)));
  });
  return named.length > 0 && named.every((value) => /^\d{12}$/.test(String(value)) && value !== account);
}

/** A policy's lists may be single values. */
function asList(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}

// ---- Log groups ----

export interface LogGroupReference {
  readonly group: string;
  /** Undefined for the service's own. */
  readonly region: string | undefined;
  /** False when a container is told to start without its log. */
  readonly blocking: boolean;
}

/** Those that must exist before a task starts. */
export function logGroupsOf(definition: TaskDefinitionRequest): readonly LogGroupReference[] {
  const found = containersOf(definition).flatMap(({ logConfiguration }) => {
    const { logDriver, options = {} } = logConfiguration ?? {};
    const group = options['awslogs-group'] ?? '';
    // As the log driver reads it: https://pkg.go.dev/strconv#ParseBool
    const made = /^(?:1|t|true)$/i.test(options['awslogs-create-group'] ?? '');
    if (logDriver !== 'awslogs' || group === '' || made) return [];
    return [{ group, region: options['awslogs-region'], blocking: options['mode'] !== 'non-blocking' }];
  });
  // Of a group that several use, one that waits for it decides.
  const sorted = found.toSorted((a, b) => Number(a.blocking) - Number(b.blocking));
  return [...new Map(sorted.map((reference) => [logGroupKey(reference), reference])).values()];
}

export function logGroupKey({ group, region }: Pick<LogGroupReference, 'group' | 'region'>): string {
  return `${region ?? ''} ${group}`;
}

function logGroupFindings({ definition, proven }: Subject, facts: Facts): readonly Finding[] {
  return logGroupsOf(definition).flatMap((reference) => {
    const { group, region, blocking } = reference;
    const about: About = { check: 'log group', subject: group };
    const where = region === undefined ? '' : ` in ${region}`;
    return judged(about, facts.logGroups.get(logGroupKey(reference)), (exists) => {
      if (exists) return ok(about, 'exists');
      if (!blocking) return unknown(about, `there is none${where}: with the mode non-blocking its lines may be lost`);
      // The driver’s default mode may be non-blocking, by the account’s setting defaultLogDriverMode (since June 2025 by itself):
      // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html
      if (proven.has(logGroupKey(reference))) {
        return unknown(about, `there is none${where}: what runs now does so without it, and its lines are lost`);
      }
      return wrong(
        about,
        `there is no log group ${group}${where}, and no task starts without it`,
        `Create it (aws logs create-log-group --log-group-name ${group}${region === undefined ? '' : ` --region ${region}`}), ` +
          'or set the log option awslogs-create-group: "true" and allow the execution role logs:CreateLogGroup.',
      );
    });
  });
}

// ---- Network ----

/** On instances of one's own (and for one's own network modes) the instance pulls, by its own way. */
export function runsOnFargate({ service, definition }: Pick<Subject, 'service' | 'definition'>): boolean {
  const { launchType, capacityProviders } = service.placement;
  const fargate =
    launchType === 'FARGATE' ||
    (capacityProviders.length > 0 &&
      capacityProviders.every(({ capacityProvider = '' }) => ['FARGATE', 'FARGATE_SPOT'].includes(capacityProvider)));
  return fargate && definition.networkMode === 'awsvpc';
}

export function networkOf({ service }: Pick<Subject, 'service'>): {
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly publicAddress: boolean;
} {
  const { subnets = [], securityGroups = [], assignPublicIp } = service.placement.network?.awsvpcConfiguration ?? {};
  return { subnets, securityGroups, publicAddress: assignPublicIp === 'ENABLED' };
}

/** A subnet's own table, or the VPC's main one. */
export function routeTableOf(subnet: string, tables: readonly RouteTable[]): RouteTable | undefined {
  return tables.find(({ subnets }) => subnets.includes(subnet)) ?? tables.find(({ main }) => main);
}

/** Whether the table leads anywhere outside without endpoints; then those need not be looked at. */
export function leadsOut(table: RouteTable, publicAddress: boolean): boolean {
  const route = defaultRoute(table);
  return route !== undefined && route.active && (publicAddress || !route.target.startsWith('igw-'));
}

function defaultRoute({ routes }: RouteTable): RouteTable['routes'][number] | undefined {
  const all = routes.filter(({ destination }) => ['0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1'].includes(destination));
  return all.find(({ active }) => active) ?? all[0];
}

function networkFindings(subject: Subject, facts: Facts): readonly Finding[] {
  const { subnets: wanted } = networkOf(subject);
  if (!runsOnFargate(subject) || wanted.length === 0) return [];
  const about: About = { check: 'network', subject: wanted.join(', ') };
  return judged(about, facts.subnets, (subnets) => {
    const known = new Set(subnets.map(({ id }) => id));
    const missing = wanted.filter((id) => !known.has(id));
    const gone = missing.map((id) =>
      wrong(
        { check: 'network', subject: id },
        `there is no subnet ${id}`,
        'Correct the service’s network configuration.',
      ),
    );
    if (known.size === 0) return gone;
    return [
      ...gone,
      ...judged({ check: 'network', subject: [...known].join(', ') }, facts.routeTables, (tables) =>
        subnets.flatMap((subnet) => wayOut(subnet, { table: routeTableOf(subnet.id, tables), subject, facts })),
      ),
    ];
  });
}

interface Way {
  readonly table: RouteTable | undefined;
  readonly subject: Subject;
  readonly facts: Facts;
}

function wayOut({ id, owner }: Subnet, { table, subject, facts }: Way): readonly Finding[] {
  const about: About = { check: 'network', subject: id };
  const { publicAddress } = networkOf(subject);
  if (table === undefined) return [unknown(about, 'its route table was not shown')];
  const route = defaultRoute(table);
  if (route !== undefined && leadsOut(table, publicAddress)) return [ok(about, `leads out through ${route.target}`)];
  return judged(about, facts.endpoints, (endpoints) => {
    const missing = missingEndpoints({ endpoints, table, subject });
    if (missing === undefined) return unknown(about, 'no way out, and the images are not in Amazon ECR');
    if (missing.length === 0) return ok(about, 'reaches Amazon ECR through VPC endpoints');
    if (isForeign({ account: owner === '' ? undefined : owner }, subject)) {
      return unknown(about, 'a shared subnet: its owner’s endpoints are not shown');
    }
    // Endpoints may be shared from another network, behind these; or part of the addresses is reached in another way.
    const elsewhere = table.routes.find((other) => mayLeadOut(other, publicAddress));
    if (elsewhere !== undefined) return unknown(about, `what lies behind ${elsewhere.target} is not known`);
    // The names of an endpoint without private DNS may lead to it by a hosted zone of one's own.
    if (missing.every((name) => endpoints.some((endpoint) => isInterfaceOf(endpoint, name)))) {
      return unknown(about, `whether the usual names lead to the VPC endpoints ${missing.join(', ')} is not known`);
    }
    // Older platforms, and Windows, reach other services by other ways.
    const { platformVersion = 'LATEST' } = subject.service.placement;
    if (!['LATEST', '1.4.0'].includes(platformVersion)) {
      return unknown(about, `what the platform version ${platformVersion} needs of the network is not known`);
    }
    const list = missing.join(', ');
    if (route !== undefined && !route.active) {
      return wrong(
        about,
        `its default route leads to ${route.target}, which is gone (a black hole)`,
        `Point 0.0.0.0/0 of ${table.id} to a NAT gateway that exists, or add VPC endpoints: ${list}.`,
      );
    }
    if (route !== undefined) {
      return wrong(
        about,
        `a public subnet (${route.target}), but the tasks get no public address: they cannot reach Amazon ECR`,
        `Set assignPublicIp to ENABLED, use subnets with a route to a NAT gateway, or add VPC endpoints: ${list}.`,
      );
    }
    return wrong(
      about,
      'no route leads out of it, and these VPC endpoints are missing: ' + list,
      `Add 0.0.0.0/0 through a NAT gateway to ${table.id}, or add those endpoints (interface endpoints with private DNS, S3 as a gateway on ${table.id}).`,
    );
  });
}

/** Not the default route: one of IPv6, to a list of prefixes, to another network, to a part of the internet … */
function mayLeadOut({ destination, target, active }: RouteTable['routes'][number], publicAddress: boolean): boolean {
  if (!active || target === 'local') return false;
  // A gateway endpoint is reached by a prefix list of its own.
  if (target.startsWith('vpce-')) return !destination.startsWith('pl-');
  return publicAddress || destination.includes(':') || !target.startsWith('igw-');
}

function isInterfaceOf({ service, type }: VpcEndpoint, name: string): boolean {
  return type === 'Interface' && service.endsWith(`.${name}`);
}

/** What Fargate reaches before the application runs. Undefined where no image is in Amazon ECR. */
function missingEndpoints(given: {
  readonly endpoints: readonly VpcEndpoint[];
  readonly table: RouteTable;
  readonly subject: Subject;
}): readonly string[] | undefined {
  const { endpoints, table, subject } = given;
  if (!imagesOf(subject.definition).some((image) => imageLocation(image) !== undefined)) return undefined;
  const references = secretReferences(subject);
  const needed = ['ecr.api', 'ecr.dkr', 's3'];
  if (logGroupsOf(subject.definition).length > 0) needed.push('logs');
  if (references.some(({ kind }) => kind === 'secret')) needed.push('secretsmanager');
  if (references.some(({ kind }) => kind === 'parameter')) needed.push('ssm');
  const serves = ({ type, available, privateDns, routeTables }: VpcEndpoint): boolean =>
    available && (type === 'Gateway' ? routeTables.includes(table.id) : privateDns);
  return needed.filter(
    (name) => !endpoints.some((endpoint) => endpoint.service.endsWith(`.${name}`) && serves(endpoint)),
  );
}

function securityGroupFindings(subject: Subject, facts: Facts): readonly Finding[] {
  const { securityGroups: wanted } = networkOf(subject);
  if (!runsOnFargate(subject) || wanted.length === 0) return [];
  const about: About = { check: 'security group', subject: wanted.join(', ') };
  return judged(about, facts.securityGroups, (all) => {
    const found = all.filter(({ id }) => wanted.includes(id));
    const missing = wanted.filter((id) => !found.some((group) => group.id === id));
    if (missing.length > 0) {
      return missing.map((id) =>
        wrong(
          { check: 'security group', subject: id },
          `there is no security group ${id}`,
          'Correct the service’s network configuration.',
        ),
      );
    }
    if (found.some(({ egress }) => egress.some(letsHttpsOut))) return ok(about, 'lets HTTPS out');
    if (!needsHttps(subject))
      return unknown(about, 'lets nothing out on port 443, and the images are not in Amazon ECR');
    return wrong(
      about,
      'lets nothing out on port 443: no image, secret or log gets through',
      `Add an egress rule to ${wanted[0] ?? ''}: TCP 443 to 0.0.0.0/0, or to the VPC endpoints.`,
    );
  });
}

/** A registry of one's own may listen on any port. */
function needsHttps(subject: Subject): boolean {
  return (
    imagesOf(subject.definition).some((image) => imageLocation(image) !== undefined) ||
    secretReferences(subject).length > 0 ||
    logGroupsOf(subject.definition).some(({ blocking }) => blocking)
  );
}

function letsHttpsOut({ protocol, fromPort, toPort }: SecurityGroup['egress'][number]): boolean {
  if (protocol === '-1') return true;
  return ['tcp', '6'].includes(protocol) && (fromPort ?? 0) <= 443 && (toPort ?? 65_535) >= 443;
}

// ---- Load balancer ----

function balancerFindings(subject: Subject, facts: Facts): readonly Finding[] {
  return subject.service.loadBalancers.flatMap(({ targetGroup, container, port }) => {
    const arn = parseArn(targetGroup);
    const about: About = { check: 'load balancer', subject: arn?.resource.split('/')[1] ?? targetGroup };
    return [
      ...portFindings(about, subject.definition, { container, port }),
      ...judged(about, facts.targetGroups.get(targetGroup), (group) => {
        if (group === undefined && isForeign({ account: arn?.account }, subject)) {
          return unknown(about, 'a target group of another account');
        }
        const found = targetGroupFindings(about, { group, container, port, subject });
        const zones =
          (group?.loadBalancers ?? []).length === 0 ? [] : zoneFindings(about, { targetGroup, subject, facts });
        const problems = [...found, ...zones];
        return problems.length > 0 ? problems : ok(about, `routes to ${container}:${port ?? ''}`);
      }),
    ];
  });
}

interface Entrance {
  readonly container: string;
  readonly port: number | undefined;
}

function portFindings(
  about: About,
  definition: TaskDefinitionRequest,
  { container, port }: Entrance,
): readonly Finding[] {
  const containers = containersOf(definition);
  const own = containers.find(({ name }) => name === container);
  if (own === undefined) {
    const names = containers.map(({ name = '' }) => name).join(', ');
    return [
      wrong(
        about,
        `the service’s load balancer sends to a container ${container}, and the task definition has ${names}`,
        `Call the container ${container} again, or change the service’s load balancer (UpdateService: loadBalancers).`,
      ),
    ];
  }
  const mapped = (own.portMappings ?? []).map(({ containerPort }) => String(containerPort));
  const ranges = (own.portMappings ?? []).some(({ containerPortRange = '' }) => contains(containerPortRange, port));
  if (port === undefined || mapped.includes(String(port)) || ranges) return [];
  return [
    wrong(
      about,
      `the service’s load balancer sends to port ${port} of ${container}, which maps ${mapped.length === 0 ? 'no port' : mapped.join(', ')}`,
      `Add a portMapping with containerPort ${port} to ${container}, or change the service’s load balancer.`,
    ),
  ];
}

function contains(range: string, port: number | undefined): boolean {
  const [low, high] = range.split('-').map(Number);
  return port !== undefined && low !== undefined && high !== undefined && low <= port && port <= high;
}

function targetGroupFindings(
  about: About,
  given: Entrance & { readonly group: TargetGroup | undefined; readonly subject: Subject },
): readonly Finding[] {
  const { group, container, port, subject } = given;
  if (group === undefined) {
    return [
      wrong(about, 'the target group is not there any more', 'Create one and set it in the service’s load balancer.'),
    ];
  }
  const problems: Finding[] = [];
  const wanted = subject.definition.networkMode === 'awsvpc' ? 'ip' : 'instance';
  if (group.type !== '' && group.type !== wanted) {
    problems.push(
      wrong(
        about,
        `its target type is ${group.type}; tasks in the network mode ${subject.definition.networkMode ?? 'bridge'} need ${wanted}`,
        `A target group’s type cannot be changed: make a new one of type ${wanted}, and set it in the listener and the service.`,
      ),
    );
  }
  // DNS and QUIC map one port twice, for each transport.
  const transports = (containersOf(subject.definition).find(({ name }) => name === container)?.portMappings ?? [])
    .filter(({ containerPort }) => String(containerPort) === String(port))
    .map(({ protocol = 'tcp' }) => protocol);
  const spoken = transportsOf(group.protocol);
  if (transports.length > 0 && !transports.some((transport) => spoken.includes(transport))) {
    problems.push(
      wrong(
        about,
        `it speaks ${group.protocol}, and ${container} maps port ${port ?? ''} for ${transports.join(' and ')}`,
        `Set the portMapping’s protocol to ${spoken.join(' or ')}, or use another target group.`,
      ),
    );
  }
  if (group.loadBalancers.length === 0) {
    const detail = 'no load balancer’s listener or rule forwards to it, so its targets stay unused (Target.NotInUse)';
    problems.push(
      // A blue/green deployment sets the rules itself.
      subject.service.strategy === 'ROLLING'
        ? wrong(about, detail, 'Add a listener, or a rule of one, that forwards to the target group.')
        : unknown(about, detail),
    );
  }
  return problems;
}

function transportsOf(protocol: string): readonly string[] {
  if (['UDP', 'QUIC'].includes(protocol)) return ['udp'];
  return ['HTTP', 'HTTPS', 'TCP', 'TLS'].includes(protocol) ? ['tcp'] : ['tcp', 'udp'];
}

/** A target in a zone that its load balancer is not enabled in is never used. */
function zoneFindings(
  about: About,
  { targetGroup, subject, facts }: { readonly targetGroup: string; readonly subject: Subject; readonly facts: Facts },
): readonly Finding[] {
  const { subnets: wanted } = networkOf(subject);
  if (wanted.length === 0) return [];
  const zoned: About = { ...about, subject: `${about.subject}’s zones` };
  return judged(zoned, facts.zones.get(targetGroup), (zones) =>
    judged(zoned, facts.subnets, (subnets) => {
      const own = subnets.filter(({ id }) => wanted.includes(id));
      const unused = own.filter(({ zone }) => zone !== '' && zones.length > 0 && !zones.includes(zone));
      return unused.map(({ id, zone }) => {
        const detail = `the load balancer is not enabled in ${zone}, the zone of ${id}: targets there stay unused (Target.NotInUse)`;
        // Tasks that all start in the other zones work.
        if (unused.length < own.length) return unknown(about, detail);
        return wrong(
          about,
          detail,
          `Enable ${zone} for the load balancer (a subnet of it there), or take ${id} out of the service.`,
        );
      });
    }),
  );
}

// ---- What is shown ----

const count = (findings: readonly Finding[], verdict: Finding['verdict']): number =>
  findings.filter((finding) => finding.verdict === verdict).length;

/** What was not checked is not good, and no fault either. */
export function preflightCounts(findings: readonly Finding[]): string {
  return `${count(findings, 'ok')} good, ${count(findings, 'wrong')} wrong, ${count(findings, 'unknown')} not checked`;
}

/** One line when all is well; one more for what is not known; every fault with its fix. */
export function preflightLines(findings: readonly Finding[]): readonly string[] {
  if (findings.length === 0) return [];
  const bad = findings.filter(({ verdict }) => verdict === 'wrong');
  const tags = findings.filter(
    ({ check, verdict, detail }) => check === 'image' && verdict === 'ok' && detail !== 'exists',
  );
  return [
    `preflight: ${preflightCounts(findings)}`,
    ...tags.map(({ subject, detail }) => `  ${subject}: ${detail}`),
    ...bad.flatMap(({ check, subject, detail, fix }) => [`  ✗ ${check} ${subject}: ${detail}`, `    → ${fix}`]),
    ...unknownLines(findings).map((line) => `  ${line}`),
  ];
}

/** Which checks could not be made and, on denials, the IAM actions that would allow them. */
export function unknownLines(findings: readonly Finding[]): readonly string[] {
  const unknowns = findings.filter(({ verdict }) => verdict === 'unknown');
  if (unknowns.length === 0) return [];
  const reasons = new Map<string, string[]>();
  for (const { check, subject, detail, needs } of unknowns) {
    const reason = needs === undefined ? detail : 'denied';
    // What was denied was denied for all of a kind; anything else is said of each.
    const what = needs === undefined ? `${check} ${subject}` : check;
    reasons.set(reason, [...new Set([...(reasons.get(reason) ?? []), what])]);
  }
  const actions = [...new Set(unknowns.flatMap(({ needs }) => needs ?? []))].toSorted();
  const said = [...reasons].map(([reason, what]) => `${what.join(', ')} (${reason})`).join('; ');
  const allow = actions.length === 0 ? '' : `; to check it too, allow ${actions.join(', ')}`;
  return [`not checked: ${said}${allow}`];
}

/** All faults at once; undefined when nothing is wrong. */
export function preflightFailure(findings: readonly Finding[]): PreconditionError | undefined {
  const bad = findings.filter(({ verdict }) => verdict === 'wrong');
  if (bad.length === 0) return undefined;
  const lines = bad.map(({ check, subject, detail, fix }) => `- ${check} ${subject}: ${detail}. → ${fix}`);
  const many = bad.length === 1 ? 'one thing is' : `${bad.length} things are`;
  return new PreconditionError(
    'PreflightFailed',
    [`The deployment could not work: ${many} wrong. Nothing was touched.`, ...lines].join('\n'),
    { hint: 'Mend what is listed, then run again.' },
  );
}
