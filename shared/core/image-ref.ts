/** A container image's name, as Docker reads it: `[registry/]repository[:tag][@digest]`. */
export interface ImageRef {
  readonly registry: string | undefined;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;

export function isImageTag(text: string): boolean {
  return tagPattern.test(text);
}

function isImageDigest(text: string): boolean {
  return digestPattern.test(text);
}

/** Undefined when `text` is no image reference. */
export function parseImageRef(text: string): ImageRef | undefined {
  const [name = '', digest, ...rest] = text.split('@');
  if (rest.length > 0 || (digest !== undefined && !isImageDigest(digest))) return undefined;
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasRegistry = first.includes('.') || first.includes(':') || first === 'localhost';
  const registry = hasRegistry ? first : undefined;
  const path = hasRegistry ? name.slice(slash + 1) : name;
  const colon = path.indexOf(':');
  const repository = colon < 0 ? path : path.slice(0, colon);
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  if (!repositoryPattern.test(repository) || (tag !== undefined && !isImageTag(tag))) return undefined;
  if (registry !== undefined && !/^[A-Za-z0-9.-]+(?::\d{1,5})?$/.test(registry)) return undefined;
  return { registry, repository, tag, digest };
}

/** A private repository's host in Amazon ECR, and whose it is. Undefined for any other registry. */
export function parseEcrHost(host: string): { readonly account: string; readonly region: string } | undefined {
  const match = /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)$/.exec(host);
  return match === null ? undefined : { account: match[1] ?? '', region: match[2] ?? '' };
}

/** The host of an account's own registry; undefined in partitions whose domain is not the public one's or China's. */
export function ecrHost(account: string, region: string): string | undefined {
  if (!/^\d{12}$/.test(account) || /^(?:[a-z]+-iso|eusc-)/.test(region)) return undefined;
  return `${account}.dkr.ecr.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
