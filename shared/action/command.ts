import { getExecOutput } from '@actions/exec';

export interface CommandOptions {
  readonly stdin?: string;
  readonly cwd?: string;
  /** Added to the process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called for every line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with an argument array, never through a shell. A non-zero exit is a result, not an exception. */
export interface CommandRunner {
  run(program: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

export const commandRunner: CommandRunner = {
  async run(program, args, options = {}) {
    const onLine = options.onLine ?? (() => undefined);
    return getExecOutput(`"${program}"`, [...args], {
      silent: true,
      ignoreReturnCode: true,
      listeners: { stdline: onLine, errline: onLine },
      env: { ...definedEnv(process.env), ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.stdin === undefined ? {} : { input: Buffer.from(options.stdin) }),
    });
  },
};

function definedEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) defined[name] = value;
  return defined;
}
