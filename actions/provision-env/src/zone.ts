import type { HostedZone } from '../../../shared/aws/route53.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';

export interface SeenZone {
  readonly domain: string;
  readonly zoneId: string;
  /** Undefined when there is none; a text tells why it could not be looked at. */
  readonly zone: HostedZone | string | undefined;
  /** What the public DNS calls the zone's name servers; undefined when it is out of reach. */
  readonly publicServers: readonly string[] | undefined;
  /** The same of the names between the zone and the domain: one of them may be handed on to others. */
  readonly between: readonly { readonly name: string; readonly servers: readonly string[] | undefined }[];
}

/** `a.b.example.com` in the zone `example.com`: itself and `b.example.com`. */
export function namesBetween(domain: string, zone: string): readonly string[] {
  if (!domain.endsWith(`.${zone}`)) return [];
  const labels = domain.slice(0, -zone.length - 1).split('.');
  return labels.map((_, index) => [...labels.slice(index), zone].join('.'));
}

/**
 * Will ACM find the record that proves the domain? It asks the public DNS, and where that does not lead to the hosted zone, a stack waits
 * for its certificate until CloudFormation gives up, hours later. An error, or what could not be made out.
 */
export function judgeZone({
  domain,
  zoneId,
  zone,
  publicServers,
  between,
}: SeenZone): PreconditionError | string | undefined {
  const unchecked = `whether ${domain} will be validated is not known`;
  if (typeof zone === 'string') return `${unchecked}: the hosted zone ${zoneId} could not be looked at (${zone})`;
  if (zone === undefined) {
    return new PreconditionError('NoSuchZone', `there is no hosted zone ${zoneId} in this account`, {
      hint: 'Nothing was changed. hosted-zone-id is the id of the Route 53 zone that holds the domain: aws route53 list-hosted-zones',
    });
  }
  const { name, nameServers } = zone;
  if (domain !== name && !domain.endsWith(`.${name}`)) {
    return new PreconditionError('OtherZone', `the hosted zone ${zoneId} is ${name}, which does not hold ${domain}`, {
      hint: 'Nothing was changed. Give the hosted-zone-id of the zone that holds the domain.',
    });
  }
  if (nameServers.length === 0) {
    return new PreconditionError(
      'PrivateZone',
      `the hosted zone ${zoneId} (${name}) is private: nobody outside can see it`,
      {
        hint: 'Nothing was changed. Give the hosted-zone-id of the public zone of the same name.',
      },
    );
  }
  if (publicServers === undefined) return `${unchecked}: the public DNS is out of reach from here`;
  const ours = new Set(nameServers.map((server) => server.replace(/\.$/, '').toLowerCase()));
  const strangers = [{ name, servers: publicServers }, ...between].find(
    ({ name: one, servers = [] }) =>
      (one === name || servers.length > 0) && !servers.some((server) => ours.has(server)),
  );
  if (strangers === undefined) return undefined;
  const { name: whose, servers = [] } = strangers;
  const found = servers.length === 0 ? 'nobody' : servers.join(', ');
  return new PreconditionError(
    'ZoneNotDelegated',
    `the public DNS asks ${found} for ${whose}, not the hosted zone ${zoneId}: a certificate would wait for ever`,
    {
      hint: `Nothing was changed. ${whose === name ? `At the registrar of ${name} (or in the zone above it) set these name servers: ${[...ours].join(', ')}` : `${whose} is handed on to a zone of its own: give that one's hosted-zone-id, or remove its NS records`}. Then wait until "dig NS ${whose}" shows it.`,
    },
  );
}
