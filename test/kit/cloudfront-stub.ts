import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Fault } from './scripted-aws.ts';

export interface StubDistribution {
  readonly id: string;
  readonly domainName: string;
  readonly aliases: readonly string[];
  /** The cache key holds query strings. */
  readonly queryStrings: boolean;
  /** What the origin says for a path as the viewer asked for it, without the query string. */
  readonly origin: (path: string) => string | Promise<string>;
}

export interface StubInvalidation {
  readonly id: string;
  readonly distributionId: string;
  readonly callerReference: string;
  readonly paths: readonly string[];
  readonly createdAt: number;
  readonly status: 'InProgress' | 'Completed';
}

export interface StubCall {
  readonly operation: string;
  readonly distributionId: string;
  /** Paths of a CreateInvalidation. */
  readonly paths: readonly string[];
  readonly at: number;
  /** The id of the invalidation, an error's name, or what was done to the connection. */
  answer: string;
}

interface Stored extends Omit<StubInvalidation, 'status' | 'createdAt'> {
  readonly order: number;
  createdAt: number;
  status: StubInvalidation['status'];
  looks: number;
}

interface Cached {
  readonly body: string;
  readonly order: number;
}

class Refusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const api = '/2020-05-31';
const filesAtOnce = 3000;
const wildcardsAtOnce = 15;

/**
 * CloudFront's control plane over real HTTP (REST and XML, 2020-05-31) with AWS's limits and rules, and what its viewers get: pages are
 * kept until an invalidation that matches them is complete.
 */
export class CloudFrontStub {
  readonly calls: StubCall[] = [];
  /** An invalidation is complete once both have passed. */
  completeAfter: { readonly ms: number; readonly looks: number } = { ms: 0, looks: 0 };
  /** Reports differ on whether an encoded `~` matches what a viewer asks for. */
  isTildeMatched = false;
  /** Items on a page of a list. */
  pageSize = 100;
  readonly #server: Server;
  readonly #now: () => number;
  readonly #distributions = new Map<string, StubDistribution>();
  readonly #invalidations: Stored[] = [];
  readonly #caches = new Map<string, Map<string, Cached>>();
  readonly #faults = new Map<string, Fault[]>();
  readonly #lasting = new Map<string, Fault>();
  #order = 0;

