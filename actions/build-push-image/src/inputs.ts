import { join, relative } from 'node:path';
import type { RunContext } from '../../../shared/action/context.ts';
import { tellingLines, type CommonInputs, type InputReader } from '../../../shared/action/input-reader.ts';
import { parseEcrHost, parseImageRef } from '../../../shared/core/image-ref.ts';
import { imageTag, integer, matching, oneOf, type Parser } from '../../../shared/core/parsers.ts';
import { contextName, contextNames, contextValues, toBuildContext, type BuildContext } from './build-contexts.ts';
import { normalPlatform } from './platforms.ts';

export interface Inputs extends CommonInputs {
  /** The archive that the image is written to, in place of a registry. */
  readonly archiveTo: string | undefined;
  /** The archive that is pushed where the image would be built. */
  readonly archiveFrom: string | undefined;
  readonly repository: string;
  /** Host (and port) to push to; undefined: the account's own. */
  readonly registry: string | undefined;
  /** Account of an ECR host given as `registry`. */
  readonly registryId: string | undefined;
  readonly context: string;
  /** By the name that BuildKit compares, see `contextName`. */
  readonly buildContexts: ReadonlyMap<string, BuildContext>;
  /** Path of the Dockerfile. */
  readonly file: string;
  readonly target: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, string>;
  readonly secretFiles: ReadonlyMap<string, string>;
  /** Lines of the build secrets, of values and files: what no message may repeat. */
  readonly hidden: readonly string[];
  readonly platforms: readonly string[];
  readonly tags: readonly string[];
  /** The commit that is built; undefined where the run is about none. */
  readonly commit: string | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly cache: 'auto' | 'registry' | 'none';
  readonly skipUnchanged: boolean;
  readonly force: boolean;
  readonly maxAgeDays: number | undefined;
  readonly createRepository: boolean;
  readonly provenance: 'false' | 'min' | 'max';
  readonly sbom: boolean;
  /** The image that makes the SBOM; undefined: BuildKit's own choice. */
  readonly sbomGenerator: string | undefined;
  readonly scan: 'off' | 'report' | 'critical' | 'high' | 'medium';
  readonly scanTimeoutMinutes: number;
}

/** What lies at a path of the runner; undefined where nothing does, or nothing that may be read. */
export type LookAt = (path: string) => { readonly kind: 'file' | 'directory'; readonly bytes: number } | undefined;

/** The beginning of a file of the runner; undefined where nothing can be read. */
export type ReadText = (path: string) => string | undefined;

export interface Disk {
  readonly lookAt: LookAt;
  readonly readText: ReadText;
}

/** Tags of our own: `src-<source hash>`, and the registry cache. */
export const sourceTagPrefix = 'src-';
export const cacheTag = 'buildcache';

export function isOwnTag(tag: string): boolean {
  return tag.startsWith(sourceTagPrefix) || tag.startsWith(cacheTag);
}

const repositoryName: Parser<string> = {
  accepted: 'the name of an ECR repository without its host, e.g. "my-app" or "team/my-app"',
  parse: (text) =>
    text.length >= 2 &&
    text.length <= 256 &&
    /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(text) &&
    parseEcrHost(text.split('/')[0] ?? '') === undefined
      ? text
      : undefined,
};
const host = matching(
  /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?$/,
  'a host with an optional port, without "https://" and path, e.g. "localhost:4566"',
);
const path = matching(/^[^\p{Cc}]{1,4096}$/u, 'a path on one line');
const localPath: Parser<string> = {
  accepted: 'a directory of the runner (an URL or "-" is not read)',
  parse: (text) =>
    text !== '-' && !/^[a-z][a-z0-9+.-]*:\/\/|^git@/i.test(text) && path.parse(text) !== undefined ? text : undefined,
};
const stage = matching(/^[A-Za-z0-9][\w.-]{0,127}$/, 'the name of a stage of the Dockerfile');
const argument = matching(/^[A-Za-z_]\w{0,127}$/, 'letters, digits and "_", not starting with a digit');
const labelKey = matching(/^[A-Za-z0-9](?:[\w./-]{0,254}[A-Za-z0-9])?$/, 'letters, digits and any of "._/-"');
const secretId = matching(/^[\w.-]{1,128}$/, 'letters, digits and any of "_.-"');
const platform = matching(
  /^(?:linux|windows)\/[a-z0-9]+(?:\/v\d{1,2})?$/,
  'os/architecture, e.g. "linux/amd64" or "linux/arm64"',
);

