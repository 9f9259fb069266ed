import { spawn } from 'node:child_process';
import type { CommandOptions } from './command.ts';

export interface PipeOptions<T> extends Pick<CommandOptions, 'stdin' | 'env'> {
  /** What comes of the standard output, byte for byte. */
  readonly read: (output: AsyncIterable<Uint8Array>) => Promise<T>;
  readonly timeoutMs: number;
}

export interface Piped<T> {
  readonly value: T;
  /** Undefined when the reader had enough before the program was through. */
  readonly exitCode: number | undefined;
  readonly stderr: string;
}

/** Ends the program when the reader has enough or fails, or the time is over: then it throws. */
export type PipeCommand = <T>(program: string, args: readonly string[], options: PipeOptions<T>) => Promise<Piped<T>>;

/** Runs a program with an argument array, never through a shell, and hands its output on while it comes. */
export const pipeCommand: PipeCommand = async (program, args, { read, timeoutMs, stdin = '', env }) => {
  const child = spawn(program, args, { env: { ...process.env, ...env } });
  const closed = Promise.withResolvers<number | null>();
  // It may be awaited only after it failed.
  closed.promise.catch(() => undefined);
  child.on('error', closed.reject).on('close', closed.resolve);
  const timer = setTimeout(() => {
    child.stdout.destroy(new Error(`${program} took longer than ${Math.round(timeoutMs / 1000)} s`));
    child.kill();
  }, timeoutMs);
  try {
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // A program that ends without reading its input is no fault of the pipe's.
    child.stdin.on('error', () => undefined).end(stdin);
    const value = await read(child.stdout);
    const isThrough = child.stdout.readableEnded;
    if (!isThrough) child.kill();
    const exitCode = await closed.promise;
    return { value, exitCode: isThrough ? (exitCode ?? 1) : undefined, stderr };
  } finally {
    clearTimeout(timer);
    child.kill();
  }
};
