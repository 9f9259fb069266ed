import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseJson } from '../../../shared/core/field.ts';

/** A `DOCKER_CONFIG` of our own: what docker is told to remember stays out of the user's, and is gone afterwards. */
export interface DockerConfig {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** The text of a file docker wrote there, undefined when it did not. */
  read(name: string): Promise<string | undefined>;
  remove(): Promise<void>;
}

export type OpenDockerConfig = (loginHost: string) => Promise<DockerConfig>;

export interface DockerConfigOptions {
  readonly tempDirectory: string;
  readonly env: NodeJS.ProcessEnv;
  /** Told the directory before anything is in it, so that `post` removes it whatever happens. */
  readonly remember: (directory: string) => void;
}

export function privateDockerConfig({ tempDirectory, env, remember }: DockerConfigOptions): OpenDockerConfig {
  return async (loginHost) => {
    const own = usersDirectory(env);
    // mkdtemp makes it readable to its owner only.
    const directory = await mkdtemp(join(tempDirectory, 'slipway-docker-'));
    remember(directory);
    const text = await readFile(join(own, 'config.json'), 'utf8').catch(() => '');
    await writeFile(join(directory, 'config.json'), JSON.stringify(isolate(text, loginHost)), { mode: 0o600 });
    for (const shared of ['cli-plugins', 'contexts', 'tls']) {
      // A dangling link is as good as none to docker.
      await symlink(join(own, shared), join(directory, shared));
    }
    return {
      directory,
      // The chosen builder is remembered under the user's own configuration.
      env: { DOCKER_CONFIG: directory, BUILDX_CONFIG: env['BUILDX_CONFIG'] || join(own, 'buildx') },
      read: (name) => readFile(join(directory, name), 'utf8').catch(() => undefined),
      remove: () => rm(directory, { recursive: true, force: true }),
    };
  };
}

/**
 * The user's configuration, so that contexts, proxies and logins to other registries go on working; but no credential
 * store (it would keep our password beyond this step) and no helper for the host that we log in to.
 */
export function isolate(text: string, loginHost: string): Readonly<Record<string, unknown>> {
  const { credsStore, auths, credHelpers, ...rest } = toObject(parseJson(text));
  const logins = toObject(auths);
  const helpers: Record<string, unknown> = { ...toObject(credHelpers) };
  if (typeof credsStore === 'string' && credsStore !== '') {
    for (const host of Object.keys(logins)) helpers[host] ??= credsStore;
  }
  const others = (entries: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
    Object.fromEntries(Object.entries(entries).filter(([host]) => hostOfKey(host) !== hostOfKey(loginHost)));
  return { ...rest, auths: others(logins), credHelpers: others(helpers) };
}

/** Docker matches `https://<host>/v2/` and the like with the host. */
function hostOfKey(key: string): string {
  const host = key
    .replace(/^https?:\/\//i, '')
    .replace(/\/.*$/, '')
    .toLowerCase();
  return hubHosts.has(host) ? 'registry-1.docker.io' : host;
}

/** The names of Docker Hub: `docker login` keeps it as `https://index.docker.io/v1/`. */
const hubHosts: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** What `docker login` left in the user's own configuration, by host, as `Authorization: Basic` takes it. No helper is run. */
export function userLogins(
  env: NodeJS.ProcessEnv,
  mask: (secret: string) => void,
): (host: string) => Promise<string | undefined> {
  let read: Promise<string> | undefined;
  return async (host) => {
    read ??= readFile(join(usersDirectory(env), 'config.json'), 'utf8').catch(() => '');
    const login = loginFor(await read, host);
    if (login === undefined) return undefined;
    const decoded = Buffer.from(login, 'base64').toString();
    for (const secret of [login, decoded.slice(decoded.indexOf(':') + 1)]) mask(secret);
    return login;
  };
}

/** Undefined where docker itself would ask a helper, or has a token that is no password. */
export function loginFor(text: string, host: string): string | undefined {
  const { auths, credHelpers } = toObject(parseJson(text));
  const isHost = (key: string): boolean => hostOfKey(key) === hostOfKey(host);
  if (Object.keys(toObject(credHelpers)).some(isHost)) return undefined;
  for (const [key, entry] of Object.entries(toObject(auths))) {
    const { auth, identitytoken } = toObject(entry);
    if (!isHost(key) || typeof auth !== 'string' || (identitytoken ?? '') !== '') continue;
    // Docker ends some of them with zero bytes.
    const decoded = Buffer.from(auth, 'base64').toString().replace(/\0+$/, '');
    if (/^[^:]+:./s.test(decoded)) return Buffer.from(decoded).toString('base64');
  }
  return undefined;
}

function usersDirectory(env: NodeJS.ProcessEnv): string {
  return resolve(env['DOCKER_CONFIG'] || join(homedir(), '.docker'));
}

function toObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}
