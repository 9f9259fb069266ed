import { parseJson } from '../core/field.ts';
import { InputError, type InputProblem } from '../core/errors.ts';
import { anyText, boolean, integer, matching, region, roleArn, type Parser } from '../core/parsers.ts';

/** What every action reads. */
export interface CommonInputs {
  readonly region: string;
  readonly roleToAssume: string | undefined;
  readonly roleSessionName: string;
  readonly roleDurationSeconds: number;
  readonly dryRun: boolean;
}

export interface InputSource {
  /** The value of an input, `''` when it is not given. */
  readonly get: (name: string) => string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Hides a value from every later line of the log. */
  readonly mask: (secret: string) => void;
}

interface MapFormat {
  readonly key: Parser<string>;
  readonly value: Parser<string>;
  /** How a value may be shown in a problem. */
  readonly show: (text: string) => string;
}

/**
 * Reads inputs and gathers every problem, so that `finish` can report all of them at once, before anything is touched.
 * Until then a bad field reads as its fallback (or an empty value), which nobody sees: `finish` throws.
 */
export class InputReader {
  readonly #source: InputSource;
  readonly #problems: InputProblem[] = [];
  #defaults: ReadonlyMap<string, string> = new Map();

  constructor(source: InputSource) {
    this.#source = source;
  }

  /** Records a problem between fields; `value` is shown, so never pass a secret. */
  problem(field: string, value: string | undefined, accepted: string): void {
    this.#problems.push({ field, value, accepted });
  }

  /** Texts for inputs that are not given themselves, such as those of a configuration file. */
  defaults(texts: ReadonlyMap<string, string>): void {
    this.#defaults = texts;
  }

  /** The trimmed text, undefined when empty. */
  text(name: string): string | undefined {
    return this.#given(name)?.trim();
  }

  /** As it was given; undefined when it is blank and has no default. */
  #given(name: string): string | undefined {
    return [this.#source.get(name), this.#defaults.get(name) ?? ''].find((text) => text.trim() !== '');
  }

