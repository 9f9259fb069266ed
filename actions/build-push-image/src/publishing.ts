import type { RegistryImage, RegistryLogin } from '../../../shared/aws/ecr.ts';
import { humanDuration } from '../../../shared/core/clock.ts';
import { ActionError, AwsError } from '../../../shared/core/errors.ts';
import type { Run } from './apply.ts';
import { buildCommand } from './build-command.ts';
import { metadataDigest, pushedDigest } from './build-log.ts';
import { buildError, builtFrom, pinBases, stream, type Shell } from './building.ts';
import { isOutsideDaemon } from './builder.ts';
import { inspectImage, lastLine, login, type LocalImage } from './docker.ts';
import type { DockerConfig } from './docker-config.ts';
import { failedStep } from './failed-step.ts';
import { readSize } from './image-size.ts';
import { isFixed } from './mutability.ts';
import type { Step } from './plan.ts';
import { lastComplaint, pushComplaint, pushFailure, type PushFailure } from './push-failure.ts';
import { verify, type PushedImage } from './verifying.ts';

type BuildStep = Step & { readonly kind: 'build' };
type PushStep = Step & { readonly kind: 'push' };
type PublishStep = BuildStep | PushStep;

/** What came of a build and its push: docker's word for its digest, or what kept it (perhaps only another run with the same source). */
type Sent = { readonly kind: 'pushed'; readonly digest: string | undefined } | PushFailure;
type Pushed = Exclude<Sent, { readonly kind: 'failed' }>;

/** `again`: what was built is there, and only has to be pushed. */
type Send = (again: boolean) => Promise<Sent>;

/** How long a registry that was asked too often, or that broke, is left alone, in milliseconds. */
const pauses = { throttled: 20_000, broken: 3_000 } as const;
const loginPauses: readonly number[] = [1_000, 3_000];

/** Logs in, builds and pushes, or pushes what was loaded, and reads the image back from the registry. */
export async function publish(step: PublishStep, run: Run): Promise<void> {
  const { ports, draft, progress } = run;
  await loggedIn(run, async ({ host, config, token, renew }) => {
    const started = ports.clock.now();
    const send: Send = (again) =>
      step.kind === 'build' ? buildAndPush(step, run, { config, again }) : pushLoaded(step, run, { config, again });
    const pushed = await sendTwice(send, run, renew);
    const tookMs = ports.clock.now() - started;
    progress.info(`${step.kind === 'build' ? 'Built and pushed' : 'Pushed'} in ${humanDuration(tookMs)}`);
    const { image, anotherRuns } = await confirm(step.tag, pushed, run);
    draft.publishedIn = step.kind === 'build' ? tookMs : undefined;
    const from = step.kind === 'build' ? 'builder' : 'archive';
    await verify({ image, from, anotherRuns }, run, { host, basic: token().basic, config });
    draft.size = await readSize(image, run.inputs.repository, ports.registry).catch((error: unknown) => {
      if (!(error instanceof AwsError)) throw error;
      progress.info(`How large it is could not be read: ${error.message}`);
      return undefined;
    });
  });
}

/** Is what another run pushed what was asked for? Nothing is built. */
export async function check(run: Run): Promise<void> {
  const { image } = run.draft;
  if (image === undefined) return;
  await loggedIn(run, ({ host, config, token }) =>
    verify({ image, from: 'builder', anotherRuns: true }, run, { host, basic: token().basic, config }),
  );
}

interface Session {
  readonly host: string;
  readonly config: DockerConfig;
  /** The one that docker is logged in with now. */
  readonly token: () => RegistryLogin;
  readonly renew: () => Promise<void>;
}

async function loggedIn(run: Run, work: (session: Session) => Promise<void>): Promise<void> {
  const { ports, draft, progress } = run;
  const uri = draft.repositoryUri ?? '';
  const host = uri.slice(0, uri.indexOf('/'));
  let token = await newToken(run);
  const config = await ports.openDockerConfig(host);
  const logIn = async (): Promise<void> => {
    await patiently(run, () => login(ports.docker, { host, ...token }, config.env));
    progress.info(`Logged in to ${host}`);
  };
  const renew = async (): Promise<void> => {
    token = await newToken(run);
    await logIn();
  };
  try {
    await logIn();
    await work({ host, config, token: () => token, renew });
  } finally {
    await config.remove();
  }
}

/** The registry's word, not docker's, is what is handed on. */
async function confirm(tag: string, pushed: Pushed, run: Run): Promise<Pick<PushedImage, 'image' | 'anotherRuns'>> {
  const { inputs, ports, draft, progress } = run;
  const image = (await ports.registry.images(inputs.repository, [tag]))?.images.get(tag);
  if (image === undefined) {
    const said = pushed.kind === 'lost-race' ? 'the registry refused it as taken' : 'docker reported success';
    throw new ActionError('PushUnproven', `${said}, but the registry has no image "${tag}" to show.`, {
      fault: 'cloud',
    });
  }
  draft.image = image;
  if (pushed.kind === 'lost-race') {
    draft.outcome = 'reused';
    progress.info(`Another run pushed the same source meanwhile: its image is used, ${image.digest}`);
    return { image, anotherRuns: true };
  }
  draft.pushed = true;
  const told = pushed.digest ?? image.digest;
  const local = told === image.digest ? undefined : await daemonsOwn(image, run);
  // With the daemon's own builder, buildx tells the image's id when another build took its name before it could ask for the digest.
  if (told === image.digest || told === local?.id) {
    progress.info(`The registry confirms ${image.digest}`);
    return { image, anotherRuns: false };
  }
  const isKept = draft.mutability !== undefined && isFixed(draft.mutability, tag);
  if (isKept && local === undefined) {
    throw new ActionError(
      'DigestMismatch',
      `docker pushed ${told} as "${tag}", which nobody can move, and there the registry has ${image.digest}.`,
      { fault: 'cloud', hint: 'What was pushed is not what is there: nothing was tagged. Run again to build it anew.' },
    );
  }
  progress.warn(`Another run pushed the same source right after: its image ${image.digest} is used, not ${told}.`);
  return { image, anotherRuns: true };
}

