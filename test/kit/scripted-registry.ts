import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorOf, readCall, send, type Answer } from './scripted-aws.ts';
import { Blobs } from './scripted-registry-blobs.ts';
import { Calls, type RegistryCall, type RegistryFault } from './scripted-registry-calls.ts';
import { EcrApi } from './scripted-registry-ecr.ts';
import type { ScanAsk } from './scripted-registry-images.ts';
import { Tokens, type TokenUse } from './scripted-registry-tokens.ts';
import { Store, type Repository, type RepositorySettings } from './scripted-registry-store.ts';
import { refusal, sendReply, targetOf, type Reply } from './scripted-registry-replies.ts';
import { Distribution } from './scripted-registry-v2.ts';

export type { RegistryCall, RegistryFault, ScanAsk, TokenUse };

export interface RegistryOptions {
  /** Default: any that is free. */
  readonly port?: number;
  readonly accountId?: string;
  readonly region?: string;
  readonly repositories?: Readonly<Record<string, RepositorySettings>>;
  /** Real milliseconds added to every request, before it is carried out. */
  readonly latencyMs?: number;
  /** Layers are mounted across repositories (ECR: only where an account turned it on). */
  readonly mounts?: boolean;
}

/** Amazon ECR on loopback: its JSON API and the protocol that images are pushed by, over one store. */
export class ScriptedRegistry {
  readonly store: Store;
  /** What is said of scans; undefined: that nothing was found. */
  scan: (ask: ScanAsk) => Answer | undefined = () => undefined;
  readonly #calls = new Calls();
  readonly #tokens = new Tokens();
  readonly #latencyMs: number;
  readonly #blobs: Blobs;
  readonly #ecr: EcrApi;
  readonly #v2: Distribution;
  readonly #server: Server;

