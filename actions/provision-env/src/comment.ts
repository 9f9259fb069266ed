import type { RunContext } from '../../../shared/action/context.ts';
import type { Progress } from '../../../shared/action/progress.ts';
import type { PullRequestComments } from '../../../shared/action/pull-request-comment.ts';
import { cutMarkdown } from '../../../shared/core/markdown.ts';
import type { Inputs } from './inputs.ts';

export interface CommentIo {
  /** Undefined where there is no pull request, or no token. */
  readonly comments: PullRequestComments | undefined;
  readonly progress: Pick<Progress, 'info' | 'warn'>;
  readonly context: Pick<RunContext, 'pullRequest' | 'runUrl'>;
}

/** Keeps the plan's summary as one comment on the pull request, where it is wanted and may be. */
export async function commentOn(
  summary: string,
  { app, environment, comment }: Pick<Inputs, 'app' | 'environment' | 'comment'>,
  { comments, progress, context: { pullRequest, runUrl } }: CommentIo,
): Promise<void> {
  if (comment === undefined) return;
  const none =
    pullRequest === undefined
      ? 'this run is about no pull request'
      : pullRequest.isFork
        ? 'the pull request comes from a fork'
        : undefined;
  if (none !== undefined) {
    progress.info(`comment  none: ${none}`);
    return;
  }
  const marker = `<!-- slipway: plan of ${app} ${environment} -->`;
  const kept = (await comments?.keep({ marker, text: commentText(summary, runUrl) })) ?? noToken;
  if (kept.kind === 'refused')
    progress.warn(`The plan is no comment on the pull request: ${kept.reason}. ${kept.hint}`);
  else progress.info(`comment  ${kept.kind}: ${kept.url}`);
}

const noToken = {
  kind: 'refused',
  reason: 'github-token is empty',
  hint: 'Leave it out for the job’s own token.',
} as const;

/** GitHub takes 65,536 characters ("body is too long"); some are left for the marker. */
const mostCharacters = 65_536 - 200;

export function commentText(summary: string, runUrl: string): string {
  const run = runUrl === '' ? 'the run' : `[the run](${runUrl})`;
  const footer = `\n\nFrom ${run}; the next one brings this comment up to date.\n`;
  const text = withoutMentions(summary);
  if (text.length + footer.length <= mostCharacters) return `${text}${footer}`;
  const note = `\n✂️ The rest is too long for a comment: the summary of ${run} has all of it.`;
  return `${cutMarkdown(text, mostCharacters - note.length - footer.length)}${note}${footer}`;
}

/** In a comment GitHub calls whom and what it finds named, behind a backslash too. What is in code it leaves alone. */
function withoutMentions(markdown: string): string {
  return markdown.replace(/\\([@#])/g, '$1\u200b');
}
