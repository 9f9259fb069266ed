import { PreconditionError } from '../../../shared/core/errors.ts';
import { code, details, escapeMarkdown, table } from '../../../shared/core/markdown.ts';
import { guideRanges, inRange, range } from './guide-prices.ts';
import { amount, money } from './money.ts';
import { cents, judgeLimit, priceDifference, type Price, type PriceChange, type PriceLine } from './price.ts';
import { services } from './price-rules.ts';
import { priceRegion, pricesAsOf } from './price-table.ts';
import type { Tier } from './stacks.ts';

export interface PriceReport {
  readonly price: Price;
  /** What runs now; `unknown` to a run that may not ask. */
  readonly running: Price | 'nothing' | 'unknown';
  readonly tier: Tier;
  readonly region: string;
  /** Dollars a month; undefined without one. */
  readonly limit: number | undefined;
}

/** For the summary and the comment: one line, what changes, and every part, folded. */
export function priceSection(report: PriceReport): string {
  const { price, running, region } = report;
  const changes = typeof running === 'string' ? [] : priceDifference(running, price);
  return [
    `💰 **${headline(price)}** · ${facts(report).map(escapeMarkdown).join(' · ')}`,
    ...(price.unknown.length === 0 ? [] : [`⚠️ Not known, and not in the sum: ${price.unknown.map(code).join(', ')}`]),
    ...limitLine(report),
    ...(changes.length === 0 ? [] : [details(`What changes in the price (${changes.length})`, changeTable(changes))]),
    details(`Parts of the price (${price.lines.length})`, `${priceTable(price.lines)}\n\n${basis(region)}`),
  ].join('\n\n');
}

/** For the log: the same in short, by service. */
export function priceLines(report: PriceReport): readonly string[] {
  const { price, region } = report;
  const bySum = services.flatMap((service) => {
    const lines = price.lines.filter((line) => line.service === service);
    const sum = cents(lines.reduce((total, { usd }) => total + usd, 0));
    return sum === 0 ? [] : [`  ${service} ${money(sum)}`];
  });
  return [
    `price  ${headline(price)} (${facts(report).join('; ')})`,
    ...bySum,
    ...price.unknown.map((what) => `  not known, and not in the sum: ${what}`),
    `  ${basis(region)}`,
  ];
}

function headline({ total, unknown }: Price): string {
  return `${unknown.length === 0 ? '' : 'at least '}${money(total)} a month`;
}

function facts({ price, running, tier }: PriceReport): readonly string[] {
  return [
    `${money(price.fixed)} fixed + ${money(price.usage)} by usage`,
    typeof running === 'string' ? notRunning[running] : compared(price, running),
    guided(price, tier),
  ];
}

const notRunning = { nothing: 'nothing runs yet', unknown: 'what runs is not known here' } as const;

function compared(price: Price, running: Price): string {
  const difference = cents(price.total - running.total);
  const from = `${running.unknown.length === 0 ? '' : 'at least '}${money(running.total)}`;
  if (difference === 0) return `as much as what runs`;
  return `${difference > 0 ? '+' : ''}${money(difference)} to what runs (${from})`;
}

function guided({ total, unknown }: Price, tier: Tier): string {
  const guide = guideRanges[tier];
  const place = inRange(total, guide);
  // What is not known can only add to it.
  const sure = unknown.length > 0 && place !== 'above' ? 'so far ' : '';
  return `${sure}${place} the guide’s ${range(guide)} for ${tier}`;
}

function limitLine({ price, limit }: PriceReport): readonly string[] {
  if (limit === undefined) return [];
  const verdicts = {
    within: `✅ Within the limit of ${money(limit)}`,
    over: `⛔ **Over the limit of ${money(limit)}** by ${money(cents(price.total - limit))}`,
    unknown: `⚠️ Whether the limit of ${money(limit)} is kept is not known`,
  };
  return [verdicts[judgeLimit(price, limit)]];
}

/** A limit that is not known to be kept is not kept. */
export function refuseExpensive({ price, limit }: PriceReport): void {
  if (limit === undefined) return;
  const verdict = judgeLimit(price, limit);
  if (verdict === 'within') return;
  const why =
    verdict === 'over'
      ? `${headline(price)} is more than max-monthly-usd: ${limit}`
      : `whether max-monthly-usd: ${limit} is kept is not known: ${headline(price)}, without ${price.unknown.join(', ')}`;
  throw new PreconditionError('PriceLimit', why, {
    hint: 'Nothing was changed. The plan (mode: plan) shows every part of the price; make the environment smaller, or raise the limit.',
  });
}

function basis(region: string): string {
  const elsewhere = region === priceRegion ? '' : ` Prices of ${priceRegion} are taken; those of ${region} differ.`;
  return `List prices of ${priceRegion}, looked up on ${pricesAsOf}, for 730 hours, without taxes, discounts and free tiers.${elsewhere}`;
}

/** Every part, as the README shows it too. */
export function priceTable(lines: readonly PriceLine[]): string {
  const rows = lines.map(({ service, what, quantity, unit, unitUsd, usd, kind, assumption }) => [
    service,
    escapeMarkdown(what),
    `${counted(quantity, unit)} × ${money(unitUsd)}`,
    money(usd),
    kind === 'fixed' ? 'fixed' : escapeMarkdown(`by usage: ${assumption}`),
  ]);
  return table(['Service', 'What', 'Quantity', 'A month', ''], rows);
}

/** `1 zone`, `2 rules`. */
function counted(quantity: number, unit: string): string {
  return `${amount(Number(quantity.toFixed(2)))} ${quantity === 1 ? unit.replace(/s$/, '') : unit}`;
}

function changeTable(changes: readonly PriceChange[]): string {
  const rows = changes.map(({ service, what, before, after, usd }) => [
    service,
    escapeMarkdown(what),
    money(before),
    money(after),
    `${usd > 0 ? '+' : ''}${money(usd)}`,
  ]);
  return table(['Service', 'What', 'Now', 'Then', 'Difference'], rows);
}