  private constructor(now: () => number) {
    this.#now = now;
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (data: Buffer) => (body += data.toString()));
      request.on('end', () => this.#serve({ request, response, body }));
    });
  }

  static async start(now: () => number = Date.now): Promise<CloudFrontStub> {
    const made = new CloudFrontStub(now);
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

  add(distribution: Partial<StubDistribution> & { readonly id: string }): void {
    const domainName = `${distribution.id.toLowerCase()}.cloudfront.net`;
    const origin = (): string => '';
    this.#distributions.set(distribution.id, {
      domainName,
      aliases: [],
      queryStrings: false,
      origin,
      ...distribution,
    });
  }

  remove(id: string): void {
    this.#distributions.delete(id);
  }

  /** What happens to the next calls of an operation, one fault a call. */
  breakNext(operation: string, ...faults: readonly Fault[]): void {
    this.#faults.set(operation, [...(this.#faults.get(operation) ?? []), ...faults]);
  }

  /** What happens to all calls of an operation, until told otherwise. */
  breakAll(operation: string, fault: Fault | undefined): void {
    if (fault === undefined) this.#lasting.delete(operation);
    else this.#lasting.set(operation, fault);
  }

  /** Oldest first. */
  get invalidations(): readonly StubInvalidation[] {
    this.#settle();
    return this.#invalidations;
  }

  /** As if what is there had been made that much earlier. */
  age(ms: number): void {
    for (const invalidation of this.#invalidations) invalidation.createdAt -= ms;
  }

  /** What a viewer gets. Everything is kept as if `Cache-Control` allowed it for ever. */
  async view(distributionId: string, url: string): Promise<string> {
    const distribution = this.#distributions.get(distributionId);
    if (distribution === undefined) throw new Error(`no distribution ${distributionId}`);
    this.#settle();
    const cache = this.#caches.get(distributionId) ?? new Map<string, Cached>();
    this.#caches.set(distributionId, cache);
    const [path = '', query] = url.split('?');
    const key = this.#encoded(distribution.queryStrings && query !== undefined ? url : path);
    const known = cache.get(key);
    if (known !== undefined) return known.body;
    const body = await distribution.origin(path);
    cache.set(key, { body, order: (this.#order += 1) });
    return body;
  }

  /** CloudFront compares encoded forms: what browsers send raw although it is unsafe counts as encoded, nothing else is decoded. */
  #encoded(url: string): string {
    const unsafe = this.isTildeMatched ? /[^!$-;=?-Z_a-z~]|~/gu : /[^!$-;=?-Z_a-z~]/gu;
    return url.replace(unsafe, (character) =>
      [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
  }

  #settle(): void {
    const { ms, looks } = this.completeAfter;
    for (const invalidation of this.#invalidations) {
      const isDue = this.#now() - invalidation.createdAt >= ms && invalidation.looks >= looks;
      if (invalidation.status === 'Completed' || !isDue) continue;
      invalidation.status = 'Completed';
      const cache = this.#caches.get(invalidation.distributionId) ?? new Map<string, Cached>();
      for (const [key, { order }] of cache) {
        // What came from the origin after it was asked for is fresh.
        if (order < invalidation.order && invalidation.paths.some((path) => matches(path, key))) cache.delete(key);
      }
    }
  }

  #serve(exchange: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly body: string;
  }): void {
    const { request, response, body } = exchange;
    const url = new URL(request.url ?? '', 'http://stub');
    const route = routeOf(request.method ?? '', url.pathname);
    const { operation, distributionId } = route;
    const call: StubCall = {
      operation,
      distributionId,
      paths: operation === 'CreateInvalidation' ? pathsOf(body) : [],
      at: this.#now(),
      answer: '',
    };
    this.calls.push(call);
    const fault = this.#faults.get(operation)?.shift() ?? this.#lasting.get(operation) ?? {};
    try {
      if (fault.drop === 'before') {
        call.answer = 'dropped';
        request.socket.destroy();
        return;
      }
      if (fault.error !== undefined) {
        throw new Refusal(fault.error, fault.status ?? 400, fault.message ?? `scripted ${fault.error}`);
      }
      if (!/^AWS4-HMAC-SHA256 .*\/cloudfront\/aws4_request/.test(request.headers.authorization ?? '')) {
        throw new Refusal('MissingAuthenticationToken', 403, 'Request is missing Authentication Token');
      }
      this.#settle();
      const { xml, id, status } = this.#answer(route, { query: url.searchParams, body });
      call.answer = fault.drop === 'after' ? `${id} lost` : id;
      if (fault.drop === 'after') request.socket.destroy();
      else {
        const location = operation === 'CreateInvalidation' ? { location: `${url.pathname}/${id}` } : {};
        const date = new Date(this.#now()).toUTCString();
        response.writeHead(status, { ...xmlHeaders, ...location, date }).end(`<?xml version="1.0"?>\n${xml}`);
      }
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('InternalError', 500, String(error));
      call.answer = refusal.code;
      const { xml } = tag(
        `ErrorResponse ${namespace}`,
        tag('Error', tag('Type', 'Sender'), tag('Code', refusal.code), tag('Message', refusal.message)),
        tag('RequestId', 'stub'),
      );
      response.writeHead(refusal.status, xmlHeaders).end(`<?xml version="1.0"?>\n${xml}`);
    }
  }

  #answer(
    { operation, distributionId, invalidationId }: Route,
    asked: { readonly query: URLSearchParams; readonly body: string },
  ): { readonly xml: string; readonly id: string; readonly status: number } {
    if (operation === 'ListDistributions') {
      return { xml: this.#listOfDistributions(asked.query), id: '', status: 200 };
    }
    if (!this.#distributions.has(distributionId)) {
      throw new Refusal('NoSuchDistribution', 404, 'The specified distribution does not exist.');
    }
    const ours = this.#invalidations.filter((one) => one.distributionId === distributionId);
    if (operation === 'CreateInvalidation') {
      const made = this.#create({ distributionId, body: asked.body, ours });
      return { xml: invalidationXml(made), id: made.id, status: 201 };
    }
    if (operation === 'ListInvalidations') return { xml: this.#list(ours, asked.query), id: '', status: 200 };
    const found = ours.find(({ id }) => id === invalidationId);
    if (operation !== 'GetInvalidation' || found === undefined) {
      throw new Refusal('NoSuchInvalidation', 404, 'The specified invalidation does not exist.');
    }
    found.looks += 1;
    this.#settle();
    return { xml: invalidationXml(found), id: found.id, status: 200 };
  }

  #create(asked: { readonly distributionId: string; readonly body: string; readonly ours: readonly Stored[] }): Stored {
    const { distributionId, body, ours } = asked;
    const paths = pathsOf(body);
    const callerReference = text(body, 'CallerReference') ?? '';
    if (callerReference === '' || paths.length === 0) throw new Refusal('MalformedXML', 400, 'The XML is malformed.');
    if (text(body, 'Quantity') !== String(paths.length)) {
      throw new Refusal('InconsistentQuantities', 400, 'The value of Quantity and the size of Items do not match.');
    }
    if (!paths.every(isGoodPath) || new Set(paths).size < paths.length) {
      throw new Refusal('InvalidArgument', 400, 'Your request contains one or more invalid invalidation paths.');
    }
    const known = ours.find((one) => one.callerReference === callerReference);
    if (known !== undefined) {
      if (known.paths.join('\n') === paths.join('\n')) return known;
      throw new Refusal('InvalidationBatchAlreadyExists', 400, 'Invalidation batch specified already exists.');
    }
    const wildcards = paths.filter((path) => path.endsWith('*')).length;
    if (wildcards > wildcardsAtOnce || paths.length - wildcards > filesAtOnce) {
      throw new Refusal('BatchTooLarge', 413, 'Invalidation batch specified is too large.');
    }
    const busy = ours.filter(({ status }) => status === 'InProgress').flatMap((one) => one.paths);
    const busyWildcards = busy.filter((path) => path.endsWith('*')).length;
    if (
      (wildcards > 0 && busyWildcards + wildcards > wildcardsAtOnce) ||
      busy.length - busyWildcards + paths.length - wildcards > filesAtOnce
    ) {
      throw new Refusal(
        'TooManyInvalidationsInProgress',
        400,
        'Processing your request will cause you to exceed the maximum number of in-progress wildcard or file invalidations.',
      );
    }
    const made: Stored = {
      id: `I${String(this.#invalidations.length + 1).padStart(13, '0')}`,
      distributionId,
      callerReference,
      paths,
      createdAt: this.#now(),
      order: (this.#order += 1),
      status: 'InProgress',
      looks: 0,
    };
    this.#invalidations.push(made);
    this.#settle();
    return made;
  }

  #listOfDistributions(query: URLSearchParams): string {
    return this.#page('DistributionList', [...this.#distributions.values()], {
      query,
      item: ({ id, domainName, aliases }) =>
        tag(
          'DistributionSummary',
          tag('Id', id),
          tag('ARN', `arn:aws:cloudfront::123456789012:distribution/${id}`),
          tag('Status', 'Deployed'),
          tag('DomainName', domainName),
          tag(
            'Aliases',
            tag('Quantity', String(aliases.length)),
            tag('Items', ...aliases.map((alias) => tag('CNAME', alias))),
          ),
        ),
    });
  }

  /** Newest first, as CloudFront lists them. */
  #list(ours: readonly Stored[], query: URLSearchParams): string {
    return this.#page('InvalidationList', [...ours].reverse(), {
      query,
      item: ({ id, createdAt, status }) =>
        tag('InvalidationSummary', tag('Id', id), tag('CreateTime', time(createdAt)), tag('Status', status)),
    });
  }

  #page<T extends { readonly id: string }>(
    name: string,
    items: readonly T[],
    { query, item }: { readonly query: URLSearchParams; readonly item: (item: T) => Xml },
  ): string {
    const marker = query.get('Marker');
    const start = marker === null ? 0 : items.findIndex(({ id }) => id === marker);
    if (start < 0) throw new Refusal('InvalidArgument', 400, 'The marker is not valid.');
    const size = Math.min(this.pageSize, Number(query.get('MaxItems') ?? '100'));
    const page = items.slice(start, start + size);
    const next = items[start + size]?.id;
    return tag(
      `${name} ${namespace}`,
      tag('Marker', marker ?? ''),
      ...(next === undefined ? [] : [tag('NextMarker', next)]),
      tag('MaxItems', String(size)),
      tag('IsTruncated', String(next !== undefined)),
      tag('Quantity', String(page.length)),
      tag('Items', ...page.map(item)),
    ).xml;
  }
}