  private constructor(options: RegistryOptions, blobs: Blobs) {
    this.#blobs = blobs;
    this.#latencyMs = options.latencyMs ?? 0;
    this.store = new Store(options.accountId ?? '123456789012');
    for (const [name, settings] of Object.entries(options.repositories ?? {})) {
      this.store.create(name, settings, Date.now());
    }
    this.#v2 = new Distribution({ store: this.store, blobs, mounts: options.mounts ?? false });
    this.#ecr = new EcrApi({
      store: this.store,
      region: options.region ?? 'us-east-1',
      endpoint: () => this.endpoint,
      issueToken: () => this.#tokens.issue(),
      scan: (ask) => this.scan(ask),
    });
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        // A client that went away in the middle of a body is no fault of ours.
        if (!request.destroyed || request.complete) console.error(error);
        response.destroy();
      });
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  static async start(options: RegistryOptions = {}): Promise<ScriptedRegistry> {
    const made = new ScriptedRegistry(options, await Blobs.open());
    await new Promise<void>((resolve) => made.#server.listen(options.port ?? 0, '127.0.0.1', resolve));
    return made;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
    await this.#blobs.close();
  }

  /** `127.0.0.1:<port>` */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get endpoint(): string {
    return `http://${this.host}`;
  }

  /** Every request, in the order in which they came in. */
  get log(): readonly RegistryCall[] {
    return this.#calls.log;
  }

  /** Every password that was handed out, for tests that look where it must not be. */
  get tokens(): readonly string[] {
    return this.#tokens.issued;
  }

  /** A password of the user `AWS`, as GetAuthorizationToken hands them out. */
  issueToken(): string {
    return this.#tokens.issue();
  }

  /** Asked once a request, when it is known what it asks; undefined: it is served. */
  set fault(decide: (call: RegistryCall) => RegistryFault | undefined) {
    this.#calls.fault = decide;
  }

  /** Asked at each use of a token that did not expire yet. */
  set expires(decide: (use: TokenUse) => boolean) {
    this.#tokens.expires = decide;
  }

  repository(name: string): Repository {
    return this.store.get(name);
  }

  /** What happens to the next requests whose `<operation> <tag or digest, else repository>` matches, one a request; undefined: nothing. */
  breakNext(what: RegExp, ...faults: readonly (RegistryFault | undefined)[]): void {
    this.#calls.breakNext(what, ...faults);
  }

  /** Forgets what was asked and what was to be broken; what is stored stays. */
  forget(): void {
    this.#calls.forget();
    this.expires = () => false;
    this.scan = () => undefined;
  }

  /** Requests by operation. */
  counts(protocol?: RegistryCall['protocol']): Readonly<Record<string, number>> {
    return this.#calls.counts(protocol);
  }

  /** Bytes of bodies under /v2/ and of layers. */
  traffic(): { readonly in: number; readonly out: number } {
    return this.#calls.traffic();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'POST' && request.headers['x-amz-target'] !== undefined) {
      return this.#serveEcr(request, response);
    }
    const { method = '', url: path = '' } = request;
    const url = new URL(path, this.endpoint);
    const [, repository, digest] = /^\/layers\/(.+)\/([^/]+)$/.exec(url.pathname) ?? [];
    const isLayer = repository !== undefined && digest !== undefined;
    const target = isLayer
      ? { operation: `${method} layer`, repository, reference: digest }
      : targetOf(method, url.pathname);
    const call = this.#calls.note({ ...target, protocol: isLayer ? 'layer' : 'v2', path, input: {} });
    const fault = this.#calls.faultOf(call);
    if (await this.#brokenBefore(fault, response)) return;
    const reply =
      brokenReply(fault) ??
      (isLayer
        ? this.#v2.layer(repository, digest)
        : (this.#denial(request, call) ??
          (await this.#v2.answer({ target, url, request, onBytes: (bytes) => (call.bytesIn += bytes) }))));
    if (await this.#brokenAfter(fault, response)) return;
    // What was not read of the body must still be taken in.
    request.resume();
    call.status = reply.status;
    call.bytesOut = await sendReply(reply, method === 'HEAD', response);
  }

  async #serveEcr(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString();
    const { service, operation, input } = readCall(request, body);
    const { repositoryName = '', imageTag = '' } = input as { repositoryName?: string; imageTag?: string };
    const target = { operation, repository: repositoryName, reference: imageTag };
    const call = this.#calls.note({ ...target, protocol: 'ecr', path: request.url ?? '', input });
    call.bytesIn = body.length;
    const fault = this.#calls.faultOf(call);
    if (await this.#brokenBefore(fault, response)) return;
    const isBroken = fault.error !== undefined || fault.status !== undefined;
    const said = isBroken ? errorOf(fault.error ?? 'ServerException', fault) : this.#ecr.answer(operation, input);
    if (await this.#brokenAfter(fault, response)) return;
    call.status = '__type' in said ? ((said as { httpStatus?: number }).httpStatus ?? 400) : 200;
    send({ service, operation }, said, response);
  }

  async #brokenBefore(fault: RegistryFault, response: ServerResponse): Promise<boolean> {
    if (this.#latencyMs > 0) await sleep(this.#latencyMs);
    if (fault.drop !== 'before') return false;
    await fault.run?.();
    response.destroy();
    return true;
  }

  async #brokenAfter(fault: RegistryFault, response: ServerResponse): Promise<boolean> {
    if (fault.delay !== undefined) await sleep(fault.delay);
    await fault.run?.();
    if (fault.drop === 'after') response.destroy();
    return fault.drop === 'after';
  }

  /** What ECR says to whoever has no token, or one that expired. */
  #denial({ headers }: IncomingMessage, call: RegistryCall): Reply | undefined {
    switch (this.#tokens.judge(headers.authorization, call)) {
      case 'good':
        return undefined;
      case 'expired':
        return refusal(403, 'DENIED', 'Your authorization token has expired. Reauthenticate and try again.');
      case 'none': {
        const challenge = `Basic realm="${this.endpoint}/",service="ecr.amazonaws.com"`;
        return { status: 401, headers: { 'www-authenticate': challenge }, body: 'Not Authorized\n' };
      }
    }
  }
}

function brokenReply({ error, status, message = 'scripted' }: RegistryFault): Reply | undefined {
  return error === undefined && status === undefined ? undefined : refusal(status ?? 400, error ?? 'UNKNOWN', message);
}
