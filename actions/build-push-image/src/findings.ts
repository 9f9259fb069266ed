import type { ImageScan, ScanFinding } from '../../../shared/aws/ecr.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import type { Inputs } from './inputs.ts';
import { nameOf, type ScanTarget } from './scan.ts';

export type SeverityCounts = Readonly<Record<string, number>>;

/** A finished scan of one image. */
export interface ScannedImage extends ScanTarget {
  readonly scan: ImageScan;
}

/** What the scans of all platforms' images found. */
export interface Findings {
  readonly images: readonly ScannedImage[];
  readonly counts: SeverityCounts;
  readonly readAt: number;
}

/** A finding, and where it is. */
export interface PlacedFinding extends ScanFinding {
  readonly platforms: readonly string[];
}

/** AWS's severities, worst first; the last two say that nobody has rated it yet. */
export const severities: readonly string[] = [
  'CRITICAL',
  'HIGH',
  'MEDIUM',
  'LOW',
  'INFORMATIONAL',
  'UNDEFINED',
  'UNTRIAGED',
];
const unrated: readonly string[] = ['UNDEFINED', 'UNTRIAGED'];

/** Words that the action does not know come first: how bad they are, nobody can tell, so they are taken for the worst. */
const rank = (severity: string): number => severities.indexOf(severity);

const byText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

/** The severities that occur, worst first. */
export function occurring(counts: SeverityCounts): readonly string[] {
  return Object.keys(counts)
    .filter((severity) => (counts[severity] ?? 0) > 0)
    .sort((a, b) => rank(a) - rank(b) || byText(a, b));
}

/** `1 CRITICAL, 2 HIGH` */
export function describeCounts(counts: SeverityCounts): string {
  const told = occurring(counts).map((severity) => `${counts[severity] ?? 0} ${severity}`);
  return told.length === 0 ? 'no findings' : told.join(', ');
}

export function unratedCount(counts: SeverityCounts): number {
  return unrated.reduce((sum, severity) => sum + (counts[severity] ?? 0), 0);
}

/** A finding that several platforms have counts once; AWS's counts stand where not all findings could be read. */
export function gather(images: readonly ScannedImage[], readAt: number): Findings {
  const different: Record<string, number> = {};
  for (const { severity } of place(images)) different[severity] = (different[severity] ?? 0) + 1;
  const counts: Record<string, number> = {};
  const all = [different, ...images.map(({ scan }) => scan.counts)];
  for (const severity of new Set(all.flatMap(occurring))) {
    counts[severity] = Math.max(...all.map((one) => one[severity] ?? 0));
  }
  return {
    images,
    counts: Object.fromEntries(occurring(counts).map((severity) => [severity, counts[severity] ?? 0])),
    readAt,
  };
}

/** Every finding once, the worst first, and of these the ones that can be mended. */
export function place(images: readonly ScannedImage[]): readonly PlacedFinding[] {
  const found = new Map<string, ScanFinding & { platforms: string[] }>();
  for (const image of images) {
    const name = nameOf(image);
    // The same finding twice in one image is two findings.
    const times = new Map<string, number>();
    for (const finding of image.scan.findings) {
      const key = JSON.stringify([finding.severity, finding.id, finding.packages.map(({ name }) => name)]);
      const time = (times.get(key) ?? 0) + 1;
      times.set(key, time);
      const known = found.get(`${key}${time}`);
      if (known === undefined) found.set(`${key}${time}`, { ...finding, platforms: [name] });
      else known.platforms.push(name);
    }
  }
  return [...found.values()].sort(
    (a, b) => rank(a.severity) - rank(b.severity) || Number(b.hasFix) - Number(a.hasFix) || byText(a.id, b.id),
  );
}

/** One weakness may be in dozens of packages: these are named. */
export const mostPackages = 3;

/** `openssl 3.0.1 → 3.0.2` */
function describePackages({ packages }: ScanFinding): string {
  const told = packages
    .slice(0, mostPackages)
    .map(({ name, installed, fixedIn }) => `${name} ${installed}${fixedIn === undefined ? '' : ` → ${fixedIn}`}`);
  return [...told, ...(packages.length > mostPackages ? [`${packages.length - mostPackages} more`] : [])].join(', ');
}

/** What a person reads at once; the summary has more. */
const mostNamed = 5;

/** Undefined when the findings may pass. `keptTags` name the image already. */
export function gate(
  { images, counts }: Findings,
  level: Inputs['scan'],
  keptTags: readonly string[],
): ActionError | undefined {
  if (level === 'off' || level === 'report') return undefined;
  const fails = (severity: string): boolean => rank(severity) <= rank(level.toUpperCase());
  const failing = occurring(counts).filter(fails);
  if (failing.length === 0) return undefined;
  const listed = place(images).filter(({ severity }) => fails(severity));
  const kept = keptTags.length === 0 ? '' : ` It keeps what it had before: ${keptTags.join(', ')}.`;
  const left = listed.length - mostNamed;
  return new ActionError(
    'ScanFindings',
    [
      `ECR found ${failing.map((severity) => `${counts[severity] ?? 0} ${severity}`).join(', ')}; scan is "${level}". No tag was given to the image.${kept}`,
      ...listed.slice(0, mostNamed).map(describeFinding),
      ...(left > 0 ? [`- and ${left} more, see the summary`] : []),
    ].join('\n'),
    { hint: gateHint(listed) },
  );
}

function describeFinding(finding: PlacedFinding): string {
  const fix = finding.hasFix ? '' : ' (no fix known)';
  return `- ${finding.severity} ${finding.id}: ${describePackages(finding) || 'a package that is not told'}${fix}`;
}

function gateHint(listed: readonly PlacedFinding[]): string {
  if (listed.length === 0) return 'ECR tells no more than the counts: see the image in the ECR console.';
  const fixable = listed.filter(({ hasFix }) => hasFix).length;
  if (fixable === 0)
    return `No fix is known for ${listed.length === 1 ? 'it' : `any of these ${listed.length}`}: build on another base image, without that package, or let "scan" pass it until there is one.`;
  return `${fixable} of ${listed.length} ${fixable === 1 ? 'has' : 'have'} a known fix. A newer base image often brings it, or the dependency’s newer version; "force: true" builds the same source anew, for steps that install updates.`;
}
