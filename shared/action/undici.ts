/**
 * What the bundles hold in place of the package `undici` (tsconfig.json's `paths`, which the bundler heeds). The toolkit imports all of it,
 * 0.4 MB that take 40 ms of every run, for GitHub's API behind a proxy; Node's own `fetch` answers for the rest.
 */
export function fetch(url: string, options: RequestInit = {}): Promise<Response> {
  const own = { ...options };
  delete own.dispatcher;
  return globalThis.fetch(url, own);
}

/** Made where a proxy is set, and handed to `fetch`, which does without: Node heeds the proxy itself once it is told to. */
export function ProxyAgent(): void {
  if (process.env['NODE_USE_ENV_PROXY'] === '1') return;
  throw new Error(
    'GitHub’s API behind a proxy: set NODE_USE_ENV_PROXY=1, with which Node.js heeds https_proxy by itself',
  );
}
