import { lazy, Suspense, useCallback } from 'react';
import { getHealth } from './api';
import { ErrorBoundary } from './components/ErrorBoundary';
import { Loading } from './components/States';
import { useResource } from './resource';
import { Link, usePath } from './router';

const Dashboard = lazy(() => import('./pages/Dashboard'));
const Explore = lazy(() => import('./pages/Explore'));
const Datasets = lazy(() => import('./pages/Datasets'));
const NotFound = lazy(() => import('./pages/NotFound'));

const pages = new Map([
  ['/', Dashboard],
  ['/explore', Explore],
  ['/datasets', Datasets],
]);

export function App() {
  const path = usePath();
  const Page = pages.get(path) ?? NotFound;

  return (
    <>
      <header className="bar">
        <div className="bar-inner">
          <span className="brand">
            <img src="/favicon.svg" alt="" width="28" height="28" />
            Analytics Studio
          </span>
          <nav aria-label="Pages">
            <Link to="/">Dashboard</Link>
            <Link to="/explore">Explore</Link>
            <Link to="/datasets">Datasets</Link>
          </nav>
          <ApiStatus />
        </div>
      </header>
      <main>
        <ErrorBoundary key={path}>
          <Suspense fallback={<Loading what="page" />}>
            <Page />
          </Suspense>
        </ErrorBoundary>
      </main>
    </>
  );
}

function ApiStatus() {
  const { data, error } = useResource(useCallback((signal) => getHealth(signal), []));
  if (error) return <span className="status status-off">API offline</span>;
  return <span className="status">{data ? `API ${data.version} · ${data.environment}` : 'Connecting…'}</span>;
}
