import { useCallback, useRef, useState, type DragEvent } from 'react';
import { downloadUrl, getDatasets, uploadDataset, type Dataset } from '../api';
import { Empty, Failure, Loading } from '../components/States';
import { formatBytes, formatDateAndTime, formatNumber, formatPercent } from '../format';
import { useResource } from '../resource';

const MAX_BYTES = 100 * 1024 * 1024;

export default function Datasets() {
  const { data, error, reload } = useResource(useCallback((signal) => getDatasets(signal), []));
  return (
    <>
      <div className="page-head">
        <div>
          <h1>Datasets</h1>
          <p className="lead">CSV files of your own, up to 100 MB each</p>
        </div>
      </div>
      <Upload onUploaded={reload} />
      <section className="card">
        <div className="card-head">
          <h2>Uploaded</h2>
        </div>
        {error && <Failure title="The datasets could not be loaded" message={error} onRetry={reload} />}
        {!error && !data && <Loading what="datasets" />}
        {data?.length === 0 && <Empty title="No datasets yet">Upload a CSV file to see it here.</Empty>}
        {data && data.length > 0 && <DatasetTable datasets={data} />}
      </section>
    </>
  );
}

type UploadState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'sending'; readonly name: string; readonly fraction: number }
  | { readonly kind: 'done'; readonly name: string }
  | { readonly kind: 'failed'; readonly name: string; readonly reason: string };

function Upload({ onUploaded }: { readonly onUploaded: () => void }) {
  const [state, setState] = useState<UploadState>({ kind: 'idle' });
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const sending = state.kind === 'sending';

  async function send(file: File | undefined): Promise<void> {
    if (!file || sending) return;
    const { name } = file;
    if (file.size > MAX_BYTES) {
      setState({ kind: 'failed', name, reason: 'The file is larger than 100 MB.' });
      return;
    }
    setState({ kind: 'sending', name, fraction: 0 });
    try {
      await uploadDataset(file, (fraction) => setState({ kind: 'sending', name, fraction }));
      setState({ kind: 'done', name });
      onUploaded();
    } catch (error) {
      setState({ kind: 'failed', name, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  function drop(event: DragEvent): void {
    event.preventDefault();
    setOver(false);
    void send(event.dataTransfer.files[0]);
  }

  return (
    <section
      className={over ? 'drop drop-over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <input
        ref={input}
        type="file"
        accept=".csv,text/csv"
        hidden
        onChange={(event) => {
          void send(event.target.files?.[0]);
          event.target.value = '';
        }}
      />
      <p>
        <strong>Drop a CSV file here</strong>
        <br />
        its first line names the columns
      </p>
      <button type="button" className="primary" disabled={sending} onClick={() => input.current?.click()}>
        Choose a file
      </button>
      <UploadNotice state={state} />
    </section>
  );
}

function UploadNotice({ state }: { readonly state: UploadState }) {
  switch (state.kind) {
    case 'idle':
      return null;
    case 'sending':
      return (
        <p className="notice" role="status">
          <progress value={state.fraction} /> {state.name}: {formatPercent(state.fraction)}
        </p>
      );
    case 'done':
      return (
        <p className="notice notice-good" role="status">
          {state.name} is uploaded.
        </p>
      );
    case 'failed':
      return (
        <p className="notice notice-bad" role="alert">
          {state.name}: {state.reason}
        </p>
      );
  }
}

function DatasetTable({ datasets }: { readonly datasets: readonly Dataset[] }) {
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Columns</th>
            <th scope="col" className="number">
              Rows
            </th>
            <th scope="col" className="number">
              Size
            </th>
            <th scope="col">Uploaded</th>
            <th scope="col">
              <span className="hidden">Download</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {datasets.map((dataset) => (
            <tr key={dataset.id}>
              <th scope="row">{dataset.name}</th>
              <td className="clip" title={dataset.columns.join(', ')}>
                {dataset.columns.join(', ')}
              </td>
              <td className="number">{formatNumber(dataset.row_count)}</td>
              <td className="number">{formatBytes(dataset.size_bytes)}</td>
              <td>{formatDateAndTime(dataset.uploaded_at)}</td>
              <td className="number">
                <a href={downloadUrl(dataset)}>Download</a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
