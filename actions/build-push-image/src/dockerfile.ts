import { parseImageRef } from '../../../shared/core/image-ref.ts';
import { contextName, emptyImage } from './build-contexts.ts';
import { readDockerfile, type Instruction } from './dockerfile-text.ts';
import { normalPlatform } from './platforms.ts';

/** What a Dockerfile takes from outside its context. */
export interface ExternalImages {
  /** Images as they are written (variables filled in), in order, each once. */
  readonly images: readonly string[];
  /** The frontend that reads the file: `# syntax=…`. */
  readonly syntax: string | undefined;
  /** What cannot be told without the builder, e.g. an image named by a variable that is set nowhere. */
  readonly unknown: readonly string[];
  /** In lower case, as docker compares them. */
  readonly stages: ReadonlySet<string>;
  /** What ADD fetches from elsewhere without saying what it must be. */
  readonly fetched: readonly string[];
}

/** What decides how a Dockerfile is read. */
export interface Reading {
  readonly buildArgs: ReadonlyMap<string, string>;
  /** Names that named contexts stand for, as `contextName` writes them: no image and no stage of the file has a say there. */
  readonly contexts: ReadonlySet<string>;
  readonly target: string | undefined;
  /** What is built for; empty: the builder's own. */
  readonly platforms: readonly string[];
  readonly nativePlatform: string;
}

/**
 * Every image named by FROM, COPY --from and RUN --mount=from, in all stages. It rather names one too many (a stage that the
 * target does not need) than one too few: the source hash must change whenever what is built may.
 */
export function externalImages(text: string, reading: Reading): ExternalImages {
  const { instructions, syntax: written } = readDockerfile(text);
  const found: Found = { images: new Set(), unknown: new Set(), stages: new Set() };
  const { platforms, nativePlatform } = reading;
  for (const platform of platforms.length > 0 ? platforms : [nativePlatform]) {
    collect(instructions, { globals: platformArguments(platform, reading), reading, found });
  }
  const syntax = reading.buildArgs.get('BUILDKIT_SYNTAX') ?? written;
  if (syntax !== undefined && !readsDockerfiles(syntax)) {
    found.unknown.add(`an image named in the language of ${syntax}`);
  }
  return {
    images: [...found.images],
    syntax,
    unknown: [...found.unknown],
    stages: found.stages,
    fetched: [...new Set(instructions.flatMap(fetches))],
  };
}

type Values = Map<string, string | undefined>;

interface Found {
  readonly images: Set<string>;
  readonly unknown: Set<string>;
  readonly stages: Set<string>;
}

interface Pass {
  readonly globals: Values;
  readonly reading: Reading;
  readonly found: Found;
}

/** What one platform's build takes. */
function collect(instructions: readonly Instruction[], { globals, reading, found }: Pass): void {
  const { buildArgs, contexts } = reading;
  const stages = new Set<string>();
  let beforeFirst = true;
  /** A named context takes the place of the whole stage: nothing in it is built. */
  let isReplaced = false;
  const add = (reference: string): void => {
    const name = substitute(reference, globals);
    if (name === undefined || name === '') found.unknown.add(reference);
    else if (!stages.has(name.toLowerCase()) && name !== emptyImage && !isContext(name, contexts)) {
      found.images.add(name);
    }
  };
  for (const { name, rest } of instructions) {
    if (name === 'ARG' && beforeFirst) declare(rest, globals, buildArgs);
    if (name === 'FROM') {
      beforeFirst = false;
      const [reference = '', as = '', word = ''] = words(rest).filter((part) => !part.startsWith('--'));
      const stage = as.toLowerCase() === 'as' ? word.toLowerCase() : '';
      isReplaced = isContext(stage, contexts);
      if (!isReplaced) add(reference);
      if (stage !== '') stages.add(stage);
    }
    if (isReplaced) continue;
    for (const reference of sources(name, rest)) if (!/^\d+$/.test(reference)) add(reference);
  }
  for (const stage of stages) found.stages.add(stage);
}

function isContext(name: string, contexts: ReadonlySet<string>): boolean {
  return contexts.has(contextName(name) ?? '');
}

/** The arguments that BuildKit sets by itself; those of the command line come before them. */
function platformArguments(platform: string, { nativePlatform, target, buildArgs }: Reading): Values {
  const values: Values = new Map([['TARGETSTAGE', target ?? 'default']]);
  for (const [prefix, name] of [
    ['TARGET', platform],
    ['BUILD', nativePlatform],
  ] as const) {
    const [os = '', architecture = '', variant = ''] = normalPlatform(name).split('/');
    values.set(`${prefix}PLATFORM`, normalPlatform(name)).set(`${prefix}OS`, os);
    values.set(`${prefix}ARCH`, architecture).set(`${prefix}VARIANT`, variant);
  }
  for (const name of values.keys()) values.set(name, buildArgs.get(name) ?? values.get(name));
  return values;
}

/** Docker's own frontend, or a copy of it elsewhere; what another takes from where, nobody here knows. */
function readsDockerfiles(frontend: string): boolean {
  return /(?:^|\/)dockerfile(?:-upstream)?$/.test(parseImageRef(frontend)?.repository ?? '');
}

/** URLs and repositories, unless a checksum or a full commit says what must come of them. */
function fetches({ name, rest }: Instruction): readonly string[] {
  if (name !== 'ADD' || /(?:^|\s)--checksum=/.test(rest)) return [];
  const places = rest.match(/(?:https?|git|ssh):\/\/[^\s"',\]]+|(?<![\w@])git@[^\s"',\]]+/g) ?? [];
  return places.filter((place) => !/[#=][0-9a-f]{40}\b/.test(place));
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

function declare(rest: string, globals: Values, buildArgs: ReadonlyMap<string, string>): void {
  for (const word of words(rest)) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    const given = buildArgs.get(name);
    const fallback = equals < 0 ? undefined : substitute(unquote(word.slice(equals + 1)), globals);
    // One that is only named keeps what it has.
    if (given !== undefined || equals >= 0 || !globals.has(name)) globals.set(name, given ?? fallback);
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
