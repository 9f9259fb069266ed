import { createHash } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { S3Client } from '@aws-sdk/client-s3';
import { HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import type { ObjectStore } from '../../shared/aws/s3.ts';
import { encodeUri, signer } from '../../shared/aws/sigv4.ts';
import { multipartThreshold } from '../../shared/core/multipart.ts';
import { storeOf } from '../kit/object-store.ts';
import { S3Stub, type StubOptions } from '../kit/s3-stub.ts';

const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'a/secret+key', sessionToken: 'a//session+token==' };
const hex = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
const headers = { contentType: 'text/plain; charset=utf-8', cacheControl: 'no-cache' };
const before = { ...process.env };

let scratch = '';
const servers: { close: () => void }[] = [];
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'slipway-s3-requests-'));
  process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey;
  process.env['AWS_SESSION_TOKEN'] = credentials.sessionToken;
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  process.env = { ...before };
  await rm(scratch, { recursive: true });
});

function storeAt(endpoint: string, requestTimeout = 5_000): ObjectStore {
  process.env['AWS_ENDPOINT_URL'] = endpoint;
  return storeOf('site', { requestTimeout });
}

async function startStub(options: StubOptions = {}): Promise<S3Stub> {
  const stub = await S3Stub.start({ buckets: ['site'], credentials, ...options });
  servers.push({ close: () => stub.stop() });
  return stub;
}

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** A server whose answers a test gives, one a request; the last one stays. */
async function scripted(
  ...answers: readonly ((response: ServerResponse, request: IncomingMessage) => void)[]
): Promise<{ readonly endpoint: string; readonly seen: readonly Seen[]; readonly server: Server }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(seen.length, answers.length - 1)]!;
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    request.resume().on('end', () => answer(response, request));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, server };
}

const refuse =
  (status: number, code: string, more: Record<string, string> = {}) =>
  (response: ServerResponse): void => {
    response
      .writeHead(status, { 'x-amz-request-id': 'REQ1', ...more })
      .end(
        `<?xml version="1.0"?><Error><Code>${code}</Code><Message>said &lt;so&gt; &amp; &#39;more&#39;</Message></Error>`,
      );
  };
const accept = (response: ServerResponse): void => void response.writeHead(200, { etag: '"e"' }).end();

async function upload(store: ObjectStore, data: string | Uint8Array, key = 'x'): Promise<string> {
  const file = join(scratch, 'body');
  await writeFile(file, data);
  return store.upload({ key, file, size: Buffer.byteLength(data), sha256: hex(data), headers });
}