const imageName: Parser<string> = {
  accepted: 'an image, e.g. "docker/buildkit-syft-scanner:stable-1"',
  parse: (text) => (parseImageRef(text) === undefined ? undefined : text),
};

/** No command of docker's takes a zero byte, and none of these values needs one. */
const value: Parser<string> = {
  accepted: 'text without zero bytes',
  parse: (text) => (text.includes('\0') ? undefined : text),
};

export function parseInputs(read: InputReader, run: Pick<RunContext, 'sha'>, disk: Disk): Inputs {
  const { lookAt } = disk;
  const mode = read.withDefault('mode', oneOf(['push', 'archive']), 'push');
  const common = read.common({ needsRegion: mode === 'push' });
  const archive = read.optional('archive', path);
  const registry = read.optional('registry', host);
  const context = read.withDefault('context', localPath, '.');
  const secrets = read.secretMap('secrets', secretId);
  const secretFiles = read.map('secret-files', secretId, path);
  const fileTexts = [...secretFiles.values()].map((file) => telling(disk.readText(file) ?? ''));
  for (const text of fileTexts) read.hide(text);
  const skipUnchanged = read.boolean('skip-unchanged', true);
  const maxAgeDays = read.optional('max-age-days', integer(1, 3650));
  const sbom = read.boolean('sbom', false);
  const sbomGenerator = read.optional('sbom-generator', imageName);
  const inputs: Inputs = {
    ...common,
    archiveTo: mode === 'archive' ? (archive ?? '') : undefined,
    archiveFrom: mode === 'push' ? archive : undefined,
    repository: read.required('repository', repositoryName),
    registry,
    registryId: parseEcrHost(registry ?? '')?.account,
    context,
    buildContexts: buildContexts(read),
    file: read.withDefault('file', path, join(context, 'Dockerfile')),
    target: read.optional('target', stage),
    buildArgs: read.map('build-args', argument, value),
    secrets,
    secretFiles,
    hidden: [...secrets.values(), ...fileTexts].flatMap(tellingLines),
    platforms: [...new Set(read.list('platforms', platform).map(normalPlatform))].sort(),
    tags: wantedTags(read, run.sha),
    commit: run.sha === '' ? undefined : run.sha,
    labels: read.map('labels', labelKey, value),
    cache: read.withDefault('cache', oneOf(['auto', 'registry', 'none']), 'auto'),
    skipUnchanged,
    force: read.boolean('force', false),
    maxAgeDays,
    createRepository: read.boolean('create-repository', true),
    provenance: read.withDefault('provenance', oneOf(['false', 'min', 'max']), 'false'),
    sbom,
    sbomGenerator,
    scan: read.withDefault('scan', oneOf(['off', 'report', 'critical', 'high', 'medium']), 'off'),
    scanTimeoutMinutes: read.integer('scan-timeout-minutes', { min: 1, max: 120, fallback: 10 }),
  };
  const ecr = parseEcrHost(registry ?? '');
  if (ecr !== undefined && common.region !== '' && ecr.region !== common.region) {
    read.problem('registry', registry, `a host in aws-region (${common.region})`);
  }
  for (const [id, secret] of secrets) {
    if (secret.trim() === '') read.problem('secrets', id, 'ids with a value; this one is empty (is the secret set?)');
    if (secretFiles.has(id)) read.problem('secret-files', id, 'an id that "secrets" does not hold as well');
  }
  if (maxAgeDays !== undefined && !skipUnchanged) {
    read.problem('max-age-days', String(maxAgeDays), 'nothing while skip-unchanged is "false": then every run builds');
  }
  if (sbomGenerator !== undefined && !sbom) {
    read.problem('sbom-generator', sbomGenerator, 'nothing while sbom is "false": then no SBOM is made');
  }
  checkFiles(read, inputs, disk);
  checkArchive(read, inputs, lookAt);
  return read.finish(inputs);
}

function buildContexts(read: InputReader): ReadonlyMap<string, BuildContext> {
  const contexts = new Map<string, BuildContext>();
  for (const [written, value] of read.map('build-contexts', contextNames, contextValues)) {
    const name = contextName(written) ?? written;
    if (contexts.has(name)) read.problem('build-contexts', written, `every name once; to docker this one is "${name}"`);
    contexts.set(name, toBuildContext(value));
  }
  return contexts;
}

/** Without the lines that are not text, which no log shows as they are. */
function telling(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/[\0\ufffd]/.test(line))
    .join('\n');
}

