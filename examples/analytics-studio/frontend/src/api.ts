/** The API as the dashboard sees it. */

export type Source = 'database' | 'cache';
export type Breakdown = 'month' | 'region' | 'category' | 'channel';

export interface SummaryRow {
  readonly label: string;
  readonly revenue: number;
  readonly orders: number;
  readonly units: number;
}

export interface Summary {
  readonly source: Source;
  readonly by: Breakdown;
  readonly rows: readonly SummaryRow[];
}

export interface CatalogueEntry {
  readonly name: string;
  readonly title: string;
  readonly dimensions: readonly string[];
  readonly measures: readonly string[];
}

export type MeasureFunction = 'sum' | 'avg' | 'min' | 'max' | 'count';

export interface QueryRequest {
  readonly dataset: string;
  readonly dimensions: readonly string[];
  readonly measures: readonly { readonly function: MeasureFunction; readonly column: string }[];
  readonly limit: number;
}

export interface QueryResult {
  readonly source: Source;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
  readonly truncated: boolean;
}

export interface Dataset {
  readonly id: string;
  readonly name: string;
  readonly size_bytes: number;
  readonly row_count: number;
  readonly columns: readonly string[];
  readonly uploaded_at: string;
  readonly download_path: string;
}

export interface Health {
  readonly version: string;
  readonly environment: string;
}

const BASE = (import.meta.env.VITE_API_URL ?? '').replace(/\/$/, '');

export const getHealth = (signal: AbortSignal): Promise<Health> => get('/api/health', signal);

export const getSummary = (by: Breakdown, signal: AbortSignal): Promise<Summary> =>
  get(`/api/summary?by=${by}`, signal);

export const getCatalogue = (signal: AbortSignal): Promise<CatalogueEntry[]> => get('/api/catalogue', signal);

export const getDatasets = (signal: AbortSignal): Promise<Dataset[]> => get('/api/datasets', signal);

export const runQuery = (query: QueryRequest, signal: AbortSignal): Promise<QueryResult> =>
  request('/api/query', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(query),
    signal,
  });

export const downloadUrl = (dataset: Dataset): string => BASE + dataset.download_path;

/** Sends the file as it is. XMLHttpRequest, because fetch does not tell how far an upload has come. */
export function uploadDataset(file: File, onProgress: (fraction: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open('POST', `${BASE}/api/datasets?name=${encodeURIComponent(file.name)}`);
    xhr.setRequestHeader('content-type', 'text/csv');
    xhr.upload.onprogress = ({ loaded, total }) => onProgress(total === 0 ? 0 : loaded / total);
    xhr.onload = () => (xhr.status === 201 ? resolve() : reject(new Error(faultIn(xhr.responseText, xhr.status))));
    xhr.onerror = () => reject(new Error('The API is not reachable.'));
    xhr.send(file);
  });
}

const get = <T>(path: string, signal: AbortSignal): Promise<T> => request<T>(path, { signal });

async function request<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(BASE + path, init).catch((error: unknown) => {
    if (init.signal?.aborted) throw error;
    throw new Error('The API is not reachable.', { cause: error });
  });
  if (!response.ok) throw new Error(faultIn(await response.text(), response.status));
  return response.json();
}

/** The API explains itself in `detail`; what stands in front of it answers in HTML. */
function faultIn(body: string, status: number): string {
  try {
    const { detail } = JSON.parse(body);
    if (typeof detail === 'string') return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`;
  } catch {
    // Not JSON: the status has to do.
  }
  return `The API answered with status ${status}.`;
}
