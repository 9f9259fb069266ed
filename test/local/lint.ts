import { join } from 'node:path';
import { run, type CommandResult } from './command.ts';
import { locked } from './lock.ts';
import { workRoot } from './paths.ts';
import type { Log } from './progress.ts';
import { prepareEnvironment } from './python.ts';

const venv = join(workRoot, 'lint-venv');

/** cfn-lint and checkov, in an environment of their own: they share no package's version with the emulator. */
export function prepareLinters(log: Log): Promise<void> {
  return locked(join(workRoot, 'lint.lock'), () =>
    prepareEnvironment(
      {
        venv,
        requirements: join(import.meta.dirname, 'lint-requirements.txt'),
        what: 'cfn-lint and checkov',
        compileLater: true,
      },
      log,
    ),
  );
}

/** One run over all files: most of the time a linter takes is its own start. */
export function cfnLint(files: readonly string[]): Promise<CommandResult> {
  return run(join(venv, 'bin', 'cfn-lint'), ['--format', 'json', '--', ...files], { timeout: 120_000 });
}

/** Offline; exit code 0 whatever it finds. */
export function checkov(files: readonly string[]): Promise<CommandResult> {
  const options = ['--framework', 'cloudformation', '--skip-download', '--soft-fail', '--compact', '--output', 'json'];
  return run(join(venv, 'bin', 'checkov'), [...options, '--file', ...files], {
    env: { ...process.env, LOG_LEVEL: 'ERROR' },
    timeout: 120_000,
  });
}
