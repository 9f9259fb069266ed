import { expect, test } from '@jest/globals';
import { crawl, needsOf, type Served } from '../../kit/crawl.ts';

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css',
  js: 'text/javascript',
  webmanifest: 'application/manifest+json',
};
const site = (files: Readonly<Record<string, string>>): Served =>
  new Map(
    Object.entries(files).map(([path, text]) => [
      path,
      { text, contentType: types[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream' },
    ]),
  );
const missing = (files: Readonly<Record<string, string>>, entries?: readonly string[]) =>
  crawl(site(files), entries)
    .map(({ from, path }) => `${from} → ${path}`)
    .sort();

test('finds every way in which a page needs a file', () => {
  const page = [
    `<link rel=stylesheet href="/a.css"><script type="module" src='assets/b.js'></script>`,
    `<img src=c%20d.png?x=1 srcset="e.png 1x, ./f.png 2x"><video poster="g.jpg"></video>`,
    `<style>@import "h.css"; p { background: url(i.png) }</style><p style="background:url('j.png')">`,
    `<script>import('/k.js'); const u = new URL("./l.wasm", import.meta.url)</script><link rel="manifest" href="m.webmanifest">`,
    `<!-- <img src="never.png"> --><a href="mailto:x@y.z">x</a><img src="data:image/png;base64,AA"><img src="//else.where/x.png">`,
    `<a href="n.pdf">n</a><link rel="icon" href="../o&amp;p.ico#frag">`,
  ].join('\n');
  const names = [
    'a.css',
    'assets/b.js',
    'c d.png',
    'e.png',
    'f.png',
    'g.jpg',
    'h.css',
    'i.png',
    'j.png',
    'k.js',
    'l.wasm',
  ];
  expect(missing({ 'index.html': page })).toEqual(
    [...names, 'm.webmanifest', 'n.pdf', 'o&p.ico'].map((path) => `index.html → ${path}`).sort(),
  );
});

test('goes on into styles, scripts and manifests, relative to each', () => {
  const files = {
    'index.html': '<script type="module" src="/assets/a.js"></script><link rel="manifest" href="/m.webmanifest">',
    'assets/a.js': `import{x}from"./b.js";import"react";const d=["assets/c.css"];import('./d.js')`,
    'assets/b.js': 'navigator.serviceWorker.register("/sw.js")',
    'assets/c.css': '@font-face{src:url(../fonts/e.woff2)}',
    'm.webmanifest': '{"start_url":"/app/","icons":[{"src":"icon.png"}]}',
  };
  const expected = [
    'assets/a.js → assets/d.js',
    'assets/b.js → sw.js',
    'assets/c.css → fonts/e.woff2',
    'm.webmanifest → icon.png',
  ];
  expect(missing(files, [])).toEqual(expected);
  expect([...needsOf(site(files), 'index.html')].sort()).toEqual(Object.keys(files).sort());
});

test('any page must have its assets; links between pages count where one can get to', () => {
  const files = {
    'index.html': '<a href="about/">a</a><a href="/docs">d</a>',
    'about/index.html': '<a href="../gone.html">g</a><a href="#top">t</a>',
    'docs/index.html': '<a href="../">home</a>',
    'lone.html': '<a href="/new/">n</a><img src="none.png">',
  };
  expect(missing(files)).toEqual(['about/index.html → gone.html', 'lone.html → none.png']);
  expect(missing(files, ['index.html', 'lone.html'])).toContain('lone.html → new/');
});
