import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { covers, encodeUrlPath, keyToUrlPath, viewerPaths } from '../../../shared/core/url-path.ts';

test.each([
  ['/a b', '/a%20b'],
  ['/a%20b', '/a%20b'],
  ['/100%', '/100%25'],
  ['/100%zz', '/100%25zz'],
  ['/~me/[x]{y}|z^`"<>#\\', '/%7Eme/%5Bx%5D%7By%7D%7Cz%5E%60%22%3C%3E%23%5C'],
  ['/é😀', '/%C3%A9%F0%9F%98%80'],
  ['/a\u007fb\u0001', '/a%7Fb%01'],
  ["/plain-_.!$&'()+,;=:@/x?y=1&z=2*", "/plain-_.!$&'()+,;=:@/x?y=1&z=2*"],
])('%s is sent as %s', (path, encoded) => expect(encodeUrlPath(path)).toBe(encoded));

test.each([
  ['a+b c~é%.txt', 'a+b%20c%7E%C3%A9%25.txt'],
  ['what?.html', 'what%3F.html'],
  ['star*.txt', 'star%2A.txt'],
  ['100%25.txt', '100%2525.txt'],
])('the key %s is asked for as %s', (key, path) => expect(keyToUrlPath(key)).toBe(path));

test('a viewer’s path survives being encoded once more, and is the key when decoded', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (key) => {
      const path = keyToUrlPath(key);
      expect(encodeUrlPath(path)).toBe(path);
      expect(decodeURIComponent(path)).toBe(key);
    }),
  );
});

test.each([
  ['/', 'index.html', ['/', '/index.html']],
  ['/', 'docs/index.html', ['/docs', '/docs/', '/docs/index.html']],
  ['/', 'docs/a.html', ['/docs/a.html']],
  ['/', 'myindex.html', ['/myindex.html']],
  ['/app/', 'index.html', ['/app', '/app/', '/app/index.html']],
  ['/', 'a b/index.html', ['/a%20b', '/a%20b/', '/a%20b/index.html']],
])('below %s the file %s is %j', (base, path, paths) => expect(viewerPaths(base, path)).toEqual(paths));

test.each([
  ['/*', '/a/b', true],
  ['/a*', '/a', true],
  ['/a*', '/a/b*', true],
  ['/a/*', '/a', false],
  ['/a', '/a/', false],
  ['/a', '/a', true],
])('%s covers %s: %s', (pattern, path, expected) => expect(covers(pattern, path)).toBe(expected));
