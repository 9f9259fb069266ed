import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { buildFailure } from '../../../actions/build-push-image/src/build-failure.ts';
import { failedStep, plain } from '../../../actions/build-push-image/src/failed-step.ts';
import { whyNoImage } from '../../../actions/build-push-image/src/image-failure.ts';
import { buildx, classic, inputs } from './kit.ts';

/**
 * What builders really said, one file for each mistake: the Dockerfile, the log of the classic builder of docker 20.10 (its stdout, its
 * stderr), that of buildx with BuildKit inside that docker, and that of buildx with BuildKit of 2026 outside of it.
 */
const directory = join(import.meta.dirname, 'build-logs');
const recorded = new Map(
  readdirSync(directory).map((file) => {
    const parts = readFileSync(join(directory, file), 'utf8').split(/^=== (.+)\n/m);
    const named = parts.flatMap((name, at) => (at % 2 === 1 ? [[name, parts[at + 1] ?? ''] as const] : []));
    return [file.replace('.txt', ''), new Map(named)] as const;
  }),
);
type BuilderName = 'classic' | 'docker' | 'buildx';

function failureOf(mistake: string, by: BuilderName, { isIgnored = false, ...values }: Record<string, unknown> = {}) {
  const log = (part: string): string => recorded.get(mistake)?.get(part) ?? '';
  const builder = by === 'classic' ? classic : buildx;
  const stderr = log(by === 'classic' ? 'classic stderr' : by);
  const lines = [...(by === 'classic' ? log('classic').split('\n') : []), ...stderr.split('\n')];
  const file = mistake === 'named' ? './docker/api.Dockerfile' : 'Dockerfile';
  const given = inputs({ file, ...(values as Record<string, string>) });
  const dockerfile = log('Dockerfile');
  const step = failedStep({ lines, stderr }, { kind: builder.kind, file, dockerfile });
  return buildFailure(step, { inputs: given, builder, dockerfile, isIgnored: isIgnored === true });
}

const failed = 'BuildFailed';
const invalid = 'DockerfileInvalid';
/** The code of the error, and the lines it is shown at. */
const expected: Readonly<Record<string, Partial<Record<BuilderName, readonly [code: string, lines: string]>>>> = {
  'base-missing': {
    classic: ['BaseImageMissing', '2'],
    docker: ['BaseImageMissing', ''],
    buildx: ['BaseImageMissing', '2'],
  },
  'base-unauthorized': { docker: ['BaseImageDenied', '3'], buildx: ['BaseImageDenied', '3'] },
  'base-unreachable': {
    classic: ['BaseImageUnreachable', '1'],
    docker: ['BaseImageUnreachable', '1'],
    buildx: ['BaseImageUnreachable', '1'],
  },
  'base-unresolved': {
    classic: ['BaseImageUnreachable', '1'],
    docker: ['BaseImageUnreachable', '1'],
    buildx: ['BaseImageUnreachable', '1'],
  },
  'builder-gone': { buildx: ['BuilderLost', ''] },
  'command-missing': { classic: [failed, '2'], docker: [failed, '2'], buildx: [failed, '2'] },
  'context-unreadable': { classic: ['ContextUnreadable', ''], buildx: ['ContextUnreadable', ''] },
  'copy-ignored': {
    classic: ['CopySourceMissing', '3'],
    docker: ['CopySourceMissing', '3'],
    buildx: ['CopySourceMissing', '3'],
  },
  'copy-missing': {
    classic: ['CopySourceMissing', '3'],
    docker: ['CopySourceMissing', '3'],
    buildx: ['CopySourceMissing', '3'],
  },
  'copy-pattern': {
    classic: ['CopySourceMissing', '2'],
    docker: ['CopySourceMissing', '2'],
    buildx: ['CopySourceMissing', '2'],
  },
  disk: { classic: ['DiskFull', '2'], buildx: ['DiskFull', '2'] },
  'disk-of-builder': { classic: ['DiskFull', ''], buildx: ['DiskFull', ''] },
  empty: { classic: [invalid, ''], docker: [invalid, ''], buildx: [invalid, ''] },
  fetch: { classic: [failed, '2'], docker: [failed, ''], buildx: [failed, '2'] },
  frontend: { buildx: [failed, '6-11'] },
  'frontend-missing': { buildx: ['BaseImageMissing', '1'] },
  heredoc: { classic: ['BuildKitNeeded', '4'], docker: [invalid, '4'], buildx: [failed, '3-9'] },
  interleaved: { docker: [failed, '5'], buildx: [failed, '5'] },
  mount: { classic: ['BuildKitNeeded', '3-4'] },
  named: { classic: [failed, '3'], docker: [failed, '3'], buildx: [failed, '3'] },
  option: { classic: [failed, '3'], docker: [failed, ''], buildx: [invalid, '3'] },
  parse: { classic: [invalid, '2'], docker: [invalid, '2'], buildx: [invalid, '2'] },
  platform: { classic: ['ExecFormat', '4'], docker: ['ExecFormat', '4'], buildx: ['ExecFormat', '4'] },
  platforms: { docker: [failed, ''], buildx: [failed, '4'] },
  run: { classic: [failed, '5-10'], docker: [failed, '5-10'], buildx: [failed, '5-10'] },
  secret: { classic: ['BuildKitNeeded', '2'], docker: ['SecretMissing', '2'], buildx: ['SecretMissing', '2'] },
  stage: { classic: [failed, '3'], docker: [failed, ''], buildx: [invalid, '3'] },
  target: { classic: ['TargetMissing', ''], docker: ['TargetMissing', ''], buildx: ['TargetMissing', ''] },
  'unknown-instruction': { classic: [invalid, '3'], docker: [invalid, '3'], buildx: [invalid, '3'] },
};

