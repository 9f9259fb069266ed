import type { Progress } from '../../../shared/action/progress.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import type { BuildCommand } from './build-command.ts';
import { buildFailure } from './build-log.ts';
import { isOutsideDaemon } from './builder.ts';
import { inspectImage, lastLine, type RunDocker } from './docker.ts';
import type { LocallyObserved } from './observe.ts';

/** Where docker's commands run. */
export interface Shell {
  readonly docker: RunDocker;
  readonly progress: Progress;
  readonly env: Readonly<Record<string, string>>;
}

/** The daemon prefers what it has under a name, however old: make that what was hashed. */
export async function pinBases({ builder, source }: LocallyObserved, { docker, progress, env }: Shell): Promise<void> {
  if (isOutsideDaemon(builder)) return;
  for (const { name, identity, from } of source.bases) {
    if (from !== 'registry' || identity === undefined || name.includes('@')) continue;
    const local = await inspectImage(docker, name);
    if (local?.repoDigests.some((entry) => entry.endsWith(`@${identity}`)) === true) continue;
    const pinned = `${name.replace(/:[^:/]*$/, '')}@${identity}`;
    progress.info(`Pulling ${name} (${identity.slice(0, 19)})`);
    for (const args of [
      ['pull', '--quiet', pinned],
      ['tag', pinned, name],
    ]) {
      const { exitCode, stderr } = await docker(args, { env });
      if (exitCode !== 0) {
        throw new ActionError('BaseImageFailed', `The base image ${pinned} could not be pulled: ${lastLine(stderr)}`, {
          fault: 'cloud',
        });
      }
    }
  }
}

export interface Said {
  readonly ok: boolean;
  readonly lines: readonly string[];
}

/** Shows what a long command says as it says it, and keeps it. */
export function stream(title: string, { args, env }: BuildCommand, shell: Shell): Promise<Said> {
  return shell.progress.group(title, async () => {
    const lines: string[] = [];
    const onLine = (line: string): void => {
      lines.push(line);
      shell.progress.info(line);
    };
    const { exitCode } = await shell.docker(args, { env: { ...shell.env, ...env }, onLine });
    return { lines, ok: exitCode === 0 };
  });
}

export function failed(code: string, what: string, lines: readonly string[]): ActionError {
  const { step, lastLines } = buildFailure(lines);
  const where = code === 'BuildFailed' && step !== undefined ? ` at ${step}` : '';
  const full = lines.some((line) => /no space left on device/i.test(line));
  return new ActionError(code, [`${what}${where}. It last said:`, ...lastLines].join('\n'), {
    ...(full
      ? { hint: 'The runner’s disk is full: remove what is not needed before this step, or use a larger runner.' }
      : {}),
  });
}
