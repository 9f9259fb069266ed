/** What a viewer gets under a path of the site. */
export interface ServedFile {
  readonly contentType: string;
  readonly text: string;
}

/** By path relative to the site's root, without a slash at the start. */
export type Served = ReadonlyMap<string, ServedFile>;

export interface Dangling {
  /** The file that refers … */
  readonly from: string;
  /** … as it is written there … */
  readonly reference: string;
  /** … to a path where there is nothing. */
  readonly path: string;
}

interface Reference {
  readonly text: string;
  /** A page is somewhere to go to; without an asset the page itself is broken. */
  readonly kind: 'page' | 'asset';
  /** Relative to the site instead of the file, as in lists of what to preload. */
  readonly fromRoot?: boolean;
}

/**
 * What the pages of a site lack. A viewer can get any HTML that is there: the assets that any page needs, and that those need in turn, must
 * exist. Links to other pages count from `entries` on: a new page that nothing leads to yet may still wait for its neighbours.
 */
export function crawl(served: Served, entries: readonly string[] = ['index.html']): readonly Dangling[] {
  const dangling = new Map<string, Dangling>();
  const seen = new Set<string>();
  const visit = (path: string, followsPages: boolean): void => {
    const mark = `${path}\n${String(followsPages)}`;
    const file = served.get(path);
    if (file === undefined || seen.has(mark)) return;
    seen.add(mark);
    const isPage = isHtml(path, file);
    for (const { text, kind, fromRoot } of referencesIn(path, file)) {
      if (kind === 'page' && !followsPages) continue;
      const wanted = resolve(text, fromRoot === true ? '' : path);
      if (wanted === undefined) continue;
      const found = find(served, wanted);
      if (found === undefined) dangling.set(`${path}\n${text}`, { from: path, reference: text, path: wanted });
      else visit(found, kind === 'page' ? true : isPage ? false : followsPages);
    }
  };
  for (const [path, file] of served) if (isHtml(path, file)) visit(path, false);
  for (const path of entries) visit(path, true);
  return [...dangling.values()];
}

/** The files that a page needs in order to work, itself included, and those that they need in turn. */
export function needsOf(served: Served, page: string): ReadonlySet<string> {
  const needs = new Set<string>();
  const visit = (path: string): void => {
    const file = served.get(path);
    if (file === undefined || needs.has(path)) return;
    needs.add(path);
    for (const { text, kind, fromRoot } of referencesIn(path, file)) {
      const wanted = kind === 'asset' ? resolve(text, fromRoot === true ? '' : path) : undefined;
      const found = wanted === undefined ? undefined : find(served, wanted);
      if (found !== undefined) visit(found);
    }
  };
  visit(page);
  return needs;
}

export function isHtml(path: string, { contentType }: ServedFile): boolean {
  return contentType.startsWith('text/html') || /\.html?$/.test(path);
}

