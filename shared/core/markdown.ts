/** Text from outside, made harmless for a Markdown table cell or line: no HTML, no links, no breaks. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\r\n]+/g, ' ')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/([\\`*_~[\]|#!@])/g, '\\$1');
}

/** Inline code that cannot be broken out of, also inside a table. */
export function code(text: string): string {
  const flat = text.replace(/[\r\n]+/g, ' ');
  if (flat.includes('|')) return `<code>${entities(flat)}</code>`;
  const longest = Math.max(0, ...[...flat.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  const pad = /^`|`$|^ .* $|^$/.test(flat) ? ' ' : '';
  return `${fence}${pad}${flat}${pad}${fence}`;
}

/**
 * A table ends its cells at `|` before it looks for inline code, and `\|` does not help behind another backslash. What is written as an
 * entity is neither a cell's end nor Markdown.
 */
function entities(text: string): string {
  return text.replace(/[^\p{L}\p{N} /,;=+-]/gu, (character) => `&#${character.codePointAt(0) ?? 0};`);
}

/** A link, where the address is one of https; else the text alone. Neither can break out of a table. */
export function link(text: string, address: string | undefined): string {
  const url = URL.parse(address ?? '');
  if (url?.protocol !== 'https:') return code(text);
  const target = url.href.replace(
    /[^\w\-.~:/?#&=%+,;@$]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`,
  );
  return `[${escapeMarkdown(text)}](${target})`;
}

/** A fenced block that its own content cannot close. */
export function codeBlock(text: string, language = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text.replace(/\n$/, '')}\n${fence}`;
}

/** A table of ready-made Markdown cells; escape what comes from outside with `escapeMarkdown` or `code` first. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A section that is folded until it is clicked. */
export function details(title: string, body: string): string {
  return `<details><summary>${escapeMarkdown(title)}</summary>\n\n${body}\n\n</details>`;
}

/** As many whole lines as fit, with the code blocks and sections closed that the cut leaves open. */
export function cutMarkdown(text: string, most: number): string {
  if (text.length <= most) return text;
  let kept = '';
  let closed = '';
  let fence = '';
  let sections = 0;
  for (const line of text.split('\n')) {
    if (fence !== '') fence = line === fence ? '' : fence;
    else if (line.startsWith('<details>')) sections += 1;
    else if (line.startsWith('</details>')) sections -= 1;
    else fence = /^`{3,}/.exec(line)?.[0] ?? '';
    const longer = `${kept}${line}\n`;
    const closing = `${fence === '' ? '' : `${fence}\n`}${'\n</details>\n'.repeat(Math.max(0, sections))}`;
    if (longer.length + closing.length > most) break;
    kept = longer;
    closed = `${longer}${closing}`;
  }
  return closed;
}
