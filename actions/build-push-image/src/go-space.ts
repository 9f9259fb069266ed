/** What `unicode.IsSpace` of Go takes for white space: U+0085 is, and a byte order mark is not. */
export const goSpace = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Go's `strings.TrimSpace`. */
export function goTrim(text: string): string {
  let to = text.length;
  while (to > 0 && goSpace.test(text.charAt(to - 1))) to -= 1;
  return goTrimStart(text.slice(0, to));
}

export function goTrimStart(text: string): string {
  let from = 0;
  while (from < text.length && goSpace.test(text.charAt(from))) from += 1;
  return text.slice(from);
}
