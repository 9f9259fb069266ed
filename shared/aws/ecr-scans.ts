import {
  DescribeImageScanFindingsCommand,
  StartImageScanCommand,
  type DescribeImageScanFindingsRequest,
  type ECRClient,
  type EnhancedImageScanFinding,
  type ImageScanFinding,
  type VulnerablePackage as SdkPackage,
} from '@aws-sdk/client-ecr';
import { isAwsError } from '../core/errors.ts';

/** What a scan found, in one shape for both kinds of scanning. All of it comes from outside. */
export interface ScanFinding {
  /** `CRITICAL` …, as AWS says it. */
  readonly severity: string;
  /** `CVE-2026-1234` */
  readonly id: string;
  readonly packages: readonly VulnerablePackage[];
  readonly hasFix: boolean;
  /** An https address that tells more. */
  readonly link: string | undefined;
}

export interface VulnerablePackage {
  readonly name: string;
  readonly installed: string;
  /** The first version without the weakness; undefined where there is none, or AWS does not tell. */
  readonly fixedIn: string | undefined;
}

/** One look at a scan. */
export interface ImageScan {
  /** `ImageScanStatus`'s own word; `UNKNOWN` where the answer has none. */
  readonly status: string;
  readonly description: string;
  /** `basic`: ECR's own scan of a moment. `enhanced`: Amazon Inspector's, which goes on. */
  readonly engine: 'basic' | 'enhanced';
  /** In milliseconds since the epoch; without it the findings may not be there yet, whatever the status says. */
  readonly completedAt: number | undefined;
  readonly counts: Readonly<Record<string, number>>;
  readonly findings: readonly ScanFinding[];
  /** There are more findings than were read; `counts` has them. */
  readonly hasMore: boolean;
}

export type ScanStart =
  | { readonly kind: 'started' }
  /** `limited`: not now; an image is scanned once in 24 hours. `refused`: not here; Amazon Inspector scans by itself. */
  | { readonly kind: 'limited' | 'refused'; readonly reason: string }
  /** `status` is what a scan would say. */
  | { readonly kind: 'unscannable'; readonly status: string; readonly reason: string };

export type AskedImage = Pick<DescribeImageScanFindingsRequest, 'registryId' | 'repositoryName' | 'imageId'>;

/** More would help nobody; AWS counts them all. */
const mostFindings = 5_000;
const mostPages = 50;

/** Undefined where no scan was ever begun. */
export async function readScan(client: ECRClient, asked: AskedImage): Promise<ImageScan | undefined> {
  try {
    const basic: ImageScanFinding[] = [];
    const enhanced: EnhancedImageScanFinding[] = [];
    let told: Readonly<Record<string, number>> = {};
    let isEnhanced = false;
    let token: string | undefined;
    for (let page = 1; ; page += 1) {
      const { imageScanStatus, imageScanFindings, nextToken } = await client.send(
        new DescribeImageScanFindingsCommand({
          ...asked,
          maxResults: 1_000,
          ...(token === undefined ? {} : { nextToken: token }),
        }),
      );
      basic.push(...(imageScanFindings?.findings ?? []));
      enhanced.push(...(imageScanFindings?.enhancedFindings ?? []).filter(isOpen));
      isEnhanced ||= imageScanStatus?.status === 'ACTIVE' || imageScanFindings?.enhancedFindings !== undefined;
      told = greater(told, { ...imageScanFindings?.findingSeverityCounts });
      token = nextToken === '' ? undefined : nextToken;
      if (token !== undefined && page < mostPages && basic.length + enhanced.length < mostFindings) continue;
      const findings = [...basic.map(fromBasic), ...enhanced.map(fromEnhanced)];
      const status = imageScanStatus?.status ?? 'UNKNOWN';
      return {
        status,
        description: oneLine(imageScanStatus?.description),
        engine: isEnhanced && basic.length === 0 ? 'enhanced' : 'basic',
        completedAt: imageScanFindings?.imageScanCompletedAt?.getTime(),
        // Answers with findings and without counts, or with fewer, occur: the worse of the two is true.
        counts: greater(told, countOf(findings)),
        findings,
        hasMore: token !== undefined,
      };
    }
  } catch (error) {
    if (isAwsError(error, 'ScanNotFoundException')) return undefined;
    throw error;
  }
}

