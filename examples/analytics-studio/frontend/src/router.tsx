import { useSyncExternalStore, type MouseEvent, type ReactNode } from 'react';

const NAVIGATED = 'studio:navigated';

function subscribe(onChange: () => void): () => void {
  window.addEventListener('popstate', onChange);
  window.addEventListener(NAVIGATED, onChange);
  return () => {
    window.removeEventListener('popstate', onChange);
    window.removeEventListener(NAVIGATED, onChange);
  };
}

/** The path without a trailing slash, so that `/datasets/` is `/datasets`. */
export const usePath = (): string =>
  useSyncExternalStore(subscribe, () => window.location.pathname.replace(/(.)\/+$/, '$1'));

export function Link({ to, children }: { readonly to: string; readonly children: ReactNode }) {
  const isCurrent = usePath() === to;

  function navigate(event: MouseEvent): void {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    window.history.pushState(null, '', to);
    window.dispatchEvent(new Event(NAVIGATED));
    window.scrollTo(0, 0);
  }

  return (
    <a href={to} onClick={navigate} aria-current={isCurrent ? 'page' : undefined}>
      {children}
    </a>
  );
}
