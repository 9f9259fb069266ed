export type Hide = (text: string) => string;

/**
 * Hides what must not be quoted from logs, answers and AWS's own words: the values given, also as a URL or JSON holds them, and what
 * looks like a secret. The values of Secrets Manager are not known here, so their usual shapes have to do.
 */
export function hider(sensitive: readonly string[]): Hide {
  const hideValues = valueHider(sensitive);
  return (text) =>
    shapes.reduce((left, [pattern, replacement]) => left.replace(pattern, replacement), hideValues(text));
}

/** Hides the values given and nothing else. */
export function valueHider(sensitive: readonly string[]): Hide {
  // The longest first: one value may be part of another.
  const values = [...new Set(sensitive.flatMap(formsOf))].toSorted((a, b) => b.length - a.length);
  return (text) => values.reduce(withoutValue, text);
}

const hidden = '***';

function formsOf(value: string): readonly string[] {
  return value === '' ? [] : [value, encodeURIComponent(value.toWellFormed()), JSON.stringify(value).slice(1, -1)];
}

/** A short value only where it stands by itself: as a part of words it would make all text unreadable. */
function withoutValue(text: string, value: string): string {
  if (value.length >= 6) return text.replaceAll(value, hidden);
  const literal = value.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
  return text.replace(new RegExp(String.raw`(?<![\p{L}\p{N}])${literal}(?![\p{L}\p{N}])`, 'gu'), hidden);
}

/** Log events without their secrets, hidden before anything is split or cut: what is logged line by line is one text. */
export function hideEvents(hide: Hide, events: readonly string[]): readonly string[] {
  if (events.length === 0) return [];
  return hide(events.map((event) => event.slice(0, longestEvent)).join(between)).split(between);
}

/** White space to the shapes, and in no log. */
const between = '\n\u2028';

/** Characters of an event that are looked at. Patterns take longer the longer a text is. */
const longestEvent = 20_000;

/** In this order: a header's whole value before the token in it. */
const shapes: readonly (readonly [RegExp, string])[] = [
  // Without its end no more than what belongs to the key: the lines after it may tell the failure.
  [
    /-----BEGIN [A-Z0-9 ]+-----(?:[\s\S]{0,8000}?-----END [A-Z0-9 ]+-----|(?:\s|\\n)*[\w+/=]*(?:(?:\s|\\n)+[A-Za-z0-9+/=]{16,})*)/g,
    hidden,
  ],
  // user:password@ of a URL; the password may itself hold an @, never white space or a quote.
  [/(:\/\/[^/\s:@"']*:)[^\s/"']*@/g, `$1${hidden}@`],
  [/\b(Basic|Bearer|Digest|Token)([ +]|%20)+[\w.~+/=-]{8,}/gi, `$1 ${hidden}`],
  [/\b(authorization\\?["']?\s*[:=]\s*\\?["']?[A-Za-z][\w-]*[ +])(?!\*\*\*)[^\s"'\\][^\r\n"'\\]*/gi, `$1${hidden}`],
  [/\b(authorization\s*[:=]\s*)(?=[^\s"']{0,200}\d)[^\s"']{8,}/gi, `$1${hidden}`],
  // JSON Web Tokens, also cut off.
  [/\beyJ[\w-]{10,}(?:\.[\w-]*){0,2}/g, hidden],
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g, hidden],
  [/\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|sk_live_\w{10,}|sk-[\w-]{20,})/g, hidden],
  [/\b(?:glpat-[\w-]{16,}|npm_\w{20,}|AIza[\w-]{30,}|SG\.[\w-]{16,}(?:\.[\w-]+)?)/g, hidden],
  [/(\bhooks\.slack\.com\/|\bdiscord(?:app)?\.com\/api\/webhooks\/)[^\s"'<>|]+/g, `$1${hidden}`],
  [/([?&](?:X-Amz-(?:Signature|Security-Token|Credential)|sig|signature)=)[^&\s"']+/gi, `$1${hidden}`],
  // An option of a command line, also as a list in JSON: --password x, "--password","x".
  [
    /(--[\w-]{0,40}(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|api-?key|access-?key|private-?key|credentials?)(?:\\?["'],?)?[ \t,]+)(["'])((?:\\.|(?!\2).)+)\2/gi,
    `$1$2${hidden}$2`,
  ],
  [
    /(--[\w-]{0,40}(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|api-?key|access-?key|private-?key|credentials?)[ \t\u2028]+)(?![-*"'])[^\s"',]+/gi,
    `$1${hidden}`,
  ],
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
    /((?:passw(?:or)?d|passwd|pwd|passphrase|[_-]secret|secret[_-]?key|token|api[_-]?key|access[_-]?key|private[_-]?key):(?<!\barn:aws[^\s"']{0,400})[ \t]*)(?!\*\*\*)(?!\/\/)(?!:)[^\s"',;&)}\]]+/gi,
    `$1${hidden}`,
  ],
  [/\b((?:set-)?cookie: )[^\r\n]+/gi, `$1${hidden}`],
];
