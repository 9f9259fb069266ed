import { describe, expect, test } from '@jest/globals';
import { sha256 } from '../../../shared/core/hash.ts';
import { builderFiles } from '../../../actions/build-push-image/src/program-files.ts';
import { verifyImage } from '../../../actions/build-push-image/src/verify-image.ts';
import { arm64, elf, fakePipe, script, x86, type Files } from './image-kit.ts';

interface Made {
  readonly platform: string;
  /** What the configuration says, where that is another one. */
  readonly configured?: string;
  readonly config?: object;
  readonly files?: Files;
}

const digestOf = (text: string): string => `sha256:${sha256(text)}`;

/** A registry with one image, of as many platforms as are given; a single one without an index around it. */
function registry(made: readonly Made[], { index = made.length > 1, attested = false } = {}) {
  const contents = new Map<string, string>();
  const filesOf = new Map<string, Files>();
  const put = (text: string): string => (contents.set(digestOf(text), text), digestOf(text));
  const manifests = made.map(
    ({ platform, configured = platform, config = { Entrypoint: ['/app/server'] }, files = {} }, n) => {
      const [os, architecture, variant] = configured.split('/');
      const manifest = JSON.stringify({
        n,
        config: { digest: put(JSON.stringify({ os, architecture, variant, config })) },
      });
      filesOf.set(put(manifest), files);
      return manifest;
    },
  );
  const entries = made.map(({ platform }, at) => {
    const [os, architecture, variant] = platform.split('/');
    return { digest: digestOf(manifests[at] ?? ''), platform: { os, architecture, ...(variant && { variant }) } };
  });
  const attestation = { digest: 'sha256:a', platform: { os: 'unknown', architecture: 'unknown' } };
  const manifest = index
    ? JSON.stringify({ manifests: [...entries, ...(attested ? [attestation] : [])] })
    : (manifests[0] ?? '');
  const programs = fakePipe((_, name) => filesOf.get(name.replace(/^.*@/, '')) ?? {});
  let broken: Error | undefined;
  const verify = (asked: readonly string[], isGuess = false) =>
    verifyImage({
      ...{ asked, isGuess },
      image: {
        digest: digestOf(manifest),
        manifest,
        mediaType: '',
        tags: [],
        pushedAt: 0,
        sizeBytes: 1,
        registryId: '1',
      },
      content: {
        read: async (_, digest) => {
          if (broken !== undefined) throw broken;
          return contents.get(digest) ?? Promise.reject(new Error(`no ${digest}`));
        },
      },
      files: ({ digest, config: { platform } }) =>
        builderFiles(
          { name: `x@${digest}`, platform: platform.architecture },
          { pipe: programs.pipe, env: {}, timeoutMs: 1 },
        ),
    });
  return { verify, programs, breakWith: (message: string) => (broken = new Error(message)) };
}
const server = (platform: string, program: Uint8Array): Made => ({ platform, files: { '/app/server': program } });

