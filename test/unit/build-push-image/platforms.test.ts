import { expect, test } from '@jest/globals';
import { platformName, platformOf, serves, toldPlatform } from '../../../actions/build-push-image/src/platforms.ts';

test.each([
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/arm64', 'linux/arm64'],
  ['linux/arm64/v9', 'linux/arm64/v9'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/x86_64', 'linux/amd64'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['linux/amd64/v3', 'linux/amd64/v3'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/v6', 'linux/arm/v6'],
  ['linux/armv6l', 'linux/arm/v6'],
  ['linux/i386', 'linux/386'],
  ['windows/amd64', 'windows/amd64'],
])('%s is called %s', (text, name) => expect(platformName(platformOf(text))).toBe(name));

/** As a configuration tells it: what is not told stays open. */
const told = (text: string) => {
  const [os = '', architecture = '', variant] = text.split('/');
  return toldPlatform({ os, architecture, variant });
};

test.each([
  ['linux/arm64/v8', 'linux/arm64', true],
  ['linux/arm64', 'linux/arm64/v8', true],
  ['linux/aarch64', 'linux/arm64', true],
  ['linux/amd64', 'linux/arm64', false],
  ['windows/amd64', 'linux/amd64', false],
  // A base image of an older variant is what builders take where there is no other.
  ['linux/arm/v6', 'linux/arm/v7', true],
  ['linux/arm/v6', 'linux/arm', true],
  ['linux/arm/v7', 'linux/arm/v6', false],
  ['linux/armhf', 'linux/arm/v6', false],
  ['linux/amd64', 'linux/amd64/v3', true],
  ['linux/amd64/v3', 'linux/amd64', false],
  // One that is not told contradicts nothing.
  ['linux/arm', 'linux/arm/v6', true],
  ['linux/386', 'linux/amd64', false],
])('%s serves who asked for %s: %s', (found, asked, good) => expect(serves(told(found), platformOf(asked))).toBe(good));
