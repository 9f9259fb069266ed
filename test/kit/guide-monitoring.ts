import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import type { Environment, GuideItem } from './guide.ts';
import type { Json } from './guide-aws.ts';
import { one, sorted } from './guide-network.ts';

const metrics = 'Key Metrics to Monitor';
const alarmsStep = 'Phase 4: Set Up Alarms';
const dashboards = 'CloudWatch Dashboards';
const queries = 'Log Queries (CloudWatch Insights)';

/** What the environments are given beyond their tier's own. */
export const alarmEmail = 'alarms@example.com';
export const monthlyBudget = '250';
/** Set by the update that every environment goes through. */
export const retentionAfterUpdate = '14';

const hasDashboard = ({ tier }: Environment): boolean => tier !== 'development';
const scales = hasDashboard;

async function alarmsOf({ aws }: Environment): Promise<readonly Json[]> {
  return (await aws.cloudWatch('DescribeAlarms', { MaxRecords: 100 }))['MetricAlarms'] as readonly Json[];
}

interface Watched {
  readonly namespace: string;
  readonly metric: string;
}

/** Metrics that an alarm looks at: its own, or those of its expression. */
const metricsOf = (alarm: Json): readonly Watched[] =>
  alarm['Metrics'] === undefined
    ? [{ namespace: String(alarm['Namespace']), metric: String(alarm['MetricName']) }]
    : (alarm['Metrics'] as readonly Json[]).flatMap(({ MetricStat }) =>
        MetricStat === undefined
          ? []
          : [
              {
                namespace: String(MetricStat['Metric']['Namespace']),
                metric: String(MetricStat['Metric']['MetricName']),
              },
            ],
      );

async function alarmOn(environment: Environment, namespace: string, metric: string): Promise<Json> {
  const found = (await alarmsOf(environment)).filter((alarm) =>
    metricsOf(alarm).some((one_) => one_.namespace === namespace && one_.metric === metric),
  );
  return one(found, `alarms on ${namespace} ${metric}`);
}

const operators: Readonly<Record<string, string>> = {
  GreaterThanThreshold: '>',
  GreaterThanOrEqualToThreshold: '>=',
};

const condition = (alarm: Json): string => {
  const statistic = alarm['ExtendedStatistic'] ?? alarm['Statistic'];
  return `${String(statistic)} ${operators[String(alarm['ComparisonOperator'])]} ${Number(alarm['Threshold'])}`;
};

const expressionOf = (alarm: Json): string =>
  sorted(
    ((alarm['Metrics'] ?? []) as readonly Json[]).flatMap(({ Expression }) =>
      Expression === undefined ? [] : [String(Expression)],
    ),
  );

const ecsAlarm = (metric: string, threshold: number): GuideItem => ({
  item: `Alarm: ECS ${metric} over ${threshold} %`,
  guide: `${metrics}; ${alarmsStep}`,
  expected: `Average > ${threshold}, twice in 300 s, of the service; tells the topic`,
  found: async (environment) => {
    const alarm = await alarmOn(environment, 'AWS/ECS', metric);
    const times = alarm['EvaluationPeriods'] === 2 ? 'twice' : `${Number(alarm['EvaluationPeriods'])} times`;
    const dimensions = Object.fromEntries(
      (alarm['Dimensions'] as readonly Json[]).map(({ Name, Value }) => [String(Name), String(Value)]),
    );
    const { name } = environment;
    const mine = dimensions['ClusterName'] === `${name}-cluster` && dimensions['ServiceName'] === `${name}-api`;
    return `${condition(alarm)}, ${times} in ${Number(alarm['Period'])} s, of ${mine ? 'the service' : 'something else'}; ${tells(alarm, environment)}`;
  },
});

const tells = (alarm: Json, { outputs }: Environment): string => {
  const actions = (alarm['AlarmActions'] ?? []) as readonly string[];
  return actions.length === 1 && actions[0] === outputs['alarm-topic-arn'] ? 'tells the topic' : 'tells nobody';
};

async function dashboardOf({ aws, outputs }: Environment): Promise<string> {
  const names = ((await aws.cloudWatch('ListDashboards'))['DashboardEntries'] as readonly Json[]).map(
    ({ DashboardName }) => String(DashboardName),
  );
  const name = one(names, 'dashboards');
  if (name !== outputs['dashboard-name']) throw new Error(`${name} is not the output's`);
  return String((await aws.cloudWatch('GetDashboard', { DashboardName: name }))['DashboardBody']);
}

const widget = (item: string, texts: readonly string[]): GuideItem => ({
  item: `Dashboard: ${item}`,
  guide: dashboards,
  expected: texts.join(', '),
  found: async (environment) => {
    const body = JSON.parse(await dashboardOf(environment)) as {
      readonly widgets: readonly { readonly properties?: unknown }[];
    };
    const shown = JSON.stringify(body.widgets.map(({ properties }) => properties));
    return texts.filter((text) => shown.includes(text)).join(', ');
  },
  where: hasDashboard,
});

