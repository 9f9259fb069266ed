import type { ContainerDefinition, Tag, TaskDefinitionRequest } from '../../../shared/aws/ecs.ts';
import { canonicalJson, type Json } from '../../../shared/core/hash.ts';
import { lastPart } from '../../../shared/core/arn.ts';
import { hider, type Hide } from '../../../shared/core/masking.ts';
import { taskDefinitionFields, type Field } from './task-definition-fields.ts';

/** What AWS adds when it describes a revision; it knows these, so they are left out without a word. */
const readOnly = new Set([
  'taskDefinitionArn',
  'revision',
  'status',
  'requiresAttributes',
  'compatibilities',
  'registeredAt',
  'registeredBy',
  'deregisteredAt',
  'deleteRequestedAt',
]);

export interface FieldProblem {
  readonly path: string;
  readonly value: string | undefined;
  readonly accepted: string;
}

export type Reading =
  | { readonly definition: TaskDefinitionRequest; readonly unknown: readonly string[] }
  | { readonly problems: readonly FieldProblem[] };

/** Reads a described revision or a file: only fields that can be registered, each of the type AWS wants. */
export function readTaskDefinition(source: unknown): Reading {
  const problems: FieldProblem[] = [];
  const unknown: string[] = [];
  const picked = pick(source, taskDefinitionFields, { path: '', problems, unknown });
  const definition = isRecord(picked) ? withoutEmptyTexts(picked) : {};
  const containers = definition['containerDefinitions'];
  if (!Array.isArray(containers) || containers.length === 0) {
    problems.push({
      path: 'containerDefinitions',
      value: undefined,
      accepted: 'a list of at least one container definition',
    });
  } else {
    problems.push(...containerProblems(containers));
  }
  return isRequest(definition, problems) ? { definition, unknown } : { problems };
}

/** The values were taken field by field by the request's own list of names and types. */
function isRequest(value: object, problems: readonly FieldProblem[]): value is TaskDefinitionRequest {
  return problems.length === 0 && 'containerDefinitions' in value;
}

interface Picking {
  readonly path: string;
  readonly problems: FieldProblem[];
  readonly unknown: string[];
}

function pick(value: unknown, field: Field, picking: Picking): unknown {
  // AWS (and more so its stand-ins) describe unset fields as null.
  if (value === null || value === undefined) return undefined;
  if (typeof field === 'string') return typeof value === field ? value : refuse(value, `a ${field}`, picking);
  if (isList(field)) {
    if (!Array.isArray(value)) return refuse(value, 'a list', picking);
    return value
      .map((item: unknown, index) => pick(item, field[0], { ...picking, path: `${picking.path}[${index}]` }))
      .filter((item) => item !== undefined);
  }
  if (!isRecord(value)) return refuse(value, 'an object', picking);
  const picked: (readonly [string, unknown])[] = [];
  for (const [name, item] of Object.entries(value)) {
    const path = picking.path === '' ? name : `${picking.path}.${name}`;
    const itemField = Object.hasOwn(field, name) ? field[name] : field['*'];
    if (itemField === undefined) {
      if (item !== null && !(picking.path === '' && readOnly.has(name))) picking.unknown.push(path);
      continue;
    }
    const kept = pick(item, itemField, { ...picking, path });
    if (kept !== undefined) picked.push([name, kept]);
  }
  return Object.fromEntries(picked);
}

function refuse(value: unknown, accepted: string, { path, problems }: Picking): unknown {
  // What is no text may be a secret all the same: a password of digits.
  const isValue = /\.(?:environment|options|dockerLabels)\b/.test(path);
  const shown = isValue ? '***' : hider([])(JSON.stringify(value));
  problems.push({ path: path || 'the whole', value: shown.slice(0, 80), accepted });
  return undefined;
}

function isList(field: Field): field is readonly [Field] {
  return Array.isArray(field);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An unset role or mode is described as `""`, which AWS refuses to register. Values inside containers stay as they are. */
function withoutEmptyTexts(definition: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(definition).filter(([, value]) => value !== ''));
}

function containerProblems(containers: readonly unknown[]): readonly FieldProblem[] {
  const names = containers.map((container) => (isRecord(container) ? container['name'] : undefined));
  return names.flatMap((name, index): readonly FieldProblem[] => {
    const path = `containerDefinitions[${index}].name`;
    if (typeof name !== 'string' || name === '') return [{ path, value: undefined, accepted: 'a container name' }];
    return names.indexOf(name) < index ? [{ path, value: name, accepted: 'every name once' }] : [];
  });
}

