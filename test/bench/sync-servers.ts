import { fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { forEachConcurrently } from '../../shared/core/pool.ts';
import { alive, sleep } from '../local/command.ts';

export const serverNames = ['minio', 'stub0', 'stub25'] as const;
export type ServerName = (typeof serverNames)[number];

export const credentials = { accessKeyId: 'slipway-bench', secretAccessKey: 'slipway-bench-secret' };
export const region = 'us-east-1';

export interface Listed {
  readonly size: number;
  readonly etag: string;
}

/** A server of our own on this machine, that speaks S3. */
export interface Server {
  readonly endpoint: string;
  createBucket(bucket: string): Promise<void>;
  /** Objects may be put without a signature. */
  openBucket(bucket: string): Promise<void>;
  list(bucket: string): Promise<ReadonlyMap<string, Listed>>;
  /** How many requests of each kind came since the last call; undefined where the server does not count. */
  takeCounts(): Promise<Readonly<Record<string, number>> | undefined>;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
/** Folders that are of no use to anyone afterwards. */
const scratches = new Set<string>();
const scratchName = `slipway-bench-${process.pid}-`;

/** A new folder, gone at the latest when this bench ends. */
export function newScratch(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, scratchName));
  scratches.add(folder);
  return folder;
}

export function dropScratch(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  scratches.delete(folder);
}

/** Ends and removes all that this bench started; also called when it fails or is cancelled. */
export async function stopEverything(): Promise<void> {
  await Promise.all([...running].map(end));
  [...scratches].forEach(dropScratch);
}

/** What a bench that was killed could not remove. */
export function removeStale(): void {
  for (const parent of new Set([tmpdir(), memory].filter((folder) => existsSync(folder)))) {
    for (const name of readdirSync(parent)) {
      const owner = /^slipway-bench-(\d+)-/.exec(name)?.[1];
      if (owner !== undefined && !alive(Number(owner))) rmSync(join(parent, name), { recursive: true, force: true });
    }
  }
}

/** A file system in memory, on Linux. */
const memory = '/dev/shm';

export interface Program {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Seconds, then it is killed. */
  readonly limit: number;
  /** Where its output goes. */
  readonly log: string;
}

/** Starts a program that ends when we do, however that is: `sync-measure.py` watches our end of its input. */
export function start({ args, env, cwd, limit, log }: Program): ChildProcess & { readonly stdout: Readable } {
  const helper = join(import.meta.dirname, 'sync-measure.py');
  const child = spawn('python3', [helper, String(limit), log, ...args], {
    cwd,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  running.add(child);
  child.on('close', () => running.delete(child)).on('error', () => running.delete(child));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  // What `sync-measure.py` started ends when its input does.
  if (child.stdin === null) child.kill('SIGKILL');
  else child.stdin.end();
  await closed;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function s3(endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

async function listAll(client: S3Client, bucket: string): Promise<ReadonlyMap<string, Listed>> {
  const found = new Map<string, Listed>();
  let token: string | undefined;
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
    for (const { Key = '', Size = 0, ETag = '' } of page.Contents ?? []) {
      found.set(Key, { size: Size, etag: ETag.replaceAll('"', '') });
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return found;
}

const serverLimit = 3_600;

async function ready(
  url: string,
  { child, log }: { readonly child: ChildProcess; readonly log: string },
): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const isThere = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isThere) return;
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`the server did not start:\n${readFileSync(log, 'utf8').trim()}`);
    }
    await sleep(50);
  }
}

/** MinIO with its data in memory where the machine has a file system for that. */
export async function minio(binary: string): Promise<Server> {
  const data = newScratch(existsSync(memory) ? memory : tmpdir());
  const log = join(data, 'log');
  const address = `127.0.0.1:${await freePort()}`;
  const endpoint = `http://${address}`;
  const child = start({
    args: [binary, 'server', '--quiet', '--address', address, join(data, 'objects')],
    cwd: data,
    log,
    limit: serverLimit,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: data,
      MINIO_ROOT_USER: credentials.accessKeyId,
      MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
    },
  });
  await ready(`${endpoint}/minio/health/ready`, { child, log });
  const client = s3(endpoint);
  return {
    endpoint,
    createBucket: async (bucket) => {
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
    },
    openBucket: async (bucket) => {
      const statement = {
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:PutObject',
        Resource: `arn:aws:s3:::${bucket}/*`,
      };
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
      await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    },
    list: (bucket) => listAll(client, bucket),
    takeCounts: () => Promise.resolve(undefined),
    stop: async () => {
      client.destroy();
      await end(child);
      dropScratch(data);
    },
  };
}

/** The first requests to a new server are slow, whoever sends them. */
export async function warmUp(server: Server): Promise<void> {
  const client = s3(server.endpoint);
  const Bucket = 'warm-up';
  const Body = Buffer.alloc(4096);
  await server.createBucket(Bucket);
  const keys = Array.from({ length: 400 }, (_, index) => `assets/${index}.js`);
  await forEachConcurrently(keys, { limit: 16 }, async (Key) => {
    await client.send(new PutObjectCommand({ Bucket, Key, Body }));
  });
  await server.list(Bucket);
  client.destroy();
}

export interface StubSettings {
  readonly latencyMs: number;
  /** Large bodies are counted and dropped: the server's memory is not what is measured. */
  readonly dropBodies?: boolean;
}

/** `test/kit/s3-stub.ts` in a process of its own, which ends when we do. It looks at no signature and hashes bodies for their ETags only. */
export async function stub({ latencyMs, dropBodies = false }: StubSettings): Promise<Server> {
  const main = join(import.meta.dirname, '../kit/s3-stub-server.ts');
  const child = fork(main, ['--latency', String(latencyMs), ...(dropBodies ? ['--drop-bodies'] : [])], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  running.add(child);
  child.on('close', () => running.delete(child)).on('error', () => running.delete(child));
  const endpoint = await new Promise<string>((resolve, reject) => {
    child.once('close', () => reject(new Error('the stub did not start')));
    child.stdout?.once('data', (data: Buffer) => resolve(data.toString().trim()));
  });
  const client = s3(endpoint);
  return {
    endpoint,
    createBucket: async (bucket) => {
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
    },
    openBucket: () => Promise.resolve(),
    list: (bucket) => listAll(client, bucket),
    takeCounts: () =>
      new Promise((resolve, reject) => {
        child.once('message', (counts) => resolve(counts as Readonly<Record<string, number>>));
        child.send('count', (error) => {
          if (error !== null) reject(error);
        });
      }),
    stop: async () => {
      client.destroy();
      await end(child);
    },
  };
}