function matches(pattern: string, key: string): boolean {
  return pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : pattern === key;
}

/** Characters that RFC 1738 calls unsafe, and all beyond ASCII, have to come encoded; `*` stands for the rest of a path only. */
function isGoodPath(path: string): boolean {
  return path.length <= 4000 && /^\/(?:[!$&-)+-;=?-Z_a-z]|%[0-9A-Fa-f]{2})*\*?$/.test(path);
}

interface Route {
  readonly operation: string;
  readonly distributionId: string;
  readonly invalidationId: string;
}

function routeOf(method: string, path: string): Route {
  const [, distributionId = '', isInvalidation, invalidationId = ''] =
    new RegExp(`^${api}/distribution(?:/([^/]+)(?:(/invalidation)(?:/([^/]+))?)?)?$`).exec(path) ?? [];
  const operations: Readonly<Record<string, string>> = {
    'GET list': 'ListDistributions',
    'GET invalidations': 'ListInvalidations',
    'POST invalidations': 'CreateInvalidation',
    'GET invalidation': 'GetInvalidation',
  };
  const what =
    invalidationId !== ''
      ? 'invalidation'
      : isInvalidation !== undefined
        ? 'invalidations'
        : path === `${api}/distribution`
          ? 'list'
          : '';
  return { operation: operations[`${method} ${what}`] ?? `${method} ${path}`, distributionId, invalidationId };
}

