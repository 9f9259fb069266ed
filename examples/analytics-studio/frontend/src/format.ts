const dollars = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD', maximumFractionDigits: 0 });
const exactDollars = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });
const percent = new Intl.NumberFormat('en-US', { style: 'percent', maximumFractionDigits: 1 });
const dateAndTime = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeStyle: 'short' });
const monthName = new Intl.DateTimeFormat('en-US', { month: 'short', timeZone: 'UTC' });

export const formatDollars = (value: number): string => dollars.format(value);
export const formatExactDollars = (value: number): string => exactDollars.format(value);
export const formatCompact = (value: number): string => compact.format(value);
export const formatNumber = (value: number): string => plain.format(value);
export const formatPercent = (value: number): string => percent.format(value);
export const formatDateAndTime = (iso: string): string => dateAndTime.format(new Date(iso));

/** `2025-03` → `Mar`; anything else stays as it is. */
export const formatLabel = (label: string): string =>
  /^\d{4}-\d{2}$/.test(label) ? monthName.format(new Date(`${label}-01T00:00:00Z`)) : label;

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000
    ? `${formatNumber(Math.round(bytes / 1000))} kB`
    : `${formatNumber(Math.round(bytes / 1e5) / 10)} MB`;
}

/** `sum_revenue` → `Sum revenue` */
export function formatName(name: string): string {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
