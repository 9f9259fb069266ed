/** Whose fault an error is: the `user` can mend the input or the account's state, the `cloud` failed by itself. */
export type Fault = 'user' | 'cloud';

/** Lines of a file of the workspace. */
export interface FileLines {
  /** Relative to the workspace. */
  readonly file: string;
  readonly startLine: number;
  readonly endLine: number;
}

export interface ActionErrorOptions {
  readonly cause?: unknown;
  /** Where the mistake is: the one annotation of the failure then shows there. */
  readonly at?: FileLines | undefined;
  /** What to do about it, in one or a few sentences. */
  readonly hint?: string | undefined;
  readonly fault?: Fault;
}

/** An error we understand. Anything else that is thrown is a bug of ours, and its stack is printed. */
export class ActionError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly fault: Fault;
  readonly at: FileLines | undefined;

  constructor(code: string, message: string, options: ActionErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
    this.fault = options.fault ?? 'user';
    this.at = options.at;
  }
}

/** One bad input: the field's name, what was given (never a secret) and what is accepted. */
export interface InputProblem {
  readonly field: string;
  readonly value: string | undefined;
  readonly accepted: string;
}

/** All bad inputs of a run together, so that one look at the log is enough to mend them all. */
export class InputError extends ActionError {
  readonly problems: readonly InputProblem[];

  constructor(problems: readonly InputProblem[]) {
    super('InvalidInput', problems.map(describeProblem).join('\n'));
    this.problems = problems;
  }
}

export function describeProblem({ field, value, accepted }: InputProblem): string {
  const given = value === undefined ? 'is missing' : `is ${JSON.stringify(shorten(value))}`;
  return `${field} ${given}; accepted: ${accepted}`;
}

function shorten(value: string): string {
  return value.length <= 120 ? value : `${value.slice(0, 117)}…`;
}

/** What was observed forbids the plan; nothing was touched. */
export class PreconditionError extends ActionError {}

/** AWS accepted the deployment, and then it failed or was rolled back; the message is the diagnosis. */
export class DeploymentError extends ActionError {
  constructor(code: string, message: string, options: ActionErrorOptions = {}) {
    super(code, message, { fault: 'cloud', ...options });
  }
}

/** The deadline passed before the outcome was proven; `lastSeen` is the last state that was observed. */
export class WaitTimeoutError extends ActionError {
  readonly lastSeen: string;

  constructor(message: string, lastSeen: string, options: ActionErrorOptions = {}) {
    super('WaitTimeout', message, { fault: 'cloud', ...options });
    this.lastSeen = lastSeen;
  }
}

export interface AwsErrorDetails extends ActionErrorOptions {
  readonly service: string;
  readonly operation: string;
  readonly requestId?: string | undefined;
  readonly httpStatus?: number | undefined;
  /** How often it was sent; more than once, an earlier one may have been carried out without an answer. */
  readonly attempts?: number | undefined;
}

/** A refused or failed AWS call. `code` is AWS's own error name, e.g. `RepositoryNotFoundException`. */
export class AwsError extends ActionError {
  readonly service: string;
  readonly operation: string;
  readonly requestId: string | undefined;
  readonly httpStatus: number | undefined;
  readonly attempts: number;

  constructor(code: string, message: string, details: AwsErrorDetails) {
    super(code, message, { fault: 'cloud', ...details });
    this.service = details.service;
    this.operation = details.operation;
    this.requestId = details.requestId;
    this.httpStatus = details.httpStatus;
    this.attempts = details.attempts ?? 1;
  }
}

/** True for an AWS error with one of these names. */
export function isAwsError(error: unknown, ...codes: readonly string[]): error is AwsError {
  return error instanceof AwsError && codes.includes(error.code);
}

/** What whatever was thrown says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
