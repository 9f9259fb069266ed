import { expect, test } from '@jest/globals';
import { headersFor, isHashedName } from '../../../actions/sync-frontend/src/headers.ts';

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
  ['a.woff2', 'font/woff2'],
  ['a.ttf', 'font/ttf'],
  ['a.mp4', 'video/mp4'],
  ['a.mp3', 'audio/mpeg'],
  ['sitemap.xml', 'application/xml'],
  ['robots.txt', 'text/plain; charset=utf-8'],
  ['a.pdf', 'application/pdf'],
  ['.well-known/apple-app-site-association', 'application/json'],
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
});

test.each([
  'assets/index-DkX9wQ2b.js',
  'assets/index-DkX9wQ2b.js.map',
  'assets/my-component-B-x1_Zda.css',
  'assets/logo-CqWnRTyB.svg',
  'chunk-5QXKZ2YB.js',
  'assets/vendor-93616690.js',
  'static/js/main.3f2b1c8d.js',
  'main.3f2b1c8d9e0a1b2c.chunk.css',
  'static/media/3f2b1c8d9e0a1b2c3d4e.woff2',
  '_app/immutable/entry/start.js',
  '_next/static/chunks/pages/index.js',
  '_nuxt/DkX9wQ2b.js',
  'assets/Dashboard-CSGQHLGW.js',
  'assets/react-Db-_YT-E.js',
])('%s holds a hash', (path) => expect(isHashedName(path)).toBe(true));

test.each([
  'app.js',
  'icon-homepage.png',
  'assets/logo-darkMode.svg',
  'assets/banner-HomePage.png',
  'assets/icon-Download.svg',
  'photo-20250131.jpg',
  'assets/photo-20250131.jpg',
  'report-2025-01-31.pdf',
  'shot-1920x1080.png',
  'favicon-32x32.png',
  'icon-android1.png',
  'hero-section2.webp',
  'apple-touch-icon-precomposed.png',
  'font-awesome.min.css',
  'jquery-3.7.1.min.js',
  'assets/jquery.min.js',
  'assets/feedface.png',
  'data-12345678.json',
  'deadbeef/readme.txt',
  'assets/step-one-two.svg',
  'assets/My-Photo.jpg',
  'assets/logo-Our-Team.svg',
  'icon-DOWNLOAD.svg',
])('%s holds none', (path) => expect(isHashedName(path)).toBe(false));
