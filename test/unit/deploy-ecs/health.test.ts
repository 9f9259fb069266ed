import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { checkHealth, healthText, type HealthAnswer } from '../../../actions/deploy-ecs/src/health.ts';
import { ask } from '../../../actions/deploy-ecs/src/ports.ts';
import { at } from '../../kit/ecs.ts';
import { VirtualClock } from '../../kit/virtual-clock.ts';

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

/** A server on the loopback address; its base URL. */
async function serve(answer: RequestListener): Promise<string> {
  const server: Server = createServer(answer);
  open.push({ close: () => (server.closeAllConnections(), server.close()) });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('one question', () => {
  test('status, latency, the beginning of the body, who answered', async () => {
    const url = await serve((request, response) => {
      response.writeHead(203, { server: 'awselb/2.0' }).end(`you are ${request.headers['user-agent']}`);
    });
    const answer = await ask(`${url}/health`);
    expect(answer).toMatchObject({ status: 203, body: 'you are slipway', server: 'awselb/2.0' });
    expect(answer.ms).toBeGreaterThan(0);
    expect(answer).not.toHaveProperty('location');
  });

  test('redirects are followed on the same host, and shown', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/health') response.writeHead(307, { location: '/health/' }).end();
      else response.end('ok');
    });
    expect(await ask(`${url}/health`)).toMatchObject({ status: 200, body: 'ok', location: `${url}/health/` });
  });

  test('a redirect to another host is the answer', async () => {
    let asked = 0;
    const other = await serve((_, response) => {
      asked += 1;
      response.end('sign in, please');
    });
    const url = await serve((_, response) => {
      response.writeHead(302, { location: other.replace('127.0.0.1', 'localhost') }).end();
    });
    expect(await ask(url)).toMatchObject({ status: 302, location: expect.stringContaining('//localhost:') });
    expect(asked).toBe(0);
  });

  test('redirects without an end, to nowhere, and 304 are answers', async () => {
    const url = await serve((request, response) => {
      const to = { '/loop': '/loop', '/nowhere': 'http://[', '/same': undefined }[request.url ?? ''];
      response.writeHead(request.url === '/same' ? 304 : 301, to === undefined ? {} : { location: to }).end();
    });
    expect(await ask(`${url}/loop`)).toMatchObject({ status: 301, location: `${url}/loop` });
    expect(await ask(`${url}/nowhere`)).toMatchObject({ status: 301 });
    expect(await ask(`${url}/same`)).toMatchObject({ status: 304 });
  });

  test('a body without an end is cut off', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200);
      const more = (): unknown => response.destroyed || (response.write('x'.repeat(1_000)), setImmediate(more));
      more();
    });
    const { status, body } = await ask(url);
    expect([status, body.length]).toEqual([200, 2_000]);
  });

  test('no answer is an answer: refused, unknown, never, cut off, no HTTP, no URL that can be asked', async () => {
    const never = await serve(() => undefined);
    const cut = await serve((request) => request.socket.destroy());
    const closed = await serve(() => undefined);
    open.splice(-1)[0]!.close();
    const tcp = createTcpServer((socket) => socket.end('nonsense\r\n\r\n'));
    open.push(tcp);
    await new Promise<void>((done) => tcp.listen(0, '127.0.0.1', done));
    const answers = await Promise.all([
      ask(closed),
      ask('http://no.such.host.invalid/'),
      ask(never, 50),
      ask(cut),
      ask(`http://127.0.0.1:${(tcp.address() as AddressInfo).port}`),
      ask(closed.replace('http:', 'ftp:')),
      ask('http://user:pa55@127.0.0.1/'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    const [refused, unknown, late, broken] = answers.map(({ body }) => body);
    expect(refused).toContain('ECONNREFUSED');
    expect(unknown).toMatch(/ENOTFOUND|EAI_AGAIN/);
    expect(late).toMatch(/timeout/i);
    expect(broken).toMatch(/ECONNRESET|other side closed|socket/i);
  });

  test('TLS to a port that speaks HTTP names the reason', async () => {
    const url = await serve((_, response) => response.end());
    expect((await ask(url.replace('http:', 'https:'))).body).toMatch(/EPROTO|SSL|wrong version/i);
  });
});

describe('asking until it is healthy', () => {
  const wait = async (
    answers: readonly number[],
  ): Promise<{ readonly answer: HealthAnswer; readonly seconds: number; readonly lines: readonly string[] }> => {
    const clock = new VirtualClock(at(0));
    const lines: string[] = [];
    let asked = 0;
    const answer = await checkHealth('http://a/', {
      ask: async () => ({ status: answers[Math.min(asked++, answers.length - 1)]!, ms: 1, body: '' }),
      clock,
      progress: {
        info: (line) => void lines.push(line),
        warn: () => undefined,
        follow: () => () => undefined,
        group: (_, body) => body(),
      },
      signal: new AbortController().signal,
    });
    return { answer, seconds: (clock.now() - at(0).getTime()) / 1000, lines };
  };

  test('goes on for a minute, and tells each change once', async () => {
    const { answer, seconds, lines } = await wait([503, 503, 502, 502]);
    expect(answer.status).toBe(502);
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(lines).toEqual(['  status 503', '  status 502']);
  });

  test.each([[[200]], [[503, 204]], [[0, 500, 299]]])('ends with the first 2xx of %j', async (answers) => {
    expect((await wait(answers)).answer.status).toBe(answers.at(-1));
  });

  test.each([[[199]], [[300]], [[404]]])('%j is not healthy', async (answers) => {
    expect((await wait(answers)).seconds).toBeGreaterThan(50);
  });
});

test.each<readonly [Partial<HealthAnswer>, string]>([
  [{ status: 200, body: ' ok\n\u001b[2K::error::x\t' }, 'status 200: ok [2K::error::x'],
  [{ status: 0, body: 'connect ECONNREFUSED' }, 'no answer: connect ECONNREFUSED'],
  [{ status: 302, location: 'https://b/' }, 'status 302, a redirect to https://b/'],
  [{ status: 200, location: 'https://a/x/' }, 'status 200 after a redirect to https://a/x/'],
  [{ status: 500, body: 'x'.repeat(300) }, `status 500: ${'x'.repeat(200)}`],
])('%j in words', (answer, text) => expect(healthText({ status: 0, ms: 1, body: '', ...answer })).toBe(text));
