import { describe, expect, test } from '@jest/globals';
import { driftLines, driftWarnings, reportDrift } from '../../../actions/provision-env/src/drift-report.ts';
import { consoleLink, revertCommands } from '../../../actions/provision-env/src/drift-remedy.ts';
import { shownValue } from '../../../actions/provision-env/src/shown-value.ts';
import {
  failedResources,
  judgeDrift,
  overall,
  ownerOf,
  type Compared,
  type SeenStack,
  type StackVerdict,
} from '../../../actions/provision-env/src/drift-verdict.ts';
import type { Seen } from '../../../actions/provision-env/src/report.ts';
import { stackSpecs, type StackKey } from '../../../actions/provision-env/src/stacks.ts';
import { readTemplates } from '../../../actions/provision-env/src/templates.ts';
import type { PropertyDrift, ResourceDrift, StackState } from '../../../shared/aws/cloudformation.ts';

const specs = stackSpecs(
  {
    app: 'analytics-studio',
    environment: 'production',
    tier: 'production-small',
    region: 'eu-west-1',
    parameters: new Map(),
    environmentVariables: new Map(),
  },
  readTemplates(),
);
const specOf = (key: StackKey) => specs.find((spec) => spec.key === key)!;

const state = (parameters: readonly string[] = [], id?: string): StackState => ({
  id: id ?? 'arn:aws:cloudformation:eu-west-1:123456789012:stack/analytics-studio-production-app/1-2',
  name: 'analytics-studio-production-app',
  status: 'UPDATE_COMPLETE',
  reason: '',
  parameters: new Map(parameters.map((name) => [name, 'x'])),
  outputs: new Map([['Cluster', 'the-cluster']]),
  isProtected: false,
});

const differs = (path: string, expected: string, ...rest: readonly [string, PropertyDrift['kind']?]): PropertyDrift => {
  const [actual, kind = 'NOT_EQUAL'] = rest;
  return { path, expected, actual, kind };
};

function drift(
  logicalId: string,
  type: string,
  ...[status = 'IN_SYNC', differences = []]: readonly [string?, (readonly PropertyDrift[])?]
): ResourceDrift {
  return { logicalId, physicalId: `id-${logicalId}`, type, status, reason: '', differences };
}

function seen(
  drifts: readonly ResourceDrift[],
  more: Partial<Compared> & { readonly parameters?: readonly string[] } = {},
): SeenStack {
  const { parameters = [], ...rest } = more;
  const resources = drifts.map(({ logicalId, physicalId, type }) => ({
    logicalId,
    physicalId,
    type,
    status: 'CREATE_COMPLETE',
  }));
  return {
    spec: specOf('app'),
    state: state(parameters),
    outcome: { kind: 'compared', failure: '', drifts, resources, ms: 1, ...rest },
  };
}

const service = 'AWS::ECS::Service';
const revision = 'arn:aws:ecs:eu-west-1:123456789012:task-definition/analytics-studio-backend:7';

