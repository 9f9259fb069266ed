import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, copyFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { buildTools, startBuildkitd, withBuildx } from '../kit/buildkit.ts';
import { describeWith } from '../kit/describe-with.ts';
import { must, run } from './command.ts';

const tools = await buildTools();

describeWith(tools, 'the tests’ own BuildKit', (tools) => {
  let context: string;
  beforeEach(() => {
    context = mkdtempSync(join(tmpdir(), 'slipway-test-'));
  });
  afterEach(() => rmSync(context, { recursive: true }));
  const dockerfile = (...lines: readonly string[]) => writeFileSync(join(context, 'Dockerfile'), lines.join('\n'));

  test('builds and runs through docker buildx, whatever builder the user has; leaves nothing', async () => {
    const output = join(context, 'out');
    // A program that needs nothing beside itself.
    copyFileSync(tools.buildctl, join(context, 'program'));
    dockerfile('FROM scratch', 'COPY . /', 'RUN ["/program", "--version"]');
    process.env['BUILDX_BUILDER'] = 'another';
    try {
      const { directory, address } = await withBuildx(tools, async ({ env, directory }, { address, log }) => {
        expect(await must('docker', ['buildx', 'inspect'], { env })).toMatch(/^Driver: +remote$/m);
        await must('docker', ['buildx', 'build', '--output', `type=local,dest=${output}`, context], { env });
        expect(log()).toContain('running server');
        return { directory, address };
      });
      expect(readFileSync(join(output, 'Dockerfile'), 'utf8')).toMatch(/^FROM scratch/);
      expect([directory, dirname(address.replace('unix://', ''))].filter(existsSync)).toEqual([]);
    } finally {
      delete process.env['BUILDX_BUILDER'];
    }
  });

  test('asks registries of this machine in plain HTTP, and mirrors in another’s place', async () => {
    const asked: string[] = [];
    const registry = createServer(({ url = '', headers }, response) => {
      asked.push(`${headers.host ?? ''}${url}`);
      response.writeHead(404).end();
    });
    await new Promise<void>((listening) => registry.listen(0, '127.0.0.1', listening));
    const host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
    const buildkitd = await startBuildkitd(tools, { insecure: [host], mirrors: { 'registry.invalid': [host] } });
    try {
      for (const image of [`${host}/a:1`, 'registry.invalid/b:2']) {
        dockerfile(`FROM ${image}`);
        const local = ['--local', `context=${context}`, '--local', `dockerfile=${context}`];
        await run(tools.buildctl, ['--addr', buildkitd.address, 'build', '--frontend', 'dockerfile.v0', ...local]);
      }
      expect(asked.some((url) => url.startsWith(`${host}/v2/a/manifests/1`))).toBe(true);
      expect(asked.some((url) => url.startsWith(`${host}/v2/b/manifests/2?ns=registry.invalid`))).toBe(true);
    } finally {
      await buildkitd.stop();
      registry.close();
    }
  });

  test('says why it did not come up', async () => {
    const other = { ...tools, buildkitd: tools.buildctl };
    await expect(startBuildkitd(other)).rejects.toThrow(/did not come up[^]*-config/);
  });
});
