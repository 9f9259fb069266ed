import { createCipheriv, createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, readFile, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { forEachConcurrently } from '../../shared/core/pool.ts';

export const siteNames = ['small', 'large'] as const;
export type SiteName = (typeof siteNames)[number];

export interface SiteFile {
  readonly path: string;
  readonly size: number;
}

export interface Site {
  readonly name: string;
  readonly root: string;
  readonly files: readonly SiteFile[];
  readonly bytes: number;
  /** What a commit of one changes: one file in a hundred. */
  readonly changing: readonly SiteFile[];
}

interface Shape {
  readonly files: number;
  readonly bytes: number;
  /** Beside the many small ones. */
  readonly big: number;
}

const MB = 1e6;
const shapes: Readonly<Record<SiteName, Shape>> = {
  small: { files: 2_000, bytes: 195 * MB, big: 40 * MB },
  large: { files: 20_000, bytes: 66 * MB, big: 0 },
};

/** Raised when the generator changes: what an older one made is made anew. */
const format = 1;
/** Changed files that are pages: as many in a hundred as there are pages in the site. */
const changedPagesPerHundred = 2;

/** A number in [0, 1), the same for the same seed and call: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const components = [
  'index',
  'vendor',
  'Dashboard',
  'ReportTable',
  'useQuery',
  'charts',
  'editor',
  'settings',
  'locale-de',
];
const topics = ['guide', 'api', 'reports', 'blog', 'changelog', 'tutorials', 'teams', 'legal'];
const pictures = ['hero', 'avatar', 'team', 'screenshot', 'banner'];
const others = ['favicon.ico', 'robots.txt', 'manifest.webmanifest', 'sw.js', 'sitemap.xml', 'humans.txt'];
const alphabet: readonly string[] = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');

export const isHtml = (path: string) => path.endsWith('.html');

/** Names and sizes as a build with Vite leaves them: hashed chunks, a few pictures and fonts, one file in fifty a page. */
export function fileList({ files: count, bytes, big }: Shape): readonly SiteFile[] {
  const random = seeded(count);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const hash = () => Array.from({ length: 8 }, () => pick(alphabet)).join('');
  const paths = new Set(['index.html', '404.html', ...others]);
  const pages = Math.round(count / 50);
  for (let page = 2; page < pages; page += 1) {
    const depth = 1 + Math.floor(random() * 3);
    const folders = Array.from({ length: depth }, () => pick(topics));
    paths.add(`${folders.join('/')}/page-${page}/index.html`);
  }
  if (big > 0) paths.add(`media/introduction-${hash()}.mp4`);
  while (paths.size < count) {
    const kind = random();
    if (kind < 0.72) paths.add(`assets/${pick(components)}-${hash()}.js`);
    else if (kind < 0.84) paths.add(`assets/${pick(components)}-${hash()}.css`);
    else if (kind < 0.88) paths.add(`assets/${pick(components)}-${hash()}.js.map`);
    else if (kind < 0.94) paths.add(`assets/${pick(pictures)}-${hash()}.webp`);
    else if (kind < 0.96) paths.add(`assets/inter-${hash()}.woff2`);
    else paths.add(`images/${pick(topics)}/${pick(pictures)}-${paths.size}.png`);
  }
  // Most files are small, a few large; then all are scaled to the whole.
  const weights = [...paths].map((path) => ({ path, weight: path.endsWith('.mp4') ? 0 : Math.exp(random() * 4) }));
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  return weights.map(({ path, weight }) => ({
    path,
    size: path.endsWith('.mp4') ? big : 128 + Math.round((weight / total) * (bytes - big - 128 * count)),
  }));
}

/** The big file stays as it is; pages in their proportion, at least one. */
export function changingFiles(files: readonly SiteFile[], random: () => number): readonly SiteFile[] {
  const count = Math.round(files.length / 100);
  const pages = Math.max(1, Math.round((count * changedPagesPerHundred) / 100));
  const choose = (from: readonly SiteFile[], many: number) => {
    const left = [...from];
    return Array.from({ length: many }, () => left.splice(Math.floor(random() * left.length), 1)[0]!);
  };
  return [
    ...choose(
      files.filter(({ path }) => isHtml(path)),
      pages,
    ),
    ...choose(
      files.filter(({ path, size }) => !isHtml(path) && size < 10 * MB),
      count - pages,
    ),
  ];
}

const siteOf = (name: string, root: string, files: readonly SiteFile[]): Site => ({
  name,
  root,
  files,
  bytes: files.reduce((sum, { size }) => sum + size, 0),
  changing: changingFiles(files, seeded(7)),
});

/** Makes the site, or takes the one made before; the same bytes on every machine. */
export async function prepareSite(name: SiteName, folder: string): Promise<Site> {
  const files = fileList(shapes[name]);
  const root = join(folder, name);
  const stamp = join(folder, `${name}.made`);
  const made = `${format} ${JSON.stringify(shapes[name])}`;
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== made) {
    rmSync(root, { recursive: true, force: true });
    rmSync(stamp, { force: true });
    const temporary = `${root}.tmp`;
    rmSync(temporary, { recursive: true, force: true });
    for (const directory of new Set(files.map(({ path }) => dirname(join(temporary, path))))) {
      mkdirSync(directory, { recursive: true });
    }
    for (const { path, size } of files) writeFileSync(join(temporary, path), contentOf(path, size));
    renameSync(temporary, root);
    writeFileSync(stamp, made);
  }
  const site = siteOf(name, root, files);
  await writeVersion(site, 0);
  // As right after a build: the first tool is not to be the one who waits for the disk.
  await forEachConcurrently(files, { limit: 16 }, async ({ path }) => {
    await readFile(join(root, path));
  });
  return site;
}

/** A page is text, everything else noise: what a compressed build looks like to a hash or a network. */
function contentOf(path: string, size: number): Buffer {
  const key = createHash('md5').update(path).digest();
  const noise = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
  if (!isHtml(path)) return noise;
  const head = '<!doctype html><html lang="en"><head><title>Page</title></head><body><p>';
  return Buffer.from((head + noise.toString('hex')).slice(0, size));
}

/** Where a version differs: in the middle, one byte. */
export function flipped(original: number, version: number): number {
  return (original + version) % 256;
}

/**
 * Puts version `version` of the changing files in place, same sizes: one byte each, another one in every version up to 255, so that
 * no run finds again what an earlier one has stored.
 */
export async function writeVersion(site: Site, version: number): Promise<void> {
  await forEachConcurrently(site.changing, { limit: 16 }, async ({ path, size }) => {
    const at = Math.floor(size / 2);
    const original = contentOf(path, size)[at]!;
    const file = await open(join(site.root, path), 'r+');
    try {
      await file.write(Buffer.of(flipped(original, version)), 0, 1, at);
    } finally {
      await file.close();
    }
  });
}

/** As a checkout and a build leave them: every file is new. */
export async function touchAll({ root, files }: Site): Promise<void> {
  const now = new Date();
  await forEachConcurrently(files, { limit: 32 }, ({ path }) => utimes(join(root, path), now, now));
}
