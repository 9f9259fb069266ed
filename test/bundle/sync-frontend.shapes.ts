import { multipartThreshold } from '../../shared/core/multipart.ts';
import type { Inputs, Site } from './sync-frontend.sites.ts';

/** A deploy to break at every request: what was published before, and what is published then. */
export interface Shape {
  readonly name: string;
  /** Oldest first; the last one is what viewers get when the deploy starts. */
  readonly history: readonly Deploy[];
  readonly deploy: Deploy;
  readonly prefix?: string;
  /** The history was put there by another tool: no records. */
  readonly adopted?: boolean;
  readonly opaqueEtags?: boolean;
  /** After each kill the site of before is published again, too. */
  readonly reverts?: boolean;
  /** After each kill the release before is rolled back to, too. */
  readonly rollsBack?: boolean;
}

export interface Deploy {
  readonly site?: Site;
  readonly inputs?: Inputs;
}

const spa = (version: number, { app, chunk, style }: Readonly<Record<'app' | 'chunk' | 'style', string>>): Site => ({
  'index.html': `<link rel="stylesheet" href="/assets/index-${style}.css"><link rel="manifest" href="/site.webmanifest"><script type="module" src="/assets/index-${app}.js"></script><link rel="icon" href="/favicon.svg">${version}`,
  [`assets/index-${app}.js`]: `import"./vendor-Bx3kq9Zw.js";const d=["assets/page-${chunk}.js"];import("./page-${chunk}.js");${version}`,
  [`assets/page-${chunk}.js`]: `export default ${version}`,
  [`assets/index-${style}.css`]: `body{background:url(./bg-C0ffee42.png)}/*${version}*/`,
  'assets/vendor-Bx3kq9Zw.js': 'export {}',
  'assets/bg-C0ffee42.png': 'png',
  'site.webmanifest': `{"start_url":"/","icons":[{"src":"/favicon.svg"}],"v":${version}}`,
  'favicon.svg': '<svg/>',
  '.well-known/security.txt': 'Contact: mailto:a@b.example',
});
const first = spa(1, { app: 'DiwrgTd1', chunk: 'Ch4nk0n1', style: 'St7le0n1' });
const second = spa(2, { app: 'DiwrgTd2', chunk: 'Ch4nk0n2', style: 'St7le0n2' });
const third = spa(3, { app: 'DiwrgTd3', chunk: 'Ch4nk0n3', style: 'St7le0n3' });

const links = (...pages: readonly string[]): string => pages.map((page) => `<a href="${page}">x</a>`).join('');
const pagesOne: Site = {
  'index.html': links('about/', 'docs/', 'old/') + '<script src="assets/site-1a2b3c41.js"></script>',
  'about/index.html': links('../', '../docs/') + '<script src="../assets/site-1a2b3c41.js"></script>',
  'docs/index.html': links('a.html', 'deep/er/') + '<link rel="stylesheet" href="../style.css">',
  'docs/a.html': links('../old/', 'index.html') + '<script src="../assets/site-1a2b3c41.js"></script>',
  'docs/deep/er/index.html': links('../../a.html') + '<img src="../../../assets/er-1a2b3c41.png">',
  'old/index.html': links('../') + '<img src="../assets/old-1a2b3c41.png">',
  'assets/site-1a2b3c41.js': 'site 1',
  'assets/er-1a2b3c41.png': 'er',
  'assets/old-1a2b3c41.png': 'old',
  'style.css': '@import "assets/fonts-1a2b3c41.css";',
  'assets/fonts-1a2b3c41.css': '/* 1 */',
};
const pagesTwo: Site = {
  'index.html': links('about/', 'docs/', 'zoo/') + '<script src="assets/site-1a2b3c42.js"></script>',
  // Sorts before the pages that it now leads to.
  'about/index.html': links('../', '../docs/', '../zoo/') + '<script src="../assets/site-1a2b3c42.js"></script>',
  'docs/index.html': links('a.html', 'deep/er/', 'new.html') + '<link rel="stylesheet" href="../style.css">',
  'docs/a.html': links('new.html') + '<script src="../assets/site-1a2b3c42.js"></script>',
  'docs/deep/er/index.html': pagesOne['docs/deep/er/index.html']!,
  'docs/new.html': links('../zoo/', 'deep/new/') + '<img src="../assets/new-1a2b3c42.png">',
  'docs/deep/new/index.html': links('../../new.html') + '<link rel="stylesheet" href="../../../style.css">',
  'zoo/index.html': links('../docs/new.html') + '<img src="../assets/new-1a2b3c42.png">',
  'assets/site-1a2b3c42.js': 'site 2',
  'assets/er-1a2b3c41.png': 'er',
  'assets/new-1a2b3c42.png': 'new',
  'style.css': '@import "assets/fonts-1a2b3c42.css";',
  'assets/fonts-1a2b3c42.css': '/* 2 */',
};

