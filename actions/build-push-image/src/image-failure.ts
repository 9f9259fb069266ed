import type { Diagnosis } from './build-rules.ts';
import type { FailedStep } from './failed-step.ts';

/** A base image (or a frontend) that could not be had. */
export function imageFailure(step: FailedStep): Diagnosis | undefined {
  return isAboutImage(step) ? whyNoImage(step.error) : undefined;
}

/** BuildKit has steps of their own for it; the classic builder looks when it comes to the instruction. */
function isAboutImage({ name = '', instruction = '' }: FailedStep): boolean {
  return (
    /load metadata for |^resolve image config for |^docker-image:\/\/|^FROM |^\[context /.test(name) ||
    /^FROM |^COPY .*--from=/i.test(instruction)
  );
}

/** In the words of BuildKit, of docker, and of the registries behind them. */
export function whyNoImage(said: string): Diagnosis | undefined {
  if (/toomanyrequests|429 Too Many Requests|rate limit/i.test(said)) {
    return {
      code: 'BaseImageThrottled',
      hint: 'The registry limits how much is pulled: log in to it in a step before this one (docker/login-action), or take the image from another registry, such as public.ecr.aws.',
      fault: 'cloud',
    };
  }
  if (
    /dial tcp|no such host|connection re(?:fused|set)|timeout|TLS handshake|x509|deadline exceeded|\bEOF\b/i.test(said)
  ) {
    return {
      code: 'BaseImageUnreachable',
      hint: 'The builder cannot reach that registry. Is the name right, and may the runner talk to it?',
      fault: 'cloud',
    };
  }
  if (/no match(?:ing manifest)? for (?:platform|\w+\/)/i.test(said)) {
    return {
      code: 'BaseImageWithoutPlatform',
      hint: 'The image exists, but not for the platform that is built for: take another one, or leave that platform out.',
    };
  }
  if (/\b40[13]\b|unauthorized|denied|no basic auth|authorization/i.test(said)) {
    return {
      code: 'BaseImageDenied',
      hint: 'The registry does not hand it out: does it exist? If it is private, log in to its registry in a step before this one (docker/login-action).',
    };
  }
  if (/not found|manifest unknown|name unknown|does not exist/i.test(said)) {
    return { code: 'BaseImageMissing', hint: 'The registry has no such image: are its name and tag right?' };
  }
  return undefined;
}