describe('the platform', () => {
  test('as asked, and the program with it', async () => {
    expect(await registry([server('linux/arm64/v8', arm64)]).verify(['linux/arm64'])).toEqual({
      confirmed: ['for linux/arm64, as asked', '/app/server in the linux/arm64 image is an AArch64 program'],
      unchecked: [],
      failed: [],
      left: [],
    });
  });

  test('of an index, every one, attestations aside; the same one asked for by two names is one', async () => {
    const made = [server('linux/amd64', x86), server('linux/arm64', arm64)];
    const { confirmed, unchecked } = await registry(made, { attested: true }).verify([
      ...['linux/amd64', 'linux/arm64', 'linux/arm64/v8'],
    ]);
    expect(confirmed).toHaveLength(3);
    expect(confirmed[0]).toBe('for linux/amd64, linux/arm64, as asked');
    expect(unchecked).toEqual([]);
    const one = registry([server('linux/amd64', x86)], { index: true, attested: true });
    expect((await one.verify(['linux/amd64'])).unchecked).toEqual([]);
  });

  test.each<[string, readonly Made[], readonly string[]]>([
    ['a single image of another one', [server('linux/arm64', arm64)], ['linux/amd64']],
    ['an index without one', [server('linux/amd64', x86)], ['linux/amd64', 'linux/arm64']],
    [
      'a configuration that is not what the index says',
      [{ ...server('linux/arm64', x86), configured: 'linux/amd64' }],
      ['linux/arm64'],
    ],
  ])('%s: red, and no program is looked at', async (_, made, asked) => {
    const { verify, programs } = registry(made, { index: made.length > 1 || made[0]?.configured !== undefined });
    await expect(verify(asked)).rejects.toMatchObject({ code: 'PlatformMismatch' });
    expect(programs.asked).toEqual([]);
  });

  test('what the index contradicts is red, also when nothing more can be read', async () => {
    const { verify, breakWith } = registry([server('linux/amd64', x86), server('linux/riscv64', x86)]);
    breakWith('host answers 403');
    await expect(verify(['linux/amd64', 'linux/arm64'])).rejects.toMatchObject({ code: 'PlatformMismatch' });
    await expect(verify(['linux/amd64', 'linux/riscv64'])).rejects.toMatchObject({ code: 'PlatformUnproven' });
  });

  test('that nobody asked for by name: another is told, not refused, and its program is judged by what it says', async () => {
    const { confirmed, unchecked } = await registry([server('linux/arm64', arm64)]).verify(['linux/amd64'], true);
    expect(unchecked).toEqual([
      expect.stringMatching(/^the platform, as none is asked for by name: .* is for linux\/arm64/),
    ]);
    expect(confirmed).toEqual(['/app/server in the linux/arm64 image is an AArch64 program']);
    const wrong = registry([server('linux/arm64', x86)]).verify(['linux/amd64'], true);
    await expect(wrong).rejects.toMatchObject({ code: 'ArchitectureMismatch' });
  });
});

