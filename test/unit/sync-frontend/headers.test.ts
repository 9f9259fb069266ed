import { expect, test } from '@jest/globals';
import { isHashedName } from '../../../actions/sync-frontend/src/hashed-name.ts';
import { headersFor, isPage } from '../../../actions/sync-frontend/src/headers.ts';

const none = { cacheControl: new Map<string, string>(), contentTypes: new Map<string, string>() };
const defaults = headersFor(none);

test.each([
  ['index.html', 'text/html; charset=utf-8'],
  ['INDEX.HTML', 'text/html; charset=utf-8'],
  ['a.css', 'text/css; charset=utf-8'],
  ['a.js', 'text/javascript; charset=utf-8'],
  ['a.mjs', 'text/javascript; charset=utf-8'],
  ['a.js.map', 'application/json'],
  ['a.json', 'application/json'],
  ['a.webmanifest', 'application/manifest+json'],
  ['a.wasm', 'application/wasm'],
  ['a.svg', 'image/svg+xml'],
  ['a.avif', 'image/avif'],
  ['a.webp', 'image/webp'],
  ['favicon.ico', 'image/x-icon'],
  ['a.woff', 'font/woff'],
  ['a.woff2', 'font/woff2'],
  ['a.ttf', 'font/ttf'],
  ['a.otf', 'font/otf'],
  ['a.eot', 'application/vnd.ms-fontobject'],
  ['a.jxl', 'image/jxl'],
  ['a.gltf', 'model/gltf+json'],
  ['a.glb', 'model/gltf-binary'],
  ['a.m3u8', 'application/vnd.apple.mpegurl'],
  ['feed.rss', 'application/rss+xml'],
  ['feed.atom', 'application/atom+xml'],
  ['subtitles.vtt', 'text/vtt; charset=utf-8'],
  ['data.csv', 'text/csv; charset=utf-8'],
  ['events.ics', 'text/calendar; charset=utf-8'],
  ['README.md', 'text/markdown; charset=utf-8'],
  ['a.xhtml', 'application/xhtml+xml'],
  ['a.js.LICENSE.txt', 'text/plain; charset=utf-8'],
  ['a.mp4', 'video/mp4'],
  ['a.mp3', 'audio/mpeg'],
  ['sitemap.xml', 'application/xml'],
  ['robots.txt', 'text/plain; charset=utf-8'],
  ['a.pdf', 'application/pdf'],
  ['.well-known/apple-app-site-association', 'application/json'],
  ['apple-app-site-association', 'application/json'],
  ['.well-known/assetlinks.json', 'application/json'],
  ['.well-known/openid-configuration', 'application/json'],
  ['.well-known/security.txt', 'text/plain; charset=utf-8'],
  ['LICENSE', 'application/octet-stream'],
  ['a.constructor', 'application/octet-stream'],
  ['__proto__', 'application/octet-stream'],
])('%s is %s', (path, type) => expect(defaults(path).contentType).toBe(type));

const immutable = 'public, max-age=31536000, immutable';
test.each([
  ['index.html', 'no-cache'],
  ['assets/index-DkX9wQ2b.html', 'no-cache'],
  ['sw.js', 'no-cache'],
  ['app/service-worker.js', 'no-cache'],
  ['manifest.json', 'no-cache'],
  ['site.webmanifest', 'no-cache'],
  ['assets/index-DkX9wQ2b.js', immutable],
  ['main.3f2b1c8d.chunk.js', immutable],
  ['app.js', 'no-cache'],
  ['INDEX.HTML', 'no-cache'],
  ['about/index.htm', 'no-cache'],
  ['registerSW.js', 'no-cache'],
  ['ngsw.json', 'no-cache'],
  ['assets/sw.mjs', 'no-cache'],
  ['firebase-messaging-sw.js', 'no-cache'],
  ['flutter_service_worker.js', 'no-cache'],
  ['asset-manifest.json', 'no-cache'],
  ['manifest.3f2b1c8d.webmanifest', 'no-cache'],
  ['workbox-3f2b1c8d.js', immutable],
  ['_framework/blazor.boot.json', 'no-cache'],
  ['_framework/System.dll', 'no-cache'],
  ['_nuxt/builds/latest.json', 'no-cache'],
  ['_app/version.json', 'no-cache'],
  ['page-data/sq/d/3649515864.json', 'no-cache'],
  ['page-data/index/page-data.json', 'no-cache'],
  ['sitemap-index.xml', 'no-cache'],
  ['robots.txt', 'no-cache'],
  ['logo.png', 'public, max-age=3600'],
])('%s is cached as %s', (path, value) => expect(defaults(path).cacheControl).toBe(value));

