import { createHash } from 'node:crypto';
import { CloudFrontClient } from '@aws-sdk/client-cloudfront';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ECSClient } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { IAMClient } from '@aws-sdk/client-iam';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { signer } from '../../shared/aws/sigv4.ts';

/** What the emulator keeps on paper: it has no service that could be asked for it (test/local/emulator/paper.py). */
export interface OnPaper {
  readonly account: string;
  readonly region: string;
  readonly type: string;
  readonly id: string;
  readonly logicalId: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/**
 * The services' own APIs in one account and region: the SDK's clients where the project has them, signed calls of the Query,
 * JSON and REST protocols for the others.
 */
export class GuideAws {
  readonly endpoint: string;
  readonly account: string;
  readonly region: string;
  readonly cloudFormation: CloudFormationClient;
  readonly cloudFront: CloudFrontClient;
  readonly logs: CloudWatchLogsClient;
  readonly ecr: ECRClient;
  readonly ecs: ECSClient;
  readonly elb: ElasticLoadBalancingV2Client;
  readonly iam: IAMClient;
  readonly s3: S3Client;
  readonly secrets: SecretsManagerClient;
  readonly #identity;

  constructor(endpoint: string, account: string, region: string) {
    this.endpoint = endpoint;
    this.account = account;
    this.region = region;
    // The emulator takes a key of twelve digits for an account of its own.
    this.#identity = { accessKeyId: account, secretAccessKey: 'test' };
    const settings = { endpoint, region, credentials: this.#identity };
    this.cloudFormation = new CloudFormationClient(settings);
    this.cloudFront = new CloudFrontClient(settings);
    this.logs = new CloudWatchLogsClient(settings);
    this.ecr = new ECRClient(settings);
    this.ecs = new ECSClient(settings);
    this.elb = new ElasticLoadBalancingV2Client(settings);
    this.iam = new IAMClient(settings);
    this.s3 = new S3Client({ ...settings, forcePathStyle: true });
    this.secrets = new SecretsManagerClient(settings);
  }

  in(region: string): GuideAws {
    return new GuideAws(this.endpoint, this.account, region);
  }

  ec2(action: string, parameters: Readonly<Record<string, string>> = {}): Promise<Xml> {
    return this.#query('ec2', { Action: action, Version: '2016-11-15', ...parameters });
  }

  rds(action: string, parameters: Readonly<Record<string, string>> = {}): Promise<Xml> {
    return this.#query('rds', { Action: action, Version: '2014-10-31', ...parameters });
  }

  elastiCache(action: string, parameters: Readonly<Record<string, string>> = {}): Promise<Xml> {
    return this.#query('elasticache', { Action: action, Version: '2015-02-02', ...parameters });
  }

  autoScaling(action: string, parameters: Readonly<Record<string, string>> = {}): Promise<Xml> {
    return this.#query('autoscaling', { Action: action, Version: '2011-01-01', ...parameters });
  }

  sns(action: string, parameters: Readonly<Record<string, string>> = {}): Promise<Xml> {
    return this.#query('sns', { Action: action, Version: '2010-03-31', ...parameters });
  }

  acm(operation: string, body: object = {}): Promise<Json> {
    return this.#json('acm', `CertificateManager.${operation}`, body);
  }

  waf(operation: string, body: object = {}): Promise<Json> {
    return this.#json('wafv2', `AWSWAF_20190729.${operation}`, body);
  }

  cloudTrail(operation: string, body: object = {}): Promise<Json> {
    return this.#json('cloudtrail', `com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.${operation}`, body);
  }

  cloudWatch(operation: string, body: object = {}): Promise<Json> {
    return this.#json('monitoring', `GraniteServiceVersion20100801.${operation}`, body);
  }

  budgets(operation: string, body: object = {}): Promise<Json> {
    return this.#json('budgets', `AWSBudgetServiceGateway.${operation}`, body);
  }

  kms(operation: string, body: object = {}): Promise<Json> {
    return this.#json('kms', `TrentService.${operation}`, body);
  }

  /** Route 53 speaks REST with XML bodies. */
  async route53(method: string, path: string, body = ''): Promise<Xml> {
    return parseXml(await this.#send('route53', { method, path: `/2013-04-01/${path}`, body, type: 'text/xml' }));
  }

  async onPaper(): Promise<readonly OnPaper[]> {
    const answer = await fetch(`${this.endpoint}/_slipway/paper`);
    const entries = (await answer.json()) as readonly OnPaper[];
    return entries.filter(({ account, region }) => account === this.account && region === this.region);
  }

  async #query(service: string, parameters: Readonly<Record<string, string>>): Promise<Xml> {
    const body = new URLSearchParams(parameters).toString();
    const type = 'application/x-www-form-urlencoded; charset=utf-8';
    return parseXml(await this.#send(service, { method: 'POST', path: '/', body, type }));
  }

  async #json(service: string, target: string, body: object): Promise<Json> {
    const type = service === 'monitoring' ? 'application/x-amz-json-1.0' : 'application/x-amz-json-1.1';
    const request = { method: 'POST', path: '/', body: JSON.stringify(body), type, target };
    const text = await this.#send(service, request);
    return text === '' ? {} : (JSON.parse(text) as Json);
  }

  async #send(
    service: string,
    request: {
      readonly method: string;
      readonly path: string;
      readonly body: string;
      readonly type: string;
      readonly target?: string;
    },
  ): Promise<string> {
    const { method, path, body, type, target } = request;
    const { host } = new URL(this.endpoint);
    const headers = {
      host,
      'content-type': type,
      ...(target === undefined ? {} : { 'x-amz-target': target }),
    };
    const payload = createHash('sha256').update(body).digest('hex');
    const signed = signer(this.region, service)({ method, path, headers, payload }, this.#identity, new Date());
    const answer = await fetch(this.endpoint + path, {
      method,
      headers: Object.fromEntries(Object.entries(signed).filter(([name]) => name !== 'host')),
      ...(body === '' ? {} : { body }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${service} ${target ?? path}: ${answer.status} ${text.slice(0, 300)}`);
    return text;
  }
}

/** Answers of services without a client of their own here: nothing says what they look like. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = Readonly<Record<string, any>>;

/** An element of an XML answer; what is not there reads as an empty text or list. */
export class Xml {
  readonly name: string;
  readonly children: readonly Xml[];
  readonly own: string;

  constructor(name: string, children: readonly Xml[], own: string) {
    this.name = name;
    this.children = children;
    this.own = own;
  }

  /** The first element below, however deep, of each name in turn. */
  at(...path: readonly string[]): Xml {
    return path.reduce<Xml>((xml, name) => xml.#find(name) ?? nothing, this);
  }

  text(...path: readonly string[]): string {
    return this.at(...path).own;
  }

  /** The members of the list at the end of the path. */
  list(...path: readonly string[]): readonly Xml[] {
    return this.at(...path).children;
  }

  #find(name: string): Xml | undefined {
    for (const child of this.children) if (child.name === name) return child;
    for (const child of this.children) {
      const found = child.#find(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

const nothing = new Xml('', [], '');

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const plain = (text: string): string =>
  text.replace(/&(#x?)?(\w+);/g, (whole, numeric: string | undefined, name: string) =>
    numeric === undefined
      ? (entities[name] ?? whole)
      : String.fromCodePoint(Number.parseInt(name, numeric === '#x' ? 16 : 10)),
  );

/** XML as AWS answers it: elements and text; attributes, comments and the prolog are passed over. */
export function parseXml(text: string): Xml {
  interface Open {
    readonly name: string;
    readonly children: Xml[];
    own: string;
  }
  const open: Open[] = [{ name: '', children: [], own: '' }];
  let end = 0;
  for (const tag of text.matchAll(/<(\/?)([\w:.-]+)(?:\s[^>]*?)?(\/?)>|<[?!][^>]*>/g)) {
    open.at(-1)!.own += plain(text.slice(end, tag.index));
    end = tag.index + tag[0].length;
    const [, closing, name = '', empty] = tag;
    if (name === '') continue;
    if (closing === '') open.push({ name, children: [], own: '' });
    if (closing === '/' || empty === '/') {
      const { name: done, children, own } = open.pop()!;
      if (closing === '/' && done !== name) throw new Error(`</${name}> where <${done}> is open`);
      open.at(-1)!.children.push(new Xml(done, children, children.length === 0 ? own.trim() : ''));
    }
  }
  const [{ children }] = open as [Open];
  return children[0] ?? nothing;
}
