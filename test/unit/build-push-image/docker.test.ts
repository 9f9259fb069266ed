import { describe, expect, test } from '@jest/globals';
import type { CommandOptions } from '../../../shared/action/command.ts';
import { hidingSecrets, type RunDocker } from '../../../actions/build-push-image/src/docker.ts';

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
