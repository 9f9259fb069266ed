import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** Killed after this many milliseconds. */
  readonly timeout?: number;
  /** Killed when it prints nothing for this many milliseconds. */
  readonly idleTimeout?: number;
  /** Called with each line as it comes, of stdout and stderr alike. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; never throws for an exit code. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let rest = '';
    let idle: NodeJS.Timeout | undefined;
    const kill = (why: string) => {
      stderr += `${why}\n`;
      child.kill('SIGKILL');
    };
    const total =
      options.timeout === undefined
        ? undefined
        : setTimeout(() => {
            kill(`timed out after ${options.timeout} ms`);
          }, options.timeout);
    const touch = () => {
      clearTimeout(idle);
      if (options.idleTimeout === undefined) return;
      idle = setTimeout(() => {
        kill(`silent for ${options.idleTimeout} ms`);
      }, options.idleTimeout);
    };
    const lines = (chunk: string) => {
      touch();
      if (!options.onLine) return;
      const parts = (rest + chunk).split(/\r?\n|\r/);
      rest = parts.pop() ?? '';
      parts.forEach(options.onLine);
    };
    touch();
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      lines(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
      lines(chunk);
    });
    const finish = (code: number) => {
      clearTimeout(total);
      clearTimeout(idle);
      if (rest) options.onLine?.(rest);
      rest = '';
      resolve({ code, stdout, stderr });
    };
    child.on('error', (error) => {
      stderr += `${error.message}\n`;
      finish(127);
    });
    child.on('close', (code, signal) => {
      finish(code ?? (signal ? 128 : 1));
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a program that must succeed; its last words are in the error otherwise. */
export async function must(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await run(command, args, options);
  if (result.code !== 0) {
    const words = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-15).join('\n');
    throw new Error(`${command} ${args.slice(0, 4).join(' ')} … exited with ${result.code}:\n${words}`);
  }
  return result.stdout;
}

export async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return (await run(command, args)).code === 0;
}

export const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** Is this process there? */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export async function gone(pid: number, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (alive(pid)) {
    if (Date.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}
