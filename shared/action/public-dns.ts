import { Resolver } from 'node:dns/promises';

/** What the public DNS says. */
export interface PublicDns {
  /** Name servers of a domain, without the dot at their ends; none when nobody answers for it. Undefined when DNS is out of reach. */
  nameServers(domain: string): Promise<readonly string[] | undefined>;
}

/** Asks the machine's own resolver; it has ten seconds. */
export const publicDns: PublicDns = {
  async nameServers(domain) {
    try {
      const found = await new Resolver({ timeout: 5_000, tries: 2 }).resolveNs(domain);
      return found.map((name) => name.replace(/\.$/, '').toLowerCase());
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      return code === 'ENOTFOUND' || code === 'ENODATA' ? [] : undefined;
    }
  },
};
