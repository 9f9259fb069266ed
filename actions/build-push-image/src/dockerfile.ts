import { instructions } from './instructions.ts';

/** What a Dockerfile takes from outside its context. */
export interface ExternalImages {
  /** Images as they are written (variables filled in), in order, each once. */
  readonly images: readonly string[];
  /** The frontend that reads the file: `# syntax=…`. */
  readonly syntax: string | undefined;
  /** References that cannot be told without the builder, e.g. of a variable set nowhere. */
  readonly unknown: readonly string[];
}

/**
 * Every image named by FROM, COPY --from and RUN --mount=from, in all stages. It rather names one too many (a stage that the
 * target does not need) than one too few: the source hash must change whenever what is built may.
 */
export function externalImages(text: string, buildArgs: ReadonlyMap<string, string>): ExternalImages {
  const { directives, body } = parserDirectives(text.replace(/^\uFEFF/, ''));
  const escape = directives.get('escape') === '`' ? '`' : '\\';
  const images = new Set<string>();
  const unknown = new Set<string>();
  const stages = new Set<string>();
  const globals = new Map<string, string | undefined>();
  let beforeFirst = true;

  const add = (reference: string): void => {
    const name = substitute(reference, globals);
    if (name === undefined || name === '') unknown.add(reference);
    else if (!stages.has(name.toLowerCase()) && name !== 'scratch') images.add(name);
  };

  for (const { name, rest } of instructions(body, escape)) {
    if (name === 'ARG' && beforeFirst) declare(rest, globals, buildArgs);
    if (name === 'FROM') {
      beforeFirst = false;
      const [reference = '', as = '', stage = ''] = words(rest).filter((word) => !word.startsWith('--'));
      add(reference);
      if (as.toLowerCase() === 'as') stages.add(stage.toLowerCase());
    }
    for (const reference of sources(name, rest)) if (!/^\d+$/.test(reference)) add(reference);
  }
  return {
    images: [...images],
    syntax: buildArgs.get('BUILDKIT_SYNTAX') ?? directives.get('syntax'),
    unknown: [...unknown],
  };
}

/** Directives are `# key=value` lines at the very top; any other line ends them. */
function parserDirectives(text: string): { directives: ReadonlyMap<string, string>; body: readonly string[] } {
  const body = text.split(/\r?\n/);
  const directives = new Map<string, string>();
  for (const line of body) {
    const match = /^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$/.exec(line);
    if (match === null) break;
    directives.set((match[1] ?? '').toLowerCase(), match[2] ?? '');
  }
  return { directives, body };
}

function sources(name: string, rest: string): readonly string[] {
  if (name === 'COPY' || name === 'ADD') {
    return [...rest.matchAll(/(?:^|\s)--from=(\S+)/g)].map((match) => unquote(match[1] ?? ''));
  }
  if (name !== 'RUN') return [];
  return [...rest.matchAll(/(?:^|\s)--mount=(\S+)/g)].flatMap(([, mount = '']) =>
    mount.split(',').flatMap((field) => (field.startsWith('from=') ? [unquote(field.slice(5))] : [])),
  );
}

function declare(rest: string, globals: Map<string, string | undefined>, buildArgs: ReadonlyMap<string, string>): void {
  for (const word of words(rest)) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    const given = buildArgs.get(name);
    const fallback = equals < 0 ? undefined : substitute(unquote(word.slice(equals + 1)), globals);
    globals.set(name, given ?? fallback);
  }
}

/** `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME:+word}`; undefined when a variable has no value that is known here. */
function substitute(text: string, values: ReadonlyMap<string, string | undefined>): string | undefined {
  let known = true;
  const filled = unquote(text).replace(
    /\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^{}]*))?\})/g,
    (...[, plain, braced, operator, word = '']: readonly (string | undefined)[]) => {
      const value = values.get(plain ?? braced ?? '');
      const isSet = operator?.startsWith(':') === true ? (value ?? '') !== '' : value !== undefined;
      if (operator?.endsWith('-') === true) return isSet ? (value ?? '') : word;
      if (operator?.endsWith('+') === true) return isSet ? word : '';
      if (value === undefined) known = false;
      return value ?? '';
    },
  );
  return known && !filled.includes('$') ? filled : undefined;
}

function words(text: string): readonly string[] {
  return text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
}

function unquote(text: string): string {
  return /^"[^"]*"$|^'[^']*'$/.test(text) ? text.slice(1, -1) : text.replace(/(["'])(.*?)\1/g, '$2');
}
