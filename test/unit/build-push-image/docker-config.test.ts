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
import { expect, test } from '@jest/globals';
import { isolate, privateDockerConfig } from '../../../actions/build-push-image/src/docker-config.ts';

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
