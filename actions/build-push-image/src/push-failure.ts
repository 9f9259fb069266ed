import { ActionError, type ActionErrorOptions } from '../../../shared/core/errors.ts';
import { explainDenial, parseDenial } from '../../../shared/core/iam-denial.ts';
import { isTagTaken } from './build-log.ts';
import { diskHint } from './build-rules.ts';
import { plain, type FailedStep, type Said } from './failed-step.ts';

/** What kept an image from its registry. `retry`: why another go may succeed where this one failed. */
export type PushFailure =
  | { readonly kind: 'lost-race' }
  | { readonly kind: 'failed'; readonly retry: RetryReason | undefined; readonly error: ActionError };

/** `broken`: the connection or the registry itself, not its judgement. */
export type RetryReason = 'token' | 'throttled' | 'broken';

/** The registry’s word where `docker buildx build --push` built the image and could not push it; undefined: it did not come to that. */
export function pushComplaint({ name = '', error }: FailedStep): string | undefined {
  const complaint = /^failed to push \S+: ([^]*)$/.exec(error)?.[1];
  return complaint ?? (/^pushing \S+ with docker$/.test(name) ? error : undefined);
}

/** What `docker push` says in the end: on stderr, else in its last line. */
export function lastComplaint({ lines, stderr }: Said): string {
  const said = (text: readonly string[]): readonly string[] => text.map(plain).filter((line) => line !== '');
  const complaint = said(stderr.split('\n'));
  return complaint.length > 0 ? complaint.join('\n') : (said(lines).at(-1) ?? '');
}

/**
 * Docker’s and BuildKit’s own retries are over by then: both repeat what a server (5xx) or a connection broke, docker five times within 50
 * seconds, BuildKit four times within 7. But docker repeats layers only, never the manifest; BuildKit no layer whose answer was lost.
 * Neither repeats what was throttled (429), or logs in anew.
 */
export function pushFailure(complaint: string, name: string): PushFailure {
  if (isTagTaken([complaint])) return { kind: 'lost-race' };
  const failed = (code: string, options: ActionErrorOptions, retry?: RetryReason): PushFailure => ({
    kind: 'failed',
    retry,
    error: new ActionError(code, `docker could not push ${name}: ${complaint}`, options),
  });
  const denial = parseDenial(complaint);
  if (denial !== undefined) return failed('PushDenied', { hint: `${explainDenial(denial).fix}. ${pushActions}` });
  if (
    /authorization token has expired|no basic auth credentials|\b401\b|unauthorized|authentication required|403 Forbidden/i.test(
      complaint,
    )
  ) {
    return failed('PushUnauthorized', { hint: unauthorizedHint, fault: 'cloud' }, 'token');
  }
  if (/toomanyrequests|429 Too Many Requests|rate exceeded/i.test(complaint)) {
    return failed(
      'PushThrottled',
      { hint: 'The registry refuses so many requests at once: run again later.', fault: 'cloud' },
      'throttled',
    );
  }
  if (/repository with name .* does not exist|name unknown|NAME_UNKNOWN/i.test(complaint)) {
    return failed('RepositoryMissing', {
      hint: 'It was there, or this run created it: was it deleted meanwhile? Run again.',
    });
  }
  if (/\bdenied\b/i.test(complaint)) return failed('PushDenied', { hint: pushActions });
  if (/no space left on device/i.test(complaint)) return failed('DiskFull', { hint: diskHint });
  if (
    /dial tcp|no such host|connection re(?:fused|set)|timeout|TLS handshake|x509|\bEOF\b|broken pipe/i.test(complaint)
  ) {
    const hint = 'The connection broke again and again. What was pushed so far stays there: run again.';
    return failed('RegistryUnreachable', { hint, fault: 'cloud' }, 'broken');
  }
  return failed('PushFailed', { fault: 'cloud' }, 'broken');
}

const pushActions =
  'Pushing takes ecr:GetAuthorizationToken and, on the repository, ecr:BatchCheckLayerAvailability, ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload, ecr:BatchGetImage and ecr:PutImage.';

const unauthorizedHint =
  'A new login did not help: does "registry" name the host that the credentials of this run are for, and do they last as long as this run?';
