import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { readBody, type Body } from './s3-stub-body.ts';
import { Bucket, md5, type MultipartUpload, type StubObject } from './s3-stub-buckets.ts';
import {
  bucketOf,
  decodePath,
  keysToDelete,
  newObject,
  operationOf,
  operations,
  type Call,
  type Reply,
  type Store,
} from './s3-stub-operations.ts';
import { SignatureCheck, type StubCredentials } from './s3-stub-signature.ts';
import { errorXml, S3Error } from './s3-stub-xml.ts';

export type { StubObject } from './s3-stub-buckets.ts';

export interface StubOptions {
  /** Default: any that is free. */
  readonly port?: number;
  /** Made at the start. */
  readonly buckets?: readonly string[];
  /** Real milliseconds added to every request, before it is carried out. */
  readonly latencyMs?: number;
  /** Every request must be signed with these; without them signatures are not looked at. */
  readonly credentials?: StubCredentials;
  /** As with SSE-KMS: an ETag says nothing about the content. */
  readonly opaqueEtags?: boolean;
  /** `false` believes what headers say of a body's hashes; for benches. */
  readonly verifyBodies?: boolean;
  /** `false`: bodies of 1 MiB and more are hashed and dropped, and getting them fails; for benches. */
  readonly keepBodies?: boolean;
}

/** One line of the order log; what is known only later is filled in then. */
export interface StubLogEntry {
  /** From 0, in the order in which the requests came in. */
  readonly index: number;
  /** S3's own name: `PutObject`, `ListObjectsV2` … */
  readonly operation: string;
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: string;
  /** When it came in, in milliseconds of the process's clock. */
  readonly at: number;
  /** Of the body. */
  bytes: number;
  /** Of a DeleteObjects. */
  keys: readonly string[];
  /** 0: not answered. */
  status: number;
}

/**
 * What happens to one request, at one point of it.
 * `before`: nothing was read. `during`: half of its body came in and nothing is done; of a DeleteObjects, half of the objects are gone; of a
 * request without a body the same as `before`. `after`: it was carried out and not answered.
 */
export interface StubFault {
  readonly at: 'before' | 'during' | 'after';
  readonly delayMs?: number;
  readonly run?: () => void | Promise<void>;
  /** Then the connection is dropped, or this is the answer; otherwise the request goes on. */
  readonly end?: 'drop' | { readonly status: number; readonly code: string; readonly message?: string };
}

export type Snapshot = ReadonlyMap<string, Bucket>;

interface Context extends Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly entry: StubLogEntry;
  readonly fault: StubFault | undefined;
  readonly id: string;
}

/** The request ends without an answer. */
const dropped = Symbol('dropped');
type Outcome = Reply | typeof dropped;

const noQuery = new URLSearchParams();
const noBody: Body = { chunks: [], size: 0, md5: undefined, checksums: {} };
const withBody = new Set(['PutObject', 'UploadPart', 'DeleteObjects', 'CompleteMultipartUpload', 'CreateBucket']);
const keptAnyway = 1024 * 1024;

/** S3 in memory over real HTTP, on loopback only: strict where clients go wrong, and no more of it than clients of objects use. */
export class S3Stub {
  readonly log: StubLogEntry[] = [];
  /** Asked once a request, when its head came in. */
  fault: (call: StubLogEntry) => StubFault | undefined = () => undefined;
  readonly #options: StubOptions;
  readonly #server: Server;
  readonly #signatures: SignatureCheck | undefined;
  readonly #store: Store;
  #index = 0;
  #underWay = 0;

