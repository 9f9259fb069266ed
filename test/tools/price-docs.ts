import {
  compareWithGuide,
  guideRanges,
  inRange,
  listedByGuide,
  range,
} from '../../actions/provision-env/src/guide-prices.ts';
import { money } from '../../actions/provision-env/src/money.ts';
import { priceTable } from '../../actions/provision-env/src/price-report.ts';
import { pricesAsOf } from '../../actions/provision-env/src/price-table.ts';
import { readTemplates } from '../../actions/provision-env/src/templates.ts';
import { code, details, escapeMarkdown, table } from '../../shared/core/markdown.ts';
import { pricedTiers, type PricedTier } from './tier-prices.ts';

const begin = '<!-- begin prices: made by npm run docs -->';
const end = '<!-- end prices -->';

/** A README with its tables of prices made anew; one without the markers stays as it is. */
export function withPrices(readme: string): string {
  const [before, rest] = readme.split(begin);
  const after = rest?.split(end)[1];
  return after === undefined ? readme : `${before ?? ''}${begin}\n${pricesSection()}\n${end}${after}`;
}

function pricesSection(): string {
  const tiers = pricedTiers(readTemplates());
  const rows = tiers.map(({ title, tier, price }) => [
    title.split(' with ').map(code).join(' with '),
    money(price.fixed),
    money(price.usage),
    `**${money(price.total)}**`,
    `${range(guideRanges[tier])}: ${inRange(price.total, guideRanges[tier])}`,
  ]);
  return [
    `List prices of us-east-1, looked up on ${pricesAsOf}, for 730 hours, without taxes, discounts and free tiers; with a domain.`,
    table(['Tier', 'Fixed', 'By usage', 'A month', 'The guide'], rows),
    ...tiers.map(parts),
  ].join('\n\n');
}

function parts({ title, tier, price }: PricedTier): string {
  const compared = compareWithGuide(tier, price);
  const rows = compared.map(({ name, guide, usd, why }) => [
    escapeMarkdown(name),
    guide,
    money(usd),
    escapeMarkdown(why),
  ]);
  const listed = listedByGuide(compared);
  const added =
    listed === undefined
      ? []
      : [["The guide's own lines, added up", range(listed.guide), money(listed.usd), 'without what it does not list']];
  const total = ['**All, and the guide for the tier**', `**${range(guideRanges[tier])}**`, `**${money(price.total)}**`];
  return details(
    `${title}: ${money(price.total)} a month, part by part and beside the guide's lines`,
    [
      priceTable(price.lines),
      table(["The guide's line", 'The guide', 'Ours', 'Why they differ'], [...rows, ...added, [...total, '']]),
    ].join('\n\n'),
  );
}
