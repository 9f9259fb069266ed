import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { externalImages } from '../../actions/build-push-image/src/dockerfile.ts';
import { buildTools, buildxConfig, startBuildkitd, type Buildkitd, type BuildxConfig } from '../kit/buildkit.ts';
import { describeWith } from '../kit/describe-with.ts';
import { ScriptedRegistry } from '../kit/scripted-registry.ts';
import { run } from '../local/command.ts';

const tools = await buildTools();

/** Each names one image, IMG, or only seems to. */
const dockerfiles: readonly string[] = [
  'RUN --mount=type=bind,"from=IMG",target=/m x',
  `RUN --mount='"type=bind","from=IMG",target=/m' x`,
  'RUN --mount=type=bind,FROM=IMG,target=/m x',
  'RUN --mount=type=bind,source="a b",from=IMG,target=/m x',
  'RUN --mount=type=bind,from=IMG,target=/m \\\n # a comment\n\n x',
  'RUN echo --mount=from=IMG',
  'RUN -- --mount=from=IMG x',
  'RUN echo "cat <<EOF" > /s\nCOPY --from=IMG / /\nRUN <<EOF\nx\nEOF',
  'RUN cat <<EOF\nCOPY --from=IMG / /\nEOF',
  'RUN cat << "E F"\nCOPY --from=IMG / /\nE F',
  'RUN a=${b:0:1} <<EOF\nCOPY --from=IMG / /\nEOF',
  `RUN echo it's <<EOF\nCOPY --from=IMG / /`,
  'RUN echo foo\\\\\nCOPY --from=IMG / /',
  'RUN echo foo\\ \t\nCOPY --from=IMG / /',
  `COPY --"from"='IMG' / /`,
  'COPY --fr\\\nom=IMG / /',
  'FROM "IMG"',
  'ARG A="a\\" B=no"\nFROM \\IMG',
];

/** The oracle is what BuildKit asks a registry for, which has none of it. */
describeWith(tools, 'the images of a Dockerfile, by BuildKit', (tools) => {
  let registry: ScriptedRegistry;
  let buildkitd: Buildkitd;
  let buildx: BuildxConfig;
  let root: string;

  beforeAll(async () => {
    registry = await ScriptedRegistry.start();
    buildkitd = await startBuildkitd(tools, { insecure: [registry.host] });
    buildx = await buildxConfig(tools, buildkitd);
    root = mkdtempSync(join(tmpdir(), 'slipway-dockerfile-'));
  });
  afterAll(async () => {
    rmSync(root, { recursive: true });
    buildx.remove();
    await buildkitd.stop();
    await registry.stop();
  });

  async function isAskedFor(repository: string, dockerfile: string): Promise<boolean> {
    const context = join(root, repository);
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), dockerfile);
    const { code, stderr } = await run('docker', ['buildx', 'build', '--output=type=cacheonly', context], {
      env: buildx.env,
      timeout: 50_000,
    });
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.not.stringMatching(/dockerfile parse error/) });
    return registry.log.some((call) => call.path.includes(`/${repository}/`));
  }

  test('are those that are hashed', async () => {
    const found = await Promise.all(
      dockerfiles.map(async (lines, index) => {
        const image = `${registry.host}/case${index}:1`;
        const top = /^(?:ARG|FROM)/.test(lines) ? '' : 'FROM scratch\n';
        const dockerfile = `${top}${lines}\n`.replaceAll('IMG', image);
        const { images, unknown } = externalImages(dockerfile, {
          ...{ buildArgs: new Map(), contexts: new Set(), target: undefined },
          ...{ platforms: [], nativePlatform: 'linux/amd64' },
        });
        const ours = { lines, isNamed: images.includes(image), unknown };
        return { ours, theirs: { lines, isNamed: await isAskedFor(`case${index}`, dockerfile), unknown: [] } };
      }),
    );
    expect(found.map(({ ours }) => ours)).toEqual(found.map(({ theirs }) => theirs));
    // Both answers are among them.
    expect(new Set(found.map(({ theirs }) => theirs.isNamed)).size).toBe(2);
  });
});