describe('the signature', () => {
  const text = fc.string({ unit: fc.constantFrom(...Array.from('abAZ09-_.~/ +%&=?#:é😀*()\'"!')), maxLength: 30 });
  const name = fc.stringMatching(/^[a-z][a-z-]{0,12}$/);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/).map((one) => one.replace(/ +/g, ' '));
  const request = fc.record({
    method: fc.constantFrom('GET', 'PUT'),
    key: text,
    query: fc.dictionary(name, text, { maxKeys: 4 }),
    // The SDK leaves these out, or adds them itself.
    headers: fc.dictionary(
      name.filter(
        (one) =>
          !/^(?:host|date|authorization|connection|expect|from|user-agent|te|trailer|upgrade|proxy-.*|sec-.*|keep-alive|transfer-encoding|cache-control|pragma|referer)$/.test(
            one,
          ),
      ),
      value,
      { maxKeys: 4 },
    ),
    body: fc.string(),
    session: fc.option(
      value.map((one) => one.replaceAll(' ', '')),
      { nil: undefined },
    ),
    at: fc.date({ min: new Date('2001-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
  });

  test('is the SDK’s own', async () => {
    const { sha256 } = new S3Client({ region: 'eu-west-1' }).config;
    const sign = signer('eu-west-1', 's3');
    await fc.assert(
      fc.asyncProperty(request, async ({ method, key, query, headers: given, body, session, at }) => {
        const identity = {
          accessKeyId: 'AKIA',
          secretAccessKey: 'secret',
          ...(session === undefined ? {} : { sessionToken: session }),
        };
        const path = `/bucket/${key.split('/').map(encodeUri).join('/')}`;
        const all = { ...given, host: 'bucket.example.com' };
        const theirs = new SignatureV4({
          region: 'eu-west-1',
          service: 's3',
          sha256,
          uriEscapePath: false,
          credentials: identity,
        });
        const payload = hex(body);
        const asked = new HttpRequest({
          method,
          hostname: 'bucket.example.com',
          path,
          query,
          headers: { ...all, 'x-amz-content-sha256': payload },
        });
        const signed = await theirs.sign(asked, { signingDate: at });
        const ours = sign({ method, path, query, headers: all, payload }, identity, at);
        expect(ours['authorization']).toBe(signed.headers['authorization']);
        expect(ours['x-amz-date']).toBe(signed.headers['x-amz-date']);
        expect(ours['x-amz-security-token']).toBe(session);
      }),
      { numRuns: 500 },
    );
  });

  test('is what a strict S3 takes, for odd names, listings and copies', async () => {
    const stub = await startStub();
    const store = storeAt(stub.endpoint);
    const odd = "app/a+b c~é%25/😀 &<x>?#*()'!.txt";
    expect(await upload(store, 'odd', odd)).toBe(createHash('md5').update('odd').digest('hex'));
    await store.copy({ from: odd, to: `${odd}2` });
    const listed = await store.list('app/a+b c~é');
    expect(listed.map(({ key }) => key).sort()).toEqual([odd, `${odd}2`].sort());
    expect((await store.read(odd))?.text).toBe('odd');
    expect(await store.remove([odd])).toEqual([]);
  });

  test('made with another secret is refused, with advice', async () => {
    const stub = await startStub();
    process.env['AWS_SECRET_ACCESS_KEY'] = 'another';
    await expect(storeAt(stub.endpoint).list('')).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
      httpStatus: 403,
    });
  });

  test('by a clock that is off is made anew by S3’s', async () => {
    const theirs = Date.now() + 3 * 3_600_000;
    const { endpoint, seen } = await scripted(
      refuse(403, 'RequestTimeTooSkewed', { date: new Date(theirs).toUTCString() }),
      accept,
    );
    const store = storeAt(endpoint);
    await upload(store, 'x');
    await upload(store, 'y');
    const times = seen.map(({ headers: { 'x-amz-date': date = '' } }) =>
      Date.parse(String(date).replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')),
    );
    expect(seen).toHaveLength(3);
    expect(Math.abs(times[0]! - Date.now())).toBeLessThan(60_000);
    for (const time of times.slice(1)) expect(Math.abs(time - theirs)).toBeLessThan(60_000);
  });

  test('for ever too late is an error', async () => {
    const { endpoint } = await scripted(refuse(403, 'RequestTimeTooSkewed', { date: new Date(0).toUTCString() }));
    await expect(storeAt(endpoint).list('')).rejects.toMatchObject({ code: 'RequestTimeTooSkewed' });
  });
});

describe('a listing of thousands', () => {
  const keys = [
    ...Array.from({ length: 3_400 }, (_, index) => `app/assets/${(index * 7919) % 3_400}-é.js`),
    // UTF-16 orders these two the other way round.
    'app/\u{ff5e}',
    'app/\u{1f600}',
    'app/a\nb',
  ];

  async function filled() {
    const stub = await startStub();
    for (const key of keys) stub.place('site', key, { text: 'x', headers: {} });
    return { stub, store: storeAt(stub.endpoint) };
  }

  test.each<[string, readonly string[], number]>([
    ['exactly what is there', keys, 4],
    ['nothing', [], 4],
    ['half of it', keys.filter((_, index) => index % 2 === 0), 6],
    ['a tenth of it', keys.filter((_, index) => index % 10 === 0), 4],
    ['much more', [...keys, ...Array.from({ length: 6_000 }, (_, index) => `app/b${index}`)], 10],
    ['something else', Array.from({ length: 3_000 }, (_, index) => `app/assets/0-${index}`), 8],
  ])('is whole and has every key once when the caller expects %s', async (_what, expected, most) => {
    const { stub, store } = await filled();
    const listed = await store.list('app/', () => Promise.resolve(expected));
    expect(listed.map(({ key }) => key).sort()).toEqual([...keys].sort());
    expect(stub.counts()).toEqual({ ListObjectsV2: expect.any(Number) });
    expect(stub.counts()['ListObjectsV2']).toBeLessThanOrEqual(most);
  });

  test('comes side by side', async () => {
    const { stub, store } = await filled();
    let now = 0;
    let most = 0;
    const run = async (): Promise<void> => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 50));
      now -= 1;
    };
    stub.fault = () => ({ at: 'before', run });
    await store.list('app/', () => Promise.resolve(keys));
    expect(most).toBe(3);
  });
});

