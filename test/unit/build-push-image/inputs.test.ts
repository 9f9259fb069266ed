import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../../../shared/core/errors.ts';
import { lookAt as realLookAt, readText as realReadText } from '../../../actions/build-push-image/src/look-at.ts';
import { contextName } from '../../../actions/build-push-image/src/build-contexts.ts';
import type { LookAt } from '../../../actions/build-push-image/src/inputs.ts';
import { cases } from '../../bundle/build-push-image.bad-inputs.ts';
import { anyFile, commit, inputs, read, type Reading } from './kit.ts';

function refusal(values: Readonly<Record<string, string>>, options?: Reading): string {
  try {
    read(values, options);
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('bad inputs', () => {
  // A region of the table's own stands in for the environment's in the bundle test.
  test.each(cases.map((item) => [item.name, item] as const))('%s', (_, { inputs: values, expect: expected }) => {
    const message = refusal(values, { lookAt: (path) => (path.startsWith('no-such') ? undefined : anyFile(path)) });
    for (const text of expected) expect(message).toContain(text);
  });

  test('without a commit, tags must be given', () => {
    expect(refusal({ repository: 'app' }, { sha: '' })).toContain('tags is missing; accepted: at least one tag');
    expect(read({ repository: 'app', tags: 'v1' }, { sha: '' }).tags).toEqual(['v1']);
  });

  test('exactly the bad fields are named, each once', () => {
    const message = refusal({ repository: 'A', context: '-', cache: 'x', target: 'ok' });
    expect(message.split('\n').map((line) => line.split(' ')[0])).toEqual(['context', 'repository', 'cache']);
  });

  test('more tags than ECR can be asked about at once', () => {
    const tags = Array.from({ length: 51 }, (_, index) => `v${index}`);
    expect(refusal({ repository: 'app', tags: tags.join('\n') })).toBe('tags is "51 tags"; accepted: at most 50 tags');
    expect(refusal({ repository: 'app', tags: tags.slice(1).join('\n') })).toBe('accepted');
  });

  test('zero bytes, which no command line can carry', () => {
    const message = refusal({ repository: 'app', 'build-args': '{"A":"\\u0000"}', labels: '{"a":"x\\u0000"}' });
    expect(message).toMatch(/^build-args .*zero bytes\nlabels .*zero bytes$/);
  });

  test('a secret’s value is never shown', () => {
    expect(refusal({ repository: 'app', secrets: 'a=hunter2\na=hunter3\nhunter4' })).not.toMatch(/hunter/);
  });
});

describe('what a secret file holds', () => {
  const onDisk = (content: string | Uint8Array, look: (path: string) => void): void => {
    const directory = mkdtempSync(join(tmpdir(), 'slipway-look-'));
    try {
      writeFileSync(join(directory, 'file'), content);
      look(join(directory, 'file'));
    } finally {
      rmSync(directory, { recursive: true });
    }
  };

  test('is masked line by line, also when another input is bad, and is never in a problem', () => {
    const texts: Record<string, string> = { a: '{\n  "key": "hunter2"\n}\n', b: 'hunter3\r\n' };
    const masked: string[] = [];
    const values = { repository: 'app', secrets: 'c=hunter1', 'secret-files': 'a=a\nb=b\nd=gone' };
    const options = { masked, lookAt: anyFile, readText: (path: string) => texts[path] };
    expect(refusal({ ...values, context: '-' }, options)).not.toMatch(/hunter/);
    expect(masked).toEqual(['hunter1', '  "key": "hunter2"', 'hunter3']);
    const files = { ...values, 'secret-files': 'a=a.file\nb=b.file' };
    const readText = (path: string) => texts[path.slice(0, 1)];
    expect(read(files, { readText }).hidden).toEqual(['hunter1', '  "key": "hunter2"', 'hunter3']);
  });

  test('is masked as far as it is text', () =>
    onDisk(Buffer.concat([Buffer.from('héllo\n'), Buffer.of(0xff, 0x66, 0x0a), Buffer.from('a\0b\nlast')]), (file) => {
      expect(read({ repository: 'app', 'secret-files': `a=${file}` }, { readText: realReadText }).hidden).toEqual([
        'héllo',
        'last',
      ]);
      expect(realReadText(join(file, '..'))).toBeUndefined();
      expect(realReadText(`${file}-gone`)).toBeUndefined();
    }));

  test.each([
    ['\n', false],
    [' \r\n\t\n', false],
    ['\n.\n', true],
    [Buffer.of(0xff), true],
    [Buffer.of(0), true],
  ])('of %j', (content, accepted) =>
    onDisk(content, (file) => {
      const said = refusal({ repository: 'app', 'secret-files': `a=${file}` }, { readText: realReadText });
      expect(said).toMatch(accepted ? /^accepted$/ : /secret-files is "a=.*can be read and are not empty/);
    }),
  );

  test('is read as far as 1,000 lines and 64 KiB', () => {
    onDisk('line\n'.repeat(1500), (file) => expect(realReadText(file)?.split('\n')).toHaveLength(1000));
    onDisk('x'.repeat(200_000), (file) => expect(realReadText(file)).toHaveLength(65_536));
  });

  test('stays in a pipe, which can be read only once', () => {
    const pipe = join(tmpdir(), `slipway-pipe-${process.pid}`);
    execFileSync('mkfifo', [pipe]);
    try {
      expect(realReadText(pipe)).toBeUndefined();
    } finally {
      rmSync(pipe);
    }
  });
});

describe('files that are asked for', () => {
  const only =
    (files: Readonly<Record<string, number | 'directory'>>): LookAt =>
    (path) => {
      const found = files[path];
      if (found === undefined) return undefined;
      return found === 'directory' ? { kind: found, bytes: 4096 } : { kind: 'file', bytes: found };
    };
  const fields = (values: Readonly<Record<string, string>>, lookAt: LookAt): readonly string[] =>
    refusal({ repository: 'app', ...values }, { lookAt })
      .split('\n')
      .map((line) => line.slice(0, line.indexOf(';') < 0 ? undefined : line.indexOf(';')));

  test.each<[string, Record<string, string>, Record<string, number | 'directory'>, string[]]>([
    ['all there', {}, { '.': 'directory', Dockerfile: 1 }, ['accepted']],
    ['no checkout', {}, {}, ['context is "."']],
    ['an empty checkout', {}, { '.': 'directory' }, ['file is "Dockerfile"']],
    ['a file as the context', { context: 'app' }, { app: 1 }, ['context is "app"']],
    ['a directory as the Dockerfile', { file: 'd' }, { '.': 'directory', d: 'directory' }, ['file is "d"']],
    ['neither', { context: 'app', file: 'x' }, {}, ['context is "app"', 'file is "x"']],
    [
      'secret files: one good, one missing, one empty, one a directory',
      { 'secret-files': 'a=good\nb=missing\nc=empty\nd=directory' },
      { '.': 'directory', Dockerfile: 1, good: 1, empty: 0, directory: 'directory' },
      ['secret-files is "b=missing"', 'secret-files is "c=empty"', 'secret-files is "d=directory"'],
    ],
    [
      'named contexts: one good, one missing, one a file',
      { 'build-contexts': 'a=good\nb=missing\nc=file\nd=docker-image://missing' },
      { '.': 'directory', Dockerfile: 1, good: 'directory', file: 1 },
      ['build-contexts is "b=missing"', 'build-contexts is "c=file"'],
    ],
  ])('%s', (...[, values, files, expected]) => expect(fields(values, only(files))).toEqual(expected));

  test('the disk: what is missing is nothing', () => {
    const directory = mkdtempSync(join(tmpdir(), 'slipway-look-'));
    try {
      mkdirSync(join(directory, 'app'));
      writeFileSync(join(directory, 'file'), 'four');
      expect(realLookAt(join(directory, 'app'))?.kind).toBe('directory');
      expect(realLookAt(join(directory, 'file'))).toEqual({ kind: 'file', bytes: 4 });
      execFileSync('mkfifo', [join(directory, 'pipe')]);
      for (const path of ['none', 'file/below', 'zero\0byte', 'pipe'])
        expect(realLookAt(join(directory, path))).toBeUndefined();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('an archive', () => {
  test('to write: without a region, which must still be one when it is given', () => {
    const values = { repository: 'app', mode: 'archive', archive: '/tmp/image.tar' };
    expect(read(values, { env: {} })).toMatchObject({
      archiveTo: '/tmp/image.tar',
      archiveFrom: undefined,
      region: '',
    });
    expect(refusal({ ...values, 'aws-region': 'here' }, { env: {} })).toContain('aws-region is "here"');
    expect(refusal({ repository: 'app' }, { env: {} })).toContain('aws-region is missing');
    expect(refusal({ ...values, mode: 'push' }, { env: {} })).toContain('aws-region is missing');
    const registry = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
    expect(read({ ...values, registry }, { env: {} }).registry).toBe(registry);
  });

  test('to push from: it need not be there, and what concerns a registry goes with it', () => {
    const values = { archive: '../image.tar', cache: 'registry', scan: 'high', provenance: 'min', secrets: 'a=b' };
    const lookAt: LookAt = (path) => (path.endsWith('.tar') ? undefined : anyFile(path));
    expect(read({ repository: 'app', ...values }, { lookAt })).toMatchObject({
      archiveTo: undefined,
      archiveFrom: '../image.tar',
    });
  });

  test.each([
    ['.', 'image.tar', false],
    ['.', '../image.tar', true],
    ['app', 'app/out/image.tar', false],
    ['app', 'app/../image.tar', true],
    ['app', 'apple/image.tar', true],
    ['app', 'app/..image.tar', false],
    ['.', join(process.cwd(), 'image.tar'), false],
  ])('context %s, archive %s: %s', (context, archive, accepted) => {
    const named = refusal({ repository: 'app', context: 'other', 'build-contexts': `x=${context}`, archive });
    expect(named === 'accepted').toBe(accepted);
    if (!accepted) expect(named).toContain('a path outside "build-contexts"');
    const said = refusal({ repository: 'app', context, archive });
    expect(said === 'accepted').toBe(accepted);
    if (!accepted) expect(said).toContain('a path outside "context"');
  });

  test('of one platform is fine', () => {
    expect(inputs({ archive: '/tmp/i.tar', platforms: 'linux/arm64' }).platforms).toEqual(['linux/arm64']);
  });
});

describe('good inputs', () => {
  test('the defaults', () => {
    expect(inputs()).toEqual({
      region: 'us-east-1',
      roleToAssume: undefined,
      roleSessionName: 'slipway',
      roleDurationSeconds: 3600,
      dryRun: false,
      archiveTo: undefined,
      archiveFrom: undefined,
      repository: 'app',
      registry: undefined,
      registryId: undefined,
      context: '.',
      buildContexts: new Map(),
      file: 'Dockerfile',
      target: undefined,
      buildArgs: new Map(),
      secrets: new Map(),
      secretFiles: new Map(),
      hidden: [],
      platforms: [],
      tags: [commit],
      commit,
      labels: new Map(),
      cache: 'auto',
      skipUnchanged: true,
      force: false,
      maxAgeDays: undefined,
      createRepository: true,
      provenance: 'false',
      sbom: false,
      sbomGenerator: undefined,
      scan: 'off',
      scanTimeoutMinutes: 10,
    });
  });

  test('secrets are masked the moment they are read, line by line as well', () => {
    const masked: string[] = [];
    read({ repository: 'app', secrets: '{"key":"first\\nsecond"}' }, { masked });
    expect(masked).toEqual(['first', 'second']);
  });

  test('another account’s registry', () => {
    const registry = '210987654321.dkr.ecr.us-east-1.amazonaws.com';
    expect(inputs({ registry })).toMatchObject({ registry, registryId: '210987654321' });
  });

  test('the Dockerfile lies in the context unless it is named', () => {
    expect(inputs({ context: 'backend/' }).file).toBe('backend/Dockerfile');
    expect(inputs({ context: 'backend', file: 'docker/api.Dockerfile' }).file).toBe('docker/api.Dockerfile');
  });

  test('tags and platforms once each; latest only when asked for', () => {
    expect(inputs({ tags: 'v1\nlatest\r\nv1' }).tags).toEqual(['v1', 'latest']);
    expect(inputs({ platforms: 'linux/arm64\nlinux/amd64\nlinux/arm64' }).platforms).toEqual([
      'linux/amd64',
      'linux/arm64',
    ]);
  });

  test.each([
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/v6', 'linux/arm/v6'],
    ['linux/armhf', 'linux/arm/v7'],
    ['windows/i386', 'windows/386'],
    ['linux/riscv64', 'linux/riscv64'],
  ])('the platform %s is %s', (written, platform) => {
    expect(inputs({ platforms: `${written}\n${platform}` }).platforms).toEqual([platform]);
  });

  test('named contexts, by the names that docker compares', () => {
    const values = [
      'assets=../web/dist, "old"',
      'docker.io/library/python:3.11-slim=docker-image://localhost:5000/python:3',
      'node:latest=docker-image://scratch',
      'ghcr.io/your-org/base=./a=b',
    ];
    expect(inputs({ 'build-contexts': values.join('\n') }).buildContexts).toEqual(
      new Map([
        ['assets', { kind: 'directory', path: '../web/dist, "old"' }],
        ['python:3.11-slim', { kind: 'image', reference: 'localhost:5000/python:3' }],
        ['node', { kind: 'image', reference: 'scratch' }],
        ['ghcr.io/your-org/base', { kind: 'directory', path: './a=b' }],
      ]),
    );
  });

  test.each([
    ['python', 'python'],
    ['docker.io/python:latest', 'python'],
    ['index.docker.io/library/python', 'python'],
    ['library/a/b', 'library/a/b'],
    ['library/python:3@sha256:' + 'a'.repeat(64), 'python:3@sha256:' + 'a'.repeat(64)],
    ['localhost/library/python', 'localhost/library/python'],
    ['localhost:5000/x:latest', 'localhost:5000/x'],
    ['a'.repeat(64), undefined],
    ['Assets', undefined],
    ['', undefined],
  ])('to docker, %s is called %s', (text, name) => expect(contextName(text)).toBe(name));
});
