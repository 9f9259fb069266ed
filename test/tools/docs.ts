/**
 * `npm run docs` writes the tables of every action's README and the whole of `action-docs.md` from the `action.yml`
 * files, and provision-env's prices from its templates and price table. With `--check` it writes nothing and fails when a file would change.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateActionMarkdownDocs } from 'action-docs';
import { actionNames, root } from './actions.ts';
import { withPrices } from './price-docs.ts';

/** The README of an action with its tables made anew; the hand-written prose stays. */
async function readme(action: string): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'slipway-docs-'));
  try {
    for (const file of ['README.md', 'action.yml']) await cp(join(root, 'actions', action, file), join(scratch, file));
    const sourceFile = join(scratch, 'action.yml');
    // The generator finds its markers by the source's name as it is given.
    const markers = await readFile(join(scratch, 'README.md'), 'utf8');
    await writeFile(join(scratch, 'README.md'), markers.replaceAll('source="action.yml"', `source="${sourceFile}"`));
    await generateActionMarkdownDocs({
      sourceFile,
      updateReadme: true,
      readmeFile: join(scratch, 'README.md'),
      tocLevel: 2,
    });
    const text = await readFile(join(scratch, 'README.md'), 'utf8');
    return withPrices(text.replaceAll(`source="${sourceFile}"`, 'source="action.yml"'));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function reference(): Promise<string> {
  const parts = [
    '# Reference of the actions',
    '',
    'Generated from the `action.yml` files by `npm run docs`; do not edit.',
    '',
  ];
  for (const action of actionNames) {
    const docs = await generateActionMarkdownDocs({
      sourceFile: join(root, 'actions', action, 'action.yml'),
      tocLevel: 3,
    });
    // How it runs and an empty usage add nothing to a reference.
    const [tables = ''] = docs.split('### Runs');
    parts.push(`## [${action}](actions/${action}/README.md)`, '', tables.trim(), '');
  }
  return parts.join('\n');
}

const check = process.argv.includes('--check');
const files = new Map([['action-docs.md', await reference()]]);
for (const action of actionNames) files.set(`actions/${action}/README.md`, await readme(action));
for (const [name, text] of files) {
  const current = await readFile(join(root, name), 'utf8').catch(() => '');
  if (current === text) continue;
  if (check) {
    console.error(`✗ ${name} does not agree with action.yml or the prices → run "npm run docs"`);
    process.exitCode = 1;
  } else {
    await writeFile(join(root, name), text);
    console.log(`wrote ${name}`);
  }
}
