import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { IgnoreRules } from './dockerignore.ts';
import type { Entry } from './tree-digest.ts';

/**
 * What the rules leave of a directory, in no order; links are never followed. Looks at everything without giving way:
 * with promises, twenty thousand files take half a second more, and 100 MB.
 */
export function listTree(root: string, rules: IgnoreRules): Entry[] {
  const entries: Entry[] = [];
  /** True when something in the directory is kept. */
  const walk = (directory: string): boolean => {
    const kept = readdirSync(join(root, directory)).map((name) => {
      const path = directory === '' ? name : `${directory}/${name}`;
      const ignored = rules.ignores(path);
      if (ignored && !rules.hasExceptions) return false;
      const found = lstatSync(join(root, path));
      const mode = found.mode & 0o7777;
      if (found.isDirectory()) {
        const keepsChild = walk(path);
        if (!ignored || keepsChild) entries.push({ path, type: 'directory', mode, size: 0 });
        return !ignored || keepsChild;
      }
      // Builders leave sockets out; a link's own mode means nothing.
      if (ignored || found.isSocket()) return false;
      const type = found.isFile() ? 'file' : found.isSymbolicLink() ? 'link' : 'other';
      entries.push({ path, type, mode: type === 'link' ? 0o777 : mode, size: found.size });
      return true;
    });
    return kept.includes(true);
  };
  walk('');
  return entries;
}
