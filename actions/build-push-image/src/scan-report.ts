import { humanDuration } from '../../../shared/core/clock.ts';
import { code, details, escapeMarkdown, link, table } from '../../../shared/core/markdown.ts';
import {
  mostPackages,
  occurring,
  place,
  severities,
  unratedCount,
  type Findings,
  type PlacedFinding,
  type ScannedImage,
} from './findings.ts';
import { nameOf } from './scan.ts';

/** More would bury the rest of the summary. */
const mostRows = 25;

/** The row of the summary's first table: who scanned, and when. */
export function scanCell({ images, readAt }: Findings): string {
  return images
    .map((image) => escapeMarkdown(`${images.length === 1 ? '' : `${nameOf(image)}: `}${describeScan(image, readAt)}`))
    .join('<br>');
}

function describeScan({ scan: { engine, completedAt } }: ScannedImage, readAt: number): string {
  if (completedAt === undefined) return `${engine}, made at a time that ECR does not tell`;
  const hour = 60 * 60_000;
  const age = readAt - completedAt > hour ? `, ${humanDuration(readAt - completedAt)} old` : '';
  return `${engine}, made ${new Date(completedAt).toISOString().slice(0, 16).replace('T', ' ')} UTC${age}`;
}

/** Counts by severity, and the findings behind them. */
export function findingsParts(findings: Findings): readonly string[] {
  const { images, counts } = findings;
  const parts = [countsTable(findings)];
  const unrated = unratedCount(counts);
  if (unrated > 0) parts.push(`${unrated} without a severity yet: they fail no level of ${code('scan')}.`);
  const placed = place(images);
  if (placed.length > 0)
    parts.push(
      details(
        `Findings (${placed.length}${hasMore(images) ? ' that were read' : ''})`,
        findingsTable(placed, images.length > 1),
      ),
    );
  return parts;
}

const hasMore = (images: readonly ScannedImage[]): boolean => images.some(({ scan }) => scan.hasMore);

function countsTable({ images, counts }: Findings): string {
  const columns = occurring({ ...counts, ...usual });
  const cells = (of: Findings['counts']): readonly string[] => columns.map((severity) => String(of[severity] ?? 0));
  const header = columns.map((severity) => escapeMarkdown(severity.toLowerCase()));
  if (images.length === 1) return table(header, [cells(counts)]);
  return table(
    ['', ...header],
    [
      ...images.map((image) => [code(nameOf(image)), ...cells(image.scan.counts)]),
      ['**all, each once**', ...cells(counts)],
    ],
  );
}

/** Columns in any case; UNTRIAGED is of enhanced scanning alone. */
const usual = Object.fromEntries(
  severities.filter((severity) => severity !== 'UNTRIAGED').map((severity) => [severity, 1]),
);

function findingsTable(placed: readonly PlacedFinding[], several: boolean): string {
  const rows = placed.slice(0, mostRows).map((finding) => row(finding, several));
  const left = placed.length - rows.length;
  return [
    table(['Severity', 'Finding', 'Package', 'Installed', 'Fixed in', ...(several ? ['Platform'] : [])], rows),
    ...(left > 0 ? [`… and ${left} more; the ECR console has all.`] : []),
  ].join('\n\n');
}

function row(finding: PlacedFinding, several: boolean): readonly string[] {
  const { severity, id, hasFix, platforms } = finding;
  const packages = finding.packages.slice(0, mostPackages);
  const more = finding.packages.length - packages.length;
  // AWS may know of a fix, and not tell the version.
  const withoutVersion = hasFix && !packages.some(({ fixedIn }) => fixedIn !== undefined) ? 'there is a fix' : '–';
  return [
    escapeMarkdown(severity.toLowerCase()),
    link(id, finding.link),
    [...packages.map(({ name }) => code(name)), ...(more > 0 ? [`and ${more} more`] : [])].join('<br>'),
    packages.map(({ installed }) => code(installed)).join('<br>'),
    packages.map(({ fixedIn }) => (fixedIn === undefined ? withoutVersion : code(fixedIn))).join('<br>'),
    ...(several ? [platforms.map(code).join('<br>')] : []),
  ];
}