describe('the program', () => {
  test('of another architecture in one of the platforms: red, with the file, the platform and what it is', async () => {
    const { verify } = registry([server('linux/amd64', x86), server('linux/arm64', x86)]);
    await expect(verify(['linux/amd64', 'linux/arm64'])).rejects.toMatchObject({
      code: 'ArchitectureMismatch',
      message: expect.stringMatching(/^\/app\/server in the linux\/arm64 image is an x86-64 program\nThis is sha256:/),
    });
  });

  const image = (config: object, files: Files) =>
    registry([{ platform: 'linux/arm64', config, files }]).verify(['linux/arm64']);
  const env = ['PATH=/venv/bin:/bin'];

  test('a script is what runs it; a script that starts another one, and that one’s interpreter', async () => {
    const files = {
      '/entry.sh': script('#!/bin/sh\nexec "$@"\n'),
      '/bin/sh': arm64,
      '/venv/bin/uvicorn': script('#!/venv/bin/python3.11\n'),
      '/venv/bin/python3.11': arm64,
    };
    const config = { Entrypoint: ['/entry.sh'], Cmd: ['uvicorn', 'main:app'], Env: env };
    expect(await image(config, files)).toEqual({
      confirmed: [
        'for linux/arm64, as asked',
        '/bin/sh in the linux/arm64 image is an AArch64 program',
        '/venv/bin/python3.11 in the linux/arm64 image is an AArch64 program',
      ],
      unchecked: [],
      failed: [],
      left: [],
    });
    for (const wrong of ['/bin/sh', '/venv/bin/python3.11']) {
      await expect(image(config, { ...files, [wrong]: x86 })).rejects.toThrow(`${wrong} in the linux/arm64 image`);
    }
  });

  test('what is only an argument of a program is not its business', async () => {
    const files = { '/bin/loader': arm64, '/app/firmware': x86 };
    const { confirmed, unchecked } = await image({ Entrypoint: ['/bin/loader'], Cmd: ['/app/firmware'] }, files);
    expect([confirmed.length, unchecked]).toEqual([2, []]);
  });

  test('behind an init, too; each program is told once', async () => {
    const files = {
      '/sbin/tini': arm64,
      '/entry.sh': script('#!/bin/sh'),
      '/bin/sh': arm64,
      '/bin/tool': script('#!/bin/sh'),
    };
    const config = { Entrypoint: ['/sbin/tini', '--', '/entry.sh'], Cmd: ['tool'], Env: env };
    expect((await image(config, files)).confirmed.slice(1)).toEqual([
      expect.stringMatching('^/sbin/tini in '),
      expect.stringMatching('^/bin/sh in '),
    ]);
    await expect(image(config, { ...files, '/bin/tool': x86 })).rejects.toThrow('/bin/tool in the linux/arm64 image');
    // What a script is run by hands nothing on.
    const other = { Cmd: ['/bin/sh', '-c', '/entry.sh'], Env: env };
    expect((await image(other, { ...files, '/bin/tool': x86 })).unchecked).toEqual([]);
  });

  test('the first on the search path counts', async () => {
    const config = { Cmd: ['node'], Env: env };
    expect((await image(config, { '/venv/bin/node': arm64, '/bin/node': x86 })).confirmed).toHaveLength(2);
    await expect(image(config, { '/venv/bin/node': x86, '/bin/node': arm64 })).rejects.toThrow('/venv/bin/node');
  });

  test('scripts that run each other do not go round for ever', async () => {
    const files = { '/bin/a': script('#!/bin/b'), '/bin/b': script('#!/bin/a') };
    expect((await image({ Cmd: ['/bin/a'] }, files)).unchecked).toEqual([
      expect.stringContaining('/bin/a was not found there as an ELF file'),
    ]);
  });

  test.each<[string, object, Files, RegExp]>([
    ['none', {}, {}, /names none to start/],
    ['one that is not there', { Cmd: ['/app/server'] }, {}, /\/app\/server was not found there as an ELF file/],
    ['one that is neither', { Cmd: ['/app.jar'] }, { '/app.jar': script('PK') }, /not found there as an ELF file/],
    ['a directory', { Cmd: ['/app'] }, { '/app': 'directory' }, /not found there as an ELF file/],
    [
      'one that may be able to run',
      { Cmd: ['/x'] },
      { '/x': elf(40, { bits: 32 }) },
      /whether \/x runs: .* 32-bit ARM/,
    ],
    ['one of a base image with triggers', { Cmd: ['/x'], OnBuild: ['RUN x'] }, { '/x': x86 }, /ONBUILD/],
  ])('%s: nothing is claimed, and that is told', async (...[, config, files, remark]) => {
    const { confirmed, unchecked } = await image(config, files);
    expect(confirmed).toEqual(['for linux/arm64, as asked']);
    expect(unchecked).toEqual([expect.stringMatching(remark)]);
  });

  test('of Windows is not looked at', async () => {
    const { verify, programs } = registry([{ platform: 'windows/amd64', files: { '/app/server': arm64 } }]);
    expect((await verify(['windows/amd64'])).unchecked).toEqual([expect.stringContaining('windows is not looked at')]);
    expect(programs.asked).toEqual([]);
  });
});

describe('what cannot be read', () => {
  test.each([false, true])('a configuration: nobody knows the platform, asked for by name or not', async (isGuess) => {
    const { verify, breakWith } = registry([server('linux/arm64', x86)]);
    breakWith('host answers 503 for sha256:c');
    await expect(verify(['linux/arm64'], isGuess)).rejects.toMatchObject({
      code: 'PlatformUnproven',
      fault: 'cloud',
      message: expect.stringMatching(/host answers 503 for sha256:c\nThis is sha256:[0-9a-f]{64}; it was given no tag/),
    });
  });

  test('a manifest that is none', async () => {
    await expect(registry([]).verify(['linux/arm64'])).rejects.toMatchObject({ code: 'PlatformUnproven' });
  });

  test('a program that cannot be had: the platform is confirmed all the same', async () => {
    const { verify, programs } = registry([server('linux/arm64', x86)]);
    programs.failing.set('buildx', 'ERROR: docker took longer than 20 s');
    expect(await verify(['linux/arm64'])).toEqual({
      confirmed: ['for linux/arm64, as asked'],
      unchecked: [],
      failed: ['the program of the linux/arm64 image: ERROR: docker took longer than 20 s'],
      left: [],
    });
  });
});
