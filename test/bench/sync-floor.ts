/**
 * What any client has to do at least: read each file and PUT it, over 48 connections that stay open; nothing is hashed, signed,
 * listed or compared. `node sync-floor.ts ENDPOINT BUCKET FOLDER`; the bucket takes anonymous writes.
 */
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const connections = 48;
/** Larger ones are streamed. */
const wholeLimit = 1024 * 1024;
const [endpoint = '', bucket = '', folder = ''] = process.argv.slice(2);
const { hostname, port } = new URL(endpoint);
const agent = new Agent({ keepAlive: true, maxSockets: connections });

async function put(path: string): Promise<void> {
  const file = join(folder, path);
  const { size } = statSync(file);
  const body = size <= wholeLimit ? await readFile(file) : undefined;
  await new Promise<void>((resolve, reject) => {
    const key = path.split('/').map(encodeURIComponent).join('/');
    const outgoing = request(
      { agent, hostname, port, method: 'PUT', path: `/${bucket}/${key}`, headers: { 'content-length': size } },
      (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`${path}: ${answer.statusCode}`));
        answer.resume().on('end', resolve);
      },
    );
    outgoing.on('error', reject);
    if (body !== undefined) outgoing.end(body);
    else pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), outgoing).catch(reject);
  });
}

const waiting = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
await Promise.all(
  Array.from({ length: connections }, async () => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) await put(path);
  }),
);
agent.destroy();