/** What a deploy changes in the base. */
export interface Changes {
  readonly image: string | undefined;
  readonly images: ReadonlyMap<string, string>;
  /** `[container.]NAME` → value */
  readonly environment: ReadonlyMap<string, string>;
  /** `[container.]NAME` → ARN */
  readonly secrets: ReadonlyMap<string, string>;
}

/** The container that `image` and unqualified names are for: the first essential one. */
export function mainContainer(definition: TaskDefinitionRequest): string {
  const containers = definition.containerDefinitions ?? [];
  const main = containers.find(({ essential }) => essential !== false) ?? containers[0];
  return main?.name ?? '';
}

export function containerNames(definition: TaskDefinitionRequest): readonly string[] {
  return (definition.containerDefinitions ?? []).map(({ name = '' }) => name);
}

/** Names in `images` that no container has. */
export function unknownContainers(definition: TaskDefinitionRequest, changes: Changes): readonly string[] {
  const names = new Set(containerNames(definition));
  return [...changes.images.keys()].filter((name) => !names.has(name));
}

/** The base with the changes, under `family`; nothing else is touched. */
export function withChanges(base: TaskDefinitionRequest, changes: Changes, family: string): TaskDefinitionRequest {
  const main = mainContainer(base);
  const images = new Map(changes.images);
  if (changes.image !== undefined) images.set(main, changes.image);
  const names = containerNames(base);
  const environment = byContainer(changes.environment, { names, main });
  const secrets = byContainer(changes.secrets, { names, main });
  return {
    ...base,
    family,
    containerDefinitions: (base.containerDefinitions ?? []).map((container) => {
      const name = container.name ?? '';
      const image = images.get(name);
      return {
        ...container,
        ...(image === undefined ? {} : { image }),
        ...mergedVariables(container, environment.get(name), secrets.get(name)),
      };
    }),
  };
}

/** `api.LOG_LEVEL` belongs to the container `api`, if there is one; any other name to the main container, dots and all. */
function byContainer(
  variables: ReadonlyMap<string, string>,
  { names, main }: { readonly names: readonly string[]; readonly main: string },
): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const sorted = new Map<string, Map<string, string>>();
  for (const [key, value] of variables) {
    const dot = key.indexOf('.');
    const qualified = dot > 0 && names.includes(key.slice(0, dot));
    const container = qualified ? key.slice(0, dot) : main;
    const own = sorted.get(container) ?? new Map<string, string>();
    own.set(qualified ? key.slice(dot + 1) : key, value);
    sorted.set(container, own);
  }
  return sorted;
}

/** A name given as environment takes the place of a secret of that name, and the other way round: ECS refuses both. */
function mergedVariables(
  container: ContainerDefinition,
  environment: ReadonlyMap<string, string> = new Map(),
  secrets: ReadonlyMap<string, string> = new Map(),
): Pick<ContainerDefinition, 'environment' | 'secrets'> {
  if (environment.size === 0 && secrets.size === 0) return {};
  const kept = (container.environment ?? []).filter(({ name = '' }) => !secrets.has(name));
  const keptSecrets = (container.secrets ?? []).filter(({ name = '' }) => !environment.has(name));
  const present = new Set(kept.map(({ name }) => name));
  const presentSecrets = new Set(keptSecrets.map(({ name }) => name));
  return {
    environment: [
      ...kept.map((pair) => ({ ...pair, value: environment.get(pair.name ?? '') ?? pair.value })),
      ...[...environment].filter(([name]) => !present.has(name)).map(([name, value]) => ({ name, value })),
    ],
    secrets: [
      ...keptSecrets.map((secret) => ({ ...secret, valueFrom: secrets.get(secret.name ?? '') ?? secret.valueFrom })),
      ...[...secrets].filter(([name]) => !presentSecrets.has(name)).map(([name, valueFrom]) => ({ name, valueFrom })),
    ],
  };
}

/** `family:revision` of an ARN, for people. */
export function shortName(taskDefinitionArn: string): string {
  return lastPart(taskDefinitionArn);
}

