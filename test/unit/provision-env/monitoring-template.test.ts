import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { evaluate, type Tree } from './evaluate.ts';
import { accepts, maxTemplateBytes, parseTemplate } from '../../../actions/provision-env/src/template.ts';

const path = join(import.meta.dirname, '../../../actions/provision-env/templates/monitoring.yml');
const text = readFileSync(path, 'utf8');
const template = parseTemplate(text);
const monitoring = (given: Readonly<Record<string, string>> = {}): Tree => evaluate(text, given);
const stack = monitoring();
const alarms = Object.values(stack as Record<string, Tree>).filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
const alarm = (name: string): Tree =>
  alarms.find(({ Properties }) => Properties.AlarmName === `analytics-studio-${name}`)?.Properties;

test('is a template like the others', () => {
  expect(Buffer.byteLength(text)).toBeLessThan(maxTemplateBytes);
  for (const { description, logicalId } of template.resources.values()) expect(description).not.toBe(logicalId);
  for (const parameter of template.parameters.values()) {
    expect([parameter.name, parameter.description]).not.toEqual([parameter.name, '']);
    if (parameter.fallback !== undefined) expect(accepts(parameter, parameter.fallback)).toBeUndefined();
  }
});

describe('the guide’s five alarms', () => {
  test('are all there, and tell the topic', () => {
    expect(alarms).toHaveLength(5);
    for (const { Properties } of alarms) {
      expect(Properties).toMatchObject({
        ComparisonOperator: 'GreaterThanThreshold',
        TreatMissingData: 'notBreaching',
        AlarmActions: ['<AlarmTopic>'],
        OKActions: ['<AlarmTopic>'],
      });
    }
  });

  const ecs = [
    { Name: 'ClusterName', Value: '<Cluster>' },
    { Name: 'ServiceName', Value: '<Service>' },
  ];

  test.each([
    ['HighCPUUtilization', 'CPUUtilization', 80],
    ['HighMemoryUtilization', 'MemoryUtilization', 85],
  ])('%s', (name, metric, threshold) => {
    expect(alarm(name)).toMatchObject({
      Namespace: 'AWS/ECS',
      MetricName: metric,
      Dimensions: ecs,
      Statistic: 'Average',
      Period: 300,
      EvaluationPeriods: 2,
      Threshold: threshold,
    });
  });

  test('latency is the 99th percentile', () => {
    expect(alarm('SlowApi')).toMatchObject({
      Namespace: 'AWS/ApplicationELB',
      MetricName: 'TargetResponseTime',
      Dimensions: [{ Name: 'LoadBalancer', Value: '<LoadBalancerFullName>' }],
      ExtendedStatistic: 'p99',
      EvaluateLowSampleCountPercentile: 'ignore',
      Threshold: 2,
    });
  });

  test('connections are those the instance class takes', () => {
    expect(alarm('HighDatabaseConnections')).toMatchObject({
      Threshold: 80,
      Metrics: [
        { Id: 'used', Expression: '100 * connections / 170' },
        {
          Id: 'connections',
          ReturnData: false,
          MetricStat: { Metric: { Namespace: 'AWS/RDS', MetricName: 'DatabaseConnections' } },
        },
      ],
    });
    const micro = monitoring({ DatabaseMaxConnections: '112' }).HighConnections.Properties.Metrics[0];
    expect(micro.Expression).toBe('100 * connections / 112');
  });

  describe('5xx', () => {
    const metrics: readonly Tree[] = alarm('High5xxRate').Metrics;
    const named: Readonly<Record<string, string>> = {
      RequestCount: 'requests',
      HTTPCode_Target_5XX_Count: 'task5xx',
      HTTPCode_ELB_5XX_Count: 'balancer5xx',
    };

    test('is a rate, of what the load balancer counts', () => {
      expect(alarm('High5xxRate').Threshold).toBe(1);
      const counts = metrics.filter(({ MetricStat }) => MetricStat !== undefined);
      expect(
        Object.fromEntries(counts.map(({ Id, MetricStat }) => [MetricStat.Metric.MetricName, Id] as const)),
      ).toEqual(named);
      expect(counts.map(({ MetricStat }) => MetricStat.Stat as string)).toEqual(['Sum', 'Sum', 'Sum']);
      expect(metrics.filter(({ ReturnData }) => ReturnData !== false).map(({ Id }) => Id as string)).toEqual(['rate']);
    });

    /** The template's own expressions, worked out as CloudWatch does for one point of time. */
    const rate = (counts: Readonly<Record<string, number | undefined>>): number => {
      const expression = (id: string): string => metrics.find(({ Id }) => Id === id).Expression as string;
      const fill = (source: string, values: Readonly<Record<string, number | undefined>>): string =>
        source.replace(/FILL\((\w+), 0\)/g, (_, name: string) => String(values[name] ?? 0));
      const sum = /^(\d+) \+ (\d+)$/.exec(fill(expression('failed'), counts));
      const failed = Number(sum?.[1]) + Number(sum?.[2]);
      const larger = /^MAX\(\[(\d+), failed\]\)$/.exec(fill(expression('total'), counts));
      const total = Math.max(Number(larger?.[1]), failed);
      const parts = /^IF\(total >= (\d+) OR failed >= (\d+), 100 \* failed \/ total, 0\)$/.exec(expression('rate'));
      return total >= Number(parts?.[1]) || failed >= Number(parts?.[2]) ? (100 * failed) / total : 0;
    };

    test.each([
      ['one failure of twenty is no alarm', { requests: 20, task5xx: 1 }, false],
      ['one of a hundred is not more than 1 %', { requests: 100, task5xx: 1 }, false],
      ['two of a hundred are', { requests: 100, task5xx: 2 }, true],
      ['five of ten are', { requests: 10, task5xx: 5 }, true],
      ['nor is silence', {}, false],
      ['no task at all: nothing but refusals, which are no requests', { balancer5xx: 50 }, true],
      ['both kinds count together', { requests: 1000, task5xx: 6, balancer5xx: 5 }, true],
      ['ten of a thousand are 1 %, not more', { requests: 1000, task5xx: 10 }, false],
    ])('%s', (_, counts, alarmed) => {
      expect(rate(counts) > 1).toBe(alarmed);
    });
  });
});

