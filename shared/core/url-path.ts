/**
 * Characters that CloudFront wants percent-encoded in an invalidation: RFC 1738's unsafe ones, controls and everything outside ASCII.
 * Encoding any other character makes a path that matches nothing, without an error
 * (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html).
 */
const unsafe = /[\u0000-\u0020"<>#{}|\\^~[\]`\u007f-\u{10ffff}]/gu;

function percent(text: string): string {
  return [...new TextEncoder().encode(text)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');
}

/** A path as a person or a tool wrote it, encoded as CloudFront expects. `%XX` is taken as already encoded; doing it twice changes nothing. */
export function encodeUrlPath(path: string): string {
  return path.replace(/%(?![0-9A-Fa-f]{2})/g, '%25').replace(unsafe, percent);
}

/** The URL path of an object's key: here `%`, `?` and `*` are characters of the name, not syntax. */
export function keyToUrlPath(key: string): string {
  return key.replace(/[%?*]/g, percent).replace(unsafe, percent);
}

/**
 * Every URL path under which a viewer may hold the file: an `index.html` answers for its directory as well, with and without the
 * slash. `base` is the URL path of the site, with a slash at both ends.
 */
export function viewerPaths(base: string, path: string): readonly string[] {
  const full = keyToUrlPath(base.slice(1) + path);
  const index = /^(?:(.*)\/)?index\.html$/.exec(full);
  if (index === null) return [`/${full}`];
  const directory = index[1];
  return directory === undefined ? ['/', '/index.html'] : [`/${directory}`, `/${directory}/`, `/${full}`];
}

/** True when `pattern` (a path, or a prefix that ends with `*`) stands for `path` or, if that ends with `*` too, for all of it. */
export function covers(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}
