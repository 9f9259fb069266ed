import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './paths.ts';

/** How the example's workflows name the suite. */
export const suiteReference = 'your-org/slipway@v1';

/**
 * `$/actions/x` is "this workflow's own repository at the very commit that runs"; act does not know it yet.
 * Under act that repository is the copy which stands in for `your-org/slipway@v1`.
 */
export function nameSuiteActions(workflow: string): string {
  const [repository = '', ref = ''] = suiteReference.split('@');
  return workflow.replace(/^(\s*(?:-\s+)?uses:\s*['"]?)\$\/([^\s'"]+)/gm, `$1${repository}/$2@${ref}`);
}

/** `uses:` of other people's actions in a workflow, as `owner/name@ref`. */
export function foreignActions(workflow: string): readonly string[] {
  const found = new Set<string>();
  for (const match of workflow.matchAll(/^\s*(?:-\s+)?uses:\s*['"]?([\w.-]+\/[\w.-]+)[^@\s]*@([^\s'"#]+)/gm)) {
    const [, repository = '', ref = ''] = match;
    if (`${repository}@${ref}` !== suiteReference) found.add(`${repository}@${ref}`);
  }
  return [...found];
}

/** The suite as a caller's runner would download it: workflows, and of each action what runs. */
export function copySuite(target: string): void {
  rmSync(target, { recursive: true, force: true });
  const workflows = join(repositoryRoot, '.github', 'workflows');
  mkdirSync(join(target, '.github', 'workflows'), { recursive: true });
  for (const file of ['provision.yml', 'deploy.yml']) {
    const text = readFileSync(join(workflows, file), 'utf8');
    writeFileSync(join(target, '.github', 'workflows', file), nameSuiteActions(text));
  }
  for (const action of readdirSync(join(repositoryRoot, 'actions'))) {
    const from = join(repositoryRoot, 'actions', action);
    if (!existsSync(join(from, 'action.yml'))) continue;
    if (!existsSync(join(from, 'dist', 'index.js')))
      throw new Error(`actions/${action}/dist is missing: npm run build`);
    const into = join(target, 'actions', action);
    mkdirSync(into, { recursive: true });
    for (const part of ['action.yml', 'dist', 'templates']) {
      if (existsSync(join(from, part))) cpSync(join(from, part), join(into, part), { recursive: true });
    }
  }
}

/** act's options that put local folders in the place of repositories. */
export function localRepositories(suite: string, workflows: readonly string[]): readonly string[] {
  const options = ['--local-repository', `${suiteReference}=${suite}`];
  for (const action of new Set(workflows.flatMap(foreignActions))) {
    const [name = ''] = action.split('@');
    if (name === 'actions/checkout') continue; // act has its own
    const standIn = join(import.meta.dirname, 'stand-ins', name.split('/')[1] ?? '');
    if (!name.startsWith('actions/') || !existsSync(standIn)) {
      throw new Error(`The local run has no stand-in for ${action}; they are in test/local/stand-ins.`);
    }
    options.push('--local-repository', `${action}=${standIn}`);
  }
  return options;
}
