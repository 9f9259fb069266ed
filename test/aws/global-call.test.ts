import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import { S3Client } from '@aws-sdk/client-s3';
import { globalCaller } from '../../shared/aws/global-call.ts';
import { oidcProviders } from '../../shared/aws/oidc-providers.ts';
import { hostedZones } from '../../shared/aws/route53.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';

const before = { ...process.env };
let server: Server;
let answer: (response: ServerResponse) => void = () => undefined;
const seen: {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}[] = [];

beforeEach(async () => {
  seen.length = 0;
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', body, headers: request.headers });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'AKIA',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL: endpoint,
  });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  process.env = { ...before };
});

const call = () =>
  globalCaller(
    sdkConfig(
      { region: 'eu-central-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 },
      { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
    ),
  );
const says = (text: string, status = 200) => {
  answer = (response) => void response.writeHead(status).end(text);
};

/** What the SDK's own signer makes of the same request. */
async function signatureOf({ method, url, body, headers }: (typeof seen)[number], service: string): Promise<string> {
  const { sha256 } = new S3Client({ region: 'us-east-1' }).config;
  const credentials = { accessKeyId: 'AKIA', secretAccessKey: 'secret' };
  const signer = new SignatureV4({ region: 'us-east-1', service, sha256, credentials });
  const kept = Object.fromEntries(
    ['host', 'content-type', 'x-amz-content-sha256'].flatMap((name) =>
      headers[name] === undefined ? [] : [[name, String(headers[name])]],
    ),
  );
  const time = String(headers['x-amz-date']).replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const signed = await signer.sign(new HttpRequest({ method, path: url, headers: kept, body }), {
    signingDate: new Date(time),
  });
  return signed.headers['authorization'] ?? '';
}

describe('a hosted zone', () => {
  test('with its name and the servers Route 53 gave it', async () => {
    says(
      '<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name></HostedZone><DelegationSet><NameServers>' +
        '<NameServer>ns-1.awsdns-01.org</NameServer><NameServer>ns-2.awsdns-02.com</NameServer></NameServers></DelegationSet></GetHostedZoneResponse>',
    );
    expect(await hostedZones(call()).zone('Z1')).toEqual({
      name: 'example.com',
      nameServers: ['ns-1.awsdns-01.org', 'ns-2.awsdns-02.com'],
    });
    expect(seen[0]).toMatchObject({ method: 'GET', url: '/2013-04-01/hostedzone/Z1', body: '' });
    expect(seen[0]!.headers.authorization).toBe(await signatureOf(seen[0]!, 'route53'));
  });

  test('that is not there', async () => {
    says('<ErrorResponse><Error><Code>NoSuchHostedZone</Code><Message>none</Message></Error></ErrorResponse>', 404);
    expect(await hostedZones(call()).zone('Z1')).toBeUndefined();
  });

  test('that may not be looked at: the denial names the action', async () => {
    says(
      '<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: x is not authorized to perform: route53:GetHostedZone on resource: y</Message></Error><RequestId>R1</RequestId></ErrorResponse>',
      403,
    );
    await expect(hostedZones(call()).zone('Z1')).rejects.toMatchObject({
      code: 'AccessDenied',
      requestId: 'R1',
      hint: expect.stringContaining('route53:GetHostedZone'),
    });
  });
});

test('the account’s OIDC providers, asked again when the first answer is "busy"', async () => {
  let times = 0;
  answer = (response) => {
    times += 1;
    if (times === 1)
      response.writeHead(503).end('<ErrorResponse><Error><Code>ServiceUnavailable</Code></Error></ErrorResponse>');
    else
      response.end(
        '<R><member><Arn>arn:aws:iam::1:oidc-provider/a</Arn></member><member><Arn>arn:aws:iam::1:oidc-provider/b</Arn></member></R>',
      );
  };
  expect(await oidcProviders(call()).list()).toEqual([
    'arn:aws:iam::1:oidc-provider/a',
    'arn:aws:iam::1:oidc-provider/b',
  ]);
  expect(seen).toHaveLength(2);
  expect(seen[1]).toMatchObject({
    method: 'POST',
    url: '/',
    body: 'Action=ListOpenIDConnectProviders&Version=2010-05-08',
  });
  expect(seen[1]!.headers.authorization).toBe(await signatureOf(seen[1]!, 'iam'));
});