interface OfFamily {
  readonly family: string;
  readonly definition: TaskDefinitionRequest;
}

/**
 * The family a service's revisions go to. A new service of provision-env runs the base revision itself, `<name>-base` with
 * stand-ins for the images; any other service that runs a family of such a name (`knowledge-base`) keeps it.
 */
export function serviceFamily(running: OfFamily): string {
  return isUndeployed(running) ? running.family.slice(0, -baseSuffix.length) : running.family;
}

const baseSuffix = '-base';

/** True of a revision that describes the infrastructure (environment, roles, sizes) beside the service's own family. */
export function isBaseFor(base: OfFamily, running: OfFamily): boolean {
  return base.family.endsWith(baseSuffix) && base.family !== running.family && !isUndeployed(running);
}

/** As provision-env's template has it: a tag that no build gives to an image. */
const standIn = /:set-by-deployment$/;

/** True of a base that the service was made with: nothing has been deployed in it. */
export function isUndeployed({ family, definition }: OfFamily): boolean {
  const images = (definition.containerDefinitions ?? []).map(({ image = '' }) => image);
  return (
    family.length > baseSuffix.length && family.endsWith(baseSuffix) && images.some((image) => standIn.test(image))
  );
}

/** Tags that may be given: those of AWS's own (`aws:cloudformation:…`) are refused by the API. */
export function ownTags(tags: readonly Tag[]): Tag[] {
  return tags.filter(({ key = '' }) => !key.toLowerCase().startsWith('aws:'));
}

/** True when AWS would run the same: family, tags, order of variables, empty lists and AWS's defaults do not count. */
export function sameDefinition(a: TaskDefinitionRequest, b: TaskDefinitionRequest): boolean {
  return comparable(a) === comparable(b);
}

function comparable(definition: TaskDefinitionRequest): string {
  return canonicalJson(meaningful(without(registered(definition), 'family', 'tags')) ?? {});
}

/**
 * As AWS describes it once it is registered: its defaults filled in, sizes in its own units. What has the same effect given or not is
 * filled in as well. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
 */
function registered(definition: TaskDefinitionRequest): object {
  const { containerDefinitions = [], volumes, runtimePlatform, ephemeralStorage, cpu, memory } = definition;
  const fargate = definition.requiresCompatibilities?.includes('FARGATE') === true;
  const networkMode = definition.networkMode ?? (fargate ? 'awsvpc' : 'bridge');
  return {
    ...definition,
    cpu: inUnits(cpu, 'vcpu'),
    memory: inUnits(memory, 'gb'),
    networkMode,
    requiresCompatibilities: definition.requiresCompatibilities?.toSorted(),
    enableFaultInjection: definition.enableFaultInjection ?? false,
    runtimePlatform: fargate
      ? { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX', ...runtimePlatform }
      : runtimePlatform,
    ephemeralStorage: fargate ? { sizeInGiB: 20, ...ephemeralStorage } : ephemeralStorage,
    volumes: volumes?.map(withVolumeDefaults),
    containerDefinitions: containerDefinitions.map((container) => withDefaults(container, networkMode)),
  };
}

/** `.25 vCPU` is 256 CPU units, `0.5 GB` is 512 MiB: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size */
function inUnits(size: string | undefined, unit: 'vcpu' | 'gb'): string | undefined {
  const [, number, given] = /^\s*(\d+\.?\d*|\.\d+)\s*([a-z]*)\s*$/i.exec(size ?? '') ?? [];
  if (number === undefined || given === undefined) return size;
  if (given === '') return String(Number(number));
  return given.toLowerCase() === unit ? String(Math.round(Number(number) * 1024)) : size;
}

type Volume = NonNullable<TaskDefinitionRequest['volumes']>[number];

function withVolumeDefaults(volume: Volume): object {
  const { dockerVolumeConfiguration: docker, efsVolumeConfiguration: efs } = volume;
  return {
    ...volume,
    configuredAtLaunch: volume.configuredAtLaunch ?? false,
    ...(docker === undefined
      ? {}
      : { dockerVolumeConfiguration: { scope: 'task', autoprovision: false, driver: 'local', ...docker } }),
    ...(efs === undefined
      ? {}
      : {
          efsVolumeConfiguration: {
            rootDirectory: '/',
            transitEncryption: 'DISABLED',
            // 0 is described for "not given".
            ...without(efs, ...(efs.transitEncryptionPort === 0 ? ['transitEncryptionPort'] : [])),
            authorizationConfig: { iam: 'DISABLED', ...efs.authorizationConfig },
          },
        }),
  };
}

/** The defaults AWS fills in when it registers a container. */
function withDefaults(container: ContainerDefinition, networkMode: string): object {
  const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }): number =>
    (a.name ?? '') < (b.name ?? '') ? -1 : 1;
  const readWrite = (item: object): object => ({ readOnly: false, ...item });
  const { restartPolicy, healthCheck, linuxParameters } = container;
  return {
    disableNetworking: false,
    interactive: false,
    privileged: false,
    pseudoTerminal: false,
    readonlyRootFilesystem: false,
    versionConsistency: 'enabled',
    ...container,
    cpu: container.cpu ?? 0,
    essential: container.essential ?? true,
    environment: container.environment?.toSorted(byName),
    secrets: container.secrets?.toSorted(byName),
    environmentFiles: container.environmentFiles?.map((file) => ({ ...file, type: file.type ?? 's3' })),
    mountPoints: container.mountPoints?.map(readWrite),
    volumesFrom: container.volumesFrom?.map(readWrite),
    portMappings: container.portMappings?.map((mapping) => ({
      ...mapping,
      protocol: mapping.protocol ?? 'tcp',
      hostPort:
        mapping.hostPort ??
        (networkMode === 'bridge' && mapping.containerPort !== undefined ? 0 : mapping.containerPort),
    })),
    ...(healthCheck === undefined
      ? {}
      : { healthCheck: { interval: 30, timeout: 5, retries: 3, startPeriod: 0, ...healthCheck } }),
    ...(restartPolicy === undefined ? {} : { restartPolicy: { restartAttemptPeriod: 300, ...restartPolicy } }),
    ...(linuxParameters === undefined ? {} : { linuxParameters: { initProcessEnabled: false, ...linuxParameters } }),
  };
}

