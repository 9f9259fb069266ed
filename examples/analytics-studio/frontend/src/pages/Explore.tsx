import { useCallback, useState, type ReactNode } from 'react';
import { getCatalogue, runQuery, type CatalogueEntry, type MeasureFunction, type QueryResult } from '../api';
import { BarChart } from '../components/BarChart';
import { Segments } from '../components/Segments';
import { Empty, Failure, Loading, SourceBadge } from '../components/States';
import { formatCompact, formatName, formatNumber } from '../format';
import { useResource } from '../resource';

const FUNCTIONS: readonly MeasureFunction[] = ['sum', 'avg', 'min', 'max', 'count'];
const LIMIT = 400;

export default function Explore() {
  const { data, error, reload } = useResource(useCallback((signal) => getCatalogue(signal), []));
  return (
    <>
      <div className="page-head">
        <div>
          <h1>Explore</h1>
          <p className="lead">Put a question together; the database answers it, the cache remembers it</p>
        </div>
      </div>
      {error && <Failure title="The catalogue could not be loaded" message={error} onRetry={reload} />}
      {!error && !data && <Loading what="catalogue" />}
      {data && <Question catalogue={data} />}
    </>
  );
}

interface Choice {
  readonly entry: CatalogueEntry;
  readonly dimension: string;
  readonly measure: string;
  readonly aggregate: MeasureFunction;
}

function Question({ catalogue }: { readonly catalogue: readonly CatalogueEntry[] }) {
  const [choice, setChoice] = useState(() => firstChoice(catalogue[0]));
  if (!choice) return <Empty title="Nothing to explore">The API offers no datasets.</Empty>;

  const { entry, dimension, measure, aggregate } = choice;
  return (
    <>
      <section className="card question">
        <Field label="Dataset">
          <Segments
            label="Dataset"
            options={catalogue.map(({ name }) => name)}
            value={entry.name}
            format={(name) => catalogue.find((other) => other.name === name)?.title ?? name}
            onChange={(name) => setChoice(firstChoice(catalogue.find((other) => other.name === name)))}
          />
        </Field>
        <Field label="Measure">
          <Segments
            label="Measure"
            options={entry.measures}
            value={measure}
            format={formatName}
            onChange={(name) => setChoice({ ...choice, measure: name })}
          />
        </Field>
        <Field label="As">
          <Segments
            label="Function"
            options={FUNCTIONS}
            value={aggregate}
            format={formatName}
            onChange={(name) => setChoice({ ...choice, aggregate: name })}
          />
        </Field>
        <Field label="By">
          <Segments
            label="Dimension"
            options={entry.dimensions}
            value={dimension}
            format={formatName}
            onChange={(name) => setChoice({ ...choice, dimension: name })}
          />
        </Field>
      </section>
      <Result dataset={entry.name} dimension={dimension} measure={measure} aggregate={aggregate} />
    </>
  );
}

function Field({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <div className="field">
      <span className="field-label">{label}</span>
      {children}
    </div>
  );
}

interface ResultProps {
  readonly dataset: string;
  readonly dimension: string;
  readonly measure: string;
  readonly aggregate: MeasureFunction;
}

function Result({ dataset, dimension, measure, aggregate }: ResultProps) {
  const load = useCallback(
    (signal: AbortSignal) =>
      runQuery(
        { dataset, dimensions: [dimension], measures: [{ function: aggregate, column: measure }], limit: LIMIT },
        signal,
      ),
    [dataset, dimension, measure, aggregate],
  );
  const { data, error, loading, reload } = useResource(load);

  if (error) return <Failure title="The query failed" message={error} onRetry={reload} />;
  if (!data) return <Loading what="answer" />;
  return (
    <section className={loading ? 'card stale' : 'card'}>
      <div className="card-head">
        <h2>
          {aggregate} of {formatName(measure).toLowerCase()} by {formatName(dimension).toLowerCase()}
        </h2>
        <div className="card-tools">
          <SourceBadge source={data.source} />
        </div>
      </div>
      <Answer result={data} />
    </section>
  );
}

function Answer({ result }: { readonly result: QueryResult }) {
  if (result.rows.length === 0) return <Empty title="No rows">Nothing matches this question.</Empty>;
  const bars = result.rows.map(([label, value]) => ({ label: String(label), value: Number(value) }));
  return (
    <>
      <BarChart title={result.columns.join(', ')} bars={bars} format={formatNumber} formatAxis={formatCompact} />
      <div className="scroll scroll-tall">
        <table>
          <thead>
            <tr>
              {result.columns.map((column, index) => (
                <th key={column} scope="col" className={index > 0 ? 'number' : undefined}>
                  {formatName(column)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {bars.map(({ label, value }) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td className="number">{formatNumber(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {result.truncated && <p className="lead">Only the first {formatNumber(result.rows.length)} rows are shown.</p>}
    </>
  );
}

function firstChoice(entry: CatalogueEntry | undefined): Choice | undefined {
  const [dimension] = entry?.dimensions ?? [];
  const [measure] = entry?.measures ?? [];
  if (!entry || dimension === undefined || measure === undefined) return undefined;
  return { entry, dimension, measure, aggregate: 'sum' };
}
