import picomatch from 'picomatch';

export type PathMatcher = (path: string) => boolean;

/** Bash-style globs (`**`, `*`, `?`, `{a,b}`, `[a-z]`) over `/`-separated relative paths; dotfiles match as any other. A glob without a slash matches at any depth. */
export function globMatcher(globs: readonly string[]): PathMatcher {
  const matchers = globs.map((glob) =>
    picomatch(glob.replace(/^\.?\//, ''), { dot: true, basename: !glob.includes('/') }),
  );
  return (path) => matchers.some((matches) => matches(path));
}
