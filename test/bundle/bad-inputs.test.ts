import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cases as buildPushImage } from './build-push-image.bad-inputs.ts';
import { cases as deployEcs } from './deploy-ecs.bad-inputs.ts';
import { cases as invalidateCdn } from './invalidate-cdn.bad-inputs.ts';
import { cases as provisionEnv } from './provision-env.bad-inputs.ts';
import { cases as syncFrontend } from './sync-frontend.bad-inputs.ts';
import { spawnAction } from './spawn-action.ts';

/** Stands where AWS would be and counts who calls. */
let server: Server;
let requests = 0;

beforeAll(async () => {
  server = createServer((_, response) => {
    requests += 1;
    response.writeHead(500).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void server.close());

const tables = {
  'build-push-image': buildPushImage,
  'deploy-ecs': deployEcs,
  'invalidate-cdn': invalidateCdn,
  'provision-env': provisionEnv,
  'sync-frontend': syncFrontend,
};

describe.each(Object.entries(tables))('%s', (action, cases) => {
  test('has at least 15 cases', () => expect(cases.length).toBeGreaterThanOrEqual(15));

  test.each(cases.map((item) => [item.name, item] as const))('%s', async (_, { inputs, expect: expected }) => {
    requests = 0;
    const run = await spawnAction(action, {
      inputs,
      env: {
        AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        ...('aws-region' in inputs ? {} : { AWS_REGION: 'us-east-1' }),
      },
    });
    const said = run.output.replaceAll('%0A', '\n').replaceAll('%25', '%');
    for (const text of expected) expect(said).toContain(text);
    expect(said).toContain('::error title=InvalidInput');
    expect(run.summary).toContain('Inputs refused');
    expect({ exitCode: run.exitCode, requests, outputs: run.outputs }).toEqual({
      exitCode: 1,
      requests: 0,
      outputs: {},
    });
  });
});
