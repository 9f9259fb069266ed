import mimeDb from 'mime-db';
import { globMatcher, type PathMatcher } from '../../../shared/core/glob.ts';
import type { FileHeaders } from '../../../shared/core/release.ts';
import type { HeaderRules } from './inputs.ts';

/** Part of every source hash: new defaults publish a site again although its sources are the same. */
export const rulesVersion = 1;

export const immutable = 'public, max-age=31536000, immutable';
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
  const dot = name.lastIndexOf('.');
  const extension = dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
  const override = overrides.get(name) ?? (extension === '' ? undefined : overrides.get(extension));
  if (override !== undefined) return override;
  const type =
    lookUp(namesOfTheirOwn, name) ?? lookUp(ownTypes, extension) ?? typesByExtension().get(extension) ?? unknownType;
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}

/** Without reaching what every object inherits: a file may be called `x.constructor`. */
function lookUp(types: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(types, name) ? types[name] : undefined;
}

const buildFolders = /(?:^|\/)(?:assets|static|chunks|js|css|media|_nuxt)\//;
/** Folders in which a framework puts nothing but content-addressed files. */
const hashedFolders = /(?:^|\/)(?:_next\/static|_app\/immutable|_astro)\//;

/**
 * Does the name hold a hash of the content, as bundlers write it? A miss costs a revalidation, a false hit a year of stale content, so in
 * doubt it is none: `icon-homepage.png`, `shot-1920x1080.png` and `report-20250131.pdf` are not.
 */
export function isHashedName(path: string): boolean {
  if (hashedFolders.test(path)) return true;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const stems = name.split('.').slice(0, -1);
  const parts = stems.flatMap((stem) => stem.split(/[-_]/));
  if (parts.some(isHex)) return true;
  // One in fifty hashes of eight hexadecimal digits has no letter; a date looks the same.
  if (buildFolders.test(path) && /^(?!(?:19|20)\d{6}$)\d{8,64}$/.test(parts.at(-1) ?? '')) return true;
  // Vite, Rollup and esbuild: `index-DiwrgTda.js`, eight characters that may themselves hold "-" and "_".
  const stem = stems[0] ?? '';
  const token = /^(?:.*-)?([\w-]{8})$/.exec(stem)?.[1];
  if (token === undefined || (stem.length > 8 && stem.at(-9) !== '-')) return false;
  return (
    hasDigitsInside(token) ||
    (buildFolders.test(path) && !areWords(token) && (hasMixedCase(token) || hasOddParts(token)))
  );
}

function isHex(text: string): boolean {
  return /^[0-9a-f]{8,64}$/.test(text) && /\d/.test(text) && /[a-f]/.test(text);
}

function hasDigitsInside(token: string): boolean {
  if (!/\d/.test(token) || !/[A-Za-z]/.test(token)) return false;
  // A word with a number, a number with a unit, a size, words joined by "-": names that people give.
  return !/^(?:[A-Za-z]?[a-z]+[-_]?\d+|\d+[-_]?[a-z]+|\d+x\d+|v?\d+(?:[-_]\w+)?|[a-z]+(?:[-_][a-z]*\d*)+|[A-Z]+\d+)$/.test(
    token,
  );
}

function hasMixedCase(token: string): boolean {
  const turns = [...token.matchAll(/[a-z](?=[A-Z])|[A-Z](?=[a-z])/g)].length;
  return turns >= 2 && !/^[a-z]{3,}[A-Z][a-z]+$/.test(token) && !/^(?:[A-Z][a-z]{2,}){2}$/.test(token);
}

/** `My-Photo`, `Our_Team`: parts that people write. */
function areWords(token: string): boolean {
  const parts = token.split(/[-_]/);
  return parts.length > 1 && parts.every((part) => /^(?:[A-Z]?[a-z]+|[A-Z]{2,})$/.test(part));
}

/** esbuild's eight upper-case characters, or base64url such as `Db-_YT-E`. */
function hasOddParts(token: string): boolean {
  return /^[A-Z2-7]{8}$/.test(token) || (/[-_]/.test(token) && /[A-Z]/.test(token) && /[a-z]/.test(token));
}

interface CacheRule {
  readonly matches: PathMatcher;
  readonly value: string;
}

/** After the user's rules; the README shows this list. */
const defaultRules: readonly CacheRule[] = [
  // What names other files must never be older than they are.
  { matches: globMatcher(['*.{html,htm,xhtml}']), value: revalidate },
  {
    matches: globMatcher([
      '{sw,service-worker,serviceworker,ngsw-worker,firebase-messaging-sw,registerSW}.{js,mjs}',
      '{ngsw,manifest,asset-manifest,version,config,env}.json',
      '*.webmanifest',
    ]),
    value: revalidate,
  },
  { matches: isHashedName, value: immutable },
  { matches: globMatcher(['*.{js,mjs,css,json,map,wasm,xml,txt}']), value: revalidate },
  { matches: () => true, value: 'public, max-age=3600' },
];

/** The headers of every file, by its path alone. */
export function headersFor({ cacheControl, contentTypes }: HeaderRules): (path: string) => FileHeaders {
  const rules: readonly CacheRule[] = [
    ...[...cacheControl].map(([glob, value]) => ({ matches: globMatcher([glob]), value })),
    ...defaultRules,
  ];
  return (path) => ({
    contentType: typeOf(path, contentTypes),
    cacheControl: rules.find(({ matches }) => matches(path))?.value ?? revalidate,
  });
}

export function isImmutable(headers: FileHeaders | undefined): boolean {
  return headers !== undefined && /\bimmutable\b/i.test(headers.cacheControl);
}

/** A page: what a viewer opens, and what refers to everything else. By its name, when its headers are not known. */
export function isPage(path: string, headers: FileHeaders | undefined): boolean {
  if (headers !== undefined) return /^(?:text\/html|application\/xhtml\+xml)\b/i.test(headers.contentType);
  const name = path.slice(path.lastIndexOf('/') + 1);
  return /\.(?:html?|xhtml)$/i.test(name) || !name.includes('.');
}
