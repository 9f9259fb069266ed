import { execFile, execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { httpExchange, type HttpRequest } from '../../shared/aws/http-exchange.ts';
import { root } from '../tools/actions.ts';

let scratch = '';
let server: Server | undefined;
let connections = 0;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'slipway-http-'));
  connections = 0;
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(scratch, { recursive: true });
});

async function listen(made: Server): Promise<number> {
  server = made;
  made.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return (made.address() as AddressInfo).port;
}

async function asking(listener: RequestListener, more: Partial<HttpRequest> = {}): Promise<HttpRequest> {
  const port = await listen(createServer(listener));
  const url = new URL(`http://127.0.0.1:${port}`);
  return { method: 'GET', url, path: '/x?y=z', headers: {}, body: undefined, timeout: 2_000, ...more };
}

const bodyOf = async (request: IncomingMessage) => {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
};

/** Says what it was asked. */
const echo: RequestListener = (request, response) => {
  void bodyOf(request).then((body) => {
    response.writeHead(201, { 'X-Some': 'é'.normalize('NFD').length > 1 ? 'thing' : '' });
    response.end(JSON.stringify([request.method, request.url, body, 'äöü😀'.repeat(10_000)]));
  });
};

describe('an exchange', () => {
  test('brings the question there and the answer back, over one connection for all that follow', async () => {
    const exchange = httpExchange();
    const question = await asking(echo, { method: 'PUT', body: Buffer.from('body') });
    for (let count = 0; count < 3; count += 1) {
      const { status, headers, text } = await exchange(question);
      expect([status, headers['x-some']]).toEqual([201, 'thing']);
      expect(JSON.parse(text)).toEqual(['PUT', '/x?y=z', 'body', 'äöü😀'.repeat(10_000)]);
    }
    expect(connections).toBe(1);
  });

  test('takes a stream, and waits for a server that wants to be asked, but not for ever', async () => {
    const file = join(scratch, 'file');
    await writeFile(file, 'z'.repeat(300_000));
    const headers = { 'content-length': '300000', expect: '100-continue' };
    const port = await listen(createServer(echo));
    // Never says "continue".
    server?.on('checkContinue', echo);
    const url = new URL(`http://127.0.0.1:${port}`);
    const begun = Date.now();
    const body = createReadStream(file);
    const { text } = await httpExchange()({ method: 'PUT', url, path: '/', headers, body, timeout: 5_000 });
    expect((JSON.parse(text) as string[])[2]).toHaveLength(300_000);
    expect(Date.now() - begun).toBeGreaterThan(900);
  });

  test('is over TLS what it is without', async () => {
    const at = (name: string): string => join(scratch, name);
    try {
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-subj',
          '/CN=localhost',
          '-addext',
          'subjectAltName=IP:127.0.0.1',
          '-days',
          '1',
          '-keyout',
          at('key'),
          '-out',
          at('cert'),
        ],
        { stdio: 'ignore' },
      );
    } catch (error) {
      console.log(`TLS is not tested here: openssl cannot make a certificate (${String(error)})`);
      return;
    }
    const port = await listen(
      createSecureServer({ key: await readFile(at('key')), cert: await readFile(at('cert')) }, echo),
    );
    const url = new URL(`https://127.0.0.1:${port}`);
    const question = { method: 'PUT', url, path: '/s', headers: {}, body: Buffer.from('secret'), timeout: 2_000 };
    // Nobody vouches for this certificate, and that counts.
    await expect(httpExchange()(question)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const script = `import { httpExchange } from ${JSON.stringify(join(root, 'shared/aws/http-exchange.ts'))};
      const url = new URL(${JSON.stringify(url.href)});
      const question = { method: 'PUT', url, path: '/s', headers: {}, body: Buffer.from('secret'), timeout: 2_000 };
      console.log((await httpExchange()(question)).text);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: at('cert') },
    });
    expect((JSON.parse(stdout) as string[]).slice(0, 3)).toEqual(['PUT', '/s', 'secret']);
  });
});

describe('fails as a time-out, which is worth another attempt,', () => {
  test.each<[string, RequestListener]>([
    ['when nobody answers', () => undefined],
    ['when the answer stops half-way', (_, response) => void response.writeHead(200).write('<List')],
    ['when the connection breaks', (_, response) => void response.destroy()],
    [
      'when it breaks half-way',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('<List');
        setTimeout(() => response.destroy(), 50);
      },
    ],
  ])('%s', async (_when, listener) => {
    const question = await asking(listener, { timeout: 300 });
    await expect(httpExchange()(question)).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

test('a body that cannot be read is its own failure', async () => {
  const body = createReadStream(join(scratch, 'nothing'));
  const question = await asking(echo, { method: 'PUT', body, headers: { 'content-length': '5' } });
  await expect(httpExchange()(question)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('where nobody listens that is said', async () => {
  const question = await asking(echo);
  server?.close();
  await expect(httpExchange()(question)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
