import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { counts, guideTable, judge, judgeOne, type Environment, type GuideItem, type Judged } from '../kit/guide.ts';
import { GuideAws, parseXml } from '../kit/guide-aws.ts';
import { guideItems } from '../kit/guide-items.ts';
import { bootstrap, environments, fillInKey, putUp, takeDown, update, type Put } from '../kit/guide-environments.ts';
import { vpcOf } from '../kit/guide-network.ts';
import { bootstrapItems } from '../kit/guide-security.ts';
import { distributionOf, serviceOf } from '../kit/guide-serving.ts';
import { startEmulator, type Emulator } from '../local/emulator.ts';
import { prepare } from '../local/prepare.ts';
import { workRoot } from '../local/paths.ts';

let emulator: Emulator;
const all: Judged[] = [];

beforeAll(async () => {
  await prepare(console.log, { docker: false });
  emulator = await startEmulator({ docker: false });
}, 300_000);

afterAll(async () => {
  await emulator.stop();
  if (all.length === 0) return;
  const file = join(workRoot, 'guide.md');
  mkdirSync(workRoot, { recursive: true });
  const parts = Map.groupBy(all, ({ environment }) => environment);
  const text = [...parts].map(([title, rows]) => `## ${title}\n\n${guideTable(rows)}\n`).join('\n');
  const summary = Object.entries(counts(all)).map(([kind, count]) => `${count} ${kind}`);
  writeFileSync(file, `# The guide, item by item\n\n${summary.join(', ')}\n\n${text}`);
  process.stdout.write(`\n${text}\n${summary.join(', ')} (also in .local/guide.md)\n`);
}, 60_000);

const failed = (rows: readonly Judged[]): readonly object[] =>
  rows.filter(({ kind }) => kind === 'does not hold').map(({ item, expected, found }) => ({ item, expected, found }));

describe.each(environments)('$title, asked for through the services’ own APIs', (wanted) => {
  let put: Put;
  let environment: Environment;

  test('goes up', async () => {
    put = await putUp(emulator.endpoint, wanted);
    environment = put.environment;
    expect(put.report.outputs['changed']).toBe('true');
    expect(put.report.outputs['missing-secrets']).toBe(`${environment.name}/openai-api-key`);
  }, 120_000);

  test('is updated: a parameter, and the key that a person filled in', async () => {
    await fillInKey(environment);
    const { report, lines } = await put.apply(update);
    expect(report.failure?.message).toBeUndefined();
    expect(report.outputs).toMatchObject({ changed: 'true', 'missing-secrets': '' });
    environment = { ...environment, outputs: report.outputs, paper: await environment.aws.onPaper() };
    const again = await put.apply(update);
    expect({ changed: again.report.outputs['changed'], lines: again.lines }).toEqual({
      changed: 'false',
      lines: expect.arrayContaining(['foundation  unchanged', 'app  unchanged']),
    });
    expect(lines.join('\n')).not.toContain('sk-not-a-real-one');
  }, 120_000);

  test('is what the guide says, item by item', async () => {
    const rows = await judge(guideItems, environment);
    all.push(...rows);
    expect(failed(rows)).toEqual([]);
  }, 120_000);

  test('is kept on paper only where the emulator has no service, and each of these has a row', () => {
    const known = {
      'AWS::RDS::DBInstance': 'Database Insights, and which logs CloudWatch gets',
      'AWS::S3::Bucket': 'S3 request metrics of the buckets',
      'AWS::Logs::QueryDefinition': 'Saved query: error rate',
      'AWS::ApplicationAutoScaling::ScalableTarget': 'Autoscaling: 2-4 tasks',
      'AWS::ApplicationAutoScaling::ScalingPolicy': 'Autoscaling: ECSServiceAverageCPUUtilization at 80 %',
    };
    const types = new Set(environment.paper.map(({ type }) => type));
    expect([...types].filter((type) => !Object.keys(known).includes(type))).toEqual([]);
    for (const row of Object.values(known)) {
      expect(guideItems.find(({ item }) => item === row)).toHaveProperty('unprovable');
    }
  });

  if (wanted.domain !== undefined && wanted.region !== 'us-east-1') {
    test('has in us-east-1 what CloudFront looks for there, and nothing of that elsewhere', async () => {
      const names = async (where: GuideAws): Promise<readonly string[]> =>
        (
          (await where.acm('ListCertificates'))['CertificateSummaryList'] as readonly { readonly DomainName: string }[]
        ).map(({ DomainName }) => DomainName);
      const { aws, edge } = environment;
      expect(await names(edge)).toEqual([`analytics.${wanted.domain}`]);
      expect(await names(aws)).toEqual([`api.${wanted.domain}`]);
      await expect(vpcOf({ ...environment, aws: edge })).rejects.toThrow(`0 of ${environment.name}-vpc`);
    });
  }

  test('goes down, and leaves what holds data', async () => {
    if (wanted.tier !== 'development') {
      const protectedOne = environment.aws.rds('DeleteDBInstance', {
        DBInstanceIdentifier: `${environment.name}-db`,
        SkipFinalSnapshot: 'true',
      });
      await expect(protectedOne).rejects.toThrow(/DeletionProtection|protect/);
    }
    const { report } = await takeDown(environment);
    expect(report.failure?.message).toBeUndefined();
    expect(report.summary.match(/✅ gone/g)).toHaveLength(wanted.domain === undefined ? 3 : 4);
    expect(report.summary).toContain('| 1 database snapshot | `');
    expect(report.summary).toContain(`\`${environment.name}/jwt-secret\``);
    expect((await takeDown(environment)).report.outputs).toMatchObject({ changed: 'false', changes: '0' });
    const gone = await Promise.allSettled([
      vpcOf(environment),
      serviceOf(environment).then(({ status }) =>
        status === 'INACTIVE' ? Promise.reject(new Error('inactive')) : status,
      ),
      distributionOf(environment),
      environment.aws.rds('DescribeDBInstances', { DBInstanceIdentifier: `${environment.name}-db` }),
    ]);
    expect(gone.map(({ status }) => status)).toEqual(gone.map(() => 'rejected'));
    const kept = guideItems.filter(({ item }) =>
      [
        'Uploads bucket',
        'Bucket of the site',
        'ECR repository',
        'Secret database-url',
        'Log group of the application',
      ].includes(item),
    );
    expect(kept).toHaveLength(5);
    expect(failed(await judge(kept, environment))).toEqual([]);
    const snapshots = await environment.aws.rds('DescribeDBSnapshots', {
      DBInstanceIdentifier: `${environment.name}-db`,
    });
    expect(snapshots.list('DBSnapshots')).toHaveLength(1);
  }, 120_000);
});

