import { randomUUID } from 'node:crypto';
import type { ActionIo } from '../../../shared/action/run.ts';
import { systemClock } from '../../../shared/action/system-clock.ts';
import { networks } from '../../../shared/aws/ec2.ts';
import { imageFinder } from '../../../shared/aws/ecr.ts';
import { ecsServices } from '../../../shared/aws/ecs.ts';
import { loadBalancers, targetGroups } from '../../../shared/aws/elbv2.ts';
import { roles } from '../../../shared/aws/iam.ts';
import { logGroups, logReader } from '../../../shared/aws/logs.ts';
import { sdkConfig } from '../../../shared/aws/sdk-config.ts';
import { secretInspector } from '../../../shared/aws/secrets-manager.ts';
import { parameters } from '../../../shared/aws/ssm.ts';
import type { ApplyPorts } from './apply.ts';
import type { HealthAnswer } from './health.ts';
import type { Inputs } from './inputs.ts';
import { ReadBudget } from './read-budget.ts';
import type { ObservePorts } from './observe.ts';
import type { PreflightPorts } from './preflight-reads.ts';

export type RunPorts = ObservePorts & ApplyPorts & { readonly preflight: PreflightPorts };

export function connectPorts(inputs: Inputs, io: ActionIo): RunPorts {
  const config = sdkConfig(inputs, io);
  // The preflight only informs: a service that does not answer must not hold up the deployment.
  const { requestHandler } = sdkConfig(inputs, { ...io, requestTimeout: 5_000 });
  const brief = { ...config, requestHandler, maxAttempts: 2 };
  return {
    preflight: {
      images: imageFinder(brief),
      secrets: secretInspector(brief, io.mask),
      parameters: parameters(brief),
      roles: roles(brief),
      logGroups: logGroups(brief),
      networks: networks(brief),
      targetGroups: targetGroups(brief),
    },
    services: ecsServices(config),
    logs: logReader(config),
    balancers: loadBalancers(config),
    ask,
    clock: systemClock,
    reads: new ReadBudget(systemClock),
    progress: io.progress,
    signal: io.signal,
    // RunTask remembers a token for a day: where nothing tells one run from the next, an earlier run's task must not stand for this one's.
    tokenSeed: io.context.step ?? randomUUID(),
  };
}

/**
 * One GET, and the redirects on the same host (from http to https, to the path with a slash): a page of another host, as a sign-in, says
 * nothing of this service. Never throws.
 */
export async function ask(url: string, patience = 10_000): Promise<HealthAnswer> {
  const started = performance.now();
  const answer = await follow(url, AbortSignal.timeout(patience)).catch((error: unknown) => ({
    status: 0,
    body: reasonOf(error),
  }));
  return { ...answer, ms: performance.now() - started };
}

async function follow(url: string, signal: AbortSignal): Promise<Omit<HealthAnswer, 'ms'>> {
  let at = url;
  let redirected: { readonly location?: string } = {};
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(at, { redirect: 'manual', signal, headers: { 'user-agent': 'slipway' } });
    const next = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
    const target = next === null ? null : URL.parse(next, at);
    if (target !== null) redirected = { location: target.href };
    if (target === null || redirects >= 5 || target.hostname !== new URL(at).hostname) {
      const server = response.headers.get('server');
      const body = await beginning(response);
      return { status: response.status, body, ...redirected, ...(server === null ? {} : { server }) };
    }
    await response.body?.cancel();
    at = target.href;
  }
}

/** The first 2,000 bytes or so, however long the body is. */
async function beginning(response: Response): Promise<string> {
  let read = '';
  const decoder = new TextDecoder();
  const chunks: AsyncIterable<Uint8Array> | undefined = response.body ?? undefined;
  if (chunks === undefined) return '';
  for await (const chunk of chunks) {
    read += decoder.decode(chunk, { stream: true });
    // Leaving the loop cancels the rest.
    if (read.length >= 2_000) break;
  }
  return read.slice(0, 2_000);
}

/** fetch says "fetch failed" and keeps the reason as its cause; of several addresses, each with its own. */
function reasonOf(error: unknown): string {
  const cause = part(error, 'cause');
  if (typeof cause !== 'object' || cause === null) return text(error, 'message') || String(error);
  const errors = part(cause, 'errors');
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  const message = text(cause, 'message') || text(first, 'message') || text(cause, 'name');
  const code = text(cause, 'code');
  return code === '' || message.includes(code) ? message : `${message} (${code})`;
}

function part(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function text(value: unknown, name: string): string {
  const found = part(value, name);
  return typeof found === 'string' ? found : '';
}
