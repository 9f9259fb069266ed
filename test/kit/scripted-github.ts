import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Fault as AwsFault } from './scripted-aws.ts';

/** Who a token speaks for, and what it may do on the pull request. */
export interface Viewer {
  readonly login: string;
  readonly may: 'write' | 'read' | 'nothing';
}

export interface GitHubComment {
  readonly id: number;
  readonly login: string;
  body: string;
}

export interface GitHubCall {
  readonly operation: Operation | 'other';
  readonly path: string;
  readonly authorization: string;
  readonly body: unknown;
}

export type Operation = 'ListComments' | 'CreateComment' | 'UpdateComment' | 'Viewer';

/** What goes wrong with one call: GitHub's own answer is not given, but this, or only a part of it. */
export interface Fault extends Pick<AwsFault, 'delay' | 'message' | 'status'> {
  /** As with AWS; `middle`: in the middle of the answer, after it happened. */
  readonly drop?: 'before' | 'middle' | 'after';
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of JSON, such as a proxy's page. */
  readonly html?: string;
}

interface Reply {
  readonly status: number;
  readonly json?: unknown;
  readonly html?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The tokens of jobs, as GitHub names whom they speak for. */
export const jobLogin = 'github-actions[bot]';

/**
 * One pull request and its conversation, as GitHub's API speaks of it (github.com, or GitHub Enterprise with the prefix `/api/v3`):
 * https://docs.github.com/en/rest/issues/comments
 */
export class ScriptedGitHub {
  readonly calls: GitHubCall[] = [];
  readonly comments: GitHubComment[] = [];
  /** By token. */
  readonly viewers = new Map<string, Viewer>();
  locked = false;
  /** Called before a call is carried out. */
  onCall: (operation: Operation) => void = () => undefined;
  readonly #server: Server;
  readonly #faults = new Map<string, Fault[]>();
  readonly #pull: { readonly repository: string; readonly number: number; readonly prefix: string };
  #origin = '';
  #ids = 4_000_000_000;

