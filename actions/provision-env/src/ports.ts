import { gitHubComments, type PullRequestComments } from '../../../shared/action/pull-request-comment.ts';
import type { ActionIo } from '../../../shared/action/run.ts';
import { systemClock } from '../../../shared/action/system-clock.ts';
import { publicDns } from '../../../shared/action/public-dns.ts';
import { tokenSubject } from '../../../shared/aws/aws-error.ts';
import { cloudFormationStacks } from '../../../shared/aws/cloudformation.ts';
import { ecsServices } from '../../../shared/aws/ecs.ts';
import { globalCaller } from '../../../shared/aws/global-call.ts';
import { oidcProviders } from '../../../shared/aws/oidc-providers.ts';
import { databaseSnapshots } from '../../../shared/aws/rds.ts';
import { hostedZones } from '../../../shared/aws/route53.ts';
import { logReader } from '../../../shared/aws/logs.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import { secretsManager } from '../../../shared/aws/secrets-manager.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import type { CommentIo } from './comment.ts';
import { deadTaskReader } from './dead-task.ts';
import type { Inputs } from './inputs.ts';
import type { Ports } from './observe.ts';
import { edgeRegion } from './stacks.ts';

export function connectPorts(inputs: Inputs, io: ActionIo): Ports & Pick<CommentIo, 'comments'> {
  const config = sdkConfig(inputs, io);
  const call = globalCaller(config);
  const services = ecsServices(config);
  return {
    stacks: cloudFormationStacks(config),
    edgeStacks: cloudFormationStacks({ ...config, region: edgeRegion }),
    zones: hostedZones(call),
    oidcProviders: oidcProviders(call),
    snapshots: databaseSnapshots(call),
    dns: publicDns,
    subject: () => subjectOf(io),
    services,
    deadTasks: deadTaskReader({ services, logs: logReader(config) }),
    secrets: secretsManager(config),
    comments: connectComments(inputs, io, systemClock),
    clock: systemClock,
    signal: io.signal,
  };
}

export function connectComments(
  { comment }: Pick<Inputs, 'comment'>,
  { context, signal, progress }: Pick<ActionIo, 'context' | 'signal' | 'progress'>,
  clock: Clock,
): PullRequestComments | undefined {
  const { repository, pullRequest, apiUrl } = context;
  if (comment?.token === undefined || pullRequest === undefined) return undefined;
  const place = { token: comment.token, repository, number: pullRequest.number, apiUrl };
  return gitHubComments(place, { clock, signal, progress });
}

async function subjectOf({ idToken }: Pick<ActionIo, 'idToken'>): Promise<string | undefined> {
  try {
    return tokenSubject(await idToken('sts.amazonaws.com'));
  } catch (error) {
    if (error instanceof ActionError) return undefined;
    throw error;
  }
}
