import { createHmac, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

export interface OidcServer {
  /** What a GitHub runner sets for a job with `id-token: write`. */
  readonly env: Readonly<Record<string, string>>;
  /** How many tokens were asked for. */
  readonly issued: () => number;
  stop(): Promise<void>;
}

const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token such as GitHub gives to a job, signed with a key that nobody trusts. */
export function idToken(claims: { readonly audience: string; readonly subject: string; readonly now: number }): string {
  const [, repository = ''] = claims.subject.split(':');
  const seconds = Math.floor(claims.now / 1000);
  const payload = {
    iss: 'https://token.actions.githubusercontent.com',
    aud: claims.audience,
    sub: claims.subject,
    repository,
    repository_owner: repository.split('/')[0],
    ref: 'refs/heads/main',
    environment: claims.subject.split(':environment:')[1],
    jti: randomUUID(),
    iat: seconds,
    nbf: seconds - 60,
    exp: seconds + 600,
  };
  const unsigned = `${segment({ alg: 'HS256', typ: 'JWT', kid: 'local' })}.${segment(payload)}`;
  return `${unsigned}.${createHmac('sha256', 'local').update(unsigned).digest('base64url')}`;
}

/** Stands in for GitHub's token service, on loopback. */
export function startOidc(subject: string): Promise<OidcServer> {
  const bearer = randomUUID();
  let issued = 0;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (request.headers.authorization?.toLowerCase() !== `bearer ${bearer}`) {
      response.writeHead(401).end();
      return;
    }
    issued += 1;
    const audience = url.searchParams.get('audience') ?? 'https://github.com/your-org';
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ value: idToken({ audience, subject, now: Date.now() }) }));
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      resolve({
        // @actions/core appends `&audience=…`: without the `?` here that would be part of the path.
        env: {
          ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
          ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer,
        },
        issued: () => issued,
        stop: () =>
          new Promise((done) => {
            server.closeAllConnections();
            server.close(() => done());
          }),
      });
    });
  });
}