describe('what others own', () => {
  test.each([
    [service, differs('/TaskDefinition', 'a', 'b')],
    [service, differs('/DesiredCount', '0', '4')],
    ['AWS::RDS::DBInstance', differs('/AllocatedStorage', '20', '100')],
    ['AWS::RDS::DBInstance', differs('/EngineVersion', '16', '16.4')],
    ['AWS::RDS::DBInstance', differs('/EngineVersion', '16.4', '16.10')],
    ['AWS::ElastiCache::ReplicationGroup', differs('/EngineVersion', '7.1', '7.1.0')],
    ['AWS::ECS::Cluster', differs('/Tags/3', 'null', '{"Value":"x","Key":"aws:cloudformation:stack-id"}', 'ADD')],
  ])('%s %j', (type, difference) => {
    expect(ownerOf(type, difference)).toBeDefined();
  });

  test.each([
    // The like of it elsewhere, or the other way round, is drift.
    [service, differs('/TaskDefinition', 'a', 'null', 'REMOVE')],
    [service, differs('/TaskDefinition/Family', 'a', 'b')],
    [service, differs('/LoadBalancers/0/ContainerPort', '8000', '9000')],
    ['AWS::ECS::TaskSet', differs('/TaskDefinition', 'a', 'b')],
    ['AWS::ApplicationAutoScaling::ScalableTarget', differs('/MaxCapacity', '4', '40')],
    ['AWS::RDS::DBInstance', differs('/AllocatedStorage', '100', '20')],
    ['AWS::RDS::DBInstance', differs('/AllocatedStorage', '100', 'many')],
    ['AWS::RDS::DBInstance', differs('/EngineVersion', '16', '17.1')],
    ['AWS::RDS::DBInstance', differs('/EngineVersion', '16.10', '16.4')],
    ['AWS::RDS::DBInstance', differs('/EngineVersion', '16.4', '16')],
    ['AWS::RDS::DBInstance', differs('/EngineVersion', '16', '16-beta')],
    ['AWS::RDS::DBInstance', differs('/DeletionProtection', 'true', 'false')],
    ['AWS::ECS::Cluster', differs('/Tags/3', 'null', '{"Key":"team","Value":"aws:x"}', 'ADD')],
    ['AWS::ECS::Cluster', differs('/Tags/0', '{"Key":"aws:x","Value":"x"}', 'null', 'REMOVE')],
    ['AWS::ECS::Cluster', differs('/Settings/3', 'null', '{"Key":"aws:x"}', 'ADD')],
  ])('but not %s %j', (type, difference) => {
    expect(ownerOf(type, difference)).toBeUndefined();
  });
});

describe('verdict', () => {
  test('a resource with expected differences only is none that drifted; with others, those alone are told', () => {
    const own = differs('/HealthCheckGracePeriodSeconds', '60', '0');
    const owned = differs('/DesiredCount', '0', '2');
    const only = judgeDrift(seen([drift('Service', service, 'MODIFIED', [owned])]));
    expect([only.drifted, only.expected.length, overall([only])]).toEqual([[], 1, 'false']);
    const both = judgeDrift(seen([drift('Service', service, 'MODIFIED', [owned, own])]));
    expect(both.drifted).toMatchObject([{ description: 'ECS service', kind: 'modified', differences: [own] }]);
    expect([both.expected.length, overall([both])]).toEqual([1, 'true']);
  });

  test('what is said to differ without saying how is drift all the same', () => {
    expect(judgeDrift(seen([drift('Service', service, 'MODIFIED')])).drifted).toHaveLength(1);
    expect(judgeDrift(seen([drift('Service', service, 'DELETED')])).drifted).toMatchObject([{ kind: 'deleted' }]);
  });

  test('types that AWS cannot compare are neither drift nor unknown, however it says so', () => {
    const given = seen([drift('Service', service), drift('A', 'T', 'UNSUPPORTED'), drift('B', 'T', 'NOT_CHECKED')]);
    const more = [
      { logicalId: 'C', physicalId: 'c', type: 'U', status: 'CREATE_COMPLETE' },
      { logicalId: 'Gone', physicalId: 'g', type: 'U', status: 'DELETE_COMPLETE' },
    ];
    const outcome = given.outcome as Compared;
    const verdict = judgeDrift({ ...given, outcome: { ...outcome, resources: [...outcome.resources, ...more] } });
    expect(verdict.unsupported.map(({ logicalId }) => logicalId)).toEqual(['A', 'B', 'C']);
    expect([verdict.compared, verdict.unknown, overall([verdict])]).toEqual([1, [], 'false']);
  });

  test.each(['UNKNOWN', '', 'SOMETHING_NEW'])('a resource that is %s is unknown', (status) => {
    const verdict = judgeDrift(seen([drift('Service', service, status)]));
    expect(verdict.unknown).toMatchObject([{ logicalId: 'Service', description: 'ECS service' }]);
    expect([verdict.unsupported, overall([verdict])]).toEqual([[], 'unknown']);
  });

  test('what failed is unknown, whatever an earlier comparison said of it', () => {
    const failure = '{"Summary":"x","Failures":[{"Resource":"Service","FailureReason":"Rate exceeded"}]}';
    const verdict = judgeDrift(
      seen([drift('Service', service, 'MODIFIED', [differs('/X', 'a', 'b')]), drift('Cluster', 'C')], { failure }),
    );
    expect(verdict).toMatchObject({ drifted: [], unknown: [{ logicalId: 'Service', reason: 'Rate exceeded' }] });
    expect([verdict.compared, verdict.unsupported]).toEqual([1, []]);
  });

  test('a failure that names no resource may be any: the stack is unknown, beside what is known', () => {
    const verdict = judgeDrift(seen([drift('Service', service, 'DELETED')], { failure: 'Internal Failure' }));
    expect(verdict).toMatchObject({
      drifted: [{ kind: 'deleted' }],
      unknown: [{ logicalId: undefined, reason: 'Internal Failure' }],
    });
    expect(judgeDrift(seen([], { failure: 'Internal Failure' })).unsupported).toEqual([]);
  });

  test('drift counts for more than unknown', () => {
    const drifted = judgeDrift(seen([drift('Service', service, 'DELETED')]));
    const unknown = judgeDrift(seen([drift('Service', service, 'UNKNOWN')]));
    expect(overall([unknown, drifted])).toBe('true');
    expect(overall([unknown, judgeDrift(seen([drift('Service', service)]))])).toBe('unknown');
  });

  test.each([
    ['Failed to detect drift on resources [A, B]', { A: '', B: '' }],
    ['Failed to detect drift on resource [A]', { A: '' }],
    [
      'Stack x failed with message: {"Failures":[{"Resource":"A","FailureReason":"no"},{"Resource":"B"},{"x":1},null]}',
      { A: 'no', B: '' },
    ],
    ['{"Summary":"Failed to detect drift on resources [A]","Failures":"none"}', { A: '' }],
    ['{"Summary":"Failed to detect drift on resources [A', {}],
    ['', {}],
    ['no idea', {}],
  ])('who failed: %s', (reason, expected) => {
    expect(Object.fromEntries(failedResources(reason))).toEqual(expected);
  });
});

