import { buildTools, type BuildTools } from '../../kit/buildkit.ts';
import { describeWith } from '../../kit/describe-with.ts';
import { dockerPrograms } from '../../kit/dockerd.ts';
import type { BuilderKind } from './builder.ts';

/** The same tests for every kind of builder; a kind that cannot be had here is one skipped test that says why. To be awaited. */
export async function describeEveryBuilder(
  title: string,
  body: (kind: BuilderKind, tools?: BuildTools) => void,
): Promise<void> {
  const docker = await dockerPrograms();
  const tools = await buildTools();
  describeWith(docker, `${title}, with a docker that has no buildx`, () => body('docker'));
  describeWith(tools, `${title}, with buildx on the daemon’s own BuildKit`, (found) => body('buildx-docker', found));
  describeWith(tools, `${title}, with buildx and a BuildKit beside the daemon`, (found) =>
    body('buildx-remote', found),
  );
}