  optional<T>(name: string, parser: Parser<T>): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = parser.parse(text);
    if (value === undefined) this.problem(name, text, parser.accepted);
    return value;
  }

  withDefault<T>(name: string, parser: Parser<T>, fallback: T): T {
    return this.optional(name, parser) ?? fallback;
  }

  /** A required text; `''` stands in when it is missing or bad, until `finish` throws. */
  required(name: string, parser: Parser<string> = anyText): string {
    const value = this.optional(name, parser);
    if (value === undefined && this.text(name) === undefined) this.problem(name, undefined, parser.accepted);
    return value ?? '';
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.withDefault(name, boolean, fallback);
  }

  integer(name: string, range: { readonly min: number; readonly max: number; readonly fallback: number }): number {
    return this.withDefault(name, integer(range.min, range.max), range.fallback);
  }

  /** One item a line, or a JSON array of strings. Blank lines are skipped. */
  list<T>(name: string, parser: Parser<T>): readonly T[] {
    const text = this.text(name);
    if (text === undefined) return [];
    const items = jsonStrings(text) ?? text.split(/\r?\n/).map((line) => line.trim());
    return items
      .filter((item) => item !== '')
      .flatMap((item) => {
        const value = parser.parse(item);
        if (value === undefined) this.problem(name, item, `one a line: ${parser.accepted}`);
        return value === undefined ? [] : [value];
      });
  }

  /** `NAME=value` a line, split at the first `=`; or a JSON object of strings, for values with newlines. */
  map(name: string, key: Parser<string>, value: Parser<string> = anyText): ReadonlyMap<string, string> {
    return this.#map(name, { key, value, show: (text) => text });
  }

  /** As `map`, for values that are public when they are right, and a secret when somebody mistook the input: never shown. */
  hiddenMap(name: string, key: Parser<string>, value: Parser<string>): ReadonlyMap<string, string> {
    return this.#map(name, { key, value, show: () => '***' });
  }

  /** As `map`, but each value is masked in the log at once and never shown in a problem. */
  secretMap(name: string, key: Parser<string>): ReadonlyMap<string, string> {
    const pairs = this.#map(name, { key, value: anyText, show: () => '***' });
    for (const secret of pairs.values()) this.hide(secret);
    return pairs;
  }

  /** A secret text: masked in the log at once. */
  secret(name: string): string | undefined {
    const text = this.text(name);
    if (text !== undefined) this.hide(text);
    return text;
  }

  /** Masks in the log a secret that an input only points at. */
  hide(secret: string): void {
    for (const line of tellingLines(secret)) this.#source.mask(line);
  }

  /** `needsRegion: false` is for runs that ask AWS nothing; a region that is given must be one all the same. */
  common({ needsRegion = true } = {}): CommonInputs {
    const { env } = this.#source;
    const fromEnv = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || undefined;
    const name = this.text('aws-region') ?? fromEnv;
    if (name === undefined ? needsRegion : region.parse(name) === undefined) {
      this.problem('aws-region', name, `${region.accepted} (default: AWS_REGION or AWS_DEFAULT_REGION)`);
    }
    return {
      region: name ?? '',
      roleToAssume: this.optional('role-to-assume', roleArn),
      roleSessionName: this.withDefault(
        'role-session-name',
        matching(/^[\w+=,.@-]{2,64}$/, '2 to 64 letters, digits or any of "_+=,.@-"'),
        'slipway',
      ),
      roleDurationSeconds: this.integer('role-duration-seconds', { min: 900, max: 43_200, fallback: 3600 }),
      dryRun: this.boolean('dry-run', false),
    };
  }

  /** Returns the inputs, or throws one `InputError` that names every bad field. */
  finish<T>(inputs: T): T {
    if (this.#problems.length > 0) throw new InputError(this.#problems);
    return inputs;
  }

  #map(name: string, { key, value, show }: MapFormat): Map<string, string> {
    const pairs = new Map<string, string>();
    const text = this.#given(name);
    if (text === undefined) return pairs;
    for (const [entryKey, entryValue] of this.#entries(name, text, show)) {
      if (key.parse(entryKey) === undefined) this.problem(name, entryKey, `names: ${key.accepted}`);
      else if (pairs.has(entryKey)) this.problem(name, entryKey, 'every name once');
      else if (value.parse(entryValue) === undefined) {
        this.problem(name, `${entryKey}=${show(entryValue)}`, `values: ${value.accepted}`);
      } else pairs.set(entryKey, entryValue);
    }
    return pairs;
  }

  #entries(name: string, text: string, show: (text: string) => string): readonly (readonly [string, string])[] {
    if (text.trimStart().startsWith('{')) {
      const entries = jsonStringMap(text);
      if (entries === undefined) this.problem(name, show(text), 'a JSON object whose values are strings');
      return entries ?? [];
    }
    return text
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
      .flatMap((line) => {
        const equals = line.indexOf('=');
        if (equals <= 0) {
          this.problem(name, show(line), 'NAME=value, one a line, or a JSON object');
          return [];
        }
        return [[line.slice(0, equals).trim(), line.slice(equals + 1)] as const];
      });
  }
}

/**
 * Logs have lines: a secret of several is masked line by line. Not its shortest: the `{` of a JSON document is no secret, and the runner
 * would drop every output in which it occurs.
 */
export function tellingLines(secret: string): readonly string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.trim() !== '');
  const telling = lines.filter((line) => line.trim().length > 3);
  return [...new Set(telling.length > 0 ? telling : lines)];
}

function jsonStrings(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  const value = parseJson(text);
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

function jsonStringMap(text: string): readonly (readonly [string, string])[] | undefined {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const pairs: (readonly [string, string])[] = [];
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== 'string') return undefined;
    pairs.push([key, item]);
  }
  return pairs;
}
