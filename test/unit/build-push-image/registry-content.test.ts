import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { registryContent } from '../../../actions/build-push-image/src/registry-content.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { sha256 } from '../../../shared/core/hash.ts';
import { VirtualClock } from '../../kit/virtual-clock.ts';

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
const never = new AbortController().signal;
const reader = (host: string, { timeoutMs = 2_000, clock = new VirtualClock(new Date(0)), signal = never } = {}) =>
  registryContent({ fetch, timeoutMs, clock, signal })({ host, repository: 'team/app', basic: 'c2VjcmV0' });

test('is asked for with the login, and is what its digest says', async () => {
  const { host, seen } = await serve((_, response) => response.end(text));
  expect(await reader(host).read('blobs', digest)).toBe(text);
  expect(await reader(host).read('manifests', digest)).toBe(text);
  expect(seen).toEqual([
    `GET /v2/team/app/blobs/${digest} Basic c2VjcmV0`,
    `GET /v2/team/app/manifests/${digest} Basic c2VjcmV0`,
  ]);
});

test('an answer without a body is other content, and is not waited for', async () => {
  const { host } = await serve((_, response) => response.writeHead(204).end());
  await expect(reader(host).read('blobs', digest)).rejects.toThrow('answers other content');
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

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

test.each<[string, Answer, RegExp]>([
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
])('%s is an error, at once', async (_, answer, message) => {
  const { host } = await serve(answer);
  const clock = new VirtualClock(new Date(0));
  await expect(reader(host, { clock }).read('blobs', digest)).rejects.toThrow(message);
  expect(clock.now()).toBe(0);
});

describe('what passes', () => {
  const passing: [string, Answer, RegExp][] = [
    ['an error of the server', (_, response) => response.writeHead(503).end(), /answers 503/],
    ['too many requests', (_, response) => response.writeHead(429).end(), /answers 429/],
    ['silence', () => undefined, /time/i],
    ['a broken connection', (request) => request.socket.destroy(), /fetch failed: ./],
    [
      'a connection that breaks within the answer',
      (_, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{');
        setTimeout(() => response.destroy(), 20);
      },
      /terminated/,
    ],
  ];

  test.each(passing)('%s is asked again', async (_, answer) => {
    let left = 3;
    const { host, seen } = await serve((request, response) =>
      (left -= 1) >= 0 ? answer(request, response) : response.end(text),
    );
    const clock = new VirtualClock(new Date(0));
    expect(await reader(host, { clock, timeoutMs: 300 }).read('blobs', digest)).toBe(text);
    expect([seen.length, clock.now()]).toEqual([4, 8_500]);
  });

  test.each(passing)('%s that stays is an error after four attempts', async (_, answer, message) => {
    const { host, seen } = await serve(answer);
    const read = reader(host, { timeoutMs: 300 }).read('blobs', digest);
    await expect(read).rejects.toThrow(/could not be read, 4 times: /);
    await expect(read).rejects.toThrow(message);
    expect(seen).toHaveLength(4);
  });

  test.each([1, 4])('a run that is cancelled during attempt %i waits for no answer and asks no more', async (last) => {
    const cancelled = new AbortController();
    const error = new ActionError('Cancelled', 'the run was cancelled');
    const { host, seen } = await serve((_, response) => {
      if (seen.length < last) response.writeHead(503).end();
      else cancelled.abort(error);
    });
    const started = performance.now();
    await expect(reader(host, { signal: cancelled.signal, timeoutMs: 5_000 }).read('blobs', digest)).rejects.toBe(
      error,
    );
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(seen).toHaveLength(last);
  });
});

test('the login is sent to hosts of the network over TLS alone', async () => {
  const asked: string[] = [];
  const recording: typeof fetch = async (url) => {
    asked.push(url instanceof URL ? url.href : '');
    return new Response(text);
  };
  const open = registryContent({
    fetch: recording,
    timeoutMs: 1_000,
    clock: new VirtualClock(new Date(0)),
    signal: never,
  });
  await open({ host: '123456789012.dkr.ecr.us-east-1.amazonaws.com', repository: 'app', basic: 'x' }).read(
    'blobs',
    digest,
  );
  expect(asked).toEqual([`https://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/app/blobs/${digest}`]);
});
