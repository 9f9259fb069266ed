import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { actionNames, root } from '../tools/actions.ts';

const runs = 15;

function milliseconds(args: readonly string[], env: NodeJS.ProcessEnv): number {
  const start = process.hrtime.bigint();
  spawnSync(process.execPath, args, { env, stdio: 'ignore' });
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** From the process's start to the inputs refused (none is given), against Node doing nothing; interleaved. */
export function startup(): Promise<void> {
  const bare: number[] = [];
  const times = new Map(actionNames.map((name) => [name, [] as number[]]));
  const env = { PATH: process.env['PATH'] ?? '' };
  for (let run = 0; run < runs; run += 1) {
    bare.push(milliseconds(['-e', '0'], env));
    for (const [name, list] of times)
      list.push(milliseconds([join(root, 'actions', name, 'dist/index.js')], { ...env, INPUT_MODE: 'none' }));
  }
  const floor = median(bare);
  console.log(
    `start-up, median of ${runs}: bundle started → inputs parsed, against node -e 0 (${floor.toFixed(0)} ms)`,
  );
  for (const [name, list] of times) {
    const dist = join(root, 'actions', name, 'dist');
    const bytes = readdirSync(dist).reduce((sum, file) => sum + statSync(join(dist, file)).size, 0);
    const index = statSync(join(dist, 'index.js')).size;
    const ms = median(list);
    console.log(
      `  ${name.padEnd(18)} ${ms.toFixed(0).padStart(4)} ms  +${(ms - floor).toFixed(0)} ms  ${(ms / floor).toFixed(1)}×   bundle ${(bytes / 1e6).toFixed(2)} MB, of which read at start ${(index / 1e6).toFixed(2)} MB`,
    );
  }
  return Promise.resolve();
}