const onPaper = (environment: Environment, type: string): readonly Json[] =>
  environment.paper.filter((entry) => entry.type === type).map(({ properties }) => properties);

const noService = (what: string): string => `the emulator has no ${what}: this is what CloudFormation was told`;

const tracking = (metric: string, target: number): GuideItem => ({
  item: `Autoscaling: ${metric} at ${target} %`,
  guide: `${metrics}; Cost Estimation: Auto-scaling`,
  expected: `TargetTrackingScaling, ${target}`,
  found: async (environment) => {
    const found = onPaper(environment, 'AWS::ApplicationAutoScaling::ScalingPolicy').filter(
      (policy) =>
        policy['TargetTrackingScalingPolicyConfiguration']?.['PredefinedMetricSpecification']?.[
          'PredefinedMetricType'
        ] === metric,
    );
    const policy = one(found, metric);
    return `${String(policy['PolicyType'])}, ${Number(policy['TargetTrackingScalingPolicyConfiguration']['TargetValue'])}`;
  },
  where: scales,
  unprovable: noService('Application Auto Scaling'),
});

const words = (text: string): string => text.replace(/\s+/g, ' ').replaceAll('| ', '| ').trim();

const query = (item: string, lines: readonly string[]): GuideItem => ({
  item: `Saved query: ${item}`,
  guide: queries,
  expected: ({ name }) => `${lines.join(' ')}; on /ecs/${name}`,
  found: async (environment) => {
    const found = onPaper(environment, 'AWS::Logs::QueryDefinition').map((definition) => ({
      text: words(String(definition['QueryString'])),
      groups: ((definition['LogGroupNames'] ?? []) as readonly string[]).join(', '),
    }));
    const { text, groups } = one(
      found.filter(({ text: one_ }) => lines.every((line) => one_.includes(line))),
      item,
    );
    return `${text}; on ${groups}`;
  },
  unprovable: noService('query definitions'),
});

