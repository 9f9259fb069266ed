import type { ReactNode } from 'react';
import type { Source } from '../api';

export function Loading({ what }: { readonly what: string }) {
  return (
    <div className="state" role="status">
      <span className="spinner" aria-hidden="true" />
      Loading {what}…
    </div>
  );
}

interface FailureProps {
  readonly title: string;
  readonly message: string;
  readonly action?: string;
  readonly onRetry: () => void;
}

export function Failure({ title, message, action = 'Try again', onRetry }: FailureProps) {
  return (
    <div className="state state-failed" role="alert">
      <strong>{title}</strong>
      <p>{message}</p>
      <button type="button" onClick={onRetry}>
        {action}
      </button>
    </div>
  );
}

export function Empty({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <div className="state">
      <strong>{title}</strong>
      <p>{children}</p>
    </div>
  );
}

/** Tells where an answer came from: the cache spares the database. */
export function SourceBadge({ source }: { readonly source: Source }) {
  return (
    <span className={`badge badge-${source}`} title={`This answer came from the ${source}`}>
      from {source}
    </span>
  );
}