/** Files that a build needs; each is told together with all other bad inputs. */
function checkFiles(
  read: InputReader,
  { context, buildContexts, file, secretFiles }: Inputs,
  { lookAt, readText }: Disk,
): void {
  const hasContext = lookAt(context)?.kind === 'directory';
  if (!hasContext) {
    read.problem(
      'context',
      context,
      'a directory that is there and can be read, relative to the workspace (is the repository checked out?)',
    );
  }
  // A Dockerfile in a context that is missing is the same fault again.
  if ((hasContext || read.text('file') !== undefined) && lookAt(file)?.kind !== 'file') {
    read.problem('file', file, 'a Dockerfile that is there and can be read; its path is relative to the workspace');
  }
  for (const [name, directory] of localContexts(buildContexts)) {
    if (lookAt(directory)?.kind !== 'directory') {
      read.problem('build-contexts', `${name}=${directory}`, 'directories that are there and can be read');
    }
  }
  for (const [id, secretFile] of secretFiles) {
    const found = lookAt(secretFile);
    // docker itself would build on with an empty secret, and say nothing. `echo "$UNSET" > file` leaves a line's end.
    if (found?.kind !== 'file' || found.bytes === 0 || readText(secretFile)?.trim() === '') {
      read.problem('secret-files', `${id}=${secretFile}`, 'files that are there, can be read and are not empty');
    }
  }
}

function localContexts(contexts: ReadonlyMap<string, BuildContext>): readonly (readonly [string, string])[] {
  return [...contexts].flatMap(([name, value]) => (value.kind === 'directory' ? [[name, value.path] as const] : []));
}

/** What an archive cannot hold or come from. A file to push from is needed only if something would be built: the plan sees. */
function checkArchive(read: InputReader, inputs: Inputs, lookAt: LookAt): void {
  const { archiveTo, archiveFrom, context } = inputs;
  const archive = archiveTo ?? archiveFrom;
  if (archive === undefined) return;
  if (archive === '') {
    read.problem('archive', read.text('archive'), 'with "mode: archive", the path of the archive to write');
  } else if (isWithin(context, archive)) {
    read.problem('archive', archive, 'a path outside "context", whose files are what is hashed and built from');
  } else if (localContexts(inputs.buildContexts).some(([, directory]) => isWithin(directory, archive))) {
    read.problem('archive', archive, 'a path outside "build-contexts", whose files are what is hashed and built from');
  } else if (archiveTo !== undefined && lookAt(archive)?.kind === 'directory') {
    read.problem('archive', archive, 'the path of a file; this is a directory');
  }
  if (inputs.platforms.length > 1) {
    read.problem('platforms', inputs.platforms.join(' '), 'one platform with "archive", which holds one image');
  }
  if (archiveTo === undefined) return;
  const contradictions = [
    ['cache', inputs.cache === 'registry', '"auto" or "none"'],
    ['provenance', inputs.provenance !== 'false', '"false"'],
    ['sbom', inputs.sbom, '"false"'],
    ['scan', inputs.scan !== 'off', '"off"'],
  ] as const;
  for (const [field, contradicts, accepted] of contradictions) {
    if (contradicts) {
      read.problem(field, read.text(field), `${accepted} with "mode: archive", which has to do with no registry`);
    }
  }
}

function isWithin(directory: string, path: string): boolean {
  return !/^\.\.(?:\/|$)/.test(relative(directory, path));
}

/** `<host>/<repository>` as docker talks to it; `registry` stands in for Amazon's own host. */
export function repositoryUri({ registry, repository }: Inputs, uri: string | undefined): string | undefined {
  return registry === undefined ? uri : `${registry}/${repository}`;
}

function wantedTags(read: InputReader, sha: string): readonly string[] {
  const tags = [...new Set(read.list('tags', imageTag))];
  for (const tag of tags) {
    if (isOwnTag(tag)) {
      read.problem(
        'tags',
        tag,
        `tags that do not start with "${sourceTagPrefix}" or "${cacheTag}": those are the action’s own`,
      );
    }
  }
  if (tags.length > 50) read.problem('tags', `${tags.length} tags`, 'at most 50 tags');
  const text = read.text('tags');
  if (text !== undefined && /^\[\s*\]$/.test(text)) read.problem('tags', text, 'at least one tag');
  if (tags.length > 0 || text !== undefined) return tags;
  if (sha === '') {
    read.problem(
      'tags',
      undefined,
      'at least one tag; the default is the commit SHA, and this run has none (GITHUB_SHA)',
    );
  }
  return [sha];
}