/**
 * The image that the daemon here pushed, whatever its name is by now: of two runs at once with one daemon, the later build takes the name,
 * and what the earlier one then pushes may be the later one's image.
 */
async function daemonsOwn(image: RegistryImage, { observed, draft, ports }: Run): Promise<LocalImage | undefined> {
  if (isOutsideDaemon(observed.builder)) return undefined;
  return inspectImage(ports.docker, `${draft.repositoryUri ?? ''}@${image.digest}`);
}

async function newToken({ ports }: Run): Promise<RegistryLogin> {
  const token = await ports.registry.login();
  for (const secret of [token.password, token.basic]) ports.mask(secret);
  return token;
}

/** A token that ECR just issued is good: a login that fails met a registry or a connection that does not work at the moment. */
async function patiently({ ports, progress }: Run, logIn: () => Promise<void>): Promise<void> {
  for (const pause of loginPauses) {
    try {
      await logIn();
      return;
    } catch (error) {
      if (!(error instanceof ActionError) || error.code !== 'LoginFailed') throw error;
      progress.info(`${error.message}; once more in ${humanDuration(pause)}`);
      await ports.clock.sleep(pause, ports.signal);
    }
  }
  await logIn();
}

/** A token may expire while an image is built, a registry may be asked too often, or break: one more go, and never another. */
async function sendTwice(send: Send, { ports, progress }: Run, logIn: () => Promise<void>): Promise<Pushed> {
  const sent = await send(false);
  if (sent.kind !== 'failed') return sent;
  const { retry, error } = sent;
  if (retry === undefined) throw error;
  progress.info(error.message);
  if (retry === 'token') {
    progress.info('Logging in with a new token and pushing once more; what was built is not built again');
    await logIn();
  } else {
    progress.info(`Pushing once more in ${humanDuration(pauses[retry])}; what was built is not built again`);
    await ports.clock.sleep(pauses[retry], ports.signal);
  }
  const again = await send(true);
  if (again.kind === 'failed') throw again.error;
  // Whose answer was lost, that arrived: what the tag names is what was built here.
  return again.kind === 'lost-race' && retry === 'broken' ? { kind: 'pushed', digest: undefined } : again;
}

interface Attempt {
  readonly config: DockerConfig;
  readonly again: boolean;
}

async function buildAndPush(step: BuildStep, run: Run, { config, again }: Attempt): Promise<Sent> {
  const { inputs, observed, draft, progress, ports } = run;
  const metadata = 'metadata.json';
  const repository = draft.repositoryUri ?? '';
  const shell: Shell = { docker: ports.docker, progress, env: config.env };
  const isBuildKit = observed.builder.kind === 'buildx';
  const name = `${repository}:${step.tag}`;
  if (again && !isBuildKit) return push(name, shell);
  if (!again) await pinBases(observed, shell);
  const command = buildCommand({
    inputs,
    builder: observed.builder,
    repository,
    tag: step.tag,
    bases: observed.source.bases,
    syntax: observed.source.syntax,
    contexts: observed.source.contexts,
    // The newest result of a step is what BuildKit takes from its cache: the one that was just built.
    fresh: step.fresh && !again,
    cache: step.cache,
    output: { kind: 'push', metadataFile: `${config.directory}/${metadata}` },
  });
  const built = await stream(
    `Building ${inputs.file}: ${again ? 'once more, to push it' : step.reason}`,
    command,
    shell,
  );
  if (!built.ok) {
    const failed = failedStep(built, builtFrom(run));
    const complaint = pushComplaint(failed);
    if (complaint === undefined) throw await buildError(failed, run, ports.files);
    return pushFailure(complaint, name);
  }
  return isBuildKit
    ? { kind: 'pushed', digest: metadataDigest((await config.read(metadata)) ?? '') }
    : push(name, shell);
}

/** The image that the load step took out of the archive; nothing of the project runs. */
async function pushLoaded(step: PushStep, { draft, ports, progress }: Run, { config, again }: Attempt): Promise<Sent> {
  const name = `${draft.repositoryUri ?? ''}:${step.tag}`;
  const shell: Shell = { docker: ports.docker, progress, env: config.env };
  if (again) return push(name, shell);
  const { exitCode, stderr } = await ports.docker(['tag', draft.loaded ?? '', name], { env: config.env });
  if (exitCode !== 0)
    throw new ActionError('PushFailed', `docker could not name the image ${name}: ${lastLine(stderr)}`);
  return push(name, shell);
}

async function push(name: string, shell: Shell): Promise<Sent> {
  const pushed = await stream(`Pushing ${name}`, { args: ['push', name], env: {} }, shell);
  return pushed.ok ? { kind: 'pushed', digest: pushedDigest(pushed.lines) } : pushFailure(lastComplaint(pushed), name);
}
