import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dropScratch, newScratch, stub } from './sync-servers.ts';
import type { Cost, SyncTool } from './sync-tools.ts';

const GB = 1e9;
const sizes = [0.05 * GB, 1 * GB, 5 * GB];
const limitSeconds = 240;

/**
 * How much memory one file takes by its size: a page and a sparse file of zeros, sent to a stub that drops bodies. Returns Markdown. Our
 * own tool only.
 */
export async function measureBig(tool: SyncTool): Promise<string> {
  const rows: string[] = [];
  const peaks: number[] = [];
  for (const size of sizes) {
    const cost = await once(tool, size);
    peaks.push(cost.peak);
    rows.push(
      `| ${size / GB} GB | ${cost.wall.toFixed(1)} | ${cost.cpu.toFixed(1)} | ${(cost.peak / 1e6).toFixed(0)} |`,
    );
  }
  const least = Math.min(...peaks);
  const spread = (Math.max(...peaks) - least) / 1e6;
  return [
    '### One large file, cold, in-memory stub that drops bodies',
    ['| file | wall s | CPU s | peak MB |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    `Goal: memory does not depend on the size of a file. A hundred times the size takes ${spread.toFixed(0)} MB more.`,
  ].join('\n\n');
}

async function once(tool: SyncTool, size: number): Promise<Cost> {
  const folder = newScratch();
  const server = await stub({ latencyMs: 0, dropBodies: true });
  try {
    mkdirSync(join(folder, 'media'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Page</title>');
    const file = join(folder, 'media', 'film.mp4');
    writeFileSync(file, '');
    truncateSync(file, size);
    const bucket = 'one-large-file';
    await server.createBucket(bucket);
    const cost = await tool.sync({ endpoint: server.endpoint, bucket, folder, id: String(size), limitSeconds });
    const sent = (await server.list(bucket)).get('media/film.mp4')?.size;
    if (sent !== size) throw new Error(`${size} bytes were to be sent, ${sent} are there`);
    return cost;
  } finally {
    await server.stop();
    dropScratch(folder);
  }
}
