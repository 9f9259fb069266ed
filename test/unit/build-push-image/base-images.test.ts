import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { hostOf, manifestRegistry } from '../../../actions/build-push-image/src/base-images.ts';

const digest = `sha256:${'d'.repeat(64)}`;
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse, host: string) => unknown) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? '-'}`);
    answer(request, response, host);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, seen };
}
const registry = (basic?: string) => manifestRegistry({ fetch, basic: async () => basic, timeoutMs: 300 });

test('one HEAD tells the digest', async () => {
  const { host, seen } = await serve((_, response) => response.setHeader('docker-content-digest', digest).end());
  expect(await registry().digest(`${host}/team/base:1`)).toBe(digest);
  expect(await registry('c2VjcmV0').digest(`${host}/base`)).toBe(digest);
  expect(seen).toEqual(['HEAD /v2/team/base/manifests/1 -', 'HEAD /v2/base/manifests/latest Basic c2VjcmV0']);
});

test('an anonymous token is fetched where one is asked for', async () => {
  const { host, seen } = await serve((request, response, self) => {
    if (request.url?.startsWith('/token') === true) response.end('{"token":"t1"}');
    else if (request.headers.authorization === 'Bearer t1') response.setHeader('docker-content-digest', digest).end();
    else {
      const challenge = `Bearer realm="http://${self}/token",service="hub",scope="repository:base:pull"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    }
  });
  expect(await registry().digest(`${host}/base:1`)).toBe(digest);
  expect(seen[1]).toBe('GET /token?service=hub&scope=repository%3Abase%3Apull -');
});

test.each<[string, (request: IncomingMessage, response: ServerResponse) => unknown]>([
  ['unknown', (_, response) => response.writeHead(404).end()],
  ['forbidden', (_, response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()],
  ['no digest', (_, response) => response.end()],
  ['something that is no digest', (_, response) => response.setHeader('docker-content-digest', 'sha256:1').end()],
  ['silence', () => undefined],
  ['a broken connection', (request) => request.socket.destroy()],
])('%s is no answer, and no failure', async (_, answer) => {
  const { host } = await serve(answer);
  expect(await registry().digest(`${host}/base:1`)).toBeUndefined();
});

test('a token is never asked for over plain HTTP, nor anywhere but where the registry says', async () => {
  const { host } = await serve((_, response) =>
    response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://registry.example/token"' }).end(),
  );
  const asked: string[] = [];
  const recording: typeof fetch = async (url, options) => {
    asked.push(url instanceof Request ? url.url : url.toString());
    return fetch(url, options);
  };
  const manifests = manifestRegistry({ fetch: recording, basic: async () => undefined, timeoutMs: 300 });
  expect(await manifests.digest(`${host}/base:1`)).toBeUndefined();
  expect(asked).toEqual([`http://${host}/v2/base/manifests/1`]);
});

test('a digest needs no question, a malformed name gets none', async () => {
  expect(await registry().digest(`example.invalid/base@${digest}`)).toBe(digest);
  expect(await registry().digest('UPPER CASE')).toBeUndefined();
});

test.each([
  ['python', 'registry-1.docker.io'],
  ['docker.io/library/python:3', 'registry-1.docker.io'],
  ['team/app', 'registry-1.docker.io'],
  ['localhost:5000/app', 'localhost:5000'],
  ['ghcr.io/o/i:1', 'ghcr.io'],
  ['not an image', undefined],
])('%s is asked of %s', (name, host) => expect(hostOf(name)).toBe(host));
