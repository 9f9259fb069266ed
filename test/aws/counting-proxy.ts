import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to a request: passed on, answered with an error, or carried out with its answer lost. */
export type Fate = 'pass' | 'unavailable' | 'lose-answer';

export interface CountingProxy {
  readonly endpoint: string;
  /** `METHOD /path?query`, in the order in which they came. */
  readonly seen: string[];
  fate: (line: string) => Fate;
  close(): void;
}

/** Stands before an AWS endpoint, counts what is asked and makes trouble when told to. */
export async function countingProxy(target: string): Promise<CountingProxy> {
  const { hostname, port } = new URL(target);
  const proxy: Pick<CountingProxy, 'seen' | 'fate'> = { seen: [], fate: () => 'pass' };
  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    const line = `${incoming.method ?? ''} ${decodeURIComponent(incoming.url ?? '')}`;
    proxy.seen.push(line);
    const fate = proxy.fate(line);
    if (fate === 'unavailable') {
      incoming.resume();
      incoming.on('end', () => outgoing.writeHead(503).end());
      return;
    }
    const { method, url: path, headers } = incoming;
    const onward = request({ hostname, port, method, path, headers }, (answer) => {
      if (fate === 'lose-answer') {
        answer.resume();
        answer.on('end', () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(proxy, {
    endpoint,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
}