/** Without empty lists and objects: AWS describes what was never given as `[]`. An empty text is a value. */
function meaningful(value: unknown): Json {
  if (Array.isArray(value)) {
    const items = value.map(meaningful);
    return items.length === 0 ? undefined : items;
  }
  if (isRecord(value)) {
    const entries = Object.entries(value)
      .map(([name, item]) => [name, meaningful(item)] as const)
      .filter(([, item]) => item !== undefined);
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}

/** One line of the diff; `before` and `after` are fit to be shown. */
export interface Change {
  readonly where: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What differs, for people: secrets by name only, and of variables that sound like one not the value. */
export function differences(before: TaskDefinitionRequest, after: TaskDefinitionRequest): readonly Change[] {
  const hide = hider([...sensitiveValues(before), ...sensitiveValues(after)]);
  const changes = [
    ...listed(scalars(before), scalars(after), ''),
    ...[...new Set([...containerNames(before), ...containerNames(after)])].flatMap((name) =>
      containerDifferences(name, find(before, name), find(after, name)),
    ),
  ];
  return changes.map((change) => hiddenChange(change, hide));
}

/** Also a command or an option of a log driver may hold a secret. */
export function hiddenChange({ where, before, after }: Change, hide: Hide): Change {
  return {
    where,
    before: before === undefined ? undefined : hide(before),
    after: after === undefined ? undefined : hide(after),
  };
}

function find(definition: TaskDefinitionRequest, container: string): ContainerDefinition | undefined {
  return definition.containerDefinitions?.find(({ name }) => name === container);
}

function scalars(definition: TaskDefinitionRequest): ReadonlyMap<string, string> {
  return shown(without(registered(definition), 'family', 'tags', 'containerDefinitions'));
}

function without(fields: object, ...names: readonly string[]): object {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function shown(fields: object): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(fields).flatMap(([name, value]) => {
      const text = meaningful(value);
      return text === undefined ? [] : [[name, typeof text === 'string' ? text : canonicalJson(text)] as const];
    }),
  );
}

function containerDifferences(
  name: string,
  before: ContainerDefinition | undefined,
  after: ContainerDefinition | undefined,
): readonly Change[] {
  if (before === undefined) return [{ where: name, before: undefined, after: `container ${after?.image ?? ''}` }];
  if (after === undefined) return [{ where: name, before: `container ${before.image ?? ''}`, after: undefined }];
  const plain = (container: ContainerDefinition): ReadonlyMap<string, string> =>
    shown(without(withDefaults(container, 'awsvpc'), 'environment', 'secrets'));
  const variables = (container: ContainerDefinition): ReadonlyMap<string, string> =>
    new Map((container.environment ?? []).map(({ name: key = '', value = '' }) => [key, value]));
  const secrets = (container: ContainerDefinition): ReadonlyMap<string, string> =>
    new Map((container.secrets ?? []).map(({ name: key = '', valueFrom = '' }) => [key, valueFrom]));
  return [
    ...listed(plain(before), plain(after), `${name}.`),
    ...listed(variables(before), variables(after), `${name} environment `).map(hideSensitive),
    ...listed(secrets(before), secrets(after), `${name} secret `).map(byNameOnly),
  ];
}

function listed(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  prefix: string,
): readonly Change[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => ({ where: `${prefix}${name}`, before: before.get(name), after: after.get(name) }));
}

