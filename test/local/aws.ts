/**
 * An emulated AWS to work against: `node test/local/aws.ts up | down | status`.
 * `up` prepares what is missing and leaves the emulator running; again, it says where it runs.
 */
import { stopOwnDaemon } from './docker.ts';
import { startEmulator, stopEmulator, type EmulatorHandle } from './emulator.ts';
import { prepare } from './prepare.ts';
import { say } from './progress.ts';
import { forget, keep, keptState } from './state.ts';

const command = process.argv[2] ?? '';
const kept = keptState();

if (command === 'up') {
  if (kept) show(kept.emulator);
  else {
    await prepare(say, { docker: true });
    const emulator = await startEmulator({ log: say });
    emulator.release();
    keep({ port: emulator.port, pid: emulator.pid });
    show(emulator);
  }
} else if (command === 'down') {
  if (kept) await stopEmulator(kept);
  forget();
  await stopOwnDaemon(say);
} else if (command === 'status') {
  if (kept) show(kept.emulator);
  else process.stdout.write('not running\n');
} else {
  process.stderr.write('usage: node test/local/aws.ts up | down | status\n');
  process.exitCode = 2;
}

function show({ env, registry }: EmulatorHandle): void {
  for (const [name, value] of Object.entries(env)) process.stdout.write(`export ${name}=${value}\n`);
  process.stdout.write(`export ECR_REGISTRY=${registry}\n`);
}
