import { useCallback, useState } from 'react';
import { getSummary, type Breakdown, type Summary, type SummaryRow } from '../api';
import { BarChart } from '../components/BarChart';
import { Segments } from '../components/Segments';
import { Empty, Failure, Loading, SourceBadge } from '../components/States';
import {
  formatCompact,
  formatDollars,
  formatExactDollars,
  formatLabel,
  formatName,
  formatNumber,
  formatPercent,
} from '../format';
import { useResource } from '../resource';

const BREAKDOWNS: readonly Breakdown[] = ['month', 'region', 'category', 'channel'];

export default function Dashboard() {
  const [by, setBy] = useState<Breakdown>('month');
  const { data, error, loading, reload } = useResource(useCallback((signal) => getSummary(by, signal), [by]));

  return (
    <>
      <div className="page-head">
        <div>
          <h1>Sales overview</h1>
          <p className="lead">Revenue, orders and units of 2025</p>
        </div>
        <Segments label="Break down by" options={BREAKDOWNS} value={by} format={formatName} onChange={setBy} />
      </div>
      {error && <Failure title="The summary could not be loaded" message={error} onRetry={reload} />}
      {!error && !data && <Loading what="summary" />}
      {data && <Report summary={data} stale={loading} onRefresh={reload} />}
    </>
  );
}

interface ReportProps {
  readonly summary: Summary;
  readonly stale: boolean;
  readonly onRefresh: () => void;
}

function Report({ summary, stale, onRefresh }: ReportProps) {
  const { rows, by, source } = summary;
  if (rows.length === 0) {
    return <Empty title="No sales yet">Run the migration to bring in the sample data.</Empty>;
  }
  const revenue = total(rows, 'revenue');
  const orders = total(rows, 'orders');
  const best = rows.reduce((winner, row) => (row.revenue > winner.revenue ? row : winner));

  return (
    <div className={stale ? 'stale' : undefined}>
      <dl className="tiles">
        <Tile name="Revenue" value={formatDollars(revenue)} note={`${formatNumber(total(rows, 'units'))} units sold`} />
        <Tile name="Orders" value={formatNumber(orders)} note={`${formatNumber(Math.round(orders / 12))} a month`} />
        <Tile name="Average order" value={formatExactDollars(revenue / orders)} note="revenue per order" />
        <Tile
          name={`Best ${by}`}
          value={formatLabel(best.label)}
          note={`${formatPercent(best.revenue / revenue)} of revenue`}
        />
      </dl>
      <section className="card">
        <div className="card-head">
          <h2>Revenue by {by}</h2>
          <div className="card-tools">
            <SourceBadge source={source} />
            <button type="button" className="quiet" onClick={onRefresh}>
              Refresh
            </button>
          </div>
        </div>
        <BarChart
          title={`Revenue by ${by}`}
          bars={rows.map((row) => ({ label: formatLabel(row.label), value: row.revenue }))}
          format={formatDollars}
          formatAxis={(value) => `$${formatCompact(value)}`}
        />
      </section>
      <section className="card">
        <div className="card-head">
          <h2>Figures</h2>
        </div>
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">{formatName(by)}</th>
                <th scope="col" className="number">
                  Orders
                </th>
                <th scope="col" className="number">
                  Units
                </th>
                <th scope="col" className="number">
                  Revenue
                </th>
                <th scope="col" className="number">
                  Share
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.label}>
                  <th scope="row">{row.label}</th>
                  <td className="number">{formatNumber(row.orders)}</td>
                  <td className="number">{formatNumber(row.units)}</td>
                  <td className="number">{formatExactDollars(row.revenue)}</td>
                  <td className="number">
                    <span className="share-track" aria-hidden="true">
                      <span className="share-bar" style={{ width: formatPercent(row.revenue / best.revenue) }} />
                    </span>
                    <span className="share-figure">{formatPercent(row.revenue / revenue)}</span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </div>
  );
}

function Tile({ name, value, note }: { readonly name: string; readonly value: string; readonly note: string }) {
  return (
    <div className="tile">
      <dt>{name}</dt>
      <dd className="tile-value">{value}</dd>
      <dd className="tile-note">{note}</dd>
    </div>
  );
}

const total = (rows: readonly SummaryRow[], field: 'revenue' | 'orders' | 'units'): number =>
  rows.reduce((sum, row) => sum + row[field], 0);