test('the first rule that matches wins, the user’s before the defaults', () => {
  const headers = headersFor({
    cacheControl: new Map([
      ['news/**', 'max-age=1'],
      ['*.html', 'max-age=2'],
      ['**', 'max-age=3'],
    ]),
    contentTypes: new Map([
      ['glb', 'model/x'],
      ['robots.txt', 'text/x'],
      ['html', 'text/mine'],
    ]),
  });
  expect(headers('news/a.html').cacheControl).toBe('max-age=1');
  expect(headers('deep/down/a.html').cacheControl).toBe('max-age=2');
  expect(headers('assets/index-DkX9wQ2b.js').cacheControl).toBe('max-age=3');
  expect(headers('a.glb').contentType).toBe('model/x');
  expect(headers('x/robots.txt').contentType).toBe('text/x');
  expect(headers('a.html').contentType).toBe('text/mine');
  expect(headers('a.HTML').contentType).toBe('text/mine');
});

test('content types by extensions of several parts, the longest first', () => {
  const headers = headersFor({
    cacheControl: new Map(),
    contentTypes: new Map([
      ['gz', 'application/x-one'],
      ['tar.gz', 'application/x-two'],
      ['d.ts', 'text/x-types'],
    ]),
  });
  const typeOf = (path: string): string => headers(path).contentType;
  expect(['a.gz', 'a.tar.GZ', 'v1.2.tar.gz', 'x/index.d.ts', 'ts'].map(typeOf)).toEqual([
    'application/x-one',
    'application/x-two',
    'application/x-two',
    'text/x-types',
    'application/octet-stream',
  ]);
});

/** Names as the tools write them. */
const built: Readonly<Record<string, readonly string[]>> = {
  Vite: [
    'assets/index-DkX9wQ2b.js',
    'assets/index-DkX9wQ2b.js.map',
    'assets/my-component-B-x1_Zda.css',
    'assets/_plugin-vue_export-helper-DlAUqK2U.js',
    'assets/index-legacy-BQf8Yd2n.js',
    'assets/logo-CqWnRTyB.svg',
    'assets/KaTeX_AMS-Regular-BQhdFMY1.woff2',
    'assets/react-Db-_YT-E.js',
    'assets/index--xY1zAb_.js',
    'assets/vendor-Bsb5DZHt.js',
    'assets/vendor-eavYndlf.js',
    'assets/vendor-Nswlt_Zz.js',
    'assets/vendor-drmr7RQC.css',
    'assets/vendor-3-7EZ9V0.js',
    'assets/vendor-93616690.js',
    'assets/index.3f2b1c8d.js',
    'assets/Inter-roman.var-Cu8Hv3Ad.woff2',
    'static/js/vendor-DkX9wQ2b.js',
  ],
  'React Router': ['assets/entry.client-DkX9wQ2b.js', 'assets/root-B0EkL2-x.js', 'assets/manifest-3f2b1c8d.js'],
  VitePress: ['assets/index.md.DkX9wQ2b.js', 'assets/index.md.DkX9wQ2b.lean.js', 'assets/chunks/framework.C0T2aXf_.js'],
  webpack: [
    'main.3f2b1c8d9e0a1b2c3d4e.js',
    'main.3f2b1c8d9e0a1b2c.chunk.css',
    'js/runtime~main.8f2c1a3b.js',
    'a1b2c3d4e5f60718.wasm',
  ],
  'Vue CLI': [
    'js/app.3f2b1c8d.js',
    'css/chunk-vendors.8a1d9c0e.css',
    'img/logo.82b9c7a5.png',
    'fonts/icons.3f2b1c8d.woff',
  ],
  CRA: [
    'static/js/main.073c9b0a.js',
    'static/js/787.c4e7f8f9.chunk.js',
    'static/js/main.073c9b0a.js.LICENSE.txt',
    'static/css/main.f855e6bc.css',
    'static/css/main.f855e6bc.css.map',
    'static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg',
    'static/js/main.a1234567.js',
  ],
  Docusaurus: [
    'assets/js/17896441.3f2b1c8d.js',
    'assets/css/styles.0a1b2c3d.css',
    'assets/images/docs-666af1bbec1c8eb8e4e7a4bbc7ac7aa8.png',
  ],
  'Next.js': [
    '_next/static/chunks/main-app-7e1f2a3b4c5d6e7f.js',
    '_next/static/chunks/pages/index.js',
    '_next/static/Xk3jd8s-Kq2mVn7_pLw9R/_buildManifest.js',
    '_next/static/media/a34f9d1faa5f3315-s.p.woff2',
  ],
  SvelteKit: [
    '_app/immutable/entry/start.DkX9wQ2b.js',
    '_app/immutable/entry/start.js',
    '_app/immutable/assets/0.C0T2aXf_.css',
  ],
  Astro: ['_astro/hoisted.DkX9wQ2b.js', '_astro/photo.Bd8PBhK3_Z1a2b3.webp'],
  Angular: [
    'main-5QXKZ2YB.js',
    'chunk-FFHMDQTL.js',
    'styles-5INURTSO.css',
    'polyfills.0b8a1c2d3e4f5a6b.js',
    'media/roboto-A1B2C3D4.woff2',
    'media/roboto-A2B2C3D4.woff2',
    'chunk-5QXKZ2YB.js.map',
  ],
  Nuxt: ['_nuxt/DkX9wQ2b.js', '_nuxt/entry.DkX9wQ2b.css', '_nuxt/a1b2c3d.js', '_nuxt/error-404.Bsb5DZHt.css'],
  Gatsby: [
    'app-3f2b1c8d9e0a1b2c3d4e.js',
    'component---src-pages-index-js-1a2b3c4d5e6f7a8b9c0d.js',
    'static/3f2b1c8d9e0a1b2c3d4e5f6a7b8c9d0e/photo.png',
    'static/3f2b1c8d9e0a1b2c3d4e5f6a7b8c9d0e/a1b2c/photo.webp',
  ],
  Parcel: ['index.3f2b1c8d.js', 'logo.8f2c1a3b.svg', 'index.d0a4e9b1.css'],
  esbuild: ['chunk-5QXKZ2YB.js', 'assets/Dashboard-CSGQHLGW.js', 'assets/icon-CSGQ2LGW.png'],
  Bun: ['chunk-f9k2m1za.js'],
};

