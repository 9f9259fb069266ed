/** What machines call themselves. */
const synonyms: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'amd64'],
  ['aarch64', 'arm64'],
  ['i386', '386'],
  ['i686', '386'],
  ['armhf', 'arm/v7'],
  ['armv7l', 'arm/v7'],
  ['armv6l', 'arm/v6'],
  ['armel', 'arm/v6'],
]);
/** Variants that go without saying, and the one that `arm` alone means. */
const usual: ReadonlyMap<string, string> = new Map([
  ['amd64/v1', 'amd64'],
  ['arm64/v8', 'arm64'],
  ['arm', 'arm/v7'],
]);

/** One name for each platform, as BuildKit writes it: `linux/arm64/v8` is `linux/arm64`. */
export function normalPlatform(text: string): string {
  const [os = '', ...rest] = text.split('/');
  const machine = rest.join('/');
  const known = synonyms.get(machine) ?? machine;
  return `${os}/${usual.get(known) ?? known}`;
}
