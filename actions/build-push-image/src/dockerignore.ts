import dockerignore from '@balena/dockerignore';

export interface IgnoreRules {
  readonly ignores: (path: string) => boolean;
  /** Some rule takes paths back in, so an ignored directory may hold kept files. */
  readonly hasExceptions: boolean;
}

/** The rules of a `.dockerignore`, for `/`-separated paths relative to the context. */
export function ignoreRules(text: string): IgnoreRules {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#') && line.trim() !== '')
    .map(literally);
  const rules = dockerignore({ ignorecase: false }).add([...lines]);
  return {
    ignores: (path) => rules.ignores(path),
    hasExceptions: lines.some((line) => line.trimStart().startsWith('!')),
  };
}

/** The library hands these on to a regular expression, where docker means the characters themselves. */
function literally(pattern: string): string {
  return pattern.replace(/\\.|[+(){}|]/g, (text) => (text.length === 1 ? `\\${text}` : text));
}
