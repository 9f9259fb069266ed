import type { ChangeSetState, Stacks, StackState } from '../../../shared/aws/cloudformation.ts';
import type { DeploymentState, ServiceRef, ServiceState } from '../../../shared/aws/ecs.ts';
import type { PublicDns } from '../../../shared/action/public-dns.ts';
import type { OidcProviders } from '../../../shared/aws/oidc-providers.ts';
import type { DatabaseSnapshots } from '../../../shared/aws/rds.ts';
import type { HostedZones } from '../../../shared/aws/route53.ts';
import type { Secrets } from '../../../shared/aws/secrets-manager.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { AwsError, DeploymentError, isAwsError } from '../../../shared/core/errors.ts';
import type { DeadTasks } from './dead-task.ts';
import { previewOf } from './change-set.ts';
import {
  areSame,
  containerChanges,
  heldParameters,
  knownOutputs,
  ownParameters,
  resolveParameters,
} from './parameters.ts';
import { condition } from './verdict.ts';
import { inEdgeOrder } from './edge.ts';
import { bootstrapName, edgeRegion, isGiven, stackName, type StackKey, type StackSpec } from './stacks.ts';
import { namesBetween, type SeenZone } from './zone.ts';

/** What there is to know about a service here: `EcsServices` tells it. */
export interface RunningServices {
  describeService(ref: ServiceRef): Promise<RunningService | undefined>;
}

export interface RunningService extends Pick<ServiceState, 'status' | 'taskDefinition'> {
  readonly deployments: readonly Pick<DeploymentState, 'rolloutState'>[];
}

