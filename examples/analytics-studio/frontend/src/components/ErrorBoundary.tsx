import { Component, type ReactNode } from 'react';
import { Failure } from './States';

/** Catches a page that cannot be shown, above all one whose file went away with an older release. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <Failure
        title="This page could not be shown"
        message="A newer version may have been published since you opened it."
        action="Reload"
        onRetry={() => window.location.reload()}
      />
    );
  }
}
