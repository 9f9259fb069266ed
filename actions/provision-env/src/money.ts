/** Dollars to the cent, or as exactly as a price by the GB or hour is given: `$1,234.50`, `$0.004445`. */
export function money(usd: number): string {
  return `${usd < 0 ? '−' : ''}$${amount(Math.abs(usd), 2)}`;
}

/** A quantity, with no more digits than it has: `1,460`, `0.5`. */
export function amount(number: number, fewestDigits = 0): string {
  const [whole = '0', decimals = ''] = String(Number(number.toFixed(6))).split('.');
  const grouped = whole.replace(/\B(?=(?:\d{3})+$)/g, ',');
  const padded = decimals.padEnd(fewestDigits, '0');
  return padded === '' ? grouped : `${grouped}.${padded}`;
}