export interface Ports {
  /** In the run's region. */
  readonly stacks: Stacks;
  /** In the one region where CloudFront looks for certificates and firewalls. */
  readonly edgeStacks: Stacks;
  readonly zones: HostedZones;
  readonly dns: PublicDns;
  readonly oidcProviders: OidcProviders;
  /** The `sub` of the job's own OIDC token; undefined where the job may not have one. */
  readonly subject: () => Promise<string | undefined>;
  readonly secrets: Secrets;
  readonly snapshots: DatabaseSnapshots;
  readonly services: RunningServices;
  /** Why tasks of a service died that does not become stable. */
  readonly deadTasks: DeadTasks;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Where a stack's own calls go. */
export function stacksOf(
  { key }: Pick<StackSpec, 'key'>,
  { stacks, edgeStacks }: Pick<Ports, 'stacks' | 'edgeStacks'>,
): Stacks {
  return key === 'edge' ? edgeStacks : stacks;
}

export interface ObserveInputs {
  readonly mode: 'plan' | 'apply' | 'outputs';
  readonly app: string;
  readonly environment: string;
  readonly specs: readonly StackSpec[];
  readonly executionRole: string | undefined;
  readonly service: ServiceRef & { readonly baseFamily: string };
  /** Begins the name of every change set of this run. */
  readonly runName: string;
}

export interface Observed {
  readonly stacks: ReadonlyMap<StackKey, StackState>;
  /** What a change set says that an existing stack would go through; only asked for by `plan`. */
  readonly previews: ReadonlyMap<StackKey, ChangeSetState>;
  /** The same with what other stacks put out as it was: what its own template and configuration change. */
  readonly ownPreviews: ReadonlyMap<StackKey, ChangeSetState>;
  /** Whether the OpenAI key has a value; undefined when that is not known. */
  readonly openaiApiKeyHasValue: boolean | undefined;
  /** The deployed revision that runs; only asked for where a change of its container is wanted. */
  readonly deployed: string | undefined;
  /** What is known of the zone in which a certificate will be proved; undefined when none is to be made. */
  readonly zone: SeenZone | undefined;
  /** The name of an edge stack that is there and that nothing needs any more. */
  readonly needlessEdge: string | undefined;
}

/** Of a run that may not ask. */
export const nothingObserved: Observed = {
  stacks: new Map(),
  previews: new Map(),
  ownPreviews: new Map(),
  openaiApiKeyHasValue: undefined,
  deployed: undefined,
  zone: undefined,
  needlessEdge: undefined,
};

export async function observe(inputs: ObserveInputs, ports: Ports): Promise<Observed> {
  const found = await Promise.all(
    inputs.specs.map(async (spec) => [spec, await stacksOf(spec, ports).describe(spec.name)] as const),
  );
  const stacks = new Map(found.flatMap(([{ key }, state]) => (state === undefined ? [] : [[key, state] as const])));
  const outputs = knownOutputs(stacks);
  const openaiApiKeyHasValue = await openaiKey(outputs, ports);
  const previews = new Map<StackKey, ChangeSetState>();
  const ownPreviews = new Map<StackKey, ChangeSetState>();
  if (inputs.mode === 'plan') {
    const { specs } = inEdgeOrder(inputs.specs, stacks);
    const ends = await Promise.allSettled(
      specs.map(async (spec) => {
        const state = stacks.get(spec.key);
        if (state === undefined || condition(state.status) !== 'ready') return;
        const preview = (parameters: ReadonlyMap<string, string>, what: string): Promise<ChangeSetState> =>
          previewOf(
            {
              stack: spec.name,
              name: `${inputs.runName}-${spec.key}-${what}`,
              kind: 'UPDATE',
              template: spec.body,
              parameters: new Map([...parameters, ...heldParameters(spec, state, parameters)]),
              tags: spec.tags,
              executionRole: inputs.executionRole,
            },
            { ...ports, stacks: stacksOf(spec, ports) },
          );
        const own = ownParameters(spec, state, { outputs, openaiApiKeyHasValue });
        const all = resolveParameters(spec, outputs, openaiApiKeyHasValue);
        if (all !== undefined) previews.set(spec.key, await preview(all, 'plan'));
        const same = own !== undefined && all !== undefined && areSame(own, all);
        const alone = same ? previews.get(spec.key) : own && (await possible(preview(own, 'own')));
        if (alone !== undefined) ownPreviews.set(spec.key, alone);
      }),
    );
    // Only now: a change set that is still being made would be left behind.
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
  const ofTheContainer = found.some(
    ([spec, state]) => inputs.mode !== 'outputs' && state !== undefined && containerChanges(spec, state).length > 0,
  );
  const running = ofTheContainer ? await ports.services.describeService(inputs.service) : undefined;
  const revision = running === undefined ? 'base' : revisionOf(running, inputs.service.baseFamily);
  return {
    stacks,
    previews,
    ownPreviews,
    openaiApiKeyHasValue,
    deployed: revision === 'base' ? undefined : revision,
    zone: inputs.mode === 'outputs' ? undefined : await seenZone(inputs.specs, stacks, ports),
    needlessEdge: await needlessEdge(inputs, ports),
  };
}

/** A stack may make no sense with new values of its own and old ones of others: then nobody knows what it alone would change. */
async function possible(preview: Promise<ChangeSetState>): Promise<ChangeSetState | undefined> {
  try {
    return await preview;
  } catch (error) {
    if (error instanceof DeploymentError) return undefined;
    throw error;
  }
}

/** Looked at only while a certificate is still to be made in it: later ones are renewed by the same record. */
async function seenZone(
  specs: readonly StackSpec[],
  stacks: ReadonlyMap<StackKey, StackState>,
  { zones, dns }: Pick<Ports, 'zones' | 'dns'>,
): Promise<SeenZone | undefined> {
  const app = specs.find(({ key }) => key === 'app');
  const wanted = (name: string): string | undefined => {
    const source = app?.parameters.get(name);
    const value = source?.from === 'value' ? source.value : app?.template.parameters.get(name)?.fallback;
    return isGiven(value) ? value : undefined;
  };
  const domain = wanted('Domain');
  const zoneId = wanted('HostedZoneId');
  if (domain === undefined || zoneId === undefined) return undefined;
  const isMade = (certificate: string, key: StackKey, subdomain: string): boolean => {
    const state = stacks.get(key);
    const same = ['Domain', 'HostedZoneId', subdomain].every((name) => state?.parameters.get(name) === wanted(name));
    // One that is under way waits already; this run waits with it.
    const isUnderWay = state !== undefined && condition(state.status) === 'busy';
    return wanted(certificate) !== undefined || (same && (isUnderWay || isGiven(state?.outputs.get(certificate))));
  };
  if (isMade('SiteCertificateArn', 'edge', 'SiteSubdomain') && isMade('ApiCertificateArn', 'app', 'ApiSubdomain'))
    return undefined;
  try {
    const zone = await zones.zone(zoneId);
    const ask = async (name: string) => ({ name, servers: await dns.nameServers(name) });
    const [apex, ...between] =
      zone === undefined ? [] : await Promise.all([zone.name, ...namesBetween(domain, zone.name)].map(ask));
    return { domain, zoneId, zone, publicServers: apex?.servers, between };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return { domain, zoneId, zone: error.message, publicServers: undefined, between: [] };
  }
}

/** The domain or the firewall is gone from the configuration, and the stack that was made for it is not. */
async function needlessEdge(inputs: ObserveInputs, ports: Pick<Ports, 'edgeStacks'>): Promise<string | undefined> {
  if (inputs.mode === 'outputs' || inputs.specs.some(({ key }) => key === 'edge' || key === 'bootstrap'))
    return undefined;
  const name = stackName(inputs, 'edge');
  try {
    return (await ports.edgeStacks.describe(name)) === undefined ? undefined : name;
  } catch (error) {
    // Only advice hangs on it.
    if (error instanceof AwsError) return undefined;
    throw error;
  }
}

/**
 * What the environment's bootstrap stack tells: roles. It is in the run's region, or in the one where most accounts have what they have once.
 * Empty where there is none; undefined where this run may not look at it.
 */
export async function bootstrapOutputs(
  { app, environment, region }: { readonly app: string; readonly environment: string; readonly region: string },
  { stacks, edgeStacks }: Pick<Ports, 'stacks' | 'edgeStacks'>,
): Promise<ReadonlyMap<string, string> | undefined> {
  const of = async (where: Stacks): Promise<ReadonlyMap<string, string> | undefined> => {
    const first = await where.describe(bootstrapName(app));
    if (first === undefined || first.parameters.get('Environment') === environment) return first?.outputs;
    return (await where.describe(bootstrapName(app, environment)))?.outputs;
  };
  try {
    const here = await of(stacks);
    return here ?? (region === edgeRegion ? new Map() : ((await of(edgeStacks)) ?? new Map()));
  } catch (error) {
    // Not known is not "none": what is there stays.
    if (
      error instanceof AwsError &&
      (region !== edgeRegion || isAwsError(error, 'AccessDenied', 'AccessDeniedException'))
    )
      return undefined;
    throw error;
  }
}

/** What the service runs, as the app stack's parameters say it: `base` until something was deployed. */
export function revisionOf({ status, taskDefinition }: RunningService, baseFamily: string): string {
  return status !== 'ACTIVE' || taskDefinition.includes(`:task-definition/${baseFamily}:`) ? 'base' : taskDefinition;
}

/** Whether the secret has a value, without reading it. Undefined while there is no secret, and for a role that may not ask. */
export async function openaiKey(
  outputs: ReadonlyMap<StackKey, ReadonlyMap<string, string>>,
  ports: Pick<Ports, 'secrets'>,
): Promise<boolean | undefined> {
  const arn = outputs.get('foundation')?.get('OpenaiApiKeySecretArn');
  if (arn === undefined) return undefined;
  try {
    return await ports.secrets.hasValue(arn);
  } catch (error) {
    if (isAwsError(error, 'AccessDenied', 'AccessDeniedException')) return undefined;
    throw error;
  }
}
