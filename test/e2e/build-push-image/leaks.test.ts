import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { BuildTools } from '../../kit/buildkit.ts';
import type { BuilderKind } from './builder.ts';
import { describeEveryBuilder } from './every-builder.ts';
import { Rig, type BuildRun, type Story } from './rig.ts';
import { green } from './stories.ts';

await describeEveryBuilder('no secret leaks', leaks);

const secret = 'canary-in-a-secret-5d1f';
const fileSecret = 'canary-in-a-secret-file-77aa';
const argument = 'canary-in-a-build-argument-90cc';

/** What could be seen of a run by whoever may look at the machine, the log, the registry. */
interface Seen {
  readonly commandLines: ReadonlySet<string>;
  /** Files in the runner's directory for temporary files at any time, but for docker's own configuration, which is ours alone to read. */
  readonly files: ReadonlyMap<string, string>;
}

function leaks(kind: BuilderKind, found?: BuildTools): void {
  const hasSecrets = kind !== 'docker';
  const attests = kind === 'buildx-remote';
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.open(kind, found);
  }, 120_000);
  afterAll(() => rig?.close(), 60_000);
  afterEach(() => rig.registry.forget());

  test('not on a command line, in the log, outputs, summary, image, attestations, cache, nor in a file that is left', async () => {
    const story = rig.story('leaks', {});
    const mounts = '--mount=type=secret,id=one --mount=type=secret,id=two';
    const use = hasSecrets
      ? `FROM ${await rig.pushBase('leaks')}\nARG GREETING\nRUN ${mounts} cat /run/secrets/one /run/secrets/two > /dev/null\n`
      : 'FROM scratch\nARG GREETING\n';
    await story.write({
      Dockerfile: `${use}COPY hello /\n`,
      hello: 'one',
      '../two': fileSecret,
    });
    const { run, seen } = await watched(story, {
      'build-args': `GREETING=${argument}`,
      ...(hasSecrets && { secrets: `one=${secret}`, 'secret-files': 'two=two' }),
      ...(attests && { provenance: 'max' }),
    });
    green(run);
    if (hasSecrets) {
      const built = JSON.stringify(run.commands.find((words) => words.includes('--metadata-file')));
      expect(built).toContain('id=one,env=');
    }

    const hidden = [
      ...rig.registry.tokens,
      ...rig.registry.tokens.map(basic),
      ...(hasSecrets ? [secret, fileSecret] : []),
    ];
    const told = {
      log: logOf(run),
      outputs: JSON.stringify(run.outputs),
      summary: run.summary,
      state: JSON.stringify(run.state),
    };
    refuse(hidden, {
      ...told,
      commands: JSON.stringify(run.commands),
      processes: [...seen.commandLines].join('\n'),
      files: [...seen.files].join('\n'),
      registry: await everything(story),
      buildx: filesIn(rig.dockerConfig).map(textOf).join('\n'),
    });
    // Arguments are shown by images and by "max"; never by what buildx notes for us.
    refuse([argument], {
      ...told,
      metadata: [...seen.files].filter(([file]) => file.endsWith('metadata.json')).join('\n'),
    });
    // The runner is told to hide them, should anything ever print them.
    expect(run.output).toContain(`::add-mask::${rig.registry.tokens.at(-1)}`);
    if (hasSecrets) for (const one of [secret, fileSecret]) expect(run.output).toContain(`::add-mask::${one}`);
    // Whatever is watched has been seen at all.
    expect([...seen.commandLines].some((line) => line.includes('login --username AWS'))).toBe(true);
    expect([...seen.files.keys()].some((file) => file.endsWith('metadata.json'))).toBe(hasSecrets);
    expect(run.left).toEqual([]);
  });

  test('after a failed login, push or build, nothing is left and nothing was said', async () => {
    const story = rig.story('failures', {});
    await story.write({ Dockerfile: 'FROM scratch\nCOPY . /\n', hello: kind });
    const denied = { error: 'DENIED', status: 403, message: 'not yours' };
    // All log in in the same way.
    for (const what of [...(kind === 'docker' ? [/^GET ping/] : []), /^POST upload/, /^PUT manifest src-/]) {
      rig.registry.forget();
      rig.registry.breakNext(what, ...Array.from({ length: 20 }, () => denied));
      const run = await story.build();
      expect([what, run.exitCode, run.left]).toEqual([what, 1, []]);
      const hidden = [...rig.registry.tokens, ...rig.registry.tokens.map(basic)];
      refuse(hidden, { log: logOf(run), outputs: JSON.stringify(run.outputs), summary: run.summary });
    }
  });

  test('not from a step that prints its secrets and fails', async () => {
    if (!hasSecrets) return;
    const story = rig.story('printed', {});
    const lines = [fileSecret, `${fileSecret}-${'long'.repeat(200)}`];
    const print = 'cat /run/secrets/one; echo; cat /run/secrets/two; echo was here; exit 3';
    await story.write({
      Dockerfile: `FROM ${await rig.pushBase('printed')}\nRUN --mount=type=secret,id=one --mount=type=secret,id=two ${print}\n`,
      '../two': `${lines.join('\n')}\n`,
    });
    const run = await story.build({ secrets: `one=${secret}`, 'secret-files': 'two=two' });
    expect([run.exitCode, run.left]).toEqual([1, []]);
    for (const line of [secret, ...lines]) expect(run.output).toContain(`::add-mask::${line}`);
    // The step did print them, and the error repeats what it said.
    expect(run.summary).toContain('***\n***\n***\n');
    expect(run.output).toMatch(/::error .*was here/);
    refuse([secret, fileSecret], {
      log: logOf(run),
      outputs: JSON.stringify(run.outputs),
      summary: run.summary,
      state: JSON.stringify(run.state),
    });
  });

  async function watched(
    story: Story,
    inputs: Readonly<Record<string, string>>,
  ): Promise<{ run: BuildRun; seen: Seen }> {
    const commandLines = new Set<string>();
    const files = new Map<string, string>();
    const look = (): void => {
      for (const line of processes()) commandLines.add(line);
      for (const temp of readdirSync(rig.scratch).filter((name) => /^temp-\d+$/.test(name))) {
        for (const file of filesIn(join(rig.scratch, temp))) {
          if (!file.endsWith('config.json')) files.set(file, textOf(file));
        }
      }
    };
    const timer = setInterval(look, 5);
    try {
      return { run: await story.build(inputs), seen: { commandLines, files } };
    } finally {
      clearInterval(timer);
    }
  }

  /** All that the repository holds, layers unpacked. */
  async function everything(story: Story): Promise<string> {
    const { images, blobs } = story.repository;
    const parts = [...images.values()].map(({ manifest }) => manifest);
    for (const digest of blobs.keys()) {
      const blob = await story.blob(digest);
      parts.push(blob[0] === 0x1f && blob[1] === 0x8b ? gunzipSync(blob) : blob);
    }
    return parts.map((part) => part.toString('latin1')).join('\n');
  }
}

const basic = (token: string): string => Buffer.from(`AWS:${token}`).toString('base64');

/** The runner takes these lines out of the log: they say what it must hide. */
const logOf = ({ output }: BuildRun): string =>
  output
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n');

function refuse(hidden: readonly string[], places: Readonly<Record<string, string>>): void {
  const leaking = Object.entries(places).flatMap(([place, text]) =>
    hidden.filter((one) => text.includes(one)).map((one) => `${one} in ${place}`),
  );
  expect(leaking).toEqual([]);
}

function processes(): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((name) => textOf(`/proc/${name}/cmdline`).replaceAll('\0', ' '))
    .filter((line) => line !== '');
}

function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    // Removed while it was looked at.
    return [];
  }
}

function textOf(file: string): string {
  try {
    return existsSync(file) && statSync(file).isFile() ? readFileSync(file, 'utf8') : '';
  } catch {
    return '';
  }
}