test('only alarms and budgets of this account publish to the topic', () => {
  const statements: readonly Tree[] = stack.AlarmTopicPolicy.Properties.PolicyDocument.Statement;
  expect(statements.map(({ Principal }) => Principal.Service as string)).toEqual([
    'cloudwatch.amazonaws.com',
    'budgets.amazonaws.com',
  ]);
  for (const { Effect, Action, Resource, Condition } of statements) {
    expect([Effect, Action, Resource]).toEqual(['Allow', 'sns:Publish', '<AlarmTopic>']);
    expect(Condition.StringEquals).toEqual({ 'aws:SourceAccount': '123456789012' });
  }
  expect(stack.AlarmTopic.Properties).not.toHaveProperty('KmsMasterKeyId');
  expect(monitoring({ KmsKeyArn: 'arn:key' }).AlarmTopic.Properties.KmsMasterKeyId).toBe('arn:key');
});

test('mail and budget are there when asked for', () => {
  expect(stack).not.toHaveProperty('AlarmMail');
  expect(stack).not.toHaveProperty('Budget');
  const more = monitoring({ AlarmEmail: 'ops@example.com', MonthlyBudgetUsd: '250' });
  expect(more.AlarmMail.Properties).toMatchObject({ Protocol: 'email', Endpoint: 'ops@example.com' });
  expect(more.Budget.Properties.Budget).toMatchObject({
    BudgetType: 'COST',
    TimeUnit: 'MONTHLY',
    BudgetLimit: { Amount: '250', Unit: 'USD' },
    FilterExpression: {
      And: [
        { Tags: { Key: 'app', Values: ['analytics-studio'] } },
        { Tags: { Key: 'environment', Values: ['production'] } },
      ],
    },
  });
  for (const { Subscribers } of more.Budget.Properties.NotificationsWithSubscribers)
    expect(Subscribers).toEqual([{ SubscriptionType: 'SNS', Address: '<AlarmTopic>' }]);
});

describe('the dashboard', () => {
  const widgets = (given: Readonly<Record<string, string>> = {}): Tree[] =>
    JSON.parse(monitoring(given).Overview.Properties.DashboardBody as string).widgets as Tree[];
  const metrics = (widget: Tree): readonly string[] =>
    (widget.properties.metrics as [string, string][]).map(([namespace, name]) => `${namespace} ${name}`);

  test('has the guide’s five groups', () => {
    const [ecs, api, database, s3, errors] = widgets();
    expect(metrics(ecs)).toEqual(['AWS/ECS CPUUtilization', 'AWS/ECS MemoryUtilization']);
    expect(metrics(api)).toEqual(
      expect.arrayContaining(['AWS/ApplicationELB RequestCount', 'AWS/ApplicationELB TargetResponseTime']),
    );
    expect(metrics(database)).toEqual(['AWS/RDS DatabaseConnections', 'AWS/RDS CPUUtilization']);
    expect(metrics(s3)).toContain('AWS/S3 AllRequests');
    expect(errors.properties.query).toBe(
      "SOURCE '<LogGroup>' | fields @timestamp, @message | filter @message like /ERROR/ | stats count() by bin(5m)",
    );
    expect(widgets()).toHaveLength(5);
  });

  test('shows the cache where there is one', () => {
    expect(metrics(widgets({ CacheIdentifier: 'shop-redis' })[2])).toContain('AWS/ElastiCache EngineCPUUtilization');
  });

  test('may be left out', () => {
    expect(monitoring({ Dashboard: 'false' })).not.toHaveProperty('Overview');
  });
});

test('the saved queries are the guide’s', () => {
  expect(stack.ErrorRateQuery.Properties).toEqual({
    Name: 'analytics-studio/Error rate by endpoint',
    LogGroupNames: ['<LogGroup>'],
    QueryString: 'fields @timestamp, @message\n| filter @message like /ERROR/\n| stats count() by bin(5m)',
  });
  expect(stack.SlowQueriesQuery.Properties).toEqual({
    Name: 'analytics-studio/Slow queries',
    LogGroupNames: ['<LogGroup>'],
    QueryString: [
      'fields @timestamp, @message',
      '| filter @message like /query took/',
      '| parse @message "query took * ms" as duration',
      '| filter duration > 1000',
      '| sort @timestamp desc',
    ].join('\n'),
  });
});
