/**
 * Hides what must not be quoted from logs, answers and AWS's own words: the values given, and what looks like a secret. The values of
 * Secrets Manager are not known here, so their usual shapes have to do.
 */
export function hider(sensitive: readonly string[]): (text: string) => string {
  // The longest first: one value may be part of another.
  const values = sensitive.filter((value) => value !== '').toSorted((a, b) => b.length - a.length);
  return (text) => {
    const known = values.reduce((left, value) => left.replaceAll(value, hidden), text);
    return shapes.reduce((left, [pattern, replacement]) => left.replace(pattern, replacement), known);
  };
}

const hidden = '***';

/** In this order: a header's whole value before the token in it. */
const shapes: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g, hidden],
  // user:password@ of a URL; the password may itself hold an @, never white space or a quote.
  [/(:\/\/[^/\s:@"']*:)[^\s/"']*@/g, `$1${hidden}@`],
  [/\b(Basic|Bearer|Digest|Token)([ +]|%20)+[\w.~+/=-]{8,}/gi, `$1 ${hidden}`],
  // JSON Web Tokens, also cut off.
  [/\beyJ[\w-]{10,}(?:\.[\w-]*){0,2}/g, hidden],
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g, hidden],
  [/\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|sk_live_\w{10,}|sk-[\w-]{20,})/g, hidden],
  [/([?&](?:X-Amz-(?:Signature|Security-Token|Credential)|sig|signature)=)[^&\s"']+/gi, `$1${hidden}`],
  // name=value, name: value, "name": "value", also with the quotes escaped as in a JSON log.
  [
    /([\w.-]{0,40}(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|cookie)[\w.-]{0,40}\\?["']?\s*(?:=|:(?!\/\/))\s*)(\\?["'])((?:(?!\2).)+)\2/gi,
    `$1$2${hidden}$2`,
  ],
  [
    /([\w.-]{0,40}(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)[\w.-]{0,40}=)(?!\*\*\*)[^\s"',;&)}\]]+/gi,
    `$1${hidden}`,
  ],
  // After a colon only what is surely a name: "unable to retrieve secret: AccessDeniedException" and "…:secret:<name>" tell no secret.
  [
    /((?:passw(?:or)?d|passwd|pwd|passphrase|[_-]secret|secret[_-]?key|token|api[_-]?key|access[_-]?key|private[_-]?key):[ \t]*)(?!\*\*\*)(?!\/\/)[^\s"',;&)}\]]+/gi,
    `$1${hidden}`,
  ],
  [/\b((?:set-)?cookie: )[^\r\n]+/gi, `$1${hidden}`],
];
