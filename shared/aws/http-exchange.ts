import type { ReadStream } from 'node:fs';
import { Agent as HttpAgent, request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

export interface HttpRequest {
  readonly method: string;
  /** Where the server is; `path` says what is asked of it. */
  readonly url: URL;
  /** Percent-encoded, with the query. */
  readonly path: string;
  /** Names in lower case. With `expect` the body waits until the server wants it, or has said nothing for a second. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | ReadStream | undefined;
  /** Milliseconds until all of the answer must be there. */
  readonly timeout: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export type HttpExchange = (request: HttpRequest) => Promise<HttpAnswer>;

const connectionTimeout = 5_000;
const patienceForContinue = 1_000;

/**
 * Requests over connections that stay open: `node:http`, with the limits that the SDK's handler has (`sdkConfig`), but without the thirty
 * milliseconds that it takes to load. What breaks or takes too long fails with a `TimeoutError`, as there.
 */
export function httpExchange(): HttpExchange {
  const options = { keepAlive: true, maxSockets: 50 };
  const agents = { http: new HttpAgent(options), https: new HttpsAgent(options) };
  return ({ method, url, path, headers, body, timeout }) =>
    new Promise((resolve, reject) => {
      const isPlain = url.protocol === 'http:';
      const request = (isPlain ? requestHttp : requestHttps)({
        agent: isPlain ? agents.http : agents.https,
        method,
        hostname: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port,
        path,
        headers,
      });
      const timers = new Set<NodeJS.Timeout>();
      const after = (ms: number, act: () => void): (() => void) => {
        const timer = setTimeout(act, ms);
        timers.add(timer);
        return () => {
          clearTimeout(timer);
        };
      };
      const settle = (): void => {
        for (const timer of timers) clearTimeout(timer);
        if (!request.writableFinished) request.destroy();
      };
      const fail = (error: Error): void => {
        settle();
        request.destroy();
        reject(isBroken(error) ? Object.assign(error, { name: 'TimeoutError' }) : error);
      };
      after(timeout, () => {
        fail(timeoutError(`no answer within ${timeout} ms`));
      });
      request
        .on('error', fail)
        .once('socket', (socket) => {
          if (!socket.connecting) return;
          const connected = after(connectionTimeout, () => {
            fail(timeoutError(`no connection to ${url.host} within ${connectionTimeout} ms`));
          });
          socket.once('connect', connected);
        })
        .once('response', (response) => {
          read(response, fail, (text) => {
            settle();
            resolve({ status: response.statusCode ?? 0, headers: single(response), text });
          });
        });
      if (headers['expect'] === undefined) {
        send(request, body, fail);
        return;
      }
      const cancel = after(patienceForContinue, () => {
        request.removeAllListeners('continue');
        send(request, body, fail);
      });
      request.once('continue', () => {
        cancel();
        send(request, body, fail);
      });
      request.once('response', cancel);
    });
}

function send(request: ClientRequest, body: HttpRequest['body'], fail: (error: Error) => void): void {
  if (body === undefined || body instanceof Uint8Array) request.end(body);
  else body.on('error', fail).pipe(request);
}

function read(response: IncomingMessage, fail: (error: Error) => void, done: (text: string) => void): void {
  let text = '';
  response
    .setEncoding('utf8')
    .on('data', (piece: string) => (text += piece))
    .on('error', fail)
    .on('end', () => {
      done(text);
    });
}

function single({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

/** The connection broke: what the SDK's handler calls a timeout, too. */
function isBroken(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string' && /^(?:ECONNRESET|EPIPE|ETIMEDOUT)$/.test(error.code);
}

function timeoutError(message: string): Error {
  return Object.assign(new Error(message), { name: 'TimeoutError' });
}