  private constructor(options: StubOptions) {
    this.#options = options;
    this.#signatures = options.credentials === undefined ? undefined : new SignatureCheck(options.credentials);
    const buckets = new Map((options.buckets ?? []).map((name) => [name, new Bucket()]));
    this.#store = { buckets, opaqueEtags: options.opaqueEtags === true, undeletable: () => false, count: 0 };
    this.#server = createServer((request, response) => void this.#serve(request, response));
    // As S3 does: whoever asks first whether to send a body may be told no.
    this.#server.on(
      'checkContinue',
      (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response),
    );
    // A client that keeps connections alive is not to meet one that is being closed.
    this.#server.keepAliveTimeout = 120_000;
    this.#server.requestTimeout = 0;
  }

  static async start(options: StubOptions = {}): Promise<S3Stub> {
    const stub = new S3Stub(options);
    await new Promise<void>((resolve, reject) => {
      stub.#server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
    });
    return stub;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** These cannot be deleted: `AccessDenied`. */
  set undeletable(test: (key: string) => boolean) {
    this.#store.undeletable = test;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  objects(bucket: string): ReadonlyMap<string, StubObject> {
    return bucketOf(this.#store, bucket).objects;
  }

  uploads(bucket: string): readonly MultipartUpload[] {
    return [...bucketOf(this.#store, bucket).uploads.values()];
  }

  text(bucket: string, key: string): string | undefined {
    const chunks = this.objects(bucket).get(key)?.chunks;
    return chunks === undefined ? undefined : Buffer.concat(chunks).toString('utf8');
  }

  /** As a hand or another tool would put it there. */
  place(
    bucket: string,
    key: string,
    { text, headers = {} }: { readonly text: string; readonly headers?: Readonly<Record<string, string>> },
  ): void {
    const chunks = [Buffer.from(text)];
    const content = { chunks, size: chunks[0]!.length, md5: md5(chunks), checksums: {} };
    bucketOf(this.#store, bucket).put(
      key,
      newObject(this.#store, { ...content, headers: { 'content-type': 'binary/octet-stream', ...headers } }),
    );
  }

  remove(bucket: string, key: string): void {
    bucketOf(this.#store, bucket).delete(key);
  }

  /** All buckets as they are; cheap, as contents are shared. */
  snapshot(): Snapshot {
    return copyOf(this.#store.buckets);
  }

  restore(snapshot: Snapshot): void {
    this.#store.buckets = copyOf(snapshot);
  }

  /** Requests since the last `forget`, by operation. */
  counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { operation } of this.log) counts[operation] = (counts[operation] ?? 0) + 1;
    return counts;
  }

  /** Empties the log; the next request is number 0 again. */
  forget(): void {
    this.log.length = 0;
    this.#index = 0;
  }

  /** When no request is under way: after a client died, what it had sent is carried out or given up. */
  async idle(): Promise<void> {
    do await delay(5);
    while (this.#underWay > 0);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const context = this.#open(request, response);
    this.#underWay += 1;
    let outcome: Outcome;
    try {
      outcome = await this.#answer(context);
    } catch (error) {
      outcome = errorReply(
        error instanceof S3Error ? error : new S3Error('InternalError', 500, String(error)),
        context,
      );
    }
    this.#underWay -= 1;
    if (outcome === dropped) {
      request.socket.destroy();
      return;
    }
    context.entry.status = outcome.status;
    // Refused by its head: what is on its way of the body is dropped, and S3 closes the connection.
    const isWhole = request.complete || isBodyless(request);
    if (!isWhole) request.resume();
    send(outcome, context, isWhole ? {} : { connection: 'close' });
  }

  #open(request: IncomingMessage, response: ServerResponse): Context {
    const { url = '/', method = 'GET', headers } = request;
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = mark < 0 ? noQuery : new URLSearchParams(url.slice(mark + 1));
    const slash = path.indexOf('/', 1);
    const bucket = slash < 0 ? path.slice(1) : path.slice(1, slash);
    const key = slash < 0 ? '' : (decodePath(path.slice(slash + 1)) ?? '\0');
    const operation = operationOf({ method, bucket, key, query, headers });
    const index = this.#index++;
    const entry: StubLogEntry = {
      ...{ index, operation, method, bucket, key },
      query: mark < 0 ? '' : url.slice(mark + 1),
      ...{ at: performance.now(), bytes: 0, keys: [], status: 0 },
    };
    this.log.push(entry);
    const id = `STUB${index.toString().padStart(12, '0')}`;
    return { operation, method, bucket, key, query, headers, request, response, entry, fault: this.fault(entry), id };
  }

  async #answer(context: Context): Promise<Outcome> {
    const { fault, operation, key, request, entry } = context;
    if (fault?.at === 'before') {
      const end = await strike(fault, context);
      if (end !== undefined) return end;
    }
    this.#signatures?.check(request, Date.now());
    if (key === '\0') throw new S3Error('InvalidURI', 400, "Couldn't parse the specified URI.");
    if (Buffer.byteLength(key) > 1024) throw new S3Error('KeyTooLongError', 400, 'Your key is too long');
    const body = withBody.has(operation) ? await this.#body(context) : noBody;
    if (body === dropped || 'status' in body) return body;
    entry.bytes = body.size;
    if (operation === 'DeleteObjects') entry.keys = keysToDelete(body);
    if (fault?.at === 'during' && (operation === 'DeleteObjects' || body === noBody)) {
      const bucket = bucketOf(this.#store, context.bucket);
      for (const one of entry.keys.slice(Math.floor(entry.keys.length / 2))) bucket.delete(one);
      const end = await strike(fault, context);
      if (end !== undefined) return end;
    }
    const { latencyMs = 0 } = this.#options;
    if (latencyMs > 0) await delay(latencyMs);
    const reply = this.#carryOut(context, body);
    return (fault?.at === 'after' ? await strike(fault, context) : undefined) ?? reply;
  }

  /** A refusal is an answer, too: it may be lost. */
  #carryOut(context: Context, body: Body): Reply {
    const operation = operations[context.operation];
    const said = `${context.method} ${context.entry.query} is not played here.`;
    try {
      if (operation === undefined) throw new S3Error('NotImplemented', 501, said);
      return operation(this.#store, context, body);
    } catch (error) {
      if (error instanceof S3Error) return errorReply(error, context);
      throw error;
    }
  }

  async #body(context: Context): Promise<Body | Outcome> {
    const { request, response, operation, fault } = context;
    const { verifyBodies = true, keepBodies = true, opaqueEtags = false } = this.#options;
    let end: Outcome | undefined;
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = await readBody(request, {
      md5: operation === 'UploadPart' || (operation === 'PutObject' && !opaqueEtags),
      verify: verifyBodies,
      keep: keepBodies || Number(request.headers['content-length']) < keptAnyway,
      halfway:
        fault?.at !== 'during' || operation === 'DeleteObjects'
          ? undefined
          : async () => (end = await strike(fault, context)) === undefined,
    });
    return body ?? end ?? dropped;
  }
}

/** Undefined: the request goes on. */
async function strike({ delayMs, run, end }: StubFault, context: Context): Promise<Outcome | undefined> {
  await run?.();
  if (delayMs !== undefined) await delay(delayMs);
  if (end === undefined || end === 'drop') return end === undefined ? undefined : dropped;
  return errorReply(new S3Error(end.code, end.status, end.message ?? `scripted ${end.code}`), context);
}

function errorReply(error: S3Error, { method, bucket, key, id }: Context): Reply {
  if (method === 'HEAD') return { status: error.status };
  return {
    status: error.status,
    headers: { 'content-type': 'application/xml' },
    body: errorXml(error, { resource: `/${bucket}/${key}`, id }),
  };
}

function isBodyless({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}

function send({ status, headers, body }: Reply, { id, method, response }: Context, more: Reply['headers']): void {
  const all: Record<string, string> = {
    'x-amz-request-id': id,
    'x-amz-id-2': `${id}/stub`,
    server: 'AmazonS3',
    ...headers,
    ...more,
  };
  if (typeof body === 'string') all['content-length'] = String(Buffer.byteLength(body));
  else if (body === undefined && method !== 'HEAD' && status !== 204 && status !== 304) all['content-length'] = '0';
  response.writeHead(status, all);
  if (body === undefined || typeof body === 'string') response.end(body);
  else {
    for (const chunk of body.slice(0, -1)) response.write(chunk);
    response.end(body.at(-1));
  }
}

function copyOf(buckets: Snapshot): Map<string, Bucket> {
  return new Map([...buckets].map(([name, bucket]) => [name, new Bucket(bucket)]));
}
