import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { AwsCredentialIdentity, AwsCredentialIdentityProvider, MiddlewareStack } from '@aws-sdk/types';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { attempts } from './attempts.ts';
import { toAwsError, webIdentityOf } from './aws-error.ts';

/** How every AWS client of the suite is set up. */
export interface SdkConfig {
  readonly region: string;
  readonly maxAttempts: number;
  readonly retryMode: 'standard';
  readonly requestHandler: NodeHttpHandler;
  /** Milliseconds until an unanswered request is given up and retried. */
  readonly requestTimeout: number;
  readonly credentials?: AwsCredentialIdentityProvider;
}

export interface SdkOptions {
  readonly region: string;
  readonly roleToAssume?: string | undefined;
  readonly roleSessionName: string;
  readonly roleDurationSeconds: number;
}

export interface SdkEnvironment {
  readonly idToken: (audience: string) => Promise<string>;
  readonly mask: (secret: string) => void;
  /** Default: a minute. */
  readonly requestTimeout?: number;
}

/**
 * One configuration for all clients of a run. `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` are read by the SDK.
 * Both time-out settings are needed: with either
 * missing, a connection that is accepted and never answered hangs for good.
 */
export function sdkConfig(options: SdkOptions, environment: SdkEnvironment): SdkConfig {
  const requestTimeout = environment.requestTimeout ?? 60_000;
  const base: SdkConfig = {
    region: options.region,
    maxAttempts: attempts,
    retryMode: 'standard',
    requestTimeout,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: 5_000,
      requestTimeout,
      throwOnRequestTimeout: true,
      httpAgent: new HttpAgent({ keepAlive: true, maxSockets: 50 }),
      httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: 50 }),
    }),
  };
  const { roleToAssume } = options;
  if (roleToAssume === undefined) return base;
  return { ...base, credentials: shared(webIdentity({ ...options, roleToAssume }, base, environment)) };
}

/** A client asks anew when its credentials have less than five minutes left. */
const freshMs = 6 * 60_000;

/** Each client keeps credentials for itself only: without this, every client of a run would assume the role once more. */
function shared(provider: AwsCredentialIdentityProvider): AwsCredentialIdentityProvider {
  let known: Promise<AwsCredentialIdentity> | undefined;
  return async (options) => {
    const asked = known;
    const kept = await asked?.catch(() => undefined);
    if (kept?.expiration !== undefined && kept.expiration.getTime() - Date.now() > freshMs) return kept;
    // Whoever waited beside us may have asked anew already.
    if (known === undefined || known === asked) known = provider(options);
    return known;
  };
}

/** Credentials of `role-to-assume` for the job's own OIDC token: kept in memory, fetched anew (with a fresh token) before they expire. */
function webIdentity(
  options: SdkOptions & { readonly roleToAssume: string },
  base: SdkConfig,
  environment: SdkEnvironment,
): AwsCredentialIdentityProvider {
  return async (): Promise<AwsCredentialIdentity> => {
    const { AssumeRoleWithWebIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
    const sts = connect(STSClient, base);
    const { Credentials } = await sts.send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: options.roleToAssume,
        RoleSessionName: options.roleSessionName,
        DurationSeconds: options.roleDurationSeconds,
        WebIdentityToken: await environment.idToken('sts.amazonaws.com'),
      }),
    );
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '', Expiration } = Credentials ?? {};
    for (const secret of [SecretAccessKey, SessionToken]) if (secret !== '') environment.mask(secret);
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      ...(Expiration === undefined ? {} : { expiration: Expiration }),
    };
  };
}

interface SdkClient {
  readonly middlewareStack: Pick<MiddlewareStack<object, object>, 'add'>;
}

/** A client whose failures are `AwsError`s: service, operation, request id, and on access denied the missing statement. */
export function connect<C extends SdkClient, Config>(Client: new (config: Config) => C, config: Config): C {
  const client = new Client(config);
  client.middlewareStack.add(
    (next, context) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        throw toAwsError(error, {
          service: (context.clientName ?? 'AWS').replace(/Client$/, ''),
          operation: (context.commandName ?? 'unknown').replace(/Command$/, ''),
          identity: webIdentityOf(args.input),
        });
      }
    },
    { step: 'initialize', name: 'awsError', priority: 'high' },
  );
  return client;
}
