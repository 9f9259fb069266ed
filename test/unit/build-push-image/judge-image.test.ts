import { describe, expect, test } from '@jest/globals';
import {
  architectureMismatch,
  judgeProgram,
  platformMismatch,
} from '../../../actions/build-push-image/src/judge-image.ts';
import { platformOf } from '../../../actions/build-push-image/src/platforms.ts';
import { arm64, elf, script, x86 } from './image-kit.ts';
import { image } from './kit.ts';

const digest = 'sha256:index';
const asked = (...names: readonly string[]) => names.map(platformOf);
/** `declared>configured`; either may be left out. */
const found = (...images: readonly string[]) =>
  images.map((text, index) => {
    const [declared = '', configured = ''] = text.split('>');
    return {
      digest: `sha256:${index}`,
      declared: declared === '' ? undefined : platformOf(declared),
      configured: configured === '' ? undefined : platformOf(configured),
    };
  });

describe('platforms', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['one, as its configuration says', ['linux/amd64'], ['>linux/amd64']],
    ['one in an index', ['linux/arm64/v8'], ['linux/arm64>linux/arm64/v8']],
    [
      'several, in whatever order',
      ['linux/amd64', 'linux/arm64'],
      ['linux/arm64>linux/arm64', 'linux/amd64>linux/amd64'],
    ],
    [
      'variants side by side',
      ['linux/arm/v6', 'linux/arm/v7'],
      ['linux/arm/v7>linux/arm/v7', 'linux/arm/v6>linux/arm/v6'],
    ],
    ['an older variant', ['linux/arm/v7'], ['>linux/arm/v6']],
    ['not read yet', ['linux/amd64'], ['']],
    ['an index that does not tell, whose configuration does', ['linux/amd64'], ['>linux/amd64']],
  ])('%s: good', (...[, wanted, images]) =>
    expect(platformMismatch(asked(...wanted), found(...images), digest)).toBeUndefined(),
  );

  test.each<[string, readonly string[], readonly string[], RegExp]>([
    [
      'another',
      ['linux/amd64'],
      ['>linux/arm64'],
      /Asked for was linux\/amd64; .* sha256:index, is for linux\/arm64\./,
    ],
    ['one too few', ['linux/amd64', 'linux/arm64'], ['linux/amd64>linux/amd64'], /is for linux\/amd64\./],
    ['one too many', ['linux/amd64'], ['linux/amd64>', 'linux/arm64>'], /is for linux\/amd64, linux\/arm64\./],
    [
      'one twice',
      ['linux/amd64', 'linux/arm64'],
      ['linux/amd64>', 'linux/amd64>'],
      /is for linux\/amd64, linux\/amd64\./,
    ],
    ['an index that nothing is in', ['linux/amd64'], [], /is for nothing\./],
    [
      'a newer variant',
      ['linux/arm/v6'],
      ['>linux/arm/v7'],
      /Asked for was linux\/arm\/v6; .* is for linux\/arm\/v7\./,
    ],
    [
      'an index that says what the image does not',
      ['linux/amd64', 'linux/arm64'],
      ['linux/amd64>linux/amd64', 'linux/arm64>linux/amd64'],
      /sha256:1 is linux\/arm64 in the index and linux\/amd64 in its configuration/,
    ],
    [
      'two that are exchanged',
      ['linux/amd64', 'linux/arm64'],
      ['linux/amd64>linux/arm64', 'linux/arm64>linux/amd64'],
      /sha256:0 is linux\/amd64 in the index and linux\/arm64 in its configuration/,
    ],
  ])('%s: red', (...[, wanted, images, message]) => {
    const error = platformMismatch(asked(...wanted), found(...images), digest);
    expect(error).toMatchObject({ code: 'PlatformMismatch', hint: expect.stringContaining('FROM --platform=') });
    expect(error?.message).toMatch(message);
  });
});

test.each([
  ['right', x86, 'linux/amd64', 'right'],
  ['for another machine', x86, 'linux/arm64', 'wrong'],
  ['for another machine', arm64, 'linux/amd64/v2', 'wrong'],
  ['32-bit', elf(3, { bits: 32 }), 'linux/amd64', 'unclear'],
  ['for an architecture nobody here knows', x86, 'linux/sparc64', 'unclear'],
  ['a script', script('#!/bin/sh'), 'linux/arm64', 'other'],
  ['an archive', script('PK\x03\x04'), 'linux/arm64', 'other'],
])('a program that is %s in %s', (...[, head, platform, kind]) =>
  expect(judgeProgram(head, platformOf(platform)).kind).toBe(kind),
);

test('what is wrong is told line by line, with what to do', () => {
  const found = image('a', ['src-1', 'buildcache']);
  const error = architectureMismatch(['/a in the linux/arm64 image is an x86-64 program', '/b …'], found);
  expect(error.message).toBe(
    `/a in the linux/arm64 image is an x86-64 program\n/b …\nThis is ${found.digest}; it was given no tag.`,
  );
  expect(architectureMismatch([], { ...found, tags: ['src-1', 'v1', 'latest'] }).message).toContain(
    'Earlier runs gave it "v1", "latest"',
  );
  expect([error.code, error.hint]).toEqual(['ArchitectureMismatch', expect.stringContaining('$TARGETARCH')]);
});
