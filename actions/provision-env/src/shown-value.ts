import { hider } from '../../../shared/core/masking.ts';
import { clip } from './diagnose.ts';

const hidden = '***';
const longest = 160;

/** Names of what is, or may be, a secret; of a condition key in a policy (`token.actions…:sub`) it is no secret. */
const secretName =
  /passw|passphrase|secret|token|credential|private.?key|api.?key|access.?key|connection.?string|custom.?headers?$|header.?value|http.?header|userdata|^environment$/i;
const plainName = /:|(?:arn|id|name|type|length|path)s?$/i;
const hide = hider([]);

/** A property's value for a reader: without secrets, and short. Environment variables and headers may hold one under any name. */
export function shownValue(path: string, value: string): string {
  return clip(wholeValue(path, value), longest);
}

/** The same at full length. */
export function wholeValue(path: string, value: string): string {
  if (path.split('/').some(isSecret)) return hidden;
  return hide(withoutSecrets(value)).replace(/\s+/g, ' ');
}

function isSecret(name: string): boolean {
  return secretName.test(name) && !plainName.test(name);
}

function withoutSecrets(value: string): string {
  if (!/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.stringify(JSON.parse(value, (key, inner: unknown) => (isSecret(key) ? hidden : withoutPair(inner))));
  } catch {
    // Cut off: where a secret begins and ends cannot be told.
    return secretName.test(value) ? hidden : value;
  }
}

/** `{ "Name": "API_KEY", "Value": "…" }`, as lists of pairs have it. */
function withoutPair(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  const named = entries.some(
    ([key, text]) => /^(?:key|name|headername)$/i.test(key) && typeof text === 'string' && isSecret(text),
  );
  if (!named) return value;
  return Object.fromEntries(entries.map(([key, text]) => [key, /^values?$/i.test(key) ? hidden : text]));
}
