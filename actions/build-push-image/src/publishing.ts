import { humanDuration } from '../../../shared/core/clock.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import type { Run } from './apply.ts';
import { buildCommand } from './build-command.ts';
import { isTagTaken, metadataDigest, pushedDigest } from './build-log.ts';
import { failed, pinBases, stream, type Shell } from './building.ts';
import { lastLine, login } from './docker.ts';
import type { DockerConfig } from './docker-config.ts';
import type { Step } from './plan.ts';

type BuildStep = Step & { readonly kind: 'build' };
type PushStep = Step & { readonly kind: 'push' };
type PublishStep = BuildStep | PushStep;

/** What came of a build and its push: docker's word for its digest, or that another run was first with the same source. */
type Pushed = { readonly kind: 'pushed'; readonly digest: string | undefined } | { readonly kind: 'lost-race' };

/** Logs in, builds and pushes, or pushes what was loaded, and reads the image back from the registry. */
export async function publish(step: PublishStep, run: Run): Promise<void> {
  const { inputs, ports, draft, progress } = run;
  const uri = draft.repositoryUri ?? '';
  const host = uri.slice(0, uri.indexOf('/'));
  const token = await ports.registry.login();
  for (const secret of [token.password, token.basic]) ports.mask(secret);
  const config = await ports.openDockerConfig(host);
  let pushed: Pushed;
  let tookMs: number;
  try {
    await login(ports.docker, { host, ...token }, config.env);
    progress.info(`Logged in to ${host}`);
    const started = ports.clock.now();
    pushed = await (step.kind === 'build' ? buildAndPush(step, run, config) : pushLoaded(step, run, config));
    const done = step.kind === 'build' ? 'Built and pushed' : 'Pushed';
    tookMs = ports.clock.now() - started;
    progress.info(`${done} in ${humanDuration(tookMs)}`);
  } finally {
    await config.remove();
  }
  // The registry's word, not docker's, is what is handed on.
  const image = (await ports.registry.images(inputs.repository, [step.tag]))?.get(step.tag);
  if (image === undefined) {
    throw new ActionError('PushUnproven', `docker reported success, but the registry has no image "${step.tag}".`, {
      fault: 'cloud',
    });
  }
  draft.image = image;
  draft.publishedIn = step.kind === 'build' ? tookMs : undefined;
  if (pushed.kind === 'lost-race') {
    draft.outcome = 'reused';
    progress.info(`Another run pushed the same source meanwhile: its image is used, ${image.digest}`);
    return;
  }
  draft.pushed = true;
  if (pushed.digest !== undefined && pushed.digest !== image.digest) {
    progress.warn(
      `Another run pushed the same source right after: its image ${image.digest} is used, not ${pushed.digest}.`,
    );
  } else progress.info(`The registry confirms ${image.digest}`);
}

async function buildAndPush(step: BuildStep, run: Run, config: DockerConfig): Promise<Pushed> {
  const { inputs, observed, draft, progress, ports } = run;
  const metadata = 'metadata.json';
  const repository = draft.repositoryUri ?? '';
  const shell: Shell = { docker: ports.docker, progress, env: config.env };
  await pinBases(observed, shell);
  const command = buildCommand({
    inputs,
    builder: observed.builder,
    repository,
    tag: step.tag,
    bases: observed.source.bases,
    syntax: observed.source.syntax,
    contexts: observed.source.contexts,
    fresh: step.fresh,
    cache: step.cache,
    output: { kind: 'push', metadataFile: `${config.directory}/${metadata}` },
  });
  const built = await stream(`Building ${inputs.file}: ${step.reason}`, command, shell);
  if (!built.ok) {
    if (isTagTaken(built.lines)) return { kind: 'lost-race' };
    throw failed('BuildFailed', 'docker could not build the image', built.lines);
  }
  if (observed.builder.kind === 'buildx') {
    return { kind: 'pushed', digest: metadataDigest((await config.read(metadata)) ?? '') };
  }
  return push(`${repository}:${step.tag}`, shell);
}

/** The image that the load step took out of the archive; nothing of the project runs. */
async function pushLoaded(step: PushStep, { draft, ports, progress }: Run, config: DockerConfig): Promise<Pushed> {
  const name = `${draft.repositoryUri ?? ''}:${step.tag}`;
  const shell: Shell = { docker: ports.docker, progress, env: config.env };
  const { exitCode, stderr } = await ports.docker(['tag', draft.loaded ?? '', name], { env: config.env });
  if (exitCode !== 0)
    throw new ActionError('PushFailed', `docker could not name the image ${name}: ${lastLine(stderr)}`);
  return push(name, shell);
}

async function push(name: string, shell: Shell): Promise<Pushed> {
  const pushed = await stream(`Pushing ${name}`, { args: ['push', name], env: {} }, shell);
  if (pushed.ok) return { kind: 'pushed', digest: pushedDigest(pushed.lines) };
  if (isTagTaken(pushed.lines)) return { kind: 'lost-race' };
  throw failed('PushFailed', 'docker could not push the image', pushed.lines);
}