describe('values', () => {
  test.each([
    ['/MasterUserPassword', 'hunter2'],
    ['/SecretString', 'hunter2'],
    ['/AuthToken', 'hunter2'],
    ['/DistributionConfig/Origins/0/OriginCustomHeaders/0/HeaderValue', 'hunter2'],
    ['/Conditions/0/HttpHeaderConfig/Values/0', 'hunter2'],
    ['/ContainerDefinitions/0/Environment/0/Value', 'hunter2'],
    ['/LaunchTemplateData/UserData', 'hunter2'],
    ['/Origins/0', '{"OriginCustomHeaders":[{"HeaderName":"X","HeaderValue":"hunter2"}]}'],
    ['/ContainerDefinitions/0', '{"Name":"api","Environment":[{"Name":"LEVEL","Value":"hunter2"}]}'],
    ['/Things', '[{"Key":"API_KEY","Value":"hunter2"}]'],
    ['/Things', '{"Name":"DB_PASSWORD","Values":["hunter2"]}'],
    ['/Broken', '{"Password":"hunter2'],
    ['/Url', 'postgresql://admin:hunter2@db/x'],
    ['/Text', 'password=hunter2'],
  ])('of %s %s no secret is shown', (path, value) => {
    expect(shownValue(path, value)).toContain('***');
    expect(shownValue(path, value)).not.toContain('hunter2');
  });

  test.each([
    ['/SecretArn', 'arn:aws:secretsmanager:eu-west-1:1:secret:x'],
    ['/KmsKeyId', 'alias/x'],
    ['/Port', '8000'],
    ['/Rule', '{"FromPort":22,"CidrIp":"0.0.0.0/0"}'],
    ['/Trust', '{"StringEquals":{"token.actions.githubusercontent.com:sub":"repo:a/b:*"}}'],
  ])('of %s %s all is shown', (path, value) => {
    expect(shownValue(path, value)).toBe(value);
  });

  test('a long one is cut', () => {
    expect(shownValue('/Body', `${'a'.repeat(5_000)}end`)).toMatch(/^a+…a+end$/);
    expect(shownValue('/Body', 'a'.repeat(5_000)).length).toBeLessThanOrEqual(160);
  });
});