test.each(Object.entries(built).flatMap(([tool, paths]) => paths.map((path) => [tool, path] as const)))(
  '%s: %s holds a hash',
  (_tool, path) => expect(isHashedName(path)).toBe(true),
);

test.each([
  'app.js',
  'icon-homepage.png',
  'assets/logo-darkMode.svg',
  'assets/banner-HomePage.png',
  'assets/icon-Download.svg',
  'photo-20250131.jpg',
  'assets/photo-20250131.jpg',
  'assets/report-20250131a.pdf',
  'report-2025-01-31.pdf',
  'shot-1920x1080.png',
  'favicon-32x32.png',
  'icon-android1.png',
  'hero-section2.webp',
  'assets/hero-iPadPro2.png',
  'hero-iPadPro2.png',
  'model-gpt4mini.js',
  'assets/model-gpt4mini.js',
  'assets/app-Web3Home.js',
  'assets/app-HomePage.js',
  'assets/app-Backdrop.js',
  'assets/app-Our-Team.js',
  'assets/app-v2-final.js',
  'assets/js/jquery-autosize.js',
  'assets/shader-webgl2fx.js',
  'assets/icon-h264code.js',
  'apple-touch-icon-precomposed.png',
  'font-awesome.min.css',
  'jquery-3.7.1.min.js',
  'assets/jquery.min.js',
  'assets/feedface.png',
  'menu-cafe2024.pdf',
  'assets/menu-cafe2024.pdf',
  'img/facade01.jpg',
  'form-W8BEN202.pdf',
  'icon-IPHONE15.png',
  'data-12345678.json',
  'assets/data-12345678.json',
  'static/d/3649515864.json',
  'page-data/sq/d/3649515864.json',
  'page-data/sq/d/36495158.json',
  'deadbeef/readme.txt',
  'static/deadbeef/readme.txt',
  'assets/step-one-two.svg',
  'assets/My-Photo.jpg',
  'assets/logo-Our-Team.svg',
  'icon-DOWNLOAD.svg',
  'assets/icon-DOWNLOAD.svg',
  'app-DOWNLOAD.js',
  'a1b2c3d.js',
  '_nuxt/builds/latest.json',
  '_framework/dotnet.js',
  'ngsw.json',
  'DkX9wQ2b',
  '.well-known/apple-app-site-association',
  'users/507f1f77bcf86cd799439011.json',
  'users/507f1f77bcf86cd799439011.png',
  'api/posts/3f2504e0-4f89-11d3-9a0c-0305e82c3301.json',
  'assets/3f2504e0-4f89-11d3-9a0c-0305e82c3301.png',
  'invoice-507f1f77bcf86cd799439011.pdf',
  'contracts/da39a3ee5e6b4b0d3255bfef95601890afd80709.json',
  'data/2024a1b2.json',
  'assets/Level1-2.js',
  'assets/vuejs3-x.js',
  'assets/facade42.js',
])('%s holds none', (path) => expect(isHashedName(path)).toBe(false));

test('pages are told by their type, or where that is not known by their name', () => {
  const type = (contentType: string) => ({ contentType, cacheControl: '' });
  expect(isPage('about', type('text/html; charset=utf-8'))).toBe(true);
  expect(isPage('a.xhtml', type('application/xhtml+xml'))).toBe(true);
  expect(isPage('a.html', type('text/plain'))).toBe(false);
  expect(isPage('about', undefined)).toBe(true);
  expect(isPage('v1.2/about', undefined)).toBe(true);
  expect(isPage('a.HTM', undefined)).toBe(true);
  expect(isPage('a.css', undefined)).toBe(false);
  expect(isPage('.well-known/apple-app-site-association', undefined)).toBe(false);
});
