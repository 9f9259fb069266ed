import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { imageRegistry, type ImageRegistry } from '../../shared/aws/ecr.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';
import { AwsError } from '../../shared/core/errors.ts';
import { ScriptedAws, type Answer, type ScriptedCall } from '../kit/scripted-aws.ts';

const id = { repository: 'app', digest: `sha256:${'a'.repeat(64)}` };
const asked = { repositoryName: 'app', imageId: { imageDigest: id.digest } };
const completed = Date.UTC(2026, 0, 11, 12);

beforeAll(() => {
  // An account of this file's own.
  process.env['AWS_ACCESS_KEY_ID'] = '616161616161';
});

const servers: ScriptedAws[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.stop();
  delete process.env['AWS_ENDPOINT_URL_ECR'];
});

async function scripted(
  answer: (call: ScriptedCall, index: number) => Answer,
  registryId?: string,
): Promise<{ readonly ecr: ImageRegistry; readonly calls: readonly ScriptedCall[] }> {
  const server = await ScriptedAws.start(answer);
  servers.push(server);
  process.env['AWS_ENDPOINT_URL_ECR'] = server.endpoint;
  const config = sdkConfig(
    { region: 'us-east-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 },
    { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
  );
  return { ecr: imageRegistry(config, registryId), calls: server.calls };
}

interface Scan {
  readonly status?: string;
  readonly description?: string;
  readonly findings?: readonly object[];
  readonly enhancedFindings?: readonly object[];
  readonly counts?: object;
  readonly completedAt?: number;
  readonly nextToken?: string;
}

/** As ECR answers: times in seconds. */
const answerOf = ({
  status = 'COMPLETE',
  description,
  findings,
  enhancedFindings,
  counts,
  nextToken,
  ...scan
}: Scan) => ({
  imageScanStatus: { status, description },
  imageScanFindings: {
    findings,
    enhancedFindings,
    findingSeverityCounts: counts,
    imageScanCompletedAt: 'completedAt' in scan ? scan.completedAt : completed / 1000,
  },
  nextToken,
});
const scanOf = async (scan: Scan) => {
  const { ecr } = await scripted(() => answerOf(scan));
  return ecr.scan(id);
};

/** The example of AWS's API reference, and what it leaves out. */
const basic = (name: string, severity: string, more: Readonly<Record<string, string>> = {}) => ({
  name,
  severity,
  description: 'long',
  uri: `https://security-tracker.debian.org/tracker/${name}`,
  attributes: Object.entries({ package_version: '1.44.1', package_name: 'e2fsprogs', CVSS2_SCORE: '4.6', ...more }).map(
    ([key, value]) => ({ key, value }),
  ),
});
const vulnerable = {
  arch: 'AMD64',
  epoch: 0,
  name: 'libxml2',
  packageManager: 'OS',
  release: '1.3~deb12u1',
  version: '2.9.14+dfsg',
  fixedInVersion: 'NotAvailable',
};
const enhanced = (more: object = {}, details: object = {}) => ({
  severity: 'HIGH',
  status: 'ACTIVE',
  title: 'CVE-2022-49043 - libxml2',
  type: 'PACKAGE_VULNERABILITY',
  fixAvailable: 'NO',
  firstObservedAt: completed / 1000,
  packageVulnerabilityDetails: {
    vulnerabilityId: 'CVE-2022-49043',
    source: 'DEBIAN_CVE',
    sourceUrl: 'https://security-tracker.debian.org/tracker/CVE-2022-49043',
    referenceUrls: ['https://bugs.debian.org/1094238'],
    vulnerablePackages: [vulnerable],
    ...details,
  },
  ...more,
});

describe('basic scanning', () => {
  test('a finding in the shape of both kinds; the scan’s status, kind and time', async () => {
    const { ecr, calls } = await scripted(() =>
      answerOf({ description: 'done', findings: [basic('CVE-2019-5188', 'MEDIUM')], counts: { MEDIUM: 1 } }),
    );
    expect(await ecr.scan(id)).toEqual({
      status: 'COMPLETE',
      description: 'done',
      engine: 'basic',
      completedAt: completed,
      counts: { MEDIUM: 1 },
      findings: [
        {
          severity: 'MEDIUM',
          id: 'CVE-2019-5188',
          packages: [{ name: 'e2fsprogs', installed: '1.44.1', fixedIn: undefined }],
          hasFix: false,
          link: 'https://security-tracker.debian.org/tracker/CVE-2019-5188',
        },
      ],
      hasMore: false,
    });
    expect(calls.map(({ service, operation, input }) => [service, operation, input])).toEqual([
      ['ecr', 'DescribeImageScanFindings', { ...asked, maxResults: 1000 }],
    ]);
  });

  test('the version that mends it, where ECR tells it', async () => {
    const scan = await scanOf({ findings: [basic('CVE-1', 'LOW', { patched_version: '1.44.2' })] });
    expect(scan?.findings).toMatchObject([{ hasFix: true, packages: [{ fixedIn: '1.44.2' }] }]);
  });

  test('a finding that tells little is one all the same', async () => {
    const scan = await scanOf({ findings: [{ name: 'CVE-1' }, { severity: 'HIGH', attributes: [{ key: 'x' }] }] });
    expect(scan).toMatchObject({
      counts: { UNDEFINED: 1, HIGH: 1 },
      findings: [
        { severity: 'UNDEFINED', id: 'CVE-1', packages: [], hasFix: false, link: undefined },
        { severity: 'HIGH', id: '', packages: [] },
      ],
    });
  });

  test('links of https alone, to nobody by a name and password', async () => {
    const uris = ['http://a.example/x', 'javascript:1', 'https://nvd.nist.gov@a.example', '', 'https://a.example/<x>'];
    const scan = await scanOf({ findings: uris.map((uri) => ({ ...basic('CVE-1', 'LOW'), uri })) });
    expect(scan?.findings.map(({ link }) => link)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      'https://a.example/%3Cx%3E',
    ]);
  });

  test('names are one line, and no longer than names are', async () => {
    const name = `x\n::error::y\u202e${'z'.repeat(500)}`;
    const scan = await scanOf({ description: 'a\nb', findings: [basic(name, 'hi\tgh', { package_name: name })] });
    expect(scan?.description).toBe('a b');
    expect(scan?.findings[0]?.severity).toBe('HI GH');
    expect(scan?.findings[0]?.id).toMatch(/^x ::error::y z+…$/);
    expect(scan?.findings[0]?.id).toHaveLength(200);
    expect(scan?.findings[0]?.packages[0]?.name).toHaveLength(200);
  });
});

describe('enhanced scanning', () => {
  test('a finding, with its whole version and no version that mends it', async () => {
    const scan = await scanOf({
      status: 'ACTIVE',
      description: 'Continuous scan is selected for image.',
      enhancedFindings: [enhanced()],
      counts: { HIGH: 1 },
    });
    expect(scan).toEqual({
      status: 'ACTIVE',
      description: 'Continuous scan is selected for image.',
      engine: 'enhanced',
      completedAt: completed,
      counts: { HIGH: 1 },
      findings: [
        {
          severity: 'HIGH',
          id: 'CVE-2022-49043',
          packages: [{ name: 'libxml2', installed: '2.9.14+dfsg-1.3~deb12u1', fixedIn: undefined }],
          hasFix: false,
          link: 'https://security-tracker.debian.org/tracker/CVE-2022-49043',
        },
      ],
      hasMore: false,
    });
  });

  test('several packages of one finding: each with its fix, and each once', async () => {
    const curl = {
      name: 'curl',
      version: '8.3.0',
      release: '1.amzn2',
      epoch: 0,
      fixedInVersion: '0:8.3.0-1.amzn2.0.12',
    };
    const scan = await scanOf({
      status: 'ACTIVE',
      enhancedFindings: [
        enhanced(
          { severity: 'CRITICAL', fixAvailable: 'PARTIAL' },
          {
            vulnerablePackages: [
              { ...curl, filePath: '/a' },
              { ...curl, filePath: '/b' },
              { name: 'nss', version: '3', epoch: 2, fixedInVersion: '2:3.1' },
              { name: 'lodash', version: '4.17.19' },
            ],
          },
        ),
      ],
    });
    expect(scan).toMatchObject({ counts: { CRITICAL: 1 }, findings: [{ hasFix: true }] });
    expect(scan?.findings[0]?.packages).toEqual([
      { name: 'curl', installed: '8.3.0-1.amzn2', fixedIn: '8.3.0-1.amzn2.0.12' },
      { name: 'nss', installed: '2:3', fixedIn: '2:3.1' },
      { name: 'lodash', installed: '4.17.19', fixedIn: undefined },
    ]);
  });

  test('a fix that is known and not named; a finding without details', async () => {
    const scan = await scanOf({
      status: 'ACTIVE',
      enhancedFindings: [
        enhanced({ fixAvailable: 'YES' }, { sourceUrl: 'http://a.example' }),
        enhanced({ fixAvailable: 'PARTIAL' }),
        { severity: 'UNTRIAGED', title: 'a title' },
      ],
    });
    expect(scan?.findings).toMatchObject([
      { hasFix: true, link: 'https://bugs.debian.org/1094238' },
      { hasFix: true },
      { severity: 'UNTRIAGED', id: 'a title', packages: [], hasFix: false, link: undefined },
    ]);
    expect(scan?.counts).toEqual({ HIGH: 2, UNTRIAGED: 1 });
  });

  test('what is suppressed in Amazon Inspector, or mended, is no finding', async () => {
    const scan = await scanOf({
      status: 'ACTIVE',
      enhancedFindings: [enhanced({ status: 'SUPPRESSED' }), enhanced({ status: 'CLOSED' })],
    });
    expect(scan).toMatchObject({ counts: {}, findings: [] });
  });

  test('its kind is known by its status or by its list, also of a scan on push that is COMPLETE', async () => {
    const engine = async (scan: Scan) => (await scanOf(scan))?.engine;
    expect(await engine({ status: 'ACTIVE' })).toBe('enhanced');
    expect(await engine({ enhancedFindings: [enhanced()] })).toBe('enhanced');
    expect(await engine({ enhancedFindings: [], findings: [] })).toBe('enhanced');
    expect(await engine({ findings: [] })).toBe('basic');
    expect(await engine({ enhancedFindings: [], findings: [basic('CVE-1', 'LOW')] })).toBe('basic');
  });
});

describe('counts', () => {
  test('the greater of what is counted and what is listed: neither can hide a finding', async () => {
    const listed = [basic('CVE-1', 'HIGH'), basic('CVE-2', 'HIGH')];
    expect((await scanOf({ findings: listed, counts: { HIGH: 1, LOW: 4 } }))?.counts).toEqual({ HIGH: 2, LOW: 4 });
    expect((await scanOf({ findings: listed }))?.counts).toEqual({ HIGH: 2 });
    expect((await scanOf({ counts: { SEVERE: 1 } }))?.counts).toEqual({ SEVERE: 1 });
  });
});

describe('pages', () => {
  test.each(['findings', 'enhancedFindings'] as const)('of %s are all read', async (list) => {
    const item = (n: number) =>
      list === 'findings' ? basic(`CVE-${n}`, 'LOW') : enhanced({}, { vulnerabilityId: `CVE-${n}` });
    const { ecr, calls } = await scripted((_, index) =>
      answerOf({
        [list]: [item(index)],
        counts: { [list === 'findings' ? 'LOW' : 'HIGH']: 1 },
        ...(index < 2 ? { nextToken: `page-${index + 1}` } : { nextToken: '' }),
      }),
    );
    const scan = await ecr.scan(id);
    expect(scan?.findings.map((one) => one.id)).toEqual(['CVE-0', 'CVE-1', 'CVE-2']);
    expect(Object.values(scan?.counts ?? {})).toEqual([3]);
    expect(scan?.hasMore).toBe(false);
    expect(calls.map(({ input }) => input['nextToken'])).toEqual([undefined, 'page-1', 'page-2']);
    expect(calls.every(({ input }) => input['maxResults'] === 1000 && input['repositoryName'] === 'app')).toBe(true);
  });

  test('to a bound, and what is beyond it is told', async () => {
    const { ecr, calls } = await scripted((_, index) =>
      answerOf({
        findings: Array.from({ length: 1_000 }, (__, n) => basic(`CVE-${index}-${n}`, 'LOW')),
        counts: { LOW: 9_999, CRITICAL: 1 },
        nextToken: 'more',
      }),
    );
    const scan = await ecr.scan(id);
    expect([calls.length, scan?.findings.length, scan?.hasMore]).toEqual([5, 5_000, true]);
    expect(scan?.counts).toEqual({ LOW: 9_999, CRITICAL: 1 });
  });

  test('a server that goes on without findings is left', async () => {
    const { ecr, calls } = await scripted(() => answerOf({ findings: [], nextToken: 'again' }));
    expect((await ecr.scan(id))?.hasMore).toBe(true);
    expect(calls).toHaveLength(50);
  });
});

describe('states', () => {
  test.each([
    'IN_PROGRESS',
    'COMPLETE',
    'FAILED',
    'UNSUPPORTED_IMAGE',
    'ACTIVE',
    'PENDING',
    'SCAN_ELIGIBILITY_EXPIRED',
    'FINDINGS_UNAVAILABLE',
    'LIMIT_EXCEEDED',
    'IMAGE_ARCHIVED',
    'OF_TOMORROW',
  ])('%s is told as it is', async (status) => {
    const { ecr } = await scripted(() => ({ imageScanStatus: { status, description: 'why' } }));
    expect(await ecr.scan(id)).toMatchObject({
      status,
      description: 'why',
      completedAt: undefined,
      counts: {},
      findings: [],
    });
  });

  test('an answer without one', async () => {
    const { ecr } = await scripted(() => ({}));
    expect(await ecr.scan(id)).toMatchObject({ status: 'UNKNOWN', description: '', engine: 'basic' });
  });

  test('no scan is none; any other error is thrown', async () => {
    const { ecr } = await scripted((_, index) => ({
      __type: index === 0 ? 'ScanNotFoundException' : 'ImageNotFoundException',
      message: 'x',
    }));
    expect(await ecr.scan(id)).toBeUndefined();
    await expect(ecr.scan(id)).rejects.toMatchObject({ code: 'ImageNotFoundException' });
  });

  test('a denied call is the user’s to mend, also where ECR asks Amazon Inspector in the caller’s name', async () => {
    const role = 'arn:aws:sts::123456789012:assumed-role/deploy/slipway';
    const { ecr } = await scripted(() => ({
      __type: 'AccessDeniedException',
      message: `User: ${role} is not authorized to perform: inspector2:ListFindings on resource: arn:aws:inspector2:us-east-1:123456789012:/findings/list because no identity-based policy allows the inspector2:ListFindings action`,
    }));
    const error: unknown = await ecr.scan(id).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AwsError);
    expect(error).toMatchObject({ fault: 'user', hint: expect.stringContaining('"inspector2:ListFindings"') });
  });
});

