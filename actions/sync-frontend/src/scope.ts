import { globMatcher, type PathMatcher } from '../../../shared/core/glob.ts';

/** Which files count, and which directories are worth entering. */
export interface Scope {
  readonly file: PathMatcher;
  readonly directory: PathMatcher;
}

export interface Globs {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/**
 * What a publish may touch, here and in the bucket alike: dotfiles never (but `.well-known/`), and what `include` and `exclude` leave.
 * Whatever is out of scope is neither published nor deleted.
 */
export function publishScope(globs: Globs): Scope {
  return scope(globs, isHidden);
}

/** What `mode: check` hashes: dotfiles too, as builds read them. */
export function sourceScope(globs: Globs): Scope {
  const tools = new Set(['node_modules', '.git']);
  return scope(globs, (path) => path.split('/').some((part) => tools.has(part)));
}

export function isHidden(path: string): boolean {
  return path.split('/').some((part, index) => part.startsWith('.') && !(index === 0 && part === '.well-known'));
}

function scope({ include, exclude }: Globs, never: PathMatcher): Scope {
  const included = include.length === 0 ? () => true : within(include);
  const excluded = exclude.length === 0 ? () => false : within(exclude);
  const directory: PathMatcher = (path) => !never(path) && !excluded(path);
  // An empty path is the prefix itself, which consoles keep as an empty object.
  return { directory, file: (path) => path !== '' && directory(path) && included(path) };
}

/** A glob that names a directory, with or without a slash at its end, means all that is in it: in the source and in the bucket alike. */
function within(globs: readonly string[]): PathMatcher {
  const matches = globMatcher(globs.map((glob) => glob.replace(/(?<=.)\/+$/, '')));
  return (path) => {
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
      if (matches(path.slice(0, end))) return true;
    }
    return matches(path);
  };
}