const namespace = 'xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"';
const xmlHeaders = { 'content-type': 'text/xml', 'x-amzn-requestid': '00000000-0000-4000-8000-000000000000' };

interface Xml {
  readonly xml: string;
}

function tag(name: string, ...content: readonly (string | Xml)[]): Xml {
  const inner = content.map((one) =>
    typeof one === 'string' ? one.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;') : one.xml,
  );
  return { xml: `<${name}>${inner.join('')}</${name.split(' ', 1)[0]}>` };
}

function invalidationXml({ id, status, createdAt, paths, callerReference }: Stored): string {
  return tag(
    `Invalidation ${namespace}`,
    tag('Id', id),
    tag('Status', status),
    tag('CreateTime', time(createdAt)),
    tag(
      'InvalidationBatch',
      tag('Paths', tag('Quantity', String(paths.length)), tag('Items', ...paths.map((path) => tag('Path', path)))),
      tag('CallerReference', callerReference),
    ),
  ).xml;
}

const time = (ms: number): string => new Date(ms).toISOString();

function text(body: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1];
  return found === undefined ? undefined : unescape(found);
}

function pathsOf(body: string): readonly string[] {
  return [...body.matchAll(/<Path>([^<]*)<\/Path>/g)].map(([, path = '']) => unescape(path));
}

function unescape(xml: string): string {
  const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return xml.replace(/&(?:#x([0-9a-fA-F]+)|(\w+));/g, (_, hex: string | undefined, name: string) =>
    hex === undefined ? (entities[name] ?? '') : String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}
