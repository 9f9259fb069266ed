import type { getOctokit } from '@actions/github';
import type { Clock } from '../core/clock.ts';
import { field } from '../core/field.ts';
import { hider } from '../core/masking.ts';
import { describeFailure, failureOf, UnclearAnswer } from './git-hub-failure.ts';
import type { Progress } from './progress.ts';

export type KeptComment =
  | { readonly kind: 'created' | 'updated' | 'unchanged'; readonly url: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly hint: string };

export interface PullRequestComments {
  /** The one comment whose first line is `marker`, with this text below it: made, brought up to date or left as it is. */
  keep(comment: { readonly marker: string; readonly text: string }): Promise<KeptComment>;
}

export interface CommentPlace {
  readonly token: string;
  /** `owner/name`. */
  readonly repository: string;
  readonly number: number;
  readonly apiUrl: string;
}

interface Means {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: Pick<Progress, 'info'>;
  /** For one request to be answered; real time. */
  readonly requestMs?: number;
}

const maxTries = 4;
/** For all of it: a comment is not worth more of a job's time, and GitHub asks for a minute where it asks for patience. */
const patienceMs = 90_000;
/** GitHub takes 2,500 comments on a pull request. */
const maxPages = 100;

/** Comments on a pull request, by GitHub's REST API. Whatever it refuses or fails is told, never thrown. */
export function gitHubComments(place: CommentPlace, means: Means): PullRequestComments {
  const { clock, signal, progress } = means;
  const hide = hider([place.token]);
  return {
    async keep(comment) {
      const deadline = clock.now() + patienceMs;
      for (let tries = 1; ; tries += 1) {
        try {
          return await keepOnce(await connect(place, means), place, comment);
        } catch (error) {
          signal.throwIfAborted();
          const now = clock.now();
          const { waitMs, ...told } = describeFailure(failureOf(error), { place, tries, now });
          const reason = hide(told.reason);
          if (waitMs === undefined || tries === maxTries || now + waitMs > deadline)
            return { kind: 'refused', reason, hint: told.hint };
          progress.info(`comment  ${reason}; again in ${Math.ceil(waitMs / 1000)} s`);
          await clock.sleep(waitMs, signal);
        }
      }
    },
  };
}

type Octokit = ReturnType<typeof getOctokit>;

async function connect({ token, apiUrl }: CommentPlace, { signal, requestMs = 10_000 }: Means): Promise<Octokit> {
  // All of GitHub's API: no run pays for it that keeps no comment.
  const github = await import('@actions/github');
  const silent = (): undefined => undefined;
  const octokit = github.getOctokit(token, {
    baseUrl: apiUrl.replace(/\/+$/, ''),
    // It would write what the server says to the log as it is.
    log: { debug: silent, info: silent, warn: silent, error: silent },
  });
  octokit.hook.before('request', (options) => {
    options.request = { ...options.request, signal: AbortSignal.any([signal, AbortSignal.timeout(requestMs)]) };
  });
  // The client takes a body that breaks off for an empty one, and an empty list for no comments.
  octokit.hook.after('request', ({ data }) => {
    if (typeof data !== 'object') throw new UnclearAnswer();
  });
  return octokit;
}

/** Looks first, also when it is tried again: what was made by a request whose answer was lost is found, and not made twice. */
async function keepOnce(
  octokit: Octokit,
  { repository, number }: CommentPlace,
  { marker, text }: { readonly marker: string; readonly text: string },
): Promise<KeptComment> {
  const { issues } = octokit.rest;
  const [owner = '', repo = ''] = repository.split('/');
  const place = { owner, repo, issue_number: number };
  const body = `${marker}\n${text}`;
  const own = await findOwn(octokit, place, marker);
  if (own !== undefined && sameText(own.body, body)) return { kind: 'unchanged', url: urlIn(own) };
  if (own !== undefined) {
    try {
      const { data } = await issues.updateComment({ owner, repo, comment_id: own.id, body });
      return { kind: 'updated', url: urlIn(data) };
    } catch (error) {
      if (failureOf(error).status !== 404) throw error;
      // Somebody deleted it meanwhile.
    }
  }
  const { data } = await issues.createComment({ ...place, body });
  return { kind: 'created', url: urlIn(data) };
}

interface Comment {
  readonly id: number;
  readonly body?: string | null;
  readonly html_url: string;
  readonly user: { readonly login: string } | null;
}

/**
 * The oldest that the token's own user wrote: what anybody else begins with the marker stays theirs, and so do no plan's words stand under
 * the name of somebody who may change them.
 */
async function findOwn(
  octokit: Octokit,
  place: { readonly owner: string; readonly repo: string; readonly issue_number: number },
  marker: string,
): Promise<Comment | undefined> {
  const { listComments } = octokit.rest.issues;
  let pages = 0;
  let login: string | undefined;
  for await (const { data } of octokit.paginate.iterator(listComments, { ...place, per_page: 100 })) {
    if (!Array.isArray(data)) throw new UnclearAnswer();
    for (const comment of data) {
      if (firstLine(comment.body) !== marker) continue;
      login ??= await ownLogin(octokit);
      if (comment.user?.login === login) return comment;
    }
    pages += 1;
    if (pages === maxPages) return undefined;
  }
  return undefined;
}

/** REST's `GET /user` is closed to the tokens of jobs and apps, GraphQL's viewer is not. */
async function ownLogin(octokit: Octokit): Promise<string> {
  const login = field(field(await octokit.graphql<unknown>('query { viewer { login } }'), 'viewer'), 'login');
  if (typeof login !== 'string') throw new UnclearAnswer();
  return login;
}

function firstLine(body: unknown): string {
  return typeof body === 'string' ? (/^.*/.exec(body)?.[0] ?? '') : '';
}

function sameText(one: unknown, other: string): boolean {
  const plain = (text: string): string => text.replaceAll('\r\n', '\n').trimEnd();
  return typeof one === 'string' && plain(one) === plain(other);
}

function urlIn(comment: unknown): string {
  const url = field(comment, 'html_url');
  if (typeof url !== 'string') throw new UnclearAnswer();
  return url;
}
