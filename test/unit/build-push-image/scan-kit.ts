import type { ImageScan, ScanFinding } from '../../../shared/aws/ecr.ts';
import { gather, type Findings, type ScannedImage } from '../../../actions/build-push-image/src/findings.ts';

/** The clock of these tests. */
export const now = Date.UTC(2026, 0, 11, 12);
export const hour = 60 * 60_000;

/** A look at a basic scan; completed a moment ago where its status says so. */
export function scanOf(status: string, over: Partial<ImageScan> = {}): ImageScan {
  return {
    status,
    description: '',
    engine: status === 'ACTIVE' ? 'enhanced' : 'basic',
    completedAt: status === 'COMPLETE' || status === 'ACTIVE' ? now - 60_000 : undefined,
    counts: {},
    findings: [],
    hasMore: false,
    ...over,
  };
}

export function finding(severity: string, id: string, over: Partial<ScanFinding> = {}): ScanFinding {
  const fixedIn = over.hasFix === false ? undefined : '1.1';
  return {
    severity,
    id,
    packages: [{ name: 'openssl', installed: '1.0', fixedIn }],
    hasFix: true,
    link: undefined,
    ...over,
  };
}

export function image(platform: string | undefined, ...found: readonly ScanFinding[]): ScannedImage {
  const counts: Record<string, number> = {};
  for (const { severity } of found) counts[severity] = (counts[severity] ?? 0) + 1;
  return { digest: `sha256:${'a'.repeat(64)}`, platform, scan: scanOf('COMPLETE', { counts, findings: found }) };
}

/** Of one image, as far as AWS only counts. */
export function counted(counts: Readonly<Record<string, number>>): Findings {
  return gather(
    [{ digest: `sha256:${'a'.repeat(64)}`, platform: undefined, scan: scanOf('COMPLETE', { counts }) }],
    now,
  );
}
