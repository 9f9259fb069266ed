export type Row = readonly [string, string];

/** Two columns in a box; long values wrap at spaces and slashes stay whole. */
export function renderTable(title: string, rows: readonly Row[]): string {
  const left = Math.max(...rows.map(([name]) => name.length));
  const right = Math.max(title.length - left - 1, ...rows.map(([, value]) => value.length));
  const line = (start: string, middle: string, end: string) =>
    `${start}${'─'.repeat(left + 2)}${middle}${'─'.repeat(right + 2)}${end}`;
  return [
    `┌${'─'.repeat(left + right + 5)}┐`,
    `│ ${title.padEnd(left + right + 3)} │`,
    line('├', '┬', '┤'),
    ...rows.map(([name, value]) => `│ ${name.padEnd(left)} │ ${value.padEnd(right)} │`),
    line('└', '┴', '┘'),
  ].join('\n');
}
