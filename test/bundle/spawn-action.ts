import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../tools/actions.ts';

export interface ActionRun {
  readonly exitCode: number | null;
  readonly output: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  /** From the cancel to the end of the process; undefined without a cancel. */
  readonly secondsAfterCancel: number | undefined;
}

export interface SpawnOptions {
  readonly inputs: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Cancels as the runner does, with SIGINT, when the output first matches. */
  readonly cancelAt?: RegExp;
  /** For a test that ends the process itself. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs an action's committed bundle as the runner does: inputs, files for outputs and summary, nothing else of our environment. */
export async function spawnAction(
  action: string,
  { inputs, env = {}, cwd, cancelAt, onStart }: SpawnOptions,
): Promise<ActionRun> {
  const scratch = await mkdtemp(join(tmpdir(), 'slipway-bundle-'));
  try {
    const files = {
      GITHUB_OUTPUT: join(scratch, 'output'),
      GITHUB_STEP_SUMMARY: join(scratch, 'summary'),
      GITHUB_STATE: join(scratch, 'state'),
    };
    for (const file of Object.values(files)) await writeFile(file, '');
    const child = spawn(process.execPath, [join(root, 'actions', action, 'dist/index.js')], {
      cwd: cwd ?? scratch,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: scratch,
        RUNNER_TEMP: scratch,
        GITHUB_WORKSPACE: cwd ?? scratch,
        GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567',
        GITHUB_REPOSITORY: 'your-org/analytics-studio',
        GITHUB_RUN_ID: '1',
        GITHUB_RUN_ATTEMPT: '1',
        AWS_EC2_METADATA_DISABLED: 'true',
        ...files,
        ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
        ...env,
      },
    });
    onStart?.(child);
    let output = '';
    let cancelled: number | undefined;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data.toString();
        if (cancelled === undefined && cancelAt?.test(output) === true) {
          cancelled = performance.now();
          child.kill('SIGINT');
        }
      });
    }
    const exitCode = await new Promise<number | null>((resolve, reject) =>
      child.on('error', reject).on('close', resolve),
    );
    return {
      exitCode,
      output,
      secondsAfterCancel: cancelled === undefined ? undefined : (performance.now() - cancelled) / 1_000,
      outputs: parseOutputs(await readFile(files.GITHUB_OUTPUT, 'utf8')),
      summary: await readFile(files.GITHUB_STEP_SUMMARY, 'utf8'),
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Reads the runner's `NAME<<DELIMITER` file. */
function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  for (const [, name, , value] of text.matchAll(/^([^\n=<]+)<<(\S+)\n([\s\S]*?)\n\2$/gm)) outputs[name!] = value!;
  return outputs;
}