describe('the way back', () => {
  const parameters = ['TaskCpu', 'ServiceTaskDefinition'];
  const creation = (drifts: readonly ResourceDrift[], more: Partial<Compared> = {}): string => {
    const verdict = judgeDrift(seen(drifts, { parameters, ...more }));
    return revertCommands(verdict, verdict.state!)[0] ?? '';
  };
  const healthCheck = differs('/HealthCheckGracePeriodSeconds', '60', '0');

  test('leaves the revision that the service runs as it is', () => {
    const deployed = differs('/TaskDefinition', 'base', revision);
    expect(creation([drift('Service', service, 'MODIFIED', [deployed, healthCheck])])).toMatch(
      new RegExp(
        `--stack-name analytics-studio-production-app --region eu-west-1 .*--deployment-mode REVERT_DRIFT --use-previous-template .*ParameterKey=TaskCpu,UsePreviousValue=true ParameterKey=ServiceTaskDefinition,ParameterValue=${revision}$`,
      ),
    );
    expect(creation([drift('Service', service, 'MODIFIED', [healthCheck])])).toMatch(
      /ParameterKey=ServiceTaskDefinition,UsePreviousValue=true$/,
    );
  });

  test('asks for the revision where it is not known', () => {
    const asked = /ParameterValue=<ARN of the revision that the service runs>/;
    expect(creation([drift('Service', service, 'UNKNOWN'), drift('Cluster', 'C', 'DELETED')])).toMatch(asked);
    expect(creation([drift('Cluster', 'C', 'DELETED')], { failure: 'Internal Failure' })).toMatch(asked);
    // What is no ARN goes into no command.
    const hostile = differs('/TaskDefinition', 'base', "x'; rm -rf / #");
    expect(creation([drift('Service', service, 'MODIFIED', [hostile])])).toMatch(asked);
    expect(creation([drift('Service', service, 'MODIFIED', [hostile])])).not.toContain('rm -rf');
  });

  test.each([
    [
      'aws',
      'https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#/stacks/drifts?stackId=arn%3A',
    ],
    ['aws-cn', 'https://eu-west-1.console.amazonaws.cn/'],
    ['aws-us-gov', 'https://eu-west-1.console.amazonaws-us-gov.com/'],
  ])('the console of %s', (partition, start) => {
    const id = `arn:${partition}:cloudformation:eu-west-1:123456789012:stack/a/1`;
    expect(consoleLink({ id })?.startsWith(start)).toBe(true);
  });

  test('an id that tells no region has no link', () => {
    expect(consoleLink({ id: 'arn:stack/a/1' })).toBeUndefined();
    expect(consoleLink({ id: 'arn:aws-iso:cloudformation:us-iso-east-1:123456789012:stack/a/1' })).toBeUndefined();
  });
});

