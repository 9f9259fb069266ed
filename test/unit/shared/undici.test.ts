import { afterEach, expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fetch, ProxyAgent } from '../../../shared/action/undici.ts';

const before = process.env['NODE_USE_ENV_PROXY'];
afterEach(() => {
  if (before === undefined) delete process.env['NODE_USE_ENV_PROXY'];
  else process.env['NODE_USE_ENV_PROXY'] = before;
});

const make = (): unknown => Reflect.construct(ProxyAgent, [{ uri: 'http://proxy:3128' }]);

test('a proxy is Node’s own matter: without its switch it is named, with it Node’s fetch is left to it', async () => {
  delete process.env['NODE_USE_ENV_PROXY'];
  expect(make).toThrow('NODE_USE_ENV_PROXY=1');
  process.env['NODE_USE_ENV_PROXY'] = '1';
  const server = createServer((request, response) => response.end(request.method));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options = { method: 'PUT', dispatcher: make() } as RequestInit;
    expect(await (await fetch(url, options)).text()).toBe('PUT');
  } finally {
    server.close();
  }
});
