import type { CommandOptions, CommandResult, CommandRunner } from '../../../shared/action/command.ts';
import { ActionError, PreconditionError } from '../../../shared/core/errors.ts';
import { valueHider } from '../../../shared/core/masking.ts';
import { field, list, parseJson } from '../../../shared/core/field.ts';
import type { Builder } from './builder.ts';
import { normalPlatform } from './platforms.ts';

export interface LocalImage {
  readonly id: string;
  /** `<repository>@sha256:…` for every registry it came from or went to. */
  readonly repoDigests: readonly string[];
}

export type RunDocker = (args: readonly string[], options?: CommandOptions) => Promise<CommandResult>;

export function dockerOf(commands: CommandRunner): RunDocker {
  return async (args, options) => {
    try {
      return await commands.run('docker', args, options);
    } catch (error) {
      if (!(error instanceof Error) || !/unable to locate executable|ENOENT/i.test(error.message)) throw error;
      throw new PreconditionError('DockerMissing', 'There is no "docker" command on this runner.', {
        cause: error,
        hint: 'Use a runner that has Docker (GitHub’s Linux runners do), or install it in a step before.',
      });
    }
  };
}

/**
 * A build may print the secrets it was given. The runner's log is masked; but what an error repeats is cut to size, and no mask finds half
 * a secret, and not every runner masks annotations and summaries.
 */
export function hidingSecrets(docker: RunDocker, secrets: readonly string[]): RunDocker {
  if (secrets.length === 0) return docker;
  const hide = valueHider(secrets.map((secret) => secret.trim()));
  return async (args, options = {}) => {
    if (!args.slice(0, 2).includes('build')) return docker(args, options);
    const { onLine } = options;
    const result = await docker(args, {
      ...options,
      ...(onLine !== undefined && { onLine: (line: string) => onLine(hide(line)) }),
    });
    return { ...result, stdout: hide(result.stdout), stderr: hide(result.stderr) };
  };
}

/** What can build here. Nothing is started and nothing pulled. */
export async function probeBuilder(docker: RunDocker): Promise<Builder> {
  // Side by side: each takes its time, and without the plug-in the second is refused at once.
  const [info, inspected] = await Promise.all([
    docker(['info', '--format', '{{json .}}']),
    docker(['buildx', 'inspect']),
  ]);
  const facts = parseJson(info.stdout);
  const plugins = list(field(field(facts, 'ClientInfo'), 'Plugins'));
  const hasBuildx = plugins.some((plugin) => field(plugin, 'Name') === 'buildx');
  const daemon = text(field(facts, 'ServerVersion'));
  const platform = normalPlatform(
    `${text(field(facts, 'OSType')) || 'linux'}/${text(field(facts, 'Architecture')) || 'amd64'}`,
  );
  const containerdStore = JSON.stringify(field(facts, 'DriverStatus') ?? null).includes('io.containerd.snapshotter');
  if (hasBuildx) {
    const said = (name: string): string => new RegExp(`^${name}:[ \\t]*(\\S+)`, 'm').exec(inspected.stdout)?.[1] ?? '';
    const driver = said('Driver');
    // Without a daemon, what is wrong is that, unless a builder was named that is not there.
    const isFound = inspected.exitCode === 0 && driver !== '';
    if (!isFound && (daemon !== '' || isUnknownBuilder(inspected.stderr))) throw withoutBuilder(inspected);
    if (isFound && (driver !== 'docker' || daemon !== '')) {
      const native = said('Platforms').replace(/[,*]+$/, '');
      // Of all the builder's nodes. A star marks what the user preferred.
      const platforms = [...inspected.stdout.matchAll(/^Platforms:[ \t]*(.*)$/gm)].flatMap(([, names = '']) =>
        names.split(',').flatMap((name) => name.trim().replace(/\*$/, '') || []),
      );
      const version = text(
        field(
          plugins.find((plugin) => field(plugin, 'Name') === 'buildx'),
          'Version',
        ),
      );
      // The daemon knows its own architecture; a builder elsewhere lists its own platform first.
      return {
        kind: 'buildx',
        driver,
        version,
        platform: driver === 'docker' || native === '' ? platform : normalPlatform(native),
        platforms: [...new Set(platforms)],
        containerdStore,
      };
    }
  }
  if (daemon === '') throw unreachable(info.stderr);
  return { kind: 'docker', driver: 'docker', version: daemon, platform, platforms: [platform], containerdStore };
}

function isUnknownBuilder(said: string): boolean {
  return /no builder .*found|builder .*not found/i.test(said);
}

/** To build with docker's classic builder instead would be another build than the one that was asked for. */
function withoutBuilder({ stdout, stderr }: CommandResult): PreconditionError {
  const reason = lastLine(stderr) || lastLine(stdout) || 'it did not say why';
  if (isUnknownBuilder(stderr)) {
    return new PreconditionError('BuilderMissing', `The builder that buildx is to use is not there: ${reason}`, {
      hint: 'Create it in a step before this one (docker/setup-buildx-action does), or unset BUILDX_BUILDER; "docker buildx use default" goes back to the daemon’s own.',
    });
  }
  return new PreconditionError(
    'BuilderBroken',
    `buildx is installed, and cannot tell what it would build with: ${reason}`,
    {
      hint: 'Does "docker buildx inspect" work on this runner? A step "uses: docker/setup-buildx-action" before this one makes a new builder.',
    },
  );
}

function unreachable(said: string): PreconditionError {
  const reason = said.trim().split('\n').at(-1) ?? '';
  if (/permission denied/i.test(said)) {
    return new PreconditionError('DockerForbidden', `This user may not talk to the Docker daemon: ${reason}`, {
      hint: 'Add the runner’s user to the group "docker", or use a runner where it is.',
    });
  }
  return new PreconditionError('DockerUnreachable', `The Docker daemon does not answer: ${reason}`, {
    hint: 'Start Docker on the runner, or point DOCKER_HOST at a daemon that runs.',
  });
}

export async function inspectImage(docker: RunDocker, name: string): Promise<LocalImage | undefined> {
  const { exitCode, stdout } = await docker(['image', 'inspect', '--format', '{{json .}}', '--', name]);
  if (exitCode !== 0) return undefined;
  const facts = parseJson(stdout);
  const id = text(field(facts, 'Id'));
  return id === '' ? undefined : { id, repoDigests: list(field(facts, 'RepoDigests')).map(text) };
}

/** The password goes in by stdin; on an argument list every process of the machine could read it. */
export async function login(
  docker: RunDocker,
  registry: { readonly host: string; readonly username: string; readonly password: string },
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { exitCode, stderr } = await docker(
    ['login', '--username', registry.username, '--password-stdin', registry.host],
    { stdin: registry.password, env },
  );
  if (exitCode === 0) return;
  throw new ActionError('LoginFailed', `docker could not log in to ${registry.host}: ${lastLine(stderr)}`, {
    fault: 'cloud',
    hint: `Can the runner reach https://${registry.host}/v2/ ? ("registry" sets another host.)`,
  });
}

export function lastLine(said: string): string {
  return said.trim().split('\n').at(-1) ?? '';
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