describe('what S3 says', () => {
  test('a body other than planned is refused, once', async () => {
    const stub = await startStub();
    const file = join(scratch, 'body');
    await writeFile(file, 'new');
    const attempt = storeAt(stub.endpoint).upload({ key: 'x', file, size: 3, sha256: hex('old'), headers });
    await expect(attempt).rejects.toMatchObject({
      code: 'XAmzContentSHA256Mismatch',
      service: 'S3',
      operation: 'PutObject',
    });
    expect(stub.log).toHaveLength(1);
    expect(stub.objects('site').size).toBe(0);
  });

  test('content at hand is put as it is, with its headers; another than planned is refused', async () => {
    const stub = await startStub();
    const store = storeAt(stub.endpoint);
    const content = Buffer.from([0, 255, 254, 10, 0]);
    expect(await store.put({ key: 'x', content, sha256: hex(content), headers })).toBe(
      createHash('md5').update(content).digest('hex'),
    );
    const stored = stub.objects('site').get('x');
    expect([Buffer.concat(stored?.chunks ?? []), stored?.headers]).toEqual([
      content,
      { 'content-type': headers.contentType, 'cache-control': headers.cacheControl },
    ]);
    await store.put({ key: 'empty', content: Buffer.alloc(0), sha256: hex(''), headers });
    expect(stub.objects('site').get('empty')?.size).toBe(0);
    await expect(store.put({ key: 'y', content, sha256: hex('other'), headers })).rejects.toMatchObject({
      code: 'XAmzContentSHA256Mismatch',
    });
  });

  test('an error with its name, message, request and status', async () => {
    const { endpoint, seen } = await scripted(refuse(409, 'BucketBusy'));
    await expect(storeAt(endpoint).list('')).rejects.toMatchObject({
      code: 'BucketBusy',
      message: "S3 ListObjectsV2: BucketBusy: said <so> & 'more' (request REQ1)",
      httpStatus: 409,
      requestId: 'REQ1',
    });
    expect(seen).toHaveLength(1);
  });

  test('a bucket of another region by its name', async () => {
    const { endpoint } = await scripted(refuse(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-west-1' }));
    await expect(storeAt(endpoint).list('')).rejects.toThrow(
      '(the bucket is in eu-west-1, "aws-region" says us-east-1)',
    );
  });

  test('a denial with the statement that is missing', async () => {
    const { endpoint } = await scripted(refuse(403, 'AccessDenied'));
    await expect(upload(storeAt(endpoint), 'x')).rejects.toMatchObject({
      code: 'AccessDenied',
      fault: 'user',
      hint: expect.stringContaining('s3:PutObject'),
    });
  });

  test('a large body is not sent to one who refuses it', async () => {
    const { endpoint, server, seen } = await scripted(accept);
    let received = 0;
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      request.on('data', (data: Buffer) => (received += data.length));
      refuse(403, 'AccessDenied', { connection: 'close' })(response);
    });
    await expect(upload(storeAt(endpoint), Buffer.alloc(5_000_000))).rejects.toMatchObject({ code: 'AccessDenied' });
    // What was under way when the answer came, but not the rest.
    expect(received).toBeLessThan(2_000_000);
    expect(seen).toHaveLength(0);
  });

  test('a copy that fails after it began to answer was no copy, and is made again', async () => {
    const { endpoint, seen } = await scripted(refuse(200, 'InternalError'), (response) => {
      response.writeHead(200).end('<CopyObjectResult><ETag>&quot;abc&quot;</ETag></CopyObjectResult>');
    });
    expect(await storeAt(endpoint).copy({ from: 'a', to: 'b' })).toBe('abc');
    expect(seen).toHaveLength(2);
  });

  test('a listing that is none is not an empty site', async () => {
    const { endpoint } = await scripted((response) => void response.writeHead(200).end('<html>hello</html>'));
    await expect(storeAt(endpoint).list('')).rejects.toMatchObject({ code: 'UnreadableListing' });
  });

  test.each([
    ['busy', refuse(503, 'SlowDown')],
    ['broken', (response: ServerResponse) => void response.destroy()],
    ['mute', () => undefined],
    ['slow to read', refuse(400, 'RequestTimeout')],
  ])('nothing, when it is %s: asked again', async (_state, first) => {
    const { endpoint, seen } = await scripted(first, accept);
    expect(await upload(storeAt(endpoint, 300), 'x')).toBe('e');
    expect(seen).toHaveLength(2);
  });

  test('a mute S3 gets more time for a large body', async () => {
    const size = 600 * 1024;
    // 600 KiB have twelve seconds more.
    const { endpoint, seen } = await scripted((response) => void setTimeout(() => accept(response), 900));
    expect(await upload(storeAt(endpoint, 300), Buffer.alloc(size))).toBe('e');
    expect(seen).toHaveLength(1);
  });
});

