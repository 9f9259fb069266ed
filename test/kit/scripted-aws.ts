import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ScriptedCall {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** An answer's body, or an error's name and message. */
export type Answer = object | { readonly __type: string; readonly message: string };

/** A service of AWS's JSON protocol over real HTTP whose answers a test gives; what was asked is kept. */
export class ScriptedAws {
  readonly calls: ScriptedCall[] = [];
  readonly #server: Server;

  private constructor(answer: (call: ScriptedCall, index: number) => Answer) {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (data: Buffer) => (body += data.toString()));
      request.on('end', () => {
        const target = String(request.headers['x-amz-target'] ?? '');
        const call = {
          operation: target.slice(target.lastIndexOf('.') + 1),
          input: JSON.parse(body || '{}') as Record<string, unknown>,
        };
        this.calls.push(call);
        const said = answer(call, this.calls.filter(({ operation }) => operation === call.operation).length - 1);
        response
          .writeHead('__type' in said ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' })
          .end(JSON.stringify(said));
      });
    });
  }

  static async start(answer: (call: ScriptedCall, index: number) => Answer): Promise<ScriptedAws> {
    const made = new ScriptedAws(answer);
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