const sensitiveName =
  /pass|(?<!^|old)pwd|secret|token|key|credential|auth|dsn|private|cert|webhook|connection_?string/i;
const urlWithPassword = /:\/\/[^/\s:@]*:([^/\s@]+)@/;

function byNameOnly({ where, before, after }: Change): Change {
  return {
    where,
    before: before === undefined ? undefined : 'set',
    after: after === undefined ? undefined : before === undefined ? 'set' : 'set to another one',
  };
}

function hideSensitive(change: Change): Change {
  const hide = (value: string | undefined): string | undefined =>
    value !== undefined && (sensitiveName.test(change.where) || urlWithPassword.test(value)) ? '(not shown)' : value;
  return { where: change.where, before: hide(change.before), after: hide(change.after) };
}

/** Values of variables and options that look like secrets, to be hidden in all that is shown: whole, and line by line as a log shows them. */
export function sensitiveValues(definition: TaskDefinitionRequest): readonly string[] {
  const found = (definition.containerDefinitions ?? []).flatMap((container) =>
    pairsOf(container).flatMap(([name, value]) => {
      const [, password = ''] = urlWithPassword.exec(value) ?? [];
      if (password === '' && (!sensitiveName.test(name) || isHarmless(name, value))) return [];
      return [value, ...linesOf(value), ...(password.length < 6 ? [] : [password])];
    }),
  );
  return [...new Set(found)];
}

function pairsOf(container: ContainerDefinition): readonly (readonly [name: string, value: string])[] {
  const { environment = [], logConfiguration, firelensConfiguration, dockerLabels = {} } = container;
  return [
    ...environment.map(({ name = '', value = '' }) => [name, value] as const),
    ...Object.entries({ ...logConfiguration?.options }),
    ...Object.entries({ ...firelensConfiguration?.options }),
    ...Object.entries(dockerLabels),
  ];
}

/** What tells no secret whatever its name, and what would make all text unreadable: an ARN, a switch, the number of a setting. */
function isHarmless(name: string, value: string): boolean {
  const isSetting = /^\d{1,5}$/.test(value) && !/(?:pass\w*|pwd|secret|token|key)$/i.test(name);
  return value.length < 4 || isSetting || /^(?:arn:aws[\w-]*:\S+|true|false|none|null)$/i.test(value);
}

/** Of a private key, say; in JSON its breaks are escaped. */
function linesOf(value: string): readonly string[] {
  const lines = value.split(/[\r\n]+|\\n/).map((line) => line.trim());
  return lines.length === 1 ? [] : lines.filter((line) => line.length >= 6);
}

/** Where a container of a task logs to; undefined unless it is CloudWatch Logs with a stream prefix. */
export function logStreamOf(
  definition: TaskDefinitionRequest,
  container: string,
  taskArn: string,
): { readonly group: string; readonly stream: string; readonly region: string | undefined } | undefined {
  const { logDriver, options = {} } = find(definition, container)?.logConfiguration ?? {};
  const group = options['awslogs-group'];
  const prefix = options['awslogs-stream-prefix'];
  if (logDriver !== 'awslogs' || group === undefined || prefix === undefined) return undefined;
  const task = lastPart(taskArn);
  return { group, stream: `${prefix}/${container}/${task}`, region: options['awslogs-region'] };
}
