import { describe, expect, test } from '@jest/globals';
import { diagnose, diagnosisText, type Evidence } from '../../../actions/deploy-ecs/src/diagnose.ts';
import { at, stoppedTask, taskDefinition } from '../../kit/ecs.ts';

const evidence = (special: Partial<Evidence> = {}): Evidence => ({
  reason: '',
  definition: taskDefinition(),
  failures: [],
  events: [],
  targets: [],
  log: undefined,
  sensitive: [],
  ...special,
});

const stopped = (stoppedReason: string): Partial<Evidence> => ({
  failures: [
    stoppedTask({ stopCode: 'TaskFailedToStart', stoppedReason, containers: [] }),
    stoppedTask({ arn: 'older', containers: [] }),
  ],
});
const exited = (exitCode: number, reason = ''): Partial<Evidence> => ({
  failures: [stoppedTask({ containers: [{ name: 'fastapi', exitCode, reason, health: '' }] })],
});
const target = (reason: string, description = ''): Partial<Evidence> => ({
  targets: [{ id: '10.0.0.1', port: 8000, state: 'unhealthy', reason, description }],
});
const event = (message: string): Partial<Evidence> => ({ events: [{ id: 'e', at: at(1), message }] });
const logged = (...lines: string[]): Evidence['log'] => ({ container: 'fastapi', lines });

test.each<readonly [string, Partial<Evidence>, RegExp, RegExp]>([
  [
    'pull, no way',
    stopped('CannotPullContainerError: dial tcp 52.1.1.1:443: i/o timeout'),
    /subnets/,
    /NAT.*endpoints/,
  ],
  ['pull, no name', stopped('CannotPullContainerError: lookup ecr: no such host'), /subnets/, /NAT/],
  ['pull, no tag', stopped('CannotPullContainerError: manifest unknown'), /does not exist/, /push the image/],
  ['pull, no right', stopped('CannotPullContainerError: 403 Forbidden'), /execution role/, /ecr:BatchGetImage/],
  [
    'pull, architecture',
    stopped("CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'"),
    /architecture/,
    /linux\/amd64/,
  ],
  ['pull, otherwise', stopped('CannotPullContainerError: unheard of'), /registry refused/, /check/],
  [
    'secret, no right',
    stopped('ResourceInitializationError: unable to pull secrets: AccessDeniedException: not authorized'),
    /execution role \(not the task role\)/,
    /secretsmanager:GetSecretValue/,
  ],
  [
    'secret, none',
    stopped('ResourceInitializationError: unable to retrieve secret: ResourceNotFoundException'),
    /wrong or partial ARN/,
    /whole ARN/,
  ],
  [
    'secret, JSON key',
    stopped('ResourceInitializationError: retrieved secret did not contain json key password'),
    /JSON key/,
    /:json-key::/,
  ],
  [
    'secret, no way',
    stopped('ResourceInitializationError: unable to pull secrets: context deadline exceeded (i/o timeout)'),
    /cannot reach Secrets Manager/,
    /NAT/,
  ],
  [
    'log group',
    stopped('ResourceInitializationError: failed to validate logger args: log group does not exist'),
    /log group/,
    /create the log group/,
  ],
  ['role', event('(service api) ECS was unable to assume the role arn:aws:iam::1:role/x'), /trust policy/, /ecs-tasks/],
  ['exec format', { ...exited(255), log: logged('exec /usr/bin/python: exec format error') }, /architecture/, /build/],
  ['memory', exited(137, 'OutOfMemoryError: Container killed due to memory usage'), /memory limit/, /raise memory/],
  [
    'capacity',
    event('(service api) was unable to place a task. Reason: Capacity is unavailable'),
    /no capacity/,
    /zones/,
  ],
  ['crash', { ...exited(1), log: logged('KeyError: X') }, /ended by itself/, /log lines/],
  ['killed', exited(137), /ended by itself/, /./],
  ['502', target('Target.FailedHealthChecks'), /127\.0\.0\.1.*502/, /0\.0\.0\.0/],
  ['slow', target('Target.Timeout', 'Request timed out'), /security group/, /security group/],
  [
    'status',
    target('Target.ResponseCodeMismatch', 'Health checks failed with these codes: [404]'),
    /another status/,
    /200/,
  ],
  [
    'grace',
    stopped('Task failed ELB health checks in (target-group arn)'),
    /healthCheckGracePeriodSeconds/,
    /healthCheckGracePeriodSeconds/,
  ],
  ['own check', stopped('Task failed container health checks'), /curl/, /startPeriod/],
])('%s', (...[, special, cause, fix]) => {
  const found = diagnose(evidence(special));
  expect(found.cause).toMatch(cause);
  expect(found.fix).toMatch(fix);
});

describe('the paragraph', () => {
  test('what, evidence, cause, fix, with the last log line', () => {
    const text = diagnosisText(
      diagnose(evidence({ reason: 'breaker triggered', ...exited(3), log: logged('first', 'KeyError: X', '') })),
    );
    expect(text).toMatch(
      /^The container fastapi ended with exit code 3\. Evidence: breaker triggered; task 0a0a0a0a: .*; container fastapi: exit code 3; last log line of fastapi: KeyError: X\. Likely cause: .*\. Fix: .*\.$/,
    );
  });

  test.each([
    [139, 'segmentation fault'],
    [143, 'SIGTERM'],
    [137, 'SIGKILL'],
  ])('exit code %i is named', (exitCode, name) => {
    expect(diagnose(evidence(exited(exitCode))).what).toContain(name);
  });

  test('a sidecar that is not essential is not blamed', () => {
    const definition = taskDefinition({
      containerDefinitions: [{ name: 'agent', essential: false }, { name: 'fastapi' }],
    });
    const containers = [
      { name: 'agent', exitCode: 9, reason: '', health: '' },
      { name: 'fastapi', exitCode: 2, reason: '', health: '' },
    ];
    expect(diagnose(evidence({ definition, failures: [stoppedTask({ containers })] })).what).toContain('fastapi');
  });

  test('without any evidence says so, and invents no cause', () => {
    expect(diagnosisText(diagnose(evidence({ reason: 'the deployment failed' })))).toMatch(
      /^the deployment failed\. .*AWS gave no failed task/i,
    );
  });

  test('no sensitive value and no password of a URL is quoted', () => {
    const found = diagnose(
      evidence({
        ...exited(1, 'cannot use hunter2'),
        log: logged('token hunter2', 'postgresql+asyncpg://app:pa55@db/x refused'),
        sensitive: ['hunter2'],
      }),
    );
    expect(JSON.stringify(found) + diagnosisText(found)).not.toMatch(/hunter2|pa55/);
    expect(found.log?.lines).toEqual(['token ***', 'postgresql+asyncpg://app:***@db/x refused']);
  });
});
