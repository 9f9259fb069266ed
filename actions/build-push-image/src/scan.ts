import type { ImageScan, RegistryImage } from '../../../shared/aws/ecr.ts';
import type { Judgement } from '../../../shared/aws/wait.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import type { Inputs } from './inputs.ts';

export type SeverityCounts = Readonly<Record<string, number>>;

/** AWS's severities, worst first. */
export const severities: readonly string[] = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'INFORMATIONAL', 'UNDEFINED'];

export interface ScanLook {
  readonly seen: ImageScan | undefined;
  /** What the poll before saw: enhanced scanning is ACTIVE before its findings are all there. */
  readonly before: ImageScan | undefined;
}

/** Only a finished scan is done; whatever cannot finish is a failure, never an empty list of findings. */
export function judgeScan({ seen, before }: ScanLook): Judgement<SeverityCounts> {
  if (seen === undefined) return { kind: 'pending', state: 'no scan yet' };
  const { status, counts, description } = seen;
  const state = description === '' ? status : `${status}: ${description}`;
  switch (status) {
    case 'COMPLETE':
      return { kind: 'done', value: counts };
    case 'ACTIVE':
      return before?.status === 'ACTIVE' && sameCounts(before.counts, counts)
        ? { kind: 'done', value: counts }
        : { kind: 'pending', state };
    case 'PENDING':
    case 'IN_PROGRESS':
    case 'UNKNOWN':
      return { kind: 'pending', state };
    default:
      return {
        kind: 'failed',
        error: new ActionError('ScanFailed', `ECR cannot scan the image: ${state}`, {
          fault: 'cloud',
          hint: 'Set "scan: off" for images that ECR cannot scan.',
        }),
      };
  }
}

function sameCounts(a: SeverityCounts, b: SeverityCounts): boolean {
  return severities.every((severity) => (a[severity] ?? 0) === (b[severity] ?? 0));
}

/** ECR scans images of one platform, not the index over them; attestations hold nothing to scan. */
export function scanTargets({ digest, manifest, mediaType }: RegistryImage): readonly string[] {
  if (!/index|manifest\.list/.test(mediaType)) return [digest];
  const index: unknown = JSON.parse(manifest);
  const children: unknown = typeof index === 'object' && index !== null && 'manifests' in index ? index.manifests : [];
  return (Array.isArray(children) ? children : []).flatMap((child: unknown) => {
    if (typeof child !== 'object' || child === null || !('digest' in child) || typeof child.digest !== 'string')
      return [];
    const platform: unknown = 'platform' in child ? child.platform : undefined;
    const isAttestation =
      typeof platform === 'object' && platform !== null && 'os' in platform && platform.os === 'unknown';
    return isAttestation ? [] : [child.digest];
  });
}

export function addCounts(all: readonly SeverityCounts[]): SeverityCounts {
  const sum: Record<string, number> = {};
  for (const counts of all) {
    for (const [severity, count] of Object.entries(counts)) sum[severity] = (sum[severity] ?? 0) + count;
  }
  return sum;
}

/** Undefined when the findings may pass. */
export function gate(counts: SeverityCounts, level: Inputs['scan']): ActionError | undefined {
  if (level === 'off' || level === 'report') return undefined;
  const failing = severities
    .slice(0, severities.indexOf(level.toUpperCase()) + 1)
    .flatMap((severity) => ((counts[severity] ?? 0) > 0 ? [`${counts[severity] ?? 0} ${severity}`] : []));
  if (failing.length === 0) return undefined;
  return new ActionError(
    'ScanFindings',
    `ECR found ${failing.join(', ')}; scan is "${level}". No tag was given to the image.`,
    {
      hint: 'See the findings in the ECR console; a newer base image often mends them ("force: true" builds anew).',
    },
  );
}