describe('report', () => {
  const inputs = { app: 'analytics-studio', environment: 'production', tier: 'production-small' };
  const observed: Seen = {
    stacks: new Map([['app', state()]]),
    previews: new Map(),
    ownPreviews: new Map(),
    openaiApiKeyHasValue: false,
    deployed: undefined,
    zone: undefined,
    needlessEdge: undefined,
    bootstrap: new Map([['PlanRoleArn', 'plan']]),
  };
  const report = (verdicts: readonly StackVerdict[], driftIs: 'green' | 'red' = 'red') =>
    reportDrift({ ...inputs, driftIs }, verdicts, observed);

  test('outputs are those of mode outputs, and drifted', () => {
    expect(report([judgeDrift(seen([drift('Service', service)]))]).outputs).toMatchObject({
      drifted: 'false',
      changed: 'false',
      changes: '0',
      'plan-digest': '',
      cluster: 'the-cluster',
      'plan-role-arn': 'plan',
      'missing-secrets': 'analytics-studio/openai-api-key',
    });
  });

  test('red fails, green warns with the same words, and both tell all of it', () => {
    const verdicts = [judgeDrift(seen([drift('Service', service, 'DELETED'), drift('Cluster', 'C', 'UNKNOWN')]))];
    const { failure } = report(verdicts);
    expect(failure).toMatchObject({ code: 'Drifted' });
    expect(failure?.message).toContain('1 resource is not what its template says:');
    expect(failure?.message).toContain('ECS cluster (Cluster): CloudFormation says UNKNOWN');
    expect(report(verdicts, 'green').failure).toBeUndefined();
    expect(driftWarnings({ ...inputs, driftIs: 'green' }, verdicts)).toEqual([failure?.message]);
    expect(driftWarnings({ ...inputs, driftIs: 'red' }, verdicts)).toEqual([]);
    expect(report(verdicts, 'green').summary.replace('⚠️', '❌')).toBe(report(verdicts).summary);
  });

  test('where all is well nothing is said twice, and nothing fails', () => {
    const verdicts = [judgeDrift(seen([drift('Service', service)]))];
    expect(report(verdicts).failure).toBeUndefined();
    expect(driftWarnings({ ...inputs, driftIs: 'green' }, verdicts)).toEqual([]);
    expect(driftLines(verdicts)).toEqual(['analytics-studio-production-app  1 compared, as its template says']);
    expect(report(verdicts).summary).toContain('is what its templates say (1 resources compared)');
  });

  test('a reason from AWS tells no secret, and its denial the statement that is missing', () => {
    const failure = JSON.stringify({
      Failures: [
        { Resource: 'Service', FailureReason: 'cannot reach postgresql://admin:hunter2@db/x' },
        {
          Resource: 'Cluster',
          FailureReason:
            'User: arn:aws:sts::1:assumed-role/plan/run is not authorized to perform: ecs:DescribeClusters on resource: * because no identity-based policy allows the ecs:DescribeClusters action',
        },
      ],
    });
    const verdicts = [judgeDrift(seen([], { failure }))];
    const { summary, failure: error } = report(verdicts);
    const told = [summary, error?.message, error?.hint, ...driftLines(verdicts)].join('\n');
    expect(told).not.toContain('hunter2');
    expect(told).toContain('postgresql://admin:***@db/x');
    expect(error).toMatchObject({ code: 'DriftUnknown' });
    expect(error?.hint).toContain('"Action":"ecs:DescribeClusters"');
  });

  test('what comes from AWS breaks out of no table and no line', () => {
    const evil = differs('/A|`b`', '<img src=x>', 'x | y\n# z');
    const { summary, failure } = report([judgeDrift(seen([drift('Service', service, 'MODIFIED', [evil])]))]);
    expect(summary).not.toContain('\n# z');
    expect(summary.split('\n').filter((line) => /<img|# z/.test(line))).toHaveLength(1);
    expect(failure?.message.split('\n')).toHaveLength(2);
  });

  test('an account full of differences still makes one screen and one page', () => {
    const many = Array.from({ length: 200 }, (_, index) => differs(`/P${index}`, 'a'.repeat(500), 'b'.repeat(500)));
    const all = Array.from({ length: 40 }, (_, index) => drift(`R${index}`, 'T', 'MODIFIED', many));
    const { summary, failure } = report([judgeDrift(seen(all))]);
    expect(failure?.message.split('\n').length).toBeLessThan(20);
    expect(failure?.message).toContain('and 32 more');
    expect(summary).toContain('and 185 more');
    // GitHub takes a summary of 1 MiB.
    expect(Buffer.byteLength(summary)).toBeLessThan(1_000_000);
  });
});
