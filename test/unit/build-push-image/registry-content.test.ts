import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { registryContent } from '../../../actions/build-push-image/src/registry-content.ts';
import { sha256 } from '../../../shared/core/hash.ts';

const text = '{"os":"linux"}';
const digest = `sha256:${sha256(text)}`;
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? '-'}`);
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}
const reader = (host: string, timeoutMs = 2_000) =>
  registryContent({ fetch, timeoutMs })({ host, repository: 'team/app', basic: 'c2VjcmV0' });

test('is asked for with the login, and is what its digest says', async () => {
  const { host, seen } = await serve((_, response) => response.end(text));
  expect(await reader(host).read('blobs', digest)).toBe(text);
  expect(await reader(host).read('manifests', digest)).toBe(text);
  expect(seen).toEqual([
    `GET /v2/team/app/blobs/${digest} Basic c2VjcmV0`,
    `GET /v2/team/app/manifests/${digest} Basic c2VjcmV0`,
  ]);
});

test('where another host has it, that host does not see the login; the same one does', async () => {
  const other = await serve((_, response) => response.end(text));
  const { host } = await serve((_, response) =>
    response.writeHead(307, { location: `http://${other.host}/layer?X-Amz-Signature=1` }).end(),
  );
  expect(await reader(host).read('blobs', digest)).toBe(text);
  expect(other.seen).toEqual(['GET /layer?X-Amz-Signature=1 -']);

  const same = await serve((request, response) => {
    if (request.url === '/elsewhere') response.end(text);
    else response.writeHead(307, { location: '/elsewhere' }).end();
  });
  expect(await reader(same.host).read('blobs', digest)).toBe(text);
  expect(same.seen[1]).toBe('GET /elsewhere Basic c2VjcmV0');
});

test.each<[string, (request: IncomingMessage, response: ServerResponse) => unknown, RegExp]>([
  ['other content', (_, response) => response.end(`${text} `), /other content/],
  ['an error', (_, response) => response.writeHead(403).end(text), /answers 403/],
  ['nothing there', (_, response) => response.writeHead(404).end(), /answers 404/],
  [
    'a way to plain HTTP elsewhere',
    (_, response) => response.writeHead(307, { location: 'http://s3.invalid/x' }).end(),
    /sends its readers/,
  ],
  ['a redirect to nowhere', (_, response) => response.writeHead(307).end(), /answers 307/],
  ['more than a manifest can be', (_, response) => response.end(Buffer.alloc(9 << 20)), /larger than/],
  ['silence', () => undefined, /time|abort/i],
  ['a broken connection', (request) => request.socket.destroy(), /fetch failed/],
])('%s is an error', async (_, answer, message) => {
  const { host } = await serve(answer);
  await expect(reader(host, 1_000).read('blobs', digest)).rejects.toThrow(message);
});

test('the login is sent to hosts of the network over TLS alone', async () => {
  const asked: string[] = [];
  const recording: typeof fetch = async (url) => {
    asked.push(url instanceof URL ? url.href : '');
    return new Response(text);
  };
  const open = registryContent({ fetch: recording, timeoutMs: 1_000 });
  await open({ host: '123456789012.dkr.ecr.us-east-1.amazonaws.com', repository: 'app', basic: 'x' }).read(
    'blobs',
    digest,
  );
  expect(asked).toEqual([`https://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/app/blobs/${digest}`]);
});
