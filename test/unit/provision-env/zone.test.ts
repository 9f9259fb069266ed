import { describe, expect, test } from '@jest/globals';
import { judgeZone, type SeenZone } from '../../../actions/provision-env/src/zone.ts';
import { ActionError } from '../../../shared/core/errors.ts';

const servers = ['ns-1.awsdns-01.org', 'ns-2.awsdns-02.com', 'ns-3.awsdns-03.net', 'ns-4.awsdns-04.co.uk'];
const seen = (more: Partial<SeenZone> = {}): SeenZone => ({
  domain: 'example.com',
  zoneId: 'Z1',
  zone: { name: 'example.com', nameServers: servers },
  publicServers: servers,
  between: [],
  ...more,
});

describe('a certificate will be proved', () => {
  test.each<[string, Partial<SeenZone>]>([
    ['in the domain’s own zone', {}],
    ['in the zone above it', { domain: 'app.example.com' }],
    [
      'whatever the case of the names, and with dots',
      { publicServers: ['NS-2.AWSDNS-02.COM.'.toLowerCase().slice(0, -1)] },
    ],
    [
      'below a name that nobody made a zone for',
      { domain: 'a.b.example.com', between: [{ name: 'b.example.com', servers: [] }] },
    ],
    ['while the registrar still knows others beside them', { publicServers: ['ns.old.example', servers[3]!] }],
  ])('%s', (_where, more) => {
    expect(judgeZone(seen(more))).toBeUndefined();
  });
});

describe('it would wait for ever, so that nothing is begun:', () => {
  test.each<[string, Partial<SeenZone>, readonly [string, ...string[]]]>([
    ['no such zone', { zone: undefined }, ['NoSuchZone', 'Z1']],
    ['another zone', { domain: 'notexample.com' }, ['OtherZone', 'example.com', 'notexample.com']],
    ['a private zone', { zone: { name: 'example.com', nameServers: [] } }, ['PrivateZone', 'private']],
    [
      'the registrar asks others',
      { publicServers: ['dns1.registrar.example'] },
      ['ZoneNotDelegated', 'dns1.registrar.example', ...servers],
    ],
    [
      'a name in between is handed on to others',
      { domain: 'dev.example.com', between: [{ name: 'dev.example.com', servers: ['ns.other.example'] }] },
      ['ZoneNotDelegated', 'ns.other.example', 'dig NS dev.example.com'],
    ],
    ['nobody answers for the domain', { publicServers: [] }, ['ZoneNotDelegated', 'nobody', 'dig NS example.com']],
  ])('%s', (_why, more, [code, ...said]) => {
    const verdict = judgeZone(seen(more));
    expect(verdict).toBeInstanceOf(ActionError);
    const { code: found, message, hint = '' } = verdict as ActionError;
    expect(found).toBe(code);
    for (const text of said) expect(`${message} ${hint}`).toContain(text);
    expect(hint).toContain('Nothing was changed');
  });
});

describe('what cannot be made out is a warning, not red:', () => {
  test.each<[string, Partial<SeenZone>, string]>([
    ['the zone may not be looked at', { zone: 'Route53 GetHostedZone was denied' }, 'Route53 GetHostedZone was denied'],
    ['the public DNS is out of reach', { publicServers: undefined }, 'out of reach'],
  ])('%s', (_why, more, said) => {
    expect(judgeZone(seen(more))).toEqual(expect.stringContaining(said));
  });
});
