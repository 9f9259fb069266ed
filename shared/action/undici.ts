/**
 * What the bundles hold in place of the package `undici` (tsconfig.json's `paths`, which the bundler heeds). The toolkit imports all of it,
 * 0.4 MB that take 40 ms of every run, for GitHub's API behind a proxy; Node's own `fetch` answers for the rest.
 */
export const fetch = globalThis.fetch;

export function ProxyAgent(): never {
  throw new Error(
    'GitHub’s API behind a proxy: set NODE_USE_ENV_PROXY=1, with which Node.js heeds https_proxy by itself',
  );
}
