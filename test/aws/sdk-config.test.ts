import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DescribeServicesCommand, ECSClient } from '@aws-sdk/client-ecs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { connect, sdkConfig } from '../../shared/aws/sdk-config.ts';

type Handler = (request: IncomingMessage, body: string, response: ServerResponse) => void;

const servers: Server[] = [];

/** A server that speaks just enough of the wire protocol; what it was sent is kept. */
async function serve(handler: Handler): Promise<{ endpoint: string; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (data: Buffer) => (body += data.toString()));
    request.on('end', () => {
      seen.push(body);
      handler(request, body, response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const json = (response: ServerResponse, status: number, body: unknown): unknown =>
  response
    .writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'req-1' })
    .end(JSON.stringify(body));

const options = { region: 'us-east-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 };
const noToken = { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined };
const describeServices = new DescribeServicesCommand({ cluster: 'c', services: ['s'] });

function client(endpoint: string, config = sdkConfig(options, noToken)) {
  const credentials = config.credentials ?? { accessKeyId: 'test', secretAccessKey: 'test' };
  return connect(ECSClient, { ...config, endpoint, credentials });
}

describe('AWS client settings', () => {
  test('survive more throttling than the SDK’s default three attempts', async () => {
    const { endpoint, seen } = await serve((_, __, response) =>
      seen.length < 5
        ? json(response, 400, { __type: 'ThrottlingException', message: 'slow down' })
        : json(response, 200, { services: [] }),
    );
    await expect(client(endpoint).send(describeServices)).resolves.toMatchObject({ services: [] });
    expect(seen).toHaveLength(5);
  });

  test('give up a connection that is accepted and never answered', async () => {
    const { endpoint } = await serve(() => undefined);
    const config = { ...sdkConfig(options, { ...noToken, requestTimeout: 100 }), maxAttempts: 2 };
    await expect(client(endpoint, config).send(describeServices)).rejects.toMatchObject({
      code: 'TimeoutError',
      service: 'ECS',
      fault: 'cloud',
    });
  });

  test('name service, operation, request id and, on a denial, the statement to add; without a retry', async () => {
    const { endpoint, seen } = await serve((_, __, response) =>
      json(response, 400, {
        __type: 'AccessDeniedException',
        message:
          'User: u is not authorized to perform: ecs:DescribeServices on resource: arn:aws:ecs:us-east-1:123456789012:service/c/s because no identity-based policy allows it',
      }),
    );
    await expect(client(endpoint).send(describeServices)).rejects.toMatchObject({
      code: 'AccessDeniedException',
      operation: 'DescribeServices',
      requestId: 'req-1',
      fault: 'user',
      hint: expect.stringContaining(
        '"Action":"ecs:DescribeServices","Resource":"arn:aws:ecs:us-east-1:123456789012:service/c/s"',
      ),
    });
    expect(seen).toHaveLength(1);
  });
});

describe('role-to-assume', () => {
  const sts = (body: string, response: ServerResponse): boolean => {
    if (!body.includes('AssumeRoleWithWebIdentity')) return false;
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end(`<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
      <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-session</SessionToken>
      <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`);
    return true;
  };

  test('the job’s token buys the role once; its secrets are masked and stay in memory', async () => {
    const signatures: string[] = [];
    const { endpoint, seen } = await serve((request, body, response) => {
      if (sts(body, response)) return;
      signatures.push(`${request.headers.authorization} ${String(request.headers['x-amz-security-token'])}`);
      json(response, 200, { services: [] });
    });
    const before = process.env['AWS_ENDPOINT_URL_STS'];
    process.env['AWS_ENDPOINT_URL_STS'] = endpoint;
    const masked: string[] = [];
    const audiences: string[] = [];
    try {
      const config = sdkConfig(
        { ...options, roleToAssume: 'arn:aws:iam::123456789012:role/deploy' },
        {
          idToken: (audience) => Promise.resolve(`jwt-${audiences.push(audience)}`),
          mask: (secret) => masked.push(secret),
        },
      );
      const ecs = client(endpoint, config);
      await ecs.send(describeServices);
      // Another client of the same run, and two more at once.
      await Promise.all([1, 2].map(() => client(endpoint, config).send(describeServices)));
    } finally {
      if (before === undefined) delete process.env['AWS_ENDPOINT_URL_STS'];
      else process.env['AWS_ENDPOINT_URL_STS'] = before;
    }
    expect(audiences).toEqual(['sts.amazonaws.com']);
    expect(seen[0]).toMatch(/WebIdentityToken=jwt-1/);
    expect(seen[0]).toMatch(/RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdeploy/);
    expect(signatures).toHaveLength(3);
    for (const signature of signatures) expect(signature).toMatch(/Credential=ASIAROLE\/.* role-session$/);
    expect(masked).toEqual(['role-secret', 'role-session']);
    expect(JSON.stringify(process.env)).not.toContain('role-secret');
  });

  test.each([
    ['all at once, together', 1, 1],
    ['one after the other, each', 4, 4],
  ])('credentials that run out are asked for anew: %s', async (...[, bought, asked]) => {
    // Enough for a client that has them, not for the next.
    const soon = new Date(Date.now() + 330_000).toISOString();
    const { endpoint } = await serve((_, body, response) => {
      if (!body.includes('AssumeRoleWithWebIdentity')) return json(response, 200, { services: [] });
      response.writeHead(200, { 'content-type': 'text/xml' });
      response.end(`<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
        <AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
        <Expiration>${soon}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`);
    });
    const before = process.env['AWS_ENDPOINT_URL_STS'];
    process.env['AWS_ENDPOINT_URL_STS'] = endpoint;
    let tokens = 0;
    try {
      const config = sdkConfig(
        { ...options, roleToAssume: 'arn:aws:iam::123456789012:role/deploy' },
        { idToken: () => Promise.resolve(`jwt-${(tokens += 1)}`), mask: () => undefined },
      );
      const ask = (): Promise<unknown> => client(endpoint, config).send(describeServices);
      if (bought === 1) await Promise.all([ask(), ask(), ask()]);
      else for (let call = 0; call < bought; call += 1) await ask();
    } finally {
      if (before === undefined) delete process.env['AWS_ENDPOINT_URL_STS'];
      else process.env['AWS_ENDPOINT_URL_STS'] = before;
    }
    expect(tokens).toBe(asked);
  });

  test('a role that does not trust the job says what the token is and what its trust policy lacks', async () => {
    const { endpoint, seen } = await serve((_, __, response) => {
      response.writeHead(403, { 'content-type': 'text/xml', 'x-amzn-requestid': 'req-2' });
      response.end(`<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>
        <Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>`);
    });
    const before = process.env['AWS_ENDPOINT_URL_STS'];
    process.env['AWS_ENDPOINT_URL_STS'] = endpoint;
    const payload = { sub: 'repo:o/r:environment:prod', aud: 'sts.amazonaws.com' };
    const token = `header.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.signature`;
    try {
      const config = sdkConfig(
        { ...options, roleToAssume: 'arn:aws:iam::123456789012:role/deploy' },
        { idToken: () => Promise.resolve(token), mask: () => undefined },
      );
      const sent = client(endpoint, config).send(describeServices);
      await expect(sent).rejects.toMatchObject({
        code: 'AccessDenied',
        operation: 'AssumeRoleWithWebIdentity',
        requestId: 'req-2',
        fault: 'user',
        message: expect.stringMatching(
          /role\/deploy with a token of sub "repo:o\/r:environment:prod", aud "sts\.amazonaws\.com"/,
        ),
        hint: expect.stringContaining('"token.actions.githubusercontent.com:sub":"repo:o/r:environment:prod"'),
      });
      await expect(sent).rejects.not.toMatchObject({ message: expect.stringContaining('signature') });
    } finally {
      if (before === undefined) delete process.env['AWS_ENDPOINT_URL_STS'];
      else process.env['AWS_ENDPOINT_URL_STS'] = before;
    }
    expect(seen).toHaveLength(1);
  });
});