export const monitoringItems: readonly GuideItem[] = [
  {
    item: 'Log group of the application',
    guide: 'Phase 4: Enable CloudWatch Logging',
    expected: ({ name }) => `/ecs/${name}, ${retentionAfterUpdate} days (as the update set it)`,
    found: async ({ aws, name }) => {
      const answer = await aws.logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: `/ecs/${name}` }));
      const group = one(
        (answer.logGroups ?? []).filter(({ logGroupName }) => logGroupName === `/ecs/${name}`),
        'log groups',
      );
      return `${group.logGroupName}, ${group.retentionInDays} days (as the update set it)`;
    },
  },

  // ---- Alarms ----
  ecsAlarm('CPUUtilization', 80),
  ecsAlarm('MemoryUtilization', 85),
  {
    item: 'Alarm: ALB 5xx errors over 1 %',
    guide: metrics,
    expected: '> 1 % of all requests; tells the topic',
    found: async (environment) => {
      const alarm = await alarmOn(environment, 'AWS/ApplicationELB', 'HTTPCode_Target_5XX_Count');
      const of = metricsOf(alarm).some(({ metric }) => metric === 'RequestCount') ? 'of all requests' : 'of what?';
      const percent = Number(alarm['Threshold']) * (/100/.test(expressionOf(alarm)) ? 1 : 100);
      return `${operators[String(alarm['ComparisonOperator'])]} ${percent} % ${of}; ${tells(alarm, environment)}`;
    },
    unprovable: 'the emulator keeps an alarm on an expression, but knows no metric math',
  },
  {
    item: 'Alarm: RDS connections over 80 %',
    guide: metrics,
    expected: ({ tier }) => `> 80 % of ${tier === 'development' ? 75 : 170}; tells the topic`,
    found: async (environment) => {
      const alarm = await alarmOn(environment, 'AWS/RDS', 'DatabaseConnections');
      const [most = ''] = /\d+(?=\D*$)/.exec(expressionOf(alarm).replace(/\b100\b/, '')) ?? [];
      return `${operators[String(alarm['ComparisonOperator'])]} ${Number(alarm['Threshold'])} % of ${most}; ${tells(alarm, environment)}`;
    },
    unprovable: 'the emulator keeps an alarm on an expression, but knows no metric math',
  },
  {
    item: 'Alarm: API latency p99 over 2 s',
    guide: metrics,
    expected: 'p99 > 2; tells the topic',
    found: async (environment) => {
      const alarm = await alarmOn(environment, 'AWS/ApplicationELB', 'TargetResponseTime');
      return `${condition(alarm)}; ${tells(alarm, environment)}`;
    },
  },
  {
    item: 'Who is told',
    guide: alarmsStep,
    expected: `email ${alarmEmail}`,
    found: async ({ aws, outputs }) => {
      const answer = await aws.sns('ListSubscriptionsByTopic', { TopicArn: outputs['alarm-topic-arn'] ?? '' });
      return sorted(answer.list('Subscriptions').map((item) => `${item.text('Protocol')} ${item.text('Endpoint')}`));
    },
  },
  {
    item: 'CloudWatch and Budgets may write to the topic, for this account',
    guide: alarmsStep,
    expected: 'budgets.amazonaws.com, cloudwatch.amazonaws.com; of this account only',
    found: async ({ aws, outputs }) => {
      const answer = await aws.sns('GetTopicAttributes', { TopicArn: outputs['alarm-topic-arn'] ?? '' });
      const attributes = answer.list('Attributes');
      const policy = attributes.find((entry) => entry.text('key') === 'Policy')?.text('value') ?? '{}';
      const { Statement = [] } = JSON.parse(policy) as { readonly Statement?: readonly Json[] };
      const allowed = Statement.filter(({ Effect }) => Effect === 'Allow');
      const who = allowed.flatMap(({ Principal }) =>
        [(Principal?.['Service'] ?? JSON.stringify(Principal)) as string].flat(),
      );
      const own = allowed.every(({ Condition }) => JSON.stringify(Condition ?? {}).includes(aws.account));
      return `${sorted(who)}; of ${own ? 'this account only' : 'any account'}`;
    },
  },
  {
    item: 'A budget, so that a price range is noticed when it is left',
    guide: 'Cost Estimation (Monthly)',
    expected: `${monthlyBudget} USD, MONTHLY, COST`,
    found: async ({ aws }) => {
      const answer = await aws.budgets('DescribeBudgets', { AccountId: aws.account });
      const { BudgetLimit, TimeUnit, BudgetType } = one((answer['Budgets'] ?? []) as readonly Json[], 'budgets');
      return `${Number(BudgetLimit['Amount'])} ${String(BudgetLimit['Unit'])}, ${String(TimeUnit)}, ${String(BudgetType)}`;
    },
    differs: 'the guide estimates only',
  },
  {
    item: 'Monthly costs',
    guide: 'Cost Estimation (Monthly)',
    expected: 'on the bill',
    found: async () => 'on the bill',
    unprovable: 'nothing here has a price; only a bill tells',
  },

  // ---- Dashboard ----
  widget('ECS CPU and memory', ['AWS/ECS', 'CPUUtilization', 'MemoryUtilization']),
  widget('ALB request count and latency', ['AWS/ApplicationELB', 'RequestCount', 'TargetResponseTime']),
  widget('RDS connections and CPU', ['AWS/RDS', 'DatabaseConnections', 'CPUUtilization']),
  widget('S3 request metrics', ['AWS/S3', 'AllRequests']),
  widget('error rates from application logs', ['ERROR', '/ecs/']),
  {
    item: 'S3 request metrics of the buckets',
    guide: dashboards,
    expected: 'frontend, uploads',
    found: async (environment) =>
      sorted(
        environment.paper
          .filter(
            ({ type, properties }) => type === 'AWS::S3::Bucket' && properties['MetricsConfigurations'] !== undefined,
          )
          .map(({ id }) => id.replace(`${environment.name}-`, '').replace(`-${environment.aws.account}`, '')),
      ),
    where: hasDashboard,
    unprovable: noService('bucket metrics'),
  },
  {
    item: 'Dashboard',
    guide: dashboards,
    expected: 'none',
    found: async ({ aws }) =>
      ((await aws.cloudWatch('ListDashboards'))['DashboardEntries'] as readonly Json[]).length === 0 ? 'none' : 'some',
    where: ({ tier }) => tier === 'development',
    differs: 'left out of development for its price; the parameter Dashboard makes it',
  },

  // ---- Autoscaling ----
  {
    item: 'Autoscaling: 2-4 tasks',
    guide: 'Architecture Diagram: 2-4 tasks, auto-scaling',
    expected: ({ name }) => `2-4, service/${name}-cluster/${name}-api, ecs:service:DesiredCount`,
    found: async (environment) => {
      const target = one(onPaper(environment, 'AWS::ApplicationAutoScaling::ScalableTarget'), 'scalable targets');
      const range = `${Number(target['MinCapacity'])}-${Number(target['MaxCapacity'])}`;
      return `${range}, ${String(target['ResourceId'])}, ${String(target['ScalableDimension'])}`;
    },
    where: scales,
    unprovable: noService('Application Auto Scaling'),
  },
  tracking('ECSServiceAverageCPUUtilization', 80),
  tracking('ECSServiceAverageMemoryUtilization', 85),

  // ---- Queries ----
  query('error rate', ['fields @timestamp, @message', '| filter @message like /ERROR/', '| stats count() by bin(5m)']),
  query('slow queries', [
    'fields @timestamp, @message',
    '| filter @message like /query took/',
    '| parse @message "query took * ms" as duration',
    '| filter duration > 1000',
    '| sort @timestamp desc',
  ]),
];
