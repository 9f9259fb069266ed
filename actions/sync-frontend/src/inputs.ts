import { resolve } from 'node:path';
import type { RunContext } from '../../../shared/action/context.ts';
import type { CommonInputs, InputReader } from '../../../shared/action/input-reader.ts';
import { globMatcher } from '../../../shared/core/glob.ts';
import { matching, oneOf, type Parser } from '../../../shared/core/parsers.ts';
import { bucketName, keyPrefix } from '../../../shared/core/s3-names.ts';

interface Site extends CommonInputs {
  readonly bucket: string;
  /** `''`, or ends with a slash: what is listed is `app/`, never `app-2/`. */
  readonly prefix: string;
  /** The URL path of the site, with a slash at both ends. */
  readonly basePath: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** The rules that give files their headers; what the user said, before the defaults. */
export interface HeaderRules {
  readonly cacheControl: ReadonlyMap<string, string>;
  readonly contentTypes: ReadonlyMap<string, string>;
}

/** How a new release takes the place of the one before. */
export interface ReleasePolicy {
  readonly delete: boolean;
  readonly retainReleases: number;
  readonly maxDeletePercent: number;
  readonly concurrency: number;
}

export interface PublishInputs extends Site, HeaderRules, ReleasePolicy {
  readonly mode: 'publish';
  readonly source: string;
  readonly releaseId: string;
  readonly sourceHash: string | undefined;
  readonly requireHtml: boolean;
}

export interface RollbackInputs extends Site, ReleasePolicy {
  readonly mode: 'rollback';
  /** A release id, or `previous`. */
  readonly target: string;
  readonly runId: string;
}

export interface CheckInputs extends Site, HeaderRules {
  readonly mode: 'check';
  readonly source: string;
  readonly sourceKey: string;
}

export type Inputs = PublishInputs | RollbackInputs | CheckInputs;

/** What there is on this machine where the source should be. */
export type FoundSource = 'files' | 'nothing' | 'empty' | 'no-directory';
export type LookAtSource = (directory: string) => FoundSource;

const usableSource: Readonly<Record<Exclude<FoundSource, 'files'>, string>> = {
  nothing: 'a directory that exists and can be read, from the workspace (did the build run, in this job?)',
  empty: 'a directory with files in it (did the build run, in this job?)',
  'no-directory': 'a directory, which this is not',
};

const urlFolder: Parser<string> = {
  accepted: 'a URL path such as "/" or "/app/"',
  parse: (text) => (/^\/(?:[^/\s*?#\p{Cc}]+\/?)*$/u.test(text) ? text.replace(/\/?$/, '/') : undefined),
};

const glob: Parser<string> = {
  accepted:
    'a glob relative to the source such as "docs/**" or "*.map", at most 1,024 characters, without a leading "!"',
  parse: (text) => (text.length <= 1024 && !/^(?:!|\.?\/$)/.test(text) ? text : undefined),
};

/** A frontend whose build output is the workspace itself makes `./**` of "the output and all in it": nothing would be left. */
const exclusion: Parser<string> = {
  accepted: `${glob.accepted}, that leaves something of the source: this may not match every path`,
  parse: (text) => (glob.parse(text) !== undefined && !matchesEverything(text) ? text : undefined),
};

/** Names without anything in common, as they stand directly in the source. */
const unlike = ['a', 'Z-9', '.x', 'index.html', 'src', 'package.json', 'übung 1'];

function matchesEverything(text: string): boolean {
  return unlike.every(globMatcher([text]));
}

const headerValue = matching(
  /^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/,
  'a Cache-Control value such as "public, max-age=3600"',
);
const extension = matching(/^\.?[^\s/.=][^\s/=]{0,127}$/, 'a file extension such as "glb", or a whole file name');
const mediaType = matching(
  /^[\w.+-]{1,100}\/[\w.+-]{1,100}(?:;\s?[\w-]+=[\w."-]+)*$/,
  'a media type such as "model/gltf-binary" or "text/plain; charset=utf-8"',
);
const releaseId: Parser<string> = {
  accepted: '1 to 128 letters, digits, ".", "_", "+" or "-", starting with a letter or digit; not "previous"',
  parse: (text) => (/^[A-Za-z0-9][\w.+-]{0,127}$/.test(text) && text !== 'previous' ? text : undefined),
};
const rollbackTarget: Parser<string> = {
  accepted: '"previous", or the id of an earlier release',
  parse: (text) => (text === 'previous' ? text : releaseId.parse(text)),
};
const hash = matching(/^[\w:.-]{8,200}$/, 'the source-hash output of a run with "mode: check"');

export function parseInputs(
  read: InputReader,
  context: RunContext,
  lookAtSource: LookAtSource = () => 'files',
): Inputs {
  const common = read.common();
  const mode = read.withDefault('mode', oneOf(['publish', 'check']), 'publish');
  const source = read.text('source');
  const prefix = read.withDefault('prefix', keyPrefix, '');
  const site: Site = {
    ...common,
    bucket: read.required('bucket', bucketName),
    prefix,
    basePath: read.withDefault('base-path', urlFolder, `/${prefix}`),
    include: read.list('include', glob),
    exclude: read.list('exclude', exclusion),
  };
  const rules: HeaderRules = {
    cacheControl: read.map('cache-control', glob, headerValue),
    contentTypes: new Map(
      // By the name as it is for a whole file name, in lower case for an extension.
      [...read.map('content-types', extension, mediaType)]
        .map(([name, type]) => [name.replace(/^\./, ''), type] as const)
        .flatMap(([name, type]): (readonly [string, string])[] => [
          [name.toLowerCase(), type],
          [name, type],
        ]),
    ),
  };
  const policy: ReleasePolicy = {
    delete: read.boolean('delete', true),
    retainReleases: read.integer('retain-releases', { min: 1, max: 50, fallback: 3 }),
    maxDeletePercent: read.integer('max-delete-percent', { min: 0, max: 100, fallback: 50 }),
    concurrency: read.integer('concurrency', { min: 1, max: 256, fallback: 48 }),
  };
  const requireHtml = read.boolean('require-html', true);
  const id = read.withDefault('release-id', releaseId, context.sha);
  const target = read.optional('rollback-to', rollbackTarget);
  const sourceHash = read.optional('source-hash', hash);
  const sourceKey = read.text('source-key');

  if (source === undefined && target === undefined) {
    read.problem(
      'source',
      undefined,
      mode === 'check' ? 'the directory of the sources' : 'the directory of the built site',
    );
  } else if (source?.includes('\0')) read.problem('source', source, 'a path');
  else if (source !== undefined && read.text('rollback-to') === undefined) {
    const found = lookAtSource(resolve(context.workspace, source));
    if (found !== 'files') read.problem('source', source, usableSource[found]);
  }
  if (mode === 'check') {
    if (target !== undefined) read.problem('rollback-to', target, 'nothing with "mode: check", which writes nothing');
    if (sourceHash !== undefined) {
      read.problem('source-hash', sourceHash, 'nothing with "mode: check", which computes it');
    }
  } else if (sourceKey !== undefined) {
    read.problem('source-key', sourceKey, 'nothing without "mode: check": it is part of what that mode hashes');
  }
  if (target !== undefined && sourceHash !== undefined) {
    read.problem('source-hash', sourceHash, 'nothing with "rollback-to": the release brings its own');
  }
  if (mode === 'publish' && target === undefined && id === '') {
    read.problem('release-id', undefined, `${releaseId.accepted} (default: the commit, which this run does not know)`);
  }

  const directory = resolve(context.workspace, source ?? '');
  if (mode === 'check') {
    return read.finish({ ...site, ...rules, mode, source: directory, sourceKey: sourceKey ?? '' });
  }
  if (target !== undefined) {
    return read.finish({ ...site, ...policy, mode: 'rollback', target, runId: context.runId });
  }
  return read.finish({ ...site, ...rules, ...policy, mode, source: directory, releaseId: id, sourceHash, requireHtml });
}
