import { describe, expect, test } from '@jest/globals';
import { failedStep } from '../../../actions/build-push-image/src/failed-step.ts';
import {
  lastComplaint,
  pushComplaint,
  pushFailure,
  type RetryReason,
} from '../../../actions/build-push-image/src/push-failure.ts';

const name = 'localhost:5000/app:src-1';
const user = 'arn:aws:sts::123456789012:assumed-role/ci/GitHubActions';
const repository = 'arn:aws:ecr:us-east-1:123456789012:repository/app';
const denial = `denied: User: ${user} is not authorized to perform: ecr:InitiateLayerUpload on resource: ${repository} because no identity-based policy allows the ecr:InitiateLayerUpload action`;
const immutable = `The image tag 'src-1' already exists in the 'app' repository and cannot be overwritten because the tag is immutable.`;
const upload = `unexpected status from POST request to https://host/v2/app/blobs/uploads/:`;

/** What docker 20.10 and BuildKit of 2026 said to the answers of a registry. */
test.each<[string, string, RetryReason | undefined]>([
  ['denied: Your authorization token has expired. Reauthenticate and try again.', 'PushUnauthorized', 'token'],
  ['no basic auth credentials', 'PushUnauthorized', 'token'],
  ['unauthorized: authentication required', 'PushUnauthorized', 'token'],
  [`${upload} 401 Unauthorized`, 'PushUnauthorized', 'token'],
  [`${upload} 403 Forbidden`, 'PushUnauthorized', 'token'],
  ['toomanyrequests: Rate exceeded', 'PushThrottled', 'throttled'],
  [denial, 'PushDenied', undefined],
  ['denied: requested access to the resource is denied', 'PushDenied', undefined],
  ['denied', 'PushDenied', undefined],
  [
    "name unknown: The repository with name 'app' does not exist in the registry with id '123456789012'",
    'RepositoryMissing',
    undefined,
  ],
  [
    "unknown: The repository with name 'app' does not exist in the registry with id '123456789012'",
    'RepositoryMissing',
    undefined,
  ],
  ['received unexpected HTTP status: 500 Internal Server Error', 'PushFailed', 'broken'],
  ['unknown: Service Unavailable', 'PushFailed', 'broken'],
  ['EOF', 'RegistryUnreachable', 'broken'],
  ['failed to do request: Post "https://host/v2/app/blobs/uploads/": EOF', 'RegistryUnreachable', 'broken'],
  ['dial tcp: lookup host: no such host', 'RegistryUnreachable', 'broken'],
  ['write /var/lib/docker/x: no space left on device', 'DiskFull', undefined],
])('%s', (complaint, code, retry) => {
  const failure = pushFailure(complaint, name);
  expect(failure).toMatchObject({ kind: 'failed', retry, error: { code } });
  expect(failure.kind === 'failed' && failure.error.message).toBe(`docker could not push ${name}: ${complaint}`);
});

test('rights that are missing: the statement that gives them, and all that pushing takes', () => {
  const failure = pushFailure(denial, name);
  const hint = failure.kind === 'failed' ? (failure.error.hint ?? '') : '';
  expect(hint).toContain(`{"Effect":"Allow","Action":"ecr:InitiateLayerUpload","Resource":"${repository}"}`);
  expect(hint).toContain('the role ci');
  expect(hint).toMatch(/ecr:BatchCheckLayerAvailability, .*ecr:CompleteLayerUpload, .*ecr:PutImage/);
});

test.each([`tag invalid: ${immutable}`, `unknown: ${immutable}`])('a race that was lost: %s', (complaint) => {
  expect(pushFailure(complaint, name)).toEqual({ kind: 'lost-race' });
});

describe('what the registry said', () => {
  const step = (...said: readonly string[]) =>
    failedStep(
      { lines: said.join('\n').split('\n'), stderr: said.join('\n') },
      { kind: 'buildx', file: 'Dockerfile', dockerfile: '' },
    );

  test('to a BuildKit outside of docker, or to docker for the BuildKit inside of it', () => {
    const outside = `failed to push ${name}: denied: no\nmore`;
    expect(
      pushComplaint(
        step(
          '#6 exporting to image',
          `#6 ERROR: ${outside.split('\n')[0]}`,
          `ERROR: failed to build: failed to solve: ${outside}`,
        ),
      ),
    ).toBe('denied: no\nmore');
    expect(pushComplaint(step(`#6 pushing ${name} with docker`, '#6 ERROR: EOF', 'ERROR: failed to build: EOF'))).toBe(
      'EOF',
    );
  });

  test('nothing, where it was another registry that refused, or a program of the build', () => {
    const base = 'x: failed to resolve source metadata for x: 401 Unauthorized';
    const error = 'process "push" did not complete successfully: exit code: 1';
    for (const lines of [
      ['#2 [internal] load metadata for x', '#2 ERROR: 401 Unauthorized', `ERROR: failed to solve: ${base}`],
      [
        '#2 [1/2] RUN push',
        `#2 0.1 failed to push x: denied: no`,
        `#2 ERROR: ${error}`,
        `ERROR: failed to solve: ${error}`,
      ],
      ['#6 exporting to image', '#6 ERROR: no space left on device', 'ERROR: failed to solve: no space left on device'],
    ]) {
      expect(pushComplaint(step(...lines))).toBeUndefined();
    }
  });

  test('to docker push: on stderr, else last', () => {
    const lines = ['The push refers to repository [x]', 'a: Preparing', 'denied: no'];
    expect(lastComplaint({ lines, stderr: 'denied: no\n' })).toBe('denied: no');
    expect(lastComplaint({ lines, stderr: '' })).toBe('denied: no');
    expect(lastComplaint({ lines: [], stderr: '' })).toBe('');
  });
});
