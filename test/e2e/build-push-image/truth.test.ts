import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { scanTargets } from '../../../actions/build-push-image/src/scan.ts';
import { sha256 } from '../../../shared/core/hash.ts';
import { spawnAction, type ActionRun } from '../../bundle/spawn-action.ts';
import { buildTools, buildxConfig, startBuildkitd, type Buildkitd, type BuildxConfig } from '../../kit/buildkit.ts';
import { describeWith } from '../../kit/describe-with.ts';
import { dockerPrograms, startDockerd } from '../../kit/dockerd.ts';
import { ScriptedRegistry } from '../../kit/scripted-registry.ts';
import { must } from '../../local/command.ts';
import { arm64, elf, script, tarOf, x86 } from '../../unit/build-push-image/image-kit.ts';

/** What lies in a context: bytes of a file, or `→` and where a link leads. */
type Context = Readonly<Record<string, string | Uint8Array>>;

const scratch = mkdtempSync(join(tmpdir(), 'slipway-truth-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let contexts = 0;
function contextOf(files: Context): string {
  contexts += 1;
  const context = join(scratch, `context-${contexts}`);
  mkdirSync(context);
  for (const [name, content] of Object.entries(files)) {
    const path = join(context, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof content === 'string' && content.startsWith('→')) symlinkSync(content.slice(1), path);
    else writeFileSync(path, content, { mode: 0o755 });
  }
  return context;
}

/** Builds a context with the action's bundle into the registry. */
function builderOf(registry: () => ScriptedRegistry, env: () => Readonly<Record<string, string>>) {
  return (repository: string, files: Context, inputs: Readonly<Record<string, string>> = {}): Promise<ActionRun> =>
    spawnAction('build-push-image', {
      inputs: { registry: registry().host, repository, context: '.', ...inputs },
      cwd: contextOf(files),
      env: {
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY',
        AWS_ENDPOINT_URL: registry().endpoint,
        ...env(),
      },
    });
}

const green = (run: ActionRun): ActionRun => {
  expect(run.exitCode === 0 ? '' : run.output).toBe('');
  return run;
};
const checked = ({ summary }: ActionRun, row: 'Checked' | 'Not checked'): string =>
  new RegExp(`\\*\\*${row}\\*\\* \\| (.*) \\|`).exec(summary)?.[1] ?? '';
/** Tags that somebody asked for. */
const wanted = (registry: ScriptedRegistry, repository: string) =>
  [...registry.repository(repository).tags.keys()].filter((tag) => !/^src-|^buildcache/.test(tag));

const tools = await buildTools();
describeWith(tools, 'what BuildKit beside the daemon pushed', (tools) => {
  let registry: ScriptedRegistry;
  let buildkitd: Buildkitd;
  let buildx: BuildxConfig;
  beforeAll(async () => {
    registry = await ScriptedRegistry.start();
    buildkitd = await startBuildkitd(tools, { insecure: [registry.host] });
    buildx = await buildxConfig(tools, buildkitd);
  }, 120_000);
  afterAll(async () => {
    buildx.remove();
    await buildkitd.stop();
    await registry.stop();
  }, 60_000);
  const build = builderOf(
    () => registry,
    () => ({ DOCKER_CONFIG: buildx.directory }),
  );

  const copied = 'FROM scratch\nCOPY server /app/server\nENTRYPOINT ["/app/server"]\n';
  const onArm = { platforms: 'linux/arm64', tags: 'v1' };

  test('an x86 program in an arm64 image is red, and refused by every later run; mended, it is green', async () => {
    const wrong = { Dockerfile: copied, server: x86 };
    for (const reason of ['was not built before', 'was refused before']) {
      const run = await build('wrong', wrong, onArm);
      expect(run.exitCode).toBe(1);
      expect(run.output).toContain(
        'title=ArchitectureMismatch::/app/server in the linux/arm64 image is an x86-64 program',
      );
      expect(run.output).toContain(reason);
      expect(run.outputs['tags']).toBe('');
      expect(wanted(registry, 'wrong')).toEqual([]);
    }
    const run = green(await build('wrong', { ...wrong, server: arm64 }, onArm));
    expect(checked(run, 'Checked')).toBe(
      'for linux/arm64, as asked<br>/app/server in the linux/arm64 image is an AArch64 program',
    );
    expect(checked(run, 'Not checked')).toBe('');
    expect(registry.repository('wrong').tags.get('v1')).toBe(run.outputs['digest']);
  });

  test.each([
    ['red', x86],
    ['green', arm64],
  ])('what a run pushed and could not check, a builder that never saw it looks at: %s', async (colour, server) => {
    const files = { Dockerfile: copied, server };
    registry.fault = ({ operation }) => (operation === 'GET blob' ? { status: 404 } : undefined);
    const unproven = await build(`unproven-${colour}`, files, onArm);
    expect(unproven.output).toContain('title=PlatformUnproven');
    registry.forget();
    const fresh = await startBuildkitd(tools, { insecure: [registry.host] });
    const config = await buildxConfig(tools, fresh);
    try {
      const elsewhere = builderOf(
        () => registry,
        () => ({ DOCKER_CONFIG: config.directory }),
      );
      const run = await elsewhere(`unproven-${colour}`, files, onArm);
      expect(run.output).toContain('is still to be checked');
      expect(run.output).not.toContain('Building');
      const { tags } = registry.repository(`unproven-${colour}`);
      expect([...tags.keys()].some((tag) => tag.endsWith('.refused'))).toBe(colour === 'red');
      if (colour === 'red') {
        expect(run.output).toContain('title=ArchitectureMismatch');
        return;
      }
      expect(green(run).outputs).toMatchObject({ outcome: 'reused', digest: tags.get('v1') });
      expect(checked(run, 'Checked')).toContain('/app/server in the linux/arm64 image is an AArch64 program');
    } finally {
      config.remove();
      await fresh.stop();
    }
  });

  const each = 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH/ /\nENTRYPOINT ["/app/server"]\n';
  const platforms = 'linux/amd64\nlinux/arm64\nlinux/riscv64\nlinux/s390x';

  test('of several platforms each; nothing but manifests and configurations is read from the registry', async () => {
    const files = {
      Dockerfile: each,
      ...{ 'amd64/app/server': x86, 'arm64/app/server': arm64, 'riscv64/app/server': elf(243) },
      's390x/app/server': elf(22, { big: true }),
    };
    const run = green(await build('several', files, { platforms }));
    expect(checked(run, 'Checked').split('<br>')).toHaveLength(5);
    expect(checked(run, 'Not checked')).toBe('');
    const index = JSON.parse(registry.repository('several').images.get(run.outputs['digest']!)!.manifest.toString());
    expect(index.manifests).toHaveLength(4);
    const read = registry.log.filter(
      ({ operation, repository }) => repository === 'several' && operation === 'GET blob',
    );
    expect(read.length).toBe(4);

    const swapped = await build(
      'several',
      { ...files, 'arm64/app/server': x86, 'riscv64/app/server': arm64 },
      { platforms, tags: 'v2' },
    );
    expect(swapped.output).toContain('/app/server in the linux/arm64 image is an x86-64 program');
    expect(swapped.output).toContain('/app/server in the linux/riscv64 image is an AArch64 program');
    expect(swapped.output).not.toContain('linux/s390x image is');
  });

  test('through links, scripts, search paths and directories that are not there', async () => {
    const files: Context = {
      Dockerfile: [
        'FROM scratch',
        'COPY root/ /',
        'ENV PATH=/no/such/bin:/venv/bin:/usr/bin',
        'WORKDIR /srv',
        'ENTRYPOINT ["./entry.sh"]',
        'CMD ["tool", "--serve"]',
      ].join('\n'),
      'root/srv/entry.sh': script('#!/bin/sh\nexec "$@"\n'),
      'root/bin': '→usr/bin',
      'root/usr/bin/sh': '→../lib/shell',
      'root/usr/lib/shell': '→/opt/shell/sh.real',
      'root/opt/shell/sh.real': arm64,
      'root/venv/bin/tool': script('#!/venv/bin/python\n'),
      'root/venv/bin/python': '→/usr/bin/python3',
      'root/usr/bin/python3': '→../../opt/python3.11/bin/python3.11',
      'root/opt/python3.11/bin/python3.11': arm64,
    };
    const run = green(await build('links', files, onArm));
    expect(checked(run, 'Checked').split('<br>').slice(1)).toEqual([
      '/bin/sh in the linux/arm64 image is an AArch64 program',
      '/venv/bin/python in the linux/arm64 image is an AArch64 program',
    ]);
    expect(checked(run, 'Not checked')).toBe('');
    for (const [file, shown] of [
      ['root/opt/shell/sh.real', '/bin/sh'],
      ['root/opt/python3.11/bin/python3.11', '/venv/bin/python'],
    ] as const) {
      const wrong = await build('links', { ...files, [file]: x86 }, { ...onArm, tags: 'v2' });
      expect(wrong.output).toContain(`${shown} in the linux/arm64 image is an x86-64 program`);
    }
  });

  test('a base image that is pinned to another platform', async () => {
    const base = green(
      await build(
        'base',
        { Dockerfile: each, 'amd64/app/server': x86, 'arm64/app/server': arm64 },
        { platforms: 'linux/amd64\nlinux/arm64' },
      ),
    ).outputs['image']!;
    const pinned = { Dockerfile: `FROM --platform=linux/amd64 ${base}\nLABEL a=b\n` };
    const run = await build('pinned', pinned, onArm);
    // BuildKit calls it linux/arm64 all the same.
    expect(run.output).toContain(
      'title=ArchitectureMismatch::/app/server in the linux/arm64 image is an x86-64 program',
    );
    green(await build('pinned', { Dockerfile: `FROM ${base}\nLABEL a=b\n` }, onArm));
  });

  test('what starts nothing, or only triggers, is told; no trigger runs', async () => {
    const data = green(await build('data', { Dockerfile: 'FROM scratch\nCOPY file /\n', file: 'x' }, { tags: 'v1' }));
    expect(checked(data, 'Not checked')).toBe('the program of the linux/amd64 image: it names none to start');
    const trigger = `${copied}ONBUILD RUN ["/app/server"]\n`;
    const run = green(await build('trigger', { Dockerfile: trigger, server: x86 }, { tags: 'v1' }));
    expect(checked(run, 'Not checked')).toContain('ONBUILD');
    expect(buildkitd.log()).not.toContain('process "/app/server"');
  });

  test('a file of many megabytes is not fetched from the registry', async () => {
    const big = Buffer.alloc(40 << 20, 'incompressible?');
    big.set(x86);
    const dockerfile = 'FROM scratch\nCOPY . /app/\nCMD ["/app/server"]\n';
    const before = registry.traffic().out;
    const run = green(await build('big', { Dockerfile: dockerfile, server: big, more: big }, { tags: 'v1' }));
    expect(checked(run, 'Checked')).toContain('/app/server in the linux/amd64 image is an x86-64 program');
    expect(registry.traffic().out - before).toBeLessThan(1 << 20);
  });

  test('attestations: an index is checked, scanned and tagged without them; provenance holds arguments, never secrets', async () => {
    const generator = green(await build('scanner', scanner(), { tags: 'v1' })).outputs['image']!;
    const files: Context = {
      Dockerfile: [
        `FROM ${generator} AS build`,
        'ARG COLOUR',
        'RUN --mount=type=secret,id=token read -r x < /run/secrets/token || [ ${#x} = 24 ]',
        'FROM scratch',
        'COPY server /app/server',
        'COPY --from=build /etc/scanner /etc/',
        'ENTRYPOINT ["/app/server"]',
      ].join('\n'),
      server: x86,
    };
    const run = green(
      await build('attested', files, {
        ...{
          provenance: 'max',
          sbom: 'true',
          'sbom-generator': generator,
          'build-args': 'COLOUR=argument-of-the-build',
        },
        ...{ secrets: 'token=not-for-anybodys-eyes-24', tags: 'v1\nlatest', platforms: 'linux/amd64' },
      }),
    );
    expect(checked(run, 'Checked')).toContain('/app/server in the linux/amd64 image is an x86-64 program');
    expect(checked(run, 'Not checked')).toBe('');
    const { tags, images } = registry.repository('attested');
    const digest = run.outputs['digest']!;
    expect([tags.get('v1'), tags.get('latest')]).toEqual([digest, digest]);
    const manifest = images.get(digest)!.manifest.toString();
    const entries: { digest: string; platform: { os: string } }[] = JSON.parse(manifest).manifests;
    expect(entries.map(({ platform }) => platform.os).sort()).toEqual(['linux', 'unknown']);
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const image = { digest, manifest, mediaType, tags: [], pushedAt: 0, sizeBytes: 1, registryId: '' };
    expect(scanTargets(image).map((target) => target.digest)).toEqual([
      entries.find(({ platform }) => platform.os === 'linux')!.digest,
    ]);

    const attestation: { layers: { digest: string }[] } = JSON.parse(
      images.get(entries.find(({ platform }) => platform.os === 'unknown')!.digest)!.manifest.toString(),
    );
    const basic = Buffer.from(`AWS:${registry.tokens.at(-1)!}`).toString('base64');
    const statements = await Promise.all(
      attestation.layers.map(async (layer) => {
        const url = `${registry.endpoint}/v2/attested/blobs/${layer.digest}`;
        return (await fetch(url, { headers: { authorization: `Basic ${basic}` } })).text();
      }),
    );
    const text = statements.join('\n');
    expect(statements).toHaveLength(2);
    expect(text).toContain('https://spdx.dev/Document');
    expect(text).toContain('made-by-the-tests-own-scanner');
    expect(text).toContain('https://slsa.dev/provenance/');
    expect(text).toContain('argument-of-the-build');
    for (const seen of [text, manifest, run.output.replaceAll(/^::add-mask::.*$/gm, ''), run.summary]) {
      expect(seen).not.toContain('not-for-anybodys-eyes-24');
      for (const token of registry.tokens) expect(seen).not.toContain(token);
    }
  });
});

/** A shell and what it needs of this machine, as an image whose command writes an SBOM as BuildKit wants it. */
function scanner(): Context {
  const shell = realpathSync('/bin/sh');
  const libraries = execFileSync('ldd', [shell]).toString().match(/\/\S+/g) ?? [];
  const statement = JSON.stringify({
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType: 'https://spdx.dev/Document',
    predicate: { name: 'made-by-the-tests-own-scanner' },
  });
  const files: Record<string, string | Uint8Array> = {
    Dockerfile: ['FROM scratch', 'COPY root/ /', `CMD ["/bin/sh", "-c", ". /etc/scanner"]`].join('\n'),
    'root/etc/scanner': `printf '%s' '${statement}' > "$BUILDKIT_SCAN_DESTINATION/sbom.spdx.json"\n`,
  };
  for (const [path, from] of [['/bin/sh', shell], ...libraries.map((library) => [library, realpathSync(library)])]) {
    files[`root${path}`] = readFileSync(from!);
  }
  return files;
}

describeWith(await dockerPrograms(), 'what a docker without buildx pushed', () => inTheDaemon());
describeWith(tools, 'what buildx pushed with the daemon’s own BuildKit', ({ buildx }) => inTheDaemon(buildx));

function inTheDaemon(plugin?: string): void {
  let registry: ScriptedRegistry;
  const config = join(scratch, `docker-config-${plugin === undefined ? 'plain' : 'buildx'}`);
  let dockerd: Awaited<ReturnType<typeof startDockerd>>;
  beforeAll(async () => {
    dockerd = await startDockerd();
    mkdirSync(join(config, 'cli-plugins'), { recursive: true });
    if (plugin !== undefined) symlinkSync(plugin, join(config, 'cli-plugins/docker-buildx'));
    registry = await ScriptedRegistry.start();
  });
  afterAll(async () => {
    await dockerd.stop();
    await registry.stop();
  }, 60_000);
  const build = builderOf(
    () => registry,
    () => ({ DOCKER_CONFIG: config, DOCKER_HOST: dockerd.address }),
  );
  const docker = (...words: readonly string[]) => must('docker', words, { env: dockerd.env });
  const containers = () => docker('ps', '--all', '--quiet');

  const dockerfile = 'FROM scratch\nCOPY . /app/\nVOLUME /app/data\nENTRYPOINT ["/app/run"]\n';
  const own = process.arch === 'arm64' ? arm64 : x86;
  const foreign = process.arch === 'arm64' ? x86 : arm64;

  test('a program of another architecture is red, one of its own green; no container is left', async () => {
    const before = await containers();
    const files = { Dockerfile: dockerfile, 'data/x': 'x', run: '→sub/real', 'sub/real': foreign };
    const wrong = await build('wrong', files, { tags: 'v1' });
    expect(wrong.output).toMatch(/title=ArchitectureMismatch::\/app\/run in the linux\/\w+ image is an /);
    expect(wanted(registry, 'wrong')).toEqual([]);
    const run = green(await build('wrong', { ...files, 'sub/real': own }, { tags: 'v1' }));
    expect(checked(run, 'Checked')).toMatch(/^for linux\/\w+, as asked<br>\/app\/run in the/);
    expect(wanted(registry, 'wrong')).toEqual(['v1']);
    expect(await containers()).toBe(before);
  });

  test('out of an archive, too', async () => {
    const context = contextOf({ Dockerfile: dockerfile, run: foreign });
    const archive = join(scratch, 'image.tar');
    await docker('build', '--quiet', '--tag', 'archived:1', context);
    await docker('save', '--output', archive, 'archived:1');
    const run = await build('archived', { Dockerfile: dockerfile, run: foreign }, { archive, tags: 'v1' });
    expect(run.output).toContain('title=ArchitectureMismatch::/app/run in the');
  });

  // BuildKit says of every image that it is for what was asked.
  if (plugin !== undefined) return;
  test('a base image for another platform is red', async () => {
    const base = 'foreign-base:1';
    const other = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64';
    const archive = join(scratch, 'base.tar');
    writeFileSync(archive, archiveOf(base, other));
    await docker('load', '--input', archive);
    const run = await build(
      'base',
      { Dockerfile: `FROM ${base}\nCOPY run /app/run\nCMD ["/app/run"]\n`, run: own },
      { tags: 'v1' },
    );
    expect(run.output).toMatch(new RegExp(`title=PlatformMismatch::Asked for was linux/\\w+; .* is for ${other}\\.`));
    expect(wanted(registry, 'base')).toEqual([]);
  });
}

/** What `docker save` would write of an image with one empty file. */
function archiveOf(name: string, platform: string): Buffer {
  const [os, architecture] = platform.split('/');
  const end = Buffer.alloc(1024);
  const layer = Buffer.concat([tarOf({ name: 'empty' }), end]);
  const rootfs = { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] };
  const config = JSON.stringify({ os, architecture, config: {}, rootfs, history: [] });
  const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]);
  const files = [
    { name: 'layer.tar', content: layer },
    { name: 'config.json', content: Buffer.from(config) },
    { name: 'manifest.json', content: Buffer.from(manifest) },
  ];
  return Buffer.concat([tarOf(...files), end]);
}