test('is asked as often as everything else, and then it is an error', async () => {
  const { endpoint, seen } = await scripted(refuse(503, 'SlowDown'));
  const random = Math.random;
  Math.random = () => 0;
  try {
    await expect(upload(storeAt(endpoint), 'x')).rejects.toMatchObject({ code: 'SlowDown' });
  } finally {
    Math.random = random;
  }
  expect(seen).toHaveLength(10);
});

test('an object whose text speaks of an error is no error', async () => {
  const { endpoint } = await scripted((response) =>
    response.writeHead(200, { etag: '"e"' }).end('<Error>mine</Error>'),
  );
  expect(await storeAt(endpoint).read('x')).toEqual({ text: '<Error>mine</Error>', etag: 'e' });
});

describe('an answer that is lost', () => {
  /** Other headers for an object under a KMS key, whose copies have ETags of their own; each given hand comes between two attempts. */
  async function copyInPlace({ lost, hand }: { readonly lost: boolean; readonly hand?: (stub: S3Stub) => void }) {
    const stub = await startStub({ opaqueEtags: true });
    const store = storeAt(stub.endpoint);
    const etag = await upload(store, 'content');
    let copies = 0;
    stub.fault = ({ operation }) => {
      if (operation !== 'CopyObject' || (copies += 1) > 1) return undefined;
      if (!lost) return { at: 'before', run: () => hand?.(stub) };
      return { at: 'after', end: 'drop', run: () => hand?.(stub) };
    };
    const other = { ...headers, cacheControl: 'max-age=60' };
    const copy = store.copy({ from: 'x', to: 'x', etag, headers: other });
    return { stub, etag, copy, other };
  }
  const another =
    (cacheControl: string) =>
    (stub: S3Stub): void => {
      stub.place('site', 'x', {
        text: 'another',
        headers: { 'content-type': headers.contentType, 'cache-control': cacheControl },
      });
    };

  test('of a copy in place: its own new ETag is no stranger’s', async () => {
    const { stub, etag, copy } = await copyInPlace({ lost: true });
    const now = await copy;
    expect(now).toBe(stub.objects('site').get('x')?.etag);
    expect(now).not.toBe(etag);
    expect(stub.text('site', 'x')).toBe('content');
  });

  test.each([
    ['before the first attempt, with the very headers', { lost: false, hand: another('max-age=60') }],
    ['after a lost answer, with other headers', { lost: true, hand: another('no-cache') }],
  ])('but somebody else’s object stays a failure: %s', async (_when, how) => {
    await expect((await copyInPlace(how)).copy).rejects.toMatchObject({ code: 'PreconditionFailed' });
  });

  async function inParts(hand?: (stub: S3Stub) => void) {
    const stub = await startStub();
    const file = join(scratch, 'huge');
    const size = multipartThreshold + 1;
    await writeFile(file, '');
    await truncate(file, size);
    let completions = 0;
    stub.fault = ({ operation }) =>
      operation === 'CompleteMultipartUpload' && (completions += 1) === 1
        ? { at: 'after', end: 'drop', run: () => hand?.(stub) }
        : undefined;
    return { stub, upload: storeAt(stub.endpoint).upload({ key: 'x', file, size, sha256: 'unused', headers }), size };
  }

  test('of the end of an upload in parts: the object is there', async () => {
    const { stub, upload: sent, size } = await inParts();
    expect(await sent).toBe(stub.objects('site').get('x')?.etag);
    expect(stub.objects('site').get('x')?.size).toBe(size);
    expect(stub.counts()).toMatchObject({ CompleteMultipartUpload: 2, HeadObject: 1 });
  });

  test('but another object in its place is a failure', async () => {
    const { upload: sent } = await inParts(another('no-cache'));
    await expect(sent).rejects.toMatchObject({ code: 'NoSuchUpload' });
  });
});

test('without credentials it says how to get some', async () => {
  const { endpoint } = await scripted(accept);
  process.env = {
    AWS_EC2_METADATA_DISABLED: 'true',
    HOME: scratch,
    AWS_CONFIG_FILE: '/nowhere',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
  };
  await expect(storeAt(endpoint).list('')).rejects.toMatchObject({
    code: 'CredentialsProviderError',
    hint: expect.stringContaining('role-to-assume'),
  });
});
