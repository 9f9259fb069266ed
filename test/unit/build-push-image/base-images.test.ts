import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ActionError } from '../../../shared/core/errors.ts';
import { parseImageRef } from '../../../shared/core/image-ref.ts';
import { location, manifestRegistry } from '../../../actions/build-push-image/src/base-images.ts';

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
const nobody = async () => undefined;
const patience = { timeoutMs: 300, totalMs: 2000, sleep: nobody };
const registry = (basic?: string, login?: string) =>
  manifestRegistry({ fetch, basic: async () => basic, login: async () => login, ...patience });

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
  const manifests = manifestRegistry({ fetch: recording, basic: nobody, login: async () => 'c2VjcmV0', ...patience });
  expect(await manifests.digest(`${host}/base:1`)).toBeUndefined();
  expect(asked).toEqual([`http://${host}/v2/base/manifests/1`]);
});

describe('a login of the user’s', () => {
  const challenging = (challenge: (host: string) => string, good: readonly string[]) =>
    serve((request, response, self) => {
      const { authorization = '-' } = request.headers;
      if (request.url?.startsWith('/token') === true) {
        if (authorization === 'Basic old') response.writeHead(401).end();
        else response.end(JSON.stringify({ token: authorization === '-' ? 'public' : 'private' }));
      } else if (good.includes(authorization)) response.setHeader('docker-content-digest', digest).end();
      else response.writeHead(401, { 'www-authenticate': challenge(self) }).end();
    });
  const bearer = (self: string) => `Bearer realm="http://${self}/token",service="s"`;

  test('is what a token is asked for with', async () => {
    const { host, seen } = await challenging(bearer, ['Bearer private']);
    expect(await registry(undefined, 'c2VjcmV0').digest(`${host}/base:1`)).toBe(digest);
    expect(seen).toEqual([
      'HEAD /v2/base/manifests/1 -',
      'GET /token?service=s Basic c2VjcmV0',
      'HEAD /v2/base/manifests/1 Bearer private',
    ]);
    expect(await registry().digest(`${host}/base:1`)).toBeUndefined();
  });

  test('that is no longer good hides nothing that is public', async () => {
    const { host, seen } = await challenging(bearer, ['Bearer public']);
    expect(await registry(undefined, 'old').digest(`${host}/base:1`)).toBe(digest);
    expect(seen.slice(1, 3)).toEqual(['GET /token?service=s Basic old', 'GET /token?service=s -']);
  });

  test('is sent to the registry itself where that asks for it, and only then', async () => {
    const { host, seen } = await challenging(() => 'Basic realm="x"', ['Basic c2VjcmV0']);
    expect(await registry(undefined, 'c2VjcmV0').digest(`${host}/base:1`)).toBe(digest);
    expect(seen).toEqual(['HEAD /v2/base/manifests/1 -', 'HEAD /v2/base/manifests/1 Basic c2VjcmV0']);
    const other = await challenging(() => 'Negotiate', []);
    expect(await registry(undefined, 'c2VjcmV0').digest(`${other.host}/base:1`)).toBeUndefined();
    expect(other.seen).toEqual(['HEAD /v2/base/manifests/1 -']);
  });
});

describe('a registry that does not answer as it should', () => {
  const answers = (codes: readonly (number | 'break' | 'silence')[]) => {
    const left = [...codes];
    return serve((request, response) => {
      const code = left.shift() ?? 200;
      if (code === 'break') request.socket.destroy();
      else if (code !== 'silence') response.setHeader('docker-content-digest', digest).writeHead(code).end();
    });
  };

  test.each([[[429]], [[500, 503]], [['break', 429] as const], [['silence'] as const]])(
    '%j is asked once more, after a pause',
    async (codes) => {
      const { host, seen } = await answers(codes);
      const pauses: number[] = [];
      const sleep = async (ms: number) => void pauses.push(ms);
      const manifests = manifestRegistry({ fetch, basic: nobody, login: nobody, ...patience, sleep });
      expect(await manifests.digest(`${host}/base:1`)).toBe(digest);
      expect([seen.length, pauses]).toEqual([codes.length + 1, [300, 1500].slice(0, codes.length)]);
    },
  );

  test('three times at most', async () => {
    const { host, seen } = await answers([500, 429, 502, 500]);
    expect(await registry().digest(`${host}/base:1`)).toBeUndefined();
    expect(seen).toHaveLength(3);
  });

  test.each([401, 403, 404])('%s is its answer', async (code) => {
    const { host, seen } = await answers([code]);
    expect(await registry().digest(`${host}/base:1`)).toBeUndefined();
    expect(seen).toHaveLength(1);
  });

  test('is not waited for longer than all attempts may take', async () => {
    const { host, seen } = await answers(['silence', 'silence', 'silence']);
    const sleep = () => Promise.reject(new Error('there is no time left'));
    const manifests = manifestRegistry({ fetch, basic: nobody, login: nobody, ...patience, totalMs: 100, sleep });
    expect(await manifests.digest(`${host}/base:1`)).toBeUndefined();
    expect(seen).toHaveLength(1);
  });

  test('is not asked again when it was our own token that failed', async () => {
    let asked = 0;
    const basic = () => Promise.reject(new ActionError('Refused', `${++asked}`));
    const manifests = manifestRegistry({ fetch, basic, login: nobody, ...patience });
    expect(await manifests.digest('localhost:1/base:1')).toBeUndefined();
    expect(asked).toBe(1);
  });
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
])('%s is asked of %s', (name, host) => {
  const ref = parseImageRef(name);
  expect(ref && location(ref).host).toBe(host);
});