  private constructor(pull: { repository: string; number: number; prefix: string }) {
    this.#pull = pull;
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (data: Buffer) => parts.push(data));
      request.on('end', () => this.#serve(request, Buffer.concat(parts).toString(), response));
    });
  }

  static async start(pull: { repository: string; number: number; prefix?: string }): Promise<ScriptedGitHub> {
    const made = new ScriptedGitHub({ prefix: '', ...pull });
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    made.#origin = `http://127.0.0.1:${(made.#server.address() as AddressInfo).port}`;
    return made;
  }

  /** What the runner puts into GITHUB_API_URL. */
  get apiUrl(): string {
    return `${this.#origin}${this.#pull.prefix}`;
  }

  say(login: string, body: string): GitHubComment {
    this.#ids += 1;
    const comment = { id: this.#ids, login, body };
    this.comments.push(comment);
    return comment;
  }

  /** What happens to the next calls of an operation, one fault a call. */
  breakNext(operation: Operation, ...faults: readonly Fault[]): void {
    this.#faults.set(operation, [...(this.#faults.get(operation) ?? []), ...faults]);
  }

  count(operation: GitHubCall['operation']): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  urlOf({ id }: GitHubComment): string {
    return `https://github.com/${this.#pull.repository}/pull/${this.#pull.number}#issuecomment-${id}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #serve(request: IncomingMessage, text: string, response: ServerResponse): void {
    const url = new URL(request.url ?? '', this.#origin);
    const found = this.#operation(request.method ?? '', url.pathname);
    const operation = found?.operation ?? 'other';
    const { authorization = '' } = request.headers;
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    this.calls.push({ operation, path: `${url.pathname}${url.search}`, authorization, body });
    if (found === undefined) {
      send(response, refusal(404, 'Not Found'));
      return;
    }
    this.onCall(found.operation);
    const fault = this.#faults.get(operation)?.shift();
    if (fault?.drop === 'before') {
      request.socket.destroy();
      return;
    }
    const isAnswered = fault === undefined || fault.drop !== undefined || Object.keys(fault).join() === 'delay';
    const reply = isAnswered
      ? this.#answer(found, { url, authorization, body })
      : { ...refusal(fault.status ?? 502, fault.message ?? 'Server Error'), headers: fault.headers, html: fault.html };
    if (fault?.drop === 'after') request.socket.destroy();
    else if (fault?.drop === 'middle') breakOff(response, reply);
    else if (fault?.delay === undefined) send(response, reply);
    else setTimeout(() => send(response, reply), fault.delay).unref();
  }

  #operation(method: string, path: string): { readonly operation: Operation; readonly id: number } | undefined {
    const { prefix, repository, number } = this.#pull;
    // GitHub Enterprise: REST below /api/v3, GraphQL at /api/graphql.
    if (method === 'POST' && path === `${prefix.replace(/\/v3$/, '')}/graphql`) return { operation: 'Viewer', id: 0 };
    const all = `${prefix}/repos/${repository}/issues/${number}/comments`;
    if (path === all && method === 'GET') return { operation: 'ListComments', id: 0 };
    if (path === all && method === 'POST') return { operation: 'CreateComment', id: 0 };
    const [, id] = /\/issues\/comments\/(\d+)$/.exec(path) ?? [];
    return method === 'PATCH' && path === `${prefix}/repos/${repository}/issues/comments/${id}`
      ? { operation: 'UpdateComment', id: Number(id) }
      : undefined;
  }

  #answer(
    { operation, id }: { readonly operation: Operation; readonly id: number },
    { url, authorization, body }: { readonly url: URL; readonly authorization: string; readonly body: unknown },
  ): Reply {
    const viewer = this.viewers.get(authorization.replace(/^(?:token|bearer) /i, ''));
    if (viewer === undefined) return refusal(401, 'Bad credentials');
    if (operation === 'Viewer') {
      return (body as { query: string }).query.includes('viewer { login }')
        ? { status: 200, json: { data: { viewer: { login: viewer.login } } } }
        : { status: 200, json: { errors: [{ message: 'Parse error' }] } };
    }
    if (viewer.may === 'nothing') return refusal(404, 'Not Found');
    if (operation === 'ListComments') return this.#list(url);
    if (viewer.may === 'read') return refusal(403, 'Resource not accessible by integration');
    const text = (body as { body?: unknown }).body;
    if (typeof text !== 'string' || text === '') return refusal(422, 'Validation Failed');
    if (text.length > 65_536)
      return refusal(422, 'Validation Failed', 'body is too long (maximum is 65536 characters)');
    if (operation === 'CreateComment') {
      if (this.locked) return refusal(403, 'Unable to create comment because issue is locked.');
      return { status: 201, json: this.#shown(this.say(viewer.login, text)) };
    }
    const comment = this.comments.find((one) => one.id === id);
    if (comment === undefined) return refusal(404, 'Not Found');
    comment.body = text;
    return { status: 200, json: this.#shown(comment) };
  }

  /** Oldest first, 30 a page unless asked, 100 at most; the next page is named in a header. */
  #list(url: URL): Reply {
    const size = Math.min(100, Number(url.searchParams.get('per_page') ?? 30));
    const page = Number(url.searchParams.get('page') ?? 1);
    const last = Math.max(1, Math.ceil(this.comments.length / size));
    const link = (to: number, rel: string): string => {
      const address = new URL(url);
      address.searchParams.set('page', String(to));
      return `<${address.href}>; rel="${rel}"`;
    };
    return {
      status: 200,
      json: this.comments.slice((page - 1) * size, page * size).map((comment) => this.#shown(comment)),
      headers: page < last ? { link: `${link(page + 1, 'next')}, ${link(last, 'last')}` } : {},
    };
  }

  #shown(comment: GitHubComment): object {
    const isBot = comment.login.endsWith('[bot]');
    return {
      id: comment.id,
      html_url: this.urlOf(comment),
      user: { login: comment.login, type: isBot ? 'Bot' : 'User' },
      performed_via_github_app: isBot ? { slug: comment.login.slice(0, -'[bot]'.length) } : null,
      body: comment.body,
    };
  }
}

function refusal(status: number, message: string, about?: string): Reply {
  const errors =
    about === undefined
      ? {}
      : { errors: [{ resource: 'IssueComment', code: 'custom', field: 'body', message: about }] };
  return {
    status,
    json: { message, ...errors, documentation_url: 'https://docs.github.com/rest', status: String(status) },
  };
}

function send(response: ServerResponse, { status, json, html, headers = {} }: Reply): void {
  const type = html === undefined ? 'application/json; charset=utf-8' : 'text/html';
  response.writeHead(status, { 'content-type': type, ...headers });
  response.end(html ?? JSON.stringify(json));
}

function breakOff(response: ServerResponse, { status, json }: Reply): void {
  const text = JSON.stringify(json);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': text.length });
  response.write(text.slice(0, text.length / 2), () => response.destroy());
}