describe('each mistake has an error of its own, at the line it is on', () => {
  const rows = Object.entries(expected).flatMap(([mistake, by]) =>
    Object.entries(by).map(([builder, wanted]) => [mistake, builder as BuilderName, ...wanted] as const),
  );

  test.each(rows)('%s, by %s', (...[mistake, by, code, lines]) => {
    const { at, ...error } = failureOf(mistake, by);
    const [startLine = 0, endLine = startLine] = lines.split('-').map(Number);
    const file = mistake === 'named' ? 'docker/api.Dockerfile' : 'Dockerfile';
    expect([error.code, at]).toEqual([code, lines === '' ? undefined : { file, startLine, endLine }]);
  });

  test('every recorded log is among them', () => {
    const logs = [...recorded].flatMap(([mistake, parts]) =>
      [...parts.keys()].filter((part) => !/^Dockerfile$|stderr$/.test(part)).map((by) => `${mistake} ${by}`),
    );
    expect(rows.map(([mistake, by]) => `${mistake} ${by}`).sort()).toEqual(logs.sort());
  });
});

describe('what it says', () => {
  const said = [
    'building',
    ...['line 1', 'line 2', 'line 3', 'line 4', 'line 5', '::error::hostile'],
    'Could not find a version that satisfies the requirement fastapi==9',
  ];

  test.each<[BuilderName, string]>([
    ['classic', '[3/5] RUN'],
    ['docker', '[build 2/2] RUN'],
    ['buildx', '[build 1/2] RUN'],
  ])('the step by its name, the place, the exit code, and the step’s own lines: %s', (by, name) => {
    const [headline = '', ...output] = failureOf('run', by).message.split('\n');
    expect(headline).toContain(`docker could not build the image: ${name} echo building && for i in`);
    expect(headline).toMatch(/… \(Dockerfile:5-10\) failed with exit code 3\. It last said:$/);
    expect([...output].sort()).toEqual([...said].sort());
  });

  test.each<BuilderName>(['docker', 'buildx'])('nothing of what other stages said meanwhile: %s', (by) => {
    const { message } = failureOf('interleaved', by);
    expect(message.split('\n').slice(1)).toEqual(['web 1', 'web 2', 'web 3', 'web 4', 'web broke']);
  });

  test('the platform that failed, where another went well', () => {
    expect(failureOf('platforms', 'buildx').message).toMatch(/arm64 4$/);
    expect(failureOf('platforms', 'buildx').message).not.toMatch(/amd64 \d/);
  });

  test('that a step said nothing, or what the builder says where nothing ran', () => {
    expect(failureOf('named', 'buildx').message).toBe(
      'docker could not build the image: [1/2] RUN exit 7 (docker/api.Dockerfile:3) failed with exit code 7. It said nothing.',
    );
    expect(failureOf('copy-pattern', 'buildx').message).toBe(
      'docker could not build the image: COPY *.whl nothere/ /wheels/ (Dockerfile:2): "/nothere": not found',
    );
    expect(failureOf('parse', 'classic').message).toBe(
      'docker could not build the image: Dockerfile:2: dockerfile parse error line 2: ENV requires at least one argument',
    );
    expect(failureOf('builder-gone', 'buildx').message).toMatch(/waiting for connection: context deadline exceeded$/);
  });

  test('at most the last 20 lines, and no long one whole', () => {
    const lines = Array.from({ length: 50 }, (_, index) => `#1 0.1 line ${index}`);
    const error = 'process "x" did not complete successfully: exit code: 1';
    const all = ['#1 [1/2] RUN x', ...lines, `#1 0.2 ${'x'.repeat(9_000)}`, `#1 ERROR: ${error}`, `ERROR: ${error}`];
    const step = failedStep({ lines: all, stderr: '' }, { kind: 'buildx', file: 'Dockerfile', dockerfile: '' });
    const facts = { inputs: inputs(), builder: buildx, dockerfile: '', isIgnored: false };
    const [, first, ...rest] = buildFailure(step, facts).message.split('\n');
    expect([first, rest.length]).toEqual(['line 31', 19]);
    expect(rest.at(-1)).toBe(`${'x'.repeat(499)}…`);
  });

  test('neither colours nor other control characters', () => {
    expect(plain('\u001b[91mred\u001b[0m\ttab\u0007 \r')).toBe('red\ttab');
    expect(plain('10 %\r50 %\r100 %\r')).toBe('100 %');
    expect(failureOf('command-missing', 'classic').message).toMatch(/\n\/bin\/sh: pyhton: not found$/);
  });
});

