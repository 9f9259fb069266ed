import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { sha256 } from '../core/hash.ts';
import { toAwsError } from './aws-error.ts';
import { httpExchange } from './http-exchange.ts';
import { elementOf, retried } from './s3-requests.ts';
import { connect, type SdkConfig } from './sdk-config.ts';
import { signer } from './sigv4.ts';

/** One call of a service that has one endpoint for all regions, or of RDS in the run's own. */
export interface GlobalCall {
  readonly service: 'IAM' | 'Route53' | 'RDS';
  readonly operation: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** A form, for a POST. */
  readonly body?: string;
}

/** Sends it and returns the XML of the answer; throws an `AwsError`. */
export type GlobalCaller = (call: GlobalCall) => Promise<string>;

const everywhere = 'us-east-1';

const endpointsIn = (region: string) =>
  ({
    IAM: { variable: 'AWS_ENDPOINT_URL_IAM', host: 'https://iam.amazonaws.com', name: 'iam', scope: everywhere },
    Route53: {
      variable: 'AWS_ENDPOINT_URL_ROUTE_53',
      host: 'https://route53.amazonaws.com',
      name: 'route53',
      scope: everywhere,
    },
    RDS: { variable: 'AWS_ENDPOINT_URL_RDS', host: `https://rds.${region}.amazonaws.com`, name: 'rds', scope: region },
  }) as const;

/** For services of which one call is wanted: their clients would add a quarter of a megabyte each. In the `aws` partition only. */
export function globalCaller(config: SdkConfig): GlobalCaller {
  const exchange = httpExchange();
  const endpoints = endpointsIn(config.region);
  // Only for its credentials, which are found as everywhere else.
  const client = connect(CloudFormationClient, config);
  return ({ service, operation, method, path, body = '' }) =>
    retried(async () => {
      try {
        const { variable, host, name, scope } = endpoints[service];
        const url = new URL(process.env[variable] || process.env['AWS_ENDPOINT_URL'] || host);
        const payload = sha256(body);
        const sent = { host: url.host, ...(method === 'POST' ? { 'content-type': form } : {}) };
        const identity = await client.config.credentials();
        const headers = signer(scope, name)({ method, path, headers: sent, payload }, identity, new Date());
        const answer = await exchange({
          method,
          url,
          path,
          headers: { ...headers, ...(method === 'POST' ? { 'content-length': String(Buffer.byteLength(body)) } : {}) },
          body: method === 'POST' ? Buffer.from(body) : undefined,
          timeout: config.requestTimeout,
        });
        if (answer.status < 300) return answer.text;
        const code = elementOf(answer.text, 'Code') ?? `Http${answer.status}`;
        throw Object.assign(new Error(elementOf(answer.text, 'Message') ?? `answered with status ${answer.status}`), {
          name: code,
          $metadata: { httpStatusCode: answer.status, requestId: elementOf(answer.text, 'RequestId') },
        });
      } catch (error) {
        throw toAwsError(error, { service, operation });
      }
    });
}

const form = 'application/x-www-form-urlencoded';
