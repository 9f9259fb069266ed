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

/** `os/architecture[/variant]`, in the words that Go and image configurations use. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** Undefined: the usual one, or not told. */
  readonly variant: string | undefined;
}

export function platformOf(text: string): Platform {
  const [os = '', architecture = '', variant] = normalPlatform(text).split('/');
  return { os, architecture, variant };
}

/** As an index or a configuration tells it. */
export function toldPlatform({ os, architecture, variant }: Platform): Platform {
  const isTold = variant !== undefined && variant !== '';
  const normal = platformOf([os, architecture, ...(isTold ? [variant] : [])].join('/'));
  return isTold || normal.architecture !== architecture ? normal : { ...normal, variant: undefined };
}

export function platformName({ os, architecture, variant }: Platform): string {
  return normalPlatform([os, architecture, ...(variant === undefined ? [] : [variant])].join('/'));
}

/** Is what was found as good as what was asked for? A lower variant runs on a higher one, as `arm/v6` does on `arm/v7`. */
export function serves(found: Platform, asked: Platform): boolean {
  if (asked.os !== found.os || asked.architecture !== found.architecture) return false;
  return found.variant === undefined || level(found) <= level(asked);
}

function level({ variant = '' }: Platform): number {
  return Number(/\d+$/.exec(variant)?.[0] ?? 0);
}
