import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  isolate,
  loginFor,
  privateDockerConfig,
  userLogins,
} from '../../../actions/build-push-image/src/docker-config.ts';

const host = '123456789012.dkr.ecr.us-east-1.amazonaws.com';

test('other logins, contexts and proxies stay; our host and every store that would keep its password go', () => {
  const own = {
    auths: { [host]: { auth: 'old' }, 'ghcr.io': { auth: 'x' }, 'https://index.docker.io/v1/': {} },
    credHelpers: { [host]: 'ecr-login', 'gcr.io': 'gcloud' },
    credsStore: 'desktop',
    currentContext: 'remote',
    proxies: { default: { httpProxy: 'http://proxy' } },
  };
  expect(isolate(JSON.stringify(own), host)).toEqual({
    auths: { 'ghcr.io': { auth: 'x' }, 'https://index.docker.io/v1/': {} },
    credHelpers: { 'gcr.io': 'gcloud', 'ghcr.io': 'desktop', 'https://index.docker.io/v1/': 'desktop' },
    currentContext: 'remote',
    proxies: own.proxies,
  });
});

test.each(['', 'https://', 'http://'])('our host goes however it is written: %shost', (scheme) => {
  for (const key of [host, `${host}/`, `${host}/v2/`, host.toUpperCase()]) {
    const text = JSON.stringify({
      auths: { [scheme + key]: { auth: 'x' } },
      credHelpers: { [scheme + key]: 'ecr-login' },
    });
    expect(isolate(text, host)).toEqual({ auths: {}, credHelpers: {} });
  }
  const longer = { auths: { [`${scheme}x.${host}`]: {}, [`${scheme}${host}:444`]: {} }, credHelpers: {} };
  expect(isolate(JSON.stringify(longer), host)).toEqual(longer);
});

describe('a login that docker remembers', () => {
  const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
  const basic = (text: string) => auth(text).auth;

  test.each<[string, object, string, string | undefined]>([
    ['by host', { auths: { 'ghcr.io': auth('me:pass:word') } }, 'ghcr.io', basic('me:pass:word')],
    ['as an address', { auths: { 'https://ghcr.io/v2/': auth('me:pw\0\0') } }, 'ghcr.io', basic('me:pw')],
    [
      'of Docker Hub',
      { auths: { 'https://index.docker.io/v1/': auth('me:pw') } },
      'registry-1.docker.io',
      basic('me:pw'),
    ],
    ['of another host', { auths: { 'ghcr.io': auth('me:pw') } }, 'evil-ghcr.io', undefined],
    ['of another port', { auths: { 'ghcr.io': auth('me:pw') } }, 'ghcr.io:444', undefined],
    ['kept by a store', { auths: { 'ghcr.io': {} }, credsStore: 'desktop' }, 'ghcr.io', undefined],
    ['of a helper', { auths: { 'gcr.io': auth('me:pw') }, credHelpers: { 'gcr.io': 'gcloud' } }, 'gcr.io', undefined],
    ['with a token', { auths: { 'x.io': { ...auth('me:pw'), identitytoken: 't' } } }, 'x.io', undefined],
    ['without a password', { auths: { 'x.io': auth('me:') } }, 'x.io', undefined],
    ['that is none', { auths: { 'x.io': { auth: 1 } } }, 'x.io', undefined],
  ])('%s', (...[, config, asked, expected]) => expect(loginFor(JSON.stringify(config), asked)).toBe(expected));

  test('is masked before it is used', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'slipway-config-'));
    try {
      writeFileSync(join(scratch, 'config.json'), JSON.stringify({ auths: { 'ghcr.io': auth('me:pw:1') } }));
      const masked: string[] = [];
      const login = userLogins({ DOCKER_CONFIG: scratch }, (secret) => masked.push(secret));
      expect(await login('other.io')).toBeUndefined();
      expect(masked).toEqual([]);
      expect(await login('ghcr.io')).toBe(basic('me:pw:1'));
      expect(masked).toEqual([basic('me:pw:1'), 'pw:1']);
      expect(await userLogins({ DOCKER_CONFIG: join(scratch, 'none') }, () => undefined)('ghcr.io')).toBeUndefined();
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });
});

test.each(['', '[]', 'null', '{"auths":', '{"auths":[1],"credHelpers":"x"}'])('from %j', (text) => {
  expect(isolate(text, host)).toEqual({ auths: {}, credHelpers: {} });
});

test('the directory is the owner’s alone, reaches plug-ins and contexts, and goes', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-config-'));
  try {
    const own = join(scratch, 'own');
    mkdirSync(join(own, 'cli-plugins'), { recursive: true });
    writeFileSync(join(own, 'config.json'), '{"currentContext":"c"}');
    const remembered: string[] = [];
    const open = privateDockerConfig({
      tempDirectory: scratch,
      env: { DOCKER_CONFIG: own },
      remember: (directory) => remembered.push(directory),
    });
    const config = await open(host);
    expect(remembered).toEqual([config.directory]);
    expect(config.env).toEqual({ DOCKER_CONFIG: config.directory, BUILDX_CONFIG: join(own, 'buildx') });
    expect(statSync(config.directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(config.directory, 'config.json')).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(join(config.directory, 'config.json'), 'utf8'))).toMatchObject({
      currentContext: 'c',
    });
    expect(readlinkSync(join(config.directory, 'cli-plugins'))).toBe(join(own, 'cli-plugins'));
    expect(await config.read('metadata.json')).toBeUndefined();
    await config.remove();
    await config.remove();
    expect(existsSync(config.directory)).toBe(false);
    // What it links to is the user's, and stays.
    expect(existsSync(join(own, 'cli-plugins'))).toBe(true);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});
