import { messageOf } from '../core/errors.ts';
import { field } from '../core/field.ts';

/** What GitHub, or the way to it, said instead of an answer. */
export interface GitHubFailure {
  /** Undefined when there was no answer. */
  readonly status: number | undefined;
  readonly message: string;
  readonly headers: unknown;
  /** Whether it is an error of a request at all, and not of ours. */
  readonly isRequest: boolean;
}

/** An answer that is not what GitHub answers, such as one that broke off. */
export class UnclearAnswer extends Error {
  constructor() {
    super('the answer broke off, or is not GitHub’s');
  }
}

/** By the shape of Octokit's RequestError, whose status is 500 where there was no answer. */
export function failureOf(error: unknown): GitHubFailure {
  const response = field(error, 'response');
  const status = field(response, 'status');
  return {
    status: typeof status === 'number' ? status : undefined,
    message: status === undefined ? innermostMessage(error) : messageOf(error),
    headers: field(response, 'headers'),
    isRequest: error instanceof UnclearAnswer || typeof field(error, 'status') === 'number',
  };
}

/** What is around it says no more than that a request failed. */
function innermostMessage(error: unknown): string {
  let message = messageOf(error);
  let cause = error;
  for (let depth = 0; depth < 5 && typeof cause === 'object' && cause !== null; depth += 1) {
    if ('message' in cause && typeof cause.message === 'string' && cause.message !== '') message = cause.message;
    cause = 'cause' in cause ? cause.cause : undefined;
  }
  return message;
}

export interface Told {
  readonly reason: string;
  readonly hint: string;
  /** After how long it may be asked again; undefined where that would help nothing. */
  readonly waitMs?: number;
}

interface Asked {
  readonly place: { readonly repository: string; readonly number: number };
  readonly tries: number;
  readonly now: number;
}

const permission =
  'Give the job "permissions: pull-requests: write", and so the job that calls a reusable workflow. Dependabot’s runs and those of forks may only read.';
const later = 'The plan is in the job’s summary; the next run tries again.';

export function describeFailure(failure: GitHubFailure, { place, tries, now }: Asked): Told {
  const { status, isRequest } = failure;
  const message = shortened(failure.message);
  if (!isRequest) return { reason: `GitHub could not be asked (${message})`, hint: later };

  const limitMs = limitOf(failure, now);
  if (limitMs !== undefined)
    return {
      reason: `GitHub’s rate limit is reached (${message}); it wants ${Math.ceil(limitMs / 1000)} s of rest`,
      hint: later,
      waitMs: limitMs,
    };
  const backOffMs = 1000 * 2 ** (tries - 1);
  if (status === undefined || status < 400)
    return { reason: `GitHub did not answer (${message})`, hint: later, waitMs: backOffMs };
  if (status >= 500) return { reason: `GitHub failed (${status}: ${message})`, hint: later, waitMs: backOffMs };

  const told = `${status}: ${message}`;
  if ((status === 403 || status === 422) && /\blocked\b/i.test(message))
    return { reason: `the conversation is locked (${told})`, hint: 'Unlock the conversation of the pull request.' };
  switch (status) {
    case 401:
      return {
        reason: `GitHub does not know the token (${told})`,
        hint: 'Leave github-token out for the job’s own, or renew the one that it names.',
      };
    case 403:
      return { reason: `the token may not comment (${told})`, hint: permission };
    case 404:
      return {
        reason: `the token sees no ${place.repository}#${place.number} to comment on (${told})`,
        hint: permission,
      };
    case 410:
      return { reason: `the pull request takes no comments (${told})`, hint: later };
    default:
      return { reason: `GitHub refuses the comment (${told})`, hint: later };
  }
}

/**
 * How long GitHub wants to be left alone; undefined when it does not ask for it.
 * https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
 */
function limitOf({ status, message, headers }: GitHubFailure, now: number): number | undefined {
  if (status !== 403 && status !== 429 && status !== 503) return undefined;
  const seconds = numberIn(field(headers, 'retry-after'));
  if (seconds !== undefined) return Math.max(1, seconds) * 1000;
  if (status === 503) return undefined;
  const reset = numberIn(field(headers, 'x-ratelimit-reset'));
  if (field(headers, 'x-ratelimit-remaining') === '0' && reset !== undefined) return Math.max(1000, reset * 1000 - now);
  return status === 429 || /rate limit/i.test(message) ? 60_000 : undefined;
}

function numberIn(header: unknown): number | undefined {
  return typeof header === 'string' && /^\d{1,12}$/.test(header) ? Number(header) : undefined;
}

function shortened(message: string): string {
  const flat = message.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return flat.length <= 300 ? flat : `${flat.slice(0, 299)}…`;
}