describe('the hint', () => {
  const hint = (mistake: string, by: BuilderName, values?: Record<string, unknown>): string =>
    failureOf(mistake, by, values).hint ?? '';

  test('of a path that COPY does not find: missing, kept out, or not in the stage it is copied from', () => {
    expect(hint('copy-missing', 'classic')).toContain('there is no "requirements.txt" in it');
    expect(hint('copy-ignored', 'classic', { isIgnored: true })).toBe(
      '"secret.txt" is there, but the .dockerignore keeps it out of the build: add a line "!secret.txt".',
    );
    expect(hint('copy-ignored', 'buildx', { isIgnored: true })).toContain('Dockerfile.dockerignore');
    const lines = ['#1 [2/2] COPY --from=build /app/dist /srv', '#1 ERROR: "/app/dist": not found'];
    const step = failedStep(
      { lines: [...lines, 'ERROR: failed to solve: "/app/dist": not found'], stderr: '' },
      { kind: 'buildx', file: 'Dockerfile', dockerfile: '' },
    );
    const facts = { inputs: inputs(), builder: buildx, dockerfile: '', isIgnored: false };
    expect(buildFailure(step, facts).hint).toContain('There is no "app/dist" in "build"');
  });

  test('of a foreign platform: emulation, where one was asked for', () => {
    expect(hint('platform', 'buildx')).toContain('another kind of machine than linux/amd64');
    const foreign = failureOf('platform', 'buildx', { platforms: 'linux/amd64\nlinux/arm64' });
    expect(foreign.code).toBe('PlatformNeedsQemu');
    expect(foreign.hint).toContain('cannot run programs for linux/arm64: add a step "uses: docker/setup-qemu-action"');
  });

  test.each<[string, BuilderName, string]>([
    ['target', 'docker', 'The stages of Dockerfile are "build", "runtime".'],
    ['secret', 'buildx', '"npm=…"'],
    ['mount', 'classic', 'docker/setup-buildx-action'],
    ['heredoc', 'classic', 'here-documents'],
    ['heredoc', 'docker', '# syntax=docker/dockerfile:1'],
    ['command-missing', 'buildx', 'no such program'],
    ['disk', 'buildx', 'disk of the builder is full'],
    ['base-unauthorized', 'docker', 'docker/login-action'],
  ])('of %s, by %s', (mistake, by, text) => {
    expect(hint(mistake, by)).toContain(text);
  });

  test('whose fault it is', () => {
    const faults = (['base-unreachable', 'builder-gone', 'run'] as const).map(
      (mistake) => failureOf(mistake, 'buildx').fault,
    );
    expect(faults).toEqual(['cloud', 'cloud', 'user']);
  });
});

