import { describe, expect, test } from '@jest/globals';
import type { CommandOptions, CommandResult } from '../../../shared/action/command.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import { hidingSecrets, probeBuilder, type RunDocker } from '../../../actions/build-push-image/src/docker.ts';

describe('secrets of a build', () => {
  const said = '#7 0.1 a hunter2hunter2 "key": \\"hunter3\\" b';
  const talking: RunDocker = async (_, { onLine } = {}) => {
    onLine?.(said);
    return { exitCode: 1, stdout: said, stderr: said };
  };
  async function heard(args: readonly string[], secrets = ['  hunter2 ', '"hunter3"']): Promise<readonly string[]> {
    const lines: string[] = [];
    const options: CommandOptions = { onLine: (line) => lines.push(line) };
    const { exitCode, stdout, stderr } = await hidingSecrets(talking, secrets)(args, options);
    expect(exitCode).toBe(1);
    await hidingSecrets(talking, secrets)(args);
    return [...lines, stdout, stderr];
  }

  test.each([[['build', '.']], [['buildx', 'build', '.']]])('are in nothing that %j says', async (args) => {
    expect(await heard(args)).toEqual(Array(3).fill('#7 0.1 a ****** "key": *** b'));
  });

  test('are unknown to every other command, whose answers are read', async () => {
    expect(await heard(['push', 'x'])).toEqual(Array(3).fill(said));
    expect(await heard(['image', 'inspect', 'build'])).toEqual(Array(3).fill(said));
    expect(await heard(['build'], [])).toEqual(Array(3).fill(said));
  });
});

describe('the builder', () => {
  const lost = 'Cannot connect to the Docker daemon at unix:///x';
  interface Machine {
    readonly daemon?: boolean;
    readonly plugin?: boolean;
    readonly inspect: Partial<CommandResult>;
  }
  async function probe({ daemon = true, plugin = true, inspect }: Machine): Promise<string> {
    const facts = {
      ...(daemon && { ServerVersion: '28.0.0', OSType: 'linux', Architecture: 'x86_64' }),
      ClientInfo: { Plugins: plugin ? [{ Name: 'buildx', Version: 'v0.20.0' }] : [] },
    };
    const silent = { exitCode: 0, stdout: '', stderr: '' };
    const docker: RunDocker = async ([command]) =>
      command === 'info'
        ? { exitCode: daemon ? 0 : 1, stdout: JSON.stringify(facts), stderr: daemon ? '' : lost }
        : { ...silent, ...inspect };
    try {
      const { kind, driver } = await probeBuilder(docker);
      return `${kind} ${driver}`;
    } catch (error) {
      return error instanceof PreconditionError ? `${error.code}: ${error.message}` : String(error);
    }
  }
  const driver = (name: string) => ({ stdout: `Name: b\nDriver: ${name}\n` });
  const refused = (stderr: string) => ({ exitCode: 1, stderr });
  const nope = refused('WARNING: x\nERROR: no builder "nope" found\n');

  test.each<[string, Machine, string]>([
    ['buildx', { inspect: driver('docker') }, 'buildx docker'],
    ['no plug-in', { plugin: false, inspect: refused("docker: 'buildx' is not a docker command.") }, 'docker docker'],
    ['no daemon, a builder elsewhere', { daemon: false, inspect: driver('remote') }, 'buildx remote'],
    [
      'no daemon',
      { daemon: false, inspect: driver('docker') },
      `DockerUnreachable: The Docker daemon does not answer: ${lost}`,
    ],
    [
      'no daemon, and buildx says so',
      { daemon: false, inspect: refused(lost) },
      `DockerUnreachable: The Docker daemon does not answer: ${lost}`,
    ],
    [
      'a builder that is not there',
      { inspect: nope },
      'BuilderMissing: The builder that buildx is to use is not there: ERROR: no builder "nope" found',
    ],
    [
      'the same without a daemon',
      { daemon: false, inspect: nope },
      'BuilderMissing: The builder that buildx is to use is not there: ERROR: no builder "nope" found',
    ],
    [
      'a broken one',
      { inspect: refused('ERROR: permission denied') },
      'BuilderBroken: buildx is installed, and cannot tell what it would build with: ERROR: permission denied',
    ],
    [
      'one without a driver',
      { inspect: { stdout: 'odd' } },
      'BuilderBroken: buildx is installed, and cannot tell what it would build with: odd',
    ],
  ])('%s', async (...[, machine, expected]) => expect(await probe(machine)).toBe(expected));

  test('is looked for while the daemon is asked', async () => {
    const asked: string[] = [];
    const never: RunDocker = async ([command = '']) => {
      asked.push(command);
      return new Promise(() => undefined);
    };
    void probeBuilder(never);
    await Promise.resolve();
    expect(asked).toEqual(['info', 'buildx']);
  });
});
