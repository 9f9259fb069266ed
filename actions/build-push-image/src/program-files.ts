import { posix } from 'node:path';
import type { Piped, PipeOptions } from '../../../shared/action/pipe.ts';
import { lastLine } from './docker.ts';
import type { Program } from './started-programs.ts';
import { tarEntries, type TarEntry } from './tar-entries.ts';

/** Runs docker and reads what it puts out, byte for byte. */
export type PipeDocker = <T>(args: readonly string[], options: PipeOptions<T>) => Promise<Piped<T>>;

/** An image of one platform. */
export interface LocatedImage {
  /** By which docker or the builder knows it. */
  readonly name: string;
  /** Undefined: what the builder itself runs on. */
  readonly platform: string | undefined;
}

export interface ProgramFile {
  readonly path: string;
  /** How it begins. */
  readonly head: Uint8Array;
}

/** The files of one image; nothing of it is ever run. */
export interface ProgramFiles {
  /**
   * For each program its file, links followed; undefined where none is to be found. Not `isThorough`: what is where it almost always is
   * counts, though another directory of the search path may come first.
   */
  heads(
    programs: readonly Program[],
    options?: { readonly isThorough: boolean },
  ): Promise<readonly (ProgramFile | undefined)[]>;
  close(): Promise<void>;
}