export async function startScan(client: ECRClient, asked: AskedImage): Promise<ScanStart> {
  try {
    await client.send(new StartImageScanCommand(asked));
    return { kind: 'started' };
  } catch (error) {
    if (!isAwsError(error, ...Object.keys(refusals))) throw error;
    return { ...(refusals[error.code] ?? { kind: 'refused' }), reason: error.message };
  }
}

type Refusal =
  | { readonly kind: 'limited' | 'refused' }
  | { readonly kind: 'unscannable'; readonly status: 'UNSUPPORTED_IMAGE' | 'IMAGE_ARCHIVED' };

const refusals: Readonly<Record<string, Refusal>> = {
  LimitExceededException: { kind: 'limited' },
  // "This feature is disabled" is what a registry with enhanced scanning says.
  ValidationException: { kind: 'refused' },
  UnsupportedImageTypeException: { kind: 'unscannable', status: 'UNSUPPORTED_IMAGE' },
  ImageArchivedException: { kind: 'unscannable', status: 'IMAGE_ARCHIVED' },
};

/** What is suppressed in Amazon Inspector, or mended, is no finding. */
function isOpen({ status = 'ACTIVE' }: EnhancedImageScanFinding): boolean {
  return status !== 'SUPPRESSED' && status !== 'CLOSED';
}

function fromBasic({ name, severity, uri, attributes = [] }: ImageScanFinding): ScanFinding {
  const attribute = (wanted: string): string | undefined => attributes.find(({ key }) => key === wanted)?.value;
  const fixedIn = versionOf(attribute('patched_version'));
  const packageName = oneLine(attribute('package_name'));
  return {
    severity: severityOf(severity),
    id: oneLine(name),
    packages:
      packageName === '' ? [] : [{ name: packageName, installed: oneLine(attribute('package_version')), fixedIn }],
    hasFix: fixedIn !== undefined,
    link: httpsLink(uri),
  };
}

function fromEnhanced({
  severity,
  title,
  fixAvailable,
  packageVulnerabilityDetails: details = {},
}: EnhancedImageScanFinding): ScanFinding {
  const packages = (details.vulnerablePackages ?? []).map(toPackage);
  return {
    severity: severityOf(severity),
    id: oneLine(details.vulnerabilityId ?? title),
    // A library that lies in several layers or paths is told several times.
    packages: [...new Map(packages.map((one) => [JSON.stringify(one), one])).values()],
    hasFix:
      packages.some(({ fixedIn }) => fixedIn !== undefined) || fixAvailable === 'YES' || fixAvailable === 'PARTIAL',
    link: [details.sourceUrl, ...(details.referenceUrls ?? [])].map(httpsLink).find((link) => link !== undefined),
  };
}

/** `fixedInVersion` has epoch and release in it, so the installed version is told with them as well. */
function toPackage({ name, version, epoch = 0, release, fixedInVersion }: SdkPackage): VulnerablePackage {
  const whole = `${epoch > 0 ? `${epoch}:` : ''}${version ?? ''}${(release ?? '') === '' ? '' : `-${release}`}`;
  return { name: oneLine(name), installed: oneLine(whole), fixedIn: versionOf(fixedInVersion) };
}

function versionOf(text: string | undefined): string | undefined {
  const version = oneLine(text).replace(/^0:/, '');
  return version === '' || /^(?:not ?available|none|n\/a)$/i.test(version) ? undefined : version;
}

/** Nobody has rated it: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-troubleshooting.html */
function severityOf(severity: string | undefined): string {
  return oneLine(severity).toUpperCase() || 'UNDEFINED';
}

function countOf(findings: readonly ScanFinding[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { severity } of findings) counts[severity] = (counts[severity] ?? 0) + 1;
  return counts;
}

/** For each severity the greater count. */
function greater(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const counts: Record<string, number> = { ...a };
  for (const [severity, count] of Object.entries(b)) counts[severity] = Math.max(counts[severity] ?? 0, count);
  return counts;
}

/** Names and versions are short; what is not, or holds control characters, is somebody's play. */
function oneLine(text: string | undefined): string {
  const flat = (text ?? '').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return flat.length <= 200 ? flat : `${flat.slice(0, 199)}…`;
}

function httpsLink(text: string | undefined): string | undefined {
  const url = URL.parse(text ?? '');
  return url?.protocol === 'https:' && url.username === '' && url.password === '' ? url.href : undefined;
}
