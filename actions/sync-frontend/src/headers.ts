import mimeDb from 'mime-db';
import { globMatcher, type PathMatcher } from '../../../shared/core/glob.ts';
import type { FileHeaders } from '../../../shared/core/release.ts';
import { isHashedName } from './hashed-name.ts';
import type { HeaderRules } from './inputs.ts';

/** Part of every source hash: new defaults publish a site again although its sources are the same. */
export const rulesVersion = 2;

const immutable = 'public, max-age=31536000, immutable';
const revalidate = 'no-cache';

/** Where mime-db is silent, names several types, or names another than browsers and app stores expect. */
const ownTypes: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  html: 'text/html',
  htm: 'text/html',
  ico: 'image/x-icon',
  js: 'text/javascript',
  mjs: 'text/javascript',
  cjs: 'text/javascript',
  map: 'application/json',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  wav: 'audio/wav',
  weba: 'audio/webm',
  webmanifest: 'application/manifest+json',
  xml: 'application/xml',
};

const namesOfTheirOwn: Readonly<Record<string, string>> = {
  // Apple fetches it without an extension and wants exactly this type.
  'apple-app-site-association': 'application/json',
  'apple-developer-merchantid-domain-association': 'text/plain',
  'openid-configuration': 'application/json',
};

const unknownType = 'application/octet-stream';

let table: ReadonlyMap<string, string> | undefined;

/** Extension → type of the whole mime-db, the registered types first. */
function typesByExtension(): ReadonlyMap<string, string> {
  if (table !== undefined) return table;
  const types = new Map<string, string>();
  const rank = (source: string | undefined): number => (source === 'iana' ? 0 : source === undefined ? 2 : 1);
  const entries = Object.entries(mimeDb).sort(([, a], [, b]) => rank(a.source) - rank(b.source));
  for (const [type, { extensions = [] }] of entries) {
    for (const extension of extensions) if (!types.has(extension)) types.set(extension, type);
  }
  table = types;
  return types;
}

function typeOf(path: string, overrides: ReadonlyMap<string, string>): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const extension = extensionOf(path);
  const override = overrides.get(name) ?? overrideOf(name, overrides);
  if (override !== undefined) return override;
  const type =
    lookUp(namesOfTheirOwn, name) ?? lookUp(ownTypes, extension) ?? typesByExtension().get(extension) ?? unknownType;
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}

/** The longest extension that is named: `tar.gz` before `gz`, in whatever case. */
function overrideOf(name: string, overrides: ReadonlyMap<string, string>): string | undefined {
  if (overrides.size === 0) return undefined;
  const lower = name.toLowerCase();
  for (let dot = lower.indexOf('.'); dot >= 0; dot = lower.indexOf('.', dot + 1)) {
    const override = overrides.get(lower.slice(dot + 1));
    if (override !== undefined) return override;
  }
  return undefined;
}

/** Of `a/b.tar.GZ` it is `gz`. */
function extensionOf(path: string): string {
  const dot = path.lastIndexOf('.');
  return dot <= path.lastIndexOf('/') ? '' : path.slice(dot + 1).toLowerCase();
}

/** Without reaching what every object inherits: a file may be called `x.constructor`. */
function lookUp(types: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(types, name) ? types[name] : undefined;
}

interface CacheRule {
  readonly matches: PathMatcher;
  readonly value: string;
}

/** What names other files must never be older than they are. */
const pageTypes = new Set(['html', 'htm', 'xhtml']);
const manifests =
  /(?:^|\/)(?:(?:sw|service-?worker|ngsw-worker|firebase-messaging-sw|OneSignalSDK(?:Updater)?Worker|registerSW)\.m?js|(?:ngsw|manifest|asset-manifest|version|config|env)\.json|[^/]*\.webmanifest)$/;
/** Names other files with their hashes, which a browser checks: an old one of them stops the app. */
const blazor = /(?:^|\/)_framework\//;
const codeTypes = new Set(['js', 'mjs', 'css', 'json', 'map', 'wasm', 'xml', 'txt']);

/** After the user's rules; the README shows this list. */
function defaultCacheControl(path: string): string {
  const extension = extensionOf(path);
  if (pageTypes.has(extension) || manifests.test(path)) return revalidate;
  if (isHashedName(path)) return immutable;
  return codeTypes.has(extension) || blazor.test(path) ? revalidate : 'public, max-age=3600';
}

/** The headers of every file, by its path alone. */
export function headersFor({ cacheControl, contentTypes }: HeaderRules): (path: string) => FileHeaders {
  const rules = [...cacheControl].map(([glob, value]): CacheRule => ({ matches: globMatcher([glob]), value }));
  return (path) => ({
    contentType: typeOf(path, contentTypes),
    cacheControl: rules.find(({ matches }) => matches(path))?.value ?? defaultCacheControl(path),
  });
}

export function isImmutable(headers: FileHeaders | undefined): boolean {
  return headers !== undefined && /\bimmutable\b/i.test(headers.cacheControl);
}

/** A page: what a viewer opens, and what refers to everything else. By its name, when its headers are not known. */
export function isPage(path: string, headers: FileHeaders | undefined): boolean {
  if (headers !== undefined) return /^(?:text\/html|application\/xhtml\+xml)\b/i.test(headers.contentType);
  const name = path.slice(path.lastIndexOf('/') + 1);
  return /\.(?:html?|xhtml)$/i.test(name) || !(name.includes('.') || path.startsWith('.well-known/'));
}
