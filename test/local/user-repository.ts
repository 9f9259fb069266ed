import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { must } from './command.ts';
import { repositoryRoot } from './paths.ts';

export const example = 'examples/analytics-studio';

/** A user's repository that holds the example. Author and date are fixed: the same content is the same commit. */
export async function makeUserRepository(target: string): Promise<string> {
  rmSync(target, { recursive: true, force: true });
  const listing = ['ls-files', '-z', '-co', '--exclude-standard', '--', example];
  const list = await must('git', listing, { cwd: repositoryRoot });
  for (const file of list.split('\0').filter(Boolean)) {
    const from = join(repositoryRoot, file);
    if (!existsSync(from)) continue; // deleted and not yet committed
    const into = join(target, file.slice(example.length + 1));
    mkdirSync(dirname(into), { recursive: true });
    cpSync(from, into);
  }
  const env = {
    PATH: process.env['PATH'],
    HOME: target,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Analytics Studio',
    GIT_AUTHOR_EMAIL: 'studio@example.com',
    GIT_COMMITTER_NAME: 'Analytics Studio',
    GIT_COMMITTER_EMAIL: 'studio@example.com',
    GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
    GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
  };
  const git = (...args: string[]) => must('git', args, { cwd: target, env });
  await git('init', '--quiet', '--initial-branch=main');
  await git('remote', 'add', 'origin', 'https://github.com/your-org/analytics-studio.git');
  await git('add', '--all');
  await git('-c', 'gc.auto=0', 'commit', '--quiet', '--no-gpg-sign', '--message', 'Analytics Studio');
  return (await git('rev-parse', 'HEAD')).trim();
}

export function workflowTexts(repository: string): readonly string[] {
  const folder = join(repository, '.github', 'workflows');
  return readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
}