describe('bootstrap, once for an account', () => {
  test('goes up, and a second run finds the account’s provider', async () => {
    const aws = new GuideAws(emulator.endpoint, '555555555555', 'eu-west-1');
    const { report } = await bootstrap(aws);
    expect(report.failure?.message).toBeUndefined();
    expect((await bootstrap(aws)).report.outputs['changed']).toBe('false');
    const environment = {
      ...({ title: 'bootstrap', tier: 'production-small', compute: 'fargate', kms: 'aws' } as const),
      ...{ name: 'analytics-studio', environment: 'production', domain: undefined, zone: undefined },
      ...{ aws, edge: aws, outputs: report.outputs, paper: [] },
    };
    const rows = await judge(bootstrapItems, environment);
    all.push(...rows);
    expect(failed(rows)).toEqual([]);
  }, 60_000);
});

describe('the judgement', () => {
  const nowhere = { title: 'nowhere' } as Environment;
  const item = (found: string, more: Partial<GuideItem> = {}): GuideItem => ({
    item: 'NAT gateways',
    guide: 'Network Security',
    expected: '2',
    found: () => Promise.resolve(found),
    ...more,
  });

  test.each([
    ['as in the guide', item('2')],
    ['differs on purpose', item('2', { differs: 'because' })],
    ['not provable here', item('2', { unprovable: 'nobody to ask', differs: 'because' })],
    ['does not hold', item('1')],
    ['does not hold', item('1', { differs: 'because' })],
    ['does not hold', item('1', { unprovable: 'nobody to ask' })],
    ['does not hold', item('', { found: () => Promise.reject(new Error('no such thing')) })],
  ])('%s', async (kind, one) => {
    const judged = await judgeOne(one, nowhere);
    expect(judged.kind).toBe(kind);
    expect(guideTable([judged])).toContain('NAT gateways');
  });

  test('answers in XML are read as they are', () => {
    const xml = parseXml(
      '<?xml version="1.0"?><R xmlns="x"><vpcSet><item><a>1 &lt; 2</a><b/></item><item><a>&#x41;</a></item></vpcSet></R>',
    );
    expect(xml.list('vpcSet').map((one) => [one.text('a'), one.text('b'), one.text('c')])).toEqual([
      ['1 < 2', '', ''],
      ['A', '', ''],
    ]);
    expect(() => parseXml('<a><b></a></b>')).toThrow('is open');
  });
});
