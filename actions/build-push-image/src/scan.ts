import type { ImageScan, RegistryImage, ScanStart } from '../../../shared/aws/ecr.ts';
import type { Judgement } from '../../../shared/aws/wait.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { indexedImages, type IndexedImage } from '../../../shared/core/image-index.ts';

/** An image that is scanned by itself: the only one, or that of one platform. */
export interface ScanTarget {
  readonly digest: string;
  /** `linux/arm64`, as an index tells it. */
  readonly platform: string | undefined;
}

export function nameOf({ platform, digest }: ScanTarget): string {
  return platform ?? digest.slice(0, 19);
}

export interface ScanLook {
  /** Of the image, for people. */
  readonly name: string;
  readonly seen: ImageScan | undefined;
  readonly now: number;
  /** Since when just this is seen. */
  readonly since: number;
  /** What came of asking for a scan. */
  readonly start: ScanStart | undefined;
  /** When the scan was completed that a new one is to replace. */
  readonly replaces: number | undefined;
}

/** ECR's own scan is made once; it allows another one after this time. */
const renewedAfter = 24 * 60 * 60 * 1000;

/** How long findings must have been what they are, in milliseconds. */
const settled = {
  /** Amazon Inspector's findings come one after the other, while the scan is ACTIVE already. */
  enhanced: 10_000,
  /** A scan can be said to be complete while its findings are missing: https://github.com/aws/aws-sdk/issues/289 */
  withoutTime: 60_000,
  /** What was completed this long ago is settled. */
  old: 10 * 60_000,
};

/** Must a scan be asked for? The last one may be too old, or none may begin by itself. */
export function needsStart(
  { seen, now }: Pick<ScanLook, 'seen' | 'now'>,
  { looks, scanOnPush }: { readonly looks: number; readonly scanOnPush: boolean },
): boolean {
  // Scan on push begins by itself, if a moment later.
  if (seen === undefined) return looks >= (scanOnPush ? 3 : 0);
  const { engine, status, completedAt } = seen;
  return engine === 'basic' && status === 'COMPLETE' && completedAt !== undefined && now - completedAt > renewedAfter;
}

/** Only a finished scan is done; whatever cannot finish is a failure, never an empty list of findings. */
export function judgeScan({ name, seen, now, since, start, replaces }: ScanLook): Judgement<ImageScan> {
  if (start?.kind === 'unscannable') return hopeless(name, describe(start.status, start.reason), hints[start.status]);
  if (seen === undefined) return pending(describeNone(start));
  const { status, description, engine, completedAt } = seen;
  const state = describe(status, description);
  if (status === 'PENDING' || status === 'IN_PROGRESS' || status === 'UNKNOWN') return pending(state);
  if (status !== 'COMPLETE' && status !== 'ACTIVE') return hopeless(name, state, hints[status]);
  if (completedAt === undefined) {
    return now - since >= settled.withoutTime
      ? { kind: 'done', value: seen }
      : pending(`${state} (without the time of a scan: its findings may not be there yet)`);
  }
  if (completedAt === replaces) return pending('a new scan was started');
  return engine === 'basic' || now - since >= settled.enhanced || now - completedAt >= settled.old
    ? { kind: 'done', value: seen }
    : pending(`${state} (until its findings change no more)`);
}

function pending(state: string): Judgement<never> {
  return { kind: 'pending', state };
}

function describe(status: string, description: string): string {
  return description === '' ? status : `${status}: ${description}`;
}

/** What a wait shows where ECR has no scan of the image. */
export const noScan = 'no scan yet';

function describeNone(start: ScanStart | undefined): string {
  return start === undefined || start.kind === 'unscannable' ? noScan : `${noScan}, ${afterAsking[start.kind]}`;
}

const afterAsking = {
  started: 'it was started',
  limited: 'and ECR starts none now',
  refused: 'Amazon Inspector begins it',
};

function hopeless(name: string, state: string, hint: string | undefined): Judgement<never> {
  return {
    kind: 'failed',
    error: new ActionError('ScanFailed', `ECR has no findings of ${name}: ${state}. No tag was given to the image.`, {
      fault: 'cloud',
      hint: hint ?? 'The action does not know this status, so it proves nothing: see the image in the ECR console.',
    }),
  };
}

const hints: Readonly<Record<string, string>> = {
  FAILED:
    'ECR scans images of the usual Linux distributions only, none FROM scratch: "scan: off" for others. Else start it again (aws ecr start-image-scan, once in 24 hours) and run again.',
  UNSUPPORTED_IMAGE:
    'Build on a distribution that ECR (or Amazon Inspector) scans and that its maker still supports, or set "scan: off" for this image.',
  SCAN_ELIGIBILITY_EXPIRED:
    'Amazon Inspector has stopped looking at this image for its age. Build it anew ("force: true", or "max-age-days" below Inspector’s ECR re-scan duration), or prolong that duration.',
  FINDINGS_UNAVAILABLE:
    'Findings are gone when the registry changes its kind of scanning, or Amazon Inspector is turned off. Turn it on again, or build anew ("force: true"), so that a new image is scanned.',
  LIMIT_EXCEEDED: 'A limit of ECR’s scans is reached (see Service Quotas): run again later, or have it raised.',
  IMAGE_ARCHIVED: 'Restore the image from ECR’s archive (its storage class), or build it anew ("force: true").',
};

/** ECR scans images of one platform, not the index over them; attestations hold nothing to scan. */
export function scanTargets({ digest, manifest, mediaType }: RegistryImage): readonly ScanTarget[] {
  if (!/index|manifest\.list/.test(mediaType)) return [{ digest, platform: undefined }];
  const targets = (indexedImages(manifest) ?? []).map(toTarget);
  // Nothing to scan is no proof that there is nothing to find.
  if (targets.length === 0)
    throw new ActionError('ScanFailed', `The index ${digest} names no image that could be scanned.`);
  return targets;
}

function toTarget({ digest, platform }: IndexedImage): ScanTarget {
  if (digest === '') throw new ActionError('ScanFailed', 'The index names an image without its digest.');
  if (platform === undefined) return { digest, platform: undefined };
  const { os, architecture, variant } = platform;
  return { digest, platform: [os, architecture, ...(variant === undefined ? [] : [variant])].join('/') };
}