export interface Reach {
  readonly pipe: PipeDocker;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** An ELF header has 64 bytes, the first line of a script seldom more than 200. */
const keep = 512;
/**
 * An image that the daemon has: a container that is never started lends its files. `docker cp` hands a file over as a stream, which is
 * closed after its first bytes, however large the file is.
 */
export function daemonFiles(image: LocatedImage, container: string, { pipe, env, timeoutMs }: Reach): ProgramFiles {
  let created: Promise<void> | undefined;
  const docker = <T>(args: readonly string[], read: PipeOptions<T>['read']): Promise<Piped<T>> =>
    pipe(args, { read, env, timeoutMs });
  const create = async (): Promise<void> => {
    const platform = image.platform === undefined ? [] : ['--platform', image.platform];
    const { exitCode, stderr } = await docker(['create', '--name', container, ...platform, image.name], drain);
    if (exitCode !== 0) throw new Error(reason(stderr));
  };
  const look = async (path: string): Promise<TarEntry | undefined> => {
    const { value, exitCode, stderr } = await docker(['cp', '--follow-link', `${container}:${path}`, '-'], firstEntry);
    if (value === undefined && exitCode !== 0 && !isAbsent(stderr)) throw new Error(reason(stderr));
    return value;
  };
  return {
    async heads(programs, { isThorough } = { isThorough: false }) {
      await (created ??= create());
      return Promise.all(
        programs.map(async (program) => {
          const likely = isThorough ? program : likeliest(program);
          const found = choose(likely, await Promise.all(likely.paths.map(look)));
          if (found !== undefined || program.paths.length === likely.paths.length) return found;
          return choose(program, await Promise.all(program.paths.map(look)));
        }),
      );
    },
    async close() {
      if (created === undefined) return;
      const { exitCode, stderr } = await docker(['rm', '--force', '--volumes', container], drain);
      if (exitCode !== 0 && !/no such container/i.test(stderr)) throw new Error(reason(stderr));
    },
  };
}

/**
 * An image that the builder outside the daemon has just made and pushed: a build that copies the programs out of it. The builder has the
 * layers, so nothing but the programs comes here.
 */
export function builderFiles(image: LocatedImage, { pipe, env, timeoutMs }: Reach): ProgramFiles {
  const copyOut = (programs: readonly Program[], isTried: IsTried): Promise<Piped<ReadonlyMap<string, TarEntry>>> =>
    pipe(
      [
        ...['buildx', 'build', '--progress=plain', '--provenance=false', '--sbom=false'],
        ...(image.platform === undefined ? [] : ['--platform', image.platform]),
        ...['--output', 'type=tar,dest=-', '-'],
      ],
      {
        read: allFiles,
        stdin: copyingOut(image.name, programs, isTried),
        env: { ...env, BUILDX_METADATA_PROVENANCE: 'disabled', BUILDX_NO_DEFAULT_ATTESTATIONS: '1' },
        timeoutMs,
      },
    );
  /** In half the time, as nothing is searched; undefined: not all of them are where they should be. */
  const guess = async (programs: readonly Program[]): Promise<readonly (ProgramFile | undefined)[] | undefined> => {
    const likely = programs.map(likeliest);
    const { value, exitCode } = await copyOut(likely, () => false);
    const files = exitCode === 0 ? chosen(likely, value, () => false) : [undefined];
    return files.includes(undefined) ? undefined : files;
  };
  const ask = async (programs: readonly Program[]): Promise<readonly (ProgramFile | undefined)[]> => {
    const { value, exitCode, stderr } = await copyOut(programs, isSearchedFor);
    if (exitCode === 0) return chosen(programs, value, isSearchedFor);
    // One that is missing fails the build, and must not take the others along.
    if (programs.length > 1) return (await Promise.all(programs.map((program) => ask([program])))).flat();
    if (isAbsent(stderr)) return [undefined];
    throw new Error(reason(stderr));
  };
  return {
    async heads(programs, { isThorough } = { isThorough: false }) {
      // Names that mean more than themselves in a Dockerfile are not looked for.
      const plain = programs.filter(({ paths }) => paths.length > 0 && paths.every(isPlain));
      const isSearchedForAny = plain.some((program) => program.paths.some((path) => isSearchedFor(program, path)));
      const guessed = isSearchedForAny && !isThorough ? await guess(plain) : undefined;
      const found = plain.length === 0 ? [] : (guessed ?? (await ask(plain)));
      return programs.map((program) => found[plain.indexOf(program)]);
    },
    close: () => Promise.resolve(),
  };
}

/** Is it copied with a wildcard? */
type IsTried = (program: Program, path: string) => boolean;

function chosen(
  programs: readonly Program[],
  copied: ReadonlyMap<string, TarEntry>,
  isTried: IsTried,
): readonly (ProgramFile | undefined)[] {
  return programs.map((program, index) =>
    choose(
      program,
      program.paths.map((path, place) =>
        copied.get(destination(path, { place: [index, place], isTried: isTried(program, path) }).slice(1)),
      ),
    ),
  );
}

/** Where it is almost always: of a search path the first directory, as `sbin` has none of the programs that images start. */
function likeliest(program: Program): Program {
  const path = program.paths.find((candidate) => !/\/sbin\/[^/]+$/.test(candidate)) ?? program.paths[0];
  return { ...program, paths: path === undefined ? [] : [path] };
}

/** A Dockerfile without a single RUN. */
function copyingOut(image: string, programs: readonly Program[], isTried: IsTried): string {
  const directories = new Set(
    programs.flatMap((program) =>
      program.paths.filter((path) => isTried(program, path)).map((path) => posix.dirname(path)),
    ),
  );
  const copies = programs.flatMap((program, index) =>
    program.paths.map((path, place) => {
      const tried = isTried(program, path);
      const to = destination(path, { place: [index, place], isTried: tried });
      return `COPY --from=image ${tried ? `${wildcard(path)} ${posix.dirname(to)}/` : `${path} ${to}`}`;
    }),
  );
  return [
    `FROM ${image} AS image`,
    // A wildcard matches nothing in peace only in a directory that is there.
    ...[...directories].map((directory) => `WORKDIR ${directory}`),
    'FROM scratch',
    ...copies,
    '',
  ].join('\n');
}

function destination(
  path: string,
  { place, isTried }: { readonly place: readonly [number, number]; readonly isTried: boolean },
): string {
  return `/${place.join('/')}/${isTried ? posix.basename(path) : 'program'}`;
}

/**
 * With a wildcard, as what is missing would fail the build. BuildKit looks for matches in all that lies below the directory, so elsewhere
 * than in a directory of programs the path is taken as it is.
 */
function isSearchedFor(program: Program, path: string): boolean {
  return isSearched(program) || /\/s?bin\/[^/]+$/.test(path);
}

function isSearched({ word }: Program): boolean {
  return !word.includes('/');
}

/** The same name, as a pattern. */
function wildcard(path: string): string {
  return path.replace(/([A-Za-z0-9])(?=[^A-Za-z0-9/]*$)/, '[$1]');
}

function isPlain(path: string): boolean {
  return /^\/[\w.+@:%,=~/-]*[A-Za-z0-9][^A-Za-z0-9/]*$/.test(path) && /^[\w.+@:%,=~/-]+$/.test(path);
}

/** The first that is a file; on a search path it must also be one that may be run. */
function choose(program: Program, entries: readonly (TarEntry | undefined)[]): ProgramFile | undefined {
  const place = entries.findIndex(
    (entry) => entry?.kind === 'file' && (!isSearched(program) || (entry.mode & 0o111) !== 0),
  );
  const [path, entry] = [program.paths[place], entries[place]];
  return path === undefined || entry === undefined ? undefined : { path, head: entry.head };
}

function isAbsent(said: string): boolean {
  return /no such file|could not find the file|not a directory|": not found/i.test(said);
}

/** After its error docker may add how to get help. */
function reason(said: string): string {
  const lines = said.trim().split('\n');
  return lines.findLast((line) => /error/i.test(line)) ?? lastLine(said);
}

async function drain(output: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const entry of output) if (entry.length < 0) return;
}

async function firstEntry(output: AsyncIterable<Uint8Array>): Promise<TarEntry | undefined> {
  for await (const entry of tarEntries(output, keep)) return entry;
  return undefined;
}

async function allFiles(output: AsyncIterable<Uint8Array>): Promise<ReadonlyMap<string, TarEntry>> {
  const files = new Map<string, TarEntry>();
  for await (const entry of tarEntries(output, keep)) files.set(entry.name.replace(/^\.?\//, ''), entry);
  return files;
}
