import { isAwsError } from '../core/errors.ts';
import type { GlobalCaller } from './global-call.ts';
import { elementOf } from './s3-requests.ts';

export interface HostedZone {
  /** Without the dot at its end. */
  readonly name: string;
  /** The servers that Route 53 gave the zone; none for a private one. */
  readonly nameServers: readonly string[];
}

export interface HostedZones {
  /** Undefined when there is no such zone. */
  zone(id: string): Promise<HostedZone | undefined>;
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetHostedZone.html */
export function hostedZones(call: GlobalCaller): HostedZones {
  return {
    async zone(id) {
      try {
        const path = `/2013-04-01/hostedzone/${id}`;
        const text = await call({ service: 'Route53', operation: 'GetHostedZone', method: 'GET', path });
        const zone = text.slice(text.indexOf('<HostedZone>'));
        const nameServers = [...text.matchAll(/<NameServer>([^<]+)<\/NameServer>/g)].map(([, name = '']) => name);
        return { name: (elementOf(zone, 'Name') ?? '').replace(/\.$/, ''), nameServers };
      } catch (error) {
        if (isAwsError(error, 'NoSuchHostedZone')) return undefined;
        throw error;
      }
    },
  };
}