/** A directory answers with its index. */
function find(served: Served, path: string): string | undefined {
  const index = `${path.replace(/\/$/, '')}/index.html`.replace(/^\//, '');
  return [path, index].find((candidate) => served.has(candidate));
}

const origin = 'https://site.example';

/** The path in the site, or undefined when it leads elsewhere. */
function resolve(reference: string, from: string): string | undefined {
  if (reference === '' || reference.startsWith('#')) return undefined;
  let url: URL;
  try {
    url = new URL(reference, `${origin}/${from.split('/').map(encodeURIComponent).join('/')}`);
  } catch {
    return undefined;
  }
  if (url.origin !== origin) return undefined;
  return decodeURIComponent(url.pathname).slice(1);
}

function referencesIn(path: string, file: ServedFile): readonly Reference[] {
  const { contentType, text } = file;
  if (isHtml(path, file)) return inHtml(text);
  if (contentType.startsWith('text/css') || path.endsWith('.css')) return inCss(text);
  if (/javascript/.test(contentType) || /\.m?js$/.test(path)) return inScript(text);
  if (/manifest\+json/.test(contentType) || path.endsWith('.webmanifest')) return inManifest(text);
  return [];
}

const assets = (texts: readonly string[]): readonly Reference[] => texts.map((text) => ({ text, kind: 'asset' }));

function inHtml(html: string): readonly Reference[] {
  const found: Reference[] = [];
  const text = html.replace(/<!--.*?-->/gs, '');
  for (const [, attributes = '', body = ''] of text.matchAll(/<script\b([^>]*)>(.*?)<\/script>/gis)) {
    if (!/\bsrc=/.test(attributes)) found.push(...inScript(body));
  }
  for (const [, body = ''] of text.matchAll(/<style\b[^>]*>(.*?)<\/style>/gis)) found.push(...inCss(body));
  const tags = text.replace(/(<(script|style)\b[^>]*>).*?<\/\2>/gis, '$1');
  for (const [, tag = '', attributes = ''] of tags.matchAll(/<([a-z][\w-]*)((?:"[^"]*"|'[^']*'|[^>"'])*)>/gi)) {
    for (const [, name = '', quoted, single, bare] of attributes.matchAll(
      /([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g,
    )) {
      const value = unescapeHtml(quoted ?? single ?? bare ?? '').trim();
      found.push(...inAttribute(tag.toLowerCase(), name.toLowerCase(), value));
    }
  }
  return found;
}

function inAttribute(tag: string, name: string, value: string): readonly Reference[] {
  if (name === 'srcset' || name === 'imagesrcset') {
    return assets(value.split(/,\s+|,$/).flatMap((candidate) => candidate.trim().split(/\s+/)[0] ?? []));
  }
  if (name === 'style') return inCss(value);
  if (!['href', 'src', 'poster', 'data', 'xlink:href'].includes(name)) return [];
  const goesThere = ['a', 'area', 'iframe', 'frame'].includes(tag);
  return [{ text: value, kind: goesThere && !/\.(?!html?$)\w+$/.test(value) ? 'page' : 'asset' }];
}

function inCss(text: string): readonly Reference[] {
  const plain = text.replace(/\/\*.*?\*\//gs, '');
  return assets([
    ...[...plain.matchAll(/url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"'\s]+))\s*\)/g)].map(([, a, b, c]) => a ?? b ?? c ?? ''),
    ...[...plain.matchAll(/@import\s+(?:"([^"]+)"|'([^']+)')/g)].map(([, a, b]) => a ?? b ?? ''),
  ]);
}

function inScript(text: string): readonly Reference[] {
  const quoted = String.raw`["'\`]([^"'\`\n]+)["'\`]`;
  const imports = [
    ...text.matchAll(new RegExp(String.raw`\bimport\s*\(\s*${quoted}`, 'g')),
    ...text.matchAll(new RegExp(String.raw`\bfrom\s*${quoted}`, 'g')),
    ...text.matchAll(new RegExp(String.raw`\bimport\s*${quoted}`, 'g')),
    ...text.matchAll(new RegExp(String.raw`\bnew\s+URL\(\s*${quoted}\s*,\s*import\.meta\.url`, 'g')),
    ...text.matchAll(new RegExp(String.raw`\b(?:importScripts|serviceWorker\.register)\(\s*${quoted}`, 'g')),
    ...text.matchAll(/\/\/# sourceMappingURL=([^\s]+)/g),
  ].map(([, reference]) => reference!);
  // Bare names are packages.
  const own = imports.filter((reference) => /^(?:\.{0,2}\/)/.test(reference) || reference.endsWith('.map'));
  // Vite's list of what a chunk loads with it: `["assets/a.js","assets/a.css"]`.
  const preloaded = [...text.matchAll(/["'](assets\/[^"'\s]+\.\w+)["']/g)].map(([, reference]) => reference!);
  return [...assets(own), ...preloaded.map((one): Reference => ({ text: one, kind: 'asset', fromRoot: true }))];
}

function inManifest(text: string): readonly Reference[] {
  const { start_url, icons = [] } = JSON.parse(text) as { start_url?: string; icons?: readonly { src: string }[] };
  const start: readonly Reference[] = start_url === undefined ? [] : [{ text: start_url, kind: 'page' }];
  return [...start, ...assets(icons.map(({ src }) => src))];
}

function unescapeHtml(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&amp;', '&');
}