test.each([
  [
    '429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.',
    'BaseImageThrottled',
  ],
  ['pull access denied for x, repository does not exist or may require ‘docker login’', 'BaseImageDenied'],
  ['no basic auth credentials', 'BaseImageDenied'],
  ['no match for platform in manifest: not found', 'BaseImageWithoutPlatform'],
  ['no matching manifest for linux/arm64/v8 in the manifest list entries', 'BaseImageWithoutPlatform'],
  ['manifest for app:9 not found: manifest unknown: manifest unknown', 'BaseImageMissing'],
  ['net/http: TLS handshake timeout', 'BaseImageUnreachable'],
  ['something else', undefined],
])('an image that is not to be had: %s', (said, code) => {
  expect(whyNoImage(said)?.code).toBe(code);
});

describe('a log that misleads', () => {
  const dockerfile = 'FROM base:1\nRUN one\nRUN  two \\\n  three\nRUN one\n';
  const step = (kind: 'docker' | 'buildx', lines: readonly string[], stderr = '') =>
    buildFailure(failedStep({ lines, stderr }, { kind, file: 'Dockerfile', dockerfile }), {
      inputs: inputs(),
      builder: kind === 'docker' ? classic : buildx,
      dockerfile,
      isIgnored: false,
    });
  const failing = (command: string): readonly string[] => [
    `#7 [2/3] RUN ${command}`,
    `#7 ERROR: process "${command}" did not complete successfully: exit code: 1`,
    `ERROR: failed to build: failed to solve: process "${command}" did not complete successfully: exit code: 1`,
  ];

  test('a cache that is not there failed no build', () => {
    const { message } = step('buildx', [
      '#3 importing cache manifest from localhost:5000/app:buildcache',
      '#3 ERROR: localhost:5000/app:buildcache: not found',
      ...failing('two three'),
    ]);
    expect(message).toContain('[2/3] RUN two three (Dockerfile:3-4)');
  });

  test('of two instructions that read the same, neither is pointed at', () => {
    expect(step('buildx', failing('one')).at).toBeUndefined();
    // The classic builder counts.
    expect(step('docker', ['Step 4/4 : RUN one'], 'returned a non-zero code: 1').at?.startLine).toBe(5);
  });

  test('a count that does not fit the file points nowhere', () => {
    expect(step('docker', ['Step 5/5 : LABEL a=b'], 'no').at).toBeUndefined();
    expect(step('docker', ['Step 2/4 : RUN other'], 'no').at).toBeUndefined();
  });

  test('a place in another file is not one in the Dockerfile', () => {
    const quoted = (name: string) => [
      ...failing('one').slice(0, 2),
      `${name}:2`,
      '--------------------',
      '   1 |     FROM base:1',
      '   2 | >>> RUN one',
      '--------------------',
      ...failing('one').slice(2),
    ];
    expect(step('buildx', quoted('other.Dockerfile')).at).toBeUndefined();
    expect(step('buildx', quoted('Dockerfile')).at).toEqual({ file: 'Dockerfile', startLine: 2, endLine: 2 });
  });

  test('what a step prints is no place and no error', () => {
    const { message, at } = step('docker', [
      'Step 3/4 : RUN two   three',
      'ERROR: failed to solve: x',
      '#1 ERROR: y',
      'Step 4/4',
      'returned a non-zero code: 1',
    ]);
    expect([message.split('\n')[0], at?.startLine]).toEqual([
      'docker could not build the image: [3/4] RUN two three (Dockerfile:3-4) failed with exit code 1. It last said:',
      3,
    ]);
  });

  test('stderr that comes between is not output of the step', () => {
    const stderr = 'DEPRECATED: old\n            older\n\nreturned a non-zero code: 2\n';
    const { message } = step('docker', ['Step 3/4 : RUN two three', ...stderr.split('\n'), 'its own line'], stderr);
    expect(message.split('\n').slice(1)).toEqual(['its own line']);
  });

  test('nothing at all', () => {
    expect(step('buildx', []).message).toBe('docker could not build the image: it did not say why');
    expect(step('docker', []).code).toBe('BuildFailed');
  });
});