describe('a scan that is asked for', () => {
  test('is started for the image by its digest, in the registry that is meant', async () => {
    const { ecr, calls } = await scripted(() => ({ imageScanStatus: { status: 'IN_PROGRESS' } }), '210987654321');
    expect(await ecr.startScan(id)).toEqual({ kind: 'started' });
    expect(calls).toMatchObject([{ operation: 'StartImageScan', input: { ...asked, registryId: '210987654321' } }]);
  });

  test.each([
    ['LimitExceededException', { kind: 'limited' }],
    ['ValidationException', { kind: 'refused' }],
    ['UnsupportedImageTypeException', { kind: 'unscannable', status: 'UNSUPPORTED_IMAGE' }],
    ['ImageArchivedException', { kind: 'unscannable', status: 'IMAGE_ARCHIVED' }],
  ])('%s', async (code, expected) => {
    const { ecr, calls } = await scripted(() => ({ __type: code, message: 'This feature is disabled' }));
    expect(await ecr.startScan(id)).toEqual({
      ...expected,
      reason: expect.stringContaining('This feature is disabled'),
    });
    // The SDK takes the first one for throttling.
    expect(calls).toHaveLength(1);
  });

  test.each(['AccessDeniedException', 'RepositoryNotFoundException'])('%s is thrown', async (code) => {
    const { ecr } = await scripted(() => ({ __type: code, message: 'no' }));
    await expect(ecr.startScan(id)).rejects.toMatchObject({ code });
  });
});
