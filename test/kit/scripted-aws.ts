import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ScriptedCall {
  /** `ecs`, `logs`, `ecr`, `secretsmanager`, `ssm`, `elasticloadbalancing`, `iam`, `ec2`, `sts`, `cloudformation`, `route53`, or `http` for a plain GET. */
  readonly service: string;
  /** That the request is signed for; `''` for a plain GET. One endpoint speaks for all regions. */
  readonly region: string;
  readonly operation: string;
  /** Of the Query protocol flat, as it is sent: `TargetGroupArns.member.1`. */
  readonly input: Readonly<Record<string, unknown>>;
  /** When it came in, by the clock that the kit was given. */
  readonly at: number;
  /** A fault was scripted for it. */
  readonly broken: boolean;
}

/** An answer's body, or an error's name and message. */
export type Answer = object | { readonly __type: string; readonly message: string; readonly httpStatus?: number };

/** What goes wrong with one call. */
export interface Fault {
  /** AWS's name of an error; answered instead of asking. */
  readonly error?: string;
  readonly message?: string;
  /** 400, or 503 for an error that a name says nothing about. */
  readonly status?: number;
  /** The connection breaks: before anything happened, or after it happened and before the answer. */
  readonly drop?: 'before' | 'after';
  /** Real milliseconds until the answer. */
  readonly delay?: number;
}

const jsonServices: Readonly<Record<string, string>> = {
  AmazonEC2ContainerServiceV20141113: 'ecs',
  AmazonEC2ContainerRegistry_V20150921: 'ecr',
  Logs_20140328: 'logs',
  secretsmanager: 'secretsmanager',
  AmazonSSM: 'ssm',
};
const queryServices: Readonly<Record<string, string>> = {
  '2015-12-01': 'elasticloadbalancing',
  '2010-05-08': 'iam',
  '2016-11-15': 'ec2',
  '2011-06-15': 'sts',
  '2010-05-15': 'cloudformation',
  '2014-10-31': 'rds',
};

/** Services of AWS's JSON and Query protocols over real HTTP whose answers a test gives; what was asked is kept. */
export class ScriptedAws {
  readonly calls: ScriptedCall[] = [];
  readonly #server: Server;
  readonly #faults = new Map<string, Fault[]>();

  private constructor(answer: (call: ScriptedCall, index: number) => Answer, now: () => number) {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (data: Buffer) => (body += data.toString()));
      request.on('end', () => {
        const asked = readCall(request, body);
        const index = this.calls.filter(({ operation }) => operation === asked.operation).length;
        const fault = this.#faults.get(asked.operation)?.shift() ?? {};
        const call = { ...asked, at: now(), broken: Object.keys(fault).length > 0 };
        this.calls.push(call);
        if (fault.drop === 'before') {
          request.socket.destroy();
          return;
        }
        const said = fault.error === undefined ? answer(call, index) : errorOf(fault.error, fault);
        if (fault.drop === 'after') request.socket.destroy();
        else if (fault.delay === undefined) send(call, said, response);
        else setTimeout(() => send(call, said, response), fault.delay);
      });
    });
  }

  static async start(
    answer: (call: ScriptedCall, index: number) => Answer,
    now: () => number = Date.now,
  ): Promise<ScriptedAws> {
    const made = new ScriptedAws(answer, now);
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What happens to the next calls of an operation, one fault a call. */
  breakNext(operation: string, ...faults: readonly Fault[]): void {
    this.#faults.set(operation, [...(this.#faults.get(operation) ?? []), ...faults]);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

export function errorOf(name: string, { message = `scripted ${name}`, status = 400 }: Fault): Answer {
  return { __type: name, message, httpStatus: status };
}

export function readCall(request: IncomingMessage, body: string): Omit<ScriptedCall, 'at' | 'broken'> {
  const target = request.headers['x-amz-target'];
  const [, region = ''] = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
  if (typeof target === 'string') {
    const dot = target.lastIndexOf('.');
    const prefix = target.slice(0, dot);
    return {
      service: jsonServices[prefix] ?? prefix,
      region,
      operation: target.slice(dot + 1),
      input: JSON.parse(body || '{}') as Record<string, unknown>,
    };
  }
  const [, zone] = /^\/2013-04-01\/hostedzone\/(\w+)$/.exec(request.url ?? '') ?? [];
  if (zone !== undefined) return { service: 'route53', region, operation: 'GetHostedZone', input: { Id: zone } };
  if (request.method === 'GET') return { service: 'http', region, operation: `GET ${request.url ?? ''}`, input: {} };
  const { Action = '', Version = '', ...input } = Object.fromEntries(new URLSearchParams(body));
  return { service: queryServices[Version] ?? Version, region, operation: Action, input };
}

export function send(
  { service, operation }: Pick<ScriptedCall, 'service' | 'operation'>,
  said: Answer,
  response: ServerResponse,
): void {
  const error = '__type' in said ? said : undefined;
  const json = service !== 'route53' && !Object.values(queryServices).includes(service);
  response.writeHead(error === undefined ? 200 : 'httpStatus' in error ? (error.httpStatus ?? 400) : 400, {
    'content-type': json ? 'application/x-amz-json-1.1' : 'text/xml',
    'x-amzn-requestid': '00000000-0000-4000-8000-000000000000',
  });
  if (json) {
    response.end(JSON.stringify({ ...said, httpStatus: undefined }));
  } else if (error === undefined) {
    const xml = toXml(said, service === 'ec2' ? 'item' : service === 'route53' ? 'NameServer' : 'member');
    response.end(
      service === 'ec2' || service === 'route53'
        ? `<${operation}Response>${xml}</${operation}Response>`
        : `<${operation}Response><${operation}Result>${xml}</${operation}Result></${operation}Response>`,
    );
  } else {
    const xml = `<Error><Type>Sender</Type>${toXml({ Code: error.__type, Message: error.message }, '')}</Error>`;
    response.end(
      service === 'ec2' ? `<Response><Errors>${xml}</Errors></Response>` : `<ErrorResponse>${xml}</ErrorResponse>`,
    );
  }
}

/** Lists as `<member>`s, or as EC2's `<item>`s; what is undefined is left out. */
function toXml(value: unknown, item: string): string {
  if (Array.isArray(value)) return value.map((one) => `<${item}>${toXml(one, item)}</${item}>`).join('');
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([name, inner]) => `<${name}>${toXml(inner, item)}</${name}>`)
      .join('');
  }
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