const plain = (version: number, more: Site = {}): Site => ({
  'index.html': `<script src="app.js"></script><link rel="stylesheet" href="css/style.css"><img src="logo.png">${links('help.html')}${version}`,
  'help.html': `<link rel="stylesheet" href="css/style.css">${links('index.html')}${version}`,
  'app.js': `import "./lib/util.js"; // ${version}`,
  'lib/util.js': `// ${version}`,
  'css/style.css': `body { background: url(../logo.png) } /* ${version} */`,
  'logo.png': `logo ${version}`,
  'robots.txt': 'User-agent: *',
  ...more,
});

/** No text, and more than the state has room for. */
const noise = (seed: number): Uint8Array =>
  Uint8Array.from({ length: 64 * 1024 }, (_, index) => (index * 31 + (index >> 8) * 7 + seed) % 256);
const pictures = (version: number): Site => ({
  'index.html': `<img src="img/0.png"><link rel="manifest" href="site.webmanifest"><!-- ${version} -->`,
  ...Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`img/${n}.png`, noise(n < 6 ? n + 50 * version : n)])),
  'site.webmanifest': `{"v":${version}}`,
  'sw.js': version === 1 ? '' : 'self.skipWaiting()',
  'config.json': Uint8Array.of(0xff, 0xfe, 0, version),
  // Too large to be on record.
  'poster.jpg': new Uint8Array(64 * 1024 + 1).fill(version),
  'robots.txt': 'User-agent: *',
  ...(version === 1 ? { 'old.html': 'old', 'old.json': '{}' } : { 'new.html': 'new', 'new.json': '{}' }),
});

const page = (film: string): string => `<video src="assets/film-${film}.mp4"></video>`;
const film = (name: string, size: number): Site => ({
  'index.html': page(name),
  [`assets/film-${name}.mp4`]: size,
  'robots.txt': 'User-agent: *',
});
const retainTwo = { 'retain-releases': '2', 'max-delete-percent': '100' };

export const shapes: readonly Shape[] = [
  {
    name: 'a single-page app with hashed names',
    history: [{ site: first }],
    deploy: { site: second },
  },
  {
    name: 'pages that are new, changed and gone, below a prefix',
    prefix: 'app/',
    rollsBack: true,
    history: [{ site: pagesOne, inputs: { prefix: 'app', 'base-path': '/' } }],
    deploy: { site: pagesTwo, inputs: { prefix: 'app', 'base-path': '/' } },
  },
  {
    name: 'plain names, overwritten in place',
    reverts: true,
    rollsBack: true,
    history: [{ site: plain(1) }],
    deploy: { site: plain(2, { 'app.js': 'import "./lib/new.js";', 'lib/new.js': 'import "./util.js"' }) },
  },
  {
    name: 'other headers only',
    reverts: true,
    rollsBack: true,
    history: [{ site: plain(1) }],
    deploy: {
      site: plain(1),
      inputs: { 'cache-control': '*.js=max-age=60\nhelp.html=max-age=5', 'content-types': 'png=image/x-png' },
    },
  },
  {
    name: 'other headers and contents under a KMS key',
    opaqueEtags: true,
    history: [{ site: plain(1) }],
    deploy: { site: plain(1, { 'lib/util.js': 'new' }), inputs: { 'cache-control': '*.js=max-age=60' } },
  },
  {
    name: 'small files of every kind, on record in the state and in packs',
    rollsBack: true,
    history: [{ site: pictures(1) }],
    deploy: { site: pictures(2) },
  },
  {
    name: 'a file in parts',
    history: [{ site: film('F1lm0n3a', 3) }],
    deploy: { site: film('F1lm7w0b', multipartThreshold + 1) },
  },
  {
    name: 'back to the release before',
    history: [{ site: pagesOne }, { site: pagesTwo }],
    deploy: { inputs: { 'rollback-to': 'previous' } },
  },
  {
    name: 'assets deleted that only older releases name',
    history: [
      { site: first, inputs: retainTwo },
      { site: second, inputs: retainTwo },
    ],
    deploy: { site: third, inputs: retainTwo },
  },
  { name: 'a bucket that another tool filled', adopted: true, history: [{ site: first }], deploy: { site: second } },
];
