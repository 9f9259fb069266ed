import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Identity } from './sigv4.ts';

/** Where a bucket is, and for which region and service requests for it are signed. */
export interface Place {
  readonly url: URL;
  readonly signingRegion: string;
  readonly signingName: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that make the SDK look further than at the region and the keys. */
const elsewhere = [
  'AWS_PROFILE',
  'AWS_USE_FIPS_ENDPOINT',
  'AWS_USE_DUALSTACK_ENDPOINT',
  'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
];

/**
 * The bucket's place where region and environment alone decide it, as on a runner; undefined where the SDK has to be asked: a profile or a
 * configuration file, another partition, a name that no host can have. Tests hold it against the SDK's own rules.
 */
export function plainPlace(bucket: string, region: string, env: Environment): Place | undefined {
  if (elsewhere.some((name) => (env[name] ?? '') !== '') || hasFiles(env)) return undefined;
  const endpoint = env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined;
  const isOrdinary = /^(?!.*--)(?!.*-s3alias$)[a-z0-9-]+$/.test(bucket);
  if (!isOrdinary || !/^(?:us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+$/.test(region)) return undefined;
  // A custom endpoint (an emulator) has no host name per bucket.
  const address = endpoint === undefined ? `https://${bucket}.s3.${region}.amazonaws.com` : `${endpoint}/${bucket}`;
  return { url: new URL(address), signingRegion: region, signingName: 's3' };
}

/** The keys in the environment, if the SDK would take them from there. */
export function plainIdentity(env: Environment): Identity | undefined {
  const { AWS_PROFILE: profile, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (profile || !accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, sessionToken: env['AWS_SESSION_TOKEN'] || undefined };
}

function hasFiles(env: Environment): boolean {
  const inHome = (name: string): string => join(homedir(), '.aws', name);
  return (
    existsSync(env['AWS_CONFIG_FILE'] || inHome('config')) ||
    existsSync(env['AWS_SHARED_CREDENTIALS_FILE'] || inHome('credentials'))
  );
}
