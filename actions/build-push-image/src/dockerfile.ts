import { parseImageRef } from '../../../shared/core/image-ref.ts';
import { contextName, emptyImage } from './build-contexts.ts';
import { keyValue, mountOptions } from './dockerfile-flags.ts';
import { readDockerfile, readFrom, type Instruction } from './dockerfile-text.ts';
import { goSpace } from './go-space.ts';
import { normalPlatform } from './platforms.ts';
import { shellText, unknownValue } from './shell-words.ts';

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
  const { instructions, syntax: written, escape } = readDockerfile(text);
  const found: Found = { images: new Set(), unknown: new Set(), stages: new Set() };
  const { platforms, nativePlatform } = reading;
  for (const platform of platforms.length > 0 ? platforms : [nativePlatform]) {
    collect(instructions, { globals: platformArguments(platform, reading), reading, found, escape });
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
  readonly escape: string;
}

/** What one platform's build takes. */
function collect(instructions: readonly Instruction[], { globals, reading, found, escape }: Pass): void {
  const { buildArgs, contexts } = reading;
  const stages = new Set<string>();
  let beforeFirst = true;
  /** A named context takes the place of the whole stage: nothing in it is built. */
  let isReplaced = false;
  const add = (reference: string): void => {
    const name = substitute(reference, { globals, escape });
    if (name === undefined || name === '') found.unknown.add(reference);
    else if (!stages.has(name.toLowerCase()) && name !== emptyImage && !isContext(name, contexts)) {
      found.images.add(name);
    }
  };
  for (const instruction of instructions) {
    const { name } = instruction;
    if (name === 'ARG' && beforeFirst) declare(instruction.args, { globals, escape }, buildArgs);
    if (name === 'FROM') {
      beforeFirst = false;
      const { base, stage: written } = readFrom(instruction);
      const stage = written.toLowerCase();
      isReplaced = isContext(stage, contexts);
      if (!isReplaced) add(base);
      if (stage !== '') stages.add(stage);
    }
    if (isReplaced) continue;
    const { from, unknown } = sources(instruction);
    for (const reference of from) if (!/^\d*$/.test(reference)) add(reference);
    for (const flag of unknown) found.unknown.add(flag);
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
export function readsDockerfiles(frontend: string): boolean {
  return /(?:^|\/)dockerfile(?:-upstream)?$/.test(parseImageRef(frontend)?.repository ?? '');
}

/** URLs and repositories, unless a checksum or a full commit says what must come of them. */
function fetches({ name, flags, args }: Instruction): readonly string[] {
  if (name !== 'ADD' || flags.some((flag) => flag.startsWith('--checksum='))) return [];
  const places = args.match(/(?:https?|git|ssh):\/\/[^\s"',\]]+|(?<![\w@])git@[^\s"',\]]+/g) ?? [];
  return places.filter((place) => !/[#=][0-9a-f]{40}\b/.test(place));
}

export interface Sources {
  readonly from: readonly string[];
  /** Flags that nobody here knows: one may name an image. */
  readonly unknown: readonly string[];
}

/** The flags of docker's frontend. */
const knownFlags: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['FROM', new Set(['platform'])],
  ['COPY', new Set(['from', 'chown', 'chmod', 'link', 'exclude', 'parents'])],
  ['ADD', new Set(['chown', 'chmod', 'link', 'keep-git-dir', 'checksum', 'unpack', 'exclude'])],
  ['RUN', new Set(['mount', 'network', 'security', 'device'])],
]);

/** The images and stages that the flags of an instruction name, as they are written. */
export function sources({ name, flags }: Instruction): Sources {
  const known = knownFlags.get(name);
  const from: string[] = [];
  const unknown: string[] = [];
  for (const flag of known === undefined ? [] : flags) {
    const [key, value] = keyValue(flag.slice(2));
    const named = key === 'from' ? only(value) : key === 'mount' ? mountedFrom(value) : [];
    if (known?.has(key) !== true || named === undefined) unknown.push(flag);
    else from.push(...named);
  }
  return { from, unknown };
}

function only(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [value];
}

/** Undefined when it is no mount. */
function mountedFrom(mount = ''): readonly string[] | undefined {
  return mountOptions(mount)?.flatMap(([name, value]) => (name === 'from' ? [value] : []));
}

interface Variables {
  readonly globals: Values;
  readonly escape: string;
}

function declare(args: string, variables: Variables, buildArgs: ReadonlyMap<string, string>): void {
  const { globals, escape } = variables;
  for (const word of words(args, escape)) {
    const [name, value] = keyValue(word);
    const given = buildArgs.get(name);
    // What cannot be told is not the same as nothing.
    const fallback = value === undefined ? undefined : (substitute(value, variables) ?? unknownValue);
    // One that is only named keeps what it has.
    if (given !== undefined || value !== undefined || !globals.has(name)) globals.set(name, given ?? fallback);
  }
}

/** Undefined when a variable has no value that is known here, or something is done to it that is not done here. */
function substitute(text: string, { globals, escape }: Variables): string | undefined {
  const filled = shellText(text, { escape, value: (name) => globals.get(name) })?.text;
  return filled?.includes(unknownValue) === true ? undefined : filled;
}

/** Words with their quotes, as docker's frontend parts those of ARG. */
function words(text: string, escape: string): readonly string[] {
  const found: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (quote === '' && goSpace.test(char)) {
      if (word !== '') found.push(word);
      word = '';
    } else if (char === escape && quote !== "'") {
      at += 1;
      word += at < text.length ? char + text.charAt(at) : '';
    } else {
      if (quote === '' ? char === '"' || char === "'" : char === quote) quote = quote === '' ? char : '';
      word += char;
    }
  }
  return word === '' ? found : [...found, word];
}
