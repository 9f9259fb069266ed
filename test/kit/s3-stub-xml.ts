/** An answer in S3's error shape. */
export class S3Error extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export const xmlStart = '<?xml version="1.0" encoding="UTF-8"?>\n';

export function errorXml({ code, message }: S3Error, { resource, id }: { resource: string; id: string }): string {
  return (
    `${xmlStart}<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message><Resource>${escapeXml(resource)}</Resource>` +
    `<RequestId>${id}</RequestId><HostId>${id}/slipway-stub</HostId></Error>`
  );
}

/** Also what XML 1.0 cannot hold, as S3 does: a reference to the character. */
export function escapeXml(text: string): string {
  if (!/[&<>"'\p{Cc}]/u.test(text)) return text;
  return text.replace(/[&<>"'\p{Cc}]/gu, (char) => named[char] ?? `&#x${char.charCodeAt(0).toString(16)};`);
}

const named: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
const characters = new Map(Object.entries(named).map(([char, name]) => [name, char]));

export function unescapeXml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([\da-f]+)|#(\d+)|\w+);/gi, (entity, hex?: string, decimal?: string) => {
    if (hex !== undefined) return String.fromCodePoint(parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return characters.get(entity) ?? entity;
  });
}
