/** `npm run local`: the guide's whole pipeline on this machine. Usage: arguments.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArguments, usage, type LocalArguments } from './arguments.ts';
import { conclude } from './conclusion.ts';
import { ownDaemon, stopOwnDaemon } from './docker.ts';
import { removeOrphans, startEmulator, stopEmulator, type Emulator, type EmulatorHandle } from './emulator.ts';
import { locked } from './lock.ts';
import { workRoot } from './paths.ts';
import { runPipeline } from './pipeline.ts';
import { prepare } from './prepare.ts';
import { say, sinceStart, step } from './progress.ts';
import { forget, keep, keptState } from './state.ts';
import { renderTable } from './table.ts';

const interrupted = new AbortController();

async function main(): Promise<number> {
  let words: LocalArguments;
  try {
    words = parseArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return 2;
  }
  if (words.command === 'help') {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  if (words.command === 'down') return await down();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!interrupted.signal.aborted) say(`${signal}: stopping what was started …`);
      interrupted.abort();
    });
  }
  return await locked(join(workRoot, 'run.lock'), () => rehearse(words.keep));
}

async function down(): Promise<number> {
  const kept = keptState();
  if (kept) await step(say, 'Stopping what was kept running', () => stopEmulator(kept));
  else say('Nothing was kept running.');
  forget();
  await removeOrphans();
  await stopOwnDaemon(say);
  return 0;
}

async function rehearse(keeping: boolean): Promise<number> {
  let own: Emulator | undefined;
  const daemonBefore = ownDaemon();
  try {
    const [major = 0] = process.versions.node.split('.').map(Number);
    if (major < 24) throw new Error(`Node 24 is needed, this is ${process.versions.node}: npm run local brings it.`);
    const daemon = await prepare(say, { docker: true });
    interrupted.signal.throwIfAborted();
    if (daemon?.remark) say(daemon.remark);
    const prepared = sinceStart();
    const kept = keptState();
    if (kept) say(`AWS emulator: the one that was kept running, ${kept.emulator.endpoint}`);
    else own = await startEmulator({ log: say, keepsLayers: true, enforceIam: true });
    const emulator: EmulatorHandle | undefined = kept?.emulator ?? own;
    if (!emulator) return 1;
    interrupted.signal.throwIfAborted();

    const result = await runPipeline(emulator, interrupted.signal);
    interrupted.signal.throwIfAborted();
    const held = result.checks.every((check) => check.held);
    const rows = conclude(result, { port: emulator.port, prepared, total: sinceStart() });
    const title = held ? 'The guide’s pipeline ran on this machine.' : 'The pipeline ran, but not everything held.';
    process.stdout.write(`\n${renderTable(title, rows)}\n\n`);
    const record = { ...Object.fromEntries(rows), held, checks: result.checks };
    writeFileSync(join(workRoot, 'last-run.json'), `${JSON.stringify(record, null, 2)}\n`);
    if (keeping && own) {
      own.release();
      keep({ port: own.port, pid: own.pid });
      own = undefined;
    }
    return held ? 0 : 1;
  } catch (error) {
    if (interrupted.signal.aborted) return 130;
    process.stderr.write(`\n${messageOf(error)}\n`);
    return 1;
  } finally {
    const started = own;
    if (started) await step(say, 'Stopping what was started', () => started.stop());
    if (keptState()) say('It stays running; `npm run local -- --down` stops it.');
    else if (daemonBefore === undefined) await stopOwnDaemon(say);
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

process.exitCode = await main();
